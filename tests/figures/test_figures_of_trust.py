"""Figures of trust.csv and sheets of cases: what is drawn where, read back from the artists."""

import drawn
import numpy as np
import pandas as pd
import pytest
from test_figures import BLUE, GREY, IMAGE, NAN, ORANGE, edges, square

from regard.figures import cases as case_figures
from regard.figures import maps as map_figures
from regard.figures import scores as score_figures
from regard.figures import trust as trust_figures


def trust(*rows: tuple, **columns) -> pd.DataFrame:
    names = ["check", "measure", "method", "control", "level", "mean", "ci_low", "ci_high"]
    return pd.DataFrame(
        [row + (NAN,) * (len(names) - len(row)) for row in rows], columns=names
    ).assign(**columns)


def test_methods_stand_beside_maps_as_smooth_and_pixels_in_random_order():
    table = trust(
        ("faithfulness", "deletion", "cam", NAN, NAN, 0.3, 0.2, 0.4),
        ("faithfulness", "deletion", "cam", "as smooth", NAN, 0.6),
        ("faithfulness", "deletion", "lrp", NAN, NAN, 0.1, 0.0, 0.2),
        ("faithfulness", "deletion", NAN, "random", NAN, 0.5),
        ("faithfulness", "insertion", NAN, "random", NAN, 0.7),
        ("noise", "deletion", "lime", NAN, NAN, 0.9),
    )
    figure = trust_figures.against_controls(table, ["deletion", "insertion"])
    first, second = drawn.axes_of(figure)
    assert drawn.ticks(first) == ["cam", "lrp"] and first.get_title() == "deletion"
    smooth, own = drawn.points(first)
    assert own == ([(0.3, 1), (0.1, 0)], [BLUE]) and smooth[1] == [GREY]
    np.testing.assert_array_equal(smooth[0], [(0.6, 1), (NAN, NAN)])
    assert drawn.segments(first) == [((0.2, 1), (0.4, 1)), ((0.0, 0), (0.2, 0))]
    assert drawn.curves(first) == [([0.5, 0.5], [0, 1], ORANGE)] and drawn.curves(second)[0][0] == [
        0.7,
        0.7,
    ]
    assert list(drawn.legend(figure).values()) == [BLUE, GREY, ORANGE]


@pytest.mark.parametrize("count", [2, 9])
def test_curves_of_methods_of_their_controls_and_of_random_order(count):
    methods = [f"m{number}" for number in range(count)]
    points = pd.DataFrame(
        {
            "measure": mode,
            "method": method,
            "control": control,
            "share": share,
            "mean": value * share,
        }
        for mode, value in (("deletion", 0.5), ("insertion", 0.8))
        for method, control in [
            ("", "random"),
            *((name, kind) for name in methods for kind in ("", "as smooth")),
        ]
        for share in (0.0, 0.5, 1.0)
    )
    figure = trust_figures.curves(points, methods)
    first, second = drawn.axes_of(figure)
    assert (first.get_title(), second.get_title()) == ("deletion", "insertion")
    assert first.get_xlabel() == "share of the pixels" and first.get_ylabel() == "probability"
    assert [line[:2] for line in drawn.curves(first)] == [([0, 0.5, 1], [0, 0.25, 0.5])] * (
        1 + 2 * count
    )
    assert drawn.curves(second)[1][1] == [0, 0.4, 0.8]
    assert [line.get_linestyle() for line in first.lines[:3]] == [":", "-", "--"]
    said = drawn.legend(figure)
    assert said["m0"] == said["m0, as smooth"] and len({said[name] for name in methods}) == count


def test_cascade_scales_each_map_for_itself_and_outlines_the_region_on_the_image():
    heats = {
        "signed": np.stack([np.full((12, 16), -2.0), np.full((12, 16), 0.5)]),
        "zero": np.zeros((2, 12, 16)),
    }
    figure = map_figures.cascade(IMAGE, heats, ["trained", "features.28"], square())
    panels = np.array(drawn.axes_of(figure), dtype=object).reshape(2, 3)
    assert [place.get_title() for place in panels[0]] == ["signed", "trained", "down to\n28"]
    assert [place.get_title() for place in panels[1]] == ["zero", "", ""]
    assert drawn.contours(panels[0, 0]) == [(edges(), "#ffffff")]
    clims = [place.images[0].get_clim() for place in (*panels[0, 1:], *panels[1, 1:])]
    assert clims == [(-2, 2), (0, 0.5), (0, 1), (0, 1)]
    assert panels[0, 1].images[0].get_cmap().name == "RdBu_r"


def test_similarity_marks_each_check_and_cuts_nothing_off():
    table = trust(
        ("cascade", "SSIM", "cam", NAN, "down to 2 of 2", 0.2),
        ("cascade", "SSIM", "cam", NAN, "down to 1 of 2", 0.6),
        ("noise", "SSIM", "cam", NAN, NAN, 0.9),
        ("unrelated", "SSIM", "cam", NAN, NAN, 0.4),
        ("cascade", "SSIM", "lrp", NAN, "down to 1 of 2", -0.7),
        ("agreement", "SSIM", "lime", NAN, "cam", 0.1),
    )
    figure = trust_figures.similarity(table, ["SSIM"])
    (place,) = drawn.axes_of(figure)
    assert drawn.ticks(place) == ["cam", "lrp"] and place.get_title() == "SSIM"
    layers, whole, noise, seed, unrelated = (found for found, _ in drawn.points(place))
    assert layers == [(0.6, 1), (-0.7, 0)] and whole == [(0.2, 1)], (
        "the more layers forget, the darker"
    )
    shades = [colours[0] for _, colours in drawn.points(place)[:2]]
    assert shades[1] == "#000000" < shades[0]
    assert noise == [(0.9, 1)] and seed == [] and unrelated == [(0.4, 1)]
    low, high = place.get_xlim()
    assert low < -0.7 and high > 1


