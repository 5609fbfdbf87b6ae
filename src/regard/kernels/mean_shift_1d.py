"""Mean shift (Comaniciu and Meer 2002) with a flat kernel on one-dimensional values, exact and
fast.

On sorted values a window is a run, its ends come from two binary searches and its mean from two
prefix sums. Paths that meet stay together, so each distinct position is followed once. The stopping
rule, the merging of modes and the labels are those of scikit-learn's MeanShift: the modes and
labels are the same. (A value that lies within rounding of a window's end may fall on the other side
of it, since a prefix sum and a direct sum round differently.)
"""

import torch
from torch import Tensor

from regard.kernels.sorting import ordered as sort

# the smallest bandwidth that prefix sums resolve, as a share of the largest absolute value
RESOLUTION = 1e-8


def mean_shift_1d(values: Tensor, bandwidth: float | Tensor, max_iter: int = 300) -> tuple:
    """Mean shift with a flat kernel on one-dimensional values, exact.

    Parameters
    ----------
    values : Tensor (N,) or (B, N)
        Finite real values.
    bandwidth : float or Tensor (B,)
        Half-width of the window, > 0, in the units of the values.
    max_iter : int
        Most steps of a path.

    Returns
    -------
    labels : Tensor (N,) or (B, N)
        int64, in the order of the input.
    modes : Tensor (K,), or a list of B of them
        float64, the most populous first.

    Raises
    ------
    ValueError
        For empty or non-finite values, another shape, and a bandwidth that is not positive or less
        than RESOLUTION times the largest absolute value.

    References
    ----------
    Comaniciu and Meer 2002, IEEE Trans Pattern Anal Mach Intell 24; labels and modes are those of
    scikit-learn's MeanShift.
    """
    if values.ndim == 2:
        widths = torch.as_tensor(bandwidth)
        if not len(values) or widths.numel() not in (1, len(values)):
            raise ValueError(
                f"{len(values)} rows of values need one bandwidth or one each, not {widths.numel()}"
            )
        widths = widths.expand(len(values))
        pairs = [mean_shift_1d(row, float(width), max_iter) for row, width in zip(values, widths)]
        return torch.stack([labels for labels, _ in pairs]), [modes for _, modes in pairs]
    if values.ndim != 1:
        raise ValueError(f"mean shift clusters values (N,) or (B, N), not {tuple(values.shape)}")
    if values.numel() == 0 or not torch.isfinite(values).all():
        raise ValueError("mean shift needs at least one value, all of them finite")
    if not bandwidth > 0 or bandwidth < RESOLUTION * float(values.abs().max()):
        raise ValueError(
            f"the bandwidth of mean shift must be positive and at least {RESOLUTION} of the "
            "largest value, "
            f"not {bandwidth}"
        )
    ordered = sort(values.double())
    centres, counts = _climb(ordered, float(bandwidth), max_iter)
    modes = _merge(centres, counts, float(bandwidth))
    return _nearest(values.double(), modes), modes


