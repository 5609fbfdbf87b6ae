"""Your own image: a network, a method, a rule; its map and its region."""

import html
import json
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch

from regard.attribution import METHODS, attribute
from regard.core import arrays, tables
from regard.data import letterbox
from regard.explorers import controls, pictures, results, uploads
from regard.explorers.controls import NARROW
from regard.figures.style import METHOD_COLOUR
from regard.models import backbones
from regard.selection import SELECTIONS, select

OWN = "my own"
MODEL = "train/model.safetensors"
FEWER = {"lime": {"evaluations": 200}, "shap": {"evaluations": 200}}  # so that one waits seconds


def named(parameters: dict) -> str:
    return (
        f" ({', '.join(f'{name} {value}' for name, value in sorted(parameters.items()))})"
        if parameters
        else ""
    )


def own_image(root: Path, study: str | None = None) -> widgets.VBox:
    """An uploaded PNG or JPEG (`uploads.opened`), or a test image, through a network of the studies
    under `root`.

    root is results/study. It shows what the image is called, the map of the chosen method for the
    chosen class, and the region that the chosen rule makes of it. A file that is refused is named
    in a sentence.

    Raises FileNotFoundError where no network has been trained.
    """
    chosen = controls.study(results.studies(root, MODEL), study)
    begin, chosen.description = chosen.value, "Network"
    backbone = {
        name: backbones.description(Path(root) / name / MODEL)["name"] for name in chosen.options
    }
    chosen.options, chosen.value = (
        [(f"{backbone[name]}, of {name}", name) for name in chosen.options],
        begin,
    )
    upload = widgets.FileUpload(
        accept="image/png,image/jpeg",
        multiple=False,
        description="Upload a PNG or JPEG",
        tooltip=f"8 bits, up to {uploads.BYTES / 1e6:.0f} MB and {uploads.PIXELS / 1e6:.0f} million pixels",
        layout=widgets.Layout(width="auto"),
    )
    example = widgets.Dropdown(description="or a test image", style=NARROW)
    target = widgets.Dropdown(description="Explain", style=NARROW)
    method = widgets.Dropdown(
        options=list(METHODS), value="grad-cam", description="Method", style=NARROW
    )
    rule = widgets.Dropdown(
        options=list(SELECTIONS), value="otsu", description="Rule", style=NARROW
    )
    picture, said = controls.picture(), widgets.HTML()
    state, busy = {"uploaded": None}, controls.Busy()

    def open_study() -> None:
        folder = Path(root) / chosen.value
        model, description = backbones.read(folder / MODEL)
        images = arrays.opened(folder / "prepare" / "images.nc")
        # the study's own parameters, so that a method is here what it is in the tables
        there = {
            name: (arrays.opened(folder / file) if (folder / file).is_file() else None)
            for name, file in (("maps", results.MAPS), ("regions", "select/regions.nc"))
        }
        made = {} if there["maps"] is None else there["maps"].data_vars
        parameters = {name: json.loads(made[name].attrs.get("parameters") or "{}") for name in made}
        variants = (
            {} if there["regions"] is None else json.loads(there["regions"].attrs["variants"])
        )
        state.update(
            model=model,
            description=description,
            images=images,
            parameters=parameters,
            variants=variants,
        )
        with busy:
            target.options = description["classes"]
            explained = tables.read(folder / "train" / "explanations.csv")["case"]
            example.options = [OWN, *list(dict.fromkeys(explained))[:12]]
            example.value = OWN if state["uploaded"] else example.options[1]
        take_example()

    def take_example() -> None:
        if example.value == OWN:
            state["image"], state["name"], state["note"] = state["uploaded"] or (None, "", "")
            return most_likely()
        image = state["images"]["images"].sel(case=example.value).to_numpy()
        state.update(image=image, name=f"test image {example.value}", note="")
        most_likely()

    def take_upload() -> None:
        if not upload.value:
            return
        file = upload.value[0]
        with busy:
            example.value = OWN
        try:
            image, note = uploads.opened(bytes(file["content"]), file["name"])
            state["uploaded"] = image, file["name"], note
        except (ValueError, OSError) as error:
            state["uploaded"] = state["image"] = None
            picture.value, said.value = pictures.BLANK, f"<b>{html.escape(str(error))}.</b>"
            return
        take_example()

    def most_likely() -> None:
        """Explain the class that the network calls, or the likeliest finding."""
        if state["image"] is not None:
            box = letterbox.letterbox(*state["image"].shape[:2], state["images"].sizes["y"])
            with torch.no_grad():
                logits = state["model"](
                    backbones.inputs(
                        torch.from_numpy(letterbox.to_square(state["image"], box))[None],
                        state["model"],
                    )
                )
            with busy:
                target.value = state["description"]["classes"][int(logits[0].argmax())]
        explain()

    def explain() -> None:
        if state["image"] is None:
            picture.value, said.value = pictures.BLANK, "Upload an image, or choose a test image."
            return
        said.value = "…"
        image, model, description = state["image"], state["model"], state["description"]
        size = state["images"].sizes["y"]
        box = letterbox.letterbox(*image.shape[:2], size)
        square = letterbox.to_square(image, box)
        given = backbones.inputs(torch.from_numpy(square)[None], model)
        at = description["classes"].index(target.value)
        try:
            with torch.no_grad():
                logits = model(given)[0]
            parameters = state["parameters"].get(method.value, {}) | FEWER.get(method.value, {})
            heat = attribute(model, given, [at], method.value, **parameters)
        except (ValueError, RuntimeError) as error:
            picture.value, said.value = pictures.BLANK, f"<b>{html.escape(str(error))}</b>"
            return
        inside = letterbox.inner(box)
        cut = state["variants"].get(rule.value, {}).get("parameters", {})
        region = np.zeros((size, size), bool)
        region[inside] = select(heat[:, inside[0], inside[1]].double(), rule.value, **cut)[
            0
        ].numpy()
        plain = pictures.rgb(square)
        scale = max(1, round(260 / size))
        over = pictures.over(plain, pictures.heat(heat[0].numpy()), 0.6)
        shown = [
            (plain, None, [state["name"][:40]]),
            (over, None, [f"{method.value} for {target.value}"]),
        ]
        shown.append((plain, region, [f"selected by {rule.value}"]))
        drawn = [
            (pictures.outlined(pictures.rgb(one, scale), drawn_, METHOD_COLOUR, scale), text)
            for one, drawn_, text in shown
        ]
        picture.value = pictures.png(pictures.sheet(drawn))
        chances = logits.softmax(0) if description["kind"] == "label" else logits.sigmoid()
        called = ", ".join(
            f"{name} {float(share):.0%}" for name, share in zip(description["classes"], chances)
        )
        area = float(region[inside].mean())
        learned = state["images"].attrs["data"]
        warned = (
            " It learned from generated phantoms: of a real image its words mean nothing."
            if learned == "phantom"
            else ""
        )
        said.value = (
            f"{html.escape(state['name'])}: the network says <b>{called}</b>. "
            f"{method.value}{named(parameters)}, {rule.value}{named(cut)}: "
            f"{area:.1%} of the "
            f"image{'' if region.any() else ', since the rule finds nothing in this map'}.{warned}{state['note']} "
            "Nothing here is a diagnosis."
        )

    chosen.observe(busy.unless(open_study), "value")
    upload.observe(busy.unless(take_upload), "value")
    example.observe(busy.unless(take_example), "value")
    for control in (target, method, rule):
        control.observe(busy.unless(explain), "value")
    open_study()
    return controls.explorer(
        [
            widgets.HBox([chosen, upload, example], layout=controls.ROW),
            widgets.HBox([target, method, rule], layout=controls.ROW),
            picture,
            said,
        ],
        study=chosen,
        upload=upload,
        example=example,
        target=target,
        method=method,
        rule=rule,
        picture=picture,
        said=said,
    )
