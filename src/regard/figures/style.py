"""The look of all figures, and what they are drawn with; colours are safe for colour-blind
readers.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from IPython.display import Image, display
from matplotlib import colormaps
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
    """Show a figure in a notebook as a picture with a text for those who cannot see it."""
    _settle(figure)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, bbox_inches="tight", dpi=100)
    display(Image(buffer.getvalue(), alt=alt))


def _settle(figure: Figure) -> None:
    """Lay a figure out once, and round where its axes lie. Solved again, as each `savefig` does,
    the last bits of these places depend on addresses in memory, and a pixel at the edge of an image
    with them."""
    if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        return
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for place in figure.axes:
        place.set_position([round(bound, 6) for bound in place.get_position(original=True).bounds])


def colours(count: int) -> Sequence:
    """As many colours that differ, up to twenty: REGION_COLOURS while these are enough."""
    return (
        REGION_COLOURS
        if count <= len(REGION_COLOURS)
        else [colormaps["tab20"](at % 20) for at in range(count)]
    )


def panels(
    rows: int, columns: int, cell: tuple[float, float] = (1.5, 1.5)
) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(columns * cell[0], rows * cell[1]), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def picture(axes, image: np.ndarray) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()


def outline(axes, region: np.ndarray, colour: str, **style) -> None:
    if region is not None and region.any() and not region.all():
        axes.contour(region.astype(float), levels=[0.5], colors=[colour], linewidths=0.9, **style)
