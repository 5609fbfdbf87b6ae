"""Questions put to the maxima and scores of one study beside their means: other patients' regions,
the border, and groups of cases.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regard.core import statistics
from regard.data.letterbox import Letterbox, inner
from regard.evaluation.localisation import crossed

# the width of the ring that is called an image's border, as a share of its longer side: a cell of
# a VGG's CAM at 224 pixels
BORDER = 1 / 14
BORDERS = [
    "method",
    "kind",
    "value",
    "ci_low",
    "ci_high",
    "expected",
    "expert",
    "in_padding",
    "n_maps",
    "n_patients",
]


def dealt(
    places: Sequence[tuple[float, float]],
    masks: Sequence[np.ndarray | None],
    inside: np.ndarray,
    rows: pd.DataFrame,
    draws: int,
    seed: int,
    within: str = "",
) -> dict:
    """`statistics.permuted` of whether maxima hit the region of their own case, of the cases that
    are `inside`, bool (N,), and have one.

    places: (down, across) of each maximum, as shares of its image (see `localisation.crossed`), NaN
    where there is none; masks: bool (H, W), empty or None where there is no region; rows: the
    cases, with `patient` and, where regions are dealt within groups alone, the column `within`.
    """
    kept = [
        at
        for at in np.flatnonzero(inside).tolist()
        if (mask := masks[at]) is not None and mask.any() and not np.isnan(places[at][0])
    ]
    regions = [mask for at in kept if (mask := masks[at]) is not None]
    found = crossed([places[at] for at in kept], regions)
    groups = rows[within].iloc[kept] if within else None
    told = statistics.permuted(found, rows["patient"].iloc[kept], draws, seed, groups)
    return told | {"n_maps": len(kept), "n_cases": rows["case"].iloc[kept].nunique()}


def ring(height: int, width: int, share: float = BORDER) -> np.ndarray:
    """The border of an image, bool (height, width): the pixels whose centre is less than `share` of
    the longer side from an edge.
    """
    from_edge = [
        np.minimum(np.arange(side) + 0.5, side - np.arange(side) - 0.5) for side in (height, width)
    ]
    return np.minimum.outer(*from_edge) < share * max(height, width)


def in_padding(heat: np.ndarray, box: Letterbox) -> bool:
    """Whether the largest value of a map (size, size) on the square lies outside of the image,
    where nothing is scored.
    """
    return bool(heat.max() > heat[inner(box)].max())


def borders(
    places: Mapping[str, Sequence[tuple[float, float]]],
    padded: Mapping[str, Sequence[bool]],
    shapes: Sequence[tuple[int, int]],
    experts: Sequence[np.ndarray | None],
    patients: Sequence[str],
    nulls: Sequence[str] = (),
) -> pd.DataFrame:
    """How often the maximum of a map lies at the border of its image (`ring`); a row for each
    method, columns BORDERS.

    Convolutions pad with zeros, so what a network gives at the border differs from what it gives
    elsewhere, whatever is shown there. places: for each method and map (down, across), as of
    `localisation.place_of_maximum`, NaN where there is none; padded: as of `in_padding`; shapes:
    height and width of each image; experts: its expert's region, bool (H, W), empty or None where
    there is none. value: the share of the maps, with Wilson's interval over patients; expected: the
    share of the area that the border takes, which a uniformly random point would hit; expert: the
    mean share of the expert's region that lies there; in_padding: the number of maps whose largest
    value is in the padding of the square.
    """
    rings = {shape: ring(*shape) for shape in set(shapes)}
    area = np.array([rings[shape].mean() for shape in shapes])
    drawn = np.array(
        [
            rings[mask.shape][mask].mean() if mask is not None and mask.any() else np.nan
            for mask in experts
        ]
    )
    rows = []
    for name, found in places.items():
        known = ~np.isnan(np.array(found, dtype=float)).any(axis=1)
        hits = np.full(len(found), np.nan)
        for at in np.flatnonzero(known).tolist():
            hits[at] = crossed([found[at]], [rings[shapes[at]]])[0, 0]
        share = statistics.mean_intervals(
            hits[:, None], np.asarray(patients), 1, 0, np.array([True])
        )
        row: dict[str, Any] = {"method": name, "kind": "null" if name in nulls else "method"}
        row |= dict(zip(("value", "ci_low", "ci_high"), (float(end[0]) for end in share)))
        row |= {
            "expected": area[known].mean() if known.any() else np.nan,
            "expert": _mean(drawn[known]),
        }
        row |= {"in_padding": int(np.sum(padded[name])), "n_maps": int(known.sum())}
        rows.append(row | {"n_patients": len(set(np.asarray(patients)[known]))})
    return pd.DataFrame(rows, columns=BORDERS)


def _mean(values: np.ndarray) -> float:
    """The mean of the defined values, NaN without one."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def of_border(row: Mapping) -> str:
    """What a row of `borders` says, in a sentence."""
    said = (
        "no interval"
        if np.isnan(row["ci_low"])
        else f"95 % interval {row['ci_low']:.0%} to {row['ci_high']:.0%}"
    )
    prefers = "; the map prefers the border" if row["ci_low"] > row["expected"] else ""
    return (
        f"{row['method']}: the maximum lies at the border in {row['value']:.0%} "
        f"of {row['n_maps']} maps ({said}); "
        f"a uniformly random point would in {row['expected']:.0%}, "
        f"and {row['expert']:.0%} of the expert's region lies there{prefers}"
    )


def between(
    scores: pd.DataFrame, question: str, side: pd.Series, draws: int, seed: int
) -> pd.DataFrame:
    """The difference in means between two groups of cases, for each method, region and score of
    `scores`, with its interval over patients.

    side: for each row of `scores` whether it is in the first group, NaN for those in neither.
    Columns question, method, region, score, difference, ci_low, ci_high, n_first, n_second (the
    maps of each group), n_patients; rows with an undefined value are left out.
    """
    rows = []
    for key, part in scores.groupby(["method", "region", "score"], sort=False):
        part = part[side[part.index].notna() & part["value"].notna()]
        first, patients = side[part.index].to_numpy(bool), part["patient"].to_numpy()
        found = statistics.difference_between(
            part["value"].to_numpy(float), first, patients, draws, seed
        )
        rows.append({"question": question} | dict(zip(("method", "region", "score"), key)))
        rows[-1] |= dict(zip(("difference", "ci_low", "ci_high"), found))
        rows[-1] |= {
            "n_first": int(first.sum()),
            "n_second": int((~first).sum()),
            "n_patients": part["patient"].nunique(),
        }
    return pd.DataFrame(rows)


def confusion(
    summary: pd.DataFrame, findings: Sequence[str], method: str, selection: str
) -> pd.DataFrame:
    """Mean IoU of the maps of each finding (rows) with the expert's region of each (columns), from
    rows of summary.csv; where a region of another finding stands, the mean is over the cases
    that have both. NaN where none has.
    """
    of = (
        (summary["method"] == method)
        & (summary["selection"] == selection)
        & (summary["score"] == "iou")
    )
    rows = summary[of & (summary["stratum"] == "all") & summary["target"].isin(findings)]
    rows = rows.drop_duplicates(["target", "region"])
    region = rows["region"].where(rows["region"] != "finding", rows["target"])
    table = rows.assign(region=region).pivot(index="target", columns="region", values="mean")
    return table.reindex(index=list(findings), columns=list(findings))
