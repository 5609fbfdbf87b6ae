"""The mammogram phantoms: committed set = code, the class acts through the descriptors alone, masks
where drawn.
"""

import copy
import itertools

import numpy as np
import pandas as pd
import pytest
from here import ROOT
from PIL import Image
from scipy import fft, ndimage
from scipy.stats import chi2_contingency

from regard.phantoms import breasts, mammography

COMMITTED = ROOT / "data" / "mammography"
STRUCTURES = {"mass": "mass_shape", "calcification": "calcification_morphology"}
REPORTED = ["view", "laterality", "density", *mammography.SIGNS]
COLUMNS = (
    "case,patient,image,label,exam_label,site,pixel_mm,reference,exam,view,laterality,density,mass_shape,mass_margin,"
    "calcification_morphology,calcification_distribution,artefact,report"
).split(",")


def read(path):
    with Image.open(path) as image:
        assert image.mode == "L" and not image.info, path
        return np.asarray(image).astype(int)


def sampled(seed, index):
    return mammography.sample(np.random.default_rng([seed, index]))


def patch(patient, number=0, seed=7):
    """One patch of a patient from a fixed source: the same anatomy whatever the findings."""
    return mammography._patch(np.random.default_rng(seed), patient, patient["patches"][number])


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(COMMITTED / "cases.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def patients():
    """What 2500 patients are drawn with, before any image."""
    return [sampled(1, index) for index in range(2500)]


@pytest.fixture(scope="module")
def drawn():
    """Patients with findings and, for each, first patch with and without them: the rest of the
    patch is the same.
    """
    found = []
    for index in range(40):
        patient = sampled(3, index)
        patient["patches"][0]["artefact"] = "none"
        bare = copy.deepcopy(patient)
        bare["patches"][0]["shows"] = False
        if patient["patches"][0]["shows"] and len(found) < 5:
            found.append((patient, *patch(patient), *patch(bare)))
    return found


def test_committed_set_is_what_the_code_draws(committed):
    """Every eighth patient in full: one grey level is what another processor's rounding may
    change.
    """
    for index in range(0, 360, 8):
        cases = list(mammography.draw_patient(mammography.SEED, index))
        rows = committed[committed["patient"] == f"p{index:03d}"]
        assert rows["case"].tolist() == [case.case for case in cases]
        for case, row in zip(cases, rows.to_dict("records"), strict=True):
            row.pop("image")
            assert row == {"case": case.case, "patient": case.patient} | case.labels | case.columns
            image = read(COMMITTED / "images" / f"{case.case}.png")
            assert np.abs(image - case.image.astype(int)).max() <= 1, case.case
            for structure, region in case.regions.items():
                mask = read(COMMITTED / "regions" / structure / f"{case.case}.png")
                assert np.array_equal(mask, region * 255), (case.case, structure)


def test_committed_table_is_what_the_code_draws(committed):
    """Every row, in all that is drawn before an image is made."""
    rows = []
    for index in range(360):
        patient = sampled(mammography.SEED, index)
        for number, made in enumerate(patient["patches"], start=1):
            label = patient["label"] if made["shows"] else "normal"
            row = {"case": f"p{index:03d}-{number}", "label": label, "exam_label": patient["label"]}
            row |= {"site": patient["site"], "exam": f"e{index:03d}", "view": made["view"]}
            row |= {
                "laterality": patient["laterality"],
                "density": patient["density"],
                "artefact": made["artefact"],
            }
            rows.append(
                row
                | dict.fromkeys(mammography.SIGNS, "none")
                | (patient["signs"] if made["shows"] else {})
            )
    assert committed[list(rows[0])].to_dict("records") == rows


def test_committed_layout(committed):
    assert committed.columns.tolist() == COLUMNS
    assert committed["case"].is_unique and committed["patient"].nunique() == 360
    assert (committed.groupby("patient")["exam"].nunique() == 1).all() and committed[
        "exam"
    ].nunique() == 360
    assert set(committed["label"]) == {"normal", "benign", "malignant"} and set(
        committed["reference"]
    ) == {"exact"}
    assert b"\r" not in (COMMITTED / "cases.csv").read_bytes()
    assert committed["image"].tolist() == [f"images/{case}.png" for case in committed["case"]]
    for image in committed["image"]:
        assert read(COMMITTED / image).shape == (160, 160)
    assert len(list((COMMITTED / "images").iterdir())) == len(committed)
    for structure, sign in STRUCTURES.items():
        assert len(list((COMMITTED / "regions" / structure).iterdir())) == len(committed)
        for case, value in zip(committed["case"], committed[sign], strict=True):
            mask = read(COMMITTED / "regions" / structure / f"{case}.png")
            assert mask.shape == (160, 160) and set(np.unique(mask)) == (
                {0} if value == "none" else {0, 255}
            ), case
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) <= 6.5e6


