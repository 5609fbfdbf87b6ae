"""Frontal chest films: a projection model of the thorax with up to six findings, each with its
exact outline.

A finding's label acts on the image through its drawn attributes alone: label -> severity -> extent
or contrast, number, side and place -> thickness of tissue, fluid, air or metal along the rays ->
film. Site, view, sex, habitus, mimics and burnt-in text are drawn without the labels. Maps are
(down, across); lengths in mm of water-like tissue at the plane of the film; x grows towards the
image's right, which is the patient's left, where the heart's apex lies.

Sources
    Findings    Hansell et al. 2008, Radiology 246(3):697-722 (Fleischner Society glossary).
    Heart       Danzer 1919, Am. J. Med. Sci. 157:513-521 (cardiothoracic ratio, enlarged above
    0.5). Pleura      Blackmore et al. 1996, Acad. Radiol. 3(2):103-109 (effusion); MacDuff et al.
    2010, Thorax 65 Suppl. 2:
                ii18-ii31 (pneumothorax: the rim between lung and chest wall).
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from scipy.special import expit

from regard.phantoms import Case, thorax
from regard.phantoms.fields import random_field
from regard.phantoms.thorax import AIR, FINE, SITES, SIZE

SEED = 2023  # the committed set, and nothing else: look at other seeds while developing
PATIENTS = 480

FINDINGS = (
    "cardiomegaly",
    "pleural_effusion",
    "consolidation",
    "nodule",
    "pneumothorax",
    "support_device",
)
PREVALENCE = 0.33  # of each finding
TOGETHER = 0.45  # P(effusion | cardiomegaly): the one dependence between findings
BLANK = 0.06  # share of the labels that are unknown

# Difficulty. Severity is drawn given that the finding is there; it sets a range of the finding's
# own measure.
VISIBILITY = 1.0  # scales the extent or contrast of every finding
STRENGTH = dict.fromkeys(FINDINGS, 1.0)  # further, of one finding
SEVERITY = {"subtle": 0.25, "moderate": 0.45, "marked": 0.30}
EXTENT = {
    "cardiomegaly": {
        "subtle": (0.015, 0.04),
        "moderate": (0.04, 0.08),
        "marked": (0.08, 0.14),
    },  # ratio above limit
    "pleural_effusion": {
        "subtle": (45, 68),
        "moderate": (68, 112),
        "marked": (112, 170),
    },  # height at the wall, mm
    "consolidation": {
        "subtle": (0.62, 0.72),
        "moderate": (0.72, 0.84),
        "marked": (0.84, 0.95),
    },  # share of air lost
    "nodule": {"subtle": (20, 24), "moderate": (24, 28), "marked": (28, 33)},  # diameter, mm
    "pneumothorax": {
        "subtle": (11, 16),
        "moderate": (16, 26),
        "marked": (26, 40),
    },  # rim at the side wall, mm
    "support_device": {
        "subtle": (1.20, 1.60),
        "moderate": (1.60, 2.20),
        "marked": (2.20, 3.00),
    },  # attenuation
}
LIMIT = {
    "PA": 0.50,
    "AP": 0.54,
}  # cardiothoracic ratio: the heart lies farther from the film in AP, so it is larger
NORMAL_RATIO = (0.445, 0.03)  # of a PA film, mean and standard deviation, never above the limit
NUMBER = {"consolidation": {1: 0.65, 2: 0.35}, "nodule": {1: 0.30, 2: 0.35, 3: 0.35}}
DEVICES = {
    "central line": 0.30,
    "pacemaker": 0.22,
    "endotracheal tube": 0.14,
    "gastric tube": 0.14,
    "drain": 0.20,
}
DEVICE_RADIUS = (
    4.5  # mm around a line's centre that its region covers: a line itself is about one pixel wide
)

# What may be taken for a finding, independent of all of them.
MIMICS = {
    "skin fold": 0.14, "nipples": 0.15, "vessels on end": 0.3, "blunt angle": 0.15, "electrodes": 0.15, "band": 0.12,
}  # fmt: skip


def draw(seed: int, patients: int = PATIENTS) -> Iterator[Case]:
    """Yield all cases of patients 0 to `patients` - 1, in order; see draw_patient.

    Raises ValueError if `patients` is negative.
    """
    if patients < 0:
        raise ValueError(f"patients must not be negative, not {patients}")
    for index in range(patients):
        yield from draw_patient(seed, index)


def draw_patient(seed: int, index: int) -> Iterator[Case]:
    """Yield the one film of a patient, which depends on `seed` and `index` only.

    Images are uint8 (160, 160). A region is bool (160, 160), all False where the finding is absent,
    and missing where its label is blank.
    """
    rng = np.random.default_rng([seed, index])
    patient = sample(rng)
    known = patient["known"]
    image, regions, ratio = film(rng, patient)
    yield Case(
        case=f"p{index:03d}",
        patient=f"p{index:03d}",
        labels={
            name: str(int(patient["present"][name])) if known[name] else "" for name in FINDINGS
        },
        image=image,
        regions={name: region for name, region in regions.items() if known[name]},
        columns={
            "site": patient["site"],
            "pixel_mm": f"{patient['pixel']:.5f}",
            "reference": "exact",
        }
        | {name: patient[name] for name in ("view", "sex", "marker")}
        | {"mimics": " + ".join(name for name in MIMICS if patient["mimics"][name]) or "none"}
        | {"ratio": f"{ratio:.3f}" if known["cardiomegaly"] else ""}
        | _attributes(patient),
    )


def _attributes(patient):
    """Columns for what was drawn of each finding; blank where the finding is absent or its label
    unknown.
    """
    columns = {}
    for name in FINDINGS:
        finding, shown = (
            patient["findings"][name],
            patient["present"][name] and patient["known"][name],
        )
        unit = {"pleural_effusion": "_mm", "nodule": "_mm", "pneumothorax": "_mm"}.get(name, "")
        columns[f"{name}_severity"] = finding["severity"] if shown else ""
        if name != "cardiomegaly":
            columns[f"{name}_extent{unit}"] = f"{finding['extent']:.2f}" if shown else ""
        if name in ("pleural_effusion", "pneumothorax"):
            columns[f"{name}_side"] = finding["side"] if shown else ""
        if name in NUMBER:
            columns[f"{name}_number"] = str(finding["number"]) if shown else ""
        if name == "support_device":
            columns[f"{name}_kind"] = finding["kind"] if shown else ""
    return columns


def sample(rng: np.random.Generator) -> dict:
    """Draw what precedes any image: site, habitus, view, mimics and text, then the findings and
    their attributes.

    Every attribute is drawn whether or not its finding is present, so that presence changes nothing
    but presence.
    """

    def choose(table):
        values = list(table)
        return values[
            rng.choice(len(values), p=np.array(list(table.values())) / sum(table.values()))
        ]

    site = str(rng.choice(list(SITES)))
    pixel = float(rng.uniform(*SITES[site]["pixel"]))
    sex = "F" if rng.random() < 0.5 else "M"
    small = 0.93 if sex == "F" else 1.0
    habitus = dict(
        width=small * rng.normal(146, 6),  # half of the inner width of the thorax, mm
        depth=small * rng.normal(108, 8),  # half of the trunk's depth, mm
        wall=rng.uniform(22, 48),  # chest wall beside the lung, mm
        height=rng.normal(232, 15),  # apex to dome, mm
        breast=rng.uniform(14, 42) * (sex == "F"),  # mm
    )
    view = "AP" if rng.random() < 0.35 else "PA"
    mimics = {name: bool(rng.random() < share) for name, share in MIMICS.items()}
    marker = choose(
        {
            "L": 0.30,
            "R": 0.25,
            "L " + view: 0.2,
            "R " + view: 0.1,
            view + " ERECT": 0.05,
            "none": 0.1,
        }
    )

    present = {name: bool(rng.random() < PREVALENCE) for name in FINDINGS}
    other = (PREVALENCE - PREVALENCE * TOGETHER) / (
        1 - PREVALENCE
    )  # keeps the prevalence of effusion
    present["pleural_effusion"] = bool(
        rng.random() < (TOGETHER if present["cardiomegaly"] else other)
    )
    findings = {}
    for name in FINDINGS:
        severity = choose(SEVERITY)
        findings[name] = dict(
            severity=severity,
            extent=float(rng.uniform(*EXTENT[name][severity])),
            side=choose(
                {"right": 0.4, "left": 0.35, "both": 0.25 if name == "pleural_effusion" else 0.0}
            ),
            number=choose(NUMBER.get(name, {1: 1.0})),
            kind=choose(DEVICES),
        )
    known = {name: bool(rng.random() >= BLANK) for name in FINDINGS}
    normal = float(min(rng.normal(*NORMAL_RATIO), LIMIT["PA"] - 0.005))
    return dict(site=site, pixel=pixel, sex=sex, habitus=habitus, view=view, mimics=mimics, marker=marker,
                present=present, findings=findings, known=known, normal=normal)  # fmt: skip


def strength(name: str) -> float:
    """By how much the extent or contrast of a finding is scaled."""
    return VISIBILITY * STRENGTH[name]


def film(
    rng: np.random.Generator, patient: dict
) -> tuple[np.ndarray, dict[str, np.ndarray], float]:
    """One film: uint8 image, a bool region per finding, and the drawn cardiothoracic ratio.

    Anatomy, each finding, mimics and noise have random streams of their own: another finding leaves
    them as they are.
    """
    streams = dict(
        zip(("anatomy", "mimics", "noise", *FINDINGS), rng.spawn(3 + len(FINDINGS)), strict=True)
    )
    preset, present = SITES[patient["site"]], patient["present"]
    body = thorax.anatomy(streams["anatomy"], patient)
    ratio = patient["normal"]
    if present["cardiomegaly"]:
        ratio = (
            LIMIT["PA"] + strength("cardiomegaly") * patient["findings"]["cardiomegaly"]["extent"]
        )
    ratio *= LIMIT[patient["view"]] / LIMIT["PA"]

    window = thorax.expose(thorax.attenuate(body, 0.0)[::4, ::4], body.frame.step * 4, preset)[0]
    inside = body.lung[::4, ::4] > 0.9, body.soft[::4, ::4] > 60
    window = np.percentile(window[inside[0]], 10), np.percentile(window[inside[1]], 96)

    heart, thick = thorax.heart(streams["cardiomegaly"], body, ratio)
    regions = {name: np.zeros((SIZE, SIZE), bool) for name in FINDINGS}
    if present["cardiomegaly"]:
        regions["cardiomegaly"] = thorax.pixels(heart) > 0.5
    free = (body.level > 8) & (heart < 0.5)  # aerated lung where a finding can be seen
    lost = np.zeros_like(body.soft)  # share of the lung's air replaced
    for name, add in (("pneumothorax", _add_pneumothorax), ("pleural_effusion", _add_effusion),
                      ("consolidation", _add_consolidation), ("nodule", _add_nodules),
                      ("support_device", _add_device)):  # fmt: skip
        if present[name]:
            share = add(streams[name], body, patient["findings"][name], strength(name), free, lost)
            regions[name] = thorax.pixels(share) > 0.5
            free &= share < 0.5 if name != "support_device" else True
    _add_mimics(streams["mimics"], body, patient["mimics"], lost)

    attenuation = thorax.attenuate(body, thick, lost)
    grey = thorax.develop(streams["noise"], attenuation, body.frame.step, preset, window)
    thorax.burn(streams["noise"], grey, patient["marker"])
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8), regions, ratio


def _side(body, side):
    """1 on the named side of the midline; the patient's right is on the left of the image."""
    return np.ones_like(body.soft) if side == "both" else (body.frame.x < 0) == (side == "right")


