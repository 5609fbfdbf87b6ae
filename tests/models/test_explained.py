"""What is explained of the test cases: by whom it can be scored first, whatever was called; and
what so few cases do not allow.
"""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.core.statistics import FEWEST, TESTED_FROM
from regard.data import reference_regions
from regard.models.explained import (
    can_be_scored,
    explanations,
    limits,
    outlook,
    predictions,
    sampled,
    spread,
)

TABLE = pd.DataFrame(
    {"case": list("abc"), "patient": ["p", "q", "q"], "split": "test", "data": "made"}
)


def test_what_is_explained_of_one_class_per_image():
    """The class each case was given and its true one; one without a label is not explained."""
    scores = np.array([[0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    found = predictions(
        TABLE, torch.tensor([1, 1, -1]), scores, np.array([0.5]), ["no", "yes"], "label"
    )
    assert len(found) == 6 and found.loc[found["case"] == "c", "truth"].isna().all()
    rows = explanations(found, "label")
    assert sorted(rows.itertuples(index=False, name=None)) == [
        ("a", "p", "yes", "predicted", "yes", True),
        ("a", "p", "yes", "true", "yes", True),
        ("b", "q", "no", "predicted", "yes", False),
        ("b", "q", "yes", "true", "yes", False),
    ]


def test_what_is_explained_of_findings():
    """Each finding a case is known to have, called or missed."""
    values = torch.tensor([[1.0, torch.nan], [0.0, 1.0], [1.0, 1.0]])
    scores = np.array([[0.8, 0.9], [0.9, 0.2], [0.1, 0.7]])
    found = predictions(TABLE, values, scores, np.array([0.5, 0.5]), ["x", "y"], "findings")
    rows = explanations(found, "findings")
    assert sorted(rows.itertuples(index=False, name=None)) == [
        ("a", "p", "x", "finding", "x", True),
        ("b", "q", "y", "finding", "y", False),
        ("c", "q", "x", "finding", "x", False),
        ("c", "q", "y", "finding", "y", True),
    ]


def test_cases_of_a_patient_are_drawn_by_lot_and_stay_when_others_come():
    rows = pd.DataFrame(
        [
            {"patient": f"p{at // 3}", "case": f"c{at}", "target_role": role}
            for at in range(30)
            for role in ("predicted", "true")
        ]
    )
    found = sampled(rows, 0, 7, each=1)
    assert found.groupby("patient")["case"].nunique().eq(1).all() and len(found) == 20
    assert len({int(case[1:]) % 3 for case in found["case"]}) > 1, "not always the first"
    again = sampled(rows[rows["patient"] != "p0"].iloc[::-1], 0, 7, each=1)
    assert set(again["case"]) == set(found[found["patient"] != "p0"]["case"])
    assert sampled(rows, 4, 7, each=2)["case"].nunique() == 8
    assert len(sampled(rows, 0, 7, each=5)) == len(rows)


def test_patients_to_be_explained_are_drawn_whole_and_whatever_was_called():
    rows = pd.DataFrame(
        {
            "case": range(40),
            "patient": [f"p{row // 2}" for row in range(40)],
            "correct": [True, False] * 20,
        }
    )
    few = sampled(rows, 7, seed=3)
    assert few["patient"].nunique() == 7 and len(few) == 14 and few["case"].is_monotonic_increasing
    other = sampled(rows.assign(correct=True)[::-1], 7, seed=3)
    assert set(other["patient"]) == set(few["patient"]) != set(sampled(rows, 7, seed=4)["patient"])
    assert sampled(rows, 0, seed=3) is rows and len(sampled(rows, 99, seed=3)) == 40


def made(cases_of, seed=0, share=0.5):
    """Explanations of patients with so many cases each, and whether each row can be scored."""
    rows = [
        (f"p{patient}", f"c{patient}-{at}")
        for patient, count in enumerate(cases_of)
        for at in range(count)
    ]
    table = pd.DataFrame(rows, columns=["patient", "case"]).assign(target="t", label="t")
    has = dict(zip(table["case"], np.random.default_rng(seed).random(len(table)) < share))
    return table, table["case"].map(has).to_numpy(bool)


@pytest.mark.parametrize("expert, targets", [("a+b", ["", ""]), ("finding", ["a", "b"])])
def test_what_is_outlined_is_what_is_drawn_on_disk(tmp_path, expert, targets):
    """A union needs all its parts; of findings each has an outline of its own."""
    full, empty = np.ones((3, 3), bool), np.zeros((3, 3), bool)
    for number, made in enumerate(
        [{"a": full, "b": empty}, {"a": empty, "b": empty}, {"a": full}, {}]
    ):
        found = reference_regions.outlined(made, expert)
        reference_regions.write_outline(made, expert, tmp_path, f"c{number}")
        masks = {
            name: reference_regions.read_outline(tmp_path, f"c{number}", name or "expert")
            for name in targets
        }
        assert found == {name: bool(mask.any()) for name, mask in masks.items() if mask is not None}
    assert reference_regions.outlined({"a": full, "b": empty}, expert) == (
        {"": True} if expert == "a+b" else {"a": True, "b": False}
    )


def test_what_can_be_scored_is_what_the_expert_outlined():
    """A blank target holds for every target of a case; an empty outline, and none, hold for
    nothing.
    """
    rows = pd.DataFrame({"case": ["a", "a", "b", "c", "d"], "target": ["x", "y", "x", "x", "x"]})
    outlined = pd.DataFrame(
        {"case": ["a", "a", "b"], "target": ["x", "y", None], "outlined": [True, False, True]}
    )
    assert can_be_scored(rows, outlined).tolist() == [True, False, True, False, False]
    assert can_be_scored(rows, outlined.assign(target="", outlined=0)).tolist() == [False] * 5
    assert can_be_scored(rows, outlined[:0]).tolist() == [False] * 5


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=60),
    st.integers(1, 60),
    st.integers(0, 3),
    st.integers(0, 99),
)
def test_where_all_or_none_can_be_scored_nothing_changes(cases_of, patients, each, seed):
    """Old studies keep their patients: the order is that of the lots."""
    rows, _ = made(cases_of)
    plain = sampled(rows, patients, seed, each)
    for has in (True, False):
        pd.testing.assert_frame_equal(
            sampled(rows, patients, seed, each, np.full(len(rows), has)), plain
        )


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=60),
    st.integers(0, 3),
    st.integers(0, 99),
    st.floats(0.1, 0.9),
)
def test_the_expert_s_region_comes_first(cases_of, each, seed, share):
    """Of patients, and of the cases of each; and more patients are the same ones and others."""
    rows, has = made(cases_of, seed, share)
    scored = rows["patient"][has].nunique()
    cases, before = dict(zip(rows["case"], has)), set()
    for patients in range(1, len(cases_of) + 1):
        found = sampled(rows, patients, seed, each, has)
        chosen = set(found["patient"])
        assert len(chosen) == patients and before <= chosen
        assert found["case"].tolist() == [
            case for case in rows["case"] if case in set(found["case"])
        ], "as they were"
        assert len(chosen & set(rows["patient"][has])) == min(patients, scored)
        for patient, own in found.groupby("patient"):
            every = rows.loc[rows["patient"] == patient, "case"]
            assert len(own) == min(each or len(every), len(every))
            assert sum(map(cases.get, own["case"])) == min(len(own), sum(map(cases.get, every)))
        before = chosen


