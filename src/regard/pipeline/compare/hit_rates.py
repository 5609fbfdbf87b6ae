"""Stage compare: where the maxima lie, as tables and figures from summary.csv."""

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from regard.evaluation import localisation
from regard.figures import scores as score_figures
from regard.pipeline.compare.inputs import Inputs
from regard.pipeline.compare.showing import Picture, Shown


def hit_rates(
    inputs: Inputs, summary: pd.DataFrame, tolerance: float | str, stratum: str = "all"
) -> Styler:
    """Hit rate with interval of each method in each region, and the chance of each region.

    Parameters
    ----------
    summary : DataFrame
        Columns SUMMARY.
    tolerance : float or str
        One of the tolerances of the settings.
    stratum : str
        Which of the cases, such as "all" or "correct".
    """
    setting = localisation.named(tolerance)
    rows = _pointing(inputs, summary, setting)
    rows = rows[(rows["target"] == inputs.target) & (rows["stratum"] == stratum)]
    texts = [
        f"{row.mean:.2f} [{row.ci_low:.2f}, {row.ci_high:.2f}]" if row.n_maps else "undefined"
        for row in rows.itertuples()
    ]
    table = rows.assign(text=texts).pivot(index="method", columns="region", values="text")
    table = table.loc[inputs.names, [*inputs.parts, *inputs.unions]]
    of_region = rows[rows["method"] == inputs.names[0]].set_index("region").loc[table.columns]
    table.loc["chance"] = [
        "undefined" if np.isnan(chance) else f"{chance:.2f}" for chance in of_region["chance"]
    ]
    table.loc["maps"] = of_region["n_maps"].astype(str)
    subset = inputs.maps.sizes.get("subset")
    table = table.rename(index={name: f"{name} (a subset: {subset} maps)" for name in inputs.slow})
    short = setting.split("=")[1].split("/")[0].replace(" ", "")
    styled = table.style.set_caption(f"{stratum} cases, {setting}")
    return styled.set_uuid(f"hits-{stratum}-{short}")


def by_outcome(inputs: Inputs, summary: pd.DataFrame) -> list[Shown]:
    """Hit rate (chance) of one method by class or finding, and by whether the decision was
    right.
    """
    rows = _pointing(inputs, summary, inputs.first_tolerance)
    rows = rows[rows["method"] == inputs.main_method]
    texts = [
        "undefined" if not row.n_maps else f"{row.mean:.2f} ({row.chance:.2f})"
        for row in rows.itertuples()
    ]
    groups = ["target", "stratum"]
    table = rows.assign(text=texts).pivot(index=groups, columns="region", values="text")
    table.insert(0, "maps", rows[rows["region"] == inputs.expert].set_index(groups)["n_maps"])
    in_order = list(dict.fromkeys(zip(rows["target"], rows["stratum"])))
    return [
        f"hit rate (chance) of {inputs.main_method}",
        table.loc[in_order, ["maps", *inputs.parts, *inputs.unions]],
    ]


def hit_rate_picture(inputs: Inputs, summary: pd.DataFrame) -> Picture:
    """Hit rate of each map, a panel per region."""
    wanted = {
        "score": "pointing",
        "target": inputs.target,
        "target_role": inputs.role,
        "setting": inputs.first_tolerance,
        "stratum": "all",
    }
    regions = [name for name in [*inputs.parts, *inputs.unions] if name != "other"]
    panels = [(name.replace("+", " +\n"), wanted | {"region": name}) for name in regions]
    # null maps below, whichever the first case lacks
    in_order = summary.set_index("method").loc[inputs.names].reset_index()
    return Picture(
        score_figures.means(in_order, panels, inputs.nulls, "hit rate"),
        "pointing.svg",
        "Hit rate of each method and null map per region with intervals, and the rate expected "
        "from area alone.",
    )


def beside_the_paper(inputs: Inputs, summary: pd.DataFrame) -> list[Shown]:
    """Hit rates that the paper publishes, and below them those of one method and of the null maps
    on correctly classified cases.
    """
    shown: list[Shown] = [
        f"{inputs.paper['paper']}, correctly classified cases, {claim['row']['region']}: "
        f"{claim['value']}"
        for claim in inputs.paper.get("means", [])
        if claim["row"]["score"] == "pointing"
    ]
    rows = summary[(summary["score"] == "pointing") & (summary["target"] == inputs.target)]
    rows = rows[(rows["target_role"] == inputs.role) & (rows["stratum"] == "correct")]
    rows = rows[rows["region"] == inputs.claimed_region]
    rows = rows[rows["method"].isin([inputs.main_method, *inputs.nulls])].set_index("method")
    columns = ["setting", "mean", "ci_low", "ci_high", "chance", "lift"]
    columns += ["n_maps", "n_patients", "n_undefined"]
    return [
        *shown,
        f"our correctly classified cases, {inputs.claimed_region}:",
        rows[columns].round(3),
    ]


def _pointing(inputs: Inputs, summary: pd.DataFrame, setting: str) -> pd.DataFrame:
    """The hit rates of the headline role at one tolerance."""
    return summary[
        (summary["score"] == "pointing")
        & (summary["target_role"] == inputs.role)
        & (summary["setting"] == setting)
    ]
