"""Stage units, second part: words and structures that name units, and the survey of experts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from regard.concepts import report_words, unit_labels, units
from regard.experts import unit_survey
from regard.figures import units as figures
from regard.pipeline.global_explanation import Cases, annotated, structures
from regard.pipeline.units import Units, groups, responses, seed

PUBLISHED_IMAGES = 32  # on a unit's page in the published survey


class Reports(NamedTuple):
    """The reports of all cases.

    Attributes
    ----------
    texts : ndarray
        (N,): text, empty without a report.
    known : ndarray
        Bool (N,): whether the report has a text. A blank report is unknown, not free of findings.
    words : DataFrame
        Bool, a column for each word of `report_words.WORDS`.
    """

    texts: np.ndarray
    known: np.ndarray
    words: pd.DataFrame


def reports(cases: Cases) -> Reports:
    """The reports of all cases and the words that they contain."""
    texts = pd.Series("", cases.table.index)
    if "report" in cases.table:
        column = cases.table["report"]
        texts = column.astype(object).where(column.notna(), "").astype(str)
    known = (texts.str.strip() != "").to_numpy(copy=True)
    return Reports(texts.to_numpy(), known, report_words.written(texts.tolist()))


def matches(
    cases: Cases, found: Units, reports: Reports, chosen: Sequence[int], settings: dict
) -> pd.DataFrame:
    """Which words and structures the units `chosen` match, rows of `unit_labels.adjusted`: on
    training and tuning patients.
    """
    rows = found.rows.numpy()
    named = reports.known[rows]
    amounts = units.AMOUNTS["max"](found.learned)[:, chosen].numpy()
    tables = [
        unit_labels.words(
            amounts[named],
            reports.words.iloc[rows[named]].reset_index(drop=True),
            chosen,
            cases.patients[rows][named],
            groups(cases, settings)[rows][named],
            settings["draws"],
            seed(cases, settings),
        )
    ]
    for structure in structures(cases):
        tables.append(_structure_matches(cases, found, structure, chosen, settings))
    return unit_labels.adjusted(tables)


def _structure_matches(
    cases: Cases, found: Units, structure: str, chosen: Sequence[int], settings: dict
) -> pd.DataFrame:
    rows = found.rows.numpy()
    masks = [annotated(cases, int(row), [structure]).get(structure) for row in rows]
    known = [place for place, mask in enumerate(masks) if mask is not None]
    drawn = np.array([masks[place] for place in known], dtype=bool)
    images = torch.tensor(known, dtype=torch.int64)
    share = settings["share"]
    of_units = (
        torch.from_numpy(responses(cases, found, unit, images, share)[1]) for unit in chosen
    )
    return unit_labels.masks(
        of_units,
        torch.from_numpy(drawn).view(len(known), cases.size, cases.size),
        structure,
        chosen,
        cases.patients[rows][known],
        settings["draws"],
        seed(cases, settings),
    )


def label_table(
    cases: Cases,
    found: Units,
    reports: Reports,
    first: pd.DataFrame,
    matches: pd.DataFrame,
    settings: dict,
) -> pd.DataFrame:
    """What is known of each unit that is looked at, a row each.

    Parameters
    ----------
    first : DataFrame
        The first rows of `units.ranking` of each class.
    matches : DataFrame
        Of `matches`.

    Returns
    -------
    DataFrame
        unit, name, label, the number of concepts matched, the best word with its AUROC and the best
        structure with its IoU (the value by chance and the adjusted p of each), the AUROC of the
        best word on test patients, and the ranks.
    """
    chosen, labels = sorted(set(first["unit"])), unit_labels.labels(matches)
    names = [units.name(unit) for unit in chosen]
    listed = pd.DataFrame(
        {"unit": chosen, "name": names, "label": [labels.get(unit, "") for unit in chosen]}
    ).set_index("unit")
    counts = matches[matches["matched"]].groupby("unit").size()
    listed["concepts matched"] = counts.reindex(chosen, fill_value=0)
    ordered = matches.sort_values(["p", "value"], ascending=[True, False], kind="stable")
    best = ordered.drop_duplicates(["unit", "kind"]).set_index("unit")
    for kind, measure in (("word", "AUROC"), ("mask", "IoU")):
        rows = best[best["kind"] == kind].reindex(chosen)
        listed[f"best {kind}"], listed[measure] = rows["concept"], rows["value"]
        listed[f"{measure} by chance"] = rows["chance"]
        listed[f"p of {measure}"] = rows["p_adjusted"]
    _test_best_words(listed, cases, found, reports, settings)
    column = "rank, " + first["target"] + ", by " + first["amount"]
    ranks = first.assign(column=column).pivot(index="unit", columns="column", values="rank")
    return listed.join(ranks).rename_axis("unit").reset_index()


def _test_best_words(
    listed: pd.DataFrame, cases: Cases, found: Units, reports: Reports, settings: dict
) -> None:
    """Add to `listed` how well each unit's best word is told on test patients, and how many of the
    32 strongest images have it.
    """
    largest = units.AMOUNTS["max"](found.maps)
    test, named = cases.split("test"), found.rows.numpy()
    named, classes = named[reports.known[named]], groups(cases, settings)
    for unit in listed.index:
        word = listed.loc[unit, "best word"]
        if not isinstance(word, str):
            continue
        finding, present = report_words.WORDS[word].finding, reports.words[word].to_numpy()
        some = reports.known & test
        some = some & reports.words[finding].to_numpy() if finding else some
        amounts = largest[:, [unit]].numpy()
        value = unit_labels.within(amounts[some], present[some][None], classes[some])[0, 0]
        listed.loc[unit, "test AUROC"] = value
        share = unit_labels.top_share(amounts[named], present[named], 32)[0]
        listed.loc[unit, "share of the top 32"] = share


def write_pages(cases: Cases, found: Units, first: pd.DataFrame, settings: dict) -> None:
    """Write a picture for each unit of the published ranking, as the survey shows it: its strongest
    images, dimmed where it does not respond.
    """
    folder = cases.stage.output / "pages"
    folder.mkdir(exist_ok=True)
    for unit in dict.fromkeys(first[first["amount"] == "max"]["unit"]):
        images = found.activity.images[unit, :PUBLISHED_IMAGES]
        shown = cases.images[found.rows[images].numpy()]
        masks = responses(cases, found, unit, images, settings["share"])[0]
        page = figures.mosaic(shown, masks, columns=8)
        (folder / f"{units.name(unit)}.png").write_bytes(page)


def answers(cases: Cases, network: str, settings: dict) -> pd.DataFrame:
    """The experts' answers about this network; no row where the study names no table. Raises as
    `unit_survey.of_network`.
    """
    path = cases.stage.root / settings["survey"] if settings["survey"] else None
    return unit_survey.of_network(path, cases.stage.study, network)


def raters_agreement(answers: pd.DataFrame) -> pd.DataFrame | None:
    """`unit_survey.agreement`; None without answers."""
    return unit_survey.agreement(answers) if len(answers) else None


def expert_labels(answers: pd.DataFrame) -> dict[int, str]:
    """The label of each unit that at least two raters describe, see `unit_survey.labels`."""
    return unit_survey.labels(answers)
