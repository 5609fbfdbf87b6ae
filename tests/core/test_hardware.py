"""How torch computes: the precision has a name."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from regard.core import hardware
from regard.models import backbones, training


def test_precision_is_named():
    cpu = torch.device("cpu")
    assert hardware.precision(cpu, "float32") == torch.float32
    assert hardware.precision(cpu, "bfloat16") == torch.bfloat16
    with pytest.raises(
        ValueError, match="unknown precision 'float8'; known are auto, float32, bfloat16"
    ):
        hardware.precision(cpu, "float8")


@pytest.mark.parametrize("of_cpu, of_cuda", [(True, False), (False, True)])
def test_automatic_precision_is_bfloat16_where_that_device_computes_it_in_hardware(
    monkeypatch, of_cpu, of_cuda
):
    """Each device is asked about itself: with the two answers exchanged the precisions are
    exchanged.
    """
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: of_cpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: of_cuda)
    for device, native in (("cpu", of_cpu), ("cuda", of_cuda)):
        wanted = torch.bfloat16 if native else torch.float32
        assert (
            hardware.precision(torch.device(device), "auto")
            == hardware.precision(torch.device(device))
            == wanted
        )


@pytest.mark.parametrize("megabytes", [128, 256])
def test_memory_in_use_at_most_is_that_of_the_data(megabytes):
    """Of a process of its own, above what is in use before: what is freed again counts, what was
    there does not.
    """
    script = f"""
        import torch
        from regard.core import hardware
        kept, cpu = torch.ones({megabytes} * 250_000), torch.device("cpu")
        before = hardware.reset_peak(cpu)
        torch.ones({megabytes} * 250_000)
        print(hardware.peak_above(before, cpu))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    if done.stdout.strip() == "None":
        pytest.skip("this system does not tell a process how much memory it used")
    assert 0.8 < 1000 * float(done.stdout) / megabytes < 1.5
    assert hardware.peak_above(None, torch.device("cpu")) is None


@pytest.mark.parametrize(
    "name, width, last",
    [
        ("resnet18", 0.0625, False),
        ("resnet18", 0.25, True),
        ("resnet50", 0.25, True),
        ("vgg16", 0.0625, True),
    ],
)
def test_networks_whose_gradient_a_processor_s_library_breaks_are_trained_in_another_layout(
    name, width, last
):
    """Strided 1 x 1 convolutions of few channels, as a narrow ResNet has them, and no others."""
    model = backbones.build(name, 2, width=width)
    assert hardware.layout(model) == (torch.channels_last if last else torch.contiguous_format)


def test_a_narrow_network_is_trained_in_a_process_that_lives_on():
    """As many steps as broke the heap on a processor with AVX2."""
    images = torch.randint(
        0, 256, (24, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    split = np.array(["train"] * 16 + ["tune"] * 8)
    model = backbones.build("resnet18", 2, width=0.0625, seed=1)
    targets = torch.arange(24) % 2
    history = training.fit(
        model,
        images,
        targets,
        split,
        epochs=6,
        learning_rate=1e-3,
        weight_decay=0.0,
        batch=8,
        patience=9,
        frozen=False,
        seed=1,
        classes=["a", "b"],
    )
    assert len(history) == 6 and np.isfinite(history["train_loss"]).all()
