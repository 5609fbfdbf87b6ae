"""A thorax as a frontal film shows it: tissue, lung, bone and vessels along each ray, the film, and
what is burnt in.

Maps are (down, across); lengths in mm of water-like tissue; x grows towards the image's right,
which is the patient's left, where the heart's apex lies. Sizes are those of adults, by eye from
textbooks and films; nothing was fitted.

Source
    Attenuation ICRU Report 44, 1989 (orders of magnitude at the effective energy of a chest film).
"""

from typing import NamedTuple

import numpy as np
from scipy import interpolate, ndimage
from scipy.special import expit
from skimage.draw import polygon2mask

from regard.phantoms.fields import random_field

SIZE = 160  # image height and width, pixels
FINE = 2  # samples per pixel and axis
# Film or detector: side of a pixel (mm), local equalisation, edge enhancement, noise, grey level of
# the lung and bone.
SITES = {
    "A": dict(
        pixel=(2.12, 2.38), equalise=0.15, edges=0.25, noise=0.014, black=0.26, contrast=0.64
    ),
    "B": dict(
        pixel=(2.05, 2.28), equalise=0.40, edges=0.50, noise=0.012, black=0.20, contrast=0.74
    ),
    "C": dict(
        pixel=(2.20, 2.48), equalise=0.28, edges=0.00, noise=0.018, black=0.34, contrast=0.52
    ),
}
SOFT, BONE = (
    0.0165,
    0.054,
)  # attenuation per mm; bone: above that of the soft tissue which it replaces
AIR = 0.76  # share of air in an expanded lung


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
    marks: dict


