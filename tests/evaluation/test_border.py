"""How often maxima lie at the border of the image: by hand, against what area gives, and of a map
that convolutions' padding makes.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion

from regard.data import letterbox
from regard.evaluation import localisation, stratified

NAN = float("nan")


@settings(deadline=None, max_examples=30)
@given(st.integers(14, 90), st.integers(14, 90))
def test_the_border_is_what_erosion_takes_away(height, width):
    """scipy's erosion, the outside counted as empty, as often as whole pixels lie within the width
    of the ring.
    """
    times = int(
        np.ceil(max(height, width) / 14 - 0.5)
    )  # centres at 0.5, 1.5, ... that are less than the width from the edge
    kept = (
        binary_erosion(np.ones((height, width), bool), np.ones((3, 3)), iterations=times)
        if times
        else True
    )
    np.testing.assert_array_equal(stratified.ring(height, width), ~kept)


def test_shares_by_hand():
    """A square of 14: the ring is one pixel, 52 of 196. Of five maxima of five patients two lie in
    it; a sixth map has none.
    """
    middle, corner, edge = (0.5, 0.5), (0.01, 0.01), (0.5, 0.99)
    places = {"cam": [corner, edge, middle, middle, middle, (NAN, NAN)], "centre": [middle] * 6}
    padded = {"cam": [True] + [False] * 5, "centre": [False] * 6}
    half = np.zeros((14, 14), bool)
    half[:, :2] = (
        True  # 28 pixels, of which the first column and one more at either end lie in the ring
    )
    experts = [half, np.zeros((14, 14), bool), None, None, None, half]
    table = stratified.borders(
        places, padded, [(14, 14)] * 6, experts, list("abcdef"), ["centre"]
    ).set_index("method")
    assert list(table.reset_index().columns) == stratified.BORDERS
    cam, centre = table.loc["cam"], table.loc["centre"]
    assert cam["value"] == pytest.approx(2 / 5) and centre["value"] == 0
    assert cam["expected"] == centre["expected"] == pytest.approx(52 / 196)
    assert cam["expert"] == pytest.approx(16 / 28)
    assert (cam["n_maps"], cam["n_patients"], cam["in_padding"], cam["kind"]) == (5, 5, 1, "method")
    assert (centre["n_maps"], centre["in_padding"], centre["kind"]) == (6, 0, "null")
    assert cam["ci_low"] < 2 / 5 < cam["ci_high"] and 0 == centre["ci_low"] < centre["ci_high"] < 1


def test_a_point_at_random_is_at_the_border_as_often_as_its_area_says():
    random, shapes = np.random.default_rng(0), [(100, 60), (40, 120)] * 1500
    places = {"random": [tuple(place) for place in random.random((3000, 2))]}
    table = stratified.borders(
        places, {"random": [False] * 3000}, shapes, [None] * 3000, np.arange(3000)
    ).iloc[0]
    assert table["ci_low"] < table["expected"] < table["ci_high"] and np.isnan(table["expert"])
    assert table["expected"] == pytest.approx(
        np.mean([stratified.ring(100, 60).mean(), stratified.ring(40, 120).mean()])
    )
    assert "prefers" not in stratified.of_border(table)


def test_few_patients_have_no_interval_and_nothing_is_said_of_preference():
    places = {"cam": [(0.01, 0.01)] * 4}
    table = stratified.borders(
        places, {"cam": [False] * 4}, [(28, 28)] * 4, [None] * 4, list("abcd")
    )
    assert table["value"][0] == 1 and table[["ci_low", "ci_high"]].isna().all(axis=None)
    assert "no interval" in stratified.of_border(
        table.iloc[0]
    ) and "prefers" not in stratified.of_border(table.iloc[0])
    more = stratified.borders(
        places | {"cam": [(0.01, 0.01)] * 9},
        {"cam": [False] * 9},
        [(28, 28)] * 9,
        [None] * 9,
        range(9),
    )
    assert stratified.of_border(more.iloc[0]).endswith("the map prefers the border")
    empty = stratified.borders(
        {"cam": [(NAN, NAN)]}, {"cam": [False]}, [(28, 28)], [None], ["a"]
    ).iloc[0]
    assert empty["n_maps"] == 0 and np.isnan(empty["value"]) and np.isnan(empty["expected"])


def test_what_is_largest_in_the_padding_is_told_from_what_is_not():
    box = letterbox.letterbox(20, 40, 40)
    heat = np.zeros((40, 40))
    assert not stratified.in_padding(heat, box), "a tie is no preference"
    heat[0, 5] = 1.0
    assert stratified.in_padding(heat, box)
    heat[box.top, 5] = 2.0
    assert not stratified.in_padding(heat, box)
    heat = -np.ones((40, 40))
    heat[0, 0] = -0.5
    assert stratified.in_padding(heat, box), "also where all is negative"


@pytest.mark.parametrize("padding_mode, prefers", [("zeros", True), ("replicate", False)])
def test_zero_padding_alone_makes_a_map_prefer_the_border(padding_mode, prefers):
    """A convolution that answers to dark spots, of an image with one in the middle and a fainter
    one in a corner: with zeros around the image its border is the darkest of all.
    """
    layer = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False, padding_mode=padding_mode)
    torch.nn.init.constant_(layer.weight, -1.0)
    image = torch.ones(1, 1, 14, 14)
    image[0, 0, 6, 6], image[0, 0, 0, 0] = 0.5, 0.9
    heat = layer(image)[0, 0].detach()
    place = localisation.place_of_maximum(heat.numpy(), letterbox.letterbox(14, 14, 14))
    table = stratified.borders(
        {"cam": [place] * 9}, {"cam": [False] * 9}, [(14, 14)] * 9, [None] * 9, range(9)
    )
    assert (
        table["value"][0] == prefers
        and ("prefers" in stratified.of_border(table.iloc[0])) == prefers
    )
