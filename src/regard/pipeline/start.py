"""What the notebook `0_start_here` shows: the whole chain on one image of the small sample."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from regard.attribution import attribute, nulls
from regard.core import project, tables
from regard.evaluation.scores import area_expected_iou, points, score
from regard.explorers import read
from regard.figures import cases as case_figures
from regard.figures import maps as map_figures
from regard.figures import scores as score_figures
from regard.models import backbones
from regard.selection import select

METHODS: dict[str, dict] = {
    "gradient": {},
    "lrp-epsilon": {"epsilon": 0.25, "relative": True},
    "grad-cam": {},
}
RULES: dict[str, dict] = {"otsu": {}, "top-area": {"area": 0.1}}
SEED = 1  # of the network with random weights
MEANS = (  # the rows of summary.csv that are shown
    "score == 'iou' and selection == 'top-area' and stratum == 'all' "
    "and empty_rule == 'an empty selection has 0'"
)
Maps = Mapping[str, Tensor]


class Example(NamedTuple):
    """An image of the sample.

    Attributes
    ----------
    case, label : str
        Its name and its true class.
    image : np.ndarray
        uint8 (H, W).
    expert : np.ndarray
        The expert's region, bool (H, W).
    """

    case: str
    label: str
    image: np.ndarray
    expert: np.ndarray


def folder() -> Path:
    """The sample of ultrasound that ships with the project."""
    return project.root() / "notebooks" / "explore" / "sample" / "ultrasound"


def example(number: int) -> Example:
    """An image of the sample; number: 0 to 5."""
    sample = read(folder())
    case, label = sample.rows["case"][number], sample.rows["label"][number]
    expert = sample.outline(case, label)
    assert expert is not None
    return Example(case, label, sample.images.sel(case=case).to_numpy(), expert)


def network() -> tuple[nn.Module, list[str]]:
    """The trained network of the sample, and its classes."""
    model, description = backbones.read(folder() / "train" / "model.safetensors")
    return model, description["classes"]


def heat_maps(model: nn.Module, given: Tensor, target: int) -> dict[str, Tensor]:
    """Maps (1, H, W) of three methods and of three null maps, by name.

    Parameters
    ----------
    model : nn.Module
        The network.
    given : Tensor
        What it sees, float32 (1, 3, H, W).
    target : int
        The class that is explained.
    """
    maps = {name: attribute(model, given, [target], name, **own) for name, own in METHODS.items()}
    maps |= {name: nulls(name, given) for name in ("centre", "edges")}
    random = {"model": model, "targets": torch.tensor([target]), "method": "grad-cam", "seed": SEED}
    return maps | {"random-network": nulls("random-network", given, **random)}


def regions(maps: Maps) -> dict[tuple[str, str], Tensor]:
    """The region, bool (1, H, W), that each rule selects from each map, by map and rule."""
    return {
        (name, rule): select(heat.double(), rule, **own)
        for name, heat in maps.items()
        for rule, own in RULES.items()
    }


def agreement(
    maps: Maps, selected: Mapping[tuple[str, str], Tensor], expert: np.ndarray
) -> pd.DataFrame:
    """Pointing and IoU of each map with the expert's region, beside chance, a row per map."""
    reference, rows = torch.from_numpy(expert)[None], []
    for name, heat in maps.items():
        hit = float(score(heat, reference, "pointing"))
        row = {"map": name, "pointing": hit, "by chance": float(expert.mean())}
        for rule in RULES:
            region = selected[name, rule]
            area = region.double().mean(dim=(1, 2))
            row[f"IoU, {rule}"] = float(score(region, reference, "iou"))
            row[f"IoU, {rule}, by chance"] = float(area_expected_iou(area, reference))
        rows.append(row)
    return pd.DataFrame(rows).set_index("map")


def means() -> pd.DataFrame:
    """Mean IoU of each map over the test patients, of the run that the sample is from."""
    return tables.read(folder() / "compare" / "summary.csv").query(MEANS)


def image_figure(shown: Example) -> Figure:
    """The image with the expert's region."""
    title, region = f"{shown.case}: {shown.label}", {"mass": shown.expert}
    return case_figures.gallery([shown.image], [title], [region], columns=1, cell=(3, 3))


def map_figure(shown: Example, maps: Maps, target: str) -> Figure:
    """The image and its maps, with the expert's region and each map's maximum."""
    drawn = {name: heat.numpy() for name, heat in maps.items()}
    maxima = {name: points(heat).numpy() for name, heat in maps.items()}
    return map_figures.heat_maps([shown.image], drawn, [target], [shown.expert], maxima)


def region_figure(shown: Example, selected: Mapping[tuple[str, str], Tensor]) -> Figure:
    """What each rule selects from each map, beside the expert's region."""
    return case_figures.gallery(
        [shown.image] * len(selected),
        [f"{name}, {rule}" for name, rule in selected],
        [
            {"the expert's": shown.expert, "selected": region[0].numpy()}
            for region in selected.values()
        ],
        columns=6,
    )


def mean_figure(summary: pd.DataFrame) -> Figure:
    """Mean IoU of each map with its interval over patients, null maps below."""
    return score_figures.means(
        summary,
        [("IoU of the top tenth with the mass", {"score": "iou"})],
        ["ones", "centre", "edges", "random-network"],
        "mean IoU, 95 % interval over patients",
    )
