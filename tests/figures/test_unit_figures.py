"""Figures of units: what is drawn where, read back from the artists and compared with what was
given.
"""

import drawn
import numpy as np
import pandas as pd
from test_figures import REGIONS, edges, square

from regard.figures import units as unit_figures
from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR

NAN = float("nan")
BLUE, GREY, ORANGE = METHOD_COLOUR.lower(), NULL_COLOUR, CHANCE_COLOUR.lower()
PUBLISHED, DISSECTION = unit_figures.PUBLISHED.lower(), unit_figures.DISSECTION.lower()
IMAGE = np.full((12, 16), 7, np.uint8)


def test_pages_outline_both_rules():
    tiles = [
        (IMAGE, square(), square(5, 6), "a"),
        (IMAGE + 1, square() | True, square() & False, "b"),
    ]
    figure = unit_figures.pages([("unit 1", tiles), ("unit 2", tiles[1:])])
    panels = np.array(drawn.axes_of(figure), dtype=object).reshape(2, 3)
    assert [drawn.texts(place) for place in panels[:, 0]] == [["unit 1"], ["unit 2"]]
    assert drawn.contours(panels[0, 1]) == [(edges(), PUBLISHED), (edges(5, 6), DISSECTION)]
    assert drawn.contours(panels[0, 2]) == [], "neither a whole image nor nothing has an outline"
    assert [place.get_title() for place in panels.flat] == ["", "a", "b", "", "b", ""]
    assert not panels[1, 2].images and list(drawn.legend(figure).values()) == [
        PUBLISHED,
        DISSECTION,
    ]
    assert drawn.smallest_letters(figure) >= 6


def test_explained_says_where_units_speak_and_where_they_are_silent():
    speaking = [(square(), "unit 3: rim"), (square() & False, "unit 9: calcification")]
    figure = unit_figures.explained([(IMAGE, speaking, ["A title", "word " * 40])])
    plain, outlined, text = drawn.axes_of(figure)
    assert len(plain.images) == len(outlined.images) == 1 and drawn.contours(plain) == []
    assert drawn.contours(outlined) == [(edges(), REGIONS[0])]
    title, body, first, second = text.texts
    assert (
        title.get_text() == "A title"
        and title.get_weight() == "bold"
        and body.get_weight() == "normal"
    )
    assert (
        body.get_text().split() == ["word"] * 40
        and max(map(len, body.get_text().splitlines())) <= 66
    )
    assert (
        first.get_text() == "unit 3: rim"
        and second.get_text() == "unit 9: calcification: below its threshold"
    )
    assert [line[2] for line in drawn.curves(text)] == REGIONS[:2]
    heights = [each.get_position()[1] for each in text.texts]
    assert heights == sorted(heights, reverse=True) and len(set(heights)) == 4
    assert heights[0] == 1 and heights[-1] > 0, "from the top of the panel, within it"
    assert drawn.smallest_letters(figure) >= 6


def test_consistency_and_its_intervals():
    names = ["explanation", "measure", "value", "ci_low", "ci_high", "baseline"]
    rows = [
        ("ours", "recall", 0.6, 0.5, 0.7, False),
        ("commonest words", "recall", 0.3, 0.2, 0.4, True),
    ]
    table = pd.DataFrame([*rows, ("ours", "F1", 0.5, 0.4, 0.6, False)], columns=names)
    recall, second = drawn.axes_of(unit_figures.consistency(table, ["recall", "F1"]))
    assert drawn.ticks(recall) == ["ours", "commonest words"] and (
        recall.get_title(),
        second.get_title(),
    ) == (
        "recall",
        "F1",
    )
    assert drawn.points(recall) == [([(0.6, 1), (0.3, 0)], [BLUE, GREY])]
    assert drawn.segments(recall) == [((0.5, 1), (0.7, 1)), ((0.2, 0), (0.4, 0))]
    np.testing.assert_array_equal(drawn.points(second)[0][0], [(0.5, 1), (NAN, NAN)])
    assert recall.get_xlim() == second.get_xlim() == (0, 1)


def test_words_of_units_and_of_the_output():
    names = ["word", "source", "value", "ci_low", "ci_high"]
    rows = [
        ("mass", "units", 0.8, 0.7, 0.9),
        ("mass", "output", 0.6, 0.5, 0.7),
        ("rim", "best unit", 0.9, 0.8, 1.0),
    ]
    figure = unit_figures.words(pd.DataFrame(rows, columns=names))
    (place,) = drawn.axes_of(figure)
    assert drawn.ticks(place) == ["mass", "rim"] and place.get_xlim() == (0, 1)
    of_units, best, output = (np.array(points) for points, _ in drawn.points(place))
    np.testing.assert_allclose(of_units, [(0.8, 1.22), (NAN, NAN)])
    np.testing.assert_allclose(best, [(NAN, NAN), (0.9, 0)])
    np.testing.assert_allclose(output, [(0.6, 0.78), (NAN, NAN)])
    ends = drawn.segments(place)
    np.testing.assert_allclose(
        ends, [[(0.7, 1.22), (0.9, 1.22)], [(0.8, 0), (1.0, 0)], [(0.5, 0.78), (0.7, 0.78)]]
    )
    assert drawn.curves(place)[0][0] == [0.5, 0.5] and drawn.curves(place)[0][2] == ORANGE
    assert list(drawn.legend(figure)) == [
        "units of that label",
        "best unit",
        "the network's output",
    ]
    assert len(set(drawn.legend(figure).values())) == 3


def test_removals_beside_other_units():
    names = ["name", "value", "ci_low", "ci_high", "as", "control"]
    rows = [
        ("labelled", 0.5, 0.4, 0.6, "active", 0.2),
        ("labelled", 0.5, 0.4, 0.6, "influential", 0.4),
    ]
    table = pd.DataFrame([*rows, ("others", -0.1, -0.2, 0.0, "active", 0.1)], columns=names)
    (place,) = drawn.axes_of(unit_figures.removals(table))
    own, active, influential = drawn.points(place)
    assert own == ([(0.5, 0), (-0.1, 1)], [BLUE])
    assert active == ([(0.2, 0), (0.1, 1)], [GREY]) and influential == ([(0.4, 0)], [ORANGE])
    assert drawn.segments(place) == [((0.4, 0), (0.6, 0)), ((-0.2, 1), (0.0, 1))]
    assert drawn.ticks(place) == ["labelled", "others"] and place.get_ylim() == (1.5, -0.5), (
        "the first on top"
    )
    assert list(drawn.legend(place)) == [
        "these units",
        "as many as active",
        "as many as influential",
    ]
