"""The networks: a torchvision feature extractor, a global pool and one linear layer, so that CAM is
exact.

A network is a plain `nn.Sequential(features, pool, flatten, head)`. As in Zhou et al. (CVPR 2016) a
VGG loses its last max pool and its dense layers, so that the last feature map keeps 1/16 of the
input's resolution; ResNet and DenseNet, which end in a global pool and a linear layer by
themselves, keep 1/32. All features end in a ReLU. Parameters are named as torchvision names them,
below `features` and `head`.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torchvision import models

from regard.core import project
from regard.models import checkpoints
from regard.models import preprocessing as inputs_of
from regard.models.extractors import BACKBONES, POOLS, Residual
from regard.models.preprocessing import IMAGENET, Preprocessing

__all__ = [
    "BACKBONES",
    "POOLS",
    "Residual",
    "build",
    "check_whole",
    "description",
    "digest",
    "inputs",
    "read",
    "weights_path",
    "write",
]


def build(
    name: str,
    classes: int,
    weights: str | Path | None = None,
    width: float = 1.0,
    pool: str = "avg",
    seed: int = 0,
    whole: bool = False,
    preprocessing: Preprocessing = IMAGENET,
) -> nn.Sequential:
    """A classifier with one logit per class, float32, in eval mode.

    Parameters
    ----------
    name : str
        A key of BACKBONES.
    classes : int
        Number of logits.
    weights : str or Path, optional
        "imagenet" (torchvision's, downloaded or from its cache), "fractal" (ours, in data/weights),
        None or "none" (random), or the path of a state dict: .safetensors, or .pth that loads with
        weights_only, in any floating-point type. Keys are torchvision's or those of `write`.
    width : float
        Factor on the number of channels, > 0; 1 gives torchvision's network.
    pool : {"avg", "max"}
        Global pool.
    seed : int
        Of the head, and of everything without weights.
    whole : bool
        False loads the features alone. True also loads the head ("head.*", "fc.*" or
        "classifier.*"), so that an existing classifier is explained unchanged.
    preprocessing : Preprocessing
        How the network's input is made from pixels; it is stored with the model.

    Returns
    -------
    nn.Sequential
        features, pool, flatten, head.

    Raises
    ------
    ValueError
        For an unknown name, pool or width, and for weights that do not fit.
    FileNotFoundError
        For a missing file.
    OSError
        For ImageNet weights that can be neither downloaded nor read.

    Notes
    ----- A head with one logit z, of a sigmoid, becomes for two classes a head with logits (-z/2,
    z/2). Its softmax gives the second class the same probability, softmax((-z/2, z/2))[1] = 1 / (1
    + exp(-z)). Signed maps of the two classes are then each other's negative, except for lrp-
    alpha2beta1, which weighs positive evidence twice; `gradient`, an absolute value, has one map
    for both.

    A VGG that was trained with its last max pool computes something else here, unless `pool` is
    "max" and the sides of the image are multiples of 32.
    """
    if name not in BACKBONES:
        raise ValueError(f"unknown backbone {name!r}; known are {sorted(BACKBONES)}")
    if pool not in POOLS:
        raise ValueError(f"unknown pool {pool!r}; known are {sorted(POOLS)}")
    if not width > 0:
        raise ValueError(f"width must be above 0, not {width}")
    if weights == "none":
        weights = None
    if whole and weights is None:
        raise ValueError("a whole network is loaded from a checkpoint; give its path as weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        features, channels = BACKBONES[name](width)
        head = nn.Linear(channels, classes)
    for module in features.modules():
        if isinstance(module, nn.ReLU):
            # attribution reads what a layer gave before the activation changed it
            module.inplace = False
    model = nn.Sequential(
        OrderedDict(features=features, pool=POOLS[pool](1), flatten=nn.Flatten(), head=head)
    )
    if weights is not None:
        state, described = _source(name, weights, width)
        problem = f"weights {weights} do not fit backbone {name}"
        state = checkpoints.fitted(state, set(model.state_dict()), problem)
        _load_features(features, state, problem)
        if whole:
            _check_written_for(described, {"name": name, "width": width, "pool": pool}, problem)
            _load_head(head, state, problem)
    # an attribute and no module: `preprocessing.of` reads it
    object.__setattr__(model, "preprocessing", preprocessing)
    return model.eval()


def _check_written_for(described: Mapping, wanted: Mapping, problem: str) -> None:
    """Raise ValueError where a file's description has another value than `wanted`; what it does
    not have is not checked."""
    for key, value in wanted.items():
        if described.get(key, value) != value:
            raise ValueError(
                f"{problem}: the file was written for {key} {described[key]}, not {value}"
            )


def check_whole(
    weights: str | Path, classes: Sequence[str], kind: str, preprocessing: Preprocessing = IMAGENET
) -> None:
    """Raise ValueError where the file of a classifier states that it was written for something
    else.

    A file of other origin states nothing, and is accepted.

    Parameters
    ----------
    weights : str or Path
    classes : sequence of str
        In the order of the logits.
    kind : {"label", "findings"}
    preprocessing : Preprocessing
    """
    path = Path(weights) if Path(weights).is_absolute() else project.root() / weights
    if path.suffix != ".safetensors" or not path.is_file():
        return
    _, described = _source("", path, 1.0)
    own = inputs_of.description(preprocessing)
    wanted = {"classes": list(classes), "kind": kind, "preprocessing": own}
    _check_written_for(described, wanted, f"weights {weights}")


def weights_path(name: str, width: float) -> Path:
    """Where our own pre-trained features lie."""
    return project.root() / "data" / "weights" / f"{name}-width{width:g}-fractal.safetensors"


def _source(name: str, weights: str | Path, width: float) -> tuple[dict[str, Tensor], dict]:
    """The state dict that `weights` names, and the description in its file, {} where there is
    none.
    """
    if weights == "imagenet":
        if width != 1.0:
            raise ValueError(
                f"ImageNet weights exist at width 1.0 only, not {width}; use weights=fractal or a "
                "path"
            )
        return _imagenet(name), {}
    path = weights_path(name, width) if weights == "fractal" else Path(weights)
    if not path.is_absolute():
        path = project.root() / path
    if not path.is_file():
        made = (
            ""
            if weights != "fractal"
            else f" ('fractal' exists for {', '.join(_pretrained()) or 'no network'})"
        )
        raise FileNotFoundError(
            f"no weights file {path}; give weights as 'imagenet', 'fractal'{made} or the path of "
            "a state dict"
        )
    return checkpoints.read(path)


def _pretrained() -> list[str]:
    """The networks of our own weights files, e.g. "vgg19_bn at width 0.25"."""
    files = sorted((project.root() / "data" / "weights").glob("*-width*-fractal.safetensors"))
    return [
        file.name.removesuffix("-fractal.safetensors").replace("-width", " at width ")
        for file in files
    ]


def _imagenet(name: str) -> dict[str, Tensor]:
    """Torchvision's first ImageNet weights of a network: which ones it calls DEFAULT has changed
    before.
    """
    chosen = models.get_model_weights(name).IMAGENET1K_V1
    try:
        return chosen.get_state_dict(
            progress=False, check_hash=True, map_location="cpu", weights_only=True
        )
    except (OSError, RuntimeError, UnpicklingError) as error:
        cache = Path(torch.hub.get_dir(), "checkpoints", chosen.url.rsplit("/", 1)[-1])
        raise OSError(
            f"ImageNet weights of {name} can neither be downloaded nor read as {cache} "
            f"({type(error).__name__}); put "
            "the file there, or give weights as 'fractal' or the path of a state dict"
        ) from None


def _load_features(features: nn.Module, state: dict[str, Tensor], problem: str) -> None:
    wanted = features.state_dict()
    given = {
        key.removeprefix("features."): value
        for key, value in state.items()
        if key.startswith("features.")
    }
    for key, value in wanted.items():
        # not in files of before 2018, and nothing depends on it
        if key.endswith(".num_batches_tracked"):
            given.setdefault(key, value)
        if key not in given:
            raise ValueError(f"{problem}: they lack features.{key}")
        if given[key].shape != value.shape:
            raise ValueError(
                f"{problem}: features.{key} is {tuple(given[key].shape)}, not {tuple(value.shape)}"
            )
        if value.is_floating_point():
            _refuse_other_numbers(f"{problem}: features.{key}", given[key])
    # torchvision's VGG ends in a max pool without parameters, so nothing given may be left over
    extra = sorted(set(given) - set(wanted))
    if extra:
        raise ValueError(f"{problem}: it has no features.{extra[0]}")
    features.load_state_dict(given)


def _load_head(head: nn.Linear, state: dict[str, Tensor], problem: str) -> None:
    other = sorted(
        key
        for key in state
        if not key.startswith("features.") and key not in ("head.weight", "head.bias")
    )
    if other:
        raise ValueError(f"{problem}: its head is one linear layer, and they have {other[0]}")
    for key in ("weight", "bias"):
        wanted = getattr(head, key)
        given = state.get(f"head.{key}")
        if given is None:
            raise ValueError(
                f"{problem}: they lack head.{key}, so they are no whole classifier; a network "
                "that is not trained "
                "here needs `weights`, the path of all its weights"
            )
        _refuse_other_numbers(f"{problem}: head.{key}", given)
        if len(wanted) == 2 and given.shape == (1, *wanted.shape[1:]):
            given = torch.cat([-given / 2, given / 2])  # logits (-z/2, z/2)
        if given.shape != wanted.shape:
            raise ValueError(
                f"{problem}: head.{key} is {tuple(given.shape)}, not {tuple(wanted.shape)}"
            )
        wanted.data.copy_(given)


def _refuse_other_numbers(what: str, given: Tensor) -> None:
    """Raise ValueError for whole, complex or quantised numbers, which would be rounded or cut."""
    if not given.is_floating_point():
        kind = str(given.dtype).removeprefix("torch.")
        raise ValueError(f"{what} is {kind}; save the weights as floating-point numbers")


def inputs(images: Tensor, model: nn.Module | None = None) -> Tensor:
    """Images as normalised network input.

    Parameters
    ----------
    images : Tensor (N, H, W) or (N, H, W, 3)
        uint8, grey or colour.
    model : nn.Module, optional
        Whose preprocessing is used; without, ImageNet's.

    Returns
    -------
    Tensor (N, 3, H, W)
        float32, channels_last.

    Raises
    ------
    ValueError
        For another type or shape.
    """
    if not isinstance(images, Tensor):
        raise ValueError(
            f"images must be a torch tensor, not {type(images).__name__}; use torch.from_numpy"
        )
    if images.dtype != torch.uint8 or not (
        images.ndim == 3 or images.ndim == 4 and images.shape[-1] == 3
    ):
        raise ValueError(
            f"images must be uint8 (N, H, W) or (N, H, W, 3), not {images.dtype} "
            f"{tuple(images.shape)}"
        )
    colour = images[..., None].expand(*images.shape, 3) if images.ndim == 3 else images
    scaled = colour.permute(0, 3, 1, 2).float() / 255
    return inputs_of.of(model).normalised(scaled).contiguous(memory_format=torch.channels_last)


def digest(model: nn.Module) -> str:
    """A short hash of the parameters and buffers, by name: two models built alike with equal
    digests give equal outputs.
    """
    sha = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        sha.update(key.encode())
        sha.update(value.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


def write(model: nn.Sequential, path: Path, **description) -> None:
    """Save a trained classifier as safetensors.

    Parameters
    ----------
    model : nn.Sequential
    path : Path
    **description
        What `build` needs (name, width, pool), and more; the model's preprocessing is added.
    """
    description |= {"preprocessing": inputs_of.description(inputs_of.of(model))}
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    Path(path).write_bytes(
        save(state, metadata={"description": json.dumps(description, sort_keys=True)})
    )


def description(path: Path) -> dict:
    """The description that `write` stored with a classifier, read without its weights.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no model file {path}: run the training stage first")
    try:
        with safe_open(path, "pt") as file:
            return json.loads(file.metadata()["description"])
    except (SafetensorError, KeyError, TypeError, ValueError):
        raise ValueError(
            f"{path} is not a model written by regard.models.backbones.write"
        ) from None


def read(path: Path) -> tuple[nn.Sequential, dict]:
    """A classifier saved by `write`.

    Returns
    -------
    model : nn.Sequential
        In eval mode.
    description : dict

    Raises
    ------
    FileNotFoundError
        For a missing file.
    ValueError
        For a file that `write` did not make.
    """
    described = description(path)
    name, width, pool = (described[key] for key in ("name", "width", "pool"))
    taken = inputs_of.described(described)
    model = build(name, len(described["classes"]), None, width, pool, preprocessing=taken)
    model.load_state_dict(load_file(path))
    return model, described
