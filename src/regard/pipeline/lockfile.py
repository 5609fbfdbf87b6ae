"""dvc.lock after an interruption. DVC writes it in place, so that a kill or a power cut can leave
it empty or cut off, and DVC then refuses to run.

A whole copy is kept aside while the pipeline runs, and put back when the file is broken. Any whole
version is safe: DVC compares what it says with the files themselves, and runs again what has
changed since.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from regard.core import atomic, project

LOCK = "dvc.lock"
GOOD = "build/dvc.lock.good"  # the last whole version
GUARD = ".dvc/tmp/lock"  # DVC holds it whenever it reads or writes dvc.lock
USERS = (
    ".dvc/tmp/rwlock"  # who reads and writes which files, as JSON that DVC writes in place as well
)
USERS_GUARD = ".dvc/tmp/rwlock.lock"
WAIT = 10  # seconds for a guard
CONFLICT = ("<<<<<<< ", ">>>>>>> ")  # how git marks what it could not merge


def keep(root: Path | None = None) -> bool:
    """Keep a copy of dvc.lock aside if it is whole; whether that was done. A DVC that writes at the
    moment makes it wait, at most WAIT seconds."""
    root = root or project.root()
    try:
        with _held(root / GUARD):
            text = _text(root / LOCK)
            if text is None or broken(text, _text(root / GOOD)):
                return False
            atomic.write_text(root / GOOD, text)
            return True
    except Timeout:
        return False


def restore(root: Path | None = None) -> list[str]:
    """Put right what an interrupted DVC left behind, before DVC runs again; a sentence for each
    file that was broken.

    dvc.lock comes back from the last whole copy, else from git's HEAD. Without either it is
    removed, and DVC takes what it can from its cache of runs. A missing dvc.lock is left missing.
    Raises ValueError for one in which git left a conflict.
    """
    root = root or project.root()
    said: list[str] = []
    for mend, guard in ((_mend_lock, GUARD), (_mend_users, USERS_GUARD)):
        try:
            with _held(root / guard):
                said += filter(None, [mend(root)])
        except Timeout:
            said.append(
                f"another DVC runs in this project (it holds {guard}), so nothing was checked"
            )
    return said


def broken(text: str, whole: str | None = None) -> str:
    """What is wrong with the text of a dvc.lock: "empty", "cut off", or "" when it is whole. whole:
    an earlier whole version, without which a cut between two lines may go unseen: what is left
    reads as a shorter file."""
    if not text.strip("\0 \n"):
        return "empty"
    here, there = _outline(text), _outline(whole or "")
    if here is None or not text.endswith("\n"):
        return "cut off"
    return "cut off" if there and here != there and _begins(there, here) else ""


def _mend_lock(root: Path) -> str:
    text, good = _text(root / LOCK), _text(root / GOOD)
    if text is None:
        return ""
    if any(line.startswith(CONFLICT) for line in text.splitlines()):
        raise ValueError(
            f"{LOCK} holds a conflict that git could not merge: settle it, or take one side's file"
        )
    fault = broken(text, good if good is not None else _committed(root))
    if fault and not broken(text) and (text == _committed(root) or _shortened(text, good, root)):
        fault = (
            ""  # an earlier commit with fewer stages, or stages taken out that there are no more
        )
    if not fault:
        atomic.write_text(root / GOOD, text)
        return ""
    said = f"{LOCK} was {fault}, as DVC leaves it when it is stopped while it writes;"
    copy, source = good, "the last whole copy"
    if copy is None or broken(copy):
        copy, source = _committed(root), "the committed version"
    if copy is not None and not broken(copy):
        atomic.write_text(root / LOCK, copy)
        return f"{said} {source} is back in its place"
    (root / LOCK).unlink()
    return f"{said} there is no copy, so it was removed; DVC runs again what its cache lacks"


def _shortened(text: str, good: str | None, root: Path) -> bool:
    """Whether `text`, which is YAML, lacks only stages that dvc.yaml has no more."""
    before, now = (yaml.safe_load(one)["stages"] for one in (good or _committed(root) or "", text))
    left = (yaml.safe_load(_text(root / "dvc.yaml") or "") or {}).get("stages", before)
    gone = {name.partition("@")[0] for name in before.keys() - now.keys()}
    return bool(gone) and not gone & left.keys() and all(now[name] == before[name] for name in now)


def _mend_users(root: Path) -> str:
    path = root / USERS
    if not path.is_file():
        return ""
    try:
        users = json.loads(path.read_text())
        dead = sorted({info["pid"] for info in _infos(users) if not _is_dvc(info["pid"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        path.unlink()
        return (
            f"{USERS} was cut off and is removed: it named the files that a stopped DVC had in use"
        )
    if not dead:
        return ""
    reading = {
        name: [info for info in infos if info["pid"] not in dead]
        for name, infos in users["read"].items()
    }
    writing = {name: info for name, info in users["write"].items() if info["pid"] not in dead}
    reading = {name: infos for name, infos in reading.items() if infos}
    atomic.write_text(path, json.dumps({"write": writing, "read": reading}))
    return (
        ""  # DVC does the same without a word, but takes any process with such a number for itself
    )


def _infos(users: dict) -> Iterator[Mapping]:
    yield from users.setdefault("write", {}).values()
    for infos in users.setdefault("read", {}).values():
        yield from infos


def _is_dvc(number: int) -> bool:
    """Whether a DVC runs as process `number`; taken for granted where the system does not say
    (elsewhere than on Linux)."""
    if not Path("/proc/self/cmdline").is_file():
        return True
    try:
        return b"dvc" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False


def _outline(text: str) -> list[tuple] | None:
    """Where each value of a dvc.lock stands, in order; None for what is no dvc.lock. Two versions
    of one pipeline have the same."""
    try:
        content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("stages"), dict)
        or "schema" not in content
    ):
        return None
    entries = content["stages"].values()
    if not all(isinstance(entry, dict) and entry.get("cmd") for entry in entries):
        return None
    lists = [entry.get(key, []) for entry in entries for key in ("deps", "outs")]
    if not all(isinstance(one, list) for one in lists):
        return None  # DVC refuses `deps:` that nothing follows
    return list(_places(content))


def _begins(whole: list[tuple], part: list[tuple]) -> bool:
    """Whether an outline begins with another, the last place of which may lack its end: after
    `deps:` nothing follows."""
    *first, last = part
    return (
        len(part) <= len(whole)
        and whole[: len(first)] == first
        and whole[len(first)][: len(last)] == last
    )


def _places(node, at: tuple = ()) -> Iterator[tuple]:
    parts = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    if not parts:
        yield at
    for name, part in parts:
        yield from _places(part, (*at, name))


def _text(path: Path) -> str | None:
    """A file's text, with a mark in place of bytes that are none; None without the file."""
    return path.read_bytes().decode("utf-8", errors="replace") if path.is_file() else None


def _committed(root: Path) -> str | None:
    try:
        done = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], cwd=root, capture_output=True)
    except FileNotFoundError:
        return None
    return done.stdout.decode("utf-8", errors="replace") if done.returncode == 0 else None


@contextmanager
def _held(guard: Path) -> Iterator[None]:
    """One of DVC's own guards, held; the system lets go of it when its holder dies. Raises Timeout
    when another has it for WAIT seconds."""
    guard.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(guard, timeout=WAIT):
        yield
