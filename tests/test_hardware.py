"""How torch computes: the precision has a name."""

import pytest
import torch

from regard import hardware


def test_precision_is_named():
    cpu = torch.device("cpu")
    assert hardware.precision(cpu, "float32") == torch.float32
    assert hardware.precision(cpu, "auto") in (torch.float32, torch.bfloat16)
    with pytest.raises(ValueError, match="unknown precision 'float8'"):
        hardware.precision(cpu, "float8")
