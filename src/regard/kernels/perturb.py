"""Masked forward passes: one image under many masks, expanded on the device and evaluated in bounded chunks.

Occlusion, LIME and SHAP ask a network about the same image with parts of it hidden, some thousand times. All of their time
is forward passes, so what counts is how these are run: masks stay small (one bit a segment) until a chunk of them is
expanded beside the network, in channels_last layout, without gradients, in float32 or bfloat16.
"""

import copy

import torch
from torch import Tensor, nn

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def evaluator(model: nn.Module, precision: str = "float32") -> nn.Module:
    """A copy of `model` (eval mode) that is quick to run: channels_last, in the named precision. `model` is left alone.

    Raises ValueError for an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known are {', '.join(PRECISIONS)}")
    kind = next(model.parameters()).dtype if precision == "float32" else PRECISIONS[precision]
    return copy.deepcopy(model).requires_grad_(False).to(dtype=kind, memory_format=torch.channels_last)


@torch.no_grad()
def masked_logits(
    model: nn.Module,
    image: Tensor,
    baseline: Tensor,
    segments: Tensor,
    masks: Tensor,
    target: int,
    chunk: int = 32,
) -> Tensor:
    """The logit `target` of `image` with the segments that a mask leaves out replaced by `baseline`: (M,), image's dtype.

    model: as from `evaluator`; image, baseline: (C, H, W); segments: int64 (H, W), 0 .. S - 1; masks: bool (M, S), True
    where a segment of the image is kept; chunk: images in memory at a time, which changes nothing else.
    """
    kind = next(model.parameters()).dtype
    image, baseline = image.to(kind), baseline.to(kind)
    segments = segments.to(image.device)
    found = []
    for part in masks.to(image.device).split(chunk):
        kept = part[:, segments][:, None]
        seen = torch.where(kept, image, baseline).contiguous(memory_format=torch.channels_last)
        found.append(model(seen)[:, target])
    return torch.cat(found).to(torch.float64 if kind == torch.float64 else torch.float32)
