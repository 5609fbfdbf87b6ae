"""What lies around a run changes nothing in it: other kernels, temporary folders, a user's own
settings, another run.

Each case runs the same small notebook as the command line does, in a process of its own, and
compares bytes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest

from regard.core import hardware
from regard.pipeline import notebook_kernel, notebooks

RUN = [sys.executable, "-m", "regard", "stage", "2_small", "a"]
CELLS = [
    "output = 'x'  # folder\nstudy = 'x'  # an entry of params.yaml",
    "import locale, os, sys\nimport matplotlib\nfrom pathlib import Path",
    "print(sys.executable, os.environ['MPLBACKEND'], matplotlib.rcParams['figure.dpi'], "
    "locale.getpreferredencoding())",
    "Path(output, 'ärztin.txt').write_text('größer – ja')",
    "while Path('wait').exists(): __import__('time').sleep(0.1)",
]


def made(place: Path) -> Path:
    """A project folder whose one notebook writes a text and says what surrounds it."""
    (place / "build" / "notebooks").mkdir(parents=True)
    (place / "src").mkdir()
    (place / "dvc.yaml").touch()
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS]
    )
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "language": "python",
        "display_name": "Python 3",
    }
    nbformat.write(notebook, place / "build" / "notebooks" / "2_small.ipynb")
    return place


@pytest.fixture
def small(tmp_path):
    return made(tmp_path / "mein Ordner ü")  # spaces and other letters in its name


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What a run writes here, in a folder of another name."""
    place = made(tmp_path_factory.mktemp("plain"))
    done = ran(place)
    assert done.returncode == 0, done.stderr[-2000:]
    return written(place)


def ran(place: Path, **environment: str | None) -> subprocess.CompletedProcess:
    """The notebook of `place` run with some environment variables set, or unset where None."""
    given = {name: value for name, value in (os.environ | environment).items() if value is not None}
    return subprocess.run(RUN, cwd=place, env=given, capture_output=True, text=True)


def written(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (place / "results/study/a/small").iterdir()}


def long_tmpdir(folder: Path) -> dict:
    deep = folder / ("t" * 100) / ("m" * 100)
    deep.mkdir(parents=True)
    return {"TMPDIR": str(deep)}


def another_kernel(folder: Path) -> dict:
    """A kernel of the name that every notebook asks for, first on the path: a Python without our
    packages.
    """
    where = folder / "jupyter" / "kernels" / "python3"
    where.mkdir(parents=True)
    words = ["/nowhere/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (where / "kernel.json").write_text(
        json.dumps({"argv": words, "display_name": "Mine", "language": "R"})
    )
    return {"JUPYTER_PATH": str(folder / "jupyter"), "JUPYTER_PREFER_ENV_PATH": "0"}


def own_sessions(folder: Path) -> dict:
    """What a user's Python, IPython and matplotlib begin with."""
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("import locale\nlocale.getpreferredencoding = str")
    (folder / "begin.py").write_text("import os\nos.environ['MPLBACKEND'] = 'svg'")
    (folder / "matplotlibrc").write_text("figure.dpi: 31\n")
    own = {"IPYTHONDIR": str(folder / "ipython"), "PYTHONSTARTUP": str(folder / "begin.py")}
    return own | {"MPLCONFIGDIR": str(folder), "MPLBACKEND": "nonsense", "PYTHONWARNINGS": "error"}


