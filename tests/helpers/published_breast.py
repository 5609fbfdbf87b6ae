"""Small sets of breast ultrasound and mammography in their published layouts."""

import json
from pathlib import Path

import numpy as np
from small_sets import SIZE, area, coloured, disc, example, picture, put, put_dicom, put_excel


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
    return {
        name: put(folder / "Images" / f"{name}.png", picture(at)) for at, name in enumerate(names)
    }


@example(
    "breast",
    rows="""case,patient,label,birads,reference
            case001,1,benign,3,reader
            case002,2,malignant,4c,reader
            case003,3,normal,1,reader""",
    regions={
        "mass": {
            "case001": [(5, 10, 25, 16)],
            "case002": [(2, 3, 9, 8), (40, 30, 52, 47)],
            "case003": [],
        }
    },
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
    "patient_id,left or right breast,image view,abnormality id,mass shape,mass margins,calc "
    "type,calc distribution,"
    "pathology,image file path,cropped image file path,ROI mask file path"
)


# P_00002 is a training patient of masses and a test patient of calcifications; the mask of P_00004
# fits no image.
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
        "calcification": {
            "P_00002_RIGHT_CC": [(50, 1, 58, 4)],
            "P_00004_RIGHT_MLO": None,
            "*": None,
        },
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
        put_dicom(
            drawn / {"1-1.dcm": "1-2.dcm", "1-2.dcm": "1-1.dcm"}[mask], picture(3, size=(12, 7))
        )
        paths = [
            f"{name}/1.3.6/000000.dcm",
            f"{name}_{number}/1.3.8/000000.dcm",
            f'"{name}_{number}/1.3.8/000001.dcm\n"',
        ]
        return ",".join([patient, *view.split("_"), str(number), words, pathology, *paths])

    rows = {
        "mass_case_description_train_set": [
            row(
                "Mass-Training",
                "P_00001",
                "LEFT_CC",
                "IRREGULAR,SPICULATED,,",
                "MALIGNANT",
                (5, 10, 25, 16),
            ),
            row(
                "Mass-Training",
                "P_00001",
                "LEFT_CC",
                "OVAL,N/A,,",
                "BENIGN",
                (40, 30, 52, 47),
                2,
                "1-1.dcm",
            ),
            row("Mass-Training", "P_00002", "LEFT_MLO", "ROUND,,,", "BENIGN", (30, 20, 44, 23)),
        ],
        "mass_case_description_test_set": [
            row(
                "Mass-Test",
                "P_00003",
                "LEFT_CC",
                "OVAL,,,",
                "BENIGN_WITHOUT_CALLBACK",
                (2, 3, 9, 8),
            ),
        ],
        "calc_case_description_train_set": [
            row(
                "Calc-Training",
                "P_00004",
                "RIGHT_MLO",
                ",,,",
                "BENIGN",
                (2, 3, 9, 8),
                size=(61, 50),
            ),
        ],
        "calc_case_description_test_set": [
            row(
                "Calc-Test",
                "P_00002",
                "RIGHT_CC",
                ",,PLEOMORPHIC,LINEAR_CLUSTERED",
                "MALIGNANT",
                (50, 1, 58, 4),
            ),
        ],
    }
    for name, lines in rows.items():
        put(folder / f"{name}.csv", "\n".join([CBIS, *lines]))
    return found


CESM_SHAPES = {
    "P1_L_DM_CC.jpg": [
        {"name": "polygon", "all_points_x": [5, 25, 25, 5], "all_points_y": [10, 10, 16, 16]}
    ],
    "P1_R_DM_MLO .jpg": [
        {"name": "circle", "cx": 40, "cy": 37, "r": 2},
        {"name": "rect", "x": 2, "y": 3, "width": 7, "height": 5},
        {"name": "point", "cx": 30, "cy": 30},
    ],
    "P2_L_DM_CC.jpg": [
        {"name": "polyline", "all_points_x": [1, 2, 3], "all_points_y": [9, 9, 8]},
        {},
    ],
    "P1_L_CM_CC.jpg": [{"name": "rect", "x": 30, "y": 20, "width": 14, "height": 3}],
}


# P1_L_DM_CC has two rows, the graver of which counts; P2_L_DM_CC has a polyline alone, which
# encloses nothing.
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
        "Radiology manual "
        "annotations.xlsx": "Patient_ID,Image_name,Pathology Classification/ Follow up",
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

    def quoted(shape):
        return json.dumps(shape).replace('"', '""')

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
    return {
        name: put(folder / "images" / f"{name}.png", picture(at)) for at, name in enumerate(names)
    }
