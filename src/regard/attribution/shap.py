"""SHAP values of a logit (Lundberg and Lee 2017), estimated by the shap library; the network runs
in our batches.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from regard.attribution.superpixels import hidden, pictures
from regard.attribution.superpixels import superpixels as parts_of
from regard.core.seeds import drawn, numpy_seeded
from regard.kernels.evaluator import dtype_of, evaluator
from regard.kernels.masked_forward import masked_logits

# masks the library asks for at a time; which boxes it cuts depends on it, so it must not depend on
# memory
ASKED = 64


def shap(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    algorithm: str = "partition",
    evaluations: int = 1000,
    blur: int = 8,
    superpixels: str = "quickshift",
    fill: str | float = "mean",
    l1_reg: str | float | bool = False,
    seed: int = 0,
    chunk: int = 32,
    precision: str = "float32",
) -> Tensor:
    """SHAP maps, summed over the channels.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, 3, H, W)
    targets : Tensor (N,)
    algorithm : {"partition", "kernel", "gradient"}
        Owen values over boxes cut in halves; Kernel SHAP over superpixels; or expected gradients
        between the blurred image and the image (Erion et al. 2021), in float32 whatever
        `precision`.
    evaluations : int
        Forward passes of the network per image.
    blur : int
        Hidden pixels show the mean of `blur` x `blur` pixels ("partition", "gradient").
    superpixels, fill
        As in `lime` ("kernel").
    l1_reg : str, float or bool
        The shap library's: which superpixels may have a value, False for all ("kernel").
    seed : int
        Random numbers depend on it and on the image's content, not on batch or order.
    chunk : int
        Images in memory at a time.
    precision : {"float32", "bfloat16"}

    Returns
    -------
    Tensor (N, H, W)
        Signed, in logits.

    Raises
    ------
    ValueError
        For an unknown algorithm.

    References
    ----------
    Lundberg and Lee 2017, NeurIPS, eq. 8 (Kernel SHAP: theorem 2).
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"unknown algorithm {algorithm!r}; known are {', '.join(ALGORITHMS)}")
    maps = []
    quick = model if algorithm == "gradient" else evaluator(model, precision)
    options: dict[str, dict[str, Any]] = {
        "partition": {"blur": blur},
        "kernel": {"kind": superpixels, "fill": fill, "l1_reg": l1_reg},
        "gradient": {"blur": blur},
    }
    for image, target in zip(images, targets.tolist()):
        own = drawn(seed, image, "shap")
        with numpy_seeded(own):
            maps.append(
                ALGORITHMS[algorithm](
                    quick, image, target, evaluations, chunk, own, **options[algorithm]
                )
            )
    return torch.stack(maps).to(images)


def blurred(image: Tensor, blur: int) -> np.ndarray:
    """`image` (C, H, W) with each pixel the mean of the `blur` x `blur` around it, (H, W, C)."""
    shown = image.permute(1, 2, 0).float().cpu().numpy()
    return uniform_filter(shown, size=(blur, blur, 1), mode="mirror")


def _partition(
    quick: nn.Module, image: Tensor, target: int, evaluations: int, chunk: int, seed: int, blur: int
) -> Tensor:
    from shap import PartitionExplainer
    from shap.maskers import Image

    class Masks(Image):
        """The library's masks as they are: they are expanded beside the network, and not one by one
        in numpy.
        """

        def __call__(self, mask: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray]:
            return (mask[None],)

    shown = image.permute(1, 2, 0).float().cpu().numpy()
    baseline = blurred(image, blur)
    logits = logits_of(quick, shown, baseline, target, chunk, image.device)
    explainer = PartitionExplainer(logits, Masks(baseline, shown.shape))
    found = explainer(shown[None], max_evals=evaluations, batch_size=ASKED, silent=True)
    return torch.from_numpy(
        np.asarray(found.values[0], dtype=np.float64).reshape(*shown.shape).sum(axis=2)
    )


def _kernel(
    quick: nn.Module,
    image: Tensor,
    target: int,
    evaluations: int,
    chunk: int,
    seed: int,
    kind: str,
    fill: str | float,
    l1_reg: str | float | bool,
) -> Tensor:
    from shap import KernelExplainer

    parts = parts_of(pictures(image[None], quick)[0], kind)
    segments = torch.from_numpy(parts).to(image.device)
    baseline = hidden(image, segments, fill, quick)

    def logits(masks: np.ndarray) -> np.ndarray:
        shown = torch.from_numpy(masks > 0.5)
        return (
            masked_logits(quick, image, baseline, segments, shown, target, chunk)
            .double()
            .cpu()
            .numpy()
        )

    count = parts.max() + 1
    explainer = KernelExplainer(logits, np.zeros((1, count)))
    found = np.asarray(
        explainer.shap_values(np.ones((1, count)), nsamples=evaluations, l1_reg=l1_reg, silent=True)
    ).ravel()
    return torch.from_numpy(found[parts])


class _Logit(nn.Module):
    """One logit (N, 1) of a network, so that the library draws the gradient of no other."""

    def __init__(self, model: nn.Module, target: int):
        super().__init__()
        self.model, self.target = model, target

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)[:, self.target, None]


def _gradient(
    model: nn.Module, image: Tensor, target: int, evaluations: int, chunk: int, seed: int, blur: int
) -> Tensor:
    from shap import GradientExplainer

    baseline = torch.from_numpy(blurred(image, blur)).to(image.device).permute(2, 0, 1)[None]
    with torch.enable_grad():  # the library draws in float32
        explainer = GradientExplainer(
            _Logit(copy.deepcopy(model).float(), target).eval(), baseline, batch_size=chunk
        )
        found = np.asarray(
            explainer.shap_values(image[None].detach().float(), nsamples=evaluations, rseed=seed)
        )
    return torch.from_numpy(found.reshape(image.shape).sum(axis=0))


# name -> function (network, image, target, evaluations, chunk, seed, **options) -> (H, W)
ALGORITHMS: dict[str, Callable[..., Tensor]] = {
    "partition": _partition,
    "kernel": _kernel,
    "gradient": _gradient,
}


def logits_of(
    quick: nn.Module,
    shown: np.ndarray,
    hidden: np.ndarray,
    target: int,
    chunk: int,
    device: torch.device | str = "cpu",
) -> Callable[[np.ndarray], np.ndarray]:
    """The network as the shap library calls it: a function from masks to logits.

    Parameters
    ----------
    quick : nn.Module
        On `device`.
    shown, hidden : ndarray (H, W, C)
        The image where a mask is True, and where it is not.
    target : int
        Index of the logit.
    chunk : int
        Images in memory at a time.
    device : torch.device or str

    Returns
    -------
    callable
        From bool (n, H * W * C) to float64 (n,).
    """
    kind = dtype_of(quick)
    image, baseline = (torch.from_numpy(value).to(device, kind) for value in (shown, hidden))

    @torch.no_grad()
    def logits(masks: np.ndarray) -> np.ndarray:
        found = []
        for part in torch.from_numpy(masks).split(chunk):
            seen = torch.where(part.to(device).view(-1, *image.shape), image, baseline)
            found.append(quick(seen.permute(0, 3, 1, 2))[:, target])  # channels_last as it is
        return torch.cat(found).double().cpu().numpy()

    return logits
