"""Superpixels: the parts of an image that LIME and Kernel SHAP hide and show."""

import numpy as np
import torch
from torch import Tensor

from regard.backbones import MEAN, STD


def pictures(images: Tensor) -> np.ndarray:
    """Network inputs (N, 3, H, W) as pictures (N, H, W, 3), float64 between 0 and 1: the normalisation undone."""
    mean, std = (torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in (MEAN, STD))
    return (images.detach().cpu().double() * std + mean).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def superpixels(picture: np.ndarray, kernel_size: float = 4, max_dist: float = 200, ratio: float = 0.2) -> np.ndarray:
    """Quickshift superpixels int64 (H, W), numbered from 0, of a picture (H, W, 3), with the lime library's settings."""
    from skimage.segmentation import quickshift  # slow to import, and of use to two methods

    found = quickshift(picture, kernel_size=kernel_size, max_dist=max_dist, ratio=ratio, rng=0)
    return np.unique(found, return_inverse=True)[1].reshape(found.shape).astype(np.int64)


def hidden_by_mean(image: Tensor, segments: Tensor) -> Tensor:
    """`image` (C, H, W) with every superpixel filled with its mean colour, as the lime library hides it."""
    flat, labels = image.flatten(1), segments.flatten().to(image.device)
    count = torch.bincount(labels).to(image.dtype)
    sums = image.new_zeros(len(image), len(count)).index_add_(1, labels, flat)
    return (sums / count)[:, labels].view_as(image)
