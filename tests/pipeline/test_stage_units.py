"""Stage units, function by function, on tables and maps made by hand; the whole stage runs in
test_units_notebook.py.
"""

import numpy as np
import pandas as pd
import pytest
import torch

from regard.kernels.unit_activity import Activity
from regard.models.receptive_field import Field
from regard.pipeline import (
    global_explanation,
    unit_effects,
    unit_explanations,
    unit_names,
    unit_pictures,
    units,
)
from regard.pipeline.folders import Stage

REPORTS = ["Mass.", "Oval mass.", "Mass.", "Calcifications.", "", None]


@pytest.fixture
def cases(tmp_path):
    """Six images of six patients, the last three of the test patients."""
    table = pd.DataFrame(
        {
            "case": list("abcdef"),
            "patient": [f"p{number}" for number in range(6)],
            "split": ["train", "train", "tune", "test", "test", "test"],
            "label": ["no", "yes", "yes", "yes", "no", "yes"],
            "report": REPORTS,
            "data": "phantom",
        }
    )
    stage, images = Stage("made", tmp_path, tmp_path, True), np.zeros((6, 4, 4), np.uint8)
    told = {"model": None, "inputs": None, "classes": ["no", "yes"], "kind": "label", "pool": "avg"}
    return global_explanation.Cases(stage, table, images, **told)


@pytest.fixture
def found():
    """Three units of one pixel per location; the head counts the first for "yes", the second for
    "no".
    """
    maps = torch.zeros(6, 3, 4, 4)
    maps[:, 0, 0, 0], maps[:, 1, :2], maps[:, 2] = torch.arange(6.0), 1.0, 0.1
    activity = Activity(torch.tensor([1.5, 0.5, 0.5]), torch.ones(3, 2), torch.tensor([[2, 1]] * 3))
    weights = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.1]])
    return units.Units(maps, weights, "mean", torch.arange(3), activity, Field(1.0, 0.0))


def test_units_are_ranked_on_training_and_tuning_patients(cases, found):
    ranking = units.ranking(cases, found, {"top": 1})
    assert found.amounts == ["max", "mean"] and len(found.learned) == 3
    assert set(zip(ranking["target"], ranking["amount"])) == {
        (name, amount) for name in cases.classes for amount in found.amounts
    }
    most = ranking[(ranking["rank"] == 1) & (ranking["target"] == "no")]
    assert most["unit"].tolist() == [1, 1] and most["share"].tolist() == [1, 1]
    shared = units.shared_ranks(ranking[ranking["rank"] == 1])
    assert shared.loc["no"].tolist() == [1, 1]


def test_class_scores_are_of_the_test_patients(cases):
    probabilities = torch.tensor([[0.0, 1.0]] * 3 + [[0.2, 0.8], [0.9, 0.1], [0.3, 0.7]])
    settings = {"draws": 50, "seed": 0}
    scores = units.class_scores(cases, {"pooled": probabilities}, settings)
    assert scores["value"].tolist() == [1, 1] and scores["n_cases"].tolist() == [3, 3]
    shown = unit_pictures.score_table(scores, cases.classes)
    assert shown.loc["yes", "pooled"].startswith("1.000 [")


def test_a_unit_responds_by_two_rules(cases, found):
    published, dissection = units.responses(cases, found, 0, torch.tensor([0, 1, 2]), 0.2)
    assert published.sum((1, 2)).tolist() == [0, 1, 1]
    assert dissection.sum((1, 2)).tolist() == [0, 0, 1]


def test_blank_reports_are_unknown(cases):
    reports = unit_names.reports(cases)
    assert reports.known.tolist() == [True] * 4 + [False] * 2
    assert reports.words["mass"].tolist() == [True] * 3 + [False] * 3
    without = cases._replace(table=cases.table.drop(columns="report"))
    assert not unit_names.reports(without).known.any()


def test_groups_are_classes_or_known_findings(cases):
    assert units.groups(cases, {"target": ""}).tolist() == cases.table["label"].tolist()
    table = pd.DataFrame({"mass": ["1", None, "0"]})
    of_findings = cases._replace(table=table, kind="findings", classes=["mass"])
    assert units.groups(of_findings, {"target": ""}).tolist() == ["1.0", "-1.0", "0.0"]


