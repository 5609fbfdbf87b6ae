"""Images of more than 8 bits pass in full through the window in every container, or are refused."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from pictures import (
    COLOUR,
    DEEP,
    GREY,
    GROUND,
    SPOT,
    THREE,
    TWELVE,
    chunk,
    expected,
    kept,
    orientation,
    png16,
    pnm,
    refused,
    tiff16,
)
from PIL import Image, ImageOps

from regard.data import cases
from regard.data.inputs import png, rasters
from regard.datasets import pixels


@pytest.mark.parametrize("name", ["view.png", "view.tif"])
def test_16_bits_need_a_window(tmp_path, name):
    path = kept(tmp_path, DEEP, name)
    refused(lambda: pixels.image(path), path, "state a window")
    found = pixels.image(path, window=(2000, 2000 + 255 * 50))
    assert found.dtype == np.uint8 and np.array_equal(
        found, np.clip((DEEP.astype(int) - 2000) // 50, 0, 255)
    )
    refused(lambda: pixels.image(path, window=(5, 5)), "a window must rise")


def test_a_transparent_value_of_16_bits_is_refused(tmp_path):
    path = kept(tmp_path, DEEP, transparency=500)
    for window in (None, (0, 65535)):
        refused(lambda: pixels.image(path, window=window), path, "16-bit")


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("name", ["view.png", "view.tif", "colour.tif"])
def test_images_of_16_bits_are_turned_too(tmp_path, name, number):
    if name == "colour.tif":
        path = tmp_path / name
        tifffile.imwrite(
            path, np.dstack([DEEP] * 3), photometric="rgb", extratags=[(274, "H", 1, number, True)]
        )
    else:
        path = kept(tmp_path, DEEP, name, exif=orientation(number))
    wanted = np.array(ImageOps.exif_transpose(Image.fromarray(DEEP // 100).convert("L")))
    upside = Image.fromarray((DEEP // 100).astype(np.uint8))
    upside.getexif()[0x0112] = number
    wanted = np.array(ImageOps.exif_transpose(upside))
    found = pixels.image(path, grey=True, window=(0, 25500))
    assert np.array_equal(found, wanted) and pixels.size_of(path) == wanted.shape


def palette16(path):
    """Indices into 16-bit colours: 0 -> GROUND, 1 -> SPOT."""
    table = np.zeros((3, 256), np.uint16)
    table[:, 0], table[:, 1] = GROUND, SPOT
    tifffile.imwrite(
        path,
        (TWELVE == SPOT).astype(np.uint8),
        photometric="palette",
        colormap=table,
        metadata=None,
    )


def jpeg2000(path, values, stated):
    """A codestream whose header states `stated` bits, less 1 (and 128 where they have a sign).

    A decoder adds half of the stated range, and the encoder has subtracted half of 16 bits.
    """
    Image.fromarray((values + 2**15 - 2 ** (stated % 128)).astype(np.uint16)).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"\xff\x4f\xff\x51") + 42] = stated
    path.write_bytes(content)


def with_tag(path, code, value):
    """Change a SHORT in the first directory of a little-endian TIFF."""
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        struct.pack_into("<H", content, file.pages[0].tags[code].valueoffset, value)
    path.write_bytes(content)


def lzw_without_sign(path):
    values = (TWELVE.astype(np.uint32) + 2**31).view(np.int32)
    Image.fromarray(values).save(path, compression="tiff_lzw")
    with_tag(path, 339, 1)


WHITE = {"photometric": "miniswhite"}


BLACK_OPAQUE = np.full_like(TWELVE, 65535)


DEEP_FILES = {  # how a file of 16 bits or more is written, and the values that it holds
    "grey.png": (lambda path: png16(path, TWELVE, None), TWELVE),
    "grey+alpha.png": (lambda path: png16(path, TWELVE), TWELVE),
    "rgb.png": (lambda path: png16(path, THREE, None), THREE),
    "rgba.png": (lambda path: png16(path, THREE), THREE),
    "grey.tif": (lambda path: tiff16(path, TWELVE), TWELVE),
    "grey big endian.tif": (lambda path: tiff16(path, TWELVE, byteorder=">"), TWELVE),
    "grey big tiff.tif": (lambda path: tiff16(path, TWELVE, bigtiff=True), TWELVE),
    "grey deflated.tif": (
        lambda path: tiff16(path, TWELVE, compression="zlib", predictor=True),
        TWELVE,
    ),
    "grey big endian deflated.tif": (
        lambda path: tiff16(path, TWELVE, byteorder=">", compression="zlib"),
        TWELVE,
    ),
    "grey lzw.tif": (
        lambda path: Image.fromarray(TWELVE).save(path, compression="tiff_lzw"),
        TWELVE,
    ),
    "grey tiles.tif": (lambda path: tiff16(path, TWELVE, tile=(16, 16)), TWELVE),
    "grey alpha.tif": (
        lambda path: tiff16(
            path,
            np.dstack([TWELVE, BLACK_OPAQUE]),
            photometric="minisblack",
            extrasamples=["unassalpha"],
            planarconfig="contig",
        ),
        TWELVE,
    ),
    "white.tif": (lambda path: tiff16(path, 65535 - TWELVE, **WHITE), TWELVE),
    "white big endian.tif": (
        lambda path: tiff16(path, 65535 - TWELVE, byteorder=">", **WHITE),
        TWELVE,
    ),
    "white deflated.tif": (
        lambda path: tiff16(path, 65535 - TWELVE, compression="zlib", **WHITE),
        TWELVE,
    ),
    "rgb.tif": (lambda path: tiff16(path, THREE), THREE),
    "rgb big endian.tif": (lambda path: tiff16(path, THREE, byteorder=">"), THREE),
    "rgb deflated.tif": (
        lambda path: tiff16(path, THREE, compression="zlib", predictor=True),
        THREE,
    ),
    "rgb planes.tif": (
        lambda path: tiff16(
            path, np.moveaxis(THREE, -1, 0), photometric="rgb", planarconfig="separate"
        ),
        THREE,
    ),
    "rgba.tif": (
        lambda path: tiff16(path, np.dstack([THREE, BLACK_OPAQUE]), extrasamples=["unassalpha"]),
        THREE,
    ),
    "palette.tif": (palette16, np.dstack([np.where(TWELVE == SPOT, SPOT, GROUND)] * 3)),
    "int16.tif": (
        lambda path: tiff16(path, TWELVE.astype(np.int16) - 1000),
        TWELVE.astype(int) - 1000,
    ),
    "int32.tif": (
        lambda path: tiff16(path, TWELVE.astype(np.int32) - 1000),
        TWELVE.astype(int) - 1000,
    ),
    "uint32.tif": (lambda path: tiff16(path, TWELVE.astype(np.uint32) + 2**31), TWELVE + 2.0**31),
    "uint32 lzw.tif": (lzw_without_sign, TWELVE + 2.0**31),
    "float32.tif": (lambda path: tiff16(path, TWELVE.astype(np.float32) / 4), TWELVE / 4),
    "float64.tif": (lambda path: tiff16(path, TWELVE / 4), TWELVE / 4),
    "float32 big endian.tif": (
        lambda path: tiff16(path, TWELVE.astype(np.float32) / 4, byteorder=">"),
        TWELVE / 4,
    ),
    "grey.jp2": (lambda path: Image.fromarray(TWELVE).save(path), TWELVE),
    "12 bits.j2k": (lambda path: jpeg2000(path, TWELVE, 11), TWELVE),
    "grey.j2k": (lambda path: Image.fromarray(TWELVE).save(path), TWELVE),
}


for largest in (4095, 65535):
    for plain in (False, True):
        for kind, held in (("pgm", TWELVE), ("ppm", THREE)):
            DEEP_FILES[f"{largest} {'plain' if plain else 'raw'}.{kind}"] = (
                lambda path, held=held, largest=largest, plain=plain: pnm(
                    path, held, largest, plain
                ),
                held,
            )


@pytest.mark.parametrize("name", DEEP_FILES)
def test_all_bits_of_deep_images_pass_through_the_window(tmp_path, name):
    write, values = DEEP_FILES[name]
    path = tmp_path / name
    write(path)
    refused(lambda: pixels.image(path), path, "state a window")
    for low, high in ((0, 4095), (0, 20), (3000, 4050), (2**31, 2**31 + 4095)):
        found = pixels.image(path, window=(low, high))
        assert found.dtype == np.uint8 and np.array_equal(
            found, expected(values.astype(float), low, high)
        )
    assert pixels.size_of(path) == found.shape[:2] == (6, 8)
    if values is TWELVE:
        assert pixels.image(path, window=(0, 4095))[2, 3] == 249


@pytest.mark.parametrize("name", DEEP_FILES)
def test_deep_files_are_refused_where_8_bits_are_expected(tmp_path, name):
    """As masks of every kind, and in the project's own layout."""
    path = tmp_path / name
    DEEP_FILES[name][0](path)
    refused(lambda: pixels.mask(path, path, above=0), path, "-bit values; 8 bits")
    refused(lambda: pixels.picture(path), path)
    refused(lambda: cases.decode(path), path)


