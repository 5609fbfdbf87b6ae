"""A thorax as a frontal film shows it: tissue, lung, bone and vessels along each ray.

Maps are (down, across); lengths in mm of water-like tissue; x grows towards the image's right,
which is the patient's left, where the heart's apex lies. Sizes are those of adults, by eye from
textbooks and films; nothing was fitted.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import interpolate, ndimage
from scipy.special import expit

from regard.phantoms.bones import add_bones
from regard.phantoms.fields import random_field
from regard.phantoms.films import (  # noqa: F401  public here
    AIR,
    SITES,
    attenuate,
    burn,
    develop,
    expose,
)
from regard.phantoms.projection import (  # noqa: F401
    FINE,
    SIZE,
    Frame,
    filled,
    path,
    pixels,
    splat,
    stroke,
)

# Outline of a heart, x and y as shares of its width and height.
HEART = [
    *[(-0.14, -0.12), (-0.28, 0.20), (-0.35, 0.50), (-0.33, 0.78), (-0.20, 0.98), (0.15, 1.04)],
    *[(0.42, 1.04), (0.59, 0.93), (0.65, 0.76), (0.58, 0.50), (0.43, 0.24), (0.31, 0.02)],
    (0.14, -0.16),
]
# Of an outline, what findings are placed by.
LANDMARKS = ("apex", "height", "medial", "carina", "drop", "inner", "dome", "wall")


class Body(NamedTuple):
    """A thorax as maps; findings change `depth`, `vessels`, `extra` and `metal` in place."""

    frame: Frame
    soft: np.ndarray  # mm of soft tissue, were there no air
    lung: np.ndarray  # 0 to 1, inside the lung's outline
    level: np.ndarray  # mm inside the lung's outline, negative outside
    depth: np.ndarray  # mm of lung along the ray, the heart not taken out
    bone: np.ndarray  # mm
    vessels: np.ndarray  # mm, of the lung
    extra: np.ndarray  # mm of soft tissue added
    metal: np.ndarray  # attenuation added
    # landmarks, mm: apex, carina, base, width ...; the map `dome`; wall(y, half width, lowering)
    marks: dict[str, Any]


class Outline(NamedTuple):
    """Where the lungs lie: landmarks in mm, and maps of distances in mm."""

    apex: float
    height: float  # apex to dome
    medial: float  # half width of the mediastinum
    carina: float
    drop: float  # of the diaphragm at the chest wall
    inner: np.ndarray  # half of the inner width of the thorax
    full: np.ndarray  # width at this height as a share, 0 to 1
    width: np.ndarray  # of the lung's outer edge, from the midline
    middle: np.ndarray  # of its inner edge, from the midline
    dome: np.ndarray  # height of the diaphragm
    level: np.ndarray  # inside the lung's outline, negative outside

    def wall(self, y: np.ndarray, width: np.ndarray, top: np.ndarray | float = 0.0) -> np.ndarray:
        """Distance of the chest wall from the midline at a height `y`, for a half width `width` of
        the thorax that begins `top` mm below the apex.
        """
        reach = _rise((y - self.apex - top) / (self.height - top))
        return self.medial + (width - self.medial) * reach


def anatomy(rng: np.random.Generator, patient: dict[str, Any]) -> Body:
    """A thorax without heart and findings.

    Parameters
    ----------
    rng
        Source of all random draws.
    patient
        `pixel` (mm), `view` ("PA" or "AP") and `habitus`, as `chest.sample` draws them.

    Returns
    -------
    Body
        Maps of (320, 320) samples.
    """
    habitus, ap = patient["habitus"], patient["view"] == "AP"
    step = patient["pixel"] / FINE
    frame, bend, ripple = _frame(rng, step)
    lungs = _outline(rng, frame, habitus, ap, bend)
    lung = expit(lungs.level / 0.9)
    down = (frame.y - lungs.apex) / lungs.height
    half_depth = habitus["depth"] * (0.70 + 0.30 * np.clip(down + 0.15, 0, 0.6) / 0.6)
    soft = _soft_tissue(rng, frame, habitus, lungs, half_depth, bend, ripple)
    depth = _lung_depth(frame, lungs, lung, half_depth)
    marks = {name: getattr(lungs, name) for name in LANDMARKS}
    marks |= dict(base=lungs.apex + lungs.height, width=habitus["width"], clavicle=0.0, ap=ap)
    bone, vessels, extra, metal = np.zeros((4, *lung.shape), np.float32)
    body = Body(frame, soft, lung, lungs.level, depth, bone, vessels, extra, metal, marks)
    add_bones(rng, frame, body.bone, marks, ripple, ap)
    _add_mediastinum(rng, body)
    _add_vessels(rng, body)
    fine, coarse = _field(rng, step, 1.3), _field(rng, step, 5)
    body.vessels[:] += lung * (0.9 * fine + 1.2 * coarse) * np.clip(depth / 90, 0, 1)
    body.extra[:] += (soft > 40) * 0.8 * coarse
    if habitus["breast"]:
        _add_breasts(rng, body, habitus["breast"])
    if rng.random() < 0.65:
        _add_gas(rng, body, ripple, coarse)
    return body


def _field(rng, step, sigma):
    """Random field on the samples, smoothed by `sigma` mm."""
    shape = (SIZE * FINE, SIZE * FINE)
    return random_field(rng, shape, sigma / step, sigma / step).astype(np.float32)


def _frame(rng, step):
    """Where the samples lie in a patient who stands a little tilted, and two smooth fields that
    bend what is drawn.
    """
    tilt, shift = rng.normal(0, 0.025), rng.normal(0, 6)
    # Single precision is twice as fast.
    rows, columns = (np.mgrid[: SIZE * FINE, : SIZE * FINE].astype(np.float32) + 0.5) * step
    across, down = columns - SIZE * FINE * step / 2, rows - 180
    bend, ripple = _field(rng, step, 22), _field(rng, step, 22)
    cosine, sine = float(np.cos(tilt)), float(np.sin(tilt))
    x = across * cosine - down * sine + shift
    y = across * sine + down * cosine + 180 + 1.8 * bend
    return Frame(step, x, y, tilt, shift), bend, ripple


def _rise(u):
    """Width of a lung as a share of its greatest, over the share `u` of its height."""
    return (1 - (1 - np.clip(u / 0.85, 0, 1)) ** 2.6) ** 0.55


def _outline(rng, frame, habitus, ap, bend):
    """The outline of both lungs."""
    y, ax, left = frame.y, np.abs(frame.x), frame.x > 0  # the patient's left
    turn = rng.normal(0, 0.03)  # rotation about the long axis: one side wider than the other
    apex = rng.normal(36, 7)
    height = habitus["height"] * rng.normal(0.93 if ap else 1.0, 0.05)
    inner = np.where(left, 1 + turn, 1 - turn).astype(np.float32) * habitus["width"]
    dome_top = apex + height + np.where(left, np.float32(rng.uniform(3, 14)), np.float32(0))
    drop, crest, medial = (
        rng.uniform(32, 52) * height / 225,
        rng.uniform(0.36, 0.48),
        rng.uniform(20, 25),
    )

    full, carina = _rise((y - apex) / height), apex + rng.uniform(68, 82)
    width = medial + (inner - medial) * full
    # The mediastinum's edge: wide where the great vessels leave the thorax and enter the heart,
    # bulged by the arch.
    middle = medial - 4 + 1.5 * bend + rng.uniform(8, 16) * np.exp(-np.clip(y - apex, 0, None) / 24)
    middle += 9 * expit((y - carina - 8) / 11)
    middle += np.where(left, rng.uniform(4, 13), rng.uniform(0, 4)) * np.exp(
        -(((y - carina + 14) / 14) ** 2)
    )
    t = ax / inner - crest
    dome = dome_top + drop * np.where(
        t > 0, np.abs(t / (1 - crest)) ** 2.3, 0.45 * np.abs(t / crest) ** 2
    )
    level = sum(
        np.exp(np.clip(-value / 2.5, -60, 60)) for value in (width - ax, ax - middle, dome - y)
    )
    level = -2.5 * np.log(level)  # the least of the three distances, with rounded corners
    return Outline(apex, height, medial, carina, drop, inner, full, width, middle, dome, level)


def _soft_tissue(rng, frame, habitus, lungs, half_depth, bend, ripple):
    """mm of neck, shoulders with arms, and trunk, whichever is thickest."""
    x, y, ax, apex = frame.x, frame.y, np.abs(frame.x), lungs.apex
    outer = np.maximum(lungs.width, 0.75 * lungs.inner) + habitus["wall"]
    trunk = 2 * half_depth * np.sqrt(np.clip(1 - (ax / outer) ** 3.2, 0, 1))
    neck_width = rng.uniform(46, 58)
    neck = 145 * np.sqrt(np.clip(1 - (x / neck_width) ** 2, 0, 1))
    away = np.clip(ax - 0.8 * neck_width, 0, None)
    top = apex - rng.uniform(34, 52) + rng.uniform(30, 50) * (1 - np.exp(-away / 60))
    top = top + np.clip(ax - 155, 0, None) ** 2 / 80
    below = np.clip(y - top, 0, None)
    arm = outer + 2 + rng.uniform(0.15, 0.9) * (y - apex - rng.uniform(60, 130))
    gap = expit((ax - outer) / 2) * expit((arm - ax) / 2)
    shoulder = rng.uniform(170, 205) * (1 - np.exp(-below / 26)) * (1 - gap)
    soft = np.maximum(np.maximum(trunk * (1 - np.exp(-below / 12)), shoulder), neck)
    return soft * (1 + 0.025 * ripple + 0.22 * expit((y - lungs.dome) / 12)) + 1.5 * bend


def _lung_depth(frame, lungs, lung, half_depth):
    """mm of lung along the ray: the thorax's chord, less towards mediastinum and dome; a thin
    recess behind the dome.
    """
    y, ax = frame.y, np.abs(frame.x)
    width, middle, dome = lungs.width, lungs.middle, lungs.dome
    chord = (
        1.62
        * (half_depth - 20)
        * np.sqrt(np.clip(1 - (ax / (width + 2)) ** 2, 0, 1))
        * (0.4 + 0.6 * lungs.full)
    )
    depth = chord * (1 - np.exp(-np.clip(ax - middle + 4, 0, None) / 14))
    depth = depth * lung * (0.5 + 0.5 * (1 - np.exp(-np.clip(dome - y, 0, None) / 22)))
    depth += (
        0.13
        * chord
        * np.exp(-np.clip(y - dome, 0, None) / 17)
        * expit((y - dome) / 2)
        * expit((width - ax) / 2)
    )
    return depth


def _add_breasts(rng, body, thickness):
    """Two breasts, in place."""
    x, y = body.frame.x, body.frame.y
    centre, radius = rng.uniform(70, 88), rng.uniform(52, 68)
    for side in (-1, 1):
        low = body.marks["base"] + rng.normal(-18, 14)
        rim = (
            np.hypot((x - side * centre) / 1.1, (y - low) / np.where(y > low, 0.75, 1.25)) / radius
        )
        body.extra[:] += thickness * np.clip(1 - rim**2, 0, 1) ** 0.7


def _add_gas(rng, body, ripple, coarse):
    """Stomach bubble, and sometimes gas of the colon beside it, in place."""
    x, y, dome = body.frame.x, body.frame.y, body.marks["dome"]
    for _ in range(rng.integers(1, 4)):
        where = rng.uniform(45, 85), body.marks["base"] + rng.uniform(24, 46)
        rim = np.hypot((x - where[0]) / rng.uniform(14, 30), (y - where[1]) / rng.uniform(8, 15))
        rim += 0.2 * ripple + 0.08 * coarse
        body.extra[:] -= rng.uniform(12, 36) * np.clip(1 - rim**2, 0, 1) ** 0.7 * (y > dome + 5)


def _add_mediastinum(rng, body):
    """Great vessels, aortic knob and hila; trachea and main bronchi, in place. Tissue here takes
    the place of lung.
    """
    frame, marks = body.frame, body.marks
    x, y, carina = frame.x, frame.y, marks["carina"]
    knob, where = rng.uniform(14, 21), (rng.uniform(17, 23), carina - rng.uniform(8, 20))
    extra = 42 * np.sqrt(
        np.clip(1 - ((x - where[0]) ** 2 + ((y - where[1]) / 1.2) ** 2) / knob**2, 0, 1)
    )
    descent = np.exp(-((((x - 22 + 0.05 * (y - carina)) / 12) ** 2) ** 2)) * expit(
        (y - where[1]) / 8
    )
    extra = np.maximum(extra, 28 * descent)
    cava = rng.uniform(24, 32) + 3 * np.sin((y - carina) / 18)
    extra = np.maximum(
        extra, 35 * expit((x + cava) / 1.8) * (x < 0) * expit((carina + 50 - y) / 10)
    )
    trunk = np.hypot((x - rng.uniform(26, 32)) / 1.0, (y - carina - 16) / 1.5) / rng.uniform(15, 19)
    extra = np.maximum(extra, 36 * np.sqrt(np.clip(1 - trunk**2, 0, 1)))
    body.vessels[:] += np.minimum(extra, body.depth)

    lean = rng.normal(-3, 3)
    bore = rng.uniform(12, 17)
    body.extra[:] -= 2.2 * stroke(
        frame, [(rng.normal(0, 2), -20), (lean, carina)], bore**2 * 0.8, bore * 0.75
    )
    for side, down in ((-1, 30), (1, 26)):
        body.extra[:] -= stroke(frame, [(lean, carina - 2), (side * 38, carina + down)], 110, 8)


def _add_vessels(rng, body):
    """Pulmonary vessels: three generations of branches from either hilum, in place."""
    frame, marks, spacing = body.frame, body.marks, 0.8
    size = marks["height"] / 222
    strands = []
    for side, hilum in ((-1, marks["carina"] + 30), (1, marks["carina"] + 20)):
        count = 11
        angle = np.linspace(-1.35, 1.4, count) + rng.normal(0, 0.12, count)
        start = hilum + 12 * np.sin(angle) + rng.normal(0, 4, count)
        start = np.column_stack([side * rng.uniform(28, 38, count), start])
        length = rng.uniform(65, 115, count) * (1 + 0.25 * np.sin(angle)) * size
        radius = rng.uniform(2.6, 4.4, count) * (1 + 0.2 * np.sin(angle))
        for generation in range(4):
            steps = np.arange(int(length.max() / spacing) + 1)
            turn = angle[:, None] + np.cumsum(rng.normal(0, 0.06, (len(angle), len(steps))), axis=1)
            px = start[:, :1] + side * spacing * np.cumsum(np.cos(turn), axis=1)
            py = start[:, 1:] + spacing * np.cumsum(np.sin(turn), axis=1)
            left = 1 - steps * spacing / length[:, None]
            r = radius[:, None] * np.clip(left, 0, 1) ** 0.6
            strands.append((px[left > 0], py[left > 0], r[left > 0]))
            if generation == 3:
                break
            children = 3
            parent = np.repeat(np.arange(len(angle)), children)
            at = (rng.uniform(0.12, 0.8, len(parent)) * length[parent] / spacing).astype(int)
            start = np.column_stack([px[parent, at], py[parent, at]])
            fork = rng.choice([-1, 1], len(parent)) * rng.uniform(0.3, 0.85, len(parent))
            angle, radius = turn[parent, at] + fork, 0.72 * r[parent, at]
            length = np.clip(
                length[parent] * left[parent, at] * rng.uniform(0.6, 1.0, len(parent)), 6, None
            )
    px, py, r = (np.concatenate(parts) for parts in zip(*strands, strict=True))
    vessels = np.zeros_like(body.soft)
    for low, high, sigma in ((0.0, 0.9, 0.7), (0.9, 1.8, 0.9), (1.8, 2.8, 1.4), (2.8, 9.0, 2.2)):
        some = (r > low) & (r <= high)
        vessels += splat(frame, px[some], py[some], np.pi * r[some] ** 2 * spacing, sigma)
    body.vessels[:] += rng.uniform(2.0, 3.4) * body.lung * 10 * np.tanh(vessels / 10)
    for side, hilum in (
        (-1, marks["carina"] + 28),
        (1, marks["carina"] + 18),
    ):  # the hilum's main arteries
        knots = [
            (side * 30, hilum - 14),
            (side * rng.uniform(38, 46), hilum),
            (side * rng.uniform(38, 48), hilum + 26),
        ]
        body.vessels[:] += body.lung * stroke(
            frame, knots, rng.uniform(200, 330), rng.uniform(10, 14)
        )


def heart(rng, body, ratio):
    """Share of each sample inside the heart's silhouette, and mm of heart along the ray.

    `ratio` is the silhouette's width by the inner width of the thorax, 2 x marks["width"].
    """
    marks = body.marks
    wide = 2 * ratio * marks["width"]
    tall = rng.uniform(0.72, 0.84) * np.sqrt(wide * 125)
    outline = np.array(HEART)
    outline += rng.normal(0, 0.012, outline.shape)
    spline = interpolate.CubicSpline(
        np.linspace(0, 1, 14), np.vstack([outline, outline[:1]]), bc_type="periodic"
    )
    reach = spline(np.linspace(0, 1, 400))[:, 0]
    outline[:, 0] = outline[:, 0] / np.ptp(reach) * wide + rng.normal(3, 3)
    outline[:, 1] = outline[:, 1] * tall + marks["base"] + rng.uniform(11, 20) - tall
    share = filled(body.frame, outline, 0.9)
    inward = ndimage.distance_transform_edt(share > 0.5) * body.frame.step
    thick = 80 * np.sqrt(np.clip(1 - (1 - np.clip(inward / 42, 0, 1)) ** 2, 0, 1)) + 8 * (
        inward > 0
    )
    return share, ndimage.gaussian_filter(thick, 0.8 / body.frame.step)
