"""TIFF: pages that are several pictures, and values of more than 8 bits in any byte order and
polarity.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from regard.data.inputs.deep import Refused, several, upright, without_alpha

if TYPE_CHECKING:
    import tifffile

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# TIFF compressions that tifffile decodes on its own: none, deflate (two numbers), PackBits, LZMA.
UNPACKED = (1, 8, 32946, 32773, 34925)
DEFLATED = (8, 32946)
DRIFT = 0.05  # by which the proportions of a pyramid's levels may differ: some are padded


def deep_values(path: Path) -> np.ndarray | None:
    """The values of a TIFF of more than 8 bits per channel, None for others. Raises ValueError for
    several pages.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        first = _first(file)
        _check_pages(file, first)
        bits, kind = first.bitspersample, first.sampleformat
        if first.photometric == 3:
            _check_deflated(file, first)
            return _palette_values(path, first)
        if bits <= 8:
            if kind != 1:
                raise Refused("has signed 8-bit values, which are not read")
            _check_deflated(file, first)
            return None
        channels = first.samplesperpixel - len(first.extrasamples)
        if (
            first.photometric > 2
            or channels not in (1, 3)
            or len(first.extrasamples) > 1
            or kind not in (1, 2, 3)
        ):
            raise Refused(
                f"has {bits}-bit values in {first.samplesperpixel} channels of a kind that is not "
                "read"
            )
        values = _array(path, first, file.filehandle.size)
        top = 2**bits - 1
        if first.photometric == 0:
            if kind != 1:
                raise Refused(
                    "has values that are signed or fractions and white where they are zero, which "
                    "is not read"
                )
            seen = values if values.ndim == 2 else values[..., :channels]  # without alpha
            np.subtract(values.dtype.type(top), seen, out=seen)
        return without_alpha(values, top) if values.ndim == 3 else values


def _first(file: tifffile.TiffFile) -> tifffile.TiffPage:
    """The first page, which tifffile always reads whole."""
    page = file.pages[0]
    assert hasattr(page, "photometric"), "a page that is no frame of a series"
    return page  # type: ignore[return-value]


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of the upright image, from the header."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        first = _first(file)
        size = (first.imagelength, first.imagewidth)
        return size[::-1] if orientation(first) in (5, 6, 7, 8) else size


def _array(path: Path, page, length: int) -> np.ndarray:
    """The upright values of one page, in the machine's byte order; (H, W) or (H, W, channels)."""
    if page.compression in UNPACKED and page.bitspersample in (16, 32, 64) and page.imagedepth == 1:
        ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts)]
        if min(page.databytecounts) <= 0 or max(ends) > length:
            raise Refused("is truncated: it ends before its pixels do")
        values = page.asarray()
        values = np.moveaxis(values, 0, -1) if page.axes == "SYX" else values
        return upright(values.astype(values.dtype.newbyteorder("=")), orientation(page))
    if page.samplesperpixel > 1:
        raise Refused(
            f"has {page.bitspersample}-bit colours or transparency with the compression "
            f"{page.compression.name}, which is not read; save it without compression"
        )
    with open(path, "rb") as file, Image.open(file, formats=("TIFF",)) as image:
        values = np.array(image)
    if page.sampleformat == 1 and page.bitspersample == 32:
        return values.view(np.uint32)  # Pillow has no mode for unsigned ones
    return values.astype(values.dtype.newbyteorder("="))


def _check_deflated(file, page) -> None:
    """Raise ValueError where zlib's checksum of a page's pixels is wrong: Pillow passes over it."""
    if page.compression in DEFLATED:
        for start, count in zip(page.dataoffsets, page.databytecounts):
            if not count:  # a tile that was left out
                continue
            file.filehandle.seek(start)
            try:
                zlib.decompress(file.filehandle.read(count))
            except zlib.error as error:
                raise Refused(f"is damaged: its pixels cannot be unpacked ({error})") from None


def _palette_values(path: Path, page) -> np.ndarray | None:
    """A palette's colours have 16 bits: None where they are 8-bit colours written so, else the
    colours themselves.
    """
    colours = np.asarray(page.colormap)
    if not (colours % 257).any() or not (colours % 256).any():
        return None
    if colours.max() < 256:
        raise Refused(
            "has a palette whose colours are all under 256 of 65535: whether they have 8 bits is "
            "not said"
        )
    with open(path, "rb") as file, Image.open(file, formats=("TIFF",)) as image:
        if image.mode != "P":
            raise Refused(
                f"has a palette of 16-bit colours in mode {image.mode}, which is not read"
            )
        return np.ascontiguousarray(np.moveaxis(colours[:, np.array(image)], 0, -1))


def orientation(page) -> int:
    """EXIF's number of a page, else that of its XMP (as Pillow has it), 1 where there is none."""
    if tag := page.tags.get(274):
        return int(tag.value)
    xmp = page.tags.get(700)
    found = re.search(rb'tiff:Orientation(?:="|>)([0-9])', bytes(xmp.value)) if xmp else None
    return int(found[1]) if found else 1


def _check_pages(file, first) -> None:
    """Raise ValueError for a TIFF of several pictures. Smaller copies of the first, as in a
    pyramid, are none.
    """
    count, area = len(file.pages), first.imagelength * first.imagewidth
    if first.subfiletype & 1 and (count > 1 or first.subifds):
        raise Refused(
            "begins with a reduced copy of its image; save the image in a file of its own"
        )
    for page in list(file.pages)[1:]:
        crossed = page.imagewidth * first.imagelength, page.imagelength * first.imagewidth
        pixel = max(first.imagelength, first.imagewidth)  # what a pixel more or less changes there
        alike = abs(crossed[0] - crossed[1]) <= max(pixel, DRIFT * max(crossed))
        if page.imagelength * page.imagewidth >= area or not (alike or page.subfiletype & 1):
            raise Refused(several(count, "pages"))
    if (planes := _planes(first)) > 1:
        raise Refused(several(planes, "pages"))


def _planes(page) -> int:
    """The images that ImageJ's or tifffile's description counts in one page: their pixels follow
    the first's.
    """
    description = page.description
    if description.startswith("ImageJ=") and (
        found := re.search(r"^images=(\d+)", description, re.MULTILINE)
    ):
        return int(found[1])
    if description.startswith('{"shape"'):
        try:
            shape = [int(length) for length in json.loads(description)["shape"]]
        except (ValueError, KeyError, TypeError):
            return 1
        return math.prod(shape) // (page.imagelength * page.imagewidth * page.samplesperpixel)
    return 1
