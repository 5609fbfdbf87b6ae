"""Scores against independent implementations, hand-made cases and the symmetries they must have."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from regard.evaluation.scores import (
    OF_REGIONS,
    SCORES,
    area_expected_iou,
    pointing,
    points,
    says_nowhere,
    score,
)

TOLERANCES = (0.0, 1.0, 1.5, 3.0)


def generator(seed):
    return np.random.default_rng(seed)


def distinct(seed, count=12, shape=(9, 11)):
    """Maps whose pixels all differ, so that the maximum is one pixel, and masks of scattered
    pixels, some empty.
    """
    random = generator(seed)
    maps = np.stack(
        [random.permutation(shape[0] * shape[1]).reshape(shape) for _ in range(count)]
    ).astype(float)
    masks = random.random((count, *shape)) < 0.008 * np.arange(count)[:, None, None]
    return torch.from_numpy(maps), torch.from_numpy(masks)


def mask(*pixels, shape=(7, 7)):
    region = torch.zeros(1, *shape, dtype=torch.bool)
    for row, column in pixels:
        region[0, row, column] = True
    return region


def plain_pointing(values, region, tolerance):
    """The definition, one map at a time, pixel by pixel."""
    if not region.any() or np.isnan(values).any():
        return np.nan
    row, column = np.floor(np.argwhere(values == values.max()).mean(axis=0) + 0.5)
    return float(
        any(
            np.hypot(row - down, column - right) <= tolerance for down, right in np.argwhere(region)
        )
    )


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_pointing_is_its_definition(levels, tolerance):
    """Few levels tie often; masks are scattered, so of several parts."""
    random = generator(levels)
    maps = random.integers(0, levels, (40, 6, 8)).astype(float)
    maps[::7, 2, 3] = np.nan
    masks = random.random((40, 6, 8)) < np.linspace(0, 0.3, 40)[:, None, None]
    wanted = [plain_pointing(values, region, tolerance) for values, region in zip(maps, masks)]
    assert {0.0, 1.0} < set(wanted), "the cases must hit, miss and be undefined"
    found = pointing(torch.from_numpy(maps), torch.from_numpy(masks), tolerance)
    assert found.dtype == torch.float64
    np.testing.assert_array_equal(found.numpy(), wanted)


@pytest.mark.parametrize("tolerance, hit", [(0, 0), (4.99, 0), (5, 1), (6, 1)])
def test_tolerance_is_a_distance_to_the_nearest_pixel_of_several_regions(tolerance, hit):
    """The maximum at (0, 0) is 5 from (3, 4), and further from the other parts of the mask."""
    maps = mask((0, 0)).double()
    assert pointing(maps, mask((3, 4), (6, 6), (0, 6)), tolerance).item() == hit


@pytest.mark.parametrize(
    "ties, place",
    [
        ([(1, 1), (1, 3)], (1, 2)),
        ([(0, 0), (0, 6), (6, 0), (6, 6)], (3, 3)),
        ([(2, 2), (2, 3)], (2, 3)),
        ([(0, 0), (0, 1), (0, 5)], (0, 2)),
    ],
)
def test_ties_point_at_their_mean_position(ties, place):
    """Rounded to whole pixels, halves up, even where the map is not at its maximum there."""
    maps = mask(*ties).double()
    assert points(maps).tolist() == [list(map(float, place))]
    assert pointing(maps, mask(place)).item() == 1
    assert pointing(maps, ~mask(place)).item() == 0


@pytest.mark.parametrize(
    "shape, centre", [((7, 7), (3, 3)), ((5, 9), (2, 4)), ((1, 1), (0, 0)), ((4, 6), (2, 3))]
)
@pytest.mark.parametrize("value", [-2.0, 3.5, float("-inf")])
def test_a_constant_map_points_at_the_centre(shape, centre, value):
    assert points(torch.full((1, *shape), value)).tolist() == [list(map(float, centre))]


def test_undefined_is_nan_and_only_there():
    """An empty reference and one NaN pixel make a case undefined and leave its neighbours alone."""
    maps = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(0))
    everywhere = torch.ones(3, 5, 5, dtype=torch.bool)
    empty = everywhere.clone()
    empty[1] = False
    broken = maps.clone()
    broken[2, 0, 0] = torch.nan
    np.testing.assert_array_equal(pointing(maps, empty, 99), [1, np.nan, 1])
    np.testing.assert_array_equal(pointing(broken, everywhere, 99), [1, 1, np.nan])
    np.testing.assert_array_equal(score(maps > 0.5, empty, "iou").isnan(), [False, True, False])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 999),
    levels=st.integers(2, 9),
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
)
def test_pointing_ignores_positive_affine_scaling(seed, levels, scale, shift):
    random = generator(seed)
    maps = torch.from_numpy(random.integers(0, levels, (4, 6, 5)).astype(float))
    masks = torch.from_numpy(random.random((4, 6, 5)) < 0.3)
    for tolerance in TOLERANCES:
        found = pointing(scale * maps + shift, masks, tolerance)
        assert torch.equal(found.nan_to_num(-1), pointing(maps, masks, tolerance).nan_to_num(-1))


CALLS = [(name, {}) for name in SCORES if name != "pointing"]
CALLS += [("pointing", {"tolerance": tolerance}) for tolerance in TOLERANCES]


def given_to(name, seed):
    maps, masks = distinct(seed)
    return (maps > maps.median() if name in OF_REGIONS else maps), masks


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("name, parameters", CALLS)
def test_a_mirrored_pair_scores_the_same(name, parameters, axes):
    values, masks = given_to(name, 1)
    found = score(values.flip(axes), masks.flip(axes), name, **parameters)
    np.testing.assert_array_equal(found, score(values, masks, name, **parameters))


@pytest.mark.parametrize("name, parameters", CALLS)
def test_a_batch_is_its_cases_one_by_one_in_any_order(name, parameters):
    values, masks = given_to(name, 2)
    together = score(values, masks, name, **parameters).numpy()
    assert np.isnan(together).any() and len(set(together[~np.isnan(together)])) > 1
    alone = [score(values[[i]], masks[[i]], name, **parameters).item() for i in range(len(values))]
    np.testing.assert_array_equal(together, alone)
    order = generator(0).permutation(len(values))
    np.testing.assert_array_equal(
        score(values[order], masks[order], name, **parameters), together[order]
    )
    one_for_all = score(values, masks[-1:], name, **parameters)
    np.testing.assert_array_equal(
        one_for_all, score(values, masks[-1:].repeat(len(values), 1, 1), name, **parameters)
    )
    assert score(values[:0], masks[:1], name, **parameters).shape == (0,)


@pytest.mark.parametrize(
    "name, theirs",
    [
        ("iou", jaccard_score),
        ("dice", f1_score),
        ("precision", precision_score),
        ("recall", recall_score),
    ],
)
def test_overlaps_are_scikit_learns(name, theirs):
    random = generator(3)
    regions, masks = random.random((2, 30, 6, 7)) < np.linspace(0.05, 1, 30)[:, None, None]
    wanted = [theirs(hers.ravel(), mine.ravel()) for mine, hers in zip(regions, masks)]
    np.testing.assert_allclose(
        score(torch.from_numpy(regions), torch.from_numpy(masks), name), wanted, rtol=1e-12
    )


@pytest.mark.parametrize("levels", [3, 20, 10**6])
def test_auprc_is_scikit_learns_average_precision(levels):
    """Few levels tie often."""
    random = generator(levels)
    maps, masks = (
        random.integers(-levels, levels, (20, 6, 7)).astype(float),
        random.random((20, 6, 7)) < 0.2,
    )
    masks[:, 0, 0] = True
    wanted = [average_precision_score(mask.ravel(), one.ravel()) for one, mask in zip(maps, masks)]
    np.testing.assert_allclose(
        score(torch.from_numpy(maps), torch.from_numpy(masks), "auprc"), wanted, rtol=1e-12
    )


def test_mass_and_rank_by_hand():
    maps = torch.tensor([[[4.0, 3.0, -5.0], [2.0, 1.0, 0.0]]])
    reference = torch.tensor([[[True, False, True], [True, False, False]]])
    assert score(maps, reference, "mass").item() == pytest.approx(6 / 10), (
        "negative relevance is nowhere"
    )
    assert score(maps, reference, "rank").item() == pytest.approx(2 / 3), (
        "of 4, 3 and 2 two lie inside"
    )
    tied = torch.tensor([[[4.0, 1.0, 1.0], [1.0, 1.0, 0.0]]])
    assert score(tied, reference, "rank").item() == pytest.approx((1 + 2 * 2 / 4) / 3), (
        "two places for four, two inside"
    )


@pytest.mark.parametrize("value", [-2.0, 3.5])
def test_a_constant_map_scores_what_its_area_does(value):
    """Its mass is undefined where nothing is positive."""
    reference = torch.zeros(1, 4, 5, dtype=torch.bool)
    reference[0, 1:3, 1:4] = True
    flat = torch.full((1, 4, 5), value)
    assert score(flat, reference, "rank").item() == pytest.approx(0.3)
    assert score(flat, reference, "auprc").item() == pytest.approx(0.3)
    np.testing.assert_allclose(score(flat, reference, "mass"), [0.3 if value > 0 else np.nan])


# what each score says of a region or map where something is missing: nothing selected, an empty
# reference, both
DEGENERATE = {
    "iou": (0, np.nan, np.nan),
    "dice": (0, np.nan, np.nan),
    "precision": (np.nan, np.nan, np.nan),
    "recall": (0, np.nan, np.nan),
    "pointing": (np.nan, np.nan, np.nan),
    "mass": (np.nan, np.nan, np.nan),
    "rank": (np.nan, np.nan, np.nan),
    "auprc": (np.nan, np.nan, np.nan),
}


@pytest.mark.parametrize("name", SCORES)
def test_what_is_missing_follows_the_stated_rule(name):
    """An empty region, or a map of zeros, which points nowhere and ranks no pixel before
    another.
    """
    corner, nothing = mask((0, 0), shape=(3, 3)), mask(shape=(3, 3))
    one = corner if name in OF_REGIONS else corner.double()
    empty = nothing if name in OF_REGIONS else nothing.double()
    found = [
        score(given, reference, name).item()
        for given, reference in ((empty, corner), (one, nothing), (empty, nothing))
    ]
    np.testing.assert_allclose(found, DEGENERATE[name])
    assert score(one, corner, name).item() == 1


@pytest.mark.parametrize("name", ["iou", "dice"])
def test_an_empty_region_can_be_left_undefined(name):
    corner, nothing = mask((0, 0), shape=(3, 3)), mask(shape=(3, 3))
    regions, masks = torch.cat([nothing, corner, nothing]), torch.cat([corner, corner, nothing])
    np.testing.assert_array_equal(score(regions, masks, name, empty=np.nan), [np.nan, 1, np.nan])


@pytest.mark.parametrize("name", [name for name in SCORES if name not in (*OF_REGIONS, "pointing")])
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_is_undefined_and_leaves_its_neighbours_alone(name, broken):
    maps = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(0))
    masks = torch.eye(5, dtype=torch.bool).expand(3, -1, -1)
    whole = score(maps, masks, name)
    maps[1, 2, 2] = broken
    np.testing.assert_array_equal(score(maps, masks, name), [whole[0], np.nan, whole[2]])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    levels=st.integers(2, 9),
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
)
def test_rank_and_auprc_ignore_positive_affine_scaling_and_mass_a_scale(seed, levels, scale, shift):
    random = generator(seed)
    maps = torch.from_numpy(random.integers(0, levels, (4, 6, 5)).astype(float))
    masks = torch.from_numpy(random.random((4, 6, 5)) < 0.3)
    for name in ("rank", "auprc"):
        np.testing.assert_allclose(
            score(scale * maps + shift, masks, name), score(maps, masks, name), rtol=1e-9
        )
    np.testing.assert_allclose(
        score(scale * maps, masks, "mass"), score(maps, masks, "mass"), rtol=1e-9
    )


def test_a_tolerance_in_millimetres():
    """(3, 4) is five pixels from the maximum: 2.5 mm at half a millimetre each."""
    maps, reference = mask((0, 0)).double(), mask((3, 4))
    for tolerance, hit in ((2.49, 0), (2.5, 1)):
        assert pointing(maps, reference, tolerance, pixel_mm=0.5).item() == hit


@pytest.mark.parametrize(
    "region, reference, wanted",
    [
        ([(0, 0), (0, 1), (1, 0)], [(0, 1), (1, 0), (1, 1), (2, 2)], 2 / 5),
        ([(0, 0)], [(0, 0)], 1),
        ([(0, 0)], [(1, 1)], 0),
        ([], [(1, 1)], 0),
        ([], [], np.nan),
        ([(0, 0)], [], np.nan),
    ],
)
def test_iou_by_hand(region, reference, wanted):
    np.testing.assert_array_equal(score(mask(*region), mask(*reference), "iou"), [wanted])


@pytest.mark.parametrize(
    "maps, reference",
    [
        ((2, 5, 5), (2, 5, 6)),
        ((2, 5, 5), (3, 5, 5)),
        ((1, 5, 5), (2, 5, 5)),
        ((5, 5), (1, 5, 5)),
        ((2, 5, 5), (5, 5)),
        ((2, 1, 5, 5), (2, 5, 5)),
    ],
)
@pytest.mark.parametrize("name", SCORES)
def test_other_shapes_are_refused(name, maps, reference):
    with pytest.raises(ValueError, match="one size"):
        score(torch.ones(maps, dtype=torch.bool), torch.ones(reference, dtype=torch.bool), name)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("name", SCORES)
def test_a_reference_that_is_not_bool_is_refused(name, dtype):
    with pytest.raises(ValueError, match="bool"):
        score(torch.ones(1, 3, 3, dtype=torch.bool), torch.ones(1, 3, 3, dtype=dtype), name)


def test_an_unknown_score_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match="'jaccard'.*iou, dice"):
        score(torch.ones(1, 3, 3), mask((0, 0), shape=(3, 3)), "jaccard")


@pytest.mark.parametrize("rows_every, columns_every", [(1, 1), (2, 2), (3, 2), (6, 3), (1, 4)])
def test_area_expected_iou_is_the_iou_of_crossed_stripes(rows_every, columns_every):
    """Stripes across stripes are as evenly spread as pixels can be: the formula is then the IoU
    itself.
    """
    region, reference = torch.zeros(2, 1, 12, 12, dtype=torch.bool)
    region[:, ::rows_every], reference[:, :, ::columns_every] = True, True
    found = area_expected_iou(region.double().mean(dim=(1, 2)), reference)
    assert found.item() == pytest.approx(score(region, reference, "iou").item(), rel=1e-12)


def test_area_expected_iou_is_the_mean_iou_of_pixels_set_at_random():
    random = generator(4)
    reference = torch.zeros(1, 50, 40, dtype=torch.bool)
    reference[0, 5:25, 10:35] = True
    for area in (0.02, 0.3, 0.9):
        pixels = np.arange(2000) < area * 2000
        regions = torch.from_numpy(
            np.stack([random.permutation(pixels).reshape(50, 40) for _ in range(200)])
        )
        simulated = score(regions, reference, "iou").mean().item()
        assert area_expected_iou(torch.tensor([area]), reference).item() == pytest.approx(
            simulated, abs=0.003
        )


def test_area_expected_iou_at_the_ends():
    """Nothing selected: 0; all selected: the share of the reference; an empty reference:
    undefined.
    """
    half = torch.zeros(1, 4, 4, dtype=torch.bool)
    half[:, :2] = True
    np.testing.assert_array_equal(
        area_expected_iou(torch.tensor([0.0, 1.0]).double(), half), [0, 0.5]
    )
    np.testing.assert_array_equal(
        area_expected_iou(torch.tensor([0.0, 0.5]), half & False), [np.nan, np.nan]
    )


@pytest.mark.parametrize("name", [name for name in SCORES if name not in OF_REGIONS])
def test_a_map_that_is_zero_everywhere_says_nothing(name):
    """Not even that the centre matters: undefined, beside a map of another constant and one with a
    single value.
    """
    maps = torch.zeros(3, 5, 5)
    maps[1] += 1
    maps[2, 2, 2] = 1
    reference = torch.zeros(3, 5, 5, dtype=torch.bool)
    reference[:, 2, 2] = True
    found = score(maps, reference, name)
    assert found[0].isnan() and not found[1:].isnan().any()
    assert says_nowhere(maps).tolist() == [True, False, False]
