"""Attribution: identities, an independent library and a reference written from the equation; the
model left as it was.
"""

import copy

import numpy as np
import pytest
import torch
import torchvision
from captum.attr import LayerGradCam, Saliency
from networks import BACKBONES, TARGETS, network
from torch import nn
from zennit.attribution import Gradient
from zennit.canonizers import AttributeCanonizer
from zennit.composites import LayerMapComposite
from zennit.layer import Sum
from zennit.rules import Epsilon, Norm, Pass
from zennit.types import Activation, AvgPool, BatchNorm, Convolution

from regard.attribution import METHODS, NULLS, PERTURBATION, attribute, nulls
from regard.attribution.gradient import input_gradient
from regard.attribution.nulls import reinitialised
from regard.evaluation.scores import points
from regard.kernels import relevance
from regard.models import backbones, preprocessing


@pytest.fixture(scope="module", params=BACKBONES)
def model(request):
    return network(request.param)


@pytest.fixture(scope="module")
def images():
    return torch.randn(
        4, 3, 48, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


# Fewer evaluations than anybody should use: what is tested does not depend on their number.
FEW = {
    "integrated-gradients": {"steps": 4},
    "occlusion": {"window": 0.25, "stride": 0.25},
    "lime": {"evaluations": 40},
    "shap": {"evaluations": 40},
}


# Methods, and those of their options that are other algorithms, as (method, parameters).
ALL = {name: (name, FEW.get(name, {})) for name in METHODS} | {
    "shap, kernel": ("shap", {"algorithm": "kernel", "evaluations": 40}),
    "shap, gradient": ("shap", {"algorithm": "gradient", "evaluations": 8}),
    "lrp-composite, gamma and z^B": ("lrp-composite", {"convolution": "gamma", "first": "zbox"}),
    "lrp-epsilon, relative": ("lrp-epsilon", {"epsilon": 0.25, "relative": True}),
    "grad-cam, guided": ("grad-cam", {"guided": True}),
    "lime, white": ("lime", {"evaluations": 40, "superpixels": "slic", "fill": "white"}),
}


def maps_of(model, images, targets, name, **more):
    method, parameters = ALL[name]
    return attribute(model, images, targets, method, **parameters, **more)


def snapshot(model):
    state = {key: value.clone() for key, value in model.state_dict().items()}
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    hooks = [len(getattr(module, kind)) for module in model.modules() for kind in kinds]
    attributes = [sorted(vars(module)) for module in model.modules()]
    with torch.no_grad():
        outputs = model(PROBE).tolist()
    grads = [parameter.requires_grad for parameter in model.parameters()]
    return state, hooks, attributes, outputs, [module.training for module in model.modules()], grads


PROBE = torch.linspace(-1, 1, 3 * 48 * 48, dtype=torch.float64).view(1, 3, 48, 48)


def fail_late(model, backwards):
    """A hook that raises when the head is reached, on the way forwards or back."""

    def fail(module, given, output):
        if not backwards:
            raise RuntimeError("late")
        if output.requires_grad:
            output.register_hook(stop)

    def stop(gradient):
        raise RuntimeError("late")

    return model.head.register_forward_hook(fail)


@pytest.mark.parametrize("method", ALL)
def test_maps_keep_the_contract(model, images, method):
    maps = maps_of(model, images, TARGETS, method)
    assert maps.shape == (4, 48, 48) and maps.dtype == torch.float32 and not maps.requires_grad
    assert torch.isfinite(maps).all() and (maps != 0).any()


@pytest.mark.parametrize("method", ALL)
def test_neither_batch_nor_order_matters(model, images, method):
    maps = maps_of(model, images, TARGETS, method)
    order = torch.tensor([2, 0, 3, 1])
    share = 0.01 if method == "shap, gradient" else 1e-6  # the library draws gradients in float32
    for batch in (1, 3):
        again = maps_of(model, images[order], TARGETS[order], method, batch=batch)
        assert torch.allclose(again, maps[order], rtol=1e-4, atol=share * float(maps.abs().max()))


@pytest.mark.parametrize("name", ["vgg19_bn", "vgg16", "resnet18", "densenet121", "squeezenet1_0"])
@pytest.mark.parametrize("method", ALL)
def test_batch_order_and_layout_change_no_more_than_rounding_in_single_precision(
    images, name, method
):
    """1e-5 of the map's or the logit's size, on every image: also where a ReLU's input is zero but
    for rounding.
    """
    model, order = network(name).float(), torch.tensor([2, 0, 3, 1, 2, 2, 0, 1, 3])
    given = images.float()[order].contiguous(memory_format=torch.channels_last)
    kept = given.clone()
    maps = maps_of(model, images.float(), TARGETS, method, batch=4)[order]
    with torch.no_grad():
        logits = model(given).gather(1, TARGETS[order][:, None])[:, 0].abs()

    def largest(values):
        return values.abs().flatten(1).amax(dim=1)

    many = 4 if ALL[method][0] in PERTURBATION else 9  # whose masks go together, and not images
    for batch, count in ((32, many), (3, 4), (1, 1)):
        again = maps_of(model, given[:count], TARGETS[order][:count], method, batch=batch)
        error = largest(again - maps[:count]) / torch.maximum(largest(maps), logits)[:count]
        assert error.max() <= 1e-5
    assert torch.equal(given, kept)


@pytest.mark.parametrize("method", ALL)
def test_the_target_matters(model, images, method):
    assert not torch.allclose(
        maps_of(model, images, TARGETS, method), maps_of(model, images, (TARGETS + 1) % 3, method)
    )


@pytest.mark.parametrize("method", ALL)
def test_the_model_is_left_as_it_was_also_after_an_error(model, images, method):
    before, given = snapshot(model), images.clone()
    maps_of(model, images, TARGETS, method)
    for backwards in (False, True):
        hook = fail_late(model, backwards)
        try:
            maps_of(model, images, TARGETS, method, batch=4)
            assert backwards or method == "cam", (
                "cam asks for features alone; without gradients nothing fails on the way back"
            )
        except ValueError as error:  # of one sentence, whatever the model raised
            assert "late" in str(error) and "RuntimeError" in str(error)
        finally:
            hook.remove()
    after = snapshot(model)
    assert torch.equal(images, given)
    assert before[1:] == after[1:] and all(
        torch.equal(before[0][key], after[0][key]) for key in before[0]
    )
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("method", ALL)
def test_frozen_parameters_and_no_grad_make_no_difference(model, images, method):
    wanted = maps_of(model, images, TARGETS, method)
    model.requires_grad_(False)
    with torch.no_grad():
        found = maps_of(model, images, TARGETS, method)
    model.requires_grad_(True)
    assert torch.allclose(found, wanted)


@pytest.mark.parametrize(
    "targets", [[0, 1], [0, 1, 2, 3], [0, -1, 1, 1], [[0], [1], [1], [1]], [0.0, 1.0, 1.0, 1.0]]
)
def test_wrong_targets_are_refused(model, images, targets):
    with pytest.raises(ValueError, match="target"):
        attribute(model, images, targets, "cam")


def test_training_mode_unknown_methods_and_nan_are_refused(model, images):
    with pytest.raises(ValueError, match="unknown attribution method 'lime-2'.*gradient"):
        attribute(model, images, TARGETS, "lime-2")
    model.train()
    with pytest.raises(ValueError, match="eval"):
        attribute(model, images, TARGETS, "cam")
    model.eval()
    model.features.train()
    with pytest.raises(ValueError, match="features is in training mode"):
        attribute(model, images, TARGETS, "gradient")
    model.eval()
    with pytest.raises(ValueError, match=r"images \[1\] have NaN or infinite values"):
        broken = images.clone()
        broken[1, 0, 0, 0] = torch.nan
        attribute(model, broken, TARGETS, "lrp-epsilon")


@pytest.mark.parametrize("method", ALL)
def test_dark_and_constant_images_and_a_dead_network_give_finite_maps(method):
    model = network("vgg19_bn")
    plain = torch.stack(
        [torch.full((3, 48, 48), value, dtype=torch.float64) for value in (0.0, -2.0, 1.5)]
    )
    assert torch.isfinite(maps_of(model, plain, [0, 1, 2], method)).all()
    for parameter in model.parameters():
        parameter.data.zero_()
    assert (maps_of(model, plain, [0, 1, 2], method).abs() < 1e-6).all()


@pytest.mark.parametrize("name", ["vgg19_bn", "resnet18", "densenet121", "squeezenet1_0"])
@pytest.mark.parametrize("method", ["occlusion", "lime", "shap"])
def test_bfloat16_gives_nearly_the_same_map(images, name, method):
    """On smooth images, whose maps are no noise."""
    model = network(name).float()
    smooth = nn.functional.interpolate(images[:2, :, ::8, ::8], (48, 48), mode="bicubic").float()
    found, wanted = (
        maps_of(model, smooth, TARGETS[:2], method, precision=name)
        for name in ("bfloat16", "float32")
    )
    for one, other in zip(found, wanted):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9 and not torch.equal(one, other)


def test_a_weight_that_is_nan_is_named(images):
    model = network("vgg16")
    model.features[2].weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="features.2.weight"):
        attribute(model, images, TARGETS, "cam")


