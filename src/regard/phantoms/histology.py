"""Breast H&E phantoms: stroma, ducts, fat and lymphocytes around one focus of epithelium, benign or
malignant.

Every image holds one focus. Where it lies, its size and its outline are drawn without the label;
the class acts on the image through the cells and the architecture of the focus alone: label ->
SIGNS -> nuclei and their arrangement -> image. Tissue is built as two maps of optical density,
haematoxylin and eosin, and then looked at through a slide scanner. Arrays are (down, across);
lengths are in micrometres; diameters of nuclei are those of a disc of equal area.

Sources
    Stains      Ruifrok & Johnston 2001, Anal. Quant. Cytol. Histol. 23(4):291-299; Macenko et al.
                2009,
                IEEE International Symposium on Biomedical Imaging, 1107-1110.
    Signs       Elston & Ellis 1991, Histopathology 19(5):403-410 (tubules, nuclear pleomorphism,
                mitoses);
                Wolberg et al. 1995, Hum. Pathol. 26(7):792-796 (size, shape and texture of nuclei).
    Tissue      Hoda et al. (eds) 2020, Rosen's Breast Pathology, 5th edition, Wolters Kluwer
                (normal breast).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import expit

from regard.phantoms import Case
from regard.phantoms.breast_sections import FINE, MARGIN, SIZE, fill, focus_outline, surround
from regard.phantoms.tissues import Cells, Tissue

SEED = 2023  # the committed set, and nothing else: look at other seeds while developing
MALIGNANT = 0.56  # share of malignant patients, set so that enough of them come into every split
IMAGES = {1: 0.93, 2: 0.07}  # per patient

# Difficulty. Each sign is drawn independently given the class: P(value | benign), P(value |
# malignant).
SIGNS = {
    "size": {"small": (0.74, 0.06), "medium": (0.22, 0.28), "large": (0.04, 0.66)},
    "pleomorphism": {"slight": (0.78, 0.10), "moderate": (0.18, 0.34), "marked": (0.04, 0.56)},
    "chromatin": {"fine": (0.78, 0.10), "vesicular": (0.12, 0.30), "hyperchromatic": (0.10, 0.60)},
    "crowding": {"spaced": (0.78, 0.20), "crowded": (0.22, 0.80)},
    "architecture": {"glands": (0.78, 0.08), "nests": (0.17, 0.34), "sheets": (0.05, 0.58)},
    "mitoses": {"absent": (0.97, 0.40), "present": (0.03, 0.60)},
}
OVERLAP = 0.0  # 0: SIGNS as it stands; 1: both classes draw from the mean of the two columns

# Mean and standard deviation of what each sign sets, so that neighbouring values blend into each
# other.
DIAMETER = {"small": (6.7, 0.4), "medium": (8.8, 0.6), "large": (11.8, 0.8)}  # um
SPREAD = {
    "slight": (0.07, 0.02),
    "moderate": (0.17, 0.03),
    "marked": (0.28, 0.04),
}  # of log diameter, cell to cell
DENSITY = {
    "fine": (0.68, 0.05),
    "vesicular": (0.52, 0.05),
    "hyperchromatic": (0.98, 0.08),
}  # optical density
PITCH = {"spaced": (1.50, 0.10), "crowded": (1.14, 0.06)}  # distance between nuclei, in diameters

# Haematoxylin and eosin: optical density in red, green and blue, of unit length.
RUIFROK = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105]])
MACENKO = np.array([[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]])
# Laboratories: share of the second pair of stain vectors, strength of either stain, sigma of the
# blur (um), side of a pixel (um), and the colour of an empty slide.
SITES: dict[str, dict[str, Any]] = {
    "A": dict(
        mix=0.45, haematoxylin=0.95, eosin=0.80, blur=0.70, pixel=1.00, white=(244, 242, 245)
    ),
    "B": dict(
        mix=0.65, haematoxylin=1.10, eosin=0.95, blur=0.80, pixel=1.08, white=(240, 236, 240)
    ),
    "C": dict(
        mix=0.85, haematoxylin=0.85, eosin=1.00, blur=0.90, pixel=1.16, white=(246, 241, 239)
    ),
}
ARTEFACTS = {"none": 0.82, "fold": 0.09, "defocus": 0.09}


def draw(seed: int, patients: int = 235) -> Iterator[Case]:
    """Yield all cases of patients 0 to `patients` - 1, in order; see draw_patient.

    Raises ValueError if `patients` is negative.
    """
    if patients < 0:
        raise ValueError(f"patients must not be negative, not {patients}")
    for index in range(patients):
        yield from draw_patient(seed, index)


def draw_patient(seed: int, index: int) -> Iterator[Case]:
    """Yield 1 or 2 images of one patient's tissue, which depend on `seed` and `index` only.

    Images are uint8 (128, 128, 3). The region "tumour" is bool (128, 128): the inside of the
    outline of a malignant focus, its stroma and lumens included; all False where the focus is
    benign.
    """
    rng = np.random.default_rng([seed, index])
    patient = sample(rng)
    for view, artefact in enumerate(patient["artefacts"], start=1):
        image, focus = _view(rng, patient, artefact)
        yield Case(
            case=f"p{index:03d}-{view}",
            patient=f"p{index:03d}",
            labels={"label": patient["label"]},
            image=image,
            regions={"tumour": focus & (patient["label"] == "malignant")},
            columns={
                "site": patient["site"],
                "pixel_mm": f"{SITES[patient['site']]['pixel'] / 1000:.5f}",
                "reference": "exact",
            }
            | patient["signs"]
            | {"focus_share": f"{focus.mean():.3f}", "artefact": artefact},
        )


def probabilities(sign: str, label: str) -> dict[str, float]:
    """P(value | label) of a sign after OVERLAP; the two columns of SIGNS mixed."""
    share = OVERLAP / 2 if label == "benign" else 1 - OVERLAP / 2
    return {
        value: (1 - share) * benign + share * malignant
        for value, (benign, malignant) in SIGNS[sign].items()
    }


def sample(rng: np.random.Generator) -> dict:
    """Draw what all images of one patient share: site, artefacts, stains, tissue, label, signs and
    what they set.
    """

    def choose(table):
        return str(rng.choice(list(table), p=np.array(list(table.values())) / sum(table.values())))

    site = str(rng.choice(list(SITES)))
    artefacts = [
        choose(ARTEFACTS) for _ in range(int(choose(IMAGES)))
    ]  # before the label, so independent of it
    slide, tissue = _slide(rng, site), _tissue(rng)

    label = "malignant" if rng.random() < MALIGNANT else "benign"
    signs = {sign: choose(probabilities(sign, label)) for sign in SIGNS}
    cells = Cells(
        diameter=rng.normal(*DIAMETER[signs["size"]]),
        spread=max(rng.normal(*SPREAD[signs["pleomorphism"]]), 0.03),
        density=rng.normal(*DENSITY[signs["chromatin"]]),
        chromatin=signs["chromatin"],
        pitch=rng.normal(*PITCH[signs["crowding"]]),
    )
    return dict(
        site=site,
        artefacts=artefacts,
        slide=slide,
        tissue=tissue,
        label=label,
        signs=signs,
        cells=cells,
    )


def _slide(rng, site):
    """Stain vectors, strength of either stain and blur of one slide."""
    mix = SITES[site]["mix"] + rng.normal(0, 0.10)
    vectors = (1 - mix) * RUIFROK + mix * MACENKO + rng.normal(0, 0.02, (2, 3))
    return dict(
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        haematoxylin=SITES[site]["haematoxylin"] * rng.lognormal(0, 0.10),
        eosin=SITES[site]["eosin"] * rng.lognormal(0, 0.16),
        blur=SITES[site]["blur"] * rng.lognormal(0, 0.10),
    )


def _tissue(rng):
    """What the ordinary tissue around the focus looks like."""
    return dict(
        collagen=rng.uniform(0.22, 0.50),  # optical density of eosin in the stroma
        strands=rng.uniform(0.35, 1.25),  # contrast between fibres: hyaline to coarse
        loose=rng.uniform(-2.6, -0.9),  # level of the fibres below which the stroma gapes
        fibroblasts=rng.uniform(0.5, 2.0),  # per 1000 um2
        fat=rng.uniform(0.2, 0.75)
        if rng.random() < 0.3
        else 0.0,  # share of the field it reaches into
        lymphocytes=float(
            rng.choice([0, 1, 2], p=[0.55, 0.3, 0.15])
        ),  # scattered only, some, dense
        cytoplasm=(
            rng.uniform(0.10, 0.24),
            rng.uniform(0.26, 0.46),
        ),  # haematoxylin, eosin of epithelium
        retraction=rng.uniform(0, 0.8)
        if rng.random() < 0.4
        else 0.0,  # shrinkage clefts around epithelium
        epithelium=Cells(
            rng.normal(6.9, 0.35), rng.uniform(0.05, 0.10), rng.normal(0.70, 0.06), "fine", 1.05
        ),
    )


def scan(
    haematoxylin: np.ndarray, eosin: np.ndarray, vectors: np.ndarray, blur: float, white
) -> np.ndarray:
    """Image, float (128, 128, 3), 0 to 255, of two stain maps: Beer-Lambert, blur (sigma in
    samples), block means.

    A scanner's JPEG keeps colour at half the resolution of brightness; so does this, without its
    blocks.
    """
    density = haematoxylin[..., None] * vectors[0] + eosin[..., None] * vectors[1]
    light = np.array(white) * np.exp(-np.log(10) * density)
    light = ndimage.gaussian_filter(light, (blur, blur, 0))[MARGIN:-MARGIN, MARGIN:-MARGIN]
    light = light.reshape(SIZE, FINE, SIZE, FINE, 3).mean(axis=(1, 3))
    luma = light @ [0.299, 0.587, 0.114]
    chroma = ndimage.gaussian_filter(light - luma[..., None], (1, 1, 0))
    return np.clip(luma[..., None] + chroma, 0, 255)


def _view(rng, patient, artefact):
    """One image of a patient's tissue and the inside of its focus: uint8 (128, 128, 3) and bool
    (128, 128).
    """
    slide, site = patient["slide"], SITES[patient["site"]]
    step, length = site["pixel"] / FINE, SIZE * FINE + 2 * MARGIN
    place = (np.arange(length) + 0.5 - MARGIN) * step
    shape = (length, length)
    tissue = Tissue(np.zeros(shape), np.zeros(shape), place[:, None], place[None, :], step)
    # Streams of their own: what surrounds the focus stays the same whatever is drawn inside it.
    surroundings, inside, optics = rng.spawn(3)
    outline = focus_outline(surroundings, tissue)
    surround(surroundings, tissue, outline, patient["tissue"])
    fill(inside, tissue, outline, patient)

    blur = slide["blur"] / step
    thickness = 1 + 0.05 * tissue.field(optics, 25)
    if artefact == "fold":  # tissue lying double along a band
        angle, offset = optics.uniform(0, np.pi), optics.uniform(0.15, 0.85) * SIZE * site["pixel"]
        middle = SIZE * site["pixel"] / 2
        across = (
            (tissue.rows - middle) * np.cos(angle)
            + (tissue.columns - middle) * np.sin(angle)
            + middle
            - offset
        )
        width = optics.uniform(4, 9) * (1 + 0.25 * tissue.field(optics, 15))
        band = width - np.abs(across + 4 * tissue.field(optics, 20))
        thickness = thickness + optics.uniform(0.6, 1.0) * expit(band)
    elif artefact == "defocus":
        blur *= optics.uniform(1.8, 2.4)
    maps = (
        stain * thickness
        for stain in (tissue.haematoxylin * slide["haematoxylin"], tissue.eosin * slide["eosin"])
    )
    image = scan(*maps, slide["vectors"], blur, site["white"])
    inside_pixels = (
        outline[MARGIN:-MARGIN, MARGIN:-MARGIN].reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))
        > 0
    )
    return np.rint(image).astype(np.uint8), inside_pixels
