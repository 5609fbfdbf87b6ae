"""What a classifier achieves: against scikit-learn with weights, by hand, and with a few
patients.
"""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from regard.core import columns
from regard.models import performance as module
from regard.models.performance import auprc, auroc, called, performance


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
    assert np.isnan(auroc(np.full(4, True), np.arange(4.0))) and np.isnan(
        auprc(np.full(4, False), np.arange(4.0))
    )
    weights = np.array([[1, 0], [1, 1]])
    np.testing.assert_array_equal(
        auroc(np.array([True, False]), np.array([1.0, 0.0]), weights), [np.nan, 1]
    )


@pytest.fixture
def two():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 80)
    score = np.clip(0.3 * labels + generator.random(80) * 0.7, 0, 1)
    return (
        torch.from_numpy(labels),
        np.stack([1 - score, score], 1),
        np.repeat([f"p{i}" for i in range(40)], 2),
    )


def test_two_classes_against_scikit_learn(two):
    labels, scores, patients = two
    table = performance(labels, scores, np.array([0.5]), ["no", "yes"], "label", patients, 500, 1)
    assert list(table.columns) == columns.PERFORMANCE and set(table["target"]) == {"yes"}
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
    assert performance(labels, guess, np.array([0.5]), ["no", "yes"], "label", patients, 200, 1)[
        "flagged"
    ].all()
    one = performance(
        labels, scores, np.array([0.5]), ["no", "yes"], "label", np.full(80, "p"), 200, 1
    )
    assert one["flagged"].all() and one["ci_low"].isna().all(), "no interval, so nothing is known"


def test_unknown_cases_change_nothing(two):
    """Of classes and of findings: adding cases whose target is unknown leaves every figure but the
    patients drawn.
    """
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
    found = performance(
        values,
        scores[:, ::-1].copy(),
        np.array([0.4, 0.6]),
        ["a", "b"],
        "findings",
        patients,
        300,
        1,
    )
    area = found[found["metric"] == "auroc"].set_index("target")
    assert area.loc["a", "value"] == pytest.approx(roc_auc_score(labels, scores[:, 1]))
    assert area.loc["b", "value"] == pytest.approx(roc_auc_score(1 - labels[:40], scores[:40, 0]))
    assert area.loc[module.MEAN, "value"] == pytest.approx(area.loc[["a", "b"], "value"].mean())
    assert (
        area["n_cases"].to_dict() == {"a": 80, "b": 40, module.MEAN: 80}
        and area.loc["b", "n_patients"] == 20
    )
    assert (area["n_draws"] == 300).all() and pd.isna(area.loc[module.MEAN, "n_positive"])


def test_the_mean_is_flagged_and_its_lost_resamples_are_counted():
    """One positive case of one finding: a resample without its patient has no AUROC, so no mean
    either.
    """
    values = torch.zeros(12, 2)
    values[:6, 0], values[0, 1] = 1, 1
    scores = np.stack([np.linspace(1, 0, 12), np.linspace(1, 0, 12)], 1)
    patients = np.arange(12).astype(str)
    found = performance(
        values, scores, np.array([0.5, 0.5]), ["a", "b"], "findings", patients, 400, 1
    )
    area = found[found["metric"] == "auroc"].set_index("target")
    lost = 1 - area["n_draws"] / 400
    assert (
        lost["a"] < 0.01
        and lost["b"] == pytest.approx((11 / 12) ** 12, abs=0.06)
        and lost[module.MEAN] >= lost["b"]
    )
    assert not area["flagged"].any(), "a perfect ranking"
    none = performance(
        values, scores, np.array([0.5, 0.5]), ["a", "b"], "findings", np.full(12, "p"), 400, 1
    )
    assert none["flagged"].all() and (none["n_draws"] == 0).all()


def test_three_classes_each_against_the_rest():
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    scores = np.eye(3)[[0, 1, 2, 0, 1, 1]] * 0.6 + 0.1
    found = performance(
        labels, scores, None, ["a", "b", "c"], "label", np.arange(6).astype(str), 50, 0
    )
    value = found.set_index(["target", "metric"])["value"]
    assert value["all classes", "accuracy"] == pytest.approx(5 / 6)
    areas = [value[name, "auroc"] for name in "abc"]
    assert value[module.MEAN, "auroc"] == pytest.approx(np.mean(areas))
    assert (
        value["c", "sensitivity"],
        value["b", "specificity"],
        value["a", "auroc"],
    ) == pytest.approx((0.5, 0.75, 1))


SHARES = ["accuracy", "sensitivity", "specificity"]


