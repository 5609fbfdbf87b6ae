"""What the readers share: tables, JSON and images opened as they are published; every error names
the file.
"""

import difflib
import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from regard.data.inputs import names, tables
from regard.data.inputs.words import joined, quoted, remark


@contextmanager
def located(where: object) -> Iterator[None]:
    """Put `where` (a file, a file and row) before the message of a ValueError or FileNotFoundError
    raised inside.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{where}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def present(path: Path, meaning: str = "") -> Path:
    """`path`, which must be a file or a folder. Raises FileNotFoundError, with what it should
    hold.
    """
    if not path.exists():
        raise FileNotFoundError(f"no {path}{': ' + meaning if meaning else ''}")
    return path


def below(folder: Path, *patterns: str) -> list[Path]:
    """The files in `folder` or below it that fit one of the glob `patterns`, in order; a file
    system's own are left out.
    """
    return [path for path in names.below(folder, *patterns) if not path.is_dir()]


def one_of(folder: Path, *patterns: str) -> Path:
    """The one file or folder in `folder` or below it that fits the first of the glob `patterns`
    that any fits.

    Raises FileNotFoundError when there is none, ValueError when there are several.
    """
    for pattern in patterns:
        found = names.below(folder, pattern)
        if len(found) > 1:
            raise ValueError(
                f"{folder} holds {len(found)} files {pattern}, {found[0]} and {found[1]} among them"
            )
        if found:
            return found[0]
    raise FileNotFoundError(f"no {' or '.join(patterns)} in {folder} or below it")


def table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV or Excel table as `regard.data.inputs.tables` reads it, with the number of each row in
    the column `row`.

    Raises FileNotFoundError for a missing file and ValueError for what `tables.read` refuses and
    for a missing column.
    """
    found = tables.read(path)
    tables.lacking(path, found, list(columns))
    if "row" in found:
        raise ValueError(
            f"{path} has a column 'row', which stands for the number of the row here; give it "
            "another name"
        )
    return found.reset_index()[[*found.columns, "row"]]


