"""Mammogram phantoms: patches of one breast in CC or MLO view, normal or with a mass,
calcifications, or both.

The class acts on the image through the findings' BI-RADS descriptors alone: label -> FINDINGS,
SIGNS -> outline and margin of the mass, particles and spread of the calcifications -> image. Site,
view, side, breast density, anatomy, size and position of the findings, distractors and burnt-in
markers are drawn without the label. Lengths are in mm, x from the chest wall towards the nipple, y
downwards from the nipple's level; tissue is in units of display range.

Sources
    Parenchyma   Burgess et al. 2001, Med. Phys. 28(4):419-437: power spectrum of mammograms about 1
                 / frequency^3.
    Descriptors  ACR BI-RADS Atlas, 5th edition, 2013 (mammography lexicon, breast composition).
    Direction of the tables of signs: Liberman et al. 1998, AJR 171:35-40; Burnside et al. 2007,
        Radiology 242:388-395.
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image

from regard.phantoms import Case, breasts
from regard.phantoms.breast_findings import calcifications, mass
from regard.phantoms.breasts import FINE, SIZE
from regard.phantoms.letters import GLYPHS

SEED = 2021  # the committed set, and nothing else: look at other seeds while developing
LABELS = {
    "normal": 0.24,
    "benign": 0.38,
    "malignant": 0.38,
}  # exams; also the order from best to worst
PATCHES = {1: 0.80, 2: 0.20}  # patches per exam; a second one is of the other view
SEEN_AGAIN = (
    0.7  # chance that the second patch shows the findings; else it is a normal patch of that exam
)
VIEWS = {"CC": 0.5, "MLO": 0.5}
DENSITIES = {"a": 0.15, "b": 0.38, "c": 0.35, "d": 0.12}

# Difficulty. Each is drawn independently given the class: P(value | benign), P(value | malignant).
FINDINGS = {"mass": (0.36, 0.33), "calcification": (0.30, 0.27), "both": (0.34, 0.40)}
SIGNS = {
    "mass_shape": {"oval": (0.68, 0.08), "round": (0.22, 0.06), "irregular": (0.10, 0.86)},
    "mass_margin": {
        "circumscribed": (0.72, 0.05),
        "obscured": (0.22, 0.17),
        "spiculated": (0.06, 0.78),
    },
    "calcification_morphology": {
        "punctate": (0.84, 0.06),
        "pleomorphic": (0.10, 0.50),
        "linear": (0.06, 0.44),
    },
    "calcification_distribution": {"clustered": (0.88, 0.24), "segmental": (0.12, 0.76)},
}
# scales the radiodensity that masses and calcifications add (and with it the reach of the latter's
# region)
VISIBILITY = 1.4
# 0: FINDINGS and SIGNS as they stand; 1: both classes draw from the mean of the two columns
OVERLAP = 0.0

# Mean and standard deviation of what the signs set, so that neighbouring values blend into each
# other.
IRREGULARITY = {
    "oval": (0.03, 0.015),
    "round": (0.025, 0.012),
    "irregular": (0.17, 0.05),
}  # of the radius
ASPECT = {
    "oval": (0.68, 0.07),
    "round": (0.93, 0.04),
    "irregular": (0.78, 0.11),
}  # short / long axis
EDGE = {
    "circumscribed": 0.3,
    "obscured": 0.5,
    "spiculated": 0.7,
}  # mm over which the border of the mass fades

# Breast composition: threshold shift of the glandular tissue, and the words of the report.
GLAND = {"a": -3.0, "b": -1.7, "c": -0.4, "d": 1.1}
COMPOSITION = {
    "a": "The breast is almost entirely fatty.",
    "b": "There are scattered areas of fibroglandular density.",
    "c": "The breast is heterogeneously dense.",
    "d": "The breast is extremely dense.",
}
# Presets: side of a pixel (mm), contrast and gamma of the display, sharpness (blur sigma, mm),
# noise (grey levels, before smoothing), grey of the air. A and B are digital detectors, C is
# digitised film.
SITES = {
    "A": dict(pixel=0.50, contrast=1.12, gamma=1.10, blur=0.16, noise=2.0, air=0),
    "B": dict(pixel=0.50, contrast=1.00, gamma=0.95, blur=0.20, noise=2.5, air=3),
    "C": dict(pixel=0.55, contrast=0.96, gamma=1.05, blur=0.24, noise=3.5, air=14),
}
ARTEFACTS = {"none": 0.8, "marker": 0.2}


def draw(seed: int, patients: int = 360) -> Iterator[Case]:
    """Yield all cases of patients 0 to `patients` - 1, in order; see draw_patient.

    Raises ValueError if `patients` is negative.
    """
    if patients < 0:
        raise ValueError(f"patients must not be negative, not {patients}")
    for index in range(patients):
        yield from draw_patient(seed, index)


def draw_patient(seed: int, index: int) -> Iterator[Case]:
    """Yield the 1 or 2 patches of one patient's exam, which depend on `seed` and `index` only.

    Images are uint8 (160, 160). The regions are bool (160, 160), all False where the patch has no
    such finding: "mass", the pixels of which the body of the mass, without spicules, makes up more
    than half; "calcification", the convex hull of the particles of the cluster or segment and one
    pixel around it.
    """
    rng = np.random.default_rng([seed, index])
    patient = sample(rng)
    for number, (patch, source) in enumerate(zip(patient["patches"], rng.spawn(2)), start=1):
        image, regions = _patch(source, patient, patch)
        signs = dict.fromkeys(SIGNS, "none") | (patient["signs"] if patch["shows"] else {})
        view = {
            "view": patch["view"],
            "laterality": patient["laterality"],
            "density": patient["density"],
        }
        yield Case(
            case=f"p{index:03d}-{number}",
            patient=f"p{index:03d}",
            labels={
                "label": patient["label"] if patch["shows"] else "normal",
                "exam_label": patient["label"],
            },
            image=image,
            regions=regions,
            columns={"site": patient["site"], "pixel_mm": f"{SITES[patient['site']]['pixel']:.5f}"}
            | {"reference": "exact", "exam": f"e{index:03d}"}
            | view
            | signs
            | {"artefact": patch["artefact"], "report": report(**view, **signs)},
        )


def probabilities(table: dict[str, tuple[float, float]], label: str) -> dict[str, float]:
    """P(value | label) after OVERLAP: the benign and the malignant column of a table mixed."""
    share = OVERLAP / 2 if label == "benign" else 1 - OVERLAP / 2
    return {
        value: (1 - share) * benign + share * malignant
        for value, (benign, malignant) in table.items()
    }


def report(
    view: str,
    laterality: str,
    density: str,
    mass_shape: str,
    mass_margin: str,
    calcification_morphology: str,
    calcification_distribution: str,
) -> str:
    """Sentences in BI-RADS words, of the drawn attributes alone: a description without assessment
    or label.
    """
    side = {"L": "Left", "R": "Right"}[laterality]
    sentences = [f"{side} breast, {view} view.", COMPOSITION[density]]
    article = "a" if mass_shape == "round" else "an"
    if mass_shape != "none":
        sentences.append(f"There is {article} {mass_shape} mass with {mass_margin} margins.")
    if calcification_morphology != "none":
        words = {"pleomorphic": "fine pleomorphic", "linear": "fine linear"}.get(
            calcification_morphology, calcification_morphology
        )
        sentences.append(
            f"There are {words} calcifications in a {calcification_distribution} distribution."
        )
    if mass_shape == calcification_morphology == "none":
        sentences.append("There is no mass and there are no suspicious calcifications.")
    return " ".join(sentences)


def sample(rng: np.random.Generator) -> dict:
    """Draw what the patches of one patient share, and which there are: all that is drawn before any
    image.
    """

    def choose(table):
        return str(rng.choice(list(table), p=np.array(list(table.values())) / sum(table.values())))

    site, laterality, density = (
        str(rng.choice(list(SITES))),
        str(rng.choice(["L", "R"])),
        choose(DENSITIES),
    )
    first = choose(VIEWS)
    views = [first, "MLO" if first == "CC" else "CC"][: int(choose(PATCHES))]
    patches = [
        dict(view=view, artefact=choose(ARTEFACTS), again=bool(rng.random() < SEEN_AGAIN))
        for view in views
    ]
    breast = dict(
        depth=rng.uniform(50, 80),  # mm from chest wall to nipple
        height=rng.uniform(0.80, 1.05),  # half height / depth
        gland=GLAND[density] + rng.normal(0, 0.35),
        strands=rng.lognormal(-0.1, 0.22),
        clumping=rng.uniform(0.5, 1.2),  # share of the glandular pattern that lies in large islands
        contrast=rng.normal(1, 0.08),
    )
    size = float(np.clip(rng.lognormal(np.log(18), 0.22), 10, 24))  # mm, mass
    number = rng.uniform(0.7, 1.4)  # of calcifications, relative

    label = choose(LABELS)
    findings, signs = [], {}
    if label != "normal":
        drawn = choose(probabilities(FINDINGS, label))
        findings = ["mass", "calcification"] if drawn == "both" else [drawn]
    for sign, table in SIGNS.items():
        if sign.split("_")[0] in findings:
            signs[sign] = choose(probabilities(table, label))
    form = None
    if "mass" in findings:
        form = dict(
            aspect=float(np.clip(rng.normal(*ASPECT[signs["mass_shape"]]), 0.45, 1)),
            irregularity=abs(rng.normal(*IRREGULARITY[signs["mass_shape"]])),
            lobes=rng.normal(size=(7, 2)),  # cosine and sine of the outline's harmonics 2 to 8
        )
    for position, patch in enumerate(patches):
        again = patch.pop("again")
        patch["shows"] = bool(findings) and (position == 0 or again)
    shared = dict(site=site, laterality=laterality, density=density, patches=patches)
    return shared | dict(
        breast=breast, label=label, signs=signs, mass=form, size=size, number=number
    )


def _patch(rng, patient, patch):
    """One patch: uint8 image and its regions.

    Anatomy, findings, noise and marker each have a random source of their own, so that the same
    breast can be drawn with other findings.
    """
    anatomy, finding, noise, burn = rng.spawn(4)
    preset = SITES[patient["site"]]
    step = preset["pixel"] / FINE
    x, y, inside, muscle = breasts.breast(anatomy, patient["breast"], patch["view"], step)
    tissue = breasts.tissue(anatomy, patient["breast"], x, y, inside, muscle, step)

    regions = {name: np.zeros((SIZE, SIZE), bool) for name in ("mass", "calcification")}
    centre = breasts.place(finding, inside, muscle, step, 0.7 * patient["size"] + 2)
    if patch["shows"] and patient["mass"]:
        added, share = mass(
            finding,
            patient,
            x - x[centre],
            y - y[centre],
            step,
            soft=EDGE[patient["signs"]["mass_margin"]],
            visibility=VISIBILITY,
        )
        tissue += added * np.clip(inside / 6, 0, 1)
        regions["mass"] = breasts.pixels(share * (inside > 0)) > 0.5
        away = np.rint(finding.normal(0, 4, 2) / step).astype(
            int
        )  # calcifications lie in the mass or near it
        centre = tuple(
            np.clip(np.add(centre, away), *np.array([0.2, 0.8]) * SIZE * FINE).astype(int)
        )
    if patch["shows"] and "calcification_morphology" in patient["signs"]:
        added = calcifications(finding, patient, x, y, centre, inside, step, VISIBILITY)
        tissue += added
        regions["calcification"] = ndimage.binary_dilation(
            convex_hull_image(breasts.pixels(added) > 0.04)
        )

    grey = _film(noise, preset, tissue, inside, step)
    if patient["laterality"] == "R":  # hung with the chest wall on the right
        grey, regions = grey[:, ::-1], {name: mask[:, ::-1] for name, mask in regions.items()}
    grey = np.clip(grey, 0, 255)
    if patch["artefact"] == "marker":
        _marker(
            burn,
            grey,
            f"{patient['laterality']} {patch['view']}",
            patient["laterality"] == "R",
            inside[:, -1],
        )
    return np.rint(grey).astype(np.uint8), {
        name: np.ascontiguousarray(mask) for name, mask in regions.items()
    }


def _film(rng, preset, tissue, inside, step):
    """Grey levels, (160, 160), of the tissue as detector, processing and display show it."""
    # The breast thins towards the skin; processing evens most of it out. Scatter and detector blur
    # what is left.
    rim = 1 - np.clip(inside / 9, 0, 1)
    tissue = np.where(inside > 0, tissue * np.sqrt(np.clip(1 - 0.75 * rim**2, 0, 1)), 0)
    tissue = breasts.pixels(ndimage.gaussian_filter(tissue, preset["blur"] / step))
    tissue += 0.5 * (
        tissue - ndimage.gaussian_filter(tissue, 1.5 / preset["pixel"])
    )  # edge enhancement
    light = preset["contrast"] * np.clip(tissue, 0, None) ** preset["gamma"]
    light = light / (1 + light**5) ** 0.2  # shoulder of the display: nothing is cut off abruptly
    grain = ndimage.gaussian_filter(rng.normal(0, preset["noise"], (SIZE, SIZE)), 0.6)
    grey = preset["air"] + (250 - preset["air"]) * light
    grey += grain * np.clip(breasts.pixels(inside) / 2 + 0.5, 0.15 if preset["air"] else 0, 1)
    return grey


def _marker(rng, grey, text, right, inside):
    """Side and view in lead letters, opposite the chest wall, in the corner with more air, burnt
    in; in place.
    """
    row = int(rng.integers(4, 14) if inside[0] < inside[-1] else rng.integers(SIZE - 18, SIZE - 9))
    column = int(rng.integers(4, 10)) if right else SIZE - 4 * len(text) - int(rng.integers(4, 10))
    for place, letter in enumerate(text):
        for down, line in enumerate(GLYPHS[letter].split()):
            for over, bit in enumerate(line):
                if bit == "1":
                    grey[row + down, column + 4 * place + over] = 225
