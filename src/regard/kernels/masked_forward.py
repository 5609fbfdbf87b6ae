"""Forward passes of one image with parts of it hidden, the first layers computed only where there
is something new.

What the first layers of a network (convolutions, ReLUs and pools in a chain) give at a place
depends on the pixels around it and on no others. So they see crops with a margin as wide as they
look, what comes out is put together, and the rest of the network goes on from there: the same
logits for less work. A hidden window is felt around it and nowhere else. Under masks over
superpixels a small tile sees few of them, shown or hidden in few ways, and each of these is
computed once for all masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from regard.kernels.evaluator import dtype_of, whole_logits

Window = tuple[slice, slice]
LARGEST = 0.5  # of the image's area; a larger crop saves nothing worth having


@dataclass(frozen=True)
class Chain:
    """The first `count` modules of a network's features: output o looks at the pixels stride o -
    before up to, without, stride o - before + reach."""

    count: int
    stride: int
    reach: int
    before: int

    def outputs(self, window: slice, count: int) -> tuple[int, int]:
        """First and last of `count` outputs along a side that look at some pixel of `window`, last
        left out.
        """
        first = -(-(window.start + self.before - self.reach + 1) // self.stride)
        last = (window.stop - 1 + self.before) // self.stride
        return max(first, 0), min(last + 1, count)

    def side(self, window: int) -> int:
        """Length of a crop that holds all pixels looked at by all outputs that look at a window of
        `window` pixels.
        """
        outputs = (window + self.reach - 2) // self.stride + 1
        return (
            -(-((outputs - 1) * self.stride + self.reach + self.stride - 1) // self.stride)
            * self.stride
        )


def chains(features: nn.Sequential) -> list[Chain]:
    """The beginnings of `features` that end in a pool, of known modules only, shortest first."""
    found: list[Chain] = []
    stride, reach, before = 1, 1, 0
    for count, module in enumerate(features, start=1):
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            pool = isinstance(module, nn.MaxPool2d)
            named: list[Any] = [module.kernel_size, module.stride, module.padding, module.dilation]
            shape = [value if isinstance(value, tuple) else (value, value) for value in named]
            odd = (
                isinstance(module.padding, str)
                or any(one != other for one, other in shape)
                or shape[3] != (1, 1)
            )
            ends = module.ceil_mode if pool else module.padding_mode != "zeros"
            if odd or ends:
                return found
            kernel, step, padding = (each[0] for each in shape[:3])
            reach, before, stride = (
                reach + (kernel - 1) * stride,
                before + padding * stride,
                stride * step,
            )
            if pool:
                found.append(Chain(count, stride, reach, before))
        elif not isinstance(module, nn.ReLU | nn.BatchNorm2d | nn.Identity):
            return found
    return found


@torch.no_grad()
def windowed_logits(
    model: nn.Module,
    image: Tensor,
    windows: Sequence[Window],
    baseline: float | Tensor,
    target: int,
    chunk: int = 8,
) -> Tensor:
    """The logit of an image with each of several windows in turn replaced by a constant colour.

    Parameters
    ----------
    model : nn.Module
        As from `evaluator.evaluator`.
    image : Tensor (C, H, W)
        Network input.
    windows : sequence of M pairs of slices
        Rows and columns of each window.
    baseline : float or Tensor (C, 1, 1)
        What the window shows, in units of the network input.
    target : int
        Index of the logit.
    chunk : int
        Images in memory at a time. It does not change the result.

    Returns
    -------
    Tensor (M,)
        float64.
    """
    image = image.to(dtype_of(model))
    chain = _best(model, image, windows)
    if chain is not None:
        beginning, rest = _cut(model, chain)
        whole = beginning(image[None])
    found = []
    for start in range(0, len(windows), chunk):
        part = windows[start : start + chunk]
        seen = image.expand(len(part), -1, -1, -1).clone(memory_format=torch.channels_last)
        for one, (down, across) in zip(seen, part):
            one[:, down, across] = baseline
        if chain is None:
            logits = model(seen)
        else:
            logits = rest(_from_crops(beginning, chain, seen, part, whole))
        found.append(logits[:, target].double())
    return torch.cat(found)


def _features(model: nn.Module) -> nn.Sequential | None:
    """The layers of a network made as `regard.models.backbones` makes it; of another nobody knows
    what follows what.
    """
    parts = dict(model.named_children())
    known = list(parts) == ["features", "pool", "flatten", "head"] and isinstance(
        model, nn.Sequential
    )
    return parts["features"] if known and isinstance(parts["features"], nn.Sequential) else None


def _cut(model: nn.Module, chain: Chain) -> tuple[nn.Sequential, nn.Sequential]:
    """The beginning of a network's features that `chain` describes, and all that comes after."""
    features = _features(model)
    assert features is not None, "a chain is of a network whose features are known"
    others = [module for name, module in model.named_children() if name != "features"]
    return features[: chain.count], nn.Sequential(features[chain.count :], *others)


