"""The stage `train`: what it reaches, and its small functions on made tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from here import ROOT

from regard.pipeline import code, train


def test_no_colour_retrains_a_network():
    """No definition of regard.figures is in what the stage reaches."""
    modules = code.modules(ROOT / "src")
    reached = code.reached(modules, [code.RUN], code._cells(ROOT, "2_train"))
    assert "regard.pipeline.train:trained" in reached
    assert not [name for name in reached if name.startswith("regard.figures")]


def made(kind: str = "label") -> train.Prepared:
    split = np.repeat(["train", "tune", "test"], 8)
    table = pd.DataFrame({"case": [f"c{row}" for row in range(24)], "split": split, "data": "made"})
    table["patient"] = [f"p{row // 2}" for row in range(24)]
    truth = torch.arange(24) % 2
    targets = truth if kind == "label" else truth[:, None].repeat(1, 2).float()
    outlined = pd.DataFrame({"case": table["case"], "target": "", "outlined": True})
    images = torch.zeros(24, 8, 8, dtype=torch.uint8)
    return train.Prepared(table, images, targets, ["benign", "malignant"], kind, outlined)


SETTINGS = {
    "study": "made",
    "profile": "quick",
    "draws": 20,
    "seed": 1,
    "explained": 2,
    "explained_cases": 0,
    "explained_few": 0,
}


@pytest.mark.parametrize(
    "told, kind, names",
    [
        ({}, "label", ["transfer"]),
        ({"scratch": True}, "label", ["transfer", "scratch"]),
        ({"blanks": ["zeros", "ignore"]}, "label", ["transfer"]),
        ({"blanks": ["zeros", "ignore"]}, "findings", ["transfer", "transfer, unknown as zeros"]),
        ({"train": False, "scratch": True}, "label", ["transfer"]),
    ],
)
def test_the_networks_of_a_study(told, kind, names):
    settings = {"train": True, "scratch": False, "blanks": [], "blank": "ignore"} | told
    assert list(train.networks(settings, kind)) == names


def test_tables_of_a_perfect_network():
    study = made()
    second = np.where(study.targets.numpy() == 1, 0.8, 0.3)
    scores = {"transfer": np.stack([1 - second, second], axis=1)}
    cuts = train.thresholds(scores, study)
    assert train.threshold_table(cuts, study).loc["malignant", "transfer"] == pytest.approx(0.55)
    reached = train.performances(study, scores, cuts, None, SETTINGS)
    assert set(reached["value"]) == {1.0} and set(reached["n_cases"]) <= {4, 8}
    with_folds = train.performances(study, scores, cuts, (scores["transfer"], None), SETTINGS)
    assert "out of fold" in train.performance_table(with_folds)
    predicted = train.predictions(study, scores, cuts)
    listed = train.explanations(study, predicted, SETTINGS)
    assert len(listed) == 8 and listed["patient"].nunique() == 2 and listed["correct"].all()
    assert "2 test patients" in train.outlook(listed, study)[0]


def test_weak_targets_are_named():
    rows = [("a", 0.5, True), ("b", 0.9, False)]
    reached = pd.DataFrame(rows, columns=["target", "ci_low", "flagged"])
    said = train.weak_targets(reached.assign(start="transfer", metric="auroc"))
    assert said[0].startswith("FLAGGED: the AUROC of a may be as low as 0.50")
    assert said[1].startswith("1 of 2 targets")


def test_losses_and_curves_are_shown(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(train, "display", shown.append)
    history = pd.DataFrame(
        {"epoch": [0, 1, 2], "train_loss": [3.0, 2, 1], "tune_loss": [3.0, 1, 2]}
    )
    train.show_losses(history.assign(start="transfer"))
    kept = train.epochs_kept(history.assign(start="transfer")).loc["transfer"]
    assert kept["epoch kept"] == 2 and kept["last epoch"] == 3 and kept["tuning loss"] == 1
    study = made("findings")
    scores = {"transfer": np.random.default_rng(0).random((24, 2))}
    train.show_roc(study, scores, train.thresholds(scores, study))
    assert len(shown) == 2 and shown[0].data.startswith(b"\x89PNG")
    train.show_losses(pd.DataFrame())
    assert "train: false" in capsys.readouterr().out and train.epochs_kept(pd.DataFrame()).empty
