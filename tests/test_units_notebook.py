"""7_units on small made-up studies of other kinds than its own: it runs to the end, or says in its tables what could not be asked."""

from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from regard import arrays, backbones, regions, surveys, tables

ROOT = Path(__file__).parents[1]
SIZE, CASES = 64, 60
RANDOM = np.random.default_rng(0)


def study(folder, kind, classes, pool="avg", colours=False, reports=None, structures=("mass",), drawn=1.0, **told):
    """A project in `folder` with one study, as the stages prepare and train would leave it, of an untrained network."""
    made = folder / "results" / "study" / "made"
    for name in ("prepare", "train"):
        (made / name).mkdir(parents=True)
    (folder / "dvc.yaml").write_text("")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["studies"] = {"made": {"root": "data", "units": {"draws": 1000, "flips": 200, "annotated": 4, "controls": 2} | told}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    table = pd.DataFrame({"case": [f"c{at}" for at in range(CASES)], "patient": [f"p{at // 2}" for at in range(CASES)]})
    table = table.assign(data="made", height=SIZE, width=SIZE, split=np.repeat(["train", "tune", "test"], CASES // 3))
    table["site"] = np.where(np.arange(CASES) % 2, "A", "B")
    truth = RANDOM.integers(0, len(classes), CASES)
    if kind == "label":
        table["label"] = np.array(classes)[truth]
    else:
        for at, name in enumerate(classes):
            table[name] = np.where(RANDOM.random(CASES) < 0.3, np.nan, RANDOM.integers(0, 2, CASES))
    if reports:
        table["report"] = [reports[value % len(reports)] for value in truth]
    tables.write(table, made / "prepare" / "cases.csv")
    shape = (CASES, SIZE, SIZE, 3) if colours else (CASES, SIZE, SIZE)
    images = RANDOM.integers(0, 255, shape).astype(np.uint8)
    arrays.write(xr.Dataset({"images": (("case", "y", "x", "channel")[: images.ndim], images)}), made / "prepare" / "images.nc")
    regions.describe(made / "prepare" / "regions", structures, structures[0] if structures else "", "structures")
    for case in table["case"]:
        mask = np.zeros((SIZE, SIZE), bool)
        down, across = RANDOM.integers(0, SIZE - 20, 2)
        mask[down : down + 20, across : across + 20] = True
        if RANDOM.random() < drawn:
            regions.write({name: mask for name in structures}, made / "prepare" / "regions", case)
    name = "vgg16_bn" if pool == "max" else "resnet18"
    model = backbones.build(name, len(classes), width=0.0625, pool=pool, seed=1)
    backbones.write(model, made / "train" / "model.safetensors", name=name, width=0.0625, pool=pool, classes=list(classes), kind=kind)
    return made, backbones.digest(model)


def run(folder, monkeypatch):
    """All code cells of the notebook, in this process; its tables by name."""
    monkeypatch.chdir(folder)
    names = {"display": lambda *_: None}
    for cell in nbformat.read(ROOT / "notebooks" / "7_units.ipynb", 4).cells:
        if cell.cell_type == "code":
            code = cell.source.replace('study = "mammography"', 'study = "made"')
            exec(compile(code.replace("from IPython.display import display\n", ""), "7_units", "exec"), names)
    return {path.stem: tables.read(path) for path in (folder / "build/by-hand/7_units").glob("*.csv")}


SAYS = ["There is a mass.", "There are calcifications.", ""]


def test_labels_and_reports_some_of_them_blank(tmp_path, monkeypatch):
    made, network = study(tmp_path, "label", ["normal", "benign", "malignant"], reports=SAYS, survey="surveys.csv")
    for unit in range(32):
        for rater in ("synthetic-1", "synthetic-2"):
            answer = {"study": "made", "network": network, "unit": unit, "rater": rater, "recognisable": "yes", "description": "calcified mass"}
            surveys.record(tmp_path / "surveys.csv", answer)
    found = run(tmp_path, monkeypatch)
    assert set(found["explanations"]["rule"]) == {"published", "contrastive", "published, experts' labels"}
    said = found["explanations"].query("rule == \"published, experts' labels\"")["labels"]
    assert set(said) == {"mass, calcification, mass, calcification, mass, calcification"}
    assert found["beyond"]["n_undefined"].eq(0).all()
    assert found["scores"].query("target == 'normal'")["n_cases"].eq(20).all()
    told = found["told"].set_index("statistic")
    assert told["n_patients"]["a reader's right answers from the text alone"] == 0


def test_findings_with_blanks_a_global_maximum_colours_and_no_reports(tmp_path, monkeypatch):
    made, _ = study(tmp_path, "findings", ["nodule", "mass"], pool="max", colours=True)
    found = run(tmp_path, monkeypatch)
    table = tables.read(made / "prepare" / "cases.csv")
    known = table[table["split"] == "test"][["nodule", "mass"]].notna().sum()
    assert found["scores"].set_index("target")["n_cases"].to_dict() == known.to_dict(), "unknown is not negative"
    assert set(found["matches"]["kind"]) == {"mask"} and "beyond" not in found and "consistency" not in found
    assert set(found["ranking"]["amount"]) == {"max"}, "the largest is what a global maximum hands to the head"


@pytest.mark.parametrize("drawn", [0.0, 1.0])
def test_nothing_to_name_units_by(tmp_path, monkeypatch, drawn):
    """Blank reports; a structure that nobody drew, or none at all."""
    study(tmp_path, "label", ["benign", "malignant"], reports=["", " "], structures=("mass",) if drawn == 0 else (), drawn=drawn)
    found = run(tmp_path, monkeypatch)
    assert found["matches"].empty and found["labels"]["label"].isna().all()
    assert found["explanations"]["labels"].isna().all() and "beyond" not in found
    assert not found["told"]["statistic"].str.contains("with a label -").any()
