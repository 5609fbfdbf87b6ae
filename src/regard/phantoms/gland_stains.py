"""Haematoxylin and eosin of a prostate tile: stroma, epithelium with its nuclei, and what lumens
contain.

Maps hold optical densities; lengths are in micrometres.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from scipy.special import expit, ndtri

from regard.phantoms import glands
from regard.phantoms.fields import random_field
from regard.phantoms.glands import BENIGN, FOCUS, STROMA, Tissue

COMMON_CONTENTS = {"empty": 0.62, "corpora amylacea": 0.12, "secretion": 0.26}  # of benign glands


class Stains(NamedTuple):
    """Optical densities; `nuclei` are laid over the haematoxylin at the end. Maps change in
    place.
    """

    haematoxylin: np.ndarray
    eosin: np.ndarray
    nuclei: np.ndarray


class Fields(NamedTuple):
    """Random textures, mean 0 and variance 1, of three sizes."""

    fine: np.ndarray
    medium: np.ndarray
    coarse: np.ndarray


def choose(rng: np.random.Generator, table: dict) -> str:
    """A key of `table`, with a chance in proportion to its value."""
    return str(rng.choice(list(table), p=np.array(list(table.values())) / sum(table.values())))


def stain(
    rng: np.random.Generator,
    tile: dict[str, Any],
    look: dict[str, Any],
    tissue: Tissue,
    heights: np.ndarray,
    step: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Optical density of either stain for the tissue of one tile.

    Parameters
    ----------
    rng
        Source of all random draws.
    tile
        An entry of `prostate.sample(rng)["tiles"]`; its signs are used.
    look
        What the signs set: size and chromatin of nuclei, share of basal cells, cytoplasm.
    tissue, heights
        As `gland_layouts.arrange` returns them.
    step
        um between samples.

    Returns
    -------
    ndarray, ndarray
        Haematoxylin and eosin, one value per sample.
    """
    signs, shape = tile["signs"], tissue.kind.shape

    def field(size):
        return random_field(rng, shape, size / step, size / step)

    fields = Fields(field(1.2), field(5), field(22))
    stains = _stroma(rng, signs, tissue, fields, field, step)
    _add_epithelium(rng, signs, look, tissue, heights, fields, stains, step)
    share = np.clip(stains.nuclei / 0.35, 0, 1)
    haematoxylin, eosin, nuclei = stains
    eosin *= 1 - 0.55 * share
    haematoxylin += nuclei * (1 + 0.08 * fields.fine) - share * 0.7 * haematoxylin
    return _fill_lumens(rng, signs, tissue, haematoxylin, eosin, fields, step)


def _stroma(rng, signs, tissue, fields, field, step):
    """Bundles of smooth muscle that wrap around the glands, slits, spindle cells and vessels."""
    fine, medium, coarse = fields
    rows, columns = glands.grid(step)
    turn = rng.uniform(0, np.pi)
    # The bundles are level lines of `across`.
    across = columns * np.sin(turn) - rows * np.cos(turn)
    across = across + rng.uniform(8, 20) * field(55) + 3 * field(14)
    across = across + rng.uniform(5, 35) * np.exp(-tissue.outside / 18)
    along = columns * np.cos(turn) + rows * np.sin(turn)
    down, right = np.gradient(across)
    fibre = np.arctan2(-right, down)

    def strands(width, length):
        noise = random_field(rng, (256, 256), width / step, length / step)
        return ndimage.map_coordinates(
            noise, [across / step, along / step], order=1, mode="grid-wrap"
        )

    bundles, threads = strands(5, 45), strands(1.4, 16)
    loose = rng.uniform(0.4, 1.0)
    eosin = 0.225 + 0.02 * coarse + 0.035 * bundles + 0.028 * threads + 0.008 * fine
    haematoxylin = 0.105 + 0.012 * medium + 0.012 * bundles + 0.012 * threads
    slits = expit((strands(1.8, 14) + 0.35 * bundles - 2.3 + 0.5 * loose) / 0.18)
    slits = slits * rng.uniform(0.4, 0.95)
    if signs["clefts"] == "present":  # the stroma has shrunk away from the glands of the focus
        torn = expit((coarse + 0.6 * medium + 0.2) / 0.3)
        torn = torn * expit((3.6 + 0.8 * medium - tissue.outside) / 0.5)
        slits = np.maximum(slits, 0.95 * torn * (tissue.nearest == FOCUS))
    free = (tissue.kind == STROMA) & (tissue.outside > 3) & (slits < 0.4)
    nuclei = np.zeros(tissue.kind.shape, np.float32)
    _add_stromal_nuclei(rng, nuclei, free, fields, bundles, fibre, step)
    stains = Stains(haematoxylin * (1 - slits), eosin * (1 - slits) + 0.01, nuclei)
    _add_vessels(rng, stains, tissue, free, fields, fibre, step)
    return stains


