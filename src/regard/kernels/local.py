"""Forward passes of one image with a window hidden, computed only where the window can be felt.

A hidden window changes the first layers' outputs around it and nowhere else. So the first layers of a network (convolutions,
ReLUs and pools in a chain) see a crop with a margin as wide as they look, what comes out is put into the outputs of the whole image,
and the rest of the network goes on from there: the same logits for about half of the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regard.kernels.perturb import dtype_of

Window = tuple[slice, slice]
LARGEST = 0.5  # of the image's area; a larger crop saves nothing worth having


@dataclass(frozen=True)
class Chain:
    """The first `count` modules of a network's features: output o looks at the pixels stride o - before up to, without,
    stride o - before + reach."""

    count: int
    stride: int
    reach: int
    before: int

    def outputs(self, window: slice, count: int) -> tuple[int, int]:
        """First and last of `count` outputs along a side that look at some pixel of `window`, last left out."""
        first = -(-(window.start + self.before - self.reach + 1) // self.stride)
        last = (window.stop - 1 + self.before) // self.stride
        return max(first, 0), min(last + 1, count)

    def side(self, window: int) -> int:
        """Length of a crop that holds all pixels looked at by all outputs that look at a window of `window` pixels."""
        outputs = (window + self.reach - 2) // self.stride + 1
        return -(-((outputs - 1) * self.stride + self.reach + self.stride - 1) // self.stride) * self.stride


def chains(features: nn.Sequential) -> list[Chain]:
    """The beginnings of `features` that end in a pool and whose modules are known, shortest first."""
    found, stride, reach, before = [], 1, 1, 0
    for count, module in enumerate(features, start=1):
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            pool = isinstance(module, nn.MaxPool2d)
            pair = lambda value: value if isinstance(value, tuple) else (value, value)
            shape = [pair(getattr(module, name)) for name in ("kernel_size", "stride", "padding", "dilation")]
            odd = isinstance(module.padding, str) or any(one != other for one, other in shape) or shape[3] != (1, 1)
            if odd or (module.ceil_mode if pool else module.padding_mode != "zeros"):
                return found
            kernel, step, padding = (each[0] for each in shape[:3])
            reach, before, stride = reach + (kernel - 1) * stride, before + padding * stride, stride * step
            if pool:
                found.append(Chain(count, stride, reach, before))
        elif not isinstance(module, nn.ReLU | nn.BatchNorm2d | nn.Identity):
            return found
    return found


@torch.no_grad()
def windowed_logits(
    model: nn.Module, image: Tensor, windows: Sequence[Window], baseline: float, target: int, chunk: int = 8
) -> Tensor:
    """The logit `target` of `image` (C, H, W) with each of `windows` in turn filled with `baseline`: (M,), float64.

    model: as from `perturb.evaluator`; chunk: images in memory at a time, which changes nothing else.
    """
    image = image.to(dtype_of(model))
    chain = _best(model, image, windows)
    whole = None if chain is None else model.features[: chain.count](image[None])
    found = []
    for start in range(0, len(windows), chunk):
        part = windows[start : start + chunk]
        seen = image.expand(len(part), -1, -1, -1).clone(memory_format=torch.channels_last)
        for one, (down, across) in zip(seen, part):
            one[:, down, across] = baseline
        logits = model(seen) if chain is None else _from_crops(model, chain, seen, part, whole)
        found.append(logits[:, target].double())
    return torch.cat(found)


def _best(model: nn.Module, image: Tensor, windows: Sequence[Window]) -> Chain | None:
    """The longest chain whose crops are small enough, None where there is none."""
    parts = dict(model.named_children())
    if list(parts) != ["features", "pool", "flatten", "head"] or not isinstance(parts["features"], nn.Sequential):
        return None
    height, width = image.shape[-2:]
    widest = max(max(down.stop - down.start, across.stop - across.start) for down, across in windows)
    fit = [
        chain
        for chain in chains(parts["features"])
        if height % chain.stride == width % chain.stride == 0 and chain.side(widest) ** 2 <= LARGEST * height * width
    ]
    return fit[-1] if fit and fit[-1].side(widest) <= min(height, width) else None


def _from_crops(model: nn.Sequential, chain: Chain, seen: Tensor, windows: Sequence[Window], whole: Tensor) -> Tensor:
    widest = max(max(down.stop - down.start, across.stop - across.start) for down, across in windows)
    side, places = chain.side(widest), []
    for window in windows:
        axes = []
        for part, size, count in zip(window, seen.shape[-2:], whole.shape[-2:]):
            first, last = chain.outputs(part, count)
            needed = max(0, (first * chain.stride - chain.before) // chain.stride * chain.stride)
            axes.append((first, last, min(needed, size - side)))
        places.append(axes)
    crops = torch.stack(
        [one[:, top : top + side, left : left + side] for one, ((_, _, top), (_, _, left)) in zip(seen, places)]
    )
    made = model.features[: chain.count](crops.contiguous(memory_format=torch.channels_last))
    features = whole.expand(len(seen), -1, -1, -1).clone(memory_format=torch.channels_last)
    for one, crop, ((top, bottom, down), (left, right, across)) in zip(features, made, places):
        from_top, from_left = top - down // chain.stride, left - across // chain.stride
        one[:, top:bottom, left:right] = crop[
            :, from_top : from_top + bottom - top, from_left : from_left + right - left
        ]
    return model.head(model.flatten(model.pool(model.features[chain.count :](features))))
