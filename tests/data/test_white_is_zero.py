"""Images whose zero is white, of 8 bits and more."""

import numpy as np
import pytest
import tifffile
from pictures import (
    DEEP,
    GREY,
    kept,
    refused,
    tiff16,
)

from regard.datasets import pixels

WHITE = {"photometric": "miniswhite"}


@pytest.mark.parametrize("dtype, window", [(np.uint8, None), (np.uint16, (0, 255))])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"compression": "zlib"}])
def test_white_is_zero_is_shown_right(tmp_path, dtype, window, photometric, options):
    shown = np.full((6, 8), 21, dtype)
    shown[2:4, 3:6] = 240
    stored = shown if photometric == "minisblack" else np.iinfo(dtype).max - shown
    tiff16(tmp_path / "view.tif", stored, photometric=photometric, **options)
    assert np.array_equal(pixels.image(tmp_path / "view.tif", window=window), shown)


def test_opacity_is_not_inverted_where_white_is_zero(tmp_path):
    path, values = tmp_path / "view.tif", np.dstack([65535 - DEEP, np.full_like(DEEP, 65535)])
    options = {"photometric": "miniswhite", "planarconfig": "contig"}
    options["extrasamples"] = ["unassalpha"]
    tifffile.imwrite(path, values, metadata=None, **options)
    assert np.array_equal(pixels.image(path, window=(0, 25500)), np.clip(DEEP // 100, 0, 255))
    tifffile.imwrite(path, values * np.array([1, 0], np.uint16), metadata=None, **options)
    refused(lambda: pixels.image(path, window=(0, 25500)), path, "transparent")


def test_white_is_zero_masks_are_drawn_right(tmp_path):
    drawn = GREY > 99
    tiff16(tmp_path / "mask.tif", np.where(drawn, 0, 255).astype(np.uint8), **WHITE)
    assert np.array_equal(pixels.mask(tmp_path / "mask.tif", kept(tmp_path, GREY)), drawn)
