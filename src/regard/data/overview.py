"""What a folder of cases holds, and what a study of it could support: `regard check`."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from regard.core import project
from regard.core.statistics import FEWEST, TESTED_FROM
from regard.data import cases
from regard.data.inputs.words import closest, quoted, short
from regard.data.reference_regions import MARKS
from regard.figures import cases as case_figures
from regard.models import explained

LARGE = 216  # training images of the largest study of phantoms, which takes minutes in quick


def check(folder: Path | str, sheet: Path | str | None = None) -> None:
    """Print what a set holds and what a study of it could support, and draw its regions on a sheet.

    Parameters
    ----------
    folder : Path or str
    sheet : Path or str, optional
        The PNG to write; by default build/contact-sheets/<name of the folder>.png.

    Raises
    ------
    ValueError
        As `regard.data.cases.read`, and for a sheet that is no PNG.
    FileNotFoundError
        As `regard.data.cases.read`.
    """
    if sheet and not str(sheet).lower().endswith(".png"):
        raise ValueError(f"--sheet {str(sheet)!r} must end in .png")
    found = cases.read(folder)
    drawn = presence(found)
    print(f"{folder}:", *(f"  {line}" for line in counted(found, drawn)), sep="\n")
    print(
        "A study of all of it:",
        *(
            f"  {line}"
            for line in [
                *doubtful(found.table, labels_of_studies(Path(folder))),
                *support(found, drawn, _quick()),
            ]
        ),
        sep="\n",
    )
    path = Path(sheet or Path("build", "contact-sheets", f"{Path(folder).resolve().name}.png"))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    figure = case_figures.contact_sheet(
        found.table, found.images, found.regions, cases.findings_of(found.table)
    )
    figure.savefig(partial, dpi=110, format="png", metadata={"Software": None})
    os.replace(partial, path)
    print(f"regions drawn on {path}: look whether they lie where they belong")


def presence(found: cases.Cases) -> dict[str, list[bool | None]]:
    """For each structure and case whether it is somewhere on the image, None where it is not
    annotated.
    """
    return {
        name: [None if mask is None else bool(mask.any()) for mask in masks]
        for name, masks in found.regions.items()
    }


def counted(
    found: cases.Cases, drawn: Mapping[str, Sequence[bool | None]] | None = None
) -> list[str]:
    """What a set holds, in lines: cases, patients, splits, labels or findings, and structures.

    Parameters
    ----------
    found : Cases
    drawn : mapping, optional
        As from `presence`.

    Returns
    -------
    list of str
    """
    table, drawn = found.table, presence(found) if drawn is None else drawn
    lines = [f"{len(found)} cases of {table['patient'].nunique()} patients"]
    for column in ("split", "site"):
        if column in table:
            lines.append(
                f"{column}: "
                + ", ".join(f"{count} {short(name)}" for name, count in _tally(table, column))
            )
    if "label" in table:
        per = table.groupby("label")["patient"].nunique()
        lines += [
            f"label {short(label)}: {count} cases of {per[label]} patients"
            for label, count in _tally(table, "label")
        ]
    for column in cases.findings_of(table):
        counts = table[column].value_counts()
        lines.append(
            f"finding {short(column)}: present in {counts.get('1', 0)}, "
            f"absent in {counts.get('0', 0)}, unknown in {counts.get('', 0)}"
        )
    for structure, there in drawn.items():
        patients = table["patient"][[here is True for here in there]].nunique()
        lines.append(
            f"region {short(structure)}: "
            f"drawn in {there.count(True)} cases of {patients} patients, "
            f"absent in {there.count(False)}, "
            f"not annotated in {there.count(None)}"
        )
    return lines


def labels_of_studies(folder: Path) -> list[str]:
    """The labels, excluded ones included, that the studies of params.yaml on `folder` have; none
    outside of the project."""
    try:
        root, params = project.root(), project.parameters()
    except FileNotFoundError:
        return []
    labels: list[str] = []
    for name in params["studies"]:
        settings = project.study(name, params)
        if (root / settings.get("root", "")).resolve() == folder.resolve():
            own = settings["prepare"]
            labels += [*own.get("labels", []), *own.get("excluded_labels", [])]
    return list(dict.fromkeys(labels))


def misspelt(table: pd.DataFrame, known: Sequence[str]) -> list[str]:
    """A line for each label of a set that is probably a misspelling of another one.

    Parameters
    ----------
    table : DataFrame
        Has a column label.
    known : sequence of str
        The labels of the set's study. Without, those that at least ten times as many cases have.

    Returns
    -------
    list of str
    """
    counts, lines = table["label"].value_counts(), []
    for label in sorted(set(table["label"]) - {"", *known}):
        usual = known or [other for other in counts.index if counts[other] >= 10 * counts[label]]
        if (meant := closest(label, usual)) is not None:
            row = table.index[table["label"] == label][0] + 2
            why = "is not a label of the study" if known else "is rare"
            lines.append(
                f"NOTE: column label: row {row} is {quoted(label)}, which {why}; "
                f"did you mean {quoted(meant)}?"
            )
    return lines


def doubtful(table: pd.DataFrame, known: Sequence[str] = ()) -> list[str]:
    """The cells of a table that a study would refuse or count apart, a line for each kind.

    Parameters
    ----------
    table : DataFrame
    known : sequence of str
        The labels of the set's study, as of `misspelt`.

    Returns
    -------
    list of str
        Columns that are nearly findings, blank labels, labels that differ in capitals alone, and
        labels that are probably misspelt.
    """
    lines = [
        f"NOTE: column {short(column)} is no finding: "
        f"row {row + 2} is {quoted(table[column][row])}; "
        "a finding is 1, 0, or blank for unknown"
        for column, row in cases.nearly_findings(table).items()
    ]
    labels = table.get("label", pd.Series(dtype=str))
    if (blank := labels.index[labels == ""]).size:
        lines.append(
            f"NOTE: column label: row {blank[0] + 2} is blank, and counts as a label of its own"
        )
    spellings: dict[str, str] = {}
    for row, label in labels.items():
        if (other := spellings.setdefault(label.casefold(), label)) != label:
            lines.append(
                f"NOTE: column label: row {row + 2} is {quoted(label)}, "
                f"which differs from {quoted(other)} in capitals alone; they count as two"
            )
            break
    return lines + (misspelt(table, known) if "label" in table else [])


def support(
    found: cases.Cases,
    drawn: Mapping[str, Sequence[bool | None]],
    quick: Mapping | None = None,
    seed: int = 1,
) -> list[str]:
    """What a study of all labels or findings of a set could support: splits, scores, warnings.

    Parameters
    ----------
    found : Cases
    drawn : mapping
        As from `presence`.
    quick : mapping, optional
        The block `train` of the profile quick.
    seed : int

    Returns
    -------
    list of str
        Lines.
    """
    table, findings = found.table, cases.findings_of(found.table)
    if "label" not in table and not findings:
        return [
            "WARNING: cases.csv has neither a column `label` nor one of "
            "1, 0 or blank for a finding: nothing could be learned"
        ]
    split = found.split(seed, strata=findings or ["label"])
    lines = [*_splits(table, split), *_scored(table, split == "test", drawn, findings)]
    if quick and (split == "test").any():
        lines.append(_explained(table, split == "test", drawn, findings, quick))
    return lines + _warnings(table, split, findings)


def _splits(table: pd.DataFrame, split: pd.Series) -> list[str]:
    """A line for each split: cases, patients, and the cases and patients of each label, or of each
    finding that is present.
    """
    lines = []
    for name in cases.SPLITS:
        rows = table[split == name]
        parts = [
            f"{short(who)} {len(own)} ({_many(own['patient'].nunique())})"
            for who, own in _groups(table, rows)
        ]
        counts = f"{_many(len(rows), 'case')} of {_many(rows['patient'].nunique())}"
        lines.append(
            f"{name}: {counts}{': ' if len(rows) else ''}{', '.join(parts if len(rows) else [])}"
        )
    return lines


def _groups(table: pd.DataFrame, rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Of some rows of a table those of each label, or those that have each finding."""
    if "label" in table:
        return [(label, rows[rows["label"] == label]) for label in sorted(set(table["label"]))]
    return [(name, rows[rows[name] == "1"]) for name in cases.findings_of(table)]


