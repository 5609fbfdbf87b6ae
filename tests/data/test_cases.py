"""A set of cases: what is written is read, bad input is refused in one sentence, patients are never
split.
"""

import numpy as np
import pandas as pd
import pytest
from conftest import make_cases
from PIL import Image

from regard.data import cases

LABELS = ["benign", "malignant"]


def edit(folder, change):
    """Rewrite cases.csv with `change` applied to the table."""
    table = pd.read_csv(folder / "cases.csv", dtype=str, keep_default_na=False)
    change(table).to_csv(folder / "cases.csv", index=False)


def put(row, column, value):
    def change(table):
        table.loc[row, column] = value
        return table

    return change


def test_what_is_written_is_read(folder):
    wanted, found = make_cases(), cases.read(folder, LABELS)
    pd.testing.assert_frame_equal(found.table, wanted.table)
    for position in range(len(wanted)):
        assert np.array_equal(found.images[position], wanted.images[position])
        assert np.array_equal(found.regions["mass"][position], wanted.regions["mass"][position])


def test_no_mask_is_not_annotated_and_a_zero_mask_is_absent(folder):
    (folder / "regions/mass/c00-0.png").unlink()
    cases.write_mask(np.zeros((24, 32), bool), folder / "regions/mass/c00-1.png")
    masks = cases.read(folder).regions["mass"]
    assert masks[0] is None and masks[1] is not None and not masks[1].any()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-60])


