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
    """Masks bool (count, segments): the first shows everything, in the others each superpixel is
    there or not by chance, drawn as the lime library draws them with `random_state=seed`."""
    source = np.random.RandomState(seed)
    source.randint(0, high=1000)  # the library's seed for its superpixels
    masks = source.randint(0, 2, count * segments).reshape(count, segments).astype(bool)
    masks[0] = True
    return masks


def coefficients(
    masks: np.ndarray, logits: np.ndarray, kernel_width: float = 0.25, ridge: float = 1.0
) -> np.ndarray:
    """The weight of each superpixel (S,): ridge regression of the logits on the masks, a mask
    weighing the more the nearer it is to showing everything, sqrt(exp(-d^2 / kernel_width^2)) with
    d the cosine distance, as in the lime library."""
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
    """LIME maps (N, H, W), signed: each pixel has its superpixel's coefficient for the logit.

    superpixels: "quickshift" or "slic", of the image as it was before normalisation; fill: what
    hidden ones show, as in `superpixels.hidden`; evaluations: masks per image; the rest as in
    `coefficients` and `kernels.evaluator`. Masks are drawn from `seed` and the image's own content,
    so that neither batch nor order matters. Where a logit is not finite, neither is the map.
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
