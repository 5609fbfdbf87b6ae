"""What the figures of the paper show: rows and pictures taken from the results of all studies.

The notebook 8_figures calls these functions and draws what they return; the numbers that the text
of the paper prints are in `regard.pipeline.paper_numbers`.
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image

from regard.claims.verdicts import HEADLINES
from regard.core import arrays, project, tables
from regard.data import letterbox, reference_regions
from regard.evaluation.scores import points
from regard.evaluation.summary import EMPTY_RULES
from regard.models import receptive_field

BY_HAND = "build/by-hand/figures"
STUDIES = ["histology", "prostate", "ultrasound", "mammography", "chest"]  # order in the paper
NULLS = ["ones", "centre", "edges", "random", "prior", "random-network"]
GRID_SCORES = {  # score -> title of its panel
    "pointing": "hit rate of the maximum",
    "mass": "relevance mass inside",
    "iou": "IoU of the top tenth",
}
HISTOLOGY_METHODS = ["gradient", "lrp-z", "lrp-epsilon", "ones", "edges", "prior"]
HISTOLOGY_RULES = {  # title of a panel -> the rule of selection
    f"{name}, {setting}": {"selection": name, "setting": setting}
    for name, setting in (
        ("bins", "bins=10"),
        ("kmeans", "k=3"),
        ("meanshift", "quantile=0.2"),
        ("top-area", "area=0.1"),
    )
}
CHEST_METHODS = [
    *(f"{name}@alam-2023" for name in ("lime", "shap", "grad-cam", "lrp-epsilon")),
    *("ones", "centre", "prior"),
]
CHEST_RULES = {
    "Otsu, as published": {"selection": "otsu@alam-2023"},
    "Otsu, positive": {"selection": "otsu"},
    "tuned threshold": {"selection": "relative-max@tuned"},
    "top tenth": {"selection": "top-area"},
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


# ---- all studies


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


# ---- one study


def first_cases(explanations: pd.DataFrame) -> pd.DataFrame:
    """The first explained case of each class and outcome, correctly classified cases first.

    explanations: explanations.csv of a study; its predicted classes are shown.
    """
    predicted = explanations[explanations["target_role"] == "predicted"]
    first = predicted.groupby(["label", "correct"]).head(1)
    return first.sort_values(["correct", "label"], ascending=[False, True])


class Pictures(NamedTuple):
    """Cases with their maps, as `regard.figures.maps.heat_maps` takes them.

    Attributes
    ----------
    images : list of ndarray
        Images (H, W[, 3]), uint8.
    maps : dict of ndarray
        Maps (n, H, W) of each method.
    titles : list of str
        Class of each case, and the class that the network predicted.
    outlines : list of ndarray or None
        The expert's region of each case, bool (H, W); None without one.
    points : dict of ndarray
        Row and column of the maximum of each map, (n, 2).
    """

    images: list[np.ndarray]
    maps: dict[str, np.ndarray]
    titles: list[str]
    outlines: list[np.ndarray | None]
    points: dict[str, np.ndarray]


def pictures(results: Results, study: str, cases: pd.DataFrame, methods: Sequence[str]) -> Pictures:
    """Images, maps and outlines of some cases of a study.

    cases: rows of explanations.csv; methods: maps that every case has.
    """
    maps = arrays.read(results.of(study, "attribute") / "maps.nc")
    images = arrays.read(results.of(study, "prepare") / "images.nc")["images"]
    sizes = tables.read(results.of(study, "prepare") / "cases.csv").set_index("case")
    shown = list(zip(cases["case"], cases["target"]))
    drawn = {name: np.stack([arrays.pick(maps, name, *key) for key in shown]) for name in methods}
    outlines = []
    for case, label in shown:
        file = results.of(study, "prepare") / "outlines"
        mask = reference_regions.read_outline(file, case, label)
        if mask is not None:
            height, width = sizes.loc[case, ["height", "width"]]
            box = letterbox.letterbox(height, width, maps.attrs["size"])
            mask = letterbox.mask_to_square(mask, box)
        outlines.append(mask)
    return Pictures(
        [images.sel(case=case).to_numpy() for case, _ in shown],
        drawn,
        [f"{row.label},\ncalled {row.target}" for row in cases.itertuples()],
        outlines,
        {name: points(torch.from_numpy(heats)).numpy() for name, heats in drawn.items()},
    )


def regions_around(settings: Mapping[str, Any]) -> list[str]:
    """The regions of a mass and around it, the paper's combined region last."""
    return [*reference_regions.AROUND_MASS, settings["together"]]


