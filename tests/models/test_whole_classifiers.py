"""Classifiers that are loaded whole, written and read back."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from weight_files import other_network, save

from regard.models import backbones


@pytest.fixture
def images():
    return torch.randint(
        0, 256, (3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


@pytest.mark.parametrize("name", ["vgg16_bn", "resnet50", "densenet121"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_whole_classifier_is_loaded_unchanged(tmp_path, name, suffix, images):
    original, path = backbones.build(name, 3, width=0.125, seed=5), tmp_path / f"whole{suffix}"
    save(original.state_dict(), path)
    model = backbones.build(name, 3, path, width=0.125, seed=6, whole=True)
    assert backbones.digest(model) == backbones.digest(original)
    features_alone = backbones.build(name, 3, path, width=0.125, seed=6)
    assert backbones.digest(features_alone.features) == backbones.digest(original.features)
    assert torch.equal(
        features_alone.head.weight, backbones.build(name, 3, width=0.125, seed=6).head.weight
    )
    with pytest.raises(ValueError, match=r"head.weight is \(3, \d+\), not \(2, "):
        backbones.build(name, 2, path, width=0.125, whole=True)


def test_one_logit_becomes_two_with_the_same_probability(tmp_path, images):
    original = backbones.build("resnet18", 1, width=0.125, pool="max", seed=5)
    save(
        {key.replace("head.", "fc."): value for key, value in original.state_dict().items()},
        tmp_path / "one.pth",
    )
    model = backbones.build(
        "resnet18", 2, tmp_path / "one.pth", width=0.125, pool="max", whole=True
    )
    inputs = backbones.inputs(images)
    with torch.no_grad():
        z, logits = original(inputs)[:, 0], model(inputs)
    assert torch.allclose(logits[:, 0], -z / 2) and torch.allclose(logits[:, 1], z / 2)
    assert torch.allclose(logits.softmax(1)[:, 1], z.sigmoid()) and z.std() > 0
    kept = backbones.build("resnet18", 1, tmp_path / "one.pth", width=0.125, pool="max", whole=True)
    assert torch.allclose(kept.head.weight, original.head.weight)


def test_a_checkpoint_that_is_no_such_classifier_is_refused(tmp_path):
    state = backbones.build("vgg16_bn", 2, width=0.125, pool="max").state_dict()
    save(state | {"classifier.6.weight": torch.zeros(2, 3)}, tmp_path / "dense.pth")
    with pytest.raises(
        ValueError, match="head is one linear layer, and they have classifier.6.weight"
    ):
        backbones.build("vgg16_bn", 2, tmp_path / "dense.pth", width=0.125, whole=True)
    save({key: value for key, value in state.items() if key != "head.bias"}, tmp_path / "bias.pth")
    with pytest.raises(ValueError, match="lack head.bias"):
        backbones.build("vgg16_bn", 2, tmp_path / "bias.pth", width=0.125, whole=True)
    model = backbones.build("vgg16_bn", 2, width=0.125, pool="max")
    path = tmp_path / "ours.safetensors"
    backbones.write(model, path, name="vgg16_bn", classes=["a", "b"], width=0.125, pool="max")
    whole = backbones.build("vgg16_bn", 2, path, width=0.125, pool="max", whole=True)
    assert backbones.digest(whole) == backbones.digest(model)
    with pytest.raises(ValueError, match="written for pool max, not avg"):
        backbones.build("vgg16_bn", 2, path, width=0.125, pool="avg", whole=True)
    for text in ("my best", "[1, 2]"):  # of other origin
        save_file(model.state_dict(), path, metadata={"description": text})
        assert backbones.build("vgg16_bn", 2, path, width=0.125, pool="avg", whole=True)


def test_without_its_last_pool_a_vgg_has_the_same_maximum(images):
    """So a checkpoint trained with a global max pool after torchvision's last one is explained
    unchanged.
    """
    model = backbones.build("vgg16_bn", 2, width=0.125, pool="max")
    with torch.no_grad():
        features = model.features(backbones.inputs(images))
        assert torch.equal(model.pool(nn.functional.max_pool2d(features, 2)), model.pool(features))


def test_written_and_read_back(tmp_path, images):
    model = backbones.build("vgg19_bn", 2, width=0.125, seed=3)
    backbones.write(
        model,
        tmp_path / "m.safetensors",
        name="vgg19_bn",
        classes=["a", "b"],
        width=0.125,
        pool="avg",
    )
    again, description = backbones.read(tmp_path / "m.safetensors")
    assert backbones.digest(again) == backbones.digest(model) and description["classes"] == [
        "a",
        "b",
    ]
    with pytest.raises(FileNotFoundError, match="run the training"):
        backbones.read(tmp_path / "none.safetensors")
    other_network(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not a model written by"):
        backbones.read(tmp_path / "other.safetensors")


def test_a_checkpoint_for_other_classes_is_refused(tmp_path):
    """A file of ours says what it tells apart; one of other origin says nothing."""
    model, path = backbones.build("resnet18", 2, width=0.0625), tmp_path / "whole.safetensors"
    backbones.write(
        model, path, name="resnet18", width=0.0625, pool="avg", classes=["no", "yes"], kind="label"
    )
    backbones.check_whole(path, ["no", "yes"], "label")
    with pytest.raises(
        ValueError, match=r"written for classes \['no', 'yes'\], not \['yes', 'no'\]"
    ):
        backbones.check_whole(path, ["yes", "no"], "label")
    with pytest.raises(ValueError, match="written for kind label, not findings"):
        backbones.check_whole(path, ["no", "yes"], "findings")
    torch.save(model.state_dict(), tmp_path / "theirs.pth")
    backbones.check_whole(tmp_path / "theirs.pth", ["a", "b"], "label")
