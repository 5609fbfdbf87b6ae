"""Scores: how well a heat map or a region agrees with the expert's. Undefined is NaN, never
zero.
"""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor

from regard.core.parameters import check
from regard.kernels.sorting import largest


def pointing(
    maps: Tensor, reference: Tensor, tolerance: float = 0.0, pixel_mm: float | None = None
) -> Tensor:
    """The pointing game (Zhang et al. 2018): 1 where the map's maximum lies within `tolerance` of
    the reference.

    maps: real (N, H, W); reference: bool (N, H, W), of one part or several, the nearest of which
    counts. tolerance: in pixels, or in millimetres of which a pixel has `pixel_mm`. Tied maxima
    point at the pixel nearest their mean position, so a constant map points at the centre. NaN for
    an empty reference, a map with NaN, and one that is zero everywhere, which points nowhere.
    Raises ValueError for a tolerance below zero or none, and a pixel size that is not positive.
    """
    if not tolerance >= 0 or not (pixel_mm is None or pixel_mm > 0):
        raise ValueError(
            f"the tolerance must be at least 0, a pixel larger than 0 mm; not {tolerance} and "
            f"{pixel_mm}"
        )
    tolerance = tolerance if pixel_mm is None else tolerance / pixel_mm
    rows, columns = points(maps).unbind(1)
    undefined = ~reference.flatten(1).any(dim=1) | rows.isnan()
    if tolerance == 0:  # the distance to every pixel is not needed to look one up
        hit = reference[
            torch.arange(len(maps)), rows.nan_to_num().long(), columns.nan_to_num().long()
        ].double()
        return hit.masked_fill(undefined, torch.nan)
    height, width = maps.shape[-2:]
    row = torch.arange(height, device=maps.device, dtype=torch.float64)[:, None]
    column = torch.arange(width, device=maps.device, dtype=torch.float64)[None, :]
    squared = (row - rows[:, None, None]) ** 2 + (column - columns[:, None, None]) ** 2
    nearest = squared.masked_fill(~reference, torch.inf).flatten(1).amin(dim=1).sqrt()
    hit = (nearest <= tolerance).double()
    return hit.masked_fill(undefined, torch.nan)


def points(maps: Tensor) -> Tensor:
    """Row and column (N, 2), float64 whole numbers, of each map's maximum; ties as in `pointing`.
    NaN for a map with NaN and one that is zero everywhere."""
    broken = maps.isnan().flatten(1).any(dim=1) | says_nowhere(maps)
    ties = maps == maps.flatten(1).amax(dim=1)[:, None, None]
    count = ties.sum(dim=(1, 2))
    row = torch.arange(maps.shape[1], device=maps.device, dtype=torch.float64)
    column = torch.arange(maps.shape[2], device=maps.device, dtype=torch.float64)
    rows = (ties.sum(dim=2) * row).sum(dim=1) / count
    columns = (ties.sum(dim=1) * column).sum(dim=1) / count
    found = torch.stack([rows, columns], dim=1).add(0.5).floor()
    return found.masked_fill(broken[:, None], torch.nan)


def iou(regions: Tensor, reference: Tensor, empty: float = 0.0) -> Tensor:
    """Intersection over union (Jaccard 1901) of bool regions (N, H, W); `empty` for an empty region
    (NaN leaves it undefined), NaN for an empty reference.

    Raises ValueError for regions that are not bool.
    """
    both, selected, drawn = _overlap(regions, reference, "iou")
    return _defined(both / (selected + drawn - both), selected, drawn, empty)


def dice(regions: Tensor, reference: Tensor, empty: float = 0.0) -> Tensor:
    """Dice's coefficient (Dice 1945), twice the intersection over the sum of both areas; else as
    `iou`.
    """
    both, selected, drawn = _overlap(regions, reference, "dice")
    return _defined(2 * both / (selected + drawn), selected, drawn, empty)


def precision(regions: Tensor, reference: Tensor) -> Tensor:
    """The share of a bool region (N, H, W) that lies in the reference; NaN for an empty region or
    reference.
    """
    both, selected, drawn = _overlap(regions, reference, "precision")
    return _defined(both / selected, selected, drawn, torch.nan)


def recall(regions: Tensor, reference: Tensor) -> Tensor:
    """The share of the reference that a bool region (N, H, W) covers, 0 for an empty one; NaN for
    an empty reference.
    """
    both, selected, drawn = _overlap(regions, reference, "recall")
    return _defined(both / drawn, selected, drawn, 0.0)


def _overlap(regions: Tensor, reference: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
    if regions.dtype != torch.bool:
        raise ValueError(
            f"{name} compares bool regions, not {regions.dtype}; select a region from the map first"
        )
    both, selected, drawn = (
        each.sum(dim=(1, 2)).double() for each in (regions & reference, regions, reference)
    )
    return both, selected, drawn


def _defined(values: Tensor, selected: Tensor, drawn: Tensor, empty: float) -> Tensor:
    return values.masked_fill(selected == 0, empty).masked_fill(drawn == 0, torch.nan)


def mass(maps: Tensor, reference: Tensor) -> Tensor:
    """Relevance mass accuracy (Arras et al. 2022, eq. 1): the share of the positive relevance that
    lies in the reference.

    maps: real (N, H, W). NaN for an empty reference, a map without positive relevance and one that
    is not finite.
    """
    positive = maps.double().clamp(min=0)
    share = (positive * reference).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))
    return _of_maps(share, maps, reference)


