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
    """The letterbox of an image of `height` x `width` in a square of `size` pixels: aspect kept,
    centred.
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
    """A uint8 image (height, width) or (height, width, 3) as the square the network sees, padded
    with zeros (black).
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
    """A bool mask (height, width) on the square, by the nearest pixel; the padding is False."""
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
    """Images of any size on squares: uint8 (N, size, size), or (N, size, size, 3) when any of them
    has colours.
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
    """`function` of maps (N, ..., size, size) cut to what is image, its result (N, h, w) put back,
    zero in the padding.

    What is made from whole maps must not see the padding: its border would be an edge and its zeros
    would be values.
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
    """Maps (N, size, size) on the square, cut and resized to the annotation's grid (N, height,
    width).

    Real maps are interpolated bilinearly (align_corners=False; where the grid is coarser than the
    square with a kernel as wide as its pixels, so that no peak falls between them), bool regions by
    the nearest pixel. Raises ValueError for maps of another size.
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
    """Maps (N, h, w) at `size` (H, W), bilinear, align_corners=False."""
    return functional.interpolate(maps[:, None], tuple(size), mode="bilinear", align_corners=False)[
        :, 0
    ]
