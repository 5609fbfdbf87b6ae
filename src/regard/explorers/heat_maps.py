"""Heat maps of one case side by side, on the image, with the expert's outline and the scores."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets
import pandas as pd
import torch

from regard.evaluation.scores import score
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW

DISAGREE = "methods disagree"
# the maps that are checked at first, where they are
FIRST = (
    "gradient",
    "lrp-epsilon",
    "grad-cam",
    "integrated-gradients",
    "centre",
    "random-network",
)


class Look(NamedTuple):
    """How maps are drawn: the sign of relevance and its colours (see `pictures.heat`), the opacity
    from 0 to 1, and whether the expert's outline is drawn.
    """

    sign: str
    colours: str
    opacity: float
    expert: bool


def scored(found: results.Results, name: str, case: str, target: str, measure: str) -> float:
    """A score of one map against the expert's region, on the square that the network sees.

    Parameters
    ----------
    found : Results
        The results of a study.
    name, case, target : str
        Which map, of which case, for which class or finding.
    measure : str
        A score of maps, such as "pointing" (1 if the maximum lies inside) or "mass" (see
        `regard.evaluation.scores`).

    Returns
    -------
    float
        NaN where the expert drew nothing.
    """
    outline = found.outline(case, target)
    if outline is None:
        return float("nan")
    heat = torch.from_numpy(found.map(name, case, target)).double()[None]
    return float(score(heat, torch.from_numpy(outline)[None], measure)[0])


def disagreeing(found: results.Results, names: Sequence[str]) -> pd.DataFrame:
    """The rows where some of the methods point into the expert's region and some do not.

    `names` are maps; null maps among them do not count.
    """

    def disagree(case: str, target: str) -> bool:
        there = set(found.names(case, target)) & set(names)
        methods = [name for name in there if found.maps[name].attrs["kind"] == "method"]
        hits = {scored(found, name, case, target, "pointing") for name in methods}
        return len({hit for hit in hits if hit == hit}) > 1

    rows = found.rows
    return rows[[disagree(row["case"], row["target"]) for _, row in rows.iterrows()]]


def lines_below(found: results.Results, name: str, case: str, target: str) -> list[str]:
    """What is written below a map: its name, and its scores where the expert drew something."""
    outline = found.outline(case, target)
    if outline is None or not outline.any():
        return [name]
    inside = scored(found, name, case, target, "pointing") == 1
    mass = scored(found, name, case, target, "mass")
    return [name, f"maximum {'inside' if inside else 'outside'}", f"mass {mass:.2f}"]


def drawn(
    found: results.Results, case: str, target: str, names: Sequence[str], look: Look
) -> bytes:
    """The image and the maps `names` on it, as PNG."""
    image = pictures.rgb(found.image(case))
    scale = max(1, round(200 / len(image)))
    shown = [(pictures.rgb(image, scale), ["image"])]
    for name in names:
        heat = pictures.heat(found.map(name, case, target), look.sign, look.colours)
        coloured = pictures.rgb(pictures.over(image, heat, look.opacity), scale)
        shown.append((coloured, lines_below(found, name, case, target)))
    outline = found.outline(case, target) if look.expert else None
    outlined = [(pictures.outlined(one, outline, scale=scale), text) for one, text in shown]
    return pictures.png(pictures.sheet(outlined))


def sentence(found: results.Results, case: str, target: str, missing: Sequence[str]) -> str:
    """What the explorer says about a case; `missing` are the maps that it lacks."""
    said = [] if found.outline(case, target) is not None else ["The expert drew nothing here."]
    if missing:
        said.append(f"Not computed for this case: {', '.join(missing)}.")
    return " ".join(said)


class Parts(NamedTuple):
    """The widgets of the explorer."""

    study: widgets.Dropdown
    cases: widgets.Dropdown
    case: widgets.Dropdown
    target: widgets.Dropdown
    back: widgets.Button
    on: widgets.Button
    opacity: widgets.FloatSlider
    sign: widgets.ToggleButtons
    colours: widgets.Dropdown
    expert: widgets.Checkbox
    maps: controls.Several
    picture: widgets.Image
    said: widgets.HTML


def _parts(known: Sequence[str], study: str | None) -> Parts:
    case, signs = controls.dropdown("Case"), list(pictures.COLOURS)
    return Parts(
        controls.study(known, study),
        controls.dropdown("Cases", (*results.SHOWN, DISAGREE)),
        case,
        controls.dropdown("Explained for"),
        *controls.steps(case, "case"),
        controls.opacity(),
        widgets.ToggleButtons(options=signs, description="Relevance", style=NARROW),
        controls.dropdown("Colours"),
        widgets.Checkbox(True, description="Expert's outline", indent=False),
        controls.Several("Maps"),
        controls.picture(),
        widgets.HTML(),
    )


def _layout(parts: Parts) -> list[widgets.Widget]:
    chosen = [parts.study, parts.cases, parts.case, parts.target, parts.back, parts.on]
    left = [parts.maps, parts.opacity, parts.sign, parts.colours, parts.expert]
    beside = widgets.VBox(left, layout=widgets.Layout(flex="0 0 auto"))
    first = widgets.HBox(chosen, layout=controls.ROW)
    return [first, widgets.HBox([beside, parts.picture]), parts.said]


def heat_maps(root: Path, study: str | None = None) -> widgets.VBox:
    """Browse the heat maps of the studies.

    A case is explained for the class that the network predicts, and for its label. The cases that
    are listed are all, the misclassified or correctly classified ones, or those where some of the
    checked methods (not null maps) point into the expert's region and some do not. Below each map
    stand the pointing game and the relevance mass. Every control works by keyboard.

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
    read = functools.lru_cache(maxsize=1)(results.read)

    def opened() -> results.Results:
        return read(Path(root) / parts.study.value)

    def list_maps() -> None:
        names = [str(name) for name in opened().maps.data_vars]
        parts.maps.options = names
        parts.maps.value = tuple(name for name in FIRST if name in names)

    def list_cases() -> None:
        found, kind = opened(), parts.cases.value
        rows = disagreeing(found, parts.maps.value) if kind == DISAGREE else found.shown(kind)
        options = controls.cases(rows)
        controls.choose(parts.case, options, options[0][1] if options else None)

    def list_targets() -> None:
        case, target = parts.case.value or (None, None)
        controls.choose(parts.target, opened().targets(case) if case else [], target)

    def list_colours() -> None:
        parts.colours.options = pictures.COLOURS[parts.sign.value]

    def draw() -> None:
        if parts.case.value is None:
            parts.picture.value, parts.said.value = pictures.BLANK, "There is no such case."
            return
        found, where = opened(), (parts.case.value[0], parts.target.value)
        made = found.names(*where)
        look = Look(parts.sign.value, parts.colours.value, parts.opacity.value, parts.expert.value)
        names = [name for name in parts.maps.value if name in made]
        parts.picture.value = drawn(found, *where, names, look)
        parts.said.value = sentence(found, *where, [n for n in parts.maps.value if n not in made])

    controls.follow(
        draw,
        [parts.target, parts.opacity, parts.colours, parts.expert, parts.maps],
        [(list_maps, [parts.study]), (list_cases, [parts.cases]), (list_targets, [parts.case])],
        [(list_colours, [parts.sign])],
    )
    return controls.explorer(_layout(parts), **parts._asdict())
