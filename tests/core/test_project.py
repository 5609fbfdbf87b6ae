"""Settings of a study: what overrides what, and that studies do not see one another."""

import copy

import pytest
import yaml

from regard.core import project

PARAMS = {
    "profile": "quick",
    "seed": 3,
    "profiles": {"quick": {}, "full": {"train": {"epochs": 20, "patience": 20, "pool": "profile"}}},
    "compare": {},
    "train": {
        "epochs": 10,
        "patience": 10,
        "pool": "block",
        "width": 1,
        "methods": {"cam": {"relu": False}},
    },
    "select": {"areas": [0.1, 0.2]},
    "studies": {
        "base": {"root": "data/base", "train": {"pool": "base", "patience": 30}},
        "middle": {"like": "base", "root": "data/middle"},
        "top": {
            "like": "middle",
            "train": {"pool": "top", "methods": {"cam": {"relu": True}}},
            "select": {"areas": [0.5]},
        },
        "bare": {"root": "data/bare"},
    },
}


def params(**change):
    return copy.deepcopy(PARAMS) | change


def studies(**more):
    return params(studies=copy.deepcopy(PARAMS["studies"]) | more)


@pytest.mark.parametrize(
    "profile, study, epochs, patience, pool",
    [
        ("quick", "bare", 10, 10, "block"),
        ("full", "bare", 20, 20, "profile"),
        ("quick", "base", 10, 30, "base"),
        ("full", "base", 20, 30, "base"),
        ("full", "middle", 20, 30, "base"),
        ("full", "top", 20, 30, "top"),
    ],
)
def test_blocks_then_profile_then_like_then_study(profile, study, epochs, patience, pool):
    """Each wins over those before it, entry by entry: what it does not name stays."""
    found = project.settings(study, "train", params(profile=profile))
    assert (found["epochs"], found["patience"], found["pool"], found["width"]) == (
        epochs,
        patience,
        pool,
        1,
    )
    assert (found["study"], found["seed"], found["profile"]) == (study, 3, profile)


def test_a_study_may_say_something_for_one_profile_alone():
    """It wins over what the study says for all, is handed down by `like`, and loses to what the
    later study says.
    """
    own = {
        "root": "r",
        "train": {"epochs": 5},
        "profiles": {"full": {"train": {"epochs": 7, "pool": "own"}}},
    }
    more = studies(own=own, after={"like": "own", "train": {"pool": "after"}})
    for profile, study, epochs, pool in [
        ("quick", "own", 5, "block"),
        ("full", "own", 7, "own"),
        ("full", "after", 7, "after"),
    ]:
        found = project.settings(study, "train", more | {"profile": profile})
        assert (found["epochs"], found["pool"]) == (epochs, pool)
        assert "profiles" not in project.study(study, more | {"profile": profile})
    with pytest.raises(KeyError, match="study 'own' has no profile 'fast'; known are"):
        project.settings("own", "train", studies(own=own | {"profiles": {"fast": {}}}))


@pytest.mark.parametrize(
    "study, root", [("base", "data/base"), ("middle", "data/middle"), ("top", "data/middle")]
)
def test_a_root_is_handed_down_the_chain(study, root):
    assert project.settings(study, "select", PARAMS)["root"] == root


def test_blocks_merge_and_lists_are_replaced():
    found = project.study("top", PARAMS)
    assert found["train"]["methods"] == {"cam": {"relu": True}} and found["select"]["areas"] == [
        0.5
    ]
    assert project.settings("base", "train", PARAMS)["methods"] == {"cam": {"relu": False}}
    assert not {"studies", "profiles", "like"} & set(found)


def test_a_stage_is_told_nothing_of_the_other_stages():
    assert set(project.settings("top", "select", PARAMS)) == {
        "study",
        "root",
        "seed",
        "profile",
        "areas",
    }


def test_resolving_changes_no_parameter():
    before = params()
    for study in before["studies"]:
        project.settings(study, "train", before)
    assert before == PARAMS


