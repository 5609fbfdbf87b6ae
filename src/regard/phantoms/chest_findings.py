"""Findings on a chest film: each changes the maps of a body in place and returns its share, 0 to 1,
of every sample. What looks like a finding and is none stands at the end.

All `add_...` functions of FINDINGS' order take a random source, the body (`thorax.Body`), the
finding's attributes, the scale of its extent or contrast, where aerated lung is free (bool), and
the share of the lung's air replaced so far, which changes in place.
"""

import numpy as np
from scipy import ndimage
from scipy.special import expit

from regard.phantoms.chest_devices import turned
from regard.phantoms.fields import random_field
from regard.phantoms.films import AIR
from regard.phantoms.projection import FINE, SIZE


def _side(body, side):
    """1 on the named side of the midline; the patient's right is on the left of the image."""
    return np.ones_like(body.soft) if side == "both" else (body.frame.x < 0) == (side == "right")


def add_pneumothorax(rng, body, finding, scale, free, lost):
    """Air between wall and lung: no vessels beyond a thin line. Changes body.depth and
    body.vessels; its share.
    """
    frame, marks = body.frame, body.marks
    side = _side(body, finding["side"])
    rim = finding["extent"] * scale
    down = np.clip((frame.y - marks["apex"]) / marks["height"], 0, 1)
    fade = expit((rng.uniform(0.7, 1.05) - down) / 0.1)  # the lung still touches the wall below
    retreat = marks["wall"](
        frame.y, marks["inner"] - rim * fade * rng.uniform(0.9, 1.1), rim * rng.uniform(1.2, 1.8)
    )
    level = np.abs(frame.x) - retreat
    slope = np.hypot(*np.gradient(level, frame.step)) + 0.3
    level = level / slope
    share = expit(level / 0.7) * side * body.lung
    body.marks["pneumothorax"] = share
    body.vessels[:] *= 1 - share
    body.depth[:] *= 1 + (1 / AIR - 1) * share  # all air, not a lung's three quarters
    line = np.exp(-0.5 * (level / 0.9) ** 2) * side * body.lung
    body.extra[:] += 11 * min(scale, 1.5) * line
    lost += (
        (1 - lost) * np.clip(0.04 + 0.004 * rim, 0, 0.2) * (1 - share) * side
    )  # the rest is less expanded
    return share


def _meniscus(rng, body, side, high):
    """Share of fluid, 0 to 1, that stands `high` mm above the costophrenic angle and lower towards
    the midline.
    """
    frame, marks = body.frame, body.marks
    t = np.clip((np.abs(frame.x) - marks["medial"]) / (marks["inner"] - marks["medial"]), 0, 1)
    surface = (
        marks["base"] + marks["drop"] - high + min(0.45 * high, 42) * (1 - t ** rng.uniform(2, 3.5))
    )
    surface = surface + (frame.x > 0) * 8 + 60 * np.clip(0.35 - t, 0, None)
    return expit((frame.y - surface) / rng.uniform(2.0, 4.0)) * side


def add_effusion(rng, body, finding, scale, free, lost):
    share = np.zeros_like(lost)
    for side in ("right", "left"):
        high = finding["extent"] * scale * rng.uniform(0.85, 1.15)
        fluid = _meniscus(rng, body, _side(body, side), high)
        if finding["side"] in (side, "both"):
            share = np.maximum(share, fluid)
    lost += (1 - lost) * np.clip(
        0.95 * share + 0.1 * ndimage.gaussian_filter(share, 8 / body.frame.step), 0, 0.95
    )
    return share * body.lung


def _place(rng, body, free, deep):
    """A point (x, y) of the free lung at least `deep` mm inside it; the deepest of all tried if
    there is none.

    Points are tried until one fits: to count those that fit would make the place depend on a
    processor's rounding.
    """
    rows, columns = rng.integers(0, SIZE * FINE, (2, 500))
    level = body.level[rows, columns]
    pick = np.argmax(
        np.where(free[rows, columns] & (level > deep), np.inf, level)
    )  # the first that fits
    return body.frame.x[rows[pick], columns[pick]], body.frame.y[rows[pick], columns[pick]]


