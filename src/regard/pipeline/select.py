"""The stage `select`: rules turn heat maps into regions; how large these are; thresholds that are
tuned on the tuning patients.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.figure import Figure

from regard import selection
from regard.core import arrays, tables
from regard.data import letterbox, reference_regions
from regard.data.letterbox import Letterbox
from regard.evaluation import localisation, scores
from regard.figures import maps as map_figures
from regard.pipeline import map_sheets

TUNED = {"relative-max@tuned": {"method": "relative-max", "parameters": {"share": "tuned"}}}
THRESHOLDS = ["method", "target", "maps", "share", "mean IoU on tuning cases", "at the edge"]
OVER = ("case", "map", "subset")  # what the maps of one kind may be a map of
Settings = Mapping[str, Any]
Variants = Mapping[str, dict]


class Study(NamedTuple):
    """What a selection is made from.

    Attributes
    ----------
    maps, tuning : xr.Dataset
        Heat maps of the test cases, and of the tuning cases.
    cases : pd.DataFrame
        Heights and widths of the images, by case.
    outlines : Path
        The folder of the expert's regions.
    device : torch.device
        Where regions are computed.
    """

    maps: xr.Dataset
    tuning: xr.Dataset
    cases: pd.DataFrame
    outlines: Path
    device: torch.device

    def box(self, label: str) -> Letterbox:
        """Where the image lies in its square; label: a case, or "case target"."""
        case = label.split(" ")[0]
        row = self.cases.loc[case]
        return letterbox.letterbox(row["height"], row["width"], self.maps.attrs["size"])

    def boxes(self, labels: xr.DataArray) -> list[Letterbox]:
        return [self.box(label) for label in labels.to_numpy()]

    def outline(self, case: str, target: str) -> np.ndarray | None:
        """The expert's region of a case for a target, bool (height, width) of its image."""
        return reference_regions.read_outline(self.outlines, case, target)


def study(prepared: Path, attributed: Path, device: torch.device) -> Study:
    """Read heat maps and cases from the folders of the stages prepare and attribute."""
    return Study(
        arrays.read(attributed / "maps.nc"),
        arrays.read(attributed / "tuning.nc"),
        tables.read(prepared / "cases.csv").set_index("case"),
        prepared / "outlines",
        device,
    )


def _selected(heat_maps: xr.DataArray, variant: dict, given: Study) -> np.ndarray:
    """The regions of all maps of one kind by one rule, bool (N, H, W); padding is never part."""
    values = torch.from_numpy(heat_maps.to_numpy()).to(given.device)
    boxes = given.boxes(heat_maps[heat_maps.dims[0]])
    # every pixel of `ones` counts alike, so a rule can only take all of them
    whole = heat_maps.name == "ones" and variant["method"] != "top-area"

    def rule(inner: torch.Tensor) -> torch.Tensor:
        if whole:
            return torch.ones_like(inner, dtype=torch.bool)
        return selection.select(inner, variant["method"], **variant["parameters"])

    return letterbox.without_padding(rule, values, boxes).cpu().numpy()


def regions(
    heat_maps: xr.Dataset, names: Sequence[str], variants: Variants, given: Study
) -> xr.Dataset:
    """The regions of some kinds of maps by some rules.

    Parameters
    ----------
    heat_maps : xr.Dataset
        Maps (N, H, W) by name.
    names : sequence of str
        Which of them.
    variants : mapping
        Rules, as of `selection.variants`.
    given : Study
        Where the images lie in their squares.

    Returns
    -------
    xr.Dataset
        Bool (selection, N, H, W) by name.
    """
    found = {}
    for name in names:
        chosen = [_selected(heat_maps[name], variant, given) for variant in variants.values()]
        dimensions = ("selection", *heat_maps[name].dims)
        found[name] = (dimensions, np.stack(chosen), heat_maps[name].attrs)
    attributes = given.maps.attrs | {"variants": json.dumps(variants, sort_keys=False)}
    labels = {over: heat_maps[over].to_numpy() for over in OVER}
    return xr.Dataset(found, {"selection": list(variants)} | labels, attributes)


def write_sweep(given: Study, settings: Settings, folder: Path) -> str:
    """Write sweep.nc and sweep-few.nc: regions of the maps in `swept` by rules with other settings.

    Returns a sentence that says what was swept. Rules that group positions take seconds a map, so
    they are applied to the maps of the subset alone.
    """
    headline = selection.variants(settings["selections"])
    every = selection.variants(settings["selections"], settings["sweep"])
    swept = {label: variant for label, variant in every.items() if label not in headline}
    names = [str(name) for name in given.maps.data_vars if name in settings["swept"]]
    if not names:
        return "no map is swept in this study"
    slow = {
        label: variant
        for label, variant in swept.items()
        if variant["parameters"].get("space") == "position"
    }
    fast = {label: swept[label] for label in swept if label not in slow}
    few = given.maps.sel(map=given.maps["subset"].to_numpy())
    for file, heat_maps, variants in (("sweep", given.maps, fast), ("sweep-few", few, slow)):
        if variants:
            arrays.write(regions(heat_maps, names, variants, given), folder / f"{file}.nc")
    return f"{', '.join(swept)} of {', '.join(names)}"


