"""Means of scores, on cases small enough to be done by hand."""

import numpy as np
import pandas as pd
import pytest
from small_scores import HITS, IOU, NAN, POINTING, PREDICTIONS, column, one, table

from regard.core import columns, tables
from regard.core.seeds import seed_of
from regard.core.statistics import mean_intervals
from regard.evaluation import summary
from regard.evaluation.scores import says_nothing


def test_strata_by_hand():
    groups = summary.strata(PREDICTIONS)
    assert {name: "".join(PREDICTIONS["case"][rows]) for name, rows in groups.items()} == {
        "all": "abcd",
        "benign": "ab",
        "malignant": "cd",
        "correct": "acd",
        "incorrect": "b",
        "benign+correct": "a",
        "benign+incorrect": "b",
        "malignant+correct": "cd",
        "malignant+incorrect": "",
    }


@pytest.mark.parametrize(
    "stratum, mean, chance, n_cases, n_patients, n_undefined",
    [
        ("all", 2 / 3, 0.2, 3, 2, 1),
        ("benign", 0.5, 0.15, 2, 1, 0),
        ("malignant", 1.0, 0.3, 1, 1, 1),
        ("correct", 1.0, 0.2, 2, 2, 1),
        ("incorrect", 0.0, 0.2, 1, 1, 0),
        ("malignant+incorrect", NAN, NAN, 0, 0, 0),
    ],
)
def test_pointing_by_hand(stratum, mean, chance, n_cases, n_patients, n_undefined):
    """Undefined cases are counted and left out of the mean and of the chance beside it."""
    row = one(
        summary.summarise(table(), PREDICTIONS, 200, "quick"), score="pointing", stratum=stratum
    )
    assert [row["mean"], row["chance"]] == pytest.approx([mean, chance], nan_ok=True)
    assert (row["n_cases"], row["n_patients"], row["n_undefined"]) == (
        n_cases,
        n_patients,
        n_undefined,
    )
    assert np.isnan(row["ci_low"]), "two patients are too few for an interval"
    assert np.isnan(row["selected_area"]) and row["selection"] == "" and row["profile"] == "quick"


@pytest.mark.parametrize(
    "stratum, mean, chance, area",
    [
        ("all", 0.25, 0.2, 0.2),
        ("benign", 0.25, 0.15, 0.15),
        ("malignant", 0.25, 0.3, 0.4),
        ("incorrect", 0.0, 0.1, 0.2),
        ("malignant+incorrect", NAN, NAN, NAN),
    ],
)
def test_iou_by_hand(stratum, mean, chance, area):
    """The selected area is the median of the cases that are annotated: elsewhere there is nothing
    to select.
    """
    found = summary.summarise(table(), PREDICTIONS, 200, "quick")
    row = one(found, score="iou", stratum=stratum, empty_rule=summary.EMPTY_RULES[0])
    assert [row["mean"], row["chance"], row["selected_area"]] == pytest.approx(
        [mean, chance, area], nan_ok=True
    )
    assert row["lift"] == pytest.approx(mean / chance, nan_ok=True) and not row["flagged"]


def test_an_empty_selection_counts_as_zero_and_is_left_out_side_by_side():
    """Case b selects nothing: IoU 0.5, 0, 0.25 of three, or 0.5, 0.25 of two; d is undefined in
    both.
    """
    scores = table()
    scores.loc[(scores["score"] == "area") & (scores["case"] == "b"), "value"] = 0.0
    found = summary.summarise(scores, PREDICTIONS, 200, "quick")
    rows = [one(found, score="iou", stratum="all", empty_rule=rule) for rule in summary.EMPTY_RULES]
    assert [(row["mean"], row["n_maps"], row["n_undefined"]) for row in rows] == [
        (0.25, 3, 1),
        (0.375, 2, 2),
    ]


@pytest.mark.parametrize(
    "areas, flagged",
    [
        ([0.0005] * 4, True),
        ([0.95] * 4, True),
        ([0.0, 0.1, 0.5, 0.5], False),
        ([0.0005, 0.0005, 0.5, 0.5], True),
    ],
)
def test_a_median_area_that_says_nothing_is_flagged(areas, flagged):
    scores = pd.concat([table(), table(method="lrp")])
    scores.loc[(scores["score"] == "area") & (scores["method"] == "cam"), "value"] = areas
    found = summary.summarise(scores, PREDICTIONS, 200, "quick")
    assert (
        found.loc[
            (found["method"] == "cam") & (found["score"] == "iou") & (found["stratum"] == "all"),
            "flagged",
        ]
        == flagged
    ).all()
    assert not found.loc[
        (found["method"] == "lrp") | (found["score"] == "pointing"), "flagged"
    ].any()
    compared = summary.pairs(scores, PREDICTIONS, ["cam", "lrp"], [], ["mass"], 2000, "quick")
    assert one(compared, score="iou", stratum="all")["flagged"] == flagged


