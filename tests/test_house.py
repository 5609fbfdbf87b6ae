"""How long files and functions may be, and that the library agrees on style and types."""

import ast

import pytest
from here import ROOT

LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 400, 50  # of a function without its docstring
FILES = sorted((ROOT / "src").rglob("*.py"))


def lines_of(function: ast.FunctionDef) -> int:
    """Lines of a function, its docstring left out."""
    docstring = 0
    if ast.get_docstring(function) is not None:
        docstring = function.body[0].end_lineno - function.body[0].lineno + 1
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "src")))
def test_files_and_functions_fit_a_head(file):
    text = file.read_text("utf-8")
    assert text.count("\n") <= LINES_OF_A_FILE
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    long = {one.name: lines_of(one) for one in functions if lines_of(one) > LINES_OF_A_FUNCTION}
    assert not long


def test_the_length_of_a_function_leaves_its_docstring_out():
    code = 'def f(x):\n    """One.\n\n    Two.\n    """\n    y = x\n    return y\n'
    assert lines_of(ast.parse(code).body[0]) == 3
