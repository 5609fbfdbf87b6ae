"""The kernel is scikit-learn's MeanShift and estimate_bandwidth: same modes, in the same order, and
same labels.
"""

import numpy as np
import pytest
import torch
from sklearn.cluster import MeanShift, estimate_bandwidth

from regard.kernels import bandwidth_1d, mean_shift_1d

# Rounded values have an irrational bandwidth: whether a tie at just that distance counts is left to
# rounding in both.
DATA = {
    "uniform": lambda random, n: (random.random(n), 0.11),
    "skewed": lambda random, n: (random.gamma(0.5, 1, n), 0.3),
    "signed": lambda random, n: (random.normal(0, 1, n), 0.5),
    "one decimal": lambda random, n: (random.random(n).round(1), 0.09 * np.sqrt(2)),
    "two decimals": lambda random, n: (random.gamma(1, 1, n).round(2), 0.2 * np.sqrt(2)),
    "constant": lambda random, n: (np.full(n, 0.3), 0.1),
    "float32": lambda random, n: (random.random(n).astype(np.float32), 0.08),
}


def compare(values, bandwidth, max_iter=300):
    """Kernel against scikit-learn; a value just between two modes may be given to either."""
    labels, modes = mean_shift_1d(torch.from_numpy(values), bandwidth, max_iter)
    theirs = MeanShift(bandwidth=bandwidth, max_iter=max_iter).fit(values.astype(float)[:, None])
    centres = theirs.cluster_centers_[:, 0]
    assert (
        labels.dtype == torch.int64
        and modes.dtype == torch.float64
        and labels.shape == values.shape
    )
    np.testing.assert_allclose(modes, centres, rtol=1e-9, atol=1e-12)
    distances = np.sort(np.abs(values[:, None] - centres), axis=1)
    clear = (
        np.ones(len(values), bool)
        if len(centres) == 1
        else distances[:, 1] - distances[:, 0] > 1e-9
    )
    np.testing.assert_array_equal(labels[clear], theirs.labels_[clear])
    np.testing.assert_allclose(np.abs(values - modes[labels].numpy()), distances[:, 0], atol=1e-9)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("seed", range(12))
def test_modes_and_labels_are_those_of_scikit_learn(kind, seed):
    random = np.random.default_rng(seed)
    compare(*DATA[kind](random, random.integers(1, 45)))


