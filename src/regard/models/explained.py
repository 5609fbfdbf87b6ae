"""Which test cases are explained, for which of their classes or findings, and how many of them can
be scored.

A map can be scored where the expert's region is somewhere on the image: a case without an outline,
or whose outline is empty, has a heat map and no score. Such cases are explained last. The order of
patients, and of the cases of each, is random and depends on the seed alone, neither on what was
called nor on the number of patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regard.core.columns import EXPLANATIONS
from regard.core.seeds import seed_of
from regard.core.statistics import FEWEST, TESTED_FROM
from regard.models.performance import called

if TYPE_CHECKING:
    from torch import Tensor


def predictions(
    table: pd.DataFrame,
    targets: Tensor,
    scores: np.ndarray,
    thresholds: np.ndarray | None,
    classes: Sequence[str],
    kind: str,
) -> pd.DataFrame:
    """Predictions of a network as a table.

    Parameters
    ----------
    table : DataFrame
        Has the columns case, patient, split and data.
    targets : Tensor (N,) or (N, findings)
        As from `training.targets`.
    scores : ndarray (N, classes)
        Probabilities.
    thresholds : ndarray, optional
        As from `training.thresholds`; None takes the class of highest probability.
    classes : sequence of str
    kind : {"label", "findings"}

    Returns
    -------
    DataFrame
        A row per case and class or finding: case, patient, split, data, target, truth (1, 0 or
        blank), probability, threshold (blank without one), called (bool).
    """
    chosen, values = called(scores, thresholds, kind), targets.numpy()
    rows = []
    for place, name in enumerate(classes):
        if kind == "findings":
            assert thresholds is not None, "findings are called by thresholds"
            truth, said, cut = values[:, place], chosen[:, place], thresholds[place]
        else:
            truth, said = np.where(values < 0, np.nan, values == place), chosen == place
            cut = (
                np.nan if thresholds is None else thresholds[0] if place == 1 else 1 - thresholds[0]
            )
        rows.append(
            table[["case", "patient", "split", "data"]].assign(
                target=name, truth=truth, probability=scores[:, place], threshold=cut, called=said
            )
        )
    return pd.concat(rows).sort_index(kind="stable").reset_index(drop=True)


def explanations(predictions: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The cases and targets that are explained.

    Parameters
    ----------
    predictions : DataFrame
        As from `predictions`.
    kind : {"label", "findings"}
        "label": each case for its predicted class (role "predicted") and for its true class
        ("true"); a case without a label is left out. "findings": each finding that a case is known
        to have (role "finding"), `correct` where it was called.

    Returns
    -------
    DataFrame
        Columns EXPLANATIONS; `label` is the true class.
    """
    known = predictions[predictions["truth"] == 1]
    if kind == "findings":
        found = known.assign(target_role="finding", label=known["target"], correct=known["called"])
        return found[EXPLANATIONS].reset_index(drop=True)
    truth = known.set_index("case")["target"]
    given = predictions[predictions["called"] & predictions["case"].isin(truth.index)]
    rows = [given.assign(target_role="predicted"), known.assign(target_role="true")]
    found = pd.concat(rows).assign(
        label=lambda every: every["case"].map(truth),
        correct=lambda every: every["case"].map(known.set_index("case")["called"]),
    )
    return found[EXPLANATIONS].reset_index(drop=True)


def can_be_scored(explanations: pd.DataFrame, outlined: pd.DataFrame) -> np.ndarray:
    """Which explanations can be scored: those with an expert's region that is not empty.

    Parameters
    ----------
    explanations : DataFrame
        N rows with case and target.
    outlined : DataFrame
        A row for each annotated case and target, with the bool column `outlined`; a blank target
        holds for all targets of the case. A case without a row is not annotated.

    Returns
    -------
    ndarray (N,)
        bool.
    """
    drawn = outlined[outlined["outlined"].astype(bool)]
    of_case = set(drawn.loc[drawn["target"].isna() | (drawn["target"] == ""), "case"])
    of_target = set(zip(drawn["case"], drawn["target"]))
    rows = zip(explanations["case"], explanations["target"])
    return np.array(
        [case in of_case or (case, target) in of_target for case, target in rows], dtype=bool
    )


