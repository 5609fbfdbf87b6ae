"""6_clusters on small made-up studies of other kinds than its own: it runs to the end, or leaves
out what could not be asked.
"""

import pytest
from made_study import CASES, run, study

from regard.core import tables

NAME = "6_clusters"


def test_findings_some_unknown_an_average_pool_and_grey_images(tmp_path, monkeypatch):
    made = study(tmp_path, NAME, "findings", ["nodule", "mass"], structures=("mass", "nodule"))[0]
    found = run(tmp_path, NAME, monkeypatch)
    table = tables.read(made / "prepare" / "cases.csv")
    known = table[table["split"] == "test"]["mass"].notna().sum()
    measures = found["measures"].set_index(["dictionary", "measure"])
    assert 0 < known < CASES // 3
    assert measures["n_cases"]["nmf", "AUROC"] == known, "unknown is not negative"
    assert measures["n_cases"]["nmf", "R squared"] == CASES // 3, "the output is known of all"
    assert measures["n_cases"]["nmf", "adjusted Rand index"] == CASES // 3
    assert set(found["removal"]["measure"]) <= set(found["told"]["statistic"])
    assert "AUROC of slides, largest, the network itself" in set(found["told"]["statistic"])
    assert found["convergence"]["error"].diff().dropna().max() < 1e-4, (
        "but for rounding no iteration makes it worse"
    )


@pytest.mark.parametrize("structures, drawn", [((), 1.0), (("tumour",), 0.0)])
def test_no_tissue_is_known(tmp_path, monkeypatch, structures, drawn):
    """No structure at all, or one that nobody drew: nothing is said of tissue, and the rest is."""
    study(
        tmp_path,
        NAME,
        "label",
        ["benign", "malignant"],
        pool="max",
        colours=True,
        structures=structures,
        drawn=drawn,
    )
    found = run(tmp_path, NAME, monkeypatch)
    assert found["compared"].empty and "tissue" not in found["concepts"]
    assert not found["measures"]["measure"].str.contains("Rand|IoU").any()
    assert found["measures"].query("measure == 'AUROC'")["value"].notna().all()
    assert found["concepts"]["variance by chance"].between(0, 1).all(), "the scanner is known"


def test_a_layer_before_the_last(tmp_path, monkeypatch):
    """What is asked of the head is left out; the layer before is described beside it."""
    study(
        tmp_path,
        NAME,
        "label",
        ["benign", "malignant"],
        pool="max",
        layer="features.32",
        earlier="features.22",
    )
    found = run(tmp_path, NAME, monkeypatch)
    assert "removal" not in found and "agreement" not in found
    assert "R squared, nmf of features.22" in set(found["told"]["statistic"])
