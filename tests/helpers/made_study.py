"""A small made-up study, as the stages prepare and train would leave it, and a notebook run on
it.
"""

import nbformat
import numpy as np
import pandas as pd
import xarray as xr
import yaml
from here import ROOT

from regard.core import arrays, tables
from regard.data import reference_regions
from regard.models import backbones

SIZE, CASES = 64, 60
SMALL = {  # notebook -> (the study it names, its block of params.yaml, what makes it quick)
    "6_clusters": (
        "prostate",
        "clusters",
        {
            "draws": 1000,
            "flips": 200,
            "k": 3,
            "sweep": [2, 3],
            "refits": 2,
            "controls": 2,
            "shown": 2,
        },
    ),
    "7_units": (
        "mammography",
        "units",
        {"draws": 1000, "flips": 200, "annotated": 4, "controls": 2},
    ),
}


def study(
    folder,
    notebook,
    kind,
    classes,
    pool="avg",
    colours=False,
    reports=None,
    structures=("mass",),
    drawn=1.0,
    **told,
):
    """A project in `folder` with one study of an untrained network; told: what it says in the block
    of the notebook.
    """
    made = folder / "results" / "study" / "made"
    for name in ("prepare", "train"):
        (made / name).mkdir(parents=True)
    (folder / "dvc.yaml").write_text("")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    random, (_, block, quick) = np.random.default_rng(0), SMALL[notebook]
    params["studies"] = {"made": {"root": "data", block: quick | told}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    table = pd.DataFrame(
        {
            "case": [f"c{at}" for at in range(CASES)],
            "patient": [f"p{at // 2}" for at in range(CASES)],
        }
    )
    table = table.assign(
        data="made", height=SIZE, width=SIZE, split=np.repeat(["train", "tune", "test"], CASES // 3)
    )
    table["site"] = np.where(np.arange(CASES) % 2, "A", "B")
    truth = random.integers(0, len(classes), CASES)
    if kind == "label":
        table["label"] = np.array(classes)[truth]
    else:
        for name in classes:
            table[name] = np.where(random.random(CASES) < 0.3, np.nan, random.integers(0, 2, CASES))
    if reports:
        table["report"] = [reports[value % len(reports)] for value in truth]
    tables.write(table, made / "prepare" / "cases.csv")
    shape = (CASES, SIZE, SIZE, 3) if colours else (CASES, SIZE, SIZE)
    images = random.integers(0, 255, shape).astype(np.uint8)
    arrays.write(
        xr.Dataset({"images": (("case", "y", "x", "channel")[: images.ndim], images)}),
        made / "prepare" / "images.nc",
    )
    reference_regions.describe(
        made / "prepare" / "regions", structures, structures[0] if structures else "", "structures"
    )
    for case in table["case"]:
        mask = np.zeros((SIZE, SIZE), bool)
        down, across = random.integers(0, SIZE - 20, 2)
        mask[down : down + 20, across : across + 20] = True
        if random.random() < drawn:
            reference_regions.write(
                dict.fromkeys(structures, mask), made / "prepare" / "regions", case
            )
    name = "vgg16_bn" if pool == "max" else "resnet18"
    model = backbones.build(name, len(classes), width=0.0625, pool=pool, seed=1)
    backbones.write(
        model,
        made / "train" / "model.safetensors",
        name=name,
        width=0.0625,
        pool=pool,
        classes=list(classes),
        kind=kind,
    )
    return made, backbones.digest(model)


def run(folder, notebook, monkeypatch):
    """All code cells of the notebook, in this process; its tables by name."""
    monkeypatch.chdir(folder)
    names = {"display": lambda *_: None}
    for cell in nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", 4).cells:
        if cell.cell_type == "code":
            code = cell.source.replace(f'study = "{SMALL[notebook][0]}"', 'study = "made"')
            exec(
                compile(
                    code.replace("from IPython.display import display\n", ""), notebook, "exec"
                ),
                names,
            )
    filled = folder / "build" / "by-hand" / "made" / SMALL[notebook][1]
    return {path.stem: tables.read(path) for path in filled.glob("*.csv")}
