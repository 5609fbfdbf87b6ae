"""The expert survey: answers are kept at once, resumed, and put together by rule. All answers here
are made up.
"""

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from regard import explorers
from regard.experts import answer_table, unit_survey
from regard.figures import units as unit_figures

KEY = {"study": "mammography", "network": "abc"}


def synthetic(unit, rater, **answers):
    return KEY | {"unit": unit, "rater": rater} | dict.fromkeys(unit_survey.QUESTIONS, "") | answers


@pytest.fixture
def file(tmp_path):
    return tmp_path / "surveys" / "synthetic.csv"


@pytest.fixture
def box(file):
    pages = {
        unit: unit_figures.mosaic(
            np.full((3, 8, 8), unit % 251, np.uint8), np.ones((3, 8, 8), bool)
        )
        for unit in (9, 120, 1030)
    }
    return explorers.survey(pages, file, "mammography", "abc")


def test_answers_come_back_in_one_order(file):
    for unit, rater in ((1030, "b"), (9, "a"), (9, "b"), (1030, "a")):
        unit_survey.record(
            file, synthetic(unit, rater, description="mass, with a comma\nand a line")
        )
    table = unit_survey.read(file)
    assert list(zip(table["unit"], table["rater"])) == [
        (9, "a"),
        (9, "b"),
        (1030, "a"),
        (1030, "b"),
    ]
    assert set(table["description"]) == {"mass, with a comma\nand a line"}
    before = file.read_bytes()
    unit_survey.record(
        file, synthetic(9, "a", description="mass, with a comma\nand a line")
    )  # again: nothing changes
    assert (
        file.read_bytes() == before
        and b"unit_0009" in before
        and {path.name for path in file.parent.iterdir()}
        <= {file.name, answer_table.lock(file).name}
    )
    unit_survey.record(file, synthetic(9, "a", recognisable="no"))
    assert (
        unit_survey.read(file).iloc[0]["recognisable"] == "no" and len(unit_survey.read(file)) == 4
    )


def test_text_with_any_line_end_never_breaks_the_table(file):
    for unit, text in enumerate(("a\rb", "a\r\nb", " a\vb ", "a\0\u2028b")):
        unit_survey.record(file, synthetic(unit, " ann ", description=text))
    assert unit_survey.read(file)["description"].tolist() == ["a\nb"] * 4
    assert set(unit_survey.read(file)["rater"]) == {"ann"}, "one rater, with and without spaces"
    for name in ("Jose\u0301", "Jos\u00e9", "Anna\u200b", "\ufeffAnna"):
        unit_survey.record(file, synthetic(7, name, description="x"))
    assert set(unit_survey.read(file)["rater"]) == {"ann", "Jos\u00e9", "Anna"}, (
        "however a name is written"
    )
    with pytest.raises(ValueError, match="say who you are first"):
        unit_survey.record(file, synthetic(7, "\u200b"))
    for name in ("Jos\u00e9", "Anna"):
        unit_survey.record(file, synthetic(7, name))
    for unit in range(4):
        unit_survey.record(file, synthetic(unit, "ann"))
    assert unit_survey.read(file).empty, "all answers withdrawn"


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("description", "note", "has no column 'description'; it has study"),
        ("description", "description,note", "8 cells, the header 9"),
        (",ann,", ",,", "row 2: the rater is blank"),
        (
            ",yes,",
            f",{'x' * 1000},",
            "row 2: 'recognisable' is 'x{20,50}[.]{3}x{20,50}'; answers are",
        ),
    ],
)
def test_a_table_that_somebody_changed_is_read_or_named(file, old, new, said):
    unit_survey.record(file, synthetic(9, "ann", recognisable="yes", description="x"))
    changed = file.read_bytes().decode().replace(old, new, 1)
    file.write_bytes(changed.encode())
    with pytest.raises(ValueError, match=f"synthetic.csv.*{said}"):
        unit_survey.read(file)


def test_a_column_that_is_no_question_is_not_lost_in_silence(file):
    unit_survey.record(file, synthetic(9, "ann", description="x"))
    table = pd.read_csv(file, dtype=str, keep_default_na=False).assign(remark="mine")
    table.to_csv(file, index=False, sep=";")
    with pytest.raises(ValueError, match="a column 'remark' that is no question"):
        unit_survey.record(file, synthetic(10, "ann", description="y"))
    table.drop(columns="remark").to_csv(file, index=False, sep=";")
    unit_survey.record(file, synthetic(10, "ann", description="y"))  # Excel's semicolons are read
    assert unit_survey.read(file)["description"].tolist() == ["x", "y"]


