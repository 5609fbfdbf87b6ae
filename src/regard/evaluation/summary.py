"""From scores of cases to tables: means with intervals over patients, and paired differences."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regard.core.columns import PAIRS, SCORE_KEYS, SUMMARY
from regard.core.seeds import seed_of
from regard.core.statistics import contrasts, holm, mean_intervals
from regard.evaluation.scores import OF_REGIONS, says_nothing

POOLED = "all findings"  # the target of what is averaged over the findings of a study
SHARES = ("pointing", "covers")  # scores that are 0 or 1
# share of the maps that could be scored, above which too many undefined ones support no comparison
MISSING = 0.1
EMPTY_RULES = ("an empty selection has 0", "an empty selection is left out and counted")


def blocks(explanations: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """The sets of explanations that means are taken over, as (target, target_role, rows).

    explanations: one row per explained case and target, with `case`, `patient`, `target`,
    `target_role`, `label` and the bool `correct`. One block for the class each case was given and
    one for its true class; in a study of several findings one block per finding and one for all of
    them together.
    """
    found = []
    for role, rows in explanations.groupby("target_role", sort=False):
        if role == "finding":
            found += [(target, role, own) for target, own in rows.groupby("target", sort=False)]
        found.append((POOLED if role == "finding" else "each case's own", role, rows))
    return found


def strata(explanations: pd.DataFrame, labels: bool = True) -> dict[str, np.ndarray]:
    """The groups of rows every mean is given for: all, each class, correct and incorrect ones, and
    both together; of findings, those of cases with one, with two, and with more.

    explanations: one row per case, or per finding of a case, with `label` and the bool `correct`;
    labels: whether to group by class, which the blocks of findings are already. Returns bool masks
    of its rows.
    """
    groups = {"all": np.full(len(explanations), True)}
    correct = explanations["correct"].to_numpy(bool)
    outcome = {"correct": correct, "incorrect": ~correct}
    names = sorted(set(explanations["label"])) if labels else []
    for label in names:
        groups[label] = (explanations["label"] == label).to_numpy()
    groups |= outcome
    groups |= {
        f"{label}+{name}": groups[label] & rows for label in names for name, rows in outcome.items()
    }
    if "n_findings" in explanations:
        count = explanations["n_findings"].to_numpy()
        groups |= {
            "1 finding": count == 1,
            "2 findings": count == 2,
            "3 or more findings": count >= 3,
        }
    return groups


def counted(explanations: pd.DataFrame) -> pd.DataFrame:
    """`explanations` with the column n_findings, how many findings of a case are explained; as they
    are without findings.
    """
    if not (explanations["target_role"] == "finding").any():
        return explanations
    return explanations.assign(
        n_findings=explanations.groupby("case")["target"].transform("nunique")
    )


def summarise(
    scores: pd.DataFrame, explanations: pd.DataFrame, draws: int, profile: str, seed: int = 0
) -> pd.DataFrame:
    """Means of every score with 95 % intervals over patients, the chance of the same cases beside
    them; columns SUMMARY.

    scores: long table of one study (architecture: `scores.csv`); explanations: as for `blocks`.
    n_cases: distinct cases; n_maps: the values a mean is over, each counting alike (more than the
    cases where all findings are pooled); n_undefined: those left out. A map that was not made (slow
    methods may explain a subset of the cases) is neither: its row says less cases. `selected_area`
    is the median share of the image that the selection covers, over the cases that could be scored.
    `flagged`: that is too little or too much to say anything, or of the maps that could have been
    scored, since another map of the same case was, more than MISSING are undefined. `lift` is the
    mean over the chance. Overlaps have a row for each EMPTY_RULES. All maps share the resamples of
    a stratum, so that equal values have equal intervals.
    """
    scores = _blank(scores)
    rows, tables = [], {}
    for target, role, explained in blocks(counted(explanations)):
        if role not in tables:
            tables[role] = _numbered(scores[scores["target_role"] == role])
        keys, number, of, value = tables[role]
        at = pd.MultiIndex.from_frame(explained[["case", "target"]]).get_indexer(of)
        known = at >= 0
        values, is_made = (
            np.full((len(keys), len(explained)), np.nan),
            np.zeros((len(keys), len(explained)), bool),
        )
        values[number[known], at[known]], is_made[number[known], at[known]] = value[known], True
        columns, made = dict(zip(keys, values)), dict(zip(keys, is_made))
        groups = strata(explained, labels=role != "finding")
        rows += _means(
            columns, made, groups, explained, {"target": target, "profile": profile}, draws, seed
        )
    found = pd.DataFrame(rows)
    return found.assign(lift=found["mean"] / found["chance"].where(found["chance"] > 0))[SUMMARY]


def _numbered(scores: pd.DataFrame) -> tuple[list[tuple], np.ndarray, pd.MultiIndex, np.ndarray]:
    """The combinations of SCORE_KEYS in order, the number of each row's, the case and target of
    each row, and its value.

    Raises ValueError for a combination that has a case and target twice."""
    if scores.duplicated([*SCORE_KEYS, "case", "target"]).any():
        twice = scores[scores.duplicated([*SCORE_KEYS, "case", "target"])].iloc[0]
        raise ValueError(
            "scores have a row twice: "
            f"{', '.join(map(str, twice[[*SCORE_KEYS, 'case', 'target']]))}"
        )
    number = scores.groupby(SCORE_KEYS, sort=False).ngroup().to_numpy()
    keys = list(scores[SCORE_KEYS].drop_duplicates().itertuples(index=False, name=None))
    return (
        keys,
        number,
        pd.MultiIndex.from_frame(scores[["case", "target"]]),
        scores["value"].to_numpy(float),
    )


def _means(
    columns: dict,
    made: dict,
    groups: dict,
    explained: pd.DataFrame,
    common: dict,
    draws: int,
    seed: int,
) -> list[dict]:
    """Rows of `summarise` for one block: values and whether they were made, (N,) each, by key."""
    chosen = []
    for key in columns:
        measure, selection = key[-1], key[SCORE_KEYS.index("selection")]
        if not made[key].any() or measure.endswith("-chance"):
            continue  # a slow method that explained none of these, or what stands beside a score
        area = columns[(*key[:-2], "", "area")] if selection else None
        if (
            measure in OF_REGIONS and selection
        ):  # of the cases that are scored: elsewhere there is nothing to select
            area = np.where(np.isnan(columns[(*key[:-1], "iou")]), np.nan, area)
        chosen.append((key, columns[key], area, ""))
        if measure in ("iou", "dice") and selection:
            chosen[-1] = (*chosen[-1][:3], EMPTY_RULES[0])
            chosen.append((key, np.where(area == 0, np.nan, columns[key]), area, EMPTY_RULES[1]))
    if not chosen:
        return []
    patients, cases = explained["patient"].to_numpy(), explained["case"].to_numpy()
    values = np.stack([np.where(made[key], value, np.nan) for key, value, *_ in chosen], axis=1)
    study = chosen[0][0][SCORE_KEYS.index("study")]
    shares = np.array([key[-1] in SHARES for key, *_ in chosen])
    intervals = {
        stratum: mean_intervals(
            values[group], patients[group], draws, seed_of(seed, study, stratum), shares
        )
        for stratum, group in groups.items()
    }
    rows, possible = [], _possible(columns, SCORE_KEYS.index("method"))
    for number, (key, value, area, rule) in enumerate(chosen):
        chance = _chance(columns, key)
        by_rule = (
            key[-1] == "precision" or rule == EMPTY_RULES[1]
        )  # undefined for an empty selection, of a map that has values
        scored = columns[(*key[:-1], "iou")] if by_rule else value
        for stratum, group in groups.items():
            inside = group & made[key]
            defined = inside & ~np.isnan(value)
            mean, low, high = (float(each[number]) for each in intervals[stratum])
            median = np.nan if area is None else _median(area[inside])
            rows.append(
                dict(zip(SCORE_KEYS, key))
                | common
                | {
                    "stratum": stratum,
                    "empty_rule": rule,
                    "mean": mean,
                    "ci_low": low,
                    "ci_high": high,
                }
                | {"n_cases": len(set(cases[defined])), "n_patients": len(set(patients[defined]))}
                | {
                    "n_undefined": int((inside & np.isnan(value)).sum()),
                    "n_maps": int(defined.sum()),
                }
                | {
                    "selected_area": median,
                    "flagged": says_nothing(median)
                    or _gaps(scored, inside & possible[_place(key)]),
                }
                | {"chance": float(chance[defined].mean()) if defined.any() else np.nan}
            )
    return rows


def _place(key: tuple, method: int = SCORE_KEYS.index("method")) -> tuple:
    """A key without its method: what is scored, where."""
    return (*key[:method], *key[method + 1 :])


def _possible(columns: Mapping[tuple, np.ndarray], method: int) -> dict[tuple, np.ndarray]:
    """For what is scored where, of which of the N cases some map has a defined value, bool (N,).
    columns: values (N,) by key; method: the place of the method in a key."""
    found: dict[tuple, np.ndarray] = {}
    for key, values in columns.items():
        place = _place(key, method)
        found[place] = found.get(place, np.full(len(values), False)) | ~np.isnan(values)
    return found


def _gaps(values: np.ndarray, possible: np.ndarray) -> bool:
    """Whether more than MISSING of the values (N,) that are `possible`, bool (N,), are
    undefined.
    """
    return bool(np.isnan(values[possible]).sum() > MISSING * possible.sum())


def _median(values: np.ndarray) -> float:
    """The median of the defined values (n,), NaN where none is."""
    defined = values[~np.isnan(values)]
    return float(np.median(defined)) if len(defined) else np.nan


def _chance(columns: dict, key: tuple) -> np.ndarray:
    """What stands beside a score: by the method's selected area, or the same for all maps, or
    nothing (an area).
    """
    alike = dict(zip(SCORE_KEYS, key)) | {"score": f"{key[-1]}-chance"}
    for of in (alike, alike | {"method": ""}):
        if tuple(of.values()) in columns:
            return columns[tuple(of.values())]
    return np.full(len(columns[key]), np.nan)


def pairs(
    scores: pd.DataFrame,
    explanations: pd.DataFrame,
    methods: list[str],
    nulls: list[str],
    regions: list[str],
    draws: int,
    profile: str,
    seed: int = 0,
    flips: int | None = None,
    primary: Mapping | None = None,
    selections: Mapping[str, str] | None = None,
    claimed: Sequence[Mapping] = (),
) -> pd.DataFrame:
    """Paired differences on the same cases, for the predicted class, or for all findings together,
    over all cases and over the correct ones.

    Each method with each null map and each later method: pointing at the first of the tolerances
    and the mass on each of `regions` (the expert's, and the union a study names), and the IoU of
    every selection. And for each method each selection with each later one, in IoU; then `method`
    is filled and `selection` and `setting` are blank. selections: name and setting of those
    compared, without all; an empty selection has IoU 0. draws: of the bootstrap, flips: of the
    signs (see `statistics.contrasts`), without as many as draws. primary: entries of rows, such as
    {"score": "pointing"}, that make up the study's primary endpoint; claimed: entries of rows that
    a paper's claims are about, either way round. Both were named before any score was seen; p
    values are adjusted after Holm within the families primary, published (what else is claimed) and
    secondary (the rest). flagged: the area that one of the two selects, median over the cases, is
    so small or large that the row supports no claim (but the null map `ones` may select
    everything); or more than MISSING of the maps of one of the two are undefined where another map
    of the case is not: then the cases that are left are no fair sample, and the row has neither
    interval, effect nor p. Raises ValueError for so few flips that no adjusted p value could be
    small, and for a primary endpoint of no rows.
    """
    target, role, explained = headline(counted(explanations))
    flips = draws if flips is None else flips
    scores = scores[(scores["target_role"] == role)].pipe(_blank)
    area = scores[scores["score"] == "area"]
    scores = scores[
        scores["region"].isin(regions) & scores["score"].isin(["pointing", "mass", "iou"])
    ]
    tolerance = next(iter(scores.loc[scores["score"] == "pointing", "setting"]), None)
    scores = scores[(scores["score"] != "pointing") | (scores["setting"] == tolerance)]
    if selections is not None:
        kept = pd.MultiIndex.from_tuples([*selections.items(), ("", ""), ("", tolerance)])
        scores = scores[pd.MultiIndex.from_frame(scores[["selection", "setting"]]).isin(kept)]
    where = pd.MultiIndex.from_frame(explained[["case", "target"]])

    def by(table, keys):
        return {
            key: rows.set_index(["case", "target"])["value"].reindex(where).to_numpy()
            for key, rows in table.groupby(keys, sort=False)
        }

    keys = ["study", "data", "target_role", "region", "score", "selection", "setting", "method"]
    columns, areas = by(scores, keys), by(area, ["selection", "setting", "method"])
    made = {key: ~np.isnan(there) for key, there in by(scores.assign(value=1.0), keys).items()}
    possible = _possible(columns, keys.index("method"))
    asked = [*_between_methods(columns, methods, nulls), *_between_selections(columns, methods)]
    groups = strata(explained, labels=False)
    tables = []
    for stratum in ("all", "correct"):
        inside = groups[stratum]
        rows = explained[inside]
        differences = [columns[one][inside] - columns[other][inside] for _, one, other in asked]
        if not differences:
            continue
        found = contrasts(
            np.stack(differences, axis=1),
            rows["patient"].to_numpy(),
            draws,
            flips,
            seed_of(seed, asked[0][1][0], stratum),
        )
        found = found.rename(columns={"n_cases": "n_maps"})
        cases = rows["case"].to_numpy()
        found["n_cases"] = [len(set(cases[~np.isnan(difference)])) for difference in differences]
        scored = {
            key: inside & ~np.isnan(columns[key])
            for pair in asked
            for key in pair[1:]
            if key[5:] in areas
        }
        median = {key: _median(areas[key[5:]][rows]) for key, rows in scored.items()}
        found["flagged"] = [
            any(_idle(key, median.get(key, np.nan)) for key in pair[1:]) for pair in asked
        ]
        gaps = {
            key: _gaps(
                columns[key], inside & made[key] & possible[_place(key, keys.index("method"))]
            )
            for pair in asked
            for key in pair[1:]
        }
        broken = np.array([any(gaps[key] for key in pair[1:]) for pair in asked])
        found["flagged"] |= broken
        found.loc[broken, ["ci_low", "ci_high", "effect", "p"]] = np.nan
        described = pd.DataFrame([said for said, _, _ in asked]).assign(
            target=target, stratum=stratum, profile=profile
        )
        tables.append(pd.concat([described, found], axis=1))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=PAIRS)
    return _adjusted(table, primary or {}, claimed, flips)[PAIRS]


def _idle(key: tuple, area: float) -> bool:
    """Whether a region of this median area says nothing; key: of `pairs`, which ends with the
    method.
    """
    return says_nothing(area) and not (key[7] == "ones" and area == 1)


def _between_methods(
    columns: dict, methods: list[str], nulls: list[str]
) -> list[tuple[dict, tuple, tuple]]:
    """What is compared where only the method differs: a description, and the keys of the two."""
    found = []
    for where in dict.fromkeys(key[:-1] for key in columns):
        study, data, role, region, measure, selection, setting = where
        common = {
            "study": study,
            "data": data,
            "target_role": role,
            "method": "",
            "selection": selection,
        }
        common |= {"setting": setting, "region": region, "score": measure}
        for place, first in enumerate(methods):
            for second in [*methods[place + 1 :], *nulls]:
                if (*where, first) in columns and (*where, second) in columns:
                    found.append(
                        (
                            common | {"first": first, "second": second},
                            (*where, first),
                            (*where, second),
                        )
                    )
    return found


def _between_selections(columns: dict, methods: list[str]) -> list[tuple[dict, tuple, tuple]]:
    """What is compared where only the selection differs, in IoU."""
    found, regions = [], {}
    for key in columns:
        if key[4] == "iou" and key[7] in methods:
            regions.setdefault((*key[:5], key[7]), []).append(key)
    for (study, data, role, region, measure, method), keys in regions.items():
        common = {
            "study": study,
            "data": data,
            "target_role": role,
            "method": method,
            "selection": "",
            "setting": "",
        }
        for first, second in itertools.combinations(keys, 2):
            said = common | {
                "region": region,
                "score": measure,
                "first": first[5],
                "second": second[5],
            }
            found.append((said, first, second))
    return found


def _adjusted(
    table: pd.DataFrame, primary: Mapping, claimed: Sequence[Mapping], flips: int
) -> pd.DataFrame:
    """`table` with the columns family and p_holm, adjusted within each family."""
    first = _like(table, primary) if primary else np.full(len(table), False)
    told = np.full(len(table), False)
    for row in claimed:
        wanted = {"stratum": "all", "score": "iou", "method": "", "selection": ""} | dict(row)
        told |= _like(table, wanted) | _like(
            table, wanted | {"first": wanted["second"], "second": wanted["first"]}
        )
    if primary and not first.any():
        said = ", ".join(f"{column} {value!r}" for column, value in primary.items())
        raise ValueError(
            f"params.yaml: the primary endpoint ({said}) is none of the comparisons that are made"
        )
    family = np.where(first, "primary", np.where(told, "published", "secondary"))
    table = table.assign(family=family, p_holm=np.nan)
    for name, rows in table.groupby("family"):
        if len(rows) / (flips + 1) > 0.05:
            raise ValueError(
                f"{flips} draws of signs cannot make any of {len(rows)} adjusted p values less "
                "than 0.05; raise `flips`"
            )
        table.loc[rows.index, "p_holm"] = holm(rows["p"])
    return table


def _like(table: pd.DataFrame, entries: Mapping) -> np.ndarray:
    """Which rows have these entries, bool (N,)."""
    return np.logical_and.reduce(
        [np.full(len(table), True), *((table[key] == value) for key, value in entries.items())]
    )


def headline(explanations: pd.DataFrame) -> tuple[str, str, pd.DataFrame]:
    """The block that claims are made on: the class each case was given, or all findings
    together.
    """
    return next(
        block for block in blocks(explanations) if block[1] == "predicted" or block[0] == POOLED
    )


def _blank(scores: pd.DataFrame) -> pd.DataFrame:
    """`scores` with undefined keys as empty text."""
    return scores.assign(
        **{
            key: scores[key].astype(object).fillna("")
            for key in ("method", "selection", "setting", "region")
        }
    )