@pytest.mark.parametrize("wrong", [0, 1, 20])
def test_shares_of_a_case_a_patient_have_wilsons_interval(wrong):
    """Against scipy: of n independent cases, n reduced by what Student's t of so many patients
    costs; also of no error at all, of which a bootstrap makes no interval."""
    labels = torch.tensor([0, 1] * 20)
    score = labels.numpy().astype(float)
    score[:wrong] = 1 - score[:wrong]
    table = performance(
        labels,
        np.stack([1 - score, score], 1),
        np.array([0.5]),
        ["a", "b"],
        "label",
        np.arange(40),
        9,
        1,
    )
    found = table.set_index("metric").loc["accuracy"]
    assert found["value"] == pytest.approx(1 - wrong / 40) and found["n_draws"] == 0
    theirs = binomtest(40 - wrong, 40).proportion_ci(method="wilson")
    assert found["ci_low"] <= theirs.low and found["ci_high"] >= theirs.high, (
        "never narrower than of independent cases"
    )
    assert (
        found["ci_low"] == pytest.approx(theirs.low, abs=0.01)
        and 0 <= found["ci_low"] < found["ci_high"] <= 1
    )
    assert (
        table.set_index("metric").loc[SHARES, "ci_high"]
        > table.set_index("metric").loc[SHARES, "ci_low"]
    ).all()


@pytest.mark.parametrize("patients", [5, 7, 24, 40, 55])
def test_shares_of_none_and_all_have_an_exact_end(patients):
    """Mathematically 0 and 1; what rounding leaves there would differ between processors."""
    labels, score = torch.tensor([0, 1] * patients), np.tile([1.0, 0.0], patients)
    whose = np.arange(2 * patients)
    for scores, end in ((score, "ci_low"), (1 - score, "ci_high")):
        both = np.stack([1 - scores, scores], 1)
        table = performance(labels, both, np.array([0.5]), ["a", "b"], "label", whose, 9, 1)
        ends = table.set_index("metric").loc[SHARES]
        assert (ends[end] == ends["value"]).all() and (ends["ci_low"] < ends["ci_high"]).all()


def test_cases_that_say_the_same_of_a_patient_count_as_one():
    """Each case of a patient three times: the cases are more, and the intervals of shares and areas
    no narrower.
    """
    generator = np.random.default_rng(2)
    labels = torch.from_numpy(generator.integers(0, 2, 30))
    score = np.clip(0.4 * labels.numpy() + 0.6 * generator.random(30), 0, 1)
    once, thrice = (
        performance(
            labels.repeat_interleave(times),
            np.stack([1 - score, score], 1).repeat(times, axis=0),
            np.array([0.5]),
            ["a", "b"],
            "label",
            np.arange(30).repeat(times),
            500,
            1,
        )
        for times in (1, 3)
    )
    assert (thrice["n_cases"] == 3 * once["n_cases"]).all() and (
        thrice["n_patients"] == once["n_patients"]
    ).all()
    for column in ("value", "ci_low", "ci_high"):
        np.testing.assert_allclose(thrice[column], once[column], rtol=1e-9)


@pytest.mark.parametrize("patients, has", [(4, False), (5, True)])
def test_no_interval_below_five_patients(patients, has):
    """Of areas, of shares, and of the mean of several findings; of sensitivity five patients who
    have it are needed.
    """
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(patients, 1)
    scores = np.random.default_rng(0).random((2 * patients, 2))
    whose = np.arange(patients).repeat(2)
    table = performance(values, scores, np.array([0.5, 0.5]), ["a", "b"], "findings", whose, 100, 1)
    assert (
        set(table["metric"]) == {"auroc", "auprc", *SHARES}
        and (table["n_patients"] == patients).all()
    )
    assert (table[["ci_low", "ci_high"]].notna() == has).all(axis=None) and table[
        "value"
    ].notna().all()
    assert has or (table["n_draws"] == 0).all() and table["flagged"].all()
    rare = torch.zeros(12)
    rare[:4] = 1
    table = performance(
        rare[:, None],
        scores[:1].repeat(12, 0)[:, :1],
        np.array([0.5]),
        ["a"],
        "findings",
        np.arange(12),
        100,
        1,
    )
    ends = table.set_index("metric")["ci_low"]
    assert np.isnan(ends["sensitivity"]) and ends[["accuracy", "specificity"]].notna().all()


def test_what_is_called():
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert called(scores, None, "label").tolist() == [0, 2]
    assert called(scores[:, :2], np.array([0.3]), "label").tolist() == [1, 0]
    assert called(scores, np.array([0.5, 0.4, 0.1]), "findings").tolist() == [
        [True, False, True],
        [False, False, True],
    ]
