"""LRP-epsilon in one backward pass.

LRP-epsilon (Bach et al. 2015, eq. 58; Montavon et al. 2019, table 10.1) sends the relevance R_j of output j of a linear
layer z_j = sum_i a_i w_ij + b_j to its inputs as

    R_i = sum_j a_i w_ij / (z_j + epsilon sign(z_j)) R_j .

Write R = activation x G. Through a ReLU G is masked as a gradient is, and through the layer

    G_i = sum_j w_ij [z_j / (z_j + epsilon sign(z_j))] G_j ,

which is the ordinary backward pass with the gradient of every z_j scaled by the factor in brackets: relevance is input
x G, with no further forward pass. Batch norm in eval mode is a linear layer and treated as one; sums, concatenations
and pooling hand G on as autograd does, that is in proportion to their inputs. With epsilon = 0 this is gradient x
input.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

LINEAR = (nn.Linear, nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm)
# everything else that autograd treats as LRP does: proportional (sums, pools), gating (ReLU), or mere wiring
PASSING = (
    nn.ReLU,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Dropout,
    nn.Flatten,
    nn.Identity,
)


def refuse_unknown(model: nn.Module) -> None:
    """Raise ValueError that names the first module no rule covers, or that is not in eval mode."""
    for name, module in model.named_modules():
        if module.training:
            raise ValueError(f"module {name or 'model'} is in training mode; call model.eval() before explaining it")
        if not list(module.children()) and not isinstance(module, LINEAR + PASSING):
            raise ValueError(
                f"LRP has no rule for module {name!r} ({type(module).__name__}); known are "
                f"{', '.join(kind.__name__.lstrip('_') for kind in LINEAR + PASSING)}"
            )


class _Scale(torch.autograd.Function):
    """Identity forward; backward the gradient times z / (z + epsilon sign(z)), with sign(0) = 1 and 0 / 0 = 1."""

    @staticmethod
    def forward(context, z: Tensor, epsilon: float, relative: bool) -> Tensor:
        context.save_for_backward(z)
        context.epsilon, context.relative = epsilon, relative
        return z.clone()  # a copy, because an in-place ReLU after it must not reach the z that is kept

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor, None, None]:
        (z,) = context.saved_tensors
        size = context.epsilon
        if context.relative:  # root mean square over the layer, of each image on its own
            size = size * z.square().mean(dim=tuple(range(1, z.ndim)), keepdim=True).sqrt()
        denominator = z + torch.where(z < 0, -1.0, 1.0).to(z) * size
        factor = torch.where(denominator == 0, torch.ones_like(z), z / denominator)
        return gradient * factor, None, None


@contextmanager
def _scaled(model: nn.Module, epsilon: float, relative: bool) -> Iterator[None]:
    hooks = [
        module.register_forward_hook(lambda module, given, output: _Scale.apply(output, epsilon, relative))
        for module in model.modules()
        if isinstance(module, LINEAR)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def relevance(model: nn.Module, images: Tensor, targets: Tensor, epsilon: float, relative: bool = False) -> Tensor:
    """LRP-epsilon relevance of the target logits, signed, at the input: (N, C, H, W) for images (N, C, H, W).

    model: in eval mode, left as it was; targets: int64 (N,) indices of logits; epsilon: stabiliser >= 0, absolute, or
    with `relative` in units of the root mean square of each layer's output, taken for each image on its own.
    Equals zennit's Epsilon rule on convolution, dense and unmerged batch-norm layers with Norm(1e-12) on average pools.
    Raises ValueError for a module no rule covers and for a negative epsilon.
    """
    refuse_unknown(model)
    if not epsilon >= 0:
        raise ValueError(f"epsilon must be >= 0, not {epsilon}")
    given = images.detach().requires_grad_(True)
    with _scaled(model, epsilon, relative), torch.enable_grad():
        logits = model(given).gather(1, targets[:, None]).sum()
        (scaled_gradient,) = torch.autograd.grad(logits, given)
    return (given * scaled_gradient).detach()
