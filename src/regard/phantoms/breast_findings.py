"""Findings of a mammogram: masses with their margins, and calcifications. Lengths in mm,
radiodensity in units of display range.
"""

from typing import Any

import numpy as np
from scipy.special import expit

from regard.phantoms.breasts import power_law


def mass(
    rng: np.random.Generator,
    patient: dict[str, Any],
    x: np.ndarray,
    y: np.ndarray,
    step: float,
    soft: float,
    visibility: float,
) -> np.ndarray:
    """Radiodensity that a mass adds, and its share of each sample.

    A view turns and presses the mass: the same signs and lobes in slightly other proportions.

    Parameters
    ----------
    rng
        Source of all random draws.
    patient
        As `mammography.sample` draws it, with a mass.
    x, y
        Position of the samples relative to the centre of the mass, mm.
    step
        mm between samples.
    soft
        mm over which the border fades.
    visibility
        Scales the radiodensity.

    Returns
    -------
    ndarray
        (2, rows, columns): radiodensity in units of display range, and share from 0 to 1.
    """

    form, margin = patient["mass"], patient["signs"]["mass_margin"]
    mottle, ragged = power_law(rng, step, 3.0, 12), power_law(rng, step, 2.6, 5)
    whole, near = (
        np.zeros((2, *x.shape)),
        np.ix_(np.abs(y[:, 0]) < 34, np.abs(x[0]) < 34),
    )  # it reaches no farther
    x, y, mottle, ragged = x[near], y[near], mottle[near], ragged[near]
    size, aspect = patient["size"] * rng.lognormal(0, 0.06), form["aspect"] * rng.lognormal(0, 0.04)
    long, short = size / np.sqrt(aspect) / 2, size * np.sqrt(aspect) / 2
    turn = rng.uniform(0, np.pi)
    right, down = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    angle = np.arctan2(down / short, right / long)
    lobes = (form["lobes"] + 0.2 * rng.standard_normal((7, 2))) / np.arange(2, 9)[:, None] ** 1.1
    lobes *= form["irregularity"] / np.sqrt((lobes**2).sum() / 2)
    orders = np.arange(2, 9)
    edge = 1 + sum(
        cosine * np.cos(order * angle) + sine * np.sin(order * angle)
        for order, (cosine, sine) in zip(orders, lobes, strict=True)
    )
    radius = np.hypot(right / long, down / short) / np.maximum(edge, 0.35)
    outside = (
        (radius - 1) * np.hypot(x, y) / np.maximum(radius, 0.05)
    )  # mm to the outline along the ray
    share = expit(-(outside + 0.9 * soft * ragged) / (0.45 * soft))
    dome = np.sqrt(np.clip(1 - np.minimum(radius, 1) ** 2, 0, 1))
    level = rng.uniform(0.30, 0.44)
    added = share * level * (0.40 + 0.6 * dome + 0.10 * mottle)
    if margin == "obscured":
        _obscure(rng, added, x, y, outside, dome, mottle, level)
    if margin == "spiculated":
        _add_spicules(rng, added, x, y, outside, share)
    whole[0][near], whole[1][near] = visibility * added, share
    return whole


def _obscure(rng, added, x, y, outside, dome, mottle, level):
    """Lay gland over one side of a mass, in place: the border is lost there, not elsewhere."""
    side = np.exp(1.5 * (np.cos(np.arctan2(y, x) - rng.uniform(-np.pi, np.pi)) - 1))
    faded = level * expit(-(outside + 1.5 * mottle) / 2.2) * (0.45 + 0.45 * dome)
    added += side * (faded - added)
    added += 0.16 * side * expit((1.2 * mottle + 1.0 - np.abs(outside) / 3.5) / 0.5)


def _add_spicules(rng, added, x, y, outside, share):
    """Lines that radiate from the border, in place; the tissue around is drawn together."""
    way, away = np.arctan2(y, x), np.hypot(x, y)
    for _ in range(rng.integers(13, 22)):
        direction, length = rng.uniform(-np.pi, np.pi), rng.uniform(4, 14)
        wide = rng.uniform(0.35, 0.60)
        off = np.angle(np.exp(1j * (way - direction))) + rng.normal(0, 0.03) * outside
        taper = np.clip(1 - outside / length, 0, 1)
        spicule = np.exp(-0.5 * (off * away / (wide * (0.5 + 0.8 * taper))) ** 2) * taper**0.5
        added += rng.uniform(0.16, 0.38) * spicule * (1 - share) * (np.abs(off) < 1)
    added += 0.05 * np.exp(-np.clip(outside, 0, None) / 3) * (1 - share)


