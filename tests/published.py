"""Small sets in the layouts that the readers know, each with what must become of it; shared by the tests of the readers.

A region is stated as boxes (left, top, right, bottom) in pixels, right and bottom not included: [] is annotated as
absent, None not annotated. All of it lies off the centre and no two sides are alike, so a mirrored or transposed
coordinate is seen. "*" stands for all cases that are not named.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
from PIL import Image
from pycocotools import mask as coco_masks

SIZE = (60, 50)  # width, height
Boxes = list[tuple[int, int, int, int]]


@dataclass(frozen=True)
class Example:
    """build(folder) writes the set and returns the image of each case; `rows` is the expected table, as CSV.

    columns: per table of the set those that must be there; needless, unread: patterns of the files that may be missing
    and of those whose content is not looked at.
    """

    build: Callable[[Path], dict[str, np.ndarray]]
    rows: str
    regions: dict[str, dict[str, Boxes | None]] = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    needless: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def table(self) -> pd.DataFrame:
        return pd.read_csv(StringIO(self.rows.replace(" ", "")), dtype=str, keep_default_na=False)

    def region(self, structure: str, case: str) -> Boxes | None:
        stated = self.regions[structure]
        return stated[case] if case in stated else stated["*"]


EXAMPLES: dict[str, Example] = {}


def example(name: str, **stated) -> Callable:
    def kept(build: Callable) -> Callable:
        EXAMPLES[name] = Example(build, **stated)
        return build

    return kept


def picture(seed: int, colour: bool = False, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A smooth random picture, uint8; another seed looks different."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3) if colour else (4, 5), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def area(*boxes: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    found = np.zeros(size[::-1], bool)
    for left, top, right, bottom in boxes:
        found[top:bottom, left:right] = True
    return found


def disc(x: int, y: int) -> Boxes:
    """The pixels at most 2 from pixel (x, y)."""
    return [(x - 2, y, x + 3, y + 1), (x, y - 2, x + 1, y + 3), (x - 1, y - 1, x + 2, y + 2)]


def ring(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def put(path: Path, content: object, **parameters) -> object:
    """Write a text, JSON data, or an image of bool, uint8 or uint16 values; returns the content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text("\n".join(line.strip() for line in content.strip().splitlines()) + "\n", encoding="utf-8")
    elif isinstance(content, dict | list):
        path.write_text(json.dumps(content), encoding="utf-8")
    else:
        values = content * np.uint8(255) if content.dtype == bool else content
        Image.fromarray(values).save(path, **{"quality": 95} | parameters)
    return content


