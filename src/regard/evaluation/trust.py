"""Whether to believe heat maps: faithfulness, removal, sanity and agreement of a study's
methods.
"""

import inspect
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from regard.attribution import METHODS, PERTURBATION, attribute
from regard.core import arrays, hardware
from regard.core.columns import TRUST, TRUST_KEYS
from regard.core.seeds import seed_of
from regard.core.statistics import mean_intervals
from regard.data import letterbox, reference_regions
from regard.evaluation import faithfulness, sanity
from regard.evaluation.scores import score
from regard.kernels import evaluator

SIMILARITIES = {"rank correlation": sanity.rank_correlation, "SSIM": sanity.structural_similarity}


class Examined:
    """What is examined: a network, its inputs and the targets (n,), and a row of `chosen` for
    each.
    """

    def __init__(
        self, model: torch.nn.Module, images: Tensor, targets: Tensor, chosen: pd.DataFrame
    ):
        self.model, self.images, self.targets, self.chosen = model, images, targets, chosen
        self.several = bool((chosen["target_role"] == "finding").all())

    def first(self, count: int) -> "Examined":
        return Examined(self.model, self.images[:count], self.targets[:count], self.chosen[:count])


def means(values: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Mean of each check, method, control, measure and level with its interval over patients;
    columns TRUST.
    """
    rows = []
    for key, part in values.groupby(
        ["study", "data", "target_role", "profile", *TRUST_KEYS], sort=False, dropna=False
    ):
        share = np.array([key[-2] == "pointing"])  # 0 or 1
        mean, low, high = mean_intervals(
            part[["value"]].to_numpy(float),
            part["patient"].to_numpy(),
            draws,
            seed_of(seed, key[0]),
            share,
        )
        defined = part["value"].notna()
        row = dict(zip(["study", "data", "target_role", "profile", *TRUST_KEYS], key))
        row |= {"mean": mean[0], "ci_low": low[0], "ci_high": high[0], "n_maps": int(defined.sum())}
        rows.append(
            row
            | {
                "n_patients": part["patient"][defined].nunique(),
                "n_undefined": int((~defined).sum()),
            }
        )
    return pd.DataFrame(rows)[TRUST]


def made_by(maps: xr.Dataset, name: str) -> dict:
    """The method a map was made by, and its parameters."""
    return {"method": maps[name].attrs["method"]} | json.loads(maps[name].attrs["parameters"])


def labelled(
    check: str, method: str = "", control: str = "", measure: str = "", level: str = "", **more
) -> dict:
    return {
        "check": check,
        "method": method,
        "control": control,
        "measure": measure,
        "level": level,
    } | more


def faithful(
    case: Examined, maps: xr.Dataset, drawn: dict[str, Tensor], settings: dict, random: bool = False
) -> Iterator[tuple[dict, Tensor]]:
    """Deletion, insertion and ROAD curves of each method's maps, of maps as smooth, and, where
    `random`, of pixels in random order.
    """
    asked = [("", "random", faithfulness.random_maps(case.images))] if random else []
    for name, heat in drawn.items():
        if maps[name].attrs["kind"] == "method":
            asked += [
                (name, "", heat),
                (name, "as smooth", faithfulness.alike(heat.to(case.images), case.images)),
            ]
    kind = str(hardware.precision(case.images.device, settings["precision"])).removeprefix("torch.")
    given = (evaluator(case.model, kind), case.images, case.targets)  # once, for the many curves
    common: dict[str, Any] = {"several": case.several, "precision": kind}
    steps = np.linspace(0, 1, settings["steps"] + 1).tolist()
    for method, control, heat in asked:
        heat = heat.to(case.images)
        for mode in faithfulness.MODES:
            values = faithfulness.curves(*given, heat, mode, settings["steps"], **common)
            yield labelled("faithfulness", method, control, mode, shares=steps), values
        for least, measure in (
            (False, "ROAD, most relevant first"),
            (True, "ROAD, least relevant first"),
        ):
            values = faithfulness.road(*given, heat, settings["shares"], least, **common)
            yield (
                labelled("faithfulness", method, control, measure, shares=settings["shares"]),
                values,
            )


def removed(case: Examined, table: pd.DataFrame, folder: Path) -> Iterator[tuple[dict, Tensor]]:
    """How much the logit falls when a region of the expert's is imputed."""
    names = [
        name
        for name in reference_regions.description(folder / "prepare" / "regions")["names"]
        if name != "other"
    ]
    for name, mask in masks_of(case, table, folder, names).items():
        fall = faithfulness.removed(
            case.model, case.images, case.targets, mask.to(case.images.device)
        )
        yield labelled("removal", measure="fall of the logit", level=name), fall


def audited(
    case: Examined,
    maps: xr.Dataset,
    drawn: dict[str, Tensor],
    table: pd.DataFrame,
    folder: Path,
    settings: dict,
) -> Iterator[tuple[dict, Tensor]]:
    """What changes when the artefacts of images are imputed: logit and decision, and of each method
    whether its map hits the expert's region, and how much positive relevance it puts there and on
    the artefact. The control is "masked"."""
    expert = reference_regions.description(folder / "prepare" / "regions")["expert"]
    masks = masks_of(case, table, folder, [expert, reference_regions.ARTEFACT])
    marked, inside = masks[reference_regions.ARTEFACT], masks[expert]
    image = torch.zeros_like(inside)  # without the padding, which is never scored
    for row, name in enumerate(case.chosen["case"]):
        height, width = table.loc[name, ["height", "width"]]
        down, across = letterbox.inner(letterbox.letterbox(height, width, image.shape[-1]))
        image[row, down, across] = True
    filled = faithfulness.impute(case.images, marked.to(case.images.device), model=case.model)
    fall = faithfulness.removed(
        case.model, case.images, case.targets, marked.to(case.images.device)
    )
    yield labelled("artefact", measure="fall of the logit"), fall
    for name, heat in drawn.items():
        if maps[name].attrs["kind"] != "method":
            continue
        again = attribute(
            case.model, filled, case.targets, memory=settings["memory"], **made_by(maps, name)
        ).cpu()
        for control, whole in (("", heat), ("masked", again)):
            shown = torch.where(image, whole, whole.amin(dim=(1, 2), keepdim=True).clamp(max=0))
            yield (
                labelled("artefact", name, control, "pointing", expert),
                score(shown, inside, "pointing"),
            )
            yield labelled("artefact", name, control, "mass", expert), score(shown, inside, "mass")
            yield (
                labelled("artefact", name, control, "mass", reference_regions.ARTEFACT),
                score(shown, marked, "mass"),
            )
        yield (
            labelled("artefact", name, "", "rank correlation"),
            sanity.rank_correlation(heat, again),
        )


def masks_of(
    case: Examined, table: pd.DataFrame, folder: Path, names: Sequence[str]
) -> dict[str, Tensor]:
    """Regions of the cases on the square the network sees, bool (n, size, size) by name; empty
    where there is none.
    """
    described = reference_regions.description(folder / "prepare" / "regions")
    size = case.images.shape[-1]
    masks = {name: torch.zeros(len(case.chosen), size, size, dtype=torch.bool) for name in names}
    for row, explained in enumerate(case.chosen.itertuples()):
        of = table.loc[explained.case]
        drawn = reference_regions.read(
            folder / "prepare" / "regions", explained.case, described["drawn"]
        )
        drawn = (
            reference_regions.of_finding(drawn, explained.target)
            if described["expert"] == "finding"
            else drawn
        )
        for name in masks:
            if (mask := reference_regions.combine(drawn, name)) is not None:
                box = letterbox.letterbox(of["height"], of["width"], size)
                masks[name][row] = torch.from_numpy(letterbox.mask_to_square(mask, box))
    return masks


def sane(
    case: Examined,
    maps: xr.Dataset,
    drawn: dict[str, Tensor],
    settings: dict,
    target: Path | None = None,
) -> Iterator[tuple[dict, Tensor]]:
    """Similarity of each method's maps to those of a network that forgets, of noisy images, of
    another seed, and of other images; those of the first case as it forgets go to
    target/cascade.nc."""
    shown, lowest_names, unrelated = {}, [], sanity.unrelated(case.chosen["patient"].tolist())
    given = (case.model, case.images, case.targets)
    for name, heat in drawn.items():
        if maps[name].attrs["kind"] != "method":
            continue
        own = made_by(maps, name)
        others = torch.stack(
            [torch.full_like(heat[0], torch.nan) if row is None else heat[row] for row in unrelated]
        )
        if own["method"] not in PERTURBATION or settings["slow"]:
            steps = list(
                sanity.cascade(*given, levels=settings["levels"], memory=settings["memory"], **own)
            )
            for number, (_, again) in enumerate(steps):
                yield from _similar("cascade", name, heat, again, f"{number + 1} of {len(steps)}")
            shown[name] = (
                ("level", "y", "x"),
                torch.stack([heat[0], *(again[0] for _, again in steps)]).float().numpy(),
            )
            again = attribute(
                case.model,
                sanity.noisy(case.images, settings["noise"], model=case.model),
                case.targets,
                memory=settings["memory"],
                **own,
            )
            yield from _similar("noise", name, heat, again.cpu())
            lowest_names = ["trained", *(lowest for lowest, _ in steps)]
        few = case.first(settings["seeds"])
        if _draws(own) and len(few.images):
            again = attribute(
                few.model, few.images, few.targets, memory=settings["memory"], **own | {"seed": 1}
            ).cpu()
            values = torch.full((2, len(heat)), torch.nan, dtype=torch.float64)
            for row, similarity in enumerate(SIMILARITIES.values()):
                values[row, : len(again)] = similarity(heat[: len(again)], again)
            for measure, value in zip(SIMILARITIES, values):
                yield labelled("seed", name, measure=measure), value
        yield from _similar("unrelated", name, heat, others)
    if target is not None:
        attributes = {"case": case.chosen["case"][0], "target": case.chosen["target"][0]}
        arrays.write(xr.Dataset(shown, {"level": lowest_names}, attributes), target / "cascade.nc")


def _draws(own: dict) -> bool:
    """Whether a method has random numbers of its own; SHAP over boxes, which it halves as the logit
    says, has none.
    """
    halving = own["method"] == "shap" and own.get("algorithm", "partition") == "partition"
    return "seed" in inspect.signature(METHODS[own["method"]]).parameters and not halving


def _similar(
    check: str, method: str, one: Tensor, other: Tensor, level: str = ""
) -> Iterator[tuple[dict, Tensor]]:
    for measure, similarity in SIMILARITIES.items():
        yield labelled(check, method, measure=measure, level=level), similarity(one, other)


def agreement(
    maps: xr.Dataset, drawn: dict[str, Tensor], of: Sequence[str] = ()
) -> Iterator[tuple[dict, Tensor]]:
    """Rank correlation of each two methods' maps of the same image; `level` is the second. of: only
    pairs that have one of these among them."""
    methods = [name for name in drawn if maps[name].attrs["kind"] == "method"]
    for place, first in enumerate(methods):
        for second in methods[place + 1 :]:
            if of and first not in of and second not in of:
                continue
            values = sanity.rank_correlation(drawn[first], drawn[second])
            yield labelled("agreement", first, measure="rank correlation", level=second), values
