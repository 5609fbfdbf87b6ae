"""Small sets of histology in their published layouts."""

from pathlib import Path

import numpy as np
from small_sets import area, coloured, example, picture, put, put_excel


# Slide 13412 appears under two types and is one patient; the image of another magnification is not
# read.
@example(
    "breakhis",
    rows="""case,patient,label,subtype,reference
            SOB_B_A-14-22549AB-200-001,14-22549,benign,A,reader
            SOB_M_DC-14-13412-200-001,14-13412,malignant,DC,reader
            SOB_M_LC-14-13412-200-013,14-13412,malignant,LC,reader""",
    needless=("*.png",),
    unread=("*-40-001.png",),
)
def breakhis(folder: Path) -> dict:
    slides = folder / "histology_slides" / "breast"
    put(
        slides / "benign/SOB/adenosis/SOB_B_A_14-22549AB/40X/SOB_B_A-14-22549AB-40-001.png",
        picture(9, True),
    )
    places = (
        "benign/SOB/adenosis/SOB_B_A_14-22549AB/200X/SOB_B_A-14-22549AB-200-001",
        "malignant/SOB/ductal_carcinoma/SOB_M_DC_14-13412/200X/SOB_M_DC-14-13412-200-001",
        "malignant/SOB/lobular_carcinoma/SOB_M_LC_14-13412/200X/SOB_M_LC-14-13412-200-013",
    )
    return {
        Path(name).name: put(slides / f"{name}.png", picture(at, True))
        for at, name in enumerate(places)
    }


def tiles(images: dict[str, np.ndarray], rows: str) -> dict:
    """The tiles of 20 x 20 pixels that `rows` names, <image>-<row>-<column>."""
    found = {}
    for case in (line.split(",")[0].strip() for line in rows.splitlines()[1:]):
        name, row, column = case.rsplit("-", 2)
        found[case] = images[name][
            20 * int(row) : 20 * int(row) + 20, 20 * int(column) : 20 * int(column) + 20
        ]
    return found


CAMELYON_ROWS = """case,patient,label,reference
    a-0-0,a,tumour,reader
    a-0-1,a,other,reader
    a-0-2,a,other,reader
    a-1-0,a,other,reader
    a-1-1,a,other,reader
    a-1-2,a,tumour,reader
    b-0-0,b,other,reader"""


@example(
    "camelyon",
    rows=CAMELYON_ROWS,
    regions={
        "tumour": {
            "a-0-0": [(0, 0, 20, 11)],
            "a-0-1": [(0, 0, 20, 10)],
            "a-1-1": [(17, 3, 20, 20)],
            "a-1-2": [(0, 3, 15, 20)],
            "*": [],
        }
    },
    options={"tile": 20},
)
def camelyon(folder: Path) -> dict:
    images = {
        "a": put(folder / "images" / "a.png", picture(1, True)),
        "b": put(folder / "images" / "b.png", picture(2, True, (21, 39))),
    }
    drawn = area((0, 0, 20, 11), (20, 0, 40, 10), (37, 23, 55, 40)) * np.uint8(128)
    put(folder / "masks" / "a.png", np.maximum(drawn, np.uint8(127)))
    put(folder / "masks" / "b.png", np.zeros((39, 21), np.uint8))
    return tiles(images, CAMELYON_ROWS)


BCSS = (
    "TCGA-A1-A0SK-DX1_xmin45749_ymin25055_MPP-0.2500",
    "TCGA-BH-A0B3-DX1_xmin1_ymin2_MPP-0.5000",
)
BCSS_ROWS = f"""case,patient,site,pixel_mm,label,reference
    {BCSS[0]}-0-0,TCGA-A1-A0SK,A1,0.00025,tumour,reader
    {BCSS[0]}-0-1,TCGA-A1-A0SK,A1,0.00025,other,reader
    {BCSS[0]}-1-0,TCGA-A1-A0SK,A1,0.00025,other,reader
    {BCSS[0]}-1-1,TCGA-A1-A0SK,A1,0.00025,other,reader
    {BCSS[0]}-1-2,TCGA-A1-A0SK,A1,0.00025,other,reader
    {BCSS[1]}-0-0,TCGA-BH-A0B3,BH,0.0005,other,reader"""


# Tile 0-2 holds a pixel that is outside the annotated region; tile 0-1 is tumour to one half, which
# is not more.
@example(
    "bcss",
    rows=BCSS_ROWS,
    regions={
        "tumour": {f"{BCSS[0]}-0-0": [(0, 0, 20, 11)], f"{BCSS[0]}-0-1": [(0, 0, 20, 10)], "*": []},
        "inflammation": {
            f"{BCSS[0]}-1-0": [(2, 3, 9, 8)],
            f"{BCSS[0]}-1-1": [(1, 12, 6, 14)],
            "*": [],
        },
        "necrosis": {f"{BCSS[0]}-1-2": [(3, 1, 14, 4)], "*": []},
        "stroma": {f"{BCSS[0]}-1-2": [(0, 15, 20, 20)], "*": []},
    },
    options={"tile": 20},
)
def bcss(folder: Path) -> dict:
    codes = np.full((50, 60), 9, np.uint8)
    boxes = {
        1: (0, 0, 20, 8),
        19: (0, 8, 20, 11),
        20: (20, 0, 40, 10),
        0: (59, 0, 60, 1),
        3: (2, 23, 9, 28),
    }
    for code, box in {
        **boxes,
        10: (21, 32, 26, 34),
        4: (43, 21, 54, 24),
        2: (40, 35, 60, 40),
    }.items():
        codes[area(box)] = code
    put(folder / "masks" / f"{BCSS[0]}.png", codes)
    put(folder / "masks" / f"{BCSS[1]}.png", np.full((30, 20), 21, np.uint8))
    images = {
        BCSS[0]: put(folder / "images" / f"{BCSS[0]}.png", picture(1, True)),
        BCSS[1]: put(folder / "images" / f"{BCSS[1]}.png", picture(2, True, (20, 30))),
    }
    return tiles(images, BCSS_ROWS)


