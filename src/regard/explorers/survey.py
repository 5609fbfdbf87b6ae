"""The expert survey: what does a unit show?"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets

from regard.concepts import units
from regard.core import arrays
from regard.experts import answer_table, unit_survey
from regard.explorers import controls, pictures


class Task(NamedTuple):
    """What is asked about: the page of each unit, the digest of the network, and the table of
    answers.
    """

    pages: Mapping[int, bytes]
    file: Path
    study: str
    network: str

    @property
    def units(self) -> Sequence[int]:
        """The numbers of the units, in the order in which they are shown."""
        return list(self.pages)

    def record(self, unit: int, answer: Mapping[str, str]) -> None:
        """Save one rater's answers about one unit."""
        key = {"study": self.study, "network": self.network, "unit": unit}
        unit_survey.record(self.file, key | dict(answer))

    def of_rater(self, rater: str) -> dict[int, Mapping]:
        """A rater's answers by unit."""
        if not rater or not Path(self.file).is_file():
            return {}
        table = unit_survey.read(self.file)
        own = table["study"].eq(self.study) & table["network"].eq(self.network)
        rows = table[own & table["rater"].eq(rater)].to_dict("records")
        return {int(row["unit"]): row for row in rows}


def read_units(folder: Path) -> tuple[dict[int, bytes], str]:
    """The pages of the units in results/study/<id>/units, and the digest of the network."""
    pages = sorted((folder / "pages").glob("unit_*.png"))
    network = arrays.read(folder / "units.nc").attrs["network"]
    return {units.number(path.stem): path.read_bytes() for path in pages}, network


class Parts(NamedTuple):
    """The widgets of the survey; `questions` holds a field for each question."""

    rater: widgets.Text
    where: widgets.Label
    picture: widgets.Image
    questions: Mapping[str, widgets.Widget]
    back: widgets.Button
    on: widgets.Button
    said: widgets.HTML

    def named(self) -> dict[str, widgets.Widget]:
        """All widgets by name, each question by its own."""
        return {name: part for name, part in self._asdict().items() if name != "questions"} | dict(
            self.questions
        )


@dataclass
class Session:
    """A rater at work, and the position of the unit that is shown."""

    task: Task
    parts: Parts
    at: int = 0
    busy: controls.Busy = field(default_factory=controls.Busy)

    @property
    def rater(self) -> str:
        """Who answers; "" for nobody yet."""
        return answer_table.plain(self.parts.rater.value)

    @property
    def unit(self) -> int:
        """The unit that is shown."""
        return self.task.units[self.at]

    def answered(self) -> dict[int, Mapping]:
        """The rater's own answers. A table that cannot be read holds none, and the page says so."""
        try:
            return self.task.of_rater(self.rater)
        except (ValueError, OSError) as error:
            self.parts.said.value = f"<b>Not read:</b> {html.escape(str(error))}"
            return {}


def open_units(numbers: Sequence[int], own: Mapping[int, Mapping]) -> list[int]:
    """The positions of the units whose questions are not all answered."""
    done = {unit for unit, answer in own.items() if unit_survey.complete(answer)}
    return [at for at, unit in enumerate(numbers) if unit not in done]


def _wait(session: Session) -> None:
    """Nothing but the field for the initials works until it is filled."""
    parts = session.parts
    parts.picture.value = pictures.BLANK
    parts.where.value = (
        f"{len(session.task.units)} units. Type your initials first; then the first unit appears."
    )
    for control in (*parts.questions.values(), parts.back, parts.on):
        control.disabled = True
    with session.busy:
        for question in parts.questions.values():
            question.value = ""


def _load(session: Session, at: int) -> None:
    parts, numbers = session.parts, session.task.units
    if not session.rater:
        return _wait(session)
    session.at = min(max(at, 0), len(numbers) - 1)
    parts.back.disabled, parts.on.disabled = session.at == 0, session.at == len(numbers) - 1
    own = session.answered()
    parts.picture.value = session.task.pages[session.unit]
    _count(session, own)
    with session.busy:
        for name, question in parts.questions.items():
            question.disabled = False
            question.value = own.get(session.unit, {}).get(name, "")


def _count(session: Session, own: Mapping[int, Mapping]) -> None:
    numbers = session.task.units
    done = len(numbers) - len(open_units(numbers, own))
    session.parts.where.value = (
        f"{units.name(session.unit)}: {session.at + 1} of {len(numbers)}; {done} answered"
    )


def _resume(session: Session) -> None:
    """Go on at the first unit that the rater has not answered."""
    session.parts.said.value = ""
    left = open_units(session.task.units, session.answered())
    _load(session, left[0] if left else 0)
    if not left:
        session.parts.said.value = session.parts.said.value or "All units are answered."


def _save(session: Session) -> None:
    parts = session.parts
    answer = {name: question.value for name, question in parts.questions.items()}
    try:
        session.task.record(session.unit, {"rater": session.rater} | answer)
    except (ValueError, OSError) as error:
        parts.said.value = f"<b>Not saved:</b> {html.escape(str(error))}"
        return
    parts.said.value = f"Saved {units.name(session.unit)}."
    _count(session, session.answered())


def _turn(session: Session, by: int) -> None:
    session.parts.said.value = ""
    _load(session, session.at + by)


def _parts() -> Parts:
    questions = {
        name: controls.answers(question, known) if known else controls.free_text(question)
        for name, (question, known) in unit_survey.QUESTIONS.items()
    }
    return Parts(
        controls.rater(),
        widgets.Label(),
        controls.picture(),
        questions,
        widgets.Button(description="Previous unit"),
        widgets.Button(description="Next unit"),
        widgets.HTML(),
    )


def survey(pages: Mapping[int, bytes], file: Path, study: str, network: str) -> widgets.VBox:
    """The expert survey: a unit's page, and DeepMiner's four questions about it.

    The rater is named first; then every answer is saved at once. A rater goes on at the first unit
    whose questions are not all answered. By keyboard: Tab to the next field or answer, Enter on a
    button. The attribute `parts` of the box holds its widgets by name.

    Parameters
    ----------
    pages : mapping
        For each unit a PNG, without any label.
    file : Path
        The table of answers (see `regard.experts.unit_survey`).
    study : str
        The name of the study.
    network : str
        The digest of the network.

    Raises
    ------
    ValueError
        Without pages.

    References
    ----------
    J. Wu et al., "DeepMiner: discovering interpretable representations for mammogram
    classification and explanation", 2018.
    """
    if not pages:
        raise ValueError(
            "there is no page of any unit: run the stage `units` of the study first (dvc repro)"
        )
    parts = _parts()
    session = Session(Task(pages, file, study, network), parts)
    parts.rater.observe(session.busy.unless(partial(_resume, session)), "value")
    for question in parts.questions.values():
        question.observe(session.busy.unless(partial(_save, session)), "value")
    parts.back.on_click(lambda _: _turn(session, -1))
    parts.on.on_click(lambda _: _turn(session, 1))
    _load(session, 0)
    shown = [parts.rater, parts.where, parts.picture, *parts.questions.values()]
    shown += [widgets.HBox([parts.back, parts.on]), parts.said]
    return controls.explorer(shown, **parts.named())