def target():
    return units.Target("yes", 1, torch.tensor([-1.0, 1.0]), torch.tensor([1.0, -1.0, 0.1]))


def test_rules_explain_every_test_image(cases, found):
    first = pd.DataFrame({"unit": [0, 2], "amount": ["max", "mean"]})
    labels = {0: "mass", 2: "oval mass"}
    settings = {"scanned": 3, "first": 3}
    rules = unit_explanations.rules(cases, found, target(), labels, first, {}, settings)
    assert set(rules) == {"published", "contrastive"}
    assert rules["published"].speaking == [[0]] * 3, "units of the published ranking only"
    assert rules["contrastive"].says(0) == "mass, oval mass"
    experts = unit_explanations.rules(cases, found, target(), labels, first, {1: "x"}, settings)
    assert experts["published, experts' labels"].labels == {1: "x"}
    probabilities = torch.full((6, 2), 0.5)
    table = unit_explanations.explanations(cases, rules, target(), probabilities)
    assert len(table) == 6 and table["case"].tolist() == list("def") * 2
    assert table["text"][3].startswith("speaks for yes: mass (+0.19)")
    shown = unit_pictures.distinct_texts(table)
    assert shown["images"].tolist() == [3, 3] and shown["most frequent"].iloc[0] == "mass"


def test_nothing_is_compared_without_reports_of_two_patients(cases):
    rules = {"published": unit_explanations.Rule(None, {0: "mass"}, [[0]] * 3)}
    reports = unit_names.reports(cases)
    found = unit_explanations.agreement_with_reports(
        cases, rules, reports, {"draws": 20, "flips": 20, "seed": 0}
    )
    assert found == (None, None), "one test patient has a report"
    assert unit_pictures.beyond_sentences(None).startswith("No reports")
    assert unit_pictures.consistency(None) is unit_pictures.beyond_table(None) is None
    assert unit_pictures.words(None) is None and "No word" in unit_pictures.words_told(None)


def test_words_are_compared_with_own_reports_and_baselines(cases):
    cases = cases._replace(table=cases.table.assign(report=["Mass."] * 4 + ["Calcifications."] * 2))
    rule = unit_explanations.Rule(None, {0: "mass", 1: "calcification"}, [[0], [1], [1]])
    settings = {"draws": 20, "flips": 20, "seed": 0}
    consistency, beyond = unit_explanations.agreement_with_reports(
        cases, {"published": rule}, unit_names.reports(cases), settings
    )
    whole = consistency[(consistency["word"] == "all") & (consistency["words"] == "all words")]
    own = whole[whole["explanation"] == "published"].set_index("measure")["value"]
    assert own.tolist() == [1, 1, 1]
    assert set(whole["explanation"]) == {
        "published",
        "published, others' reports",
        "commonest: mass",
    }
    assert beyond["value"].tolist() == [1] * 4 and beyond["p_holm"].notna().all()
    assert "published: mean F1 1.000" in unit_pictures.beyond_sentences(beyond)


def test_controls_are_matched_and_nothing_is_removed_of_too_few(cases, found):
    likeness = unit_effects.likeness(cases, found, target())
    assert list(likeness) == ["active", "influential", "influential on its images"]
    assert likeness["active"].tolist() == pytest.approx([1 / 16, 0.5, 0.1])
    sets = unit_effects.sets([2, 0, 1], {0: "mass"})
    assert sets == {"with a label": [0], "without a label": [2, 1]}
    samples = unit_effects.controls(likeness["active"], [0], 1, 4)
    assert len(samples) == 4 and not any(0 in others for others in samples)


def test_a_reader_who_was_not_asked_is_a_row_without_cases(cases):
    removal = pd.DataFrame(columns=list(unit_effects.REMOVAL))
    settings = {"annotated": 4, "profile": "quick"}
    claims = unit_effects.claims_table(cases, target(), None, removal, settings)
    assert claims["statistic"].tolist() == ["a reader's right answers from the text alone"]
    assert claims["n_cases"].tolist() == [0] and claims["target"].tolist() == ["yes"]
    assert unit_pictures.removals(removal) is None


def test_answers_of_nobody(cases):
    answers = unit_names.answers(cases, "0" * 16, {"survey": ""})
    assert answers.empty and unit_names.raters_agreement(answers) is None
    assert unit_pictures.agreement_of_raters(None) is None
    assert unit_names.expert_labels(answers) == {}