def hits_by_region(
    summary: pd.DataFrame, regions: Sequence[str], tolerance: str
) -> pd.DataFrame:
    """The hit rates of the study `ultrasound` among correctly classified cases, by region."""
    wanted = {
        "study": "ultrasound",
        "score": "pointing",
        "target_role": "predicted",
        "stratum": "correct",
        "setting": tolerance,
    }
    rows = matching(summary, wanted)
    return rows[rows["region"].isin(regions)]


def region_panels(regions: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """A panel for each region but `other`: its title, and the rows it shows."""
    shown = [region for region in regions if region != "other"]
    return [(region.replace("+", " +\n"), {"region": region}) for region in shown]


def overlap(headline: pd.DataFrame, study: str, methods: Sequence[str]) -> pd.DataFrame:
    """The IoU of the selections of some maps with the expert's region of a study, all cases."""
    region = expert_regions(headline)[study]
    wanted = {"study": study, "score": "iou", "stratum": "all", "region": region}
    rows = matching(headline, wanted)
    return rows[rows["method"].isin(methods)]


def matching(table: pd.DataFrame, wanted: Mapping[str, str]) -> pd.DataFrame:
    """The rows of a table with all these values."""
    return table[np.logical_and.reduce([table[name] == value for name, value in wanted.items()])]


def ranking(rows: pd.DataFrame, rules: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The methods from the largest mean IoU to the smallest, a row for each rule of selection.

    rows: of `overlap`; rules: title -> values of its rows. A method that explained fewer cases
    than others stands in brackets.
    """
    orders = {}
    for title, rule in rules.items():
        some = matching(rows, rule).sort_values("mean", ascending=False, kind="stable")
        names = [
            f"{row.method} {row.mean:.2f}"
            if row.n_maps == some["n_maps"].max()
            else f"({row.method} {row.mean:.2f})"
            for row in some.itertuples()
        ]
        orders[title] = " > ".join(names)
    return pd.DataFrame({"mean IoU": orders}).rename_axis("rule")


def strongest(weights: np.ndarray, patients: Sequence[str], count: int = 3) -> list[int]:
    """The cases in which a cluster has its largest weights, one of each patient, strongest first.

    weights: of one cluster, (cases, height, width); patients: of each case.
    """
    order = np.argsort(-weights.max((1, 2)), kind="stable")
    first = np.unique(np.asarray(patients)[order], return_index=True)[1]
    return [int(order[place]) for place in sorted(first)][:count]


def cluster_tiles(results: Results) -> list[list[tuple[np.ndarray, np.ndarray, str]]]:
    """The strongest tiles of each cluster of the study `prostate`: image, weights, label."""
    clusters = arrays.read(results.of("prostate", "clusters") / "clusters.nc")
    images = arrays.read(results.of("prostate", "prepare") / "images.nc")["images"]
    cases = tables.read(results.of("prostate", "prepare") / "cases.csv").set_index("case")
    cases = cases.loc[clusters["case"].to_numpy()]
    field = receptive_field.Field(clusters.attrs["stride"], clusters.attrs["first"])
    weights = torch.from_numpy(clusters["weights"].to_numpy())
    enlarged = receptive_field.enlarge(weights, images.shape[1], field).numpy()
    return [
        [
            (
                images.sel(case=cases.index[row]).to_numpy(),
                enlarged[row, number],
                cases["label"].iloc[row],
            )
            for row in strongest(enlarged[:, number], cases["patient"])
        ]
        for number in range(clusters.sizes["cluster"])
    ]


def unit_strips(results: Results, count: int = 5) -> list[tuple[str, np.ndarray]]:
    """The most influential units of the study `mammography`: title, and their images in a row."""
    folder = results.of("mammography", "units")
    labels = tables.read(folder / "labels.csv").set_index("unit")
    rows = []
    for unit in tables.read(folder / "unmatched.csv").sort_values("rank").head(count).itertuples():
        page = np.asarray(Image.open(io.BytesIO((folder / f"pages/{unit.name}.png").read_bytes())))
        label = labels.loc[unit.unit, "label"]
        auroc = labels.loc[unit.unit, "AUROC"]
        text = f"{label}\nAUROC {auroc:.2f}" if isinstance(label, str) else "no label"
        rows.append((f"{unit.name}\n{text}", page[: page.shape[1] // 8]))
    return rows


# ---- reruns


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
