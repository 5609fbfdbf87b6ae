"""The networks: a torchvision feature extractor, a global pool and one linear layer, so that CAM is exact.

A network is a plain `nn.Sequential(features, pool, flatten, head)`. As in Zhou et al. (CVPR 2016) a VGG loses its last
max pool and its dense layers, so that the last feature map keeps 1/16 of the input's resolution.
"""

import hashlib
import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torchvision import models

from regard import project

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's ImageNet statistics, used for every weights


def _vgg(configuration: str, batch_norm: bool):
    def features(width: float) -> tuple[nn.Module, int]:
        layers = [v if v == "M" else max(1, round(v * width)) for v in models.vgg.cfgs[configuration]]
        extractor = models.vgg.make_layers(layers[:-1], batch_norm=batch_norm)
        for module in extractor.modules():  # as torchvision does; with torch's default nothing reaches the last layer
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)
        return extractor, layers[-2]

    return features


def _squeezenet(version: str):
    def features(width: float) -> tuple[nn.Module, int]:
        if width != 1.0:
            raise ValueError(f"squeezenet{version} exists at width 1.0 only, not {width}")
        return models.SqueezeNet(version=version).features, 512

    return features


# name -> function of the width that gives the feature extractor and its number of channels
BACKBONES = {
    "vgg19": _vgg("E", batch_norm=False),
    "vgg19_bn": _vgg("E", batch_norm=True),
    "squeezenet1_0": _squeezenet("1_0"),
}
POOLS = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}


def build(
    name: str, classes: int, weights: str | Path | None = None, width: float = 1.0, pool: str = "avg", seed: int = 0
) -> nn.Sequential:
    """A classifier with `classes` logits, in eval mode.

    weights: "imagenet" (torchvision's, downloaded), "fractal" (ours, in data/weights), None (random), or the path of a
    state dict (.safetensors, or .pth read with weights_only). Only the features are loaded; the linear head is
    always new and drawn from `seed`, as is everything when weights is None.
    Raises ValueError for an unknown name, pool or width and for weights that do not fit, FileNotFoundError for a
    missing file.
    """
    if name not in BACKBONES:
        raise ValueError(f"unknown backbone {name!r}; known are {sorted(BACKBONES)}")
    if pool not in POOLS:
        raise ValueError(f"unknown pool {pool!r}; known are {sorted(POOLS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        features, channels = BACKBONES[name](width)
        head = nn.Linear(channels, classes)
    for module in features.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # attribution reads what a layer gave before the activation changed it
    model = nn.Sequential(OrderedDict(features=features, pool=POOLS[pool](1), flatten=nn.Flatten(), head=head))
    if weights not in (None, "none"):
        _load_features(model, name, _source(name, weights, width), str(weights))
    return model.eval()


def weights_path(name: str, width: float) -> Path:
    """Where our own pre-trained features lie."""
    return project.root() / "data" / "weights" / f"{name}-width{width:g}-fractal.safetensors"


def _source(name: str, weights: str | Path, width: float) -> dict[str, Tensor]:
    if weights == "imagenet":
        if width != 1.0:
            raise ValueError(f"ImageNet weights exist at width 1.0 only, not {width}; use weights=fractal or a path")
        return models.get_model(name, weights="DEFAULT").state_dict()
    path = weights_path(name, width) if weights == "fractal" else Path(weights)
    if not path.is_absolute():
        path = project.root() / path
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights file {path}; give weights as 'imagenet', 'fractal' or the path of a state dict"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each reader has errors of its own for a damaged file
        raise ValueError(
            f"weights file {path} cannot be read ({type(error).__name__}); it must be a state dict "
            "saved as .safetensors, or as .pth that loads with weights_only=True"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"weights file {path} is not a state dict: it must map parameter names to tensors")
    return state


def _load_features(model: nn.Sequential, name: str, state: dict[str, Tensor], source: str) -> None:
    wanted = model.features.state_dict()
    given = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
    for key, value in wanted.items():
        if key not in given:
            raise ValueError(f"weights {source} do not fit backbone {name}: they lack features.{key}")
        if given[key].shape != value.shape:
            raise ValueError(
                f"weights {source} do not fit backbone {name}: features.{key} is "
                f"{tuple(given[key].shape)}, not {tuple(value.shape)}"
            )
    # torchvision's VGG ends in a max pool without parameters, so nothing given may be left over
    extra = sorted(set(given) - set(wanted))
    if extra:
        raise ValueError(f"weights {source} do not fit backbone {name}: it has no features.{extra[0]}")
    model.features.load_state_dict(given)


def inputs(images: Tensor) -> Tensor:
    """Grey (N, H, W) or colour (N, H, W, 3) uint8 images as normalised float32 network input (N, 3, H, W).

    Raises ValueError for another type or shape.
    """
    if images.dtype != torch.uint8 or not (images.ndim == 3 or images.ndim == 4 and images.shape[-1] == 3):
        raise ValueError(f"images must be uint8 (N, H, W) or (N, H, W, 3), not {images.dtype} {tuple(images.shape)}")
    colour = images[..., None].expand(*images.shape, 3) if images.ndim == 3 else images
    scaled = colour.permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return ((scaled - mean) / std).contiguous(memory_format=torch.channels_last)


def digest(model: nn.Module) -> str:
    """A short hash of the parameters and buffers, by name: two models with equal digests give equal outputs."""
    sha = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        sha.update(key.encode())
        sha.update(value.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


def write(model: nn.Sequential, path: Path, **description) -> None:
    """Save a trained classifier as safetensors; `description` holds what `build` needs (name, width, pool) and more."""
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    Path(path).write_bytes(save(state, metadata={"description": json.dumps(description, sort_keys=True)}))


def read(path: Path) -> tuple[nn.Sequential, dict]:
    """A classifier saved by `write`, in eval mode, and its description.

    Raises FileNotFoundError for a missing file and ValueError for one that `write` did not make.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no model file {path}: run the training stage first")
    try:
        with safe_open(path, "pt") as file:
            description = json.loads(file.metadata()["description"])
    except (SafetensorError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is not a model written by regard.backbones.write") from None
    model = build(description["name"], len(description["classes"]), None, description["width"], description["pool"])
    model.load_state_dict(load_file(path))
    return model, description
