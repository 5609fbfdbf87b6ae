"""Reference regions made from the expert's outlines, on the grid of the annotation, by the rule a
study names.

Rule "structures": each annotated structure as it was drawn, and `other`, what no structure covers.
They may overlap. Rule "findings": the same for a study of several findings per image, in which a
finding's structure has its name.

Rule "mass", for a breast mass (Byra et al., J Ultrason 2022, names the mass, the peritumoral region
and the region below the mass but not how they were built; this construction is ours): with M the
mass and r its equivalent radius sqrt(|M| / pi),

    mass          M
    peritumoral   pixels within the ring width w of M, without M; w = 5 mm, or max(0.25 r, 3 % of
                  the image width)
                  where the pixel size is unknown
    below         in each column of M, from w under its lowest pixel down to at most one mass height
    above         `below` mirrored: in each column of M, from w over its highest pixel up to one
                  mass height; a control
    other         the rest of the image

They are disjoint, an earlier name wins, and all are clipped to the image.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from regard.data.cases import decode, write_mask

AROUND_MASS = ("mass", "peritumoral", "below", "above", "other")
SHORTCUT = "shortcut"  # where a marker was burnt in on purpose, see regard.data.shortcut
ARTEFACT = "artefact"  # where a set says that callipers, text or the like lie on its images
MARKS = (
    SHORTCUT,
    ARTEFACT,
)  # nobody's structures, so they may lie over any region and over `other`
FINDING = ("finding", "other")  # of each finding in turn, in a study of several


def ring_width(
    mask: np.ndarray,
    pixel_mm: float | None = None,
    ring_mm: float = 5.0,
    ring_radius: float = 0.25,
    ring_image: float = 0.03,
) -> float:
    """Width of the peritumoral ring.

    Parameters
    ----------
    mask : ndarray (H, W)
        bool.
    pixel_mm : float, optional
        Pixel size in millimetres, > 0.
    ring_mm : float
        Width in millimetres, where the pixel size is known.
    ring_radius, ring_image : float
        Otherwise the larger of `ring_radius` times the equivalent radius of the mask and
        `ring_image` times the image width.

    Returns
    -------
    float
        Pixels.

    Raises
    ------
    ValueError
        For a pixel size that is not positive.
    """
    if pixel_mm is not None:
        if not pixel_mm > 0:
            raise ValueError(
                f"the pixel size must be a positive number of millimetres, not {pixel_mm}"
            )
        return ring_mm / pixel_mm
    return max(ring_radius * float(np.sqrt(mask.sum() / np.pi)), ring_image * mask.shape[1])


def beneath(mask: np.ndarray, gap: float, height: float) -> np.ndarray:
    """Pixels beneath a mask, column by column.

    Parameters
    ----------
    mask : ndarray (H, W)
        bool.
    gap, height : float
        Rows: more than `gap` and at most `gap + height` under the lowest pixel of the mask.

    Returns
    -------
    ndarray (H, W)
        bool.
    """
    rows = np.arange(mask.shape[0])[:, None]
    lowest = np.where(mask, rows, -1).max(axis=0)
    depth = rows - lowest
    return mask.any(axis=0) & (depth > gap) & (depth <= gap + height)


def around_mass(
    mask: np.ndarray, pixel_mm: float | None = None, below_height: float = 1.0, **ring
) -> dict[str, np.ndarray]:
    """The five disjoint regions AROUND_MASS of a mass, which cover the image.

    Parameters
    ----------
    mask : ndarray (H, W)
        bool. An empty mask gives four empty regions, and `other` everywhere.
    pixel_mm : float, optional
        Pixel size in millimetres.
    below_height : float
        Height of `below` and `above`, in mass heights.
    **ring
        Settings of `ring_width`.

    Returns
    -------
    dict
        Name -> bool (H, W).
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.any():
        return {name: np.full(mask.shape, name == "other") for name in AROUND_MASS}
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
    for name in AROUND_MASS:
        regions[name] = candidates[name] & ~taken
        taken |= candidates[name]
    return regions


RULES = ("mass", "structures", "findings")


def names(rule: str, structures: Sequence[str]) -> list[str]:
    """The names of the regions that are scored by a rule, `other` last."""
    return list({"mass": AROUND_MASS, "findings": FINDING}.get(rule, [*structures, "other"]))


def reference(
    structures: Mapping[str, np.ndarray | None],
    rule: str = "structures",
    pixel_mm: float | None = None,
    **parameters,
) -> dict[str, np.ndarray] | None:
    """The reference regions of one case, without `other`.

    Parameters
    ----------
    structures : mapping
        Name -> bool (H, W), or None where not annotated.
    rule : {"structures", "findings", "mass"}
    pixel_mm : float, optional
        Pixel size in millimetres.
    **parameters
        Of `around_mass`.

    Returns
    -------
    dict or None
        Name -> bool (H, W); None where no structure is annotated.

    Raises
    ------
    ValueError
        For an unknown rule, and for a rule "mass" with anything but one structure.
    """
    if rule not in RULES:
        raise ValueError(f"unknown rule of regions {rule!r}; known are {', '.join(RULES)}")
    if rule == "mass" and len(structures) != 1:
        raise ValueError(
            f"the rule 'mass' builds its regions around one structure, not {', '.join(structures)}"
        )
    annotated = {name: mask for name, mask in structures.items() if mask is not None}
    if not annotated:
        return None
    if rule == "mass":
        built = around_mass(next(iter(annotated.values())), pixel_mm, **parameters)
        return {name: built[name] for name in AROUND_MASS[:-1]}
    return annotated


