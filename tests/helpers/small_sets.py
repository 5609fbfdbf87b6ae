"""How a small set in a published layout is written and what must become of it is stated, for the
tests of the readers.

A region is stated as boxes (left, top, right, bottom) in pixels, right and bottom not included: []
is annotated as absent, None not annotated. All of it lies off the centre and no two sides are
alike, so a mirrored or transposed coordinate is seen. "*" stands for all cases that are not named.
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
    """build(folder) writes the set and returns the image of each case; `rows` is the expected
    table, as CSV.

    columns: per table of the set those that must be there; needless, unread: patterns of the files
    that may be missing and of those whose content is not looked at.
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
    coarse = np.random.default_rng(seed).integers(
        0, 256, (4, 5, 3) if colour else (4, 5), dtype=np.uint8
    )
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
        path.write_text(
            "\n".join(line.strip() for line in content.strip().splitlines()) + "\n",
            encoding="utf-8",
        )
    elif isinstance(content, dict | list):
        path.write_text(json.dumps(content), encoding="utf-8")
    else:
        values = content * np.uint8(255) if content.dtype == bool else content
        Image.fromarray(values).save(path, **{"quality": 95} | parameters)
    return content


def put_excel(path: Path, columns: str, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [
        [int(cell) if cell.isdigit() else cell or None for cell in row.split(",")] for row in rows
    ]
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


def coloured(red: Boxes = (), green: Boxes = (), blue: Boxes = ()) -> np.ndarray:
    return np.stack([area(*boxes) * np.uint8(255) for boxes in (red, green, blue)], axis=2)


def run_lengths(*boxes: tuple[int, int, int, int]) -> dict:
    """The compressed code as pycocotools writes it, with which the set was made."""
    code = coco_masks.encode(np.asfortranarray(area(*boxes).astype(np.uint8)))
    return {"size": list(code["size"]), "counts": code["counts"].decode()}
