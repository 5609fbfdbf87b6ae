"""What can be explained: a network that gives one logit per class, images of its type, and a class
for each of them.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

KINDS = (torch.float32, torch.float64)
T = TypeVar("T")


def check(model: nn.Module, images: Tensor, targets: Tensor | Sequence[int]) -> Tensor:
    """Refuse what no method can explain.

    Parameters
    ----------
    model : nn.Module
        In eval mode; gives logits (N, classes).
    images : Tensor (N, C, H, W)
        Finite, float32 or float64, in the type of the model's weights.
    targets : Tensor (N,) or sequence of N integers
        Class indices.

    Returns
    -------
    Tensor (N,)
        The targets, int64, on the device of the images.

    Raises
    ------
    ValueError
        Names the layer, or what the model gives in place of logits, and says what to do.

    Notes
    ----- Only the logit of the first image is computed here; methods check the others. Not
    detected: logits that depend on other images of the batch
    (`functional.batch_norm(training=True)`), and random numbers that torch does not draw.
    """
    _check_images(images)
    try:
        targets = torch.as_tensor(targets)
    except (RuntimeError, TypeError, ValueError):
        raise ValueError(
            f"{len(images)} images need as many integer targets, not {targets!r}"
        ) from None
    targets = (
        targets if targets.numel() else targets.long()
    )  # of no images, which have no type of their own
    unlike = targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool
    if targets.ndim != 1 or len(targets) != len(images) or unlike:
        raise ValueError(
            f"{len(images)} images need as many integer targets, not {targets.dtype} "
            f"{tuple(targets.shape)}; give a class for each image, as in [1, 1]"
        )
    targets = targets.long()  # small unsigned types have no minimum, or pick by mask
    _check_model(model, images)
    if len(images):
        logits = _logits(model, images[:1])
        if logits is None:
            head = model.get_submodule("head")
            assert isinstance(head, nn.Linear), "`_built` says so"
            classes = head.out_features
        else:
            classes = logits.shape[1]
        if targets.min() < 0 or targets.max() >= classes:
            raise ValueError(
                f"targets must be in 0..{classes - 1}, found "
                f"{int(targets.min())}..{int(targets.max())}"
            )
        if logits is not None and not torch.isfinite(logits[0, targets[0]]):
            raise ValueError(
                f"the model gives {logits[0, targets[0]].item()} as logit {int(targets[0])} of "
                "image 0, whose values and weights are finite; nothing can be explained: find the "
                "layer that divides by zero or overflows"
            )
    return targets.to(images.device, torch.int64)


def _check_images(images: Tensor) -> None:
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point():
        said = (
            f"{images.dtype} {tuple(images.shape)}"
            if isinstance(images, Tensor)
            else type(images).__name__
        )
        raise ValueError(f"images must be a normalised float tensor (N, C, H, W), not {said}")
    if not torch.isfinite(images).all():
        broken = (~torch.isfinite(images)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(f"images {broken[:10]} have NaN or infinite values")


def _check_model(model: nn.Module, images: Tensor) -> None:
    if not isinstance(model, nn.Module):
        raise ValueError(f"the model must be a torch.nn.Module, not {type(model).__name__}")
    for name, module in model.named_modules():
        if module.training:
            raise ValueError(
                f"{name or 'the model'} is in training mode; call model.eval() before explaining it"
            )
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"{name} normalises by its batch, so that a map would depend on other images"
            )
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor) or not value.is_floating_point():
            continue
        if not torch.isfinite(value).all():
            raise ValueError(
                f"{name} of the model has NaN or infinite values; nothing it says can be explained"
            )
        if value.dtype not in KINDS:
            raise ValueError(
                f"{name} of the model is {_said(value.dtype)}, in which a gradient is mostly "
                "rounding; call model.float() "
                "and give float32 images"
            )
        if value.dtype != images.dtype:
            raise ValueError(
                f"{name} of the model is {_said(value.dtype)} and the images are "
                f"{_said(images.dtype)}; convert one of "
                f"them, as with images.to(torch.{_said(value.dtype)})"
            )
        if value.device != images.device:
            raise ValueError(
                f"{name} of the model is on {value.device} and the images are on {images.device}; "
                "move one"
            )


def _said(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")


def _built(model: nn.Module) -> bool:
    """Whether `model` is as `regard.models.backbones.build` makes it, its logits unchanged."""
    parts = dict(model.named_children())
    plain = type(model) is nn.Sequential and list(parts) == ["features", "pool", "flatten", "head"]
    pooled = plain and isinstance(parts["pool"], nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d)
    if not pooled or parts["pool"].output_size != 1 or type(parts["head"]) is not nn.Linear:
        return False
    hooks = [hook for one in (model, *parts.values()) for hook in one._forward_hooks.values()]
    hooked = not all(getattr(hook, "only_looks", False) for hook in hooks)
    return type(parts["flatten"]) is nn.Flatten and not hooked


@torch.no_grad()
def _logits(model: nn.Module, image: Tensor) -> Tensor | None:
    """The logits (1, classes) of one image (1, C, H, W); None for a model made to give them."""
    if _built(model):
        return None
    chance = _chance(image)
    output = explained(model, image)
    if not torch.equal(chance, _chance(image)):
        raise ValueError(
            "the model draws random numbers in eval mode, so that a map would depend on chance; "
            "leave that out, as with functional.dropout(x, training=self.training)"
        )
    if not isinstance(output, Tensor):
        held = f" with {', '.join(map(str, list(output)[:5]))}" if isinstance(output, dict) else ""
        raise ValueError(
            f"the model gives a {type(output).__name__}{held}, not logits (N, classes); wrap it "
            "in a module whose forward "
            "returns the logits alone, such as model(x)[0] or model(x).logits"
        )
    if output.ndim != 2 or len(output) != 1 or not output.shape[1]:
        shape = ("N", *output.shape[1:]) if output.ndim else ()
        raise ValueError(
            f"the model gives ({', '.join(map(str, shape))}) for images (N, C, H, W), not logits "
            "(N, classes); wrap it in a "
            f"module whose forward returns {_ADVICE.get(output.ndim, 'those')}"
        )
    if not output.is_floating_point():
        raise ValueError(
            f"the model gives {_said(output.dtype)}, not logits; leave out what turns logits into "
            "classes"
        )
    return output


def _chance(image: Tensor) -> Tensor:
    """Where torch's random numbers stand on the device of `image`; it moves when some are drawn."""
    return torch.cuda.get_rng_state(image.device) if image.is_cuda else torch.get_rng_state()


