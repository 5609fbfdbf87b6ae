"""7_units on small made-up studies of other kinds than its own: it runs to the end, or says in its
tables what could not be asked.
"""

import pytest
from made_study import run, study

from regard.core import tables
from regard.experts import unit_survey

SAYS = ["There is a mass.", "There are calcifications.", ""]


def test_labels_and_reports_some_of_them_blank(tmp_path, monkeypatch):
    made, network = study(
        tmp_path,
        "7_units",
        "label",
        ["normal", "benign", "malignant"],
        reports=SAYS,
        survey="given.csv",
    )
    for unit in range(32):
        for rater in ("tester-1", "tester-2"):
            answer = {
                "study": "made",
                "network": network,
                "unit": unit,
                "rater": rater,
                "recognisable": "yes",
                "description": "calcified mass",
            }
            unit_survey.record(tmp_path / "given.csv", answer)
    found = run(tmp_path, "7_units", monkeypatch)
    assert set(found["explanations"]["rule"]) == {
        "published",
        "contrastive",
        "published, experts' labels",
    }
    said = found["explanations"].query('rule == "published, experts\' labels"')["labels"]
    assert set(said) == {"mass, calcification, mass, calcification, mass, calcification"}
    assert found["beyond"]["n_undefined"].eq(0).all()
    of_word = (
        found["consistency"]
        .query("word == 'mass' and measure == 'recall'")
        .set_index("explanation")["value"]
    )
    assert (
        of_word["said of every image"] == 1
        and "published, experts' labels, others' reports" in of_word
    )
    assert found["agreement"].set_index("question")["agreed"]["recognisable"] == 1
    assert found["scores"].query("target == 'normal'")["n_cases"].eq(20).all()
    told = found["told"].set_index("statistic")
    assert told["n_patients"]["a reader's right answers from the text alone"] == 0


def test_made_up_answers_are_no_results(tmp_path, monkeypatch):
    study(
        tmp_path,
        "7_units",
        "label",
        ["benign", "malignant"],
        reports=SAYS,
        survey="synthetic-answers.csv",
    )
    (tmp_path / "synthetic-answers.csv").write_text("")
    with pytest.raises(
        ValueError,
        match="synthetic-answers.csv: answers made up to show the explorer are not results",
    ):
        run(tmp_path, "7_units", monkeypatch)


def test_findings_with_blanks_a_global_maximum_colours_and_no_reports(tmp_path, monkeypatch):
    made, _ = study(tmp_path, "7_units", "findings", ["nodule", "mass"], pool="max", colours=True)
    found = run(tmp_path, "7_units", monkeypatch)
    table = tables.read(made / "prepare" / "cases.csv")
    known = table[table["split"] == "test"][["nodule", "mass"]].notna().sum()
    assert found["scores"].set_index("target")["n_cases"].to_dict() == known.to_dict(), (
        "unknown is not negative"
    )
    assert (
        set(found["matches"]["kind"]) == {"mask"}
        and "beyond" not in found
        and "consistency" not in found
    )
    assert set(found["ranking"]["amount"]) == {"max"}, (
        "the largest is what a global maximum hands to the head"
    )


@pytest.mark.parametrize("drawn", [0.0, 1.0])
def test_nothing_to_name_units_by(tmp_path, monkeypatch, drawn):
    """Blank reports; a structure that nobody drew, or none at all."""
    study(
        tmp_path,
        "7_units",
        "label",
        ["benign", "malignant"],
        reports=["", " "],
        structures=("mass",) if drawn == 0 else (),
        drawn=drawn,
    )
    found = run(tmp_path, "7_units", monkeypatch)
    assert found["matches"].empty and found["labels"]["label"].isna().all()
    assert found["explanations"]["labels"].isna().all() and "beyond" not in found
    assert not found["told"]["statistic"].str.contains("with a label -").any()
