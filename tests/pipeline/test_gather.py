"""The tables of all studies together."""

import pandas as pd
import pytest
from small_scores import EXPERT, PREDICTIONS, contrasts, measured, table

from regard.core import columns, tables
from regard.evaluation import summary
from regard.pipeline import gather


def test_write_gathers_the_studies_by_name(tmp_path, monkeypatch):
    """Studies in the order of their names, undefined as blank, six digits."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("studies: {a: {}, b: {}}")
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        gather.write()
    for study in ("b", "a"):
        folder = tmp_path / "results" / "study" / study
        for part in ("compare", "train"):
            (folder / part).mkdir(parents=True)
        means = summary.summarise(table(), PREDICTIONS, 50, "q")
        tables.write(means.assign(study=study), folder / "compare/summary.csv")
        paired = summary.pairs(contrasts(), PREDICTIONS, ["cam"], ["ones"], EXPERT, 2000, "q")
        tables.write(paired.assign(study=study), folder / "compare/pairs.csv")
        tables.write(pd.DataFrame([measured(study=study)]), folder / "train/performance.csv")
        (folder / "examine").mkdir()
        tables.write(
            pd.DataFrame([{"study": study, "check": "noise", "mean": 0.5}]),
            folder / "examine/trust.csv",
        )
        (folder / "clusters").mkdir()
        tables.write(
            pd.DataFrame([dict.fromkeys(columns.CONCEPTS, 0) | {"study": study}]),
            folder / "clusters/told.csv",
        )
        (folder / "compare/settings.json").write_text('{"published": "byra-2022"}')
    gather.write()
    for name in ("summary", "pairs", "performance", "trust", "concepts", "claims"):
        assert list(dict.fromkeys(pd.read_csv(tmp_path / f"results/{name}.csv")["study"])) == [
            "a",
            "b",
        ]
    text = (tmp_path / "results/summary.csv").read_text()
    assert ",0.666667," in text and ",nan" not in text.lower() and "\r" not in text