# what is broken, how, and what the message must name
BROKEN = {
    "no table": (lambda f: (f / "cases.csv").unlink(), ["cases.csv"]),
    "no cases": (lambda f: edit(f, lambda table: table[:0]), ["cases.csv", "no rows"]),
    "missing column": (
        lambda f: edit(f, lambda table: table.drop(columns="patient")),
        ["cases.csv", "'patient'"],
    ),
    "missing image": (
        lambda f: (f / "images/c01-0.png").unlink(),
        ["cases.csv row 4", "images/c01-0.png"],
    ),
    "truncated image": (
        lambda f: truncate(f / "images/c01-0.png"),
        ["cases.csv row 4", "images/c01-0.png"],
    ),
    "no image at all": (
        lambda f: (f / "images/c01-0.png").write_text("text"),
        ["row 4", "not an image"],
    ),
    "palette image": (
        lambda f: Image.new("P", (32, 24)).save(f / "images/c01-0.png"),
        ["row 4", "mode P"],
    ),
    "mask of another size": (
        lambda f: cases.write_mask(np.ones((24, 30), bool), f / "regions/mass/c01-0.png"),
        ["cases.csv row 4", "regions/mass/c01-0.png", "30 x 24", "32 x 24"],
    ),
    "grey mask": (
        lambda f: Image.new("L", (32, 24), 128).save(f / "regions/mass/c01-0.png"),
        ["row 4", "0 or 255"],
    ),
    "truncated mask": (
        lambda f: truncate(f / "regions/mass/c01-0.png"),
        ["row 4", "regions/mass/c01-0.png"],
    ),
    "duplicate case": (lambda f: edit(f, put(3, "case", "c00-1")), ["row 5", "'c00-1'", "row 3"]),
    "empty patient": (lambda f: edit(f, put(3, "patient", "")), ["row 5", "no patient"]),
    "case as a path": (lambda f: edit(f, put(3, "case", "../x")), ["row 5", "'../x'"]),
    "image outside": (lambda f: edit(f, put(3, "image", "../../x.png")), ["row 5", "outside"]),
    "unknown label": (
        lambda f: edit(f, put(3, "label", "Benign")),
        ["row 5", "'Benign'", "benign, malignant"],
    ),
    "single class": (
        lambda f: edit(f, lambda table: table[table["label"] == "benign"]),
        ["single class", "benign"],
    ),
    "image twice": (lambda f: edit(f, put(3, "image", "images/c00-0.png")), ["row 5", "row 2"]),
    "pixel size": (
        lambda f: edit(f, lambda table: table.assign(pixel_mm="0,2")),
        ["row 2", "pixel_mm '0,2'"],
    ),
    "patient in two splits": (
        lambda f: edit(f, lambda table: put(5, "split", "test")(table.assign(split="train"))),
        ["cases.csv row 7", "'p02'", "two splits"],
    ),
    "not utf-8": (
        lambda f: (f / "cases.csv").write_bytes(b"case,patient\n\xff\xfe"),
        ["cases.csv", "UTF-8"],
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_bad_input_is_named_in_one_sentence(folder, kind):
    damage, named = BROKEN[kind]
    damage(folder)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        cases.read(folder, LABELS)
    message = str(caught.value)
    assert "\n" not in message and all(part in message for part in named), message


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="cases.csv"):
            cases.read(folder)


def test_excluded_labels_are_left_out(folder):
    edit(folder, put(0, "label", "normal"))
    found = cases.read(folder, LABELS, excluded=["normal"])
    assert len(found) == 11 and "c00-0" not in set(found.table["case"])
    assert np.array_equal(found.images[0], make_cases().images[1])


@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_patients_together_and_the_shares(seed):
    found = make_cases(patients=100, views=2)
    split = found.split(seed)
    assert (split.groupby(found.table["patient"]).nunique() == 1).all()
    patients = pd.DataFrame(
        {"split": split, "patient": found.table["patient"], "label": found.table["label"]}
    )
    counts = patients.drop_duplicates("patient").groupby(["split", "label"]).size()
    for name, share in cases.SPLITS.items():
        assert counts[name].to_list() == pytest.approx([50 * share] * 2, abs=1)


def test_split_depends_on_the_seed_and_not_on_the_order():
    found = make_cases(patients=40)
    order = np.random.default_rng(0).permutation(len(found))
    by_case = dict(zip(found.table["case"], found.split(1)))
    shuffled = found.keep(order)
    assert dict(zip(shuffled.table["case"], shuffled.split(1))) == by_case
    assert dict(zip(found.table["case"], found.split(2))) != by_case


def test_a_given_split_is_used_and_a_patient_in_two_is_refused():
    found = make_cases(patients=6)
    given = np.repeat(["train", "tune", "test"], 4)
    table = found.table.assign(split=given)
    assert cases.Cases(table, found.images, found.regions).split(0).tolist() == given.tolist()
    table.loc[3, "split"] = "test"
    with pytest.raises(ValueError, match="row 5: patient 'p01' is in two splits"):
        cases.Cases(table, found.images, found.regions).split(0)
    table.loc[3, "split"] = "validation"
    with pytest.raises(ValueError, match="row 5: split 'validation'"):
        cases.Cases(table, found.images, found.regions).split(0)


@pytest.mark.parametrize("seed", range(3))
def test_published_test_patients_stay_and_the_others_are_dealt(seed):
    found = make_cases(patients=100, views=2)
    given = np.where(found.table["patient"] < "p40", "test", "train")
    published = cases.Cases(found.table.assign(split=given), found.images, found.regions)
    split = published.split(seed)
    assert ((split == "test") == (given == "test")).all()
    assert (split.groupby(found.table["patient"]).nunique() == 1).all()
    patients = split.groupby(found.table["patient"]).first().value_counts()
    assert patients.to_dict() == {"train": 45, "tune": 15, "test": 40}
    assert cases.wanted_splits(published.table) == ["train", "tune", "test"]


def test_a_set_without_training_patients_is_not_asked_for_them():
    found = make_cases(patients=6)
    table = found.table.assign(split=np.repeat(["tune", "test"], 6))
    split = cases.Cases(table, found.images, found.regions).split(1)
    assert split.tolist() == table["split"].tolist() and cases.wanted_splits(table) == [
        "tune",
        "test",
    ]
    cases.check_classes(split, table["label"], LABELS, cases.wanted_splits(table))
    with pytest.raises(ValueError, match="'train' has no case"):
        cases.check_classes(split, table["label"], LABELS)


def test_findings_are_the_columns_of_one_zero_and_blank():
    table = pd.DataFrame(
        {
            "case": ["1", "0"],
            "site": ["1", "0"],
            "nodule": ["1", ""],
            "empty": "",
            "view": ["PA", "1"],
        }
    )
    assert cases.findings_of(table) == ["nodule"]


def test_an_interrupted_write_leaves_the_earlier_set(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    broken = make_cases(seed=1)
    broken.images[5] = "no image"
    with pytest.raises(AttributeError):
        cases.write(broken, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


def test_another_folder_of_the_same_name_is_not_replaced(tmp_path):
    (tmp_path / "work/images").mkdir(parents=True)
    (tmp_path / "work/images/holiday.png").touch()
    with pytest.raises(ValueError, match="not ours to replace"):
        cases.write(make_cases(), tmp_path / "work")
    assert (tmp_path / "work/images/holiday.png").exists()


def test_every_split_needs_both_classes():
    split, labels = (
        pd.Series(["train", "train", "tune", "tune", "test", "test"]),
        pd.Series(LABELS * 3),
    )
    cases.check_classes(split, labels, LABELS)
    with pytest.raises(ValueError, match="'test' has no case labelled 'malignant'"):
        cases.check_classes(split[:5], labels[:5], LABELS)
    with pytest.raises(ValueError, match="two labels"):
        cases.check_classes(split, labels, ["benign"])


FINDINGS = ["effusion", "nodule"]


def with_findings(table):
    rows = np.arange(len(table))
    return table.drop(columns="label").assign(
        effusion=np.where(rows % 2, "1", "0"),
        nodule=np.select([rows % 3 == 0, rows % 3 == 1], ["1", "0"], ""),
    )


FINDINGS_BROKEN = {
    "no column": (lambda table: table.drop(columns="nodule"), ["no column 'nodule'"]),
    "a word": (
        lambda table: put(3, "nodule", "yes")(table),
        ["row 5", "nodule", "'yes'", "1, 0, or blank"],
    ),
    "a half": (lambda table: put(3, "effusion", "0.5")(table), ["row 5", "'0.5'"]),
    "never there": (lambda table: table.assign(nodule="0"), ["no case with 'nodule'"]),
    "never absent": (lambda table: table.assign(effusion="1"), ["no case without 'effusion'"]),
}


@pytest.mark.parametrize("kind", FINDINGS_BROKEN)
def test_bad_findings_are_named_in_one_sentence(folder, kind):
    edit(folder, with_findings)
    assert len(cases.read(folder, findings=FINDINGS)) == 12
    damage, named = FINDINGS_BROKEN[kind]
    edit(folder, damage)
    with pytest.raises(ValueError) as caught:
        cases.read(folder, findings=FINDINGS)
    assert "\n" not in str(caught.value) and all(
        part in str(caught.value) for part in ["cases.csv", *named]
    )


def test_every_split_has_its_share_of_each_finding():
    found = make_cases(patients=240, views=1)
    found = cases.Cases(with_findings(found.table), found.images, found.regions)
    split = found.split(1, strata=FINDINGS)
    for finding in FINDINGS:
        for value in ("1", "0"):
            counts = split[found.table[finding] == value].value_counts(normalize=True)
            assert counts.to_dict() == pytest.approx(cases.SPLITS, abs=0.05)
    cases.check_findings(split, found.table, FINDINGS)
    rare = found.table.assign(nodule=np.where(split == "train", found.table["nodule"], "0"))
    with pytest.raises(ValueError, match="'tune' has no case with 'nodule'"):
        cases.check_findings(split, rare, FINDINGS)


def test_source_name():
    found = make_cases()
    assert cases.source_name(found, "data/ultrasound") == "phantom"
    people = cases.Cases(found.table.assign(reference="reader"), found.images, found.regions)
    assert cases.source_name(people, "real/busi") == "busi"
