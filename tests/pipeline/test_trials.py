"""Trials: other draws and seeds of a study, each network alone, with the study's own settings."""

from pathlib import Path

import pytest
import yaml
from conftest import make_cases

from regard.core import project
from regard.data import cases
from regard.pipeline import trials


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A project with one small study of its own images."""
    params = project.parameters()
    prepare = {
        "size": 32,
        "labels": ["benign", "malignant"],
        "structures": ["mass"],
        "expert": "mass",
    }
    train = {
        "backbone": "resnet18",
        "width": 0.0625,
        "weights": "none",
        "epochs": 2,
        "precision": "float32",
    }
    params["studies"] = {"ultrasound": {"root": "data/mine", "prepare": prepare, "train": train}}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    cases.write(make_cases(patients=24, views=1, size=(32, 32)), tmp_path / "data/mine")
    return "ultrasound"


def test_a_row_per_network_and_target_which_no_other_trial_changes(study):
    lines = []
    found = trials.run(study, seeds=[1, 2], report=lines.append)
    assert list(found.columns) == ["draw", "seed", "start", "target", "auroc", "epoch"]
    assert found[["draw", "seed", "start", "target"]].to_numpy().tolist() == [
        ["own", seed, start, "malignant"] for seed in (1, 2) for start in trials.STARTS
    ]
    alone = trials.run(study, seeds=[2], starts=["transfer"])
    assert alone["auroc"][0] == found["auroc"][2] and found["auroc"].between(0, 1).all()
    assert len(lines) == 4 and lines[0].startswith("draw own, seed 1, transfer: malignant 0.")


def test_draws_are_of_the_studys_phantoms(study, monkeypatch):
    asked = []
    monkeypatch.setattr(
        trials.phantoms,
        "draw",
        lambda name, seed: asked.append((name, seed)) or make_cases(24, 1, (32, 32)),
    )
    assert trials.run(study, draws=[11, 12], starts=["scratch"])["draw"].tolist() == [11, 12]
    assert asked == [("ultrasound", 11), ("ultrasound", 12)]


def test_an_unknown_start_is_named(study):
    with pytest.raises(ValueError, match="unknown start 'imagenet'; known are transfer, scratch"):
        trials.run(study, starts=["imagenet"])


def test_what_a_trial_could_not_honour_is_refused(study):
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    params["studies"]["ultrasound"]["prepare"]["shortcut"] = 0.9
    Path("params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    with pytest.raises(ValueError, match="'ultrasound' has `train: false` or a `shortcut`"):
        trials.run(study)
