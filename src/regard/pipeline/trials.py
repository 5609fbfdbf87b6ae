"""Train a study's network again: on other draws of its phantoms, to settle how hard they are; or
from other seeds.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from regard import phantoms
from regard.core import hardware, project
from regard.data import cases, letterbox
from regard.models import augmentation, backbones, training
from regard.models.performance import auroc, one_against_rest
from regard.models.preprocessing import preprocessing
from regard.pipeline import settings as checks

STARTS = ("transfer", "scratch")
FITTING = (  # settings of the stage train that `training.fit` takes
    "epochs",
    "learning_rate",
    "weight_decay",
    "batch",
    "patience",
    "class_weights",
    "blank",
    "augment",
)


def run(
    study: str,
    draws: Sequence[int] = (),
    seeds: Sequence[int] = (),
    starts: Sequence[str] = STARTS,
    report: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Test AUROC of each target: columns draw, seed, start, target, auroc, epoch.

    draws: seeds of the phantoms, none for the study's own set; seeds: of the network and its
    training, none for the study's own (the split stays that of params.yaml); starts: from STARTS,
    the study's weights or random ones. epoch: the one that was kept. `report` is called with a line
    for each network. Raises ValueError for an unknown start, and what reading the study's set
    raises.
    """
    if unknown := set(starts) - set(STARTS):
        raise ValueError(f"unknown start {sorted(unknown)[0]!r}; known are {', '.join(STARTS)}")
    prepare, settings = project.settings(study, "prepare"), project.settings(study, "train")
    classes, kind = checks.targets(prepare)
    if not settings["train"] or prepare["shortcut"]:
        raise ValueError(
            f"trials train a study's network on its images as they are: {study!r} has `train: "
            "false` or a `shortcut`"
        )
    augmentation.check(settings["augment"])
    device, rows = hardware.deterministic(), []
    for draw, found in _sets(prepare, draws):
        images = torch.from_numpy(letterbox.squares([*found.images], prepare["size"]))
        targets = training.targets(found.table, classes, kind)
        split = found.split(prepare["seed"], strata=prepare["findings"] or ["label"]).to_numpy()
        data = _Data(images, targets, split, classes, kind)
        for seed in seeds or [settings["seed"]]:
            for start in starts:
                areas, epoch = _trial(data, settings, seed, start, device)
                common = {"draw": draw, "seed": seed, "start": start, "epoch": epoch}
                rows += [common | {"target": name, "auroc": area} for name, area in areas.items()]
                said = ", ".join(f"{name} {area:.3f}" for name, area in areas.items())
                report(
                    f"draw {draw}, seed {seed}, {start}: {said} (mean "
                    f"{np.mean(list(areas.values())):.3f})"
                )
    return pd.DataFrame(rows)[["draw", "seed", "start", "target", "auroc", "epoch"]]


class _Data(NamedTuple):
    """What the networks of one draw are trained and tested on."""

    images: torch.Tensor
    targets: torch.Tensor
    split: np.ndarray
    classes: list[str]
    kind: str


def _trial(
    data: _Data, settings: dict, seed: int, start: str, device: torch.device
) -> tuple[dict[str, float], int]:
    """Train one network; its test AUROC for each class, and the epoch that was kept."""
    model = backbones.build(
        settings["backbone"],
        len(data.classes),
        settings["weights"] if start == "transfer" else None,
        settings["width"],
        settings["pool"],
        seed=seed,
        preprocessing=preprocessing(*(settings[key] for key in ("mean", "std", "range"))),
    ).to(device)
    history = training.fit(
        model,
        data.images,
        data.targets,
        data.split,
        frozen=settings["frozen"] and start == "transfer",
        seed=seed,
        classes=data.classes,
        dtype=hardware.precision(device, settings["precision"]),
        **{key: settings[key] for key in FITTING},
    )
    test = data.split == "test"
    scores = training.probabilities(training.predict(model, data.images[test]), data.kind)
    areas = {
        data.classes[at]: float(auroc(positive, score))
        for at, positive, score in one_against_rest(data.targets[test], scores)
    }
    return areas, int(history["tune_loss"].idxmin())


def _sets(prepare: dict, draws: Sequence[int]) -> Iterable[tuple[object, cases.Cases]]:
    if not draws:
        labels = (prepare["labels"] or None, prepare["excluded_labels"], prepare["findings"])
        yield "own", cases.read(project.root() / prepare["root"], *labels)
    for draw in draws:
        yield draw, phantoms.draw(prepare["study"], draw)