def _add_pneumothorax(rng, body, finding, scale, free, lost):
    """Air between wall and lung: no vessels beyond a thin line. Changes body.depth and
    body.vessels; its share.
    """
    frame, marks = body.frame, body.marks
    side = _side(body, finding["side"])
    rim = finding["extent"] * scale
    down = np.clip((frame.y - marks["apex"]) / marks["height"], 0, 1)
    fade = expit((rng.uniform(0.7, 1.05) - down) / 0.1)  # the lung still touches the wall below
    retreat = marks["wall"](
        frame.y, marks["inner"] - rim * fade * rng.uniform(0.9, 1.1), rim * rng.uniform(1.2, 1.8)
    )
    level = np.abs(frame.x) - retreat
    slope = np.hypot(*np.gradient(level, frame.step)) + 0.3
    level = level / slope
    share = expit(level / 0.7) * side * body.lung
    body.marks["pneumothorax"] = share
    body.vessels[:] *= 1 - share
    body.depth[:] *= 1 + (1 / AIR - 1) * share  # all air, not a lung's three quarters
    line = np.exp(-0.5 * (level / 0.9) ** 2) * side * body.lung
    body.extra[:] += 11 * min(scale, 1.5) * line
    lost += (
        (1 - lost) * np.clip(0.04 + 0.004 * rim, 0, 0.2) * (1 - share) * side
    )  # the rest is less expanded
    return share


