"""Uncertainty over patients: images of one patient are resampled together (cluster bootstrap, Field and Welsh 2007)."""

import functools
import zlib
from collections.abc import Callable

import numpy as np
import pandas as pd

LEVEL = 0.95


def seed_of(*key: object) -> int:
    """A seed that belongs to `key` alone, so that adding rows to a table changes no other row."""
    return zlib.crc32("\x1f".join(map(str, key)).encode())


def resamples(patients: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often each case counts in each of `draws` resamples of patients with replacement: int (draws, N).

    Patients are ordered by name, so that the order of the rows does not matter.
    """
    names, member = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    return _counts(len(names), draws, seed)[:, member]


@functools.lru_cache(maxsize=16)  # a table asks for the same draws in row after row
def _counts(patients: int, draws: int, seed: int) -> np.ndarray:
    counts = np.random.default_rng(seed).multinomial(patients, np.full(patients, 1 / patients), size=draws)
    counts.flags.writeable = False
    return counts


def interval(
    statistic: Callable[[np.ndarray], np.ndarray], patients: np.ndarray, draws: int, seed: int
) -> tuple[float, float, float]:
    """`statistic` of all cases and its 95 % percentile interval over patients.

    statistic: function of the weights (K, N) of the cases in K resamples, gives (K,). Resamples in which it is
    undefined (NaN) are left out.
    The interval is NaN with fewer than two patients.
    """
    patients = np.asarray(patients)
    value = float(statistic(np.ones((1, len(patients))))[0])
    if len(set(patients)) < 2:
        return value, float("nan"), float("nan")
    return value, *_percentiles(np.asarray(statistic(resamples(patients, draws, seed)), dtype=float))


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def mean_interval(values: np.ndarray, patients: np.ndarray, draws: int, seed: int) -> tuple[float, float, float]:
    """Mean over the cases and its 95 % percentile interval over patients; undefined values (NaN) are left out.

    The same as `interval` of the weighted mean, computed at once. All NaN without a defined value.
    """
    values, patients = np.asarray(values, dtype=float), np.asarray(patients)
    defined = ~np.isnan(values)
    values, patients = values[defined], patients[defined]
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    if len(set(patients)) < 2:
        return float(values.mean()), float("nan"), float("nan")
    return float(values.mean()), *_percentiles(_means(values, patients, draws, seed))


def _means(values: np.ndarray, patients: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """The mean of `values` in each resample of patients, from the sums of each patient: (draws,)."""
    names, member = np.unique(patients.astype(str), return_inverse=True)
    weights = _weights(len(names), draws, seed)
    return (weights @ np.bincount(member, values)) / (weights @ np.bincount(member))


@functools.lru_cache(maxsize=16)
def _weights(patients: int, draws: int, seed: int) -> np.ndarray:
    return _counts(patients, draws, seed).astype(float)


def paired(first: np.ndarray, second: np.ndarray, patients: np.ndarray, draws: int, seed: int) -> dict:
    """Mean difference first - second on the same cases, interval over patients, two-sided bootstrap p.

    p inverts the percentile interval: twice the smaller share of resampled differences on one side of zero, with one
    added to count and total
    (Davison and Hinkley 1997, eq. 4.11), so never zero; and never less than 2^(1 - m), the chance that the m patients whose
    means differ all do so in one direction: a bootstrap of few patients is surer than they can be. Cases where either is undefined are left out and not counted in
    n_cases.
    """
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    defined = ~np.isnan(difference)
    difference, patients = difference[defined], np.asarray(patients)[defined]
    row = {"difference": float("nan"), "ci_low": float("nan"), "ci_high": float("nan"), "p": float("nan")}
    row |= {"n_cases": len(difference), "n_patients": len(set(patients))}
    if row["n_cases"]:
        row["difference"] = float(difference.mean())
    if row["n_patients"] > 1:
        means = _means(difference, patients, draws, seed)
        row["ci_low"], row["ci_high"] = _percentiles(means)
        tail = min((means <= 0).sum(), (means >= 0).sum())
        differing = int((pd.Series(difference).groupby(patients).mean() != 0).sum())
        row["p"] = float(min(1.0, max(2 * (tail + 1) / (draws + 1), 2.0 ** (1 - differing))))
    return row


def holm(p: pd.Series) -> pd.Series:
    """Holm-adjusted p values (Holm 1979) over the defined ones; undefined stay undefined."""
    from statsmodels.stats.multitest import multipletests  # slow to import

    adjusted = p.copy()
    defined = p.notna()
    if defined.any():
        adjusted[defined] = multipletests(p[defined], method="holm")[1]
    return adjusted
