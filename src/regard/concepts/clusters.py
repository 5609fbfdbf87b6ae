"""Clusters of activations, a global explanation (after Bajger et al. 2025, arXiv 2511.14558).

The activations of a layer at all locations of all tiles are V (locations x channels), non-negative
after a ReLU. V = W H + residual: the rows of H are K prototypes, W is the weight of each at a
location. H is learned from training patients; the weights of other tiles are found with H fixed.
Other dictionaries with K rows are the baseline of the claim that such clusters explain a network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from regard import kernels
from regard.models import receptive_field


@torch.no_grad()
def activations(
    model: nn.Module, images: Tensor, layer: str = "features", batch: int = 32
) -> Tensor:
    """The activations of a layer.

    Parameters
    ----------
    images : Tensor
        Normalised, float32 (N, 3, H, W).
    layer : str
        A name of `model.named_modules()`.
    batch : int
        Images that go through the network at a time.

    Returns
    -------
    Tensor
        Float32 (N, C, h, w), on the CPU.

    Raises
    ------
    ValueError
        For a layer that does not exist, that gives no maps, or that gives negative values: clusters
        need a layer after a ReLU.
    """
    device = next(model.parameters()).device
    parts = [
        receptive_field.output(model, part.to(device), layer).float().cpu()
        for part in images.split(batch)
    ]
    found = torch.cat(parts)
    if found.ndim != 4:
        raise ValueError(f"layer {layer!r} gives {tuple(found.shape)}, and no maps (N, C, h, w)")
    if found.min() < 0:
        raise ValueError(
            f"layer {layer!r} gives negative values; name one after a ReLU, such as 'features'"
        )
    return found


def locations(maps: Tensor) -> Tensor:
    """Maps (N, C, h, w) as vectors (N h w, C): image by image, row by row."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def of_images(vectors: Tensor, chosen: np.ndarray) -> Tensor:
    """The vectors of the images `chosen`, bool (N,), of all vectors (N h w, K) of `locations`."""
    of_each = vectors.view(len(chosen), -1, vectors.shape[1])
    return of_each[torch.from_numpy(chosen)].flatten(0, 1)


def as_maps(vectors: Tensor, shape: Sequence[int]) -> Tensor:
    """Vectors (N h w, K) as maps (N, K, h, w), the inverse of `locations`. shape: (h, w)."""
    return vectors.view(-1, *shape, vectors.shape[1]).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Dictionary:
    """K rows, of which vectors are weighted sums.

    Attributes
    ----------
    rows : Tensor
        (K, C).
    coding : str
        A name in CODINGS: how weights are found.
    origin : Tensor
        (C,): the vector whose weights are all zero.
    """

    rows: Tensor
    coding: str
    origin: Tensor

    def encode(self, values: Tensor) -> Tensor:
        """Weights (n, K) of vectors (n, C)."""
        return CODINGS[self.coding](values - self.origin, self.rows)

    def decode(self, weights: Tensor) -> Tensor:
        """Vectors (n, C) of weights (n, K)."""
        return weights @ self.rows + self.origin


def _nearest(values: Tensor, rows: Tensor) -> Tensor:
    """The row with the largest cosine, with the length that fits best."""
    fits = values @ rows.T
    best = fits.argmax(dim=1, keepdim=True)
    return torch.zeros_like(fits).scatter_(1, best, fits.gather(1, best))


# name -> weights (n, K) of values (n, C) for rows (K, C) of length one
CODINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "non-negative": kernels.nonnegative,  # least squares without negative weights
    "nearest": _nearest,  # one row for each location
    "linear": lambda values, rows: values @ rows.T,  # orthogonal rows, weights of either sign
}


def nmf(values: Tensor, k: int, seed: int | None = None) -> Dictionary:
    """Non-negative matrix factorisation, from NNDSVDa, or with a seed from random rows."""
    start = kernels.nndsvda(values, k)[None] if seed is None else _random(1, k, values, seed)
    return Dictionary(
        kernels.nmf(values, start).dictionary[0], "non-negative", torch.zeros(values.shape[1])
    )


def kmeans(values: Tensor, k: int, seed: int | None = None) -> Dictionary:
    """Spherical k-means (Dhillon and Modha 2001): groups of vectors by their direction."""
    from sklearn.cluster import KMeans

    length = values.norm(dim=1, keepdim=True)
    unit = (values / torch.where(length > 0, length, 1.0))[length[:, 0] > 0].numpy()
    found = KMeans(k, n_init=3, random_state=seed or 0).fit(unit).cluster_centers_
    rows = torch.from_numpy(found / np.linalg.norm(found, axis=1, keepdims=True)).to(values)
    return Dictionary(rows, "nearest", torch.zeros(values.shape[1]))