def _add_stromal_nuclei(rng, nuclei, free, fields, bundles, fibre, step):
    """Spindle-shaped nuclei along the fibres and, in some tiles, round dark lymphocytes."""
    _, medium, coarse = fields
    where = free & (bundles + 0.8 * medium > rng.uniform(-0.9, 0.5))
    cells = glands.darts(rng, where, rng.uniform(7.5, 11.5) / step)
    strength = rng.uniform(0.5, 0.62)
    angle = fibre[tuple(cells.T)] + rng.normal(0, 0.15, len(cells))
    glands.nuclei(rng, nuclei, cells, 2.4, 3.6, angle, step, strength)
    if rng.random() < 0.35:
        where = free & (coarse + 0.5 * medium > rng.uniform(1.3, 2.2))
        cells = glands.darts(rng, where, 6.5 / step)
        glands.nuclei(rng, nuclei, cells, 2.7, 1.1, rng.uniform(0, 3, len(cells)), step, 0.8)


def _add_vessels(rng, stains, tissue, free, fields, fibre, step):
    """Up to three small vessels, empty or with blood."""
    haematoxylin, eosin, nuclei = stains
    places = glands.darts(rng, free & (tissue.outside > 14), 60 / step)
    for row, column in places[: rng.integers(0, 4)]:
        centre, radius = ((row + 0.5) * step, (column + 0.5) * step), rng.uniform(4, 9)
        aspect, outline = rng.uniform(1, 2.5), glands.outline(rng, 0.2)
        where, relative = glands.relative(
            step, centre, radius, aspect, -fibre[row, column], outline
        )
        share = expit((1 - relative) / 0.08) * (tissue.kind[where] == STROMA)
        blood = rng.uniform(0, 0.5) * (fields.medium[where] > -0.3)
        wall = 0.12 * np.exp(-0.5 * ((relative - 1.3) / 0.2) ** 2)
        eosin[where] += share * (blood - eosin[where]) + wall
        haematoxylin[where] *= 1 - share
        nuclei[where] *= 1 - share


def _add_epithelium(rng, signs, look, tissue, heights, fields, stains, step):
    """Epithelium, pale towards the lumen: a basal row of nuclei where there is one, luminal nuclei
    above it.
    """
    kind, lumen, depth, outside, _ = tissue
    _, medium, coarse = fields
    down, right = np.gradient(ndimage.gaussian_filter(np.where(kind > 0, depth, -outside), 2.0))
    inward = np.arctan2(down, right)
    gland, focus = kind > STROMA, kind == FOCUS
    _add_cytoplasm(rng, look, tissue, fields, stains, step)
    # Basal cells cover the share `look["basal"]` of the outline.
    covered = (medium + 0.5 * coarse) / np.hypot(1, 0.5) < ndtri(look["basal"])
    layered = gland & (covered | ~focus)
    solid = gland & (lumen < -1.5)
    cells = glands.darts(rng, layered & (depth > 0.7) & (depth < 2.8) & solid, 4.8 / step)
    angle = inward[tuple(cells.T)] + np.pi / 2
    glands.nuclei(rng, stains.nuclei, cells, 2.2, 2.6, angle, step, 1.0)
    throughout = signs["growth"] in ("fused", "cribriform")  # cells everywhere, not in rows
    for mine, half, vesicular, everywhere in (
        (focus, look["nucleus"], look["vesicular"], throughout),
        (kind == BENIGN, 3.1, 0.1, False),
    ):
        lowest = np.where(layered, 5.0, 2.0) + 0.55 * half
        crowded = rng.uniform(2, 7)
        if everywhere:
            flat = mine & (depth > lowest) & (lumen < -1.2 * half - 1)
        else:
            highest = np.maximum(0.52 * heights, lowest + 1 + 0.3 * crowded)
            flat = mine & (depth > lowest) & (depth < highest)
        spacing = rng.uniform(1.55, 1.85) * half / step
        cells = glands.darts(rng, flat & (lumen < -0.8 * half), spacing)
        # A low epithelium has lying nuclei.
        upright = np.where(heights[tuple(cells.T)] > 12, 0, np.pi / 2)
        angle = inward[tuple(cells.T)] + upright + rng.normal(0, 0.35, len(cells))
        strength = rng.uniform(0.56, 0.7)
        glands.nuclei(rng, stains.nuclei, cells, half, 1.3, angle, step, strength, vesicular)


