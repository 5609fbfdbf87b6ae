"""A chest film: attenuation along the rays, exposure, processing, and burnt-in letters.

Maps are (down, across); lengths in mm of water-like tissue.

Source
    Attenuation ICRU Report 44, 1989 (orders of magnitude at the effective energy of a chest film).
"""

from typing import Any

import numpy as np
from scipy import ndimage

from regard.phantoms.letters import GLYPHS
from regard.phantoms.projection import SIZE, pixels

# Film or detector: side of a pixel (mm), local equalisation, edge enhancement, noise, grey level of
# the lung and bone.
SITES: dict[str, dict[str, Any]] = {
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
# Attenuation per mm; that of bone is above that of the soft tissue which it replaces.
SOFT, BONE = 0.0165, 0.054
AIR = 0.76  # share of air in an expanded lung


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
        bits = np.hstack([_bitmap(letter) for letter in word]).repeat(scale, 0).repeat(scale, 1)
        # The image's left is the patient's right: an R stands left, all else right.
        column = place if words[0] == "R" else SIZE - place - bits.shape[1]
        patch = grey[row : row + bits.shape[0], column : column + bits.shape[1]]
        patch += (235 - patch) * 0.9 * ndimage.gaussian_filter(bits.astype(float), 0.35)
        row += bits.shape[0] + 2


def _bitmap(letter):
    """Bits of one letter, (5, 4), the last column blank."""
    return np.array([[int(bit) for bit in line + "0"] for line in GLYPHS[letter].split()])
