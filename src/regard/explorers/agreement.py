"""The mean score of each map under each selection (or in each region) with its interval, and the
cases behind it.
"""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets
import matplotlib
import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.colors import to_hex

from regard.claims.verdicts import HEADLINES
from regard.core import arrays, tables
from regard.data.letterbox import inner
from regard.evaluation import localisation, summary
from regard.evaluation.scores import points
from regard.evaluation.summary import EMPTY_RULES
from regard.explorers import controls, pictures, results
from regard.figures.style import METHOD_COLOUR

REGIONS = "select/regions.nc"
SUMMARY, SCORES = "compare/summary.csv", "compare/scores.csv"
# score -> its name in words; scores of regions have a column for each selection, scores of maps a
# column for each region
NAMES = {
    "iou": "IoU of the selected region",
    "dice": "Dice coefficient of the selected region",
    "precision": "precision of the selected region",
    "recall": "recall of the selected region",
    "area": "selected area",
    "pointing": "pointing game: maximum inside",
    "mass": "relevance mass inside",
    "rank": "relevance rank",
    "auprc": "area under the precision-recall curve of the pixels",
}
KEY = ["method", "selection", "setting", "region", "score"]  # of a mean

CELL = widgets.Layout(width="150px", flex="0 0 auto")
LINE = widgets.Layout(width="max-content", overflow="visible")


class Compared(NamedTuple):
    """The results of a study, the means that the explorer shows, the scores of single maps, and the
    selected regions (select/regions.nc).
    """

    results: results.Results
    means: pd.DataFrame
    scores: pd.DataFrame
    regions: xr.Dataset

    @property
    def names(self) -> list[str]:
        """The scores that there are, in the order of NAMES."""
        return [name for name in NAMES if name in set(self.means["score"])]

    @property
    def strata(self) -> list[str]:
        """The groups of cases that have maps."""
        return list(dict.fromkeys(self.means.loc[self.means["n_maps"] > 0, "stratum"]))

    def shown(self, score: str, stratum: str) -> pd.DataFrame:
        """The means of one score and one group of cases."""
        own = self.means["score"].eq(score) & self.means["stratum"].eq(stratum)
        return self.means[own]


def read(folder: Path) -> Compared:
    """Read the comparison of a study, results/study/<id>.

    Only the headline settings of selections and the first tolerance of the pointing game are kept;
    notebook 5 shows the others.
    """
    stored = arrays.opened(folder / REGIONS)
    means = headline_means(tables.read(folder / SUMMARY), json.loads(stored.attrs["variants"]))
    return Compared(results.read(folder), means, tables.read(folder / SCORES), stored)


def headline_means(means: pd.DataFrame, variants: dict) -> pd.DataFrame:
    """The rows of summary.csv that the explorer shows; `variants` are those of regions.nc."""
    own = means["target"].isin(HEADLINES) & means["target_role"].ne("true")
    rule = means["empty_rule"].isna() | means["empty_rule"].eq(EMPTY_RULES[0])
    settings = {label: localisation.setting(one["parameters"]) for label, one in variants.items()}
    first = means[means["selection"].isna()].groupby("score")["setting"].first()
    # the map of one finding is compared with the regions of the other findings too, by IoU alone
    expert = means.loc[means["score"] == "dice", "region"]
    others = means["selection"].notna() & ~means["region"].isin(expert)
    wanted = means["selection"].map(settings).fillna(means["score"].map(first)).fillna("")
    return means[own & rule & ~others & means["setting"].fillna("").eq(wanted)]


def of_maps(row: pd.Series) -> bool:
    """Whether a mean is of scores of maps, and not of selected regions."""
    return bool(pd.isna(row["selection"]))


def behind(found: Compared, row: pd.Series, stratum: str) -> pd.DataFrame:
    """The scores that a mean is made of, of the cases with images here, from least to largest.

    Parameters
    ----------
    found : Compared
        The comparison of a study.
    row : Series
        A row of `found.means`.
    stratum : str
        The group of cases.
    """
    inside = found.scores["target_role"].ne("true") & found.scores["value"].notna()
    inside &= found.scores["case"].isin(found.results.images["case"].to_numpy())
    for name in KEY:
        own = found.scores[name]
        inside &= own.isna() if pd.isna(row[name]) else own.eq(row[name])
    explained = found.results.rows[["case", "target"]]
    rows = found.scores[inside].merge(explained, on=["case", "target"])
    rows = rows[_in_stratum(found.results.rows, rows, stratum)]
    return rows.sort_values(["value", "case"], kind="stable")


