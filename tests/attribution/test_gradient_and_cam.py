"""Gradient, CAM and Grad-CAM: captum, finite differences and identities."""

import pytest
import torch
from captum.attr import LayerGradCam, Saliency
from networks import BACKBONES, TARGETS, network
from torch import nn

from regard.attribution import attribute
from regard.attribution.gradient import input_gradient
from regard.models import backbones


@pytest.fixture(scope="module", params=BACKBONES)
def model(request):
    return network(request.param)


@pytest.fixture(scope="module")
def images():
    return torch.randn(
        4, 3, 48, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


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
