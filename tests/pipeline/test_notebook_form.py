"""What makes a notebook readable, where it can be counted: short cells, short lines, functions in
the package and not in cells.
"""

import ast

import nbformat
import pytest
from here import ROOT
from IPython.core.inputtransformer2 import TransformerManager

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]_*.ipynb"), key=lambda path: path.stem)
LINES, CHARACTERS, WORDS = 8, 90, 120  # of a code cell; of a line of code; of a line of markdown
CELLS = {"5_compare": 15}  # at most so many code cells
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


def broken_rules(code: str) -> list[str]:
    """What a code cell does that none should."""
    lines = code.splitlines()
    found = [f"{len(lines)} lines"] if len(lines) > LINES else []
    found += [f"{len(line)} characters: {line}" for line in lines if len(line) > CHARACTERS]
    tree = ast.parse(TransformerManager().transform_cell(code))
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            found.append(f"a function is defined in line {node.lineno}")
        inner = (part for part in ast.walk(node) if part is not node)
        if isinstance(node, COMPREHENSIONS) and any(isinstance(i, COMPREHENSIONS) for i in inner):
            found.append(f"a comprehension inside a comprehension in line {node.lineno}")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_short_and_define_no_functions(path):
    cells = nbformat.read(path, as_version=4).cells
    code = {cell.id: cell.source for cell in cells if cell.cell_type == "code"}
    found = {name: rules for name, text in code.items() if (rules := broken_rules(text))}
    for cell in cells:
        long = [line for line in cell.source.splitlines() if len(line) > WORDS]
        if cell.cell_type == "markdown" and long and not long[0].startswith("|"):
            found[cell.id] = [f"{len(long[0])} characters: {long[0]}"]
    if len(code) > CELLS.get(path.stem, len(code)):
        found["notebook"] = [f"{len(code)} code cells"]
    assert not found, "\n".join(
        f"{name}: {rule}" for name, rules in found.items() for rule in rules
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_numbered_in_order(path):
    cells = nbformat.read(path, as_version=4).cells
    assert [cell.id for cell in cells] == [f"cell-{number:02d}" for number in range(len(cells))]


@pytest.mark.parametrize("path", NOTEBOOKS[1:-1], ids=lambda path: path.stem)
def test_every_stage_opens_its_folders_alike(path):
    cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    parameters = dict(line.split("#")[0].strip().split(" = ") for line in cells[0].splitlines())
    assert set(parameters) == {"study", "output"} and parameters["output"] == '""'
    stage = path.stem.partition("_")[2]
    assert f'stage = folders.opened(study, "{stage}", output)' in cells[1]


def test_the_rules_see_what_breaks_them():
    assert broken_rules("x = 1\n" * 9) == ["9 lines"]
    assert broken_rules("f = lambda x: x") == ["a function is defined in line 1"]
    assert broken_rules("y = [[a for a in b] for b in c]")[0].startswith("a comprehension inside")
    assert not broken_rules("%matplotlib inline\ny = [a for a in b]\nawait y")
    assert broken_rules(f"x = '{'a' * 90}'")[0].startswith("96 characters")