def pca(values: Tensor, k: int, seed: int | None = None) -> Dictionary:
    """Principal components, with signs that make the largest entry of each positive."""
    from sklearn.decomposition import PCA

    found = PCA(k, svd_solver="full").fit(values.double().numpy())
    rows = found.components_ * np.sign(
        np.take_along_axis(found.components_, np.abs(found.components_).argmax(1)[:, None], 1)
    )
    return Dictionary(
        torch.from_numpy(rows).to(values), "linear", torch.from_numpy(found.mean_).to(values)
    )


def random(values: Tensor, k: int, seed: int | None = None) -> Dictionary:
    """Random non-negative rows, which depend on the vectors by their number of channels alone."""
    rows = _random(1, k, values, seed or 0)[0]
    return Dictionary(
        rows / rows.norm(dim=1, keepdim=True), "non-negative", torch.zeros(values.shape[1])
    )


def _random(fits: int, k: int, values: Tensor, seed: int) -> Tensor:
    """Starts (fits, k, C) of half-normal entries, each from a seed of its own."""
    made = [
        np.abs(np.random.default_rng([seed, fit]).standard_normal((k, values.shape[1])))
        for fit in range(fits)
    ]
    return torch.from_numpy(np.stack(made)).to(values) * values.mean()


# name -> function (values (n, C), k, seed) -> Dictionary
DICTIONARIES: dict[str, Callable[..., Dictionary]] = {
    "nmf": nmf,
    "k-means": kmeans,
    "pca": pca,
    "random": random,
}


