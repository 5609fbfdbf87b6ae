"""Stage compare: paired differences, as they stand in the notebook, and what experts say."""

import pandas as pd
from pandas.io.formats.style import Styler

from regard.core.seeds import seed_of
from regard.experts import reading_study
from regard.pipeline.compare.inputs import Inputs
from regard.pipeline.compare.scoring import primary_endpoint, write
from regard.pipeline.compare.showing import Shown


def primary_differences(inputs: Inputs, pairs: pd.DataFrame) -> list[Shown]:
    """The rows of pairs.csv of the primary endpoint."""
    endpoint = {column: value for column, value in primary_endpoint(inputs).items() if value}
    rows = pairs[pairs["family"] == "primary"]
    return [f"primary endpoint: {endpoint}", _styled(inputs, rows, "primary")]


def hit_rate_differences(inputs: Inputs, pairs: pd.DataFrame) -> list[Shown]:
    """Differences in hit rate: on the expert's region over all cases, and on a union that the study
    names over the correctly classified ones.
    """
    stratum = {inputs.expert: "all"}
    if inputs.settings["together"]:
        stratum[inputs.settings["together"]] = "correct"
    rows = pairs[
        (pairs["score"] == "pointing") & (pairs["stratum"] == pairs["region"].map(stratum))
    ]
    return [f"hit rate, region and cases: {stratum}", _styled(inputs, rows, "pairs")]


def _styled(inputs: Inputs, rows: pd.DataFrame, name: str) -> Styler:
    """Differences with interval and p of the maps that are shown; all are in pairs.csv."""
    shown = inputs.settings["shown"]
    first = rows["first"].isin([*shown, inputs.main_method])
    rows = rows[first | rows["method"].isin(shown)]
    keys = ["region", "method", "first", "second"]
    keys = [key for key in keys if rows[key].notna().any() and (rows[key] != "").any()]
    effects = ["difference", "ci_low", "ci_high", "effect"]
    columns = [*effects, "p", "p_holm", "flagged", "n_maps", "n_patients"]
    styled = rows.set_index(keys)[columns].style.format("{:.2f}", subset=effects)
    return styled.format("{:.4f}", subset=["p", "p_holm"]).set_uuid(name)


def expert_ratings(inputs: Inputs) -> list[Shown]:
    """How plausible experts find the maps, and how far the experts agree; what this says about the
    paper's claims is written to told.csv.
    """
    settings, study = inputs.settings, inputs.stage.study
    path = inputs.stage.root / settings["readings"] if settings["readings"] else None
    ratings = reading_study.of_network(path, study, inputs.maps.attrs["model"])
    patients = inputs.cases["patient"].to_dict()
    draws, seed = settings["draws"], seed_of(settings["seed"], study, "readings")
    claimed = inputs.paper.get("readings", [])
    answers = reading_study.told(ratings, claimed, patients, draws, settings["flips"], seed)
    if len(answers):
        common = inputs.common | {"target": inputs.target, "profile": settings["profile"]}
        write(inputs, "told", answers.assign(**common))
    if not len(ratings):
        return ["no expert has rated maps of this network yet"]
    means = reading_study.means(ratings, patients, draws, seed).set_index("method")
    return [means.round(2), reading_study.agreement(ratings).round(2)]
