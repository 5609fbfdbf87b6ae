"""Stage compare: what the tables of QUESTIONS say, as they stand in the notebook."""

import pandas as pd

from regard.evaluation import stratified
from regard.pipeline.compare.inputs import Inputs
from regard.pipeline.compare.showing import Shown


def beside_other_patients(inputs: Inputs, permuted: pd.DataFrame) -> list[Shown]:
    """Hit rates with the regions of other patients, of the correctly classified cases."""
    rows = permuted[permuted["region"] == inputs.claimed_region]
    rows = rows[rows["stratum"] == "correct"].set_index("method")
    columns = ["region", "value", "permuted", "p", "n_maps", "n_cases", "n_patients"]
    return ["regions of other patients, correctly classified cases:", rows[columns].round(4)]


def at_the_border(inputs: Inputs, border: pd.DataFrame) -> list[Shown]:
    """How often maxima lie at the border, in sentences for some maps and a table of all."""
    main = border[border["method"].isin([inputs.main_method, "random-network", "random"])]
    sentences = [stratified.of_border(row) for row in main.to_dict("records")]
    columns = border.columns.drop(["study", "data", "profile"])
    return [*sentences, border[columns].set_index("method").round(3)]


def between_groups(audit: pd.DataFrame) -> list[Shown]:
    """Differences between groups of cases, or that the study has no such groups."""
    if not len(audit):
        return ["none of these questions can be asked of this study"]
    rows = audit.set_index(["question", "method", "region", "score"])
    rows = rows.drop(columns=["study", "data", "profile"])
    return ["differences between groups of cases:", rows.astype(float).round(2)]


def with_other_regions(rebuilt: pd.DataFrame) -> list[Shown]:
    """Hit rates of regions that are built otherwise, or that none is built around a mass."""
    if not len(rebuilt):
        return ["no region of this study is built around a mass"]
    columns = ["value", "ci_low", "ci_high", "chance", "n_maps"]
    rows = rebuilt.set_index(["built", "method"])[columns]
    return [f"{rebuilt['region'].iloc[0]}, built otherwise:", rows.round(2)]
