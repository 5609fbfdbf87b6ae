"""Layer-wise relevance propagation written from the equations, layer by layer, for the blocks of
our backbones: an oracle that shares no code with the kernel and none with zennit.

Every rule gets a linear layer as (function of input, weight and bias), its input and the relevance
of its output, and gives the relevance of its input. 0 / 0 is kept finite by 1e-6 times the sign, as
in zennit.
"""

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.densenet import _DenseBlock, _DenseLayer
from torchvision.models.squeezenet import Fire

from regard.models.backbones import Residual
from regard.models.preprocessing import MEAN, STD

PASSED_ON = (nn.ReLU, nn.Dropout, nn.Identity)


def over(relevance, z, stabiliser=1e-6):
    return relevance / (z + torch.where(z < 0, -1.0, 1.0).to(z) * stabiliser)


def back(function, x, carried):
    """What `carried` at the output of a function gives at its input x, by the function's transposed
    Jacobian.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad((function(x) * carried).sum(), x)[0]


def linear_of(layer):
    """A layer as a function of (input, weight, bias), its weight and its bias."""
    bias = torch.zeros(1).to(layer.weight) if layer.bias is None else layer.bias
    if isinstance(layer, nn.Conv2d):
        bias = bias.expand(layer.out_channels)
        return (
            lambda x, w, b: functional.conv2d(x, w, b, layer.stride, layer.padding),
            layer.weight,
            bias,
        )
    return functional.linear, layer.weight, bias


def epsilon(size):
    def rule(layer, x, relevance):
        z = layer(x)
        return x * back(lambda given: layer(given), x, over(relevance, z, size))

    return rule


def alpha_beta(alpha, beta):
    """Bach et al. 2015, eq. 60."""

    def rule(layer, x, relevance):
        f, w, b = linear_of(layer)
        plus, minus = (x.clamp(min=0), x.clamp(max=0)), (w.clamp(min=0), w.clamp(max=0))
        found = 0
        for share, pairs, offset in (
            (alpha, ((0, 0), (1, 1)), b.clamp(min=0)),
            (-beta, ((0, 1), (1, 0)), b.clamp(max=0)),
        ):
            z = sum(f(plus[i], minus[j], None) for i, j in pairs)
            z = z + (offset.view(-1, 1, 1) if z.ndim == 4 else offset)
            for i, j in pairs:
                found = found + share * plus[i] * back(
                    lambda given: f(given, minus[j], None), plus[i], over(relevance, z)
                )
        return found

    return rule


def gamma(size):
    """Montavon et al. 2019, table 10.1, and for outputs below zero with the signs exchanged (Andeol
    et al. 2021).
    """

    def rule(layer, x, relevance):
        f, w, b = linear_of(layer)
        whole, found = layer(x), 0
        for up in (True, False):

            def raised(value, up):
                return value + size * (value.clamp(min=0) if up else value.clamp(max=0))

            parts = ((x.clamp(min=0), raised(w, up)), (x.clamp(max=0), raised(w, not up)))
            offset = raised(b, up)
            z = sum(f(given, weight, None) for given, weight in parts)
            z = z + (offset.view(-1, 1, 1) if z.ndim == 4 else offset)
            carried = over(relevance, z) * ((whole > 0) if up else (whole < 0))
            for given, weight in parts:
                found = found + given * back(lambda value: f(value, weight, None), given, carried)
        return found

    return rule


def flat(layer, x, relevance):
    """All inputs of an output get the same (Lapuschkin et al. 2017)."""
    f, w, _ = linear_of(layer)
    same = torch.ones_like(x)
    return back(
        lambda given: f(given, torch.ones_like(w), None),
        same,
        over(relevance, f(same, torch.ones_like(w), None)),
    )


def z_box(layer, x, relevance):
    """z^B for inputs between black and white (Montavon et al. 2017, eq. 20)."""
    f, w, _ = linear_of(layer)
    black, white = (
        ((value - torch.tensor(MEAN)) / torch.tensor(STD)).view(1, 3, 1, 1).to(x).expand_as(x)
        for value in (0, 1)
    )
    parts = ((x, w, 1), (black, w.clamp(min=0), -1), (white, w.clamp(max=0), -1))
    z = sum(sign * f(given, weight, None) for given, weight, sign in parts)
    return sum(
        sign * given * back(lambda value: f(value, weight, None), given, over(relevance, z))
        for given, weight, sign in parts
    )


def propagate(module, x, relevance, rules):
    """Relevance at the input x of a module, from that at its output. rules: {"conv", "dense",
    "norm"} -> rule, and "first", the rule of the first convolution that is met on the way forwards,
    as a pair (layer, rule)."""
    if isinstance(module, nn.Conv2d):
        return (rules["first"][1] if module is rules["first"][0] else rules["conv"])(
            module, x, relevance
        )
    if isinstance(module, nn.Linear):
        return rules["dense"](module, x, relevance)
    if isinstance(module, nn.BatchNorm2d):
        scale = module.weight / (module.running_var + module.eps).sqrt()
        z = module(x)
        return x * scale.view(1, -1, 1, 1) * over(relevance, z, rules["norm"])
    if isinstance(module, PASSED_ON):
        return relevance
    if isinstance(module, nn.Flatten):
        return relevance.view_as(x)
    if isinstance(module, nn.MaxPool2d | nn.AdaptiveMaxPool2d):
        return back(module, x, relevance)
    if isinstance(module, nn.AvgPool2d | nn.AdaptiveAvgPool2d):
        return x * back(module, x, over(relevance, module(x), 1e-12))
    if isinstance(module, Residual):
        branch = [
            getattr(module, f"{kind}{at}")
            for at in range(1, module.depth + 1)
            for kind in ("conv", "bn", "relu")
        ][:-1]
        one, other = module.branch(x), module.shortcut(x)
        share = over(relevance, one + other, 1e-12)
        beside = (
            other * share
            if module.downsample is None
            else chain(module.downsample, x, other * share, rules)
        )
        return chain(branch, x, one * share, rules) + beside
    if isinstance(module, Fire):
        middle = module.squeeze_activation(module.squeeze(x))
        first, second = relevance.split(
            [module.expand1x1.out_channels, module.expand3x3.out_channels], dim=1
        )
        inner = chain([module.expand1x1], middle, first, rules) + chain(
            [module.expand3x3], middle, second, rules
        )
        return chain([module.squeeze, module.squeeze_activation], x, inner, rules)
    if isinstance(module, _DenseBlock):
        layers, features = list(module.values()), [x]
        for layer in layers:
            features.append(layer(features))
        parts = list(relevance.split([each.shape[1] for each in features], dim=1))
        for at in reversed(range(len(layers))):
            given = chain(
                list(layers[at].children()),
                torch.cat(features[: at + 1], dim=1),
                parts[at + 1],
                rules,
            )
            for place, part in enumerate(
                given.split([each.shape[1] for each in features[: at + 1]], dim=1)
            ):
                parts[place] = parts[place] + part
        return parts[0]
    assert isinstance(module, nn.Sequential) and not isinstance(module, _DenseLayer), type(module)
    return chain(module, x, relevance, rules)


def chain(modules, x, relevance, rules):
    given = [x]
    for module in modules:
        given.append(module(given[-1]))
    for module, before in zip(reversed(list(modules)), reversed(given[:-1])):
        relevance = propagate(module, before, relevance, rules)
    return relevance


@torch.no_grad()
def by_hand(model, images, targets, conv, dense, norm, first=None):
    """Relevance (N, C, H, W) of the target logits."""
    layer = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    logits = model(images)
    start = torch.zeros_like(logits).scatter(
        1, targets[:, None], logits.gather(1, targets[:, None])
    )
    return propagate(
        model,
        images,
        start,
        {"conv": conv, "dense": dense, "norm": norm, "first": (layer, first or conv)},
    )
