"""What every method refuses in one sentence, and what every method takes: outputs, types, places
where gradients are off.
"""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from regard.attribution import METHODS, attribute
from regard.models import backbones

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
QUICK = {
    "integrated-gradients": {"steps": 2},
    "occlusion": {"window": 0.5, "stride": 0.5},
    "lime": {"evaluations": 20},
    "shap": {"evaluations": 20},
}


def network():
    return backbones.build("vgg16", 2, width=0.0625, seed=3)


class Wrapped(nn.Module):
    """A network whose output is changed by `change`."""

    def __init__(self, change):
        super().__init__()
        self.inner, self.change = network(), change

    def forward(self, x):
        return self.change(self.inner(x), x)


class Output(OrderedDict):
    """As HuggingFace's models give it."""

    @property
    def logits(self):
        return self["logits"]


OUTPUTS = {
    "tuple": (lambda y, x: (y, x), "gives a tuple, not logits"),
    "list": (lambda y, x: [y], "gives a list"),
    "dict": (lambda y, x: {"out": y, "aux": x}, "gives a dict with out, aux"),
    "ModelOutput": (
        lambda y, x: Output(logits=y),
        r"gives a Output with logits.*model\(x\)\.logits",
    ),
    "(N,)": (lambda y, x: y[:, 0], r"gives \(N\) for images.*model\(x\)\[:, None\]"),
    "scalar": (lambda y, x: y.sum(), r"gives \(\) for images"),
    "segmentation": (
        lambda y, x: y[:, :, None, None] * x[:, :1],
        r"gives \(N, 2, 32, 32\).*one logit per class in place",
    ),
    "tokens": (lambda y, x: y[:, :, None].expand(-1, -1, 5), r"gives \(N, 2, 5\)"),
    "called classes": (lambda y, x: (y > 0).long(), "gives int64, not logits"),
    "fails": (lambda y, x: y @ torch.ones(7, 7), "RuntimeError"),
    "no tensor": (lambda y, x: None, "gives a NoneType"),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", OUTPUTS)
def test_what_is_no_logit_per_class_is_refused_by_every_method(method, kind):
    change, message = OUTPUTS[kind]
    with pytest.raises(ValueError, match=message):
        attribute(Wrapped(change).eval(), IMAGES, [0, 1], method, **QUICK.get(method, {}))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_by_every_method(method, kind):
    with pytest.raises(
        ValueError, match=r"of the model is (b?float16), in which a gradient is mostly rounding"
    ):
        attribute(network().to(kind), IMAGES.to(kind), [0, 1], method)
    with pytest.raises(ValueError, match="is float32 and the images are b?float16"):
        attribute(network(), IMAGES.to(kind), [0, 1], method)


@pytest.mark.parametrize("method", METHODS)
def test_types_that_differ_are_refused_by_every_method(method):
    with pytest.raises(
        ValueError, match=r"features\.0\.weight of the model is float64 and the images are float32"
    ):
        attribute(network().double(), IMAGES, [0, 1], method)


@pytest.mark.parametrize("method", METHODS)
def test_double_precision_gives_the_same_maps(method):
    """But for LIME and SHAP, whose masks hang on the last bits of what is drawn from."""
    more = QUICK.get(method, {})
    single = attribute(network(), IMAGES, [0, 1], method, **more)
    double = attribute(network().double(), IMAGES.double(), [0, 1], method, **more)
    assert double.dtype == torch.float32 and torch.isfinite(double).all()
    scale = single.abs().max()
    torch.testing.assert_close(double / scale, single / scale, atol=1e-2, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_that_are_switched_off_make_no_difference(method):
    more = QUICK.get(method, {})
    wanted = attribute(network(), IMAGES, [0, 1], method, **more)
    with torch.inference_mode():
        made_there = attribute(network(), IMAGES * 1, [0, 1], method, **more)
    model = network()
    with torch.inference_mode():
        given_there = attribute(model, IMAGES, torch.tensor([0, 1]), method, **more)
    for found in (made_there, given_there):
        torch.testing.assert_close(found, wanted)
        found.requires_grad_(True)  # a map made there can be used anywhere


@pytest.mark.parametrize("method", ["gradient", "grad-cam", "lrp-epsilon", "integrated-gradients"])
def test_a_network_that_lets_no_gradient_through_is_refused(method):
    class Cut(nn.Sequential):
        def forward(self, x):
            with torch.no_grad():
                return super().forward(x)

    model = Cut(OrderedDict(network().named_children())).eval()
    if method == "grad-cam":
        model.features.register_forward_hook(lambda module, given, output: output.detach())
        pytest.skip("grad-cam asks pool and head by themselves, which have gradients")
    with pytest.raises(ValueError, match="of this model cannot be run"):
        attribute(model, IMAGES, [0, 1], method)


@pytest.mark.parametrize(
    "method",
    [name for name in METHODS if name not in ("gradient", "lrp-alpha2beta1", "lrp-composite")],
)
def test_the_two_maps_of_one_logit_are_each_other_s_negative(method, tmp_path):
    """A sigmoid's logit z, read as (-z/2, z/2): for every method that is linear in the logit."""
    one = backbones.build("vgg16", 1, width=0.0625, seed=5)
    torch.save(one.state_dict(), tmp_path / "one.pth")
    model = backbones.build("vgg16", 2, tmp_path / "one.pth", width=0.0625, whole=True)
    more = QUICK.get(method, {})
    first, second = (attribute(model, IMAGES, [target] * 2, method, **more) for target in (0, 1))
    whole = attribute(one, IMAGES, [0, 0], method, **more)
    assert (second != 0).flatten(1).any(dim=1).all()
    scale = second.abs().max()
    torch.testing.assert_close(first / scale, -second / scale, atol=1e-4, rtol=0)
    torch.testing.assert_close(2 * second / scale, whole / scale, atol=1e-3, rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_logit_that_is_not_finite_is_refused_by_every_method(method, value):
    """Although weights, images and the gradient are finite."""
    model = Wrapped(lambda y, x: y + value).eval()
    with pytest.raises(ValueError, match=f"gives {value} as logit 1 of image 0, whose values and"):
        attribute(model, IMAGES, [1, 1], method, **QUICK.get(method, {}))


LATER = ["gradient", "gradient-x-input", "integrated-gradients", "occlusion", "lime", "shap"]


@pytest.mark.parametrize("method", LATER)
def test_a_logit_of_a_later_image_that_is_not_finite_is_refused(method):
    first = IMAGES[0, 0, -1, -1]

    def broken(y, x):
        return y + torch.where(x[:, 0, -1, -1] == first, 0.0, torch.nan)[:, None]

    with pytest.raises(ValueError, match=f"{method} gave NaN or infinite values for images .*1]"):
        attribute(Wrapped(broken).eval(), IMAGES, [1, 1], method, **QUICK.get(method, {}))


class Sequence(nn.Sequential):
    """The layers of a network one after the other, and then `change`."""

    def forward(self, x):
        return self.change(super().forward(x), x)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["(N,)", "dict", "segmentation"])
def test_a_sequence_of_layers_is_taken_for_what_it_gives(method, kind):
    change, message = OUTPUTS[kind]
    model = Sequence(OrderedDict(network().named_children())).eval()
    model.change = change
    hooked = network()
    hooked.register_forward_hook(lambda module, given, output: change(output, given[0]))
    of_parts = network()
    of_parts.head.register_forward_hook(lambda module, given, output: change(output, given[0]))
    for one in (model, hooked) if kind == "segmentation" else (model, hooked, of_parts):
        with pytest.raises(ValueError, match=message):
            attribute(one, IMAGES, [0, 1], method, **QUICK.get(method, {}))
    with pytest.raises(ValueError, match=r"gives \(N, 4, 32, 2\)"):
        per_row = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Linear(32, 2)).eval()
        attribute(per_row, IMAGES, [0, 1], method)


def plain():
    torch.manual_seed(1)
    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    return nn.Sequential(*layers).eval()


@pytest.mark.parametrize("method", METHODS)
def test_what_torch_compile_made_is_the_network_inside(method):
    more, model = QUICK.get(method, {}), network()
    wanted = attribute(model, IMAGES, [0, 1], method, **more)
    made = torch.compile(model, backend="eager")
    assert torch.equal(attribute(made, IMAGES, [0, 1], method, **more), wanted)
    model.compile(backend="eager")
    assert torch.equal(attribute(model, IMAGES, [0, 1], method, **more), wanted)
    assert model._compiled_call_impl is not None  # it is left as it was


@pytest.mark.filterwarnings("ignore")  # torch's, that both will go
@pytest.mark.parametrize("method", METHODS)
def test_torchscript_and_quantised_networks_are_refused_by_every_method(method):
    script = torch.jit.script(plain())
    inside = nn.Sequential(script).eval()
    for model in (torch.jit.trace(plain(), IMAGES), script, torch.jit.freeze(script), inside):
        with pytest.raises(ValueError, match="is TorchScript.*explain the network that it was"):
            attribute(model, IMAGES, [0, 1], method)
    model = torch.ao.quantization.quantize_dynamic(plain(), {nn.Linear}, dtype=torch.qint8)
    with pytest.raises(ValueError, match="4 is quantised.*explain the network that it was made"):
        attribute(model, IMAGES, [0, 1], method)


@pytest.mark.parametrize("method", ["gradient", "occlusion", "lime", "shap"])
def test_a_network_whose_weights_are_not_registered_is_explained(method):
    class Held(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = [inner]

        def forward(self, x):
            return self.inner[0](x)

    inner, more = plain(), QUICK.get(method, {})
    models = Held(inner).eval(), inner
    found, wanted = (attribute(model, IMAGES, [0, 1], method, **more) for model in models)
    scale = wanted.abs().max()
    torch.testing.assert_close(found / scale, wanted / scale, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"batch": "4"}, "batch must be a number of images, at least 1, not '4'"),
        ({"batch": 1.5}, "not 1.5"),
        ({"batch": True}, "not True"),
        ({"memory": "1"}, "memory must be a positive number of gigabytes, not '1'"),
        ({"memory": float("inf")}, "not inf"),
        ({"targets": [None, None]}, r"need as many integer targets, not \[None, None\]"),
        ({"targets": None}, "need as many integer targets, not None"),
        ({"targets": [1j, 0]}, "need as many integer targets, not torch.complex64"),
    ],
)
def test_what_is_no_number_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        attribute(plain(), IMAGES, **{"targets": [0, 1], "method": "gradient"} | given)


