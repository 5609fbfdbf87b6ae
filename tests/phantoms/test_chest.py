"""The chest phantoms: the committed set is what the code draws, and a finding acts where it is
drawn.
"""

import numpy as np
import pandas as pd
import pytest
from here import ROOT
from PIL import Image
from scipy import ndimage
from scipy.stats import chi2_contingency

from regard.phantoms import chest, thorax

COMMITTED = ROOT / "data" / "chest"
COLUMNS = (
    "case,patient,image,cardiomegaly,pleural_effusion,consolidation,nodule,pneumothorax,support_device,"
    "site,pixel_mm,reference,view,sex,marker,mimics,ratio,cardiomegaly_severity,"
    "pleural_effusion_severity,pleural_effusion_extent_mm,pleural_effusion_side,"
    "consolidation_severity,consolidation_extent,consolidation_number,"
    "nodule_severity,nodule_extent_mm,nodule_number,"
    "pneumothorax_severity,pneumothorax_extent_mm,pneumothorax_side,"
    "support_device_severity,support_device_extent,support_device_kind"
).split(",")


def read(path):
    with Image.open(path) as image:
        assert image.mode == "L" and not image.info, path
        return np.asarray(image).astype(int)


def region_path(finding, case):
    return COMMITTED / "regions" / finding / f"{case}.png"


def drawn(index, *findings):
    """A patient's film with these findings and no others: image, regions, ratio and what was
    drawn.
    """
    rng = np.random.default_rng([1, index])
    patient = chest.sample(rng)
    patient["present"] = {name: name in findings for name in chest.FINDINGS}
    image, regions, ratio = chest.film(rng, patient)
    return image.astype(float), regions, ratio, patient


@pytest.fixture(scope="module")
def films():
    """Two patients, each without any finding and with each finding alone: (index, finding or None)
    -> drawn.
    """
    return {
        (index, finding): drawn(index, finding)
        for index in range(2)
        for finding in (None, *chest.FINDINGS)
    }


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(COMMITTED / "cases.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def patients():
    """What 2000 patients are drawn with, before any image."""
    return [chest.sample(np.random.default_rng([1, index])) for index in range(2000)]


def test_committed_set_is_what_the_code_draws(committed):
    """Every eighth patient in full: one grey level is what another processor's rounding may
    change.
    """
    for index in range(0, chest.PATIENTS, 8):
        (case,) = chest.draw_patient(chest.SEED, index)
        (row,) = committed[committed["patient"] == f"p{index:03d}"].to_dict("records")
        row.pop("image")
        assert row == {"case": case.case, "patient": case.patient} | case.labels | case.columns
        image = read(COMMITTED / "images" / f"{case.case}.png")
        assert np.abs(image - case.image.astype(int)).max() <= 1, case.case
        for finding in chest.FINDINGS:
            assert region_path(finding, case.case).exists() == (finding in case.regions)
            if finding in case.regions:
                different = read(region_path(finding, case.case)) != case.regions[finding] * 255
                assert different.sum() <= 2, (
                    case.case,
                    finding,
                )  # a share of one half, rounded otherwise


def test_committed_table_is_what_the_code_draws(committed):
    """Every row, in all that is drawn before an image is made."""
    rows = []
    for index in range(chest.PATIENTS):
        patient = chest.sample(np.random.default_rng([chest.SEED, index]))
        labels = {
            name: str(int(patient["present"][name])) if patient["known"][name] else ""
            for name in chest.FINDINGS
        }
        shared = {name: patient[name] for name in ("site", "view", "sex", "marker")}
        rows.append({"case": f"p{index:03d}", "patient": f"p{index:03d}"} | labels | shared)
    assert committed[list(rows[0])].to_dict("records") == rows


def test_committed_layout(committed):
    assert committed.columns.tolist() == COLUMNS
    assert committed["case"].is_unique and set(committed["reference"]) == {"exact"}
    assert committed["patient"].nunique() == chest.PATIENTS == len(committed)
    assert b"\r" not in (COMMITTED / "cases.csv").read_bytes()
    assert (committed["image"] == "images/" + committed["case"] + ".png").all()
    assert len(list((COMMITTED / "images").iterdir())) == len(committed)
    for image in committed["image"]:
        assert read(COMMITTED / image).shape == (160, 160)
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) < 8e6


@pytest.mark.parametrize("finding", chest.FINDINGS)
def test_committed_regions_say_what_the_labels_say(committed, finding):
    """1: a region; 0: an empty one; unknown: none. Enough patients with a region for a test split
    of 40 %.
    """
    found = {path.stem: read(path) for path in (COMMITTED / "regions" / finding).iterdir()}
    assert set(found) == set(committed["case"][committed[finding] != ""])
    for case, label in zip(committed["case"], committed[finding], strict=True):
        if label:
            assert found[case].shape == (160, 160) and np.isin(found[case], (0, 255)).all()
            assert found[case].any() == (label == "1"), case
    assert committed["patient"][committed[finding] == "1"].nunique() >= 115
    assert 0.02 < (committed[finding] == "").mean() < 0.10


@pytest.mark.parametrize("finding", chest.FINDINGS)
def test_a_finding_changes_the_film_where_its_region_lies(films, finding):
    """The same patients with and without it: scatter and equalisation reach farther, but weakly."""
    for index in range(2):
        without, empty, _, _ = films[index, None]
        image, regions, _, _ = films[index, finding]
        assert not any(region.any() for region in empty.values())
        assert [name for name, region in regions.items() if region.any()] == [finding]
        change, region = np.abs(image - without), regions[finding]
        far = ~ndimage.binary_dilation(region, iterations=16)
        assert change[region].mean() > 4 * change[far].mean(), index
        assert change[far].mean() < 4, index
        brighter = (image - without)[region].mean()
        assert brighter < -3 if finding == "pneumothorax" else brighter > 3, index


