"""The stage `prepare` on a small made set: what its functions give and write."""

import numpy as np
import pandas as pd
import pytest
from conftest import make_cases

from regard.core import arrays, tables
from regard.data import cases, reference_regions
from regard.pipeline import prepare

SETTINGS = {
    "study": "made",
    "seed": 1,
    "labels": ["benign", "malignant"],
    "excluded_labels": [],
    "findings": [],
    "structures": ["mass"],
    "expert": "mass",
    "regions": "mass",
    "size": 32,
    "ring_mm": 5.0,
    "ring_radius": 0.25,
    "ring_image": 0.03,
    "below_height": 1.0,
    "shortcut": 0,
    "shortcut_finding": "",
}


@pytest.fixture
def source(tmp_path):
    cases.write(make_cases(patients=16, size=(48, 64)), tmp_path / "made")
    return tmp_path / "made"


def test_from_a_set_to_regions(source, tmp_path):
    given = prepare.sized(prepare.study(source, SETTINGS))
    prepare.check_patients(given.table)
    assert (given.kind, given.listed, len(given.table)) == ("label", 32, 32)
    assert prepare.counts(given)["cases"].sum().sum() == 32
    assert set(given.table["height"]) == {48} and set(given.table["width"]) == {64}
    squares = prepare.write_squares(given, SETTINGS, tmp_path / "images.nc")
    stored = arrays.read(tmp_path / "images.nc")
    assert squares.shape == (32, 32, 32) and np.array_equal(stored["images"], squares)
    assert stored.attrs["kind"] == "label" and stored.attrs["study"] == "made"
    shares = prepare.write_regions(given, SETTINGS, tmp_path)
    prepare.check_disjoint(shares, "mass")
    assert list(shares) == ["mass", "peritumoral", "below", "above"] and len(shares) == 32
    assert prepare.somewhere(shares, 32).loc["somewhere", "mass"] == 32
    assert tables.read(tmp_path / "outlined.csv")["outlined"].all()
    case = given.table["case"][0]
    assert reference_regions.read_outline(tmp_path / "outlines", case, "x").shape == (48, 64)
    assert len(prepare.figure(given, SETTINGS, tmp_path).axes) == 12


def test_a_marker_that_follows_the_label(source, tmp_path, capsys):
    settings = SETTINGS | {"shortcut": 1.0}
    given = prepare.with_shortcut(prepare.study(source, settings), settings)
    assert "marker" in capsys.readouterr().out
    carried = np.array([mask.any() for mask in given.marks[reference_regions.SHORTCUT]])
    train = given.table["split"] == "train"
    assert np.array_equal(carried[train], (given.table["label"] == "malignant")[train])
    shares = prepare.write_regions(given, settings, tmp_path)
    assert prepare.region_names(given, settings)[-1] == reference_regions.SHORTCUT
    assert (shares[reference_regions.SHORTCUT] > 0).sum() == carried.sum()
    honest = prepare.study(source, SETTINGS)
    assert prepare.with_shortcut(honest, SETTINGS) is honest


def test_a_structure_that_nobody_drew_is_refused(source):
    other = {"structures": ["cyst"], "expert": "cyst", "regions": "structures"}
    with pytest.raises(ValueError, match="regions/cyst holds no mask of a case"):
        prepare.study(source, SETTINGS | other)


def test_regions_that_overlap_and_a_patient_in_two_splits_are_seen():
    shares = pd.DataFrame({name: [0.3] for name in ("mass", "peritumoral", "below", "above")})
    prepare.check_disjoint(shares, "structures")
    with pytest.raises(AssertionError, match="overlap"):
        prepare.check_disjoint(shares, "mass")
    with pytest.raises(AssertionError, match="two splits"):
        prepare.check_patients(pd.DataFrame({"patient": ["p", "p"], "split": ["train", "test"]}))
