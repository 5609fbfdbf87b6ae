"""From maps to the tables of the paper, on cases small enough to be done by hand."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from regard.claims import verdicts
from regard.core import columns, statistics, tables
from regard.core.seeds import seed_of
from regard.core.statistics import mean_intervals
from regard.data import reference_regions
from regard.data.letterbox import letterbox
from regard.evaluation import localisation, summary
from regard.evaluation.scores import says_nothing
from regard.pipeline import gather

NAN = float("nan")
CONCEPTS = pd.DataFrame(columns=columns.CONCEPTS)
UNION = "mass+peritumoral+below"
NAMES = [*reference_regions.AROUND_MASS, UNION]
# four cases of three patients; d is not annotated, so undefined
PREDICTIONS = pd.DataFrame(
    {
        "case": list("abcd"),
        "patient": ["p1", "p1", "p2", "p3"],
        "label": ["benign", "benign", "malignant", "malignant"],
        "correct": [True, False, True, True],
        "target": "malignant",
        "target_role": "predicted",
    }
)
BOTH = pd.concat([PREDICTIONS, PREDICTIONS.assign(target_role="true")])
EXPERT = ["mass", UNION]
HITS, HIT_CHANCE = [1.0, 0.0, 1.0, NAN], [0.1, 0.2, 0.3, NAN]
IOU, IOU_CHANCE, AREA = [0.5, 0.0, 0.25, NAN], [0.2, 0.1, 0.3, NAN], [0.1, 0.2, 0.4, 0.9]
POINTING = {"selection": NAN, "setting": "tolerance=0/224"}
SELECTED = {"selection": "top-area", "setting": "area=0.1"}


def column(
    values, score, region="mass", method="cam", target_role="predicted", cases=PREDICTIONS, **more
):
    """One score of all cases as rows of scores.csv."""
    common = {
        "study": "s",
        "data": "made",
        "split": "test",
        "target": "malignant",
        "target_role": target_role,
        "method": method,
        "region": region,
        "score": score,
    }
    return pd.DataFrame(
        [
            common | more | {"case": case, "patient": patient, "value": value}
            for case, patient, value in zip(cases["case"], cases["patient"], values)
        ]
    )


def table(**more):
    """scores.csv of one method: the pointing game and the IoU of one selection."""
    return pd.concat(
        [
            column(HITS, "pointing", **POINTING, **more),
            column(HIT_CHANCE, "pointing-chance", **POINTING, **more),
            column(IOU, "iou", **SELECTED, **more),
            column(IOU_CHANCE, "iou-chance", **SELECTED, **more),
            column(AREA, "area", region=NAN, **SELECTED, **more),
        ],
        ignore_index=True,
    )


def one(frame, **equal):
    """The one row of a table with these entries."""
    rows = frame[np.logical_and.reduce([frame[key] == value for key, value in equal.items()])]
    assert len(rows) == 1
    return rows.iloc[0]


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


@pytest.mark.parametrize(
    "area, flagged",
    [(0.00099, True), (0.00101, False), (0.899, False), (0.901, True), (NAN, False)],
)
def test_the_ends_of_what_says_something(area, flagged):
    assert says_nothing(area) == flagged


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


def contrasts(last=NAN):
    """Two methods and a null map, with rows that the paired table must leave out; last: the null
    map's value of a case of which both methods are undefined."""
    values = {
        "cam": [1.0, 0.0, 1.0, NAN],
        "lrp": [1.0, 1.0, 1.0, NAN],
        "ones": [0.0, 0.0, 1.0, last],
    }
    tables = [
        column(value, "pointing", region=region, method=method, **POINTING)
        for method, value in values.items()
        for region in ("mass", UNION, "below")
    ]
    tables += [
        column(value, score, method=method, **SELECTED)
        for method, value in values.items()
        for score in ("iou", "iou-chance")
    ]
    tables += [
        column(value, "pointing", method=method, selection=NAN, setting="tolerance=15/224")
        for method, value in values.items()
    ]
    tables += [
        column(value, "pointing", method=method, target_role="true", **POINTING)
        for method, value in values.items()
    ]
    return pd.concat(tables, ignore_index=True)


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


