"""Your own image: a network, a method, a rule; its map and its region."""

import functools
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from regard.attribution import METHODS, attribute
from regard.core import arrays, tables
from regard.data import letterbox
from regard.explorers import controls, pictures, results, uploads
from regard.figures.style import METHOD_COLOUR
from regard.models import backbones
from regard.selection import SELECTIONS, select

OWN = "my own"
MODEL = "train/model.safetensors"
FEWER = {"lime": {"evaluations": 200}, "shap": {"evaluations": 200}}  # so that one waits seconds
EXAMPLES = 12
NOTHING = "Upload an image, or choose a test image."
PHANTOMS = (
    " The network was trained on generated phantoms: its output for a real image means nothing."
)


class Network(NamedTuple):
    """A trained network and its study.

    `description` is that of the network's file; `images` are the squares of the study; `cases` are
    the explained ones. `parameters` of methods and `variants` of rules are the study's own, so that
    a method is here what it is in the tables.
    """

    model: nn.Sequential
    description: dict[str, Any]
    images: xr.Dataset
    cases: list[str]
    parameters: Mapping[str, dict]
    variants: Mapping[str, dict]

    @property
    def size(self) -> int:
        """Pixels, the side of the square that the network sees."""
        return self.images.sizes["y"]

    def box(self, image: np.ndarray) -> letterbox.Letterbox:
        """How an image lies in the square."""
        height, width = image.shape[:2]
        return letterbox.letterbox(height, width, self.size)

    def image(self, case: str) -> np.ndarray:
        """A test image, uint8 (size, size) or (size, size, 3)."""
        return self.images["images"].sel(case=case).to_numpy()


class Explanation(NamedTuple):
    """An image as the network sees it, its logits, the map, and the region that the rule selects,
    with the parameters of method and rule. `inside` is the image without padding.
    """

    square: np.ndarray
    logits: Tensor
    heat: Tensor
    region: np.ndarray
    inside: tuple[slice, slice]
    parameters: dict
    setting: dict


@dataclass
class Given:
    """The image that is explained, its name and what is to be said about it; the last upload, and
    why it was refused.
    """

    image: np.ndarray | None = None
    name: str = ""
    note: str = ""
    uploaded: tuple[np.ndarray, str, str] | None = None
    refused: str = ""


def named(parameters: Mapping[str, object]) -> str:
    """Parameters in parentheses; "" for none."""
    text = ", ".join(f"{name} {value}" for name, value in sorted(parameters.items()))
    return f" ({text})" if text else ""


def read(folder: Path) -> Network:
    """Read the network of a study, results/study/<id>."""
    model, description = backbones.read(folder / MODEL)
    images = arrays.opened(folder / "prepare" / "images.nc")
    explained = tables.read(folder / "train" / "explanations.csv")["case"]
    parameters, variants = {}, {}
    if (folder / results.MAPS).is_file():
        maps = arrays.opened(folder / results.MAPS).data_vars
        parameters = {
            str(name): json.loads(one.attrs.get("parameters") or "{}") for name, one in maps.items()
        }
    if (folder / "select/regions.nc").is_file():
        variants = json.loads(arrays.opened(folder / "select/regions.nc").attrs["variants"])
    return Network(model, description, images, list(dict.fromkeys(explained)), parameters, variants)


def logits(network: Network, image: np.ndarray) -> Tensor:
    """The logits (classes,) of an image, uint8 (H, W) or (H, W, 3) of any size."""
    square = letterbox.to_square(image, network.box(image))
    with torch.no_grad():
        return network.model(backbones.inputs(torch.from_numpy(square)[None], network.model))[0]


def explained(
    network: Network, image: np.ndarray, target: str, method: str, rule: str
) -> Explanation:
    """Explain one class or finding of an image.

    Parameters
    ----------
    network : Network
        The network and its study.
    image : ndarray
        uint8 (H, W) or (H, W, 3), of any size.
    target : str
        One of the classes or findings of the network.
    method, rule : str
        Names in `regard.attribution.METHODS` and `regard.selection.SELECTIONS`.

    Raises
    ------
    ValueError, RuntimeError
        If the method cannot explain this network.
    """
    box = network.box(image)
    square, inside = letterbox.to_square(image, box), letterbox.inner(box)
    given = backbones.inputs(torch.from_numpy(square)[None], network.model)
    at = network.description["classes"].index(target)
    parameters = network.parameters.get(method, {}) | FEWER.get(method, {})
    heat = attribute(network.model, given, [at], method, **parameters)
    setting = network.variants.get(rule, {}).get("parameters", {})
    region = np.zeros((network.size, network.size), bool)
    cut = select(heat[:, inside[0], inside[1]].double(), rule, **setting)
    region[inside] = cut[0].numpy()
    return Explanation(square, logits(network, image), heat[0], region, inside, parameters, setting)


def drawn(made: Explanation, words: Sequence[str]) -> bytes:
    """The image, the map on it, and the region in it, with `words` below each, as PNG."""
    plain = pictures.rgb(made.square)
    scale = max(1, round(260 / len(plain)))
    over = pictures.over(plain, pictures.heat(made.heat.numpy()), 0.6)
    large = [pictures.rgb(one, scale) for one in (plain, over, plain)]
    large[-1] = pictures.outlined(large[-1], made.region, METHOD_COLOUR, scale)
    return pictures.png(pictures.sheet([(one, [text]) for one, text in zip(large, words)]))