def _in_stratum(explained: pd.DataFrame, rows: pd.DataFrame, stratum: str) -> np.ndarray:
    explained = summary.counted(explained)
    groups = summary.strata(explained, labels=not explained["target_role"].eq("finding").any())
    inside = explained[groups[stratum]].set_index(["case", "target"]).index
    return pd.MultiIndex.from_frame(rows[["case", "target"]]).isin(inside)


def interval(row: pd.Series, digits: int) -> str:
    """The confidence interval of a mean, or the number of maps where that is too small."""
    if pd.isna(row["ci_low"]):
        return f"({int(row['n_maps'])} maps)"
    low, high = (
        format(round(row[name], digits) + 0.0, f".{digits}f") for name in ("ci_low", "ci_high")
    )
    return f"[{low}, {high}]"


def sentence(row: pd.Series) -> str:
    """What the explorer says about a mean, in HTML."""
    chance = "–" if pd.isna(row["chance"]) else format(row["chance"], ".3f")
    drawing = "blue: the selected region"
    if of_maps(row):
        drawing = (
            "cross: the maximum; red: relevance for the class; blue: relevance against the class"
        )
    return (
        f"<b>{_named(row)}</b>: {NAMES[row['score']]} {row['mean']:.3f} {interval(row, 3)}, "
        f"{int(row['n_maps'])} maps of {int(row['n_patients'])} patients, "
        f"{int(row['n_undefined'])} undefined; by chance {chance}. Orange: the reference region; "
        f"{drawing}."
    )


def _named(row: pd.Series) -> str:
    return ", ".join(str(row[name]) for name in KEY[:-1] if not pd.isna(row[name]))


