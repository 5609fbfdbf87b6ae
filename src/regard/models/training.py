"""Transfer learning of a classifier: one class per image, or several findings each present, absent
or unknown.
"""

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from regard.core import hardware
from regard.models import augmentation, backbones, preprocessing
from regard.models.performance import auroc, one_against_rest
from regard.models.predicting import (
    known,
    predict,
    probabilities,
    targets,
    thresholds,
    youden_threshold,
)

__all__ = [
    "BLANKS",
    "balancing",
    "fit",
    "known",
    "loss",
    "out_of_fold",
    "predict",
    "probabilities",
    "reporter",
    "targets",
    "thresholds",
    "youden_threshold",
]


def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean loss over the known targets: cross-entropy, or binary cross-entropy for findings.

    Parameters
    ----------
    logits : Tensor (N, classes)
    targets : Tensor (N,) or (N, findings)
        As from `targets`.
    weights : Tensor (classes,), optional
        Of each class, or of each finding's positive cases.

    Returns
    -------
    Tensor
        A scalar; zero where no target is known.
    """
    if not known(targets).any():
        return logits.sum() * 0
    if not targets.is_floating_point():
        return functional.cross_entropy(logits, targets, weights, ignore_index=-1)
    every = functional.binary_cross_entropy_with_logits(
        logits, targets.nan_to_num(), pos_weight=weights, reduction="none"
    )
    return every[known(targets)].mean()


def balancing(targets: Tensor, classes: Sequence[str]) -> Tensor:
    """Weights that give every class, or each finding's presence and absence, the same influence.

    Parameters
    ----------
    targets : Tensor (N,) or (N, findings)
    classes : sequence of str

    Returns
    -------
    Tensor (classes,)
        N / (classes x count) of the known cases; for findings absent / present.

    Raises
    ------
    ValueError
        Where a class has no case, or a finding none with it or none without.
    """
    if targets.is_floating_point():
        present, absent = (targets == 1).sum(0), (targets == 0).sum(0)
        for name, with_it, without in zip(classes, present, absent):
            if min(with_it, without) == 0:
                raise ValueError(
                    f"class_weights: no training case is {'with' if not with_it else 'without'} "
                    f"{name!r}"
                )
        return absent / present
    counts = torch.bincount(targets[targets >= 0], minlength=len(classes))
    for name, count in zip(classes, counts):
        if count == 0:
            raise ValueError(f"class_weights: no training case is labelled {name!r}")
    return counts.sum() / (len(classes) * counts)


BLANKS = {
    "ignore": torch.nan,
    "zeros": 0.0,
    "ones": 1.0,
}  # U-Ignore, U-Zeros, U-Ones (Irvin et al. 2019)


def fit(
    model: nn.Sequential,
    images: Tensor,
    targets: Tensor,
    split: np.ndarray,
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    batch: int,
    patience: int,
    frozen: bool,
    seed: int,
    dtype: torch.dtype = torch.float32,
    classes: Sequence[str],
    class_weights: str = "none",
    blank: str = "ignore",
    augment: Mapping = MappingProxyType({}),
    report: Callable[[dict], object] = lambda row: None,
) -> pd.DataFrame:
    """Train a network in place, and keep the epoch with the lowest loss on the tuning cases.

    AdamW with a one-cycle learning rate.

    Parameters
    ----------
    model : nn.Sequential
        As from `backbones.build`.
    images : Tensor (N, H, W) or (N, H, W, 3)
        uint8.
    targets : Tensor (N,) or (N, findings)
        As from `targets`.
    split : ndarray (N,)
        "train", "tune" or another name.
    epochs, batch : int
    learning_rate : float
        Peak of the cycle.
    weight_decay : float
    patience : int
        Stop after this many epochs without a lower tuning loss.
    frozen : bool
        Train the linear head alone; features and their batch norms stay as they are.
    seed : int
    dtype : torch.dtype
        Of autocast.
    classes : sequence of str
        Of the logits.
    class_weights : {"none", "balanced"}
        See `balancing`.
    blank : {"ignore", "zeros", "ones"}
        The value of an unknown finding in training (Irvin et al. 2019); the tuning loss is always
        of the known ones.
    augment : mapping
        Options of `regard.models.augmentation.augment`.
    report : callable
        Called with each row of the history.

    Returns
    -------
    DataFrame
        History: epoch, train_loss, tune_loss, tune_auroc (mean over classes or findings).

    Raises
    ------
    ValueError
        For an unknown option, without a training case, and for a loss that is not finite.
    """
    _check_options(split, class_weights, blank)
    device, features = next(model.parameters()).device, model.get_submodule("features")
    learned = targets.nan_to_num(BLANKS[blank]) if targets.is_floating_point() else targets
    train, tune = _rows_to_learn(learned, split), _rows_of(split, "tune")
    weights = balancing(learned[train], classes).to(device) if class_weights == "balanced" else None
    features.requires_grad_(not frozen)
    trained = model.get_submodule("head") if frozen else model
    optimiser = torch.optim.AdamW(trained.parameters(), learning_rate, weight_decay=weight_decay)
    schedule = OneCycleLR(optimiser, learning_rate, total_steps=epochs * -(-len(train) // batch))
    trainer = Trainer(model, optimiser, schedule, weights, dtype)
    generator = torch.Generator().manual_seed(seed)
    layout, taken = hardware.layout(model), preprocessing.of(model)
    model.to(memory_format=layout)

    def given(rows: Tensor) -> tuple[Tensor, Tensor]:
        inputs = backbones.inputs(images[rows].to(device), model)
        inputs = augmentation.augment(inputs, generator, **augment, taken=taken)
        return inputs.contiguous(memory_format=layout), learned[rows].to(device)

    def one_epoch(epoch: int) -> dict:
        model.train()
        features.train(not frozen)
        shuffled = train[torch.randperm(len(train), generator=generator)].split(batch)
        losses = [trainer.step(*given(rows)) for rows in shuffled]
        row = {"epoch": epoch, "train_loss": _mean_of_cases(losses, shuffled)}
        return row | _tuned(model.eval(), images[tune], targets[tune], weights, epoch)

    history = _best_kept(model, one_epoch, epochs, patience, report)
    features.requires_grad_(True)
    return history


def _best_kept(
    model: nn.Module,
    one_epoch: Callable[[int], dict],
    epochs: int,
    patience: int,
    report: Callable[[dict], object],
) -> pd.DataFrame:
    """The history of at most `epochs` epochs, after which `model` is as in that with the lowest
    tuning loss."""
    history: list[dict] = []
    best, kept, since = float("inf"), model.state_dict(), 0
    for epoch in range(epochs):
        row = one_epoch(epoch)
        history.append(row)
        report(row)
        if row["tune_loss"] < best:
            best, kept, since = row["tune_loss"], copy.deepcopy(model.state_dict()), epoch
        if epoch - since >= patience:
            break
    model.load_state_dict(kept)
    return pd.DataFrame(history)


def _mean_of_cases(losses: Sequence[float], batches: Sequence[Tensor]) -> float:
    """Mean over the cases of the mean losses of batches."""
    return float(np.mean([loss for loss, rows in zip(losses, batches) for _ in rows]))


def _check_options(split: np.ndarray, class_weights: str, blank: str) -> None:
    if blank not in BLANKS or class_weights not in ("none", "balanced"):
        raise ValueError(
            f"blank is {blank!r} and class_weights {class_weights!r}; known are "
            f"{', '.join(BLANKS)}, and none, balanced"
        )
    if not (split == "train").any():
        raise ValueError(
            "no case is in the split 'train': such a set is for an existing network (train: false)"
        )


def _rows_to_learn(learned: Tensor, split: np.ndarray) -> Tensor:
    """The positions of the training cases of which some target is known: another one would only
    change the statistics of batch norm."""
    some = known(learned).flatten(1).any(1) if learned.ndim > 1 else known(learned)
    train = _rows_of(split, "train")
    return train[some[train]]


def _rows_of(split: np.ndarray, name: str) -> Tensor:
    return torch.from_numpy(np.flatnonzero(split == name))


class Trainer(NamedTuple):
    """What one step of training needs, beside images and targets."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: LRScheduler
    weights: Tensor | None  # of the loss, on the model's device
    dtype: torch.dtype  # of autocast; float32 for none

    def step(self, inputs: Tensor, targets: Tensor) -> float:
        """One step on one batch; returns the mean loss before it."""
        mixed = self.dtype != torch.float32
        with torch.autocast(inputs.device.type, self.dtype, enabled=mixed):
            logits = self.model(inputs)
        error = loss(logits.float(), targets, self.weights)
        self.optimiser.zero_grad()
        error.backward()
        self.optimiser.step()
        self.schedule.step()
        return error.item()


