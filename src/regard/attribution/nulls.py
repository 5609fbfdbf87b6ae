"""Null maps: heat maps that know nothing of what a network learned. A method that does no better
shows nothing about it.
"""

import copy
from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.filters import sobel
from torch import Tensor, nn

from regard.attribution import accepted
from regard.attribution.superpixels import pictures
from regard.core.seeds import generator

CHANNELS = ("mean", "haematoxylin")
MIN_NETWORKS = 10  # that `random-network` is a mean over
DRAWN = nn.Linear | nn.modules.conv._ConvNd  # whose weights `reinitialised` draws


def ones(images: Tensor) -> Tensor:
    """The same value everywhere, (N, H, W); by the tie rule of the pointing game it points at the
    centre.
    """
    return torch.ones(len(images), *images.shape[-2:])


def centre(images: Tensor, width: float = 0.25) -> Tensor:
    """A Gaussian in the middle of the image.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    width : float
        Standard deviation as a share of the image's sides.

    Returns
    -------
    Tensor (N, H, W)
        In (0, 1].
    """
    height, length = images.shape[-2:]

    def axis(size: int) -> Tensor:
        return torch.exp(-0.5 * ((torch.arange(size) + 0.5 - size / 2) / (width * size)) ** 2)

    return (axis(height)[:, None] * axis(length)[None, :]).expand(len(images), -1, -1).clone()


def edges(images: Tensor, channel: str = "mean", *, model: nn.Module | None = None) -> Tensor:
    """Sobel magnitude of the image.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    channel : {"mean", "haematoxylin"}
        The mean over the channels; or, for tissue in haematoxylin and eosin, the optical density of
        haematoxylin (Ruifrok and Johnston 2001).
    model : nn.Module, optional
        Whose preprocessing the images have; "haematoxylin" needs it.

    Returns
    -------
    Tensor (N, H, W)
        >= 0.

    Raises
    ------
    ValueError
        For another channel.
    """
    if channel not in CHANNELS:
        raise ValueError(f"unknown channel {channel!r}; known are {', '.join(CHANNELS)}")
    if channel == "mean":
        grey = images.detach().cpu().double().mean(dim=1).numpy()
    else:
        from skimage.color import rgb2hed

        grey = rgb2hed(pictures(images, model))[..., 0]
    return torch.from_numpy(np.stack([sobel(image) for image in grey])).float()


def random(images: Tensor, smoothing: float = 0.05, seed: int = 0) -> Tensor:
    """White noise smoothed by a Gaussian.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    smoothing : float
        Standard deviation as a share of the image's width.
    seed : int
        Noise depends on it and on the image's content, not on batch or order.

    Returns
    -------
    Tensor (N, H, W)

    Notes
    -----
    The smoothing is periodic, so that the maximum is equally likely at every pixel.
    """
    maps = []
    for image in images:
        noise = generator(seed, image, "random").standard_normal(tuple(image.shape[-2:]))
        maps.append(gaussian_filter(noise, smoothing * image.shape[-1], mode="wrap"))
    return torch.from_numpy(np.stack(maps)).float()


def prior(images: Tensor, *, prior: Tensor | None = None) -> Tensor:
    """The mean mask of the training cases.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    prior : Tensor (H, W) or (N, H, W)
        The mask for all images, or for each.

    Returns
    -------
    Tensor (N, H, W)

    Raises
    ------
    ValueError
        Without a prior, and for one of another size.
    """
    if prior is None:
        raise ValueError("the null map 'prior' needs prior=, the mean mask of the training cases")
    size = (len(images), *images.shape[-2:])
    if tuple(prior.shape) not in (size, size[1:]):
        raise ValueError(
            f"prior= is {tuple(prior.shape)}, where images of {size[1:]} need (H, W) or (N, H, W)"
        )
    return prior.detach().cpu().float().expand(size).clone()


def random_network(
    images: Tensor,
    *,
    model: nn.Module | None = None,
    targets: Tensor | None = None,
    method: str = "grad-cam",
    seed: int = 0,
    networks: int = 10,
    **parameters,
) -> Tensor:
    """A method's mean map over networks with random weights.

    Parameters
    ----------
    images : Tensor (N, C, H, W)
    model : nn.Module
        The trained network, whose architecture is used.
    targets : Tensor (N,)
    method : str
        A name in METHODS; `parameters` are that method's own.
    seed : int
        Networks are drawn from `seed`, `seed` + 1, ...
    networks : int
        How many, at least MIN_NETWORKS.

    Returns
    -------
    Tensor (N, H, W)
        >= 0.

    Raises
    ------
    ValueError
        For fewer networks, without a model or targets, and what `attribute` raises.

    Notes
    ----- The sign of a random logit has no meaning: head weights w and -w are equally likely, and
    give maps R and -R. So the expected positive relevance is half the expected absolute relevance,
    and each map counts as |R|. It is divided by its mean, so that networks count alike. A map that
    is zero everywhere is left out.
    """
    from regard.attribution import attribute  # the registry, which holds these null maps as well

    if model is None or targets is None:
        lacking = "model" if model is None else "targets"
        raise ValueError(f"the null map 'random-network' needs {lacking}=")
    if isinstance(networks, bool) or not isinstance(networks, int) or networks < MIN_NETWORKS:
        raise ValueError(
            f"the null map 'random-network' is a mean over `networks`, {MIN_NETWORKS} at least: "
            f"one draw decides nothing; not {networks!r}"
        )
    total = torch.zeros(len(images), *images.shape[-2:], dtype=torch.float64)
    for draw in range(seed, seed + networks):
        maps = (
            attribute(reinitialised(model, draw), images, targets, method, **parameters)
            .cpu()
            .double()
            .abs()
        )
        total += maps / maps.mean(dim=(1, 2), keepdim=True).clamp(
            min=torch.finfo(torch.float64).tiny
        )
    return (total / networks).float()


