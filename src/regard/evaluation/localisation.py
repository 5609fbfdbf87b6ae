"""Scores of one case's heat maps and selected regions against the expert's regions, on the grid of
the annotation.
"""

import functools
import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from regard.core import arrays
from regard.data import reference_regions
from regard.data.letterbox import Letterbox, from_square, inner, without_padding
from regard.evaluation.scores import (
    FLAGGED,
    OF_REGIONS,
    SCORES,
    area_expected_iou,
    points,
    says_nowhere,
    score,
)
from regard.selection import select

OWN = [
    "method",
    "setting",
    "region",
    "score",
    "value",
]  # of them, what a heat map or a region says itself
OF_MAPS = tuple(
    name for name in SCORES if name not in (*OF_REGIONS, "pointing")
)  # which know neither tolerance nor selection
HUMAN = "another reader"
KNOBS = (
    "ring_mm",
    "ring_radius",
    "ring_image",
    "below_height",
)  # of regions around a mass, as stage prepare has them


def setting(parameters: Mapping) -> str:
    """Parameters as they stand in the column `setting`: "quantile=0.2", several joined by ";"."""
    return ";".join(f"{key}={json.dumps(value)}" for key, value in sorted(parameters.items()))


def tolerance_in_pixels(tolerance: float | str, box: Letterbox, pixel_mm: float | None) -> float:
    """A tolerance on the grid of the annotation: pixels of an input 224 pixels wide, the input
    being the square, of which the longer side of the image takes all, or as in "5 mm" millimetres,
    NaN where the pixel size is unknown.

    Raises ValueError for text that is no number of millimetres.
    """
    if not isinstance(tolerance, str):
        return tolerance / 224 * max(box.height, box.width)
    try:
        length = float(tolerance.removesuffix("mm"))
    except ValueError:
        length = -1.0
    if not tolerance.endswith("mm") or not 0 <= length < float("inf"):
        raise ValueError(
            "a tolerance is a number of pixels of 224, or millimetres as in '5 mm', not "
            f"{tolerance!r}"
        )
    return float("nan") if pixel_mm is None else length / pixel_mm


def named(tolerance: float | str) -> str:
    """A tolerance as it stands in the column `setting`."""
    return f"tolerance={tolerance}" if isinstance(tolerance, str) else f"tolerance={tolerance}/224"


def score_explanation(
    maps: xr.Dataset,
    selected: Sequence[xr.Dataset],
    case: str,
    target: str,
    regions: Mapping[str, np.ndarray],
    scored: Mapping,
    box: Letterbox,
    tolerances: Sequence[float | str],
    pixel_mm: float | None = None,
    readers: Sequence[np.ndarray] = (),
) -> pd.DataFrame:
    """All scores of the maps and selected regions that explain one case for one target; columns
    selection and OWN.

    maps: as stage 3 stores them; selected: those of stage 4, of which each variable is a map's
    regions along `selection`, the name and parameters of each in the attribute `variants`, as JSON.
    readers: what each of several readers drew, for HUMAN. regions: bool (height, width), of those
    that are annotated. scored: names of what is scored: `parts`, with all tolerances; `others` with
    the first; and `expert`, a union of parts or one of them, wholly and with the selected regions;
    `others` with those of the headline selection `confused` as well.
    """
    stored = map(str, maps.data_vars)
    there = [name for name in stored if arrays.has(maps, name, case, target)]
    heat = torch.stack([torch.from_numpy(arrays.pick(maps, name, case, target)) for name in there])
    empty = {
        name
        for name, silent in zip(there, says_nowhere(heat[(..., *inner(box))]).tolist())
        if silent
    }
    found = [
        score_maps(
            heat, there, regions, scored["parts"], box, tolerances, pixel_mm, [scored["expert"]]
        )
    ]
    if scored["others"]:
        found.append(
            score_maps(heat, there, regions, scored["others"], box, tolerances[:1], pixel_mm)
        )
    expert = reference_regions.combine(regions, scored["expert"])
    if len(readers) > 1:
        found.append(score_readers(readers, scored["expert"]))
    for dataset in selected:
        # none in a sweep of methods that did not explain this case
        names = [
            name for name in there if name in dataset and arrays.has(dataset, name, case, target)
        ]
        for own, regions_of in _selections(dataset, names, case, target):
            headline = dataset is selected[0] and own["selection"] == scored.get("confused")
            tables = [score_selections(regions_of, names, expert, scored["expert"], box, empty)]
            for other in scored["others"] if headline else []:
                rows = score_selections(regions_of, names, regions[other], other, box, empty)
                tables.append(rows[rows["score"].isin(["iou", "iou-chance"])])
            found += [table.assign(**own) for table in tables]
    return pd.concat(found)


