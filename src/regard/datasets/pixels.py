"""Images and masks as they are published, opened as arrays; every error names the file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from regard import annotations
from regard.cases import decode
from regard.datasets.files import located, present

GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


def image(
    path: Path, grey: bool = False, window: tuple[float, float] | None = None, behind: int | None = None
) -> np.ndarray:
    """An image as uint8 (H, W) or (H, W, 3); with `grey` always (H, W), colours by their ITU-R 601 luma.

    window: of 16-bit images, the values that become 0 and 255 (linear, clipped); behind: the grey value that is seen behind
    transparent pixels. Palettes are looked up; an alpha channel that is opaque everywhere is dropped. Raises ValueError
    that names the file for a damaged image, one with transparent pixels, 16 bits without a window or with a transparent
    value, and any other mode.
    """
    if path.suffix.lower() in (".dcm", ".dicom"):
        return dicom(path, window)
    found = decode(path)
    if found.mode in GREY_16 and "transparency" in found.info:
        raise ValueError(f"{path} has 16-bit grey values with a transparent one among them, which is not read")
    if "transparency" in found.info or found.mode in ("LA", "RGBA", "PA"):
        plain, found = "L" if found.mode in ("L", "LA") else "RGB", found.convert("RGBA")
        if behind is None and found.getextrema()[3] != (255, 255):
            raise ValueError(f"{path} has transparent pixels: what should be seen behind them is not said")
        found = Image.alpha_composite(Image.new("RGBA", found.size, (behind or 0,) * 3 + (255,)), found).convert(plain)
    if found.mode == "P":
        found = found.convert("RGB")
    if found.mode in GREY_16:
        if window is None:
            raise ValueError(
                f"{path} has 16-bit grey values; state a window, the two values that become black and white"
            )
        with located(path):
            return windowed(np.array(found), *window)
    if found.mode not in ("L", "RGB"):
        raise ValueError(f"{path} has mode {found.mode}; images are grey (8 or 16 bits) or colour (RGB)")
    return np.array(found.convert("L") if grey else found)


def windowed(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Grey values as uint8: `low` and below become 0, `high` and above 255. Raises ValueError unless low < high."""
    if not low < high:
        raise ValueError(f"a window must rise, not go from {low} to {high}")
    if values.dtype.kind in "ui" and values.dtype.itemsize <= 2:  # by a table: a film has millions of pixels
        limits = np.iinfo(values.dtype)
        seen = windowed(np.arange(limits.min, limits.max + 1, dtype=np.float64), low, high)
        return seen[values.astype(np.int32) - limits.min]
    return np.round(np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def dicom(path: Path, window: tuple[float, float] | None = None) -> np.ndarray:
    """A single-frame grey DICOM image as uint8 (H, W), bright where MONOCHROME2 is bright.

    window: the values, rescaled as the file says, that become 0 and 255; without, the file's own window centre and width,
    else the whole range of its stored bits. Raises ValueError that names the file for one that cannot be read.
    """
    import pydicom
    from pydicom.pixels import apply_modality_lut

    try:
        data = pydicom.dcmread(present(path))
        values = apply_modality_lut(data.pixel_array, data)
        centre, width = (_first(data.get(name)) for name in ("WindowCenter", "WindowWidth"))
        half, shown = 2 ** (int(data.BitsStored) - 1), str(data.PhotometricInterpretation)
        stored = (-half, half - 1) if data.PixelRepresentation else (0, 2 * half - 1)
        whole = apply_modality_lut(np.array(stored), data)
    except FileNotFoundError:
        raise
    except Exception as error:  # pydicom and its decoders raise whatever they meet
        raise ValueError(f"{path} is not a readable DICOM image: {' '.join(str(error).split())}") from None
    if values.ndim != 2 or shown not in ("MONOCHROME1", "MONOCHROME2"):
        raise ValueError(f"{path} is {shown} with shape {values.shape}; a single grey frame is expected")
    if window is None:
        window = (centre - width / 2, centre + width / 2) if centre is not None and width else whole
    with located(path):
        seen = windowed(values, *window)
    return 255 - seen if shown == "MONOCHROME1" else seen


def _first(value: object) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0] if isinstance(value, Sequence) and not isinstance(value, str) else value)


def picture(path: Path) -> Image.Image:
    """The decoded file of a mask. Raises FileNotFoundError, and ValueError for a damaged one."""
    return decode(present(path))


def same_size(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`mask`, which must have its image's `size` (height, width). Raises ValueError."""
    if mask.shape[:2] != tuple(size):
        raise ValueError(
            f"the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its image is "
            f"{size[1]} x {size[0]}; a mask must have the image's size"
        )
    return mask


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image file, from its header alone. Raises ValueError for no image."""
    try:
        if path.suffix.lower() in (".dcm", ".dicom"):
            import pydicom

            data = pydicom.dcmread(path, stop_before_pixels=True)
            return int(data.Rows), int(data.Columns)
        with Image.open(path) as found:
            return found.size[::-1]
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is truncated or not an image ({error})") from None


def mask(path: Path, image: Path, above: int | None = None) -> np.ndarray:
    """The grey mask in `path` (`annotations.grey`), which must have the size of `image`. Errors name the file."""
    with located(path):
        return same_size(annotations.grey(picture(path), above), size_of(image))
