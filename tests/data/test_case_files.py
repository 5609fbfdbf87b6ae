"""A set of one's own: cells are stripped, names found, and no mask is passed over as "not
annotated" without a word.
"""

import shutil
import unicodedata

import numpy as np
import pytest
from conftest import make_cases
from PIL import Image

from regard.data import cases


def lines(folder, change):
    """Rewrite the lines of cases.csv, the header among them."""
    path = folder / "cases.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n", encoding="utf-8")


def refusal(folder):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        cases.unchecked(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def spaced(line):
    return ",".join(f" {cell}\u00a0" for cell in line.split(","))


def test_cells_are_stripped_so_that_a_patient_is_one(folder):
    plain = cases.read(folder)
    lines(folder, lambda rows: [spaced(row) if at % 2 else row for at, row in enumerate(rows)])
    found = cases.read(folder)
    assert found.table.equals(plain.table) and found.table["patient"].nunique() == 6
    assert found.split(1).groupby(found.table["patient"]).nunique().max() == 1


def test_a_line_that_names_the_separator_changes_nothing(folder):
    whole = cases.read(folder).table
    lines(folder, lambda rows: ["sep=;", *(row.replace(",", ";") for row in rows)])
    assert cases.read(folder).table.equals(whole)


def test_the_rows_of_a_semicolon_table_are_counted_before_labels_are_left_out(folder):
    whole = cases.read(folder)
    left_out = whole.table["label"][0]
    lines(folder, lambda rows: [row.replace(",", ";") for row in rows])
    known = ["unseen", *set(whole.table["label"]) - {left_out}]
    assert cases.read(folder).listed == 12
    cells = (folder / "cases.csv").read_text().replace(left_out, "unseen", 1)
    (folder / "cases.csv").write_text(cells)
    found = cases.read(folder, known, [left_out])
    assert found.listed == 12 and len(found) < 12


def test_a_semicolon_table_is_the_same_set(folder):
    plain = cases.read(folder)
    lines(folder, lambda rows: [row.replace(",", ";") for row in rows])
    assert cases.read(folder).table.equals(plain.table)


WRONG = {
    "a comma at the end of every row": (
        lambda rows: [rows[0], *(f"{row}," for row in rows[1:])],
        "rows have 6 cells, the header 5",
    ),
    "one row too long": (
        lambda rows: [*rows[:3], f"{rows[3]},x", *rows[4:]],
        "row 4: the row has 6 cells, the header 5",
    ),
    "one row too short": (
        lambda rows: [*rows[:3], "a,b", *rows[4:]],
        "row 4: the row has 2 cells, the header 5",
    ),
    "a blank row between": (lambda rows: [*rows[:3], ",,,,", *rows[3:]], "row 4 is blank"),
    "two columns of one name": (
        lambda rows: [rows[0].replace("reference", "label"), *rows[1:]],
        "two columns 'label'",
    ),
    "a split in capitals": (
        lambda rows: [rows[0].replace("reference", "Split"), *rows[1:]],
        "a column 'Split'; write 'split'",
    ),
    "a pixel size in words": (
        lambda rows: [rows[0].replace("reference", "Pixel mm"), *rows[1:]],
        "write 'pixel_mm'",
    ),
    "a long case": (lambda rows: [rows[0], "/" * 10_000 + rows[1], *rows[2:]], "row 2: case '///"),
    "a long image": (
        lambda rows: [rows[0], rows[1].replace("images/", "x" * 10_000), *rows[2:]],
        "row 2: no image 'xxx",
    ),
    "a long split": (
        lambda rows: [f"{rows[0]},split", *(f"{row},{'y' * 10_000}" for row in rows[1:])],
        "row 2: split 'yyy",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_tables_are_refused_in_a_short_line(folder, kind):
    change, said = WRONG[kind]
    lines(folder, change)
    message = refusal(folder)
    assert (
        said in message
        and str(folder / "cases.csv") in message
        and len(message) < 400 + len(str(folder))
    )


def test_blank_rows_at_the_end_do_not_count(folder):
    plain = cases.read(folder)
    lines(folder, lambda rows: [*rows, "", ",,,,", ""])
    assert cases.read(folder).table.equals(plain.table)


def test_patients_that_differ_in_capitals_alone_are_two_and_said(folder, capsys):
    lines(folder, lambda rows: [row.replace(",p03,", ",P02,") for row in rows])
    assert cases.read(folder).table["patient"].nunique() == 6
    assert "patients 'p02' and 'P02' differ in the case of letters alone" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_images_and_structures_are_found_in_either_encoding_of_accents(folder, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    image, structure = (unicodedata.normalize(form, name) for name in ("images/köpfe.png", "tümör"))
    (folder / "images/c00-0.png").rename(folder / image)
    (folder / "regions/mass").rename(folder / "regions" / structure)
    lines(
        folder,
        lambda rows: [
            row.replace("images/c00-0.png", unicodedata.normalize(other, image)) for row in rows
        ],
    )
    found = cases.read(folder)
    assert np.array_equal(found.images[0], make_cases().images[0])
    assert np.array_equal(found.regions["tümör"][0], make_cases().regions["mass"][0])


def test_images_may_be_given_with_backslashes(folder):
    lines(folder, lambda rows: [row.replace("images/", "images\\") for row in rows])
    assert np.array_equal(cases.read(folder).images[3], make_cases().images[3])


def suffix(new):
    return lambda folder: (folder / "regions/mass/c01-0.png").rename(
        folder / f"regions/mass/c01-0{new}"
    )


def linked(path):
    def damage(folder):
        target = folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        target.symlink_to("gone")

    return damage


def a_file(folder):
    shutil.rmtree(folder / "regions/mass")
    (folder / "regions/mass").write_text("no folder")


MISNAMED = {
    "regions in capitals": (
        lambda f: (f / "regions").rename(f / "Regions"),
        "Regions must be called regions",
    ),
    "regions a file": (
        lambda f: [shutil.rmtree(f / "regions"), (f / "regions").touch()],
        "regions, .* must be a folder",
    ),
    "regions a link to nothing": (linked("regions"), "regions, .* is a link to nothing"),
    "a structure that is a file": (a_file, "regions/mass is no folder"),
    "a structure that is a link to nothing": (
        linked("regions/mass"),
        "regions/mass is a link to nothing",
    ),
    "a mask without its structure": (
        lambda f: (f / "regions/mass/c01-0.png").rename(f / "regions/c01-0.png"),
        "regions/c01-0.png is no folder; masks lie in",
    ),
    "a mask in capitals": (
        suffix(".PNG"),
        "c01-0.PNG is not read; the mask of case 'c01-0' must be called c01-0.png",
    ),
    "a mask of another format": (suffix(".tif"), "c01-0.tif is not read"),
    "the case in capitals": (
        lambda f: (f / "regions/mass/c01-0.png").rename(f / "regions/mass/C01-0.png"),
        "C01-0.png is not read; the mask of case 'c01-0'",
    ),
    "a mask that is a link to nothing": (
        linked("regions/mass/c01-0.png"),
        "mass/c01-0.png is a link to nothing",
    ),
    "two structures but for capitals": (
        lambda f: shutil.copytree(f / "regions/mass", f / "regions/Mass"),
        "regions has folders 'Mass' and 'mass', which differ in capitals alone",
    ),
    "blanks around a structure": (
        lambda f: (f / "regions/mass").rename(f / "regions/mass "),
        "regions has a folder 'mass ' with blanks around its name",
    ),
    **{
        name: (
            lambda f, name=name: (f / "regions/mass").rename(f / "regions" / name),
            f"regions/{name} must be called artefact",
        )
        for name in ("artifact", "artefacts", "Artefact", "artifacts")
    },
    "masks one folder deeper": (
        lambda f: [
            (f / "regions/deep").mkdir(),
            (f / "regions/mass").rename(f / "regions/deep/mass"),
        ],
        "regions/deep/mass is a folder",
    ),
}


@pytest.mark.parametrize("kind", MISNAMED)
def test_a_mask_that_would_be_passed_over_is_refused(folder, kind):
    damage, message = MISNAMED[kind]
    damage(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        raise ValueError(refusal(folder))


def test_masks_of_no_case_and_folders_that_are_not_read_are_said(folder, capsys):
    Image.new("L", (32, 24)).save(folder / "regions/mass/c77-0.png")
    (folder / "Masks").mkdir()
    (folder / "regions/README.md").write_text("drawn by two readers")
    assert len(cases.read(folder).regions["mass"]) == 12
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "Masks is not read: masks lie in" in said[0]
    assert said[1].startswith("1 files in ") and said[1].endswith(
        "are masks of no case and are not read: c77-0.png"
    )


def test_a_whole_set_says_nothing(folder, capsys):
    cases.read(folder)
    assert capsys.readouterr().err == ""
