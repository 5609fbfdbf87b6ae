"""A rerun beside the reference: what is the same, what moved, what changed; hand-made claims."""

import json

import numpy as np
import pandas as pd
import pytest
from here import ROOT

from regard import cli
from regard.claims import reference, rerun
from regard.core import environment, tables

ROW = {
    "study": "s",
    "data": "phantom",
    "target": "t",
    "setting": "",
    "statistic": "mean",
    "profile": "quick",
    "value": 0.5,
}
ROW |= {"ci_low": 0.4, "ci_high": 0.6, "verdict": "on phantoms: holds", "n_patients": 50}


@pytest.mark.parametrize(
    "here, wanted",
    [
        (0.5, "reproduced"),
        (0.5000001, "reproduced"),
        (0.59, "within tolerance"),
        (0.61, "different"),
        (np.nan, "different"),
    ],
)
def test_status_of_a_number(here, wanted):
    assert rerun.status(0.5, 0.4, 0.6, here) == wanted


def test_status_without_numbers_or_interval():
    assert rerun.status(np.nan, np.nan, np.nan, np.nan) == "no number"
    assert rerun.status(np.nan, np.nan, np.nan, 0.1) == "different"
    assert rerun.status(0.5, np.nan, np.nan, 0.51) == "different"
    assert rerun.status(0.0, -0.1, 0.1, 0.0) == "reproduced"


def claims(**changes):
    rows = [ROW | {"claim": name} for name in ("a", "b", "c")]
    rows[1] |= changes
    return pd.DataFrame(rows)


def test_claims_side_by_side():
    """A number may move without the claim; a verdict may change with the number within its
    interval.
    """
    found = rerun.compare(claims(), claims(value=0.55))
    assert (
        found["status"].tolist() == ["reproduced", "within tolerance", "reproduced"]
        and rerun.changed(found).empty
    )
    found = rerun.compare(claims(), claims(value=0.55, verdict="on phantoms: undecided"))
    assert rerun.changed(found)["verdict now"].tolist() == ["on phantoms: undecided"]
    found = rerun.compare(claims(), claims()[:2].assign(setting=["", "other"]))
    assert (
        found["status"].tolist() == ["reproduced", "missing", "missing", "new"]
        and len(rerun.changed(found)) == 3
    )
    order = rerun.compare(claims(), claims(value=0.7).iloc[::-1])
    assert order["status"].tolist() == ["reproduced", "different", "reproduced"]
    with pytest.raises(ValueError, match="claims of this run have a row twice"):
        rerun.compare(claims(), pd.concat([claims(), claims()[:1]]))


def test_how_claims_fared_in_reruns():
    """By hand: of claim b the first rerun moves the verdict, the second the number alone; c has no
    verdict there at all.
    """
    first = rerun.compare(claims(), claims(value=0.3, verdict="on phantoms: does not hold"))
    second = rerun.compare(claims(), claims(value=0.7))
    second.loc[second["claim"] == "c", ["this run", "verdict now"]] = np.nan
    steady = rerun.stability({"seed-2": first, "seed-3": second})
    assert steady["claim"].tolist() == ["a", "b", "c"] and steady["kept"].tolist() == [2, 1, 1]
    assert steady["values"].tolist()[1] == [0.3, 0.7] and steady["reference"].tolist() == [0.5] * 3
    assert steady["verdicts"].tolist()[1:] == [
        ["on phantoms: does not hold", "on phantoms: holds"],
        ["on phantoms: holds", ""],
    ]
    found = rerun.with_reruns(rerun.compare(claims(), claims(value=0.55)), steady)
    assert found["kept in reruns"].tolist() == ["2 of 2", "1 of 2", "1 of 2"]
    assert rerun.unsteady(found)["claim"].tolist() == ["b", "c"]
    new = rerun.compare(claims(), claims().assign(setting="other"))
    assert rerun.with_reruns(new, steady)["kept in reruns"].tolist() == [
        "2 of 2",
        "1 of 2",
        "1 of 2",
        "",
        "",
        "",
    ]
    assert rerun.stability({"seed-2": new})["claim"].tolist() == ["a", "b", "c"], (
        "what is new has no verdict to keep"
    )
    assert rerun.agrees(first, claims()) and not rerun.agrees(first, claims(value=0.9))
    assert not rerun.agrees(first, claims(verdict="on phantoms: undecided"))
    with pytest.raises(ValueError, match="no table of this reference in paper/reference/reruns/"):
        rerun.stability({})


