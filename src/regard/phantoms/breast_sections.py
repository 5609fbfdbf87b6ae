"""A section of breast tissue: ordinary tissue, and the cells of one focus. Lengths in um."""

from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import expit

from regard.phantoms import tissues
from regard.phantoms.tissues import Cells, Tissue

SIZE = 128  # image height and width, pixels
FINE = 2  # samples per pixel and axis
MARGIN = 16  # samples beyond each side of the image, for the blur and for cells cut by the border


def focus_outline(rng: np.random.Generator, tissue: Tissue) -> np.ndarray:
    """About the distance (um) to the outline of the focus, positive inside."""
    field = SIZE * FINE * tissue.step
    centre, radius = rng.uniform(0.2, 0.8, 2) * field, rng.uniform(0.24, 0.38) * field
    level = tissues.lobed(rng, tissue, centre, radius, 0.16, rng.lognormal(0, 0.2))
    return level + 2.0 * tissue.field(rng, 6)


def surround(
    rng: np.random.Generator, tissue: Tissue, outline: np.ndarray, recipe: dict[str, Any]
) -> None:
    """Paint ordinary breast tissue, in place: stroma, fat, ducts, vessels, lymphocytes.

    Nothing here knows the class.

    Parameters
    ----------
    rng
        Source of all random draws.
    tissue
        The two stains, changed in place.
    outline
        Distance to the outline of the focus (um), positive inside; ducts and vessels stay outside.
    recipe
        The entry `tissue` of `histology.sample`.
    """
    across = _stroma(rng, tissue, recipe)
    fat = (
        _fat(rng, tissue, outline, recipe["fat"]) if recipe["fat"] else np.full(outline.shape, -9.0)
    )
    texture = tissue.field(rng, 0.55)
    fibroblast = Cells(rng.uniform(4.6, 5.6), 0.15, rng.normal(0.75, 0.06), "fine", 1)
    spacing = np.sqrt(1000 / recipe["fibroblasts"] / 2)
    for centre in tissues.scatter(rng, tissue, -fat, spacing):
        angle = _flow(tissue, across, centre)
        tissues.nucleus(
            rng,
            tissue,
            texture,
            centre,
            fibroblast,
            angle + rng.normal(0, 0.15),
            rng.uniform(2.4, 4.5),
            True,
        )
    taken = [np.maximum(outline, fat)]
    _add_ducts(rng, tissue, texture, recipe, taken)
    _add_capillaries(rng, tissue, texture, fibroblast, taken)
    _add_lymphocytes(rng, tissue, texture, recipe, taken)


def _stroma(rng, tissue, recipe):
    """Paint fibres; returns a map whose level lines they follow."""
    # Fibres run along one direction that a smooth field bends; anisotropic texture is looked up
    # along them.
    turn, bend = rng.uniform(0, np.pi), rng.uniform(2, 14) * tissue.field(rng, rng.uniform(16, 40))
    along = tissue.rows * np.sin(turn) + tissue.columns * np.cos(turn)
    across = tissue.rows * np.cos(turn) - tissue.columns * np.sin(turn) + bend
    where = (across / tissue.step, along / tissue.step)

    def fibres(thin, long):
        return ndimage.map_coordinates(
            tissue.field(rng, thin, long), where, order=1, mode="grid-wrap"
        )

    bundles, strands = fibres(2.6, 22), fibres(0.8, 12)
    short, grain = (
        fibres(0.55, 3.5),
        tissue.field(rng, 0.9),
    )  # keep the strands from looking like silk
    patches = tissue.field(rng, 14)
    eosin = recipe["collagen"] * (
        1
        + 0.12 * patches
        + 0.09 * grain
        + recipe["strands"] * (0.13 * bundles + 0.12 * strands + 0.15 * short)
    )
    gap = expit((recipe["loose"] + 0.5 * patches - bundles - 0.5 * strands - 0.4 * short) / 0.25)
    tissue.paint(1.0, 0.06 + 0.015 * strands, np.maximum(eosin, 0.05))
    tissue.paint(0.92 * gap, 0.01, 0.03)
    return across