def reinitialised(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy of a network with all weights re-initialised.

    Weights of convolutions and dense layers are drawn as in He et al. (2015, ICCV, eq. 10), biases
    are 0, batch norms are the identity. Buffers beside layers that are drawn count as constants.

    Parameters
    ----------
    model : nn.Module
    seed : int
        The same weights for the same seed on every device.

    Returns
    -------
    nn.Module

    Raises
    ------
    ValueError
        For weights that no rule draws, that are not registered, and where nothing is drawn.
    """
    model = accepted.unwrapped(model)
    if hidden := _unregistered(model):
        raise ValueError(
            f"{hidden} of the model holds weights that are not registered, so that they cannot be "
            "drawn anew; keep it in a torch.nn.ModuleList, ModuleDict or ParameterList"
        )
    blank = accepted.explained(copy.deepcopy, model, what="the copy of the model to draw anew")
    source, drawn = torch.Generator().manual_seed(seed), False
    with torch.no_grad():
        for where, module in blank.named_modules():
            known = isinstance(module, DRAWN | nn.modules.batchnorm._BatchNorm)
            others = [name for name, _ in module.named_parameters(recurse=False)]
            others = [name for name in others if not known or name not in ("weight", "bias")]
            if others:  # such as weight_orig, from which a spectral norm computes the weight
                raise ValueError(
                    f"{type(module).__name__} has learned {others[0]!r} "
                    f"({where or 'the model itself'}), and no rule says how to draw it anew"
                )
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.reset_running_stats()
                for value, start in ((module.weight, 1.0), (module.bias, 0.0)):
                    if value is not None:
                        value.fill_(start)
            elif isinstance(module, DRAWN):
                spread = (2 / module.weight[0].numel()) ** 0.5
                module.weight.copy_(spread * torch.randn(module.weight.shape, generator=source))
                if module.bias is not None:
                    module.bias.zero_()
                drawn = True
    if not drawn:
        kept = ", ".join(name for name, _ in model.named_buffers()) or "nothing else"
        raise ValueError(
            f"the model has no convolution or dense layer to draw anew (it holds {kept}), so that "
            "the map would be its own; make its weights those of such layers"
        )
    return blank


def _unregistered(model: nn.Module) -> str:
    """The first attribute in `model` that holds a network or parameters unknown to torch, or ""."""
    known = {id(one) for one in (*model.modules(), *model.parameters())}
    seen = set()  # a list may hold itself

    def held(value: object) -> bool:
        if isinstance(value, Mapping | list | tuple | set) and id(value) in seen:
            return False
        seen.add(id(value))
        if isinstance(value, Mapping):
            return any(map(held, value.values()))
        if isinstance(value, list | tuple | set):
            return any(map(held, value))
        return isinstance(value, nn.Module | nn.Parameter) and id(value) not in known

    own = vars(nn.Module())  # where torch registers, and hooks
    for where, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in own and held(value):
                return f"{where}.{name}".lstrip(".")
    return ""


NULLS: dict[str, Callable[..., Tensor]] = {
    "ones": ones,
    "centre": centre,
    "edges": edges,
    "random": random,
    "prior": prior,
    "random-network": random_network,
}
NEEDS = {"prior": "prior", "random-network": "model", "edges": "model"}


def nulls(
    name: str,
    images: Tensor,
    *,
    model: nn.Module | None = None,
    prior: Tensor | None = None,
    **parameters,
) -> Tensor:
    """Null maps: heat maps that do not depend on what a network learned.

    Parameters
    ----------
    name : str
        A key of NULLS.
    images : Tensor (N, C, H, W)
        Network inputs.
    model : nn.Module, optional
        For "random-network" the trained network, which also needs `targets`; for "edges" the
        network whose preprocessing the images have.
    prior : Tensor, optional
        For "prior", the mean mask of the training cases, (H, W) or (N, H, W).
    **parameters
        The null map's own.

    Returns
    -------
    Tensor (N, H, W)
        float32.

    Raises
    ------
    ValueError
        For an unknown name or parameter, and without what the null map is made from.
    """
    if name not in NULLS:
        raise ValueError(f"unknown null map {name!r}; known are {', '.join(NULLS)}")
    from regard.attribution import check_parameters

    check_parameters(f"null map {name!r}", NULLS[name], parameters)
    if name in NEEDS:
        parameters[NEEDS[name]] = {"prior": prior, "model": model}[NEEDS[name]]
    if not len(images):
        return torch.zeros(0, *images.shape[-2:])
    return NULLS[name](images, **parameters)
