"""GeoJSON of QuPath, COCO and VIA: what is written comes back as the same mask; what would be a
guess is refused.
"""

import copy
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from outlines import (
    FUZZ,
    LETTER,
    OUTLINE,
    RING,
    RING_RINGS,
    SIZE,
    disc,
    feature,
    oval,
    packed,
    rectangle,
    refused,
    runs,
)

from regard.data import annotations


def test_geojson_comes_back_by_class():
    small = [[11, 0], [13, 0], [13, 4], [11, 4], [11, 0]]
    collection = {
        "type": "FeatureCollection",
        "features": [
            feature([OUTLINE + OUTLINE[:1]]),
            feature(RING_RINGS, "Benign gland"),
            feature([[small], [[[0, 7], [2, 7], [2, 9], [0, 9], [0, 7]]]], kind="MultiPolygon"),
        ],
    }
    for document in (collection, collection["features"], json.loads(json.dumps(collection))):
        found = annotations.geojson(SIZE, document)
        assert list(found) == ["Tumor", "Benign gland"] and np.array_equal(
            found["Benign gland"], RING
        )
        assert np.array_equal(
            found["Tumor"], LETTER | rectangle(0, 4, 11, 13) | rectangle(7, 9, 0, 2)
        )
    pieces = annotations.geojson(SIZE, [feature([RING_RINGS, [OUTLINE]], kind="MultiPolygon")])
    assert np.array_equal(pieces["Tumor"], RING | LETTER)
    assert annotations.geojson(SIZE, {"type": "FeatureCollection", "features": []}) == {}


def test_a_class_may_be_named_without_more():
    named = feature([OUTLINE])
    named["properties"] = {"classification": "Stroma"}
    assert np.array_equal(annotations.geojson(SIZE, [named])["Stroma"], LETTER)


@pytest.mark.parametrize(
    "classification",
    [{"names": ["Tumor", "Positive"]}, {"name": "Tumor: Positive"}, "Tumor: Positive"],
)
def test_a_derived_class_is_joined_as_qupath_joins_it(classification):
    both = {"names": ["Tumor", "Positive"], "name": "Tumor: Positive", "color": [1, 2, 3]}
    for given_class in (classification, both):
        derived = feature([OUTLINE])
        derived["properties"]["classification"] = given_class
        for document in ([derived], derived, {"features": [derived]}):
            found = annotations.geojson(SIZE, document)
            assert list(found) == ["Tumor: Positive"] and np.array_equal(
                found["Tumor: Positive"], LETTER
            )


GEOJSON_REFUSED = {
    "no properties": (lambda f: f.pop("properties"), "feature 1 has no classification"),
    "null properties": (lambda f: f.update(properties=None), "no classification"),
    "no classification": (lambda f: f["properties"].pop("classification"), "no classification"),
    "blank name": (
        lambda f: f["properties"]["classification"].update(name=""),
        "no classification",
    ),
    "a number for a name": (
        lambda f: f["properties"]["classification"].update(name=3),
        "no classification",
    ),
    "a blank in place of a name": (
        lambda f: f["properties"]["classification"].update(name="  "),
        "no classification",
    ),
    "no names": (
        lambda f: f["properties"].update(classification={"names": []}),
        "no classification",
    ),
    "a number among names": (
        lambda f: f["properties"].update(classification={"names": ["a", 3]}),
        "no classification",
    ),
    "a blank among names": (
        lambda f: f["properties"].update(classification={"names": ["a", ""]}),
        "no classification",
    ),
    "names in a text": (
        lambda f: f["properties"].update(classification={"names": "ab"}),
        "the names of the class",
    ),
    "two classes": (
        lambda f: f["properties"]["classification"].update(names=["x"]),
        "has two classifications",
    ),
    "no polygon": (
        lambda f: f["geometry"].update(type="MultiPolygon", coordinates=[]),
        "without a polygon",
    ),
    "no geometry": (lambda f: f.pop("geometry"), "geometry of feature 1"),
    "point": (
        lambda f: f["geometry"].update(type="Point", coordinates=[3, 4]),
        "is a 'Point'; only",
    ),
    "line": (
        lambda f: f["geometry"].update(type="LineString", coordinates=OUTLINE),
        "is a 'LineString'; only",
    ),
    "two lines": (lambda f: f["geometry"].update(type="one\ntwo"), "only a Polygon"),
    "polygon as multipolygon": (
        lambda f: f["geometry"].update(type="MultiPolygon"),
        "must be made of numbers|expected",
    ),
    "multipolygon as polygon": (
        lambda f: f["geometry"].update(coordinates=[[OUTLINE]]),
        "must be made of numbers|x, y",
    ),
    "no coordinates": (lambda f: f["geometry"].pop("coordinates"), "list of rings is expected"),
    "no rings": (lambda f: f["geometry"].update(coordinates=[]), "no ring"),
}


