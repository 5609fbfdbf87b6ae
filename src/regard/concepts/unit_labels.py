"""Which concept a unit responds to: words of reports by AUROC, annotated structures by IoU.

A unit that responds to all malignant images predicts every word that is frequent in malignant
images. So only pairs of images of the same class are compared, one with the word and one without.
Among many units and concepts some agree by chance. So words (within classes) and annotations are
permuted among patients, and a unit must exceed the best of all units (Westfall and Young 1993). The
p values are multiplied by the number of concepts that were tried.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from torch import Tensor

from regard.concepts.report_words import WORDS, named
from regard.core import statistics
from regard.core.seeds import seed_of

LEVEL = 0.05  # an adjusted p below it is a match
FEWEST = 5  # patients with a word, and without it, are needed to test it
COLUMNS = ("kind", "value", "overall", "chance", "p", "n_cases", "n_positive")  # beside the names


def unit_aurocs(amounts: np.ndarray, present: np.ndarray) -> np.ndarray:
    """AUROC of each unit for each of several labels; ties count one half.

    Parameters
    ----------
    amounts : ndarray
        (n, U): the activation of each unit on each image.
    present : ndarray
        Bool (D, n): D labels of the images.

    Returns
    -------
    ndarray
        (D, U); NaN for a label that all images have, or none.
    """
    ranks, with_it = rankdata(amounts, axis=0), present.sum(axis=1, keepdims=True).astype(float)
    pairs = with_it * (present.shape[1] - with_it)
    sums = present.astype(float) @ ranks - with_it * (with_it + 1) / 2
    return np.divide(sums, pairs, out=np.full(sums.shape, np.nan), where=pairs > 0)


def within(amounts: np.ndarray, present: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """`unit_aurocs` of pairs of images of the same group, all groups together.

    Parameters
    ----------
    amounts, present : ndarray
        As of `unit_aurocs`.
    groups : ndarray
        (n,): the group of each image.

    Returns
    -------
    ndarray
        (D, U); NaN without such a pair.
    """
    right = np.zeros((len(present), amounts.shape[1]))
    pairs = np.zeros((len(present), 1))
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
    """How well each unit predicts, among images of a class, which reports contain a word.

    Parameters
    ----------
    amounts : ndarray
        (n, len(units)): the activation of each unit on each image.
    written : DataFrame
        Bool, a column per word. A word that describes a finding is tested among the images whose
        report has that finding; else each unit for masses would be one for their shape.
    units : sequence of int
        The numbers of the units.
    patients, classes : ndarray
        (n,): the patient and the class of each image.
    draws, seed : int
        Of the permutation of words among patients, within classes.

    Returns
    -------
    DataFrame
        A row per unit and word: unit, concept, kind ("word"), value (AUROC within classes), overall
        (AUROC of all these images), chance (0.5), p (of the largest AUROC of all units), n_cases,
        n_positive. A word is left out when fewer than FEWEST patients have it, or lack it, in
        classes with both.

    Raises
    ------
    ValueError
        For amounts that are not finite, and of another number of units.
    """
    if amounts.shape[1] != len(units) or not np.isfinite(amounts).all():
        raise ValueError(
            f"amounts {amounts.shape} must be finite, a column for each of {len(units)} units"
        )
    patients, classes = np.asarray(patients, str), np.asarray(classes, str)
    parts = []
    for word in written:
        images = _comparable(written, word, classes)
        present = written[word].to_numpy()[images]
        whose = patients[images]
        if min(len(set(whose[present])), len(set(whose[~present]))) >= FEWEST:
            table = _word(
                amounts[images], present, whose, classes[images], draws, seed_of(seed, word)
            )
            parts.append(table.assign(unit=list(units), concept=word))
    columns = ["unit", "concept", *COLUMNS]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame()


def _comparable(written: pd.DataFrame, word: str, classes: np.ndarray) -> np.ndarray:
    """The images among which a word is tested, bool (n,): those with the finding that it describes,
    of classes in which some have the word and some do not.
    """
    finding = WORDS[word].finding if word in WORDS else ""
    images = written[finding].to_numpy(copy=True) if finding else np.ones(len(written), bool)
    present = pd.Series(written[word].to_numpy()[images])
    images[images] = (present.groupby(classes[images]).transform("nunique") > 1).to_numpy()
    return images


def _word(
    amounts: np.ndarray,
    present: np.ndarray,
    patients: np.ndarray,
    classes: np.ndarray,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Of one word, `present` (n,), the columns COLUMNS, a row per unit."""
    value = within(amounts, present[None], classes)[0]
    permuted = present[_within_classes(patients, classes, draws, seed)]
    best = within(amounts, permuted, classes).max(axis=1)
    return pd.DataFrame(
        {
            "kind": "word",
            "value": value,
            "overall": unit_aurocs(amounts, present[None])[0],
            "chance": 0.5,
            "p": [_beyond(one, best) for one in value],
            "n_cases": len(present),
            "n_positive": int(present.sum()),
        }
    )


