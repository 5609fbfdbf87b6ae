"""Names of files as people give them: with accents in either encoding, with backslashes, beside a
system's own files.
"""

import os
import unicodedata
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from regard.data.inputs.words import quoted

# What macOS, Windows and network drives write beside people's files; hidden files and Office's
# locks are recognised by their start.
JUNK = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r", "@eadir")


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is a file system's own, or hidden: no reader looks at
    it.
    """
    return name.startswith((".", "~$")) or name.lower() in JUNK


def composed(text: str) -> str:
    """`text` in Unicode's form NFC: macOS writes an accent as a character of its own (NFD), most
    tables do not.
    """
    return unicodedata.normalize("NFC", text)


def entries(folder: Path) -> list[Path]:
    """The files and folders in `folder`, in order, without what `is_junk`."""
    return sorted(entry for entry in folder.iterdir() if not is_junk(entry.name))


def below(folder: Path, *patterns: str) -> list[Path]:
    """The files and folders in `folder` or below it whose last parts fit one of the glob
    `patterns`, in order.

    The case of letters does not count, and neither does how accents are encoded; what `is_junk`, or
    lies in such a folder, is left out. Linked folders are not entered.
    """
    wanted = [PurePosixPath(composed(pattern).lower()).parts for pattern in patterns]
    return sorted(
        path
        for path in _walk(folder)
        for parts in [composed(path.relative_to(folder).as_posix()).lower().split("/")]
        if any(
            len(parts) >= len(pattern) and all(map(fnmatchcase, parts[-len(pattern) :], pattern))
            for pattern in wanted
        )
    )


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_junk(name)]
        yield from (Path(place, name) for name in [*folders, *names] if not is_junk(name))


def find(folder: Path, name: str) -> Path:
    """`folder / name` as the file system spells it; where nothing is there, as it is given.

    A name is also found where its accents are encoded in the other form, and with "/" for each
    backslash of Windows. Raises ValueError where several files answer to the name.
    """
    slashed = name.replace("\\", "/")
    found: list[Path] = []
    for spelling in dict.fromkeys((name, slashed)):
        for path in _spelled(folder, spelling):
            if os.path.lexists(path) and not any(_same(path, other) for other in found):
                found.append(path)
    if len(found) > 1:
        raise ValueError(
            f"{quoted(name)} could be either of two files in {folder}, whose names differ in the "
            "encoding of accents "
            "or in backslashes alone"
        )
    return found[0] if found else folder / slashed


def _spelled(folder: Path, name: str) -> list[Path]:
    places = [folder]
    for part in PurePosixPath(name).parts:
        places = [path for place in places for path in _spellings(place, part)]
    return places


def _spellings(place: Path, part: str) -> list[Path]:
    if part.isascii():  # and so has a single form
        return [place / part]
    forms = dict.fromkeys((part, composed(part), unicodedata.normalize("NFD", part)))
    if found := [place / form for form in forms if os.path.lexists(place / form)]:
        return found
    there = place.iterdir() if place.is_dir() else ()
    return [
        entry for entry in there if composed(entry.name) == composed(part)
    ]  # encoded in a mixture of both


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def alike(folder: Path, name: str) -> Path | None:
    """What is in `folder` under `name` but for the case of letters and the encoding of accents;
    None for nothing.
    """
    wanted = composed(name).casefold()
    there = folder.iterdir() if folder.is_dir() else ()
    return next(
        (entry for entry in sorted(there) if composed(entry.name).casefold() == wanted), None
    )


def optional(folder: Path, name: str, meaning: str, directory: bool = False) -> Path | None:
    """`folder / name`, a file (or a directory), or None where nothing is there under that name or
    one like it.

    Raises ValueError for another kind of entry and for a name that differs in the case of its
    letters, which would be passed over; FileNotFoundError for a link to nothing. meaning: what it
    holds, for the message.
    """
    found = folder / name if os.path.lexists(folder / name) else alike(folder, name)
    if found is None:
        return None
    if not os.path.exists(found):
        raise FileNotFoundError(f"{found}, {meaning}, is a link to nothing")
    if found.is_dir() != directory:
        raise ValueError(f"{found}, {meaning}, must be a {'folder' if directory else 'file'}")
    if found.name != name:
        raise ValueError(
            f"{found} must be called {name} to be read as {meaning}; rename it or move it away"
        )
    return found