@pytest.mark.parametrize("kind", GEOJSON_REFUSED)
def test_features_that_enclose_nothing_or_have_no_class_are_refused(kind):
    change, message = GEOJSON_REFUSED[kind]
    broken = feature(copy.deepcopy([OUTLINE]))
    change(broken)
    refused(lambda: annotations.geojson(SIZE, {"features": [broken]}), message)


def test_coco_polygons_come_back():
    assert np.array_equal(annotations.coco(SIZE, [np.ravel(OUTLINE).tolist()]), LETTER)
    parts = [[3, 1, 5, 1, 5, 7, 3, 7], [3, 5, 10, 5, 10, 7, 3, 7]]
    found = annotations.coco(SIZE, parts)
    assert found.dtype == bool and np.array_equal(found, LETTER)
    assert not annotations.coco(SIZE, []).any() and annotations.coco(SIZE, []).shape == SIZE


@pytest.mark.parametrize("mask", [LETTER, RING, ~LETTER, LETTER & False, LETTER | True], ids=str)
def test_run_length_codes_come_back(mask):
    code = packed(mask)
    for published in (
        code,
        {**code, "counts": code["counts"].encode()},
        runs(mask),
        json.loads(json.dumps(runs(mask))),
    ):
        found = annotations.coco(SIZE, published)
        assert found.dtype == bool and np.array_equal(found, mask)


