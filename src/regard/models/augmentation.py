"""Augmentation: small random changes of training images that do not change the label. Each is an
option, off by default.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from regard.models.preprocessing import IMAGENET, Preprocessing

# absorbances of haematoxylin, eosin and a residual, one row each (Ruifrok & Johnston 2001, table 2)
STAINS = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))


OPTIONS = {
    "shift": float,
    "zoom": float,
    "contrast": float,
    "mirror": bool,
    "turn": bool,
    "stain": float,
}


def check(options: Mapping) -> None:
    """Raise ValueError for an unknown option, or one whose value is not of its type or below 0."""
    for name, value in options.items():
        if name not in OPTIONS:
            raise ValueError(f"augment has no option {name!r}; it has {', '.join(OPTIONS)}")
        number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if not (isinstance(value, bool) if OPTIONS[name] is bool else number):
            wanted = "true or false" if OPTIONS[name] is bool else "a number, 0 or more"
            raise ValueError(f"augment: {name} must be {wanted}, not {value!r}")


def augment(
    images: Tensor,
    generator: torch.Generator,
    shift: float = 0.0,
    zoom: float = 0.0,
    contrast: float = 0.0,
    mirror: bool = False,
    turn: bool = False,
    stain: float = 0.0,
    taken: Preprocessing = IMAGENET,
) -> Tensor:
    """Random changes of training images.

    Parameters
    ----------
    images : Tensor (N, 3, H, W)
        Normalised network inputs.
    generator : torch.Generator
        On the CPU.
    shift : float
        Largest move, as a share of the width.
    zoom, contrast : float
        Largest relative change.
    mirror : bool
        Swap left and right at random; wrong where laterality matters.
    turn : bool
        Rotate by 0, 90, 180 or 270 degrees, for tissue without an upright.
    stain : float
        Largest relative change of haematoxylin and of eosin, in optical density (Tellez et al.
        2018).
    taken : Preprocessing
        How the inputs were made from pixels.

    Returns
    -------
    Tensor (N, 3, H, W)
        channels_last.
    """

    def draw():
        return torch.rand(len(images), generator=generator) * 2 - 1

    side, scale = torch.sign(draw()), 1 + zoom * draw()
    side = side if mirror else torch.ones_like(side)
    right, down, gain = 2 * shift * draw(), 2 * shift * draw(), 1 + contrast * draw()
    zero = torch.zeros(len(images))
    affine = torch.stack(
        [torch.stack([side * scale, zero, right], 1), torch.stack([zero, scale, down], 1)], 1
    )
    if turn:
        angle = torch.randint(4, (len(images),), generator=generator) * (math.pi / 2)
        cosine, sine = angle.cos().round(), angle.sin().round()
        affine = (
            torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
            @ affine
        )
    grid = functional.affine_grid(affine.to(images.device), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    if stain:
        moved = stained(
            moved, 1 + stain * torch.stack([draw(), draw()], 1).to(images.device), taken
        )
    gain = gain.to(images.device).view(-1, 1, 1, 1)
    if (
        taken != IMAGENET
    ):  # contrast is about the mean colour of ImageNet, which is 0 in its own input
        middle = taken.normalised(IMAGENET.pictures(torch.zeros_like(images[:1, :, :1, :1])))
        return (moved * gain + middle * (1 - gain)).contiguous(memory_format=torch.channels_last)
    return (moved * gain).contiguous(memory_format=torch.channels_last)


def stained(images: Tensor, amount: Tensor, taken: Preprocessing = IMAGENET) -> Tensor:
    """Images with other amounts of haematoxylin and eosin.

    Parameters
    ----------
    images : Tensor (N, 3, H, W)
        Normalised network inputs.
    amount : Tensor (N, 2)
        Factor on each stain.
    taken : Preprocessing
        How the inputs were made from pixels.

    Returns
    -------
    Tensor (N, 3, H, W)

    Notes
    -----
    Optical density -log10(transmission) is a sum of the stains' absorbances (Beer and Lambert).

    References
    ----------
    Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23, table 2.
    """
    density = -torch.log10(taken.pictures(images).clamp(1 / 255, 1))
    stains = functional.normalize(torch.tensor(STAINS, device=images.device), dim=1)
    amounts = torch.einsum("nchw,cs->nshw", density, torch.linalg.inv(stains))
    factor = torch.cat([amount, torch.ones_like(amount[:, :1])], 1)[:, :, None, None]
    density = torch.einsum("nshw,sc->nchw", amounts * factor, stains)
    return taken.normalised((10**-density).clamp(0, 1))