def test_agreement_is_symmetric_and_a_pair_that_was_not_compared_is_undefined():
    rows = [
        ("agreement", "rank correlation", *pair)
        for pair in (("a", NAN, "b", 0.5), ("a", NAN, "c", -0.04))
    ]
    figure = trust_figures.agreement(
        trust(*rows, ("agreement", "rank correlation", "c", NAN, "d", NAN))
    )
    (place,) = drawn.axes_of(figure)
    wanted = np.full((4, 4), NAN)
    np.fill_diagonal(wanted, 1)
    for row, column, value in ((0, 2, 0.5), (0, 1, -0.04)):
        wanted[row, column] = wanted[column, row] = value
    assert drawn.ticks(place) == drawn.ticks(place, "x") == ["a", "c", "b", "d"]
    np.testing.assert_array_equal(
        np.ma.filled(place.images[0].get_array().astype(float), NAN), wanted
    )
    assert place.images[0].get_clim() == (-1, 1)
    white = [text.get_text() for text in place.texts if text.get_color() == "white"]
    assert white == ["1.0"] * 4, "letters are white on what is dark, and there alone"
    assert drawn.texts(place) == ["1.0", "0.0", "0.5", "–", "0.0", "1.0", "–", "–"] + [
        "0.5",
        "–",
        "1.0",
        "–",
    ] + [
        "–",
        "–",
        "–",
        "1.0",
    ]


@pytest.mark.parametrize("kind", ["label", "findings"])
def test_contact_sheet_takes_cases_of_every_label(kind):
    """Twenty of one and two of the other: six panels show both, with names, regions and what is
    said of the case.
    """
    said = ["0"] * 20 + ["1"] * 2
    table = pd.DataFrame({"case": [f"c{number:02d}" for number in range(22)]})
    table = (
        table.assign(label=np.where(np.array(said) == "1", "bad", "good"))
        if kind == "label"
        else table
    )
    table, findings = (table, []) if kind == "label" else (table.assign(nodule=said), ["nodule"])
    images, masks = (
        [np.full((800, 900), number, np.uint8) for number in range(22)],
        [square(shape=(800, 900))] * 22,
    )
    masks[20] = None
    figure = case_figures.contact_sheet(table, images, {"mass": masks}, findings, count=6)
    panels = [place for place in drawn.axes_of(figure) if place.images]
    words = {"label": ("good", "bad"), "findings": ("no finding", "nodule")}[kind]
    wanted = (
        [20, 21, 0, 9, 19] if kind == "label" else [0, 9, 19, 20, 21]
    )  # by the name of the group
    assert [place.get_title() for place in panels] == [
        f"c{at:02d}\n{words[at > 19]}" for at in wanted
    ]
    assert [int(place.images[0].get_array()[0, 0]) for place in panels] == wanted
    assert panels[0].images[0].get_array().shape == (400, 450), "no finer than it is seen"
    assert [len(drawn.contours(place)) for place in panels] == [int(at != 20) for at in wanted]


def figures():
    table = pd.DataFrame(
        {"method": ["cam"], "mean": 0.3, "ci_low": 0.2, "ci_high": 0.4, "chance": 0.1, "n_maps": 9}
    )
    own = trust(
        ("faithfulness", "deletion", "cam", NAN, NAN, 0.3),
        ("faithfulness", "deletion", NAN, "random"),
    )
    swept = table.assign(selection="bins", setting="bins=4", selected_area=0.1)
    yield case_figures.gallery([IMAGE], ["a"], [{"mass": square()}])
    yield map_figures.heat_maps([IMAGE], {"cam": [IMAGE]}, ["a"], [None])
    yield score_figures.means(
        pd.concat([table] * 5).assign(method=list("abcde")), [("a", {"n_maps": 9})], [], "share"
    )
    yield score_figures.grid(table[["mean"]], table[["mean"]].isna(), "share", [])
    yield score_figures.sweep(swept, {"bins": "bins=4"})
    yield trust_figures.against_controls(
        pd.concat([own.assign(method=name) for name in "abc"] + [own[1:]]), ["deletion"]
    )
    yield map_figures.cascade(IMAGE, {"cam": np.ones((1, 12, 16))}, ["trained"])
    yield trust_figures.agreement(trust(("agreement", "rank correlation", "a", NAN, "b", 0.5)))


@pytest.mark.parametrize("number", range(8))
def test_no_letters_are_smaller_than_six_points(number):
    assert drawn.smallest_letters(list(figures())[number]) >= 6


@pytest.mark.parametrize(
    "draw",
    [lambda: case_figures.gallery([], [], []), lambda: map_figures.heat_maps([], {}, [], [])],
)
def test_nothing_to_draw_is_refused(draw):
    with pytest.raises(ValueError):
        draw()
