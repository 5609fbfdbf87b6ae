"""Image files decoded as a viewer shows them (upright, one picture per file, every bit kept), or refused.

Pillow decodes. It lets some faults pass without a word: it cuts 16-bit colours to 8 bits, shows the first of many pages,
rescales 12-bit values, takes 16-bit white-is-zero for black-is-zero and skips checksums. This module finds these faults in
the file itself, and reads such a file in full or refuses it.
"""

import io
import json
import math
import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

# Formats whose depth and pages are understood here; a JPEG of several pictures (MPO) is opened as JPEG.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
PNG_MARK = b"\x89PNG\r\n\x1a\n"
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DICOM_MARK = slice(128, 132)  # "DICM" stands there in every DICOM file, whatever its name
# TIFF compressions that tifffile decodes on its own: none, deflate (two numbers), PackBits, LZMA.
UNPACKED = (1, 8, 32946, 32773, 34925)
TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
NARROW, NEARLY_ALL = 16, 0.99
# Start and step of the columns and of the rows of each pass of an interlaced PNG (Adam7), and of one that is not.
PASSES = (
    ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)),
    ((0, 1, 0, 1),),
)


class _Refused(ValueError):
    """What is wrong with a file, said so that the file's name can stand before it."""


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a ValueError of one line that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except _Refused as error:
        raise ValueError(f"{path} {error}") from None
    except Exception as error:  # decoders raise whatever they meet in a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} is truncated or not an image that can be read ({reason})") from None


def is_dicom(path: Path) -> bool:
    """Whether the file carries DICOM's mark, or is called so. Raises FileNotFoundError."""
    with open(path, "rb") as file:
        return file.read(132)[DICOM_MARK] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")


def decode(path: Path) -> Image.Image:
    """The decoded image, upright, of at most 8 bits per channel; `info["bits"]` is the number of bits in the file.

    Raises ValueError that names the file for one that is damaged, no image, DICOM, of several pages or frames, or of more
    than 8 bits per channel.
    """
    found = read(path)
    if isinstance(found, np.ndarray):
        raise ValueError(f"{path} has {found.dtype.itemsize * 8}-bit values; 8 bits per channel are expected here")
    return found


