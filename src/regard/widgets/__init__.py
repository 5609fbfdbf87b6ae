"""Explorers, put together from ipywidgets alone. They read results and never write them; answers of experts are no results.

Each returns a box whose parts are reachable by name in its attribute `parts`.
"""

from regard.widgets.heat_maps import heat_maps
from regard.widgets.selection import selection
from regard.widgets.survey import survey

__all__ = ["heat_maps", "selection", "survey"]
