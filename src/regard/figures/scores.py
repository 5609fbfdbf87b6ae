"""Figures of scores: means, a grid of means, and settings of selections."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regard.figures import style
from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR


def means(
    table: pd.DataFrame,
    panels: Sequence[tuple[str, Mapping]],
    nulls: Sequence[str],
    label: str,
    ceiling: float | None = None,
) -> Figure:
    """Mean and 95 % interval of each method, a panel for each selection of rows of summary.csv.

    Null maps are grey. A tick marks the score expected from the area alone. A method with fewer
    maps than others has their number behind its name. A mean without an interval is a point, an
    undefined one a dash.

    Parameters
    ----------
    table : DataFrame
        Rows of summary.csv.
    panels : sequence of (str, mapping)
        Title of a panel, and {column: value} that select one row for each method.
    nulls : sequence of str
        The names of the null maps.
    label : str
        Of the x axis. The axis ends at 1, or at the next tenth where all values are below 0.5.
    ceiling : float, optional
        Score of one reader against another, drawn as a line.
    """
    picked = [
        table[np.logical_and.reduce([table[key] == value for key, value in wanted.items()])]
        for _, wanted in panels
    ]
    methods = [
        name
        for name in dict.fromkeys(table["method"])
        if any((rows["method"] == name).any() for rows in picked)
    ]
    figure, axes = style.panels(
        1, len(panels), (max(1.5, 6.9 / len(panels)), 0.6 + 0.22 * len(methods))
    )
    drawn = [rows[["mean", "ci_high", "chance"]].to_numpy(dtype=float).ravel() for rows in picked]
    largest = np.nanmax(np.concatenate([[ceiling or 0.0], *drawn]))
    end = 1.0 if largest > 0.5 else max(0.1, float(np.ceil(10 * largest)) / 10)
    for place, (title, _), rows in zip(axes[0], panels, picked):
        rows = rows.set_index("method").reindex(methods)
        _intervals(place, rows, nulls, end)
        if ceiling is not None:
            place.axvline(ceiling, color="black", linewidth=0.8)
        place.set(title=title, xlim=(0, end), ylim=(-0.6, len(methods) - 0.4), xlabel=label)
        place.set_xticks([0, end / 2, end], [f"{tick:.2g}" for tick in (0, end / 2, end)])
        names = _with_counts(rows["n_maps"]) if place is axes[0, 0] else [""] * len(methods)
        place.set_yticks(np.arange(len(methods))[::-1], names)
    handles = [
        Line2D([], [], color=METHOD_COLOUR, marker="o", label="method, 95 % interval"),
        Line2D([], [], color=NULL_COLOUR, marker="o", label="null map"),
        Line2D([], [], color=CHANCE_COLOUR, marker="|", linestyle="", markersize=9),
    ]
    handles[-1].set_label("expected from area alone")
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _intervals(axes: Axes, rows: pd.DataFrame, nulls: Sequence[str], end: float) -> None:
    """Mean, interval and chance of each method, the first on top; a dash for an undefined mean."""
    height = np.arange(len(rows))[::-1]
    colours = [NULL_COLOUR if method in nulls else METHOD_COLOUR for method in rows.index]
    axes.hlines(height, rows["ci_low"], rows["ci_high"], colors=colours, linewidth=2)
    # not clipped: points at 0 and 1 lie on the ends of the axis
    axes.scatter(rows["mean"], height, c=colours, s=22, zorder=3, clip_on=False)
    axes.scatter(rows["chance"], height, marker="|", c=CHANCE_COLOUR, s=70, zorder=4, clip_on=False)
    for row in height[rows["mean"].isna()]:
        axes.text(0.02 * end, row, "–", va="center")


def _with_counts(maps: pd.Series) -> list[str]:
    """The names of methods; with the number of maps where it is smaller than that of others.

    maps: number of maps, indexed by method.
    """
    counts = maps.fillna(0)
    return [
        f"{method} ({count:.0f} maps)" if count < maps.max() else method
        for method, count in counts.items()
    ]


def grid(values: pd.DataFrame, doubtful: pd.DataFrame, label: str, nulls: Sequence[str]) -> Figure:
    """`values` from 0 up, a row per heat map and a column per selection, as colour and number; null
    maps in grey letters.

    doubtful: bool of the same shape, whose numbers stand in brackets; label: of the colours.
    """
    figure, axes = style.panels(1, 1, (1.8 + 0.85 * values.shape[1], 0.9 + 0.23 * len(values)))
    place = axes[0, 0]
    largest = float(np.nanmax(values.to_numpy())) or 1.0
    shown = place.imshow(
        values.to_numpy(dtype=float), cmap="cividis", vmin=0, vmax=largest, aspect="auto"
    )
    for (row, column), value in np.ndenumerate(values.to_numpy(dtype=float)):
        text = (
            "–"
            if np.isnan(value)
            else f"({value:.2f})"
            if doubtful.iloc[row, column]
            else f"{value:.2f}"
        )
        colour = (
            "black" if np.isnan(value) or value > 0.6 * largest else "white"
        )  # an undefined value has no colour below
        place.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    place.set_xticks(range(values.shape[1]), values.columns, rotation=25, ha="right")
    place.set_yticks(range(len(values)), values.index)
    for tick, name in zip(place.get_yticklabels(), values.index):
        tick.set_color("#666666" if name in nulls else "black")
    place.spines[:].set_visible(False)
    place.tick_params(length=0)
    figure.colorbar(shown, ax=place, label=label, shrink=0.8)
    return figure


def sweep(table: pd.DataFrame, headline: Mapping[str, str]) -> Figure:
    """Mean IoU with its interval, and the median selected area below, at each setting of each
    selection, a line per map.

    table: rows of `summary` of one score; headline: the setting of each selection that was named
    beforehand, ringed.
    """
    names = [name for name in headline if name in set(table["selection"])]
    methods = list(dict.fromkeys(table["method"]))
    colours = style.colours(len(methods))
    figure, axes = style.panels(2, len(names), (7.2 / len(names), 1.9))
    for column, name in enumerate(names):
        rows = table[table["selection"] == name]
        settings = sorted(
            dict.fromkeys(rows["setting"]), key=lambda text: (text.count(";"), len(text), text)
        )
        for number, method in enumerate(methods):
            own = rows[rows["method"] == method].set_index("setting").reindex(settings)
            at, colour = (
                np.arange(len(settings)) + 0.08 * (number - (len(methods) - 1) / 2),
                colours[number],
            )
            axes[0, column].vlines(at, own["ci_low"], own["ci_high"], color=colour)
            axes[0, column].plot(at, own["mean"], "o", color=colour, markersize=4, label=method)
            axes[1, column].plot(at, own["selected_area"], "o", color=colour, markersize=4)
            first = settings.index(headline[name])
            axes[0, column].plot(
                at[first],
                own["mean"].iloc[first],
                "o",
                color="black",
                fillstyle="none",
                markersize=8,
            )
        axes[0, column].set(title=name, ylim=(0, None), ylabel="mean IoU" if not column else None)
        axes[0, column].set_xticks(range(len(settings)), [""] * len(settings))
        axes[1, column].set(ylim=(0, 1), ylabel="median area" if not column else None)
        axes[1, column].set_xticks(
            range(len(settings)),
            [text.replace(";", "\n") for text in settings],
            rotation=40,
            ha="right",
        )
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(methods)
    )
    return figure
