"""Otsu's threshold is scikit-image's, for every map of a batch."""

import numpy as np
import pytest
import torch
from skimage.filters import threshold_otsu

from regard.kernels import otsu


@pytest.mark.parametrize("bins", [2, 16, 256])
@pytest.mark.parametrize("kind", ["normal", "gamma", "two modes", "whole numbers", "signed"])
def test_it_is_scikit_images(kind, bins):
    random = np.random.default_rng(0)
    values = {
        "normal": random.normal(0, 1, (7, 900)),
        "gamma": random.gamma(0.3, 1, (7, 900)),
        "two modes": np.where(
            random.random((7, 900)) < 0.2,
            random.normal(5, 1, (7, 900)),
            random.normal(0, 1, (7, 900)),
        ),
        "whole numbers": random.integers(0, 5, (7, 900)).astype(float),
        "signed": random.normal(0, 1e-6, (7, 900)) - 1e-6,
    }[kind]
    wanted = [threshold_otsu(row, nbins=bins) for row in values]
    np.testing.assert_allclose(otsu(torch.from_numpy(values), bins), wanted, rtol=1e-12)


def test_whole_numbers_of_an_8_bit_image_are_parted_as_scikit_image_parts_them():
    random = np.random.default_rng(1)
    images = np.clip(
        np.concatenate([random.normal(60, 20, (4, 500)), random.normal(170, 30, (4, 300))], axis=1),
        0,
        255,
    )
    images[:, 0], images[:, 1] = 0, 255
    images = images.astype(np.uint8)
    found = otsu(torch.from_numpy(images.astype(float)))
    for row, threshold in zip(images, found):
        np.testing.assert_array_equal(row > threshold.item(), row > threshold_otsu(row))


def test_what_takes_no_part_does_not_count():
    random = np.random.default_rng(2)
    values = torch.from_numpy(random.gamma(0.5, 1, (3, 400)))
    values[:, ::3] = -torch.inf
    values[2] = -torch.inf
    found = otsu(values)
    for row in (0, 1):
        taking = values[row][values[row] > -torch.inf]
        assert found[row].item() == pytest.approx(threshold_otsu(taking.numpy()), rel=1e-12)
    assert found[2].isnan() and otsu(torch.full((1, 5), 2.5)).item() == 2.5


@pytest.mark.parametrize(
    "values",
    [torch.ones(4), torch.tensor([[1.0, float("nan")]]), torch.tensor([[1.0, float("inf")]])],
)
def test_refuses(values):
    with pytest.raises(ValueError, match="Otsu"):
        otsu(values)
