"""The style of all figures, and the elements they share; the colours suit colour-blind readers."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from IPython.display import Image, display
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

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
    """Write a figure as SVG or PNG, without date or program, so that equal figures are equal
    bytes.
    """
    _settle(figure)
    metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(path, metadata=metadata, bbox_inches="tight", dpi=dpi)


def show(figure: Figure, alt: str) -> None:
    """Show a figure in a notebook as a picture with an alternative text."""
    _settle(figure)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, bbox_inches="tight", dpi=100)
    display(Image(buffer.getvalue(), alt=alt))


def _settle(figure: Figure) -> None:
    """Compute the layout of a figure once, and round the positions of its axes.

    Each `savefig` would compute the layout again. The last bits of its solution depend on addresses
    in memory, and so would single pixels at the edges of images.
    """
    if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        return
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for place in figure.axes:
        left, bottom, width, height = place.get_position(original=True).bounds
        place.set_position((round(left, 6), round(bottom, 6), round(width, 6), round(height, 6)))


def colours(count: int) -> Sequence:
    """At least `count` different colours, up to twenty: REGION_COLOURS while they suffice."""
    return (
        REGION_COLOURS
        if count <= len(REGION_COLOURS)
        else [colormaps["tab20"](at % 20) for at in range(count)]
    )


def panels(
    rows: int, columns: int, cell: tuple[float, float] = (1.5, 1.5)
) -> tuple[Figure, np.ndarray]:
    """A figure and its axes (rows, columns); `cell` is the size of each in inches."""
    figure = Figure(figsize=(columns * cell[0], rows * cell[1]), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def picture(axes: Axes, image: np.ndarray) -> None:
    """Draw an image (H, W[, 3]), uint8, without axes."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()


def outline(axes: Axes, region: np.ndarray | None, colour: str, **style: Any) -> None:
    """Draw the outline of a region, bool (H, W); nothing where it is None, empty or whole."""
    if region is not None and region.any() and not region.all():
        axes.contour(region.astype(float), levels=[0.5], colors=[colour], linewidths=0.9, **style)
