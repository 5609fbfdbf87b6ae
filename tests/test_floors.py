"""Imports follow the floors that pyproject.toml states, those within functions as well."""

import os
import subprocess
import sys

from here import ROOT


def test_imports_follow_the_floors_of_pyproject():
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [*command, "--no-cache", "--no-logo"],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "2 kept, 0 broken" in done.stdout, done.stdout + done.stderr
