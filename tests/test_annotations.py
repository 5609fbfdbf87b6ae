"""Annotations: what is written in a published form comes back as the same mask; what would be a guess is refused."""

import copy
import io
import json
import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw
from pycocotools import mask as coco_masks
from skimage.measure import find_contours

from regard import annotations

SIZE = (9, 14)
OUTLINE = [[3, 1], [5, 1], [5, 5], [10, 5], [10, 7], [3, 7]]  # of LETTER, by its corners
LETTER = np.zeros(SIZE, bool)  # an L off the centre: no mirror image, shift or transposition of it is itself
LETTER[1:7, 3:5] = LETTER[5:7, 3:10] = True
RING = np.zeros(SIZE, bool)  # off-centre, with a hole that is off its own centre
RING[1:8, 2:11] = True
RING[2:4, 3:8] = False
RING_RINGS = [[[2, 1], [11, 1], [11, 8], [2, 8], [2, 1]], [[3, 2], [8, 2], [8, 4], [3, 4], [3, 2]]]
FUZZ = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def rectangle(top, bottom, left, right, size=SIZE):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def saved(image, kind="PNG", **options):
    """`image` as it is read from a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Image.open(io.BytesIO(file.getvalue()))


def picture(values, mode=None):
    image = Image.fromarray(np.asarray(values, np.uint8))
    return saved(image.convert(mode) if mode else image)


def indexed(mask, palette):
    image = Image.frombytes("P", mask.shape[::-1], mask.astype(np.uint8).tobytes())
    image.putpalette(palette)
    return saved(image)


def alpha(mask, opacity):
    image = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).convert("RGBA")
    image.putalpha(Image.fromarray(np.broadcast_to(np.asarray(opacity, np.uint8), mask.shape).copy()))
    return saved(image)


def runs(mask):
    """The run-length code of COCO, counted by hand: down the columns, background first."""
    found, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            found, value = [*found, 0], pixel
        found[-1] += 1
    return {"size": list(mask.shape), "counts": found}


def packed(mask):
    code = coco_masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": code["size"], "counts": code["counts"].decode("ascii")}


def feature(rings, name="Tumor", kind="Polygon"):
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": rings},
        "properties": {"objectType": "annotation", "classification": {"name": name, "color": [200, 0, 0]}},
    }


def disc(size, x, y, radius):
    """Counted pixel by pixel."""
    return np.array(
        [[math.dist((x, y), (column, row)) <= radius for column in range(size[1])] for row in range(size[0])]
    )


def oval(size, x, y, rx, ry, theta):
    """The canvas's ellipse: turned by theta from the x axis towards the y axis, which points down."""
    across, down = np.meshgrid(np.arange(size[1]) - x, np.arange(size[0]) - y)
    along = across * math.cos(theta) + down * math.sin(theta)
    beside = down * math.cos(theta) - across * math.sin(theta)
    return (along / rx) ** 2 + (beside / ry) ** 2 <= 1


def enclosed(size, ring):
    """Pixels whose centre a ray to the left leaves through an odd number of edges."""
    row, column = np.mgrid[: size[0], : size[1]] + 0.5
    inside = np.zeros(size, bool)
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]):
        inside ^= ((y0 > row) != (y1 > row)) & (column < (x1 - x0) * (row - y0) / (y1 - y0) + x0)
    return inside


def refused(call, message=None):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


GREY = {
    "grey 255": lambda: picture(LETTER * 255),
    "grey 1": lambda: picture(LETTER),
    "1 bit": lambda: picture(LETTER * 255, "1"),
    "equal channels": lambda: picture(LETTER * 255, "RGB"),
    "grey with opaque alpha": lambda: picture(LETTER * 255, "LA"),
    "colour with opaque alpha": lambda: alpha(LETTER, 255),
    "black and white palette": lambda: indexed(LETTER, [0, 0, 0, 255, 255, 255]),
    "white and black palette": lambda: indexed(~LETTER, [255, 255, 255, 0, 0, 0]),
    "transparent value that is not there": lambda: saved(picture(LETTER * 255), transparency=9),
    "TIFF": lambda: saved(picture(LETTER * 255), "TIFF"),
}