@pytest.mark.parametrize(
    "value, low, high, paper, n_patients, data, wanted",
    [
        (0.8, 0.7, 0.9, 0.75, 40, "clinic", "holds"),
        (0.8, 0.7, 0.9, 0.7, 40, "clinic", "holds"),
        (0.8, 0.7, 0.9, 0.9, 40, "clinic", "holds"),
        (0.8, 0.7, 0.9, 0.91, 40, "clinic", "does not hold"),
        (0.8, 0.7, 0.9, 0.69, 40, "clinic", "does not hold"),
        (0.8, 0.76, 0.9, 0.75, 40, "clinic", "does not hold"),
        (0.8, 0.7, 0.74, 0.75, 40, "clinic", "does not hold"),
        (0.8, 0.7, 0.9, 0.75, 39, "clinic", "not tested"),
        (0.8, 0.7, 0.9, 0.75, 39, "phantom", "not tested"),
        (0.8, 0.7, 0.9, 0.75, 400, "phantom", "on phantoms: holds"),
        (0.8, 0.76, 0.9, 0.75, 400, "phantom", "on phantoms: does not hold"),
        (0.8, NAN, NAN, 0.75, 40, "clinic", "undecided"),
        (NAN, NAN, NAN, 0.75, 40, "phantom", "on phantoms: undecided"),
    ],
)
def test_verdict(value, low, high, paper, n_patients, data, wanted):
    """Neighbouring rows differ in one number, and so in the verdict where it should."""
    assert verdicts.verdict(low, high, paper, n_patients, data) == wanted


@pytest.mark.parametrize(
    "rule, low, high, paper, flagged, wanted",
    [
        ("above zero", 0.01, 0.2, NAN, False, "holds"),
        ("above zero", -0.2, -0.01, NAN, False, "does not hold"),
        ("above zero", -0.01, 0.2, NAN, False, "undecided"),
        ("above zero", 0.01, 0.2, NAN, True, "undecided"),
        ("above zero, p 0.06", 0.01, 0.2, NAN, False, "undecided"),
        ("above zero", NAN, NAN, NAN, False, "undecided"),
        ("at least", 0.9, 0.95, 0.9, False, "holds"),
        ("at least", 0.8, 0.89, 0.9, False, "does not hold"),
        ("at least", 0.8, 0.95, 0.9, False, "undecided"),
        ("at least", 0.8, 0.95, NAN, False, "undecided"),
    ],
)
def test_verdict_by_other_rules(rule, low, high, paper, flagged, wanted):
    """An order needs a small adjusted p beside its interval."""
    rule, _, p = rule.partition(", p ")
    more = (rule, flagged, float(p or 0.04))
    assert verdicts.verdict(low, high, paper, 40, "clinic", *more) == wanted
    assert verdicts.verdict(low, high, paper, 39, "clinic", *more) == "not tested"
    assert verdicts.verdict(low, high, paper, 40, "phantom", *more) == f"on phantoms: {wanted}"