def another_encoding(folder: Path) -> dict:
    """Python takes the locale C for UTF-8 unless it is told not to: this is a locale in which text
    is ASCII.
    """
    return {"LC_ALL": "C", "LANG": None, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def no_home(folder: Path) -> dict:
    return {
        "HOME": "/dev/null/nowhere",
        "XDG_RUNTIME_DIR": None,
        "XDG_CONFIG_HOME": None,
        "XDG_CACHE_HOME": None,
    }


@pytest.mark.parametrize(
    "around", [long_tmpdir, another_kernel, own_sessions, another_encoding, no_home]
)
def test_a_stage_is_the_same_whatever_lies_around_it(around, small, plain, tmp_path):
    assert (
        sorted(plain) == ["2_small.ipynb", "ärztin.txt"]
        and plain["ärztin.txt"].decode() == "größer – ja"
    )
    assert sys.executable in plain["2_small.ipynb"].decode()
    (tmp_path / "around").mkdir()
    done = ran(small, **around(tmp_path / "around"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert written(small) == plain


def test_a_kernel_s_socket_is_where_one_can_lie(tmp_path, monkeypatch):
    """The operating system itself is asked: a socket is bound at the address, and five with other
    numbers.
    """
    for variables in ({}, long_tmpdir(tmp_path), {"TMPDIR": str(tmp_path / "none")}):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(tempfile, "tempdir", None)  # what was found before
        with notebook_kernel.private() as address:
            assert address["transport"] == "ipc"
            for number in range(1, 6):
                with socket.socket(socket.AF_UNIX) as one:
                    one.bind(f"{address['ip']}-{number}")
            assert Path(address["ip"]).parent.stat().st_mode & 0o077 == 0, (
                "others could send code to the kernel"
            )
        assert not Path(address["ip"]).parent.exists()


def test_without_a_folder_for_sockets_a_kernel_is_reached_by_tcp(monkeypatch):
    monkeypatch.setattr(notebook_kernel, "_holds_a_socket", lambda folder: False)
    with notebook_kernel.private() as address:
        assert address == {"transport": "tcp"}


def test_python3_is_this_python_and_other_kernels_stay(tmp_path, monkeypatch):
    from jupyter_client.kernelspec import NoSuchKernel

    for name, value in another_kernel(tmp_path).items():
        monkeypatch.setenv(name, value)
    specs = notebook_kernel.OwnKernelSpecs()
    assert specs.get_kernel_spec("python3").argv[0] == sys.executable
    assert specs.get_all_specs()["python3"]["spec"]["argv"][0] == sys.executable
    (tmp_path / "jupyter" / "kernels" / "python3").rename(tmp_path / "jupyter" / "kernels" / "mine")
    assert notebook_kernel.OwnKernelSpecs().get_kernel_spec("mine").display_name == "Mine"
    with pytest.raises(NoSuchKernel):
        specs.get_kernel_spec("none")


def started(place: Path) -> subprocess.Popen:
    """A run that waits in its last cell until the file `wait` goes."""
    (place / "wait").touch()
    process = subprocess.Popen(RUN, cwd=place, stdout=subprocess.DEVNULL, start_new_session=True)
    text = place / "build/partial/study/a/small/ärztin.txt"
    while not text.is_file():
        assert process.poll() is None
        time.sleep(0.1)
    return process


def test_two_runs_of_one_stage_at_once(small):
    """The second is refused in a sentence that names the first, which ends as if it had been
    alone.
    """
    first = started(small)
    try:
        second = ran(small)
        said = f"regard: process {first.pid} is making results/study/a/small: wait until it has ended, or end it\n"
        assert second.returncode == 1 and second.stderr == said
        (small / "wait").unlink()
        assert first.wait() == 0
    finally:
        first.kill()
    assert sorted(written(small)) == ["2_small.ipynb", "ärztin.txt"]


def test_a_killed_run_stands_in_nobody_s_way(small):
    first = started(small)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    (small / "wait").unlink()
    done = ran(small)
    assert done.returncode == 0, done.stderr
    assert sorted(written(small)) == ["2_small.ipynb", "ärztin.txt"]


def test_other_folders_are_made_at_the_same_time(small, monkeypatch):
    monkeypatch.chdir(small)
    with (
        notebooks.replaced(Path("results/study/a/examine")),
        notebooks.replaced(Path("results/study/b/examine")) as other,
    ):
        (other / "found").touch()
        with (
            pytest.raises(
                notebooks.AlreadyRunning,
                match=f"process {os.getpid()} is making results/study/b/examine",
            ),
            notebooks.replaced(Path("results/study/b/examine")),
        ):
            pass
        assert (other / "found").exists(), "who is refused touches nothing"
    with notebooks.replaced(Path("results/study/b/examine")):
        pass


@pytest.mark.parametrize("text", ["two", "0", "-1", "1.5", "1e3", "²"])
def test_a_number_of_threads_that_is_none_is_named(text):
    with pytest.raises(
        ValueError, match=f"REGARD_THREADS is '{text}'; set it to a whole number from 1 on"
    ):
        hardware.stated_threads(text)
    assert (
        hardware.stated_threads(""),
        hardware.stated_threads("1"),
        hardware.stated_threads("16"),
    ) == (1, 1, 16)


def test_a_folder_that_must_not_be_written_is_named_before_anything_runs(small):
    (small / "results" / "study" / "a").mkdir(parents=True)
    (small / "results" / "study" / "a").chmod(0o500)
    if os.access(small / "results" / "study" / "a", os.W_OK):
        pytest.skip("nothing is forbidden to this user")
    done = ran(small)
    said = f"regard: {small}/results/study/a cannot be written to: change its owner or its permissions\n"
    assert done.returncode == 1 and done.stderr == said
    assert not list((small / "build" / "partial").rglob("*.ipynb"))
