"""B-mode breast-ultrasound phantoms: layered tissue and one mass, imaged by a linear array, with
speckle.

The class acts on the image through the mass's sonographic signs alone: label -> SIGNS -> geometry,
echogenicity and attenuation of the mass -> image. Site, view, position, size, anatomy, distractors
and burnt-in artefacts are drawn without the label. Arrays are (depth, lateral); lengths are in mm;
echo strengths in dB relative to subcutaneous fat.

Sources
    Speckle     Burckhardt 1978, IEEE Trans. Sonics Ultrason. 25(1):1-6; Wagner et al. 1983, ibid.
    30(3):156-163. Signs       Stavros et al. 1995, Radiology 196:123-134; ACR BI-RADS Atlas, 5th
    edition, 2013 (ultrasound lexicon). Tissue      Duck 1990, Physical Properties of Tissue,
    Academic Press (orders of magnitude of attenuation).
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from scipy.special import expit

from regard.phantoms import Case
from regard.phantoms.fields import interface, random_field
from regard.phantoms.insonation import Tissue, insonify
from regard.phantoms.letters import GLYPHS

SEED = 2022  # the committed set, and nothing else: look at other seeds while developing
SIZE = 160  # image height and width, pixels
FINE = 2  # scatterers per pixel and axis
# scatterer columns simulated beyond either side of the image, where the periodic blur wraps around
MARGIN = 20
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
    "anechoic": (-34, 3),
    "hypoechoic": (-11, 2.5),
    "heterogeneous": (-9, 2.5),
    "isoechoic": (-6, 1.2),
}  # dB
ATTENUATION = {
    "none": (0.70, 0.12),
    "enhancement": (0.25, 0.12),
    "shadow": (1.45, 0.30),
}  # dB / cm / MHz

# Echo strength (dB) and attenuation (dB / cm / MHz) of the normal layers.
TISSUES = {
    "skin": (4, 0.9),
    "fat": (0, 0.5),
    "gland": (7, 0.75),
    "muscle": (-4, 0.8),
    "chest wall": (-7, 1.0),
}
# Scanner presets: centre frequency (MHz), depths of field (mm), dynamic range (dB), focus (share of
# the depth), f-number, compounded looks, white level (dB above fat).
SITES = {
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
    tissue = _anatomy(rng, patient["breast"], depth, step)
    outline, centre, width, height = _place(rng, patient, depth)
    share = _add_mass(rng, tissue, outline, centre, patient, step)

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
        _burn_calipers(rng, grey, mask)
    elif artefact == "text":
        _burn_text(rng, grey)
    return np.rint(grey).astype(np.uint8), mask, grey != clean, width, height


def _anatomy(rng, breast, depth, step):
    """Tissue of one view of a breast without a mass: skin, fat, gland, muscle, chest wall, and
    distractors.
    """
    shape = (SIZE * FINE, SIZE * FINE + 2 * MARGIN)

    def field(axial, lateral):  # smoothing in mm
        return random_field(rng, shape, axial / step, lateral / step)

    def flow(texture):  # a texture that follows the bent layers
        where = (level / step, np.broadcast_to(np.arange(shape[1]), shape))
        return ndimage.map_coordinates(texture, where, order=1, mode="grid-wrap")

    rows, across = _grid(shape, step)
    bend = (1.0 * field(4, 6) + 0.25 * field(0.8, 2)) * (
        1 - np.exp(-rows / 4)
    )  # the skin lies flat at the probe
    level = rows + bend
    skin, fascia = rng.uniform(1.2, 2.0), breast["fascia"] * rng.uniform(0.95, 1.05)
    tops = {"fat": skin, "gland": skin + breast["fat"] * rng.uniform(0.85, 1.15), "muscle": fascia}
    tops["chest wall"] = fascia + rng.uniform(5, 9)

    strands, fibres, coarse = flow(field(0.16, 2.5)), flow(field(0.16, 1.0)), flow(field(0.6, 2.0))
    patches = field(1.6, 3.0)  # uneven fat, fatty islands in the gland, uneven attenuation
    breaks = np.exp(0.9 * flow(field(0.8, 1.3)))  # no surface reflects evenly along its length
    fatty = expit(5 * (patches - breast["density"]))
    textures = {
        "fat": patches + 1.5 * fibres,
        "gland": breast["gland"] + 2.5 * coarse + 2.5 * strands + 2.0 * fibres - 7 * fatty,
        "muscle": 5.0 * strands + 2.5 * fibres,
        "chest wall": 2.0 * coarse + 1.5 * fibres - 0.5 * np.maximum(level - tops["chest wall"], 0),
    }
    surface = {"fat": 1.2, "gland": 0.7, "muscle": 1.5, "chest wall": 3.0}
    echo, attenuation = (np.full(shape, float(value)) for value in TISSUES["skin"])
    specular = np.zeros(shape)
    for name, top in tops.items():
        below = level - top + (0 if name == "fat" else 0.6 * field(2.5, 4))
        share = expit(below / 0.12)
        echo += share * (TISSUES[name][0] + textures[name] - echo)
        attenuation += share * (TISSUES[name][1] - attenuation)
        specular += surface[name] * interface(below, step, 0.1) * breaks - share * specular
        if name == "fat":  # Cooper's ligaments: walls of the fat lobules
            specular += share * interface(field(1.8, 3.5), step, 0.08) * breaks
        if name in ("gland", "muscle"):
            specular += 0.45 * share * np.maximum(strands - 0.5, 0) * breaks
    attenuation *= np.exp(0.3 * patches)

    tissue = Tissue(echo, specular, attenuation)
    _add_distractors(rng, tissue, tops, depth, step, breaks, 0.5 * field(1.5, 2.5))
    return tissue


def _add_distractors(rng, tissue, tops, depth, step, breaks, wobble):
    """Small cysts, a fat lobule, lost contact, a rib and reverberation, each in some images; in
    place.
    """
    echo, specular, attenuation = tissue
    rows, across = _grid(echo.shape, step)
    gland = (tops["gland"], tops["muscle"])

    for _ in range(rng.integers(1, 4) if rng.random() < 0.3 else 0):  # small cysts
        outside = _ellipse(rng, rows, across, gland, depth, rng.uniform(0.8, 2.0), 0.75)
        share = expit(-outside / 0.1)
        echo += share * (ECHO["anechoic"][0] - echo)
        attenuation *= 1 - share
        specular += 1.2 * interface(outside, step, 0.1) * breaks - share * specular
    if rng.random() < 0.45:  # a fat lobule within the gland, easily taken for a mass
        outside = _ellipse(rng, rows, across, gland, depth, rng.uniform(2.5, 5.0), 0.5) + wobble
        share = expit(-outside / 0.25)
        echo += share * (rng.normal(-2, 1.5) - echo)
        specular += 0.8 * interface(outside, step, 0.1) * breaks - 0.8 * share * specular
    for side in (
        across / depth,
        1 - across / depth,
    ):  # poor contact: the loss sits in the first millimetre
        if rng.random() < 0.15:
            attenuation += (
                rng.uniform(4, 14) * expit((rng.uniform(0, 0.12) - side) / 0.03) * (rows < 1)
            )
    if rng.random() < 0.5:  # a rib: bright towards the probe, a shadow behind
        outside = _ellipse(
            rng, rows, across, (tops["chest wall"] + 2,) * 2, depth, rng.uniform(4, 7), 0.4
        )
        attenuation += 3 * (outside < 0)
        specular += 3 * interface(outside, step, 0.12) * (rows < tops["chest wall"] + 2)
    spacing = rng.uniform(0.45, 0.8)  # reverberation between the probe and the skin
    specular += (
        rng.uniform(0.5, 2.5) * np.cos(np.pi * rows / spacing) ** 12 * np.exp(-rows / spacing)
    )


def _grid(shape, step):
    """Depth (rows, 1) and lateral position (columns,) of the samples in mm; the image's left edge
    is at 0.
    """
    return (np.arange(shape[0])[:, None] + 0.5) * step, (np.arange(shape[1]) + 0.5 - MARGIN) * step


def _ellipse(rng, rows, across, between, depth, radius, aspect):
    """Distance (mm, negative inside) to a slightly tilted ellipse somewhere between two depths."""
    down, right = rows - rng.uniform(*between), across - rng.uniform(0, depth)
    down = down + rng.normal(0, 0.15) * right
    return (np.hypot(right, down / aspect) - radius) * aspect


def _place(rng, patient, depth):
    """Put the mass into one view: its outline, centre (depth, lateral), width and height in mm.

    The outline is a function (rows, across in mm) -> about the distance to the outline in mm,
    negative inside. A view turns the probe: the same mass in other proportions, with slightly other
    lobes, elsewhere in the field.
    """
    mass, signs = patient["mass"], patient["signs"]
    size = mass["size"] * rng.lognormal(0, 0.08)
    aspect = mass["aspect"] * rng.lognormal(0, 0.06)
    width, height = size / np.sqrt(aspect), size * np.sqrt(aspect)
    tilt = rng.normal(0, 0.15)
    top = rng.uniform(3, max(4, 0.45 * depth - 0.3 * height))
    centre = top + height / 2, np.clip(rng.normal(0.5, 0.2), 0.08, 0.92) * depth
    lobes = (mass["lobes"] + 0.3 * rng.standard_normal((8, 2))) / np.arange(2, 10)[:, None] ** 1.2
    lobes *= mass["irregularity"] / np.sqrt((lobes**2).sum() / 2)
    corners = mass["corners"] + 0.2 * rng.standard_normal(len(mass["corners"]))
    turn = mass["turn"] + rng.normal(0, 0.3)

    def outline(rows, across):
        down, right = rows - centre[0], across - centre[1]
        down, right = (
            down * np.cos(tilt) - right * np.sin(tilt),
            right * np.cos(tilt) + down * np.sin(tilt),
        )
        angle = np.arctan2(down / height, right / width)
        edge = 1.0
        for order, (cosine, sine) in enumerate(lobes, start=2):
            edge = edge + cosine * np.cos(order * angle) + sine * np.sin(order * angle)
        if signs["margin"] == "microlobulated":
            bend = (
                mass["scallops"] * angle / 2 + 1.5 * np.sin(angle + turn) + np.sin(2 * angle - turn)
            )
            edge = edge + 0.08 * (1 + 0.5 * np.sin(3 * angle + turn)) * (np.abs(np.sin(bend)) - 0.6)
        if signs["margin"] in ("angular", "spiculated"):  # straight runs between corners
            knots = np.linspace(0, 2 * np.pi, len(corners) + 1)
            edge = edge + 0.13 * np.interp(
                (angle + turn) % (2 * np.pi), knots, np.append(corners, corners[0])
            )
        radius = np.hypot(2 * right / width, 2 * down / height)
        return (radius - np.maximum(edge, 0.3)) * min(width, height) / 2

    return outline, centre, width, height


def _add_mass(rng, tissue, outline, centre, patient, step):
    """Put the mass into the tissue maps, in place; return its share of the tissue, 0 to 1, at each
    sample.
    """
    mass, signs = patient["mass"], patient["signs"]
    echo, specular, attenuation = tissue
    rows, across = _grid(echo.shape, step)
    outside = outline(rows, across)
    angle = np.arctan2(rows - centre[0], across - centre[1])
    mottle = random_field(rng, echo.shape, 0.9 / step, 1.2 / step)

    if signs["halo"] == "present":  # a thick echogenic rim, of uneven thickness
        rim = np.exp(-0.5 * ((outside - 0.8) / (1.0 + 0.3 * np.clip(mottle, -2, 2))) ** 2)
        echo += rim * (12 + 1.5 * mottle - echo)
    if signs["margin"] == "spiculated":
        for _ in range(rng.integers(8, 15)):
            direction, length = rng.uniform(-np.pi, np.pi), rng.uniform(2.5, 6)
            off = np.angle(np.exp(1j * (angle - direction))) + 0.04 * np.sin(
                outside + 9 * direction
            )
            reach = np.hypot(rows - centre[0], across - centre[1])
            spike = np.exp(-0.5 * (off * reach / 0.35) ** 2) * expit((length - outside) / 0.5)
            strand = rng.choice(
                [14, mass["echo"]]
            )  # spicules are bright in fat and dark in gland: some of either
            echo += spike * (outside > 0) * (strand - echo)

    softness = EDGE[signs["margin"]]
    ragged = outside + (0.6 * softness * mottle if softness > 0.3 else 0)
    share = expit(-ragged / (0.6 * softness))
    inner = mass["echo"] + mottle * {"heterogeneous": 4.0, "anechoic": 0}.get(signs["echo"], 1.8)
    echo += share * (inner - echo)
    attenuation += share * (mass["attenuation"] - attenuation)
    specular *= 1 - share
    if signs["margin"] in ("circumscribed", "microlobulated"):
        specular += rng.uniform(0.1, 1.2) * interface(outside, step, 0.1) * np.exp(0.5 * mottle)
        down, right = np.gradient(outside, step)
        upright = np.abs(right) / (np.hypot(down, right) + 1e-9)
        # Refraction at walls that run along the beam sends sound astray: an edge shadow under
        # either flank.
        attenuation += rng.uniform(0, 1.5) * upright**8 * np.exp(-0.5 * (outside / 0.35) ** 2)
    return share


# 3 x 5 bitmap font, rows from the top: the same on every machine.


def _write(grey, text, row, column):
    """Burn text into the image in place, its top left corner at row, column; what falls outside is
    lost.
    """
    for place, letter in enumerate(text):
        for down, line in enumerate(GLYPHS[letter].split()):
            for right, bit in enumerate(line):
                if bit == "1":
                    _dot(grey, row + down, column + 4 * place + right)


def _dot(grey, row, column):
    if 0 <= row < SIZE and 0 <= column < SIZE:
        grey[row, column] = 235


def _burn_calipers(rng, grey, mask):
    """Crosses at the ends of the mass's widest row and tallest column, dotted lines between them,
    and 1 and 2.
    """
    row, column = int(mask.sum(axis=1).argmax()), int(mask.sum(axis=0).argmax())
    left, right = np.flatnonzero(mask[row])[[0, -1]] + rng.integers(-2, 3, 2)
    top, bottom = np.flatnonzero(mask[:, column])[[0, -1]] + rng.integers(-2, 3, 2)
    slant = rng.integers(-4, 5, 2)
    for number, (start, end) in enumerate(
        [
            ((row - slant[0], left), (row + slant[0], right)),
            ((top, column - slant[1]), (bottom, column + slant[1])),
        ],
        1,
    ):
        for share in np.arange(0, 1, 3 / max(np.hypot(end[0] - start[0], end[1] - start[1]), 3)):
            _dot(grey, *(int(round(a + share * (b - a))) for a, b in zip(start, end, strict=True)))
        for row_, column_ in (start, end):
            for reach in range(-2, 3):
                _dot(grey, row_ + reach, column_)
                _dot(grey, row_, column_ + reach)
        _write(grey, str(number), end[0] + 2, end[1] + 4)


def _burn_text(rng, grey):
    """A label near one of the edges and, in half of the images, a centimetre scale along the right
    side.
    """
    text = str(
        rng.choice(
            ["RT", "LT", "RT BREAST", "LT BREAST", "RT AX", "LT 10:00", "RT 2:00", "LT 6:30"]
        )
    )
    row = int(rng.choice([rng.integers(4, 12), rng.integers(SIZE - 20, SIZE - 8)]))
    _write(grey, text, row, int(rng.integers(4, SIZE - 4 * len(text) - 4)))
    if rng.random() < 0.5:
        for tick in range(0, SIZE, 8):
            grey[tick, SIZE - (5 if tick % 40 == 0 else 3) :] = 200