def _within_classes(patients: np.ndarray, classes: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """For each draw and row, int (draws, n), the row whose words it receives when words are
    permuted among the patients of a class; a class of one patient keeps its own.
    """
    random, found = np.random.default_rng(seed), np.tile(np.arange(len(patients)), (draws, 1))
    for one in np.unique(classes):
        rows = np.flatnonzero(classes == one)
        permuted = statistics.dealt(patients[rows], draws, random)
        if permuted is not None:
            found[:, rows] = rows[permuted]
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
    """How well each unit's masks cover an annotated structure.

    Parameters
    ----------
    of_units : iterable of Tensor
        For each unit its masks, bool (n, H, W).
    drawn : Tensor
        The annotations, bool (n, H, W).
    structure : str
        The name of the structure.
    units : sequence of int
        The numbers of the units.
    patients : ndarray
        (n,): the patient of each image.
    draws, seed : int
        Of the permutation of annotations among patients, within the images that have one: a unit
        that responds to such images, wherever, covers nothing.

    Returns
    -------
    DataFrame
        Rows as of `words`, kind "mask". value: the IoU over the images that have the structure;
        overall: over all images, as in Network Dissection; chance: the mean IoU of the
        permutations. Empty when fewer than FEWEST patients have the structure.
    """
    having = drawn.flatten(1).any(dim=1)
    patients = np.asarray(patients, str)[having.numpy()]
    if len(set(patients)) < FEWEST:
        return pd.DataFrame()
    flat = drawn[having].flatten(1).float()
    permuted = statistics.dealt(patients, draws, np.random.default_rng(seed_of(seed, structure)))
    assert permuted is not None, "there are several patients"
    covered = [_covered(each, having, flat, permuted) for each in of_units]
    value, overall = ([getattr(one, name) for one in covered] for name in ("value", "overall"))
    by_chance = np.stack([one.permuted for one in covered], axis=1)
    best = by_chance.max(axis=1)
    names = {"unit": list(units), "concept": structure, "kind": "mask"}
    found = pd.DataFrame(names | {"value": value, "overall": overall})
    p = [_beyond(one, best) for one in value]
    return found.assign(
        chance=by_chance.mean(axis=0), p=p, n_cases=len(drawn), n_positive=len(flat)
    )


class _Covered(NamedTuple):
    """IoU of a unit's masks with a structure: over the images that have it, over all images, and
    with permuted annotations, (draws,).
    """

    value: float
    overall: float
    permuted: np.ndarray


def _covered(masks: Tensor, having: Tensor, flat: Tensor, permuted: np.ndarray) -> _Covered:
    """masks: bool (n, H, W); having: bool (n,), which images have the structure; flat: its
    annotations there, float (m, H W); permuted: int (draws, m).
    """
    area = flat.sum(dim=1).double().numpy()
    inside, shared = masks[having], np.zeros((len(area), len(area)))
    some = inside.flatten(1).any(dim=1)  # most images have no location above the threshold
    # pixels that each mask shares with each annotation
    shared[some.numpy()] = (inside[some].flatten(1).float() @ flat.T).numpy()
    own, total, whole = np.trace(shared), float(inside.sum()), float(masks.sum())
    both = shared[np.arange(len(area)), permuted].sum(axis=1)
    return _Covered(
        own / (total + area.sum() - own),
        own / (whole + area.sum() - own),
        both / (total + area[permuted].sum(axis=1) - both),
    )


def _beyond(value: float, best: np.ndarray) -> float:
    """The share of draws in which the best of all units reaches `value`, one added to count and
    total (Phipson and Smyth 2010).
    """
    return float(((best >= value - 1e-12).sum() + 1) / (len(best) + 1))


def adjusted(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of `words` and of several `masks` together, with p_adjusted (Bonferroni over the
    words and structures tried) and matched, whether that is below LEVEL. Without a row, where
    nothing could be tried, it has columns alone.
    """
    numbers = dict.fromkeys(("value", "overall", "chance", "p"), float)
    columns = {"unit": int, "concept": str, "kind": str} | numbers
    columns |= {"n_cases": int, "n_positive": int}
    some = [table for table in tables if len(table)]
    empty = pd.DataFrame(columns=list(columns)).astype(columns)
    table = pd.concat(some, ignore_index=True) if some else empty
    p = (table["p"] * table[["kind", "concept"]].drop_duplicates().shape[0]).clip(upper=1)
    return table.assign(p_adjusted=p, matched=p < LEVEL)


def labels(table: pd.DataFrame) -> dict[int, str]:
    """The label of each unit that matches something.

    A label has one word for each finding, and one for the breast: the word that the unit matches
    best, a word that describes a finding before that finding itself. Without a word it is the
    structure that the unit covers best. Best is the smallest p, then the largest value above
    chance.

    Parameters
    ----------
    table : DataFrame
        Rows of `adjusted`.

    Returns
    -------
    dict of int to str
        Units and their labels; a unit without a match has none.
    """
    matched = table[table["matched"]].assign(above=table["value"] - table["chance"])
    matched = matched.sort_values(["p", "above"], ascending=[True, False], kind="stable")
    found = {}
    for unit, rows in matched.groupby("unit"):
        said = rows[rows["kind"] == "word"]["concept"].tolist()
        best: dict[str, str] = {}
        for word in sorted(said, key=_is_finding):  # descriptors first, else as sorted above
            finding = WORDS[word].finding or (word if WORDS[word].category == "finding" else "")
            best.setdefault(finding, named(word))
        found[int(unit)] = ", ".join(best.values()) or rows["concept"].iloc[0]
    return found


def _is_finding(word: str) -> bool:
    """Whether a word describes no other finding."""
    return not WORDS[word].finding


def top_share(amounts: np.ndarray, present: np.ndarray, count: int) -> np.ndarray:
    """The share of the `count` strongest images of each unit that have a word, (U,); amounts: (n,
    U); present: bool (n,).
    """
    return present[np.argsort(-amounts, axis=0, kind="stable")[:count]].mean(axis=0)


def groups(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Nuisance variables in the form that `words` takes: a bool column for each value of those of
    the columns that exist, named "site A".
    """
    found = {}
    for name in columns:
        for value in sorted(table[name].dropna().astype(str).unique()) if name in table else ():
            found[f"{name} {value}"] = (table[name].astype(str) == value).to_numpy()
    return pd.DataFrame(found, index=table.index)
