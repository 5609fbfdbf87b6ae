"""DeepMiner's released files: labels of units, and 330 answers to "does this text indicate cancer
or benign?" (Wu et al. 2021).

The folder is `deepminer/` of the repository ddsm-visual-primitives, which a user fetches; nothing
of it is here. The labels are also there as a pickle, which is not opened: they are read from the
notebook that typed them.
"""

import ast
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from regard.concepts import report_words, units
from regard.core import statistics
from regard.core.seeds import seed_of
from regard.models.performance import auroc

LABELS = "cleaned_unit_labels.ipynb"
ANSWERS, KEY = "explanations-benchmark-responses.csv", "explanations-benchmark-answer-key.csv"
EXPECTED = {
    "answers": 330,
    "right": 182,
    "labelled units": 46,
    "lost by the lookup": 21,
}  # of the files as released
NEEDED = {  # file -> the columns of it that are read
    ANSWERS: ("Case #", "DeepMiner Explanation", "Cancer or Benign (C/B)?"),
    KEY: ("Case #", "Image Name", "GT Report", "DeepMiner Cancer Likelihood Prediction"),
}


def labels(folder: Path) -> pd.DataFrame:
    """The labels of units as typed in the released notebook: unit (counted from 1, as there),
    label, typed (how often: of a key that is typed several times a dictionary keeps the last),
    found (whether the published lookup, by a number without leading zeros, finds it).

    Raises FileNotFoundError and ValueError that name the file.
    """
    path = _file(folder, LABELS)
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is no notebook") from None
    for cell in cells:
        if cell["cell_type"] == "code" and "cleaned_unit_labels = {" in (
            source := "".join(cell["source"])
        ):
            break
    else:
        raise ValueError(f"{path}: no cell with cleaned_unit_labels = {{...}}")
    typed = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "cleaned_unit_labels"
        and isinstance(node.value, ast.Dict)
    ][0]
    pairs = [
        (ast.literal_eval(key), ast.literal_eval(value))
        for key, value in zip(typed.keys, typed.values)
        if key is not None
    ]
    often = Counter(key for key, _ in pairs)
    rows = [
        {
            "unit": (unit := units.number(key)),
            "label": label,
            "typed": often[key],
            "found": key == f"unit_{unit}",
        }
        for key, label in dict(pairs).items()
    ]
    return pd.DataFrame(rows)


def answers(folder: Path) -> pd.DataFrame:
    """The answers beside the truth: case, exam, explanation (labels, joined by " | "), report,
    likelihood (the network's, of cancer), cancer and said (bool: the truth by the image's name, the
    reader's answer).

    Raises FileNotFoundError, and ValueError that names the file, and the case, for what cannot be
    read.
    """
    tables = {}
    for name, columns in NEEDED.items():
        tables[name] = pd.read_csv(_file(folder, name), dtype=str, keep_default_na=False)
        if missing := [column for column in columns if column not in tables[name]]:
            raise ValueError(f"{Path(folder) / name}: no column {missing[0]!r}")
    table = tables[ANSWERS].merge(tables[KEY], on="Case #", how="left", validate="one_to_one")
    if (lost := table["Image Name"].isna()).any():
        raise ValueError(
            f"{Path(folder) / KEY}: no row for case {table['Case #'][lost].iloc[0]} of {ANSWERS}"
        )
    answer = table["Cancer or Benign (C/B)?"].str.strip().str.upper()
    if (wrong := ~answer.isin(["C", "B"])).any():
        raise ValueError(
            f"{Path(folder) / ANSWERS}, case {table['Case #'][wrong].iloc[0]}: the answer is "
            f"{answer[wrong].iloc[0]!r}, not C or B"
        )
    return pd.DataFrame(
        {
            "case": table["Case #"],
            "exam": table["Image Name"].str.split(".").str[0],
            "explanation": [
                _listed(said, case, folder)
                for said, case in zip(table["DeepMiner Explanation"], table["Case #"])
            ],
            "report": table["GT Report"],
            "likelihood": table["DeepMiner Cancer Likelihood Prediction"].astype(float),
            "cancer": table["Image Name"].str.startswith("cancer"),
            "said": answer == "C",
        }
    )


def _listed(said: str, case: str, folder: Path) -> str:
    try:
        return " | ".join(ast.literal_eval(said))
    except (ValueError, SyntaxError, TypeError):
        raise ValueError(
            f"{Path(folder) / ANSWERS}, case {case}: the explanation {said[:40]!r} is no list of "
            "labels"
        ) from None


def _file(folder: Path, name: str) -> Path:
    path = Path(folder) / name
    if not path.is_file():
        what = path if Path(folder).is_dir() else f"folder {folder}"
        raise FileNotFoundError(
            f"no {what}: fetch the folder `deepminer` of "
            "github.com/jimmyyhwu/ddsm-visual-primitives"
        )
    return path


