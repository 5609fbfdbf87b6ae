"""From heat map to region: a slider for the rule's parameter, and the region, its overlap and the
histogram that follow it.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
import torch
from torch import Tensor

from regard.data.letterbox import inner
from regard.evaluation.scores import score
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW
from regard.figures.style import METHOD_COLOUR
from regard.selection import OF, levels


class Knob(NamedTuple):
    """The parameter of a rule: the ends of its slider, the step, and where it starts."""

    parameter: str
    least: float
    largest: float
    step: float
    start: float


RULES = {  # Otsu's threshold has no parameter
    "bins": Knob("bins", 2, 40, 1, 10),
    "kmeans": Knob("k", 2, 5, 1, 3),
    "meanshift": Knob("quantile", 0.05, 0.6, 0.01, 0.2),
    "otsu": None,
    "top-area": Knob("area", 0.01, 0.6, 0.01, 0.1),
    "relative-max": Knob("share", 0.02, 0.98, 0.02, 0.2),
}
FIRST = "top-area"
# of the distances between values, from which scikit-learn estimates the bandwidth
SAID = {"quantile": "bandwidth (quantile)"}


class Cut(NamedTuple):
    """A region, the values it was cut from, and where the rule cuts them, all without padding."""

    region: Tensor
    values: Tensor
    marks: Sequence[float]


def cut(
    found: results.Results,
    name: str,
    case: str,
    target: str,
    rule: str,
    of: str = "positive",
    **parameters: float,
) -> Cut:
    """Cut a region out of a map, as stage `select` does.

    Parameters
    ----------
    found : Results
        The results of a study.
    name, case, target : str
        Which map, of which case, for which class or finding.
    rule : str
        A key of RULES.
    of : str
        Which relevance counts, a key of `regard.selection.OF`.
    **parameters : float
        The parameter of the rule.

    Returns
    -------
    Cut
        `region` is bool (h, w), `values` float64 (h, w): the image in the square, without padding.
    """
    box = inner(found.box(case))
    heat = torch.from_numpy(found.map(name, case, target)).double()[box]
    if name == "ones" and rule != "top-area":  # as in stage `select`: this null map is everything
        return Cut(torch.ones_like(heat, dtype=torch.bool), OF[of](heat), [])
    region, marks = levels(heat, rule, of, **parameters)
    return Cut(region, OF[of](heat), marks)


def overlap(found: results.Results, case: str, target: str, region: Tensor) -> float | None:
    """The IoU of a region (see `Cut`) with the expert's.

    Returns
    -------
    float or None
        From 0 to 1; NaN if both regions are empty; None if the expert drew nothing.
    """
    outline = found.outline(case, target)
    if outline is None:
        return None
    if not outline.any() and not region.any():
        return float("nan")
    expert = torch.from_numpy(outline[inner(found.box(case))])
    return float(score(region[None], expert[None], "iou")[0])


def sentence(iou: float | None, region: Tensor) -> str:
    """What the explorer says about a region."""
    if iou is None:
        said = "the expert's region is not drawn"
    elif iou != iou:
        said = "undefined, both regions are empty"
    else:
        said = f"{iou:.2f}"
    nothing = "" if region.any() else ". The rule selects nothing from this map"
    area = float(region.double().mean())
    return (
        f"IoU with the expert's region: <b>{said}</b>; area: <b>{area:.1%}</b> of the image"
        f"{nothing}."
    )


def drawn(found: results.Results, case: str, target: str, region: Tensor) -> bytes:
    """The image with the region (blue) and the expert's (orange), as PNG."""
    whole = np.zeros(found.images.shape[1:3], bool)
    whole[inner(found.box(case))] = region.numpy()
    scale = max(1, round(400 / len(whole)))
    image = pictures.rgb(found.image(case), scale)
    shown = pictures.outlined(image, whole, METHOD_COLOUR, scale)
    return pictures.png(pictures.outlined(shown, found.outline(case, target), scale=scale))


