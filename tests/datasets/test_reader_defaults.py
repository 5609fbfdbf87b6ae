"""What readers do where nothing is asked for: the sizes of tiles that their documentation names."""

import numpy as np
import pytest
from PIL import Image

from regard.datasets import bring_in

NAME = "TCGA-A1-A0SK-DX1_xmin1_ymin2_MPP-0.2500.png"


@pytest.mark.parametrize("given, tile", [({}, 512), ({"tile": 300}, 300)])
def test_bcss_is_cut_into_tiles_of_512_pixels(tmp_path, given, tile):
    """Of an image with exactly two tiles beside each other, one wholly tumour and one wholly
    stroma.
    """
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    codes = np.repeat([1, 2], tile)[None].repeat(tile, axis=0).astype(np.uint8)
    picture = np.random.default_rng(0).integers(0, 256, (*codes.shape, 3), dtype=np.uint8)
    Image.fromarray(codes).save(tmp_path / "set" / "masks" / NAME)
    Image.fromarray(picture).save(tmp_path / "set" / "images" / NAME)
    found = bring_in("bcss", tmp_path / "set", tmp_path / "target", **given)
    assert [image.shape for image in found.images] == [(tile, tile, 3)] * 2
    np.testing.assert_array_equal(np.concatenate(list(found.images), axis=1), picture)
    assert [mask.mean() for mask in found.regions["tumour"]] == [1, 0]
