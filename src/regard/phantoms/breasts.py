"""The breast of a mammogram: its outline, tissue and vessels, and where a finding may lie."""

import functools

import numpy as np
from scipy import fft, ndimage
from scipy.special import expit

SIZE = 160  # image height and width, pixels
FINE = 2  # samples per pixel and axis


def power_law(
    rng: np.random.Generator,
    step: float,
    exponent: float = 3.0,
    longest: float = 40.0,
    stretch: float = 1.0,
) -> np.ndarray:
    """Periodic Gaussian field on the fine grid, mean 0, variance 1, power spectrum 1 /
    frequency^exponent.

    The spectrum is flat for waves longer than `longest` mm; `stretch` > 1 draws the pattern out
    along the columns.
    """
    shape = (SIZE * FINE, SIZE * FINE)
    field = fft.irfft2(
        fft.rfft2(rng.standard_normal(shape)) * transfer(step, exponent, longest, stretch), shape
    )
    return field / field.std()


@functools.cache
def transfer(step, exponent, longest, stretch):
    rows, columns = (
        fft.fftfreq(SIZE * FINE, step)[:, None],
        fft.rfftfreq(SIZE * FINE, step) * stretch,
    )
    transfer = (rows**2 + columns**2 + longest**-2.0) ** (-exponent / 4)
    transfer[0, 0] = 0
    return transfer


def pixels(fine):
    """Mean of the samples inside each image pixel."""
    return fine.reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))


def breast(rng, breast, view, step):
    """The window on the breast: x and y of the samples, depth below the skin, depth inside the
    pectoral muscle (mm).
    """
    side = SIZE * FINE * step
    depth, height = breast["depth"], breast["depth"] * breast["height"]
    left = max(0.0, rng.uniform(-12, max(depth + 10 - side, 0)))  # the film ends at the chest wall
    top = (rng.normal(-4, 12) if view == "CC" else rng.normal(-16, 12)) - side / 2
    y, x = np.mgrid[: SIZE * FINE, : SIZE * FINE] * step + step / 2
    x, y = x + left, y + top

    up, power = (
        (height, 2.2) if view == "CC" else (1.75 * height, 2.6)
    )  # in MLO the upper breast runs to the axilla
    up, down = up * rng.uniform(0.92, 1.08), height * rng.uniform(0.92, 1.08)
    bend = (
        1
        + 0.02 * rng.normal() * np.sin(y / 21 + rng.uniform(0, 6))
        + 0.008 * rng.normal() * np.sin(y / 9)
    )
    level = (
        (np.abs(x) / (depth * bend)) ** power + np.where(y < 0, np.abs(y) / up, y / down) ** 2.1 - 1
    )
    rows, columns = np.gradient(level, step)
    inside = -level / np.maximum(np.hypot(rows, columns), 0.5 / depth)
    if rng.random() < 0.75:  # nipple in profile
        out, wide = rng.uniform(1.5, 4.5), rng.uniform(3, 4.5)
        tip = (1 - np.hypot((x - depth + 2) / (out + 2), (y - rng.normal(0, 1.5)) / wide)) * wide
        inside = np.maximum(inside, tip) + 0.4 * np.exp(-(((inside - tip) / 1.5) ** 2))

    muscle = np.full(x.shape, -99.0)
    if view == "MLO":  # a triangle at the upper chest wall, a little convex
        wide, low, bulge = rng.uniform(24, 44), rng.uniform(-20, 12), rng.uniform(0.0, 0.35)
        along = (low - y) / (low + 75)
        edge = wide * (along + bulge * along * (1 - along)) + rng.normal(0, 1) * np.sin(y / 11)
        muscle = (edge - x) * np.cos(np.arctan(wide / (low + 75)))
    return x, y, inside, muscle


def tissue(rng, breast, x, y, inside, muscle, step):
    """Radiodensity of the breast without findings: fat, gland, strands, vessels, skin, muscle and
    distractors.
    """
    nipple = breast["depth"]
    reach, angle = np.hypot(x - nipple, y), np.arctan2(y, nipple - x)
    coarse, fine = power_law(rng, step, 3.4), power_law(rng, step)
    wander, wander_too = power_law(rng, step, 5.0, 25), power_law(rng, step, 5.0, 25)

    def towards_nipple(
        texture, pull
    ):  # sampled in coordinates around the nipple, unevenly, so that strands converge
        rows = angle * (18 + 0.55 * reach) * pull + y * (1 - pull) + 2.5 * wander
        columns = reach * pull + (nipple - x) * (1 - pull) + 2.5 * wander_too
        return ndimage.map_coordinates(
            texture, (rows / step, columns / step), order=1, mode="grid-wrap"
        )

    islands = towards_nipple(power_law(rng, step, 3.4, 25, 2.0), 0.8)
    threads = towards_nipple(power_law(rng, step, 3.0, 16, 3.2), 0.9)
    threads_too = towards_nipple(power_law(rng, step, 3.0, 9, 2.6), 0.7)
    network = np.exp(-np.abs(threads) / 0.10) + 0.8 * np.exp(-np.abs(threads_too) / 0.13)

    amount = _cone(rng, breast, x, y, inside, reach)
    amount = amount + breast["clumping"] * 1.2 * coarse + 1.1 * islands
    gland = expit(amount / 0.7)
    mottle = 0.8 * fine + 0.5 * islands + 0.4 * threads_too
    tissue = 0.17 + 0.018 * coarse + 0.028 * fine + 0.012 * threads_too
    tissue += gland * (0.22 + 0.055 * mottle + 0.05 * np.clip(amount, -1, 2.5))
    tissue += (
        breast["strands"]
        * network
        * (0.12 + 0.06 * gland)
        * expit(0.8 * islands + 0.6 * coarse + 0.3)
    )
    _add_distractors(rng, tissue, x, y, inside, muscle, step, nipple, wander, islands, fine)
    tissue = 0.17 + breast["contrast"] * (tissue - 0.17)

    if muscle.max() > 0:
        body = _pectoral(rng, x, y, muscle, step, coarse, network)
        tissue += expit(muscle / 0.5) * (body - tissue)
    skin = rng.uniform(0.9, 1.6)
    tissue += (
        rng.uniform(0.12, 0.28)
        * np.exp(-0.5 * ((inside - skin) / (0.55 * skin)) ** 2)
        * (1 + 0.25 * coarse)
    )
    return tissue + 0.10 * np.exp(-((reach / 6) ** 2)) * (1 + 0.3 * fine)


