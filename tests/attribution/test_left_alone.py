"""Explaining a network leaves it as it was, and gives the same map however it is held."""

import pytest
import torch
from heat_maps import ALL, Functional, classifier, maps_of, snapshot
from networks import BACKBONES, TARGETS, network
from torch import nn


@pytest.fixture(scope="module", params=BACKBONES)
def model(request):
    return network(request.param)


@pytest.fixture(scope="module")
def images():
    return torch.randn(
        4, 3, 48, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


def fail_late(model, backwards):
    """A hook that raises when the head is reached, on the way forwards or back."""

    def fail(module, given, output):
        if not backwards:
            raise RuntimeError("late")
        if output.requires_grad:
            output.register_hook(stop)

    def stop(gradient):
        raise RuntimeError("late")

    return model.head.register_forward_hook(fail)


@pytest.mark.parametrize("method", ALL)
def test_the_model_is_left_as_it_was_also_after_an_error(model, images, method):
    before, given = snapshot(model), images.clone()
    maps_of(model, images, TARGETS, method)
    for backwards in (False, True):
        hook = fail_late(model, backwards)
        try:
            maps_of(model, images, TARGETS, method, batch=4)
            assert backwards or method == "cam", (
                "cam asks for features alone; without gradients nothing fails on the way back"
            )
        except ValueError as error:  # of one sentence, whatever the model raised
            assert "late" in str(error) and "RuntimeError" in str(error)
        finally:
            hook.remove()
    after = snapshot(model)
    assert torch.equal(images, given)
    assert before[1:] == after[1:] and all(
        torch.equal(before[0][key], after[0][key]) for key in before[0]
    )
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("method", ALL)
def test_frozen_parameters_and_no_grad_make_no_difference(model, images, method):
    wanted = maps_of(model, images, TARGETS, method)
    model.requires_grad_(False)
    with torch.no_grad():
        found = maps_of(model, images, TARGETS, method)
    model.requires_grad_(True)
    assert torch.allclose(found, wanted)


@pytest.mark.parametrize("method", ALL)
def test_functional_and_in_place_activations_change_nothing(images, method):
    model = classifier(Functional(residual=False))
    own = model.features
    modules = nn.Sequential(
        own.first, nn.ReLU(), own.second, own.norm, nn.ReLU(), own.third, nn.ReLU()
    )
    twin = classifier(modules, model.head)
    wanted = maps_of(twin, images, TARGETS, method)
    assert (
        torch.allclose(maps_of(model, images, TARGETS, method), wanted, rtol=1e-5, atol=1e-9)
        and wanted.any()
    )
