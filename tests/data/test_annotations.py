"""Annotations: what is drawn as pixels, boxes, circles or outlines comes back as the same mask;
what would be a guess is refused.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlines import (
    FUZZ,
    LETTER,
    OUTLINE,
    RING,
    RING_RINGS,
    SIZE,
    alpha,
    disc,
    enclosed,
    indexed,
    picture,
    rectangle,
    refused,
    saved,
)
from PIL import Image, ImageDraw
from skimage.measure import find_contours

from regard.data import annotations

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
    "transparent value": (
        lambda: saved(picture(LETTER * 255), transparency=0),
        "transparent pixels",
    ),
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
    names = {
        "gland": (255, 0, 0),
        "vessel": (0, 0, 255),
        "both": (255, 0, 255),
        "none of it": (0, 255, 0),
    }
    values = np.zeros((*SIZE, 3), np.uint8)
    values[LETTER, 0], values[RING, 2] = 255, 255
    noise = np.random.default_rng(0).integers(-90, 91, values.shape)
    for image in (values, np.clip(values + noise, 0, 255)):
        found = annotations.colours(picture(image), names)
        assert list(found) == list(names) and all(mask.dtype == bool for mask in found.values())
        assert np.array_equal(found["gland"], LETTER & ~RING) and np.array_equal(
            found["vessel"], RING & ~LETTER
        )
        assert np.array_equal(found["both"], LETTER & RING) and not found["none of it"].any()


def test_an_unknown_colour_is_refused_with_its_place():
    values = np.zeros((*SIZE, 3), np.uint8)
    values[4, 11] = 250, 240, 10
    refused(
        lambda: annotations.colours(picture(values), {"gland": (255, 0, 0)}),
        r"\(250, 240, 10\) at row 4, column 11",
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
    refused(
        lambda: annotations.codes(picture(LETTER * 5), {0: "rest", 4: "letter"}),
        "code 5; known are 0, 4",
    )
    for mode in ("1", "RGB", "LA", "RGBA"):
        refused(
            lambda: annotations.codes(picture(LETTER * 255, mode), {0: "rest", 255: "letter"}),
            f"mode {mode};",
        )
    refused(
        lambda: annotations.codes(
            saved(Image.fromarray(LETTER.astype(np.uint16))), {0: "a", 1: "b"}
        ),
        "mode I;16",
    )


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
    assert np.array_equal(
        annotations.box(SIZE, left, 1, width, 2), rectangle(1, 3, first, first + count)
    )
    upright = annotations.box(SIZE[::-1], 1, left, 2, width)
    assert np.array_equal(upright, rectangle(1, 3, first, first + count).T)


@FUZZ
@given(ends=st.lists(st.floats(-1, 14, width=32), min_size=3, max_size=3).map(sorted))
def test_boxes_that_touch_share_no_pixel_and_leave_none_between(ends):
    left, middle, right = ends
    if (
        left + 2 <= middle <= right - 2
    ):  # so that each covers a pixel, even where it leaves the image
        parts = [
            annotations.corners(SIZE, *pair)
            for pair in ((left, 0, middle, 9), (middle, 0, right, 9))
        ]
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


@pytest.mark.parametrize(
    "x, y, radius", [(20, 4, 3), (6.5, 8.25, 5.1), (0, 0, 4), (29, 18, 40), (11, 7, 1)]
)
def test_circles_come_back_from_both_origins(x, y, radius):
    size = (19, 30)
    wanted = disc(size, x, y, radius)
    assert np.array_equal(annotations.circle(size, x, y, radius), wanted)
    assert np.array_equal(annotations.circle(size, x, y, radius, origin="bottom"), wanted[::-1])


@pytest.mark.parametrize(
    "x, y, radius", [(14, 4, 3), (-0.5, 4, 3), (4, 9, 3), (4, -1, 3), (4, 4, 0), (4, 4, -2)]
)
def test_circles_off_the_image_or_empty_are_refused(x, y, radius):
    for origin in ("top", "bottom"):
        refused(
            lambda: annotations.circle(SIZE, x, y, radius, origin),
            "does not fit an image of 14 x 9",
        )


def test_an_unknown_origin_is_refused():
    for origin in ("left", "", None, ["top"]):
        refused(lambda: annotations.circle(SIZE, 4, 4, 2, origin), "top or bottom")


def test_contours_come_back():
    last = [[3, 1], [4, 1], [4, 5], [9, 5], [9, 6], [3, 6]]
    assert np.array_equal(annotations.contours(SIZE, [last]), LETTER)
    assert np.array_equal(
        annotations.contours(SIZE, [[[6, 2], [12, 2], [12, 4], [6, 4]]]), rectangle(2, 5, 6, 13)
    )
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
        annotations.polygon(SIZE[::-1], [[point[::-1] for point in ring]]).T,
        rectangle(1, 3, first, end),
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
