"""Null maps: heat maps that know nothing of the network. A method that does no better shows nothing about it."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.filters import sobel
from torch import Tensor, nn

from regard.attribution.seeds import generator


def ones(images: Tensor) -> Tensor:
    """The same value everywhere; by the tie rule of the pointing game it points at the centre."""
    return torch.ones(len(images), *images.shape[-2:])


def centre(images: Tensor, width: float = 0.25) -> Tensor:
    """A Gaussian in the middle of the image; `width` is its standard deviation as a share of the image's sides."""
    height, length = images.shape[-2:]
    axis = lambda size: torch.exp(-0.5 * ((torch.arange(size) + 0.5 - size / 2) / (width * size)) ** 2)
    return (axis(height)[:, None] * axis(length)[None, :]).expand(len(images), -1, -1).clone()


def edges(images: Tensor) -> Tensor:
    """Sobel magnitude of the mean over the channels."""
    grey = images.detach().cpu().double().mean(dim=1).numpy()
    return torch.from_numpy(np.stack([sobel(image) for image in grey])).float()


def random(images: Tensor, smoothing: float = 0.05, seed: int = 0) -> Tensor:
    """White noise smoothed by a Gaussian; `smoothing` is its standard deviation as a share of the image's width.

    Smoothed round the border (periodically), so that the maximum may lie anywhere with the same chance.

    The noise of an image is drawn from its content and `seed`, so that neither batch nor order matters.
    """
    maps = []
    for image in images:
        noise = generator(seed, image).standard_normal(tuple(image.shape[-2:]))
        maps.append(gaussian_filter(noise, smoothing * image.shape[-1], mode="wrap"))
    return torch.from_numpy(np.stack(maps)).float()


NULLS = {"ones": ones, "centre": centre, "edges": edges, "random": random}


def nulls(name: str, images: Tensor, *, model: nn.Module | None = None, prior: Tensor | None = None) -> Tensor:
    """Null maps (N, H, W), float32, for network inputs (N, C, H, W).

    model and prior are for null maps made from a network or from training masks; those in NULLS need neither.
    Raises ValueError for an unknown name.
    """
    if name not in NULLS:
        raise ValueError(f"unknown null map {name!r}; known are {', '.join(NULLS)}")
    if not len(images):
        return torch.zeros(0, *images.shape[-2:])
    return NULLS[name](images)
