"""Ways to damage a small set: each function returns a damage, a function of the folder."""

import numpy as np
import pandas as pd
from published import coloured, put


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
SEGMENTED, CONTOURED = (
    "CheXlocalize/gt_segmentations_val.json",
    "CheXlocalize/gt_annotations_test.json",
)
VAL, VAL_CASE = "CheXpert/val_labels.csv", "patient64541_study1_view1_frontal"
TEST_CASE = "patient64741_study1_view1_frontal"
ENTRIES, BOXES = "Data_Entry_2017.csv", "BBox_List_2017.csv"
TRAIN_BOXES, TRAIN_LABELS = (
    "annotations/annotations_train.csv",
    "annotations/image_labels_train.csv",
)
