"""NIH ChestX-ray14, chest X-rays (Wang et al., CVPR 2017), with boxes for about a thousand
findings.

Layout as published: `Data_Entry_2017*.csv` (Image Index, Finding Labels, Patient ID, ...),
`BBox_List_2017.csv` (Image Index, Finding Label, x, y, width, height from the upper left corner, in
pixels of the published 1024 x 1024 images), `test_list.txt` where it is there, and images in any
folders. Labels were mined from reports: 0 is "not mentioned". A finding of an image has a region
where a box was drawn and is not annotated elsewhere. "Infiltrate" of the boxes is the labels'
"Infiltration". Images were scaled to a square, so there is no one pixel size.
"""

from functools import partial
from pathlib import Path

import numpy as np

from regard.data import annotations
from regard.data.cases import Cases, Lazy
from regard.data.inputs.names import composed
from regard.data.inputs.words import quoted, remark, short
from regard.datasets import files, pixels

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
SAME = {"Infiltrate": "Infiltration"}
NONE = "No Finding"
BOX = ("Bbox [x", "y", "w", "h]")  # the header is published with commas in it


def read(folder: Path | str) -> Cases:
    """ChestX-ray14, or the part of it that is in `folder`, with a column per finding and a region
    per boxed finding.

    Raises FileNotFoundError for a missing table or when no listed image is there; ValueError for an
    unknown finding, a blank patient, an image without an entry, and a box outside its image.
    """
    folder = Path(folder)
    listed, boxed = (
        files.one_of(folder, "Data_Entry_2017*.csv"),
        files.one_of(folder, "BBox_List_2017.csv"),
    )
    images = files.by_name(folder, "*.png")
    tests = files.one_of(folder, "test_list.txt") if files.below(folder, "test_list.txt") else None
    told = tests.read_text(encoding="utf-8-sig", errors="replace") if tests else ""
    tested = set(composed(told).split())
    if tests and not tested:
        raise ValueError(f"{tests} is empty: it should name the images of the published test part")
    if not tests:
        remark(f"no test_list.txt in {folder} or below it: the published split is not known")
    boxes = _boxes(boxed)
    rows, entries = [], set()
    table = files.table(listed, ["Image Index", "Finding Labels", "Patient ID"])
    for row in table.to_dict("records"):
        entries.add(row["Image Index"])
        if row["Image Index"] in images:
            with files.located(f"{listed} row {row['row']}"):
                patient = files.filled(row["Patient ID"], "Patient ID")
                found = {
                    files.known(name, (NONE, *FINDINGS), "a finding")
                    for name in row["Finding Labels"].split("|")
                }
            rows.append((row["Image Index"], patient, found, images[row["Image Index"]]))
    if unlisted := sorted({name for name, _ in boxes} - entries) + sorted(set(images) - entries):
        raise ValueError(f"{short(unlisted[0])} has no row in {listed}")
    if unlisted := sorted(tested - entries):
        raise ValueError(f"{tests}: {quoted(unlisted[0])} has no row in {listed}")
    files.left_out(len(table) - len(rows), len(table), f"their files are not in {folder}")
    if not rows:
        raise FileNotFoundError(f"none of the listed images is in {folder} or below it")

    return _cases(rows, boxes, boxed, tested)


Boxes = dict[tuple[str, str], list[tuple[int, list[float]]]]


def _boxes(boxed: Path) -> Boxes:
    """Row number and numbers of each box, by image and finding."""
    boxes: Boxes = {}
    for row in files.table(boxed, ["Image Index", "Finding Label", *BOX]).to_dict("records"):
        with files.located(f"{boxed} row {row['row']}"):
            finding = files.known(
                SAME.get(row["Finding Label"], row["Finding Label"]), FINDINGS, "Finding Label"
            )
            numbers = [files.number(row[column], "the box") for column in BOX]
            boxes.setdefault((row["Image Index"], finding), []).append((row["row"], numbers))
    return boxes


def _cases(rows: list[tuple], boxes: Boxes, boxed: Path, tested: set[str]) -> Cases:
    """The set of the images `rows`: name, patient, findings and path of each."""

    def drawn(row: tuple, finding: str) -> np.ndarray | None:
        if (row[0], finding) not in boxes:
            return None
        size, masks = pixels.size_of(row[3]), []
        for number, numbers in boxes[row[0], finding]:
            with files.located(f"{boxed} row {number}"):
                masks.append(annotations.box(size, *numbers))
        return files.union(masks, size)

    for row in rows:
        for finding in FINDINGS:
            drawn(
                row, finding
            )  # so that a box that does not fit is named before anything is written
    table = files.cases_table(
        case=[Path(row[0]).stem for row in rows],
        patient=[row[1] for row in rows],
        image=[row[0] for row in rows],
        **files.published_split([row[0] in tested for row in rows]),
        **{
            files.column_name(name): [str(int(name in row[2])) for row in rows] for name in FINDINGS
        },
        reference="reader",
    )
    boxed_findings = [name for name in FINDINGS if any(finding == name for _, finding in boxes)]
    regions = {
        files.column_name(name): Lazy(partial(drawn, finding=name), rows) for name in boxed_findings
    }
    return Cases(table, Lazy(lambda row: pixels.image(row[3], grey=True), rows), regions)