@pytest.mark.parametrize("kind", GREY)
def test_grey_masks_come_back(kind):
    found = annotations.grey(GREY[kind]())
    assert found.dtype == bool and np.array_equal(found, LETTER)


def test_grey_values_are_split_where_it_is_stated():
    image = picture(np.where(LETTER, 8, 7))
    assert np.array_equal(annotations.grey(image, above=7), LETTER)
    assert annotations.grey(image, above=6).all() and not annotations.grey(image, above=8).any()
    assert not annotations.grey(picture(LETTER * 0)).any()


def test_palette_entries_that_no_pixel_has_do_not_count():
    palette = [0, 0, 0, 255, 255, 255, 200, 0, 0]
    assert np.array_equal(annotations.grey(indexed(LETTER, palette)), LETTER)
    assert not annotations.grey(indexed(LETTER & False, palette)).any()
    assert annotations.grey(indexed(LETTER | True, palette)).all()


GREY_REFUSED = {
    "a value in between": (lambda: picture(LETTER * 7), "grey value 7;.*threshold"),
    "1 beside 255": (lambda: picture(np.where(LETTER, 255, 1)), "grey value 1;"),
    "smoothed edge": (lambda: picture(np.where(LETTER, 255, RING * 128)), "grey value 128;"),
    "palette of colours": (lambda: indexed(LETTER, [0, 0, 0, 255, 0, 0]), "palette of colours"),
    "colours": (lambda: picture(np.dstack([LETTER * 255, LETTER * 0, LETTER * 0])), "has colours"),
    "transparent pixels": (lambda: alpha(LETTER, LETTER * 255), "transparent pixels"),
    "half-transparent pixels": (lambda: alpha(LETTER, 128), "transparent pixels"),
    "transparent value": (lambda: saved(picture(LETTER * 255), transparency=0), "transparent pixels"),
    "transparent palette entry": (
        lambda: saved(indexed(LETTER, [0, 0, 0, 255, 255, 255]), transparency=0),
        "transparent pixels",
    ),
    "16 bits": (lambda: saved(Image.fromarray(LETTER.astype(np.uint16) * 65535)), "mode I;16"),
    "16 bits with a transparent value": (
        lambda: saved(Image.fromarray(LETTER.astype(np.uint16) * 65535), transparency=9),
        "mode I;16",
    ),
    "floats": (lambda: saved(Image.fromarray(LETTER.astype(np.float32)), "TIFF"), "mode F"),
    "CMYK": (lambda: saved(Image.new("CMYK", SIZE[::-1]), "TIFF"), "mode CMYK"),
}


@pytest.mark.parametrize("kind", GREY_REFUSED)
def test_grey_masks_that_need_a_guess_are_refused(kind):
    image, message = GREY_REFUSED[kind]
    refused(lambda: annotations.grey(image()), message)


def test_colours_come_back_apart_and_through_lossy_compression():
    names = {"gland": (255, 0, 0), "vessel": (0, 0, 255), "both": (255, 0, 255), "none of it": (0, 255, 0)}
    values = np.zeros((*SIZE, 3), np.uint8)
    values[LETTER, 0], values[RING, 2] = 255, 255
    noise = np.random.default_rng(0).integers(-90, 91, values.shape)
    for image in (values, np.clip(values + noise, 0, 255)):
        found = annotations.colours(picture(image), names)
        assert list(found) == list(names) and all(mask.dtype == bool for mask in found.values())
        assert np.array_equal(found["gland"], LETTER & ~RING) and np.array_equal(found["vessel"], RING & ~LETTER)
        assert np.array_equal(found["both"], LETTER & RING) and not found["none of it"].any()


def test_an_unknown_colour_is_refused_with_its_place():
    values = np.zeros((*SIZE, 3), np.uint8)
    values[4, 11] = 250, 240, 10
    refused(
        lambda: annotations.colours(picture(values), {"gland": (255, 0, 0)}), r"\(250, 240, 10\) at row 4, column 11"
    )


