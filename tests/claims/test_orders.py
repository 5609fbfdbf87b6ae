"""Claims that one map, or one selection, comes before another: which rows of pairs.csv they take."""

import numpy as np
import pytest
from made_claims import EMPTY, LEFT_OUT, MEAN, NAN, ORDER, PAIR, POOLED, claims_by_hand


@pytest.fixture
def claimed(monkeypatch):
    return claims_by_hand(monkeypatch)


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
