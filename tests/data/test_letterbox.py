"""Letterbox and its inverse: what is put on the square is found where it was."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.attribution import nulls
from regard.data.letterbox import (
    from_square,
    inner,
    letterbox,
    mask_to_square,
    squares,
    to_square,
    upsample,
    without_padding,
)
from regard.evaluation.scores import points
from regard.selection import select

SIDES = st.integers(20, 400)


@settings(max_examples=60, deadline=None)
@given(height=SIDES, width=SIDES, row=st.floats(0, 1), column=st.floats(0, 1))
def test_an_impulse_on_the_square_lands_where_it_should(height, width, row, column):
    """A maximum set at the place of an image pixel comes back within half a network pixel of it."""
    box = letterbox(height, width, 160)
    row, column = row * (box.inner_height - 1), column * (box.inner_width - 1)
    maps = torch.zeros(1, 160, 160)
    maps[0, box.top + round(row), box.left + round(column)] = 1
    found = points(from_square(maps, box))[0].numpy()
    scale = height / box.inner_height, width / box.inner_width
    wanted = (round(row) + 0.5) * scale[0] - 0.5, (round(column) + 0.5) * scale[1] - 0.5
    assert np.abs(found - wanted).max() <= max(1.0, 0.5 * max(scale) + 0.5)


@pytest.mark.parametrize("shape", [(160, 160), (80, 160), (160, 40), (300, 500), (33, 20)])
def test_padding_is_black_and_cut_away_again(shape):
    box = letterbox(*shape, 160)
    square = to_square(np.full(shape, 200, np.uint8), box)
    assert square.shape == (160, 160) and max(box.inner_height, box.inner_width) == 160
    assert (square == 200).sum() == box.inner_height * box.inner_width and set(
        np.unique(square)
    ) <= {0, 200}
    back = from_square(torch.from_numpy(square)[None].float(), box)
    assert back.shape == (1, *shape) and torch.allclose(back, torch.tensor(200.0))


def test_same_size_is_left_alone():
    image = np.random.default_rng(0).integers(0, 256, (160, 160), dtype=np.uint8)
    box = letterbox(160, 160, 160)
    assert np.array_equal(to_square(image, box), image)
    maps = torch.randn(2, 160, 160, generator=torch.Generator().manual_seed(0))
    assert torch.equal(from_square(maps, box), maps)


def test_colour_and_regions():
    colour = np.zeros((50, 100, 3), np.uint8)
    colour[..., 1] = 9
    assert to_square(colour, letterbox(50, 100, 64)).shape == (64, 64, 3)
    region = torch.zeros(1, 64, 64, dtype=torch.bool)
    region[0, 20:40, 10:30] = True
    back = from_square(region, letterbox(50, 100, 64))
    assert back.dtype == torch.bool and back.shape == (1, 50, 100)


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match="160 x 160"):
        from_square(torch.zeros(1, 100, 160), letterbox(50, 100, 160))


def test_upsampling_keeps_the_mean_of_whole_blocks_and_puts_cells_in_place():
    cells = torch.arange(4.0).view(1, 2, 2)
    large = upsample(cells, (8, 8))[0]
    assert large[0, 0] == 0 and large[-1, -1] == 3
    assert large.mean() == pytest.approx(1.5)


def test_padding_is_kept_from_what_is_made_of_whole_maps():
    """The edges of an even image are nowhere, and not at the seam; images of several shapes in one
    batch.
    """
    boxes = [letterbox(50, 100, 64), letterbox(64, 64, 64), letterbox(50, 100, 64)]
    images = torch.stack(
        [
            torch.from_numpy(to_square(np.full((box.height, box.width), 9, np.uint8), box))
            for box in boxes
        ]
    )
    found = without_padding(lambda inner: nulls("edges", inner[:, None].float()), images, boxes)
    assert (found == 0).all() and (nulls("edges", images[:, None].float())[0] > 0).any()
    top = without_padding(
        lambda inner: select(inner.float(), "top-area", area=0.25), 1 + torch.rand(3, 64, 64), boxes
    )
    for region, box in zip(top, boxes):
        assert region.sum() == box.inner_height * box.inner_width // 4
    assert not top[0, : boxes[0].top].any()


def test_squares_of_grey_and_colour_images_and_masks():
    grey, colour = np.full((20, 30), 7, np.uint8), np.full((30, 20, 3), 7, np.uint8)
    assert squares([grey, grey], 32).shape == (2, 32, 32)
    assert squares([grey, colour], 32).shape == (2, 32, 32, 3)
    mask = np.zeros((200, 400), bool)
    mask[50:150, 100:300] = True
    assert mask_to_square(mask, letterbox(200, 400, 40)).sum() == 10 * 20


def test_the_inner_part_is_where_the_image_lies():
    box = letterbox(30, 60, 40)
    square = to_square(np.full((30, 60), 200, np.uint8), box)
    inside = np.zeros_like(square, bool)
    inside[inner(box)] = True
    assert np.array_equal(square == 200, inside) and inside.sum() == 20 * 40


@pytest.mark.parametrize("shape", [(160, 160), (80, 160), (160, 40), (300, 500), (33, 20)])
def test_a_mask_lies_where_its_image_does(shape):
    """All of it fills the image's part of the square; a half fills that half of it."""
    box = letterbox(*shape, 160)
    down, across = inner(box)
    wanted = np.zeros((160, 160), bool)
    wanted[down, across] = True
    assert np.array_equal(mask_to_square(np.ones(shape, bool), box), wanted)
    upper = np.zeros(shape, bool)
    upper[: shape[0] // 2] = True
    found = mask_to_square(upper, box)
    assert (
        not (found & ~wanted).any()
        and found[box.top, box.left]
        and not found[box.top + box.inner_height - 1].any()
    )
    assert found.sum() == pytest.approx(wanted.sum() * upper.mean(), abs=box.inner_width)