@pytest.mark.parametrize("structure", STRUCTURES)
def test_committed_set_has_patients_enough(committed, structure):
    """At least 40 of a random 40 % of the patients must hold the structure: 115 of 360, to be
    safe.
    """
    assert committed.loc[committed[STRUCTURES[structure]] != "none", "patient"].nunique() >= 115


def test_exam_label_is_the_worst_of_its_patches(committed):
    rank = committed["label"].map(list(mammography.LABELS).index)
    worst = (
        rank.groupby(committed["exam"]).transform("max").map(list(mammography.LABELS).__getitem__)
    )
    assert (worst == committed["exam_label"]).all()
    assert (
        (committed["label"] == "normal")
        == (committed[list(STRUCTURES.values())] == "none").all(axis=1)
    ).all()
    assert (committed["label"] != committed["exam_label"]).any()


def test_report_follows_from_the_columns(committed):
    """Rebuilt from the drawn attributes; it names each of them, no other value of the same sign,
    and no class.
    """
    words = {"oval": "an oval", "round": "a round", "irregular": "an irregular"}
    for row in committed.to_dict("records"):
        text = row["report"]
        assert text == mammography.report(**{column: row[column] for column in REPORTED})
        assert mammography.COMPOSITION[row["density"]] in text
        assert text.startswith(
            {"L": "Left", "R": "Right"}[row["laterality"]] + f" breast, {row['view']} view."
        )
        for sign, table in mammography.SIGNS.items():
            for value in table:
                assert (words.get(value, value) in text) == (row[sign] == value), (
                    row["case"],
                    value,
                )
        assert ("no mass" in text) == (row["label"] == "normal")
        assert not any(word in text.lower() for word in ("malignan", "benign", "normal", "cancer"))


def test_label_reaches_the_image_through_the_descriptors_alone():
    """The same patient under another label, descriptors kept, gives the same image; other
    descriptors do not.
    """
    patient = next(
        patient for index in range(99) if "mass_margin" in (patient := sampled(5, index))["signs"]
    )
    image, regions = patch(patient)
    for label in set(mammography.LABELS) - {patient["label"]}:
        other, masks = patch(patient | {"label": label})
        assert np.array_equal(image, other)
        assert all(np.array_equal(regions[structure], masks[structure]) for structure in regions)
    margin = "spiculated" if patient["signs"]["mass_margin"] == "circumscribed" else "circumscribed"
    assert not np.array_equal(
        image, patch(patient | {"signs": patient["signs"] | {"mass_margin": margin}})[0]
    )


def test_findings_are_drawn_where_the_masks_are(drawn):
    """With and without findings: the image changes most inside the masks and not at all far from
    them.
    """
    seen = set()
    for patient, image, regions, bare, none in drawn:
        change, union = image.astype(int) - bare, regions["mass"] | regions["calcification"]
        assert not none["mass"].any() and not none["calcification"].any()
        for structure, sign in STRUCTURES.items():
            assert regions[structure].any() == (sign in patient["signs"])
            seen |= {structure} if regions[structure].any() else set()
        spiculated = patient["signs"].get("mass_margin") == "spiculated"
        pixel = mammography.SITES[patient["site"]]["pixel"]
        away = (
            ndimage.distance_transform_edt(~union) * pixel
        )  # mm; spicules, then edge enhancement, reach out
        reach = 22 if spiculated else {"obscured": 14}.get(patient["signs"].get("mass_margin"), 7)
        assert np.abs(change[away > reach]).max(initial=0) <= 1
        assert change[union].mean() > 4 and change[union].mean() > 3 * np.abs(change[~union]).mean()
    assert seen == set(STRUCTURES)


