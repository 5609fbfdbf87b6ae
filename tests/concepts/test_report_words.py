"""Words of reports, explanations put together from units, and how well the two agree: cases worked
out by hand.
"""

import numpy as np
import pandas as pd
import pytest
import torch
from here import ROOT

from regard.concepts import report_words
from regard.core import tables

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    "text, wanted",
    [
        (
            "There is an irregular mass with spiculated margins.",
            {"mass", "irregular", "spiculated"},
        ),
        ("Masses with spiculations, suspicious for breast cancer", {"mass", "spiculated"}),
        ("Spiculation", {"mass", "spiculated"}),  # with what it describes
        (
            "Edge of the mass, speculations",
            {"mass", "spiculated"},
        ),  # misspelt, as in DeepMiner's labels
        ("It is speculated that this is benign.", set()),
        ("There is a mass, which is speculated to be benign.", {"mass"}),
        ("A mass: speculation about its nature is idle", {"mass"}),
        (
            "LESION_TYPE MASS SHAPE IRREGULAR-ARCHITECTURAL_DISTORTION MARGINS ILL_DEFINED",
            {"mass", "irregular", "architectural distortion", "indistinct"},
        ),
        (
            "LESION_TYPE CALCIFICATION TYPE FINE_LINEAR_BRANCHING DISTRIBUTION LINEAR",
            {"calcification", "fine linear", "linear distribution"},
        ),
        (
            "LESION_TYPE CALCIFICATION TYPE ROUND_AND_REGULAR DISTRIBUTION CLUSTERED",
            {"calcification", "round and regular", "grouped"},
        ),
        ("There is no mass and there are no suspicious calcifications.", set()),
        ("No mass, calcification or distortion, but an oval mass on the left.", {"mass", "oval"}),
        ("Irregular mass without calcifications", {"mass", "irregular"}),
        ("There is no mass and there are punctate calcifications.", {"calcification", "punctate"}),
        ("A mass is seen, calcifications are not.", {"mass"}),
        ("Calcifications were not identified. Rule out mass.", set()),
        ("Non-calcified mass", {"mass"}),
        ("a mass, not calcified, spiculated", {"mass", "spiculated"}),
        ("round calcifications", {"calcification"}),  # not a round mass
        ("No change in the spiculated mass", {"mass", "spiculated"}),
        (
            "Mass, not palpable, with pleomorphic calcifications",
            {"mass", "calcification", "pleomorphic"},
        ),
        ("Masses: none", set()),
        ("Regional lymph nodes. Diffuse skin thickening.", set()),
        (
            "Punctate calcifications with a regional distribution",
            {"calcification", "punctate", "regional"},
        ),
        ("Heterogeneously dense, which may obscure small masses.", {"heterogeneously dense"}),
        ("Calcified vessels", {"calcification", "vascular"}),
        ("Microcalcifications, Dense Tissue", {"calcification"}),
        ("a nodular, well-rounded story", set()),
        ("", set()),
    ],
)
def test_words_of_a_text(text, wanted):
    assert report_words.words(text) == wanted


def test_a_label_says_its_word_and_what_it_describes():
    for word, told in report_words.WORDS.items():
        assert report_words.words(report_words.named(word)) >= {word} | ({told.finding} - {""}), (
            word
        )


def test_words_of_the_phantoms_reports_are_what_was_drawn():
    """The table says what was drawn, the report says it in words: both must agree, row by row."""
    table = tables.read(ROOT / "data" / "mammography" / "cases.csv")
    found = report_words.written(table["report"])
    said = {"linear": "fine linear", "clustered": "grouped", "none": ""}
    for column in (
        "mass_shape",
        "mass_margin",
        "calcification_morphology",
        "calcification_distribution",
    ):
        drawn = table[column].map(lambda value: said.get(value, value))
        for value in set(drawn) - {""}:
            np.testing.assert_array_equal(found[value], drawn == value, err_msg=value)
    np.testing.assert_array_equal(found["mass"], table["mass_shape"] != "none")
    np.testing.assert_array_equal(
        found["calcification"], table["calcification_morphology"] != "none"
    )
    assert (
        found[
            [
                "almost entirely fatty",
                "scattered fibroglandular",
                "heterogeneously dense",
                "extremely dense",
            ]
        ]
        .sum(axis=1)
        .eq(1)
        .all()
    )


