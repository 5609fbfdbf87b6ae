"""Rows of the gathered tables of one study, for claims that are made by hand."""

from collections.abc import Callable

import pandas as pd
import pytest

from regard.claims import verdicts
from regard.core import columns
from regard.evaluation import summary

NAN = float("nan")
POOLED = summary.POOLED
EMPTY, LEFT_OUT = summary.EMPTY_RULES[:2]
PERFORMANCE = [
    "study",
    "data",
    "start",
    "target",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n_cases",
    "n_patients",
]
PERFORMANCE += ["profile"]
NONE = {
    "summary": pd.DataFrame(columns=columns.SUMMARY),
    "pairs": pd.DataFrame(columns=columns.PAIRS),
    "performance": pd.DataFrame(columns=PERFORMANCE),
    "concepts": pd.DataFrame(columns=columns.CONCEPTS),
}
STUDY = {"study": "s", "data": "clinic", "profile": "quick", "n_cases": 60, "n_patients": 50}
REACHED = STUDY | {
    "start": "transfer",
    "target": "bad",
    "metric": "auroc",
    "value": 0.8,
    "ci_low": 0.75,
    "ci_high": 0.85,
}
MEAN = STUDY | {
    "target": POOLED,
    "target_role": "predicted",
    "method": "cam",
    "selection": NAN,
    "setting": NAN,
}
MEAN |= {
    "region": "mass",
    "score": "pointing",
    "stratum": "all",
    "empty_rule": NAN,
    "mean": 0.7,
    "chance": 0.2,
}
MEAN |= {"ci_low": 0.65, "ci_high": 0.75, "selected_area": NAN, "flagged": False}
PAIR = STUDY | {
    "target": POOLED,
    "method": NAN,
    "selection": "otsu",
    "region": "mass",
    "score": "iou",
    "stratum": "all",
}
PAIR |= {
    "first": "cam",
    "second": "lrp",
    "difference": 0.1,
    "ci_low": 0.05,
    "ci_high": 0.2,
    "p_holm": 0.01,
}
PAIR |= {"flagged": False}
CONCEPT = STUDY | {
    "target": "",
    "setting": "",
    "statistic": "purity",
    "value": 0.8,
    "ci_low": 0.7,
    "ci_high": 0.85,
}
CONCEPT |= {"p_holm": NAN}
ORDER = {"claim": "cam over lrp", "row": {"selection": "otsu", "first": "cam", "second": "lrp"}}


def claims_by_hand(monkeypatch: pytest.MonkeyPatch) -> Callable[..., pd.DataFrame]:
    """The claims of a made-up paper about study s, from tables that are empty where they are not
    given.
    """

    def found(paper: dict, **tables: list[dict]) -> pd.DataFrame:
        monkeypatch.setitem(verdicts.PUBLISHED, "made", {"paper": "Made 2020"} | paper)
        rows = {
            name: pd.DataFrame(tables[name]) if name in tables else empty
            for name, empty in NONE.items()
        }
        return verdicts.claims(**rows, published={"s": "made"})

    return found
