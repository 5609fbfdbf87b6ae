"""Whether to believe the heat maps of a study: faithfulness and sanity of each method, on maps
drawn by lot.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from regard.attribution import attribute
from regard.core import arrays, hardware, project, tables
from regard.data import reference_regions
from regard.evaluation import faithfulness, trust
from regard.evaluation.scores import score
from regard.models import backbones
from regard.models.explained import sampled


def run(study: str, target: Path) -> None:
    """Examine the maps that stage attribute stored of a study and write to the folder `target`:
    values.csv (a row per map and measure), trust.csv (their means with 95 % intervals over
    patients), curves.csv (the mean curves) and cascade.nc (maps of the first case as the network is
    drawn anew).

    For the class each case was given, or its findings, of patients drawn by lot; methods that
    explained a subset of the maps alone are examined on that, and what masking artefacts changes on
    all explained cases that have one.
    """
    settings = project.settings(study, "examine")
    case, maps, drawn, table, folder = _read(study, settings)
    checks: tuple[Iterator[tuple[dict, torch.Tensor]], ...] = (
        trust.faithful(case, maps, drawn, settings, random=True),
        trust.removed(case, table, folder),
        trust.sane(case, maps, drawn, settings, target),
        trust.agreement(maps, drawn),
    )
    every = [(case.chosen, said, values) for said, values in itertools.chain(*checks)]
    if "subset" in maps.dims and any("subset" in maps[name].dims for name in maps.data_vars):
        case, _, drawn, *_ = _read(study, settings, "subset")
        slow = {name: heat for name, heat in drawn.items() if "subset" in maps[name].dims}
        checks = (
            trust.faithful(case, maps, slow, settings),
            trust.sane(case, maps, slow, settings),
            trust.agreement(maps, drawn, list(slow)),
        )
        every += [(case.chosen, said, values) for said, values in itertools.chain(*checks)]
    if touched := _with_artefact(table, folder):
        case, _, drawn, *_ = _read(study, settings, touched)
        every += [
            (case.chosen, said, values)
            for said, values in trust.audited(case, maps, drawn, table, folder, settings)
        ]
    rows, points = _rows(every)
    values = pd.concat(rows).assign(
        study=study, data=maps.attrs["data"], profile=settings["profile"]
    )
    tables.write(values, target / "values.csv")
    tables.write(pd.DataFrame(points), target / "curves.csv")
    tables.write(trust.means(values, settings["draws"], settings["seed"]), target / "trust.csv")


def _rows(
    every: Sequence[tuple[pd.DataFrame, dict, Tensor]],
) -> tuple[list[pd.DataFrame], list[dict]]:
    """The values as rows of values.csv, one per map and measure, and the points of the mean curves.

    A curve enters the rows as its area, or as its mean where the measure has no area.
    """
    rows, points = [], []
    for chosen, said, values in every:
        if "shares" in said:
            points += [
                {key: said[key] for key in ("method", "control", "measure")}
                | {"share": share, "mean": mean}
                for share, mean in zip(said.pop("shares"), values.mean(dim=0).tolist())
            ]
            values = (
                faithfulness.area(values)
                if said["measure"] in faithfulness.MODES
                else values.mean(dim=1)
            )
        rows.append(
            chosen[["case", "patient", "target", "target_role"]].assign(
                **said, value=values.double().cpu().numpy()
            )
        )
    return rows, points


def expose(study: str, honest: str) -> pd.DataFrame:
    """The share of positive relevance that each method puts on a burnt-in marker, of the network of
    `study`, which was trained with it (`prepare.shortcut`), and of that of the study `honest`,
    shown the same images: rows as of `means`, the second with the control "honest network". Maps
    are made anew; a case without a marker is undefined.

    Raises ValueError where no case has a marker, and for an honest network that knows other
    classes.
    """
    settings = project.settings(study, "examine")
    folder = project.root() / "results" / "study" / study
    everyone = tables.read(folder / "train" / "explanations.csv")["case"].unique().tolist()
    found = [_exposed(study, honest, settings, of) for of in (everyone, "subset")]
    return trust.means(pd.concat(found), settings["draws"], settings["seed"])


def _exposed(study: str, honest: str, settings: dict, of: Sequence[str] | str) -> pd.DataFrame:
    """The rows that `expose` gives the means of; of: as of `_read`, "subset" for the methods that
    explained this alone.
    """
    case, maps, drawn, table, folder = _read(study, settings, of)
    marker = trust.masks_of(case, table, folder, [reference_regions.SHORTCUT])[
        reference_regions.SHORTCUT
    ]
    if not marker.any() and of != "subset":
        raise ValueError(
            f"no explained case of {study!r} has a marker: set prepare.shortcut of the study in "
            "params.yaml"
        )
    model, told = backbones.read(folder.parent / honest / "train" / "model.safetensors")
    if unknown := sorted(set(case.chosen["target"]) - set(told["classes"])):
        raise ValueError(
            f"the network of {honest!r} knows no {unknown[0]!r}, which {study!r} explains"
        )
    targets = torch.tensor(
        [told["classes"].index(name) for name in case.chosen["target"]], device=case.images.device
    )
    rows = []
    for name, heat in drawn.items():
        if maps[name].attrs["kind"] == "method" and ("subset" in maps[name].dims) == (
            of == "subset"
        ):
            again = attribute(
                model.to(case.images.device),
                case.images,
                targets,
                memory=settings["memory"],
                **trust.made_by(maps, name),
            )
            for control, shown in (("", heat), ("honest network", again.cpu())):
                said = trust.labelled("exposure", name, control, "mass")
                rows.append(case.chosen.assign(**said, value=score(shown, marker, "mass").numpy()))
    return pd.concat(rows or [pd.DataFrame()]).assign(
        study=study, data=maps.attrs["data"], profile=settings["profile"]
    )


def _read(
    study: str, settings: dict, of: Sequence[str] | str = "lot"
) -> tuple[trust.Examined, xr.Dataset, dict[str, Tensor], pd.DataFrame, Path]:
    """What is examined of a study, its stored maps, those of the cases examined (n, H, W) by name,
    the cases, and the folder.

    of: "lot", one map of each of so many patients as `settings` say, or all maps; "subset", the
    maps that every method made; or the names of cases. Maps of methods that explained the subset
    alone are left out but for "subset".
    """
    folder = project.root() / "results" / "study" / study
    device = hardware.deterministic()
    maps = arrays.opened(folder / "attribute" / "maps.nc")
    model, description = backbones.read(folder / "train" / "model.safetensors")
    table = tables.read(folder / "prepare" / "cases.csv").set_index("case")
    explained = tables.read(folder / "train" / "explanations.csv")
    chosen = _chosen(explained, maps, settings, of)
    images = (
        arrays.opened(folder / "prepare" / "images.nc")["images"]
        .sel(case=chosen["case"].to_numpy())
        .to_numpy()
    )
    case = trust.Examined(
        model.to(device),
        backbones.inputs(torch.from_numpy(images), model).to(device),
        torch.tensor(
            [description["classes"].index(name) for name in chosen["target"]], device=device
        ),
        chosen,
    )
    where = list(zip(chosen["case"], chosen["target"]))
    known = [
        str(name) for name in maps.data_vars if of == "subset" or "subset" not in maps[name].dims
    ]
    drawn = {
        name: torch.from_numpy(np.stack([arrays.pick(maps, name, *one) for one in where]))
        for name in known
    }
    return case, maps, drawn, table, folder


def _chosen(
    explained: pd.DataFrame, maps: xr.Dataset, settings: dict, of: Sequence[str] | str
) -> pd.DataFrame:
    headline = explained[explained["target_role"] != "true"].reset_index(drop=True)
    if of == "lot":
        drawn = sampled(headline, settings["patients"], settings["seed"])
        return (
            drawn.groupby("patient", sort=False).head(1).reset_index(drop=True)
            if settings["patients"]
            else drawn
        )
    if of == "subset":
        inside = [
            arrays.key(row.case, row.target) in maps.indexes["subset"]
            for row in headline.itertuples()
        ]
        return headline[inside].reset_index(drop=True)
    return headline[headline["case"].isin(of)].reset_index(drop=True)


def _with_artefact(table: pd.DataFrame, folder: Path) -> list[str]:
    """The explained cases of which the set says that an artefact lies on the image."""
    drawn = folder / "prepare" / "regions"
    if reference_regions.ARTEFACT not in reference_regions.description(drawn)["names"]:
        return []
    explained = dict.fromkeys(tables.read(folder / "train" / "explanations.csv")["case"])
    marks = {
        case: reference_regions.read(drawn, case, [reference_regions.ARTEFACT]).get(
            reference_regions.ARTEFACT
        )
        for case in explained
    }
    return [case for case, mark in marks.items() if mark is not None and mark.any()]
