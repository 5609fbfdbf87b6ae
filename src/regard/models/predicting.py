"""What a classifier should say and what it says: targets, logits, probabilities and thresholds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_curve
from torch import Tensor, nn

from regard.models import backbones
from regard.models.performance import one_against_rest


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, batch: int = 32) -> Tensor:
    """Logits of images.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, H, W) or (N, H, W, 3)
        uint8.
    batch : int
        Images at a time.

    Returns
    -------
    Tensor (N, classes)
        float32, on the CPU.
    """
    device = next(model.parameters()).device
    return torch.cat(
        [
            model(backbones.inputs(part.to(device), model)).float().cpu()
            for part in images.split(batch)
        ]
    )


def targets(table: pd.DataFrame, classes: Sequence[str], kind: str) -> Tensor:
    """The targets of training.

    Parameters
    ----------
    table : DataFrame
        With a column `label`, or one of 1, 0 or blank per finding.
    classes : sequence of str
        Labels or findings, in the order of the logits.
    kind : {"label", "findings"}

    Returns
    -------
    Tensor (N,) or (N, findings)
        int64 class indices, -1 unknown; or float32 of 1, 0 and NaN (unknown).
    """
    if kind == "findings":
        return torch.from_numpy(
            table[list(classes)].apply(pd.to_numeric).to_numpy(np.float32, copy=True)
        )
    places = {name: place for place, name in enumerate(classes)}
    return torch.tensor([places.get(label, -1) for label in table["label"]])


def known(targets: Tensor) -> Tensor:
    """Which targets are known, bool of the targets' shape."""
    return ~targets.isnan() if targets.is_floating_point() else targets >= 0


def probabilities(logits: Tensor, kind: str) -> np.ndarray:
    """Probabilities of logits.

    Parameters
    ----------
    logits : Tensor (N, classes)
    kind : {"label", "findings"}
        Softmax, or a sigmoid of each.

    Returns
    -------
    ndarray (N, classes)
        float64, 0 to 1.
    """
    return (logits.double().sigmoid() if kind == "findings" else logits.double().softmax(1)).numpy()


def thresholds(
    targets: Tensor, probabilities: np.ndarray, classes: Sequence[str], kind: str
) -> np.ndarray | None:
    """Youden's threshold of the second of two classes, or of each finding.

    Parameters
    ----------
    targets : Tensor (N,) or (N, findings)
    probabilities : ndarray (N, classes)
    classes : sequence of str
    kind : {"label", "findings"}

    Returns
    -------
    ndarray (1,) or (findings,), or None
        None for more than two classes.

    Raises
    ------
    ValueError
        Where the known cases are all with a class or finding, or all without it.
    """
    if kind == "label" and probabilities.shape[1] > 2:
        return None
    found = []
    for place, positive, score in one_against_rest(targets, probabilities):
        if len(set(positive)) < 2:
            raise ValueError(
                f"{classes[place]!r} has no threshold: of the tuning cases that are known all "
                "have it, or none"
            )
        found.append(youden_threshold(positive.astype(int), score))
    return np.array(found)


def youden_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold of the largest sensitivity + specificity.

    Parameters
    ----------
    labels : ndarray (N,)
        0 or 1.
    scores : ndarray (N,)

    Returns
    -------
    float
        A case is positive at and above it: the midpoint to the next lower observed score.

    References
    ----------
    Youden 1950, Cancer 3.
    """
    false_positive, true_positive, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    chosen = thresholds[np.argmax(true_positive - false_positive)]
    lower = scores[scores < chosen]
    return (
        float((chosen + lower.max()) / 2)
        if len(lower) and np.isfinite(chosen)
        else float(min(chosen, 1.0))
    )
