"""The numbers that the text and the tables of the paper print: paper.json, which Typst reads.

Every entry is a list of records, or a number, from the results of all studies.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regard.claims import verdicts
from regard.core import arrays, statistics, tables
from regard.models import backbones, performance
from regard.pipeline import figures, study_figures
from regard.pipeline.figures import STUDIES, Results

VALUES = ["mean", "ci_low", "ci_high", "chance", "n_maps"]
VERDICTS = [
    *("setting", "paper_value", "value", "ci_low", "ci_high", "chance", "n_patients", "verdict"),
]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries; numbers of three decimals, undefined ones None."""
    return json.loads(table.round(3).to_json(orient="records"))


def common(
    results: Results,
    grid: pd.DataFrame,
    quality: pd.DataFrame,
    stability: pd.DataFrame,
    reruns: Sequence[str],
) -> dict[str, Any]:
    """The numbers about all studies.

    Parameters
    ----------
    results : Results
        The results of all studies.
    grid, quality : DataFrame
        Of `figures.common_grid` and `figures.cost_and_quality`.
    stability : DataFrame
        Of `figures.named_claims`.
    reruns : sequence of str
        The names of the reruns.
    """
    claims, trust = results.table("claims"), results.table("trust")
    columns = ["study", "method", "score", *VALUES[:4], "n_maps", "n_patients"]
    checks = trust["check"].isin(["cascade", "unrelated"])
    similar = trust[checks & (trust["measure"] == "rank correlation")]
    return {
        "profile": claims["profile"].iloc[0],
        "claims": records(claims),
        "concepts": records(results.table("concepts")),
        "nulls": figures.NULLS,
        "methods": figures.compared_methods(results),
        "studies": studies(results, claims),
        "grid": records(grid[columns]),
        "trust": records(similar[["study", "check", "method", "level", "mean"]]),
        "worth": records(quality),
        "reruns": {"names": list(reruns), "claims": _unrounded(stability)},
    }


def studies(results: Results, claims: pd.DataFrame) -> list[dict[str, Any]]:
    """The data, the split and the network of each study, and the figures its paper printed.

    claims: the table claims.csv.
    """
    regions = figures.expert_regions(figures.headline(results.table("summary")))
    published = claims[claims["claim"] == "auroc"].drop_duplicates(["study", "target"])
    published = published.set_index(["study", "target"])["paper_value"]
    reached = results.table("performance").query("start == 'transfer' and metric == 'auroc'")
    keys = zip(reached["study"], reached["target"])
    reached = reached.assign(printed=[published.get(key, np.nan) for key in keys])
    found = []
    for study in STUDIES:
        own = reached[reached["study"] == study]
        cases = tables.read(results.of(study, "prepare") / "cases.csv")
        split = cases.groupby("split").agg(cases=("case", "size"), patients=("patient", "nunique"))
        found.append(
            {
                "study": study,
                "region": regions[study],
                "data": own["data"].iloc[0],
                "performance": records(own),
                "split": records(split.reset_index()),
            }
        )
    return found


def rules(results: Results, methods: Sequence[str]) -> dict[str, Any]:
    """The constants of the statistics and of the controls that the text names."""
    curves = figures.deletion(results.table("trust"))
    counts = curves[curves["method"].isin(methods)]["n_maps"].unique()
    maps = arrays.read(results.of("ultrasound", "attribute") / "maps.nc")
    random_networks = json.loads(maps["random-network"].attrs["parameters"])["networks"]
    return {
        "level": statistics.LEVEL,
        "tested from": verdicts.TESTED_FROM,
        "small": verdicts.SMALL,
        "hardly known": performance.HARDLY_KNOWN,
        "faithful maps": sorted(int(count) for count in counts),
        "random networks": random_networks,
    }