def test_an_order_is_a_row_of_pairs_whichever_way_round_and_its_verdict_follows_the_number():
    """MeanShift over bins stands in the table as bins before meanshift; a changed number changes
    the verdict.
    """
    common = {
        "study": "h",
        "data": "clinic",
        "target": summary.blocks(PREDICTIONS)[0][0],
        "score": "iou",
        "stratum": "all",
    }
    assert common["target"] in verdicts.HEADLINES and summary.POOLED in verdicts.HEADLINES
    common |= {
        "n_cases": 50,
        "n_patients": 50,
        "flagged": False,
        "profile": "quick",
        "p_holm": 0.01,
    }
    rows = [
        {"method": "", "selection": "meanshift", "first": "gradient", "second": "lrp-z"}
        | {"difference": 0.1, "ci_low": 0.05, "ci_high": 0.2},
        {"method": "gradient", "selection": "", "first": "bins", "second": "meanshift"}
        | {"difference": 0.1, "ci_low": 0.05, "ci_high": 0.2},
    ]
    few = {
        "empty_rule": summary.EMPTY_RULES[0],
        "method": "lrp-epsilon",
        "selection": "meanshift",
        "n_patients": 7,
    } | {
        "mean": 0.1,
        "ci_low": 0.0,
        "ci_high": 0.2,
    }
    summarised = pd.DataFrame(
        [
            common | few,
            common | few | {"method": "gradient", "n_patients": 50},
            common | few | {"method": "lrp-epsilon", "selection": "top-area"},
            common | few | {"method": "gradient", "selection": "kmeans"},
        ]
    )
    nothing = pd.DataFrame(columns=[*measured()])
    found = verdicts.claims(
        summarised.assign(target_role="predicted"),
        pd.DataFrame(rows).assign(**common),
        nothing,
        CONCEPTS,
        {"h": "nedjar-2023"},
    )
    said = found.set_index("claim")
    assert said.loc["gradient over lrp-z", "verdict"] == "holds"
    assert said.loc["meanshift over bins", "verdict"] == "does not hold"
    assert (
        said.loc["meanshift over bins", ["value", "ci_low", "ci_high"]] == [-0.1, -0.2, -0.05]
    ).all()
    assert said.loc["gradient over lrp-epsilon", "verdict"] == "not tested", (
        "compared with nothing, since it explains a subset"
    )
    rows[0] |= {"ci_low": -0.05}
    again = verdicts.claims(
        summarised.assign(target_role="predicted"),
        pd.DataFrame(rows).assign(**common),
        nothing,
        CONCEPTS,
        {"h": "nedjar-2023"},
    )
    assert again.set_index("claim").loc["gradient over lrp-z", "verdict"] == "undecided"


def measured(metric="auroc", start="transfer", low=0.8, n_patients=40, study="s"):
    return {
        "start": start,
        "metric": metric,
        "study": study,
        "data": "made",
        "value": 0.9,
        "ci_low": low,
        "ci_high": 0.95,
        "n_cases": 50,
        "n_patients": n_patients,
        "target": "malignant",
        "profile": "quick",
    }


def test_claims_about_clusters_are_rows_of_the_table_of_concepts():
    """Changing a number changes the verdict; an order needs its p."""
    row = dict.fromkeys(columns.CONCEPTS, "") | {
        "study": "p",
        "data": "clinic",
        "n_patients": 50,
        "ci_low": 0.1,
        "ci_high": 0.3,
        "p_holm": 0.01,
    }
    names = [
        "adjusted Rand index, nmf - colours",
        "AUROC, nmf",
        "rank correlation with occlusion",
        "another",
    ]
    table = pd.DataFrame([row | {"statistic": name} for name in names])
    none = pd.DataFrame(columns=[*measured()])

    def every(own):
        return verdicts.claims(
            pd.DataFrame(columns=columns.SUMMARY),
            pd.DataFrame(columns=columns.PAIRS),
            none,
            own,
            {"p": "bajger-2025"},
        )

    said = every(table).set_index("claim")["verdict"].to_dict()
    assert said == {
        "clusters match tissue better than colours": "holds",
        "cluster weights tell tumours": "does not hold",
        "clusters go with occlusion": "holds",
        # not asked of this study
        "clusters match tissue better than those of a random network": "not tested",
        "clusters go with grad-cam": "not tested",
    }

    def tested(own):
        return [verdict for verdict in every(own)["verdict"] if verdict != "not tested"]

    assert tested(table.assign(p_holm=0.2)) == ["undecided", "does not hold", "holds"]
    assert tested(table.assign(ci_low=-0.1)) == ["undecided", "does not hold", "undecided"]
    assert every(table[:0]).empty, "of a study without clusters nothing is said"


