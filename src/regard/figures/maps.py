"""Figures of heat maps and of regions selected from them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from regard.figures import style
from regard.figures.style import OUTLINE_COLOUR


def heat_maps(
    images: Sequence[np.ndarray],
    maps: Mapping[str, Sequence[np.ndarray]],
    titles: Sequence[str],
    outlines: Sequence[np.ndarray | None],
    points: Mapping[str, Sequence] | None = None,
    inches: float = 1.25,
    room: float = 0.05,
) -> Figure:
    """A row per image: the image, then each heat map (same size), the expert's region outlined, the
    map's maximum marked.

    Signed methods are drawn red for and blue against the class, symmetric about zero; methods
    without negative values from dark to bright. Each map is scaled by its own 98th percentile of
    absolute values, for display only. inches: the width of a picture; room: above it, for its
    title.
    """
    figure, axes = style.panels(len(images), len(maps) + 1, (inches, inches + room))
    signed = {
        method: any((np.asarray(heat) < 0).any() for heat in drawn)
        for method, drawn in maps.items()
    }
    for row, image in enumerate(images):
        style.picture(axes[row, 0], image)
        axes[row, 0].set_title(titles[row], fontsize=7)
        for place, (method, drawn) in zip(axes[row, 1:], maps.items()):
            _heat(place, image, np.asarray(drawn[row], dtype=float), signed[method])
            if row == 0:
                place.set_title(method, fontsize=7)
            if points is not None:
                _cross(place, *points[method][row])
        for place in axes[row]:
            style.outline(place, outlines[row], OUTLINE_COLOUR)
    return figure


def map_sheet(
    images: Sequence[np.ndarray],
    maps: Mapping[str, Sequence[np.ndarray]],
    titles: Sequence[str],
    outlines: Sequence[np.ndarray | None],
    points: Mapping[str, Sequence],
) -> Figure:
    """`heat_maps` transposed, for many kinds of maps: a column per image, a row per kind."""
    figure, axes = style.panels(len(maps) + 1, len(images), (1.5, 1.5))
    for place, image, title in zip(axes[0], images, titles):
        style.picture(place, image)
        place.set_title(title, fontsize=7)
    for row, (method, drawn) in zip(axes[1:], maps.items()):
        signed = any((np.asarray(heat) < 0).any() for heat in drawn)
        for place, image, heat, point in zip(row, images, drawn, points[method]):
            _heat(place, image, np.asarray(heat, dtype=float), signed)
            _cross(place, *point)
        row[0].text(
            -0.06,
            0.5,
            method,
            rotation=90,
            va="center",
            ha="right",
            fontsize=7,
            transform=row[0].transAxes,
        )
    for row in axes:
        for place, outline in zip(row, outlines):
            style.outline(place, outline, OUTLINE_COLOUR)
    return figure


def _cross(axes, down: float, across: float) -> None:
    axes.plot(across, down, "x", color="black", markersize=6, markeredgewidth=2.5)
    axes.plot(across, down, "x", color="white", markersize=5, markeredgewidth=1)


def _heat(axes, image: np.ndarray, heat: np.ndarray, signed: bool) -> None:
    style.picture(axes, image)
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
    """A row per image: the image, then each selected region filled, with the expert's region
    outlined.
    """
    figure, axes = style.panels(len(images), len(regions) + 1, (1.4, 1.45))
    for row, image in enumerate(images):
        axes[row, 0].set_title(titles[row], fontsize=7)
        for place in axes[row]:
            style.picture(place, image)
            style.outline(place, outlines[row], OUTLINE_COLOUR)
        for place, (name, chosen) in zip(axes[row, 1:], regions.items()):
            region = np.asarray(chosen[row], dtype=bool)
            place.imshow(np.where(region, 1.0, np.nan), cmap="Blues", vmin=0, vmax=1.4, alpha=0.6)
            share = f"{100 * region.mean():.1f} %"
            place.set_title(f"{name}\n{share}" if row == 0 else share, fontsize=7)
    return figure


def cascade(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    levels: Sequence[str],
    outline: np.ndarray | None = None,
) -> Figure:
    """A row per method: its map (levels, H, W) of one image as ever more layers, from the head down
    to `levels`, are re-initialised. Red is evidence for the class, blue against it. Each map has
    its own scale. outline: the expert's region on the image, bool (H, W).
    """
    figure, axes = style.panels(len(maps), len(levels) + 1, (1.15, 1.15))
    for number, (row, (name, heats)) in enumerate(zip(axes, maps.items())):
        style.picture(row[0], image)
        if outline is not None and outline.any():
            style.outline(row[0], outline, "white")
        row[0].set_title(name, fontsize=7)
        for place, heat, level in zip(row[1:], heats, levels):
            scale = np.quantile(np.abs(heat), 0.995) or np.abs(heat).max() or 1.0
            signed = bool((heat < 0).any())
            place.imshow(
                heat, cmap="RdBu_r" if signed else "magma", vmin=-scale if signed else 0, vmax=scale
            )
            place.set_axis_off()
            if number == 0:
                place.set_title(
                    level if level == "trained" else f"down to\n{level.replace('features.', '')}",
                    fontsize=6,
                )
    return figure