def tuned_thresholds(given: Study, shares: Sequence[float]) -> pd.DataFrame:
    """Per method and target the share of a map's maximum with the largest mean IoU on the tuning
    cases.

    Returns
    -------
    pd.DataFrame
        Columns THRESHOLDS; empty where no threshold is tuned. "at the edge": whether the share is
        the first or last of `shares`, beyond which a better one may lie.
    """
    targets = given.tuning["target"].to_numpy()
    cases = np.array([label.split(" ")[0] for label in given.tuning["map"].to_numpy()])
    rows = []
    for name in given.tuning.data_vars:
        for target in dict.fromkeys(targets.tolist()):
            places = np.flatnonzero(targets == target)
            heat_maps = torch.from_numpy(given.tuning[name].to_numpy()[places])
            drawn = [given.outline(case, target) for case in cases[places]]
            boxes = [given.box(case) for case in cases[places]]
            share, means = localisation.tuned_share(heat_maps, drawn, boxes, shares)
            edge = share in (shares[0], shares[-1])
            rows.append((name, target, len(places), share, max(means), edge))
    return pd.DataFrame(rows, columns=THRESHOLDS)


def write_tuned(given: Study, thresholds: pd.DataFrame, path: Path) -> None:
    """Write the regions by the tuned thresholds; nothing where none is tuned.

    A class without a tuning case has no threshold, and its maps have no region.
    """
    shares = thresholds.pivot(index="target", columns="method", values="share").dropna()
    targets = given.maps["target"].to_numpy()
    known = np.isin(targets, list(shares.index))
    boxes = given.boxes(given.maps["map"])
    found = {}
    for name, of_target in shares.items():
        made = np.zeros((1, *given.maps[name].shape), bool)
        for target, share in of_target.items():
            places = np.flatnonzero(targets == target)
            if not len(places):
                continue
            heat_maps = torch.from_numpy(given.maps[name].to_numpy()[places])
            made[0, places] = letterbox.without_padding(
                partial(selection.select, method="relative-max", share=share),
                heat_maps,
                [boxes[place] for place in places],
            ).numpy()
        found[name] = (("selection", "map", "y", "x"), made[:, known])
    if found:
        labels = {"selection": list(TUNED), "map": given.maps["map"].to_numpy()[known]}
        attributes = given.maps.attrs | {"variants": json.dumps(TUNED)}
        arrays.write(xr.Dataset(found, labels, attributes), path)


def areas(chosen: xr.Dataset, variants: Variants, given: Study) -> pd.DataFrame:
    """How much of the images each rule selects from each kind of map, a row for each pair."""
    rows = []
    for name in chosen.data_vars:
        heat_maps = given.maps[name]
        boxes = given.boxes(heat_maps[heat_maps.dims[0]])
        pixels = np.array([box.inner_height * box.inner_width for box in boxes])
        for label, variant in variants.items():
            area = chosen[name].sel(selection=label).sum(("y", "x")).to_numpy() / pixels
            rows.append({"method": name, "selection": label} | _area(area, heat_maps, variant))
    return pd.DataFrame(rows)


def _area(area: np.ndarray, heat_maps: xr.DataArray, variant: dict) -> dict:
    nothing = ~(heat_maps > 0).any(("y", "x")).to_numpy()
    gone = heat_maps.to_numpy()[(area == 0) & ~nothing]
    estimated = variant["method"] == "meanshift" and "bandwidth" not in variant["parameters"]
    used = {key: value for key, value in variant["parameters"].items() if key in ("quantile", "of")}
    some = estimated and len(gone)
    return {
        "maps": area.size,
        "median area": np.median(area),
        "smallest": area.min(),
        "largest": area.max(),
        "empty": int((area == 0).sum()),
        "without relevance": int((nothing & (area == 0)).sum()),
        "collapsed": int(selection.collapsed(torch.from_numpy(gone), **used).sum()) if some else 0,
        "nearly all": (area > scores.FLAGGED[1]).mean(),
        "flagged": scores.says_nothing(np.median(area)),
    }


def check_areas(chosen: xr.Dataset, variants: Variants, size: int) -> None:
    """Raise AssertionError where `top-area` selects more than its share; size: of the square."""
    for label, variant in variants.items():
        if variant["method"] == "top-area":
            shares = [chosen[name].sel(selection=label).mean(("y", "x")) for name in chosen]
            most = variant["parameters"].get("area", 0.1) + 1 / size
            assert all(float(share.max()) <= most for share in shares), "more than its share"


def check_signs(chosen: xr.Dataset, variants: Variants, heat_maps: xr.Dataset) -> None:
    """Raise AssertionError where a rule of positive relevance selects any other."""
    for label, variant in variants.items():
        if variant["parameters"].get("of", "positive") == "positive":
            for name in chosen.data_vars:
                wrong = chosen[name].sel(selection=label) & (heat_maps[name] <= 0)
                assert not wrong.any(), f"{label} selects what is not positive in {name}"


def examples(explanations: pd.DataFrame, given: Study) -> pd.DataFrame:
    """The first test case of the subset of each class, or of each finding."""
    rows = explanations[explanations["target_role"] != "true"]
    subset = given.maps.indexes["subset"]
    inside = [arrays.key(row.case, row.target) in subset for row in rows.itertuples()]
    return rows[inside].groupby("label").head(1)


def figure(
    name: str, chosen: xr.Dataset, shown: pd.DataFrame, images: xr.DataArray, given: Study
) -> Figure:
    """The regions of the examples by every rule, from the maps of one name."""
    keys = list(zip(shown["case"], shown["target"]))
    drawn = [(given.outline(case, target), given.box(case)) for case, target in keys]
    return map_figures.selections(
        [images.sel(case=case).to_numpy() for case, _ in keys],
        {
            f"{name}\n{label}": [arrays.pick(chosen, name, *key, selection=label) for key in keys]
            for label in chosen["selection"].to_numpy()
        },
        map_sheets.titles(shown),
        [mask if mask is None else letterbox.mask_to_square(mask, box) for mask, box in drawn],
    )
