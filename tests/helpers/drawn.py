"""What a figure shows, read back from matplotlib's artists."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.text import Text


def axes_of(figure: Figure) -> list[Axes]:
    """Panels without the bars of colours."""
    return [axes for axes in figure.axes if not hasattr(axes, "_colorbar")]


def points(axes: Axes) -> list[tuple[list[tuple[float, float]], list[str]]]:
    """Of each scatter, in the order drawn: where its points lie, and the colours of their faces."""
    found = [each for each in axes.collections if isinstance(each, PathCollection)]
    return [(offsets(each), [to_hex(colour) for colour in each.get_facecolors()]) for each in found]


def offsets(scatter: PathCollection) -> list[tuple[float, float]]:
    return [
        tuple(place)
        for place in np.ma.filled(
            np.ma.asarray(scatter.get_offsets(), dtype=float), np.nan
        ).tolist()
    ]


def segments(axes: Axes) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Ends of the lines that `hlines` and `vlines` drew; those without a value are not drawn."""
    found = [each for each in axes.collections if isinstance(each, LineCollection)]
    return [
        tuple(map(tuple, part.tolist()))
        for each in found
        for part in each.get_segments()
        if len(part)
    ]


def curves(axes: Axes) -> list[tuple[list[float], list[float], str]]:
    """Of each line: x, y and colour."""
    return [
        (*map(list, map(np.asarray, line.get_data())), to_hex(line.get_color()))
        for line in axes.lines
    ]


def ticks(axes: Axes, side: str = "y") -> list[str]:
    labels = axes.get_yticklabels() if side == "y" else axes.get_xticklabels()
    return [label.get_text() for label in labels]


def contours(axes: Axes) -> list[tuple[tuple[float, float, float, float], str]]:
    """Of each outline: its extent (left, top, right, bottom) in pixels, and its colour."""
    found = [each for each in axes.collections if isinstance(each, ContourSet)]
    return [
        (tuple(each.get_paths()[0].get_extents().extents), to_hex(each.get_edgecolor()[0]))
        for each in found
    ]


def legend(figure: Figure | Axes) -> dict[str, str]:
    """Label -> colour, of the one legend there is."""
    (found,) = figure.legends if isinstance(figure, Figure) else [figure.get_legend()]
    colours = []
    for handle in found.legend_handles:
        value = handle.get_color() if hasattr(handle, "get_color") else handle.get_facecolor()
        colours.append(to_hex(np.atleast_2d(value)[0] if not isinstance(value, str) else value))
    return dict(zip([text.get_text() for text in found.get_texts()], colours))


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def smallest_letters(figure: Figure) -> float:
    """The size in points of the smallest text that is shown."""
    figure.draw_without_rendering()
    shown: Iterable[Text] = figure.findobj(
        lambda each: isinstance(each, Text) and each.get_text().strip()
    )
    return min(text.get_fontsize() for text in shown if text.get_visible())