def ultrasound(results: Results, hits: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The network, the maps and the hit rates of the study `ultrasound`.

    hits: of `study_figures.hits_by_region`; settings: of `figures.settings`.
    """
    maps = arrays.read(results.of("ultrasound", "attribute") / "maps.nc")
    network = backbones.description(results.of("ultrasound", "train") / "model.safetensors")
    return {
        "data": maps.attrs["data"],
        "network": network,
        "settings": dict(settings),
        "tolerance": figures.tolerance(settings).removeprefix("tolerance="),
        "ultrasound": {
            "regions": study_figures.regions_around(settings),
            "methods": list(maps.data_vars),
            "partly": [name for name in maps.data_vars if "subset" in maps[name].dims],
            "subset": int(maps.sizes["subset"]),
            "hits": records(hits[["method", "region", *VALUES, "n_patients"]]),
        },
    }


def selections(rows: pd.DataFrame, rules: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """The overlap of the selections of some rules with the expert's region.

    rows: of `study_figures.overlap`; rules: title -> values of its rows.
    """
    shown = [study_figures.matching(rows, rule).index for rule in rules.values()]
    kept = rows[rows.index.isin([place for index in shown for place in index])]
    columns = ["method", "selection", "setting", *VALUES, "n_patients", "flagged"]
    return records(kept[columns])


def prostate(results: Results) -> list[dict[str, Any]]:
    """The measures of the clusters of the study `prostate`."""
    measures = tables.read(results.of("prostate", "clusters") / "measures.csv")
    columns = ["dictionary", "measure", "value", "ci_low", "ci_high", "n_cases", "n_patients"]
    return records(measures[columns])


def mammography(results: Results) -> dict[str, Any]:
    """The labels of units of the study `mammography`, their explanations and their removal."""
    folder = results.of("mammography", "units")
    labels = tables.read(folder / "labels.csv")["label"]
    units = tables.read(folder / "unmatched.csv")
    explanations = tables.read(folder / "explanations.csv")
    confounded = units[units["p of AUROC"] < verdicts.SMALL]
    return {
        "units": len(labels),
        "labelled": int(labels.notna().sum()),
        "labels": int(labels.nunique()),
        "texts": {
            rule: int(rows["labels"].fillna("").nunique())
            for rule, rows in explanations.groupby("rule")
        },
        "asked": len(units),
        "confounded": confounded["tells"].tolist() if "tells" in units else [],
        "beyond": records(_beyond(folder / "beyond.csv")),
        "removal": records(tables.read(folder / "removal.csv")),
    }


def _beyond(file: Path) -> pd.DataFrame:
    """How explanations compare with shuffled reports, all words; empty where no unit has a label
    or no report was written."""
    columns = ["explanation", "against", "value", "baseline", "difference", "ci_low", "ci_high"]
    columns += ["n_patients"]
    if not file.is_file():
        return pd.DataFrame(columns=columns)
    return tables.read(file).query("words == 'all words'")[columns]


def _unrounded(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries, numbers as they are."""
    return json.loads(table.to_json(orient="records"))


def write(numbers: Mapping[str, Any], file: Path) -> None:
    """Write the numbers of the paper as JSON, keys sorted."""
    file.write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def claims_by_paper(claims: pd.DataFrame) -> pd.DataFrame:
    """The claims of each paper with their values and verdicts, for the eye."""
    return claims.set_index(["paper", "claim"])[VERDICTS].round(3)


def missing(numbers: Mapping[str, Any]) -> list[str]:
    """The parts of the paper for which there is no number; none in a complete run."""
    grid = pd.DataFrame(numbers["grid"])
    hits = numbers["ultrasound"]
    complete = {
        "studies": [row["study"] for row in numbers["studies"]] == STUDIES,
        "performance": all(row["performance"] for row in numbers["studies"]),
        "grid": set(grid["study"]) == set(STUDIES)
        and not grid.duplicated(["study", "method", "score"]).any(),
        "hits": len(hits["hits"]) == len(hits["methods"]) * len(hits["regions"]),
        "claims": {row["claim"] for row in numbers["claims"]} >= {"auroc", "three-regions"},
    }
    tables_shown = ("histology", "prostate", "chest", "trust", "worth")
    complete |= {name: bool(numbers[name]) for name in tables_shown}
    return [name for name, there in complete.items() if not there]
