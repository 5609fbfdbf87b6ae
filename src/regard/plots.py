"""Every figure is a function of data that returns a matplotlib figure; colours are safe for colour-blind readers."""

import textwrap
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from IPython.display import Image, display
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

matplotlib.rcParams.update(
    {
        "svg.hashsalt": "regard",
        "font.size": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 8,
        "figure.dpi": 100,
        "legend.frameon": False,
    }
)

# Okabe and Ito's colours
REGION_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2")
OUTLINE_COLOUR = "#E69F00"  # of the expert's region
METHOD_COLOUR, NULL_COLOUR, CHANCE_COLOUR = "#0072B2", "#999999", "#D55E00"


def save(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure as SVG or PNG, without date or program, so that equal figures are equal bytes."""
    metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(path, metadata=metadata, bbox_inches="tight", dpi=dpi)


def show(figure: Figure, alt: str) -> None:
    """Show a figure in a notebook as a picture with a text for those who cannot see it."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, bbox_inches="tight", dpi=100)
    display(Image(buffer.getvalue(), alt=alt))


def _colours(count: int) -> Sequence:
    """As many colours that differ, up to twenty: REGION_COLOURS while these are enough."""
    return REGION_COLOURS if count <= len(REGION_COLOURS) else [colormaps["tab20"](at % 20) for at in range(count)]


def _grid(rows: int, columns: int, cell: tuple[float, float] = (1.5, 1.5)) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(columns * cell[0], rows * cell[1]), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _picture(axes, image: np.ndarray) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()


def _outline(axes, region: np.ndarray, colour: str, **style) -> None:
    if region is not None and region.any() and not region.all():
        axes.contour(region.astype(float), levels=[0.5], colors=[colour], linewidths=0.9, **style)


def gallery(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    regions: Sequence[Mapping | None],
    columns: int = 6,
    cell: tuple[float, float] = (1.5, 1.5),
    filled: bool = False,
) -> Figure:
    """Images (H, W) or (H, W, 3) with the outlines of their regions (bool, same size each; None: not annotated).

    cell: width and height of each in inches; filled: whether regions are shaded inside, so that one sees which side is
    meant.
    """
    names = list(dict.fromkeys(name for outlines in regions for name in outlines or {} if name != "other"))
    colours = dict(zip(names, _colours(len(names))))
    figure, axes = _grid(-(-len(images) // columns), columns, cell)
    for place in axes.flat:
        place.set_axis_off()
    for place, image, title, outlines in zip(axes.flat, images, titles, regions):
        _picture(place, image)
        place.set_title(title)
        for name, colour in reversed(colours.items()):  # the first last: a mass's line is the ring's inner edge too
            region = (outlines or {}).get(name)
            if filled and region is not None and region.any():
                place.imshow(np.where(region[..., None], (*to_rgb(colour), 0.25), 0.0))
            _outline(place, region, colour)
    figure.legend(
        handles=[Line2D([], [], color=colour, label=name) for name, colour in colours.items()],
        loc="outside lower center",
        ncols=max(1, min(len(names), columns)),
    )
    return figure


def history(table: pd.DataFrame) -> Figure:
    """Training and tuning loss over the epochs, one panel per `start` (transfer, scratch)."""
    starts = list(dict.fromkeys(table["start"]))
    figure, axes = _grid(1, len(starts), (3.2, 2.4))
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
    """ROC curves, a panel per target: {target: {network: (positive, scores)}}, and each network's operating point.

    thresholds: per network one per target, or None where the likeliest class is called.
    """
    from sklearn.metrics import roc_curve  # slow to import, and of use here alone

    columns = min(3, len(curves))
    figure, axes = _grid(-(-len(curves) // columns), columns, (2.9, 2.7) if len(curves) > 1 else (3.2, 3))
    for place in axes.flat[len(curves) :]:
        place.set_axis_off()
    for row, (place, (target, networks)) in enumerate(zip(axes.flat, curves.items())):
        for (name, (positive, scores)), colour in zip(networks.items(), (METHOD_COLOUR, NULL_COLOUR, *REGION_COLOURS)):
            false_positive, true_positive, _ = roc_curve(positive, scores)
            place.plot(false_positive, true_positive, color=colour, label=name)
            if thresholds[name] is not None:
                called = scores >= thresholds[name][row]
                place.plot(
                    called[~positive].mean(), called[positive].mean(), "o", color=colour, markeredgecolor="black"
                )
        place.plot([0, 1], [0, 1], ":", color="black", linewidth=0.8)
        place.set(
            xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01), aspect="equal", title=target
        )
    axes.flat[0].legend(loc="lower right")
    return figure


def heat_maps(
    images: Sequence[np.ndarray],
    maps: Mapping[str, Sequence[np.ndarray]],
    titles: Sequence[str],
    outlines: Sequence[np.ndarray | None],
    points: Mapping[str, Sequence] | None = None,
    inches: float = 1.25,
    room: float = 0.05,
) -> Figure:
    """A row per image: the image, then each heat map (same size), the expert's region outlined, the map's maximum marked.

    Signed methods are drawn red for and blue against the class, symmetric about zero; methods without negative values
    from dark to bright. Each map is scaled by its own 98th percentile of absolute values, for the eye alone. inches: the width of a picture; room: above it, for its title.
    """
    figure, axes = _grid(len(images), len(maps) + 1, (inches, inches + room))
    signed = {method: any((np.asarray(heat) < 0).any() for heat in drawn) for method, drawn in maps.items()}
    for row, image in enumerate(images):
        _picture(axes[row, 0], image)
        axes[row, 0].set_title(titles[row], fontsize=7)
        for place, (method, drawn) in zip(axes[row, 1:], maps.items()):
            _heat(place, image, np.asarray(drawn[row], dtype=float), signed[method])
            if row == 0:
                place.set_title(method, fontsize=7)
            if points is not None:
                _cross(place, *points[method][row])
        for place in axes[row]:
            _outline(place, outlines[row], OUTLINE_COLOUR)
    return figure


def map_sheet(
    images: Sequence[np.ndarray],
    maps: Mapping[str, Sequence[np.ndarray]],
    titles: Sequence[str],
    outlines: Sequence[np.ndarray | None],
    points: Mapping[str, Sequence],
) -> Figure:
    """`heat_maps` turned round, for more kinds of maps than fit beside one another: a column per image, a row per kind."""
    figure, axes = _grid(len(maps) + 1, len(images), (1.5, 1.5))
    for place, image, title in zip(axes[0], images, titles):
        _picture(place, image)
        place.set_title(title, fontsize=7)
    for row, (method, drawn) in zip(axes[1:], maps.items()):
        signed = any((np.asarray(heat) < 0).any() for heat in drawn)
        for place, image, heat, point in zip(row, images, drawn, points[method]):
            _heat(place, image, np.asarray(heat, dtype=float), signed)
            _cross(place, *point)
        row[0].text(-0.06, 0.5, method, rotation=90, va="center", ha="right", fontsize=7, transform=row[0].transAxes)
    for row in axes:
        for place, outline in zip(row, outlines):
            _outline(place, outline, OUTLINE_COLOUR)
    return figure


def _cross(axes, down: float, across: float) -> None:
    axes.plot(across, down, "x", color="black", markersize=6, markeredgewidth=2.5)
    axes.plot(across, down, "x", color="white", markersize=5, markeredgewidth=1)


def _heat(axes, image: np.ndarray, heat: np.ndarray, signed: bool) -> None:
    _picture(axes, image)
    scale = np.quantile(np.abs(heat), 0.98) or np.abs(heat).max() or 1.0
    if signed:  # what is near zero lets the image through
        strength = 0.15 + 0.8 * np.clip(np.abs(heat) / scale, 0, 1)
        axes.imshow(heat, cmap="RdBu_r", vmin=-scale, vmax=scale, alpha=strength)
    else:
        axes.imshow(heat, cmap="magma", vmin=0, vmax=scale, alpha=0.65)


def selections(
    images: Sequence[np.ndarray],
    regions: Mapping[str, Sequence[np.ndarray]],
    titles: Sequence[str],
    outlines: Sequence[np.ndarray | None],
) -> Figure:
    """A row per image: the image, then each selected region filled, with the expert's region outlined."""
    figure, axes = _grid(len(images), len(regions) + 1, (1.4, 1.45))
    for row, image in enumerate(images):
        axes[row, 0].set_title(titles[row], fontsize=7)
        for column, place in enumerate(axes[row]):
            _picture(place, image)
            _outline(place, outlines[row], OUTLINE_COLOUR)
        for place, (name, chosen) in zip(axes[row, 1:], regions.items()):
            region = np.asarray(chosen[row], dtype=bool)
            place.imshow(np.where(region, 1.0, np.nan), cmap="Blues", vmin=0, vmax=1.4, alpha=0.6)
            share = f"{100 * region.mean():.1f} %"
            place.set_title(f"{name}\n{share}" if row == 0 else share, fontsize=7)
    return figure


def means(
    table: pd.DataFrame,
    panels: Sequence[tuple[str, Mapping]],
    nulls: Sequence[str],
    label: str,
    ceiling: float | None = None,
) -> Figure:
    """Mean and 95 % interval of each method, a panel per selection of rows of `summary`; chance as a mark beside it, and what
    one reader reaches against another, where there are several, as a line.

    panels: pairs of a title and {column: value} that pick one row per method; null maps are grey. label: of the x axis, which
    ends at 1 or, where all values are below a half, at the tenth above them. A method with less maps than others says how many.
    A mean without an interval is a point alone, and one that is undefined a dash.
    """
    picked = [
        table[np.logical_and.reduce([table[key] == value for key, value in wanted.items()])] for _, wanted in panels
    ]
    methods = [name for name in dict.fromkeys(table["method"]) if any((rows["method"] == name).any() for rows in picked)]
    figure, axes = _grid(1, len(panels), (max(1.5, 6.9 / len(panels)), 0.6 + 0.22 * len(methods)))
    drawn = [rows[["mean", "ci_high", "chance"]].to_numpy(dtype=float).ravel() for rows in picked]
    largest = np.nanmax(np.concatenate([[ceiling or 0.0], *drawn]))
    end = 1.0 if largest > 0.5 else max(0.1, float(np.ceil(10 * largest)) / 10)
    for place, (title, _), rows in zip(axes[0], panels, picked):
        rows = rows.set_index("method").reindex(methods)
        height = np.arange(len(methods))[::-1]
        colours = [NULL_COLOUR if method in nulls else METHOD_COLOUR for method in methods]
        place.hlines(height, rows["ci_low"], rows["ci_high"], colors=colours, linewidth=2)
        # whole points also of means of 0 and 1, over the axes
        place.scatter(rows["mean"], height, c=colours, s=22, zorder=3, clip_on=False)
        place.scatter(rows["chance"], height, marker="|", c=CHANCE_COLOUR, s=70, zorder=4, clip_on=False)
        for at in height[rows["mean"].isna()]:
            place.text(0.02 * end, at, "–", va="center")
        if ceiling is not None:
            place.axvline(ceiling, color="black", linewidth=0.8)
        place.set(title=title, xlim=(0, end), ylim=(-0.6, len(methods) - 0.4), xlabel=label)
        place.set_xticks([0, end / 2, end], [f"{tick:.2g}" for tick in (0, end / 2, end)])
        few = rows["n_maps"].fillna(0) < rows["n_maps"].max()
        names = [f"{method} ({rows['n_maps'].fillna(0)[method]:.0f} maps)" if few[method] else method for method in methods]
        place.set_yticks(height, names if place is axes[0, 0] else [""] * len(methods))
    figure.legend(
        handles=[
            Line2D([], [], color=METHOD_COLOUR, marker="o", label="method, 95 % interval"),
            Line2D([], [], color=NULL_COLOUR, marker="o", label="null map"),
            Line2D(
                [], [], color=CHANCE_COLOUR, marker="|", linestyle="", markersize=9, label="expected from area alone"
            ),
        ],
        loc="outside lower center",
        ncols=3,
    )
    return figure


def grid(values: pd.DataFrame, doubtful: pd.DataFrame, label: str, nulls: Sequence[str]) -> Figure:
    """`values` from 0 up, a row per heat map and a column per selection, as colour and number; null maps in grey letters.

    doubtful: bool of the same shape, whose numbers stand in brackets; label: of the colours.
    """
    figure, axes = _grid(1, 1, (1.8 + 0.85 * values.shape[1], 0.9 + 0.23 * len(values)))
    place = axes[0, 0]
    largest = float(np.nanmax(values.to_numpy())) or 1.0
    shown = place.imshow(values.to_numpy(dtype=float), cmap="cividis", vmin=0, vmax=largest, aspect="auto")
    for (row, column), value in np.ndenumerate(values.to_numpy(dtype=float)):
        text = "–" if np.isnan(value) else f"({value:.2f})" if doubtful.iloc[row, column] else f"{value:.2f}"
        colour = "black" if np.isnan(value) or value > 0.6 * largest else "white"  # an undefined value has no colour below
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
    """Mean IoU with its interval, and the median selected area below, at each setting of each selection, a line per map.

    table: rows of `summary` of one score; headline: the setting of each selection that was named beforehand, ringed.
    """
    names = [name for name in headline if name in set(table["selection"])]
    methods = list(dict.fromkeys(table["method"]))
    colours = _colours(len(methods))
    figure, axes = _grid(2, len(names), (7.2 / len(names), 1.9))
    for column, name in enumerate(names):
        rows = table[table["selection"] == name]
        settings = sorted(dict.fromkeys(rows["setting"]), key=lambda text: (text.count(";"), len(text), text))
        for number, method in enumerate(methods):
            own = rows[rows["method"] == method].set_index("setting").reindex(settings)
            at, colour = np.arange(len(settings)) + 0.08 * (number - (len(methods) - 1) / 2), colours[number]
            axes[0, column].vlines(at, own["ci_low"], own["ci_high"], color=colour)
            axes[0, column].plot(at, own["mean"], "o", color=colour, markersize=4, label=method)
            axes[1, column].plot(at, own["selected_area"], "o", color=colour, markersize=4)
            first = settings.index(headline[name])
            axes[0, column].plot(at[first], own["mean"].iloc[first], "o", color="black", fillstyle="none", markersize=8)
        axes[0, column].set(title=name, ylim=(0, None), ylabel="mean IoU" if not column else None)
        axes[0, column].set_xticks(range(len(settings)), [""] * len(settings))
        axes[1, column].set(ylim=(0, 1), ylabel="median area" if not column else None)
        axes[1, column].set_xticks(
            range(len(settings)), [text.replace(";", "\n") for text in settings], rotation=40, ha="right"
        )
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(methods))
    return figure


def against_controls(table: pd.DataFrame, measures: Sequence[str]) -> Figure:
    """Mean and 95 % interval of each method, a panel for each measure of faithfulness in trust.csv; beside it the maps that are
    as smooth and know nothing, and pixels in random order as a line."""
    table = table[table["check"] == "faithfulness"].fillna({"method": "", "control": ""})
    methods = [method for method in dict.fromkeys(table["method"]) if method]
    figure, axes = _grid(1, len(measures), (7.2 / len(measures), 0.7 + 0.22 * len(methods)))
    height = np.arange(len(methods))[::-1]
    for place, measure in zip(axes[0], measures):
        rows = table[table["measure"] == measure]
        own, smooth = (
            rows[rows["control"] == control].set_index("method").reindex(methods) for control in ("", "as smooth")
        )
        place.axvline(rows.loc[rows["control"] == "random", "mean"].iloc[0], color=CHANCE_COLOUR, linewidth=1)
        place.hlines(height, own["ci_low"], own["ci_high"], colors=METHOD_COLOUR, linewidth=2)
        place.scatter(smooth["mean"], height, c=NULL_COLOUR, s=22, zorder=3)
        place.scatter(own["mean"], height, c=METHOD_COLOUR, s=22, zorder=4)
        place.set(title=textwrap.fill(measure, 20), ylim=(-0.6, len(methods) - 0.4), xlabel="probability")
        place.set_yticks(height, methods if place is axes[0, 0] else [""] * len(methods))
    handles = [
        Line2D([], [], color=METHOD_COLOUR, marker="o", label="method, 95 % interval"),
        Line2D([], [], color=NULL_COLOUR, marker="o", linestyle="", label="a map as smooth that knows nothing"),
        Line2D([], [], color=CHANCE_COLOUR, label="pixels in random order"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def curves(points: pd.DataFrame, methods: Sequence[str]) -> Figure:
    """Mean deletion and insertion curves of `methods` from curves.csv, dashed those of maps as smooth, dotted of pixels in
    random order."""
    figure, axes = _grid(1, 2, (3.6, 2.4))
    styles = {"": "-", "as smooth": "--"}
    for place, mode in zip(axes[0], ("deletion", "insertion")):
        rows = points[points["measure"] == mode]
        random = rows[rows["control"] == "random"]
        place.plot(random["share"], random["mean"], ":", color="black", label="random order")
        for method, colour in zip(methods, _colours(len(methods))):
            for control, style in styles.items():
                own = rows[(rows["method"] == method) & (rows["control"] == control)]
                place.plot(
                    own["share"], own["mean"], style, color=colour, label=f"{method}, {control}" if control else method
                )
        place.set(title=mode, xlabel="share of the pixels", ylabel="probability", xlim=(0, 1), ylim=(0, 1))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def cascade(
    image: np.ndarray, maps: Mapping[str, np.ndarray], levels: Sequence[str], outline: np.ndarray | None = None
) -> Figure:
    """A row per method: its map (levels, H, W) of one image as ever more layers, from the head down to `levels`, are drawn
    anew. Red speaks for the class, blue against it; each map is scaled for the eye by itself. outline: the expert's region on
    the image, bool (H, W)."""
    figure, axes = _grid(len(maps), len(levels) + 1, (1.15, 1.15))
    for number, (row, (name, heats)) in enumerate(zip(axes, maps.items())):
        _picture(row[0], image)
        if outline is not None and outline.any():
            _outline(row[0], outline, "white")
        row[0].set_title(name, fontsize=7)
        for place, heat, level in zip(row[1:], heats, levels):
            scale = np.quantile(np.abs(heat), 0.995) or np.abs(heat).max() or 1.0
            signed = bool((heat < 0).any())
            place.imshow(heat, cmap="RdBu_r" if signed else "magma", vmin=-scale if signed else 0, vmax=scale)
            place.set_axis_off()
            if number == 0:
                place.set_title(
                    level if level == "trained" else f"down to\n{level.replace('features.', '')}", fontsize=6
                )
    return figure


def similarity(table: pd.DataFrame, measures: Sequence[str]) -> Figure:
    """Mean similarity of each method's maps of trust.csv, a panel for each of `measures`: with those of a network that forgets, layer
    by layer, of noisy images and of another seed; the ring is what maps of different images have in common."""
    table = table[table["check"].isin(["cascade", "noise", "seed", "unrelated"])].fillna({"level": ""})
    methods = list(dict.fromkeys(table["method"]))
    figure, axes = _grid(1, len(measures), (7.2 / len(measures), 0.8 + 0.22 * len(methods)))
    height = dict(zip(methods, np.arange(len(methods))[::-1]))
    lowest = min(-0.35, table.loc[table["measure"].isin(measures), "mean"].min() - 0.05)
    marks = {"noise": ("^", REGION_COLOURS[1]), "seed": ("v", REGION_COLOURS[3])}
    for place, measure in zip(axes[0], measures):
        rows = table[table["measure"] == measure]
        levels = sorted(set(rows.loc[rows["check"] == "cascade", "level"]))
        for number, level in enumerate(levels):
            own = rows[(rows["check"] == "cascade") & (rows["level"] == level)]
            shade = str(0.75 - 0.75 * (number + 1) / len(levels))
            place.scatter(own["mean"], own["method"].map(height), color=shade, s=18, label=f"network forgets, {level}")
        for check, (marker, colour) in marks.items():
            own = rows[rows["check"] == check]
            place.scatter(own["mean"], own["method"].map(height), marker=marker, color=colour, s=22, label=check)
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
        place.set_yticks(list(height.values()), methods if place is axes[0, 0] else [""] * len(methods))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def agreement(table: pd.DataFrame) -> Figure:
    """Mean rank correlation of each two methods' maps of the same image, from trust.csv; a dash where it is undefined."""
    rows = table[table["check"] == "agreement"]
    methods = list(dict.fromkeys([*rows["method"], *rows["level"]]))
    values = pd.DataFrame(np.where(np.eye(len(methods)), 1.0, np.nan), methods, methods)
    for row in rows.itertuples():
        values.loc[row.method, row.level] = values.loc[row.level, row.method] = row.mean
    figure, axes = _grid(1, 1, (1.4 + 0.36 * len(methods), 1.0 + 0.3 * len(methods)))
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


def contact_sheet(
    table: pd.DataFrame,
    images: Sequence[np.ndarray],
    regions: Mapping[str, Sequence[np.ndarray | None]],
    findings: Sequence[str],
    count: int = 24,
) -> Figure:
    """Up to `count` cases, spread evenly over the labels (or combinations of `findings`) and over the set, with every
    region outlined, shaded and named. Arguments as in `regard.data.cases.Cases`.

    Made to be looked at: an outline that is mirrored, upside down or shifted shows coordinates read in the wrong way.
    """
    kinds = table["label"] if "label" in table else table[list(findings)].agg("".join, axis=1)
    groups = [list(group) for _, group in kinds.groupby(kinds).groups.items()]
    share = max(1, count // len(groups))
    chosen = [group[at] for group in groups for at in np.unique(np.linspace(0, len(group) - 1, share).astype(int))]
    shown, titles, drawn = [], [], []
    for row in chosen[:: max(1, -(-len(chosen) // count))]:
        step = max(1, max(images[row].shape[:2]) // 384)  # as fine as it is seen
        shown.append(images[row][::step, ::step])
        present = [name for name in findings if table[name][row] == "1"]
        said = [table["label"][row]] if "label" in table else present or ["no finding"]
        titles.append(
            "\n".join(textwrap.shorten(name, 30, placeholder="...") for name in (table["case"][row], *said[:3]))
        )
        masks = {name: masks[row] for name, masks in regions.items()}
        drawn.append({name: mask[::step, ::step] for name, mask in masks.items() if mask is not None and mask.any()})
    return gallery(shown, titles, drawn, cell=(2.1, 2.4), filled=True)
