"""What can be explained: a network that gives one logit per class, images of its type, and a class for each of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

KINDS = (torch.float32, torch.float64)


def check(model: nn.Module, images: Tensor, targets: Tensor | Sequence[int]) -> Tensor:
    """Refuse what no method can explain; returns the targets, int64 (N,), on the device of the images.

    model: in eval mode, gives logits (N, classes); images: finite float (N, C, H, W) in the type of its weights; targets: N class
    indices. Raises ValueError that names the layer, or what the model gives in place of logits, and says what to do.
    """
    _check_images(images)
    targets = torch.as_tensor(targets)
    targets = targets if targets.numel() else targets.long()  # of no images, which have no type of their own
    if targets.ndim != 1 or len(targets) != len(images) or targets.is_floating_point() or targets.dtype == torch.bool:
        raise ValueError(
            f"{len(images)} images need as many integer targets, not {targets.dtype} {tuple(targets.shape)}"
        )
    _check_model(model, images)
    if len(images):
        classes = _classes(model, images[:1])
        if targets.min() < 0 or targets.max() >= classes:
            raise ValueError(f"targets must be in 0..{classes - 1}, found {int(targets.min())}..{int(targets.max())}")
    return targets.to(images.device, torch.int64)


def _check_images(images: Tensor) -> None:
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point():
        said = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images must be a normalised float tensor (N, C, H, W), not {said}")
    if not torch.isfinite(images).all():
        broken = (~torch.isfinite(images)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(f"images {broken[:10]} have NaN or infinite values")


def _check_model(model: nn.Module, images: Tensor) -> None:
    if not isinstance(model, nn.Module):
        raise ValueError(f"the model must be a torch.nn.Module, not {type(model).__name__}")
    for name, module in model.named_modules():
        if module.training:
            raise ValueError(f"{name or 'the model'} is in training mode; call model.eval() before explaining it")
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(f"{name} normalises by its batch, so that a map would depend on other images")
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            continue
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} of the model has NaN or infinite values; nothing it says can be explained")
        if value.dtype not in KINDS:
            raise ValueError(
                f"{name} of the model is {_said(value.dtype)}, in which a gradient is mostly rounding; call model.float() "
                "and give float32 images"
            )
        if value.dtype != images.dtype:
            raise ValueError(
                f"{name} of the model is {_said(value.dtype)} and the images are {_said(images.dtype)}; convert one of "
                f"them, as with images.to(torch.{_said(value.dtype)})"
            )
        if value.device != images.device:
            raise ValueError(f"{name} of the model is on {value.device} and the images are on {images.device}; move one")


def _said(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")


@torch.no_grad()
def _classes(model: nn.Module, image: Tensor) -> int:
    """The number of logits that `model` gives of one image (1, C, H, W)."""
    if isinstance(model, nn.Sequential) and isinstance(model[-1], nn.Linear):
        return model[-1].out_features
    output = explained(model, image)
    if not isinstance(output, Tensor):
        held = f" with {', '.join(map(str, list(output)[:5]))}" if isinstance(output, dict) else ""
        raise ValueError(
            f"the model gives a {type(output).__name__}{held}, not logits (N, classes); wrap it in a module whose forward "
            "returns the logits alone, such as model(x)[0] or model(x).logits"
        )
    if output.ndim != 2 or len(output) != 1:
        shape = ("N", *output.shape[1:]) if output.ndim else ()
        raise ValueError(
            f"the model gives ({', '.join(map(str, shape))}) for images (N, C, H, W), not logits (N, classes); wrap it in a "
            f"module whose forward returns {_ADVICE.get(output.ndim, 'those')}"
        )
    if not output.is_floating_point():
        raise ValueError(f"the model gives {_said(output.dtype)}, not logits; leave out what turns logits into classes")
    return output.shape[1]


_ADVICE = {
    0: "a logit for each image",
    1: "model(x)[:, None], one logit, which target 0 explains",
    3: "model(x).mean(dim=2), one logit per class",
    4: "model(x).mean(dim=(2, 3)), one logit per class in place of one per pixel",
}


def explained(function: Callable, *arguments, what: str = "the model") -> object:
    """What `function` gives of `arguments`; an error of torch's becomes a ValueError of one sentence that begins with `what`.

    Memory that runs out stays what it is.
    """
    try:
        return function(*arguments)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, AttributeError, IndexError, NotImplementedError) as error:
        if "allocate memory" in str(error):  # a plain RuntimeError on a CPU
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        shape = next((tuple(one.shape) for one in arguments if isinstance(one, Tensor)), ())
        raise ValueError(f"{what} cannot be run on images {shape}: {type(error).__name__}: {reason}") from error
