"""The groups of explained cases that means are taken over: targets, classes, right and wrong
decisions, numbers of findings.
"""

import numpy as np
import pandas as pd

POOLED = "all findings"  # the target of what is averaged over the findings of a study


def blocks(explanations: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """The sets of explanations that means are taken over.

    Parameters
    ----------
    explanations : DataFrame
        One row per explained case and target, with `case`, `patient`, `target`, `target_role`,
        `label` and the bool `correct`.

    Returns
    -------
    list of (target, target_role, rows)
        One block for the class each case was given and one for its true class; in a study of
        several findings one block per finding and one for all of them together.
    """
    found = []
    for role, rows in explanations.groupby("target_role", sort=False):
        if role == "finding":
            found += [(target, role, own) for target, own in rows.groupby("target", sort=False)]
        found.append((POOLED if role == "finding" else "each case's own", role, rows))
    return found


def headline(explanations: pd.DataFrame) -> tuple[str, str, pd.DataFrame]:
    """The block that claims are made on: the class each case was given, or all findings
    together.
    """
    return next(
        (target, role, rows)
        for target, role, rows in blocks(explanations)
        if role == "predicted" or target == POOLED
    )


def strata(explanations: pd.DataFrame, labels: bool = True) -> dict[str, np.ndarray]:
    """The groups of rows every mean is given for: all, each class, correct and incorrect ones, and
    both together; of findings, those of cases with one, with two, and with more.

    Parameters
    ----------
    explanations : DataFrame
        One row per case, or per finding of a case, with `label` and the bool `correct`.
    labels : bool
        Whether to group by class, which the blocks of findings are already.

    Returns
    -------
    dict
        Name of the group -> which rows belong to it, bool (N,).
    """
    groups = {"all": np.full(len(explanations), True)}
    correct = explanations["correct"].to_numpy(bool)
    outcome = {"correct": correct, "incorrect": ~correct}
    names = sorted(set(explanations["label"])) if labels else []
    for label in names:
        groups[label] = (explanations["label"] == label).to_numpy()
    groups |= outcome
    groups |= {
        f"{label}+{name}": groups[label] & rows for label in names for name, rows in outcome.items()
    }
    if "n_findings" in explanations:
        count = explanations["n_findings"].to_numpy()
        groups |= {
            "1 finding": count == 1,
            "2 findings": count == 2,
            "3 or more findings": count >= 3,
        }
    return groups


def counted(explanations: pd.DataFrame) -> pd.DataFrame:
    """`explanations` with the column n_findings, how many findings of a case are explained; as they
    are without findings.
    """
    if not (explanations["target_role"] == "finding").any():
        return explanations
    return explanations.assign(
        n_findings=explanations.groupby("case")["target"].transform("nunique")
    )
