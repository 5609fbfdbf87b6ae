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
    """Gradient (N, C, H, W) of the target logits with respect to the images (N, C, H, W); NaN where
    a logit is not finite."""
    given = images.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = model(given).gather(1, targets[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), given)
    return undefined(gradient, logits)


def undefined(gradient: Tensor, logits: Tensor) -> Tensor:
    """`gradient` (N, C, H, W), NaN for images whose target logit (N, 1) is not finite, which
    autograd does not notice."""
    broken = ~torch.isfinite(logits.detach()).view(-1, 1, 1, 1)
    return gradient.masked_fill(broken, torch.nan) if broken.any() else gradient


def gradient(model: nn.Module, images: Tensor, targets: Tensor, reduce: str = "max") -> Tensor:
    """Sensitivity maps (N, H, W) >= 0: over the channels the largest absolute gradient, or its L2
    norm.

    reduce: "max" (Simonyan et al. 2014, section 3.1) or "l2". Raises ValueError for another
    reduction.
    """
    if reduce not in REDUCTIONS:
        raise ValueError(f"unknown channel reduction {reduce!r}; known are {', '.join(REDUCTIONS)}")
    return REDUCTIONS[reduce](input_gradient(model, images, targets))


def gradient_x_input(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Gradient x input maps (N, H, W), signed, summed over the channels (Shrikumar et al. 2016). On
    a network of linear layers, ReLUs and pools this is LRP-Z (Ancona et al. 2018)."""
    return (input_gradient(model, images, targets) * images).sum(dim=1).detach()


def integrated_gradients(
    model: nn.Module, images: Tensor, targets: Tensor, steps: int = 32, baseline: float = 0.0
) -> Tensor:
    """Integrated gradients (N, H, W), signed, summed over the channels (Sundararajan et al. 2017,
    eq. 1 and 3).

    steps: nodes of the Gauss-Legendre rule on the straight path from `baseline` (0 is the mean
    colour of ImageNet, in units of its network input, whatever the input of this network is made
    like) to the image. The sum of a map tends to the difference of the logits at both ends. Raises
    ValueError for less than one step.
    """
    if steps < 1:
        raise ValueError(f"steps must be positive, not {steps}")
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    start = torch.zeros_like(images) + preprocessing.shade(model, images, baseline)
    total = torch.zeros_like(images)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        total += weight * input_gradient(model, start + node * (images - start), targets)
    return (total * (images - start)).sum(dim=1).detach()
