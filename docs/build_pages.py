"""Build the documentation in build/docs: static pages that work offline.

Hand-written pages, notebooks and generated pages are gathered in build/docs-source, where Sphinx
reads them. The folders lie there as they do in the repository, so that a link from a page to a file
leads to the same place on a repository host and in the built pages.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import generated_pages
import notebook_pages
from generated_pages import ROOT

COPIED = (
    "paper/reference/quick/claims.csv",
    "CHANGELOG.md",
    "LICENSE",
    "CITATION.cff",
    "params.yaml",
    "paper/paper.pdf",
)
FIRST = """<!doctype html>
<meta charset="utf-8">
<title>Regard</title>
<meta http-equiv="refresh" content="0; url=docs/index.html">
<a href="docs/index.html">Regard</a>
"""


def gather(results: Path, target: Path) -> None:
    """Put everything that Sphinx reads in the folder `target`.

    results: folder with the pipeline's results, which need not be there.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target / "docs", ignore=shutil.ignore_patterns("*.py", "__py*"))
    copied = [path.relative_to(ROOT) for path in ROOT.glob("data/*/DATASHEET.md")]
    for name in [*copied, *map(Path, COPIED)]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target / name)
    pages = {
        "commands": generated_pages.command_page(),
        "parameters": generated_pages.parameter_page(),
        "tables": generated_pages.table_page(),
        "data_sets": generated_pages.data_set_page(),
        "claims": generated_pages.claim_page(),
        "api": generated_pages.write_api(target / "api"),
        "notebooks": notebook_pages.write(results, target),
        "figures": notebook_pages.figure_page(results),
    }
    notebook_pages.copy_figures(results, target / "docs" / "reference" / "figures")
    (target / "docs" / "generated").mkdir()
    for name, text in pages.items():
        (target / "docs" / "generated" / f"{name}.md").write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="results to show")
    parser.add_argument("--target", type=Path, default=ROOT / "build/docs", help="folder to write")
    options = parser.parse_args()
    source = ROOT / "build" / "docs-source"
    gather(options.results.resolve(), source)
    shutil.rmtree(options.target, ignore_errors=True)
    folders = ["-c", ROOT / "docs", "-d", ROOT / "build/docs-doctrees", source, options.target]
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", *map(str, folders)]
    if code := subprocess.run(command).returncode:
        raise SystemExit(code)
    (options.target / "index.html").write_text(FIRST, "utf-8")
    print(f"written to {options.target}")


if __name__ == "__main__":
    main()
