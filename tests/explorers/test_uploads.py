"""What people upload: bounded before it is decoded, upright, and refused in one sentence, whatever
the bytes.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from regard.data.inputs import rasters
from regard.explorers import uploads

UPRIGHT = {  # EXIF 2.32, orientation: how what is stored has to be turned
    1: np.asarray,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: np.swapaxes(stored, 0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.swapaxes(np.rot90(stored, 2), 0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def saved(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, bits: int = 8) -> bytes:
    """A PNG that promises `width` x `height` grey pixels and has none."""
    described = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return (
        uploads.PNG_MARK
        + chunk(b"IHDR", described)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("image", [noise(20, 30), noise(20, 30, 3)], ids=["grey", "colour"])
def test_a_png_is_read_as_it_is(image):
    found, note = uploads.opened(saved(image), "mine.png")
    assert (found == image).all() and found.dtype == np.uint8 and note == ""


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_an_image_stands_upright(orientation, kind):
    blocks = np.kron(
        noise(3, 2), np.ones((16, 16), np.uint8)
    )  # as large as JPEG's own, so that it keeps them
    exif = Image.Exif()
    exif[0x0112] = orientation
    found, _ = uploads.opened(
        saved(blocks, kind, exif=exif, **({"quality": 100} if kind == "JPEG" else {})), "mine"
    )
    right = UPRIGHT[orientation](blocks)
    assert found.shape == right.shape and np.abs(found.astype(int) - right).max() <= 3


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "L", "RGB"])
def test_transparent_pixels_are_black_and_that_is_said(mode):
    """Whatever colour lies hidden under them: here, white."""
    image = Image.fromarray(np.full((4, 6), 255, np.uint8)).convert("RGBA")
    image.putalpha(
        Image.fromarray(np.repeat(np.array([[0], [0], [255], [255]], np.uint8), 6, axis=1))
    )
    options = {}
    if mode in ("P", "L", "RGB"):  # one colour, 7, is the transparent one
        image = Image.fromarray(
            np.repeat(np.array([[7], [7], [255], [255]], np.uint8), 6, axis=1)
        ).convert(mode)
        options = {"transparency": (7, 7, 7) if mode == "RGB" else image.getpixel((0, 0))}
    else:
        image = image.convert(mode)
    found, note = uploads.opened(saved(image, **options), "clear.png")
    assert (found[:2] == 0).all() and (found[2:] == 255).all()
    assert note == uploads.BEHIND and "transparent pixels are shown as black" in note


def test_an_opaque_alpha_channel_is_not_worth_a_word():
    image = Image.fromarray(noise(5, 5, 3)).convert("RGBA")
    found, note = uploads.opened(saved(image), "mine.png")
    assert (found == np.array(image)[..., :3]).all() and note == ""


REFUSED = {
    "bytes": (saved(noise(4, 4)) + b"\0" * uploads.BYTES, "MB; at most 8 MB are taken"),
    "pixels": (header(uploads.PIXELS // 5000, 5001), "pixels; at most 30 million are taken"),
    "bomb": (header(60000, 60000), "far more than 30 million pixels"),
    "wide": (
        header(uploads.ASPECT * 50 + 1, 50),
        "501 x 50 pixels; one side may be 10 times the other at most",
    ),
    "tall": (header(1, 30000), "1 x 30000 pixels; one side may be"),
    "16 bits": (header(5, 5, bits=16), "16 bits; save it as an 8-bit PNG"),
    "empty": (b"", "is damaged, or neither a PNG nor a JPEG"),
    "text": (b"dear network", "is damaged, or neither a PNG nor a JPEG"),
    "GIF": (saved(noise(5, 5), "GIF"), "is damaged, or neither a PNG nor a JPEG"),
    "TIFF": (saved(noise(5, 5), "TIFF"), "is damaged, or neither a PNG nor a JPEG"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_too_large_or_no_image_is_refused_before_a_pixel_is_decoded(kind, monkeypatch):
    monkeypatch.setattr(rasters, "decode", lambda path: pytest.fail("decoded"))
    content, reason = REFUSED[kind]
    with pytest.raises(ValueError, match=reason) as caught:
        uploads.opened(content, "mine.png")
    assert str(caught.value).startswith("mine.png ") and "\n" not in str(caught.value)


def test_limits_are_reached_exactly(monkeypatch):
    monkeypatch.setattr(uploads, "PIXELS", 50 * 40)
    monkeypatch.setattr(uploads, "BYTES", len(saved(noise(40, 50))))
    assert uploads.opened(saved(noise(40, 50)), "mine.png")[0].shape == (40, 50)
    assert uploads.opened(saved(noise(3, 30)), "mine.png")[0].shape == (3, 30)
    with pytest.raises(ValueError, match="at most"):
        uploads.opened(saved(np.zeros((41, 50), np.uint8)), "mine.png")


def test_frames_and_colours_for_print_are_refused():
    moving = saved(
        Image.fromarray(noise(5, 5)),
        save_all=True,
        append_images=[Image.fromarray(noise(5, 5) + 1)],
    )
    printed = saved(Image.fromarray(noise(8, 8, 3)).convert("CMYK"), "JPEG")
    for content, reason in ((moving, "2 frames"), (printed, "mode CMYK; save it with 8 bits")):
        with pytest.raises(ValueError, match=f"^mine.png has .*{reason}"):
            uploads.opened(content, "mine.png")


def test_a_long_name_is_cut_and_is_no_path(tmp_path):
    with pytest.raises(ValueError) as caught:
        uploads.opened(b"", "../" * 100 + "passwd")
    assert len(str(caught.value)) < 150
    assert uploads.opened(saved(noise(5, 5)), f"{tmp_path}/../\0x.png")[0].shape == (5, 5)
    assert not list(tmp_path.parent.glob("*x.png"))


WHOLE = {"PNG": saved(noise(40, 50)), "JPEG": saved(noise(40, 50, 3), "JPEG")}


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damaged_bytes_are_an_image_or_one_sentence(kind, data):
    """Cut at any place, or with bytes overwritten anywhere; decoders must raise nothing else."""
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found, _ = uploads.opened(content, "mine")
    except ValueError as error:
        assert str(error).startswith("mine ") and "\n" not in str(error) and "/" not in str(error)
    else:
        assert found.dtype == np.uint8 and found.shape[:2] in ((40, 50), (50, 40)) or kind == "JPEG"
