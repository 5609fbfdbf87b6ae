"""Bones of the thorax on a frontal film: ribs, spine, clavicles, scapulae and humeral heads.

Maps are mm of bone along the ray; lengths in mm. Sizes are those of adults, by eye from textbooks
and films.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from scipy.special import expit

from regard.phantoms.projection import FINE, SIZE, Frame, filled, stroke

# Outline of a scapula: mm from the midline, and below the apex of the lung.
CORNERS = [(108, 8), (124, 80), (136, 138), (146, 128), (160, 62), (168, 40), (150, 22), (128, 2)]


class Skeleton(NamedTuple):
    """What all bones share; `bone` changes in place."""

    frame: Frame
    bone: np.ndarray
    marks: dict[str, Any]  # landmarks of the thorax; see `thorax.Body`
    x: np.ndarray  # position of the samples, a little wavy: no bone is straight
    y: np.ndarray
    ap: bool


def add_bones(
    rng: np.random.Generator,
    frame: Frame,
    bone: np.ndarray,
    marks: dict[str, Any],
    ripple: np.ndarray,
    ap: bool,
) -> None:
    """Add all bones to `bone` (mm along the ray), in place, and the landmark `clavicle` to `marks`.

    Parameters
    ----------
    rng
        Source of all random draws.
    frame
        Where the samples lie in the patient.
    bone
        mm of bone, (rows, columns); changed in place.
    marks
        Landmarks of the thorax, in mm; see `thorax.Body`.
    ripple
        Smooth random field that bends the bones by about a millimetre.
    ap
        Whether the film is AP: the ribs droop less and the clavicles stand higher.
    """
    skeleton = Skeleton(frame, bone, marks, frame.x + 1.5 * ripple, frame.y + 1.0 * ripple, ap)
    _add_ribs(rng, skeleton)
    _add_spine(rng, skeleton)
    collar = marks["apex"] + (rng.uniform(8, 24) if ap else rng.uniform(20, 38))
    marks["clavicle"] = collar
    for side in (-1, 1):
        raised = _add_clavicle(rng, skeleton, side, collar)
        _add_shoulder(rng, skeleton, side, raised)


def _tube(distance, radius, cortex=1.4):
    """mm of bone through a tube of bone at a distance from its axis: cortex, and marrow half as
    dense.
    """
    outer = np.sqrt(np.clip(radius**2 - distance**2, 0, None))
    inner = np.sqrt(np.clip((radius - cortex) ** 2 - distance**2, 0, None))
    return outer - 0.75 * inner


def _add_ribs(rng, skeleton):
    """Eleven pairs of ribs. A rib and its fellow make a drooping ellipse: the upper half lies
    behind, the lower half in front.
    """
    frame, bone, marks, x, y, ap = skeleton
    step, ax, apex, dome = frame.step, np.abs(x), marks["apex"], marks["dome"]
    spacing, strong = marks["height"] / rng.uniform(8.9, 10.2), rng.uniform(0.9, 1.4)
    skew = rng.normal(0, 0.012) * x
    for rib in range(11):
        top = apex - 4 + spacing * rib + rng.normal(0, 1.2)
        tall = 40 + (7.5 + 0.7 * rng.normal()) * rib - (10 if ap else 0)
        rows = slice(
            *(int(np.clip(edge / step, 0, SIZE * FINE)) for edge in (top - 25, top + tall + 25))
        )
        wide = marks["wall"](np.clip(top + 0.55 * tall, apex + 12, None), marks["inner"][rows]) + 3
        upright = (y[rows] + skew[rows] - top - tall / 2) / (tall / 2)
        reach = ax[rows] / wide
        root = np.sqrt(reach)
        distance = (reach * root + upright**2 - 1) / np.hypot(1.5 * root / wide, 4 * upright / tall)
        front = expit(upright / 0.12)
        end = expit((ax[rows] / wide - rng.uniform(0.42, 0.55)) / 0.04)  # cartilage hardly shows
        weight = (1 - front) * expit((ax[rows] - 16) / 3) + 0.6 * front * end
        weight = weight * expit(
            (dome[rows] + 14 - y[rows]) / 12
        )  # in the abdomen scatter and thickness hide them
        bone[rows] += (
            strong * weight * _tube(distance, rng.uniform(5.3, 6.6) * (0.85 if rib == 0 else 1))
        )


def _add_spine(rng, skeleton):
    """Vertebrae with discs, pedicles, spinous and transverse processes."""
    frame, bone, marks, x, y, _ = skeleton
    step, ax, apex, height = frame.step, np.abs(x), marks["apex"], marks["height"]
    vertebra, half = height / rng.uniform(9.5, 10.5), rng.uniform(15, 19)
    core = np.s_[:, SIZE * FINE // 2 - int(85 / step) : SIZE * FINE // 2 + int(85 / step)]
    along, out = (
        (y[core] - apex) / vertebra % 1,
        ax[core],
    )  # within a vertebra and its disc; from the midline
    body_, disc = expit((half - out) / 1.2), expit((np.abs(along - 0.5) - 0.40) / 0.03)
    pedicle = np.exp(
        -((((out - 0.62 * half) / 4) ** 2 + ((along - 0.35) * vertebra / 5) ** 2) ** 2)
    )
    process = np.exp(-((out / 4) ** 2) - ((along - 0.75) * vertebra / 7) ** 2)
    bone[core] += body_ * (3.6 - 1.4 * disc) + 1.5 * pedicle + 1.2 * process
    bone[core] += 2.5 * np.exp(
        -(((out - half - 7) / 9) ** 2) - ((along - 0.35) * vertebra / 5) ** 2
    )


def _add_clavicle(rng, skeleton, side, collar):
    """One clavicle; returns by how many mm its shoulder is lowered."""
    frame, bone, _, x, y, ap = skeleton
    step = frame.step
    high = slice(0, int((collar + 60) / step))  # rows that hold a clavicle
    slope, sway, up = (
        rng.uniform(4, 16) if ap else rng.uniform(10, 28),
        rng.uniform(3, 6),
        rng.normal(0, 3),
    )
    t = (side * x[high] - 15) / 140
    middle = (
        collar + up - slope * np.clip(t, 0, 1.2) + sway * np.sin(2 * np.pi * np.clip(t, 0, 1.2))
    )
    lean = np.sqrt(1 + (np.gradient(middle, step, axis=1)) ** 2)
    ends = expit(t * 93) * expit((135 - 140 * t) / 2)
    bone[high] += (
        1.6
        * ends
        * _tube((y[high] - middle) / lean, 6.2 + 2 * np.exp(-(((t - 0.02) / 0.12) ** 2)), 1.8)
    )
    return up


def _add_shoulder(rng, skeleton, side, up):
    """Scapula, humeral head and shaft of one side."""
    frame, bone, marks, x, y, ap = skeleton
    step, apex = frame.step, marks["apex"]
    out = rng.normal(-6 if ap else 12, 6)
    corners = CORNERS + rng.normal(0, 3, (8, 2)) + (out, apex - 2)
    plate = filled(frame, corners * (side, 1), 1.3)
    rim = np.hypot(*np.gradient(ndimage.gaussian_filter(plate, 1.2 / step), step))
    bone += 1.8 * plate + 16 * rim
    spine_ = (
        corners[0] * 0.6 + corners[1] * 0.4,
        corners[5] + (8, -22),
    )  # the scapular spine, towards the acromion
    bone += stroke(frame, np.array(spine_) * (side, 1), 18.0, 2.5)
    head = np.hypot(side * x - 176 - out, y - apex - 20 + up)
    shaft = expit((y - apex - 30) / 4) * _tube(side * x - 182 - out - 0.12 * (y - apex), 12, 3.5)
    bone += np.maximum(9 * np.sqrt(np.clip(1 - (head / 23) ** 2, 0, 1)), shaft)
