"""Selectors against scikit-learn, scikit-image and the sort they stand for; what has no positive
relevance selects nothing."""

import numpy as np
import pytest
import torch
from skimage.filters import threshold_otsu
from sklearn.cluster import KMeans, MeanShift, estimate_bandwidth

from regard import selection
from regard.selection import OF, SELECTIONS, levels, select, variants


def maps(seed, count=5, shape=(7, 8)):
    """Signed maps with one bright patch each."""
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, (count, *shape))
    values[:, 2:5, 3:6] += 3
    return torch.from_numpy(values)


def plain_meanshift(values, bandwidth=None, quantile=0.3):
    """The rule with scikit-learn's own: everything above the most populous mode of the positive
    values.
    """
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
    """The bandwidth is irrational: no two rounded values, nor their means, are just that far
    apart.
    """
    values = maps(1).numpy().round(decimals)
    width = np.sqrt(2) * (0.7, 0.3)[decimals]
    wanted = np.stack([plain_meanshift(one, bandwidth=width) for one in values])
    assert wanted.any()
    np.testing.assert_array_equal(
        select(torch.from_numpy(values), "meanshift", bandwidth=width), wanted
    )


def test_meanshift_by_hand():
    """Five values about 1, two about 5, three about 9; the negative ones, most of all, do not
    count.
    """
    rows = [
        [1.0, 1.1, 0.9, 1.05, 0.95],
        [5, 5.1, 9, 9.1, 8.9],
        [-9, -9, -9, -9, -9],
        [-9, 0, 0, 0, 0],
    ]
    values = torch.tensor([rows])
    assert torch.equal(select(values, "meanshift", bandwidth=1.0), values > 4)
    most_at_the_top = torch.tensor([[[1.0, 1.1], [5, 5.1], [5.05, 5]]])
    assert not select(most_at_the_top, "meanshift", bandwidth=1.0).any(), (
        "nothing lies above the most populous mode"
    )


@pytest.mark.parametrize("area", [0.02, 0.1, 0.29, 0.5, 1.0])
def test_top_area_is_the_head_of_the_sorted_values(area):
    """10 x 10 distinct values, so that `area` is a whole number of pixels; those at or below zero
    stay out.
    """
    values = torch.from_numpy(
        np.random.default_rng(0).permutation(500)[:400].reshape(4, 10, 10) - 150.0
    )
    found = select(values, "top-area", area=area).numpy()
    for one, region in zip(values.numpy(), found):
        head = np.sort(one.ravel())[::-1][: round(100 * area)]
        assert set(one[region]) == set(head[head > 0])


@pytest.mark.parametrize("levels", [2, 4, 30])
@pytest.mark.parametrize("area", [0.05, 0.25, 0.7])
def test_top_area_leaves_a_tie_at_the_cut_out(area, levels):
    """Never more than `area`; whatever is left out is below all that is in; and one more level
    would be too much.
    """
    values = torch.from_numpy(
        np.random.default_rng(levels).integers(-1, levels, (12, 10, 10)).astype(float)
    )
    for one, region in zip(values, select(values, "top-area", area=area)):
        assert region.sum() <= 100 * area
        assert not region.any() or one[region].min() > one[~region].max()
        rest = one[~region & (one > 0)]
        assert not len(rest) or region.sum() + (rest == rest.max()).sum() > 100 * area


