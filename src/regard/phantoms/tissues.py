"""Stained tissue: nuclei, the ducts they line, and where they lie."""

from typing import NamedTuple

import numpy as np
from scipy import fft
from scipy.spatial import cKDTree
from scipy.special import expit


class Tissue(NamedTuple):
    """Optical density of either stain, painted in place, and what painting needs to know."""

    haematoxylin: np.ndarray
    eosin: np.ndarray
    rows: np.ndarray  # um, (n, 1)
    columns: np.ndarray  # um, (1, n)
    step: float  # um between samples

    def field(
        self, rng: np.random.Generator, down: float, across: float | None = None
    ) -> np.ndarray:
        """Gaussian random field of the tissue's shape, smoothed by Gaussians of the given sigmas in
        um.
        """
        across = down if across is None else across
        return random_field(rng, self.eosin.shape, down / self.step, across / self.step)

    def paint(
        self, share: np.ndarray, haematoxylin, eosin, place=(slice(None), slice(None))
    ) -> None:
        """Replace a share, 0 to 1, of what is there."""
        for stain, value in ((self.haematoxylin, haematoxylin), (self.eosin, eosin)):
            stain[place] += share * (value - stain[place])

    def at(self, level: np.ndarray, row: float, column: float) -> float:
        """Value of a map at the sample nearest to a position in um; the border's value outside."""
        down, right = (row - self.rows[0, 0]) / self.step, (column - self.columns[0, 0]) / self.step
        return float(
            level[
                min(max(int(down), 0), level.shape[0] - 1),
                min(max(int(right), 0), level.shape[1] - 1),
            ]
        )

    def crop(self, place: tuple[slice, slice]) -> "Tissue":
        """A part of the tissue; painting there paints here."""
        rows, columns = self.rows[place[0]], self.columns[:, place[1]]
        return Tissue(self.haematoxylin[place], self.eosin[place], rows, columns, self.step)


class Cells(NamedTuple):
    """Statistics of the nuclei of one kind of cell."""

    diameter: float  # um
    spread: float  # standard deviation of log diameter
    density: float  # optical density of haematoxylin
    chromatin: str
    pitch: float  # diameters between nuclei
    aspect: float = 1.25  # long axis / short axis


def random_field(
    rng: np.random.Generator, shape: tuple[int, int], down: float, across: float
) -> np.ndarray:
    """Periodic Gaussian random field, mean 0 and variance 1, smoothed by Gaussians of the given
    sigmas in samples.
    """
    rows, columns = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])
    transfer = np.exp(-2 * (np.pi * rows * down) ** 2) * np.exp(
        -2 * (np.pi * columns * across) ** 2
    )
    transfer[0, 0] = 0
    smooth = fft.irfft2(fft.rfft2(rng.standard_normal(shape)) * transfer, shape)
    return smooth / smooth.std()


def lobed(rng, tissue, centre, radius, irregularity, aspect):
    """About the distance (um) to a lobed ellipse, positive inside."""
    turn = np.exp(1j * rng.uniform(0, 2 * np.pi))
    position = ((tissue.columns - centre[1]) + 1j * (tissue.rows - centre[0])) * turn
    position = position.real / np.sqrt(aspect) + 1j * np.sqrt(aspect) * position.imag
    reach = np.abs(position) + 1e-9
    unit = position / reach
    power, edge = unit, 1.0
    for order in range(2, 7):  # powers of the unit vector are the harmonics of its angle
        power = power * unit
        size = 2 * irregularity * rng.normal() / order**1.3 * np.exp(1j * rng.uniform(0, 2 * np.pi))
        edge = edge + size.real * power.real - size.imag * power.imag
    return np.maximum(edge, 0.3) * radius - reach


def scatter(rng, tissue, level, spacing, tries=5.0, limit=900):
    """Random positions (um) where level > 0, at least about `spacing` um from each other."""
    rows, columns = np.nonzero(level > 0)
    if not len(rows):
        return np.zeros((0, 2))
    wanted = int(min(tries * len(rows) * tissue.step**2 / spacing**2, limit * tries)) + 1
    picks = rng.integers(0, len(rows), wanted)
    points = np.stack([tissue.rows[rows[picks], 0], tissue.columns[0, columns[picks]]], axis=1)
    points += rng.uniform(-0.5, 0.5, points.shape) * tissue.step
    near = cKDTree(points).query_ball_point(points, spacing)
    free, kept = np.ones(wanted, bool), []
    for index in range(wanted):
        if free[index]:
            kept.append(index)
            free[near[index]] = False
    return points[kept]


