"""Figures of clusters of activations: functions of data that return a figure."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR, REGION_COLOURS

# Okabe and Ito's colours, then Tol's muted ones
COLOURS: tuple[str, ...] = (
    *REGION_COLOURS,
    "#332288",
    "#882255",
    "#44AA99",
    "#999933",
    "#AA4499",
    "#117733",
    "#88CCEE",
    "#661100",
)
COLOURS += ("#6699CC", "#888888", "#DDCC77", "#CC6677", "#000000")


def _panels(rows: int, columns: int, cell: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(columns * cell[0], rows * cell[1]), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def sweep(table: pd.DataFrame) -> Figure:
    """Measures by the number of clusters K: a panel for each `panel` of the long table (K, panel,
    line, value, low, high), a line for each `line`, with its interval where one is given.
    """
    names = list(dict.fromkeys(table["panel"]))
    lowest = min(0, table[["value", "low"]].min().min())
    figure, axes = _panels(1, len(names), (7.4 / len(names), 2.5))
    for place, name in zip(axes[0], names):
        for (line, rows), colour in zip(
            table[table["panel"] == name].groupby("line", sort=False), COLOURS[5:] + COLOURS[:5]
        ):
            place.plot(
                rows["K"], rows["value"], "o-", color=colour, markersize=3, linewidth=1, label=line
            )
            if rows["low"].notna().any():
                place.fill_between(
                    rows["K"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0
                )
        place.set(
            title=name, xlabel="clusters K", xticks=sorted(set(table["K"])), ylim=(lowest, 1.02)
        )
        place.legend(fontsize=6)
    return figure


def gallery(
    rows: Sequence[tuple[str, Sequence[tuple[np.ndarray, np.ndarray, str]]]],
    colours: Sequence[str] = COLOURS,
) -> Figure:
    """A row for each cluster: its title, and tiles (image, weights of its size, title), outlined at
    half the largest weight.
    """
    columns = max(len(tiles) for _, tiles in rows)
    figure, axes = _panels(len(rows), columns, (1.05, 1.2))
    for line, (title, tiles), colour in zip(axes, rows, colours):
        for place in line:
            place.set_axis_off()
        for place, (image, soft, said) in zip(line, tiles):
            place.imshow(image, cmap="gray", vmin=0, vmax=255)
            if soft.max() > soft.min():
                place.contour(soft, levels=[soft.max() / 2], colors=["white"], linewidths=1.8)
                place.contour(soft, levels=[soft.max() / 2], colors=[colour], linewidths=1.0)
            place.set_title(said, fontsize=6, pad=1)
        line[0].text(
            -0.08,
            0.5,
            title,
            rotation=90,
            va="center",
            ha="right",
            fontsize=6,
            transform=line[0].transAxes,
        )
    return figure


def segmentations(
    images: Sequence[np.ndarray], labels: Sequence[np.ndarray], titles: Sequence[str], clusters: int
) -> Figure:
    """Images (H, W[, 3]) above, below each the number of the strongest cluster (H, W) in its
    colour, with a legend.
    """
    figure, axes = _panels(2, len(images), (1.35, 1.4))
    shown = ListedColormap(COLOURS[:clusters])
    for column, (image, label, title) in enumerate(zip(images, labels, titles)):
        axes[0, column].imshow(image, cmap="gray", vmin=0, vmax=255)
        axes[0, column].set_title(title, fontsize=6)
        axes[1, column].imshow(
            label, cmap=shown, vmin=-0.5, vmax=clusters - 0.5, interpolation="nearest"
        )
        for place in axes[:, column]:
            place.set_axis_off()
    handles = [
        Line2D([], [], marker="s", linestyle="", color=COLOURS[k], label=str(k + 1))
        for k in range(clusters)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(clusters, 10),
        title="cluster",
        fontsize=6,
    )
    return figure


def dictionaries(table: pd.DataFrame, measures: Sequence[str], first: str) -> Figure:
    """Value and 95 % interval of each `dictionary`, a panel for each measure; `first` in colour,
    the others grey.
    """
    names = list(dict.fromkeys(table["dictionary"]))
    figure, axes = _panels(
        1, len(measures), (max(1.7, 7.4 / len(measures)), 0.7 + 0.24 * len(names))
    )
    height = np.arange(len(names))[::-1]
    for place, measure in zip(axes[0], measures):
        rows = table[table["measure"] == measure].set_index("dictionary").reindex(names)
        colours = [METHOD_COLOUR if name == first else NULL_COLOUR for name in names]
        place.hlines(height, rows["ci_low"], rows["ci_high"], colors=colours, linewidth=2)
        place.scatter(rows["value"], height, c=colours, s=22, zorder=3)
        place.set(title=measure, ylim=(-0.6, len(names) - 0.4))
        place.set_yticks(height, names if place is axes[0, 0] else [""] * len(names))
    return figure


def removals(predicted: np.ndarray, found: np.ndarray, shuffled: np.ndarray) -> Figure:
    """The fall of the output when each cluster is removed, (N, K) each: against the predicted fall,
    and beside the fall for a cluster with shuffled channels.
    """
    figure, axes = _panels(1, 2, (3.6, 2.7))
    place = axes[0, 0]
    for k in range(predicted.shape[1]):
        place.scatter(predicted[:, k], found[:, k], s=5, color=COLOURS[k], alpha=0.6, linewidths=0)
    ends = [min(predicted.min(), found.min()), max(predicted.max(), found.max())]
    place.plot(ends, ends, ":", color="black", linewidth=0.8)
    place.set(
        xlabel="predicted fall of the output",
        ylabel="measured",
        title="one dot: a tile and a cluster",
    )
    place = axes[0, 1]
    at = np.arange(found.shape[1])
    place.bar(at - 0.2, np.abs(found).mean(axis=0), 0.4, color=COLOURS[: len(at)])
    place.bar(
        at + 0.2,
        np.abs(shuffled).mean(axis=0),
        0.4,
        color=CHANCE_COLOUR,
        alpha=0.5,
        label="channels shuffled",
    )
    place.set(
        xlabel="cluster", ylabel="mean |fall|", xticks=at, title="removal, and a control as large"
    )
    place.set_xticklabels(at + 1)
    place.legend(fontsize=6)
    return figure


def stitched(tiles: Mapping[str, tuple[np.ndarray, np.ndarray]], clusters: int) -> Figure:
    """Tiles of one slide, name: (image, labels), side by side, the images above and below them the
    strongest cluster. The data sets do not give the position of a tile in its slide, so tiles
    are in the order of the table, eight in a row.
    """
    across = min(8, len(tiles))
    rows = -(-len(tiles) // across)
    figure, axes = _panels(2 * rows, across, (1.6, 1.7))
    for place in axes.flat:
        place.set_axis_off()
    shades = {"cmap": ListedColormap(COLOURS[:clusters]), "vmin": -0.5, "vmax": clusters - 0.5}
    for at, (name, (image, labels)) in enumerate(tiles.items()):
        above, below = axes[2 * (at // across) : 2 * (at // across) + 2, at % across]
        above.imshow(image, cmap="gray", vmin=0, vmax=255)
        above.set_title(name, fontsize=7)
        below.imshow(labels, interpolation="nearest", **shades)
    return figure
