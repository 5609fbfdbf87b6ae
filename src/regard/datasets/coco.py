"""Annotations in COCO's format (Lin et al., ECCV 2014, 10.1007/978-3-319-10602-1_48): polygons,
run-length codes, boxes.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from regard.data import annotations
from regard.data.inputs.names import composed
from regard.data.inputs.words import quoted, remark
from regard.datasets import files, pixels

LISTS = ("images", "annotations", "categories")


class Drawn(NamedTuple):
    """The annotations of one category in one image."""

    structure: str
    position: int  # of the image
    load: Callable[[], np.ndarray]
    boxed: bool  # at least one of them is a bounding box alone


def read(path: Path, folder: Path, images: Sequence[Path]) -> Iterator[Drawn]:
    """Of the COCO file `path`, for each image it lists and each category: structure, position in
    `images`, its mask.

    A mask is the union of the image's annotations of the category; an image that lacks a category
    is annotated as absent there. Images are found by their path in `folder`, else by the last part
    of their file name. Images that the file does not list are counted on stderr. Raises ValueError
    that names the file for broken JSON, an id or image that stands twice, an image of another size
    than stated or that is none of `images`, and an annotation that belongs to no image or category,
    has neither segmentation nor bbox, or does not fit its image.
    """
    content = files.read_json(path)
    with files.located(path):
        if not isinstance(content, dict) or not all(
            isinstance(content.get(key), list) for key in LISTS
        ):
            raise ValueError("COCO has the lists images, annotations and categories")
        try:
            names = {
                key: files.column_name(str(one["name"]))
                for key, one in _by_id(content, "categories").items()
            }
            rows = _rows(_by_id(content, "images"), folder, images)
            found = _found(content["annotations"], rows, names)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"an entry is not as COCO has it ({type(error).__name__}: {error})"
            ) from None
    if missing := len(images) - len(rows):
        remark(
            f"{path} does not list {missing} of {len(images)} images: they count as not annotated"
        )
    for image, at in rows.items():
        for category, name in names.items():
            entries = found.get((image, category), [])
            boxed = any(not _outlined(entry) for _, entry in entries)
            yield Drawn(name, at, partial(_mask, images[at], entries), boxed)


def _by_id(content: dict, key: str) -> dict:
    """The entries of a list by their id, which may stand once."""
    found = {}
    for entry in content[key]:
        if entry["id"] in found:
            raise ValueError(f"id {quoted(entry['id'])} stands twice in {key}")
        found[entry["id"]] = entry
    return found


def _rows(listed: dict, folder: Path, images: Sequence[Path]) -> dict:
    """The position in `images` of each listed image, by id."""
    known = {composed(image.relative_to(folder).as_posix()): at for at, image in enumerate(images)}
    rows: dict = {}
    taken: dict[int, object] = {}
    for key, entry in listed.items():
        at = _position(entry["file_name"], known)
        where = f"image {quoted(key)}, {quoted(entry['file_name'])},"
        if at in taken:
            raise ValueError(f"{where} is the same file as image {quoted(taken[at])}")
        rows[key], taken[at] = at, key
        height, width = pixels.size_of(images[at])
        stated = (entry.get("width"), entry.get("height"))
        for said in stated:
            if not (said is None or isinstance(said, int | float)):
                raise ValueError(
                    f"{where} has the width or height {quoted(said)}, which is no number in JSON"
                )
        if any(said is not None and said != real for said, real in zip(stated, (width, height))):
            raise ValueError(
                f"{where} is stated as {stated[0]} x {stated[1]} pixels, its file has {width} x "
                f"{height}"
            )
    return rows


def _position(name: str, known: dict[str, int]) -> int:
    """Where the image is that COCO calls `name`: by its path, with backslashes too, else by its
    last part.
    """
    slashed = composed(name.replace("\\", "/"))
    if slashed.removeprefix("./") in known:
        return known[slashed.removeprefix("./")]
    alike = [at for path, at in known.items() if files.last_part(path) == files.last_part(slashed)]
    if len(alike) > 1:
        raise ValueError(f"image {quoted(name)} could be {len(alike)} images of the table")
    if not alike:
        raise ValueError(f"image {quoted(name)} is not in the table")
    return alike[0]


def _found(entries: list, rows: dict, names: dict) -> dict:
    """The annotations of each image and category, with what they are called in a message."""
    found: dict[tuple, list] = {}
    ids = set()
    for number, entry in enumerate(entries, start=1):
        image, category, key = entry["image_id"], entry["category_id"], entry.get("id")
        called = f"annotation {number}" + (f" (id {quoted(key)})" if key is not None else "")
        if key is not None and key in ids:
            raise ValueError(f"id {quoted(key)} stands twice in annotations")
        ids.add(key)
        if image not in rows:
            raise ValueError(
                f"{called} belongs to no image: image_id {quoted(image)} is not listed"
            )
        if category not in names:
            raise ValueError(
                f"{called} belongs to no category: category_id {quoted(category)} is not listed"
            )
        found.setdefault((image, category), []).append((called, entry))
    return found


def _outlined(entry: dict) -> bool:
    """Whether an annotation has a polygon or run-length code, so that its box is not used."""
    return bool(entry.get("segmentation")) and entry["segmentation"] != [[]]


def _mask(image: Path, entries: list[tuple[str, dict]]) -> np.ndarray:
    size, masks = pixels.size_of(image), []
    for called, entry in entries:
        with files.located(called):
            masks.append(annotations.coco_object(size, entry))
    mask = files.union(masks, size)
    if entries and not mask.any():
        raise ValueError(
            f"{entries[0][0]} encloses no pixel of {image.name}, which would read as absent"
        )
    return mask
