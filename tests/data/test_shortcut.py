"""The marker follows the label where a network learns and says nothing where it is tested."""

import numpy as np
import pytest

from regard.data import shortcut

N = 4000
CASES = [f"c{number}" for number in range(N)]
POSITIVE = np.arange(N) % 2 == 0


@pytest.mark.parametrize(
    "split, wanted", [("train", (0.9, 0.1)), ("tune", (0.9, 0.1)), ("test", (0.5, 0.5))]
)
def test_the_marker_follows_the_label_in_training_alone(split, wanted):
    found = shortcut.present(CASES, POSITIVE, np.full(N, split), 0.9, seed=1)
    assert (found[POSITIVE].mean(), found[~POSITIVE].mean()) == pytest.approx(wanted, abs=0.03)


def test_an_unknown_finding_tells_the_marker_nothing():
    found = shortcut.present(
        CASES, np.where(POSITIVE, np.nan, 0.0), np.full(N, "train"), 0.9, seed=1
    )
    assert (found[POSITIVE].mean(), found[~POSITIVE].mean()) == pytest.approx((0.5, 0.1), abs=0.03)


def test_a_case_draws_for_itself():
    every = shortcut.present(CASES, POSITIVE, np.full(N, "train"), 0.9, seed=1)
    order = np.random.default_rng(0).permutation(N)[:50]
    some = shortcut.present(
        [CASES[row] for row in order], POSITIVE[order], np.full(50, "train"), 0.9, seed=1
    )
    assert np.array_equal(every[order], some)
    assert not np.array_equal(
        every, shortcut.present(CASES, POSITIVE, np.full(N, "train"), 0.9, seed=2)
    )


@pytest.mark.parametrize("shape", [(160, 160), (128, 128, 3), (40, 90)])
def test_the_mask_is_where_the_image_changed(shape):
    image = np.full(shape, 128, np.uint8)
    marked, mask = shortcut.burn(image)
    changed = (marked != image).reshape(*shape[:2], -1).any(axis=2)
    assert np.array_equal(changed, mask) and (image == 128).all(), "the original is left as it was"
    assert 0.005 < mask.mean() < 0.1 and mask[: shape[0] // 2, : shape[1] // 2].sum() == mask.sum()
    assert (marked == 245).any() and (marked == 10).any()


def test_what_cannot_be_is_refused():
    for strength in (0.5, 1.1, 0.2):
        with pytest.raises(ValueError, match="shortcut must be"):
            shortcut.present(["a"], np.array([True]), np.array(["train"]), strength, 1)
    with pytest.raises(ValueError, match="too small"):
        shortcut.burn(np.zeros((12, 40), np.uint8))
