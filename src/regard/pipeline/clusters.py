"""Stage clusters: the activations of a layer, factorised, and what the factors are worth.

Clusters are learned from the training patients. Every table describes the test patients.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import r2_score
from torch import Tensor

from regard import kernels
from regard.attribution.nulls import reinitialised
from regard.concepts import cluster_quality, clusters
from regard.core.seeds import seed_of
from regard.models import receptive_field
from regard.pipeline.global_explanation import Cases, annotated, structures


class Layer(NamedTuple):
    """The activations of one layer on all tiles.

    Attributes
    ----------
    name : str
        A name of `model.named_modules()`; "features" is the last layer before the pool.
    maps : Tensor
        Non-negative, float32 (N, C, h, w).
    field : Field
        Where in the tile each location of the layer looks.
    """

    name: str
    maps: Tensor
    field: receptive_field.Field

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width of the maps, in locations."""
        return self.maps.shape[2], self.maps.shape[3]

    @property
    def last(self) -> bool:
        """Whether the pool and the head follow."""
        return self.name == "features"

    def vectors(self, chosen: np.ndarray | None = None) -> Tensor:
        """A row of C activations per location, of all tiles or of those `chosen`, bool (N,)."""
        return clusters.locations(
            self.maps if chosen is None else self.maps[torch.from_numpy(chosen)]
        )


class Followed(NamedTuple):
    """The output of the network that the clusters should explain.

    Attributes
    ----------
    target : str
        A class or a finding.
    towards : Tensor
        (classes,): weights that make one number of the logits, see `concepts.clusters.contrast`.
    head : Tensor
        (C,): what each channel of the last layer counts in that number.
    output : ndarray
        (N,): that number for each tile.
    present : ndarray
        (N,): 1 for tiles with the target, 0 for tiles without, NaN where it is unknown.
    """

    target: str
    towards: Tensor
    head: Tensor
    output: np.ndarray
    present: np.ndarray


class Code(NamedTuple):
    """Weights (N h w, K) of all locations of all tiles, and the dictionary that decodes them.

    Without a dictionary the weights are of something else than the activations of this network.
    """

    weights: Tensor
    dictionary: clusters.Dictionary | None = None


class Tissue(NamedTuple):
    """The annotated structures, and for each test tile the structure of each pixel, int (H, W), as
    of `cluster_quality.tissue`; None for a tile that is not annotated.
    """

    structures: list[str]
    truth: list[np.ndarray | None]

    @property
    def known(self) -> dict[int, np.ndarray]:
        """The tissue of the annotated tiles, by their place among the test tiles."""
        return {place: truth for place, truth in enumerate(self.truth) if truth is not None}


def slides(cases: Cases) -> np.ndarray:
    """The slide of each tile, (N,); the patient where slides are not known."""
    return cases.table["slide"].to_numpy() if "slide" in cases.table else cases.patients


def layer(cases: Cases, name: str) -> Layer:
    """The activations of a layer on all tiles. Raises as `concepts.clusters.activations`."""
    maps = clusters.activations(cases.model, cases.inputs, name)
    return Layer(name, maps, receptive_field.field(cases.model, name, cases.size))


def followed(cases: Cases, layer: Layer, target: str = "") -> Followed:
    """The output that the clusters should explain.

    Parameters
    ----------
    layer : Layer
        The last one saves a pass through the network.
    target : str
        A class or finding; empty: the last.

    Raises
    ------
    ValueError
        For a target that the network does not know.
    """
    towards = clusters.contrast(cases.classes, cases.kind, target)
    name = target or cases.classes[-1]
    maps = layer.maps if layer.last else clusters.activations(cases.model, cases.inputs)
    output = clusters.outputs(cases.model, maps, towards).numpy()
    head = towards @ clusters.head(cases.model).weight.detach().cpu()
    return Followed(name, towards, head, output, cases.present(name))


def convergence(vectors: Tensor, k: int) -> pd.DataFrame:
    """The relative error of the factorisation after each iteration: K, iteration, error."""
    errors = kernels.nmf(vectors, kernels.nndsvda(vectors, k)[None]).errors[:, 0].tolist()
    return pd.DataFrame({"K": k, "iteration": np.arange(1, len(errors) + 1), "error": errors})


