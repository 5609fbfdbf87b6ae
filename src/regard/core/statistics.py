"""Uncertainty over patients: images of one patient are resampled together (cluster bootstrap, Field
and Welsh 2007).
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy import special

from regard.core.permutations import dealt, permuted

__all__ = [
    "CONTRAST",
    "FEWEST",
    "LEVEL",
    "TESTED_FROM",
    "contrasts",
    "dealt",
    "difference_between",
    "holm",
    "interval",
    "mean_interval",
    "mean_intervals",
    "paired",
    "permuted",
    "resamples",
]

LEVEL = 0.95
FEWEST = 5  # patients, with less of whom a mean has no interval
TESTED_FROM = 40  # patients, with less of whom nothing is tested and no claim gets a verdict


def resamples(patients: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often each case counts in resamples of patients with replacement.

    Parameters
    ----------
    patients : ndarray (N,)
        Ordered by name, so that the order of the rows does not matter.
    draws, seed : int

    Returns
    -------
    ndarray (draws, N)
        int.
    """
    names, member = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    return _counts(len(names), draws, seed)[:, member]


@functools.lru_cache(maxsize=16)  # a table asks for the same draws in row after row
def _counts(patients: int, draws: int, seed: int) -> np.ndarray:
    counts = np.random.default_rng(seed).multinomial(
        patients, np.full(patients, 1 / patients), size=draws
    )
    counts.flags.writeable = False
    return counts


def interval(
    statistic: Callable[[np.ndarray], np.ndarray],
    patients: np.ndarray,
    draws: int,
    seed: int,
    tail: float = (1 - LEVEL) / 2,
) -> tuple[float, float, float]:
    """A statistic of all cases and its 95 % percentile interval over patients.

    Parameters
    ----------
    statistic : callable
        From the weights (K, N) of the cases in K resamples to values (K,). Undefined values (NaN)
        are left out of the interval.
    patients : ndarray (N,)
    draws, seed : int
    tail : float
        Share of the resamples beyond either end.

    Returns
    -------
    value, low, high : float
        The ends are NaN with fewer than two patients.
    """
    patients = np.asarray(patients)
    value = float(statistic(np.ones((1, len(patients))))[0])
    if len(set(patients)) < 2:
        return value, float("nan"), float("nan")
    return value, *_percentiles(
        np.asarray(statistic(resamples(patients, draws, seed)), dtype=float), tail
    )


def _percentiles(values: np.ndarray, tail: float) -> tuple[float, float]:
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def mean_interval(
    values: np.ndarray, patients: np.ndarray, draws: int, seed: int
) -> tuple[float, float, float]:
    """Mean over the cases and its 95 % interval over patients.

    Parameters
    ----------
    values : ndarray (N,)
        NaN is left out.
    patients, draws, seed
        As in `mean_intervals`.

    Returns
    -------
    mean, low, high : float
        NaN without a defined value.
    """
    column = np.asarray(values, float)[:, None]
    mean, low, high = mean_intervals(column, patients, draws, seed)
    return float(mean[0]), float(low[0]), float(high[0])


