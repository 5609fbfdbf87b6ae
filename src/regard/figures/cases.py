"""Figures of cases and networks: images with their regions, losses over epochs, ROC curves."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regard.figures import style
from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR, REGION_COLOURS


def gallery(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    regions: Sequence[Mapping | None],
    columns: int = 6,
    cell: tuple[float, float] = (1.5, 1.5),
    filled: bool = False,
) -> Figure:
    """Images (H, W) or (H, W, 3) with the outlines of their regions (bool, same size each; None:
    not annotated).

    cell: width and height of each in inches; filled: whether regions are shaded inside, so that one
    sees which side is meant.
    """
    names = list(
        dict.fromkeys(name for outlines in regions for name in outlines or {} if name != "other")
    )
    colours = dict(zip(names, style.colours(len(names))))
    figure, axes = style.panels(-(-len(images) // columns), columns, cell)
    for place in axes.flat:
        place.set_axis_off()
    for place, image, title, outlines in zip(axes.flat, images, titles, regions):
        style.picture(place, image)
        place.set_title(title)
        for name, colour in reversed(
            colours.items()
        ):  # the first last: a mass's line is the ring's inner edge too
            region = (outlines or {}).get(name)
            if filled and region is not None and region.any():
                place.imshow(np.where(region[..., None], (*to_rgb(colour), 0.25), 0.0))
            style.outline(place, region, colour)
    figure.legend(
        handles=[Line2D([], [], color=colour, label=name) for name, colour in colours.items()],
        loc="outside lower center",
        ncols=max(1, min(len(names), columns)),
    )
    return figure


def history(table: pd.DataFrame) -> Figure:
    """Training and tuning loss over the epochs, one panel per `start` (transfer, scratch)."""
    starts = list(dict.fromkeys(table["start"]))
    figure, axes = style.panels(1, len(starts), (3.2, 2.4))
    for place, start in zip(axes[0], starts):
        rows = table[table["start"] == start]
        place.plot(rows["epoch"], rows["train_loss"], color=NULL_COLOUR, label="training")
        place.plot(rows["epoch"], rows["tune_loss"], color=METHOD_COLOUR, label="tuning")
        kept = rows.loc[rows["tune_loss"].idxmin()]
        place.plot(kept["epoch"], kept["tune_loss"], "o", color=CHANCE_COLOUR, label="epoch kept")
        place.set(title=start, xlabel="epoch", ylabel="loss", ylim=(0, None))
        place.legend()
    return figure


def roc(
    curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
    thresholds: Mapping[str, Sequence[float] | None],
) -> Figure:
    """ROC curves, a panel per target: {target: {network: (positive, scores)}}, and each network's
    operating point.

    thresholds: per network one per target, or None where the likeliest class is called.
    """
    from sklearn.metrics import roc_curve  # slow to import, and of use here alone

    columns = min(3, len(curves))
    figure, axes = style.panels(
        -(-len(curves) // columns), columns, (2.9, 2.7) if len(curves) > 1 else (3.2, 3)
    )
    for place in axes.flat[len(curves) :]:
        place.set_axis_off()
    for row, (place, (target, networks)) in enumerate(zip(axes.flat, curves.items())):
        for (name, (positive, scores)), colour in zip(
            networks.items(), (METHOD_COLOUR, NULL_COLOUR, *REGION_COLOURS)
        ):
            false_positive, true_positive, _ = roc_curve(positive, scores)
            place.plot(false_positive, true_positive, color=colour, label=name)
            if (of_targets := thresholds[name]) is not None:
                called = scores >= of_targets[row]
                place.plot(
                    called[~positive].mean(),
                    called[positive].mean(),
                    "o",
                    color=colour,
                    markeredgecolor="black",
                )
        place.plot([0, 1], [0, 1], ":", color="black", linewidth=0.8)
        place.set(
            xlabel="1 - specificity",
            ylabel="sensitivity",
            xlim=(0, 1),
            ylim=(0, 1.01),
            aspect="equal",
            title=target,
        )
    axes.flat[0].legend(loc="lower right")
    return figure


def contact_sheet(
    table: pd.DataFrame,
    images: Sequence[np.ndarray],
    regions: Mapping[str, Sequence[np.ndarray | None]],
    findings: Sequence[str],
    count: int = 24,
) -> Figure:
    """Up to `count` cases, spread evenly over the labels (or combinations of `findings`) and over
    the set, with every region outlined, shaded and named. Arguments as in
    `regard.data.cases.Cases`.

    Made to be looked at: an outline that is mirrored, upside down or shifted shows coordinates read
    in the wrong way.
    """
    kinds = table["label"] if "label" in table else table[list(findings)].agg("".join, axis=1)
    groups = [list(group) for _, group in kinds.groupby(kinds).groups.items()]
    share = max(1, count // len(groups))
    chosen = [
        group[at]
        for group in groups
        for at in np.unique(np.linspace(0, len(group) - 1, share).astype(int))
    ]
    shown, titles, drawn = [], [], []
    for row in chosen[:: max(1, -(-len(chosen) // count))]:
        step = max(1, max(images[row].shape[:2]) // 384)  # as fine as it is seen
        shown.append(images[row][::step, ::step])
        present = [name for name in findings if table[name][row] == "1"]
        said = [table["label"][row]] if "label" in table else present or ["no finding"]
        titles.append(
            "\n".join(
                textwrap.shorten(name, 30, placeholder="...")
                for name in (table["case"][row], *said[:3])
            )
        )
        masks = {name: masks[row] for name, masks in regions.items()}
        drawn.append(
            {
                name: mask[::step, ::step]
                for name, mask in masks.items()
                if mask is not None and mask.any()
            }
        )
    return gallery(shown, titles, drawn, cell=(2.1, 2.4), filled=True)
