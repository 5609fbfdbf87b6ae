"""Selectors against scikit-learn and the sort they stand for; what has no positive relevance selects nothing."""

import numpy as np
import pytest
import torch
from sklearn.cluster import MeanShift, estimate_bandwidth

from regard.selection import SELECTIONS, select


def maps(seed, count=5, shape=(7, 8)):
    """Signed maps with one bright patch each."""
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, (count, *shape))
    values[:, 2:5, 3:6] += 3
    return torch.from_numpy(values)


def plain_meanshift(values, bandwidth=None, quantile=0.3):
    """The rule with scikit-learn's own: everything above the most populous mode of the positive values."""
    positive = values[values > 0][:, None]
    width = estimate_bandwidth(positive, quantile=quantile) if bandwidth is None else bandwidth
    clusters = MeanShift(bandwidth=width).fit(positive)
    centres, size = clusters.cluster_centers_[:, 0], np.bincount(clusters.labels_)
    region = np.zeros(values.shape, bool)
    region[values > 0] = centres[clusters.labels_] > centres[size.argmax()]
    return region


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"quantile": 0.1},
        {"quantile": 0.2},
        {"quantile": 0.6},
        {"bandwidth": 0.4},
    ],
)
def test_meanshift_is_the_rule_with_scikit_learn(parameters):
    values = maps(0)
    wanted = np.stack([plain_meanshift(one, **parameters) for one in values.numpy()])
    assert wanted.any() and not wanted.all()
    np.testing.assert_array_equal(select(values, "meanshift", **parameters), wanted)


@pytest.mark.parametrize("decimals", [0, 1])
def test_meanshift_with_many_equal_values_is_the_rule_with_scikit_learn(decimals):
    """The bandwidth is irrational: no two rounded values, nor their means, are just that far apart."""
    values = maps(1).numpy().round(decimals)
    width = np.sqrt(2) * (0.7, 0.3)[decimals]
    wanted = np.stack([plain_meanshift(one, bandwidth=width) for one in values])
    assert wanted.any()
    np.testing.assert_array_equal(select(torch.from_numpy(values), "meanshift", bandwidth=width), wanted)


def test_meanshift_by_hand():
    """Five values about 1, two about 5, three about 9; the negative ones, most of all, do not count."""
    rows = [[1.0, 1.1, 0.9, 1.05, 0.95], [5, 5.1, 9, 9.1, 8.9], [-9, -9, -9, -9, -9], [-9, 0, 0, 0, 0]]
    values = torch.tensor([rows])
    assert torch.equal(select(values, "meanshift", bandwidth=1.0), values > 4)
    most_at_the_top = torch.tensor([[[1.0, 1.1], [5, 5.1], [5.05, 5]]])
    assert not select(most_at_the_top, "meanshift", bandwidth=1.0).any(), "nothing lies above the most populous mode"


@pytest.mark.parametrize("area", [0.02, 0.1, 0.29, 0.5, 1.0])
def test_top_area_is_the_head_of_the_sorted_values(area):
    """10 x 10 distinct values, so that `area` is a whole number of pixels; those at or below zero stay out."""
    values = torch.from_numpy(np.random.default_rng(0).permutation(500)[:400].reshape(4, 10, 10) - 150.0)
    found = select(values, "top-area", area=area).numpy()
    for one, region in zip(values.numpy(), found):
        head = np.sort(one.ravel())[::-1][: round(100 * area)]
        assert set(one[region]) == set(head[head > 0])


@pytest.mark.parametrize("levels", [2, 4, 30])
@pytest.mark.parametrize("area", [0.05, 0.25, 0.7])
def test_top_area_leaves_a_tie_at_the_cut_out(area, levels):
    """Never more than `area`; whatever is left out is below all that is in; and one more level would be too much."""
    values = torch.from_numpy(np.random.default_rng(levels).integers(-1, levels, (12, 10, 10)).astype(float))
    for one, region in zip(values, select(values, "top-area", area=area)):
        assert region.sum() <= 100 * area
        assert not region.any() or one[region].min() > one[~region].max()
        rest = one[~region & (one > 0)]
        assert not len(rest) or region.sum() + (rest == rest.max()).sum() > 100 * area


