"""Layers that a study names are those of its network: an inherited one of another network is left
out, with a word; an own one refused.
"""

import copy

import pytest

from regard.core import project
from regard.models import backbones
from regard.pipeline import layers, settings


@pytest.fixture
def params(root):
    return project.parameters(root)


def mine(params, train=None, **entries):
    params["studies"]["mine"] = {
        "like": "ultrasound",
        "root": "real/mine",
        "train": train or {},
    } | entries
    return params


SQUEEZENET = {"backbone": "squeezenet1_0", "width": 1.0}


def test_a_study_like_another_has_its_layers_as_long_as_it_has_its_network(params):
    own = project.settings("mine", "attribute", mine(params, {"epochs": 3}))
    assert own["methods"]["grad-cam@block4"] == {"layer": "features.38"} and "left_out" not in own
    settings.study("mine", params)


@pytest.mark.parametrize("backbone", ["squeezenet1_0", "vgg16_bn", "resnet18", "densenet121"])
def test_a_layer_of_another_network_is_left_out_and_said(params, backbone):
    """Also where the other network has a layer of that name: it is another place (vgg16_bn's
    features.38 is in its fifth block).
    """
    mine(params, {"backbone": backbone, "width": 1.0})
    before = copy.deepcopy(params)
    own = project.settings("mine", "attribute", params)
    assert params == before
    assert set(project.settings("ultrasound", "attribute", params)["methods"]) - set(
        own["methods"]
    ) == {"grad-cam@block4"}
    (why,) = own["left_out"].values()
    assert all(said in why for said in ("features.38", "vgg19_bn", backbone))
    settings.study("mine", params)


def test_what_the_profile_names_counts_as_the_study_s(params):
    mine(params, profiles={params["profile"]: {"train": SQUEEZENET}})
    assert "grad-cam@block4" in project.settings("mine", "attribute", params)["left_out"]
    settings.study("mine", params)


def test_lists_of_maps_forget_what_is_left_out(params):
    params["studies"]["ultrasound"]["attribute"]["tuned"] = ["grad-cam@block4", "gradient"]
    params["studies"]["ultrasound"]["select"] = {"swept": ["grad-cam@block4"]}
    mine(params, SQUEEZENET)
    assert project.settings("mine", "attribute", params)["tuned"] == ["gradient"]
    assert project.settings("mine", "select", params)["swept"] == []
    settings.study("mine", params)


@pytest.mark.parametrize(
    "layer", ["features.38", "features", "features.12.squeeze", "pool", "head"]
)
def test_a_layer_that_the_study_itself_names_is_checked(params, layer):
    mine(params, SQUEEZENET, attribute={"methods": {"grad-cam@block4": {"layer": layer}}})
    network = backbones.build("squeezenet1_0", 2)
    if layer in dict(network.features.named_modules(prefix="features")):
        settings.study("mine", params)
        return
    with pytest.raises(
        ValueError, match=f"study 'mine', attribute: 'grad-cam@block4' names the layer '{layer}'"
    ) as error:
        settings.study("mine", params)
    assert "squeezenet1_0" in str(error.value) and "`grad-cam@block4: null`" in str(error.value)
    params["studies"]["mine"]["attribute"]["methods"]["grad-cam@block4"] = None
    settings.study("mine", params)
    assert "left_out" not in project.settings("mine", "attribute", params), (
        "left out by the study, and not by us"
    )


def test_layers_of_clusters_are_checked_and_not_inherited_by_another_network(params):
    params["clusters"]["studies"] = ["prostate", "mine"]
    mine(params, SQUEEZENET, like="prostate")
    assert project.settings("mine", "clusters", params)["earlier"] == ""
    settings.study("mine", params)
    params["studies"]["mine"]["clusters"] = {"earlier": "features.32"}
    with pytest.raises(ValueError, match="clusters: `earlier` names the layer 'features.32'"):
        settings.study("mine", params)


def test_studies_without_a_layer_build_no_network(monkeypatch):
    monkeypatch.setattr(backbones, "build", lambda *_, **__: pytest.fail("built"))
    layers.check(
        {"methods": {"grad-cam": {}}},
        {"backbone": "vgg19_bn"},
        {"layer": "features", "earlier": ""},
    )
