"""Clusters of activations: what each looks like, where it lives in a tile, and what the network
says without it.
"""

from collections import OrderedDict
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch
import xarray as xr
from scipy.ndimage import binary_dilation
from torch import nn

from regard.concepts import clusters as found_clusters
from regard.core import arrays
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW
from regard.figures import clusters as cluster_figures
from regard.models.receptive_field import Field, enlarge

STORED = "clusters/clusters.nc"
SHOWN = 4  # tiles of each cluster in the gallery


def rest_of(stored: xr.Dataset) -> nn.Sequential:
    """What follows the layer in the network, as a classifier of one output: pool, and the contrast
    of the head's weights.
    """
    pool = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}[stored.attrs["pool"]](1)
    head = nn.Linear(stored.sizes["channel"], 1)
    head.weight.data = torch.from_numpy(stored["head"].to_numpy())[None]
    head.bias.data = torch.tensor([float(stored.attrs["bias"])])
    parts = OrderedDict(features=nn.Identity(), pool=pool, flatten=nn.Flatten(), head=head)
    return nn.Sequential(parts).eval()


def clusters(root: Path, study: str | None = None) -> widgets.VBox:
    """The clusters of the studies under `root` (results/study), from `study`, or the first, on, for
    each K of the sweep: the test tiles where each is strongest; of the chosen cluster where it
    lives in a tile, and by how much the network's output falls when it is taken out of the
    activations.

    Raises FileNotFoundError where no study has clusters.
    """
    chosen = controls.study(results.studies(root, STORED), study)
    k = widgets.SelectionSlider(
        options=[2], description="Clusters K", style=NARROW, continuous_update=False
    )
    case = widgets.Dropdown(description="Tile", style=NARROW)
    back, on = controls.steps(case, "tile")
    opacity = widgets.FloatSlider(0.6, min=0, max=1, step=0.05, description="Opacity", style=NARROW)
    gallery = widgets.Box(layout=controls.ROW)
    picture, said = controls.picture(), widgets.HTML()
    state, busy = {"cluster": 0}, controls.Busy()

    def open_study() -> None:
        folder = Path(root) / chosen.value
        stored = arrays.read(folder / STORED)
        images = arrays.read(folder / "prepare" / "images.nc")["images"]
        maps = torch.from_numpy(stored["activations"].to_numpy())
        field = Field(stored.attrs["stride"], stored.attrs["first"])
        state.update(stored=stored, images=images, maps=maps, field=field)
        with busy:
            k.options = sorted(
                int(name.removeprefix("rows_"))
                for name in stored.data_vars
                if name.startswith("rows_")
            )
            k.value = (
                stored.sizes["cluster"] if stored.sizes["cluster"] in k.options else k.options[0]
            )
            case.options = [(name, name) for name in stored["case"].to_numpy().tolist()]
            case.value = case.options[0][1]
        fit()

    def fit() -> None:
        """The clusters of the chosen K, and the gallery."""
        stored, maps = state["stored"], state["maps"]
        rows = torch.from_numpy(stored[f"rows_{k.value}"].to_numpy())
        dictionary = found_clusters.Dictionary(rows, "non-negative", torch.zeros(rows.shape[1]))
        weights = dictionary.encode(found_clusters.locations(maps))
        state.update(
            dictionary=dictionary,
            weights=found_clusters.as_maps(weights, maps.shape[2:]),
            cluster=0,
        )
        tiles = []
        for number in range(k.value):
            button = widgets.Button(
                description=f"Cluster {number + 1}", tooltip=f"where cluster {number + 1} lives"
            )
            button.on_click(lambda _, number=number: choose(number))
            shown = controls.picture()
            shown.value = pictures.png(
                pictures.sheet([(tile, [name]) for tile, name in strongest(number)], SHOWN)
            )
            tiles.append(
                widgets.VBox([button, shown], layout=widgets.Layout(margin="0 12px 6px 0"))
            )
        gallery.children = tiles
        draw()

    def strongest(number: int) -> list[tuple[np.ndarray, str]]:
        largest = state["weights"][:, number].flatten(1).amax(dim=1)
        places = largest.argsort(descending=True, stable=True)[:SHOWN].tolist()
        names = state["stored"]["case"].to_numpy()
        return [(marked(names[at], soft(at)[number], number), names[at]) for at in places]

    def soft(at: int) -> np.ndarray:
        """The clusters' weights at every pixel of a tile (K, size, size)."""
        size = state["images"].shape[1]
        return enlarge(state["weights"][at : at + 1], size, state["field"])[0].numpy()

    def marked(name: str, weight: np.ndarray, number: int) -> np.ndarray:
        """The tile, outlined where the cluster has half its largest weight there."""
        image = pictures.rgb(state["images"].sel(case=name).to_numpy())
        half = (weight > weight.max() / 2) if weight.max() > 0 else None
        white = pictures.outlined(
            image, None if half is None else binary_dilation(half, iterations=2), "#FFFFFF"
        )
        return pictures.outlined(white, half, colour(number))

    def colour(number: int) -> str:
        return cluster_figures.COLOURS[number % len(cluster_figures.COLOURS)]

    def choose(number: int) -> None:
        state["cluster"] = number
        draw()

    def draw() -> None:
        number, stored = state["cluster"], state["stored"]
        at = [name for _, name in case.options].index(case.value)
        image, weights = pictures.rgb(state["images"].sel(case=case.value).to_numpy()), soft(at)
        scale = max(1, round(250 / len(image)))
        heat = pictures.over(image, pictures.heat(weights[number], "positive"), opacity.value)
        labels = np.array(
            [
                [int(colour(one)[digit : digit + 2], 16) for digit in (1, 3, 5)]
                for one in range(k.value)
            ]
        )
        parts = labels.astype(np.uint8)[weights.argmax(axis=0)]
        share = float((weights.argmax(axis=0) == number).mean())
        shown = [
            (image, [case.value]),
            (heat, [f"cluster {number + 1}", f"strongest on {share:.0%} of the tile"]),
            (pictures.over(image, parts, opacity.value), ["the strongest cluster"]),
        ]
        drawn = pictures.png(
            pictures.sheet([(pictures.rgb(one, scale), text) for one, text in shown])
        )
        # both at the end, so that no picture waits beside the words of the one before
        said.value = (
            removed(at, number)
            if "head" in stored
            else "This layer is not the last one: no output to follow."
        )
        picture.value = drawn

    def removed(at: int, number: int) -> str:
        stored, dictionary = state["stored"], state["dictionary"]
        rest, towards, maps = rest_of(stored), torch.ones(1), state["maps"][at : at + 1]
        weights = found_clusters.locations(state["weights"][at : at + 1])
        head = rest.head.weight.detach()[0]
        with torch.no_grad():
            output = float(found_clusters.outputs(rest, maps, towards)[0])
            fall = float(
                found_clusters.removal(rest, maps, weights, dictionary, towards)[0, number]
            )
        predicted = found_clusters.predicted_removal(
            maps, weights, dictionary, head, stored.attrs["pool"]
        )
        return (
            f"The network's output for <b>{stored.attrs['target']}</b> (its logit less that of "
            f"the others): <b>{output:.2f}</b>; without cluster {number + 1} "
            f"<b>{output - fall:.2f}</b>, a fall of {fall:.2f} (predicted "
            f"{float(predicted[0, number]):.2f})."
        )

    chosen.observe(busy.unless(open_study), "value")
    k.observe(busy.unless(fit), "value")
    for control in (case, opacity):
        control.observe(busy.unless(draw), "value")
    open_study()
    return controls.explorer(
        [
            widgets.HBox([chosen, k, case, back, on, opacity], layout=controls.ROW),
            picture,
            said,
            widgets.HTML(
                "<b>Gallery</b>: the tiles where each cluster is strongest. Choose a cluster to "
                "see it above."
            ),
            gallery,
        ],
        study=chosen,
        k=k,
        case=case,
        back=back,
        on=on,
        opacity=opacity,
        gallery=gallery,
        picture=picture,
        said=said,
    )
