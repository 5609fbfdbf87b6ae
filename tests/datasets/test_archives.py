"""Archives are unpacked into a folder of their own, or refused with a message that names them."""

import io
import random
import stat
import tarfile
import zipfile

import openpyxl
import pytest

from regard.datasets import archives


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
    target = tmp_path / "target"
    with pytest.raises(error) as caught, archives.unpacked(source, target) as folder:
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
    outside = pytest.raises(ValueError, match="would be written outside")
    with outside as caught, archives.unpacked(source, inner / "target"):
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
