"""The hand-written pages of the documentation, README among them, and what stands in them."""

import importlib
import re
import sys
from pathlib import Path

from here import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(language: str, pages: list[Path] | None = None) -> list[tuple[Path, str]]:
    """The fenced blocks of a language, each with the page it stands on."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [(path, block) for path in pages or PAGES for block in fence.findall(text(path))]


def prose(path: Path) -> str:
    """A page without fenced and indented blocks."""
    plain = re.sub(r"^```.*?^```[^\n]*$", "", text(path), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^ {4,}\S.*$", "", plain, flags=re.MULTILINE)


def spans(path: Path) -> list[str]:
    """What stands in the prose as code."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(path))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as a repository host and MyST name them."""
    titles = re.findall(r"^#+ +(.*?) *$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(path: Path) -> list[str]:
    """The targets of a page's links and pictures."""
    return re.findall(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)", re.sub(r"`[^`\n]+`", "", prose(path)))


def script(name: str):
    """A script of docs/ as a module; the scripts import each other by name."""
    if str(ROOT / "docs") not in sys.path:
        sys.path.append(str(ROOT / "docs"))
    return importlib.import_module(name)
