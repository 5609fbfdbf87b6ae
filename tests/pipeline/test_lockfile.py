"""dvc.lock after a kill: every way in which a write can stop, in a project of two small stages."""

import json
import os
import subprocess
import sys

import pytest

from regard import cli
from regard.pipeline import lockfile

STAGES = {
    "first": {"deps": ["a.txt"], "outs": ["b.txt"]},
    "second": {"deps": ["b.txt"], "outs": ["c.txt", "d.txt"]},
}


def entry(name: str, digest: str = "0" * 32) -> str:
    lines = [f"  {name}:", f"    cmd: cp {name} and more"]
    for part, paths in STAGES[name].items():
        lines += [f"    {part}:"]
        for path in paths:
            lines += [
                f"    - path: {path}",
                "      hash: md5",
                f"      md5: {digest}",
                "      size: 14",
            ]
    return "\n".join(lines) + "\n"


LOCK = "schema: '2.0'\nstages:\n" + entry("first") + entry("second")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "dvc.lock").write_text(LOCK)
    assert lockfile.keep(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "digest", ["0" * 32, "1" * 32], ids=["unchanged", "while an entry changes"]
)
def test_a_cut_at_any_byte_is_seen_and_mended(project, digest):
    """The new text has other digests; the copy that comes back is the earlier one, which is
    whole.
    """
    new = LOCK.replace(entry("second"), entry("second", digest))
    assert [new[:end] for end in range(len(new)) if not lockfile.broken(new[:end], LOCK)] == []
    for end in range(0, len(new), 41):
        (project / "dvc.lock").write_text(new[:end])
        (said,) = lockfile.restore(project)
        assert "the last whole copy is back" in said and (project / "dvc.lock").read_text() == LOCK


@pytest.mark.parametrize(
    "text, fault",
    [
        ("", "empty"),
        ("\0" * 4096, "empty"),
        (LOCK[:-9] + "\0" * 9, "cut off"),
        ("{}\n", "cut off"),
        ("[1\n", "cut off"),
    ],
)
def test_what_a_power_cut_leaves_is_named(project, text, fault):
    (project / "dvc.lock").write_text(text)
    (said,) = lockfile.restore(project)
    assert said.startswith(f"dvc.lock was {fault},") and (project / "dvc.lock").read_text() == LOCK


def test_whole_versions_are_left_alone_and_kept(project):
    """Another digest, another stage, another order: each is a version that DVC wrote to its end."""
    for text in (
        "schema: '2.0'\nstages:\n" + entry("first", "1" * 32) + entry("second"),
        LOCK + entry("first").replace("first", "third"),
        "schema: '2.0'\nstages:\n" + entry("second") + entry("first"),
        "schema: '2.0'\nstages:\n" + entry("first"),
    ):
        (project / "dvc.lock").write_text(text)
        assert lockfile.restore(project) == [] and (project / "dvc.lock").read_text() == text
        assert (project / lockfile.GOOD).read_text() == text


def test_a_missing_lock_stays_missing(project):
    (project / "dvc.lock").unlink()
    assert lockfile.restore(project) == [] and not lockfile.keep(project)
    assert not (project / "dvc.lock").exists() and (project / lockfile.GOOD).read_text() == LOCK


def test_a_broken_lock_is_not_kept(project):
    (project / "dvc.lock").write_text(LOCK[:-30])
    assert not lockfile.keep(project) and (project / lockfile.GOOD).read_text() == LOCK


def test_without_a_copy_the_committed_version_comes_back_and_without_it_none(project):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "dvc.lock"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    for copy in (None, "schema: '2.0'\n"):
        (project / lockfile.GOOD).unlink()
        if copy:
            (project / lockfile.GOOD).write_text(copy)
        (project / "dvc.lock").write_text("sche")
        assert "the committed version is back" in lockfile.restore(project)[0]
        assert (project / "dvc.lock").read_text() == LOCK
        lockfile.keep(project)
    (project / lockfile.GOOD).unlink()
    (project / ".git").rename(project / "elsewhere")
    (project / "dvc.lock").write_text("sche")
    assert "there is no copy, so it was removed" in lockfile.restore(project)[0]
    assert not (project / "dvc.lock").exists()


def test_an_earlier_commit_with_fewer_stages_is_no_cut(project):
    """What git holds is what somebody checked out, though it reads like the beginning of the
    copy.
    """
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    (project / "dvc.lock").write_text("schema: '2.0'\nstages:\n" + entry("first"))
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "dvc.lock"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    assert lockfile.restore(project) == [] and "second" not in (project / "dvc.lock").read_text()


