"""Pictures for explorers, made from arrays without a plotting library, so that they follow a slider
at once.
"""

import functools
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from regard.figures.style import METHOD_COLOUR, OUTLINE_COLOUR

# kind of relevance -> colour maps, the usual one first: perceptually uniform, and distinguishable
# without seeing red or green
COLOURS = {
    "signed": ("RdBu_r", "PuOr_r", "coolwarm"),
    "positive": ("magma", "cividis", "viridis"),
}


def rgb(image: np.ndarray, scale: int = 1) -> np.ndarray:
    """A uint8 image (H, W) or (H, W, 3) as RGB (H, W, 3), each pixel `scale` wide."""
    image = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def heat(values: np.ndarray, sign: str = "signed", colours: str | None = None) -> np.ndarray:
    """A map (H, W) in colours, uint8 (H, W, 3): over its largest absolute value about a neutral
    zero, or its positive part over the largest. A map without a value to scale by, or that is not
    finite, is grey. colours: one of COLOURS[sign], by default the first."""
    top = np.abs(values).max() if sign == "signed" else values.max()
    if not np.isfinite(values).all() or not top > 0:
        return np.full((*values.shape, 3), 128, np.uint8)
    share = (values / top + 1) / 2 if sign == "signed" else np.clip(values / top, 0, 1)
    return _colours(colours or COLOURS[sign][0])[(share * 255).round().astype(np.uint8)]


@functools.lru_cache
def _colours(name: str) -> np.ndarray:
    import matplotlib

    return (
        (matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)
    )


def over(image: np.ndarray, colours: np.ndarray, opacity: float) -> np.ndarray:
    """`colours` (H, W, 3) over an RGB image, uint8; opacity from 0, the image alone, to 1."""
    return ((1 - opacity) * image + opacity * colours).round().astype(np.uint8)


def outlined(
    picture: np.ndarray, region: np.ndarray | None, colour: str = OUTLINE_COLOUR, scale: int = 1
) -> np.ndarray:
    """The picture (H, W, 3), `scale` times as wide as the region, with the border of a bool region
    drawn inside it, two pixels wide.
    """
    if region is None or not region.any():
        return picture
    large = region.repeat(scale, axis=0).repeat(scale, axis=1)
    inner = np.pad(large, 2)  # so that a region that is the whole image has a border, too
    inside = np.logical_and.reduce(
        [
            inner[2 + down : inner.shape[0] - 2 + down, 2 + across : inner.shape[1] - 2 + across]
            for down in (-2, 0, 2)
            for across in (-2, 0, 2)
        ]
    )
    drawn = picture.copy()
    drawn[large & ~inside] = code(colour)
    return drawn


def code(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a colour such as "#0072B2"."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def marked(picture: np.ndarray, down: int, across: int) -> np.ndarray:
    """The picture with a cross at a pixel, white with a black edge."""
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    for width, colour in ((5, "black"), (2, "white")):
        for way in (-1, 1):
            pen.line(
                [across - 7, down - 7 * way, across + 7, down + 7 * way], fill=colour, width=width
            )
    return np.asarray(drawn)


def sheet(pictures: Sequence[tuple[np.ndarray, Sequence[str]]], columns: int = 4) -> Image.Image:
    """Pictures of one size side by side, the lines of text of each below it."""
    height, width = pictures[0][0].shape[:2]
    lines = max(len(text) for _, text in pictures)
    room = 14 * lines + 6
    rows = -(-len(pictures) // columns)
    whole = Image.new(
        "RGB", (min(columns, len(pictures)) * (width + 6), rows * (height + room)), "white"
    )
    pen = ImageDraw.Draw(whole)
    for at, (picture, text) in enumerate(pictures):
        left, top = at % columns * (width + 6), at // columns * (height + room)
        whole.paste(Image.fromarray(picture), (left, top))
        for number, line in enumerate(text):
            pen.text((left + 1, top + height + 2 + 14 * number), line, fill="black")
    return whole


def histogram(
    values: np.ndarray,
    selected: np.ndarray,
    marks: Sequence[float],
    size: tuple[int, int] = (420, 200),
) -> Image.Image:
    """How many pixels have each value, those that are selected in colour; marks: values with a
    line, such as modes. size: (width, height).
    """
    width, height = size
    whole = Image.new("RGB", size, "white")
    pen, floor = ImageDraw.Draw(whole), height - 18
    finite = np.isfinite(values)
    values, selected = values[finite], selected[finite]
    if not values.size or values.min() == values.max():
        pen.text((6, height // 2), "all values are equal", fill="black")
        return whole
    edges = np.linspace(values.min(), values.max(), 61)
    every, some = (np.log1p(np.histogram(part, edges)[0]) for part in (values, values[selected]))

    def place(value):
        return 4 + (width - 8) * (value - edges[0]) / (edges[-1] - edges[0])

    for low, high, count, inside in zip(edges, edges[1:], every, some):
        for level, colour in ((count, "#BBBBBB"), (inside, METHOD_COLOUR)):
            if level > 0:
                pen.rectangle(
                    [place(low), floor - (floor - 6) * level / every.max(), place(high) - 1, floor],
                    fill=colour,
                )
    for mark in marks:
        pen.line([place(mark), 4, place(mark), floor], fill="#D55E00", width=2)
    pen.text((4, floor + 3), f"{edges[0]:.3g}", fill="black")
    pen.text((width - 60, floor + 3), f"{edges[-1]:.3g}", fill="black")
    pen.text((width // 2 - 70, floor + 3), "relevance (log counts)", fill="black")
    return whole


def png(picture: np.ndarray | Image.Image) -> bytes:
    """A picture as PNG, quickly rather than small."""
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


BLANK = png(np.full((8, 8, 3), 255, np.uint8))  # where there is nothing to show
