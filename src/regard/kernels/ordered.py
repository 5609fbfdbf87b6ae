"""Sorting, which is most of the time of what is linear afterwards."""

import numpy as np
import torch
from torch import Tensor


def ordered(values: Tensor) -> Tensor:
    """Values (N,), ascending. On a CPU by numpy, whose vectorised sort takes a tenth of the time of torch's."""
    return values.sort().values if values.is_cuda else torch.from_numpy(np.sort(values.detach().numpy()))