def test_targets_of_every_integer_type_are_taken():
    wanted = attribute(plain(), IMAGES, [0, 1], "gradient-x-input")
    for kind in (torch.uint8, torch.uint16, torch.int8, torch.int32):
        targets = torch.tensor([0, 1], dtype=kind)
        assert torch.equal(attribute(plain(), IMAGES, targets, "gradient-x-input"), wanted)


@pytest.mark.parametrize("method", ["gradient", "gradient-x-input", "integrated-gradients", "shap"])
def test_a_cut_gradient_is_named(method):
    more = {"algorithm": "gradient", "evaluations": 20} if method == "shap" else {}
    with pytest.raises(ValueError, match="no gradient gets from the logits to the images; leave"):
        attribute(Wrapped(lambda y, x: y.detach()).eval(), IMAGES, [0, 1], method, **more)


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_draws_random_numbers_is_refused_by_every_method(method):
    model = Wrapped(lambda y, x: nn.functional.dropout(y, 0.5)).eval()
    with pytest.raises(ValueError, match="draws random numbers in eval mode, so that a map would"):
        attribute(model, IMAGES, [0, 1], method, **QUICK.get(method, {}))


@pytest.mark.parametrize("layer", [0, [], {}, None, False])
def test_a_layer_that_is_no_name_is_refused(layer):
    with pytest.raises(ValueError, match="layer must be the name of a module"):
        attribute(network(), IMAGES, [0, 1], "grad-cam", layer=layer)
