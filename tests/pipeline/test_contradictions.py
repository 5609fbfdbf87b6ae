"""Files of a study that do not belong together are named before a stage computes with them; all
files here are made by hand.
"""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from safetensors.numpy import save_file

from regard import cli
from regard.core import arrays, tables
from regard.pipeline import contradictions

CASES = ["a", "b", "c", "d"]
STAGES = ("prepare", *contradictions.LATER)


def images(cases=CASES, **attrs):
    told = {"study": "s", "classes": ["no", "yes"], "kind": "label"} | attrs
    return xr.Dataset(
        {"images": (("case", "y", "x"), np.zeros((len(cases), 2, 2), np.uint8))},
        {"case": cases},
        told,
    )


def maps(labels=("c yes", "d no"), **attrs):
    told = {"study": "s", "model": "abc"} | attrs
    return xr.Dataset(
        {"gradient": (("map", "y", "x"), np.zeros((len(labels), 2, 2)))},
        {"map": list(labels)},
        told,
    )


def network(path, **told):
    description = {"classes": ["no", "yes"], "kind": "label", "digest": "abc"} | told
    save_file({"w": np.zeros(1)}, path, metadata={"description": json.dumps(description)})


def explanations(*rows):
    return pd.DataFrame(
        rows or [("c", "yes"), ("d", "no"), ("d", "no")], columns=["case", "target"]
    )


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    folder = tmp_path / "results" / "study" / "s"
    for stage in ("prepare", "train", "attribute", "select", "examine"):
        (folder / stage).mkdir(parents=True)
    tables.write(
        pd.DataFrame({"case": CASES, "split": ["train", "tune", "test", "test"]}),
        folder / "prepare/cases.csv",
    )
    arrays.write(images(), folder / "prepare/images.nc")
    network(folder / "train/model.safetensors")
    tables.write(explanations(), folder / "train/explanations.csv")
    arrays.write(maps(), folder / "attribute/maps.nc")
    arrays.write(maps(["b yes"]), folder / "attribute/tuning.nc")
    arrays.write(maps(), folder / "select/regions.nc")
    arrays.write(maps(["c yes"]), folder / "select/tuned.nc")
    tables.write(pd.DataFrame({"study": ["s"], "value": [1.0]}), folder / "examine/trust.csv")
    return folder


@pytest.mark.parametrize("stage", STAGES)
def test_files_that_belong_together_are_taken(made, stage):
    contradictions.check("s", stage)


@pytest.mark.parametrize(
    "file, write, stages, said",
    [
        ("prepare/images.nc", images(["a", "b", "c", "e"]), contradictions.LATER, "has 1 cases that are not there, such as e"),
        ("prepare/images.nc", images(["a", "b", "d"]), contradictions.LATER, "lacks 1 cases, such as c"),
        ("prepare/images.nc", images(["b", "a", "c", "d"]), contradictions.LATER, "has its cases in another order"),
        ("prepare/images.nc", images(study="t"), contradictions.LATER, "is of the study 't'"),
        ("train/model.safetensors", {"classes": ["yes", "no"]}, ("attribute", "examine", "clusters", "units"), "is a network of the classes yes, no, and not no, yes"),
        ("train/model.safetensors", {"kind": "findings"}, ("attribute", "examine", "clusters", "units"), "is a network of the kind findings, and not label"),
        ("train/model.safetensors", {"digest": "xyz"}, ("examine",), "is of the network abc, and not xyz"),
        ("train/explanations.csv", explanations(("c", "yes"), ("e", "no")), ("attribute", "select", "examine", "compare"), "has 1 cases that are not there, such as e"),
        ("train/explanations.csv", explanations(("c", "maybe"), ("d", "no")), ("attribute", "select", "examine", "compare"), "has 1 classes or findings that are not there, such as maybe"),
        ("attribute/maps.nc", maps(["c yes"]), ("select", "examine", "compare"), "lacks 1 explanations, such as d no"),
        ("attribute/maps.nc", maps(["c yes", "d no", "d yes"]), ("select", "examine", "compare"), "has 1 explanations that are not there, such as d yes"),
        ("attribute/maps.nc", maps(study="t"), ("select", "examine", "compare"), "is of the study 't'"),
        ("attribute/maps.nc", maps(model="xyz"), ("examine", "compare"), "is of the network"),
        ("attribute/tuning.nc", maps(["c yes"]), ("select",), "has 1 tuning cases that are not there, such as c"),
        ("select/tuned.nc", maps(["a yes"]), ("compare",), "has 1 explanations that are not there, such as a yes"),
        ("select/tuned.nc", maps(["c yes"], model="xyz"), ("compare",), "is of the network xyz, and not abc"),
        ("examine/trust.csv", pd.DataFrame({"study": ["t"]}), ("compare",), "is of the study 't'"),
    ],
)  # fmt: skip
def test_what_was_copied_from_elsewhere_is_named_at_every_stage_that_reads_it(
    made, file, write, stages, said
):
    if isinstance(write, dict):
        network(made / file, **write)
    elif isinstance(write, pd.DataFrame):
        tables.write(write, made / file)
    else:
        arrays.write(write, made / file)
    for stage in STAGES:
        if stage not in stages:
            contradictions.check("s", stage)
            continue
        with pytest.raises(ValueError) as caught:
            contradictions.check("s", stage)
        message = str(caught.value)
        assert (
            said in message
            and "results/study/s/" in message
            and "dvc repro -f " in message
            and "\n" not in message
        )


def test_what_is_missing_is_left_to_the_stage(made):
    (made / "attribute/maps.nc").unlink()
    contradictions.check("s", "select")
    contradictions.check("nobody", "train")


def test_a_file_that_is_no_network_is_named(made):
    (made / "train/model.safetensors").write_bytes(b"x" * 50)
    with pytest.raises(
        ValueError, match="results/study/s/train/model.safetensors is not a network"
    ):
        contradictions.check("s", "examine")


def test_the_command_refuses_before_it_begins(made):
    arrays.write(maps(["c yes"]), made / "attribute/maps.nc")
    for words in (["stage", "4_select", "s"], ["examine", "s"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(words)
        assert "results/study/s/attribute/maps.nc does not belong here beside" in stopped.value.code
    assert not (made.parents[2] / "build").exists()
