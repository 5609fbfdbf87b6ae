"""The prostate phantoms: what is committed is what the code draws, and the class acts through signs
alone.
"""

import copy
import functools
import itertools

import numpy as np
import pandas as pd
import pytest
from here import ROOT
from PIL import Image
from scipy import ndimage
from scipy.stats import chi2_contingency

from regard import phantoms
from regard.phantoms import gland_layouts, prostate
from regard.phantoms import glands as phantoms_glands

COMMITTED = ROOT / "data" / "prostate"
STRUCTURES = ["benign_gland", "stroma", "tumour"]
COLUMNS = (
    "case,patient,image,label,site,pixel_mm,reference,slide,"
    "growth,basal,nuclei,nucleoli,cytoplasm,contents,border,clefts,artefact"
).split(",")
TYPICAL = dict(
    growth="separate", basal="complete", nuclei="small", nucleoli="inconspicuous",
    cytoplasm="pale", contents="empty", border="circumscribed", clefts="absent",
)  # fmt: skip


def read(path, mode):
    with Image.open(path) as image:
        assert image.mode == mode and not image.info, path
        return np.asarray(image).astype(int)


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(COMMITTED / "cases.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def tiles():
    """What the tiles of 2000 patients are drawn with, before any image; site and number of slides
    per patient.
    """
    drawn = []
    for index in range(2000):
        patient = prostate.sample(np.random.default_rng([1, index]))
        shared = dict(site=patient["site"], slides=len(patient["slides"]))
        drawn += [tile | shared | {"place": place} for place, tile in enumerate(patient["tiles"])]
    return drawn


@functools.cache
def tile_with(index, label="benign", **signs):
    """Image and regions of a patient's first tile whose focus has typical signs but for `signs`; no
    artefact.
    """
    rng = np.random.default_rng([4, index])
    patient = prostate.sample(rng)
    tile = patient["tiles"][0] | {"label": label, "artefact": "none", "signs": TYPICAL | signs}
    return prostate._tile(rng, patient, tile)


def test_committed_set_is_what_the_code_draws(committed):
    """Every eighth patient in full: one grey level is what another processor's rounding may
    change.
    """
    for index in range(0, 130, 8):
        cases = list(prostate.draw_patient(prostate.SEED, index))
        rows = committed[committed["patient"] == f"p{index:03d}"]
        assert rows["case"].tolist() == [case.case for case in cases]
        for case, row in zip(cases, rows.to_dict("records"), strict=True):
            row.pop("image")
            assert row == {"case": case.case, "patient": case.patient} | case.labels | case.columns
            image = read(COMMITTED / "images" / f"{case.case}.png", "RGB")
            assert np.abs(image - case.image.astype(int)).max() <= 1, case.case
            for structure, mask in case.regions.items():
                assert np.array_equal(
                    read(COMMITTED / "regions" / structure / f"{case.case}.png", "L"), mask * 255
                )


def test_committed_table_is_what_the_code_draws(committed):
    """Every row, in all that is drawn before an image is made."""
    drawn = []
    for index in range(130):
        patient = prostate.sample(np.random.default_rng([prostate.SEED, index]))
        for number, tile in enumerate(patient["tiles"], start=1):
            shared = {"patient": f"p{index:03d}", "label": tile["label"], "site": patient["site"]}
            drawn.append(
                {"case": f"p{index:03d}-{number}"}
                | shared
                | tile["signs"]
                | {"artefact": tile["artefact"]}
            )
    assert committed[list(drawn[0])].to_dict("records") == drawn


def test_committed_layout(committed):
    assert committed.columns.tolist() == COLUMNS
    assert committed["case"].is_unique and set(committed["label"]) == {"benign", "tumour"}
    assert set(committed["reference"]) == {"exact"} and set(committed["site"]) == {"A", "B"}
    assert (committed.groupby("slide")["patient"].nunique() == 1).all()
    assert (committed.groupby("patient")["site"].nunique() == 1).all()
    assert (committed["patient"].value_counts() == 2).all() and committed[
        "patient"
    ].nunique() == 130
    assert b"\r" not in (COMMITTED / "cases.csv").read_bytes()
    assert sorted(path.name for path in (COMMITTED / "regions").iterdir()) == STRUCTURES
    for folder in (COMMITTED / "images", *(COMMITTED / "regions" / name for name in STRUCTURES)):
        assert {path.name for path in folder.iterdir()} == {
            f"{case}.png" for case in committed["case"]
        }
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) < 8.5e6


