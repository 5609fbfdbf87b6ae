"""Clusters of activations: what each looks like, where it lies in a tile, and how the network's
output changes without it.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
import torch
import xarray as xr
from scipy.ndimage import binary_dilation
from torch import Tensor, nn

from regard.concepts import clusters as found_clusters
from regard.core import arrays
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW
from regard.figures import clusters as cluster_figures
from regard.models.receptive_field import Field, enlarge

STORED = "clusters/clusters.nc"
SHOWN = 4  # tiles of each cluster in the gallery


def rest_of(stored: xr.Dataset) -> nn.Sequential:
    """What follows the layer in the network, as a classifier of one output: the pool, and the
    contrast of the head's weights.

    `stored` is clusters.nc of a study.
    """
    pool = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}[stored.attrs["pool"]](1)
    head = nn.Linear(stored.sizes["channel"], 1)
    head.weight.data = torch.from_numpy(stored["head"].to_numpy())[None]
    head.bias.data = torch.tensor([float(stored.attrs["bias"])])
    parts = OrderedDict(features=nn.Identity(), pool=pool, flatten=nn.Flatten(), head=head)
    return nn.Sequential(parts).eval()


class Layer(NamedTuple):
    """The activations that were clustered: clusters.nc, the images of its tiles, the activations
    (N, C, h, w), and where each place of the layer lies in a tile.
    """

    stored: xr.Dataset
    images: xr.DataArray
    maps: Tensor
    field: Field

    @property
    def tiles(self) -> list[str]:
        """The names of the tiles."""
        return self.stored["case"].to_numpy().tolist()

    @property
    def sweep(self) -> list[int]:
        """The numbers of clusters K that were fitted."""
        names = [str(name) for name in self.stored.data_vars]
        return sorted(int(name.removeprefix("rows_")) for name in names if name.startswith("rows_"))

    def image(self, tile: int) -> np.ndarray:
        """A tile as RGB, uint8 (size, size, 3)."""
        return pictures.rgb(self.images.sel(case=self.tiles[tile]).to_numpy())


class Fit(NamedTuple):
    """The clusters for one K, and their weights at every place of every tile (N, K, h, w)."""

    dictionary: found_clusters.Dictionary
    weights: Tensor


class Removal(NamedTuple):
    """The network's output for a tile, and how much it falls without one cluster: computed, and
    predicted from the layers that follow.
    """

    output: float
    fall: float
    predicted: float


def read(folder: Path) -> Layer:
    """Read the clustered layer of a study, results/study/<id>."""
    stored = arrays.read(folder / STORED)
    images = arrays.read(folder / "prepare" / "images.nc")["images"]
    maps = torch.from_numpy(stored["activations"].to_numpy())
    return Layer(stored, images, maps, Field(stored.attrs["stride"], stored.attrs["first"]))


def fit(layer: Layer, k: int) -> Fit:
    """The stored clusters for `k`, a number of `layer.sweep`, and the weights of all tiles."""
    rows = torch.from_numpy(layer.stored[f"rows_{k}"].to_numpy())
    dictionary = found_clusters.Dictionary(rows, "non-negative", torch.zeros(rows.shape[1]))
    weights = dictionary.encode(found_clusters.locations(layer.maps))
    return Fit(dictionary, found_clusters.as_maps(weights, layer.maps.shape[2:]))


def soft(layer: Layer, fitted: Fit, tile: int) -> np.ndarray:
    """The weights of all clusters at every pixel of a tile, (K, size, size)."""
    size = layer.images.shape[1]
    return enlarge(fitted.weights[tile : tile + 1], size, layer.field)[0].numpy()


def strongest(fitted: Fit, cluster: int, count: int = SHOWN) -> list[int]:
    """The tiles with the largest weights of a cluster, the largest first."""
    largest = fitted.weights[:, cluster].flatten(1).amax(dim=1)
    return largest.argsort(descending=True, stable=True)[:count].tolist()


def removed(layer: Layer, fitted: Fit, tile: int, cluster: int) -> Removal:
    """Remove a cluster from the activations of a tile, and follow the output.

    Parameters
    ----------
    layer, fitted : Layer, Fit
        The last layer of the network (see `rest_of`) and its clusters.
    tile, cluster : int
        Positions, from 0.
    """
    rest, maps = rest_of(layer.stored), layer.maps[tile : tile + 1]
    weights = found_clusters.locations(fitted.weights[tile : tile + 1])
    head, towards = torch.from_numpy(layer.stored["head"].to_numpy()), torch.ones(1)
    with torch.no_grad():
        output = float(found_clusters.outputs(rest, maps, towards)[0])
        falls = found_clusters.removal(rest, maps, weights, fitted.dictionary, towards)
    predicted = found_clusters.predicted_removal(
        maps, weights, fitted.dictionary, head, layer.stored.attrs["pool"]
    )
    return Removal(output, float(falls[0, cluster]), float(predicted[0, cluster]))


def sentence(layer: Layer, fitted: Fit, tile: int, cluster: int) -> str:
    """What the explorer says about a cluster in a tile, in HTML."""
    if "head" not in layer.stored:
        return "This layer is not the last one, so the output is not computed from it."
    found, target = removed(layer, fitted, tile, cluster), layer.stored.attrs["target"]
    change, speaks = controls.change_without(found.fall, 2), ""
    if change != "does not change":
        speaks = f"The cluster speaks {'for' if found.fall > 0 else 'against'} {target}. "
    return (
        f"The network's output for <b>{target}</b> (its logit less the mean logit of the other "
        f"classes) is <b>{found.output:.2f}</b>. Without cluster {cluster + 1} it {change}: "
        f"<b>{found.output - found.fall:.2f}</b>. {speaks}The weights of the last layer predict "
        f"that it {controls.change_without(found.predicted, 2)}."
    )


def colour(cluster: int) -> str:
    """The colour of a cluster in all pictures."""
    return cluster_figures.COLOURS[cluster % len(cluster_figures.COLOURS)]


def marked(layer: Layer, fitted: Fit, tile: int, cluster: int) -> np.ndarray:
    """The tile, outlined where the cluster has at least half its largest weight there."""
    image, weight = layer.image(tile), soft(layer, fitted, tile)[cluster]
    if not weight.max() > 0:
        return image
    half = weight > weight.max() / 2
    white = pictures.outlined(image, binary_dilation(half, iterations=2), "#FFFFFF")
    return pictures.outlined(white, half, colour(cluster))


def drawn(layer: Layer, fitted: Fit, tile: int, cluster: int, opacity: float) -> bytes:
    """The tile, the chosen cluster in it, and the strongest cluster at every place, as PNG."""
    image, weights = layer.image(tile), soft(layer, fitted, tile)
    scale = max(1, round(250 / len(image)))
    first = weights.argmax(axis=0)
    colours = np.array([pictures.code(colour(each)) for each in range(len(weights))], np.uint8)
    heat = pictures.over(image, pictures.heat(weights[cluster], "positive"), opacity)
    share = float((first == cluster).mean())
    shown = [
        (image, [layer.tiles[tile]]),
        (heat, [f"cluster {cluster + 1}", f"strongest on {share:.0%} of the tile"]),
        (pictures.over(image, colours[first], opacity), ["the strongest cluster"]),
    ]
    return pictures.png(pictures.sheet([(pictures.rgb(one, scale), text) for one, text in shown]))


def gallery(layer: Layer, fitted: Fit, chosen: Callable[[int], None]) -> list[widgets.VBox]:
    """For each cluster a button, which calls `chosen` with its number, and its strongest tiles."""
    boxes = []
    for cluster in range(fitted.weights.shape[1]):
        name = f"Cluster {cluster + 1}"
        button = widgets.Button(description=name, tooltip=f"show where cluster {cluster + 1} lies")
        button.on_click(functools.partial(_call, chosen, cluster))
        shown, tiles = controls.picture(), strongest(fitted, cluster)
        each = [(marked(layer, fitted, tile, cluster), [layer.tiles[tile]]) for tile in tiles]
        shown.value = pictures.png(pictures.sheet(each, SHOWN))
        boxes.append(widgets.VBox([button, shown], layout=widgets.Layout(margin="0 12px 6px 0")))
    return boxes


def _call(chosen: Callable[[int], None], cluster: int, _: widgets.Button) -> None:
    chosen(cluster)


class Parts(NamedTuple):
    """The widgets of the explorer."""

    study: widgets.Dropdown
    k: widgets.SelectionSlider
    case: widgets.Dropdown
    back: widgets.Button
    on: widgets.Button
    opacity: widgets.FloatSlider
    gallery: widgets.Box
    picture: widgets.Image
    said: widgets.HTML


def _parts(known: Sequence[str], study: str | None) -> Parts:
    case = controls.dropdown("Tile")
    return Parts(
        controls.study(known, study),
        widgets.SelectionSlider(
            options=[2], description="Clusters K", style=NARROW, continuous_update=False
        ),
        case,
        *controls.steps(case, "tile"),
        controls.opacity(),
        widgets.Box(layout=controls.ROW),
        controls.picture(),
        widgets.HTML(),
    )


def _layout(parts: Parts) -> list[widgets.Widget]:
    chosen = [parts.study, parts.k, parts.case, parts.back, parts.on, parts.opacity]
    said = (
        "<b>Gallery</b>: the tiles where each cluster is strongest. Choose a cluster to see it "
        "above."
    )
    first = widgets.HBox(chosen, layout=controls.ROW)
    return [first, parts.picture, parts.said, widgets.HTML(said), parts.gallery]


def clusters(root: Path, study: str | None = None) -> widgets.VBox:
    """Browse the clusters of activations, for each number of clusters K.

    The gallery shows the test tiles where each cluster is strongest. Of the chosen cluster the
    explorer shows where it lies in a tile, and how the network's output changes when the cluster is
    removed from the activations.

    Parameters
    ----------
    root : Path
        The folder of the studies, as `regard.explorers.where` gives it.
    study : str, optional
        The study that is shown first.

    Raises
    ------
    FileNotFoundError
        If no study has clusters.
    """
    parts = _parts(results.studies(root, STORED), study)
    cluster = 0

    @functools.lru_cache(maxsize=1)
    def opened(name: str) -> Layer:
        return read(Path(root) / name)

    @functools.lru_cache(maxsize=1)
    def fitted(name: str, k: int) -> Fit:
        return fit(opened(name), k)

    def list_tiles() -> None:
        layer = opened(parts.study.value)
        stored = layer.stored.sizes["cluster"]
        controls.choose(parts.k, layer.sweep, stored if stored in layer.sweep else layer.sweep[0])
        controls.choose(parts.case, [(tile, tile) for tile in layer.tiles], layer.tiles[0])

    def show_gallery() -> None:
        nonlocal cluster
        cluster, name = 0, parts.study.value
        parts.gallery.children = gallery(opened(name), fitted(name, parts.k.value), choose)

    def choose(number: int) -> None:
        nonlocal cluster
        cluster = number
        draw()

    def draw() -> None:
        layer, found = opened(parts.study.value), fitted(parts.study.value, parts.k.value)
        tile = layer.tiles.index(parts.case.value)
        picture = drawn(layer, found, tile, cluster, parts.opacity.value)
        # both at the end, so that a new picture never stands beside the words of the last one
        parts.said.value, parts.picture.value = sentence(layer, found, tile, cluster), picture

    chain = [(list_tiles, [parts.study]), (show_gallery, [parts.k])]
    controls.follow(draw, [parts.case, parts.opacity], chain)
    return controls.explorer(_layout(parts), **parts._asdict())
