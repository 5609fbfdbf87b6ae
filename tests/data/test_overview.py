"""What `regard check` says of a set: what it holds, what a study of it could support, and what
stands in the way.
"""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import make_cases

from regard import cli
from regard.core.statistics import FEWEST, TESTED_FROM
from regard.data import cases, overview

QUICK = {"explained": 48, "explained_cases": 1, "explained_few": 96, "seed": 1}


def said(found, quick=None):
    return "\n".join(overview.support(found, overview.presence(found), quick))


def large(patients, views=1, region=lambda row: True, **columns):
    """A set whose masks are on the image where `region` says so, None for not annotated; images of
    four pixels.
    """
    found = make_cases(patients, views)
    masks = [
        None if region(row) is None else np.full((2, 2), bool(region(row)))
        for row in range(len(found))
    ]
    images = [np.array([[row % 256, 0], [90, 200]], np.uint8) for row in range(len(found))]
    return cases.Cases(found.table.assign(**columns), images, {"mass": masks})


def test_splits_are_those_of_the_pipeline_and_add_up():
    found = large(60, 2)
    split, text = found.split(1), said(found)
    for name in cases.SPLITS:
        rows = found.table[split == name]
        assert f"{name}: {len(rows)} cases of {rows['patient'].nunique()} patients" in text
        for label, own in rows.groupby("label"):
            assert re.search(
                rf"^{name}: .*{label} {len(own)} \({own['patient'].nunique()} patients\)",
                text,
                re.M,
            )


@pytest.mark.parametrize(
    "test, has",
    [
        (4, ("NOT possible", "NOT possible")),
        (5, ("possible", "NOT possible")),
        (39, ("possible", "NOT possible")),
        (40, ("possible", "possible")),
    ],
)
def test_intervals_and_verdicts_are_possible_from_five_and_forty_patients(test, has):
    """The split is the set's own, so that the number of test patients is known."""
    found = large(test + 40)
    split = ["test"] * test + ["train"] * 20 + ["tune"] * 20
    text = said(cases.Cases(found.table.assign(split=split), found.images, found.regions))
    line = next(line for line in text.splitlines() if line.startswith("region mass"))
    assert f"{test} of the {test} test cases, of {test} patients" in line
    assert (
        f"intervals {has[0]} ({FEWEST} patients are needed), a verdict {has[1]} ({TESTED_FROM} "
        in line
    )
    assert "most test cases" not in text


def test_a_region_that_most_cases_lack_is_said_and_what_is_not_annotated_cannot_be_scored():
    text = said(large(100, region=lambda row: (True, False, None, None)[row % 4]))
    assert "WARNING: most test cases have no region mass" in text
    count = int(re.search(r"region mass: (\d+) of the 40 test cases", text)[1])
    assert 0 < count < 20


def test_a_region_counts_the_patients_on_whose_images_it_is():
    """Of 12 patients in turn: drawn, absent, not annotated."""
    found = large(12, region=lambda row: (True, False, None)[row % 3])
    line = "region mass: drawn in 4 cases of 4 patients, absent in 4, not annotated in 4"
    assert line in overview.counted(found)


def test_findings_are_counted_each_on_its_own_region():
    """Of 80 films half have a nodule, of which half are outlined; an effusion has no region of its
    own.
    """
    found = large(80)
    nodule, outlined = np.arange(80) % 2 == 0, np.arange(80) % 4 == 0
    columns = {"nodule": np.where(nodule, "1", "0"), "effusion": np.where(outlined, "1", "0")}
    table = found.table.drop(columns="label").assign(**columns)
    masks = {
        "nodule": [np.full((2, 2), bool(here)) for here in outlined],
        "lung": found.regions["mass"],
    }
    found = cases.Cases(table, found.images, masks)
    text, test = said(found, QUICK), found.split(1, strata=["nodule", "effusion"]) == "test"
    of, has = int((test & nodule).sum()), int((test & outlined).sum())
    assert (
        f"region nodule: {has} of the {of} test cases with nodule" in text
        and "region lung" not in text
    )
    assert (
        f"{of + has} maps of each method" in text
        and f"{has} maps with a region to be scored on" in text
    )


def test_what_quick_explains_is_said_where_the_project_says_it():
    """Few patients explain more cases than one; where there are many, one each, those with a region
    first.
    """
    few = said(large(25, 8), QUICK)
    assert (
        "quick would explain 80 of 80 test cases, 80 of them with a region to be scored on: 80 to "
        "160 maps" in few
    )
    assert "quick would explain 10 of 80" in said(large(25, 8), QUICK | {"explained_few": 0})
    many = said(large(200, region=lambda row: row % 2), QUICK)
    assert "quick would explain 48 of 80 test cases, 40 of them with a region" in many
    assert "quick" not in said(large(25))


