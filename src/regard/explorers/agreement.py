"""Maps x selections (or regions), the mean score of each with its interval, and the cases behind a
cell.
"""

import json
from pathlib import Path

import ipywidgets as widgets
import matplotlib
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import to_hex

from regard.claims.verdicts import HEADLINES
from regard.core import arrays, tables
from regard.data.letterbox import inner
from regard.evaluation import localisation, summary
from regard.evaluation.scores import points
from regard.evaluation.summary import EMPTY_RULES
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW
from regard.figures.style import METHOD_COLOUR

REGIONS = "select/regions.nc"
SUMMARY, SCORES = "compare/summary.csv", "compare/scores.csv"
# score -> what is said of it; those of regions have a column for each selection, those of maps one
# for each region
NAMES = {
    "iou": "IoU of the selected region",
    "dice": "Dice coefficient of the selected region",
    "precision": "precision of the selected region",
    "recall": "recall of the selected region",
    "area": "area that is selected",
    "pointing": "pointing game: maximum inside",
    "mass": "relevance mass inside",
    "rank": "relevance rank",
    "auprc": "area under the precision-recall curve of the pixels",
}

CELL = widgets.Layout(width="150px", flex="0 0 auto")
LINE = widgets.Layout(width="max-content", overflow="visible")


def blank(text: str = "") -> widgets.Label:
    """A cell without a mean."""
    return widgets.Label(text, layout=CELL)


def interval(row: pd.Series, digits: int) -> str:
    """The interval of a mean, or of how few maps it is."""
    if pd.isna(row["ci_low"]):
        return f"({int(row['n_maps'])} maps)"
    low, high = (
        format(round(row[name], digits) + 0.0, f".{digits}f") for name in ("ci_low", "ci_high")
    )
    return f"[{low}, {high}]"