def nucleus(rng, tissue, texture, centre, cells, angle, aspect=None, smooth=False, wall=None):
    """Paint one nucleus of the given kind into the tissue, pressed flat where it meets a wall (a
    level in um).
    """
    spread = cells.spread
    radius = cells.diameter / 2 * np.exp(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread))
    density = cells.density * np.exp(rng.normal(0, 0.08 + 0.5 * spread))
    if rng.random() < 0.12:  # the section catches only a cap of it: smaller and paler
        radius, density = radius * 0.75, density * 0.7
    aspect = max((aspect or cells.aspect) * np.exp(rng.normal(0, 0.10 + 0.6 * spread)), 1)
    reach = radius * np.sqrt(aspect) * 1.25 + 1.5
    place = window(tissue, centre, reach)
    if place is None:
        return
    down, right = tissue.rows[place[0]] - centre[0], tissue.columns[:, place[1]] - centre[1]
    long = (down * np.sin(angle) + right * np.cos(angle)) / np.sqrt(aspect)
    short = (down * np.cos(angle) - right * np.sin(angle)) * np.sqrt(aspect)
    turn, edge = np.arctan2(short, long), 1.0
    if not smooth:  # irregular outlines go with pleomorphism
        for order in (2, 3, 5):
            edge = edge + (0.04 + 0.45 * spread) / order * rng.normal() * np.cos(
                order * turn + rng.uniform(0, 6.28)
            )
    depth = (
        (edge - np.hypot(long, short) / radius) * radius / np.sqrt(aspect)
    )  # um below the membrane
    if wall is not None:
        depth = np.minimum(depth, wall[place] - 0.5)
    share = expit(depth / 0.28)
    grain = texture[place]
    if cells.chromatin == "vesicular":  # cleared centre, chromatin along the membrane, a nucleolus
        body = 0.75 + 0.9 * np.exp(-((np.maximum(depth, 0) / 0.9) ** 2)) + 0.12 * grain
        spot = rng.normal(0, 0.22 * radius, 2)
        distance = np.hypot(down - spot[0], right - spot[1])
        body = body + 1.2 * np.exp(-0.5 * (distance / (0.13 * radius + 0.25)) ** 2)
    elif cells.chromatin == "hyperchromatic":
        body = 1 + 0.16 * grain
    else:
        body = 0.95 + 0.15 * np.exp(-((np.maximum(depth, 0) / 0.8) ** 2)) + 0.20 * grain
    stain, under = density * body * share, tissue.haematoxylin[place]
    under[:] = np.maximum(stain, under * (1 - 0.6 * share)) + 0.25 * np.minimum(
        stain, under
    )  # overlap darkens
    tissue.eosin[place] *= 1 - 0.45 * share


def window(tissue, centre, reach):
    """Slices of the samples within `reach` um of a position; None where there are none."""
    place = []
    for middle, axis in zip(centre, (tissue.rows[:, 0], tissue.columns[0]), strict=True):
        low = max(int((middle - reach - axis[0]) / tissue.step), 0)
        high = min(int((middle + reach - axis[0]) / tissue.step) + 2, len(axis))
        if high - low < 2:
            return None
        place.append(slice(low, high))
    return tuple(place)


def duct(rng, tissue, texture, level, cells, recipe, lining, sheath, wall=None):
    """A duct or gland where level > 0: `lining` rows of nuclei around a lumen, in a sheath of
    myoepithelium or none.
    """
    thick = cells.diameter * cells.pitch * lining + 2.5
    haematoxylin, eosin = recipe["cytoplasm"]
    tissue.paint(0.9 * recipe["retraction"] * np.exp(-((level + 1.2) ** 2) / 2), 0.01, 0.05)
    if sheath:  # loose stroma and a basement membrane around it
        tissue.paint(0.35 * np.exp(-0.5 * ((level + 5) / 3) ** 2), 0.05, 0.6 * recipe["collagen"])
        tissue.paint(
            0.5 * np.exp(-0.5 * ((level + 0.6) / 0.6) ** 2), 0.06, recipe["collagen"] + 0.2
        )
    tissue.paint(
        expit(level / 0.4), haematoxylin * (1 + 0.2 * texture), eosin * (1 + 0.12 * texture)
    )
    secretion = rng.uniform(0.12, 0.5) if rng.random() < 0.2 else 0.02
    ragged = level - thick + 0.7 * texture
    tissue.paint(expit(ragged / 0.5), 0.01, secretion * (1 + 0.08 * texture))
    band = np.minimum(level - 0.45 * cells.diameter, thick - 0.45 * cells.diameter - level)
    down, right = np.gradient(level)
    for centre in scatter(rng, tissue, band, cells.pitch * cells.diameter * 0.88, tries=20):
        inward = np.arctan2(tissue.at(down, *centre), tissue.at(right, *centre))
        nucleus(
            rng,
            tissue,
            texture,
            centre,
            cells,
            inward + rng.normal(0, 0.25),
            cells.aspect * 1.15,
            wall=wall,
        )
    if sheath:
        flat = cells._replace(diameter=4.8, density=0.8, chromatin="fine", spread=0.12)
        for centre in scatter(rng, tissue, 0.5 - np.abs(level - 0.8), rng.uniform(8, 12)):
            inward = np.arctan2(tissue.at(down, *centre), tissue.at(right, *centre))
            nucleus(rng, tissue, texture, centre, flat, inward + np.pi / 2, 2.6, True)
