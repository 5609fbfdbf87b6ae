"""Weights as people save them: wrapped, nested, in half precision, diverged, or two networks in one
file.
"""

import collections

import pytest
import torch
from safetensors.torch import save_file

from regard.models import backbones

STATE = backbones.build("resnet18", 2, width=0.0625, seed=4).state_dict()
TORCHVISION = {
    key.removeprefix("features.").replace("head.", "fc."): value for key, value in STATE.items()
}  # as a ResNet of torchvision's names its layers


def prefixed(state, prefix):
    return {prefix + key: value for key, value in state.items()}


WRAPPED = {
    "plain": TORCHVISION,
    "DataParallel": prefixed(TORCHVISION, "module."),
    "compiled": prefixed(TORCHVISION, "_orig_mod."),
    "compiled and DataParallel": prefixed(TORCHVISION, "_orig_mod.module."),
    "state_dict": {
        "state_dict": TORCHVISION,
        "epoch": 3,
        "optimizer": {"state": {}, "param_groups": []},
    },
    "state_dict of DataParallel": {"epoch": 1, "state_dict": prefixed(TORCHVISION, "module.")},
    "model_state_dict": {"model_state_dict": TORCHVISION, "loss": 0.1},
    "one of another name": {"resnet": TORCHVISION, "epoch": 2},
    "Lightning": {
        "state_dict": prefixed(TORCHVISION, "model.") | {"criterion.weight": torch.ones(2)},
        "pytorch-lightning_version": "2.5.0",
        "hyper_parameters": {"learning_rate": 1e-3},
    },
    "Lightning, two deep": {"state_dict": prefixed(TORCHVISION, "net.encoder.")},
    "OrderedDict": collections.OrderedDict(TORCHVISION),
    "ours": STATE,
    "ours in DataParallel": prefixed(STATE, "module."),
    "half": {
        key: value.half() if value.is_floating_point() else value
        for key, value in TORCHVISION.items()
    },
}


def loaded(path, **more):
    return backbones.build("resnet18", 2, path, width=0.0625, whole=True, **more)


@pytest.mark.parametrize("name", WRAPPED)
def test_the_network_is_found_whatever_wraps_it(tmp_path, name):
    torch.save(WRAPPED[name], tmp_path / "weights.pth")
    found = loaded(tmp_path / "weights.pth").state_dict()
    tolerance = 1e-3 if name == "half" else 0
    assert found.keys() == STATE.keys()
    for key, value in STATE.items():
        torch.testing.assert_close(found[key], value, atol=tolerance, rtol=tolerance)


def test_what_stands_beside_the_network_is_said(tmp_path, capsys):
    torch.save(WRAPPED["Lightning"], tmp_path / "weights.ckpt")
    loaded(tmp_path / "weights.ckpt")
    assert (
        "1 entries beside model.* are left out, criterion.weight among them"
        in capsys.readouterr().err
    )