def agreement(root: Path, study: str | None = None) -> widgets.VBox:
    """The scores of the studies under `root` (results/study), from `study`, or the first, on: a row
    for each map, a column for each selection (scores of regions, at their headline settings) or
    region (scores of maps, at the first tolerance); the mean with its 95 % interval over patients.
    A click on a cell shows the cases with the least, the median and the largest score. Brackets:
    what is selected is too little or too much to say anything.

    Raises FileNotFoundError where no study has been compared.
    """
    chosen = controls.study(results.studies(root, SUMMARY), study)
    score = widgets.Dropdown(description="Score", style=NARROW)
    stratum = widgets.Dropdown(description="Cases", style=NARROW)
    table, said = widgets.VBox(layout=widgets.Layout(overflow="auto hidden")), widgets.HTML()
    picture = controls.picture()
    state, busy = {}, controls.Busy()

    def open_study() -> None:
        folder = Path(root) / chosen.value
        means = tables.read(folder / SUMMARY)
        own = means["target"].isin(HEADLINES) & means["target_role"].ne("true")
        rule = means["empty_rule"].isna() | means["empty_rule"].eq(EMPTY_RULES[0])
        stored = arrays.opened(folder / REGIONS)
        variants = json.loads(stored.attrs["variants"])
        headlines = {
            label: localisation.setting(one["parameters"]) for label, one in variants.items()
        }
        # what is swept beside a headline setting, and tolerances after the first, stay in the
        # notebook
        first = means[means["selection"].isna()].groupby("score")["setting"].first()
        # maps of one finding are laid over the regions of the others as well, by IoU alone
        others = means["selection"].notna() & ~means["region"].isin(
            means.loc[means["score"] == "dice", "region"]
        )
        wanted = means["selection"].map(headlines).fillna(means["score"].map(first)).fillna("")
        state.update(
            results=results.read(folder),
            means=means[own & rule & ~others & means["setting"].fillna("").eq(wanted)],
            scores=tables.read(folder / SCORES),
            regions=stored,
        )
        with busy:
            there = [name for name in NAMES if name in set(state["means"]["score"])]
            score.options = [(NAMES[name], name) for name in there]
            some = state["means"][state["means"]["n_maps"] > 0]
            stratum.options = list(dict.fromkeys(some["stratum"]))
            score.value, stratum.value = (
                there[0],
                "all" if "all" in stratum.options else stratum.options[0],
            )
        fill()

    def fill() -> None:
        rows = state["means"]
        rows = rows[(rows["score"] == score.value) & (rows["stratum"] == stratum.value)]
        column = "selection" if rows["selection"].notna().any() else "region"
        names = list(dict.fromkeys(rows[column]))
        top = rows["mean"].max()
        head = [widgets.HTML(f"<b>{name}</b>", layout=CELL) for name in ("", *names)]
        lines = [widgets.HBox(head, layout=LINE)]
        for method, of_method in rows.groupby("method", sort=False):
            cells = [widgets.HTML(method, layout=CELL)]
            of_column = of_method.set_index(column, drop=False)
            cells += [
                cell(of_column.loc[name], top) if name in of_column.index else blank()
                for name in names
            ]
            lines.append(widgets.HBox(cells, layout=LINE))
        table.children = lines
        patients = f", {int(rows['n_patients'].max())} patients" if len(rows) else ""
        said.value = f"{len(rows)} means{patients}. Click a cell to see its cases."
        if len(rows):
            show(rows.iloc[0])

    def cell(row: pd.Series, top: float) -> widgets.Button:
        if not row["n_maps"]:
            return blank("undefined")
        share = float(row["mean"] / top) if top > 0 else 0.0
        colour = matplotlib.colormaps["cividis"](0.15 + 0.85 * share)
        text = f"{row['mean']:.2f} {interval(row, 2)}"
        text = f"({text})" if row["flagged"] == True else text  # noqa: E712 (blank is neither)
        button = widgets.Button(
            description=text, layout=CELL, tooltip=f"{row['method']}, {int(row['n_maps'])} maps"
        )
        button.style.button_color = to_hex(colour)
        button.style.text_color = "white" if share < 0.55 else "black"
        button.on_click(lambda _: show(row))
        return button

    def show(row: pd.Series) -> None:
        found = state["results"]
        key = {name: row[name] for name in ("method", "selection", "setting", "region", "score")}
        scores = state["scores"]
        inside = (
            scores["target_role"].ne("true")
            & scores["value"].notna()
            & scores["case"].isin(found.images["case"].to_numpy())
        )
        for name, value in key.items():
            inside &= scores[name].isna() if pd.isna(value) else scores[name].eq(value)
        rows = scores[inside].merge(found.rows[["case", "target"]], on=["case", "target"])
        rows = rows[of_stratum(rows)].sort_values(["value", "case"], kind="stable")
        what = ", ".join(
            str(value) for name, value in key.items() if name != "score" and not pd.isna(value)
        )
        if rows.empty:
            picture.value = pictures.BLANK
            said.value = f"<b>{what}</b>: no case with a score"
            return
        places = dict.fromkeys([0, len(rows) // 2, len(rows) - 1])
        shown = []
        for place in places:
            one = rows.iloc[place]
            word = "least" if place == 0 else "largest" if place == len(rows) - 1 else "median"
            shown.append(
                (
                    drawn(found, one["case"], one["target"], row),
                    [
                        f"{word} of {len(rows)} maps here: {one['value']:.2f}",
                        f"{one['case']}, {one['target'].replace('_', ' ')}",
                    ],
                )
            )
        picture.value = pictures.png(pictures.sheet(shown))
        said.value = (
            f"<b>{what}</b>: {NAMES[score.value]} {row['mean']:.3f} {interval(row, 3)}, "
            f"{int(row['n_maps'])} maps of {int(row['n_patients'])} patients, "
            f"{int(row['n_undefined'])} undefined; by chance "
            f"{'–' if pd.isna(row['chance']) else format(row['chance'], '.3f')}. Orange: the "
            f"region that is scored{' and' if pd.isna(row['selection']) else '; blue:'} "
            f"{'the cross: the maximum; red speaks for the class, blue against it' if pd.isna(row['selection']) else 'what is selected'}."
        )

    def of_stratum(rows: pd.DataFrame) -> np.ndarray:
        """Which of the rows belong to the stratum."""
        explained = summary.counted(state["results"].rows)
        groups = summary.strata(explained, labels=not explained["target_role"].eq("finding").any())
        inside = explained[groups[stratum.value]].set_index(["case", "target"]).index
        return pd.MultiIndex.from_frame(rows[["case", "target"]]).isin(inside)

    def drawn(found: results.Results, case: str, target: str, row: pd.Series) -> np.ndarray:
        """Of a score of maps the map on the image, of a score of regions the region."""
        image, outline = (
            pictures.rgb(found.image(case)),
            found.outline(case, target)
            if pd.isna(row["region"])
            else found.region(row["region"], case, target),
        )
        scale = max(1, round(300 / len(image)))
        if pd.isna(row["selection"]):
            heat = found.map(row["method"], case, target)
            large = pictures.rgb(pictures.over(image, pictures.heat(heat), 0.5), scale)
            down, across = points(
                torch.from_numpy(heat).double()[None][(slice(None), *inner(found.box(case)))]
            )[0]
            at = [
                int(place + start.start) * scale + scale // 2
                for place, start in zip((down, across), inner(found.box(case)))
            ]
            return pictures.marked(pictures.outlined(large, outline, scale=scale), *at)
        region = arrays.pick(
            state["regions"], row["method"], case, target, selection=row["selection"]
        ).astype(bool)
        large = pictures.outlined(pictures.rgb(image, scale), region, METHOD_COLOUR, scale)
        return pictures.outlined(large, outline, scale=scale)

    chosen.observe(busy.unless(open_study), "value")
    for control in (score, stratum):
        control.observe(busy.unless(fill), "value")
    open_study()
    return controls.explorer(
        [widgets.HBox([chosen, score, stratum], layout=controls.ROW), table, said, picture],
        study=chosen,
        score=score,
        stratum=stratum,
        table=table,
        picture=picture,
        said=said,
    )
