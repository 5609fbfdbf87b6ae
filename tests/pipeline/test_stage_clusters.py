"""Stage clusters, function by function, on tables and maps made by hand; the whole stage runs in
test_clusters_notebook.py.
"""

import numpy as np
import pandas as pd
import pytest
import torch

from regard.concepts.clusters import Dictionary
from regard.models.receptive_field import Field
from regard.pipeline import cluster_effects, cluster_pictures, clusters, global_explanation
from regard.pipeline.folders import Stage


def cases(tmp_path, table, **more):
    """Cases of a network that is never asked for anything."""
    stage = Stage("made", tmp_path, tmp_path, by_hand=True)
    size = more.pop("size", 4)
    images = np.zeros((len(table), size, size), np.uint8)
    told = {"model": None, "inputs": None, "classes": ["no", "yes"], "kind": "label", "pool": "avg"}
    return global_explanation.Cases(stage, table, images, **(told | more))


@pytest.fixture
def tiles(tmp_path):
    """Six tiles of three slides; the first two are of the training patient."""
    table = pd.DataFrame(
        {
            "case": list("abcdef"),
            "patient": ["p0", "p0", "p1", "p1", "p1", "p2"],
            "slide": ["s0", "s0", "s1", "s1", "s2", "s3"],
            "split": ["train", "train", "test", "test", "test", "test"],
            "label": ["no", "yes", "yes", None, "no", "yes"],
            "data": "phantom",
        }
    )
    return cases(tmp_path, table)


def test_splits_slides_and_unknown_labels(tiles):
    assert tiles.split("train").tolist() == [True, True, False, False, False, False]
    assert tiles.split("train", "test").all() and tiles.split("train").flags.writeable
    assert clusters.slides(tiles).tolist() == ["s0", "s0", "s1", "s1", "s2", "s3"]
    without = tiles._replace(table=tiles.table.drop(columns="slide"))
    assert clusters.slides(without).tolist() == tiles.table["patient"].tolist()
    np.testing.assert_array_equal(tiles.present("yes"), [0, 1, 1, np.nan, 0, 1])
    assert tiles.size == 4 and tiles.data == "phantom"


def test_findings_are_present_where_they_are_known(tmp_path):
    table = pd.DataFrame({"mass": ["1", "0", None], "split": "test"})
    found = cases(tmp_path, table, kind="findings").present("mass")
    np.testing.assert_array_equal(found, [1, 0, np.nan])


def test_tables_name_their_study_and_none_writes_nothing(tiles):
    table = pd.DataFrame({"value": [0.5]})
    global_explanation.write(tiles, {"profile": "quick"}, "made", table, data="phantom", k=3)
    global_explanation.write(tiles, {"profile": "quick"}, "none", None)
    global_explanation.show(tiles, "none.svg", None, alt="nothing")
    written = (tiles.stage.output / "made.csv").read_text()
    assert written == "value,study,data,k,profile\n0.5,made,phantom,3,quick\n"
    assert not list(tiles.stage.output.glob("none*"))
    assert global_explanation.readable(None, "value") is None
    assert global_explanation.readable(table.assign(key="a"), "key").index.tolist() == ["a"]


def test_the_strongest_tiles_are_of_different_slides():
    peaks = np.array([0.2, 0.9, 0.8, 0.5, 0.5])
    slides = np.array(["a", "b", "b", "c", "d"])
    assert cluster_pictures.strongest_tiles(peaks, slides, 3) == [1, 3, 4]
    assert cluster_pictures.strongest_tiles(peaks, slides, 9) == [1, 3, 4, 0]


def test_the_largest_slide_is_the_first_of_the_largest(tiles):
    assert cluster_pictures.largest_slide(tiles) == "s1"


def layer(maps, name="features"):
    return clusters.Layer(name, maps, Field(1.0, 0.0))


def test_vectors_are_those_of_the_chosen_tiles(tiles):
    maps = torch.arange(6 * 2 * 4 * 4.0).view(6, 2, 4, 4)
    found = layer(maps)
    assert found.last and found.shape == (4, 4) and not layer(maps, "features.3").last
    torch.testing.assert_close(found.vectors(tiles.split("test"))[:16], found.vectors()[32:48])


