"""RINGS, prostate H&E (Salvi et al. 2021, 10.17632/h8bdwrtnr5.1), images with one mask of two
colours.

Layout: `images/NAME.png` and `masks/NAME.png`, red where tumour and green where benign glands are
drawn, never both in one image. The patient is the first part of the name (P3_A8_12_16_1 is patient
P3). In images of tumour benign glands are not annotated; in images of benign glands tumour is
annotated as absent. A pixel size is not given.
"""

import re
from pathlib import Path

from regard.data import annotations
from regard.data.cases import Cases, Lazy
from regard.datasets import files, pixels

COLOURS = {"tumour": (255, 0, 0), "benign_gland": (0, 255, 0)}


def read(folder: Path | str) -> Cases:
    """RINGS with the labels benign and tumour and the regions "tumour" and "benign_gland".

    Raises FileNotFoundError for a missing folder or mask; ValueError for another name, an unknown
    colour, a mask of another size, and one that shows both or neither.
    """
    folder = Path(folder)
    images, masks = files.pairs(folder / "images", folder / "masks")
    labels, patients = [], []
    for image, mask in files.progress(list(zip(images, masks))):
        found = re.match(r"(P\d+)_", image.stem)
        if not found:
            raise ValueError(f"{image} is not named after its patient, as P3_A8_12_16_1.png is")
        patients.append(found[1])
        drawn = _masks(mask, image)
        shown = [name for name in COLOURS if drawn[name].any()]
        if len(shown) != 1:
            raise ValueError(
                f"{mask} shows {' and '.join(shown) or 'neither tumour nor benign glands'}; RINGS "
                "shows one"
            )
        labels.append("tumour" if shown == ["tumour"] else "benign")
    rows = list(zip(images, masks, labels))
    table = files.cases_table(
        case=[files.case_name(image.stem) for image in images],
        patient=patients,
        image=[image.name for image in images],
        label=labels,
        reference="reader",
    )
    regions = {
        "tumour": Lazy(lambda row: _masks(row[1], row[0])["tumour"], rows),
        "benign_gland": Lazy(
            lambda row: _masks(row[1], row[0])["benign_gland"] if row[2] == "benign" else None, rows
        ),
    }
    return Cases(table, Lazy(lambda row: pixels.image(row[0]), rows), regions)


def _masks(mask: Path, image: Path) -> dict:
    with files.located(mask):
        found = annotations.colours(pixels.picture(mask), COLOURS)
        pixels.same_size(found["tumour"], pixels.size_of(image))
    return found
