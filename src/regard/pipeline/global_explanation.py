"""What both global explanations (clusters of activations, units) start from, and how they write."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from regard.core import arrays, hardware, tables
from regard.data import letterbox, reference_regions
from regard.figures import style
from regard.models import backbones
from regard.pipeline.folders import Stage


class Cases(NamedTuple):
    """The cases of a study and the network that is explained.

    Attributes
    ----------
    stage : Stage
        The folders that are read and filled.
    table : DataFrame
        A row per case, as stage prepare wrote it.
    images : ndarray
        uint8 (N, H, W) or (N, H, W, 3).
    model : nn.Sequential
        The network of stage train, on the device that computes.
    inputs : Tensor
        The images as the network takes them, float32 (N, 3, H, W).
    classes : list of str
        The names of the network's outputs.
    kind : str
        "label" (one class per image) or "findings" (several).
    pool : str
        "avg" or "max": the pool before the head.
    """

    stage: Stage
    table: pd.DataFrame
    images: np.ndarray
    model: nn.Sequential
    inputs: Tensor
    classes: list[str]
    kind: str
    pool: str

    @property
    def size(self) -> int:
        """The side of the square images, in pixels."""
        return int(self.images.shape[1])

    @property
    def patients(self) -> np.ndarray:
        """The patient of each case, (N,)."""
        return self.table["patient"].to_numpy()

    @property
    def data(self) -> str:
        """The name of the data set."""
        return str(self.table["data"][0])

    def split(self, *names: str) -> np.ndarray:
        """Which cases belong to one of these splits ("train", "tune", "test"), bool (N,)."""
        return self.table["split"].isin(names).to_numpy(copy=True)

    def present(self, name: str) -> np.ndarray:
        """Whether each case has a class or finding, float (N,): 1, 0, or NaN where unknown."""
        if self.kind == "findings":
            return pd.to_numeric(self.table[name]).to_numpy(float)
        label = self.table["label"]
        return (label == name).astype(float).where(label.notna()).to_numpy(float)


def read(stage: Stage) -> Cases:
    """The cases and the network that stages prepare and train left.

    Parameters
    ----------
    stage : Stage
        The folders of this stage, from `folders.opened`.

    Raises
    ------
    FileNotFoundError
        When one of the two stages has not run.
    """
    device = hardware.deterministic()
    model, description = backbones.read(stage.earlier("train") / "model.safetensors")
    model.to(device)
    prepared = stage.earlier("prepare")
    table = tables.read(prepared / "cases.csv")
    images = arrays.read(prepared / "images.nc")["images"].to_numpy()
    inputs = backbones.inputs(torch.from_numpy(images), model)
    known = {name: description[name] for name in ("classes", "kind", "pool")}
    return Cases(stage, table, images, model, inputs, **known)


def structures(cases: Cases) -> list[str]:
    """The names of the structures that were annotated."""
    described = reference_regions.description(cases.stage.earlier("prepare") / "regions")
    leave_out = ("other", *reference_regions.MARKS)
    return [name for name in described["drawn"] if name not in leave_out]


def annotated(cases: Cases, row: int, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The masks of one case on the square that the network sees.

    Parameters
    ----------
    row : int
        The case's row of the table.
    names : sequence of str
        Structures; one that is not annotated in this case is left out of the result.

    Returns
    -------
    dict of str to ndarray
        Masks, bool (size, size).
    """
    told = cases.table.loc[row]
    box = letterbox.letterbox(told["height"], told["width"], cases.size)
    folder = cases.stage.earlier("prepare") / "regions"
    masks = reference_regions.read(folder, told["case"], names)
    return {name: letterbox.mask_to_square(mask, box) for name, mask in masks.items()}


def write(
    cases: Cases, settings: dict, name: str, table: pd.DataFrame | None, **columns: Any
) -> None:
    """Write a table of this stage, with the study and the profile in every row.

    Parameters
    ----------
    settings : dict
        Those of the stage; their profile is written.
    name : str
        The file's name without ".csv".
    table : DataFrame or None
        None when there is nothing to write; an empty table is written.
    **columns
        Further columns of one value, between the study and the profile.
    """
    if table is not None:
        whole = table.assign(study=cases.stage.study, **columns, profile=settings["profile"])
        tables.write(whole, cases.stage.output / f"{name}.csv")


def show(cases: Cases, name: str, figure: Figure | None, alt: str, dpi: int = 150) -> None:
    """Save a figure in the stage's folder as `name` and show it; None shows nothing.

    Parameters
    ----------
    name : str
        The file's name; its ending chooses SVG or PNG.
    alt : str
        A text for readers who cannot see the figure.
    """
    if figure is not None:
        style.save(figure, cases.stage.output / name, dpi=dpi)
        style.show(figure, alt=alt)


def readable(
    table: pd.DataFrame | None,
    index: str | list[str],
    columns: Sequence[str] | None = None,
    digits: int = 3,
) -> pd.DataFrame | None:
    """A table for the notebook: its key as index, some columns, rounded; None without a table."""
    if table is None:
        return None
    found = table.set_index(index)
    return (found if columns is None else found[list(columns)]).round(digits)
