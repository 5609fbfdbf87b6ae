"""Figures of one study: what is drawn where, read back from the artists and compared with the table
that was given.
"""

import drawn
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from regard.figures import cases as case_figures
from regard.figures import maps as map_figures
from regard.figures import scores as score_figures
from regard.figures import style

NAN = float("nan")
BLUE, GREY, ORANGE = style.METHOD_COLOUR.lower(), style.NULL_COLOUR, style.CHANCE_COLOUR.lower()
REGIONS = [colour.lower() for colour in style.REGION_COLOURS]


def square(
    top: int = 2, left: int = 3, size: int = 4, shape: tuple[int, int] = (12, 16)
) -> np.ndarray:
    found = np.zeros(shape, bool)
    found[top : top + size, left : left + size] = True
    return found


def edges(top: int = 2, left: int = 3, size: int = 4) -> tuple[float, float, float, float]:
    """Where the outline of a square lies, between its pixels and those beside it: left, top, right,
    bottom.
    """
    return left - 0.5, top - 0.5, left + size - 0.5, top + size - 0.5


IMAGE = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_equal_figures_are_equal_bytes_without_date_or_program(tmp_path, kind):
    for name in ("one", "two"):
        style.save(
            case_figures.gallery([IMAGE], ["a"], [{"mass": square()}]), tmp_path / f"{name}.{kind}"
        )
    content = (tmp_path / f"one.{kind}").read_bytes()
    assert content == (tmp_path / f"two.{kind}").read_bytes()
    assert b"Matplotlib" not in content and b"<dc:date>" not in content
    style.save(case_figures.gallery([IMAGE], ["b"], [{"mass": square()}]), tmp_path / f"two.{kind}")
    assert content != (tmp_path / f"two.{kind}").read_bytes()


def test_a_figure_is_shown_with_its_text(monkeypatch):
    shown = []
    monkeypatch.setattr(style, "display", shown.append)
    style.show(Figure(), "An empty figure.")
    (picture,) = shown
    assert picture.alt == "An empty figure." and picture.data.startswith(b"\x89PNG")


def test_region_colours_differ_and_are_those_of_okabe_and_ito():
    okabe = {"#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"}
    assert set(REGIONS) == okabe and len(REGIONS) == 7 and len({BLUE, GREY, ORANGE}) == 3


def test_gallery_outlines_each_region_in_the_colour_of_its_name():
    regions = [
        {"mass": square(), "ring": square(5, 6)},
        None,
        {"ring": square(1, 1), "other": square(), "mass": None},
    ]
    figure = case_figures.gallery(
        [IMAGE, IMAGE + 1, IMAGE + 2], ["a", "b", "c"], regions, columns=2
    )
    first, second, third, blank = drawn.axes_of(figure)
    assert [each.get_title() for each in (first, second, third, blank)] == ["a", "b", "c", ""]
    for number, place in enumerate((first, second, third)):
        np.testing.assert_array_equal(place.images[0].get_array(), IMAGE + number)
        assert place.images[0].get_clim() == (0, 255), "grey levels as they are, not stretched"
    assert not blank.images and not blank.axison and not first.axison
    assert sorted(drawn.contours(first)) == sorted(
        [(edges(), REGIONS[0]), (edges(5, 6), REGIONS[1])]
    )
    assert drawn.contours(second) == [] and drawn.contours(third) == [(edges(1, 1), REGIONS[1])]
    assert drawn.legend(figure) == {"mass": REGIONS[0], "ring": REGIONS[1]}, (
        "`other` is no region of interest"
    )


def test_gallery_shades_where_it_is_asked_to():
    (place,) = drawn.axes_of(
        case_figures.gallery([IMAGE], ["a"], [{"mass": square()}], columns=1, filled=True)
    )
    shade = place.images[1].get_array()
    np.testing.assert_array_equal(shade[..., 3] > 0, square())
    assert to_hex(shade[3, 4, :3]) == REGIONS[0]


def test_gallery_of_many_regions_has_as_many_colours():
    regions = {f"r{number}": square(number, number, 2) for number in range(9)}
    assert (
        len(set(drawn.legend(case_figures.gallery([IMAGE], ["a"], [regions], columns=9)).values()))
        == 9
    )


@pytest.mark.parametrize("region", [square() & False, square() | True])
def test_an_empty_region_and_a_whole_image_have_no_outline(region):
    (place,) = drawn.axes_of(case_figures.gallery([IMAGE], ["a"], [{"mass": region}], columns=1))
    assert drawn.contours(place) == []