def _selections(
    dataset: xr.Dataset, names: Sequence[str], case: str, target: str
) -> Iterator[tuple[dict[str, str], Tensor]]:
    """Each selection of a dataset: its columns `selection` and `setting`, and the regions of the
    K maps `names`, bool (K, size, size).
    """
    if not names:
        return
    chosen = np.stack([arrays.pick(dataset, name, case, target) for name in names], axis=1)
    variants = json.loads(dataset.attrs["variants"])
    for (label, variant), regions in zip(variants.items(), torch.from_numpy(chosen)):
        own = {"selection": label.split(" ")[0], "setting": setting(variant["parameters"])}
        yield own, regions


def score_maps(
    maps: Tensor,
    methods: Sequence[str],
    regions: Mapping[str, np.ndarray],
    names: Sequence[str],
    box: Letterbox,
    tolerances: Sequence[float | str],
    pixel_mm: float | None = None,
    wholly: Sequence[str] = (),
) -> pd.DataFrame:
    """The scores of K maps on each region: the pointing game, the mass and, on those in `wholly`,
    rank and auprc.

    maps: (K, size, size) on the square the network saw, one per name in `methods`; regions: bool
    (height, width) each, of those that are annotated; names: the regions to score, a union as parts
    joined by "+", undefined where not annotated. tolerances: as of `tolerance_in_pixels`; pixel_mm:
    millimetres of a pixel of the annotation. Columns method, setting, region, score, value; beside
    each score, with the method blank, its chance, such as "pointing-chance", the share of the image
    within the tolerance of the region, which a point set at random would hit.
    """
    rows = []
    full = from_square(maps, box)
    unknown = np.full(len(methods), np.nan)
    for name in names:
        region = reference_regions.combine(regions, name)
        for tolerance in tolerances:
            pixels = tolerance_in_pixels(tolerance, box, pixel_mm)
            hits, chance = unknown, np.nan
            if region is not None and not np.isnan(pixels):
                # within the tolerance of a region is inside the dilated region, which gives the
                # chance as well
                within = reference_regions.dilate(region, pixels)
                hits = score(full, torch.from_numpy(within)[None], "pointing").numpy()
                chance = within.mean() if within.any() else np.nan
            rows += _rows(methods, named(tolerance), name, "pointing", hits)
            rows.append(("", named(tolerance), name, "pointing-chance", chance))
        for measure in OF_MAPS if name in wholly else OF_MAPS[:1]:
            values, chance = unknown, np.nan
            if region is not None:
                values = score(full, torch.from_numpy(region)[None], measure).numpy()
                chance = region.mean() if region.any() else np.nan
            rows += _rows(methods, "", name, measure, values)
            rows.append(("", "", name, f"{measure}-chance", chance))
    return pd.DataFrame(rows, columns=OWN)


def score_selections(
    selected: Tensor,
    methods: Sequence[str],
    expert: np.ndarray | None,
    name: str,
    box: Letterbox,
    undefined: Collection[str] = (),
) -> pd.DataFrame:
    """The overlap of K selected regions with the expert's region `name` by every score of regions,
    the IoU that as large a region spread evenly would have, and the selected area.

    selected: bool (K, size, size), one per name in `methods`; expert: bool (height, width), None
    where not annotated. Columns as of `score_maps`; scores "iou", "dice", "precision", "recall",
    each with what as many pixels spread evenly would have ("iou-chance"), "area", a share of the
    image, and "covers", 1 where that is nearly all of it (FLAGGED). An empty region has IoU, Dice
    and recall 0, and no precision. undefined: methods whose map is zero everywhere, of which
    nothing was selected: every score of them is NaN.
    """
    full = from_square(selected, box)
    area = full.double().mean(dim=(1, 2))
    rows = _rows(methods, "", "", "area", area.numpy())
    rows += _rows(methods, "", "", "covers", (area > FLAGGED[1]).double().numpy())
    unknown = np.full(len(methods), np.nan)
    for measure in OF_REGIONS:
        values = unknown
        if expert is not None:
            values = score(full, torch.from_numpy(expert)[None], measure).numpy()
        rows += _rows(methods, "", name, measure, values)
    by_chance = dict.fromkeys(OF_REGIONS, unknown)
    if expert is not None and expert.any():
        share, taken = expert.mean(), area.numpy()
        by_chance = {
            "iou": area_expected_iou(area, torch.from_numpy(expert)[None]).numpy(),
            "dice": 2 * taken * share / (taken + share),
            "precision": np.where(taken > 0, share, np.nan),
            "recall": taken,
        }
    for measure, values in by_chance.items():
        rows += _rows(methods, "", name, f"{measure}-chance", values)
    found = pd.DataFrame(rows, columns=OWN)
    return found.assign(value=found["value"].mask(found["method"].isin(undefined)))


