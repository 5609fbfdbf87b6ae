"""A rerun beside the committed reference, claim by claim: which values are reproduced, which lie
within the uncertainty, and which changed.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from regard.claims import reference
from regard.core import project, tables

KEYS = ["claim", "study", "data", "target", "setting", "statistic"]
COLUMNS = [
    "claim",
    "study",
    "target",
    "setting",
    "reference",
    "low",
    "high",
    "this run",
    "status",
    "verdict",
    "verdict now",
]
CLAIM = ["claim", "study", "target", "setting"]  # tells the rows of `compare` apart
SAME = 1e-5  # relative; tables have six digits


def status(there: float, low: float, high: float, here: float) -> str:
    """The status of a number: "reproduced" when it is the same to five digits, "within tolerance"
    when it lies in the reference's own interval (over patients: as far as another sample of
    patients might have moved it), else "different". Without numbers on both sides "no number"; with
    one on one side alone "different"; without an interval a number is the same, or different."""
    if np.isnan(there) and np.isnan(here):
        return "no number"
    if np.isnan(there) or np.isnan(here):
        return "different"
    if abs(here - there) <= SAME * max(abs(there), abs(here)):
        return "reproduced"
    return "within tolerance" if low <= here <= high else "different"


def compare(there: pd.DataFrame, here: pd.DataFrame) -> pd.DataFrame:
    """Rows of two claims.csv side by side, by KEYS, in the order of the first: columns COLUMNS. A
    claim that one of them lacks is "missing" or "new", with a blank verdict."""
    named = [
        table.assign(
            **{key: table[key].astype(object).fillna("").astype(str) for key in KEYS}
        ).set_index(KEYS)
        for table in (there, here)
    ]
    for table, where in zip(named, ("the reference", "this run")):
        if table.index.has_duplicates:
            raise ValueError(
                f"claims of {where} have a row twice: "
                f"{', '.join(table.index[table.index.duplicated()][0])}"
            )
    old, new = named
    rows = []
    for key in [*old.index, *new.index.difference(old.index, sort=False)]:
        row = dict(zip(KEYS, key))
        first, second = (table.loc[key] if key in table.index else None for table in (old, new))
        row |= {"status": "missing" if second is None else "new"}
        if first is not None:
            row |= {
                "reference": first["value"],
                "low": first["ci_low"],
                "high": first["ci_high"],
                "verdict": first["verdict"],
            }
        if second is not None:
            row |= {"this run": second["value"], "verdict now": second["verdict"]}
        if first is not None and second is not None:
            row["status"] = status(
                *(float(row[name]) for name in ("reference", "low", "high", "this run"))
            )
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def changed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `compare` in which the claim itself is another: a verdict that is not the same, a
    claim that is missing or new.
    """
    return table[table["verdict"].fillna("") != table["verdict now"].fillna("")]


def agrees(table: pd.DataFrame, claims: pd.DataFrame) -> bool:
    """Whether a table of `compare` was made with the reference `claims`: the claims that both know
    have the same number and verdict.
    """

    def told(row):
        return ("" if pd.isna(row["verdict"]) else row["verdict"], f"{row['number']:.5g}")

    here, there = (
        {
            tuple("" if pd.isna(row[name]) else row[name] for name in CLAIM): told(row)
            for row in rows.to_dict("records")
        }
        for rows in (
            table.rename(columns={"reference": "number"}),
            claims.rename(columns={"value": "number"}),
        )
    )
    both = here.keys() & there.keys()
    return bool(both) and all(here[key] == there[key] for key in both)


