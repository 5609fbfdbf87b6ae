"""What a classifier achieves: against scikit-learn with weights, by hand, and with a few patients."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from regard import performance as module
from regard.performance import auprc, auroc, called, explanations, performance, predictions, sampled


@pytest.mark.parametrize("decimals", [1, 6])
def test_areas_equal_scikit_learn_under_weights(decimals):
    """With ties (one decimal) and without, in every resample at once."""
    generator = np.random.default_rng(decimals)
    positive, scores = generator.random(60) < 0.4, generator.random(60).round(decimals)
    weights = generator.integers(0, 4, (20, 60))
    for ours, theirs in {auroc: roc_auc_score, auprc: average_precision_score}.items():
        wanted = [theirs(positive, scores, sample_weight=row) for row in weights]
        np.testing.assert_allclose(ours(positive, scores, weights), wanted, rtol=1e-12)
        assert ours(positive, scores) == pytest.approx(theirs(positive, scores))


def test_one_class_alone_is_undefined():
    assert np.isnan(auroc(np.full(4, True), np.arange(4.0))) and np.isnan(auprc(np.full(4, False), np.arange(4.0)))
    weights = np.array([[1, 0], [1, 1]])
    np.testing.assert_array_equal(auroc(np.array([True, False]), np.array([1.0, 0.0]), weights), [np.nan, 1])


@pytest.fixture
def two():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 80)
    score = np.clip(0.3 * labels + generator.random(80) * 0.7, 0, 1)
    return torch.from_numpy(labels), np.stack([1 - score, score], 1), np.repeat([f"p{i}" for i in range(40)], 2)


def test_two_classes_against_scikit_learn(two):
    labels, scores, patients = two
    table = performance(labels, scores, np.array([0.5]), ["no", "yes"], "label", patients, 500, 1)
    assert list(table.columns) == module.COLUMNS and set(table["target"]) == {"yes"}
    table, said, truth = table.set_index("metric"), scores[:, 1] >= 0.5, labels.numpy()
    wanted = {
        "auroc": roc_auc_score(truth, scores[:, 1]),
        "auprc": average_precision_score(truth, scores[:, 1]),
        "accuracy": (said == truth).mean(),
        "sensitivity": recall_score(truth, said),
        "specificity": recall_score(1 - truth, ~said),
    }
    for name, value in wanted.items():
        assert table.loc[name, "value"] == pytest.approx(value)
        assert table.loc[name, "ci_low"] < value < table.loc[name, "ci_high"]
    assert table.loc["sensitivity", "n_cases"] == table.loc["auroc", "n_positive"] == truth.sum()
    assert not table["flagged"].any()


def test_a_target_that_is_hardly_known_is_flagged(two):
    labels, scores, patients = two
    guess = np.random.default_rng(1).random((80, 2))
    assert performance(labels, guess, np.array([0.5]), ["no", "yes"], "label", patients, 200, 1)["flagged"].all()
    one = performance(labels, scores, np.array([0.5]), ["no", "yes"], "label", np.full(80, "p"), 200, 1)
    assert one["flagged"].all() and one["ci_low"].isna().all(), "no interval, so nothing is known"


def test_unknown_cases_change_nothing(two):
    """Of classes and of findings: adding cases whose target is unknown leaves every figure but the patients drawn."""
    labels, scores, patients = two
    keep = performance(labels, scores, np.array([0.5]), ["no", "yes"], "label", patients, 200, 1)
    more = torch.cat([labels, torch.full((4,), -1)])
    found = performance(
        more,
        np.vstack([scores, scores[:4]]),
        np.array([0.5]),
        ["no", "yes"],
        "label",
        np.append(patients, ["z"] * 4),
        200,
        1,
    )
    pd.testing.assert_frame_equal(found, keep)


def test_findings_one_by_one_and_their_mean(two):
    labels, scores, patients = two
    values = torch.stack([labels.float(), torch.full((80,), torch.nan)], 1)
    values[:40, 1] = 1 - labels[:40].float()
    found = performance(values, scores[:, ::-1].copy(), np.array([0.4, 0.6]), ["a", "b"], "findings", patients, 300, 1)
    area = found[found["metric"] == "auroc"].set_index("target")
    assert area.loc["a", "value"] == pytest.approx(roc_auc_score(labels, scores[:, 1]))
    assert area.loc["b", "value"] == pytest.approx(roc_auc_score(1 - labels[:40], scores[:40, 0]))
    assert area.loc[module.MEAN, "value"] == pytest.approx(area.loc[["a", "b"], "value"].mean())
    assert area["n_cases"].to_dict() == {"a": 80, "b": 40, module.MEAN: 80} and area.loc["b", "n_patients"] == 20
    assert (area["n_draws"] == 300).all() and pd.isna(area.loc[module.MEAN, "n_positive"])


def test_the_mean_is_flagged_and_its_lost_resamples_are_counted():
    """One positive case of one finding: a resample without its patient has no AUROC, so no mean either."""
    values = torch.zeros(12, 2)
    values[:6, 0], values[0, 1] = 1, 1
    scores = np.stack([np.linspace(1, 0, 12), np.linspace(1, 0, 12)], 1)
    patients = np.arange(12).astype(str)
    found = performance(values, scores, np.array([0.5, 0.5]), ["a", "b"], "findings", patients, 400, 1)
    area = found[found["metric"] == "auroc"].set_index("target")
    lost = 1 - area["n_draws"] / 400
    assert lost["a"] < 0.01 and lost["b"] == pytest.approx((11 / 12) ** 12, abs=0.06) and lost[module.MEAN] >= lost["b"]
    assert not area["flagged"].any(), "a perfect ranking"
    none = performance(values, scores, np.array([0.5, 0.5]), ["a", "b"], "findings", np.full(12, "p"), 400, 1)
    assert none["flagged"].all() and (none["n_draws"] == 0).all()


def test_three_classes_each_against_the_rest():
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    scores = np.eye(3)[[0, 1, 2, 0, 1, 1]] * 0.6 + 0.1
    found = performance(labels, scores, None, ["a", "b", "c"], "label", np.arange(6).astype(str), 50, 0)
    value = found.set_index(["target", "metric"])["value"]
    assert value["all classes", "accuracy"] == pytest.approx(5 / 6)
    areas = [value[name, "auroc"] for name in "abc"]
    assert value[module.MEAN, "auroc"] == pytest.approx(np.mean(areas))
    assert (value["c", "sensitivity"], value["b", "specificity"], value["a", "auroc"]) == pytest.approx((0.5, 0.75, 1))


TABLE = pd.DataFrame({"case": list("abc"), "patient": ["p", "q", "q"], "split": "test", "data": "made"})


def test_what_is_explained_of_one_class_per_image():
    """The class each case was given and its true one; one without a label is not explained."""
    scores = np.array([[0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    found = predictions(TABLE, torch.tensor([1, 1, -1]), scores, np.array([0.5]), ["no", "yes"], "label")
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
        {"case": range(40), "patient": [f"p{row // 2}" for row in range(40)], "correct": [True, False] * 20}
    )
    few = sampled(rows, 7, seed=3)
    assert few["patient"].nunique() == 7 and len(few) == 14 and few["case"].is_monotonic_increasing
    other = sampled(rows.assign(correct=True)[::-1], 7, seed=3)
    assert set(other["patient"]) == set(few["patient"]) != set(sampled(rows, 7, seed=4)["patient"])
    assert sampled(rows, 0, seed=3) is rows and len(sampled(rows, 99, seed=3)) == 40


def test_what_is_called():
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert called(scores, None, "label").tolist() == [0, 2]
    assert called(scores[:, :2], np.array([0.3]), "label").tolist() == [1, 0]
    assert called(scores, np.array([0.5, 0.4, 0.1]), "findings").tolist() == [[True, False, True], [False, False, True]]
