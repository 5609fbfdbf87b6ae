"""PNG: its checksums, metadata behind the pixels, and all 16 bits of its colours."""

import io
import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from regard.data.inputs.deep import Refused, without_alpha

MARK = b"\x89PNG\r\n\x1a\n"
# Start and step of the columns and of the rows of each pass of an interlaced PNG (Adam7), and of
# one that is not.
PASSES = (
    (
        (0, 8, 0, 8),
        (4, 8, 0, 8),
        (0, 4, 4, 8),
        (2, 4, 0, 4),
        (0, 2, 2, 4),
        (1, 2, 0, 2),
        (0, 1, 1, 2),
    ),
    ((0, 1, 0, 1),),
)


def _text(kind: bytes) -> str:
    return kind.decode("ascii", "replace")


def chunks(content: bytes | mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the data of each chunk of a PNG. Raises ValueError where the file ends
    before its IEND.
    """
    at = len(MARK)
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        at += 8
        if at + length + 4 > len(content):
            raise Refused(f"is truncated: it ends within its part {_text(kind)}")
        yield kind, at, at + length
        if kind == b"IEND":
            return
        at += length + 4
    raise Refused("is truncated: it ends before its end mark")


def checked(content: bytes) -> bytes:
    """`content`, a whole PNG. Raises ValueError for a wrong checksum, which Pillow may not look at,
    and a cut end.
    """
    for kind, start, end in chunks(content):
        found = zlib.crc32(memoryview(content)[start - 4 : end])
        if found != struct.unpack_from(">I", content, end)[0]:
            raise Refused(f"is damaged: the checksum of its part {_text(kind)} is wrong")
    return content


def late_metadata(path: Path) -> bool:
    """Whether a PNG carries metadata, its orientation perhaps, behind its pixels."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        kinds = [kind for kind, _, _ in chunks(content)]
    last = len(kinds) - 1 - kinds[::-1].index(b"IDAT") if b"IDAT" in kinds else 0
    return bool(set(kinds[last:]) & {b"eXIf", b"tEXt", b"zTXt", b"iTXt"})


def deep_values(image: Image.Image, source: bytes) -> np.ndarray | None:
    """The values of a PNG of 16 bits, (H, W) or (H, W, 3); None for others."""
    if source[24] <= 8:
        return None
    if "transparency" in image.info:
        raise Refused("has 16-bit values with a transparent one among them, which is not read")
    return without_alpha(_halves(source, image.size), 2**16 - 1)


def _halves(source: bytes, size: tuple[int, int]) -> np.ndarray:
    """The values (H, W, channels) of a 16-bit PNG.

    PNG's filters treat each byte of a pixel apart from its other bytes. So the high bytes alone,
    with the same filters, are a PNG of 8 bits, and so are the low bytes: Pillow decodes each of
    them in full.
    """
    head = source[16:29]
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[head[9]]  # by the kind of colour
    packed = b"".join(source[start:end] for kind, start, end in chunks(source) if kind == b"IDAT")
    extents = [
        (len(range(top, size[1], down)), len(range(left, size[0], across)))
        for left, across, top, down in PASSES[0 if head[12] else 1]
    ]
    lengths = [rows * (1 + 2 * channels * columns) if columns else 0 for rows, columns in extents]
    rows_of_bytes = zlib.decompressobj().decompress(packed, sum(lengths) + 1)
    if len(rows_of_bytes) != sum(lengths):
        raise Refused("is truncated or damaged: its pixels are fewer or more than its header says")
    split = np.split(np.frombuffer(rows_of_bytes, np.uint8), np.cumsum(lengths)[:-1])
    halves = []
    for half in (0, 1):
        rows = b"".join(
            np.delete(part.reshape(rows, -1), np.s_[2 - half :: 2], axis=1).tobytes()
            for part, (rows, columns) in zip(split, extents)
            if rows and columns
        )
        parts = (
            (b"IHDR", head[:8] + b"\x08" + head[9:]),
            (b"IDAT", zlib.compress(rows, 1)),
            (b"IEND", b""),
        )
        halves.append(MARK + b"".join(_chunk(kind, data) for kind, data in parts))
    high, low = (
        np.array(Image.open(io.BytesIO(half), formats=("PNG",))).astype(np.uint16)
        for half in halves
    )
    return np.atleast_3d(high * 256 + low)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