@example(
    "rings",
    rows="""case,patient,label,reference
            P3_A8_12_16_1,P3,tumour,reader
            P3_A8_12_16_2,P3,benign,reader
            P4_B1_1_1_1,P4,tumour,reader
            P5_B1_1_1_1,P5,benign,reader""",
    regions={
        "tumour": {"P3_A8_12_16_1": [(5, 10, 25, 16)], "P4_B1_1_1_1": [(40, 30, 52, 47)], "*": []},
        "benign_gland": {
            "P3_A8_12_16_2": [(2, 3, 9, 8)],
            "P5_B1_1_1_1": [(30, 20, 44, 23)],
            "*": None,
        },
    },
)
def rings(folder: Path) -> dict:
    put(folder / "masks" / "P3_A8_12_16_1.png", coloured(red=[(5, 10, 25, 16)]))
    put(folder / "masks" / "P3_A8_12_16_2.png", coloured(green=[(2, 3, 9, 8)]))
    put(folder / "masks" / "P4_B1_1_1_1.png", coloured(red=[(40, 30, 52, 47)]))
    put(folder / "masks" / "P5_B1_1_1_1.png", coloured(green=[(30, 20, 44, 23)]))
    names = ("P3_A8_12_16_1", "P3_A8_12_16_2", "P4_B1_1_1_1", "P5_B1_1_1_1")
    return {
        name: put(folder / "images" / f"{name}.png", picture(at, True))
        for at, name in enumerate(names)
    }


SICAP = tuple(
    f"{slide}_Block_Region_{at}_0_0_xini_1_yini_2"
    for at, slide in enumerate(("16B01", "16B02", "17B1", "18B"))
)


@example(
    "sicapv2",
    rows=f"""case,patient,label,split,slide,reference
            {SICAP[0]},7,benign,train,16B01,reader
            {SICAP[1]},7,tumour,train,16B02,reader
            {SICAP[2]},8,tumour,train,17B1,reader
            {SICAP[3]},9,tumour,test,18B,reader""",
    regions={
        "gleason_3": {SICAP[1]: [(5, 10, 25, 16)], "*": []},
        "gleason_4": {SICAP[1]: [(40, 30, 52, 47)], SICAP[2]: [(2, 3, 9, 8)], "*": []},
        "gleason_5": {SICAP[3]: [(30, 20, 44, 23)], "*": []},
        "tumour": {
            SICAP[0]: [],
            SICAP[1]: [(5, 10, 25, 16), (40, 30, 52, 47)],
            SICAP[2]: [(2, 3, 9, 8)],
            SICAP[3]: [(30, 20, 44, 23)],
        },
    },
    columns={
        "wsi_labels.xlsx": "slide_id,patient_id",
        "partition/Test/Train.xlsx": "image_name,NC,G3,G4,G5",
        "partition/Test/Test.xlsx": "image_name,NC,G3,G4,G5",
    },
)
def sicapv2(folder: Path) -> dict:
    header = "slide_id,patient_id,Gleason_primary,Gleason_secondary"
    put_excel(
        folder / "wsi_labels.xlsx", header, "16B01,7,0,0", "16B02,7,3,4", "17B1,8,4,4", "18B,9,5,5"
    )
    train = (f"{SICAP[0]}.jpg,1,0,0,0,0", f"{SICAP[1]}.jpg,0,1,1,0,0", f"{SICAP[2]}.jpg,0,0,1,0,1")
    put_excel(folder / "partition/Test/Train.xlsx", "image_name,NC,G3,G4,G5,G4C", *train)
    put_excel(
        folder / "partition/Test/Test.xlsx",
        "image_name,NC,G3,G4,G5,G4C",
        f"{SICAP[3]}.jpg,0,0,0,1,0",
    )
    codes = np.zeros((4, 50, 60), np.uint8)
    for at, code, box in (
        (1, 3, (5, 10, 25, 16)),
        (1, 4, (40, 30, 52, 47)),
        (2, 4, (2, 3, 9, 8)),
        (3, 5, (30, 20, 44, 23)),
    ):
        codes[at][area(box)] = code
    for at, name in enumerate(SICAP):
        put(folder / "masks" / f"{name}.png", codes[at])
    return {
        name: put(folder / "images" / f"{name}.jpg", picture(at, True))
        for at, name in enumerate(SICAP)
    }