@pytest.mark.parametrize("mode", ["L", "P"])
def test_codes_come_back(mode):
    values = np.where(LETTER, 3, np.where(RING, 200, 0)).astype(np.uint8)
    image = Image.frombytes(mode, SIZE[::-1], values.tobytes())
    if mode == "P":
        image.putpalette([value for code in range(256) for value in (255 - code, code, 7)])
    found = annotations.codes(saved(image), {0: "rest", 3: "letter", 200: "ring", 4: "absent"})
    assert list(found) == ["rest", "letter", "ring", "absent"] and not found["absent"].any()
    assert np.array_equal(found["letter"], LETTER) and np.array_equal(found["ring"], RING & ~LETTER)
    assert np.array_equal(found["rest"], ~(RING | LETTER))


def test_unknown_codes_and_images_without_codes_are_refused():
    refused(lambda: annotations.codes(picture(LETTER * 5), {0: "rest", 4: "letter"}), "code 5; known are 0, 4")
    for mode in ("1", "RGB", "LA", "RGBA"):
        refused(lambda: annotations.codes(picture(LETTER * 255, mode), {0: "rest", 255: "letter"}), f"mode {mode};")
    refused(lambda: annotations.codes(saved(Image.fromarray(LETTER.astype(np.uint16))), {0: "a", 1: "b"}), "mode I;16")


def test_boxes_come_back():
    wanted = rectangle(2, 5, 6, 13)
    assert np.array_equal(annotations.box(SIZE, 6, 2, 7, 3), wanted)
    assert np.array_equal(annotations.corners(SIZE, 6, 2, 13, 5), wanted)
    assert annotations.box(SIZE, 0, 0, 14, 9).all()


@pytest.mark.parametrize(
    "left, width, first, count",
    [
        (2, 3, 2, 3),
        (2.49, 3, 2, 3),
        (2.5, 3, 2, 3),  # starts on a centre: in
        (2.51, 3, 3, 3),
        (2, 3.5, 2, 3),  # ends on a centre: out
        (2, 3.51, 2, 4),
        (2.5, 1, 2, 1),
        (1.6, 1.8, 2, 1),
        (-1, 3, 0, 2),
        (12, 3, 12, 2),
    ],
)
def test_a_box_holds_the_pixels_whose_centres_it_holds(left, width, first, count):
    assert np.array_equal(annotations.box(SIZE, left, 1, width, 2), rectangle(1, 3, first, first + count))
    upright = annotations.box(SIZE[::-1], 1, left, 2, width)
    assert np.array_equal(upright, rectangle(1, 3, first, first + count).T)


@FUZZ
@given(ends=st.lists(st.floats(-1, 14, width=32), min_size=3, max_size=3).map(sorted))
def test_boxes_that_touch_share_no_pixel_and_leave_none_between(ends):
    left, middle, right = ends
    if left + 2 <= middle <= right - 2:  # so that each covers a pixel, even where it leaves the image
        parts = [annotations.corners(SIZE, *pair) for pair in ((left, 0, middle, 9), (middle, 0, right, 9))]
        assert np.array_equal(parts[0] ^ parts[1], annotations.corners(SIZE, left, 0, right, 9))


BOXES_REFUSED = {
    "left": ((-1.01, 2, 5, 3), "outside the image of 14 x 9"),
    "above": ((3, -1.5, 5, 3), "outside"),
    "right": ((8, 2, 7.1, 3), "outside"),
    "below": ((3, 5, 5, 5.01), "outside"),
    "beside": ((20, 2, 5, 3), "outside"),
    "no width": ((3, 2, 0, 3), "both must be positive"),
    "negative height": ((3, 2, 5, -3), "both must be positive"),
}


@pytest.mark.parametrize("kind", BOXES_REFUSED)
def test_boxes_off_the_image_or_empty_are_refused(kind):
    (left, top, width, height), message = BOXES_REFUSED[kind]
    refused(lambda: annotations.box(SIZE, left, top, width, height), message)
    refused(lambda: annotations.corners(SIZE, left, top, left + width, top + height), message)


@pytest.mark.parametrize("x, y, radius", [(20, 4, 3), (6.5, 8.25, 5.1), (0, 0, 4), (29, 18, 40), (11, 7, 1)])
def test_circles_come_back_from_both_origins(x, y, radius):
    size = (19, 30)
    wanted = disc(size, x, y, radius)
    assert np.array_equal(annotations.circle(size, x, y, radius), wanted)
    assert np.array_equal(annotations.circle(size, x, y, radius, origin="bottom"), wanted[::-1])