_ADVICE = {
    0: "a logit for each image",
    1: "model(x)[:, None], one logit, which target 0 explains",
    3: "model(x).mean(dim=2), one logit per class",
    4: "model(x).mean(dim=(2, 3)), one logit per class in place of one per pixel",
}


def explained(function: Callable[..., T], *arguments: Any, what: str = "the model") -> T:
    """Call a function; an error of torch's becomes a ValueError of one sentence.

    Parameters
    ----------
    function : callable
    *arguments
    what : str
        The subject of the sentence.

    Returns
    -------
    object
        What `function` returns.

    Raises
    ------
    ValueError
        For errors of torch's, except for lack of memory, which is raised as it is.
    """
    try:
        return function(*arguments)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, AttributeError, IndexError, NotImplementedError) as error:
        if "allocate memory" in str(error):  # a plain RuntimeError on a CPU
            raise
        shape = next((tuple(one.shape) for one in arguments if isinstance(one, Tensor)), ())
        for sign, reason in _REASONS.items():
            if sign in str(error):
                failed = f"run on images {shape}" if shape else "made"
                raise ValueError(f"{what} cannot be {failed}: {reason}") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise ValueError(
            f"{what} cannot be run on images {shape}: {type(error).__name__}: {reason}"
        ) from error


# what torch's errors say -> what is the matter, and what to do
_REASONS = {
    "does not require grad": "no gradient gets from the logits to the images; leave out what cuts "
    "it in the model's forward, such as detach() or torch.no_grad()",
    "support the deepcopy protocol": "a weight is computed from others, as by the old "
    "torch.nn.utils.weight_norm, and cannot be copied; call torch.nn.utils.remove_weight_norm on "
    "that layer",
}


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside a wrapper of torch.compile; any other network as it is.

    Raises
    ------
    ValueError
        For TorchScript and quantised networks, whose layers cannot be reached.
    """
    while isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
        model = inner
    for name, module in model.named_modules() if isinstance(model, nn.Module) else ():
        if isinstance(module, torch.jit.ScriptModule):
            made = "TorchScript, whose layers cannot be reached"
        elif "nn.quantized" in type(module).__module__:
            made = "quantised, which lets no gradient through"
        else:
            continue
        said = f"{name or 'the model'} is {made}"
        raise ValueError(f"{said}; explain the network that it was made from")
    if getattr(model, "_compiled_call_impl", None) is not None:  # by model.compile()
        return copy.copy(model)  # which leaves that behind
    return model
