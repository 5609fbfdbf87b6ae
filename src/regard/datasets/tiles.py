"""Large annotated images cut into square tiles, each labelled by how much of it is tumour."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from regard.cases import Cases, Lazy
from regard.datasets import files, pixels

LABELS = ("other", "tumour")
OUTSIDE = "outside"  # the name of a mask of what was not annotated at all
SHARE = 0.5  # of its pixels that must be tumour for a tile to be labelled so


def cut(
    images: Sequence[Path],
    masks: Callable[[Path], dict[str, np.ndarray]],
    tile: int,
    describe: Callable[[Path], dict[str, str]],
) -> Cases:
    """Whole tiles of `tile` x `tile` pixels from the upper left corner on; the margin that fills none is left out.

    masks: of an image, bool (H, W) per structure, `tumour` among them; a tile with any pixel of OUTSIDE is left out.
    describe: the columns of an image's tiles, patient among them. A tile is called <image>-<row>-<column> and is labelled
    tumour where more than SHARE of it is. Raises ValueError for a tile size that no image holds.
    """
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
        raise ValueError(f"tile must be a positive number of pixels, not {tile!r}")
    # Tiles are asked for image by image, so that one decoded image and its masks are enough.
    image_of, masks_of = lru_cache(1)(pixels.image), lru_cache(1)(masks)
    rows, places, structures = [], [], []
    for path in tqdm(images, "reading", unit=" images", disable=None, leave=False):
        annotated = masks_of(path)
        structures = structures or list(annotated)
        height, width = pixels.same_size(annotated["tumour"], pixels.size_of(path)).shape
        for top in range(0, height - tile + 1, tile):
            for left in range(0, width - tile + 1, tile):
                part = {name: mask[top : top + tile, left : left + tile] for name, mask in annotated.items()}
                if not part.pop(OUTSIDE, np.False_).any():
                    share = part["tumour"].mean()
                    case = f"{files.case_name(path.stem)}-{top // tile}-{left // tile}"
                    label = LABELS[int(share > SHARE)]
                    rows.append({"case": case, "image": case, "label": label} | describe(path))
                    places.append((path, top, left))
    if not rows:
        raise ValueError(f"no tile of {tile} x {tile} pixels can be cut from the {len(images)} images")

    def part_of(load: Callable, place: tuple[Path, int, int]) -> np.ndarray:
        path, top, left = place
        return load(path)[top : top + tile, left : left + tile]

    regions = {
        name: Lazy(lambda place, name=name: part_of(lambda path: masks_of(path)[name], place), places)
        for name in structures
        if name != OUTSIDE
    }
    table = files.cases_table(**{name: [row[name] for row in rows] for name in rows[0]}, reference="reader")
    return Cases(table, Lazy(lambda place: part_of(image_of, place), places), regions)
