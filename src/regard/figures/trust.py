"""Figures of the reliability of heat maps: faithfulness, randomised networks, agreement."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regard.figures import style
from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR, REGION_COLOURS


def against_controls(table: pd.DataFrame, measures: Sequence[str]) -> Figure:
    """Mean and 95 % interval of each method, a panel for each measure of faithfulness in trust.csv;
    beside it smooth random maps, and pixels in random order as a line.
    """
    table = table[table["check"] == "faithfulness"].fillna({"method": "", "control": ""})
    methods = [method for method in dict.fromkeys(table["method"]) if method]
    figure, axes = style.panels(1, len(measures), (7.2 / len(measures), 0.7 + 0.22 * len(methods)))
    height = np.arange(len(methods))[::-1]
    for place, measure in zip(axes[0], measures):
        rows = table[table["measure"] == measure]
        own, smooth = (
            rows[rows["control"] == control].set_index("method").reindex(methods)
            for control in ("", "as smooth")
        )
        place.axvline(
            rows.loc[rows["control"] == "random", "mean"].iloc[0], color=CHANCE_COLOUR, linewidth=1
        )
        place.hlines(height, own["ci_low"], own["ci_high"], colors=METHOD_COLOUR, linewidth=2)
        place.scatter(smooth["mean"], height, c=NULL_COLOUR, s=22, zorder=3)
        place.scatter(own["mean"], height, c=METHOD_COLOUR, s=22, zorder=4)
        place.set(
            title=textwrap.fill(measure, 20), ylim=(-0.6, len(methods) - 0.4), xlabel="probability"
        )
        place.set_yticks(height, methods if place is axes[0, 0] else [""] * len(methods))
    handles = [
        Line2D([], [], color=METHOD_COLOUR, marker="o", label="method, 95 % interval"),
        Line2D(
            [],
            [],
            color=NULL_COLOUR,
            marker="o",
            linestyle="",
            label="smooth random map",
        ),
        Line2D([], [], color=CHANCE_COLOUR, label="pixels in random order"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def curves(points: pd.DataFrame, methods: Sequence[str]) -> Figure:
    """Mean deletion and insertion curves of `methods` from curves.csv, dashed those of smooth
    random maps, dotted those of pixels in random order.
    """
    figure, axes = style.panels(1, 2, (3.6, 2.4))
    styles = {"": "-", "as smooth": "--"}
    for place, mode in zip(axes[0], ("deletion", "insertion")):
        rows = points[points["measure"] == mode]
        random = rows[rows["control"] == "random"]
        place.plot(random["share"], random["mean"], ":", color="black", label="random order")
        for method, colour in zip(methods, style.colours(len(methods))):
            for control, line in styles.items():
                own = rows[(rows["method"] == method) & (rows["control"] == control)]
                place.plot(
                    own["share"],
                    own["mean"],
                    line,
                    color=colour,
                    label=f"{method}, {control}" if control else method,
                )
        place.set(
            title=mode, xlabel="share of the pixels", ylabel="probability", xlim=(0, 1), ylim=(0, 1)
        )
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def similarity(table: pd.DataFrame, measures: Sequence[str]) -> Figure:
    """Mean similarity of each method's maps of trust.csv, a panel for each of `measures`: with
    those of a network whose layers are re-initialised, of noisy images and of another seed. Rings
    show the similarity of maps of different images.
    """
    table = table[table["check"].isin(["cascade", "noise", "seed", "unrelated"])].fillna(
        {"level": ""}
    )
    methods = list(dict.fromkeys(table["method"]))
    figure, axes = style.panels(1, len(measures), (7.2 / len(measures), 0.8 + 0.22 * len(methods)))
    height = dict(zip(methods, np.arange(len(methods))[::-1]))
    lowest = min(-0.35, table.loc[table["measure"].isin(measures), "mean"].min() - 0.05)
    marks = {"noise": ("^", REGION_COLOURS[1]), "seed": ("v", REGION_COLOURS[3])}
    for place, measure in zip(axes[0], measures):
        rows = table[table["measure"] == measure]
        levels = sorted(set(rows.loc[rows["check"] == "cascade", "level"]))
        for number, level in enumerate(levels):
            own = rows[(rows["check"] == "cascade") & (rows["level"] == level)]
            shade = str(0.75 - 0.75 * (number + 1) / len(levels))
            place.scatter(
                own["mean"],
                own["method"].map(height),
                color=shade,
                s=18,
                label=f"layers re-initialised: {level}",
            )
        for check, (marker, colour) in marks.items():
            own = rows[rows["check"] == check]
            place.scatter(
                own["mean"],
                own["method"].map(height),
                marker=marker,
                color=colour,
                s=22,
                label=check,
            )
        own = rows[rows["check"] == "unrelated"]
        place.scatter(
            own["mean"],
            own["method"].map(height),
            facecolors="none",
            edgecolors=CHANCE_COLOUR,
            s=60,
            label="other images",
        )
        place.set(title=measure, ylim=(-0.6, len(methods) - 0.4), xlim=(lowest, 1.05))
        place.set_yticks(
            list(height.values()), methods if place is axes[0, 0] else [""] * len(methods)
        )
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def agreement(table: pd.DataFrame) -> Figure:
    """Mean rank correlation of each two methods' maps of the same image, from trust.csv; a dash
    where it is undefined.
    """
    rows = table[table["check"] == "agreement"]
    methods = list(dict.fromkeys([*rows["method"], *rows["level"]]))
    values = pd.DataFrame(np.where(np.eye(len(methods)), 1.0, np.nan), methods, methods)
    for row in rows.itertuples():
        values.loc[row.method, row.level] = values.loc[row.level, row.method] = row.mean
    figure, axes = style.panels(1, 1, (1.4 + 0.36 * len(methods), 1.0 + 0.3 * len(methods)))
    shown = axes[0, 0].imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values.to_numpy()):
        colour = "white" if abs(value) > 0.7 else "black"
        text = "–" if np.isnan(value) else f"{value:.1f}".replace("-0.0", "0.0")
        axes[0, 0].text(column, row, text, ha="center", va="center", fontsize=6, color=colour)
    axes[0, 0].set_xticks(range(len(methods)), methods, rotation=40, ha="right")
    axes[0, 0].set_yticks(range(len(methods)), methods)
    axes[0, 0].spines[:].set_visible(False)
    figure.colorbar(shown, ax=axes[0, 0], label="rank correlation", shrink=0.8)
    return figure
