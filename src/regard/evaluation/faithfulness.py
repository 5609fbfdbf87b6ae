"""Faithfulness: does what the network says hang on the pixels that a heat map ranks first?

Pixels are taken away, or given back, in the order of the map, and the probability of the explained
class is followed. What is taken away looks like nothing that the network knows, and a smooth map
takes it away in patches, which any network minds more: so each curve stands beside those of maps
that know nothing, pixels in random order and a map as smooth as this one.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional

from regard.core.seeds import generator
from regard.evaluation.scores import says_nowhere
from regard.kernels import evaluator
from regard.kernels.evaluator import dtype_of
from regard.models import preprocessing

MODES = ("deletion", "insertion")
NOISE = 0.01  # of imputed values (Rong et al. 2022), in units of ImageNet's network input


def ranks(maps: Tensor, images: Tensor, seed: int = 0) -> Tensor:
    """The place (N, H, W), int64, of each pixel in the order of falling relevance, 0 the first.
    Equal values are put in an order drawn from the image's content and `seed`, so that neither
    batch nor order of the images matters."""
    found = []
    for one, image in zip(maps, images):
        order = torch.from_numpy(generator(seed, image, "ranks").permutation(one.numel())).to(
            one.device
        )
        order = order[one.flatten()[order].sort(descending=True, stable=True).indices]
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order), device=order.device)
        found.append(place.view_as(one))
    return torch.stack(found)


def random_maps(images: Tensor, seed: int = 0) -> Tensor:
    """White noise (N, H, W): a control that takes pixels away in random order."""
    shape = tuple(images.shape[-2:])
    return torch.from_numpy(
        np.stack([generator(seed, one, "random order").standard_normal(shape) for one in images])
    )


def alike(maps: Tensor, images: Tensor, seed: int = 0) -> Tensor:
    """Maps (N, H, W) with the power spectrum of `maps`, so as smooth as these, and the phases of
    white noise, so that they know nothing: surrogates (Theiler et al. 1992) as blur-matched
    controls."""
    noise = random_maps(images, seed + 1).to(maps.device)
    phase = torch.fft.rfft2(noise)
    phase = phase / phase.abs().clamp(min=1e-30)
    return torch.fft.irfft2(torch.fft.rfft2(maps.double()).abs() * phase, s=maps.shape[-2:])


def blurred(images: Tensor, width: float = 0.05) -> Tensor:
    """`images` (N, C, H, W) under a Gaussian of standard deviation `width`, a share of the image's
    width.
    """
    spread = width * images.shape[-1]
    smooth = gaussian_filter(
        images.detach().cpu().double().numpy(), (0, 0, spread, spread), mode="mirror"
    )
    return torch.from_numpy(smooth).to(images)


def curves(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    maps: Tensor,
    mode: str = "deletion",
    steps: int = 16,
    several: bool = False,
    precision: str = "float32",
    chunk: int = 32,
    seed: int = 0,
) -> Tensor:
    """The probability (N, steps + 1) of each target as pixels are blurred out of the image, the
    most relevant first ("deletion"), or shown in the blurred image ("insertion"; Petsiuk et al.
    2018), an equal share at each step.

    maps: (N, H, W), one for each of the images (N, C, H, W); several: the findings of an image do
    not exclude each other (sigmoid in place of softmax). precision, chunk: as of
    `kernels.evaluator`, and images at a time, which changes nothing. NaN for a map that is not
    finite or zero everywhere. Raises ValueError for an unknown mode and maps of another shape.
    """
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r} of a curve; known are {', '.join(MODES)}")
    _check(images, maps)
    place = ranks(maps, images, seed)
    ends = [round(step * maps[0].numel() / steps) for step in range(steps + 1)]
    taken = torch.stack([place < end for end in ends], dim=1)
    shown = taken if mode == "insertion" else ~taken
    found = _probabilities(
        model, images, blurred(images)[:, None], shown, targets, several, precision, chunk
    )
    return found.masked_fill(_undefined(maps)[:, None], torch.nan)


def road(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    maps: Tensor,
    shares: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9),
    least: bool = False,
    several: bool = False,
    precision: str = "float32",
    chunk: int = 32,
    seed: int = 0,
) -> Tensor:
    """The probability (N, len(shares)) of each target after these shares of the pixels, the most
    relevant first or the `least`, were imputed by noisy linear interpolation (ROAD, Rong et al.
    2022). Arguments as of `curves`.

    Raises ValueError for shares outside (0, 1) and maps of another shape.
    """
    if not all(0 < share < 1 for share in shares):
        raise ValueError(
            f"the shares of pixels to impute must be above 0 and below 1, not {list(shares)}"
        )
    _check(images, maps)
    place = ranks(-maps if least else maps, images, seed)
    shown = torch.stack([place >= round(share * maps[0].numel()) for share in shares], dim=1)
    filled = torch.stack(
        [impute(images, ~one, seed, model=model) for one in shown.unbind(1)], dim=1
    )
    found = _probabilities(model, images, filled, shown, targets, several, precision, chunk)
    return found.masked_fill(_undefined(maps)[:, None], torch.nan)


def impute(
    images: Tensor,
    hidden: Tensor,
    seed: int = 0,
    tolerance: float = 1e-3,
    model: nn.Module | None = None,
) -> Tensor:
    """`images` (N, C, H, W) with the pixels `hidden`, bool (N, H, W), each the weighted mean of its
    neighbours, those that share a side counting twice those at the corners, and a little noise
    (Rong et al. 2022, section 4.2).

    Solved for all images together by conjugate gradients to `tolerance`, relative to the right-hand
    side; the channels of a grey image at once. The noise belongs to the image's content and `seed`.
    Raises ValueError for an image that is hidden as a whole.
    """
    if hidden.flatten(1).all(dim=1).any():
        raise ValueError("an image that is hidden as a whole has nothing to be imputed from")
    mask = hidden[:, None].to(images.dtype)
    gain, offset, grey = _grey(images)
    first = _interpolated(images[:, :1], mask, tolerance)
    found = gain * first + offset  # weights that sum to one know no scale and no offset
    if not grey.all():
        found[~grey] = _interpolated(images[~grey], mask[~grey], tolerance)
    drawn = [
        generator(seed, image, "imputation").standard_normal(tuple(image.shape[-2:]))
        for image in images
    ]
    noise = (
        NOISE
        * preprocessing.unit(model, images)
        * torch.from_numpy(np.stack(drawn)).to(found)[:, None]
    )
    return images * (1 - mask) + mask * (found + noise)


def _grey(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What makes each channel of images (N, C, H, W) from the first, gain and offset (N, C, 1, 1),
    and of which images it does, bool (N,): of grey images that were normalised channel by
    channel."""
    flat = images.flatten(2)
    at = torch.stack([flat[:, 0].argmin(dim=1), flat[:, 0].argmax(dim=1)], dim=1)[:, None].expand(
        -1, flat.shape[1], -1
    )
    low, high = flat.gather(2, at).unbind(
        2
    )  # (N, C) each, where the first channel is least and largest
    spread = high[:, :1] - low[:, :1]
    gain = (high - low) / torch.where(spread > 0, spread, 1)
    offset = low - gain * low[:, :1]
    rest = (gain[..., None] * flat[:, :1] + offset[..., None] - flat).abs().amax(dim=(1, 2))
    return (
        gain[..., None, None],
        offset[..., None, None],
        rest <= 1e-5 * flat.abs().amax(dim=(1, 2)),
    )