def test_committed_regions_partition_each_tile_and_suffice(committed):
    """Every pixel is of one structure; tumour is where the label says so; 115 patients show each
    structure.
    """
    shown = {structure: set() for structure in STRUCTURES}
    for row in committed.to_dict("records"):
        assert read(COMMITTED / row["image"], "RGB").shape == (128, 128, 3)
        masks = {
            name: read(COMMITTED / "regions" / name / f"{row['case']}.png", "L")
            for name in STRUCTURES
        }
        assert (sum(masks.values()) == 255).all(), row["case"]
        assert masks["tumour"].any() == (row["label"] == "tumour"), row["case"]
        for name, mask in masks.items():
            if mask.any():
                shown[name].add(row["patient"])
    assert min(map(len, shown.values())) >= 115, {
        name: len(patients) for name, patients in shown.items()
    }


def test_label_reaches_the_image_through_the_signs_alone():
    """Same patient, same signs, other label: the same image; tumour becomes benign gland, stroma
    stays.
    """
    for index, growth in enumerate(["separate", "fused", "cribriform"]):
        (image, benign), (other, tumour) = (
            tile_with(index, label, growth=growth) for label in ("benign", "tumour")
        )
        assert np.array_equal(image, other)
        assert not benign["tumour"].any() and tumour["tumour"].sum() > 0.02 * 128**2
        glands = tumour["tumour"] | tumour["benign_gland"]
        assert np.mean(glands != benign["benign_gland"]) < 0.002  # a pixel that two glands share


