"""Explorers without a browser: set a value, and what is shown changes; on a small made-up study."""

import io

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from regard import arrays, regions, tables, widgets
from regard.widgets import pictures

SIZE, CASES = 32, ["a", "b", "c"]


@pytest.fixture
def root(tmp_path):
    """Three cases: the expert drew a square in the first two; `good` points into it, `bad` does not, `slow` has the first case alone."""
    folder = tmp_path / "made"
    for stage in ("prepare", "train", "attribute"):
        (folder / stage).mkdir(parents=True)
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (3, SIZE, SIZE)).astype(np.uint8)
    arrays.write(
        xr.Dataset({"images": (("case", "y", "x"), images)}, {"case": CASES}), folder / "prepare" / "images.nc"
    )
    tables.write(
        pd.DataFrame({"case": CASES, "patient": CASES, "height": SIZE, "width": SIZE // 2}),
        folder / "prepare" / "cases.csv",
    )
    rows = [
        {
            "case": case,
            "patient": case,
            "target": "malignant",
            "target_role": "predicted",
            "label": "malignant",
            "correct": case != "b",
        }
        for case in CASES
    ]
    tables.write(pd.DataFrame(rows), folder / "train" / "explanations.csv")
    mask = np.zeros((SIZE, SIZE // 2), bool)
    mask[8:16, 4:12] = True
    for case in CASES[:2]:
        regions.write_outline({"mass": mask}, "mass", folder / "prepare" / "outlines", case)
    good, bad = random.normal(0, 0.1, (2, 3, SIZE, SIZE))
    good[:, 12, 16], bad[:, 28, 16] = 5, 5
    good[:, 9:15, 13:19] += 1
    keys = [arrays.key(case, "malignant") for case in CASES]
    maps = xr.Dataset(
        {"good": (("map", "y", "x"), good), "bad": (("map", "y", "x"), bad), "slow": (("subset", "y", "x"), good[:1])},
        {"map": keys, "subset": keys[:1]},
    )
    arrays.write(maps, folder / "attribute" / "maps.nc")
    return tmp_path


def test_heat_maps_follow_every_control(root):
    parts = widgets.heat_maps(root).parts
    parts["maps"].value = ["good", "bad"]
    assert [label for label, _ in parts["case"].options] == ["a: malignant", "b: malignant", "c: malignant"]
    seen = {parts["picture"].value}
    for name, value in (
        ("opacity", 0.1),
        ("sign", "positive"),
        ("expert", False),
        ("maps", ("good",)),
        ("maps", ("good", "bad", "slow")),
    ):
        parts[name].value = value
        assert parts["picture"].value not in seen, name
        seen.add(parts["picture"].value)
    parts["on"].click()
    assert parts["case"].value == ("b", "malignant") and "Not made of this case: slow" in parts["said"].value
    parts["on"].click()
    assert "The expert drew nothing here" in parts["said"].value
    parts["on"].click()
    assert parts["case"].value == ("a", "malignant")
    parts["back"].click()
    assert parts["case"].value == ("c", "malignant")


def test_heat_maps_of_some_cases(root):
    parts = widgets.heat_maps(root).parts
    parts["maps"].value = ["good", "bad"]
    parts["cases"].value = "called wrong"
    assert [value for _, value in parts["case"].options] == [("b", "malignant")]
    parts["cases"].value = "methods disagree"  # one points inside, the other outside, where the expert drew something
    assert [value for _, value in parts["case"].options] == [("a", "malignant"), ("b", "malignant")]
    parts["maps"].value = ["good"]
    parts["cases"].value = "called wrong"
    parts["cases"].value = "methods disagree"
    assert parts["case"].options == () and "no such case" in parts["said"].value


@pytest.mark.parametrize("rule", ["bins", "kmeans", "meanshift", "otsu", "top-area", "relative-max"])
def test_a_region_follows_its_slider(root, rule):
    parts = widgets.selection(root).parts
    parts["map"].value = "good"
    parts["rule"].value = rule
    before = parts["picture"].value, parts["counts"].value, parts["said"].value
    if rule == "otsu":
        assert parts["value"].disabled
        parts["of"].value = "signed"
    else:
        assert not parts["value"].disabled and parts["value"].description in ("bins", "k", "quantile", "area", "share")
        parts["value"].value = parts["value"].min if rule == "relative-max" else parts["value"].max
    assert (parts["picture"].value, parts["counts"].value, parts["said"].value) != before


def test_selection_by_hand(root):
    """A hundredth of the 512 pixels that are image, and not padding, are five, all of them inside the expert's 64."""
    parts = widgets.selection(root).parts
    parts["map"].value, parts["rule"].value = "good", "top-area"
    parts["value"].value = 0.01
    assert f"<b>{5 / 64:.2f}</b>" in parts["said"].value and "<b>1.0%</b>" in parts["said"].value
    parts["case"].value = ("c", "malignant")
    assert "not drawn" in parts["said"].value


def test_nothing_to_explore_is_said(tmp_path, root):
    for name in ("heat_maps", "selection", "agreement", "clusters", "units", "own_image"):
        with pytest.raises(FileNotFoundError, match="run the pipeline first"):
            getattr(widgets, name)(tmp_path / "empty")
    with pytest.raises(ValueError, match="nothing of a study 'mad' to explore; there is of made"):
        widgets.heat_maps(root, "mad")


def test_colours_of_a_map():
    values = np.array([[-2.0, 0.0, 2.0]])
    signed, positive = pictures.heat(values, "signed"), pictures.heat(values, "positive")
    assert signed[0, 0, 2] > signed[0, 0, 0] and signed[0, 2, 0] > signed[0, 2, 2] and signed[0, 1].min() > 240
    assert (positive[0, 0] == positive[0, 1]).all() and positive[0, 2].sum() > positive[0, 0].sum()
    assert (pictures.heat(-values, "positive")[0, 0] == positive[0, 2]).all()
    for nothing in (np.zeros((2, 2)), np.full((2, 2), np.nan)):
        assert (pictures.heat(nothing) == 128).all()


def test_outlines_lie_inside_the_region():
    region = np.zeros((10, 10), bool)
    region[2:8, 2:8] = True
    drawn = pictures.outlined(np.zeros((30, 30, 3), np.uint8), region, "#010203", scale=3)
    touched = (drawn == [1, 2, 3]).all(axis=2)
    assert (
        touched[6:24, 6:24].any() and not touched[8:22, 8:22].any() and not touched[:6].any() and touched[6, 6:24].all()
    )


def test_a_histogram_shows_what_is_selected():
    values = np.linspace(0, 1, 100)
    whole = np.asarray(pictures.histogram(values, values > 0.5, [0.5]))
    blue = (whole == [0x00, 0x72, 0xB2]).all(axis=2)
    assert blue[:, 220:].any() and not blue[:, :200].any()
    assert isinstance(pictures.histogram(np.zeros(5), np.zeros(5, bool), []), Image.Image)
    assert Image.open(io.BytesIO(pictures.png(whole))).size == (420, 200)
