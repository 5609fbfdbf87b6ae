"""Stage compare: what it reads, its further questions and its tables, on two small cases."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from regard.core.columns import SUMMARY
from regard.evaluation import localisation
from regard.figures import style
from regard.pipeline import compare, folders

SETTINGS = {
    "published": "",
    "profile": "quick",
    "seed": 1,
    "together": "",
    "around": {},
    "readings": "",
    "tolerances": [0],
    "primary": {"score": "pointing", "region": "", "selection": "", "stratum": "all"},
    "shown": ["cam"],
    "draws": 100,
    "flips": 100,
}
MASS = np.zeros((8, 8), bool)
MASS[2:4, 2:4] = True


class InMemory(compare.Inputs):
    """Inputs whose regions are not on disk."""

    def drawn(self, case):
        return {"mass": MASS, "other": ~MASS}


@pytest.fixture
def inputs(tmp_path):
    """Two cases of two patients; `cam` points into the mass of the first alone, `ones` nowhere."""
    heat = np.zeros((2, 8, 8), np.float32)
    heat[0, 2, 2] = heat[1, 6, 6] = 1
    kinds = {"cam": "method", "ones": "null"}
    maps = xr.Dataset(
        {
            name: (("map", "y", "x"), values, {"kind": kinds[name]})
            for name, values in (("cam", heat), ("ones", np.ones_like(heat)))
        },
        {"map": ["a malignant", "b malignant"]},
        {"size": 8, "data": "made", "model": "m"},
    )
    variants = {"otsu": {"method": "otsu", "parameters": {}}}
    selected = xr.Dataset(
        {
            name: (("selection", "map", "y", "x"), (maps[name] > 0).to_numpy()[None])
            for name in maps
        },
        {"map": maps["map"], "selection": ["otsu"]},
        {"variants": json.dumps(variants)},
    )
    explained = pd.DataFrame(
        {
            "case": ["a", "b"],
            "patient": ["p", "q"],
            "target": "malignant",
            "target_role": "predicted",
            "label": ["malignant", "benign"],
            "correct": [True, False],
        }
    )
    sizes = {"height": [8, 8], "width": [8, 8], "patient": ["p", "q"]}
    cases = pd.DataFrame(sizes, index=["a", "b"])
    regions = {
        "names": ["mass", "other"],
        "expert": "mass",
        "rule": "structures",
        "drawn": ["mass"],
    }
    stage = folders.Stage("s", tmp_path, tmp_path, by_hand=False)
    target, role = "each case's own", "predicted"
    return InMemory(
        stage, SETTINGS, maps, [selected], explained, explained, target, role, cases, regions
    )


def test_what_follows_from_the_inputs(inputs):
    assert inputs.methods == ["cam"] and inputs.nulls == ["ones"] and not inputs.slow
    assert inputs.main_method == "cam" and inputs.claimed_region == "mass" and not inputs.unions
    assert inputs.headline_settings == {"otsu": ""} and inputs.paper == {}
    assert inputs.first_tolerance == localisation.named(0) and inputs.pixel_mm("a") is None


def test_scores_means_and_hit_rates_by_hand(inputs):
    """One of two maxima lies in the mass, which takes 4 of 64 pixels."""
    scores = compare.score_cases(inputs)
    hits = scores[(scores["score"] == "pointing") & (scores["region"] == "mass")]
    assert hits[hits["method"] == "cam"]["value"].tolist() == [1.0, 0.0]
    overlap = scores[(scores["score"] == "iou") & (scores["method"] == "cam")]["value"]
    assert overlap.tolist() == [1 / 4, 0.0]
    summary = compare.summarise(inputs, scores)
    assert list(summary.columns) == SUMMARY
    table = compare.hit_rates(inputs, summary, 0).data
    assert table["mass"]["cam"].startswith("0.50") and table["mass"]["chance"] == "0.06"
    assert table["mass"]["maps"] == "2"
    assert compare.check(inputs, scores).endswith("none stands twice")
    with pytest.raises(AssertionError, match="stands twice"):
        compare.check(inputs, pd.concat([scores, scores]))


def test_every_question_has_a_table_of_the_study(inputs):
    scores, maxima = compare.score_cases(inputs), compare.maxima(inputs)
    np.testing.assert_allclose(maxima.places["cam"], [(2.5 / 8, 2.5 / 8), (6.5 / 8, 6.5 / 8)])
    for name in ("permuted", "border", "audit"):
        table = compare.QUESTIONS[name](inputs, scores, maxima)
        assert {"study", "data", "profile"} <= set(table.columns), name
    permuted = compare.QUESTIONS["permuted"](inputs, scores, maxima)
    row = permuted.query("method == 'cam' and region == 'mass' and stratum == 'all'").iloc[0]
    assert row["value"] == row["permuted"] == 0.5, "both patients have the same region"
    assert set(compare.QUESTIONS) == {"permuted", "border", "audit", "rebuilt"}


def test_what_a_study_lacks_is_a_sentence(inputs):
    summary = compare.summarise(inputs, compare.score_cases(inputs))
    nothing = pd.DataFrame()
    for shown in (
        compare.between_groups(nothing),
        compare.with_other_regions(nothing),
        compare.between_findings(inputs, summary),
        compare.over_parameters(inputs, summary),
        compare.with_tuned_thresholds(inputs, summary),
        compare.expert_ratings(inputs),
    ):
        assert len(shown) == 1 and isinstance(shown[0], str)


def test_pictures_are_written_where_the_stage_writes(inputs, capsys):
    figure, _ = style.panels(1, 1)
    compare.show(inputs, "a sentence", compare.Picture(figure, "drawn.svg", "nothing"))
    assert (inputs.stage.output / "drawn.svg").is_file()
    assert "a sentence" in capsys.readouterr().out
