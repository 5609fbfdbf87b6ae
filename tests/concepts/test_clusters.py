"""Clusters of activations: what is put in comes out, and what a cluster is said to add to a logit
is what it adds.
"""

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from regard.concepts import cluster_quality, clusters
from regard.models import backbones

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network():
    return backbones.build("vgg16_bn", 2, width=0.0625, pool="max", seed=1)


@pytest.fixture(scope="module")
def maps(network):
    images = torch.from_numpy(RANDOM.normal(0, 1, (6, 3, 64, 64))).float()
    return clusters.activations(network, images, batch=4)


def made(rows=400, k=4, channels=20):
    return torch.from_numpy(
        RANDOM.gamma(0.3, 1, (rows, k)) @ RANDOM.gamma(0.3, 1, (k, channels))
    ).float()


def test_activations_are_those_of_the_layer(network, maps):
    assert maps.shape == (6, 32, 4, 4) and (maps >= 0).all()
    vectors = clusters.locations(maps)
    torch.testing.assert_close(vectors[1 * 16 + 2 * 4 + 3], maps[1, :, 2, 3])
    torch.testing.assert_close(clusters.as_maps(vectors, (4, 4)), maps)
    with pytest.raises(ValueError, match="gives negative values; name one after a ReLU"):
        clusters.activations(network, torch.randn(1, 3, 64, 64), "features.40")
    with pytest.raises(ValueError, match="no layer"):
        clusters.activations(network, torch.randn(1, 3, 64, 64), "nowhere")


@pytest.mark.parametrize("name", list(clusters.DICTIONARIES))
def test_dictionaries_have_rows_of_length_one_and_repeat(name):
    values = made()
    found, again = (clusters.DICTIONARIES[name](values, 3, 5) for _ in range(2))
    assert found.rows.shape == (3, 20) and found.encode(values).shape == (400, 3)
    torch.testing.assert_close(found.rows.norm(dim=1), torch.ones(3), atol=1e-5, rtol=0)
    assert torch.equal(found.rows, again.rows)
    share = clusters.explained(values, found, found.encode(values))
    assert -0.5 < share <= 1 and (name in ("random", "k-means") or share > 0.8)


def test_each_location_has_one_nearest_row():
    found = clusters.kmeans(made(), 3)
    weights = found.encode(made())
    assert ((weights != 0).sum(dim=1) == 1).all()


def test_more_components_explain_more_and_all_of_what_there_is():
    values = made()
    shares = [
        clusters.explained(values, one, one.encode(values))
        for one in (clusters.nmf(values, k) for k in (1, 2, 4))
    ]
    assert shares == sorted(shares) and shares[-1] > 0.995
    order = torch.from_numpy(RANDOM.permutation(400))
    one = clusters.nmf(values, 4)
    torch.testing.assert_close(
        one.encode(values)[order], one.encode(values[order]), atol=1e-4, rtol=1e-3
    )


def test_matching_is_the_best_of_all():
    rows = torch.eye(4)
    mean, partner = clusters.matched(rows, rows[[2, 0, 3, 1]] * 7)
    assert mean == pytest.approx(1) and partner.tolist() == [1, 3, 0, 2]
    assert clusters.matched(rows, rows * 0)[0] == 0


