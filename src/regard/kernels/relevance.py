"""LRP-epsilon in one backward pass.

LRP-epsilon (Bach et al. 2015, eq. 58; Montavon et al. 2019, table 10.1) sends the relevance R_j of
output j of a linear layer z_j = sum_i a_i w_ij + b_j to its inputs as

    R_i = sum_j a_i w_ij / (z_j + epsilon sign(z_j)) R_j .

Write R = activation x G. Through a ReLU G is masked as a gradient is, and through the layer

    G_i = sum_j w_ij [z_j / (z_j + epsilon sign(z_j))] G_j ,

which is the ordinary backward pass with the gradient of every z_j scaled by the factor in brackets:
relevance is input x G, with no further forward pass. Batch norm in eval mode is a linear layer and
treated as one; sums, concatenations and pooling hand G on as autograd does, that is in proportion
to their inputs. With epsilon = 0 this is gradient x input.

The factor is |z| / (|z| + epsilon), which needs no z where a ReLU follows: its output a has a / (a
+ epsilon), and that is zero where the ReLU's own derivative is. So layer and ReLU cost one pass
over memory, as a ReLU alone does.
"""

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

LINEAR = (nn.Linear, nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm)
# everything else that autograd treats as LRP does: proportional (sums, pools), gating (ReLU), or
# mere wiring
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
# the same by the names of the functions that modules call, or a model by itself
LINEAR_FUNCTIONS = {"conv1d", "conv2d", "conv3d", "linear", "batch_norm"}
RELU_FUNCTIONS = {"relu", "relu_"}
SUM_FUNCTIONS = {"add", "add_", "__add__", "__radd__", "__iadd__"}
POOL_FUNCTIONS = {"avg_pool2d", "adaptive_avg_pool2d"}
WIRING_FUNCTIONS = {
    *(
        "max_pool2d",
        "adaptive_max_pool2d",
        "dropout",
        "cat",
        "concat",
        "stack",
        "flatten",
        "reshape",
        "view",
        "squeeze",
    ),
    *(
        "unsqueeze",
        "permute",
        "contiguous",
        "to",
        "sum",
        "gather",
        "select",
        "__getitem__",
        "requires_grad_",
    ),
}
INQUIRIES = {
    "register_hook",
    "size",
    "dim",
    "numel",
    "element_size",
    "stride",
}  # that compute nothing
PASSING_FUNCTIONS = RELU_FUNCTIONS | SUM_FUNCTIONS | POOL_FUNCTIONS | WIRING_FUNCTIONS


NO_RULE = "LRP has no rule for the function {} that the model calls; make it one of known modules"


def has_numbers(output) -> bool:
    """Whether what a function gave is, or holds, a tensor of real numbers."""
    if isinstance(output, list | tuple):
        return any(has_numbers(each) for each in output)
    return isinstance(output, Tensor) and output.is_floating_point()


def refuse_unknown(model: nn.Module) -> None:
    """Raise ValueError that names the first module no rule covers, or that is not in eval mode."""
    for name, module in model.named_modules():
        if module.training:
            raise ValueError(
                f"module {name or 'model'} is in training mode; call model.eval() before "
                "explaining it"
            )
        if not list(module.children()) and not isinstance(module, LINEAR + PASSING):
            raise ValueError(
                f"LRP has no rule for module {name!r} ({type(module).__name__}); known are "
                f"{', '.join(kind.__name__.lstrip('_') for kind in LINEAR + PASSING)}"
            )


class _Share(torch.autograd.Function):
    """Identity or ReLU forward; backward the gradient times |z| / (|z| + size), size (N, 1, ...) >
    0.
    """

    @staticmethod
    def forward(context, z: Tensor, size: Tensor, rectify: bool, in_place: bool) -> Tensor:
        if in_place:
            context.mark_dirty(z)
            kept = output = z.relu_() if rectify else z
            kept = kept if rectify else kept.clone()  # whoever works in place will change it
        else:
            kept = output = z.relu() if rectify else z.detach()
        context.save_for_backward(kept, size)
        return output

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        z, size = context.saved_tensors
        shared = torch.empty_like(gradient)
        at_once = (
            len(z) if z.is_cuda else 1
        )  # on a CPU what is between stays in the cache, image by image
        for part, given, own, out in zip(
            *(whole.split(at_once) for whole in (z, gradient, size, shared))
        ):
            factor = part.abs()
            factor.div_(factor + own)
            torch.mul(factor, given, out=out)
        return shared, None, None, None