def _add_ducts(rng, tissue, texture, recipe, taken):
    """Up to five ducts where nothing is yet; `taken`, levels that are positive inside, grows."""
    field = SIZE * FINE * tissue.step
    ducts = int(rng.choice([0, 1, 2, 3, 5], p=[0.12, 0.28, 0.28, 0.2, 0.12]))
    for _ in range(ducts):  # a few tries each; where there is no room there is none
        for _ in range(12):
            radius, centre = rng.uniform(13, 36), rng.uniform(-0.1, 1.1, 2) * field
            if all(tissue.at(level, *centre) < -radius * 1.05 - 3 for level in taken):
                break
        else:
            continue
        level = tissues.lobed(rng, tissue, centre, radius, 0.10, rng.lognormal(0, 0.3))
        taken.append(level)
        rows, columns = (np.flatnonzero((level > -16).any(axis=axis)) for axis in (1, 0))
        if len(rows) > 1 and len(columns) > 1:
            place = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            part, lining = (tissue.crop(place), texture[place], level[place]), rng.uniform(1.1, 1.8)
            tissues.duct(rng, *part, recipe["epithelium"], recipe, lining, sheath=True)


def _add_capillaries(rng, tissue, texture, fibroblast, taken):
    """Up to three capillaries, some with red cells."""
    field = SIZE * FINE * tissue.step
    for _ in range(rng.integers(0, 4)):
        radius, centre = rng.uniform(3, 7), rng.uniform(0, 1, 2) * field
        if all(tissue.at(level, *centre) < -radius for level in taken):
            level = tissues.lobed(rng, tissue, centre, radius, 0.15, rng.lognormal(0, 0.5))
            tissue.paint(expit(level / 0.4), 0.02, rng.choice([0.03, 0.85]) + 0.1 * texture)
            for angle in rng.uniform(0, 2 * np.pi, rng.integers(2, 6)):
                rim = centre + (radius + 1) * np.array([np.sin(angle), np.cos(angle)])
                tissues.nucleus(rng, tissue, texture, rim, fibroblast, angle + np.pi / 2, 2.2, True)


def _add_lymphocytes(rng, tissue, texture, recipe, taken):
    """Crowded and single lymphocytes."""
    lymphocyte = Cells(rng.uniform(5.3, 6.2), 0.07, rng.normal(0.95, 0.06), "hyperchromatic", 1.2)
    free = -np.max(taken, axis=0) - 2  # they stay out of epithelium and fat
    dense = (
        tissue.field(rng, 12)
        + 0.6 * tissue.field(rng, 3)
        - {0: 9, 1: 1.4, 2: 0.7}[recipe["lymphocytes"]]
    )
    crowd = tissues.scatter(
        rng, tissue, np.minimum(free, dense), 1.0 * lymphocyte.diameter, tries=10, limit=250
    )
    single = tissues.scatter(rng, tissue, free, rng.uniform(25, 60))
    for centre in np.concatenate([crowd, single]):
        tissues.nucleus(rng, tissue, texture, centre, lymphocyte, rng.uniform(0, np.pi), 1.1)


def _flow(tissue, across, centre):
    """Direction of the fibres at a position: along the lines of equal `across`."""
    step = tissue.step
    right = tissue.at(across, centre[0], centre[1] + 2 * step) - tissue.at(
        across, centre[0], centre[1] - 2 * step
    )
    down = tissue.at(across, centre[0] + 2 * step, centre[1]) - tissue.at(
        across, centre[0] - 2 * step, centre[1]
    )
    return np.arctan2(-right, down)


def _fat(rng, tissue, outline, reach):
    """Fat cells over the part of the field beyond a wavy line; returns the distance (um) into the
    fat.
    """
    field, turn = SIZE * FINE * tissue.step, rng.uniform(0, 2 * np.pi)
    side = (tissue.rows - field / 2) * np.sin(turn) + (tissue.columns - field / 2) * np.cos(turn)
    level = side - (0.5 - reach) * field * 0.9 + 7 * tissue.field(rng, 16)
    level = np.minimum(level, -outline - 5)
    spacing = rng.uniform(30, 45)
    centres = tissues.scatter(rng, tissue, np.ones(level.shape), spacing)
    wobble = 1.5 * tissue.field(rng, 8)
    points = np.stack(
        np.broadcast_arrays(tissue.rows[::2] + 0 * wobble[::2, ::2], tissue.columns[:, ::2]),
        axis=-1,
    )
    first, second = np.moveaxis(cKDTree(centres).query(points, k=2)[0], -1, 0)
    wall = ndimage.zoom(second - first, 2, order=1)[: len(level), : len(level)] / 2 + 0.3 * wobble
    inside = np.minimum(wall - 0.4, level)
    tissue.paint(expit(inside / 0.35), 0.0, 0.015)
    return level


