"""Figures of all studies together: what is drawn where, read back from the artists and compared
with the table.
"""

import drawn
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from regard.figures import paper as paper_figures
from regard.figures.clusters import COLOURS
from regard.figures.style import CHANCE_COLOUR, METHOD_COLOUR, NULL_COLOUR

NAN = float("nan")
BLUE, GREY, ORANGE = METHOD_COLOUR.lower(), NULL_COLOUR, CHANCE_COLOUR.lower()
NULLS = ["centre", "edges"]


def frame(names: str, *rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=names.split())


def test_overview_colours_what_is_left_above_chance():
    """Null maps last and grey; brackets where a map was made of fewer cases; a dash where there is
    no mean.
    """
    table = frame(
        "study method score mean chance n_maps",
        ("chest", "edges", "iou", 0.4, 0.4, 9),
        ("chest", "cam", "iou", 0.9, 0.1, 9),
        ("breast", "cam", "iou", 0.2, 0.3, 4),
        ("breast", "edges", "iou", NAN, 0.3, 8),
        ("breast", "cam", "mass", 0.5, 0.5, 4),
    )
    figure = paper_figures.overview(table, {"iou": "overlap", "mass": "inside"}, NULLS)
    first, second = drawn.axes_of(figure)
    assert (first.get_title(), second.get_title()) == ("overlap", "inside")
    assert drawn.ticks(first) == ["cam", "edges"] and drawn.ticks(first, "x") == ["chest", "breast"]
    assert [to_hex(tick.get_color()) for tick in first.get_yticklabels()] == ["#000000", "#666666"]
    gained = np.ma.filled(first.images[0].get_array().astype(float), NAN)
    np.testing.assert_allclose(gained, [[0.8, -0.1], [0, NAN]])
    assert first.images[0].get_clim() == second.images[0].get_clim() == pytest.approx((-0.8, 0.8))
    assert first.images[0].get_cmap().name == "RdBu_r", "red above chance, blue below"
    said = [(text.get_text(), to_hex(text.get_color())) for text in first.texts]
    assert said == [
        ("0.90", "#ffffff"),
        ("(0.20)", "#000000"),
        ("0.40", "#000000"),
        ("–", "#000000"),
    ]
    assert drawn.texts(second) == ["–", "0.50", "–", "–"]


@pytest.mark.parametrize("count", [2, 9])
def test_controls_of_studies(count):
    """Left: hits less chance, the best null map named, though another is undefined. Right: networks
    that forgot everything alone.
    """
    studies = [f"s{number}" for number in range(count)]
    row = [("cam", 0.7, 0.2), ("lrp", 0.3, 0.2), ("centre", 0.6, 0.2), ("edges", NAN, 0.2)]
    hits = frame(
        "study method mean chance", *((study, *values) for study in studies for values in row)
    )
    rows = [
        ("cascade", "cam", "3 of 3", 0.1),
        ("cascade", "cam", "1 of 3", 0.9),
        ("cascade", "lrp", "3 of 3", -0.8),
    ]
    rows += [("unrelated", "cam", NAN, 0.4), ("noise", "cam", NAN, 0.5)]
    trust = frame(
        "study check method level mean", *((study, *values) for study in studies for values in rows)
    )
    figure = paper_figures.controls(hits, trust, NULLS)
    left, right = drawn.axes_of(figure)
    assert drawn.ticks(left) == studies[::-1] and left.get_xlabel() == "hit rate less chance"
    methods, nulls = drawn.points(left)[:2]
    np.testing.assert_allclose(methods[0], [(0.5, 0.14), (0.1, 0.14)])
    np.testing.assert_allclose(nulls[0][0], (0.4, -0.14))
    assert (methods[1], nulls[1]) == ([BLUE], [GREY])
    assert [(text.get_text(), text.xy[0]) for text in left.texts] == [
        ("centre", pytest.approx(0.4))
    ] * count
    assert drawn.curves(left)[0][0] == [0, 0] and drawn.curves(left)[0][2] == ORANGE
    assert drawn.ticks(right) == ["lrp", "cam"]
    forgot, rings = drawn.points(right)[:2]
    assert [x for x, _ in forgot[0]] == [0.1, -0.8] and [round(y) for _, y in forgot[0]] == [1, 0]
    assert [x for x, _ in rings[0]] == [0.4] and rings[1] == []
    assert right.get_xlim()[0] <= -0.8
    said = drawn.legend(figure)
    assert list(said) == ["method", "null map", *studies, "maps of other images"]
    assert len({said[study] for study in studies}) == min(count, 7)


