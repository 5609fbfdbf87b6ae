"""Build the documentation: gather hand-written pages, executed notebooks and generated reference pages in
build/docs-source, and run Sphinx on them. The result is build/docs, static pages that work offline.

The folders in build/docs-source lie as they do in the repository, so that a link from a page to a file beside it leads
to the same place on a repository host and in the built pages.
"""

import argparse
import ast
import functools
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "src" / "regard"
NOT_EXECUTED = (
    "This copy is not executed: no results of the pipeline were found. "
    "Run `make reproduce`, then `make docs`, to see its figures and tables."
)
BY_HAND = "This notebook is run by hand, in JupyterLab or Voilà, so this copy has no outputs."


# ---------------------------------------------------------------- command line
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


# ------------------------------------------------------------------ parameters
def comments(text: str) -> dict[str, tuple[str, str]]:
    """For each knob of params.yaml, by its dotted name: its value as written, and the comment beside it."""
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
    """What a knob may be, in words: the description that its type in `regard.knobs` carries."""
    for extra in getattr(type_, "__metadata__", ()):
        if getattr(extra, "description", None):
            return extra.description
    inner = getattr(type_, "__origin__", None)
    return kinds(inner) if inner is not None and inner is not type_ else ""


def parameter_page(text: str | None = None) -> str:
    """Every knob of every stage: its default value in params.yaml, what it may be, and its comment."""
    from regard import knobs

    text = (ROOT / "params.yaml").read_text("utf-8") if text is None else text
    written = comments(text)
    parts = []
    for stage, types in knobs.STAGES.items():
        parts += [
            f"## {stage}",
            written[stage][1],
            "| knob | default | may be | meaning |\n|---|---|---|---|",
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


# ---------------------------------------------------------------------- tables
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


# ------------------------------------------------------------------------- API
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


# ------------------------------------------------------------------- data sets
def data_set_page() -> str:
    """Each reader of published data sets: its options, and what its docstring says of layout, licence and gaps."""
    from regard.datasets import READERS

    parts = []
    for name, read in READERS.items():
        options = list(inspect.signature(read).parameters.values())[1:]
        taken = ", ".join(code(f"{one.name}={one.default!r}") for one in options) or "none"
        module = inspect.getdoc(inspect.getmodule(read)) or ""
        parts += [
            f"## {name}",
            f"Reader: `{read.__module__}.{read.__name__}`. Options (`--set NAME=VALUE`), with defaults: {taken}.",
            plain(module),
            "**What the reader returns.** " + plain(inspect.getdoc(read) or ""),
        ]
    return "\n\n".join(parts) + "\n"


# ---------------------------------------------------------------------- claims
def claim_page() -> str:
    """The claims of the committed reference of `quick`, with number, interval and verdict."""
    import pandas as pd

    claims = pd.read_csv(ROOT / "paper/reference/quick/claims.csv", keep_default_na=False)
    parts = []
    for study, rows in claims.groupby("study", sort=False):
        lines = []
        for one in rows.to_dict("records"):
            ours = number(one["value"]) + (
                f" [{number(one['ci_low'])}, {number(one['ci_high'])}]" if one["ci_low"] else ""
            )
            what = one["claim"] + (
                f", {one['target']}" if one["claim"] in ("auroc", "accuracy") else ""
            )
            what += f" ({one['setting']})" if one["setting"] else ""
            lines.append(
                row(what, one["asked_by"], number(one["paper_value"]), ours, one["verdict"])
            )
        head = "| claim | asked by | value in the paper | value here, 95 % interval | verdict |\n|---|---|---|---|---|\n"
        parts += [f"## {study}", head + "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def number(text: str) -> str:
    return f"{float(text):.2f}" if text != "" else ""


# ------------------------------------------------------------------- notebooks
def numbered() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("[0-9]_*.ipynb"))


def copy_notebook(source: Path, target: Path, notice: str, links) -> None:
    """Copy a notebook, with `notice` under its title, its links turned by `links`, and a label at each cell that draws
    a figure of the paper."""
    book = nbformat.read(source, 4)
    made = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(
                r"\]\(([^)\s]+)\)", lambda found: f"]({links(found[1])})", cell.source
            )
            cell.source = cell.source.replace("```mermaid", "```text")
        for name in (
            figures_drawn(cell.source)
            if cell.cell_type == "code" and source.stem == "8_figures"
            else ()
        ):
            made.append(
                nbformat.v4.new_markdown_cell(
                    f"(figure-{name})=\n*The next cell draws the figure* `{name}.svg` *of the paper.*"
                )
            )
        made.append(cell)
    title = next((at for at, cell in enumerate(made) if cell.cell_type == "markdown"), -1)
    made.insert(title + 1, nbformat.v4.new_markdown_cell(f"*{notice}*"))
    book.cells = made
    for cell in book.cells:  # what papermill notes about itself is no content
        cell.metadata.pop("papermill", None)
    book.metadata.pop("papermill", None)
    book.metadata.pop("widgets", None)  # a saved widget would fetch a script
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.from_dict(book), target)


