"""Every reader: a small set in its published layout becomes exactly what it says, and bad input is refused in a line."""

import re
import shutil
import tracemalloc
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from published import EXAMPLES, area, coloured, picture, put, put_dicom, ring, run_lengths

from regard import cases, datasets

READERS = [name for name in datasets.READERS if name != "busi"]  # that one: test_datasets.py


def bring(name, folder, **options):
    return datasets.bring_in(name, folder / "source", folder / "target", **EXAMPLES[name].options | options)


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Per reader: its small set, written once; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("published")
    return {name: (folder / name, example.build(folder / name)) for name, example in EXAMPLES.items()}


@pytest.fixture
def copied(made, tmp_path):
    def copy(name):
        return shutil.copytree(made[name][0], tmp_path / "source")

    return copy


def masks_of(found, structure):
    return dict(zip(found.table["case"], found.regions[structure]))


def same(mask, boxes):
    """Whether `mask` is exactly the union of `boxes`; None is not annotated."""
    if mask is None or boxes is None:
        return mask is None and boxes is None
    return np.array_equal(mask, area(*boxes, size=mask.shape[::-1]))


def test_every_reader_has_an_example():
    assert list(EXAMPLES) == READERS


@pytest.mark.parametrize("name", READERS)
def test_set_becomes_exactly_what_it_says(made, copied, tmp_path, name):
    copied(name)
    found, example = bring(name, tmp_path), EXAMPLES[name]
    expected = example.table()
    assert found.table[list(expected)].replace(" ", "", regex=True).to_dict() == expected.to_dict()
    assert set(found.regions) == set(example.regions)
    for structure in example.regions:
        for case, mask in masks_of(found, structure).items():
            assert same(mask, example.region(structure, case)), (structure, case)
    for case, image in zip(found.table["case"], found.images):
        wanted = made[name][1][case]
        assert image.shape == wanted.shape and np.abs(image - wanted.astype(float)).mean() < 2, case


@pytest.mark.parametrize("name", READERS)
def test_target_is_a_set_in_8_bits_that_is_split_by_patient(copied, tmp_path, name):
    copied(name)
    bring(name, tmp_path)
    for path in (tmp_path / "target" / "images").iterdir():
        with Image.open(path) as image:
            assert image.mode in ("L", "RGB") and image.format == "PNG"
    found = cases.read(tmp_path / "target")
    split = found.split(seed=1)
    assert set(split) <= set(cases.SPLITS) and split.groupby(found.table["patient"]).nunique().max() == 1
    if "split" not in found.table and found.table["patient"].nunique() >= 3:
        assert set(split) == set(cases.SPLITS)


@pytest.mark.parametrize("name", READERS)
def test_import_again_or_from_an_archive_changes_no_byte_and_never_the_source(copied, tmp_path, name):
    source = copied(name)
    before = content(source)
    bring(name, tmp_path)
    first = content(tmp_path / "target")
    bring(name, tmp_path)
    assert content(tmp_path / "target") == first
    assert content(source) == before
    archive = shutil.make_archive(tmp_path / "packed", "zip", tmp_path, "source")
    datasets.bring_in(name, archive, tmp_path / "unzipped" / "target", **EXAMPLES[name].options)
    assert content(tmp_path / "unzipped") == {"target" / path: data for path, data in first.items()}


def refusal(name, folder, **options):
    """The one line with which the set in `folder`/source is refused, None where it is read; nothing may be left."""
    try:
        bring(name, folder, **options)
    except (ValueError, FileNotFoundError) as error:
        assert not [path.name for path in folder.iterdir() if path.name.startswith("target")]
        assert type(error) in (ValueError, FileNotFoundError) and "\n" not in str(error)
        return str(error)
    shutil.rmtree(folder / "target")
    return None


