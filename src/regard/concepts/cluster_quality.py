"""What clusters of activations are worth: how well they match tissue, what they say of the output,
and whom they go with.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from scipy.stats.contingency import crosstab
from sklearn.metrics import adjusted_rand_score, r2_score
from torch import Tensor

from regard.core import statistics
from regard.models.performance import auroc


def contingency(labels: np.ndarray, truth: np.ndarray, clusters: int, classes: int) -> np.ndarray:
    """How many pixels each cluster shares with each class.

    Parameters
    ----------
    labels, truth : ndarray
        Ints of one shape: the cluster and the class of each pixel. A class of -1 is not counted.
    clusters, classes : int
        How many of each there may be.

    Returns
    -------
    ndarray
        Counts, int (clusters, classes).
    """
    levels = (np.arange(clusters), np.arange(classes))
    return crosstab(labels.ravel(), truth.ravel(), levels=levels).count


def adjusted_rand(labels: np.ndarray, truth: np.ndarray) -> float:
    """Adjusted Rand index of two partitions of the pixels: 0 by chance, 1 for equal partitions.

    Parameters
    ----------
    labels, truth : ndarray
        Ints of one shape: the cluster and the class of each pixel. A class of -1 is not counted.

    Returns
    -------
    float
        NaN where all pixels lie in one cluster and in one class, and for no pixel.

    References
    ----------
    Hubert and Arabie, Journal of Classification 2 (1985) 193-218.
    """
    known = truth >= 0
    labels, truth = labels[known], truth[known]
    if len(np.unique(labels)) < 2 and len(np.unique(truth)) < 2:
        return float("nan")
    return float(adjusted_rand_score(truth, labels))


def best_iou(table: np.ndarray) -> np.ndarray:
    """The largest IoU of each class with a cluster, (..., classes), of tables of counts (...,
    clusters, classes).
    """
    union = table.sum(-1, keepdims=True) + table.sum(-2, keepdims=True) - table
    with np.errstate(invalid="ignore"):
        return np.where(union > 0, table / np.maximum(union, 1), 0.0).max(-2)


def tissue(
    drawn: dict[str, np.ndarray | None], structures: Sequence[str], shape: tuple[int, int]
) -> np.ndarray | None:
    """The number of the first of `structures` that each pixel lies in, one more where it lies in
    none: int (H, W) of masks (H, W). None where one of the structures is not annotated."""
    found = np.full(shape, len(structures))
    for number in reversed(range(len(structures))):
        if drawn.get(structures[number]) is None:
            return None
        found[drawn[structures[number]]] = number
    return found


def features(weights: Tensor, images: int) -> np.ndarray:
    """What a tile has of each cluster, float64 (N, 2 K): the mean weight, then the largest, over
    its locations.
    """
    each = weights.view(images, -1, weights.shape[1]).double()
    return torch.cat([each.mean(dim=1), each.amax(dim=1)], dim=1).numpy()


def regressed(train: np.ndarray, output: np.ndarray, test: np.ndarray) -> np.ndarray:
    """What a ridge regression (standardised features, penalty 1) from `train` (n, F) to a network's
    output (n,) says of `test`.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), Ridge(1.0)).fit(train, output).predict(test)


def variance_explained(values: np.ndarray, groups: np.ndarray) -> float:
    """The share of the variance of `values` (n,) between `groups` (n,), eta squared; NaN for a
    constant.
    """
    total = np.var(values)
    if total == 0:
        return float("nan")
    means = {group: values[groups == group].mean() for group in set(groups)}
    return float(np.var([means[group] for group in groups]) / total)


def variance_by_chance(groups: np.ndarray) -> float:
    """What `variance_explained` has on average when the values are dealt out anew among `groups`
    (n,): (g - 1) / (n - 1) of g groups.
    """
    return (len(set(groups)) - 1) / (len(groups) - 1) if len(groups) > 1 else float("nan")


