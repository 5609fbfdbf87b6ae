"""The long table of scores as columns: one value per explained case for each map, selection, region
and score.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from regard.core.columns import SCORE_KEYS

# share of the maps that could be scored, above which too many undefined ones support no comparison
MISSING = 0.1


class ScoreKey(NamedTuple):
    """What tells a column of scores from others; the fields are SCORE_KEYS in their order."""

    study: str
    data: str
    target_role: str
    method: str
    selection: str
    setting: str
    region: str
    score: str

    @property
    def place(self) -> "ScoreKey":
        """What is scored and where, whichever the method."""
        return self._replace(method="")

    @property
    def selected(self) -> tuple[str, str, str]:
        """The selected region, whatever it is scored against: selection, setting and method."""
        return self.selection, self.setting, self.method


class Numbered(NamedTuple):
    """Rows of scores with the number of their column.

    Attributes
    ----------
    keys : list of ScoreKey
        The K columns in the order in which they come.
    number : ndarray, int (n,)
        The column of each row.
    where : MultiIndex (n,)
        The case and target of each row.
    value : ndarray (n,)
        Its value, NaN where it is undefined.
    """

    keys: list[ScoreKey]
    number: np.ndarray
    where: pd.MultiIndex
    value: np.ndarray

    def columns(
        self, explained: pd.DataFrame
    ) -> tuple[dict[ScoreKey, np.ndarray], dict[ScoreKey, np.ndarray]]:
        """The values of the N rows of `explained`, (N,) for each key, and which of the maps were
        made, bool (N,)."""
        place = pd.MultiIndex.from_frame(explained[["case", "target"]]).get_indexer(self.where)
        known = place >= 0
        shape = (len(self.keys), len(explained))
        values, made = np.full(shape, np.nan), np.zeros(shape, bool)
        values[self.number[known], place[known]] = self.value[known]
        made[self.number[known], place[known]] = True
        return dict(zip(self.keys, values)), dict(zip(self.keys, made))


def numbered(scores: pd.DataFrame) -> Numbered:
    """Rows of scores, without undefined keys (see `blank`), with the number of their column.

    Raises
    ------
    ValueError
        For a column that has a case and target twice.
    """
    if scores.duplicated([*SCORE_KEYS, "case", "target"]).any():
        twice = scores[scores.duplicated([*SCORE_KEYS, "case", "target"])].iloc[0]
        raise ValueError(
            "scores have a row twice: "
            f"{', '.join(map(str, twice[[*SCORE_KEYS, 'case', 'target']]))}"
        )
    return Numbered(
        [
            ScoreKey(*key)
            for key in scores[SCORE_KEYS].drop_duplicates().itertuples(index=False, name=None)
        ],
        scores.groupby(SCORE_KEYS, sort=False).ngroup().to_numpy(),
        pd.MultiIndex.from_frame(scores[["case", "target"]]),
        scores["value"].to_numpy(float),
    )


def blank(scores: pd.DataFrame) -> pd.DataFrame:
    """`scores` with undefined keys as empty text."""
    return scores.assign(
        **{
            key: scores[key].astype(object).fillna("")
            for key in ("method", "selection", "setting", "region")
        }
    )


def possible(columns: Mapping[ScoreKey, np.ndarray]) -> dict[ScoreKey, np.ndarray]:
    """For each `ScoreKey.place`, of which of the N cases some map has a defined value, bool
    (N,). columns: values (N,) by key."""
    found: dict[ScoreKey, np.ndarray] = {}
    for key, values in columns.items():
        place = key.place
        found[place] = found.get(place, np.full(len(values), False)) | ~np.isnan(values)
    return found


def too_many_undefined(values: np.ndarray, possible: np.ndarray) -> bool:
    """Whether more than MISSING of the values (N,) that are `possible`, bool (N,), are
    undefined.
    """
    return bool(np.isnan(values[possible]).sum() > MISSING * possible.sum())


def median(values: np.ndarray) -> float:
    """The median of the defined values (n,), NaN where none is."""
    defined = values[~np.isnan(values)]
    return float(np.median(defined)) if len(defined) else np.nan