def test_the_sample_draws_the_label_after_everything_else_of_a_tile():
    """Forcing all patients to have cancer changes labels and signs, and nothing else."""
    for index in range(50):
        free, forced = [], []
        for drawn, share in ((free, 0.0), (forced, 1.0)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(prostate, "CANCER", share)
                patient = copy.deepcopy(prostate.sample(np.random.default_rng([2, index])))
            drawn.append(patient["site"])
            drawn += [slide["eosin"] for slide in patient["slides"]]
            drawn += [
                (tile["slide"], tile["artefact"], tile["extent"], tile["radius"])
                for tile in patient["tiles"]
            ]
        assert free == forced


def test_masks_lie_where_things_are_drawn():
    """Glands hold the nuclei and lumens: redder light is absorbed by haematoxylin, which glands
    have more of.
    """
    redness = []
    for index in range(4):
        image, regions = tile_with(
            index, "tumour", contents="empty", cytoplasm="amphophilic", nuclei="enlarged"
        )
        density = -np.log10((image.astype(float) + 1) / 256)
        ratio = (
            density[..., 0] / density[..., 1]
        )  # red over green: high in haematoxylin, low in eosin
        tumour = ndimage.binary_erosion(regions["tumour"]) & (density[..., 1] > 0.12)
        stroma = ndimage.binary_erosion(regions["stroma"], iterations=2) & (density[..., 1] > 0.12)
        redness.append(np.median(ratio[tumour]) - np.median(ratio[stroma]))
        # Empty glass fills lumens; outside glands it is found in slits and small vessels only.
        empty = density.max(axis=-1) < 0.06
        assert empty[~regions["stroma"]].mean() > 2 * empty[regions["stroma"]].mean()
    assert min(redness) > 0.1, redness


def test_lumens_and_layers_are_where_the_distances_say():
    """Straight from the anatomy: lumens are inside glands, behind an epithelium, and nearest names
    the gland's kind.
    """
    rng = np.random.default_rng(5)
    patient = prostate.sample(rng)
    tile = patient["tiles"][0] | {"signs": TYPICAL}
    look = dict(height=17.0)
    tissue, heights = gland_layouts.arrange(rng, tile, look, 1.0)
    gland = tissue.kind > phantoms_glands.STROMA
    assert {phantoms_glands.BENIGN, phantoms_glands.FOCUS} <= set(np.unique(tissue.kind))
    assert not (tissue.lumen > 0)[~gland].any() and (tissue.lumen > 0).any()
    assert tissue.depth[tissue.lumen > 0].min() > 2
    assert (tissue.depth > 0).tolist() == gland.tolist() and (tissue.outside > 0).tolist() == (
        ~gland
    ).tolist()
    assert np.array_equal(tissue.nearest[gland], tissue.kind[gland]) and tissue.nearest.min() > 0
    assert np.ptp(heights[tissue.kind == phantoms_glands.FOCUS]) > 0


@pytest.mark.parametrize("sign, value, place, darker", [
    ("basal", "absent", "inner rim", False),
    ("nucleoli", "prominent", "gland", False),  # chromatin clears around a nucleolus
    ("cytoplasm", "amphophilic", "gland", True),
    ("contents", "secretion", "gland", True),
    ("clefts", "present", "outer rim", False),
])  # fmt: skip
def test_signs_act_where_they_should(sign, value, place, darker):
    """Patients drawn twice, one sign apart: the part it acts on takes up more or less of the red or
    green light.
    """
    changes = []
    for index in range(2):
        densities = []
        for signs in ({}, {sign: value}):
            image, regions = tile_with(index, "tumour", **signs)
            tumour = regions["tumour"]
            where = {
                "gland": tumour,
                "inner rim": tumour & ~ndimage.binary_erosion(tumour, border_value=1),
                "outer rim": ndimage.binary_dilation(tumour, iterations=2) & regions["stroma"],
            }[place]
            densities.append(-np.log10((image[where][:, :2] + 1.0) / 256).mean())
        changes.append(densities[1] - densities[0])
    assert np.mean(changes) * (1 if darker else -1) > 0.005, changes


def test_growth_and_border_set_the_arrangement():
    """Cribriform sheets are larger than separate glands; infiltrating glands lie farther from the
    focus's middle.
    """
    largest, spread = {}, {}
    for signs in ({}, {"growth": "cribriform"}, {"border": "infiltrative"}):
        for index in range(3):
            rng = np.random.default_rng([6, index])
            tile = prostate.sample(rng)["tiles"][0] | {"signs": TYPICAL | signs}
            focus = (
                gland_layouts.arrange(rng, tile, {"height": 17.0}, 1.0)[0].kind
                == phantoms_glands.FOCUS
            )
            groups, _ = ndimage.label(focus)
            largest.setdefault(str(signs), []).append(np.bincount(groups.ravel())[1:].max())
            spread.setdefault(str(signs), []).append(np.argwhere(focus).std(axis=0).mean())
    typical, cribriform, infiltrative = (
        "{}",
        "{'growth': 'cribriform'}",
        "{'border': 'infiltrative'}",
    )
    assert np.mean(largest[cribriform]) > 1.5 * np.mean(largest[typical])
    assert np.mean(spread[infiltrative]) > 1.08 * np.mean(spread[typical])


def test_colour_follows_beer_and_lambert():
    """Where nothing is stained the pixel has the scanner's white; no pixel is brighter."""
    for index in range(2):
        rng = np.random.default_rng([4, index])
        white = prostate.SITES[prostate.sample(rng)["site"]]["white"]
        image = tile_with(index)[0]
        assert (image.reshape(-1, 3).max(axis=0) <= white).all() and (
            image.min(axis=(0, 1)) > 10
        ).all()
        assert np.abs(image.reshape(-1, 3).max(axis=0) - white).max() < 25


def test_darts_keep_their_distance():
    where = np.zeros((60, 80), bool)
    where[10:50, 5:70] = True
    points = phantoms_glands.darts(np.random.default_rng(0), where, 5.0)
    assert where[tuple(points.T)].all()
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)) + 1e9 * np.eye(
        len(points)
    )
    assert apart.min() >= 5 and len(points) > 0.5 * where.sum() / 5**2
    assert phantoms_glands.darts(np.random.default_rng(0), np.zeros((9, 9), bool), 3.0).shape == (
        0,
        2,
    )


def test_patient_does_not_depend_on_the_others():
    drawn = [case for case in prostate.draw(seed=3, patients=2) if case.patient == "p001"]
    alone = list(prostate.draw_patient(seed=3, index=1))
    assert len(drawn) == len(alone) > 0
    for one, other in zip(drawn, alone, strict=True):
        assert np.array_equal(one.image, other.image)
        assert all(np.array_equal(one.regions[name], other.regions[name]) for name in STRUCTURES)
        assert (one.case, one.labels, one.columns) == (other.case, other.labels, other.columns)