def sampled(
    explanations: pd.DataFrame,
    patients: int,
    seed: int,
    each: int = 0,
    scorable: np.ndarray | None = None,
    most: int = 0,
) -> pd.DataFrame:
    """A random sample of patients and of their cases.

    Parameters
    ----------
    explanations : DataFrame
        N rows.
    patients : int
        Number of patients, 0 for all. Those with a case that can be scored come first.
    seed : int
    each : int
        Number of cases of each patient, 0 for all. Those that can be scored come first.
    scorable : ndarray (N,), optional
        bool; by default all.
    most : int
        With fewer patients than TESTED_FROM in `explanations`, more cases than `each` are taken, up
        to this number of cases: those that can be scored first, spread evenly over the patients.

    Returns
    -------
    DataFrame
        In the order of `explanations`.
    """
    scorable = (
        np.full(len(explanations), True) if scorable is None else np.asarray(scorable, dtype=bool)
    )
    cases = _in_order(explanations.assign(scorable=scorable), seed)
    drawn = cases["patient"].unique()
    chosen = cases[cases["patient"].isin(drawn[: patients or None])]
    if each:
        first = chosen["number"] < each
        few = len(drawn) < TESTED_FROM
        room = max(0, most - first.sum()) if few else 0
        further = chosen[~first].sort_values(["without", "number", "place"])["case"][:room]
        chosen = chosen[first | chosen["case"].isin(further)]
    if len(chosen) == len(cases):
        return explanations
    return explanations[explanations["case"].isin(chosen["case"])].reset_index(drop=True)


def _in_order(explanations: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A row for each case, in the order in which cases are taken: patient, case, without (a
    region), number (of the case among its patient's, from 0), place (of the patient, from 0).
    """
    everybody = np.array(sorted(set(explanations["patient"])))
    with_region = set(explanations["patient"][explanations["scorable"]])
    lots = np.random.default_rng(seed).permutation(everybody)
    places = {
        patient: place
        for place, patient in enumerate(sorted(lots, key=lambda one: one not in with_region))
    }
    cases = explanations.groupby(["patient", "case"], sort=False)["scorable"].any().reset_index()
    cases = cases.assign(
        without=~cases["scorable"],
        place=cases["patient"].map(places),
        lot=[seed_of(seed, case) for case in cases["case"]],
    ).sort_values(["place", "without", "lot"])
    return cases.assign(number=cases.groupby("patient").cumcount())


def spread(
    explanations: pd.DataFrame, count: int, scorable: np.ndarray | None = None
) -> np.ndarray:
    """Positions of a subset of rows with as many rows of each label.

    Parameters
    ----------
    explanations : DataFrame
        N rows with label and patient.
    count : int
        About how many rows; at least one per label; 0 for all.
    scorable : ndarray (N,), optional
        bool; by default all. Rows that can be scored come first, and among them the first one of
        each patient. A label without any has a share only where that is so of every label.

    Returns
    -------
    ndarray
        Ascending.
    """
    if not count or explanations.empty:
        return np.arange(len(explanations))
    rows = explanations.reset_index(drop=True).assign(
        without=False if scorable is None else ~np.asarray(scorable)
    )
    if not rows["without"].all():
        rows = rows[rows.groupby("label")["without"].transform("min") == 0]
    share, taken, found = max(1, count // rows["label"].nunique()), set(), []
    for _, own in rows.groupby("label", sort=False):
        for _ in range(min(share, len(own))):
            best = own[own["without"] == own["without"].min()]
            at = next(
                (row for row, patient in best["patient"].items() if patient not in taken),
                best.index[0],
            )
            found.append(at)
            taken.add(own["patient"][at])
            own = own.drop(at)
    return np.sort(found)


def outlook(explanations: pd.DataFrame, scorable: np.ndarray) -> list[str]:
    """What these explanations allow, in sentences: how many can be scored first, then warnings.

    Parameters
    ----------
    explanations : DataFrame
        N rows with case and patient.
    scorable : ndarray (N,)
        bool.

    Returns
    -------
    list of str
    """
    with_region = explanations[np.asarray(scorable, dtype=bool)]
    cases, patients = (explanations[column].nunique() for column in ("case", "patient"))
    scored, whose = (with_region[column].nunique() for column in ("case", "patient"))
    said = [
        f"{cases} cases of {patients} test patients "
        f"are explained; {scored} of them, of {whose} patients, "
        "have the expert's region and can be scored"
    ]
    return said + limits(cases, scored, whose)


def limits(cases: int, scored: int, patients: int) -> list[str]:
    """Warnings about a small number of cases, a sentence each.

    Parameters
    ----------
    cases : int
        Explained cases.
    scored, patients : int
        Those of them with the expert's region, and their patients.

    Returns
    -------
    list of str
    """
    said = []
    if patients < FEWEST:
        said.append(
            f"WARNING: no interval is possible: "
            f"{patients} patients can be scored, {FEWEST} are needed"
        )
    if patients < TESTED_FROM:
        said.append(
            f"WARNING: no verdict is possible: {patients} patients can be scored, {TESTED_FROM} "
            f"are needed; means are described, not tested"
        )
    if 2 * scored < cases:
        said.append(
            f"WARNING: {cases - scored} of {cases} cases "
            f"have no region of the expert's and cannot be scored"
        )
    return said
