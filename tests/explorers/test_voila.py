"""Voila as it is shipped, without a browser: it reads voila.json, ends kernels that nobody uses,
and runs this Python.
"""

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path

import nbformat
import psutil
import pytest
from here import ROOT
from jupyter_client.manager import KernelManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from voila.app import Voila

from regard.explorers import controls, uploads
from regard.pipeline import notebook_kernel


@pytest.fixture
def place(tmp_path):
    """A folder with a notebook that says which Python runs it, and another kernel `python3` for
    whoever looks there.
    """
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import sys\nprint('it is', sys.executable)")]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "language": "python",
        "display_name": "Python 3",
    }
    nbformat.write(notebook, tmp_path / "notebooks" / "small.ipynb")
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = ["/nowhere/python", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Mine", "language": "python"})
    )
    return tmp_path


@contextlib.contextmanager
def voila(place: Path, seconds: int):
    """A Voila started as docs/how-to/explore.md says, with the shipped voila.json but for `seconds`
    of idleness; its address and process.
    """
    settings = json.loads((ROOT / "voila.json").read_text(encoding="utf-8"))
    settings["MappingKernelManager"] |= {"cull_idle_timeout": seconds, "cull_interval": 1}
    (place / "voila.json").write_text(json.dumps(settings))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {f"JUPYTER_{kind}_DIR": str(place / kind) for kind in ("CONFIG", "RUNTIME", "DATA")}
    command = [sys.executable, "-m", "voila", "notebooks", f"--port={port}", "--no-browser"]
    with open(place / "log", "w") as log:
        process = subprocess.Popen(
            command,
            cwd=place,
            env=os.environ | own | {"JUPYTER_PATH": str(place / "jupyter")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield f"http://127.0.0.1:{port}/voila/render/small.ipynb", process
    finally:
        process.terminate()
        process.wait(60)


def page(address: str, process: subprocess.Popen, log: Path) -> str:
    """What Voila answers; "" where a kernel ended before it answered, after which Voila leaves the
    connection open.
    """
    found = []

    def fetch() -> None:
        while process.poll() is None and not found:
            with (
                contextlib.suppress(OSError, HTTPException),
                urllib.request.urlopen(address) as answer,
            ):
                found.append(answer.read().decode())
            time.sleep(0.2)  # it may not have begun to listen

    reader = threading.Thread(target=fetch, daemon=True)
    reader.start()
    while reader.is_alive() and "Traceback" not in log.read_text():
        reader.join(0.2)
    assert process.poll() is None, log.read_text()
    return found[0] if found else ""


def kernels(process: subprocess.Popen) -> list[int]:
    """Process ids of the kernels that live; one may end while it is looked at."""
    found = []
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child.pid] if "ipykernel_launcher" in child.cmdline() else []
    return found


def test_idle_kernels_are_ended_and_a_reader_gets_a_new_one(place):
    """A kernel counts as idle while it starts: on a busy machine the time is lengthened until two
    live to answer.
    """
    log, wanted = place / "log", f"it is {sys.executable}"
    for seconds in (5, 20, 80, 320):
        with voila(place, seconds) as (address, process):
            if wanted not in page(address, process, log):
                continue
            assert f"Culling kernels with idle durations > {seconds} seconds" in log.read_text()
            first = kernels(process)
            end = time.monotonic() + 100 * seconds
            while kernels(process):
                assert time.monotonic() < end, "no kernel was ended"
                time.sleep(0.2)
            if wanted not in page(address, process, log):
                continue
            assert not set(kernels(process)) & set(first)
            return
    pytest.fail(log.read_text()[-3000:])


EXPLORER = """
import ipywidgets
from regard.explorers import controls
box = controls.explorer([ipywidgets.HTML("an explorer")], part=ipywidgets.HTML())
box
"""


def test_a_page_is_told_when_its_kernel_ends():
    """As culling ends it. The page itself would look as before, and answers typed there would be
    lost in silence.
    """
    manager = KernelManager(kernel_spec_manager=notebook_kernel.OwnKernelSpecs())
    manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready()
        assert (
            client.execute_interactive(EXPLORER, output_hook=lambda message: None)["content"][
                "status"
            ]
            == "ok"
        )
        manager.shutdown_kernel()
        told = []
        with contextlib.suppress(queue.Empty):
            while True:
                told.append(client.get_iopub_msg(timeout=5)["content"].get("data", {}))
    finally:
        client.stop_channels()
        manager.cleanup_resources()
    states = [content["state"] for content in told if content.get("method") == "update"]
    assert {"value": controls.ENDED} in states and {"display": ""} in states


def test_the_shipped_settings_are_understood(tmp_path, monkeypatch):
    """Each name in voila.json is a setting of the class that it stands under, and it is taken from
    the folder where Voila is started.
    """
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    app = Voila()
    app.load_config_file("voila", path=app.config_file_paths)
    manager = AsyncMappingKernelManager(config=app.config)
    shipped = json.loads((ROOT / "voila.json").read_text(encoding="utf-8"))
    for name, value in shipped["MappingKernelManager"].items():
        assert getattr(manager, name) == value
    assert manager.cull_connected, "a page that is left open holds its kernel's memory"
    assert 0 < manager.cull_interval < manager.cull_idle_timeout
    assert shipped["VoilaConfiguration"]["kernel_spec_manager_class"] == (
        f"{notebook_kernel.OwnKernelSpecs.__module__}.{notebook_kernel.OwnKernelSpecs.__name__}"
    )
    limit = shipped["Voila"]["tornado_settings"]["websocket_max_message_size"]
    assert limit > uploads.BYTES, (
        "else the connection breaks before the explorer can say that a file is too large"
    )
