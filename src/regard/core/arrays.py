"""Stored arrays: labelled, self-describing netCDF (xarray), the same bytes for the same content."""

from pathlib import Path

import numpy as np
import xarray as xr


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset as netCDF-4, losslessly compressed, without times or names of the machine.

    Parameters
    ----------
    dataset : xr.Dataset
    path : Path
    """
    encoding = {name: {"zlib": True, "complevel": 1, "shuffle": True} for name in dataset.data_vars}
    dataset.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def read(path: Path) -> xr.Dataset:
    """A stored dataset, loaded into memory.

    Raises
    ------
    FileNotFoundError
        Names the missing output of a stage.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no {path}: run the stage that makes it (dvc repro) first")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def key(case: str, target: str) -> str:
    """The label of a case's map for a target along the dimension `map`: "case target"."""
    return f"{case} {target}"


def opened(path: Path) -> xr.Dataset:
    """A stored dataset that is read from disk on use, for data larger than memory.

    Raises
    ------
    FileNotFoundError
        As `read`.
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
    """Whether a dataset has a map of a case for a target; slow methods may explain a subset of the
    cases.

    Parameters
    ----------
    dataset : xr.Dataset
    name : str
        Of the variable, such as a method.
    case, target : str

    Returns
    -------
    bool
    """
    dimension, label = _where(dataset, name, case, target)
    return label in dataset.indexes[dimension]


def pick(dataset: xr.Dataset, name: str, case: str, target: str, **more) -> np.ndarray:
    """The map or region of a case for a target.

    Parameters
    ----------
    dataset : xr.Dataset
    name : str
        Of the variable, such as a method.
    case, target : str
        Null maps may have no target.
    **more
        Labels along other dimensions.

    Returns
    -------
    ndarray (y, x)
    """
    dimension, label = _where(dataset, name, case, target)
    return dataset[name].sel({dimension: label} | more).to_numpy()
