"""Explorers, put together from ipywidgets alone. They read results and never write them; answers of
experts are no results.

Each returns a box whose parts are reachable by name in its attribute `parts`.
"""

from regard.explorers.agreement import agreement
from regard.explorers.clusters import clusters
from regard.explorers.heat_maps import heat_maps
from regard.explorers.own_image import own_image
from regard.explorers.reading import reading
from regard.explorers.results import read, where
from regard.explorers.selection import selection
from regard.explorers.survey import survey
from regard.explorers.units import units

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