class Parts(NamedTuple):
    """The widgets of the explorer."""

    study: widgets.Dropdown
    case: widgets.Dropdown
    map: widgets.Dropdown
    rule: widgets.Dropdown
    value: widgets.FloatSlider
    of: widgets.ToggleButtons
    picture: widgets.Image
    counts: widgets.Image
    said: widgets.HTML


def _parts(known: Sequence[str], study: str | None) -> Parts:
    return Parts(
        controls.study(known, study),
        controls.dropdown("Case"),
        controls.dropdown("Map"),
        controls.dropdown("Rule", list(RULES), value=FIRST),
        widgets.FloatSlider(description="Parameter", style=NARROW, readout_format=".2f"),
        widgets.ToggleButtons(options=list(OF), description="Relevance", style=NARROW),
        controls.picture(),
        controls.picture(),
        widgets.HTML(),
    )


def _set_slider(slider: widgets.FloatSlider, knob: Knob | None) -> None:
    slider.disabled = knob is None
    if knob is None:
        slider.description = "no parameter"
        return
    slider.max = max(knob.largest, slider.min)  # the least value must never exceed the largest
    slider.min, slider.max, slider.step = knob.least, knob.largest, knob.step
    slider.value, slider.description = knob.start, SAID.get(knob.parameter, knob.parameter)


def _setting(knob: Knob | None, value: float) -> dict[str, float]:
    if knob is None:
        return {}
    return {knob.parameter: int(value) if isinstance(knob.start, int) else value}


def selection(root: Path, study: str | None = None) -> widgets.VBox:
    """Turn maps into regions by a rule, and see what its parameter changes.

    The explorer shows the region (blue) and the expert's (orange), their IoU, the area, and the
    histogram with what the rule selects. Padding takes no part.

    Parameters
    ----------
    root : Path
        The folder of the studies, as `regard.explorers.where` gives it.
    study : str, optional
        The study that is shown first.

    Raises
    ------
    FileNotFoundError
        If no study has maps.
    """
    parts = _parts(results.studies(root), study)
    opened = functools.lru_cache(maxsize=1)(results.read)
    remembered = functools.lru_cache(maxsize=100)(cut)  # a slider goes back and forth

    def list_cases() -> None:
        remembered.cache_clear()  # or the results of the study before stay in memory
        options = controls.cases(opened(Path(root) / parts.study.value).rows)
        controls.choose(parts.case, options, options[0][1])

    def list_maps() -> None:
        names = opened(Path(root) / parts.study.value).names(*parts.case.value)
        first = "gradient" if "gradient" in names else names[0]
        controls.choose(parts.map, names, parts.map.value if parts.map.value in names else first)

    def draw() -> None:
        found = opened(Path(root) / parts.study.value)
        case, target = parts.case.value
        setting = _setting(RULES[parts.rule.value], parts.value.value)
        made = remembered(
            found, parts.map.value, case, target, parts.rule.value, parts.of.value, **setting
        )
        parts.picture.value = drawn(found, case, target, made.region)
        histogram = pictures.histogram(made.values.numpy(), made.region.numpy(), made.marks)
        parts.counts.value = pictures.png(histogram)
        parts.said.value = sentence(overlap(found, case, target, made.region), made.region)

    def set_slider() -> None:
        _set_slider(parts.value, RULES[parts.rule.value])

    controls.follow(
        draw,
        [parts.map, parts.of, parts.value],
        [(list_cases, [parts.study]), (list_maps, [parts.case])],
        [(set_slider, [parts.rule])],
    )
    rows = [
        widgets.HBox([parts.study, parts.case, parts.map], layout=controls.ROW),
        widgets.HBox([parts.rule, parts.value, parts.of], layout=controls.ROW),
        widgets.HBox([parts.picture, parts.counts]),
    ]
    return controls.explorer([*rows, parts.said], **parts._asdict())
