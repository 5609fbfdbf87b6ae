"""Masks off the centre, and the published forms in which they are written, for the tests of
annotations.
"""

import io
import math

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image
from pycocotools import mask as coco_masks

SIZE = (9, 14)
OUTLINE = [[3, 1], [5, 1], [5, 5], [10, 5], [10, 7], [3, 7]]  # of LETTER, by its corners
LETTER = np.zeros(
    SIZE, bool
)  # an L off the centre: no mirror image, shift or transposition of it is itself
LETTER[1:7, 3:5] = LETTER[5:7, 3:10] = True
RING = np.zeros(SIZE, bool)  # off-centre, with a hole that is off its own centre
RING[1:8, 2:11] = True
RING[2:4, 3:8] = False
RING_RINGS = [[[2, 1], [11, 1], [11, 8], [2, 8], [2, 1]], [[3, 2], [8, 2], [8, 4], [3, 4], [3, 2]]]
FUZZ = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def rectangle(top, bottom, left, right, size=SIZE):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def saved(image, kind="PNG", **options):
    """`image` as it is read from a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Image.open(io.BytesIO(file.getvalue()))


def picture(values, mode=None):
    image = Image.fromarray(np.asarray(values, np.uint8))
    return saved(image.convert(mode) if mode else image)


def indexed(mask, palette):
    image = Image.frombytes("P", mask.shape[::-1], mask.astype(np.uint8).tobytes())
    image.putpalette(palette)
    return saved(image)


def alpha(mask, opacity):
    image = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).convert("RGBA")
    image.putalpha(
        Image.fromarray(np.broadcast_to(np.asarray(opacity, np.uint8), mask.shape).copy())
    )
    return saved(image)


def runs(mask):
    """The run-length code of COCO, counted by hand: down the columns, background first."""
    found, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            found, value = [*found, 0], pixel
        found[-1] += 1
    return {"size": list(mask.shape), "counts": found}


def packed(mask):
    code = coco_masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": code["size"], "counts": code["counts"].decode("ascii")}


def feature(rings, name="Tumor", kind="Polygon"):
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": rings},
        "properties": {
            "objectType": "annotation",
            "classification": {"name": name, "color": [200, 0, 0]},
        },
    }


def disc(size, x, y, radius):
    """Counted pixel by pixel."""
    return np.array(
        [
            [math.dist((x, y), (column, row)) <= radius for column in range(size[1])]
            for row in range(size[0])
        ]
    )


def oval(size, x, y, rx, ry, theta):
    """The canvas's ellipse: turned by theta from the x axis towards the y axis, which points
    down.
    """
    across, down = np.meshgrid(np.arange(size[1]) - x, np.arange(size[0]) - y)
    along = across * math.cos(theta) + down * math.sin(theta)
    beside = down * math.cos(theta) - across * math.sin(theta)
    return (along / rx) ** 2 + (beside / ry) ** 2 <= 1


def enclosed(size, ring):
    """Pixels whose centre a ray to the left leaves through an odd number of edges."""
    row, column = np.mgrid[: size[0], : size[1]] + 0.5
    inside = np.zeros(size, bool)
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]):
        inside ^= ((y0 > row) != (y1 > row)) & (column < (x1 - x0) * (row - y0) / (y1 - y0) + x0)
    return inside


def refused(call, message=None):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
