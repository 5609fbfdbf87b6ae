"""Figures printed in the papers: references to stand beside ours, never targets."""

# Byra et al., J Ultrason 2022;22(89):70-75, abstract: 272 masses, private data
BYRA_2022 = {"AUC": 0.887, "accuracy": 0.835, "sensitivity": 0.801, "specificity": 0.868, "three-regions": 0.71}
