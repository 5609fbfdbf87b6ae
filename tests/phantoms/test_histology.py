"""The histology phantoms: what is committed is what the code draws, and the class acts inside the
focus alone.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from here import ROOT
from PIL import Image
from scipy import ndimage
from scipy.stats import chi2_contingency

from regard import phantoms
from regard.phantoms import histology, tissues

COMMITTED = ROOT / "data" / "histology"
COLUMNS = (
    "case,patient,image,label,site,pixel_mm,reference,"
    "size,pleomorphism,chromatin,crowding,architecture,mitoses,focus_share,artefact"
).split(",")
PATIENTS = 235
# The two ends of what the signs can say.
MILD = {"size": "small", "pleomorphism": "slight", "chromatin": "fine", "crowding": "spaced"}
MILD |= {"architecture": "glands", "mitoses": "absent"}
SEVERE = {
    "size": "large",
    "pleomorphism": "marked",
    "chromatin": "hyperchromatic",
    "crowding": "crowded",
}
SEVERE |= {"architecture": "sheets", "mitoses": "present"}


def read(path, mode):
    with Image.open(path) as image:
        assert image.mode == mode and not image.info, path
        return np.asarray(image).astype(int)


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(COMMITTED / "cases.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def patients():
    """What 2500 patients are drawn with, before any image."""
    return [histology.sample(np.random.default_rng([1, index])) for index in range(2500)]


def view(index, artefact="none", signs=None, label=None):
    """Image and focus of patient `index` of draw 1, with the signs or the label replaced."""
    rng = np.random.default_rng([1, index])
    patient = histology.sample(rng)
    if label:
        patient["label"] = label
    if signs:
        patient["signs"] = signs
        patient["cells"] = tissues.Cells(
            diameter=histology.DIAMETER[signs["size"]][0],
            spread=histology.SPREAD[signs["pleomorphism"]][0],
            density=histology.DENSITY[signs["chromatin"]][0],
            chromatin=signs["chromatin"],
            pitch=histology.PITCH[signs["crowding"]][0],
        )
    image, focus = histology._view(rng, patient, artefact)
    return image.astype(int), focus


def test_committed_set_is_what_the_code_draws(committed):
    """Every eighth patient in full: one grey level is what another processor's rounding may
    change.
    """
    for index in range(0, PATIENTS, 8):
        cases = list(histology.draw_patient(histology.SEED, index))
        rows = committed[committed["patient"] == f"p{index:03d}"]
        assert rows["case"].tolist() == [case.case for case in cases]
        for case, row in zip(cases, rows.to_dict("records"), strict=True):
            row.pop("image")
            assert row == {"case": case.case, "patient": case.patient} | case.labels | case.columns
            image = read(COMMITTED / "images" / f"{case.case}.png", "RGB")
            assert np.abs(image - case.image.astype(int)).max() <= 1, case.case
            mask = read(COMMITTED / "regions" / "tumour" / f"{case.case}.png", "L")
            assert np.array_equal(mask, case.regions["tumour"] * 255), case.case


def test_committed_table_is_what_the_code_draws(committed):
    """Every row, in all that is drawn before an image is made."""
    drawn = []
    for index in range(PATIENTS):
        patient = histology.sample(np.random.default_rng([histology.SEED, index]))
        for number, artefact in enumerate(patient["artefacts"], start=1):
            shared = {
                "patient": f"p{index:03d}",
                "label": patient["label"],
                "site": patient["site"],
            }
            drawn.append(
                {"case": f"p{index:03d}-{number}"}
                | shared
                | patient["signs"]
                | {"artefact": artefact}
            )
    assert committed[list(drawn[0])].to_dict("records") == drawn


def test_committed_layout(committed):
    assert committed.columns.tolist() == COLUMNS
    assert committed["case"].is_unique and committed["patient"].nunique() == PATIENTS
    assert set(committed["label"]) == {"benign", "malignant"} and set(committed["reference"]) == {
        "exact"
    }
    assert (committed.groupby("patient")["label"].nunique() == 1).all()
    assert b"\r" not in (COMMITTED / "cases.csv").read_bytes()
    for row in committed.to_dict("records"):
        assert row["image"] == f"images/{row['case']}.png"
        assert read(COMMITTED / row["image"], "RGB").shape == (128, 128, 3)
        mask = read(COMMITTED / "regions" / "tumour" / f"{row['case']}.png", "L")
        assert mask.shape == (128, 128)
        if row["label"] == "benign":  # annotated as absent
            assert not mask.any(), row["case"]
        else:
            assert (
                set(np.unique(mask)) == {0, 255}
                and f"{(mask / 255).mean():.3f}" == row["focus_share"]
            ), row["case"]
    assert len(list((COMMITTED / "images").iterdir())) == len(committed)
    assert len(list((COMMITTED / "regions" / "tumour").iterdir())) == len(committed)
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) < 7.5e6


def test_enough_patients_with_a_tumour(committed):
    """Two fifths of the patients come into the test split, which needs 40 tumours or more."""
    malignant = committed.loc[committed["label"] == "malignant", "patient"].nunique()
    assert malignant >= 115 and PATIENTS - malignant >= 60


def test_label_reaches_the_image_through_the_signs_alone():
    for index in range(2):
        benign, malignant = (view(index, label=label) for label in ("benign", "malignant"))
        assert np.array_equal(benign[0], malignant[0]) and np.array_equal(benign[1], malignant[1])


def test_signs_act_inside_the_focus_alone():
    """From one end of the signs to the other: same outline, same surroundings, a darker inside.

    Blur and shrinkage around the epithelium reach over the outline by no more than a few pixels.
    """
    for index in range(3):
        (mild, focus), (severe, same) = view(index, signs=MILD), view(index, signs=SEVERE)
        assert np.array_equal(focus, same)
        change = np.abs(mild - severe).max(axis=2)
        distance = ndimage.distance_transform_edt(~focus)
        assert change[distance > 12].max() == 0
        assert change[distance > 5].max() <= 3
        assert change[focus].mean() > 20
        assert severe[focus, 0].mean() < mild[focus, 0].mean() - 10  # haematoxylin absorbs red
        assert 0.1 < focus.mean() < 0.6


def test_mask_is_the_focus_of_malignant_images():
    cases = [case for index in range(6) for case in histology.draw_patient(1, index)]
    assert {case.labels["label"] for case in cases} == {"benign", "malignant"}
    for case in cases:
        mask = case.regions["tumour"]
        assert mask.shape == (128, 128) and mask.dtype == bool
        assert case.image.shape == (128, 128, 3) and case.image.dtype == np.uint8
        expected = float(case.columns["focus_share"]) if case.labels["label"] == "malignant" else 0
        assert mask.mean() == pytest.approx(expected, abs=6e-4)


def blank(length=200, step=0.25):
    place = (np.arange(length) + 0.5) * step
    return tissues.Tissue(
        np.zeros((length, length)), np.zeros((length, length)), place[:, None], place[None], step
    )


@pytest.mark.parametrize("diameter", [7, 11])
def test_nuclei_have_the_drawn_diameter(diameter):
    """The area of even nuclei is that of a disc; one in eight is a smaller cap, which the median
    leaves out.
    """
    cells, rng, areas = (
        tissues.Cells(diameter, 0.001, 0.8, "hyperchromatic", 1),
        np.random.default_rng(1),
        [],
    )
    for _ in range(25):
        tissue = blank()
        tissues.nucleus(rng, tissue, np.zeros((200, 200)), (25, 25), cells, rng.uniform(0, np.pi))
        areas.append((tissue.haematoxylin > 0.5 * tissue.haematoxylin.max()).sum() * tissue.step**2)
    assert np.median(areas) == pytest.approx(np.pi * diameter**2 / 4, rel=0.06)


def test_light_follows_beer_and_lambert():
    length, white = (
        histology.SIZE * histology.FINE + 2 * histology.MARGIN,
        np.array([250.0, 245.0, 240.0]),
    )
    haematoxylin, eosin = np.full((length, length), 0.5), np.full((length, length), 0.2)
    image = histology.scan(haematoxylin, eosin, histology.RUIFROK, 1.5, white)
    assert image.shape == (128, 128, 3)
    expected = 0.5 * histology.RUIFROK[0] + 0.2 * histology.RUIFROK[1]
    assert -np.log10(image / white) == pytest.approx(
        np.broadcast_to(expected, image.shape), abs=1e-9
    )


def test_cells_keep_their_distance():
    tissue = blank()
    level = 20 - np.hypot(tissue.rows - 25, tissue.columns - 25)
    points = tissues.scatter(np.random.default_rng(1), tissue, level, 5.0)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + 99 * np.eye(len(points))
    assert len(points) > 20 and apart.min() >= 5.0
    assert np.linalg.norm(points - 25, axis=1).max() < 20.5
    assert len(tissues.scatter(np.random.default_rng(1), tissue, level - 99, 5.0)) == 0


def test_artefacts_change_the_image_but_not_the_focus():
    plain, focus = view(2)
    sharpness = {}
    for artefact in ("fold", "defocus"):
        image, same = view(2, artefact)
        assert np.array_equal(focus, same) and not np.array_equal(image, plain)
        sharpness[artefact] = (
            np.abs(np.diff(image, axis=0)).mean() / np.abs(np.diff(plain, axis=0)).mean()
        )
        if artefact == "fold":
            assert image.mean() < plain.mean() - 2
    assert sharpness["defocus"] < 0.8


def test_patient_does_not_depend_on_the_others():
    drawn = [case for case in histology.draw(seed=3, patients=3) if case.patient == "p002"]
    alone = list(histology.draw_patient(seed=3, index=2))
    assert len(drawn) == len(alone) > 0
    for one, other in zip(drawn, alone, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.regions["tumour"], other.regions["tumour"])
        assert (one.case, one.labels, one.columns) == (other.case, other.labels, other.columns)


def test_images_of_a_patient_share_the_signs_but_not_the_tissue(patients):
    index = next(index for index, patient in enumerate(patients) if len(patient["artefacts"]) == 2)
    first, second = histology.draw_patient(seed=1, index=index)
    assert first.labels == second.labels
    assert all(first.columns[key] == second.columns[key] for key in ("site", *histology.SIGNS))
    assert np.abs(first.image.astype(int) - second.image).mean() > 5


@pytest.mark.parametrize(
    "nuisance", ["artefacts", "site", "images", "fat", "lymphocytes", "eosin", "collagen"]
)
def test_nuisances_are_independent_of_class(patients, nuisance):
    values = {
        "artefacts": [
            (artefact, patient["label"])
            for patient in patients
            for artefact in patient["artefacts"]
        ],
        "site": [(patient["site"], patient["label"]) for patient in patients],
        "images": [(len(patient["artefacts"]), patient["label"]) for patient in patients],
        "fat": [(patient["tissue"]["fat"] > 0, patient["label"]) for patient in patients],
        "lymphocytes": [
            (patient["tissue"]["lymphocytes"], patient["label"]) for patient in patients
        ],
        "eosin": [
            (round(4 * np.log(patient["slide"]["eosin"])), patient["label"]) for patient in patients
        ],
        "collagen": [
            (round(patient["tissue"]["collagen"], 1), patient["label"]) for patient in patients
        ],
    }[nuisance]
    frame = pd.DataFrame(values, columns=["value", "label"])
    assert chi2_contingency(pd.crosstab(frame["value"], frame["label"])).pvalue > 0.001


def test_every_sign_occurs_in_both_classes(patients):
    for sign, table in histology.SIGNS.items():
        assert np.allclose(np.sum(list(table.values()), axis=0), 1), sign
        for label in ("benign", "malignant"):
            drawn = [patient["signs"][sign] for patient in patients if patient["label"] == label]
            for value, chance in histology.probabilities(sign, label).items():
                assert (
                    drawn.count(value) / len(drawn) == pytest.approx(chance, abs=0.05)
                    and value in drawn
                )


def test_the_best_reader_of_the_signs_is_as_good_as_the_datasheet_says():
    """The area under the ROC of the best possible reader of the drawn signs: nearly certain, so
    pixels are the task.
    """
    benign, malignant = (
        np.array([np.prod(chances) for chances in itertools.product(
            *(histology.probabilities(sign, label).values() for sign in histology.SIGNS)
        )]) for label in ("benign", "malignant")
    )  # fmt: skip
    order = np.argsort(malignant / benign)
    benign, malignant = benign[order], malignant[order]
    auc = np.sum(malignant * (np.cumsum(benign) - benign / 2))
    assert 0.9 < auc < 0.9995, auc
    assert f"area under the ROC of {auc:.3f}" in (COMMITTED / "DATASHEET.md").read_text(
        encoding="utf-8"
    )


def test_datasheet_states_what_is_in_use(committed):
    text = (COMMITTED / "DATASHEET.md").read_text(encoding="utf-8")
    for sign, table in histology.SIGNS.items():
        for value, (benign, malignant) in table.items():
            assert f"| {sign} | {value} | {benign:.2f} | {malignant:.2f} |" in text
    assert f"`OVERLAP = {histology.OVERLAP}`" in text and f"Seed {histology.SEED} " in text
    labels, artefacts = committed["label"].value_counts(), committed["artefact"].value_counts()
    tumours = committed.loc[committed["label"] == "malignant", "patient"].nunique()
    counts = (
        f"{len(committed)} images of {PATIENTS} patients: {labels['benign']} benign, "
        f"{labels['malignant']} malignant "
        f"({tumours} patients)"
    )
    flat = " ".join(text.split())
    assert (
        counts in flat
        and f"A fold on {artefacts['fold']} images, {artefacts['defocus']} out of focus." in flat
    )


def test_negative_count_is_refused():
    with pytest.raises(ValueError, match="negative"):
        list(histology.draw(1, patients=-1))
    assert phantoms.SEEDS["histology"] == histology.SEED
