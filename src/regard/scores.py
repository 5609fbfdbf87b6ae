"""Scores: how well a heat map or a region agrees with the expert's. Undefined is NaN, never zero."""

import torch
from torch import Tensor


def pointing(maps: Tensor, reference: Tensor, tolerance: float = 0.0) -> Tensor:
    """The pointing game (Zhang et al. 2018): 1 where the map's maximum lies within `tolerance` pixels of the reference.

    maps: real (N, H, W); reference: bool (N, H, W). Tied maxima point at the pixel nearest their mean position, so a
    constant map points at the centre. NaN for an empty reference or a map with NaN.
    """
    rows, columns = points(maps).unbind(1)
    undefined = ~reference.flatten(1).any(dim=1) | rows.isnan()
    if tolerance == 0:  # the distance to every pixel is not needed to look one up
        hit = reference[torch.arange(len(maps)), rows.nan_to_num().long(), columns.nan_to_num().long()].double()
        return hit.masked_fill(undefined, torch.nan)
    height, width = maps.shape[-2:]
    row = torch.arange(height, device=maps.device, dtype=torch.float64)[:, None]
    column = torch.arange(width, device=maps.device, dtype=torch.float64)[None, :]
    squared = (row - rows[:, None, None]) ** 2 + (column - columns[:, None, None]) ** 2
    nearest = squared.masked_fill(~reference, torch.inf).flatten(1).amin(dim=1).sqrt()
    hit = (nearest <= tolerance).double()
    return hit.masked_fill(undefined, torch.nan)


def points(maps: Tensor) -> Tensor:
    """Row and column (N, 2), float64 whole numbers, of each map's maximum; ties as in `pointing`, NaN for NaN."""
    broken = maps.isnan().flatten(1).any(dim=1)
    ties = maps == maps.flatten(1).amax(dim=1)[:, None, None]
    count = ties.sum(dim=(1, 2))
    row = torch.arange(maps.shape[1], device=maps.device, dtype=torch.float64)
    column = torch.arange(maps.shape[2], device=maps.device, dtype=torch.float64)
    rows = (ties.sum(dim=2) * row).sum(dim=1) / count
    columns = (ties.sum(dim=1) * column).sum(dim=1) / count
    found = torch.stack([rows, columns], dim=1).add(0.5).floor()
    return found.masked_fill(broken[:, None], torch.nan)


def iou(regions: Tensor, reference: Tensor) -> Tensor:
    """Intersection over union (Jaccard 1901) of bool regions (N, H, W); 0 for an empty region, NaN for an empty
    reference.

    Raises ValueError for regions that are not bool.
    """
    if regions.dtype != torch.bool:
        raise ValueError(f"iou compares bool regions, not {regions.dtype}; select a region from the map first")
    both = (regions & reference).sum(dim=(1, 2)).double()
    either = (regions | reference).sum(dim=(1, 2)).double()
    return (both / either).masked_fill(~reference.flatten(1).any(dim=1), torch.nan)


# name -> function (maps or regions, reference, **parameters) -> (N,)
SCORES = {"iou": iou, "pointing": pointing}


def score(maps_or_regions: Tensor, reference: Tensor, name: str = "iou", **parameters) -> Tensor:
    """The score `name` of each map or region (N, H, W) against bool references (N, H, W), float64 (N,).

    One reference (1, H, W) serves all. Raises ValueError for an unknown score, other shapes, or a reference that is not
    bool.
    """
    if name not in SCORES:
        raise ValueError(f"unknown score {name!r}; known are {', '.join(SCORES)}")
    if reference.dtype != torch.bool:
        raise ValueError(f"the reference must be bool, not {reference.dtype}")
    if (
        maps_or_regions.ndim != 3
        or reference.ndim != 3
        or reference.shape[1:] != maps_or_regions.shape[1:]
        or len(reference) not in (1, len(maps_or_regions))
    ):
        raise ValueError(
            f"{name} needs maps and references of one size (N, H, W), not "
            f"{tuple(maps_or_regions.shape)} and {tuple(reference.shape)}"
        )
    return SCORES[name](maps_or_regions, reference.expand(len(maps_or_regions), -1, -1), **parameters)


def area_expected_iou(area: Tensor, reference: Tensor) -> Tensor:
    """The IoU (N,) of as many pixels spread evenly: with area share a and reference share m, a m / (a + m - a m)."""
    share = reference.double().mean(dim=(1, 2))
    return (area * share / (area + share - area * share)).masked_fill(share == 0, torch.nan)