def test_16_bits_are_refused_in_the_own_layout(folder):
    png16(folder / "images" / "c01-0.png", np.zeros((24, 32, 3), np.uint16), None)
    refused(lambda: cases.read(folder), "cases.csv row 4", "c01-0.png", "16-bit")


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (7, 9), (40, 31)])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_filtered_pngs_of_16_bits_match_another_decoder(tmp_path, shape, channels):
    """All five filters, by the equations of the PNG standard (9.2), row after row."""
    generator = np.random.default_rng(0)
    values = generator.integers(0, 65536, (*shape, channels), dtype=np.uint16)
    if channels != 3:
        values[..., -1] = 65535
    stride, before, rows = 2 * channels, np.zeros(2 * channels * shape[1], int), b""
    for at, row in enumerate(values):
        row = np.frombuffer(row.astype(">u2").tobytes(), np.uint8).astype(int)
        left, corner = (
            np.concatenate([np.zeros(stride, int), line[:-stride]]) for line in (row, before)
        )
        guess = left + before - corner
        nearest = np.argmin([abs(guess - left), abs(guess - before), abs(guess - corner)], axis=0)
        paeth = np.choose(nearest, [left, before, corner])
        filtered = [row, row - left, row - before, row - (left + before) // 2, row - paeth][at % 5]
        rows += bytes([at % 5]) + (filtered % 256).astype(np.uint8).tobytes()
        before = row
    head = struct.pack(">IIBBBBB", shape[1], shape[0], 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    path, packed = tmp_path / "view.png", zlib.compress(rows)
    parts = [(b"IHDR", head), (b"IDAT", packed[:9]), (b"IDAT", packed[9:]), (b"IEND", b"")]
    path.write_bytes(png.MARK + b"".join(chunk(*part) for part in parts))
    wanted = values[..., 0] if channels == 2 else values[..., :3]
    assert np.array_equal(rasters.read(path), wanted)
    with Image.open(path) as opened:  # Pillow keeps the high bytes
        assert np.array_equal(
            np.array(opened.convert("RGB"))[..., 0], wanted.reshape(*shape, -1)[..., 0] >> 8
        )


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (8, 8), (13, 11)])
def test_interlaced_pngs_of_16_bits_are_read(tmp_path, shape):
    """The seven passes of Adam7 as the standard draws them (8.2)."""
    drawn = [
        "16462646",
        "77777777",
        "56565656",
        "77777777",
        "36463646",
        "77777777",
        "56565656",
        "77777777",
    ]
    values = np.random.default_rng(0).integers(0, 65536, (*shape, 3), dtype=np.uint16)
    rows = b""
    for number in "1234567":
        for row in range(shape[0]):
            columns = [column for column in range(shape[1]) if drawn[row % 8][column % 8] == number]
            if columns:
                rows += b"\0" + values[row, columns].astype(">u2").tobytes()
    head = struct.pack(">IIBBBBB", shape[1], shape[0], 16, 2, 0, 0, 1)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    (tmp_path / "view.png").write_bytes(png.MARK + b"".join(chunk(*part) for part in parts))
    assert np.array_equal(rasters.read(tmp_path / "view.png"), values)


