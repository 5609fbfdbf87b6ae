"""What a study's settings get wrong: one sentence that names study and setting, before anything is
read.
"""

import copy
import re

import pytest
import yaml
from here import ROOT
from pages import blocks

from regard.claims.papers import PUBLISHED
from regard.claims.verdicts import TESTED_FROM
from regard.core import project
from regard.pipeline import settings

LABELS = {
    "study": "s",
    "labels": ["no", "yes"],
    "excluded_labels": [],
    "findings": [],
    "structures": ["tumour"],
    "expert": "tumour",
    "regions": "structures",
    "shortcut": 0,
    "shortcut_finding": "",
}
FINDINGS = LABELS | {
    "labels": [],
    "findings": ["a", "b"],
    "structures": ["a", "b"],
    "expert": "finding",
    "regions": "findings",
}


def test_what_a_study_tells_apart():
    assert settings.targets(LABELS) == (["no", "yes"], "label")
    assert settings.targets(FINDINGS | {"shortcut_finding": "b"}) == (["a", "b"], "findings")
    assert settings.targets(FINDINGS | {"regions": "structures", "expert": "a+b"})[1] == "findings"


@pytest.mark.parametrize(
    "base, change, message",
    [
        (LABELS, {"labels": [0, 1]}, "`labels` must be a list of names"),
        (LABELS, {"labels": "yes"}, "`labels` must be a list of names"),
        (LABELS, {"structures": "tumour"}, "`structures` must be a list"),
        (LABELS, {"structures": []}, "`structures` is empty"),
        (LABELS, {"structures": ["tumour", "tumour"]}, "`structures` names something twice"),
        (LABELS, {"structures": ["other"]}, "cannot be called 'other'"),
        (LABELS, {"structures": ["a+b"]}, "cannot be called 'a[+]b'"),
        (LABELS, {"structures": ["m/../x"]}, "cannot be called 'm/../x'"),
        (LABELS, {"labels": ["no"]}, "must be two or more"),
        (LABELS, {"regions": "structure"}, "`regions` is 'structure'; known are mass"),
        (LABELS, {"regions": "mass", "structures": ["a", "b"]}, "around one structure, not a, b"),
        (
            LABELS,
            {"expert": "tumor"},
            "expert: 'tumor' has no region 'tumor'; known are tumour, other",
        ),
        (LABELS, {"shortcut": "0.9"}, "`shortcut` must be a number"),
        (FINDINGS, {"findings": ["a", "patient"]}, "cannot be called 'patient'"),
        (LABELS, {"findings": ["a"]}, "either `labels` or `findings`"),
        (LABELS, {"labels": []}, "either `labels` or `findings`"),
        (LABELS, {"expert": ""}, "`expert` is empty"),
        (LABELS, {"expert": "finding"}, "go together"),
        (LABELS, {"expert": "finding", "regions": "findings"}, "this one has `labels`"),
        (LABELS, {"shortcut_finding": "maybe"}, "`shortcut_finding` is 'maybe'; known are no, yes"),
        (FINDINGS, {"excluded_labels": ["x"]}, "`excluded_labels` goes with `labels`"),
        (FINDINGS, {"structures": ["a"]}, "lacks the finding 'b'"),
    ],
)
def test_settings_that_contradict_themselves_are_named(base, change, message):
    with pytest.raises(ValueError, match=f"study 's', prepare.*{message}"):
        settings.targets(base | change)


@pytest.mark.parametrize("name", sorted(project.parameters()["studies"]))
def test_the_studies_that_ship_are_right(name):
    settings.study(name)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"compare": {"together": "mass+belw"}},
            "together: 'mass[+]belw' has no region 'belw'; known are mass, peri",
        ),
        ({"published": "byra"}, "study 'mine' has published 'byra'; known are byra-2022"),
        ({"prepare": {"findings": ["a", "b"]}}, "either `labels` or `findings`"),
    ],
)
def test_a_study_like_another_is_checked_as_a_whole(change, message):
    params = copy.deepcopy(project.parameters())
    params["studies"]["mine"] = {"like": "ultrasound"} | change
    with pytest.raises((KeyError, ValueError), match=message):
        settings.study("mine", params)