@pytest.mark.parametrize("x, y, radius", [(14, 4, 3), (-0.5, 4, 3), (4, 9, 3), (4, -1, 3), (4, 4, 0), (4, 4, -2)])
def test_circles_off_the_image_or_empty_are_refused(x, y, radius):
    for origin in ("top", "bottom"):
        refused(lambda: annotations.circle(SIZE, x, y, radius, origin), "does not fit an image of 14 x 9")


def test_an_unknown_origin_is_refused():
    for origin in ("left", "", None, ["top"]):
        refused(lambda: annotations.circle(SIZE, 4, 4, 2, origin), "top or bottom")


def test_contours_come_back():
    last = [[3, 1], [4, 1], [4, 5], [9, 5], [9, 6], [3, 6]]
    assert np.array_equal(annotations.contours(SIZE, [last]), LETTER)
    assert np.array_equal(annotations.contours(SIZE, [[[6, 2], [12, 2], [12, 4], [6, 4]]]), rectangle(2, 5, 6, 13))
    lone = annotations.contours(SIZE, [[[11, 2]], [[1, 7], [4, 7]]])
    assert np.array_equal(lone, rectangle(2, 3, 11, 12) | rectangle(7, 8, 1, 5))
    assert annotations.contours(SIZE, []).dtype == bool and not annotations.contours(SIZE, []).any()


@pytest.mark.parametrize("seed", range(10))
def test_contours_are_filled_as_pillow_fills_them_and_joined(seed):
    outlines = (np.random.default_rng(seed).random((3, 5, 2)) * [30, 20]).round(seed % 3).tolist()
    canvas = Image.new("L", (31, 21))
    for outline in outlines:
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in outline], fill=255, outline=255)
    assert np.array_equal(annotations.contours((21, 31), outlines), np.array(canvas) == 255)


def test_polygons_come_back():
    assert np.array_equal(annotations.polygon(SIZE, [OUTLINE]), LETTER)
    assert np.array_equal(annotations.polygon(SIZE, [OUTLINE[::-1] + OUTLINE[-1:]]), LETTER)
    assert np.array_equal(annotations.polygon(SIZE, RING_RINGS), RING)
    assert annotations.polygon(SIZE, [[[0, 0], [14, 0], [14, 9], [0, 9]]]).all()


@pytest.mark.parametrize("mask", [LETTER, RING], ids=["letter", "ring"])
def test_polygons_come_back_from_traced_outlines(mask):
    traced = [(line[:, ::-1] + 0.5).tolist() for line in find_contours(mask.astype(float), 0.5)]
    assert np.array_equal(annotations.polygon(SIZE, sorted(traced, key=len, reverse=True)), mask)


@pytest.mark.parametrize(
    "low, high, first, end",
    [(2, 5, 2, 5), (2.4, 4.6, 2, 5), (2.6, 4.4, 3, 4), (2.5, 4.5, 2, 5), (2.51, 4.49, 3, 4)],
)
def test_a_polygon_holds_the_pixels_whose_centres_it_holds(low, high, first, end):
    ring = [[low, 1], [high, 1], [high, 3], [low, 3]]
    assert np.array_equal(annotations.polygon(SIZE, [ring]), rectangle(1, 3, first, end))
    assert np.array_equal(
        annotations.polygon(SIZE[::-1], [[point[::-1] for point in ring]]).T, rectangle(1, 3, first, end)
    )


@pytest.mark.parametrize("seed", range(20))
def test_polygons_agree_with_the_even_odd_rule(seed):
    ring = (np.random.default_rng(seed).random((3 + seed % 6, 2)) * [40, 25]).tolist()
    assert np.array_equal(annotations.polygon((25, 40), [ring]), enclosed((25, 40), ring))


OUTLINES_REFUSED = {
    "outside": ([[[3, 1], [5, 1], [20, 5]]], r"point \(20, 5\) lies outside the image of 14 x 9"),
    "above": ([[[3, -4], [5, 1], [10, 5]]], "lies outside"),
    "swapped x and y": ([[[1, 3], [1, 13], [5, 13]]], "lies outside"),
    "three coordinates": ([[[3, 1, 0], [5, 1, 0], [5, 5, 0]]], r"points \[x, y\]"),
    "one coordinate": ([[[3], [5], [5]]], r"points \[x, y\]"),
    "flat": ([[3, 1, 5, 1, 5, 5]], "a point is expected"),
    "an empty outline": ([[]], "or more, not 0"),
    "no list": ({"x": 1}, "is expected"),
}


