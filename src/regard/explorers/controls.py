"""Parts that all explorers share: named controls that work by keyboard, and how they follow one
another.

Every explorer has the same four pieces. `Parts` names its widgets, and a function makes them.
Functions without widgets read a study and compute. Others draw a picture or write a sentence. The
explorer itself ties these together with `follow` and lays the widgets out.
"""

import atexit
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import pandas as pd
import traitlets

NARROW = {"description_width": "initial"}
SHORT = widgets.Layout(width="auto", min_height="24px")
WIDE = widgets.Layout(width="98%")
ROW = widgets.Layout(flex_flow="row wrap", align_items="center")
Step = tuple[Callable[[], None], Sequence[widgets.Widget]]


def study(known: Sequence[str], chosen: str | None) -> widgets.Dropdown:
    """A list of studies.

    Parameters
    ----------
    known : sequence of str
        The studies that can be chosen.
    chosen : str or None
        The study that is chosen first; None for the first of `known`.

    Raises
    ------
    ValueError
        If `chosen` is not in `known`.
    """
    if chosen is not None and chosen not in known:
        raise ValueError(
            f"there are no results of study {chosen!r} to explore; there are results of "
            f"{', '.join(known)}"
        )
    return widgets.Dropdown(
        options=known, value=chosen or known[0], description="Study", style=NARROW
    )


def dropdown(description: str, options: Sequence = (), **more: Any) -> widgets.Dropdown:
    """A list to choose one option from."""
    return widgets.Dropdown(options=options, description=description, style=NARROW, **more)


def choose(
    control: widgets.Dropdown | widgets.SelectionSlider, options: Sequence, value: Any
) -> None:
    """Set the options of a list, and the one that is chosen."""
    control.options = options
    control.value = value


def opacity() -> widgets.FloatSlider:
    """How much a heat map covers the image below it, from 0 to 1."""
    return widgets.FloatSlider(0.6, min=0, max=1, step=0.05, description="Opacity", style=NARROW)


def rater() -> widgets.Text:
    """Who answers the questions of a survey."""
    return widgets.Text(
        description="Rater", placeholder="your initials", style=NARROW, continuous_update=False
    )


def free_text(question: str) -> widgets.Textarea:
    """A question that is answered in free text."""
    return widgets.Textarea(
        description=question, style=NARROW, layout=WIDE, continuous_update=False
    )


def picture() -> widgets.Image:
    """A PNG, at most as wide as the page.

    The widget of ipywidgets has no alternative text, so an explorer describes its picture in words
    beside it.
    """
    return widgets.Image(
        format="png", layout=widgets.Layout(max_width="100%", align_self="flex-start")
    )


def cases(rows: pd.DataFrame) -> list[tuple[str, tuple[str, str]]]:
    """The options of a list of cases, for rows of explanations.csv: (text, (case, target))."""
    return [
        (
            f"{name}: {label}" + (f", explained for {target}" if target != label else ""),
            (name, target),
        )
        for name, target, label in zip(rows["case"], rows["target"], rows["label"])
    ]


def answers(question: str, known: Sequence[str]) -> widgets.ToggleButtons:
    """A question with fixed answers, and "no answer" (the value "").

    The answers are buttons, since JupyterLab uses the arrow keys of radio buttons itself.
    """
    options = [("no answer", ""), *((answer, answer) for answer in known)]
    width = widgets.ToggleButtonsStyle(description_width="initial", button_width="auto")
    return widgets.ToggleButtons(
        options=options, value="", description=question, style=width, layout=WIDE
    )


def change_without(fall: float, digits: int, interval: tuple[float, float] | None = None) -> str:
    """What an output does when a part of the network is removed: "falls by 0.30", "rises by 0.30",
    or "does not change".

    Parameters
    ----------
    fall : float
        The output less the output without the part; negative if the output rises.
    digits : int
        Decimals of the numbers.
    interval : tuple of float, optional
        The confidence interval of `fall`. It is turned round for a rise.
    """
    amount = f"{abs(fall):.{digits}f}"
    if float(amount) == 0:
        verb, amount, sign = "does not change", "", 1
    else:
        verb, sign = ("falls by ", 1) if fall > 0 else ("rises by ", -1)
    if interval is None:
        return verb + amount
    # 0.0 is added so that no number reads -0.00
    low, high = sorted(round(sign * end, digits) + 0.0 for end in interval)
    return f"{verb}{amount} [{low:.{digits}f}, {high:.{digits}f}]"


