"""Images of more than 8 bits per channel: what the formats have in common, and the small ones."""

import re
import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile


class Refused(ValueError):
    """What is wrong with a file, said so that the file's name can stand before it."""


def several(count: int, what: str) -> str:
    """What is said of a file that shows `count` pictures."""
    return (
        f"has {count} {what}, and which of them is meant is not said; save the one that is meant "
        "in a file of its own"
    )


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
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


def without_alpha(values: np.ndarray, opaque: int) -> np.ndarray:
    """Values (H, W, channels) without their alpha channel, which must be opaque everywhere; one
    channel as (H, W).
    """
    if values.shape[2] in (2, 4):
        if (values[..., -1] != opaque).any():
            raise Refused(
                "has 16-bit transparent pixels: what should be seen behind them is not said"
            )
        values = values[..., :-1]
    return values[..., 0] if values.shape[2] == 1 else values


def pnm_values(image: Image.Image, source: Path) -> np.ndarray | None:
    """Pillow rescales values of more than 8 bits by the largest one that the header allows; here
    they stay.
    """
    if image.mode == "F":
        return np.array(image)
    assert isinstance(image, ImageFile.ImageFile), "it was read from a file"
    content, tile = source.read_bytes(), image.tile[0]
    largest = tile.args[-1] if isinstance(tile.args, tuple) else 65535 if image.mode == "I" else 255
    if not isinstance(largest, int) or largest <= 255:
        return None
    height, width, bands = image.size[1], image.size[0], len(image.getbands())
    if content[:2] in (b"P5", b"P6"):
        values = np.frombuffer(content, ">u2", height * width * bands, tile.offset)
    else:
        words = re.sub(rb"#[^\r\n]*", b"", content[tile.offset :]).split()[: height * width * bands]
        values = np.array([int(word) for word in words], np.int64)
    if values.min() < 0 or values.max() > largest:
        raise Refused(f"has values over {largest}, the largest that its header allows")
    return values.astype(np.uint16).reshape(
        (height, width) if bands == 1 else (height, width, bands)
    )


def jpeg2000_values(image: Image.Image, source: Path) -> np.ndarray | None:
    """Pillow shifts values to fill 8 or 16 bits; the shift of grey ones is undone here, others are
    refused.
    """
    content = source.read_bytes()
    if (at := content.find(b"\xff\x4f\xff\x51")) < 0:
        raise Refused("is no JPEG 2000 that is read here")
    count = struct.unpack_from(">H", content, at + 40)[0]
    stated = {content[at + 42 + 3 * channel] for channel in range(count)}
    if stated == {7}:
        return None
    bits = max((one & 127) + 1 for one in stated)
    if len(stated) > 1 or max(stated) > 127 or count > 1 or not 8 < bits <= 16:
        raise Refused(
            f"is a JPEG 2000 of {bits} bits in {count} channels; read are 8 bits, and 9 to 16 bits "
            "without sign in one channel"
        )
    return np.array(image) >> (16 - bits)