def read_json(path: Path) -> object:
    """The content of a JSON file. Raises FileNotFoundError, or ValueError where it is broken or has
    a key twice.
    """
    try:
        return json.loads(present(path).read_text(encoding="utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable as JSON: {error}") from None


def _unique(pairs: list[tuple[str, object]]) -> dict:
    """A JSON object, of whose equal keys json would keep the last."""
    if len(found := dict(pairs)) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(
            f"the key {quoted(twice)} stands twice in one object; which is meant is not said"
        )
    return found


def number(text: str, meaning: str) -> float:
    """`text` as a finite number. Raises ValueError with `meaning`, the column."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"{meaning} is {quoted(text)}, not a number")
    return value


def flag(text: str, meaning: str) -> bool:
    """`text`, 0 or 1 (or 0.0 or 1.0), as a truth value. Raises ValueError with `meaning`, the
    column, for all else.
    """
    if (value := number(text, meaning)) not in (0, 1):
        raise ValueError(f"{meaning} is {quoted(text)}; it must be 0 or 1")
    return value == 1


def inside(folder: Path, name: str, meaning: str) -> Path:
    """The file `name` in `folder` (`names.find`), which must exist and lie in `folder`: names in
    tables are data.
    """
    path = names.find(folder, name)
    if (
        not name
        or "\0" in name
        or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    ):
        raise ValueError(f"{meaning} {quoted(name)} is not a file in {folder}")
    if not os.path.isfile(path):  # unlike Path.is_file also false for a name that is too long
        raise FileNotFoundError(f"no {meaning} {quoted(name)} in {folder}{_missing(folder, path)}")
    return path


def _missing(folder: Path, path: Path) -> str:
    """Why there is no file `path` in `folder`, as the end of a message."""
    if os.path.islink(path):
        return "; it is a link to nothing"
    if os.path.isdir(path.parent):
        near = names.alike(path.parent, path.name)
        return f"; {near.name} differs in the case of its letters" if near and near != path else ""
    try:
        lost = path.parent.relative_to(folder)
        there = [found for found in names.entries(folder) if found.is_dir()]
    except (OSError, ValueError):
        return ""
    near_by = nearest(lost.parts[0] if lost.parts else "", [found.name for found in there])
    return f"; there is no folder {quoted(lost.as_posix())}{near_by}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message that says which of the `known` names resemble `name`; else blank."""
    near = difflib.get_close_matches(name, list(known))
    return (
        f", the nearest is {joined(near)}"
        if len(near) == 1
        else (f", the nearest are {joined(near)}" if near else "")
    )


def case_name(text: str) -> str:
    """`text` as the name of a case: what is not a letter, a digit, '_', '.' or '-' becomes '-'."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._") or "case"


def column_name(text: str) -> str:
    """A published name such as "Pleural Effusion" as a column and folder name: pleural_effusion."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def known(value: str, values: Sequence[str], meaning: str) -> str:
    """`value`, which must be one of `values`. Raises ValueError with `meaning`, the column."""
    if value not in values:
        raise ValueError(f"{meaning} is {quoted(value)}; known are {joined(values)}")
    return value


def filled(value: str, meaning: str) -> str:
    """`value`, which must not be blank. Raises ValueError with `meaning`, the column."""
    if not value:
        raise ValueError(f"{meaning} is blank")
    return value


def cases_table(**columns: Iterable) -> pd.DataFrame:
    """The table of a set from its columns (sequences, or one value for all rows), as text, with
    rows numbered anew.
    """
    length = max(len(list(column)) for column in columns.values() if not isinstance(column, str))
    ready = {
        name: [column] * length if isinstance(column, str) else list(column)
        for name, column in columns.items()
    }
    return pd.DataFrame(ready, dtype=str)


def union(masks: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The union of bool masks (H, W), empty when there are none."""
    return np.logical_or.reduce([np.zeros(size, bool), *masks])


def by_name(folder: Path, *patterns: str) -> dict[str, Path]:
    """The files in `folder` or below it that fit one of the glob `patterns`, by file name (in NFC),
    in order.

    Raises ValueError for two of one name: a table that names a file without its folder could mean
    either.
    """
    found: dict[str, Path] = {}
    for path in below(folder, *patterns):
        name = names.composed(path.name)
        if name in found:
            raise ValueError(f"{path} and {found[name]} have the same name")
        found[name] = path
    return found


def last_part(name: str) -> str:
    """The file's own name in a published path, with slashes or with the backslashes of Windows."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def left_out(count: int, of: int, reason: str) -> None:
    """Say on stderr that `count` of `of` listed images are left out, and why; nothing when there
    are none.
    """
    if count:
        remark(f"{count} of {of} listed images are left out: {reason}")


def unlisted(found: Iterable[Path], used: Collection[Path], where: object) -> None:
    """Say on stderr that some of the files `found` are not read, for nothing in `where` names them;
    nothing else.
    """
    strays = [path for path in found if path not in used]
    if strays:
        shown = joined([path.name for path in strays], 3)
        remark(f"{len(strays)} files are not read, for {where} does not name them: {shown}")


def pairs(images: Path, masks: Path) -> tuple[list[Path], list[Path]]:
    """The images of a folder, in order, and for each the mask with its name, whatever their
    suffixes; hidden files and a file system's own are passed over.

    Raises FileNotFoundError for a missing folder, mask or image, ValueError for an empty folder and
    for two files that differ in their suffix alone.
    """
    shown: dict[str, Path] = {}
    drawn: dict[str, Path] = {}
    for folder, found in ((images, shown), (masks, drawn)):
        for path in names.entries(present(folder)):
            stem = names.composed(path.stem)
            if stem in found:
                raise ValueError(f"{path} and {found[stem].name} differ in their suffix alone")
            found[stem] = path
    if not shown:
        raise ValueError(f"{images} holds no images")
    for stem in shown | drawn:
        if stem not in drawn:
            raise FileNotFoundError(f"{shown[stem]} has no mask {masks / stem}.*")
        if stem not in shown:
            raise FileNotFoundError(f"{drawn[stem]} has no image {images / stem}.*")
    return list(shown.values()), [drawn[stem] for stem in shown]


def published_split(tested: Sequence[bool]) -> dict[str, list[str]]:
    """The column `split` of a set published as training and test images; none where only one of
    them is there.
    """
    return (
        {"split": ["test" if test else "train" for test in tested]} if len(set(tested)) == 2 else {}
    )


def progress(items: Sequence, doing: str = "reading annotations") -> Iterator:
    """`items`, with a progress bar on a terminal."""
    return iter(tqdm(items, doing, disable=None, leave=False))
