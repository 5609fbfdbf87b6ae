"""What file systems and programs write beside people's files changes nothing, in any reader or in a
set of one's own.
"""

import shutil

import pytest
from conftest import make_cases
from published import EXAMPLES

from regard import datasets
from regard.data import cases

JUNK = ("Thumbs.db", "desktop.ini", ".DS_Store", "._.DS_Store", ".hidden")


def content(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def add_junk(folder):
    """Beside every file the other half that macOS writes, a lock of Office beside tables, and JUNK
    in every folder.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
        if path.suffix in (".xlsx", ".csv"):
            path.with_name(f"~${path.name}").write_bytes(b"\x05lock")
    for place in {folder, *(path.parent for path in files)}:
        for name in JUNK:
            (place / name).write_bytes(b"\xff\x00junk")
        shutil.copytree(place, place / "__MACOSX", ignore=shutil.ignore_patterns("__MACOSX"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_junk_changes_nothing_in_any_reader(tmp_path, capsys, name):
    example, said = EXAMPLES[name], []
    for source in ("plain", "junk"):
        example.build(tmp_path / source)
        if source == "junk":
            add_junk(tmp_path / source)
        datasets.bring_in(name, tmp_path / source, tmp_path / f"{source}-target", **example.options)
        said.append(capsys.readouterr().err.replace(f"{tmp_path}/{source}", ""))
    assert content(tmp_path / "junk-target") == content(tmp_path / "plain-target")
    assert said[0] == said[1]


def test_junk_changes_nothing_in_a_set_of_ones_own(tmp_path, capsys):
    cases.write(make_cases(), tmp_path / "set")
    before = cases.read(tmp_path / "set")
    masks = [mask.copy() for mask in before.regions["mass"]]
    add_junk(tmp_path / "set")
    found = cases.read(tmp_path / "set")
    assert found.table.equals(before.table) and list(found.regions) == ["mass"]
    assert all((mask == other).all() for mask, other in zip(found.regions["mass"], masks))
    assert capsys.readouterr().err == ""
