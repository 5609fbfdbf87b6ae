"""Superpixels: the parts of an image that LIME and Kernel SHAP hide and show."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from regard.models import preprocessing


def pictures(images: Tensor, model: nn.Module | None = None) -> np.ndarray:
    """Network inputs as pictures: the preprocessing undone.

    Parameters
    ----------
    images : Tensor (N, 3, H, W)
    model : nn.Module, optional
        Whose preprocessing is meant; without, ImageNet's.

    Returns
    -------
    ndarray (N, H, W, 3)
        float64, 0 to 1.
    """
    colours = preprocessing.of(model).pictures(images.detach().cpu().double())
    return colours.clamp(0, 1).permute(0, 2, 3, 1).numpy()


def quickshift(picture: np.ndarray) -> np.ndarray:
    """Quickshift superpixels of a picture (H, W, 3) with the lime library's settings."""
    from skimage.segmentation import quickshift  # slow to import, and of use to two methods

    return _numbered(quickshift(picture, kernel_size=4, max_dist=200, ratio=0.2, rng=0))


def slic(picture: np.ndarray) -> np.ndarray:
    """About 50 SLIC superpixels of a picture (H, W, 3) with the settings of Alam et al. (2023)."""
    from skimage.segmentation import slic

    return _numbered(slic(picture, n_segments=50, compactness=30, sigma=3, start_label=0))


def _numbered(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int64)


# name -> function of a picture (H, W, 3) -> int64 (H, W), numbered from 0
SUPERPIXELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "quickshift": quickshift,
    "slic": slic,
}


def superpixels(picture: np.ndarray, kind: str = "quickshift") -> np.ndarray:
    """Superpixels of a picture.

    Parameters
    ----------
    picture : ndarray (H, W, 3)
        Between 0 and 1.
    kind : {"quickshift", "slic"}
        With the settings of the lime library, or of Alam et al. (2023).

    Returns
    -------
    ndarray (H, W)
        int64, numbered from 0.

    Raises
    ------
    ValueError
        For an unknown kind.
    """
    if kind not in SUPERPIXELS:
        raise ValueError(f"unknown superpixels {kind!r}; known are {', '.join(SUPERPIXELS)}")
    return SUPERPIXELS[kind](picture)


def hidden(
    image: Tensor, segments: Tensor, fill: str | float = "mean", model: nn.Module | None = None
) -> Tensor:
    """An image with every superpixel hidden.

    Parameters
    ----------
    image : Tensor (C, H, W)
        An input of `model`.
    segments : Tensor (H, W)
        int64, numbered from 0.
    fill : {"mean", "white", "black"} or float
        The superpixel's mean colour, as in the lime library; a colour; or a number in units of the
        network input.
    model : nn.Module, optional
        Whose preprocessing is meant; without, ImageNet's.

    Returns
    -------
    Tensor (C, H, W)

    Raises
    ------
    ValueError
        For another word.
    """
    if isinstance(fill, str):
        if fill not in ("mean", "white", "black"):
            raise ValueError(f"unknown fill {fill!r}; known are mean, white, black and numbers")
        if fill == "mean":
            return hidden_by_mean(image, segments)
        shade = preprocessing.of(model).of_level(float(fill == "white"))
        return shade.to(image)[:, None, None].expand_as(image)
    return torch.full_like(image, fill)


def hidden_by_mean(image: Tensor, segments: Tensor) -> Tensor:
    """`image` (C, H, W) with every superpixel filled with its mean colour."""
    flat, labels = image.flatten(1), segments.flatten().to(image.device)
    count = torch.bincount(labels).to(image.dtype)
    sums = image.new_zeros(len(image), len(count)).index_add_(1, labels, flat)
    return (sums / count)[:, labels].view_as(image)
