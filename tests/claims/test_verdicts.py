"""Claims from hand-made tables of one study: which rows they are made of, what they say, and what
counts as no answer.
"""

import numpy as np
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


@pytest.fixture
def claimed(monkeypatch):
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


ORDER = {"claim": "cam over lrp", "row": {"selection": "otsu", "first": "cam", "second": "lrp"}}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    "low, high, p, flagged, wanted",
    [
        (0.05, 0.2, 0.01, False, "holds"),
        (-0.2, -0.05, 0.01, False, "does not hold"),
        (-0.05, 0.2, 0.01, False, "undecided"),
        (0.05, 0.2, 0.06, False, "undecided"),
        (-0.2, -0.05, 0.06, False, "undecided"),
        (0.05, 0.2, NAN, False, "undecided"),
        (0.05, 0.2, 0.01, True, "undecided"),
        (0.05, 0.2, 0.01, "True", "undecided"),
        (0.05, 0.2, 0.01, "False", "holds"),
        (0.05, 0.2, 0.01, NAN, "holds"),
    ],
)
def test_an_order_from_either_side(claimed, turned, low, high, p, flagged, wanted):
    """Where the table has the second first, its numbers are turned round; whatever is read from CSV
    says the same.
    """
    row = PAIR | {
        "difference": (low + high) / 2,
        "ci_low": low,
        "ci_high": high,
        "p_holm": p,
        "flagged": flagged,
    }
    if turned:
        row |= {
            "first": "lrp",
            "second": "cam",
            "difference": -(low + high) / 2,
            "ci_low": -high,
            "ci_high": -low,
        }
    found = claimed({"orders": [ORDER]}, summary=[MEAN], pairs=[row])
    assert len(found) == 1
    assert found["verdict"].tolist() == [wanted]
    assert found[["value", "ci_low", "ci_high"]].values.tolist() == [[(low + high) / 2, low, high]]
    assert found["statistic"].tolist() == ["mean paired difference in iou, cam - lrp"]
    assert found["flagged"].tolist() == [flagged in (True, "True")] and found[
        "setting"
    ].tolist() == ["selection otsu"]
    assert found["asked_by"].tolist() == ["the paper"] and found["rule"].tolist() == ["above zero"]


@pytest.mark.parametrize(
    "change",
    [
        {"score": "dice"},
        {"stratum": "correct"},
        {"selection": "bins"},
        {"method": "cam"},
        {"second": "lime"},
    ],
    ids=str,
)
def test_an_order_takes_no_other_row(claimed, change):
    found = claimed(
        {"orders": [ORDER]}, summary=[MEAN], pairs=[PAIR | change | {"difference": 0.9}, PAIR]
    )
    assert found["value"].tolist() == [0.1]


@pytest.mark.parametrize(
    "row, setting",
    [
        ({"selection": "otsu", "first": "cam", "second": "lrp"}, "selection otsu"),
        ({"method": "cam", "first": "otsu", "second": "bins"}, "method cam"),
        ({"score": "pointing", "region": "mass", "first": "cam", "second": "lrp"}, "region mass"),
    ],
)
def test_an_order_names_where_it_holds(claimed, row, setting):
    pair = PAIR | {"selection": NAN, "method": NAN} | row
    order = {"claim": "o", "row": row, "asked_by": "Regard"}
    found = claimed({"orders": [order]}, summary=[MEAN], pairs=[pair])
    assert found["setting"].tolist() == [setting] and found["value"].tolist() == [0.1]
    assert found["asked_by"].tolist() == ["Regard"]


FEW = MEAN | {"selection": "otsu", "score": "iou", "mean": 0.3}


@pytest.mark.parametrize("fewer", ["cam", "lrp"])
@pytest.mark.parametrize("rule", [EMPTY, NAN])
def test_an_order_that_was_not_compared_has_the_patients_of_the_smaller_map(claimed, fewer, rule):
    """Enough patients of both leave it undecided, for want of a number; too few of one, not
    tested.
    """
    rows = [
        FEW | {"method": name, "n_patients": 45 if name == fewer else 50} for name in ("cam", "lrp")
    ]
    rows = [row | {"empty_rule": rule, "n_cases": row["n_patients"] + 1} for row in rows]
    found = claimed({"orders": [ORDER]}, summary=rows).iloc[0]
    assert (found["n_patients"], found["n_cases"], found["target"]) == (45, 46, POOLED)
    assert found["verdict"] == "undecided" and not found["flagged"]
    assert np.isnan(found[["value", "ci_low", "ci_high", "p_holm"]].astype(float)).all()
    rows = [row | {"n_patients": row["n_patients"] - 10} for row in rows]
    assert claimed({"orders": [ORDER]}, summary=rows)["verdict"].tolist() == ["not tested"]


@pytest.mark.parametrize(
    "change",
    [
        {"target": "bad"},
        {"target_role": "true"},
        {"empty_rule": LEFT_OUT},
        {"stratum": "correct"},
        {"selection": "bins"},
        {"score": "dice"},
        {"method": "lime"},
    ],
    ids=str,
)
def test_no_other_row_says_how_many_patients_were_not_compared(claimed, change):
    """A row that differs in one column has fewer patients, and is still not the one; in its place
    nobody was there.
    """
    both = [FEW | {"method": name, "empty_rule": EMPTY} for name in ("cam", "lrp")]
    other = both[0] | change | {"n_patients": 7}
    assert claimed({"orders": [ORDER]}, summary=[other, *both])["n_patients"].tolist() == [50]
    nobody = claimed({"orders": [ORDER]}, summary=[other, both[1]]).iloc[0]
    assert (nobody["n_patients"], nobody["n_cases"], nobody["target"]) == (0, 0, "")
    assert nobody["verdict"] == "not tested" and (nobody["study"], nobody["data"]) == (
        "s",
        "clinic",
    )


def test_two_selections_of_one_map_that_were_not_compared(claimed):
    """With the map fixed, what is compared are selections: the smaller of the two counts."""
    rows = [
        FEW | {"selection": name, "n_patients": count}
        for name, count in (("otsu", 48), ("bins", 44), ("km", 3))
    ]
    order = {"claim": "o", "row": {"method": "cam", "first": "otsu", "second": "bins"}}
    assert claimed({"orders": [order]}, summary=rows)["n_patients"].tolist() == [44]


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
