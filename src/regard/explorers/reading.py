"""The reading study: how plausible are maps whose method one does not know?"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets
import pandas as pd

from regard.experts import answer_table, reading_study
from regard.explorers import controls, pictures, results

DRAWS = 2000  # resamples of patients for the intervals that the explorer shows
ANSWERS = ("plausibility", "remark")


class Item(NamedTuple):
    """One map: of a case, for a class or finding, by a method."""

    case: str
    target: str
    method: str


class Task(NamedTuple):
    """What is read: the results of a study, its maps, the digest of its network, and the table of
    answers.
    """

    found: results.Results
    file: Path
    study: str
    network: str
    maps: Sequence[Item]

    def answers(self) -> pd.DataFrame:
        """All answers about maps of this network."""
        if not Path(self.file).is_file():
            return pd.DataFrame(columns=reading_study.FORM.columns)
        every = answer_table.read(self.file, reading_study.FORM)
        return every[(every["study"] == self.study) & (every["network"] == self.network)]

    def record(self, item: Item, answer: Mapping[str, str]) -> None:
        """Save one rater's answer about one map."""
        key = {"study": self.study, "network": self.network} | item._asdict()
        answer_table.record(self.file, key | dict(answer), reading_study.FORM)


def items(found: results.Results, methods: Sequence[str], cases: int) -> list[Item]:
    """The maps of a reading study: for each of the first cases one target, by all methods.

    Parameters
    ----------
    found : Results
        The results of a study.
    methods : sequence of str
        Names of maps.
    cases : int
        How many cases, the first that have all the methods.

    Raises
    ------
    ValueError
        For a method without a map, or without a case or method.
    """
    if cases < 1 or not methods:
        raise ValueError(
            f"a reading study needs one case and one method at least, not {cases} and "
            f"{len(methods)}"
        )
    if missing := [name for name in methods if name not in found.maps]:
        raise ValueError(
            f"there is no map {missing[0]!r}; there are {', '.join(map(str, found.maps))}"
        )
    first: dict[str, str] = {}
    for case, target in zip(found.rows["case"], found.rows["target"]):
        if set(methods) <= set(found.names(case, target)):
            first.setdefault(case, target)
    chosen = list(first.items())[:cases]
    return [Item(case, target, method) for case, target in chosen for method in methods]


class Parts(NamedTuple):
    """The widgets of the explorer."""

    rater: widgets.Text
    where: widgets.Label
    picture: widgets.Image
    opacity: widgets.FloatSlider
    plausibility: widgets.ToggleButtons
    remark: widgets.Textarea
    back: widgets.Button
    on: widgets.Button
    unblind: widgets.Button
    said: widgets.HTML
    result: widgets.HTML

    def set_answers(self, given: Mapping[str, str]) -> None:
        """Show answers that were given before; a question without one is open."""
        self.plausibility.value = given.get("plausibility", "")
        self.remark.value = given.get("remark", "")


@dataclass
class Session:
    """A rater at work: the maps in this rater's order (none until the rater is named), which of
    them is shown, and whether the rater has seen the result.
    """

    task: Task
    parts: Parts
    at: int = 0
    maps: Sequence[Item] = ()
    closed: bool = False
    busy: controls.Busy = field(default_factory=controls.Busy)

    @property
    def rater(self) -> str:
        """Who answers; "" for nobody yet."""
        return answer_table.plain(self.parts.rater.value)

    def answered(self) -> dict[Item, Mapping]:
        """The rater's own answers. A table that cannot be read holds none, and the page says so."""
        try:
            every = self.task.answers()
        except (ValueError, OSError) as error:
            self.parts.said.value = f"<b>Not read:</b> {html.escape(str(error))}"
            return {}
        rows = every[every["rater"] == self.rater].to_dict("records") if self.rater else []
        return {Item(row["case"], row["target"], row["method"]): row for row in rows}


def open_maps(maps: Sequence[Item], own: Mapping[Item, Mapping]) -> list[int]:
    """The positions of the maps that are not rated yet."""
    return [at for at, item in enumerate(maps) if not own.get(item, {}).get("plausibility")]


def drawn(found: results.Results, item: Item, opacity: float) -> bytes:
    """The image, and the map on it without the name of its method, as PNG."""
    image = pictures.rgb(found.image(item.case))
    scale = max(1, round(320 / len(image)))
    heat = pictures.heat(found.map(item.method, item.case, item.target), "positive")
    shown = [
        (image, [f"explained: {item.target}"]),
        (pictures.over(image, heat, opacity), ["brighter: more relevant to it"]),
    ]
    return pictures.png(pictures.sheet([(pictures.rgb(one, scale), text) for one, text in shown]))


def summarised(every: pd.DataFrame, patients: Mapping[str, str]) -> str:
    """The mean plausibility of each method and the agreement of raters, as HTML tables.

    Parameters
    ----------
    every : DataFrame
        Answers about maps of one network.
    patients : mapping
        The patient of each case.
    """
    means = reading_study.means(every, patients, DRAWS, 1).round(2)
    agreed = reading_study.agreement(every).round(2)
    both = "There is one rater alone, so no agreement."
    if len(agreed):
        both = agreed.to_html(index=False, border=0, na_rep="–")
    return (
        "<b>Mean plausibility (1 to 5), 95 % interval over patients</b>"
        f"{means.to_html(index=False, border=0, na_rep='–')}"
        f"<b>Agreement, kappa with quadratic weights</b>{both}"
    )


