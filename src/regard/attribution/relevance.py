"""Layer-wise relevance propagation (Bach et al. 2015), summed over the colour channels.

LRP-Z and LRP-epsilon are our kernel's one backward pass; rules that treat positive and negative
contributions apart need further passes and are zennit's, on the same convention: batch norm stays a
layer of its own under epsilon, sums and average pools share out in proportion.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from regard.kernels.relevance import (
    INQUIRIES,
    RELU_FUNCTIONS,
    WIRING_FUNCTIONS,
    has_numbers,
    refuse_unknown,
    relevance,
)
from regard.models import preprocessing
from regard.models.backbones import Residual

ZERO = 1e-12  # keeps the shares of sums and pools finite


def lrp_z(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """LRP-Z maps, summed over the channels: LRP-epsilon with epsilon 0, where 0 / 0 counts as 1.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)

    Returns
    -------
    Tensor (N, H, W)
        Signed, in logits.

    References
    ----------
    Bach et al. 2015, PLoS ONE 10(7), eq. 56.
    """
    return relevance(model, images, targets, 0.0).sum(dim=1)


def lrp_epsilon(
    model: nn.Module, images: Tensor, targets: Tensor, epsilon: float = 1e-6, relative: bool = False
) -> Tensor:
    """LRP-epsilon maps, summed over the channels.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)
    epsilon, relative
        As in `kernels.relevance`, which states the rule and its convention.

    Returns
    -------
    Tensor (N, H, W)
        Signed, in logits.

    References
    ----------
    Bach et al. 2015, PLoS ONE 10(7), eq. 58.
    """
    return relevance(model, images, targets, epsilon, relative).sum(dim=1)


def lrp_alpha2beta1(
    model: nn.Module, images: Tensor, targets: Tensor, epsilon: float = 1e-6
) -> Tensor:
    """LRP-alpha2beta1 maps, summed over the channels.

    In convolutions and dense layers positive contributions count twice and negative ones once, each
    in proportion; batch norm follows the epsilon rule.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)
    epsilon : float
        Stabiliser of batch norm.

    Returns
    -------
    Tensor (N, H, W)
        Signed.

    Raises
    ------
    ValueError
        For a module or a function that no rule covers.

    References
    ----------
    Bach et al. 2015, PLoS ONE 10(7), eq. 60.
    """
    from zennit.core import BasicHook, stabilize
    from zennit.rules import AlphaBeta, ClampMod

    positive = BasicHook(
        input_modifiers=[lambda given: given.clone()]
        * 2,  # one tensor twice would have the gradients of both
        param_modifiers=[ClampMod(min=0.0), ClampMod(max=0.0)],
        output_modifiers=[lambda output: output] * 2,
        gradient_mapper=lambda gradient, outputs: [
            gradient / stabilize(output) for output in outputs
        ],
        reducer=lambda given, gradients: 2 * given[0] * gradients[0] - given[1] * gradients[1],
    )
    rule = _either(AlphaBeta(alpha=2.0, beta=1.0), positive)
    return _by_zennit(model, images, targets, epsilon, convolution=rule, dense=rule)


def lrp_composite(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    convolution: str = "z+",
    first: str = "flat",
    gamma: float = 0.25,
    epsilon: float = 1e-6,
) -> Tensor:
    """LRP maps with one rule per kind of layer, summed over the channels.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, C, H, W)
    targets : Tensor (N,)
    convolution : {"z+", "gamma"}
        Rule of convolutions.
    first : {"flat", "zbox"}
        Rule of the first convolution; "zbox" is z^B for inputs between the network's black and
        white.
    gamma : float
        Of the rule "gamma".
    epsilon : float
        Of dense layers and batch norm.

    Returns
    -------
    Tensor (N, H, W)
        Signed.

    Raises
    ------
    ValueError
        For an unknown rule, and for a module or a function that no rule covers.

    References
    ----------
    Montavon et al. 2019, Explainable AI, section 10.3.
    """
    from zennit.core import BasicHook
    from zennit.rules import ClampMod, Epsilon, Flat, Gamma, ZBox, ZPlus

    taken = preprocessing.of(model)
    black, white = (taken.of_level(level).view(1, 3, 1, 1).to(images) for level in (0.0, 1.0))
    rules = {
        "z+": _either(ZPlus(), BasicHook(param_modifiers=[ClampMod(min=0.0)])),
        "gamma": Gamma(gamma=gamma),
    }
    firsts = {"flat": Flat(), "zbox": ZBox(low=black, high=white)}
    for name, known in ((convolution, rules), (first, firsts)):
        if name not in known:
            raise ValueError(f"unknown rule {name!r}; known are {', '.join(known)}")
    return _by_zennit(
        model, images, targets, epsilon, rules[convolution], Epsilon(epsilon=epsilon), firsts[first]
    )


def _either(rule, positive):
    """A rule of zennit's that is `rule` on layers whose input has a negative value, and on others
    `positive`: `rule` without the passes that show a layer the negative part of its input, which
    give zeros behind every ReLU."""
    from zennit.core import BasicHook

    class Either(BasicHook):
        def backward(self, module, grad_input, grad_output):
            chosen = (positive if (self.stored_tensors["input"][0] >= 0).all() else rule).copy()
            chosen.stored_tensors = self.stored_tensors
            return chosen.backward(module, grad_input, grad_output)

        def copy(self):
            return Either()

    return Either()


def _by_zennit(model, images, targets, epsilon, convolution, dense, first=None) -> Tensor:
    from zennit.attribution import Gradient
    from zennit.canonizers import AttributeCanonizer
    from zennit.composites import SpecialFirstLayerMapComposite
    from zennit.layer import Sum
    from zennit.rules import Epsilon, Norm, Pass
    from zennit.types import Activation, AvgPool, BatchNorm, Convolution

    def with_sum(name: str, module: nn.Module) -> dict | None:
        """Gives the sum of a residual block a module of its own for the time of the call, which
        takes a rule.
        """
        if not isinstance(module, Residual):
            return None

        def forward(self, x: Tensor) -> Tensor:
            both = torch.stack([self.branch(x), self.shortcut(x)], dim=-1)
            return getattr(self, f"relu{self.depth}")(self.sum(both))

        return {"forward": forward.__get__(module), "sum": Sum()}

    refuse_unknown(model)
    refuse_functions(model, images[:1])
    rules = [
        (Sum, Norm(ZERO)),
        (Activation, Pass()),
        (AvgPool, Norm(ZERO)),
        (BatchNorm, Epsilon(epsilon=epsilon)),
        (Convolution, convolution),
        (nn.Linear, dense),
    ]
    composite = SpecialFirstLayerMapComposite(
        layer_map=rules,
        first_map=[(Convolution, first)] if first is not None else [],
        canonizers=[AttributeCanonizer(with_sum)],
    )
    with torch.enable_grad(), Gradient(model=model, composite=composite) as attributor:

        def chosen(logits):
            return logits * functional.one_hot(targets, logits.shape[1]).to(logits)

        _, found = attributor(images.detach().clone(), chosen)
    return found.sum(dim=1).detach()


# what needs no rule: gates and wiring; a sum over places is a pool
INNOCENT = INQUIRIES | RELU_FUNCTIONS | WIRING_FUNCTIONS - {"sum", "gather"} | {"__get__"}


class _Watch(TorchFunctionMode):
    """Refuses functions that share something out and are called where no module with a rule is at
    work.
    """

    def __init__(self, at_work: list[nn.Module]):
        super().__init__()
        self.at_work = at_work

    def __torch_function__(self, function, types, arguments=(), named=None):
        name = function.__name__
        output = function(*arguments, **(named or {}))
        if name not in INNOCENT and not self.at_work and has_numbers(output):
            raise ValueError(
                f"the model calls {name!r} as a function, where rules are for modules: make it a "
                "module (a sum: a "
                f"regard.models.backbones.Residual), or use lrp-epsilon, which covers it"
            )
        return output


def refuse_functions(model: nn.Module, image: Tensor) -> None:
    """Raise ValueError where `model` calls a function that rules of modules would leave out.

    ReLUs, max pools and wiring are allowed.

    Parameters
    ----------
    model : nn.Module
    image : Tensor (1, C, H, W)
        The image to run it on.
    """
    at_work, hooks = [], []
    for module in model.modules():
        if isinstance(module, Residual) or not list(module.children()):
            hooks.append(
                module.register_forward_pre_hook(lambda module, given: at_work.append(module))
            )
            hooks.append(
                module.register_forward_hook(lambda module, given, output: at_work.remove(module))
            )
    try:
        with torch.no_grad(), _Watch(at_work):
            model(image)
    finally:
        for hook in hooks:
            hook.remove()
