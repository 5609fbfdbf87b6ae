"""The reading study: blind, resumed, agreed upon by hand-computed kappa, and nobody's ratings made
up. All ratings here are made up.
"""

import numpy as np
import pandas as pd
import pytest

from regard import explorers
from regard.claims import papers, verdicts
from regard.experts import answer_table, reading_study
from regard.explorers import results

KEY = {"study": "chest", "network": "abc"}
ROOT_SAMPLE = results.SAMPLE


def rating(case, method, rater, plausibility, **more):
    row = KEY | {
        "case": case,
        "target": "nodule",
        "method": method,
        "rater": rater,
        "remark": "",
        "closed": "",
    }
    return row | {"plausibility": str(plausibility)} | more


def ratings(values: dict) -> pd.DataFrame:
    """{(case, method, rater): plausibility} as a table."""
    return pd.DataFrame([rating(*key, value) for key, value in values.items()])


def test_answers_come_back_and_what_is_wrong_is_named(tmp_path):
    file = tmp_path / "surveys" / "synthetic.csv"
    answer_table.record(file, rating("b", "lime", "x", 4), reading_study.FORM)
    answer_table.record(
        file, rating("a", "lime", "x", 2, remark="too wide, but there"), reading_study.FORM
    )
    answer_table.record(file, rating("b", "lime", "x", 5), reading_study.FORM)
    table = answer_table.read(file, reading_study.FORM)
    assert table["case"].tolist() == ["a", "b"] and table["plausibility"].tolist() == ["2", "5"]
    with pytest.raises(ValueError, match="'plausibility' is '6'; answers are 1, 2, 3, 4, 5"):
        answer_table.record(file, rating("a", "lime", "x", 6), reading_study.FORM)
    with pytest.raises(ValueError, match="are not results"):
        reading_study.of_network(file, "chest", "abc")
    own = file.rename(file.with_name("chest.csv"))
    assert (
        len(reading_study.of_network(own, "chest", "abc")) == 2
        and reading_study.of_network(own, "chest", "other").empty
    )
    own.write_text(own.read_text() + own.read_text().splitlines()[1] + "\n")
    with pytest.raises(ValueError, match="rater 'x' answers twice about a nodule lime"):
        answer_table.read(own, reading_study.FORM)


def test_each_rater_has_an_order_of_their_own_which_stays():
    maps = [
        (f"c{case}", "nodule", method) for case in range(5) for method in ("lime", "shap", "edges")
    ]
    first, second = (reading_study.order(maps, "chest", rater) for rater in ("x", "y"))
    assert (
        sorted(first) == sorted(second) == sorted(maps)
        and len({tuple(each) for each in (first, second, maps)}) == 3
    )
    assert reading_study.order(maps, "chest", "x") == first


def test_agreement_by_hand():
    """Two raters, four maps: 1 1, 2 2, 5 5, 1 3. Quadratic weights: kappa = 1 - mean squared
    difference / that by chance.
    """
    pairs = [(1, 1), (2, 2), (5, 5), (1, 3)]
    values = {
        (f"c{at}", "lime", rater): pair[side]
        for at, pair in enumerate(pairs)
        for side, rater in enumerate("xy")
    }
    found = reading_study.agreement(ratings(values)).iloc[0]
    chance = np.mean([(one - other) ** 2 for one, _ in pairs for _, other in pairs])
    assert found["agreed"] == 0.75 and found["kappa"] == pytest.approx(
        1 - np.mean([0, 0, 0, 4]) / chance
    )
    assert np.isnan(
        reading_study.agreement(ratings({("c", "lime", "x"): 3, ("c", "lime", "y"): 3}))[
            "kappa"
        ].iloc[0]
    )


def test_means_are_over_maps_and_differences_over_patients():
    values = {
        (f"c{at}", method, rater): 3 + (method == "lime")
        for at in range(6)
        for method in ("lime", "shap")
        for rater in "xy"
    }
    patients = {f"c{at}": f"p{at}" for at in range(6)}
    means = reading_study.means(ratings(values), patients, 100, 1).set_index("method")
    assert means["value"].to_dict() == {"lime": 4, "shap": 3} and means.loc["lime", "n_raters"] == 2
    told = reading_study.told(
        ratings(values), [("lime", "shap"), ("lime", "edges")], patients, 100, 1000, 1
    )
    assert (
        told["value"].iloc[0] == 1
        and told["n_patients"].tolist() == [6, 0]
        and np.isnan(told["value"].iloc[1])
    )
    assert told["p_holm"].iloc[0] == pytest.approx(2 / 2**6, abs=0.02)


