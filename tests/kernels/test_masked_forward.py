"""Windows hidden and computed locally: the logits of whole forward passes, for every backbone and
every place of a window.
"""

import pytest
import torch
from networks import BACKBONES, network
from torch import nn

from regard.kernels import masked_forward
from regard.kernels.evaluator import evaluator, whole_logits
from regard.kernels.masked_forward import Chain, chains, masked_logits, windowed_logits

COVERED = {
    "vgg16": 5,
    "vgg16_bn": 5,
    "vgg19": 5,
    "vgg19_bn": 5,
    "resnet18": 1,
    "resnet50": 1,
    "resnet152": 1,
    "densenet121": 1,
}


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("size", [(96, 96), (64, 128), (90, 75)])
def test_logits_are_those_of_whole_passes(name, size):
    """Windows in corners, at borders and inside, of several shapes, on images that a chain fits and
    on one it does not.
    """
    quick = evaluator(network(name))
    image = torch.randn(3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    height, width = size
    places = [slice(0, 7), slice(3, 12), slice(30, 39), slice(51, 60)]
    windows = [(down, across) for down in places for across in places]
    windows += [
        (slice(height - 9, height), slice(width - 5, width)),
        (slice(height - 1, height), slice(0, 1)),
    ]
    found = windowed_logits(quick, image, windows, 0.5, 1, chunk=4)
    for (down, across), logit in zip(windows, found):
        hidden = image.clone()
        hidden[:, down, across] = 0.5
        assert torch.allclose(quick(hidden[None])[0, 1], logit, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 3, 5])
def test_images_are_left_alone_whatever_their_layout(chunk):
    """A single channels_last image is already as the network takes it, so nothing would be copied
    unasked.
    """
    quick = evaluator(network("vgg16").float())
    image = torch.randn(1, 3, 64, 64).contiguous(memory_format=torch.channels_last)[0]
    before, windows = (
        image.clone(),
        [(slice(at, at + 8), slice(at, at + 8)) for at in range(0, 56, 8)],
    )
    found = windowed_logits(quick, image, windows, 0.0, 1, chunk)
    assert torch.equal(image, before)
    for (down, across), logit in zip(windows, found):
        hidden = image.clone()
        hidden[:, down, across] = 0
        assert quick(hidden[None])[0, 1].item() == pytest.approx(logit.item(), rel=1e-4, abs=1e-5)


def test_a_module_that_is_used_twice_is_met_twice():
    relu, generator = nn.ReLU(), torch.Generator().manual_seed(0)
    features = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        relu,
        nn.Conv2d(4, 4, 3, padding=1),
        relu,
        nn.BatchNorm2d(4),
        nn.MaxPool2d(2),
    )
    model = nn.Sequential()
    for name, part in (
        ("features", features),
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("head", nn.Linear(4, 2)),
    ):
        model.add_module(name, part)
    features[4].running_mean.normal_(generator=generator)
    model = model.double().eval()
    image = torch.randn(1, 3, 64, 64, generator=generator, dtype=torch.float64)
    assert torch.allclose(evaluator(model)(image), model(image), rtol=1e-9) and not relu.inplace
    assert [chain.count for chain in chains(features)] == [6]
    found = windowed_logits(evaluator(model), image[0], [(slice(0, 4), slice(8, 12))], 0.0, 1)
    image[..., :4, 8:12] = 0
    assert torch.allclose(found, model(image)[:, 1])


def test_only_networks_of_the_known_four_parts_are_cut():
    model = nn.Sequential()
    for name, part in (
        ("features", nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2))),
        ("neck", nn.Tanh()),
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("head", nn.Linear(4, 2)),
    ):
        model.add_module(name, part)
    model, image = model.double().eval(), torch.randn(3, 64, 64, dtype=torch.float64)
    found = windowed_logits(evaluator(model), image, [(slice(0, 4), slice(0, 4))], 0.0, 1)
    image[:, :4, :4] = 0
    assert torch.allclose(found, model(image[None])[:, 1])


@pytest.mark.parametrize("name", BACKBONES)
def test_how_far_outputs_look_is_what_gradients_say(name):
    """Of every chain: the pixels that an output in the middle depends on lie where the chain
    says.
    """
    features = evaluator(network(name)).features
    assert len(chains(features)) >= COVERED.get(name, 0) - 1
    for chain in chains(features)[:3]:
        size = 8 * chain.stride * 4
        beginning = nn.Sequential(
            *[
                nn.AvgPool2d(m.kernel_size, m.stride, m.padding)
                if isinstance(m, nn.MaxPool2d)
                else nn.Identity()
                if isinstance(m, nn.ReLU)
                else m
                for m in features[: chain.count]
            ]
        )
        image = torch.randn(1, 3, size, size, dtype=torch.float64, requires_grad=True)
        middle = size // chain.stride // 2
        (gradient,) = torch.autograd.grad(beginning(image)[0, :, middle, middle].sum(), image)
        seen = gradient[0].abs().sum(dim=(0, 1)).nonzero().flatten()
        assert seen.min() == chain.stride * middle - chain.before
        assert seen.max() == chain.stride * middle - chain.before + chain.reach - 1


