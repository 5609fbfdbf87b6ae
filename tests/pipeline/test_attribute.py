"""The stage `attribute` on a made set and an untrained network, and what its notebook shows."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_cases
from test_prepare import SETTINGS as PREPARED

from regard.core import tables
from regard.data import cases
from regard.models import backbones
from regard.pipeline import attribute, map_sheets, prepare

CPU = torch.device("cpu")
CLASSES = ["benign", "malignant"]
SETTINGS = {
    "study": "made",
    "profile": "quick",
    "memory": 1.0,
    "precision": "float32",
    "methods": {
        **{"lrp-z": {}, "gradient-x-input": {}, "cam": {}, "grad-cam": {"relu": False}},
        "occlusion": {"window": 0.5, "stride": 0.5},
    },
    "presets": [],
    "preset_evaluations": 0,
    "nulls": {"ones": {}, "prior": {}},
}


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> attribute.Study:
    folder = tmp_path_factory.mktemp("made")
    cases.write(make_cases(patients=16, size=(48, 64)), folder / "set")
    study = prepare.sized(prepare.study(folder / "set", PREPARED))
    prepare.write_squares(study, PREPARED, folder / "images.nc")
    prepare.write_regions(study, PREPARED, folder)
    tables.write(study.table, folder / "cases.csv")
    model = backbones.build("vgg16", 2, width=0.0625, seed=1)
    about = {"name": "vgg16", "width": 0.0625, "pool": "avg", "classes": CLASSES, "kind": "label"}
    path = folder / "model.safetensors"
    backbones.write(model, path, digest=backbones.digest(model), **about)
    test = study.table[study.table["split"] == "test"]
    rows = test[["case", "patient", "label"]].assign(target="malignant", target_role="predicted")
    rows["correct"] = rows["label"] == "malignant"
    true = rows.assign(target=rows["label"], target_role="true")
    tables.write(pd.concat([rows, true]), folder / "explanations.csv")
    return attribute.study(folder, folder, 2, CPU)


def test_maps_of_test_and_tuning_cases(given, tmp_path):
    of = attribute.inputs(given)
    assert len(given.subset) == 2 + 1, "of each class one case; a wrong one has two maps"
    asked = attribute.methods(SETTINGS, CPU)
    maps, costs = attribute.heat_maps(given, of, asked, 1.0, tmp_path)
    maps |= attribute.null_maps(given, of, SETTINGS, tmp_path)
    found = attribute.dataset(given, of, maps, attribute.logits(given, of), SETTINGS)
    assert found["occlusion"].dims[0] == "subset" and found["ones"].dims[0] == "case"
    assert found["prior"].dims[0] == "map" and float(found["prior"].max()) <= 1
    assert map_sheets.check_equal(found, SETTINGS).round(4).eq(1).all()
    attribute.write_costs(costs, "made", CPU, tmp_path)
    kept = tables.read(tmp_path / "costs.csv")
    assert list(kept) == ["study", "method", "maps", "forwards", "backwards"]
    assert "seconds" in tables.read(tmp_path / "measured.csv")
    counts = map_sheets.counts(found, given, of)
    assert counts.loc["ones", "maps"] == len(given.test_cases) and not counts["zero"].any()
    assert list(map_sheets.shares_of_logit(found).index) == ["lrp-z"]
    shown = map_sheets.examples(given, found)
    assert list(shown["label"]) == ["benign", "malignant"]
    hits = map_sheets.hits(given, found, "method", shown)
    assert hits["maximum inside"].between(0, 2).all()
    figure = map_sheets.figure(given, found, "null", shown)
    assert len(figure.axes) == 3 * 2, "images and two kinds of maps"
    tuning = attribute.tuning_maps(given, asked, ["cam"], 1.0, tmp_path)
    tuned_cases = given.cases[given.cases["split"] == "tune"]
    assert tuning.sizes["map"] == len(tuned_cases) and "cam" in tuning
    assert not attribute.tuning_maps(given, asked, [], 1.0, tmp_path).data_vars


def test_methods_of_a_published_study_and_what_is_left_out():
    settings = SETTINGS | {"presets": ["alam-2023"], "preset_evaluations": 50}
    found = attribute.methods(settings, CPU)
    assert found["lime@alam-2023"].parameters["evaluations"] == 50
    assert found["occlusion"].parameters["precision"] == "float32"
    assert "precision" not in found["cam"].parameters
    assert attribute.left_out({}) == "no method is left out"
    assert attribute.left_out({"left_out": {"cam": "no"}}) == "cam is left out: no"


def test_a_target_that_nobody_outlined_has_no_prior(given, monkeypatch):
    monkeypatch.setattr(attribute.reference_regions, "read_outline", lambda *_: None)
    assert attribute.priors(given, {}) == {}
    with pytest.raises(ValueError, match="no training case of .* has a region for 'malignant'"):
        attribute.priors(given, {"prior": {}})


def test_maps_that_must_be_equal_and_are_not(given):
    import xarray as xr

    random = np.random.default_rng(0)
    maps = {name: (("y", "x"), random.random((4, 4))) for name in ("lrp-z", "gradient-x-input")}
    with pytest.raises(AssertionError, match="lrp-z is not gradient-x-input"):
        map_sheets.check_equal(xr.Dataset(maps), SETTINGS)
