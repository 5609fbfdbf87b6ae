"""Figures printed in the papers: references to stand beside ours, never targets."""

# name in params.yaml (`compare.published`) -> the paper, the union of regions its pointing figure is about, its figures
PUBLISHED = {
    # Byra et al., J Ultrason 2022;22(89):70-75, abstract: 272 masses, private data
    "byra-2022": {
        "paper": "Byra 2022",
        "together": "mass+peritumoral+below",
        "figures": {
            "auroc": 0.887,
            "accuracy": 0.835,
            "sensitivity": 0.801,
            "specificity": 0.868,
            "three-regions": 0.71,
        },
    },
}
