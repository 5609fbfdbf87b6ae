"""What a classifier achieves on the test patients, per class or finding, with intervals over
patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regard.core import statistics
from regard.core.columns import PERFORMANCE

if TYPE_CHECKING:
    from torch import Tensor

MEAN = "mean of all"  # the target of the AUROC that is averaged over findings or classes
HARDLY_KNOWN = 0.6  # a target is flagged when its AUROC could be lower than this


def one_against_rest(
    targets: Tensor, scores: np.ndarray
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Each target against the rest, from the cases where it is known.

    Parameters
    ----------
    targets : Tensor (N,) or (N, findings)
        int, -1 unknown; or float, NaN unknown.
    scores : ndarray (N, classes) or (N, findings)

    Returns
    -------
    list of (int, ndarray, ndarray)
        Place of the target, whether each known case is positive (bool), and the scores of these
        cases. Of two classes only the second is a target.
    """
    values = targets.numpy()
    if targets.is_floating_point():
        return [
            (place, *_known_cases(values[:, place], scores[:, place], 1))
            for place in range(values.shape[1])
        ]
    whole = np.where(values < 0, np.nan, values)
    places = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    return [(place, *_known_cases(whole, scores[:, place], place)) for place in places]


def _known_cases(
    values: np.ndarray, scores: np.ndarray, positive: int
) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(values)
    return values[known] == positive, scores[known]


