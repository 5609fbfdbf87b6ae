"""From the tables of the studies to verdicts on claims, by hand."""

import numpy as np
import pandas as pd
import pytest
from small_scores import (
    BOTH,
    CONCEPTS,
    HITS,
    NAN,
    POINTING,
    PREDICTIONS,
    UNION,
    column,
    measured,
    one,
    table,
)

from regard.claims import verdicts
from regard.core import columns
from regard.evaluation import summary


@pytest.mark.parametrize(
    "value, low, high, paper, n_patients, data, wanted",
    [
        (0.8, 0.7, 0.9, 0.75, 40, "clinic", "holds"),
        (0.8, 0.7, 0.9, 0.7, 40, "clinic", "holds"),
        (0.8, 0.7, 0.9, 0.9, 40, "clinic", "holds"),
        (0.8, 0.7, 0.9, 0.91, 40, "clinic", "does not hold"),
        (0.8, 0.7, 0.9, 0.69, 40, "clinic", "does not hold"),
        (0.8, 0.76, 0.9, 0.75, 40, "clinic", "does not hold"),
        (0.8, 0.7, 0.74, 0.75, 40, "clinic", "does not hold"),
        (0.8, 0.7, 0.9, 0.75, 39, "clinic", "not tested"),
        (0.8, 0.7, 0.9, 0.75, 39, "phantom", "not tested"),
        (0.8, 0.7, 0.9, 0.75, 400, "phantom", "on phantoms: holds"),
        (0.8, 0.76, 0.9, 0.75, 400, "phantom", "on phantoms: does not hold"),
        (0.8, NAN, NAN, 0.75, 40, "clinic", "undecided"),
        (NAN, NAN, NAN, 0.75, 40, "phantom", "on phantoms: undecided"),
    ],
)
def test_verdict(value, low, high, paper, n_patients, data, wanted):
    """Neighbouring rows differ in one number, and so in the verdict where it should."""
    assert verdicts.verdict(low, high, paper, n_patients, data) == wanted


@pytest.mark.parametrize(
    "rule, low, high, paper, flagged, wanted",
    [
        ("above zero", 0.01, 0.2, NAN, False, "holds"),
        ("above zero", -0.2, -0.01, NAN, False, "does not hold"),
        ("above zero", -0.01, 0.2, NAN, False, "undecided"),
        ("above zero", 0.01, 0.2, NAN, True, "undecided"),
        ("above zero, p 0.06", 0.01, 0.2, NAN, False, "undecided"),
        ("above zero", NAN, NAN, NAN, False, "undecided"),
        ("at least", 0.9, 0.95, 0.9, False, "holds"),
        ("at least", 0.8, 0.89, 0.9, False, "does not hold"),
        ("at least", 0.8, 0.95, 0.9, False, "undecided"),
        ("at least", 0.8, 0.95, NAN, False, "undecided"),
    ],
)
def test_verdict_by_other_rules(rule, low, high, paper, flagged, wanted):
    """An order needs a small adjusted p beside its interval."""
    rule, _, p = rule.partition(", p ")
    more = (rule, flagged, float(p or 0.04))
    assert verdicts.verdict(low, high, paper, 40, "clinic", *more) == wanted
    assert verdicts.verdict(low, high, paper, 39, "clinic", *more) == "not tested"
    assert verdicts.verdict(low, high, paper, 40, "phantom", *more) == f"on phantoms: {wanted}"


