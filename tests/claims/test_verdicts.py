"""Claims from hand-made tables of one study: which rows they are made of, what they say, and what
counts as no answer.
"""

import numpy as np
import pandas as pd
import pytest
from made_claims import (
    CONCEPT,
    MEAN,
    NAN,
    NONE,
    ORDER,
    PAIR,
    POOLED,
    REACHED,
    STUDY,
    claims_by_hand,
)

from regard.claims import verdicts
from regard.core import columns


@pytest.fixture
def claimed(monkeypatch):
    return claims_by_hand(monkeypatch)


def test_no_study_reproduces_a_paper():
    found = verdicts.claims(*NONE.values(), published={})
    assert found.empty and found.columns.tolist() == columns.CLAIMS


@pytest.mark.parametrize("name", list(NONE))
def test_a_paper_of_which_nothing_was_done_has_no_claims(claimed, name):
    """Rows of another study are no rows of this one."""
    row = {"summary": MEAN, "pairs": PAIR, "performance": REACHED, "concepts": CONCEPT}[name] | {
        "study": "another"
    }
    every = {
        "figures": {"auroc": 0.8},
        "concepts": [{"claim": "c", "statistic": "purity", "rule": "at least"}],
    }
    every["means"] = [{"claim": "m", "value": 0.7, "row": {"score": "pointing"}}]
    every["orders"] = [
        {"claim": "o", "row": {"selection": "otsu", "first": "cam", "second": "lrp"}}
    ]
    assert claimed(every, **{name: [row]}).empty


def test_figures_are_of_the_networks_that_the_paper_speaks_of(claimed):
    rows = [
        REACHED,
        REACHED | {"metric": "accuracy"},
        REACHED | {"start": "scratch"},
        REACHED | {"metric": "auprc"},
    ]
    rows += [row | {"start": "out of fold", "value": 0.6} for row in rows[:2]]
    found = claimed({"figures": {"auroc": 0.84, "accuracy": 0.9}}, performance=rows)
    assert found["setting"].tolist() == ["", "threshold=tuning split", "out of fold", "out of fold"]
    assert found["claim"].tolist() == found["statistic"].tolist() == ["auroc", "accuracy"] * 2
    assert found["paper_value"].tolist() == [0.84, 0.9] * 2 and found["value"].tolist() == [
        0.8,
        0.8,
        0.6,
        0.6,
    ]
    assert found["verdict"].tolist() == ["holds", "does not hold"] * 2
    assert set(found["rule"]) == {"within the interval"} and set(found["asked_by"]) == {"the paper"}
    for column, value in (
        STUDY | {"target": "bad", "ci_low": 0.75, "ci_high": 0.85, "paper": "Made 2020"}
    ).items():
        assert found[column].tolist() == [value] * 4
    assert found[["p_holm", "chance"]].isna().all(axis=None) and not found["flagged"].any()


def test_a_figure_of_one_class_is_no_figure_of_another(claimed):
    rows = [REACHED | {"target": target} for target in ("bad", "good", "mean of all")]
    found = claimed({"figures": {"auroc": {"bad": 0.9, "good": 0.8}}}, performance=rows)
    assert found[["target", "paper_value"]].values.tolist() == [["bad", 0.9], ["good", 0.8]]


POINTING = {"score": "pointing", "method": "cam", "region": "mass", "stratum": "all"}


@pytest.mark.parametrize(
    "rule, paper, wanted",
    [
        (None, 0.7, "holds"),
        (None, 0.64, "does not hold"),
        ("at least", 0.65, "holds"),
        ("at least", 0.7, "undecided"),
        ("at least", 0.76, "does not hold"),
    ],
)
def test_a_mean_beside_the_papers(claimed, rule, paper, wanted):
    told = {"claim": "hits", "value": paper, "row": POINTING} | ({"rule": rule} if rule else {})
    found = claimed({"means": [told]}, summary=[MEAN])
    assert len(found) == 1
    row = found.iloc[0]
    assert (row["claim"], row["statistic"], row["verdict"]) == ("hits", "mean pointing", wanted)
    assert (row["value"], row["chance"], row["paper_value"], row["target"]) == (
        0.7,
        0.2,
        paper,
        POOLED,
    )
    assert row["rule"] == (rule or "within the interval") and np.isnan(row["p_holm"])
    assert claimed({"means": [told | {"asked_by": "Regard"}]}, summary=[MEAN])[
        "asked_by"
    ].tolist() == ["Regard"]


@pytest.mark.parametrize(
    "change",
    [
        {"score": "mass"},
        {"method": "lrp"},
        {"region": "below"},
        {"stratum": "correct"},
        {"target_role": "true"},
    ],
    ids=str,
)
def test_a_mean_takes_no_other_row(claimed, change):
    """The other row comes first and has another mean; alone it leaves the claim without a row, and
    so not tested.
    """
    told = {"means": [{"claim": "hits", "value": 0.7, "row": POINTING}]}
    other = MEAN | change | {"mean": 0.1}
    assert claimed(told, summary=[other, MEAN])["value"].tolist() == [0.7]
    missing = claimed(told, summary=[other]).iloc[0]
    assert (
        missing["verdict"] == "not tested" and np.isnan([missing["value"], missing["ci_low"]]).all()
    )
    assert (missing["n_cases"], missing["n_patients"], missing["target"], missing["setting"]) == (
        0,
        0,
        "",
        "",
    )
    assert (missing["study"], missing["data"], missing["profile"]) == ("s", "clinic", "quick")


