"""A verdict for each claim of the papers, from the gathered tables, by a stated rule."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regard.claims.papers import PUBLISHED, figure
from regard.core.columns import CLAIMS
from regard.core.statistics import TESTED_FROM  # test patients; a claim about fewer is "not tested"
from regard.evaluation.summary import EMPTY_RULES, POOLED

HEADLINES = (POOLED, "each case's own")  # targets of the rows that claims are made on
# half the width of an interval, from which on it is too wide to say that a value in it was
# reproduced
WIDE = 0.1
# a p value, adjusted after Holm, that an order needs beside an interval on one side of zero
SMALL = 0.05

# rule of a claim -> (it holds, it does not hold), of an interval from low to high and the paper's
# value; neither: undecided
RULES = {
    "within the interval": lambda low, high, paper: (
        low <= paper <= high and high - low <= 2 * WIDE + 1e-9,
        not low <= paper <= high,
    ),
    "above zero": lambda low, high, paper: (low > 0, high < 0),
    "at least": lambda low, high, paper: (low >= paper, high < paper),
}
MEASURED = [
    "study",
    "data",
    "target",
    "value",
    "ci_low",
    "ci_high",
    "n_cases",
    "n_patients",
    "profile",
]


def verdict(
    low: float,
    high: float,
    paper: float,
    n_patients: int,
    data: str,
    rule: str = "within the interval",
    flagged: bool = False,
    p: float = float("nan"),
) -> str:
    """The verdict of an interval on a claim by one of RULES: "holds", "does not hold" or
    "undecided". An order, in either direction, also needs an adjusted p below SMALL. A value within
    an interval wider than twice WIDE is undecided.

    "not tested" with fewer than TESTED_FROM patients; "undecided" without an interval or a value to
    compare with, and where the selected areas are too small or large to order anything (flagged). A
    result on phantoms decides nothing about patients and says "on phantoms:".
    """
    if n_patients < TESTED_FROM:
        return "not tested"
    found = "undecided"
    if (
        not flagged
        and not np.isnan([low, high]).any()
        and not (np.isnan(paper) and rule != "above zero")
    ):
        holds, fails = RULES[rule](low, high, paper)
        sure = rule != "above zero" or p < SMALL
        found = (
            "undecided"
            if not sure
            else "holds"
            if holds
            else "does not hold"
            if fails
            else "undecided"
        )
    return f"on phantoms: {found}" if data == "phantom" else found


def claims(
    summary: pd.DataFrame,
    pairs: pd.DataFrame,
    performance: pd.DataFrame,
    concepts: pd.DataFrame,
    published: Mapping[str, str],
) -> pd.DataFrame:
    """The claims of the papers that studies reproduce, {study: name in PUBLISHED}, a row each;
    columns CLAIMS.

    summary, pairs, performance, concepts: the gathered tables, from which alone the verdicts come.
    """
    rows = []
    for study, name in sorted(published.items()):
        known: Any = PUBLISHED[name]
        ours = [table[table["study"] == study] for table in (summary, pairs, performance, concepts)]
        found = [
            *_figures(known, ours[2]),
            *_shares(known, ours[0]),
            *_orders(known, ours[1], ours[0]),
        ]
        found += _of_concepts(known, ours[3])
        rows += [part.assign(paper=known["paper"]) for part in found]
    table = pd.concat(rows) if rows else pd.DataFrame(columns=CLAIMS)
    table["flagged"] = [
        flagged is True or flagged == "True" for flagged in table["flagged"].tolist()
    ]
    decided = [
        verdict(
            row.ci_low,
            row.ci_high,
            row.paper_value,
            row.n_patients,
            row.data,
            row.rule,
            row.flagged,
            row.p_holm,
        )
        for row in table.itertuples()
    ]
    table["asked_by"] = (
        table["asked_by"].fillna("the paper") if "asked_by" in table else "the paper"
    )
    return table.assign(verdict=decided)[CLAIMS]


def _figures(known: Mapping, performance: pd.DataFrame) -> list[pd.DataFrame]:
    """What the paper's classifier achieved, beside ours after transfer learning, on the test
    patients and out of fold.
    """
    starts = {"transfer": "threshold=tuning split", "out of fold": "out of fold"}
    printed = [figure(known, *key) for key in zip(performance["target"], performance["metric"])]
    reached = performance.assign(paper_value=np.array(printed, float))
    reached = reached[reached["start"].isin(starts) & reached["paper_value"].notna()]
    setting = (
        reached["start"]
        .map(starts)
        .mask((reached["metric"] == "auroc") & (reached["start"] == "transfer"), "")
    )
    return [
        reached[[*MEASURED, "paper_value"]].assign(
            claim=reached["metric"],
            setting=setting,
            statistic=reached["metric"],
            rule="within the interval",
            p_holm=np.nan,
            chance=np.nan,
            flagged=False,
        )
    ]


def _shares(known: Mapping, summary: pd.DataFrame) -> list[pd.DataFrame]:
    """Means that the paper gives, or that must reach a value: rows of summary.csv, one for each
    setting.
    """
    found = []
    for told in known.get("means", []):
        rows = _where(summary, told["row"])
        rows = rows[~rows["target_role"].eq("true")].rename(columns={"mean": "value"})
        if rows.empty:
            blank = dict.fromkeys(("value", "ci_low", "ci_high", "chance"), np.nan) | {
                "setting": "",
                "n_cases": 0,
                "n_patients": 0,
            }
            rows = summary[["study", "data", "profile"]][:1].assign(target="", **blank)
        found.append(
            rows[[*MEASURED, "chance", "setting"]].assign(
                claim=told["claim"],
                paper_value=told["value"],
                statistic=f"mean {told['row']['score']}",
                rule=told.get("rule", "within the interval"),
                p_holm=np.nan,
                flagged=False,
                asked_by=told.get("asked_by", "the paper"),
            )
        )
    return found


def _orders(known: Mapping, pairs: pd.DataFrame, summary: pd.DataFrame) -> list[pd.DataFrame]:
    """One before another, in the mean of the paired differences: rows of pairs.csv. An order that
    was not compared, since one of the two explains a subset of the cases, is a row without a
    value."""
    found = []
    for told in known.get("orders", []):
        wanted = {"stratum": "all", "score": "iou", "method": "", "selection": ""} | told["row"]
        rows = _either_way(pairs, wanted)
        if rows.empty:
            rows = _fewest(summary, wanted)
        where = next((key for key in ("selection", "method") if wanted[key]), "region")
        setting = f"{where} {wanted[where]}"
        found.append(
            rows[MEASURED].assign(
                claim=told["claim"],
                paper_value=np.nan,
                setting=setting,
                statistic=f"mean paired difference in {wanted['score']}, "
                f"{wanted['first']} - {wanted['second']}",
                rule="above zero",
                p_holm=rows["p_holm"],
                chance=np.nan,
                flagged=rows["flagged"],
                asked_by=told.get("asked_by", "the paper"),
            )
        )
    return found


def _of_concepts(known: Mapping, concepts: pd.DataFrame) -> list[pd.DataFrame]:
    """What the paper says of clusters of activations: rows of concepts.csv, by their statistic."""
    found = []
    for told in known.get("concepts", []):
        rows = concepts[concepts["statistic"] == told["statistic"]]
        if rows.empty and len(concepts):  # the study was made, and this could not be asked of it
            blank = dict.fromkeys(("value", "ci_low", "ci_high", "p_holm"), np.nan) | {
                "n_cases": 0,
                "n_patients": 0,
            }
            rows = concepts[:1].assign(statistic=told["statistic"], **blank)
        said = {
            "claim": told["claim"],
            "paper_value": told.get("value", np.nan),
            "rule": told["rule"],
        }
        said["asked_by"] = told.get("asked_by", "the paper")
        found.append(rows.assign(**said, chance=np.nan, flagged=False))
    return found


def _fewest(summary: pd.DataFrame, wanted: Mapping) -> pd.DataFrame:
    """A row without a value for an order that was not compared: of the two, the one that fewer
    patients have, as it stands in summary.csv with the empty selections as 0; no patients where
    neither is there."""
    key = "selection" if wanted["method"] else "method"
    fixed = {
        name: value for name, value in wanted.items() if value and name not in ("first", "second")
    }
    rows = _where(summary, fixed)
    headline = (
        rows["target"].isin(HEADLINES)
        & rows["target_role"].ne("true")
        & rows["empty_rule"].astype(object).fillna("").isin(["", EMPTY_RULES[0]])
    )
    two = [rows[headline & rows[key].eq(wanted[place])] for place in ("first", "second")]
    some = pd.concat(two).nsmallest(1, "n_patients") if all(len(part) for part in two) else rows[:0]
    blank = dict.fromkeys(("value", "ci_low", "ci_high", "p_holm"), np.nan) | {"flagged": False}
    if some.empty:
        some = summary[["study", "data", "profile"]][:1].assign(target="", n_cases=0, n_patients=0)
    return some.assign(**blank)


def _either_way(pairs: pd.DataFrame, wanted: Mapping) -> pd.DataFrame:
    """The rows of a contrast, turned round where the table has the second first; the difference as
    `value`.
    """
    turned = _where(pairs, dict(wanted) | {"first": wanted["second"], "second": wanted["first"]})
    low, high = -turned["ci_high"], -turned["ci_low"]
    turned = turned.assign(difference=-turned["difference"], ci_low=low, ci_high=high)
    return pd.concat([_where(pairs, wanted), turned]).rename(columns={"difference": "value"})


def _where(table: pd.DataFrame, equal: Mapping) -> pd.DataFrame:
    """The rows with these entries; an undefined one is blank."""
    rows = pd.Series(True, table.index)
    for column, value in equal.items():
        rows &= table[column].astype(object).fillna("").eq(value)
    return table[rows]
