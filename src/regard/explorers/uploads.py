"""Images that somebody uploads: bounded before they are decoded, upright, and refused in one
sentence.
"""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from regard.data.inputs import rasters

PNG_MARK = b"\x89PNG\r\n\x1a\n"
FORMATS = {"PNG": ".png", "JPEG": ".jpg"}
BYTES = 8_000_000  # Jupyter cuts a connection that sends more than 10 MiB at once
PIXELS = 30_000_000  # a whole mammogram has 28 million
ASPECT = 10  # the long side over the short one
NAMED = 60  # characters of a file's name that are shown
BEHIND = " Its transparent pixels are shown as black."


def opened(content: bytes, name: str) -> tuple[np.ndarray, str]:
    """An uploaded PNG or JPEG as uint8 (H, W) or (H, W, 3), upright, and what has to be said of it:
    "", or BEHIND.

    Raises ValueError, in one sentence that begins with the file's name, for more than BYTES, PIXELS
    or ASPECT (all before any pixel is decoded), another format, a damaged file, more than 8 bits,
    several frames, or colours for print (CMYK).
    """
    name = name if len(name) <= NAMED else f"{name[: NAMED - 1]}…"
    if len(content) > BYTES:
        raise ValueError(
            f"{name} has {len(content) / 1e6:.1f} MB; at most {BYTES / 1e6:.0f} MB are taken: "
            "make it smaller"
        )
    kind = _checked(content, name)
    with tempfile.TemporaryDirectory(prefix="regard-") as folder:
        path = Path(folder, f"upload{FORMATS[kind]}")  # not by its own name, which may be anything
        path.write_bytes(content)
        try:
            image = rasters.decode(path)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), name)) from None
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        raise ValueError(
            f"{name} has pixels of mode {image.mode}; save it with 8 bits, in grey or in RGB "
            "colours"
        )
    plain = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if not rasters.transparent(image):
        return np.array(image.convert(plain)), ""
    behind = Image.new("RGBA", image.size, "black")
    return np.array(Image.alpha_composite(behind, image.convert("RGBA")).convert(plain)), BEHIND


def _checked(content: bytes, name: str) -> str:
    """The format of an image whose header promises no more than is taken. Raises ValueError as
    `opened`.
    """
    if content.startswith(PNG_MARK) and content[24:25] == b"\x10":
        raise ValueError(f"{name} has 16 bits; save it as an 8-bit PNG, grey or colour")
    try:
        with Image.open(io.BytesIO(content), formats=[*FORMATS]) as image:
            (width, height), kind = image.size, image.format
    except Image.DecompressionBombError:
        raise ValueError(
            f"{name} has far more than {PIXELS / 1e6:.0f} million pixels; make it smaller"
        ) from None
    except Exception:  # decoders raise whatever they meet in a damaged header
        raise ValueError(f"{name} is damaged, or neither a PNG nor a JPEG") from None
    if width * height > PIXELS:
        raise ValueError(
            f"{name} has {width} x {height} pixels; at most {PIXELS / 1e6:.0f} million are taken: "
            "make it smaller"
        )
    if max(width, height) > ASPECT * min(width, height):
        raise ValueError(
            f"{name} has {width} x {height} pixels; one side may be {ASPECT} times the other at "
            "most: cut it"
        )
    return "PNG" if kind == "PNG" else "JPEG"  # an MPO is a JPEG with several frames
