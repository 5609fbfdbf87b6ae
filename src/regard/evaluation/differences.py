"""From scores of cases to a table of paired differences between maps and between selections.

They are taken for the predicted class, or for all findings together, over all cases and over the
correct ones. Each method is compared with each null map and each later method: pointing at the
first of the tolerances and the mass on each region, and the IoU of every selection. Each selection
of a method is compared with each later one, in IoU; then `method` is filled, and `selection` and
`setting` are blank. An empty selection has IoU 0.

The primary endpoint and what a paper claims were named before any score was seen. P values are
adjusted after Holm within the families primary, published (what else is claimed) and secondary.

A row is `flagged` when the median area of one of the two selections is so small or large that it
supports no claim (but the null map `ones` may select everything), or when more than MISSING of the
maps of one of the two are undefined where another map of the case is not. Then the cases that are
left are no fair sample, and the row has neither interval, effect nor p.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from regard.core.columns import PAIRS
from regard.core.seeds import seed_of
from regard.core.statistics import contrasts, holm
from regard.evaluation import score_table
from regard.evaluation.groups import counted, headline, strata
from regard.evaluation.score_table import ScoreKey
from regard.evaluation.scores import says_nothing

Columns = Mapping[ScoreKey, np.ndarray]


class Comparison(NamedTuple):
    """Two columns of scores whose difference is taken, and the entries that describe it."""

    described: dict[str, str]
    first: ScoreKey
    second: ScoreKey


class Compared(NamedTuple):
    """The columns that are compared over N explained cases.

    Attributes
    ----------
    values, made : dict
        Key -> values (N,), and whether the map was made, bool (N,).
    areas : dict
        `ScoreKey.selected` -> the selected share of each image, (N,).
    possible : dict
        `ScoreKey.place` -> of which cases some map has a defined value, bool (N,).
    """

    values: Columns
    made: Columns
    areas: Mapping[tuple[str, str, str], np.ndarray]
    possible: Columns


class Draws(NamedTuple):
    """Random draws of intervals and of p values, and their seed."""

    bootstrap: int
    signs: int
    seed: int


def pairs(
    scores: pd.DataFrame,
    explanations: pd.DataFrame,
    methods: Sequence[str],
    nulls: Sequence[str],
    regions: Sequence[str],
    draws: int,
    profile: str,
    seed: int = 0,
    flips: int | None = None,
    primary: Mapping | None = None,
    selections: Mapping[str, str] | None = None,
    claimed: Sequence[Mapping] = (),
) -> pd.DataFrame:
    """Paired differences on the same cases between maps and between selections; columns PAIRS.

    Parameters
    ----------
    scores, explanations, draws, profile
        As of `summary.summarise`.
    methods, nulls, regions
        Names of the maps, and of the regions: the expert's, and a union that the study names.
    flips : int, optional
        Draws of signs of the test (see `statistics.contrasts`), without as many as `draws`.
    primary : mapping, optional
        Entries of rows, such as {"score": "pointing"}, that make up the primary endpoint.
    selections : mapping, optional
        Name and setting of the selections that are compared, without all of them.
    claimed : sequence of mappings
        Entries of rows that a paper's claims are about, either way round.

    Raises
    ------
    ValueError
        For too few flips for a small adjusted p value, and for a primary endpoint of no rows.
    """
    target, role, explained = headline(counted(explanations))
    flips = draws if flips is None else flips
    compared = _compared(scores[scores["target_role"] == role], explained, regions, selections)
    comparisons = [
        *_between_methods(compared.values, methods, nulls),
        *_between_selections(compared.values, methods),
    ]
    found = _differences(compared, comparisons, explained, Draws(draws, flips, seed))
    return _adjusted(found.assign(target=target, profile=profile), primary or {}, claimed, flips)


def _compared(
    scores: pd.DataFrame,
    explained: pd.DataFrame,
    regions: Sequence[str],
    selections: Mapping[str, str] | None,
) -> Compared:
    """The columns of `pairs` from the scores of one target role."""
    scores = score_table.blank(scores)
    areas, _ = score_table.numbered(scores[scores["score"] == "area"]).columns(explained)
    scores = scores[
        scores["region"].isin(regions) & scores["score"].isin(["pointing", "mass", "iou"])
    ]
    tolerance = next(iter(scores.loc[scores["score"] == "pointing", "setting"]), None)
    scores = scores[(scores["score"] != "pointing") | (scores["setting"] == tolerance)]
    if selections is not None:
        kept = pd.MultiIndex.from_tuples([*selections.items(), ("", ""), ("", tolerance)])
        scores = scores[pd.MultiIndex.from_frame(scores[["selection", "setting"]]).isin(kept)]
    values, made = score_table.numbered(scores).columns(explained)
    by_selection = {key.selected: area for key, area in areas.items()}
    return Compared(values, made, by_selection, score_table.possible(values))


def _differences(
    compared: Compared,
    comparisons: Sequence[Comparison],
    explained: pd.DataFrame,
    draws: Draws,
) -> pd.DataFrame:
    """Rows of `pairs` over all and over the correct cases, before they are adjusted."""
    if not comparisons:
        return pd.DataFrame(columns=PAIRS)
    groups = strata(explained, labels=False)
    tables = [
        _of_stratum(compared, comparisons, explained, groups[stratum], stratum, draws)
        for stratum in ("all", "correct")
    ]
    return pd.concat(tables, ignore_index=True)


def _of_stratum(
    compared: Compared,
    comparisons: Sequence[Comparison],
    explained: pd.DataFrame,
    inside: np.ndarray,
    stratum: str,
    draws: Draws,
) -> pd.DataFrame:
    """Rows of `pairs` of the cases that are `inside`, bool (N,)."""
    rows, values = explained[inside], compared.values
    differences = np.stack(
        [values[first][inside] - values[second][inside] for _, first, second in comparisons],
        axis=1,
    )
    seed = seed_of(draws.seed, comparisons[0].first.study, stratum)
    found = contrasts(differences, rows["patient"].to_numpy(), draws.bootstrap, draws.signs, seed)
    found = found.rename(columns={"n_cases": "n_maps"})
    cases = rows["case"].to_numpy()
    found["n_cases"] = [len(set(cases[~np.isnan(column)])) for column in differences.T]
    keys = dict.fromkeys(key for _, *both in comparisons for key in both)
    idle = {key: _idle(key, _selected_area(compared, key, inside)) for key in keys}
    gaps = {
        key: score_table.too_many_undefined(
            values[key], inside & compared.made[key] & compared.possible[key.place]
        )
        for key in keys
    }
    broken = np.array([gaps[first] or gaps[second] for _, first, second in comparisons])
    found["flagged"] = broken | [idle[first] or idle[second] for _, first, second in comparisons]
    found.loc[broken, ["ci_low", "ci_high", "effect", "p"]] = np.nan
    described = pd.DataFrame([comparison.described for comparison in comparisons])
    return pd.concat([described.assign(stratum=stratum), found], axis=1)


def _selected_area(compared: Compared, key: ScoreKey, inside: np.ndarray) -> float:
    """The median share of the image that is selected, over the cases of a stratum with a defined
    score; NaN for a score without a selection.
    """
    if key.selected not in compared.areas:
        return np.nan
    return score_table.median(
        compared.areas[key.selected][inside & ~np.isnan(compared.values[key])]
    )


def _idle(key: ScoreKey, area: float) -> bool:
    """Whether a region of this median area supports no claim; the null map `ones` may select
    everything.
    """
    return says_nothing(area) and not (key.method == "ones" and area == 1)


def _between_methods(
    columns: Columns, methods: Sequence[str], nulls: Sequence[str]
) -> Iterator[Comparison]:
    """What is compared where only the method differs."""
    for place in dict.fromkeys(key.place for key in columns):
        for number, first in enumerate(methods):
            for second in [*methods[number + 1 :], *nulls]:
                one, other = place._replace(method=first), place._replace(method=second)
                if one in columns and other in columns:
                    described = place._asdict() | {"first": first, "second": second}
                    yield Comparison(described, one, other)


def _between_selections(columns: Columns, methods: Sequence[str]) -> Iterator[Comparison]:
    """What is compared where only the selection differs, in IoU."""
    selections: dict[ScoreKey, list[ScoreKey]] = {}
    for key in columns:
        if key.score == "iou" and key.method in methods:
            selections.setdefault(key._replace(selection="", setting=""), []).append(key)
    for common, keys in selections.items():
        for first, second in itertools.combinations(keys, 2):
            named = {"first": first.selection, "second": second.selection}
            yield Comparison(common._asdict() | named, first, second)


def _adjusted(
    table: pd.DataFrame, primary: Mapping, claimed: Sequence[Mapping], flips: int
) -> pd.DataFrame:
    """`table` with the columns PAIRS, adjusted within each family."""
    first = _like(table, primary) if primary else np.full(len(table), False)
    published = np.full(len(table), False)
    for row in claimed:
        wanted = {"stratum": "all", "score": "iou", "method": "", "selection": ""} | dict(row)
        turned = wanted | {"first": wanted["second"], "second": wanted["first"]}
        published |= _like(table, wanted) | _like(table, turned)
    if primary and not first.any():
        endpoint = ", ".join(f"{column} {value!r}" for column, value in primary.items())
        raise ValueError(
            f"params.yaml: the primary endpoint ({endpoint}) is none of the comparisons that are "
            "made"
        )
    family = np.where(first, "primary", np.where(published, "published", "secondary"))
    table = table.assign(family=family, p_holm=np.nan)
    for _, rows in table.groupby("family"):
        if len(rows) / (flips + 1) > 0.05:
            raise ValueError(
                f"{flips} draws of signs cannot make any of {len(rows)} adjusted p values less "
                "than 0.05; raise `flips`"
            )
        table.loc[rows.index, "p_holm"] = holm(rows["p"])
    return table[PAIRS]


def _like(table: pd.DataFrame, entries: Mapping) -> np.ndarray:
    """Which rows have these entries, bool (N,)."""
    return np.logical_and.reduce(
        [np.full(len(table), True), *((table[key] == value) for key, value in entries.items())]
    )