def _interpolated(images: Tensor, mask: Tensor, tolerance: float) -> Tensor:
    """The hidden pixels of images (N, C, H, W), mask (N, 1, H, W), by conjugate gradients, each
    channel by itself; zero elsewhere.
    """
    known = images * (1 - mask)
    inside = _neighbours(torch.ones_like(images[:1, :1]))  # less than 1 at the borders

    def apply(values):
        return mask * (inside * values - _neighbours(values))

    found = torch.zeros_like(known)
    rest = mask * _neighbours(known)
    direction, size = rest.clone(), (rest**2).sum(dim=(2, 3), keepdim=True)
    enough = tolerance**2 * size
    for _ in range(10 * sum(images.shape[-2:])):
        going = size > enough  # each image stops by itself, so that no other matters to it
        if not going.any():
            break
        applied = apply(direction)
        step = (
            going
            * size
            / (direction * applied)
            .sum(dim=(2, 3), keepdim=True)
            .clamp(min=torch.finfo(images.dtype).tiny)
        )
        found, rest = found + step * direction, rest - step * applied
        smaller = (rest**2).sum(dim=(2, 3), keepdim=True)
        direction, size = (
            rest + smaller / size.clamp(min=torch.finfo(images.dtype).tiny) * direction,
            smaller,
        )
    return found


