"""Stage units, last part: what named units matter to the output, what has no name, and what the
stage leaves for the table of claims.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from regard.concepts import unit_labels, units
from regard.core import columns, statistics
from regard.core.seeds import seed_of
from regard.pipeline.global_explanation import Cases
from regard.pipeline.units import Target, Units, groups, seed

REMOVAL = (
    *("name", "set", "as", "units", "value", "ci_low", "ci_high", "control", "difference"),
    *("difference ci_low", "difference ci_high", "p", "n_cases", "n_patients"),
)


def likeness(cases: Cases, found: Units, target: Target) -> dict[str, Tensor]:
    """By what controls resemble the removed units, a number for each unit (U,): the mean activation
    ("active"), the mean influence ("influential"), and the mean influence on images of the target,
    all on training and tuning patients.
    """
    learned, of_class = found.learned, cases.present(target.name)[found.rows.numpy()] == 1
    means = {
        "active": units.AMOUNTS["mean"](learned).mean(0),
        "influential": units.influence(learned, target.head, found.amount).mean(0),
    }
    if of_class.any():
        inside = learned[torch.from_numpy(of_class)]
        influences = units.influence(inside, target.head, found.amount)
        means["influential on its images"] = influences.mean(0)
    return means


def sets(leading: Sequence[int], labelled: Collection[int]) -> dict[str, list[int]]:
    """The first units of the target with and without a label."""
    return {
        "with a label": [unit for unit in leading if unit in labelled],
        "without a label": [unit for unit in leading if unit not in labelled],
    }


def removal_table(
    cases: Cases,
    found: Units,
    target: Target,
    sets: Mapping[str, Sequence[int]],
    likeness: Mapping[str, Tensor],
    settings: dict,
) -> pd.DataFrame:
    """How much the output falls on test images of the target when a set of units is zero.

    Returns
    -------
    DataFrame
        Columns REMOVAL and p_holm: a row per set and likeness. value: the fall; control: the fall
        without as many other units that are alike; difference: the first minus the second. No row
        for an empty set, and for one of more than half of all units.
    """
    inside = cases.split("test") & (cases.present(target.name) == 1)
    maps, patients = found.maps[torch.from_numpy(inside)], cases.patients[inside]
    model, draws, start = cases.model.cpu(), settings["draws"], seed(cases, settings)
    rows = []
    for name, chosen in sets.items():
        if not chosen or not len(maps) or 2 * len(chosen) > maps.shape[1]:
            continue
        fell = units.removed(model, maps, chosen, target.towards).numpy()
        interval = statistics.mean_interval(fell, patients, draws, start)
        first = {"name": f"the {len(chosen)} {name}", "set": name}
        values = dict(zip(("value", "ci_low", "ci_high"), interval))
        for alike, means in likeness.items():
            falls = [
                units.removed(model, maps, others, target.towards).numpy()
                for others in controls(means, chosen, start, settings["controls"])
            ]
            others = np.mean(falls, axis=0)
            paired = statistics.paired(fell, others, patients, draws, start, settings["flips"])
            renamed = {_of_difference(key): value for key, value in paired.items()}
            row = first | {"as": alike, "units": len(chosen)} | values
            rows.append(row | {"control": others.mean()} | renamed)
    table = pd.DataFrame(rows, columns=list(REMOVAL))
    return table.assign(p_holm=statistics.holm(table["p"].astype(float)))


def _of_difference(column: str) -> str:
    return f"difference {column}" if column.startswith("ci") else column


def controls(means: Tensor, chosen: Sequence[int], start: int, count: int) -> list[list[int]]:
    """`count` samples of other units that resemble the units `chosen` in `means` (U,)."""
    return [units.alike(means, chosen, seed_of(start, draw)) for draw in range(count)]


def removal_sentences(
    cases: Cases,
    removal: pd.DataFrame,
    target: Target,
    sets: Mapping[str, Sequence[int]],
    likeness: Mapping[str, Tensor],
    settings: dict,
) -> str:
    """For each set and each control of influence the two falls, and how well they were matched."""
    lines = []
    for row in removal[removal["as"] != "active"].to_dict("records"):
        means, chosen = likeness[row["as"]], list(sets[row["set"]])
        samples = controls(means, chosen, seed(cases, settings), settings["controls"])
        matched = np.mean([float(means[others].sum()) for others in samples])
        own = float(means[chosen].sum())
        lines.append(
            f"Without {row['name']} {target.name} falls by {row['value']:.2f}, without as many as "
            f"{row['as']} by {row['control']:.2f}\n"
            f"    (total influence {own:.2f}, of the controls {matched:.2f})"
        )
    return "\n".join(lines)


def nuisance_matches(
    cases: Cases, found: Units, chosen: Sequence[int], settings: dict
) -> pd.DataFrame:
    """Which of the units `chosen` encode what should not matter (scanner, side, view, artefact),
    rows of `unit_labels.adjusted`.
    """
    rows = found.rows.numpy()
    table = cases.table.iloc[rows].reset_index(drop=True)
    return unit_labels.adjusted(
        [
            unit_labels.words(
                units.AMOUNTS["max"](found.learned)[:, chosen].numpy(),
                unit_labels.groups(table, settings["other"]),
                chosen,
                cases.patients[rows],
                groups(cases, settings)[rows],
                settings["draws"],
                seed(cases, settings),
            )
        ]
    )


def leading_units(
    cases: Cases,
    found: Units,
    target: Target,
    leading: Sequence[int],
    labels: pd.DataFrame,
    nuisance: pd.DataFrame,
    settings: dict,
) -> pd.DataFrame:
    """The first units of the target, a row each: unit, name, label, rank, the fall of the output
    without it on all test images, its nearest word, and the nuisance variable it tells best.

    labels: of `unit_names.label_table`; nuisance: of `nuisance_matches`.
    """
    test, by_unit, rows = cases.split("test"), labels.set_index("unit"), []
    maps, patients = found.maps[torch.from_numpy(test)], cases.patients[test]
    model, start = cases.model.cpu(), seed(cases, settings)
    for place, unit in enumerate(leading):
        fell = units.removed(model, maps, [unit], target.towards).numpy()
        interval = statistics.mean_interval(fell, patients, settings["draws"], start)
        row = {
            "unit": unit,
            "name": units.name(unit),
            "label": by_unit.loc[unit, "label"],
            "rank": place + 1,
            **dict(zip(("fall", "ci_low", "ci_high"), interval)),
            "nearest word": by_unit.loc[unit, "best word"],
            "p of the word": by_unit.loc[unit, "p of AUROC"],
        }
        own = nuisance[nuisance["unit"] == unit]
        for best in (
            own.sort_values(["p", "value"], ascending=[True, False]).head(1).to_dict("records")
        ):
            row |= {"tells": best["concept"], "AUROC": best["value"]}
            row |= {"p of AUROC": best["p_adjusted"]}
        rows.append(row)
    return pd.DataFrame(rows)


def claims_table(
    cases: Cases,
    target: Target,
    beyond: pd.DataFrame | None,
    removal: pd.DataFrame,
    settings: dict,
) -> pd.DataFrame:
    """Every number of this stage that a claim may refer to, columns `core.columns.CONCEPTS`. The
    reader of text alone of the published study is a row without cases: nobody was surveyed.
    """
    parts = []
    if beyond is not None:
        scope = beyond["words"].map({"all words": "", "findings": ", words of findings"})
        pair = beyond["explanation"] + " - " + beyond["against"] + scope
        parts.append(
            beyond.assign(statistic="F1 with the report, " + pair, value=beyond["difference"])
        )
    if len(removal):
        fell = removal.assign(
            statistic="fall, units " + removal["set"] + " - as " + removal["as"],
            value=removal["difference"],
            ci_low=removal["difference ci_low"],
            ci_high=removal["difference ci_high"],
        )
        parts.append(fell)
    reader = {"statistic": "a reader's right answers from the text alone"}
    parts.append(pd.DataFrame([reader | {"n_cases": 0, "n_patients": 0}]))
    table = pd.concat(parts, ignore_index=True).assign(
        study=cases.stage.study,
        data=cases.data,
        target=target.name,
        setting=f"top={settings['annotated']};labels=automatic",
        profile=settings["profile"],
    )
    return table.reindex(columns=columns.CONCEPTS)


def stored(
    cases: Cases, found: Units, chosen: Sequence[int], network: str, settings: dict
) -> xr.Dataset:
    """The strongest images of the units `chosen`, for the explorers; network: its digest."""
    images, largest = found.activity.images[chosen], found.activity.largest[chosen]
    names = cases.table["case"].to_numpy()[found.rows[images].numpy()]
    variables = {
        "largest": (("unit", "image"), largest.numpy()),
        "case": (("unit", "image"), names),
        "threshold": (("unit",), found.activity.threshold[chosen].numpy()),
    }
    places = {"unit": list(chosen), "image": np.arange(1, images.shape[1] + 1)}
    attributes = {
        "study": cases.stage.study,
        "data": cases.data,
        "network": network,
        "profile": settings["profile"],
    }
    return xr.Dataset(variables, places, attributes)
