"""Explorers without a browser: set a value, and what is shown changes; on a small made-up study."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from here import ROOT
from PIL import Image

from regard import explorers
from regard.core import arrays, tables
from regard.data import reference_regions
from regard.explorers import pictures, uploads
from regard.explorers.clusters import rest_of
from regard.pipeline import notebook_kernel

SIZE, CASES = 32, ["a", "b", "c"]


@pytest.fixture
def root(tmp_path):
    """Three cases: the expert drew a square in the first two; `good` points into it, `bad` does
    not, `slow` has the first case alone.
    """
    folder = tmp_path / "made"
    for stage in ("prepare", "train", "attribute"):
        (folder / stage).mkdir(parents=True)
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (3, SIZE, SIZE)).astype(np.uint8)
    arrays.write(
        xr.Dataset({"images": (("case", "y", "x"), images)}, {"case": CASES}),
        folder / "prepare" / "images.nc",
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
        reference_regions.write_outline(
            {"mass": mask}, "mass", folder / "prepare" / "outlines", case
        )
    good, bad = random.normal(0, 0.1, (2, 3, SIZE, SIZE))
    good[:, 12, 16], bad[:, 28, 16] = 5, 5
    good[:, 9:15, 13:19] += 1
    keys = [arrays.key(case, "malignant") for case in CASES]
    maps = xr.Dataset(
        {
            "good": (("map", "y", "x"), good),
            "bad": (("map", "y", "x"), bad),
            "slow": (("subset", "y", "x"), good[:1]),
        },
        {"map": keys, "subset": keys[:1]},
    )
    maps["null"] = maps["bad"]
    for name in maps:
        maps[name].attrs["kind"] = "null" if name == "null" else "method"
    arrays.write(maps, folder / "attribute" / "maps.nc")
    return tmp_path


def test_heat_maps_follow_every_control(root):
    parts = explorers.heat_maps(root).parts
    parts["maps"].value = ["good", "bad"]
    assert [label for label, _ in parts["case"].options] == [
        "a: malignant",
        "b: malignant",
        "c: malignant",
    ]
    seen = {parts["picture"].value}
    for name, value in (
        ("opacity", 0.1),
        ("colours", "PuOr_r"),
        ("sign", "positive"),
        ("colours", "cividis"),
        ("expert", False),
        ("maps", ("good",)),
        ("maps", ("good", "bad", "slow")),
    ):
        parts[name].value = value
        assert parts["picture"].value not in seen, name
        seen.add(parts["picture"].value)
    parts["on"].click()
    assert (
        parts["case"].value == ("b", "malignant")
        and "Not computed for this case: slow" in parts["said"].value
    )
    parts["on"].click()
    assert "The expert drew nothing here" in parts["said"].value
    parts["on"].click()
    assert parts["case"].value == ("a", "malignant")
    parts["back"].click()
    assert parts["case"].value == ("c", "malignant")


def test_heat_maps_of_a_case_for_its_label(root):
    """Case b was called malignant and is benign: there are maps for both, and each class has its
    own.
    """
    path = root / "made" / "train" / "explanations.csv"
    rows = tables.read(path)
    right = {"target": "benign", "target_role": "true", "label": "benign"}
    tables.write(pd.concat([rows, rows[rows["case"] == "b"].assign(**right)]), path)
    maps = arrays.read(root / "made" / "attribute" / "maps.nc")
    more = maps.sel(map=[arrays.key("b", "malignant")]).drop_vars("slow")
    more = (-more).assign_coords(map=[arrays.key("b", "benign")])
    wide = xr.concat([maps.drop_vars("slow"), more], "map", combine_attrs="override")
    wide["good"].attrs["kind"] = wide["bad"].attrs["kind"] = wide["null"].attrs["kind"] = "method"
    arrays.write(wide, root / "made" / "attribute" / "maps.nc")
    parts = explorers.heat_maps(root).parts
    parts["maps"].value, parts["case"].value = ("good",), ("b", "malignant")
    assert parts["target"].options == (
        ("malignant (predicted class)", "malignant"),
        ("benign (label)", "benign"),
    )
    before = parts["picture"].value
    parts["target"].value = "benign"
    assert parts["picture"].value != before
    parts["back"].click()
    assert parts["target"].options == (("malignant (predicted class)", "malignant"),)


def test_heat_maps_of_some_cases(root):
    parts = explorers.heat_maps(root).parts
    parts["maps"].value = ["good", "bad"]
    parts["cases"].value = "misclassified"
    assert [value for _, value in parts["case"].options] == [("b", "malignant")]
    parts[
        "cases"
    ].value = (
        "methods disagree"  # one points inside, the other outside, where the expert drew something
    )
    assert [value for _, value in parts["case"].options] == [("a", "malignant"), ("b", "malignant")]
    parts["maps"].value = ["good", "null"]  # a null map is no method
    parts["cases"].value = "misclassified"
    parts["cases"].value = "methods disagree"
    assert parts["case"].options == () and "There is no such case" in parts["said"].value


@pytest.mark.parametrize(
    "rule", ["bins", "kmeans", "meanshift", "otsu", "top-area", "relative-max"]
)
def test_a_region_follows_its_slider(root, rule):
    parts = explorers.selection(root).parts
    parts["map"].value = "good"
    parts["rule"].value = rule
    before = parts["picture"].value, parts["counts"].value, parts["said"].value
    if rule == "otsu":
        assert parts["value"].disabled
        parts["of"].value = "signed"
    else:
        assert not parts["value"].disabled and parts["value"].description in (
            "bins",
            "k",
            "bandwidth (quantile)",
            "area",
            "share",
        )
        parts["value"].value = parts["value"].min if rule == "relative-max" else parts["value"].max
    assert (parts["picture"].value, parts["counts"].value, parts["said"].value) != before


def test_the_map_of_everything_selects_everything(sample):
    parts = explorers.selection(sample, "ultrasound").parts
    parts["map"].value = "ones"
    for rule in ("otsu", "kmeans", "bins", "meanshift", "relative-max"):
        parts["rule"].value = rule
        assert "<b>100.0%</b>" in parts["said"].value, rule


def test_selection_by_hand(root):
    """A hundredth of the 512 pixels that are image, and not padding, are five, all of them inside
    the expert's 64.
    """
    parts = explorers.selection(root).parts
    parts["map"].value, parts["rule"].value = "good", "top-area"
    parts["value"].value = 0.01
    assert f"<b>{5 / 64:.2f}</b>" in parts["said"].value and "<b>1.0%</b>" in parts["said"].value
    parts["case"].value = ("c", "malignant")
    assert "not drawn" in parts["said"].value


def test_nothing_to_explore_is_said(tmp_path, root):
    for name in ("heat_maps", "selection", "agreement", "clusters", "units", "own_image"):
        with pytest.raises(FileNotFoundError, match="run the pipeline first"):
            getattr(explorers, name)(tmp_path / "empty")
    with pytest.raises(
        ValueError, match="no results of study 'mad' to explore; there are results of made"
    ):
        explorers.heat_maps(root, "mad")


def test_some_of_several():
    several = explorers.controls.Several("Maps")
    several.options = ["a", "b", "c"]
    seen = []
    several.observe(lambda change: seen.append(change["new"]), "value")
    several.value = ["c", "a"]
    boxes = several.children[1].children
    assert several.value == ("a", "c") and [one.value for one in boxes] == [True, False, True]
    boxes[1].value = True
    assert several.value == ("a", "b", "c") and seen == [("a", "c"), ("a", "b", "c")]
    with pytest.raises(Exception, match="there is no 'd'; there are a, b, c"):
        several.value = ["d"]


def test_colours_of_a_map():
    values = np.array([[-2.0, 0.0, 2.0]])
    signed, positive = pictures.heat(values, "signed"), pictures.heat(values, "positive")
    assert (
        signed[0, 0, 2] > signed[0, 0, 0]
        and signed[0, 2, 0] > signed[0, 2, 2]
        and signed[0, 1].min() > 240
    )
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
        touched[6:24, 6:24].any()
        and not touched[8:22, 8:22].any()
        and not touched[:6].any()
        and touched[6, 6:24].all()
    )


def test_a_histogram_shows_what_is_selected():
    values = np.linspace(0, 1, 100)
    whole = np.asarray(pictures.histogram(values, values > 0.5, [0.5]))
    blue = (whole == [0x00, 0x72, 0xB2]).all(axis=2)
    assert blue[:, 220:].any() and not blue[:, :200].any()
    assert isinstance(pictures.histogram(np.zeros(5), np.zeros(5, bool), []), Image.Image)
    assert Image.open(io.BytesIO(pictures.png(whole))).size == (420, 200)


# --- on the sample that ships ---


@pytest.fixture
def sample(root_of_project):
    return root_of_project / explorers.results.SAMPLE


@pytest.fixture
def root_of_project():
    return ROOT


def texts(table) -> list[list[str]]:
    return [
        [getattr(cell, "description", "") or cell.value for cell in line.children]
        for line in table.children
    ]


def test_agreement_shows_the_table_and_the_cases_of_a_cell(sample):
    parts = explorers.agreement(sample, "ultrasound").parts
    rows = tables.read(sample / "ultrasound/compare/summary.csv")
    wanted = rows[
        (rows["method"] == "cam")
        & (rows["selection"] == "otsu")
        & (rows["score"] == "iou")
        & (rows["stratum"] == "all")
    ]
    wanted = wanted[wanted["empty_rule"].str.contains("has 0")].iloc[0]
    head, *lines = texts(parts["table"])
    cell = {line[0]: line for line in lines}["cam"][head.index("<b>otsu</b>")]
    assert cell == f"{wanted['mean']:.2f} [{wanted['ci_low']:.2f}, {wanted['ci_high']:.2f}]"
    before = parts["picture"].value
    at = [line[0] for line in lines].index("cam") + 1
    parts["table"].children[at].children[head.index("<b>otsu</b>")].click()
    assert parts["picture"].value != before and "<b>cam, otsu, mass</b>" in parts["said"].value
    scores = tables.read(sample / "ultrasound/compare/scores.csv")
    own = scores[
        (scores["method"] == "cam") & (scores["selection"] == "otsu") & (scores["score"] == "iou")
    ]
    assert len(own) == 6 and own["value"].between(0, 1).all()
    parts["score"].value = "pointing"
    assert "<b>peritumoral</b>" in texts(parts["table"])[0]
    parts["stratum"].value = "correct"
    assert "maps of" in parts["said"].value
    parts["study"].value = "chest"
    assert texts(parts["table"])[1][0] == "lime@alam-2023"


def test_clusters_follow_k_tile_and_cluster(sample):
    parts = explorers.clusters(sample, "prostate").parts
    assert parts["k"].value == 8 and len(parts["gallery"].children) == 8
    seen = {parts["picture"].value}
    parts["gallery"].children[4].children[0].click()
    assert "Without cluster 5 it " in parts["said"].value
    seen.add(parts["picture"].value)
    parts["on"].click()
    seen.add(parts["picture"].value)
    parts["k"].value = 4
    seen.add(parts["picture"].value)
    assert len(seen) == 4 and len(parts["gallery"].children) == 4


def test_the_output_of_the_clusters_explorer_is_the_networks(sample):
    """What follows the layer, put together from what is stored, gives what the fall of each cluster
    was predicted from: linear in the activations of a max pool.
    """
    stored = arrays.read(sample / "prostate/clusters/clusters.nc")
    rest = rest_of(stored)
    maps = torch.from_numpy(stored["activations"].to_numpy())
    by_hand = (
        maps.flatten(2).amax(2) @ torch.from_numpy(stored["head"].to_numpy()) + stored.attrs["bias"]
    )
    assert stored.attrs["pool"] == "max" and torch.allclose(rest(maps)[:, 0], by_hand, atol=1e-4)


def test_units_can_be_browsed(sample):
    parts = explorers.units(sample, "mammography").parts
    labels = tables.read(sample / "mammography/units/labels.csv")
    assert len(parts["unit"].options) == len(labels)
    before = parts["picture"].value
    parts["on"].click()
    assert parts["picture"].value != before and "falls by" in parts["said"].value
    parts["units"].value = "without a label"
    assert len(parts["unit"].options) == labels["label"].isna().sum()


def upload(parts, name: str, content: bytes):
    parts["upload"].value = (
        {
            "name": name,
            "type": "image/png",
            "size": len(content),
            "content": content,
            "last_modified": pd.Timestamp(0, tz="UTC"),
        },
    )


def test_ones_own_image_and_what_is_none(sample):
    parts = explorers.own_image(sample, "ultrasound").parts
    first = parts["picture"].value
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 90, 3), dtype=np.uint8)).save(
        buffer, "PNG"
    )
    upload(parts, "mine.png", buffer.getvalue())
    assert (
        parts["picture"].value != first and "mine.png: the network predicts" in parts["said"].value
    )
    other = next(name for name in parts["target"].options if name != parts["target"].value)
    for change, value in (("method", "gradient"), ("rule", "top-area"), ("target", other)):
        before = parts["picture"].value
        parts[change].value = value
        assert parts["picture"].value != before, change
    upload(parts, "text.png", b"no picture")
    assert (
        parts["said"].value == "<b>text.png is damaged, or neither a PNG nor a JPEG.</b>"
        and parts["picture"].value == pictures.BLANK
    )
    deep = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(deep, "PNG")
    upload(parts, "deep.png", deep.getvalue())
    assert "deep.png has 16 bits; save it as an 8-bit PNG" in parts["said"].value
    photograph = io.BytesIO()
    Image.new("RGB", (60, 40), "navy").save(photograph, "JPEG")
    upload(parts, "photograph.jpg", photograph.getvalue())
    assert (
        "photograph.jpg: the network predicts" in parts["said"].value
        and "transparent" not in parts["said"].value
    )
    clear = io.BytesIO()
    Image.new("RGBA", (60, 40), (255, 255, 255, 0)).save(clear, "PNG")
    upload(parts, "clear.png", clear.getvalue())
    assert "clear.png: the network predicts" in parts["said"].value
    assert "transparent pixels are shown as black" in parts["said"].value
    parts["rule"].value = "otsu"
    assert "transparent pixels are shown as black" in parts["said"].value, (
        "as long as it is looked at"
    )
    parts["example"].value = parts["example"].options[1]
    assert "transparent" not in parts["said"].value
    upload(parts, "long.png", buffer.getvalue() + b"\0" * uploads.BYTES)
    assert "long.png has 8.0 MB; at most 8 MB are taken" in parts["said"].value
    parts["method"].value = "lrp-epsilon"
    assert "Upload an image" in parts["said"].value, (
        "what was refused is not replaced by what was there before"
    )
    parts["example"].value = parts["example"].options[1]
    assert "epsilon 0.25, relative True" in parts["said"].value, "as the study has it"


def test_explorers_show_the_sample_and_say_so_until_there_are_results(
    root_of_project, tmp_path, monkeypatch, capsys
):
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="run the pipeline first"):
        explorers.where()
    (tmp_path / explorers.results.SAMPLE / "s" / "attribute").mkdir(parents=True)
    (tmp_path / explorers.results.SAMPLE / "s" / "attribute" / "maps.nc").touch()
    assert (
        explorers.where() == tmp_path / explorers.results.SAMPLE
        and "small sample" in capsys.readouterr().out
    )
    (tmp_path / "results/study/s/attribute").mkdir(parents=True)
    (tmp_path / "results/study/s/attribute/maps.nc").touch()
    assert explorers.where() == tmp_path / "results" / "study" and not capsys.readouterr().out


def test_start_here_runs_on_the_sample(root_of_project, tmp_path):
    import papermill
    from traitlets.config import Config

    own = {
        "kernel_manager_class": notebook_kernel.OwnKernelManager
    }  # whatever other kernels there are
    papermill.execute_notebook(
        root_of_project / "notebooks/0_start_here.ipynb",
        tmp_path / "out.ipynb",
        {"number": 2},
        kernel_name="python3",
        cwd=root_of_project,
        progress_bar=False,
        config=Config({"NotebookClient": own}),
    )