def _meniscus(rng, body, side, high):
    """Share of fluid, 0 to 1, that stands `high` mm above the costophrenic angle and lower towards
    the midline.
    """
    frame, marks = body.frame, body.marks
    t = np.clip((np.abs(frame.x) - marks["medial"]) / (marks["inner"] - marks["medial"]), 0, 1)
    surface = (
        marks["base"] + marks["drop"] - high + min(0.45 * high, 42) * (1 - t ** rng.uniform(2, 3.5))
    )
    surface = surface + (frame.x > 0) * 8 + 60 * np.clip(0.35 - t, 0, None)
    return expit((frame.y - surface) / rng.uniform(2.0, 4.0)) * side


def _add_effusion(rng, body, finding, scale, free, lost):
    share = np.zeros_like(lost)
    for side in ("right", "left"):
        high = finding["extent"] * scale * rng.uniform(0.85, 1.15)
        fluid = _meniscus(rng, body, _side(body, side), high)
        if finding["side"] in (side, "both"):
            share = np.maximum(share, fluid)
    lost += (1 - lost) * np.clip(
        0.95 * share + 0.1 * ndimage.gaussian_filter(share, 8 / body.frame.step), 0, 0.95
    )
    return share * body.lung


def _place(rng, body, free, deep):
    """A point (x, y) of the free lung at least `deep` mm inside it; the deepest of all tried if
    there is none.

    Points are tried until one fits: to count those that fit would make the place depend on a
    processor's rounding.
    """
    rows, columns = rng.integers(0, SIZE * FINE, (2, 500))
    level = body.level[rows, columns]
    pick = np.argmax(
        np.where(free[rows, columns] & (level > deep), np.inf, level)
    )  # the first that fits
    return body.frame.x[rows[pick], columns[pick]], body.frame.y[rows[pick], columns[pick]]