def figures_drawn(source: str) -> list[str]:
    """The names of the SVG files that a cell saves."""
    return re.findall(r'plots\.save\([^)]*?"([\w-]+)\.svg"', source)


def copy_notebooks(results: Path, target: Path) -> str:
    """Copy all notebooks, executed where results are there; returns the pages' list in Markdown."""
    executed = {}
    for source in sorted(results.glob("study/*/*/[0-9]_*.ipynb")):
        executed.setdefault(source.stem, {})[source.parents[1].name] = source
    for source in sorted(results.glob("figures/8_figures.ipynb")):
        executed["8_figures"] = {"": source}
    for source in numbered():
        by_hand = source.stem.startswith("0_")
        here = executed.get(source.stem, {})
        notice = BY_HAND if by_hand else NOT_EXECUTED
        if "" in here:
            source, notice = here[""], "Executed by the pipeline, for all studies together."
        elif here:
            there = ", ".join(f"[{study}](../studies/{study}/{source.name})" for study in here)
            notice = f"This copy is not executed. Executed copies, one for each study: {there}."
        copy_notebook(source, target / "notebooks" / source.name, notice, lambda link: link)
        for study, made in here.items():
            if study:
                beside = {name for name, found in executed.items() if study in found}
                turn = lambda link, beside=beside: (
                    link if Path(link).stem in beside else outside(link)
                )
                said = f"Executed by the pipeline for the study {study}."
                copy_notebook(made, target / "studies" / study / source.name, said, turn)
    for study in {study for found in executed.values() for study in found if study}:
        toc = "```{toctree}\n:glob:\n\n[0-9]_*\n```"
        page = f"# Executed for {study}\n\nThe notebooks that the pipeline executed for the study `{study}`.\n\n{toc}\n"
        (target / "studies" / study / "index.md").write_text(page, "utf-8")
    for source in sorted((ROOT / "notebooks" / "explore").glob("*.ipynb")):
        copy_notebook(
            source, target / "notebooks" / "explore" / source.name, BY_HAND, lambda link: link
        )
    shutil.copytree(ROOT / "notebooks/explore/pictures", target / "notebooks/explore/pictures")
    return notebook_list(executed)


def outside(link: str) -> str:
    """A link of a notebook in notebooks/, as it is in studies/STUDY/."""
    return link if "://" in link or link.startswith("#") else f"../../notebooks/{link}"


def notebook_list(executed: dict) -> str:
    """Links to all notebooks, and a hidden table of contents."""
    studies = list(dict.fromkeys(study for found in executed.values() for study in found if study))
    lines = ["| notebook | executed for |", "|---|---|"]
    for source in numbered():
        found = [
            f"[{name}](../../studies/{name}/{source.name})"
            for name in executed.get(source.stem, {})
            if name
        ]
        said = ", ".join(found) or (
            "all studies together" if executed.get(source.stem) else "not executed here"
        )
        lines.append(row(f"[{source.stem}](../../notebooks/{source.name})", said))
    for source in sorted((ROOT / "notebooks" / "explore").glob("*.ipynb")):
        lines.append(
            row(f"[explore/{source.stem}](../../notebooks/explore/{source.name})", "run by hand")
        )
    toc = [
        "```{toctree}",
        ":hidden:",
        ":glob:",
        "",
        *(f"/studies/{name}/index" for name in studies),
    ]
    toc += ["/notebooks/*", "/notebooks/explore/*", "```"]
    return "\n".join([*lines, "", *toc]) + "\n"


