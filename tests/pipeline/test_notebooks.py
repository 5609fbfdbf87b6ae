"""The pipeline: notebooks are clean, runs repeat themselves byte for byte, failures are one line
and leave nothing.
"""

import ast
import builtins
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import make_cases
from here import ROOT

from regard.core import project
from regard.data import cases
from regard.pipeline import notebooks, settings

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebooks_are_clean_and_complete(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    parts = ["# ", "*You need*", ".ipynb)"]
    if path.parent.name == "explore":
        parts += ["By keyboard:"]
    else:
        parts += [
            "*You will learn*",
            "## Check",
            "## Exercises",
            "1. *Recall.*",
            "2. *Change.*",
            "3. *Build.*",
            "Solutions",
        ]
    for part in parts:
        assert part in text, part
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1 and all("#" in line for line in tagged[0].source.splitlines())
    stage = path.stem.partition("_")[2]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    if (
        stage in settings.STAGES
    ):  # DVC watches a stage's own block, so a notebook reads no other but the labels' names
        assert f'project.settings(study, "{stage}")' in code


def test_strip_forgets_what_jupyter_adds(tmp_path):
    source = tmp_path / "in" / "a.ipynb"
    source.parent.mkdir()
    shutil.copy(NOTEBOOKS[0], source)
    notebooks.strip(source, tmp_path / "first.ipynb")
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        cell.metadata["collapsed"] = True
        cell.id = cell.id + "x"
        if cell.cell_type == "code":
            cell.execution_count = 7
            cell.outputs = [nbformat.v4.new_output("stream", text="seen")]
    notebook.metadata["language_info"]["version"] = "3.99"
    nbformat.write(notebook, source)
    notebooks.strip(source, tmp_path / "second.ipynb")
    assert (tmp_path / "first.ipynb").read_bytes() == (tmp_path / "second.ipynb").read_bytes()


@pytest.fixture
def small_project(tmp_path, monkeypatch):
    """A project folder with one notebook that draws, prints, and fails when told to."""
    (tmp_path / "build" / "notebooks").mkdir(parents=True)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "src").mkdir()
    code = [
        "fail = False  # whether to fail\noutput = 'x'  # folder\n",
        "import os, sys, time, warnings\nprint(hash('text'), "
        "flush=True)\ntime.sleep(0.5)\nprint(os.environ['MPLBACKEND'])\nwarnings.warn(str(time.time()))",
        "from pathlib import Path\nPath(output, 'result.txt').write_text('done')\n"
        "if fail: raise ValueError('cases.csv row 3: no such label')",
        "object()",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in code]
    )
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "language": "python",
        "display_name": "Python 3",
    }
    nbformat.write(notebook, tmp_path / "build" / "notebooks" / "2_small.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_repeats_itself_byte_for_byte(small_project):
    found = []
    for _ in range(2):
        notebooks.run("2_small", Path("results/study/a/small"), {"fail": False})
        found.append(
            {
                path.name: path.read_bytes()
                for path in (small_project / "results/study/a/small").iterdir()
            }
        )
    assert found[0] == found[1] and set(found[0]) == {"2_small.ipynb", "result.txt"}
    assert str(small_project).encode() not in found[0]["2_small.ipynb"]


def test_times_leave_the_stage_s_output(small_project):
    """What differs from run to run is beside the results, under the study's name, and in no folder
    that DVC watches.
    """
    path = small_project / "build" / "notebooks" / "2_small.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(
        nbformat.v4.new_code_cell("(Path(output) / 'measured.csv').write_text(study)")
    )
    notebook.cells.insert(0, nbformat.v4.new_code_cell("from pathlib import Path"))
    nbformat.write(notebook, path)
    notebooks.run("2_small", Path("results/study/a/small"), {"fail": False, "study": "a"})
    assert (small_project / "results" / "costs" / "a.csv").read_text() == "a"
    assert not (small_project / "results" / "study" / "a" / "small" / "measured.csv").exists()


def test_a_failed_run_names_the_cell_and_leaves_the_earlier_result(small_project):
    notebooks.run("2_small", Path("results/study/a/small"), {"fail": False})
    before = (small_project / "results/study/a/small/2_small.ipynb").read_bytes()
    with pytest.raises(
        notebooks.StageFailed, match="cell 3: ValueError: cases.csv row 3: no such label"
    ) as caught:
        notebooks.run("2_small", Path("results/study/a/small"), {"fail": True})
    assert "\n" not in str(caught.value)
    assert [path.name for path in (small_project / "results/study/a").iterdir()] == ["small"]
    assert (small_project / "results/study/a/small/2_small.ipynb").read_bytes() == before
    assert (small_project / "build/failed/2_small-study-a-small.failed.ipynb").is_file()


def test_bad_input_stops_the_stage_with_one_line(root, tmp_path):
    """The whole way: command, papermill, notebook; a mask of another size in a study of one's
    own.
    """
    shutil.copytree(root / "notebooks", tmp_path / "notebooks")
    shutil.copytree(root / "src", tmp_path / "src")
    (tmp_path / "dvc.yaml").touch()
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["studies"]["mine"] = {"like": "ultrasound", "root": "real/mine"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    cases.write(make_cases(), tmp_path / "real" / "mine")
    (tmp_path / "real/mine/regions/mass/c01-0.png").write_bytes(
        (tmp_path / "real/mine/images/c01-0.png").read_bytes()[:50]
    )

    def command(*words):
        return subprocess.run(
            [sys.executable, "-m", "regard", *words], cwd=tmp_path, capture_output=True, text=True
        )

    assert command("code", "build").returncode == 0
    done = command("stage", "1_prepare", "mine")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert (
        last.startswith("regard: 1_prepare (mine), cell")
        and "cases.csv row 4" in last
        and "c01-0.png" in last
    )
    assert (
        not (tmp_path / "results/study/mine/prepare").exists()
        and not (tmp_path / "results/study/mine/prepare.partial").exists()
    )


def test_settings_are_written_resolved_and_only_change_where_they_change(root, tmp_path):
    params = project.parameters(root)
    notebooks.write_settings("ultrasound", tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(settings.STAGES)
    for stage in settings.STAGES:
        assert yaml.safe_load((tmp_path / f"{stage}.yaml").read_text()) == project.settings(
            "ultrasound", stage, params
        )
    changed = json.loads(json.dumps(params))
    changed["studies"]["ultrasound"]["compare"] = {"tolerances": [3]}
    changed["studies"]["busi"] = {"like": "ultrasound", "root": "real/busi"}
    differing = [
        stage
        for stage in settings.STAGES
        if project.settings("ultrasound", stage, params)
        != project.settings("ultrasound", stage, changed)
    ]
    assert differing == ["compare"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_use_no_name_that_they_never_make(path):
    cells = [
        cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    ]
    lines = [
        line for cell in cells for line in cell.splitlines() if not line.startswith(("%", "!"))
    ]
    nodes = list(ast.walk(ast.parse("\n".join(lines))))
    made = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    made |= {node.arg for node in nodes if isinstance(node, ast.arg)} | set(dir(builtins))
    made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ExceptHandler)}
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    made |= {(name.asname or name.name).split(".")[0] for node in imports for name in node.names}
    used = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert not used - made
