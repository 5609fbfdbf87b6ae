"""Scores of the maps and selected regions of one case, by hand."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from small_scores import NAMES, NAN, PREDICTIONS, UNION, column, one, table

from regard.data import reference_regions
from regard.data.letterbox import letterbox
from regard.evaluation import localisation, summary

MASS = np.zeros((40, 80), bool)


MASS[14:20, 36:46] = True


PARTS = reference_regions.around_mass(MASS)


PLACES = {
    "mass": (16, 40),
    "peritumoral": (21, 40),
    "below": (24, 40),
    "above": (8, 40),
    "other": (35, 5),
}


def impulse(place, box):
    """A map on the square with one pixel set, the one over the image's pixel `place`."""
    maps = torch.zeros(1, box.size, box.size)
    row, column = [
        int((at + 0.5) * inner / side) for at, inner, side in zip(place, box[3:5], box[:2])
    ]
    maps[0, box.top + row, box.left + column] = 1
    return maps


def hits(scores):
    return scores[scores["score"] == "pointing"].set_index(["method", "region"])["value"]


@pytest.mark.parametrize("size", [40, 80, 160])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", PLACES)
def test_an_impulse_lands_in_its_region(name, turned, size):
    """On a letterboxed image, wide or tall, at half, the same and twice the annotation's grid."""
    parts = {part: region.T if turned else region for part, region in PARTS.items()}
    place = PLACES[name][::-1] if turned else PLACES[name]
    box = letterbox(*parts["mass"].shape, size)
    assert parts[name][place] and (box.top, box.left) == (
        (0, size // 4) if turned else (size // 4, 0)
    )
    found = hits(localisation.score_maps(impulse(place, box), ["cam"], parts, NAMES, box, [0]))[
        "cam"
    ]
    assert found.to_dict() == {
        part: float(part == name) for part in reference_regions.AROUND_MASS
    } | {UNION: float(name in ("mass", "peritumoral", "below"))}


def test_each_map_has_the_row_of_its_name():
    box = letterbox(40, 80, 80)
    maps = torch.cat([impulse(place, box) for place in PLACES.values()])
    found = (
        hits(localisation.score_maps(maps, list(PLACES), PARTS, NAMES, box, [0]))
        .unstack()[list(PLACES)]
        .loc[list(PLACES)]
    )
    np.testing.assert_array_equal(found, np.eye(5))


@pytest.mark.parametrize(
    "shape, inside", [((56, 112), 7), ((112, 224), 15), ((224, 112), 15), ((448, 224), 30)]
)
def test_tolerance_is_in_pixels_of_an_input_224_wide(shape, inside):
    """15 of 224 pixels of the longer side, whatever the square's size, and not one more; 7.5 of 112
    reach 7.
    """
    mass = np.zeros(shape, bool)
    mass[20, 5] = True
    parts = {
        name: mass if name == "mass" else np.zeros_like(mass)
        for name in reference_regions.AROUND_MASS
    }
    box = letterbox(*shape, 448)
    maps = torch.cat([impulse((20, 5 + inside + more), box) for more in (0, 1)])
    found = localisation.score_maps(maps, ["in", "out"], parts, NAMES, box, [0, 15])
    hit = found[(found["score"] == "pointing") & (found["region"] == "mass")].set_index(
        ["setting", "method"]
    )["value"]
    assert hit.to_dict() == {
        ("tolerance=0/224", "in"): 0,
        ("tolerance=0/224", "out"): 0,
        ("tolerance=15/224", "in"): 1,
        ("tolerance=15/224", "out"): 0,
    }


def test_chance_is_the_hit_rate_of_every_pixel_in_turn():
    """At both tolerances; disjoint regions that cover the image sum to one without tolerance, to
    more with it.
    """
    parts = {name: region[::2, ::2] for name, region in PARTS.items()}
    box = letterbox(20, 40, 40)
    maps = torch.cat([impulse(place, box) for place in np.ndindex(20, 40)])
    found = localisation.score_maps(
        maps, [str(place) for place in range(800)], parts, NAMES, box, [0, 12]
    )
    found = found[found["score"].isin(["pointing", "pointing-chance"])]
    means = (
        found.groupby(["setting", "region", "score"])["value"].agg(["mean", "nunique"]).unstack()
    )
    np.testing.assert_allclose(
        means["mean"]["pointing"], means["mean"]["pointing-chance"], rtol=1e-12
    )
    assert (means["nunique"]["pointing-chance"] == 1).all(), "chance knows no map"
    sums = (
        means["mean"]["pointing-chance"].unstack()[list(reference_regions.AROUND_MASS)].sum(axis=1)
    )
    assert sums["tolerance=0/224"] == pytest.approx(1) and sums["tolerance=12/224"] > 1.05


def test_a_case_that_is_not_annotated_is_undefined_throughout():
    box = letterbox(40, 80, 80)
    found = localisation.score_maps(
        impulse((3, 3), box).repeat(2, 1, 1), ["a", "b"], {}, NAMES, box, [0, 15]
    )
    assert len(found) == 3 * (2 + 1) * 6 and found["value"].isna().all()
    selected = localisation.score_selections(
        impulse((3, 3), box) > 0, ["a"], None, "mass", box
    ).set_index("score")["value"]
    np.testing.assert_array_equal(
        selected[["iou", "iou-chance", "precision", "area"]], [NAN, NAN, NAN, 1 / 3200]
    )


def test_a_region_that_does_not_exist_is_undefined_and_a_broken_map_as_well():
    """A mass at the lower border has no `below`; a map with NaN has hits nowhere, and the chance
    does not mind.
    """
    parts = reference_regions.around_mass(np.roll(MASS, 20, axis=0))
    box = letterbox(40, 80, 80)
    broken = torch.full((1, 80, 80), torch.nan)
    found = localisation.score_maps(
        torch.cat([impulse((37, 40), box), broken]), ["good", "broken"], parts, NAMES, box, [0]
    )
    value = found.set_index(["method", "score", "region"])["value"].sort_index()
    np.testing.assert_array_equal(value["good", "pointing"][["mass", "below", UNION]], [1, NAN, 1])
    assert value["broken", "pointing"].isna().all()
    assert (
        np.isnan(value["", "pointing-chance", "below"])
        and value["", "pointing-chance"]["mass"] != 0
    )


@pytest.mark.parametrize("size", [40, 80])
def test_selections_by_hand(size):
    """The left half of the image, cut at column 40 through a mass of 6 x 10 with 4 columns on that
    side.
    """
    box = letterbox(40, 80, size)
    selected = torch.zeros(2, size, size, dtype=torch.bool)
    selected[0, :, : size // 2] = True
    found = localisation.score_selections(selected, ["half", "none"], MASS, "mass", box).set_index(
        ["method", "score"]
    )["value"]
    half, share = 0.5, 60 / 3200
    assert list(found["half"][["iou", "area"]]) == pytest.approx([24 / (1600 + 36), 0.5])
    assert found["half", "iou-chance"] == pytest.approx(
        half * share / (half + share - half * share)
    )
    assert list(found["none"][["iou", "iou-chance", "area"]]) == [0, 0, 0]


def test_all_scores_of_one_explanation():
    """A map with its maximum in the mass; its region by two settings; the other finding lies where
    the map has nothing.
    """
    box, other = letterbox(40, 80, 80), np.roll(MASS, 20, axis=1)
    heat = torch.zeros(80, 80)
    heat[20:60, :] = from_pixels(MASS)
    maps = xr.Dataset({"cam": (("map", "y", "x"), heat[None].numpy())}, {"map": ["a nodule"]})
    chosen = torch.stack([heat > 0, heat > 9])[:, None].numpy()
    said = {
        "otsu": {"method": "otsu", "parameters": {}},
        "otsu k=2": {"method": "otsu", "parameters": {"k": 2}},
    }
    selected = xr.Dataset(
        {"cam": (("selection", "map", "y", "x"), chosen)},
        {"map": ["a nodule"], "selection": list(said)},
        {"variants": json.dumps(said)},
    )
    scored = {"parts": ["finding", "other"], "others": ["effusion"], "expert": "finding"}
    regions_of = {"finding": MASS, "other": ~MASS, "effusion": other}
    found = localisation.score_explanation(
        maps, [selected], "a", "nodule", regions_of, scored, box, [0, "5 mm"], 0.5
    )
    value = (
        found.astype(object)
        .fillna("")
        .set_index(["method", "selection", "setting", "region", "score"])["value"]
    )
    assert (
        value["cam", "", "tolerance=0/224", "finding", "pointing"] == 1
        and value["cam", "", "", "finding", "mass"] == 1
    )
    assert value["cam", "", "tolerance=5 mm", "other", "pointing"] == 1, (
        "ten pixels from the middle of the mass is outside it"
    )
    assert (
        value["cam", "", "tolerance=0/224", "effusion", "pointing"] == 0
        and value["cam", "", "", "effusion", "mass"] == 0
    )
    assert (
        value["cam", "", "", "finding", "auprc"] == 1
        and ("cam", "", "", "other", "auprc") not in value
    )
    assert ("cam", "", "tolerance=5 mm", "effusion", "pointing") not in value
    assert (
        value["cam", "otsu", "", "finding", "iou"] == 1
        and value["cam", "otsu", "k=2", "finding", "iou"] == 0
    )
    assert value["cam", "otsu", "", "", "area"] == pytest.approx(MASS.mean())
    assert value["", "", "tolerance=0/224", "finding", "pointing-chance"] == pytest.approx(
        MASS.mean()
    )


def from_pixels(mask):
    """A mask of 40 x 80 as the middle of a square of 80."""
    return torch.from_numpy(mask).float()


def test_tolerances_in_millimetres_need_the_pixel_size():
    box = letterbox(40, 80, 80)
    assert localisation.tolerance_in_pixels(15, box, None) == pytest.approx(15 / 224 * 80)
    assert localisation.tolerance_in_pixels("5 mm", box, 0.5) == 10 and np.isnan(
        localisation.tolerance_in_pixels("5 mm", box, None)
    )
    for wrong in ("5", "mm", "-1 mm", "5 cm", "inf mm"):
        with pytest.raises(ValueError, match="tolerance"):
            localisation.tolerance_in_pixels(wrong, box, 0.5)
    found = localisation.score_maps(impulse((16, 40), box), ["cam"], PARTS, ["mass"], box, ["5 mm"])
    assert found.loc[found["score"].str.startswith("pointing"), "value"].isna().all(), (
        "without it the score is undefined"
    )


def test_people_agree_by_hand():
    """Two readers share two of four pixels each: IoU 1/3, Dice, precision and recall 1/2. A third
    who drew nothing is no reference, and as a region has IoU 0 with both."""
    mine, hers, none = np.zeros((3, 4, 4), bool)
    mine[0], hers[0, :2], hers[1, :2] = True, True, True
    pair = localisation.score_readers([mine, hers], "mass").set_index("score")["value"]
    assert pair.to_dict() == pytest.approx(
        {"iou": 1 / 3, "dice": 1 / 2, "precision": 1 / 2, "recall": 1 / 2}
    )
    three = localisation.score_readers([mine, hers, none], "mass").set_index("score")["value"]
    assert three["iou"] == pytest.approx((1 / 3 + 1 / 3 + 0 + 0) / 4) and three[
        "precision"
    ] == pytest.approx(1 / 2)
    assert localisation.score_readers([none, none], "mass")["value"].isna().all()
    drawn = {
        "mass": mine,
        "mass-1": mine,
        "mass-2": hers,
        "mass-like": none,
        "submass-1": none,
        "other": ~mine,
    }
    assert len(reference_regions.readers(drawn, "mass")) == 2 and list(
        reference_regions.other_findings(drawn, "nodule")
    ) == [
        "mass",
        "mass-like",
    ]
    people = (
        localisation.score_readers([mine, hers], "mass").assign(selection="").to_dict("records")
    )
    scores = pd.concat(
        [table()]
        + [
            column([row["value"]] * 4, row["score"], method=row["method"], selection="", setting="")
            for row in people
        ]
    )
    row = one(
        summary.summarise(scores, PREDICTIONS, 100, "q"),
        method=localisation.HUMAN,
        score="iou",
        stratum="all",
    )
    assert row["mean"] == pytest.approx(1 / 3) and row["n_cases"] == 4 and row["empty_rule"] == ""


def test_places_are_shares_of_their_own_image():
    """The maximum in the upper left quarter of a wide image lies there in a tall one as well."""
    box = letterbox(40, 80, 80)
    place = localisation.place_of_maximum(impulse((10, 20), box)[0].numpy(), box)
    assert place == pytest.approx((10.5 / 40, 20.5 / 80))
    corner = np.zeros((90, 30), bool)
    corner[:45, :15] = True
    np.testing.assert_array_equal(
        localisation.crossed([place, (0.9, 0.1)], [corner, ~corner]), [[True, False], [False, True]]
    )
    assert localisation.crossed([], []).shape == (0, 0)


@pytest.mark.parametrize(
    "parameters, text",
    [
        ({}, ""),
        ({"quantile": 0.2}, "quantile=0.2"),
        ({"b": None, "a": 1, "c": "x"}, 'a=1;b=null;c="x"'),
    ],
)
def test_setting(parameters, text):
    assert localisation.setting(parameters) == text