def mean_intervals(
    values: np.ndarray,
    patients: np.ndarray,
    draws: int,
    seed: int,
    shares: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means over the cases of each column and their 95 % intervals over patients.

    Parameters
    ----------
    values : ndarray (N, K)
        NaN is left out. Columns share their resamples.
    patients : ndarray (N,)
    draws, seed : int
    shares : ndarray (K,), optional
        bool, the columns of values 0 and 1 whose interval is Wilson's.

    Returns
    -------
    mean, low, high : ndarray (K,)
        The ends are NaN with fewer than FEWEST patients.

    Notes
    ----- The interval is the expanded percentile bootstrap (Hesterberg 2015): plain percentiles are
    too narrow for few patients, so the tails are those at which Student's t with n - 1 degrees of
    freedom would cut. Wilson's interval takes the number of cases divided by the design effect
    (Korn and Graubard 1998): a bootstrap of 40 hits of 40 has no width.
    """
    mean, low, high = np.full((3, values.shape[1]), np.nan)
    for columns, sums, counts in _by_patient(values, patients):
        mean[columns] = sums.sum(axis=0) / counts.sum()
        if len(counts) < FEWEST:
            continue
        of_shares = np.zeros(len(columns), bool) if shares is None else np.asarray(shares)[columns]
        others = columns[~of_shares]
        if len(others):
            tail = _tail(len(counts))
            weights = _weights(len(counts), draws, seed)
            means = (weights @ sums[:, ~of_shares]) / (weights @ counts)[:, None]
            low[others], high[others] = np.quantile(means, [tail, 1 - tail], axis=0)
        if of_shares.any():
            low[columns[of_shares]], high[columns[of_shares]] = _wilson(sums[:, of_shares], counts)
    return mean, low, high


def _tail(patients: int) -> float:
    """The share of a bootstrap of means that lies beyond either end of the interval, for so many
    patients.
    """
    return float(
        special.ndtr(
            -np.sqrt(patients / (patients - 1)) * special.stdtrit(patients - 1, (1 + LEVEL) / 2)
        )
    )


def _wilson(sums: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval of shares from each patient's sums (P, k) and number of cases (P,)."""
    from statsmodels.stats.proportion import proportion_confint  # slow to import

    patients, cases = len(counts), counts.sum()
    share, z = sums.sum(axis=0) / cases, special.ndtri((1 + LEVEL) / 2)
    rest = (sums - share * counts[:, None]) / cases
    variance = (rest**2).sum(axis=0) * patients / (patients - 1)
    worth = np.divide(
        share * (1 - share), variance, out=np.full(len(share), float(patients)), where=variance > 0
    )
    worth = np.minimum(worth, cases) * (z / special.stdtrit(patients - 1, (1 + LEVEL) / 2)) ** 2
    low, high = proportion_confint(share * worth, worth, alpha=1 - LEVEL, method="wilson")
    return np.where(share == 0, 0.0, low), np.where(share == 1, 1.0, high)  # but for rounding


def _by_patient(
    values: np.ndarray, patients: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Columns of values (N, K) that are defined for the same cases, together: which they are, their
    sums (P, k) and the number of cases (P,) of each patient who has any, patients by name."""
    patients, defined = np.asarray(patients).astype(str), ~np.isnan(values)
    alike: dict[bytes, list[int]] = {}
    for column in range(values.shape[1]):
        alike.setdefault(defined[:, column].tobytes(), []).append(column)
    for columns in map(np.array, alike.values()):
        rows = defined[:, columns[0]]
        if rows.any():
            names, member = np.unique(patients[rows], return_inverse=True)
            belongs = (member == np.arange(len(names))[:, None]).astype(float)
            yield columns, belongs @ values[np.ix_(rows, columns)], belongs.sum(axis=1)


@functools.lru_cache(maxsize=16)
def _weights(patients: int, draws: int, seed: int) -> np.ndarray:
    return _counts(patients, draws, seed).astype(float)


CONTRAST = (
    "difference",
    "ci_low",
    "ci_high",
    "effect",
    "p",
    "n_cases",
    "n_patients",
)  # columns of `contrasts`


def contrasts(
    differences: np.ndarray, patients: np.ndarray, draws: int, flips: int, seed: int
) -> pd.DataFrame:
    """Statistics of the paired differences of K contrasts.

    Parameters
    ----------
    differences : ndarray (N, K)
        NaN is left out and not counted.
    patients : ndarray (N,)
    draws : int
        Resamples of the intervals.
    flips : int
        Draws of signs of the tests.
    seed : int

    Returns
    -------
    DataFrame
        K rows with the columns CONTRAST. difference: mean over the cases; ci_low, ci_high: as of
        `mean_interval`; effect: mean over standard deviation of the patients' mean differences
        (Cohen 1988, d_z), NaN where they do not vary; p: two-sided, of a sign-flip test over
        patients (Fisher 1935), one added to count and total (Phipson and Smyth 2010); n_cases,
        n_patients: those with a defined difference. With one patient all but the mean and the
        counts are NaN.
    """
    differences = np.asarray(differences, dtype=float)
    found = dict(
        zip(("difference", "ci_low", "ci_high"), mean_intervals(differences, patients, draws, seed))
    )
    found |= {name: np.full(differences.shape[1], np.nan) for name in ("effect", "p")}
    found |= {name: np.zeros(differences.shape[1], int) for name in ("n_cases", "n_patients")}
    for columns, sums, counts in _by_patient(differences, patients):
        found["n_cases"][columns], found["n_patients"][columns] = counts.sum(), len(counts)
        if len(counts) > 1:
            means = sums / counts[:, None]
            spread = means.std(axis=0, ddof=1)
            found["effect"][columns] = np.divide(
                means.mean(axis=0), spread, out=np.full(len(columns), np.nan), where=spread > 1e-12
            )
            for part in np.array_split(np.arange(len(columns)), -(-len(columns) // 64)):
                found["p"][columns[part]] = _sign_flips(sums[:, part], flips, seed)
    return pd.DataFrame(found)


def _sign_flips(sums: np.ndarray, flips: int, seed: int) -> np.ndarray:
    """Two-sided p of each column of the patients' sums (P, k)."""
    observed = np.abs(sums.sum(axis=0))
    as_large = np.abs(_signs(len(sums), flips, seed) @ sums) >= observed - 1e-9 * np.abs(sums).sum(
        axis=0
    )
    return (as_large.sum(axis=0) + 1) / (flips + 1)


@functools.lru_cache(maxsize=2)
def _signs(patients: int, flips: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).integers(0, 2, (flips, patients)) * 2.0 - 1


def paired(
    first: np.ndarray,
    second: np.ndarray,
    patients: np.ndarray,
    draws: int,
    seed: int,
    flips: int | None = None,
) -> dict:
    """The row of `contrasts` for the difference of two scores of the same cases.

    Parameters
    ----------
    first, second : ndarray (N,)
    patients : ndarray (N,)
    draws, seed : int
    flips : int, optional
        By default as many as `draws`.

    Returns
    -------
    dict
    """
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    return (
        contrasts(difference[:, None], patients, draws, draws if flips is None else flips, seed)
        .iloc[0]
        .to_dict()
    )


def difference_between(
    values: np.ndarray, groups: np.ndarray, patients: np.ndarray, draws: int, seed: int
) -> tuple[float, float, float]:
    """Difference of the means within and outside of a group, and its 95 % interval over patients.

    Parameters
    ----------
    values : ndarray (N,)
        NaN is left out.
    groups : ndarray (N,)
        bool.
    patients : ndarray (N,)
    draws, seed : int

    Returns
    -------
    value, low, high : float
        The interval is expanded, as in `mean_intervals`.
    """
    defined = ~np.isnan(values)
    values, inside, patients = (
        values[defined],
        np.asarray(groups, float)[defined],
        np.asarray(patients)[defined],
    )

    def statistic(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            one, other = (
                (weights * side) @ values / (weights * side).sum(axis=1)
                for side in (inside, 1 - inside)
            )
        return one - other

    known = len(set(patients))
    return interval(statistic, patients, draws, seed, _tail(known) if known > 1 else 0.0)


def holm(p: pd.Series) -> pd.Series:
    """Holm-adjusted p values (Holm 1979) over the defined ones; undefined stay undefined."""
    from statsmodels.stats.multitest import multipletests  # slow to import

    adjusted = p.copy()
    defined = p.notna()
    if defined.any():
        adjusted[defined] = multipletests(p[defined], method="holm")[1]
    return adjusted