@pytest.mark.parametrize("kind", OUTLINES_REFUSED)
@pytest.mark.parametrize("read", [annotations.contours, annotations.polygon])
def test_outlines_that_cannot_be_drawn_are_refused(read, kind):
    outlines, message = OUTLINES_REFUSED[kind]
    refused(lambda: read(SIZE, outlines), message)


def test_a_polygon_needs_a_ring_of_three_points():
    refused(lambda: annotations.polygon(SIZE, []), "no ring")
    refused(lambda: annotations.polygon(SIZE, [[[1, 1], [5, 5]]]), "3 points")


def test_an_outline_may_spill_a_little_and_is_clipped():
    wanted = rectangle(0, 9, 10, 14)
    outline = [[10, -0.5], [14.5, -0.5], [14.5, 9.5], [10, 9.5]]
    assert np.array_equal(annotations.polygon(SIZE, [outline]), wanted)
    assert np.array_equal(annotations.coco(SIZE, [np.ravel(outline).tolist()]), wanted)


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
        assert list(found) == ["Tumor", "Benign gland"] and np.array_equal(found["Benign gland"], RING)
        assert np.array_equal(found["Tumor"], LETTER | rectangle(0, 4, 11, 13) | rectangle(7, 9, 0, 2))
    pieces = annotations.geojson(SIZE, [feature([RING_RINGS, [OUTLINE]], kind="MultiPolygon")])
    assert np.array_equal(pieces["Tumor"], RING | LETTER)
    assert annotations.geojson(SIZE, {"type": "FeatureCollection", "features": []}) == {}


def test_a_class_may_be_named_without_more():
    named = feature([OUTLINE])
    named["properties"] = {"classification": "Stroma"}
    assert np.array_equal(annotations.geojson(SIZE, [named])["Stroma"], LETTER)


