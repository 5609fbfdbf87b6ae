"""Devices on a chest film: central lines, pacemakers, tubes and drains. Lengths in mm."""

import numpy as np
from scipy import ndimage
from scipy.special import expit

from regard.phantoms.projection import path, splat

# mm around a line's centre that its region covers: a line itself is about one pixel wide
DEVICE_RADIUS = 4.5


def add_device(rng, body, finding, scale, free, lost):
    """One line, tube or pacemaker with its lead; its share is all within DEVICE_RADIUS of the line,
    and the box.
    """
    frame, kind = body.frame, finding["kind"]
    side, lead = rng.choice([-1, 1]), finding["extent"] * scale
    points = ROUTES[kind](rng, body.marks, side, _vein(rng, body.marks, side))
    # A catheter does not kink.
    curve = ndimage.gaussian_filter1d(path(points), 20, axis=0, mode="nearest")
    knots = np.linspace(0, len(curve), 8)
    curve += np.interp(np.arange(len(curve)), knots, rng.normal(0, 1.5, 8))[:, None]
    tube, width = kind in ("endotracheal tube", "drain"), WIDTHS[kind]
    for offset in (-width / 2, width / 2) if tube else (0.0,):
        trace = splat(frame, curve[:, 0] + offset, curve[:, 1], np.full(len(curve), 0.5), 0.9)
        body.metal[:] += lead * (1.4 if tube else 2.0) * trace
    trace = splat(frame, curve[:, 0], curve[:, 1], np.ones(len(curve)), 0)
    share = (ndimage.distance_transform_edt(trace == 0) * frame.step <= DEVICE_RADIUS).astype(float)
    if kind == "pacemaker":
        share = np.maximum(share, _add_box(rng, body, side, lead))
    return share


def _add_box(rng, body, side, lead):
    """The box of a pacemaker below the clavicle; returns its share."""
    frame, marks = body.frame, body.marks
    x, y = side * (98 + rng.normal(0, 4)), marks["clavicle"] + 52 + rng.normal(0, 4)
    right, down = turned(frame.x - x, frame.y - y, rng.normal(0, 0.3))
    box = expit(((1 - (np.abs(right) / 24) ** 3 - (np.abs(down) / 19) ** 3) * 8) / 0.6)
    body.metal[:] += min(1.6 * lead, 1.6) * box * (0.8 + 0.2 * (right > 2))
    return box


def turned(right: np.ndarray, down: np.ndarray, lean: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along axes that are turned by `lean` radians."""
    cosine, sine = np.cos(lean), np.sin(lean)
    return right * cosine + down * sine, down * cosine - right * sine


def _vein(rng, marks, side):
    """Points along the subclavian vein of one side and the superior vena cava."""
    carina = marks["carina"]
    bend = (-16, carina - 35 + rng.normal(0, 5))
    return [(side * 40, marks["clavicle"] + 4), bend, (-21, carina - 5)]


def _central_line(rng, marks, side, vein):
    apex, carina, clavicle = marks["apex"], marks["carina"], marks["clavicle"]
    if rng.random() < 0.5:  # by the jugular vein
        start = (-42 + rng.normal(0, 5), -10)
        end = (-21, carina + rng.uniform(0, 35))
        return [start, (-32, apex - 5), (-24, carina - 40), end]
    start = (side * 140, clavicle + rng.uniform(10, 40))
    return [start, (side * 95, clavicle + 8), *vein, (-22, carina + rng.uniform(8, 40))]


def _pacemaker_lead(rng, marks, side, vein):
    clavicle, base = marks["clavicle"], marks["base"]
    atrium = (-24 + rng.normal(0, 3), marks["carina"] + 55)
    tip = (rng.uniform(35, 60), base - rng.uniform(2, 14))
    box = [(side * 95, clavicle + 42), (side * 80, clavicle + 14)]
    return [*box, *vein, atrium, (10, base - 12), tip]


def _endotracheal_tube(rng, marks, side, vein):
    mouth, neck = (rng.normal(0, 3), -10), (rng.normal(0, 2), marks["apex"])
    return [mouth, neck, (-2 + rng.normal(0, 2), marks["carina"] - rng.uniform(12, 40))]


def _gastric_tube(rng, marks, side, vein):
    base = marks["base"]
    start, end = (4 + rng.normal(0, 3), -10), (rng.uniform(35, 75), base + 30)
    return [start, (5, marks["carina"]), (9, base - 50), (22, base - 5), end]


def _drain(rng, marks, side, vein):
    """From the side towards the apex or the base."""
    apex, base, wide = marks["apex"], marks["base"], marks["width"]
    end = apex + rng.uniform(30, 70) if rng.random() < 0.6 else base - rng.uniform(10, 40)
    skin = (side * (wide + 45), base - rng.uniform(0, 60))
    wall = (side * (wide - 12), base - rng.uniform(60, 100))
    return [skin, wall, (side * rng.uniform(50, 85), end)]


# Points (x, y) that each kind of device runs through, in mm.
ROUTES = {
    "central line": _central_line,
    "pacemaker": _pacemaker_lead,
    "endotracheal tube": _endotracheal_tube,
    "gastric tube": _gastric_tube,
    "drain": _drain,
}
WIDTHS = {  # mm
    "central line": 2.2,
    "pacemaker": 2.2,
    "endotracheal tube": 4.5,
    "gastric tube": 2.6,
    "drain": 4.0,
}
