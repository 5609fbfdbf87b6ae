"""Figures printed in the papers: references to stand beside ours, never targets."""

# name in params.yaml (`published`) -> the paper, what its classifier achieved, and, where it has one, its pointing
# figure: the share of correctly classified cases in which the maximum of the method's map lay in the region
PUBLISHED = {
    # Byra et al., J Ultrason 2022;22(89):70-75, abstract: 272 masses, private data
    "byra-2022": {
        "paper": "Byra 2022",
        "figures": {"auroc": 0.887, "accuracy": 0.835, "sensitivity": 0.801, "specificity": 0.868},
        "pointing": {
            "claim": "three-regions",
            "method": "cam",
            "region": "mass+peritumoral+below",
            "value": 0.71,
        },
    },
}
