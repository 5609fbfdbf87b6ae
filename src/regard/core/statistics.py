"""Uncertainty over patients: images of one patient are resampled together (cluster bootstrap, Field
and Welsh 2007).
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy import special

LEVEL = 0.95
FEWEST = 5  # patients, with less of whom a mean has no interval
TESTED_FROM = 40  # patients, with less of whom nothing is tested and no claim gets a verdict


def resamples(patients: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often each case counts in each of `draws` resamples of patients with replacement: int
    (draws, N).

    Patients are ordered by name, so that the order of the rows does not matter.
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
    """`statistic` of all cases and its 95 % percentile interval over patients.

    statistic: function of the weights (K, N) of the cases in K resamples, gives (K,). Resamples in
    which it is undefined (NaN) are left out. tail: the share of the resamples beyond either end.
    The interval is NaN with fewer than two patients.
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
    """Mean over the cases and its 95 % interval over patients, as of `mean_intervals`; all NaN
    without a defined value.
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
    """Mean over the cases of each column of values (N, K) and the ends of its 95 % interval over
    patients, (K,) each; undefined values (NaN) are left out. Columns share their resamples.

    The interval is the bootstrap's expanded percentile interval (Hesterberg 2015): its tails are
    those at which Student's t of so many patients would cut, since plain percentiles are too narrow
    for few. Of columns that are `shares`, bool (K,), with values of 0 and 1, it is Wilson's, of as
    many independent cases as the patients are worth (Korn and Graubard 1998): a bootstrap of 39
    hits of 40 hardly knows misses, and one of 40 of 40 none. NaN with fewer than FEWEST patients.
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
    """What the paired differences (N, K) of K contrasts say, a row each; NaN is undefined, left out
    and not counted.

    difference: the mean over the cases; ci_low, ci_high: its interval, as of `mean_interval`.
    effect: the mean over the standard deviation of the patients' mean differences (Cohen 1988,
    d_z), NaN where they do not differ. p: two-sided, of a sign-flip test over patients (Fisher
    1935): under no difference the summed difference of each patient could as well have had the
    other sign; the share of `flips` draws of all signs that give a sum as large, one added to count
    and total (Phipson and Smyth 2010). n_cases, n_patients: those with a defined difference. All
    but the mean and the counts are NaN with fewer than two patients.
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
    """Row of `contrasts` of first - second (N,) on the same cases; flips: draws of signs, without
    as many as `draws`.
    """
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    return (
        contrasts(difference[:, None], patients, draws, draws if flips is None else flips, seed)
        .iloc[0]
        .to_dict()
    )


def permuted(
    hits: np.ndarray, patients: np.ndarray, draws: int, seed: int, groups: np.ndarray | None = None
) -> dict:
    """Whether maps hit the regions of their own cases more often than those of other patients.

    hits: bool or 0/1 (N, N), whether the map of case n hits the region of case m; patients (N,). In
    each draw the regions of all patients are dealt out anew, a case getting one of the patient's
    that it was dealt; groups (N,): within groups of what can stand for one another, such as the
    regions of one finding. p: one-sided, one added to count and total. Returns value (the share of
    own hits), permuted (the mean over the draws), p, n_cases (rows) and n_patients; permuted and p
    are NaN where no group has two patients.
    """
    hits, patients = np.asarray(hits, dtype=float), np.asarray(patients, dtype=str)
    groups = np.zeros(len(hits)) if groups is None else np.asarray(groups)
    found = {
        "value": float(np.diag(hits).mean()) if len(hits) else np.nan,
        "permuted": np.nan,
        "p": np.nan,
    }
    found |= {"n_cases": len(hits), "n_patients": len(set(patients))}
    random, total, able = np.random.default_rng(seed), np.zeros(draws), False
    for group in dict.fromkeys(groups.tolist()):
        rows = np.flatnonzero(groups == group)
        whose = dealt(patients[rows], draws, random)
        able |= whose is not None
        total += hits[rows, rows].sum() if whose is None else hits[rows, rows[whose]].sum(axis=1)
    if able:
        means = total / len(hits)
        found["permuted"] = float(means.mean())
        found["p"] = float(((means >= found["value"] - 1e-12).sum() + 1) / (draws + 1))
    return found


def dealt(patients: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray | None:
    """For each draw and row, int (draws, n), the row whose region, or words, it is dealt when those
    of all patients are dealt out anew, a row getting one of the patient's that it was dealt; None
    for one patient alone."""
    names, member = np.unique(patients, return_inverse=True)
    if len(names) < 2:
        return None
    order, count = np.argsort(member, kind="stable"), np.bincount(member)
    begin = np.cumsum(count) - count
    whose = np.argsort(random.random((draws, len(names))), axis=1)[:, member]
    return order[begin[whose] + (random.random(whose.shape) * count[whose]).astype(int)]


def difference_between(
    values: np.ndarray, groups: np.ndarray, patients: np.ndarray, draws: int, seed: int
) -> tuple[float, float, float]:
    """Mean of the values (N,) in the group less that outside it, and its 95 % interval over
    patients, expanded as that of a mean; groups: bool (N,). NaN values are left out."""
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
