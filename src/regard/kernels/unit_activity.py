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
    """The activity of each unit over a data set: a quantile, and the images where it is strongest.

    Parameters
    ----------
    parts : iterable of Tensor (n, U, h, w)
        Activation maps of all images, in the order of the images.
    locations : int
        N h w of all parts together, which determines how many values are kept.
    share : float
        Share of all locations above the threshold, in (0, 1).
    images : int
        Most images that are kept per unit; among equally strong ones the first.

    Returns
    -------
    Activity

    Raises
    ------
    ValueError
        For a share outside (0, 1), and for parts with another number of locations.

    Notes
    -----
    Memory is that of one part and of U x share x locations values.

    References
    ----------
    Bau et al. 2017, CVPR (Network Dissection): threshold per unit, share 0.005.
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
