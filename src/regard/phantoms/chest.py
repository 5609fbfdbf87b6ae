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
                0.5).
    Pleura      Blackmore et al. 1996, Acad. Radiol. 3(2):103-109 (effusion); MacDuff et al. 2010,
                Thorax 65 Suppl. 2:
                ii18-ii31 (pneumothorax: the rim between lung and chest wall).
"""

from collections.abc import Iterator

import numpy as np

from regard.phantoms import Case, thorax
from regard.phantoms.chest_devices import DEVICE_RADIUS, add_device  # noqa: F401  public here
from regard.phantoms.chest_findings import (
    add_consolidation,
    add_effusion,
    add_mimics,
    add_nodules,
    add_pneumothorax,
)
from regard.phantoms.thorax import SITES, SIZE

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

# What may be taken for a finding, independent of all of them.
MIMICS = {
    "skin fold": 0.14,
    "nipples": 0.15,
    "vessels on end": 0.3,
    "blunt angle": 0.15,
    "electrodes": 0.15,
    "band": 0.12,
}


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
    marker = _choose(
        rng,
        {
            "L": 0.30,
            "R": 0.25,
            "L " + view: 0.2,
            "R " + view: 0.1,
            view + " ERECT": 0.05,
            "none": 0.1,
        },
    )

    present, findings = _findings(rng)
    known = {name: bool(rng.random() >= BLANK) for name in FINDINGS}
    normal = float(min(rng.normal(*NORMAL_RATIO), LIMIT["PA"] - 0.005))
    return dict(
        **dict(site=site, pixel=pixel, sex=sex, habitus=habitus, view=view, mimics=mimics),
        **dict(marker=marker, present=present, findings=findings, known=known, normal=normal),
    )


def _choose(rng, table):
    """A key of `table`, with a chance in proportion to its value."""
    values = list(table)
    return values[rng.choice(len(values), p=np.array(list(table.values())) / sum(table.values()))]


def _findings(rng):
    """Which findings are present, and the attributes of all."""
    present = {name: bool(rng.random() < PREVALENCE) for name in FINDINGS}
    # Keeps the prevalence of effusion.
    other = (PREVALENCE - PREVALENCE * TOGETHER) / (1 - PREVALENCE)
    present["pleural_effusion"] = bool(
        rng.random() < (TOGETHER if present["cardiomegaly"] else other)
    )
    findings = {}
    for name in FINDINGS:
        severity = _choose(rng, SEVERITY)
        findings[name] = dict(
            severity=severity,
            extent=float(rng.uniform(*EXTENT[name][severity])),
            side=_choose(
                rng,
                {"right": 0.4, "left": 0.35, "both": 0.25 if name == "pleural_effusion" else 0.0},
            ),
            number=_choose(rng, NUMBER.get(name, {1: 1.0})),
            kind=_choose(rng, DEVICES),
        )
    return present, findings


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
    for name, add in (("pneumothorax", add_pneumothorax), ("pleural_effusion", add_effusion),
                      ("consolidation", add_consolidation), ("nodule", add_nodules),
                      ("support_device", add_device)):  # fmt: skip
        if present[name]:
            share = add(streams[name], body, patient["findings"][name], strength(name), free, lost)
            regions[name] = thorax.pixels(share) > 0.5
            free &= share < 0.5 if name != "support_device" else True
    add_mimics(streams["mimics"], body, patient["mimics"], lost)

    attenuation = thorax.attenuate(body, thick, lost)
    grey = thorax.develop(streams["noise"], attenuation, body.frame.step, preset, window)
    thorax.burn(streams["noise"], grey, patient["marker"])
    return np.rint(np.clip(grey, 0, 255)).astype(np.uint8), regions, ratio