def sentence(network: Network, made: Explanation, given: Given, method: str, rule: str) -> str:
    """What the explorer says about an image, in HTML."""
    one_class = network.description["kind"] == "label"
    chances = made.logits.softmax(0) if one_class else made.logits.sigmoid()
    each = zip(network.description["classes"], chances.tolist())
    predicted = ", ".join(f"{name} {chance:.0%}" for name, chance in each)
    area = float(made.region[made.inside].mean())
    nothing = "" if made.region.any() else ", since the rule selects nothing from this map"
    warned = PHANTOMS if network.images.attrs["data"] == "phantom" else ""
    return (
        f"{html.escape(given.name)}: the network predicts <b>{predicted}</b>. "
        f"{method}{named(made.parameters)}, {rule}{named(made.setting)}: {area:.1%} of the "
        f"image{nothing}.{warned}{given.note} Nothing here is a diagnosis."
    )


class Parts(NamedTuple):
    """The widgets of the explorer."""

    study: widgets.Dropdown
    upload: widgets.FileUpload
    example: widgets.Dropdown
    target: widgets.Dropdown
    method: widgets.Dropdown
    rule: widgets.Dropdown
    picture: widgets.Image
    said: widgets.HTML


def _parts(known: dict[str, str], study: str | None) -> Parts:
    """The widgets; `known` holds the name of each study's network."""
    networks = controls.study(list(known), study)
    first, networks.description = networks.value, "Network"
    controls.choose(networks, [(f"{known[name]}, of {name}", name) for name in known], first)
    largest = f"{uploads.BYTES / 1e6:.0f} MB and {uploads.PIXELS / 1e6:.0f} million pixels"
    upload = widgets.FileUpload(
        accept="image/png,image/jpeg",
        multiple=False,
        description="Upload a PNG or JPEG",
        tooltip=f"8 bits, up to {largest}",
        layout=widgets.Layout(width="auto"),
    )
    return Parts(
        networks,
        upload,
        controls.dropdown("or a test image"),
        controls.dropdown("Explain"),
        controls.dropdown("Method", list(METHODS), value="grad-cam"),
        controls.dropdown("Rule", list(SELECTIONS), value="otsu"),
        controls.picture(),
        widgets.HTML(),
    )


def _take_upload(parts: Parts, given: Given) -> None:
    file = parts.upload.value[0]
    parts.example.value, given.uploaded = OWN, None
    try:
        image, note = uploads.opened(bytes(file["content"]), file["name"])
        given.uploaded = image, file["name"], note
    except (ValueError, OSError) as error:
        given.refused = str(error)


def _show(parts: Parts, network: Network, given: Given) -> None:
    if given.image is None:
        refused, given.refused = given.refused, ""  # it is shown once
        parts.picture.value = pictures.BLANK
        parts.said.value = f"<b>{html.escape(refused)}.</b>" if refused else NOTHING
        return
    target, method, rule = parts.target.value, parts.method.value, parts.rule.value
    parts.said.value = "…"
    try:
        made = explained(network, given.image, target, method, rule)
    except (ValueError, RuntimeError) as error:
        parts.picture.value = pictures.BLANK
        parts.said.value = f"<b>{html.escape(str(error))}</b>"
        return
    words = [given.name[:40], f"{method} for {target}", f"selected by {rule}"]
    parts.picture.value = drawn(made, words)
    parts.said.value = sentence(network, made, given, method, rule)


def own_image(root: Path, study: str | None = None) -> widgets.VBox:
    """Explain an uploaded PNG or JPEG (see `uploads.opened`), or a test image.

    The explorer shows what the network predicts, the map of the chosen method for the chosen class,
    and the region that the chosen rule makes of it. A sentence says why a file is refused.

    Parameters
    ----------
    root : Path
        The folder of the studies, as `regard.explorers.where` gives it.
    study : str, optional
        The study whose network is chosen first.

    Raises
    ------
    FileNotFoundError
        If no network has been trained.
    """
    known = results.studies(root, MODEL)
    names = {name: backbones.description(Path(root) / name / MODEL)["name"] for name in known}
    parts, given = _parts(names, study), Given()
    opened = functools.lru_cache(maxsize=1)(read)

    def network() -> Network:
        return opened(Path(root) / parts.study.value)

    def list_examples() -> None:
        parts.target.options = network().description["classes"]
        options = [OWN, *network().cases[:EXAMPLES]]
        controls.choose(parts.example, options, OWN if given.uploaded else options[1])

    def take_example() -> None:
        case = parts.example.value
        if case == OWN:
            given.image, given.name, given.note = given.uploaded or (None, "", "")
        else:
            given.image, given.name, given.note = network().image(case), f"test image {case}", ""
        if given.image is not None:  # explain the predicted class, or the likeliest finding
            likeliest = int(logits(network(), given.image).argmax())
            parts.target.value = network().description["classes"][likeliest]

    def take_upload() -> None:
        if parts.upload.value:
            _take_upload(parts, given)
            take_example()

    controls.follow(
        lambda: _show(parts, network(), given),
        [parts.target, parts.method, parts.rule],
        [(list_examples, [parts.study]), (take_example, [parts.example])],
        [(take_upload, [parts.upload])],
    )
    first = widgets.HBox([parts.study, parts.upload, parts.example], layout=controls.ROW)
    second = widgets.HBox([parts.target, parts.method, parts.rule], layout=controls.ROW)
    return controls.explorer([first, second, parts.picture, parts.said], **parts._asdict())
