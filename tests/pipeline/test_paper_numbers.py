"""paper.json: what the paper prints, from tables made by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from regard.pipeline import figures, paper_numbers

NAN = float("nan")


def test_records_have_three_decimals_and_none_for_undefined(tmp_path):
    found = paper_numbers.records(pd.DataFrame({"a": [0.12345, NAN], "b": ["x", "y"]}))
    assert found == [{"a": 0.123, "b": "x"}, {"a": None, "b": "y"}]
    paper_numbers.write({"b": found, "a": 1}, tmp_path / "paper.json")
    text = (tmp_path / "paper.json").read_text()
    assert text.startswith('{\n "a": 1,') and json.loads(text)["b"] == found


def test_selections_are_rows_of_any_rule_in_the_order_of_the_table():
    values = dict.fromkeys([*paper_numbers.VALUES, "n_patients"], 0.5) | {"flagged": False}
    rows = [
        {"method": "cam", "selection": name, "setting": setting} | values
        for name, setting in (("bins", "bins=10"), ("otsu", NAN), ("bins", "bins=20"))
    ]
    rules = {"Otsu": {"selection": "otsu"}, "bins": {"setting": "bins=10"}}
    found = paper_numbers.selections(pd.DataFrame(rows), rules)
    assert [(row["selection"], row["setting"]) for row in found] == [
        ("bins", "bins=10"),
        ("otsu", None),
    ]


def units(folder, labels: list) -> figures.Results:
    """The results of a study `mammography` with units of these labels."""
    place = folder / "study/mammography/units"
    place.mkdir(parents=True)
    tables = {
        "labels": {"unit": range(len(labels)), "label": labels},
        "unmatched": {"unit": [0, 1], "p of AUROC": [0.01, 0.5], "tells": ["side", "scanner"]},
        "explanations": {"rule": ["a", "a", "b"], "labels": ["mass", np.nan, "mass"]},
        "removal": {"value": [0.25]},
    }
    for name, table in tables.items():
        pd.DataFrame(table).to_csv(place / f"{name}.csv", index=False)
    return figures.Results(folder, folder)


def test_units_of_mammography(tmp_path):
    found = paper_numbers.mammography(units(tmp_path, ["mass", "mass", np.nan]))
    assert (found["units"], found["labelled"], found["labels"]) == (3, 2, 1)
    assert found["texts"] == {"a": 2, "b": 1}
    assert found["confounded"] == ["side"] and found["asked"] == 2
    assert found["beyond"] == [] and found["removal"] == [{"value": 0.25}]


def complete() -> dict:
    scores = [{"study": study, "method": "cam", "score": "iou"} for study in figures.STUDIES]
    studies = [{"study": study, "performance": [1]} for study in figures.STUDIES]
    return {
        "studies": studies,
        "grid": scores,
        "ultrasound": {"hits": [1, 2], "methods": ["cam"], "regions": ["mass", "below"]},
        "claims": [{"claim": "auroc"}, {"claim": "three-regions"}],
        **dict.fromkeys(("histology", "prostate", "chest", "trust", "worth"), [1]),
    }


@pytest.mark.parametrize(
    "name, change, missing",
    [
        ("chest", [], "chest"),
        ("claims", [{"claim": "auroc"}], "claims"),
        ("grid", complete()["grid"][1:], "grid"),
        ("grid", complete()["grid"] + complete()["grid"][:1], "grid"),
        ("studies", complete()["studies"][::-1], "studies"),
        ("studies", [row | {"performance": []} for row in complete()["studies"]], "performance"),
        ("ultrasound", complete()["ultrasound"] | {"hits": [1]}, "hits"),
    ],
)
def test_what_is_missing_is_named(name, change, missing):
    assert paper_numbers.missing(complete()) == []
    assert paper_numbers.missing(complete() | {name: change}) == [missing]
