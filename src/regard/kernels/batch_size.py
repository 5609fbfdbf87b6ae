"""How many images may go through a network at a time within a bound on memory, found from what its
layers give.
"""

import numbers

import torch
from torch import Tensor, nn


@torch.no_grad()
def footprint(model: nn.Module, image: Tensor) -> int:
    """Memory that the outputs of all layers take for one image.

    Parameters
    ----------
    model : nn.Module
    image : Tensor (C, H, W)
        On the device and in the type of the model's weights.

    Returns
    -------
    int
        Bytes.
    """
    given, hooks = 0, []

    def note(module: nn.Module, inputs: tuple, output) -> None:
        nonlocal given
        held = (
            output.values()
            if isinstance(output, dict)
            else output
            if isinstance(output, list | tuple)
            else [output]
        )
        given += sum(one.numel() * one.element_size() for one in held if isinstance(one, Tensor))

    for module in model.modules():
        if not list(module.children()):
            hooks.append(module.register_forward_hook(note))
    try:
        model(image[None])
    finally:
        for hook in hooks:
            hook.remove()
    return given


def at_once(model: nn.Module, image: Tensor, memory: float, share: float, most: int) -> int:
    """How many images to put through a network together within a bound on memory.

    Parameters
    ----------
    model : nn.Module
    image : Tensor (C, H, W)
        One of the images.
    memory : float
        Gigabytes (10^9 bytes) that may be taken, > 0.
    share : float
        Bytes that a method takes per byte of `footprint`.
    most : int
        Upper limit of the result.

    Returns
    -------
    int
        From 1 to `most`; 1 where the footprint is unknown.

    Raises
    ------
    ValueError
        For a bound that is not a positive, finite number.
    """
    if not isinstance(memory, numbers.Real) or not 0 < memory < float("inf"):
        raise ValueError(f"memory must be a positive number of gigabytes, not {memory!r}")
    taken = share * footprint(model, image)
    return max(1, min(most, int(memory * 1e9 / taken))) if taken else 1