def _neighbours(values: Tensor) -> Tensor:
    """Of each pixel of (..., H, W) its neighbours with their weights, 1/6 beside and 1/12 at the
    corners, none outside.
    """
    padded = functional.pad(values, (1, 1, 1, 1))
    rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:] - 4 * values) / 12


@torch.no_grad()
def removed(
    model: nn.Module, images: Tensor, targets: Tensor, hidden: Tensor, seed: int = 0
) -> Tensor:
    """How much the logit of each target falls (N,) when the pixels `hidden`, bool (N, H, W), are
    imputed; NaN where none or all are."""
    able = hidden.flatten(1).any(dim=1) & ~hidden.flatten(1).all(dim=1)
    filled = impute(images, hidden & able[:, None, None], seed, model=model)
    return (_logits(model, images, targets) - _logits(model, filled, targets)).masked_fill(
        ~able, torch.nan
    )


def area(curve: Tensor) -> Tensor:
    """The area under curves (N, steps + 1) over equal steps from 0 to 1, by trapezoids: (N,)."""
    return torch.trapezoid(curve, dim=1) / (curve.shape[1] - 1)


def _logits(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    return (
        torch.cat([model(part) for part in images.split(32)])
        .gather(1, targets[:, None])[:, 0]
        .double()
    )


def _undefined(maps: Tensor) -> Tensor:
    """Which maps (N, H, W) rank no pixel before another for a reason: not finite, or zero
    everywhere.
    """
    return ~torch.isfinite(maps).flatten(1).all(dim=1) | says_nowhere(maps)


def _check(images: Tensor, maps: Tensor) -> None:
    if images.ndim != 4 or maps.shape != (len(images), *images.shape[-2:]):
        raise ValueError(
            f"images {tuple(images.shape)} need a map each, of their size, not {tuple(maps.shape)}"
        )


@torch.no_grad()
def _probabilities(
    model,
    images: Tensor,
    filled: Tensor,
    shown: Tensor,
    targets: Tensor,
    several: bool,
    precision: str,
    chunk: int,
) -> Tensor:
    """(N, K) of the images where `shown`, bool (N, K, H, W), and of `filled` (N, K or 1, C, H, W)
    elsewhere.
    """
    quick = evaluator(model, precision)
    filled = filled.expand(-1, shown.shape[1], -1, -1, -1)
    found = []
    for part in torch.arange(shown.shape[0] * shown.shape[1], device=images.device).split(chunk):
        case, step = part // shown.shape[1], part % shown.shape[1]
        seen = torch.where(shown[case, step][:, None], images[case], filled[case, step])
        logits = quick(
            seen.to(dtype_of(quick)).contiguous(memory_format=torch.channels_last)
        ).double()
        chosen = targets[case][:, None]
        found.append(
            (logits.sigmoid() if several else logits.softmax(dim=1)).gather(1, chosen)[:, 0]
        )
    return torch.cat(found).view(shown.shape[:2])