def figure_page(results: Path) -> str:
    """Each figure of the paper with its caption's first sentence, and a link to the cell of 8_figures that draws it."""
    drawn = [
        name
        for cell in nbformat.read(ROOT / "notebooks/8_figures.ipynb", 4).cells
        for name in figures_drawn(cell.source)
    ]
    captions = {}
    for found in re.finditer(
        r'image\(figures \+ "/([\w-]+)\.svg", width: 100%, alt: "([^"]+)"',
        (ROOT / "paper/paper.typ").read_text("utf-8"),
    ):
        captions[found[1]] = found[2]
    parts = []
    for name in drawn:
        source = results / "figures" / f"{name}.svg"
        where = "this run" if source.is_file() else "the committed results of the profile `full`"
        parts += [f"## {name}", captions.get(name, ""), f"![{name}](figures/{name}.svg)"]
        parts.append(
            f"Drawn by [a cell of 8_figures](#figure-{name}). Shown is the figure of {where}."
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def copy_figures(results: Path, target: Path) -> None:
    """Copy the figures of this run, or else the committed ones of the profile `full`."""
    target.mkdir(parents=True)
    for folder in (ROOT / "paper/reference/full/figures", results / "figures"):
        for source in sorted(folder.glob("*.svg")):
            shutil.copyfile(source, target / source.name)


# ----------------------------------------------------------------------- build
def gather(results: Path, target: Path) -> None:
    """Everything that Sphinx reads, in `target`."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        ROOT / "docs", target / "docs", ignore=shutil.ignore_patterns("*.py", "__pycache__")
    )
    for source in [
        *ROOT.glob("data/*/DATASHEET.md"),
        ROOT / "CHANGELOG.md",
        ROOT / "paper/refs.bib",
    ]:
        there = target / source.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, there)
    for name in (
        "LICENSE",
        "CITATION.cff",
        "params.yaml",
        "paper/paper.pdf",
    ):  # files that pages link to
        shutil.copyfile(ROOT / name, target / name)
    generated = target / "docs" / "generated"
    generated.mkdir()
    pages = {
        "commands": command_page(),
        "parameters": parameter_page(),
        "tables": table_page(),
        "data_sets": data_set_page(),
        "claims": claim_page(),
        "notebooks": copy_notebooks(results, target),
        "figures": figure_page(results),
        "api": write_api(target / "api"),
    }
    copy_figures(results, target / "docs" / "reference" / "figures")
    for name, text in pages.items():
        (generated / f"{name}.md").write_text(text, "utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--results", type=Path, default=ROOT / "results", help="folder with the pipeline's results"
    )
    options.add_argument(
        "--target", type=Path, default=ROOT / "build" / "docs", help="folder to write"
    )
    given = options.parse_args()
    source = ROOT / "build" / "docs-source"
    gather(given.results.resolve(), source)
    shutil.rmtree(given.target, ignore_errors=True)
    words = [
        "-b",
        "html",
        "-q",
        "-c",
        str(ROOT / "docs"),
        "-d",
        str(ROOT / "build" / "docs-doctrees"),
    ]
    done = subprocess.run([sys.executable, "-m", "sphinx", *words, str(source), str(given.target)])
    if done.returncode:
        raise SystemExit(done.returncode)
    first = '<!doctype html><meta charset="utf-8"><title>Regard</title><meta http-equiv="refresh" content="0; url=docs/index.html">'
    (given.target / "index.html").write_text(
        f'{first}<a href="docs/index.html">Regard</a>\n', "utf-8"
    )
    print(
        f"written to {given.target.relative_to(ROOT) if given.target.is_relative_to(ROOT) else given.target}"
    )


if __name__ == "__main__":
    main()