def test_claims_about_units_and_figures_of_each_class():
    """A paper's figure belongs to its class; what nobody was asked is not tested."""
    row = dict.fromkeys(columns.CONCEPTS, np.nan) | {
        "study": "m",
        "data": "clinic",
        "n_patients": 50,
        "ci_low": 0.1,
    }
    row |= {"ci_high": 0.3, "p_holm": 0.01}
    told = [
        row | {"statistic": f"F1 with the report, published - {other}"}
        for other in ("shuffled reports", "commonest words")
    ]
    told[1]["ci_high"], told[1]["ci_low"] = -0.01, -0.2
    told.append(
        row
        | {
            "statistic": "a reader's right answers from the text alone",
            "n_patients": 0,
            "ci_low": np.nan,
            "ci_high": np.nan,
        }
    )
    reached = pd.DataFrame(
        [
            measured(study="m") | {"target": target, "ci_low": 0.85, "ci_high": 0.9}
            for target in ("normal", "benign", "malignant", "mean of all")
        ]
    )
    empty = pd.DataFrame(columns=columns.SUMMARY), pd.DataFrame(columns=columns.PAIRS)
    found = verdicts.claims(*empty, reached, pd.DataFrame(told), {"m": "wu-2021"}).set_index(
        ["claim", "target"]
    )
    figures = found.loc["auroc"]
    assert figures["paper_value"].to_dict() == {
        "normal": 0.862,
        "benign": 0.844,
        "malignant": 0.872,
    }
    assert figures["verdict"].to_dict() == {
        "normal": "holds",
        "benign": "does not hold",
        "malignant": "holds",
    }
    said = found.reset_index().set_index("claim")["verdict"]
    assert said["explanations say more of their report than shuffled reports"] == "holds"
    assert said["explanations say more of their report than commonest words"] == "does not hold"
    assert said["a reader is as often right from the text alone"] == "not tested"
    assert said["labelled units matter more than units as active"] == "not tested", (
        "a row, though nothing was found"
    )
    asked = found.reset_index().set_index("claim")["asked_by"]
    assert asked["explanations say more of their report than shuffled reports"] == "Regard"
    assert set(asked[["auroc", "a reader is as often right from the text alone"]]) == {"the paper"}


def test_claims_put_the_papers_figures_beside_ours():
    """The networks' figures after transfer, and CAM's share in the three regions among correct
    cases, and no other.
    """
    scores = pd.concat(
        [table()]
        + [
            column(HITS, score, region=region, method=method, target_role=role, **POINTING)
            for score in ("pointing", "pointing-chance")
            for region in ("below", UNION)
            for method in ("cam", "lrp")
            for role in ("predicted", "true")
        ]
    )
    ours = summary.summarise(scores, BOTH, 100, "quick")
    found = verdicts.claims(
        ours,
        pd.DataFrame(columns=columns.PAIRS),
        pd.DataFrame(
            [
                measured(),
                measured("accuracy", low=0.84),
                measured(start="scratch"),
                measured("sensitivity", n_patients=39),
                measured("auprc"),
                measured(study="another"),
            ]
        ),
        CONCEPTS,
        {"s": "byra-2022"},
    )
    orders = found["claim"].str.startswith("cam over")
    assert orders.sum() == 3 and set(found.loc[orders, "verdict"]) == {"not tested"}
    found = found[~orders]
    assert list(found["claim"]) == ["auroc", "accuracy", "sensitivity", "three-regions"]
    assert list(found["target"]) == ["malignant"] * 3 + ["each case's own"]
    assert list(found["paper_value"]) == [0.887, 0.835, 0.801, 0.71]
    assert list(found["verdict"]) == ["holds", "does not hold", "not tested", "not tested"]
    share, row = (
        found.iloc[-1],
        one(ours, region=UNION, method="cam", stratum="correct", target_role="predicted"),
    )
    assert (share["value"], share["n_cases"], share["n_patients"]) == (row["mean"], 2, 2)


