"""What the notebook of the stage `attribute` shows of its maps: examples, counts, sums, checks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.figure import Figure

from regard.core import arrays
from regard.data import letterbox
from regard.evaluation.scores import points
from regard.figures import maps as map_figures
from regard.pipeline.attribute import Inputs, Study

EQUAL = 0.9999  # cosine above which two methods made the same maps


def titles(shown: pd.DataFrame) -> list[str]:
    """What stands above each example: its class, and what the network predicted."""
    return [
        f"{row.label}\n{'called' if row.correct else 'missed'}"
        if row.target_role == "finding"
        else f"{row.label}\ncalled {row.target}"
        for row in shown.itertuples()
    ]


def examples(given: Study, maps: xr.Dataset) -> pd.DataFrame:
    """Per class the first test case of the subset that was classified correctly and the first that
    was not; per finding the first film.
    """
    rows = given.headline
    inside = maps.indexes["subset"]
    rows = rows[[arrays.key(row.case, row.target) in inside for row in rows.itertuples()]]
    by = ["label"] if "finding" in set(rows["target_role"]) else ["label", "correct"]
    first = rows.groupby(by, sort=True).head(1)
    return first.sort_values(["label", "correct"], ascending=[True, False])


def _keys(shown: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(shown["case"], shown["target"]))


def _outlines(given: Study, shown: pd.DataFrame) -> list[np.ndarray | None]:
    """The expert's regions of the examples, on the square."""
    drawn = [(given.outline(case, target), given.box(case)) for case, target in _keys(shown)]
    return [mask if mask is None else letterbox.mask_to_square(mask, box) for mask, box in drawn]


def _of_kind(maps: xr.Dataset, kind: str, shown: pd.DataFrame) -> dict[str, list[np.ndarray]]:
    names = [str(name) for name in maps.data_vars if maps[name].attrs["kind"] == kind]
    return {name: [arrays.pick(maps, name, *key) for key in _keys(shown)] for name in names}


def _maximum(heat: np.ndarray, inner: tuple[slice, slice]) -> np.ndarray:
    """Row and column of the maximum of a map where there is image; NaN where the map is zero."""
    within = points(torch.from_numpy(heat[inner])[None])[0].numpy()
    return within + [inner[0].start, inner[1].start]


def _maxima(given: Study, maps: xr.Dataset, kind: str, shown: pd.DataFrame) -> dict[str, list]:
    inner = [letterbox.inner(given.box(case)) for case in shown["case"]]
    return {
        name: [_maximum(heat, part) for heat, part in zip(heats, inner)]
        for name, heats in _of_kind(maps, kind, shown).items()
    }


def figure(given: Study, maps: xr.Dataset, kind: str, shown: pd.DataFrame) -> Figure:
    """The examples, a column each, with the maps of a kind ("method" or "null") below."""
    images = given.images(shown["case"].unique().tolist())
    return map_figures.map_sheet(
        [images.sel(case=case).to_numpy() for case in shown["case"]],
        _of_kind(maps, kind, shown),
        titles(shown),
        _outlines(given, shown),
        _maxima(given, maps, kind, shown),
    )


def hits(given: Study, maps: xr.Dataset, kind: str, shown: pd.DataFrame) -> pd.DataFrame:
    """In how many of the examples with an outline the maximum of each map lies inside it."""
    outlines = _outlines(given, shown)
    rows = [row for row, mask in enumerate(outlines) if mask is not None and mask.any()]
    counted = {
        name: sum(_is_inside(places[row], outlines[row]) for row in rows)
        for name, places in _maxima(given, maps, kind, shown).items()
    }
    return pd.DataFrame({"maximum inside": counted, "examples with an outline": len(rows)})


def _is_inside(place: np.ndarray, mask: np.ndarray | None) -> bool:
    """Whether a maximum lies in a region; a map that is zero everywhere points nowhere."""
    assert mask is not None
    return bool(np.isfinite(place).all() and mask[tuple(np.round(place).astype(int))])


def shares_of_logit(maps: xr.Dataset) -> pd.DataFrame:
    """Quartiles over maps of the sum of relevance over the logit, a row per LRP method."""
    names = [name for name in maps if maps[name].attrs.get("method", "").startswith("lrp")]
    logits = maps["logit"].to_numpy()
    found = {name: maps[name].sum(("y", "x")).to_numpy() / logits for name in names}
    quartiles = pd.DataFrame(found).quantile([0.25, 0.5, 0.75]).T
    quartiles.columns = [f"{share:.0%} of maps below" for share in quartiles.columns]
    return quartiles.rename_axis("relevance / logit")


def counts(maps: xr.Dataset, given: Study, of: Inputs) -> pd.DataFrame:
    """How many maps are constant, zero everywhere, or largest in the padding, a row per kind."""
    found = {}
    for name in maps.data_vars:
        heats = maps[name].to_numpy()
        assert np.isfinite(heats).all(), f"{name} is not finite"
        largest, least = heats.max((1, 2)), heats.min((1, 2))
        row = {"maps": len(heats), "constant": int((largest == least).sum())}
        row["zero"] = int((heats == 0).all(axis=(1, 2)).sum())
        if maps[name].attrs["kind"] == "method":
            few = "subset" in maps[name].dims
            places = of.places[given.subset] if few else of.places
            inner = [letterbox.inner(of.boxes[place]) for place in places]
            inside = [heat[part].max() for heat, part in zip(heats, inner)]
            row["largest in the padding"] = int((largest > inside).sum())
        found[name] = row
    return pd.DataFrame(found).T.astype("Int64")


def check_equal(maps: xr.Dataset, settings: Mapping[str, Any]) -> pd.Series:
    """Cosine of pairs of methods that must make the same maps; AssertionError where they do not."""
    pairs = [("lrp-z", "gradient-x-input")]
    if not any(settings["methods"].get("grad-cam", {}).values()):  # gated, it is another map
        pairs.append(("cam", "grad-cam"))
    cosines = {}
    for pair in pairs:
        if set(pair) <= set(maps.data_vars):
            first, second = (maps[name].to_numpy().ravel().astype(float) for name in pair)
            lengths = np.linalg.norm(first) * np.linalg.norm(second)
            assert first @ second >= EQUAL * lengths, f"{pair[0]} is not {pair[1]}"
            cosines[" and ".join(pair)] = first @ second / lengths if lengths else np.nan
    return pd.Series(cosines, name="cosine", dtype=float)
