"""What results were computed with: the processor and how libraries use it, versions, device,
threads, and the precision of training."""

import hashlib
import json
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from regard.core import atomic, hardware, project

UNKNOWN = "not recorded"
ISA = re.compile(r"^onednn_verbose.*,info,cpu,isa:(.+)$", re.MULTILINE)
ASK_ONEDNN = (
    "import torch\n"
    "with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):\n"
    "    torch.ones(1, 8).to_mkldnn().relu()"
)
WAIT = 300  # seconds for a Python that imports torch on a busy machine


def current() -> dict[str, str | int]:
    """What a result may depend on beside code and data.

    Returns
    -------
    dict
        Text or number by name, the machine first. `instructions` are those of torch's own kernels,
        `instructions of oneDNN` those of its convolutions; `precision of training` is what the
        stage train recorded (see `record`). UNKNOWN stands for what the system does not report.
    """
    import torch

    direct = sorted(
        re.split(r"[<>=!~ \[;]", entry)[0] for entry in metadata.requires("regard") or []
    )
    device = hardware.deterministic()
    vendor, model = processor()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor vendor": vendor,
        "processor model": model,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "instructions of oneDNN": onednn(),
        "precision of training": trained(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": hardware.THREADS,
        "seed": project.parameters()["seed"],
    } | {name: metadata.version(name) for name in direct}


def processor(cpuinfo: str | None = None) -> tuple[str, str]:
    """Vendor and model of the processor.

    Parameters
    ----------
    cpuinfo : str, optional
        Text of /proc/cpuinfo; by default it is read.

    Returns
    -------
    vendor, model : str
        UNKNOWN where the system does not report it.
    """
    if cpuinfo is None:
        path = Path("/proc/cpuinfo")
        if not path.is_file():
            return _without_cpuinfo()
        cpuinfo = path.read_text(errors="replace")
    fields = {}
    for line in cpuinfo.split("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    vendor = fields.get("vendor_id") or fields.get("CPU implementer", "")
    numbers = [
        f"{name} {fields[name]}"
        for name in ("cpu family", "model", "stepping", "CPU part")
        if fields.get(name)
    ]
    model = ", ".join(
        [*filter(None, [fields.get("model name", "")]), *numbers]
    )  # a virtual machine may name a family alone
    return vendor or UNKNOWN, model or UNKNOWN


def _without_cpuinfo() -> tuple[str, str]:
    """macOS and others."""
    vendor = "Apple" if platform.system() == "Darwin" else UNKNOWN
    try:
        done = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True
        )
        brand = done.stdout.strip()
    except OSError:
        brand = ""
    return (
        "GenuineIntel" if "Intel" in brand else vendor
    ), brand or platform.processor() or UNKNOWN


def onednn() -> str:
    """The instruction set that oneDNN chose on this processor, in its own words, as "Intel AVX2";
    UNKNOWN where torch has no oneDNN.

    Asked in a process of its own: oneDNN says it once, on the process's output.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK_ONEDNN], capture_output=True, text=True, timeout=WAIT
        )
    except subprocess.TimeoutExpired:
        return UNKNOWN
    found = ISA.search(done.stdout)
    return found.group(1).strip() if found else UNKNOWN


def record(study: str) -> None:
    """Write results/environment/<study>.json: with what precision the study's network has just been
    trained here, and on which processor.

    Beside the results of the stage and not in them, which must not differ from machine to machine.
    """
    settings = project.settings(study, "train")
    kind = str(hardware.precision(hardware.deterministic(), settings["precision"])).removeprefix(
        "torch."
    )
    recorded = {
        "precision": kind if settings["train"] else "no training",
        "processor": " ".join(processor()),
    }
    text = json.dumps(recorded | {"model": _digest(study)}, indent=1) + "\n"
    atomic.write_text(project.root() / "results" / "environment" / f"{study}.json", text)


def trained() -> str:
    """The precisions that the networks in results/ were trained with, and the processor where it
    was another than this one; UNKNOWN for networks that came from a cache, or from elsewhere."""
    here, found = " ".join(processor()), set()
    for folder in sorted((project.root() / "results" / "study").glob("*/train")):
        path = project.root() / "results" / "environment" / f"{folder.parent.name}.json"
        recorded = json.loads(path.read_text()) if path.is_file() else {}
        if not recorded or recorded["model"] != _digest(folder.parent.name):
            found.add(UNKNOWN)
        else:
            found.add(
                recorded["precision"]
                + ("" if recorded["processor"] == here else f" on {recorded['processor']}")
            )
    return ", ".join(sorted(found)) or UNKNOWN


def _digest(study: str) -> str:
    path = project.root() / "results" / "study" / study / "train" / "model.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def differences(there: Mapping, here: Mapping) -> list[str]:
    """The differences between two environments, a line each.

    Parameters
    ----------
    there, here : mapping
        As from `current`. A value that one of them did not record counts as different.

    Returns
    -------
    list of str
    """
    lines = []
    for name in {**here, **there}:
        one, other = there.get(name, UNKNOWN), here.get(name, UNKNOWN)
        if one != other or UNKNOWN in str(one):
            lines.append(f"{name}: {one} in the reference, {other} here")
    return lines
