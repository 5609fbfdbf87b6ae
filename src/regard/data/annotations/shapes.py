"""Masks from coordinates: boxes, circles, contours and polygons."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from skimage import draw

from regard.data.annotations import checked
from regard.data.annotations.checked import Size

OVERHANG = 1.0  # pixels by which a box may leave its image: published corners are rounded


def box(size: Size, left: float, top: float, width: float, height: float) -> np.ndarray:
    """The pixels whose centres lie in a box.

    Parameters
    ----------
    size : (height, width)
    left, top, width, height : float
        Pixels; whole numbers give `width` x `height` pixels.

    Returns
    -------
    ndarray (H, W)
        bool.

    Raises
    ------
    ValueError
        For a box that covers no centre, or that leaves the image by more than OVERHANG.
    """
    left, top, width, height = checked.numbers([left, top, width, height], "a box")
    if width <= 0 or height <= 0:
        raise ValueError(f"the box is {width:g} x {height:g} pixels; both must be positive")
    rows, columns = size
    outside = max(-left, -top, left + width - columns, top + height - rows)
    if outside > OVERHANG:
        raise ValueError(
            f"the box from ({left:g}, {top:g}) of {width:g} x {height:g} pixels lies outside the "
            "image of "
            f"{columns} x {rows} pixels"
        )
    mask = np.zeros(size, bool)
    down, across = (
        slice(max(0, math.ceil(a - 0.5)), max(0, math.ceil(a + b - 0.5)))
        for a, b in ((top, height), (left, width))
    )
    mask[down, across] = True
    if not mask.any():
        raise ValueError(
            f"the box from ({left:g}, {top:g}) of {width:g} x {height:g} pixels covers no pixel's "
            "centre"
        )
    return mask


def corners(size: Size, x_min: float, y_min: float, x_max: float, y_max: float) -> np.ndarray:
    """`box` from its upper left and lower right corner.

    Parameters
    ----------
    size : (height, width)
    x_min, y_min, x_max, y_max : float
        Pixels; x_max and y_max are where the box ends, not its last pixel.

    Returns
    -------
    ndarray (H, W)
        bool.
    """
    x_min, y_min, x_max, y_max = checked.numbers([x_min, y_min, x_max, y_max], "a box")
    return box(size, x_min, y_min, x_max - x_min, y_max - y_min)


def circle(size: Size, x: float, y: float, radius: float, origin: str = "top") -> np.ndarray:
    """The pixels within a distance of a pixel.

    Parameters
    ----------
    size : (height, width)
    x, y : float
        The centre, in pixels counted from 0.
    radius : float
        > 0, inclusive.
    origin : {"top", "bottom"}
        Whether y counts down from the first row or up from the last.

    Returns
    -------
    ndarray (H, W)
        bool.

    Raises
    ------
    ValueError
        For a centre outside the image and a radius that is not positive.
    """
    x, y, radius = checked.numbers([x, y, radius], "a circle")
    rows, columns = size
    if not (0 <= x < columns and 0 <= y < rows) or radius <= 0:
        raise ValueError(
            f"the circle around ({x:g}, {y:g}) with radius {radius:g} does not fit an image of "
            f"{columns} x {rows} pixels"
        )
    if origin not in ("top", "bottom"):
        raise ValueError(f"the origin of y must be top or bottom, not {origin!r}")
    row = y if origin == "top" else rows - 1 - y
    down, across = np.ogrid[:rows, :columns]
    return (down - row) ** 2 + (across - x) ** 2 <= radius**2


def contours(size: Size, outlines: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """The union of filled outlines, the pixels that they run through included.

    Parameters
    ----------
    size : (height, width)
    outlines : sequence of outlines [[x, y], ...]
        Pixel indices.

    Returns
    -------
    ndarray (H, W)
        bool.

    References
    ----------
    As the tool published with CheXlocalize fills them (Saporta et al. 2022, Nat Mach Intell 4).
    """
    canvas = Image.new("1", size[::-1])
    for outline in checked.sequence(outlines, "a list of contours"):
        points = checked.points(size, outline, at_least=1)
        if len(points) == 1:
            ImageDraw.Draw(canvas).point([tuple(points[0])], fill=1)
        else:
            ImageDraw.Draw(canvas).polygon([tuple(point) for point in points], fill=1, outline=1)
    return np.array(canvas)


def polygon(size: Size, rings: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """The pixels whose centres lie in a polygon.

    Parameters
    ----------
    size : (height, width)
    rings : sequence of rings [[x, y], ...]
        The outline, then its holes; borders count as inside of both.

    Returns
    -------
    ndarray (H, W)
        bool.
    """
    mask = np.zeros(size, bool)
    add_polygon(mask, rings)
    return mask


def add_polygon(mask: np.ndarray, rings: Sequence[Sequence[Sequence[float]]]) -> None:
    """Add a polygon to `mask` in place, touching no more of it than the polygon's bounding box."""
    parts = [
        np.array(checked.points(mask.shape, ring, at_least=3))[:, ::-1] - 0.5
        for ring in checked.sequence(rings, "a list of rings")
    ]
    if not parts:
        raise ValueError("the polygon has no ring")
    first = np.maximum(np.floor(parts[0].min(axis=0)), 0).astype(int)
    last = np.minimum(np.ceil(parts[0].max(axis=0)) + 1, mask.shape).astype(int)
    if (first < last).all():
        inner, *holes = (draw.polygon2mask(tuple(last - first), part - first) for part in parts)
        mask[first[0] : last[0], first[1] : last[1]] |= inner & ~np.logical_or.reduce(
            [np.zeros_like(inner), *holes]
        )
