"""Figures of all studies together, for the paper; as those of regard.figures.style, functions of
data that return a matplotlib figure.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR, REGION_COLOURS

MARKERS = (
    "o",
    "s",
    "^",
    "D",
    "v",
    "P",
    "X",
)  # as many as REGION_COLOURS; a study beyond them has those of the first again
WIDTH = 6.9  # inches, of both columns together
FARTHEST = 5  # arms of an interval that are drawn


def overview(table: pd.DataFrame, panels: Mapping[str, str], nulls: Sequence[str]) -> Figure:
    """Every map in every study: a panel for each score, a row for each map, a column for each
    study. The number is the mean, its colour the mean less what chance would give, red above and
    blue below; in brackets where a map was made of fewer cases than others of its study; null maps
    in grey letters.

    table: study, method, score, mean, chance, n_maps, a row each; panels: score -> title.
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
    """Left: the hit rate less chance of each map, a line for each study, null maps grey, the best
    of them named. Right: how similar the maps of each method are to those of a network all of whose
    layers forgot what they learned, a mark for each study; the ring is what maps of different
    images have in common.

    hits: study, method, mean, chance; trust: rows of trust.csv of one measure.
    """
    studies = list(dict.fromkeys(hits["study"]))
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    for row, study in enumerate(studies[::-1]):
        own = hits[hits["study"] == study].assign(gained=lambda rows: rows["mean"] - rows["chance"])
        null = own["method"].isin(nulls)
        left.scatter(
            own.loc[~null, "gained"], np.full((~null).sum(), row + 0.14), color=METHOD_COLOUR, s=16
        )
        left.scatter(
            own.loc[null, "gained"], np.full(null.sum(), row - 0.14), color=NULL_COLOUR, s=16
        )
        for _, best in own[null & own["gained"].notna()].sort_values("gained")[-1:].iterrows():
            place = best["gained"], row - 0.14
            left.annotate(
                best["method"], place, (0, -9), textcoords="offset points", fontsize=6, ha="center"
            )
    left.axvline(0, color=CHANCE_COLOUR, linewidth=0.8)
    left.set_yticks(range(len(studies)), studies[::-1])
    left.set(xlabel="hit rate less chance", ylim=(-0.5, len(studies) - 0.4))
    levels = trust["level"].fillna("").str.extract(r"(\d+) of (\d+)")
    whole = (levels[0] == levels[1]) & levels[0].notna()  # every layer drawn anew
    methods = list(dict.fromkeys(trust.loc[trust["check"] == "cascade", "method"]))[::-1]
    for number, study in enumerate(studies):
        for check, marker, style in (
            (
                "cascade",
                MARKERS[number % len(MARKERS)],
                {"color": REGION_COLOURS[number % len(MARKERS)]},
            ),
            ("unrelated", "o", {"facecolors": "none", "edgecolors": "#888888"}),
        ):
            own = trust[
                (trust["study"] == study)
                & (trust["check"] == check)
                & trust["method"].isin(methods)
            ]
            own = own[whole.loc[own.index]] if check == "cascade" else own
            height = [
                methods.index(name) + 0.12 * (number - (len(studies) - 1) / 2)
                for name in own["method"]
            ]
            right.scatter(
                own["mean"],
                height,
                marker=marker,
                s=14 if check == "cascade" else 26,
                linewidths=0.6,
                zorder=3 if check == "cascade" else 2,
                **style,
            )
    right.axvline(0, color="black", linewidth=0.5)
    right.set_yticks(range(len(methods)), methods, fontsize=6.5)
    right.set(
        xlabel="rank correlation with maps of a re-initialised network",
        xlim=(min(-0.6, trust["mean"].min()), 1.02),
    )
    styles = zip(studies, itertools.cycle(zip(REGION_COLOURS, MARKERS)))
    handles = [_dot(colour, study, marker) for study, (colour, marker) in styles]
    ring = Line2D(
        [],
        [],
        color="#888888",
        marker="o",
        fillstyle="none",
        linestyle="",
        label="maps of other images",
    )
    handles = [_dot(METHOD_COLOUR, "method"), _dot(NULL_COLOUR, "null map"), *handles, ring]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=6,
        columnspacing=1.2,
    )
    return figure


def cost_and_quality(table: pd.DataFrame) -> Figure:
    """What a map of each method costs, in passes through the network, beside what it is worth: the
    hit rate less chance, and by how much the probability falls faster as its most relevant pixels
    are deleted than those of a map as smooth that knows nothing. A mark for each study, the mean
    over studies as a line; methods by cost.

    table: method, study, passes, localises, faithful; undefined values are left out.
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
    """A column for each cluster: tiles (image, soft map of its size, what it is) below one another,
    outlined where the map has half its largest value.
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
    """A row for each unit: what it is, and its images side by side. rows: title, strip (H, W) or
    (H, W, 3) uint8.
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
    """What becomes of each claim when the networks are trained anew: a row for each claim, a mark
    for each rerun, as far from the first run's number as measured by that number's own interval,
    whose ends are at -1 and 1; a ring where the verdict was the same, a cross where it was another,
    with an arrow beyond FARTHEST. On the right the first run's verdict.

    table: study, name, reference, low, high, verdict, values, verdicts; a number without a
    reference, or beyond an interval without width, is left out.
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
    axes[-1].set_xlabel("distance from the first run, in arms of its own interval", fontsize=6.5)
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
