"""The figures and orders that the papers print, for comparison with ours; never targets."""

from collections.abc import Mapping

# `asked_by` of a control: a claim that the paper does not make, but its own claim depends on
OURS = "Regard"

# Alam et al. call its masks those of "the highest level of medical significance"; before whom it
# would stand in a reading study
PLAUSIBLE = [
    ("lime@alam-2023", other)
    for other in ("grad-cam@alam-2023", "shap@alam-2023", "lrp-epsilon@alam-2023")
]

# name in params.yaml (`published`) -> the paper; `figures`: what its classifier achieved; `means`:
# a mean that it gives (or by another rule of regard.claims.verdicts.RULES a value to be reached),
# and the row of summary.csv beside it; `orders`: what comes before what, and the row of pairs.csv
# that tells; `concepts`: what it says of clusters and units, or that experts would have to say of
# maps, and the row of concepts.csv; `readings`: the pairs of maps that these would have to say it
# of
PUBLISHED = {
    # Byra et al., J Ultrason 2022;22(89):70-75, abstract: 272 masses, private data
    "byra-2022": {
        "paper": "Byra 2022",
        "figures": {"auroc": 0.887, "accuracy": 0.835, "sensitivity": 0.801, "specificity": 0.868},
        "means": [
            {
                "claim": "three-regions",
                "value": 0.71,
                "row": {
                    "score": "pointing",
                    "method": "cam",
                    "region": "mass+peritumoral+below",
                    "stratum": "correct",
                },
            }
        ],
        "orders": [  # which the paper does not ask, and its figure means nothing without
            {
                "claim": f"cam over {null}, three regions",
                "asked_by": OURS,
                "row": {
                    "score": "pointing",
                    "region": "mass+peritumoral+below",
                    "stratum": "correct",
                    "first": "cam",
                    "second": null,
                },
            }
            for null in ("centre", "prior", "edges")
        ],
    },
    # Nedjar et al., arXiv 2305.20058, abstract: gradient with MeanShift satisfied; no figures
    "nedjar-2023": {
        "paper": "Nedjar 2023",
        "orders": [
            {
                "claim": f"{first} over {second}{said}",
                "asked_by": OURS if said else "the paper",
                "row": {"selection": selection, "first": first, "second": second},
            }
            for selection, said in (("meanshift", ""), ("top-area", ", equal area"))
            for first, second in (("gradient", "lrp-z"), ("gradient", "lrp-epsilon"))
        ]
        + [
            {
                "claim": f"meanshift over {second}",
                "row": {"method": "gradient", "first": "meanshift", "second": second},
            }
            for second in ("kmeans", "bins", "otsu")
        ]
        + [  # which the paper does not ask, and its order means nothing without
            {
                "claim": f"gradient over {null}{said}",
                "asked_by": OURS,
                "row": {"selection": selection, "first": "gradient", "second": null},
            }
            for selection, said in (("meanshift", ""), ("top-area", ", equal area"))
            for null in ("edges", "prior")
        ],
    },
    # Alam et al., Nordic Machine Intelligence 3:27 (2023): Grad-CAM has the best mean IoU; the
    # masks of LRP cover the image
    "alam-2023": {
        "paper": "Alam 2023",
        "orders": [
            {
                "claim": f"grad-cam over {second}{said}",
                "asked_by": OURS if said or second in ("ones", "prior") else "the paper",
                "row": {"selection": selection, "first": "grad-cam@alam-2023", "second": second},
            }
            for selection, said in (("otsu@alam-2023", ""), ("otsu", ", positive relevance"))
            for second in (
                "lrp-epsilon@alam-2023",
                "lime@alam-2023",
                "shap@alam-2023",
                "ones",
                "prior",
            )
        ],
        "readings": PLAUSIBLE,
        "concepts": [
            {
                "claim": f"experts find {first} more plausible than {second}",
                "statistic": f"plausibility, {first} - {second}",
                "rule": "above zero",
            }
            for first, second in PLAUSIBLE
        ],
        "means": [
            {
                "claim": "lrp covers the image",  # the share of masks that do
                "value": 0.9,
                "rule": "at least",
                "row": {
                    "score": "covers",
                    "method": "lrp-epsilon@alam-2023",
                    "selection": "otsu@alam-2023",
                    "stratum": "all",
                    "target": "all findings",
                },
            }
        ],
    },
    # Bajger et al., arXiv 2511.14558, abstract: clusters match morphology, go with Grad-CAM, and
    # predict; no figures. What a paper does not ask, but its words mean nothing without, is beside
    # it: groups of colours, and occlusion, which is not made of the same activations
    "bajger-2025": {
        "paper": "Bajger 2025",
        "concepts": [
            {
                "claim": "clusters match tissue better than colours",
                "asked_by": OURS,
                "statistic": "adjusted Rand index, nmf - colours",
                "rule": "above zero",
            },
            {
                "claim": "clusters match tissue better than those of a random network",
                "asked_by": OURS,
                "statistic": "adjusted Rand index, nmf - nmf, random network",
                "rule": "above zero",
            },
            {
                "claim": "cluster weights tell tumours",
                "statistic": "AUROC, nmf",
                "rule": "at least",
                "value": 0.5,
            },
            {
                "claim": "clusters go with grad-cam",
                "statistic": "rank correlation with grad-cam",
                "rule": "at least",
                "value": 0.0,
            },
            {
                "claim": "clusters go with occlusion",
                "asked_by": OURS,
                "statistic": "rank correlation with occlusion",
                "rule": "at least",
                "value": 0.0,
            },
        ],
    },
    # Wu et al., DeepMiner, arXiv 1805.12323 and Harvard Data Science Review 2021: patches of DDSM,
    # AUROC of each class against the rest on its test split as printed by the released notebook
    # (its "cancer" is our malignant); 182 of 330 answers to the text alone were right. The rest is
    # asked by us, since words that hold for every image are no explanation
    "wu-2021": {
        "paper": "Wu 2021",
        "figures": {"auroc": {"normal": 0.862, "benign": 0.844, "malignant": 0.872}},
        "concepts": [
            {
                "claim": f"{said} say more of their report than {other}",
                "asked_by": OURS,
                "statistic": f"F1 with the report, {rule} - {other}",
                "rule": "above zero",
            }
            for rule, said in (
                ("published", "explanations"),
                ("contrastive", "contrastive explanations"),
            )
            for other in ("shuffled reports", "commonest words")
        ]
        + [
            {
                "claim": f"labelled units matter more than units as {much}",
                "asked_by": OURS,
                "statistic": f"fall, units with a label - as {much}",
                "rule": "above zero",
            }
            for much in ("active", "influential")
        ]
        + [
            {
                "claim": "a reader is as often right from the text alone",
                "statistic": "a reader's right answers from the text alone",
                "rule": "within the interval",
                "value": 0.552,
            },
        ],
    },
}


def figure(paper: Mapping, target: str, metric: str) -> float:
    """What a paper's classifier achieved by a metric, of all or of one target; NaN where it does
    not say. paper: an entry of PUBLISHED, or {}.
    """
    known = paper.get("figures", {}).get(metric, float("nan"))
    return known.get(target, float("nan")) if isinstance(known, Mapping) else known