def test_history_marks_the_epoch_with_the_lowest_tuning_loss():
    one = pd.DataFrame(
        {
            "start": "transfer",
            "epoch": [1, 2, 3],
            "train_loss": [3.0, 2, 1],
            "tune_loss": [3.0, 1, 2],
        }
    )
    two = one[:2].assign(start="scratch", tune_loss=[1.5, 2.5])
    first, second = drawn.axes_of(case_figures.history(pd.concat([one, two])))
    assert (first.get_title(), second.get_title()) == ("transfer", "scratch")
    assert (
        first.get_xlabel() == "epoch" and first.get_ylabel() == "loss" and first.get_ylim()[0] == 0
    )
    assert drawn.curves(first) == [
        ([1, 2, 3], [3, 2, 1], GREY),
        ([1, 2, 3], [3, 1, 2], BLUE),
        ([2], [1], ORANGE),
    ]
    assert drawn.curves(second)[2] == ([1], [1.5], ORANGE)
    assert drawn.legend(first) == {"training": GREY, "tuning": BLUE, "epoch kept": ORANGE}


POSITIVE, SCORES = np.array([True, False, True, False]), np.array([0.9, 0.6, 0.5, 0.1])


def test_roc_by_hand():
    """Four cases: above 0.55 one of two positives and one of two negatives are called."""
    curves = {"bad": {"transfer": (POSITIVE, SCORES)}, "good": {"transfer": (~POSITIVE, -SCORES)}}
    bad, good = drawn.axes_of(case_figures.roc(curves, {"transfer": [0.55, -0.55]}))
    assert (bad.get_title(), good.get_title()) == ("bad", "good")
    assert bad.get_xlabel() == "1 - specificity" and bad.get_ylabel() == "sensitivity"
    assert bad.get_xlim() == (0, 1) and bad.get_ylim()[0] == 0 and bad.get_ylim()[1] >= 1
    across, up, colour = drawn.curves(bad)[0]
    assert (across, up, colour) == ([0, 0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1, 1], BLUE)
    assert drawn.curves(bad)[1] == ([0.5], [0.5], BLUE) and drawn.curves(bad)[2][:2] == (
        [0, 1],
        [0, 1],
    )
    assert drawn.curves(good)[1] == ([0.5], [0.5], BLUE), "each target has its own threshold"


def test_roc_shows_every_network_in_its_own_colour():
    names = ["transfer", "scratch", "transfer, unknown as zeros", "transfer, unknown as ones"]
    curves = {"bad": dict.fromkeys(names, (POSITIVE, SCORES))}
    (place,) = drawn.axes_of(case_figures.roc(curves, dict.fromkeys(names)))
    said = drawn.legend(place)
    assert (
        list(said) == names
        and len(set(said.values())) == 4
        and list(said.values())[:2] == [BLUE, GREY]
    )
    assert len(place.lines) == 4 + 1, "without a threshold there is no operating point"


HEAT = np.linspace(-1, 3, 12 * 16).reshape(12, 16)


@pytest.mark.parametrize("turned", [False, True])
def test_heat_maps_are_drawn_beside_their_image(turned):
    """Red for and blue against the class where the method has negative values in any map; a cross
    on the maximum.
    """
    maps = {"signed": [HEAT, np.abs(HEAT)], "positive": [np.abs(HEAT), np.zeros((12, 16))]}
    crosses = {"signed": [(11, 15), (1, 2)], "positive": [(3, 4), (NAN, NAN)]}
    draw = map_figures.map_sheet if turned else map_figures.heat_maps
    figure = draw([IMAGE, IMAGE], maps, ["a", "b"], [square(), None], crosses)
    panels = np.array(drawn.axes_of(figure), dtype=object).reshape((3, 2) if turned else (2, 3))
    panels = panels.T if turned else panels
    assert [panels[row, 0].get_title() for row in range(2)] == ["a", "b"]
    names = [
        drawn.texts(panels[0, at])[0] if turned else panels[0, at].get_title() for at in (1, 2)
    ]
    assert names == ["signed", "positive"]
    for row in range(2):
        for column, method in enumerate(maps, start=1):
            image, heat = panels[row, column].images
            np.testing.assert_array_equal(image.get_array(), IMAGE)
            np.testing.assert_array_equal(heat.get_array(), maps[method][row])
            low, high = heat.get_clim()
            assert heat.get_cmap().name == ("RdBu_r" if method == "signed" else "magma")
            assert low == (-high if method == "signed" else 0) and high > 0
            across, down, _ = drawn.curves(panels[row, column])[0]
            np.testing.assert_array_equal((down[0], across[0]), crosses[method][row])
        assert len(panels[row, 0].images) == 1 and not panels[row, 0].lines
    assert all(drawn.contours(place) == [(edges(), REGIONS[0])] for place in panels[0])
    assert not any(drawn.contours(place) for place in panels[1])
    assert panels[0, 1].images[1].get_clim()[1] == np.quantile(np.abs(HEAT), 0.98)