def test_write_gathers_the_studies_by_name(tmp_path, monkeypatch):
    """Studies in the order of their names, undefined as blank, six digits."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("studies: {a: {}, b: {}}")
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        gather.write()
    for study in ("b", "a"):
        folder = tmp_path / "results" / "study" / study
        for part in ("compare", "train"):
            (folder / part).mkdir(parents=True)
        means = summary.summarise(table(), PREDICTIONS, 50, "q")
        tables.write(means.assign(study=study), folder / "compare/summary.csv")
        paired = summary.pairs(contrasts(), PREDICTIONS, ["cam"], ["ones"], EXPERT, 2000, "q")
        tables.write(paired.assign(study=study), folder / "compare/pairs.csv")
        tables.write(pd.DataFrame([measured(study=study)]), folder / "train/performance.csv")
        (folder / "examine").mkdir()
        tables.write(
            pd.DataFrame([{"study": study, "check": "noise", "mean": 0.5}]),
            folder / "examine/trust.csv",
        )
        (folder / "clusters").mkdir()
        tables.write(
            pd.DataFrame([dict.fromkeys(columns.CONCEPTS, 0) | {"study": study}]),
            folder / "clusters/told.csv",
        )
        (folder / "compare/settings.json").write_text('{"published": "byra-2022"}')
    gather.write()
    for name in ("summary", "pairs", "performance", "trust", "concepts", "claims"):
        assert list(dict.fromkeys(pd.read_csv(tmp_path / f"results/{name}.csv")["study"])) == [
            "a",
            "b",
        ]
    text = (tmp_path / "results/summary.csv").read_text()
    assert ",0.666667," in text and ",nan" not in text.lower() and "\r" not in text


MASS = np.zeros((40, 80), bool)
MASS[14:20, 36:46] = True
PARTS = reference_regions.around_mass(MASS)
PLACES = {
    "mass": (16, 40),
    "peritumoral": (21, 40),
    "below": (24, 40),
    "above": (8, 40),
    "other": (35, 5),
}


def impulse(place, box):
    """A map on the square with one pixel set, the one over the image's pixel `place`."""
    maps = torch.zeros(1, box.size, box.size)
    row, column = [
        int((at + 0.5) * inner / side) for at, inner, side in zip(place, box[3:5], box[:2])
    ]
    maps[0, box.top + row, box.left + column] = 1
    return maps


def hits(scores):
    return scores[scores["score"] == "pointing"].set_index(["method", "region"])["value"]


