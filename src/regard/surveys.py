"""What experts say of units: DeepMiner's four questions, in a plain table that several raters fill.

A row is one rater's answers about one unit of one network, known by its digest: after training again unit 7 is another one.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from regard import reports, units

# of DeepMiner's survey (Wu et al. 2018): question -> what is asked, and the answers there are; none for free text
QUESTIONS = {
    "recognisable": ("Does the unit show a recognisable phenomenon?", ("yes", "no")),
    "associated": ("Is it associated with breast cancer?", ("yes", "no", "unsure")),
    "several": ("Is it one phenomenon or several?", ("one", "several")),
    "description": ("Describe each of them, and how it is associated with breast cancer", ()),
}
KEY = ["study", "network", "unit", "rater"]
COLUMNS = [*KEY, *QUESTIONS]


def read(path: Path) -> pd.DataFrame:
    """The answers in `path`, all of them text but the unit's number. Columns COLUMNS, a blank answer is "".

    Raises FileNotFoundError, and ValueError that names the file and the row for columns, units and answers that cannot be, and for the same rater twice.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no {path}: it is made with the first answer in notebooks/explore/survey.ipynb")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(f"{path}: no column {missing[0]!r}; a survey has {', '.join(COLUMNS)}")
    found = []
    for row, unit in enumerate(table["unit"], start=2):
        try:
            found.append(units.number(unit))
        except ValueError as error:
            raise ValueError(f"{path}, row {row}: {error}") from None
    table["unit"] = found
    for row, answer in enumerate(table.to_dict("records"), start=2):
        _check(answer, f"{path}, row {row}: ")
    if (twice := table.duplicated(KEY)).any():
        row = table[twice].iloc[0]
        raise ValueError(f"{path}: rater {row['rater']!r} answers twice about {units.name(row['unit'])}")
    return table[COLUMNS]


def record(path: Path, answer: Mapping) -> None:
    """Put one rater's answers about one unit in the table, in the place of earlier ones; without any answer the row goes. Rows are sorted, so that two
    versions can be compared line by line. Written aside and renamed.

    Raises ValueError without a rater's name and for an answer that there is not, and what `read` does.
    """
    if not str(answer["rater"]).strip():
        raise ValueError("say who you are first: answers belong to a rater")
    _check(answer)
    table = read(path) if Path(path).is_file() else pd.DataFrame(columns=COLUMNS)
    same = np.logical_and.reduce([table[name] == answer[name] for name in KEY]) if len(table) else np.zeros(0, bool)
    row = {name: answer.get(name, "") for name in COLUMNS}
    given = [row] if any(row[question] for question in QUESTIONS) else []
    table = pd.concat([table[~same], pd.DataFrame(given, columns=COLUMNS)]).sort_values(KEY)
    table["unit"] = [units.name(int(unit)) for unit in table["unit"]]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    table.to_csv(aside, index=False, lineterminator="\n")
    os.replace(aside, path)


def _check(answer: Mapping, where: str = "") -> None:
    for question, (_, answers) in QUESTIONS.items():
        if answers and answer.get(question, "") not in ("", *answers):
            raise ValueError(f"{where}{question!r} is {answer[question]!r}; answers are {', '.join(answers)}")


def complete(answer: Mapping) -> bool:
    """Whether every question with fixed answers has one; of what is not recognisable the first alone."""
    fixed = [question for question, (_, answers) in QUESTIONS.items() if answers]
    return answer["recognisable"] == "no" or all(answer[question] for question in fixed)


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """How far raters agree on the questions with fixed answers: question, n_raters, n_units (with an answer of every rater), agreed (the share of
    units of which all say the same), kappa (Cohen's of two raters, Fleiss' of more; blank where all answers are one).

    table: answers about one network.
    """
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    rows = []
    for question, (_, answers) in QUESTIONS.items():
        if not answers:
            continue
        wide = table[table[question] != ""].pivot(index="unit", columns="rater", values=question).dropna()
        row = {"question": question, "n_raters": wide.shape[1], "n_units": len(wide), "agreed": np.nan, "kappa": np.nan}
        if wide.shape[1] > 1 and len(wide):
            row["agreed"] = float((wide.nunique(axis=1) == 1).mean())
            if len(set(wide.to_numpy().ravel())) > 1:
                row["kappa"] = (
                    _cohen(wide) if wide.shape[1] == 2 else float(fleiss_kappa(aggregate_raters(wide.to_numpy())[0]))
                )
        rows.append(row)
    return pd.DataFrame(rows)


def _cohen(wide: pd.DataFrame) -> float:
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(wide.iloc[:, 0], wide.iloc[:, 1]))


def labels(table: pd.DataFrame) -> dict[int, str]:
    """What the raters call each unit: the words of the lexicon in the descriptions of more than half of those who rated it, and who do not call it
    unrecognisable. Units without such a word, and those that fewer than two rated, have no label. table: answers about one network.

    Put together by rule: in DeepMiner it was done by hand, without a record.
    """
    found = {}
    for unit, rows in table.groupby("unit"):
        if len(rows) < 2:
            continue
        said = [
            reports.words(text) if known != "no" else set()
            for text, known in zip(rows["description"], rows["recognisable"])
        ]
        common = [word for word in reports.WORDS if sum(word in each for each in said) * 2 > len(said)]
        plain = [word for word in common if not any(reports.WORDS[other].finding == word for other in common)]
        if plain:
            found[int(unit)] = ", ".join(reports.named(word) for word in plain)
    return found
