"""Pages that are generated from the code and the committed files, so that they cannot go stale.

Command line, parameters, tables, API, data sets and claims. Each function returns Markdown.
"""

import ast
import functools
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "src" / "regard"
WHOLE = ("profile", "seed")  # settings that belong to no stage


# ---- command line
@functools.cache
def command_help(*words: str) -> str:
    """What `python -m regard WORDS --help` prints, in lines of 100 characters."""
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHON_COLORS": "0"}
    command = [sys.executable, "-m", "regard", *words, "--help"]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def commands(text: str) -> list[str]:
    """The names of the sub-commands that a help text lists."""
    after = re.split(
        r"^(?:positional arguments|commands):$", text, flags=re.MULTILINE | re.IGNORECASE
    )[-1]
    listed = re.split(r"^options:$", after, flags=re.MULTILINE | re.IGNORECASE)[0]
    return re.findall(r"^ {2,4}([a-z][a-z-]*)(?: {2,}|$)", listed, flags=re.MULTILINE)


def command_page() -> str:
    """The help text of `regard` and of each of its sub-commands."""
    whole = command_help()
    parts = ["## regard", fenced(whole)]
    for name in commands(whole):
        parts += [f"## regard {name}", fenced(command_help(name))]
    return "\n\n".join(parts) + "\n"


