"""Neither batch, order, layout nor precision changes a map by more than rounding."""

import numpy as np
import pytest
import torch
from heat_maps import ALL, maps_of
from networks import BACKBONES, TARGETS, network
from torch import nn

from regard.attribution import PERTURBATION


@pytest.fixture(scope="module", params=BACKBONES)
def model(request):
    return network(request.param)


@pytest.fixture(scope="module")
def images():
    return torch.randn(
        4, 3, 48, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


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
