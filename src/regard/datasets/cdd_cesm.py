"""CDD-CESM, contrast-enhanced mammograms (Khaled et al., Sci Data 2022,
10.1038/s41597-022-01238-0).

Layout as published: `Radiology manual annotations.xlsx` (a row per finding: Patient_ID, Image_name,
pathology, ...), `Radiology_hand_drawn_segmentations_v2.csv` (shapes of the VGG Image Annotator),
`Low energy images of CDD-CESM/` and `Subtracted images of CDD-CESM/`. Points and polylines enclose
nothing: an image with no other shape is not annotated. The set is passed on as `images/` and
`masks/` too, red where malignant and green where benign lesions are drawn, without its tables;
`read_masks` reads that. A pixel size is not given in either.
"""

import json
import re
from pathlib import Path

import numpy as np

from regard.data import annotations
from regard.data.cases import Cases, Lazy
from regard.data.inputs.words import joined, quoted, remark, short
from regard.datasets import files, pixels

KINDS = {"DM": "low-energy", "CM": "subtracted"}
FOLDERS = {
    "low-energy": "Low energy images of CDD-CESM",
    "subtracted": "Subtracted images of CDD-CESM",
}
PATHOLOGY = "Pathology Classification/ Follow up"
LABELS = ("normal", "benign", "malignant")
COLOURS = {"malignant": (255, 0, 0), "benign": (0, 255, 0)}
MASK_NAME = re.compile(r"(?:flipped_)?(P\d+)_([LR])_(DM|CM)_(CC|MLO)")


def read(folder: Path | str, kind: str = "low-energy") -> Cases:
    """The images of one kind, low-energy or subtracted, with the label normal, benign or malignant
    (the gravest of an image's rows) and the region "lesion", absent in normal images.

    Raises FileNotFoundError for a missing file; ValueError for a missing column, an unknown
    pathology, a blank patient, a shape that is broken or does not fit its image.
    """
    folder = Path(folder)
    files.known(kind, tuple(FOLDERS), "kind")
    listed = files.one_of(folder, "Radiology*annotations.xlsx")
    drawn_in = files.one_of(folder, "Radiology_hand_drawn_segmentations*.csv")
    images = files.by_name(files.one_of(folder, FOLDERS[kind]), "*.jpg")
    images = {_plain(name): path for name, path in images.items()}
    if not images:
        raise FileNotFoundError(f"no *.jpg in {FOLDERS[kind]}")
    shapes: dict[str, list[tuple[int, str]]] = {}
    for row in files.table(drawn_in, ["#filename", "region_shape_attributes"]).to_dict("records"):
        shapes.setdefault(_plain(row["#filename"]), []).append(
            (row["row"], row["region_shape_attributes"])
        )
    found: dict[str, dict] = {}
    for row in files.table(listed, ["Patient_ID", "Image_name", PATHOLOGY]).to_dict("records"):
        name = _plain(row["Image_name"])
        with files.located(f"{listed} row {row['row']}"):
            of = files.known(
                (name.split("_") + ["", ""])[2],
                tuple(KINDS),
                f"the kind of image in {quoted(name)}",
            )
            if KINDS[of] != kind:
                continue
            files.filled(row["Patient_ID"], "Patient_ID")
            label = files.known(row[PATHOLOGY].lower(), LABELS, PATHOLOGY)
            if name not in images:
                raise FileNotFoundError(f"no image {short(name)}.jpg in {FOLDERS[kind]}")
        one = found.setdefault(
            name, {"patient": row["Patient_ID"], "label": label, "path": images[name]}
        )
        one["label"] = max(one["label"], label, key=LABELS.index)
    if not found:
        raise ValueError(f"{listed} lists no {kind} image")
    rows = [
        one | {"shapes": shapes.get(name, []), "listed": drawn_in} for name, one in found.items()
    ]
    files.unlisted(images.values(), {row["path"] for row in rows}, listed)
    _remark_on_shapes(shapes, found, kind, drawn_in, listed)
    for row in files.progress(rows):
        _lesion(row)
    return _cases(found, rows)


def _cases(found: dict[str, dict], rows: list[dict]) -> Cases:
    table = files.cases_table(
        case=[files.case_name(name) for name in found],
        patient=[row["patient"] for row in rows],
        image=[row["path"].name for row in rows],
        label=[row["label"] for row in rows],
        reference="reader",
    )
    return Cases(
        table,
        Lazy(lambda row: pixels.image(row["path"], grey=True), rows),
        {"lesion": Lazy(_lesion, rows)},
    )


def _plain(name: str) -> str:
    return re.sub(r"\.jpe?g$", "", name.replace(" ", ""), flags=re.IGNORECASE)


def _remark_on_shapes(shapes: dict, found: dict, kind: str, drawn_in: Path, listed: Path) -> None:
    """Say which shapes of images of this kind are not read, for another image then counts as not
    annotated.
    """
    strays = [
        name
        for name in shapes
        if name not in found and KINDS.get((name.split("_") + ["", ""])[2], kind) == kind
    ]
    if strays:
        remark(
            f"{drawn_in}: the shapes of {len(strays)} images are not read, for {listed} does not "
            f"name them: {joined(strays, 3)}"
        )


def _lesion(row: dict) -> np.ndarray | None:
    size, masks = pixels.size_of(row["path"]), []
    for number, text in row["shapes"]:
        with files.located(f"{row['listed']} row {number}"):
            try:
                shape = json.loads(text or "{}")
            except (ValueError, RecursionError):
                raise ValueError(f"the shape {quoted(text)} is not readable as JSON") from None
            if shape and (mask := annotations.via(size, shape)) is not None:
                masks.append(mask)
    return files.union(masks, size) if masks or row["label"] == "normal" else None


def read_masks(folder: Path | str) -> Cases:
    """The set as `images/` and `masks/` of the same names, flipped_P108_L_DM_CC: label and region
    "lesion" by colour.

    An image in which malignant lesions are drawn is malignant, one with benign lesions alone
    benign. Raises FileNotFoundError for a missing folder or mask; ValueError for another name, an
    unknown colour and an empty mask.
    """
    folder = Path(folder)
    images, masks = files.pairs(folder / "images", folder / "masks")
    labels, patients = [], []
    for image, mask in files.progress(list(zip(images, masks))):
        named = MASK_NAME.fullmatch(image.stem)
        if not named:
            raise ValueError(
                f"{image} is not named after patient, side, kind and view, as P108_L_DM_CC is"
            )
        drawn = _coloured(mask, image)
        if not any(found.any() for found in drawn.values()):
            raise ValueError(f"{mask} is empty, so its class is not known")
        patients.append(named[1])
        labels.append(next(name for name in COLOURS if drawn[name].any()))
    rows = list(zip(images, masks))
    table = files.cases_table(
        case=[files.case_name(image.stem) for image in images],
        patient=patients,
        image=[image.name for image in images],
        label=labels,
        reference="reader",
    )
    lesion = Lazy(lambda row: np.logical_or.reduce(list(_coloured(row[1], row[0]).values())), rows)
    return Cases(table, Lazy(lambda row: pixels.image(row[0], grey=True), rows), {"lesion": lesion})


def _coloured(mask: Path, image: Path) -> dict[str, np.ndarray]:
    with files.located(mask):
        found = annotations.colours(pixels.picture(mask), COLOURS)
        pixels.same_size(found["benign"], pixels.size_of(image))
    return found
