"""From scores of cases to tables: means with intervals over patients, paired differences, the papers' own figures."""

import numpy as np
import pandas as pd

from regard import project, tables
from regard.published import BYRA_2022
from regard.regions import UNION
from regard.statistics import holm, mean_interval, paired, seed_of

KEYS = ["study", "data", "target_role", "method", "selection", "setting", "region", "score"]
COLUMNS = [
    "study",
    "data",
    "target",
    "target_role",
    "method",
    "selection",
    "setting",
    "region",
    "score",
    "stratum",
    "empty_rule",
    "mean",
    "ci_low",
    "ci_high",
    "n_cases",
    "n_patients",
    "n_undefined",
    "selected_area",
    "chance",
    "profile",
]
PAIRED = ["difference", "ci_low", "ci_high", "n_cases", "n_patients", "p"]
EMPTY_RULE = "undefined is left out and counted; an empty selection has IoU 0"
TESTED_FROM = 40  # test patients; a claim about fewer is "not tested"


def strata(predictions: pd.DataFrame) -> dict[str, np.ndarray]:
    """The groups of cases every mean is given for: all, each class, correct and incorrect ones, and both together.

    predictions: one row per case with `label` and the bool `correct`. Returns bool masks of its rows.
    """
    groups = {"all": np.full(len(predictions), True)}
    outcome = {"correct": predictions["correct"].to_numpy(bool), "incorrect": ~predictions["correct"].to_numpy(bool)}
    for label in sorted(set(predictions["label"])):
        groups[label] = (predictions["label"] == label).to_numpy()
    groups |= outcome
    groups |= {
        f"{label}+{name}": groups[label] & rows
        for label in sorted(set(predictions["label"]))
        for name, rows in outcome.items()
    }
    return groups


def summarise(scores: pd.DataFrame, predictions: pd.DataFrame, draws: int, profile: str, seed: int = 0) -> pd.DataFrame:
    """Means of every score with 95 % intervals over patients, the chance of the same cases beside them; columns
    COLUMNS.

    scores: long table of one study (architecture: `scores.csv`), `predictions` as for `strata`, with `case`.
    `selected_area` is the median share of the image that the selection covers, over all cases of the stratum. All maps
    share the resamples of a stratum, so that equal values have equal intervals.
    """
    scores = _blank(scores)
    groups = strata(predictions)
    columns = {
        key: table.set_index("case")["value"].reindex(predictions["case"])
        for key, table in scores.groupby(KEYS, sort=False)
    }
    patients = predictions["patient"].to_numpy()
    rows = []
    for key, values in columns.items():
        described = dict(zip(KEYS, key))
        if described["score"].endswith("-chance") or described["score"] == "area":
            continue
        chance = columns[(*key[:-1], f"{described['score']}-chance")].to_numpy()
        area = columns[(*key[:-2], "", "area")].to_numpy() if described["selection"] else None
        for stratum, inside in groups.items():
            value, patient = values.to_numpy()[inside], patients[inside]
            defined = ~np.isnan(value)
            mean, low, high = mean_interval(value, patient, draws, seed_of(seed, described["study"], stratum))
            rows.append(
                described
                | {
                    "target": "each case's own",
                    "stratum": stratum,
                    "empty_rule": EMPTY_RULE,
                    "mean": mean,
                    "ci_low": low,
                    "ci_high": high,
                    "n_cases": int(defined.sum()),
                    "n_patients": len(set(patient[defined])),
                    "n_undefined": int((~defined).sum()),
                    "selected_area": np.nan if area is None or not inside.any() else float(np.median(area[inside])),
                    "chance": float(chance[inside][defined].mean()) if defined.any() else np.nan,
                    "profile": profile,
                }
            )
    return pd.DataFrame(rows)[COLUMNS]


