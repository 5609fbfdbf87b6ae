"""Masks that hold several structures in one image, as codes (grey values or palette indices) or as
colours.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from regard.data import annotations
from regard.data.inputs.words import quoted
from regard.datasets import files, pixels

BACKGROUND = "background"  # a name that stands for no structure


class Coded:
    """What the codes or the colours of a set's masks mean: `structures`, and `masks(mask file,
    image file)` by structure.
    """

    def __init__(self, codes: object = None, colours: object = None):
        if codes is not None and colours is not None:
            raise ValueError("masks have codes or colours, not both")
        if codes is not None:
            names = _codes(codes)
            self._split: Callable[[Image.Image], dict] = lambda image: annotations.codes(
                image, names
            )
            called = list(names.values())
        else:
            named = _colours(colours)
            self._split = lambda image: annotations.colours(image, named)
            called = list(named)
        self.structures: Sequence[str] = [
            name for name in dict.fromkeys(called) if name != BACKGROUND
        ]
        if not self.structures:
            raise ValueError("codes or colours must name a structure, not the background alone")
        self.masks = lru_cache(1)(self._masks)  # asked for structure by structure

    def _masks(self, path: Path, image: Path) -> dict[str, np.ndarray]:
        with files.located(path):
            found = self._split(pixels.picture(path))
            for mask in found.values():
                pixels.same_size(mask, pixels.size_of(image))
        return found


def _codes(given: object) -> dict[int, str]:
    """{code: structure} with 0 for the background unless it is named, as options of the command
    line give it.
    """
    names = {0: BACKGROUND}
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"codes must be of the form {{1: tumour, 2: stroma}}, not {quoted(given)}")
    stated = set()
    for key, name in given.items():
        code = int(key) if isinstance(key, str) and key.isdecimal() else key
        if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= 255:
            raise ValueError(f"codes: {quoted(key)} is not a code, a whole number from 0 to 255")
        if code in stated:
            raise ValueError(f"codes: the code {code} stands twice")
        stated.add(code)
        names[code] = _structure(name, "codes")
    return names


def _colours(given: object) -> dict[str, tuple[int, int, int]]:
    """{structure: (red, green, blue)}, each channel 0 or 255; black is the background."""
    if not isinstance(given, Mapping) or not given:
        raise ValueError(
            f"colours must be of the form {{tumour: [255, 0, 0]}}, not {quoted(given)}"
        )
    found: dict[str, tuple[int, int, int]] = {}
    for key, value in given.items():
        name = _structure(key, "colours")
        if (
            not isinstance(value, list | tuple)
            or len(value) != 3
            or any(part not in (0, 255) for part in value)
        ):
            raise ValueError(
                f"colours: {name} is {quoted(value)}; a colour is [red, green, blue], each 0 or 255"
            )
        red, green, blue = (int(part) for part in value)
        colour = (red, green, blue)
        if not any(colour):
            raise ValueError(f"colours: {name} is black, which is the background")
        if colour in found.values() or name in found:
            raise ValueError(f"colours: {name} or its colour {list(colour)} stands twice")
        found[name] = colour
    return found


def _structure(name: object, option: str) -> str:
    if not isinstance(name, str) or not files.column_name(name):
        raise ValueError(f"{option}: {quoted(name)} is not the name of a structure")
    return files.column_name(name)