def refits(
    values: Tensor, k: int, patients: np.ndarray, fits: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Factorisations from random starts, and of bootstrap samples of the patients from NNDSVDa.

    Parameters
    ----------
    values : Tensor
        V (n, C).
    k : int
        Rows of each factorisation.
    patients : ndarray
        (n,): the patient of each location.
    fits, seed : int
        How many of each kind, and their seed.

    Returns
    -------
    tuple of Tensor
        H of either kind, (fits, k, C) each.
    """
    starts = kernels.nmf(values, _random(fits, k, values, seed)).dictionary
    names, member = np.unique(patients, return_inverse=True)
    counts = np.random.default_rng([seed, k]).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=fits
    )
    weights = torch.from_numpy(counts[:, member]).to(values)
    same = kernels.nndsvda(values, k).expand(fits, -1, -1).contiguous()
    return starts, kernels.nmf(values, same, weights).dictionary


def matched(rows: Tensor, others: Tensor) -> tuple[float, np.ndarray]:
    """The mean cosine of rows with their partners among as many others.

    Parameters
    ----------
    rows, others : Tensor
        (K, C) each. A row of zeros has the cosine 0.

    Returns
    -------
    float
        The mean cosine of the assignment with the largest sum (Kuhn 1955).
    ndarray
        (K,): the partner of each row.
    """
    unit = [each / each.norm(dim=1, keepdim=True).clamp(min=1e-12) for each in (rows, others)]
    cosine = (unit[0] @ unit[1].T).numpy()
    first, partner = linear_sum_assignment(-cosine)
    return float(cosine[first, partner].mean()), partner


def explained(values: Tensor, dictionary: Dictionary, weights: Tensor) -> float:
    """The share of the squared norm of `values` (n, C) that a dictionary with weights (n, K)
    explains.
    """
    rest = (values - dictionary.decode(weights)).double().square().sum()
    return float(1 - rest / values.double().square().sum())


def colours(images: np.ndarray, shape: Sequence[int]) -> Tensor:
    """The mean optical density (N h w, channels) of uint8 images (N, H, W) or (N, H, W, 3) around
    each location of a map (h, w), for clusters of colours.
    """
    density = -torch.log((torch.from_numpy(images).float() + 1) / 256)
    density = density[:, None] if density.ndim == 3 else density.permute(0, 3, 1, 2)
    return locations(nn.functional.adaptive_avg_pool2d(density, (shape[0], shape[1])))


def by_colour(values: Tensor, k: int, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """A function from vectors (n, channels) to weights (n, k): one for the nearest of k clusters of
    `values`, zero for the others.
    """
    from sklearn.cluster import KMeans

    found = KMeans(k, n_init=3, random_state=seed).fit(values.numpy())
    return lambda some: nn.functional.one_hot(
        torch.from_numpy(found.predict(some.numpy()).astype(np.int64)), k
    ).float()


def contrast(classes: Sequence[str], kind: str, target: str = "") -> Tensor:
    """The weights that make one number of a network's logits.

    Parameters
    ----------
    classes : sequence of str
        The names of the logits.
    kind : str
        "findings": the logit of the target alone. Else: minus the mean of the other logits.
    target : str
        One of the classes; empty: the last.

    Returns
    -------
    Tensor
        (classes,).

    Raises
    ------
    ValueError
        For an unknown target.
    """
    target = target or classes[-1]
    if target not in classes:
        raise ValueError(f"the network knows no {target!r}; it knows {', '.join(classes)}")
    found = (
        torch.zeros(len(classes))
        if kind == "findings"
        else torch.full((len(classes),), -1 / (len(classes) - 1))
    )
    found[list(classes).index(target)] = 1.0
    return found


def head(model: nn.Module) -> nn.Linear:
    """The linear head of a network of `models.backbones`."""
    found = model.get_submodule("head")
    assert isinstance(found, nn.Linear)
    return found


def logits(model: nn.Module, maps: Tensor) -> Tensor:
    """The logits (N, classes) that the pool and the head make of feature maps (N, C, h, w)."""
    for name in ("pool", "flatten", "head"):
        maps = model.get_submodule(name)(maps)
    return maps


@torch.no_grad()
def outputs(model: nn.Sequential, maps: Tensor, towards: Tensor) -> Tensor:
    """The contrast `towards` (classes,) of the logits when feature maps (N, C, h, w) replace the
    output of `model.features`: float64 (N,).
    """
    device = next(model.parameters()).device
    parts = [logits(model, part.to(device)).cpu() for part in maps.split(256)]
    return torch.cat(parts).double() @ towards.double()


def contributions(dictionary: Dictionary, head: Tensor) -> Tensor:
    """H_k . w (K,): what one unit of a cluster adds to the output at any location, before the pool.
    head: w (C,), the contrast of the head's weights.
    """
    return dictionary.rows @ head


def predicted_removal(
    maps: Tensor, weights: Tensor, dictionary: Dictionary, head: Tensor, pool: str
) -> Tensor:
    """By how much the removal of each cluster should lower the output, to first order.

    Parameters
    ----------
    maps : Tensor
        (N, C, h, w): the activations.
    weights : Tensor
        (N h w, K): of the clusters.
    head : Tensor
        w (C,): the contrast of the head's weights.
    pool : str
        "avg" or "max".

    Returns
    -------
    Tensor
        (N, K).

    Notes
    -----
    An average pool is linear: the mean weight of the cluster times H_k . w. With a max pool each
    channel c counts at its maximum: the sum over c of the weight there times H_kc w_c.
    """
    codes = as_maps(weights, maps.shape[2:]).flatten(2)
    if pool == "avg":
        return codes.mean(dim=2) * contributions(dictionary, head)
    at = maps.flatten(2).argmax(dim=2)  # (N, C)
    there = codes.gather(2, at[:, None].expand(-1, codes.shape[1], -1))  # (N, K, C)
    return (there * (dictionary.rows * head)).sum(dim=2)


def removal(
    model: nn.Sequential,
    maps: Tensor,
    weights: Tensor,
    dictionary: Dictionary,
    towards: Tensor,
    shuffled: int | None = None,
) -> Tensor:
    """How much the output falls when a cluster's share W_k H_k is subtracted from the activations,
    which stay non-negative.

    Parameters
    ----------
    maps, weights
        As of `predicted_removal`.
    towards : Tensor
        (classes,): of `contrast`.
    shuffled : int or None
        A seed: the channels of each H_k are permuted, a control of the same size.

    Returns
    -------
    Tensor
        Float64 (N, K).
    """
    whole, found, values = outputs(model, maps, towards), [], locations(maps)
    for k in range(weights.shape[1]):
        row = dictionary.rows[k]
        if shuffled is not None:
            row = row[torch.from_numpy(np.random.default_rng([shuffled, k]).permutation(len(row)))]
        rest = (values - weights[:, k : k + 1] * row).clamp(min=0)
        found.append(whole - outputs(model, as_maps(rest, maps.shape[2:]), towards))
    return torch.stack(found, dim=1)
