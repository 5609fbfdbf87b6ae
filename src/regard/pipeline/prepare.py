"""The stage `prepare`: cases are read, split by patient and brought to one square; the expert's
outlines become reference regions.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from regard.core import arrays, tables
from regard.data import cases, letterbox, reference_regions, shortcut
from regard.figures import cases as case_figures
from regard.pipeline import settings as checks

BUILT = ("ring_mm", "ring_radius", "ring_image", "below_height")  # of regions around a mass
SHOWN = 12  # cases in the figure
Settings = Mapping[str, Any]
Masks = Mapping[str, Sequence[np.ndarray | None]]


class Study(NamedTuple):
    """The cases of a study as they go from step to step.

    Attributes
    ----------
    table : pd.DataFrame
        A row per case, with its split.
    images : sequence of np.ndarray
        uint8 (H, W) or (H, W, 3), decoded when they are used.
    drawn : mapping
        Structure to the expert's masks, bool (H, W), None where not annotated.
    marks : mapping
        The same of what nobody should look at: burnt-in markers and artefacts.
    classes : list of str
        The classes or findings.
    kind : str
        "label" or "findings".
    listed : int
        Cases in the set, with those left out.
    """

    table: pd.DataFrame
    images: Sequence[np.ndarray]
    drawn: Masks
    marks: Masks
    classes: list[str]
    kind: str
    listed: int


def study(source: Path, settings: Settings) -> Study:
    """Read a set, check it, and split it by patient.

    Raises
    ------
    ValueError
        For what is wrong with the set: the message names file and row.
    """
    classes, kind = checks.targets(settings)
    found = cases.read(
        source, settings["labels"] or None, settings["excluded_labels"], settings["findings"]
    )
    split = found.split(settings["seed"], strata=settings["findings"] or ["label"])
    table = found.table.assign(split=split, data=cases.source_name(found, source))
    wanted = cases.wanted_splits(found.table)
    if kind == "findings":
        cases.check_findings(table["split"], table, classes, wanted)
    else:
        cases.check_classes(table["split"], table["label"], classes, wanted)
    assert set(table["split"]) == set(wanted)
    for name in settings["structures"]:
        if all(mask is None for mask in found.regions.get(name, [])):
            raise ValueError(
                f"{source}/regions/{name} holds no mask of a case: there is nothing to compare with"
            )
    drawn = {name: found.regions[name] for name in settings["structures"]}
    artefacts = [name for name in [reference_regions.ARTEFACT] if name in found.regions]
    marks = {name: found.regions[name] for name in artefacts}
    assert found.listed is not None
    return Study(table, found.images, drawn, marks, classes, kind, found.listed)


def counts(given: Study) -> pd.DataFrame:
    """How many cases and patients each split has of each class, or cases of each finding."""
    if given.kind == "label":
        grouped = given.table.groupby(["split", "label"])
        counted = grouped.agg(cases=("case", "size"), patients=("patient", "nunique"))
        return counted.unstack("label")
    keys = ["case", "patient", "split"]
    counted = given.table.melt(keys, given.classes, "finding", "value")
    meaning = {"1": "present", "0": "absent", "": "unknown"}
    counted["value"] = counted["value"].map(meaning)
    grouped = counted.groupby(["finding", "split", "value"])["case"]
    return grouped.count().unstack(["split", "value"], fill_value=0)


def with_shortcut(given: Study, settings: Settings) -> Study:
    """The study with a burnt-in marker that follows the label, where `shortcut` is above 0."""
    if not settings["shortcut"]:
        return given
    table = given.table
    followed = settings["shortcut_finding"] or given.classes[-1]
    if given.kind == "findings":
        positive = table[followed].replace("", np.nan).astype(float)
    else:
        positive = (table["label"] == followed).astype(float)
    strength, seed = settings["shortcut"], settings["seed"]
    carried = shortcut.present(table["case"], positive, table["split"], strength, seed)
    burnt = [shortcut.burn(image) for image in given.images]
    pairs = zip(given.images, burnt, carried)
    images = [marked if here else image for image, (marked, _), here in pairs]
    masks = [mask & here for (_, mask), here in zip(burnt, carried)]
    named = positive.map({1.0: "yes", 0.0: "no"}).fillna("unknown").rename(followed)
    print(pd.crosstab(table["split"], [named, pd.Series(carried, name="marker")]))
    marks = {**given.marks, reference_regions.SHORTCUT: masks}
    return given._replace(images=images, marks=marks)


def sized(given: Study) -> Study:
    """The study with the height and width of each image in its table."""
    table = given.table.copy()
    table[["height", "width"]] = [image.shape[:2] for image in given.images]
    return given._replace(table=table)


def write_squares(given: Study, settings: Settings, path: Path) -> np.ndarray:
    """Write the images as squares, uint8 (N, size, size) or (N, size, size, 3); returns them."""
    squares = letterbox.squares(given.images, settings["size"])
    stored = xr.Dataset(
        {"images": (("case", "y", "x", "colour")[: squares.ndim], squares)},
        {"case": given.table["case"].to_numpy()},
        attrs={
            "study": settings["study"],
            "data": given.table["data"][0],
            "classes": given.classes,
            "kind": given.kind,
        },
    )
    arrays.write(stored, path)
    return squares


def region_names(given: Study, settings: Settings) -> list[str]:
    """The names of the regions that are kept of each case, marks last."""
    if settings["regions"] == "mass":
        names = reference_regions.names(settings["regions"], settings["structures"])
    else:
        names = [*settings["structures"], "other"]
    return [*names, *given.marks]


def _regions(given: Study, settings: Settings) -> Iterator[tuple[str, dict | None, dict]]:
    """Case by case its name, its reference regions (None: not annotated) and its marks."""
    unknown = pd.Series(np.nan, index=given.table.index)
    pixel_mm = pd.to_numeric(given.table.get("pixel_mm", unknown))
    built = {key: settings[key] for key in BUILT}
    for row, case in enumerate(given.table["case"]):
        annotated = {name: masks[row] for name, masks in given.drawn.items()}
        size = None if np.isnan(pixel_mm[row]) else pixel_mm[row]
        made = reference_regions.reference(annotated, settings["regions"], size, **built)
        marks = {name: masks[row] for name, masks in given.marks.items()}
        yield case, made, {name: mask for name, mask in marks.items() if mask is not None}


def write_regions(given: Study, settings: Settings, folder: Path) -> pd.DataFrame:
    """Write regions/, outlines/ and outlined.csv to the folder.

    Returns
    -------
    pd.DataFrame
        Each region's share of the image, a row per annotated case; NaN where not annotated.
    """
    shares, outlined = {}, []
    for case, made, marks in _regions(given, settings):
        if made is not None:
            reference_regions.write_outline(made, settings["expert"], folder / "outlines", case)
            shares[case] = {name: region.mean() for name, region in (made | marks).items()}
            somewhere = reference_regions.outlined(made, settings["expert"])
            outlined += [(case, target, drawn) for target, drawn in somewhere.items()]
        reference_regions.write((made or {}) | marks, folder / "regions", case)
    columns = ["case", "target", "outlined"]
    tables.write(pd.DataFrame(outlined, columns=columns), folder / "outlined.csv")
    rule, names = settings["regions"], region_names(given, settings)
    scored = [*reference_regions.names(rule, settings["structures"]), *given.marks]
    described = folder / "regions"
    reference_regions.describe(described, scored, settings["expert"], rule, names)
    table = pd.DataFrame(shares).T.rename_axis("case")
    return table.reindex(columns=[name for name in names if name in table])


def somewhere(shares: pd.DataFrame, count: int) -> pd.DataFrame:
    """In how many of `count` cases each region is somewhere, nowhere, or not annotated."""
    found = {
        "somewhere": (shares > 0).sum(),
        "nowhere": (shares == 0).sum(),
        "not annotated": count - shares.notna().sum(),
    }
    return pd.DataFrame(found).T


def check_patients(table: pd.DataFrame) -> None:
    """Raise AssertionError where a patient is in two splits."""
    assert (table.groupby("patient")["split"].nunique() == 1).all(), "a patient in two splits"


def check_disjoint(shares: pd.DataFrame, rule: str) -> None:
    """Raise AssertionError where the regions around a mass overlap."""
    if rule == "mass":
        together = shares[list(reference_regions.AROUND_MASS[:-1])].sum(axis=1)
        assert (together <= 1 + 1e-9).all(), "the regions around a mass overlap"


def _title(row: Mapping[str, Any], given: Study) -> str:
    if given.kind == "label":
        return f"{row['case']}\n{row['label']}"
    present = [name.replace("_", " ") for name in given.classes if row[name] == "1"]
    return f"{row['case']}\n" + (",\n".join(present) or "no finding")


def figure(given: Study, settings: Settings, folder: Path) -> Figure:
    """The first cases of each class, or of each combination of findings, with their regions."""
    table, findings = given.table, given.kind == "findings"
    kinds = table[given.classes].agg("".join, axis=1) if findings else table["label"]
    each = 1 if findings else SHOWN // len(given.classes)
    first = table.groupby(kinds, sort=False).head(each).index[:SHOWN]
    rows = first[np.argsort(kinds[first], kind="stable")]
    names = region_names(given, settings)
    return case_figures.gallery(
        [given.images[row] for row in rows],
        [_title(table.loc[row], given) for row in rows],
        [reference_regions.read(folder / "regions", table["case"][row], names) for row in rows],
    )