def _cone(rng, breast, x, y, inside, reach):
    """Amount of gland: it fills a cone behind the nipple and leaves fat below the skin and before
    the chest wall.
    """
    nipple = breast["depth"]
    across = (y - rng.normal(-3, 5)) / (0.62 * nipple * breast["height"])
    cone = 1.5 - 1.6 * across**2 - 1.3 * np.clip((0.42 * nipple - x) / (0.42 * nipple), 0, 1) ** 1.5
    cone -= (
        2.2
        * np.exp(-np.clip(inside, 0, None) / rng.uniform(4, 8))
        * (1 - 0.8 * np.exp(-((reach / 14) ** 2)))
    )
    return breast["gland"] + cone


def _add_distractors(rng, tissue, x, y, inside, muscle, step, nipple, wander, islands, fine):
    """Vessels, few of them calcified, round benign calcifications, and gland that resembles a mass;
    in place.
    """
    for _ in range(rng.integers(1, 5)):  # blood vessels, and in few of them calcified walls
        tissue += vessel(rng, x, y, nipple, wander, rng.random() < 0.05)
    if rng.random() < 0.12:  # one or two round benign calcifications, no cluster
        for _ in range(rng.integers(1, 3)):
            row, column = place(rng, inside, muscle, step, 8)
            off = np.hypot(x - x[row, column], y - y[row, column])
            tissue += rng.uniform(0.25, 0.5) * expit((rng.uniform(0.5, 1.3) - off) / 0.15)
    if rng.random() < 0.35:  # overlapping gland that feigns a mass
        row, column = place(rng, inside, muscle, step, 8)
        off = np.hypot(
            x - x[row, column], (y - y[row, column]) * rng.uniform(0.7, 1.4)
        ) / rng.uniform(4, 8)
        tissue += rng.uniform(0.05, 0.13) * expit((1 + 0.45 * islands + 0.3 * fine - off) / 0.22)


def _pectoral(rng, x, y, muscle, step, coarse, network):
    """Radiodensity of the pectoral muscle."""
    tilt = rng.uniform(0.35, 0.6)
    fibres = ndimage.map_coordinates(
        power_law(rng, step, 2.5, 12, 6),
        ((x + tilt * y) / step, (y - tilt * x) / step),
        order=1,
        mode="grid-wrap",
    )
    body = (
        rng.uniform(0.30, 0.50)
        + 0.02 * fibres
        + 0.03 * coarse
        + 0.02 * network
        + 0.002 * np.clip(muscle, 0, 30)
    )
    return np.maximum(body, 0.25)


def vessel(rng, x, y, nipple, wander, calcified):
    """A winding line from the chest wall towards the nipple; calcified, two broken bright lines
    along its walls.
    """
    start, slope, wide = rng.uniform(-0.8, 0.8) * nipple, rng.normal(0, 0.35), rng.uniform(0.5, 0.9)
    bend = rng.uniform(2, 5) * np.sin(x / rng.uniform(9, 16) + rng.uniform(0, 6)) + 3 * wander
    off = y - start * (1 - 0.6 * x / nipple) - slope * x - bend
    off = off / np.hypot(1, slope)
    line = rng.uniform(0.06, 0.14) * np.exp(-0.5 * (off / wide) ** 2)
    if calcified:
        breaks = expit(4 * (np.sin(x / 1.3 + 3 * wander) + np.sin(x / 2.9) - 0.6))
        line += (
            0.3
            * breaks
            * np.exp(-0.5 * ((np.abs(off) - wide) / 0.28) ** 2)
            * expit((30 - np.abs(x - 30)) / 2)
        )
    return line


def place(rng, inside, muscle, step, reach):
    """Row and column of a sample in the breast, `reach` mm off skin and border of the patch, half
    that off muscle.
    """
    border = np.minimum(np.arange(SIZE * FINE), np.arange(SIZE * FINE)[::-1]) * step
    room = np.minimum(np.minimum(inside, -2 * muscle), np.minimum(border[:, None], border)) - reach
    allowed = np.flatnonzero(
        room > min(0, room.max() - 1)
    )  # where nothing fits, what comes nearest
    row, column = np.unravel_index(allowed[rng.integers(len(allowed))], room.shape)
    return int(row), int(column)
