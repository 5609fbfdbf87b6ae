"""What the figures of the paper show about all studies: rows of the gathered tables.

The notebook 8_figures calls these functions and draws what they return. The figures of single
studies are in `regard.pipeline.study_figures`, the numbers that the text of the paper prints in
`regard.pipeline.paper_numbers`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regard.claims.verdicts import HEADLINES
from regard.core import project, tables
from regard.evaluation.summary import EMPTY_RULES

BY_HAND = "build/by-hand/figures"
STUDIES = ["histology", "prostate", "ultrasound", "mammography", "chest"]  # order in the paper
NULLS = ["ones", "centre", "edges", "random", "prior", "random-network"]
GRID_SCORES = {  # score -> title of its panel
    "pointing": "hit rate of the maximum",
    "mass": "relevance mass inside",
    "iou": "IoU of the top tenth",
}


class Results(NamedTuple):
    """The results of all studies, and the folder that the stage `figures` fills.

    Attributes
    ----------
    folder : Path
        The folder `results` of the project.
    output : Path
        Where figures and numbers are written; it exists.
    """

    folder: Path
    output: Path

    def of(self, study: str, stage: str) -> Path:
        """The folder that a stage of a study filled."""
        return self.folder / "study" / study / stage

    def table(self, name: str) -> pd.DataFrame:
        """The gathered table results/<name>.csv."""
        return tables.read(self.folder / f"{name}.csv")

    def costs(self) -> pd.DataFrame:
        """The costs of each method in each study, studies in the order of the paper."""
        return pd.concat(
            [tables.read(self.of(study, "attribute") / "costs.csv") for study in STUDIES]
        )


def opened(output: str = "") -> Results:
    """The results of all studies; the folder for figures is made where it does not exist.

    Parameters
    ----------
    output : str
        The folder to fill, from the project's root. Empty: build/by-hand/figures.
    """
    root = project.root()
    target = root / (output or BY_HAND)
    target.mkdir(parents=True, exist_ok=True)
    return Results(root / "results", target)


def compared_methods(results: Results) -> list[str]:
    """The attribution methods that are compared across studies: those of histology."""
    return tables.read(results.of("histology", "attribute") / "costs.csv")["method"].tolist()


def settings(results: Results) -> dict[str, Any]:
    """The settings of the comparison in the study `ultrasound`."""
    file = results.of("ultrasound", "compare") / "settings.json"
    return json.loads(file.read_text(encoding="utf-8"))


def tolerance(settings: Mapping[str, Any]) -> str:
    """The setting of the hit rates that are shown, as in summary.csv: "tolerance=0/224"."""
    return f"tolerance={settings['tolerances'][0]}/224"


def headline(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of summary.csv about each case's own target, where an empty selection scores 0."""
    own = summary["target"].isin(HEADLINES) & summary["target_role"].ne("true")
    return summary[own & summary["empty_rule"].fillna(EMPTY_RULES[0]).eq(EMPTY_RULES[0])]


def expert_regions(headline: pd.DataFrame) -> pd.Series:
    """The region of each study with which selections are compared, indexed by study."""
    return headline[headline["score"] == "dice"].groupby("study")["region"].first()


def common_grid(headline: pd.DataFrame, methods: Sequence[str], tolerance: str) -> pd.DataFrame:
    """The rows of every compared map in every study by the scores of GRID_SCORES, all test cases
    that were explained, studies in the order of the paper.

    Parameters
    ----------
    headline : DataFrame
        Rows of `headline`.
    methods : sequence of str
        The attribution methods that are compared; null maps are NULLS.
    tolerance : str
        The setting of the hit rate.
    """
    region = headline["study"].map(expert_regions(headline))
    rows = headline[(headline["region"] == region) & (headline["stratum"] == "all")]
    wanted = {
        "pointing": rows["setting"] == tolerance,
        "mass": rows["setting"].isna(),
        "iou": (rows["selection"] == "top-area") & (rows["setting"] == "area=0.1"),
    }
    grid = pd.concat([rows[(rows["score"] == score) & here] for score, here in wanted.items()])
    grid = grid[grid["method"].isin([*methods, *NULLS])]
    order = grid["study"].map(STUDIES.index)
    return grid.assign(order=order).sort_values("order", kind="stable")


def complete_hits(grid: pd.DataFrame) -> pd.DataFrame:
    """The hit rates of the maps that explained every case of their study, highest first."""
    hits = grid[(grid["score"] == "pointing") & grid["mean"].notna()]
    hits = hits.sort_values("mean", ascending=False, kind="stable")
    return hits[hits["n_maps"] == hits.groupby("study")["n_maps"].transform("max")]


