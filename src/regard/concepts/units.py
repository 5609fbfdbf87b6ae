"""Units of the last convolution, a global explanation (after DeepMiner: Wu et al. 2018, arXiv
1805.12323, and 2021).

A unit is a channel of the last feature map. On an image it has an activation a_u, and for a class c
the head's weight w_cu: its influence is a_u w_cu. As published a_u is the largest activation over
the image; the network takes the mean, whose influence adds up to the logit.
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
    "mean": lambda maps: maps.flatten(2).mean(dim=2),  # what an average pool hands to the head
}


@torch.no_grad()
def dense(model: nn.Sequential, images: Tensor, cells: tuple[int, int] = (1, 1)) -> Tensor:
    """Logits (N, classes, h, w) of every window of `cells` locations of the last feature map of
    whole images: the network made fully convolutional, its head a 1 x 1 convolution. As published
    `cells` is (1, 1), a logit at every location; the classifier's own map at the size it was
    trained on is a window as large as that map, and then the whole image gives its logits.

    Raises ValueError for a network without an average pool, whose head is not linear in the
    locations, and for windows larger than the map.
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
    """a_u w_u (N, U) of feature maps (N, U, h, w) for the weights (U,) of a class, or of one class
    less another.

    amount: a name in AMOUNTS. Raises ValueError for another.
    """
    if amount not in AMOUNTS:
        raise ValueError(f"unknown amount {amount!r} of a unit; known are {', '.join(AMOUNTS)}")
    if maps.ndim != 4 or head.shape != (maps.shape[1],):
        raise ValueError(
            f"maps {tuple(maps.shape)} need a weight for each unit, not {tuple(head.shape)}"
        )
    return AMOUNTS[amount](maps) * head


def top(influences: Tensor, count: int = 8) -> Tensor:
    """The units (N, count), int64, of the largest influence on each image, of equal ones the
    first.
    """
    return influences.argsort(dim=1, descending=True, stable=True)[:, :count]


def ranking(influences: Tensor, count: int = 8) -> pd.DataFrame:
    """Units by how many images they are among the `count` most influential of: unit, images,
    influence (the mean over all images). Units that never are, are left out; of as frequent ones
    the one of larger mean influence comes first."""
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
    """The share of the places among the `count` most influential units of each image that labelled
    units take.
    """
    known = torch.tensor(sorted(labelled), dtype=torch.int64)
    return float(torch.isin(top(influences, count), known).double().mean())


def published_masks(
    maps: Tensor, largest: Tensor, size: int, field: Field, share: float = 0.2
) -> Tensor:
    """Where each unit responds on its images, bool (n, size, size): its map (n, h, w) over the
    largest activation (n,) that the unit has anywhere, enlarged, above `share` (Zhou et al. 2015;
    DeepMiner). field: where the map's locations look (see regard.models.receptive_field); published
    code enlarges maps by their corners, which in a ResNet puts them half a location off."""
    scaled = maps / largest.clamp(min=torch.finfo(maps.dtype).tiny)[:, None, None]
    return enlarge(scaled[:, None], size, field)[:, 0] > share


def dissection_masks(maps: Tensor, thresholds: Tensor, size: int, field: Field) -> Tensor:
    """The same by Network Dissection (Bau et al. 2017): enlarged, above the value (n,) that a small
    share of all locations exceeds.
    """
    return enlarge(maps[:, None], size, field)[:, 0] > thresholds[:, None, None]


@torch.no_grad()
def removed(model: nn.Sequential, maps: Tensor, units: Sequence[int], towards: Tensor) -> Tensor:
    """How much the contrast `towards` (classes,) of the logits falls (N,), float64, when these
    units of the feature maps are zero.
    """
    without = maps.clone()
    without[:, list(units)] = 0

    with_all, with_fewer = (clusters.logits(model, some).double() for some in (maps, without))
    return with_all @ towards.double() - with_fewer @ towards.double()


def alike(means: Tensor, units: Sequence[int], seed: int) -> list[int]:
    """For each of `units` another one that is about as active, or influential: drawn from the ten
    nearest in mean (U,) that are neither among `units` nor taken, from a seed. Raises ValueError
    where too few are left."""
    free = [unit for unit in range(len(means)) if unit not in set(units)]
    if len(free) < len(units):
        raise ValueError(f"{len(means)} units leave {len(free)} to stand beside {len(units)}")
    random, found = np.random.default_rng(seed), []
    for unit in units:
        free.sort(key=lambda other: (abs(float(means[other] - means[unit])), other))
        found.append(free.pop(int(random.integers(min(10, len(free))))))
    return found


def name(unit: int) -> str:
    """A unit's number as text, of four digits, so that names sort as numbers do."""
    return f"unit_{number(unit):04d}"


def number(text: str | int) -> int:
    """The number of a unit from any way to write it: 588, "588", "0588", "unit_588", "unit_0588".

    DeepMiner's notebook looked labels up by "unit_588" in a table that says "unit_0588", and lost
    every unit below 1000. Raises ValueError for what is none.
    """
    found = re.fullmatch(r"(?:unit_)?(\d+)", str(text).strip())
    if not found:
        raise ValueError(f"{text!r} is no unit; write its number, as in 588 or unit_0588")
    return int(found[1])
