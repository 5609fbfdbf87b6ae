"""Thresholds tuned on other cases, and regions built otherwise."""

import numpy as np
import pytest
import torch

from regard import comparison, geometry, regions

BOX = geometry.letterbox(10, 10, 10)


def test_the_threshold_is_the_one_of_the_best_mean_overlap():
    """Two maps that fall off by columns: at half of the maximum they select what the experts drew, or one column more."""
    ramp = torch.arange(1.0, 11).expand(2, 10, 10)
    experts = [np.broadcast_to(np.arange(1, 11) >= 5, (10, 10)), np.broadcast_to(np.arange(1, 11) >= 6, (10, 10))]
    share, means = comparison.tuned_share(ramp, experts, [BOX, BOX], [0.25, 0.5, 0.75, 1.0])
    assert share == 0.5
    assert means == pytest.approx([(6 / 8 + 5 / 8) / 2, (1 + 5 / 6) / 2, (3 / 6 + 3 / 5) / 2, (1 / 6 + 1 / 5) / 2])


def test_a_threshold_knows_no_units_and_an_empty_selection_counts_as_nothing():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(5, 10, 10, generator=generator)
    experts = [np.asarray(torch.rand(10, 10, generator=generator) > 0.6) for _ in range(5)]
    wanted = comparison.tuned_share(maps, experts, [BOX] * 5, [0.2, 0.4, 0.6])
    assert comparison.tuned_share(7 * maps, experts, [BOX] * 5, [0.2, 0.4, 0.6])[0] == wanted[0]
    nothing = torch.cat([maps, -maps[:1].abs()])
    halved = comparison.tuned_share(nothing, [*experts, experts[0]], [BOX] * 6, [0.2, 0.4, 0.6])
    assert halved[1] == pytest.approx([mean * 5 / 6 for mean in wanted[1]])


def test_a_map_that_meets_no_region_has_no_threshold_and_the_lowest_of_equal_ones_is_taken():
    experts = [np.eye(10, dtype=bool)]
    share, means = comparison.tuned_share(torch.zeros(1, 10, 10), experts, [BOX], [0.1, 0.9])
    assert np.isnan(share) and means == [0, 0]
    steps = torch.where(torch.eye(10) > 0, 1.0, 0.05)[None]
    assert comparison.tuned_share(steps, experts, [BOX], [0.01, 0.3, 0.6])[0] == 0.3


def test_regions_built_otherwise_change_one_knob_at_a_time():
    knobs = {"ring_mm": 5.0, "ring_radius": 0.25, "ring_image": 0.03, "below_height": 1.0}
    found = comparison.around(knobs, {"ring": [2.0], "below_height": [0.5]})
    assert found["as declared"] == knobs
    assert found["ring x 2.0"] == {"ring_mm": 10.0, "ring_radius": 0.5, "ring_image": 0.06, "below_height": 1.0}
    assert found["below_height 0.5"] == knobs | {"below_height": 0.5}
    mask = np.zeros((60, 60), bool)
    mask[20:30, 20:40] = True
    built = {label: regions.around_mass(mask, 1.0, **changed) for label, changed in found.items()}
    assert built["ring x 2.0"]["peritumoral"].sum() > built["as declared"]["peritumoral"].sum()
    assert built["below_height 0.5"]["below"].sum() < built["as declared"]["below"].sum()
    with pytest.raises(ValueError, match="compare.around has no 'depth'"):
        comparison.around(knobs, {"depth": [1]})


def test_maxima_in_regions_built_around_a_mass():
    """A mass of 10 x 20 pixels of 1 mm in 60 x 60: a maximum 7 mm beside it lies in a ring of 10 mm, not in one of 5 mm."""
    mask = np.zeros((60, 60), bool)
    mask[20:30, 20:40] = True
    within, beside = (25.5 / 60, 30.5 / 60), (25.5 / 60, 46.5 / 60)
    knobs = {"ring_radius": 0.25, "ring_image": 0.03, "below_height": 1.0}
    narrow = comparison.hits_around(
        [mask, None], [1.0, 1.0], [[within, beside]] * 2, "mass+peritumoral", ring_mm=5.0, **knobs
    )
    wide = comparison.hits_around(
        [mask, None], [1.0, 1.0], [[within, beside]] * 2, "mass+peritumoral", ring_mm=10.0, **knobs
    )
    assert narrow[0, :2].tolist() == [1, 0] and wide[0, :2].tolist() == [1, 1]
    assert 200 / 3600 < narrow[0, 2] < wide[0, 2] < 1 and np.isnan(narrow[1]).all()
