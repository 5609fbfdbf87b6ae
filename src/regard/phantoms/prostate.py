"""Prostate-histology phantoms: tiles of haematoxylin-and-eosin sections with glands, stroma and, in
some, carcinoma.

A tile holds benign glands in smooth-muscle stroma and, mostly, one focus of crowded small glands:
carcinoma in a tumour tile, a benign mimic (adenosis, atrophy, hyperplasia) in others. The class
acts on the image through the signs of that focus alone: label -> SIGNS -> arrangement, layers,
nuclei, contents and surroundings of its glands -> image. Patient, slide, scanner, stain, anatomy,
size and place of the focus, and artefacts are drawn without the label. Maps are (rows, columns);
lengths are in micrometres; stains are optical densities.

Sources
    Colour      Ruifrok & Johnston 2001, Anal. Quant. Cytol. Histol. 23(4):291-299 (Beer-Lambert,
                stain vectors).
    Carcinoma   Epstein 1995, Hum. Pathol. 26(2):223-229; Epstein et al. 2016, Am. J. Surg. Pathol.
                40(2):244-252.
    Mimics      Bostwick et al. 1993, Hum. Pathol. 24(8):819-832; Srigley 2004, Mod. Pathol.
                17(3):328-348.
    Clefts      Kruslin, Tomas & Mikuz 2011, Front. Biosci. (Schol. Ed.) 3:226-235.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import expit

from regard.phantoms import Case, glands
from regard.phantoms.fields import random_field
from regard.phantoms.gland_layouts import arrange
from regard.phantoms.gland_stains import choose, stain
from regard.phantoms.glands import FINE, FOCUS, SIZE, STROMA

SEED = 2025  # the committed set, and nothing else: look at other seeds while developing
# share of patients with carcinoma: one tumour and one benign tile; the others have two benign tiles
CANCER = 0.95
SLIDES = {1: 0.5, 2: 0.5}  # slides per patient

# Difficulty. Each sign of the focus is drawn independently given the class: P(value | benign),
# P(value | tumour). Without a focus ("none", possible in benign tiles only) the other signs have
# nothing to show on and are "none", too.
SIGNS = {
    "growth": {
        "none": (0.25, 0.00),
        "separate": (0.67, 0.16),
        "fused": (0.05, 0.44),
        "cribriform": (0.03, 0.40),
    },
    "basal": {"complete": (0.76, 0.03), "patchy": (0.19, 0.12), "absent": (0.05, 0.85)},
    "nuclei": {"small": (0.88, 0.14), "enlarged": (0.12, 0.86)},
    "nucleoli": {"inconspicuous": (0.86, 0.18), "prominent": (0.14, 0.82)},
    "cytoplasm": {"pale": (0.42, 0.32), "amphophilic": (0.24, 0.56), "scant": (0.34, 0.12)},
    "contents": {
        "empty": (0.54, 0.52),
        "corpora amylacea": (0.26, 0.06),
        "secretion": (0.12, 0.22),
        "mucin": (0.08, 0.20),
    },
    "border": {"circumscribed": (0.72, 0.32), "infiltrative": (0.28, 0.68)},
    "clefts": {"absent": (0.76, 0.50), "present": (0.24, 0.50)},
}
OVERLAP = 0.0  # 0: SIGNS as it stands; 1: both classes draw from the mean of the two columns

# Mean and standard deviation of what a sign sets, so that neighbouring values blend into each
# other.
NUCLEUS = {"small": (3.0, 0.25), "enlarged": (4.8, 0.35)}  # mean half axis of luminal nuclei
VESICULAR = {
    "inconspicuous": (0.10, 0.10),
    "prominent": (0.90, 0.10),
}  # 1: cleared chromatin and a full nucleolus
BASAL = {
    "complete": (0.97, 0.03),
    "patchy": (0.50, 0.12),
    "absent": (0.02, 0.02),
}  # share of the outline
HEIGHT = {"pale": (19, 2.5), "amphophilic": (17, 2.5), "scant": (9, 1.5)}  # of the epithelium
CYTOPLASM = {
    "pale": (0.12, 0.09),
    "amphophilic": (0.23, 0.14),
    "scant": (0.20, 0.13),
}  # haematoxylin, eosin

# Scanners: side of a pixel, colour of empty glass, stain vectors (red, green, blue), blur (sigma in
# pixels).
SITES: dict[str, dict[str, Any]] = {
    "A": dict(
        pixel=2.0,
        white=(243, 239, 244),
        haematoxylin=(0.55, 0.76, 0.35),
        eosin=(0.20, 0.91, 0.37),
        blur=0.70,
    ),
    "B": dict(
        pixel=2.2,
        white=(246, 244, 238),
        haematoxylin=(0.63, 0.72, 0.30),
        eosin=(0.12, 0.92, 0.38),
        blur=0.64,
    ),
}
ARTEFACTS = {"none": 0.86, "fold": 0.07, "out of focus": 0.07}


def draw(seed: int, patients: int = 130) -> Iterator[Case]:
    """Yield all cases of patients 0 to `patients` - 1, in order; see draw_patient.

    Raises ValueError if `patients` is negative.
    """
    if patients < 0:
        raise ValueError(f"patients must not be negative, not {patients}")
    for index in range(patients):
        yield from draw_patient(seed, index)


def draw_patient(seed: int, index: int) -> Iterator[Case]:
    """Yield the two tiles of one patient, from one slide or two, which depend on `seed` and `index`
    only.

    Images are uint8 (128, 128, 3). The regions "tumour" and "benign_gland", bool (128, 128), are
    the pixels of which glands of that kind, epithelium and lumen, make up more than half; "stroma"
    is every other pixel.
    """
    rng = np.random.default_rng([seed, index])
    patient = sample(rng)
    for number, tile in enumerate(patient["tiles"], start=1):
        image, regions = _tile(rng, patient, tile)
        yield Case(
            case=f"p{index:03d}-{number}",
            patient=f"p{index:03d}",
            labels={"label": tile["label"]},
            image=image,
            regions=regions,
            columns={
                "site": patient["site"],
                "pixel_mm": f"{SITES[patient['site']]['pixel'] / 1000:.4f}",
                "reference": "exact",
                "slide": f"p{index:03d}-{'ab'[tile['slide']]}",
            }
            | tile["signs"]
            | {"artefact": tile["artefact"]},
        )


def probabilities(sign: str, label: str) -> dict[str, float]:
    """P(value | label) of a sign after OVERLAP, the two columns of SIGNS mixed; a tumour tile
    always has a focus.
    """
    share = OVERLAP / 2 if label == "benign" else 1 - OVERLAP / 2
    table = {
        value: (1 - share) * benign + share * tumour
        for value, (benign, tumour) in SIGNS[sign].items()
    }
    if label == "tumour" and "none" in table:
        table["none"] = 0.0
    return {value: chance / sum(table.values()) for value, chance in table.items()}


def sample(rng: np.random.Generator) -> dict:
    """Draw what is known of a patient before any image: site, stain of each slide, and each tile's
    label and signs.
    """
    site = str(rng.choice(list(SITES)))
    slides = [
        dict(
            haematoxylin=rng.lognormal(0, 0.16),
            eosin=rng.lognormal(0, 0.20),
            tint=rng.normal(0, 0.03, (2, 3)),  # of either stain vector
        )
        for _ in range(int(choose(rng, SLIDES)))
    ]
    tiles: list[dict[str, Any]] = [
        dict(
            slide=int(rng.integers(len(slides))),
            artefact=choose(rng, ARTEFACTS),
            centre=rng.uniform(0.22, 0.78, 2),  # of the focus, in shares of the tile
            extent=rng.uniform(0.28, 0.48),  # its radius, likewise
            radius=rng.uniform(18, 28),  # of its glands
        )
        for _ in range(2)
    ]
    labels = ["tumour" if rng.random() < CANCER else "benign", "benign"]
    for tile, label in zip(tiles, rng.permutation(labels).tolist(), strict=True):
        tile["label"] = label
        tile["signs"] = {sign: choose(rng, probabilities(sign, label)) for sign in SIGNS}
        if tile["signs"]["growth"] == "none":
            tile["signs"] = dict.fromkeys(SIGNS, "none")
    return dict(site=site, slides=slides, tiles=tiles)


def _tile(rng, patient, tile):
    """Image and regions of one tile."""
    site = SITES[patient["site"]]
    step = site["pixel"] / FINE
    signs = tile["signs"]
    # What follows from the signs is set first; a tile without focus draws the values of no
    # consequence, too.
    look = dict(
        nucleus=max(rng.normal(*NUCLEUS.get(signs["nuclei"], NUCLEUS["small"])), 2.6),
        vesicular=float(np.clip(rng.normal(*VESICULAR.get(signs["nucleoli"], (0, 0.1))), 0, 1)),
        basal=float(np.clip(rng.normal(*BASAL.get(signs["basal"], (1, 0.05))), 0, 1)),
        height=max(rng.normal(*HEIGHT.get(signs["cytoplasm"], (18, 3))), 6),
        cytoplasm=CYTOPLASM.get(signs["cytoplasm"], CYTOPLASM["pale"]),
    )
    tissue, heights = arrange(rng, tile, look, step)
    haematoxylin, eosin = stain(rng, tile, look, tissue, heights, step)

    if tile["artefact"] == "fold":
        double = _fold(rng, site, step)
        haematoxylin, eosin = haematoxylin * double, eosin * double

    slide = patient["slides"][tile["slide"]]
    density = np.zeros(haematoxylin.shape + (3,))
    for name, amount, tint in zip(
        ("haematoxylin", "eosin"), (haematoxylin, eosin), slide["tint"], strict=True
    ):
        density += (amount * slide[name])[..., None] * np.clip(
            np.array(site[name]) + tint, 0.01, None
        )
    light = np.array(site["white"]) * 10**-density  # Beer-Lambert
    sigma = FINE * (
        site["blur"] + (rng.uniform(0.35, 0.8) if tile["artefact"] == "out of focus" else 0)
    )
    light = glands.pixels(ndimage.gaussian_filter(light, (sigma, sigma, 0), mode="nearest"))
    cancerous = (tissue.kind == FOCUS) & (tile["label"] == "tumour")
    tumour = glands.pixels(cancerous.astype(float)) > 0.5
    benign = glands.pixels(((tissue.kind > STROMA) & ~cancerous).astype(float)) > 0.5
    return np.round(light).astype(np.uint8), {
        "tumour": tumour,
        "benign_gland": benign,
        "stroma": ~tumour & ~benign,
    }


def _fold(rng, site, step):
    """By how much each sample is thicker where the section lies double along a band."""
    (rows, columns), angle = glands.grid(step), rng.uniform(0, np.pi)
    side = SIZE * site["pixel"]
    across = (columns - rng.uniform(0.2, 0.8) * side) * np.cos(angle)
    across = across + (rows - side / 2) * np.sin(angle)
    across += 8 * random_field(rng, across.shape, 30 / step, 30 / step)
    return 1 + 0.8 * expit((rng.uniform(7, 14) - np.abs(across)) / 1.5)