def _add_consolidation(rng, body, finding, scale, free, lost):
    frame = body.frame
    ragged = random_field(rng, lost.shape, 5 / frame.step, 5 / frame.step)
    ragged += 0.5 * random_field(rng, lost.shape, 2 / frame.step, 2 / frame.step)
    share = np.zeros_like(lost)
    for _ in range(finding["number"]):
        x, y = _place(rng, body, free, 20)
        wide, tall, lean = rng.uniform(30, 50), rng.uniform(30, 55), rng.normal(0, 0.5)
        right, down = frame.x - x, frame.y - y
        right, down = (
            right * np.cos(lean) + down * np.sin(lean),
            down * np.cos(lean) - right * np.sin(lean),
        )
        level = (np.hypot(right / wide, down / tall) - 1) * min(wide, tall) + 5 * ragged
        if rng.random() < 0.3:  # a fissure ends it sharply
            level = np.maximum(level, (down - 0.25 * tall) * rng.choice([-1, 1]))
        share = np.maximum(
            share, expit(-level / rng.uniform(3.5, 8.0)) * ((frame.x < 0) == (x < 0))
        )
    share = share * body.lung * (1 - body.marks.get("pneumothorax", 0.0))
    fill = np.clip(finding["extent"] * scale, 0, 0.95) * (1 + 0.12 * np.clip(ragged, -2, 2))
    body.vessels[:] *= 1 - 1.35 * share * np.clip(
        fill, 0, 1
    )  # vessels drown, bronchi that still hold air show
    lost += (1 - lost) * np.clip(share * fill, 0, 0.95)
    return share