def test_the_lot_knows_neither_the_order_of_rows_nor_what_was_called():
    rows, has = made([3] * 30, 4)
    turned = rows.assign(correct=True)[::-1]
    few, other = sampled(rows, 9, 7, 2, has), sampled(turned, 9, 7, 2, has[::-1])
    assert set(few["case"]) == set(other["case"]) != set(sampled(rows, 9, 8, 2, has)["case"])
    more = sampled(rows, 9, 7, 3, has)
    assert set(few["case"]) < set(more["case"])


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=TESTED_FROM + 5),
    st.integers(1, 120),
    st.integers(0, 99),
)
def test_few_patients_explain_more_cases_up_to_a_bound_spread_evenly(cases_of, most, seed):
    rows, has = made(cases_of, seed)
    found = sampled(rows, 0, seed, 1, has, most)
    taken = set(found["case"])
    if len(cases_of) >= TESTED_FROM:
        assert len(found) == len(cases_of), "enough patients: one case of each, as asked"
        return
    assert len(found) == min(len(rows), max(most, len(cases_of)))
    assert taken >= set(sampled(rows, 0, seed, 1, has)["case"]), (
        "at least what would be explained without"
    )
    scored = (
        rows.assign(taken=rows["case"].isin(taken))[has]
        .groupby("patient")["taken"]
        .agg(["sum", "size"])
    )
    left = scored[scored["sum"] < scored["size"]]
    assert left.empty or left["sum"].min() >= scored["sum"].max() - 1, (
        "no patient lacks what another has twice more of"
    )
    if len(left):
        unscored = rows[rows["case"].isin(taken) & ~has]
        assert unscored["patient"].value_counts().max() <= 1 if len(unscored) else True, (
            "what can be scored comes first"
        )


