"""Units: counted by hand, against numpy, and against the classifier itself."""

import functools

import numpy as np
import pytest
import torch
from here import ROOT
from memory import peak
from torch import nn

from regard.concepts import units
from regard.core import tables
from regard.kernels import activity
from regard.models import backbones
from regard.models.receptive_field import Field

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("parts", [1, 3, 10])
def test_activity_is_that_of_all_values_sorted(parts):
    maps = torch.from_numpy(RANDOM.gamma(0.5, 1, (40, 7, 5, 6)))
    found = activity(maps.split(-(-40 // parts)), 40 * 30, share=0.05, images=8)
    ordered = np.sort(maps.transpose(0, 1).flatten(1).numpy(), axis=1)[:, ::-1]
    np.testing.assert_array_equal(found.threshold, ordered[:, int(0.05 * 1200) - 1])
    strongest = maps.flatten(2).amax(2).numpy()
    wanted = np.argsort(-strongest, axis=0, kind="stable")[:8].T
    np.testing.assert_array_equal(found.images, wanted)
    np.testing.assert_array_equal(found.largest, np.take_along_axis(strongest.T, wanted, 1))


def test_activity_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="above 0 and below 1, not 1.5"):
        activity([torch.ones(1, 2, 3, 3)], 9, share=1.5)
    with pytest.raises(ValueError, match="have 9 locations, not the 10"):
        activity([torch.ones(1, 2, 3, 3)], 10)


def test_memory_is_that_of_a_part_and_of_the_values_kept():
    """Not of all maps: the more images, the smaller the share of them that is held at once."""
    images, channels, side, share = 8, 16, 14, 0.005
    base = torch.rand(images, channels, side, side, generator=torch.Generator().manual_seed(0))
    part, held = 4 * base.numel(), {}
    for parts in (10, 100):
        locations = parts * images * side**2
        compute = functools.partial(
            activity, (base.clone() for _ in range(parts)), locations, share
        )
        held[parts], kept = peak(compute), 4 * channels * int(share * locations)
        assert held[parts] < 8 * (part + kept)
    assert held[10] > part, "the part itself is counted"
    assert held[100] < 0.15 * 100 * part


def test_a_whole_image_as_one_window_gives_the_classifiers_logits():
    for name in ("resnet18", "vgg19_bn", "densenet121"):
        model = backbones.build(name, 3, width=0.0625, seed=2)
        images = torch.from_numpy(RANDOM.normal(0, 1, (2, 3, 96, 96))).float()
        cells = tuple(model.features(images).shape[2:])
        torch.testing.assert_close(
            units.dense(model, images, cells)[:, :, 0, 0], model(images), atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(
            units.dense(model, images).mean((2, 3)), model(images), atol=1e-5, rtol=1e-4
        )


def test_a_window_gives_the_logits_of_the_matched_crop():
    """Where no layer pads, a window of a whole image is the classifier on that crop, wherever it
    lies.
    """
    torch.manual_seed(0)
    features = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    model = nn.Sequential()
    for name, module in {
        "features": features,
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "head": nn.Linear(16, 3),
    }.items():
        model.add_module(name, module)
    image = torch.randn(1, 3, 62, 70)
    cells = tuple(model.features(image[..., :30, :30]).shape[2:])
    found = units.dense(model.eval(), image, cells)
    for row, column in [(0, 0), (1, 2), (found.shape[2] - 1, found.shape[3] - 1)]:
        crop = image[..., 4 * row : 4 * row + 30, 4 * column : 4 * column + 30]
        torch.testing.assert_close(found[..., row, column], model(crop), atol=1e-5, rtol=1e-4)


def test_influences_of_the_mean_add_up_to_the_logit():
    model = backbones.build("resnet18", 2, width=0.0625)
    images = torch.from_numpy(RANDOM.normal(0, 1, (3, 3, 64, 64))).float()
    maps = model.features(images)
    found = units.influence(maps, model.head.weight[1], "mean").sum(1) + model.head.bias[1]
    torch.testing.assert_close(found, model(images)[:, 1], atol=1e-5, rtol=1e-4)
    assert (
        units.influence(maps, torch.ones(32), "max")
        >= units.influence(maps, torch.ones(32), "mean")
    ).all()
    with pytest.raises(ValueError, match="need a weight for each unit"):
        units.influence(maps, model.head.weight)
    with pytest.raises(ValueError, match="unknown amount 'sum'"):
        units.influence(maps, model.head.weight[1], "sum")


def test_ranking_by_hand():
    """Two of four units on each of three images: unit 2 three times, 0 twice, 3 once, 1 never."""
    influences = torch.tensor([[3.0, 0, 2, 1], [1, -1, 5, 0], [0, 0.5, 2, 2]])
    influences[2, 1] = -3
    table = units.ranking(influences, 2)
    assert table["unit"].tolist() == [2, 0, 3] and table["images"].tolist() == [3, 2, 1]
    assert (
        units.coverage(influences, {2}, 2) == 0.5 and units.coverage(influences, {0, 2, 3}, 2) == 1
    )


def test_masks_of_both_rules():
    """Locations of one pixel each: a map is its own enlargement."""
    maps, field = torch.zeros(2, 4, 4), Field(1.0, 0.0)
    maps[:, 1, 1] = torch.tensor([1.0, 0.3])
    found = units.published_masks(maps, torch.tensor([1.0, 1.0]), 4, field)
    assert found[0].sum() == 1 and found[1].sum() == 1
    assert units.published_masks(maps, torch.tensor([1.0, 2.0]), 4, field)[1].sum() == 0
    assert units.dissection_masks(maps, torch.tensor([0.5, 0.5]), 4, field).sum(
        (1, 2)
    ).tolist() == [1, 0]


def test_masks_lie_where_the_locations_look():
    """Locations eight pixels apart, the first of which looks at pixel 0: the mask is about pixel
    16, and not about the middle of the third eighth, pixel 19.5, where a map enlarged by its
    corners would put it."""
    maps = torch.zeros(1, 5, 5)
    maps[0, 2, 2] = 1.0
    mask = units.published_masks(maps, torch.ones(1), 40, Field(8.0, 0.0), 0.9)[0]
    rows, columns = torch.where(mask)
    assert rows.double().mean() == columns.double().mean() == 16


def test_units_that_are_removed_take_their_share():
    model = backbones.build("resnet18", 2, width=0.0625)
    maps = model.features(torch.from_numpy(RANDOM.normal(0, 1, (3, 3, 64, 64))).float())
    towards = torch.tensor([-1.0, 1.0])
    wanted = units.influence(maps, model.head.weight[1] - model.head.weight[0], "mean")[
        :, [3, 5]
    ].sum(1)
    torch.testing.assert_close(
        units.removed(model, maps, [3, 5], towards), wanted.double(), atol=1e-6, rtol=1e-4
    )


def test_units_as_active_are_others_and_near():
    means = torch.linspace(0, 1, 101)
    found = units.alike(means, [50, 51], seed=0)
    assert not set(found) & {50, 51} and len(set(found)) == 2
    assert all(abs(float(means[one] - means[50])) < 0.1 for one in found) and found == units.alike(
        means, [50, 51], seed=0
    )
    with pytest.raises(ValueError, match="3 units leave 1 to stand beside 2"):
        units.alike(means[:3], [0, 1], 0)


@pytest.mark.parametrize("text", [588, "588", "0588", "unit_588", "unit_0588", " unit_0588 "])
def test_a_unit_is_the_same_however_it_is_written(text):
    assert units.number(text) == 588 and units.name(units.number(text)) == "unit_0588"


def test_the_published_lookup_loses_our_own_labels():
    """Of the mammography study, as they ship with the explorers: all units are below 1000, so it
    would lose every label; ours come back from the file.
    """
    table = tables.read(ROOT / "notebooks/explore/sample/mammography/units/labels.csv")
    labelled = table[table["label"].notna()]
    kept = dict(zip(labelled["name"], labelled["label"]))
    assert len(kept) and not [unit for unit in labelled["unit"] if "unit_" + str(unit) in kept]
    again = {units.number(name): label for name, label in kept.items()}
    assert again == dict(zip(labelled["unit"], labelled["label"]))


def test_every_unit_comes_back_and_the_published_loss_is_seen():
    """Labels kept under padded names, looked up without padding: every unit below 1000 is lost, and
    none with `number`.
    """
    known = {units.name(unit): f"label {unit}" for unit in range(0, 2048, 31)}
    assert [units.number(key) for key in known] == list(range(0, 2048, 31)) and sorted(
        known
    ) == list(known)
    published = {unit: known.get("unit_" + str(unit)) for unit in range(0, 2048, 31)}
    assert {unit for unit, label in published.items() if label is None} == set(range(0, 1000, 31))
    typed = {units.number(key): label for key, label in known.items()}
    assert all(typed[unit] == f"label {unit}" for unit in range(0, 2048, 31))
    for wrong in ("unit", "unit_-1", "unit_5.0", ""):
        with pytest.raises(ValueError, match="is no unit"):
            units.number(wrong)
