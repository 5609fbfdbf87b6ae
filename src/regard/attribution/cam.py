"""Class activation maps: the last feature map, weighted for one class and enlarged to the input."""

import torch
from torch import Tensor, nn

from regard.geometry import upsample


def _parts(model: nn.Module, method: str) -> tuple[nn.Module, nn.Module, nn.Linear]:
    parts = dict(model.named_children())
    if list(parts) != ["features", "pool", "flatten", "head"] or not isinstance(parts["head"], nn.Linear):
        raise ValueError(
            f"{method} needs a model made of features, pool, flatten and a linear head, as "
            f"regard.backbones.build makes it, not {', '.join(parts) or type(model).__name__}"
        )
    return parts["features"], parts["pool"], parts["head"]


def cam(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Class activation maps (N, H, W), signed (Zhou et al. 2016, eq. 2): sum_k w_k A_k, bilinearly enlarged.

    Before enlargement the mean of the map plus the head's bias is the logit, which needs a global average pool.
    Raises ValueError for a model with another pool or head.
    """
    features, pool, head = _parts(model, "cam")
    if not isinstance(pool, nn.AdaptiveAvgPool2d):
        raise ValueError(f"cam needs a global average pool, not {type(pool).__name__}; use grad-cam")
    with torch.no_grad():
        weighted = (features(images) * head.weight[targets][:, :, None, None]).sum(dim=1)
    return upsample(weighted, images.shape[-2:])


def grad_cam(model: nn.Module, images: Tensor, targets: Tensor, relu: bool = False, guided: bool = False) -> Tensor:
    """Grad-CAM maps (N, H, W) of the last feature map, signed (Selvaraju et al. 2017, eq. 1 and 2).

    The weight of a channel is the mean of its gradient. relu=True applies the paper's last step; left out by
    default, because what speaks against a class is data too. With average pool and linear head Grad-CAM is CAM / (h w).
    guided=True counts the gradient only where it and the activation are positive (the gate of guided backpropagation,
    Springenberg et al. 2015, at this one layer), which several published codes call Grad-CAM.
    """
    features, _, _ = _parts(model, "grad-cam")
    with torch.no_grad():
        activations = features(images)
    activations.requires_grad_(True)
    with torch.enable_grad():
        logits = model.head(model.flatten(model.pool(activations))).gather(1, targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(logits, activations)
    activations = activations.detach()
    if guided:
        gradient = gradient.clamp(min=0) * (activations > 0)
    weighted = (activations * gradient.mean(dim=(2, 3), keepdim=True)).sum(dim=1)
    return upsample(weighted.relu() if relu else weighted, images.shape[-2:])