def half_transparent(path, values, **options):
    values = np.dstack([values, np.where(TWELVE == SPOT, 65535, 500).astype(np.uint16)])
    tiff16(path, values, extrasamples=["unassalpha"], **options)


def lzw_colours(path):
    tiff16(path, THREE)
    with_tag(path, 259, 5)


def without_pixels(path):
    """As a sparse file says that a strip is not there."""
    tiff16(path, TWELVE)
    with_tag(path, 279, 0)


def not_a_number(path):
    tiff16(path, np.where(TWELVE == SPOT, np.nan, 1.0).astype(np.float32))


def over_the_largest(path):
    pnm(path, TWELVE, 300)


def dark_palette(path):
    palette16(path)
    table = np.tile(np.arange(256, dtype=np.uint16), (3, 1))
    tifffile.imwrite(
        path, np.zeros((6, 8), np.uint8), photometric="palette", colormap=table, metadata=None
    )


DEEP_REFUSED = {
    "transparent.png": (lambda path: png16(path, TWELVE, 500), "transparent"),
    "transparent colours.png": (lambda path: png16(path, THREE, 500), "transparent"),
    "transparent.tif": (
        lambda path: half_transparent(
            path, TWELVE, photometric="minisblack", planarconfig="contig"
        ),
        "transparent",
    ),
    "transparent colours.tif": (lambda path: half_transparent(path, THREE), "transparent"),
    "lzw.tif": (lzw_colours, "LZW"),
    "cmyk.tif": (
        lambda path: tiff16(path, np.dstack([THREE, TWELVE]), photometric="separated"),
        "16-bit values in 4 channels",
    ),
    "white float.tif": (lambda path: tiff16(path, TWELVE.astype(np.float32), **WHITE), "white"),
    "int8.tif": (lambda path: tiff16(path, GREY.astype(np.int8)), "signed"),
    "nan.tif": (not_a_number, "no numbers"),
    "over.pgm": (over_the_largest, "300"),
    "dark palette.tif": (dark_palette, "palette"),
    "sparse.tif": (without_pixels, "truncated"),
    "signed.j2k": (lambda path: jpeg2000(path, TWELVE, 128 + 11), "JPEG 2000"),
    "colours.jp2": (lambda path: None, "JPEG 2000"),
}


def deep_jpeg2000(path):
    """The header alone says 12 bits in three channels."""
    Image.fromarray(COLOUR).save(path)
    content = path.read_bytes()
    at = content.index(b"\xff\x4f\xff\x51") + 42
    path.write_bytes(content[:at] + bytes([11, 1, 1] * 3) + content[at + 9 :])


@pytest.mark.parametrize("name", DEEP_REFUSED)
def test_deep_images_that_cannot_be_read_are_named(tmp_path, name):
    write, message = DEEP_REFUSED[name]
    path = tmp_path / name
    (deep_jpeg2000 if name.endswith("jp2") else write)(path)
    refused(lambda: pixels.image(path, window=(0, 4095)), path, message)


def test_palettes_of_8_bit_colours_in_tiff_are_looked_up(tmp_path):
    colours = np.stack([np.arange(256), 255 - np.arange(256), np.arange(256) // 2]).astype(
        np.uint16
    )
    for factor in (256, 257):
        path = tmp_path / f"{factor}.tif"
        tifffile.imwrite(
            path, GREY, photometric="palette", colormap=colours * np.uint16(factor), metadata=None
        )
        assert np.array_equal(pixels.image(path), np.moveaxis(colours[:, GREY], 0, -1))
