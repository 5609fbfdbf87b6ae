"""Class activation maps: the last feature map, weighted for one class and enlarged to the input."""

import torch
from torch import Tensor, nn

from regard.attribution.gradient import undefined
from regard.data.letterbox import upsample


def _parts(model: nn.Module, method: str) -> tuple[nn.Module, nn.Module, nn.Linear]:
    parts = dict(model.named_children())
    if list(parts) != ["features", "pool", "flatten", "head"] or not isinstance(
        parts["head"], nn.Linear
    ):
        raise ValueError(
            f"{method} needs a model made of features, pool, flatten and a linear head, as "
            "regard.models.backbones.build makes it, not "
            f"{', '.join(parts) or type(model).__name__}"
            + (
                "; or name a convolution of yours, such as layer='layer4'"
                if method == "grad-cam"
                else ""
            )
        )
    return parts["features"], parts["pool"], parts["head"]


def cam(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Class activation maps, sum_k w_k A_k, bilinearly enlarged.

    Parameters
    ----------
    model : nn.Module
        Features, global average pool, flatten and a linear head, as `models.backbones.build` makes
        it.
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)

    Returns
    -------
    Tensor (N, H, W)
        Signed. Before enlargement the mean of a map plus the head's bias is the logit.

    Raises
    ------
    ValueError
        For a model with another pool or head.

    References
    ----------
    Zhou et al. 2016, CVPR, eq. 2.
    """
    features, pool, head = _parts(model, "cam")
    if not isinstance(pool, nn.AdaptiveAvgPool2d):
        raise ValueError(
            f"cam needs a global average pool, not {type(pool).__name__}; use grad-cam"
        )
    with torch.no_grad():
        weighted = (features(images) * head.weight[targets][:, :, None, None]).sum(dim=1)
    return upsample(weighted, images.shape[-2:])


def grad_cam(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    relu: bool = False,
    guided: bool = False,
    layer: str = "",
) -> Tensor:
    """Grad-CAM maps: the feature map, each channel weighted by the mean of its gradient.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)
    relu : bool
        Apply the paper's last step. Off by default: negative evidence is data too.
    guided : bool
        Count the gradient only where it and the activation are positive (the gate of guided
        backpropagation, Springenberg et al. 2015, at this layer), as several published codes do.
    layer : str
        Name of a module whose output replaces the last feature map, such as "features.38".

    Returns
    -------
    Tensor (N, H, W)
        Signed. With average pool and linear head this is CAM / (h w).

    Raises
    ------
    ValueError
        For a layer that does not exist, that has no feature map, or on which the logit does not
        depend.

    References
    ----------
    Selvaraju et al. 2017, ICCV, eq. 1 and 2.
    """
    if not isinstance(layer, str):
        known = "the name of a module, such as 'features.38'"
        raise ValueError(f"grad-cam: layer must be {known}, not {layer!r}")
    activations, gradient = (
        _at(model, images, targets, layer) if layer else _last(model, images, targets)
    )
    if guided:
        gradient = gradient.clamp(min=0) * (activations > 0)
    weighted = (activations * gradient.mean(dim=(2, 3), keepdim=True)).sum(dim=1)
    return upsample(weighted.relu() if relu else weighted, images.shape[-2:])


def _last(model: nn.Module, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The last feature map (N, K, h, w) and the gradient of the target logits with respect to
    it.
    """
    features, pool, head = _parts(model, "grad-cam")
    flatten = model.get_submodule("flatten")
    with torch.no_grad():
        activations = features(images)
    activations.requires_grad_(True)
    with torch.enable_grad():
        logits = head(flatten(pool(activations))).gather(1, targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(logits, activations)
    return activations.detach(), gradient


def _at(model: nn.Module, images: Tensor, targets: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """As `_last`, of the output of the module `layer`."""
    known = dict(model.named_modules())
    if layer not in known:
        outer = [name for name in known if name and name.count(".") < 2]
        raise ValueError(
            f"grad-cam: the model has no layer {layer!r}; model.named_modules() has "
            f"{', '.join(outer[:12])} and others"
        )
    kept = []

    def cut(module: nn.Module, given: tuple, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_(True))
        return kept[-1].clone()  # a module behind it may overwrite what it is given

    hook = known[layer].register_forward_hook(cut)
    try:
        with torch.enable_grad():
            logits = model(images).gather(1, targets[:, None])
            found = (
                torch.autograd.grad(logits.sum(), kept[-1:], allow_unused=True)
                if kept and logits.requires_grad
                else [None]
            )
    finally:
        hook.remove()
    pooled = isinstance(known[layer], nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d)
    if found[0] is None or kept[-1].ndim != 4 or pooled:
        raise ValueError(
            f"grad-cam: layer {layer!r} gives no feature map (N, K, h, w) "
            "on which the logit depends"
        )
    return kept[-1].detach(), undefined(found[0], logits)