def test_the_published_rule_by_hand():
    """Of the first four the first two that have a label; a labelled unit further down never
    speaks.
    """
    influences = torch.tensor([0.1, 5.0, 4.0, -9.0, 3.0, 2.0])
    labels = {0: "a", 2: "b", 3: "c", 4: "d", 5: "e"}
    assert report_words.published(influences, labels, scanned=4, first=2) == [2, 4]
    assert report_words.published(influences, labels, scanned=1, first=2) == []
    assert report_words.contrastive(influences, labels, first=3) == [3, 2, 4]
    assert report_words.contrastive(torch.zeros(6), labels) == []


def test_a_sentence_says_what_speaks_against():
    influences, labels = (
        torch.tensor([-0.2, 0.5, 0.25, 0.0]),
        {0: "oval mass", 1: "mass", 2: "mass", 3: "calcification"},
    )
    said = report_words.sentence("malignant", [1, 2, 0, 3], influences, labels)
    assert (
        said
        == "speaks for malignant: mass (+0.50), mass (+0.25); speaks against malignant: oval mass (-0.20)"
    )
    assert (
        report_words.sentence("malignant", [], influences, {})
        == "no labelled unit speaks for or against malignant"
    )


def test_a_dealt_report_has_what_others_have():
    stands = np.array([[1, 0], [1, 0], [0, 1], [1, 1]], bool)
    found = report_words.of_others(stands, np.array(["a", "a", "b", "c"]))
    np.testing.assert_allclose(found, [[0.5, 1], [0.5, 1], [1, 1 / 3], [2 / 3, 1 / 3]])
    assert np.isnan(report_words.of_others(stands, np.array(["a"] * 4))).all()
    with pytest.raises(ValueError, match="at least two patients"):
        report_words.beyond(stands, stands, stands[0], np.array(["a"] * 4), 10, 10, 0)
    with pytest.raises(TypeError, match="a list of texts"):
        report_words.written("mass")


def test_consistency_by_hand():
    """Two images: of three words said two stand in the reports, which have five."""
    said = np.array([[True, True, False], [False, False, True]])
    stands = np.array([[True, False, True], [True, True, True]])
    found = pd.DataFrame(
        report_words.consistency(said, stands, np.array(["a", "b"]), 100, 0)
    ).set_index("measure")
    assert found["value"].to_dict() == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 5, "F1": 4 / 8}
    )
    np.testing.assert_allclose(report_words.f1(said, stands), [2 / 4, 2 / 4])
    nothing = pd.DataFrame(
        report_words.consistency(said & False, stands, np.array(["a", "b"]), 100, 0)
    ).set_index("measure")
    assert (
        np.isnan(nothing["value"]["precision"])
        and nothing["value"]["recall"] == 0
        and nothing["value"]["F1"] == 0
    )
    assert np.isnan(report_words.f1(said, stands & False)).all()


def test_the_commonest_words():
    stands = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 1, 1, 0]], bool)
    assert report_words.commonest(stands, 2).tolist() == [True, False, True, False]
    assert report_words.commonest(stands, 3).tolist() == [True, True, True, False]


def test_words_that_hold_for_every_image_say_nothing_beyond():
    """The same words for all images are no better with their own reports than with others'; the
    reports' own words are.
    """
    exams, stands = np.repeat(np.arange(60), 2).astype(str), RANDOM.random((60, 6)) < 0.4
    stands[:, 0] |= ~stands.any(1)
    stands = np.repeat(stands, 2, axis=0)  # two views of an exam
    prior = report_words.commonest(stands, 2)
    same = report_words.beyond(
        np.tile(prior, (120, 1)), stands, prior, exams, 500, 2000, 0
    ).set_index("against")
    assert same["difference"].abs().max() < 1e-9 and same["p"].min() > 0.9
    own = report_words.beyond(stands, stands, prior, exams, 500, 2000, 0).set_index("against")
    assert (own["value"] == 1).all() and (own["ci_low"] > 0.2).all() and (own["p"] < 0.01).all()
    assert (own["n_patients"] == 60).all() and (own["n_cases"] == 120).all()
    short = report_words.beyond(
        stands, np.vstack([stands[:-2], stands[-2:] & False]), prior, exams, 500, 2000, 0
    )
    assert (short["n_undefined"] == 2).all() and (short["n_cases"] == 118).all()
    order = RANDOM.permutation(120)
    again = report_words.beyond(
        stands[order], stands[order], prior, exams[order], 500, 2000, 0
    ).set_index("against")
    np.testing.assert_allclose(again["value"], own["value"])
