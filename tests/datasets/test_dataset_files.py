"""Files of published sets: read as they are meant or refused with their name; nothing leaves an
archive's folder.
"""

import io
import random
import stat
import tarfile
import zipfile

import openpyxl
import pytest

from regard.datasets import archives, files


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


KINDS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
CONTENT = {f"images/{number}.txt": random.Random(number).randbytes(900) for number in range(4)} | {
    "list.csv": b"a,b\n"
}


def archive(path, members, kind=None):
    """An archive of {name: content}; a content that is a TarInfo or ZipInfo is written as that
    member.
    """
    if (kind or path.name).endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in members.items():
                special = isinstance(content, zipfile.ZipInfo)
                file.writestr(
                    content if special else name, b"../outside.txt" if special else content
                )
    else:
        packing = {"tgz": "gz", "tar": ""}.get(path.name.split(".")[-1], path.name.split(".")[-1])
        with tarfile.open(path, f"w:{packing}") as file:
            for name, content in members.items():
                member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
                if not isinstance(content, tarfile.TarInfo):
                    member.size = len(content)
                file.addfile(member, None if member is content else io.BytesIO(content))
    return path


def content_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def only_files(folder):
    return {name: content for name, content in content_of(folder).items() if content is not None}


@pytest.mark.parametrize("kind", [*KINDS, ".ZIP"])
def test_archives_are_unpacked_and_removed_after_use(tmp_path, kind):
    source = archive(tmp_path / f"set{kind}", CONTENT, kind.lower())
    before = content_of(tmp_path)
    with archives.unpacked(source, tmp_path / "target") as folder:
        assert folder.parent == tmp_path and only_files(folder) == CONTENT
    assert content_of(tmp_path) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "beside", [{}, {"__MACOSX/._set": b"x"}], ids=["alone", "with what macOS adds"]
)
def test_a_single_top_folder_is_entered(tmp_path, kind, beside):
    source = archive(
        tmp_path / f"set{kind}",
        {f"Set 1/{name}": value for name, value in CONTENT.items()} | beside,
    )
    with archives.unpacked(source, tmp_path / "target") as folder:
        assert folder.name == "Set 1" and only_files(folder) == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_folder_stands_for_itself_and_stays(tmp_path):
    (tmp_path / "set").mkdir()
    with archives.unpacked(tmp_path / "set", tmp_path / "target") as folder:
        assert folder == tmp_path / "set"
    assert content_of(tmp_path) == {"set": None}


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_the_unpacked_folder_is_removed_when_reading_fails(tmp_path, kind):
    source = archive(tmp_path / f"set{kind}", CONTENT)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), archives.unpacked(source, tmp_path / "target") as folder:
            assert folder.is_dir()
            raise error
        assert [path.name for path in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError])
def test_what_is_wrong_in_an_archive_names_the_archive(tmp_path, error):
    source = archive(tmp_path / "set.zip", CONTENT)
    with pytest.raises(error) as caught:
        with archives.unpacked(source, tmp_path / "target") as folder:
            raise error(f"{folder / 'list.csv'} row 2: it is blank")
    assert type(caught.value) is error
    assert str(caught.value) == f"{source}/list.csv row 2: it is blank"


def test_what_an_interrupted_run_left_is_not_read(tmp_path):
    (tmp_path / "target.unpacked").mkdir()
    (tmp_path / "target.unpacked" / "old.txt").write_text("of another archive")
    with archives.unpacked(archive(tmp_path / "set.zip", CONTENT), tmp_path / "target") as folder:
        assert only_files(folder) == CONTENT


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz"])
@pytest.mark.parametrize(
    "name",
    [
        "../x.txt",
        "a/../../x.txt",
        "..",
        "..\\x.txt",
        "C:\\x.txt",
        "C:x.txt",
        "/x.txt",
        "\\x.txt",
        "absolute",
    ],
)
def test_members_that_would_leave_the_folder_are_refused(tmp_path, kind, name):
    inner = tmp_path / "inner"
    inner.mkdir()
    name = str(tmp_path / "x.txt") if name == "absolute" else name
    source = archive(inner / f"set{kind}", {"first.txt": b"good", name: b"evil", **CONTENT})
    before = content_of(tmp_path)
    with pytest.raises(ValueError, match="would be written outside") as caught:
        with archives.unpacked(source, inner / "target"):
            pytest.fail("it was unpacked")
    assert str(source) in str(caught.value) and content_of(tmp_path) == before


