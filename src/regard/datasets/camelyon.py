"""CAMELYON-style patches: lymph-node H&E with metastases (Litjens et al., GigaScience 2018,
10.1093/gigascience/giy065).

Layout: `images/NAME.*` and `masks/NAME.*`, a grey mask in which tumour is bright. The patches of
the set as it is passed on have lost their slides and patients, so every *patch* counts as a patient
of its own, and intervals are too narrow where patches share a slide. A pixel size is not given.
"""

from pathlib import Path

from regard.data.cases import Cases
from regard.datasets import files, pixels, tiles

ABOVE = 127  # masks passed on as JPEG are blurred at their border


def read(folder: Path | str, tile: int = 128) -> Cases:
    """Tiles of `tile` pixels with the region "tumour"; a tile is labelled tumour where more than
    half of it is.

    Raises FileNotFoundError for a missing folder or mask, ValueError for a mask of another size or
    a damaged file.
    """
    folder = Path(folder)
    images, masks = files.pairs(folder / "images", folder / "masks")
    place = dict(zip(images, masks))
    return tiles.cut(
        images,
        lambda image: {"tumour": pixels.mask(place[image], image, above=ABOVE)},
        tile,
        lambda image: {"patient": files.case_name(image.stem)},
    )
