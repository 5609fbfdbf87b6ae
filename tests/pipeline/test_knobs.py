"""Every knob of params.yaml has a type, a range and choices; what is none of them is refused in one
sentence.
"""

import copy
import inspect
import math

import pytest

from regard import cli
from regard.attribution import METHODS, NULLS
from regard.core import columns, project
from regard.models import training
from regard.pipeline import kinds, knobs
from regard.pipeline import settings as checks
from regard.selection import SELECTIONS

PARAMS = project.parameters()
EVERY = [(stage, knob) for stage in checks.STAGES for knob in PARAMS[stage]]
NESTED = [
    (stage, knob, inner)
    for stage, knob in EVERY
    if isinstance(PARAMS[stage][knob], dict)
    and knobs.STAGES[stage].get(knob) not in (kinds.Methods,)
    for inner in PARAMS[stage][knob]
    if (stage, knob) not in (("select", "sweep"), ("compare", "around"))
]
FREE = {
    "baseline",
    "fill",
    "l1_reg",
    "layer",
    "model",
    "targets",
    "prior",
}  # parameters of other kinds, checked where they are used


def told(stage: str, study: str = "ultrasound") -> dict:
    return project.settings(study, stage, copy.deepcopy(PARAMS))


def refused(stage: str, settings: dict) -> str:
    with pytest.raises(ValueError) as caught:
        knobs.check(settings, stage)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"params.yaml: study 'ultrasound', {stage}: ")
    return message


def test_every_knob_has_an_entry_and_every_entry_is_a_knob():
    assert {stage: set(PARAMS[stage]) for stage in checks.STAGES} == {
        stage: set(entries) for stage, entries in knobs.STAGES.items()
    }


@pytest.mark.parametrize("profile", sorted(PARAMS["profiles"]))
def test_what_is_committed_is_taken(profile):
    for study in PARAMS["studies"]:
        for stage in checks.STAGES:
            knobs.check(project.settings(study, stage, PARAMS | {"profile": profile}), stage)


@pytest.mark.parametrize("stage, knob", EVERY, ids=lambda part: part)
def test_every_knob_refuses_what_it_is_not(stage, knob):
    """Another type, no number, and true for a number: each message names study, stage, knob and
    value.
    """
    own = PARAMS[stage][knob]
    wrong = [object(), None]
    if isinstance(own, bool):
        wrong += [1, "true", []]
    elif isinstance(own, int | float):
        wrong += ["5", True, math.nan, math.inf, -1, [own]]
    elif isinstance(own, str):
        wrong += [5, True, 1.5, [own]]
    elif isinstance(own, list):
        wrong += ["text", [[own]], {"a": 1}, [None]]
    else:
        wrong += ["text", 5, [own]]
    if not isinstance(own, dict):
        wrong += [{"deep": {1: 2}}]
    if (
        isinstance(own, int)
        and not isinstance(own, bool)
        and "share" not in knobs.STAGES[stage][knob].__metadata__[0].description
    ):
        wrong += [1.5]
    for value in wrong:
        message = refused(stage, told(stage) | {knob: value})
        assert f"`{knob}` must be " in message and f"not {knobs.quoted(value)[:60]}" in message


@pytest.mark.parametrize("stage, knob, inner", NESTED, ids=lambda part: part)
def test_every_knob_within_a_knob_refuses_what_it_is_not(stage, knob, inner):
    for value in (object(), None, [1]):
        message = refused(stage, told(stage) | {knob: told(stage)[knob] | {inner: value}})
        assert f"`{knob}.{inner}` must be " in message


@pytest.mark.parametrize("stage, knob", EVERY, ids=lambda part: part)
def test_a_knob_that_is_missing_is_named(stage, knob):
    settings = told(stage)
    del settings[knob]
    assert f"`{knob}` is missing (null takes a setting away); it must be " in refused(
        stage, settings
    )


@pytest.mark.parametrize(
    "stage, change, said",
    [
        (
            "prepare",
            {"size": 31},
            "`size` must be a whole number of pixels from 32 to 4096, not 31",
        ),
        (
            "prepare",
            {"shortcut": 0.5},
            "`shortcut` must be 0 for none, or a share above 0.5 and up to 1, not 0.5",
        ),
        (
            "prepare",
            {"regions": "masses"},
            "`regions` must be one of mass, structures, findings, not 'masses'",
        ),
        ("train", {"epochs": 0}, "`epochs` must be a positive whole number, not 0"),
        (
            "train",
            {"folds": 1},
            "`folds` must be 0 for none, or a whole number of folds, 2 or more, not 1",
        ),
        (
            "train",
            {"learning_rate": "1e-3"},
            "not the text '1e-3' (a number has no quotes, and a point before its e",
        ),
        ("train", {"backbone": "vgg"}, "`backbone` must be one of vgg16, "),
        ("train", {"range": [1, 0]}, "`range` must be a list of two rising numbers"),
        ("train", {"mean": [0.5, 0.5]}, "`mean` must be a number, or a list of one or three"),
        ("attribute", {"memory": 0}, "`memory` must be a positive number of gigabytes, not 0"),
        ("select", {"shares": [0.1, 5]}, "above 0 and up to 1, not [0.1, 5], for 5 in it"),
        ("select", {"shares": []}, "`shares` must be a list"),
        ("examine", {"levels": 1}, "`levels` must be a whole number, 2 or more, not 1"),
        (
            "examine",
            {"shares": [1]},
            "`shares` must be a list of shares of the pixels, above 0 and below 1",
        ),
        ("compare", {"flips": 0}, "`flips` must be a positive whole number, not 0"),
        ("compare", {"tolerances": [-1]}, "`tolerances` must be a list of numbers of pixels"),
        (
            "compare",
            {"around": {"ring": [0]}},
            "`around` must be a block of lists of factors above 0",
        ),
        ("units", {"draws": 999}, "`draws` must be a whole number, 1000 or more"),
        (
            "clusters",
            {"occlusion": {"window": 0.1, "stride": 0.2}},
            "`stride` must not be larger than `window`",
        ),
        ("clusters", {"sweep": [4, 0]}, "not [4, 0], for 0 in it"),
    ],
)
def test_ranges_choices_and_what_a_message_says(stage, change, said):
    assert said in refused(stage, told(stage) | change)


