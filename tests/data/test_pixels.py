"""Images and masks come as a viewer shows them, or are refused in one line with their name."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from pictures import COLOUR, GREY, chunk, kept, orientation, refused
from PIL import Image, ImageOps

from regard.data import annotations, cases
from regard.data.inputs import png
from regard.datasets import pixels


def with_alpha(image, opacity):
    image = Image.fromarray(image).convert("LA" if image.ndim == 2 else "RGBA")
    image.putalpha(Image.fromarray(np.broadcast_to(np.uint8(opacity), (6, 8)).copy()))
    return image


def test_8_bit_images_come_as_they_are(tmp_path):
    assert np.array_equal(pixels.image(kept(tmp_path, GREY)), GREY)
    assert np.array_equal(pixels.image(kept(tmp_path, COLOUR)), COLOUR)
    assert np.array_equal(pixels.image(kept(tmp_path, GREY, "view.bmp"), grey=True), GREY)
    assert pixels.size_of(tmp_path / "view.png") == (6, 8)


def test_colours_become_grey_by_their_luma(tmp_path):
    found = pixels.image(kept(tmp_path, COLOUR), grey=True)
    assert found.shape == (6, 8) and np.abs(found - COLOUR @ [0.299, 0.587, 0.114]).max() <= 0.51


def test_a_window_leaves_8_bits_alone(tmp_path):
    assert np.array_equal(pixels.image(kept(tmp_path, GREY), window=(0, 10)), GREY)


def test_palettes_are_looked_up(tmp_path):
    image = Image.frombytes("P", (8, 6), (GREY // 5).tobytes())
    image.putpalette([value for code in range(48) for value in (code, 200 - code, 3 * code)])
    codes = GREY // 5
    assert np.array_equal(
        pixels.image(kept(tmp_path, image)), np.dstack([codes, 200 - codes, 3 * codes])
    )


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_an_opaque_alpha_channel_is_dropped(tmp_path, image):
    assert np.array_equal(pixels.image(kept(tmp_path, with_alpha(image, 255))), image)
    assert np.array_equal(
        pixels.image(kept(tmp_path, image, transparency=254 if image is GREY else (1, 2, 3))), image
    )


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_transparent_pixels_are_refused_unless_it_is_stated_what_lies_behind(tmp_path, image):
    opacity = np.where(GREY > 100, 255, np.where(GREY > 50, 128, 0))
    path = kept(tmp_path, with_alpha(image, opacity))
    refused(lambda: pixels.image(path), path, "transparent pixels")
    for behind in (0, 90, 255):
        share = (opacity / 255).reshape((6, 8) + (1,) * (image.ndim - 2))
        found = pixels.image(path, behind=behind)
        assert (
            found.shape == image.shape
            and np.abs(found - (share * image + (1 - share) * behind)).max() <= 1
        )


@pytest.mark.parametrize(
    "mode, name", [("CMYK", "view.jpg"), ("1", "view.png"), ("LAB", "view.tif")]
)
def test_other_modes_are_refused(tmp_path, mode, name):
    path = kept(tmp_path, Image.new(mode, (8, 6)), name)
    refused(lambda: pixels.image(path), path, f"mode {mode}")


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", None], ids=["empty", "text", "head", "cut"]
)
def test_damaged_images_are_named(tmp_path, content):
    path = kept(tmp_path, np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    refused(lambda: pixels.image(path), path)
    refused(lambda: pixels.picture(path), path)
    if content is not None:
        refused(lambda: pixels.size_of(path), path)


def test_a_missing_image_is_named(tmp_path):
    for call in (pixels.image, pixels.picture, pixels.size_of):
        refused(lambda: call(tmp_path / "view.png"), tmp_path / "view.png", error=FileNotFoundError)


def test_masks_must_have_the_size_of_their_image(tmp_path):
    shown, drawn = (
        kept(tmp_path, COLOUR),
        kept(tmp_path, np.where(GREY > 99, 255, 0).astype(np.uint8), "mask.png"),
    )
    assert np.array_equal(pixels.mask(drawn, shown), GREY > 99)
    kept(tmp_path, np.zeros((8, 6), np.uint8), "mask.png")
    refused(lambda: pixels.mask(drawn, shown), drawn, "6 x 8 pixels, its image is 8 x 6")


def with_late_exif(path, exif):
    """The PNG with its eXIf chunk behind the pixels, where the standard allows it too."""
    content = path.read_bytes()
    end = content.rindex(b"IEND") - 4
    path.write_bytes(content[:end] + chunk(b"eXIf", exif.tobytes()[6:]) + content[end:])
    return path


UPRIGHT = {
    "jpg": lambda folder, image, exif: kept(folder, image, "view.jpg", exif=exif),
    "png": lambda folder, image, exif: kept(folder, image, "view.png", exif=exif),
    "late png": lambda folder, image, exif: with_late_exif(kept(folder, image, "view.png"), exif),
    "tif": lambda folder, image, exif: kept(folder, image, "view.tif", exif=exif),
    "deflated tif": lambda folder, image, exif: kept(
        folder, image, "v.tif", exif=exif, compression="tiff_deflate"
    ),
    "webp": lambda folder, image, exif: kept(folder, image, "view.webp", exif=exif, lossless=True),
}


@pytest.mark.parametrize("kind, number", [(kind, at) for kind in UPRIGHT for at in range(10)])
def test_images_are_turned_as_viewers_turn_them(tmp_path, kind, number):
    if kind == "deflated tif" and number in (0, 9):
        pytest.skip("libtiff writes no orientation that is none")
    path = UPRIGHT[kind](tmp_path, COLOUR, orientation(number))
    with Image.open(path) as opened:
        wanted = np.array(ImageOps.exif_transpose(opened))
    assert wanted.shape[:2] == ((8, 6) if number in (5, 6, 7, 8) else (6, 8))
    assert np.array_equal(pixels.image(path), wanted) and pixels.size_of(path) == wanted.shape[:2]
    assert np.array_equal(np.array(cases.decode(path)), wanted)


@pytest.mark.parametrize("number", range(1, 9))
def test_masks_are_turned_with_their_images(tmp_path, number):
    drawn = np.where(GREY > 99, 255, 0).astype(np.uint8)
    shown = kept(tmp_path, COLOUR, "view.jpg", exif=orientation(number))
    path = kept(tmp_path, drawn, "mask.png", exif=orientation(number))
    with Image.open(path) as opened:
        assert np.array_equal(
            pixels.mask(path, shown), np.array(ImageOps.exif_transpose(opened)) > 0
        )


TURNED = {  # by numpy alone, what EXIF's orientation says
    1: lambda seen: seen,
    2: np.fliplr,
    3: lambda seen: np.rot90(seen, 2),
    4: np.flipud,
    5: lambda seen: seen.swapaxes(0, 1),
    6: lambda seen: np.rot90(seen, -1),
    7: lambda seen: np.rot90(seen, 2).swapaxes(0, 1),
    8: lambda seen: np.rot90(seen, 1),
}
TABLE = np.stack([np.arange(256), 255 - np.arange(256), np.arange(256) // 2]).astype(np.uint16)
KINDS = {  # of TIFF: what is written, how, and what is seen
    "L": (GREY, {"photometric": "minisblack"}, GREY),
    "white is zero": (GREY, {"photometric": "miniswhite"}, 255 - GREY),
    "P": (GREY, {"photometric": "palette", "colormap": TABLE * 257}, TABLE.T[GREY]),
    "RGB": (COLOUR, {"photometric": "rgb"}, COLOUR),
    "P of 16 bits": (GREY, {"photometric": "palette", "colormap": TABLE * 200}, TABLE.T[GREY]),
}


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kind, number", [(kind, number) for kind in KINDS for number in TURNED])
def test_tiffs_that_are_not_square_are_turned(tmp_path, kind, number, compression):
    """Of a path Pillow maps those without compression into memory, and scrambles some."""
    path, (stored, options, seen) = tmp_path / "view.tif", KINDS[kind]
    turn = [(274, "H", 1, number, True)]
    tifffile.imwrite(path, stored, **options, compression=compression, extratags=turn)
    wanted = TURNED[number](seen)
    found = pixels.image(path, window=(0, 255 * 200))
    assert np.array_equal(found, wanted) and pixels.size_of(path) == wanted.shape[:2]
    if "16" not in kind:
        with Image.open(io.BytesIO(path.read_bytes())) as opened:
            other = ImageOps.exif_transpose(opened).convert("L" if seen.ndim == 2 else "RGB")
        assert np.array_equal(found, np.array(other))


def test_images_of_the_own_layout_are_turned(folder):
    path = folder / "images" / "c00-0.png"
    with Image.open(path) as opened:
        opened.save(path, exif=orientation(3))
        wanted = np.array(opened)[::-1, ::-1]
    assert np.array_equal(cases.read(folder).images[0], wanted)


@pytest.mark.parametrize("tag", [None, 1, 6])
@pytest.mark.parametrize("name", ["L", "RGB", "16 bits"])
def test_an_orientation_in_xmp_counts_once(tmp_path, name, tag):
    path, stored = tmp_path / "view.tif", COLOUR if name == "RGB" else GREY
    said = b'<rdf:Description tiff:Orientation="6"/>'
    tags = [(700, "B", len(said), said, True), *([(274, "H", 1, tag, True)] if tag else [])]
    photometric = "rgb" if name == "RGB" else "minisblack"
    values = stored * np.uint16(257) if name == "16 bits" else stored
    tifffile.imwrite(path, values, photometric=photometric, extratags=tags, metadata=None)
    wanted = TURNED[tag or 6](stored)
    assert np.array_equal(pixels.image(path, window=(0, 65535)), wanted)
    assert pixels.size_of(path) == wanted.shape[:2]


@pytest.mark.parametrize("kind", ["L", "RGB", "P"])
def test_any_changed_byte_of_a_deflated_tiff_is_found(tmp_path, kind):
    """libtiff does not look at zlib's checksum."""
    path, (stored, options, _) = tmp_path / "view.tif", KINDS[kind]
    tifffile.imwrite(path, stored, **options, compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as file:
        start, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content = path.read_bytes()
    for at in range(start, start + count):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        refused(lambda: pixels.image(path), path)


def test_formats_that_are_not_understood_are_refused(tmp_path):
    for name in ("view.tga", "view.ico", "view.eps", "view.sgi"):
        path = kept(tmp_path, COLOUR, name)
        refused(lambda: pixels.image(path), path, "not an image that can be read")


@pytest.mark.parametrize("opacity", [255, 0])
def test_palettes_with_alpha_are_read_where_they_are_opaque(tmp_path, opacity):
    image = Image.fromarray(GREY).convert("P")
    path = kept(tmp_path, image, transparency=bytes([255] * 20 + [opacity] * 236))
    if opacity:
        assert np.array_equal(pixels.image(path), np.dstack([GREY] * 3))
    else:
        refused(lambda: pixels.image(path), path, "transparent")
        refused(lambda: pixels.mask(path, path), path, "transparent")


@pytest.mark.parametrize("place, image", [("images", GREY), ("regions/mass", GREY)])
def test_transparent_values_are_refused_in_the_own_layout(folder, place, image):
    path = folder / place / "c01-0.png"
    with Image.open(path) as opened:
        opened.load()
    opened.save(path, transparency=int(np.array(opened)[3, 3]))
    refused(lambda: cases.read(folder), "cases.csv row 4", path, "transparent")


NAMES = {"a": (255, 0, 0), "b": (0, 255, 0)}


def test_colours_of_masks_must_be_opaque_and_of_8_bits():
    red = Image.new("RGB", (4, 3), (255, 0, 0))
    assert annotations.colours(red, NAMES)["a"].all()
    assert annotations.colours(red.convert("RGBA"), NAMES)["a"].all()
    for image in (
        red.convert("CMYK"),
        Image.new("I;16", (4, 3), 40000),
        Image.new("RGBA", (4, 3), (255, 0, 0, 9)),
    ):
        refused(lambda: annotations.colours(image, NAMES), "the mask has")


def test_class_codes_of_fewer_bits_would_be_stretched(tmp_path):
    """Code 1 in 4 bits is grey value 17 in 8, and 17 may be another class."""
    rows = b"".join(b"\0" + bytes([0x01, 0x23]) for _ in range(2))
    head = struct.pack(">IIBBBBB", 4, 2, 4, 0, 0, 0, 0)
    path = tmp_path / "codes.png"
    path.write_bytes(
        png.MARK + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    assert np.array_equal(pixels.image(path), [[0, 17, 34, 51]] * 2)
    refused(
        lambda: annotations.codes(pixels.picture(path), {0: "a", 17: "b", 34: "c", 51: "d"}),
        "4-bit",
    )
