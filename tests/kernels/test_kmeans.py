"""The optimum of one-dimensional k-means: by trying every cut, and never worse than scikit-learn's
with ten starts.
"""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from regard.kernels import kmeans_1d


def inertia(values, labels):
    return sum(
        ((values[labels == label] - values[labels == label].mean()) ** 2).sum()
        for label in set(labels.tolist())
    )


def every_cut(values, k):
    """The least inertia of all ways to cut the sorted values into at most k runs."""
    values = np.sort(values)
    cuts = itertools.combinations_with_replacement(range(len(values) + 1), k - 1)
    return min(
        inertia(values, np.searchsorted(cut, np.arange(len(values)), side="right")) for cut in cuts
    )


def by_dynamic_programming(values, k):
    """The same for many values: the least inertia of the first i in c runs, for all i and c (Wang
    and Song 2011).
    """
    values = np.sort(values)
    sums, squares = (np.concatenate([[0], np.cumsum(values**power)]) for power in (1, 2))
    start, end = np.triu_indices(len(values) + 1, 1)
    cost = np.full((len(values) + 1,) * 2, np.inf)
    cost[start, end] = (
        squares[end] - squares[start] - (sums[end] - sums[start]) ** 2 / (end - start)
    )
    best = cost[0]
    for _ in range(k - 1):
        best = (best[:, None] + cost).min(axis=0)
    return best[-1]


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 9999),
    count=st.integers(1, 14),
    k=st.integers(1, 4),
    decimals=st.sampled_from([0, 1, 9]),
)
def test_it_is_the_best_of_all_cuts(seed, count, k, decimals):
    values = np.random.default_rng(seed).normal(3, 2, count).round(decimals)
    labels, centres = kmeans_1d(torch.from_numpy(values), k)
    assert inertia(values, labels.numpy()) == pytest.approx(every_cut(values, k), abs=1e-9)
    for label in set(labels.tolist()):
        assert centres[label].item() == pytest.approx(values[labels.numpy() == label].mean())


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("kind", ["normal", "gamma", "modes"])
def test_inertia_is_never_above_scikit_learns_with_ten_starts(kind, k):
    random = np.random.default_rng(k)
    values = {
        "normal": random.normal(0, 1, 3000),
        "gamma": random.gamma(0.3, 1, 3000),
        "modes": np.concatenate([random.normal(at, 0.1, 600) for at in (0, 1, 5, 5.3, 9)]),
    }[kind]
    labels, centres = kmeans_1d(torch.from_numpy(values), k)
    theirs = KMeans(k, n_init=10, random_state=0).fit(values[:, None])
    assert inertia(values, labels.numpy()) <= theirs.inertia_ * (1 + 1e-9)
    assert (centres.diff() > 0).all() and len(set(labels.tolist())) == k


@pytest.mark.parametrize("k", [2, 3, 4, 6])
@pytest.mark.parametrize("kind", ["uniform", "gamma", "modes", "two ends", "rounded"])
def test_it_is_the_best_where_branch_and_bound_takes_several_rounds(kind, k):
    """On six hundred values, two modes far apart, ties, and long tails among them."""
    random = np.random.default_rng(k)
    values = {
        "uniform": random.random(600),
        "gamma": random.gamma(0.1, 1, 600),
        "modes": np.concatenate([random.normal(at, 0.05, 120) for at in range(5)]),
        "two ends": np.concatenate([random.normal(0, 1, 300), random.normal(1000, 1, 300)]),
        "rounded": random.gamma(1, 1, 600).round(1),
    }[kind]
    labels, _ = kmeans_1d(torch.from_numpy(values), k)
    assert inertia(values, labels.numpy()) == pytest.approx(
        by_dynamic_programming(values, k), rel=1e-6, abs=1e-9
    )


def test_by_hand():
    values = torch.tensor([10.0, 1.0, 2.0, 11.0, 30.0])
    labels, centres = kmeans_1d(values, 3)
    assert labels.tolist() == [1, 0, 0, 1, 2] and centres.tolist() == [1.5, 10.5, 30.0]


def test_centres_that_nothing_belongs_to_are_nan_and_last():
    labels, centres = kmeans_1d(torch.tensor([2.0, 5.0, 2.0, 5.0]), 4)
    np.testing.assert_array_equal(centres, [2, 5, np.nan, np.nan])
    assert labels.tolist() == [0, 1, 0, 1]
    labels, centres = kmeans_1d(torch.full((6,), 0.3), 2)
    assert labels.tolist() == [0] * 6 and centres[0] == pytest.approx(0.3) and centres[1].isnan()


def test_a_batch_is_its_rows_one_by_one():
    random = np.random.default_rng(0)
    values = torch.from_numpy(random.gamma(0.5, 1, (5, 37)))
    labels, centres = kmeans_1d(values, 3)
    for row in range(5):
        alone = kmeans_1d(values[row], 3)
        assert torch.equal(labels[row], alone[0])
        np.testing.assert_allclose(centres[row], alone[1], rtol=1e-12)


@pytest.mark.parametrize("offset, scale", [(1e6, 1.0), (-50.0, 1e-6), (0.0, 1e9)])
def test_an_affine_map_moves_the_centres_and_leaves_the_labels(offset, scale):
    values = torch.from_numpy(np.random.default_rng(1).gamma(0.5, 1, 200))
    labels, centres = kmeans_1d(values, 4)
    moved, theirs = kmeans_1d(offset + scale * values, 4)
    assert torch.equal(moved, labels)
    np.testing.assert_allclose(theirs, offset + scale * centres, rtol=1e-6)


@pytest.mark.parametrize(
    "values, k, message",
    [
        ([], 2, "at least one"),
        ([[[1.0]]], 2, r"\(1, 1, 1\)"),
        ([1.0, float("nan")], 2, "finite"),
        ([1.0], 0, "not 0"),
        ([1.0], True, "not True"),
    ],
)
def test_refuses(values, k, message):
    with pytest.raises(ValueError, match=message):
        kmeans_1d(torch.tensor(values), k)
