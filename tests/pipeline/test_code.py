"""What a stage reaches: a small package by hand, and this one."""

import shutil
from pathlib import Path

import nbformat
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
        "METHODS = {'one': one}\nMETHODS['two'] = two\n\ndef by_name(name):\n    return "
        "METHODS[name]()\n"
    ),
    "loose.py": "import warnings\nwarnings.simplefilter('ignore')\n\nclass Kept:\n    def go(self):\n        return 1\n",
}
CELL = code._parsed("from regard import methods\nprint(methods.by_name('two'))", "a cell")
EVERYTHING = {
    "regard.methods:<on import>",
    "regard.kernels.mean:mean",
    "regard.methods:METHODS",
    "regard.methods:by_name",
    "regard.methods:one",
    "regard.methods:two",
    "regard.plots:COLOUR",
    "regard.plots:line",
}


def cells(*texts: str) -> list:
    return [code._parsed(text, "a cell") for text in texts]


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
        (
            "methods",
            "METHODS['two']",
            "METHODS['both']",
            {"regard.methods:METHODS", "regard.methods:<on import>"},
        ),
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
    found = code.reached(modules, [], cells("from regard.loose import Kept", "kept = Kept()"))
    assert set(found) == {"regard.loose:Kept", "regard.loose:<on import>"}
    found = code.reached(
        modules, [], cells("from regard.loose import warnings\nwarnings.warn('x')")
    )
    assert set(found) == {"regard.loose:<on import>"}, "another library's name"
    assert set(code.reached(modules, [Definition("regard.plots", "")])) == {
        "regard.plots:COLOUR",
        "regard.plots:WIDTH",
        "regard.plots:line",
    }
    assert not code.reached(modules, [], cells("import numpy as np\nnp.zeros(2)"))


def test_a_name_that_is_nowhere_is_said(tmp_path):
    with pytest.raises(ValueError, match="regard.plots defines no dash"):
        code.reached(written(tmp_path), [], cells("from regard.plots import dash\ndash()"))


@pytest.mark.parametrize(
    "text, reached",
    [
        ("for name in ('a', 'b'):\n    setattr(plots, name, 1)", {"<on import>"}),
        ("[print(x) for x in 'ab']\nx = 1", {"<on import>"}),
        ("if plots:\n    def f():\n        z = 1\nelse:\n    f = 2", {"<on import>"}),
        ("plots.COLOUR = 'blue'", {"<on import>"}),
        ("@plots.line\ndef one():\n    return 1", {"<on import>"}),
        ("y = 3", set()),
        ("def one():\n    return 1", set()),
    ],
)
def test_what_runs_on_import_is_reached_with_whatever_is_used(tmp_path, text, reached):
    """Also by a module that only imports it."""
    modules = written(
        tmp_path, loose=f"from regard import plots\n{text}\ndef used():\n    return 2"
    )
    found = code.reached(modules, [], cells("from regard.loose import used\nused()"))
    here = {name.split(":")[1] for name in found if "loose" in name}
    assert {"used", *reached} <= here and ("<on import>" in here) == bool(reached)
    above = tmp_path / "regard/above.py"
    above.write_text("from regard.loose import used as other\ndef g():\n    return 1")
    found = code.reached(code.modules(tmp_path), [], cells("from regard.above import g\ng()"))
    assert ("regard.loose:<on import>" in found) == bool(reached)


def test_names_imported_twice_reach_both(tmp_path):
    text = "class K:\n    def a(self):\n        from regard.plots import line as f\n        return f()\n"
    text += "    def b(self):\n        from regard.kernels import mean as f\n        return f()\n"
    found = code.reached(written(tmp_path, loose=text), [Definition("regard.loose", "K")])
    assert {"regard.plots:line", "regard.kernels.mean:mean"} <= set(found)


@pytest.mark.parametrize(
    "text, said",
    [
        ("from .plots import line", "from .plots import line: write out"),
        ("from regard.plots import *", "import [*]: write out"),
        ("import regard.plots", "import regard.plots: write"),
        ("def f(:", "regard/loose.py, line 1: "),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path, text, said):
    with pytest.raises(ValueError, match=said):
        code.reached(written(tmp_path, loose=text), [Definition("regard.loose", "")])


def test_a_digest_depends_on_no_version_of_python_and_on_no_docstring(tmp_path):
    text = "def used(a, b=None):\n    return f'{a!r}' + str([b])\n"
    again = text.replace(":\n", ':\n    """Words."""\n', 1)
    found = [
        code.reached(written(tmp_path, loose=one), [Definition("regard.loose", "used")])
        for one in (text, again)
    ]
    assert found[0] == found[1]
    assert found[0]["regard.loose:used"].startswith("2d7f0d0b21ed5dd3")


def test_magics_and_a_cell_that_is_no_python(tmp_path):
    file = tmp_path / "notebooks/1_prepare.ipynb"
    file.parent.mkdir()
    sources = ["%time x = 1", "await thing()", "!ls", "def f(:"]
    made = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=made[:3]), file)
    assert len(code._cells(tmp_path, "1_prepare")) == 3
    nbformat.write(nbformat.v4.new_notebook(cells=made), file)
    with pytest.raises(ValueError, match="notebooks/1_prepare.ipynb, cell 3, line 1: "):
        code._cells(tmp_path, "1_prepare")


# ---- this package
DRAWN = {"compare", "clusters", "units", "figures"}  # by notebooks that draw with colours


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
        ("kernels/otsu.py", "return ", "return 0 + ", {"compare", "select", "settings"}),
        (
            "selection.py",
            '"bins": bins,',
            '"x": None, "bins": bins,',
            {"compare", "select", "settings"},
        ),
        (
            "attribution/__init__.py",
            '"cam": cam,',
            '"x": None, "cam": cam,',
            {"attribute", "clusters", "examine", "settings"},
        ),
        (
            "claims/papers.py",
            "PUBLISHED = {",
            "PUBLISHED = {'x': {}, ",
            {"compare", "settings", "summary"},
        ),
        (
            "evaluation/scores.py",
            "SCORES: dict[str, Callable[..., Tensor]] = {",
            "SCORES: dict[str, Callable[..., Tensor]] = {'x': None, ",
            {"compare", "examine", "select", "settings"},
        ),
        ("cli/__init__.py", '"""Parse', '"""Parse all of', set()),
    ],
)
def test_what_reruns_after_a_change(tree, monkeypatch, file, old, new, stages):
    """A claim that is added retrains nothing; a docstring reruns nothing. `settings` takes a second
    and reruns no other stage unless what it writes is another text."""
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