def anatomy(rng, patient):
    """A thorax without heart and findings."""
    habitus, ap = patient["habitus"], patient["view"] == "AP"
    step = patient["pixel"] / FINE
    tilt, shift = rng.normal(0, 0.025), rng.normal(0, 6)
    rows, columns = (
        np.mgrid[: SIZE * FINE, : SIZE * FINE].astype(np.float32) + 0.5
    ) * step  # single: twice as fast
    across, down = columns - SIZE * FINE * step / 2, rows - 180
    shape = rows.shape

    def field(sigma):
        return random_field(rng, shape, sigma / step, sigma / step).astype(np.float32)

    bend, ripple = field(22), field(22)
    cosine, sine = float(np.cos(tilt)), float(np.sin(tilt))
    x = across * cosine - down * sine + shift
    y = across * sine + down * cosine + 180 + 1.8 * bend
    frame = Frame(step, x, y, tilt, shift)
    ax, left = np.abs(x), x > 0  # the patient's left

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

    def rise(u):
        return (1 - (1 - np.clip(u / 0.85, 0, 1)) ** 2.6) ** 0.55

    def wall(y, width, top=0.0):
        return medial + (width - medial) * rise((y - apex - top) / (height - top))

    u = (y - apex) / height
    full, carina = rise(u), apex + rng.uniform(68, 82)
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
    lung = expit(level / 0.9)

    # Soft tissue: neck, shoulders with arms, and trunk, whichever is thickest.
    half_depth = habitus["depth"] * (0.70 + 0.30 * np.clip(u + 0.15, 0, 0.6) / 0.6)
    outer = np.maximum(width, 0.75 * inner) + habitus["wall"]
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
    soft = soft * (1 + 0.025 * ripple + 0.22 * expit((y - dome) / 12)) + 1.5 * bend

    # Lung along the ray: the thorax's chord, less towards mediastinum and dome; a thin recess
    # behind the dome.
    chord = (
        1.62
        * (half_depth - 20)
        * np.sqrt(np.clip(1 - (ax / (width + 2)) ** 2, 0, 1))
        * (0.4 + 0.6 * full)
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

    marks = dict(apex=apex, height=height, medial=medial, carina=carina, drop=drop, inner=inner,
                 base=apex + height, width=habitus["width"], dome=dome, wall=wall, clavicle=0.0, ap=ap)  # fmt: skip
    body = Body(frame, soft, lung, level, depth, *np.zeros((4, *shape), np.float32), marks)
    _add_bones(rng, body, ripple, ap)
    _add_mediastinum(rng, body)
    _add_vessels(rng, body)
    fine, coarse = field(1.3), field(5)
    body.vessels[:] += lung * (0.9 * fine + 1.2 * coarse) * np.clip(depth / 90, 0, 1)
    body.extra[:] += (soft > 40) * 0.8 * coarse

    if habitus["breast"]:
        centre, radius = rng.uniform(70, 88), rng.uniform(52, 68)
        for side in (-1, 1):
            low = marks["base"] + rng.normal(-18, 14)
            rim = (
                np.hypot((x - side * centre) / 1.1, (y - low) / np.where(y > low, 0.75, 1.25))
                / radius
            )
            body.extra[:] += habitus["breast"] * np.clip(1 - rim**2, 0, 1) ** 0.7
    if rng.random() < 0.65:  # stomach bubble, and sometimes gas of the colon beside it
        for _ in range(rng.integers(1, 4)):
            where = rng.uniform(45, 85), marks["base"] + rng.uniform(24, 46)
            rim = np.hypot(
                (x - where[0]) / rng.uniform(14, 30), (y - where[1]) / rng.uniform(8, 15)
            )
            rim += 0.2 * ripple + 0.08 * coarse
            body.extra[:] -= rng.uniform(12, 36) * np.clip(1 - rim**2, 0, 1) ** 0.7 * (y > dome + 5)
    return body


def _tube(distance, radius, cortex=1.4):
    """mm of bone through a tube of bone at a distance from its axis: cortex, and marrow half as
    dense.
    """
    outer = np.sqrt(np.clip(radius**2 - distance**2, 0, None))
    inner = np.sqrt(np.clip((radius - cortex) ** 2 - distance**2, 0, None))
    return outer - 0.75 * inner


def _add_bones(rng, body, ripple, ap):
    """Ribs, spine, clavicles, scapulae and humeral heads, in place."""
    step, x, y = body.frame.step, body.frame.x + 1.5 * ripple, body.frame.y + 1.0 * ripple
    ax, marks, bone = np.abs(x), body.marks, body.bone
    apex, height, dome = marks["apex"], marks["height"], marks["dome"]
    spacing, strong = height / rng.uniform(8.9, 10.2), rng.uniform(0.9, 1.4)
    skew = rng.normal(0, 0.012) * x
    for rib in range(
        11
    ):  # a rib and its fellow make a drooping ellipse: the upper half behind, the lower in front
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

    collar = apex + (rng.uniform(8, 24) if ap else rng.uniform(20, 38))
    marks["clavicle"], high = (
        collar,
        slice(0, int((collar + 60) / step)),
    )  # rows that hold a clavicle
    for side in (-1, 1):
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

        out = rng.normal(-6 if ap else 12, 6)
        corners = [
            (108, 8),
            (124, 80),
            (136, 138),
            (146, 128),
            (160, 62),
            (168, 40),
            (150, 22),
            (128, 2),
        ]
        corners = corners + rng.normal(0, 3, (8, 2)) + (out, apex - 2)
        plate = filled(body.frame, corners * (side, 1), 1.3)
        rim = np.hypot(*np.gradient(ndimage.gaussian_filter(plate, 1.2 / step), step))
        bone += 1.8 * plate + 16 * rim
        spine_ = (
            corners[0] * 0.6 + corners[1] * 0.4,
            corners[5] + (8, -22),
        )  # the scapular spine, towards the acromion
        bone += stroke(body.frame, np.array(spine_) * (side, 1), 18.0, 2.5)
        head = np.hypot(side * x - 176 - out, y - apex - 20 + up)
        shaft = expit((y - apex - 30) / 4) * _tube(
            side * x - 182 - out - 0.12 * (y - apex), 12, 3.5
        )
        bone += np.maximum(9 * np.sqrt(np.clip(1 - (head / 23) ** 2, 0, 1)), shaft)


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
    outline = np.array([
        (-0.14, -0.12), (-0.28, 0.20), (-0.35, 0.50), (-0.33, 0.78), (-0.20, 0.98), (0.15, 1.04), (0.42, 1.04),
        (0.59, 0.93), (0.65, 0.76), (0.58, 0.50), (0.43, 0.24), (0.31, 0.02), (0.14, -0.16),
    ])  # fmt: skip
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


def attenuate(body, heart, lost=0.0):
    """Attenuation along each ray. Heart and great vessels take the place of lung; lost air that of
    fluid or tissue.
    """
    air = AIR * body.depth * (1 - np.clip(lost, 0, 1))
    air *= 1 - np.clip(heart / (body.depth + 1e-6), 0, 0.88)
    tissue = AIR * body.vessels * np.clip(air / (0.2 * AIR * body.depth + 1e-6), 0, 1)
    return (
        SOFT * np.clip(body.soft - air + tissue + body.extra, 0, None)
        + BONE * body.bone
        + body.metal
    )


def expose(attenuation, step, preset):
    """Log signal as processed: scattered radiation, local equalisation, edges enhanced; and the log
    signal itself.
    """
    direct = np.exp(-attenuation)
    scatter = _broad(np.minimum(direct, 0.5), 35 / step)
    signal = -np.log(direct + 0.35 * scatter + 0.002)
    even = signal - preset["equalise"] * _broad(signal, 28 / step)
    even += preset["edges"] * (signal - ndimage.gaussian_filter(signal, 4 / step))
    return even, signal


def _broad(values, sigma):
    """A map blurred by a wide Gaussian, at a quarter of the resolution."""
    height, width = values.shape
    coarse = values.reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))
    coarse = ndimage.gaussian_filter(coarse, sigma / 4, mode="nearest", truncate=3)
    return ndimage.zoom(coarse, 4, order=1, mode="nearest", grid_mode=True)


