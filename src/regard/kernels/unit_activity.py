"""What each unit does over a whole data set, in one pass: its largest activations, where they are,
and a quantile, exactly.

A data set's activations need not fit in memory: of each unit only the values above the quantile are
kept, and the images where it is strongest.
"""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from regard.kernels.sorting import several_largest


class Activity(NamedTuple):
    """Of U units over N images."""

    threshold: Tensor  # (U,), the value that a share of all locations lies above
    # (U, k), the largest activation in each of the k images where the unit is strongest, descending
    largest: Tensor
    images: Tensor  # (U, k), int64, the numbers of these images


def activity(
    parts: Iterable[Tensor], locations: int, share: float = 0.005, images: int = 64
) -> Activity:
    """The activity of units from parts (n, U, h, w) of all their maps, in the order of the images.

    locations: of all parts together, N h w, so that it is known how many values to keep; share:
    above the threshold, as in Network Dissection (Bau et al. 2017); images: at most so many are
    kept of each unit, of equally strong ones the first. Memory is that of a part and of U share
    locations values. Raises ValueError for a share outside (0, 1), and for parts that have not so
    many locations.
    """
    if not 0 < share < 1:
        raise ValueError(
            f"the share of locations above the threshold must be above 0 and below 1, not {share}"
        )
    keep = max(1, int(share * locations))
    kept, largest = torch.zeros(0), torch.zeros(0)
    places = torch.zeros(0, dtype=torch.int64)
    seen = begin = 0
    for first, part in zip(itertools.chain([True], itertools.repeat(False)), parts):
        units = part.shape[1]
        flat = part.transpose(0, 1).flatten(1)  # (U, n h w)
        seen += flat.shape[1]
        kept = several_largest(flat if first else torch.cat([kept, flat], dim=1), keep)
        strongest = part.flatten(2).amax(dim=2).T  # (U, n)
        number = torch.arange(begin, begin + len(part), device=part.device).expand(units, -1)
        begin += len(part)
        if not first:
            strongest, number = (
                torch.cat([largest, strongest], dim=1),
                torch.cat([places, number], dim=1),
            )
        order = strongest.argsort(dim=1, descending=True, stable=True)[:, :images]
        largest, places = strongest.gather(1, order), number.gather(1, order)
    if seen != locations:
        raise ValueError(
            f"the parts have {seen} locations, not the {locations} that were announced"
        )
    return Activity(kept.amin(dim=1), largest, places)
