"""A body projected onto a film: where the samples lie, and shapes drawn as mm along the ray.

Maps are (down, across); lengths in mm; x grows towards the image's right, which is the patient's
left.
"""

from typing import NamedTuple

import numpy as np
from scipy import interpolate, ndimage
from skimage.draw import polygon2mask

SIZE = 160  # image height and width, pixels


FINE = 2  # samples per pixel and axis


class Frame(NamedTuple):
    """Where the samples of an image lie in the patient, mm from the midline and from the film's
    top.
    """

    step: float
    x: np.ndarray
    y: np.ndarray
    tilt: float
    shift: float

    def index(self, x, y):
        """Row and column, as real numbers, of points in the patient."""
        across = (x - self.shift) * np.cos(self.tilt) + (y - 180) * np.sin(self.tilt)
        down = (y - 180) * np.cos(self.tilt) - (x - self.shift) * np.sin(self.tilt) + 180
        return down / self.step - 0.5, across / self.step + SIZE * FINE / 2 - 0.5


def filled(frame, points, soft):
    """Share of each sample inside a smooth closed outline through `points` (x, y), blurred by
    `soft` mm.
    """
    closed = np.vstack([points, points[:1]])
    curve = interpolate.CubicSpline(np.linspace(0, 1, len(closed)), closed, bc_type="periodic")(
        np.linspace(0, 1, 60)
    )
    inside = polygon2mask(frame.x.shape, np.column_stack(frame.index(*curve.T)))
    return ndimage.gaussian_filter(inside.astype(np.float32), soft / frame.step)


def path(points, spacing=0.5):
    """Points every `spacing` mm on a smooth curve through `points`, and its length in mm."""
    points = np.asarray(points, float)
    along = np.append(0, np.cumsum(np.hypot(*np.diff(points, axis=0).T)))
    curve = interpolate.PchipInterpolator(along, points)
    return curve(np.arange(0, along[-1], spacing))


def stroke(frame, points, area, width):
    """mm along the ray through a strand of `area` mm2 cross-section on a smooth curve, blurred to
    sigma `width` / 2.
    """
    curve = path(points)
    return splat(frame, curve[:, 0], curve[:, 1], np.full(len(curve), 0.5 * area), width / 2)


def splat(frame, x, y, volume, sigma):
    """Spread volumes (mm3) at points over the samples: mm along the ray."""
    row, column = (np.rint(value).astype(int) for value in frame.index(x, y))
    size = SIZE * FINE
    seen = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    flat = np.bincount(row[seen] * size + column[seen], volume[seen] / frame.step**2, size * size)
    return ndimage.gaussian_filter(
        flat.reshape(size, size).astype(np.float32), sigma / frame.step, truncate=3
    )


def pixels(fine):
    """Mean of the samples inside each image pixel."""
    return fine.reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))
