"""Stage clusters, second part: what each cluster means for the output, and what the stage leaves
for the table of claims.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch.nn import functional

from regard.attribution import attribute
from regard.concepts import cluster_quality, clusters
from regard.core import columns, statistics
from regard.core.seeds import seed_of
from regard.evaluation import sanity
from regard.pipeline import clusters as fits
from regard.pipeline.clusters import Code, Followed, Layer, Tissue
from regard.pipeline.global_explanation import Cases

OF_THE_OUTPUT = "R squared|AUROC"  # how the names of measures of the output begin


class Falls(NamedTuple):
    """How much the output of the test tiles falls without each cluster, float64 (n, K) each.

    Attributes
    ----------
    predicted : ndarray
        To first order, see `concepts.clusters.predicted_removal`.
    measured : ndarray
        When the cluster's share is removed from the activations.
    control : ndarray
        The mean absolute fall when the channels of the removed share are permuted.
    """

    predicted: np.ndarray
    measured: np.ndarray
    control: np.ndarray


def concept_table(
    cases: Cases, layer: Layer, followed: Followed, code: Code, tissue: Tissue, settings: dict
) -> tuple[pd.DataFrame, float]:
    """What is known of each cluster, on the test patients.

    Returns
    -------
    DataFrame
        A row per cluster: the share of the locations where it is the strongest, in tiles with and
        without the target; the columns of `cluster_quality.coefficients`; contribution, what one
        unit adds to the output before the pool; its best tissue and their IoU where tissue is
        annotated; the variance between sites where these are known.
    float
        R squared of the least-squares fit of the slides' output.
    """
    test, k = cases.split("test"), code.weights.shape[1]
    weights, present = clusters.of_images(code.weights, test), followed.present[test]
    strongest = functional.one_hot(weights.argmax(1), k).float()
    areas = clusters.as_maps(strongest, layer.shape).mean((2, 3)).numpy()
    amounts = cluster_quality.features(weights, int(test.sum()))[:, :k]
    fitted, share = _fit_of_slides(cases, followed, amounts, settings)
    assert code.dictionary is not None
    contributions = clusters.contributions(code.dictionary, followed.head).numpy()
    table = pd.DataFrame(
        {
            "cluster": np.arange(1, k + 1),
            f"area with {followed.target}": areas[present == 1].mean(0),
            "area without": areas[present == 0].mean(0),
        }
    )
    table = pd.concat([table, fitted], axis=1).assign(contribution=contributions)
    if tissue.known:
        labels = fits.soft_maps(cases, layer, code.weights).argmax(1)
        table["tissue"], table["IoU"] = _best_tissue(labels, tissue, k)
    if "site" in cases.table:
        sites = _mean_of(amounts, cases.patients[test], site=cases.table["site"].to_numpy()[test])
        table["variance by site"], table["variance by chance"] = _variance(sites, k)
    return table, share


def _mean_of(amounts: np.ndarray, groups: np.ndarray, **first: np.ndarray) -> pd.DataFrame:
    """The mean amounts (n, K) of each group (n,), columns 0 to K - 1, and of what else is given the
    first of each group; an "output" is averaged.
    """
    how = {name: "mean" if name == "output" else "first" for name in first}
    rules = dict.fromkeys(range(amounts.shape[1]), "mean") | how
    return pd.DataFrame(amounts).assign(**first).groupby(groups).agg(rules)


def _fit_of_slides(
    cases: Cases, followed: Followed, amounts: np.ndarray, settings: dict
) -> tuple[pd.DataFrame, float]:
    test = cases.split("test")
    of_slides = _mean_of(
        amounts,
        fits.slides(cases)[test],
        output=followed.output[test],
        patient=cases.patients[test],
    )
    return cluster_quality.coefficients(
        of_slides[list(range(amounts.shape[1]))].to_numpy(),
        of_slides["output"].to_numpy(),
        of_slides["patient"].to_numpy(),
        settings["draws"],
        settings["seed"],
    )


def _best_tissue(labels: np.ndarray, tissue: Tissue, k: int) -> tuple[list[str], np.ndarray]:
    """The tissue with the largest IoU of each cluster, over all annotated tiles, and that IoU."""
    names = [*tissue.structures, "other"]
    truth = np.stack(list(tissue.known.values()))
    counts = cluster_quality.contingency(labels[list(tissue.known)], truth, k, len(names))
    union = counts.sum(1, keepdims=True) + counts.sum(0, keepdims=True) - counts
    overlap = counts / union.clip(min=1)
    return [names[best] for best in overlap.argmax(1)], overlap.max(1)


def _variance(sites: pd.DataFrame, k: int) -> tuple[list[float], float]:
    """The share of each cluster's variance over patients between sites, and that by chance."""
    groups = sites["site"].to_numpy()
    shares = [
        cluster_quality.variance_explained(sites[number].to_numpy(), groups) for number in range(k)
    ]
    return shares, cluster_quality.variance_by_chance(groups)


