"""Permutations of regions, or words, between patients."""

import numpy as np


def permuted(
    hits: np.ndarray, patients: np.ndarray, draws: int, seed: int, groups: np.ndarray | None = None
) -> dict:
    """Test whether maps hit the regions of their own cases more often than those of other patients.

    Parameters
    ----------
    hits : ndarray (N, N)
        bool or 0/1: whether the map of case n hits the region of case m.
    patients : ndarray (N,)
    draws, seed : int
    groups : ndarray (N,), optional
        Regions are permuted within groups, such as those of one finding.

    Returns
    -------
    dict
        value: share of own hits; permuted: mean over the draws; p: one-sided, one added to count
        and total; n_cases, n_patients. permuted and p are NaN where no group has two patients.
    """
    hits, patients = np.asarray(hits, dtype=float), np.asarray(patients, dtype=str)
    groups = np.zeros(len(hits)) if groups is None else np.asarray(groups)
    found = {
        "value": float(np.diag(hits).mean()) if len(hits) else np.nan,
        "permuted": np.nan,
        "p": np.nan,
    }
    found |= {"n_cases": len(hits), "n_patients": len(set(patients))}
    random, total, able = np.random.default_rng(seed), np.zeros(draws), False
    for group in dict.fromkeys(groups.tolist()):
        rows = np.flatnonzero(groups == group)
        whose = dealt(patients[rows], draws, random)
        able |= whose is not None
        total += hits[rows, rows].sum() if whose is None else hits[rows, rows[whose]].sum(axis=1)
    if able:
        means = total / len(hits)
        found["permuted"] = float(means.mean())
        found["p"] = float(((means >= found["value"] - 1e-12).sum() + 1) / (draws + 1))
    return found


def dealt(patients: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray | None:
    """Random permutations of patients: for each row, a random row of the patient that replaces its
    own.

    Parameters
    ----------
    patients : ndarray (n,)
    draws : int
    random : np.random.Generator

    Returns
    -------
    ndarray (draws, n), or None
        int, positions of rows; None for one patient alone.
    """
    names, member = np.unique(patients, return_inverse=True)
    if len(names) < 2:
        return None
    order, count = np.argsort(member, kind="stable"), np.bincount(member)
    begin = np.cumsum(count) - count
    whose = np.argsort(random.random((draws, len(names))), axis=1)[:, member]
    return order[begin[whose] + (random.random(whose.shape) * count[whose]).astype(int)]