@pytest.mark.parametrize(
    "nuisance", ["site", "slide", "slides", "place", "artefact", "extent", "radius"]
)
def test_nuisances_are_independent_of_class(tiles, nuisance):
    """One tile per patient, at random, because the labels of a patient's tiles depend on each
    other.
    """
    picks = np.random.default_rng(0).integers(2, size=len(tiles) // 2)
    tiles = [tiles[2 * patient + pick] for patient, pick in enumerate(picks)]
    values = [tile[nuisance] for tile in tiles]
    if nuisance in ("extent", "radius"):
        values = pd.qcut(values, 5, labels=False)
    table = pd.crosstab(pd.Series(values), pd.Series([tile["label"] for tile in tiles]))
    assert chi2_contingency(table).pvalue > 0.001


def test_signs_occur_as_tabled(tiles):
    """Each value as often as its table says in either class, among tiles with a focus; 'none' all
    or nothing.
    """
    for label in ("benign", "tumour"):
        drawn = pd.DataFrame([tile["signs"] for tile in tiles if tile["label"] == label])
        assert ((drawn == "none").all(axis=1) == (drawn["growth"] == "none")).all()
        for sign in prostate.SIGNS:
            chances = prostate.probabilities(sign, label)
            seen = drawn[sign] if sign == "growth" else drawn.loc[drawn["growth"] != "none", sign]
            shares = seen.value_counts(normalize=True)
            assert set(shares.index) == {value for value, chance in chances.items() if chance > 0}
            for value, share in shares.items():
                assert share == pytest.approx(chances[value], abs=0.04), (label, sign, value)


def test_tables_are_probabilities_and_overlap():
    for sign, table in prostate.SIGNS.items():
        assert np.allclose(np.sum(list(table.values()), axis=0), 1), sign
        assert min(min(chances) for value, chances in table.items() if value != "none") > 0.02


def test_the_best_reader_of_the_signs_is_as_good_as_the_datasheet_says():
    """The area under the ROC of the best possible reader of the drawn signs: nearly certain, so
    pixels are the task.
    """

    def chances(label):
        growth = prostate.probabilities("growth", label)
        others = [
            prostate.probabilities(sign, label).values()
            for sign in prostate.SIGNS
            if sign != "growth"
        ]
        seen = [np.prod(values) for values in itertools.product(list(growth.values())[1:], *others)]
        return np.array([growth["none"], *seen])  # without a focus nothing else is seen

    benign, tumour = chances("benign"), chances("tumour")
    assert benign.sum() == pytest.approx(1) and tumour.sum() == pytest.approx(1)
    order = np.argsort(tumour / benign)
    benign, tumour = benign[order], tumour[order]
    auc = np.sum(tumour * (np.cumsum(benign) - benign / 2))
    assert 0.9 < auc < 0.9995, auc
    assert f"under the ROC of {auc:.3f}" in (COMMITTED / "DATASHEET.md").read_text(encoding="utf-8")


def test_overlap_moves_the_classes_together(monkeypatch):
    monkeypatch.setattr(prostate, "OVERLAP", 1.0)
    for sign in prostate.SIGNS:
        if sign != "growth":  # a tumour tile always has a focus
            assert prostate.probabilities(sign, "benign") == pytest.approx(
                prostate.probabilities(sign, "tumour")
            )


def test_datasheet_states_the_probabilities_and_counts_in_use(committed):
    text = (COMMITTED / "DATASHEET.md").read_text(encoding="utf-8")
    for sign, table in prostate.SIGNS.items():
        for value, (benign, tumour) in table.items():
            assert f"| {sign} | {value} | {benign:.2f} | {tumour:.2f} |" in text
    assert f"`OVERLAP = {prostate.OVERLAP}`" in text and f"Seed {prostate.SEED} " in text
    labels, artefacts = committed["label"].value_counts(), committed["artefact"].value_counts()
    cancer = committed.loc[committed["label"] == "tumour", "patient"].nunique()
    assert f"{len(committed)} tiles of {committed['patient'].nunique()} patients and" in text
    assert (
        f"{committed['slide'].nunique()} slides: {labels['benign']} benign, {labels['tumour']} "
        "tumour" in text
    )
    assert f"{cancer} patients have a tumour tile" in text
    assert (
        f"A fold crosses {artefacts['fold']} tiles; {artefacts['out of focus']} are out of focus"
        in text
    )


def test_the_study_is_registered_and_a_negative_count_refused(monkeypatch):
    monkeypatch.setitem(phantoms.PHANTOMS, "prostate", lambda seed: prostate.draw(seed, patients=1))
    drawn = phantoms.draw("prostate", seed=1)
    assert drawn.table.columns.tolist() == COLUMNS and sorted(drawn.regions) == STRUCTURES
    assert phantoms.SEEDS["prostate"] == prostate.SEED
    with pytest.raises(ValueError, match="negative"):
        list(prostate.draw(1, patients=-1))
