"""Chest X-rays of pneumonia with segmented structures (masks: General Blockchain, CC BY 4.0;
images: Cohen et al. 2020, the ieee8023 collection, licence per row of its table).

Layout: `structure.csv` (Class, Filename, Mask, Resolution, Top, Left, Width, Height),
`metadata.csv` (patientid, finding, view, filename, license, ...), `images/` and `masks/`. A mask is
a crop to be pasted at (Top, Left); its foreground is what is not black, whatever its alpha channel.
Every image was segmented for all classes, so a class that an image has no row of is annotated as
absent; a row that names no mask leaves its structure present and not annotated. Transparent corners
of screenshots are shown black. A pixel size is not given.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from regard.data.cases import Cases, Lazy
from regard.data.inputs.words import quoted, short
from regard.datasets import files, pixels

DEVICES = (
    "central_venous_line",
    "endotracheal_tube",
    "monitoring_probes",
    "nasogastric_tube",
    "tubings",
)
STRUCTURES = (
    "airways",
    "cardiomediastinum",
    "left_lung",
    "right_lung",
    "ground_glass_opacities",
    "consolidation",
    "pleural_effusion",
    "pneumothorax",
    *DEVICES,
)
FINDINGS = (
    "ground_glass_opacities",
    "consolidation",
    "pleural_effusion",
    "pneumothorax",
    "support_device",
)
SAME = {"nosogastric_tube": "nasogastric_tube"}
NUMBERS = ("Top", "Left", "Width", "Height")


def read(folder: Path | str) -> Cases:
    """The images that have segmented structures, with a column per finding of FINDINGS, a region
    per structure, and "support_device", the union of the DEVICES; `diagnosis` is the table's,
    `licence` each image's.

    Raises FileNotFoundError for a missing table, image or mask; ValueError for a missing column, an
    unknown class, a blank patient, an image without metadata, a mask of another size than stated,
    and one that does not fit its image.
    """
    folder = Path(folder)
    listed, described = folder / "structure.csv", folder / "metadata.csv"
    drawn: dict[str, dict[str, list]] = {}
    for row in files.table(listed, ["Class", "Filename", "Mask", "Resolution", *NUMBERS]).to_dict(
        "records"
    ):
        with files.located(f"{listed} row {row['row']}"):
            name = files.column_name(row["Class"].removeprefix("COVID-19 "))
            name = files.known(SAME.get(name, name), STRUCTURES, "Class")
            mask = files.inside(folder, row["Mask"], "mask") if row["Mask"] else None
            place = [int(files.number(row[key], key)) for key in NUMBERS]
            drawn.setdefault(row["Filename"], {}).setdefault(name, []).append(
                (row["row"], mask, place, row["Resolution"])
            )
    metadata = {}
    for row in files.table(
        described, ["patientid", "finding", "view", "filename", "license"]
    ).to_dict("records"):
        if row["filename"] in drawn:
            if row["filename"] in metadata:
                raise ValueError(
                    f"{described} row {row['row']}: {quoted(row['filename'])} stands in a row "
                    "before"
                )
            with files.located(f"{described} row {row['row']}"):
                files.filled(row["patientid"], "patientid")
                metadata[row["filename"]] = row | {
                    "path": files.inside(folder / "images", row["filename"], "image")
                }
    if strays := [name for name in drawn if name not in metadata]:
        raise ValueError(f"{short(strays[0])} has structures in {listed} and no row in {described}")
    rows = [(metadata[name], drawn[name], listed) for name in drawn]
    shown = {row[0]["path"] for row in rows}
    files.unlisted(files.below(folder / "images", "*"), shown, listed)
    crops = {crop[1] for row in rows for found in row[1].values() for crop in found}
    files.unlisted(files.below(folder / "masks", "*"), crops, listed)

    return _cases(drawn, rows)


def _cases(drawn: dict[str, dict[str, list]], rows: list[tuple]) -> Cases:
    def has(row, finding):
        return any(
            name in row[1] for name in (DEVICES if finding == "support_device" else [finding])
        )

    table = files.cases_table(
        case=[files.case_name(Path(name).stem) for name in drawn],
        patient=[row[0]["patientid"] for row in rows],
        image=[row[0]["filename"] for row in rows],
        **{finding: [str(int(has(row, finding))) for row in rows] for finding in FINDINGS},
        diagnosis=[row[0]["finding"] for row in rows],
        view=[row[0]["view"] for row in rows],
        licence=[row[0]["license"] for row in rows],
        reference="reader",
    )
    regions = {name: Lazy(partial(_structure, names=[name]), rows) for name in STRUCTURES}
    regions["support_device"] = Lazy(lambda row: _structure(row, DEVICES), rows)
    return Cases(
        table, Lazy(lambda row: pixels.image(row[0]["path"], grey=True, behind=0), rows), regions
    )


def _structure(row: tuple, names: tuple | list) -> np.ndarray | None:
    """The union of the crops of `names` in one image, pasted where they belong; None where one of
    them is missing.
    """
    described, drawn, listed = row
    size = pixels.size_of(described["path"])
    pasted = np.zeros(size, bool)
    for number, path, (top, left, width, height), resolution in (
        crop for name in names for crop in drawn.get(name, [])
    ):
        if path is None:
            return None
        with files.located(f"{listed} row {number}"):
            if re.sub(r"\s", "", resolution) != f"{size[1]}x{size[0]}":
                raise ValueError(
                    f"Resolution is {quoted(resolution)}, the image is {size[1]}x{size[0]}"
                )
            crop = np.array(pixels.picture(path).convert("RGB")).any(axis=2)
            if crop.shape != (height, width):
                raise ValueError(
                    f"{path} is {crop.shape[1]} x {crop.shape[0]} pixels, the table says {width} "
                    f"x {height}"
                )
            if top < 0 or left < 0 or top + height > size[0] or left + width > size[1]:
                raise ValueError(
                    f"the mask of {width} x {height} pixels at top {top}, left {left} lies "
                    "outside the image"
                )
            pasted[top : top + height, left : left + width] |= crop
    return pasted
