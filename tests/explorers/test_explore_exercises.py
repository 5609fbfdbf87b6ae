"""The solutions of the explorers' exercises run on the sample, and each prints a result."""

import re

import nbformat
import pytest
from here import ROOT

FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DETAILS = re.compile(r"<details>(.*?)</details>", re.DOTALL)


def solutions() -> list:
    """Each block of code inside <details>, with the notebook's name and its number."""
    found = []
    for path in sorted((ROOT / "notebooks" / "explore").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        blocks = [block for part in DETAILS.findall(text) for block in FENCED.findall(part)]
        found += [
            pytest.param(block, id=f"{path.stem}-{number}")
            for number, block in enumerate(blocks, 1)
        ]
    return found


@pytest.mark.parametrize("block", solutions())
def test_a_solution_runs_and_prints(block, monkeypatch, capsys):
    monkeypatch.chdir(ROOT / "notebooks" / "explore")  # where Jupyter runs it
    assert all(len(line) <= 90 for line in block.splitlines())
    exec(compile(block, "solution", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_every_explorer_with_exercises_has_solutions():
    names = {param.id.rpartition("-")[0] for param in solutions()}
    assert names == {"agreement", "clusters", "heat_maps", "selection", "units", "your_own_image"}
