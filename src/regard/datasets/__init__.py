"""Readers of published data sets, one file each: READERS[name](folder) -> Cases."""

import inspect
import sys
from pathlib import Path
from typing import Any

from regard.data import cases
from regard.datasets import (
    bcss,
    breakhis,
    breast,
    bus_bra,
    busi,
    camelyon,
    cbis_ddsm,
    cdd_cesm,
    chestx_ray14,
    chexlocalize,
    covid_cxr,
    folder,
    mini_mias,
    rings,
    sicapv2,
    vindr_cxr,
)
from regard.datasets.archives import unpacked

READERS = {
    "busi": busi.read,
    "bus-bra": bus_bra.read,
    "breast": breast.read,
    "mini-mias": mini_mias.read,
    "cbis-ddsm": cbis_ddsm.read,
    "cdd-cesm": cdd_cesm.read,
    "cdd-cesm-masks": cdd_cesm.read_masks,
    "breakhis": breakhis.read,
    "camelyon": camelyon.read,
    "bcss": bcss.read,
    "rings": rings.read,
    "sicapv2": sicapv2.read,
    "chexlocalize": chexlocalize.read,
    "chestx-ray14": chestx_ray14.read,
    "vindr-cxr": vindr_cxr.read,
    "covid-cxr": covid_cxr.read,
    "folder": folder.read,
}


def datasheet(name: str) -> str:
    """What stands in the DATASHEET.md of a set that reader `name` wrote: what the reader says of
    it.
    """
    said = inspect.cleandoc(sys.modules[READERS[name].__module__].__doc__ or "")
    return f"# Imported by `regard import {name}`\n\n{said}\n"


def _written(target: Path) -> str:
    sheet = target / "DATASHEET.md"
    return sheet.read_text(encoding="utf-8") if sheet.is_file() else ""


def bring_in(name: str, source: Path | str, target: Path | str, **options: Any) -> cases.Cases:
    """Read the published set `name` from `source`, a folder or an archive, and write it to `target`
    in the layout of `regard.data.cases`.

    options: those of the reader, by name. What is written is read back and checked before it stands
    at `target`; `source` is never changed, and running it again changes nothing. Raises ValueError
    for an unknown name or option, for a target inside the source or that holds anything but what
    the same reader wrote there, and what the reader raises.
    """
    if name not in READERS:
        raise ValueError(f"no reader for {name!r}; known are {', '.join(READERS)}")
    known = list(inspect.signature(READERS[name]).parameters)[1:]
    if unknown := [option for option in options if option not in known]:
        raise ValueError(
            f"reader {name!r} has no option {unknown[0]!r}; it has {', '.join(known) or 'none'}"
        )
    source, target = Path(source), Path(target)
    if not source.exists():
        raise FileNotFoundError(f"no folder or archive {source}")
    if target.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(
        target.resolve()
    ):
        raise ValueError(
            f"target {target} and source {source} must not lie in one another: the source is "
            "never changed"
        )
    if target.exists() and any(target.iterdir()) and datasheet(name) not in _written(target):
        raise ValueError(
            f"target {target} holds something that `regard import {name}` did not write; give an "
            "empty or a new folder"
        )
    with unpacked(source, target) as published:
        given = "".join(
            f"\nOption: {option} = {value!r}.\n" for option, value in sorted(options.items())
        )
        found = READERS[name](published, **options)
        note = found.table.attrs.get("note", "")
        given += f"\nNote: {note}.\n" if note else ""
        cases.write(found, target, datasheet(name) + given)
    return cases.unchecked(target)  # `write` has checked it
