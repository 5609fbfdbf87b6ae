"""Files of published sets: read as they are meant or refused with their name."""

import random
import zipfile

import openpyxl
import pytest

from regard.datasets import files


def refused(call, *parts, error=ValueError):
    """One line that holds all `parts`, the name of the file among them."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error and "\n" not in str(caught.value)
    assert all(str(part) in str(caught.value) for part in parts), caught.value


def written(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return path


def sheet(path, *rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_tables_come_as_stripped_text_with_their_rows_counted_from_2(tmp_path, encoding):
    content = " name ,count,note\n a b ,007,\n\n,,\nNA,1.50,Größe\n\n"
    found = files.table(written(tmp_path / "list.csv", content, encoding), ["name", "note"])
    assert found.to_dict("list") == {
        "name": ["a b", "NA"],
        "count": ["007", "1.50"],
        "note": ["", "Größe"],
        "row": [2, 5],
    }


@pytest.mark.parametrize("name", ["list.xlsx", "LIST.XLSX"])
def test_excel_tables_are_read_the_same(tmp_path, name):
    path = sheet(
        tmp_path / name, [" name ", "count"], [" a b ", 7], [None, None], ["NA", None], [None, 1.5]
    )
    found = files.table(path, ["name", "count"])
    assert found.to_dict("list") == {
        "name": ["a b", "NA", ""],
        "count": ["7", "", "1.5"],
        "row": [2, 4, 5],
    }


TABLES_REFUSED = {
    "missing column": ("name,count\na,1\n", "no column 'note'; it has name, count"),
    "no rows": ("note\n", "a header but no rows"),
    "blank rows": ("name,note\n\n , \n", "a header but no rows"),
    "empty": ("", "not a readable table"),
    "open quote": ('note,b\n"1,2\n', "not a readable table"),
}


@pytest.mark.parametrize("kind", TABLES_REFUSED)
def test_broken_tables_are_named(tmp_path, kind):
    content, message = TABLES_REFUSED[kind]
    path = written(tmp_path / "list.csv", content)
    refused(lambda: files.table(path, ["note"]), path, message)


def test_tables_in_another_encoding_or_missing_are_named(tmp_path):
    path = written(tmp_path / "list.csv", "note\nGröße\n", "latin-1")
    refused(lambda: files.table(path, ["note"]), path, "not a readable table")
    refused(
        lambda: files.table(tmp_path / "other.csv", []),
        tmp_path / "other.csv",
        error=FileNotFoundError,
    )


def test_damaged_excel_tables_are_named(tmp_path):
    path = sheet(tmp_path / "list.xlsx", ["name", "note"], *([f"a{row}", row] for row in range(50)))
    whole = path.read_bytes()
    refused(lambda: files.table(path, ["other"]), path, "no column 'other'")
    generator = random.Random(0)
    damaged = [
        b"",
        b"name,note\n1,2\n",
        *(whole[: generator.randrange(len(whole))] for _ in range(10)),
    ]
    with zipfile.ZipFile(path) as book:
        sheets = [member for member in book.infolist() if member.filename.endswith("sheet1.xml")]
    for _ in range(20):  # within the compressed rows
        at = sheets[0].header_offset + 100 + generator.randrange(sheets[0].compress_size - 100)
        damaged.append(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
    for content in damaged:
        path.write_bytes(content)
        refused(lambda: files.table(path, ["name"]), path, "not a readable table")


def test_names_of_tables_stay_in_their_folder(tmp_path):
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png", "deep/..c.png"):
        (folder / name).write_bytes(b"")
        assert files.inside(folder, name, "image") == folder / name
    assert files.inside(folder, "deep/../a.png", "image").samefile(folder / "a.png")
    (folder / "link.png").symlink_to("deep/b.png")
    assert files.inside(folder, "link.png", "image").is_file()
    for name in ("missing.png", "deep", ".", "a.png/b.png", "x" * 5000):
        refused(lambda: files.inside(folder, name, "image"), "no image", error=FileNotFoundError)


def test_names_that_leave_their_folder_are_refused(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(b"")
    (tmp_path / "images-too").mkdir()
    (tmp_path / "images-too" / "a.png").write_bytes(b"")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "out").symlink_to(tmp_path, target_is_directory=True)
    names = [
        "",
        "..",
        "../secret.png",
        "x/../../secret.png",
        "../images-too/a.png",
        str(tmp_path / "secret.png"),
    ]
    for name in (*names, "/etc/passwd", "link.png", "out/secret.png"):
        refused(lambda: files.inside(folder, name, "image"), repr(name), folder)
    (folder / "loop").symlink_to(folder / "loop")
    refused(lambda: files.inside(folder, "loop", "image"), "loop", error=FileNotFoundError)


def test_files_by_name_are_in_order_and_unique(tmp_path):
    for name in ("b/2.png", "a/3.png", "1.jpg", "a/note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = files.by_name(tmp_path, "*.png", "*.jpg")
    assert list(found) == ["1.jpg", "3.png", "2.png"] and found["2.png"] == tmp_path / "b/2.png"
    assert files.by_name(tmp_path, "*.png", "?.png", "*.jpg") == found
    (tmp_path / "b/3.png").write_bytes(b"")
    refused(
        lambda: files.by_name(tmp_path, "*.png"),
        tmp_path / "a/3.png",
        tmp_path / "b/3.png",
        "the same name",
    )


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{} {}", b"{'a': 1}", b"\xff\xfe{}", b"[" * 100_000, b"1" * 5000]
)
def test_broken_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    refused(
        lambda: files.read_json(tmp_path / "a.json"), tmp_path / "a.json", "not readable as JSON"
    )


@pytest.mark.parametrize(
    "content", ['{"a": 1, "b": 2, "a": 1}', '[{"x": [{"a": null, "\\u0061": 3}]}]']
)
def test_a_key_that_stands_twice_in_json_is_named(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    refused(lambda: files.read_json(path), path, "the key 'a' stands twice")


def test_json_is_read_with_and_without_a_byte_order_mark(tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        assert files.read_json(written(tmp_path / "a.json", '{"größe": [1]}', encoding)) == {
            "größe": [1]
        }
    refused(
        lambda: files.read_json(tmp_path / "b.json"), tmp_path / "b.json", error=FileNotFoundError
    )
