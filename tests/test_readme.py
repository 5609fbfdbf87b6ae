"""The examples of the guides, as they stand there: what is added in ten lines appears in every
table, and every study of them is one.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
import yaml
from here import ROOT
from pages import blocks
from torchvision import models

from regard.attribution import attribute
from regard.core import project
from regard.models import backbones
from regard.pipeline import settings as checks

EXTEND = (ROOT / "docs/how-to/extend.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"Append to `(src/regard/[\w/]+\.py)`.*?```python\n(.*?)```", EXTEND, re.DOTALL
)
STUDIES = [block for _, block in blocks("yaml")]
USE = """
import json, sys
import numpy as np, pandas as pd, torch, xarray as xr, yaml
from regard.pipeline import settings
from regard.core import columns
from regard.evaluation import localisation, summary
from regard.models import backbones
from regard.data import letterbox
from regard.core import arrays
from regard.attribution import METHODS, attribute
from regard.selection import SELECTIONS, select

cases = [f"c{number}" for number in range(6)]
model = backbones.build("vgg16_bn", 2, width=0.25, seed=1)
images = torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))
maps = {name: attribute(model, images, [1] * 6, name) for name in ("gradient", "smooth-gradient")}
alone = attribute(model, images[2:3], [1], "smooth-gradient")
assert torch.allclose(alone[0], maps["smooth-gradient"][2], rtol=1e-3, atol=1e-6), "a map hangs on its own image alone"
keys = [arrays.key(case, "bad") for case in cases]
stored = xr.Dataset({name: (("map", "y", "x"), heat.numpy()) for name, heat in maps.items()}, {"map": keys})
rules = {"otsu": {}, "above-mean": {}}
chosen = {name: (("selection", "map", "y", "x"), np.stack([select(heat, rule) for rule in rules])) for name, heat in maps.items()}
variants = {rule: {"method": rule, "parameters": {}} for rule in rules}
regions = xr.Dataset(chosen, {"map": keys, "selection": list(rules)}, {"variants": json.dumps(variants)})
mask = np.zeros((64, 64), bool)
mask[20:40, 20:40] = True
scored = {"parts": ["mass"], "others": [], "expert": "mass"}
box = letterbox.letterbox(64, 64, 64)
rows = [localisation.score_explanation(stored, [regions], case, "bad", {"mass": mask}, scored, box, [0]).assign(case=case, patient=case, target="bad", target_role="predicted") for case in cases]
scores = pd.concat(rows).assign(study="s", data="phantom", split="test").reindex(columns=columns.CASE_SCORES)
explained = pd.DataFrame({"case": cases, "patient": cases, "target": "bad", "target_role": "predicted", "label": "bad", "correct": True})
table = summary.summarise(scores, explained, 50, "quick", 1)
assert {"gradient", "smooth-gradient"} == set(table["method"]) and {"otsu", "above-mean"} <= set(table["selection"])
own = table[(table["score"] == "top-percent") & (table["stratum"] == "all")]
assert len(own) == 2 and np.allclose(own["chance"], mask.mean()) and own["mean"].between(0, 1).all()
pairs = summary.pairs(scores, explained, ["gradient", "smooth-gradient"], [], ["mass"], 50, "quick", 1, 2000, selections={rule: "" for rule in rules})
assert "smooth-gradient" in set(pairs["second"]) and "above-mean" in set(pairs["selection"]) | set(pairs["second"])
params = yaml.safe_load(open(sys.argv[1]))
params["attribute"]["methods"]["smooth-gradient"], params["select"]["selections"]["above-mean"] = {"draws": 8}, {}
settings.study("ultrasound", params)
params["attribute"]["methods"]["smooth-gradient"] = {"drawn": 8}
try:
    settings.study("ultrasound", params)
except ValueError as error:
    assert "drawn" in str(error)
else:
    raise AssertionError("a parameter that the new method has not is refused")
"""


def test_what_is_added_in_ten_lines_appears_in_every_table(tmp_path):
    assert [name for name, _ in EXAMPLES] == [
        "src/regard/attribution/__init__.py",
        "src/regard/selection.py",
        "src/regard/evaluation/scores.py",
    ]
    shutil.copytree(ROOT / "src", tmp_path / "src")
    for name, code in EXAMPLES:
        assert len(code.strip().splitlines()) <= 13
        with open(tmp_path / name, "a", encoding="utf-8") as file:
            file.write("\n\n" + code)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", USE, ROOT / "params.yaml"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    "written", STUDIES, ids=[block.strip().partition(":")[0] for block in STUDIES]
)
def test_every_study_of_the_guides_is_one(written):
    block = yaml.safe_load(written)
    params = project.parameters(ROOT)
    params["studies"] |= block
    for name in block:
        checks.study(name, params)


def test_the_squeezenet_of_the_guide_explains_with_every_method_of_its_study(tmp_path):
    """With the published weights where they are, else with random ones of the same shapes."""
    (block,) = [yaml.safe_load(written) for written in STUDIES if "squeezenet" in written]
    ((name, entry),) = block.items()
    weights = ROOT.parent / "shared/real/weights/squeezenet1_0-imagenet.pth"
    if not weights.is_file():
        weights = tmp_path / entry["train"]["weights"].rpartition("/")[2]
        torch.save(models.squeezenet1_0(weights=None).state_dict(), weights)
    entry["train"]["weights"] = str(weights)
    params = project.parameters(ROOT)
    params["studies"] |= block
    checks.study(name, params)
    train, settings = (project.settings(name, stage, params) for stage in ("train", "attribute"))
    assert (
        "grad-cam@block4" in settings["left_out"] and "grad-cam@block4" not in settings["methods"]
    )
    model = backbones.build(
        train["backbone"], 2, train["weights"], train["width"], train["pool"], seed=1
    )
    images = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    for method, parameters in settings["methods"].items():
        fewer = {"evaluations": 20} if "evaluations" in parameters else {}
        heat = attribute(model, images, [1], method.split("@")[0], **parameters | fewer)
        assert heat.shape == (1, 96, 96) and torch.isfinite(heat).all() and (heat != 0).any(), (
            method
        )
