"""A file is there whole or not at all, whatever happens while it is written."""

import os
import signal
import subprocess
import sys

import pytest

from regard.core import atomic


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with atomic.file(path) as aside:
        aside.write_text("new")
        assert not path.exists() and aside.parent == path.parent
    assert path.read_text() == "new" and [one.name for one in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic.file(path) as aside:
        aside.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and [one.name for one in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(FileNotFoundError), atomic.file(path):
        pass  # nothing was written
    assert path.read_text() == "old"


def test_permissions_and_links_stay(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt").chmod(0o664)
    (tmp_path / "link.txt").symlink_to("a.txt")
    atomic.write_text(tmp_path / "link.txt", "new\r\nline\n")
    assert (tmp_path / "a.txt").read_bytes() == b"new\r\nline\n" and (
        tmp_path / "link.txt"
    ).is_symlink()
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o664


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    place = tmp_path / "results"
    for name in ("first", "second"):
        with atomic.folder(place) as aside:
            (aside / name).touch()
    assert [one.name for one in place.iterdir()] == ["second"]
    with pytest.raises(ValueError), atomic.folder(place) as aside:
        (aside / "third").touch()
        raise ValueError
    assert [one.name for one in place.iterdir()] == ["second"] and len(
        list(tmp_path.iterdir())
    ) == 1
    place.rename(
        tmp_path / ".results.earlier.partial"
    )  # as a kill between the two renames leaves it
    with pytest.raises(ValueError), atomic.folder(place) as aside:
        raise ValueError
    assert [one.name for one in place.iterdir()] == ["second"] and len(
        list(tmp_path.iterdir())
    ) == 1


def test_a_killed_writer_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import sys; from regard.core import atomic\n"
        "with atomic.file(sys.argv[1]) as aside:\n"
        "    aside.write_text('half'); print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
    assert path.read_text() == "old"