class Busy:
    """A context in which functions wrapped by `unless` are not called.

    An explorer enters it while it sets several controls that belong together.
    """

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1

    def unless(self, call: Callable[[], None]) -> Callable[..., None]:
        """`call`, whatever arguments it gets, but not inside this context."""

        def called(*_: object) -> None:
            if not self.depth:
                call()

        return called


def follow(
    draw: Callable[[], None], changed: Sequence[widgets.Widget], *chains: Sequence[Step]
) -> None:
    """Draw now, and again after each change of a control.

    Parameters
    ----------
    draw : callable
        Draws what the controls say.
    changed : sequence of widgets
        The controls whose change only draws.
    *chains : sequence of (callable, sequence of widgets)
        Steps that set controls, one after the other, each with the controls that it follows. All
        of them run now. After a change of a control its step runs, then the later steps of its
        chain, then `draw`. What a step changes itself starts nothing.
    """
    busy = Busy()

    def starting_at(steps: Sequence[Step]) -> Callable[[], None]:
        def run() -> None:
            with busy:
                for call, _ in steps:
                    call()
                draw()

        return run

    for chain in chains:
        for number, (_, followed) in enumerate(chain):
            for control in followed:
                control.observe(busy.unless(starting_at(chain[number:])), "value")
    for control in changed:
        control.observe(busy.unless(starting_at([])), "value")
    starting_at([step for chain in chains for step in chain])()


class Several(widgets.VBox):
    """Some of several names, each with a checkbox.

    A list of ipywidgets would do, but JupyterLab uses the arrow keys of a list itself. `options`
    are the names; `value` holds the checked ones, in the order of the options.
    """

    value = traitlets.Tuple()

    def __init__(self, description: str):
        super().__init__(layout=widgets.Layout(min_width="200px"))
        self._boxes: dict[str, widgets.Checkbox] = {}
        self._head, self._busy = widgets.Label(description), Busy()

    @property
    def options(self) -> list[str]:
        return [*self._boxes]

    @options.setter
    def options(self, names: Sequence[str]) -> None:
        self._boxes = {
            name: widgets.Checkbox(False, description=name, indent=False, layout=SHORT)
            for name in names
        }
        for box in self._boxes.values():
            box.observe(self._busy.unless(self._checked), "value")
        listed = widgets.VBox(
            [*self._boxes.values()],
            layout=widgets.Layout(max_height="330px", overflow="hidden auto"),
        )
        self.children = [self._head, listed]
        self.value = ()

    def _checked(self) -> None:
        self.value = tuple(name for name, box in self._boxes.items() if box.value)

    @traitlets.validate("value")
    def _known(self, proposal: Mapping[str, Any]) -> tuple[str, ...]:
        if unknown := [name for name in proposal["value"] if name not in self._boxes]:
            raise traitlets.TraitError(
                f"there is no {unknown[0]!r}; there are {', '.join(self._boxes)}"
            )
        return tuple(name for name in self._boxes if name in proposal["value"])

    @traitlets.observe("value")
    def _show(self, change: Mapping[str, Any]) -> None:
        with self._busy:
            for name, box in self._boxes.items():
                box.value = name in change["new"]


def steps(control: widgets.Dropdown, noun: str) -> tuple[widgets.Button, widgets.Button]:
    """Buttons to the previous and the next option of a list of (text, value).

    After the last option comes the first.
    """
    back = widgets.Button(description=f"Previous {noun}")
    on = widgets.Button(description=f"Next {noun}")

    def step(by: int) -> None:
        values = [value for _, value in control.options]
        if values:
            control.value = values[(values.index(control.value) + by) % len(values)]

    back.on_click(lambda _: step(-1))
    on.on_click(lambda _: step(1))
    return back, on


ENDED = (
    "The process behind this page has ended. Nothing that you do here has an effect or is saved. "
    "Reload the page."
)
# a line of each explorer that is open; it is empty while the process runs
_shown: weakref.WeakSet[widgets.Label] = weakref.WeakSet()


@atexit.register
def say_ended() -> None:
    """Say on every explorer that its process has ended.

    A server ends a process that is not used for a while (voila.json). The page would look as
    before.
    """
    for line in _shown:
        line.value, line.layout.display = ENDED, ""


def explorer(children: Sequence[widgets.Widget], **parts: widgets.Widget) -> widgets.VBox:
    """The box of an explorer; its attribute `parts` holds the widgets by name."""
    ended = widgets.Label(
        layout=widgets.Layout(display="none"),
        style={"font_weight": "bold", "text_color": "#a00000"},
    )
    _shown.add(ended)
    box = widgets.VBox([ended, *children])
    box.parts = parts | {"ended": ended}
    return box
