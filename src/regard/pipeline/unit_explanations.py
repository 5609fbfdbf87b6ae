"""Stage units, third part: explanations put together from named units, and how well they agree with
the reports.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from regard.concepts import report_words, unit_labels, units
from regard.concepts.cluster_quality import weighted_auroc
from regard.core import statistics
from regard.pipeline.global_explanation import Cases
from regard.pipeline.unit_names import Reports
from regard.pipeline.units import Target, Units, seed

PUBLISHED, CONTRASTIVE, EXPERTS = "published", "contrastive", "published, experts' labels"
Compared = Sequence[tuple[str, np.ndarray, np.ndarray]]  # name, words said, words of the reports


class Rule(NamedTuple):
    """A rule by which units explain an image.

    Attributes
    ----------
    influences : Tensor
        (n, U): of the units on each test image.
    labels : mapping of int to str
        The units that have a label.
    speaking : list of list of int
        The units that explain each test image.
    """

    influences: Tensor
    labels: Mapping[int, str]
    speaking: list[list[int]]

    def says(self, place: int) -> str:
        """The labels that explain the test image at `place`."""
        return ", ".join(self.labels[unit] for unit in self.speaking[place])


def of_published_ranking(labels: Mapping[int, str], first: pd.DataFrame) -> dict[int, str]:
    """The labels of the units among the first by their largest activation."""
    ranked = set(first[first["amount"] == "max"]["unit"])
    return {unit: label for unit, label in labels.items() if unit in ranked}


def rules(
    cases: Cases,
    found: Units,
    target: Target,
    labels: Mapping[int, str],
    first: pd.DataFrame,
    by_experts: Mapping[int, str],
    settings: dict,
) -> dict[str, Rule]:
    """The rules that explain the test images, by name; that with the experts' labels only where
    there are some.

    Parameters
    ----------
    labels : mapping of int to str
        Units and their automatic labels.
    first : DataFrame
        The first rows of `units.ranking` of each class.
    by_experts : mapping of int to str
        Units and their labels by the survey.
    """
    maps, count = found.maps[cases.split("test")], settings["first"]
    as_published = units.influence(maps, found.weights[target.place], "max")
    contrast = units.influence(maps, target.head, found.amount)

    def published(names: Mapping[int, str]) -> Rule:
        scanned = settings["scanned"]
        speaking = [report_words.published(one, names, scanned, count) for one in as_published]
        return Rule(as_published, names, speaking)

    speaking = [report_words.contrastive(one, labels, count) for one in contrast]
    made = {PUBLISHED: published(of_published_ranking(labels, first))}
    made[CONTRASTIVE] = Rule(contrast, labels, speaking)
    return made | ({EXPERTS: published(by_experts)} if by_experts else {})


def explanations(
    cases: Cases, rules: Mapping[str, Rule], target: Target, probabilities: Tensor
) -> pd.DataFrame:
    """What each rule says of each test image: case, patient, rule, target, probability, units,
    labels, text. probabilities: (N, classes).
    """
    rows = []
    for name, rule in rules.items():
        for place, row in enumerate(np.flatnonzero(cases.split("test"))):
            spoke, said = rule.speaking[place], rule.says(place)
            text = said
            if name == CONTRASTIVE:
                influences = rule.influences[place]
                text = report_words.sentence(target.name, spoke, influences, rule.labels)
            rows.append(
                {
                    "case": cases.table["case"][row],
                    "patient": cases.patients[row],
                    "rule": name,
                    "target": target.name,
                    "probability": float(probabilities[row, target.place]),
                    "units": " ".join(units.name(unit) for unit in spoke),
                    "labels": said,
                    "text": text,
                }
            )
    return pd.DataFrame(rows)


def coverage(
    cases: Cases,
    found: Units,
    labels: Mapping[int, str],
    first: pd.DataFrame,
    settings: dict,
) -> pd.DataFrame:
    """The share of the most influential units of the test images that have a label: target, amount,
    coverage, n_cases.
    """
    maps, rows = found.maps[cases.split("test")], []
    of_ranking = of_published_ranking(labels, first)
    for place, name in enumerate(cases.classes):
        for amount in found.amounts:
            influences = units.influence(maps, found.weights[place], amount)
            known = of_ranking if amount == "max" else labels
            share = units.coverage(influences, known, settings["top"])
            row = {"target": name, "amount": amount, "coverage": share, "n_cases": len(maps)}
            rows.append(row)
    return pd.DataFrame(rows)


class Judged(NamedTuple):
    """The test images with a report, bool columns of words each.

    Attributes
    ----------
    places : ndarray
        Bool (n,): which of the test images have one.
    written : DataFrame
        The words of these images' reports.
    prior : DataFrame
        The words of the reports of training and tuning patients.
    patients : ndarray
        The patients of the test images with a report.
    """

    places: np.ndarray
    written: pd.DataFrame
    prior: pd.DataFrame
    patients: np.ndarray


def judged(cases: Cases, reports: Reports) -> Judged:
    """The reports that explanations are compared with."""
    test = cases.split("test")
    return Judged(
        reports.known[test],
        reports.words[test & reports.known],
        reports.words[~test & reports.known],
        cases.patients[test & reports.known],
    )


def agreement_with_reports(
    cases: Cases, rules: Mapping[str, Rule], reports: Reports, settings: dict
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """How well the words of explanations agree with those of the images' own reports.

    Returns
    -------
    consistency : DataFrame or None
        words, explanation, word, baseline, and the columns of `report_words.consistency`: of all
        words and of those of findings, and of each word; baselines are other patients' reports and
        words that are said of every image.
    beyond : DataFrame or None
        Rows of `report_words.beyond` with words, explanation and p_holm.

    Both are None without the reports of two patients, and without a unit with a label.
    """
    found = judged(cases, reports)
    if len(set(found.patients)) < 2:
        return None, None
    draws, flips, start = settings["draws"], settings["flips"], seed(cases, settings)
    measured = partial(_consistency, found.patients, draws, start)
    rows: list[dict] = []
    lines: list[pd.DataFrame] = []
    for name, rule in rules.items():
        if not rule.labels:
            continue
        texts = [rule.says(place) for place in np.flatnonzero(found.places).tolist()]
        said = report_words.written(texts)
        for scope, columns in _scopes(found.written).items():
            own, stands = said[columns].to_numpy(), found.written[columns].to_numpy()
            count = max(1, round(own.sum(1).mean()))
            prior = report_words.commonest(found.prior[columns].to_numpy(), count)
            usual = f"commonest: {', '.join(np.array(columns)[prior])}"
            everywhere = np.tile(prior, (len(stands), 1))
            pairs = _pairs(name, own, stands, found.patients, (usual, everywhere))
            rows += measured(name, pairs, {"words": scope, "word": "all"})
            line = report_words.beyond(own, stands, prior, found.patients, draws, flips, start)
            lines.append(line.assign(words=scope, explanation=name))
        for word in found.written:
            own, stands = said[[word]].to_numpy(), found.written[[word]].to_numpy()
            if stands.any() or own.any():
                always = ("said of every image", np.ones_like(stands))
                pairs = _pairs(name, own, stands, found.patients, always)
                rows += measured(name, pairs, {"words": "all words", "word": word})
    if not rows:
        return None, None
    beyond = pd.concat(lines, ignore_index=True)
    columns = ["words", "explanation", "word", "measure"]
    table = pd.DataFrame(rows).drop_duplicates(columns)
    return table, beyond.assign(p_holm=statistics.holm(beyond["p"]))


def _scopes(written: pd.DataFrame) -> dict[str, list[str]]:
    """The words that are compared together."""
    findings = [
        word for word, about in report_words.WORDS.items() if about.category != "composition"
    ]
    return {"all words": list(written), "findings": findings}


def _pairs(
    rule: str,
    own: np.ndarray,
    stands: np.ndarray,
    patients: np.ndarray,
    always: tuple[str, np.ndarray],
) -> Compared:
    """An explanation with its own reports, with those of other patients, and what is said of every
    image, by name.
    """
    others = report_words.of_others(stands, patients)
    return (rule, own, stands), (f"{rule}, others' reports", own, others), (*always, stands)


def _consistency(
    patients: np.ndarray, draws: int, start: int, rule: str, pairs: Compared, scope: dict
) -> list[dict]:
    rows = []
    for name, said, stands in pairs:
        first = {"words": scope["words"], "explanation": name, "word": scope["word"]}
        for row in report_words.consistency(said, stands, patients, draws, start):
            rows.append(first | {"baseline": name != rule} | row)
    return rows


def word_aurocs(
    cases: Cases,
    found: Units,
    reports: Reports,
    matches: pd.DataFrame,
    output: Tensor,
    settings: dict,
) -> pd.DataFrame | None:
    """How well units tell which test reports have a word, beside the network's output.

    Parameters
    ----------
    matches : DataFrame
        Of `unit_names.matches`; they name the units.
    output : Tensor
        (N,): the output for the target.

    Returns
    -------
    DataFrame or None
        word, source ("output", "units" of that label, "best unit"), units, value (AUROC), ci_low,
        ci_high, n_cases, n_positive. None where no word has enough patients with and without it.
    """
    test, labels = cases.split("test"), unit_labels.labels(matches)
    scaled, rows = _scaled(found).numpy(), []
    for word, about in report_words.WORDS.items():
        some = reports.known & test
        some = some & reports.words[about.finding].to_numpy() if about.finding else some
        present, patients = reports.words[word].to_numpy()[some], cases.patients[some]
        if min(len(set(patients[side])) for side in (present, ~present)) < unit_labels.FEWEST:
            continue
        name = report_words.named(word)
        of_label = [unit for unit, label in labels.items() if name in label.split(", ")]
        chosen = {"units": of_label, "best unit": _best_unit(matches, word)}
        sources = {"output": output[some].numpy()}
        sources |= {key: scaled[some][:, which].mean(1) for key, which in chosen.items() if which}
        counted = {"n_cases": len(present), "n_positive": int(present.sum())}
        for source, values in sources.items():
            measure = weighted_auroc(present, values)
            interval = statistics.interval(
                measure, patients, settings["draws"], seed(cases, settings)
            )
            row = {"word": name, "source": source, "units": len(chosen.get(source, ()))}
            rows.append(row | dict(zip(("value", "ci_low", "ci_high"), interval)) | counted)
    return pd.DataFrame(rows) if rows else None


def _scaled(found: Units) -> Tensor:
    """The largest activations (N, U), standardised over the training and tuning patients."""
    largest = units.AMOUNTS["max"](found.maps)
    learned = largest[found.rows]
    return (largest - learned.mean(0)) / learned.std(0).clamp(min=1e-12)


def _best_unit(matches: pd.DataFrame, word: str) -> list[int]:
    """The unit with the largest AUROC of a word on training and tuning patients, whether or not it
    is beyond chance.
    """
    rows = matches[(matches["kind"] == "word") & (matches["concept"] == word)]
    ordered = rows.sort_values("value", ascending=False, kind="stable")
    return ordered["unit"].head(1).tolist()
