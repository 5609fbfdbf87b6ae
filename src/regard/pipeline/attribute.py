"""The stage `attribute`: heat maps of every method and null maps, for every explained case."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor, nn

from regard.attribution import PERTURBATION, PRESETS, nulls
from regard.attribution.resumable import stored
from regard.core import arrays, hardware, tables
from regard.data import letterbox, reference_regions
from regard.data.letterbox import Letterbox
from regard.models import backbones, explained

OF_TARGET = (
    "prior",
    "random-network",
)  # null maps that depend on the target, and not the case alone
Settings = Mapping[str, Any]
Maps = dict[str, tuple]  # name -> (dimensions, values, attributes)


class Method(NamedTuple):
    """A method and its parameters."""

    name: str
    parameters: dict


class Study(NamedTuple):
    """A network and what it is asked to explain.

    Attributes
    ----------
    model : nn.Module
        The explained network.
    description : dict
        What is known of it: name, width, digest, classes.
    cases : pd.DataFrame
        All cases, by case.
    explanations : pd.DataFrame
        A row per map: case and target.
    headline : pd.DataFrame
        Rows for the predicted class, or for each finding.
    scorable, first : np.ndarray
        Which rows of `headline` have the expert's region, bool; which are in the subset, positions.
    subset : np.ndarray
        Which rows of `explanations` slow methods explain.
    prepared : Path
        The folder of the stage prepare.
    device : torch.device
        Where the network is.
    size : int
        Pixels; side of the squares.
    """

    model: nn.Module
    description: dict
    cases: pd.DataFrame
    explanations: pd.DataFrame
    headline: pd.DataFrame
    scorable: np.ndarray
    first: np.ndarray
    subset: np.ndarray
    prepared: Path
    device: torch.device
    size: int

    @property
    def classes(self) -> list[str]:
        return self.description["classes"]

    @property
    def test_cases(self) -> pd.DataFrame:
        """The cases that are explained, a row each."""
        return self.cases.loc[self.explanations["case"].unique()]

    @property
    def labels(self) -> list[str]:
        """The name of each map: case and target."""
        rows = zip(self.explanations["case"], self.explanations["target"])
        return [arrays.key(case, target) for case, target in rows]

    def images(self, names: Sequence[str]) -> xr.DataArray:
        """The squares of some cases, uint8, which are not loaded before they are used."""
        return arrays.opened(self.prepared / "images.nc")["images"].sel(case=list(names))

    def inputs(self, images: xr.DataArray) -> Tensor:
        """What the network sees of some squares."""
        return backbones.inputs(torch.from_numpy(np.array(images)).to(self.device), self.model)

    def box(self, case: str) -> Letterbox:
        """Where the image of a case lies in its square."""
        row = self.cases.loc[case]
        return letterbox.letterbox(row["height"], row["width"], self.size)

    def outline(self, case: str, target: str) -> np.ndarray | None:
        """The expert's region of a case for a target, bool (height, width) of its image."""
        return reference_regions.read_outline(self.prepared / "outlines", case, target)


def study(prepared: Path, trained: Path, subset: int, device: torch.device) -> Study:
    """Read the network and the test cases from the folders of the stages prepare and train.

    subset: about how many maps slow methods explain, 0 for all.
    """
    model, description = backbones.read(trained / "model.safetensors")
    every = tables.read(trained / "explanations.csv")
    wanted = every.drop_duplicates(["case", "target"]).reset_index(drop=True)
    headline = every[every["target_role"] != "true"]
    scorable = explained.can_be_scored(headline, tables.read(prepared / "outlined.csv"))
    first = explained.spread(headline, subset, scorable)
    by = ["case"] if "true" in set(every["target_role"]) else ["case", "target"]
    chosen = headline.iloc[first][by].drop_duplicates()
    rows = wanted.reset_index().merge(chosen)["index"].to_numpy()
    cases = tables.read(prepared / "cases.csv").set_index("case", drop=False)
    size = int(arrays.opened(prepared / "images.nc")["images"].shape[1])
    network = (model.to(device), description)
    listed = (cases, wanted, headline, scorable, first, rows)
    return Study(*network, *listed, prepared, device, size)


class Inputs(NamedTuple):
    """The images of a study beside the maps that are made of them.

    Attributes
    ----------
    images : xr.DataArray
        Squares of the explained cases, uint8 (cases, H, W[, 3]).
    places : np.ndarray
        Which of them each explanation is of, int (N,).
    targets : Tensor
        The class or finding of each explanation, int (N,).
    boxes : list of Letterbox
        Where each image lies in its square.
    """

    images: xr.DataArray
    places: np.ndarray
    targets: Tensor
    boxes: list[Letterbox]


