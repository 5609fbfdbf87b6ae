"""What every heat map is, and what is refused."""

import pytest
import torch
from heat_maps import ALL, maps_of
from networks import BACKBONES, TARGETS, network

from regard.attribution import attribute, nulls


@pytest.fixture(scope="module", params=BACKBONES)
def model(request):
    return network(request.param)


@pytest.fixture(scope="module")
def images():
    return torch.randn(
        4, 3, 48, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


@pytest.mark.parametrize("method", ALL)
def test_maps_keep_the_contract(model, images, method):
    maps = maps_of(model, images, TARGETS, method)
    assert maps.shape == (4, 48, 48) and maps.dtype == torch.float32 and not maps.requires_grad
    assert torch.isfinite(maps).all() and (maps != 0).any()


@pytest.mark.parametrize("method", ALL)
def test_the_target_matters(model, images, method):
    assert not torch.allclose(
        maps_of(model, images, TARGETS, method), maps_of(model, images, (TARGETS + 1) % 3, method)
    )


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