@pytest.mark.parametrize("name", READERS)
def test_every_file_that_is_missing_or_damaged_is_named(copied, tmp_path, name):
    source = copied(name)
    listed = lambda path, patterns: any(fnmatch(path.relative_to(source).as_posix(), one) for one in patterns)
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        path.unlink()
        said = refusal(name, tmp_path)
        allowed = said is None and listed(path, EXAMPLES[name].needless)
        assert allowed or path.stem in said or path.parent.name in said or path.suffix in said, (path, said)
        picture_file = path.suffix in (".png", ".jpg", ".pgm", ".dcm", ".dicom")
        for damaged in [b"\x00\xff damaged", whole[: len(whole) // 2]] if picture_file else [b"\x00\xff damaged"]:
            path.write_bytes(damaged)
            said = refusal(name, tmp_path)
            assert (said is None and listed(path, EXAMPLES[name].unread)) or path.name in (said or ""), (path, said)
        path.write_bytes(whole)


def rename_column(path, column, new):
    if path.suffix == ".xlsx":
        pd.read_excel(path, dtype=str).rename(columns={column: new}).to_excel(path, index=False)
    else:
        header, rest = path.read_text().split("\n", 1)
        assert column in header.split(",")
        path.write_text(",".join(new if name == column else name for name in header.split(",")) + "\n" + rest)


COLUMNS = [
    (name, path, column)
    for name, example in EXAMPLES.items()
    for path, columns in example.columns.items()
    for column in columns.split(",")
]


@pytest.mark.parametrize(("name", "path", "column"), COLUMNS)
def test_a_missing_column_is_named(copied, tmp_path, name, path, column):
    rename_column(copied(name) / path, column, "gone")
    said = refusal(name, tmp_path)
    assert said and path in said and f"has no column {column!r}" in said


def text(path, old, new):
    """Damage: `old` becomes `new` in the text file `path`."""

    def damage(folder):
        whole = (folder / path).read_text()
        assert old in whole
        (folder / path).write_text(whole.replace(old, new, 1))

    return damage


def cell(path, column, row, value):
    """Damage: the cell in `column` and `row` (header 1) of an Excel table becomes `value`."""

    def damage(folder):
        table = pd.read_excel(folder / path, dtype=str)
        table.loc[row - 2, column] = value
        table.to_excel(folder / path, index=False)

    return damage


def drawn(path, values):
    return lambda folder: put(folder / path, values)


def moved(path, other):
    return lambda folder: (folder / path).rename(folder / other)


SMALL = np.zeros((20, 30), np.uint8)
OTHER_SIZE = "the mask is 30 x 20 pixels, its image is 60 x 50"
BLUE = coloured(blue=[(1, 1, 5, 3)])
CESM, CESM_DRAWN = "Radiology manual annotations.xlsx", "Radiology_hand_drawn_segmentations_v2.csv"
BREAST = "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx"
CBIS_TABLE = "mass_case_description_train_set.csv"
SLIDE = "TCGA-A1-A0SK-DX1_xmin45749_ymin25055_MPP-0.2500"
SICAP_TRAIN, SICAP_CASE = "partition/Test/Train.xlsx", "16B02_Block_Region_1_0_0_xini_1_yini_2"
SEGMENTED, CONTOURED = "CheXlocalize/gt_segmentations_val.json", "CheXlocalize/gt_annotations_test.json"
VAL, VAL_CASE = "CheXpert/val_labels.csv", "patient64541_study1_view1_frontal"
TEST_CASE = "patient64741_study1_view1_frontal"
ENTRIES, BOXES = "Data_Entry_2017.csv", "BBox_List_2017.csv"
TRAIN_BOXES, TRAIN_LABELS = "annotations/annotations_train.csv", "annotations/image_labels_train.csv"

BROKEN = {
    "bus-bra": {
        "blank patient": (text("bus_data.csv", "02-r,2,", "02-r,,"), "bus_data.csv row 4: Case, the patient, is blank"),
        "label": (text("bus_data.csv", ",malignant", ",maligne"), "bus_data.csv row 4: Pathology is 'maligne'"),
        "outside": (text("bus_data.csv", "bus_0001-r", "../Masks/x"), "row 3: image '../Masks/x.png' is not a file"),
        "size": (drawn("Masks/mask_0001-r.png", SMALL), f"mask_0001-r.png: {OTHER_SIZE}"),
        "grey": (drawn("Masks/mask_0001-r.png", picture(3)), "mask_0001-r.png: the mask has the grey value"),
    },
    "breast": {
        "blank patient": (cell(BREAST, "CaseID", 3, None), f"{BREAST} row 3: CaseID, the patient, is blank"),
        "label": (cell(BREAST, "Classification", 3, "malign"), f"{BREAST} row 3: Classification is 'malign'"),
        "no mask": (cell(BREAST, "Mask_tumor_filename", 2, None), "row 2: case001.png is benign and has no mask"),
        "outside": (cell(BREAST, "Image_filename", 2, "../x.png"), "row 2: no image or mask '../x.png'"),
        "size": (drawn("BrEaST-Lesions_USG-images_and_masks/case002_tumor2.png", SMALL), f"tumor2.png: {OTHER_SIZE}"),
    },
    "mini-mias": {
        "class": (text("Info.txt", "CIRC B 40", "BLOB B 40"), "Info.txt row 2: 'mdb001 G BLOB B 40 12 2' is not"),
        "circle": (text("Info.txt", "40 12 2", "60 12 2"), "Info.txt row 2: the circle around"),
        "circle's y": (text("Info.txt", "40 12 2", "40 50 2"), "Info.txt row 2: the circle around"),
        "name": (text("Info.txt", "mdb003 D", "mdb3 D"), "Info.txt row 5: 'mdb3 D NORM' is not"),
    },
    "cbis-ddsm": {
        "blank patient": (text(CBIS_TABLE, "P_00001,", ","), f"{CBIS_TABLE} row 2: patient_id is blank"),
        "label": (text(CBIS_TABLE, ",BENIGN,", ",FINE,"), f"{CBIS_TABLE} row 3: pathology is 'FINE'"),
        "outside": (text(CBIS_TABLE, ",Mass-", ",../Mass-"), f"{CBIS_TABLE} row 2: no folder '..'"),
        "name": (moved(CBIS_TABLE, "mass_case_description_tune_set.csv"), "mass_case_description_tune_set.csv is"),
        "colour": (
            lambda f: put_dicom(
                next(f.glob("CBIS-DDSM/Mass-Test_P_00003_LEFT_CC/1.3.6/1.3.7/1-1.dcm")), SMALL, shown="PALETTE COLOR"
            ),
            "1-1.dcm .*PALETTE COLOR",
        ),
    },
    "cdd-cesm": {
        "blank patient": (cell(CESM, "Patient_ID", 5, None), f"{CESM} row 5: Patient_ID is blank"),
        "label": (cell(CESM, "Pathology Classification/ Follow up", 5, "Bad"), "row 5: Pathology .* is 'bad'"),
        "name": (cell(CESM, "Image_name", 5, "P2_L_XX_CC"), f"{CESM} row 5: .*P2_L_XX_CC"),
        "outside": (cell(CESM, "Image_name", 5, "../P2_L_DM_CC"), f"{CESM} row 5: no image ../P2_L_DM_CC.jpg"),
        "json": (text(CESM_DRAWN, '{""name""', '{""name'), f"{CESM_DRAWN} row 2: the shape .* is not readable"),
        "shape": (text(CESM_DRAWN, '""polygon""', '""blob""'), f"{CESM_DRAWN} row 2: unknown shape 'blob'"),
        "polygon": (text(CESM_DRAWN, "[5, 25", "[5, 65"), f"{CESM_DRAWN} row 2: the point .65, 10. lies outside"),
        "circle": (text(CESM_DRAWN, '""cx"": 40', '""cx"": 60'), f"{CESM_DRAWN} row 3: the circle around"),
        "box": (text(CESM_DRAWN, '""width"": 7', '""width"": 70'), f"{CESM_DRAWN} row 4: the box"),
    },
    "cdd-cesm-masks": {
        "name": (moved("images/P1_L_DM_CC.png", "images/P1.png"), "images/P1.png has no mask"),
        "names": (
            lambda f: [(f / of / "P1_L_DM_CC.png").rename(f / of / "P1.png") for of in ("images", "masks")],
            "images/P1.png is not named",
        ),
        "colour": (drawn("masks/P1_L_DM_CC.png", BLUE), "masks/P1_L_DM_CC.png: the mask has an unknown colour"),
        "empty": (drawn("masks/P1_L_DM_CC.png", coloured()), "masks/P1_L_DM_CC.png is empty"),
        "size": (drawn("masks/P1_L_DM_CC.png", SMALL), f"masks/P1_L_DM_CC.png: {OTHER_SIZE}"),
    },
    "breakhis": {
        "name": (drawn("SOB_X_A-14-22549AB-200-001.png", SMALL), "SOB_X_A-14-22549AB-200-001.png is not named"),
    },
    "camelyon": {"size": (drawn("masks/a.png", SMALL), f"masks/a.png: {OTHER_SIZE}")},
    "bcss": {
        "code": (
            drawn(f"masks/{SLIDE}.png", area((0, 0, 3, 3))),
            f"{SLIDE}.png: the mask has the unknown class code 255",
        ),
        "size": (drawn(f"masks/{SLIDE}.png", SMALL), f"{SLIDE}.png: {OTHER_SIZE}"),
        "name": (
            lambda f: [(f / of / f"{SLIDE}.png").rename(f / of / "A1.png") for of in ("images", "masks")],
            "images/A1.png is not named",
        ),
    },
    "rings": {
        "name": (
            lambda f: [(f / of / "P4_B1_1_1_1.png").rename(f / of / "B1.png") for of in ("images", "masks")],
            "images/B1.png is not named",
        ),
        "colour": (drawn("masks/P4_B1_1_1_1.png", BLUE), "P4_B1_1_1_1.png: the mask has an unknown colour"),
        "both": (
            drawn("masks/P4_B1_1_1_1.png", coloured([(1, 1, 3, 3)], [(5, 5, 9, 9)])),
            "P4_B1_1_1_1.png shows tumour and benign_gland",
        ),
        "neither": (drawn("masks/P4_B1_1_1_1.png", coloured()), "P4_B1_1_1_1.png shows neither"),
        "size": (drawn("masks/P4_B1_1_1_1.png", SMALL), f"P4_B1_1_1_1.png: {OTHER_SIZE}"),
    },
    "sicapv2": {
        "blank patient": (cell("wsi_labels.xlsx", "patient_id", 3, None), "Train.xlsx row 3: slide '16B02' has no pat"),
        "no slide": (cell("wsi_labels.xlsx", "slide_id", 5, "18C"), "Test.xlsx row 2: slide '18B' has no patient"),
        "no grade": (cell(SICAP_TRAIN, "NC", 2, "0"), "Train.xlsx row 2: .* is graded as nothing"),
        "both": (cell(SICAP_TRAIN, "NC", 3, "1"), "Train.xlsx row 3: .* is graded NC and G3 and G4"),
        "outside": (
            cell(SICAP_TRAIN, "image_name", 3, "../images/16B02_Block_1.jpg"),
            "Train.xlsx row 3: slide '../images/16B02' has no patient",
        ),
        "code": (
            drawn(f"masks/{SICAP_CASE}.png", SMALL + 2),
            f"{SICAP_CASE}.png: the mask has the unknown class code 2",
        ),
        "size": (drawn(f"masks/{SICAP_CASE}.png", SMALL), f"{SICAP_CASE}.png: {OTHER_SIZE}"),
    },
    "chexlocalize": {
        "label": (text(VAL, ",-1.0,", ",2,"), "val_labels.csv row 2: Consolidation is '2'"),
        "path": (text(VAL, "/patient64541/study1/view1_f", "/view1_f"), "val_labels.csv row 2: Path .* does not end"),
        "outside": (text(VAL, "valid/patient64541", "../patient6"), f"{SEGMENTED}|{VAL_CASE} is outlined"),
        "size": (
            lambda f: put(f / SEGMENTED, {VAL_CASE: {"Edema": {"size": [60, 50], "counts": [3000]}}}),
            f"{SEGMENTED}, {VAL_CASE}, Edema: the run-length code has size .60, 50.",
        ),
        "length": (
            lambda f: put(f / SEGMENTED, {VAL_CASE: {"Edema": {"size": [50, 60], "counts": [2000]}}}),
            f"{SEGMENTED}, {VAL_CASE}, Edema: the run-length code counts 2000",
        ),
        "img_size": (text(CONTOURED, "[50, 60]", "[60, 50]"), f"{CONTOURED}, {TEST_CASE}, Card.*: img_size is"),
        "contour": (text(CONTOURED, "[5, 10]", "[5, 60]"), f"{CONTOURED}, {TEST_CASE}, Card.*: the point .5, 60."),
        "finding": (text(CONTOURED, "Cardio", "Kardio"), f"{CONTOURED}, {TEST_CASE}: unknown finding 'Kardiomegaly'"),
        "json": (text(CONTOURED, "{", "["), f"{CONTOURED} is not readable as JSON"),
        "list": (lambda f: put(f / CONTOURED, [1]), f"{CONTOURED} is not made of one entry per image"),
        "stray": (text(CONTOURED, "64741", "64749"), "patient64749_study1_view1_frontal is outlined"),
        "no JSON": (lambda f: shutil.rmtree(f / "CheXlocalize"), "no gt_segmentations_"),
        "no table": (lambda f: [path.unlink() for path in f.rglob("*.csv")], "no table of labels"),
        "no image": (lambda f: [path.unlink() for path in f.rglob("*.jpg")], "none of the listed images"),
    },
    "chestx-ray14": {
        "blank patient": (text(ENTRIES, ",1,1,58", ",1,,58"), f"{ENTRIES} row 3: Patient ID is blank"),
        "finding": (text(ENTRIES, "Effusion|Mass", "Effusion|Lump"), f"{ENTRIES} row 3: a finding is 'Lump'"),
        "boxed finding": (text(BOXES, "Mass", "Lump"), f"{BOXES} row 4: Finding Label is 'Lump'"),
        "box": (text(BOXES, ",39.6,", ",53,"), f"{BOXES} row 4: the box"),
        "number": (text(BOXES, ",39.6,", ",left,"), f"{BOXES} row 4: the box is 'left', not a number"),
        "unlisted": (drawn("images_002/00000009_000.png", SMALL), "00000009_000.png has no row in .*Data_Entry"),
        "unlisted box": (text(BOXES, "00000001_001", "00000009_009"), "00000009_009.png has no row in .*Data_Entry"),
        "unlisted test": (text("test_list.txt", "3_000", "9_000"), "test_list.txt: '00000009_000.png' has no row in"),
        "no image": (lambda f: [path.unlink() for path in f.rglob("*.png")], "none of the listed images"),
        "twice": (drawn("images_002/00000001_000.png", SMALL), "00000001_000.png have the same name"),
    },
    "vindr-cxr": {
        "blank reader": (text(TRAIN_LABELS, "aaa1,R2,", "aaa1,,"), f"{TRAIN_LABELS} row 3: rad_id is blank"),
        "reader twice": (text(TRAIN_LABELS, "aaa1,R2,", "aaa1,R1,"), f"{TRAIN_LABELS} row 3: R1 reads image 'aaa1' a"),
        "number": (text(TRAIN_LABELS, "R2,1", "R2,yes"), f"{TRAIN_LABELS} row 3: Aortic enlargement is 'yes'"),
        "class": (text(TRAIN_BOXES, "Nodule/Mass", "Lump"), f"{TRAIN_BOXES} row 4: class_name is 'Lump'"),
        "box": (text(TRAIN_BOXES, ",35.0,", ",62,"), f"{TRAIN_BOXES} row 3: the box"),
        "turned": (text(TRAIN_BOXES, ",35.0,", ",15,"), f"{TRAIN_BOXES} row 3: the box is 0 x 6 pixels"),
        "coordinate": (text(TRAIN_BOXES, ",35.0,", ",,"), f"{TRAIN_BOXES} row 3: x_max is '', not a number"),
        "unlisted": (text(TRAIN_BOXES, "aaa1,R2", "aaa9,R2"), f"{TRAIN_BOXES} row 3: image 'aaa9' has no row"),
        "reader": (text(TRAIN_BOXES, "aaa1,R2", "aaa1,R9"), f"{TRAIN_BOXES} row 3: 'R9' boxed image 'aaa1'"),
        "no table": (lambda f: [p.unlink() for p in f.rglob("image_labels_*.csv")], "no image_labels_train.csv"),
        "no image": (lambda f: [path.unlink() for path in f.rglob("*.dicom")], "none of the listed images"),
    },
    "covid-cxr": {
        "blank patient": (text("metadata.csv", "20,,M", ",,M"), "metadata.csv row 4: patientid is blank"),
        "class": (text("structure.csv", "Left Lung", "Third Lung"), "structure.csv row 2: Class is 'third_lung'"),
        "no metadata": (text("metadata.csv", "ARDS 2.png", "ARDS 3.png"), "ARDS 2.png has structures .* no row in"),
        "resolution": (text("structure.csv", "60x50", "50x60"), "structure.csv row 2: Resolution is '50x60'"),
        "size": (text("structure.csv", "6,35,14,34", "6,35,34,14"), "structure.csv row 2: .*1.png is 14 x 34"),
        "place": (text("structure.csv", ",6,35,14", ",35,6,14"), "structure.csv row 2: the mask of 14 x 34"),
        "number": (text("structure.csv", ",6,35,14", ",top,35,14"), "structure.csv row 2: Top is 'top'"),
        "outside": (text("structure.csv", "masks/1.png", "../1.png"), "structure.csv row 2: mask '../1.png' is not"),
        "outside image": (
            lambda f: [text(name, "ARDS 2.png", "../ARDS 2.png")(f) for name in ("structure.csv", "metadata.csv")],
            "metadata.csv row 3: image '../ARDS 2.png' is not a file",
        ),
    },
    "folder": {
        "blank patient": (text("cases.csv", "b.png,p2", "b.png,"), "cases.csv row 3: patient is blank"),
        "outside": (text("cases.csv", "images/b.png", "../b.png"), "cases.csv row 3: image '../b.png' is not a file"),
        "mask outside": (text("cases.csv", "masks/a", "../a"), "cases.csv row 2: mask '../a.png' is not a file"),
        "geojson outside": (
            text("cases.csv", "b.geojson", "../b.g"),
            "cases.csv row 3: geojson '../b.g' is not a file",
        ),
        "box": (text("cases.csv", "5 10 20 6", "5 10 60 6"), "cases.csv row 2: the box"),
        "box of three": (text("cases.csv", "5 10 20 6", "5 10 20"), "cases.csv row 2: box:Lung Nodule has 3 numbers"),
        "number": (text("cases.csv", "5 10 20 6", "a 10 20 6"), "cases.csv row 2: box:Lung Nodule is 'a', not a num"),
        "circle": (text("cases.csv", "11 19 2", "11 50 2"), "cases.csv row 2: the circle"),
        "size": (drawn("masks/a.png", SMALL), f"cases.csv row 2: .*masks/a.png: {OTHER_SIZE}"),
        "geojson": (text("b.geojson", "Tumour", ""), "cases.csv row 3: .*b.geojson: feature 1 has no classification"),
        "geometry": (text("b.geojson", "Polygon", "Point"), "row 3: .*b.geojson: feature 1 is a .?Point"),
        "polygon": (text("b.geojson", "[10, 10]", "[90, 10]"), "row 3: .*b.geojson: the point .90, 10. lies outside"),
        "json": (text("b.geojson", "{", "["), "cases.csv row 3: .*b.geojson is not readable as JSON"),
        "two classes of a name": (
            text("b.geojson", "Stroma", "tumour"),
            "cases.csv row 3: structure 'tumour' is annotated in two ways",
        ),
        "two ways": (
            text("cases.csv", "circle:Dot", "circle:mass"),
            "row 2: structure 'mass' is annotated in two ways",
        ),
        "two ways in COCO": (text("coco.json", "Vessel", "DOT"), "coco.json: structure 'dot' is annotated in two ways"),
        "no name": (text("cases.csv", "circle:Dot", "circle:"), "cases.csv row 2: a structure has no name"),
        "COCO broken": (text("coco.json", "{", "["), "coco.json is not readable as JSON"),
        "COCO lists": (text("coco.json", '"categories"', '"classes"'), "coco.json: COCO has the lists"),
        "COCO entry": (text("coco.json", '"file_name"', '"name"'), "coco.json: an entry is not as COCO has it"),
        "COCO image": (text("coco.json", "images/c.png", "images/d.png"), "coco.json: image .* is not in the table"),
        "COCO category": (text("coco.json", '"category_id": 1', '"category_id": 2'), "coco.json: annotation 1 belongs"),
        "COCO size": (
            text("coco.json", "[50, 60]", "[60, 50]"),
            "coco.json: annotation 1: the run-length code has size",
        ),
        "COCO polygon": (text("coco.json", "[[20, 5", "[[90, 5"), "coco.json: annotation 2: the point"),
        "two tables": (
            lambda f: [moved("cases.csv", "a.csv")(f), shutil.copy(f / "a.csv", f / "b.csv")],
            "source must hold cases.csv or one other CSV, it holds 2",
        ),
    },
}
BAD = [(name, kind) for name, kinds in BROKEN.items() for kind in kinds]


@pytest.mark.parametrize(("name", "kind"), BAD)
def test_bad_input_is_refused_in_a_line_that_names_the_file(copied, tmp_path, name, kind):
    damage, message = BROKEN[name][kind]
    damage(copied(name))
    (tmp_path / "1.png").write_bytes(b"outside")  # what ../ would reach
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        said = refusal(name, tmp_path)
        assert not re.search(r"(\S+ row \d+: ).*\1", said), "a place is named twice"
        raise ValueError(said)


def test_every_reader_has_bad_input():
    assert list(BROKEN) == READERS


@pytest.mark.parametrize("name", READERS)
def test_an_interrupted_import_leaves_what_was_there_before(copied, tmp_path, name, monkeypatch):
    copied(name)
    archive = shutil.make_archive(tmp_path / "packed", "zip", tmp_path, "source")
    whole, saved = Image.Image.save, []

    def save(image, path, *arguments, **parameters):
        whole(image, path, *arguments, **parameters)
        if path.parent.name == "images":
            saved.append(path)
            if len(saved) == 3:
                raise KeyboardInterrupt

    bring(name, tmp_path)
    before = content(tmp_path / "target")
    monkeypatch.setattr(Image.Image, "save", save)
    for target in ("target", "new"):
        saved.clear()
        with pytest.raises(KeyboardInterrupt):
            datasets.bring_in(name, archive, tmp_path / target, **EXAMPLES[name].options)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["packed.zip", "source", "target"]
    assert content(tmp_path / "target") == before


def test_memory_stays_small_however_many_images(tmp_path):
    (tmp_path / "source").mkdir()
    image = area((100, 200, 300, 250), size=(1024, 1024)) * np.uint8(90)
    names = [f"{number}.png" for number in range(300)]
    put(tmp_path / "source" / names[0], image)
    for name in names[1:]:
        shutil.copy(tmp_path / "source" / names[0], tmp_path / "source" / name)
    one = {"geometry": {"type": "Polygon", "coordinates": [ring(5, 10, 25, 16)]}, "properties": {"classification": "x"}}
    put(tmp_path / "source" / "x.geojson", [one])
    rows = [f"{name},{at // 2},{'x.geojson' if at < 100 else ''},5 10 20 6" for at, name in enumerate(names)]
    put(tmp_path / "source" / "cases.csv", "\n".join(["image,patient,geojson,box:Mass", *rows]))
    tracemalloc.start()
    found = datasets.bring_in("folder", tmp_path / "source", tmp_path / "target")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 300 and found.regions["x"][99].any() and found.regions["x"][100] is None
    assert peak < image.nbytes * len(names) / 5


def test_images_that_are_listed_and_not_there_are_counted(copied, tmp_path, capsys):
    for name, wanted in {"chestx-ray14": "1 of 4", "vindr-cxr": "1 of 4", "chexlocalize": "1 of 3"}.items():
        source = copied(name)
        if name == "chexlocalize":
            next(source.rglob("patient64742/study2/view1_frontal.jpg")).unlink()
        found = bring(name, tmp_path)
        assert f"{wanted} listed images are left out: their files are not in" in capsys.readouterr().err
        assert len(found) == int(wanted[-1]) - 1
        shutil.rmtree(tmp_path / "source")
        shutil.rmtree(tmp_path / "target")


def test_cbis_ddsm_tells_each_abnormality_in_words(copied, tmp_path):
    copied("cbis-ddsm")
    told = bring("cbis-ddsm", tmp_path).table.set_index("case")["report"]
    assert told["P_00001_LEFT_CC"] == "mass, irregular, spiculated; mass, oval"
    assert told["P_00002_RIGHT_CC"] == "calcification, pleomorphic, linear clustered"


def test_cbis_ddsm_knows_a_test_patient_of_either_table(copied, tmp_path):
    for path in copied("cbis-ddsm").glob("calc*"):
        path.unlink()
    split = bring("cbis-ddsm", tmp_path).table.set_index("patient")["split"]
    assert split.to_dict() == {"P_00001": "train", "P_00002": "train", "P_00003": "test"}  # without calcifications


def test_cdd_cesm_reads_the_subtracted_images_on_demand(copied, tmp_path):
    copied("cdd-cesm")
    found = bring("cdd-cesm", tmp_path, kind="subtracted")
    assert found.table[["case", "patient", "label"]].values.tolist() == [["P1_L_CM_CC", "1", "malignant"]]
    assert same(found.regions["lesion"][0], [(30, 20, 44, 23)])
    with pytest.raises(ValueError, match="kind is 'both'; known are low-energy, subtracted"):
        bring("cdd-cesm", tmp_path, kind="both")


def test_breakhis_reads_one_magnification(copied, tmp_path):
    copied("breakhis")
    assert bring("breakhis", tmp_path, magnification=40).table["case"].tolist() == ["SOB_B_A-14-22549AB-40-001"]
    for power, message in {100: "no image of magnification 100", 300: "known are 40, 100, 200, 400"}.items():
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            bring("breakhis", tmp_path, magnification=power)


@pytest.mark.parametrize("name", ["camelyon", "bcss"])
@pytest.mark.parametrize(
    ("tile", "message"), [(0, "positive number"), ("20", "positive number"), (64, "no tile of 64")]
)
def test_a_tile_that_fits_no_image_is_refused(copied, tmp_path, name, tile, message):
    copied(name)
    assert message in refusal(name, tmp_path, tile=tile)


def test_chexlocalize_code_and_contour_of_one_outline_are_one_mask(copied, tmp_path):
    source = copied("chexlocalize")
    boxes = {"Cardiomegaly": (5, 10, 25, 16), "Airspace Opacity": (40, 30, 52, 47)}
    as_codes = bring("chexlocalize", tmp_path).regions
    as_codes = {name: [mask for mask in masks] for name, masks in as_codes.items()}
    (source / SEGMENTED).unlink()
    outlined = {name: [ring(a, b, c - 1, d - 1)] for name, (a, b, c, d) in boxes.items()}
    put(source / "CheXlocalize/gt_annotations_val.json", {VAL_CASE: {"img_size": [50, 60], **outlined}})
    for name, masks in bring("chexlocalize", tmp_path).regions.items():
        for mask, other in zip(masks, as_codes[name]):
            assert mask is other is None or np.array_equal(mask, other)
    put(source / SEGMENTED, {VAL_CASE: {"Cardiomegaly": run_lengths((2, 3, 9, 8))}})
    assert same(masks_of(bring("chexlocalize", tmp_path), "cardiomegaly")[VAL_CASE], [(2, 3, 9, 8)])  # codes go first


def test_chexlocalize_lateral_views_are_read_on_demand(copied, tmp_path):
    copied("chexlocalize")
    found = bring("chexlocalize", tmp_path, lateral=True)
    lateral = VAL_CASE.replace("view1_frontal", "view2_lateral")
    assert len(found) == 4 and masks_of(found, "cardiomegaly")[lateral] is None
    assert same(masks_of(found, "lung_lesion")[lateral], [])


def test_vindr_cxr_gives_each_reader_s_own_regions(copied, tmp_path):
    copied("vindr-cxr")
    found = bring("vindr-cxr", tmp_path, readers=True, findings=["Aortic enlargement"])
    assert list(found.regions) == ["aortic_enlargement", *(f"aortic_enlargement-{at}" for at in (1, 2, 3))]
    own = [masks_of(found, f"aortic_enlargement-{at}") for at in (1, 2, 3)]
    for mask, boxes in zip((one["aaa1"] for one in own), ([(5, 10, 25, 16)], [(15, 8, 35, 14)], [])):
        assert same(mask, boxes)
    assert own[1]["bbb1"] is None and same(own[0]["bbb1"], [(30, 20, 44, 23)])  # one consensus of five
    assert "pneumonia" not in found.table
    with pytest.raises(ValueError, match="findings is 'Lump'"):
        bring("vindr-cxr", tmp_path, findings=["Lump"])


def test_folder_needs_a_window_for_16_bits_that_rises(copied, tmp_path):
    copied("folder")
    for window, message in {None: "16-bit", (9,): "two numbers", (9, 9): "must rise"}.items():
        assert message in refusal("folder", tmp_path, window=window)


def test_folder_takes_masks_above_a_grey_value_and_a_table_of_another_name(copied, tmp_path):
    source = copied("folder")
    (source / "cases.csv").rename(source / "mine.csv")
    put(source / "masks" / "a.png", area((5, 10, 25, 16)) * np.uint8(90) + np.uint8(10))
    put(source / "masks" / "c.png", area((40, 30, 52, 47)) * np.uint8(90))
    mass = masks_of(bring("folder", tmp_path, above=40), "mass")
    assert same(mass["a"], [(5, 10, 25, 16)]) and same(mass["c"], [(40, 30, 52, 47)])


def test_unknown_options_are_refused(copied, tmp_path):
    copied("rings")
    assert "reader 'rings' has no option 'tile'; it has none" in refusal("rings", tmp_path, tile=20)
