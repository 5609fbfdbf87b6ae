"""The committed reference of a profile: whole, of one profile, with the rows that claims are made
on.
"""

import json

import pandas as pd
import pytest
from safetensors.torch import save_file

from regard.claims import reference
from regard.core import environment, tables
from regard.pipeline import paper

ROW = {
    "study": "s",
    "profile": "full",
    "target": "each case's own",
    "target_role": "predicted",
    "stratum": "all",
    "family": "primary",
}
NAMES = ("claims", "performance", "trust", "concepts", "summary", "pairs")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    monkeypatch.setattr(environment, "current", lambda: {"python": "3"})
    (tmp_path / "results" / "figures").mkdir(parents=True)
    for name in NAMES:
        tables.write(pd.DataFrame([ROW]), tmp_path / "results" / f"{name}.csv")
    train = tmp_path / "results" / "study" / "s" / "train"
    train.mkdir(parents=True)
    description = {"description": json.dumps({"digest": "0123456789abcdef"})}
    save_file({}, train / "model.safetensors", metadata=description)
    for name in reference.FIGURES:
        (tmp_path / "results" / "figures" / name).write_text(name)
    return tmp_path


def test_the_reference_is_what_claims_are_made_on(project):
    others = [
        ROW | {"target": "nodule"},
        ROW | {"target_role": "true"},
        ROW | {"stratum": "benign"},
        ROW | {"stratum": "correct"},
    ]
    tables.write(pd.DataFrame([ROW, *others]), project / "results" / "summary.csv")
    tables.write(
        pd.DataFrame([ROW, ROW | {"family": "secondary"}, ROW | {"family": "published"}]),
        project / "results" / "pairs.csv",
    )
    assert reference.write() == project / "paper" / "reference" / "full"
    assert tables.read(project / "paper/reference/full/summary.csv")["stratum"].tolist() == [
        "all",
        "correct",
    ]
    assert tables.read(project / "paper/reference/full/pairs.csv")["family"].tolist() == [
        "primary",
        "published",
    ]
    networks = tables.read(project / "paper/reference/full/networks.csv")
    assert networks.to_dict("records") == [{"study": "s", "network": "0123456789abcdef"}]
    assert sorted(
        path.name for path in (project / "paper/reference/full/figures").iterdir()
    ) == sorted(reference.FIGURES)


def test_what_was_there_before_is_gone_and_nothing_is_half_written(project):
    reference.write()
    (project / "paper/reference/full/old.csv").touch()
    reference.write()
    assert not (project / "paper/reference/full/old.csv").exists()
    (project / "results/figures/maps.svg").unlink()
    with pytest.raises(FileNotFoundError, match="maps.svg"):
        reference.write()
    assert (project / "paper/reference/full/figures/maps.svg").exists(), "the earlier one stays"


def test_results_of_two_profiles_are_refused(project):
    tables.write(pd.DataFrame([ROW, ROW | {"profile": "quick"}]), project / "results" / "trust.csv")
    with pytest.raises(ValueError, match="hold the profiles full, quick"):
        reference.write()
    (project / "results" / "claims.csv").unlink()
    with pytest.raises(FileNotFoundError, match="claims.csv"):
        reference.write()


def test_a_paper_without_figures_says_what_to_run(project):
    with pytest.raises(FileNotFoundError, match="no paper/reference/full/figures/paper.json"):
        paper.compile()