def test_a_mean_has_a_row_for_each_setting_and_undefined_is_blank(claimed):
    rows = [MEAN | {"setting": f"tolerance={at}", "mean": at / 10} for at in (3, 7)]
    told = {"claim": "hits", "value": 0.7, "row": POINTING | {"selection": ""}}
    found = claimed({"means": [told]}, summary=[*rows, MEAN | {"selection": "otsu"}])
    assert found[["setting", "value"]].values.tolist() == [
        ["tolerance=3", 0.3],
        ["tolerance=7", 0.7],
    ]


@pytest.mark.parametrize(
    "rule, paper, change, wanted",
    [
        ("within the interval", 0.7, {}, "holds"),
        ("within the interval", 0.6, {}, "does not hold"),
        ("within the interval", 0.7, {"ci_low": 0.6}, "undecided"),  # wider than twice WIDE
        ("at least", 0.7, {}, "holds"),
        ("at least", NAN, {}, "undecided"),
        ("above zero", NAN, {"p_holm": 0.01}, "holds"),
        ("above zero", NAN, {"p_holm": 0.05}, "undecided"),
        ("above zero", NAN, {"ci_low": -0.2, "ci_high": -0.1, "p_holm": 0.01}, "does not hold"),
        ("above zero", NAN, {"p_holm": 0.01, "n_patients": 39}, "not tested"),
        ("above zero", NAN, {"p_holm": 0.01, "data": "phantom"}, "on phantoms: holds"),
    ],
)
def test_a_claim_about_clusters(claimed, rule, paper, change, wanted):
    told = {"claim": "pure", "statistic": "purity", "rule": rule} | (
        {} if np.isnan(paper) else {"value": paper}
    )
    other = CONCEPT | {"statistic": "another", "value": 0.1}
    found = claimed({"concepts": [told]}, concepts=[other, CONCEPT | change])
    assert found[["claim", "statistic", "value", "rule", "verdict"]].values.tolist() == [
        ["pure", "purity", 0.8, rule, wanted]
    ]
    np.testing.assert_array_equal(found["paper_value"].astype(float), [paper])
    assert found["asked_by"].tolist() == ["the paper"] and not found["flagged"].any()


def test_a_claim_that_could_not_be_asked_is_a_row_without_a_value(claimed):
    told = {
        "claim": "pure",
        "statistic": "purity",
        "rule": "at least",
        "value": 0.5,
        "asked_by": "Regard",
    }
    found = claimed({"concepts": [told]}, concepts=[CONCEPT | {"statistic": "another"}]).iloc[0]
    assert found["verdict"] == "not tested" and (found["n_cases"], found["n_patients"]) == (0, 0)
    assert np.isnan(found[["value", "ci_low", "ci_high", "p_holm"]].astype(float)).all()
    assert (found["statistic"], found["paper_value"], found["asked_by"]) == (
        "purity",
        0.5,
        "Regard",
    )


def test_claims_of_all_kinds_stand_in_one_table(claimed, monkeypatch):
    """Studies by name, and of each the figures, the means, the orders and what is said of
    clusters.
    """
    paper = {
        "figures": {"auroc": 0.8},
        "means": [{"claim": "hits", "value": 0.7, "row": POINTING, "asked_by": "Regard"}],
        "orders": [ORDER],
        "concepts": [{"claim": "pure", "statistic": "purity", "rule": "at least", "value": 0.5}],
    }
    monkeypatch.setitem(verdicts.PUBLISHED, "made", {"paper": "Made 2020"} | paper)
    monkeypatch.setitem(
        verdicts.PUBLISHED, "other", {"paper": "Other 2021", "figures": {"auroc": 0.5}}
    )
    reached = pd.DataFrame([REACHED, REACHED | {"study": "a"}])
    tables = [pd.DataFrame([MEAN]), pd.DataFrame([PAIR]), reached, pd.DataFrame([CONCEPT])]
    found = verdicts.claims(*tables, {"s": "made", "a": "other"})
    assert found.columns.tolist() == columns.CLAIMS
    assert found[["study", "claim", "paper", "asked_by"]].values.tolist() == [
        ["a", "auroc", "Other 2021", "the paper"],
        ["s", "auroc", "Made 2020", "the paper"],
        ["s", "hits", "Made 2020", "Regard"],
        ["s", "cam over lrp", "Made 2020", "the paper"],
        ["s", "pure", "Made 2020", "the paper"],
    ]
    assert found["verdict"].tolist() == ["does not hold", "holds", "holds", "holds", "holds"]
