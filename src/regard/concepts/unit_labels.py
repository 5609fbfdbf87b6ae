"""Which concept a unit responds to: the words of reports by AUROC, drawn structures by IoU.

A unit that is excited by all that is malignant tells every word that malignant images have. So
words are told among images of one class: only pairs of images of the same class count, one with the
word and one without. Of many units and concepts some go together by chance: words, and regions, are
dealt out anew among patients, words within classes, and what the best of all units then reaches
(Westfall and Young 1993) is what a unit must exceed; p values are multiplied by the number of
concepts that were tried.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from torch import Tensor

from regard.concepts.report_words import WORDS, named
from regard.core import statistics
from regard.core.seeds import seed_of

LEVEL = 0.05  # an adjusted p below it is a match
FEWEST = 5  # patients with a word, and without, of whom it takes so many to try it


def unit_aurocs(amounts: np.ndarray, present: np.ndarray) -> np.ndarray:
    """AUROC of each unit, amounts (n, U), for each of several labels, bool (D, n): (D, U); ties
    count one half, NaN for a label without both sides.
    """
    ranks, with_it = rankdata(amounts, axis=0), present.sum(axis=1, keepdims=True).astype(float)
    pairs = with_it * (present.shape[1] - with_it)
    sums = present.astype(float) @ ranks - with_it * (with_it + 1) / 2
    return np.divide(sums, pairs, out=np.full(sums.shape, np.nan), where=pairs > 0)


def within(amounts: np.ndarray, present: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """`unit_aurocs` over pairs of the same group (n,) alone, all groups together: (D, U); NaN
    without such a pair.
    """
    right = pairs = 0.0
    for group in np.unique(groups):
        inside = groups == group
        with_it = present[:, inside].sum(axis=1, keepdims=True).astype(float)
        here = with_it * (inside.sum() - with_it)
        right = right + np.nan_to_num(unit_aurocs(amounts[inside], present[:, inside])) * here
        pairs = pairs + here
    return np.divide(right, pairs, out=np.full(right.shape, np.nan), where=pairs > 0)


def words(
    amounts: np.ndarray,
    written: pd.DataFrame,
    units: Sequence[int],
    patients: np.ndarray,
    classes: np.ndarray,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """How well each unit's amount tells which images of a class have a word in their report.

    amounts: (n, len(units)); written: bool, a column for each word; classes: (n,), what the network
    tells apart. A word that describes a finding is told among the images whose report has that
    finding: else each unit for masses would be one for their shape. A row for each unit and word:
    unit, concept, kind ("word"), value (AUROC within classes), overall (AUROC of all these images),
    chance (0.5), p (of the largest over all units, words dealt among patients within classes),
    n_cases, n_positive. Words that fewer than FEWEST patients have, or lack, in classes with both,
    are left out.

    Raises ValueError for amounts that are not finite, and of another number of units.
    """
    if amounts.shape[1] != len(units) or not np.isfinite(amounts).all():
        raise ValueError(
            f"amounts {amounts.shape} must be finite, a column for each of {len(units)} units"
        )
    rows, patients, classes = [], np.asarray(patients, str), np.asarray(classes, str)
    for word in written:
        finding = WORDS[word].finding if word in WORDS else ""
        told = written[finding].to_numpy(copy=True) if finding else np.ones(len(written), bool)
        both = (
            pd.Series(written[word].to_numpy()[told])
            .groupby(classes[told])
            .transform("nunique")
            .to_numpy()
            > 1
        )
        told[told] = both
        present = written[word].to_numpy()[told]
        if min(len(set(patients[told][present])), len(set(patients[told][~present]))) < FEWEST:
            continue
        given = amounts[told], classes[told]
        own, overall = (
            within(given[0], present[None], given[1])[0],
            unit_aurocs(given[0], present[None])[0],
        )
        dealt = _within_classes(patients[told], given[1], draws, seed_of(seed, word))
        best = within(given[0], present[dealt], given[1]).max(axis=1)
        counted = {"n_cases": int(told.sum()), "n_positive": int(present.sum())}
        for unit, value, marginal in zip(units, own, overall):
            row = {
                "unit": unit,
                "concept": word,
                "kind": "word",
                "value": value,
                "overall": marginal,
                "chance": 0.5,
            }
            rows.append(row | {"p": _beyond(value, best)} | counted)
    return pd.DataFrame(rows)


def _within_classes(patients: np.ndarray, classes: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """For each draw and row (draws, n) the row whose words it is dealt, of the same class; a class
    of one patient keeps its own.
    """
    random, found = np.random.default_rng(seed), np.tile(np.arange(len(patients)), (draws, 1))
    for one in np.unique(classes):
        rows = np.flatnonzero(classes == one)
        dealt = statistics.dealt(patients[rows], draws, random)
        if dealt is not None:
            found[:, rows] = rows[dealt]
    return found


def masks(
    of_units: Iterable[Tensor],
    drawn: Tensor,
    structure: str,
    units: Sequence[int],
    patients: np.ndarray,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """How well each unit's masks cover a structure.

    of_units: for each unit its masks, bool (n, H, W); drawn: bool (n, H, W). Rows as of `words`,
    kind "mask": value is the IoU over the images that have the structure, overall that over the
    whole set, as in Network Dissection. Regions are dealt out among the images that have one: a
    unit that responds to such images, wherever, covers nothing. chance is the mean IoU then. Empty
    without FEWEST patients who have the structure.
    """
    having = drawn.flatten(1).any(dim=1)
    patients = np.asarray(patients, str)[having.numpy()]
    if len(set(patients)) < FEWEST:
        return pd.DataFrame()
    flat = drawn[having].flatten(1).float()
    area = flat.sum(dim=1).double().numpy()
    dealt = statistics.dealt(patients, draws, np.random.default_rng(seed_of(seed, structure)))
    own, overall, shuffled = [], [], []
    for each in of_units:
        inside, shared = each[having], np.zeros((len(area), len(area)))
        some = inside.flatten(1).any(dim=1)  # most images have no place above the threshold
        shared[some.numpy()] = (
            inside[some].flatten(1).float() @ flat.T
        ).numpy()  # pixels of each mask and each region
        total, whole = float(inside.sum()), float(each.sum())

        def iou(both, regions, of):
            return both / (of + regions - both)

        own.append(iou(np.trace(shared), area.sum(), total))
        overall.append(iou(np.trace(shared), area.sum(), whole))
        shuffled.append(
            iou(shared[np.arange(len(area)), dealt].sum(axis=1), area[dealt].sum(axis=1), total)
        )
    shuffled = np.stack(shuffled, axis=1)
    best = shuffled.max(axis=1)
    found = pd.DataFrame(
        {
            "unit": list(units),
            "concept": structure,
            "kind": "mask",
            "value": own,
            "overall": overall,
        }
    )
    found = found.assign(chance=shuffled.mean(axis=0), p=[_beyond(value, best) for value in own])
    return found.assign(n_cases=len(drawn), n_positive=len(area))


def _beyond(value: float, best: np.ndarray) -> float:
    """The share of draws in which the best of all units reaches `value`, one added to count and
    total (Phipson and Smyth 2010).
    """
    return float(((best >= value - 1e-12).sum() + 1) / (len(best) + 1))


def adjusted(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of `words` and of several `masks` together, with p_adjusted (Bonferroni over the
    words and structures tried) and matched, whether that is below LEVEL. Without a row, where
    nothing could be tried, it has columns alone."""
    columns = {
        "unit": int,
        "concept": str,
        "kind": str,
        "value": float,
        "overall": float,
        "chance": float,
        "p": float,
    }
    columns |= {"n_cases": int, "n_positive": int}
    some = [table for table in tables if len(table)]
    table = (
        pd.concat(some, ignore_index=True)
        if some
        else pd.DataFrame(columns=list(columns)).astype(columns)
    )
    p = (table["p"] * table[["kind", "concept"]].drop_duplicates().shape[0]).clip(upper=1)
    return table.assign(p_adjusted=p, matched=p < LEVEL)


