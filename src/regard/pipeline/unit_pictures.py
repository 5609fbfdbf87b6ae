"""Stage units: what stands in its figures, and the sentences beside them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from regard.concepts import report_words, units
from regard.figures import units as figures
from regard.pipeline.global_explanation import Cases
from regard.pipeline.unit_explanations import CONTRASTIVE, PUBLISHED, Rule
from regard.pipeline.unit_names import Reports
from regard.pipeline.units import Target, Units, responses

ROUNDING = 1e-9  # an interval that ends closer to zero contains it


def score_table(scores: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """AUROC and interval as text, a row per class and a column per score."""
    text = [f"{row.value:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]" for row in scores.itertuples()]
    wide = scores.assign(text=text).pivot(index="target", columns="score", values="text")
    return wide.reindex(classes)


def pages(
    cases: Cases, found: Units, listed: pd.DataFrame, chosen: Sequence[int], settings: dict
) -> Figure | None:
    """For each of the units `chosen` the images where it is strongest; None without units.

    listed: of `unit_names.label_table`.
    """
    if not chosen:
        return None
    by_unit = listed.set_index("unit")
    rows = []
    for unit in chosen:
        images = found.activity.images[unit, : settings["shown"]]
        shown = found.rows[images].numpy()
        masks = responses(cases, found, unit, images, settings["share"])
        captions = [_caption(cases, row) for row in shown]
        tiles = list(zip(cases.images[shown], *masks, captions))
        rows.append((_title(unit, by_unit.loc[unit]), tiles))
    return figures.pages(rows)


def _caption(cases: Cases, row: int) -> str:
    label = f", {cases.table['label'][row]}" if "label" in cases.table else ""
    return f"{cases.table['case'][row]}{label}"


def _title(unit: int, known: pd.Series) -> str:
    label = (known["label"] or "no label").replace(", ", "\n")
    word = known["best word"]
    best = f"\n{word}: AUROC {known['AUROC']:.2f}" if isinstance(word, str) else ""
    return f"{units.name(unit)}\n{label}{best}"


def match_counts(matches: pd.DataFrame, listed: pd.DataFrame) -> str:
    """How many words and structures were tried, how many matches there are, and which labels."""
    tried = matches.drop_duplicates(["kind", "concept"])["kind"].value_counts()
    labels = listed.loc[listed["label"] != "", "label"]
    counts = labels.value_counts().to_string() if len(labels) else "no unit has a label"
    return (
        f"{tried.get('word', 0)} words and {tried.get('mask', 0)} structures tried on "
        f"{len(listed)} units; {matches['matched'].sum()} matches; {len(labels)} units have a "
        f"label\n{counts}"
    )


def replication(listed: pd.DataFrame) -> str:
    """The mean AUROC of the best words of labelled units, and that on test patients."""
    known = listed[listed["label"] != ""]
    if not len(known) or known["AUROC"].isna().all():
        return "No unit has a label: there is no word to test again."
    return (
        f"Mean AUROC of the best word of units with a label: {known['AUROC'].mean():.2f}, on test "
        f"patients {known['test AUROC'].mean():.2f}"
    )


def label_columns(listed: pd.DataFrame, rows: int = 20) -> pd.DataFrame:
    """The first rows of the table of labels, without ranks and chance levels."""
    columns = ["label", "concepts matched", "best word", "AUROC", "test AUROC"]
    columns += ["share of the top 32", "p of AUROC", "best mask", "IoU"]
    known = [name for name in columns if name in listed]
    return listed.set_index("name")[known].round(2).head(rows)


def distinct_texts(explanations: pd.DataFrame) -> pd.DataFrame:
    """How many different sets of words each rule uses for all test images, and the most frequent
    one.
    """
    rows = []
    for rule, part in explanations.groupby("rule", sort=False):
        sets = [" + ".join(sorted(report_words.words(labels))) for labels in part["labels"]]
        counts = pd.Series(sets).value_counts()
        row = {"rule": rule, "images": len(part), "sets of words": len(counts)}
        most = {"most frequent": counts.index[0] or "nothing", "its images": counts.iloc[0]}
        rows.append(row | most)
    return pd.DataFrame(rows).set_index("rule")


def coverage_table(coverage: pd.DataFrame, classes: Sequence[str], top: int) -> pd.DataFrame:
    """The share of the first units that have a label, a column per ranking."""
    wide = coverage.pivot(index="target", columns="amount", values="coverage").reindex(classes)
    return wide.rename_axis(columns=f"share of the first {top} units with a label, by").round(2)


def explained_cases(
    cases: Cases,
    found: Units,
    rules: Mapping[str, Rule],
    reports: Reports,
    explanations: pd.DataFrame,
    probabilities: Tensor,
    target: Target,
    settings: dict,
) -> Figure:
    """The first test case of each class: where its units respond, its report, and both texts."""
    test, contrast = cases.split("test"), rules[CONTRASTIVE]
    present = {name: cases.present(name) == 1 for name in cases.classes}
    first = [row for has in present.values() for row in np.flatnonzero(test & has)[:1]]
    shown = []
    for row in dict.fromkeys(first):
        place = int(np.flatnonzero(np.flatnonzero(test) == row)[0])
        influences, speaking = contrast.influences[place], []
        for unit in contrast.speaking[place]:
            label = f"{contrast.labels[unit]} ({float(influences[unit]):+.2f})"
            mask = _mask(cases, found, int(row), unit, settings["share"])
            speaking.append((mask, f"{units.name(unit)}, {label}"))
        name = cases.table["case"][row]
        texts = explanations[explanations["case"] == name].set_index("rule")["text"]
        called = ", ".join(label for label, has in present.items() if has[row])
        probability = float(probabilities[row, target.place])
        paragraphs = [
            f"{name}: {called}. The network: {target.name} {probability:.0%}",
            f"Report: {reports.texts[row] or 'none'}",
            f"As published: {texts[PUBLISHED] or 'no labelled unit among the first'}",
            f"Contrastive: {texts[CONTRASTIVE]}",
        ]
        shown.append((cases.images[row], speaking, paragraphs))
    return figures.explained(shown)


def _mask(cases: Cases, found: Units, row: int, unit: int, share: float) -> np.ndarray:
    """Where a unit responds on one case, by the published rule."""
    maps, largest = found.maps[row, unit][None], found.activity.largest[unit, :1]
    return units.published_masks(maps, largest, cases.size, found.field, share)[0].numpy()


def consistency(agreed: pd.DataFrame | None) -> Figure | None:
    """Precision, recall and F1 of all words together; None without a table."""
    if agreed is None:
        return None
    whole = agreed[(agreed["word"] == "all") & (agreed["words"] == "all words")]
    return figures.consistency(whole, list(report_words.MEASURES))


def beyond_sentences(beyond: pd.DataFrame | None) -> str:
    """Whether explanations agree with their own reports better than baselines do."""
    if beyond is None:
        return "No reports, or no unit with a label: nothing to compare."
    lines = []
    for row in beyond[beyond["words"] == "all words"].itertuples():
        verdict = "the difference may be zero"
        if row.ci_low > ROUNDING:
            verdict = "better than the baseline"
        elif row.ci_high < -ROUNDING:
            verdict = "worse than the baseline"
        lines.append(
            f"{row.explanation}: mean F1 {row.value:.3f} with the own reports, "
            f"{row.baseline:.3f} for {row.against}: {verdict}"
        )
    return "\n".join(lines)


def beyond_table(beyond: pd.DataFrame | None) -> pd.DataFrame | None:
    """The comparison with baselines, rounded; None without one."""
    if beyond is None:
        return None
    columns = ["value", "baseline", "difference", "ci_low", "ci_high"]
    columns += ["p_holm", "n_cases", "n_undefined"]
    rows = beyond.set_index(["words", "explanation", "against"])[columns]
    return rows.rename(columns={"value": "mean F1 of an image"}).round(3)


def words(by_word: pd.DataFrame | None) -> Figure | None:
    """AUROC of each word; None without a table."""
    return None if by_word is None else figures.words(by_word)


def words_told(by_word: pd.DataFrame | None) -> str:
    """The words whose best unit has an interval above 0.5 on test patients."""
    if by_word is None:
        return "No word has enough patients with and without it."
    best = by_word[(by_word["source"] == "best unit") & (by_word["ci_low"] > 0.5)]
    return (
        f"Best unit above 0.5 on test patients for {len(best)} of {by_word['word'].nunique()} "
        f"words:\n{', '.join(best['word']) or 'none'}"
    )


def removals(removal: pd.DataFrame) -> Figure | None:
    """The falls without named and unnamed units; None where nothing was removed."""
    return figures.removals(removal) if len(removal) else None


def removal_rows(removal: pd.DataFrame) -> pd.DataFrame:
    """The falls, their controls and the differences, rounded."""
    columns = ["units", "value", "control", "difference", "difference ci_low"]
    columns += ["difference ci_high", "p_holm", "n_cases"]
    return removal.set_index(["set", "as"])[columns].astype(float).round(3)


def nuisance_sentence(nuisance: pd.DataFrame, count: int) -> str:
    """How many of `count` units encode a nuisance variable, and which."""
    matched = nuisance[nuisance["matched"]]
    names = ", ".join(sorted(set(matched["concept"]))) or "none"
    return f"{matched['unit'].nunique()} of {count} units encode nuisance variables: {names}"


def agreement_of_raters(agreement: pd.DataFrame | None) -> pd.DataFrame | None:
    """How far raters agree, a row per question; None without answers."""
    return None if agreement is None else agreement.set_index("question").round(2)


def same_logits(cases: Cases, found: Units, images: int = 4) -> bool:
    """Whether a window as large as the feature map gives the network's logits, on the first images:
    what makes the score at every location comparable. True for another pool than the average.
    """
    if cases.pool != "avg":
        return True
    device = next(cases.model.parameters()).device
    inputs, window = cases.inputs[:images].to(device), found.maps.shape[2:]
    with torch.no_grad():
        whole = cases.model(inputs)
    dense = units.dense(cases.model, inputs, (window[0], window[1]))[:, :, 0, 0]
    return bool(torch.allclose(dense, whole, atol=1e-4, rtol=1e-4))
