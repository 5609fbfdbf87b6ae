"""Attribution: where in the image a logit comes from. One uniform call over the registry METHODS,
and the null maps.

A heat map is float32 (N, H, W) at the input's resolution, signed and raw: no clipping, no
normalisation.
"""

import copy
import functools
import inspect
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from regard.attribution import accepted
from regard.attribution.cam import cam, grad_cam
from regard.attribution.gradient import gradient, gradient_x_input, integrated_gradients
from regard.attribution.lime import lime
from regard.attribution.nulls import NULLS, nulls
from regard.attribution.occlusion import occlusion
from regard.attribution.published_settings import PRESETS
from regard.attribution.relevance import lrp_alpha2beta1, lrp_composite, lrp_epsilon, lrp_z
from regard.attribution.shap import shap
from regard.core import parameters as known_parameters
from regard.kernels.batch_size import at_once

# name -> function (model, images, targets, **parameters) -> (N, H, W)
METHODS: dict[str, Callable[..., Tensor]] = {
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
# those that show the network one image under many masks, some hundred times the passes of the
# others
PERTURBATION = ("occlusion", "lime", "shap")

# memory that methods take at most, in bytes per byte that the layers of the network give (measured;
# see tests/attribution/test_resumable.py)
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
    """Heat maps of one logit per image.

    Parameters
    ----------
    model : nn.Module
        A classifier in eval mode that gives logits (N, classes); it is left as it was.
    images : Tensor (N, C, H, W)
        Normalised network inputs, floating-point, in the type of the model's weights.
    targets : Tensor (N,) or sequence of N integers
        The class to explain for each image; there is no default.
    method : str
        A key of METHODS.
    memory : float
        Gigabytes (10^9 bytes) that activations may take; it determines how many images (or masks)
        are processed together, on a CPU at least two. It does not change the result.
    batch : int, optional
        Images processed together, instead of `memory`.
    **parameters
        The method's own; see its function.

    Returns
    -------
    Tensor (N, H, W)
        float32, signed and raw: neither clipped nor normalised.

    Raises
    ------
    ValueError
        For an unknown method or parameter; for what `accepted.check` refuses (no logits (N,
        classes), training mode, weights or logits that are not finite, weights of another type than
        the images, random numbers in eval mode, targets of another length or outside the classes);
        for an architecture that the method does not cover; and for a map that is not finite.

    Notes
    -----
    May be called within torch.no_grad() and torch.inference_mode().
    """
    model = accepted.unwrapped(model)
    with torch.inference_mode(False):  # a gradient is needed, whatever the caller switched off
        return _attribute(
            _trackable(model),
            _trackable(images),
            _trackable(targets),
            method,
            memory,
            batch,
            parameters,
        )


T = TypeVar("T")


def _trackable(value: T) -> T:
    """`value`, or a copy where it was made in torch.inference_mode(), which gradients refuse."""
    if isinstance(value, Tensor):
        return value.clone() if value.is_inference() else value  # type: ignore[return-value]
    if not isinstance(value, nn.Module):
        return value
    held = value.state_dict(keep_vars=True).values()  # and what a layer stores beside tensors
    made_there = any(isinstance(one, Tensor) and one.is_inference() for one in held)
    return copy.deepcopy(value) if made_there else value


def _attribute(
    model: nn.Module,
    images: Tensor,
    targets: Tensor | Sequence[int],
    method: str,
    memory: float,
    batch: int | None,
    parameters: dict,
) -> Tensor:
    targets = check(model, images, targets, method)
    check_parameters(f"method {method!r}", METHODS[method], parameters)
    if not len(images):
        return images.new_zeros((0, *images.shape[-2:]), dtype=torch.float32)
    if batch is None:
        batch = batch_within(memory, model, images[0], method, **parameters)
    if not isinstance(batch, numbers.Integral) or isinstance(batch, bool) or batch < 1:
        raise ValueError(f"batch must be a number of images, at least 1, not {batch!r}")
    batch = int(batch)
    images = images.detach().contiguous(
        memory_format=torch.channels_last
    )  # a fifth faster on a CPU
    if not (images.is_cuda or _forward_only(method, parameters)):
        batch = _steady(batch)
    if method in PERTURBATION:
        parameters = {"chunk": batch} | parameters
    parts = zip(images.split(batch), targets.split(batch))
    maps = torch.cat(
        [_explained(METHODS[method], model, part, target, parameters) for part, target in parts]
    )
    if not torch.isfinite(maps).all():
        broken = (~torch.isfinite(maps)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(
            f"{method} gave NaN or infinite values for images {broken[:10]}, whose values and "
            "weights are finite: their logits, or what layers give of them, are not; find the "
            "layer that divides by zero or overflows"
        )
    return maps.float()


def batch_within(memory: float, model: nn.Module, image: Tensor, method: str, **parameters) -> int:
    """How many images, or masks, a method can process together within a bound on memory.

    Parameters
    ----------
    memory : float
        Gigabytes (10^9 bytes) of activations.
    model : nn.Module
    image : Tensor (C, H, W)
        One of the images.
    method : str
        A key of METHODS; `parameters` are that method's own.

    Returns
    -------
    int
    """
    model = accepted.unwrapped(model)
    forward_only = _forward_only(method, parameters)
    share = HUNGRIER.get(method, FORWARD if forward_only else BACKWARD)
    batch = at_once(model, image, memory, share, most=256 if image.is_cuda else 32)
    return batch if image.is_cuda or forward_only else _steady(batch)


def _forward_only(method: str, parameters: dict) -> bool:
    return method in PERTURBATION and parameters.get("algorithm") != "gradient"


def _steady(batch: int) -> int:
    """The even number from 2 to 8 next to `batch`. On a CPU convolutions add up an image alone, one
    of an odd number (several threads) and one of many in another order than one of a few pairs;
    that is rounding, but where a ReLU's input is zero but for rounding it opens or shuts the
    gradient."""
    return max(2, min(8, batch - batch % 2))


def _explained(
    function: Callable, model: nn.Module, images: Tensor, targets: Tensor, parameters: dict
) -> Tensor:
    """Maps of one part; the last image of an odd number goes along twice (see `_steady`)."""
    count = len(images)
    if not (images.is_cuda or count % 2 == 0 or "chunk" in parameters):
        images, targets = (torch.cat([values, values[-1:]]) for values in (images, targets))
    made = functools.partial(function, **parameters)
    return accepted.explained(
        made, model, images, targets, what=f"{function.__name__} of this model"
    )[:count]


def check(model: nn.Module, images: Tensor, targets: Tensor | Sequence[int], method: str) -> Tensor:
    """What `attribute` refuses before it computes.

    Parameters
    ----------
    model, images, targets, method
        As in `attribute`.

    Returns
    -------
    Tensor (N,)
        The targets, int64, on the device of the images.

    Raises
    ------
    ValueError
        As `attribute`.
    """
    if method not in METHODS:
        raise ValueError(f"unknown attribution method {method!r}; known are {', '.join(METHODS)}")
    return accepted.check(accepted.unwrapped(model), images, targets)


def check_parameters(what: str, function: Callable, given: Mapping) -> None:
    """Raise ValueError for a parameter that a function does not have, or of another kind than its
    default.

    Parameters
    ----------
    what : str
        Name of the function, for the message.
    function : callable
    given : mapping
        Parameters by name.
    """
    taken = inspect.signature(function).parameters.values()
    if not any(
        one.kind is one.VAR_KEYWORD for one in taken
    ):  # else the parameters of another method, checked there
        known_parameters.check(
            what, {one.name: one.default for one in taken if one.default is not one.empty}, given
        )
