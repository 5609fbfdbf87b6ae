"""The small sample of results that ships in notebooks/explore/sample/, so that an explorer shows
something in the first minute.

Its layout is that of results/study. It is cut from a run on the phantoms: a few test cases, some
maps, and rounded values. Maps and activations have eight significant bits, weights of networks half
precision. Tables of means stay those of the whole run. Every file that depends on a network holds
the digest of the run's network, so that a test can say whether the sample is of the run that the
committed reference is of.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from safetensors import safe_open
from safetensors.torch import load_file, save

from regard.claims import reference
from regard.core import arrays, project, tables
from regard.data import reference_regions
from regard.explorers.results import SAMPLE
from regard.models import backbones

CASES = 6  # of each study with maps
# study -> its maps
MAPS = {
    "ultrasound": [
        "gradient",
        "lrp-epsilon",
        "cam",
        "integrated-gradients",
        "lime",
        "ones",
        "centre",
        "edges",
        "random-network",
    ],
    "histology": [
        "gradient",
        "lrp-z",
        "lrp-epsilon",
        "grad-cam",
        "ones",
        "centre",
        "edges",
        "random-network",
    ],
    "chest": [
        "lime@alam-2023",
        "shap@alam-2023",
        "grad-cam@alam-2023",
        "lrp-epsilon@alam-2023",
        "edges",
        "random-network",
    ],
}
NETWORKS = ("ultrasound", "histology")  # whose network is in the sample
TILES, UNITS = 10, 4
NETWORK = "train/model.safetensors"
# a file of a study -> its attribute that holds the digest of the network
DIGESTS = {
    "attribute/maps.nc": "model",
    "select/regions.nc": "model",
    "units/units.nc": "network",
    "clusters/clusters.nc": "network",
}


class Cut(NamedTuple):
    """What is kept of a study: from one folder to another, some cases, their maps for some targets
    (`kept` holds keys as `arrays.key`), and the names of the maps.
    """

    source: Path
    target: Path
    cases: Sequence[str]
    kept: set[str]
    names: Sequence[str]


def write() -> Path:
    """Write the sample anew from results/study of this project.

    Returns
    -------
    Path
        The folder of the sample, which is replaced as a whole.

    Raises
    ------
    FileNotFoundError
        For a missing result.
    """
    root = project.root()
    target, studies = root / SAMPLE, root / "results" / "study"
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for study, names in MAPS.items():
        _maps(studies / study, partial / study, names)
    for study in NETWORKS:
        _network(studies / study / NETWORK, partial / study / NETWORK)
    _clusters(studies / "prostate", partial / "prostate")
    _units(studies / "mammography/units", partial / "mammography/units")
    for kept in target.glob("*.md"):
        shutil.copyfile(kept, partial / kept.name)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)
    return target


def networks(folder: Path) -> pd.DataFrame:
    """The digests of networks that the sample holds.

    Parameters
    ----------
    folder : Path
        The folder of the sample.

    Returns
    -------
    DataFrame
        Columns study, file, and network: the digest; blank where a file holds none.
    """
    return pd.DataFrame(_digests(folder), columns=["study", "file", "network"])


def _digests(folder: Path) -> Iterator[tuple[str, str, str]]:
    for study in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        if (path := folder / study / NETWORK).is_file():
            yield study, NETWORK, backbones.description(path).get("digest", "")
        for file, name in DIGESTS.items():
            if (path := folder / study / file).is_file():
                with arrays.opened(path) as stored:
                    yield study, file, str(stored.attrs.get(name, ""))


def rounded(values: np.ndarray) -> np.ndarray:
    """float32 values to eight significant bits, which compress to a third."""
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).bfloat16().float().numpy()


def _chosen(rows: pd.DataFrame, partly: set[str]) -> list[str]:
    """Some cases: the first that slow methods explain (`partly`), then as many correctly classified
    as misclassified ones, the first of each.
    """
    first = [case for case in dict.fromkeys(rows["case"]) if case in partly]
    sides = [
        list(dict.fromkeys(rows.loc[rows["correct"].astype(bool) == side, "case"]))
        for side in (False, True)
    ]
    paired = [case for pair in zip(*sides) for case in pair]
    return list(dict.fromkeys([*first[: CASES // 2], *paired]))[:CASES]


def _outlined(source: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows where the expert outlined something; all rows of a study of findings, each of which
    has an outline of its own.
    """
    outlines = source / "prepare" / "outlines"
    if not (outlines / "expert").is_dir():
        return rows
    drawn = [
        region is not None and bool(region.any())
        for region in (
            reference_regions.read_outline(outlines, case, target)
            for case, target in zip(rows["case"], rows["target"])
        )
    ]
    return rows[drawn]


