"""Paired differences, on cases small enough to be done by hand."""

import numpy as np
import pandas as pd
import pytest
from small_scores import (
    EXPERT,
    POINTING,
    PREDICTIONS,
    SELECTED,
    UNION,
    column,
    contrasts,
    one,
    table,
)

from regard.core import statistics
from regard.evaluation import summary


def test_families_are_adjusted_each_by_itself():
    """Mass is the primary endpoint; IoU of cam over ones is claimed, the other way round; the rest
    is secondary.
    """
    given = (contrasts(), PREDICTIONS, ["cam", "lrp"], ["ones"], EXPERT, 2000, "quick")
    where = {"first": "ones", "second": "cam", "selection": SELECTED["selection"]}
    found = summary.pairs(*given, primary={"score": "pointing", "region": "mass"}, claimed=[where])
    first = (found["score"] == "pointing") & (found["region"] == "mass")
    told = (
        (found["score"] == "iou")
        & (found["first"] == "cam")
        & (found["second"] == "ones")
        & (found["stratum"] == "all")
    )
    assert (
        found["family"] == np.where(first, "primary", np.where(told, "published", "secondary"))
    ).all()
    assert told.sum() == 1 and found.loc[told, "p_holm"].item() == found.loc[told, "p"].item()
    for _, rows in found.groupby("family"):
        np.testing.assert_allclose(rows["p_holm"], statistics.holm(rows["p"]))
    with pytest.raises(
        ValueError, match="the primary endpoint .*'nowhere'.* is none of the comparisons"
    ):
        summary.pairs(*given, primary={"region": "nowhere"})


def test_an_order_against_a_null_that_selects_nothing_is_flagged():
    """And one against `ones`, which takes everything, is not."""
    scores = pd.concat([table(), table(method="centre"), table(method="ones")])
    area = scores["score"] == "area"
    scores.loc[area & (scores["method"] == "centre"), "value"] = 0.0
    scores.loc[area & (scores["method"] == "ones"), "value"] = 1.0
    found = summary.pairs(scores, PREDICTIONS, ["cam"], ["centre", "ones"], ["mass"], 2000, "quick")
    found = found[(found["score"] == "iou") & (found["stratum"] == "all")].set_index("second")[
        "flagged"
    ]
    assert found.to_dict() == {"centre": True, "ones": False}


def test_pairs_are_the_stated_ones():
    """Each method with each later one and each null map, in pointing on the mass and the union and
    in IoU; no more.
    """
    found = summary.pairs(contrasts(), PREDICTIONS, ["cam", "lrp"], ["ones"], EXPERT, 2000, "quick")
    assert set(found[["first", "second"]].apply(tuple, axis=1)) == {
        ("cam", "lrp"),
        ("cam", "ones"),
        ("lrp", "ones"),
    }
    assert set(found[["score", "setting", "region"]].apply(tuple, axis=1)) == {
        ("pointing", "tolerance=0/224", "mass"),
        ("pointing", "tolerance=0/224", UNION),
        ("iou", "area=0.1", "mass"),
    }
    assert (
        len(found) == 18
        and set(found["stratum"]) == {"all", "correct"}
        and set(found["target_role"]) == {"predicted"}
        and set(found["profile"]) == {"quick"}
    )


def test_a_map_that_is_often_undefined_supports_no_comparison():
    """One of four maps of each method is undefined where the null map is not, more than a tenth:
    the difference stands, flagged, and neither interval, effect nor p."""
    found = summary.pairs(
        contrasts(1.0), PREDICTIONS, ["cam", "lrp"], ["ones"], EXPERT, 2000, "quick"
    )
    row = one(found, first="cam", second="ones", score="iou", stratum="all")
    assert row["difference"] == pytest.approx(1 / 3) and row["flagged"]
    assert row[["ci_low", "ci_high", "effect", "p", "p_holm"]].isna().all()
    fair = one(
        summary.pairs(contrasts(), PREDICTIONS, ["cam", "lrp"], ["ones"], EXPERT, 2000, "quick"),
        first="cam",
        second="ones",
        score="iou",
        stratum="all",
    )
    assert fair["p"] > 0 and fair["difference"] == row["difference"]


def test_pairs_by_hand():
    """Cases undefined in one of the two are left out: cam - lrp is 0, -1, 0 and cam - ones 1, 0,
    0.
    """
    found = summary.pairs(contrasts(), PREDICTIONS, ["cam", "lrp"], ["ones"], EXPERT, 2000, "quick")
    for second, wanted in {"lrp": -1 / 3, "ones": 1 / 3}.items():
        row = one(found, first="cam", second=second, score="iou", stratum="all")
        assert row["difference"] == pytest.approx(wanted) and (
            row["n_cases"],
            row["n_patients"],
        ) == (3, 2)


def test_holm_is_over_the_whole_table():
    """Ordered p times the number of tests left, by hand and never falling, over both scores
    together.
    """
    random = np.random.default_rng(0)
    cases = pd.DataFrame(
        {
            "case": range(20),
            "patient": range(20),
            "label": "benign",
            "correct": [True] * 15 + [False] * 5,
        }
    ).assign(target="malignant", target_role="predicted")
    tables = [
        column(random.random(20) + shift, score, method=method, cases=cases, **where)
        for method, shift in {"cam": 0.2, "lrp": 0.1, "ones": 0}.items()
        for score, where in {"pointing": POINTING, "iou": SELECTED}.items()
    ]
    found = summary.pairs(
        pd.concat(tables), cases, ["cam", "lrp"], ["ones"], EXPERT, 2000, "quick"
    ).sort_values("p")
    wanted = np.minimum(1, np.maximum.accumulate(found["p"] * np.arange(12, 0, -1)))
    np.testing.assert_allclose(found["p_holm"], wanted)
    assert found["p_holm"].nunique() > 2


def test_too_few_draws_for_any_small_p_are_refused():
    with pytest.raises(ValueError, match="50 draws of signs cannot make any of 18"):
        summary.pairs(contrasts(), PREDICTIONS, ["cam", "lrp"], ["ones"], EXPERT, 50, "quick")