def test_stages_that_are_no_more_may_be_taken_out(project):
    shorter = LOCK.replace(entry("second"), "")
    (project / "dvc.yaml").write_text("stages:\n  first: {}\n  second: {}\n")
    (project / "dvc.lock").write_text(shorter)
    assert lockfile.restore(project) and (project / "dvc.lock").read_text() == LOCK
    (project / "dvc.yaml").write_text("stages:\n  first: {}\n")
    (project / "dvc.lock").write_text(shorter)
    assert lockfile.restore(project) == [] and (project / "dvc.lock").read_text() == shorter


def test_a_conflict_of_git_is_not_overwritten(project):
    text = LOCK.replace("stages:\n", "stages:\n<<<<<<< HEAD\n") + "=======\n>>>>>>> other\n"
    (project / "dvc.lock").write_text(text)
    with pytest.raises(ValueError, match="conflict that git could not merge"):
        lockfile.restore(project)
    assert (project / "dvc.lock").read_text() == text


def test_a_list_of_files_in_use_that_was_cut_is_removed(project):
    users = project / lockfile.USERS
    mine = {"pid": os.getpid(), "cmd": "dvc repro"}
    whole = json.dumps({"write": {"b.txt": mine}, "read": {"a.txt": [mine]}})
    for end in range(len(whole)):
        users.write_text(whole[:end])
        (said,) = lockfile.restore(project)
        assert "rwlock was cut off and is removed" in said and not users.exists()


@pytest.mark.skipif(
    not os.path.exists("/proc/self/cmdline"), reason="processes are not told apart here"
)
def test_the_number_of_a_dead_dvc_may_be_another_process_s(project):
    """DVC alone waits for whatever has the number now: here this test, which has no file of the
    project in use.
    """
    users = project / lockfile.USERS
    with subprocess.Popen(["sleep", "60", "dvc"], stderr=subprocess.DEVNULL) as other:
        pass  # ended at once: `sleep` refuses the word
    alive = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", "dvc"], stdin=subprocess.PIPE
    )
    info = {number: {"pid": number, "cmd": "dvc repro"} for number in (1, other.pid, alive.pid)}
    users.write_text(
        json.dumps(
            {
                "write": {"b": info[1], "c": info[alive.pid]},
                "read": {"a": list(info.values()), "d": [info[1]]},
            }
        )
    )
    assert lockfile.restore(project) == []
    found = json.loads(users.read_text())
    alive.communicate()
    assert found == {"write": {"c": info[alive.pid]}, "read": {"a": [info[alive.pid]]}}


def test_while_dvc_writes_nothing_is_touched(project, monkeypatch):
    """DVC's own guard, held by DVC's own code."""
    from dvc.lock import Lock

    monkeypatch.setattr(lockfile, "WAIT", 0.1)
    (project / "dvc.lock").write_text("sche")
    with Lock(str(project / lockfile.GUARD)):
        assert not lockfile.keep(project)
        assert "another DVC runs in this project" in lockfile.restore(project)[0]
        assert (project / "dvc.lock").read_text() == "sche"
    assert "is back in its place" in lockfile.restore(project)[0]
    with (
        lockfile._held(project / lockfile.GUARD),
        pytest.raises(Exception, match="Unable to acquire lock"),
    ):
        Lock(str(project / lockfile.GUARD))._do_lock()


def test_the_command(project, capsys):
    (project / "dvc.lock").write_text("")
    cli.main(["lock", "restore"])
    assert (
        "dvc.lock was empty" in capsys.readouterr().out
        and (project / "dvc.lock").read_text() == LOCK
    )
    cli.main(["lock", "restore"])
    cli.main(["lock", "keep"])
    assert capsys.readouterr().out == ""
    with pytest.raises(SystemExit, match="lock 'kep' is not one of keep, restore"):
        cli.main(["lock", "kep"])


def test_dvc_runs_again_with_the_same_lock(tmp_path, monkeypatch):
    """The whole way with DVC itself: refused when cut, mended, and nothing runs twice."""
    monkeypatch.chdir(tmp_path)

    def dvc(*words):
        return subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True)

    stages = "  one:\n    cmd: cp a.txt b.txt\n    deps: [a.txt]\n    outs: [b.txt]\n"
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n" + stages + stages.replace("one", "two").replace("b.txt", "c.txt")
    )
    (tmp_path / "a.txt").write_text("a")
    assert dvc("init", "--no-scm", "-q").returncode == 0
    assert dvc("repro").returncode == 0
    whole = (tmp_path / "dvc.lock").read_text()
    assert lockfile.restore() == [] and lockfile.broken(whole) == ""
    (tmp_path / "dvc.lock").write_text(whole[: len(whole) // 2])
    (tmp_path / ".dvc/tmp/rwlock").write_text('{"write": {')
    assert dvc("repro").returncode != 0
    assert len(lockfile.restore()) == 2
    done = dvc("repro")
    assert done.returncode == 0 and "Running stage" not in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "dvc.lock").read_text() == whole