def put_excel(path: Path, columns: str, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [[int(cell) if cell.isdigit() else cell or None for cell in row.split(",")] for row in rows]
    pd.DataFrame(cells, columns=columns.split(",")).to_excel(path, index=False, sheet_name="all")


def put_dicom(path: Path, values: np.ndarray, bits: int = 16, shown: str = "MONOCHROME2") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    data.SOPInstanceUID = "1.2.3.4"
    data.Rows, data.Columns = values.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 if bits == 8 else 16, bits, bits - 1
    data.SamplesPerPixel, data.PixelRepresentation, data.PhotometricInterpretation = 1, 0, shown
    data.PixelData = values.astype("u1" if bits == 8 else "<u2").tobytes()
    data.save_as(path, enforce_file_format=True)


@example(
    "bus-bra",
    rows="""case,patient,label,birads,site,side,reference
            bus_0001-l,1,benign,3,LOGIQ,left,reader
            bus_0001-r,1,benign,2,LOGIQ,right,reader
            bus_0002-r,2,malignant,5,U-Systems,right,reader
            bus_0003-l,3,malignant,4,LOGIQ,left,reader""",
    regions={
        "mass": {
            "bus_0001-l": [(5, 10, 25, 16)],
            "bus_0001-r": [(40, 30, 52, 47)],
            "bus_0002-r": [(2, 3, 9, 8), (50, 1, 58, 4)],
            "bus_0003-l": [(30, 20, 44, 23)],
        }
    },
    columns={"bus_data.csv": "ID,Case,Pathology,BIRADS,Device,Side"},
)
def bus_bra(folder: Path) -> dict:
    put(
        folder / "bus_data.csv",
        """ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX
           bus_0001-l,1,Fibroadenoma,benign,3,LOGIQ,60,50,left,"[5,10,20,6]"
           bus_0001-r,1,Cyst,benign,2,LOGIQ,60,50,right,"[40,30,12,17]"
           bus_0002-r,2,IDC,malignant,5,U-Systems,60,50,right,"[2,1,56,7]"
           bus_0003-l,3,IDC,malignant,4,LOGIQ,60,50,left,"[30,20,14,3]" """,
    )
    put(folder / "Masks" / "mask_0001-l.png", area((5, 10, 25, 16)))
    put(folder / "Masks" / "mask_0001-r.png", area((40, 30, 52, 47)).astype(np.uint8))
    put(folder / "Masks" / "mask_0002-r.png", area((2, 3, 9, 8), (50, 1, 58, 4)))
    put(folder / "Masks" / "mask_0003-l.png", area((30, 20, 44, 23)))
    names = ("bus_0001-l", "bus_0001-r", "bus_0002-r", "bus_0003-l")
    return {name: put(folder / "Images" / f"{name}.png", picture(at)) for at, name in enumerate(names)}


@example(
    "breast",
    rows="""case,patient,label,birads,reference
            case001,1,benign,3,reader
            case002,2,malignant,4c,reader
            case003,3,normal,1,reader""",
    regions={"mass": {"case001": [(5, 10, 25, 16)], "case002": [(2, 3, 9, 8), (40, 30, 52, 47)], "case003": []}},
    columns={
        "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx": "CaseID,Image_filename,Mask_tumor_filename,BIRADS,"
        "Classification"
    },
    needless=("*_other1.png",),
    unread=("*_other1.png",),
)
def breast(folder: Path) -> dict:
    put_excel(
        folder / "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx",
        "CaseID,Image_filename,Mask_tumor_filename,Mask_other_filename,Pixel_size,BIRADS,Classification",
        "1,case001.png,case001_tumor.png,case001_other1.png,0.0078,3,benign",
        "2,case002.png,case002_tumor1.png&case002_tumor2.png,,0.0078,4c,malignant",
        "3,case003.png,,,0.0062,1,normal",
    )
    images = folder / "BrEaST-Lesions_USG-images_and_masks"
    put(images / "case001_tumor.png", area((5, 10, 25, 16)))
    put(images / "case001_other1.png", area((0, 0, 3, 50)))
    put(images / "case002_tumor1.png", area((2, 3, 9, 8)))
    put(images / "case002_tumor2.png", area((40, 30, 52, 47)))
    found = {f"case00{number}": picture(number) for number in (1, 2, 3)}
    for name, values in found.items():
        put(images / f"{name}.png", np.stack([values] * 3 + [np.full_like(values, 255)], axis=2))
    return found


# y counts from the bottom: row 49 - y. mdb004 and mdb006 are published without a circle.
@example(
    "mini-mias",
    rows="""case,patient,label,tissue,pixel_mm,reference
            mdb001,patient-001,benign,G,0.2,reader
            mdb002,patient-001,malignant,G,0.2,reader
            mdb003,patient-002,normal,D,0.2,reader
            mdb004,patient-002,benign,D,0.2,reader
            mdb005,patient-003,benign,F,0.2,reader
            mdb006,patient-003,benign,F,0.2,reader""",
    regions={
        "mass": {"mdb001": disc(40, 37), "mdb002": disc(20, 41), "mdb006": None, "*": []},
        "calcification": {"mdb002": disc(11, 19), "mdb004": None, "*": []},
        "asymmetry": {"mdb005": disc(30, 4), "*": []},
        "architectural_distortion": {"mdb005": disc(7, 30), "*": []},
        "lesion": {
            "mdb001": disc(40, 37),
            "mdb002": disc(11, 19) + disc(20, 41),
            "mdb003": [],
            "mdb005": disc(30, 4) + disc(7, 30),
            "*": None,
        },
    },
)
def mini_mias(folder: Path) -> dict:
    put(
        folder / "Info.txt",
        """INFORMATION: ...
           mdb001 G CIRC B 40 12 2
           mdb002 G CALC M 11 30 2
           mdb002 G SPIC B 20 8 2
           mdb003 D NORM
           mdb004 D CALC B *NOTE 3*
           mdb005 F ASYM B 30 45 2
           mdb005 F ARCH B 7 19 2
           mdb006 F CIRC B""",
    )
    return {f"mdb00{at}": put(folder / f"mdb00{at}.pgm", picture(at)) for at in range(1, 7)}


CBIS = (
    "patient_id,left or right breast,image view,abnormality id,mass shape,mass margins,calc type,calc distribution,"
    "pathology,image file path,cropped image file path,ROI mask file path"
)


# P_00002 is a training patient of masses and a test patient of calcifications; the mask of P_00004 fits no image.
@example(
    "cbis-ddsm",
    rows="""case,patient,label,split,reference
            P_00002_RIGHT_CC,P_00002,malignant,test,reader
            P_00004_RIGHT_MLO,P_00004,benign,train,reader
            P_00003_LEFT_CC,P_00003,benign,test,reader
            P_00001_LEFT_CC,P_00001,malignant,train,reader
            P_00002_LEFT_MLO,P_00002,benign,test,reader""",
    regions={
        "mass": {
            "P_00001_LEFT_CC": [(5, 10, 25, 16), (40, 30, 52, 47)],
            "P_00002_LEFT_MLO": [(30, 20, 44, 23)],
            "P_00003_LEFT_CC": [(2, 3, 9, 8)],
            "*": None,
        },
        "calcification": {"P_00002_RIGHT_CC": [(50, 1, 58, 4)], "P_00004_RIGHT_MLO": None, "*": None},
    },
    columns={
        f"{kind}_case_description_{part}_set.csv": "patient_id,left or right breast,image view,pathology,"
        "image file path,ROI mask file path"
        for kind in ("mass", "calc")
        for part in ("train", "test")
    },
    needless=("*_set.csv",),
    unread=("*_1/1.3.8/1-1.dcm", "*_2/1.3.8/1-2.dcm", "*P_00004_RIGHT_MLO_1/*"),
)
def cbis_ddsm(folder: Path) -> dict:
    found = {}

    def row(part, patient, view, words, pathology, box, number=1, mask="1-2.dcm", size=SIZE):
        name = f"{part}_{patient}_{view}"
        case, image = f"{patient}_{view}", folder / "CBIS-DDSM" / name
        found[case] = picture(sum(case.encode()))
        put_dicom(image / "1.3.6" / "1.3.7" / "1-1.dcm", found[case].astype(np.uint16) * 257)
        drawn = folder / "CBIS-DDSM" / f"{name}_{number}" / "1.3.8"
        put_dicom(drawn / mask, area(box, size=size) * 255, bits=8)
        put_dicom(drawn / {"1-1.dcm": "1-2.dcm", "1-2.dcm": "1-1.dcm"}[mask], picture(3, size=(12, 7)))
        paths = [
            f"{name}/1.3.6/000000.dcm",
            f"{name}_{number}/1.3.8/000000.dcm",
            f'"{name}_{number}/1.3.8/000001.dcm\n"',
        ]
        return ",".join([patient, *view.split("_"), str(number), words, pathology, *paths])

    rows = {
        "mass_case_description_train_set": [
            row("Mass-Training", "P_00001", "LEFT_CC", "IRREGULAR,SPICULATED,,", "MALIGNANT", (5, 10, 25, 16)),
            row("Mass-Training", "P_00001", "LEFT_CC", "OVAL,N/A,,", "BENIGN", (40, 30, 52, 47), 2, "1-1.dcm"),
            row("Mass-Training", "P_00002", "LEFT_MLO", "ROUND,,,", "BENIGN", (30, 20, 44, 23)),
        ],
        "mass_case_description_test_set": [
            row("Mass-Test", "P_00003", "LEFT_CC", "OVAL,,,", "BENIGN_WITHOUT_CALLBACK", (2, 3, 9, 8)),
        ],
        "calc_case_description_train_set": [
            row("Calc-Training", "P_00004", "RIGHT_MLO", ",,,", "BENIGN", (2, 3, 9, 8), size=(61, 50)),
        ],
        "calc_case_description_test_set": [
            row("Calc-Test", "P_00002", "RIGHT_CC", ",,PLEOMORPHIC,LINEAR_CLUSTERED", "MALIGNANT", (50, 1, 58, 4)),
        ],
    }
    for name, lines in rows.items():
        put(folder / f"{name}.csv", "\n".join([CBIS, *lines]))
    return found


CESM_SHAPES = {
    "P1_L_DM_CC.jpg": [{"name": "polygon", "all_points_x": [5, 25, 25, 5], "all_points_y": [10, 10, 16, 16]}],
    "P1_R_DM_MLO .jpg": [
        {"name": "circle", "cx": 40, "cy": 37, "r": 2},
        {"name": "rect", "x": 2, "y": 3, "width": 7, "height": 5},
        {"name": "point", "cx": 30, "cy": 30},
    ],
    "P2_L_DM_CC.jpg": [{"name": "polyline", "all_points_x": [1, 2, 3], "all_points_y": [9, 9, 8]}, {}],
    "P1_L_CM_CC.jpg": [{"name": "rect", "x": 30, "y": 20, "width": 14, "height": 3}],
}


# P1_L_DM_CC has two rows, the graver of which counts; P2_L_DM_CC has a polyline alone, which encloses nothing.
@example(
    "cdd-cesm",
    rows="""case,patient,label,reference
            P1_L_DM_CC,1,malignant,reader
            P1_R_DM_MLO,1,benign,reader
            P2_L_DM_CC,2,benign,reader
            P3_L_DM_CC,3,normal,reader""",
    regions={
        "lesion": {
            "P1_L_DM_CC": [(5, 10, 25, 16)],
            "P1_R_DM_MLO": [*disc(40, 37), (2, 3, 9, 8)],
            "P2_L_DM_CC": None,
            "P3_L_DM_CC": [],
        }
    },
    columns={
        "Radiology manual annotations.xlsx": "Patient_ID,Image_name,Pathology Classification/ Follow up",
        "Radiology_hand_drawn_segmentations_v2.csv": "#filename,region_shape_attributes",
    },
    needless=("Subtracted*",),
    unread=("Subtracted*",),
)
def cdd_cesm(folder: Path) -> dict:
    put_excel(
        folder / "Radiology manual annotations.xlsx",
        "Image_name,Patient_ID,Side,Type,Pathology Classification/ Follow up",
        "P1_L_DM_CC,1,L,DM,Benign",
        "P1_L_DM_CC,1,L,DM,Malignant",
        "P1_R_DM_MLO ,1,R,DM,Benign",
        "P2_L_DM_CC,2,L,DM,Benign",
        "P3_L_DM_CC,3,L,DM,Normal",
        "P1_L_CM_CC,1,L,CESM,Malignant",
    )
    quoted = lambda shape: json.dumps(shape).replace('"', '""')
    lines = [
        f'{name},1,"{{}}",{len(shapes)},{at},"{quoted(shape)}","{{}}"'
        for name, shapes in CESM_SHAPES.items()
        for at, shape in enumerate(shapes)
    ]
    put(
        folder / "Radiology_hand_drawn_segmentations_v2.csv",
        "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
        + "\n".join(lines),
    )
    low = folder / "Low energy images of CDD-CESM"
    put(folder / "Subtracted images of CDD-CESM" / "P1_L_CM_CC.jpg", picture(9))
    names = ("P1_L_DM_CC", "P1_R_DM_MLO", "P2_L_DM_CC", "P3_L_DM_CC")
    return {name: put(low / f"{name}.jpg", picture(at)) for at, name in enumerate(names)}


def coloured(red: Boxes = (), green: Boxes = (), blue: Boxes = ()) -> np.ndarray:
    return np.stack([area(*boxes) * np.uint8(255) for boxes in (red, green, blue)], axis=2)


@example(
    "cdd-cesm-masks",
    rows="""case,patient,label,reference
            P1_L_DM_CC,P1,malignant,reader
            P2_R_DM_MLO,P2,benign,reader
            flipped_P1_R_DM_CC,P1,malignant,reader""",
    regions={
        "lesion": {
            "P1_L_DM_CC": [(5, 10, 25, 16)],
            "P2_R_DM_MLO": [(40, 30, 52, 47)],
            "flipped_P1_R_DM_CC": [(2, 3, 9, 8), (30, 20, 44, 23)],
        }
    },
)
def cdd_cesm_masks(folder: Path) -> dict:
    put(folder / "masks" / "P1_L_DM_CC.png", coloured(red=[(5, 10, 25, 16)]))
    put(folder / "masks" / "P2_R_DM_MLO.png", coloured(green=[(40, 30, 52, 47)]))
    put(folder / "masks" / "flipped_P1_R_DM_CC.png", coloured([(2, 3, 9, 8)], [(30, 20, 44, 23)]))
    names = ("P1_L_DM_CC", "P2_R_DM_MLO", "flipped_P1_R_DM_CC")
    return {name: put(folder / "images" / f"{name}.png", picture(at)) for at, name in enumerate(names)}


# Slide 13412 appears under two types and is one patient; the image of another magnification is not read.
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
    put(slides / "benign/SOB/adenosis/SOB_B_A_14-22549AB/40X/SOB_B_A-14-22549AB-40-001.png", picture(9, True))
    places = (
        "benign/SOB/adenosis/SOB_B_A_14-22549AB/200X/SOB_B_A-14-22549AB-200-001",
        "malignant/SOB/ductal_carcinoma/SOB_M_DC_14-13412/200X/SOB_M_DC-14-13412-200-001",
        "malignant/SOB/lobular_carcinoma/SOB_M_LC_14-13412/200X/SOB_M_LC-14-13412-200-013",
    )
    return {Path(name).name: put(slides / f"{name}.png", picture(at, True)) for at, name in enumerate(places)}


def tiles(images: dict[str, np.ndarray], rows: str) -> dict:
    """The tiles of 20 x 20 pixels that `rows` names, <image>-<row>-<column>."""
    found = {}
    for case in (line.split(",")[0].strip() for line in rows.splitlines()[1:]):
        name, row, column = case.rsplit("-", 2)
        found[case] = images[name][20 * int(row) : 20 * int(row) + 20, 20 * int(column) : 20 * int(column) + 20]
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


BCSS = ("TCGA-A1-A0SK-DX1_xmin45749_ymin25055_MPP-0.2500", "TCGA-BH-A0B3-DX1_xmin1_ymin2_MPP-0.5000")
BCSS_ROWS = f"""case,patient,site,pixel_mm,label,reference
    {BCSS[0]}-0-0,TCGA-A1-A0SK,A1,0.00025,tumour,reader
    {BCSS[0]}-0-1,TCGA-A1-A0SK,A1,0.00025,other,reader
    {BCSS[0]}-1-0,TCGA-A1-A0SK,A1,0.00025,other,reader
    {BCSS[0]}-1-1,TCGA-A1-A0SK,A1,0.00025,other,reader
    {BCSS[0]}-1-2,TCGA-A1-A0SK,A1,0.00025,other,reader
    {BCSS[1]}-0-0,TCGA-BH-A0B3,BH,0.0005,other,reader"""


# Tile 0-2 holds a pixel that is outside the annotated region; tile 0-1 is tumour to one half, which is not more.
@example(
    "bcss",
    rows=BCSS_ROWS,
    regions={
        "tumour": {f"{BCSS[0]}-0-0": [(0, 0, 20, 11)], f"{BCSS[0]}-0-1": [(0, 0, 20, 10)], "*": []},
        "inflammation": {f"{BCSS[0]}-1-0": [(2, 3, 9, 8)], f"{BCSS[0]}-1-1": [(1, 12, 6, 14)], "*": []},
        "necrosis": {f"{BCSS[0]}-1-2": [(3, 1, 14, 4)], "*": []},
        "stroma": {f"{BCSS[0]}-1-2": [(0, 15, 20, 20)], "*": []},
    },
    options={"tile": 20},
)
def bcss(folder: Path) -> dict:
    codes = np.full((50, 60), 9, np.uint8)
    boxes = {1: (0, 0, 20, 8), 19: (0, 8, 20, 11), 20: (20, 0, 40, 10), 0: (59, 0, 60, 1), 3: (2, 23, 9, 28)}
    for code, box in {**boxes, 10: (21, 32, 26, 34), 4: (43, 21, 54, 24), 2: (40, 35, 60, 40)}.items():
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
        "benign_gland": {"P3_A8_12_16_2": [(2, 3, 9, 8)], "P5_B1_1_1_1": [(30, 20, 44, 23)], "*": None},
    },
)
def rings(folder: Path) -> dict:
    put(folder / "masks" / "P3_A8_12_16_1.png", coloured(red=[(5, 10, 25, 16)]))
    put(folder / "masks" / "P3_A8_12_16_2.png", coloured(green=[(2, 3, 9, 8)]))
    put(folder / "masks" / "P4_B1_1_1_1.png", coloured(red=[(40, 30, 52, 47)]))
    put(folder / "masks" / "P5_B1_1_1_1.png", coloured(green=[(30, 20, 44, 23)]))
    names = ("P3_A8_12_16_1", "P3_A8_12_16_2", "P4_B1_1_1_1", "P5_B1_1_1_1")
    return {name: put(folder / "images" / f"{name}.png", picture(at, True)) for at, name in enumerate(names)}


