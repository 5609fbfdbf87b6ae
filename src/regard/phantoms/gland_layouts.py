"""Where the glands of a prostate tile lie: benign glands anywhere, and one focus of small, crowded
glands.

Lengths are in micrometres; maps have one value per sample.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from regard.phantoms import glands
from regard.phantoms.fields import random_field
from regard.phantoms.glands import BENIGN, FINE, FOCUS, SIZE, Tissue

GREATEST_SHARE = (
    0.68  # of a gland's radius that its epithelium takes: even a small gland has a lumen
)


class Gland(NamedTuple):
    """One gland, or one lumen: an ellipse with a wavy outline."""

    centre: np.ndarray  # row, column
    radius: float
    aspect: float  # long axis / short axis
    tilt: float  # of the long axis, radians
    outline: np.ndarray  # radius over 128 angles, about 1

    def window(self, step: float) -> tuple[tuple[slice, ...], np.ndarray]:
        """The window around the gland, and in it the distance from its centre relative to its
        outline (1).
        """
        return glands.relative(step, *self)


class Layout(NamedTuple):
    """The glands placed so far, as maps that change in place."""

    step: float
    kind: np.ndarray  # STROMA, BENIGN or FOCUS
    heights: np.ndarray  # of the epithelium
    # lumens that do not follow the outline: distance to their edge, positive inside
    opened: np.ndarray
    hollow: np.ndarray  # bool: the lumen follows the outline, at the epithelium's height

    @property
    def side(self) -> float:
        """Length of a side of the tile."""
        return len(self.kind) * self.step


class Focus(NamedTuple):
    """What the glands of one focus share."""

    middle: np.ndarray  # row, column
    extent: float  # its radius
    infiltrative: bool
    radius: float  # typical of its glands
    height: float  # of their epithelium
    grain: float  # direction along which glands lie, radians

    @property
    def corners(self) -> float:
        """How angular the outlines are; see `glands.outline`."""
        return 0.28 if self.infiltrative else 0.0

    def position(self, rng: np.random.Generator) -> np.ndarray:
        """A random position within the focus."""
        spread = self.extent * (1.35 if self.infiltrative else 1.0)
        reach, angle = spread * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        return self.middle + reach * np.array([np.sin(angle), np.cos(angle)])

    def gland(self, rng: np.random.Generator, centre: np.ndarray) -> Gland:
        """A random gland of the focus at a position."""
        sharp = self.infiltrative
        aspect = rng.lognormal(0.6, 0.35) if sharp else rng.lognormal(0.25, 0.2)
        tilt = rng.normal(self.grain, 0.35) if sharp else rng.uniform(0, np.pi)
        radius = self.radius * rng.lognormal(0, 0.22)
        outline = glands.outline(rng, 0.16, corners=self.corners)
        return Gland(centre, radius, np.clip(aspect, 1, 3.2), tilt, outline)


def arrange(
    rng: np.random.Generator, tile: dict[str, Any], look: dict[str, Any], step: float
) -> tuple[Tissue, np.ndarray]:
    """Place the focus and the benign glands of one tile.

    Parameters
    ----------
    rng
        Source of all random draws.
    tile
        Signs, centre, extent and radius of the focus; an entry of `prostate.sample(rng)["tiles"]`.
    look
        What the signs set; only `height`, the height of the focus's epithelium (um), is used.
    step
        um between samples.

    Returns
    -------
    Tissue, ndarray
        The anatomy, and the height of the epithelium (um) at each sample.
    """
    shape = (SIZE * FINE,) * 2
    layout = Layout(
        step,
        kind=np.zeros(shape, np.uint8),
        heights=np.full(shape, 18.0),
        opened=np.full(shape, -99.0),
        hollow=np.zeros(shape, bool),
    )
    signs, grain = tile["signs"], rng.uniform(0, np.pi)
    focus = Focus(
        middle=tile["centre"] * layout.side,
        extent=tile["extent"] * layout.side,
        infiltrative=signs["border"] == "infiltrative",
        radius=tile["radius"],
        height=look["height"],
        grain=grain,
    )
    if signs["growth"] == "none":
        _add_benign(rng, layout, grain, rng.integers(3, 8), 60)
    else:
        _add_benign(rng, layout, grain, 1, 20, around=focus)
        _add_focus(rng, layout, focus, signs["growth"])
        _add_benign(rng, layout, grain, rng.integers(1, 4), 40)
    return _distances(rng, layout), layout.heights


def _place(layout, gland, what, height, gap, follows=True, onto=None):
    """Put a gland where nothing but `onto` lies within `gap` of it; False if there is no room."""
    kind = layout.kind
    at = tuple((np.asarray(gland.centre) / layout.step).astype(int))
    if min(at) >= 0 and max(at) < len(kind) and kind[at] and (onto is None or not onto[at]):
        return False  # the usual case, without the cost of an outline
    window, relative = gland.window(layout.step)
    taken = kind[window] > 0
    if onto is not None:
        taken &= ~onto[window]
    if (taken & (relative < 1 + gap * np.sqrt(gland.aspect) / gland.radius)).any():
        return False
    inside = relative < 1
    kind[window][inside] = what
    layout.heights[window][inside] = min(
        height, GREATEST_SHARE * gland.radius / np.sqrt(gland.aspect)
    )
    layout.hollow[window][inside] = follows
    if onto is not None:
        onto[window] |= inside
    return True


def _open_lumen(layout, lumen):
    window, relative = lumen.window(layout.step)
    opened = layout.opened
    opened[window] = np.maximum(opened[window], (1 - relative) * lumen.radius)


def _add_benign(rng, layout, grain, wanted, attempts, around=None):
    """Large glands, but none on the middle of the focus `around`; later attempts are smaller, for
    the gaps that are left.
    """
    clear = 0.8 * around.extent if around else 0.0
    for attempt in range(attempts):
        radius = rng.lognormal(np.log(64 if rng.random() < 0.6 else 36), 0.25) * 0.98**attempt
        centre, aspect = rng.uniform(-0.1, 1.1, 2) * layout.side, rng.uniform(1, 2.2)
        outline = glands.outline(rng, 0.20, notches=int(rng.integers(0, 9)))
        height, gap = np.clip(rng.normal(19, 5), 8, 30), rng.uniform(5, 20)
        gland = Gland(centre, radius, aspect, rng.normal(grain, 0.6), outline)
        if clear and np.hypot(*(centre - around.middle)) < clear + radius * np.sqrt(aspect):
            continue
        wanted -= _place(layout, gland, BENIGN, height, gap)
        if wanted <= 0:
            return


def _add_focus(rng, layout, focus, growth):
    """Sheets or chains first, then separate glands in the room that is left."""
    if growth == "cribriform":
        _add_sheets(rng, layout, focus)
    if growth == "fused":
        _add_chains(rng, layout, focus)
    gap = (3, 12) if focus.infiltrative else (2.5, 7)
    tries = {"separate": 200, "fused": 60, "cribriform": 60}[growth]
    for number in range(tries):
        centre = focus.middle if number == 0 else focus.position(rng)
        height, space = focus.height * rng.lognormal(0, 0.1), rng.uniform(*gap)
        _place(layout, focus.gland(rng, centre), FOCUS, height, space)


def _add_sheets(rng, layout, focus):
    """Cribriform growth: one or two sheets of epithelium with round lumens punched into them."""
    step = layout.step
    for number in range(rng.integers(1, 3)):
        centre = focus.middle if number == 0 else focus.position(rng)
        radius = focus.extent * rng.uniform(0.55, 0.85)
        outline = glands.outline(rng, 0.22, corners=focus.corners / 2)
        tilt, before = rng.uniform(0, np.pi), layout.kind == FOCUS
        for size in (1, 0.8, 0.6, 0.4):  # the largest sheet that there is room for
            sheet = Gland(centre, size * radius, 1.3, tilt, outline)
            if _place(layout, sheet, FOCUS, 16.0, 6, follows=False):
                break
        added = (layout.kind == FOCUS) & ~before
        for sample in glands.darts(rng, added, rng.uniform(24, 30) / step):
            if rng.random() < 0.85:
                form = rng.lognormal(np.log(7), 0.3), rng.uniform(1, 1.6), rng.uniform(0, np.pi)
                lumen = Gland((sample + 0.5) * step, *form, glands.outline(rng, 0.15))
                _open_lumen(layout, lumen)


def _add_chains(rng, layout, focus):
    """Fused growth: chains of glands that share walls, without stroma between them."""
    for number in range(rng.integers(2, 4)):
        centre = focus.middle if number == 0 else focus.position(rng)
        direction = rng.uniform(0, 2 * np.pi)
        chain = np.zeros(layout.kind.shape, bool)
        for _ in range(rng.integers(4, 9)):
            gland = focus.gland(rng, centre)
            placed = _place(layout, gland, FOCUS, focus.height, 6, follows=False, onto=chain)
            if placed and rng.random() < 0.8:
                radius = gland.radius * rng.uniform(0.25, 0.5)
                _open_lumen(layout, gland._replace(radius=radius, outline=glands.outline(rng, 0.3)))
            direction = direction + rng.normal(0, 0.9)
            step = 1.45 * gland.radius * np.array([np.sin(direction), np.cos(direction)])
            centre = centre + step


def _distances(rng, layout):
    """The tissue that the glands make: distances to their outlines and lumens."""
    kind, step = layout.kind, layout.step
    depth = ndimage.distance_transform_edt(kind > 0) * step
    outside, (down, right) = ndimage.distance_transform_edt(kind == 0, return_indices=True)
    wobble = random_field(rng, kind.shape, 3.5 / step, 3.5 / step)
    followed = ndimage.gaussian_filter(depth, 1.2) - layout.heights * (1 + 0.16 * wobble)
    lumen = np.where(layout.hollow, followed, np.where(kind > 0, layout.opened + 0.6 * wobble, -99))
    return Tissue(kind, lumen, depth, outside * step, kind[down, right])
