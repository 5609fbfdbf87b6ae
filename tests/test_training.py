"""Training: it learns, repeats itself, freezes what it should; thresholds and metrics by hand."""

import numpy as np
import pytest
import torch
from conftest import make_cases
from sklearn.metrics import recall_score, roc_auc_score

from regard import backbones, training

SETTINGS = dict(epochs=12, learning_rate=3e-3, weight_decay=0.01, batch=4, patience=12, seed=1)


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
    (model, history), (again, _) = trained(data), trained(data)
    assert backbones.digest(model) == backbones.digest(again) != backbones.digest(trained(data, seed=2)[0])
    images, labels, split = data
    assert training.auc(labels.numpy(), training.positive(training.predict(model, images))) > 0.9
    assert not model.training and all(parameter.requires_grad for parameter in model.parameters())


def test_the_epoch_with_the_lowest_tuning_loss_is_kept(data):
    model, history = trained(data)
    images, labels, split = data
    tune = torch.from_numpy(split == "tune")
    loss = torch.nn.functional.cross_entropy(training.predict(model, images[tune]), labels[tune]).item()
    assert loss == pytest.approx(history["tune_loss"].min(), abs=1e-6)


def test_test_cases_have_no_say(data):
    images, labels, split = data
    other, flipped = images.clone(), labels.clone()
    other[split == "test"], flipped[split == "test"] = 0, 1 - flipped[split == "test"]
    assert backbones.digest(trained(data)[0]) == backbones.digest(trained((other, flipped, split))[0])


def test_frozen_changes_the_head_alone(data):
    before = backbones.build("vgg19_bn", 2, width=0.0625, seed=0).state_dict()
    after = trained(data, frozen=True)[0].state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"head.weight", "head.bias"}


def test_stops_without_improvement(data):
    _, history = trained(data, learning_rate=0.0, weight_decay=0.0, frozen=True, epochs=6, patience=2)
    assert len(history) == 3


def test_augmentation_moves_mirrors_and_repeats():
    images = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    draw = lambda seed, **limits: training.augment(images, torch.Generator().manual_seed(seed), **limits)
    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))
    still = draw(1, shift=0, zoom=0, contrast=0)
    same = lambda others: np.array([torch.allclose(one, other, atol=1e-4) for one, other in zip(still, others)])
    mirrored, kept = same(images.flip(3)), same(images)
    assert (mirrored ^ kept).all() and 10 < mirrored.sum() < 54


@pytest.mark.parametrize(
    "labels, scores, wanted",
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], 0.4),
        ([0, 1, 0, 1], [0.1, 0.3, 0.5, 0.9], 0.7),
        ([1, 1, 0], [0.2, 0.3, 0.9], None),
    ],
)
def test_youden_threshold_by_hand(labels, scores, wanted):
    """The cut lies midway between the scores on either side of it; for a reversed ranking any cut is as bad."""
    labels, scores = np.array(labels), np.array(scores)
    found = training.youden_threshold(labels, scores)
    youden = lambda cut: (scores[labels == 1] >= cut).mean() - (scores[labels == 0] >= cut).mean()
    assert wanted is None or found == pytest.approx(wanted)
    assert youden(found) == pytest.approx(max(youden(cut) for cut in [*scores, 1.0]))


def test_metrics_against_scikit_learn():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 80)
    scores = np.clip(0.3 * labels + generator.random(80) * 0.7, 0, 1)
    patients = np.repeat([f"p{index}" for index in range(40)], 2)
    table = training.metrics(labels, scores, 0.5, patients, 500, 1).set_index("metric")
    called = scores >= 0.5
    wanted = {
        "AUC": roc_auc_score(labels, scores),
        "accuracy": (called == labels).mean(),
        "sensitivity": recall_score(labels, called),
        "specificity": recall_score(1 - labels, ~called),
    }
    for name, value in wanted.items():
        assert table.loc[name, "value"] == pytest.approx(value)
        assert table.loc[name, "ci_low"] < value < table.loc[name, "ci_high"]


def test_precision_is_named():
    cpu = torch.device("cpu")
    assert training.precision(cpu, "float32") == torch.float32
    assert training.precision(cpu, "auto") in (torch.float32, torch.bfloat16)
    with pytest.raises(ValueError, match="unknown precision 'float8'"):
        training.precision(cpu, "float8")
