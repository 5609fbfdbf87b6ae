"""Weights as people save them: files opened without running code, wrappers taken off, keys as
`regard.models.backbones` has them.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

WRAPPERS = ("module", "_orig_mod")  # of torch.nn.DataParallel and of torch.compile


def read(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The weights in a file.

    Parameters
    ----------
    path : Path
        safetensors, or what `torch.load` reads with weights_only=True.

    Returns
    -------
    state : dict
        Name -> tensor, as saved.
    description : dict
        As `regard.models.backbones.write` stored it; {} for other files.

    Raises
    ------
    ValueError
        For a file that cannot be read, without a state dict or with several, and for a weight that
        is not finite, sparse or without values.
    """
    described: dict = {}
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                content, described = load_file(path), _description(file.metadata())
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each reader has errors of its own for a damaged file
        objects = re.search(r"GLOBAL ([\w.]+)", str(error))
        beside = f"it holds Python objects beside the weights ({objects[1]}); " if objects else ""
        raise ValueError(
            f"weights file {path} cannot be read ({type(error).__name__}); {beside}it must be a "
            "state dict "
            "saved as .safetensors, or as .pth that loads with weights_only=True: "
            "torch.save(model.state_dict(), path)"
        ) from None
    state = _unwrapped(content, path)
    for key, value in state.items():
        if value.is_meta or value.layout != torch.strided:
            said = "has no values (device 'meta')" if value.is_meta else "is a sparse tensor"
            raise ValueError(f"weights file {path}: {key} {said}; save a dense tensor on the CPU")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(
                f"weights file {path}: {key} has NaN or infinite values; the training that made "
                "it diverged"
            )
    return state, described


def _description(metadata: Mapping[str, str] | None) -> dict:
    """What `regard.models.backbones.write` noted in a safetensors file; {} for a file of other
    origin.
    """
    try:
        noted = json.loads((metadata or {})["description"])
    except (KeyError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _state(content: object) -> dict[str, Tensor]:
    """The tensors of a mapping of names to them, maybe with a version or the like; else {}."""
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        return {}
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    beside = [value for key, value in content.items() if key not in tensors]
    return (
        tensors
        if all(isinstance(one, str | int | float | list | tuple | None) for one in beside)
        else {}
    )


def _states(content: object, name: str = "") -> dict[str, dict[str, Tensor]]:
    """Dotted name -> state dict, of all in nested mappings but those of optimisers."""
    if state := _state(content):
        return {name: state}
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in content.items() if isinstance(content, Mapping) else ():
        if isinstance(key, str) and "optim" not in key.lower():  # which may keep some per weight
            found |= _states(value, f"{name}.{key}" if name else key)
    return found


def _of_layer(name: str, value: Tensor) -> bool:
    return name.endswith("weight") and value.ndim >= 2


def _unwrapped(content: object, path: Path) -> dict[str, Tensor]:
    """The state dict that `content` is, or the one it holds, however deep."""
    found = _states(content)
    if len(found) > 1:  # what has no layer's matrix is no network: losses, metrics, a queue
        found = {
            name: state
            for name, state in found.items()
            if any(map(_of_layer, state, state.values()))
        }
    if len(found) == 1:
        return next(iter(found.values()))
    said = f"several, {', '.join(found)}; save one of them by itself" if found else "none"
    raise ValueError(
        f"weights file {path} is not a state dict, and holds {said}: it must map parameter names "
        "to tensors"
    )


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with torchvision's keys, or ours already, with ours: `features.*`, and `head.*`
    for a linear layer.

    ResNets have no prefix there; a DenseNet file of before 2018 says norm.1 for norm1. Other keys
    stay as they are.
    """
    bare = not any(key.startswith("features.") for key in state)
    found = {}
    for key, value in state.items():
        if key in ("fc.weight", "fc.bias", "classifier.weight", "classifier.bias"):
            key = "head." + key.rsplit(".", 1)[1]
        elif bare and not key.startswith(("head.", "fc.", "classifier.")):
            key = "features." + key
        found[re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)", r"\1\2", key)] = value
    return found


def fitted(state: Mapping[str, Tensor], wanted: set[str], problem: str) -> dict[str, Tensor]:
    """A state dict with the keys of our networks, freed of wrappers.

    Components WRAPPERS are removed, and one prefix of all keys, such as Lightning's `model.`;
    entries beside it (a loss, a metric) are left out and reported on stderr.

    Parameters
    ----------
    state : mapping
        Name -> tensor.
    wanted : set of str
        Keys of the network. Where no prefix makes the keys fit, they stay as they are.
    problem : str
        Begins messages.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        Where two networks would fit.
    """
    plain = {
        ".".join(part for part in key.split(".") if part not in WRAPPERS): value
        for key, value in state.items()
    }
    best = _shared(plain, wanted, renamed)
    prefixes = sorted({key[: match.end()] for key in plain for match in re.finditer(r"\.", key)})
    fits = {prefix: _shared(_below(plain, prefix), wanted, renamed) for prefix in prefixes}
    better = [
        prefix for prefix, count in fits.items() if count > best and count == max(fits.values())
    ]
    better = [
        one for one in better if not any(one != other and one.startswith(other) for other in better)
    ]
    if not better:
        return renamed(plain)
    if len(better) > 1:
        raise ValueError(
            f"{problem}: they hold two networks, {better[0]}* and {better[1]}*; save one of them "
            "by itself"
        )
    inside = _below(plain, better[0])
    if beside := [key for key in plain if not key.startswith(better[0])]:
        print(
            f"{problem.split(' do not')[0]}: {len(beside)} entries beside {better[0]}* are left "
            f"out, {beside[0]} among them",
            file=sys.stderr,
        )
    return renamed(inside)


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }


def _shared(state: Mapping[str, Tensor], wanted: set[str], rename: Callable) -> int:
    return len(wanted & set(rename(state))) if state else 0