def test_refits_find_the_same_rows_again():
    values = made(600)
    starts, patients = clusters.refits(values, 4, np.arange(600) // 10, 5, seed=0)
    whole = clusters.nmf(values, 4).rows
    assert starts.shape == patients.shape == (5, 4, 20)
    assert all(clusters.matched(whole, one)[0] > 0.95 for one in patients)


@pytest.mark.parametrize("pool", ["avg", "max"])
def test_a_removal_is_what_was_predicted_for_small_shares(pool):
    """The prediction is the derivative: exact for an average pool, and for a maximum as long as it
    stays where it is.
    """
    model = backbones.build("vgg16_bn", 2, width=0.0625, pool=pool, seed=1)
    images = torch.from_numpy(RANDOM.normal(0, 1, (5, 3, 64, 64))).float()
    maps = clusters.activations(model, images)
    dictionary = clusters.nmf(clusters.locations(maps), 3)
    towards = clusters.contrast(["no", "yes"], "label")
    head = (towards @ model.head.weight.detach()).float()
    small = 1e-3 * dictionary.encode(clusters.locations(maps))
    # where V is zero nothing can be taken away: predict from what can
    found = clusters.removal(model, maps + 1, small, dictionary, towards)
    wanted = clusters.predicted_removal(maps + 1, small, dictionary, head, pool)
    torch.testing.assert_close(found, wanted.double(), rtol=2e-2, atol=1e-6)


def test_outputs_are_those_of_the_network(network, maps):
    images = torch.from_numpy(RANDOM.normal(0, 1, (3, 3, 64, 64))).float()
    towards = clusters.contrast(["no", "yes"], "label")
    with torch.no_grad():
        logits = network(images)
    found = clusters.outputs(network, clusters.activations(network, images), towards)
    torch.testing.assert_close(found, (logits[:, 1] - logits[:, 0]).double(), rtol=1e-4, atol=1e-5)


def test_contrasts_by_hand():
    assert clusters.contrast(["a", "b", "c"], "label").tolist() == [-0.5, -0.5, 1]
    assert clusters.contrast(["a", "b", "c"], "label", "a").tolist() == [1, -0.5, -0.5]
    assert clusters.contrast(["a", "b"], "findings", "a").tolist() == [1, 0]
    with pytest.raises(ValueError, match="knows no 'd'; it knows a, b"):
        clusters.contrast(["a", "b"], "label", "d")


def test_adjusted_rand_is_that_of_scikit_learn():
    for classes in (1, 3):
        labels, truth = RANDOM.integers(0, 4, 500), RANDOM.integers(0, classes, 500)
        labels[:200] = truth[:200]
        assert cluster_quality.adjusted_rand(labels, truth) == pytest.approx(
            adjusted_rand_score(truth, labels)
        )


def test_pixels_of_no_class_are_not_counted_and_one_class_in_one_cluster_is_undefined():
    labels, truth = np.array([0, 0, 1, 1]), np.array([0, -1, 1, 1])
    assert cluster_quality.contingency(labels, truth, 2, 2).tolist() == [[1, 0], [0, 2]]
    assert cluster_quality.adjusted_rand(labels, truth) == 1
    assert np.isnan(cluster_quality.adjusted_rand(np.zeros(5, int), np.zeros(5, int)))
    assert np.isnan(cluster_quality.adjusted_rand(labels, np.full(4, -1)))


def test_best_iou_by_hand():
    table = np.array([[3, 1], [1, 0], [0, 5]])  # clusters by classes
    assert cluster_quality.best_iou(table) == pytest.approx([3 / 5, 5 / 6])


def test_tissue_takes_the_first_structure_and_needs_all():
    first, second = np.zeros((2, 3, 3), bool)
    first[0], second[0], second[1] = True, True, True
    found = cluster_quality.tissue({"a": first, "b": second}, ["a", "b"], (3, 3))
    assert found.tolist() == [[0] * 3, [1] * 3, [2] * 3]
    assert cluster_quality.tissue({"a": first, "b": None}, ["a", "b"], (3, 3)) is None


def test_fidelity_of_the_output_itself_is_one_and_of_its_mean_zero():
    output, patients = RANDOM.normal(0, 1, 60), np.repeat(np.arange(20), 3)
    perfect = cluster_quality.fidelity(output, output, output > 0, patients, 100, 0)
    assert [row["value"] for row in perfect] == pytest.approx([1, 1])
    nothing = cluster_quality.fidelity(
        output, np.full(60, output.mean()), output > 0, patients, 100, 0
    )
    assert [row["value"] for row in nothing] == pytest.approx([0, 0.5])


def test_coefficients_are_those_of_least_squares():
    amounts, patients = RANDOM.normal(2, 3, (40, 3)), np.arange(40)
    output = 5 + amounts @ [1.0, 0.0, -2.0]
    amounts[:, 1] = 4  # does not vary
    table, share = cluster_quality.coefficients(amounts, output, patients, 200, 0)
    spread = amounts.std(axis=0)
    assert table["coefficient"].tolist() == pytest.approx(
        [spread[0], np.nan, -2 * spread[2]], nan_ok=True
    ) and share == pytest.approx(1)
    assert (table["ci_low"] <= table["ci_high"]).sum() == 2


def test_variance_between_groups_by_hand():
    values, groups = np.array([1.0, 1, 3, 3]), np.array(list("aabb"))
    assert cluster_quality.variance_explained(values, groups) == 1
    assert cluster_quality.variance_explained(values, np.array(list("abab"))) == 0
    assert np.isnan(cluster_quality.variance_explained(np.ones(4), groups))


def test_slides_are_told_by_their_tiles():
    """Four slides of three patients; by the largest tile two of four pairs are in order, by the
    mean of three all.
    """
    output = np.array([0.9, 0.8, 0.7, 0.5, 0.4, 0.95, 0.1, 0.1, 0.3])
    slides = np.array(["a", "a", "a", "b", "b", "c", "c", "c", "d"])
    positive = np.array([True, False, False, False, True, False, False, False, False])
    patients = np.array(["1", "1", "1", "1", "1", "2", "2", "2", "3"])
    found = cluster_quality.of_slides(output, positive, slides, patients, 50, 0)
    assert (
        [row["value"] for row in found] == [0.5, 1.0]
        and found[0]["n_cases"] == 4
        and found[0]["n_patients"] == 3
    )
    with np.errstate(all="raise"):
        assert (
            cluster_quality.of_slides(output[:1], positive[:1], slides[:1], patients[:1], 50, 0)[0][
                "n_cases"
            ]
            == 1
        )
