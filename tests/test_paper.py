"""The paper: no result typed by hand, every caption says what made it, the same bytes every time, accessible."""

import re
from pathlib import Path

import pytest
import typst

from regard import reference

ROOT = Path(__file__).parents[1]
SOURCE = (ROOT / "paper" / "paper.typ").read_text(encoding="utf-8")


def results() -> str:
    return SOURCE.split("// results: ")[1].split("\n", 1)[1].split("// end of results")[0]


def prose(text: str) -> str:
    """Typst markup without its code: what would be printed as it stands."""
    text = re.sub(r"//.*", "", text)
    text = re.sub(r"`[^`]*`|@[\\w-]+|<[\\w-]+>", "", text)
    plain, depth, at = [], 0, 0
    while at < len(text):
        if text[at] == "#":  # code: to the end of its brackets, strings in it are names of rows
            at += 1
            while at < len(text) and (text[at].isalnum() or text[at] in "-_."):
                at += 1
            while at < len(text) and text[at] in "([{":
                depth, begin = 0, at
                while True:
                    depth += (text[at] in "([{") - (text[at] in ")]}")
                    at += 1
                    if depth == 0:
                        break
                if text[begin] == "[":
                    plain.append(prose(text[begin + 1 : at - 1]))
            continue
        plain.append(text[at])
        at += 1
    return "".join(plain)


def test_no_number_is_typed_among_the_results():
    statements = re.sub(r"^#let .*?(?=\n\S)", "", results(), flags=re.DOTALL | re.MULTILINE)
    typed = [line for line in prose(statements).splitlines() if re.search(r"\d", line)]
    assert not typed
    assert [line for line in prose("An AUROC of 0.93 #told(row, digits: 2).").splitlines() if re.search(r"\d", line)]


def test_every_caption_names_what_made_it():
    captions = re.findall(r"caption: (.*)", SOURCE)[1:]  # the first is a function's
    captions = [one for one in captions if not one.startswith(("set", "it"))]
    assert len(captions) >= 15
    for caption in captions:
        assert "#made(" in caption or "claims-caption(" in caption or "stage #raw(" in caption, caption
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} | {"examine"}
    assert set(re.findall(r'#made\("(\w+)"', SOURCE)) <= notebooks


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return compiled()


def compiled() -> bytes:
    inputs = {"figures": "/paper/reference/full/figures"}
    return typst.compile(
        str(ROOT / "paper/paper.typ"),
        root=str(ROOT),
        sys_inputs=inputs,
        timestamp=0,
        ignore_system_fonts=True,
        pdf_standards="ua-1",
    )


def test_the_paper_is_the_same_bytes_and_accessible(pdf):
    assert pdf == compiled()
    assert b"pdfuaid" in pdf or b"PDF/UA" in pdf


def test_the_committed_paper_is_of_the_committed_numbers(pdf):
    assert (ROOT / "paper" / "paper.pdf").read_bytes() == pdf


def test_six_to_ten_pages(pdf):
    assert 6 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 10


def test_the_reference_has_what_the_paper_reads():
    folder = ROOT / "paper" / "reference" / "full" / "figures"
    assert sorted(path.name for path in folder.iterdir()) == sorted(reference.FIGURES)
    used = re.findall(r'figures \+ "/([\w.]+)"', SOURCE)
    assert sorted(used) == sorted(reference.FIGURES)
