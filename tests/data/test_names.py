"""Names of files as people give them: found where they are meant, refused where two could be, junk
passed over.
"""

import unicodedata

import pytest

from regard.data.inputs import names
from regard.datasets import files

NFC, NFD = (unicodedata.normalize(form, "köpfe/é-1.png") for form in ("NFC", "NFD"))
MIXED = NFC.split("/")[0] + "/" + NFD.split("/")[1]
JUNK = [
    "._a.png",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "__MACOSX",
    "~$a.png",
    ".hidden.png",
    "THUMBS.DB",
]


def touch(folder, *given):
    for name in given:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.mark.parametrize("there", [NFC, NFD, MIXED], ids=["NFC", "NFD", "mixed"])
@pytest.mark.parametrize("asked", [NFC, NFD, MIXED], ids=["NFC", "NFD", "mixed"])
def test_accents_in_either_encoding_are_one_name(tmp_path, there, asked):
    touch(tmp_path, there, "köpfe-2/other.png")
    assert files.inside(tmp_path, asked, "image").read_bytes() == there.encode()
    assert files.by_name(tmp_path, "*.png")[names.composed(asked.split("/")[1])] == tmp_path / there


def test_a_name_of_which_one_accent_is_composed_and_one_is_not_is_found(tmp_path):
    touch(tmp_path, NFC[:1] + NFD.split("/")[0][1:] + NFC.split("/")[0][1:] + ".png")
    assert files.inside(tmp_path, ("k" + "öpfe" + "öpfe" + ".png"), "image").is_file()


def test_two_files_of_one_name_in_two_encodings_are_refused(tmp_path):
    touch(tmp_path, NFC, NFD)
    if len(list(tmp_path.rglob("*.png"))) == 1:
        pytest.skip("this file system takes both for one name")
    for asked in (NFC, NFD):
        with pytest.raises(ValueError, match="either of two files"):
            files.inside(tmp_path, asked, "image")
    with pytest.raises(ValueError, match="the same name"):
        files.by_name(tmp_path, "*.png")


def test_backslashes_of_windows_are_slashes_unless_a_file_has_them(tmp_path):
    touch(tmp_path, "images/deep/a.png")
    for asked in ("images\\deep\\a.png", "images/deep\\a.png"):
        assert files.inside(tmp_path, asked, "image") == tmp_path / "images/deep/a.png"
    touch(tmp_path, "b\\c.png")
    assert files.inside(tmp_path, "b\\c.png", "image").name == "b\\c.png"
    touch(tmp_path, "b/c.png")
    with pytest.raises(ValueError, match="either of two files"):
        files.inside(tmp_path, "b\\c.png", "image")


@pytest.mark.parametrize(
    "name", ["..\\secret.png", "x\\..\\..\\secret.png", "..\\images-too\\a.png", "a\0b"]
)
def test_windows_paths_stay_in_their_folder_too(tmp_path, name):
    folder = touch(tmp_path / "images", "a.png")
    touch(tmp_path, "secret.png", "images-too/a.png")
    with pytest.raises(ValueError, match="is not a file in"):
        files.inside(folder, name, "image")


def test_what_is_missing_is_named_with_what_comes_near(tmp_path):
    touch(tmp_path, "Image.PNG")
    (tmp_path / "link.png").symlink_to("gone.png")
    for asked, said in {
        "image.png": "Image.PNG differs in the case",
        "link.png": "a link to nothing",
        "x.png": "no im",
    }.items():
        with pytest.raises(FileNotFoundError, match=said):
            files.inside(tmp_path, asked, "image")


def test_a_name_of_ten_thousand_letters_is_quoted_short(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        files.inside(tmp_path, "x" * 10_000, "image")
    assert len(str(caught.value)) < 200 + len(str(tmp_path))


@pytest.mark.parametrize("name", JUNK)
def test_junk_is_told_by_its_name(tmp_path, name):
    assert names.is_junk(name) and not names.is_junk(f"a{name}")
    touch(tmp_path, "a.png", "deep/b.png", f"deep/{name}", "__MACOSX/a.png", ".git/c.png")
    if name != "__MACOSX":
        touch(tmp_path, name)
    assert names.below(tmp_path, "*.png", "*.db", "*.ini") == [
        tmp_path / "a.png",
        tmp_path / "deep/b.png",
    ]
    assert [path.name for path in names.entries(tmp_path)] == ["a.png", "deep"]


def test_patterns_fit_the_last_parts_of_a_path_in_any_case(tmp_path):
    touch(tmp_path, "x/Patient1/STUDY2/v.JPG", "x/patient1/other/v.jpg", "v.jpg", "a.JPG.txt")
    found = names.below(tmp_path, "patient*/study*/*.jpg")
    assert found == [tmp_path / "x/Patient1/STUDY2/v.JPG"]
    assert len(names.below(tmp_path, "*.jpg")) == 3


def test_an_optional_file_is_there_or_not_there_or_refused(tmp_path):
    assert names.optional(tmp_path, "coco.json", "the annotations") is None
    touch(tmp_path, "coco.json")
    assert names.optional(tmp_path, "coco.json", "the annotations") == tmp_path / "coco.json"
    for name in ("Coco.json", "COCO.JSON"):
        folder = touch(tmp_path / name, name)
        with pytest.raises(ValueError, match=f"{name}.*must be called coco.json"):
            names.optional(folder, "coco.json", "the annotations")
    (tmp_path / "coco.json").unlink()
    (tmp_path / "coco.json").symlink_to("gone.json")
    with pytest.raises(FileNotFoundError, match="coco.json.*link to nothing"):
        names.optional(tmp_path, "coco.json", "the annotations")
    (tmp_path / "coco.json").unlink()
    (tmp_path / "coco.json").mkdir()
    with pytest.raises(ValueError, match="must be a file"):
        names.optional(tmp_path, "coco.json", "the annotations")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_pairs_are_found_in_either_encoding_and_junk_is_no_mask(tmp_path, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    touch(
        tmp_path,
        unicodedata.normalize(form, "images/é.png"),
        unicodedata.normalize(other, "masks/é.tif"),
    )
    touch(tmp_path, "images/Thumbs.db", "images/._é.png", "masks/desktop.ini")
    images, masks = files.pairs(tmp_path / "images", tmp_path / "masks")
    assert [path.suffix for path in images + masks] == [".png", ".tif"]


def test_files_that_nothing_names_are_counted(tmp_path, capsys):
    touch(tmp_path, *"abcde")
    files.unlisted(names.entries(tmp_path), {tmp_path / "a"}, "cases.csv")
    assert capsys.readouterr().err == (
        "4 files are not read, for cases.csv does not name them: b, c, d, and 1 more\n"
    )
    files.unlisted([tmp_path / "a"], {tmp_path / "a"}, "cases.csv")
    assert capsys.readouterr().err == ""
