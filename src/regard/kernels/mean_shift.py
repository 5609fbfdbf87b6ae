"""Mean shift (Comaniciu and Meer 2002) with a flat kernel on points of up to three dimensions, such
as (x, y, value).

All pairs of a position and a point are looked at, a tile at a time, so that memory grows with the
number of points and not with its square; on CUDA a Triton kernel keeps the tile on the chip. The
stopping rule, the merging of modes and the labels are those of scikit-learn's MeanShift. Paths that
meet in the same position go on as one.
"""

import torch
from torch import Tensor

TILE = 1 << 22  # pairs in memory at a time


def mean_shift(points: Tensor, bandwidth: float, max_iter: int = 300) -> tuple[Tensor, Tensor]:
    """Mean shift with a flat kernel on points of one to three dimensions.

    Parameters
    ----------
    points : Tensor (N, D)
        Finite coordinates, D from 1 to 3.
    bandwidth : float
        Radius of the window, > 0, in the units of the points.
    max_iter : int
        Most steps of a path.

    Returns
    -------
    labels : Tensor (N,)
        int64, the nearest mode, in the order of the input.
    modes : Tensor (K, D)
        float64, the most populous first.

    Raises
    ------
    ValueError
        For another shape, no or non-finite points, and a bandwidth that is not positive.

    References
    ----------
    Comaniciu and Meer 2002, IEEE Trans Pattern Anal Mach Intell 24; labels and modes are those of
    scikit-learn's MeanShift.
    """
    if (
        points.ndim != 2
        or not 1 <= points.shape[1] <= 3
        or not len(points)
        or not torch.isfinite(points).all()
    ):
        raise ValueError(
            f"mean shift clusters finite points (N, D), D from 1 to 3, not {tuple(points.shape)}"
        )
    if not bandwidth > 0:
        raise ValueError(f"the bandwidth of mean shift must be positive, not {bandwidth}")
    points = points.double()
    position, centres, counts = points.unique(dim=0), [], []
    for iteration in range(max_iter + 1):
        total, count = window_sums(points, position, bandwidth)
        mean = total / count[:, None]
        done = (mean - position).square().sum(dim=1).sqrt() <= 1e-3 * bandwidth
        if iteration == max_iter:
            done = torch.ones_like(done)
        centres.append(mean[done])
        counts.append(count[done])
        position = mean[~done].unique(dim=0)
        if not len(position):
            break
    modes = _merge(torch.cat(centres), torch.cat(counts), bandwidth)
    return _nearest(points, modes), modes


def window_sums(points: Tensor, positions: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
    """Sum and number of the points within a distance of each position.

    Parameters
    ----------
    points : Tensor (N, D)
    positions : Tensor (M, D)
    bandwidth : float
        The largest distance, inclusive.

    Returns
    -------
    sums : Tensor (M, D)
        float64.
    counts : Tensor (M,)
        float64.
    """
    if points.is_cuda:
        from regard.kernels.mean_shift_triton import (
            window_sums as on_chip,
        )  # Triton comes with CUDA builds alone

        return on_chip(points, positions, bandwidth)
    counted = torch.cat([points, torch.ones_like(points[:, :1])], dim=1)
    sums = [
        _inside(points, part, bandwidth).double() @ counted
        for part in positions.split(max(1, TILE // len(points)))
    ]
    found = torch.cat(sums)
    return found[:, :-1], found[:, -1]


def _inside(points: Tensor, positions: Tensor, bandwidth: float) -> Tensor:
    """Which points (N, D) lie within `bandwidth` of which positions (M, D): bool (M, N)."""
    squared = sum(
        (position[:, None] - point[None, :]) ** 2 for position, point in zip(positions.T, points.T)
    )
    return squared <= bandwidth**2


def _merge(centres: Tensor, counts: Tensor, bandwidth: float) -> Tensor:
    """The centres that survive: from the most populous down, each removes all others within the
    bandwidth.
    """
    centres, place = centres.unique(
        dim=0, return_inverse=True
    )  # ascending by the first coordinate, then the next
    most = counts.new_zeros(len(centres)).scatter_reduce(0, place, counts, "amax")
    order = most.flip(0).argsort(descending=True, stable=True)
    remaining, modes = centres.flip(0)[order], []
    while len(remaining):
        modes.append(remaining[0])
        remaining = remaining[~_inside(remaining, remaining[:1], bandwidth)[0]]
    return torch.stack(modes)


def _nearest(points: Tensor, modes: Tensor) -> Tensor:
    """Index of the nearest mode (K, D) of each point (N, D)."""
    parts = points.split(max(1, TILE // len(modes)))
    return torch.cat(
        [
            torch.cdist(part, modes, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
            for part in parts
        ]
    )
