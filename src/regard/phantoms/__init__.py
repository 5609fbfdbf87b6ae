"""Phantoms: one generator of made images per study, written to disk like any other set of cases."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regard.data import cases


class Case(NamedTuple):
    """One generated image with its known truth."""

    case: str
    patient: str
    labels: dict[str, str | int]  # {"label": "benign"}, or one 0/1 entry per finding
    image: np.ndarray  # uint8, (H, W) grey or (H, W, 3) RGB
    regions: dict[str, np.ndarray]  # structure -> bool (H, W)
    columns: dict[str, object]  # further columns of cases.csv, in order


from regard.phantoms import chest, histology, mammography, prostate, ultrasound  # noqa: E402  generators need Case

GENERATORS = {
    "chest": chest,
    "histology": histology,
    "mammography": mammography,
    "prostate": prostate,
    "ultrasound": ultrasound,
}
PHANTOMS = {
    study: generator.draw for study, generator in GENERATORS.items()
}  # study -> draw(seed) -> iterator of Case
SEEDS = {
    study: generator.SEED for study, generator in GENERATORS.items()
}  # study -> seed of the set that ships


def draw(study: str, seed: int | None = None) -> cases.Cases:
    """All phantoms of a study, in memory; `seed` None is the committed draw. Raises ValueError for
    an unknown study.
    """
    if study not in PHANTOMS:
        raise ValueError(f"no phantom for study {study!r}; there are: {', '.join(PHANTOMS)}")
    drawn = list(PHANTOMS[study](SEEDS[study] if seed is None else seed))
    rows = [
        {"case": case.case, "patient": case.patient, "image": f"images/{case.case}.png"}
        | case.labels
        | case.columns
        for case in drawn
    ]
    structures = sorted({structure for case in drawn for structure in case.regions})
    regions = {
        structure: [case.regions.get(structure) for case in drawn] for structure in structures
    }
    return cases.Cases(pd.DataFrame(rows).astype(str), [case.image for case in drawn], regions)


def write(study: str, folder: str | Path, seed: int | None = None) -> None:
    """Draw a study's phantoms into `folder`, as `cases.write` does: whole or not at all, a
    DATASHEET.md there kept.
    """
    cases.write(draw(study, seed), folder)