@pytest.mark.parametrize("bandwidth", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_values_just_one_bandwidth_apart_are_in_the_window(bandwidth, seed):
    """Whole numbers, where a distance equal to the bandwidth is exact: windows are closed, and so
    is merging.
    """
    compare(np.random.default_rng(seed).integers(0, 12, 30).astype(float), bandwidth)


def test_values_are_in_the_window_whose_distance_is_at_most_the_bandwidth():
    """The distance itself, also where position + bandwidth is rounded to the other side of the
    value.
    """
    for low, high, width in np.ndindex(11, 11, 10):
        low, high, width = low / 10, high / 10, (width + 1) / 10
        _, modes = mean_shift_1d(torch.tensor([low, high], dtype=torch.float64), width, max_iter=0)
        joined = len(modes) == 1 and abs(modes.item() - (low + high) / 2) < 1e-9
        assert joined == (abs(high - low) <= width), (low, high, width)


def test_modes_just_one_bandwidth_apart_are_merged():
    """Paths end at 0 (seven values in its window), 2 (five), 2.5 and -1.5 (four); 0 removes 2,
    which spares 2.5.
    """
    values = np.array([-2.0] * 3 + [0.0] + [2.0] * 3 + [4.0])
    assert mean_shift_1d(torch.from_numpy(values), 2.0)[1].tolist() == [0, 2.5]
    compare(values, 2.0)


def test_paths_stop_after_a_step_of_a_thousandth_of_the_bandwidth():
    """Thousands of values, so that the next step is smaller still and yet leads elsewhere."""
    random = np.random.default_rng(709)
    values = np.repeat(random.random(40), random.integers(1, 200, 40))
    theirs = MeanShift(bandwidth=0.2, seeds=np.unique(values)[:, None]).fit(values[:, None])
    np.testing.assert_allclose(
        mean_shift_1d(torch.from_numpy(values), 0.2)[1], theirs.cluster_centers_[:, 0]
    )


@pytest.mark.parametrize("max_iter", [0, 1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_paths_cut_short_end_where_scikit_learns_do(seed, max_iter):
    compare(np.random.default_rng(seed).random(40), 0.15, max_iter)


def test_by_hand():
    """Means 1 (three values), 5 (two) and 9 (one), the most populous first; labels in the order of
    the input.
    """
    labels, modes = mean_shift_1d(torch.tensor([9.0, 1.0, 5.1, 1.2, 4.9, 0.8]), 0.5)
    assert labels.tolist() == [2, 0, 1, 0, 1, 0]
    np.testing.assert_allclose(modes, [1, 5, 9], rtol=1e-6)


def test_of_modes_as_populous_the_higher_comes_first():
    assert mean_shift_1d(torch.tensor([0.0, 7.0, 3.0]), 1.0)[1].tolist() == [7, 3, 0]


@pytest.mark.parametrize("kind", DATA)
def test_a_permutation_of_the_values_permutes_the_labels(kind):
    random = np.random.default_rng(7)
    values, bandwidth = DATA[kind](random, 200)
    values, order = torch.from_numpy(values), torch.from_numpy(random.permutation(200))
    labels, modes = mean_shift_1d(values, bandwidth)
    shuffled, same = mean_shift_1d(values[order], bandwidth)
    assert torch.equal(same, modes) and torch.equal(shuffled, labels[order])


@pytest.mark.parametrize(
    "bandwidth", [0.1, torch.tensor([0.05, 0.1, 0.2, 0.4], dtype=torch.float64)]
)
def test_a_batch_is_its_rows_one_by_one(bandwidth):
    values = torch.from_numpy(np.random.default_rng(8).random((4, 150)))
    labels, modes = mean_shift_1d(values, bandwidth)
    assert labels.shape == (4, 150) and len(modes) == 4
    for row, width in enumerate(torch.as_tensor(bandwidth).expand(4).tolist()):
        alone = mean_shift_1d(values[row], width)
        assert torch.equal(labels[row], alone[0]) and torch.equal(modes[row], alone[1])


def test_modes_lie_further_apart_than_the_bandwidth_and_labels_name_the_nearest():
    values = torch.from_numpy(np.random.default_rng(9).gamma(1, 1, 3000))
    labels, modes = mean_shift_1d(values, 0.2)
    assert len(modes) > 5 and modes.sort().values.diff().min() > 0.2
    assert torch.equal(labels, (values[:, None] - modes).abs().argmin(dim=1))


@pytest.mark.parametrize("quantile", [0.001, 0.1, 0.2, 0.3, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("kind", DATA)
def test_bandwidth_is_scikit_learns_estimate(kind, quantile):
    random = np.random.default_rng(10)
    for n in (1, 2, 3, 10, 57):
        values, _ = DATA[kind](random, n)
        wanted = estimate_bandwidth(values.astype(float)[:, None], quantile=quantile)
        assert bandwidth_1d(torch.from_numpy(values), quantile) == pytest.approx(
            wanted, rel=1e-7, abs=1e-7
        )


@pytest.mark.parametrize("quantile", [0.05, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_bandwidth_is_the_mean_distance_to_the_kth_nearest(quantile, offset):
    """By the table of all distances, where scikit-learn itself loses digits far from zero."""
    values = np.random.default_rng(11).gamma(0.5, 1, 200).round(3) + offset
    kth = np.sort(np.abs(values[:, None] - values), axis=1)[:, int(200 * quantile) - 1]
    assert bandwidth_1d(torch.from_numpy(values), quantile) == pytest.approx(kth.mean(), rel=1e-12)


@pytest.mark.parametrize(
    "values, bandwidth, message",
    [
        ([], 1.0, "at least one"),
        ([1.0, float("nan")], 1.0, "finite"),
        ([1.0, float("inf")], 1.0, "finite"),
        ([1.0], 0.0, "positive"),
        ([1.0], -1.0, "positive"),
        ([1.0], float("nan"), "positive"),
    ],
)
def test_mean_shift_refuses(values, bandwidth, message):
    for shape in ((-1,), (1, -1)) if values else ((-1,),):
        with pytest.raises(ValueError, match=message):
            mean_shift_1d(torch.tensor(values).view(shape), bandwidth)


@pytest.mark.parametrize(
    "values, quantile, message",
    [
        ([], 0.3, "at least one"),
        ([1.0], 0.0, "quantile"),
        ([1.0], 1.1, "quantile"),
        ([1.0], float("nan"), "quantile"),
    ],
)
def test_bandwidth_refuses(values, quantile, message):
    with pytest.raises(ValueError, match=message):
        bandwidth_1d(torch.tensor(values), quantile)
