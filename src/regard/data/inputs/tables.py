"""Tables that people write, CSV or Excel: every cell as stripped text, and nothing shifted, lost or
renamed.
"""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from regard.data.inputs.names import composed
from regard.data.inputs.words import joined, quoted, remark

# White space and the marks without width that copying from web pages and other programs leaves.
BLANK = " \t\r\n\f\v\u00a0\u2007\u202f\ufeff\u200b\u200e\u200f"


def read(path: Path, rows: bool = True, unnamed: bool = True) -> pd.DataFrame:
    """The table in `path`, all cells text; its index `row` counts the rows as a spreadsheet does,
    the header being 1.

    Cells are stripped and in Unicode's form NFC. Blank rows are left out; so are columns without a
    name, with a remark where they hold anything. A CSV is UTF-8 and separated by commas, or by
    semicolons or tabs where its header is (Excel in much of Europe). Raises FileNotFoundError for a
    missing file; ValueError for an unreadable one, a row that has more or fewer cells than the
    header, a column name that stands twice, with `rows` a table without rows, and without `unnamed`
    a column without a name that holds something.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path}" if not path.is_symlink() else f"{path} is a link to nothing"
        )
    try:
        cells = _excel(path) if path.suffix.lower() == ".xlsx" else _csv(path)
    except Exception as error:  # csv, pandas and openpyxl raise whatever they meet
        raise ValueError(
            f"{path} is not a readable table: {' '.join(str(error).split())}"
        ) from None
    cells = [[composed(cell.strip(BLANK)) for cell in row] for row in cells]
    if not cells or not any(cells[0]):
        raise ValueError(f"{path} is not a readable table: its first row, the header, is blank")
    header, *body = cells
    filled = {number: row for number, row in enumerate(body, start=2) if any(row)}
    _check_widths(path, len(header), filled)
    if twice := [name for at, name in enumerate(header) if name and name in header[:at]]:
        raise ValueError(
            f"{path} has two columns {quoted(twice[0])}; every column needs a name of its own"
        )
    if rows and not filled:
        raise ValueError(f"{path} has a header but no rows")
    index = pd.Index(filled, name="row", dtype=int)
    found = pd.DataFrame(list(filled.values()), index, range(len(header)), dtype=str)
    for at in (at for at, name in enumerate(header) if not name and (found[at] != "").any()):
        if not unnamed:
            raise ValueError(f"{path}: column {at + 1} has no name; give it one, or take it out")
        remark(f"{path}: column {at + 1} has no name and is left out")
    found = found[[at for at, name in enumerate(header) if name]]
    return found.set_axis([name for name in header if name], axis=1)


def lacking(path: Path, found: pd.DataFrame, columns: list[str]) -> None:
    """Raise ValueError, with the columns that are there, where the table `found` of `path` lacks
    one of `columns`.
    """
    for column in columns:
        if column not in found:
            raise ValueError(f"{path} has no column {column!r}; it has {joined(found.columns)}")


def _check_widths(path: Path, width: int, rows: dict[int, list[str]]) -> None:
    """Raise ValueError for rows of another number of cells than the header: their cells would be
    shifted or lost.
    """
    other = {number: len(row) for number, row in rows.items() if len(row) != width}
    if not other:
        return
    number, count = next(iter(other.items()))
    if len(other) == len(rows) and len(set(other.values())) == 1:
        raise ValueError(
            f"{path}: rows have {count} cells, the header {width}; is there a comma too many or "
            "too few?"
        )
    raise ValueError(f"{path} row {number}: the row has {count} cells, the header {width}")


def _excel(path: Path) -> list[list[str]]:
    found = pd.read_excel(path, header=None, dtype=str, keep_default_na=False, na_filter=False)
    return found.fillna("").astype(str).values.tolist()


def _csv(path: Path) -> list[list[str]]:
    """All cells, from the header on; a first line `sep=;`, which names the separator, is no row in
    Excel either.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8; save it as CSV in UTF-8") from None
    if "\0" in text:
        raise ValueError("it holds NUL characters, which no text has")
    lines = io.StringIO(text, newline="").readlines()
    start = lines[0].rstrip("\r\n") if lines else ""
    separator = max(
        ",;" if "," in start else ",;\t", key=start.count
    )  # the comma where none is more frequent
    if start.lower().startswith("sep=") and len(start) == 5:
        lines, separator = lines[1:], start[4]
    rows: list[list[str]] = []
    try:
        with _long_cells():
            rows.extend(_rows(lines, separator))
    except csv.Error:
        raise ValueError(
            f"row {len(rows) + 1} has a quotation mark that is not closed or stands within a cell; "
            "write the whole cell in quotation marks, and those within it twice"
        ) from None
    return rows


def _rows(lines: list[str], separator: str) -> Iterator[list[str]]:
    """The cells of each row. Raises csv.Error also for what csv lets pass: quotation marks within a
    cell without them.
    """
    mark = re.escape(separator)
    whole = re.compile(rf'(?:\A|{mark}) *"[^"]*(?:""[^"]*)*"(?=[{mark}\r\n]|\Z)')
    reader, start = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True), 0
    for row in reader:
        raw = "".join(lines[start : reader.line_num])
        if '"' in raw and '"' in whole.sub("", raw):
            raise csv.Error
        start = reader.line_num
        yield row


@contextmanager
def _long_cells() -> Iterator[None]:
    """Cells may be longer than csv's limit: an outline of a thousand points is one cell."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)