def pairs(
    scores: pd.DataFrame,
    predictions: pd.DataFrame,
    methods: list[str],
    nulls: list[str],
    draws: int,
    profile: str,
    seed: int = 0,
) -> pd.DataFrame:
    """Paired differences of each method with each null map and each later method, Holm-adjusted within the table.

    For the predicted class, over all cases and over the correct ones: pointing at the first of the tolerances on the mass and on the union of the
    three regions, and the IoU of every selection. Columns as in the architecture: first, second, difference, interval,
    p, p_holm. Raises ValueError for so few draws that no adjusted p value could be small.
    """
    scores = scores[
        (scores["target_role"] == "predicted")
        & scores["region"].isin(["mass", UNION])
        & scores["score"].isin(["pointing", "iou"])
    ].pipe(_blank)
    pointing = scores["score"] == "pointing"
    tolerance = next(iter(scores.loc[pointing, "setting"]), None)
    scores = scores[~pointing | (scores["setting"] == tolerance)]
    contrasts = [(first, second) for place, first in enumerate(methods) for second in [*methods[place + 1 :], *nulls]]
    keys = ["study", "data", "target_role", "selection", "setting", "region", "score"]
    patients, groups = predictions["patient"].to_numpy(), strata(predictions)
    rows = []
    for key, table in scores.groupby(keys, sort=False):
        wide = table.pivot(index="case", columns="method", values="value").reindex(predictions["case"])
        for stratum in ("all", "correct"):
            inside = groups[stratum]
            for first, second in contrasts:
                one, other = wide[first].to_numpy()[inside], wide[second].to_numpy()[inside]
                described = dict(zip(keys, key)) | {"stratum": stratum, "first": first, "second": second}
                rows.append(described | paired(one, other, patients[inside], draws, seed_of(seed, key[0], stratum)))
    if 2 * len(rows) / (draws + 1) > 0.05:
        raise ValueError(
            f"{draws} draws cannot make any of {len(rows)} adjusted p values less than 0.05; raise `draws`"
        )
    result = pd.DataFrame(rows, columns=[*keys, "stratum", "first", "second", *PAIRED])
    return result.assign(p_holm=holm(result["p"]), profile=profile)


def verdict(value: float, low: float, high: float, paper: float, n_patients: int, data: str) -> str:
    """Whether a printed figure is reproduced: "holds" if it lies in the interval, else "does not hold".

    "not tested" with fewer than TESTED_FROM patients, "undecided" without an interval or a printed figure; a result on
    phantoms decides nothing about patients and says "on phantoms:".
    """
    if n_patients < TESTED_FROM:
        return "not tested"
    found = (
        "undecided"
        if np.isnan([value, low, high, paper]).any()
        else "holds"
        if low <= paper <= high
        else "does not hold"
    )
    return f"on phantoms: {found}" if data == "phantom" else found


def claims(summary: pd.DataFrame, performance: pd.DataFrame) -> pd.DataFrame:
    """The paper's figures beside ours, for each study that has the three regions; one row per claim and study."""
    rows = []
    transferred = performance[performance["start"] == "transfer"]
    for row in transferred.itertuples():
        rows.append(
            {
                "claim": row.metric,
                "study": row.study,
                "data": row.data,
                "setting": "" if row.metric == "AUC" else "threshold=tuning split",
                "value": row.value,
                "ci_low": row.ci_low,
                "ci_high": row.ci_high,
                "chance": np.nan,
                "n_cases": row.n_cases,
                "n_patients": row.n_patients,
                "profile": row.profile,
            }
        )
    share = summary[
        (summary["region"] == UNION)
        & (summary["method"] == "cam")
        & (summary["stratum"] == "correct")
        & (summary["target_role"] == "predicted")
        & (summary["score"] == "pointing")
    ]
    for row in share.itertuples():
        rows.append(
            {
                "claim": "three-regions",
                "study": row.study,
                "data": row.data,
                "setting": row.setting,
                "value": row.mean,
                "ci_low": row.ci_low,
                "ci_high": row.ci_high,
                "chance": row.chance,
                "n_cases": row.n_cases,
                "n_patients": row.n_patients,
                "profile": row.profile,
            }
        )
    table = pd.DataFrame(rows)
    table.insert(1, "paper", "Byra 2022")
    table.insert(2, "paper_value", table["claim"].map(BYRA_2022))
    table["verdict"] = [
        verdict(row.value, row.ci_low, row.ci_high, row.paper_value, row.n_patients, row.data)
        for row in table.itertuples()
    ]
    return table


def write() -> None:
    """Gather results/study/*/ in results/summary.csv, pairs.csv, performance.csv and claims.csv, studies by name."""
    root = project.root()
    known = project.parameters(root)["studies"]
    folders = [
        folder for folder in sorted((root / "results" / "study").glob("*/compare")) if folder.parent.name in known
    ]
    if not folders:
        raise FileNotFoundError("no results/study/*/compare: run the studies first (dvc repro)")
    gathered = {
        name: pd.concat([tables.read(folder / f"{name}.csv") for folder in folders]) for name in ("summary", "pairs")
    }
    gathered["performance"] = pd.concat(
        [tables.read(folder.parent / "train" / "performance.csv") for folder in folders]
    )
    gathered["claims"] = claims(gathered["summary"], gathered["performance"])
    for name, table in gathered.items():
        tables.write(table, root / "results" / f"{name}.csv")


def _blank(scores: pd.DataFrame) -> pd.DataFrame:
    """`scores` with undefined keys as empty text."""
    return scores.assign(**{key: scores[key].astype(object).fillna("") for key in ("selection", "setting", "region")})
