"""Stored arrays: labelled, self-describing netCDF (xarray), the same bytes for the same content."""

from pathlib import Path

import numpy as np
import xarray as xr


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write `dataset` to `path` as netCDF-4, compressed losslessly; neither time nor machine is recorded."""
    encoding = {name: {"zlib": True, "complevel": 1, "shuffle": True} for name in dataset.data_vars}
    dataset.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def read(path: Path) -> xr.Dataset:
    """The dataset in `path`, loaded into memory. Raises FileNotFoundError that names the missing stage output."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no {path}: run the stage that makes it (dvc repro) first")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def key(case: str, target: str) -> str:
    """The label along the dimension `map` of one case's map for one target; case names hold no blank."""
    return f"{case} {target}"


def pick(dataset: xr.Dataset, name: str, case: str, target: str, **more) -> np.ndarray:
    """The map (or region) `name` of one case for one target, (y, x); null maps know no target. more: other dimensions."""
    array = dataset[name]
    where = {"map": key(case, target)} if "map" in array.dims else {"case": case}
    return array.sel(**where, **more).to_numpy()
