"""Between the image as annotated and the square the network sees: letterbox, and its exact
inverse.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional


class Letterbox(NamedTuple):
    """An image of `height` x `width` pixels, scaled to the inner size and put at (top, left) in a
    square.
    """

    height: int
    width: int
    size: int
    inner_height: int
    inner_width: int
    top: int
    left: int


def letterbox(height: int, width: int, size: int) -> Letterbox:
    """The letterbox of an image in a square: aspect kept, centred.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    size : int
        Side of the square, in pixels.

    Returns
    -------
    Letterbox
    """
    scale = size / max(height, width)
    inner_height, inner_width = (max(1, round(side * scale)) for side in (height, width))
    return Letterbox(
        height,
        width,
        size,
        inner_height,
        inner_width,
        (size - inner_height) // 2,
        (size - inner_width) // 2,
    )


def to_square(image: np.ndarray, box: Letterbox) -> np.ndarray:
    """An image on the square that the network sees, interpolated bilinearly, padded with black.

    Parameters
    ----------
    image : ndarray (height, width) or (height, width, 3)
        uint8.
    box : Letterbox

    Returns
    -------
    ndarray (size, size) or (size, size, 3)
        uint8.
    """
    inner = Image.fromarray(image).resize(
        (box.inner_width, box.inner_height), Image.Resampling.BILINEAR
    )
    square = np.zeros((box.size, box.size, *image.shape[2:]), np.uint8)
    square[box.top : box.top + box.inner_height, box.left : box.left + box.inner_width] = (
        np.asarray(inner)
    )
    return square


def mask_to_square(mask: np.ndarray, box: Letterbox) -> np.ndarray:
    """A mask on the square that the network sees, by the nearest pixel; the padding is False.

    Parameters
    ----------
    mask : ndarray (height, width)
        bool.
    box : Letterbox

    Returns
    -------
    ndarray (size, size)
        bool.
    """
    inner = Image.fromarray(mask).resize(
        (box.inner_width, box.inner_height), Image.Resampling.NEAREST
    )
    square = np.zeros((box.size, box.size), bool)
    square[box.top : box.top + box.inner_height, box.left : box.left + box.inner_width] = (
        np.asarray(inner)
    )
    return square


def inner(box: Letterbox) -> tuple[slice, slice]:
    """The rows and columns of the square that hold the image; the rest is padding."""
    return slice(box.top, box.top + box.inner_height), slice(box.left, box.left + box.inner_width)


def squares(images: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Images of any size on squares.

    Parameters
    ----------
    images : sequence of ndarray (H, W) or (H, W, 3)
        uint8.
    size : int
        Pixels a side.

    Returns
    -------
    ndarray (N, size, size), or (N, size, size, 3) when any image has colours
        uint8.
    """
    made = [to_square(image, letterbox(image.shape[0], image.shape[1], size)) for image in images]
    if any(square.ndim == 3 for square in made):
        made = [
            square if square.ndim == 3 else np.repeat(square[..., None], 3, axis=2)
            for square in made
        ]
    return np.stack(made)


def without_padding(
    function: Callable[[Tensor], Tensor], maps: Tensor, boxes: Sequence[Letterbox]
) -> Tensor:
    """A function of maps, applied to the part of each map that is image.

    The function must not see the padding: its border would be an edge and its zeros would be
    values.

    Parameters
    ----------
    function : callable
        From maps (n, ..., h, w) to (n, h, w).
    maps : Tensor (N, ..., size, size)
        N >= 1.
    boxes : sequence of N Letterbox

    Returns
    -------
    Tensor (N, size, size)
        Zero in the padding.
    """
    found: Tensor | None = None
    for box in dict.fromkeys(boxes):
        rows = [row for row, other in enumerate(boxes) if other == box]
        down, across = inner(box)
        made = function(maps[rows][..., down, across])
        if found is None:
            found = made.new_zeros(len(maps), box.size, box.size)
        found[
            torch.tensor(rows)[:, None, None],
            torch.arange(box.size)[down, None],
            torch.arange(box.size)[across],
        ] = made
    assert found is not None, "no maps"
    return found


def from_square(maps: Tensor, box: Letterbox) -> Tensor:
    """Maps on the grid of the annotation: cut and resized.

    Parameters
    ----------
    maps : Tensor (N, size, size)
        Real maps are interpolated bilinearly (align_corners=False; with a wider kernel where the
        grid is coarser, so that no peak is lost), bool regions by the nearest pixel.
    box : Letterbox

    Returns
    -------
    Tensor (N, height, width)

    Raises
    ------
    ValueError
        For maps of another size.
    """
    if maps.shape[-2:] != (box.size, box.size):
        raise ValueError(
            f"maps are {tuple(maps.shape[-2:])}, the network's input is {box.size} x {box.size}"
        )
    inner = maps[:, box.top : box.top + box.inner_height, box.left : box.left + box.inner_width]
    if inner.shape[-2:] == (box.height, box.width):
        return inner
    if maps.dtype == torch.bool:
        return (
            functional.interpolate(
                inner[:, None].float(), (box.height, box.width), mode="nearest-exact"
            )[:, 0]
            > 0.5
        )
    return functional.interpolate(
        inner[:, None],
        (box.height, box.width),
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )[:, 0]


def upsample(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps at another size, bilinear, align_corners=False.

    Parameters
    ----------
    maps : Tensor (N, h, w)
    size : (H, W)

    Returns
    -------
    Tensor (N, H, W)
    """
    return functional.interpolate(maps[:, None], tuple(size), mode="bilinear", align_corners=False)[
        :, 0
    ]