def _add_nodules(rng, body, finding, scale, free, lost):
    frame, share, free = body.frame, np.zeros_like(lost), free.copy()
    for _ in range(finding["number"]):
        radius = finding["extent"] / 2 * rng.uniform(0.85, 1.0)
        x, y = _place(rng, body, free, radius + 2)
        around = np.arctan2(frame.y - y, frame.x - x)
        edge = (
            1
            + 0.06 * np.sin(3 * around + rng.uniform(0, 6))
            + 0.05 * np.sin(5 * around + rng.uniform(0, 6))
        )
        rim = np.hypot(frame.x - x, frame.y - y) / (radius * edge)
        body.extra[:] += (
            scale * rng.uniform(2.4, 3.2) * 2 * radius * np.clip(1 - rim**2, 0, 1) ** 0.6
        )
        share = np.maximum(share, expit((1 - rim) * radius / 0.5))
        free &= rim > 2.5
    return share


def _add_device(rng, body, finding, scale, free, lost):
    """One line, tube or pacemaker with its lead; its share is all within DEVICE_RADIUS of the line,
    and the box.
    """
    frame, marks, kind = body.frame, body.marks, finding["kind"]
    apex, carina, base, wide = (marks[name] for name in ("apex", "carina", "base", "width"))
    side, jitter = rng.choice([-1, 1]), lambda sigma: rng.normal(0, sigma)
    lead = finding["extent"] * scale
    vein = [(side * 40, marks["clavicle"] + 4), (-16, carina - 35 + jitter(5)), (-21, carina - 5)]
    if kind == "central line" and rng.random() < 0.5:  # by the jugular vein
        points = [
            (-42 + jitter(5), -10),
            (-32, apex - 5),
            (-24, carina - 40),
            (-21, carina + rng.uniform(0, 35)),
        ]
    elif kind == "central line":
        points = [
            (side * 140, marks["clavicle"] + rng.uniform(10, 40)),
            (side * 95, marks["clavicle"] + 8),
            *vein,
        ]
        points.append((-22, carina + rng.uniform(8, 40)))
    elif kind == "pacemaker":
        points = [(side * 95, marks["clavicle"] + 42), (side * 80, marks["clavicle"] + 14), *vein]
        points += [
            (-24 + jitter(3), carina + 55),
            (10, base - 12),
            (rng.uniform(35, 60), base - rng.uniform(2, 14)),
        ]
    elif kind == "endotracheal tube":
        points = [
            (jitter(3), -10),
            (jitter(2), apex),
            (-2 + jitter(2), carina - rng.uniform(12, 40)),
        ]
    elif kind == "gastric tube":
        points = [
            (4 + jitter(3), -10),
            (5, carina),
            (9, base - 50),
            (22, base - 5),
            (rng.uniform(35, 75), base + 30),
        ]
    else:  # a drain from the side towards the apex or the base
        end = apex + rng.uniform(30, 70) if rng.random() < 0.6 else base - rng.uniform(10, 40)
        points = [(side * (wide + 45), base - rng.uniform(0, 60)), (side * (wide - 12), base - rng.uniform(60, 100)),
                  (side * rng.uniform(50, 85), end)]  # fmt: skip
    tube = kind in ("endotracheal tube", "drain")
    curve = ndimage.gaussian_filter1d(
        thorax.path(points), 20, axis=0, mode="nearest"
    )  # a catheter does not kink
    curve += np.interp(np.arange(len(curve)), np.linspace(0, len(curve), 8), rng.normal(0, 1.5, 8))[
        :, None
    ]
    width = {"endotracheal tube": 4.5, "drain": 4.0, "gastric tube": 2.6}.get(kind, 2.2)
    offsets = (-width / 2, width / 2) if tube else (0.0,)
    for offset in offsets:
        trace = thorax.splat(
            frame, curve[:, 0] + offset, curve[:, 1], np.full(len(curve), 0.5), 0.9
        )
        body.metal[:] += lead * (1.4 if tube else 2.0) * trace
    trace = thorax.splat(frame, curve[:, 0], curve[:, 1], np.ones(len(curve)), 0)
    share = (ndimage.distance_transform_edt(trace == 0) * frame.step <= DEVICE_RADIUS).astype(float)
    if kind == "pacemaker":
        x, y, lean = side * (98 + jitter(4)), marks["clavicle"] + 52 + jitter(4), jitter(0.3)
        right, down = frame.x - x, frame.y - y
        right, down = (
            right * np.cos(lean) + down * np.sin(lean),
            down * np.cos(lean) - right * np.sin(lean),
        )
        box = expit(((1 - (np.abs(right) / 24) ** 3 - (np.abs(down) / 19) ** 3) * 8) / 0.6)
        body.metal[:] += min(1.6 * lead, 1.6) * box * (0.8 + 0.2 * (right > 2))
        share = np.maximum(share, box)
    return share


