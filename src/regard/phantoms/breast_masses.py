"""Masses on ultrasound: outline, margin, echo and attenuation.

Maps are (depth, lateral); lengths in mm; echo strengths in dB relative to subcutaneous fat.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from regard.phantoms.breast_layers import grid
from regard.phantoms.fields import interface, random_field
from regard.phantoms.insonation import Tissue

Outline = Callable[[np.ndarray, np.ndarray], np.ndarray]


def place(
    rng: np.random.Generator, patient: dict[str, Any], depth: float
) -> tuple[Outline, tuple[float, float], float, float]:
    """Put the mass of a patient into one view.

    A view turns the probe: the same mass in other proportions, with slightly other lobes, elsewhere
    in the field.

    Parameters
    ----------
    rng
        Source of all random draws.
    patient
        As `ultrasound.sample` draws it.
    depth
        Depth of field, mm.

    Returns
    -------
    outline : callable
        (rows, across in mm) -> approximate distance to the outline in mm, negative inside.
    centre : tuple of float
        Depth and lateral position, mm.
    width, height : float
        mm.
    """

    mass, signs = patient["mass"], patient["signs"]
    size = mass["size"] * rng.lognormal(0, 0.08)
    aspect = mass["aspect"] * rng.lognormal(0, 0.06)
    width, height = size / np.sqrt(aspect), size * np.sqrt(aspect)
    tilt = rng.normal(0, 0.15)
    top = rng.uniform(3, max(4, 0.45 * depth - 0.3 * height))
    centre = top + height / 2, np.clip(rng.normal(0.5, 0.2), 0.08, 0.92) * depth
    lobes = (mass["lobes"] + 0.3 * rng.standard_normal((8, 2))) / np.arange(2, 10)[:, None] ** 1.2
    lobes *= mass["irregularity"] / np.sqrt((lobes**2).sum() / 2)
    corners = mass["corners"] + 0.2 * rng.standard_normal(len(mass["corners"]))
    turn = mass["turn"] + rng.normal(0, 0.3)

    def outline(rows, across):
        down, right = rows - centre[0], across - centre[1]
        down, right = (
            down * np.cos(tilt) - right * np.sin(tilt),
            right * np.cos(tilt) + down * np.sin(tilt),
        )
        angle = np.arctan2(down / height, right / width)
        edge = 1.0
        for order, (cosine, sine) in enumerate(lobes, start=2):
            edge = edge + cosine * np.cos(order * angle) + sine * np.sin(order * angle)
        if signs["margin"] == "microlobulated":
            bend = (
                mass["scallops"] * angle / 2 + 1.5 * np.sin(angle + turn) + np.sin(2 * angle - turn)
            )
            edge = edge + 0.08 * (1 + 0.5 * np.sin(3 * angle + turn)) * (np.abs(np.sin(bend)) - 0.6)
        if signs["margin"] in ("angular", "spiculated"):  # straight runs between corners
            knots = np.linspace(0, 2 * np.pi, len(corners) + 1)
            edge = edge + 0.13 * np.interp(
                (angle + turn) % (2 * np.pi), knots, np.append(corners, corners[0])
            )
        radius = np.hypot(2 * right / width, 2 * down / height)
        return (radius - np.maximum(edge, 0.3)) * min(width, height) / 2

    return outline, centre, width, height


def add_mass(
    rng: np.random.Generator,
    tissue: Tissue,
    outline: Outline,
    centre: tuple[float, float],
    patient: dict[str, Any],
    step: float,
    softness: float,
) -> np.ndarray:
    """Put a mass into the tissue maps, in place.

    Parameters
    ----------
    rng
        Source of all random draws.
    tissue
        Maps of (rows, columns) samples, changed in place.
    outline, centre
        As `place` returns them.
    patient
        As `ultrasound.sample` draws it.
    step
        mm between samples.
    softness
        mm over which the border fades.

    Returns
    -------
    ndarray
        Share of the mass in the tissue at each sample, 0 to 1.
    """

    mass, signs = patient["mass"], patient["signs"]
    echo, specular, attenuation = tissue
    rows, across = grid(echo.shape, step)
    outside = outline(rows, across)
    mottle = random_field(rng, echo.shape, 0.9 / step, 1.2 / step)
    if signs["halo"] == "present":  # a thick echogenic rim, of uneven thickness
        rim = np.exp(-0.5 * ((outside - 0.8) / (1.0 + 0.3 * np.clip(mottle, -2, 2))) ** 2)
        echo += rim * (12 + 1.5 * mottle - echo)
    if signs["margin"] == "spiculated":
        _add_spicules(rng, echo, rows, across, outside, centre, mass["echo"])
    ragged = outside + (0.6 * softness * mottle if softness > 0.3 else 0)
    share = expit(-ragged / (0.6 * softness))
    inner = mass["echo"] + mottle * {"heterogeneous": 4.0, "anechoic": 0}.get(signs["echo"], 1.8)
    echo += share * (inner - echo)
    attenuation += share * (mass["attenuation"] - attenuation)
    specular *= 1 - share
    if signs["margin"] in ("circumscribed", "microlobulated"):
        specular += rng.uniform(0.1, 1.2) * interface(outside, step, 0.1) * np.exp(0.5 * mottle)
        down, right = np.gradient(outside, step)
        upright = np.abs(right) / (np.hypot(down, right) + 1e-9)
        # Refraction at walls that run along the beam sends sound astray: an edge shadow under
        # either flank.
        attenuation += rng.uniform(0, 1.5) * upright**8 * np.exp(-0.5 * (outside / 0.35) ** 2)
    return share


def _add_spicules(rng, echo, rows, across, outside, centre, inner):
    """Lines that radiate from the border, in place: bright in fat and dark in gland, so some of
    either.
    """
    angle = np.arctan2(rows - centre[0], across - centre[1])
    for _ in range(rng.integers(8, 15)):
        direction, length = rng.uniform(-np.pi, np.pi), rng.uniform(2.5, 6)
        off = np.angle(np.exp(1j * (angle - direction))) + 0.04 * np.sin(outside + 9 * direction)
        reach = np.hypot(rows - centre[0], across - centre[1])
        spike = np.exp(-0.5 * (off * reach / 0.35) ** 2) * expit((length - outside) / 0.5)
        strand = rng.choice([14, inner])
        echo += spike * (outside > 0) * (strand - echo)
