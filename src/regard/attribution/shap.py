"""SHAP values of a logit (Lundberg and Lee 2017), estimated by the shap library; the network runs in our batches."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from regard.attribution.superpixels import hidden_by_mean, pictures, superpixels
from regard.kernels.perturb import evaluator, masked_logits


def shap(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    algorithm: str = "partition",
    evaluations: int = 1000,
    blur: int = 8,
    chunk: int = 32,
    precision: str = "float32",
) -> Tensor:
    """SHAP maps (N, H, W), signed, summed over the channels.

    algorithm: "partition" (Owen values over boxes cut in halves; what is hidden shows the mean of `blur` x `blur` pixels), or
    "kernel" (Kernel SHAP over quickshift superpixels; what is hidden shows its superpixel's mean). evaluations: of the network per image;
    chunk, precision: as in `kernels.perturb`. Raises ValueError for an unknown algorithm.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"unknown algorithm {algorithm!r}; known are {', '.join(ALGORITHMS)}")
    quick = evaluator(model, precision)
    parts = zip(images, pictures(images), targets.tolist())
    return torch.stack([ALGORITHMS[algorithm](quick, *part, evaluations, blur, chunk) for part in parts]).to(images)


def _partition(quick, image: Tensor, picture, target: int, evaluations: int, blur: int, chunk: int) -> Tensor:
    from shap import PartitionExplainer
    from shap.maskers import Image

    shown = image.permute(1, 2, 0).float().cpu().numpy()
    hidden = uniform_filter(shown, size=(blur, blur, 1), mode="mirror")
    explainer = PartitionExplainer(logits_of(quick, target, image.device, chunk), Image(hidden, shown.shape))
    found = explainer(shown[None], max_evals=evaluations, batch_size=chunk, silent=True)
    return torch.from_numpy(np.asarray(found.values[0], dtype=np.float64).reshape(*shown.shape).sum(axis=2))


def _kernel(quick, image: Tensor, picture, target: int, evaluations: int, blur: int, chunk: int) -> Tensor:
    from shap import KernelExplainer

    parts = superpixels(picture)
    segments = torch.from_numpy(parts).to(image.device)
    hidden = hidden_by_mean(image, segments)

    def logits(masks: np.ndarray) -> np.ndarray:
        shown = torch.from_numpy(masks > 0.5)
        return masked_logits(quick, image, hidden, segments, shown, target, chunk).double().cpu().numpy()

    count = parts.max() + 1
    explainer = KernelExplainer(logits, np.zeros((1, count)))
    found = np.asarray(explainer.shap_values(np.ones((1, count)), nsamples=evaluations, silent=True)).ravel()
    return torch.from_numpy(found[parts])


ALGORITHMS = {"partition": _partition, "kernel": _kernel}


def logits_of(quick: nn.Module, target: int, device: torch.device, chunk: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from inputs (n, H, W, C) of numpy to the logit `target` (n,), as the shap library calls a model."""
    kind = next(quick.parameters()).dtype

    @torch.no_grad()
    def logits(given: np.ndarray) -> np.ndarray:
        seen = (
            torch.from_numpy(np.ascontiguousarray(given)).to(device, kind).permute(0, 3, 1, 2)
        )  # channels_last as it is
        return torch.cat([quick(part)[:, target] for part in seen.split(chunk)]).double().cpu().numpy()

    return logits