def test_a_signed_map_lets_the_image_through_where_it_is_near_zero():
    (_, place) = drawn.axes_of(map_figures.heat_maps([IMAGE], {"m": [HEAT]}, ["a"], [None]))
    alpha = place.images[1].get_alpha()
    assert alpha.ravel()[np.abs(HEAT).argmin()] < 0.2
    assert alpha[-1, -1] == alpha.max() == pytest.approx(0.95)


def test_selections_say_what_share_of_the_image_they_are():
    regions = {"otsu": [square(), square(size=8)], "none": [square() & False] * 2}
    panels = drawn.axes_of(
        map_figures.selections([IMAGE] * 2, regions, ["a", "b"], [square(5, 6), None])
    )
    assert [each.get_title() for each in panels] == [
        "a",
        "otsu\n8.3 %",
        "none\n0.0 %",
        "b",
        "33.3 %",
        "0.0 %",
    ]
    shade = np.ma.filled(panels[1].images[1].get_array().astype(float), NAN)
    np.testing.assert_array_equal(~np.isnan(shade), square())
    assert all(drawn.contours(place) == [(edges(5, 6), REGIONS[0])] for place in panels[:3])
    assert not any(drawn.contours(place) for place in panels[3:])


def rows(**columns) -> pd.DataFrame:
    table = {
        "method": ["cam", "lrp", "edges"],
        "mean": [0.3, 0.25, 0.1],
        "ci_low": [0.2, 0.15, 0.05],
    }
    table |= {
        "ci_high": [0.4, 0.35, 0.15],
        "chance": [0.1, 0.1, 0.1],
        "n_maps": [9, 4, 9],
        "score": "iou",
    }
    return pd.DataFrame(table | columns)


def test_means_and_their_intervals():
    table = pd.concat(
        [rows(), rows(score="mass", mean=[0.8, 0.7, 0.6], ci_high=0.9, ci_low=0.5)[::-1]]
    )
    panels = [("overlap", {"score": "iou"}), ("inside", {"score": "mass"})]
    figure = score_figures.means(table, panels, ["edges"], "share", ceiling=0.85)
    first, second = drawn.axes_of(figure)
    assert drawn.ticks(first) == ["cam", "lrp (4 maps)", "edges"] and set(drawn.ticks(second)) == {
        ""
    }
    assert (first.get_title(), first.get_xlabel(), second.get_title()) == (
        "overlap",
        "share",
        "inside",
    )
    values, chance = drawn.points(first)
    assert values == ([(0.3, 2), (0.25, 1), (0.1, 0)], [BLUE, BLUE, GREY])
    assert chance[0] == [(0.1, 2), (0.1, 1), (0.1, 0)]
    assert drawn.segments(first)[:2] == [((0.2, 2), (0.4, 2)), ((0.15, 1), (0.35, 1))]
    assert drawn.points(second)[0][0] == [(0.8, 2), (0.7, 1), (0.6, 0)]
    assert first.get_xlim() == second.get_xlim() == (0, 1), "one axis for all panels"
    assert drawn.curves(first) == [([0.85, 0.85], [0, 1], "#000000")]
    assert list(drawn.legend(figure).values())[:3] == [BLUE, GREY, ORANGE]


@pytest.mark.parametrize("interval", [True, False])
@pytest.mark.parametrize(
    "largest, end", [(0.04, 0.1), (0.2, 0.2), (0.41, 0.5), (0.5, 0.5), (0.51, 1.0), (1.0, 1.0)]
)
def test_the_axis_of_means_ends_above_every_value(largest, end, interval):
    """With few patients there are no intervals: the means must be on the axis all the same."""
    table = rows(mean=[largest, 0.01, 0.01], ci_low=0.0, ci_high=largest, chance=0.02, n_maps=9)
    table = table if interval else table.assign(ci_low=NAN, ci_high=NAN)
    (place,) = drawn.axes_of(score_figures.means(table, [("p", {"score": "iou"})], [], "share"))
    assert place.get_xlim() == (0, end)