def labels(table: pd.DataFrame) -> dict[int, str]:
    """The label of each unit that matches something: of each finding, and of the breast, the word
    that it matches best, a word that describes a finding before that finding itself; without a word
    the structure it covers best. Best is the smallest p, then the largest value above chance.
    table: rows of `adjusted`."""
    matched = table[table["matched"]].assign(above=table["value"] - table["chance"])
    matched = matched.sort_values(["p", "above"], ascending=[True, False], kind="stable")
    found = {}
    for unit, rows in matched.groupby("unit"):
        said = rows[rows["kind"] == "word"]["concept"].tolist()
        about = {
            word: WORDS[word].finding or (word if WORDS[word].category == "finding" else "")
            for word in said
        }
        best = {}
        for word in sorted(
            said, key=lambda word: not WORDS[word].finding
        ):  # what describes comes first, else as sorted
            best.setdefault(about[word], named(word))
        found[int(unit)] = ", ".join(best.values()) or rows["concept"].iloc[0]
    return found


def top_share(amounts: np.ndarray, present: np.ndarray, count: int) -> np.ndarray:
    """Of the `count` images that excite each unit most, amounts (n, U), the share that have a word,
    bool (n,): (U,).
    """
    return present[np.argsort(-amounts, axis=0, kind="stable")[:count]].mean(axis=0)


def groups(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """For `words`, what units might tell that they ought not to: a bool column for each value of
    the columns (n,) that are there, named "site A".
    """
    found = {}
    for name in columns:
        for value in sorted(table[name].dropna().astype(str).unique()) if name in table else ():
            found[f"{name} {value}"] = (table[name].astype(str) == value).to_numpy()
    return pd.DataFrame(found, index=table.index)
