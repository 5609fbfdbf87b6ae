"""Images and masks as they are published, opened as arrays; every error names the file."""

from pathlib import Path

import numpy as np
from PIL import Image

from regard.data import annotations
from regard.data.inputs import rasters
from regard.datasets import dicom as dicoms
from regard.datasets.dicom import windowed
from regard.datasets.files import located, present


def image(
    path: Path,
    grey: bool = False,
    window: tuple[float, float] | None = None,
    behind: int | None = None,
) -> np.ndarray:
    """An image as uint8 (H, W) or (H, W, 3), upright; with `grey` always (H, W), colours by their
    ITU-R 601 luma.

    window: of images of more than 8 bits and of DICOM, the values that become 0 and 255 (linear,
    clipped); behind: the grey value that is seen behind transparent pixels. Palettes are looked up;
    an alpha channel that is opaque everywhere is dropped. Raises ValueError that names the file for
    a damaged image, one of several pages or frames, one with transparent pixels, more than 8 bits
    without a window or with a transparent value, and any other mode.
    """
    if rasters.is_dicom(present(path)):
        return dicoms.shown(path, window)
    found = rasters.read(path)
    if isinstance(found, np.ndarray):
        if window is None:
            raise ValueError(
                f"{path} has {found.dtype.itemsize * 8}-bit values; state a window, the two values "
                "that become black and white"
            )
        with located(path):
            found = Image.fromarray(windowed(found, *window))
    if "transparency" in found.info or found.mode in ("LA", "RGBA", "PA"):
        if behind is None and rasters.transparent(found):
            raise ValueError(
                f"{path} has transparent pixels: what should be seen behind them is not said"
            )
        plain, found = "L" if found.mode in ("L", "LA") else "RGB", found.convert("RGBA")
        found = Image.alpha_composite(
            Image.new("RGBA", found.size, (behind or 0,) * 3 + (255,)), found
        ).convert(plain)
    if found.mode == "P":
        found = found.convert("RGB")
    if found.mode not in ("L", "RGB"):
        raise ValueError(
            f"{path} has mode {found.mode}; images are grey (8 or 16 bits) or colour (RGB)"
        )
    return np.array(found.convert("L") if grey else found)


def dicom(path: Path, window: tuple[float, float] | None = None) -> np.ndarray:
    """A single-frame grey DICOM image as uint8 (H, W) (`regard.datasets.dicom.shown`)."""
    return dicoms.shown(path, window)


def picture(path: Path) -> Image.Image:
    """The decoded file of a mask, upright, of at most 8 bits; of DICOM the stored values.

    Raises FileNotFoundError, and ValueError for a damaged one, one of several pages and one of more
    bits.
    """
    if not rasters.is_dicom(present(path)):
        return rasters.decode(path)
    codes = dicoms.codes(path)
    if codes.min() < 0 or codes.max() > 255:
        raise ValueError(
            f"{path} has values from {codes.min()} to {codes.max()}; a mask has 0 to 255"
        )
    return Image.fromarray(codes.astype(np.uint8))


def same_size(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`mask`, which must have its image's `size` (height, width). Raises ValueError."""
    if mask.shape[:2] != tuple(size):
        raise ValueError(
            f"the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its image is "
            f"{size[1]} x {size[0]}; a mask must have the image's size"
        )
    return mask


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image as `image` gives it, from the file's header alone. Raises
    ValueError for no image.
    """
    return dicoms.size_of(path) if rasters.is_dicom(path) else rasters.size_of(path)


def mask(path: Path, image: Path, above: int | None = None) -> np.ndarray:
    """The grey mask in `path` (`annotations.grey`), which must have the size of `image`. Errors
    name the file.
    """
    found, size = picture(path), size_of(image)
    with located(path):
        return same_size(annotations.grey(found, above), size)
