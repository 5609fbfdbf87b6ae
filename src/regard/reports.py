"""Words of radiology reports, explanations put together from labelled units, and how well the two agree (after DeepMiner, see regard.units)."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from regard import statistics


class Word(NamedTuple):
    """A word of the lexicon, the finding that it describes (blank: it is a finding itself, or about the breast), and how it is written."""

    finding: str
    category: str
    pattern: str


# BI-RADS (ACR 2013) and the older words that DDSM's reports use; patterns are of lower case, with blanks for "-" and "_"
WORDS = {
    "mass": Word("", "finding", r"\bmass(es)?\b"),
    "calcification": Word("", "finding", r"\b(micro|macro)?calc(s|ified|ifications?)\b"),
    "architectural distortion": Word("", "finding", r"\barchitectural distortion"),
    "asymmetry": Word("", "finding", r"\basymmetr(y|ies|ic)\b"),
    "oval": Word("mass", "shape", r"\boval\b"),
    "round": Word("mass", "shape", r"\bround\b(?! and regular)"),
    "lobulated": Word("mass", "shape", r"\blobulated\b"),
    "irregular": Word("mass", "shape", r"\birregular(ly)?\b"),
    "circumscribed": Word("mass", "margin", r"\bcircumscribed\b|\bsmooth (edges|margins)\b"),
    "obscured": Word("mass", "margin", r"\bobscured\b"),
    "microlobulated": Word("mass", "margin", r"\bmicrolobulated\b"),
    "indistinct": Word("mass", "margin", r"\bindistinct\b|\bill defined\b|\bblurr?ed (edges|margins)\b"),
    "spiculated": Word("mass", "margin", r"\bspiculat(ed|ions?)\b"),
    "punctate": Word("calcification", "morphology", r"\bpunctate\b"),
    "pleomorphic": Word("calcification", "morphology", r"\bpleomorphic\b"),
    "fine linear": Word("calcification", "morphology", r"\bfine linear\b"),
    "amorphous": Word("calcification", "morphology", r"\bamorphous\b"),
    "coarse": Word("calcification", "morphology", r"\bcoarse\b"),
    "vascular": Word(
        "calcification", "morphology", r"\b(vascular|arterial) calc|\bcalcified (blood )?vessels?\b|\btype vascular\b"
    ),
    "lucent-centred": Word("calcification", "morphology", r"\blucent cent"),
    "eggshell": Word("calcification", "morphology", r"\beggshell\b"),
    "round and regular": Word("calcification", "morphology", r"\bround and regular\b"),
    "grouped": Word("calcification", "distribution", r"\b(clustered|grouped)\b|\bclusters?\b"),
    "segmental": Word("calcification", "distribution", r"\bsegmental\b"),
    "linear distribution": Word("calcification", "distribution", r"\blinear distribution\b|\bdistribution linear\b"),
    "regional": Word("calcification", "distribution", r"\bregional\b"),
    "diffuse": Word("calcification", "distribution", r"\bdiffuse(ly)?\b"),
    "almost entirely fatty": Word("", "composition", r"\balmost entirely fat(ty)?\b"),
    "scattered fibroglandular": Word("", "composition", r"\bscattered (areas of )?fibroglandular\b"),
    "heterogeneously dense": Word("", "composition", r"\bheterogeneously dense\b"),
    "extremely dense": Word("", "composition", r"\bextremely dense\b"),
}
_CLAUSES = re.compile(r"[.;:\n]|\bbut\b|\bhowever\b|\bthough\b|\bexcept\b|\bthere (?:is|are)\b")
_DENIED = re.compile(r"\b(?:no|not|non|without|free of|absence of|denies)\b")


def words(text: str) -> set[str]:
    """The words of WORDS that a report, or a label, says: each with the finding that it describes. What stands behind a "no" or "without" in its
    clause is denied, and not said."""
    plain = re.sub(r"[_-]", " ", str(text).lower())
    said = " . ".join(_DENIED.split(clause)[0] for clause in _CLAUSES.split(plain))
    found = {name for name, word in WORDS.items() if re.search(word.pattern, said)}
    return found | {WORDS[name].finding for name in found} - {""}


def named(word: str) -> str:
    """A word as the label of a unit: with what it describes, as in "spiculated mass"; `words` reads it back."""
    finding = WORDS[word].finding
    return f"{word} {finding}" if finding else word


def written(texts: Sequence[str]) -> pd.DataFrame:
    """Which of WORDS each text says: bool, a column each. A blank one is a row of nothing: leave it out before, since it is unknown."""
    found = [words(text) for text in texts]
    return pd.DataFrame({name: [name in one for one in found] for name in WORDS}, dtype=bool)


def published(influences: Tensor, labels: Mapping[int, str], scanned: int = 20, first: int = 3) -> list[int]:
    """The units that explain an image by the published rule: of the `scanned` of largest influence (U,), the `first` that have a label."""
    order = influences.argsort(descending=True, stable=True)[:scanned].tolist()
    return [unit for unit in order if unit in labels][:first]


def contrastive(influences: Tensor, labels: Mapping[int, str], first: int = 3) -> list[int]:
    """Ours: the labelled units of largest influence (U,) of either sign on the contrast of a class with the others; what speaks against
    the class is said as well."""
    order = influences.abs().argsort(descending=True, stable=True).tolist()
    return [unit for unit in order if unit in labels and float(influences[unit]) != 0][:first]


def sentence(target: str, score: float, units: Sequence[int], influences: Tensor, labels: Mapping[int, str]) -> str:
    """An explanation in words: what speaks for `target`, to which the network gives the probability `score`, and what against it, units of
    one label together."""
    parts = []
    for said, sign in (("for it", 1), ("against it", -1)):
        sums = {}
        for unit in units:
            if sign * float(influences[unit]) > 0:
                sums[labels[unit]] = sums.get(labels[unit], 0.0) + float(influences[unit])
        if sums:
            parts.append(f"{said} " + ", ".join(f"{label} ({value:+.2f})" for label, value in sums.items()))
    return f"{target}, {score:.0%}: " + ("; ".join(parts) if parts else "no labelled unit speaks") + "."


def f1(said: np.ndarray, stands: np.ndarray) -> np.ndarray:
    """F1 of what is said with what stands in a report, of each image: bool (..., W) each, gives (...). NaN where a report has no word."""
    both, total = (said & stands).sum(-1), said.sum(-1) + stands.sum(-1)
    return np.where(stands.any(-1), 2 * both / np.maximum(total, 1), np.nan)


MEASURES = {  # of hits, of what was said and of what stands in the reports
    "precision": lambda hits, said, stands: hits / np.where(said > 0, said, np.nan),
    "recall": lambda hits, said, stands: hits / np.where(stands > 0, stands, np.nan),
    "F1": lambda hits, said, stands: 2 * hits / np.where(said + stands > 0, said + stands, np.nan),
}


def consistency(said: np.ndarray, stands: np.ndarray, exams: np.ndarray, draws: int, seed: int) -> list[dict]:
    """MEASURES of words said, bool (n, W), with those that stand in the reports, all images and words together, with intervals over exams:
    rows of measure, value, ci_low, ci_high, n_cases, n_exams, n_said, n_written. Blank where nothing was said, or stands."""
    hits, ours, theirs = ((each).sum(axis=1).astype(float) for each in (said & stands, said, stands))
    counted = {
        "n_cases": len(said),
        "n_exams": len(set(exams)),
        "n_said": int(ours.sum()),
        "n_written": int(theirs.sum()),
    }
    found = []
    for name, measure in MEASURES.items():
        value, low, high = statistics.interval(lambda w: measure(w @ hits, w @ ours, w @ theirs), exams, draws, seed)
        found.append({"measure": name, "value": value, "ci_low": low, "ci_high": high} | counted)
    return found


def commonest(stands: np.ndarray, count: int) -> np.ndarray:
    """The `count` words, bool (W,), that most reports have, bool (n, W); of equally frequent ones the first."""
    order = np.argsort(-stands.sum(axis=0), kind="stable")[:count]
    return np.isin(np.arange(stands.shape[1]), order)


def beyond(
    said: np.ndarray, stands: np.ndarray, prior: np.ndarray, exams: np.ndarray, draws: int, flips: int, seed: int
) -> pd.DataFrame:
    """How much better the words said of an image go with its own report, by the mean F1 over images, than with reports of other exams (`shuffled`),
    and than the words `prior`, bool (W,), which are said of every image (`commonest words`).

    A row each: against, value (the mean F1), baseline, difference, ci_low, ci_high, p (of the shuffled reports dealt among exams; of the commonest
    words a sign-flip test), n_cases, n_patients (exams), n_undefined (reports without a word, left out).
    """
    known = stands.any(axis=1)
    said, stands, exams = said[known], stands[known], np.asarray(exams, str)[known]
    both, sizes = said.astype(float) @ stands.T, said.sum(axis=1)[:, None] + stands.sum(axis=1)[None]
    of_pairs = 2 * both / sizes  # (n, n): F1 of what is said of one with the report of another, which has a word
    own, other = np.diag(of_pairs), exams[:, None] != exams[None]
    others = np.where(other.any(1), (of_pairs * other).sum(1) / np.maximum(other.sum(1), 1), np.nan)
    dealt = statistics.permuted(of_pairs, exams, flips, seed)
    rows = []
    for name, baseline in (("shuffled reports", others), ("commonest words", f1(prior[None], stands))):
        row = statistics.paired(own, baseline, exams, draws, seed, flips)
        row |= {"p": dealt["p"]} if name == "shuffled reports" else {}
        rows.append(
            {"against": name, "value": own.mean(), "baseline": np.nanmean(baseline)}
            | row
            | {"n_undefined": int((~known).sum())}
        )
    return pd.DataFrame(rows)