def _best(model: nn.Module, image: Tensor, windows: Sequence[Window]) -> Chain | None:
    """The longest chain whose crops are small enough, None where there is none."""
    features = _features(model)
    if features is None:
        return None
    height, width = image.shape[-2:]
    widest = max(
        max(down.stop - down.start, across.stop - across.start) for down, across in windows
    )
    fit = [
        chain
        for chain in chains(features)
        if height % chain.stride == width % chain.stride == 0
        and chain.side(widest) ** 2 <= LARGEST * height * width
    ]
    return fit[-1] if fit and fit[-1].side(widest) <= min(height, width) else None


def _from_crops(
    beginning: nn.Module, chain: Chain, seen: Tensor, windows: Sequence[Window], whole: Tensor
) -> Tensor:
    """What `beginning` gives for each of the images `seen`, which differ from one image within
    their windows alone; whole: what it gives for that image."""
    widest = max(
        max(down.stop - down.start, across.stop - across.start) for down, across in windows
    )
    side, places = chain.side(widest), []
    for window in windows:
        axes = []
        for part, size, count in zip(window, seen.shape[-2:], whole.shape[-2:]):
            first, last = chain.outputs(part, count)
            needed = max(0, (first * chain.stride - chain.before) // chain.stride * chain.stride)
            axes.append((first, last, min(needed, size - side)))
        places.append(axes)
    crops = torch.stack(
        [
            one[:, top : top + side, left : left + side]
            for one, ((_, _, top), (_, _, left)) in zip(seen, places)
        ]
    )
    made = beginning(crops.contiguous(memory_format=torch.channels_last))
    features = whole.expand(len(seen), -1, -1, -1).clone(memory_format=torch.channels_last)
    for one, crop, ((top, bottom, down), (left, right, across)) in zip(features, made, places):
        from_top, from_left = top - down // chain.stride, left - across // chain.stride
        one[:, top:bottom, left:right] = crop[
            :, from_top : from_top + bottom - top, from_left : from_left + right - left
        ]
    return features


TILE = 4  # outputs along the side of a tile
# of the pixels that whole passes would show the first layers; more is not worth the cutting
WORTH = 0.3

# chunks of images whose outputs of a chain, a small part of all that a chunk takes, may be kept
KEPT = 4


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
    """The logit of an image with the segments that a mask leaves out replaced by a baseline.

    Parameters
    ----------
    model : nn.Module
        As from `evaluator.evaluator`.
    image, baseline : Tensor (C, H, W)
        Network inputs.
    segments : Tensor (H, W)
        int64, the segment of each pixel, 0 .. S - 1.
    masks : Tensor (M, S)
        bool, True where a segment of the image is kept.
    target : int
        Index of the logit.
    chunk : int
        Images in memory at a time. It does not change the result.

    Returns
    -------
    Tensor (M,)
        float32; float64 for a network in float64.
    """
    image, baseline = image.to(dtype_of(model)), baseline.to(dtype_of(model))
    segments, masks = segments.to(image.device), masks.to(image.device)
    features = _features(model)
    for chain in reversed(chains(features) if features is not None else []):
        if (tiles := _tiles(chain, segments, masks, chunk)) is not None:
            return _from_tiles(model, chain, tiles, image, baseline, segments, target, chunk)
    return whole_logits(model, image, baseline, segments, masks, target, chunk)


@dataclass
class Tile:
    """Outputs of a chain [top, bottom) x [left, right), the crop they look at, and the ways it is
    shown: patterns bool (P, S), and which of them (M,) each mask gives."""

    outputs: tuple[int, int, int, int]
    crop: Window
    patterns: Tensor
    way: Tensor


def _tiles(chain: Chain, segments: Tensor, masks: Tensor, chunk: int) -> list[Tile] | None:
    """The tiles of a chain's outputs; None where the chain does not fit the image, or where there
    are too many ways to gain or to keep: what the chain gives for all of them takes no more memory
    than for KEPT chunks of images."""
    height, width = segments.shape
    side = (
        -(-((TILE - 1) * chain.stride + chain.reach + chain.stride - 1) // chain.stride)
        * chain.stride
    )
    if height % chain.stride or width % chain.stride or side > min(height, width):
        return None
    found, pixels = [], 0
    for top in range(0, height // chain.stride, TILE):
        for left in range(0, width // chain.stride, TILE):
            start = [
                min(
                    max(0, (first * chain.stride - chain.before) // chain.stride * chain.stride),
                    size - side,
                )
                for first, size in ((top, height), (left, width))
            ]
            crop = (slice(start[0], start[0] + side), slice(start[1], start[1] + side))
            seen = segments[crop].unique()
            patterns, way = masks[:, seen].unique(dim=0, return_inverse=True)
            whole = masks.new_zeros(len(patterns), masks.shape[1])
            whole[:, seen] = patterns
            ends = min(top + TILE, height // chain.stride), min(left + TILE, width // chain.stride)
            found.append(Tile((top, ends[0], left, ends[1]), crop, whole, way))
            pixels += len(patterns) * side * side
        kept = pixels // side**2 * (TILE * chain.stride) ** 2
        if pixels > WORTH * len(masks) * height * width or kept > KEPT * chunk * height * width:
            return None
    return found


def _from_tiles(
    model: nn.Module,
    chain: Chain,
    tiles: list[Tile],
    image: Tensor,
    baseline: Tensor,
    segments: Tensor,
    target: int,
    chunk: int,
) -> Tensor:
    first, rest = _cut(model, chain)
    bank = []
    side = tiles[0].crop[0].stop - tiles[0].crop[0].start
    # crops take as much memory as the images of a chunk
    many = max(1, chunk * image[0].numel() // side**2)
    for tile in tiles:
        top, bottom, left, right = tile.outputs
        down, across = (part.start // chain.stride for part in tile.crop)
        parts = []
        for patterns in tile.patterns.split(many):
            kept = patterns[:, segments[tile.crop]][:, None]
            seen = torch.where(
                kept, image[(slice(None), *tile.crop)], baseline[(slice(None), *tile.crop)]
            )
            given = first(seen.contiguous(memory_format=torch.channels_last))
            parts.append(given[:, :, top - down : bottom - down, left - across : right - across])
        bank.append(torch.cat(parts))
    count, found = len(tiles[0].way), []
    size = [side // chain.stride for side in image.shape[-2:]]
    for start in range(0, count, chunk):
        rows = slice(start, min(start + chunk, count))
        features = (
            bank[0]
            .new_empty(rows.stop - rows.start, bank[0].shape[1], *size)
            .contiguous(memory_format=torch.channels_last)
        )
        for tile, made in zip(tiles, bank):
            top, bottom, left, right = tile.outputs
            features[:, :, top:bottom, left:right] = made[tile.way[rows]]
        found.append(rest(features)[:, target])
    return torch.cat(found).to(torch.float64 if image.dtype == torch.float64 else torch.float32)