SICAP = tuple(
    f"{slide}_Block_Region_{at}_0_0_xini_1_yini_2" for at, slide in enumerate(("16B01", "16B02", "17B1", "18B"))
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
    put_excel(folder / "wsi_labels.xlsx", header, "16B01,7,0,0", "16B02,7,3,4", "17B1,8,4,4", "18B,9,5,5")
    train = (f"{SICAP[0]}.jpg,1,0,0,0,0", f"{SICAP[1]}.jpg,0,1,1,0,0", f"{SICAP[2]}.jpg,0,0,1,0,1")
    put_excel(folder / "partition/Test/Train.xlsx", "image_name,NC,G3,G4,G5,G4C", *train)
    put_excel(folder / "partition/Test/Test.xlsx", "image_name,NC,G3,G4,G5,G4C", f"{SICAP[3]}.jpg,0,0,0,1,0")
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
    return {name: put(folder / "images" / f"{name}.jpg", picture(at, True)) for at, name in enumerate(SICAP)}


CHEXPERT = (
    "Path,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
    "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)


def run_lengths(*boxes: tuple[int, int, int, int]) -> dict:
    """The compressed code as pycocotools writes it, with which the set was made."""
    code = coco_masks.encode(np.asfortranarray(area(*boxes).astype(np.uint8)))
    return {"size": list(code["size"]), "counts": code["counts"].decode()}


# Outlined twice, as code and as contour; edema positive without an outline, consolidation uncertain, atelectasis blank.
@example(
    "chexlocalize",
    rows="""case,patient,split,cardiomegaly,lung_opacity,edema,consolidation,atelectasis,pleural_effusion,reference
            patient64741_study1_view1_frontal,patient64741,test,1,0,0,0,0,0,reader
            patient64742_study2_view1_frontal,patient64742,test,0,0,0,0,0,1,reader
            patient64541_study1_view1_frontal,patient64541,tune,1,1,1,,,0,reader""",
    regions={
        "cardiomegaly": {"patient64742_study2_view1_frontal": [], "*": [(5, 10, 25, 16)]},
        "lung_opacity": {"patient64541_study1_view1_frontal": [(40, 30, 52, 47)], "*": []},
        "pleural_effusion": {"patient64742_study2_view1_frontal": [(2, 3, 9, 8), (30, 20, 31, 21)], "*": []},
        **{
            name: {"patient64541_study1_view1_frontal": None, "*": []}
            for name in ("edema", "consolidation", "atelectasis")
        },
        **{
            name: {"*": []} for name in ("enlarged_cardiomediastinum", "lung_lesion", "pneumothorax", "support_devices")
        },
    },
    columns={"CheXpert/val_labels.csv": "Path,Cardiomegaly,Support Devices", "CheXpert/test_labels.csv": "Path,Edema"},
    needless=("*_labels.csv", "*.json", "*.jpg"),
    unread=("*_lateral.jpg",),
)
def chexlocalize(folder: Path) -> dict:
    chexpert = folder / "CheXpert"
    put(
        chexpert / "val_labels.csv",
        f"""{CHEXPERT}
            CheXpert-v1.0/valid/patient64541/study1/view1_frontal.jpg,0.0,0.0,1.0,1.0,0.0,1.0,-1.0,0.0,,0.0,0.0,0.0,0.0,0.0
            CheXpert-v1.0/valid/patient64541/study1/view2_lateral.jpg,0.0,0.0,1.0,1.0,0.0,1.0,-1.0,0.0,,0.0,0.0,0.0,0.0,0.0""",
    )
    put(
        chexpert / "test_labels.csv",
        f"""{CHEXPERT}
            test/patient64741/study1/view1_frontal.jpg,0,0,1,0,0,0,0,0,0,0,0,0,0,0
            test/patient64742/study2/view1_frontal.jpg,0,0,0,0,0,0,0,0,0,0,1,0,0,0""",
    )
    outlined = {"Cardiomegaly": run_lengths((5, 10, 25, 16)), "Airspace Opacity": run_lengths((40, 30, 52, 47))}
    outlined |= {"Edema": run_lengths(), "Atelectasis": run_lengths()}
    put(folder / "CheXlocalize/gt_segmentations_val.json", {"patient64541_study1_view1_frontal": outlined})
    put(
        folder / "CheXlocalize/gt_annotations_test.json",
        {
            "patient64741_study1_view1_frontal": {"img_size": [50, 60], "Cardiomegaly": [ring(5, 10, 24, 15)]},
            "patient64742_study2_view1_frontal": {
                "img_size": [50, 60],
                "Pleural Effusion": [ring(2, 3, 8, 7), [[30.2, 20.4]]],
            },
        },
    )
    put(chexpert / "val/patient64541/study1/view2_lateral.jpg", picture(9))
    places = ("val/patient64541/study1/view1_frontal", "test/patient64741/study1/view1_frontal")
    places += ("test/patient64742/study2/view1_frontal",)
    return {
        "_".join(place.split("/")[1:]): put(chexpert / f"{place}.jpg", picture(at)) for at, place in enumerate(places)
    }


@example(
    "chestx-ray14",
    rows="""case,patient,split,infiltration,mass,effusion,hernia,reference
            00000001_000,1,train,1,0,0,0,reader
            00000001_001,1,train,0,1,1,0,reader
            00000002_000,2,test,0,0,0,0,reader""",
    regions={
        "infiltration": {"00000001_000": [(5, 10, 25, 16), (2, 3, 9, 8)], "*": None},
        "mass": {"00000001_001": [(40, 30, 50, 35)], "*": None},
    },
    columns={
        "Data_Entry_2017.csv": "Image Index,Finding Labels,Patient ID",
        "BBox_List_2017.csv": "Image Index,Finding Label,Bbox [x,y,w,h]",
    },
    needless=("*.png", "test_list.txt"),
)
def chestx_ray14(folder: Path) -> dict:
    put(
        folder / "Data_Entry_2017.csv",
        """Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,OriginalImage[Width,Height],
           00000001_000.png,Infiltration,0,1,58,2682,2749,
           00000001_001.png,Effusion|Mass,1,1,58,2894,2729,
           00000002_000.png,No Finding,0,2,81,2500,2048,
           00000003_000.png,Hernia,0,3,81,2582,2991,""",
    )
    put(
        folder / "BBox_List_2017.csv",
        """Image Index,Finding Label,Bbox [x,y,w,h],,,
           00000001_000.png,Infiltrate,5.0,10.0,20.0,6.0,,,
           00000001_000.png,Infiltrate,2,3,7,5,,,
           00000001_001.png,Mass,39.6,30.4,10,5,,,""",
    )
    put(folder / "test_list.txt", "00000002_000.png\n00000003_000.png")
    found = {name: picture(at) for at, name in enumerate(("00000001_000", "00000001_001", "00000002_000"))}
    put(folder / "images_001" / "images" / "00000001_000.png", found["00000001_000"])
    put(folder / "images_001" / "images" / "00000001_001.png", found["00000001_001"])
    opaque = np.stack([found["00000002_000"]] * 3 + [np.full((50, 60), 255, np.uint8)], axis=2)
    put(folder / "images_002" / "images" / "00000002_000.png", opaque)
    return found


# Of aaa1, two of three readers see an enlarged aorta and agree on a part of it, one sees a nodule; the nodules that two
# readers see in aaa2 share no pixel; ccc1 is listed and not there.
@example(
    "vindr-cxr",
    rows="""case,patient,split,aortic_enlargement,nodule_mass,pneumonia,other_disease,reader,reference
            aaa1,aaa1,train,1,0,0,0,R1;R2;R3,reader
            aaa2,aaa2,train,0,1,1,0,R1;R4;R5,reader
            bbb1,bbb1,test,1,0,0,1,consensus,reader""",
    regions={
        "aortic_enlargement": {"aaa1": [(15, 10, 25, 14)], "aaa2": [], "bbb1": [(30, 20, 44, 23)]},
        "nodule_mass": {"aaa1": [], "aaa2": None, "bbb1": []},
    },
    columns={
        "annotations/annotations_train.csv": "image_id,rad_id,class_name,x_min,y_min,x_max,y_max",
        "annotations/annotations_test.csv": "image_id,class_name,x_min,y_min,x_max,y_max",
        "annotations/image_labels_train.csv": "image_id,rad_id,No finding",
        "annotations/image_labels_test.csv": "image_id,Aortic enlargement,Other disease,No finding",
    },
    needless=("*/image_labels_*.csv", "*.dicom"),
)
def vindr_cxr(folder: Path) -> dict:
    put(
        folder / "annotations/image_labels_train.csv",
        """image_id,rad_id,Aortic enlargement,Nodule/Mass,Pneumonia,Other diseases,No finding
           aaa1,R1,1,0,0,0,0
           aaa1,R2,1,0,0,0,0
           aaa1,R3,0,1,0,0,0
           aaa2,R1,0,1,1,0,0
           aaa2,R4,0,1,1,,0
           aaa2,R5,0,0,0,0,1
           ccc1,R5,0,0,0,0,1""",
    )
    put(
        folder / "annotations/annotations_train.csv",
        """image_id,rad_id,class_name,x_min,y_min,x_max,y_max
           aaa1,R1,Aortic enlargement,5,10,25,16
           aaa1,R2,Aortic enlargement,15.0,8.0,35.0,14.0
           aaa1,R3,Nodule/Mass,2,3,9,8
           aaa2,R1,Nodule/Mass,2,3,9,8
           aaa2,R4,Nodule/Mass,40,30,52,47
           aaa2,R5,No finding,,,,
           ccc1,R5,No finding,,,,""",
    )
    put(
        folder / "annotations/image_labels_test.csv",
        """image_id,Aortic enlargement,Nodule/Mass,Pneumonia,Other disease,No finding
           bbb1,1,0,0,1,0""",
    )
    put(
        folder / "annotations/annotations_test.csv",
        """image_id,class_name,x_min,y_min,x_max,y_max
           bbb1,Aortic enlargement,30,20,44,23""",
    )
    found = {"aaa1": picture(1), "aaa2": picture(2), "bbb1": picture(3)}
    put_dicom(folder / "train/aaa1.dicom", found["aaa1"].astype(np.uint16) * 16, bits=12)
    put_dicom(folder / "train/aaa2.dicom", 65535 - found["aaa2"].astype(np.uint16) * 257, shown="MONOCHROME1")
    put_dicom(folder / "test/bbb1.dicom", found["bbb1"].astype(np.uint16) * 64, bits=14)
    return found


COVID = (
    *("airways", "cardiomediastinum", "left_lung", "right_lung", "ground_glass_opacities", "consolidation"),
    *("pleural_effusion", "pneumothorax", "central_venous_line", "endotracheal_tube", "monitoring_probes"),
    *("nasogastric_tube", "tubings", "support_device"),
)


# A crop's foreground is not black, though it is transparent; a row without a mask is a structure that is not drawn.
@example(
    "covid-cxr",
    rows="""case,patient,ground_glass_opacities,consolidation,support_device,diagnosis,view,licence,reference
            ARDS-1,5,1,0,1,ARDS,PA,CCBY-SA,reader
            ARDS-2,5,0,0,1,ARDS,AP,CCBY-SA,reader
            covid-3,20,0,1,0,COVID-19,PA,CC0,reader""",
    regions={
        **{name: {"*": []} for name in COVID},
        "left_lung": {"ARDS-1": [(35, 6, 49, 40)], "*": []},
        "ground_glass_opacities": {"ARDS-1": [(7, 11, 11, 14), (40, 30, 44, 33)], "*": []},
        "nasogastric_tube": {"ARDS-1": [(20, 0, 22, 31)], "*": []},
        "tubings": {"ARDS-1": [(3, 40, 10, 41)], "*": []},
        "monitoring_probes": {"ARDS-2": None, "*": []},
        "support_device": {"ARDS-1": [(20, 0, 22, 31), (3, 40, 10, 41)], "ARDS-2": None, "*": []},
        "consolidation": {"covid-3": [(50, 1, 58, 4)], "*": []},
    },
    columns={
        "structure.csv": "Class,Filename,Mask,Resolution,Top,Left,Width,Height",
        "metadata.csv": "patientid,finding,view,filename,license",
    },
    needless=("images/unused.png",),
    unread=("images/unused.png",),
)
def covid_cxr(folder: Path) -> dict:
    put(
        folder / "structure.csv",
        """Class,Filename,Mask,Resolution,Top,Left,Width,Height
           COVID-19 Left Lung,ARDS 1.png,masks/1.png,60x50,6,35,14,34
           COVID-19 Ground Glass Opacities,ARDS 1.png,masks/2.png,60x50,10,5,20,6
           COVID-19 Ground Glass Opacities,ARDS 1.png,masks/3.png,60x50,30,40,4,3
           COVID-19 Nosogastric Tube,ARDS 1.png,masks/4.png,60x50,0,20,2,31
           COVID-19 Tubings,ARDS 1.png,masks/5.png,60x50,40,3,7,1
           COVID-19 Monitoring Probes,ARDS 2.png,,60x50,0,0,60,50
           COVID-19 Consolidation,covid-3.jpg,masks/6.png,60x50,1,50,8,3""",
    )
    put(
        folder / "metadata.csv",
        """patientid,offset,sex,age,finding,view,modality,filename,doi,license
           5,,,,ARDS,PA,X-ray,ARDS 1.png,,CC BY-SA
           5,3,,,ARDS,AP,X-ray,ARDS 2.png,,CC BY-SA
           20,,M,40,COVID-19,PA,X-ray,covid-3.jpg,,CC0
           21,,M,40,No Finding,PA,X-ray,unused.png,,CC0""",
    )
    for name, size in {1: (14, 34), 3: (4, 3), 4: (2, 31), 5: (7, 1), 6: (8, 3)}.items():
        put(folder / "masks" / f"{name}.png", np.full((*size[::-1], 4), 255, np.uint8))
    crop = np.zeros((6, 20, 4), np.uint8)
    crop[..., 3] = 255
    crop[1:4, 2:6] = (0, 0, 9, 0)
    put(folder / "masks" / "2.png", crop)
    put(folder / "images" / "unused.png", picture(9))
    found = {"ARDS-1": picture(1), "ARDS-2": picture(2), "covid-3": picture(3)}
    put(folder / "images" / "ARDS 1.png", found["ARDS-1"])
    put(folder / "images" / "ARDS 2.png", np.stack([found["ARDS-2"]] * 3, axis=2))
    put(folder / "images" / "covid-3.jpg", found["covid-3"])
    return found


@example(
    "folder",
    rows="""case,patient,label,site,reference
            a,p1,benign,N,reader
            b,p2,malignant,N,reader
            c,p3,benign,S,reader
            sixteen,p4,malignant,S,reader""",
    regions={
        "mass": {"a": [(5, 10, 25, 16)], "c": [(40, 30, 52, 47)], "*": None},
        "lung_nodule": {"a": [(5, 10, 25, 16), (40, 30, 50, 35)], "b": [], "*": None},
        "dot": {"a": disc(11, 19), "b": [], "c": disc(40, 37) + disc(30, 4), "*": None},
        "tumour": {"b": [(10, 10, 30, 12), (10, 15, 30, 17), (10, 12, 12, 15), (16, 12, 30, 15)], "*": None},
        "stroma": {"b": [(2, 3, 9, 8), (30, 20, 44, 23)], "*": None},
        "vessel": {"a": [(3, 2, 5, 6)], "b": None, "c": [], "sixteen": [(20, 5, 40, 9), (1, 44, 4, 46)]},
    },
    options={"window": [0, 4080]},
    columns={"cases.csv": "image,patient"},
    needless=("coco.json",),
)
def folder_of_anybody(folder: Path) -> dict:
    put(
        folder / "cases.csv",
        """image,patient,label,site,mask:Mass,box:Lung Nodule,circle:Dot,geojson
           images/a.png,p1,benign,N,masks/a.png,5 10 20 6;40 30 10 5,11 19 2,
           images/b.png,p2,malignant,N,,none,none,b.geojson
           images/c.png,p3,benign,S,masks/c.png,,40 37 2; 30 4 2,
           sixteen.png,p4,malignant,S,,,,""",
    )
    put(folder / "masks" / "a.png", area((5, 10, 25, 16)))
    put(folder / "masks" / "c.png", area((40, 30, 52, 47)).astype(np.uint8))
    feature = lambda name, kind, coordinates: {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": {"objectType": "annotation", "classification": {"name": name, "color": [200, 0, 0]}},
    }
    features = [
        feature("Tumour", "Polygon", [ring(10, 10, 30, 17), ring(12, 12, 16, 15)]),
        feature("Stroma", "MultiPolygon", [[ring(2, 3, 9, 8)], [ring(30, 20, 44, 23)]]),
    ]
    put(folder / "b.geojson", {"type": "FeatureCollection", "features": features})
    put(
        folder / "coco.json",
        {
            "images": [
                {"id": 1, "file_name": "images/a.png"},
                {"id": 2, "file_name": "images/c.png"},
                {"id": 3, "file_name": "sixteen.png"},
            ],
            "categories": [{"id": 1, "name": "Vessel"}],
            "annotations": [
                {"image_id": 1, "category_id": 1, "segmentation": {"size": [50, 60], "counts": [152, 4, 46, 4, 2794]}},
                {"image_id": 3, "category_id": 1, "segmentation": [[20, 5, 40, 5, 40, 9, 20, 9]]},
                {"image_id": 3, "category_id": 1, "segmentation": run_lengths((1, 44, 4, 46))},
            ],
        },
    )
    found = {"a": picture(1), "b": picture(2, True), "c": picture(3), "sixteen": picture(4)}
    for name in "abc":
        put(folder / "images" / f"{name}.png", found[name])
    put(folder / "sixteen.png", found["sixteen"].astype(np.uint16) * 16)
    return found
