"""The repository: data pinned, results not committed, the lock installs as documented, no host and
no machine named.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from here import ROOT


def git(*words: str) -> list[str]:
    """The lines that git prints. Skips in a downloaded zip, which has no .git; a repository around
    it is another one.
    """
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git checkout of this project: what is committed is not known")
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:  # as in a folder of somebody else's
        pytest.skip(f"git says nothing of this folder ({done.stderr.strip()})")
    return done.stdout.splitlines()


def test_no_result_is_committed():
    """A committed result would turn a reviewer's rerun into "up to date"."""
    assert git("ls-files", "results", "build", "real") == []


def test_data_are_what_data_dvc_pins():
    """`dvc repro` would re-pin a changed folder without a word. Without .git as well."""
    with Repo(str(ROOT), config={"core": {"no_scm": True}}) as repo:
        assert repo.status(targets=["data.dvc"]) == {}
    pinned = yaml.safe_load((ROOT / "data.dvc").read_text())["outs"][0]
    assert pinned["path"] == "data" and pinned["cache"] is False and pinned["push"] is False


@pytest.mark.parametrize("around", ["nothing", "another repository"])
def test_the_pipeline_runs_in_a_downloaded_zip(around, tmp_path):
    """DVC asks git about its files unless it is told that there is none; a repository around the
    folder may ignore them.
    """
    place = tmp_path / "zip"
    (place / ".dvc").mkdir(parents=True)
    for name in ("config", ".gitignore"):
        shutil.copyfile(ROOT / ".dvc" / name, place / ".dvc" / name)
    (place / "dvc.yaml").write_text("stages: {hello: {cmd: echo hello > said, outs: [said]}}")
    if around == "another repository":
        shutil.which("git") or pytest.skip("no git")
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
        (tmp_path / ".gitignore").write_text("*\n")

    def run(line: str) -> subprocess.CompletedProcess:
        return subprocess.run(line, cwd=place, shell=True, capture_output=True, text=True)

    dvc = f"{shlex.quote(sys.executable)} -m dvc"
    assert "git" in run(f"{dvc} repro").stderr, (
        "else the line in the Makefile is not needed any more"
    )
    line = next(
        line for line in (ROOT / "Makefile").read_text().splitlines() if "core.no_scm" in line
    )
    assert run(line.strip().replace("$(VENV)/bin/dvc", dvc)).returncode == 0
    done = run(f"{dvc} repro")
    assert done.returncode == 0 and (place / "said").read_text() == "hello\n", done.stderr


def test_committed_data_stay_small():
    assert sum(path.stat().st_size for path in (ROOT / "data").rglob("*") if path.is_file()) < 45e6


def test_the_lock_covers_every_direct_dependency_with_hashes():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        *project["project"]["dependencies"],
        *project["dependency-groups"]["test"],
        *project["dependency-groups"]["docs"],
    }
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE))
    assert {name.lower() for name in wanted} <= pinned
    for entry in re.split(r"\n(?=[a-z0-9])", lock):
        assert "==" not in entry.split("\n")[0] or "--hash=sha256:" in entry, entry.split("\n")[0]


def documented_lines() -> list[list[str]]:
    """The two `uv pip install` lines of environment.yml's comment, as lists of words."""
    comment = [
        line.lstrip("# ").split()
        for line in (ROOT / "environment.yml").read_text().splitlines()
        if line.startswith("#")
    ]
    return [words for words in comment if words[:3] == ["uv", "pip", "install"]]


def test_environment_lines_install_the_lock():
    """Run as documented, without installing: every pin can be had for this Python and is what is
    installed here.
    """
    lines = documented_lines()
    assert len(lines) == 2
    names = {
        next(iter(item)) if isinstance(item, dict) else item.split()[0]
        for item in yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    }
    assert names == {"python", "pip", "uv"}
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        pytest.skip("no uv beside this Python")
    for words in lines:
        command = [str(uv), *words[1:], "--dry-run", "--offline", "--python", sys.executable]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stderr.lower()


def test_readme_gives_each_command_in_one_line():
    readme = (ROOT / "README.md").read_text()
    for part, command in {"Reproduce": "make reproduce", "Test": "make test"}.items():
        section = readme.split(f"## {part}\n")[1].split("\n## ")[0]
        assert re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[0] == command + "\n"
    assert (ROOT / ".ci/run").read_text().splitlines()[-2:] == ["make test", "make reproduce"]


def test_no_machine_and_no_package_host_is_named():
    pattern = re.compile(
        r"(?:/home/|/root/|/Users/)\w|pypi\.org|pythonhosted|anaconda\.org|index-url", re.IGNORECASE
    )
    for name in git("ls-files"):
        path = ROOT / name
        if (
            path.suffix in (".png", ".safetensors", ".pdf", ".nc")
            or path == Path(__file__)
            or not path.is_file()
        ):
            continue
        found = pattern.search(path.read_text(encoding="utf-8"))
        assert not found, f"{name}: {found}"


def test_what_python_writes_beside_its_sources_is_no_input_of_a_stage():
    """Folders of sources are dependencies; compiled modules appear in them when a stage runs."""
    assert "__pycache__/" in (ROOT / ".dvcignore").read_text().split()


def test_dvc_lock_holds_no_stage_that_is_gone():
    """As committed: studies of one's own make the file in the working tree longer."""
    text, stages, params = (
        "\n".join(git("show", f"HEAD:./{name}")) for name in ("dvc.lock", "dvc.yaml", "params.yaml")
    )
    lock, stages = yaml.safe_load(text)["stages"], yaml.safe_load(stages)["stages"]
    studies = {*yaml.safe_load(params)["studies"]}
    for name in lock:
        stage, _, study = name.partition("@")
        assert stage in stages and (study in studies) == ("foreach" in stages[stage]), name
    assert len(text.encode()) < 70_000
    read = {one["path"] for entry in lock.values() for one in entry.get("deps", [])}
    assert not [path for path in read if path.startswith(("src/", "notebooks/"))]
