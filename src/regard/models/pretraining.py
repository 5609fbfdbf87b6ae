"""Pre-training without natural images: a network learns to classify fractals (`models.fractals`).

After Kataoka et al., "Pre-training without Natural Images" (ACCV 2020; IJCV 2022).
"""

import functools
import inspect
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from regard.models import backbones
from regard.models.fractals import category, dataset, render

__all__ = [
    "SCHEDULES",
    "category",
    "dataset",
    "pretrain",
    "render",
    "write",
    "write_committed",
]


# Network -> how its committed weights were made: arguments of `write` that differ from the
# defaults. The defaults are vgg19_bn's; the others take as many epochs as one CPU thread does in
# about five minutes, drawing the images included.
SCHEDULES: dict[str, dict[str, Any]] = {
    "vgg19_bn": {},
    "vgg16_bn": {"epochs": 3, "threads": 1, "dtype": torch.float16},
    "resnet50": {"epochs": 6, "threads": 1, "dtype": torch.float16},
    "densenet121": {"epochs": 4, "threads": 1, "dtype": torch.float16},
}


def _augment(images: Tensor, crop: int, generator: torch.Generator) -> Tensor:
    """Random views of uint8 (N, H, W) images: uint8 (N, crop, crop).

    Crop, turn by a multiple of 90 degrees, flip; contrast and brightness; speckle-like
    multiplicative noise with grains of one and two pixels, so that texture alone does not carry the
    answer; inversion of half the images.
    """
    number, height, width = images.shape
    tops, lefts, turns, flips = (
        torch.randint(high, (number,), generator=generator).tolist()
        for high in (height - crop + 1, width - crop + 1, 4, 2)
    )
    views = []
    for image, top, left, turn, flip in zip(images, tops, lefts, turns, flips, strict=True):
        view = torch.rot90(image[top : top + crop, left : left + crop], turn)
        views.append(view.flip(0) if flip else view)
    grey = torch.stack(views).float() / 255

    contrast, brightness, speckle, invert = torch.rand((4, number, 1, 1), generator=generator)
    fine = torch.randn((number, crop, crop), generator=generator)
    coarse = torch.randn((number, 1, crop // 2, crop // 2), generator=generator)
    coarse = nn.functional.interpolate(coarse, (crop, crop), mode="bilinear")[:, 0]
    grey = grey * (0.5 + 0.5 * contrast) + 0.3 * brightness
    grey = grey * (1 + 0.3 * speckle * (fine + coarse))
    grey = torch.where(invert < 0.5, 1 - grey, grey)
    return (grey.clamp(0, 1) * 255).round().to(torch.uint8)


def pretrain(
    name: str = "vgg19_bn",
    width: float = 0.25,
    categories: int = 100,
    instances: int = 100,
    size: int = 112,
    crop: int = 96,
    epochs: int = 6,
    batch: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.05,
    seed: int = 0,
    threads: int = 2,
) -> tuple[nn.Sequential, list[dict]]:
    """A network trained to classify fractals.

    AdamW with a one-cycle learning rate, in bfloat16 autocast, on a GPU if there is one.

    Parameters
    ----------
    name, width
        As in `backbones.build`.
    categories, instances : int
        Classes, and images of each.
    size, crop : int
        Pixels a side of the images, and of the random crops that are learned from.
    epochs, batch : int
    learning_rate : float
        Peak of the cycle.
    weight_decay : float
    seed : int
    threads : int
        CPU threads. The same arguments give the same bits on the same machine.

    Returns
    -------
    model : nn.Sequential
        In eval mode, on the CPU.
    history : list of dict
        Per epoch: epoch, loss (mean cross-entropy in training) and held_out_accuracy (0 to 1, on
        centre crops of the last tenth of each category's instances, which training never saw).
    """
    (images, labels), (centres, answers) = _held_out(
        *dataset(seed, categories, instances, size), instances, crop
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = backbones.build(name, categories, None, width, seed=seed)
    model = model.to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=weight_decay)
    steps = epochs * -(-len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps)
    generator = torch.Generator().manual_seed(seed)
    one_pass = functools.partial(_batches, images, labels, crop, batch, generator, device)
    threads_before = torch.get_num_threads()
    # the order of sums, and so their rounding, depends on the number of threads
    torch.set_num_threads(threads)
    history: list[dict] = []
    try:
        progress = tqdm(range(1, epochs + 1), desc="pre-training", unit="epoch", disable=None)
        for epoch in progress:
            loss = _train(model.train(), one_pass(), optimizer, schedule) / len(images)
            if epoch == epochs:
                # the running statistics are of the last few batches, under changing weights: they
                # are computed again from all
                with torch.autocast(device.type, torch.bfloat16):
                    torch.optim.swa_utils.update_bn(one_pass(), model)
            right = _accuracy(model, centres, answers, batch, device)
            history.append({"epoch": epoch, "loss": loss, "held_out_accuracy": right})
            progress.set_postfix(history[-1])
    finally:
        torch.set_num_threads(threads_before)
    return model.eval().to("cpu").to(memory_format=torch.contiguous_format), history


def _held_out(
    images: np.ndarray, labels: np.ndarray, instances: int, crop: int
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Images and labels to train on; and those held out, the last tenth of each category's
    instances, at least one, as centre crops."""
    every, answers = torch.from_numpy(images), torch.from_numpy(labels)
    held_out = torch.arange(len(answers)) % instances >= instances - max(1, instances // 10)
    margin = (every.shape[1] - crop) // 2
    centres = every[held_out, margin : margin + crop, margin : margin + crop]
    return (every[~held_out], answers[~held_out]), (centres, answers[held_out])


def _train(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """One step on each of `batches`; returns the sum of the losses of all images."""
    total = 0.0
    for inputs, targets in batches:
        with torch.autocast(inputs.device.type, torch.bfloat16):
            logits = model(inputs)
        loss = nn.functional.cross_entropy(logits.float(), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(targets)
    return total


def _batches(
    images: Tensor,
    labels: Tensor,
    crop: int,
    batch: int,
    generator: torch.Generator,
    device: torch.device,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over the images in random order: augmented network input (N, 3, crop, crop), and
    labels (N,).
    """
    for chosen in torch.randperm(len(images), generator=generator).split(batch):
        views = _augment(images[chosen], crop, generator)
        yield backbones.inputs(views.to(device)), labels[chosen].to(device)


@torch.no_grad()
def _accuracy(
    model: nn.Module, images: Tensor, labels: Tensor, batch: int, device: torch.device
) -> float:
    """The share of uint8 (N, H, W) images, 0 to 1, whose largest logit in eval mode is that of
    their label.
    """
    model.eval()
    right = 0
    for chosen, answers in zip(images.split(batch), labels.split(batch), strict=True):
        with torch.autocast(device.type, torch.bfloat16):
            right += (
                (model(backbones.inputs(chosen.to(device))).argmax(1).cpu() == answers).sum().item()
            )
    return right / len(labels)


def write(path: Path, dtype: torch.dtype = torch.float32, **settings) -> dict:
    """Pre-train and save the features, for `backbones.build`.

    The file appears at `path` only when it is complete.

    Parameters
    ----------
    path : Path
    dtype : torch.dtype
        Of the saved features.
    **settings
        Arguments of `pretrain`.

    Returns
    -------
    dict
        The source, all settings with their defaults, and the held-out accuracy before rounding to
        `dtype`; also stored in the file as `description`.

    Raises
    ------
    ValueError
        For features that `dtype` cannot represent.
    """
    arguments = inspect.signature(pretrain).bind(**settings)
    arguments.apply_defaults()
    model, history = pretrain(**arguments.arguments)
    description = arguments.arguments | {
        # as the committed files say
        "source": "fractals drawn by regard.fractals, after Kataoka et al., "
        "Pre-training without Natural Images",
        "held_out_accuracy": history[-1]["held_out_accuracy"],
    }
    features = {
        f"features.{key}": (value.to(dtype) if value.is_floating_point() else value).contiguous()
        for key, value in model.get_submodule("features").state_dict().items()
    }
    if overflowing := [key for key, value in features.items() if not torch.isfinite(value).all()]:
        raise ValueError(f"{overflowing[0]} is not finite as {dtype}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    aside.write_bytes(
        save(features, metadata={"description": json.dumps(description, sort_keys=True)})
    )
    aside.replace(path)
    return description


def write_committed(name: str) -> Path:
    """Make the file in data/weights that `backbones.build` loads as "fractal" at width 0.25.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        For a network without a schedule.
    """
    if name not in SCHEDULES:
        raise ValueError(
            f"no pre-training schedule for {name!r}; there is one for {', '.join(SCHEDULES)}"
        )
    width = inspect.signature(pretrain).parameters["width"].default
    path = backbones.weights_path(name, width)
    write(path, name=name, **SCHEDULES[name])
    return path