def test_a_long_value_is_cut_and_a_misspelt_inner_knob_is_guessed():
    message = refused("train", told("train") | {"epochs": list(range(500))})
    assert len(message) < 250 and message.endswith("...")
    augment = told("train")["augment"]
    assert "`augment` has no 'shfit'; did you mean 'shift'?" in refused(
        "train", told("train") | {"augment": augment | {"shfit": 1}}
    )
    primary = told("compare")["primary"]
    assert "did you mean 'stratum'?" in refused(
        "compare", told("compare") | {"primary": primary | {"startum": "all"}}
    )
    knobs.check(told("compare") | {"primary": primary | {"first": "grad-cam"}}, "compare")


def test_choices_are_those_of_the_code():
    assert set(knobs.OF_PAIRS) | set(knobs.PRIMARY) <= set(columns.PAIRS)
    for blank in training.BLANKS:
        knobs.check(told("train") | {"blank": blank, "blanks": [*training.BLANKS]}, "train")


def test_every_parameter_of_methods_null_maps_and_selections_has_a_range():
    for functions in (METHODS, NULLS, SELECTIONS):
        for function in functions.values():
            for name, one in inspect.signature(function).parameters.items():
                if one.default is inspect.Parameter.empty or name in FREE:
                    continue
                if one.default is not None:
                    knobs.check_parameters("defaults", {name: one.default})
                with pytest.raises(ValueError, match=f"parameter '{name}' must be "):
                    knobs.check_parameters("wrong", {name: object()})


@pytest.mark.parametrize(
    "path, value, said",
    [
        (("atribute",), {}, "params.yaml has no block 'atribute'; did you mean 'attribute'?"),
        (("profiles", "quick", "trian"), {}, "profiles, quick has no knob 'trian'; did you mean 'train'?"),
        (("profiles", "full", "train", "epoch"), 1, "profiles, full, train has no knob 'epoch'; did you mean 'epochs'?"),
        (("profiles", "quick"), [1], "profiles, quick is [1], where a block"),
        (("studies", "chest"), None, "study 'chest' is empty; it needs a `root`"),
        (("studies", "chest"), 5, "study 'chest' is 5, where a block"),
        (("studies", "ultrasound", "train"), None, "study 'ultrasound', train is empty: take the line out"),
        (("studies", "ultrasound", "profiles"), {"quick": 5}, "study 'ultrasound', profiles, quick is 5"),
        (("studies",), {}, "`studies` names no study"),
        (("train",), 5, "train is 5, where a block"),
        (("units", "studies"), ["nobody"], "units: `studies` names 'nobody'"),
        (("attribute", "methods", "occlusion", "window"), 0.01, "`stride` must not be larger than `window`"),
        (("attribute", "methods", "lrp-epsilon", "epsilon"), -1.0, "'lrp-epsilon': parameter 'epsilon' must be a number, 0 or more"),
        (("attribute", "nulls", "edges", "channel"), "blue", "'edges': parameter 'channel' must be one of mean, haematoxylin"),
        (("select", "selections", "kmeans", "k"), 1, "select: 'kmeans': parameter 'k' must be a whole number of groups, 2 or more"),
        (("select", "sweep", "kmeans", "k"), [1], "select: 'kmeans k=1': parameter 'k' must be a whole number of groups"),
        (("seed",), "x", "`seed` must be a whole number, 0 or more, not 'x'"),
        (("studies", "ultrasound", "root"), 7, "`root` must be text that is not empty, not 7"),
    ],
)  # fmt: skip
def test_the_file_as_a_whole_is_checked_before_anything_runs(path, value, said):
    params = copy.deepcopy(PARAMS)
    block = params
    for name in path[:-1]:
        block[name] = block.get(name) or {}
        block = block[name]
    block[path[-1]] = value
    with pytest.raises((KeyError, ValueError)) as caught:
        checks.study("ultrasound", params)
    assert said in caught.value.args[0]


def test_a_block_that_is_missing_is_named():
    for name in ("train", "profiles", "studies", "seed"):
        params = copy.deepcopy(PARAMS)
        del params[name]
        with pytest.raises(KeyError, match=f"params.yaml has no block '{name}'"):
            checks.study("ultrasound", params)


def test_the_command_says_it_in_one_line(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    text = (root / "params.yaml").read_text(encoding="utf-8")
    for before, after, said in (
        (
            "  levels: 3",
            "  levels: 1",
            "examine: `levels` must be a whole number, 2 or more, not 1",
        ),
        ("  flips: 60000", "  flips: 0", "compare: `flips` must be a positive whole number, not 0"),
        ("  levels: 3", "  levels: 3\n  levels: 4", "'levels' is named twice in one block"),
        (
            "studies:  ",
            "studies_:  ",
            "params.yaml has no block 'studies_'; did you mean 'studies'?",
        ),
    ):
        (tmp_path / "params.yaml").write_text(text.replace(before, after, 1), encoding="utf-8")
        with pytest.raises(SystemExit) as stopped:
            cli.main(["settings", "build/settings"])
        assert said in stopped.value.code and "\n" not in stopped.value.code
        assert not (tmp_path / "build/settings").exists()
