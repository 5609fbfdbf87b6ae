"""BCSS, breast cancer H&E regions with tissue classes (Amgad et al., Bioinformatics 2019,
10.1093/bioinformatics/btz083).

Layout as published: `images/` (or `rgbs_colorNormalized/`) and `masks/` with the same names,
TCGA-A1-A0SK-DX1_xmin45749_ymin25055_MPP-0.2500.png; the grey value of a mask is a code of CODES.
The patient is the TCGA participant (TCGA-A1-A0SK), `site` the tissue source site (A1), the pixel
size is MPP, in micrometres.
"""

import re
from pathlib import Path

import numpy as np

from regard.data import annotations
from regard.data.cases import Cases
from regard.datasets import files, pixels, tiles

CODES = dict(
    enumerate(
        "outside_roi tumor stroma lymphocytic_infiltrate necrosis_or_debris glandular_secretions "
        "blood exclude "
        "metaplasia_NOS fat plasma_cells other_immune_infiltrate mucoid_material "
        "normal_acinus_or_duct lymphatics "
        "undetermined nerve skin_adnexa blood_vessel angioinvasion dcis other".split()
    )
)
# The groups that the set's own baselines use.
GROUPS = {
    "tumour": ("tumor", "angioinvasion", "dcis"),
    "stroma": ("stroma",),
    "inflammation": ("lymphocytic_infiltrate", "plasma_cells", "other_immune_infiltrate"),
    "necrosis": ("necrosis_or_debris",),
}
NAME = re.compile(r"(TCGA-(\w{2})-\w{4})-\w+_.*MPP-([0-9.]+?)(?:_.*)?")


def read(folder: Path | str, tile: int = 512) -> Cases:
    """Tiles of `tile` pixels with the regions GROUPS; a tile is labelled tumour where more than
    half of it is.

    Tiles that reach outside the annotated region are left out. Raises FileNotFoundError for a
    missing folder or mask, ValueError for another name, a mask of another size and an unknown code.
    """
    folder = Path(folder)
    both = [name for name in ("images", "rgbs_colorNormalized") if (folder / name).is_dir()]
    if len(both) > 1:
        raise ValueError(f"{folder} holds images and rgbs_colorNormalized; move one of them away")
    first = both[0] if both else "images"
    images, drawn = files.pairs(folder / first, folder / "masks")
    place = dict(zip(images, drawn))
    for image in images:
        if not NAME.fullmatch(image.stem):
            raise ValueError(
                f"{image} is not named as BCSS names its images, "
                "TCGA-xx-xxxx-DX1_..._MPP-0.2500.png"
            )

    def masks(image: Path) -> dict[str, np.ndarray]:
        with files.located(place[image]):
            found = annotations.codes(
                pixels.picture(place[image]), CODES, GROUPS | {tiles.OUTSIDE: ("outside_roi",)}
            )
            pixels.same_size(found["tumour"], pixels.size_of(image))
        return found

    def describe(image: Path) -> dict[str, str]:
        match = NAME.fullmatch(image.stem)
        assert match is not None  # checked above
        patient, site, microns = match.groups()
        return {"patient": patient, "site": site, "pixel_mm": f"{float(microns) / 1000:g}"}

    return tiles.cut(images, masks, tile, describe)