GEOJSON_REFUSED = {
    "no properties": (lambda f: f.pop("properties"), "feature 1 has no classification"),
    "null properties": (lambda f: f.update(properties=None), "no classification"),
    "no classification": (lambda f: f["properties"].pop("classification"), "no classification"),
    "blank name": (lambda f: f["properties"]["classification"].update(name=""), "no classification"),
    "a number for a name": (lambda f: f["properties"]["classification"].update(name=3), "no classification"),
    "no geometry": (lambda f: f.pop("geometry"), "geometry of feature 1"),
    "point": (lambda f: f["geometry"].update(type="Point", coordinates=[3, 4]), "is a 'Point'; only"),
    "line": (lambda f: f["geometry"].update(type="LineString", coordinates=OUTLINE), "is a 'LineString'; only"),
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
    for mask in (disc((70, 90), 60, 20, 15).repeat(10, 0).repeat(10, 1), rectangle(699, 700, 899, 900, size)):
        assert np.array_equal(annotations.coco(size, packed(mask)), mask)
        assert np.array_equal(annotations.coco(size, runs(mask)), mask)


COCO_REFUSED = {
    "odd number of coordinates": ([[3, 1, 5, 1, 5, 5, 3]], "7 numbers; they must come in pairs"),
    "two points": ([[3, 1, 5, 1]], "3 points"),
    "flat": ([3, 1, 5, 1, 5, 5], "a polygon is expected"),
    "outside": ([[3, 1, 5, 1, 30, 5]], "lies outside"),
    "size swapped": ({**packed(LETTER), "size": [14, 9]}, r"size \[14, 9\] \(height, width\), its image is 9 x 14"),
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
    refused(lambda: annotations.coco(SIZE if "€" not in str(segmentation) else (1, 15), segmentation), message)


def test_via_shapes_come_back():
    size = (19, 30)
    xs, ys = zip(*OUTLINE)
    shapes = [
        ({"name": "polygon", "all_points_x": list(xs), "all_points_y": list(ys)}, np.pad(LETTER, ((0, 10), (0, 16)))),
        ({"name": "rect", "x": 6, "y": 2, "width": 7, "height": 3}, rectangle(2, 5, 6, 13, size)),
        ({"name": "circle", "cx": 20, "cy": 5, "r": 4.2}, disc(size, 20, 5, 4.2)),
        ({"name": "ellipse", "cx": 17.3, "cy": 8.1, "rx": 9, "ry": 3.3}, oval(size, 17.3, 8.1, 9, 3.3, 0)),
    ]
    for shape, wanted in shapes:
        found = annotations.via(size, shape)
        assert found.dtype == bool and np.array_equal(found, wanted)
    assert annotations.via(size, {"name": "point", "cx": 3, "cy": 4}) is None
    assert annotations.via(size, {"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 5]}) is None


@pytest.mark.parametrize("theta", [0.4, -0.4, 1.2, math.pi / 2, 2.5, 7])
def test_via_ellipses_turn_clockwise_as_on_the_screen(theta):
    shape = {"name": "ellipse", "cx": 16.3, "cy": 8.1, "rx": 9.5, "ry": 3.2, "theta": theta}
    assert np.array_equal(annotations.via((19, 30), shape), oval((19, 30), 16.3, 8.1, 9.5, 3.2, theta))


VIA_REFUSED = {
    "no name": ({"x": 1}, "unknown shape None"),
    "unknown name": ({"name": "star"}, "unknown shape 'star'; known are"),
    "list for a name": ({"name": ["rect"]}, "unknown shape"),
    "lists of two lengths": ({"name": "polygon", "all_points_x": [1, 5, 5], "all_points_y": [1, 2]}, "3 x and 2 y"),
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
        f"box {at}": lambda v, at=at: annotations.box(SIZE, *[v if at == i else 3 for i in range(4)]) for at in range(4)
    },
    **{
        f"corners {at}": lambda v, at=at: annotations.corners(SIZE, *[v if at == i else i for i in range(4)])
        for at in range(4)
    },
    **{
        f"circle {at}": lambda v, at=at: annotations.circle(SIZE, *[v if at == i else 3 for i in range(3)])
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
    "geojson, geometry": lambda v: annotations.geojson(SIZE, [{**feature([OUTLINE]), "geometry": v}]),
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
    "via, xs": lambda v: annotations.via(SIZE, {"name": "polygon", "all_points_x": v, "all_points_y": [1, 2, 3]}),
    "via, width": lambda v: annotations.via(SIZE, {"name": "rect", "x": 1, "y": 1, "width": v, "height": 3}),
    "via, radius": lambda v: annotations.via(SIZE, {"name": "circle", "cx": 1, "cy": 1, "r": v}),
    "via, theta": lambda v: annotations.via(SIZE, {"name": "ellipse", "cx": 1, "cy": 1, "rx": 3, "ry": 2, "theta": v}),
}


@pytest.mark.parametrize("place", PLACES)
def test_rubbish_is_refused_in_every_place(place):
    for value in RUBBISH.values():
        refused(lambda: PLACES[place](value))


KEYS = (
    "type name size counts features geometry properties classification coordinates x y width height cx cy r rx ry theta "
    "all_points_x all_points_y"
).split()
WORDS = ("polygon", "rect", "circle", "ellipse", "point", "polyline", "Polygon", "MultiPolygon", "Tumor", "\n", "0")
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
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
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
    "coco": (lambda v: annotations.coco(SIZE, v), [[np.ravel(OUTLINE).tolist()], packed(LETTER), runs(LETTER)]),
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
    """Whatever is given, the answer is a mask (or several, or none of a VIA shape), or one line of refusal."""
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
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else [])
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
        lambda document: st.builds(replaced, st.just(document), st.sampled_from(places(document)), ANYTHING)
    )
    FUZZ(given(near)(lambda value: read_or_refused(read, value)))()


@FUZZ
@given(at=st.integers(0, 30), letter=st.characters() | st.characters(min_codepoint=48, max_codepoint=111))
def test_damaged_run_length_strings_are_read_or_refused(at, letter):
    code = packed(LETTER)
    counts = code["counts"][: at % len(code["counts"])] + letter + code["counts"][at % len(code["counts"]) + 1 :]
    read_or_refused(lambda value: annotations.coco(SIZE, value), {**code, "counts": counts})
