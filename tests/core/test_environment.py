"""What results were computed with: the processor by name, what libraries make of it, and what
nobody recorded is never the same.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from regard.core import environment, hardware

INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
stepping\t: 8
flags\t\t: fpu vme amx_bf16

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: another
"""
VIRTUAL_AMD = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 23\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nstepping\t: 2\n"
ARM = "processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    "cpuinfo, vendor, model",
    [
        (
            INTEL,
            "GenuineIntel",
            "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz, cpu family 6, model 143, stepping 8",
        ),
        (VIRTUAL_AMD, "AuthenticAMD", "AMD EPYC, cpu family 23, model 1, stepping 2"),
        (ARM, "0x41", "CPU part 0xd40"),
        ("", "not recorded", "not recorded"),
    ],
)
def test_vendor_and_model_as_linux_tells_them(cpuinfo, vendor, model):
    assert environment.processor(cpuinfo) == (vendor, model)


def test_this_processor_has_a_name():
    if Path("/proc/cpuinfo").is_file() and platform.machine() == "x86_64":
        vendor, model = environment.processor()
        text = Path("/proc/cpuinfo").read_text()
        assert f": {vendor}\n" in text and f": {model.split(', cpu family')[0]}\n" in text


def test_systems_without_cpuinfo(monkeypatch):
    def told(text):
        return lambda *words, **more: subprocess.CompletedProcess(words, 0, text, "")

    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    for text, wanted in (
        ("Apple M2 Pro\n", ("Apple", "Apple M2 Pro")),
        ("Intel(R) Core(TM) i7-9750H\n", ("GenuineIntel", "Intel(R) Core(TM) i7-9750H")),
    ):
        monkeypatch.setattr(subprocess, "run", told(text))
        assert environment._without_cpuinfo() == wanted


def test_onednn_says_what_it_chose():
    """In its own words; held down to fewer instructions, it says these."""
    found = environment.onednn()
    if found == environment.UNKNOWN or platform.machine() != "x86_64":
        pytest.skip("torch has no oneDNN for x86 here")
    code = "from regard.core import environment; print(environment.onednn())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"ONEDNN_MAX_CPU_ISA": "SSE41", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert "AVX" in found and done.stdout.strip() == "Intel SSE4.1"


@pytest.mark.parametrize(
    "line, wanted",
    [
        (
            "onednn_verbose,v1,info,cpu,isa:Intel AVX-512 with AVX512BW, AVX512VL, and AVX512DQ "
            "extensions",
            "Intel AVX-512 with AVX512BW, AVX512VL, and AVX512DQ extensions",
        ),
        ("onednn_verbose,info,cpu,isa:AArch64 SVE (256 bits)", "AArch64 SVE (256 bits)"),
        ("nothing", "not recorded"),
    ],
)
def test_what_onednn_prints_is_read(monkeypatch, line, wanted):
    text = f"onednn_verbose,v1,info,oneDNN v3\n{line}\nonednn_verbose,v1,info,gpu,runtime:none\n"
    monkeypatch.setattr(
        subprocess, "run", lambda *words, **more: subprocess.CompletedProcess(words, 0, text, "")
    )
    assert environment.onednn() == wanted


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two trained studies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    text = "profile: quick\nseed: 1\nprofiles: {quick: {}}\ntrain: {precision: auto, train: true}\n"
    (tmp_path / "params.yaml").write_text(text + "studies: {a: {root: a}, b: {root: b}}\n")
    for study in "ab":
        (tmp_path / "results/study" / study / "train").mkdir(parents=True)
        (tmp_path / "results/study" / study / "train" / "model.safetensors").write_text(study)
    return tmp_path


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_the_precision_is_that_of_the_training(project, monkeypatch, kind):
    """Recorded when it happened: `auto` may choose another now, and a network may come from
    elsewhere.
    """
    import torch

    monkeypatch.setattr(hardware, "precision", lambda device, name: getattr(torch, kind))
    assert environment.trained() == "not recorded"
    environment.record("a")
    assert environment.trained() == f"{kind}, not recorded"
    environment.record("b")
    assert environment.trained() == kind
    (project / "results/study/b/train/model.safetensors").write_text(
        "another network, out of a cache"
    )
    assert environment.trained() == f"{kind}, not recorded"
    environment.record("b")
    monkeypatch.setattr(environment, "processor", lambda: ("Other", "One"))
    environment.record("a")
    assert environment.trained().startswith(f"{kind}, {kind} on ")
    assert [path.name for path in (project / "results/study/a/train").iterdir()] == [
        "model.safetensors"
    ]


def test_the_committed_reference_and_what_it_did_not_record(root):
    """A reference that is older than an entry never has the same as this run."""
    there = json.loads((root / "paper/reference/quick/environment.json").read_text())
    assert environment.differences(there, there) == [
        f"{name}: {value} in the reference, {value} here"
        for name, value in there.items()
        if "not recorded" in str(value)
    ]
    old = {
        name: value
        for name, value in there.items()
        if not name.startswith(("processor", "instructions of"))
    }
    here = old | {"processor vendor": "AuthenticAMD", "instructions of oneDNN": "Intel AVX2"}
    assert environment.differences(old, here) == [
        "processor vendor: not recorded in the reference, AuthenticAMD here",
        "instructions of oneDNN: not recorded in the reference, Intel AVX2 here",
    ] or "not recorded" in str(old)
    assert environment.differences(here, old)[-1].endswith("in the reference, not recorded here")
    assert environment.differences({"a": "not recorded"}, {"a": "not recorded"}) != []


def test_the_machine_is_told_before_the_versions(project):
    names = list(environment.current())
    assert names[:7] == [
        "python", "system", "processor vendor", "processor model",
        "instructions", "instructions of oneDNN", "precision of training",
    ]  # fmt: skip
    assert {"torch", "numpy"} <= set(names[10:])