def test_an_order_is_a_row_of_pairs_whichever_way_round_and_its_verdict_follows_the_number():
    """MeanShift over bins stands in the table as bins before meanshift; a changed number changes
    the verdict.
    """
    common = {
        "study": "h",
        "data": "clinic",
        "target": summary.blocks(PREDICTIONS)[0][0],
        "score": "iou",
        "stratum": "all",
    }
    assert common["target"] in verdicts.HEADLINES and summary.POOLED in verdicts.HEADLINES
    common |= {
        "n_cases": 50,
        "n_patients": 50,
        "flagged": False,
        "profile": "quick",
        "p_holm": 0.01,
    }
    rows = [
        {"method": "", "selection": "meanshift", "first": "gradient", "second": "lrp-z"}
        | {"difference": 0.1, "ci_low": 0.05, "ci_high": 0.2},
        {"method": "gradient", "selection": "", "first": "bins", "second": "meanshift"}
        | {"difference": 0.1, "ci_low": 0.05, "ci_high": 0.2},
    ]
    few = {
        "empty_rule": summary.EMPTY_RULES[0],
        "method": "lrp-epsilon",
        "selection": "meanshift",
        "n_patients": 7,
    } | {
        "mean": 0.1,
        "ci_low": 0.0,
        "ci_high": 0.2,
    }
    summarised = pd.DataFrame(
        [
            common | few,
            common | few | {"method": "gradient", "n_patients": 50},
            common | few | {"method": "lrp-epsilon", "selection": "top-area"},
            common | few | {"method": "gradient", "selection": "kmeans"},
        ]
    )
    nothing = pd.DataFrame(columns=[*measured()])
    found = verdicts.claims(
        summarised.assign(target_role="predicted"),
        pd.DataFrame(rows).assign(**common),
        nothing,
        CONCEPTS,
        {"h": "nedjar-2023"},
    )
    said = found.set_index("claim")
    assert said.loc["gradient over lrp-z", "verdict"] == "holds"
    assert said.loc["meanshift over bins", "verdict"] == "does not hold"
    assert (
        said.loc["meanshift over bins", ["value", "ci_low", "ci_high"]] == [-0.1, -0.2, -0.05]
    ).all()
    assert said.loc["gradient over lrp-epsilon", "verdict"] == "not tested", (
        "compared with nothing, since it explains a subset"
    )
    rows[0] |= {"ci_low": -0.05}
    again = verdicts.claims(
        summarised.assign(target_role="predicted"),
        pd.DataFrame(rows).assign(**common),
        nothing,
        CONCEPTS,
        {"h": "nedjar-2023"},
    )
    assert again.set_index("claim").loc["gradient over lrp-z", "verdict"] == "undecided"


def test_claims_about_clusters_are_rows_of_the_table_of_concepts():
    """Changing a number changes the verdict; an order needs its p."""
    row = dict.fromkeys(columns.CONCEPTS, "") | {
        "study": "p",
        "data": "clinic",
        "n_patients": 50,
        "ci_low": 0.1,
        "ci_high": 0.3,
        "p_holm": 0.01,
    }
    names = [
        "adjusted Rand index, nmf - colours",
        "AUROC, nmf",
        "rank correlation with occlusion",
        "another",
    ]
    table = pd.DataFrame([row | {"statistic": name} for name in names])
    none = pd.DataFrame(columns=[*measured()])

    def every(own):
        return verdicts.claims(
            pd.DataFrame(columns=columns.SUMMARY),
            pd.DataFrame(columns=columns.PAIRS),
            none,
            own,
            {"p": "bajger-2025"},
        )

    said = every(table).set_index("claim")["verdict"].to_dict()
    assert said == {
        "clusters match tissue better than colours": "holds",
        "cluster weights tell tumours": "does not hold",
        "clusters go with occlusion": "holds",
        # not asked of this study
        "clusters match tissue better than those of a random network": "not tested",
        "clusters go with grad-cam": "not tested",
    }

    def tested(own):
        return [verdict for verdict in every(own)["verdict"] if verdict != "not tested"]

    assert tested(table.assign(p_holm=0.2)) == ["undecided", "does not hold", "holds"]
    assert tested(table.assign(ci_low=-0.1)) == ["undecided", "does not hold", "undecided"]
    assert every(table[:0]).empty, "of a study without clusters nothing is said"


