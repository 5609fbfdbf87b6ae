"""Anybody's images: a CSV, images, and annotations in any form of `regard.data.annotations`.

SOURCE holds `cases.csv` (or one CSV of another name) with a row per image and the columns

    image               its file, relative to SOURCE; 8-bit, DICOM, or of more bits with the option
                        `window`
    patient             never blank
    case                optional, else the file's name
    label, or a column of 1, 0 or blank per finding, split, site, report, pixel_mm, ...: taken over
        as they are
    mask:STRUCTURE      a mask image, relative to SOURCE; blank = not annotated
    mask                a mask image of several structures, told apart by the option `codes` or
                        `colours`
    box:STRUCTURE       "left top width height" in pixels from the upper left corner; several joined
                        by ";"
    circle:STRUCTURE    "x y radius" in pixels, y from the top; several joined by ";"
    geojson             a GeoJSON file as QuPath exports it; each class is a structure

"none" in a column of boxes or circles means annotated as absent, blank not annotated. A file
`coco.json` in SOURCE adds polygons, run-length codes and boxes by image file and category; images
that it lists and that lack a category are annotated as absent there. Structures get lower-case
names with underscores. Files that nothing names are counted on stderr.

Options, each with `--set NAME=VALUE`, the value as YAML:

    window='[0, 4095]'                      of images of more than 8 bits, the values that become
                                            black and white
    above=127                               masks of one structure are foreground over this grey
                                            value
    codes='{1: tumour, 2: stroma}'          the column `mask` holds grey values or palette indices;
                                            0 is the background
    colours='{tumour: [255, 0, 0]}'         the column `mask` holds pure colours, each channel 0 or
                                            255, on black
    tile=256                                images are cut into square tiles of so many pixels
    label_by=tumour                         a tile is labelled by this structure where more than
                                            half of it is; else it
                                            keeps the label of its image

A set of images with one indexed mask each is so imported with `image,patient,mask` in cases.csv and
the option `codes`.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regard.data.cases import Cases, Lazy
from regard.data.inputs import names
from regard.data.inputs.case_table import check_capitals
from regard.data.inputs.words import quoted
from regard.datasets import coco, files, pixels, tiles
from regard.datasets.cells import ANNOTATIONS, SHAPES, Cell, Load, Source
from regard.datasets.coded import Coded

KINDS = ("mask", *SHAPES)
# What the name of a column begins or ends with that somebody may mean as annotations; it would be
# taken over as plain text.
VAGUE = re.compile(
    r"(mask|box|bbox|boxes|bboxes|circle|polygon|segmentation|contour|roi|geojson|coco)s?"
)
DOCUMENTS = (".txt", ".md", ".rst", ".pdf", ".html")


def read(
    folder: Path | str,
    window: Sequence[float] | None = None,
    above: int | None = None,
    codes: dict | None = None,
    colours: dict | None = None,
    tile: int | None = None,
    label_by: str | None = None,
) -> Cases:
    """The set in `folder` as described above, with the options described there.

    How many regions are bounding boxes is printed, for a box overestimates the area of a lesion.

    Parameters
    ----------
    folder
        Folder with `cases.csv`, or one other CSV, and the images.
    window, above, codes, colours, tile, label_by
        The options described above.

    Returns
    -------
    Cases
        One case per image, or per tile.

    Raises
    ------
    FileNotFoundError
        A file or folder is missing.
    ValueError
        An option is not as described; or, with file and row: a column is missing or of an unknown
        kind, a patient is blank, a structure is annotated in two ways, or an annotation is broken
        or does not fit its image.
    """
    folder = Path(folder)
    _check_options(window, above, tile, label_by)
    coded = Coded(codes, colours) if codes is not None or colours is not None else None
    listed = folder / "cases.csv"
    listed = listed if listed.is_file() else _only_csv(folder)
    table = files.table(listed, ["image", "patient"])
    check_capitals(table.columns, listed)
    columns = _columns(table, listed, coded)
    source = Source(folder, above, coded)
    images = _images(table, listed, folder)
    drawn, boxed = _drawn(table, listed, columns, images, source)
    _remark_on_files(folder, {listed, *images, *source.named}, listed)
    table = table.drop(columns=[*columns, "row"]).assign(case=list(images.values()))
    if "reference" not in table:
        table["reference"] = "reader"
    table = table[["case", *(name for name in table if name != "case")]]

    def show(image: Path) -> np.ndarray:
        return pixels.image(image, window=(window[0], window[1]) if window else None)

    note = _note_on_boxes(boxed, sum(len(found) for found in drawn.values()))
    if tile is None:
        cases = _whole(table, list(images), drawn, show)
    else:
        cases = _tiled(table, list(images), drawn, show, tile, label_by)
    cases.table.attrs["note"] = note
    return cases


def _drawn(
    table: pd.DataFrame,
    listed: Path,
    columns: dict[str, tuple[str, str]],
    images: dict[Path, str],
    source: Source,
) -> tuple[dict[str, dict[int, Load]], int]:
    """What loads the mask of each structure, by the position of its image, from the table and from
    `coco.json`; and how many of these masks hold bounding boxes.
    """
    drawn: dict[str, dict[int, Load]] = {}
    boxed = 0
    for at, (image, row) in enumerate(zip(images, table.to_dict("records"))):
        where = f"{listed} row {row['row']}"
        with files.located(where):
            for column, (kind, structure) in columns.items():
                if row[column]:
                    cell = Cell(kind, structure, column, row[column], image)
                    boxed += kind == "box" and row[column].lower() != "none"
                    for name, load in ANNOTATIONS[kind](cell, source):
                        _add(drawn, name, at, load, where)
    path = names.optional(source.folder, "coco.json", "the annotations in COCO's format")
    if path is not None:
        source.named.add(path)
        for found in coco.read(path, source.folder, list(images)):
            boxed += found.boxed
            with files.located(path):
                _add(drawn, found.structure, found.position, found.load, str(path))
    return drawn, boxed


def _note_on_boxes(boxed: int, regions: int) -> str:
    """Say on stdout that regions are boxes; returns what was said, blank without boxes."""
    if not boxed:
        return ""
    note = (
        f"{boxed} of {regions} regions are bounding boxes: a box overestimates the area of a lesion"
    )
    print(note)
    return note


def _whole(table: pd.DataFrame, images: list[Path], drawn: dict, show: Callable) -> Cases:
    regions = {
        name: Lazy(_loaded, [found.get(at) for at in range(len(table))])
        for name, found in drawn.items()
    }
    for found in drawn.values():
        for load in files.progress(list(found.values())):
            load()  # so that a broken annotation is named before anything is written
    return Cases(table, Lazy(show, images), regions)


def _loaded(load: Load | None) -> np.ndarray | None:
    return load() if load else None


def _tiled(
    table: pd.DataFrame,
    images: list[Path],
    drawn: dict,
    show: Callable,
    tile: int,
    label_by: str | None,
) -> Cases:
    if label_by is not None:
        label_by = files.known(files.column_name(label_by), list(drawn), "label_by")
    position = {image: at for at, image in enumerate(images)}
    described = table.to_dict("records")

    def masks(image: Path) -> dict[str, np.ndarray | None]:
        loads = {name: found.get(position[image]) for name, found in drawn.items()}
        return {name: load() if load else None for name, load in loads.items()}

    def describe(image: Path) -> dict[str, str]:
        return described[position[image]]

    return tiles.cut(images, masks, tile, describe, label_by, show)


def _check_options(window: Any, above: Any, tile: object, label_by: object) -> None:
    if window is not None and not (
        isinstance(window, list | tuple) and len(window) == 2 and _are_numbers(window)
    ):
        raise ValueError(
            "window must be two numbers, the values that become black and white, not "
            f"{quoted(window)}"
        )
    if window is not None and not (np.isfinite(window).all() and window[0] < window[1]):
        raise ValueError(
            f"window must rise from one finite number to another, not be {quoted(window)}"
        )
    if above is not None and not (_are_numbers([above]) and 0 <= above < 255):
        raise ValueError(f"above must be a grey value from 0 to 254, not {quoted(above)}")
    if tile is not None:
        tiles.check(tile)
    if label_by is not None and (tile is None or not isinstance(label_by, str)):
        raise ValueError(
            f"label_by names the structure that labels tiles: it is {quoted(label_by)}, tile "
            f"{tile!r}"
        )


def _are_numbers(values: Sequence) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _only_csv(folder: Path) -> Path:
    found = [path for path in names.entries(folder) if path.suffix.lower() == ".csv"]
    if len(found) != 1:
        raise FileNotFoundError(
            f"{folder} must hold cases.csv or one other CSV, it holds {len(found)}"
        )
    return found[0]


def _columns(table: pd.DataFrame, listed: Path, coded: Coded | None) -> dict[str, tuple[str, str]]:
    """The columns of annotations, each with its kind and structure; capitals in a kind do not
    count.
    """
    found = {}
    for column in table:
        kind, colon, structure = (part.strip() for part in column.partition(":"))
        kind = kind.lower()
        if kind in KINDS and colon:
            found[column] = (kind, files.column_name(structure))
        elif kind == "geojson":
            found[column] = (kind, "")
        elif kind == "mask" and coded is not None:
            found[column] = ("coded", "")
        elif colon and (near := files.nearest(kind, [*KINDS, "geojson"])):
            raise ValueError(
                f"{listed} has a column {quoted(column)}, but {quoted(kind)} is no kind of "
                f"annotation{near}"
            )
        elif _vague(column):
            reason = "looks like an annotation but is of no kind that is known"
            reason = "names no structure" if kind in KINDS else reason
            raise ValueError(
                f"{listed} has a column {quoted(column)} that {reason}; write mask:NAME, box:NAME, "
                "circle:NAME, geojson, or mask with the option codes or colours; COCO is a file "
                "coco.json; what is no annotation needs another name"
            )
    if coded is not None and ("coded", "") not in found.values():
        raise ValueError(
            f"{listed} has no column 'mask', which the option codes or colours is about"
        )
    return found


def _vague(column: str) -> bool:
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)]
    return any(VAGUE.fullmatch(word) for word in (*words[:1], *words[-1:], "".join(words)))


def _images(table: pd.DataFrame, listed: Path, folder: Path) -> dict[Path, str]:
    """The image file of each row with the name of its case; both may stand once."""
    found: dict[Path, str] = {}
    rows: dict[str | Path, int] = {}
    for row in table.to_dict("records"):
        with files.located(f"{listed} row {row['row']}"):
            files.filled(row["patient"], "patient")
            image = files.inside(folder, row["image"], "image")
            case = row["case"] if "case" in row else files.case_name(image.stem)
            if case in rows:
                raise ValueError(f"case {quoted(case)} stands in row {rows[case]} already")
            if image in rows:
                raise ValueError(
                    f"image {quoted(row['image'])} stands in row {rows[image]} already"
                )
            rows[case] = rows[image] = row["row"]
            found[image] = case
    return found


def _add(drawn: dict, structure: str, at: int, load: Load, where: str) -> None:
    if not structure:
        raise ValueError("a structure has no name")
    if at in drawn.setdefault(structure, {}):
        raise ValueError(f"structure {quoted(structure)} is annotated in two ways")

    def located() -> np.ndarray:
        with files.located(where):
            return load()

    drawn[structure][at] = located


def _remark_on_files(folder: Path, named: set[Path], listed: Path) -> None:
    shown = [path for path in files.below(folder, "*") if path.suffix.lower() not in DOCUMENTS]
    files.unlisted(shown, named, f"{listed.name}")
