"""The fractal images, and the features that are pre-trained on them."""

import inspect
import json

import numpy as np
import pytest
import torch
from here import ROOT
from safetensors import safe_open
from safetensors.torch import load_file

from regard import cli
from regard.models import backbones, fractals, pretraining

COMMITTED = ROOT / "data" / "weights"
TINY = {
    "width": 0.125,
    "categories": 4,
    "instances": 80,
    "size": 40,
    "crop": 32,
    "epochs": 10,
    "batch": 8,
    "learning_rate": 1e-3,
    "threads": 1,
}


def description(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["description"])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "new" / "tiny.safetensors"
    return path, pretraining.write(path, **TINY)


def test_an_image_depends_on_seed_category_and_instance_only():
    few, few_labels = pretraining.dataset(3, categories=2, instances=2, size=48)
    many, many_labels = pretraining.dataset(3, categories=3, instances=4, size=48)
    assert few.dtype == np.uint8 and few.shape == (4, 48, 48)
    assert few_labels.dtype == np.int64 and few_labels.tolist() == [0, 0, 1, 1]
    for category in range(2):
        assert np.array_equal(few[few_labels == category], many[many_labels == category][:2])
    other, _ = pretraining.dataset(4, categories=2, instances=2, size=48)
    assert not np.array_equal(few, other)


def test_no_two_images_are_equal_and_categories_differ_more_than_instances():
    images, labels = pretraining.dataset(0, categories=8, instances=6, size=32)
    flat = images.reshape(len(images), -1).astype(float)
    distances = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    same = labels[:, None] == labels[None]
    off_diagonal = ~np.eye(len(flat), dtype=bool)
    assert distances[off_diagonal].min() > 0
    assert distances[same & off_diagonal].mean() < 0.8 * distances[~same].mean()


def test_maps_contract_and_fractals_fill_their_frame_neither_barely_nor_wholly():
    for index in range(20):
        maps = pretraining.category(7, index)
        assert fractals.MAPS[0] <= len(maps) <= fractals.MAPS[1]
        generator = np.random.default_rng(index)
        for system in (maps, fractals._vary(maps, generator)):
            assert (
                np.linalg.norm(system[:, :, :2], ord=2, axis=(1, 2)).max()
                <= fractals.LARGEST + 1e-9
            )
        image = pretraining.render(maps, generator, size=64)
        assert image.max() == 255
        assert 0.1 < (image > 0).mean() < 0.95


def test_views_are_of_the_crop_size_and_follow_the_generator():
    images = torch.from_numpy(pretraining.dataset(0, 1, 6, 40)[0])
    first, second = (
        pretraining._augment(images, 32, torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert first.shape == (6, 32, 32) and first.dtype == torch.uint8
    assert torch.equal(first, second)
    assert not torch.equal(
        first, pretraining._augment(images, 32, torch.Generator().manual_seed(2))
    )


def test_half_of_the_views_are_inverted():
    """Without noise (black times anything is black) a view is 0.3 of its brightness, or what is
    missing to white.
    """
    images = torch.zeros(200, 16, 16, dtype=torch.uint8)
    views = pretraining._augment(images, 12, torch.Generator().manual_seed(0)).double() / 255
    views = views.mean(dim=(1, 2))
    dark, light = views[views < 0.5], views[views >= 0.5]
    assert 70 < len(dark) < 130 and dark.max() < 0.6 and light.min() > 0.4
    assert 0.1 < dark.mean() < 0.25 and 0.75 < light.mean() < 0.9


def test_a_tiny_network_learns_and_its_features_are_loaded_back(written):
    path, returned = written
    assert (
        returned["held_out_accuracy"] > 0.45
    )  # chance is 0.25; what is reached hangs on the processor's rounding
    assert description(path) == returned
    assert not list(path.parent.glob("*.part"))

    threads = torch.get_num_threads()
    model, history = pretraining.pretrain(**TINY)  # again: the same seed gives the same bits
    assert torch.get_num_threads() == threads
    assert [entry["epoch"] for entry in history] == list(range(1, TINY["epochs"] + 1))
    assert history[-1]["held_out_accuracy"] == returned["held_out_accuracy"]
    loaded = backbones.build("vgg19_bn", 2, path, width=TINY["width"])
    assert backbones.digest(loaded.features) == backbones.digest(model.features)
    images = backbones.inputs(torch.from_numpy(pretraining.dataset(9, 1, 2, 32)[0]))
    with torch.no_grad():
        assert torch.equal(loaded.features(images), model.features(images))


def test_an_unknown_setting_is_refused_before_any_work(tmp_path):
    with pytest.raises(TypeError, match="depth"):
        pretraining.write(tmp_path / "weights.safetensors", depth=3)
    assert not list(tmp_path.iterdir())


def test_features_are_written_in_half_precision_on_request(tmp_path):
    half = tmp_path / "half.safetensors"
    short = TINY | {"epochs": 1, "instances": 10, "name": "resnet50"}
    pretraining.write(half, dtype=torch.float16, **short)
    stored = load_file(half)
    assert {value.dtype for value in stored.values()} == {torch.float16, torch.int64}
    model, _ = pretraining.pretrain(**short)
    loaded = backbones.build("resnet50", 2, half, width=TINY["width"])
    for key, value in model.features.state_dict().items():
        given, rounded = (
            loaded.features.state_dict()[key],
            value.half() if value.is_floating_point() else value,
        )
        assert given.dtype == value.dtype and torch.equal(given, rounded.to(value.dtype))


def test_a_network_without_a_schedule_is_refused_in_one_line():
    with pytest.raises(
        SystemExit,
        match="regard: no pre-training schedule for 'vgg19'; there is one for vgg19_bn, ",
    ):
        cli.main(["pretrain", "vgg19"])


@pytest.mark.parametrize("name", pretraining.SCHEDULES)
def test_the_committed_weights_are_those_of_the_schedule(name):
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(pretraining.pretrain).parameters.items()
    }
    schedule = {"name": name, "dtype": torch.float32} | pretraining.SCHEDULES[name]
    path = backbones.weights_path(name, defaults["width"])
    assert path.parent == COMMITTED
    committed, dtype = description(path), schedule.pop("dtype")
    assert {key: committed[key] for key in defaults} == defaults | schedule
    assert committed["held_out_accuracy"] > 0.5
    assert {value.dtype for value in load_file(path).values()} == {dtype, torch.int64}

    model = backbones.build(name, 2, "fractal", width=defaults["width"])
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    noise = torch.randint(
        0, 256, (4, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        pooled = model[:3](backbones.inputs(noise))
    assert torch.isfinite(pooled).all()
    assert (pooled > 0).any(dim=0).float().mean() > 0.5  # most channels are alive


def test_there_are_no_other_weights_and_they_are_small():
    files = set(COMMITTED.glob("*.safetensors"))
    assert files == {backbones.weights_path(name, 0.25) for name in pretraining.SCHEDULES}
    assert sum(path.stat().st_size for path in files) < 12e6
