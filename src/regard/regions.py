"""Reference regions made from the expert's outline, on the grid of the annotation.

For a breast mass (Byra et al., J Ultrason 2022, names the mass, the peritumoral region and the region below the mass
but not how they were built; this construction is ours): with M the mass and r its equivalent radius sqrt(|M| / pi),

    mass          M
    peritumoral   pixels within the ring width w of M, without M; w = 5 mm, or max(0.25 r, 3 % of the image width)
                  where the pixel size is unknown
    below         in each column of M, from w under its lowest pixel down to at most one mass height
    above         `below` mirrored: in each column of M, from w over its highest pixel up to one mass height; a control
    other         the rest of the image

They are disjoint, an earlier name wins, and all are clipped to the image.
"""

from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from regard.cases import decode, write_mask

NAMES = ("mass", "peritumoral", "below", "above", "other")
UNION = "mass+peritumoral+below"  # the paper's three, to whose union its 71 % refers


def ring_width(
    mask: np.ndarray,
    pixel_mm: float | None = None,
    ring_mm: float = 5.0,
    ring_radius: float = 0.25,
    ring_image: float = 0.03,
) -> float:
    """Width of the peritumoral ring in pixels.

    `ring_mm` millimetres when the pixel size is known, else the larger of `ring_radius` times the equivalent radius of
    the bool `mask` (H, W) and `ring_image` times the image width. Raises ValueError for a pixel size that is not
    positive.
    """
    if pixel_mm is not None:
        if not pixel_mm > 0:
            raise ValueError(f"the pixel size must be a positive number of millimetres, not {pixel_mm}")
        return ring_mm / pixel_mm
    return max(ring_radius * float(np.sqrt(mask.sum() / np.pi)), ring_image * mask.shape[1])


def beneath(mask: np.ndarray, gap: float, height: float) -> np.ndarray:
    """Pixels more than `gap` and at most `gap + height` rows under the lowest pixel of `mask` in their column."""
    rows = np.arange(mask.shape[0])[:, None]
    lowest = np.where(mask, rows, -1).max(axis=0)
    depth = rows - lowest
    return mask.any(axis=0) & (depth > gap) & (depth <= gap + height)


def reference(
    mask: np.ndarray, pixel_mm: float | None = None, below_height: float = 1.0, **ring
) -> dict[str, np.ndarray]:
    """The five disjoint regions NAMES of a bool mass mask (H, W), as bool arrays (H, W) that cover the image.

    below_height: how far `below` and `above` reach, in mass heights; ring: the settings of `ring_width`.
    An empty mask gives four empty regions, and `other` everywhere.
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.any():
        return {name: np.full(mask.shape, name == "other") for name in NAMES}
    width = ring_width(mask, pixel_mm, **ring)
    rows = np.flatnonzero(mask.any(axis=1))
    height = below_height * (rows[-1] - rows[0] + 1)
    candidates = {
        "mass": mask,
        "peritumoral": distance_transform_edt(~mask) <= width,
        "below": beneath(mask, width, height),
        "above": np.flipud(beneath(np.flipud(mask), width, height)),
        "other": np.ones_like(mask),
    }
    taken, regions = np.zeros_like(mask), {}
    for name in NAMES:
        regions[name] = candidates[name] & ~taken
        taken |= candidates[name]
    return regions


def dilate(region: np.ndarray, tolerance: float) -> np.ndarray:
    """All pixels whose distance to the nearest pixel of `region` is at most `tolerance` pixels; empty stays empty."""
    if tolerance == 0 or not region.any():
        return region
    return distance_transform_edt(~region) <= tolerance


def write(regions: dict[str, np.ndarray], folder: Path, case: str) -> None:
    """Write the regions of one case as folder/<region>/<case>.png, `other` left out: it is what remains."""
    for name in NAMES[:-1]:
        (folder / name).mkdir(parents=True, exist_ok=True)
        write_mask(regions[name], folder / name / f"{case}.png")


def read_mass(folder: Path, case: str) -> np.ndarray | None:
    """The mass that `write` put there, bool (H, W); None for a case that was not annotated."""
    path = folder / NAMES[0] / f"{case}.png"
    return np.asarray(decode(path)) == 255 if path.is_file() else None


def read(folder: Path, case: str) -> dict[str, np.ndarray] | None:
    """The regions that `write` put there, `other` included; None for a case without, which was not annotated."""
    if read_mass(folder, case) is None:
        return None
    regions = {name: np.asarray(decode(folder / name / f"{case}.png")) == 255 for name in NAMES[:-1]}
    return regions | {"other": ~np.logical_or.reduce(list(regions.values()))}
