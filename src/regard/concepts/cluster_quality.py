"""What clusters of activations are worth: agreement with tissue, fidelity to the output, and
dependence on patients and scanners.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats.contingency import crosstab
from sklearn.metrics import adjusted_rand_score, r2_score
from torch import Tensor

from regard.core import statistics
from regard.models.performance import auroc

Statistic = Callable[[np.ndarray], np.ndarray]


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
    drawn: Mapping[str, np.ndarray | None], structures: Sequence[str], shape: tuple[int, int]
) -> np.ndarray | None:
    """The tissue of each pixel.

    Parameters
    ----------
    drawn : mapping of str to ndarray or None
        Masks, bool (H, W), by structure; None for one that is not annotated.
    structures : sequence of str
        Where two overlap, the first counts.
    shape : tuple of int
        (H, W).

    Returns
    -------
    ndarray or None
        Int (H, W): the place of the structure in `structures`, their number where there is none.
        None when one of the structures is not annotated.
    """
    found = np.full(shape, len(structures))
    for number in reversed(range(len(structures))):
        mask = drawn.get(structures[number])
        if mask is None:
            return None
        found[mask] = number
    return found


def features(weights: Tensor, images: int) -> np.ndarray:
    """The mean weight of each cluster in a tile, then the largest: float64 (N, 2 K) of weights (N h
    w, K).
    """
    each = weights.view(images, -1, weights.shape[1]).double()
    return torch.cat([each.mean(dim=1), each.amax(dim=1)], dim=1).numpy()


def regressed(train: np.ndarray, output: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The output (m,) that a ridge regression predicts from features `test` (m, F). It is fitted to
    the features `train` (n, F) and the output (n,), with standardised features and penalty 1.
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
    """The expectation of `variance_explained` when values are permuted among `groups` (n,): (g - 1)
    / (n - 1) for g groups.
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
    """How well a prediction follows a network's output, and how well it separates the classes.

    Parameters
    ----------
    output, said : ndarray
        (n,): the output of each tile, and its prediction.
    positive : ndarray
        (n,): bool; or 1, 0, and NaN for unknown, which the AUROC leaves out.
    patients : ndarray
        (n,): the patient of each tile.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    list of dict
        "R squared" against the output and "AUROC" against `positive`: measure, value, ci_low,
        ci_high, n_cases, n_patients.
    """
    known = ~np.isnan(np.asarray(positive, float))

    def squared(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        mean = weights @ output / total
        variance = weights @ output**2 / total - mean**2
        return 1 - weights @ (output - said) ** 2 / total / variance

    separates = weighted_auroc(np.asarray(positive)[known] == 1, said[known])
    measures: dict[str, tuple[Statistic, np.ndarray]] = {
        "R squared": (squared, np.ones_like(known)),
        "AUROC": (separates, known),
    }
    found = []
    for name, (measure, some) in measures.items():
        interval = statistics.interval(measure, patients[some], draws, seed)
        row = dict(zip(("value", "ci_low", "ci_high"), interval))
        counted = {"n_cases": int(some.sum()), "n_patients": len(set(patients[some]))}
        found.append({"measure": name} | row | counted)
    return found


def weighted_auroc(positive: np.ndarray, scores: np.ndarray) -> Statistic:
    """The AUROC of bool `positive` (n,) and scores (n,) as a function of weights (draws, n) of the
    cases, for `statistics.interval`.
    """

    def of_weights(weights: np.ndarray) -> np.ndarray:
        return np.asarray(auroc(positive, scores, weights))

    return of_weights


AGGREGATES: dict[str, Callable[[np.ndarray], float]] = {  # of the outputs of a slide's tiles
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
    """How well a network's output separates slides with a positive tile from the others.

    Parameters
    ----------
    output, positive, patients, draws, seed
        Of the tiles, as of `fidelity`. A slide is unknown when a tile is and none is positive.
    slides : ndarray
        (n,): the slide of each tile.

    Returns
    -------
    list of dict
        The AUROC by each of AGGREGATES, rows as of `fidelity`; n_cases are slides.
    """
    names, first, member = np.unique(
        np.asarray(slides, str), return_index=True, return_inverse=True
    )
    tiles = [np.asarray(positive, float)[member == slide] for slide in range(len(names))]
    # the largest of any NaN is NaN
    has = np.array([1.0 if (tile == 1).any() else tile.max() for tile in tiles])
    known = ~np.isnan(has)
    whose, found = np.asarray(patients)[first][known], []
    for name, aggregate in AGGREGATES.items():
        scores = [aggregate(output[member == slide]) for slide in np.flatnonzero(known)]
        measure = weighted_auroc(has[known] == 1, np.array(scores))
        interval = statistics.interval(measure, whose, draws, seed)
        row = dict(zip(("value", "ci_low", "ci_high"), interval))
        counted = {"n_cases": int(known.sum()), "n_patients": len(set(whose))}
        found.append({"measure": f"AUROC of slides, {name}"} | row | counted)
    return found


def coefficients(
    amounts: np.ndarray, output: np.ndarray, patients: np.ndarray, draws: int, seed: int
) -> tuple[pd.DataFrame, float]:
    """Least squares of the output of slides on their amounts of each cluster.

    Parameters
    ----------
    amounts : ndarray
        (n, K): they are standardised; an intercept is added.
    output, patients : ndarray
        (n,): the output and the patient of each slide.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        coefficient, ci_low, ci_high: a row per cluster, NaN for one that does not vary.
    float
        R squared.
    """
    spread = amounts.std(axis=0)
    scaled = np.where(
        spread > 0, (amounts - amounts.mean(axis=0)) / np.where(spread > 0, spread, 1), 0.0
    )
    design = np.column_stack([np.ones(len(scaled)), scaled])

    def fit(counts: np.ndarray) -> np.ndarray:
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
    """Means with intervals over patients.

    Parameters
    ----------
    values : DataFrame
        A row per value: the columns `by`, patient, value. NaN is undefined and left out.
    by : sequence of str
        Columns; there is a mean for each combination of their values.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        The columns `by`, value, ci_low, ci_high, n_cases, n_patients, n_undefined.
    """
    rows = []
    for key, part in values.groupby(list(by), sort=False):
        patients, known = part["patient"], part["value"].notna()
        interval = statistics.mean_interval(
            part["value"].to_numpy(float), patients.to_numpy(), draws, seed
        )
        row = dict(zip(by, key)) | dict(zip(("value", "ci_low", "ci_high"), interval))
        counted = {"n_cases": int(known.sum()), "n_patients": patients[known].nunique()}
        rows.append(row | counted | {"n_undefined": int((~known).sum())})
    return pd.DataFrame(rows)


def against(values: pd.DataFrame, first: str, draws: int, flips: int, seed: int) -> pd.DataFrame:
    """Paired differences of one dictionary with each other, on the same cases.

    Parameters
    ----------
    values : DataFrame
        case, patient, dictionary, measure, value.
    first : str
        The dictionary that is compared with the others.
    draws, flips, seed : int
        Of the bootstrap and of the sign flips.

    Returns
    -------
    DataFrame
        measure, first, second, the columns of `statistics.contrasts`, and p_holm, adjusted over all
        rows. No row where nothing was measured.
    """
    if values.empty:
        return pd.DataFrame(columns=["measure", "first", "second", *statistics.CONTRAST, "p_holm"])
    wide = values.pivot(
        index=["case", "patient"], columns=["measure", "dictionary"], values="value"
    )
    pairs = [(measure, second) for measure, second in wide.columns if second != first]
    differences = np.stack(
        [wide[measure, first] - wide[measure, second] for measure, second in pairs], axis=1
    )
    found = statistics.contrasts(
        differences, wide.index.get_level_values("patient").to_numpy(), draws, flips, seed
    )
    names = pd.DataFrame(
        [{"measure": measure, "first": first, "second": second} for measure, second in pairs]
    )
    return pd.concat([names, found], axis=1).assign(p_holm=statistics.holm(found["p"]))