def test_a_severe_rater_is_no_severe_method():
    """x rates lime alone and mildly, y shap alone and severely: nobody rated both, so nothing is
    compared; z finds both the same.
    """
    values = {(f"c{at}", "lime", "x"): 5 for at in range(6)} | {
        (f"c{at}", "shap", "y"): 1 for at in range(6)
    }
    patients = {f"c{at}": f"p{at}" for at in range(6)}
    apart = reading_study.told(ratings(values), [("lime", "shap")], patients, 50, 100, 1)
    assert (
        apart["n_patients"].iloc[0] == 0
        and np.isnan(apart["value"].iloc[0])
        and apart["setting"].iloc[0] == "raters=0"
    )
    values |= {(f"c{at}", method, "z"): 3 for at in range(6) for method in ("lime", "shap")}
    both = reading_study.told(ratings(values), [("lime", "shap")], patients, 50, 100, 1)
    assert both["value"].iloc[0] == 0 and both["setting"].iloc[0] == "raters=1"


def test_the_claim_is_not_tested_until_experts_have_answered():
    nobody = reading_study.told(
        ratings({}).reindex(columns=reading_study.FORM.columns), papers.PLAUSIBLE, {}, 10, 10, 1
    )
    rows = nobody.assign(study="chest", data="phantom", target="all findings", profile="quick")
    found = pd.concat(verdicts._of_concepts(papers.PUBLISHED["alam-2023"], rows))
    assert len(found) == 3 and (found["n_patients"] == 0).all() and found["value"].isna().all()
    assert {
        verdicts.verdict(row.ci_low, row.ci_high, np.nan, 0, "phantom", row.rule)
        for row in found.itertuples()
    } == {"not tested"}


@pytest.fixture
def box(root, tmp_path):
    found = explorers.read(root / ROOT_SAMPLE / "chest")
    return explorers.reading(
        found, tmp_path / "synthetic-reading.csv", "chest", ["lime@alam-2023", "edges"], cases=2
    )


def test_the_explorer_is_blind_saves_and_goes_on(box, root, tmp_path):
    parts = box.parts
    nothing = parts["picture"].value
    parts["plausibility"].value = "3"
    parts["on"].click()
    assert (
        parts["picture"].value == nothing
        and parts["on"].disabled
        and not list(tmp_path.glob("*.csv"))
    )
    parts["rater"].value = "x"
    seen = set()
    for _ in range(4):
        seen.add(parts["picture"].value)
        parts["plausibility"].value = "4"
        assert "Saved map" in parts["said"].value and parts["unblind"].disabled == (len(seen) < 4)
        shown = [
            str(getattr(part, "value", "")) for name, part in parts.items() if name != "picture"
        ]
        assert not any("alam" in text or "edges" in text for text in shown)
        parts["on"].click()
    assert len(seen) == 4
    parts["unblind"].click()
    assert "lime@alam-2023" in parts["result"].value and "edges" in parts["result"].value
    before = (tmp_path / "synthetic-reading.csv").read_bytes()
    parts["plausibility"].value = "1"
    assert (
        parts["plausibility"].disabled
        and (tmp_path / "synthetic-reading.csv").read_bytes() == before
    ), "seen is seen"
    parts["rater"].value = "y"
    assert parts["where"].value == "Map 1 of 4; 0 rated" and parts["result"].value == ""
    parts["plausibility"].value = "1"
    parts["rater"].value = "x"
    assert (
        "All maps are rated. You have seen the result" in parts["said"].value
        and parts["plausibility"].disabled
    )
    parts["rater"].value = "y"
    assert parts["where"].value == "Map 2 of 4; 1 rated"
    assert len(answer_table.read(tmp_path / "synthetic-reading.csv", reading_study.FORM)) == 5


def test_reading_needs_maps_that_are_there(root, tmp_path):
    found = explorers.read(root / ROOT_SAMPLE / "chest")
    with pytest.raises(ValueError, match="no map 'grad'"):
        explorers.reading(found, tmp_path / "r.csv", "chest", ["grad"])
    for cases, methods in ((0, ["edges"]), (-1, ["edges"]), (3, [])):
        with pytest.raises(ValueError, match="one case and one method at least"):
            explorers.reading(found, tmp_path / "r.csv", "chest", methods, cases)
