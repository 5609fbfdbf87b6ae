"""Stored maps: found by case and target, whatever they were made for."""

import numpy as np
import pytest
import xarray as xr

from regard.core import arrays


@pytest.fixture
def dataset():
    def maps(count, start):
        return np.arange(start, start + count, dtype=np.float32)[:, None, None] * np.ones(
            (1, 2, 2), np.float32
        )

    return xr.Dataset(
        {
            "lrp": (("map", "y", "x"), maps(3, 0)),
            "lime": (("subset", "y", "x"), maps(1, 10)),
            "edges": (("case", "y", "x"), maps(2, 20)),
        },
        {
            "map": ["a benign", "a malignant", "b benign"],
            "subset": ["b benign"],
            "case": ["a", "b"],
        },
    )


def test_maps_are_found_by_case_and_target(dataset):
    def value(name, *one):
        return float(arrays.pick(dataset, name, *one)[0, 0])

    assert (
        value("lrp", "a", "malignant") == 1
        and value("lime", "b", "benign") == 10
        and value("edges", "b", "anything") == 21
    )
    assert arrays.has(dataset, "lrp", "a", "benign") and not arrays.has(
        dataset, "lime", "a", "benign"
    )
    assert arrays.has(dataset, "edges", "a", "anything") and not arrays.has(
        dataset, "lrp", "b", "malignant"
    )


def test_what_is_opened_is_what_was_written(dataset, tmp_path):
    arrays.write(dataset, tmp_path / "maps.nc")
    again = arrays.opened(tmp_path / "maps.nc")
    assert np.array_equal(
        again["lime"].sel(subset="b benign"), dataset["lime"].sel(subset="b benign")
    )
    again.close()
    for read in (arrays.read, arrays.opened):
        with pytest.raises(FileNotFoundError, match="none.nc.*dvc repro"):
            read(tmp_path / "none.nc")


def test_maps_kept_on_disk_are_written_as_those_in_memory(dataset, tmp_path):
    np.save(tmp_path / "lrp.npy", dataset["lrp"].to_numpy())
    kept = dataset.assign(lrp=(("map", "y", "x"), np.load(tmp_path / "lrp.npy", mmap_mode="r")))
    for name, each in (("one", dataset), ("other", kept)):
        arrays.write(each, tmp_path / f"{name}.nc")
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "other.nc").read_bytes()