def drawn(found: Compared, rows: pd.DataFrame, row: pd.Series) -> bytes:
    """The cases with the least, the median and the largest of the scores `rows`, as PNG."""
    # of few cases one place may have two names; the later one here stays
    places = {len(rows) // 2: "median", len(rows) - 1: "largest", 0: "least"}
    shown = []
    for place in sorted(places):
        one = rows.iloc[place]
        said = [
            f"{places[place]} of {len(rows)} maps here: {one['value']:.2f}",
            f"{one['case']}, {one['target'].replace('_', ' ')}",
        ]
        shown.append((_case(found, one["case"], one["target"], row), said))
    return pictures.png(pictures.sheet(shown))


def _case(found: Compared, case: str, target: str, row: pd.Series) -> np.ndarray:
    """For a score of maps the map on the image, for a score of regions the region."""
    own, name = found.results, row["region"]
    outline = own.outline(case, target) if pd.isna(name) else own.region(name, case, target)
    image = pictures.rgb(own.image(case))
    scale = max(1, round(300 / len(image)))
    if of_maps(row):
        return _map(own, row["method"], case, target, outline, scale)
    region = arrays.pick(found.regions, row["method"], case, target, selection=row["selection"])
    large = pictures.rgb(image, scale)
    large = pictures.outlined(large, region.astype(bool), METHOD_COLOUR, scale)
    return pictures.outlined(large, outline, scale=scale)


def _map(
    own: results.Results,
    name: str,
    case: str,
    target: str,
    outline: np.ndarray | None,
    scale: int,
) -> np.ndarray:
    heat, inside = own.map(name, case, target), inner(own.box(case))
    coloured = pictures.over(pictures.rgb(own.image(case)), pictures.heat(heat), 0.5)
    large = pictures.outlined(pictures.rgb(coloured, scale), outline, scale=scale)
    maximum = points(torch.from_numpy(heat).double()[None][(slice(None), *inside)])[0]
    down, across = (
        int(place + part.start) * scale + scale // 2 for place, part in zip(maximum, inside)
    )
    return pictures.marked(large, down, across)


def blank(text: str = "") -> widgets.Label:
    """A cell without a mean."""
    return widgets.Label(text, layout=CELL)


def cell(row: pd.Series, top: float, chosen: Callable[[pd.Series], None]) -> widgets.Widget:
    """A button with a mean, brighter the larger it is beside `top`, which calls `chosen`."""
    if not row["n_maps"]:
        return blank("undefined")
    share = float(row["mean"] / top) if top > 0 else 0.0
    text = f"{row['mean']:.2f} {interval(row, 2)}"
    text = f"({text})" if row["flagged"] == True else text  # noqa: E712 (blank is neither)
    tooltip = f"{row['method']}, {int(row['n_maps'])} maps"
    button = widgets.Button(description=text, layout=CELL, tooltip=tooltip)
    button.style.button_color = to_hex(matplotlib.colormaps["cividis"](0.15 + 0.85 * share))
    button.style.text_color = "white" if share < 0.55 else "black"
    button.on_click(lambda _: chosen(row))
    return button


def table(rows: pd.DataFrame, chosen: Callable[[pd.Series], None]) -> list[widgets.HBox]:
    """The lines of the table of means: a row for each map; a click on a cell calls `chosen`."""
    column = "selection" if rows["selection"].notna().any() else "region"
    names, top = list(dict.fromkeys(rows[column])), rows["mean"].max()
    head = [widgets.HTML(f"<b>{name}</b>", layout=CELL) for name in ("", *names)]
    lines = [widgets.HBox(head, layout=LINE)]
    for method, of_method in rows.groupby("method", sort=False):
        own = of_method.set_index(column, drop=False)
        cells = [
            cell(own.loc[name], top, chosen) if name in own.index else blank() for name in names
        ]
        lines.append(widgets.HBox([widgets.HTML(str(method), layout=CELL), *cells], layout=LINE))
    return lines


class Parts(NamedTuple):
    """The widgets of the explorer."""

    study: widgets.Dropdown
    score: widgets.Dropdown
    stratum: widgets.Dropdown
    table: widgets.VBox
    picture: widgets.Image
    said: widgets.HTML


def _parts(known: Sequence[str], study: str | None) -> Parts:
    return Parts(
        controls.study(known, study),
        controls.dropdown("Score"),
        controls.dropdown("Cases"),
        widgets.VBox(layout=widgets.Layout(overflow="auto hidden")),
        controls.picture(),
        widgets.HTML(),
    )


def agreement(root: Path, study: str | None = None) -> widgets.VBox:
    """Browse the mean scores of all maps, and the cases behind each.

    The table has a row for each map, and a column for each selection (scores of regions, at their
    headline settings) or region (scores of maps, at the first tolerance). A cell holds the mean
    with its 95 % interval over patients. A click on it shows the cases with the least, the median
    and the largest score. Parentheses mark selections that are too small or too large to interpret.

    Parameters
    ----------
    root : Path
        The folder of the studies, as `regard.explorers.where` gives it.
    study : str, optional
        The study that is shown first.

    Raises
    ------
    FileNotFoundError
        If no study has been compared.
    """
    parts = _parts(results.studies(root, SUMMARY), study)
    opened = functools.lru_cache(maxsize=1)(read)

    def list_scores() -> None:
        found = opened(Path(root) / parts.study.value)
        options = [(NAMES[name], name) for name in found.names]
        controls.choose(parts.score, options, found.names[0])
        first = "all" if "all" in found.strata else found.strata[0]
        controls.choose(parts.stratum, found.strata, first)

    def show(row: pd.Series) -> None:
        found = opened(Path(root) / parts.study.value)
        rows = behind(found, row, parts.stratum.value)
        if rows.empty:
            parts.picture.value = pictures.BLANK
            parts.said.value = f"<b>{_named(row)}</b>: no case with a score"
            return
        parts.picture.value, parts.said.value = drawn(found, rows, row), sentence(row)

    def fill() -> None:
        found = opened(Path(root) / parts.study.value)
        rows = found.shown(parts.score.value, parts.stratum.value)
        parts.table.children = table(rows, show)
        if len(rows):
            show(rows.iloc[0])
        else:
            parts.said.value = "There are no means of these cases."

    controls.follow(fill, [parts.score, parts.stratum], [(list_scores, [parts.study])])
    first = widgets.HBox([parts.study, parts.score, parts.stratum], layout=controls.ROW)
    shown = [first, parts.table, parts.said, parts.picture]
    return controls.explorer(shown, **parts._asdict())
