"""Images that are damaged, hold several pictures, or show hardly anything."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from pictures import COLOUR, GREY, chunk, kept, png16, pnm, refused, tiff16
from PIL import Image

from regard.data import cases
from regard.data.inputs import png, rasters
from regard.datasets import pixels

FRAMES = [
    Image.fromarray(np.where(level < GREY, 255, 0).astype(np.uint8)) for level in (50, 99, 150)
]


def stacked(path, **options):
    FRAMES[0].save(path, save_all=True, append_images=FRAMES[1:], **options)


def imagej(path):
    tifffile.imwrite(path, np.stack([np.array(frame) for frame in FRAMES]), imagej=True)


def counted_in_the_description(path):
    """One directory, whose description counts three planes: their pixels follow the first's."""
    tifffile.imwrite(
        path,
        np.stack([np.array(frame) for frame in FRAMES]),
        photometric="minisblack",
        truncate=True,
    )


SEVERAL = {
    "stack.tif": (stacked, "3 pages"),
    "stack deflated.tif": (lambda path: stacked(path, compression="tiff_deflate"), "3 pages"),
    "imagej.tif": (imagej, "3 pages"),
    "counted.tif": (counted_in_the_description, "3 pages"),
    "stack.gif": (stacked, "3 frames"),
    "stack.png": (stacked, "3 frames"),
    "stack.webp": (lambda path: stacked(path, lossless=True), "3 frames"),
    "stack.mpo": (stacked, "3 frames"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_pages_or_frames_are_refused(tmp_path, name):
    write, count = SEVERAL[name]
    path = tmp_path / name
    write(path)
    for call in (pixels.image, pixels.picture, cases.decode):
        refused(lambda: call(path), path, count)
    refused(lambda: pixels.mask(path, kept(tmp_path, GREY)), path, count)


def test_pages_of_other_sizes_that_are_no_pyramid_are_refused(tmp_path):
    large, small = np.zeros((60, 80), np.uint8), np.zeros((40, 30), np.uint8)
    for name, pages in {"grows": [small, large], "differs": [large, small]}.items():
        path = tmp_path / f"{name}.tif"
        for at, page in enumerate(pages):
            tifffile.imwrite(path, page, append=at > 0, metadata=None)
        refused(lambda: pixels.image(path), path, "2 pages")


@pytest.mark.parametrize("shape", [(64, 96), (63, 95), (64, 96, 3)])
@pytest.mark.parametrize("within", [True, False])
def test_pyramids_are_read_at_their_full_size(tmp_path, shape, within):
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "slide.tif") as file:
        file.write(values, subifds=2 if within else 0, metadata=None)
        for step in (2, 4):
            file.write(values[::step, ::step], subfiletype=1 if within else 0, metadata=None)
    assert np.array_equal(pixels.image(tmp_path / "slide.tif"), values)
    assert pixels.size_of(tmp_path / "slide.tif") == shape[:2]


def test_a_reduced_copy_in_front_of_the_image_is_refused(tmp_path):
    """As raw files of cameras begin."""
    with tifffile.TiffWriter(tmp_path / "raw.tif") as file:
        file.write(GREY, subifds=1, subfiletype=1, metadata=None)
        file.write(np.zeros((60, 80), np.uint8), metadata=None)
    refused(lambda: pixels.image(tmp_path / "raw.tif"), tmp_path / "raw.tif", "reduced copy")


def test_a_photograph_with_a_preview_is_read(tmp_path):
    large, preview = Image.fromarray(np.tile(COLOUR, (4, 4, 1))), Image.fromarray(COLOUR)
    path = tmp_path / "photo.jpg"
    large.save(path, "MPO", save_all=True, append_images=[preview])
    with Image.open(path) as opened:
        assert opened.n_frames == 2
        wanted = np.array(opened)
    assert np.array_equal(pixels.image(path), wanted) and pixels.size_of(path) == wanted.shape[:2]


@pytest.mark.parametrize("call", [pixels.image, pixels.picture, cases.decode])
def test_any_flipped_bit_of_a_png_is_found(tmp_path, call):
    path = kept(tmp_path, GREY)
    whole = path.read_bytes()
    for at in range(8 * len(png.MARK), 8 * len(whole)):
        damaged = bytearray(whole)
        damaged[at // 8] ^= 1 << at % 8
        path.write_bytes(damaged)
        refused(lambda: call(path), path)
    path.write_bytes(whole + b"what some programs append")
    call(path)


@pytest.mark.parametrize("name", ["images/c01-0.png", "regions/mass/c01-0.png"])
def test_a_wrong_checksum_is_found_in_the_own_layout(folder, name):
    whole = (folder / name).read_bytes()
    for at in (whole.index(b"IDAT") + 12, whole.index(b"IEND") - 5):
        (folder / name).write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        refused(lambda: cases.read(folder), "cases.csv row 4", name, "checksum")


NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


CUT = {
    "a.png": {},
    "a.jpg": {},
    "a.bmp": {},
    "a.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "a.gif": {},
    "a.webp": {"lossless": True},
    "a.ppm": {},
    "a.jp2": {},
}


@pytest.mark.parametrize("name", [*CUT, "deep.tif", "deep.png", "deep.ppm"])
def test_a_file_that_is_cut_is_refused_or_read_in_full(tmp_path, name):
    path = tmp_path / name
    if name.startswith("deep"):
        deep = NOISE.astype(np.uint16) * 257
        {"tif": tiff16, "png": png16, "ppm": lambda path, values: pnm(path, values, 65535)}[
            name[5:]
        ](path, deep)
    else:
        kept(tmp_path, NOISE, name, **CUT[name])
    whole, wanted = path.read_bytes(), pixels.image(path, window=(0, 65535))
    for end in np.random.default_rng(1).integers(0, len(whole), 25):
        path.write_bytes(whole[:end])
        try:
            assert np.array_equal(pixels.image(path, window=(0, 65535)), wanted)
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error)


def test_huge_images_are_refused_before_they_are_decoded(tmp_path):
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    content = (
        png.MARK + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    path = tmp_path / "bomb.png"
    path.write_bytes(content)
    refused(lambda: pixels.image(path), path, "10000000000 pixels")


def test_images_that_show_hardly_anything_are_found():
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (50, 60), dtype=np.uint8)
    rare = np.full((100, 100), 30, np.uint8)
    rare.flat[:99] = 200
    common = rare.copy()
    common.flat[:150] = 200
    flat = [
        np.zeros((5, 5), np.uint8),
        noise % 17,
        noise // 15,
        255 - noise // 15,
        rare,
        np.where(noise > 9, 255, 0),
        255 * (noise > 99),
    ]
    seen = [
        noise,
        noise % 18,
        noise // 14,
        common,
        np.dstack([noise // 15, noise // 15, noise]),
        np.dstack([noise] * 3),
    ]
    assert all(rasters.nearly_constant(image.astype(np.uint8)) for image in flat)
    assert rasters.nearly_constant(np.dstack([noise // 15, 200 + noise // 15, noise // 15]))
    assert not any(rasters.nearly_constant(image.astype(np.uint8)) for image in seen)


def test_images_that_show_hardly_anything_are_named(folder, capsys):
    cases.read(folder)
    assert capsys.readouterr().err == ""
    for name in ("c01-1", "c03-0"):
        Image.fromarray(np.full((24, 32), 7, np.uint8)).save(folder / "images" / f"{name}.png")
    found = cases.read(folder)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "2 of 12 images" in said and "c01-1" in said
    assert cases.nearly_constant_cases(found) == ["c01-1", "c03-0"]
