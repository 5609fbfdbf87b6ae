"""Permutations of regions between patients, and differences between groups."""

import numpy as np
import pytest

from regard.core.statistics import (
    difference_between,
    paired,
    permuted,
)


def clustered(random, patients=60, mean=0.0, between=1.0, within=0.3):
    """Values of one to four images a patient, which share most of what makes them differ."""
    names = np.repeat(
        [f"p{number:02d}" for number in range(patients)], random.integers(1, 5, patients)
    )
    effect = dict(zip(np.unique(names), random.normal(mean, between, patients)))
    return np.array([effect[name] for name in names]) + random.normal(0, within, len(names)), names


def test_the_interval_of_a_difference_covers_it():
    """95 % intervals of patients with one to three images each hold the true difference in 92 to 98
    of 100 samples.
    """
    hits = []
    for seed in range(400):
        random = np.random.default_rng(5000 + seed)
        patients = np.repeat(np.arange(60), random.integers(1, 4, 60))
        own = random.normal(0, 1, 60)[patients]
        row = paired(
            own + random.normal(0.3, 1, len(patients)), np.zeros(len(patients)), patients, 400, seed
        )
        hits.append(row["ci_low"] <= 0.3 <= row["ci_high"])
    assert 0.92 <= np.mean(hits) <= 0.98


def test_maps_that_know_nothing_hit_the_regions_of_others_as_often():
    """Each map hits every region or none: dealing the regions out anew changes nothing; own regions
    alone: nothing else is as good.
    """
    patients = np.repeat(np.arange(12), 2)
    alike = np.tile(np.arange(24) % 2, (24, 1)).T
    found = permuted(alike, patients, 500, 0)
    assert (found["value"], found["permuted"], found["p"]) == (0.5, 0.5, 1.0)
    own = permuted(np.eye(24), patients, 500, 0)
    assert own["value"] == 1 and own["permuted"] < 0.1 and own["p"] == pytest.approx(1 / 501)
    assert np.isnan(permuted(np.eye(3), ["a"] * 3, 100, 0)["p"])


def test_a_map_that_knows_no_more_than_the_finding_hits_no_own_region():
    """Two findings with regions in places of their own; each map points where its finding lies.
    Dealt out over all it would look as if it knew its case; within a finding it does not."""
    groups, patients = np.array([0, 1] * 10), np.arange(20) // 2
    hits = groups[:, None] == groups[None, :]
    assert permuted(hits, patients, 500, 0)["p"] < 0.01
    within = permuted(hits, patients, 500, 0, groups)
    assert (within["value"], within["permuted"], within["p"]) == (1, 1, 1)
    own = permuted(np.eye(20), patients, 500, 0, groups)
    assert own["value"] == 1 and own["permuted"] < 0.25 and own["p"] == pytest.approx(1 / 501)
    assert np.isnan(permuted(np.eye(2), ["a", "b"], 100, 0, [0, 1])["p"]), "a patient in each group"


def test_dealing_out_is_even():
    """Two cases of patient a, one of b: a's cases get their own patient's regions half of the time,
    each as often.
    """
    hits = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert permuted(hits, list("aab"), 40000, 1)["permuted"] == pytest.approx(
        1 / 3 * 1 / 2 * 1 / 2, abs=0.005
    )


def test_difference_between_groups_by_hand():
    values, patients = np.array([1.0, 3.0, 0.0, np.nan, 2.0]), np.arange(5)
    value, low, high = difference_between(
        values, np.array([1, 1, 0, 0, 0], bool), patients, 2000, 0
    )
    assert value == pytest.approx(2.0 - 1.0) and low < 0 < high
    assert difference_between(-values, np.array([1, 1, 0, 0, 0], bool), patients, 2000, 0)[
        0
    ] == pytest.approx(-1)
