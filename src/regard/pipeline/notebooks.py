"""Run one notebook through papermill as a pipeline stage, so that the same inputs give the same
bytes.

Papermill's own output holds times, random ids and paths; a finished run keeps code, results and
tags alone. A stage's folder appears when its notebook has run to the end, and not before.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# The one grammar with which jsonschema would check internationalised web addresses takes longer to
# build than everything else a stage imports, and notebooks hold none.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import nbformat  # noqa: E402
import yaml  # noqa: E402
from filelock import FileLock, Timeout  # noqa: E402

from regard.core import project  # noqa: E402
from regard.pipeline import settings  # noqa: E402

_ADDRESS = re.compile(
    r" at 0x[0-9a-f]+"
)  # of an object in memory, as its default representation says
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


MEASURED = "measured.csv"


class StageFailed(RuntimeError):
    """A notebook stopped with an error; the message is one line that says where and why."""


class AlreadyRunning(RuntimeError):
    """Another process is making the same folder of results; the message names it."""


def write_settings(study: str, target: Path) -> None:
    """Write what params.yaml tells each stage of `study`, resolved, as target/<stage>.yaml; stages
    depend on these.

    Raises what `regard.pipeline.settings.study` does.
    """
    settings.study(study)
    target.mkdir(parents=True, exist_ok=True)
    for stage in settings.STAGES:
        text = yaml.safe_dump(project.settings(study, stage), sort_keys=True)
        (target / f"{stage}.yaml").write_text(text, encoding="utf-8")


def strip(source: Path, target: Path) -> None:
    """Copy a notebook without outputs, counts and metadata but tags: saving it in Jupyter changes
    nothing here.
    """
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    _keep_tags(notebook)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def _keep_tags(notebook: nbformat.NotebookNode) -> None:
    """Fixed cell ids, tags as the only cell metadata, and the language as the only notebook
    metadata.
    """
    for index, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": list(tags)} if tags else {}
        cell.id = f"cell-{index:02d}"
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def _clean_outputs(notebook: nbformat.NotebookNode) -> None:
    """Drop what differs from run to run: stderr (progress bars, warnings), widget views, addresses,
    counts.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            if output.get("name") == "stderr":
                continue
            if "data" in output:
                output.data.pop("application/vnd.jupyter.widget-view+json", None)
                if "text/plain" in output.data:
                    output.data["text/plain"] = _ADDRESS.sub("", output.data["text/plain"])
                if not output.data:
                    continue
            if "execution_count" in output:
                output.execution_count = cell.execution_count
            kept.append(output)
        cell.outputs = _joined(kept)


def _joined(outputs: list) -> list:
    """Prints that follow one another as one output: how they were cut depends on the speed of the
    machine.
    """
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        if (
            joined
            and output.output_type == joined[-1].output_type == "stream"
            and output.name == joined[-1].name
        ):
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def run(notebook: str, output: Path, parameters: dict) -> None:
    """Execute build/notebooks/`notebook`.ipynb; its results and the executed copy appear together
    in folder `output`.

    A file MEASURED that it wrote goes to results/costs/<study>.csv: times differ from run to run,
    and a stage's output must not. The notebook is given `parameters` and `output` (a folder that is
    renamed to `output` when all cells have run). It runs in `sys.executable`, whatever kernels are
    registered.

    Raises StageFailed, which names the cell, when a cell fails; the half-run copy stays as
    build/failed/<notebook>-<stage folder>.failed.ipynb. Raises AlreadyRunning while another process
    makes `output`.
    """
    root = project.root()
    inside = (root / output).relative_to(root / "results")
    failed = root / "build" / "failed" / f"{notebook}-{'-'.join(inside.parts)}.failed.ipynb"
    with _made(root / output, root / "build" / "partial" / inside) as partial:
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.unlink(missing_ok=True)
        executed = partial / f"{notebook}.ipynb"
        told = parameters | {"output": str(partial.relative_to(root))}
        if (
            error := _execute(root / "build" / "notebooks" / executed.name, executed, told)
        ) is not None:
            executed.replace(failed)
            reason = _ESCAPES.sub("", f"{error.ename}: {error.evalue}").strip().replace("\n", " ")
            raise StageFailed(
                f"{notebook} ({', '.join(map(str, parameters.values()))}), cell "
                f"{error.cell_index}: "
                f"{reason} [half-run copy: {failed.relative_to(root)}]"
            )
        _finish(executed)
        if (measured := partial / MEASURED).is_file():
            costs = root / "results" / "costs"
            costs.mkdir(parents=True, exist_ok=True)
            measured.replace(costs / f"{parameters['study']}.csv")


def _execute(source: Path, executed: Path, parameters: dict) -> Any:
    """Run a notebook in this Python, in the project's root; returns papermill's error when a cell
    failed.
    """
    import papermill  # slow to import, and needed here alone
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    from regard.pipeline import notebook_kernel

    root = project.root()
    variables = {
        "PYTHONHASHSEED": "0",
        "REGARD_STAGE": "1",  # no bar can be drawn under DVC
        # OpenMP threads that spin while they wait slow each other down tenfold on a busy machine
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONPATH": os.pathsep.join(
            [str(root / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
        "MPLBACKEND": "agg",
    }
    with notebook_kernel.plain_environment(variables), notebook_kernel.private() as address:
        client = {
            "kernel_manager_class": notebook_kernel.OwnKernelManager,
            # all files are written when the last cell has run; taking the interpreter down politely
            # costs three seconds
            "shutdown_kernel": "immediate",
        }
        try:
            papermill.execute_notebook(
                str(source),
                str(executed),
                parameters,
                kernel_name="python3",
                cwd=str(root),
                progress_bar=False,
                log_output=True,
                stdout_file=sys.stdout,
                config=Config({"KernelManager": address, "NotebookClient": client}),
            )
        except PapermillExecutionError as error:
            return error
    return None


@contextmanager
def replaced(output: Path) -> Iterator[Path]:
    """A folder to fill, which becomes the folder `output` (from the project's root) when all has
    gone well, and else nothing.

    Raises AlreadyRunning while another process makes `output`.
    """
    root = project.root()
    with _made(root / output, root / "build" / "partial" / output) as partial:
        yield partial


@contextmanager
def _made(output: Path, partial: Path) -> Iterator[Path]:
    """The empty folder `partial`, by one process at a time; it takes the place of `output` when all
    has gone well, and else goes. The system frees the lock of a process that was killed."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    holder = partial.with_name(f"{partial.name}.pid")
    lock = FileLock(partial.with_name(f"{partial.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        other = "of unknown number"
        with suppress(FileNotFoundError):  # it may just have ended, or just begun
            other = holder.read_text(encoding="utf-8") or other
        name = output.relative_to(project.root())
        raise AlreadyRunning(
            f"process {other} is making {name}: wait until it has ended, or end it"
        ) from None
    try:
        holder.write_text(str(os.getpid()), encoding="utf-8")
        output.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(output.parent, os.W_OK):  # better said before the work than after it
            raise PermissionError(
                f"{output.parent} cannot be written to: change its owner or its permissions"
            )
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial
        shutil.rmtree(output, ignore_errors=True)
        shutil.move(partial, output)  # `results` may be a link to another disk
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        holder.unlink(missing_ok=True)
        lock.release()


def _finish(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    _clean_outputs(notebook)
    for cell in (
        notebook.cells
    ):  # papermill's own cell names the partial folder, which is gone when this is read
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace('"build/partial/', '"results/')
    _keep_tags(notebook)
    nbformat.write(notebook, path)