def test_what_is_no_batch_of_images_and_no_parameter_is_refused_in_a_sentence(images):
    model = network("vgg16")
    for wrong in (images[0], images.to(torch.uint8), images.numpy(), [images]):
        with pytest.raises(ValueError, match="images must be a normalised float tensor"):
            attribute(model, wrong, TARGETS, "gradient")
    with pytest.raises(ValueError, match="must be a torch.nn.Module, not tuple"):
        attribute((model, {}), images, TARGETS, "gradient")
    with pytest.raises(
        ValueError, match="'lrp-epsilon' has no parameter 'epsilonn'; known are epsilon, relative"
    ):
        attribute(model, images, TARGETS, "lrp-epsilon", epsilonn=1)
    with pytest.raises(ValueError, match="'lrp-z' has no parameter 'epsilon'; known are none"):
        nulls("random-network", images, model=model, targets=TARGETS, method="lrp-z", epsilon=1)
    with pytest.raises(ValueError, match="'edges' has no parameter 'chanel'; known are channel"):
        nulls("edges", images, chanel="mean")


# --- LRP ---


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


class Functional(nn.Module):
    """Convolutions whose ReLUs are functions of every kind; `residual`: and whose outputs are added
    up in place.
    """

    def __init__(self, residual: bool):
        super().__init__()
        self.residual = residual
        self.first, self.second, self.third = (
            nn.Conv2d(given, 6, 3, padding=1) for given in (3, 6, 6)
        )
        self.norm = nn.BatchNorm2d(6)

    def forward(self, x):
        x = torch.relu(self.first(x))
        again = nn.functional.relu(self.norm(self.second(x)), inplace=True)
        again = self.third(again)
        if self.residual:
            again += x
        return again.relu_()


