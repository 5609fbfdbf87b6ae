"""Training: it learns, repeats itself, freezes what it should; thresholds and metrics by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_cases

from regard.models import backbones, training
from regard.models.performance import auroc, called

CLASSES = ["benign", "malignant"]
SETTINGS = dict(
    classes=CLASSES, epochs=12, learning_rate=3e-3, weight_decay=0.01, batch=4, patience=12, seed=1
)


@pytest.fixture(scope="module")
def data():
    found = make_cases(patients=24, views=2, size=(32, 32))
    images = torch.from_numpy(np.stack(list(found.images)))
    labels = torch.tensor([["benign", "malignant"].index(label) for label in found.table["label"]])
    return images, labels, found.split(0).to_numpy()


def trained(data, **changes):
    model = backbones.build("vgg19_bn", 2, width=0.0625, seed=0)
    history = training.fit(model, *data, frozen=changes.pop("frozen", False), **SETTINGS | changes)
    return model, history


def test_it_learns_and_repeats_itself(data):
    (model, _), (again, _) = trained(data), trained(data)
    assert (
        backbones.digest(model)
        == backbones.digest(again)
        != backbones.digest(trained(data, seed=2)[0])
    )
    images, labels, split = data
    assert (
        auroc(
            labels.numpy() == 1,
            training.probabilities(training.predict(model, images), "label")[:, 1],
        )
        > 0.9
    )
    assert not model.training and all(parameter.requires_grad for parameter in model.parameters())


def test_the_epoch_with_the_lowest_tuning_loss_is_kept(data):
    model, history = trained(data)
    images, labels, split = data
    tune = torch.from_numpy(split == "tune")
    loss = torch.nn.functional.cross_entropy(
        training.predict(model, images[tune]), labels[tune]
    ).item()
    assert loss == pytest.approx(history["tune_loss"].min(), abs=1e-6)


def test_test_cases_have_no_say(data):
    images, labels, split = data
    other, flipped = images.clone(), labels.clone()
    other[split == "test"], flipped[split == "test"] = 0, 1 - flipped[split == "test"]
    assert backbones.digest(trained(data)[0]) == backbones.digest(
        trained((other, flipped, split))[0]
    )


def test_frozen_changes_the_head_alone(data):
    before = backbones.build("vgg19_bn", 2, width=0.0625, seed=0).state_dict()
    after = trained(data, frozen=True)[0].state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"head.weight", "head.bias"}


def test_stops_without_improvement(data):
    _, history = trained(
        data, learning_rate=0.0, weight_decay=0.0, frozen=True, epochs=6, patience=2
    )
    assert len(history) == 3


@pytest.mark.parametrize(
    "labels, scores, wanted",
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], 0.4),
        ([0, 1, 0, 1], [0.1, 0.3, 0.5, 0.9], 0.7),
        ([1, 1, 0], [0.2, 0.3, 0.9], None),
    ],
)
def test_youden_threshold_by_hand(labels, scores, wanted):
    """The cut lies midway between the scores on either side of it; for a reversed ranking any cut
    is as bad.
    """
    labels, scores = np.array(labels), np.array(scores)
    found = training.youden_threshold(labels, scores)

    def youden(cut):
        return (scores[labels == 1] >= cut).mean() - (scores[labels == 0] >= cut).mean()

    assert wanted is None or found == pytest.approx(wanted)
    assert youden(found) == pytest.approx(max(youden(cut) for cut in [*scores, 1.0]))


def findings(data, blank=0.3):
    """The same images with two findings: the label, and its opposite; some values unknown."""
    images, labels, split = data
    values = torch.stack([labels, 1 - labels], 1).float()
    values[torch.rand(values.shape, generator=torch.Generator().manual_seed(0)) < blank] = torch.nan
    return images, values, split


def test_several_findings_are_learned_from_what_is_known(data):
    model, history = trained(findings(data))
    probabilities = training.probabilities(training.predict(model, data[0]), "findings")
    for place, positive in enumerate([data[1] == 1, data[1] == 0]):
        assert auroc(positive.numpy(), probabilities[:, place]) > 0.9
    assert history["tune_auroc"].max() > 0.9 and not np.allclose(probabilities.sum(1), 1)


@pytest.mark.parametrize("blank", ["ignore", "zeros", "ones"])
def test_what_an_unknown_finding_counts_as(data, blank):
    """Filling by hand in the training rows gives the same network; what is unknown has no say when
    ignored.
    """
    images, values, split = findings(data)
    found = backbones.digest(trained((images, values, split), blank=blank, epochs=2)[0])
    by_hand = values.clone()
    train = torch.from_numpy(split == "train")[:, None] & values.isnan()
    by_hand[train] = {"ignore": torch.nan, "zeros": 0.0, "ones": 1.0}[blank]
    assert found == backbones.digest(trained((images, by_hand, split), epochs=2)[0])


def test_an_image_of_which_nothing_is_known_changes_nothing(data):
    images, values, split = findings(data)
    row = int(np.flatnonzero(split == "train")[0])
    values[row] = torch.nan
    other = images.clone()
    other[row] = 255 - other[row]
    found = [
        backbones.digest(trained((pictures, values, split), epochs=2)[0])
        for pictures in (images, other)
    ]
    assert found[0] == found[1]


def test_losses_by_hand():
    logits = torch.tensor([[0.0, 2.0], [1.0, -1.0]])
    wanted = np.log(1 + np.exp(-2.0))
    assert training.loss(
        logits, torch.tensor([[torch.nan, 1.0], [torch.nan] * 2])
    ).item() == pytest.approx(wanted)
    assert training.loss(logits, torch.tensor([1, -1])).item() == pytest.approx(wanted)
    for nothing in (torch.tensor([-1, -1]), torch.full((2, 2), torch.nan)):
        assert training.loss(logits, nothing).item() == 0
    weights = training.balancing(torch.tensor([0, 0, 0, 1, -1]), ["a", "b"])
    assert weights.tolist() == pytest.approx([4 / 6, 2.0])
    values = torch.tensor([[1.0], [0.0], [0.0], [torch.nan]])
    assert training.balancing(values, ["a"]).tolist() == [2.0]
    for every, message in [(torch.zeros(3, 1), "with 'a'"), (torch.ones(3, 1), "without 'a'")]:
        with pytest.raises(ValueError, match=f"no training case is {message}"):
            training.balancing(every, ["a"])
    with pytest.raises(ValueError, match="no training case is labelled 'b'"):
        training.balancing(torch.tensor([0, 0]), ["a", "b"])


def test_targets_are_read_from_the_table():
    table = pd.DataFrame({"label": ["b", "a", "?"], "x": ["1", "0", ""], "y": ["", "1", "0"]})
    assert training.targets(table, ["a", "b"], "label").tolist() == [1, 0, -1]
    wanted = [[1, np.nan], [0, 1], [np.nan, 0]]
    np.testing.assert_array_equal(training.targets(table, ["x", "y"], "findings").numpy(), wanted)


def test_thresholds_are_of_the_known_cases():
    scores = np.array([[0.1, 0.9], [0.2, 0.8], [0.6, 0.3], [0.9, 0.1]])
    values = torch.tensor([[0.0, 1.0], [0.0, torch.nan], [1.0, 0.0], [1.0, 0.0]])
    assert training.thresholds(values, scores, CLASSES, "findings").tolist() == pytest.approx(
        [0.4, 0.6]
    )
    assert training.thresholds(
        torch.tensor([1, 1, 0, 0]), scores, CLASSES, "label"
    ).tolist() == pytest.approx([0.55])
    assert (
        training.thresholds(
            torch.tensor([0, 1, 2, 2]), np.eye(3)[[0, 1, 2, 2]], list("abc"), "label"
        )
        is None
    )
    with pytest.raises(ValueError, match="'malignant' has no threshold"):
        training.thresholds(torch.tensor([[1.0, 1], [0, 1]]), scores[:2], CLASSES, "findings")


@pytest.mark.parametrize("option", [{"blank": "maybe"}, {"class_weights": "heavy"}])
def test_unknown_options_are_named(data, option):
    with pytest.raises(ValueError, match=next(iter(option.values()))):
        trained(data, **option)


def test_a_line_per_epoch_under_dvc(data, monkeypatch, capsys):
    monkeypatch.setenv("REGARD_STAGE", "1")
    trained(data, epochs=2, report=training.reporter("transfer", 2))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("transfer: epoch 2 of at most 2, training loss ")


@pytest.mark.parametrize("kind", ["label", "findings"])
def test_out_of_fold_predictions_are_of_networks_that_saw_no_image_of_the_patient(
    data, monkeypatch, kind
):
    """Each case is held out once, with all of its patient's, and its threshold is that of its own
    network.
    """
    images, labels, _ = data
    patients = np.arange(len(images)) // 2
    targets = labels if kind == "label" else torch.stack([labels, 1 - labels], dim=1).float()
    splits, cuts = [], iter(np.linspace(0.1, 0.9, 4))
    monkeypatch.setattr(
        training, "fit", lambda model, images, targets, split, **_: splits.append(split)
    )
    monkeypatch.setattr(
        training, "thresholds", lambda *_: np.full(1 if kind == "label" else 2, next(cuts))
    )

    def build():
        return backbones.build("vgg19_bn", 2, width=0.0625, seed=len(splits))

    found, cut = training.out_of_fold(
        build, images, targets, patients, 4, kind, classes=CLASSES, seed=0
    )
    held = np.array([split == "test" for split in splits])
    assert (held.sum(axis=0) == 1).all() and len(splits) == 4
    for number, split in enumerate(splits):
        assert set(split) == {"train", "tune", "test"}
        assert not set(patients[split == "test"]) & set(patients[split != "test"])
        assert not set(patients[split == "train"]) & set(patients[split == "tune"])
        model = backbones.build("vgg19_bn", 2, width=0.0625, seed=number)
        wanted = training.probabilities(training.predict(model, images[split == "test"]), kind)
        np.testing.assert_allclose(found[split == "test"], wanted, rtol=1e-5)
    assert (
        cut.shape == ((1, len(images)) if kind == "label" else (len(images), 2))
        and len(np.unique(cut)) == 4
    )
    assert called(found, cut, kind).shape == (
        (len(images),) if kind == "label" else (len(images), 2)
    )
    with pytest.raises(ValueError, match="two folds"):
        training.out_of_fold(build, images, targets, patients, 1, kind, classes=CLASSES, seed=0)
