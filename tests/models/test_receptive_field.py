"""An impulse in the image lands where the map of a layer, enlarged, has its maximum."""

import pytest
import torch
from torch import nn

from regard.models import backbones, receptive_field

NARROW = {name: 1.0 if name.startswith("squeezenet") else 0.0625 for name in backbones.BACKBONES}


@pytest.mark.parametrize(
    "name, stride, first",
    [
        ("vgg16", 16, 7.5),
        ("vgg19_bn", 16, 7.5),
        ("resnet18", 32, 0),
        ("resnet50", 32, 0),
        ("densenet121", 32, 14),
        ("squeezenet1_0", 16, 17),
    ],
)
def test_fields_by_hand(name, stride, first):
    """A convolution of stride 2 is centred on every second pixel if it is padded by half its
    kernel; a pool of two by two half a pixel on; SqueezeNet's first convolution is not padded at
    all."""
    found = receptive_field.field(backbones.build(name, 2, width=NARROW[name]), "features", 224)
    assert found == pytest.approx((stride, first))


def test_an_earlier_layer_has_its_own_field():
    model = backbones.build("vgg16_bn", 2, width=0.0625)
    assert receptive_field.field(model, "features.32", 128) == pytest.approx((8, 3.5))
    assert receptive_field.field(model, "features.0", 128) == pytest.approx((1, 0))


@pytest.mark.parametrize("name", list(backbones.BACKBONES))
def test_an_impulse_lands_where_it_was(name):
    """Through the network as it is, of positive weights: the map of the difference that one bright
    pixel makes, enlarged, is largest within half a cell of that pixel. Enlarged by its corners,
    that of a ResNet is half a cell off."""
    model = backbones.build(name, 2, width=NARROW[name])
    size, place = 224, (96, 128)
    field = receptive_field.field(model, "features", size)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    dark = torch.zeros(1, 3, size, size, dtype=torch.float64)
    bright = dark.clone()
    bright[0, :, place[0], place[1]] = 1e6
    model = model.double()
    with torch.no_grad():
        maps = (model.features(bright) - model.features(dark)).abs().sum(dim=1, keepdim=True)
    found = receptive_field.enlarge(maps, size, field)[0, 0]
    peak = (found >= found.max() * (1 - 1e-9)).nonzero().double().mean(dim=0)
    assert (peak - torch.tensor(place)).abs().max() <= field.stride / 2 + 1


def test_enlarging_a_ramp_gives_the_ramp():
    """Linear between the centres, whatever stride and first centre; constant beyond them."""
    field = receptive_field.Field(stride=8.0, first=3.0)
    ramp = torch.arange(6.0).view(1, 1, 6, 1).expand(1, 1, 6, 6)
    found = receptive_field.enlarge(ramp, 48, field)[0, 0]
    wanted = ((torch.arange(48) - 3) / 8).clamp(0, 5)
    torch.testing.assert_close(found, wanted[:, None].expand(48, 48), atol=1e-5, rtol=0)


def test_what_has_no_field_is_refused():
    model = backbones.build("resnet18", 2, width=0.0625)
    with pytest.raises(ValueError, match="no layer 'nowhere'"):
        receptive_field.field(model, "nowhere", 64)
    with pytest.raises(ValueError, match="no map of two by two"):
        receptive_field.field(model, "head", 64)
    with pytest.raises(ValueError, match="no map of two by two"):
        receptive_field.field(model, "features", 32)
