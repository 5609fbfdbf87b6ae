"""Which test cases are explained, for which of their classes or findings, and how many of them can
be scored.

A map can be scored where the expert's region is somewhere on the image: a case without an outline,
or whose outline is empty, has a heat map and no score. Such cases are explained last. The order of
patients, and of the cases of each, is drawn by lot from the seed; it depends neither on what was
called nor on how many are asked for.
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
    """One row per case and class or finding: case, patient, split, data, target, truth (1, 0,
    blank), probability, threshold (blank where the likeliest class is called), called (bool)."""
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
    """What is explained of the rows of `predictions`, with the columns EXPLANATIONS.

    kind "label": each case for the class it was given (role "predicted") and for its true class
    ("true"), `label` being the true class; a case without a label is left out. kind "findings":
    each finding a case is known to have (role "finding"), `correct` when it was called.
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
    """Which rows of `explanations` can be scored, bool (N,): those of which the expert's region is
    somewhere on the image.

    outlined: a row for each case and target that the expert annotated, with the bool `outlined`; a
    blank target holds for all targets of the case. A case that has no row is not annotated, and
    cannot be scored.
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
    """The rows of so many patients, and of each of these of so many cases, in the order they have.

    patients, each: 0 for all. scorable: bool (N,), of each row, None for all. Patients are drawn by
    lot, those with a case that can be scored first; and so are the cases of each. most: with fewer
    patients than TESTED_FROM in `explanations`, more cases than `each` of a patient are taken, up
    to so many in all: those that can be scored first, spread evenly over the patients.
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
    """The positions of about `count` rows, as many of each `label`, at least one; count=0: all.

    Of each label rows that can be scored (`scorable`, bool (N,), None for all) are taken first, and
    among them the first ones of patients who have none yet. A label of which no row can be scored
    has a share only where that is so of every label.
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
    """What can be said of these explanations, a sentence each: how many can be scored first, then
    what they do not allow.
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
    """What so few cases do not allow, a sentence each. cases: those explained; scored, patients:
    those that have the expert's region, and of how many patients.
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
