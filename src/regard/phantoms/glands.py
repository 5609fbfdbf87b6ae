"""Glands of the prostate: their outlines, and the nuclei around them."""

from typing import NamedTuple

import numpy as np

SIZE = 128  # image height and width, pixels
FINE = 2  # samples per pixel and axis
STROMA, BENIGN, FOCUS = 0, 1, 2  # what a sample belongs to
ANGLES = np.linspace(-np.pi, np.pi, 129)  # at which outlines are kept


class Tissue(NamedTuple):
    """The anatomy of a tile, as maps over its samples."""

    kind: np.ndarray  # STROMA, BENIGN or FOCUS
    lumen: np.ndarray  # distance to the edge of the lumen, positive inside
    depth: np.ndarray  # distance to the gland's outline, positive inside the gland
    outside: np.ndarray  # distance to the nearest gland
    nearest: np.ndarray  # kind of the nearest gland


def pixels(fine):
    """Mean of the samples inside each image pixel."""
    return fine.reshape(SIZE, FINE, SIZE, FINE, *fine.shape[2:]).mean(axis=(1, 3))


def grid(step):
    """Rows (n, 1) and columns (n,) of the samples in micrometres."""
    places = (np.arange(SIZE * FINE) + 0.5) * step
    return places[:, None], places


def outline(rng, waviness, notches=0, corners=0.0):
    """Radius over 128 angles, about 1: harmonics, inward folds (`notches`) and straight runs
    between corners.
    """
    angle, order = ANGLES[:-1], np.arange(2, 8)[:, None]
    waves = np.cos(order * angle + rng.uniform(0, 2 * np.pi, (6, 1)))
    edge = 1 + (waviness / order * rng.standard_normal((6, 1)) * waves).sum(axis=0)
    for _ in range(notches):
        off = np.angle(np.exp(1j * (angle - rng.uniform(-np.pi, np.pi))))
        edge -= rng.uniform(0.15, 0.5) * np.exp(-0.5 * (off / rng.uniform(0.08, 0.16)) ** 2)
    if corners:
        knots = np.linspace(-np.pi, np.pi, int(rng.integers(5, 9)) + 1)
        heights = rng.uniform(-corners, corners, len(knots) - 1)
        turned = (angle + rng.uniform(0, 2 * np.pi)) % (2 * np.pi) - np.pi
        edge += np.interp(turned, knots, np.append(heights, heights[0]))
    return np.maximum(edge, 0.25)


def relative(step, centre, radius, aspect, tilt, outline):
    """The window around a gland, as slices, and in it the distance from its centre relative to its
    outline (1).
    """
    reach = radius * np.sqrt(aspect) * outline.max() + 22
    window = tuple(
        slice(
            *np.clip([int((place - reach) / step), int((place + reach) / step) + 1], 0, SIZE * FINE)
        )
        for place in centre
    )
    rows, columns = grid(step)
    down, right = rows[window[0]] - centre[0], columns[window[1]] - centre[1]
    down, right = (
        down * np.cos(tilt) - right * np.sin(tilt),
        right * np.cos(tilt) + down * np.sin(tilt),
    )
    down, right = down * np.sqrt(aspect) / radius, right / np.sqrt(aspect) / radius
    edge = np.interp(np.arctan2(down, right), ANGLES, np.append(outline, outline[0]))
    return window, np.hypot(down, right) / edge


def darts(rng, where, spacing):
    """Points (n, 2) of `where`, as sample indices in random order, no two nearer than `spacing`
    samples.
    """
    reach = int(np.ceil(spacing))
    offsets = np.arange(-reach, reach + 1)
    disc = np.hypot(offsets[:, None], offsets) < spacing
    taken = np.zeros((where.shape[0] + 2 * reach, where.shape[1] + 2 * reach), bool)
    places = rng.permutation(np.flatnonzero(where))
    places = places[: int(15 * len(places) / spacing**2) + 1]  # more would seldom find room
    kept = []
    for row, column in zip(
        *(axis.tolist() for axis in np.unravel_index(places, where.shape)), strict=True
    ):
        if not taken[row + reach, column + reach]:
            taken[row : row + 2 * reach + 1, column : column + 2 * reach + 1] |= disc
            kept.append((row, column))
    return np.array(kept, dtype=int).reshape(-1, 2)


def nuclei(rng, target, points, half, ratio, angle, step, strength, vesicular=0.0):
    """Stamp elliptic nuclei into `target` (haematoxylin), in place, the darker one winning where
    two meet.

    half: mean half axis; ratio: long / short axis; angle: of the long axis at each point, from the
    columns' direction; vesicular: 0 dense chromatin, 1 cleared chromatin with a rim and a
    nucleolus.
    """
    count = len(points)
    if not count:
        return
    half = half * rng.lognormal(0, 0.14, count) / step
    ratio = 1 + (ratio - 1) * rng.lognormal(0, 0.25, count)
    long, short = half * np.sqrt(ratio), half / np.sqrt(ratio)
    reach = int(np.ceil(long.max())) + 2
    offsets = np.arange(-reach, reach + 1.0)
    jitter = rng.uniform(-0.5, 0.5, (2, count, 1, 1))
    down, right = offsets[:, None] + jitter[0], offsets + jitter[1]
    sine, cosine = np.sin(angle).reshape(-1, 1, 1), np.cos(angle).reshape(-1, 1, 1)
    along, across = right * cosine + down * sine, down * cosine - right * sine
    relative = np.hypot(along / long[:, None, None], across / short[:, None, None])
    share = np.clip((1 - relative) * short[:, None, None] + 0.5, 0, 1)
    clear = np.clip(vesicular + rng.normal(0, 0.12, (count, 1, 1)), 0, 1)
    spot = (along - rng.normal(0, 0.6, (count, 1, 1))) ** 2 + (
        across - rng.normal(0, 0.5, (count, 1, 1))
    ) ** 2
    body = (
        1
        - clear * (0.62 - 0.32 * relative**4)
        + clear * 1.2 * np.exp(-0.5 * spot * (step / 1.2) ** 2)
    )
    value = (share * body * strength * rng.lognormal(0, 0.2, (count, 1, 1))).astype(np.float32)
    padded = np.pad(target, reach)
    rows = points[:, 0, None, None] + np.arange(2 * reach + 1)[:, None]
    np.maximum.at(padded, (rows, points[:, 1, None, None] + np.arange(2 * reach + 1)), value)
    target[:] = padded[reach:-reach, reach:-reach]
