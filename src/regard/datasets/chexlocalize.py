"""CheXlocalize, chest X-rays with outlines of ten findings (Saporta et al., Nat Mach Intell 2022,
10.1038/s42256-022-00536-x).

Layout as published: `gt_segmentations_*.json` (run-length codes) or `gt_annotations_*.json`
(contours), and of CheXpert the images `.../patient64541/study1/view1_frontal.jpg` and a table of
labels with a column `Path`. Outlines were drawn only where a label is positive: a negative label
means annotated as absent, a positive one without an outline not annotated. Uncertain labels (-1)
and blank ones are unknown. With both parts there, `val` is the tuning and `test` the test split,
and nothing is left to train on: a network trained elsewhere is explained. A pixel size is not
given.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from regard.data import annotations
from regard.data.cases import Cases, Lazy
from regard.data.inputs.words import joined, quoted, remark, short
from regard.datasets import files, pixels

FINDINGS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Lung Opacity",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Support Devices",
)
SAME = {
    "Airspace Opacity": "Lung Opacity"
}  # two names of one finding, the outlines' and the labels'
VALUES = {"1": "1", "1.0": "1", "0": "0", "0.0": "0", "-1": "", "-1.0": "", "": ""}


def read(folder: Path | str, lateral: bool = False) -> Cases:
    """CheXlocalize with a column and a region per finding; `lateral` takes the lateral views as
    well.

    Raises FileNotFoundError for a missing table, image or JSON, ValueError for a missing column, an
    unknown label, a JSON that is broken, an image it names that no table lists, a code of another
    size and a contour outside its image.
    """
    folder = Path(folder)
    tables = files.below(folder, "val*.csv", "test*.csv")
    outlines = _outlines(folder)
    images = {
        _name("/".join(path.parts[-3:])): path
        for path in files.below(folder, "patient*/study*/*.jpg")
    }
    if not tables:
        raise FileNotFoundError(
            f"no table of labels (valid.csv, val_labels.csv, test_labels.csv) in {folder} or "
            "below it"
        )
    rows, listed_ids, missing = [], set(), 0
    for listed in tables:
        labels = files.table(listed, ["Path"]).rename(columns=SAME)
        if lacking := [finding for finding in FINDINGS if finding not in labels]:
            raise ValueError(
                f"{listed} has no column {lacking[0]!r}; it has {joined(labels.columns)}"
            )
        for row in labels.to_dict("records"):
            with files.located(f"{listed} row {row['row']}"):
                name = _name(row["Path"])
                patient = re.match(r"(patient\d+)_study\d+_view\d+_(frontal|lateral)$", name)
                if not patient:
                    raise ValueError(
                        f"Path {quoted(row['Path'])} does not end in "
                        "patientN/studyN/viewN_frontal.jpg"
                    )
                listed_ids.add(name)
                if patient[2] == "lateral" and not lateral:
                    continue
                if name not in images:
                    missing += 1
                    continue
                values = {
                    finding: VALUES[files.known(row[finding], tuple(VALUES), finding)]
                    for finding in FINDINGS
                }
            split = "test" if listed.name.lower().startswith("test") else "tune"
            rows.append((name, patient[1], split, values, images[name], outlines.get(name)))
    if stray := sorted(set(outlines) - listed_ids):
        named = ", ".join(str(path) for path in tables)
        raise ValueError(f"{short(stray[0])} is outlined and stands in none of {named}")
    _remark_on_parts(rows, images, listed_ids)
    files.left_out(missing, missing + len(rows), f"their files are not in {folder}")
    if not rows:
        raise FileNotFoundError(f"none of the listed images is in {folder} or below it")
    return _cases(rows)


def _cases(rows: list[tuple]) -> Cases:
    columns = {files.column_name(name): [row[3][name] for row in rows] for name in FINDINGS}
    splits = [row[2] for row in rows]
    table = files.cases_table(
        case=[row[0] for row in rows],
        patient=[row[1] for row in rows],
        image=[f"{row[0]}.jpg" for row in rows],
        **({"split": splits} if len(set(splits)) == 2 else {}),
        **columns,
        reference="reader",
    )
    regions = {
        files.column_name(name): Lazy(partial(_drawn, finding=name), rows) for name in FINDINGS
    }
    return Cases(table, Lazy(lambda row: pixels.image(row[4], grey=True), rows), regions)


def _name(path: str) -> str:
    """patient64541_study1_view1_frontal of a path that ends in
    patient64541/study1/view1_frontal.jpg.
    """
    return re.sub(
        r"\.jpe?g$", "", "_".join(path.replace("\\", "/").split("/")[-3:]), flags=re.IGNORECASE
    )


def _remark_on_parts(rows: list[tuple], images: dict[str, Path], listed_ids: set[str]) -> None:
    """Say which part of the set has labels and no outline at all, and which images have no row."""
    for split in ("tune", "test"):
        part = [row for row in rows if row[2] == split]
        if not any(row[5] for row in part):
            reason = (
                "no outline at all: its positive findings count as not annotated"
                if part
                else "no table of labels"
            )
            remark(f"the {'validation' if split == 'tune' else split} part has {reason}")
    files.unlisted(
        images.values(), {images[name] for name in listed_ids & set(images)}, "a table of labels"
    )


def _outlines(folder: Path) -> dict[str, tuple[Path, dict]]:
    """By image the JSON that outlines it and its entry; run-length codes where both forms are
    there.
    """
    found: dict[str, tuple[Path, dict]] = {}
    paths = files.below(folder, "gt_annotations*.json") + files.below(
        folder, "gt_segmentations*.json"
    )
    if not paths:
        raise FileNotFoundError(
            f"no gt_segmentations_*.json or gt_annotations_*.json in {folder} or below it"
        )
    for path in paths:
        content = files.read_json(path)
        if not isinstance(content, dict) or not all(
            isinstance(entry, dict) for entry in content.values()
        ):
            raise ValueError(f"{path} is not made of one entry per image")
        for name, entry in content.items():
            if unknown := [
                key for key in entry if SAME.get(key, key) not in FINDINGS and key != "img_size"
            ]:
                raise ValueError(
                    f"{path}, {short(name)}: unknown finding {quoted(unknown[0])}; known are "
                    f"{', '.join(FINDINGS)}"
                )
            found[name] = (path, {SAME.get(key, key): value for key, value in entry.items()})
    return found


def _drawn(row: tuple, finding: str) -> np.ndarray | None:
    name, _, _, values, image, outlined = row
    size, mask = pixels.size_of(image), None
    if outlined and finding in outlined[1]:
        path, entry = outlined
        with files.located(f"{path}, {name}, {finding}"):
            if "img_size" in entry:
                if entry["img_size"] != list(size):
                    raise ValueError(
                        f"img_size is {short(entry['img_size'])} (height, width), the image is "
                        f"{list(size)}"
                    )
                mask = annotations.contours(size, entry[finding])
            else:
                mask = annotations.coco(size, entry[finding])
    if mask is not None and mask.any():
        return mask
    return np.zeros(size, bool) if values[finding] == "0" else None