def falls(
    cases: Cases, layer: Layer, followed: Followed, code: Code, settings: dict
) -> Falls | None:
    """What removing each cluster takes from the output; None where the layer is not the last one,
    and the head does not decode it.
    """
    if not layer.last:
        return None
    assert code.dictionary is not None
    test = cases.split("test")
    maps, weights = layer.maps[torch.from_numpy(test)], clusters.of_images(code.weights, test)
    predicted = clusters.predicted_removal(
        maps, weights, code.dictionary, followed.head, cases.pool
    )
    given = (cases.model, maps, weights, code.dictionary, followed.towards)
    measured = clusters.removal(*given).numpy()
    controls = []
    for draw in range(settings["controls"]):
        seed = seed_of(settings["seed"], cases.stage.study, "removal", draw)
        controls.append(np.abs(clusters.removal(*given, shuffled=seed).numpy()))
    return Falls(predicted.numpy(), measured, np.mean(controls, axis=0))


def removal_table(cases: Cases, falls: Falls | None, settings: dict) -> pd.DataFrame | None:
    """Means of each tile's falls with intervals over patients: measure, and the columns of
    `cluster_quality.summarised`; None without falls.
    """
    if falls is None:
        return None
    predicted, measured = (torch.from_numpy(each)[:, None] for each in falls[:2])
    size, control = np.abs(falls.measured).mean(1), falls.control.mean(1)
    values = {
        "rank correlation, predicted and measured fall": sanity.rank_correlation(
            predicted, measured
        ).numpy(),
        "absolute fall": size,
        "absolute fall, channels dealt out anew": control,
        "absolute fall, clusters - channels dealt out anew": size - control,
    }
    tiles = cases.table.loc[cases.split("test"), ["case", "patient"]]
    rows = [tiles.assign(measure=name, value=each) for name, each in values.items()]
    return cluster_quality.summarised(
        pd.concat(rows), ["measure"], settings["draws"], settings["seed"]
    )


def agreement(
    cases: Cases, layer: Layer, followed: Followed, code: Code, settings: dict
) -> pd.DataFrame | None:
    """The mean rank correlation over test tiles of the clusters' heat map, and of Grad-CAM, with
    Grad-CAM and occlusion; None where the layer is not the last one.

    The clusters' map is the sum of their weights times their contributions to the output.

    Returns
    -------
    DataFrame or None
        map of, with, value, ci_low, ci_high, n_cases, n_patients.
    """
    if not layer.last:
        return None
    assert code.dictionary is not None
    test, device = cases.split("test"), next(cases.model.parameters()).device
    inputs, place = (
        cases.inputs[torch.from_numpy(test)].to(device),
        cases.classes.index(followed.target),
    )
    targets, patients = torch.full((len(inputs),), place, device=device), cases.patients[test]
    shares = clusters.contributions(code.dictionary, followed.head)[None, :, None, None]
    of_clusters = (torch.from_numpy(fits.soft_maps(cases, layer, code.weights)) * shares).sum(1)
    grad_cam = attribute(cases.model, inputs, targets, "grad-cam").cpu()
    occlusion = attribute(cases.model, inputs, targets, "occlusion", **settings["occlusion"]).cpu()
    counted = {"n_cases": len(inputs), "n_patients": len(set(patients))}
    rows = []
    for name, heat_maps in (("grad-cam", grad_cam), ("occlusion", occlusion)):
        for own, others in (("clusters", of_clusters), ("grad-cam", grad_cam)):
            values = sanity.rank_correlation(heat_maps, others).numpy()
            found = statistics.mean_interval(values, patients, settings["draws"], settings["seed"])
            row = dict(zip(("value", "ci_low", "ci_high"), found))
            rows.append({"map of": own, "with": name} | row | counted)
    return pd.DataFrame(rows)


