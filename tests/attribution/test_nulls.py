"""Null maps: what they are, and that nothing learned is left in a random network."""

import copy

import numpy as np
import pytest
import torch
from heat_maps import snapshot
from networks import BACKBONES, TARGETS, network
from torch import nn

from regard.attribution import NULLS, attribute, nulls
from regard.attribution.nulls import reinitialised
from regard.evaluation.scores import points
from regard.models import preprocessing


@pytest.fixture(scope="module")
def images():
    return torch.randn(
        4, 3, 48, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


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
