"""Attribution: where in the image a logit comes from. One uniform call over the registry METHODS, and the null maps.

A heat map is float32 (N, H, W) at the input's resolution, signed and raw: no clipping, no normalisation.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from regard import parameters as known_parameters
from regard.attribution.cam import cam, grad_cam
from regard.attribution.gradient import gradient, gradient_x_input, integrated_gradients
from regard.attribution.lime import lime
from regard.attribution.nulls import NULLS, nulls
from regard.attribution.occlusion import occlusion
from regard.attribution.presets import PRESETS
from regard.attribution.relevance import lrp_alpha2beta1, lrp_composite, lrp_epsilon, lrp_z
from regard.attribution.shap import shap
from regard.kernels.memory import at_once

# name -> function (model, images, targets, **parameters) -> (N, H, W)
METHODS = {
    "gradient": gradient,
    "gradient-x-input": gradient_x_input,
    "integrated-gradients": integrated_gradients,
    "lrp-z": lrp_z,
    "lrp-epsilon": lrp_epsilon,
    "lrp-alpha2beta1": lrp_alpha2beta1,
    "lrp-composite": lrp_composite,
    "cam": cam,
    "grad-cam": grad_cam,
    "occlusion": occlusion,
    "lime": lime,
    "shap": shap,
}
# those that show the network one image under many masks, some hundred times the passes of the others
PERTURBATION = ("occlusion", "lime", "shap")

# memory that methods take at most, in bytes per byte that the layers of the network give (measured; see tests/test_stored.py)
FORWARD, BACKWARD = 1.0, 1.5
HUNGRIER = {"lrp-alpha2beta1": 4.5, "lrp-composite": 4.0}

__all__ = [
    "METHODS",
    "NULLS",
    "PERTURBATION",
    "PRESETS",
    "attribute",
    "batch_within",
    "check",
    "check_parameters",
    "nulls",
]


def attribute(
    model: nn.Module,
    images: Tensor,
    targets: Tensor | Sequence[int],
    method: str = "lrp-epsilon",
    memory: float = 1.0,
    batch: int | None = None,
    **parameters,
) -> Tensor:
    """Heat maps (N, H, W), float32, signed and raw, of the logit `targets[n]` for each of the images.

    model: a classifier in eval mode that gives logits (N, classes); it is left as it was.
    images: normalised network input, float (N, C, H, W); targets: N class indices, never guessed.
    method: a name in METHODS; `parameters` are that method's own. memory: gigabytes that activations may take (of two images
    on a CPU at least), which says how many images (or masks) go through the network together, or `batch` says it; neither
    changes anything else.
    Raises ValueError for an unknown method or parameter, images that are no finite float (N, C, H, W), targets of another length or outside the classes, a model in training
    mode or with a weight that is not finite, an architecture the method does not cover, and a map that is not finite.
    """
    targets = check(model, images, targets, method)
    check_parameters(f"method {method!r}", METHODS[method], parameters)
    if not len(images):
        return images.new_zeros((0, *images.shape[-2:]), dtype=torch.float32)
    if batch is None:
        batch = batch_within(memory, model, images[0], method, **parameters)
    if batch < 1:
        raise ValueError(f"batch must be a number of images, at least 1, not {batch}")
    images = images.detach().contiguous(memory_format=torch.channels_last)  # a fifth faster on a CPU
    if not (images.is_cuda or _forward_only(method, parameters)):
        batch = _steady(batch)
    if method in PERTURBATION:
        parameters = {"chunk": batch} | parameters
    parts = zip(images.split(batch), targets.split(batch))
    maps = torch.cat([_explained(METHODS[method], model, part, target, parameters) for part, target in parts])
    if not torch.isfinite(maps).all():
        broken = (~torch.isfinite(maps)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(
            f"{method} gave NaN or infinite values for images {broken[:10]}, whose values and weights are finite"
        )
    return maps.float()


def batch_within(memory: float, model: nn.Module, image: Tensor, method: str, **parameters) -> int:
    """How many images like `image` (C, H, W), or masks of it, `method` puts through `model` together to stay within
    `memory` gigabytes of activations."""
    forward_only = _forward_only(method, parameters)
    share = HUNGRIER.get(method, FORWARD if forward_only else BACKWARD)
    batch = at_once(model, image, memory, share, most=256 if image.is_cuda else 32)
    return batch if image.is_cuda or forward_only else _steady(batch)


def _forward_only(method: str, parameters: dict) -> bool:
    return method in PERTURBATION and parameters.get("algorithm") != "gradient"


def _steady(batch: int) -> int:
    """The even number from 2 to 8 next to `batch`. On a CPU convolutions add up an image alone, one of an odd number
    (several threads) and one of many in another order than one of a few pairs; that is rounding, but where a ReLU's input
    is zero but for rounding it opens or shuts the gradient."""
    return max(2, min(8, batch - batch % 2))


def _explained(function: Callable, model: nn.Module, images: Tensor, targets: Tensor, parameters: dict) -> Tensor:
    """Maps of one part; the last image of an odd number goes along twice (see `_steady`)."""
    if images.is_cuda or len(images) % 2 == 0 or "chunk" in parameters:
        return function(model, images, targets, **parameters)
    images, targets = (torch.cat([values, values[-1:]]) for values in (images, targets))
    return function(model, images, targets, **parameters)[:-1]


def check(model: nn.Module, images: Tensor, targets: Tensor | Sequence[int], method: str) -> Tensor:
    """What `attribute` refuses before it begins; returns the targets, int64 (N,), on the device of the images."""
    if method not in METHODS:
        raise ValueError(f"unknown attribution method {method!r}; known are {', '.join(METHODS)}")
    if not isinstance(model, nn.Module):
        raise ValueError(f"the model must be a torch.nn.Module, not {type(model).__name__}")
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point():
        said = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images must be a normalised float tensor (N, C, H, W), not {said}")
    if not torch.isfinite(images).all():
        broken = (~torch.isfinite(images)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(f"images {broken[:10]} have NaN or infinite values")
    targets = torch.as_tensor(targets)
    if targets.ndim != 1 or len(targets) != len(images) or targets.is_floating_point() or targets.dtype == torch.bool:
        raise ValueError(
            f"{len(images)} images need as many integer targets, not {targets.dtype} {tuple(targets.shape)}"
        )
    for name, module in model.named_modules():
        if module.training:
            raise ValueError(f"{name or 'the model'} is in training mode; call model.eval() before explaining it")
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(f"{name} normalises by its batch, so that a map would depend on other images")
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"{name} of the model has NaN or infinite values; nothing it says can be explained")
    if len(images):
        classes = _classes(model, images[:1])
        if targets.min() < 0 or targets.max() >= classes:
            raise ValueError(f"targets must be in 0..{classes - 1}, found {int(targets.min())}..{int(targets.max())}")
    return targets.to(images.device, torch.int64)


def check_parameters(what: str, function: Callable, given: Mapping) -> None:
    """Raise ValueError for a parameter that `function` does not take beside what every method is given, or not of that kind."""
    taken = inspect.signature(function).parameters.values()
    if not any(one.kind is one.VAR_KEYWORD for one in taken):  # else the parameters of another method, checked there
        known_parameters.check(what, {one.name: one.default for one in taken if one.default is not one.empty}, given)


@torch.no_grad()
def _classes(model: nn.Module, image: Tensor) -> int:
    if isinstance(model, nn.Sequential) and isinstance(model[-1], nn.Linear):
        return model[-1].out_features
    return model(image).shape[-1]
