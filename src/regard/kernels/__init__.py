"""Shared kernels: batched, the same code on CPU and CUDA, each tested against a plain reference."""

from regard.kernels.activity import activity
from regard.kernels.kmeans import kmeans_1d
from regard.kernels.local import masked_logits, windowed_logits
from regard.kernels.mean_shift import mean_shift
from regard.kernels.mean_shift_1d import bandwidth_1d, mean_shift_1d
from regard.kernels.memory import at_once
from regard.kernels.nmf import nmf, nndsvda, nonnegative
from regard.kernels.otsu import otsu
from regard.kernels.perturb import evaluator
from regard.kernels.relevance import relevance

__all__ = [
    "activity",
    "at_once",
    "bandwidth_1d",
    "evaluator",
    "kmeans_1d",
    "masked_logits",
    "mean_shift",
    "mean_shift_1d",
    "nmf",
    "nndsvda",
    "nonnegative",
    "otsu",
    "relevance",
    "windowed_logits",
]
