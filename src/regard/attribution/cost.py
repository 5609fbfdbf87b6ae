"""What a heat map costs: passes through the network, which are the same everywhere, and seconds and
memory, which are not.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regard.core import hardware


@dataclass
class Cost:
    """forwards, backwards: images put through the last convolution and gradients drawn from the
    last layer, copies of the network included; seconds; memory: gigabytes in use at most above what
    was before, None where the system does not tell.

    Crops that perturbation methods show the first layers alone are not counted. What zennit
    computes again inside a layer, for each part of a rule (lrp-alpha2beta1, lrp-composite), is in
    the seconds alone."""

    forwards: int = 0
    backwards: int = 0
    seconds: float = 0.0
    memory: float | None = None


@contextmanager
def counted(model: nn.Module) -> Iterator[Cost]:
    """The cost of what happens to `model` (and to copies made of it) within the block; `model` is
    left as it was.
    """
    cost, leaves = Cost(), [module for module in model.modules() if not list(module.children())]
    deepest = [module for module in leaves if isinstance(module, nn.modules.conv._ConvNd)][
        -1:
    ] or leaves[-1:]

    def forward(module: nn.Module, given: tuple) -> None:
        cost.forwards += len(given[0])

    def backward(module: nn.Module, given: tuple, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: note(len(gradient)))

    # else `accepted` puts an image through to see what the hook gives
    vars(backward)["only_looks"] = True

    def note(count: int) -> None:
        cost.backwards += count

    hooks = [
        deepest[0].register_forward_pre_hook(forward),
        leaves[-1].register_forward_hook(backward),
    ]
    device = next(model.parameters(), torch.empty(0)).device
    before = hardware.reset_peak(device)
    start = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        cost.memory = hardware.peak_above(before, device)
        for hook in hooks:
            hook.remove()
