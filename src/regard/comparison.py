"""Scores of one case's heat maps and selected regions against the expert's regions, on the grid of the annotation."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from regard import regions as reference_regions
from regard.geometry import Letterbox, from_square
from regard.scores import area_expected_iou, score

COLUMNS = (
    "study",
    "data",
    "case",
    "patient",
    "split",
    "target",
    "target_role",
    "method",
    "selection",
    "setting",
    "region",
    "score",
    "value",
)


def setting(parameters: Mapping) -> str:
    """Parameters as they stand in the column `setting`: "quantile=0.2", several joined by ";"."""
    return ";".join(f"{key}={json.dumps(value)}" for key, value in sorted(parameters.items()))


def score_maps(
    maps: Tensor,
    methods: Sequence[str],
    regions: Mapping[str, np.ndarray],
    names: Sequence[str],
    box: Letterbox,
    tolerances: Sequence[float],
) -> pd.DataFrame:
    """The pointing game of K maps on each region.

    maps: (K, size, size) on the square the network saw, one per name in `methods`; regions: bool (height, width)
    each, of those that are annotated; names: the regions to score, a union as parts joined by "+", undefined where
    not annotated. tolerances: pixels of an input 224 pixels wide, the input being the square, of which the longer side
    of the image takes all.
    Columns method, setting, region, score, value; score "pointing", and "pointing-chance", the share of the image
    within the tolerance of the region, which a point set at random would hit.
    """
    rows = []
    full = from_square(maps, box)
    for tolerance in tolerances:
        pixels = tolerance / 224 * max(box.height, box.width)
        for name in names:
            region = reference_regions.combine(regions, name)
            if region is None:
                hits, chance = np.full(len(methods), np.nan), np.nan
            else:
                # within the tolerance of a region is inside the dilated region, which gives the chance as well
                region = reference_regions.dilate(region, pixels)
                hits = score(full, torch.from_numpy(region)[None], "pointing").numpy()
                chance = region.mean() if region.any() else np.nan
            for method, hit in zip(methods, hits):
                common = {"method": method, "setting": f"tolerance={tolerance}/224", "region": name}
                rows += [
                    common | {"score": "pointing", "value": hit},
                    common | {"score": "pointing-chance", "value": chance},
                ]
    return pd.DataFrame(rows)


def score_selections(
    selected: Tensor, methods: Sequence[str], expert: np.ndarray | None, name: str, box: Letterbox
) -> pd.DataFrame:
    """IoU of K selected regions with the expert's region `name`, the IoU that as large a region spread evenly would
    have, and the selected area.

    selected: bool (K, size, size), one per name in `methods`; expert: bool (height, width), None where not annotated.
    Columns method, region, score ("iou", "iou-chance", "area", a share of the image), value.
    """
    full = from_square(selected, box)
    area = full.double().mean(dim=(1, 2))
    undefined = torch.full_like(area, torch.nan)
    overlap, chance = undefined, undefined
    if expert is not None:
        reference = torch.from_numpy(expert)[None]
        overlap = score(full, reference, "iou")
        chance = area_expected_iou(area, reference)
    values = {(name, "iou"): overlap, (name, "iou-chance"): chance, ("", "area"): area}
    return pd.DataFrame(
        [
            {"method": method, "region": region, "score": measure, "value": float(value)}
            for (region, measure), column in values.items()
            for method, value in zip(methods, column)
        ]
    )
