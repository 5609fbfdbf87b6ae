"""From heat map to region: a slider for the rule's parameter, and the region, its overlap and the histogram that follow it."""

from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch

from regard import kernels
from regard.geometry import inner
from regard.plots import METHOD_COLOUR
from regard.scores import score
from regard.selection import NONE, OF, select
from regard.widgets import pictures, results

NARROW = {"description_width": "initial"}
# rule -> its parameter, the ends of the slider, its step and where it begins; Otsu has none
RULES = {
    "bins": ("bins", 2, 40, 1, 10),
    "kmeans": ("k", 2, 5, 1, 3),
    "meanshift": ("quantile", 0.05, 0.6, 0.01, 0.2),
    "otsu": None,
    "top-area": ("area", 0.01, 0.6, 0.01, 0.1),
    "relative-max": ("share", 0.02, 0.98, 0.02, 0.2),
}


def marks(values: torch.Tensor, rule: str, parameters: dict, region: torch.Tensor) -> list[float]:
    """What the rule sees in the values (n,) that take part: the modes of mean shift, the centres of k-means, the edges of bins; of the others the
    least value that is selected."""
    taking = values[values > NONE]
    if not len(taking) or taking.min() == taking.max():
        return []
    if rule == "kmeans":
        return [centre for centre in kernels.kmeans_1d(taking, parameters["k"])[1].tolist() if centre == centre]
    if rule == "meanshift":
        width = kernels.bandwidth_1d(taking, parameters["quantile"])
        return kernels.mean_shift_1d(taking, width)[1].tolist() if width > 0 else []
    if rule == "bins":
        return torch.linspace(float(taking.min()), float(taking.max()), parameters["bins"] + 1).tolist()
    return [float(values[region].min())] if region.any() else []


def selection(root: Path, study: str | None = None) -> widgets.VBox:
    """Turn the maps of the studies under `root` (results/study) into regions, from `study`, or the first, on: map, rule, its parameter, and the
    relevance that counts; the region (blue) and the expert's (orange), their IoU, the area, and the histogram with what the rule sees.

    Padding takes no part. Raises FileNotFoundError where no study has maps.
    """
    known = results.studies(root)
    chosen = widgets.Dropdown(options=known, value=study or known[0], description="Study", style=NARROW)
    case = widgets.Dropdown(description="Case", style=NARROW)
    heat = widgets.Dropdown(description="Map", style=NARROW)
    rule = widgets.Dropdown(options=list(RULES), value="otsu", description="Rule", style=NARROW)
    of = widgets.ToggleButtons(options=list(OF), description="Relevance", style=NARROW)
    value = widgets.FloatSlider(description="Parameter", continuous_update=True, style=NARROW, readout_format=".2f")
    picture, counts = (widgets.Image(format="png", layout=widgets.Layout(max_width="100%")) for _ in range(2))
    said = widgets.HTML()
    state = {"results": None, "busy": False}

    def open_study(_=None) -> None:
        state["busy"] = True
        state["results"] = found = results.read(Path(root) / chosen.value)
        rows = zip(found.rows["case"], found.rows["target"], found.rows["label"])
        case.options = [
            (f"{name}: {label}" + (f", explained for {target}" if target != label else ""), (name, target))
            for name, target, label in rows
        ]
        case.value = case.options[0][1]
        list_maps()
        state["busy"] = False
        draw()

    def list_maps(_=None) -> None:
        there, before = state["results"].names(*case.value), heat.value
        heat.options = there
        heat.value = before if before in there else "gradient" if "gradient" in there else there[0]

    def slide(_=None) -> None:
        state["busy"], told = True, RULES[rule.value]
        value.disabled = told is None
        if told:
            name, low, high, step, start = told
            value.max, value.min = max(high, value.min), low  # never a least value above the largest
            value.max, value.step, value.value, value.description = high, step, start, name
        state["busy"] = False
        draw()

    def draw(_=None) -> None:
        if state["busy"]:
            return
        found, where, told = state["results"], case.value, RULES[rule.value]
        box = inner(found.box(where[0]))
        map_ = torch.from_numpy(found.map(heat.value, *where)).double()[box]
        parameters = {told[0]: int(value.value) if isinstance(told[4], int) else value.value} if told else {}
        region = select(map_[None], rule.value, of=of.value, **parameters)[0]
        whole = np.zeros(found.images.shape[1:3], bool)
        whole[box] = region.numpy()
        outline = found.outline(*where)
        scale = max(1, round(400 / len(whole)))
        shown = pictures.outlined(pictures.rgb(found.image(where[0]), scale), outline, scale=scale)
        picture.value = pictures.png(pictures.outlined(shown, whole, METHOD_COLOUR, scale))
        values = OF[of.value](map_)
        counts.value = pictures.png(
            pictures.histogram(
                values.numpy(), region.numpy(), marks(values.flatten(), rule.value, parameters, region.flatten())
            )
        )
        iou = (
            "not drawn"
            if outline is None
            else f"{float(score(region[None], torch.from_numpy(outline[box])[None], 'iou')[0]):.2f}"
        )
        said.value = (
            f"IoU with the expert's region: <b>{iou}</b>; area: <b>{float(region.double().mean()):.1%}</b> of the image"
        )

    chosen.observe(open_study, "value")
    case.observe(lambda _: None if state["busy"] else (list_maps(), draw()), "value")
    rule.observe(slide, "value")
    for control in (heat, of, value):
        control.observe(draw, "value")
    value.disabled = RULES[rule.value] is None
    open_study()
    top = widgets.HBox([chosen, case, heat], layout=widgets.Layout(flex_flow="row wrap"))
    box = widgets.VBox(
        [
            top,
            widgets.HBox([rule, value, of], layout=widgets.Layout(flex_flow="row wrap")),
            widgets.HBox([picture, counts]),
            said,
        ]
    )
    box.parts = {
        "study": chosen,
        "case": case,
        "map": heat,
        "rule": rule,
        "value": value,
        "of": of,
        "picture": picture,
        "counts": counts,
        "said": said,
    }
    return box
