"""Shared kernels: batched, the same code on CPU and CUDA, each tested against a plain reference."""

from regard.kernels.local import masked_logits, windowed_logits
from regard.kernels.mean_shift import bandwidth_1d, mean_shift_1d
from regard.kernels.memory import at_once
from regard.kernels.perturb import evaluator
from regard.kernels.relevance import relevance

__all__ = ["at_once", "bandwidth_1d", "evaluator", "masked_logits", "mean_shift_1d", "relevance", "windowed_logits"]