def classifier(features, head=None):
    model = nn.Sequential()
    for name, part in zip(
        ("features", "pool", "flatten", "head"),
        (features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head or nn.Linear(6, 3)),
    ):
        model.add_module(name, part)
    generator = torch.Generator().manual_seed(5)
    if head is None:
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                drawn = torch.randn(value.shape, generator=generator)
                value.copy_(0.5 + drawn.abs() if name.endswith("running_var") else 0.4 * drawn)
    return model.double().eval()


@pytest.mark.parametrize("method", ALL)
def test_functional_and_in_place_activations_change_nothing(images, method):
    model = classifier(Functional(residual=False))
    own = model.features
    modules = nn.Sequential(
        own.first, nn.ReLU(), own.second, own.norm, nn.ReLU(), own.third, nn.ReLU()
    )
    twin = classifier(modules, model.head)
    wanted = maps_of(twin, images, TARGETS, method)
    assert (
        torch.allclose(maps_of(model, images, TARGETS, method), wanted, rtol=1e-5, atol=1e-9)
        and wanted.any()
    )


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


# --- gradient, CAM, Grad-CAM ---


def test_gradient_equals_captum_and_a_finite_difference(model, images):
    wanted = Saliency(model).attribute(images.clone().requires_grad_(), TARGETS)
    assert torch.allclose(
        attribute(model, images, TARGETS, "gradient"), wanted.amax(dim=1).float(), atol=1e-7
    )
    found = attribute(model, images, TARGETS, "gradient", reduce="l2")
    assert torch.allclose(found, wanted.square().sum(dim=1).sqrt().float(), atol=1e-7)
    step = torch.zeros_like(images[:1])
    step[0, 1, 20, 20] = 1e-6
    change = (model(images[:1] + step) - model(images[:1] - step))[0, TARGETS[0]] / 2e-6
    assert input_gradient(model, images[:1], TARGETS[:1])[0, 1, 20, 20].item() == pytest.approx(
        change.item(), rel=1e-4, abs=1e-7
    )
    with pytest.raises(ValueError, match="'mean'.*max, l2"):
        attribute(model, images, TARGETS, "gradient", reduce="mean")


