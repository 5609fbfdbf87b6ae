"""Transfer learning of a two-class classifier, and what it achieved, with intervals over patients."""

import copy
import os

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch import Tensor, nn
from torch.nn import functional

from regard import backbones, statistics

THREADS = 2  # fixed: CPU results repeat for one thread count only


def deterministic(threads: int = THREADS) -> torch.device:
    """Make torch repeat itself on one kind of machine; returns the device to compute on, CUDA when there."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)  # bilinear upsampling has no such backward on CUDA
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs 7 % of a training step
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """float32 or bfloat16 for training; "auto" takes bfloat16 where the processor computes it in hardware.

    Raises ValueError for another name.
    """
    names = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name == "auto":
        native = (
            torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        return torch.bfloat16 if native else torch.float32
    if name not in names:
        raise ValueError(f"unknown precision {name!r}; known are auto, {', '.join(names)}")
    return names[name]


def augment(
    images: Tensor, generator: torch.Generator, shift: float = 0.08, zoom: float = 0.1, contrast: float = 0.2
) -> Tensor:
    """Each of the normalised images (N, C, H, W) mirrored or not, moved, zoomed and with its contrast changed.

    shift is the largest move as a share of the width, zoom and contrast the largest relative change. Never flipped
    upside down: depth has a meaning.
    """
    draw = lambda: torch.rand(len(images), generator=generator) * 2 - 1
    mirror, scale = torch.sign(draw()), 1 + zoom * draw()
    right, down, gain = 2 * shift * draw(), 2 * shift * draw(), 1 + contrast * draw()
    zero = torch.zeros(len(images))
    affine = torch.stack([torch.stack([mirror * scale, zero, right], 1), torch.stack([zero, scale, down], 1)], 1)
    grid = functional.affine_grid(affine.to(images.device), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return (moved * gain.to(images.device).view(-1, 1, 1, 1)).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, batch: int = 32) -> Tensor:
    """Logits (N, classes), float32 on the CPU, of uint8 images (N, H, W) or (N, H, W, 3)."""
    device = next(model.parameters()).device
    return torch.cat([model(backbones.inputs(part.to(device))).float().cpu() for part in images.split(batch)])


def fit(
    model: nn.Sequential,
    images: Tensor,
    labels: Tensor,
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
    report=lambda row: None,
) -> pd.DataFrame:
    """Train `model` in place on the rows where split is "train"; keep the epoch with the lowest loss on "tune".

    images: uint8 (N, H, W) or (N, H, W, 3); labels: int64 (N,) class indices; split: (N,) names.
    frozen: train the linear head alone, with the features (batch norm included) as they are. The head
    learns ten times as fast as the features. Stops after `patience` epochs without a lower tuning loss. `report` is
    called with each row of the history (epoch, train_loss, tune_loss, tune_auc), which is returned.
    """
    device = next(model.parameters()).device
    train, tune = (torch.from_numpy(np.flatnonzero(split == name)) for name in ("train", "tune"))
    model.features.requires_grad_(not frozen)
    groups = [{"params": model.head.parameters(), "lr": 10 * learning_rate}]
    if not frozen:
        groups.append({"params": model.features.parameters(), "lr": learning_rate})
    optimiser = torch.optim.AdamW(groups, lr=learning_rate, weight_decay=weight_decay)
    steps = epochs * -(-len(train) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [group["lr"] for group in groups], total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    model.to(memory_format=torch.channels_last)
    history, best, kept, since = [], float("inf"), None, 0
    for epoch in range(epochs):
        model.train()
        if frozen:
            model.features.eval()
        losses = []
        for rows in train[torch.randperm(len(train), generator=generator)].split(batch):
            inputs = augment(backbones.inputs(images[rows].to(device)), generator)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                logits = model(inputs)
            loss = functional.cross_entropy(logits.float(), labels[rows].to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses += [loss.item()] * len(rows)
        model.eval()
        logits = predict(model, images[tune])
        tune_loss = functional.cross_entropy(logits, labels[tune]).item()
        if not np.isfinite(tune_loss):
            raise ValueError(f"training diverged in epoch {epoch}: the tuning loss is {tune_loss}; lower learning_rate")
        history.append(
            {
                "epoch": epoch,
                "train_loss": float(np.mean(losses)),
                "tune_loss": tune_loss,
                "tune_auc": auc(labels[tune].numpy(), positive(logits)),
            }
        )
        report(history[-1])
        if tune_loss < best:
            best, kept, since = tune_loss, copy.deepcopy(model.state_dict()), epoch
        if epoch - since >= patience:
            break
    model.load_state_dict(kept)
    model.features.requires_grad_(True)
    return pd.DataFrame(history)


def positive(logits: Tensor) -> np.ndarray:
    """Probability (N,) of the second of two classes, the positive one, from logits (N, 2)."""
    return logits.double().softmax(1)[:, 1].numpy()


def auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the ROC curve; NaN where one class has no weight."""
    weights = np.ones(len(labels)) if weights is None else weights
    if len(set(labels[weights > 0])) < 2:
        return float("nan")
    return float(roc_auc_score(labels, scores, sample_weight=weights))


def youden_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The score at and above which a case is called positive: the largest sensitivity + specificity (Youden 1950).

    Between this and the next lower observed score the midpoint is taken, since all in between are as good.
    """
    false_positive, true_positive, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    chosen = thresholds[np.argmax(true_positive - false_positive)]
    lower = scores[scores < chosen]
    return float((chosen + lower.max()) / 2) if len(lower) and np.isfinite(chosen) else float(min(chosen, 1.0))


def metrics(
    labels: np.ndarray, scores: np.ndarray, threshold: float, patients: np.ndarray, draws: int, seed: int
) -> pd.DataFrame:
    """AUC, accuracy, sensitivity and specificity with 95 % intervals from a bootstrap over patients.

    labels: (N,) of 0 and 1; scores: (N,) probability of 1; called positive at score >= threshold.
    Columns metric, value, ci_low, ci_high, n_cases, n_patients.
    """
    called = scores >= threshold
    right = (called == (labels == 1)).astype(float)
    mean = lambda rows: (
        lambda weights: np.average(right[rows], weights=weights[rows]) if weights[rows].sum() else np.nan
    )
    measures = {
        "AUC": lambda weights: auc(labels, scores, weights),
        "accuracy": mean(np.full(len(labels), True)),
        "sensitivity": mean(labels == 1),
        "specificity": mean(labels == 0),
    }
    counted = {"sensitivity": labels == 1, "specificity": labels == 0}
    rows = []
    for name, measure in measures.items():
        inside = counted.get(name, np.full(len(labels), True))
        value, low, high = statistics.interval(measure, patients, draws, seed)
        rows.append(
            {
                "metric": name,
                "value": value,
                "ci_low": low,
                "ci_high": high,
                "n_cases": int(inside.sum()),
                "n_patients": len(set(patients[inside])),
            }
        )
    return pd.DataFrame(rows)