def test_tissue_scores_of_tiles_with_and_without_annotations(tiles):
    """Two clusters of four pixels by four: equal to the tissue of one tile, shifted against that of
    another; the others are not annotated.
    """
    halves = torch.zeros(6, 2, 4, 4)
    halves[:, 0, :, :2], halves[:, 1, :, 2:] = 1.0, 1.0
    known = layer(halves)
    left, upper = np.ones((4, 4), int), np.ones((4, 4), int)
    left[:, :2], upper[:2] = 0, 0
    tissue = clusters.Tissue(["gland"], [left, None, upper, None])
    assert list(tissue.known) == [0, 2]
    code = clusters.Code(known.vectors())
    found = clusters.tissue_scores(tiles, known, {"nmf": code}, tissue)
    assert found["case"].tolist() == ["c", "c", "e", "e"] and set(found["patient"]) == {"p1"}
    wide = found.pivot(index="case", columns="measure", values="value")
    assert wide.loc["c"].tolist() == [1, 1]
    assert wide.loc["e", "best IoU, gland"] == pytest.approx(1 / 3)
    assert wide.loc["e", "adjusted Rand index"] < 0.05
    names, overlap = cluster_effects._best_tissue(
        known.maps[tiles.split("test")].numpy().argmax(1), tissue, 2
    )
    assert names == ["gland", "other"] and overlap == pytest.approx([0.6, 0.6])


def test_a_layer_before_the_last_has_no_falls_and_no_map(tiles):
    before = layer(torch.zeros(6, 2, 4, 4), "features.3")
    code = clusters.Code(before.vectors(), Dictionary(torch.eye(2), "linear", torch.zeros(2)))
    followed = clusters.Followed("yes", torch.zeros(2), torch.zeros(2), np.zeros(6), np.zeros(6))
    assert cluster_effects.falls(tiles, before, followed, code, {}) is None
    assert cluster_effects.removal_table(tiles, None, {}) is None
    assert cluster_effects.agreement(tiles, before, followed, code, {}) is None
    tissue = clusters.Tissue([], [None] * 4)
    assert cluster_effects.earlier_layer(tiles, followed, tissue, {"earlier": ""}) is None
    assert cluster_pictures.removals(None) is None
    assert "not the last one" in cluster_pictures.agreement_sentence(None)
    assert cluster_effects.layer_size(tiles, "") == "No earlier layer is named."


def test_falls_are_summarised_over_patients(tiles):
    predicted = np.arange(12.0).reshape(4, 3)
    falls = cluster_effects.Falls(predicted, 2 * predicted, np.ones((4, 3)))
    settings = {"draws": 50, "seed": 0}
    found = cluster_effects.removal_table(tiles, falls, settings).set_index("measure")["value"]
    assert found["rank correlation, predicted and measured fall"] == pytest.approx(1)
    assert found["absolute fall"] == pytest.approx(11)
    assert found["absolute fall, clusters - channels dealt out anew"] == pytest.approx(10)


def test_the_table_of_claims_names_every_comparison(tiles):
    compared = pd.DataFrame(
        {"measure": ["AUROC"], "first": ["nmf"], "second": ["pca"], "difference": [0.1]}
    )
    measures = pd.DataFrame(
        {"measure": ["R squared", "best IoU, gland"], "dictionary": "nmf", "value": [0.9, 0.2]}
    )
    followed = clusters.Followed("yes", None, None, None, None)
    settings = {"k": 3, "layer": "features", "earlier": "", "profile": "quick"}
    found = cluster_effects.claims_table(
        tiles, followed, settings, compared, measures, None, None, None
    )
    assert found["statistic"].tolist() == ["AUROC, nmf - pca", "R squared, nmf"]
    assert found["value"].tolist() == [0.1, 0.9]
    assert set(found["setting"]) == {"K=3;layer=features"}


def test_sentences_say_what_is_missing():
    code = clusters.Code(torch.zeros(1, 2), Dictionary(torch.eye(3)[:2] * 0, "", torch.zeros(3)))
    assert cluster_pictures.empty_clusters(code).startswith("2 clusters are empty")
    assert "not measured" in cluster_pictures.tissue_ranks(pd.DataFrame())
    areas = pd.DataFrame({"cluster": [1], "area with yes": [np.nan], "area without": [0.5]})
    assert "not both known" in cluster_pictures.growing_cluster(areas, "yes")
