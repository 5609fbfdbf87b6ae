"""What annotations are made of, checked: numbers, points within the image, lists and mappings."""

import reprlib
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

# of the longer side, by which an outline drawn by hand may leave its image; it is clipped there
SPILL = 0.05
Size = tuple[int, int]  # (height, width) in pixels


def numbers(values: Sequence, what: str) -> list[float]:
    for value in values:
        number: Any = value  # which may be too large for a float
        real = isinstance(value, Real) and not isinstance(value, bool)
        if not real or not abs(number) <= 1e6:  # NaN is not
            raise ValueError(f"{what} must be made of numbers, not {short(value)}")
    return [float(value) for value in values]


def points(size: Size, outline: object, at_least: int) -> list[list[float]]:
    """The points [x, y] of an outline that lies in the image, but for SPILL."""
    points = [
        numbers(sequence(point, "a point"), "a point") for point in sequence(outline, "an outline")
    ]
    if any(len(point) != 2 for point in points) or len(points) < at_least:
        raise ValueError(
            f"an outline must have {at_least} points [x, y] or more, not {len(points)}"
        )
    for x, y in points:
        if max(-x, -y, x - size[1], y - size[0]) > SPILL * max(size):
            raise ValueError(
                f"the point ({x:g}, {y:g}) lies outside the image of {size[1]} x {size[0]} pixels"
            )
    return points


def sequence(value: object, what: str) -> Sequence:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} is expected, not {short(value)}")
    return value


def mapping(value: object, what: str) -> Mapping:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must have named entries, not {short(value)}")
    return value


def short(value: object) -> str:
    text = " ".join(reprlib.repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
