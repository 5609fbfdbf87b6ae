"""The committed results of a profile, in paper/reference/<profile>/: what the paper's numbers come
from, and what others compare with.
"""

import json
import shutil
from pathlib import Path

import pandas as pd

from regard.claims.verdicts import HEADLINES
from regard.core import project, tables

TABLES = ("claims", "performance", "trust", "concepts", "summary", "pairs")
LEAN = ("claims", "performance", "concepts")  # of a profile that the paper is not made from
FIGURES = ("paper.json",) + tuple(  # what paper.typ reads
    f"{name}.svg"
    for name in (
        *("overview", "controls", "costs", "maps", "reruns"),
        *("histology", "prostate", "ultrasound", "mammography", "chest"),
    )
)
# tables of `regard verify` for runs with something changed, a file for each
RERUNS = "paper/reference/reruns"
NETWORKS = "networks.csv"  # the digest of each study's network
ENVIRONMENT = "environment.json"  # what it was computed with


def headline(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of summary.csv that claims are made on: of each case's own class, or all findings
    together.
    """
    own = summary["target"].isin(HEADLINES) & summary["target_role"].ne("true")
    return summary[own & summary["stratum"].isin(["all", "correct"])]


def folder(profile: str) -> Path:
    """Where the reference of a profile lies."""
    return project.root() / "paper" / "reference" / profile


def networks(studies: list[str]) -> pd.DataFrame:
    """The digest of each study's network in results/: columns study, network."""
    from regard.models import backbones  # which no figure needs

    trained = project.root() / "results" / "study"
    files = {study: trained / study / "train" / "model.safetensors" for study in studies}
    digests = [backbones.description(file)["digest"] for file in files.values()]
    return pd.DataFrame({"study": studies, "network": digests})


def write() -> Path:
    """Copy what the paper and the claims rest on from results/ to the reference of its profile,
    whole; returns the folder.

    Of the profile `full`: summary.csv with the rows of `headline`, pairs.csv without the secondary
    comparisons; claims, performance, trust, concepts, and the paper's figures. Of another LEAN
    alone, for `regard verify`. networks.csv names each study's network by its digest,
    environment.json says what it was computed with. Raises
    FileNotFoundError for a missing result, ValueError for results of several profiles.
    """
    from regard.core import atomic, environment  # which no figure hangs on

    root = project.root()
    kept = {name: tables.read(root / "results" / f"{name}.csv") for name in TABLES}
    profiles = sorted({profile for table in kept.values() for profile in table["profile"]})
    if len(profiles) != 1:
        raise ValueError(
            f"results/*.csv hold the profiles {', '.join(profiles)}: run all studies with one "
            "(dvc repro)"
        )
    kept["summary"], kept["pairs"] = (
        headline(kept["summary"]),
        kept["pairs"].query("family != 'secondary'"),
    )
    whole = profiles[0] == "full"
    kept, figures = (kept, FIGURES) if whole else ({name: kept[name] for name in LEAN}, ())
    trained = networks(sorted(set(kept["performance"]["study"])))
    target = folder(profiles[0])
    with atomic.folder(target) as partial:
        for name, table in kept.items():
            tables.write(table, partial / f"{name}.csv")
        tables.write(trained, partial / NETWORKS)
        if whole:
            (partial / "figures").mkdir()
        for name in figures:
            shutil.copyfile(root / "results" / "figures" / name, partial / "figures" / name)
        (partial / ENVIRONMENT).write_text(json.dumps(environment.current(), indent=1) + "\n")
    return target