def fidelity(
    output: np.ndarray,
    said: np.ndarray,
    positive: np.ndarray,
    patients: np.ndarray,
    draws: int,
    seed: int,
) -> list[dict]:
    """How well `said` (n,) gives a network's output (n,), as R squared, and tells the positive
    tiles (bool, or 1, 0 and NaN for unknown, which is left out) apart, as AUROC; with intervals
    over patients. A list of two rows: measure, value, ci_low, ci_high, n_cases, n_patients."""
    known = ~np.isnan(np.asarray(positive, float))

    def squared(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        mean = weights @ output / total
        variance = weights @ output**2 / total - mean**2
        return 1 - weights @ (output - said) ** 2 / total / variance

    telling = partial(auroc, np.asarray(positive)[known] == 1, said[known])
    measures = {"R squared": (squared, np.ones_like(known)), "AUROC": (telling, known)}
    found = []
    for name, (measure, some) in measures.items():
        value, low, high = statistics.interval(measure, patients[some], draws, seed)
        counted = {"n_cases": int(some.sum()), "n_patients": len(set(patients[some]))}
        found.append({"measure": name, "value": value, "ci_low": low, "ci_high": high} | counted)
    return found


AGGREGATES = {  # of the outputs of a slide's tiles
    "largest": lambda values: values.max(),
    "mean of the 3 largest": lambda values: np.sort(values)[-3:].mean(),
}


def of_slides(
    output: np.ndarray,
    positive: np.ndarray,
    slides: np.ndarray,
    patients: np.ndarray,
    draws: int,
    seed: int,
) -> list[dict]:
    """How well a network's output (n,) of tiles tells slides with a positive tile from the rest, by
    each of AGGREGATES: AUROC with its interval over patients, rows as of `fidelity`; n_cases are
    slides. positive: as there; a slide is unknown where a tile is and none is positive."""
    names, first, member = np.unique(
        np.asarray(slides, str), return_index=True, return_inverse=True
    )
    tiles = [np.asarray(positive, float)[member == at] for at in range(len(names))]
    has = np.array(
        [1.0 if (of == 1).any() else of.max() for of in tiles]
    )  # the largest of any NaN is NaN
    known = ~np.isnan(has)
    whose, found = np.asarray(patients)[first][known], []
    for name, aggregate in AGGREGATES.items():
        scores = np.array([aggregate(output[member == at]) for at in np.flatnonzero(known)])
        value, low, high = statistics.interval(
            partial(auroc, has[known] == 1, scores), whose, draws, seed
        )
        row = {
            "measure": f"AUROC of slides, {name}",
            "value": value,
            "ci_low": low,
            "ci_high": high,
        }
        found.append(row | {"n_cases": int(known.sum()), "n_patients": len(set(whose))})
    return found


def coefficients(
    amounts: np.ndarray, output: np.ndarray, patients: np.ndarray, draws: int, seed: int
) -> tuple[pd.DataFrame, float]:
    """Least squares of the output (n,) of slides on how much they have of each cluster (n, K),
    standardised, with an intercept: a row of coefficient, ci_low and ci_high for each cluster, over
    patients, and R squared. NaN for a cluster that does not vary."""
    spread = amounts.std(axis=0)
    scaled = np.where(
        spread > 0, (amounts - amounts.mean(axis=0)) / np.where(spread > 0, spread, 1), 0.0
    )
    design = np.column_stack([np.ones(len(scaled)), scaled])

    def fit(counts):
        return np.linalg.lstsq(
            design * np.sqrt(counts)[:, None], output * np.sqrt(counts), rcond=None
        )[0]

    whole = fit(np.ones(len(output)))
    drawn = np.stack([fit(counts)[1:] for counts in statistics.resamples(patients, draws, seed)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    table = pd.DataFrame({"coefficient": whole[1:], "ci_low": low, "ci_high": high})
    table[spread == 0] = np.nan
    return table, float(r2_score(output, design @ whole))


def summarised(values: pd.DataFrame, by: Sequence[str], draws: int, seed: int) -> pd.DataFrame:
    """Means of the column `value` for each combination of `by`, with intervals over the column
    `patient`; undefined ones left out and counted: value, ci_low, ci_high, n_cases, n_patients,
    n_undefined."""
    rows = []
    for key, part in values.groupby(list(by), sort=False):
        mean, low, high = statistics.mean_intervals(
            part[["value"]].to_numpy(float), part["patient"].to_numpy(), draws, seed
        )
        known = part["value"].notna()
        row = dict(zip(by, key)) | {
            "value": mean[0],
            "ci_low": low[0],
            "ci_high": high[0],
            "n_cases": int(known.sum()),
        }
        rows.append(
            row
            | {"n_patients": part["patient"][known].nunique(), "n_undefined": int((~known).sum())}
        )
    return pd.DataFrame(rows)


def against(values: pd.DataFrame, first: str, draws: int, flips: int, seed: int) -> pd.DataFrame:
    """Paired differences of the dictionary `first` with each other one, of each measure of the long
    table `values` (case, patient, dictionary, measure, value), on the same cases; p values adjusted
    after Holm over all of them. Columns measure, first, second and those of `statistics.contrasts`;
    no row where nothing was measured."""
    if values.empty:
        return pd.DataFrame(columns=["measure", "first", "second", *statistics.CONTRAST, "p_holm"])
    wide = values.pivot(
        index=["case", "patient"], columns=["measure", "dictionary"], values="value"
    )
    asked = [(measure, second) for measure, second in wide.columns if second != first]
    differences = np.stack(
        [wide[measure, first] - wide[measure, second] for measure, second in asked], axis=1
    )
    found = statistics.contrasts(
        differences, wide.index.get_level_values("patient").to_numpy(), draws, flips, seed
    )
    said = pd.DataFrame(
        [{"measure": measure, "first": first, "second": second} for measure, second in asked]
    )
    return pd.concat([said, found], axis=1).assign(p_holm=statistics.holm(found["p"]))