@FUZZ
@given(mask=arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
def test_any_mask_comes_back_from_its_run_length_codes(mask):
    for published in (packed(mask), runs(mask)):
        assert np.array_equal(annotations.coco(mask.shape, published), mask)


def test_long_runs_come_back():
    size = (700, 900)
    for mask in (
        disc((70, 90), 60, 20, 15).repeat(10, 0).repeat(10, 1),
        rectangle(699, 700, 899, 900, size),
    ):
        assert np.array_equal(annotations.coco(size, packed(mask)), mask)
        assert np.array_equal(annotations.coco(size, runs(mask)), mask)


COCO_REFUSED = {
    "odd number of coordinates": ([[3, 1, 5, 1, 5, 5, 3]], "7 numbers; they must come in pairs"),
    "two points": ([[3, 1, 5, 1]], "3 points"),
    "flat": ([3, 1, 5, 1, 5, 5], "a polygon is expected"),
    "outside": ([[3, 1, 5, 1, 30, 5]], "lies outside"),
    "size swapped": (
        {**packed(LETTER), "size": [14, 9]},
        r"size \[14, 9\] \(height, width\), its image is 9 x 14",
    ),
    "no size": ({"counts": packed(LETTER)["counts"]}, "the size of a run-length code"),
    "no counts": ({"size": [9, 14]}, "the counts of a run-length code"),
    "too few": ({"size": [9, 14], "counts": [20, 5, 100]}, "counts 125 pixels, its image has 126"),
    "too many": ({"size": [9, 14], "counts": [20, 5, 102]}, "counts 127 pixels"),
    "negative": ({"size": [9, 14], "counts": [130, -10, 6]}, "not negative"),
    "fractions": ({"size": [9, 14], "counts": [63.0, 63.0]}, "whole numbers"),
    "bools": ({"size": [9, 14], "counts": [125, True]}, "whole numbers"),
    "cut off": (
        {**packed(LETTER), "counts": packed(LETTER)["counts"][:-1]},
        "pixels, its image has 126|within a number",
    ),
    "cut off within a number": ({"size": [9, 14], "counts": "n"}, "end within a number"),
    "a blank": ({"size": [9, 14], "counts": " "}, "no compressed string"),
    "letters that the code has not": ({"size": [1, 15], "counts": "€"}, "no compressed string"),
    "a number without end": ({"size": [9, 14], "counts": "o" * 1000}, "no compressed string"),
    "empty": ({"size": [9, 14], "counts": ""}, "counts 0 pixels"),
}


@pytest.mark.parametrize("kind", COCO_REFUSED)
def test_broken_coco_is_refused(kind):
    segmentation, message = COCO_REFUSED[kind]
    refused(
        lambda: annotations.coco(SIZE if "€" not in str(segmentation) else (1, 15), segmentation),
        message,
    )


def test_an_object_of_coco_is_its_outline_or_else_its_box():
    outline, bounds = np.ravel(OUTLINE).tolist(), [3, 2, 5, 4]
    for drawn in ([outline], runs(LETTER), packed(LETTER)):
        assert np.array_equal(
            annotations.coco_object(SIZE, {"segmentation": drawn, "bbox": bounds}), LETTER
        )
    for empty in (
        {},
        {"segmentation": None},
        {"segmentation": []},
        {"segmentation": [[]]},
        {"segmentation": {}},
    ):
        assert np.array_equal(
            annotations.coco_object(SIZE, {**empty, "bbox": bounds}), rectangle(2, 6, 3, 8)
        )
        for missing in ({}, {"bbox": None}, {"bbox": []}):
            refused(
                lambda: annotations.coco_object(SIZE, empty | missing),
                "neither a segmentation nor a bbox",
            )
    for broken in ([1, 2, 3], 5, ["a", 1, 2, 3], [1, 2, -3, 4]):
        refused(lambda: annotations.coco_object(SIZE, {"bbox": broken}))


def test_via_shapes_come_back():
    size = (19, 30)
    xs, ys = zip(*OUTLINE)
    shapes = [
        (
            {"name": "polygon", "all_points_x": list(xs), "all_points_y": list(ys)},
            np.pad(LETTER, ((0, 10), (0, 16))),
        ),
        ({"name": "rect", "x": 6, "y": 2, "width": 7, "height": 3}, rectangle(2, 5, 6, 13, size)),
        ({"name": "circle", "cx": 20, "cy": 5, "r": 4.2}, disc(size, 20, 5, 4.2)),
        (
            {"name": "ellipse", "cx": 17.3, "cy": 8.1, "rx": 9, "ry": 3.3},
            oval(size, 17.3, 8.1, 9, 3.3, 0),
        ),
    ]
    for shape, wanted in shapes:
        found = annotations.via(size, shape)
        assert found.dtype == bool and np.array_equal(found, wanted)
    assert annotations.via(size, {"name": "point", "cx": 3, "cy": 4}) is None
    assert (
        annotations.via(size, {"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 5]})
        is None
    )


@pytest.mark.parametrize("theta", [0.4, -0.4, 1.2, math.pi / 2, 2.5, 7])
def test_via_ellipses_turn_clockwise_as_on_the_screen(theta):
    shape = {"name": "ellipse", "cx": 16.3, "cy": 8.1, "rx": 9.5, "ry": 3.2, "theta": theta}
    assert np.array_equal(
        annotations.via((19, 30), shape), oval((19, 30), 16.3, 8.1, 9.5, 3.2, theta)
    )


VIA_REFUSED = {
    "no name": ({"x": 1}, "unknown shape None"),
    "unknown name": ({"name": "star"}, "unknown shape 'star'; known are"),
    "list for a name": ({"name": ["rect"]}, "unknown shape"),
    "lists of two lengths": (
        {"name": "polygon", "all_points_x": [1, 5, 5], "all_points_y": [1, 2]},
        "3 x and 2 y",
    ),
    "missing list": ({"name": "polygon", "all_points_x": [1, 5, 5]}, "all_points_y is expected"),
    "missing number": ({"name": "rect", "x": 1, "y": 1, "width": 3}, "made of numbers, not None"),
    "rect outside": ({"name": "rect", "x": 1, "y": 1, "width": 30, "height": 2}, "outside"),
    "circle outside": ({"name": "circle", "cx": 40, "cy": 3, "r": 3}, "does not fit"),
    "ellipse outside": ({"name": "ellipse", "cx": 3, "cy": 40, "rx": 3, "ry": 1}, "does not fit"),
    "flat ellipse": ({"name": "ellipse", "cx": 3, "cy": 4, "rx": 3, "ry": 0}, "does not fit"),
    "null angle": ({"name": "ellipse", "cx": 3, "cy": 4, "rx": 3, "ry": 1, "theta": None}, "angle"),
}


@pytest.mark.parametrize("kind", VIA_REFUSED)
def test_broken_via_shapes_are_refused(kind):
    shape, message = VIA_REFUSED[kind]
    refused(lambda: annotations.via(SIZE, shape), message)
