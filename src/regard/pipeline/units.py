"""Stage units: the channels of the last feature map, their ranks and where they respond.

Units are ranked and named on the training and tuning patients. They are tested on the test
patients.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from regard import kernels
from regard.concepts import clusters, units
from regard.concepts.cluster_quality import weighted_auroc
from regard.core import statistics
from regard.core.seeds import seed_of
from regard.kernels.unit_activity import Activity
from regard.models import receptive_field
from regard.pipeline.global_explanation import Cases

POOLED, LARGEST = "pooled (the network)", "largest anywhere (as published)"
BATCH = 32  # images that go through the network at a time


class Units(NamedTuple):
    """The units of a network.

    Attributes
    ----------
    maps : Tensor
        Non-negative, float32 (N, U, h, w): the last feature maps of all cases.
    weights : Tensor
        (classes, U): of the head.
    amount : str
        What the head receives of each unit, a name in `concepts.units.AMOUNTS`.
    rows : Tensor
        int64 (n,): the cases of the training and tuning patients.
    activity : Activity
        Of those cases: the largest activations of each unit, and a quantile.
    field : Field
        Where in the image each location of the maps looks.
    """

    maps: Tensor
    weights: Tensor
    amount: str
    rows: Tensor
    activity: Activity
    field: receptive_field.Field

    @property
    def learned(self) -> Tensor:
        """The maps of the training and tuning patients, (n, U, h, w)."""
        return self.maps[self.rows]

    @property
    def amounts(self) -> list[str]:
        """What units are ranked by: the largest activation, and what the head receives."""
        return list(dict.fromkeys(["max", self.amount]))


class Target(NamedTuple):
    """The class or finding that is explained.

    Attributes
    ----------
    name : str
        Its name.
    place : int
        Its place among the network's outputs.
    towards : Tensor
        (classes,): its logit less the mean of the others, see `concepts.clusters.contrast`.
    head : Tensor
        (U,): what each unit counts in that number.
    """

    name: str
    place: int
    towards: Tensor
    head: Tensor


def of_network(cases: Cases, settings: dict) -> Units:
    """The units of the network on all cases."""
    maps = clusters.activations(cases.model, cases.inputs)
    rows = torch.from_numpy(np.flatnonzero(~cases.split("test")))
    learned = maps[rows]
    locations = len(learned) * maps.shape[2] * maps.shape[3]
    activity = kernels.activity(
        learned.split(64), locations, settings["quantile"], settings["images"]
    )
    return Units(
        maps,
        clusters.head(cases.model).weight.detach().cpu(),
        "mean" if cases.pool == "avg" else "max",
        rows,
        activity,
        receptive_field.field(cases.model, "features", cases.size),
    )


def target(cases: Cases, found: Units, settings: dict) -> Target:
    """The target named in the settings; without a name the last class or finding."""
    name = settings["target"] or cases.classes[-1]
    towards = clusters.contrast(cases.classes, cases.kind, name)
    return Target(name, cases.classes.index(name), towards, towards @ found.weights)


def seed(cases: Cases, settings: dict) -> int:
    """The seed of everything that is permuted or sampled after Step 3."""
    return seed_of(settings["seed"], cases.stage.study, "units")


def groups(cases: Cases, settings: dict) -> np.ndarray:
    """The class of each case, or whether it has the target finding, as text (N,): words are
    compared within these groups.
    """
    if cases.kind == "label":
        return cases.table["label"].fillna("").to_numpy()
    name = settings["target"] or cases.classes[-1]
    return pd.to_numeric(cases.table[name]).fillna(-1).astype(str).to_numpy()


@torch.no_grad()
def probabilities(cases: Cases) -> dict[str, Tensor]:
    """The probabilities of each class or finding, (N, classes), by the name of the score: of the
    network; with an average pool also the largest of any location, as published.
    """
    device = next(cases.model.parameters()).device

    def shares(logits: Tensor) -> Tensor:
        return logits.softmax(1) if cases.kind == "label" else logits.sigmoid()

    parts = cases.inputs.split(BATCH)
    found = {POOLED: shares(torch.cat([cases.model(part.to(device)).cpu() for part in parts]))}
    if cases.pool == "avg":
        dense = [units.dense(cases.model, part.to(device)).cpu() for part in parts]
        found[LARGEST] = shares(torch.cat(dense)).flatten(2).amax(2)
    return found


def class_scores(cases: Cases, scores: dict[str, Tensor], settings: dict) -> pd.DataFrame:
    """AUROC of each class against the rest on the test patients, with intervals over patients.

    Parameters
    ----------
    scores : dict of str to Tensor
        (N, classes) by the name of the score, as of `probabilities`.

    Returns
    -------
    DataFrame
        score, target, value, ci_low, ci_high, n_cases, n_patients.
    """
    rows, test = [], cases.split("test")
    for name, values in scores.items():
        for place, one in enumerate(cases.classes):
            present = cases.present(one)
            known = ~np.isnan(present) & test
            patients = cases.patients[known]
            measure = weighted_auroc(present[known] == 1, values[known, place].numpy())
            value, low, high = statistics.interval(
                measure, patients, settings["draws"], settings["seed"]
            )
            row = {"score": name, "target": one, "value": value, "ci_low": low, "ci_high": high}
            counted = {"n_cases": int(known.sum()), "n_patients": len(set(patients))}
            rows.append(row | counted)
    return pd.DataFrame(rows)


def ranking(cases: Cases, found: Units, settings: dict) -> pd.DataFrame:
    """Units by how many images they are among the most influential of, for each class and amount:
    target, amount, rank, unit, images, share, influence.
    """
    rows, learned = [], found.learned
    for place, name in enumerate(cases.classes):
        for amount in found.amounts:
            influences = units.influence(learned, found.weights[place], amount)
            ranked = units.ranking(influences, settings["top"])
            share = ranked["images"] / len(learned)
            rows.append(
                ranked.assign(target=name, amount=amount, rank=ranked.index + 1, share=share)
            )
    columns = ["target", "amount", "rank", "unit", "images", "share", "influence"]
    return pd.concat(rows, ignore_index=True)[columns]


def shared_ranks(first: pd.DataFrame) -> pd.DataFrame:
    """How many of the first units of each class are the same by each amount: a row per class.

    first: rows of `ranking`.
    """
    rows = []
    for name, part in first.groupby("target", sort=False):
        by_amount = [set(chosen) for _, chosen in part.groupby("amount")["unit"]]
        rows.append({"target": name, "units": len(by_amount[0])})
        rows[-1]["same by both amounts"] = len(set.intersection(*by_amount))
    return pd.DataFrame(rows).set_index("target")


def responses(
    cases: Cases, found: Units, unit: int, images: Tensor, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where a unit responds on images, by two rules.

    Parameters
    ----------
    images : Tensor
        int64 (n,): places among `found.rows`.
    share : float
        Of the unit's largest activation, for the published rule.

    Returns
    -------
    published, dissection : ndarray
        Bool (n, size, size) each, see `concepts.units.published_masks` and `dissection_masks`.
    """
    maps = found.maps[found.rows[images], unit]
    largest = found.activity.largest[unit, :1].expand(len(maps))
    threshold = found.activity.threshold[unit].expand(len(maps))
    published = units.published_masks(maps, largest, cases.size, found.field, share)
    dissection = units.dissection_masks(maps, threshold, cases.size, found.field)
    return published.numpy(), dissection.numpy()
