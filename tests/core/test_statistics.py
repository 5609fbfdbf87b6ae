"""The bootstrap over patients: it covers, it keeps a patient's cases together, and row order means
nothing.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from regard.core.seeds import seed_of
from regard.core.statistics import (
    contrasts,
    holm,
    interval,
    mean_interval,
    mean_intervals,
    paired,
    resamples,
)

NAN = float("nan")


def clustered(random, patients=60, mean=0.0, between=1.0, within=0.3):
    """Values of one to four images a patient, which share most of what makes them differ."""
    names = np.repeat(
        [f"p{number:02d}" for number in range(patients)], random.integers(1, 5, patients)
    )
    effect = dict(zip(np.unique(names), random.normal(mean, between, patients)))
    return np.array([effect[name] for name in names]) + random.normal(0, within, len(names)), names


def weighted_mean(values):
    """The mean of defined values as a function of weights (K, N), NaN where they carry none."""

    def one(weights):
        weights = weights * ~np.isnan(values)
        return np.nansum(weights * values) / weights.sum() if weights.sum() else NAN

    def statistic(weights):
        return np.array([one(row) for row in weights])

    return statistic


@pytest.mark.parametrize("patients", [12, 20, 60])
def test_the_interval_covers_and_needs_its_clusters(patients):
    """About 95 % of the intervals hold the truth, of few patients as well; resampling images in
    place of patients falls well short.
    """
    hits, naive = [], []
    for seed in range(400):
        values, names = clustered(np.random.default_rng(seed), patients, mean=0.7)
        _, low, high = mean_interval(values, names, 400, seed)
        hits.append(low <= 0.7 <= high)
        _, low, high = mean_interval(values, np.arange(len(values)), 400, seed)
        naive.append(low <= 0.7 <= high)
    assert 0.92 <= np.mean(hits) <= 0.98
    assert np.mean(naive) < 0.85


@pytest.mark.parametrize("patients", [12, 40, 60])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_the_interval_of_a_share_covers(patients, share):
    """Of hits that images of a patient have in common to some degree, drawn as a beta-binomial;
    near one, too, where a bootstrap does not.
    """
    hits = []
    for seed in range(400):
        random = np.random.default_rng(seed)
        names = np.repeat(np.arange(patients), random.integers(1, 4, patients))
        own = random.beta(share * 7 / 3, (1 - share) * 7 / 3, patients)  # a correlation of 0.3
        values = (random.random(len(names)) < own[names]).astype(float)
        _, low, high = mean_intervals(values[:, None], names, 2, 0, np.array([True]))
        hits.append(low[0] <= share <= high[0])
    assert 0.92 <= np.mean(hits) <= 0.985


def test_the_interval_of_a_share_by_hand():
    """One image a patient is worth one case, but for the degrees of freedom; all hits leave room
    for misses.
    """
    hits = np.array([1.0] * 30 + [0.0] * 10)
    worth = (
        39 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 39)) ** 2
    )  # the sample's variance has 39 in place of 40
    _, low, high = mean_intervals(hits[:, None], np.arange(40), 2, 0, np.array([True]))
    assert (low[0], high[0]) == pytest.approx(
        proportion_confint(0.75 * worth, worth, method="wilson")
    )
    _, low, high = mean_intervals(np.ones((40, 1)), np.arange(40), 2, 0, np.array([True]))
    assert 0.90 < low[0] < 0.93 and high[0] == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
def test_mean_interval_is_the_interval_of_the_weighted_mean(seed):
    values, patients = clustered(np.random.default_rng(seed), patients=12)
    tail = stats.norm.cdf(-np.sqrt(12 / 11) * stats.t.ppf(0.975, 11))
    np.testing.assert_allclose(
        mean_interval(values, patients, 300, seed),
        interval(weighted_mean(values), patients, 300, seed, tail),
        rtol=1e-12,
    )


def test_few_patients_by_hand():
    """Resamples of {1, 0} and {1} have the means 1/2, 2/3 and 1, a quarter, a half and a quarter of
    the time; so few have no interval.
    """
    assert interval(
        weighted_mean(np.array([1.0, 0, 1])), ["a", "a", "b"], 2000, 0
    ) == pytest.approx((2 / 3, 0.5, 1))
    assert mean_interval([1, 0, 1], ["a", "a", "b"], 2000, 0) == pytest.approx(
        (2 / 3, NAN, NAN), nan_ok=True
    )
    assert mean_interval([4] * 5, list("abcde"), 100, 0) == (4, 4, 4)


def test_row_order_does_not_matter():
    values, patients = clustered(np.random.default_rng(0), patients=15)
    order = np.random.default_rng(1).permutation(len(values))
    wanted = mean_interval(values, patients, 300, 5)
    assert mean_interval(values[order], patients[order], 300, 5) == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_array_equal(
        resamples(patients, 50, 5)[:, order], resamples(patients[order], 50, 5)
    )
    other = np.roll(values, 3)
    assert paired(values[order], other[order], patients[order], 300, 5) == pytest.approx(
        paired(values, other, patients, 300, 5), rel=1e-12
    )


def test_all_cases_of_a_patient_move_together():
    """One count per patient and resample, as many patients drawn as there are, each of them as
    likely.
    """
    _, patients = clustered(np.random.default_rng(2), patients=20)
    counts = resamples(patients, 4000, 0)
    _, first, member = np.unique(patients, return_index=True, return_inverse=True)
    assert counts.shape == (4000, len(patients))
    np.testing.assert_array_equal(counts, counts[:, first][:, member])
    assert (counts[:, first].sum(axis=1) == 20).all()
    assert np.abs(counts[:, first].mean(axis=0) - 1).max() < 0.1, "standard error 0.016"


def test_repeating_every_case_changes_nothing():
    """More images of the same patients are no more patients."""
    values, patients = clustered(np.random.default_rng(3), patients=10)
    wanted = mean_interval(values, patients, 300, 0)
    assert mean_interval(np.tile(values, 3), np.tile(patients, 3), 300, 0) == pytest.approx(
        wanted, rel=1e-12
    )


def test_undefined_cases_are_left_out():
    values, patients = clustered(np.random.default_rng(4), patients=10)
    values[patients == "p03"] = NAN
    values[0] = NAN
    defined = ~np.isnan(values)
    assert mean_interval(values, patients, 300, 0) == mean_interval(
        values[defined], patients[defined], 300, 0
    )


def test_resamples_without_a_value_are_left_out():
    """Of two patients only one has a value: the quarter of resamples without it must not make the
    interval NaN.
    """
    values, patients = np.array([2.0, NAN]), np.array(["a", "b"])
    assert interval(weighted_mean(values), patients, 200, 0) == (2, 2, 2)


@pytest.mark.parametrize(
    "values, patients, mean",
    [
        ([1.0, 3.0], ["a", "a"], 2.0),
        ([1.0], ["a"], 1.0),
        ([1.0, NAN], ["a", "b"], 1.0),
        ([NAN, NAN], ["a", "b"], NAN),
        ([], [], NAN),
    ],
)
def test_fewer_than_two_patients_have_no_interval(values, patients, mean):
    np.testing.assert_array_equal(mean_interval(values, patients, 50, 0), [mean, NAN, NAN])
    row = paired(values, np.zeros(len(values)), patients, 50, 0)
    np.testing.assert_array_equal(
        [row["difference"], row["ci_low"], row["ci_high"], row["p"]], [mean, NAN, NAN, NAN]
    )


def test_interval_of_one_patient_has_a_value_alone():
    np.testing.assert_array_equal(
        interval(weighted_mean(np.array([1.0, 2.0])), ["a", "a"], 50, 0), [1.5, NAN, NAN]
    )


@pytest.mark.parametrize("seed", range(5))
def test_paired_is_antisymmetric(seed):
    """Swapping the two turns the difference and its interval round, and leaves p and the counts."""
    random = np.random.default_rng(seed)
    first, patients = clustered(random, patients=25)
    second = first + random.normal(0.1, 0.5, len(first))
    first[::9] = NAN
    one, two = paired(first, second, patients, 400, 7), paired(second, first, patients, 400, 7)
    assert two["difference"] == -one["difference"]
    assert (two["ci_low"], two["ci_high"]) == pytest.approx(
        (-one["ci_high"], -one["ci_low"]), rel=1e-12
    )
    assert [two[key] for key in ("p", "n_cases", "n_patients")] == [
        one[key] for key in ("p", "n_cases", "n_patients")
    ]


def test_paired_by_hand():
    """Differences 1 (a, twice) and -2 (b): sums 2 and -2, which any signs give as large a sum
    as.
    """
    first, second, patients = (
        np.array([2.0, 3.0, 0.0, NAN, 1.0]),
        np.array([1.0, 2.0, 2.0, 1.0, NAN]),
        list("aabbc"),
    )
    row = paired(first, second, patients, 999, 0)
    assert (row["difference"], row["ci_low"], row["ci_high"]) == pytest.approx(
        (0, NAN, NAN), nan_ok=True
    )
    assert (row["n_cases"], row["n_patients"], row["p"]) == (3, 2, 1)
    assert row["effect"] == pytest.approx(-0.5 / np.std([1, -2], ddof=1)), (
        "of the patients' means, 1 and -2"
    )


def test_sign_flips_are_all_signs():
    """Against every one of the 2^9 ways to set the signs of nine patients, of which the draws are a
    sample.
    """
    random = np.random.default_rng(0)
    values, patients = random.normal(0.4, 1, 20), np.arange(20) % 9
    sums = np.bincount(patients, values)
    every = np.array(list(itertools.product([-1, 1], repeat=9))) @ sums
    wanted = (np.abs(every) >= np.abs(sums.sum()) - 1e-12).mean()
    assert 0.01 < wanted < 0.5
    assert paired(values, np.zeros(20), patients, 100, 0, flips=40000)["p"] == pytest.approx(
        wanted, abs=0.01
    )


@pytest.mark.parametrize("shift, p", [(1.0, 1 / 100), (-1.0, 1 / 100), (0.0, 1.0)])
def test_p_at_its_ends(shift, p):
    """No other signs give as large a sum: one in flips + 1, never zero; no difference at all: one,
    never more.
    """
    second = np.random.default_rng(0).random(40).round(2)
    assert paired(second + shift, second, np.arange(40), 99, 0)["p"] == pytest.approx(p)


def test_contrasts_are_their_columns_one_by_one():
    """Also of columns that are undefined for other cases."""
    random = np.random.default_rng(1)
    differences, patients = random.normal(0.2, 1, (30, 5)), np.arange(30) % 11
    differences[3:9, 1] = differences[3:9, 4] = differences[::2, 2] = differences[:, 3] = NAN
    together = contrasts(differences, patients, 200, 300, 3)
    for column in range(5):
        alone = contrasts(differences[:, [column]], patients, 200, 300, 3)
        np.testing.assert_allclose(
            together.iloc[column].astype(float), alone.iloc[0].astype(float), rtol=1e-12
        )
    assert together["n_cases"].tolist() == [30, 24, 15, 0, 24] and together[
        "p"
    ].isna().tolist() == [False] * 3 + [
        True,
        False,
    ]


def test_p_is_small_as_often_as_it_says_under_no_difference():
    small = []
    for seed in range(300):
        values, patients = clustered(np.random.default_rng(1000 + seed))
        small.append(paired(values, np.zeros(len(values)), patients, 400, seed)["p"] <= 0.1)
    assert 0.05 <= np.mean(small) <= 0.17, "0.1, standard error 0.017"


def test_holm_by_hand():
    """Ordered .01 .02 .03 times 3 2 1, and never below the one before; undefined ones do not
    count.
    """
    p = pd.Series([0.03, NAN, 0.01, 0.02], index=["a", "b", "c", "c"])
    found = holm(p)
    np.testing.assert_allclose(found, [0.04, NAN, 0.03, 0.04])
    assert found.index.equals(p.index) and np.isnan(p.iloc[1]) and p.iloc[0] == 0.03, (
        "the input is left alone"
    )


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_that_of_statsmodels(seed):
    random = np.random.default_rng(seed)
    p = pd.Series(random.random(20) ** 3).where(random.random(20) > 0.2)
    found = holm(p)
    assert p.isna().equals(found.isna())
    np.testing.assert_allclose(found.dropna(), multipletests(p.dropna(), method="holm")[1])


@pytest.mark.parametrize("p", [[], [NAN], [NAN, NAN]])
def test_holm_of_nothing(p):
    np.testing.assert_array_equal(holm(pd.Series(p, dtype=float)), p)


def test_seeds_belong_to_their_key():
    """The same in every process (Python's hash is not); other for other keys, also where their
    letters join alike.
    """
    assert seed_of("123456789") == 0xCBF43926, "the published check value of CRC-32"
    keys = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("a", "b", "c"),
        ("abc", ""),
        (1, "all"),
        (1.0, "all"),
    ]
    assert len({seed_of(*key) for key in keys}) == len(keys)
    assert seed_of(1, "all") == seed_of("1", "all")


def test_few_patients_are_never_surer_than_their_signs():
    """Six patients who all differ in one direction do so by chance in 2 of 64 cases, however often
    they are resampled.
    """
    found = paired(np.arange(1.0, 7), np.zeros(6), np.arange(6), draws=20000, seed=0)
    assert found["p"] == pytest.approx(2 / 64, abs=0.005)
    tied = paired(np.array([1.0, 2, 0, 0, 0, 0]), np.zeros(6), np.arange(6), draws=20000, seed=0)
    assert tied["p"] == pytest.approx(0.5, abs=0.02)
