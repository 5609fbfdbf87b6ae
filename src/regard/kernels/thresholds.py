"""Regions above a threshold of the values of many heat maps at once.

A pixel whose value is -inf takes no part and is never selected.
"""

import torch
from torch import Tensor

from regard.kernels.groups import NONE, check_keep
from regard.kernels.otsu import otsu as otsu_thresholds


def bins(values: Tensor, bins: int = 10, keep: str = "above") -> Tensor:
    """What lies above the most populous of several bins of equal width.

    Parameters
    ----------
    values : Tensor (N, H, W)
        -inf takes no part.
    bins : int
        Number of bins between the least and the largest value, >= 2.
    keep : {"above", "top"}
        All bins above the most populous one (of several the lowest), or the top bin alone.

    Returns
    -------
    Tensor (N, H, W)
        bool.

    Raises
    ------
    ValueError
        For fewer than two bins and another `keep`.
    """
    check_keep(keep)
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 2:
        raise ValueError(f"bins must be a whole number, at least 2, not {bins!r}")
    flat = values.flatten(1).double()
    among = flat > NONE
    low = flat.masked_fill(~among, torch.inf).amin(dim=1, keepdim=True)
    width = (flat.amax(dim=1, keepdim=True) - low) / bins
    parted = width > 0  # false for NaN, so where nothing takes part
    place = (
        ((flat - low) / torch.where(parted, width, 1.0))
        .nan_to_num(0, neginf=0, posinf=0)
        .long()
        .clamp(0, bins - 1)
    )
    counts = torch.zeros(len(flat), bins, dtype=torch.float64, device=flat.device).scatter_add_(
        1, place, among.double()
    )
    rank = torch.arange(bins, device=flat.device)
    most = (
        rank.expand_as(counts)
        .masked_fill(counts < counts.amax(dim=1, keepdim=True), bins)
        .amin(dim=1, keepdim=True)
    )
    chosen = place == bins - 1 if keep == "top" else place > most
    return (chosen & among & parted).view_as(values)


def otsu(values: Tensor, min_max: bool = False) -> Tensor:
    """What lies above Otsu's threshold of the values, in 256 bins.

    Parameters
    ----------
    values : Tensor (N, H, W)
        -inf takes no part.
    min_max : bool
        First scale the whole map, with 0 for what takes no part, to whole numbers from 0 to 255, as
        CheXlocalize does (Saporta et al. 2022). With `of="signed"` the sign is then lost.

    Returns
    -------
    Tensor (N, H, W)
        bool.

    References
    ----------
    Otsu 1979, IEEE Trans Syst Man Cybern 9:62; Saporta et al. 2022, Nat Mach Intell 4.
    """
    flat = values.flatten(1).double()
    among = flat > NONE
    if min_max:
        flat = flat.masked_fill(~among, 0.0)
        low, high = flat.amin(dim=1, keepdim=True), flat.amax(dim=1, keepdim=True)
        flat = torch.where(high > low, (255 * (flat - low) / (high - low)).floor(), 0.0)
    threshold = otsu_thresholds(flat)[:, None]
    threshold = (
        threshold.round() if min_max else threshold
    )  # the middle of a grey value's bin is off it by less than 0.5
    return ((flat > threshold) & among).view_as(values)


def top_area(values: Tensor, area: float = 0.1) -> Tensor:
    """The pixels of highest value, a fixed share of the map: the reference with controlled area.

    Parameters
    ----------
    values : Tensor (N, H, W)
        -inf takes no part.
    area : float
        Share of the map, in (0, 1]. The number of pixels is rounded down, and a tie at the cut is
        left out as a whole, so that the selected area is never larger.

    Returns
    -------
    Tensor (N, H, W)
        bool.

    Raises
    ------
    ValueError
        For another area.
    """
    if not 0 < area <= 1:
        raise ValueError(f"the area must be in (0, 1], not {area}")
    flat = values.flatten(1)
    count = int(area * flat.shape[1] + 1e-9)  # 0.29 * 100 is 28.999...
    if not count:
        return torch.zeros_like(values, dtype=torch.bool)
    ordered = flat.sort(dim=1, descending=True).values
    cut = ordered[:, count - 1 : count]
    tied = count < flat.shape[1] and ordered[:, count : count + 1] == cut
    chosen = torch.where(torch.as_tensor(tied, device=values.device), flat > cut, flat >= cut)
    return (chosen & (flat > NONE)).view_as(values)


def relative_max(values: Tensor, share: float = 0.2) -> Tensor:
    """What has at least a share of the map's largest value.

    Parameters
    ----------
    values : Tensor (N, H, W)
        -inf takes no part.
    share : float
        In (0, 1]; 0.2 as in DeepMiner.

    Returns
    -------
    Tensor (N, H, W)
        bool; empty where the largest value is not positive, and where all values are equal.

    Raises
    ------
    ValueError
        For another share.

    References
    ----------
    Wu et al. 2018, arXiv 1805.12323.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of the maximum must be in (0, 1], not {share}")
    flat = values.flatten(1)
    largest = flat.amax(dim=1, keepdim=True)
    least = flat.masked_fill(flat == NONE, torch.inf).amin(dim=1, keepdim=True)
    return ((flat >= share * largest) & (largest > 0) & (largest > least)).view_as(values)