def tar_member(kind, name="x", target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zip_link():
    member = zipfile.ZipInfo("x")
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return member


LINKS = {
    "symlink out": (".tar", tar_member(tarfile.SYMTYPE, target="../outside.txt")),
    "symlink within": (".tar.gz", tar_member(tarfile.SYMTYPE, target="first.txt")),
    "hard link out": (".tar", tar_member(tarfile.LNKTYPE, target="../outside.txt")),
    "hard link within": (".tar", tar_member(tarfile.LNKTYPE, target="first.txt")),
    "device": (".tar", tar_member(tarfile.CHRTYPE)),
    "pipe": (".tar.xz", tar_member(tarfile.FIFOTYPE)),
    "symlink in a zip": (".zip", zip_link()),
}


@pytest.mark.parametrize("kind", LINKS)
def test_links_and_devices_are_refused(tmp_path, kind):
    suffix, member = LINKS[kind]
    source = archive(tmp_path / f"set{suffix}", {"first.txt": b"good", "x": member})
    (tmp_path / "outside.txt").write_text("private")
    before = content_of(tmp_path)
    refused(lambda: archives.unpacked(source, tmp_path / "target").__enter__(), source, "'x'")
    assert content_of(tmp_path) == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_or_damaged_is_refused_or_read_in_full(tmp_path, kind):
    """Cut anywhere and, where a checksum covers it, changed anywhere."""
    source = archive(tmp_path / f"set{kind}", CONTENT)
    whole, generator = source.read_bytes(), random.Random(0)
    damaged = [whole[: generator.randrange(len(whole))] for _ in range(40)]
    places = [tarfile.BLOCKSIZE * 3 + at for at in (0, 20, 110, 130, 150)] if kind == ".tar" else []
    for at in places or [generator.randrange(len(whole)) for _ in range(60)]:
        damaged.append(whole[:at] + bytes([whole[at] ^ 0x21]) + whole[at + 1 :])
    count = 0
    for content in damaged:
        source.write_bytes(content)
        try:
            with archives.unpacked(source, tmp_path / "target") as folder:
                assert only_files(folder) == CONTENT
        except ValueError as error:
            count += 1
            assert str(source) in str(error) and "\n" not in str(error)
        assert [path.name for path in tmp_path.iterdir()] == [source.name]
    assert count > 0.5 * len(damaged)


def test_a_tar_cut_between_two_members_is_refused(tmp_path):
    source = archive(tmp_path / "set.tar", CONTENT)
    with tarfile.open(source) as file:
        third = file.getmembers()[2].offset
    whole = source.read_bytes()
    for end in (third, third + 100):
        source.write_bytes(whole[:end])
        refused(
            lambda: archives.unpacked(source, tmp_path / "target").__enter__(), source, "cut off"
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [b"", b"no archive"], ids=["empty", "text"])
def test_what_is_no_archive_is_refused(tmp_path, kind, content):
    source = tmp_path / f"set{kind}"
    source.write_bytes(content)
    refused(
        lambda: archives.unpacked(source, tmp_path / "target").__enter__(),
        source,
        "cannot be unpacked",
    )
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_other_files_and_missing_ones_are_named(tmp_path):
    source = written(tmp_path / "set.rar", "Rar!")
    refused(
        lambda: archives.unpacked(source, tmp_path / "t").__enter__(),
        source,
        "neither a folder nor an archive",
    )
    source = tmp_path / "set.zip"
    refused(
        lambda: archives.unpacked(source, tmp_path / "t").__enter__(),
        source,
        error=FileNotFoundError,
    )


@pytest.mark.parametrize("flag", [0, 0x800], ids=["as Windows and macOS write", "said to be UTF-8"])
@pytest.mark.parametrize(
    "name", ["Set/köpfe/ü.txt", "Set\\köpfe\\ü.txt"], ids=["slashes", "backslashes"]
)
def test_names_in_zips_are_read_whoever_wrote_them(tmp_path, name, flag):
    """macOS writes UTF-8 without saying so, Windows backslashes; a member's bytes are put in by
    hand.
    """
    source = archive(tmp_path / "set.zip", {"0" * len(name.encode()): b"content"})
    source.write_bytes(source.read_bytes().replace(b"0" * len(name.encode()), name.encode()))
    if flag:
        whole = bytearray(source.read_bytes())
        for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            start = whole.index(mark) + at
            whole[start : start + 2] = flag.to_bytes(2, "little")
        source.write_bytes(whole)
    with archives.unpacked(source, tmp_path / "target") as folder:
        assert folder.name == "Set" and only_files(folder) == {"köpfe/ü.txt": b"content"}


def test_a_zip_with_backslashes_is_read_as_one_with_slashes(tmp_path):
    members = {f"Set\\{name}".replace("/", "\\"): content for name, content in CONTENT.items()}
    source = archive(tmp_path / "set.zip", {"Set\\": b"", "Set\\images\\": b"", **members})
    with archives.unpacked(source, tmp_path / "target") as folder:
        assert folder.name == "Set" and only_files(folder) == CONTENT


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz"])
def test_a_member_that_would_be_written_over_another_is_refused(tmp_path, kind):
    source = archive(tmp_path / f"set{kind}", {"a/x.txt": b"first", "a/./x.txt": b"second"})
    refused(
        lambda: archives.unpacked(source, tmp_path / "target").__enter__(), source, "x.txt' twice"
    )
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize("kind", KINDS)
def test_junk_beside_the_top_folder_changes_nothing(tmp_path, kind):
    junk = {
        "._Set": b"x",
        ".DS_Store": b"x",
        "__MACOSX/Set/._list.csv": b"x",
        "Thumbs.db": b"x",
        "desktop.ini": b"x",
    }
    source = archive(
        tmp_path / f"set{kind}", {f"Set/{name}": data for name, data in CONTENT.items()} | junk
    )
    with archives.unpacked(source, tmp_path / "target") as folder:
        assert folder.name == "Set" and only_files(folder) == CONTENT