def test_a_method_that_a_panel_has_not_leaves_its_row_empty():
    table = pd.concat([rows(), rows(score="mass")[:1]])
    _, place = drawn.axes_of(
        score_figures.means(table, [("a", {"score": "iou"}), ("b", {"score": "mass"})], [], "share")
    )
    np.testing.assert_array_equal(drawn.points(place)[0][0], [(0.3, 2), (NAN, NAN), (NAN, NAN)])


def test_grid_of_numbers_brackets_what_is_doubtful_and_shows_what_is_undefined():
    values = pd.DataFrame([[0.1, NAN], [0.5, 0.25]], ["cam", "edges"], ["otsu", "top"])
    doubtful = pd.DataFrame([[True, False], [False, False]], values.index, values.columns)
    figure = score_figures.grid(values, doubtful, "IoU", ["edges"])
    (place,) = drawn.axes_of(figure)
    found = {
        (text.get_position()[::-1]): (text.get_text(), to_hex(text.get_color()))
        for text in place.texts
    }
    assert found == {
        (0, 0): ("(0.10)", "#ffffff"),
        (0, 1): ("–", "#000000"),  # on no colour: white would not be seen
        (1, 0): ("0.50", "#000000"),
        (1, 1): ("0.25", "#ffffff"),
    }
    np.testing.assert_array_equal(
        np.ma.filled(place.images[0].get_array().astype(float), NAN), values
    )
    assert place.images[0].get_clim() == (0, 0.5)
    assert drawn.ticks(place) == ["cam", "edges"] and drawn.ticks(place, "x") == ["otsu", "top"]
    assert [to_hex(label.get_color()) for label in place.get_yticklabels()] == [
        "#000000",
        "#666666",
    ]
    assert [each.get_ylabel() for each in figure.axes if each is not place] == ["IoU"]


@pytest.mark.parametrize("count", [2, 8])
def test_sweep_has_a_line_of_dots_for_each_map(count):
    """Settings by their length and then by letters; the one named beforehand is ringed; no two maps
    share a colour.
    """
    table = pd.DataFrame(
        {
            "selection": "bins",
            "setting": setting,
            "method": f"m{number}",
            "mean": value + number / 100,
        }
        | {"ci_low": value - 0.1, "ci_high": value + 0.1, "selected_area": value / 2}
        for number in range(count)
        for setting, value in (("bins=16", 0.3), ("bins=4", 0.1), ("bins=8", 0.2))
    )
    figure = score_figures.sweep(table, {"otsu": "", "bins": "bins=8"})
    above, below = drawn.axes_of(figure)
    assert above.get_title() == "bins" and drawn.ticks(below, "x") == [
        "bins=4",
        "bins=8",
        "bins=16",
    ]
    dots, ring = drawn.curves(above)[:2]
    assert dots[1] == [0.1, 0.2, 0.3] and ring[1] == [0.2] and ring[0] == [dots[0][1]]
    assert drawn.curves(below)[0][:2] == (dots[0], [0.05, 0.1, 0.15])
    ends = [[low[1], high[1]] for low, high in drawn.segments(above)[:3]]
    np.testing.assert_allclose(ends, [[0, 0.2], [0.1, 0.3], [0.2, 0.4]], atol=1e-12)
    assert (
        above.get_ylabel() == "mean IoU"
        and below.get_ylabel() == "median area"
        and below.get_ylim() == (0, 1)
    )
    said = drawn.legend(figure)
    assert (
        list(said) == [f"m{number}" for number in range(count)] and len(set(said.values())) == count
    )


def test_a_figure_is_laid_out_once_and_equal_in_every_process(tmp_path):
    """Solved again, places differ in their last bits from process to process, and pixels at the
    edges of images with them.
    """
    figure = style.panels(2, 3)[0]
    for number, place in enumerate(figure.axes):
        place.imshow(np.eye(5 + number))
        place.set_title("a" * number)

    def bounds():
        return [place.get_position(original=True).bounds for place in figure.axes]

    style.save(figure, tmp_path / "first.png", dpi=110)
    first = bounds()
    np.testing.assert_allclose(np.round(first, 6), first, rtol=0, atol=1e-12)
    style.save(figure, tmp_path / "second.svg", dpi=70)
    style.save(figure, tmp_path / "third.png", dpi=110)
    assert bounds() == first
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "third.png").read_bytes()