def test_a_single_patient_of_many_tiles_explains_them_and_not_one():
    rows, has = made([32])
    assert len(sampled(rows, 48, 1, 1, has)) == 1
    found = sampled(rows, 48, 1, 1, has, most=96)
    assert len(found) == 32 and found["case"].tolist() == rows["case"].tolist()
    assert len(sampled(rows, 48, 1, 0, has, most=8)) == 32, (
        "each=0 is all cases, whatever the bound"
    )


@pytest.mark.parametrize("patients, cases", [(TESTED_FROM - 1, 96), (TESTED_FROM, TESTED_FROM)])
def test_as_many_patients_as_a_verdict_needs_explain_what_was_asked(patients, cases):
    rows, has = made([3] * patients)
    assert len(sampled(rows, 0, 1, 1, has, most=96)) == cases


def test_the_subset_takes_of_each_label_what_can_be_scored_first():
    rows = pd.DataFrame({"patient": list("aabbcc"), "case": range(6), "label": ["x"] * 6})
    assert spread(rows, 2).tolist() == [0, 2], "two patients"
    has = np.array([False, True, False, False, False, True])
    assert spread(rows, 2, has).tolist() == [1, 5]
    assert spread(rows, 4, has).tolist() == [0, 1, 2, 5], (
        "then a patient without a map, then others"
    )
    both = pd.concat([rows, rows.assign(label="y", case=range(6, 12), patient=list("ddeeff"))])
    none = np.append(has, np.zeros(6, bool))
    assert spread(both, 4, none).tolist() == [0, 1, 2, 5], "a label that cannot be scored waits"
    assert spread(both, 1, none).tolist() == [1]
    assert spread(both, 0, none).tolist() == list(range(12))
    assert spread(both, 2, np.zeros(12, bool)).tolist() == [0, 6], "unless none can be scored"


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from("pqrst"), min_size=1, max_size=20), st.integers(1, 12))
def test_a_subset_of_what_can_all_be_scored_is_as_without(patients, count):
    rows = pd.DataFrame(
        {"patient": patients, "label": [("x", "y")[at % 3 == 0] for at in range(len(patients))]}
    )
    assert spread(rows, count, np.full(len(rows), True)).tolist() == spread(rows, count).tolist()


@pytest.mark.parametrize("patients", [0, FEWEST - 1, FEWEST, TESTED_FROM - 1, TESTED_FROM])
def test_what_few_patients_do_not_allow_is_said(patients):
    said = " ".join(limits(100, 100, patients))
    assert ("no interval" in said) == (patients < FEWEST) and ("no verdict" in said) == (
        patients < TESTED_FROM
    )
    assert "cannot be scored" not in said


def test_a_region_that_most_cases_lack_is_said():
    rows, _ = made([1] * 50)
    half = np.arange(50) < 25
    first, *more = outlook(rows, half)
    assert "50 cases of 50 test patients" in first and "25 of them, of 25 patients" in first
    assert len(more) == 1 and "no verdict" in more[0]
    assert outlook(rows, np.arange(50) < 24)[-1].startswith(
        "WARNING: 26 of 50 cases have no region"
    )
    assert len(outlook(rows, np.full(50, True))) == 1, "nothing to warn of"