def test_controls_without_a_null_map():
    hits = frame("study method mean chance", ("s", "cam", 0.7, 0.2))
    trust = frame("study check method level mean", ("s", "cascade", "cam", "2 of 2", 0.1))
    assert drawn.texts(drawn.axes_of(paper_figures.controls(hits, trust, NULLS))[0]) == []


@pytest.mark.parametrize("count", [2, 9])
def test_cost_and_quality_by_cost(count):
    studies = [f"s{number}" for number in range(count)]
    rows = [("lime", 500.0, 0.1, NAN), ("cam", 1.0, 0.4, 0.2), ("lrp", 2.0, -0.1, 0.3)]
    values = [(study, *row) for study in studies for row in rows]
    figure = paper_figures.cost_and_quality(
        frame("study method passes localises faithful", *values)
    )
    passes, hits, faithful = drawn.axes_of(figure)
    assert drawn.ticks(passes) == ["lime", "lrp", "cam"], "the cheapest on top"
    assert passes.get_xscale() == "log" and hits.get_xscale() == faithful.get_xscale() == "linear"
    assert [x for x, _ in drawn.points(passes)[0][0]] == [500, 2, 1]
    assert [x for x, _ in drawn.points(hits)[0][0]] == [0.1, -0.1, 0.4]
    np.testing.assert_array_equal([x for x, _ in drawn.points(faithful)[0][0]], [NAN, 0.3, 0.2])
    np.testing.assert_allclose([low[0] for low, _ in drawn.segments(hits)], [0.1, -0.1, 0.4])
    assert len(hits.lines) == 1 and drawn.curves(hits)[0][0] == [0, 0] and not passes.lines
    said = drawn.legend(figure)
    assert list(said) == studies and len(set(said.values())) == min(count, 7)


def test_the_line_of_a_cost_is_the_mean_over_studies():
    table = frame(
        "study method passes localises faithful",
        ("a", "cam", 1.0, 0.2, NAN),
        ("b", "cam", 3.0, 0.6, 0.5),
    )
    ends = [
        drawn.segments(place)[0] for place in drawn.axes_of(paper_figures.cost_and_quality(table))
    ]
    assert [low[0] for low, _ in ends] == [2, pytest.approx(0.4), 0.5]
    assert ends[0] == ((2, -0.35), (2, 0.35))


def test_columns_outline_half_of_the_largest_value():
    image, soft = np.full((8, 8), 7, np.uint8), np.zeros((8, 8))
    soft[2:4, 3:6] = 1.0
    tiles = [[(image, soft, "a"), (image + 1, soft * 0, "b")], [(image + 2, soft, "c")]]
    figure = paper_figures.columns(tiles, COLOURS)
    panels = np.array(drawn.axes_of(figure), dtype=object).reshape(2, 2)
    assert [place.get_title() for place in panels.flat] == ["cluster 1\na", "cluster 2\nc", "b", ""]
    extent = (2.5, 1.5, 5.5, 3.5)
    assert drawn.contours(panels[0, 0]) == [(extent, "#ffffff"), (extent, COLOURS[0].lower())]
    assert (
        drawn.contours(panels[0, 1])[1] == (extent, COLOURS[1].lower())
        and drawn.contours(panels[1, 0]) == []
    )
    assert [int(place.images[0].get_array()[0, 0]) for place in (*panels[0], panels[1, 0])] == [
        7,
        9,
        8,
    ]
    assert not panels[1, 1].images and not panels[1, 1].axison