def score_readers(readers: Sequence[np.ndarray], name: str) -> pd.DataFrame:
    """How well people agree about the region `name`: each reader's against each other reader's, the
    mean over the pairs that are defined (a reader who drew nothing is no reference). Method HUMAN,
    the ceiling of what a map can be asked for."""
    masks = torch.from_numpy(np.stack(readers))
    first, second = zip(*itertools.permutations(range(len(masks)), 2))
    rows = []
    for measure in OF_REGIONS:
        values = score(masks[list(first)], masks[list(second)], measure)
        defined = values[~values.isnan()]
        rows.append((HUMAN, "", name, measure, float(defined.mean()) if len(defined) else np.nan))
    return pd.DataFrame(rows, columns=OWN)


def tuned_share(
    maps: Tensor,
    experts: Sequence[np.ndarray | None],
    boxes: Sequence[Letterbox],
    shares: Sequence[float],
) -> tuple[float, list[float]]:
    """Of `shares` of each map's maximum, ascending, the one whose regions
    (`selection.relative_max`) have the largest mean IoU with the expert's, the lowest of several,
    and the mean of each; as CheXlocalize (Saporta et al. 2022) tunes its thresholds. NaN where no
    share meets the expert's region anywhere.

    maps: (N, size, size) on the square, of cases nothing is tested on, those that are zero
    everywhere left out; experts: bool (height, width), as annotated.
    """
    means, silent = (
        [],
        torch.stack([says_nowhere(one[(None, *inner(box))])[0] for one, box in zip(maps, boxes)]),
    )
    for share in shares:
        above = functools.partial(select, method="relative-max", share=share)
        chosen = without_padding(above, maps, boxes)
        each = zip(chosen, experts, boxes)
        overlaps = [
            score(from_square(one[None], box), torch.from_numpy(drawn)[None], "iou")
            for one, drawn, box in each
        ]
        means.append(float(torch.cat(overlaps).masked_fill(silent, torch.nan).nanmean()))
    return shares[int(np.argmax(means))] if max(means) > 0 else float("nan"), means


def around(
    knobs: Mapping[str, float], sweep: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, float]]:
    """How regions around a mass are built otherwise, {label: parameters of
    `reference_regions.around_mass`}, the declared way first.

    knobs: those parameters as declared; sweep: "ring" -> factors of the ring's width, however it is
    given, and "below_height" -> heights. Raises ValueError for another name.
    """
    found = {"as declared": dict(knobs)}
    for name, values in sweep.items():
        if name not in ("ring", "below_height"):
            raise ValueError(
                f"params.yaml: compare.around has no {name!r}; known are ring, below_height"
            )
        for value in values:
            changed = (
                {key: value * knobs[key] for key in KNOBS[:3]} if name == "ring" else {name: value}
            )
            found[f"ring x {value}" if name == "ring" else f"{name} {value}"] = (
                dict(knobs) | changed
            )
    return found


def hits_around(
    masses: Sequence[np.ndarray | None],
    spacings: Sequence[float | None],
    places: Sequence[Sequence[tuple[float, float]]],
    region: str,
    **knobs: float,
) -> np.ndarray:
    """Whether maxima lie in `region` (a union, joined by +) as `reference_regions.around_mass`
    builds it with `knobs`: (N, K + 1), 1 or 0 for each of the K places of each of N cases, and last
    the share of the image that the region takes.

    masses: bool (height, width), None where not annotated; spacings: mm per pixel, None where
    unknown; places: as of `place_of_maximum`. NaN for a case without a mass, and for a map without
    a maximum.
    """
    rows = []
    for mass, spacing, where in zip(masses, spacings, places):
        if mass is None or not mass.any():
            rows.append(np.full(len(where) + 1, np.nan))
            continue
        built = reference_regions.combine(
            reference_regions.around_mass(mass, spacing, **knobs), region
        )
        assert built is not None, region
        known = ~np.isnan(np.array(where, float)).any(axis=1)
        hits = np.full(len(where), np.nan)
        hits[known] = crossed([place for place, told in zip(where, known) if told], [built])[:, 0]
        rows.append(np.append(hits, built.mean()))
    return np.stack(rows)


def place_of_maximum(heat: np.ndarray, box: Letterbox) -> tuple[float, float]:
    """Where a map (size, size) on the square has its maximum within the image, ties as in the
    pointing game: (down, across), shares of the image's height and width."""
    part = heat[inner(box)]
    row, column = points(torch.from_numpy(np.ascontiguousarray(part))[None])[0].tolist()
    return (row + 0.5) / part.shape[0], (column + 0.5) / part.shape[1]


def crossed(places: Sequence[tuple[float, float]], regions: Sequence[np.ndarray]) -> np.ndarray:
    """Which places lie in which regions, bool (N, M): places (down, across), shares of the height
    and width of their own image; regions bool (height, width), of images of any size."""

    def inside(region, down, across):
        return region[int(down * region.shape[0]), int(across * region.shape[1])]

    return np.array(
        [[inside(region, *place) for region in regions] for place in places], dtype=bool
    ).reshape(len(places), len(regions))


def _rows(
    methods: Sequence[str], where: str, region: str, measure: str, values: np.ndarray
) -> list[tuple]:
    return [(method, where, region, measure, value) for method, value in zip(methods, values)]
