"""The phantoms: what is committed is what the code draws, the physics holds, and the class acts
through signs alone.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from here import ROOT
from PIL import Image
from scipy.stats import chi2_contingency

from regard import phantoms
from regard.phantoms import insonation, ultrasound

COMMITTED = ROOT / "data" / "ultrasound"
COLUMNS = (
    "case,patient,image,label,site,pixel_mm,reference,"
    "shape,orientation,margin,echo,posterior,halo,width_mm,height_mm,artefact"
).split(",")


def read(path):
    with Image.open(path) as image:
        assert image.mode == "L" and not image.info, path
        return np.asarray(image).astype(int)


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(COMMITTED / "cases.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def patients():
    """What 4000 patients are drawn with, before any image."""
    return [ultrasound.sample(np.random.default_rng([1, index])) for index in range(4000)]


def test_committed_set_is_what_the_code_draws(committed):
    """Every eighth patient in full: one grey level is what another processor's rounding may
    change.
    """
    for index in range(0, 160, 8):
        cases = list(ultrasound.draw_patient(ultrasound.SEED, index))
        rows = committed[committed["patient"] == f"p{index:03d}"]
        assert rows["case"].tolist() == [case.case for case in cases]
        for case, row in zip(cases, rows.to_dict("records"), strict=True):
            row.pop("image")
            assert row == {"case": case.case, "patient": case.patient} | case.labels | case.columns
            image = read(COMMITTED / "images" / f"{case.case}.png")
            assert np.abs(image - case.image.astype(int)).max() <= 1, case.case
            for name in ("mass", "artefact"):
                mask = read(COMMITTED / "regions" / name / f"{case.case}.png")
                assert np.array_equal(mask, case.regions[name] * 255), case.case
            assert case.regions["artefact"].any() == (row["artefact"] != "none")


def test_committed_table_is_what_the_code_draws(committed):
    """Every row, in all that is drawn before an image is made."""
    drawn = []
    for index in range(160):
        patient = ultrasound.sample(np.random.default_rng([ultrasound.SEED, index]))
        for view, artefact in enumerate(patient["artefacts"], start=1):
            shared = {
                "patient": f"p{index:03d}",
                "label": patient["label"],
                "site": patient["site"],
            }
            drawn.append(
                {"case": f"p{index:03d}-{view}"}
                | shared
                | patient["signs"]
                | {"artefact": artefact}
            )
    assert committed[list(drawn[0])].to_dict("records") == drawn


def test_committed_layout(committed):
    assert committed.columns.tolist() == COLUMNS
    assert committed["case"].is_unique and len(committed) >= 240
    assert committed["patient"].nunique() >= 120
    assert set(committed["label"]) == {"benign", "malignant"} and set(committed["reference"]) == {
        "exact"
    }
    assert (committed.groupby("patient")["label"].nunique() == 1).all()
    assert b"\r" not in (COMMITTED / "cases.csv").read_bytes()
    for case, image in zip(committed["case"], committed["image"], strict=True):
        assert image == f"images/{case}.png"
        assert read(COMMITTED / image).shape == (160, 160)
        mask = read(COMMITTED / "regions" / "mass" / f"{case}.png")
        assert mask.shape == (160, 160) and set(np.unique(mask)) == {0, 255}
    assert len(list((COMMITTED / "images").iterdir())) == len(committed)
    assert len(list((COMMITTED / "regions" / "mass").iterdir())) == len(committed)
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) < 8e6


def beam(attenuation_of_mass=0.5, looks=1, seed=1):
    """Envelope of even fat, 32 x 40 mm, around a disc of 5 mm radius that scatters like fat but
    attenuates as told.
    """
    step, shape = 0.1, (320, 400)
    rows, across = np.ogrid[: shape[0], : shape[1]]
    disc = np.hypot(rows * step - 12, across * step - 20) < 5
    attenuation = np.where(disc, attenuation_of_mass, 0.5)
    tissue = insonation.Tissue(np.zeros(shape), np.zeros(shape), attenuation)
    rng = np.random.default_rng(seed)
    return insonation.insonify(
        rng, tissue, step, frequency=9, focus=15, f_number=2.5, looks=looks, noise=-300
    )


def test_speckle_is_fully_developed():
    """Rayleigh: mean / standard deviation 1.913; about 2500 resolution cells put the estimate
    within 3 %.
    """
    envelope = beam()
    envelope = envelope / envelope.mean(axis=1, keepdims=True)  # attenuation is even along a row
    assert envelope.mean() / envelope.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.05)


def test_compounding_smooths_speckle():
    one, three = (
        envelope / envelope.mean(axis=1, keepdims=True) for envelope in (beam(), beam(looks=3))
    )
    assert one.std() / three.std() == pytest.approx(np.sqrt(3), rel=0.1)


@pytest.mark.parametrize("attenuation, sign", [(1.5, -1), (0.0, 1)])
def test_shadow_and_enhancement_come_from_attenuation(attenuation, sign):
    """Same scatterers: below the mass the level changes by the two-way excess loss along its 10 mm,
    elsewhere not.
    """
    change = 20 * np.log10(beam(attenuation) / beam(0.5))
    assert np.median(change[200:, 195:206]) == pytest.approx(
        2 * 9 * (0.5 - attenuation) * 1.0, rel=0.1
    )
    assert sign * np.median(change[200:, 195:206]) > 5
    assert np.abs(change[200:, :60]).max() < 1
    assert np.abs(change[:55, 195:206]).max() < 1


def test_posterior_sign_shows_in_drawn_images():
    """The same patients with one sign forced: the shadowing version is darker below the mass."""

    def below(posterior, index):
        rng = np.random.default_rng([1, index])
        patient = ultrasound.sample(rng)
        patient["mass"]["attenuation"] = ultrasound.ATTENUATION[posterior][0]
        image, mask, *_ = ultrasound._view(rng, patient, "none")
        under = np.logical_or.accumulate(mask, axis=0) & ~mask
        return image[under].mean()

    darker = [below("shadow", index) < below("enhancement", index) for index in range(6)]
    assert all(darker)


def test_patient_does_not_depend_on_the_others():
    drawn = [case for case in ultrasound.draw(seed=3, patients=3) if case.patient == "p002"]
    alone = list(ultrasound.draw_patient(seed=3, index=2))
    assert len(drawn) == len(alone) > 0
    for one, other in zip(drawn, alone, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.regions["mass"], other.regions["mass"])
        assert (one.case, one.labels, one.columns) == (other.case, other.labels, other.columns)


def test_views_share_the_mass_but_not_the_image(patients):
    index = next(index for index, patient in enumerate(patients) if len(patient["artefacts"]) == 3)
    first, second, third = ultrasound.draw_patient(seed=1, index=index)
    assert first.labels == second.labels == third.labels
    for sign in ultrasound.SIGNS:
        assert first.columns[sign] == second.columns[sign] == third.columns[sign]
    assert not np.array_equal(first.image, second.image) and not np.array_equal(
        second.image, third.image
    )


@pytest.mark.parametrize("nuisance", ["artefacts", "site", "depth", "views", "size"])
def test_nuisances_are_independent_of_class(patients, nuisance):
    values = {
        "artefacts": [
            (artefact, patient["label"])
            for patient in patients
            for artefact in patient["artefacts"]
        ],
        "site": [(patient["site"], patient["label"]) for patient in patients],
        "depth": [(patient["depth"], patient["label"]) for patient in patients],
        "views": [(len(patient["artefacts"]), patient["label"]) for patient in patients],
        "size": [(round(patient["mass"]["size"] / 4), patient["label"]) for patient in patients],
    }[nuisance]
    frame = pd.DataFrame(values, columns=["value", "label"])
    assert chi2_contingency(pd.crosstab(frame["value"], frame["label"])).pvalue > 0.001


def test_every_sign_occurs_in_both_classes(patients):
    for sign, table in ultrasound.SIGNS.items():
        assert np.allclose(np.sum(list(table.values()), axis=0), 1), sign
        for label in ("benign", "malignant"):
            seen = {patient["signs"][sign] for patient in patients if patient["label"] == label}
            assert seen == set(table), (sign, label)


def test_no_reading_of_the_signs_separates_the_classes():
    """The area under the ROC of the best possible reader of the drawn signs: high, but below
    certainty.
    """
    benign, malignant = (
        np.array([np.prod(chances) for chances in itertools.product(
            *(ultrasound.probabilities(sign, label).values() for sign in ultrasound.SIGNS)
        )]) for label in ("benign", "malignant")
    )  # fmt: skip
    order = np.argsort(malignant / benign)
    benign, malignant = benign[order], malignant[order]
    auc = np.sum(malignant * (np.cumsum(benign) - benign / 2))
    assert 0.9 < auc < 0.999, auc


def test_datasheet_states_the_probabilities_in_use():
    text = (COMMITTED / "DATASHEET.md").read_text(encoding="utf-8")
    for sign, table in ultrasound.SIGNS.items():
        for value, (benign, malignant) in table.items():
            assert f"| {sign} | {value} | {benign:.2f} | {malignant:.2f} |" in text
    assert f"`OVERLAP = {ultrasound.OVERLAP}`" in text and f"Seed {ultrasound.SEED} " in text


def test_write_replaces_the_set_and_keeps_the_datasheet(tmp_path, monkeypatch):
    monkeypatch.setitem(
        phantoms.PHANTOMS, "ultrasound", lambda seed: ultrasound.draw(seed, patients=2)
    )
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "stale.png").touch()
    (folder / "cases.csv").touch()
    (folder / "DATASHEET.md").write_text("kept")
    phantoms.write("ultrasound", folder, seed=1)
    table = pd.read_csv(folder / "cases.csv")
    assert table.columns.tolist() == COLUMNS
    assert {path.name for path in (folder / "images").iterdir()} == {
        f"{case}.png" for case in table["case"]
    }
    assert {path.name for path in (folder / "regions" / "mass").iterdir()} == {
        f"{case}.png" for case in table["case"]
    }
    assert (folder / "DATASHEET.md").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_interrupted_write_leaves_the_old_set(tmp_path, monkeypatch):
    def breaks(seed):
        yield from ultrasound.draw(seed, patients=1)
        raise RuntimeError("interrupted")

    monkeypatch.setitem(phantoms.PHANTOMS, "ultrasound", breaks)
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "cases.csv").write_text("old")
    with pytest.raises(RuntimeError, match="interrupted"):
        phantoms.write("ultrasound", folder, seed=1)
    assert (folder / "cases.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_unknown_study_and_negative_count_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no phantom for study 'x'.*ultrasound"):
        phantoms.write("x", tmp_path / "set", seed=1)
    with pytest.raises(ValueError, match="negative"):
        list(ultrasound.draw(1, patients=-1))