class _Runs:
    """Sorted values (N,), of which a window is a run: its members and their sum are differences of
    prefix sums.
    """

    def __init__(self, ordered: Tensor):
        self.ordered = ordered
        self.distinct, repeats = ordered.unique_consecutive(return_counts=True)
        begin = repeats.new_zeros(1)
        self.members = torch.cat([begin, repeats.cumsum(0)])
        self.sums = torch.cat([begin.to(ordered.dtype), (self.distinct * repeats).cumsum(0)])

    def mean(self, first: Tensor, last: Tensor) -> Tensor:
        total, count = (each.take(last) - each.take(first) for each in (self.sums, self.members))
        return total / count

    def ends(self, first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Centres and counts of the windows that paths end in: the centres distinct, ascending and
        summed afresh, without the rounding of the prefix sums, each with the largest count that has
        it."""
        windows = torch.stack([first, last]).unique(dim=1)
        starts, stops = self.members[windows]
        means = torch.stack(
            [
                self.ordered[start:stop].mean()
                for start, stop in zip(starts.tolist(), stops.tolist())
            ]
        )
        centre, where = means.unique(return_inverse=True)
        count = torch.zeros(len(centre), dtype=torch.int64, device=centre.device)
        return centre, count.scatter_reduce(0, where, stops - starts, "amax")


def _climb(ordered: Tensor, bandwidth: float, max_iter: int) -> tuple[Tensor, Tensor]:
    """Where the path from every value ends: distinct end points, and how many values lie in the
    window there.
    """
    runs = _Runs(ordered)
    position, ends = runs.distinct, []
    for iteration in range(max_iter + 1):
        first, last = _window(runs.distinct, position, bandwidth)
        mean = runs.mean(first, last)
        done = (mean - position).abs() <= 1e-3 * bandwidth
        if iteration == max_iter:
            done = torch.ones_like(done)
        ends.append(torch.stack([first[done], last[done]]))
        position = mean[~done].unique_consecutive()  # means of sorted positions are sorted
        if not len(position):
            break
    return runs.ends(*torch.cat(ends, dim=1))


def _window(distinct: Tensor, position: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
    """First and one-past-last index of the distinct values at a distance of at most `bandwidth`
    from each position.

    position +- bandwidth is rounded; the distances themselves decide about the value on either side
    of each end.
    """
    beyond = distinct.new_full((1,), torch.inf)
    around = torch.cat([-beyond, distinct, beyond])  # so that value i - 1 is at i
    first = torch.searchsorted(distinct, position - bandwidth)
    first = (
        first
        - (position - around.take(first) <= bandwidth).long()
        + (position - around.take(first + 1) > bandwidth)
    )
    last = torch.searchsorted(distinct, position + bandwidth, right=True)
    last = (
        last
        + (around.take(last + 1) - position <= bandwidth).long()
        - (around.take(last) - position > bandwidth).long()
    )
    return first, last


def _merge(centres: Tensor, counts: Tensor, bandwidth: float) -> Tensor:
    """The centres that survive: from the most populous down, each removes all others within the
    bandwidth.
    """
    by_value = centres.argsort(descending=True, stable=True)
    order = by_value[counts[by_value].argsort(descending=True, stable=True)]
    remaining, modes = centres[order], []
    while len(remaining):
        modes.append(remaining[0])
        remaining = remaining[(remaining - remaining[0]).abs() > bandwidth]
    return torch.stack(modes)


def _nearest(values: Tensor, modes: Tensor) -> Tensor:
    """Index of the nearest mode of each value."""
    by_value = modes.argsort()
    borders = (modes[by_value][1:] + modes[by_value][:-1]) / 2
    return by_value[torch.searchsorted(borders, values)]


def bandwidth_1d(values: Tensor, quantile: float = 0.3) -> float:
    """scikit-learn's `estimate_bandwidth`: the mean distance to the k-th nearest value, itself
    counted.

    Parameters
    ----------
    values : Tensor (N,)
    quantile : float
        In (0, 1]; k = floor(N * quantile), at least 1.

    Returns
    -------
    float
        In the units of the values; 0 where all are equal.

    Raises
    ------
    ValueError
        For no values and for a quantile outside (0, 1].

    Notes
    -----
    The k nearest of a value are a run of the sorted values, which a binary search finds.
    """
    if values.numel() == 0:
        raise ValueError("a bandwidth needs at least one value")
    if not 0 < quantile <= 1:
        raise ValueError(f"the quantile must be in (0, 1], not {quantile}")
    ordered = sort(values.double())
    if ordered[0] == ordered[-1]:
        return 0.0
    count, index = len(ordered), torch.arange(len(ordered), device=values.device)
    k = max(1, int(count * quantile))
    low, high = (index - k + 1).clamp(min=0), index.clamp(max=count - k)
    while (
        low < high
    ).any():  # the run starts where reaching left stops being the larger of the two distances
        middle = (low + high) // 2
        left_is_larger = ordered - ordered.take(middle) > ordered.take(middle + k - 1) - ordered
        low, high = (
            torch.where(left_is_larger & (low < high), middle + 1, low),
            torch.where(left_is_larger, high, middle),
        )

    def reach(start):
        return torch.maximum(ordered - ordered.take(start), ordered.take(start + k - 1) - ordered)

    before = (low - 1).clamp(min=0)
    before = torch.where(before + k - 1 >= index, before, low)
    return float(torch.minimum(reach(low), reach(before)).mean())
