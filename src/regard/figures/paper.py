"""Figures of all studies together, for the paper: functions of data that return a figure."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR, REGION_COLOURS

# as many as REGION_COLOURS; further studies repeat them from the first
MARKERS = tuple("os^DvPX")
WIDTH = 6.9  # inches, of both columns together
FARTHEST = 5  # largest distance drawn, in half-widths of the interval


def overview(table: pd.DataFrame, panels: Mapping[str, str], nulls: Sequence[str]) -> Figure:
    """Every map in every study: a panel for each score, a row for each map, a column for each
    study.

    The number is the mean. The colour is the mean less chance, red above chance and blue below.
    Brackets mark maps of fewer cases than other maps of the study; names of null maps are grey.

    Parameters
    ----------
    table : DataFrame
        study, method, score, mean, chance, n_maps.
    panels : mapping of str to str
        Score -> title of its panel.
    nulls : sequence of str
        The names of the null maps.
    """
    studies, methods = list(dict.fromkeys(table["study"])), list(dict.fromkeys(table["method"]))
    methods = [name for name in methods if name not in nulls] + [
        name for name in methods if name in nulls
    ]
    figure = Figure(figsize=(WIDTH, 0.9 + 0.19 * len(methods)), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    lift = table["mean"] - table["chance"]
    largest = float(lift.abs().max())
    for place, (score, title) in zip(axes, panels.items()):
        rows = table[table["score"] == score].assign(lift=lift)
        values, gained, maps = (
            rows.pivot(index="method", columns="study", values=column).reindex(
                index=methods, columns=studies
            )
            for column in ("mean", "lift", "n_maps")
        )
        shown = place.imshow(
            gained.to_numpy(float), cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto"
        )
        for (row, column), value in np.ndenumerate(values.to_numpy(float)):
            dark = abs(gained.iloc[row, column]) > 0.65 * largest
            few = maps.iloc[row, column] < maps.iloc[:, column].max()
            text = "–" if np.isnan(value) else f"({value:.2f})" if few else f"{value:.2f}"
            place.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=6,
                color="white" if dark else "black",
            )
        place.set_title(title, fontsize=7.5)
        place.set_xticks(range(len(studies)), studies, rotation=35, ha="right", fontsize=6.5)
        place.set_yticks(
            range(len(methods)), methods if place is axes[0] else [""] * len(methods), fontsize=6.5
        )
        for tick, name in zip(place.get_yticklabels(), methods):
            tick.set_color("#666666" if name in nulls else "black")
        place.spines[:].set_visible(False)
        place.tick_params(length=0)
    figure.colorbar(shown, ax=list(axes), label="mean less chance", shrink=0.7, pad=0.01)
    return figure


def controls(hits: pd.DataFrame, trust: pd.DataFrame, nulls: Sequence[str]) -> Figure:
    """Left: the hit rate less chance of each map, a row for each study, null maps grey, the best
    null map named. Right: the similarity of each method's maps to those of a network with all
    layers re-initialised, a mark for each study; rings show the similarity of maps of different
    images.

    Parameters
    ----------
    hits : DataFrame
        study, method, mean, chance.
    trust : DataFrame
        Rows of trust.csv of one measure.
    nulls : sequence of str
        The names of the null maps.
    """
    studies = list(dict.fromkeys(hits["study"]))
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    _gains(left, hits, studies, nulls)
    _similarities(right, trust, studies)
    styles = zip(studies, itertools.cycle(zip(REGION_COLOURS, MARKERS)))
    handles = [_dot(colour, study, marker) for study, (colour, marker) in styles]
    ring = Line2D([], [], color="#888888", marker="o", fillstyle="none", linestyle="")
    ring.set_label("maps of other images")
    handles = [_dot(METHOD_COLOUR, "method"), _dot(NULL_COLOUR, "null map"), *handles, ring]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=6,
        columnspacing=1.2,
    )
    return figure


def _gains(axes: Axes, hits: pd.DataFrame, studies: Sequence[str], nulls: Sequence[str]) -> None:
    """The hit rate less chance of each map, methods above null maps in the row of a study."""
    for row, study in enumerate(studies[::-1]):
        own = hits[hits["study"] == study].assign(gained=lambda rows: rows["mean"] - rows["chance"])
        null = own["method"].isin(nulls)
        for shown, height, colour in (
            (own[~null], row + 0.14, METHOD_COLOUR),
            (own[null], row - 0.14, NULL_COLOUR),
        ):
            axes.scatter(shown["gained"], np.full(len(shown), height), color=colour, s=16)
        for _, best in own[null & own["gained"].notna()].sort_values("gained")[-1:].iterrows():
            place = best["gained"], row - 0.14
            axes.annotate(
                best["method"], place, (0, -9), textcoords="offset points", fontsize=6, ha="center"
            )
    axes.axvline(0, color=CHANCE_COLOUR, linewidth=0.8)
    axes.set_yticks(range(len(studies)), studies[::-1])
    axes.set(xlabel="hit rate less chance", ylim=(-0.5, len(studies) - 0.4))


def _similarities(axes: Axes, trust: pd.DataFrame, studies: Sequence[str]) -> None:
    """The similarity of each method's maps after all layers were re-initialised, and to maps of
    other images; a row for each method.
    """
    levels = trust["level"].fillna("").str.extract(r"(\d+) of (\d+)")
    whole = (levels[0] == levels[1]) & levels[0].notna()  # every layer re-initialised
    methods = list(dict.fromkeys(trust.loc[trust["check"] == "cascade", "method"]))[::-1]
    lowest = min(-0.6, trust["mean"].min())
    trust = trust[trust["method"].isin(methods)]
    for number, study in enumerate(studies):
        shift = 0.12 * (number - (len(studies) - 1) / 2)
        own = trust[trust["study"] == study]
        mark: dict[str, Any] = {"marker": MARKERS[number % len(MARKERS)], "s": 14, "zorder": 3}
        mark |= {"color": REGION_COLOURS[number % len(MARKERS)]}
        ring: dict[str, Any] = {"marker": "o", "s": 26, "zorder": 2}
        ring |= {"facecolors": "none", "edgecolors": "#888888"}
        for rows, style in (
            (own[(own["check"] == "cascade") & whole.loc[own.index]], mark),
            (own[own["check"] == "unrelated"], ring),
        ):
            height = [methods.index(name) + shift for name in rows["method"]]
            axes.scatter(rows["mean"], height, linewidths=0.6, **style)
    axes.axvline(0, color="black", linewidth=0.5)
    axes.set_yticks(range(len(methods)), methods, fontsize=6.5)
    axes.set(xlabel="rank correlation with maps of a re-initialised network", xlim=(lowest, 1.02))


def cost_and_quality(table: pd.DataFrame) -> Figure:
    """The passes through the network for a map of each method, beside two measures of quality: the
    hit rate less chance, and the gain in deletion over smooth random maps.

    A mark for each study, a line for the mean over studies; methods in order of cost.

    Parameters
    ----------
    table : DataFrame
        method, study, passes, localises, faithful; undefined values are not drawn.
    """
    order = (
        table.groupby("method", sort=False)["passes"].mean().sort_values(kind="stable").index[::-1]
    )
    studies = list(dict.fromkeys(table["study"]))
    figure = Figure(figsize=(WIDTH, 0.9 + 0.2 * len(order)), layout="constrained")
    axes = figure.subplots(1, 3)
    labels = {
        "passes": "passes through the network",
        "localises": "hit rate less chance",
        "faithful": "deletion: gain over smooth random maps",
    }
    for place, (column, label) in zip(axes, labels.items()):
        for number, study in enumerate(studies):
            own = table[table["study"] == study].set_index("method").reindex(order)
            height = np.arange(len(order)) + 0.1 * (number - (len(studies) - 1) / 2)
            style = {
                "marker": MARKERS[number % len(MARKERS)],
                "color": REGION_COLOURS[number % len(MARKERS)],
            }
            place.scatter(own[column], height, s=13, label=study, **style)
        mean = table.groupby("method")[column].mean().reindex(order)
        place.vlines(
            mean,
            np.arange(len(order)) - 0.35,
            np.arange(len(order)) + 0.35,
            color="black",
            linewidth=1,
        )
        place.set(xlabel=label, ylim=(-0.6, len(order) - 0.4))
        place.set_yticks(
            range(len(order)), order if place is axes[0] else [""] * len(order), fontsize=6.5
        )
        if column == "passes":
            place.set_xscale("log")
        else:
            place.axvline(0, color=CHANCE_COLOUR, linewidth=0.8)
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(studies),
        fontsize=6.5,
    )
    return figure


def columns(
    clusters: Sequence[Sequence[tuple[np.ndarray, np.ndarray, str]]], colours: Sequence[str]
) -> Figure:
    """A column for each cluster: tiles below one another, outlined at half the largest weight.

    Parameters
    ----------
    clusters : sequence
        Of each cluster its tiles: image (H, W[, 3]) uint8, weights (H, W), title.
    colours : sequence of str
        A colour for each cluster.
    """
    deep = max(len(tiles) for tiles in clusters)
    figure = Figure(
        figsize=(WIDTH, 0.2 + deep * (WIDTH / len(clusters) + 0.1)), layout="constrained"
    )
    axes = figure.subplots(deep, len(clusters), squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for number, (tiles, colour) in enumerate(zip(clusters, colours)):
        for row, (image, soft, said) in enumerate(tiles):
            place = axes[row, number]
            place.imshow(image, cmap="gray", vmin=0, vmax=255)
            if soft.max() > soft.min():
                for line, width in (("white", 2.2), (colour, 1.2)):
                    place.contour(soft, levels=[soft.max() / 2], colors=[line], linewidths=width)
            place.set_title(
                f"cluster {number + 1}\n{said}" if row == 0 else said, fontsize=6, pad=1.5
            )
    return figure


def strips(rows: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """A row for each unit: title, and its images side by side.

    rows: title and strip (H, W) or (H, W, 3), uint8, all of one size.
    """
    height, width = rows[0][1].shape[:2]
    inches = (WIDTH - 1.5) * height / width
    figure = Figure(figsize=(WIDTH, (inches + 0.06) * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for place, (title, strip) in zip(axes, rows):
        place.imshow(strip, cmap="gray", vmin=0, vmax=255)
        place.set_axis_off()
        place.text(
            -0.01, 0.5, title, ha="right", va="center", fontsize=6.5, transform=place.transAxes
        )
    return figure


def steadiness(table: pd.DataFrame) -> Figure:
    """The value of each claim when the networks are retrained: a row for each claim, a mark for
    each rerun.

    The position is the distance from the first run's value in units of its interval, whose ends
    are at -1 and 1; an arrow marks a distance beyond FARTHEST. A ring marks the same verdict, a
    cross another one. The verdict of the first run is on the right.

    Parameters
    ----------
    table : DataFrame
        study, name, reference, low, high, verdict, values, verdicts. Values without a reference,
        or on a side where the interval has no width, are not drawn.
    """
    studies = dict(list(table.groupby("study", sort=False)))
    figure = Figure(
        figsize=(WIDTH, 0.7 + 0.1 * len(table) + 0.17 * len(studies)), layout="constrained"
    )
    shares = [len(rows) + 0.2 for rows in studies.values()]
    axes = figure.subplots(len(studies), 1, sharex=True, squeeze=False, height_ratios=shares)[:, 0]
    for place, (study, rows) in zip(axes, studies.items()):
        place.axvspan(-1, 1, color="#e8e8e8", zorder=0)
        place.axvline(0, color="black", linewidth=0.6, zorder=1)
        for height, row in enumerate(rows.itertuples()):
            for value, verdict in zip(row.values, row.verdicts):
                arm = (
                    row.high - row.reference if value >= row.reference else row.reference - row.low
                )
                if arm > 0:
                    away, style = (value - row.reference) / arm, _rerun(verdict == row.verdict)
                    place.scatter(np.clip(away, -FARTHEST, FARTHEST), height, zorder=2, **style)
                    if abs(away) > FARTHEST:
                        end = np.copysign(FARTHEST + 0.3, away)
                        place.scatter(
                            end, height, marker=">" if away > 0 else "<", color="black", s=6
                        )
        place.set_title(study, fontsize=6.5, fontweight="bold", loc="left", pad=2)
        place.set_yticks(range(len(rows)), rows["name"], fontsize=6)
        place.set_ylim(len(rows) - 0.4, -0.6)
        right = place.secondary_yaxis("right")
        right.set_yticks(
            range(len(rows)), rows["verdict"].str.removeprefix("on phantoms: "), fontsize=6
        )
        for side in (place, right):
            side.tick_params(axis="both", length=0, labelsize=6)
            side.spines[:].set_visible(False)
    axes[-1].set_xlim(-FARTHEST - 0.5, FARTHEST + 0.5)
    axes[-1].set_xlabel(
        "distance from the first run, relative to the end of its interval", fontsize=6.5
    )
    handles = [axes[0].scatter([], [], **_rerun(same)) for same in (True, False)]
    labels = ["a rerun, the same verdict", "a rerun, another verdict"]
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=6.5)
    return figure


def _rerun(same: bool) -> dict:
    """The mark of a rerun: a ring for the same verdict, a cross for another."""
    style = (
        {"marker": "o", "facecolors": "none", "edgecolors": METHOD_COLOUR}
        if same
        else {"marker": "x", "color": CHANCE_COLOUR}
    )
    return style | {"s": 15, "linewidths": 0.9}


def _dot(colour: str, label: str, marker: str = "o") -> Line2D:
    return Line2D([], [], color=colour, marker=marker, linestyle="", markersize=4, label=label)
