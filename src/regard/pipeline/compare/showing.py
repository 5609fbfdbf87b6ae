"""How the results of a stage are shown in its notebook: pictures, tables and sentences."""

from typing import NamedTuple, TypeAlias

import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from regard.figures import style
from regard.pipeline.compare.inputs import Inputs


class Picture(NamedTuple):
    """A figure, the name of its file, and a text for readers who cannot see it."""

    figure: Figure
    file: str
    alt: str
    dpi: int = 150


Shown: TypeAlias = Picture | pd.DataFrame | Styler | str


def show(inputs: Inputs, *shown: Shown) -> None:
    """Show pictures, tables and sentences one below the other; pictures are also written to the
    folder of the stage.
    """
    for item in shown:
        if isinstance(item, Picture):
            style.save(item.figure, inputs.stage.output / item.file, item.dpi)
            style.show(item.figure, alt=item.alt)
        elif isinstance(item, str):
            print(item)
        else:
            display(item)