@pytest.mark.parametrize(
    "area, flagged",
    [(0.00099, True), (0.00101, False), (0.899, False), (0.901, True), (NAN, False)],
)
def test_the_ends_of_what_says_something(area, flagged):
    assert says_nothing(area) == flagged


def test_the_interval_is_over_patients():
    """Five copies of the four cases, of ten patients: the mean as before, with the intervals of
    mean_intervals, Wilson's of hits.
    """
    copies = [
        frame.assign(case=frame["case"] + str(n), patient=frame["patient"] + str(n))
        for n in range(5)
        for frame in [PREDICTIONS]
    ]
    scores = [
        frame.assign(case=frame["case"] + str(n), patient=frame["patient"] + str(n))
        for n in range(5)
        for frame in [table()]
    ]
    rows = pd.concat(copies, ignore_index=True)
    found = summary.summarise(pd.concat(scores), rows, 2000, "quick")
    for measure, values, share in (("pointing", HITS, True), ("iou", IOU, False)):
        values = np.tile(np.array(values, float), 5)[:, None]
        wanted = mean_intervals(
            values, rows["patient"], 2000, seed_of(0, "s", "all"), np.array([share])
        )
        row = one(
            found[found["empty_rule"] != summary.EMPTY_RULES[1]], score=measure, stratum="all"
        )
        assert (row["mean"], row["ci_low"], row["ci_high"]) == pytest.approx(
            [float(each[0]) for each in wanted]
        )


def test_summarise_has_its_columns_and_no_row_for_chance_and_area():
    found = summary.summarise(table(), PREDICTIONS, 20, "quick")
    assert list(found.columns) == columns.SUMMARY
    assert set(found["score"]) == {"pointing", "iou", "area"} and len(found) == 4 * 9, (
        "the IoU by two rules"
    )


def test_row_order_and_other_methods_change_no_row():
    """A seed belongs to its row: what else is in the table does not matter, nor in what order."""
    cases = pd.DataFrame(
        {
            "case": range(20),
            "patient": np.arange(20) // 2,
            "label": "benign",
            "correct": np.arange(20) % 3 > 0,
        }
    ).assign(target="malignant", target_role="predicted")
    values = np.random.default_rng(0).random(20)
    by_method = {
        method: pd.concat(
            [
                column(values, score, method=method, cases=cases, **POINTING | {"selection": ""})
                for score in ("pointing", "pointing-chance")
            ]
        )
        for method in ("lrp", "cam", "ones")
    }
    together = summary.summarise(
        pd.concat(by_method.values()).sample(frac=1, random_state=0), cases, 100, "q"
    )
    for method, scores in by_method.items():
        alone = summary.summarise(scores, cases, 100, "q")
        pd.testing.assert_frame_equal(
            together[together["method"] == method].reset_index(drop=True), alone
        )
    alike = together.groupby(["score", "stratum"])[["ci_low", "ci_high"]].nunique()
    assert (alike <= 1).all().all(), (
        "equal values have equal intervals: all maps share the resamples of a stratum"
    )


