"""Questions beside the means, done by hand: other patients' regions, groups of cases, and maps of
one finding on another's region.
"""

import numpy as np
import pandas as pd
import pytest

from regard.evaluation import stratified

ROWS = pd.DataFrame({"case": list("abcd"), "patient": list("pqrs"), "target": ["x", "x", "y", "y"]})
LEFT, RIGHT, NOTHING = np.zeros((3, 4, 4), bool)
LEFT[:, :2], RIGHT[:, 2:] = True, True


def test_hits_of_the_own_region_beside_those_of_others():
    """Two maps point left and two right, each into its own region: half of the regions of others
    would be hit.
    """
    places = [(0.5, 0.1), (0.5, 0.9), (0.5, 0.2), (0.5, 0.8)]
    found = stratified.dealt(places, [LEFT, RIGHT, LEFT, RIGHT], np.full(4, True), ROWS, 4000, 0)
    assert (
        found["value"] == 1
        and found["permuted"] == pytest.approx(0.5, abs=0.02)
        and found["n_maps"] == 4
    )
    within = stratified.dealt(
        places, [LEFT, RIGHT, RIGHT, LEFT], np.full(4, True), ROWS, 4000, 0, "target"
    )
    assert within["value"] == 0.5 and within["permuted"] == pytest.approx(0.5, abs=0.02)


def test_cases_without_a_region_or_a_maximum_and_those_outside_are_left_out():
    places = [(0.5, 0.1), (np.nan, np.nan), (0.5, 0.1), (0.5, 0.1)]
    found = stratified.dealt(places, [LEFT, LEFT, NOTHING, None], np.full(4, True), ROWS, 100, 0)
    assert (found["value"], found["n_maps"], found["n_cases"]) == (1, 1, 1)
    assert (
        stratified.dealt(places, [LEFT] * 4, np.array([False, True, True, True]), ROWS, 100, 0)[
            "n_maps"
        ]
        == 2
    )


def test_groups_of_cases_by_hand():
    """Means 1 and 1/3 of two and three maps; the one in neither group, and the undefined one, are
    left out.
    """
    values = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, np.nan]
    scores = pd.DataFrame(
        {
            "value": values,
            "patient": list("abcdefg"),
            "method": "cam",
            "region": "mass",
            "score": "pointing",
        }
    )
    side = pd.Series([True, True, False, False, False, np.nan, True], dtype=object)
    found = stratified.between(scores, "asked", side, 500, 0).iloc[0]
    assert (
        found["difference"] == pytest.approx(2 / 3) and found["ci_low"] <= 2 / 3 <= found["ci_high"]
    )
    assert (found["n_first"], found["n_second"], found["n_patients"]) == (2, 3, 5) and found[
        "question"
    ] == "asked"
    assert (
        stratified.between(scores, "asked", ~side.fillna(False).astype(bool), 500, 0)["difference"][
            0
        ]
        < 0
    )


COMMON = {"method": "cam", "selection": "otsu", "score": "iou", "stratum": "all"}
IOU = [("x", "finding", 0.5), ("x", "y", 0.1), ("y", "finding", 0.4)]
CONFUSED = pd.DataFrame([COMMON | dict(zip(("target", "region", "mean"), row)) for row in IOU])


def test_confusion_has_the_own_region_on_the_diagonal():
    found = stratified.confusion(CONFUSED, ["x", "y"], "cam", "otsu")
    assert found.index.tolist() == found.columns.tolist() == ["x", "y"]
    np.testing.assert_array_equal(found.to_numpy(), [[0.5, 0.1], [np.nan, 0.4]])
    turned = stratified.confusion(CONFUSED, ["y", "x"], "cam", "otsu")
    np.testing.assert_array_equal(turned.to_numpy(), [[0.4, np.nan], [0.1, 0.5]])


@pytest.mark.parametrize(
    "column, value",
    [
        ("method", "lrp"),
        ("selection", "top-area"),
        ("score", "dice"),
        ("stratum", "correct"),
        ("target", "all findings"),
    ],
)
def test_confusion_takes_no_other_rows(column, value):
    """Rows that differ in one column alone come first and have other means: one that was taken
    would be seen.
    """
    others = CONFUSED.assign(**{column: value}, mean=0.9)
    found = stratified.confusion(pd.concat([others, CONFUSED]), ["x", "y"], "cam", "otsu")
    np.testing.assert_array_equal(found.to_numpy(), [[0.5, 0.1], [np.nan, 0.4]])
    assert stratified.confusion(others, ["x", "y"], "cam", "otsu").isna().all(axis=None)


def test_confusion_takes_the_first_of_several_rows():
    """A map and a region have several rows where settings, or rules for empty selections,
    differ.
    """
    swept = CONFUSED.assign(mean=CONFUSED["mean"] / 2)
    found = stratified.confusion(pd.concat([CONFUSED, swept]), ["x", "y"], "cam", "otsu")
    np.testing.assert_array_equal(found.to_numpy(), [[0.5, 0.1], [np.nan, 0.4]])
    with_union = pd.concat([CONFUSED, CONFUSED[:1].assign(region="x+y", mean=0.7)])
    pd.testing.assert_frame_equal(
        stratified.confusion(with_union, ["x", "y"], "cam", "otsu"), found
    )
