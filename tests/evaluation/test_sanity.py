"""The cascade ends in a network that learned nothing, and similarities are those of scipy and
scikit-image.
"""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity as of_pair

from regard.attribution import attribute
from regard.attribution.nulls import reinitialised
from regard.evaluation.sanity import (
    cascade,
    noisy,
    rank_correlation,
    structural_similarity,
    unrelated,
)
from regard.models import backbones

IMAGES = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (3, 3, 48, 48)))
TARGETS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize("name", ["vgg19_bn", "resnet18", "densenet121", "squeezenet1_0"])
def test_a_cascade_goes_from_the_head_down_to_a_network_that_learned_nothing(name):
    width = {} if name.startswith("squeeze") else {"width": 0.25}
    model = backbones.build(name, 2, **width).double()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = list(cascade(model, IMAGES, TARGETS, "lrp-epsilon", levels=3, seed=4))
    assert found[0][0] == "head" and found[2][0].startswith("features") and len(found) == 3
    whole = attribute(reinitialised(model, 4), IMAGES, TARGETS, "lrp-epsilon")
    torch.testing.assert_close(found[2][1], whole)
    kept = attribute(model, IMAGES, TARGETS, "lrp-epsilon")
    assert all(not torch.allclose(maps, kept) for _, maps in found)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items()), (
        "the network is left alone"
    )


def test_a_new_head_leaves_the_features():
    """The CAM of a network with a new head is the same features, weighed by the head of one that
    learned nothing.
    """
    model = backbones.build("vgg19_bn", 2, width=0.25).double()
    (_, maps), *_ = cascade(model, IMAGES, TARGETS, "cam", levels=2, seed=3)
    with torch.no_grad():
        model.head.load_state_dict(reinitialised(model, 3).head.state_dict())
    torch.testing.assert_close(maps, attribute(model, IMAGES, TARGETS, "cam"))
    with pytest.raises(ValueError, match="two levels"):
        next(cascade(model, IMAGES, TARGETS, "cam", levels=1))


@pytest.mark.parametrize("levels", [3, 1000])
def test_rank_correlation_is_scipys(levels):
    random = np.random.default_rng(levels)
    one, other = random.integers(0, levels, (2, 6, 7, 9)).astype(float)
    other += 0.5 * one
    wanted = [
        spearmanr(first.ravel(), second.ravel()).statistic for first, second in zip(one, other)
    ]
    np.testing.assert_allclose(
        rank_correlation(torch.from_numpy(one), torch.from_numpy(other)), wanted, rtol=1e-12
    )
    assert rank_correlation(torch.ones(1, 4, 4), torch.rand(1, 4, 4)).isnan().all()


def test_structural_similarity_is_scikit_images_and_a_scale_changes_nothing():
    random = np.random.default_rng(5)
    one, other = random.normal(0, 1, (2, 4, 20, 20))
    wanted = [
        of_pair(first / np.abs(first).max(), second / np.abs(second).max(), data_range=2.0)
        for first, second in zip(one, other)
    ]
    one, other = torch.from_numpy(one), torch.from_numpy(other)
    np.testing.assert_allclose(structural_similarity(one, other), wanted, rtol=1e-9)
    np.testing.assert_allclose(structural_similarity(7 * one, other), wanted, rtol=1e-9)
    np.testing.assert_allclose(structural_similarity(one, one), 1)
    for constant in (0 * one, 0 * one + 3, one / 0):
        assert (
            structural_similarity(constant, other).isnan().all()
            and rank_correlation(constant, other).isnan().all()
        )


def test_noise_belongs_to_the_image():
    images = IMAGES.float()
    found = noisy(images, 0.1)
    assert torch.equal(found[1:], noisy(images[1:], 0.1)) and not torch.equal(
        found, noisy(images, 0.1, seed=1)
    )
    away = found - images
    assert away.std().item() == pytest.approx(0.1, rel=0.05)
    torch.testing.assert_close(away[:, 0], away[:, 1], atol=1e-5, rtol=0)


def test_unrelated_maps_are_of_different_patients():
    """Two findings of one image, two images of one patient, and one patient alone."""
    assert unrelated(["p", "p", "q", "r", "r"]) == [2, 2, 3, 0, 0]
    assert unrelated(["p", "p"]) == [None, None] and unrelated([]) == []