def test_calcifications_lie_inside_their_mask():
    """The bright particles, found by comparing with the same breast without them, are all inside
    the hull.
    """
    tested = 0
    for index in range(40):
        patient = sampled(4, index)
        if (
            set(patient["signs"]) != {"calcification_morphology", "calcification_distribution"}
            or tested == 4
        ):
            continue
        patient["patches"] = [patient["patches"][0] | {"artefact": "none"}]
        image, regions = patch(patient)
        patient["patches"][0]["shows"] = False
        change = image.astype(int) - patch(patient)[0]
        assert not (change > 12)[~ndimage.binary_dilation(regions["calcification"])].any()
        assert (change > 12)[regions["calcification"]].sum() >= 8
        tested += 1
    assert tested == 4


def test_patches_of_normal_and_other_exams_have_the_same_anatomy(drawn):
    """A breast is not drawn differently where there is nothing to find: the label is drawn after
    it.
    """
    patient, _, _, bare, _ = drawn[0]
    normal = copy.deepcopy(patient) | {"label": "normal", "signs": {}, "mass": None}
    normal["patches"][0]["shows"] = False
    assert np.array_equal(patch(normal)[0], bare)


def test_patient_does_not_depend_on_the_others():
    made = [case for case in mammography.draw(seed=3, patients=3) if case.patient == "p002"]
    alone = list(mammography.draw_patient(seed=3, index=2))
    assert len(made) == len(alone) > 0
    for one, other in zip(made, alone, strict=True):
        assert np.array_equal(one.image, other.image)
        assert all(
            np.array_equal(one.regions[structure], other.regions[structure])
            for structure in STRUCTURES
        )
        assert (one.case, one.labels, one.columns) == (other.case, other.labels, other.columns)
    with pytest.raises(ValueError, match="negative"):
        list(mammography.draw(1, patients=-1))


def test_two_patches_are_two_views_of_one_breast(patients):
    twice = [patient["patches"] for patient in patients if len(patient["patches"]) == 2]
    assert 0.15 < len(twice) / len(patients) < 0.25
    assert all({first["view"], second["view"]} == {"CC", "MLO"} for first, second in twice)
    assert any(first["shows"] and not second["shows"] for first, second in twice)


NUISANCES = {
    "site": lambda patient: patient["site"],
    "laterality": lambda patient: patient["laterality"],
    "density": lambda patient: patient["density"],
    "patches": lambda patient: len(patient["patches"]),
    "view": lambda patient: patient["patches"][0]["view"],
    "artefact": lambda patient: patient["patches"][0]["artefact"],
    "size": lambda patient: round(patient["size"] / 4),
    "number": lambda patient: round(patient["number"] * 3),
    "depth": lambda patient: round(patient["breast"]["depth"] / 10),
}


@pytest.mark.parametrize("nuisance", NUISANCES)
def test_nuisances_are_independent_of_class(patients, nuisance):
    values = [(NUISANCES[nuisance](patient), patient["label"]) for patient in patients]
    frame = pd.DataFrame(values, columns=["value", "label"])
    assert chi2_contingency(pd.crosstab(frame["value"], frame["label"])).pvalue > 0.001


def test_every_descriptor_occurs_in_both_classes(patients):
    assert np.allclose(np.sum(list(mammography.FINDINGS.values()), axis=0), 1)
    for sign, table in mammography.SIGNS.items():
        assert np.allclose(np.sum(list(table.values()), axis=0), 1), sign
        for label in ("benign", "malignant"):
            seen = {patient["signs"].get(sign) for patient in patients if patient["label"] == label}
            assert seen == {*table, None}, (sign, label)
    assert not any(patient["signs"] for patient in patients if patient["label"] == "normal")


