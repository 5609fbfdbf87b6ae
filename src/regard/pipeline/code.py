"""What code each stage of the pipeline reaches, definition by definition.

A stage of dvc.yaml depends on build/code/<stage>.txt and on no source file: a line for each
function, class or constant of this package that the stage can reach, with the SHA-256 of its
syntax tree. Docstrings, comments and layout of this package are no part of it: they rerun nothing.

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
from IPython.core.inputtransformer2 import TransformerManager

from regard.core import project

PACKAGE = "regard"
ON_IMPORT = "<on import>"  # the statements of a module that may do more than define a name
FUNCTIONS_AND_CLASSES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
SCOPES = (
    FUNCTIONS_AND_CLASSES
    | ast.Lambda
    | ast.ListComp
    | ast.SetComp
    | ast.DictComp
    | ast.GeneratorExp
)


class Definition(NamedTuple):
    """A name of a module, such as ("regard.evaluation.scores", "SCORES")."""

    module: str
    name: str


class Module(NamedTuple):
    """What a module binds: `defined`, name -> the statements that make it; `imported`, name ->
    what it may stand for (one with the name "" is a whole module, one without a module another
    library's). `reaches`: what was found of its names so far."""

    defined: dict[str, list[ast.stmt]]
    imported: dict[str, list[Definition]]
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
    starts: dict[str, tuple[list[Definition], list[ast.Module]]]
    starts = {stage: (functions, []) for stage, functions in FUNCTIONS.items()}
    starts |= {stage: ([RUN], _cells(root, name)) for stage, name in NOTEBOOKS.items()}
    target.mkdir(parents=True, exist_ok=True)
    for stage, (start, cells) in starts.items():
        lines = [f"{name} {digest}\n" for name, digest in reached(every, start, cells).items()]
        (target / f"{stage}.txt").write_text("".join(lines), encoding="utf-8")


def _cells(root: Path, notebook: str) -> list[ast.Module]:
    """The code of a notebook, cell by cell; magics and `await` outside of functions are allowed."""
    file, plain = root / "notebooks" / f"{notebook}.ipynb", TransformerManager().transform_cell
    cells = nbformat.read(file, as_version=4).cells
    return [
        _parsed(plain(cell.source), f"notebooks/{file.name}, cell {number}")
        for number, cell in enumerate(cells)
        if cell.cell_type == "code"
    ]


def modules(source: Path) -> dict[str, Module]:
    """Every module below the folder `source` (which holds the folder PACKAGE), by its full name.

    Raises ValueError for what is no Python, a folder without __init__.py, and imports that a
    reader of the text cannot follow.
    """
    found = {}
    for file in sorted((source / PACKAGE).rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = _parsed(file.read_text(encoding="utf-8"), str(file.relative_to(source)))
    for name in found:
        if (above := name.rpartition(".")[0]) and above not in found:
            raise ValueError(f"the folder of {name} has no __init__.py")
    return {name: _module(tree, set(found)) for name, tree in found.items()}


def reached(
    every: dict[str, Module], start: Iterable[Definition], cells: Iterable[ast.Module] = ()
) -> dict[str, str]:
    """ "module:name" -> SHA-256 of every definition that `start` and the notebook cells reach.

    Raises ValueError for a name of this package that is imported and not defined.
    """
    waiting, done = list(start), set()
    together = ast.Module([statement for cell in cells for statement in cell.body], [])
    waiting += _used(together, Module({}, {}, {}), "", every)
    while waiting:
        one = waiting.pop()
        if one not in done:
            done.add(one)
            waiting += _next(one, every)
    digests = {f"{one.module}:{one.name}": _digest(one, every) for one in done if one.module}
    return {name: digest for name, digest in sorted(digests.items()) if digest}


def _next(one: Definition, every: dict[str, Module]) -> list[Definition]:
    """What a definition reaches by one step."""
    if not one.module:  # a name of another library
        return []
    if one.module not in every:
        raise ValueError(f"{one.module}.{one.name} is imported, and there is no such module")
    here = every[one.module]
    if one.name not in here.reaches:
        found = [Definition(one.module, ON_IMPORT)]
        if one.name == ON_IMPORT:
            found = [Definition(name, ON_IMPORT) for name in _run_with(one.module, here)]
        for statement in here.defined.get(one.name, []):
            found += _used(statement, here, one.module, every)
        if one.name == "":
            found += [Definition(one.module, name) for name in [*here.defined, *here.imported]]
        elif one.name in here.imported:
            found += here.imported[one.name]
        elif one.name not in here.defined and one.name != ON_IMPORT:
            raise ValueError(f"{one.module} defines no {one.name}, which is imported from it")
        here.reaches[one.name] = found
    return here.reaches[one.name]


def _run_with(name: str, module: Module) -> set[str]:
    """The modules that run when a module is imported: the packages around it, and what it
    imports.
    """
    parts = name.split(".")
    above = {".".join(parts[:count]) for count in range(1, len(parts))}
    return above | {
        one.module for targets in module.imported.values() for one in targets if one.module
    }


def _module(tree: ast.Module, known: set[str]) -> Module:
    defined: dict[str, list[ast.stmt]] = {}
    imported: dict[str, list[Definition]] = {}
    for statement in tree.body:
        if not isinstance(statement, FUNCTIONS_AND_CLASSES):
            for name, target in _imports(statement, known):
                imported.setdefault(name, []).append(target)
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            for name in _bound(statement):
                defined.setdefault(name, []).append(statement)
    for statement in tree.body:  # a decorator of ours may put what it decorates in a registry
        for decorator in getattr(statement, "decorator_list", []):
            root = _root(decorator.func if isinstance(decorator, ast.Call) else decorator)
            ours = isinstance(root, ast.Name) and (
                root.id in defined or any(one.module for one in imported.get(root.id, []))
            )
            if ours:
                defined.setdefault(ON_IMPORT, []).append(statement)
    return Module(defined, imported, {})


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a top-level statement makes, or adds to (`SCORES["x"] = f`); ON_IMPORT where
    it may do more than that."""
    if isinstance(statement, FUNCTIONS_AND_CLASSES):
        return [statement.name]
    names, loose = [], not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign)
    for node in _own_scope(statement):
        if isinstance(node, FUNCTIONS_AND_CLASSES):
            names.append(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            loose = True
            if isinstance(root := _root(node.value), ast.Name):
                names.append(root.id)
    return list(dict.fromkeys([*names, ON_IMPORT] if loose else names))


def _own_scope(node: ast.AST) -> Iterable[ast.AST]:
    """All nodes of a statement but those within functions, classes and comprehensions."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, SCOPES):
            yield from _own_scope(child)


def _imports(tree: ast.AST, known: set[str]) -> Iterable[tuple[str, Definition]]:
    """The names that imports anywhere in `tree` bind; those of other libraries have no module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            ours = node.level > 0 or (node.module or "").split(".")[0] == PACKAGE
            for alias in node.names:
                if ours and (node.level or alias.name == "*"):
                    said = f"{'.' * node.level}{node.module or ''} import {alias.name}"
                    raise ValueError(
                        f"from {said}: write out the module's full name and what is imported"
                    )
                module = node.module or ""
                whole = f"{module}.{alias.name}"
                target = Definition(*((whole, "") if whole in known else (module, alias.name)))
                yield alias.asname or alias.name, target if ours else Definition("", alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if (ours := alias.name.split(".")[0] == PACKAGE) and not alias.asname:
                    raise ValueError(
                        f"import {alias.name}: write `from ... import` or `import ... as`"
                    )
                bound = alias.asname or alias.name.split(".")[0]
                yield bound, Definition(alias.name, "") if ours else Definition("", bound)


def _used(node: ast.AST, here: Module, module: str, every: dict[str, Module]) -> list[Definition]:
    """The definitions that a statement reads; `here` and `module` are where it stands."""
    names = {name: list(targets) for name, targets in here.imported.items()}
    for name, target in _imports(node, set(every)):
        names.setdefault(name, []).append(target)
    found, of_module = [], set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and (chain := _chain(part)):
            for target in names.get(chain[0], []):
                if target.module and target.name == "":
                    of_module.add(id(_root(part)))
                    found.append(_named(target.module, chain[1:], every))
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and id(part) not in of_module:
            found += names.get(part.id, [])
            if part.id in here.defined:
                found.append(Definition(module, part.id))
    return found


def _named(module: str, chain: list[str], every: dict[str, Module]) -> Definition:
    """What `module.a.b` is: a name of the innermost module of the chain."""
    for name in chain:
        here = every[module]
        whole = [one for one in here.imported.get(name, []) if one.module and one.name == ""]
        if f"{module}.{name}" in every and name not in here.defined:
            module = f"{module}.{name}"
        elif whole:
            module = whole[0].module
        elif name in here.defined or name in here.imported:
            return Definition(module, name)
        else:
            break  # such as module.__file__
    return Definition(module, "")


def _chain(node: ast.expr) -> list[str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _digest(one: Definition, every: dict[str, Module]) -> str:
    """SHA-256 of the statements that make a name; "" for a name that is only imported."""
    statements = every[one.module].defined.get(one.name, [])
    text = "\n".join(map(_text, statements))
    return hashlib.sha256(text.encode()).hexdigest() if statements else ""


def _text(node: object) -> str:
    """A syntax tree as text that is the same in every version of Python: `ast.dump` writes what is
    empty in some and not in others."""
    if isinstance(node, list):
        return f"[{', '.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    given = [
        (name, value) for name, value in ast.iter_fields(node) if value is not None and value != []
    ]
    return f"{type(node).__name__}({', '.join(f'{name}={_text(value)}' for name, value in given)})"


def _parsed(text: str, where: str) -> ast.Module:
    """The syntax tree of `text` without docstrings. Raises ValueError that says where it stands."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree = compile(text, where, "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        raise ValueError(f"{where}, line {error.lineno}: {error.msg}") from None
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | FUNCTIONS_AND_CLASSES)
            and ast.get_docstring(node, False) is not None
        ):
            del node.body[0]
            if not node.body and not isinstance(node, ast.Module):
                node.body = [ast.Pass()]
    return tree