def test_claims_about_units_and_figures_of_each_class():
    """A paper's figure belongs to its class; what nobody was asked is not tested."""
    row = dict.fromkeys(columns.CONCEPTS, np.nan) | {
        "study": "m",
        "data": "clinic",
        "n_patients": 50,
        "ci_low": 0.1,
    }
    row |= {"ci_high": 0.3, "p_holm": 0.01}
    told = [
        row | {"statistic": f"F1 with the report, published - {other}"}
        for other in ("shuffled reports", "commonest words")
    ]
    told[1]["ci_high"], told[1]["ci_low"] = -0.01, -0.2
    told.append(
        row
        | {
            "statistic": "a reader's right answers from the text alone",
            "n_patients": 0,
            "ci_low": np.nan,
            "ci_high": np.nan,
        }
    )
    reached = pd.DataFrame(
        [
            measured(study="m") | {"target": target, "ci_low": 0.85, "ci_high": 0.9}
            for target in ("normal", "benign", "malignant", "mean of all")
        ]
    )
    empty = pd.DataFrame(columns=columns.SUMMARY), pd.DataFrame(columns=columns.PAIRS)
    found = verdicts.claims(*empty, reached, pd.DataFrame(told), {"m": "wu-2021"}).set_index(
        ["claim", "target"]
    )
    figures = found.loc["auroc"]
    assert figures["paper_value"].to_dict() == {
        "normal": 0.862,
        "benign": 0.844,
        "malignant": 0.872,
    }
    assert figures["verdict"].to_dict() == {
        "normal": "holds",
        "benign": "does not hold",
        "malignant": "holds",
    }
    said = found.reset_index().set_index("claim")["verdict"]
    assert said["explanations say more of their report than shuffled reports"] == "holds"
    assert said["explanations say more of their report than commonest words"] == "does not hold"
    assert said["a reader is as often right from the text alone"] == "not tested"
    assert said["labelled units matter more than units as active"] == "not tested", (
        "a row, though nothing was found"
    )
    asked = found.reset_index().set_index("claim")["asked_by"]
    assert asked["explanations say more of their report than shuffled reports"] == "Regard"
    assert set(asked[["auroc", "a reader is as often right from the text alone"]]) == {"the paper"}


def test_claims_put_the_papers_figures_beside_ours():
    """The networks' figures after transfer, and CAM's share in the three regions among correct
    cases, and no other.
    """
    scores = pd.concat(
        [table()]
        + [
            column(HITS, score, region=region, method=method, target_role=role, **POINTING)
            for score in ("pointing", "pointing-chance")
            for region in ("below", UNION)
            for method in ("cam", "lrp")
            for role in ("predicted", "true")
        ]
    )
    ours = summary.summarise(scores, BOTH, 100, "quick")
    found = verdicts.claims(
        ours,
        pd.DataFrame(columns=columns.PAIRS),
        pd.DataFrame(
            [
                measured(),
                measured("accuracy", low=0.84),
                measured(start="scratch"),
                measured("sensitivity", n_patients=39),
                measured("auprc"),
                measured(study="another"),
            ]
        ),
        CONCEPTS,
        {"s": "byra-2022"},
    )
    orders = found["claim"].str.startswith("cam over")
    assert orders.sum() == 3 and set(found.loc[orders, "verdict"]) == {"not tested"}
    found = found[~orders]
    assert list(found["claim"]) == ["auroc", "accuracy", "sensitivity", "three-regions"]
    assert list(found["target"]) == ["malignant"] * 3 + ["each case's own"]
    assert list(found["paper_value"]) == [0.887, 0.835, 0.801, 0.71]
    assert list(found["verdict"]) == ["holds", "does not hold", "not tested", "not tested"]
    share, row = (
        found.iloc[-1],
        one(ours, region=UNION, method="cam", stratum="correct", target_role="predicted"),
    )
    assert (share["value"], share["n_cases"], share["n_patients"]) == (row["mean"], 2, 2)


def test_changing_a_number_in_summary_changes_the_verdict():
    """Of the share of CAM in the three regions, as it stands in summary.csv: its interval, its
    patients, its data.
    """
    scores = pd.concat(
        column(HITS, score, region=UNION, **POINTING) for score in ("pointing", "pointing-chance")
    )
    ours = summary.summarise(scores, PREDICTIONS, 100, "full").assign(
        n_patients=60, ci_low=0.6, ci_high=0.75
    )
    none = (
        pd.DataFrame(columns=columns.PAIRS),
        pd.DataFrame(columns=[*measured()]),
        CONCEPTS,
        {"s": "byra-2022"},
    )

    def verdict(**change):
        found = verdicts.claims(ours.assign(**change), *none).set_index("claim")
        return found.loc["three-regions", "verdict"]

    assert verdict(data="clinic") == "holds" and verdict(data="phantom") == "on phantoms: holds"
    assert (
        verdict(data="clinic", ci_high=0.7)
        == verdict(data="clinic", ci_low=0.72)
        == "does not hold"
    )
    assert verdict(data="clinic", n_patients=39) == "not tested"
    assert (
        verdict(data="clinic", ci_low=0.5) == verdict(data="clinic", ci_low=NAN) == "undecided"
    ), "too wide, and none"
