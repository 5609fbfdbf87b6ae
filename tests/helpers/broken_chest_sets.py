"""What can be wrong with a small set of each reader of chest X-rays."""

import shutil

from damages import (
    BOXES,
    CONTOURED,
    ENTRIES,
    SEGMENTED,
    SMALL,
    TEST_CASE,
    TRAIN_BOXES,
    TRAIN_LABELS,
    VAL,
    VAL_CASE,
    drawn,
    text,
)
from published import put

BROKEN_CHEST = {
    "chexlocalize": {
        "label": (text(VAL, ",-1.0,", ",2,"), "val_labels.csv row 2: Consolidation is '2'"),
        "path": (
            text(VAL, "/patient64541/study1/view1_f", "/view1_f"),
            "val_labels.csv row 2: Path .* does not end",
        ),
        "outside": (
            text(VAL, "valid/patient64541", "../patient6"),
            f"{SEGMENTED}|{VAL_CASE} is outlined",
        ),
        "size": (
            lambda f: put(
                f / SEGMENTED, {VAL_CASE: {"Edema": {"size": [60, 50], "counts": [3000]}}}
            ),
            f"{SEGMENTED}, {VAL_CASE}, Edema: the run-length code has size .60, 50.",
        ),
        "length": (
            lambda f: put(
                f / SEGMENTED, {VAL_CASE: {"Edema": {"size": [50, 60], "counts": [2000]}}}
            ),
            f"{SEGMENTED}, {VAL_CASE}, Edema: the run-length code counts 2000",
        ),
        "img_size": (
            text(CONTOURED, "[50, 60]", "[60, 50]"),
            f"{CONTOURED}, {TEST_CASE}, Card.*: img_size is",
        ),
        "contour": (
            text(CONTOURED, "[5, 10]", "[5, 60]"),
            f"{CONTOURED}, {TEST_CASE}, Card.*: the point .5, 60.",
        ),
        "finding": (
            text(CONTOURED, "Cardio", "Kardio"),
            f"{CONTOURED}, {TEST_CASE}: unknown finding 'Kardiomegaly'",
        ),
        "json": (text(CONTOURED, "{", "["), f"{CONTOURED} is not readable as JSON"),
        "list": (
            lambda f: put(f / CONTOURED, [1]),
            f"{CONTOURED} is not made of one entry per image",
        ),
        "stray": (
            text(CONTOURED, "64741", "64749"),
            "patient64749_study1_view1_frontal is outlined",
        ),
        "no JSON": (lambda f: shutil.rmtree(f / "CheXlocalize"), "no gt_segmentations_"),
        "no table": (lambda f: [path.unlink() for path in f.rglob("*.csv")], "no table of labels"),
        "no image": (
            lambda f: [path.unlink() for path in f.rglob("*.jpg")],
            "none of the listed images",
        ),
    },
    "chestx-ray14": {
        "blank patient": (
            text(ENTRIES, ",1,1,58", ",1,,58"),
            f"{ENTRIES} row 3: Patient ID is blank",
        ),
        "finding": (
            text(ENTRIES, "Effusion|Mass", "Effusion|Lump"),
            f"{ENTRIES} row 3: a finding is 'Lump'",
        ),
        "boxed finding": (text(BOXES, "Mass", "Lump"), f"{BOXES} row 4: Finding Label is 'Lump'"),
        "box": (text(BOXES, ",39.6,", ",53,"), f"{BOXES} row 4: the box"),
        "number": (
            text(BOXES, ",39.6,", ",left,"),
            f"{BOXES} row 4: the box is 'left', not a number",
        ),
        "unlisted": (
            drawn("images_002/00000009_000.png", SMALL),
            "00000009_000.png has no row in .*Data_Entry",
        ),
        "unlisted box": (
            text(BOXES, "00000001_001", "00000009_009"),
            "00000009_009.png has no row in .*Data_Entry",
        ),
        "empty test list": (
            lambda f: (f / "test_list.txt").write_text(" \n"),
            "test_list.txt is empty",
        ),
        "unlisted test": (
            text("test_list.txt", "3_000", "9_000"),
            "test_list.txt: '00000009_000.png' has no row in",
        ),
        "no image": (
            lambda f: [path.unlink() for path in f.rglob("*.png")],
            "none of the listed images",
        ),
        "twice": (
            drawn("images_002/00000001_000.png", SMALL),
            "00000001_000.png have the same name",
        ),
    },
    "vindr-cxr": {
        "blank reader": (
            text(TRAIN_LABELS, "aaa1,R2,", "aaa1,,"),
            f"{TRAIN_LABELS} row 3: rad_id is blank",
        ),
        "reader twice": (
            text(TRAIN_LABELS, "aaa1,R2,", "aaa1,R1,"),
            f"{TRAIN_LABELS} row 3: R1 reads image 'aaa1' a",
        ),
        "number": (
            text(TRAIN_LABELS, "R2,1", "R2,yes"),
            f"{TRAIN_LABELS} row 3: Aortic enlargement is 'yes'",
        ),
        "class": (
            text(TRAIN_BOXES, "Nodule/Mass", "Lump"),
            f"{TRAIN_BOXES} row 4: class_name is 'Lump'",
        ),
        "box": (text(TRAIN_BOXES, ",35.0,", ",62,"), f"{TRAIN_BOXES} row 3: the box"),
        "turned": (
            text(TRAIN_BOXES, ",35.0,", ",15,"),
            f"{TRAIN_BOXES} row 3: the box is 0 x 6 pixels",
        ),
        "coordinate": (
            text(TRAIN_BOXES, ",35.0,", ",,"),
            f"{TRAIN_BOXES} row 3: x_max is '', not a number",
        ),
        "unlisted": (
            text(TRAIN_BOXES, "aaa1,R2", "aaa9,R2"),
            f"{TRAIN_BOXES} row 3: image 'aaa9' has no row",
        ),
        "reader": (
            text(TRAIN_BOXES, "aaa1,R2", "aaa1,R9"),
            f"{TRAIN_BOXES} row 3: 'R9' boxed image 'aaa1'",
        ),
        "no table": (
            lambda f: [p.unlink() for p in f.rglob("image_labels_*.csv")],
            "no image_labels_train.csv",
        ),
        "no image": (
            lambda f: [path.unlink() for path in f.rglob("*.dicom")],
            "none of the listed images",
        ),
    },
    "covid-cxr": {
        "blank patient": (
            text("metadata.csv", "20,,M", ",,M"),
            "metadata.csv row 4: patientid is blank",
        ),
        "class": (
            text("structure.csv", "Left Lung", "Third Lung"),
            "structure.csv row 2: Class is 'third_lung'",
        ),
        "no metadata": (
            text("metadata.csv", "ARDS 2.png", "ARDS 3.png"),
            "ARDS 2.png has structures .* no row in",
        ),
        "resolution": (
            text("structure.csv", "60x50", "50x60"),
            "structure.csv row 2: Resolution is '50x60'",
        ),
        "size": (
            text("structure.csv", "6,35,14,34", "6,35,34,14"),
            "structure.csv row 2: .*1.png is 14 x 34",
        ),
        "place": (
            text("structure.csv", ",6,35,14", ",35,6,14"),
            "structure.csv row 2: the mask of 14 x 34",
        ),
        "number": (
            text("structure.csv", ",6,35,14", ",top,35,14"),
            "structure.csv row 2: Top is 'top'",
        ),
        "outside": (
            text("structure.csv", "masks/1.png", "../1.png"),
            "structure.csv row 2: mask '../1.png' is not",
        ),
        "outside image": (
            lambda f: [
                text(name, "ARDS 2.png", "../ARDS 2.png")(f)
                for name in ("structure.csv", "metadata.csv")
            ],
            "metadata.csv row 3: image '../ARDS 2.png' is not a file",
        ),
    },
}