def reanalysis(table: pd.DataFrame, draws: int = 10_000, seed: int = 1) -> pd.DataFrame:
    """The results of the readers' answers, a row for each measure.

    "right, as if independent" has Wilson's interval of the single answers. "same answer to the
    same text" is the share of answers that are the most frequent one to their set of labels. "rule
    learned from other exams" answers each case by the most frequent truth of its set of labels in
    the other exams, or of all other exams where the set does not occur. The last rows give F1 of
    the words of the explanation with those of the report, less shuffled reports and the commonest
    words.

    Parameters
    ----------
    table : DataFrame
        Of `answers`.
    draws : int
        Bootstrap resamples, and permutations of the reports.
    seed : int
        Of both.

    Returns
    -------
    DataFrame
        measure, value, ci_low, ci_high (over exams, whose images are resampled together), n_cases,
        n_exams.
    """
    seed = seed_of(seed, "deepminer")
    measures = ["measure", "value", "ci_low", "ci_high", "n_cases", "n_exams"]
    rows = [*_right_answers(table, draws, seed), *_answers_by_text(table, draws, seed)]
    found = pd.DataFrame(rows, columns=measures)
    against = _words_of_report(table, draws, seed)
    return pd.concat([found, against[found.columns]], ignore_index=True)


def _mean(
    name: str, values: np.ndarray, exams: np.ndarray, draws: int, seed: int
) -> tuple[str | float, ...]:
    """A row of `reanalysis`: the mean of values, with its interval over exams."""
    interval = statistics.mean_interval(values.astype(float), exams, draws, seed)
    return name, *interval, len(values), len(set(exams))


def _right_answers(table: pd.DataFrame, draws: int, seed: int) -> list[tuple[str | float, ...]]:
    """How often readers, and the network, were right."""
    cancer, exams = table["cancer"].to_numpy(), table["exam"].to_numpy()
    right, likelihood = table["said"].to_numpy() == cancer, table["likelihood"].to_numpy()
    wilson = stats.binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    area = statistics.interval(
        lambda weights: np.asarray(auroc(cancer, likelihood, weights)), exams, draws, seed
    )
    counts = len(table), len(set(exams))
    return [
        _mean("right", right, exams, draws, seed),
        _mean("right, of cancers", right[cancer], exams[cancer], draws, seed),
        _mean("right, of benign", right[~cancer], exams[~cancer], draws, seed),
        ("right, as if independent", right.mean(), wilson.low, wilson.high, *counts),
        _mean("right, the network at 0.5", (likelihood > 0.5) == cancer, exams, draws, seed),
        ("AUROC of the network", *area, *counts),
    ]


def _answers_by_text(table: pd.DataFrame, draws: int, seed: int) -> list[tuple[str | float, ...]]:
    """How far the set of labels that a reader saw decides the answer, and the truth."""
    cancer, exams = table["cancer"].to_numpy(), table["exam"].to_numpy()
    labels = table["explanation"].str.split(" | ", regex=False)
    sets = labels.apply(lambda names: " | ".join(sorted(names)))
    usual = table["said"].groupby(sets).transform(lambda answers: answers.mean() >= 0.5)
    same = (usual == table["said"]).to_numpy()
    learned = _learned(sets.to_numpy(), cancer, exams) == cancer
    return [
        _mean("same answer to the same text", same, exams, draws, seed),
        _mean("rule learned from other exams", learned, exams, draws, seed),
        ("different texts", sets.nunique(), np.nan, np.nan, len(table), len(set(exams))),
    ]


def _words_of_report(table: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """F1 of the words of the explanation with those of the report, less that of two controls."""
    exams = table["exam"].to_numpy()
    explained, reported = (
        report_words.written(table[column]).to_numpy() for column in ("explanation", "report")
    )
    count = max(1, round(explained.sum(axis=1).mean()))
    prior = np.stack(  # of the other exams
        [report_words.commonest(reported[exams != exam], count) for exam in exams]
    )
    against = report_words.beyond(explained, reported, prior, exams, draws, draws, seed)
    return against.rename(columns={"n_patients": "n_exams"}).assign(
        measure="F1 with the report, less " + against["against"], value=against["difference"]
    )


def expected(answers: pd.DataFrame, labels: pd.DataFrame) -> str:
    """A sentence that holds what was read against what the released files are known to hold
    (EXPECTED).
    """
    here = {
        "answers": len(answers),
        "right": int((answers["said"] == answers["cancer"]).sum()),
        "labelled units": len(labels),
        "lost by the lookup": int((~labels["found"]).sum()),
    }
    told = ", ".join(f"{here[name]} {name} ({known} expected)" for name, known in EXPECTED.items())
    return told + (
        ": the released files"
        if here == EXPECTED
        else ": NOT the released files, or not read as they were meant"
    )


def _learned(sets: np.ndarray, cancer: np.ndarray, exams: np.ndarray) -> np.ndarray:
    """The commonest truth of each text among other exams, bool (n,); ties are benign."""
    found = np.zeros(len(sets), bool)
    for at, (one, exam) in enumerate(zip(sets, exams)):
        others = (exams != exam) & (sets == one)
        found[at] = cancer[others if others.any() else exams != exam].mean() > 0.5
    return found
