"""Which concept a unit responds to: the words of reports by AUROC, drawn structures by IoU.

Of many units and concepts some go together by chance. Here words, and regions, are dealt out anew among patients, and what the best of all
units then reaches (Westfall and Young 1993) is what a unit must exceed; p values are multiplied by the number of concepts that were tried.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from torch import Tensor

from regard import statistics
from regard.reports import WORDS, named

LEVEL = 0.05  # an adjusted p below it is a match
FEWEST = 5  # patients with a word, and without, of whom it takes so many to try it


def unit_aurocs(amounts: np.ndarray, present: np.ndarray) -> np.ndarray:
    """AUROC of each unit, amounts (n, U), for each of several labels, bool (D, n): (D, U); ties count one half, NaN for a label without both sides."""
    ranks, with_it = rankdata(amounts, axis=0), present.sum(axis=1, keepdims=True).astype(float)
    pairs = with_it * (present.shape[1] - with_it)
    sums = present.astype(float) @ ranks - with_it * (with_it + 1) / 2
    return np.divide(sums, pairs, out=np.full(sums.shape, np.nan), where=pairs > 0)


def words(
    amounts: np.ndarray, written: pd.DataFrame, units: Sequence[int], patients: np.ndarray, draws: int, seed: int
) -> pd.DataFrame:
    """How well each unit's amount tells which images have a word in their report.

    amounts: (n, len(units)); written: bool, a column for each word. A word that describes a finding is told among the images whose report has that
    finding: else each unit for masses would be one for their shape. A row for each unit and word: unit, concept, kind ("word"), value (AUROC),
    chance (0.5), p (of the largest over all units, words dealt among patients), n_cases, n_positive. Words that fewer than FEWEST patients have, or
    lack, are left out.
    """
    rows, patients = [], np.asarray(patients, str)
    for word in written:
        finding = WORDS[word].finding
        told = written[finding].to_numpy() if finding else np.ones(len(written), bool)
        present = written[word].to_numpy()[told]
        if min(len(set(patients[told][present])), len(set(patients[told][~present]))) < FEWEST:
            continue
        own = unit_aurocs(amounts[told], present[None])[0]
        dealt = statistics.dealt(patients[told], draws, np.random.default_rng(statistics.seed_of(seed, word)))
        best = np.nanmax(unit_aurocs(amounts[told], present[dealt]), axis=1)
        counted = {"n_cases": int(told.sum()), "n_positive": int(present.sum())}
        for unit, value in zip(units, own):
            row = {"unit": unit, "concept": word, "kind": "word", "value": value, "chance": 0.5}
            rows.append(row | {"p": _beyond(value, best)} | counted)
    return pd.DataFrame(rows)


def masks(
    of_units: Iterable[Tensor],
    drawn: Tensor,
    structure: str,
    units: Sequence[int],
    patients: np.ndarray,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """How well each unit's masks cover a structure, IoU over the whole set as in Network Dissection.

    of_units: for each unit its masks, bool (n, H, W); drawn: bool (n, H, W). Rows as of `words`, kind "mask"; chance is the mean IoU when regions are
    dealt out among patients. Empty without FEWEST patients who have the structure.
    """
    patients = np.asarray(patients, str)
    flat = drawn.flatten(1).float()
    area = flat.sum(dim=1).double().numpy()
    if len(set(patients[area > 0])) < FEWEST:
        return pd.DataFrame()
    dealt = statistics.dealt(patients, draws, np.random.default_rng(statistics.seed_of(seed, structure)))
    own, shuffled = [], []
    for each in of_units:
        shared, some = (
            np.zeros((len(area), len(area))),
            each.flatten(1).any(dim=1),
        )  # most images have no place above the threshold
        shared[some.numpy()] = (
            each[some].flatten(1).float() @ flat.T
        ).numpy()  # pixels that each mask shares with each region
        total = float(each.sum())
        iou = lambda both, regions: both / (total + regions - both)
        own.append(iou(np.trace(shared), area.sum()))
        shuffled.append(iou(shared[np.arange(len(area)), dealt].sum(axis=1), area[dealt].sum(axis=1)))
    shuffled = np.stack(shuffled, axis=1)
    best, chance = shuffled.max(axis=1), shuffled.mean(axis=0)
    counted = {"n_cases": len(area), "n_positive": int((area > 0).sum())}
    return pd.DataFrame(
        [
            {"unit": unit, "concept": structure, "kind": "mask", "value": value, "chance": by_chance}
            | {"p": _beyond(value, best)}
            | counted
            for unit, value, by_chance in zip(units, own, chance)
        ]
    )


def _beyond(value: float, best: np.ndarray) -> float:
    """The share of draws in which the best of all units reaches `value`, one added to count and total (Phipson and Smyth 2010)."""
    return float(((best >= value - 1e-12).sum() + 1) / (len(best) + 1))


def adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `words` and `masks` together, with p_adjusted (Bonferroni over the concepts tried) and matched, whether that is below LEVEL."""
    p = (table["p"] * table[["kind", "concept"]].drop_duplicates().shape[0]).clip(upper=1)
    return table.assign(p_adjusted=p, matched=p < LEVEL)


def labels(table: pd.DataFrame) -> dict[int, str]:
    """The label of each unit that matches something: of the words the one with the largest AUROC, and without a word the structure with the
    largest IoU above chance. table: rows of `adjusted`."""
    found = {}
    matched = table[table["matched"]].assign(above=table["value"] - table["chance"])
    for kind in ("mask", "word"):  # words come later, and win
        best = (
            matched[matched["kind"] == kind]
            .sort_values("above", ascending=False, kind="stable")
            .drop_duplicates("unit")
        )
        found |= {int(row.unit): named(row.concept) if kind == "word" else row.concept for row in best.itertuples()}
    return dict(sorted(found.items()))


def rest(amounts: np.ndarray, groups: pd.Series, units: Sequence[int]) -> pd.DataFrame:
    """What might explain a unit that matches no concept: for each value of `groups` (n,), the AUROC of its amount for that group against the others.
    Columns unit, group, value; a group of one side alone is left out."""
    rows = []
    for group in sorted(groups.dropna().unique()):
        present = (groups == group).to_numpy()
        found = unit_aurocs(amounts, present[None])[0]
        rows += [{"unit": unit, "group": f"{groups.name} {group}", "value": value} for unit, value in zip(units, found)]
    return pd.DataFrame(rows).dropna(subset="value") if rows else pd.DataFrame(columns=["unit", "group", "value"])
