"""The stage `examine` on a made study of four images: what it writes, that it repeats, and that a
perfect map is faithful.
"""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
import yaml

from regard.attribution import attribute
from regard.core import arrays, columns, tables
from regard.data import reference_regions
from regard.models import backbones
from regard.pipeline import examine

CASES = ["a", "b", "c", "d"]
SETTINGS = {
    "memory": 1.0,
    "precision": "float32",
    "patients": 0,
    "steps": 4,
    "shares": [0.3],
    "levels": 2,
    "noise": 0.05,
    "seeds": 1,
    "slow": False,
    "draws": 200,
}
METHODS = {"gradient-x-input": {}, "grad-cam": {}, "lime": {"evaluations": 20}}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with what the stage reads, made as the stages before it make it."""
    root = tmp_path_factory.mktemp("project")
    (root / "dvc.yaml").touch()
    params = {
        "profile": "quick",
        "profiles": {"quick": {}},
        "seed": 1,
        "studies": {"s": {"root": "data"}},
        "examine": SETTINGS,
    }
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    folder = root / "results" / "study" / "s"
    for stage in ("prepare", "train", "attribute"):
        (folder / stage).mkdir(parents=True)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4, 48, 48), dtype=np.uint8)
    arrays.write(
        xr.Dataset({"images": (("case", "y", "x"), images)}, {"case": CASES}),
        folder / "prepare" / "images.nc",
    )
    table = pd.DataFrame(
        {
            "case": CASES,
            "patient": list("ppqr"),
            "height": 48,
            "width": 48,
            "data": "made",
            "split": "test",
        }
    )
    tables.write(table, folder / "prepare" / "cases.csv")
    mask = np.zeros((48, 48), bool)
    mask[10:30, 12:30] = True
    for case in CASES:
        marks = {} if case == "d" else {reference_regions.SHORTCUT: mask.T}
        marks |= {
            "a": {reference_regions.ARTEFACT: mask.T},
            "b": {reference_regions.ARTEFACT: mask & False},
        }.get(case, {})
        reference_regions.write({"tumour": mask} | marks, folder / "prepare" / "regions", case)
    names = ["tumour", *reference_regions.MARKS, "other"]
    reference_regions.describe(folder / "prepare" / "regions", names, "tumour", "structures")
    explained = table[["case", "patient"]].assign(
        target="yes", target_role="predicted", label="yes", correct=True
    )
    tables.write(explained, folder / "train" / "explanations.csv")
    model = backbones.build("vgg19_bn", 2, width=0.25)
    backbones.write(
        model,
        folder / "train" / "model.safetensors",
        name="vgg19_bn",
        width=0.25,
        pool="avg",
        classes=["no", "yes"],
    )
    labels, targets = [arrays.key(case, "yes") for case in CASES], [1] * 4
    maps = {}
    for name, parameters in METHODS.items():
        made = attribute(
            model, backbones.inputs(torch.from_numpy(images)), targets, name, **parameters
        )
        attributes = {"kind": "method", "method": name, "parameters": json.dumps(parameters)}
        over = "subset" if name == "lime" else "map"
        maps[name] = ((over, "y", "x"), made.numpy(), attributes)
    dataset = xr.Dataset(
        maps, {"map": labels, "subset": labels}, attrs={"data": "made", "size": 48}
    )
    arrays.write(dataset, folder / "attribute" / "maps.nc")
    return root


@pytest.fixture(scope="module")
def examined(study, tmp_path_factory):
    target = tmp_path_factory.mktemp("examined")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(study)
        examine.run("s", target)
    return target


def test_every_check_of_every_method_is_there(examined, study):
    trust = tables.read(examined / "trust.csv").astype(object).fillna("")
    assert list(trust.columns) == columns.TRUST and set(trust["n_maps"]) <= {0, 1, 3, 4}
    count = trust.groupby(["check", "method"]).size()
    faithful = {("faithfulness", name): 8 for name in METHODS} | {("faithfulness", ""): 4}
    assert {key: count[key] for key in faithful} == faithful, (
        "four measures of the maps and of maps as smooth"
    )
    assert count["removal", ""] == 3, "the region and the marks, and not the rest"
    for name in METHODS:
        assert count["unrelated", name] == 2
        slow = name == "lime"
        assert count.get(("cascade", name), 0) == (0 if slow else 4) and count.get(
            ("noise", name), 0
        ) == (0 if slow else 2)
        assert count.get(("seed", name), 0) == (2 if slow else 0)
    assert len(trust[trust["check"] == "agreement"]) == 3
    seeds = trust[trust["check"] == "seed"]
    assert set(seeds["n_maps"]) == {1} and set(seeds["n_undefined"]) == {3}, (
        "one case has another seed"
    )
    falls = trust["measure"] == "fall of the logit"
    assert (pd.to_numeric(trust.loc[~falls, "mean"]).dropna().abs() <= 1 + 1e-9).all()


def test_artefacts_are_masked_where_there_are_some(examined, study):
    """Case a alone has one; its map without it is that of the image with the artefact imputed,
    which the logit minds as told.
    """
    values = tables.read(examined / "values.csv").astype(object).fillna("")
    found = values[values["check"] == "artefact"]
    assert set(found["case"]) == {"a"} and set(found["method"]) == {
        "",
        "gradient-x-input",
        "grad-cam",
    }
    assert set(found["level"]) == {"", "tumour", reference_regions.ARTEFACT}
    removed = values[
        (values["check"] == "removal") & (values["level"] == reference_regions.ARTEFACT)
    ]
    assert removed["value"].tolist()[1:] == [""] * 3, "an empty mask is not an artefact"
    assert float(
        found.loc[found["measure"] == "fall of the logit", "value"].iloc[0]
    ) == pytest.approx(float(removed["value"].iloc[0]), rel=1e-3)
    maps = arrays.read(study / "results/study/s/attribute/maps.nc")["gradient-x-input"][
        0
    ].to_numpy()
    mask = np.zeros((48, 48), bool)
    mask[10:30, 12:30] = True
    own = found[
        (found["method"] == "gradient-x-input")
        & (found["control"] == "")
        & (found["measure"] == "mass")
    ]
    positive = maps.clip(min=0)
    for name, region in {"tumour": mask, reference_regions.ARTEFACT: mask.T}.items():
        wanted = positive[region].sum() / positive.sum()
        assert float(own.loc[own["level"] == name, "value"].iloc[0]) == pytest.approx(
            wanted, rel=1e-5
        )
    both = found[(found["method"] == "gradient-x-input") & (found["measure"] == "mass")].pivot(
        index="level", columns="control", values="value"
    )
    assert (both[""] != both["masked"]).all()


def test_an_honest_network_is_asked_about_the_same_marker(study, monkeypatch):
    """Here it is the same network, so that both put as much on the marker; case d has none."""
    monkeypatch.chdir(study)
    found = examine.expose("s", "s")
    by = found.pivot(index="method", columns="control", values="mean")
    np.testing.assert_allclose(by[""], by["honest network"], rtol=1e-4)
    assert set(by.index) == set(METHODS) and found["mean"].dropna().between(0, 1).all()
    assert set(found.loc[found["method"] == "gradient-x-input", "n_undefined"]) == {1}


def test_another_network_puts_another_share_on_the_marker(study, monkeypatch):
    monkeypatch.chdir(study)
    folder = study / "results" / "study" / "other" / "train"
    folder.mkdir(parents=True)
    model = backbones.build("vgg19_bn", 2, width=0.25, seed=9)
    told = {"name": "vgg19_bn", "width": 0.25, "pool": "avg", "classes": ["no", "yes"]}
    backbones.write(model, folder / "model.safetensors", **told)
    found = examine.expose("s", "other").pivot(index="method", columns="control", values="mean")
    assert (found[""] != found["honest network"]).loc["gradient-x-input"]


def test_so_many_patients_are_drawn(study, tmp_path, monkeypatch):
    """Two of three, with one image each, whatever the subset is; LIME is examined on that."""
    monkeypatch.chdir(study)
    settings = yaml.safe_load((study / "params.yaml").read_text())
    changed = settings | {"examine": SETTINGS | {"patients": 2}}
    monkeypatch.setattr("regard.core.project.parameters", lambda *_: changed)
    examine.run("s", tmp_path)
    values = tables.read(tmp_path / "values.csv")
    drawn = values[(values["check"] == "faithfulness") & (values["method"] != "lime")]
    assert drawn["patient"].nunique() == drawn["case"].nunique() == 2
    assert (
        values.loc[
            (values["check"] == "faithfulness") & (values["method"] == "lime"), "case"
        ].nunique()
        == 4
    )


def test_areas_are_means_of_the_curves(examined):
    trust, curves = (tables.read(examined / name) for name in ("trust.csv", "curves.csv"))

    def pick(table):
        return table[
            (table["method"] == "grad-cam")
            & table["control"].isna()
            & (table["measure"] == "deletion")
        ]

    assert pick(curves)["share"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    wanted = np.trapezoid(pick(curves)["mean"], pick(curves)["share"])
    assert pick(trust)["mean"].iloc[0] == pytest.approx(wanted, rel=1e-4)


def test_pictures_of_the_cascade_begin_with_the_stored_map(examined, study):
    drawn, maps = (
        arrays.read(examined / "cascade.nc"),
        arrays.read(study / "results/study/s/attribute/maps.nc"),
    )
    assert drawn["level"].to_numpy().tolist()[:2] == ["trained", "head"] and set(
        drawn.data_vars
    ) == {
        "gradient-x-input",
        "grad-cam",
    }
    np.testing.assert_array_equal(drawn["grad-cam"][0], maps["grad-cam"][0])


def test_it_repeats(examined, study, tmp_path, monkeypatch):
    monkeypatch.chdir(study)
    examine.run("s", tmp_path)
    for name in ("trust.csv", "values.csv", "curves.csv", "cascade.nc"):
        assert (tmp_path / name).read_bytes() == (examined / name).read_bytes()