def best_maps(hits: pd.DataFrame) -> pd.DataFrame:
    """The attribution method and the null map with the highest hit rate, two rows a study.

    hits: rows of `complete_hits`.
    """
    kind = pd.Series(np.where(hits["method"].isin(NULLS), "null map", "method"), hits.index)
    best = hits.assign(kind=kind).groupby(["study", "kind"], sort=False).head(1)
    columns = ["method", "mean", "ci_low", "ci_high", "chance", "n_maps"]
    return best.sort_values(["order", "kind"]).set_index(["study", "kind"])[columns].round(2)


def below_null_maps(hits: pd.DataFrame) -> pd.DataFrame:
    """How many methods hit less often than the best null map of their study.

    hits: rows of `complete_hits`. Columns: null map, its hit rate, methods, methods below.
    """
    counted = {}
    for study, rows in hits.groupby("study", sort=False):
        null = rows[rows["method"].isin(NULLS)].iloc[0]
        methods = rows[~rows["method"].isin(NULLS)]
        below = int((methods["mean"] < null["mean"]).sum())
        counted[study] = (null["method"], round(null["mean"], 2), len(methods), below)
    columns = ["null map", "its hit rate", "methods", "methods below"]
    table = pd.DataFrame.from_dict(counted, orient="index", columns=columns)
    return table.rename_axis("study").reindex([study for study in STUDIES if study in counted])


def similarity(trust: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The rank correlations of trust.csv of the compared methods."""
    return trust[(trust["measure"] == "rank correlation") & trust["method"].isin(methods)]


def deletion(trust: pd.DataFrame) -> pd.DataFrame:
    """The rows of trust.csv about faithfulness by deletion."""
    return trust[(trust["check"] == "faithfulness") & (trust["measure"] == "deletion")]


def cost_and_quality(
    costs: pd.DataFrame, grid: pd.DataFrame, trust: pd.DataFrame, methods: Sequence[str]
) -> pd.DataFrame:
    """The cost of each method in each study beside its quality.

    Parameters
    ----------
    costs : DataFrame
        Costs of all studies, as from `Results.costs`.
    grid : DataFrame
        Rows of `common_grid`.
    trust : DataFrame
        The table trust.csv.
    methods : sequence of str
        The methods that are compared.

    Returns
    -------
    DataFrame
        study, method, passes (forward and backward, per map), localises (hit rate less chance)
        and faithful (area under the deletion curve of smooth random maps less that of the method).
    """
    costs = costs[costs["method"].isin(methods)].reset_index(drop=True)
    costs = costs.assign(passes=costs["forwards"] + costs["backwards"])
    curves = deletion(trust)
    curves = curves.assign(control=curves["control"].fillna("own"))[curves["method"].notna()]
    areas = curves.pivot_table(index=["study", "method"], columns="control", values="mean")
    hits = grid[grid["score"] == "pointing"].set_index(["study", "method"])
    gained = pd.DataFrame(
        {
            "localises": hits["mean"] - hits["chance"],
            "faithful": areas["as smooth"] - areas["own"],
        }
    )
    return costs[["study", "method", "passes"]].join(gained, on=["study", "method"])


def named_claims(stability: pd.DataFrame) -> pd.DataFrame:
    """The rows of `regard.claims.rerun.stability` with a short name for each claim."""
    details = {  # what distinguishes claims of the same name
        "auroc": stability["target"],
        "three-regions": stability["setting"].str.replace("=", " "),
    }
    names = [
        claim.replace("@alam-2023", "") + (f", {details[claim][row]}" if claim in details else "")
        for row, claim in stability["claim"].items()
    ]
    return stability.assign(name=names)


def tested_claims(stability: pd.DataFrame) -> pd.DataFrame:
    """The claims that were tested, studies in the order of the paper."""
    tested = stability[stability["verdict"].ne("not tested")]
    order = tested["study"].map(STUDIES.index)
    return tested.assign(order=order).sort_values("order", kind="stable")


def changed_verdicts(tested: pd.DataFrame) -> pd.DataFrame:
    """The claims whose verdict changed in a rerun: in how many of the reruns it was kept."""
    reruns = tested["verdicts"].str.len()
    changed = tested.assign(reruns=reruns)[tested["kept"] < reruns]
    return changed.set_index(["study", "name"])[["verdict", "kept", "reruns"]]
