"""Gradient of the logit (Simonyan et al. 2014): how much it changes with each pixel."""

import numpy as np
import torch
from torch import Tensor, nn

from regard.models import preprocessing

REDUCTIONS = {
    "max": lambda gradient: gradient.abs().amax(dim=1),
    "l2": lambda gradient: gradient.square().sum(dim=1).sqrt(),
}


def input_gradient(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Gradient of the target logits with respect to the images.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)
        int64 indices of logits.

    Returns
    -------
    Tensor (N, C, H, W)
        NaN where a logit is not finite.
    """
    given = images.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = model(given).gather(1, targets[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), given)
    return undefined(gradient, logits)


def undefined(gradient: Tensor, logits: Tensor) -> Tensor:
    """A gradient with NaN for images whose target logit is not finite, which autograd does not
    notice.

    Parameters
    ----------
    gradient : Tensor (N, C, H, W)
    logits : Tensor (N, 1)

    Returns
    -------
    Tensor (N, C, H, W)
    """
    broken = ~torch.isfinite(logits.detach()).view(-1, 1, 1, 1)
    return gradient.masked_fill(broken, torch.nan) if broken.any() else gradient


def gradient(model: nn.Module, images: Tensor, targets: Tensor, reduce: str = "max") -> Tensor:
    """Sensitivity maps: the largest absolute gradient over the channels, or its L2 norm.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)
    reduce : {"max", "l2"}
        How channels are combined; "max" as in the paper.

    Returns
    -------
    Tensor (N, H, W)
        >= 0, in logits per unit of the network input.

    Raises
    ------
    ValueError
        For another reduction.

    References
    ----------
    Simonyan et al. 2014, ICLR workshop, section 3.1.
    """
    if reduce not in REDUCTIONS:
        raise ValueError(f"unknown channel reduction {reduce!r}; known are {', '.join(REDUCTIONS)}")
    return REDUCTIONS[reduce](input_gradient(model, images, targets))


def gradient_x_input(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Gradient x input maps, summed over the channels.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)

    Returns
    -------
    Tensor (N, H, W)
        Signed, in logits.

    Notes
    -----
    On a network of linear layers, ReLUs and pools this is LRP-Z (Ancona et al. 2018).

    References
    ----------
    Shrikumar et al. 2016, arXiv 1605.01713.
    """
    return (input_gradient(model, images, targets) * images).sum(dim=1).detach()


def integrated_gradients(
    model: nn.Module, images: Tensor, targets: Tensor, steps: int = 32, baseline: float = 0.0
) -> Tensor:
    """Integrated gradients, summed over the channels.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)
    steps : int
        Nodes of the Gauss-Legendre rule on the straight path from the baseline to the image, >= 1.
    baseline : float
        Start of the path: 0 is the mean colour of ImageNet, in units of ImageNet's network input,
        whatever the preprocessing of this network.

    Returns
    -------
    Tensor (N, H, W)
        Signed, in logits; the sum of a map tends to the difference of the logits at both ends.

    Raises
    ------
    ValueError
        For fewer than one step.

    References
    ----------
    Sundararajan et al. 2017, ICML, eq. 1 and 3.
    """
    if steps < 1:
        raise ValueError(f"steps must be positive, not {steps}")
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    start = torch.zeros_like(images) + preprocessing.shade(model, images, baseline)
    total = torch.zeros_like(images)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        total += weight * input_gradient(model, start + node * (images - start), targets)
    return (total * (images - start)).sum(dim=1).detach()