def add_consolidation(rng, body, finding, scale, free, lost):
    frame = body.frame
    ragged = random_field(rng, lost.shape, 5 / frame.step, 5 / frame.step)
    ragged += 0.5 * random_field(rng, lost.shape, 2 / frame.step, 2 / frame.step)
    share = np.zeros_like(lost)
    for _ in range(finding["number"]):
        x, y = _place(rng, body, free, 20)
        wide, tall, lean = rng.uniform(30, 50), rng.uniform(30, 55), rng.normal(0, 0.5)
        right, down = turned(frame.x - x, frame.y - y, lean)
        level = (np.hypot(right / wide, down / tall) - 1) * min(wide, tall) + 5 * ragged
        if rng.random() < 0.3:  # a fissure ends it sharply
            level = np.maximum(level, (down - 0.25 * tall) * rng.choice([-1, 1]))
        share = np.maximum(
            share, expit(-level / rng.uniform(3.5, 8.0)) * ((frame.x < 0) == (x < 0))
        )
    share = share * body.lung * (1 - body.marks.get("pneumothorax", 0.0))
    fill = np.clip(finding["extent"] * scale, 0, 0.95) * (1 + 0.12 * np.clip(ragged, -2, 2))
    body.vessels[:] *= 1 - 1.35 * share * np.clip(
        fill, 0, 1
    )  # vessels drown, bronchi that still hold air show
    lost += (1 - lost) * np.clip(share * fill, 0, 0.95)
    return share


def add_nodules(rng, body, finding, scale, free, lost):
    frame, share, free = body.frame, np.zeros_like(lost), free.copy()
    for _ in range(finding["number"]):
        radius = finding["extent"] / 2 * rng.uniform(0.85, 1.0)
        x, y = _place(rng, body, free, radius + 2)
        around = np.arctan2(frame.y - y, frame.x - x)
        edge = (
            1
            + 0.06 * np.sin(3 * around + rng.uniform(0, 6))
            + 0.05 * np.sin(5 * around + rng.uniform(0, 6))
        )
        rim = np.hypot(frame.x - x, frame.y - y) / (radius * edge)
        body.extra[:] += (
            scale * rng.uniform(2.4, 3.2) * 2 * radius * np.clip(1 - rim**2, 0, 1) ** 0.6
        )
        share = np.maximum(share, expit((1 - rim) * radius / 0.5))
        free &= rim > 2.5
    return share


def add_mimics(rng, body, mimics, lost):
    """What looks like a finding and is none, in place; drawn for all, added where present."""
    frame, marks, radius = body.frame, body.marks, rng.uniform(3.5, 6.0)
    x, y, side = frame.x, frame.y, rng.choice([-1, 1])
    fold = (
        side * x - rng.uniform(65, 100) - rng.normal(0, 0.12) * (y - 150) - 0.0006 * (y - 150) ** 2
    )
    length = expit((y - marks["apex"] - rng.uniform(20, 60)) / 12)
    length *= expit((marks["base"] - rng.uniform(0, 60) - y) / 12)
    if mimics[
        "skin fold"
    ]:  # an edge, not a line: denser towards the midline, and vessels go on beyond it
        body.extra[:] += (
            rng.uniform(7, 13) * expit(-fold / 1.2) * np.exp(np.clip(fold, -200, 0) / 22) * length
        )
    spots = {"nipples": [], "vessels on end": [], "electrodes": []}
    for flank in (-1, 1):
        spots["nipples"].append(
            (flank * rng.uniform(72, 98), marks["base"] - rng.uniform(8, 38), radius, 13)
        )
        spots["vessels on end"].append(
            (
                flank * rng.uniform(42, 62),
                marks["carina"] + rng.uniform(0, 50),
                rng.uniform(2.8, 4.2),
                10,
            )
        )
        spots["electrodes"].append(
            (flank * rng.uniform(60, 130), marks["apex"] + rng.uniform(0, 60), 5.5, 6)
        )
    spots["electrodes"].append((rng.uniform(60, 120), marks["base"] + rng.uniform(-20, 30), 5.5, 6))
    for name, places in spots.items():
        for px, py, r, thick in places:
            if mimics[name]:
                rim = np.hypot(x - px, y - py) / r
                body.extra[:] += thick * np.sqrt(np.clip(1 - rim**2, 0, 1))
                if name == "electrodes":  # the metal snap amid the pad
                    body.metal[:] += 0.7 * expit((0.45 - rim) / 0.08)
    blunt = _meniscus(rng, body, side * x > 0, rng.uniform(12, 19))
    lost += (1 - lost) * 0.8 * blunt * mimics["blunt angle"]
    centre, lean = (
        (side * rng.uniform(50, 90), marks["base"] - rng.uniform(15, 60)),
        rng.normal(0, 0.25),
    )
    off = (y - centre[1]) - lean * (x - centre[0])
    strip = np.exp(-0.5 * (off / rng.uniform(1.2, 2.2)) ** 2) * expit(
        (rng.uniform(18, 36) - np.abs(x - centre[0])) / 3
    )
    body.extra[:] += mimics["band"] * rng.uniform(8, 14) * strip * body.lung
