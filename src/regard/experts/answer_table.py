"""Answers of several raters in a plain table: a row for each object and rater, sorted, so that two
versions can be compared line by line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from regard.core import atomic
from regard.data.inputs import tables
from regard.data.inputs.names import composed
from regard.data.inputs.words import joined, quoted

# seconds for other writers; one takes milliseconds, and on a busy machine many may come first
WAIT = 120


@dataclass(frozen=True)
class Form:
    """What is asked.

    key: the columns that name what is asked about, then the rater; questions: name -> what is asked
    and the answers there are, none for free text; notebook: where its tables are made; kinds: of
    key columns that are no text, how they are read from it and written to it.
    """

    key: tuple[str, ...]
    questions: Mapping[str, tuple[str, tuple[str, ...]]]
    notebook: str
    kinds: Mapping[str, tuple[Callable[[str], object], Callable[[object], str]]] = field(
        default_factory=dict
    )

    @property
    def columns(self) -> list[str]:
        return [*self.key, *self.questions]


def read(path: Path, form: Form) -> pd.DataFrame:
    """The answers in `path`, all of them text but what the form reads as another kind; a blank
    answer is "".

    Raises FileNotFoundError, and ValueError that names the file and the row for columns, keys and
    answers that cannot be, and for the same rater twice; also for a column that the form does not
    have, which the next answer would lose.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: it is made with the first answer in {form.notebook}")
    table = tables.read(path, rows=False, unnamed=False)
    tables.lacking(path, table, form.columns)
    if other := [name for name in table if name not in form.columns]:
        raise ValueError(
            f"{path} has a column {quoted(other[0])} that is no question; it may have "
            f"{joined(form.columns)}"
        )
    for name, (given, _) in form.kinds.items():
        found = []
        for row, text in table[name].items():
            try:
                found.append(given(text))
            except ValueError as error:
                raise ValueError(f"{path}, row {row}: {error}") from None
        table[name] = found
    for row, answer in table.iterrows():
        if not answer["rater"]:
            raise ValueError(f"{path}, row {row}: the rater is blank; answers belong to a rater")
        _check(answer, form, f"{path}, row {row}: ")
    table = table.reset_index(drop=True)
    if (twice := table.duplicated([*form.key])).any():
        row = _written(table[twice].iloc[0].to_dict(), form)
        about = " ".join(
            row[name] for name in form.key if name not in ("study", "network", "rater")
        )
        raise ValueError(f"{path}: rater {row['rater']!r} answers twice about {about}")
    return table[form.columns]


def of_network(path: Path | None, study: str, network: str, form: Form) -> pd.DataFrame:
    """The answers about one network in `path`; none without a path. Raises as `read`, and
    ValueError for a file of made-up answers (called "synthetic"), which are nobody's."""
    if path is None:
        return pd.DataFrame(columns=form.columns)
    if "synthetic" in Path(path).name:
        raise ValueError(
            f"{path}: answers made up to show the explorer are not results; give experts' own"
        )
    table = read(path, form)
    return table[(table["study"] == study) & (table["network"] == network)]


def record(path: Path, answer: Mapping, form: Form) -> None:
    """Put one rater's answers in the table, in the place of earlier ones about the same; without
    any answer the row goes. Written aside and renamed.

    Raises ValueError without a rater's name and for an answer that there is not, and what `read`
    does.
    """
    answer = {
        name: plain(value) if isinstance(value, str) else value for name, value in answer.items()
    }
    if not answer["rater"]:
        raise ValueError("say who you are first: answers belong to a rater")
    _check(answer, form)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(
        lock(path), timeout=WAIT, poll_interval=0.01, mode=0o666
    ):  # whoever may answer may take it
        table = read(path, form) if path.is_file() else pd.DataFrame(columns=form.columns)
        same = (
            np.logical_and.reduce([table[name] == answer[name] for name in form.key])
            if len(table)
            else np.zeros(0, bool)
        )
        row = {name: answer.get(name, "") for name in form.columns}
        given = [row] if any(row[question] for question in form.questions) else []
        table = pd.concat([table[~same], pd.DataFrame(given, columns=form.columns)]).sort_values(
            [*form.key]
        )
        table = pd.DataFrame(
            [_written(row, form) for row in table.to_dict("records")], columns=form.columns
        )
        with atomic.file(path) as aside:
            table.to_csv(aside, index=False, lineterminator="\n")


def lock(path: Path) -> Path:
    """The file that one writer of the table `path` holds at a time. It is hidden beside the table:
    writers share the table's folder, and not always one for temporary files. The system frees it
    when a writer dies."""
    path = path.resolve()
    return path.with_name(f".{path.name}.lock")


def plain(text: str) -> str:
    """Text as it comes back from a table: without blanks and marks without width around it, in
    Unicode's form NFC, lines ended by a line feed alone (a bare return ends a row)."""
    return composed("\n".join(text.replace("\0", "").splitlines()).strip(tables.BLANK))


def _written(row: Mapping, form: Form) -> dict:
    return dict(row) | {name: write(row[name]) for name, (_, write) in form.kinds.items()}


def _check(answer: Mapping, form: Form, where: str = "") -> None:
    for question, (_, answers) in form.questions.items():
        if answers and answer.get(question, "") not in ("", *answers):
            raise ValueError(
                f"{where}{question!r} is {quoted(answer[question])}; answers are "
                f"{', '.join(answers)}"
            )