def test_the_studies_that_the_guides_write_are_right():
    written = [yaml.safe_load(block) for _, block in blocks("yaml")]
    assert len(written) == 5
    for entry in written:
        params = copy.deepcopy(project.parameters())
        params["studies"] |= entry
        for name in entry:
            settings.study(name, params)


@pytest.mark.parametrize(
    "entry, message",
    [
        ({"trian": {"epochs": 1}}, "has no knob 'trian'; did you mean 'train'"),
        ({"train": {"epoch": 3}}, "train has no knob 'epoch'; did you mean 'epochs'"),
        ({"prepare": {"structure": ["mass"]}}, "did you mean 'structures'"),
        ({"compare": {"zzz": 1}}, "'zzz'; known are around, draws"),
        (
            {"profiles": {"full": {"train": {"epoch": 3}}}},
            "profiles, full, train has no knob 'epoch'; did you mean 'epochs'",
        ),
        ({"profiles": {"full": {"epochs": 3}}}, "profiles, full has no knob 'epochs'"),
    ],
)
def test_a_misspelt_knob_is_refused(entry, message):
    params = copy.deepcopy(project.parameters(ROOT))
    params["studies"]["mine"] = {"like": "chest", "root": "real/mine", "train": {"epochs": 1}}
    settings.study("mine", params)
    params["studies"]["mine"] |= entry
    with pytest.raises(KeyError, match=re.escape(message)):
        settings.study("mine", params)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": {"lime2": {}}}, "`methods` has no 'lime2'; known are gradient"),
        ({"nulls": {"noise": {}}}, "`nulls` has no 'noise'; known are ones"),
        ({"presets": ["alam2023"]}, "`presets` has no 'alam2023'; known are alam-2023"),
        ({"nulls": ["ones"]}, "`nulls` must be a block"),
        (
            {"methods": {"lrp-epsilon": {"epsilonn": 1}}},
            "'lrp-epsilon' has no parameter 'epsilonn'; known are epsilon, relative",
        ),
        (
            {"nulls": {"edges": {"chanel": "mean"}}},
            "'edges' has no parameter 'chanel'; known are channel",
        ),
        ({"methods": {"lime": 5}}, "'lime' must be a block of parameters"),
        ({"subset": -1}, "`subset` must be a whole number of test cases"),
        ({"memory": 0}, "`memory` must be a positive number"),
        ({"tuned": ["ones"]}, "`tuned` has no map 'ones'"),
        ({"tuned": ["lime"]}, "'lime' explains a subset of the cases and cannot be `tuned`"),
        ({"precision": "float16"}, "`precision` must be one of auto, float32, bfloat16"),
        ({"methods": {"grad-cam@": {}}}, "'grad-cam@' needs a label of its own"),
        (
            {"methods": {"lime@alam-2023": {}}, "presets": ["alam-2023"]},
            "'lime@alam-2023' needs a label of its own",
        ),
        ({"tuned": ["gradcam"]}, "`tuned` has no map 'gradcam'; those of this study are gradient"),
        (
            {"methods": {"grad-cam@early": {"layr": "x"}}},
            "'grad-cam@early' has no parameter 'layr'; known are relu",
        ),
    ],
)
def test_what_attribution_cannot_do_is_said_before_anything_is_trained(change, message):
    params = project.parameters()
    params["studies"]["ultrasound"]["attribute"] = change
    with pytest.raises(ValueError, match=message):
        settings.study("ultrasound", params)


@pytest.mark.parametrize("count", [-1, 2.5, True, "all"])
def test_a_number_of_patients_to_explain_is_a_number(count):
    params = project.parameters()
    params["studies"]["chest"]["train"] |= {"explained": count}
    with pytest.raises(
        ValueError,
        match="study 'chest', train: `explained` must be a whole number of test patients",
    ):
        settings.study("chest", params)


