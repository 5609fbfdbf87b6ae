"""k-means of one-dimensional values, the optimum itself and not what a start leads to.

Sorted, each cluster is a run, and its inertia follows from prefix sums, so that what is sought is k
- 1 cuts. Branch and bound: intervals that a cut may lie in are bounded from below by the inertia of
what lies between them for certain, over all clusterings at once by dynamic programming forwards and
backwards (Wang and Song 2011 for single cuts). What cannot beat the best clustering known, which
Lloyd's iteration (1982) improves on the way, is dropped, and what is left is parted, down to single
cuts.

What is sorted and summed is long, and done in torch where the values lie; the search has tens of
intervals in hand, for which numpy, on the host, is several times quicker than any device.
"""

import numpy as np
import torch
from torch import Tensor

from regard.kernels.sorting import ordered

BLOCKS, PARTS = 64, 4  # intervals to begin with, and what becomes of one that is not dropped
ROUNDS = 3  # of Lloyd's iteration; it may stop short, since it is a bound and not the answer


def kmeans_1d(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """k-means of one-dimensional values: the global optimum of the sum of squared distances.

    Parameters
    ----------
    values : Tensor (N,) or (B, N)
        Finite real values.
    k : int
        Number of clusters, >= 1.

    Returns
    -------
    labels : Tensor (N,) or (B, N)
        int64, 0 .. k - 1, in the order of the input.
    centres : Tensor (k,) or (B, k)
        float64, ascending. With fewer distinct values than k the rest are NaN, at the end.

    Raises
    ------
    ValueError
        For k below 1, no or non-finite values, and another shape.

    References
    ----------
    Wang and Song 2011, R Journal 3(2) (dynamic programming for single cuts); Lloyd 1982, IEEE Trans
    Inf Theory 28 (the iteration that gives bounds).
    """
    if values.ndim not in (1, 2) or not values.numel():
        raise ValueError(
            f"k-means clusters values (N,) or (B, N), at least one, not {tuple(values.shape)}"
        )
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"k must be a whole number of clusters, at least 1, not {k!r}")
    if not torch.isfinite(values).all():
        raise ValueError("k-means needs finite values")
    if values.ndim == 2:
        pairs = [kmeans_1d(row, k) for row in values]
        labels, centres = (torch.stack(each) for each in zip(*pairs))
        return labels, centres
    distinct, repeats = ordered(values).unique_consecutive(return_counts=True)
    runs = _Runs(distinct.double().cpu().numpy(), repeats.cpu().numpy())
    found = runs.means(_best(runs, min(k, runs.count)))
    centres = torch.full((k,), torch.nan, dtype=torch.float64)
    centres[: len(found)] = torch.from_numpy(found)
    labels, exact = (
        torch.zeros(values.shape, dtype=torch.int64, device=values.device),
        values.double(),
    )
    for border in (found[1:] + found[:-1]) / 2:
        labels += exact > border
    return labels, centres.to(values.device)


