"""What the figures of the paper show, from tables made by hand."""

import numpy as np
import pandas as pd
import pytest

from regard.claims.verdicts import HEADLINES
from regard.evaluation.summary import EMPTY_RULES
from regard.pipeline import figures, study_figures

NAN = float("nan")
HIT = {
    "study": "chest",
    "score": "pointing",
    "method": "cam",
    "region": "finding",
    "stratum": "all",
    "target": HEADLINES[0],
    "target_role": NAN,
    "selection": NAN,
    "setting": "tolerance=0/224",
    "empty_rule": NAN,
    "mean": 0.5,
    "ci_low": 0.4,
    "ci_high": 0.6,
    "chance": 0.1,
    "n_maps": 9,
}
DICE = HIT | {"score": "dice", "selection": "otsu", "empty_rule": EMPTY_RULES[0]}
IOU = DICE | {"score": "iou", "selection": "top-area", "setting": "area=0.1"}


def frame(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame(rows)


def test_the_folder_for_figures(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    results = figures.opened()
    assert results.output == tmp_path / "build/by-hand/figures" and results.output.is_dir()
    assert results.of("chest", "train") == tmp_path / "results/study/chest/train"
    assert figures.opened("build/here").output == tmp_path / "build/here"


@pytest.mark.parametrize(
    "change",
    [{"target": "a class"}, {"target_role": "true"}, {"empty_rule": EMPTY_RULES[1]}],
    ids=str,
)
def test_headline_leaves_out_other_targets_and_rules(change):
    assert figures.headline(frame(DICE | change, DICE)).index.tolist() == [1]


@pytest.mark.parametrize(
    "change",
    [
        {"region": "another"},
        {"stratum": "correct"},
        {"setting": "tolerance=15/224"},
        {"method": "unknown"},
        {"score": "mass"},
        {"score": "rank", "setting": NAN},
    ],
    ids=str,
)
def test_the_grid_takes_no_other_row(change):
    rows = frame(DICE, HIT | change, HIT, HIT | {"score": "mass", "setting": NAN}, IOU)
    grid = figures.common_grid(rows, ["cam"], "tolerance=0/224")
    assert grid.index.tolist() == [2, 3, 4]


def test_the_grid_is_in_the_order_of_the_paper():
    rows = frame(*[row | {"study": name} for name in ("chest", "histology") for row in (DICE, HIT)])
    grid = figures.common_grid(rows, ["cam"], "tolerance=0/224")
    assert grid["study"].tolist() == ["histology", "chest"]


def hits() -> pd.DataFrame:
    """Two methods and two null maps of one study, and a method of fewer cases."""
    rates = {"cam": 0.5, "lrp": 0.2, "edges": 0.4, "centre": 0.1}
    rows = [HIT | {"method": name, "mean": rate, "order": 4} for name, rate in rates.items()]
    rows += [HIT | {"method": "shap", "mean": 0.9, "n_maps": 3, "order": 4}]
    return figures.complete_hits(frame(*rows, HIT | {"method": "ones", "mean": NAN}))


def test_hit_rates_of_maps_of_all_cases():
    assert hits()["method"].tolist() == ["cam", "edges", "lrp", "centre"]
    best = figures.best_maps(hits())
    assert best["method"].to_dict() == {("chest", "method"): "cam", ("chest", "null map"): "edges"}
    below = figures.below_null_maps(hits())
    assert below.loc["chest"].tolist() == ["edges", 0.4, 2, 1]


def test_cost_and_quality_are_of_the_same_method():
    costs = frame(
        {"study": "chest", "method": "cam", "forwards": 1, "backwards": 0},
        {"study": "chest", "method": "lrp", "forwards": 1, "backwards": 2},
        {"study": "chest", "method": "edges", "forwards": 0, "backwards": 0},
    )
    curve = {"study": "chest", "check": "faithfulness", "measure": "deletion", "method": "cam"}
    trust = frame(
        curve | {"control": NAN, "mean": 0.3},
        curve | {"control": "as smooth", "mean": 0.5},
        curve | {"control": "random", "method": NAN, "mean": 0.9},
        curve | {"control": NAN, "measure": "insertion", "mean": 0.8},
    )
    found = figures.cost_and_quality(costs, frame(HIT, IOU), trust, ["cam", "lrp"])
    assert found[["method", "passes"]].values.tolist() == [["cam", 1], ["lrp", 3]]
    np.testing.assert_allclose(found[["localises", "faithful"]], [[0.4, 0.2], [NAN, NAN]])


def test_claims_of_reruns_have_names_and_order():
    row = {"setting": "tolerance=0", "target": "mean", "kept": 1, "verdict": "holds"}
    stability = frame(
        row | {"study": "chest", "claim": "auroc", "verdicts": ["holds"]},
        row | {"study": "chest", "claim": "cam@alam-2023 over ones", "verdicts": ["holds"] * 2},
        row | {"study": "ultrasound", "claim": "three-regions", "verdicts": ["holds"]},
        row | {"study": "prostate", "claim": "x", "verdict": "not tested", "verdicts": ["holds"]},
    )
    named = figures.named_claims(stability)
    tested = figures.tested_claims(named)
    names = ["three-regions, tolerance 0", "auroc, mean", "cam over ones"]
    assert tested["name"].tolist() == names, "ultrasound stands before chest"
    changed = figures.changed_verdicts(tested)
    assert changed.reset_index().values.tolist() == [["chest", "cam over ones", "holds", 1, 2]]


def test_first_cases_of_each_class_and_outcome():
    rows = [("a", "x", True), ("b", "x", False), ("c", "y", True), ("d", "x", True)]
    table = pd.DataFrame(rows, columns=["case", "label", "correct"]).assign(target_role="predicted")
    other = table.assign(target_role="true", case="z")
    found = study_figures.first_cases(pd.concat([other, table]))
    assert found["case"].tolist() == ["a", "c", "b"], "correctly classified cases first"


def test_hit_rates_by_region():
    settings = {"together": "mass+below", "tolerances": [0]}
    regions = study_figures.regions_around(settings)
    assert regions[-1] == "mass+below" and "other" in regions
    shown = study_figures.region_panels(regions)
    assert ("mass +\nbelow", {"region": "mass+below"}) in shown
    assert "other" not in dict(shown)
    right = HIT | {"study": "ultrasound", "target_role": "predicted", "stratum": "correct"}
    rows = frame(HIT, right | {"region": "mass"}, right | {"region": "artefact"})
    found = study_figures.hits_by_region(rows, regions, figures.tolerance(settings))
    assert found.index.tolist() == [1]


def test_methods_are_ranked_under_each_rule():
    """Brackets where fewer cases were explained; a region that is not the expert's is left out."""
    rows = [IOU | {"method": name, "mean": mean} for name, mean in (("cam", 0.1), ("lrp", 0.3))]
    rows += [IOU | {"method": "shap", "mean": 0.2, "n_maps": 3}]
    rows += [IOU | {"method": "cam", "mean": 0.9, "region": "another"}]
    rows += [IOU | {"method": "cam", "mean": 0.4, "selection": "otsu"}]
    methods = ["cam", "lrp", "shap"]
    found = study_figures.overlap(frame(DICE, *rows), "chest", methods)
    rules = {"equal area": {"selection": "top-area"}, "Otsu": {"selection": "otsu"}}
    assert study_figures.ranking(found, rules)["mean IoU"].to_dict() == {
        "equal area": "lrp 0.30 > (shap 0.20) > cam 0.10",
        "Otsu": "cam 0.40",
    }


def test_strongest_cases_are_of_different_patients():
    weights = np.zeros((5, 2, 2))
    weights[:, 1, 0] = [1, 5, 4, 3, 2]
    assert study_figures.strongest(weights, ["a", "b", "b", "c", "a"]) == [1, 3, 4]
    assert study_figures.strongest(weights, ["a", "b", "b", "c", "a"], count=1) == [1]
