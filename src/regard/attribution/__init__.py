"""Attribution: where in the image a logit comes from. One uniform call over the registry METHODS, and the null maps.

A heat map is float32 (N, H, W) at the input's resolution, signed and raw: no clipping, no normalisation.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from regard.attribution.cam import cam, grad_cam
from regard.attribution.gradient import gradient, gradient_x_input, integrated_gradients
from regard.attribution.lime import lime
from regard.attribution.nulls import NULLS, nulls
from regard.attribution.occlusion import occlusion
from regard.attribution.relevance import lrp_alpha2beta1, lrp_composite, lrp_epsilon, lrp_z
from regard.attribution.shap import shap

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

__all__ = ["METHODS", "NULLS", "attribute", "nulls"]


def attribute(
    model: nn.Module,
    images: Tensor,
    targets: Tensor | Sequence[int],
    method: str = "lrp-epsilon",
    batch: int = 16,
    **parameters,
) -> Tensor:
    """Heat maps (N, H, W), float32, signed and raw, of the logit `targets[n]` for each of the images.

    model: a classifier in eval mode that gives logits (N, classes); it is left as it was.
    images: normalised network input, float (N, C, H, W); targets: N class indices, never guessed.
    method: a name in METHODS; `parameters` are that method's own. `batch` bounds memory and changes nothing else.
    Raises ValueError for an unknown method, targets of another length or outside the classes, a model in training
    mode or with a weight that is not finite, an architecture the method does not cover, and a map that is not finite.
    """
    if method not in METHODS:
        raise ValueError(f"unknown attribution method {method!r}; known are {', '.join(METHODS)}")
    targets = torch.as_tensor(targets)
    if targets.ndim != 1 or len(targets) != len(images) or targets.is_floating_point():
        raise ValueError(
            f"{len(images)} images need as many integer targets, not {targets.dtype} {tuple(targets.shape)}"
        )
    if model.training:
        raise ValueError("the model is in training mode; call model.eval() before explaining it")
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"{name} of the model has NaN or infinite values; nothing it says can be explained")
    if not len(images):
        return images.new_zeros((0, *images.shape[-2:]), dtype=torch.float32)
    with torch.no_grad():
        classes = model(images[:1]).shape[-1]
    if targets.min() < 0 or targets.max() >= classes:
        raise ValueError(f"targets must be in 0..{classes - 1}, found {int(targets.min())}..{int(targets.max())}")
    parts = zip(images.split(batch), targets.to(images.device).split(batch))
    maps = torch.cat([METHODS[method](model, part, target, **parameters) for part, target in parts])
    if not torch.isfinite(maps).all():
        broken = (~torch.isfinite(maps)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(f"{method} gave NaN or infinite values for images {broken[:10]}; check the model's weights")
    return maps.float()
