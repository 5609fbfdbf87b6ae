"""Stored arrays: labelled, self-describing netCDF (xarray), the same bytes for the same content."""

from pathlib import Path

import numpy as np
import xarray as xr


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write `dataset` to `path` as netCDF-4, compressed losslessly; neither time nor machine is
    recorded.
    """
    encoding = {name: {"zlib": True, "complevel": 1, "shuffle": True} for name in dataset.data_vars}
    dataset.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def read(path: Path) -> xr.Dataset:
    """The dataset in `path`, loaded into memory. Raises FileNotFoundError that names the missing
    stage output.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no {path}: run the stage that makes it (dvc repro) first")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def key(case: str, target: str) -> str:
    """The label along the dimension `map` of one case's map for one target; case names hold no
    blank.
    """
    return f"{case} {target}"


def opened(path: Path) -> xr.Dataset:
    """The dataset in `path`, read from disk where it is used, for data that may be larger than
    memory. Raises as `read`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no {path}: run the stage that makes it (dvc repro) first")
    return xr.open_dataset(path, engine="h5netcdf")


def _where(dataset: xr.Dataset, name: str, case: str, target: str) -> tuple[str, str]:
    """The dimension of the map `name` that says which case (and target) it is of, and the label
    along it.
    """
    dimension = next(each for each in ("map", "subset", "case") if each in dataset[name].dims)
    return dimension, case if dimension == "case" else key(case, target)


def has(dataset: xr.Dataset, name: str, case: str, target: str) -> bool:
    """Whether the map `name` was made of one case for one target; slow methods may explain a subset
    of the cases.
    """
    dimension, label = _where(dataset, name, case, target)
    return label in dataset.indexes[dimension]


def pick(dataset: xr.Dataset, name: str, case: str, target: str, **more) -> np.ndarray:
    """The map (or region) `name` of one case for one target, (y, x); null maps may know no target.
    more: other dimensions."""
    dimension, label = _where(dataset, name, case, target)
    return dataset[name].sel({dimension: label} | more).to_numpy()