def develop(rng, attenuation, step, preset, window):
    """Grey image, float (160, 160): noise, and a characteristic curve between the two ends of
    `window`.
    """
    even, signal = expose(attenuation, step, preset)
    even, signal = pixels(ndimage.gaussian_filter(even, 0.7)), pixels(signal)
    noise = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 0.55)
    even = even + preset["noise"] * rng.uniform(0.7, 1.3) * noise * np.exp(
        0.22 * signal
    )  # few quanta, much noise
    low, high = window
    value = preset["black"] + rng.normal(0, 0.04)
    value = value + (preset["contrast"] + rng.normal(0, 0.04)) * (even - low) / (high - low)
    value = np.where(
        value > 0.75, 0.75 + 0.25 * np.tanh((value - 0.75) / 0.25), value
    )  # shoulder of the curve
    return 255 * np.where(
        value < 0.12, 0.12 * np.exp(np.clip(value - 0.12, -3, 0) / 0.12), value
    )  # and its toe


def pixels(fine):
    """Mean of the samples inside each image pixel."""
    return fine.reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))


# 3 x 5 bitmap font, rows from the top: the same on every machine.
GLYPHS = {
    "A": "010 101 111 101 101", "C": "011 100 100 100 011", "E": "111 100 110 100 111", "L": "100 100 100 100 111",
    "P": "110 101 110 100 100", "R": "110 101 110 101 101", "T": "111 010 010 010 010", " ": "000 000 000 000 000",
}  # fmt: skip


def burn(rng, grey, marker):
    """Collimator edges, and the marker: a lead letter on its side of the film, or printed words, in
    place.
    """
    for axis in (0, 1):
        for edge in (rng.integers(1, 7, 2) * (rng.random(2) < 0.3)).tolist():
            np.moveaxis(grey, axis, 0)[:edge] *= 0.05
            grey[:] = np.flip(grey, axis)
    words, row = marker.split(), int(rng.integers(5, 22))
    place, big = int(rng.integers(4, 14)), rng.random() < 0.6
    if marker == "none":
        return
    for word in words:
        scale = 2 if len(word) == 1 and big else 1
        bits = np.hstack([np.array([[int(bit) for bit in line + "0"] for line in GLYPHS[letter].split()])
                          for letter in word]).repeat(scale, 0).repeat(scale, 1)  # fmt: skip
        # The image's left is the patient's right: an R stands left, all else right.
        column = place if words[0] == "R" else SIZE - place - bits.shape[1]
        patch = grey[row : row + bits.shape[0], column : column + bits.shape[1]]
        patch += (235 - patch) * 0.9 * ndimage.gaussian_filter(bits.astype(float), 0.35)
        row += bits.shape[0] + 2
