"""Curves of a network whose answer is known, imputation against the equations it solves, and
controls that know nothing.
"""

import numpy as np
import pytest
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from torch import nn

from regard.evaluation.faithfulness import (
    alike,
    area,
    blurred,
    curves,
    impute,
    random_maps,
    ranks,
    removed,
    road,
)
from regard.models import backbones

SIDE = 16


class Corner(nn.Module):
    """The logit of class 1 is the sum over the upper left quarter; class 0 has none."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, images):
        total = self.scale * images[:, 0, : SIDE // 2, : SIDE // 2].sum(dim=(1, 2)) / 16
        return torch.stack([torch.zeros_like(total), total], dim=1)


@pytest.fixture
def case():
    """Two images that are bright in the corner, and the map that says so."""
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.normal(0, 0.01, (2, 1, SIDE, SIDE)))
    images[:, :, : SIDE // 2, : SIDE // 2] += 1
    maps = torch.zeros(2, SIDE, SIDE, dtype=torch.float64)
    maps[:, : SIDE // 2, : SIDE // 2] = 1 + torch.from_numpy(
        random.random((2, SIDE // 2, SIDE // 2))
    )
    return Corner().eval(), images, torch.tensor([1, 1]), maps


def test_ranks_are_places_in_the_order_and_ties_are_drawn_from_the_image(case):
    _, images, _, maps = case
    found = ranks(maps, images)
    for one, place in zip(maps, found):
        assert sorted(place.flatten().tolist()) == list(range(SIDE * SIDE))
        order = one.flatten()[place.flatten().argsort()]
        assert (order.diff() <= 0).all()
    flat = ranks(torch.zeros_like(maps), images)
    assert not torch.equal(flat[0], flat[1]) and torch.equal(
        flat[1:], ranks(torch.zeros_like(maps[1:]), images[1:])
    )


def test_deletion_falls_and_insertion_rises_at_the_pixels_that_count(case):
    """A quarter of the pixels counts: after a quarter of the steps the right map has reached the
    end, a wrong one has not.
    """
    model, images, targets, maps = case
    ends = torch.stack([model(given)[:, 1].sigmoid() for given in (images, blurred(images))])
    for mode, (start, end) in {"deletion": ends, "insertion": ends.flip(0)}.items():
        right, wrong = (
            curves(model, images, targets, given, mode, steps=8) for given in (maps, -maps)
        )
        assert right.shape == (2, 9)
        torch.testing.assert_close(right[:, 0], start)
        torch.testing.assert_close(right[:, -1], end)
        torch.testing.assert_close(right[:, 2], end)
        torch.testing.assert_close(wrong[:, 6], start)
    deleted = curves(model, images, targets, maps).mean(dim=1)
    assert (deleted < curves(model, images, targets, random_maps(images)).mean(dim=1)).all()


def test_several_findings_do_not_share_their_probability(case):
    model, images, targets, maps = case
    nothing = curves(model, images, 0 * targets, maps, steps=2, several=True)
    torch.testing.assert_close(nothing, torch.full_like(nothing, 0.5))
    assert (curves(model, images, 0 * targets, maps, steps=2)[:, 0] < 0.1).all()


@pytest.mark.parametrize("name", ["vgg19_bn", "densenet121"])
def test_curves_depend_neither_on_the_batch_nor_on_the_order(name):
    model = backbones.build(name, 3, width=0.25).double()
    images = torch.from_numpy(np.random.default_rng(1).normal(0, 1, (3, 3, 48, 48)))
    targets, maps = (
        torch.tensor([0, 1, 2]),
        torch.from_numpy(np.random.default_rng(2).normal(0, 1, (3, 48, 48))),
    )
    for call in (curves, road):
        together = call(model, images, targets, maps)
        order = torch.tensor([2, 0, 1])
        apart = torch.cat(
            [call(model, images[[i]], targets[[i]], maps[[i]], chunk=2) for i in order.tolist()]
        )
        torch.testing.assert_close(apart, together[order], rtol=1e-9, atol=1e-12)


def plain_imputation(image, hidden):
    """The equations of Rong et al. one by one: each hidden pixel is the weighted mean of its
    neighbours.
    """
    places = np.argwhere(hidden)
    number = {tuple(place): row for row, place in enumerate(places)}
    system, right = lil_matrix((len(places), len(places))), np.zeros(len(places))
    for row, (y, x) in enumerate(places):
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                there = (y + down, x + across)
                if there == (y, x) or not (
                    0 <= there[0] < image.shape[0] and 0 <= there[1] < image.shape[1]
                ):
                    continue
                weight = 1 / 6 if 0 in (down, across) else 1 / 12
                system[row, row] += weight
                if there in number:
                    system[row, number[there]] -= weight
                else:
                    right[row] += weight * image[there]
    filled = image.copy()
    filled[hidden] = spsolve(system.tocsr(), right)
    return filled


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_imputation_solves_its_equations(share, monkeypatch):
    """At the borders too, where neighbours are fewer."""
    monkeypatch.setattr("regard.evaluation.faithfulness.NOISE", 0.0)
    random = np.random.default_rng(3)
    images, hidden = random.normal(0, 1, (3, 2, 14, 11)), random.random((3, 14, 11)) < share
    hidden[0, :5, :5] = True
    found = impute(torch.from_numpy(images), torch.from_numpy(hidden), tolerance=1e-9).numpy()
    for one, mask, filled in zip(images, hidden, found):
        for channel, wanted in zip(one, filled):
            np.testing.assert_allclose(wanted, plain_imputation(channel, mask), atol=1e-6)


def test_the_channels_of_a_grey_image_are_imputed_at_once():
    """As each by itself would be, and a coloured image beside it as before; one grey value
    everywhere is grey, too.
    """
    grey = torch.randn(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    images = torch.cat([2 * grey - 1, -0.5 * grey, grey + 3], dim=1)
    images[1] = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(1))
    images[2] = torch.tensor([1.0, 2.0, 3.0])[:, None, None]
    hidden = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(2)) < 0.5
    found = impute(images, hidden, tolerance=1e-7)
    for channel in range(3):
        # the channel beside noise of its own, so that the image is not grey; the noise of the
        # imputation belongs to the whole image
        apart = images.clone()
        apart[:, (channel + 1) % 3] = torch.randn(
            3, 16, 16, generator=torch.Generator().manual_seed(3)
        )
        wanted = impute(apart, hidden, tolerance=1e-7)[:, channel]
        assert (found[:, channel] - wanted).abs().max() < 0.1  # but for the noise, of 0.01
    assert torch.equal(found[1:2], impute(images[1:2], hidden[1:2], tolerance=1e-7))
    assert torch.equal(found[:1], impute(images[:1], hidden[:1], tolerance=1e-7))


def test_imputation_leaves_what_is_shown_and_its_noise_is_small_and_repeats():
    images = torch.from_numpy(np.random.default_rng(4).normal(0, 1, (2, 3, 12, 12))).float()
    hidden = torch.zeros(2, 12, 12, dtype=torch.bool)
    hidden[:, 3:7, 3:7] = True
    found = impute(images, hidden)
    assert torch.equal(found.permute(0, 2, 3, 1)[~hidden], images.permute(0, 2, 3, 1)[~hidden])
    assert torch.equal(found, impute(images, hidden)) and not torch.equal(
        found, impute(images, hidden, seed=1)
    )
    assert (found - impute(images, hidden, seed=1)).abs().max() < 0.1
    assert torch.equal(found[1:], impute(images[1:], hidden[1:]))
    with pytest.raises(ValueError, match="nothing to be imputed from"):
        impute(images, torch.ones(2, 12, 12, dtype=torch.bool))


def test_road_of_the_least_relevant_leaves_the_answer_and_of_the_most_does_not(case):
    """On a dark image with a bright corner the corner is imputed from its inside where any of it is
    left.
    """
    model, images, targets, maps = case
    most, least = (
        road(model, images, targets, maps, shares=[0.3, 0.6], least=least)
        for least in (False, True)
    )
    whole = model(images)[:, 1].sigmoid()
    assert (least[:, 1] > whole - 0.01).all() and (most[:, 0] < least[:, 0] - 0.05).all()


def test_a_control_is_as_smooth_as_the_map_and_knows_nothing(case):
    _, images, _, maps = case
    made = alike(maps, images)

    def spectrum(given):
        return torch.fft.rfft2(given).abs()

    torch.testing.assert_close(
        spectrum(made)[:, 1:-1, 1:-1], spectrum(maps)[:, 1:-1, 1:-1], rtol=1e-6, atol=1e-6
    )
    many = torch.cat([alike(maps, images, seed) for seed in range(40)]).mean(dim=0)
    assert (many - many.mean()).abs().max() < 0.5 * (maps - maps.mean()).abs().max(), (
        "their mean is flat"
    )


def test_a_region_that_counts_is_missed(case):
    model, images, targets, maps = case
    corner = maps > 0
    away = corner.flip(1).flip(2)
    torch.testing.assert_close(
        removed(model, images, targets, away), torch.zeros(2).double(), atol=1e-9, rtol=0
    )
    assert (removed(model, images, targets, corner) > 1).all()
    one_of_three = torch.stack([corner[0] & False, corner[0] | True, corner[0]])
    found = removed(model, images[[0, 0, 0]], targets[[0, 0, 0]], one_of_three)
    assert found.isnan().tolist() == [True, True, False], (
        "nothing and everything say nothing, and leave the others alone"
    )


def test_areas_by_hand():
    found = area(torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0]]))
    torch.testing.assert_close(found, torch.tensor([0.125, 1.0]))


def test_a_broken_map_is_undefined_and_leaves_its_neighbour_alone(case):
    model, images, targets, maps = case
    broken = maps.clone()
    broken[0, 3, 3] = torch.nan
    for call in (curves, road):
        found = call(model, images, targets, broken)
        assert found[0].isnan().all() and torch.equal(
            found[1], call(model, images, targets, maps)[1]
        )


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda *case: curves(*case, mode="erasure"), "'erasure'"),
        (lambda *case: curves(*case[:3], case[3][:1]), "a map each"),
        (lambda *case: road(*case, shares=[0, 0.5]), "above 0 and below 1"),
        (lambda *case: road(*case[:3], case[3][:, :4]), "a map each"),
    ],
)
def test_refuses(case, call, message):
    with pytest.raises(ValueError, match=message):
        call(*case)
