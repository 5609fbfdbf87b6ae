"""Image files decoded as a viewer shows them (upright, one picture per file, every bit kept), or
refused.

Pillow decodes. It lets some faults pass without a word: it cuts 16-bit colours to 8 bits, shows the
first of many pages, rescales 12-bit values, takes 16-bit white-is-zero for black-is-zero and skips
checksums. This module finds these faults in the file itself, and reads such a file in full or
refuses it.
"""

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from regard.data.inputs import png, tiff
from regard.data.inputs.deep import Refused, jpeg2000_values, pnm_values, several, upright

# Formats whose depth and pages are understood here; a JPEG of several pictures (MPO) is opened as
# JPEG.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
DICOM_MARK = slice(128, 132)  # "DICM" stands there in every DICOM file, whatever its name
METADATA = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}  # may hold an orientation
NARROW, NEARLY_ALL = 16, 0.99


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a ValueError of one line that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Refused as error:
        raise ValueError(f"{path} {error}") from None
    except Exception as error:  # decoders raise whatever they meet in a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path} is truncated or not an image that can be read ({reason})"
        ) from None


def is_dicom(path: Path) -> bool:
    """Whether the file carries DICOM's mark, or is called so. Raises FileNotFoundError."""
    with open(path, "rb") as file:
        return file.read(132)[DICOM_MARK] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")


def decode(path: Path) -> Image.Image:
    """The decoded image, upright, of at most 8 bits per channel; `info["bits"]` is the number of
    bits in the file.

    Raises ValueError that names the file for one that is damaged, no image, DICOM, of several pages
    or frames, or of more than 8 bits per channel.
    """
    found = read(path)
    if isinstance(found, np.ndarray):
        raise ValueError(
            f"{path} has {found.dtype.itemsize * 8}-bit values; 8 bits per channel are expected "
            "here"
        )
    return found


def read(path: Path) -> Image.Image | np.ndarray:
    """`decode`, with images of more than 8 bits per channel as arrays (H, W) or (H, W, 3) of their
    values.

    The values are those of the file, as integers or floats in its own range, black low and white
    high. Raises ValueError for what `decode` refuses (but for the bits), and for deep images with
    transparent pixels or of another kind.
    """
    with _named(path):
        source, head = _source(path)
        if head.startswith(tiff.MARKS) and (values := tiff.deep_values(path)) is not None:
            return values
        with _handle(source) as file, Image.open(file, formats=FORMATS) as image:
            bits = head[24] if head.startswith(png.MARK) else 8
            _check_frames(image, source)
            if (values := DEEP.get(image.format or "", _shallow)(image, source)) is not None:
                return upright(values, image.getexif().get(ExifTags.Base.Orientation, 1))
            if head.startswith(tiff.MARKS):
                assert isinstance(image, TiffImagePlugin.TiffImageFile)
                bits = max(image.tag_v2.get(258, (1,)))
            image.load()
            if image.info.keys() & METADATA:
                ImageOps.exif_transpose(image, in_place=True)
            image.info["bits"] = bits
            return image


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image file as `read` gives it, from its header alone. Raises ValueError
    for no image.
    """
    with _named(path):
        with open(path, "rb") as file:
            head = file.read(8)
        if head.startswith(tiff.MARKS):
            return tiff.size_of(path)
        with Image.open(path, formats=FORMATS) as image:
            # Only for metadata behind the pixels must the whole file be decoded.
            late = head == png.MARK and png.late_metadata(path)
            exif = image.getexif() if late else Image.Image.getexif(image)
            turned = exif.get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
            return image.size if turned else image.size[::-1]


def transparent(image: Image.Image) -> bool:
    """Whether any pixel of a decoded image is not opaque."""
    if image.mode not in ("LA", "PA", "RGBA", "La", "RGBa") and "transparency" not in image.info:
        return False
    return image.convert("RGBA").getchannel("A").getextrema() != (255, 255)


def nearly_constant(image: np.ndarray) -> bool:
    """Whether a uint8 image (H, W) or (H, W, 3) shows hardly anything, as after a wrong window.

    That is: in every channel NEARLY_ALL of the pixels lie within NARROW grey values, or NEARLY_ALL
    of all values are exactly 0 or 255.
    """
    counts = np.array(Image.fromarray(image).histogram()).reshape(-1, 256)
    enough = NEARLY_ALL * image.shape[0] * image.shape[1]
    if (counts[:, 0] + counts[:, 255]).min() >= enough:
        return True
    within = counts.cumsum(axis=1)  # at first the pixels up to a grey value
    within[:, NARROW + 1 :] = within[:, NARROW + 1 :] - within[:, : -NARROW - 1]
    return bool((within.max(axis=1) >= enough).all())


def _source(path: Path) -> tuple[bytes | Path, bytes]:
    """What Pillow should open, and the file's first bytes; a PNG comes as its checked content."""
    with open(path, "rb") as file:
        head = file.read(132)
        if head[DICOM_MARK] == b"DICM":
            raise Refused("is a DICOM image; `regard import folder` reads those")
        if not head.startswith(png.MARK):
            return path, head
        return png.checked(head + file.read()), head


def _handle(source: bytes | Path) -> BinaryIO:
    """An open file, never a path: of a path Pillow maps uncompressed TIFFs into memory, and
    scrambles those whose orientation swaps their sides.
    """
    return io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")


def _check_frames(image: Image.Image, source: bytes | Path) -> None:
    """Raise ValueError where a file shows several pictures. Smaller ones beside the first are its
    previews.
    """
    if (count := getattr(image, "n_frames", 1)) == 1 or image.format == "TIFF":
        return
    with _handle(source) as file, Image.open(file, formats=FORMATS) as frames:
        for number in range(1, count):
            try:
                frames.seek(number)
            except (EOFError, OSError, ValueError, SyntaxError):
                continue  # listed in the header of a JPEG whose previews were cut off
            if math.prod(frames.size) >= math.prod(image.size):
                raise Refused(several(count, "frames"))


def _shallow(image: Image.Image, source: bytes | Path) -> None:
    """The formats that have no more than 8 bits."""


# format -> what gives the values of an image of more than 8 bits, None for another
DEEP: dict[str, Callable[[Image.Image, Any], np.ndarray | None]] = {
    "PNG": png.deep_values,
    "PPM": pnm_values,
    "JPEG2000": jpeg2000_values,
}
