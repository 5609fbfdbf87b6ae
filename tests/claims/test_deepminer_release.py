"""DeepMiner's released files, on small ones of the same layout; every label, name and answer in
them is made up.
"""

import json

import numpy as np
import pytest

from regard import cli
from regard.claims import deepminer_release

LABELS = """# Cleaned labels
cleaned_unit_labels = {
    'unit_0036': 'Mass with circumscribed margins',
    'unit_0175': 'Normal Breast Tissue',
    'unit_0175': 'Normal Breast Tissue',
    'unit_1001': 'Calcified vessels',
    'unit_0175': 'Dense Tissue',
    'unit_2038': 'Spiculation',
}"""
WORDS = {
    "C": "MASS SHAPE IRREGULAR MARGINS SPICULATED",
    "B": "CALCIFICATION TYPE PUNCTATE DISTRIBUTION CLUSTERED",
}


@pytest.fixture
def folder(tmp_path):
    """Eight exams of two images, half of them cancers; the reader is right of every image but those
    of exam 0.
    """
    cells = [
        {"cell_type": "markdown", "source": ["text"]},
        {"cell_type": "code", "source": ["import os\n"]},
    ]
    cells.append({"cell_type": "code", "source": LABELS.splitlines(keepends=True)})
    (tmp_path / deepminer_release.LABELS).write_text(json.dumps({"cells": cells}))
    answers, key = (
        ["Case #,DeepMiner Explanation,Cancer or Benign (C/B)?"],
        ["Case #,Image Name,GT Report,DeepMiner Cancer Likelihood Prediction,GT Diagnosis"],
    )
    for case in range(16):
        exam, truth = case // 2, "CB"[case // 2 % 2]
        said = truth if exam else "b"
        name = f"{'cancer' if truth == 'C' else 'benign_without_callback'}_0{exam}-A_100{exam}_1.{('LEFT_CC', 'LEFT_MLO')[case % 2]}.LJPEG.1.jpg"
        text = "['Spiculation', 'Mass']" if truth == "C" else "['Mass', 'Calcifications']"
        answers.append(f'{case},"{text}",{said}')
        key.append(
            f"{case},{name},\"[['ABNORMALITY 1', 'LESION_TYPE "
            f"{WORDS[truth]}']]\",{0.9 if truth == 'C' else 0.2},PATHOLOGY"
        )
    (tmp_path / deepminer_release.ANSWERS).write_text(
        "\n".join(reversed(answers[1:] + answers[:1])) + "\n"
    )
    (tmp_path / deepminer_release.KEY).write_text(
        "\n".join([*key, "99,cancer_09-B_1_1.RIGHT_CC.LJPEG.1.jpg,\"[['x']]\",1.0,PATHOLOGY"])
        + "\n"
    )
    return tmp_path


def test_labels_are_read_and_what_was_lost_is_seen(folder):
    table = deepminer_release.labels(folder).set_index("unit")
    assert table.index.tolist() == [36, 175, 1001, 2038] and table["label"][175] == "Dense Tissue"
    assert table["found"].to_dict() == {36: False, 175: False, 1001: True, 2038: True}
    assert table["typed"].to_dict() == {36: 1, 175: 3, 1001: 1, 2038: 1}


def test_what_is_not_the_released_files_is_said(folder, capsys, tmp_path):
    cli.main(["deepminer", str(folder), "--output", str(tmp_path / "again.csv")])
    said = capsys.readouterr().out
    assert (
        "16 answers (330 expected), 14 right (182 expected), 4 labelled units (46 expected)" in said
    )
    assert "2 lost by the lookup (21 expected): NOT the released files" in said
    assert (
        (tmp_path / "again.csv")
        .read_text()
        .startswith("measure,value,ci_low,ci_high,n_cases,n_exams\nright,0.875,")
    )


def test_answers_stand_beside_the_truth(folder):
    table = deepminer_release.answers(folder)
    assert len(table) == 16 and table["exam"].nunique() == 8 and table["cancer"].sum() == 8
    assert (table["said"] == table["cancer"]).sum() == 14
    assert set(table["explanation"]) == {"Spiculation | Mass", "Mass | Calcifications"}


def test_the_reanalysis_by_hand(folder):
    found = deepminer_release.reanalysis(deepminer_release.answers(folder), 500).set_index(
        "measure"
    )
    assert (
        found["value"]["right"] == 14 / 16
        and found["value"]["right, of cancers"] == 6 / 8
        and found["value"]["right, of benign"] == 1
    )
    assert found["n_exams"]["right"] == 8 and found["n_cases"]["right"] == 16
    assert (
        found["ci_low"]["right"] < found["ci_low"]["right, as if independent"]
    )  # two images of an exam are not two patients
    assert (
        found["value"]["AUROC of the network"] == 1
        and found["value"]["right, the network at 0.5"] == 1
    )
    assert (
        found["value"]["different texts"] == 2
        and found["value"]["rule learned from other exams"] == 1
    )
    assert found["value"]["same answer to the same text"] == 14 / 16
    assert (
        found["value"]["F1 with the report, less shuffled reports"] > 0.2
        and not found["value"].isna().any()
    )
    again = deepminer_release.reanalysis(
        deepminer_release.answers(folder)
        .iloc[np.random.default_rng(0).permutation(16)]
        .reset_index(drop=True),
        500,
    ).set_index("measure")
    np.testing.assert_allclose(again["value"], found["value"])


def test_the_command_prints_both_tables(folder, capsys):
    assert not cli.main(["deepminer", str(folder)])
    said = capsys.readouterr().out
    assert (
        "as if independent" in said
        and "finds 2 of them, and loses 2" in said
        and "unit 175 is typed 3 times: 2 labels were overwritten" in said
    )


def test_what_cannot_be_read_is_named(folder):
    text = (folder / deepminer_release.ANSWERS).read_text()
    (folder / deepminer_release.ANSWERS).write_text(text.replace(",C\n", ",D\n", 1))
    with pytest.raises(ValueError, match="the answer is 'D', not C or B"):
        deepminer_release.answers(folder)
    (folder / deepminer_release.ANSWERS).write_text(text.replace("\n0,", "\n1000,"))
    with pytest.raises(ValueError, match="no row for case 1000"):
        deepminer_release.answers(folder)
    (folder / deepminer_release.KEY).write_text("Case #\n")
    with pytest.raises(ValueError, match="no column 'Image Name'"):
        deepminer_release.answers(folder)
    (folder / deepminer_release.LABELS).write_text(json.dumps({"cells": []}))
    with pytest.raises(ValueError, match="no cell with cleaned_unit_labels"):
        deepminer_release.labels(folder)
    (folder / deepminer_release.KEY).unlink()
    with pytest.raises(FileNotFoundError, match="fetch the folder `deepminer`"):
        deepminer_release.answers(folder)
