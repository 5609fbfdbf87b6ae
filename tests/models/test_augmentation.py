"""Augmentation: what is off stays off, what is on is what it says, and the generator decides
all.
"""

import numpy as np
import pytest
import torch
from skimage.color import hed2rgb, rgb2hed

from regard.models import backbones, preprocessing
from regard.models.augmentation import OPTIONS, augment, check, stained

STILL = dict(shift=0, zoom=0, contrast=0)
MOVING = dict(shift=0.08, zoom=0.1, contrast=0.2, mirror=True)


def draw(images, seed, **options):
    return augment(images, torch.Generator().manual_seed(seed), **MOVING | options)


@pytest.fixture(scope="module")
def images():
    return torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def same(images, others):
    return np.array([torch.allclose(one, other, atol=1e-4) for one, other in zip(images, others)])


def test_it_moves_mirrors_and_repeats(images):
    assert torch.equal(draw(images, 1), draw(images, 1)) and not torch.equal(
        draw(images, 1), draw(images, 2)
    )
    still = draw(images, 1, **STILL)
    mirrored, kept = same(still, images.flip(3)), same(still, images)
    assert (mirrored ^ kept).all() and 10 < mirrored.sum() < 54
    assert same(draw(images, 1, mirror=False, **STILL), images).all(), (
        "laterality is kept where it matters"
    )


def test_turns_are_quarter_turns(images):
    found = draw(images, 3, mirror=False, turn=True, **STILL)
    turns = np.stack([same(found, torch.rot90(images, times, (2, 3))) for times in range(4)])
    assert (turns.sum(axis=0) == 1).all() and (turns.sum(axis=1) > 5).all()


def test_stains_change_in_optical_density():
    """Against scikit-image's separation, where nothing is clipped; a factor of one changes
    nothing.
    """
    generator = np.random.default_rng(0)
    amounts = np.concatenate(
        [generator.uniform(0.02, 0.25, (2, 8, 8, 2)), np.zeros((2, 8, 8, 1))], axis=3
    )
    pictures = torch.from_numpy((hed2rgb(amounts) * 255).round().astype(np.uint8))
    inputs = backbones.inputs(pictures)
    assert torch.allclose(stained(inputs, torch.ones(2, 2)), inputs, atol=1e-4)
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1) for values in (preprocessing.MEAN, preprocessing.STD)
    )
    more = (
        (stained(inputs, torch.tensor([[1.5, 1.0], [1.0, 0.5]])) * std + mean)
        .permute(0, 2, 3, 1)
        .numpy()
    )
    before, after = rgb2hed(pictures.numpy()), rgb2hed(more)
    np.testing.assert_allclose(after[0], before[0] * [1.5, 1, 1], atol=2e-3)
    np.testing.assert_allclose(after[1], before[1] * [1, 0.5, 1], atol=2e-3)


def test_stain_jitter_differs_between_images_and_is_off_by_default():
    pictures = torch.full((6, 8, 8, 3), 170, dtype=torch.uint8)
    inputs = backbones.inputs(pictures)
    found = draw(inputs, 0, stain=0.3, **STILL)
    assert len({round(float(image[0, 0, 0]), 4) for image in found}) == 6
    assert torch.allclose(draw(inputs, 0, **STILL), inputs, atol=1e-5)


def test_nothing_is_changed_by_default(images):
    assert torch.allclose(augment(images, torch.Generator().manual_seed(1)), images, atol=1e-5)


@pytest.mark.parametrize("option", OPTIONS)
def test_options_that_cannot_be_are_named(option):
    check(MOVING | {"turn": False, "stain": 0})
    for value in ("much", None, -1, 0.5 if OPTIONS[option] is bool else True):
        with pytest.raises(ValueError, match=f"augment: {option} must be"):
            check({option: value})
    with pytest.raises(ValueError, match="no option 'strech'; it has shift"):
        check({"strech": 1})
