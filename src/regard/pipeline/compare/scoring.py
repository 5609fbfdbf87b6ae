"""Stage compare: the tables scores.csv, summary.csv and pairs.csv, and what must hold of them."""

import json

import numpy as np
import pandas as pd

from regard.claims import verdicts
from regard.core import arrays, tables
from regard.core.columns import CASE_SCORES
from regard.data import reference_regions
from regard.evaluation import differences, localisation, summary
from regard.pipeline.compare.inputs import Inputs


def score_cases(inputs: Inputs) -> pd.DataFrame:
    """All scores of all explained cases; columns CASE_SCORES."""
    rows = []
    count = inputs.explanations["case"].nunique()
    for number, (case, of_case) in enumerate(inputs.explanations.groupby("case", sort=False)):
        drawn = inputs.drawn(case)
        for target, roles in of_case.groupby("target", sort=False):
            scored = _scores_of_one(inputs, case, target, drawn)
            rows += [
                scored.assign(
                    case=case, patient=row.patient, target=target, target_role=row.target_role
                )
                for row in roles.itertuples()
            ]
        if number % 25 == 0:
            print(f"{number} of {count} cases")
    scores = pd.concat(rows).assign(**inputs.common, split="test")
    return scores.reindex(columns=CASE_SCORES)


def _scores_of_one(inputs: Inputs, case: str, target: str, drawn: dict) -> pd.DataFrame:
    """The scores of one case for one target, against the regions `drawn` of the case."""
    others, outlines, name = {}, drawn, inputs.expert
    if inputs.of_findings:
        others, name = reference_regions.other_findings(drawn, target), target
        outlines = others | reference_regions.of_finding(drawn, target)
    scored = {
        "parts": [*inputs.parts, *inputs.unions],
        "others": list(others),
        "expert": inputs.expert,
        "confused": inputs.settings["primary"]["selection"],
    }
    return localisation.score_explanation(
        inputs.maps,
        inputs.selected,
        case,
        target,
        outlines,
        scored,
        inputs.box(case),
        inputs.settings["tolerances"],
        inputs.pixel_mm(case),
        reference_regions.readers(drawn, name),
    )


def summarise(inputs: Inputs, scores: pd.DataFrame) -> pd.DataFrame:
    """Means of all scores with intervals over patients; columns SUMMARY."""
    draws, profile, seed = (inputs.settings[name] for name in ("draws", "profile", "seed"))
    return summary.summarise(scores, inputs.explanations, draws, profile, seed)


def primary_endpoint(inputs: Inputs) -> dict[str, str]:
    """Entries of the rows of pairs.csv that make up the primary endpoint."""
    primary = inputs.settings["primary"]
    return primary | {"region": primary["region"] or inputs.expert}


def paired_differences(inputs: Inputs, scores: pd.DataFrame) -> pd.DataFrame:
    """Paired differences of the maps that explained enough patients; columns PAIRS."""
    settings = inputs.settings
    return differences.pairs(
        scores,
        inputs.explanations,
        [name for name in inputs.methods if _is_tested(inputs, name)],
        inputs.nulls,
        [inputs.expert, *inputs.unions],
        settings["draws"],
        settings["profile"],
        settings["seed"],
        settings["flips"],
        primary_endpoint(inputs),
        inputs.headline_settings,
        [claim["row"] for claim in inputs.paper.get("orders", [])],
    )


def _is_tested(inputs: Inputs, method: str) -> bool:
    """Whether a method explained all test cases, or maps of enough patients to be tested."""
    if method not in inputs.slow:
        return True
    made = [
        arrays.has(inputs.maps, method, row.case, row.target)
        for row in inputs.headline.itertuples()
    ]
    return inputs.headline[made]["patient"].nunique() >= verdicts.TESTED_FROM


def write(inputs: Inputs, name: str, table: pd.DataFrame) -> None:
    """Write a table to the folder of the stage."""
    tables.write(table, inputs.stage.output / f"{name}.csv")


def write_settings(inputs: Inputs) -> None:
    """Write the settings that these tables were made with."""
    text = json.dumps(inputs.settings, indent=1, sort_keys=True) + "\n"
    (inputs.stage.output / "settings.json").write_text(text)


def check(inputs: Inputs, scores: pd.DataFrame) -> str:
    """What must hold of all scores, in a sentence.

    Raises
    ------
    AssertionError
        When it does not hold.
    """
    if inputs.regions["rule"] == "mass":
        of_map = ["case", "target", "target_role"]
        first = scores[scores["setting"] == inputs.first_tolerance]
        first = first[first["region"].isin(reference_regions.AROUND_MASS)]
        hits = first[first["score"] == "pointing"].groupby([*of_map, "method"])["value"].sum()
        assert hits.isin([0, 1]).all(), "a maximum lies in one region"
        chances = first[first["score"] == "pointing-chance"].groupby(of_map)["value"]
        total = chances.sum(min_count=1).dropna()
        assert np.allclose(total, 1), "without tolerance the chances of the regions add up to one"
    assert scores["value"].dropna().between(0, 1).all(), "scores lie between 0 and 1"
    keys = ["case", "target", "target_role", "method", "selection", "setting", "region", "score"]
    assert not scores.duplicated(keys).any(), "no score stands twice in the table"
    return f"{len(scores)} scores: all defined ones lie between 0 and 1, and none stands twice"
