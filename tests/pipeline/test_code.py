"""What a stage reaches: a small package by hand, and this one."""

import shutil
from pathlib import Path

import pytest
import yaml
from here import ROOT

from regard.pipeline import code
from regard.pipeline.code import Definition

SOURCES = {
    "__init__.py": '"""A package."""\n',
    "plots.py": 'import re\nCOLOUR = "red"\nWIDTH = 2\n\ndef line():\n    """Draw."""\n    return COLOUR\n',
    "kernels/__init__.py": "from regard.kernels.mean import mean\n",
    "kernels/mean.py": "def mean(values):\n    return sum(values) / len(values)\n",
    "methods.py": (
        "from regard import kernels\n\ndef one():\n    return kernels.mean([1])\n\n"
        "def two():\n    from regard import plots\n    return plots.line()\n\n"
        "METHODS = {'one': one}\nMETHODS['two'] = two\n\ndef by_name(name):\n    return METHODS[name]()\n"
    ),
    "loose.py": "import warnings\nwarnings.simplefilter('ignore')\n\nclass Kept:\n    def go(self):\n        return 1\n",
}
CELL = "from regard import methods\nprint(methods.by_name('two'))"
EVERYTHING = {
    "regard.kernels.mean:mean",
    "regard.methods:METHODS",
    "regard.methods:by_name",
    "regard.methods:one",
    "regard.methods:two",
    "regard.plots:COLOUR",
    "regard.plots:line",
}


def written(place: Path, **changed: str) -> dict:
    """The modules of the small package, some files of it replaced."""
    for name, text in SOURCES.items():
        file = place / "regard" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(changed.get(file.stem, text))
    return code.modules(place)


def test_a_registry_reaches_all_its_entries_and_what_they_use(tmp_path):
    found = code.reached(written(tmp_path), [], [CELL])
    assert set(found) == EVERYTHING, "not WIDTH, not the module `loose`"


@pytest.mark.parametrize(
    "file, old, new, other",
    [
        ("plots", '"red"', '"blue"', {"regard.plots:COLOUR"}),
        ("plots", "Draw.", "Draw a line.", set()),
        ("plots", "WIDTH = 2", "WIDTH = 3", set()),
        ("plots", "import re\n", "import re  # a comment\n\n\n", set()),
        ("mean", "sum(values)", "max(values)", {"regard.kernels.mean:mean"}),
        ("methods", "{'one': one}", "{'one': one, 'more': one}", {"regard.methods:METHODS"}),
        ("methods", "METHODS['two']", "METHODS['both']", {"regard.methods:METHODS"}),
        ("loose", "return 1", "return 2", set()),
    ],
)
def test_what_a_change_changes(tmp_path, file, old, new, other):
    before = code.reached(written(tmp_path), [], [CELL])
    text = next(text for name, text in SOURCES.items() if name.endswith(f"{file}.py"))
    assert old in text
    after = code.reached(written(tmp_path, **{file: text.replace(old, new)}), [], [CELL])
    assert set(after) == set(before)
    assert {name for name in after if after[name] != before[name]} == other


def test_names_come_from_cells_before_and_statements_of_an_import_count(tmp_path):
    modules = written(tmp_path)
    found = code.reached(modules, [], ["from regard.loose import Kept", "kept = Kept()"])
    assert set(found) == {"regard.loose:Kept", "regard.loose:<on import>"}
    assert set(code.reached(modules, [Definition("regard.plots", "")])) == {
        "regard.plots:COLOUR",
        "regard.plots:WIDTH",
        "regard.plots:line",
    }
    assert not code.reached(modules, [], ["import numpy as np\nnp.zeros(2)"])


def test_a_name_that_is_nowhere_is_said(tmp_path):
    with pytest.raises(ValueError, match="regard.plots defines no dash"):
        code.reached(written(tmp_path), [], ["from regard.plots import dash\ndash()"])


# ---- this package
DRAWN = {"train", "compare", "clusters", "units", "figures"}  # by notebooks that draw with colours


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the sources and notebooks."""
    place = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "notebooks"):
        shutil.copytree(ROOT / name, place / name, ignore=ignored)
    (place / "dvc.yaml").touch()
    return place


def lists(place: Path, name: str, monkeypatch) -> dict[str, str]:
    monkeypatch.chdir(place)
    code.write(place / name)
    return {path.stem: path.read_text() for path in (place / name).iterdir()}


@pytest.mark.parametrize(
    "file, old, new, stages",
    [
        ("figures/style.py", '"""', '"""Other words. ', set()),
        ("figures/trust.py", "return figure", "return (figure)  # a comment", set()),
        ("figures/style.py", '"#0072B2", "#999999"', '"#0072B2", "#888888"', DRAWN),
        ("figures/trust.py", "(7.2 / len(measures), 0.7", "(7.3 / len(measures), 0.7", {"compare"}),
        ("kernels/otsu.py", "return ", "return 0 + ", {"select", "settings"}),
        ("selection.py", "SELECTIONS = {", "SELECTIONS = {'x': None, ", {"select", "settings"}),
        (
            "attribution/__init__.py",
            "METHODS = {",
            "METHODS = {'x': None, ",
            {"attribute", "clusters", "examine", "settings"},
        ),
        ("claims/papers.py", "PUBLISHED = {", "PUBLISHED = {'x': {}, ", {"compare", "settings", "summary"}),
        ("evaluation/scores.py", "SCORES = {", "SCORES = {'x': None, ", {"compare", "examine", "select", "settings"}),
        ("cli.py", '"""Parse', '"""Parse all of', set()),
    ],
)
def test_what_reruns_after_a_change(tree, monkeypatch, file, old, new, stages):
    """A claim that is added retrains nothing; a docstring reruns nothing. `settings` takes a second and reruns no other
    stage unless what it writes is another text."""
    before = lists(tree, "before", monkeypatch)
    path = tree / "src/regard" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        after = lists(tree, "after", monkeypatch)
    finally:
        path.write_text(text, encoding="utf-8")
    assert {stage for stage in after if after[stage] != before[stage]} == stages


def test_every_stage_depends_on_what_it_reaches_and_on_no_source_file():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert {*code.NOTEBOOKS, *code.FUNCTIONS} == {*stages} - {"code"}
    for name, stage in stages.items():
        stage = stage.get("do", stage)
        dependencies = [str(one) for one in stage.get("deps", [])]
        assert not [one for one in dependencies if one.startswith(("src", "notebooks"))]
        own = [one for one in dependencies if one.startswith("build/code")]
        assert own == ([] if name == "code" else [f"build/code/{name}.txt"])
        if name in code.NOTEBOOKS:
            assert f"build/notebooks/{code.NOTEBOOKS[name]}.ipynb" in dependencies
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 250


def test_dvc_lock_holds_no_stage_that_is_gone():
    lock = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    studies = {*yaml.safe_load((ROOT / "params.yaml").read_text())["studies"]}
    for name in lock:
        stage, _, study = name.partition("@")
        assert stage in stages and (study in studies) == ("foreach" in stages[stage]), name
    assert len((ROOT / "dvc.lock").read_bytes()) < 70_000
    read = {one["path"] for entry in lock.values() for one in entry.get("deps", [])}
    assert not [path for path in read if path.startswith(("src/", "notebooks/"))]