def _maps(source: Path, target: Path, names: Sequence[str]) -> None:
    """The cases of a study with these maps, and everything that explorers show of them."""
    rows = tables.read(source / "train" / "explanations.csv")
    rows = rows[rows["target_role"] != "true"]
    maps = arrays.read(source / "attribute" / "maps.nc")
    partly = {label.split(" ")[0] for label in maps["subset"].to_numpy()}
    chosen = _chosen(_outlined(source, rows), partly)
    rows = rows[rows["case"].isin(chosen)]
    kept = {arrays.key(case, name) for case, name in zip(rows["case"], rows["target"])}
    cut = Cut(source, target, chosen, kept, names)
    for stage in ("prepare", "train", "attribute", "select", "compare"):
        (target / stage).mkdir(parents=True)
    tables.write(rows, target / "train" / "explanations.csv")
    _images(cut)
    _annotations(cut)
    small = _cut(maps[list(names)], cut).map(_round, keep_attrs=True)
    arrays.write(small, target / "attribute" / "maps.nc")
    regions = arrays.read(source / "select" / "regions.nc")
    arrays.write(_cut(regions[list(names)], cut), target / "select" / "regions.nc")
    _scores(cut)


def _images(cut: Cut) -> None:
    cases = tables.read(cut.source / "prepare" / "cases.csv")
    own = cases[cases["case"].isin(cut.cases)]
    tables.write(own, cut.target / "prepare" / "cases.csv")
    images = arrays.read(cut.source / "prepare" / "images.nc")
    shown = [case for case in images["case"].to_numpy() if case in cut.cases]
    arrays.write(images.sel(case=shown), cut.target / "prepare/images.nc")


def _annotations(cut: Cut) -> None:
    """The outlines of the expert for the targets that are kept, and all regions that are scored."""
    source = cut.source / "prepare"
    drawn = [
        path
        for path in sorted(source.glob("outlines/*/*.png"))
        if path.stem in cut.cases
        and (path.parent.name == "expert" or arrays.key(path.stem, path.parent.name) in cut.kept)
    ]
    drawn += [path for path in sorted(source.glob("regions/*/*.png")) if path.stem in cut.cases]
    for path in [*drawn, source / "regions" / "regions.json"]:
        copied = cut.target / "prepare" / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)


def _scores(cut: Cut) -> None:
    summary = reference.headline(tables.read(cut.source / "compare" / "summary.csv"))
    own = summary[summary["method"].isin(cut.names)]
    tables.write(own, cut.target / "compare" / "summary.csv")
    scores = tables.read(cut.source / "compare" / "scores.csv")
    shown = scores["case"].isin(cut.cases) & scores["method"].isin(cut.names)
    shown &= scores["target_role"].ne("true")
    same = summary[["selection", "setting", "region", "score"]].drop_duplicates()
    tables.write(scores[shown].merge(same, how="inner"), cut.target / "compare" / "scores.csv")


def _cut(stored: xr.Dataset, cut: Cut) -> xr.Dataset:
    """Of every map those of the cases, for the targets that are kept."""
    found = stored
    for dimension, wanted in (("map", cut.kept), ("subset", cut.kept), ("case", set(cut.cases))):
        if dimension in found.dims:
            labels = [label for label in found[dimension].to_numpy() if label in wanted]
            found = found.sel({dimension: labels})
    return found


def _round(values: xr.DataArray) -> xr.DataArray:
    return values.copy(data=rounded(values.to_numpy()))


def _network(source: Path, target: Path) -> None:
    """A trained network with weights of half precision; its description keeps the digest of the
    whole one.
    """
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
    half = {
        key: value.half() if value.is_floating_point() else value
        for key, value in load_file(source).items()
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(save(half, metadata=metadata))


def _clusters(source: Path, target: Path) -> None:
    """Some tiles, each of another patient, as many of each class."""
    stored = arrays.read(source / "clusters" / "clusters.nc")
    cases = tables.read(source / "prepare" / "cases.csv").set_index("case")
    tiles = (
        cases.loc[stored["case"].to_numpy()]
        .reset_index()
        .drop_duplicates("patient")
        .groupby("label")
        .head(TILES // 2)
    )
    some = sorted(tiles["case"])
    (target / "clusters").mkdir(parents=True)
    (target / "prepare").mkdir()
    cut = stored.sel(case=some)
    for name in ("activations", "weights"):
        cut[name] = _round(cut[name])
    cut.attrs["network"] = backbones.description(source / NETWORK)["digest"]
    arrays.write(cut, target / "clusters" / "clusters.nc")
    arrays.write(
        arrays.read(source / "prepare" / "images.nc").sel(case=some),
        target / "prepare" / "images.nc",
    )
    tables.write(cases.loc[some].reset_index(), target / "prepare" / "cases.csv")


def _units(source: Path, target: Path) -> None:
    """The units first for the last class, with their pages."""
    (target / "pages").mkdir(parents=True)
    falls = tables.read(source / "unmatched.csv")
    some = falls.sort_values("rank")["unit"].head(UNITS)
    for name in ("labels", "matches", "unmatched"):
        table = tables.read(source / f"{name}.csv")
        tables.write(table[table["unit"].isin(some)], target / f"{name}.csv")
    stored = arrays.read(source / "units.nc")
    arrays.write(stored.sel(unit=sorted(some)), target / "units.nc")
    for name in falls.loc[falls["unit"].isin(some), "name"]:
        shutil.copyfile(source / "pages" / f"{name}.png", target / "pages" / f"{name}.png")