WRITER = """
import sys
from pathlib import Path
from regard.experts import answer_table
form = answer_table.Form(("item", "rater"), {"seen": ("Seen?", ("yes", "no"))}, "a notebook")
for item in range(25):
    answer_table.record(Path(sys.argv[1]), {"item": f"{item:02d}", "rater": sys.argv[2], "seen": "yes"}, form)
"""


def test_writers_with_folders_of_their_own_for_temporary_files_lose_nothing(file, tmp_path):
    """Eight raters at once, each with another TMPDIR; one of them reaches the table by a link."""
    link = tmp_path / "link"
    file.parent.mkdir()
    link.symlink_to(file.parent)
    writers = []
    for rater in "abcdefgh":
        own = tmp_path / f"tmp-{rater}"
        own.mkdir()
        path = link / file.name if rater == "h" else file
        words = [sys.executable, "-c", WRITER, str(path), rater]
        writers.append(subprocess.Popen(words, env=os.environ | {"TMPDIR": str(own)}))
    assert [writer.wait() for writer in writers] == [0] * 8
    table = pd.read_csv(file)
    assert table.groupby("rater")["item"].apply(list).to_dict() == {
        rater: list(range(25)) for rater in "abcdefgh"
    }
    assert {path.name for path in file.parent.iterdir()} <= {
        file.name,
        answer_table.lock(file).name,
    }


