"""The tables of all studies together, and the papers' claims beside them."""

import json

import pandas as pd

from regard.claims.verdicts import claims
from regard.core import project, tables
from regard.core.columns import CONCEPTS


def write() -> None:
    """Gather results/study/*/ in results/summary.csv, pairs.csv, performance.csv, trust.csv,
    concepts.csv and claims.csv, studies by name.
    """
    root = project.root()
    known = project.parameters(root)["studies"]
    folders = [
        folder
        for folder in sorted((root / "results" / "study").glob("*/compare"))
        if folder.parent.name in known
    ]
    if not folders:
        raise FileNotFoundError("no results/study/*/compare: run the studies first (dvc repro)")
    gathered = {
        name: pd.concat([tables.read(folder / f"{name}.csv") for folder in folders])
        for name in ("summary", "pairs")
    }
    for name, stage in (("performance", "train"), ("trust", "examine")):
        gathered[name] = pd.concat(
            [tables.read(folder.parent / stage / f"{name}.csv") for folder in folders]
        )
    statements = [
        folder.parent / stage / "told.csv"
        for folder in folders
        for stage in ("compare", "clusters", "units")
    ]
    concepts = [tables.read(file) for file in statements if file.is_file()]
    gathered["concepts"] = pd.concat(concepts) if concepts else pd.DataFrame(columns=CONCEPTS)
    settings = {
        folder.parent.name: json.loads((folder / "settings.json").read_text()) for folder in folders
    }
    published = {
        study: known["published"] for study, known in settings.items() if known.get("published")
    }
    gathered["claims"] = claims(
        gathered["summary"],
        gathered["pairs"],
        gathered["performance"],
        gathered["concepts"],
        published,
    )
    for name, table in gathered.items():
        tables.write(table, root / "results" / f"{name}.csv")