def inputs(given: Study) -> Inputs:
    """What each explanation of a study is made from."""
    test = given.test_cases
    images = given.images(test["case"].tolist())
    places = np.array([test.index.get_loc(case) for case in given.explanations["case"]])
    indices = [given.classes.index(name) for name in given.explanations["target"]]
    shapes = zip(test["height"], test["width"])
    boxes = [letterbox.letterbox(*shape, images.shape[1]) for shape in shapes]
    return Inputs(images, places, torch.tensor(indices, device=given.device), boxes)


def logits(given: Study, of: Inputs) -> np.ndarray:
    """The logit that each map explains, float32 (N,)."""
    with torch.no_grad():
        parts = np.array_split(of.places, -(-len(of.places) // 32))
        found = torch.cat([given.model(given.inputs(of.images[rows])) for rows in parts])
    return found.gather(1, of.targets[:, None])[:, 0].cpu().numpy()


def methods(settings: Settings, device: torch.device) -> dict[str, Method]:
    """The methods of a study with their parameters, presets of published studies included."""
    found = {name: Method(name.split("@")[0], own) for name, own in settings["methods"].items()}
    for preset in settings["presets"]:
        published = PRESETS[preset].items()
        found |= {f"{name}@{preset}": Method(name, dict(own)) for name, own in published}
    precision = str(hardware.precision(device, settings["precision"])).removeprefix("torch.")
    for name, (method, own) in found.items():
        preset = name.partition("@")[2] in settings["presets"] and "evaluations" in own
        if preset and settings["preset_evaluations"]:  # fewer than the study took
            own = own | {"evaluations": settings["preset_evaluations"]}
        own = {"precision": precision} | own if method in PERTURBATION else own
        found[name] = Method(method, own)
    return found


def left_out(settings: Settings) -> str:
    """Which methods the network has no map of, and why."""
    said = [f"{name} is left out: {why}" for name, why in settings.get("left_out", {}).items()]
    return "\n".join(said) or "no method is left out"


def heat_maps(
    given: Study, of: Inputs, asked: Mapping[str, Method], memory: float, work: Path
) -> tuple[Maps, pd.DataFrame]:
    """The heat maps of every method, and what each cost.

    Parameters
    ----------
    given, of : Study, Inputs
        The network and the images.
    asked : mapping
        Name to method.
    memory : float
        Gigabytes that activations may take.
    work : Path
        A folder in which maps are kept as they come: an interrupted run goes on from there.

    Returns
    -------
    maps : dict
        Name to dimensions, float32 (N, H, W), and attributes.
    costs : pd.DataFrame
        Passes through the network and seconds per map, and memory, a row per method.
    """
    maps: Maps = {}
    costs = []
    every = np.arange(len(given.explanations))
    for name, (method, parameters) in asked.items():
        few = method in PERTURBATION and len(given.subset) < len(every)
        over, rows = ("subset", given.subset) if few else ("map", every)

        def read(some: Sequence[int], rows: np.ndarray = rows) -> Tensor:
            return given.inputs(of.images[of.places[rows[list(some)]]])

        made, cost = stored(
            work, given.model, read, of.targets[rows], method, memory=memory, **parameters
        )
        count = len(rows)
        passes = {"forwards": cost.forwards / count, "backwards": cost.backwards / count}
        attributes = {
            "kind": "method",
            "method": method,
            "parameters": json.dumps(parameters, sort_keys=True),
            "cost": json.dumps(passes),
        }
        maps[name] = ((over, "y", "x"), made, attributes)
        measured = {"seconds": cost.seconds / count, "peak_gb": cost.memory}
        costs.append({"method": name, "maps": count} | passes | measured)
        print(name, "done")
    return maps, pd.DataFrame(costs)


def priors(given: Study, null_methods: Mapping[str, dict]) -> dict[str, Tensor]:
    """Per target the mean mask of the training cases on the square, float32 (H, W); none where the
    null map `prior` is not made.

    Raises
    ------
    ValueError
        For a target that the expert outlined in no training case.
    """
    found: dict[str, Tensor] = {}
    training = given.cases[given.cases["split"] == "train"]
    targets = given.explanations["target"] if "prior" in null_methods else []
    for target in dict.fromkeys(targets):
        drawn = {case: given.outline(case, target) for case in training["case"]}
        squares = [
            letterbox.mask_to_square(mask, given.box(case))
            for case, mask in drawn.items()
            if mask is not None
        ]
        if not squares:
            raise ValueError(
                f"no training case of {given.prepared.parent.name} has a region for {target!r}: "
                "set attribute.nulls.prior of the study to null in params.yaml"
            )
        found[target] = torch.from_numpy(np.mean(squares, axis=0)).float()
    return found


def null_maps(given: Study, of: Inputs, settings: Settings, work: Path) -> Maps:
    """The null maps of a study; those that depend on no target once for each case."""
    usual = priors(given, settings["nulls"])
    every = np.arange(len(given.explanations))
    once = given.explanations.drop_duplicates("case").index.to_numpy()
    maps: Maps = {}
    for name, parameters in settings["nulls"].items():
        over, rows = ("map", every) if name in OF_TARGET else ("case", once)
        shape = (len(rows), *of.images.shape[1:3])
        path = work / f"{name}.npy"
        made = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        for some in np.array_split(np.arange(len(rows)), -(-len(rows) // 64)):
            if name == "random-network":
                made[some] = _of_random_networks(given, of, rows[some], settings, parameters)
            else:
                made[some] = _null_map(given, of, name, rows[some], usual, parameters)
        attributes = {"kind": "null", "parameters": json.dumps(parameters, sort_keys=True)}
        maps[name] = ((over, "y", "x"), made, attributes)
    return maps


def _of_random_networks(
    given: Study, of: Inputs, rows: np.ndarray, settings: Settings, parameters: dict
) -> np.ndarray:
    return nulls(
        "random-network",
        given.inputs(of.images[of.places[rows]]),
        model=given.model,
        targets=of.targets[rows],
        memory=settings["memory"],
        **parameters,
    ).numpy()


def _null_map(
    given: Study,
    of: Inputs,
    name: str,
    rows: np.ndarray,
    usual: Mapping[str, Tensor],
    parameters: dict,
) -> np.ndarray:
    """A null map of some explanations, made without the padding, whose border would be the
    strongest edge of all.
    """
    masks = torch.zeros(len(rows), *of.images.shape[1:3])
    if name == "prior":
        masks = torch.stack([usual[given.explanations["target"][row]] for row in rows])
    seen = given.inputs(of.images[of.places[rows]]).cpu()

    def make(inner: Tensor) -> Tensor:
        prior = inner[:, 3] if name == "prior" else None
        return nulls(name, inner[:, :3], model=given.model, prior=prior, **parameters)

    both = torch.cat([seen, masks[:, None]], dim=1)
    return letterbox.without_padding(make, both, [of.boxes[of.places[row]] for row in rows]).numpy()


def dataset(
    given: Study, of: Inputs, maps: Maps, explained_logits: np.ndarray, settings: Settings
) -> xr.Dataset:
    """All maps of the test cases with what they explain."""
    labels = given.labels
    coordinates = {
        "case": given.test_cases["case"].to_numpy(),
        "map": labels,
        "subset": [labels[row] for row in given.subset],
        "target": ("map", given.explanations["target"].to_numpy(str)),
        "logit": ("map", explained_logits),
    }
    attributes = {
        "study": settings["study"],
        "data": given.test_cases["data"].iloc[0],
        "model": given.description["digest"],
        "size": int(of.images.shape[1]),
        "profile": settings["profile"],
    }
    return xr.Dataset(maps, coordinates, attrs=attributes)


def _outlined_targets(given: Study) -> Iterator[tuple[str, str]]:
    """Case and target of the tuning cases, for what they have and the expert outlined."""
    for row in given.cases[given.cases["split"] == "tune"].to_dict("records"):
        for name in given.classes:
            if row.get("label") == name or row.get(name) == 1:
                mask = given.outline(row["case"], name)
                if mask is not None and mask.any():
                    yield row["case"], name


def tuning_maps(
    given: Study, asked: Mapping[str, Method], tuned: Sequence[str], memory: float, work: Path
) -> xr.Dataset:
    """Heat maps of the tuning cases by the methods in `tuned`; empty without any."""
    pairs = list(_outlined_targets(given)) if tuned else []
    images = given.images([case for case, _ in pairs])
    indices = [given.classes.index(target) for _, target in pairs]
    targets = torch.tensor(indices, dtype=torch.int64, device=given.device)
    found = {}
    for name in tuned if pairs else []:
        method, parameters = asked[name]
        made, _ = stored(
            work,
            given.model,
            lambda some: given.inputs(images[list(some)]),
            targets,
            method,
            memory=memory,
            **parameters,
        )
        found[name] = (("map", "y", "x"), np.array(made))
    labels = [arrays.key(*pair) for pair in pairs]
    coordinates = {"map": labels, "target": ("map", [target for _, target in pairs])}
    return xr.Dataset(found, coordinates, {"size": given.size})


def forget(work: Path) -> None:
    """Remove maps that were kept in case of an interruption: all of them are written now."""
    shutil.rmtree(work)


def write_costs(costs: pd.DataFrame, name: str, device: torch.device, folder: Path) -> None:
    """Write costs.csv, passes per map, and measured.csv with seconds and memory of this machine."""
    costs = pd.concat([pd.DataFrame({"study": [name] * len(costs)}), costs], axis=1)
    tables.write(costs.drop(columns=["seconds", "peak_gb"]), folder / "costs.csv")
    measured = costs.assign(device=device.type, threads=torch.get_num_threads())
    tables.write(measured, folder / "measured.csv")