def _structures(drawn: Mapping, findings: Sequence[str]) -> list[str]:
    """The structures that could be an expert's region: no marks, no single reader's, and of
    findings their own.
    """
    names = [name for name in drawn if name not in MARKS and not re.search(r"-\d+$", name)]
    return [name for name in names if not findings or name in findings]


def _scored(
    table: pd.DataFrame, test: pd.Series, drawn: Mapping, findings: Sequence[str]
) -> list[str]:
    """How many test cases have each region, and what that allows."""
    structures = _structures(drawn, findings)
    if not structures:
        return [
            "WARNING: no region is drawn"
            + (" for any finding" if findings else "")
            + ": no map could be scored"
        ]
    lines = []
    for name in structures:
        asked = table[test & (table[name] == "1")] if findings else table[test]
        has = asked[np.array([here is True for here in drawn[name]])[asked.index]]
        patients = has["patient"].nunique()
        allowed = [
            f"{what} {'' if patients >= needed else 'NOT '}possible ({needed} patients are needed)"
            for what, needed in (("intervals", FEWEST), ("a verdict", TESTED_FROM))
        ]
        of = (
            f"the {len(asked)} test cases with {short(name)}"
            if findings
            else f"the {len(asked)} test cases"
        )
        lines.append(
            f"region {short(name)}: {len(has)} of {of}, of {_many(patients)}, "
            f"could be scored: {', '.join(allowed)}"
        )
        if 2 * len(has) < len(asked):
            lines.append(f"WARNING: most test cases have no region {short(name)}")
    return lines