def fenced(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


# ---- parameters
def comments(text: str) -> dict[str, tuple[str, str]]:
    """For each knob of params.yaml, by its dotted name: value as written, and comment."""
    found, path, last = {}, [], ""
    for line in text.splitlines():
        more = re.fullmatch(r"\s+# ?(.*)", line)
        if more and last:  # a comment that goes on
            found[last] = (found[last][0], f"{found[last][1]} {more[1].strip()}".strip())
            continue
        here = re.match(r"( *)([\w@.-]+):(?: +(.*))?$", line)
        if not here:
            last = ""
            continue
        value, _, comment = re.sub(r"(?:^|\s+)# ?", "\0", here[3] or "", count=1).partition("\0")
        path[len(here[1]) // 2 :] = [here[2]]
        last = ".".join(path)
        found[last] = (value.strip(), comment.strip())
    return found


def kinds(type_) -> str:
    """What a knob may be, in words: the description that its type in `regard.pipeline.knobs`
    carries.
    """
    for extra in getattr(type_, "__metadata__", ()):
        if getattr(extra, "description", None):
            return extra.description
    inner = getattr(type_, "__origin__", None)
    return kinds(inner) if inner is not None and inner is not type_ else ""


HEAD = "| setting | default | may be | meaning |\n|---|---|---|---|"


def block_of(text: str, name: str) -> str:
    """A block of params.yaml as it stands there, with its comments."""
    return re.search(rf"^{name}:.*\n(?:(?:[ #].*)?\n)*", text, re.MULTILINE)[0].rstrip()


def parameter_page(text: str | None = None) -> str:
    """Every knob of every stage: default in params.yaml, what it may be, and comment."""
    from regard.pipeline import knobs

    text = (ROOT / "params.yaml").read_text("utf-8") if text is None else text
    written = comments(text)
    whole = [row(code(name), code(written[name][0]), "", written[name][1]) for name in WHOLE]
    parts = ["## Whole project", "\n".join([HEAD, *whole])]
    for stage, types in knobs.STAGES.items():
        parts += [
            f"## {stage}",
            written[stage][1],
            HEAD,
        ]
        rows = []
        for name, type_ in types.items():
            value, comment = written[f"{stage}.{name}"]
            below = [
                key for key in written if key.startswith(f"{stage}.{name}.") and key.count(".") == 2
            ]
            rows.append(
                row(
                    code(name),
                    code(value) if value else "block" if below else "",
                    kinds(type_),
                    comment,
                )
            )
            for key in below:
                rows.append(
                    row(code(key.split(".", 1)[1]), code(written[key][0]), "", written[key][1])
                )
        parts[-1] += "\n" + "\n".join(rows)
    parts += [
        "## Profiles",
        "What each profile changes, as it stands in `params.yaml`:",
        f"```yaml\n{block_of(text, 'profiles')}\n```",
        "## Studies",
        "What each study changes. `root` is the folder of its data, relative to `params.yaml`. "
        "`published` names the paper whose claims it repeats. `like` names a study to copy. "
        "`profiles` holds what the study changes under a profile.",
        f"```yaml\n{block_of(text, 'studies')}\n```",
        "## Parameters of methods, null maps and selections",
        "A parameter that is not listed must be of the same kind as its default.",
        "| parameter | may be |\n|---|---|\n"
        + "\n".join(row(code(name), kinds(type_)) for name, type_ in knobs.PARAMETERS.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """A docstring as Markdown: outside of code, what would be a link or a tag is text."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([<\[])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def row(*cells: str) -> str:
    return (
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
    )


# ---- tables
def described() -> tuple[dict, list[dict]]:
    """Columns that several tables share, and the tables, as docs/tables.yaml describes them."""
    written = yaml.safe_load((ROOT / "docs" / "tables.yaml").read_text("utf-8"))
    return written["columns"], written["tables"]


def columns_of(table: dict, shared: dict) -> dict[str, list[str]]:
    """Name of each column of a table -> meaning, unit, range."""
    return {name: own or shared[name] for name, own in table["columns"].items()}


def table_page() -> str:
    """Each table that the pipeline writes, with name, meaning, unit and range of each column."""
    shared, tables = described()
    parts = []
    for stage in dict.fromkeys(table["stage"] for table in tables):
        parts.append(
            f"## Stage {stage}" if stage != "none" else "## Written by commands and explorers"
        )
        for table in (table for table in tables if table["stage"] == stage):
            parts += [f"### {table['file']}", table["about"].strip()]
            if table.get("also"):
                parts.append(
                    f"The same columns: {', '.join(code(name) for name in table['also'])}."
                )
            what = "variable" if table["file"].endswith(".nc") else "column"
            rows = [row(code(name), *said) for name, said in columns_of(table, shared).items()]
            parts.append(
                f"| {what} | meaning | unit | range |\n|---|---|---|---|\n" + "\n".join(rows)
            )
    return "\n\n".join(parts) + "\n"


# ---- API
def modules() -> list[tuple[str, Path]]:
    """Every public module of the package: its dotted name and its file."""
    found = []
    for path in sorted(CODE.rglob("*.py")):
        parts = path.relative_to(CODE.parent).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            found.append((".".join(parts), path))
    return found


def public(path: Path) -> tuple[str, list[str]]:
    """First sentence of a module's docstring, and the names of its public functions and classes."""
    tree = ast.parse(path.read_text("utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    said = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    return said, [name for name in names if not name.startswith("_")]


def write_api(target: Path) -> str:
    """Write a page for each module to `target`; returns the table of modules."""
    target.mkdir(parents=True)
    rows = []
    for name, path in modules():
        said, names = public(path)
        rows.append(row(f"[`{name}`](../../api/{name}.md)", plain(said)))
        if not (said or names):
            continue
        short = f"```{{eval-rst}}\n.. currentmodule:: {name}\n\n.. autosummary::\n\n"
        short += "\n".join(f"   {each}" for each in names) + "\n```" if names else ""
        page = [
            f"# {name}",
            short if names else "",
            f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n   :ignore-module-all:\n```",
        ]
        (target / f"{name}.md").write_text(
            "\n\n".join(part for part in page if part) + "\n", "utf-8"
        )
    rows = [one for one in rows if (target / f"{re.search(r'`(.+?)`', one)[1]}.md").is_file()]
    return "| module | what it holds |\n|---|---|\n" + "\n".join(rows) + "\n"


# ---- data sets
def data_set_page() -> str:
    """Each reader of published data sets: its options, and what its docstring says."""
    from regard.datasets import READERS

    parts = []
    for name, read in READERS.items():
        options = list(inspect.signature(read).parameters.values())[1:]
        taken = ", ".join(code(f"{one.name}={one.default!r}") for one in options) or "none"
        module = inspect.getdoc(inspect.getmodule(read)) or ""
        parts += [
            f"## {name}",
            f"Reader: `{read.__module__}.{read.__name__}`.",
            f"Options (`--set NAME=VALUE`), with defaults: {taken}.",
            plain(module),
            "**What the reader returns.** " + plain(inspect.getdoc(read) or ""),
        ]
    return "\n\n".join(parts) + "\n"


# ---- claims
def claim_page() -> str:
    """The claims of the committed reference of `quick`, with number, interval and verdict."""
    import pandas as pd

    head = "| claim | asked by | value in the paper | value here, 95 % interval | verdict |\n"
    head += "|---|---|---|---|---|\n"
    claims = pd.read_csv(ROOT / "paper/reference/quick/claims.csv", keep_default_na=False)
    parts = []
    for study, rows in claims.groupby("study", sort=False):
        lines = [claim_row(claim) for claim in rows.to_dict("records")]
        parts += [f"## {study}", head + "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def claim_row(claim: dict) -> str:
    """A claim as a row of a table: what is claimed, by whom, both values, and the verdict."""
    what, value = claim["claim"], number(claim["value"])
    if what in ("auroc", "accuracy", "sensitivity", "specificity"):
        what += f", {claim['target']}"
    if claim["setting"]:
        what += f" ({claim['setting']})"
    if claim["ci_low"]:
        value += f" [{number(claim['ci_low'])}, {number(claim['ci_high'])}]"
    return row(what, claim["asked_by"], number(claim["paper_value"]), value, claim["verdict"])


def number(text: str) -> str:
    """A number of a table with two digits; blank where it is undefined."""
    return f"{float(text):.2f}" if text else ""