@pytest.mark.parametrize(
    "change",
    [
        studies(new={"like": "top", "train": {"epochs": 1}}),
        studies(base=PARAMS["studies"]["base"], top={"train": {"epochs": 1}, "root": "elsewhere"}),
        params(profiles=PARAMS["profiles"] | {"slow": {"train": {"epochs": 99}}}),
    ],
)
def test_another_study_or_profile_changes_nothing(change):
    """Added, or changed where the study is not `like` it."""
    for study in ("base", "middle", "bare"):
        for stage in ("train", "select"):
            assert project.settings(study, stage, change) == project.settings(study, stage, PARAMS)


def test_a_change_reaches_all_that_are_like_it():
    changed = studies(base={"root": "data/base", "train": {"width": 7}})
    assert [project.settings(study, "train", changed)["width"] for study in PARAMS["studies"]] == [
        7,
        7,
        7,
        1,
    ]


@pytest.mark.parametrize(
    "loop",
    [
        {"a": {"like": "a"}},
        {"a": {"like": "b"}, "b": {"like": "c"}, "c": {"like": "a"}},
        {"a": {"like": "b"}, "b": {"like": "c"}, "c": {"like": "b"}},
    ],
)
def test_a_circle_of_likes_is_refused(loop):
    with pytest.raises(ValueError, match=" -> ".join(loop)):
        project.study("a", studies(**loop))
    assert project.study("top", studies(**loop)) == project.study("top", PARAMS), (
        "the others do not mind"
    )


@pytest.mark.parametrize(
    "study, stage, params, message",
    [
        ("nobody", "train", PARAMS, "no study 'nobody'; known are .*'bare', 'base'"),
        ("a", "train", studies(a={"like": "nobody"}), "no study 'nobody'"),
        ("base", "train", params(profile="slow"), "profile 'slow' is not one of .*'full', 'quick'"),
        ("base", "tarin", PARAMS, "no block for stage 'tarin'"),
        ("base", "seed", PARAMS, "no block for stage 'seed'"),
        ("base", "studies", PARAMS, "no block for stage 'studies'"),
    ],
)
def test_unknown_names_are_refused_and_named(study, stage, params, message):
    with pytest.raises(KeyError, match=message):
        project.settings(study, stage, params)


def test_the_nearest_folder_with_dvc_yaml_is_the_root(tmp_path, monkeypatch):
    deep = tmp_path / "outer" / "inner" / "deep"
    deep.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="dvc.yaml"):
        project.root(deep)
    (tmp_path / "outer" / "dvc.yaml").touch()
    assert project.root(deep) == tmp_path / "outer"
    (tmp_path / "outer" / "inner" / "dvc.yaml").touch()
    assert project.root(deep) == project.root(deep / "absent") == tmp_path / "outer" / "inner"
    (deep / "dvc.yaml").mkdir()
    assert project.root(str(deep)) == tmp_path / "outer" / "inner", (
        "a folder of that name does not count"
    )
    monkeypatch.chdir(tmp_path / "outer")
    assert project.root() == tmp_path / "outer"


def test_parameters_are_read_from_the_root(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert project.parameters() == project.parameters(tmp_path) == PARAMS
    assert project.settings("top", "train") == project.settings("top", "train", PARAMS)


def test_every_study_of_the_project_resolves_in_every_profile(root):
    known = project.parameters(root)
    for profile in known["profiles"]:
        for study in known["studies"]:
            for stage in ("prepare", "train", "attribute", "select", "compare"):
                found = project.settings(study, stage, known | {"profile": profile})
                assert found["study"] == study and found["profile"] == profile and found["root"]


def test_a_paper_is_named_once_and_the_stage_that_compares_is_told():
    known = studies(mine={"root": "data/mine", "published": "byra-2022"})
    assert project.settings("mine", "compare", known)["published"] == "byra-2022"
    assert project.settings("bare", "compare", known)["published"] == ""
    assert "published" not in project.settings("mine", "train", known), (
        "a claim that is added retrains nothing"
    )