def _explained(
    table: pd.DataFrame, test: pd.Series, drawn: Mapping, findings: Sequence[str], quick: Mapping
) -> str:
    """How many of the test cases the profile quick would explain."""
    rows = pd.concat([own.assign(target=name) for name, own in _groups(table, table[test])])
    there = pd.DataFrame(
        [
            {"case": case, "target": name if findings else "", "outlined": here}
            for name in _structures(drawn, findings)
            for case, here in zip(table["case"], drawn[name])
            if here is not None
        ],
        columns=["case", "target", "outlined"],
    )
    knobs = (quick["explained"], quick["seed"], quick["explained_cases"])
    chosen = explained.sampled(
        rows, *knobs, explained.can_be_scored(rows, there), quick["explained_few"]
    )
    scored, maps = explained.can_be_scored(chosen, there).sum(), len(chosen)
    cases_of, of = chosen["case"].nunique(), rows["case"].nunique()
    asked = (
        f"{maps} maps" if findings else f"{maps} to {2 * maps} maps"
    )  # of the class given and of the true one
    return (
        f"quick would explain {cases_of} of {of} test cases, "
        f"{scored} {'maps' if findings else 'of them'} "
        f"with a region to be scored on: {asked} of each method"
    )


def _warnings(table: pd.DataFrame, split: pd.Series, findings: Sequence[str]) -> list[str]:
    """What stands in the way of a study of all labels or findings, a line each."""
    lines, wanted = [], cases.wanted_splits(table)
    if table["patient"].nunique() == 1:
        lines.append(
            "WARNING: all cases are of one patient; a set is split by patient, "
            "so nothing could be tested"
        )
    counts = {
        f"{short(who)} in {name}": own["patient"].nunique()
        for name in wanted
        for who, own in _groups(table, table[split == name])
    }
    if few := [f"{where} {count}" for where, count in counts.items() if 0 < count < FEWEST]:
        lines.append(
            f"WARNING: fewer than {FEWEST} patients, too few for an interval: {', '.join(few)}"
        )
    if (images := int((split == "train").sum())) > 4 * LARGE:
        lines.append(
            f"WARNING: {images} images to train on are {images / LARGE:.0f} times "
            f"those of the largest study of phantoms; "
            f"training takes as many times longer"
        )
    try:
        if "label" in table:
            cases.check_classes(split, table["label"], sorted(set(table["label"])), wanted)
        else:
            cases.check_findings(split, table, findings, wanted)
    except ValueError as error:
        lines.append(
            f"NOTE: as it is, this set makes no study of all its labels or findings: {error}"
        )
    return lines


def _quick() -> dict | None:
    """What the profile quick says of the stage train, for a study that says nothing itself; None
    outside of the project.
    """
    try:
        params = project.parameters()
    except FileNotFoundError:
        return None
    quick = (params["profiles"].get("quick") or {}).get("train") or {}
    return {"seed": params["seed"]} | params["train"] | quick


def _many(count: int, what: str = "patient") -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _tally(table: pd.DataFrame, column: str) -> list[tuple[str, int]]:
    return sorted(table[column].value_counts().items())