def test_strips_have_their_titles():
    strip = np.arange(40, dtype=np.uint8).reshape(4, 10)
    panels = drawn.axes_of(paper_figures.strips([("unit 1", strip), ("unit 2", strip + 1)]))
    assert [drawn.texts(place) for place in panels] == [["unit 1"], ["unit 2"]]
    np.testing.assert_array_equal(panels[1].images[0].get_array(), strip + 1)


def test_steadiness_is_measured_in_arms_of_the_first_interval():
    """From 0.5, arms of 0.1 below and 0.2 above: 0.7 is one arm away, 0.45 half an arm, 0.9 two,
    -0.5 ten.
    """
    rows = [
        (
            "a",
            "hits",
            0.5,
            0.4,
            0.7,
            "holds",
            [0.7, 0.45, 0.9, -0.5],
            ["holds", "holds", "undecided", "holds"],
        )
    ]
    rows += [("a", "flat", 0.5, 0.5, 0.5, "on phantoms: undecided", [0.6], ["undecided"])]
    rows += [("b", "order", NAN, NAN, NAN, "not tested", [0.1], ["not tested"])]
    figure = paper_figures.steadiness(
        frame("study name reference low high verdict values verdicts", *rows)
    )
    first, second = (place for place in figure.axes if place.get_title(loc="left"))
    assert [place.get_title(loc="left") for place in (first, second)] == ["a", "b"]
    assert drawn.ticks(first) == ["hits", "flat"] and first.get_ylim()[0] > first.get_ylim()[1], (
        "the first on top"
    )
    marks = [found for found, _ in drawn.points(first) if found]
    assert [place for (place,) in marks[:3]] == [
        pytest.approx(place) for place in ((1, 0), (-0.5, 0), (2, 0))
    ]
    far = paper_figures.FARTHEST
    assert marks[3:] == [[(-far, 0)], [(-far - 0.3, 0)]], "what lies beyond is an arrow at the edge"
    assert first.get_xlim()[0] < -far - 0.3 and not [
        found for found, _ in drawn.points(second) if found
    ]
    same, another = paper_figures._rerun(True), paper_figures._rerun(False)
    assert (same["marker"], another["marker"]) == ("o", "x")
    faces = [colours for found, colours in drawn.points(first) if found]
    assert faces[:3] == [[], [], [ORANGE]], "rings are empty, and 0.9 had another verdict"
    said = [text.get_text() for text in first.child_axes[0].get_yticklabels()]
    assert said == ["holds", "undecided"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["a rerun, the same verdict", "a rerun, another verdict"]


def figures():
    overview = frame("study method score mean chance n_maps", ("a", "cam", "iou", 0.4, 0.2, 9))
    yield paper_figures.overview(
        pd.concat([overview] * 9).assign(method=list("abcdefghi")), {"iou": "overlap"}, NULLS
    )
    trust = frame("study check method level mean", ("a", "cascade", "cam", "2 of 2", 0.1))
    yield paper_figures.controls(
        frame("study method mean chance", ("a", "centre", 0.7, 0.2)), trust, NULLS
    )
    yield paper_figures.strips([("unit", np.zeros((40, 400), np.uint8))])
    yield paper_figures.columns([[(np.zeros((8, 8)), np.zeros((8, 8)), "a")]] * 4, COLOURS)
    cost = frame("study method passes localises faithful", ("a", "cam", 1.0, 0.2, 0.1))
    yield paper_figures.cost_and_quality(pd.concat([cost] * 9).assign(method=list("abcdefghi")))
    row = ("a", "hits", 0.5, 0.4, 0.7, "holds", [0.7], ["holds"])
    yield paper_figures.steadiness(
        frame("study name reference low high verdict values verdicts", *[row] * 9)
    )


@pytest.mark.parametrize("number", range(6))
def test_a_figure_is_as_wide_as_the_page_with_letters_that_can_be_read(number):
    figure = list(figures())[number]
    assert figure.get_figwidth() == paper_figures.WIDTH and drawn.smallest_letters(figure) >= 6
