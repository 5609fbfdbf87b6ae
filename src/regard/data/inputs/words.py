"""What is said to people about their files: cells are quoted short, a remark is one line on
stderr.
"""

import difflib
import re
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


def short(text: object) -> str:
    """`text` without quotation marks, in one line of at most LONGEST characters: a name that is
    part of a sentence.
    """
    text = " ".join(str(text).split())
    return (
        text
        if len(text) <= LONGEST
        else f"{text[: LONGEST // 2 - 2]}...{text[-(LONGEST // 2) + 2 :]}"
    )


def joined(names: Iterable[object], count: int = 30) -> str:
    """`names` joined by commas, for a message: long ones shortened, and no more than `count` of
    them.
    """
    called = [short(name) for name in names]
    more = [f"and {len(called) - count} more"] if len(called) > count else []
    return ", ".join([*called[:count], *more])


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one of the `known` words that `word` probably misspells; None where none is close, or
    where they differ in numbers alone ("grade 3" and "grade 4")."""
    names = {name.casefold(): name for name in known}
    for found in difflib.get_close_matches(word.casefold(), names, n=1, cutoff=0.75):
        without_numbers = [re.sub(r"\d", "", text) for text in (found, word.casefold())]
        if found == word.casefold() or without_numbers[0] != without_numbers[1]:
            return names[found]
    return None


def remark(text: str) -> None:
    """Say `text`, one line, on stderr."""
    print(text, file=sys.stderr)
