"""Heat maps of one case side by side, on the image, with the expert's outline and the scores."""

from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch

from regard.evaluation.scores import score
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW

DISAGREE = "methods disagree"
FIRST = (
    "gradient",
    "lrp-epsilon",
    "grad-cam",
    "integrated-gradients",
    "centre",
    "random-network",
)  # shown at first, where they are


def heat_maps(root: Path, study: str | None = None) -> widgets.VBox:
    """Browse the heat maps of the studies under `root` (results/study), from `study`, or the first,
    on.

    Which cases are shown: all, those called wrong or right, or those of which some of the methods
    shown (null maps are none) point into the expert's region and some do not. A case is explained
    for what it was called, and for its label. Under each map: whether its maximum lies in the
    expert's region, and the share of positive relevance inside (see regard.evaluation.scores), on
    the square the network sees. Every control works by keyboard. Raises FileNotFoundError where no
    study has maps.
    """
    chosen = controls.study(results.studies(root), study)
    kind = widgets.Dropdown(options=(*results.SHOWN, DISAGREE), description="Cases", style=NARROW)
    case = widgets.Dropdown(description="Case", style=NARROW)
    target = widgets.Dropdown(description="Explained for", style=NARROW)
    back, on = controls.steps(case, "case")
    opacity = widgets.FloatSlider(
        0.6, min=0, max=1, step=0.05, description="Opacity", continuous_update=True, style=NARROW
    )
    sign = widgets.ToggleButtons(
        options=list(pictures.COLOURS), description="Relevance", style=NARROW
    )
    colours = widgets.Dropdown(
        options=pictures.COLOURS["signed"], description="Colours", style=NARROW
    )
    expert = widgets.Checkbox(True, description="Expert's outline", indent=False)
    methods = controls.Several("Maps")
    picture, said = controls.picture(), widgets.HTML()
    state, busy = {}, controls.Busy()

    def open_study() -> None:
        with busy:
            state["results"] = found = results.read(Path(root) / chosen.value)
            every = list(found.maps.data_vars)
            methods.options, methods.value = every, [name for name in FIRST if name in every]
        list_cases()

    def list_cases() -> None:
        with busy:
            found = state["results"]
            rows = (
                found.rows
                if kind.value not in results.SHOWN
                else results.SHOWN[kind.value](found.rows)
            )
            if kind.value == DISAGREE:
                rows = rows[[disagree(row.case, row.target) for row in rows.itertuples()]]
            case.options = controls.cases(rows)
            case.value = case.options[0][1] if len(rows) else None
        list_targets()

    def list_targets() -> None:
        with busy:
            target.options = state["results"].targets(case.value[0]) if case.value else []
            target.value = case.value[1] if case.value else None
        draw()

    def list_colours() -> None:
        with busy:
            colours.options = pictures.COLOURS[sign.value]
        draw()

    def hit(name: str, where: tuple[str, str]) -> float:
        outline = state["results"].outline(*where)
        return float("nan") if outline is None else float(scored(name, where, outline, "pointing"))

    def scored(name: str, where: tuple[str, str], outline: np.ndarray, of: str) -> float:
        heat = torch.from_numpy(state["results"].map(name, *where)).double()[None]
        return float(score(heat, torch.from_numpy(outline)[None], of)[0])

    def disagree(name: str, target: str) -> bool:
        found = state["results"]
        there = set(found.names(name, target)) & set(methods.value)
        there = {one for one in there if found.maps[one].attrs["kind"] == "method"}
        return (
            len({value for value in (hit(one, (name, target)) for one in there) if value == value})
            > 1
        )

    def draw() -> None:
        if case.value is None:
            picture.value, said.value = pictures.BLANK, "no such case"
            return
        found, where = state["results"], (case.value[0], target.value)
        image, outline = pictures.rgb(found.image(where[0])), found.outline(*where)
        scale = max(1, round(200 / len(image)))
        shown = [(pictures.rgb(image, scale), ["image"])]
        for name in [name for name in methods.value if name in found.names(*where)]:
            text = [name]
            if outline is not None and outline.any():
                inside = "inside" if hit(name, where) == 1 else "outside"
                text += [f"maximum {inside}", f"mass {scored(name, where, outline, 'mass'):.2f}"]
            coloured = pictures.over(
                image,
                pictures.heat(found.map(name, *where), sign.value, colours.value),
                opacity.value,
            )
            shown.append((pictures.rgb(coloured, scale), text))
        drawn = outline if expert.value else None
        picture.value = pictures.png(
            pictures.sheet(
                [(pictures.outlined(one, drawn, scale=scale), text) for one, text in shown]
            )
        )
        lacking = [name for name in methods.value if name not in found.names(*where)]
        told = "" if outline is not None else "The expert drew nothing here. "
        said.value = told + (f"Not made of this case: {', '.join(lacking)}." if lacking else "")

    chosen.observe(busy.unless(open_study), "value")
    kind.observe(busy.unless(list_cases), "value")
    case.observe(busy.unless(list_targets), "value")
    sign.observe(busy.unless(list_colours), "value")
    for control in (target, opacity, colours, expert, methods):
        control.observe(busy.unless(draw), "value")
    open_study()
    left = widgets.VBox(
        [methods, opacity, sign, colours, expert], layout=widgets.Layout(flex="0 0 auto")
    )
    return controls.explorer(
        [
            widgets.HBox([chosen, kind, case, target, back, on], layout=controls.ROW),
            widgets.HBox([left, picture]),
            said,
        ],
        study=chosen,
        cases=kind,
        case=case,
        target=target,
        back=back,
        on=on,
        opacity=opacity,
        sign=sign,
        colours=colours,
        expert=expert,
        maps=methods,
        picture=picture,
        said=said,
    )
