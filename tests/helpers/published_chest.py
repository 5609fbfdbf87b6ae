"""Small sets of chest X-rays in their published layouts."""

from pathlib import Path

import numpy as np
from small_sets import example, picture, put, put_dicom, ring, run_lengths

CHEXPERT = (
    "Path,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung "
    "Lesion,Edema,Consolidation,Pneumonia,"
    "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)


# Outlined twice, as code and as contour; edema positive without an outline, consolidation
# uncertain, atelectasis blank.
@example(
    "chexlocalize",
    rows="""case,patient,split,cardiomegaly,lung_opacity,edema,consolidation,atelectasis,pleural_effusion,reference
            patient64741_study1_view1_frontal,patient64741,test,1,0,0,0,0,0,reader
            patient64742_study2_view1_frontal,patient64742,test,0,0,0,0,0,1,reader
            patient64541_study1_view1_frontal,patient64541,tune,1,1,1,,,0,reader""",
    regions={
        "cardiomegaly": {"patient64742_study2_view1_frontal": [], "*": [(5, 10, 25, 16)]},
        "lung_opacity": {"patient64541_study1_view1_frontal": [(40, 30, 52, 47)], "*": []},
        "pleural_effusion": {
            "patient64742_study2_view1_frontal": [(2, 3, 9, 8), (30, 20, 31, 21)],
            "*": [],
        },
        **{
            name: {"patient64541_study1_view1_frontal": None, "*": []}
            for name in ("edema", "consolidation", "atelectasis")
        },
        **{
            name: {"*": []}
            for name in (
                "enlarged_cardiomediastinum",
                "lung_lesion",
                "pneumothorax",
                "support_devices",
            )
        },
    },
    columns={
        "CheXpert/val_labels.csv": "Path,Cardiomegaly,Support Devices",
        "CheXpert/test_labels.csv": "Path,Edema",
    },
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
    outlined = {
        "Cardiomegaly": run_lengths((5, 10, 25, 16)),
        "Airspace Opacity": run_lengths((40, 30, 52, 47)),
    }
    outlined |= {"Edema": run_lengths(), "Atelectasis": run_lengths()}
    put(
        folder / "CheXlocalize/gt_segmentations_val.json",
        {"patient64541_study1_view1_frontal": outlined},
    )
    put(
        folder / "CheXlocalize/gt_annotations_test.json",
        {
            "patient64741_study1_view1_frontal": {
                "img_size": [50, 60],
                "Cardiomegaly": [ring(5, 10, 24, 15)],
            },
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
        "_".join(place.split("/")[1:]): put(chexpert / f"{place}.jpg", picture(at))
        for at, place in enumerate(places)
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
    found = {
        name: picture(at)
        for at, name in enumerate(("00000001_000", "00000001_001", "00000002_000"))
    }
    put(folder / "images_001" / "images" / "00000001_000.png", found["00000001_000"])
    put(folder / "images_001" / "images" / "00000001_001.png", found["00000001_001"])
    opaque = np.stack([found["00000002_000"]] * 3 + [np.full((50, 60), 255, np.uint8)], axis=2)
    put(folder / "images_002" / "images" / "00000002_000.png", opaque)
    return found


# Of aaa1, two of three readers see an enlarged aorta and agree on a part of it, one sees a nodule;
# the nodules that two readers see in aaa2 share no pixel; ccc1 is listed and not there.
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
    put_dicom(
        folder / "train/aaa2.dicom",
        65535 - found["aaa2"].astype(np.uint16) * 257,
        shown="MONOCHROME1",
    )
    put_dicom(folder / "test/bbb1.dicom", found["bbb1"].astype(np.uint16) * 64, bits=14)
    return found


COVID = (
    *(
        "airways",
        "cardiomediastinum",
        "left_lung",
        "right_lung",
        "ground_glass_opacities",
        "consolidation",
    ),
    *(
        "pleural_effusion",
        "pneumothorax",
        "central_venous_line",
        "endotracheal_tube",
        "monitoring_probes",
    ),
    *("nasogastric_tube", "tubings", "support_device"),
)


# A crop's foreground is not black, though it is transparent; a row without a mask is a structure
# that is not drawn.
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
