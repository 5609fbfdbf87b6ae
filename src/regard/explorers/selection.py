"""From heat map to region: a slider for the rule's parameter, and the region, its overlap and the
histogram that follow it.
"""

from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch

from regard.data.letterbox import inner
from regard.evaluation.scores import score
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW
from regard.figures.style import METHOD_COLOUR
from regard.selection import OF, levels

# rule -> its parameter, the ends of the slider, its step and where it begins; Otsu has none
RULES = {
    "bins": ("bins", 2, 40, 1, 10),
    "kmeans": ("k", 2, 5, 1, 3),
    "meanshift": ("quantile", 0.05, 0.6, 0.01, 0.2),
    "otsu": None,
    "top-area": ("area", 0.01, 0.6, 0.01, 0.1),
    "relative-max": ("share", 0.02, 0.98, 0.02, 0.2),
}
SAID = {
    "quantile": "bandwidth (quantile)"
}  # of the distances between values, which scikit-learn's estimate is made from


def selection(root: Path, study: str | None = None) -> widgets.VBox:
    """Turn the maps of the studies under `root` (results/study) into regions, from `study`, or the
    first, on: map, rule, its parameter, and the relevance that counts; the region (blue) and the
    expert's (orange), their IoU, the area, and the histogram with what the rule sees.

    Padding takes no part. Raises FileNotFoundError where no study has maps.
    """
    chosen = controls.study(results.studies(root), study)
    case = widgets.Dropdown(description="Case", style=NARROW)
    heat = widgets.Dropdown(description="Map", style=NARROW)
    rule = widgets.Dropdown(options=list(RULES), value="otsu", description="Rule", style=NARROW)
    of = widgets.ToggleButtons(options=list(OF), description="Relevance", style=NARROW)
    value = widgets.FloatSlider(
        description="Parameter", continuous_update=True, style=NARROW, readout_format=".2f"
    )
    picture, counts = controls.picture(), controls.picture()
    said = widgets.HTML()
    state, busy = {"seen": {}}, controls.Busy()

    def open_study() -> None:
        with busy:
            state["results"] = found = results.read(Path(root) / chosen.value)
            case.options = controls.cases(found.rows)
            case.value = case.options[0][1]
        list_maps()

    def list_maps() -> None:
        there, before = state["results"].names(*case.value), heat.value
        with busy:
            heat.options = there
            heat.value = (
                before if before in there else "gradient" if "gradient" in there else there[0]
            )
        draw()

    def slide() -> None:
        told = RULES[rule.value]
        with busy:
            value.disabled, value.description = told is None, "no parameter"
            if told:
                name, low, high, step, start = told
                value.max, value.min = (
                    max(high, value.min),
                    low,
                )  # never a least value above the largest
                value.max, value.step, value.value, value.description = (
                    high,
                    step,
                    start,
                    SAID.get(name, name),
                )
        draw()

    def draw() -> None:
        found, where, told = state["results"], case.value, RULES[rule.value]
        box = inner(found.box(where[0]))
        map_ = torch.from_numpy(found.map(heat.value, *where)).double()[box]
        parameters = (
            {told[0]: int(value.value) if isinstance(told[4], int) else value.value} if told else {}
        )
        key = (chosen.value, *where, heat.value, rule.value, of.value, *parameters.values())
        if key not in state["seen"]:
            state["seen"] = dict(list(state["seen"].items())[-99:])  # a slider goes back and forth
            if heat.value == "ones" and rule.value != "top-area":
                # as the stage `select` has it: the null map of everything
                state["seen"][key] = torch.ones_like(map_, dtype=bool), []
            else:
                state["seen"][key] = levels(map_, rule.value, of.value, **parameters)
        region, marks = state["seen"][key]
        whole = np.zeros(found.images.shape[1:3], bool)
        whole[box] = region.numpy()
        outline = found.outline(*where)
        scale = max(1, round(400 / len(whole)))
        shown = pictures.outlined(
            pictures.rgb(found.image(where[0]), scale), whole, METHOD_COLOUR, scale
        )
        picture.value = pictures.png(pictures.outlined(shown, outline, scale=scale))
        values = OF[of.value](map_)
        counts.value = pictures.png(pictures.histogram(values.numpy(), region.numpy(), marks))
        iou = "not drawn"
        if outline is not None and not outline.any() and not region.any():
            iou = "undefined, both are empty"
        elif outline is not None:
            iou = (
                f"{float(score(region[None], torch.from_numpy(outline[box])[None], 'iou')[0]):.2f}"
            )
        said.value = (
            f"IoU with the expert's region: <b>{iou}</b>; area: "
            f"<b>{float(region.double().mean()):.1%}</b> of the image"
            + ("" if region.any() else ": the rule selects nothing of this map")
        )

    chosen.observe(busy.unless(open_study), "value")
    case.observe(busy.unless(list_maps), "value")
    rule.observe(busy.unless(slide), "value")
    for control in (heat, of, value):
        control.observe(busy.unless(draw), "value")
    value.disabled, value.description = RULES[rule.value] is None, "no parameter"
    open_study()
    return controls.explorer(
        [
            widgets.HBox([chosen, case, heat], layout=controls.ROW),
            widgets.HBox([rule, value, of], layout=controls.ROW),
            widgets.HBox([picture, counts]),
            said,
        ],
        study=chosen,
        case=case,
        map=heat,
        rule=rule,
        value=value,
        of=of,
        picture=picture,
        counts=counts,
        said=said,
    )
