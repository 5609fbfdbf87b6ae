"""CBIS-DDSM, digitised mammograms (Lee et al., Sci Data 2017, 10.1038/sdata.2017.177).

Layout as published: `mass_case_description_train_set.csv`, `..._test_set.csv` and the same for
`calc`, and DICOM files in folders such as `Mass-Training_P_00001_LEFT_CC` (the image) and
`Mass-Training_P_00001_LEFT_CC_1` (crop and mask of abnormality 1, whose file names are swapped in
places: the mask is the one with the image's size). A mask of no such size cannot be placed; its
structure is then not annotated in that image. Neither is a structure that no table lists for it:
the tables are of curated abnormalities and do not say that there is no other. Images have 16 bits,
shown over their whole range.

The published training and test patients of masses and of calcifications overlap: who is in a test
set of either is a test patient here. A pixel size is not given.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from regard.data.cases import Cases, Lazy
from regard.data.inputs import names
from regard.data.inputs.names import composed
from regard.data.inputs.words import quoted, remark
from regard.datasets import files, pixels

KINDS = {"mass": "mass", "calc": "calcification"}
COLUMNS = [
    "patient_id",
    "left or right breast",
    "image view",
    "abnormality id",
    "pathology",
    "image file path",
    "ROI mask file path",
]
WORDS = ("mass shape", "mass margins", "calc type", "calc distribution")
TABLES = [f"{kind}_case_description_{part}_set.csv" for kind in KINDS for part in ("train", "test")]
PATHOLOGY = {"MALIGNANT": "malignant", "BENIGN": "benign", "BENIGN_WITHOUT_CALLBACK": "benign"}


def read(folder: Path | str) -> Cases:
    """CBIS-DDSM by image: label malignant where any abnormality is, else benign; regions "mass" and
    "calcification", the union of an image's; `split` as published; `report`, the BI-RADS words of
    its abnormalities.

    Raises FileNotFoundError for a missing table, image or mask folder, ValueError for a missing
    column, an unknown pathology and a blank patient.
    """
    folder = Path(folder)
    folders = {composed(path.name): path for path in names.below(folder, "*_P_*") if path.is_dir()}
    found: dict[str, dict] = {}
    tested = set()
    tables = files.below(folder, "*_case_description_*_set.csv")
    for name in TABLES:
        if tables and name not in {path.name.lower() for path in tables}:
            remark(
                f"no {name} in {folder} or below it: its abnormalities and its part of the split "
                "are not known"
            )
    for listed in tables:
        kind, part = _kind_and_part(listed)
        for row in files.progress(files.table(listed, COLUMNS).to_dict("records")):
            with files.located(f"{listed} row {row['row']}"):
                patient = files.filled(row["patient_id"], "patient_id")
                pathology = PATHOLOGY[files.known(row["pathology"], tuple(PATHOLOGY), "pathology")]
                image = _only(_folder(folders, row["image file path"], folder))
                case = files.case_name(
                    f"{patient}_{row['left or right breast']}_{row['image view']}"
                )
                mask = _mask(_folder(folders, row["ROI mask file path"], folder), image)
            one = found.setdefault(
                case,
                {"patient": patient, "image": image, "drawn": [], "labels": set(), "words": []},
            )
            with files.located(f"{listed} row {row['row']}"):
                if pixels.size_of(image) != pixels.size_of(one["image"]):
                    raise ValueError(
                        f"{image} has another size than {one['image']}, the same view in another "
                        "table"
                    )
            one["drawn"].append((KINDS[kind], mask))
            one["labels"].add(pathology)
            words = [
                row[word].replace("_", " ").lower()
                for word in WORDS
                if row.get(word) not in (None, "", "N/A")
            ]
            one["words"].append(", ".join([KINDS[kind], *words]))
            tested |= {patient} if part == "test" else set()
    if not found:
        raise FileNotFoundError(f"no *_case_description_*_set.csv in {folder} or below it")
    return _cases(found, tested)


def _kind_and_part(listed: Path) -> tuple[str, str]:
    """mass or calc, and train or test, by the name of a table."""
    named = re.fullmatch(r"(mass|calc)_case_description_(train|test)_set\.csv", listed.name.lower())
    if not named:
        raise ValueError(
            f"{listed} is none of the tables mass_ and calc_case_description_train_ and "
            "_test_set.csv"
        )
    return named[1], named[2]


def _cases(found: dict[str, dict], tested: set[str]) -> Cases:
    rows = list(found.values())
    if lost := sum(mask is None for row in rows for _, mask in row["drawn"]):
        remark(
            f"{lost} masks have another size than their image: their structures count as not "
            "annotated there"
        )
    table = files.cases_table(
        case=found,
        patient=[row["patient"] for row in rows],
        image=[f"{case}.dcm" for case in found],
        label=["malignant" if "malignant" in row["labels"] else "benign" for row in rows],
        **files.published_split([row["patient"] in tested for row in rows]),
        report=["; ".join(row["words"]) for row in rows],
        reference="reader",
    )
    regions = {name: Lazy(partial(_drawn, structure=name), rows) for name in KINDS.values()}
    return Cases(table, Lazy(lambda row: pixels.dicom(row["image"]), rows), regions)


def _folder(folders: dict[str, Path], published: str, folder: Path) -> Path:
    name = published.replace("\\", "/").split("/")[0]
    if name not in folders:
        raise FileNotFoundError(f"no folder {quoted(name)} in {folder} or below it")
    return folders[name]


def _only(folder: Path) -> Path:
    return files.one_of(folder, "*.dcm")


def _mask(folder: Path, image: Path) -> Path | None:
    found = files.below(folder, "*.dcm")
    if len(found) < 2:
        raise FileNotFoundError(
            f"{folder} holds {len(found)} *.dcm; an abnormality has two, its mask and a crop"
        )
    size = pixels.size_of(image)
    return next((path for path in found if pixels.size_of(path) == size), None)


def _drawn(row: dict, structure: str) -> np.ndarray | None:
    masks = [mask for kind, mask in row["drawn"] if kind == structure]
    if not masks or any(mask is None for mask in masks):
        return None
    return files.union([pixels.dicom(mask) > 0 for mask in masks], pixels.size_of(row["image"]))