class _Runs:
    """Prefix sums of M distinct values, ascending, and how often each is there: what a run from
    `start` up to, without, `end` amounts to."""

    def __init__(self, distinct: np.ndarray, repeats: np.ndarray):
        self.values, self.count = distinct, len(distinct)
        self.shift = (
            distinct * repeats
        ).sum() / repeats.sum()  # a common offset would eat the digits of the squares
        about = distinct - self.shift
        self.members, self.first, self.second = (
            np.concatenate([[0.0], np.cumsum(part, dtype=float)])
            for part in (repeats, repeats * about, repeats * about**2)
        )

    def inertia(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """0 where a run would end before it starts."""
        end = np.maximum(start, end)
        first = self.first[end] - self.first[start]
        members = np.maximum(self.members[end] - self.members[start], 1)
        return np.maximum(self.second[end] - self.second[start] - first**2 / members, 0)

    def means(self, cuts: np.ndarray) -> np.ndarray:
        """Of the runs between cuts (..., k + 1), from 0 to M, all of them with members: (...,
        k).
        """
        ends, starts = cuts[..., 1:], cuts[..., :-1]
        return (self.first[ends] - self.first[starts]) / (
            self.members[ends] - self.members[starts]
        ) + self.shift

    def total(self, cuts: np.ndarray) -> np.ndarray:
        return self.inertia(cuts[..., :-1], cuts[..., 1:]).sum(axis=-1)

    def improved(self, cuts: np.ndarray) -> np.ndarray:
        """Cuts (..., k + 1) after ROUNDS of Lloyd's iteration, each cluster keeping one member at
        least.
        """
        for _ in range(ROUNDS):
            centres = self.means(cuts)
            inner = self.apart(
                np.searchsorted(self.values, (centres[..., 1:] + centres[..., :-1]) / 2)
            )
            if np.array_equal(inner, cuts[..., 1:-1]):
                break
            cuts = np.concatenate([cuts[..., :1], inner, cuts[..., -1:]], axis=-1)
        return cuts

    def apart(self, inner: np.ndarray) -> np.ndarray:
        """Cuts (..., k - 1) moved so that each is at least one more than that before, and leaves as
        many values as there are clusters to come."""
        least = np.arange(1, inner.shape[-1] + 1)
        inner = np.maximum(np.maximum.accumulate(inner - least, axis=-1), 0) + least
        return np.minimum(inner, self.count - len(least) - 1 + least)


def _best(runs: _Runs, k: int) -> np.ndarray:
    """Where the clusters of least inertia begin and end: (k + 1,), from 0 to M."""
    if k == 1:
        return np.array([0, runs.count])
    known = runs.improved(_starts(runs, k))
    known = known[runs.total(known).argmin()]
    edges = np.unique(np.linspace(1, runs.count, min(BLOCKS, runs.count - 1) + 1).astype(np.int64))
    low, high = [edges[:-1]] * (k - 1), [edges[1:] - 1] * (k - 1)
    while True:
        bounds, path = _bounds(runs, low, high)
        tried = np.array([0, *(ends[at] for ends, at in zip(high, path)), runs.count])
        single = all(np.array_equal(start, end) for start, end in zip(low, high))
        if (np.diff(tried) > 0).all():  # a bound may be of cuts that coincide
            tried = tried if single else runs.improved(tried)
            known = tried if runs.total(tried) < runs.total(known) else known
        kept = [bound < runs.total(known) * (1 - 1e-12) for bound in bounds]
        if single or not all(keep.any() for keep in kept):
            return known
        parted = [_parted(start[keep], end[keep]) for start, end, keep in zip(low, high, kept)]
        low, high = [start for start, _ in parted], [end for _, end in parted]


def _starts(runs: _Runs, k: int) -> np.ndarray:
    """Cuts to begin with: even in rank, even in value, and ever closer to the larger values, as
    heat maps are skewed.
    """
    shares = np.arange(1, k) / k
    even = runs.values[0] + shares * (runs.values[-1] - runs.values[0])
    skewed = [(shares**power * runs.count).astype(np.int64) for power in (1, 0.3, 0.1)]
    inner = runs.apart(np.stack([*skewed, np.searchsorted(runs.values, even)]))
    ends = np.zeros_like(inner[:, :1])
    return np.concatenate([ends, inner, ends + runs.count], axis=1)


def _bounds(
    runs: _Runs, low: list[np.ndarray], high: list[np.ndarray]
) -> tuple[list[np.ndarray], list[int]]:
    """For each interval from low to high that each cut may lie in, the least that a clustering with
    the cut there can have; and the intervals, one for each cut, of the clustering that is bounded
    least."""
    nothing, everything = np.array([0]), np.array([runs.count])
    before, after, way = [runs.inertia(nothing, low[0])], [runs.inertia(high[-1], everything)], []
    between = []
    for c in range(len(low) - 1):
        least = runs.inertia(high[c][:, None], low[c + 1][None, :])
        between.append(np.where(low[c][:, None] > high[c + 1][None, :], np.inf, least))
        reached = before[-1][:, None] + between[-1]
        way.append(reached.argmin(axis=0))
        before.append(reached.min(axis=0))
    for least in reversed(between):
        after.insert(0, (least + after[0][None, :]).min(axis=1))
    bounds = [one + other for one, other in zip(before, after)]
    path = [int(bounds[-1].argmin())]
    for indices in reversed(way):
        path.insert(0, int(indices[path[0]]))
    return bounds, path


def _parted(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each interval in at most PARTS, none empty."""
    edges = low[:, None] + (high - low + 1)[:, None] * np.arange(PARTS + 1) // PARTS
    start, end = edges[:, :-1].ravel(), edges[:, 1:].ravel() - 1
    return start[end >= start], end[end >= start]
