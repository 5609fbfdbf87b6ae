"""Files that appear whole or not at all: written beside their place, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file(path: Path | str) -> Iterator[Path]:
    """A path to write to, which becomes the file `path` when the block ends without an error.

    After an error nothing is left, and `path` is unchanged. Missing folders are made; a replaced
    file keeps its permissions, and a link still points to it.

    Yields
    ------
    Path
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(
                written.fileno()
            )  # else a power cut may keep the new name and lose the content
        if path.exists():
            shutil.copymode(path, aside)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to the file `path` as UTF-8, with the line ends it has."""
    with file(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="")


@contextmanager
def folder(path: Path | str) -> Iterator[Path]:
    """An empty folder to fill, which replaces the folder `path` when the block ends without an
    error.

    After an error nothing is left. A kill between the two renames leaves the earlier folder under
    another name, from which the next call restores it.

    Yields
    ------
    Path
    """
    path = Path(path)
    aside, earlier = (
        path.with_name(f".{path.name}.partial"),
        path.with_name(f".{path.name}.earlier.partial"),
    )
    if earlier.exists() and not path.exists():
        os.replace(earlier, path)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        shutil.rmtree(earlier, ignore_errors=True)
        if path.exists():
            os.replace(path, earlier)
        os.replace(aside, path)
        shutil.rmtree(earlier, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
