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
    stain vectors). Carcinoma   Epstein 1995, Hum. Pathol. 26(2):223-229; Epstein et al. 2016, Am.
    J. Surg. Pathol. 40(2):244-252. Mimics      Bostwick et al. 1993, Hum. Pathol. 24(8):819-832;
    Srigley 2004, Mod. Pathol. 17(3):328-348. Clefts      Kruslin, Tomas & Mikuz 2011, Front.
    Biosci. (Schol. Ed.) 3:226-235.
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from scipy.special import expit, ndtri

from regard.phantoms import Case, glands
from regard.phantoms.fields import random_field
from regard.phantoms.glands import BENIGN, FINE, FOCUS, SIZE, STROMA, Tissue

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
SITES = {
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


def _choose(rng, table):
    return str(rng.choice(list(table), p=np.array(list(table.values())) / sum(table.values())))


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
        for _ in range(int(_choose(rng, SLIDES)))
    ]
    tiles = [
        dict(
            slide=int(rng.integers(len(slides))),
            artefact=_choose(rng, ARTEFACTS),
            centre=rng.uniform(0.22, 0.78, 2),  # of the focus, in shares of the tile
            extent=rng.uniform(0.28, 0.48),  # its radius, likewise
            radius=rng.uniform(18, 28),  # of its glands
        )
        for _ in range(2)
    ]
    labels = ["tumour" if rng.random() < CANCER else "benign", "benign"]
    for tile, label in zip(tiles, rng.permutation(labels).tolist(), strict=True):
        tile["label"] = label
        tile["signs"] = {sign: _choose(rng, probabilities(sign, label)) for sign in SIGNS}
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
    tissue, heights = _arrange(rng, tile, look, step)
    haematoxylin, eosin = _stain(rng, tile, look, tissue, heights, step)

    if tile["artefact"] == "fold":  # the section lies double along a band
        (rows, columns), angle, side = (
            glands.grid(step),
            rng.uniform(0, np.pi),
            SIZE * site["pixel"],
        )
        across = (columns - rng.uniform(0.2, 0.8) * side) * np.cos(angle) + (
            rows - side / 2
        ) * np.sin(angle)
        across += 8 * random_field(rng, across.shape, 30 / step, 30 / step)
        double = 1 + 0.8 * expit((rng.uniform(7, 14) - np.abs(across)) / 1.5)
        haematoxylin, eosin = haematoxylin * double, eosin * double

    slide = patient["slides"][tile["slide"]]
    density = np.zeros(haematoxylin.shape + (3,))
    for stain, amount, tint in zip(
        ("haematoxylin", "eosin"), (haematoxylin, eosin), slide["tint"], strict=True
    ):
        density += (amount * slide[stain])[..., None] * np.clip(
            np.array(site[stain]) + tint, 0.01, None
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


def _arrange(rng, tile, look, step):
    """Place the focus and the benign glands; return Tissue and the map of the epithelium's
    height.
    """
    shape, side = (SIZE * FINE,) * 2, SIZE * FINE * step
    kind = np.zeros(shape, np.uint8)
    heights = np.full(shape, 18.0)
    opened = np.full(
        shape, -99.0
    )  # lumens that do not follow the outline: distance to their edge, positive inside
    hollow = np.zeros(
        shape, bool
    )  # where the lumen follows the outline, at the epithelium's height
    signs, grain = tile["signs"], rng.uniform(0, np.pi)
    middle, extent = tile["centre"] * side, tile["extent"] * side

    def place(what, height, gap, centre, radius, aspect, tilt, outline, follows=True, onto=None):
        """Put a gland where nothing but `onto` lies within `gap` of it; False where there is no
        room.
        """
        at = tuple((np.asarray(centre) / step).astype(int))
        if min(at) >= 0 and max(at) < len(kind) and kind[at] and (onto is None or not onto[at]):
            return False  # the usual case, told without drawing
        window, relative = glands.relative(step, centre, radius, aspect, tilt, outline)
        taken = kind[window] > 0
        if onto is not None:
            taken &= ~onto[window]
        if (taken & (relative < 1 + gap * np.sqrt(aspect) / radius)).any():
            return False
        inside = relative < 1
        kind[window][inside] = what
        heights[window][inside] = min(
            height, 0.68 * radius / np.sqrt(aspect)
        )  # even a small gland has a lumen
        hollow[window][inside] = follows
        if onto is not None:
            onto[window] |= inside
        return True

    def open_lumen(centre, radius, aspect, tilt, outline):
        window, relative = glands.relative(step, centre, radius, aspect, tilt, outline)
        opened[window] = np.maximum(opened[window], (1 - relative) * radius)

    def benign_glands(wanted, attempts, clear=0.0):
        """Large glands anywhere but `clear` around the middle of the focus; the gaps get smaller,
        so do the glands.
        """
        for attempt in range(attempts):
            radius = rng.lognormal(np.log(64 if rng.random() < 0.6 else 36), 0.25) * 0.98**attempt
            centre, aspect = rng.uniform(-0.1, 1.1, 2) * side, rng.uniform(1, 2.2)
            outline = glands.outline(rng, 0.20, notches=int(rng.integers(0, 9)))
            height, gap, tilt = (
                np.clip(rng.normal(19, 5), 8, 30),
                rng.uniform(5, 20),
                rng.normal(grain, 0.6),
            )
            if clear and np.hypot(*(centre - middle)) < clear + radius * np.sqrt(aspect):
                continue
            wanted -= place(BENIGN, height, gap, centre, radius, aspect, tilt, outline)
            if wanted <= 0:
                return

    if signs["growth"] == "none":
        benign_glands(rng.integers(3, 8), 60)
    else:
        benign_glands(1, 20, clear=0.8 * extent)
        infiltrative = signs["border"] == "infiltrative"
        spread = extent * (1.35 if infiltrative else 1.0)
        corners = 0.28 if infiltrative else 0.0

        def somewhere():
            reach, angle = spread * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
            return middle + reach * np.array([np.sin(angle), np.cos(angle)])

        def gland():
            aspect = rng.lognormal(0.6, 0.35) if infiltrative else rng.lognormal(0.25, 0.2)
            tilt = rng.normal(grain, 0.35) if infiltrative else rng.uniform(0, np.pi)
            radius = tile["radius"] * rng.lognormal(0, 0.22)
            return radius, np.clip(aspect, 1, 3.2), tilt, glands.outline(rng, 0.16, corners=corners)

        if signs["growth"] == "cribriform":
            for number in range(rng.integers(1, 3)):
                centre = middle if number == 0 else somewhere()
                radius, outline = (
                    extent * rng.uniform(0.55, 0.85),
                    glands.outline(rng, 0.22, corners=corners / 2),
                )
                tilt, before = rng.uniform(0, np.pi), kind == FOCUS
                for size in (1, 0.8, 0.6, 0.4):  # the largest sheet that there is room for
                    if place(
                        FOCUS, 16.0, 6, centre, size * radius, 1.3, tilt, outline, follows=False
                    ):
                        break
                for at in glands.darts(rng, (kind == FOCUS) & ~before, rng.uniform(24, 30) / step):
                    if rng.random() < 0.85:
                        form = (
                            rng.lognormal(np.log(7), 0.3),
                            rng.uniform(1, 1.6),
                            rng.uniform(0, np.pi),
                        )
                        open_lumen((at + 0.5) * step, *form, glands.outline(rng, 0.15))
        if signs["growth"] == "fused":
            for number in range(rng.integers(2, 4)):
                centre, direction = (
                    middle if number == 0 else somewhere(),
                    rng.uniform(0, 2 * np.pi),
                )
                own = np.zeros(shape, bool)
                for _ in range(
                    rng.integers(4, 9)
                ):  # glands share walls: a chain without stroma between
                    radius, aspect, tilt, outline = gland()
                    if (
                        place(
                            FOCUS,
                            look["height"],
                            6,
                            centre,
                            radius,
                            aspect,
                            tilt,
                            outline,
                            False,
                            own,
                        )
                        and rng.random() < 0.8
                    ):
                        open_lumen(
                            centre,
                            radius * rng.uniform(0.25, 0.5),
                            aspect,
                            tilt,
                            glands.outline(rng, 0.3),
                        )
                    direction = direction + rng.normal(0, 0.9)
                    centre = centre + 1.45 * radius * np.array(
                        [np.sin(direction), np.cos(direction)]
                    )
        gap = (3, 12) if infiltrative else (2.5, 7)
        tries = {"separate": 200, "fused": 60, "cribriform": 60}[signs["growth"]]
        for number in range(tries):
            centre = middle if number == 0 else somewhere()
            place(
                FOCUS, look["height"] * rng.lognormal(0, 0.1), rng.uniform(*gap), centre, *gland()
            )
        benign_glands(rng.integers(1, 4), 40)

    depth = ndimage.distance_transform_edt(kind > 0) * step
    outside, (down, right) = ndimage.distance_transform_edt(kind == 0, return_indices=True)
    wobble = random_field(rng, shape, 3.5 / step, 3.5 / step)
    followed = ndimage.gaussian_filter(depth, 1.2) - heights * (1 + 0.16 * wobble)
    lumen = np.where(hollow, followed, np.where(kind > 0, opened + 0.6 * wobble, -99))
    return Tissue(kind, lumen, depth, outside * step, kind[down, right]), heights


def _stain(rng, tile, look, tissue, heights, step):
    """Haematoxylin and eosin, as maps of optical density, of the tissue of one tile."""
    kind, lumen, depth, outside, nearest = tissue
    signs, shape = tile["signs"], kind.shape
    field = lambda size: random_field(rng, shape, size / step, size / step)  # noqa: E731
    fine, medium, coarse = field(1.2), field(5), field(22)

    # Stroma: bundles of smooth muscle, level lines of `across`, which wrap around the glands.
    rows, columns = glands.grid(step)
    turn = rng.uniform(0, np.pi)
    across = (
        columns * np.sin(turn)
        - rows * np.cos(turn)
        + rng.uniform(8, 20) * field(55)
        + 3 * field(14)
    )
    across = across + rng.uniform(5, 35) * np.exp(-outside / 18)
    along = columns * np.cos(turn) + rows * np.sin(turn)
    down, right = np.gradient(across)
    fibre = np.arctan2(-right, down)

    def strands(width, length):
        noise = random_field(rng, (256, 256), width / step, length / step)
        return ndimage.map_coordinates(
            noise, [across / step, along / step], order=1, mode="grid-wrap"
        )

    bundles, threads = strands(5, 45), strands(1.4, 16)
    loose = rng.uniform(0.4, 1.0)
    eosin = 0.225 + 0.02 * coarse + 0.035 * bundles + 0.028 * threads + 0.008 * fine
    haematoxylin = 0.105 + 0.012 * medium + 0.012 * bundles + 0.012 * threads
    slits = expit((strands(1.8, 14) + 0.35 * bundles - 2.3 + 0.5 * loose) / 0.18) * rng.uniform(
        0.4, 0.95
    )
    if signs["clefts"] == "present":  # the stroma has shrunk away from the glands of the focus
        torn = expit((coarse + 0.6 * medium + 0.2) / 0.3) * expit(
            (3.6 + 0.8 * medium - outside) / 0.5
        )
        slits = np.maximum(slits, 0.95 * torn * (nearest == FOCUS))
    nuclei = np.zeros(shape, np.float32)
    free = (kind == STROMA) & (outside > 3) & (slits < 0.4)
    cells = glands.darts(
        rng, free & (bundles + 0.8 * medium > rng.uniform(-0.9, 0.5)), rng.uniform(7.5, 11.5) / step
    )
    strength = rng.uniform(0.5, 0.62)
    glands.nuclei(
        rng,
        nuclei,
        cells,
        2.4,
        3.6,
        fibre[tuple(cells.T)] + rng.normal(0, 0.15, len(cells)),
        step,
        strength,
    )
    if rng.random() < 0.35:  # lymphocytes: round and dark
        cells = glands.darts(
            rng, free & (coarse + 0.5 * medium > rng.uniform(1.3, 2.2)), 6.5 / step
        )
        glands.nuclei(rng, nuclei, cells, 2.7, 1.1, rng.uniform(0, 3, len(cells)), step, 0.8)
    haematoxylin, eosin = haematoxylin * (1 - slits), eosin * (1 - slits) + 0.01
    for row, column in glands.darts(rng, free & (outside > 14), 60 / step)[
        : rng.integers(0, 4)
    ]:  # small vessels
        where, relative = glands.relative(
            step, ((row + 0.5) * step, (column + 0.5) * step), rng.uniform(4, 9), rng.uniform(1, 2.5),
            -fibre[row, column], glands.outline(rng, 0.2),
        )  # fmt: skip
        share = expit((1 - relative) / 0.08) * (kind[where] == STROMA)
        blood = rng.uniform(0, 0.5) * (medium[where] > -0.3)
        eosin[where] += share * (blood - eosin[where]) + 0.12 * np.exp(
            -0.5 * ((relative - 1.3) / 0.2) ** 2
        )
        haematoxylin[where] *= 1 - share
        nuclei[where] *= 1 - share

    # Epithelium: pale towards the lumen, a basal row of nuclei where there is one, luminal nuclei
    # above it.
    down, right = np.gradient(ndimage.gaussian_filter(np.where(kind > 0, depth, -outside), 2.0))
    inward = np.arctan2(down, right)
    gland, focus = kind > STROMA, kind == FOCUS
    edge = np.clip(depth / step, 0, 1)  # the outline falls between two samples
    ordinary = rng.uniform(0.10, 0.20), rng.uniform(0.08, 0.14)
    for kept, ours, theirs in zip((haematoxylin, eosin), look["cytoplasm"], ordinary, strict=True):
        cytoplasm = np.where(focus, ours, theirs) * (1 + 0.15 * medium + 0.06 * fine)
        cytoplasm += np.where(
            outside == 0, 0.05 * np.exp(-0.5 * ((depth - 0.5) / 1.2) ** 2), 0
        )  # basement membrane
        kept += edge * (cytoplasm - kept) * gland
    covered = (medium + 0.5 * coarse) / np.hypot(1, 0.5) < ndtri(
        look["basal"]
    )  # in that share of the outline
    layered = gland & (covered | ~focus)
    solid = gland & (lumen < -1.5)
    cells = glands.darts(rng, layered & (depth > 0.7) & (depth < 2.8) & solid, 4.8 / step)
    glands.nuclei(rng, nuclei, cells, 2.2, 2.6, inward[tuple(cells.T)] + np.pi / 2, step, 1.0)
    for ours, half, vesicular in (
        (focus, look["nucleus"], look["vesicular"]),
        (kind == BENIGN, 3.1, 0.1),
    ):
        lowest = np.where(layered, 5.0, 2.0) + 0.55 * half
        crowded = rng.uniform(2, 7)
        flat = (
            ours
            & (depth > lowest)
            & (depth < np.maximum(0.52 * heights, lowest + 1 + 0.3 * crowded))
        )
        if ours is focus and signs["growth"] in (
            "fused",
            "cribriform",
        ):  # cells all through, not in rows
            flat = ours & (depth > lowest) & (lumen < -1.2 * half - 1)
        cells = glands.darts(
            rng, flat & (lumen < -0.8 * half), rng.uniform(1.55, 1.85) * half / step
        )
        upright = np.where(
            heights[tuple(cells.T)] > 12, 0, np.pi / 2
        )  # a low epithelium has lying nuclei
        angle = inward[tuple(cells.T)] + upright + rng.normal(0, 0.35, len(cells))
        glands.nuclei(rng, nuclei, cells, half, 1.3, angle, step, rng.uniform(0.56, 0.7), vesicular)

    share = np.clip(nuclei / 0.35, 0, 1)
    eosin *= 1 - 0.55 * share
    haematoxylin += nuclei * (1 + 0.08 * fine) - share * 0.7 * haematoxylin
    return _fill_lumens(rng, signs, tissue, haematoxylin, eosin, (fine, medium, coarse), step)


def _fill_lumens(rng, signs, tissue, haematoxylin, eosin, fields, step):
    """Empty the lumens, then put in what they contain; return haematoxylin and eosin."""
    fine, medium, coarse = fields
    kind, lumen = tissue.kind, tissue.lumen
    share = expit((lumen + 0.3 * medium) / 0.5)
    full_h, full_e = np.full(kind.shape, 0.008), np.full(kind.shape, 0.008)
    common = _choose(
        rng, {"empty": 0.62, "corpora amylacea": 0.12, "secretion": 0.26}
    )  # of the benign glands
    for ours, contents in ((kind == FOCUS, signs["contents"]), (kind == BENIGN, common)):
        level = rng.uniform(0.7, 1.1)
        if contents == "secretion":  # granular, shrunk from the epithelium
            cover = (
                expit((lumen - 2 + 1.5 * medium) / 0.6)
                * (0.8 + 0.15 * coarse + 0.12 * fine)
                * ours
                * level
            )
            full_e += 0.19 * cover
            full_h += 0.03 * cover
        if contents == "mucin":
            cover = expit((lumen - 1.5 + 1.5 * coarse) / 0.8) * (0.8 + 0.3 * medium) * ours * level
            full_h += np.maximum(0.13 * cover, 0)
        if contents == "corpora amylacea":  # laminated round bodies
            for row, column in glands.darts(rng, ours & (lumen > 4), rng.uniform(25, 60) / step):
                radius = min(lumen[row, column] * rng.uniform(0.6, 0.95), rng.uniform(8, 22))
                centre = (row + 0.5) * step, (column + 0.5) * step
                form = rng.uniform(1, 1.3), rng.uniform(0, np.pi), glands.outline(rng, 0.1)
                where, relative = glands.relative(step, centre, radius, *form)
                body = (
                    expit((1 - relative) * radius / 0.5)
                    * level
                    * (1 + 0.22 * np.cos(relative * radius * 1.3))
                )
                full_e[where] = np.maximum(full_e[where], 0.30 * body)
                full_h[where] = np.maximum(full_h[where], 0.08 * body)
    return haematoxylin + share * (full_h - haematoxylin), eosin + share * (full_e - eosin)
