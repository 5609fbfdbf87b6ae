"""From scores of cases to a table: means with intervals over patients.

In each row, n_cases counts distinct cases, n_maps the values that the mean is over (more than the
cases where all findings are pooled), and n_undefined the values that are left out. A map that was
not made (slow methods may explain a subset of the cases) counts in none of them. `selected_area` is
the median share of the image that the selection covers, over the cases that could be scored.
`flagged` rows support no claim: that area is too small or too large, or more than MISSING of the
maps that could have been scored, since another map of the same case was, are undefined. `lift` is
the mean over the chance. Overlaps have a row for each of EMPTY_RULES.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from regard.core.columns import SUMMARY
from regard.core.seeds import seed_of
from regard.core.statistics import mean_intervals
from regard.evaluation import score_table
from regard.evaluation.differences import pairs
from regard.evaluation.groups import POOLED, blocks, counted, headline, strata
from regard.evaluation.score_table import MISSING, ScoreKey
from regard.evaluation.scores import OF_REGIONS, says_nothing

__all__ = [
    "EMPTY_RULES",
    "MISSING",
    "POOLED",
    "SHARES",
    "blocks",
    "counted",
    "headline",
    "pairs",
    "strata",
    "summarise",
]

SHARES = ("pointing", "covers")  # scores that are 0 or 1
EMPTY_RULES = ("an empty selection has 0", "an empty selection is left out and counted")


class _Block(NamedTuple):
    """The explained cases of one target and role, and the columns of scores of these N rows."""

    explained: pd.DataFrame
    groups: Mapping[str, np.ndarray]
    columns: Mapping[ScoreKey, np.ndarray]
    made: Mapping[ScoreKey, np.ndarray]


class _Column(NamedTuple):
    """What one mean is taken of: a column of scores under one of the EMPTY_RULES."""

    key: ScoreKey
    values: np.ndarray
    area: np.ndarray | None
    empty_rule: str


def summarise(
    scores: pd.DataFrame, explanations: pd.DataFrame, draws: int, profile: str, seed: int = 0
) -> pd.DataFrame:
    """Means of every score with 95 % intervals over patients, the chance of the same cases beside
    them.

    Parameters
    ----------
    scores : DataFrame
        The long table of one study, as in scores.csv.
    explanations : DataFrame
        As of `groups.blocks`.
    draws : int
        Resamples of the bootstrap over patients. All maps share the resamples of a stratum, so
        that equal values have equal intervals.
    profile : str
        Stands in the column of this name.

    Returns
    -------
    DataFrame
        Columns SUMMARY, as the module says.

    Raises
    ------
    ValueError
        When scores have a row twice.
    """
    scores = score_table.blank(scores)
    rows: list[dict] = []
    tables: dict[str, score_table.Numbered] = {}
    for target, role, explained in blocks(counted(explanations)):
        if role not in tables:
            tables[role] = score_table.numbered(scores[scores["target_role"] == role])
        groups = strata(explained, labels=role != "finding")
        block = _Block(explained, groups, *tables[role].columns(explained))
        rows += _means(block, {"target": target, "profile": profile}, draws, seed)
    found = pd.DataFrame(rows)
    return found.assign(lift=found["mean"] / found["chance"].where(found["chance"] > 0))[SUMMARY]


def _means(block: _Block, common: dict[str, str], draws: int, seed: int) -> list[dict]:
    """Rows of `summarise` for one block."""
    columns = _averaged(block)
    if not columns:
        return []
    patients, cases = (block.explained[name].to_numpy() for name in ("patient", "case"))
    values = np.stack(
        [np.where(block.made[column.key], column.values, np.nan) for column in columns], axis=1
    )
    shares = np.array([column.key.score in SHARES for column in columns])
    study = columns[0].key.study
    intervals = {
        stratum: mean_intervals(
            values[group], patients[group], draws, seed_of(seed, study, stratum), shares
        )
        for stratum, group in block.groups.items()
    }
    possible = score_table.possible(block.columns)
    rows = []
    for number, column in enumerate(columns):
        chance, by_map = _chance(block.columns, column.key), _by_map(block.columns, column)
        for stratum, group in block.groups.items():
            inside = group & block.made[column.key]
            defined = inside & ~np.isnan(column.values)
            area = np.nan if column.area is None else score_table.median(column.area[inside])
            gaps = score_table.too_many_undefined(by_map, inside & possible[column.key.place])
            row = column.key._asdict() | common | {"stratum": stratum}
            row |= {"empty_rule": column.empty_rule, "selected_area": area}
            row |= dict(
                zip(("mean", "ci_low", "ci_high"), (end[number] for end in intervals[stratum]))
            )
            row |= {
                "n_cases": len(set(cases[defined])),
                "n_patients": len(set(patients[defined])),
                "n_undefined": int((inside & np.isnan(column.values)).sum()),
                "n_maps": int(defined.sum()),
                "flagged": says_nothing(area) or gaps,
                "chance": float(chance[defined].mean()) if defined.any() else np.nan,
            }
            rows.append(row)
    return rows


def _averaged(block: _Block) -> list[_Column]:
    """The columns of a block that have rows in the table: without chance levels, and without maps
    that explained none of the cases."""
    chosen = []
    for key, values in block.columns.items():
        if not block.made[key].any() or key.score.endswith("-chance"):
            continue
        area = None
        if key.selection:
            area = block.columns[key._replace(region="", score="area")]
            if key.score in OF_REGIONS:  # elsewhere there is nothing to select
                area = np.where(np.isnan(block.columns[key._replace(score="iou")]), np.nan, area)
        if area is not None and key.score in ("iou", "dice"):
            chosen.append(_Column(key, values, area, EMPTY_RULES[0]))
            values = np.where(area == 0, np.nan, values)
            chosen.append(_Column(key, values, area, EMPTY_RULES[1]))
        else:
            chosen.append(_Column(key, values, area, ""))
    return chosen


def _by_map(columns: Mapping[ScoreKey, np.ndarray], column: _Column) -> np.ndarray:
    """Values that are undefined only where the map is: a precision, and an overlap that leaves
    empty selections out, are undefined of an empty selection as well, so the IoU stands for them.
    """
    if column.key.score == "precision" or column.empty_rule == EMPTY_RULES[1]:
        return columns[column.key._replace(score="iou")]
    return column.values


def _chance(columns: Mapping[ScoreKey, np.ndarray], key: ScoreKey) -> np.ndarray:
    """The chance level of a score, (N,): by the method's selected area, or the same for all maps;
    NaN for a score without one (an area).
    """
    by_area = key._replace(score=f"{key.score}-chance")
    for chance in (by_area, by_area.place):
        if chance in columns:
            return columns[chance]
    return np.full(len(columns[key]), np.nan)
