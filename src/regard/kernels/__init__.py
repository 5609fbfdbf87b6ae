"""Shared kernels: batched, the same code on CPU and CUDA, each tested against a plain reference."""

from regard.kernels.batch_size import at_once
from regard.kernels.evaluator import evaluator
from regard.kernels.kmeans import kmeans_1d
from regard.kernels.masked_forward import masked_logits, windowed_logits
from regard.kernels.mean_shift import mean_shift
from regard.kernels.mean_shift_1d import bandwidth_1d, mean_shift_1d
from regard.kernels.nmf import nmf, nndsvda, nonnegative
from regard.kernels.otsu import otsu
from regard.kernels.relevance import relevance
from regard.kernels.unit_activity import activity

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
