"""Units of the last convolution, a global explanation (after DeepMiner: Wu et al. 2018, arXiv
1805.12323, and 2021).

A unit u is a channel of the last feature map. On an image it has an activation a_u, and for a class
c the head's weight w_cu: its influence is a_u w_cu. As published a_u is the largest activation over
the image. The network takes the mean; influences of means add up to the logit.
"""

import re
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from regard.concepts import clusters
from regard.models.receptive_field import Field, enlarge

AMOUNTS: dict[str, Callable[[Tensor], Tensor]] = {
    "max": lambda maps: maps.flatten(2).amax(dim=2),  # as published
    "mean": lambda maps: maps.flatten(2).mean(dim=2),  # what the head receives from an average pool
}


@torch.no_grad()
def dense(model: nn.Sequential, images: Tensor, cells: tuple[int, int] = (1, 1)) -> Tensor:
    """The logits of every window of the last feature map: the network made fully convolutional, its
    head a 1 x 1 convolution.

    Parameters
    ----------
    images : Tensor
        Normalised, (N, 3, H, W), of any size.
    cells : tuple of int
        The window's height and width in locations. As published (1, 1). A window as large as the
        map of a training image gives the classifier's own logits.

    Returns
    -------
    Tensor
        (N, classes, h, w).

    Raises
    ------
    ValueError
        For a network without an average pool, whose head is not linear in the locations, and for
        windows larger than the map.
    """
    if not isinstance(getattr(model, "pool", None), nn.AdaptiveAvgPool2d):
        raise ValueError(
            "a network is made fully convolutional here if it ends in an average pool and a "
            "linear head"
        )
    maps = model.get_submodule("features")(images)
    if cells[0] > maps.shape[2] or cells[1] > maps.shape[3]:
        raise ValueError(
            f"windows of {cells} locations do not fit into a map of {tuple(maps.shape[2:])}"
        )
    windows = functional.avg_pool2d(maps, cells, stride=1)
    head = clusters.head(model)
    return functional.conv2d(windows, head.weight[:, :, None, None], head.bias)


def influence(maps: Tensor, head: Tensor, amount: str = "max") -> Tensor:
    """The influence a_u w_u of each unit on each image.

    Parameters
    ----------
    maps : Tensor
        The last feature maps, (N, U, h, w).
    head : Tensor
        (U,): the head's weights for a class, or a contrast of classes.
    amount : str
        A name in AMOUNTS: how a_u is computed.

    Returns
    -------
    Tensor
        (N, U).

    Raises
    ------
    ValueError
        For an unknown amount, and for other shapes.
    """
    if amount not in AMOUNTS:
        raise ValueError(f"unknown amount {amount!r} of a unit; known are {', '.join(AMOUNTS)}")
    if maps.ndim != 4 or head.shape != (maps.shape[1],):
        raise ValueError(
            f"maps {tuple(maps.shape)} need a weight for each unit, not {tuple(head.shape)}"
        )
    return AMOUNTS[amount](maps) * head


def top(influences: Tensor, count: int = 8) -> Tensor:
    """The `count` units of the largest influence on each image, int64 (N, count); of equal ones the
    first. influences: (N, U).
    """
    return influences.argsort(dim=1, descending=True, stable=True)[:, :count]


def ranking(influences: Tensor, count: int = 8) -> pd.DataFrame:
    """Units ordered by the number of images on which they are among the most influential.

    Parameters
    ----------
    influences : Tensor
        (N, U).
    count : int
        The number of most influential units of each image.

    Returns
    -------
    DataFrame
        unit, images, influence (the mean over all images, which orders ties). A unit without such
        an image is left out.
    """
    often = torch.bincount(top(influences, count).flatten(), minlength=influences.shape[1])
    table = pd.DataFrame(
        {
            "unit": np.arange(len(often)),
            "images": often.numpy(),
            "influence": influences.double().mean(dim=0).numpy(),
        }
    )
    table = table[table["images"] > 0].sort_values(
        ["images", "influence"], ascending=False, kind="stable"
    )
    return table.reset_index(drop=True)


def coverage(influences: Tensor, labelled: Collection[int], count: int = 8) -> float:
    """The share of labelled units among the `count` most influential units of each image, over all
    images. influences: (N, U).
    """
    known = torch.tensor(sorted(labelled), dtype=torch.int64)
    return float(torch.isin(top(influences, count), known).double().mean())


def published_masks(
    maps: Tensor, largest: Tensor, size: int, field: Field, share: float = 0.2
) -> Tensor:
    """Where units respond: above a share of their largest activation.

    Parameters
    ----------
    maps : Tensor
        (n, h, w): a map of one unit each.
    largest : Tensor
        (n,): the largest activation of that unit on any image.
    size : int
        The side of the masks in pixels.
    field : Field
        Where in the image the locations look. Published code resizes maps by their corners, which
        shifts them by half a location in a ResNet.
    share : float
        The threshold, from 0 to 1.

    Returns
    -------
    Tensor
        Bool (n, size, size).

    References
    ----------
    Zhou et al., ICLR 2015; Wu et al., DeepMiner, arXiv 1805.12323 (2018).
    """
    scaled = maps / largest.clamp(min=torch.finfo(maps.dtype).tiny)[:, None, None]
    return enlarge(scaled[:, None], size, field)[:, 0] > share


def dissection_masks(maps: Tensor, thresholds: Tensor, size: int, field: Field) -> Tensor:
    """Where units respond by Network Dissection (Bau et al. 2017): above the thresholds (n,), which
    a small share of all locations exceeds. Otherwise as `published_masks`.
    """
    return enlarge(maps[:, None], size, field)[:, 0] > thresholds[:, None, None]


@torch.no_grad()
def removed(model: nn.Sequential, maps: Tensor, units: Sequence[int], towards: Tensor) -> Tensor:
    """How much the contrast `towards` (classes,) of the logits falls when `units` of the feature
    maps (N, U, h, w) are zero: float64 (N,).
    """
    without = maps.clone()
    without[:, list(units)] = 0

    with_all, with_fewer = (clusters.logits(model, some).double() for some in (maps, without))
    return with_all @ towards.double() - with_fewer @ towards.double()


def alike(means: Tensor, units: Sequence[int], seed: int) -> list[int]:
    """For each of `units` another one with a similar mean activation or influence.

    Parameters
    ----------
    means : Tensor
        (U,): of all units.
    units : sequence of int
        They are no candidates themselves.
    seed : int
        Each partner is sampled from the ten nearest candidates that are left.

    Raises
    ------
    ValueError
        When there are too few candidates.
    """
    free = [unit for unit in range(len(means)) if unit not in set(units)]
    if len(free) < len(units):
        raise ValueError(f"{len(means)} units leave {len(free)} to stand beside {len(units)}")
    random, found = np.random.default_rng(seed), []
    for unit in units:
        free.sort(key=lambda other: (abs(float(means[other] - means[unit])), other))
        found.append(free.pop(int(random.integers(min(10, len(free))))))
    return found


def name(unit: int) -> str:
    """A unit's number as text with four digits, so that names sort like numbers."""
    return f"unit_{number(unit):04d}"


def number(text: str | int) -> int:
    """The number of a unit, written as 588, "588", "0588", "unit_588" or "unit_0588".

    DeepMiner's notebook looked up "unit_588" in a table with the key "unit_0588", and lost every
    unit below 1000. Raises ValueError for another text.
    """
    found = re.fullmatch(r"(?:unit_)?(\d+)", str(text).strip())
    if not found:
        raise ValueError(f"{text!r} is no unit; write its number, as in 588 or unit_0588")
    return int(found[1])