def test_the_mean_of_a_cam_plus_the_bias_is_the_logit(model, images):
    with torch.no_grad():
        features, logits = model.features(images), model(images)
    for target in range(3):
        cells = (features * model.head.weight[target][:, None, None]).sum(dim=1)
        assert torch.allclose(cells.mean(dim=(1, 2)) + model.head.bias[target], logits[:, target])
        enlarged = attribute(model, images, torch.full((4,), target), "cam")
        assert torch.allclose(
            enlarged,
            nn.functional.interpolate(cells[:, None], (48, 48), mode="bilinear")[:, 0].float(),
        )


def test_grad_cam_equals_captum_and_is_cam_by_a_constant(model, images):
    layer = model.features
    wanted = LayerGradCam(model, layer).attribute(images.clone(), TARGETS)
    height, width = wanted.shape[-2:]
    wanted = nn.functional.interpolate(wanted, (48, 48), mode="bilinear")[:, 0]
    found = attribute(model, images, TARGETS, "grad-cam")
    assert torch.allclose(found, wanted.float(), atol=1e-7)
    assert torch.allclose(
        found * height * width, attribute(model, images, TARGETS, "cam"), atol=1e-5
    )
    assert (attribute(model, images, TARGETS, "grad-cam", relu=True) >= 0).all()


