"""Which concept a unit responds to: planted ones are found, and among units that know nothing
hardly any is.
"""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from regard.concepts import report_words, unit_labels

UNITS = [3, 7, 11, 20, 41]


CLASSES = np.array(["one"] * 96)


def made(seed, patients=80, units=5):
    random = np.random.default_rng(seed)
    whose = np.repeat(np.arange(patients), 2)[: patients + patients // 5].astype(str)
    mass = random.random(len(whose)) < 0.5
    written = pd.DataFrame({word: np.zeros(len(whose), bool) for word in report_words.WORDS})
    written["mass"], written["spiculated"] = mass, mass & (random.random(len(whose)) < 0.5)
    return random.normal(0, 1, (len(whose), units)), written, whose


def test_aurocs_are_scikit_learns():
    random = np.random.default_rng(0)
    amounts, present = random.integers(0, 6, (50, 4)).astype(float), random.random((3, 50)) < 0.3
    found = unit_labels.unit_aurocs(amounts, present)
    for label in range(3):
        for unit in range(4):
            assert found[label, unit] == pytest.approx(
                roc_auc_score(present[label], amounts[:, unit])
            )
    assert np.isnan(unit_labels.unit_aurocs(amounts, np.ones((1, 50), bool))).all()


def test_a_planted_word_is_found_and_its_finding_is_not_mistaken_for_it():
    amounts, written, whose = made(1)
    amounts[:, 1] += 2.0 * written["mass"]  # sees masses, of whatever margin
    amounts[:, 3] += 2.5 * written["spiculated"]
    table = unit_labels.adjusted(
        [unit_labels.words(amounts, written, UNITS, whose, CLASSES, 999, 0)]
    )
    assert set(table["concept"]) == {"mass", "spiculated"}
    assert unit_labels.labels(table) == {7: "mass", 20: "spiculated mass"}
    spiculated = table[(table["concept"] == "spiculated") & (table["unit"] == 7)].iloc[0]
    assert (
        spiculated["n_cases"] == written["mass"].sum()
        and abs(spiculated["value"] - 0.5) < 0.25
        and not spiculated["matched"]
    )


def test_units_that_know_nothing_rarely_match():
    """At most about LEVEL of data sets have any match at all, over all units and words."""

    def any_match(seed):
        amounts, written, whose = made(seed)
        return unit_labels.adjusted(
            [unit_labels.words(amounts, written, UNITS, whose, CLASSES, 199, seed)]
        )["matched"].any()

    assert (
        np.mean([any_match(seed) for seed in range(60)]) <= 0.15
    )  # at 0.05 more than that has a chance below 0.002


def test_a_unit_that_knows_the_class_alone_matches_no_word():
    """Malignant images have spiculated masses more often; being excited by all that is malignant
    does not make a unit see spicules.
    """
    random = np.random.default_rng(4)
    classes = np.where(random.random(400) < 0.5, "malignant", "benign")
    written = pd.DataFrame({word: np.zeros(400, bool) for word in report_words.WORDS})
    written["mass"] = random.random(400) < 0.6
    written["spiculated"] = written["mass"] & (
        random.random(400) < np.where(classes == "malignant", 0.8, 0.1)
    )
    amounts = random.normal(0, 1, (400, 5)) + 3.0 * (classes == "malignant")[:, None] * [
        1,
        0,
        0,
        0,
        0,
    ]
    amounts[:, 2] += 3.0 * written["spiculated"]
    table = unit_labels.words(amounts, written, UNITS, np.arange(400), classes, 499, 0)
    first = table[(table["unit"] == 3) & (table["concept"] == "spiculated")].iloc[0]
    assert first["overall"] > 0.75 and abs(first["value"] - 0.5) < 0.15 and first["p"] > 0.05
    assert unit_labels.labels(unit_labels.adjusted([table])) == {11: "spiculated mass"}


def test_aurocs_within_classes_count_their_pairs_alone():
    amounts = np.array([[1.0], [2], [10], [11], [5]])
    present, groups = (
        np.array([[True, False, False, True, True]]),
        np.array(["a", "a", "b", "b", "c"]),
    )
    assert (
        unit_labels.within(amounts, present, groups)[0, 0] == 0.5
    )  # wrong in a, right in b, no pair in c
    assert np.isnan(unit_labels.within(amounts[4:], present[:, 4:], groups[4:])).all()


def test_what_cannot_be_told_is_refused_or_left_out():
    amounts, written, whose = made(2)
    written["oval"] = written["mass"] & (np.arange(len(whose)) < 6)
    table = unit_labels.words(amounts, written, UNITS, whose, CLASSES, 99, 0)
    assert "oval" not in set(table["concept"]) and (table["p"] >= 1 / 100).all()
    assert (
        unit_labels.adjusted([pd.DataFrame()]).empty
        and unit_labels.labels(unit_labels.adjusted([])) == {}
    )
    amounts[3, 1] = np.nan
    with pytest.raises(ValueError, match="must be finite, a column for each of 5 units"):
        unit_labels.words(amounts, written, UNITS, whose, CLASSES, 99, 0)
    with pytest.raises(ValueError, match="a column for each of 4 units"):
        unit_labels.words(made(2)[0], written, UNITS[:4], whose, CLASSES, 99, 0)


def test_masks_that_cover_a_structure_are_found():
    random = np.random.default_rng(3)
    drawn = torch.zeros(40, 16, 16, dtype=torch.bool)
    for at in range(40):
        down, across = random.integers(0, 12, 2)
        drawn[at, down : down + 4, across : across + 4] = True
    blind = torch.from_numpy(random.random((40, 16, 16)) < 0.1)
    found = unit_labels.masks(
        [drawn.roll(1, dims=2), blind], drawn, "mass", [4, 9], np.arange(40), 500, 0
    )
    table = found.set_index("unit")
    assert (
        table["value"][4] == pytest.approx(12 / 20, abs=0.05)
        and table["p"][4] < 0.01
        and table["p"][9] > 0.05
    )
    assert table["chance"][4] < 0.15 and (table["value"] == table["overall"]).all()
    assert unit_labels.labels(unit_labels.adjusted([found])) == {4: "mass"}
    few = drawn & (torch.arange(40) < 3)[:, None, None]
    assert unit_labels.masks([drawn], few, "mass", [4], np.arange(40), 50, 0).empty


def test_a_unit_that_knows_the_image_and_not_the_place_covers_nothing():
    """It responds on images with the structure alone, somewhere: in at most about one of twenty
    data sets by chance below 0.05.
    """
    below = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        drawn, masks = (
            torch.zeros(30, 12, 12, dtype=torch.bool),
            torch.zeros(3, 30, 12, 12, dtype=torch.bool),
        )
        for at in range(15):
            down, across = random.integers(0, 9, 2)
            drawn[at, down : down + 4, across : across + 4] = True
            for one in masks:
                down, across = random.integers(0, 9, 2)
                one[at, down : down + 4, across : across + 4] = True
        below += (
            unit_labels.masks(masks, drawn, "mass", [1, 2, 3], np.arange(30), 99, seed)["p"].min()
            < 0.05
        )
    assert below <= 7  # of 40 at 0.05 more has a chance below 0.002


def test_labels_name_the_best_word_of_each_finding():
    """A descriptor before its finding, a word before a structure, and nothing that is not
    matched.
    """
    told = [
        (1, "mass", "mask", 0.5, 0.1, 0.001),
        (1, "oval", "word", 0.8, 0.5, 0.001),
        (1, "mass", "word", 0.9, 0.5, 0.001),
    ]
    told += [
        (1, "irregular", "word", 0.7, 0.5, 0.001),
        (1, "calcification", "word", 0.6, 0.5, 0.002),
    ]
    told += [(2, "mass", "mask", 0.3, 0.1, 0.001), (3, "mass", "mask", 0.3, 0.1, 0.3)]
    rows = pd.DataFrame(told, columns=["unit", "concept", "kind", "value", "chance", "p"])
    table = unit_labels.adjusted([rows])
    assert unit_labels.labels(table) == {1: "oval mass, calcification", 2: "mass"}
    assert table["p_adjusted"].tolist() == pytest.approx(
        [0.005, 0.005, 0.005, 0.005, 0.01, 0.005, 1.0]
    )


def test_what_else_a_unit_may_tell():
    table = pd.DataFrame({"site": ["A", "A", "B", None], "view": ["CC"] * 4})
    found = unit_labels.groups(table, ["site", "view", "scanner"])
    assert found.columns.tolist() == ["site A", "site B", "view CC"] and found[
        "site B"
    ].tolist() == [
        False,
        False,
        True,
        False,
    ]
    amounts = np.array([[0.0, 5], [1, 4], [2, 3], [3, 2]])
    np.testing.assert_allclose(
        unit_labels.top_share(amounts, np.array([True, True, False, False]), 2), [0, 1]
    )
