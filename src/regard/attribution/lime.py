"""LIME for images (Ribeiro et al., KDD 2016): a weighted linear model of the logit over superpixels
shown or hidden.
"""

import numpy as np
import torch
from torch import Tensor, nn

from regard.attribution.superpixels import hidden, pictures
from regard.attribution.superpixels import superpixels as parts_of
from regard.core.seeds import drawn
from regard.kernels.evaluator import evaluator
from regard.kernels.masked_forward import masked_logits


def samples(segments: int, count: int, seed: int) -> np.ndarray:
    """Masks of superpixels as the lime library draws them with `random_state=seed`.

    Parameters
    ----------
    segments, count : int
        Number of superpixels and of masks.
    seed : int

    Returns
    -------
    ndarray (count, segments)
        bool; the first mask shows everything, in the others each superpixel is shown with chance
        1/2.
    """
    source = np.random.RandomState(seed)
    source.randint(0, high=1000)  # the library's seed for its superpixels
    masks = source.randint(0, 2, count * segments).reshape(count, segments).astype(bool)
    masks[0] = True
    return masks


def coefficients(
    masks: np.ndarray, logits: np.ndarray, kernel_width: float = 0.25, ridge: float = 1.0
) -> np.ndarray:
    """Coefficient of each superpixel: ridge regression of the logits on the masks.

    Parameters
    ----------
    masks : ndarray (M, S)
        bool or 0/1.
    logits : ndarray (M,)
    kernel_width : float
        A mask weighs sqrt(exp(-d^2 / kernel_width^2)), d its cosine distance from showing
        everything.
    ridge : float
        Penalty of the regression.

    Returns
    -------
    ndarray (S,)
        In logits.

    References
    ----------
    Ribeiro et al. 2016, KDD, section 3.4; weights as in the lime library.
    """
    from sklearn.linear_model import Ridge  # slow to import

    shown = masks.sum(axis=1)
    distance = 1 - np.sqrt(
        shown / masks.shape[1]
    )  # the cosine between a 0/1 vector and ones; 1 for the empty mask
    weight = np.sqrt(np.exp(-(distance**2) / kernel_width**2))
    return Ridge(alpha=ridge, fit_intercept=True).fit(masks, logits, sample_weight=weight).coef_


def lime(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    evaluations: int = 1000,
    kernel_width: float = 0.25,
    ridge: float = 1.0,
    superpixels: str = "quickshift",
    fill: str | float = "mean",
    seed: int = 0,
    chunk: int = 32,
    precision: str = "float32",
) -> Tensor:
    """LIME maps: each pixel has its superpixel's coefficient for the logit.

    Parameters
    ----------
    model : nn.Module
    images : Tensor (N, 3, H, W)
    targets : Tensor (N,)
    evaluations : int
        Masks per image.
    kernel_width, ridge : float
        As in `coefficients`.
    superpixels : {"quickshift", "slic"}
        Of the image before normalisation.
    fill : str or float
        What hidden superpixels show, as in `superpixels.hidden`.
    seed : int
        Masks depend on it and on the image's content, not on batch or order.
    chunk : int
        Images in memory at a time.
    precision : {"float32", "bfloat16"}

    Returns
    -------
    Tensor (N, H, W)
        Signed, in logits; NaN for an image with a logit that is not finite.

    References
    ----------
    Ribeiro et al. 2016, KDD.
    """
    quick, maps = evaluator(model, precision), []
    for image, picture, target in zip(images, pictures(images, model), targets.tolist()):
        parts = parts_of(picture, superpixels)
        segments = torch.from_numpy(parts).to(images.device)
        masks = samples(parts.max() + 1, evaluations, drawn(seed, image, "lime"))
        logits = masked_logits(
            quick,
            image,
            hidden(image, segments, fill, model),
            segments,
            torch.from_numpy(masks),
            target,
            chunk,
        )
        if not torch.isfinite(logits).all():
            maps.append(torch.full_like(image[0], torch.nan))
            continue
        found = coefficients(masks, logits.double().cpu().numpy(), kernel_width, ridge)
        maps.append(torch.from_numpy(found[parts]).to(images))
    return torch.stack(maps)