def read(path: Path) -> Image.Image | np.ndarray:
    """`decode`, with images of more than 8 bits per channel as arrays (H, W) or (H, W, 3) of their values.

    The values are those of the file, as integers or floats in its own range, black low and white high. Raises ValueError
    for what `decode` refuses (but for the bits), and for deep images with transparent pixels or of another kind.
    """
    with _named(path):
        source, head = _source(path)
        if head.startswith(TIFF_MARKS) and (values := _tiff_values(path)) is not None:
            return values
        with Image.open(_handle(source), formats=FORMATS) as image:
            bits = head[24] if head.startswith(PNG_MARK) else 8
            _check_frames(image, source)
            if (values := DEEP.get(image.format, _shallow)(image, source)) is not None:
                return _upright(values, image.getexif().get(ExifTags.Base.Orientation, 1))
            if head.startswith(TIFF_MARKS):
                bits = max(image.tag_v2.get(258, (1,)))
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            image.info["bits"] = bits
            return image


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image file as `read` gives it, from its header alone. Raises ValueError for no image."""
    with _named(path):
        with open(path, "rb") as file:
            head = file.read(8)
        if head.startswith(TIFF_MARKS):
            import tifffile

            with tifffile.TiffFile(path) as file:
                first = file.pages[0]
                size = (first.imagelength, first.imagewidth)
                return size[::-1] if _tiff_orientation(first) in TURNED else size
        with Image.open(path, formats=FORMATS) as image:
            late = head == PNG_MARK and _late_metadata(path)  # only then must the whole file be decoded
            exif = image.getexif() if late else Image.Image.getexif(image)
            turned = exif.get(ExifTags.Base.Orientation, 1) in TURNED
            return image.size if turned else image.size[::-1]


def transparent(image: Image.Image) -> bool:
    """Whether any pixel of a decoded image is not opaque."""
    if image.mode not in ("LA", "PA", "RGBA", "La", "RGBa") and "transparency" not in image.info:
        return False
    return image.convert("RGBA").getextrema()[3] != (255, 255)


def nearly_constant(image: np.ndarray) -> bool:
    """Whether a uint8 image (H, W) or (H, W, 3) shows hardly anything, as after a wrong window.

    That is: in every channel NEARLY_ALL of the pixels lie within NARROW grey values, or NEARLY_ALL of all values are
    exactly 0 or 255.
    """
    counts = np.array(Image.fromarray(image).histogram(), float).reshape(-1, 256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    if shares[:, [0, 255]].sum(axis=1).min() >= NEARLY_ALL:
        return True
    below = np.cumsum(np.pad(shares, ((0, 0), (1, NARROW))), axis=1)  # share of values under 0, 1, ...
    return bool(((below[:, NARROW + 1 :] - below[:, : -NARROW - 1]).max(axis=1) >= NEARLY_ALL - 1e-12).all())


def _source(path: Path) -> tuple[bytes | Path, bytes]:
    """What Pillow should open, and the file's first bytes; a PNG comes as its checked content."""
    with open(path, "rb") as file:
        head = file.read(132)
        if head[DICOM_MARK] == b"DICM":
            raise _Refused("is a DICOM image; `regard import folder` reads those")
        if not head.startswith(PNG_MARK):
            return path, head
        content = head + file.read()
    for kind, start, end in _png_chunks(content):
        if zlib.crc32(memoryview(content)[start - 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise _Refused(f"is damaged: the checksum of its part {_text(kind)} is wrong")
    return content, head


def _handle(source: bytes | Path) -> io.BytesIO | Path:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _text(kind: bytes) -> str:
    return kind.decode("ascii", "replace")


def _png_chunks(content: bytes | mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the data of each chunk of a PNG. Raises ValueError where the file ends before its IEND."""
    at = len(PNG_MARK)
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        at += 8
        if at + length + 4 > len(content):
            raise _Refused(f"is truncated: it ends within its part {_text(kind)}")
        yield kind, at, at + length
        if kind == b"IEND":
            return
        at += length + 4
    raise _Refused("is truncated: it ends before its end mark")


def _late_metadata(path: Path) -> bool:
    """Whether a PNG carries metadata, its orientation perhaps, behind its pixels."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        kinds = [kind for kind, _, _ in _png_chunks(content)]
    last = len(kinds) - 1 - kinds[::-1].index(b"IDAT") if b"IDAT" in kinds else 0
    return bool(set(kinds[last:]) & {b"eXIf", b"tEXt", b"zTXt", b"iTXt"})


def _check_frames(image: Image.Image, source: bytes | Path) -> None:
    """Raise ValueError where a file shows several pictures. Smaller ones beside the first are its previews."""
    if (count := getattr(image, "n_frames", 1)) == 1 or image.format == "TIFF":
        return
    with Image.open(_handle(source), formats=FORMATS) as frames:
        for number in range(1, count):
            try:
                frames.seek(number)
            except (EOFError, OSError, ValueError, SyntaxError):
                continue  # listed in the header of a JPEG whose previews were cut off
            if math.prod(frames.size) >= math.prod(image.size):
                raise _Refused(_several(count, "frames"))


def _several(count: int, what: str) -> str:
    return f"has {count} {what}, and which of them is meant is not said; save the one that is meant in a file of its own"


def _upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Values (H, W, ...) turned as EXIF's orientation says."""
    turned = {
        2: values[:, ::-1],
        3: values[::-1, ::-1],
        4: values[::-1],
        5: values.swapaxes(0, 1),
        6: values[::-1].swapaxes(0, 1),
        7: values[::-1, ::-1].swapaxes(0, 1),
        8: values[:, ::-1].swapaxes(0, 1),
    }
    return np.ascontiguousarray(turned.get(orientation, values))


def _opaque(values: np.ndarray, opaque: int) -> np.ndarray:
    """Values (H, W, channels) without their alpha channel, which must be opaque everywhere; one channel as (H, W)."""
    if values.shape[2] in (2, 4):
        if (values[..., -1] != opaque).any():
            raise _Refused("has 16-bit transparent pixels: what should be seen behind them is not said")
        values = values[..., :-1]
    return values[..., 0] if values.shape[2] == 1 else values


def _shallow(image: Image.Image, source: bytes | Path) -> None:
    """The formats that have no more than 8 bits."""


def _png_values(image: Image.Image, source: bytes) -> np.ndarray | None:
    if source[24] <= 8:
        return None
    if "transparency" in image.info:
        raise _Refused("has 16-bit values with a transparent one among them, which is not read")
    return _opaque(_png_halves(source, image.size), 2**16 - 1)


def _png_halves(source: bytes, size: tuple[int, int]) -> np.ndarray:
    """The values (H, W, channels) of a 16-bit PNG.

    PNG's filters treat each byte of a pixel apart from its other bytes. So the high bytes alone, with the same filters, are
    a PNG of 8 bits, and so are the low bytes: Pillow decodes each of them in full.
    """
    head = source[16:29]
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[head[9]]
    packed = b"".join(source[start:end] for kind, start, end in _png_chunks(source) if kind == b"IDAT")
    extents = [
        (len(range(top, size[1], down)), len(range(left, size[0], across)))
        for left, across, top, down in PASSES[0 if head[12] else 1]
    ]
    lengths = [rows * (1 + 2 * channels * columns) if columns else 0 for rows, columns in extents]
    rows_of_bytes = zlib.decompressobj().decompress(packed, sum(lengths) + 1)
    if len(rows_of_bytes) != sum(lengths):
        raise _Refused("is truncated or damaged: its pixels are fewer or more than its header says")
    split = np.split(np.frombuffer(rows_of_bytes, np.uint8), np.cumsum(lengths)[:-1])
    halves = []
    for half in (0, 1):
        rows = b"".join(
            np.delete(part.reshape(rows, -1), np.s_[2 - half :: 2], axis=1).tobytes()
            for part, (rows, columns) in zip(split, extents)
            if rows and columns
        )
        parts = ((b"IHDR", head[:8] + b"\x08" + head[9:]), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
        halves.append(PNG_MARK + b"".join(_png_chunk(kind, data) for kind, data in parts))
    high, low = (np.array(Image.open(io.BytesIO(half), formats=("PNG",))).astype(np.uint16) for half in halves)
    return np.atleast_3d(high * 256 + low)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pnm_values(image: Image.Image, source: Path) -> np.ndarray | None:
    """Pillow rescales values of more than 8 bits by the largest one that the header allows; here they stay."""
    if image.mode == "F":
        return np.array(image)
    content, tile = source.read_bytes(), image.tile[0]
    largest = tile.args[-1] if isinstance(tile.args, tuple) else 65535 if image.mode == "I" else 255
    if not isinstance(largest, int) or largest <= 255:
        return None
    height, width, bands = image.size[1], image.size[0], len(image.getbands())
    if content[:2] in (b"P5", b"P6"):
        values = np.frombuffer(content, ">u2", height * width * bands, tile.offset).astype(np.uint16)
    else:
        words = re.sub(rb"#[^\r\n]*", b"", content[tile.offset :]).split()[: height * width * bands]
        values = np.array([int(word) for word in words], np.int64)
    if values.min() < 0 or values.max() > largest:
        raise _Refused(f"has values over {largest}, the largest that its header allows")
    return values.astype(np.uint16).reshape((height, width) if bands == 1 else (height, width, bands))


def _jpeg2000_values(image: Image.Image, source: Path) -> np.ndarray | None:
    """Pillow shifts values to fill 8 or 16 bits; the shift of grey ones is undone here, others are refused."""
    content = source.read_bytes()
    if (at := content.find(b"\xff\x4f\xff\x51")) < 0:
        raise _Refused("is no JPEG 2000 that is read here")
    count = struct.unpack_from(">H", content, at + 40)[0]
    stated = {content[at + 42 + 3 * channel] for channel in range(count)}
    if stated == {7}:
        return None
    bits = max((one & 127) + 1 for one in stated)
    if len(stated) > 1 or max(stated) > 127 or count > 1 or not 8 < bits <= 16:
        raise _Refused(f"is a JPEG 2000 of {bits} bits in {count} channels, signed or not; 8 bits, or 9 to 16 in grey, are read")
    return np.array(image) >> (16 - bits)


DEEP = {"PNG": _png_values, "PPM": _pnm_values, "JPEG2000": _jpeg2000_values}


def _tiff_values(path: Path) -> np.ndarray | None:
    """The values of a TIFF of more than 8 bits per channel, None for others. Raises ValueError for several pages."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        first = file.pages[0]
        _check_pages(file, first)
        bits, kind = first.bitspersample, first.sampleformat
        if first.photometric == 3:
            return _palette_values(path, first)
        if bits <= 8:
            if kind != 1:
                raise _Refused("has signed 8-bit values, which are not read")
            return None
        channels = first.samplesperpixel - len(first.extrasamples)
        if first.photometric > 2 or channels not in (1, 3) or len(first.extrasamples) > 1 or kind not in (1, 2, 3):
            raise _Refused(f"has {bits}-bit values in {first.samplesperpixel} channels of a kind that is not read")
        values = _tiff_array(path, first, file.filehandle.size)
        top = 2**bits - 1
        if first.photometric == 0:
            if kind != 1:
                raise _Refused("has values that are signed or fractions and white where they are zero; that is not read")
            values = values.dtype.type(top) - values
        return _opaque(values, top) if values.ndim == 3 else values


def _tiff_array(path: Path, page, length: int) -> np.ndarray:
    """The upright values of one page, in the machine's byte order; (H, W) or (H, W, channels)."""
    if page.compression in UNPACKED and page.bitspersample in (16, 32, 64) and page.imagedepth == 1:
        ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts)]
        if min(page.databytecounts) <= 0 or max(ends) > length:
            raise _Refused("is truncated: it ends before its pixels do")
        values = page.asarray()
        values = np.moveaxis(values, 0, -1) if page.axes == "SYX" else values
        return _upright(values.astype(values.dtype.newbyteorder("=")), _tiff_orientation(page))
    if page.samplesperpixel > 1:
        raise _Refused(
            f"has {page.bitspersample}-bit colours or transparency with the compression {page.compression.name}, which is "
            "not read; save it without compression"
        )
    with Image.open(path, formats=("TIFF",)) as image:
        values = np.array(image)
    if page.sampleformat == 1 and page.bitspersample == 32:
        return values.view(np.uint32)  # Pillow has no mode for unsigned ones
    return values.astype(values.dtype.newbyteorder("="))


def _palette_values(path: Path, page) -> np.ndarray | None:
    """A palette's colours have 16 bits: None where they are 8-bit colours written so, else the colours themselves."""
    colours = np.asarray(page.colormap)
    if not (colours % 257).any() or not (colours % 256).any():
        return None
    if colours.max() < 256:
        raise _Refused("has a palette whose colours are all under 256 of 65535: whether they have 8 bits is not said")
    with Image.open(path, formats=("TIFF",)) as image:
        if image.mode != "P":
            raise _Refused(f"has a palette of 16-bit colours in mode {image.mode}, which is not read")
        return np.ascontiguousarray(np.moveaxis(colours[:, np.array(image)], 0, -1))


def _tiff_orientation(page) -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag else 1


def _check_pages(file, first) -> None:
    """Raise ValueError for a TIFF of several pictures. Smaller copies of the first, as in a pyramid, are none."""
    count, area = len(file.pages), first.imagelength * first.imagewidth
    if first.subfiletype & 1 and (count > 1 or first.subifds):
        raise _Refused("begins with a reduced copy of its image; save the image in a file of its own")
    for page in list(file.pages)[1:]:
        drift = abs(page.imagewidth * first.imagelength - page.imagelength * first.imagewidth)
        alike = drift <= max(first.imagelength, first.imagewidth)  # the same proportions, but for a pixel
        if page.imagelength * page.imagewidth >= area or not (alike or page.subfiletype & 1):
            raise _Refused(_several(count, "pages"))
    if (planes := _planes(first)) > 1:
        raise _Refused(_several(planes, "pages"))


def _planes(page) -> int:
    """The images that ImageJ's or tifffile's description counts in one page: their pixels follow the first's."""
    description = page.description
    if description.startswith("ImageJ=") and (found := re.search(r"^images=(\d+)", description, re.MULTILINE)):
        return int(found[1])
    if description.startswith('{"shape"'):
        try:
            shape = [int(length) for length in json.loads(description)["shape"]]
        except (ValueError, KeyError, TypeError):
            return 1
        return math.prod(shape) // (page.imagelength * page.imagewidth * page.samplesperpixel)
    return 1
