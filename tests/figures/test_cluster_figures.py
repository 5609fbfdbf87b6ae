"""Figures of clusters: what is drawn where, read back from the artists and compared with what was
given.
"""

import drawn
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_hex

from regard.figures import clusters as cluster_figures
from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR

NAN = float("nan")
COLOURS = [colour.lower() for colour in cluster_figures.COLOURS]
SOFT = np.zeros((8, 8))
SOFT[2:4, 3:6] = 1.0
OUTLINE = (2.5, 1.5, 5.5, 3.5)


def test_colours_of_clusters_differ():
    assert len(set(COLOURS)) == len(COLOURS) == 20


def test_sweep_has_a_line_for_each_measure_and_an_interval_where_there_is_one():
    rows = [(4, "stability", "starts", 0.9, NAN, NAN), (8, "stability", "starts", 0.8, NAN, NAN)]
    rows += [
        (4, "fit", "share", 0.1, -0.3, 0.4),
        (8, "fit", "share", 0.2, 0.0, 0.5),
        (8, "fit", "other", 0.5, NAN, NAN),
    ]
    table = pd.DataFrame(rows, columns=["K", "panel", "line", "value", "low", "high"])
    stability, fit = drawn.axes_of(cluster_figures.sweep(table))
    assert (stability.get_title(), fit.get_title()) == (
        "stability",
        "fit",
    ) and fit.get_xlabel() == "clusters K"
    assert [line[:2] for line in drawn.curves(stability)] == [([4, 8], [0.9, 0.8])]
    assert [line[:2] for line in drawn.curves(fit)] == [([4, 8], [0.1, 0.2]), ([8], [0.5])]
    bands = [each for each in fit.collections if isinstance(each, FillBetweenPolyCollection)]
    corners = set(map(tuple, bands[0].get_paths()[0].vertices.tolist()))
    assert (
        len(bands) == 1
        and corners == {(4, -0.3), (4, 0.4), (8, 0.0), (8, 0.5)}
        and not stability.collections
    )
    assert (
        list(drawn.legend(fit)) == ["share", "other"] and len(set(drawn.legend(fit).values())) == 2
    )
    assert fit.get_ylim()[0] <= -0.3 and fit.get_ylim()[1] > 1, "no end of an interval is cut off"
    assert stability.get_xticks().tolist() == [4, 8]


def test_gallery_has_a_row_for_each_cluster():
    image = np.full((8, 8), 7, np.uint8)
    rows = [
        ("first", [(image, SOFT, "a"), (image + 1, SOFT * 0, "b")]),
        ("second", [(image + 2, SOFT, "c")]),
    ]
    panels = np.array(drawn.axes_of(cluster_figures.gallery(rows)), dtype=object).reshape(2, 2)
    assert [place.get_title() for place in panels.flat] == ["a", "b", "c", ""]
    assert [drawn.texts(panels[row, 0]) for row in range(2)] == [["first"], ["second"]]
    assert drawn.contours(panels[0, 0]) == [(OUTLINE, "#ffffff"), (OUTLINE, COLOURS[0])]
    assert (
        drawn.contours(panels[1, 0])[1] == (OUTLINE, COLOURS[1])
        and drawn.contours(panels[0, 1]) == []
    )
    assert not panels[1, 1].images and not panels[1, 1].axison


def shown(place, clusters: int) -> set[str]:
    """Colours of the pixels of an image of labels."""
    picture = place.images[0]
    assert picture.get_clim() == (-0.5, clusters - 0.5) and picture.get_interpolation() == "nearest"
    return {
        to_hex(colour) for colour in picture.cmap(picture.norm(picture.get_array())).reshape(-1, 4)
    }


LABELS = np.array([[0, 1], [1, 3]])


def test_segmentations_have_the_colours_of_the_legend():
    images = [np.zeros((2, 2), np.uint8), np.ones((2, 2, 3), np.uint8)]
    figure = cluster_figures.segmentations(images, [LABELS, LABELS * 0 + 2], ["a", "b"], 4)
    panels = np.array(drawn.axes_of(figure), dtype=object).reshape(2, 2)
    assert [place.get_title() for place in panels[0]] == ["a", "b"]
    said = drawn.legend(figure)
    assert said == {str(k + 1): COLOURS[k] for k in range(4)}
    assert shown(panels[1, 0], 4) == {said["1"], said["2"], said["4"]} and shown(
        panels[1, 1], 4
    ) == {said["3"]}
    np.testing.assert_array_equal(panels[0, 1].images[0].get_array(), images[1])


