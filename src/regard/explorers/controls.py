"""What explorers are put together from: named controls that work by keyboard, and pictures."""

import atexit
import weakref
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import pandas as pd
import traitlets

NARROW = {"description_width": "initial"}
SHORT = widgets.Layout(width="auto", min_height="24px")
WIDE = widgets.Layout(width="98%")
ROW = widgets.Layout(flex_flow="row wrap", align_items="center")


def study(known: Sequence[str], chosen: str | None) -> widgets.Dropdown:
    """Which study; `chosen`, or the first, to begin with. Raises ValueError for one that is not
    known.
    """
    if chosen is not None and chosen not in known:
        raise ValueError(
            f"study {chosen!r} has nothing to explore here; there is something of "
            f"{', '.join(known)}"
        )
    return widgets.Dropdown(
        options=known, value=chosen or known[0], description="Study", style=NARROW
    )


def picture() -> widgets.Image:
    """A PNG as wide as there is room for. What it shows stands beside it in words: a text of its
    own it cannot have (ipywidgets).
    """
    return widgets.Image(
        format="png", layout=widgets.Layout(max_width="100%", align_self="flex-start")
    )


def cases(rows: pd.DataFrame) -> list[tuple[str, tuple[str, str]]]:
    """The options of a dropdown for rows of explanations.csv: what is said, (case, target)."""
    return [
        (
            f"{name}: {label}" + (f", explained for {target}" if target != label else ""),
            (name, target),
        )
        for name, target, label in zip(rows["case"], rows["target"], rows["label"])
    ]


def answers(question: str, known: Sequence[str]) -> widgets.ToggleButtons:
    """One of the answers, or none yet, "": buttons, since JupyterLab takes the arrow keys of radio
    buttons for its own.
    """
    options = [("no answer", ""), *((one, one) for one in known)]
    width = widgets.ToggleButtonsStyle(description_width="initial", button_width="auto")
    return widgets.ToggleButtons(
        options=options, value="", description=question, style=width, layout=WIDE
    )


class Busy:
    """While it is entered, what `unless` wraps is not called: controls are being set that belong
    together.
    """

    def __init__(self):
        self.depth = 0

    def __enter__(self):
        self.depth += 1

    def __exit__(self, *_):
        self.depth -= 1

    def unless(self, call: Callable[[], None]) -> Callable[..., None]:
        return lambda *_: None if self.depth else call()


class Several(widgets.VBox):
    """Some of several names: a box to be checked for each, since JupyterLab takes the arrow keys of
    a list for its own.

    `options`: the names; `value`: those that are checked, in the order of the options.
    """

    value = traitlets.Tuple()

    def __init__(self, description: str):
        super().__init__(layout=widgets.Layout(min_width="200px"))
        self._boxes, self._head, self._busy = {}, widgets.Label(description), Busy()

    @property
    def options(self) -> list[str]:
        return [*self._boxes]

    @options.setter
    def options(self, names: Sequence[str]) -> None:
        self._boxes = {
            name: widgets.Checkbox(False, description=name, indent=False, layout=SHORT)
            for name in names
        }
        for one in self._boxes.values():
            one.observe(self._busy.unless(self._checked), "value")
        listed = widgets.VBox(
            [*self._boxes.values()],
            layout=widgets.Layout(max_height="330px", overflow="hidden auto"),
        )
        self.children = [self._head, listed]
        self.value = ()

    def _checked(self) -> None:
        self.value = tuple(name for name, one in self._boxes.items() if one.value)

    @traitlets.validate("value")
    def _known(self, proposal) -> tuple[str, ...]:
        if unknown := [name for name in proposal["value"] if name not in self._boxes]:
            raise traitlets.TraitError(
                f"there is no {unknown[0]!r}; there are {', '.join(self._boxes)}"
            )
        return tuple(name for name in self._boxes if name in proposal["value"])

    @traitlets.observe("value")
    def _show(self, change) -> None:
        with self._busy:
            for name, one in self._boxes.items():
                one.value = name in change["new"]


def steps(dropdown: widgets.Dropdown, noun: str) -> tuple[widgets.Button, widgets.Button]:
    """Buttons to the previous and the next option of a dropdown of (what is said, value), round and
    round.
    """
    back, on = (
        widgets.Button(description=f"Previous {noun}"),
        widgets.Button(description=f"Next {noun}"),
    )

    def step(by: int) -> None:
        values = [value for _, value in dropdown.options]
        if values:
            dropdown.value = values[(values.index(dropdown.value) + by) % len(values)]

    back.on_click(lambda _: step(-1))
    on.on_click(lambda _: step(1))
    return back, on


ENDED = "The process behind this page has ended; nothing that you do here has an effect or is kept. Reload the page."
_shown: weakref.WeakSet[widgets.Label] = (
    weakref.WeakSet()
)  # a line of each explorer, empty as long as it lives


@atexit.register
def say_ended() -> None:
    """Say on every explorer of this process that it ends: a server does so after a while without
    use (voila.json), and the page itself would look as before."""
    for line in _shown:
        line.value, line.layout.display = ENDED, ""


def explorer(children: Sequence[widgets.Widget], **parts: widgets.Widget) -> widgets.VBox:
    """The box of an explorer; its parts are reachable by name in `parts`."""
    ended = widgets.Label(
        layout=widgets.Layout(display="none"),
        style={"font_weight": "bold", "text_color": "#a00000"},
    )
    _shown.add(ended)
    box = widgets.VBox([ended, *children])
    box.parts = parts | {"ended": ended}
    return box
