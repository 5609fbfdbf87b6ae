"""A tiny project: three studies of a few phantoms and narrow networks, on which every notebook runs
to its end within seconds.
"""

import contextlib
import json
import re
import shutil
import textwrap
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import yaml
from here import ROOT

from regard.core import project
from regard.pipeline import code, examine, gather, notebooks

SIZE = 64  # pixels
PATIENTS = {"ultrasound": 36, "prostate": 20, "mammography": 40}
OTHERS = ("chest", "histology")  # of these only copies of the tables of ultrasound exist
TOLD = "a solution failed: "
QUICK = {  # what every study is told, over what params.yaml says
    "prepare": {"size": SIZE},
    "train": {
        "width": 0.0625,
        "weights": "none",
        "epochs": 2,
        "explained": 8,
        "draws": 200,
    },
    "attribute": {
        "subset": 4,
        "methods": {
            "integrated-gradients": {"steps": 2},
            "occlusion": {"window": 0.25, "stride": 0.25},
            "lime": {"evaluations": 20},
            "shap": {"evaluations": 20},
        },
        "nulls": {"random-network": {"networks": 10}},
    },
    "examine": {"patients": 2, "steps": 2, "levels": 2, "draws": 200, "seeds": 1},
    "compare": {"draws": 200, "flips": 50000},
    "clusters": {
        "k": 3,
        "sweep": [2, 3],
        "refits": 2,
        "controls": 2,
        "shown": 2,
        "draws": 200,
        "flips": 200,
    },
    "units": {
        "annotated": 4,
        "images": 8,
        "shown": 4,
        "controls": 2,
        "draws": 200,
        "flips": 200,
    },
}
SOLUTION = re.compile(r"^( *)```python\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


def project_in(folder: Path) -> None:
    """A project in `folder`: this one's sources, its parameters made quick, a few of its cases."""
    for name in ("src", "paper", "notebooks"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "dvc.yaml").touch()
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for study in params["studies"].values():
        study.pop("profiles", None)
        for stage, told in QUICK.items():
            study[stage] = project._merge(study.get(stage) or {}, told)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for name, count in PATIENTS.items():
        few_cases(ROOT / "data" / name, folder / "data" / name, count)


def few_cases(source: Path, target: Path, count: int) -> None:
    """Copy two cases at most of each of the first `count` patients of a set."""
    table = pd.read_csv(source / "cases.csv", dtype=str, keep_default_na=False)
    table = table[table["patient"].isin(table["patient"].unique()[:count])]
    table = table.groupby("patient", sort=False).head(2)
    target.mkdir(parents=True)
    table.to_csv(target / "cases.csv", index=False)
    names = [*table["image"]]
    for structure in (source / "regions").iterdir():
        names += [f"regions/{structure.name}/{case}.png" for case in table["case"]]
    for name in filter(lambda name: (source / name).exists(), names):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target / name)


def solutions(notebook: nbformat.NotebookNode) -> list[str]:
    """The code of the solutions of the exercises, block by block."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    after = [text.partition("<details>")[2] for text in texts]
    return [textwrap.dedent(code) for text in after for _, code in SOLUTION.findall(text)]


def stripped(folder: Path) -> None:
    """build/ as `regard code build` makes it; behind the cells of each notebook its solutions, of
    which one that fails says so and lets the others run.
    """
    code.write(folder / "build" / "code")
    for source in sorted((folder / "notebooks").glob("[0-9]_*.ipynb")):
        target = folder / "build" / "notebooks" / source.name
        notebooks.strip(source, target)
        notebook = nbformat.read(target, as_version=4)
        for solution in solutions(notebook):
            text = (
                f"try:\n    exec(compile({solution!r}, 'solution', 'exec'), globals())\n"
                f"except Exception as error:\n    print({TOLD!r} + repr(error))"
            )
            notebook.cells.append(nbformat.v4.new_code_cell(text, id=f"solution-{len(text)}"))
        nbformat.write(notebook, target)


def stage(notebook: str, study: str = "ultrasound") -> None:
    """Run the notebook of a stage as the pipeline does."""
    output = Path("results", "study", study, notebook.partition("_")[2])
    notebooks.run(notebook, output, {"study": study})


def in_this_process(notebook: str, study: str) -> None:
    """Run the cells of a notebook without a process of its own, which takes seconds to start."""
    output = Path("results", "study", study, notebook.partition("_")[2])
    names: dict = {"display": lambda *_: None}
    for cell in nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            text = cell.source.replace("from IPython.display import display\n", "")
            exec(compile(text, notebook, "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= {"study": study, "output": str(output)}


def others(folder: Path) -> None:
    """Tables of the studies that were not run: those of ultrasound under another name."""
    made = folder / "results" / "study"
    wanted = {
        "prepare": ["cases.csv"],
        "train": ["performance.csv"],
        "attribute": ["costs.csv"],
        "examine": ["trust.csv"],
        "compare": ["summary.csv", "pairs.csv", "settings.json", "told.csv"],
    }
    for study in (*OTHERS, "prostate", "mammography"):
        for stage_name, names in wanted.items():
            for name in names:
                source, target = (made / one / stage_name / name for one in ("ultrasound", study))
                if source.exists() and not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(renamed(source.read_text(encoding="utf-8"), name, study))


def renamed(text: str, name: str, study: str) -> str:
    """A table of ultrasound, as another study's; of settings, as those of one without a paper."""
    if name == "settings.json":
        return json.dumps(json.loads(text) | {"study": study, "published": ""})
    return re.sub(r"\bultrasound\b", study, text)


def run_all(folder: Path) -> dict[str, Exception]:
    """Every notebook, in order, on the project in `folder`; by name the errors of those that
    failed.
    """
    np.random.seed(0)
    steps = {
        "0_start_here": lambda: notebooks.run("0_start_here", Path("results/start"), {}),
        "1_prepare": lambda: stage("1_prepare"),
        "2_train": lambda: stage("2_train"),
        "3_attribute": lambda: stage("3_attribute"),
        "4_select": lambda: stage("4_select"),
        "5_compare": lambda: (examined("ultrasound"), stage("5_compare")),
        "6_clusters": lambda: (trained("prostate"), stage("6_clusters", "prostate")),
        "7_units": lambda: (trained("mammography"), stage("7_units", "mammography")),
        "8_figures": lambda: (
            others(folder),
            gather.write(),
            notebooks.run("8_figures", Path("results/figures"), {}),
        ),
    }
    failed: dict[str, Exception] = {}
    with contextlib.chdir(folder):
        project_in(folder)
        stripped(folder)
        for name, step in steps.items():
            try:
                step()
            except Exception as error:  # the tests of the others are to be told, too
                failed[name] = error
    return failed


def examined(study: str) -> None:
    target = Path("results", "study", study, "examine").absolute()
    target.mkdir(parents=True)
    examine.run(study, target)


def trained(study: str) -> None:
    in_this_process("1_prepare", study)
    in_this_process("2_train", study)