def kept(claims: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables that `keep` wrote, by name, each of a run with something changed; those that were
    compared with another reference than `claims` are left out."""
    folder = project.root() / reference.RERUNS
    found = {path.stem: tables.read(path) for path in sorted(folder.glob("*.csv"))}
    return {name: table for name, table in found.items() if agrees(table, claims)}


def stability(reruns: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How each claim of a reference fared in reruns (tables of `compare` with it): CLAIM, the
    reference's number, interval and verdict; `values`, the number in each rerun; `verdicts`, the
    verdict in each; `kept`, in how many it is the reference's.

    Raises ValueError without reruns.
    """
    if not reruns:
        raise ValueError(
            f"no table of this reference in {reference.RERUNS}/: `python -m regard verify --keep "
            "NAME` makes one"
        )
    every = pd.concat(reruns.values(), ignore_index=True)
    words = [*CLAIM, "verdict", "verdict now"]
    every[words] = every[words].astype(object).fillna("")
    rows = []
    for key, of_claim in every[every["verdict"] != ""].groupby(
        CLAIM, sort=False
    ):  # what the reference does not claim is new
        first, now = of_claim.iloc[0], of_claim["verdict now"]
        row = dict(zip(CLAIM, key)) | first[["reference", "low", "high", "verdict"]].to_dict()
        counted = {"kept": int((now == first["verdict"]).sum())}
        rows.append(
            row | {"values": of_claim["this run"].tolist(), "verdicts": now.tolist()} | counted
        )
    return pd.DataFrame(rows)


def with_reruns(found: pd.DataFrame, steady: pd.DataFrame) -> pd.DataFrame:
    """The rows of `compare` with a column `kept in reruns`, as "3 of 5": in how many of the reruns
    of `stability` the reference's verdict came again. Blank for a claim that they do not know."""
    known = {
        tuple(row[name] for name in CLAIM): f"{row['kept']} of {len(row['verdicts'])}"
        for row in steady.to_dict("records")
    }
    keys = [
        tuple("" if pd.isna(name) else name for name in key)
        for key in found[CLAIM].itertuples(index=False)
    ]
    return found.assign(**{"kept in reruns": [known.get(key, "") for key in keys]})


def unsteady(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `with_reruns` whose verdict was another in a rerun that was kept: no finding,
    whichever way it goes.
    """
    times = table["kept in reruns"].str.extract(r"(\d+) of (\d+)").dropna().astype(int)
    return table.loc[times.index[times[0] < times[1]]]


def verify() -> tuple[pd.DataFrame, str]:
    """results/claims.csv beside the reference of its profile: the rows of `compare`, with those of
    `with_reruns` where reruns were kept, and a text that says what else differs.

    Raises FileNotFoundError without results, or a reference of that profile.
    """
    here = tables.read(project.root() / "results" / "claims.csv")
    profile = here["profile"].iloc[0]
    folder = reference.folder(profile)
    if not (folder / "claims.csv").is_file():
        known = ", ".join(sorted(path.name for path in folder.parent.glob("[a-z]*"))) or "none"
        raise FileNotFoundError(
            f"no {folder}: there is no reference of the profile {profile!r}; there is {known}"
        )
    claims = tables.read(folder / "claims.csv")
    found = compare(claims, here)
    if reruns := kept(claims):
        found = with_reruns(found, stability(reruns))
    return found, _said(folder / reference.ENVIRONMENT)


def markdown(table: pd.DataFrame) -> str:
    """A table to be pasted in a report: numbers with four digits, undefined is blank."""

    def text(value):
        return "" if pd.isna(value) else f"{value:.4g}" if isinstance(value, float) else str(value)

    rows = [
        [*table.columns],
        ["---"] * table.shape[1],
        *([text(value) for value in row] for row in table.itertuples(index=False)),
    ]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )


def keep(table: pd.DataFrame, name: str) -> Path:
    """Write a table of `compare` to reference.RERUNS, for the paper to say how far a rerun with
    `name` changed moves the claims. Raises ValueError for a name that is no file's, and for a table
    that was made with another reference than that of the profile `quick`, which the paper's reruns
    are of."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValueError(
            f"--keep {name!r} must be small letters, digits and '-', as in two-threads"
        )
    if not agrees(table, tables.read(reference.folder("quick") / "claims.csv")):
        raise ValueError(
            "--keep is for reruns of the profile quick, compared with paper/reference/quick as it "
            "is now"
        )
    from regard.core import atomic  # which no figure hangs on

    path = project.root() / reference.RERUNS / f"{name}.csv"
    with atomic.file(path) as aside:
        tables.write(table[COLUMNS], aside)
    return path


def _said(path: Path) -> str:
    from regard.core import environment  # which no figure hangs on

    if not path.is_file():
        return f"what the reference was computed with is not known (no {path.name})"
    differing = environment.differences(json.loads(path.read_text()), environment.current())
    if not differing:
        return (
            "processor, instructions, precision, device, threads and versions are those of the "
            "reference"
        )
    return "\n- ".join(
        ["This run was computed in other surroundings than the reference:", *differing]
    )
