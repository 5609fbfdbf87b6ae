"""Groups within one heat map: of its values, or of its pixels as points (x, y, value).

A pixel whose value is -inf takes no part and is in no group. A map with no values, or with values
that form a single group, has an empty region.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regard.kernels.kmeans import kmeans_1d
from regard.kernels.mean_shift import mean_shift
from regard.kernels.mean_shift_1d import RESOLUTION, bandwidth_1d, mean_shift_1d

NONE = -torch.inf  # the value of a pixel that takes no part


def kmeans_of_values(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """k-means of the values of one map.

    Parameters
    ----------
    values : Tensor (H, W)
        -inf takes no part.
    k : int
        Number of groups, >= 2.

    Returns
    -------
    region : Tensor (H, W)
        bool, the group of the largest values.
    centres : Tensor (K,)
        Centres of the groups, ascending; K <= k.
    """
    region, centres = values > NONE, values.new_zeros(0)
    if region.any():
        labels, centres = kmeans_1d(values[region], k)
        centres = centres[~centres.isnan()]
        region[region.clone()] = (labels == len(centres) - 1) & (len(centres) > 1)
    return region, centres


def kmeans_of_positions(values: Tensor, k: int) -> Tensor:
    """k-means of the pixels of one map as points (x, y, value), by scikit-learn from ten starts.

    Parameters
    ----------
    values : Tensor (H, W)
        -inf takes no part.
    k : int
        Number of groups.

    Returns
    -------
    Tensor (H, W)
        bool, the group of the largest mean value.
    """
    from sklearn.cluster import KMeans  # takes a second

    region, points = values > NONE, _points(values).numpy()
    if len(np.unique(points[:, 2])) < 2 or len(points) < k:
        return torch.zeros_like(region)
    found = KMeans(k, n_init=10, random_state=0).fit(points)
    top = found.cluster_centers_[:, 2].argmax()
    region[region.clone()] = torch.from_numpy(found.labels_ == top).to(region.device)
    return region


def mean_shift_of_values(
    values: Tensor, bandwidth: float | None = None, quantile: float = 0.3, keep: str = "above"
) -> tuple[Tensor, Tensor]:
    """Mean shift of the values of one map.

    Parameters
    ----------
    values : Tensor (H, W)
        -inf takes no part.
    bandwidth : float, optional
        In units of the map; by default `resolved_bandwidth` at `quantile`.
    quantile : float
        Of the estimate, in (0, 1].
    keep : {"above", "top"}
        What lies above the most populous mode, or the highest mode alone.

    Returns
    -------
    region : Tensor (H, W)
        bool.
    modes : Tensor (K,)
        The most populous first; empty without a bandwidth.
    """
    region = values > NONE
    taking = values[region]
    width = (
        (resolved_bandwidth(taking, quantile) if bandwidth is None else bandwidth)
        if len(taking)
        else 0.0
    )
    if not width:
        return torch.zeros_like(region), values.new_zeros(0)
    labels, modes = mean_shift_1d(taking, width)
    region[region.clone()] = _above(modes, labels, keep)
    return region, modes


def resolved_bandwidth(taking: Tensor, quantile: float) -> float:
    """The estimated bandwidth of values (n,), 0 where it is below what the kernel resolves."""
    width = bandwidth_1d(taking, quantile)
    return width if width >= RESOLUTION * float(taking.abs().max()) else 0.0


def mean_shift_of_positions(
    values: Tensor, bandwidth: float | None, quantile: float, keep: str, side: int
) -> Tensor:
    """Mean shift of the pixels of one map as points (x, y, value).

    Parameters
    ----------
    values : Tensor (H, W)
        -inf takes no part.
    bandwidth : float or None
        As a share of the longer side and of the largest value; None estimates it at `quantile`.
    quantile : float
        Of the estimate, in (0, 1].
    keep : {"above", "top"}
        By the value of the modes.
    side : int
        Longest side in pixels; larger maps are averaged to it.

    Returns
    -------
    Tensor (H, W)
        bool.
    """
    from sklearn.cluster import estimate_bandwidth  # takes a second

    small = _averaged(values, side)
    region, points = small > NONE, _points(small)
    if len(points) > 1:
        width = estimate_bandwidth(points.numpy(), quantile=quantile, n_samples=500, random_state=0)
        width = width if bandwidth is None else bandwidth
        if width > 0:
            labels, modes = mean_shift(points.to(values.device), width)
            region[region.clone()] = _above(modes[:, 2], labels, keep)
            return _enlarged(region, values)
    return torch.zeros_like(values, dtype=torch.bool)


def _above(heights: Tensor, labels: Tensor, keep: str) -> Tensor:
    """Which members of groups, of `heights` (K,), lie above the most populous group, or in the
    highest of several.
    """
    if keep == "top":
        return heights[labels] == (heights.max() if len(heights) > 1 else torch.inf)
    members = torch.bincount(labels, minlength=len(heights))
    return heights[labels] > heights[members.argmax()]


def _points(values: Tensor) -> Tensor:
    """(x, y, value) of what takes part, (n, 3) float64 on the CPU: shares of the longer side and of
    the largest value.
    """
    values = values.double().cpu()
    rows, columns = (values > NONE).nonzero().unbind(1)
    taking = values[rows, columns]
    largest = taking.abs().max() if len(taking) and taking.any() else 1.0
    return torch.stack(
        [columns / max(values.shape), rows / max(values.shape), taking / largest], dim=1
    )


def _averaged(values: Tensor, side: int) -> Tensor:
    """`values` at no more than `side` pixels a side: means of what takes part, none where nothing
    does.
    """
    if max(values.shape) <= side:
        return values
    size = [max(1, round(length * side / max(values.shape))) for length in values.shape]

    def pool(given):
        return functional.adaptive_avg_pool2d(given[None, None].double(), size)[0, 0]

    share = pool(values > NONE)
    return torch.where(share > 0, pool(torch.where(values > NONE, values, 0.0)) / share, NONE)


def _enlarged(region: Tensor, values: Tensor) -> Tensor:
    """A region at the size of `values`, of which only what takes part."""
    larger = (
        functional.interpolate(region[None, None].double(), values.shape, mode="nearest-exact")[
            0, 0
        ]
        > 0.5
    )
    return larger & (values > NONE)


def check_keep(keep: str) -> None:
    """Raise ValueError for a `keep` that is neither "above" nor "top"."""
    if keep not in ("above", "top"):
        raise ValueError(f"keep must be above (the most populous group) or top, not {keep!r}")
