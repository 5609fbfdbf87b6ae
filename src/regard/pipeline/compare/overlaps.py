"""Stage compare: how well selected regions cover the expert's region, as tables and figures from
summary.csv.
"""

import pandas as pd

from regard.evaluation import localisation, stratified, summary
from regard.figures import scores as score_figures
from regard.pipeline.compare.inputs import Inputs
from regard.pipeline.compare.showing import Picture, Shown

COUNTED_AS_ZERO, LEFT_OUT = summary.EMPTY_RULES
TUNED = "relative-max@tuned"  # the selection whose threshold stage select found on other patients


def overlaps(inputs: Inputs, table: pd.DataFrame) -> list[Shown]:
    """The mean IoU of each map under each selection, as a grid and with intervals.

    table: columns SUMMARY.
    """
    rows = _headline(inputs, table)
    same_area = _wide(inputs, rows, "chance").mean().round(3).to_dict()
    return [_grid(inputs, rows), f"same area: {same_area}", _intervals(inputs, table, rows)]


def _of_maps(inputs: Inputs, table: pd.DataFrame) -> pd.DataFrame:
    """The IoU with the expert's region over all cases of the headline."""
    return table[
        (table["target"] == inputs.target)
        & (table["target_role"] == inputs.role)
        & (table["stratum"] == "all")
        & (table["region"].isin(["", inputs.expert]) | table["region"].isna())
        & (table["score"] == "iou")
    ]


def _headline(inputs: Inputs, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `_of_maps` of the headline settings, an empty selection counted as 0."""
    rows = _of_maps(inputs, table)
    rows = rows[rows["empty_rule"] == COUNTED_AS_ZERO]
    settings = inputs.headline_settings
    return rows[[settings.get(row.selection) == row.setting for row in rows.itertuples()]]


def _wide(inputs: Inputs, rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column of `rows` with a row per map and a column per selection."""
    wide = rows.pivot(index="method", columns="selection", values=column)
    wide = wide.loc[inputs.names, list(inputs.headline_settings)]
    most = rows.groupby("method")["n_maps"].max()
    return wide.rename(index={name: f"{name} ({most[name]} maps)" for name in inputs.slow})


def _grid(inputs: Inputs, rows: pd.DataFrame) -> Picture:
    """The mean IoU of each map under each selection."""
    means, flagged = (_wide(inputs, rows, column) for column in ("mean", "flagged"))
    label = "mean IoU with the expert's region"
    return Picture(
        score_figures.grid(means, flagged.astype(bool), label, inputs.nulls),
        "grid.svg",
        "Mean IoU of each heat map under each selection, null maps below; pairs that select too "
        "little or too much in brackets.",
    )


def _intervals(inputs: Inputs, table: pd.DataFrame, rows: pd.DataFrame) -> Picture:
    """The mean IoU with intervals, beside what one reader reaches against another."""
    readers = _of_maps(inputs, table)
    readers = readers[readers["method"] == localisation.HUMAN]
    ceiling = float(readers["mean"].iloc[0]) if len(readers) else None
    wanted = {
        "score": "iou",
        "target": inputs.target,
        "target_role": inputs.role,
        "stratum": "all",
        "empty_rule": COUNTED_AS_ZERO,
    }
    panels = [(label, wanted | {"selection": label}) for label in inputs.headline_settings]
    in_order = rows.set_index("method").loc[inputs.names].reset_index()
    return Picture(
        score_figures.means(in_order, panels, inputs.nulls, "IoU", ceiling),
        "iou.svg",
        "IoU of the selected regions with the expert's region for each method and null map, with "
        "intervals and chance.",
    )


def without_empty_selections(inputs: Inputs, table: pd.DataFrame) -> list[Shown]:
    """How the mean IoU changes when empty selections are left out."""
    rows = _of_maps(inputs, table)
    both = rows[rows["empty_rule"] == LEFT_OUT].merge(
        _headline(inputs, table), on=["method", "selection", "setting"], suffixes=(" left out", "")
    )
    both = both[both["n_maps left out"] < both["n_maps"]]
    columns = ["method", "selection", "mean", "mean left out", "n_maps", "n_maps left out"]
    both = both[[*columns, "flagged"]].round(3).set_index(["selection", "method"])
    return ["maps with empty selections, which count as 0 or are left out:", both]


def with_tuned_thresholds(inputs: Inputs, table: pd.DataFrame) -> list[Shown]:
    """Maps with a tuned threshold beside selections that know nothing of the expert."""
    rows = _of_maps(inputs, table)
    tuned = rows[(rows["empty_rule"] == COUNTED_AS_ZERO) & (rows["selection"] == TUNED)]
    if not len(tuned):
        return ["no threshold is tuned in this study"]
    beside = _headline(inputs, table)
    beside = beside[beside["selection"].isin(["relative-max", "otsu", "top-area"])]
    beside = beside[beside["method"].isin([*tuned["method"], "ones", "prior"])]
    columns = ["method", "selection", "mean", "ci_low", "ci_high", "selected_area", "n_maps"]
    both = pd.concat([tuned, beside])[columns].round(3).set_index(["method", "selection"])
    return ["tuned thresholds beside other selections:", both]


def between_findings(inputs: Inputs, table: pd.DataFrame) -> list[Shown]:
    """The mean IoU of the maps of each finding with the region of each finding."""
    selection = inputs.settings["primary"]["selection"]
    if not inputs.of_findings or not selection:
        return ["one class per image, or no selection in the primary endpoint: no confusion matrix"]
    nearest = (name for name in ("grad-cam@alam-2023", "grad-cam") if name in inputs.methods)
    method = next(nearest, inputs.methods[0])
    findings = list(dict.fromkeys(inputs.headline["target"]))
    matrix = stratified.confusion(table, findings, method, selection)
    matrix = matrix.rename(index="map of {}".format, columns="region of {}".format)
    label = f"mean IoU of {method}, {selection}"
    return [
        Picture(
            score_figures.grid(matrix, matrix.isna(), label, []),
            "confusion.svg",
            "Mean IoU of the maps of each finding with the expert's region of each finding.",
        )
    ]


def over_parameters(inputs: Inputs, table: pd.DataFrame) -> list[Shown]:
    """The IoU and the selected area against the settings of each selection rule."""
    rows, settings = _of_maps(inputs, table), inputs.headline_settings
    rows = rows[(rows["empty_rule"] == COUNTED_AS_ZERO) & rows["selection"].isin(settings)]
    several = rows.groupby(["method", "selection"])["setting"].transform("nunique") > 1
    if not several.any():
        return ["no setting of a selection is varied in this study"]
    return [
        Picture(
            score_figures.sweep(rows[several], settings),
            "sweep.svg",
            "IoU and selected area of the swept maps against the settings of each selection rule.",
        )
    ]