def rank(maps: Tensor, reference: Tensor) -> Tensor:
    """Relevance rank accuracy (Arras et al. 2022, eq. 2): of the K pixels of highest value, K the
    size of the reference, the share that lies in it. Where the K-th value is tied, its pixels have
    the remaining places in equal parts.

    maps: real (N, H, W). NaN for an empty reference, a map that is not finite and one that is zero
    everywhere.
    """
    flat, inside = maps.double().flatten(1), reference.flatten(1)
    count = inside.sum(dim=1, keepdim=True)
    cut = largest(flat, count[:, 0].clamp(min=1))[:, None]
    above, tied = flat > cut, flat == cut
    places = (count - above.sum(dim=1, keepdim=True)) / tied.sum(dim=1, keepdim=True)
    hits = (above & inside).sum(dim=1) + places[:, 0] * (tied & inside).sum(dim=1)
    return _of_maps(hits / count[:, 0], maps, reference)


def auprc(maps: Tensor, reference: Tensor) -> Tensor:
    """Area under the precision-recall curve of the pixels, by steps (average precision), a tied
    value as one step.

    maps: real (N, H, W). A constant map has the reference's share of the image. NaN for an empty
    reference, a map that is not finite and one that is zero everywhere.
    """
    flat, inside = maps.double().flatten(1), reference.flatten(1)
    ordered, order = flat.sort(dim=1, descending=True)
    hits = inside.gather(1, order).double().cumsum(1)
    places = torch.arange(1, flat.shape[1] + 1, device=flat.device)
    step = torch.ones_like(inside)
    step[:, :-1] = ordered[:, :-1] != ordered[:, 1:]  # the last of each tied value
    reached = torch.where(step, hits, 0.0)
    before = reached.cummax(1).values.roll(1, dims=1)
    before[:, 0] = 0
    area = (torch.where(step, hits - before, 0.0) * hits / places).sum(dim=1) / hits[:, -1]
    return _of_maps(area, maps, reference)


def _of_maps(values: Tensor, maps: Tensor, reference: Tensor) -> Tensor:
    """`values` of maps (N, H, W), NaN where the reference is empty or the map is not finite or zero
    everywhere.
    """
    broken = ~torch.isfinite(maps).flatten(1).all(dim=1) | ~reference.flatten(1).any(dim=1)
    return values.masked_fill(broken | says_nowhere(maps), torch.nan)


def says_nowhere(maps: Tensor) -> Tensor:
    """Which maps (N, H, W) are zero everywhere, bool (N,): they say of no place that it matters,
    and every score of them is undefined. A map of another constant, such as the null map `ones`,
    says that all places matter alike."""
    return (maps == 0).flatten(1).all(dim=1)


FLAGGED = (
    0.001,
    0.9,
)  # median areas of a selection, shares of the image, below and above which it says nothing


def says_nothing(area: float) -> bool:
    """Whether a selection of this median area supports no claim about an order; never without a
    selection (NaN).
    """
    return bool(area < FLAGGED[0] or area > FLAGGED[1])


# name -> function (maps or regions, reference, **parameters) -> (N,)
SCORES: dict[str, Callable[..., Tensor]] = {
    "iou": iou,
    "dice": dice,
    "precision": precision,
    "recall": recall,
    "pointing": pointing,
    "mass": mass,
    "rank": rank,
    "auprc": auprc,
}
OF_REGIONS = ("iou", "dice", "precision", "recall")  # the others are of maps


def score(maps_or_regions: Tensor, reference: Tensor, name: str = "iou", **parameters) -> Tensor:
    """The score `name` of each map or region (N, H, W) against bool references (N, H, W), float64
    (N,).

    One reference (1, H, W) serves all. Raises ValueError for an unknown score, other shapes, what
    is no tensor, or a reference that is not bool.
    """
    if name not in SCORES:
        raise ValueError(f"unknown score {name!r}; known are {', '.join(SCORES)}")
    for what, given in (("maps or regions", maps_or_regions), ("reference", reference)):
        if not isinstance(given, Tensor):
            raise ValueError(
                f"the {what} must be a torch tensor, not {type(given).__name__}; use "
                "torch.from_numpy"
            )
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
    taken = list(inspect.signature(SCORES[name]).parameters.values())[2:]
    check(f"score {name!r}", {one.name: one.default for one in taken}, parameters)
    return SCORES[name](
        maps_or_regions, reference.expand(len(maps_or_regions), -1, -1), **parameters
    )


def area_expected_iou(area: Tensor, reference: Tensor) -> Tensor:
    """The IoU (N,) of as many pixels spread evenly: with area share a and reference share m, a m /
    (a + m - a m).
    """
    share = reference.double().mean(dim=(1, 2))
    return (area * share / (area + share - area * share)).masked_fill(share == 0, torch.nan)
