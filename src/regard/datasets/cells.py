"""Cells of a table that hold annotations: a mask image, a coded mask, GeoJSON, boxes or circles."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from regard.data import annotations
from regard.data.inputs.words import quoted, remark
from regard.datasets import files, pixels
from regard.datasets.coded import Coded

SHAPES: dict[str, tuple[Callable[..., np.ndarray], int]] = {
    "box": (annotations.box, 4),
    "circle": (annotations.circle, 3),
}


Load = Callable[[], np.ndarray]


@dataclass
class Source:
    """What the cells of one set are read with; `named` gathers the files that they name."""

    folder: Path
    above: int | None
    coded: Coded | None
    named: set[Path] = field(default_factory=set)

    def __post_init__(self):
        self.classes = lru_cache(1)(_classes)  # asked for class by class

    def file(self, name: str, meaning: str) -> Path:
        path = files.inside(self.folder, name, meaning)
        self.named.add(path)
        return path


@dataclass(frozen=True)
class Cell:
    """A cell that is not blank in a column of annotations, and the image of its row."""

    kind: str
    structure: str
    column: str
    value: str
    image: Path


def _mask(cell: Cell, source: Source) -> Iterator[tuple[str, Load]]:
    path = source.file(cell.value, "mask")
    yield cell.structure, lambda: pixels.mask(path, cell.image, source.above)


def _coded(cell: Cell, source: Source) -> Iterator[tuple[str, Load]]:
    path = source.file(cell.value, "mask")
    coded = source.coded
    assert coded is not None, "the kind `coded` exists with an option codes or colours alone"
    for name in coded.structures:
        yield name, partial(_coded_mask, coded, path, cell.image, name)


def _coded_mask(coded: Coded, path: Path, image: Path, name: str) -> np.ndarray:
    return coded.masks(path, image)[name]


def _geojson(cell: Cell, source: Source) -> Iterator[tuple[str, Load]]:
    path = source.file(cell.value, "geojson")
    found = source.classes(path, cell.image)
    if not found:
        remark(f"{path} has no feature: its image counts as not annotated")
    for name in found:
        yield files.column_name(name), partial(_outlined, source, path, cell.image, name)


def _outlined(source: Source, path: Path, image: Path, name: str) -> np.ndarray:
    return _drawn_class(path, name, source.classes(path, image))


def _shapes(cell: Cell, source: Source) -> Iterator[tuple[str, Load]]:
    draw, count = SHAPES[cell.kind]
    shapes = (
        []
        if cell.value.lower() == "none"
        else [shape.split() for shape in cell.value.split(";") if shape.strip()]
    )
    if not shapes and cell.value.lower() != "none":
        raise ValueError(
            f"{cell.column} has no shape; write none where it was looked for and not found"
        )
    numbers = [[files.number(part, cell.column) for part in shape] for shape in shapes]
    for shape in numbers:
        if len(shape) != count:
            raise ValueError(f"{cell.column} has {len(shape)} numbers in one shape, not {count}")

    def load() -> np.ndarray:
        size = pixels.size_of(cell.image)
        return files.union([draw(size, *shape) for shape in numbers], size)

    yield cell.structure, load


ANNOTATIONS = {
    "mask": _mask,
    "coded": _coded,
    "geojson": _geojson,
    "box": _shapes,
    "circle": _shapes,
}


def _drawn_class(path: Path, name: str, classes: dict[str, np.ndarray]) -> np.ndarray:
    if not classes[name].any():
        raise ValueError(
            f"{path}: the features of class {quoted(name)} enclose no pixel, which would read as "
            "absent"
        )
    return classes[name]


def _classes(path: Path, image: Path) -> dict[str, np.ndarray]:
    content = files.read_json(path)
    with files.located(path):
        return annotations.geojson(pixels.size_of(image), content)