def _wait(session: Session) -> None:
    """Nothing but the field for the initials works until it is filled."""
    parts = session.parts
    parts.picture.value = pictures.BLANK
    parts.where.value = (
        f"{len(session.task.maps)} maps. Type your initials first; then the first map appears."
    )
    for control in (parts.plausibility, parts.remark, parts.back, parts.on, parts.unblind):
        control.disabled = True


def _load(session: Session, at: int) -> None:
    parts = session.parts
    if not session.maps:
        return _wait(session)
    session.at = min(max(at, 0), len(session.maps) - 1)
    own = session.answered()
    session.closed = any(row["closed"] for row in own.values())
    parts.plausibility.disabled = parts.remark.disabled = session.closed
    parts.back.disabled, parts.on.disabled = session.at == 0, session.at == len(session.maps) - 1
    with session.busy:
        parts.set_answers(own.get(session.maps[session.at], {}))
    _count(session, own)
    _draw(session)


def _count(session: Session, own: Mapping[Item, Mapping]) -> None:
    left, total = len(open_maps(session.maps, own)), len(session.maps)
    session.parts.where.value = f"Map {session.at + 1} of {total}; {total - left} rated"
    session.parts.unblind.disabled = left > 0


def _draw(session: Session) -> None:
    if session.maps:
        item, opacity = session.maps[session.at], session.parts.opacity.value
        session.parts.picture.value = drawn(session.task.found, item, opacity)


def _resume(session: Session) -> None:
    """Go on at the first map that the rater has not rated."""
    parts, task = session.parts, session.task
    parts.said.value = parts.result.value = ""
    session.maps = ()
    if session.rater:
        session.maps = [
            Item(*each) for each in reading_study.order(task.maps, task.study, session.rater)
        ]
    left = open_maps(session.maps, session.answered())
    _load(session, left[0] if left else 0)
    if session.maps and not left:
        seen = " You have seen the result: your answers cannot be changed any more."
        parts.said.value = f"All maps are rated.{seen if session.closed else ''}"


def _save(session: Session) -> None:
    parts = session.parts
    if not session.maps or session.closed:
        return
    answer = {
        "rater": session.rater,
        "plausibility": parts.plausibility.value or "",
        "remark": parts.remark.value,
    }
    try:
        session.task.record(session.maps[session.at], answer)
    except (ValueError, OSError) as error:
        parts.said.value = f"<b>Not saved:</b> {html.escape(str(error))}"
        return
    parts.said.value = f"Saved map {session.at + 1}."
    _count(session, session.answered())


def _turn(session: Session, by: int) -> None:
    session.parts.said.value = ""
    _load(session, session.at + by)


def _close(session: Session) -> None:
    """Close the answers of this rater: who has seen the methods cannot rate any more."""
    for item, row in session.answered().items():
        given = {name: row[name] for name in ("rater", *ANSWERS)}
        session.task.record(item, given | {"closed": "yes"})


def _show_result(session: Session) -> None:
    try:
        _close(session)
        every = session.task.answers()
    except (ValueError, OSError) as error:  # or else ipywidgets hides the error
        session.parts.said.value = f"<b>Not closed:</b> {html.escape(str(error))}"
        return
    _load(session, session.at)
    finished = every[every["closed"] != ""]  # other raters must not see theirs through this one
    patients = session.task.found.sizes["patient"].to_dict()
    session.parts.result.value = summarised(finished, patients)


def _parts() -> Parts:
    question, known = reading_study.FORM.questions["plausibility"]
    return Parts(
        controls.rater(),
        widgets.Label(),
        controls.picture(),
        controls.opacity(),
        controls.answers(question, known),
        controls.free_text("Remark"),
        widgets.Button(description="Previous map"),
        widgets.Button(description="Next map"),
        widgets.Button(description="Show the result", disabled=True),
        widgets.HTML(),
        widgets.HTML(),
    )


def reading(
    found: results.Results, file: Path, study: str, methods: Sequence[str], cases: int = 8
) -> widgets.VBox:
    """A reading study: experts rate how plausible maps are, without seeing the method.

    The maps come in an order of each rater's own, without the expert's outline. Every rating and
    remark is saved at once. A rater goes on at the first map without a rating. Once all maps are
    rated, the result can be shown with the methods' names; from then on that rater cannot change
    anything. By keyboard: Tab to the next field, arrow keys among answers, Enter on a button.

    Parameters
    ----------
    found : Results
        The results of a study.
    file : Path
        The table of answers (see `regard.experts.reading_study`).
    study : str
        The name of the study.
    methods : sequence of str
        Names of maps, null maps among them as controls.
    cases : int
        How many cases, the first that have all the methods.

    Raises
    ------
    ValueError
        If no case has all the methods.
    """
    maps = items(found, methods, cases)
    if not maps:
        raise ValueError(f"study {study!r} has no case with all of {', '.join(methods)}")
    parts = _parts()
    session = Session(Task(found, file, study, str(found.maps.attrs["model"]), maps), parts)
    parts.rater.observe(session.busy.unless(partial(_resume, session)), "value")
    for control in (parts.plausibility, parts.remark):
        control.observe(session.busy.unless(partial(_save, session)), "value")
    parts.opacity.observe(session.busy.unless(partial(_draw, session)), "value")
    parts.back.on_click(lambda _: _turn(session, -1))
    parts.on.on_click(lambda _: _turn(session, 1))
    parts.unblind.on_click(lambda _: _show_result(session))
    _load(session, 0)
    shown = [parts.rater, parts.where, parts.picture, parts.opacity, parts.plausibility]
    buttons = widgets.HBox([parts.back, parts.on, parts.unblind])
    shown += [parts.remark, buttons, parts.said, parts.result]
    return controls.explorer(shown, **parts._asdict())
