"""From scores of cases to tables: means with intervals over patients, paired differences, the papers' own figures."""

import json

import numpy as np
import pandas as pd

from regard import project, tables
from regard.published import PUBLISHED
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
    "n_maps",
    "profile",
]
POOLED = "all findings"  # the target of what is averaged over the findings of a study
PAIRED = ["difference", "ci_low", "ci_high", "n_cases", "n_patients", "n_maps", "p"]
EMPTY_RULE = "undefined is left out and counted; an empty selection has IoU 0"
TESTED_FROM = 40  # test patients; a claim about fewer is "not tested"


def blocks(explanations: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """The sets of explanations that means are taken over, as (target, target_role, rows).

    explanations: one row per explained case and target, with `case`, `patient`, `target`, `target_role`, `label` and
    the bool `correct`. One block for the class each case was given and one for its true class; in a study of several
    findings one block per finding and one for all of them together.
    """
    found = []
    for role, rows in explanations.groupby("target_role", sort=False):
        if role == "finding":
            found += [(target, role, own) for target, own in rows.groupby("target", sort=False)]
        found.append((POOLED if role == "finding" else "each case's own", role, rows))
    return found


def strata(explanations: pd.DataFrame, labels: bool = True) -> dict[str, np.ndarray]:
    """The groups of cases every mean is given for: all, each class, correct and incorrect ones, and both together.

    explanations: one row per case with `label` and the bool `correct`; labels: whether to group by class, which the
    blocks of findings are already. Returns bool masks of its rows.
    """
    groups = {"all": np.full(len(explanations), True)}
    correct = explanations["correct"].to_numpy(bool)
    outcome = {"correct": correct, "incorrect": ~correct}
    names = sorted(set(explanations["label"])) if labels else []
    for label in names:
        groups[label] = (explanations["label"] == label).to_numpy()
    groups |= outcome
    groups |= {f"{label}+{name}": groups[label] & rows for label in names for name, rows in outcome.items()}
    return groups


def summarise(
    scores: pd.DataFrame, explanations: pd.DataFrame, draws: int, profile: str, seed: int = 0
) -> pd.DataFrame:
    """Means of every score with 95 % intervals over patients, the chance of the same cases beside them; columns
    COLUMNS.

    scores: long table of one study (architecture: `scores.csv`); explanations: as for `blocks`.
    n_cases: distinct cases; n_maps: the values a mean is over, each counting alike (more than the cases where all
    findings are pooled); n_undefined: those left out. A map that was not made (slow methods may explain a subset of the
    cases) is neither: its row says less cases.
    `selected_area` is the median share of the image that the selection covers, over all cases of the stratum. All maps
    share the resamples of a stratum, so that equal values have equal intervals.
    """
    scores = _blank(scores)
    rows = []
    for target, role, explained in blocks(explanations):
        where = pd.MultiIndex.from_frame(explained[["case", "target"]])
        patients, groups = explained["patient"].to_numpy(), strata(explained, labels=role != "finding")
        cases = explained["case"].to_numpy()
        columns, made = {}, {}
        for key, table in scores[scores["target_role"] == role].groupby(KEYS, sort=False):
            column = table.set_index(["case", "target"])["value"]
            columns[key], made[key] = column.reindex(where).to_numpy(), where.isin(column.index)
        for key, values in columns.items():
            if not made[key].any():  # a slow method that explained none of these
                continue
            described = dict(zip(KEYS, key))
            if described["score"].endswith("-chance") or described["score"] == "area":
                continue
            chance = columns[(*key[:-1], f"{described['score']}-chance")]
            area = columns[(*key[:-2], "", "area")] if described["selection"] else None
            for stratum, group in groups.items():
                inside = group & made[key]
                value, patient = values[inside], patients[inside]
                defined = ~np.isnan(value)
                mean, low, high = mean_interval(value, patient, draws, seed_of(seed, described["study"], stratum))
                rows.append(
                    described
                    | {
                        "target": target,
                        "stratum": stratum,
                        "empty_rule": EMPTY_RULE,
                        "mean": mean,
                        "ci_low": low,
                        "ci_high": high,
                        "n_cases": len(set(cases[inside][defined])),
                        "n_patients": len(set(patient[defined])),
                        "n_undefined": int((~defined).sum()),
                        "selected_area": np.nan if area is None or not inside.any() else float(np.median(area[inside])),
                        "chance": float(chance[inside][defined].mean()) if defined.any() else np.nan,
                        "n_maps": int(defined.sum()),
                        "profile": profile,
                    }
                )
    return pd.DataFrame(rows)[COLUMNS]


def pairs(
    scores: pd.DataFrame,
    explanations: pd.DataFrame,
    methods: list[str],
    nulls: list[str],
    regions: list[str],
    draws: int,
    profile: str,
    seed: int = 0,
) -> pd.DataFrame:
    """Paired differences of each method with each null map and each later method, Holm-adjusted within the table.

    For the predicted class, or for all findings together, over all cases and over the correct ones: pointing at the
    first of the tolerances on each of `regions` (the expert's, and the union a study names), and the IoU of every
    selection. Columns as in the architecture: first, second, difference, interval, p, p_holm. Raises ValueError for so
    few draws that no adjusted p value could be small.
    """
    target, role, explained = headline(explanations)
    scores = scores[
        (scores["target_role"] == role) & scores["region"].isin(regions) & scores["score"].isin(["pointing", "iou"])
    ].pipe(_blank)
    pointing = scores["score"] == "pointing"
    tolerance = next(iter(scores.loc[pointing, "setting"]), None)
    scores = scores[~pointing | (scores["setting"] == tolerance)]
    contrasts = [(first, second) for place, first in enumerate(methods) for second in [*methods[place + 1 :], *nulls]]
    keys = ["study", "data", "target_role", "selection", "setting", "region", "score"]
    where = pd.MultiIndex.from_frame(explained[["case", "target"]])
    patients, groups = explained["patient"].to_numpy(), strata(explained, labels=False)
    rows = []
    for key, table in scores.groupby(keys, sort=False):
        wide = table.pivot(index=["case", "target"], columns="method", values="value").reindex(where)
        for stratum in ("all", "correct"):
            inside = groups[stratum]
            for first, second in contrasts:
                one, other = wide[first].to_numpy()[inside], wide[second].to_numpy()[inside]
                found = paired(one, other, patients[inside], draws, seed_of(seed, key[0], stratum))
                cases = explained["case"].to_numpy()[inside][~np.isnan(one - other)]
                described = dict(zip(keys, key)) | {
                    "target": target,
                    "stratum": stratum,
                    "first": first,
                    "second": second,
                }
                rows.append(described | found | {"n_cases": len(set(cases)), "n_maps": found["n_cases"]})
    if 2 * len(rows) / (draws + 1) > 0.05:
        raise ValueError(
            f"{draws} draws cannot make any of {len(rows)} adjusted p values less than 0.05; raise `draws`"
        )
    result = pd.DataFrame(rows, columns=["study", "data", "target", *keys[2:], "stratum", "first", "second", *PAIRED])
    return result.assign(p_holm=holm(result["p"]), profile=profile)


def headline(explanations: pd.DataFrame) -> tuple[str, str, pd.DataFrame]:
    """The block that claims are made on: the class each case was given, or all findings together."""
    return next(block for block in blocks(explanations) if block[1] == "predicted" or block[0] == POOLED)


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


def claims(summary: pd.DataFrame, performance: pd.DataFrame, published: dict[str, str]) -> pd.DataFrame:
    """The papers' figures beside ours, for each study of `published`, {study: name in PUBLISHED}; a row per claim."""
    counted = ["study", "data", "target", "value", "ci_low", "ci_high", "n_cases", "n_patients", "profile"]
    rows = []
    for study, name in sorted(published.items()):
        known = PUBLISHED[name]
        before = len(rows)
        reached = performance[(performance["study"] == study) & (performance["start"] == "transfer")]
        reached = reached[reached["metric"].isin(known["figures"])]
        setting = reached["metric"].map(lambda metric: "" if metric == "auroc" else "threshold=tuning split")
        rows.append(reached[counted].assign(claim=reached["metric"], setting=setting, chance=np.nan))
        told = known["figures"]
        if "pointing" in known:
            told = told | {known["pointing"]["claim"]: known["pointing"]["value"]}
            share = summary[
                (summary["study"] == study)
                & (summary["region"] == known["pointing"]["region"])
                & (summary["method"] == known["pointing"]["method"])
                & (summary["stratum"] == "correct")
                & (summary["target_role"] == "predicted")
                & (summary["score"] == "pointing")
            ].rename(columns={"mean": "value"})
            rows.append(share[[*counted, "setting", "chance"]].assign(claim=known["pointing"]["claim"]))
        for part in rows[before:]:
            part.insert(0, "paper_value", part["claim"].map(told))
            part.insert(0, "paper", known["paper"])
    columns = [
        "claim",
        "paper",
        "paper_value",
        "study",
        "data",
        "target",
        "setting",
        "value",
        "ci_low",
        "ci_high",
        "chance",
    ]
    columns += ["n_cases", "n_patients", "profile"]
    table = pd.concat(rows)[columns] if rows else pd.DataFrame(columns=columns)
    return table.assign(
        verdict=[
            verdict(row.value, row.ci_low, row.ci_high, row.paper_value, row.n_patients, row.data)
            for row in table.itertuples()
        ]
    )


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
    told = {folder.parent.name: json.loads((folder / "settings.json").read_text()) for folder in folders}
    published = {study: settings["published"] for study, settings in told.items() if settings.get("published")}
    gathered["claims"] = claims(gathered["summary"], gathered["performance"], published)
    for name, table in gathered.items():
        tables.write(table, root / "results" / f"{name}.csv")


def _blank(scores: pd.DataFrame) -> pd.DataFrame:
    """`scores` with undefined keys as empty text."""
    return scores.assign(**{key: scores[key].astype(object).fillna("") for key in ("selection", "setting", "region")})
