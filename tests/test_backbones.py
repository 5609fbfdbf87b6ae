"""Backbones: built, loaded, saved and read back as stated; weights that do not fit are refused by name."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from regard import backbones


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_every_backbone_gives_logits_and_can_be_explained(name, images):
    model = backbones.build(name, 3, width=1.0 if name.startswith("squeeze") else 0.125)
    assert model(backbones.inputs(images)).shape == (3, 3) and not model.training
    assert not any(getattr(module, "inplace", False) for module in model.modules())


def test_the_same_seed_gives_the_same_network_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    digests = [backbones.digest(backbones.build("vgg19_bn", 2, width=0.125, seed=seed)) for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_torchvision_weights_of_a_squeezenet_fit(tmp_path, images):
    """Its features are loaded, its ReLU head is replaced."""
    original = models.squeezenet1_0().eval()
    torch.save(original.state_dict(), tmp_path / "squeezenet.pth")
    model = backbones.build("squeezenet1_0", 2, tmp_path / "squeezenet.pth")
    inputs = backbones.inputs(images)
    assert torch.allclose(model.features(inputs), original.features(inputs), atol=1e-6)
    assert [type(module).__name__ for module in model] == ["Sequential", "AdaptiveAvgPool2d", "Flatten", "Linear"]


def test_real_imagenet_weights_fit(root):
    path = root.parent / "shared/real/weights/squeezenet1_0-imagenet.pth"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside the project")
    state = torch.load(path, weights_only=True)
    model = backbones.build("squeezenet1_0", 2, path)
    assert torch.equal(model.features[0].weight, state["features.0.weight"])


def test_vgg_drops_its_last_pool_and_takes_torchvision_weights(tmp_path):
    original = models.vgg19_bn(init_weights=False)
    save_file({key: value for key, value in original.state_dict().items()}, tmp_path / "vgg.safetensors")
    model = backbones.build("vgg19_bn", 2, tmp_path / "vgg.safetensors")
    assert torch.equal(model.features[49].weight, original.features[49].weight)
    assert model.features(torch.zeros(1, 3, 160, 160)).shape[-2:] == (10, 10)


def save(state, path):
    torch.save(state, path) if path.suffix == ".pth" else save_file(state, path)


def other_width(path):
    save(backbones.build("vgg19_bn", 2, width=0.25).state_dict(), path)


def other_network(path):
    save(backbones.build("squeezenet1_0", 2).state_dict(), path)


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


def test_a_pickle_with_code_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"features.0.weight": Trap()}, tmp_path / "trap.pth")
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
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        backbones.build(*arguments)


def test_written_and_read_back(tmp_path, images):
    model = backbones.build("vgg19_bn", 2, width=0.125, seed=3)
    backbones.write(model, tmp_path / "m.safetensors", name="vgg19_bn", classes=["a", "b"], width=0.125, pool="avg")
    again, description = backbones.read(tmp_path / "m.safetensors")
    assert backbones.digest(again) == backbones.digest(model) and description["classes"] == ["a", "b"]
    with pytest.raises(FileNotFoundError, match="run the training"):
        backbones.read(tmp_path / "none.safetensors")
    other_network(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not a model written by"):
        backbones.read(tmp_path / "other.safetensors")


def test_inputs_are_imagenet_normalised(images):
    grey = backbones.inputs(images)
    colour = backbones.inputs(images[..., None].expand(-1, -1, -1, 3).contiguous())
    assert grey.shape == (3, 3, 64, 64) and torch.equal(grey, colour)
    black = backbones.inputs(torch.zeros(1, 2, 2, dtype=torch.uint8))[0, :, 0, 0]
    assert torch.allclose(black, -torch.tensor(backbones.MEAN) / torch.tensor(backbones.STD))
    with pytest.raises(ValueError, match="uint8"):
        backbones.inputs(images.float())