def test_two_networks_in_one_file_are_refused(tmp_path):
    both = prefixed(TORCHVISION, "student.") | prefixed(TORCHVISION, "teacher.")
    torch.save(both, tmp_path / "two.pth")
    with pytest.raises(ValueError, match="hold two networks, student.* and teacher"):
        loaded(tmp_path / "two.pth")
    torch.save({"student": TORCHVISION, "teacher": TORCHVISION}, tmp_path / "nested.pth")
    with pytest.raises(ValueError, match="several, student, teacher; save one of them by itself"):
        loaded(tmp_path / "nested.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_named(tmp_path, suffix, value):
    broken = {key: tensor.clone() for key, tensor in TORCHVISION.items()}
    broken["layer2.0.conv1.weight"][0, 0, 0, 0] = value
    path = tmp_path / f"weights{suffix}"
    save_file(broken, path) if suffix == ".safetensors" else torch.save(broken, path)
    with pytest.raises(ValueError, match=r"layer2\.0\.conv1\.weight has NaN or infinite values"):
        loaded(path)


class Anything:
    pass


@pytest.mark.parametrize(
    "content, message",
    [
        (Anything(), "holds Python objects"),
        ([1, 2], "not a state dict"),
        ({"epoch": 1}, "holds none"),
        ({}, "holds none"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=message):
        loaded(tmp_path / "weights.pth")


def test_a_network_with_dense_layers_in_lightning_is_one_network(tmp_path):
    """Torchvision's VGG, whose head is not ours: features alone fit, below `model.` and not below
    `model.features.` as well.
    """
    state = backbones.build("vgg16_bn", 2, width=0.0625, seed=4).state_dict()
    theirs = {key: value for key, value in state.items() if key.startswith("features.")} | {
        "classifier.0.weight": torch.ones(4, 3)
    }
    torch.save({"state_dict": prefixed(theirs, "model.")}, tmp_path / "weights.ckpt")
    found = backbones.build("vgg16_bn", 2, tmp_path / "weights.ckpt", width=0.0625).state_dict()
    assert all(
        torch.equal(found[key], value)
        for key, value in state.items()
        if key.startswith("features.")
    )


NESTED = {
    "two deep": {"model": {"state_dict": TORCHVISION}, "epoch": 2},
    "three deep": {"checkpoint": {"model": {"state_dict": prefixed(TORCHVISION, "module.")}}},
    "version": TORCHVISION | {"version": 1},
    "metrics": {"state_dict": TORCHVISION, "metrics": {"confusion": torch.ones(2, 2), "epoch": 3}},
    "a queue": {"state_dict": TORCHVISION, "memory_bank": {"queue": torch.ones(4096, 4096)}},
    "optimiser by name": {"model": TORCHVISION, "optimizer": {"momentum": dict(TORCHVISION)}},
    "optimiser by number": {"model": {"a": TORCHVISION}, "opt": {"state": {0: dict(TORCHVISION)}}},
}


@pytest.mark.parametrize("name", NESTED)
def test_the_only_network_in_a_file_is_found_however_deep(tmp_path, name):
    torch.save(NESTED[name], tmp_path / "weights.pth")
    found = loaded(tmp_path / "weights.pth").state_dict()
    assert all(torch.equal(found[key], value) for key, value in STATE.items())


@pytest.mark.parametrize("one, other", [("model", "model_ema"), ("state_dict", "ema")])
def test_a_network_and_its_moving_average_are_two_networks(tmp_path, one, other):
    """Which of them was examined, the file does not say."""
    both = {one: TORCHVISION, other: prefixed(TORCHVISION, "module.")}
    torch.save(both, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=f"holds several, {one}, {other}; save one of them by"):
        loaded(tmp_path / "weights.pth")
    torch.save({one: TORCHVISION, "more": {other: TORCHVISION}}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=f"holds several, {one}, more.{other}; save one of them"):
        loaded(tmp_path / "weights.pth")


@pytest.mark.parametrize("key", ["fc.weight", "fc.bias", "conv1.weight", "bn1.running_mean"])
@pytest.mark.parametrize("kind", [torch.int32, torch.complex64, torch.uint8])
@pytest.mark.filterwarnings("ignore:Casting complex")
def test_weights_that_are_no_real_numbers_are_refused(tmp_path, key, kind):
    """They would be cut to whole numbers, or to their real part."""
    torch.save(TORCHVISION | {key: TORCHVISION[key].to(kind)}, tmp_path / "weights.pth")
    said = f"{key.replace('fc', 'head')} is {str(kind).removeprefix('torch.')}; save"
    with pytest.raises(ValueError, match=said):
        loaded(tmp_path / "weights.pth")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda value: value.to("meta"), r"fc\.weight has no values \(device 'meta'\)"),
        (lambda value: value.to_sparse(), r"fc\.weight is a sparse tensor; save a dense tensor"),
    ],
)
def test_weights_without_values_of_their_own_are_refused(tmp_path, change, message):
    changed = TORCHVISION | {"fc.weight": change(TORCHVISION["fc.weight"])}
    torch.save(changed, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=message):
        loaded(tmp_path / "weights.pth")
