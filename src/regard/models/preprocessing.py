"""How pixels become network input: a linear rescaling of 0..255, then a mean and a deviation per
channel.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as torchvision has them


class Preprocessing(NamedTuple):
    """The input of a network from pixels x of 0..255: (low + (high - low) x / 255 - mean) / std,
    per channel of three.
    """

    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    low: float = 0.0  # what black is before the normalisation
    high: float = 1.0  # what white is before the normalisation

    def of_level(self, level: float) -> Tensor:
        """Network input (3,), float64, of a grey from 0 (black) to 1 (white)."""
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (self.mean, self.std))
        return (self.low + (self.high - self.low) * level - mean) / std

    def pictures(self, images: Tensor) -> Tensor:
        """Colours (N, 3, H, W), unclipped, 0 for black and 1 for white, of network inputs (N, 3, H,
        W), in their type.
        """
        mean, std = (
            torch.tensor(values, dtype=torch.float64).to(images).view(1, 3, 1, 1)
            for values in (self.mean, self.std)
        )
        return (images * std + mean - self.low) / (self.high - self.low)

    def normalised(self, pictures: Tensor) -> Tensor:
        """Network inputs (N, 3, H, W) of colours (N, 3, H, W), the inverse of `pictures`."""
        mean, std = (
            torch.tensor(values, dtype=torch.float64).to(pictures).view(1, 3, 1, 1)
            for values in (self.mean, self.std)
        )
        return (self.low + (self.high - self.low) * pictures - mean) / std


IMAGENET = Preprocessing()


def preprocessing(
    mean: Sequence[float] | float = MEAN,
    std: Sequence[float] | float = STD,
    range: Sequence[float] = (0.0, 1.0),
) -> Preprocessing:
    """The preprocessing that params.yaml states, checked.

    Parameters
    ----------
    mean, std : float or sequence of 1 or 3 floats
        Per colour channel, in units of `range`; std > 0.
    range : sequence of 2 floats
        Values of black and white before them, such as (0, 1), (0, 255) or (-1024, 1024).

    Returns
    -------
    Preprocessing

    Raises
    ------
    ValueError
        For anything that is no finite number, another count, a deviation that is not positive, and
        a range that does not rise.
    """
    found: dict[str, tuple] = {}
    for name, value in (("mean", mean), ("std", std), ("range", range)):
        numbers = [value] if isinstance(value, int | float) else value
        wanted = (2,) if name == "range" else (1, 3)
        if (
            not isinstance(numbers, list | tuple)
            or len(numbers) not in wanted
            or not all(
                isinstance(one, int | float) and not isinstance(one, bool) for one in numbers
            )
            or not np.isfinite(numbers).all()
        ):
            count = (
                "two numbers"
                if name == "range"
                else "one number, or one for each of the three colour channels"
            )
            raise ValueError(f"`{name}` of a network's input must be {count}, not {value!r}")
        found[name] = tuple(float(one) for one in numbers) * (
            3 // len(numbers) if name != "range" else 1
        )
    if min(found["std"]) <= 0:
        raise ValueError(f"`std` of a network's input must be above 0, not {std!r}")
    if not found["range"][0] < found["range"][1]:
        raise ValueError(
            f"`range` of a network's input must rise from black to white, not {list(range)!r}"
        )
    return Preprocessing(found["mean"], found["std"], *found["range"])


def described(description: dict) -> Preprocessing:
    """The preprocessing in the description of a stored network, ImageNet's in one that says nothing
    of it.
    """
    return preprocessing(**description.get("preprocessing", {}))


def description(of: Preprocessing) -> dict:
    """What `described` reads: the arguments of `preprocessing`."""
    return {"mean": list(of.mean), "std": list(of.std), "range": [of.low, of.high]}


def of(model: nn.Module | None) -> Preprocessing:
    """The preprocessing that `model` was given (`model.preprocessing`), ImageNet's for one that was
    given none.
    """
    return getattr(model, "preprocessing", IMAGENET)


def unit(model: nn.Module | None, images: Tensor) -> Tensor | float:
    """One unit of ImageNet's network input in the input of another network.

    Noise and contrast then mean the same for every network.

    Parameters
    ----------
    model : nn.Module or None
    images : Tensor (N, C, H, W)
        Inputs of `model`.

    Returns
    -------
    Tensor (1, 3, 1, 1), or 1.0
        1.0 for images of another number of channels, whose scale is unknown.
    """
    if images.shape[1] != 3:
        return 1.0
    taken = of(model)
    here, there = (torch.tensor(each, dtype=torch.float64) for each in (taken.std, STD))
    return (there * (taken.high - taken.low) / here).to(images).view(1, 3, 1, 1)


def shade(model: nn.Module | None, images: Tensor, value: float = 0.0) -> Tensor | float:
    """A grey of ImageNet's network input in the input of another network.

    Parameters
    ----------
    model : nn.Module or None
    images : Tensor (N, C, H, W)
        Inputs of `model`.
    value : float
        0 is the mean colour of ImageNet.

    Returns
    -------
    Tensor (1, 3, 1, 1), or float
        `value` itself for images of another number of channels.
    """
    if images.shape[1] != 3:
        return value
    taken = of(model)
    mean, std, grey = (
        torch.tensor(each, dtype=torch.float64) for each in (taken.mean, taken.std, MEAN)
    )
    middle = (taken.low + (taken.high - taken.low) * grey - mean) / std
    return middle.to(images).view(1, 3, 1, 1) + value * unit(model, images)
