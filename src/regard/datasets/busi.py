"""BUSI, breast ultrasound images (Al-Dhabyani et al., Data in Brief 2020,
10.1016/j.dib.2019.104863).

Layout as published: `benign/`, `malignant/`, `normal/`, each with `<label> (<n>).png` and `<label>
(<n>)_mask.png`, and `_mask_1.png`, `_mask_2.png` where an image shows more than one mass. Modes are
mixed: images are grey stored as RGB (a few with coloured marks), masks 1-bit, grey, RGB or RGBA.

What the set does not say, and what is done about it:
- *Patients* are not given. Images that look the same (`same_view`) count as one patient; else each
  image is its own.
- *Pixel size* is not given, and no `pixel_mm` is written.
- Masks of `normal` are empty: no mass, annotated as absent.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from regard.data.cases import Cases, Lazy, decode
from regard.data.inputs.names import entries
from regard.datasets import files, pixels

LABELS = ("benign", "malignant", "normal")
SAME_VIEW = 0.95
# An extra mask of another size than its image cannot be placed without guessing, so the case is
# kept as not annotated.
UNPLACEABLE = {"benign (4)_mask_1.png"}


def read(folder: Path | str) -> Cases:
    """BUSI in its published layout as Cases with the region "mass", the union of all masks of an
    image.

    Raises FileNotFoundError for a missing label folder or mask, ValueError for an empty set, a PNG
    of another name, a damaged image, and a mask of another size (but for those in UNPLACEABLE).
    """
    folder = Path(folder)
    rows = []
    for label in LABELS:
        if not (folder / label).is_dir():
            raise FileNotFoundError(f"no folder {folder / label}: BUSI has {', '.join(LABELS)}")
        # strays such as test.txt are passed over
        names = [path.name for path in entries(folder / label) if path.suffix.lower() == ".png"]
        for name in names:
            match = re.fullmatch(rf"{label} \((\d+)\)(_mask(_\d+)?)?\.png", name)
            if match is None:
                raise ValueError(
                    f"{folder / label / name} is neither an image '{label} (n).png' nor a mask of "
                    "one"
                )
            if match[2] is None:
                rows.append(
                    {
                        "case": f"{label}-{int(match[1]):04d}",
                        "label": label,
                        "file": f"{label}/{name}",
                    }
                )
        shown = {row["file"] for row in rows}
        for name in names:
            if (
                image := re.sub(r"_mask(_\d+)?\.png$", ".png", name)
            ) != name and f"{label}/{image}" not in shown:
                raise FileNotFoundError(f"{folder / label / name} has no image {image}")
    if not rows:
        raise ValueError(f"{folder} holds no images named '<label> (<n>).png'")
    table = pd.DataFrame(rows).sort_values("case", ignore_index=True)
    masks = [_mask_files(folder / file) for file in table["file"]]
    images = Lazy(lambda file: pixels.image(folder / file, grey=True), table["file"])
    table["patient"] = _patients(
        table["case"], list(files.progress(images, "looking for images of one view"))
    )
    table["image"] = table["file"]
    table["reference"] = "reader"
    columns = ["case", "patient", "image", "label", "reference", "file"]
    regions = {
        "mass": Lazy(lambda pair: _union(folder / pair[0], pair[1]), zip(table["file"], masks))
    }
    return Cases(table[columns], images, regions)


def _mask_files(image: Path) -> list[Path]:
    first = image.with_name(f"{image.stem}_mask.png")
    if not first.is_file():
        raise FileNotFoundError(f"{image} has no mask {first.name}; BUSI has one for every image")
    return [
        first,
        *(path for path in entries(image.parent) if path.name.startswith(f"{image.stem}_mask_")),
    ]


def _union(image: Path, masks: list[Path]) -> np.ndarray | None:
    size = decode(image).size
    union = np.zeros(size[::-1], dtype=bool)
    for path in masks:
        mask = decode(path)
        if mask.size != size:
            if path.name in UNPLACEABLE:
                return None
            raise ValueError(
                f"{path} is {mask.size[0]} x {mask.size[1]} pixels, its image is {size[0]} x "
                f"{size[1]}; a "
                "mask must have the image's size"
            )
        union |= np.array(mask.convert("RGB")).max(axis=2) > 127
    return union


def _patients(cases: pd.Series, images: list[np.ndarray]) -> list[str]:
    """For each case the name of the first case that shows the same view, directly or by way of
    others.
    """
    _, groups = connected_components(csr_array(same_view(images)), directed=False)
    first = dict(reversed(list(zip(groups, cases))))
    return [first[group] for group in groups]


def same_view(images: list[np.ndarray], threshold: float = SAME_VIEW) -> np.ndarray:
    """Which pairs of grey images (H, W) show nearly the same: bool (N, N), true on the diagonal.

    Pearson correlation of 32 x 32 thumbnails (box average, aspect dropped) of at least `threshold`.
    """
    thumbnails = np.stack(
        [
            np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BOX), float).ravel()
            for image in images
        ]
    )
    thumbnails -= thumbnails.mean(axis=1, keepdims=True)
    length = np.linalg.norm(thumbnails, axis=1, keepdims=True)
    thumbnails /= np.where(length > 0, length, 1)
    same = thumbnails @ thumbnails.T >= threshold
    np.fill_diagonal(same, True)
    return same
