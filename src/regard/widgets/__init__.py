"""Explorers, put together from ipywidgets alone. They read results and never write them; answers of experts are no results.

Each returns a box whose parts are reachable by name in its attribute `parts`.
"""

from regard.widgets.agreement import agreement
from regard.widgets.clusters import clusters
from regard.widgets.heat_maps import heat_maps
from regard.widgets.own_image import own_image
from regard.widgets.reading import reading
from regard.widgets.results import read, where
from regard.widgets.selection import selection
from regard.widgets.survey import survey
from regard.widgets.units import units

__all__ = [
    "agreement",
    "clusters",
    "heat_maps",
    "own_image",
    "read",
    "reading",
    "selection",
    "survey",
    "units",
    "where",
]
