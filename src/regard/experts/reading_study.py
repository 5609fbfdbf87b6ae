"""Experts' ratings of heat maps shown without the names of the methods: the qualitative part of
Alam et al. (2023), as a reading study.

A row is one rater's opinion of one map of one network, known by its digest.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from regard.core import statistics
from regard.core.columns import CONCEPTS
from regard.core.seeds import seed_of
from regard.experts import answer_table

FORM = answer_table.Form(
    ("study", "network", "case", "target", "method", "rater"),
    {
        "plausibility": (
            "Would you, as a reader, decide by what is marked? 1: by no means, 5: by exactly this",
            ("1", "2", "3", "4", "5"),
        ),
        "remark": ("Remark", ()),
        "closed": ("Has seen the result", ("yes",)),  # after which nothing is changed
    },
    "notebooks/explore/reading.ipynb",
)


def order(
    maps: Sequence[tuple[str, str, str]], study: str, rater: str
) -> list[tuple[str, str, str]]:
    """Maps (case, target, method) in a rater's own order, the same in every session: a
    random permutation, so that neither methods nor cases form blocks.
    """
    shuffled = np.random.default_rng(seed_of(study, rater)).permutation(len(maps))
    return [maps[at] for at in shuffled]


def rated(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with a rating, `plausibility` as a number."""
    some = table[table["plausibility"] != ""]
    return some.assign(plausibility=some["plausibility"].astype(float))


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """How far each two raters agree: first, second, n_maps (rated by both), the share of the same
    rating, and Cohen's kappa with quadratic weights (blank where both give one and the same rating
    throughout). table: readings of one network."""
    from sklearn.metrics import cohen_kappa_score

    wide = rated(table).pivot(
        index=["case", "target", "method"], columns="rater", values="plausibility"
    )
    rows = []
    for first, second in itertools.combinations(wide.columns, 2):
        both = wide[[first, second]].dropna()
        row = {
            "first": first,
            "second": second,
            "n_maps": len(both),
            "agreed": np.nan,
            "kappa": np.nan,
        }
        if len(both):
            row["agreed"] = float((both[first] == both[second]).mean())
            if len(set(both.to_numpy().ravel())) > 1:
                row["kappa"] = float(
                    cohen_kappa_score(
                        both[first], both[second], weights="quadratic", labels=[1, 2, 3, 4, 5]
                    )
                )
        rows.append(row)
    return pd.DataFrame(rows, columns=["first", "second", "n_maps", "agreed", "kappa"])


def means(table: pd.DataFrame, patients: Mapping[str, str], draws: int, seed: int) -> pd.DataFrame:
    """The mean plausibility of each method, of each map the mean of its raters: method, value,
    ci_low, ci_high (over patients), n_maps, n_patients, n_raters, best first.

    patients: of each case.
    """
    rows = []
    for method, some in rated(table).groupby("method"):
        of_map = some.groupby(["case", "target"])["plausibility"].mean()
        whose = np.array([patients[case] for case, _ in of_map.index])
        mean, low, high = statistics.mean_interval(of_map.to_numpy(), whose, draws, seed)
        counted = {
            "n_maps": len(of_map),
            "n_patients": len(set(whose)),
            "n_raters": some["rater"].nunique(),
        }
        rows.append({"method": method, "value": mean, "ci_low": low, "ci_high": high} | counted)
    columns = ["method", "value", "ci_low", "ci_high", "n_maps", "n_patients", "n_raters"]
    return pd.DataFrame(rows, columns=columns).sort_values("value", ascending=False, kind="stable")


def told(
    table: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    patients: Mapping[str, str],
    draws: int,
    flips: int,
    seed: int,
) -> pd.DataFrame:
    """Whether the first method of each pair is rated more plausible than the second, on the same
    cases by the same rater: rows of concepts.csv. A pair without common ratings is a row without a
    value. table: readings of one network."""
    some = rated(table).set_index(["case", "target", "rater", "method"])["plausibility"].unstack()
    rows, raters = [], set()
    for first, second in pairs:
        row = {"statistic": f"plausibility, {first} - {second}", "n_cases": 0, "n_patients": 0}
        both = some[[first, second]].dropna() if {first, second} <= set(some.columns) else some[:0]
        if len(both):
            raters |= set(both.index.get_level_values("rater"))
            of_map = (
                (both[first] - both[second]).groupby(["case", "target"]).mean()
            )  # each rater is their own measure
            whose = np.array([patients[case] for case, _ in of_map.index])
            found = statistics.paired(
                of_map.to_numpy(), np.zeros(len(of_map)), whose, draws, seed, flips
            )
            row |= {"value": found["difference"]} | {
                name: found[name] for name in ("ci_low", "ci_high", "p", "n_cases", "n_patients")
            }
        rows.append(row)
    found = pd.DataFrame(
        rows, columns=["statistic", "value", "ci_low", "ci_high", "p", "n_cases", "n_patients"]
    )
    found["p_holm"] = statistics.holm(found["p"].astype(float))
    return found.assign(setting=f"raters={len(raters)}").reindex(columns=CONCEPTS)


def of_network(path: Path | None, study: str, network: str) -> pd.DataFrame:
    """The readings of one network in `path`, as `answer_table.of_network`."""
    return answer_table.of_network(path, study, network, FORM)