def combine(regions: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    """A region, or the union of several.

    Parameters
    ----------
    regions : mapping
        Name -> bool (H, W).
    name : str
        A name, or several joined by "+".

    Returns
    -------
    ndarray (H, W), or None
        None unless every part is annotated: a union that lacks one is a smaller region.
    """
    parts = name.split("+")
    return (
        np.logical_or.reduce([regions[part] for part in parts])
        if all(part in regions for part in parts)
        else None
    )


def check_parts(name: str, known: Sequence[str], where: str) -> None:
    """Raise ValueError when a part of the region `name` is not among the `known` ones; where: the
    setting's name.
    """
    for part in name.split("+"):
        if part not in known:
            raise ValueError(
                f"params.yaml: {where}: {name!r} has no region {part!r}; known are "
                f"{', '.join(known)}"
            )


def dilate(region: np.ndarray, tolerance: float) -> np.ndarray:
    """All pixels within a distance of a region.

    Parameters
    ----------
    region : ndarray (H, W)
        bool. An empty region stays empty.
    tolerance : float
        Pixels, inclusive.

    Returns
    -------
    ndarray (H, W)
        bool.
    """
    if tolerance == 0 or not region.any():
        return region
    return distance_transform_edt(~region) <= tolerance


def describe(
    folder: Path, names: Sequence[str], expert: str, rule: str, drawn: Sequence[str] | None = None
) -> None:
    """Write folder/regions.json.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        The regions that are scored.
    expert : str
        Which of them is the expert's.
    rule : str
    drawn : sequence of str, optional
        The regions on disk, where they differ (findings are scored each as FINDING).
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = {
        "names": list(names),
        "expert": expert,
        "rule": rule,
        "drawn": list(names if drawn is None else drawn),
    }
    text = json.dumps(described, indent=1)
    (folder / "regions.json").write_text(text + "\n", encoding="utf-8")


def description(folder: Path) -> dict:
    """What `describe` wrote. Raises FileNotFoundError that names the missing stage output."""
    if not (folder / "regions.json").is_file():
        raise FileNotFoundError(
            f"no {folder / 'regions.json'}: run the stage that makes it (dvc repro) first"
        )
    return json.loads((folder / "regions.json").read_text(encoding="utf-8"))


def write(regions: Mapping[str, np.ndarray], folder: Path, case: str) -> None:
    """Write the regions of one case as folder/<region>/<case>.png, `other` left out: it is what
    remains.
    """
    for name, region in regions.items():
        if name != "other":
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_mask(region, folder / name / f"{case}.png")


def read(folder: Path, case: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The regions of one case that `write` stored.

    Parameters
    ----------
    folder : Path
    case : str
    names : sequence of str
        The regions to read; those that are not annotated are left out.

    Returns
    -------
    dict
        Name -> bool (H, W). `other` is what no other region covers, MARKS aside; it is left out
        unless all are annotated.
    """
    files = {name: folder / name / f"{case}.png" for name in names if name != "other"}
    regions = {
        name: np.asarray(decode(file)) == 255 for name, file in files.items() if file.is_file()
    }
    drawn = [name for name in files if name not in MARKS]
    if "other" in names and all(name in regions for name in drawn):
        regions["other"] = ~np.logical_or.reduce([regions[name] for name in drawn])
    return regions


def of_finding(regions: Mapping[str, np.ndarray], finding: str) -> dict[str, np.ndarray]:
    """The regions FINDING of one finding, none where it is not annotated, and MARKS where there are
    some.
    """
    marks = {name: regions[name] for name in MARKS if name in regions}
    return (
        ({"finding": regions[finding], "other": ~regions[finding]} | marks)
        if finding in regions
        else marks
    )


def readers(regions: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    """What each of several readers drew as `name`: the regions `name-1`, `name-2` and so on."""
    return [
        mask for other, mask in regions.items() if re.fullmatch(re.escape(name) + r"-\d+", other)
    ]


def other_findings(regions: Mapping[str, np.ndarray], finding: str) -> dict[str, np.ndarray]:
    """The regions of the other findings of a case, single readers' left out."""
    own = (finding, "other", *MARKS)
    return {
        name: mask
        for name, mask in regions.items()
        if name not in own and not re.search(r"-\d+$", name)
    }


def write_outline(regions: Mapping[str, np.ndarray], expert: str, folder: Path, case: str) -> None:
    """Write what pictures outline: folder/expert/<case>.png, or for findings
    folder/<finding>/<case>.png.
    """
    write(_outlines(regions, expert), folder, case)


def outlined(regions: Mapping[str, np.ndarray], expert: str) -> dict[str, bool]:
    """Whether the expert's region of a case is not empty.

    Parameters
    ----------
    regions : mapping
        Name -> bool (H, W).
    expert : str
        A name, or several joined by "+"; "finding" in a study of findings.

    Returns
    -------
    dict
        {"": whether} for all targets, or {finding: whether} of each annotated finding; empty where
        it is not annotated.
    """
    found = {name: bool(mask.any()) for name, mask in _outlines(regions, expert).items()}
    return found if expert == "finding" else {"": any(found.values())} if found else {}


def _outlines(regions: Mapping[str, np.ndarray], expert: str) -> dict[str, np.ndarray]:
    named = regions if expert == "finding" else {"expert": combine(regions, expert)}
    return {name: region for name, region in named.items() if region is not None}


def read_outline(folder: Path, case: str, target: str) -> np.ndarray | None:
    """The expert's outline of a case for a target, bool (H, W); None where there is none."""
    for name in (target, "expert"):
        if (folder / name / f"{case}.png").is_file():
            return np.asarray(decode(folder / name / f"{case}.png")) == 255
    return None
