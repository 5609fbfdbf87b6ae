"""Masked forward passes: one image under many masks, expanded on the device and evaluated in
bounded chunks.

Occlusion, LIME and SHAP ask a network about the same image with parts of it hidden, some thousand
times. All of their time is forward passes, so what counts is how these are run: masks stay small
(one bit a segment) until a chunk of them is expanded beside the network, in channels_last layout,
without gradients, in float32 or bfloat16, through a copy of the network whose batch norms are part
of its convolutions.
"""

import copy
import itertools
import weakref

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# what `evaluator` gave, and its precision
_MADE: weakref.WeakKeyDictionary[nn.Module, str] = weakref.WeakKeyDictionary()


def evaluator(model: nn.Module, precision: str = "float32") -> nn.Module:
    """A copy of a network that is fast to run under many masks; `model` itself is not changed.

    The copy is in channels_last layout. In every nn.Sequential batch norms are merged into the
    convolution before them, and ReLUs work in place. Dense layers and global pools stay in float32:
    the effect of a mask on a logit is often smaller than bfloat16's step there.

    Parameters
    ----------
    model : nn.Module
        In eval mode. A copy that was made here before, in this precision, is returned as it is.
    precision : {"float32", "bfloat16"}
        "float32" keeps float64 weights in float64.

    Returns
    -------
    nn.Module

    Raises
    ------
    ValueError
        For an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known are {', '.join(PRECISIONS)}")
    if _MADE.get(model) == precision:
        return model
    kind = dtype_of(model) if precision == "float32" else PRECISIONS[precision]
    quick = copy.deepcopy(model).requires_grad_(False)
    for chain in [module for module in quick.modules() if isinstance(module, nn.Sequential)]:
        _shorten(chain)
    quick = quick.to(dtype=kind).to(memory_format=torch.channels_last)
    if kind == torch.bfloat16:
        for module in quick.modules():
            if isinstance(module, nn.Linear | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
                module.float().register_forward_pre_hook(
                    lambda module, given: tuple(each.float() for each in given)
                )
    _MADE[quick] = precision
    return quick


def dtype_of(quick: nn.Module) -> torch.dtype:
    """The type of images that a network takes: that of its first weights, float32 without any."""
    held = itertools.chain(quick.parameters(), quick.buffers())
    return next((one.dtype for one in held if one.is_floating_point()), torch.float32)


def _shorten(chain: nn.Sequential) -> None:
    """Merge and overwrite within one chain, where nobody else sees what lies between two
    modules.
    """
    before: nn.Module | None = None
    last = ""
    # with repeats, which named_children leaves out
    for name, module in list(chain._modules.items()):
        if isinstance(module, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            before = fuse_conv_bn_eval(before, module)
            chain._modules[last], chain._modules[name] = before, nn.Identity()
            continue
        if isinstance(module, nn.ReLU) and isinstance(
            before, nn.Conv2d | nn.BatchNorm2d | nn.Linear
        ):
            # another one: the old may be at work elsewhere as well
            chain._modules[name] = nn.ReLU(inplace=True)
        before, last = module, name


@torch.no_grad()
def whole_logits(
    model: nn.Module,
    image: Tensor,
    baseline: Tensor,
    segments: Tensor,
    masks: Tensor,
    target: int,
    chunk: int = 32,
) -> Tensor:
    """The result of `masked_forward.masked_logits`, by whole forward passes.

    The plain reference, and the fallback for networks and masks with which nothing can be saved.

    Parameters
    ----------
    model, image, baseline, segments, masks, target, chunk
        As in `masked_forward.masked_logits`.

    Returns
    -------
    Tensor (M,)
        float32; float64 for a network in float64.
    """
    kind = dtype_of(model)
    image, baseline = image.to(kind), baseline.to(kind)
    segments = segments.to(image.device)
    found = []
    for part in masks.to(image.device).split(chunk):
        kept = part[:, segments][:, None]
        seen = torch.where(kept, image, baseline).contiguous(memory_format=torch.channels_last)
        found.append(model(seen)[:, target])
    return torch.cat(found).to(torch.float64 if kind == torch.float64 else torch.float32)
