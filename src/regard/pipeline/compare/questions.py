"""Stage compare: further questions about the maxima and the scores of a study, each with a table.

QUESTIONS maps the name of each table to the function that makes it, of the inputs, the scores and
the maxima.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regard.core import arrays, project, statistics
from regard.core.seeds import seed_of
from regard.data import reference_regions
from regard.evaluation import groups, localisation, stratified
from regard.pipeline.compare.inputs import Inputs


class Maxima(NamedTuple):
    """The maxima of the headline maps that explained all N of them, and the N reference regions.

    Attributes
    ----------
    places : dict
        Method -> (down, across) of each maximum, as shares of its image.
    padded : dict
        Method -> whether the largest value of each map lies in the padding of the square.
    regions : dict
        Region -> its mask in each image, bool (height, width), None where it is not annotated.
    """

    places: dict[str, list[tuple[float, float]]]
    padded: dict[str, list[bool]]
    regions: dict[str, list[np.ndarray | None]]


def maxima(inputs: Inputs) -> Maxima:
    """Where the maxima of the headline maps lie, and the regions of the same images."""
    names = [name for name in [*inputs.methods, *inputs.nulls] if name not in inputs.slow]
    found = Maxima(
        {name: [] for name in names},
        {name: [] for name in names},
        {name: [] for name in [*inputs.parts, *inputs.unions]},
    )
    for row in inputs.headline.itertuples():
        box, drawn = inputs.box(row.case), inputs.drawn(row.case)
        if inputs.of_findings:
            drawn = reference_regions.of_finding(drawn, row.target)
        for name in names:
            heat = arrays.pick(inputs.maps, name, row.case, row.target)
            found.places[name].append(localisation.place_of_maximum(heat, box))
            found.padded[name].append(stratified.in_padding(heat, box))
        for name, masks in found.regions.items():
            masks.append(reference_regions.combine(drawn, name))
    return found


def permuted(inputs: Inputs, scores: pd.DataFrame, maxima: Maxima) -> pd.DataFrame:
    """Whether maps hit the regions of their own cases more often than those of other patients: one
    method for all regions and groups of cases, all of them for the expert's region.
    """
    rows, settings = [], inputs.settings
    strata = groups.strata(inputs.headline, labels=inputs.role != "finding")
    within = "target" if inputs.of_findings else ""
    for region, masks in maxima.regions.items():
        for stratum, inside in strata.items():
            main = region in (inputs.expert, *inputs.unions) and stratum in ("all", "correct")
            seed = seed_of(settings["seed"], inputs.stage.study, stratum)
            for name in maxima.places if main else [inputs.main_method]:
                places = maxima.places[name]
                found = stratified.dealt(
                    places, masks, inside, inputs.headline, settings["draws"], seed, within
                )
                about = {"method": name, "region": region, "stratum": stratum}
                rows.append(inputs.common | about | found)
    return pd.DataFrame(rows).assign(profile=settings["profile"])


def border(inputs: Inputs, scores: pd.DataFrame, maxima: Maxima) -> pd.DataFrame:
    """How often the maxima of each method lie at the border of the image."""
    heights, widths = inputs.cases["height"], inputs.cases["width"]
    found = stratified.borders(
        maxima.places,
        maxima.padded,
        [(heights[case], widths[case]) for case in inputs.headline["case"]],
        maxima.regions[inputs.expert],
        inputs.headline["patient"],
        inputs.nulls,
    )
    return found.assign(**inputs.common, profile=inputs.settings["profile"])


AUDITED = ("grad-cam@alam-2023", "centre", "random-network")  # beside the main method
AUDIT = ["question", "method", "region", "score", "difference", "ci_low", "ci_high"]
AUDIT += ["n_first", "n_second", "n_patients"]


def audit(inputs: Inputs, scores: pd.DataFrame, maxima: Maxima) -> pd.DataFrame:
    """Differences between groups of cases that were named beforehand, in hit rates and IoU."""
    settings = inputs.settings
    compared = scores["method"].isin([inputs.main_method, *AUDITED])
    compared &= scores["target_role"] == inputs.role
    pointing = (scores["score"] == "pointing") & (scores["setting"] == inputs.first_tolerance)
    overlaps = (scores["score"] == "iou") & (scores["region"] == inputs.expert)
    overlaps &= scores["selection"] == settings["primary"]["selection"]
    about = ["case", "target", "label"] + (["n_findings"] if inputs.of_findings else [])
    rows = scores[compared & (pointing | overlaps)].merge(
        groups.counted(inputs.headline)[about], on=["case", "target"]
    )
    tables = [pd.DataFrame(columns=AUDIT)]
    for question, (regions, side) in _contrasted(inputs, rows).items():
        seed = seed_of(settings["seed"], inputs.stage.study, question)
        of_regions = rows[rows["region"].isin(regions)]
        tables.append(stratified.between(of_regions, question, side, settings["draws"], seed))
    found = pd.concat(tables)[AUDIT]
    return found.assign(**inputs.common, profile=settings["profile"])


def _contrasted(inputs: Inputs, rows: pd.DataFrame) -> dict[str, tuple[list[str], pd.Series]]:
    """The questions of `audit` that this study can answer: the regions, and for each row of scores
    whether it is in the first group, NaN for those in neither.
    """
    found = {}
    if "artefact" in inputs.cases:
        artefact = ~inputs.cases["artefact"].fillna("none").eq("none")
        if artefact.any():
            side = rows["case"].map(artefact)
            found["with an artefact - without"] = ([inputs.expert], side)
    if inputs.regions["rule"] == "mass":
        images = arrays.opened(inputs.stage.earlier("prepare") / "images.nc")
        negative, *_, positive = np.atleast_1d(images.attrs["classes"]).tolist()
        malignant = (rows["label"] == positive).where(rows["label"].isin([positive, negative]))
        found[f"{positive} - {negative}"] = (["below", "above"], malignant)
    if inputs.of_findings:
        found["several findings - one"] = ([inputs.expert], rows["n_findings"] > 1)
    return found


REBUILT = ["study", "data", "region", "built", "method", "value", "ci_low", "ci_high"]
REBUILT += ["chance", "n_maps"]


def rebuilt(inputs: Inputs, scores: pd.DataFrame, maxima: Maxima) -> pd.DataFrame:
    """Hit rates of the same maxima in the correctly classified cases, of regions around a mass that
    are built with other widths and heights; no rows where nothing is built around a mass.
    """
    settings, rows = inputs.settings, []
    headline = inputs.headline
    right = headline[headline["correct"]] if inputs.regions["rule"] == "mass" else headline[:0]
    names = [inputs.main_method, "centre", "random-network"]
    names = [name for name in names if name in maxima.places]
    masses = [inputs.drawn(case).get("mass") for case in right["case"]]
    spacings = [inputs.pixel_mm(case) for case in right["case"]]
    numbers = np.flatnonzero(headline.index.isin(right.index))
    places = [[maxima.places[name][number] for name in names] for number in numbers]
    prepared = project.settings(inputs.stage.study, "prepare")
    declared = {knob: prepared[knob] for knob in localisation.KNOBS}
    built = localisation.around(declared, settings["around"]) if len(right) else {}
    for label, knobs in built.items():
        region = inputs.claimed_region
        values = localisation.hits_around(masses, spacings, places, region, **knobs)
        ends = statistics.mean_intervals(
            values,
            right["patient"].to_numpy(),
            settings["draws"],
            seed_of(settings["seed"], inputs.stage.study, "around"),
            np.arange(values.shape[1]) < len(names),
        )
        for number, name in enumerate(names):
            row: dict[str, Any] = inputs.common | {"region": region, "built": label, "method": name}
            row |= dict(zip(("value", "ci_low", "ci_high"), (end[number] for end in ends)))
            row |= {"chance": ends[0][-1], "n_maps": int((~np.isnan(values[:, number])).sum())}
            rows.append(row)
    return pd.DataFrame(rows, columns=REBUILT).assign(profile=settings["profile"])


# name of the table -> function of the inputs, the scores and the maxima
QUESTIONS: dict[str, Callable[[Inputs, pd.DataFrame, Maxima], pd.DataFrame]] = {
    "permuted": permuted,
    "border": border,
    "audit": audit,
    "rebuilt": rebuilt,
}
