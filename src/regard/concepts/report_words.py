"""Words of radiology reports, explanations made of labelled units, and how well the two agree
(after DeepMiner, see regard.concepts.units).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from regard.core import statistics


class Word(NamedTuple):
    """A word of the lexicon: the finding that it describes (blank: it is a finding itself, or about
    the breast), its category, and a pattern of how it is written.
    """

    finding: str
    category: str
    pattern: str


# words that also describe lymph nodes, skin or asymmetries: they count where the same clause speaks
# of calcifications or of a distribution
_OF_CALCIFICATIONS = r"\b{0}\b[^.]*\b(calc|distribution)|(calc|distribution)[^.]*\b{0}\b"

# of a mass or its margins; a reader may also "speculate"
_MISSPELT = (
    r"\b(mass|margins?|edges?)\b[^.]*"
    r"(?<!is )(?<!be )\bspeculat(ed|ions?)\b(?! (that|to|about|on)\b)"
    r"|\bspeculated (mass|margins?|edges?)\b"
)

# BI-RADS (ACR 2013) and the older words that DDSM's reports use; patterns are of lower case, with
# blanks for "-" and "_"
WORDS = {
    "mass": Word("", "finding", r"\bmass(es)?\b"),
    "calcification": Word("", "finding", r"\b(micro|macro)?calc(s|ified|ifications?)\b"),
    "architectural distortion": Word("", "finding", r"\barchitectural distortion"),
    "asymmetry": Word("", "finding", r"\basymmetr(y|ies|ic)\b"),
    "oval": Word("mass", "shape", r"\boval\b"),
    "round": Word("mass", "shape", r"\bround\b(?! (and regular|(micro|macro)?calc))"),
    "lobulated": Word("mass", "shape", r"\blobulated\b"),
    "irregular": Word("mass", "shape", r"\birregular(ly)?\b"),
    "circumscribed": Word("mass", "margin", r"\bcircumscribed\b|\bsmooth (edges|margins)\b"),
    "obscured": Word("mass", "margin", r"\bobscured\b"),
    "microlobulated": Word("mass", "margin", r"\bmicrolobulated\b"),
    "indistinct": Word(
        "mass", "margin", r"\bindistinct\b|\bill defined\b|\bblurr?ed (edges|margins)\b"
    ),
    "spiculated": Word("mass", "margin", rf"\bspiculat(ed|ions?)\b|{_MISSPELT}"),
    "punctate": Word("calcification", "morphology", r"\bpunctate\b"),
    "pleomorphic": Word("calcification", "morphology", r"\bpleomorphic\b"),
    "fine linear": Word("calcification", "morphology", r"\bfine linear\b"),
    "amorphous": Word("calcification", "morphology", r"\bamorphous\b"),
    "coarse": Word("calcification", "morphology", r"\bcoarse\b"),
    "vascular": Word(
        "calcification",
        "morphology",
        r"\b(vascular|arterial) calc|\bcalcified (blood )?vessels?\b|\btype vascular\b",
    ),
    "lucent-centred": Word("calcification", "morphology", r"\blucent cent"),
    "eggshell": Word("calcification", "morphology", r"\beggshell\b"),
    "round and regular": Word("calcification", "morphology", r"\bround and regular\b"),
    "grouped": Word("calcification", "distribution", r"\b(clustered|grouped)\b|\bclusters?\b"),
    "segmental": Word("calcification", "distribution", _OF_CALCIFICATIONS.format("segmental")),
    "linear distribution": Word(
        "calcification", "distribution", r"\blinear distribution\b|\bdistribution linear\b"
    ),
    "regional": Word("calcification", "distribution", _OF_CALCIFICATIONS.format("regional")),
    "diffuse": Word("calcification", "distribution", _OF_CALCIFICATIONS.format("diffuse(ly)?")),
    "almost entirely fatty": Word("", "composition", r"\balmost entirely fat(ty)?\b"),
    "scattered fibroglandular": Word(
        "", "composition", r"\bscattered (areas of )?fibroglandular\b"
    ),
    "heterogeneously dense": Word("", "composition", r"\bheterogeneously dense\b"),
    "extremely dense": Word("", "composition", r"\bextremely dense\b"),
}
_CLAUSES = re.compile(r"[.;\n]|\bbut\b|\bhowever\b|\bthough\b|\bexcept\b|\bthere (?:is|are)\b")
_DENIED = re.compile(
    r"\b(?:no|without|free of|absence of|denies|rules? out|negative for)\b.*|\bnot\b[^,]*|\bnon \w+"
)
_AFTERWARDS = re.compile(
    r"[^,]*\b(?:is|are|was|were) (?:not|absent)\b|[^,]*\bnot "
    r"(?:seen|identified|present|visible)\b|[^,]*: ?none\b"
)
_SETTLED = re.compile(
    r"\bno (?:\w+ )?change (?:in|of)\b|\b(?:may|can|could) obscure [^,]*"
)  # says nothing of a finding's absence, or presence


def words(text: str) -> set[str]:
    """The words of WORDS that a report, or a label, affirms, with the findings that they describe.

    What follows "no" or "without" in its clause, what follows "not" up to the next comma, and what
    precedes "is not" or "are absent" is denied. These are rules without grammar: with two findings
    in a clause each descriptor belongs to the finding that the lexicon names for it.
    """
    plain = _SETTLED.sub("", re.sub(r"[_-]", " ", str(text).lower()))
    said = " . ".join(
        _DENIED.sub("", _AFTERWARDS.sub("", clause)) for clause in _CLAUSES.split(plain)
    )
    found = {name for name, word in WORDS.items() if re.search(word.pattern, said)}
    return found | {WORDS[name].finding for name in found} - {""}


def named(word: str) -> str:
    """A word as the label of a unit, with the finding that it describes ("spiculated mass").
    `words` reads it back.
    """
    finding = WORDS[word].finding
    return f"{word} {finding}" if finding else word


def written(texts: Sequence[str]) -> pd.DataFrame:
    """Which of WORDS each text affirms: bool, a row per text and a column per word.

    A blank text gives a row without words; leave it out, because its words are unknown. Raises
    TypeError for a single text.
    """
    if isinstance(texts, str):
        raise TypeError("a list of texts is needed, not one text")
    found = [words(text) for text in texts]
    return pd.DataFrame({name: [name in one for one in found] for name in WORDS}, dtype=bool)


def published(
    influences: Tensor, labels: Mapping[int, str], scanned: int = 20, first: int = 3
) -> list[int]:
    """The units that explain an image by the published rule.

    Parameters
    ----------
    influences : Tensor
        (U,): of the units on the image.
    labels : mapping of int to str
        The units that have a label.
    scanned : int
        Units of largest influence among which labelled ones are searched.
    first : int
        At most as many units explain the image.

    References
    ----------
    Wu et al., DeepMiner, arXiv 1805.12323 (2018).
    """
    order = influences.argsort(descending=True, stable=True)[:scanned].tolist()
    return [unit for unit in order if unit in labels][:first]


def contrastive(influences: Tensor, labels: Mapping[int, str], first: int = 3) -> list[int]:
    """Our rule: the `first` labelled units of largest influence (U,) of either sign on the contrast
    of a class with the others. Units that speak against the class are named as well.
    """
    order = influences.abs().argsort(descending=True, stable=True).tolist()
    return [unit for unit in order if unit in labels and float(influences[unit]) != 0][:first]


def sentence(
    target: str, units: Sequence[int], influences: Tensor, labels: Mapping[int, str]
) -> str:
    """A contrastive explanation in words: the units that speak for `target` and those that speak
    against it, with what each adds to its logit minus the mean of the other logits.
    """
    parts = []
    for said, sign in (("speaks for", 1), ("speaks against", -1)):
        spoke = [
            f"{labels[unit]} ({float(influences[unit]):+.2f})"
            for unit in units
            if sign * float(influences[unit]) > 0
        ]
        parts += [f"{said} {target}: {', '.join(spoke)}"] if spoke else []
    return "; ".join(parts) if parts else f"no labelled unit speaks for or against {target}"


def f1(said: np.ndarray, stands: np.ndarray) -> np.ndarray:
    """F1 of each image: the words of an explanation against those of a report, bool (..., W) each.
    Returns (...); NaN where a report has no word.
    """
    both, total = (said & stands).sum(-1), said.sum(-1) + stands.sum(-1)
    return np.where(stands.any(-1), 2 * both / np.maximum(total, 1), np.nan)


Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
MEASURES: dict[str, Measure] = {  # of hits, of words said and of words in the reports
    "precision": lambda hits, said, stands: hits / np.where(said > 0, said, np.nan),
    "recall": lambda hits, said, stands: hits / np.where(stands > 0, stands, np.nan),
    "F1": lambda hits, said, stands: 2 * hits / np.where(said + stands > 0, said + stands, np.nan),
}


def consistency(
    said: np.ndarray, stands: np.ndarray, patients: np.ndarray, draws: int, seed: int
) -> list[dict]:
    """MEASURES of all images and words together, with intervals over patients.

    Parameters
    ----------
    said : ndarray
        Bool (n, W): the words of the explanations.
    stands : ndarray
        Bool (n, W): the words of the reports; or the probabilities that they contain them.
    patients : ndarray
        (n,): the patient of each image.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    list of dict
        measure, value, ci_low, ci_high, n_cases, n_patients, n_said, n_written; NaN where the
        explanations, or the reports, have no word.
    """
    hits, ours, theirs = (each.sum(axis=1).astype(float) for each in (said * stands, said, stands))
    counted = {
        "n_cases": len(said),
        "n_patients": len(set(patients)),
        "n_said": int(ours.sum()),
        "n_written": round(theirs.sum()),
    }

    def weighted(measure: Measure, weights: np.ndarray) -> np.ndarray:
        return measure(weights @ hits, weights @ ours, weights @ theirs)

    found = []
    for name, measure in MEASURES.items():
        interval = statistics.interval(partial(weighted, measure), patients, draws, seed)
        row = dict(zip(("value", "ci_low", "ci_high"), interval))
        found.append({"measure": name} | row | counted)
    return found


def commonest(stands: np.ndarray, count: int) -> np.ndarray:
    """The `count` most frequent words, bool (W,), of reports, bool (n, W); of equally frequent ones
    the first.
    """
    order = np.argsort(-stands.sum(axis=0), kind="stable")[:count]
    return np.isin(np.arange(stands.shape[1]), order)


def of_others(stands: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """For each image the share of the reports of other patients that contain each word, float (n,
    W): the expectation for permuted reports. stands: bool (n, W). NaN for a single patient.
    """
    other = (np.asarray(patients)[:, None] != np.asarray(patients)[None]).astype(float)
    count = other.sum(axis=1, keepdims=True)
    return np.divide(other @ stands, count, out=np.full(stands.shape, np.nan), where=count > 0)


def _f1_of_pairs(said: np.ndarray, stands: np.ndarray) -> np.ndarray:
    """F1 of the explanation of each image with the report of each other, (n, n); all reports have a
    word.
    """
    both = said.astype(float) @ stands.T
    return 2 * both / (said.sum(axis=1)[:, None] + stands.sum(axis=1)[None])


def beyond(
    said: np.ndarray,
    stands: np.ndarray,
    prior: np.ndarray,
    patients: np.ndarray,
    draws: int,
    flips: int,
    seed: int,
) -> pd.DataFrame:
    """How much better explanations agree with their own reports than baselines do (mean F1).

    Parameters
    ----------
    said, stands : ndarray
        Bool (n, W): the words of the explanations and of the reports.
    prior : ndarray
        Bool (W,) or (n, W): the words that the second baseline says of every image.
    patients : ndarray
        (n,): the patient of each image.
    draws, flips, seed : int
        Of the bootstrap and the permutations, and of the sign flips.

    Returns
    -------
    DataFrame
        A row against reports of other patients ("shuffled reports") and one against `prior`
        ("commonest words"): against, value (the mean F1), baseline, difference, ci_low, ci_high,
        effect, p (two-sided, of permuted reports and of sign flips), n_cases, n_patients,
        n_undefined (reports without a word, left out). An image without words has the F1 0,
        because an explanation was expected.

    Raises
    ------
    ValueError
        For the reports of a single patient.
    """
    known = stands.any(axis=1)
    said, stands, patients = said[known], stands[known], np.asarray(patients, str)[known]
    if len(set(patients)) < 2:
        raise ValueError(
            "reports of at least two patients are needed to compare own and other reports"
        )
    of_pairs = _f1_of_pairs(said, stands)
    own, other = np.diag(of_pairs), patients[:, None] != patients[None]
    others = (of_pairs * other).sum(axis=1) / other.sum(axis=1)
    tails = [statistics.permuted(sign * of_pairs, patients, draws, seed)["p"] for sign in (1, -1)]
    permuted = min(1.0, 2 * min(tails))
    prior = np.broadcast_to(prior if prior.ndim == 1 else prior[known], stands.shape)
    rows = []
    for name, baseline in (("shuffled reports", others), ("commonest words", f1(prior, stands))):
        row = statistics.paired(own, baseline, patients, draws, seed, flips)
        row |= {"p": permuted} if name == "shuffled reports" else {}
        row |= {"n_undefined": int((~known).sum())}
        rows.append({"against": name, "value": own.mean(), "baseline": baseline.mean()} | row)
    return pd.DataFrame(rows)
