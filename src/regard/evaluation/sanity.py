"""Sanity: does a heat map change when it must, and stay when it should?

It must change with the weights of the network (Adebayo et al. 2018), and should not with a little
noise in the image or with the seed of its own random numbers.
"""

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from regard.attribution import attribute
from regard.attribution.nulls import reinitialised
from regard.core.seeds import generator
from regard.models import preprocessing


def cascade(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    method: str,
    levels: int = 5,
    seed: int = 0,
    **parameters,
) -> Iterator[tuple[str, Tensor]]:
    """Maps (N, H, W) of networks whose layers are drawn anew from the head downwards, ever more of
    them: the name of the lowest such layer and the maps, `levels` times; the first has a new head
    alone, the last new weights throughout.

    parameters: of the method, as in `attribute`. Raises ValueError for fewer than two levels.
    """
    if levels < 2:
        raise ValueError(f"a cascade needs at least two levels, not {levels}")
    blank = reinitialised(model, seed)
    learned = [
        name for name, module in model.named_modules() if list(module.parameters(recurse=False))
    ][::-1]
    for level in range(levels):
        count = 1 + round(level * (len(learned) - 1) / (levels - 1))
        partly = copy.deepcopy(model)
        for name in learned[:count]:
            partly.get_submodule(name).load_state_dict(blank.get_submodule(name).state_dict())
        yield learned[count - 1], attribute(partly, images, targets, method, **parameters).cpu()


def rank_correlation(one: Tensor, other: Tensor) -> Tensor:
    """Spearman's correlation over the pixels of each pair of maps (N, H, W), ties with their mean
    rank: (N,), float64; NaN where a map is constant or not finite."""
    first, second = (
        torch.from_numpy(rankdata(maps.flatten(1).cpu().numpy(), axis=1)) for maps in (one, other)
    )
    first, second = (each - each.mean(dim=1, keepdim=True) for each in (first, second))
    broken = (
        ~torch.isfinite(one).flatten(1).all(dim=1).cpu()
        | ~torch.isfinite(other).flatten(1).all(dim=1).cpu()
    )
    return ((first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1))).masked_fill(
        broken, torch.nan
    )


def structural_similarity(one: Tensor, other: Tensor) -> Tensor:
    """The mean structural similarity (Wang et al. 2004) of each pair of maps (N, H, W), each map
    over its largest absolute value: (N,), float64; NaN where a map is constant or not finite, as
    its rank correlation is."""
    from skimage.metrics import structural_similarity as of_pair  # takes a second

    scaled, defined = [], torch.full((len(one),), True)
    for maps in (one.double().cpu(), other.double().cpu()):
        flat = maps.flatten(1)
        defined &= torch.isfinite(flat).all(dim=1) & (flat.amax(dim=1) > flat.amin(dim=1))
        scaled.append((maps / maps.abs().amax(dim=(1, 2), keepdim=True)).numpy())
    values = [
        of_pair(*pair, data_range=2.0) if able else np.nan
        for *pair, able in zip(*scaled, defined.tolist())
    ]
    return torch.tensor(values, dtype=torch.float64)


def noisy(
    images: Tensor, amount: float = 0.05, seed: int = 0, model: nn.Module | None = None
) -> Tensor:
    """`images` (N, C, H, W) with Gaussian noise, the same in all channels, of standard deviation
    `amount` in units of ImageNet's network input (`preprocessing.unit` of `model`), drawn from the
    image's content and `seed`."""
    shape = tuple(images.shape[-2:])
    noise = np.stack([generator(seed, image, "noise").standard_normal(shape) for image in images])
    return (
        images
        + amount * preprocessing.unit(model, images) * torch.from_numpy(noise).to(images)[:, None]
    )


def unrelated(patients: Sequence[str]) -> list[int | None]:
    """For each of N maps the next one of another patient, round the end; None where there is none.
    What two such maps have in common, they have for no reason."""
    count = len(patients)

    def later(row):
        return ((row + step) % count for step in range(1, count))

    return [
        next((other for other in later(row) if patients[other] != patients[row]), None)
        for row in range(count)
    ]