def test_no_reading_of_the_descriptors_separates_the_classes():
    """The area under the ROC of the best possible reader of the drawn descriptors: high, but below
    certainty.
    """
    joint = {"benign": [], "malignant": []}
    for label, chances in joint.items():
        for finding, share in mammography.probabilities(mammography.FINDINGS, label).items():
            signs = [
                sign for sign in mammography.SIGNS if finding == "both" or sign.startswith(finding)
            ]
            tables = (
                mammography.probabilities(mammography.SIGNS[sign], label).values() for sign in signs
            )
            chances += [share * np.prod(values) for values in itertools.product(*tables)]
    benign, malignant = (np.array(joint[label]) for label in joint)
    order = np.argsort(malignant / benign)
    benign, malignant = benign[order], malignant[order]
    assert 0.95 < np.sum(malignant * (np.cumsum(benign) - benign / 2)) < 0.995


def slope(field):
    """Exponent of the power spectrum of a square field, frequencies from 1/32 to 1/4 per sample."""
    window = np.hanning(len(field))
    power = np.abs(fft.fft2((field - field.mean()) * np.outer(window, window))) ** 2
    frequency = np.hypot(fft.fftfreq(len(field))[:, None], fft.fftfreq(len(field)))
    band = (frequency > 1 / 32) & (frequency < 1 / 4)
    return np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]


def test_parenchyma_has_a_power_law_spectrum():
    """About 1 / frequency^3 (Burgess et al. 2001), in the field it is made of and in patches
    without findings.
    """
    rng = np.random.default_rng(1)
    fields = [breasts.power_law(rng, 0.25, longest=1e6)[:128, :128] for _ in range(8)]
    assert np.mean([slope(field) for field in fields]) == pytest.approx(-3, abs=0.15)
    slopes = []
    for index in range(6):
        patient = sampled(2, index)
        patient["patches"] = [{"view": "CC", "artefact": "none", "shows": False}]
        image = patch(patient | {"laterality": "L"}, seed=index)[0]
        slopes.append(slope(image[48:112, 6:70].astype(float)))
    assert -3.6 < np.mean(slopes) < -2.4


def test_denser_breasts_are_brighter():
    means = []
    for density in "abcd":
        patient = sampled(2, 0) | {"site": "A", "laterality": "L", "density": density}
        patient["patches"] = [{"view": "CC", "artefact": "none", "shows": False}]
        patient["breast"]["gland"] = mammography.GLAND[density]
        means.append(patch(patient)[0][40:120, 5:80].mean())
    assert np.all(np.diff(means) > 3), means


@pytest.mark.parametrize("index", range(3))
def test_right_breasts_hang_with_the_chest_wall_on_the_right(index):
    """The mirror image of the left, marker apart; air is opposite the chest wall, muscle at it in
    MLO only.
    """
    patient = sampled(6, index)
    patient["patches"][0]["artefact"] = "none"
    left, right = (patch(patient | {"laterality": side}) for side in "LR")
    assert np.array_equal(left[0], right[0][:, ::-1])
    assert all(
        np.array_equal(left[1][structure], right[1][structure][:, ::-1]) for structure in STRUCTURES
    )
    assert left[0][:, 0].mean() > left[0][:, -1].mean()


def test_marker_changes_a_corner_and_nothing_else():
    patient = sampled(6, 0)
    marked, plain = copy.deepcopy(patient), copy.deepcopy(patient)
    marked["patches"][0]["artefact"], plain["patches"][0]["artefact"] = "marker", "none"
    rows, columns = np.nonzero(patch(marked)[0] != patch(plain)[0])
    assert 20 < len(rows) < 120 and np.ptp(rows) <= 5 and np.ptp(columns) <= 24
    assert rows.max() < 20 or rows.min() > 140


def test_datasheet_states_the_numbers_in_use(committed):
    text = (COMMITTED / "DATASHEET.md").read_text(encoding="utf-8")
    for name, table in {"findings": mammography.FINDINGS, **mammography.SIGNS}.items():
        for value, (benign, malignant) in table.items():
            assert f"| {name} | {value} | {benign:.2f} | {malignant:.2f} |" in text
    assert f"`OVERLAP = {mammography.OVERLAP}`" in text and f"Seed {mammography.SEED} " in text
    count = committed["label"].value_counts()
    assert f"{len(committed)} patches of 360 patients" in text
    assert (
        f"{count['normal']} normal, {count['benign']} benign, {count['malignant']} malignant"
        in text
    )
