"""The paper: Typst to PDF, the same bytes from the same results."""

import os

from regard import project


def compile() -> None:
    """Compile paper/paper.typ to paper/paper.pdf; the figures and tables come from results/figures.

    Raises RuntimeError (typst.TypstError) with Typst's message when the source does not compile.
    """
    import typst

    root = project.root()
    pdf = typst.compile(
        str(root / "paper" / "paper.typ"), root=str(root), timestamp=0, ignore_system_fonts=True, pdf_standards="ua-1"
    )
    partial = root / "paper" / "paper.pdf.partial"
    partial.write_bytes(pdf)
    os.replace(partial, root / "paper" / "paper.pdf")
