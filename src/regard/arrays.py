"""Stored arrays: labelled, self-describing netCDF (xarray), the same bytes for the same content."""

from pathlib import Path

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
