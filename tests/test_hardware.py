"""How torch computes: the precision has a name."""

import subprocess
import sys
import textwrap

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


@pytest.mark.parametrize("megabytes", [128, 256])
def test_memory_in_use_at_most_is_that_of_the_data(megabytes):
    """Of a process of its own, above what is in use before: what is freed again counts, what was there does not."""
    script = f"""
        import torch
        from regard import hardware
        kept, cpu = torch.ones({megabytes} * 250_000), torch.device("cpu")
        before = hardware.reset_peak(cpu)
        torch.ones({megabytes} * 250_000)
        print(hardware.peak_above(before, cpu))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    if done.stdout.strip() == "None":
        pytest.skip("this system does not tell a process how much memory it used")
    assert 0.8 < 1000 * float(done.stdout) / megabytes < 1.5
    assert hardware.peak_above(None, torch.device("cpu")) is None
