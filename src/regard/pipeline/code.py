"""What code each stage of the pipeline reaches, definition by definition.

A stage of dvc.yaml depends on build/code/<stage>.txt and on no source file: a line for each
function, class or constant of this package that the stage can reach, with the SHA-256 of its
syntax tree. Docstrings, comments and layout are no part of a tree, so they rerun nothing.

Reaching is static and generous. A definition reaches every name it reads, imports inside functions
included; a module that is used other than by `module.name` is reached as a whole; a registry (a
dictionary of functions) reaches all its entries. Of every module that is reached, or whose package
is, the statements that define nothing (they run on import) belong to it.
"""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import nbformat

from regard.core import project

PACKAGE = "regard"
ON_IMPORT = "<on import>"  # the statements of a module that define no name


class Definition(NamedTuple):
    """A name of a module, such as ("regard.scores", "SCORES")."""

    module: str
    name: str


class Module(NamedTuple):
    """What a module binds: `defined`, name -> the statements that make it; `imported`, name ->
    what it stands for (a Definition, or one with the name "" for a whole module). `reaches`: what
    was found of its names so far."""

    defined: dict[str, list[ast.stmt]]
    imported: dict[str, Definition]
    reaches: dict[str, list[Definition]]


NOTEBOOKS = {  # the notebook of each stage that has one
    "prepare": "1_prepare",
    "train": "2_train",
    "attribute": "3_attribute",
    "select": "4_select",
    "compare": "5_compare",
    "clusters": "6_clusters",
    "units": "7_units",
    "figures": "8_figures",
}
RUN = Definition("regard.pipeline.notebooks", "run")  # which executes them
FUNCTIONS = {  # what each stage without a notebook calls
    "settings": [
        Definition("regard.pipeline.settings", "shape"),
        Definition("regard.pipeline.notebooks", "write_settings"),
    ],
    "examine": [Definition("regard.pipeline.examine", "run")],
    "summary": [Definition("regard.pipeline.gather", "write")],
    "paper": [Definition("regard.pipeline.paper", "compile")],
}


def write(target: Path) -> None:
    """Write target/<stage>.txt, a line "module:name SHA-256" for each definition it reaches."""
    root = project.root()
    every = modules(root / "src")
    starts = {stage: (functions, []) for stage, functions in FUNCTIONS.items()}
    starts |= {stage: ([RUN], _cells(root, name)) for stage, name in NOTEBOOKS.items()}
    target.mkdir(parents=True, exist_ok=True)
    for stage, (start, cells) in starts.items():
        lines = [f"{name} {digest}\n" for name, digest in reached(every, start, cells).items()]
        (target / f"{stage}.txt").write_text("".join(lines), encoding="utf-8")