def sweep(
    cases: Cases, layer: Layer, followed: Followed, settings: dict
) -> tuple[pd.DataFrame, dict[int, clusters.Dictionary]]:
    """What depends on the number of clusters.

    Returns
    -------
    DataFrame
        K, panel, line, value, low, high: the explained share of the squared activations, the mean
        cosine with the clusters of other fits (low, high: the least and the most similar fit), and
        R squared of the output.
    dict of int to Dictionary
        The clusters of each K.
    """
    rows, dictionaries = [], {}
    for k in settings["sweep"]:
        dictionaries[k] = clusters.nmf(layer.vectors(cases.split("train")), k)
        rows += _rows_of_size(cases, layer, followed, dictionaries[k], settings)
    table = pd.DataFrame(rows, columns=["K", "panel", "line", "value", "low", "high"])
    return table, dictionaries


def _rows_of_size(
    cases: Cases,
    layer: Layer,
    followed: Followed,
    dictionary: clusters.Dictionary,
    settings: dict,
) -> list[tuple]:
    k, code = len(dictionary.rows), Code(dictionary.encode(layer.vectors()), dictionary)
    train, test = cases.split("train"), cases.split("test")
    rows: list[tuple] = []
    for name, chosen in (("training", train), ("test", test)):
        weights = clusters.of_images(code.weights, chosen)
        share = clusters.explained(layer.vectors(chosen), dictionary, weights)
        rows.append((k, "explained", name, share, np.nan, np.nan))
    patients = np.repeat(cases.patients[train], layer.shape[0] * layer.shape[1])
    vectors, refits, seed = layer.vectors(train), settings["refits"], settings["seed"]
    fits = clusters.refits(vectors, k, patients, refits, seed)
    for name, found in zip(("other starts", "other patients"), fits):
        cosines = [clusters.matched(dictionary.rows, again)[0] for again in found]
        rows.append((k, "stability", name, np.mean(cosines), np.min(cosines), np.max(cosines)))
    predicted = {"regressed": regressed(cases, followed, code)}
    if layer.last:
        predicted["decoded"] = decoded(cases, layer, followed, code)
    for name, output in predicted.items():
        squared = r2_score(followed.output[test], output)
        rows.append((k, "R² of the output", name, squared, np.nan, np.nan))
    return rows


def regressed(cases: Cases, followed: Followed, code: Code) -> np.ndarray:
    """The output of the test tiles, predicted from their weights by a ridge regression that is
    fitted on the training patients.
    """
    train, amounts = cases.split("train"), cluster_quality.features(code.weights, len(cases.table))
    return cluster_quality.regressed(
        amounts[train], followed.output[train], amounts[cases.split("test")]
    )


def decoded(cases: Cases, layer: Layer, followed: Followed, code: Code) -> np.ndarray:
    """The output of the test tiles when W H takes the place of their activations."""
    assert code.dictionary is not None, "only a dictionary of the activations decodes weights"
    weights = clusters.of_images(code.weights, cases.split("test"))
    maps = clusters.as_maps(code.dictionary.decode(weights), layer.shape)
    return clusters.outputs(cases.model, maps, followed.towards).numpy()


def soft_maps(cases: Cases, layer: Layer, weights: Tensor) -> np.ndarray:
    """The weights (N h w, K) of all tiles as maps of the test tiles, (n, K, size, size)."""
    maps = clusters.as_maps(clusters.of_images(weights, cases.split("test")), layer.shape)
    return receptive_field.enlarge(maps, cases.size, layer.field).numpy()


def dictionaries(cases: Cases, layer: Layer, settings: dict) -> dict[str, Code]:
    """Clusters and what they are compared with, K rows each: other dictionaries of the same
    activations, clusters of colours, and clusters of a network with re-initialised weights.
    """
    k, train, vectors = settings["k"], cases.split("train"), layer.vectors()
    codes = {}
    for name, fit in clusters.DICTIONARIES.items():
        found = fit(layer.vectors(train), k)
        codes[name] = Code(found.encode(vectors), found)
    colours = clusters.colours(cases.images, layer.shape)
    codes["colours"] = Code(clusters.by_colour(clusters.of_images(colours, train), k)(colours))
    untrained = reinitialised(cases.model, settings["seed"])
    others = clusters.locations(clusters.activations(untrained, cases.inputs, layer.name))
    fitted = clusters.nmf(clusters.of_images(others, train), k)
    codes["nmf, random network"] = Code(fitted.encode(others))
    return codes


