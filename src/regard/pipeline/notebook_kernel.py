"""The Jupyter kernel in which a notebook runs: this very Python, whatever kernels are registered on
the machine.

`jupyter` finds a kernel by its name, in folders that JUPYTER_PATH and the user's home name first. A
kernel called `python3` there may be another Python, without this project's packages.
"""

import importlib.util
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from traitlets import default

IGNORED = (
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
)  # IPython runs the first; the second can turn a warning into an error


class OwnKernelSpecs(KernelSpecManager):
    """The kernels of this machine, of which `python3` is always `sys.executable`. Voila is told of
    it in voila.json.
    """

    def find_kernel_specs(self) -> dict[str, str]:
        """Name of each kernel -> folder of its logos."""
        return super().find_kernel_specs() | {NATIVE_KERNEL_NAME: RESOURCES}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Raises jupyter_client.kernelspec.NoSuchKernel for a name that is not known."""
        if kernel_name == NATIVE_KERNEL_NAME:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())
        return super().get_kernel_spec(kernel_name)


class OwnKernelManager(AsyncKernelManager):
    """Starts a kernel as OwnKernelSpecs describes it."""

    @default("kernel_spec_manager")
    def _own_specs(self) -> OwnKernelSpecs:
        return OwnKernelSpecs(parent=self)


@contextmanager
def private() -> Iterator[dict[str, str]]:
    """How to reach one kernel: traits `transport` and `ip` of a KernelManager, valid until the
    block ends.

    TCP ports of kernels that start at the same time can collide; sockets in a private folder
    cannot. The address of a socket has about a hundred bytes, so a long TMPDIR cannot hold one, and
    some file systems have none: the first folder that holds a socket is taken, and TCP where there
    is none.
    """
    for parent in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR"), "/tmp", "/dev/shm"):
        with suppress(OSError):
            folder = tempfile.TemporaryDirectory(
                prefix="regard-", dir=parent, ignore_cleanup_errors=True
            )
            if _holds_a_socket(Path(folder.name)):
                break
            folder.cleanup()
    else:
        yield {"transport": "tcp"}
        return
    with folder:
        yield {"transport": "ipc", "ip": str(Path(folder.name, "kernel"))}


def _holds_a_socket(folder: Path) -> bool:
    """Whether a socket can lie in `folder` under a name as long as those of a kernel's five
    sockets, kernel-1 and so on.
    """
    path = folder / "kernel-0"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(str(path))
        except OSError:
            return False
    path.unlink()
    return True


@contextmanager
def plain_environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables of a kernel: `variables`, and nothing of what a user's own Python
    sessions begin with.

    IPython's start-up files and settings, PYTHONSTARTUP and matplotlib's settings are the user's,
    and would change results; all text is UTF-8, whatever the locale. What was there before is put
    back at the end.
    """
    before = dict(os.environ)
    found = importlib.util.find_spec("matplotlib")
    assert found is not None and found.origin is not None
    matplotlib = Path(found.origin).parent
    with tempfile.TemporaryDirectory(prefix="regard-", ignore_cleanup_errors=True) as folder:
        for name in IGNORED:
            os.environ.pop(name, None)
        own = {
            "IPYTHONDIR": folder,
            "PYTHONUTF8": "1",
            "MATPLOTLIBRC": str(matplotlib / "mpl-data" / "matplotlibrc"),
        }
        os.environ.update(own | variables)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