@pytest.mark.parametrize(
    ("study", "stage", "change", "message"),
    [
        (
            "chest",
            "train",
            {"blanks": ["minus"]},
            "`blanks` must be a list of ignore, zeros or ones, not .'minus'.",
        ),
        (
            "chest",
            "compare",
            {"around": {"ring": [2.0]}},
            "`around` is for `regions: mass`, not 'findings'",
        ),
        ("ultrasound", "compare", {"around": {"depth": [1]}}, "compare.around has no 'depth'"),
        ("chest", "select", {"shares": [5]}, "`shares` must be a list of shares"),
        (
            "chest",
            "examine",
            {"patients": "all"},
            "`patients` must be a whole number of test patients",
        ),
        (
            "chest",
            "compare",
            {"primary": {"selection": "otzu"}},
            "`primary.selection` is 'otzu'.*'pointing' it may be ''",
        ),
        (
            "chest",
            "compare",
            {"primary": {"score": "iou"}},
            "`primary.selection` is ''.*may be .*'otsu'",
        ),
        ("chest", "compare", {"primary": {"region": "mass"}}, "`primary.region` is 'mass'"),
        (
            "chest",
            "compare",
            {"primary": {"score": "dice", "selection": "otsu"}},
            "`primary.score` is 'dice'",
        ),
        (
            "chest",
            "compare",
            {"primary": {"score": "iou", "selection": "relative-max@tuned"}},
            "is 'relative-max@tuned'",
        ),
        (
            "chest",
            "compare",
            {"primary": {"first": "camm"}},
            "`primary.first` is 'camm'.*'grad-cam'",
        ),
        (
            "chest",
            "compare",
            {"primary": {"stratum": "incorrect"}},
            "`primary.stratum` is 'incorrect'.*'all' or 'correct'",
        ),
        (
            "chest",
            "select",
            {"selections": {"otsu": {"of": ["signed"]}}},
            "'otsu': parameter 'of' must be one of",
        ),
        (
            "chest",
            "attribute",
            {"methods": {"grad-cam": {"layer": []}}},
            "parameter 'layer' must be the name of a layer",
        ),
        (
            "chest",
            "attribute",
            {"methods": {"grad-cam": {"layer": 0}}},
            "parameter 'layer' must be the name of a layer",
        ),
    ],
)
def test_what_later_stages_cannot_do_is_said_first(study, stage, change, message):
    params = project.parameters()
    params["studies"][study].setdefault(stage, {}).update(change)
    with pytest.raises(ValueError, match=message):
        settings.study(study, params)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"profile": ["quick"]}, "`profile` must be the name of a profile"),
        ({"profile": {}}, "`profile` must be the name of a profile"),
        ({"seed": "one"}, "`seed` must be a whole number"),
        ({"seed": None}, "`seed` must be a whole number"),
    ],
)
def test_what_holds_for_all_studies_has_its_type(change, message):
    with pytest.raises(ValueError, match=message):
        settings.study("chest", project.parameters() | change)


@pytest.mark.parametrize("like", [["chest"], {}, 5])
def test_a_study_is_like_one_that_has_a_name(like):
    params = project.parameters()
    params["studies"]["chest"]["like"] = like
    with pytest.raises(ValueError, match="study 'chest': `like` must be the name of a study"):
        settings.study("chest", params)


def test_the_profile_that_is_not_set_is_checked_too():
    params = project.parameters()
    params["studies"]["chest"]["profiles"]["full"]["train"] = {"epochs": "many"}
    with pytest.raises(ValueError, match="`epochs` must be .* .in the profile 'full'."):
        settings.study("chest", params)
    with pytest.raises(ValueError, match="`epochs` must be .*'many'$"):
        settings.study("chest", params | {"profile": "full"})


def test_the_full_profile_explains_all_test_cases_of_every_study():
    """And by LIME and SHAP, where a paper ranks these, those of as many patients as a claim needs,
    or more.
    """
    params = project.parameters() | {"profile": "full"}
    for name in params["studies"]:
        assert project.settings(name, "train", params)["explained"] == 0
        ranked = [
            told["row"]["second"]
            for told in PUBLISHED.get(params["studies"][name].get("published"), {}).get(
                "orders", []
            )
        ]
        if any(second.startswith(("lime", "shap")) for second in ranked):
            assert project.settings(name, "attribute", params)["subset"] > TESTED_FROM


def test_a_cam_of_a_max_pool_is_refused():
    params = project.parameters()
    params["studies"]["prostate"]["attribute"] = {}
    with pytest.raises(ValueError, match="cam needs `pool: avg`, not 'max'"):
        settings.study("prostate", params)


def test_a_method_misspelt_for_all_studies_is_refused():
    params = project.parameters()
    params["attribute"]["methods"]["grad-camm"] = {}
    with pytest.raises(ValueError, match="`methods` has no 'grad-camm'"):
        settings.study("ultrasound", params)
