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
    """The answers in `path`, all of them text but the unit's number; none where there is no file. Columns COLUMNS, a blank answer is "".

    Raises ValueError that names the file and the row for columns, units and answers that cannot be, and for the same rater twice.
    """
    if not Path(path).is_file():
        return pd.DataFrame(columns=COLUMNS)
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
    for question, (_, answers) in QUESTIONS.items():
        wrong = ~table[question].isin(["", *answers]) & bool(answers)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"{path}, row {row + 2}: {question!r} is {table[question][row]!r}; answers are {', '.join(answers)}"
            )
    if (twice := table.duplicated(KEY)).any():
        row = table[twice].iloc[0]
        raise ValueError(f"{path}: rater {row['rater']!r} answers twice about {units.name(row['unit'])}")
    return table[COLUMNS]


def record(path: Path, answer: Mapping) -> None:
    """Put one rater's answers about one unit in the table, in the place of earlier ones; rows are sorted, so that two versions can be compared
    line by line. Written aside and renamed.

    Raises ValueError without a rater's name, and what `read` does.
    """
    if not str(answer["rater"]).strip():
        raise ValueError("say who you are first: answers belong to a rater")
    table = read(path)
    same = np.logical_and.reduce([table[name] == answer[name] for name in KEY]) if len(table) else np.zeros(0, bool)
    table = pd.concat([table[~same], pd.DataFrame([{name: answer.get(name, "") for name in COLUMNS}])]).sort_values(KEY)
    table["unit"] = [units.name(int(unit)) for unit in table["unit"]]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    table.to_csv(aside, index=False, lineterminator="\n")
    os.replace(aside, path)


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
    unrecognisable. Units without such a word have no label. table: answers about one network.

    Put together by rule: in DeepMiner it was done by hand, without a record.
    """
    found = {}
    for unit, rows in table.groupby("unit"):
        said = [
            reports.words(text) if known != "no" else set()
            for text, known in zip(rows["description"], rows["recognisable"])
        ]
        common = [word for word in reports.WORDS if sum(word in each for each in said) * 2 > len(said)]
        plain = [word for word in common if not any(reports.WORDS[other].finding == word for other in common)]
        if plain:
            found[int(unit)] = ", ".join(reports.named(word) for word in plain)
    return found