@pytest.mark.parametrize("size", [40, 80, 160])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", PLACES)
def test_an_impulse_lands_in_its_region(name, turned, size):
    """On a letterboxed image, wide or tall, at half, the same and twice the annotation's grid."""
    parts = {part: region.T if turned else region for part, region in PARTS.items()}
    place = PLACES[name][::-1] if turned else PLACES[name]
    box = letterbox(*parts["mass"].shape, size)
    assert parts[name][place] and (box.top, box.left) == (
        (0, size // 4) if turned else (size // 4, 0)
    )
    found = hits(localisation.score_maps(impulse(place, box), ["cam"], parts, NAMES, box, [0]))[
        "cam"
    ]
    assert found.to_dict() == {
        part: float(part == name) for part in reference_regions.AROUND_MASS
    } | {UNION: float(name in ("mass", "peritumoral", "below"))}


def test_each_map_has_the_row_of_its_name():
    box = letterbox(40, 80, 80)
    maps = torch.cat([impulse(place, box) for place in PLACES.values()])
    found = (
        hits(localisation.score_maps(maps, list(PLACES), PARTS, NAMES, box, [0]))
        .unstack()[list(PLACES)]
        .loc[list(PLACES)]
    )
    np.testing.assert_array_equal(found, np.eye(5))


@pytest.mark.parametrize(
    "shape, inside", [((56, 112), 7), ((112, 224), 15), ((224, 112), 15), ((448, 224), 30)]
)
def test_tolerance_is_in_pixels_of_an_input_224_wide(shape, inside):
    """15 of 224 pixels of the longer side, whatever the square's size, and not one more; 7.5 of 112
    reach 7.
    """
    mass = np.zeros(shape, bool)
    mass[20, 5] = True
    parts = {
        name: mass if name == "mass" else np.zeros_like(mass)
        for name in reference_regions.AROUND_MASS
    }
    box = letterbox(*shape, 448)
    maps = torch.cat([impulse((20, 5 + inside + more), box) for more in (0, 1)])
    found = localisation.score_maps(maps, ["in", "out"], parts, NAMES, box, [0, 15])
    hit = found[(found["score"] == "pointing") & (found["region"] == "mass")].set_index(
        ["setting", "method"]
    )["value"]
    assert hit.to_dict() == {
        ("tolerance=0/224", "in"): 0,
        ("tolerance=0/224", "out"): 0,
        ("tolerance=15/224", "in"): 1,
        ("tolerance=15/224", "out"): 0,
    }


def test_chance_is_the_hit_rate_of_every_pixel_in_turn():
    """At both tolerances; disjoint regions that cover the image sum to one without tolerance, to
    more with it.
    """
    parts = {name: region[::2, ::2] for name, region in PARTS.items()}
    box = letterbox(20, 40, 40)
    maps = torch.cat([impulse(place, box) for place in np.ndindex(20, 40)])
    found = localisation.score_maps(
        maps, [str(place) for place in range(800)], parts, NAMES, box, [0, 12]
    )
    found = found[found["score"].isin(["pointing", "pointing-chance"])]
    means = (
        found.groupby(["setting", "region", "score"])["value"].agg(["mean", "nunique"]).unstack()
    )
    np.testing.assert_allclose(
        means["mean"]["pointing"], means["mean"]["pointing-chance"], rtol=1e-12
    )
    assert (means["nunique"]["pointing-chance"] == 1).all(), "chance knows no map"
    sums = (
        means["mean"]["pointing-chance"].unstack()[list(reference_regions.AROUND_MASS)].sum(axis=1)
    )
    assert sums["tolerance=0/224"] == pytest.approx(1) and sums["tolerance=12/224"] > 1.05


def test_a_case_that_is_not_annotated_is_undefined_throughout():
    box = letterbox(40, 80, 80)
    found = localisation.score_maps(
        impulse((3, 3), box).repeat(2, 1, 1), ["a", "b"], {}, NAMES, box, [0, 15]
    )
    assert len(found) == 3 * (2 + 1) * 6 and found["value"].isna().all()
    selected = localisation.score_selections(
        impulse((3, 3), box) > 0, ["a"], None, "mass", box
    ).set_index("score")["value"]
    np.testing.assert_array_equal(
        selected[["iou", "iou-chance", "precision", "area"]], [NAN, NAN, NAN, 1 / 3200]
    )


def test_a_region_that_does_not_exist_is_undefined_and_a_broken_map_as_well():
    """A mass at the lower border has no `below`; a map with NaN has hits nowhere, and the chance
    does not mind.
    """
    parts = reference_regions.around_mass(np.roll(MASS, 20, axis=0))
    box = letterbox(40, 80, 80)
    broken = torch.full((1, 80, 80), torch.nan)
    found = localisation.score_maps(
        torch.cat([impulse((37, 40), box), broken]), ["good", "broken"], parts, NAMES, box, [0]
    )
    value = found.set_index(["method", "score", "region"])["value"].sort_index()
    np.testing.assert_array_equal(value["good", "pointing"][["mass", "below", UNION]], [1, NAN, 1])
    assert value["broken", "pointing"].isna().all()
    assert (
        np.isnan(value["", "pointing-chance", "below"])
        and value["", "pointing-chance"]["mass"] != 0
    )


@pytest.mark.parametrize("size", [40, 80])
def test_selections_by_hand(size):
    """The left half of the image, cut at column 40 through a mass of 6 x 10 with 4 columns on that
    side.
    """
    box = letterbox(40, 80, size)
    selected = torch.zeros(2, size, size, dtype=torch.bool)
    selected[0, :, : size // 2] = True
    found = localisation.score_selections(selected, ["half", "none"], MASS, "mass", box).set_index(
        ["method", "score"]
    )["value"]
    half, share = 0.5, 60 / 3200
    assert list(found["half"][["iou", "area"]]) == pytest.approx([24 / (1600 + 36), 0.5])
    assert found["half", "iou-chance"] == pytest.approx(
        half * share / (half + share - half * share)
    )
    assert list(found["none"][["iou", "iou-chance", "area"]]) == [0, 0, 0]


def test_all_scores_of_one_explanation():
    """A map with its maximum in the mass; its region by two settings; the other finding lies where
    the map has nothing.
    """
    box, other = letterbox(40, 80, 80), np.roll(MASS, 20, axis=1)
    heat = torch.zeros(80, 80)
    heat[20:60, :] = from_pixels(MASS)
    maps = xr.Dataset({"cam": (("map", "y", "x"), heat[None].numpy())}, {"map": ["a nodule"]})
    chosen = torch.stack([heat > 0, heat > 9])[:, None].numpy()
    said = {
        "otsu": {"method": "otsu", "parameters": {}},
        "otsu k=2": {"method": "otsu", "parameters": {"k": 2}},
    }
    selected = xr.Dataset(
        {"cam": (("selection", "map", "y", "x"), chosen)},
        {"map": ["a nodule"], "selection": list(said)},
        {"variants": json.dumps(said)},
    )
    scored = {"parts": ["finding", "other"], "others": ["effusion"], "expert": "finding"}
    regions_of = {"finding": MASS, "other": ~MASS, "effusion": other}
    found = localisation.score_explanation(
        maps, [selected], "a", "nodule", regions_of, scored, box, [0, "5 mm"], 0.5
    )
    value = (
        found.astype(object)
        .fillna("")
        .set_index(["method", "selection", "setting", "region", "score"])["value"]
    )
    assert (
        value["cam", "", "tolerance=0/224", "finding", "pointing"] == 1
        and value["cam", "", "", "finding", "mass"] == 1
    )
    assert value["cam", "", "tolerance=5 mm", "other", "pointing"] == 1, (
        "ten pixels from the middle of the mass is outside it"
    )
    assert (
        value["cam", "", "tolerance=0/224", "effusion", "pointing"] == 0
        and value["cam", "", "", "effusion", "mass"] == 0
    )
    assert (
        value["cam", "", "", "finding", "auprc"] == 1
        and ("cam", "", "", "other", "auprc") not in value
    )
    assert ("cam", "", "tolerance=5 mm", "effusion", "pointing") not in value
    assert (
        value["cam", "otsu", "", "finding", "iou"] == 1
        and value["cam", "otsu", "k=2", "finding", "iou"] == 0
    )
    assert value["cam", "otsu", "", "", "area"] == pytest.approx(MASS.mean())
    assert value["", "", "tolerance=0/224", "finding", "pointing-chance"] == pytest.approx(
        MASS.mean()
    )


def from_pixels(mask):
    """A mask of 40 x 80 as the middle of a square of 80."""
    return torch.from_numpy(mask).float()


def test_tolerances_in_millimetres_need_the_pixel_size():
    box = letterbox(40, 80, 80)
    assert localisation.tolerance_in_pixels(15, box, None) == pytest.approx(15 / 224 * 80)
    assert localisation.tolerance_in_pixels("5 mm", box, 0.5) == 10 and np.isnan(
        localisation.tolerance_in_pixels("5 mm", box, None)
    )
    for wrong in ("5", "mm", "-1 mm", "5 cm", "inf mm"):
        with pytest.raises(ValueError, match="tolerance"):
            localisation.tolerance_in_pixels(wrong, box, 0.5)
    found = localisation.score_maps(impulse((16, 40), box), ["cam"], PARTS, ["mass"], box, ["5 mm"])
    assert found.loc[found["score"].str.startswith("pointing"), "value"].isna().all(), (
        "without it the score is undefined"
    )


def test_people_agree_by_hand():
    """Two readers share two of four pixels each: IoU 1/3, Dice, precision and recall 1/2. A third
    who drew nothing is no reference, and as a region has IoU 0 with both."""
    mine, hers, none = np.zeros((3, 4, 4), bool)
    mine[0], hers[0, :2], hers[1, :2] = True, True, True
    pair = localisation.score_readers([mine, hers], "mass").set_index("score")["value"]
    assert pair.to_dict() == pytest.approx(
        {"iou": 1 / 3, "dice": 1 / 2, "precision": 1 / 2, "recall": 1 / 2}
    )
    three = localisation.score_readers([mine, hers, none], "mass").set_index("score")["value"]
    assert three["iou"] == pytest.approx((1 / 3 + 1 / 3 + 0 + 0) / 4) and three[
        "precision"
    ] == pytest.approx(1 / 2)
    assert localisation.score_readers([none, none], "mass")["value"].isna().all()
    drawn = {
        "mass": mine,
        "mass-1": mine,
        "mass-2": hers,
        "mass-like": none,
        "submass-1": none,
        "other": ~mine,
    }
    assert len(reference_regions.readers(drawn, "mass")) == 2 and list(
        reference_regions.other_findings(drawn, "nodule")
    ) == [
        "mass",
        "mass-like",
    ]
    people = (
        localisation.score_readers([mine, hers], "mass").assign(selection="").to_dict("records")
    )
    scores = pd.concat(
        [table()]
        + [
            column([row["value"]] * 4, row["score"], method=row["method"], selection="", setting="")
            for row in people
        ]
    )
    row = one(
        summary.summarise(scores, PREDICTIONS, 100, "q"),
        method=localisation.HUMAN,
        score="iou",
        stratum="all",
    )
    assert row["mean"] == pytest.approx(1 / 3) and row["n_cases"] == 4 and row["empty_rule"] == ""


def test_places_are_shares_of_their_own_image():
    """The maximum in the upper left quarter of a wide image lies there in a tall one as well."""
    box = letterbox(40, 80, 80)
    place = localisation.place_of_maximum(impulse((10, 20), box)[0].numpy(), box)
    assert place == pytest.approx((10.5 / 40, 20.5 / 80))
    corner = np.zeros((90, 30), bool)
    corner[:45, :15] = True
    np.testing.assert_array_equal(
        localisation.crossed([place, (0.9, 0.1)], [corner, ~corner]), [[True, False], [False, True]]
    )
    assert localisation.crossed([], []).shape == (0, 0)


@pytest.mark.parametrize(
    "parameters, text",
    [
        ({}, ""),
        ({"quantile": 0.2}, "quantile=0.2"),
        ({"b": None, "a": 1, "c": "x"}, 'a=1;b=null;c="x"'),
    ],
)
def test_setting(parameters, text):
    assert localisation.setting(parameters) == text


def test_too_few_draws_for_any_small_p_are_refused():
    with pytest.raises(ValueError, match="50 draws of signs cannot make any of 18"):
        summary.pairs(contrasts(), PREDICTIONS, ["cam", "lrp"], ["ones"], EXPERT, 50, "quick")


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


def test_changing_a_number_in_summary_changes_the_verdict():
    """Of the share of CAM in the three regions, as it stands in summary.csv: its interval, its
    patients, its data.
    """
    scores = pd.concat(
        column(HITS, score, region=UNION, **POINTING) for score in ("pointing", "pointing-chance")
    )
    ours = summary.summarise(scores, PREDICTIONS, 100, "full").assign(
        n_patients=60, ci_low=0.6, ci_high=0.75
    )
    none = (
        pd.DataFrame(columns=columns.PAIRS),
        pd.DataFrame(columns=[*measured()]),
        CONCEPTS,
        {"s": "byra-2022"},
    )

    def verdict(**change):
        found = verdicts.claims(ours.assign(**change), *none).set_index("claim")
        return found.loc["three-regions", "verdict"]

    assert verdict(data="clinic") == "holds" and verdict(data="phantom") == "on phantoms: holds"
    assert (
        verdict(data="clinic", ci_high=0.7)
        == verdict(data="clinic", ci_low=0.72)
        == "does not hold"
    )
    assert verdict(data="clinic", n_patients=39) == "not tested"
    assert (
        verdict(data="clinic", ci_low=0.5) == verdict(data="clinic", ci_low=NAN) == "undecided"
    ), "too wide, and none"