def tissue(cases: Cases) -> Tissue:
    """The tissue of each pixel of the test tiles."""
    names, truth = structures(cases), []
    for row in np.flatnonzero(cases.split("test")):
        masks = annotated(cases, int(row), names)
        shape = (cases.size, cases.size)
        truth.append(cluster_quality.tissue(masks, names, shape) if names else None)
    return Tissue(names, truth)


def tissue_scores(
    cases: Cases, layer: Layer, codes: dict[str, Code], tissue: Tissue
) -> pd.DataFrame:
    """How well the strongest cluster of each pixel agrees with the tissue.

    Returns
    -------
    DataFrame
        case, patient, dictionary, measure, value: the adjusted Rand index of each annotated test
        tile, and for each structure the IoU with its best cluster, NaN where a tile has none of it.
    """
    rows, told = [], cases.table[cases.split("test")]
    for name, code in codes.items():
        strongest = soft_maps(cases, layer, code.weights).argmax(1)
        for place, truth in tissue.known.items():
            labels = strongest[place]
            counts = cluster_quality.contingency(
                labels, truth, code.weights.shape[1], len(tissue.structures) + 1
            )
            values = {"adjusted Rand index": cluster_quality.adjusted_rand(labels, truth)}
            overlaps = np.where(counts.any(0), cluster_quality.best_iou(counts), np.nan)
            values |= {f"best IoU, {one}": iou for one, iou in zip(tissue.structures, overlaps)}
            tile = {"case": told["case"].iloc[place], "patient": told["patient"].iloc[place]}
            for measure, value in values.items():
                rows.append(tile | {"dictionary": name, "measure": measure, "value": value})
    return pd.DataFrame(rows, columns=["case", "patient", "dictionary", "measure", "value"])


def tissue_means(
    scores: pd.DataFrame, settings: dict, study: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of `tissue_scores` with intervals over patients, and how far "nmf" is above each other
    dictionary on the same tiles (see `cluster_quality.against`).
    """
    seed, draws = settings["seed"], settings["draws"]
    means = cluster_quality.summarised(
        scores, ["dictionary", "measure"], draws, seed_of(seed, study)
    )
    compared = cluster_quality.against(
        scores, "nmf", draws, settings["flips"], seed_of(seed, study, "clusters")
    )
    return means, compared


def fidelity(
    cases: Cases, layer: Layer, followed: Followed, codes: dict[str, Code], settings: dict
) -> pd.DataFrame:
    """How well the weights of each dictionary predict the network's output, and the truth.

    Returns
    -------
    DataFrame
        dictionary, and the columns of `cluster_quality.fidelity`; "the network itself" comes first,
        with the AUROC of slides as well.
    """
    test = cases.split("test")
    output, present = followed.output[test], followed.present[test]
    patients, draws = cases.patients[test], settings["draws"]
    seed = seed_of(settings["seed"], cases.stage.study, "fidelity")
    predicted = {name: regressed(cases, followed, code) for name, code in codes.items()}
    for name, code in codes.items():
        if layer.last and code.dictionary is not None:
            predicted[f"{name}, decoded"] = decoded(cases, layer, followed, code)
    own = cluster_quality.fidelity(output, output, present, patients, draws, seed)
    own += cluster_quality.of_slides(output, present, slides(cases)[test], patients, draws, seed)
    rows = [{"dictionary": "the network itself"} | row for row in own]
    for name, values in predicted.items():
        found = cluster_quality.fidelity(output, values, present, patients, draws, seed)
        rows += [{"dictionary": name} | row for row in found]
    return pd.DataFrame(rows)


def together(tissue_means: pd.DataFrame, fidelity: pd.DataFrame) -> pd.DataFrame:
    """The rows of `tissue_means` and of `fidelity` in one table."""
    return pd.concat([tissue_means, fidelity])
