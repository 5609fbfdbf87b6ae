"""Selection: from a heat map to a region, so that it can be laid over the expert's.

Selectors act on positive relevance: pixels at or below zero are never selected.
"""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from regard.kernels import bandwidth_1d, mean_shift_1d
from regard.kernels.mean_shift import RESOLUTION


def meanshift(maps: Tensor, bandwidth: float | None = None, quantile: float = 0.3) -> Tensor:
    """Everything above the most populous mode of the positive values (mean shift, Comaniciu and Meer 2002).

    bandwidth: in units of the map; None takes scikit-learn's rule, the mean distance to the `quantile` nearest values.
    Degenerate maps select nothing: no positive value, an estimated bandwidth of zero (many equal values) or below what
    the kernel resolves, or a most populous mode with none above it.
    """
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:  # maps are independent, torch lets go of the lock
        return torch.stack(list(threads.map(lambda values: _above_most_populous(values, bandwidth, quantile), maps)))


def _above_most_populous(values: Tensor, bandwidth: float | None, quantile: float) -> Tensor:
    region = values > 0
    positive = values[region]
    if not len(positive):
        return region
    width = bandwidth
    if width is None:
        width = bandwidth_1d(positive, quantile)
        if width < RESOLUTION * float(positive.max()) or width == 0:
            return torch.zeros_like(region)
    labels, modes = mean_shift_1d(positive, width)
    members = torch.bincount(labels, minlength=len(modes))
    region[region.clone()] = modes[labels] > modes[members.argmax()]
    return region


def top_area(maps: Tensor, area: float = 0.1) -> Tensor:
    """The pixels of highest positive value, `area` of the map: the reference with the area under control.

    The number of pixels is rounded down, and a tie across the cut is left out as a whole, so the selected area is never
    larger. area is in (0, 1].
    Raises ValueError for another area.
    """
    if not 0 < area <= 1:
        raise ValueError(f"the area must be in (0, 1], not {area}")
    flat = maps.flatten(1)
    count = int(area * flat.shape[1] + 1e-9)  # 0.29 * 100 is 28.999...
    if not count:
        return torch.zeros_like(maps, dtype=torch.bool)
    ordered = flat.sort(dim=1, descending=True).values
    cut = ordered[:, count - 1 : count]
    tied = count < flat.shape[1] and ordered[:, count : count + 1] == cut
    chosen = torch.where(torch.as_tensor(tied, device=maps.device), flat > cut, flat >= cut)
    return (chosen & (flat > 0)).view_as(maps)


# name -> function (maps, **parameters) -> bool (N, H, W)
SELECTIONS = {"meanshift": meanshift, "top-area": top_area}


def select(maps: Tensor, method: str = "meanshift", **parameters) -> Tensor:
    """Regions, bool (N, H, W), from heat maps (N, H, W), signed and raw.

    method: a name in SELECTIONS; `parameters` are that method's own. A map that is not finite everywhere selects
    nothing.
    Raises ValueError for an unknown method or maps of another shape.
    """
    if method not in SELECTIONS:
        raise ValueError(f"unknown selection {method!r}; known are {', '.join(SELECTIONS)}")
    if maps.ndim != 3:
        raise ValueError(f"maps must be (N, H, W), not {tuple(maps.shape)}")
    if not len(maps):
        return torch.zeros_like(maps, dtype=torch.bool)
    valid = torch.isfinite(maps).flatten(1).all(1)[:, None, None]
    return SELECTIONS[method](torch.where(valid, maps, torch.zeros_like(maps)), **parameters)
