"""Occlusion (Zeiler and Fergus 2014): how much a logit falls when a window of the image is
hidden.
"""

import torch
from torch import Tensor, nn

from regard.kernels.evaluator import dtype_of, evaluator
from regard.kernels.masked_forward import windowed_logits
from regard.models import preprocessing


def windows(size: int, window: int, stride: int) -> list[slice]:
    """The windows along a side of an image: from 0 in steps, the last cut at the border.

    Parameters
    ----------
    size, window, stride : int
        Pixels.

    Returns
    -------
    list of slice
    """
    count = max(0, -(-(size - window) // stride)) + 1
    return [slice(start, min(start + window, size)) for start in range(0, count * stride, stride)]


@torch.no_grad()
def occlusion(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    window: float = 1 / 14,
    stride: float = 1 / 28,
    baseline: float = 0.0,
    chunk: int = 32,
    precision: str = "float32",
) -> Tensor:
    """Occlusion maps: at each pixel the mean fall of the logit over the windows that cover it.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)
    window, stride : float
        Side and step of the square window, as shares of the image's width.
    baseline : float
        Value of hidden pixels: 0 is the mean colour of ImageNet, in units of ImageNet's network
        input.
    chunk : int
        Images in memory at a time.
    precision : {"float32", "bfloat16"}

    Returns
    -------
    Tensor (N, H, W)
        Signed, in logits.

    Raises
    ------
    ValueError
        Unless 0 < stride <= window <= 1.

    References
    ----------
    Zeiler and Fergus 2014, ECCV, section 4.2.
    """
    if not (0 < stride <= window <= 1):
        raise ValueError(
            "window and stride must be shares of the image with 0 < stride <= window <= 1, not "
            f"{window}, {stride}"
        )
    quick = evaluator(model, precision)
    height, width = images.shape[-2:]
    side, step = max(1, round(window * width)), max(1, round(stride * width))
    places = [
        (down, across)
        for down in windows(height, side, step)
        for across in windows(width, side, step)
    ]
    maps, grey = [], preprocessing.shade(model, images, baseline)
    grey = grey[0] if isinstance(grey, Tensor) else grey
    for image, target in zip(images, targets.tolist()):
        whole = quick(image[None].to(dtype_of(quick)))[0, target].double()
        total, count = (
            torch.zeros(height, width, dtype=torch.float64, device=images.device) for _ in range(2)
        )
        for fall, (down, across) in zip(
            whole - windowed_logits(quick, image, places, grey, target, chunk), places
        ):
            total[down, across] += fall
            count[down, across] += 1
        maps.append(total / count)
    return torch.stack(maps).to(images.dtype)