def earlier_layer(
    cases: Cases, followed: Followed, tissue: Tissue, settings: dict
) -> pd.DataFrame | None:
    """Clusters of the layer `settings["earlier"]`, as many as of the other layer: agreement with
    tissue and fidelity, rows as of `cluster_quality.fidelity`; None where none is named.
    """
    if not settings["earlier"]:
        return None
    finer, test = fits.layer(cases, settings["earlier"]), cases.split("test")
    dictionary = clusters.nmf(finer.vectors(cases.split("train")), settings["k"])
    code = Code(dictionary.encode(finer.vectors()), dictionary)
    labels, indices = (
        fits.soft_maps(cases, finer, code.weights).argmax(1),
        np.full(test.sum(), np.nan),
    )
    for place, truth in tissue.known.items():
        indices[place] = cluster_quality.adjusted_rand(labels[place], truth)
    patients, parts = cases.patients[test], []
    if tissue.known:
        scores = pd.DataFrame(
            {"patient": patients, "measure": "adjusted Rand index", "value": indices}
        )
        parts = [
            cluster_quality.summarised(scores, ["measure"], settings["draws"], settings["seed"])
        ]
    found = cluster_quality.fidelity(
        followed.output[test],
        fits.regressed(cases, followed, code),
        followed.present[test],
        patients,
        settings["draws"],
        seed_of(settings["seed"], cases.stage.study, "fidelity"),
    )
    return pd.concat([*parts, pd.DataFrame(found)])


def layer_size(cases: Cases, name: str) -> str:
    """How many locations and channels a layer has, in words; empty: no layer."""
    if not name:
        return "No earlier layer is named."
    maps = clusters.activations(cases.model, cases.inputs[:1], name)
    return f"{name}: {maps.shape[2]} x {maps.shape[3]} locations of {maps.shape[1]} channels"


def claims_table(
    cases: Cases,
    followed: Followed,
    settings: dict,
    compared: pd.DataFrame,
    measures: pd.DataFrame,
    agreement: pd.DataFrame | None,
    removal: pd.DataFrame | None,
    earlier: pd.DataFrame | None,
) -> pd.DataFrame:
    """Every number of this stage that a claim may refer to, columns `core.columns.CONCEPTS`."""
    pairs = compared["measure"] + ", " + compared["first"] + " - " + compared["second"]
    parts = [compared.assign(statistic=pairs).rename(columns={"difference": "value"})]
    of_output = measures[measures["measure"].str.match(OF_THE_OUTPUT)]
    parts.append(of_output.assign(statistic=of_output["measure"] + ", " + of_output["dictionary"]))
    if agreement is not None:
        own = agreement[agreement["map of"] == "clusters"]
        parts.append(own.assign(statistic="rank correlation with " + own["with"]))
    if removal is not None:
        parts.append(removal.assign(statistic=removal["measure"]))
    if earlier is not None:
        of_layer = earlier["measure"] + ", nmf of " + settings["earlier"]
        parts.append(earlier.assign(statistic=of_layer))
    table = pd.concat(parts).assign(
        study=cases.stage.study,
        data=cases.data,
        target=followed.target,
        setting=f"K={settings['k']};layer={settings['layer']}",
        profile=settings["profile"],
    )
    return table.reindex(columns=columns.CONCEPTS)


def stored(
    cases: Cases,
    layer: Layer,
    followed: Followed,
    code: Code,
    of_size: Mapping[int, clusters.Dictionary],
    settings: dict,
) -> xr.Dataset:
    """The clusters, for the explorer: their rows and weights on the test tiles, the rows of every K
    of the sweep, the activations, and of the last layer the head.
    """
    assert code.dictionary is not None
    test, k = cases.split("test"), len(code.dictionary.rows)
    weights = clusters.as_maps(clusters.of_images(code.weights, test), layer.shape).numpy()
    variables = {
        "rows": (("cluster", "channel"), code.dictionary.rows.numpy()),
        "weights": (("case", "cluster", "y", "x"), weights),
    }
    for count, found in sorted({k: code.dictionary, **of_size}.items()):
        variables[f"rows_{count}"] = ((f"cluster_{count}", "channel"), found.rows.numpy())
    variables["activations"] = (
        ("case", "channel", "y", "x"),
        layer.maps[torch.from_numpy(test)].numpy(),
    )
    if layer.last:
        variables["head"] = (("channel",), followed.head.numpy())
    bias = clusters.head(cases.model).bias.detach().cpu()
    attributes = {
        "study": cases.stage.study,
        "data": cases.data,
        "layer": layer.name,
        "stride": layer.field.stride,
        "first": layer.field.first,
        "target": followed.target,
        "pool": cases.pool,
        "bias": float(followed.towards @ bias),
        "profile": settings["profile"],
    }
    places = {"case": cases.table["case"].to_numpy()[test], "cluster": np.arange(1, k + 1)}
    return xr.Dataset(variables, places, attributes)