def test_reruns_that_are_committed_are_of_the_committed_reference():
    folder = ROOT / "paper" / "reference"
    claimed = tables.read(folder / "quick" / "claims.csv")
    kept = {path.stem: tables.read(path) for path in (folder / "reruns").glob("*.csv")}
    assert kept and all(rerun.agrees(table, claimed) for table in kept.values())
    found = rerun.with_reruns(rerun.compare(claimed, claimed), rerun.stability(kept))
    assert (found["kept in reruns"] != "").all()


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(environment, "trained", lambda: "float32")
    monkeypatch.setattr(environment, "onednn", lambda: "Intel AVX2")
    networks = pd.DataFrame({"study": ["s"], "network": ["0"]})
    monkeypatch.setattr(reference, "networks", lambda studies: networks)
    for name in reference.TABLES:
        columns = dict.fromkeys(("target_role", "stratum", "family"), "all")
        tables.write(claims().assign(**columns), tmp_path / "results" / f"{name}.csv")
    return tmp_path


def test_the_command_exits_with_one_when_a_claim_changed(project, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["verify"])
    assert (
        "there is no reference of the profile 'quick'; there is none"
        in str(stopped.value.code) + capsys.readouterr().err
    )
    assert sorted(path.name for path in reference.write().iterdir()) == [
        "claims.csv",
        "concepts.csv",
        "environment.json",
        "networks.csv",
        "performance.csv",
    ]
    cli.main(["verify"])
    said = capsys.readouterr().out
    assert "are those of the reference" in said and "kept in reruns" not in said
    tables.write(
        claims(value=0.1, verdict="on phantoms: does not hold"), project / "results" / "claims.csv"
    )
    told = project / "paper/reference/quick/environment.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | {"threads": 64, "zennit": "0.0"}))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["verify"])
    said = capsys.readouterr().out
    assert stopped.value.code == "1 of 3 claims changed" and "different, CLAIM CHANGED" in said
    assert (
        "- threads: 64 in the reference, 1 here\n" in said
        and "- zennit: 0.0 in the reference" in said
    )
    with pytest.raises(SystemExit):
        cli.main(["verify", "--keep", "seed-2"])
    with pytest.raises(SystemExit) as stopped:
        cli.main(["verify"])
    assert stopped.value.code == "1 of 3 claims changed; 1 of them also in a rerun that was kept"
    assert "| 0 of 1 |" in capsys.readouterr().out
    tables.write(claims(value=0.45), project / "paper/reference/quick/claims.csv")
    with pytest.raises(SystemExit) as stopped:  # the rerun is of a reference that is no more
        cli.main(["verify"])
    assert (
        stopped.value.code == "1 of 3 claims changed"
        and "kept in reruns" not in capsys.readouterr().out
    )
    other = rerun.compare(claims(), claims())
    with pytest.raises(ValueError, match="--keep is for reruns of the profile quick"):
        rerun.keep(other, "seed-3")


def test_a_table_to_paste_has_a_cell_for_each_column():
    table = pd.DataFrame(
        {"claim": ["a | b", "c"], "value": [0.123456, np.nan], "n": [3, 4]}, index=[7, 8]
    )
    assert rerun.markdown(table).splitlines() == [
        "| claim | value | n |",
        "| --- | --- | --- |",
        "| a \\| b | 0.1235 | 3 |",
        "| c |  | 4 |",
    ]
