"""The paper: Typst to PDF, the same bytes from the same results."""

from pathlib import Path

from regard.core import atomic, project

REFERENCE = "paper/reference/full/figures"  # what the published paper shows


def compile() -> None:
    """Compile paper/paper.typ twice: to paper/paper.pdf from the committed results of the profile
    `full`, and to results/paper.pdf from those of this run.

    Raises RuntimeError (typst.TypstError) with Typst's message when the source does not compile,
    FileNotFoundError without figures.
    """
    root = project.root()
    for figures, target in (
        (REFERENCE, "paper/paper.pdf"),
        ("results/figures", "results/paper.pdf"),
    ):
        if not (root / figures / "paper.json").is_file():
            raise FileNotFoundError(
                f"no {figures}/paper.json: run the stage that makes it (dvc repro figures) first"
            )
        _write(root, figures, root / target)


def _write(root: Path, figures: str, target: Path) -> None:
    import typst

    pdf = typst.compile(
        str(root / "paper" / "paper.typ"),
        root=str(root),
        sys_inputs={"figures": f"/{figures}"},
        timestamp=0,
        ignore_system_fonts=True,
        pdf_standards="ua-1",
    )
    with atomic.file(target) as aside:
        aside.write_bytes(pdf)