def _tuned(
    model: nn.Module, images: Tensor, targets: Tensor, weights: Tensor | None, epoch: int
) -> dict:
    """Loss and mean AUROC on the tuning cases. Raises ValueError for a loss that is not finite."""
    logits = predict(model, images)
    tune_loss = loss(logits, targets, None if weights is None else weights.cpu()).item()
    if not np.isfinite(tune_loss):
        raise ValueError(
            f"training diverged in epoch {epoch}: the tuning loss is {tune_loss}; lower "
            "learning_rate"
        )
    return {"tune_loss": tune_loss, "tune_auroc": _mean_auroc(targets, logits)}


def out_of_fold(
    build: Callable[[], nn.Sequential],
    images: Tensor,
    targets: Tensor,
    patients: np.ndarray,
    folds: int,
    kind: str,
    report: Callable[[str], Callable[[dict], object]] = lambda name: lambda row: None,
    **fitting,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Predictions for every case from a network that was trained without its patient.

    Parameters
    ----------
    build : callable
        Gives a network to train, the same each time.
    images, targets
        As in `fit`.
    patients : ndarray (N,)
        They are divided into folds with about as many cases of each class (or combination of
        findings). A quarter of the others is the tuning set of a fold.
    folds : int
        >= 2.
    kind : {"label", "findings"}
    report : callable
        From the name of a fold to the `report` of `fit`.
    **fitting
        Further arguments of `fit`.

    Returns
    -------
    probabilities : ndarray (N, classes)
    thresholds : ndarray (1, N) or (N, findings), or None
        Those of each case's network; None for more than two classes.

    Raises
    ------
    ValueError
        For fewer than two folds, and as `fit` and `thresholds`.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if folds < 2:
        raise ValueError(f"out-of-fold predictions need at least two folds, not {folds}")
    names = [str(row) for row in targets.tolist()]

    def parts(rows: np.ndarray, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return StratifiedGroupKFold(count, shuffle=True, random_state=fitting["seed"]).split(
            rows, [names[row] for row in rows], patients[rows]
        )

    everything = np.arange(len(images))
    found = np.full((len(images), len(fitting["classes"])), np.nan)
    cuts: np.ndarray | None = None
    for number, (rest, held) in enumerate(parts(everything, folds), start=1):
        split = np.full(len(images), "test", dtype=object)
        split[rest] = "train"
        _, tuning = next(parts(rest, 4))
        split[rest[tuning]] = "tune"
        model = build()
        fit(model, images, targets, split, report=report(f"fold {number} of {folds}"), **fitting)
        scores = probabilities(predict(model, images), kind)
        tune = split == "tune"
        cut = thresholds(targets[tune], scores[tune], fitting["classes"], kind)
        found[held] = scores[held]
        if cut is not None:
            cuts = np.full((len(images), len(cut)), np.nan) if cuts is None else cuts
            cuts[held] = cut
    return found, cuts if cuts is None or kind == "findings" else cuts.T


def _mean_auroc(targets: Tensor, logits: Tensor) -> float:
    kind = "findings" if targets.is_floating_point() else "label"
    areas = np.array(
        [
            auroc(positive, score)
            for _, positive, score in one_against_rest(targets, probabilities(logits, kind))
        ]
    )
    return float(np.nanmean(areas)) if not np.isnan(areas).all() else float("nan")


def reporter(name: str, epochs: int) -> Callable[[dict], None]:
    """What `fit` calls after each epoch: a line under DVC, where no bar can be drawn, else a
    bar.
    """
    if os.environ.get("REGARD_STAGE"):
        return lambda row: print(
            f"{name}: epoch {row['epoch'] + 1} of at most {epochs}, training loss "
            f"{row['train_loss']:.3f}, "
            f"tuning loss {row['tune_loss']:.3f}, AUROC {row['tune_auroc']:.3f}"
        )
    from tqdm.auto import tqdm

    bar = tqdm(total=epochs, desc=name, unit="epoch")

    def report(row: dict) -> None:
        bar.update()
        bar.set_postfix(tune_loss=f"{row['tune_loss']:.3f}", auroc=f"{row['tune_auroc']:.3f}")

    return report