DEGENERATE = {
    "zero": torch.zeros(4, 4),
    "negative": -torch.rand(4, 4, generator=torch.Generator().manual_seed(0)) - 0.1,
    "NaN": torch.full((4, 4), torch.nan),
    "one NaN": torch.arange(16.0)
    .view(4, 4)
    .index_put((torch.tensor(0), torch.tensor(0)), torch.tensor(torch.nan)),
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


@pytest.mark.parametrize("bins", [2, 4, 10, 16])
def test_bins_are_those_of_a_histogram(bins):
    for one, above, top in zip(
        maps(7), select(maps(7), "bins", bins=bins), select(maps(7), "bins", bins=bins, keep="top")
    ):
        positive = one[one > 0].numpy()
        counts, edges = np.histogram(positive, bins)
        wanted = (
            (one > 0) & (one >= edges[counts.argmax() + 1])
            if counts.argmax() < bins - 1
            else torch.zeros_like(above)
        )
        assert torch.equal(above, wanted) and torch.equal(top, one >= edges[-2])


def test_bins_by_hand():
    """From 1 to 5 in four bins: [1, 2) holds three, [2, 3) one, [3, 4) none, [4, 5] two."""
    values = torch.tensor([[[1.0, 1.5, 1.9], [2.5, 4.5, 5.0], [-7.0, 0.0, -1.0]]])
    assert torch.equal(select(values, "bins", bins=4), values > 2)
    assert torch.equal(select(values, "bins", bins=4, keep="top"), values > 4)
    tied = torch.tensor([[[1.0, 1.1, 2.0, 2.1, 5.0]]])
    assert torch.equal(select(tied, "bins", bins=4), tied > 1.9), "of two as populous, the lowest"


@pytest.mark.parametrize("k", [2, 3, 5])
def test_kmeans_is_the_top_group_of_scikit_learn(k):
    for one, region in zip(maps(8), select(maps(8), "kmeans", k=k)):
        positive = one[one > 0].numpy()[:, None]
        found = KMeans(k, n_init=50, random_state=0).fit(positive)
        wanted = torch.zeros_like(region)
        wanted[one > 0] = torch.from_numpy(found.labels_ == found.cluster_centers_[:, 0].argmax())
        assert torch.equal(region, wanted)


def test_otsu_is_scikit_images_threshold_of_the_positive_values():
    for one, region in zip(maps(9), select(maps(9), "otsu")):
        assert torch.equal(region, one > threshold_otsu(one[one > 0].numpy()))


def test_otsu_of_a_signed_map_scaled_to_8_bits():
    """As CheXlocalize makes masks: what is not red enough is below the threshold, and zero has no
    place of its own.
    """
    for one, region in zip(maps(10), select(maps(10), "otsu", of="signed", min_max=True)):
        grey = (255 * (one - one.min()) / (one.max() - one.min())).floor().numpy().astype(np.uint8)
        np.testing.assert_array_equal(region, grey > threshold_otsu(grey))
    small = torch.full((1, 20, 20), 0.0)
    small[0, 0, 0], small[0, 0, 1] = (
        -1.0,
        0.01,
    )  # one deep blue pixel, and all others are above the threshold
    assert select(small, "otsu", of="signed", min_max=True).sum() == 399
    assert select(small, "otsu").sum() == 0, "of positive relevance there is one value"


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_relative_max_by_definition(share):
    values = maps(11)
    wanted = (values > 0) & (values >= share * values.amax(dim=(1, 2), keepdim=True))
    assert torch.equal(select(values, "relative-max", share=share), wanted)


def test_meanshift_keeps_the_highest_mode_alone():
    rows = [
        [1.0, 1.1, 0.9, 1.05, 0.95],
        [5, 5.1, 9, 9.1, 8.9],
        [-9, -9, -9, -9, -9],
        [-9, 0, 0, 0, 0],
    ]
    values = torch.tensor([rows])
    assert torch.equal(select(values, "meanshift", bandwidth=1.0, keep="top"), values > 8)
    assert not select(
        torch.tensor([[[1.0, 1.1, 0.9, -3.0]]]), "meanshift", bandwidth=1.0, keep="top"
    ).any()


@pytest.mark.parametrize(
    "method, parameters", [("kmeans", {"k": 5}), ("meanshift", {"quantile": 0.3})]
)
def test_groups_by_position_find_a_bright_patch(method, parameters):
    """A patch of 20 x 20 that is much brighter than noise all around, at a size that is averaged
    first and one that is not.
    """
    random = np.random.default_rng(0)
    for size in (40, 160):
        values = torch.from_numpy(random.random((1, size, size)) * 0.1)
        patch = torch.zeros(1, size, size, dtype=torch.bool)
        patch[0, size // 4 : size // 2, size // 4 : size // 2] = True
        region = select(values + 5 * patch, method, space="position", **parameters)
        assert (region & patch).sum() / (region | patch).sum() > 0.9
        assert torch.equal(
            region, select(values + 5 * patch, method, space="position", **parameters)
        ), "it repeats"


def test_of_says_which_relevance_counts():
    values = torch.tensor([[[-4.0, -1.0, 0.0, 1.0, 2.0]]])
    chosen = {
        of: select(values, "top-area", area=0.4, of=of)[0, 0].tolist()
        for of in ("positive", "absolute", "signed")
    }
    assert chosen["positive"] == [False, False, False, True, True]
    assert chosen["absolute"] == [True, False, False, False, True]
    assert chosen["signed"] == [False, False, False, True, True]
    assert select(values, "relative-max", share=0.5, of="absolute")[0, 0].tolist() == [
        True,
        False,
        False,
        False,
        True,
    ]
    wide = select(
        values, "bins", bins=2, of="signed"
    )  # from -4 to 2: the upper half holds most, so nothing is above
    assert not wide.any() and select(values, "bins", bins=2, of="signed", keep="top").sum() == 4


@pytest.mark.parametrize("of", ["positive", "absolute", "signed"])
@pytest.mark.parametrize("method", SELECTIONS)
def test_broken_and_constant_maps_select_nothing_whatever_counts(method, of):
    values = torch.stack([DEGENERATE[name] for name in ("NaN", "one NaN", "constant")])
    assert not select(values, method, of=of).any()


def test_variants_are_the_headline_settings_and_what_is_swept():
    found = variants(
        {"kmeans": {"k": 3}, "otsu@alam-2023": {"of": "signed", "min_max": True}},
        {"kmeans": {"k": [2, 3], "space": ["value", "position"]}, "bins": {"bins": [4]}},
    )
    assert found == {
        "kmeans": {"method": "kmeans", "parameters": {"k": 3}},
        "otsu@alam-2023": {"method": "otsu", "parameters": {"of": "signed", "min_max": True}},
        "kmeans k=2": {"method": "kmeans", "parameters": {"k": 2}},
        "kmeans space=position": {"method": "kmeans", "parameters": {"k": 3, "space": "position"}},
    }
    for selections, sweep, message in [
        ({"ostu": {}}, {}, "'ostu'"),
        ({"otsu": {"of": "all"}}, {}, "of='all'"),
        ({"otsu": {"k": 3}}, {}, "no parameter 'k'"),
        ({"otsu": 3}, {}, "block"),
        ({"bins": {}}, {"bins": {"bins": 4}}, "list"),
        ({"bins": {}}, {"bins": [4]}, "block"),
        ({"bins": {}}, {"bin": {}}, "'bin'"),
    ]:
        with pytest.raises(ValueError, match=message):
            variants(selections, sweep)


@pytest.mark.parametrize("scale", [2.0**-20, 1 / 3, 0.5, 7.0, 2.0**30])
@pytest.mark.parametrize(
    "method, parameters", [*((name, {}) for name in SELECTIONS), ("meanshift", {"quantile": 0.1})]
)
def test_a_positive_scale_changes_nothing(method, parameters, scale):
    """With the bandwidth from the data; one that is given is in units of the map and scales with
    it.
    """
    values = maps(3)
    assert torch.equal(
        select(scale * values, method, **parameters), select(values, method, **parameters)
    )
    if method == "meanshift":
        given = select(values, method, bandwidth=0.37)
        assert torch.equal(select(scale * values, method, bandwidth=0.37 * scale), given)


def test_a_shift_is_no_matter_of_indifference():
    """Relevance has a zero: lifted above it, all pixels count, and the rule sees another
    distribution.
    """
    values = maps(4)
    assert not torch.equal(select(values + 10, "meanshift"), select(values, "meanshift"))


@pytest.mark.parametrize("method", SELECTIONS)
def test_a_batch_is_its_maps_one_by_one_in_any_order(method):
    values = maps(5)
    together = select(values, method)
    assert torch.equal(
        together, torch.cat([select(values[[i]], method) for i in range(len(values))])
    )
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
    with pytest.raises(ValueError, match="'ostu'.*meanshift, otsu"):
        select(maps(0), "ostu")
    for shape in [(4, 4), (1, 1, 4, 4)]:
        with pytest.raises(ValueError, match=r"\(N, H, W\)"):
            select(torch.ones(shape))
    for area in (0, -0.1, 1.01, float("nan")):
        with pytest.raises(ValueError, match="area"):
            select(maps(0), "top-area", area=area)
    for method, parameters, message in [
        ("top-area", {"quantile": 0.3}, "no parameter 'quantile'"),
        ("otsu", {"of": "negative"}, "of='negative'"),
        ("bins", {"bins": 1}, "at least 2"),
        ("bins", {"keep": "all"}, "'all'"),
        ("meanshift", {"keep": "all"}, "'all'"),
        ("meanshift", {"space": "time"}, "'time'"),
        ("kmeans", {"k": 1}, "at least 2"),
        ("kmeans", {"space": "time"}, "'time'"),
        ("relative-max", {"share": 0}, "share"),
    ]:
        with pytest.raises(ValueError, match=message):
            select(maps(0), method, **parameters)


def test_collapsed_bandwidths_are_told_from_maps_without_values():
    random = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    random[1] = -random[1]  # no value that takes part
    random[2] = (random[2] > 0.5) + 1e-9 * random[2]  # nearly all the same two values
    assert selection.collapsed(random, quantile=0.1).tolist() == [False, False, True]
    assert not selection.select(random, "meanshift", quantile=0.1)[1:].any()
    assert selection.select(random, "meanshift", quantile=0.1)[0].any()


@pytest.mark.parametrize("method", list(SELECTIONS))
@pytest.mark.parametrize("of", ["positive", "absolute", "signed"])
def test_levels_give_the_region_and_what_the_rule_sees(method, of):
    map_ = torch.randn(
        20, 30, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    ).cumsum(1)
    for one in (map_, torch.zeros_like(map_), -map_.abs(), map_.masked_fill(map_ > 4, torch.nan)):
        region, marks = levels(one, method, of)
        assert torch.equal(region, select(one[None], method, of)[0])
        assert marks == sorted(marks) or method == "meanshift"
    region, marks = levels(map_, method, of)
    expected = {"kmeans": 3, "bins": 11}.get(method)
    assert marks and (expected is None or len(marks) == expected)
    values = OF[of](map_)
    if method not in ("kmeans", "bins", "meanshift"):
        assert marks == [float(values[region].min())]


def test_levels_of_positions_are_refused():
    with pytest.raises(ValueError, match="positions"):
        levels(torch.ones(4, 4), "kmeans", space="position")
