"""Heat maps of any number of images: made a few at a time, kept on disk as they come, resumed after
an interruption.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
from torch import Tensor, nn

from regard.attribution import attribute, batch_within, check
from regard.attribution.cost import Cost, counted
from regard.core import atomic
from regard.models.backbones import digest

AT_ONCE = 64  # images read at a time, beside what `memory` bounds within the network

LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "zennit",
    "shap",
)

Read = Callable[[Sequence[int]], Tensor]


def stored(
    folder: Path,
    model: nn.Module,
    read: Read,
    targets: Tensor,
    method: str,
    memory: float = 1.0,
    **parameters,
) -> tuple[np.ndarray, Cost]:
    """Heat maps of any number of images, stored in a file and resumed after an interruption.

    Parameters
    ----------
    folder : Path
        Where the file is. Its name depends on all that the maps are made from: images, network,
        parameters and code. Maps that are there are not made again.
    model : nn.Module
    read : callable
        Gives the images (n, C, H, W) of some of the rows 0 .. N - 1.
    targets : Tensor (N,)
    method, memory, **parameters
        As in `attribute`.

    Returns
    -------
    maps : ndarray (N, H, W)
        float32, mapped from the file, not loaded.
    cost : Cost
        Of all maps, those of earlier calls included.

    Raises
    ------
    ValueError
        Without images, and as `attribute`.
    """
    if not len(targets):
        raise ValueError("there is nothing to explain: no images")
    check(model, read([0]), targets[:1], method)
    batch = batch_within(memory, model, read([0])[0], method, **parameters)
    key = [
        digest(model),
        repr(model),
        method,
        batch,
        parameters,
        targets.tolist(),
        _content(read, len(targets)),
        _code(),
    ]
    name = f"{method}-{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]}"
    maps, costs = _open(folder, name, len(targets), read)
    for rows in _parts(len(maps)):
        if str(rows.start) in costs:
            continue
        with counted(model) as cost, _rows(rows):
            own = targets[rows.start : rows.stop]
            made = attribute(model, read(rows), own, method, batch=batch, **parameters)
        maps[rows.start : rows.stop] = made.cpu().numpy()
        maps.flush()
        costs[str(rows.start)] = dataclasses.asdict(cost)
        # maps that it names are on disk
        atomic.write_text(folder / f"{name}.json", json.dumps(costs))
    return np.load(folder / f"{name}.npy", mmap_mode="r"), _together(costs)


def _parts(count: int) -> Iterator[range]:
    """The rows 0 .. count - 1, AT_ONCE at a time."""
    for start in range(0, count, AT_ONCE):
        yield range(start, min(start + AT_ONCE, count))


def _open(folder: Path, name: str, count: int, read: Read) -> tuple[np.memmap, dict]:
    path, done = folder / f"{name}.npy", folder / f"{name}.json"
    if done.is_file() and path.is_file():
        return np.lib.format.open_memmap(path, mode="r+"), json.loads(done.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    shape = (count, *read([0]).shape[-2:])
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape), {}


def _together(costs: dict[str, dict]) -> Cost:
    parts = [Cost(**cost) for cost in costs.values()]
    known = [part.memory for part in parts if part.memory is not None]
    return Cost(
        sum(part.forwards for part in parts),
        sum(part.backwards for part in parts),
        sum(part.seconds for part in parts),
        max(known) if known else None,
    )


def _content(read: Read, count: int) -> str:
    sha = hashlib.sha256()
    for rows in _parts(count):
        images = read(rows)
        sha.update(repr(tuple(images.shape)).encode() + images.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


def _code() -> str:
    """SHA-256 of the code that makes maps and of the libraries' versions: maps that other code
    began are made again."""
    versions = [importlib.metadata.version(name) for name in LIBRARIES]
    sha = hashlib.sha256(json.dumps(versions).encode())
    for name in modules_behind(__name__):
        sha.update(Path(str(sys.modules[name].__file__)).read_bytes())
    return sha.hexdigest()


def modules_behind(start: str) -> list[str]:
    """Names, sorted, of this package's modules whose definitions the module `start` uses, itself
    among them: those that its names come from, those that their names come from, and so on."""
    package, behind, waiting = __name__.split(".")[0], {start}, [start]
    while waiting:
        for value in list(vars(sys.modules[waiting.pop()]).values()):
            made_in = value.__name__ if isinstance(value, ModuleType) else _made_in(value)
            if made_in.split(".")[0] == package and made_in not in behind:
                behind.add(made_in)
                waiting.append(made_in)
    return sorted(behind)


def _made_in(value: object) -> str:
    """The module of a function or class, or of what a value is an instance of."""
    name = getattr(value, "__module__", None) or type(value).__module__
    return name if isinstance(name, str) else ""


@contextmanager
def _rows(rows: range) -> Iterator[None]:
    """Errors within the block are raised again with the place of the images among all."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"in maps {rows.start} to {rows.stop - 1}, counted from there: {error}"
        ) from error
