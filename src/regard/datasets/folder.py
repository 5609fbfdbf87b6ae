"""Anybody's images: a CSV, images, and annotations in any of the forms of `regard.annotations`.

SOURCE holds `cases.csv` (or one CSV of another name) with a row per image and the columns

    image               its file, relative to SOURCE; 8-bit, DICOM, or 16-bit grey with the option `window`
    patient             never blank
    case                optional, else the file's name
    label, or a column of 1, 0 or blank per finding, split, site, report, pixel_mm, ...: taken over as they are
    mask:STRUCTURE      a mask image, relative to SOURCE; blank = not annotated
    box:STRUCTURE       "left top width height" in pixels from the upper left corner; several joined by ";"
    circle:STRUCTURE    "x y radius" in pixels, y from the top; several joined by ";"
    geojson             a GeoJSON file as QuPath exports it; each class is a structure

"none" in a column of boxes or circles means annotated as absent, blank not annotated. A file `coco.json` in SOURCE adds
polygons and run-length codes by image file and category; images that it lists and that lack a category are annotated as
absent there. Structures get lower-case names with underscores.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from regard import annotations
from regard.cases import Cases, Lazy
from regard.datasets import files, pixels

SHAPES = {"box": (annotations.box, 4), "circle": (annotations.circle, 3)}


def read(folder: Path | str, window: Sequence[float] | None = None, above: int | None = None) -> Cases:
    """The set in `folder` as described above.

    window: the two values of 16-bit images that become black and white; above: masks are foreground over this grey
    value, else they must be 0 and 255 (or 0 and 1). Raises FileNotFoundError for a missing file; ValueError that names
    file and row for a missing column, a blank patient, a structure annotated in two ways, and an annotation that is
    broken or does not fit its image.
    """
    folder = Path(folder)
    listed = folder / "cases.csv" if (folder / "cases.csv").is_file() else _only_csv(folder)
    table = files.table(listed, ["image", "patient"])
    numbers = lambda values: all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if window is not None and not (isinstance(window, list | tuple) and len(window) == 2 and numbers(window)):
        raise ValueError(f"window must be two numbers, the values that become black and white, not {window!r}")
    if above is not None and not (numbers([above]) and 0 <= above < 255):
        raise ValueError(f"above must be a grey value from 0 to 254, not {above!r}")
    if vague := [name for name in table if name.lower() in ("mask", "box", "bbox", "circle", "polygon")]:
        raise ValueError(
            f"{listed} has a column {vague[0]!r} that names no structure; write mask:NAME, box:NAME or circle:NAME"
        )
    images, drawn, names = [], {}, {}
    consumed = [name for name in table if name == "geojson" or name.split(":")[0] in ("mask", *SHAPES) and ":" in name]
    for at, row in enumerate(table.to_dict("records")):
        where = f"{listed} row {row['row']}"
        with files.located(where):
            files.filled(row["patient"], "patient")
            image = files.inside(folder, row["image"], "image")
            images.append(image)
            case = row["case"] if "case" in table else files.case_name(image.stem)
            if case in names:
                raise ValueError(f"case {case!r} stands in row {names[case]} already")
            names[case] = row["row"]
            for column in (name for name in consumed if row[name]):
                for structure, load in _annotation(column, row[column], image, folder, above):
                    _add(drawn, structure, at, load, where)
    known = {image.relative_to(folder).as_posix(): at for at, image in enumerate(images)}
    for structure, at, load, where in _coco(folder, known, images):
        with files.located(where):
            _add(drawn, structure, at, load, where)
    table = table.drop(columns=[*consumed, "row"])
    table["case"] = list(names)
    if "reference" not in table:
        table["reference"] = "reader"
    regions = {
        name: Lazy(lambda load: load and load(), [found.get(at) for at in range(len(table))])
        for name, found in drawn.items()
    }
    for found in drawn.values():
        for load in files.progress(list(found.values())):
            load()  # so that a broken annotation is named before anything is written
    shown = Lazy(lambda image: pixels.image(image, window=tuple(window) if window else None), images)
    return Cases(table[["case", *(name for name in table if name != "case")]], shown, regions)


def _only_csv(folder: Path) -> Path:
    found = sorted(folder.glob("*.csv"))
    if len(found) != 1:
        raise FileNotFoundError(f"{folder} must hold cases.csv or one other CSV, it holds {len(found)}")
    return found[0]


def _add(drawn: dict, structure: str, at: int, load: Callable, where: str) -> None:
    if not structure:
        raise ValueError("a structure has no name")
    if at in drawn.setdefault(structure, {}):
        raise ValueError(f"structure {structure!r} is annotated in two ways")

    def located() -> np.ndarray:
        with files.located(where):
            return load()

    drawn[structure][at] = located


def _annotation(
    column: str, value: str, image: Path, folder: Path, above: int | None
) -> list[tuple[str, Callable[[], np.ndarray]]]:
    """What one cell of the table draws: structures, and how the mask of each is made."""
    kind, _, structure = column.partition(":")
    structure = files.column_name(structure)
    if kind == "mask":
        path = files.inside(folder, value, "mask")
        return [(structure, lambda: pixels.mask(path, image, above))]
    if kind == "geojson":
        path = files.inside(folder, value, "geojson")

        return [
            (files.column_name(name), lambda name=name: _classes(path, image)[name]) for name in _classes(path, image)
        ]
    draw, count = SHAPES[kind]
    shapes = [] if value == "none" else [shape.split() for shape in value.split(";")]
    numbers = [[files.number(part, column) for part in shape] for shape in shapes]
    for shape in numbers:
        if len(shape) != count:
            raise ValueError(f"{column} has {len(shape)} numbers in one shape, not {count}")

    def load() -> np.ndarray:
        size = pixels.size_of(image)
        return files.union([draw(size, *shape) for shape in numbers], size)

    return [(structure, load)]


@lru_cache(1)  # asked for class by class
def _classes(path: Path, image: Path) -> dict[str, np.ndarray]:
    content = files.read_json(path)
    with files.located(path):
        return annotations.geojson(pixels.size_of(image), content)


def _coco(folder: Path, known: dict[str, int], images: list[Path]):
    """Of coco.json, where it is there: structure, row, how the mask is made, and where it stands."""
    path = folder / "coco.json"
    if not path.is_file():
        return
    content = files.read_json(path)
    with files.located(path):
        if not isinstance(content, dict) or not all(
            isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
        ):
            raise ValueError("COCO has the lists images, annotations and categories")
        try:
            names = {one["id"]: files.column_name(str(one["name"])) for one in content["categories"]}
            rows = {one["id"]: known.get(one["file_name"]) for one in content["images"]}
            found = {(one["image_id"], one["category_id"]): [] for one in content["annotations"]}
            for number, one in enumerate(content["annotations"], start=1):
                if one["image_id"] not in rows or one["category_id"] not in names:
                    raise ValueError(f"annotation {number} belongs to no image or category")
                found[one["image_id"], one["category_id"]].append((number, one["segmentation"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"an entry is not as COCO has it ({type(error).__name__}: {error})") from None
    for image, at in rows.items():
        if at is None:
            raise ValueError(f"{path}: image {image!r} is not in the table")
        for category, name in names.items():
            yield name, at, lambda at=at, key=(image, category): _segments(images[at], found.get(key, [])), str(path)


def _segments(image: Path, segments: list) -> np.ndarray:
    size, masks = pixels.size_of(image), []
    for number, segmentation in segments:
        with files.located(f"annotation {number}"):
            masks.append(annotations.coco(size, segmentation))
    return files.union(masks, size)