def _cells(root: Path, notebook: str) -> list[str]:
    cells = nbformat.read(root / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def modules(source: Path) -> dict[str, Module]:
    """Every module below the folder `source` (which holds the folder PACKAGE), by its full name."""
    found = {}
    for file in sorted((source / PACKAGE).rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = _undocumented(ast.parse(file.read_text(encoding="utf-8"), str(file)))
    return {name: _module(tree, set(found)) for name, tree in found.items()}


def reached(
    every: dict[str, Module], start: Iterable[Definition], cells: Iterable[str] = ()
) -> dict[str, str]:
    """"module:name" -> SHA-256 of every definition that `start` and the notebook cells reach.

    Raises ValueError for a name of this package that is imported and not defined.
    """
    waiting, done = list(start), set()
    waiting += _used(ast.parse("\n".join(cells)), Module({}, {}, {}), "", every)
    while waiting:
        one = waiting.pop()
        if one not in done:
            done.add(one)
            waiting += _next(one, every)
    digests = {f"{one.module}:{one.name}": _digest(one, every) for one in done}
    return {name: digest for name, digest in sorted(digests.items()) if digest}


def _next(one: Definition, every: dict[str, Module]) -> list[Definition]:
    """What a definition reaches by one step."""
    if one.module not in every:
        raise ValueError(f"{one.module}.{one.name} is imported, and there is no such module")
    here = every[one.module]
    if one.name not in here.reaches:
        found = _implied(one.module, every)
        if one.name == "":
            found += [Definition(one.module, name) for name in [*here.defined, *here.imported]]
        elif one.name in here.defined:
            for statement in here.defined[one.name]:
                found += _used(statement, here, one.module, every)
        elif one.name in here.imported:
            found.append(here.imported[one.name])
        else:
            raise ValueError(f"{one.module} defines no {one.name}, which is imported from it")
        here.reaches[one.name] = found
    return here.reaches[one.name]


def _module(tree: ast.Module, known: set[str]) -> Module:
    defined, imported = {}, {}
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            imported |= dict(_imports(statement, known))
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        for name in _bound(statement) or [ON_IMPORT]:
            defined.setdefault(name, []).append(statement)
    return Module(defined, imported, {})


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a top-level statement makes, or adds to (`SCORES["x"] = f`)."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    nodes = [node for node in ast.walk(statement) if isinstance(node, (ast.Name, ast.Subscript))]
    stored = [node for node in nodes if isinstance(node.ctx, ast.Store)]
    names = [node.value if isinstance(node, ast.Subscript) else node for node in stored]
    return list(dict.fromkeys(node.id for node in names if isinstance(node, ast.Name)))


def _imports(tree: ast.AST, known: set[str]) -> Iterable[tuple[str, Definition]]:
    """The names that imports of this package bind anywhere in `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                target = Definition(whole, "") if whole in known else Definition(node.module, alias.name)
                yield alias.asname or alias.name, target
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE:
                    yield (alias.asname, Definition(alias.name, "")) if alias.asname else (
                        PACKAGE,
                        Definition(PACKAGE, ""),
                    )


def _used(
    node: ast.AST, here: Module, module: str, every: dict[str, Module]
) -> list[Definition]:
    """The definitions that a statement reads; `here` and `module` are where it stands."""
    names = here.imported | dict(_imports(node, set(every)))
    found, of_module = [], set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and (chain := _chain(part)):
            if chain[0] in names and names[chain[0]].name == "":
                of_module.add(id(_root(part)))
                found.append(_named(names[chain[0]].module, chain[1:], every))
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and id(part) not in of_module:
            if part.id in names:
                found.append(names[part.id])
            elif part.id in here.defined:
                found.append(Definition(module, part.id))
    return found


def _named(module: str, chain: list[str], every: dict[str, Module]) -> Definition:
    """What `module.a.b` is: a name of the innermost module of the chain."""
    for position, name in enumerate(chain):
        here = every[module]
        if f"{module}.{name}" in every and name not in here.defined:
            module = f"{module}.{name}"
        elif name in here.imported and here.imported[name].name == "":
            module = here.imported[name].module
        elif name in here.defined or name in here.imported:
            return Definition(module, name)
        else:
            return Definition(module, "")  # such as module.__file__
    return Definition(module, "")


def _chain(node: ast.Attribute) -> list[str]:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _implied(module: str, every: dict[str, Module]) -> list[Definition]:
    """What runs when `module` is imported: its own loose statements and those of its packages."""
    parts = module.split(".")
    above = [".".join(parts[: count + 1]) for count in range(len(parts))]
    return [Definition(name, ON_IMPORT) for name in above if ON_IMPORT in every[name].defined]


def _digest(one: Definition, every: dict[str, Module]) -> str:
    """SHA-256 of the statements that make a name; "" for a name that is only imported."""
    statements = every[one.module].defined.get(one.name, [])
    dumped = "\n".join(map(ast.dump, statements))
    return hashlib.sha256(dumped.encode()).hexdigest() if statements else ""


def _undocumented(tree: ast.Module) -> ast.Module:
    """`tree` with every docstring made empty."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            first.value = ast.Constant("")
    return tree
