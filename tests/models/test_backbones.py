"""Backbones: built, loaded, saved and read back as stated; weights that do not fit are refused by
name.
"""

import re
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from weight_files import other_network, other_width, save, shaken

from regard.models import backbones, preprocessing


@pytest.fixture
def images():
    return torch.randint(
        0, 256, (3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_every_backbone_gives_logits_and_can_be_explained(name, images):
    """Each ReLU is used once and not in place, so that what a hook sees there is one layer's."""
    model = backbones.build(name, 3, width=1.0 if name.startswith("squeeze") else 0.125)
    used = {part: 0 for part, module in model.named_modules() if isinstance(module, nn.ReLU)}

    def count(part):
        return lambda *_: used.update({part: used[part] + 1})

    for part in used:
        model.get_submodule(part).register_forward_hook(count(part))
    with torch.no_grad():
        features = model.features(backbones.inputs(images))
    assert set(used.values()) == {1} and (features >= 0).all()
    assert model(backbones.inputs(images)).shape == (3, 3) and not model.training
    assert not any(getattr(module, "inplace", False) for module in model.modules())
    assert [part for part, _ in model.named_children()] == ["features", "pool", "flatten", "head"]


CHANNELS = {
    "vgg16_bn": 512,
    "resnet18": 512,
    "resnet50": 2048,
    "resnet152": 2048,
    "densenet121": 1024,
}


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("pool", backbones.POOLS)
def test_width_scales_the_channels_and_the_pool_is_global(name, pool, images):
    model = backbones.build(name, 2, width=0.25, pool=pool)
    with torch.no_grad():
        features = model.features(backbones.inputs(images))
        pooled = model.flatten(model.pool(features))
    assert features.shape[1] == CHANNELS[name] / 4 == model.head.in_features
    wanted = features.mean(dim=(2, 3)) if pool == "avg" else features.amax(dim=(2, 3))
    assert torch.allclose(pooled, wanted)


def torchvision_features(name: str, original: nn.Module, inputs):
    if name.startswith("resnet"):
        for part in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            inputs = getattr(original, part)(inputs)
        return inputs
    if name.startswith("densenet"):
        return original.features(inputs).relu()
    return (original.features[:-1] if name.startswith("vgg") else original.features)(inputs)


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_at_width_1_the_features_are_torchvisions(name, images, monkeypatch):
    """With the same weights, brought in as ImageNet's are; a network that ends in one linear layer
    also as a whole.
    """
    original = shaken(name)
    monkeypatch.setattr(
        backbones, "_imagenet", lambda asked: original.state_dict() if asked == name else None
    )
    whole = name.startswith(("resnet", "densenet"))
    model = backbones.build(name, 1000 if whole else 2, "imagenet", whole=whole).double()
    original, inputs = original.double(), backbones.inputs(images[:2]).double()
    with torch.no_grad():
        wanted = torchvision_features(name, original, inputs)
        rounding = 1e-12 * float(wanted.abs().max())
        assert wanted.std() > 0 and torch.allclose(
            model.features(inputs), wanted, rtol=1e-12, atol=rounding
        )
        if whole:
            assert torch.allclose(model(inputs), original(inputs), rtol=1e-10, atol=1e-12)


def test_old_torchvision_files_fit(tmp_path, images):
    """Those of before 2018 lack num_batches_tracked, and DenseNet's say norm.1 for norm1."""
    model = backbones.build("densenet121", 2, width=0.125, seed=4)
    state = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))", r"\1.", key): value
        for key, value in model.state_dict().items()
        if "num_batches_tracked" not in key
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    torch.save(state, tmp_path / "old.pth")
    again = backbones.build("densenet121", 2, tmp_path / "old.pth", width=0.125)
    assert backbones.digest(again.features) == backbones.digest(model.features)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of torchvision's weights, and no network."""

    def unreachable(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.mark.parametrize("damaged", [False, True])
def test_imagenet_weights_that_cannot_be_had_are_one_sentence(hub, damaged):
    if damaged:
        (hub / "squeezenet1_0-b66bff10.pth").write_text("weights")
    with pytest.raises(
        OSError, match="ImageNet weights of squeezenet1_0 can neither.*put the file there"
    ) as caught:
        backbones.build("squeezenet1_0", 2, "imagenet")
    assert "\n" not in str(caught.value) and str(hub / "squeezenet1_0-b66bff10.pth") in str(
        caught.value
    )


def test_imagenet_weights_are_taken_from_the_cache_without_running_code(hub, tmp_path):
    state = models.squeezenet1_0().state_dict()
    torch.save(state, hub / "squeezenet1_0-b66bff10.pth")
    model = backbones.build("squeezenet1_0", 2, "imagenet")
    assert torch.equal(model.features[0].weight, state["features.0.weight"])
    torch.save({"features.0.weight": Trap(tmp_path / "sprung")}, hub / "squeezenet1_0-b66bff10.pth")
    with pytest.raises(OSError, match="can neither"):
        backbones.build("squeezenet1_0", 2, "imagenet")
    assert not (tmp_path / "sprung").exists()


def test_all_imagenet_weights_have_the_name_that_is_asked_for():
    for name in backbones.BACKBONES:
        assert models.get_model_weights(name).IMAGENET1K_V1.url


def test_the_same_seed_gives_the_same_network_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    digests = [
        backbones.digest(backbones.build("vgg19_bn", 2, width=0.125, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert digests[0] == digests[1] != digests[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_torchvision_weights_of_a_squeezenet_fit(tmp_path, images):
    """Its features are loaded, its ReLU head is replaced."""
    original = models.squeezenet1_0().eval()
    torch.save(original.state_dict(), tmp_path / "squeezenet.pth")
    model = backbones.build("squeezenet1_0", 2, tmp_path / "squeezenet.pth")
    inputs = backbones.inputs(images)
    assert torch.allclose(model.features(inputs), original.features(inputs), atol=1e-6)
    assert [type(module).__name__ for module in model] == [
        "Sequential",
        "AdaptiveAvgPool2d",
        "Flatten",
        "Linear",
    ]


def test_real_imagenet_weights_fit(root):
    path = root.parent / "shared/real/weights/squeezenet1_0-imagenet.pth"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside the project")
    state = torch.load(path, weights_only=True)
    model = backbones.build("squeezenet1_0", 2, path)
    assert torch.equal(model.features[0].weight, state["features.0.weight"])


def test_vgg_drops_its_last_pool_and_the_dense_layers_of_a_file(tmp_path):
    state = backbones.build("vgg19_bn", 2, width=0.125, seed=3).features.state_dict()
    file = {f"features.{key}": value for key, value in state.items()} | {
        "classifier.0.weight": torch.zeros(4096, 3)
    }
    save_file(file, tmp_path / "vgg.safetensors")
    model = backbones.build("vgg19_bn", 2, tmp_path / "vgg.safetensors", width=0.125)
    assert torch.equal(model.features[49].weight, state["49.weight"])
    assert model.features(torch.zeros(1, 3, 160, 160)).shape[-2:] == (10, 10)


UNFIT = {
    "other width": (other_width, ValueError, "features.0.weight is"),
    "other network": (other_network, ValueError, "do not fit|lack"),
    "text": (lambda path: path.write_text("weights"), ValueError, "cannot be read"),
    "missing": (lambda path: None, FileNotFoundError, "no weights file"),
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("kind", UNFIT)
def test_weights_that_do_not_fit_are_refused_in_one_sentence(tmp_path, kind, suffix):
    damage, error, message = UNFIT[kind]
    path = tmp_path / f"weights{suffix}"
    damage(path)
    with pytest.raises(error, match=message) as caught:
        backbones.build("vgg19_bn", 2, path, width=0.125)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)


class Trap:
    """Makes a file at `path` when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_with_code_is_not_run(tmp_path):
    torch.save({"features.0.weight": Trap(tmp_path / "sprung")}, tmp_path / "trap.pth")
    with pytest.raises(ValueError, match="cannot be read"):
        backbones.build("vgg19_bn", 2, tmp_path / "trap.pth", width=0.125)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("alexnet", 2), "unknown backbone 'alexnet'"),
        (("vgg19", 2, None, 1.0, "min"), "unknown pool 'min'"),
        (("squeezenet1_0", 2, None, 0.5), "width 1.0 only"),
        (("vgg19_bn", 2, "imagenet", 0.25), "width 1.0 only"),
        (("resnet18", 2, None, 0.0), "width must be above 0"),
        (("resnet18", 2, "none", 0.125, "avg", 0, True), "loaded from a checkpoint"),
        (("resnet50", 2, "fractal", 0.25, "avg", 0, True), "lack head.weight"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        backbones.build(*arguments)


def test_half_precision_files_are_loaded_as_single(tmp_path):
    model = backbones.build("resnet50", 2, width=0.125, seed=1)
    save(
        {key: v.half() if v.is_floating_point() else v for key, v in model.state_dict().items()},
        tmp_path / "h.pth",
    )
    again = backbones.build("resnet50", 2, tmp_path / "h.pth", width=0.125, whole=True)
    for key, value in again.state_dict().items():
        assert value.dtype == model.state_dict()[key].dtype
        assert torch.equal(value, model.state_dict()[key].half().to(value.dtype))


def test_a_network_without_fractal_weights_says_which_have_them():
    with pytest.raises(
        FileNotFoundError, match="resnet18-width0.25-fractal.*vgg19_bn at width 0.25"
    ):
        backbones.build("resnet18", 2, "fractal", width=0.25)


def test_inputs_are_imagenet_normalised(images):
    grey = backbones.inputs(images)
    colour = backbones.inputs(images[..., None].expand(-1, -1, -1, 3).contiguous())
    assert grey.shape == (3, 3, 64, 64) and torch.equal(grey, colour)
    black = backbones.inputs(torch.zeros(1, 2, 2, dtype=torch.uint8))[0, :, 0, 0]
    assert torch.allclose(
        black, -torch.tensor(preprocessing.MEAN) / torch.tensor(preprocessing.STD)
    )
    with pytest.raises(ValueError, match="uint8"):
        backbones.inputs(images.float())
