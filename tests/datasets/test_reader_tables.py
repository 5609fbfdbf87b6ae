"""The tables of every reader: cells may be padded, rows may not be shifted, a refused cell is
quoted short; what is left out of a set, or missing from it, is said."""

import csv
import io
import shutil

import pandas as pd
import pytest
from published import EXAMPLES, area, picture, put

from regard import datasets

TABLES = [(name, path) for name, example in EXAMPLES.items() for path in example.columns]
CSV = [(name, path) for name, path in TABLES if path.endswith(".csv")]
CELLS = [
    (name, path, column)
    for name, path in TABLES
    for column in EXAMPLES[name].columns[path].split(",")
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    for name, example in EXAMPLES.items():
        example.build(folder / name)
    return folder


@pytest.fixture
def copied(made, tmp_path):
    def copy(name):
        return shutil.copytree(made / name, tmp_path / "source")

    return copy


def content(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def bring(name, folder, target="target"):
    return datasets.bring_in(name, folder / "source", folder / target, **EXAMPLES[name].options)


def rewritten(path, change):
    rows = change(list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.mark.parametrize(("name", "path"), CSV)
def test_padded_cells_change_nothing(copied, tmp_path, name, path):
    source = copied(name)
    bring(name, tmp_path, "plain")
    rewritten(source / path, lambda rows: [[f" {cell}\u00a0" for cell in row] for row in rows])
    bring(name, tmp_path)
    assert content(tmp_path / "target") == content(tmp_path / "plain")


@pytest.mark.parametrize(("name", "path"), CSV)
@pytest.mark.parametrize("kind", ["longer", "shorter"])
def test_rows_of_another_length_than_the_header_are_refused(copied, tmp_path, name, path, kind):
    source, header = copied(name), 0

    def change(rows):
        nonlocal header
        header = len(rows[0])
        return [rows[0], *([*row, ""] if kind == "longer" else row[:-1] for row in rows[1:])]

    rewritten(source / path, change)
    count = header + (1 if kind == "longer" else -1)
    with pytest.raises(ValueError, match=f"{count} cells, the header {header}") as caught:
        bring(name, tmp_path)
    assert path in str(caught.value) and not (tmp_path / "target").exists()


@pytest.mark.parametrize(("name", "path", "column"), CELLS)
def test_a_refused_cell_is_quoted_in_at_most_100_characters(copied, tmp_path, name, path, column):
    source = copied(name)
    cell = "y" * 10_000
    if path.endswith(".csv"):
        rewritten(
            source / path,
            lambda rows: [
                rows[0],
                [cell if at == column else old for at, old in zip(rows[0], rows[1])],
                *rows[2:],
            ],
        )
    else:
        table = pd.read_excel(source / path, dtype=str)
        table.loc[0, column] = cell
        table.to_excel(source / path, index=False)
    try:
        bring(name, tmp_path)
    except (ValueError, FileNotFoundError, OSError) as error:
        assert type(error) in (ValueError, FileNotFoundError)
        assert (
            "y" * 101 not in str(error)
            and len(str(error)) < 700 + 3 * len(str(tmp_path))
            and "\n" not in str(error)
        )


@pytest.mark.parametrize(("name", "path"), [*CSV, ("chestx-ray14", "test_list.txt")])
def test_a_byte_order_mark_changes_nothing(copied, tmp_path, name, path):
    source = copied(name)
    bring(name, tmp_path, "plain")
    (source / path).write_bytes(b"\xef\xbb\xbf" + (source / path).read_bytes())
    bring(name, tmp_path)
    assert content(tmp_path / "target") == content(tmp_path / "plain")


def removed(pattern):
    return lambda folder: [path.unlink() for path in sorted(folder.rglob(pattern))]


def added(path):
    return lambda folder: put(folder / path, picture(7))


SAID = {  # reader, what is done to its set, what is said of it
    "a table of one split": (
        "cbis-ddsm",
        removed("calc_case_description_test_set.csv"),
        "no calc_case_description_test_set.csv in .*: its abnormalities and its part of the split "
        "are not known",
    ),
    "masks that fit no image": (
        "cbis-ddsm",
        lambda folder: None,
        "1 masks have another size than their image",
    ),
    "no list of tests": (
        "chestx-ray14",
        removed("test_list.txt"),
        "no test_list.txt in .*: the published split is not",
    ),
    "no labels of a part": (
        "vindr-cxr",
        removed("*_test.csv"),
        "no image_labels_test.csv in .* are left out",
    ),
    "images of no label": (
        "vindr-cxr",
        removed("*_test.csv"),
        "1 files are not read, for image_labels_.*: bbb1.dicom",
    ),
    "no outlines of a part": (
        "chexlocalize",
        removed("gt_annotations_test.json"),
        "the test part has no outline at all: its positive findings count as not annotated",
    ),
    "no labels of validation": (
        "chexlocalize",
        lambda folder: [
            removed("val_labels.csv")(folder),
            removed("gt_segmentations_val.json")(folder),
        ],
        "the validation part has no table of labels",
    ),
    "an image that no row names": (
        "bus-bra",
        added("Images/bus_0009-l.png"),
        "bus_data.csv does not name.*bus_0009-l",
    ),
    "a mask that no row names": (
        "bus-bra",
        added("Masks/mask_0009-l.png"),
        "bus_data.csv does not name.*mask_0009-l",
    ),
    "of BrEaST": (
        "breast",
        added("case009.png"),
        "1 files are not read, for .*xlsx does not name them: case009.png",
    ),
    "of mini-MIAS": ("mini-mias", added("mdb009.pgm"), "Info.txt does not name them: mdb009.pgm"),
    "of CDD-CESM": (
        "cdd-cesm",
        added("Low energy images of CDD-CESM/P9_L_DM_CC.jpg"),
        "does not name them: P9_L_DM_CC",
    ),
    "of SICAPv2": ("sicapv2", added("images/19B_Block.jpg"), "does not name them: 19B_Block.jpg"),
    "of the chest X-rays": (
        "covid-cxr",
        added("masks/99.png"),
        "structure.csv does not name them: 99.png",
    ),
}


@pytest.mark.parametrize("kind", SAID)
def test_what_is_missing_or_left_out_is_said(copied, tmp_path, capsys, kind):
    name, change, message = SAID[kind]
    change(copied(name))
    bring(name, tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert any(pd.Series([line]).str.contains(message, regex=True)[0] for line in lines), lines


def test_shapes_of_an_image_that_no_row_names_are_said(copied, tmp_path, capsys):
    source = copied("cdd-cesm")
    path = source / "Radiology_hand_drawn_segmentations_v2.csv"
    path.write_text(path.read_text().replace("P1_L_DM_CC.jpg", "P7_L_DM_CC.jpg"))
    bring("cdd-cesm", tmp_path)
    assert "the shapes of 1 images are not read, for " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("breakhis", "*.png"), ("chexlocalize", "*.jpg"), ("vindr-cxr", "*.dicom")],
)
def test_suffixes_in_capitals_are_read(copied, tmp_path, name, pattern):
    source = copied(name)
    bring(name, tmp_path, "plain")
    for path in sorted(source.rglob(pattern)):
        path.rename(path.with_suffix(path.suffix.upper()))
    bring(name, tmp_path)
    plain, found = content(tmp_path / "plain"), content(tmp_path / "target")
    assert [path for path in found if path.name != "cases.csv"] == [
        path for path in plain if path.name != "cases.csv"
    ]


def test_two_files_of_one_image_are_refused(copied, tmp_path):
    put(copied("vindr-cxr") / "train/aaa1.png", area((1, 1, 5, 5)))
    with pytest.raises(ValueError, match="are two files of one image"):
        bring("vindr-cxr", tmp_path)
