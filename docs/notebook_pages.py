"""Notebooks as pages, executed where the pipeline left copies, and the figures that they draw."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
from generated_pages import ROOT, row

NOTEBOOKS = ROOT / "notebooks"
NOT_EXECUTED = (
    "This copy is not executed: no results of the pipeline were found. "
    "Run `make reproduce`, then `make docs`, to see its figures and tables."
)
BY_HAND = "This notebook is run by hand, in JupyterLab or Voilà, so this copy has no outputs."
TOGETHER = "Executed by the pipeline, for all studies together."
LINK = re.compile(r"\]\(([^)\s]+)\)")
ALL = ""  # in the place of a study's name: all of them together


def numbered() -> list[Path]:
    """The notebooks that are stages of the pipeline, and the one to start with."""
    return sorted(NOTEBOOKS.glob("[0-9]_*.ipynb"))


def explorers() -> list[Path]:
    return sorted((NOTEBOOKS / "explore").glob("*.ipynb"))


def executed(results: Path) -> dict[str, dict[str, Path]]:
    """Name of a notebook -> study -> the copy that the pipeline executed."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(results.glob("study/*/*/[0-9]_*.ipynb")):
        found.setdefault(path.stem, {})[path.parents[1].name] = path
    for path in sorted(results.glob("figures/8_figures.ipynb")):
        found[path.stem] = {ALL: path}
    return found


def write(results: Path, target: Path) -> str:
    """Write a page for each notebook to the folder `target`; returns their list in Markdown."""
    found = executed(results)
    for path in numbered():
        write_numbered(path, found.get(path.stem, {}), target)
    for study in studies(found):
        write_study(study, found, target)
    for path in explorers():
        copy(path, target / "notebooks" / "explore" / path.name, BY_HAND)
    shutil.copytree(NOTEBOOKS / "explore/pictures", target / "notebooks/explore/pictures")
    return listed(found)


def studies(found: dict[str, dict[str, Path]]) -> list[str]:
    return list(dict.fromkeys(study for copies in found.values() for study in copies if study))


def write_numbered(path: Path, copies: dict[str, Path], target: Path) -> None:
    """The page of a notebook that belongs to no study. It names the copies of the studies."""
    source, notice = path, BY_HAND if path.stem.startswith("0_") else NOT_EXECUTED
    if ALL in copies:
        source, notice = copies[ALL], TOGETHER
    elif copies:
        there = ", ".join(f"[{study}](../studies/{study}/{path.name})" for study in copies)
        notice = f"This copy is not executed. Executed copies, one for each study: {there}."
    copy(source, target / "notebooks" / path.name, notice)


def write_study(study: str, found: dict[str, dict[str, Path]], target: Path) -> None:
    """The pages of the notebooks executed for a study, and one that lists them."""
    folder = target / "studies" / study
    beside = {name for name, copies in found.items() if study in copies}

    def turned(link: str) -> str:
        """A link of a notebook in notebooks/, as it is in this folder."""
        if "://" in link or link.startswith("#") or Path(link).stem in beside:
            return link
        return f"../../notebooks/{link}"

    for name in sorted(beside):
        notice = f"Executed by the pipeline for the study {study}."
        copy(found[name][study], folder / f"{name}.ipynb", notice, turned)
    said = f"The notebooks that the pipeline executed for the study `{study}`."
    contents = "```{toctree}\n:glob:\n\n[0-9]_*\n```"
    (folder / "index.md").write_text(f"# Executed for {study}\n\n{said}\n\n{contents}\n", "utf-8")


def copy(path: Path, target: Path, notice: str, turned: Callable[[str], str] = str) -> None:
    """Copy a notebook, with `notice` under its title and its links turned by `turned`.

    Cells that draw a figure of the paper get a label.
    """
    book = nbformat.read(path, 4)
    cells = []
    for cell in book.cells:
        cell.metadata.pop("papermill", None)  # what papermill notes about a run is no content
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda found: f"]({turned(found[1])})", cell.source)
            cell.source = cell.source.replace("```mermaid", "```text")
        elif path.stem == "8_figures":
            cells += [label(name) for name in figures_drawn(cell.source)]
        cells.append(cell)
        if len(cells) == 1:
            cells.append(nbformat.v4.new_markdown_cell(f"*{notice}*"))
    book.cells = cells
    for key in ("papermill", "widgets"):  # a saved widget would fetch a script
        book.metadata.pop(key, None)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, target)


def label(figure: str) -> nbformat.NotebookNode:
    """A cell that a link to a figure leads to."""
    said = f"*The next cell draws the figure* `{figure}.svg` *of the paper.*"
    return nbformat.v4.new_markdown_cell(f"(figure-{figure})=\n{said}")


def figures_drawn(source: str) -> list[str]:
    """The names of the SVG files that a cell saves."""
    return re.findall(r'style\.save\([^)]*?"([\w-]+)\.svg"', source)


def listed(found: dict[str, dict[str, Path]]) -> str:
    """Links to all notebooks, and a hidden table of contents."""
    lines = ["| notebook | executed for |", "|---|---|"]
    for path in numbered():
        copies = found.get(path.stem, {})
        links = [f"[{study}](../../studies/{study}/{path.name})" for study in copies if study]
        said = ", ".join(links) or ("all studies together" if copies else "not executed here")
        lines.append(row(f"[{path.stem}](../../notebooks/{path.name})", said))
    for path in explorers():
        name = f"explore/{path.stem}"
        lines.append(row(f"[{name}](../../notebooks/{name}.ipynb)", "run by hand"))
    contents = ["```{toctree}", ":hidden:", ":glob:", ""]
    contents += [f"/studies/{study}/index" for study in studies(found)]
    contents += ["/notebooks/*", "/notebooks/explore/*", "```"]
    return "\n".join([*lines, "", *contents]) + "\n"


def figure_page(results: Path) -> str:
    """Each figure of the paper with its description and a link to the cell that draws it."""
    paper = (ROOT / "paper/paper.typ").read_text("utf-8")
    shown = r'image\(figures \+ "/([\w-]+)\.svg", width: 100%, alt: "([^"]+)"'
    descriptions = dict(re.findall(shown, paper))
    cells = nbformat.read(NOTEBOOKS / "8_figures.ipynb", 4).cells
    parts = []
    for name in [name for cell in cells for name in figures_drawn(cell.source)]:
        here = (results / "figures" / f"{name}.svg").is_file()
        where = "this run" if here else "the committed results of the profile `full`"
        parts += [f"## {name}", descriptions.get(name, ""), f"![{name}](figures/{name}.svg)"]
        parts.append(f"Drawn by [a cell of 8_figures](#figure-{name}). The figure is of {where}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def copy_figures(results: Path, target: Path) -> None:
    """Copy the figures of this run, or else the committed ones of the profile `full`."""
    target.mkdir(parents=True)
    for folder in (ROOT / "paper/reference/full/figures", results / "figures"):
        for path in sorted(folder.glob("*.svg")):
            shutil.copyfile(path, target / path.name)
