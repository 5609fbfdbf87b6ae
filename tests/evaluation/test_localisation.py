"""Thresholds tuned on other cases, and regions built otherwise."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from regard.core import arrays
from regard.data import letterbox, reference_regions
from regard.evaluation import localisation

BOX = letterbox.letterbox(10, 10, 10)


def test_the_threshold_is_the_one_of_the_best_mean_overlap():
    """Two maps that fall off by columns: at half of the maximum they select what the experts drew,
    or one column more.
    """
    ramp = torch.arange(1.0, 11).expand(2, 10, 10)
    experts = [
        np.broadcast_to(np.arange(1, 11) >= 5, (10, 10)),
        np.broadcast_to(np.arange(1, 11) >= 6, (10, 10)),
    ]
    share, means = localisation.tuned_share(ramp, experts, [BOX, BOX], [0.25, 0.5, 0.75, 1.0])
    assert share == 0.5
    assert means == pytest.approx(
        [(6 / 8 + 5 / 8) / 2, (1 + 5 / 6) / 2, (3 / 6 + 3 / 5) / 2, (1 / 6 + 1 / 5) / 2]
    )


def test_a_threshold_knows_no_units_and_an_empty_selection_counts_as_nothing():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(5, 10, 10, generator=generator)
    experts = [np.asarray(torch.rand(10, 10, generator=generator) > 0.6) for _ in range(5)]
    wanted = localisation.tuned_share(maps, experts, [BOX] * 5, [0.2, 0.4, 0.6])
    assert localisation.tuned_share(7 * maps, experts, [BOX] * 5, [0.2, 0.4, 0.6])[0] == wanted[0]
    nothing = torch.cat([maps, -maps[:1].abs()])
    halved = localisation.tuned_share(nothing, [*experts, experts[0]], [BOX] * 6, [0.2, 0.4, 0.6])
    assert halved[1] == pytest.approx([mean * 5 / 6 for mean in wanted[1]])


def test_a_map_that_meets_no_region_has_no_threshold_and_the_lowest_of_equal_ones_is_taken():
    experts = [np.eye(10, dtype=bool)]
    share, means = localisation.tuned_share(torch.zeros(1, 10, 10), experts, [BOX], [0.1, 0.9])
    assert np.isnan(share) and np.isnan(means).all()
    nowhere = torch.where(torch.eye(10) > 0, 0.0, 1.0)[None]
    share, means = localisation.tuned_share(nowhere, experts, [BOX], [0.1, 0.9])
    assert np.isnan(share) and means == [0, 0]
    both = torch.cat([torch.zeros(1, 10, 10), nowhere.roll(0)])
    assert localisation.tuned_share(both, experts * 2, [BOX] * 2, [0.1])[1] == [0], (
        "a map of zeros is left out"
    )
    steps = torch.where(torch.eye(10) > 0, 1.0, 0.05)[None]
    assert localisation.tuned_share(steps, experts, [BOX], [0.01, 0.3, 0.6])[0] == 0.3


def test_regions_built_otherwise_change_one_knob_at_a_time():
    knobs = {"ring_mm": 5.0, "ring_radius": 0.25, "ring_image": 0.03, "below_height": 1.0}
    found = localisation.around(knobs, {"ring": [2.0], "below_height": [0.5]})
    assert found["as declared"] == knobs
    assert found["ring x 2.0"] == {
        "ring_mm": 10.0,
        "ring_radius": 0.5,
        "ring_image": 0.06,
        "below_height": 1.0,
    }
    assert found["below_height 0.5"] == knobs | {"below_height": 0.5}
    mask = np.zeros((60, 60), bool)
    mask[20:30, 20:40] = True
    built = {
        label: reference_regions.around_mass(mask, 1.0, **changed)
        for label, changed in found.items()
    }
    assert built["ring x 2.0"]["peritumoral"].sum() > built["as declared"]["peritumoral"].sum()
    assert built["below_height 0.5"]["below"].sum() < built["as declared"]["below"].sum()
    with pytest.raises(ValueError, match="compare.around has no 'depth'"):
        localisation.around(knobs, {"depth": [1]})


def test_maxima_in_regions_built_around_a_mass():
    """A mass of 10 x 20 pixels of 1 mm in 60 x 60: a maximum 7 mm beside it lies in a ring of 10
    mm, not in one of 5 mm.
    """
    mask = np.zeros((60, 60), bool)
    mask[20:30, 20:40] = True
    within, beside = (25.5 / 60, 30.5 / 60), (25.5 / 60, 46.5 / 60)
    knobs = {"ring_radius": 0.25, "ring_image": 0.03, "below_height": 1.0}
    narrow = localisation.hits_around(
        [mask, None], [1.0, 1.0], [[within, beside]] * 2, "mass+peritumoral", ring_mm=5.0, **knobs
    )
    wide = localisation.hits_around(
        [mask, None], [1.0, 1.0], [[within, beside]] * 2, "mass+peritumoral", ring_mm=10.0, **knobs
    )
    assert narrow[0, :2].tolist() == [1, 0] and wide[0, :2].tolist() == [1, 1]
    assert 200 / 3600 < narrow[0, 2] < wide[0, 2] < 1 and np.isnan(narrow[1]).all()


def test_no_score_of_a_map_of_zeros_is_defined():
    """Neither of the map nor of what a rule selects of it (nothing, which elsewhere is an IoU of
    0); padding does not count as the map.
    """
    box = letterbox.letterbox(6, 10, 10)
    silent, pointed = np.zeros((10, 10), np.float32), np.zeros((10, 10), np.float32)
    silent[0] = 5.0  # in the padding
    pointed[5, 5] = 1.0
    index = [arrays.key("a", "x")]
    heats = {"silent": silent, "pointed": pointed, "negative": -np.ones((10, 10), np.float32)}
    maps = xr.Dataset(
        {name: (("map", "y", "x"), heat[None]) for name, heat in heats.items()}, {"map": index}
    )
    chosen = {
        name: (("selection", "map", "y", "x"), (heat > 0)[None, None])
        for name, heat in heats.items()
    }
    selected = xr.Dataset(
        chosen, {"map": index}, {"variants": json.dumps({"otsu": {"parameters": {}}})}
    )
    expert = np.zeros((6, 10), bool)
    expert[3, 5] = True
    scored = {"parts": ["mass"], "others": [], "expert": "mass"}
    found = localisation.score_explanation(
        maps, [selected], "a", "x", {"mass": expert}, scored, box, [0]
    )
    own = found[found["method"] != ""].set_index(["method", "score"])["value"]
    assert own["silent"].isna().all() and {
        "pointing",
        "mass",
        "rank",
        "iou",
        "area",
        "covers",
    } <= set(own["silent"].index)
    assert own["pointed", "pointing"] == own["pointed", "iou"] == 1
    assert (
        own["negative", "iou"] == 0
        and own["negative", "area"] == 0
        and np.isnan(own["negative", "mass"])
    )


def test_a_map_without_a_maximum_hits_no_region_and_misses_none():
    mask = np.zeros((60, 60), bool)
    mask[20:30, 20:40] = True
    knobs = {"ring_mm": 5.0, "ring_radius": 0.25, "ring_image": 0.03, "below_height": 1.0}
    place = localisation.place_of_maximum(
        np.zeros((60, 60), np.float32), letterbox.letterbox(60, 60, 60)
    )
    assert np.isnan(place).all()
    found = localisation.hits_around([mask], [1.0], [[place, (0.4, 0.5)]], "mass", **knobs)
    assert np.isnan(found[0, 0]) and found[0, 1] == 1 and 0 < found[0, 2] < 1
