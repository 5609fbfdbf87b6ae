"""What the figures of the paper show about single studies: cases, maps, tiles and units."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image

from regard.core import arrays, tables
from regard.data import letterbox, reference_regions
from regard.evaluation.scores import points
from regard.models import receptive_field
from regard.pipeline.figures import Results, expert_regions

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


def hits_by_region(summary: pd.DataFrame, regions: Sequence[str], tolerance: str) -> pd.DataFrame:
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