DEGENERATE = {
    "zero": torch.zeros(4, 4),
    "negative": -torch.rand(4, 4, generator=torch.Generator().manual_seed(0)) - 0.1,
    "NaN": torch.full((4, 4), torch.nan),
    "one NaN": torch.arange(16.0).view(4, 4).index_put((torch.tensor(0), torch.tensor(0)), torch.tensor(torch.nan)),
    "constant": torch.full((4, 4), 2.5),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("method", SELECTIONS)
def test_degenerate_maps_select_nothing_and_leave_the_others_alone(method, name):
    values = torch.stack([DEGENERATE[name], torch.arange(16.0).view(4, 4) ** 3])
    found = select(values, method)
    assert found.dtype == torch.bool and found.shape == values.shape
    assert not found[0].any()
    assert torch.equal(found[1:], select(values[1:], method)) and found[1].any()


@pytest.mark.parametrize("method", SELECTIONS)
def test_only_positive_pixels_are_selected_and_negative_ones_do_not_count(method):
    values = maps(2)
    found = select(values, method)
    assert found.any() and not found[values <= 0].any()
    assert torch.equal(select(values.clamp(min=0), method), found)
    assert torch.equal(select(torch.where(values > 0, values, 50 * values), method), found)


@pytest.mark.parametrize("scale", [2.0**-20, 1 / 3, 0.5, 7.0, 2.0**30])
@pytest.mark.parametrize("method, parameters", [("meanshift", {}), ("meanshift", {"quantile": 0.1}), ("top-area", {})])
def test_a_positive_scale_changes_nothing(method, parameters, scale):
    """With the bandwidth from the data; one that is given is in units of the map and scales with it."""
    values = maps(3)
    assert torch.equal(select(scale * values, method, **parameters), select(values, method, **parameters))
    if method == "meanshift":
        given = select(values, method, bandwidth=0.37)
        assert torch.equal(select(scale * values, method, bandwidth=0.37 * scale), given)


def test_a_shift_is_no_matter_of_indifference():
    """Relevance has a zero: lifted above it, all pixels count, and the rule sees another distribution."""
    values = maps(4)
    assert not torch.equal(select(values + 10, "meanshift"), select(values, "meanshift"))


@pytest.mark.parametrize("method", SELECTIONS)
def test_a_batch_is_its_maps_one_by_one_in_any_order(method):
    values = maps(5)
    together = select(values, method)
    assert torch.equal(together, torch.cat([select(values[[i]], method) for i in range(len(values))]))
    order = [3, 0, 4, 1, 2]
    assert torch.equal(select(values[order], method), together[order])
    assert select(values[:0], method).shape == (0, 7, 8)


@pytest.mark.parametrize("method", SELECTIONS)
def test_the_maps_are_left_as_they_were(method):
    values = maps(6)
    values[0, 0, 0] = torch.nan
    before = values.clone()
    select(values, method)
    assert torch.equal(values.nan_to_num(), before.nan_to_num())


def test_unknown_methods_other_shapes_and_areas_are_refused():
    with pytest.raises(ValueError, match="'otsu'.*meanshift, top-area"):
        select(maps(0), "otsu")
    for shape in [(4, 4), (1, 1, 4, 4)]:
        with pytest.raises(ValueError, match=r"\(N, H, W\)"):
            select(torch.ones(shape))
    for area in (0, -0.1, 1.01, float("nan")):
        with pytest.raises(ValueError, match="area"):
            select(maps(0), "top-area", area=area)
    with pytest.raises(TypeError):
        select(maps(0), "top-area", quantile=0.3)