class _Epsilon(TorchFunctionMode):
    """While a network runs, the outputs of its linear layers are `pending`: the function that takes
    one up decides whether its ReLU can be had with it. Refuses functions that no rule covers."""

    def __init__(self, epsilon: float, relative: bool):
        super().__init__()
        self.epsilon, self.relative = epsilon, relative

    def __torch_function__(self, function, types, arguments=(), named=None):
        name, named = function.__name__, named or {}
        if name in INQUIRIES or name == "__get__":
            found = function(*arguments, **named)
            if isinstance(found, Tensor) and found.is_floating_point():  # such as x.T
                raise ValueError(NO_RULE.format("a property of a tensor"))
            return found
        if name in RELU_FUNCTIONS and arguments and getattr(arguments[0], "pending", False):
            return self.share(
                arguments[0],
                True,
                name == "relu_" or named.get("inplace", len(arguments) > 1 and arguments[1]),
            )
        in_place = name.startswith("__i") or (name.endswith("_") and not name.endswith("__"))
        output = function(
            *self.taken(arguments, in_place),
            **{key: self.taken(value, in_place) for key, value in named.items()},
        )
        if name in LINEAR_FUNCTIONS:
            output.pending = self.epsilon > 0
        elif name not in PASSING_FUNCTIONS and has_numbers(output):
            raise ValueError(NO_RULE.format(repr(name)))
        return output

    def taken(self, value, in_place: bool):
        if isinstance(value, list | tuple):
            return type(value)(self.taken(each, in_place) for each in value)
        return self.share(value, False, in_place) if getattr(value, "pending", False) else value

    def share(self, z: Tensor, rectify: bool, in_place: bool) -> Tensor:
        size = torch.full(
            (len(z), *[1] * (z.ndim - 1)), self.epsilon, dtype=z.dtype, device=z.device
        )
        if self.relative:  # root mean square over the layer, of each image on its own
            size *= (
                torch.linalg.vector_norm(z.detach(), dim=tuple(range(1, z.ndim)), keepdim=True)
                / z[0].numel() ** 0.5
            )
        size.clamp_(
            min=torch.finfo(z.dtype).tiny
        )  # a layer that is zero throughout hands nothing on
        shared = _Share.apply(z, size, rectify, in_place)
        shared.pending = False
        return shared


def relevance(
    model: nn.Module, images: Tensor, targets: Tensor, epsilon: float, relative: bool = False
) -> Tensor:
    """LRP-epsilon relevance of the target logits at the network input.

    Parameters
    ----------
    model : nn.Module
        In eval mode; it is left as it was. ReLUs and sums may be modules or functions, in place or
        not.
    images : Tensor (N, C, H, W)
        Network inputs.
    targets : Tensor (N,)
        int64 indices of logits.
    epsilon : float
        Stabiliser, >= 0, in units of a layer's output. 0 gives gradient x input.
    relative : bool
        Whether `epsilon` is in units of the root mean square of each layer's output, per image.

    Returns
    -------
    Tensor (N, C, H, W)
        Signed relevance.

    Raises
    ------
    ValueError
        For a module or a function that no rule covers, and for a negative epsilon.

    Notes
    -----
    Equals zennit's Epsilon rule on convolution, dense and unmerged batch-norm layers, with
    Norm(1e-12) on sums and average pools.

    References
    ----------
    Bach et al. 2015, PLoS ONE 10(7), eq. 58; Montavon et al. 2019, table 10.1.
    """
    refuse_unknown(model)
    if not epsilon >= 0:
        raise ValueError(f"epsilon must be >= 0, not {epsilon}")
    given = images.detach().requires_grad_(True)
    with torch.enable_grad():
        with _Epsilon(epsilon, relative):
            logits = model(given).gather(1, targets[:, None]).sum()
        (scaled_gradient,) = torch.autograd.grad(logits, given)
    return (given * scaled_gradient).detach()
