"""Questions put to the maxima and scores of one study beside their means: other patients' regions, and groups of cases."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regard import statistics
from regard.comparison import crossed


def dealt(
    places: Sequence[np.ndarray],
    masks: Sequence[np.ndarray | None],
    inside: np.ndarray,
    rows: pd.DataFrame,
    draws: int,
    seed: int,
    within: str = "",
) -> dict:
    """`statistics.permuted` of whether maxima hit the region of their own case, of the cases that are `inside`, bool (N,), and have one.

    places: (down, across) of each maximum, as shares of its image (see `comparison.crossed`), NaN where there is none; masks: bool (H, W), empty or None where there is no region; rows:
    the cases, with `patient` and, where regions are dealt within groups alone, the column `within`.
    """
    kept = [
        at for at in np.flatnonzero(inside) if masks[at] is not None and masks[at].any() and not np.isnan(places[at][0])
    ]
    found = crossed([places[at] for at in kept], [masks[at] for at in kept])
    groups = rows[within].iloc[kept] if within else None
    told = statistics.permuted(found, rows["patient"].iloc[kept], draws, seed, groups)
    return told | {"n_maps": len(kept), "n_cases": rows["case"].iloc[kept].nunique()}


def between(scores: pd.DataFrame, question: str, side: pd.Series, draws: int, seed: int) -> pd.DataFrame:
    """The difference in means between two groups of cases, for each method, region and score of `scores`, with its interval over patients.

    side: for each row of `scores` whether it is in the first group, NaN for those in neither. Columns question, method, region, score,
    difference, ci_low, ci_high, n_first, n_second (the maps of each group), n_patients; rows with an undefined value are left out.
    """
    rows = []
    for key, part in scores.groupby(["method", "region", "score"], sort=False):
        part = part[side[part.index].notna() & part["value"].notna()]
        first, patients = side[part.index].to_numpy(bool), part["patient"].to_numpy()
        found = statistics.difference_between(part["value"].to_numpy(float), first, patients, draws, seed)
        rows.append({"question": question} | dict(zip(("method", "region", "score"), key)))
        rows[-1] |= dict(zip(("difference", "ci_low", "ci_high"), found))
        rows[-1] |= {
            "n_first": int(first.sum()),
            "n_second": int((~first).sum()),
            "n_patients": part["patient"].nunique(),
        }
    return pd.DataFrame(rows)


def confusion(summary: pd.DataFrame, findings: Sequence[str], method: str, selection: str) -> pd.DataFrame:
    """Mean IoU of the maps of each finding (rows) with the expert's region of each (columns), from rows of summary.csv; where a region of another
    finding stands, the mean is over the cases that have both. NaN where none has."""
    of = (summary["method"] == method) & (summary["selection"] == selection) & (summary["score"] == "iou")
    rows = summary[of & (summary["stratum"] == "all") & summary["target"].isin(findings)]
    rows = rows.drop_duplicates(["target", "region"])
    region = rows["region"].where(rows["region"] != "finding", rows["target"])
    table = rows.assign(region=region).pivot(index="target", columns="region", values="mean")
    return table.reindex(index=list(findings), columns=list(findings))