def test_a_writer_that_was_killed_holds_nobody_up(file):
    file.parent.mkdir()
    code = (
        "import sys; from filelock import FileLock\n"
        "with FileLock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code, str(answer_table.lock(file))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        unit_survey.record(file, synthetic(9, "a", recognisable="no"))
    assert len(unit_survey.read(file)) == 1


def test_what_is_wrong_is_named(file):
    with pytest.raises(FileNotFoundError, match="synthetic.csv: it is made with the first answer"):
        unit_survey.read(file)
    with pytest.raises(ValueError, match="say who you are"):
        unit_survey.record(file, synthetic(9, " ", recognisable="yes"))
    with pytest.raises(ValueError, match="'recognisable' is 'YES'; answers are yes, no"):
        unit_survey.record(file, synthetic(9, "a", recognisable="YES"))
    unit_survey.record(file, synthetic(9, "a", recognisable="yes"))
    lines = file.read_text().splitlines()
    for changed, message in (
        (lines[1].replace("unit_0009", "nine"), "row 2: 'nine' is no unit"),
        (lines[1].replace("yes", "maybe"), "row 2: 'recognisable' is 'maybe'; answers are yes, no"),
    ):
        file.write_text("\n".join([lines[0], changed]) + "\n")
        with pytest.raises(ValueError, match=message):
            unit_survey.read(file)
    file.write_text("\n".join([*lines, lines[1]]) + "\n")
    with pytest.raises(ValueError, match="rater 'a' answers twice about unit_0009"):
        unit_survey.read(file)
    file.write_text("unit,rater\n")
    with pytest.raises(ValueError, match="no column 'study'"):
        unit_survey.read(file)


def test_agreement_by_hand():
    """Cohen's kappa of two raters who agree on 3 of 4 units, each saying yes twice and three
    times.
    """
    rows = [
        synthetic(unit, "a", recognisable=one)
        for unit, one in enumerate(["yes", "yes", "no", "no"])
    ]
    rows += [
        synthetic(unit, "b", recognisable=one)
        for unit, one in enumerate(["yes", "yes", "no", "yes"])
    ]
    found = unit_survey.agreement(pd.DataFrame(rows)).set_index("question")
    chance = 0.5 * 0.75 + 0.5 * 0.25
    assert found["agreed"]["recognisable"] == 0.75 and found["kappa"][
        "recognisable"
    ] == pytest.approx((0.75 - chance) / (1 - chance))
    assert found["n_units"]["associated"] == 0 and np.isnan(found["kappa"]["associated"])
    rows += [
        synthetic(unit, "c", recognisable=one)
        for unit, one in enumerate(["yes", "no", "no", "yes"])
    ]
    assert (
        unit_survey.agreement(pd.DataFrame(rows)).set_index("question")["n_raters"]["recognisable"]
        == 3
    )


def test_labels_are_what_most_raters_say():
    """Of two raters both; what one alone has seen has no label."""
    rows = [synthetic(1, "a", description="Spiculated masses"), synthetic(1, "b", description="spiculations and calcs"), synthetic(1, "c", description="mass"),
            synthetic(2, "a", description="mass", recognisable="no"), synthetic(2, "b", description="mass"), synthetic(3, "a", description="mass")]  # fmt: skip
    assert unit_survey.labels(pd.DataFrame(rows)) == {1: "spiculated mass"}


def test_the_widget_saves_at_once_and_goes_on_where_it_stopped(box, file):
    parts = box.parts
    nothing = parts["picture"].value
    assert all(parts[name].disabled for name in (*unit_survey.QUESTIONS, "back", "on"))
    assert not parts["rater"].disabled and "initials first" in parts["where"].value
    parts["recognisable"].value = "yes"
    assert "say who you are" in parts["said"].value and not file.exists()
    parts["rater"].value = "xy"  # now the first unit appears, without an answer
    shown = parts["picture"].value
    assert shown != nothing and parts["recognisable"].value == "" and not file.exists()
    assert not any(parts[name].disabled for name in (*unit_survey.QUESTIONS, "on"))
    parts["recognisable"].value = "yes"
    assert unit_survey.read(file).to_dict("records") == [synthetic(9, "xy", recognisable="yes")]
    parts["description"].value = "a mass"
    assert "0 answered" in parts["where"].value  # two of the four are open
    parts["associated"].value, parts["several"].value = "yes", "one"
    assert "1 answered" in parts["where"].value
    parts["on"].click()
    assert (
        parts["picture"].value != shown
        and parts["recognisable"].value == ""
        and "unit_0120" in parts["where"].value
    )
    assert parts["said"].value == ""
    parts["back"].click()
    assert parts["recognisable"].value == "yes" and parts["description"].value == "a mass"
    assert len(unit_survey.read(file)) == 1 and parts["back"].disabled  # looking is no answer
    parts["rater"].value = "other"
    assert "unit_0009" in parts["where"].value and parts["recognisable"].value == ""
    parts["rater"].value = "xy"
    assert "unit_0120" in parts["where"].value and "1 answered" in parts["where"].value
    for unit in (120, 1030):
        unit_survey.record(file, synthetic(unit, "xy", recognisable="no"))
    parts["rater"].value = "other"
    parts["rater"].value = "xy"
    assert "All units are answered" in parts["said"].value


def test_answers_that_are_cleared_are_gone(box, file):
    box.parts["rater"].value = "xy"
    box.parts["several"].value = "one"
    assert len(unit_survey.read(file)) == 1
    box.parts["several"].value = ""
    assert unit_survey.read(file).empty


def test_a_file_that_breaks_in_between_loses_no_later_answer(box, file):
    box.parts["rater"].value = "xy"
    box.parts["several"].value = "one"
    good = file.read_text()
    file.write_text("nothing,of,the,kind\n")
    box.parts["on"].click()
    assert "Not read" in box.parts["said"].value
    file.write_text(good)
    box.parts["several"].value = "several"
    assert unit_survey.read(file)["several"].tolist() == ["one", "several"]


def test_a_file_that_cannot_be_read_gets_a_sentence(box, file):
    box.parts["rater"].value = "xy"
    file.parent.mkdir()
    file.write_text("nothing,of,the,kind\n")
    box.parts["several"].value = "one"
    assert "Not saved" in box.parts["said"].value and "no column" in box.parts["said"].value


def test_a_mosaic_is_dimmed_outside(tmp_path):
    images, masks = np.full((5, 4, 6), 200, np.uint8), np.zeros((5, 4, 6), bool)
    masks[1, :, 3:] = True
    (tmp_path / "page.png").write_bytes(unit_figures.mosaic(images, masks, columns=2))
    shown = np.asarray(Image.open(tmp_path / "page.png"))
    assert (
        shown.shape == (12, 12) and shown[0, 0] == 40 and shown[0, 9] == 200 and shown[11, 11] == 0
    )
    coloured = unit_figures.mosaic(np.repeat(images[..., None], 3, axis=3), masks, columns=2)
    (tmp_path / "page.png").write_bytes(coloured)
    assert (np.asarray(Image.open(tmp_path / "page.png")) == shown[..., None]).all()


def test_without_pages_there_is_a_sentence(file):
    with pytest.raises(ValueError, match="run the stage `units`"):
        explorers.survey({}, file, "mammography", "abc")