def auroc(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Area under the ROC curve. Ties count one half.

    Parameters
    ----------
    positive : ndarray (N,)
        bool.
    scores : ndarray (N,)
    weights : ndarray (N,) or (draws, N), optional
        Of the cases.

    Returns
    -------
    float or ndarray (draws,)
        0 to 1; NaN where one class has no weight.

    Notes
    -----
    As scikit-learn's `roc_auc_score`, for many weights at once.
    """
    weights, single = _weights(positive, weights)
    present, absent = _by_score(positive, scores, weights)
    below = np.cumsum(absent, axis=1) - absent
    pairs = present.sum(axis=1) * absent.sum(axis=1)
    with np.errstate(invalid="ignore"):
        found = (present * (below + absent / 2)).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)
    return float(found[0]) if single else found


def auprc(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Average precision: the precision at each score, weighted by the gain in recall.

    Parameters
    ----------
    positive, scores, weights
        As in `auroc`.

    Returns
    -------
    float or ndarray (draws,)
        0 to 1, the chance level being the share of positive cases; NaN without a positive case.

    Notes
    -----
    As scikit-learn's `average_precision_score`, for many weights at once.
    """
    weights, single = _weights(positive, weights)
    present, absent = (part[:, ::-1] for part in _by_score(positive, scores, weights))
    hits, total = np.cumsum(present, axis=1), np.cumsum(present + absent, axis=1)
    precision = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
    every = present.sum(axis=1)
    found = (present * precision).sum(axis=1) / np.where(every > 0, every, np.nan)
    return float(found[0]) if single else found


def _weights(positive: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, bool]:
    weights = np.ones(len(positive)) if weights is None else np.asarray(weights, dtype=float)
    return np.atleast_2d(weights), weights.ndim == 1


def _by_score(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weight of the positive and of the negative cases at each distinct score, ascending: (draws,
    scores) each.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
    weights, positive = weights[:, order], positive[order]
    present, absent = (
        np.add.reduceat(weights * kept, starts, axis=1) for kept in (positive, ~positive)
    )
    return present, absent


def called(scores: np.ndarray, thresholds: np.ndarray | None, kind: str) -> np.ndarray:
    """The classes or findings that are called.

    Parameters
    ----------
    scores : ndarray (N, classes)
        Probabilities.
    thresholds : ndarray, optional
        As from `training.thresholds`; None takes the class of highest probability.
    kind : {"label", "findings"}

    Returns
    -------
    ndarray (N,) or (N, findings)
        Class indices, or bool.
    """
    if kind == "findings":
        return scores >= thresholds
    return (
        scores.argmax(axis=1) if thresholds is None else (scores[:, 1] >= thresholds[0]).astype(int)
    )


def performance(
    targets: Tensor,
    scores: np.ndarray,
    thresholds: np.ndarray | None,
    classes: Sequence[str],
    kind: str,
    patients: np.ndarray,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """AUROC, AUPRC, accuracy, sensitivity and specificity with 95 % intervals over patients.

    Parameters
    ----------
    targets : Tensor (N,) or (N, findings)
        As from `training.targets`.
    scores : ndarray (N, classes)
        Probabilities.
    thresholds : ndarray, optional
        As from `training.thresholds`.
    classes : sequence of str
        Two classes have one target, the second; more classes each against the rest; findings each.
    kind : {"label", "findings"}
    patients : ndarray (N,)
    draws : int
        Resamples of the patients.
    seed : int

    Returns
    -------
    DataFrame
        Columns PERFORMANCE. n_cases, n_patients: those of the value (of the sensitivity the
        positive ones); n_positive: of one target; n_draws: resamples of the interval, without those
        in which the value is undefined, 0 for Wilson's; flagged: a target, or the mean, whose AUROC
        could be below HARDLY_KNOWN or has no interval.

    Notes
    ----- Intervals of areas are percentiles of the resamples. Those of accuracy, sensitivity and
    specificity are Wilson's with the number of cases divided by the design effect, since cases of
    one patient are alike (see `statistics.mean_intervals`). Fewer than FEWEST patients have no
    interval. For findings, and for three classes or more, the mean AUROC over targets is the row
    MEAN, undefined in a resample where one of them is.
    """
    chosen, values = called(scores, thresholds, kind), targets.numpy()
    whole = values if kind == "findings" else np.where(values < 0, np.nan, values)
    rows: list[dict] = []
    of_targets = []
    for place, positive, score in one_against_rest(targets, scores):
        known = ~np.isnan(whole[:, place] if kind == "findings" else whole)
        said = chosen[known, place] if kind == "findings" else chosen[known] == place
        rows += _rows(classes[place], positive, score, said, patients[known], draws, seed)
        of_targets.append((positive, score, known))
    if kind == "findings" or len(classes) > 2:
        some = ~np.isnan(whole).reshape(len(whole), -1).all(axis=1)
        mean_area = partial(_mean_area, of_targets)
        rows += _flagged([_area(MEAN, "auroc", mean_area, some, patients, draws, seed)])
    if kind == "label" and len(classes) > 2:
        known = ~np.isnan(whole)
        rows.append(_share("all classes", "accuracy", chosen == whole, known, patients))
        rows[-1]["flagged"] = rows[-2]["flagged"]
    return pd.DataFrame(rows, columns=PERFORMANCE).astype({"n_positive": "Int64"})


def _rows(
    target: str,
    positive: np.ndarray,
    scores: np.ndarray,
    said: np.ndarray,
    patients: np.ndarray,
    draws: int,
    seed: int,
) -> list[dict]:
    """The rows of one target, from the cases where it is known: bool `positive`, their scores, and
    what the network called (`said`), (N,) each."""
    every = np.full(len(positive), True)
    areas = {"auroc": partial(auroc, positive, scores), "auprc": partial(auprc, positive, scores)}
    shares = {
        "accuracy": (said == positive, every),
        "sensitivity": (said, positive),
        "specificity": (~said, ~positive),
    }
    rows = [
        _area(target, name, measure, every, patients, draws, seed)
        for name, measure in areas.items()
    ]
    rows += [_share(target, name, *right, patients) for name, right in shares.items()]
    return _flagged([row | {"n_positive": int(positive.sum())} for row in rows])


def _flagged(rows: list[dict]) -> list[dict]:
    """`rows` of one target, of which the first is its AUROC."""
    return [row | {"flagged": not rows[0]["ci_low"] >= HARDLY_KNOWN} for row in rows]


def _mean_area(targets: Sequence[tuple], weights: np.ndarray) -> np.ndarray:
    """The mean AUROC of targets (positive, scores, known) under weights (draws, N) of all cases:
    (draws,).
    """
    areas = [auroc(positive, scores, weights[:, known]) for positive, scores, known in targets]
    return np.mean(np.asarray(areas), axis=0)


def _area(
    target: str,
    metric: str,
    measure: Callable,
    inside: np.ndarray,
    patients: np.ndarray,
    draws: int,
    seed: int,
) -> dict:
    """A row of the table, of `measure` (function of weights), which is taken over the cases
    `inside`.
    """
    usable = []

    def counted(weights: np.ndarray) -> np.ndarray:
        found = measure(weights)
        usable.append(int((~np.isnan(found)).sum()))
        return found

    value, low, high = statistics.interval(counted, patients, draws, seed)
    n_draws = usable[1] if len(usable) > 1 else 0
    if len(set(patients[inside])) < statistics.FEWEST:
        low, high, n_draws = np.nan, np.nan, 0
    return _described(target, metric, (value, low, high), inside, patients) | {"n_draws": n_draws}


def _share(
    target: str, metric: str, right: np.ndarray, inside: np.ndarray, patients: np.ndarray
) -> dict:
    """A row of the table, of the share of `right` among the cases `inside`, with Wilson's interval:
    no resamples.
    """
    values = np.where(inside, right, np.nan)[:, None]
    found = statistics.mean_intervals(values, patients, 1, 0, np.array([True]))
    return _described(target, metric, [float(end[0]) for end in found], inside, patients) | {
        "n_draws": 0
    }


def _described(
    target: str, metric: str, found: Sequence[float], inside: np.ndarray, patients: np.ndarray
) -> dict:
    row = {"target": target, "metric": metric} | dict(zip(("value", "ci_low", "ci_high"), found))
    return row | {"n_cases": int(inside.sum()), "n_patients": len(set(patients[inside]))}


def curves(
    targets: Tensor, scores: Mapping[str, np.ndarray], classes: Sequence[str], kind: str
) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Per target and network the (positive, scores) of a ROC curve.

    Parameters
    ----------
    targets : Tensor (N,) or (N, findings)
    scores : mapping
        Name of a network -> ndarray (N, classes).
    classes : sequence of str
    kind : {"label", "findings"}

    Returns
    -------
    dict
        {target: {network: (positive, scores)}}.
    """
    return {
        classes[place]: {
            name: (positive, one_against_rest(targets, found)[row][2])
            for name, found in scores.items()
        }
        for row, (place, positive, _) in enumerate(
            one_against_rest(targets, next(iter(scores.values())))
        )
    }
