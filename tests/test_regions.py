"""Reference regions on ellipses: disjoint, complete, of the stated size, and mirrored where they must be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from regard import regions


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
    found = regions.reference(MASSES[mass], pixel_mm)
    assert tuple(found) == regions.NAMES
    assert (np.sum(list(found.values()), axis=0) == 1).all()
    assert np.array_equal(found["mass"], MASSES[mass])


@settings(max_examples=40, deadline=None)
@given(row=st.floats(0, 79), column=st.floats(0, 99), down=st.floats(1, 30), right=st.floats(1, 30))
def test_above_is_below_mirrored_and_sides_do_not_matter(row, column, down, right):
    mask = ellipse(row=row, column=column, down=down, right=right)
    found, upside_down = regions.reference(mask), regions.reference(np.flipud(mask))
    mirrored = regions.reference(np.fliplr(mask))
    assert np.array_equal(found["above"], np.flipud(upside_down["below"]))
    for name in regions.NAMES:
        assert np.array_equal(found[name], np.fliplr(mirrored[name])), name


def test_ring_width_in_millimetres_and_without():
    mask = ellipse()
    assert regions.ring_width(mask, pixel_mm=0.5) == 10
    radius = np.sqrt(mask.sum() / np.pi)
    assert regions.ring_width(mask) == pytest.approx(0.25 * radius)
    assert regions.ring_width(ellipse(down=1, right=1)) == pytest.approx(3.0), "3 % of 100 pixels for a small mass"
    with pytest.raises(ValueError, match="pixel size"):
        regions.ring_width(mask, pixel_mm=0.0)


def test_ring_is_a_euclidean_dilation():
    """Against morphology with a disc, on a mass away from the border."""
    mask, width = ellipse(down=8, right=8), 4
    rows, columns = np.ogrid[-width : width + 1, -width : width + 1]
    wanted = binary_dilation(mask, rows**2 + columns**2 <= width**2) & ~mask
    assert np.array_equal(regions.reference(mask, pixel_mm=1.25)["peritumoral"], wanted)


def test_below_starts_under_the_ring_and_reaches_one_mass_height():
    """A 6 x 10 rectangle with a ring of 3 pixels: rows 6 + 3 to 6 + 3 + 6 under its top, its own columns."""
    mask = np.zeros((40, 40), bool)
    mask[10:16, 10:20] = True
    wanted = np.zeros_like(mask)
    wanted[19:25, 10:20] = True
    assert np.array_equal(regions.reference(mask, pixel_mm=5 / 3)["below"], wanted)


def test_a_mass_at_the_bottom_has_no_below_and_an_empty_mask_only_other():
    assert not regions.reference(MASSES["bottom"])["below"].any()
    nothing = regions.reference(np.zeros((5, 5), bool))
    assert nothing["other"].all() and not any(nothing[name].any() for name in regions.NAMES[:-1])


def test_regions_survive_the_disk(tmp_path):
    found = regions.reference(MASSES["left border"])
    regions.write(found, tmp_path, "a")
    again = regions.read(tmp_path, "a")
    assert list(again) == list(found) and all(np.array_equal(found[name], again[name]) for name in found)
    assert regions.read(tmp_path, "b") is None


def test_dilate():
    region = np.zeros((9, 9), bool)
    region[4, 4] = True
    assert regions.dilate(region, 2).sum() == 13, "a disc of radius 2"
    assert np.array_equal(regions.dilate(region, 0), region)
    assert not regions.dilate(np.zeros((9, 9), bool), 3).any()
