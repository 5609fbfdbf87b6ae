"""B-mode breast-ultrasound phantoms: layered tissue and one mass, imaged by a linear array, with
speckle.

The class acts on the image through the mass's sonographic signs alone: label -> SIGNS -> geometry,
echogenicity and attenuation of the mass -> image. Site, view, position, size, anatomy, distractors
and burnt-in artefacts are drawn without the label. Arrays are (depth, lateral); lengths are in mm;
echo strengths in dB relative to subcutaneous fat.

Sources
    Speckle     Burckhardt 1978, IEEE Trans. Sonics Ultrason. 25(1):1-6; Wagner et al. 1983, ibid.
                30(3):156-163.
    Signs       Stavros et al. 1995, Radiology 196:123-134; ACR BI-RADS Atlas, 5th edition, 2013
                (ultrasound lexicon).
    Tissue      Duck 1990, Physical Properties of Tissue, Academic Press (orders of magnitude of
                attenuation).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import ndimage

from regard.phantoms import Case
from regard.phantoms.breast_layers import (  # noqa: F401  TISSUES: public here
    FINE,
    FLUID,
    MARGIN,
    SIZE,
    TISSUES,
    anatomy,
)
from regard.phantoms.breast_masses import add_mass, place
from regard.phantoms.callipers import burn_callipers, burn_text
from regard.phantoms.insonation import insonify

SEED = 2022  # the committed set, and nothing else: look at other seeds while developing
MALIGNANT = 123 / 272  # share of malignant images in the study (PMID 35811586)
VIEWS = {1: 0.45, 2: 0.35, 3: 0.20}  # images per patient

# Difficulty. Each sign is drawn independently given the class: P(value | benign), P(value |
# malignant).
SIGNS = {
    "shape": {"oval": (0.80, 0.06), "round": (0.12, 0.06), "irregular": (0.08, 0.88)},
    "orientation": {"parallel": (0.93, 0.27), "not parallel": (0.07, 0.73)},
    "margin": {
        "circumscribed": (0.70, 0.04),
        "microlobulated": (0.12, 0.14),
        "indistinct": (0.10, 0.28),
        "angular": (0.04, 0.24),
        "spiculated": (0.04, 0.30),
    },
    "echo": {
        "anechoic": (0.22, 0.02),
        "hypoechoic": (0.48, 0.62),
        "heterogeneous": (0.13, 0.32),
        "isoechoic": (0.17, 0.04),
    },
    "posterior": {"none": (0.38, 0.22), "enhancement": (0.56, 0.06), "shadow": (0.06, 0.72)},
    "halo": {"absent": (0.93, 0.32), "present": (0.07, 0.68)},
}
OVERLAP = 0.0  # 0: SIGNS as it stands; 1: both classes draw from the mean of the two columns

# Mean and standard deviation of what each sign sets, so that neighbouring values blend into each
# other.
IRREGULARITY = {
    "oval": (0.03, 0.02),
    "round": (0.02, 0.015),
    "irregular": (0.14, 0.05),
}  # of the radius
ASPECT = {"parallel": (0.66, 0.11), "not parallel": (1.18, 0.17)}  # height / width
EDGE = {
    "circumscribed": 0.12,
    "microlobulated": 0.2,
    "indistinct": 0.9,
    "angular": 0.35,
    "spiculated": 0.45,
}  # mm
ECHO = {
    "anechoic": (FLUID, 3),
    "hypoechoic": (-11, 2.5),
    "heterogeneous": (-9, 2.5),
    "isoechoic": (-6, 1.2),
}  # dB
ATTENUATION = {
    "none": (0.70, 0.12),
    "enhancement": (0.25, 0.12),
    "shadow": (1.45, 0.30),
}  # dB / cm / MHz

# Scanner presets: centre frequency (MHz), depths of field (mm), dynamic range (dB), focus (share of
# the depth), f-number, compounded looks, white level (dB above fat).
SITES: dict[str, dict[str, Any]] = {
    "A": dict(
        frequency=9.0,
        depths=(35, 40),
        dynamic_range=58,
        focus=0.45,
        f_number=2.5,
        looks=3,
        white=31,
    ),
    "B": dict(
        frequency=11.0,
        depths=(30, 35),
        dynamic_range=52,
        focus=0.35,
        f_number=2.5,
        looks=2,
        white=26,
    ),
    "C": dict(
        frequency=7.5,
        depths=(40, 45),
        dynamic_range=64,
        focus=0.50,
        f_number=2.2,
        looks=2,
        white=34,
    ),
}
ARTEFACTS = {"none": 0.75, "calipers": 0.15, "text": 0.10}


def draw(seed: int, patients: int = 160) -> Iterator[Case]:
    """Yield all cases of patients 0 to `patients` - 1, in order; see draw_patient.

    Raises ValueError if `patients` is negative.
    """
    if patients < 0:
        raise ValueError(f"patients must not be negative, not {patients}")
    for index in range(patients):
        yield from draw_patient(seed, index)


def draw_patient(seed: int, index: int) -> Iterator[Case]:
    """Yield 1 to 3 views of one patient's mass, which depend on `seed` and `index` only.

    Images are uint8 (160, 160). The region "mass" is bool (160, 160): pixels of which the body of
    the mass, without spicules and halo, makes up more than half; "artefact": pixels that callipers
    or text were burnt into.
    """
    rng = np.random.default_rng([seed, index])
    patient = sample(rng)
    for view, artefact in enumerate(patient["artefacts"], start=1):
        image, mask, burnt, width, height = _view(rng, patient, artefact)
        yield Case(
            case=f"p{index:03d}-{view}",
            patient=f"p{index:03d}",
            labels={"label": patient["label"]},
            image=image,
            regions={"mass": mask, "artefact": burnt},
            columns={
                "site": patient["site"],
                "pixel_mm": f"{patient['depth'] / SIZE:.5f}",
                "reference": "exact",
            }
            | patient["signs"]
            | {"width_mm": f"{width:.2f}", "height_mm": f"{height:.2f}", "artefact": artefact},
        )


def probabilities(sign: str, label: str) -> dict[str, float]:
    """P(value | label) of a sign after OVERLAP; the two columns of SIGNS mixed."""
    share = OVERLAP / 2 if label == "benign" else 1 - OVERLAP / 2
    return {
        value: (1 - share) * benign + share * malignant
        for value, (benign, malignant) in SIGNS[sign].items()
    }


def sample(rng: np.random.Generator) -> dict:
    """Draw what all views of one patient share: site, artefact of each view, label, signs and the
    mass they set.
    """

    def choose(table):
        return str(rng.choice(list(table), p=np.array(list(table.values())) / sum(table.values())))

    site = str(rng.choice(list(SITES)))
    depth = float(rng.choice(SITES[site]["depths"]))
    artefacts = [
        choose(ARTEFACTS) for _ in range(int(choose(VIEWS)))
    ]  # before the label, so independent of it
    size = float(np.clip(rng.lognormal(np.log(12), 0.3), 8, min(25, 0.55 * depth)))
    breast = dict(
        fat=rng.uniform(3, 8),  # mm
        fascia=rng.uniform(0.55, 0.75) * depth,  # mm
        gland=rng.normal(0, 1.5),  # dB
        density=rng.uniform(-0.2, 1.8),  # threshold above which gland gives way to fat
    )

    label = "malignant" if rng.random() < MALIGNANT else "benign"
    signs = {sign: choose(probabilities(sign, label)) for sign in SIGNS}
    if signs["echo"] == "anechoic":  # fluid hardly attenuates: the one dependence between signs
        signs["posterior"] = "enhancement"
    aspect = max(rng.normal(*ASPECT[signs["orientation"]]), 0.4)
    mass = dict(
        size=size,
        aspect=aspect**0.4 if signs["shape"] == "round" else aspect,
        irregularity=abs(rng.normal(*IRREGULARITY[signs["shape"]])),
        echo=rng.normal(*ECHO[signs["echo"]]),
        attenuation=max(rng.normal(*ATTENUATION[signs["posterior"]]), 0.02),
        lobes=rng.normal(size=(8, 2)),  # cosine and sine of the outline's harmonics 2 to 9
        corners=rng.uniform(-1, 1, rng.integers(7, 13)),
        scallops=int(rng.integers(11, 19)),
        turn=rng.uniform(0, 2 * np.pi),
    )
    return dict(
        site=site,
        depth=depth,
        artefacts=artefacts,
        label=label,
        signs=signs,
        breast=breast,
        mass=mass,
    )


def display(
    envelope: np.ndarray, gain: np.ndarray, dynamic_range: float, white: float
) -> np.ndarray:
    """Grey image, float (160, 160), 0 to 255: gain (dB, broadcast), log compression below `white`
    dB, block means.
    """
    level = 20 * np.log10(envelope + 1e-12) + gain
    grey = np.clip(1 + (level - white) / dynamic_range, 0, 1)
    return 255 * _pixels(grey)


def _pixels(fine):
    """Mean of the samples inside each image pixel, without the margins."""
    return fine[:, MARGIN:-MARGIN].reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))


def _view(rng, patient, artefact):
    """One image of a patient's mass: uint8 image, bool masks of mass and artefact, and width and
    height of the mass in mm.
    """
    preset, depth = SITES[patient["site"]], patient["depth"]
    step = depth / (SIZE * FINE)
    tissue = anatomy(rng, patient["breast"], depth, step)
    outline, centre, width, height = place(rng, patient, depth)
    share = add_mass(
        rng, tissue, outline, centre, patient, step, softness=EDGE[patient["signs"]["margin"]]
    )

    rows = (np.arange(SIZE * FINE)[:, None] + 0.5) * step
    focus = preset["focus"] * depth * rng.uniform(0.85, 1.15)
    envelope = insonify(
        rng, tissue, step, focus=focus, noise=rng.normal(-92, 3),
        frequency=preset["frequency"], f_number=preset["f_number"], looks=preset["looks"],
    )  # fmt: skip
    # Time-gain compensation assumes one tissue throughout, and its eight sliders are never quite
    # right.
    sliders = ndimage.gaussian_filter1d(
        np.repeat(rng.normal(0, 2.0, 8), SIZE * FINE // 8), 0.06 * SIZE * FINE
    )
    gain = (
        2 * preset["frequency"] * rng.normal(0.64, 0.03) * rows / 10
        + sliders[:, None]
        + rng.normal(0, 2)
    )
    grey = display(envelope, gain, preset["dynamic_range"] + rng.normal(0, 2), preset["white"])

    mask, clean = _pixels(share) > 0.5, grey.copy()
    if artefact == "calipers":
        burn_callipers(rng, grey, mask)
    elif artefact == "text":
        burn_text(rng, grey)
    return np.rint(grey).astype(np.uint8), mask, grey != clean, width, height
