"""How torch computes: the precision has a name."""

import pytest
import torch

from regard import hardware


def test_precision_is_named():
    cpu = torch.device("cpu")
    assert hardware.precision(cpu, "float32") == torch.float32
    assert hardware.precision(cpu, "bfloat16") == torch.bfloat16
    with pytest.raises(ValueError, match="unknown precision 'float8'; known are auto, float32, bfloat16"):
        hardware.precision(cpu, "float8")


@pytest.mark.parametrize("of_cpu, of_cuda", [(True, False), (False, True)])
def test_automatic_precision_is_bfloat16_where_that_device_computes_it_in_hardware(monkeypatch, of_cpu, of_cuda):
    """Each device is asked about itself: with the two answers exchanged the precisions are exchanged."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: of_cpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: of_cuda)
    for device, native in (("cpu", of_cpu), ("cuda", of_cuda)):
        wanted = torch.bfloat16 if native else torch.float32
        assert hardware.precision(torch.device(device), "auto") == hardware.precision(torch.device(device)) == wanted