def test_scores_survive_the_disk(tmp_path):
    """Blank selections and regions are read as undefined, and the summary is the same."""
    tables.write(table(), tmp_path / "scores.csv")
    again = pd.read_csv(tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(
        summary.summarise(again, PREDICTIONS, 50, "q"),
        summary.summarise(table(), PREDICTIONS, 50, "q"),
    )


@pytest.mark.parametrize("missing, flagged", [(0, False), (1, False), (2, True), (20, True)])
def test_a_mean_over_few_of_the_maps_that_could_be_scored_is_flagged(missing, flagged):
    """Of twenty maps of a null map one undefined is a twentieth, two are a tenth and no more, three
    are more; a region that nobody drew is no map's fault, and a method that was not asked of a case
    is not undefined there."""
    count = 20
    explained = pd.DataFrame(
        {
            "case": [f"c{at:02d}" for at in range(count)],
            "patient": [f"p{at:02d}" for at in range(count)],
            "label": "benign",
            "correct": True,
            "target": "benign",
            "target_role": "predicted",
        }
    )
    full = np.linspace(0.1, 0.9, count)
    broken = np.where(np.arange(count) < missing + (missing == 2), NAN, full)
    parts = [
        explained[["case", "target", "target_role"]].assign(
            study="s",
            data="d",
            method=method,
            selection="",
            setting="",
            region="mass",
            score="mass",
            value=values,
        )
        for method, values in {"cam": full, "random-network": broken}.items()
    ]
    slow = parts[0].assign(method="lime").head(3)
    nobody = explained[["case", "target", "target_role"]].assign(
        study="s",
        data="d",
        method="cam",
        selection="",
        setting="",
        region="below",
        score="mass",
        value=NAN,
    )
    found = summary.summarise(pd.concat([*parts, slow, nobody]), explained, 200, "quick")
    rows = found[(found["stratum"] == "all") & (found["region"] == "mass")].set_index("method")[
        "flagged"
    ]
    assert rows["random-network"] == flagged and not rows["cam"] and not rows["lime"]
    assert not found.loc[found["region"] == "below", "flagged"].any()


def test_findings_are_averaged_one_by_one_and_together():
    """Case a has both findings, b the second one; the correct ones are a's first and b's second."""
    explained = pd.DataFrame(
        {
            "case": ["a", "a", "b"],
            "patient": ["p1", "p1", "p2"],
            "target": ["effusion", "nodule", "nodule"],
            "target_role": "finding",
            "label": ["effusion", "nodule", "nodule"],
            "correct": [True, False, True],
        }
    )
    scores = pd.concat(
        [
            column(
                [value],
                score,
                region="finding",
                target_role="finding",
                cases=row,
                **POINTING | {"target": target},
            )
            for (_, row), target, value in zip(
                [(None, explained.iloc[[i]]) for i in range(3)],
                explained["target"],
                [1.0, 0.0, 0.5],
            )
            for score in ("pointing", "pointing-chance")
        ]
    )
    every = summary.summarise(scores, explained, 50, "quick").set_index(["target", "stratum"])
    several = every.index.get_level_values("stratum").str.contains("finding")
    assert {
        stratum: row["n_maps"]
        for (target, stratum), row in every[several].iterrows()
        if target == summary.POOLED
    } == {
        "1 finding": 1,
        "2 findings": 2,
        "3 or more findings": 0,
    }, "case a has two, b one"
    found = every[~several]
    assert found["mean"].to_dict() == pytest.approx(
        {
            ("effusion", "all"): 1.0,
            ("effusion", "correct"): 1.0,
            ("effusion", "incorrect"): NAN,
            ("nodule", "all"): 0.25,
            ("nodule", "correct"): 0.5,
            ("nodule", "incorrect"): 0.0,
            (summary.POOLED, "all"): 0.5,
            (summary.POOLED, "correct"): 0.75,
            (summary.POOLED, "incorrect"): 0.0,
        },
        nan_ok=True,
    )
    pooled = found.loc[(summary.POOLED, "all")]
    assert (pooled["n_maps"], pooled["n_cases"], pooled["n_patients"]) == (3, 2, 2), (
        "one case has two findings"
    )
    assert (
        summary.headline(explained)[0] == summary.POOLED
        and summary.headline(PREDICTIONS)[1] == "predicted"
    )


def test_maps_that_were_not_made_are_not_undefined():
    """A slow method that explained cases a and d alone: means over these, d undefined, the rest not
    counted at all.
    """
    some = table(method="lime")
    found = summary.summarise(
        pd.concat([table(), some[some["case"].isin(["a", "d"])]]), PREDICTIONS, 200, "quick"
    )
    slow = one(found, method="lime", score="pointing", stratum="all")
    assert (slow["mean"], slow["n_cases"], slow["n_maps"], slow["n_undefined"], slow["chance"]) == (
        1.0,
        1,
        1,
        1,
        0.1,
    )
    area = one(found, method="lime", score="iou", stratum="all", empty_rule=summary.EMPTY_RULES[0])[
        "selected_area"
    ]
    assert area == pytest.approx(0.1), "of case a alone, since d has no region"
    usual = one(found, method="cam", score="pointing", stratum="all")
    assert (usual["n_maps"], usual["n_undefined"]) == (3, 1)