def test_grad_cam_of_an_earlier_layer_equals_captum(model, images):
    """At a layer in the middle, whatever overwrites its output; the last feature map is the same by
    its name.
    """
    names = [name for name, _ in model.features.named_children()]
    for name in (names[len(names) // 2], names[-1]):
        wanted = LayerGradCam(model, model.features.get_submodule(name)).attribute(
            images.clone(), TARGETS
        )
        wanted = nn.functional.interpolate(wanted, (48, 48), mode="bilinear")[:, 0]
        found = attribute(model, images, TARGETS, "grad-cam", layer=f"features.{name}")
        assert torch.allclose(
            found, wanted.float(), atol=1e-7 * max(1, float(wanted.detach().abs().max()))
        )
    assert torch.allclose(found, attribute(model, images, TARGETS, "grad-cam"), atol=1e-7)


def test_grad_cam_refuses_a_layer_without_a_feature_map(images):
    model = network("resnet18").float()
    wrong = {
        "features.99": "has no layer 'features.99'",
        "head": "gives no feature map",
        "pool": "gives no feature map",
    }
    for layer, message in wrong.items():
        with pytest.raises(ValueError, match=message):
            attribute(model, images.float(), TARGETS, "grad-cam", layer=layer)
    assert not any(module._forward_hooks for module in model.modules())


def test_cam_refuses_a_network_it_is_not_defined_for(images):
    for name in ("vgg16_bn", "resnet18", "densenet121"):
        with pytest.raises(ValueError, match="average pool"):
            attribute(
                backbones.build(name, 3, width=0.125, pool="max"), images.float(), TARGETS, "cam"
            )
    with pytest.raises(ValueError, match="features, pool, flatten"):
        attribute(
            nn.Sequential(nn.Flatten(), nn.Linear(3 * 48 * 48, 3)).eval(),
            images.float(),
            TARGETS,
            "grad-cam",
        )


# --- null maps ---


def null_of(name, images, rows=slice(None), **more):
    """A null map with all that it may need."""
    return nulls(
        name,
        images[rows],
        model=network("vgg16"),
        prior=PRIOR,
        **({"targets": TARGETS[rows]} if name == "random-network" else {}),
        **more,
    )


PRIOR = torch.linspace(0, 1, 48 * 48).view(48, 48)


@pytest.mark.parametrize("name", NULLS)
def test_null_maps_keep_the_contract_and_depend_on_their_own_image_only(images, name):
    maps = null_of(name, images)
    assert maps.shape == (4, 48, 48) and maps.dtype == torch.float32 and torch.isfinite(maps).all()
    order = torch.tensor([3, 1, 0, 2])
    assert torch.allclose(
        null_of(name, images, order), maps[order], atol=1e-6 * float(maps.abs().max())
    )
    assert torch.allclose(
        null_of(name, images, slice(2, 3)), maps[2:3], atol=1e-6 * float(maps.abs().max())
    )
    assert nulls(name, images[:0]).shape == (0, 48, 48)


def test_a_prior_is_the_given_mask_for_all_or_for_each(images):
    each = torch.rand(4, 48, 48, generator=torch.Generator().manual_seed(0))
    assert torch.equal(nulls("prior", images, prior=each), each)
    assert torch.equal(nulls("prior", images, prior=each[0]), each[:1].expand(4, -1, -1))
    for wrong in (None, each[:2], each[:, :40]):
        with pytest.raises(ValueError, match="prior="):
            nulls("prior", images, prior=wrong)


@pytest.mark.parametrize("method", ["grad-cam", "lrp-epsilon"])
def test_a_random_network_is_the_method_on_weights_drawn_anew(images, method):
    # 96 pixels leave 3 x 3 cells before the head; of one cell every Grad-CAM is flat and only
    # rounding tells them apart.
    images = torch.nn.functional.interpolate(images, size=(96, 96), mode="bilinear")
    model = network("densenet121")
    before = snapshot(model)
    found = nulls("random-network", images, model=model, targets=TARGETS, method=method)
    assert snapshot(model)[1:] == before[1:] and all(
        torch.equal(before[0][key], value) for key, value in model.state_dict().items()
    )
    draws = [
        attribute(reinitialised(model, seed), images, TARGETS, method).double().abs()
        for seed in range(10)
    ]
    shares = torch.stack([maps / maps.mean(dim=(1, 2), keepdim=True) for maps in draws])
    torch.testing.assert_close(found, shares.mean(dim=0).float())
    assert (found >= 0).all() and (found > 0).flatten(1).any(dim=1).all()
    assert not torch.allclose(found, attribute(model, images, TARGETS, method))
    other = copy.deepcopy(model)
    for value in other.parameters():
        value.data += 1
    assert torch.equal(
        nulls("random-network", images, model=other, targets=TARGETS, method=method), found
    ), "nothing learned is left"
    assert not torch.equal(
        nulls("random-network", images, model=model, targets=TARGETS, method=method, seed=1), found
    )
    for lacking in ({"model": model}, {"targets": TARGETS}):
        with pytest.raises(ValueError, match="needs (targets|model)="):
            nulls("random-network", images, **lacking)


@pytest.mark.parametrize("networks", [0, 1, 9, 10.5, True])
def test_a_random_network_is_never_one_draw(images, networks):
    with pytest.raises(ValueError, match="mean over `networks`, 10 at least"):
        nulls("random-network", images, model=network("vgg16"), targets=TARGETS, networks=networks)


def test_random_networks_without_a_map_are_left_out(images, monkeypatch):
    """Networks count alike, whatever the size of their logits; one whose map is zero everywhere
    adds nothing.
    """
    made = iter([0.0, 1.0, -100.0, *[0.0] * 7])
    shape = torch.zeros(4, 48, 48)
    shape[:, 1, 2] = 1.0
    monkeypatch.setattr("regard.attribution.attribute", lambda *given, **more: shape * next(made))
    found = nulls("random-network", images, model=network("vgg16"), targets=TARGETS)
    torch.testing.assert_close(found, 0.2 * shape * 48 * 48)
    monkeypatch.setattr(
        "regard.attribution.attribute", lambda *given, **more: torch.zeros(4, 48, 48)
    )
    assert not nulls("random-network", images, model=network("vgg16"), targets=TARGETS).any()


def test_the_expected_positive_relevance_of_random_networks_is_half_the_absolute_one(images):
    """What the sign convention of `random-network` rests on: a head of the opposite weights gives
    the opposite map.
    """
    model = reinitialised(network("resnet18"))
    other = copy.deepcopy(model)
    other.head.weight.data.neg_()
    one, two = (attribute(each, images, TARGETS, "grad-cam") for each in (model, other))
    torch.testing.assert_close(one, -two)
    torch.testing.assert_close(one.clamp(min=0) + two.clamp(min=0), one.abs())


def test_a_random_network_refuses_what_it_cannot_draw():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Flatten())
    with pytest.raises(ValueError, match="GroupNorm has learned 'weight'"):
        reinitialised(model)


class Bare(nn.Module):
    """A network whose weights torch does not know as those of layers: buffers of its own."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", torch.randn(4, 3, 3, 3))
        self.register_buffer("dense", torch.randn(2, 4))

    def forward(self, x):
        return nn.functional.conv2d(x, self.kernel).relu().mean((2, 3)) @ self.dense.T


class Held(nn.Module):
    """A network that `holder` keeps where torch does not look."""

    def __init__(self, holder):
        super().__init__()
        self.first, self.kept = nn.Conv2d(3, 3, 1), holder

    def forward(self, x):
        kept = self.kept.values() if isinstance(self.kept, dict) else self.kept
        return next(iter(kept))(self.first(x))


def chain():
    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    return nn.Sequential(*layers).eval()


def normed(norm):
    model = chain()
    norm(model[0])
    return model.eval()


NOT_DRAWN = {
    "buffers": (Bare, r"no convolution or dense layer to draw anew \(it holds kernel, dense\)"),
    "list": (lambda: Held([chain()]), "kept of the model holds weights that are not registered"),
    "dictionary": (lambda: Held({"a": chain()}), "kept of the model holds weights that are not"),
    "deeper": (lambda: nn.Sequential(Held((chain(),))), "0.kept of the model holds weights"),
    "spectral norm": (lambda: normed(nn.utils.spectral_norm), r"has learned 'weight_orig' \(0\)"),
    "weight norm": (lambda: normed(nn.utils.weight_norm), "remove_weight_norm on that layer"),
    "parametrised": (
        lambda: normed(nn.utils.parametrizations.weight_norm),
        "has learned 'original0'",
    ),
    "TorchScript": (lambda: torch.jit.script(chain()), "explain the network that it was made from"),
}


@pytest.mark.filterwarnings("ignore")  # torch's, of what it will leave out
@pytest.mark.parametrize("kind", NOT_DRAWN)
def test_a_random_network_is_never_the_network_itself(images, kind):
    """What is not drawn anew is named: the null map would be the network's own, in silence."""
    made, message = NOT_DRAWN[kind]
    with pytest.raises(ValueError, match=message):
        nulls("random-network", images, model=made().eval(), targets=TARGETS, method="gradient")


def test_constants_beside_layers_that_are_drawn_are_kept(images):
    """Such as a mean colour in a buffer; what is registered may stand in a list as well."""
    model = chain()
    model.register_buffer("mean", torch.rand(3, 1, 1))
    model.layers = list(model)
    assert torch.equal(reinitialised(model).mean, model.mean)
    assert not torch.equal(reinitialised(model)[0].weight, model[0].weight)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_random_network_s_outputs_are_neither_lost_nor_boundless(images, name):
    with torch.no_grad():
        spread = reinitialised(network(name))(images).abs().max().item()
    assert 1e-4 < spread < 1e8


def test_edges_of_haematoxylin_see_what_eosin_hides():
    """A step in haematoxylin alone and one in eosin alone, made from the stains' own colours."""
    from skimage.color import hed2rgb

    stains = np.full((1, 48, 48, 3), 0.05)
    stains[..., 2] = 0
    stains[:, :24, 24:, 0] = 0.15
    stains[:, 24:, 24:, 1] = 0.15
    mean, std = np.array(preprocessing.MEAN), np.array(preprocessing.STD)
    image = torch.from_numpy((hed2rgb(stains) - mean) / std).permute(0, 3, 1, 2)
    found = nulls("edges", image, channel="haematoxylin")[0]
    assert found[4:20, 23:25].min() > 20 * found[28:44, 23:25].max()
    with pytest.raises(ValueError, match="'blue'.*mean, haematoxylin"):
        nulls("edges", image, channel="blue")


def test_null_maps_are_what_they_say(images):
    assert (nulls("ones", images) == 1).all()
    centre = nulls("centre", images)[0]
    assert centre.argmax() in (23 * 48 + 23, 23 * 48 + 24, 24 * 48 + 23, 24 * 48 + 24)
    assert torch.allclose(centre, centre.flip(0)) and torch.allclose(centre, centre.T)
    step = torch.zeros(1, 3, 48, 48)
    step[..., 24:] = 1
    assert set((nulls("edges", step)[0] > 0).nonzero()[:, 1].tolist()) == {23, 24}
    assert not torch.equal(nulls("random", images)[0], nulls("random", images)[1])
    with pytest.raises(ValueError, match="unknown null map 'noise'"):
        nulls("noise", images)


def test_random_maps_have_their_maximum_anywhere():
    """The border band of a tenth on each side takes 36 % of the area, and as many of the maxima."""
    images = torch.randn(300, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    found = points(nulls("random", images))
    border = ((found < 4) | (found >= 36)).any(dim=1).double().mean().item()
    assert border == pytest.approx(0.36, abs=3.5 * (0.36 * 0.64 / 300) ** 0.5)
