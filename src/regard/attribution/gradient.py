"""Gradient of the logit (Simonyan et al. 2014): how much it changes with each pixel."""

import torch
from torch import Tensor, nn

REDUCTIONS = {
    "max": lambda gradient: gradient.abs().amax(dim=1),
    "l2": lambda gradient: gradient.square().sum(dim=1).sqrt(),
}


def input_gradient(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Gradient (N, C, H, W) of the target logits with respect to the images (N, C, H, W)."""
    given = images.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = model(given).gather(1, targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(logits, given)
    return gradient


def gradient(model: nn.Module, images: Tensor, targets: Tensor, reduce: str = "max") -> Tensor:
    """Sensitivity maps (N, H, W) >= 0: over the channels the largest absolute gradient, or its L2 norm.

    reduce: "max" (Simonyan et al. 2014, section 3.1) or "l2". Raises ValueError for another reduction.
    """
    if reduce not in REDUCTIONS:
        raise ValueError(f"unknown channel reduction {reduce!r}; known are {', '.join(REDUCTIONS)}")
    return REDUCTIONS[reduce](input_gradient(model, images, targets))
