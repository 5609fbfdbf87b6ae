"""Annotations: anything at all is read or refused in one line."""

import copy
import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlines import FUZZ, LETTER, OUTLINE, RING_RINGS, SIZE, feature, packed, refused, runs

from regard.data import annotations

RUBBISH = {
    "null": None,
    "bool": True,
    "digits": "7",
    "nan": math.nan,
    "inf": math.inf,
    "minus inf": -math.inf,
    "huge float": 1e300,
    "huge whole number": 10**400,
    "list": [[1, 2], {}],
    "mapping": {"x": {"y": []}},
    "deep": reduce(lambda inner, _: [inner], range(900), 0),
    "lines": "a\nb",
}
PLACES = {
    **{
        f"box {at}": lambda v, at=at: annotations.box(
            SIZE, *[v if at == i else 3 for i in range(4)]
        )
        for at in range(4)
    },
    **{
        f"corners {at}": lambda v, at=at: annotations.corners(
            SIZE, *[v if at == i else i for i in range(4)]
        )
        for at in range(4)
    },
    **{
        f"circle {at}": lambda v, at=at: annotations.circle(
            SIZE, *[v if at == i else 3 for i in range(3)]
        )
        for at in range(3)
    },
    "contours, x": lambda v: annotations.contours(SIZE, [[[v, 1], [5, 1], [5, 5]]]),
    "contours, y": lambda v: annotations.contours(SIZE, [[[3, 1], [5, v], [5, 5]]]),
    "contours, point": lambda v: annotations.contours(SIZE, [[[3, 1], v, [5, 5]]]),
    "contours, outline": lambda v: annotations.contours(SIZE, [OUTLINE, v]),
    "contours": lambda v: annotations.contours(SIZE, v),
    "polygon, x": lambda v: annotations.polygon(SIZE, [[[v, 1], [5, 1], [5, 5]]]),
    "polygon, hole": lambda v: annotations.polygon(SIZE, [OUTLINE, v]),
    "polygon": lambda v: annotations.polygon(SIZE, v),
    "geojson": lambda v: annotations.geojson(SIZE, v),
    "geojson, features": lambda v: annotations.geojson(SIZE, {"features": v}),
    "geojson, feature": lambda v: annotations.geojson(SIZE, [v]),
    "geojson, geometry": lambda v: annotations.geojson(
        SIZE, [{**feature([OUTLINE]), "geometry": v}]
    ),
    "geojson, type": lambda v: annotations.geojson(SIZE, [feature([OUTLINE], kind=v)]),
    "geojson, rings": lambda v: annotations.geojson(SIZE, [feature(v)]),
    "geojson, polygons": lambda v: annotations.geojson(SIZE, [feature(v, kind="MultiPolygon")]),
    "coco": lambda v: annotations.coco(SIZE, v),
    "coco, polygon": lambda v: annotations.coco(SIZE, [v]),
    "coco, number": lambda v: annotations.coco(SIZE, [[3, 1, 5, 1, 5, v]]),
    "coco, size": lambda v: annotations.coco(SIZE, {**packed(LETTER), "size": v}),
    "coco, height": lambda v: annotations.coco(SIZE, {**packed(LETTER), "size": [v, 14]}),
    "coco, counts": lambda v: annotations.coco(SIZE, {"size": [9, 14], "counts": v}),
    "coco, count": lambda v: annotations.coco(SIZE, {"size": [9, 14], "counts": [9, v]}),
    "via": lambda v: annotations.via(SIZE, v),
    "via, name": lambda v: annotations.via(SIZE, {"name": v}),
    "via, xs": lambda v: annotations.via(
        SIZE, {"name": "polygon", "all_points_x": v, "all_points_y": [1, 2, 3]}
    ),
    "via, width": lambda v: annotations.via(
        SIZE, {"name": "rect", "x": 1, "y": 1, "width": v, "height": 3}
    ),
    "via, radius": lambda v: annotations.via(SIZE, {"name": "circle", "cx": 1, "cy": 1, "r": v}),
    "via, theta": lambda v: annotations.via(
        SIZE, {"name": "ellipse", "cx": 1, "cy": 1, "rx": 3, "ry": 2, "theta": v}
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_rubbish_is_refused_in_every_place(place):
    for value in RUBBISH.values():
        refused(lambda: PLACES[place](value))


KEYS = (
    "type name size counts features geometry properties classification coordinates x y width "
    "height cx cy r rx ry theta "
    "all_points_x all_points_y"
).split()
WORDS = (
    "polygon",
    "rect",
    "circle",
    "ellipse",
    "point",
    "polyline",
    "Polygon",
    "MultiPolygon",
    "Tumor",
    "\n",
    "0",
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 15),
    st.integers(),
    st.just(10**400),
    st.floats(-2, 15),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=8),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)