def _add_cytoplasm(rng, look, tissue, fields, stains, step):
    """Cytoplasm and basement membrane of all glands, in place."""
    fine, medium, _ = fields
    edge = np.clip(tissue.depth / step, 0, 1)  # the outline falls between two samples
    gland, focus = tissue.kind > STROMA, tissue.kind == FOCUS
    membrane = 0.05 * np.exp(-0.5 * ((tissue.depth - 0.5) / 1.2) ** 2)
    ordinary = rng.uniform(0.10, 0.20), rng.uniform(0.08, 0.14)
    for kept, mine, theirs in zip(stains[:2], look["cytoplasm"], ordinary, strict=True):
        cytoplasm = np.where(focus, mine, theirs) * (1 + 0.15 * medium + 0.06 * fine)
        cytoplasm += np.where(tissue.outside == 0, membrane, 0)
        kept += edge * (cytoplasm - kept) * gland


def _fill_lumens(rng, signs, tissue, haematoxylin, eosin, fields, step):
    """Empty the lumens, then put in what they contain; return haematoxylin and eosin."""
    fine, medium, coarse = fields
    kind, lumen = tissue.kind, tissue.lumen
    share = expit((lumen + 0.3 * medium) / 0.5)
    full_h, full_e = np.full(kind.shape, 0.008), np.full(kind.shape, 0.008)
    common = choose(rng, COMMON_CONTENTS)
    for ours, contents in ((kind == FOCUS, signs["contents"]), (kind == BENIGN, common)):
        level = rng.uniform(0.7, 1.1)
        if contents == "secretion":  # granular, shrunk from the epithelium
            cover = (
                expit((lumen - 2 + 1.5 * medium) / 0.6)
                * (0.8 + 0.15 * coarse + 0.12 * fine)
                * ours
                * level
            )
            full_e += 0.19 * cover
            full_h += 0.03 * cover
        if contents == "mucin":
            cover = expit((lumen - 1.5 + 1.5 * coarse) / 0.8) * (0.8 + 0.3 * medium) * ours * level
            full_h += np.maximum(0.13 * cover, 0)
        if contents == "corpora amylacea":  # laminated round bodies
            for row, column in glands.darts(rng, ours & (lumen > 4), rng.uniform(25, 60) / step):
                radius = min(lumen[row, column] * rng.uniform(0.6, 0.95), rng.uniform(8, 22))
                centre = (row + 0.5) * step, (column + 0.5) * step
                form = rng.uniform(1, 1.3), rng.uniform(0, np.pi), glands.outline(rng, 0.1)
                where, relative = glands.relative(step, centre, radius, *form)
                body = (
                    expit((1 - relative) * radius / 0.5)
                    * level
                    * (1 + 0.22 * np.cos(relative * radius * 1.3))
                )
                full_e[where] = np.maximum(full_e[where], 0.30 * body)
                full_h[where] = np.maximum(full_h[where], 0.08 * body)
    return haematoxylin + share * (full_h - haematoxylin), eosin + share * (full_e - eosin)
