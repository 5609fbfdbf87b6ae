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
        if isinstance(node, ast.Assign) and node.targets[0].id == "cleaned_unit_labels"
    ][0]
    pairs = [
        (ast.literal_eval(key), ast.literal_eval(value))
        for key, value in zip(typed.keys, typed.values)
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
    """What the answers say, a row each: measure, value, ci_low, ci_high (over exams, whose images
    are resampled together), n_cases, n_exams. table: of `answers`.

    "right, as if independent" has Wilson's interval of the answers one by one. "same answer to the
    same text": how often the answer is the commonest one to its set of labels; "rule learned from
    other exams": the commonest truth of that set among the other exams, all others where there is
    none. The last rows: F1 of the words of the explanation with those of the report, less shuffled
    reports and the commonest words.
    """
    right = (table["said"] == table["cancer"]).to_numpy()
    cancer, exams, text = table["cancer"].to_numpy(), table["exam"].to_numpy(), table["explanation"]
    sets = text.str.split(" | ", regex=False).apply(lambda said: " | ".join(sorted(said)))
    seed = seed_of(seed, "deepminer")

    def mean(values, inside=slice(None)):
        return (
            *statistics.mean_interval(values[inside].astype(float), exams[inside], draws, seed),
            len(values[inside]),
            len(set(exams[inside])),
        )

    rows = {
        "right": mean(right),
        "right, of cancers": mean(right, cancer),
        "right, of benign": mean(right, ~cancer),
    }
    wilson = stats.binomtest(
        int(right.sum()), len(right), 0.5, alternative="two-sided"
    ).proportion_ci(method="wilson")
    rows["right, as if independent"] = (
        right.mean(),
        wilson.low,
        wilson.high,
        len(right),
        len(set(exams)),
    )
    rows["right, the network at 0.5"] = mean((table["likelihood"].to_numpy() > 0.5) == cancer)
    area = statistics.interval(
        lambda weights: auroc(cancer, table["likelihood"].to_numpy(), weights), exams, draws, seed
    )
    rows["AUROC of the network"] = (*area, len(table), len(set(exams)))
    usual = table["said"].groupby(sets).transform(lambda said: said.mean() >= 0.5)
    rows["same answer to the same text"] = mean((usual == table["said"]).to_numpy())
    rows["rule learned from other exams"] = mean(_learned(sets.to_numpy(), cancer, exams) == cancer)
    rows["different texts"] = (sets.nunique(), np.nan, np.nan, len(table), len(set(exams)))
    found = pd.DataFrame(
        [
            {"measure": name} | dict(zip(["value", "ci_low", "ci_high", "n_cases", "n_exams"], row))
            for name, row in rows.items()
        ]
    )
    said, stands = (
        report_words.written(table[column]).to_numpy() for column in ("explanation", "report")
    )
    count = max(1, round(said.sum(axis=1).mean()))
    prior = np.stack(
        [report_words.commonest(stands[exams != exam], count) for exam in exams]
    )  # of the other exams
    against = report_words.beyond(said, stands, prior, exams, draws, draws, seed).rename(
        columns={"n_patients": "n_exams"}
    )
    against = against.assign(
        measure="F1 with the report, less " + against["against"], value=against["difference"]
    )
    return pd.concat([found, against[found.columns]], ignore_index=True)


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
