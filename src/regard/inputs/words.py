"""What is said to people about their files: cells are quoted short, a remark is one line on stderr."""

import reprlib
import sys
from collections.abc import Iterable

LONGEST = 100  # characters of a quoted cell, its quotation marks included
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = LONGEST


def quoted(value: object) -> str:
    """`repr(value)` in one line of at most LONGEST characters, shortened in the middle."""
    text = " ".join(_SHORT.repr(value).split("\n"))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def joined(names: Iterable[object], count: int = 30) -> str:
    """`names` joined by commas, for a message: long ones shortened, and no more than `count` of them."""
    short = [name if len(name) <= LONGEST else quoted(name) for name in map(str, names)]
    more = [f"and {len(short) - count} more"] if len(short) > count else []
    return " ".join(", ".join([*short[:count], *more]).split())


def remark(text: str) -> None:
    """Say `text`, one line, on stderr."""
    print(text, file=sys.stderr)
