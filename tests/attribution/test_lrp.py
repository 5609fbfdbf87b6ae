"""LRP: identities, zennit as an independent library, and a reference written from the equation."""

import pytest
import torch
import torchvision
from heat_maps import Functional, classifier
from networks import BACKBONES, TARGETS, network
from torch import nn
from zennit.attribution import Gradient
from zennit.canonizers import AttributeCanonizer
from zennit.composites import LayerMapComposite
from zennit.layer import Sum
from zennit.rules import Epsilon, Norm, Pass
from zennit.types import Activation, AvgPool, BatchNorm, Convolution

from regard.attribution import attribute
from regard.attribution.gradient import input_gradient
from regard.kernels import relevance
from regard.models import backbones


@pytest.fixture(scope="module", params=BACKBONES)
def model(request):
    return network(request.param)


@pytest.fixture(scope="module")
def images():
    return torch.randn(
        4, 3, 48, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


class ResidualSum(AttributeCanonizer):
    """Gives the sum in a residual block a module of its own for the time of a call, which zennit
    can put a rule on.
    """

    def __init__(self):
        super().__init__(self.attributes)

    @staticmethod
    def attributes(name, module):
        if not isinstance(module, backbones.Residual):
            return None

        def forward(self, x):
            both = torch.stack([self.branch(x), self.shortcut(x)], dim=-1)
            return getattr(self, f"relu{self.depth}")(self.sum(both))

        return {"forward": forward.__get__(module), "sum": Sum()}


def zennit_epsilon(model, images, targets, epsilon):
    rules = [
        (Sum, Norm(1e-12)),
        (Activation, Pass()),
        (AvgPool, Norm(1e-12)),
        (BatchNorm, Epsilon(epsilon)),
        (Convolution, Epsilon(epsilon)),
        (nn.Linear, Epsilon(epsilon)),
    ]
    chosen = torch.eye(3, dtype=images.dtype)[targets]
    with Gradient(model, LayerMapComposite(rules, canonizers=[ResidualSum()])) as attributor:
        _, relevance = attributor(images.clone(), lambda output: output * chosen)
    return relevance


@pytest.mark.parametrize("epsilon", [1e-9, 1e-3, 0.1])
def test_lrp_epsilon_equals_zennit(model, images, epsilon):
    found, wanted = (
        relevance(model, images, TARGETS, epsilon),
        zennit_epsilon(model, images, TARGETS, epsilon),
    )
    assert (found - wanted).norm() <= 1e-6 * wanted.norm()


def test_lrp_without_epsilon_is_gradient_times_input(model, images):
    found, wanted = (
        relevance(model, images, TARGETS, 0.0),
        input_gradient(model, images, TARGETS) * images,
    )
    assert (found - wanted).norm() <= 1e-12 * wanted.norm()


@pytest.mark.parametrize("relative", [False, True])
def test_lrp_epsilon_equals_the_equation_layer_by_layer(relative):
    """Bach et al. 2015, eq. 58, written with explicit matrices for dense layers."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    model = nn.Sequential(
        nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3)
    ).double()
    for parameter in model.parameters():
        parameter.data = draw(*parameter.shape)
    model.eval()
    images, epsilon = draw(4, 3, 2, 2), 0.3
    layers = [model[1], model[3], model[5]]
    activations = [images.flatten(1)]
    outputs = []
    for layer in layers:
        outputs.append(activations[-1] @ layer.weight.T + layer.bias)
        activations.append(outputs[-1].clamp(min=0))
    carried = torch.zeros(4, 3, dtype=torch.float64)
    carried[range(4), TARGETS] = outputs[-1][range(4), TARGETS]
    for layer, given, z in zip(reversed(layers), reversed(activations[:-1]), reversed(outputs)):
        size = epsilon * (z**2).mean(dim=1, keepdim=True).sqrt() if relative else epsilon
        stabilised = z + torch.where(z < 0, -1.0, 1.0).to(z) * size
        carried = torch.einsum("ni,ji,nj->ni", given, layer.weight, carried / stabilised)
    found = relevance(model, images, TARGETS, epsilon, relative)
    assert torch.allclose(found.flatten(1), carried, rtol=1e-9, atol=1e-12)


def test_lrp_survives_in_place_activations(images):
    model = network("vgg19_bn")
    wanted = relevance(model, images, TARGETS, 0.1)
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
    assert torch.allclose(relevance(model, images, TARGETS, 0.1), wanted)


def test_sums_that_are_functions_are_covered_or_refused(images):
    model = classifier(Functional(residual=True))
    found, wanted = (
        relevance(model, images, TARGETS, 0.0),
        input_gradient(model, images, TARGETS) * images,
    )
    assert (found - wanted).norm() <= 1e-12 * wanted.norm() and wanted.any()
    by_hand = relevance_by_hand(model, images, TARGETS, 0.1)
    assert torch.allclose(relevance(model, images, TARGETS, 0.1), by_hand, rtol=1e-9, atol=1e-12)
    for method in ("lrp-alpha2beta1", "lrp-composite"):
        with pytest.raises(ValueError, match="'add_' as a function.*lrp-epsilon"):
            attribute(model, images, TARGETS, method)


def relevance_by_hand(model, images, targets, epsilon):
    """`Functional(residual=True)` and its head, layer after layer from the equation, by
    convolutions and their transposes.
    """
    own, functional = model.features, nn.functional

    def stable(z):
        return z + torch.where(z < 0, -1.0, 1.0).to(z) * epsilon

    def back(layer, given, carried, z):
        return given * functional.conv_transpose2d(carried / stable(z), layer.weight, padding=1)

    with torch.no_grad():
        z1 = own.first(images)
        a1 = z1.relu()
        z2 = own.second(a1)
        z3 = own.norm(z2)
        a3 = z3.relu()
        z4 = own.third(a3)
        a5 = (z4 + a1).relu()
        pooled = a5.mean(dim=(2, 3))
        logits = model.head(pooled)
        carried = torch.zeros_like(logits).scatter(
            1, targets[:, None], logits.gather(1, targets[:, None])
        )
        carried = pooled * ((carried / stable(logits)) @ model.head.weight)
        carried = (
            a5 / a5.sum(dim=(2, 3), keepdim=True).clamp(min=1e-300) * carried[:, :, None, None]
        )
        share = carried / torch.where(z4 + a1 == 0, 1.0, z4 + a1)
        first = a1 * share
        carried = back(own.third, a3, z4 * share, z4)
        scale = (own.norm.weight / (own.norm.running_var + own.norm.eps).sqrt()).view(1, -1, 1, 1)
        carried = z2 * scale * carried / stable(z3)
        return back(own.first, images, first + back(own.second, a1, carried, z2), z1)


def test_a_function_without_a_rule_is_refused(images):
    class Gated(Functional):
        def __init__(self, after):
            super().__init__(residual=False)
            self.after = after

        def forward(self, x):
            return self.after(super().forward(x))

    more = {
        "sigmoid": torch.sigmoid,
        "mul": lambda x: x * x,
        "mean": lambda x: x.mean(dim=(2, 3), keepdim=True),
        "chunk": lambda x: x.chunk(2, dim=2)[0],
        "softmax": lambda x: nn.functional.softmax(x, dim=1),
    }
    for name, after in more.items():
        for method in ("lrp-z", "lrp-epsilon", "lrp-alpha2beta1", "lrp-composite"):
            with pytest.raises(ValueError, match=f"'{name}'"):
                attribute(classifier(Gated(after)), images, TARGETS, method)


def test_arguments_by_name_are_taken_as_those_by_place(images):
    class Named(Functional):
        def forward(self, x):
            x = torch.relu(input=self.first(x))
            return torch.relu(torch.add(x, other=self.second(x)))

    class Placed(Functional):
        def forward(self, x):
            x = torch.relu(self.first(x))
            return torch.relu(torch.add(x, self.second(x)))

    model = classifier(Named(residual=False))
    twin = classifier(Placed(residual=False), model.head)
    twin.features.load_state_dict(model.features.state_dict())
    found = relevance(model, images, TARGETS, 0.1)
    assert torch.allclose(found, relevance(twin, images, TARGETS, 0.1), rtol=1e-9)
    assert not torch.allclose(found, relevance(model, images, TARGETS, 0.0), rtol=1e-3)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "vgg11_bn", "squeezenet1_1"])
def test_lrp_covers_torchvision_s_own_networks(images, name):
    model = getattr(torchvision.models, name)(weights=None).eval().double()
    # as far below the smallest of a million inputs of ReLUs as float64 allows: one as small as
    # epsilon halves its relevance
    found, wanted = (
        relevance(model, images, TARGETS, 1e-12),
        input_gradient(model, images, TARGETS) * images,
    )
    assert (found - wanted).norm() <= 1e-4 * wanted.norm()


def test_lrp_refuses_what_it_has_no_rule_for(images):
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).double()
    with pytest.raises(ValueError, match="'1' .Sigmoid."):
        relevance(model.eval(), images, TARGETS, 0.1)
    with pytest.raises(ValueError, match="epsilon"):
        relevance(network("vgg19"), images, TARGETS, -0.1)


def test_a_zero_image_gives_zero_relevance():
    assert (
        relevance(network("vgg19_bn"), torch.zeros(1, 3, 48, 48).double(), TARGETS[:1], 0.0) == 0
    ).all()
