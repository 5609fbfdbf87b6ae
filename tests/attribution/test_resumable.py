"""Heat maps of many images: within a bound on memory, and gone on with after an interruption."""

import json

import numpy as np
import pytest
import torch
from memory import peak

from regard.attribution import PERTURBATION, attribute, resumable
from regard.attribution.cost import counted
from regard.attribution.resumable import stored as stored_maps
from regard.core import hardware
from regard.kernels.batch_size import footprint
from regard.models import backbones
from regard.models.backbones import digest


@pytest.fixture(scope="module")
def model():
    return backbones.build("vgg16_bn", 3, width=0.125, seed=0)


@pytest.fixture(scope="module")
def images():
    return torch.randn(10, 3, 32, 32, generator=torch.Generator().manual_seed(0))


TARGETS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(resumable, "AT_ONCE", 4)


def test_stored_maps_are_those_of_attribute(model, images, tmp_path):
    maps, cost = stored_maps(
        tmp_path, model, lambda rows: images[list(rows)], TARGETS, "lrp-epsilon", epsilon=0.1
    )
    assert np.allclose(
        maps, attribute(model, images, TARGETS, "lrp-epsilon", epsilon=0.1), rtol=1e-5, atol=1e-7
    )
    assert (cost.forwards, cost.backwards) == (10, 10) and cost.seconds > 0


def test_an_interruption_loses_one_part_and_costs_add_up(model, images, tmp_path, monkeypatch):
    def read(rows):
        return images[list(rows)]

    whole, cost = stored_maps(
        tmp_path / "whole", model, read, TARGETS, "occlusion", window=0.5, stride=0.5
    )
    made = []

    def interrupted(model, given, targets, method, **parameters):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(len(given))
        return attribute(model, given, targets, method, **parameters)

    monkeypatch.setattr(resumable, "attribute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stored_maps(tmp_path / "part", model, read, TARGETS, "occlusion", window=0.5, stride=0.5)
    monkeypatch.setattr(
        resumable,
        "attribute",
        lambda *arguments, **named: (
            made.append(len(arguments[1])) or attribute(*arguments, **named)
        ),
    )
    resumed, again = stored_maps(
        tmp_path / "part", model, read, TARGETS, "occlusion", window=0.5, stride=0.5
    )
    assert made == [4, 4, 2] and np.array_equal(resumed, whole)
    assert (again.forwards, again.backwards) == (cost.forwards, cost.backwards) == (10 * (4 + 1), 0)


def test_a_file_is_of_what_it_was_made_from(model, images, tmp_path):
    def files(model=model, images=images, targets=TARGETS, method="gradient", **parameters):
        stored_maps(tmp_path, model, lambda rows: images[list(rows)], targets, method, **parameters)
        return len(list(tmp_path.glob("*.npy")))

    other = backbones.build("vgg16_bn", 3, width=0.125, seed=1)
    assert files() == files() == 1
    assert (
        files(model=other) == 2
        and files(images=images + 1) == 3
        and files(targets=(TARGETS + 1) % 3) == 4
    )
    other = backbones.build("vgg16_bn", 3, width=0.125, seed=0, pool="max")
    assert digest(other) == digest(model) and files(model=other) == 5
    assert files(reduce="l2") == 6 and files(method="gradient-x-input") == 7
    assert all(json.loads(file.read_text()) for file in tmp_path.glob("*.json"))
    assert not list(tmp_path.glob("*.part"))


def test_nothing_to_explain_is_an_error(model, images, tmp_path):
    with pytest.raises(ValueError, match="no images"):
        stored_maps(tmp_path, model, lambda rows: images[list(rows)], TARGETS[:0], "gradient")


@pytest.mark.parametrize("name", ["vgg19_bn", "densenet121", "resnet50", "squeezenet1_0"])
@pytest.mark.parametrize(
    "method",
    [
        "gradient",
        "lrp-epsilon",
        "lrp-alpha2beta1",
        "lrp-composite",
        "grad-cam",
        "occlusion",
        "lime",
    ],
)
def test_memory_stays_within_the_bound(name, method):
    """The bound is what the layers give for four images (six where a rule keeps several parts of
    each layer), where eight images would go together without it; copies of the weights come beside
    it."""
    model = backbones.build(name, 2, width=1.0 if name == "squeezenet1_0" else 0.125, seed=0)
    images = torch.zeros(1 if method in PERTURBATION else 8, 3, 64, 64)
    images[:, :, 16:32] = 1
    few = {"occlusion": {"window": 0.25, "stride": 0.25}, "lime": {"evaluations": 48}}.get(
        method, {}
    )
    attribute(model, images[:1], [0], method, **few)  # what is imported and kept after
    bound = {"lrp-alpha2beta1": 6, "lrp-composite": 6}.get(method, 4) * footprint(model, images[0])
    held = peak(
        lambda: attribute(model, images, [0] * len(images), method, memory=bound / 1e9, **few)
    )
    weights = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    assert footprint(model, images[0]) / 4 < held <= bound + 2 * weights


def test_a_bound_must_be_positive(model, images):
    with pytest.raises(ValueError, match="memory"):
        attribute(model, images, TARGETS, "gradient", memory=0)


def test_counting_leaves_the_network_alone_and_sees_its_copies(model, images):
    def hooks():
        return sum(
            len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules()
        )

    assert hooks() == 0
    with pytest.raises(RuntimeError), counted(model) as cost:
        attribute(model, images[:2], [0, 1], "lime", batch=4, evaluations=20)
        attribute(model, images[:2], [0, 1], "integrated-gradients", batch=4, steps=3)
        raise RuntimeError
    assert hooks() == 0 and (cost.forwards, cost.backwards) == (2 * 20 + 2 * 3, 6)
    assert hardware.peak_above(None, torch.device("cpu")) is None
