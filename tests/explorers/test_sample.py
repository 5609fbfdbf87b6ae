"""The sample that ships: small, and of the run that the committed reference is of."""

import pytest
from here import ROOT

from regard import explorers
from regard.claims import reference
from regard.core import tables
from regard.explorers import results, sample

SAMPLE = ROOT / results.SAMPLE
NETWORKS = ROOT / "paper" / "reference" / "quick" / reference.NETWORKS


def test_the_sample_is_of_the_networks_of_the_reference():
    """Maps, regions, units and clusters name the network that they were computed with."""
    if not NETWORKS.is_file():
        pytest.skip("`regard reference` has not written networks.csv yet")
    known = tables.read(NETWORKS).set_index("study")["network"]
    found = sample.networks(SAMPLE)
    assert set(found["study"]) == {"chest", "histology", "mammography", "prostate", "ultrasound"}
    other = found[found["network"] != found["study"].map(known)]
    assert other.empty, (
        "the sample is of another run than the reference (run `python -m regard sample`):\n"
        + other.assign(reference=other["study"].map(known)).to_string(index=False)
    )


def test_the_sample_holds_what_explorers_show_of_a_study():
    """Every study with maps has the maps that `regard sample` keeps, and a region of each case."""
    for study in explorers.results.studies(SAMPLE):
        found = explorers.read(SAMPLE / study)
        assert list(found.maps) == sample.MAPS[study] and found.rows["case"].nunique() == 6
        explained = zip(found.rows["case"], found.rows["target"])
        drawn = [found.outline(case, target) for case, target in explained]
        assert study == "chest" or all(region is not None and region.any() for region in drawn)


def test_the_sample_is_small():
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 13.5e6
