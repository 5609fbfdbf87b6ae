"""Experts' answers about units: DeepMiner's four questions, in a plain table of several raters.

A row is one rater's answers about one unit of one network, identified by its digest: retraining
gives another unit 7.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from regard.concepts import report_words, units
from regard.experts import answer_table

# of DeepMiner's survey (Wu et al. 2018): question -> what is asked, and the answers there are; none
# for free text
QUESTIONS = {
    "recognisable": ("Does the unit show a recognisable phenomenon?", ("yes", "no")),
    "associated": ("Is it associated with breast cancer?", ("yes", "no", "unsure")),
    "several": ("Is it one phenomenon or several?", ("one", "several")),
    "description": ("Describe each of them, and how it is associated with breast cancer", ()),
}
FORM = answer_table.Form(
    ("study", "network", "unit", "rater"),
    QUESTIONS,
    "notebooks/explore/survey.ipynb",
    {"unit": (units.number, lambda unit: units.name(int(str(unit))))},
)
COLUMNS = FORM.columns


def read(path: Path) -> pd.DataFrame:
    """The answers in `path`, all of them text but the unit's number. Columns COLUMNS; raises as
    `answer_table.read`.
    """
    return answer_table.read(path, FORM)


def of_network(path: Path | None, study: str, network: str) -> pd.DataFrame:
    """The answers about one network in `path`, as `answer_table.of_network`."""
    return answer_table.of_network(path, study, network, FORM)


def record(path: Path, answer: Mapping) -> None:
    """Put one rater's answers about one unit in the table, as `answer_table.record`."""
    answer_table.record(path, answer, FORM)


def complete(answer: Mapping) -> bool:
    """Whether every question with fixed answers has one; of what is not recognisable the first
    alone.
    """
    fixed = [question for question, (_, known) in QUESTIONS.items() if known]
    return answer["recognisable"] == "no" or all(answer[question] for question in fixed)


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """How far raters agree on the questions with fixed answers: question, n_raters, n_units (with
    an answer of every rater), agreed (the share of units of which all say the same), kappa (Cohen's
    of two raters, Fleiss' of more; blank where all answers are one).

    table: answers about one network.
    """
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    rows = []
    for question, (_, known) in QUESTIONS.items():
        if not known:
            continue
        wide = (
            table[table[question] != ""]
            .pivot(index="unit", columns="rater", values=question)
            .dropna()
        )
        row = {
            "question": question,
            "n_raters": wide.shape[1],
            "n_units": len(wide),
            "agreed": np.nan,
            "kappa": np.nan,
        }
        if wide.shape[1] > 1 and len(wide):
            row["agreed"] = float((wide.nunique(axis=1) == 1).mean())
            if len(set(wide.to_numpy().ravel())) > 1:
                row["kappa"] = (
                    _cohen(wide)
                    if wide.shape[1] == 2
                    else float(fleiss_kappa(aggregate_raters(wide.to_numpy())[0]))
                )
        rows.append(row)
    return pd.DataFrame(rows)


def _cohen(wide: pd.DataFrame) -> float:
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(wide.iloc[:, 0], wide.iloc[:, 1]))


def labels(table: pd.DataFrame) -> dict[int, str]:
    """What the raters call each unit: the words of the lexicon in the descriptions of more than
    half of those who rated it, and who do not call it unrecognisable. Units without such a word,
    and those that fewer than two rated, have no label. table: answers about one network.

    A rule combines the answers; DeepMiner combined them by hand, without a record.
    """
    found = {}
    for unit, rows in table.groupby("unit"):
        if len(rows) < 2:
            continue
        said = [
            report_words.words(text) if known != "no" else set()
            for text, known in zip(rows["description"], rows["recognisable"])
        ]
        common = [
            word
            for word in report_words.WORDS
            if sum(word in each for each in said) * 2 > len(said)
        ]
        plain = [
            word
            for word in common
            if not any(report_words.WORDS[other].finding == word for other in common)
        ]
        if plain:
            found[int(unit)] = ", ".join(report_words.named(word) for word in plain)
    return found
