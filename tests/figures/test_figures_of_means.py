"""The figure of means: that each mean of the table is in it, with an interval and without, and
whole at the ends of the axis.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.figures import scores as score_figures

SHARE = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))


def drawn(place):
    """{line of the panel: mean} of the points of means that lie within the axes."""
    offsets = np.ma.filled(place.collections[1].get_offsets().astype(float), np.nan)
    (left, right), (low, high) = place.get_xlim(), place.get_ylim()
    return {row: x for row, (x, y) in enumerate(offsets) if left <= x <= right and low <= y <= high}


def rows(region, means, interval=np.nan, chance=0.1, maps=30):
    names = [f"m{at}" for at in range(len(means))]
    table = pd.DataFrame(
        {"method": names, "region": region, "mean": means, "chance": chance, "n_maps": maps}
    )
    return table.assign(
        ci_low=(table["mean"] - interval).clip(0, 1), ci_high=(table["mean"] + interval).clip(0, 1)
    )


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=6),
    st.sampled_from([np.nan, 0.05]),
    st.floats(0, 1),
)
def test_every_mean_is_drawn_with_an_interval_and_without(pairs, interval, chance):
    """Also where all intervals are missing, as with few patients, and the means are above what
    chance gives.
    """
    table = pd.concat(
        [rows(name, list(means), interval, chance) for name, means in zip("ab", zip(*pairs))]
    )
    figure = score_figures.means(
        table, [("a", {"region": "a"}), ("b", {"region": "b"})], ["m0"], "hit rate"
    )
    for place, means in zip(figure.axes, zip(*pairs)):
        found = drawn(place)
        assert [found[row] for row in range(len(means))] == pytest.approx(list(means))
        points, chances = place.collections[1:3]
        assert not points.get_clip_on() and not chances.get_clip_on(), (
            "a point on the edge is whole"
        )
        assert len(place.get_yticks()) == len(means)


def test_a_mean_that_is_undefined_is_a_dash_and_a_method_of_other_rows_is_no_line():
    table = pd.concat([rows("a", [0.2, np.nan, 0.4]), rows("other", [0.1] * 4)])
    table.loc[table["mean"].isna(), "n_maps"] = 0
    (place,) = score_figures.means(table, [("a", {"region": "a"})], [], "hit rate").axes
    assert [label.get_text() for label in place.get_yticklabels()] == ["m0", "m1 (0 maps)", "m2"]
    assert [text.get_text() for text in place.texts] == ["–"] and place.texts[0].get_position()[
        1
    ] == 1
    assert drawn(place) == pytest.approx({0: 0.2, 2: 0.4})


@pytest.mark.parametrize(
    "means, ceiling, end",
    [([0.04], None, 0.1), ([0.31], None, 0.4), ([0.04], 0.45, 0.5), ([0.51], None, 1)],
)
def test_the_axis_ends_above_all_that_is_drawn(means, ceiling, end):
    figure = score_figures.means(
        rows("a", means, chance=0.01), [("a", {"region": "a"})], [], "IoU", ceiling
    )
    assert figure.axes[0].get_xlim() == pytest.approx((0, end))
