"""The small sample of results that ships in notebooks/explore/sample/, so that an explorer shows
something in the first minute.

The layout is that of results/study. Cut down from a run on the phantoms: a few test cases, the maps
that most ask for, and rounded: maps and activations to eight significant bits, weights of networks
to half precision. Tables of means stay those of the whole run.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from safetensors import safe_open
from safetensors.torch import load_file, save

from regard.claims import reference
from regard.core import arrays, project, tables
from regard.explorers.results import SAMPLE

CASES = {"ultrasound": 6, "chest": 6}  # studies with maps -> how many cases
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
    "chest": [
        "lime@alam-2023",
        "shap@alam-2023",
        "grad-cam@alam-2023",
        "lrp-epsilon@alam-2023",
        "edges",
        "random-network",
    ],
}
TILES, UNITS = 10, 4


def write() -> Path:
    """Write the sample anew from results/study of this project, whole; returns its folder. Raises
    FileNotFoundError for a missing result.
    """
    root = project.root()
    target = root / SAMPLE
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for study, count in CASES.items():
        _maps(root / "results" / "study" / study, partial / study, count, MAPS[study])
    _network(
        root / "results/study/ultrasound/train/model.safetensors",
        partial / "ultrasound/train/model.safetensors",
    )
    _clusters(root / "results/study/prostate", partial / "prostate")
    _units(root / "results/study/mammography/units", partial / "mammography/units")
    for kept in target.glob("*.md"):
        shutil.copyfile(kept, partial / kept.name)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)
    return target


def rounded(values: np.ndarray) -> np.ndarray:
    """float32 values to eight significant bits, which compress to a third."""
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).bfloat16().float().numpy()


def _chosen(rows: pd.DataFrame, partly: set[str], count: int) -> list[str]:
    """The first cases that slow methods explain, then as many called right as wrong, the first of
    each.
    """
    rows = rows[rows["target_role"] != "true"]
    first = [case for case in dict.fromkeys(rows["case"]) if case in partly]
    sides = [
        list(dict.fromkeys(rows.loc[rows["correct"].astype(bool) == side, "case"]))
        for side in (False, True)
    ]
    paired = [case for pair in zip(*sides) for case in pair]
    return list(dict.fromkeys([*first[: count // 2], *paired]))[:count]


def _maps(source: Path, target: Path, count: int, names: Sequence[str]) -> None:
    rows = tables.read(source / "train" / "explanations.csv")
    maps = arrays.read(source / "attribute" / "maps.nc")
    chosen = _chosen(rows, {label.split(" ")[0] for label in maps["subset"].to_numpy()}, count)
    inside = rows["case"].isin(chosen) & rows["target_role"].ne("true")
    for stage in ("prepare", "train", "attribute", "select", "compare"):
        (target / stage).mkdir(parents=True)
    tables.write(rows[inside], target / "train" / "explanations.csv")
    cases = tables.read(source / "prepare" / "cases.csv")
    tables.write(cases[cases["case"].isin(chosen)], target / "prepare" / "cases.csv")
    images = arrays.read(source / "prepare" / "images.nc")
    arrays.write(
        images.sel(case=[case for case in images["case"].to_numpy() if case in chosen]),
        target / "prepare/images.nc",
    )
    kept = set(rows.loc[inside, "case"] + " " + rows.loc[inside, "target"])
    for name in sorted(
        {path.parent.name for path in (source / "prepare" / "outlines").glob("*/*.png")}
    ):
        for case in chosen:
            drawn = source / "prepare" / "outlines" / name / f"{case}.png"
            if drawn.is_file() and (name == "expert" or f"{case} {name}" in kept):
                (target / "prepare" / "outlines" / name).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(drawn, target / "prepare" / "outlines" / name / f"{case}.png")
    described = source / "prepare" / "regions"
    for drawn in [
        described / "regions.json",
        *(path for case in chosen for path in sorted(described.glob(f"*/{case}.png"))),
    ]:
        copied = target / "prepare" / drawn.relative_to(source / "prepare")
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(drawn, copied)
    arrays.write(
        _cut(maps[list(names)], chosen, kept).map(_round, keep_attrs=True),
        target / "attribute" / "maps.nc",
    )
    regions = arrays.read(source / "select" / "regions.nc")
    arrays.write(_cut(regions[list(names)], chosen, kept), target / "select" / "regions.nc")
    summary = reference.headline(tables.read(source / "compare" / "summary.csv"))
    tables.write(summary[summary["method"].isin(names)], target / "compare" / "summary.csv")
    scores = tables.read(source / "compare" / "scores.csv")
    shown = (
        scores["case"].isin(chosen)
        & scores["method"].isin(names)
        & scores["target_role"].ne("true")
    )
    same = summary[["selection", "setting", "region", "score"]].drop_duplicates()
    tables.write(scores[shown].merge(same, how="inner"), target / "compare" / "scores.csv")


def _cut(stored: xr.Dataset, cases: Sequence[str], kept: set[str]) -> xr.Dataset:
    """Of every map those of the cases, for the targets that are kept."""
    found = stored
    for dimension in ("map", "subset"):
        if dimension in found.dims:
            found = found.sel(
                {dimension: [label for label in found[dimension].to_numpy() if label in kept]}
            )
    if "case" in found.dims:
        found = found.sel(case=[case for case in found["case"].to_numpy() if case in cases])
    return found


def _round(values: xr.DataArray) -> xr.DataArray:
    return values.copy(data=rounded(values.to_numpy()))


def _network(source: Path, target: Path) -> None:
    """A trained network with weights of half precision."""
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
    half = {
        key: value.half() if value.is_floating_point() else value
        for key, value in load_file(source).items()
    }
    target.write_bytes(save(half, metadata=metadata))


def _clusters(source: Path, target: Path) -> None:
    stored = arrays.read(source / "clusters" / "clusters.nc")
    cases = tables.read(source / "prepare" / "cases.csv").set_index("case")
    # of each class as many, one of a patient
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
