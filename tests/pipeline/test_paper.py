"""The paper: no result typed by hand, every caption says what made it, the same bytes every time,
accessible.
"""

import re

import pytest
import typst
from here import ROOT

from regard.claims import reference

SOURCE = (ROOT / "paper" / "paper.typ").read_text(encoding="utf-8")


def results() -> str:
    return SOURCE.split("// results: ")[1].split("\n", 1)[1].split("// end of results")[0]


def brackets(text: str, at: int) -> int:
    """Where the bracket that opens at `at` closes."""
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        if depth == 0:
            return place
    raise ValueError(f"no end of {text[at : at + 60]!r}")


def contents(code: str) -> str:
    """What the blocks [...] in code would print; a place in a list or the type of an array is no
    block.
    """
    found, at = [], 0
    code = re.sub(r'"[^"]*"', '""', code)
    while (at := code.find("[", at)) >= 0:
        end = brackets(code, at)
        found.append(prose(code[at + 1 : end]))
        at = end + 1
    return " ".join(found)


def prose(text: str) -> str:
    """Typst markup without its code: what would be printed as it stands, captions and tables among
    it.
    """
    text = re.sub(r"//.*", "", text)
    text = re.sub(r"`[^`]*`|@[\w-]+|<[\w-]+>", "", text)
    plain, at = [], 0
    while at < len(text):
        if text[at] != "#":
            plain.append(text[at])
            at += 1
            continue
        at += 1
        word = re.match(r"(let|for|if|show|set|place)\b[^\n\[({]*|[\w.-]*", text[at:]).group()
        at += len(word)
        while at < len(text) and text[at] in "([{":
            end = brackets(text, at)
            inside = text[at + 1 : end]
            plain.append(prose(inside) if text[at] == "[" else contents(inside))
            at = end + 1
            following = re.match(r"\.[\w-]+|\s*else\b[^\n\[({]*|\s*=>?\s*", text[at:])
            at += len(following.group()) if following else 0
    return "".join(plain)


def typed(text: str) -> list[str]:
    return [line for line in prose(text).splitlines() if re.search(r"\d", line)]


def test_no_number_is_typed_among_the_results():
    assert typed(results()) == []


@pytest.mark.parametrize(
    "text",
    [
        "An AUROC of 0.93 #told(row, digits: 2).",
        "#figure(image(a, width: 100%), caption: [IoU was 0.93 here])",
        "#wide(x, caption: [of #told(row) and 7 more])",
        "#{ let best = 1; [0.77] }",
        "#if phantom [all 12]",
    ],
)
def test_a_typed_number_is_found(text):
    assert typed(text)


def test_every_caption_names_what_made_it():
    captions = re.findall(r"[ (]caption: (.*)", SOURCE)
    assert len(captions) >= 15
    for caption in captions:
        if caption.startswith("set "):  # a rule of style
            continue
        assert "#made(" in caption or "claims-caption(" in caption or "stage #raw(" in caption, (
            caption
        )
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