def test_what_stands_in_the_way():
    one = large(1, 12)
    assert "all cases are of one patient" in said(one) and "NOTE" in said(one)
    tiny = large(90)
    tiny.table.loc[:5, "label"] = "rare"
    text = said(tiny)
    (line,) = [
        line for line in text.splitlines() if line.startswith("WARNING: fewer than 5 patients")
    ]
    assert "rare in test" in line and "benign" not in line
    marks = {"artefact": [None] * 90, "mass-1": [None] * 90}
    assert "no region is drawn" in said(cases.Cases(tiny.table, tiny.images, marks))
    nothing = tiny.table.drop(columns="label")
    assert "nothing could be learned" in said(cases.Cases(nothing, tiny.images, tiny.regions))
    assert "WARNING" not in said(large(150)) and "NOTE" not in said(large(150))
    many = pd.concat([large(1000).table] * 3, ignore_index=True)
    many["patient"] = many["case"] = [f"p{row}" for row in range(3000)]
    text = said(cases.Cases(many, [None] * 3000, {"mass": [np.ones((1, 1), bool)] * 3000}))
    assert re.search(r"WARNING: 1\d{3} images to train on are 6 times those", text)


def test_the_command_prints_both_and_counts_each_structure(folder, tmp_path, capsys):
    cli.main(["check", str(folder), "--sheet", str(tmp_path / "sheet.png")])
    text = capsys.readouterr().out
    assert (
        "  12 cases of 6 patients\n" in text
        and "  region mass: drawn in 12 cases of 6 patients, absent in 0" in text
    )
    assert "A study of all of it:\n  train: " in text and (tmp_path / "sheet.png").is_file()
    with pytest.raises(SystemExit, match="must end in .png"):
        cli.main(["check", str(folder), "--sheet", str(tmp_path / "sheet.jpg")])


@pytest.mark.parametrize("cell", ["1.0", "-1", "nan", "yes", "N/A"])
def test_a_cell_that_a_study_would_refuse_is_named(cell):
    values = ["1", "0", "", cell] * 3
    others = {"age": "61", "note": "", "count": ["1", "2"] * 6, "size": ["0.2", "1", "3"] * 4}
    lines = overview.doubtful(make_cases().table.assign(mass=values, **others))
    assert len(lines) == 1
    said = f"NOTE: column mass is no finding: row 5 is '{cell}'; a finding is 1, 0"
    assert lines[0].startswith(said)


def test_blank_labels_and_capitals_are_named():
    table = make_cases().table
    assert overview.doubtful(table.assign(effusion=["1", "0", ""] * 4)) == []
    lines = overview.doubtful(table.assign(label=["benign", "", "Benign", "benign"] * 3))
    assert len(lines) == 2 and lines[0].startswith("NOTE: column label: row 3 is blank")
    assert lines[1].startswith("NOTE: column label: row 4 is 'Benign', which differs from 'benign'")


@pytest.mark.parametrize("column", ["label", "site", "x" * 10_000])
def test_long_cells_are_shortened(folder, tmp_path, capsys, column):
    whole = cases.read(folder)
    values = ["1", "0"] * 6 if len(column) > 100 else ["x" * 10_000] * 12
    table = whole.table.assign(**{column: values})
    cases.write(cases.Cases(table, whole.images, whole.regions), tmp_path / "long")
    cli.main(["check", str(tmp_path / "long"), "--sheet", str(tmp_path / "sheet.png")])
    told = "".join(capsys.readouterr())
    assert "x" * 20 in told and "x" * 101 not in told


def test_flat_images_stray_masks_and_torn_patients_are_named(folder, tmp_path, capsys):
    """The readers find them; the command passes them on."""
    whole = cases.read(folder)
    images = [np.full_like(image, 7) if at == 3 else image for at, image in enumerate(whole.images)]
    cases.write(cases.Cases(whole.table, images, whole.regions), tmp_path / "flat")
    (tmp_path / "flat/regions/mass/nobody.png").write_bytes(
        (tmp_path / "flat/regions/mass/c00-0.png").read_bytes()
    )
    cli.main(["check", str(tmp_path / "flat"), "--sheet", str(tmp_path / "sheet.png")])
    told = "".join(capsys.readouterr())
    assert (
        "1 of 12 images are nearly constant" in told
        and whole.table["case"][3] in told
        and "nobody.png" in told
    )
    torn = whole.table.assign(split=["train", "test"] + ["train"] * 10)
    torn.to_csv(tmp_path / "flat/cases.csv", index=False)
    with pytest.raises(SystemExit, match="'p00' is in two splits"):
        cli.main(["check", str(tmp_path / "flat")])


def test_misspelt_labels_are_named_with_what_is_meant():
    labels = ["benign"] * 20 + ["malignant"] * 20 + ["malignnant", "grade 3", "grade 4", "Benign"]
    table = pd.DataFrame({"label": labels})
    known = ["benign", "malignant", "grade 4"]
    assert overview.misspelt(table, known) == [
        "NOTE: column label: row 45 is 'Benign', which is not a label of the study; "
        "did you mean 'benign'?",
        "NOTE: column label: row 42 is 'malignnant', which is not a label of the study; "
        "did you mean 'malignant'?",
    ]
    assert [line.split("; ")[1] for line in overview.misspelt(table, [])] == [
        "did you mean 'benign'?",
        "did you mean 'malignant'?",
    ]
    assert "did you mean 'malignant'?" in overview.doubtful(table, known)[-1]


def test_the_labels_of_a_folder_are_those_of_the_studies_on_it(root):
    assert overview.labels_of_studies(root / "data" / "ultrasound") == [
        "benign",
        "malignant",
        "normal",
    ]
    assert overview.labels_of_studies(root / "nowhere") == []
