"""The stage `select` on made heat maps: what its functions give, and what they refuse."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from regard import selection
from regard.core import arrays
from regard.data import reference_regions
from regard.pipeline import map_sheets, select

SIZE = 32
RULES = selection.variants({"otsu": {}, "top-area": {"area": 0.1}})


@pytest.fixture
def given(tmp_path) -> select.Study:
    """Two cases whose gradient is high where the expert drew; the image fills half of the square."""
    keys = ["c0 malignant", "c1 benign"]
    heat = np.random.default_rng(0).random((2, SIZE, SIZE)).astype(np.float32) * 0.1
    heat[:, 12:18, 8:14] += 1
    maps = xr.Dataset(
        {
            "gradient": (("map", "y", "x"), heat, {"kind": "method"}),
            "ones": (("case", "y", "x"), np.ones_like(heat), {"kind": "null"}),
        },
        {"map": keys, "case": ["c0", "c1"], "subset": keys[:1]},
        {"size": SIZE},
    ).assign_coords(target=("map", ["malignant", "benign"]))
    mask = np.zeros((SIZE // 2, SIZE), bool)
    mask[4:10, 8:14] = True
    for case in ("c0", "c1"):
        reference_regions.write({"expert": mask}, tmp_path / "outlines", case)
    table = pd.DataFrame({"height": SIZE // 2, "width": SIZE}, index=["c0", "c1"])
    tuning = maps[["gradient"]]
    return select.Study(maps, tuning, table, tmp_path / "outlines", torch.device("cpu"))


def test_regions_hold_no_padding_and_ones_selects_the_image(given):
    found = select.regions(given.maps, ["gradient", "ones"], RULES, given)
    assert found["gradient"].dims == ("selection", "map", "y", "x")
    assert json.loads(found.attrs["variants"]) == RULES
    assert not found["gradient"][:, :, : SIZE // 4].any(), "above the image is padding"
    assert found["ones"].sel(selection="otsu").sum() == SIZE * SIZE
    areas = select.areas(found, RULES, given).set_index(["method", "selection"])
    assert (
        areas.loc[("ones", "otsu"), "median area"] == 1 and areas.loc[("ones", "otsu"), "flagged"]
    )
    assert areas.loc[("gradient", "otsu"), "median area"] == pytest.approx(36 / 512)
    select.check_areas(found, RULES, SIZE)
    select.check_signs(found, RULES, given.maps)
    with pytest.raises(AssertionError, match="not positive in gradient"):
        select.check_signs(found, RULES, -given.maps)
    with pytest.raises(AssertionError, match="more than its share"):
        select.check_areas(found, {"otsu": {"method": "top-area", "parameters": {"area": 0}}}, SIZE)


def test_a_tuned_threshold_finds_what_the_expert_drew(given, tmp_path):
    thresholds = select.tuned_thresholds(given, [0.01, 0.5, 0.99])
    assert list(thresholds["share"]) == [0.5, 0.5] and not thresholds["at the edge"].any()
    assert (thresholds["mean IoU on tuning cases"] == 1).all()
    known = thresholds[thresholds["target"] == "benign"]
    select.write_tuned(given, known, tmp_path / "tuned.nc")
    tuned = arrays.read(tmp_path / "tuned.nc")
    assert list(tuned["map"].to_numpy()) == ["c1 benign"], "malignant has no threshold"
    assert int(tuned["gradient"].sum()) == 36
    none = given._replace(tuning=given.tuning.drop_vars("gradient"))
    empty = select.tuned_thresholds(none, [0.5])
    select.write_tuned(none, empty, tmp_path / "none.nc")
    assert empty.empty and not (tmp_path / "none.nc").exists()


def test_other_settings_are_swept_for_the_maps_that_are_named(given, tmp_path):
    settings = {
        "selections": {"kmeans": {"k": 3}},
        "sweep": {"kmeans": {"k": [2], "space": ["position"]}},
        "swept": ["gradient"],
    }
    assert select.write_sweep(given, settings, tmp_path).endswith(" of gradient")
    assert arrays.read(tmp_path / "sweep.nc").sizes["map"] == 2
    assert arrays.read(tmp_path / "sweep-few.nc").sizes["map"] == 1, "the subset alone"
    said = select.write_sweep(given, settings | {"swept": []}, tmp_path / "none")
    assert said == "no map is swept in this study"


def test_examples_and_their_titles(given):
    rows = {
        "case": ["c0", "c0", "c1"],
        "target": ["malignant", "malignant", "benign"],
        "label": ["malignant", "malignant", "benign"],
        "target_role": ["predicted", "true", "predicted"],
        "correct": [True, True, True],
    }
    found = select.examples(pd.DataFrame(rows), given)
    assert list(found["case"]) == ["c0"], "c1 is not in the subset"
    assert map_sheets.titles(found) == ["malignant\ncalled malignant"]
    missed = found.assign(target_role="finding", correct=False)
    assert map_sheets.titles(missed) == ["malignant\nmissed"]
