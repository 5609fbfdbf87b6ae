"""A set of cases in memory: its table, images and regions, its splits and findings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regard.data.inputs import case_table
from regard.data.inputs.case_table import RESERVED, SPLITS
from regard.data.inputs.rasters import nearly_constant
from regard.data.inputs.words import quoted

# How tables say that a finding is there or not, and that it is not known; a study takes 1, 0 and
# blank alone.
TRUTH = {"1", "0", "1.0", "0.0", "yes", "no", "true", "false", "y", "n"}
UNKNOWN = {"", "-1", "-1.0", "nan", "na", "n/a", "none", "null", "unknown", "?"}


class Lazy(Sequence):
    """`[load(item) for item in items]`, each loaded when it is asked for."""

    def __init__(self, load: Callable[[Any], Any], items: Iterable[Any]):
        self.load, self.items = load, list(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.load(self.items[index])


@dataclass(frozen=True)
class Cases:
    """A set of cases.

    Attributes
    ----------
    table : DataFrame
        A row per case (case, patient, image, label or findings, ...); columns are strings, blank is
        unknown.
    images : sequence of ndarray
        Per row uint8 (H, W) or (H, W, 3).
    regions : mapping
        Structure -> per row bool (H, W), or None where the case is not annotated.
    listed : int, optional
        Of a set from `read`: rows of its cases.csv, those left out included.
    """

    table: pd.DataFrame
    images: Sequence[np.ndarray]
    regions: Mapping[str, Sequence[np.ndarray | None]]
    listed: int | None = None

    def __len__(self) -> int:
        return len(self.table)

    def keep(self, rows: np.ndarray) -> "Cases":
        """The cases at the positions in `rows`, in that order."""

        def pick(sequence: Sequence) -> Lazy:
            return Lazy(sequence.__getitem__, [int(row) for row in rows])

        return Cases(
            self.table.iloc[rows].reset_index(drop=True),
            pick(self.images),
            {name: pick(masks) for name, masks in self.regions.items()},
        )

    def split(
        self, seed: int, by: str = "patient", strata: Sequence[str] = ("label",)
    ) -> pd.Series:
        """The split of each case: "train", "tune" or "test", in the shares of SPLITS.

        Patients are shuffled within each stratum, then assigned one by one to the split that is
        furthest below its share, so that every split has its share of each stratum. A column
        `split` of the table is used as it is. One that has only train and test, as sets are often
        published, keeps its test patients; the others are divided into train and tune in the ratio
        of their shares.

        Parameters
        ----------
        seed : int
        by : str
            Column whose groups stay together.
        strata : sequence of str
            Columns whose values define the strata.

        Returns
        -------
        Series

        Raises
        ------
        ValueError
            For an unknown name in the column `split`, and for a patient in two splits.
        """
        if "split" not in self.table:
            return _deal(self.table, SPLITS, seed, by, strata)
        case_table.check_split(self.table, by)
        split = self.table["split"].copy()
        if set(split) == {"train", "test"}:
            taught = {
                name: SPLITS[name] / (SPLITS["train"] + SPLITS["tune"])
                for name in ("train", "tune")
            }
            split[split == "train"] = _deal(self.table[split == "train"], taught, seed, by, strata)
        return split


def _deal(
    table: pd.DataFrame, splits: Mapping[str, float], seed: int, by: str, strata: Sequence[str]
) -> pd.Series:
    columns = [name for name in strata if name in table]
    values = table[columns].agg("|".join, axis=1) if columns else pd.Series("", index=table.index)
    groups = values.groupby(table[by]).agg(lambda found: "+".join(sorted(set(found)))).sort_index()
    generator = np.random.default_rng(seed)
    shares, chosen = np.array(list(splits.values())), {}
    assigned = np.zeros(len(splits))
    for stratum in sorted(set(groups)):
        for group in generator.permutation(groups.index[groups == stratum].to_numpy(dtype=object)):
            behind = int(np.argmax(shares * (assigned.sum() + 1) - assigned))
            assigned[behind] += 1
            chosen[group] = list(splits)[behind]
    return table[by].map(chosen).rename("split")


def wanted_splits(table: pd.DataFrame) -> list[str]:
    """The splits a study of this set needs: all of SPLITS, without train where the set's own split
    column has none, so that only a network trained elsewhere can be explained on it."""
    own = "split" in table and "train" not in set(table["split"])
    return [name for name in SPLITS if not (own and name == "train")]


def check_classes(
    split: pd.Series,
    labels: pd.Series,
    wanted: Sequence[str],
    splits: Sequence[str] = tuple(SPLITS),
) -> None:
    """Raise ValueError where a split lacks a label, or the labels are fewer than two or not
    distinct.

    Parameters
    ----------
    split, labels : Series (N,)
    wanted : sequence of str
        The labels.
    splits : sequence of str
    """
    if len(wanted) < 2 or len(set(wanted)) != len(wanted):
        named = ", ".join(map(quoted, wanted))
        raise ValueError(f"a study needs two labels or more, the negative one first, not [{named}]")
    for name in splits:
        for label in wanted:
            if not ((split == name) & (labels == label)).any():
                raise ValueError(
                    f"split {name!r} has no case labelled {quoted(label)}: the set has too few "
                    "patients of it"
                )


def check_findings(
    split: pd.Series,
    table: pd.DataFrame,
    findings: Sequence[str],
    splits: Sequence[str] = tuple(SPLITS),
) -> None:
    """Raise ValueError where a split has no case with a finding, or none without it.

    Parameters
    ----------
    split : Series (N,)
    table : DataFrame (N rows)
    findings, splits : sequence of str
    """
    for name in splits:
        for finding in findings:
            for value, meaning in {"1": "with", "0": "without"}.items():
                if not ((split == name) & (table[finding] == value)).any():
                    raise ValueError(
                        f"split {name!r} has no case {meaning} {quoted(finding)}: the set has too "
                        "few of them"
                    )


def nearly_constant_cases(cases: Cases) -> list[str]:
    """The cases whose images show hardly anything (`rasters.nearly_constant`); every image is
    decoded.
    """
    return [
        case for case, image in zip(cases.table["case"], cases.images) if nearly_constant(image)
    ]


def findings_of(table: pd.DataFrame) -> list[str]:
    """The columns that look like findings: 1, 0 or blank throughout, and not all blank."""
    values = {name: set(table[name]) for name in table if name not in RESERVED}
    return [name for name, found in values.items() if found <= {"1", "0", ""} and found != {""}]


def nearly_findings(table: pd.DataFrame) -> dict[str, int]:
    """Columns that may be meant as findings and are none, with the first row that shows why.

    That is: more than half of the known values are among TRUTH. Whole numbers make a column a
    count.

    Returns
    -------
    dict
        Column -> position of the row.
    """
    found = {}
    for name in table:
        known = [value.lower() for value in table[name] if value.lower() not in UNKNOWN]
        wrong = table.index[~(table[name].str.isdecimal() | (table[name] == ""))]
        truths = sum(value in TRUTH for value in known)
        if name not in RESERVED and len(wrong) and 2 * truths > len(known):
            found[name] = int(wrong[0])
    return found


def source_name(cases: Cases, folder: Path | str) -> str:
    """What the column `data` calls a set: "phantom" when every region is generated truth, else its
    folder's name.
    """
    exact = "reference" in cases.table and (cases.table["reference"] == "exact").all()
    return "phantom" if exact else Path(folder).name
