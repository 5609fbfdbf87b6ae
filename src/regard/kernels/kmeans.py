"""k-means of one-dimensional values, the optimum itself and not what a start leads to.

Sorted, each cluster is a run, and its inertia follows from prefix sums, so that what is sought is k - 1 cuts. Branch and
bound: intervals that a cut may lie in are bounded from below by the inertia of what lies between them for certain, over all
clusterings at once by dynamic programming forwards and backwards (Wang and Song 2011 for single cuts). What cannot beat
the best clustering known, which Lloyd's iteration (1982) improves on the way, is dropped, and what is left is parted, down
to single cuts.
"""

import torch
from torch import Tensor

from regard.kernels.ordered import ordered

BLOCKS, PARTS = 64, 4  # intervals to begin with, and what becomes of one that is not dropped
ROUNDS = 3  # of Lloyd's iteration; it may stop short, since it is a bound and not the answer


def kmeans_1d(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Cluster real values so that the sum of squared distances to the centres is the smallest there is.

    values: (N,) gives labels (N,) int64, in the order of the input, and centres (k,) float64, ascending; (B, N) gives
    (B, N) and (B, k). With fewer distinct values than k, the centres that nothing belongs to are NaN and come last.
    Raises ValueError for a k below 1, no or non-finite values, and another shape.
    """
    if values.ndim not in (1, 2) or not values.numel():
        raise ValueError(f"k-means clusters values (N,) or (B, N), at least one, not {tuple(values.shape)}")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"k must be a whole number of clusters, at least 1, not {k!r}")
    if not torch.isfinite(values).all():
        raise ValueError("k-means needs finite values")
    if values.ndim == 2:
        return tuple(torch.stack(each) for each in zip(*(kmeans_1d(row, k) for row in values)))
    distinct, repeats = ordered(values).unique_consecutive(return_counts=True)
    runs = _Runs(distinct.double(), repeats)
    found = runs.means(_best(runs, min(k, runs.count)))
    centres = torch.cat([found, found.new_full((k - len(found),), torch.nan)])
    borders = (found[1:] + found[:-1]) / 2
    labels = torch.zeros(values.shape, dtype=torch.int64, device=values.device)
    for border in borders:
        labels += values.double() > border
    return labels, centres


class _Runs:
    """Prefix sums of M distinct values, ascending, and how often each is there: what a run from `start` up to, without,
    `end` amounts to."""

    def __init__(self, distinct: Tensor, repeats: Tensor):
        self.values, self.count = distinct, len(distinct)
        self.shift = (distinct * repeats).sum() / repeats.sum()  # a common offset would eat the digits of the squares
        about = distinct - self.shift
        begin = distinct.new_zeros(1)
        self.members, self.first, self.second = (
            torch.cat([begin, part.double().cumsum(0)]) for part in (repeats, repeats * about, repeats * about**2)
        )

    def inertia(self, start: Tensor, end: Tensor) -> Tensor:
        """0 where a run would end before it starts."""
        end = torch.maximum(start, end)
        first = self.first.take(end) - self.first.take(start)
        members = (self.members.take(end) - self.members.take(start)).clamp(min=1)
        return (self.second.take(end) - self.second.take(start) - first**2 / members).clamp(min=0)

    def means(self, cuts: Tensor) -> Tensor:
        """Of the runs between cuts (..., k + 1), from 0 to M, all of them with members: (..., k)."""
        ends, starts = cuts[..., 1:], cuts[..., :-1]
        return (self.first[ends] - self.first[starts]) / (self.members[ends] - self.members[starts]) + self.shift

    def total(self, cuts: Tensor) -> Tensor:
        return self.inertia(cuts[..., :-1], cuts[..., 1:]).sum(dim=-1)

    def improved(self, cuts: Tensor) -> Tensor:
        """Cuts (..., k + 1) after ROUNDS of Lloyd's iteration, each cluster keeping one member at least."""
        k = cuts.shape[-1] - 1
        least = torch.arange(1, k, device=cuts.device)
        for _ in range(ROUNDS):
            centres = self.means(cuts)
            inner = torch.searchsorted(self.values, (centres[..., 1:] + centres[..., :-1]) / 2)
            # at least one more than the cut before, and as many left as there are clusters to come
            inner = torch.minimum((inner - least).cummax(dim=-1).values.clamp(min=0) + least, self.count - k + least)
            if torch.equal(inner, cuts[..., 1:-1]):
                break
            cuts = torch.cat([cuts[..., :1], inner, cuts[..., -1:]], dim=-1)
        return cuts


def _best(runs: _Runs, k: int) -> Tensor:
    """Where the clusters of least inertia begin and end: (k + 1,), from 0 to M."""
    device, count = runs.values.device, runs.count
    known = runs.improved(_starts(runs, k))
    known = known[runs.total(known).argmin()]
    edges = torch.linspace(1, count, min(BLOCKS, count - 1) + 1, device=device).long().unique() if k > 1 else None
    low, high = ([edges[:-1]] * (k - 1), [edges[1:] - 1] * (k - 1)) if k > 1 else ([], [])
    while low:
        bounds, path = _bounds(runs, low, high)
        inner = torch.stack([ends[at] for ends, at in zip(high, path)])
        tried = torch.cat([known[:1], inner, known[-1:]])
        single = all(torch.equal(start, end) for start, end in zip(low, high))
        if (tried.diff() > 0).all():  # a bound may be of cuts that coincide
            tried = tried if single else runs.improved(tried)
            known = tried if runs.total(tried) < runs.total(known) else known
        kept = [bound < runs.total(known) * (1 - 1e-12) for bound in bounds]
        if single or not all(keep.any() for keep in kept):
            break
        parted = [_parted(start[keep], end[keep]) for start, end, keep in zip(low, high, kept)]
        low, high = [start for start, _ in parted], [end for _, end in parted]
    return known


def _starts(runs: _Runs, k: int) -> Tensor:
    """Cuts to begin with: even in rank, even in value, and ever closer to the larger values, as heat maps are skewed."""
    shares = torch.arange(1, k, device=runs.values.device, dtype=torch.float64) / k
    even = runs.values[0] + shares * (runs.values[-1] - runs.values[0])
    inner = [(shares**power * runs.count).long() for power in (1, 0.3, 0.1)] + [torch.searchsorted(runs.values, even)]
    least = torch.arange(1, k, device=shares.device)
    inner = (torch.stack(inner) - least).clamp(min=0).cummax(dim=1).values + least
    inner = torch.minimum(inner, runs.count - k + least)
    ends = [torch.full_like(inner[:, :1], end) for end in (0, runs.count)] if k > 1 else None
    return (
        torch.cat([ends[0], inner, ends[1]], dim=1) if k > 1 else torch.tensor([[0, runs.count]], device=shares.device)
    )


def _bounds(runs: _Runs, low: list[Tensor], high: list[Tensor]) -> tuple[list[Tensor], list[int]]:
    """For each interval from low to high that each cut may lie in, the least that a clustering with the cut there can have;
    and the intervals, one for each cut, of the clustering that is bounded least."""
    nothing, everything = torch.zeros_like(low[0][:1]), torch.full_like(low[0][:1], runs.count)
    before, after, way = [runs.inertia(nothing, low[0])], [runs.inertia(high[-1], everything)], []
    between = []
    for c in range(len(low) - 1):
        least = runs.inertia(high[c][:, None], low[c + 1][None, :])
        between.append(least.masked_fill(low[c][:, None] > high[c + 1][None, :], torch.inf))
        reached = (before[-1][:, None] + between[-1]).min(dim=0)
        before.append(reached.values)
        way.append(reached.indices)
    for least in reversed(between):
        after.insert(0, (least + after[0][None, :]).amin(dim=1))
    bounds = [one + other for one, other in zip(before, after)]
    path = [int(bounds[-1].argmin())]
    for indices in reversed(way):
        path.insert(0, int(indices[path[0]]))
    return bounds, path


def _parted(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Each interval in at most PARTS, none empty."""
    step = torch.arange(PARTS + 1, device=low.device)
    edges = low[:, None] + (high - low + 1)[:, None] * step // PARTS
    start, end = edges[:, :-1].flatten(), edges[:, 1:].flatten() - 1
    return start[end >= start], end[end >= start]