@pytest.mark.parametrize("count", [3, 10])
def test_stitched_tiles_stand_over_their_labels(count):
    tiles = {
        f"t{number}": (np.full((2, 2), number, np.uint8), LABELS * 0 + number % 4)
        for number in range(count)
    }
    across = min(8, count)
    panels = np.array(drawn.axes_of(cluster_figures.stitched(tiles, 4)), dtype=object).reshape(
        -1, across
    )
    assert len(panels) == 2 * -(-count // 8)
    for number in range(count):
        above, below = panels[2 * (number // across) : 2 * (number // across) + 2, number % across]
        assert above.get_title() == f"t{number}" and (above.images[0].get_array() == number).all()
        assert shown(below, 4) == {COLOURS[number % 4]}


def test_dictionaries_and_their_intervals():
    rows = [
        ("nmf", "fit", 0.6, 0.5, 0.7),
        ("colours", "fit", 0.3, 0.2, 0.4),
        ("nmf", "purity", 0.9, 0.8, 1.0),
    ]
    table = pd.DataFrame(rows, columns=["dictionary", "measure", "value", "ci_low", "ci_high"])
    fit, purity = drawn.axes_of(cluster_figures.dictionaries(table, ["fit", "purity"], "nmf"))
    assert drawn.ticks(fit) == ["nmf", "colours"] and (fit.get_title(), purity.get_title()) == (
        "fit",
        "purity",
    )
    assert drawn.points(fit) == [([(0.6, 1), (0.3, 0)], [METHOD_COLOUR.lower(), NULL_COLOUR])]
    assert drawn.segments(fit) == [((0.5, 1), (0.7, 1)), ((0.2, 0), (0.4, 0))]
    np.testing.assert_array_equal(drawn.points(purity)[0][0], [(0.9, 1), (NAN, NAN)])


def test_removals_beside_their_control():
    predicted, found = np.array([[0.1, 0.4], [0.3, -0.2]]), np.array([[0.2, 0.4], [0.2, -0.4]])
    figure = cluster_figures.removals(predicted, found, found / 4)
    assert figure.get_size_inches()[0] <= 7.4, "the width of a page's text"
    scattered, bars = drawn.axes_of(figure)
    assert [points for points, _ in drawn.points(scattered)] == [
        [(0.1, 0.2), (0.3, 0.2)],
        [(0.4, 0.4), (-0.2, -0.4)],
    ]
    assert drawn.curves(scattered)[0][:2] == ([-0.4, 0.4], [-0.4, 0.4]), "where both are equal"
    assert (
        scattered.get_xlabel() == "predicted fall of the output"
        and scattered.get_ylabel() == "measured"
    )
    own, control = bars.containers
    np.testing.assert_allclose([bar.get_height() for bar in own], [0.2, 0.4])
    np.testing.assert_allclose([bar.get_height() for bar in control], [0.05, 0.1])
    assert [to_hex(bar.get_facecolor()) for bar in own] == COLOURS[:2]
    assert to_hex(control[0].get_facecolor()) == CHANCE_COLOUR.lower()
    assert drawn.ticks(bars, "x") == ["1", "2"] and list(drawn.legend(bars)) == [
        "channels shuffled"
    ]


def test_no_letters_are_smaller_than_six_points():
    image = np.zeros((8, 8), np.uint8)
    assert (
        drawn.smallest_letters(cluster_figures.gallery([("first", [(image, SOFT, "a")] * 4)])) >= 6
    )
    assert (
        drawn.smallest_letters(
            cluster_figures.segmentations([image] * 3, [image] * 3, ["a"] * 3, 4)
        )
        >= 6
    )
    assert drawn.smallest_letters(cluster_figures.removals(np.eye(2), np.eye(2), np.eye(2))) >= 6
