"""Layers of a breast that ultrasound meets: skin, fat, gland, muscle and chest wall, with what lies
in them.

Maps are (depth, lateral); lengths in mm; echo strengths in dB relative to subcutaneous fat.
"""

from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import expit

from regard.phantoms.fields import interface, random_field
from regard.phantoms.insonation import Tissue

SIZE = 160  # image height and width, pixels
FINE = 2  # scatterers per pixel and axis
# scatterer columns simulated beyond either side of the image, where the periodic blur wraps around
MARGIN = 20
# Echo strength (dB) and attenuation (dB / cm / MHz) of the normal layers.
TISSUES = {
    "skin": (4, 0.9),
    "fat": (0, 0.5),
    "gland": (7, 0.75),
    "muscle": (-4, 0.8),
    "chest wall": (-7, 1.0),
}
FLUID = -34  # dB, mean echo of a cyst


def anatomy(rng: np.random.Generator, breast: dict[str, Any], depth: float, step: float) -> Tissue:
    """Tissue of one view of a breast without a mass.

    Parameters
    ----------
    rng
        Source of all random draws.
    breast
        Thickness of fat, depth of the fascia (mm), echo (dB) and density of the gland, as
        `ultrasound.sample` draws them.
    depth
        Depth of field, mm.
    step
        mm between samples.

    Returns
    -------
    Tissue
        Maps of (320, 360) samples; `MARGIN` columns on either side lie outside the image.
    """
    shape = (SIZE * FINE, SIZE * FINE + 2 * MARGIN)

    def field(axial, lateral):  # smoothing in mm
        return random_field(rng, shape, axial / step, lateral / step)

    def flow(texture):  # a texture that follows the bent layers
        where = (level / step, np.broadcast_to(np.arange(shape[1]), shape))
        return ndimage.map_coordinates(texture, where, order=1, mode="grid-wrap")

    rows, across = grid(shape, step)
    bend = (1.0 * field(4, 6) + 0.25 * field(0.8, 2)) * (
        1 - np.exp(-rows / 4)
    )  # the skin lies flat at the probe
    level = rows + bend
    skin, fascia = rng.uniform(1.2, 2.0), breast["fascia"] * rng.uniform(0.95, 1.05)
    tops = {"fat": skin, "gland": skin + breast["fat"] * rng.uniform(0.85, 1.15), "muscle": fascia}
    tops["chest wall"] = fascia + rng.uniform(5, 9)

    strands, fibres, coarse = flow(field(0.16, 2.5)), flow(field(0.16, 1.0)), flow(field(0.6, 2.0))
    patches = field(1.6, 3.0)  # uneven fat, fatty islands in the gland, uneven attenuation
    breaks = np.exp(0.9 * flow(field(0.8, 1.3)))  # no surface reflects evenly along its length
    fatty = expit(5 * (patches - breast["density"]))
    textures = {
        "fat": patches + 1.5 * fibres,
        "gland": breast["gland"] + 2.5 * coarse + 2.5 * strands + 2.0 * fibres - 7 * fatty,
        "muscle": 5.0 * strands + 2.5 * fibres,
        "chest wall": 2.0 * coarse + 1.5 * fibres - 0.5 * np.maximum(level - tops["chest wall"], 0),
    }
    tissue = _stack(field, tops, level, textures, strands, breaks, step)
    tissue.attenuation[:] *= np.exp(0.3 * patches)
    _add_distractors(rng, tissue, tops, depth, step, breaks, 0.5 * field(1.5, 2.5))
    return tissue


def _stack(field, tops, level, textures, strands, breaks, step):
    """Layers one below another, each with its texture and its surface."""
    shape = level.shape
    surface = {"fat": 1.2, "gland": 0.7, "muscle": 1.5, "chest wall": 3.0}
    echo, attenuation = (np.full(shape, float(value)) for value in TISSUES["skin"])
    specular = np.zeros(shape)
    for name, top in tops.items():
        below = level - top + (0 if name == "fat" else 0.6 * field(2.5, 4))
        share = expit(below / 0.12)
        echo += share * (TISSUES[name][0] + textures[name] - echo)
        attenuation += share * (TISSUES[name][1] - attenuation)
        specular += surface[name] * interface(below, step, 0.1) * breaks - share * specular
        if name == "fat":  # Cooper's ligaments: walls of the fat lobules
            specular += share * interface(field(1.8, 3.5), step, 0.08) * breaks
        if name in ("gland", "muscle"):
            specular += 0.45 * share * np.maximum(strands - 0.5, 0) * breaks
    return Tissue(echo, specular, attenuation)


def _add_distractors(rng, tissue, tops, depth, step, breaks, wobble):
    """Small cysts, a fat lobule, lost contact, a rib and reverberation, each in some images; in
    place.
    """
    echo, specular, attenuation = tissue
    rows, across = grid(echo.shape, step)
    gland = (tops["gland"], tops["muscle"])

    for _ in range(rng.integers(1, 4) if rng.random() < 0.3 else 0):  # small cysts
        outside = _ellipse(rng, rows, across, gland, depth, rng.uniform(0.8, 2.0), 0.75)
        share = expit(-outside / 0.1)
        echo += share * (FLUID - echo)
        attenuation *= 1 - share
        specular += 1.2 * interface(outside, step, 0.1) * breaks - share * specular
    if rng.random() < 0.45:  # a fat lobule within the gland, easily taken for a mass
        outside = _ellipse(rng, rows, across, gland, depth, rng.uniform(2.5, 5.0), 0.5) + wobble
        share = expit(-outside / 0.25)
        echo += share * (rng.normal(-2, 1.5) - echo)
        specular += 0.8 * interface(outside, step, 0.1) * breaks - 0.8 * share * specular
    for side in (
        across / depth,
        1 - across / depth,
    ):  # poor contact: the loss sits in the first millimetre
        if rng.random() < 0.15:
            attenuation += (
                rng.uniform(4, 14) * expit((rng.uniform(0, 0.12) - side) / 0.03) * (rows < 1)
            )
    if rng.random() < 0.5:  # a rib: bright towards the probe, a shadow behind
        outside = _ellipse(
            rng, rows, across, (tops["chest wall"] + 2,) * 2, depth, rng.uniform(4, 7), 0.4
        )
        attenuation += 3 * (outside < 0)
        specular += 3 * interface(outside, step, 0.12) * (rows < tops["chest wall"] + 2)
    spacing = rng.uniform(0.45, 0.8)  # reverberation between the probe and the skin
    specular += (
        rng.uniform(0.5, 2.5) * np.cos(np.pi * rows / spacing) ** 12 * np.exp(-rows / spacing)
    )


def grid(shape: tuple[int, ...], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Depth (rows, 1) and lateral position (columns,) of the samples in mm; the image's left edge
    is at 0.
    """
    return (np.arange(shape[0])[:, None] + 0.5) * step, (np.arange(shape[1]) + 0.5 - MARGIN) * step


def _ellipse(rng, rows, across, between, depth, radius, aspect):
    """Distance (mm, negative inside) to a slightly tilted ellipse somewhere between two depths."""
    down, right = rows - rng.uniform(*between), across - rng.uniform(0, depth)
    down = down + rng.normal(0, 0.15) * right
    return (np.hypot(right, down / aspect) - radius) * aspect
