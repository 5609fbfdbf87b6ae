"""Figures of units of the last convolution: functions of data that return a figure."""

import io
import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR, REGION_COLOURS

PUBLISHED, DISSECTION = "#E69F00", "#56B4E9"  # outlines of the two rules for where a unit responds


def mosaic(images: np.ndarray, masks: np.ndarray, columns: int = 4, dimmed: float = 0.2) -> bytes:
    """A unit's images (n, H, W[, 3]), uint8, side by side as a PNG; outside the masks (n, H, W)
    times `dimmed`, as published.
    """
    inside = masks[..., None] if images.ndim == 4 else masks
    shown = np.where(inside, images, (images * dimmed).astype(np.uint8))
    rows = -(-len(shown) // columns)
    blank = np.zeros((rows * columns - len(shown), *shown.shape[1:]), np.uint8)
    whole = np.concatenate([shown, blank]).reshape(rows, columns, *shown.shape[1:])
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(np.concatenate(whole, axis=1), axis=1)).save(
        buffer, format="PNG"
    )
    return buffer.getvalue()


def pages(
    rows: Sequence[tuple[str, Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, str]]]],
) -> Figure:
    """A row for each unit: title, and images (image, published mask, dissection mask, title), both
    masks outlined.
    """
    columns = max(len(tiles) for _, tiles in rows)
    figure = Figure(figsize=(1.7 + 1.05 * columns, 1.22 * len(rows)), layout="constrained")
    axes = figure.subplots(
        len(rows), columns + 1, squeeze=False, width_ratios=[1.6] + [1] * columns
    )
    for line, (title, tiles) in zip(axes, rows):
        for place in line:
            place.set_axis_off()
        line[0].text(
            1, 0.5, title, ha="right", va="center", fontsize=6.5, transform=line[0].transAxes
        )
        for place, (image, published, dissected, said) in zip(line[1:], tiles):
            place.imshow(image, cmap="gray", vmin=0, vmax=255)
            for mask, colour, style in (
                (published, PUBLISHED, "solid"),
                (dissected, DISSECTION, "dashed"),
            ):
                if mask.any() and not mask.all():
                    place.contour(
                        mask.astype(float),
                        levels=[0.5],
                        colors=[colour],
                        linewidths=0.9,
                        linestyles=style,
                    )
            place.set_title(said, fontsize=6, pad=1)
    handles = [
        Line2D([], [], color=PUBLISHED, linestyle="solid", label="above 0.2 of the largest"),
        Line2D([], [], color=DISSECTION, linestyle="dashed", label="0.5 % of all places"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=6)
    return figure


def explained(
    cases: Sequence[tuple[np.ndarray, Sequence[tuple[np.ndarray, str]], Sequence[str]]],
) -> Figure:
    """A row for each case: the image, the image with the regions where its explaining units respond
    (mask, label), and paragraphs of text, the first of them a title.
    """
    figure = Figure(figsize=(7.4, 2.1 * len(cases)), layout="constrained")
    axes = figure.subplots(len(cases), 3, squeeze=False, width_ratios=[1, 1, 2.4])
    for (plain, drawn, text), (image, speaking, paragraphs) in zip(axes, cases):
        for place in (plain, drawn):
            place.imshow(image, cmap="gray", vmin=0, vmax=255)
        lines = []
        for (mask, label), colour in zip(speaking, REGION_COLOURS):
            if mask.any() and not mask.all():
                drawn.contour(mask.astype(float), levels=[0.5], colors=[colour], linewidths=1)
            lines.append((label if mask.any() else f"{label}: below its threshold", colour))
        for place in (plain, drawn, text):
            place.set_axis_off()
        at = 1.0
        for number, paragraph in enumerate(paragraphs):
            wrapped = textwrap.fill(paragraph, 66)
            weight = "bold" if number == 0 else "normal"
            text.text(
                0, at, wrapped, va="top", fontsize=6.5, weight=weight, transform=text.transAxes
            )
            at -= 0.085 * (wrapped.count("\n") + 1) + 0.04
        for label, colour in lines:
            text.plot(
                [0, 0.03],
                [at - 0.03] * 2,
                color=colour,
                linewidth=2,
                transform=text.transAxes,
                clip_on=False,
            )
            text.text(0.045, at, label, va="top", fontsize=6.5, transform=text.transAxes)
            at -= 0.085
        text.set(xlim=(0, 1), ylim=(0, 1))
    return figure


def consistency(table: pd.DataFrame, measures: Sequence[str]) -> Figure:
    """Value and 95 % interval of each `explanation`, a panel for each measure; baselines grey."""
    names = list(dict.fromkeys(table["explanation"]))
    figure = Figure(figsize=(7.4, 0.8 + 0.26 * len(names)), layout="constrained")
    height = np.arange(len(names))[::-1]
    for place, measure in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures):
        rows = table[table["measure"] == measure].set_index("explanation").reindex(names)
        colours = [
            NULL_COLOUR if base else METHOD_COLOUR
            for base in rows["baseline"].fillna(False).astype(bool)
        ]
        place.hlines(height, rows["ci_low"], rows["ci_high"], colors=colours, linewidth=2)
        place.scatter(rows["value"], height, c=colours, s=22, zorder=3)
        place.set(title=measure, xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
        place.set_yticks(height, names if measure == measures[0] else [""] * len(names))
    return figure


def words(table: pd.DataFrame) -> Figure:
    """AUROC and 95 % interval of each `word`: of the units that have it as their label, of the best
    single unit, and of the network's output.
    """
    names = list(dict.fromkeys(table["word"]))
    figure = Figure(figsize=(6, 0.8 + 0.3 * len(names)), layout="constrained")
    place, height = figure.subplots(), np.arange(len(names))[::-1]
    sources = {"units": METHOD_COLOUR, "best unit": REGION_COLOURS[0], "output": NULL_COLOUR}
    said = {
        "units": "units of that label",
        "best unit": "best unit",
        "output": "the network's output",
    }
    for (source, colour), shift in zip(sources.items(), (0.22, 0, -0.22)):
        rows = table[table["source"] == source].set_index("word").reindex(names)
        place.hlines(height + shift, rows["ci_low"], rows["ci_high"], colors=colour, linewidth=2)
        place.scatter(
            rows["value"],
            height + shift,
            color=colour,
            s=20,
            zorder=3,
            label=said[source],
        )
    place.axvline(0.5, color=CHANCE_COLOUR, linestyle=":", linewidth=1)
    place.set(
        xlabel="AUROC of the word in the report, test patients",
        xlim=(0, 1),
        ylim=(-0.6, len(names) - 0.4),
    )
    place.set_yticks(height, names)
    figure.legend(
        *place.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=6
    )
    return figure


def removals(table: pd.DataFrame) -> Figure:
    """The fall of the output when units are removed, with 95 % intervals: rows of name, value,
    ci_low, ci_high and the mean `control` of similar units (`as`).
    """
    whole = table.drop_duplicates("name")
    figure = Figure(figsize=(6, 0.9 + 0.4 * len(whole)), layout="constrained")
    place, height = figure.subplots(), dict(zip(whole["name"], range(len(whole))))
    place.hlines(
        list(height.values()), whole["ci_low"], whole["ci_high"], colors=METHOD_COLOUR, linewidth=2
    )
    place.scatter(
        whole["value"],
        list(height.values()),
        color=METHOD_COLOUR,
        s=22,
        zorder=3,
        label="these units",
    )
    for (like, rows), colour in zip(
        table.groupby("as", sort=False), (NULL_COLOUR, CHANCE_COLOUR, REGION_COLOURS[2])
    ):
        place.scatter(
            rows["control"],
            rows["name"].map(height),
            color=colour,
            marker="|",
            s=90,
            zorder=3,
            label=f"as many as {like}",
        )
    place.axvline(0, color="black", linewidth=0.6)
    place.set(
        xlabel="fall of the class's logit less the mean of the others'",
        ylim=(len(whole) - 0.5, -0.5),
    )
    place.set_yticks(list(height.values()), list(height))
    place.legend(fontsize=6)
    return figure