def _add_mimics(rng, body, mimics, lost):
    """What looks like a finding and is none, in place; drawn for all, added where present."""
    frame, marks, radius = body.frame, body.marks, rng.uniform(3.5, 6.0)
    x, y, side = frame.x, frame.y, rng.choice([-1, 1])
    fold = (
        side * x - rng.uniform(65, 100) - rng.normal(0, 0.12) * (y - 150) - 0.0006 * (y - 150) ** 2
    )
    length = expit((y - marks["apex"] - rng.uniform(20, 60)) / 12)
    length *= expit((marks["base"] - rng.uniform(0, 60) - y) / 12)
    if mimics[
        "skin fold"
    ]:  # an edge, not a line: denser towards the midline, and vessels go on beyond it
        body.extra[:] += (
            rng.uniform(7, 13) * expit(-fold / 1.2) * np.exp(np.clip(fold, -200, 0) / 22) * length
        )
    spots = {"nipples": [], "vessels on end": [], "electrodes": []}
    for flank in (-1, 1):
        spots["nipples"].append(
            (flank * rng.uniform(72, 98), marks["base"] - rng.uniform(8, 38), radius, 13)
        )
        spots["vessels on end"].append(
            (
                flank * rng.uniform(42, 62),
                marks["carina"] + rng.uniform(0, 50),
                rng.uniform(2.8, 4.2),
                10,
            )
        )
        spots["electrodes"].append(
            (flank * rng.uniform(60, 130), marks["apex"] + rng.uniform(0, 60), 5.5, 6)
        )
    spots["electrodes"].append((rng.uniform(60, 120), marks["base"] + rng.uniform(-20, 30), 5.5, 6))
    for name, places in spots.items():
        for px, py, r, thick in places:
            if mimics[name]:
                rim = np.hypot(x - px, y - py) / r
                body.extra[:] += thick * np.sqrt(np.clip(1 - rim**2, 0, 1))
                if name == "electrodes":  # the metal snap amid the pad
                    body.metal[:] += 0.7 * expit((0.45 - rim) / 0.08)
    blunt = _meniscus(rng, body, side * x > 0, rng.uniform(12, 19))
    lost += (1 - lost) * 0.8 * blunt * mimics["blunt angle"]
    centre, lean = (
        (side * rng.uniform(50, 90), marks["base"] - rng.uniform(15, 60)),
        rng.normal(0, 0.25),
    )
    off = (y - centre[1]) - lean * (x - centre[0])
    strip = np.exp(-0.5 * (off / rng.uniform(1.2, 2.2)) ** 2) * expit(
        (rng.uniform(18, 36) - np.abs(x - centre[0])) / 3
    )
    body.extra[:] += mimics["band"] * rng.uniform(8, 14) * strip * body.lung
