"""The table of a set of cases: what cases.csv must hold, and which files in `regions/` are masks of
which case.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from regard.data.inputs import names, tables
from regard.data.inputs.words import joined, quoted, remark

COLUMNS = ("case", "patient", "image")
SPLITS = {"train": 0.45, "tune": 0.15, "test": 0.40}
# Columns of cases.csv with a meaning of their own, so no finding's.
RESERVED = (
    *COLUMNS,
    "label",
    "split",
    "data",
    "height",
    "width",
    "pixel_mm",
    "reference",
    "site",
    "report",
    "reader",
)
# Columns that would be passed over without a word under a name that differs in capitals or
# underscores, and such names.
EXACT = (*COLUMNS, "label", "split", "pixel_mm", "reference", "site", "report", "reader")
LIKE = {name.replace("_", ""): name for name in EXACT}
LIKE |= {"pixelsize": "pixel_mm", "pixelspacing": "pixel_mm"}
# and no longer than a file system takes
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
ELSEWHERE = (
    "mask",
    "masks",
    "region",
    "segmentation",
    "segmentations",
    "annotations",
)  # folders that are not read
NOTES = (".txt", ".md")  # that may lie in `regions/`
# What is meant for `artefact`, which alone has a meaning of its own.
MARKS = re.compile(r"art[ei]facts?", re.IGNORECASE)


def read(folder: Path) -> tuple[pd.DataFrame, list[Path]]:
    """The checked table of `folder`/cases.csv, a row per case from row 2 on, and the image file of
    each row.

    Raises FileNotFoundError for a missing table or image, ValueError for anything else that is
    wrong with a cell; the message names the row.
    """
    path = folder / "cases.csv"
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path}: a set of cases is a folder with cases.csv, images/ and regions/"
        )
    table = tables.read(path)
    tables.lacking(path, table, list(COLUMNS))
    check_capitals(table.columns, path)
    if gaps := sorted(set(range(2, len(table) + 2)) - set(table.index)):
        raise ValueError(f"{path} row {gaps[0]} is blank; remove it, so that rows can be counted")
    table = table.reset_index(drop=True)
    shown = _check_rows(table, folder)
    _check_optional(table, path)
    _remark_on_capitals(table["patient"], path)
    return table, shown


def check_capitals(columns: Sequence[str], path: Path) -> None:
    """Raise ValueError for a column such as "Split": it would be taken for another one than
    "split".
    """
    for column in columns:
        wanted = LIKE.get(re.sub(r"[\W_]", "", column.lower()))
        if wanted and column not in EXACT:
            raise ValueError(
                f"{path} has a column {quoted(column)}; write {wanted!r}, or, if it is another "
                "one, give it "
                "a name that differs by more than capitals and marks"
            )


def _check_rows(table: pd.DataFrame, folder: Path) -> list[Path]:
    path = folder / "cases.csv"
    seen: dict[str, int] = {}
    shown: dict[str, tuple[int, Path]] = {}
    root = os.path.realpath(folder)
    for row, (case, patient, image) in enumerate(
        zip(table["case"], table["patient"], table["image"]), start=2
    ):
        where = f"{path} row {row}"
        if not SAFE_NAME.fullmatch(case):
            raise ValueError(
                f"{where}: case {quoted(case)} must be made of 1 to 200 letters, digits, '_', '.' "
                "and '-'"
            )
        if case in seen:
            raise ValueError(f"{where}: case {quoted(case)} stands in row {seen[case]} already")
        seen[case] = row
        if not patient:
            raise ValueError(f"{where}: case {quoted(case)} has no patient")
        try:
            file = names.find(folder, image)
        except ValueError as error:
            raise ValueError(f"{where}: image {error}") from None
        place = os.path.realpath(file)
        if not Path(place).is_relative_to(root):
            raise ValueError(f"{where}: image {quoted(image)} lies outside {folder}")
        if not os.path.isfile(file):
            raise FileNotFoundError(
                f"{where}: no image {file if len(image) <= 100 else quoted(image)}"
            )
        if place in shown:
            raise ValueError(
                f"{where}: image {quoted(image)} stands in row {shown[place][0]} already"
            )
        shown[place] = (row, file)
    return [file for _, file in shown.values()]


def _remark_on_capitals(patients: pd.Series, path: Path) -> None:
    known: dict[str, str] = {}
    for patient in dict.fromkeys(patients):
        other = known.setdefault(patient.casefold(), patient)
        if other != patient:
            remark(
                f"{path}: patients {quoted(other)} and {quoted(patient)} differ in the case of "
                "letters alone; they "
                "count as two"
            )
            return


def check_split(table: pd.DataFrame, by: str, path: str = "cases.csv") -> None:
    """Raise ValueError for a split that is none, and for one that tears a group of rows (a patient)
    apart.
    """
    for row, split in enumerate(table["split"], start=2):
        if split not in SPLITS:
            raise ValueError(
                f"{path} row {row}: split {quoted(split)} is not one of {', '.join(SPLITS)}"
            )
    for group, splits in table.groupby(by)["split"]:
        if splits.nunique() > 1:
            row = splits.index[splits != splits.iloc[0]][0] + 2
            raise ValueError(
                f"{path} row {row}: {by} {quoted(group)} is in two splits, {splits.iloc[0]} and "
                f"{splits[row - 2]}; all rows of a {by} belong in one"
            )


def _check_optional(table: pd.DataFrame, path: Path) -> None:
    """Raise ValueError for a pixel size that is none, or a given split that is none or tears a
    patient apart.
    """
    for row, value in enumerate(table.get("pixel_mm", []), start=2):
        try:
            valid = not value or 0 < float(value) < float("inf")
        except ValueError:
            valid = False
        if not valid:
            raise ValueError(
                f"{path} row {row}: pixel_mm {quoted(value)} is not a positive number of "
                "millimetres"
            )
    if "split" in table:
        check_split(table, "patient", str(path))


def check_findings(table: pd.DataFrame, path: Path, findings: Sequence[str]) -> None:
    """Raise ValueError for a finding without a column, a value that is not 1, 0 or blank, and one
    that never varies.
    """
    tables.lacking(path, table, list(findings))
    for finding in findings:
        for row, value in enumerate(table[finding], start=2):
            if value not in ("1", "0", ""):
                raise ValueError(
                    f"{path} row {row}: {finding} is {quoted(value)}; it must be 1, 0, or blank "
                    "for unknown"
                )
        for value, meaning in {"1": "with", "0": "without"}.items():
            if value not in set(table[finding]):
                raise ValueError(
                    f"{path} has no case {meaning} {finding!r}: nothing could be learned about it"
                )


def structures(folder: Path, cases: Sequence[str]) -> dict[str, Path]:
    """The folders in `folder`/regions by the name of their structure, each looked through: a mask
    is <case>.png.

    Masks of no case are counted on stderr. Raises ValueError or FileNotFoundError for what would be
    passed over and so read as "not annotated": a `regions` in capitals, a structure that is no
    folder, a mask with another suffix, a link to nothing, two structures that differ in capitals
    alone, blanks around a name, another spelling of `artefact`.
    """
    for entry in names.entries(folder):
        if entry.name.lower() in ELSEWHERE and entry.is_dir():
            remark(f"{entry} is not read: masks lie in {folder / 'regions'}/<structure>/<case>.png")
    regions = names.optional(folder, "regions", "the masks by structure", directory=True)
    found: dict[str, Path] = {}
    for entry in names.entries(regions) if regions else []:
        if entry.is_dir():
            structure = names.composed(entry.name)
            if structure in found:
                raise ValueError(
                    f"{regions} has two folders {structure!r}, which differ in the encoding of "
                    "accents"
                )
            for other in found:
                if other.casefold() == structure.casefold():
                    raise ValueError(
                        f"{regions} has folders {other!r} and {structure!r}, which differ in "
                        "capitals alone"
                    )
            if structure != structure.strip(tables.BLANK):
                raise ValueError(
                    f"{regions} has a folder {structure!r} with blanks around its name; rename it"
                )
            if MARKS.fullmatch(structure) and structure != "artefact":
                raise ValueError(
                    f"{entry} must be called artefact to be read as what lies on the images; "
                    "rename it"
                )
            found[structure] = entry
            _check_masks(entry, set(cases))
        elif not os.path.exists(entry):
            raise FileNotFoundError(f"{entry} is a link to nothing")
        elif entry.suffix.lower() not in NOTES:
            raise ValueError(f"{entry} is no folder; masks lie in {regions}/<structure>/<case>.png")
    return found


def _check_masks(folder: Path, cases: set[str]) -> None:
    entries = names.entries(folder)
    whole = {entry.stem for entry in entries if entry.suffix == ".png"}
    capitals = {case.casefold(): case for case in cases}
    strays = []
    for entry in entries:
        if not os.path.exists(entry):
            raise FileNotFoundError(f"{entry} is a link to nothing")
        if entry.is_dir():
            raise ValueError(f"{entry} is a folder; masks lie in {folder} themselves")
        if entry.suffix == ".png" and entry.stem in cases:
            continue
        case = capitals.get(entry.stem.casefold())
        if case is not None and case not in whole:
            raise ValueError(
                f"{entry} is not read; the mask of case {case!r} must be called {case}.png"
            )
        strays.append(entry.name)
    if strays:
        shown = joined(strays, 3)
        remark(f"{len(strays)} files in {folder} are masks of no case and are not read: {shown}")