def test_heart_is_as_wide_as_the_ratio_says(films):
    for index in range(2):
        _, regions, ratio, patient = films[index, "cardiomegaly"]
        width = 2 * patient["habitus"]["width"] / patient["pixel"]  # of the thorax, in pixels
        columns = np.flatnonzero(regions["cardiomegaly"].any(axis=0))
        assert np.ptp(columns) + 1 == pytest.approx(
            ratio * width, abs=3.5
        )  # the film is a little tilted
        limit = chest.LIMIT[patient["view"]]
        assert films[index, None][2] < limit < ratio
        assert (
            ndimage.center_of_mass(regions["cardiomegaly"])[1] > 80
        )  # the apex lies on the image's right


def test_fluid_stands_higher_at_the_side_wall(films):
    for index in range(2):
        region = films[index, "pleural_effusion"][1]["pleural_effusion"]
        half = region[:, :80] if region[:, :80].sum() > region[:, 80:].sum() else region[:, :79:-1]
        columns = np.flatnonzero(half.any(axis=0))
        tops = half.argmax(axis=0)[columns]
        assert tops[: len(tops) // 3].mean() < tops[-len(tops) // 3 :].mean()


def test_visibility_scales_a_finding(films, monkeypatch):
    def contrast(image, regions):
        return (image - films[0, None][0])[regions["nodule"]].mean()

    plain = contrast(*films[0, "nodule"][:2])
    monkeypatch.setattr(chest, "VISIBILITY", 0.5)
    assert 0.35 * plain < contrast(*drawn(0, "nodule")[:2]) < 0.7 * plain


def test_patient_does_not_depend_on_the_others():
    whole = [case for case in chest.draw(seed=3, patients=2) if case.patient == "p001"]
    alone = list(chest.draw_patient(seed=3, index=1))
    assert len(whole) == len(alone) > 0
    for one, other in zip(whole, alone, strict=True):
        assert np.array_equal(one.image, other.image)
        assert one.regions.keys() == other.regions.keys()
        assert all(np.array_equal(one.regions[name], other.regions[name]) for name in one.regions)
        assert (one.case, one.labels, one.columns) == (other.case, other.labels, other.columns)


@pytest.mark.parametrize("finding", chest.FINDINGS)
def test_nuisances_are_independent_of_findings(patients, finding):
    """Site, view, sex, the marker, each mimic, size of the body, and whether the label is known."""
    label = [patient["present"][finding] for patient in patients]
    values = {name: [patient["mimics"][name] for patient in patients] for name in chest.MIMICS}
    values |= {
        name: [patient[name] for patient in patients] for name in ("site", "view", "sex", "marker")
    }
    values["width"] = [round(patient["habitus"]["width"] / 8) for patient in patients]
    values["known"] = [patient["known"][finding] for patient in patients]
    for name, value in values.items():
        assert chi2_contingency(pd.crosstab(value, label)).pvalue > 0.0005, name


def test_findings_are_independent_but_for_effusion_with_cardiomegaly(patients):
    present = pd.DataFrame([patient["present"] for patient in patients])
    assert np.allclose(present.mean(), chest.PREVALENCE, atol=0.03)
    for one in chest.FINDINGS:
        for other in chest.FINDINGS[: chest.FINDINGS.index(one)]:
            pvalue = chi2_contingency(pd.crosstab(present[one], present[other])).pvalue
            assert (pvalue < 1e-6) == ((other, one) == ("cardiomegaly", "pleural_effusion")), (
                one,
                other,
            )
    assert 0.05 < 1 - pd.DataFrame([patient["known"] for patient in patients]).mean().mean() < 0.08
    assert present.sum(axis=1).isin([0]).mean() > 0.05  # films without any


def test_attributes_are_drawn_alike_with_and_without_the_finding(patients):
    for finding in chest.FINDINGS:
        rows = [
            (patient["findings"][finding]["severity"], patient["present"][finding])
            for patient in patients
        ]
        assert chi2_contingency(pd.crosstab(*zip(*rows, strict=True))).pvalue > 0.0005
        assert {severity for severity, _ in rows} == set(chest.SEVERITY)


def test_an_unknown_label_shows_nothing_of_its_finding():
    for index in range(400):
        patient = chest.sample(np.random.default_rng([1, index]))
        if not patient["known"]["nodule"] and patient["present"]["nodule"]:
            break
    case = next(chest.draw_patient(1, index))
    assert case.labels["nodule"] == "" and "nodule" not in case.regions
    assert {value for name, value in case.columns.items() if name.startswith("nodule")} == {""}


def test_datasheet_states_what_is_in_use(committed):
    text = (COMMITTED / "DATASHEET.md").read_text(encoding="utf-8")
    for finding, ranges in chest.EXTENT.items():
        for severity, (low, high) in ranges.items():
            assert f"| {finding} | {severity} | {low:g} to {high:g} |" in text
    assert f"`VISIBILITY = {chest.VISIBILITY}`" in text and f"Seed {chest.SEED} " in text
    assert (
        f"`PREVALENCE = {chest.PREVALENCE}`" in text
        and f"`DEVICE_RADIUS = {chest.DEVICE_RADIUS}`" in text
    )


def test_negative_count_is_refused():
    with pytest.raises(ValueError, match="negative"):
        list(chest.draw(1, patients=-1))


def test_burnt_in_marker_stands_on_its_side():
    for seed in range(5):
        grey = np.zeros((thorax.SIZE, thorax.SIZE))
        thorax.burn(np.random.default_rng(seed), grey, "R")
        assert grey[:, :80].max() > 100 and grey[:, 80:].max() == 0