FORMATS = {
    "box": (lambda v: annotations.box(SIZE, *v), [[2, 3, 5, 4]]),
    "corners": (lambda v: annotations.corners(SIZE, *v), [[2, 3, 7, 7]]),
    "circle": (lambda v: annotations.circle(SIZE, *v), [[6, 4, 2.5]]),
    "contours": (lambda v: annotations.contours(SIZE, v), [[OUTLINE, [[11, 2]]]]),
    "polygon": (lambda v: annotations.polygon(SIZE, v), [RING_RINGS]),
    "geojson": (
        lambda v: annotations.geojson(SIZE, v),
        [{"features": [feature(RING_RINGS), feature([[OUTLINE]], "Stroma", "MultiPolygon")]}],
    ),
    "coco": (
        lambda v: annotations.coco(SIZE, v),
        [[np.ravel(OUTLINE).tolist()], packed(LETTER), runs(LETTER)],
    ),
    "via": (
        lambda v: annotations.via(SIZE, v),
        [
            {"name": "polygon", "all_points_x": [3, 5, 5], "all_points_y": [1, 1, 5]},
            {"name": "rect", "x": 6, "y": 2, "width": 7, "height": 3},
            {"name": "circle", "cx": 6, "cy": 2, "r": 4.2},
            {"name": "ellipse", "cx": 7.3, "cy": 5.1, "rx": 4, "ry": 2.3, "theta": 0.4},
        ],
    ),
}


def read_or_refused(read, value):
    """Whatever is given, the answer is a mask (or several, or none of a VIA shape), or one line of
    refusal.
    """
    try:
        found = read(value)
    except ValueError as error:
        assert "\n" not in str(error)
        return
    for mask in found.values() if isinstance(found, dict) else [found]:
        assert mask is None or (mask.dtype == bool and mask.shape == SIZE)


def places(document, at=()):
    """The paths to all parts of a document, leaves and branches."""
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document if isinstance(document, list) else [])
    )
    return [at] * bool(at) + [path for key, value in inner for path in places(value, (*at, key))]


def replaced(document, path, value):
    document = copy.deepcopy(document)
    reduce(lambda part, key: part[key], path[:-1], document)[path[-1]] = value
    return document


@pytest.mark.parametrize("kind", FORMATS)
def test_anything_at_all_is_read_or_refused(kind):
    read, documents = FORMATS[kind]
    spread = {"box": 4, "corners": 4, "circle": 3}.get(kind)
    values = st.lists(ANYTHING, min_size=spread, max_size=spread) if spread else ANYTHING
    FUZZ(given(values)(lambda value: read_or_refused(read, value)))()


@pytest.mark.parametrize("kind", FORMATS)
def test_documents_with_one_part_replaced_are_read_or_refused(kind):
    read, documents = FORMATS[kind]
    near = st.sampled_from(documents).flatmap(
        lambda document: st.builds(
            replaced, st.just(document), st.sampled_from(places(document)), ANYTHING
        )
    )
    FUZZ(given(near)(lambda value: read_or_refused(read, value)))()


@FUZZ
@given(
    at=st.integers(0, 30),
    letter=st.characters() | st.characters(min_codepoint=48, max_codepoint=111),
)
def test_damaged_run_length_strings_are_read_or_refused(at, letter):
    code = packed(LETTER)
    counts = (
        code["counts"][: at % len(code["counts"])]
        + letter
        + code["counts"][at % len(code["counts"]) + 1 :]
    )
    read_or_refused(lambda value: annotations.coco(SIZE, value), {**code, "counts": counts})
