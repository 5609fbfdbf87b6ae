"""VinDr-CXR, chest X-rays with boxes by several radiologists (Nguyen et al., Sci Data 2022,
10.1038/s41597-022-01498-w).

Layout as published: `annotations/annotations_train.csv` (image_id, rad_id, class_name, x_min,
y_min, x_max, y_max), `annotations/image_labels_train.csv` (image_id, rad_id, a column of 0 and 1
per finding), the same for test without rad_id, and `train/`, `test/` with <image_id>.dicom. Three
radiologists read each training image; five agreed on each test image. Here a finding is present,
and a pixel in its region, where at least half of an image's readers say so; a finding that is
present though no pixel is in half of the boxes is not annotated. Compressed DICOM files need the
decoders that pydicom names. Patients are not given: each image is its own. Findings without a
single box in the set have a label and no region.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from regard.data import annotations
from regard.data.cases import Cases, Lazy
from regard.data.inputs.names import composed
from regard.data.inputs.words import quoted, remark, short
from regard.datasets import files, pixels

NONE = "No finding"
SAME = {"Other diseases": "Other disease"}


def read(folder: Path | str, findings: Sequence[str] | None = None, readers: bool = False) -> Cases:
    """VinDr-CXR, or the part of it that is in `folder`, with a column and a region per finding and
    `split` as published.

    findings: those to read, by their published names, else all; readers: write each reader's own
    region as well, as <finding>-1, -2 and -3 in the order of the column `reader`. Raises
    FileNotFoundError for a missing table or when no listed image is there; ValueError for a missing
    column, an unknown finding, two rows of one reader for one image, and a box outside its image.
    """
    folder = Path(folder)
    images = _images(folder)
    votes: dict[str, dict] = {}
    boxes: dict[str, list] = {}
    known: list[str] = []
    for split in ("train", "test"):
        labels = files.below(folder, f"image_labels_{split}.csv")
        if not labels:
            remark(
                f"no image_labels_{split}.csv in {folder} or below it: the published {split} "
                "images are left out"
            )
            continue
        if len(labels) > 1:
            raise ValueError(f"{labels[0]} and {labels[1]} are two tables of one part of the set")
        by = ["rad_id"] if split == "train" else []
        table = files.table(labels[0], ["image_id", *by, NONE]).rename(columns=SAME)
        known = known or [name for name in table if name not in ("image_id", "rad_id", "row", NONE)]
        if missing := [name for name in known if name not in table]:
            raise ValueError(
                f"{labels[0]} has no column {missing[0]!r}, which the other table of labels has"
            )
        _read_votes(votes, table, labels[0], split, by, known)
        _read_boxes(boxes, votes, folder, split, by, known, labels[0])
    if not votes:
        raise FileNotFoundError(
            f"no image_labels_train.csv or image_labels_test.csv in {folder} or below it"
        )
    if findings is not None and not (
        isinstance(findings, list | tuple) and all(isinstance(name, str) for name in findings)
    ):
        raise ValueError(f"findings must be a list of names, not {quoted(findings)}")
    chosen = list(findings) if findings is not None else known
    for name in chosen:
        files.known(name, known, "findings")
    rows = [
        one | {"name": name, "path": images[name], "boxes": boxes.get(name, [])}
        for name, one in votes.items()
        if name in images
    ]
    files.unlisted(
        images.values(),
        {row["path"] for row in rows},
        "image_labels_train.csv or image_labels_test.csv",
    )
    files.left_out(len(votes) - len(rows), len(votes), f"their files are not in {folder}")
    if not rows:
        raise FileNotFoundError(f"none of the listed images is in {folder} or below it")
    return _cases(rows, chosen, _boxed(boxes, chosen), readers)


def _read_votes(votes, table, listed, split, by, known):
    """Add to `votes` what each reader of one table says of each image."""
    for row in table.to_dict("records"):
        with files.located(f"{listed} row {row['row']}"):
            one = votes.setdefault(row["image_id"], {"split": split, "readers": {}})
            reader = files.filled(row["rad_id"], "rad_id") if by else "consensus"
            if reader in one["readers"]:
                raise ValueError(
                    f"{short(reader)} reads image {quoted(row['image_id'])} a second time"
                )
            one["readers"][reader] = {
                name: files.flag(row[name], name) if row[name] else None for name in known
            }


def _read_boxes(boxes, votes, folder, split, by, known, listed):
    """Add to `boxes` those of one part of the set; each belongs to a reader in `votes`."""
    boxed = files.one_of(folder, f"annotations_{split}.csv")
    for row in files.table(
        boxed, ["image_id", *by, "class_name", "x_min", "y_min", "x_max", "y_max"]
    ).to_dict("records"):
        name = SAME.get(row["class_name"], row["class_name"])
        if name == NONE:
            continue
        with files.located(f"{boxed} row {row['row']}"):
            files.known(name, known, "class_name")
            if row["image_id"] not in votes:
                raise ValueError(f"image {quoted(row['image_id'])} has no row in {listed}")
            if row.get("rad_id", "consensus") not in votes[row["image_id"]]["readers"]:
                raise ValueError(
                    f"{quoted(row['rad_id'])} boxed image {quoted(row['image_id'])}, which "
                    "they did not label"
                )
            numbers = [files.number(row[key], key) for key in ("x_min", "y_min", "x_max", "y_max")]
            boxes.setdefault(row["image_id"], []).append(
                (name, row.get("rad_id", "consensus"), numbers, boxed, row["row"])
            )


def _boxed(boxes: dict[str, list], chosen: list[str]) -> list[str]:
    """Those of the findings `chosen` that have a box anywhere in the set."""
    local = {name for found in boxes.values() for name, *_ in found}
    return [name for name in chosen if name in local]


def _cases(rows: list[dict], chosen: list[str], local: list[str], readers: bool) -> Cases:
    """The set of the images `rows`; the findings `local` have regions."""
    table = files.cases_table(
        case=[files.case_name(row["name"]) for row in rows],
        patient=[row["name"] for row in rows],
        image=[row["path"].name for row in rows],
        **files.published_split([row["split"] == "test" for row in rows]),
        **{files.column_name(name): [_present(row, name) for row in rows] for name in chosen},
        reader=[";".join(sorted(row["readers"])) for row in rows],
        reference="reader",
    )
    regions = {}
    for name in local:
        regions[files.column_name(name)] = Lazy(partial(_agreed, finding=name), rows)
        for at in range(max(len(row["readers"]) for row in rows) if readers else 0):
            regions[f"{files.column_name(name)}-{at + 1}"] = Lazy(
                partial(_own, finding=name, at=at), rows
            )
    return Cases(table, Lazy(lambda row: pixels.image(row["path"], grey=True), rows), regions)


def _images(folder: Path) -> dict[str, Path]:
    """The images in `folder` or below it by their id, which may stand once."""
    found: dict[str, Path] = {}
    for path in files.below(folder, "*.dicom", "*.dcm", "*.png", "*.jpg"):
        name = composed(path.stem)
        if name in found:
            raise ValueError(f"{path} and {found[name]} are two files of one image")
        found[name] = path
    return found


def _present(row: dict, finding: str) -> str:
    """1, 0 or blank: what at least half of the readers who say anything say."""
    said = [reader[finding] for reader in row["readers"].values() if reader[finding] is not None]
    return str(int(2 * sum(said) >= len(said))) if said else ""


def _drawn(row: dict, finding: str, reader: str, size: tuple[int, int]) -> np.ndarray:
    """What one reader boxed as `finding` in one image."""
    masks = []
    for name, by, numbers, path, number in row["boxes"]:
        if (name, by) == (finding, reader):
            with files.located(f"{path} row {number}"):
                masks.append(annotations.corners(size, *numbers))
    return files.union(masks, size)


def _agreed(row: dict, finding: str) -> np.ndarray | None:
    present = _present(row, finding)
    if not any(name == finding for name, *_ in row["boxes"]):
        return np.zeros(pixels.size_of(row["path"]), bool) if present == "0" else None
    size = pixels.size_of(row["path"])
    drawn = [_drawn(row, finding, reader, size) for reader in row["readers"]]
    votes = np.sum(drawn, axis=0)
    agreed = 2 * votes >= len(row["readers"])
    return agreed if agreed.any() or present == "0" else None


def _own(row: dict, finding: str, at: int) -> np.ndarray | None:
    readers = sorted(row["readers"])
    return (
        _drawn(row, finding, readers[at], pixels.size_of(row["path"]))
        if at < len(readers)
        else None
    )