def test_a_crop_is_as_wide_as_its_outputs_look():
    chain = Chain(count=5, stride=4, reach=16, before=6)
    for start in range(0, 100):
        first, last = chain.outputs(slice(start, start + 9), 1000)
        pixels = range(4 * first - 6, 4 * (last - 1) - 6 + 16)
        assert len(pixels) + 3 <= chain.side(9)
        looks = [
            output
            for output in range(60)
            if 4 * output - 6 < start + 9 and 4 * output - 6 + 16 > start
        ]
        assert (first, last) == (looks[0], looks[-1] + 1)


def test_what_is_not_a_known_chain_is_computed_whole():
    model = (
        nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 14 * 14, 2)).double().eval()
    )
    image = torch.randn(3, 16, 16, dtype=torch.float64)
    found = windowed_logits(model, image, [(slice(0, 4), slice(0, 4))], 0.0, 0)
    image[:, :4, :4] = 0
    assert torch.allclose(found, model(image[None])[:, 0])
    assert chains(nn.Sequential(nn.Conv2d(3, 2, 3, padding_mode="reflect"), nn.MaxPool2d(2))) == []
    assert chains(nn.Sequential(nn.Conv2d(3, 2, 3, padding="same"), nn.MaxPool2d(2))) == []
    assert (
        chains(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True))) == []
        and chains(nn.Sequential(nn.Tanh())) == []
    )


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("size", [(96, 96), (64, 128), (90, 75)])
def test_masked_logits_are_those_of_whole_passes(name, size, monkeypatch):
    """Crooked segments, and more masks than ways to show a tile, so that tiles are shared."""
    generator = torch.Generator().manual_seed(0)
    quick = evaluator(network(name))
    image, baseline = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
    segments = (rows + columns // 7) // 30 * 4 + (columns + rows // 5) // 40
    segments = segments.unique(return_inverse=True)[1]
    masks = torch.rand(60, int(segments.max()) + 1, generator=generator) > 0.5
    wanted = whole_logits(quick, image, baseline, segments, masks, 1, chunk=16)
    monkeypatch.setattr(
        masked_forward, "WORTH", 10.0
    )  # whatever it costs here, the longest chain that fits
    assert torch.allclose(
        masked_logits(quick, image, baseline, segments, masks, 1, chunk=16), wanted, rtol=1e-9
    )
    monkeypatch.undo()
    assert torch.allclose(
        masked_logits(quick, image, baseline, segments, masks, 1, chunk=7), wanted, rtol=1e-9
    )


def test_tiles_are_shared_between_masks(monkeypatch):
    """A thousand masks over four quarters: the first layers see each corner twice, a middle sixteen
    times at most.
    """
    seen, model = [], network("vgg16")
    quick = evaluator(model)
    quick.features[0].register_forward_pre_hook(
        lambda module, given: seen.append(given[0][:, 0].numel())
    )
    half = (torch.arange(96) >= 48).long()
    segments = half[:, None] * 2 + half[None]
    masks = torch.rand(1000, 4, generator=torch.Generator().manual_seed(0)) > 0.5
    image, baseline = torch.randn(2, 3, 96, 96, dtype=torch.float64)
    masked_logits(quick, image, baseline, segments, masks, 0, chunk=50)
    assert sum(seen) <= 0.1 * 1000 * 96 * 96


def test_what_is_kept_of_tiles_is_bounded_by_the_chunk(monkeypatch):
    """Many ways to show every tile: with small chunks none may be kept, with large ones all."""
    quick = evaluator(network("vgg16"))
    segments = torch.arange(96 * 96).view(96, 96) // 8 % 40
    masks = torch.rand(300, 40, generator=torch.Generator().manual_seed(0)) > 0.5
    monkeypatch.setattr(masked_forward, "WORTH", 1000.0)
    assert masked_forward._tiles(chains(quick.features)[0], segments, masks, chunk=1) is None
    assert masked_forward._tiles(chains(quick.features)[0], segments, masks, chunk=1000) is not None
