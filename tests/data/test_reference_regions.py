"""Reference regions on ellipses: disjoint, complete, of the stated size, and mirrored where they
must be.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from regard.data import reference_regions


def ellipse(height=80, width=100, row=40.0, column=50.0, down=12.0, right=20.0):
    rows, columns = np.ogrid[:height, :width]
    return ((rows - row) / down) ** 2 + ((columns - column) / right) ** 2 <= 1


MASSES = {
    "in the middle": ellipse(),
    "left border": ellipse(column=3),
    "top": ellipse(row=2),
    "bottom": ellipse(row=78),
    "corner": ellipse(row=79, column=99),
    "taller than wide": ellipse(down=20, right=8),
    "one pixel": ellipse(down=0.4, right=0.4),
    "two parts": ellipse(row=20, down=6) | ellipse(row=60, down=6, right=5),
}


@pytest.mark.parametrize("pixel_mm", [None, 0.5])
@pytest.mark.parametrize("mass", MASSES)
def test_regions_are_disjoint_and_cover_the_image(mass, pixel_mm):
    found = reference_regions.around_mass(MASSES[mass], pixel_mm)
    assert tuple(found) == reference_regions.AROUND_MASS
    assert (np.sum(list(found.values()), axis=0) == 1).all()
    assert np.array_equal(found["mass"], MASSES[mass])


@settings(max_examples=40, deadline=None)
@given(row=st.floats(0, 79), column=st.floats(0, 99), down=st.floats(1, 30), right=st.floats(1, 30))
def test_above_is_below_mirrored_and_sides_do_not_matter(row, column, down, right):
    mask = ellipse(row=row, column=column, down=down, right=right)
    found, upside_down = (
        reference_regions.around_mass(mask),
        reference_regions.around_mass(np.flipud(mask)),
    )
    mirrored = reference_regions.around_mass(np.fliplr(mask))
    assert np.array_equal(found["above"], np.flipud(upside_down["below"]))
    for name in reference_regions.AROUND_MASS:
        assert np.array_equal(found[name], np.fliplr(mirrored[name])), name


def test_ring_width_in_millimetres_and_without():
    mask = ellipse()
    assert reference_regions.ring_width(mask, pixel_mm=0.5) == 10
    radius = np.sqrt(mask.sum() / np.pi)
    assert reference_regions.ring_width(mask) == pytest.approx(0.25 * radius)
    assert reference_regions.ring_width(ellipse(down=1, right=1)) == pytest.approx(3.0), (
        "3 % of 100 pixels for a small mass"
    )
    with pytest.raises(ValueError, match="pixel size"):
        reference_regions.ring_width(mask, pixel_mm=0.0)


def test_ring_is_a_euclidean_dilation():
    """Against morphology with a disc, on a mass away from the border."""
    mask, width = ellipse(down=8, right=8), 4
    rows, columns = np.ogrid[-width : width + 1, -width : width + 1]
    wanted = binary_dilation(mask, rows**2 + columns**2 <= width**2) & ~mask
    assert np.array_equal(reference_regions.around_mass(mask, pixel_mm=1.25)["peritumoral"], wanted)


def test_below_starts_under_the_ring_and_reaches_one_mass_height():
    """A 6 x 10 rectangle with a ring of 3 pixels: rows 6 + 3 to 6 + 3 + 6 under its top, its own
    columns.
    """
    mask = np.zeros((40, 40), bool)
    mask[10:16, 10:20] = True
    wanted = np.zeros_like(mask)
    wanted[19:25, 10:20] = True
    assert np.array_equal(reference_regions.around_mass(mask, pixel_mm=5 / 3)["below"], wanted)


def test_a_mass_at_the_bottom_has_no_below_and_an_empty_mask_only_other():
    assert not reference_regions.around_mass(MASSES["bottom"])["below"].any()
    nothing = reference_regions.around_mass(np.zeros((5, 5), bool))
    assert nothing["other"].all() and not any(
        nothing[name].any() for name in reference_regions.AROUND_MASS[:-1]
    )


def test_regions_survive_the_disk(tmp_path):
    found = reference_regions.around_mass(MASSES["left border"])
    reference_regions.write(found, tmp_path, "a")
    again = reference_regions.read(tmp_path, "a", reference_regions.AROUND_MASS)
    assert set(again) == set(found) and all(
        np.array_equal(found[name], again[name]) for name in found
    )
    assert reference_regions.read(tmp_path, "b", reference_regions.AROUND_MASS) == {}


def test_dilate():
    region = np.zeros((9, 9), bool)
    region[4, 4] = True
    assert reference_regions.dilate(region, 2).sum() == 13, "a disc of radius 2"
    assert np.array_equal(reference_regions.dilate(region, 0), region)
    assert not reference_regions.dilate(np.zeros((9, 9), bool), 3).any()


def test_structures_are_as_drawn_and_other_is_the_rest(tmp_path):
    """A structure that was not annotated is no region; overlap is allowed."""
    gland, tumour = ellipse(column=40), ellipse(column=60)
    found = reference_regions.reference(
        {"gland": gland, "tumour": tumour, "stroma": None}, "structures"
    )
    assert set(found) == {"gland", "tumour"} and (gland & tumour).any()
    reference_regions.write(found, tmp_path, "a")
    again = reference_regions.read(tmp_path, "a", ["gland", "tumour", "other"])
    assert np.array_equal(again["other"], ~(gland | tumour)) and np.array_equal(
        again["gland"], gland
    )
    assert np.array_equal(reference_regions.combine(again, "gland+tumour"), gland | tumour)
    assert reference_regions.combine(again, "gland+stroma") is None, (
        "what is not annotated is missing from the union"
    )
    assert set(reference_regions.read(tmp_path, "a", ["gland", "tumour", "stroma", "other"])) == {
        "gland",
        "tumour",
    }, "and the rest"
    assert reference_regions.combine(again, "stroma") is None
    assert reference_regions.reference({"gland": None}, "structures") is None


def test_the_rule_of_the_mass_and_unknown_ones():
    mass = MASSES["in the middle"]
    found = reference_regions.reference({"lesion": mass}, "mass", None, below_height=0.5)
    assert tuple(found) == reference_regions.AROUND_MASS[:-1]
    assert np.array_equal(
        found["below"], reference_regions.around_mass(mass, below_height=0.5)["below"]
    )
    assert reference_regions.reference({"lesion": None}, "mass") is None
    with pytest.raises(ValueError, match="one structure, not a, b"):
        reference_regions.reference({"a": mass, "b": mass}, "mass")
    with pytest.raises(
        ValueError, match="unknown rule of regions 'ring'; known are mass, structures"
    ):
        reference_regions.reference({"a": mass}, "ring")


def test_outlines_and_the_regions_of_a_finding(tmp_path):
    effusion, nodule = ellipse(row=60), np.zeros((80, 100), bool)
    drawn = {"effusion": effusion, "nodule": nodule}
    reference_regions.write_outline(drawn, "finding", tmp_path / "several", "a")
    assert np.array_equal(
        reference_regions.read_outline(tmp_path / "several", "a", "effusion"), effusion
    )
    assert reference_regions.read_outline(tmp_path / "several", "a", "pneumothorax") is None
    reference_regions.write_outline(drawn, "effusion+nodule", tmp_path / "one", "a")
    assert np.array_equal(
        reference_regions.read_outline(tmp_path / "one", "a", "malignant"), effusion
    )
    found = reference_regions.of_finding(drawn, "nodule")
    assert (
        tuple(found) == reference_regions.FINDING
        and not found["finding"].any()
        and found["other"].all()
    )
    assert (
        reference_regions.of_finding(drawn, "pneumothorax")
        == {}
        == reference_regions.of_finding({}, "nodule")
    )


def test_a_region_that_does_not_exist_is_named():
    reference_regions.check_parts("mass+below", reference_regions.AROUND_MASS, "together")
    with pytest.raises(
        ValueError,
        match=r"together: 'mass\+belw' has no region 'belw'; known are mass, peritumoral",
    ):
        reference_regions.check_parts("mass+belw", reference_regions.AROUND_MASS, "together")


def test_a_marker_takes_nothing_from_the_other_regions(tmp_path):
    """A shortcut is burnt over whatever is there: `other` stays what no structure covers."""
    mass, marker = MASSES["in the middle"], np.zeros((80, 100), bool)
    marker[2:12, 2:12] = True
    reference_regions.write({"mass": mass, "shortcut": marker}, tmp_path, "a")
    again = reference_regions.read(tmp_path, "a", ["mass", "other", "shortcut"])
    assert np.array_equal(again["other"], ~mass) and np.array_equal(again["shortcut"], marker)
    assert set(reference_regions.of_finding(again, "mass")) == {"finding", "other", "shortcut"}
    assert set(reference_regions.of_finding(again, "nodule")) == {"shortcut"}, (
        "the marker is known where the finding is not"
    )
    reference_regions.write({"shortcut": marker}, tmp_path, "b")
    assert set(reference_regions.read(tmp_path, "b", ["mass", "other", "shortcut"])) == {"shortcut"}


def test_the_description_survives_the_disk(tmp_path):
    reference_regions.describe(tmp_path / "new", ["mass", "other"], "mass", "mass")
    assert reference_regions.description(tmp_path / "new") == dict(
        names=["mass", "other"], expert="mass", rule="mass", drawn=["mass", "other"]
    )
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        reference_regions.description(tmp_path)
