"""Which concept a unit responds to: planted ones are found, and among units that know nothing hardly any is."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from regard import matches, reports

UNITS = [3, 7, 11, 20, 41]


def made(seed, patients=80, units=5):
    random = np.random.default_rng(seed)
    whose = np.repeat(np.arange(patients), 2)[: patients + patients // 5].astype(str)
    mass = random.random(len(whose)) < 0.5
    written = pd.DataFrame({word: np.zeros(len(whose), bool) for word in reports.WORDS})
    written["mass"], written["spiculated"] = mass, mass & (random.random(len(whose)) < 0.5)
    return random.normal(0, 1, (len(whose), units)), written, whose


def test_aurocs_are_scikit_learns():
    random = np.random.default_rng(0)
    amounts, present = random.integers(0, 6, (50, 4)).astype(float), random.random((3, 50)) < 0.3
    found = matches.unit_aurocs(amounts, present)
    for label in range(3):
        for unit in range(4):
            assert found[label, unit] == pytest.approx(roc_auc_score(present[label], amounts[:, unit]))
    assert np.isnan(matches.unit_aurocs(amounts, np.ones((1, 50), bool))).all()


def test_a_planted_word_is_found_and_its_finding_is_not_mistaken_for_it():
    amounts, written, whose = made(1)
    amounts[:, 1] += 2.0 * written["mass"]  # sees masses, of whatever margin
    amounts[:, 3] += 2.5 * written["spiculated"]
    table = matches.adjusted(matches.words(amounts, written, UNITS, whose, 999, 0))
    assert set(table["concept"]) == {"mass", "spiculated"}
    assert matches.labels(table) == {7: "mass", 20: "spiculated mass"}
    spiculated = table[(table["concept"] == "spiculated") & (table["unit"] == 7)].iloc[0]
    assert (
        spiculated["n_cases"] == written["mass"].sum()
        and abs(spiculated["value"] - 0.5) < 0.25
        and not spiculated["matched"]
    )


def test_units_that_know_nothing_rarely_match():
    """At most about LEVEL of data sets have any match at all, over all units and words."""
    any_match = [
        matches.adjusted(matches.words(*made(seed)[:2], UNITS, made(seed)[2], 199, seed))["matched"].any()
        for seed in range(60)
    ]
    assert np.mean(any_match) <= 0.15  # 60 data sets at 0.05: above 0.15 has a chance below 0.002


def test_rare_words_are_not_tried():
    amounts, written, whose = made(2)
    written["oval"] = written["mass"] & (np.arange(len(whose)) < 6)
    table = matches.words(amounts, written, UNITS, whose, 99, 0)
    assert "oval" not in set(table["concept"]) and (table["p"] >= 1 / 100).all()


def test_masks_that_cover_a_structure_are_found():
    random = np.random.default_rng(3)
    drawn = torch.zeros(40, 16, 16, dtype=torch.bool)
    for at in range(40):
        down, across = random.integers(0, 12, 2)
        drawn[at, down : down + 4, across : across + 4] = True
    blind = torch.from_numpy(random.random((40, 16, 16)) < 0.1)
    table = matches.masks([drawn.roll(1, dims=2), blind], drawn, "mass", [4, 9], np.arange(40), 500, 0).set_index(
        "unit"
    )
    assert table["value"][4] == pytest.approx(12 / 20, abs=0.05) and table["p"][4] < 0.01 and table["p"][9] > 0.05
    assert table["chance"][4] < 0.15
    assert matches.labels(matches.adjusted(table.reset_index())) == {4: "mass"}
    assert matches.masks(
        [drawn], drawn & (torch.arange(40) < 3)[:, None, None], "mass", [4], np.arange(40), 50, 0
    ).empty


def test_a_word_wins_over_a_structure():
    rows = [{"unit": 1, "concept": "mass", "kind": "mask", "value": 0.5, "chance": 0.1, "p": 0.001}, {"unit": 1, "concept": "oval", "kind": "word", "value": 0.8, "chance": 0.5, "p": 0.001},
            {"unit": 2, "concept": "mass", "kind": "mask", "value": 0.3, "chance": 0.1, "p": 0.001}, {"unit": 3, "concept": "mass", "kind": "mask", "value": 0.3, "chance": 0.1, "p": 0.3}]  # fmt: skip
    table = matches.adjusted(pd.DataFrame(rows))
    assert matches.labels(table) == {1: "oval mass", 2: "mass"} and table["p_adjusted"].tolist() == [
        0.002,
        0.002,
        0.002,
        0.6,
    ]


def test_what_else_a_unit_tells():
    amounts = np.array([[0.0, 5], [1, 4], [2, 3], [3, 2]])
    found = matches.rest(amounts, pd.Series(["A", "A", "B", "B"], name="site"), [7, 8]).set_index(["unit", "group"])[
        "value"
    ]
    assert found[7, "site A"] == 0 and found[7, "site B"] == 1 and found[8, "site A"] == 1
    assert matches.rest(amounts, pd.Series(["A"] * 4, name="site"), [7, 8]).empty
