"""Annotations as they are published, each turned into a bool mask (H, W) on the grid of its image.

`size` is always (height, width) in pixels. Coordinates are x to the right and y down from the upper
left *corner* of the image, so that pixel (row, column) covers [column, column + 1) x [row, row +
1), unless a function says otherwise. Every function raises ValueError, in one sentence without the
file's name, for what it cannot read without guessing.
"""

from regard.data.annotations.checked import SPILL, Size
from regard.data.annotations.documents import coco, coco_object, geojson, via
from regard.data.annotations.images import codes, colours, grey
from regard.data.annotations.shapes import OVERHANG, box, circle, contours, corners, polygon

__all__ = [
    "OVERHANG",
    "SPILL",
    "Size",
    "box",
    "circle",
    "coco",
    "coco_object",
    "codes",
    "colours",
    "contours",
    "corners",
    "geojson",
    "grey",
    "polygon",
    "via",
]