def fill(
    rng: np.random.Generator, tissue: Tissue, outline: np.ndarray, patient: dict[str, Any]
) -> None:
    """Paint the focus inside its outline: the only place where the signs, and so the class, act.

    Parameters
    ----------
    rng
        Source of all random draws.
    tissue
        The two stains, changed in place.
    outline
        Distance to the outline of the focus (um), positive inside.
    patient
        As `histology.sample` draws it.
    """
    texture = tissue.field(rng, 0.55)
    paint = _fill_with_glands if patient["signs"]["architecture"] == "glands" else _fill_with_sheets
    paint(rng, tissue, texture, outline, patient)
    if patient["signs"]["mitoses"] == "present":
        _add_mitoses(rng, tissue, texture, outline, patient)


def _fill_with_glands(rng, tissue, texture, outline, patient):
    recipe, cells = patient["tissue"], patient["cells"]
    radius = rng.uniform(1.35, 1.9) * cells.diameter * cells.pitch**0.5 + 3
    for centre in tissues.scatter(rng, tissue, outline - 0.5 * radius, 1.7 * radius, tries=40):
        place = tissues.window(tissue, centre, 2.5 * radius + 8)
        part, wall = tissue.crop(place), outline[place]
        level = tissues.lobed(
            rng, part, centre, radius * rng.uniform(0.85, 1.15), 0.13, rng.lognormal(0, 0.3)
        )
        level, lining = np.minimum(level, wall - 1), rng.uniform(0.8, 1.15)
        tissues.duct(
            rng, part, texture[place], level, cells, recipe, lining, sheath=False, wall=wall
        )


def _fill_with_sheets(rng, tissue, texture, outline, patient):
    """Nests: islands or cords with stroma between them. Sheets: hardly any stroma."""
    recipe, cells, signs = patient["tissue"], patient["cells"], patient["signs"]
    inner = outline - 0.5 * cells.diameter  # whole cells fit inside
    if signs["architecture"] == "nests":  # islands or cords with stroma between them
        scale, stretch = rng.uniform(6.5, 9.5), rng.uniform(1, 2.2)
        islands = 4.5 * tissue.field(rng, scale, scale * stretch) + rng.uniform(0.5, 2.5)
    else:
        islands = 4.5 * tissue.field(rng, 9) + rng.uniform(6, 9)  # hardly any stroma
    level = np.minimum(outline - 0.8, islands)
    haematoxylin, eosin = recipe["cytoplasm"]
    mottle = tissue.field(rng, 1.6)
    tissue.paint(0.9 * recipe["retraction"] * np.exp(-((level + 1.2) ** 2) / 2), 0.01, 0.05)
    share = expit(level / 0.5)
    tissue.paint(
        share, haematoxylin * (1 + 0.25 * mottle), eosin * (1 + 0.12 * mottle + 0.1 * texture)
    )
    for centre in tissues.scatter(
        rng, tissue, np.minimum(inner, islands), cells.pitch * cells.diameter * 0.9
    ):
        tissues.nucleus(rng, tissue, texture, centre, cells, rng.uniform(0, np.pi), wall=outline)


def _add_mitoses(rng, tissue, texture, outline, patient):
    """Dark plates of chromatin, single or in pairs, in cleared cytoplasm."""
    recipe, cells = patient["tissue"], patient["cells"]
    inner = outline - 0.5 * cells.diameter
    plate = Cells(0.70 * cells.diameter, 0.15, 1.25, "hyperchromatic", 1)
    for centre in tissues.scatter(rng, tissue, inner - 2, rng.uniform(26, 48)):
        place = tissues.window(tissue, centre, cells.diameter)
        reach = np.hypot(tissue.rows[place[0]] - centre[0], tissue.columns[:, place[1]] - centre[1])
        clear = np.minimum(0.65 * cells.diameter - reach, outline[place] - 0.5)
        tissue.paint(expit(clear / 0.6), 0.08, recipe["cytoplasm"][1], place)
        angle = rng.uniform(0, np.pi)
        apart = rng.choice([0, 0.3]) * cells.diameter * np.array([np.cos(angle), -np.sin(angle)])
        for shift in (-apart, apart) if apart.any() else (apart,):
            tissues.nucleus(
                rng, tissue, 4 * texture, centre + shift, plate, angle, 2.4, wall=outline
            )
