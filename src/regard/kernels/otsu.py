"""Otsu's threshold (Otsu 1979, IEEE Trans Syst Man Cybern 9:62) of many maps at once."""

import torch
from torch import Tensor


def otsu(values: Tensor, bins: int = 256) -> Tensor:
    """Otsu's threshold of each row: scikit-image's `threshold_otsu`, batched.

    The cut between two bins that makes the variance between the two classes largest, the first of
    several; the threshold is the middle of the bin below it.

    Parameters
    ----------
    values : Tensor (B, N)
        Real values; -inf takes no part.
    bins : int
        Bins of equal width from the least to the largest value, >= 2.

    Returns
    -------
    Tensor (B,)
        float64; NaN for a row without values, the value itself for a row with a single value.

    Raises
    ------
    ValueError
        For other shapes, NaN, inf and fewer than two bins.

    References
    ----------
    Otsu 1979, IEEE Trans Syst Man Cybern 9:62.
    """
    if values.ndim != 2 or bins < 2:
        raise ValueError(
            "Otsu's threshold needs values (B, N) and two bins or more, not "
            f"{tuple(values.shape)}, {bins}"
        )
    if values.isnan().any() or (values == torch.inf).any():
        raise ValueError("Otsu's threshold needs values without NaN or inf")
    values = values.double()
    among = values > -torch.inf
    low = values.masked_fill(~among, torch.inf).amin(dim=1, keepdim=True)
    high = values.amax(dim=1, keepdim=True)
    parted = among.any(dim=1, keepdim=True) & (high > low)
    low, high = torch.where(parted, low, 0.0), torch.where(parted, high, 1.0)
    edges = low + torch.arange(bins + 1, device=values.device, dtype=torch.float64) * (
        (high - low) / bins
    )
    edges[:, -1:] = high
    place = (torch.searchsorted(edges, values.contiguous(), right=True) - 1).clamp(0, bins - 1)
    counts = torch.zeros_like(edges[:, :bins]).scatter_add_(1, place, among.double())
    middles = (edges[:, 1:] + edges[:, :-1]) / 2
    below, above = counts.cumsum(1), counts.flip(1).cumsum(1).flip(1)
    mean_below = (counts * middles).cumsum(1) / below
    mean_above = ((counts * middles).flip(1).cumsum(1) / above.flip(1)).flip(1)
    between = below[:, :-1] * above[:, 1:] * (mean_below[:, :-1] - mean_above[:, 1:]) ** 2
    threshold = middles.gather(1, between.nan_to_num(nan=-1.0).argmax(dim=1, keepdim=True))
    equal = values.amax(dim=1, keepdim=True)
    return torch.where(
        parted, threshold, torch.where(among.any(dim=1, keepdim=True), equal, torch.nan)
    )[:, 0]
