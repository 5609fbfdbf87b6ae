"""Large annotated images cut into square tiles, each labelled by how much of it is tumour, or
another structure.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from regard.data.cases import Cases, Lazy
from regard.data.inputs.words import quoted
from regard.datasets import files, pixels

OTHER = "other"  # the label of a tile that is not the structure's
OUTSIDE = "outside"  # the name of a mask of what was not annotated at all
SHARE = 0.5  # of its pixels that must be tumour for a tile to be labelled so


def check(tile: object) -> None:
    """Raise ValueError for a size of tiles that is no positive whole number."""
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
        raise ValueError(f"tile must be a positive number of pixels, not {quoted(tile)}")


def cut(
    images: Sequence[Path],
    masks: Callable[[Path], Mapping[str, np.ndarray | None]],
    tile: int,
    describe: Callable[[Path], dict[str, str]],
    label_by: str | None = "tumour",
    load: Callable[[Path], np.ndarray] = pixels.image,
) -> Cases:
    """Whole tiles of `tile` x `tile` pixels from the upper left corner on; the margin that fills
    none is left out.

    masks: of an image, bool (H, W) per structure, None where it is not annotated; a tile with any
    pixel of OUTSIDE is left out. describe: the columns of an image's tiles, patient among them, and
    `case`, else its file's name is that. A tile is called <case>-<row>-<column> and is labelled
    `label_by` where more than SHARE of it is that structure, else OTHER; images without that
    structure are left out with a word, and None keeps the label that `describe` gives. Raises
    ValueError for a tile size that no image holds.
    """
    check(tile)
    # Tiles are asked for image by image, so that one decoded image and its masks are enough.
    image_of, masks_of = lru_cache(1)(load), lru_cache(1)(masks)
    rows, places, unlabelled = [], [], 0
    structures: dict[str, None] = {}
    for path in tqdm(images, "reading", unit=" images", disable=None, leave=False):
        annotated = {name: mask for name, mask in masks_of(path).items() if mask is not None}
        structures |= dict.fromkeys(annotated)
        if label_by is not None and label_by not in annotated:
            unlabelled += 1
            continue
        size = pixels.size_of(path)
        for mask in annotated.values():
            pixels.same_size(mask, size)
        columns = {"case": files.case_name(path.stem), "reference": "reader"} | describe(path)
        for top, left in _corners(size, tile):
            part = {
                name: mask[top : top + tile, left : left + tile] for name, mask in annotated.items()
            }
            if not part.get(OUTSIDE, np.False_).any():
                case = f"{columns['case']}-{top // tile}-{left // tile}"
                label = {} if label_by is None else {"label": _label(part[label_by], label_by)}
                rows.append(columns | {"case": case, "image": case} | label)
                places.append((path, top, left))
    files.left_out(unlabelled, len(images), f"{label_by} is not annotated in them")
    if not rows:
        raise ValueError(
            f"no tile of {tile} x {tile} pixels can be cut from the {len(images)} images"
        )

    def part_of(whole: np.ndarray | None, place: tuple[Path, int, int]) -> np.ndarray | None:
        _, top, left = place
        return None if whole is None else whole[top : top + tile, left : left + tile]

    def mask_of(place: tuple[Path, int, int], name: str) -> np.ndarray | None:
        return part_of(masks_of(place[0]).get(name), place)

    regions = {
        name: Lazy(partial(mask_of, name=name), places) for name in structures if name != OUTSIDE
    }
    table = files.cases_table(**{name: [row[name] for row in rows] for name in rows[0]})
    return Cases(table, Lazy(lambda place: part_of(image_of(place[0]), place), places), regions)


def _corners(size: tuple[int, int], tile: int) -> list[tuple[int, int]]:
    height, width = size
    return [
        (top, left)
        for top in range(0, height - tile + 1, tile)
        for left in range(0, width - tile + 1, tile)
    ]


def _label(mask: np.ndarray, structure: str) -> str:
    return structure if mask.mean() > SHARE else OTHER
