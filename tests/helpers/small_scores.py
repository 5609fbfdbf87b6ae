"""Scores of four cases, small enough to be averaged by hand."""

import numpy as np
import pandas as pd

from regard.core import columns
from regard.data import reference_regions

NAN = float("nan")


CONCEPTS = pd.DataFrame(columns=columns.CONCEPTS)


UNION = "mass+peritumoral+below"


NAMES = [*reference_regions.AROUND_MASS, UNION]


# four cases of three patients; d is not annotated, so undefined
PREDICTIONS = pd.DataFrame(
    {
        "case": list("abcd"),
        "patient": ["p1", "p1", "p2", "p3"],
        "label": ["benign", "benign", "malignant", "malignant"],
        "correct": [True, False, True, True],
        "target": "malignant",
        "target_role": "predicted",
    }
)


BOTH = pd.concat([PREDICTIONS, PREDICTIONS.assign(target_role="true")])


EXPERT = ["mass", UNION]


HITS, HIT_CHANCE = [1.0, 0.0, 1.0, NAN], [0.1, 0.2, 0.3, NAN]


IOU, IOU_CHANCE, AREA = [0.5, 0.0, 0.25, NAN], [0.2, 0.1, 0.3, NAN], [0.1, 0.2, 0.4, 0.9]


POINTING = {"selection": NAN, "setting": "tolerance=0/224"}


SELECTED = {"selection": "top-area", "setting": "area=0.1"}


def column(
    values, score, region="mass", method="cam", target_role="predicted", cases=PREDICTIONS, **more
):
    """One score of all cases as rows of scores.csv."""
    common = {
        "study": "s",
        "data": "made",
        "split": "test",
        "target": "malignant",
        "target_role": target_role,
        "method": method,
        "region": region,
        "score": score,
    }
    return pd.DataFrame(
        [
            common | more | {"case": case, "patient": patient, "value": value}
            for case, patient, value in zip(cases["case"], cases["patient"], values)
        ]
    )


def table(**more):
    """scores.csv of one method: the pointing game and the IoU of one selection."""
    return pd.concat(
        [
            column(HITS, "pointing", **POINTING, **more),
            column(HIT_CHANCE, "pointing-chance", **POINTING, **more),
            column(IOU, "iou", **SELECTED, **more),
            column(IOU_CHANCE, "iou-chance", **SELECTED, **more),
            column(AREA, "area", region=NAN, **SELECTED, **more),
        ],
        ignore_index=True,
    )


def one(frame, **equal):
    """The one row of a table with these entries."""
    rows = frame[np.logical_and.reduce([frame[key] == value for key, value in equal.items()])]
    assert len(rows) == 1
    return rows.iloc[0]


def contrasts(last=NAN):
    """Two methods and a null map, with rows that the paired table must leave out; last: the null
    map's value of a case of which both methods are undefined."""
    values = {
        "cam": [1.0, 0.0, 1.0, NAN],
        "lrp": [1.0, 1.0, 1.0, NAN],
        "ones": [0.0, 0.0, 1.0, last],
    }
    tables = [
        column(value, "pointing", region=region, method=method, **POINTING)
        for method, value in values.items()
        for region in ("mass", UNION, "below")
    ]
    tables += [
        column(value, score, method=method, **SELECTED)
        for method, value in values.items()
        for score in ("iou", "iou-chance")
    ]
    tables += [
        column(value, "pointing", method=method, selection=NAN, setting="tolerance=15/224")
        for method, value in values.items()
    ]
    tables += [
        column(value, "pointing", method=method, target_role="true", **POINTING)
        for method, value in values.items()
    ]
    return pd.concat(tables, ignore_index=True)


def measured(metric="auroc", start="transfer", low=0.8, n_patients=40, study="s"):
    return {
        "start": start,
        "metric": metric,
        "study": study,
        "data": "made",
        "value": 0.9,
        "ci_low": low,
        "ci_high": 0.95,
        "n_cases": 50,
        "n_patients": n_patients,
        "target": "malignant",
        "profile": "quick",
    }