def calcifications(
    rng: np.random.Generator,
    patient: dict[str, Any],
    x: np.ndarray,
    y: np.ndarray,
    centre: tuple[int, ...],
    inside: np.ndarray,
    step: float,
    visibility: float,
) -> np.ndarray:
    """Radiodensity that calcifications add: particles in a group, or along the ducts of a segment.

    Parameters
    ----------
    rng
        Source of all random draws.
    patient
        As `mammography.sample` draws it, with signs of calcifications.
    x, y
        Position of the samples, mm.
    centre
        Row and column of the middle of the group or segment.
    inside
        Depth of the samples below the skin, mm.
    step
        mm between samples.
    visibility
        Scales the radiodensity.

    Returns
    -------
    ndarray
        (rows, columns), in units of display range.
    """

    morphology = patient["signs"]["calcification_morphology"]
    clustered = patient["signs"]["calcification_distribution"] == "clustered"
    middle = x[centre], y[centre]
    duct = np.arctan2(-middle[1], patient["breast"]["depth"] - middle[0])  # direction of the nipple
    number = patient["number"] * (rng.uniform(9, 16) if clustered else rng.uniform(20, 32))
    number = int(number * (0.7 if morphology == "linear" else 1))
    group, length, opening = rng.uniform(2.5, 4.0), rng.uniform(22, 30), rng.uniform(0.14, 0.24)
    bright = visibility * rng.uniform(0.5, 0.7)
    added, placed = np.zeros(x.shape), 0
    for _ in range(40 * number):
        if clustered:
            along, across = np.clip(rng.normal(0, group, 2), -2.2 * group, 2.2 * group)
        else:  # a wedge that narrows towards the nipple
            along = rng.uniform(-length / 2, length / 2)
            across = np.clip(rng.normal(), -2, 2) * opening * (0.75 * length - along)
        row = int(centre[0] + (along * np.sin(duct) + across * np.cos(duct)) / step)
        column = int(centre[1] + (along * np.cos(duct) - across * np.sin(duct)) / step)
        reach = int(4.5 / step)
        if (
            not (8 <= row < x.shape[0] - 8 and 8 <= column < x.shape[1] - 8)
            or inside[row, column] < 4
        ):
            continue
        box = slice(max(row - reach, 0), row + reach), slice(max(column - reach, 0), column + reach)
        at = rng.uniform(-0.5, 0.5, 2) * step
        right, down = x[box] - x[row, column] - at[0], y[box] - y[row, column] - at[1]
        added[box] = np.maximum(added[box], bright * _particle(rng, morphology, duct, right, down))
        placed += 1
        if placed == number:
            break
    return added


def _particle(rng, morphology, duct, right, down):
    """One calcification around (0, 0), 0 to about 1: a dot, a crushed-stone grain, or a branching
    cast of a duct.
    """
    if morphology == "punctate":
        return rng.uniform(0.55, 0.95) * expit(
            (rng.uniform(0.34, 0.52) - np.hypot(right, down)) / 0.08
        )
    grain = np.zeros(right.shape)
    if morphology == "pleomorphic":
        size = rng.lognormal(np.log(0.60), 0.35)
        for _ in range(rng.integers(1, 4)):
            turn, long = rng.uniform(0, np.pi), size * rng.uniform(0.7, 1.3)
            across, along = (rng.uniform(-0.6, 0.6, 2) * size) if grain.any() else (0, 0)
            u = (right - across) * np.cos(turn) + (down - along) * np.sin(turn)
            v = (down - along) * np.cos(turn) - (right - across) * np.sin(turn)
            short = max(long * rng.uniform(0.35, 0.8), 0.26)
            grain = np.maximum(grain, expit((1 - np.hypot(u / long, v / short)) * short / 0.08))
        return grain * rng.uniform(0.5, 1.25)
    turn, branches = duct + rng.normal(0, 0.35), 2 if rng.random() < 0.4 else 1
    for branch in range(branches):
        length, bend = rng.uniform(1.0, 2.2) * (1 - 0.3 * branch), rng.normal(0, 0.12)
        u = right * np.cos(turn) + down * np.sin(turn)
        v = down * np.cos(turn) - right * np.sin(turn) + bend * u**2
        u = u - length * branch  # a branch starts where its stem lies
        cast = np.exp(-0.5 * (v / 0.26) ** 2) * expit((length - np.abs(u)) / 0.12)
        grain = np.maximum(grain, cast * (0.85 + 0.15 * np.sin(5 * u)))
        turn += rng.choice([-1, 1]) * rng.uniform(0.5, 0.9)
    return grain * rng.uniform(0.75, 1.1)
