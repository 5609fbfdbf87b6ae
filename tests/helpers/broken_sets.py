"""What can be wrong with a small set of each reader: how it is damaged, and what the message must
say.
"""

import shutil

from broken_chest_sets import BROKEN_CHEST
from damages import (
    BLUE,
    BREAST,
    CBIS_TABLE,
    CESM,
    CESM_DRAWN,
    OTHER_SIZE,
    SICAP_CASE,
    SICAP_TRAIN,
    SLIDE,
    SMALL,
    cell,
    drawn,
    moved,
    text,
)
from published import area, coloured, picture, put_dicom

BROKEN = {
    "bus-bra": {
        "blank patient": (
            text("bus_data.csv", "02-r,2,", "02-r,,"),
            "bus_data.csv row 4: Case, the patient, is blank",
        ),
        "label": (
            text("bus_data.csv", ",malignant", ",maligne"),
            "bus_data.csv row 4: Pathology is 'maligne'",
        ),
        "outside": (
            text("bus_data.csv", "bus_0001-r", "../Masks/x"),
            "row 3: image '../Masks/x.png' is not a file",
        ),
        "size": (drawn("Masks/mask_0001-r.png", SMALL), f"mask_0001-r.png: {OTHER_SIZE}"),
        "grey": (
            drawn("Masks/mask_0001-r.png", picture(3)),
            "mask_0001-r.png: the mask has the grey value",
        ),
    },
    "breast": {
        "blank patient": (
            cell(BREAST, "CaseID", 3, None),
            f"{BREAST} row 3: CaseID, the patient, is blank",
        ),
        "label": (
            cell(BREAST, "Classification", 3, "malign"),
            f"{BREAST} row 3: Classification is 'malign'",
        ),
        "no mask": (
            cell(BREAST, "Mask_tumor_filename", 2, None),
            "row 2: case001.png is benign and has no mask",
        ),
        "outside": (
            cell(BREAST, "Image_filename", 2, "../x.png"),
            "row 2: no image or mask '../x.png'",
        ),
        "size": (
            drawn("BrEaST-Lesions_USG-images_and_masks/case002_tumor2.png", SMALL),
            f"tumor2.png: {OTHER_SIZE}",
        ),
    },
    "mini-mias": {
        "class": (
            text("Info.txt", "CIRC B 40", "BLOB B 40"),
            "Info.txt row 2: 'mdb001 G BLOB B 40 12 2' is not",
        ),
        "circle": (text("Info.txt", "40 12 2", "60 12 2"), "Info.txt row 2: the circle around"),
        "circle's y": (text("Info.txt", "40 12 2", "40 50 2"), "Info.txt row 2: the circle around"),
        "name": (text("Info.txt", "mdb003 D", "mdb3 D"), "Info.txt row 5: 'mdb3 D NORM' is not"),
    },
    "cbis-ddsm": {
        "blank patient": (
            text(CBIS_TABLE, "P_00001,", ","),
            f"{CBIS_TABLE} row 2: patient_id is blank",
        ),
        "label": (
            text(CBIS_TABLE, ",BENIGN,", ",FINE,"),
            f"{CBIS_TABLE} row 3: pathology is 'FINE'",
        ),
        "outside": (text(CBIS_TABLE, ",Mass-", ",../Mass-"), f"{CBIS_TABLE} row 2: no folder '..'"),
        "name": (
            moved(CBIS_TABLE, "mass_case_description_tune_set.csv"),
            "mass_case_description_tune_set.csv is",
        ),
        "colour": (
            lambda f: put_dicom(
                next(f.glob("CBIS-DDSM/Mass-Test_P_00003_LEFT_CC/1.3.6/1.3.7/1-1.dcm")),
                SMALL,
                shown="PALETTE COLOR",
            ),
            "1-1.dcm .*PALETTE COLOR",
        ),
    },
    "cdd-cesm": {
        "blank patient": (cell(CESM, "Patient_ID", 5, None), f"{CESM} row 5: Patient_ID is blank"),
        "label": (
            cell(CESM, "Pathology Classification/ Follow up", 5, "Bad"),
            "row 5: Pathology .* is 'bad'",
        ),
        "name": (cell(CESM, "Image_name", 5, "P2_L_XX_CC"), f"{CESM} row 5: .*P2_L_XX_CC"),
        "outside": (
            cell(CESM, "Image_name", 5, "../P2_L_DM_CC"),
            f"{CESM} row 5: no image ../P2_L_DM_CC.jpg",
        ),
        "json": (
            text(CESM_DRAWN, '{""name""', '{""name'),
            f"{CESM_DRAWN} row 2: the shape .* is not readable",
        ),
        "shape": (
            text(CESM_DRAWN, '""polygon""', '""blob""'),
            f"{CESM_DRAWN} row 2: unknown shape 'blob'",
        ),
        "polygon": (
            text(CESM_DRAWN, "[5, 25", "[5, 65"),
            f"{CESM_DRAWN} row 2: the point .65, 10. lies outside",
        ),
        "circle": (
            text(CESM_DRAWN, '""cx"": 40', '""cx"": 60'),
            f"{CESM_DRAWN} row 3: the circle around",
        ),
        "box": (text(CESM_DRAWN, '""width"": 7', '""width"": 70'), f"{CESM_DRAWN} row 4: the box"),
    },
    "cdd-cesm-masks": {
        "name": (moved("images/P1_L_DM_CC.png", "images/P1.png"), "images/P1.png has no mask"),
        "names": (
            lambda f: [
                (f / of / "P1_L_DM_CC.png").rename(f / of / "P1.png") for of in ("images", "masks")
            ],
            "images/P1.png is not named",
        ),
        "colour": (
            drawn("masks/P1_L_DM_CC.png", BLUE),
            "masks/P1_L_DM_CC.png: the mask has an unknown colour",
        ),
        "empty": (drawn("masks/P1_L_DM_CC.png", coloured()), "masks/P1_L_DM_CC.png is empty"),
        "size": (drawn("masks/P1_L_DM_CC.png", SMALL), f"masks/P1_L_DM_CC.png: {OTHER_SIZE}"),
    },
    "breakhis": {
        "name": (
            drawn("SOB_X_A-14-22549AB-200-001.png", SMALL),
            "SOB_X_A-14-22549AB-200-001.png is not named",
        ),
    },
    "camelyon": {"size": (drawn("masks/a.png", SMALL), f"masks/a.png: {OTHER_SIZE}")},
    "bcss": {
        "code": (
            drawn(f"masks/{SLIDE}.png", area((0, 0, 3, 3))),
            f"{SLIDE}.png: the mask has the unknown class code 255",
        ),
        "size": (drawn(f"masks/{SLIDE}.png", SMALL), f"{SLIDE}.png: {OTHER_SIZE}"),
        "name": (
            lambda f: [
                (f / of / f"{SLIDE}.png").rename(f / of / "A1.png") for of in ("images", "masks")
            ],
            "images/A1.png is not named",
        ),
    },
    "rings": {
        "name": (
            lambda f: [
                (f / of / "P4_B1_1_1_1.png").rename(f / of / "B1.png") for of in ("images", "masks")
            ],
            "images/B1.png is not named",
        ),
        "colour": (
            drawn("masks/P4_B1_1_1_1.png", BLUE),
            "P4_B1_1_1_1.png: the mask has an unknown colour",
        ),
        "both": (
            drawn("masks/P4_B1_1_1_1.png", coloured([(1, 1, 3, 3)], [(5, 5, 9, 9)])),
            "P4_B1_1_1_1.png shows tumour and benign_gland",
        ),
        "neither": (drawn("masks/P4_B1_1_1_1.png", coloured()), "P4_B1_1_1_1.png shows neither"),
        "size": (drawn("masks/P4_B1_1_1_1.png", SMALL), f"P4_B1_1_1_1.png: {OTHER_SIZE}"),
    },
    "sicapv2": {
        "blank patient": (
            cell("wsi_labels.xlsx", "patient_id", 3, None),
            "Train.xlsx row 3: slide '16B02' has no pat",
        ),
        "no slide": (
            cell("wsi_labels.xlsx", "slide_id", 5, "18C"),
            "Test.xlsx row 2: slide '18B' has no patient",
        ),
        "no grade": (cell(SICAP_TRAIN, "NC", 2, "0"), "Train.xlsx row 2: .* is graded as nothing"),
        "both": (
            cell(SICAP_TRAIN, "NC", 3, "1"),
            "Train.xlsx row 3: .* is graded NC and G3 and G4",
        ),
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
    **BROKEN_CHEST,
    "folder": {
        "blank patient": (
            text("cases.csv", "b.png,p2", "b.png,"),
            "cases.csv row 3: patient is blank",
        ),
        "outside": (
            text("cases.csv", "images/b.png", "../b.png"),
            "cases.csv row 3: image '../b.png' is not a file",
        ),
        "mask outside": (
            text("cases.csv", "masks/a", "../a"),
            "cases.csv row 2: mask '../a.png' is not a file",
        ),
        "geojson outside": (
            text("cases.csv", "b.geojson", "../b.g"),
            "cases.csv row 3: geojson '../b.g' is not a file",
        ),
        "box": (text("cases.csv", "5 10 20 6", "5 10 60 6"), "cases.csv row 2: the box"),
        "box of three": (
            text("cases.csv", "5 10 20 6", "5 10 20"),
            "cases.csv row 2: box:Lung Nodule has 3 numbers",
        ),
        "number": (
            text("cases.csv", "5 10 20 6", "a 10 20 6"),
            "cases.csv row 2: box:Lung Nodule is 'a', not a num",
        ),
        "circle": (text("cases.csv", "11 19 2", "11 50 2"), "cases.csv row 2: the circle"),
        "size": (drawn("masks/a.png", SMALL), f"cases.csv row 2: .*masks/a.png: {OTHER_SIZE}"),
        "geojson": (
            text("b.geojson", "Tumour", ""),
            "cases.csv row 3: .*b.geojson: feature 1 has no classification",
        ),
        "geometry": (
            text("b.geojson", "Polygon", "Point"),
            "row 3: .*b.geojson: feature 1 is a .?Point",
        ),
        "polygon": (
            text("b.geojson", "[10, 10]", "[90, 10]"),
            "row 3: .*b.geojson: the point .90, 10. lies outside",
        ),
        "json": (
            text("b.geojson", "{", "["),
            "cases.csv row 3: .*b.geojson is not readable as JSON",
        ),
        "two classes of a name": (
            text("b.geojson", "Stroma", "tumour"),
            "cases.csv row 3: structure 'tumour' is annotated in two ways",
        ),
        "two ways": (
            text("cases.csv", "circle:Dot", "circle:mass"),
            "row 2: structure 'mass' is annotated in two ways",
        ),
        "two ways in COCO": (
            text("coco.json", "Vessel", "DOT"),
            "coco.json: structure 'dot' is annotated in two ways",
        ),
        "no name": (
            text("cases.csv", "circle:Dot", "circle:"),
            "cases.csv row 2: a structure has no name",
        ),
        "COCO broken": (text("coco.json", "{", "["), "coco.json is not readable as JSON"),
        "COCO lists": (
            text("coco.json", '"categories"', '"classes"'),
            "coco.json: COCO has the lists",
        ),
        "COCO entry": (
            text("coco.json", '"file_name"', '"name"'),
            "coco.json: an entry is not as COCO has it",
        ),
        "COCO image": (
            text("coco.json", "images/c.png", "images/d.png"),
            "coco.json: image .* is not in the table",
        ),
        "COCO category": (
            text("coco.json", '"category_id": 1', '"category_id": 2'),
            "coco.json: annotation 1 belongs",
        ),
        "COCO size": (
            text("coco.json", "[50, 60]", "[60, 50]"),
            "coco.json: annotation 1: the run-length code has size",
        ),
        "COCO polygon": (
            text("coco.json", "[[20, 5", "[[90, 5"),
            "coco.json: annotation 2: the point",
        ),
        "two tables": (
            lambda f: [moved("cases.csv", "a.csv")(f), shutil.copy(f / "a.csv", f / "b.csv")],
            "source must hold cases.csv or one other CSV, it holds 2",
        ),
    },
}
