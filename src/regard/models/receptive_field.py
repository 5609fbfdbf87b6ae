"""Where in the image a location of a layer looks: the centre of its receptive field."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Field(NamedTuple):
    """Location i of a layer, along either axis, is centred on pixel first + stride * i, pixel
    centres being whole numbers.
    """

    stride: float
    first: float


def field(model: nn.Module, layer: str, size: int) -> Field:
    """The receptive field of a layer for square inputs.

    Parameters
    ----------
    model : nn.Module
    layer : str
        A name of `model.named_modules()`.
    size : int
        Side of the input in pixels.

    Returns
    -------
    Field

    Raises
    ------
    ValueError
        For a layer that does not exist, gives no maps, or maps smaller than two by two locations.

    Notes
    ----- Computed on a copy whose convolutions keep the middle of their kernel alone and whose max
    pools are average pools: a location then depends on pixels that are symmetric about its centre,
    so that the centre of its gradient is exact.
    """
    plain = copy.deepcopy(model).cpu().float().eval()
    for name, module in list(plain.named_modules()):
        if isinstance(module, nn.Conv2d):
            _middle(module)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
        elif isinstance(module, nn.MaxPool2d):
            parent = plain.get_submodule(name.rpartition(".")[0])
            mean = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            setattr(parent, name.rpartition(".")[2], mean)
    image = torch.ones(1, 3, size, size, requires_grad=True)
    maps = output(plain, image, layer)
    if maps.ndim != 4 or min(maps.shape[2:]) < 2:
        raise ValueError(
            f"layer {layer!r} gives {tuple(maps.shape)}: it has no map of two by two locations or "
            "more"
        )
    middle, centres = maps.shape[2] // 2, []
    for place in (middle - 1, middle):
        (reach,) = torch.autograd.grad(maps[0, :, place, middle].sum(), image, retain_graph=True)
        rows = reach[0].double().sum(dim=(0, 2))
        centres.append(float((rows * torch.arange(size)).sum() / rows.sum()))
    stride = centres[1] - centres[0]
    return Field(stride, centres[1] - stride * middle)


def _middle(convolution: nn.Conv2d) -> None:
    """Leave the middle of each kernel alone, positive, the same for all channels."""
    down, across = convolution.kernel_size
    with torch.no_grad():
        convolution.weight.zero_()
        rows, columns = (
            slice((down - 1) // 2, down // 2 + 1),
            slice((across - 1) // 2, across // 2 + 1),
        )
        convolution.weight[:, :, rows, columns] = 1 / convolution.weight.shape[1]
        if convolution.bias is not None:
            convolution.bias.zero_()


def output(model: nn.Module, images: Tensor, layer: str) -> Tensor:
    """The output of a layer.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    layer : str
        A name of `model.named_modules()`.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        For a layer that does not exist or is not used.
    """
    modules = dict(model.named_modules())
    if layer not in modules:
        raise ValueError(
            f"the network has no layer {layer!r}; it has "
            f"{', '.join(name for name in modules if name)}"
        )
    found = []
    handle = modules[layer].register_forward_hook(lambda module, given, gave: found.append(gave))
    try:
        model(images)
    finally:
        handle.remove()
    if not found:
        raise ValueError(f"layer {layer!r} takes no part in what the network gives")
    return found[-1]


def enlarge(maps: Tensor, size: int, field: Field) -> Tensor:
    """Maps of a layer at the size of the input.

    Bilinear between the centres of the receptive fields; constant beyond the outermost centres.

    Parameters
    ----------
    maps : Tensor (N, K, h, w)
    size : int
        Side of the input in pixels.
    field : Field

    Returns
    -------
    Tensor (N, K, size, size)
    """
    pixels = torch.arange(size, dtype=torch.float64, device=maps.device)
    grids = []
    for cells in maps.shape[2:]:
        place = (pixels - field.first) / field.stride
        grids.append(
            (2 * place + 1) / cells - 1
        )  # as grid_sample counts, the outer edges of the map at -1 and 1
    grid = torch.stack(torch.meshgrid(*grids, indexing="ij")[::-1], dim=-1).to(maps.dtype)
    return functional.grid_sample(
        maps,
        grid.expand(len(maps), -1, -1, -1),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
