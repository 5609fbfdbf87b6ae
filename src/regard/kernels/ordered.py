"""Sorting, which is most of the time of what is linear afterwards."""

import numpy as np
import torch
from torch import Tensor


def ordered(values: Tensor) -> Tensor:
    """Values (N,), ascending. On a CPU by numpy, whose vectorised sort takes half the time of torch's
    (2.0 ms and 4.1 ms for 50,176 values, one thread)."""
    return values.sort().values if values.is_cuda else torch.from_numpy(np.sort(values.detach().numpy()))
