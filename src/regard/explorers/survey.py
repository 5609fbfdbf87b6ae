"""The expert survey: what does a unit show?"""

import html
from collections.abc import Mapping
from pathlib import Path

import ipywidgets as widgets

from regard.concepts import units
from regard.experts import answer_table, unit_survey
from regard.explorers import controls
from regard.explorers.controls import NARROW, WIDE


def survey(pages: Mapping[int, bytes], file: Path, study: str, network: str) -> widgets.VBox:
    """The expert survey: a unit's page, and DeepMiner's four questions about it.

    pages: for each unit a PNG, without any label; file: the table of answers (see
    regard.experts.unit_survey), which every change is saved to at once; network: the digest of the
    network. Goes on at the first unit whose questions the rater named has not all answered. By
    keyboard: Tab to the next field or answer, Enter on a button. The parts are reachable by name in
    `parts` of what is returned. Raises ValueError without pages.
    """
    if not pages:
        raise ValueError(
            "there is no page of any unit: run the stage `units` of the study first (dvc repro)"
        )
    order = list(pages)
    rater = widgets.Text(
        description="Rater", placeholder="your initials", style=NARROW, continuous_update=False
    )
    where, said = widgets.Label(), widgets.HTML()
    picture = controls.picture()
    asked = {}
    for name, (question, answers) in unit_survey.QUESTIONS.items():
        if answers:
            asked[name] = controls.answers(question, answers)
        else:
            asked[name] = widgets.Textarea(
                description=question, style=NARROW, layout=WIDE, continuous_update=False
            )
    back, on = widgets.Button(description="Previous unit"), widgets.Button(description="Next unit")
    state = {"at": 0, "loading": False}

    def answered() -> dict[int, Mapping]:
        """The rater's own answers, by unit; what cannot be read is said, and is none."""
        if not answer_table.plain(rater.value) or not Path(file).is_file():
            return {}
        try:
            table = unit_survey.read(file)
        except (ValueError, OSError) as error:
            said.value = f"<b>Not read:</b> {html.escape(str(error))}"
            return {}
        mine = table[
            (table["study"] == study)
            & (table["network"] == network)
            & (table["rater"] == answer_table.plain(rater.value))
        ]
        return {int(row["unit"]): row for row in mine.to_dict("records")}

    def count(mine: Mapping) -> None:
        done = sum(unit in mine and unit_survey.complete(mine[unit]) for unit in order)
        where.value = (
            f"{units.name(order[state['at']])}: {state['at'] + 1} of {len(order)}; {done} answered"
        )

    def load(at: int, kept: Mapping | None = None) -> None:
        state["at"] = min(max(at, 0), len(order) - 1)
        back.disabled, on.disabled = state["at"] == 0, state["at"] == len(order) - 1
        mine, unit = answered(), order[state["at"]]
        picture.value = pages[unit]
        count(mine)
        state["loading"] = True
        for name, field in asked.items():
            field.value = (kept or mine.get(unit, {})).get(name, "")
        state["loading"] = False

    def resume(change: Mapping) -> None:
        """At the first open unit; what was typed before any name was given stays where it was
        typed.
        """
        said.value = ""
        typed, mine = {name: field.value for name, field in asked.items()}, answered()
        if not change["old"].strip() and any(typed.values()) and order[state["at"]] not in mine:
            load(state["at"], typed)
            return save()
        open_ones = [
            at
            for at, unit in enumerate(order)
            if unit not in mine or not unit_survey.complete(mine[unit])
        ]
        load(open_ones[0] if open_ones else 0)
        said.value = said.value or ("" if open_ones else "All units are answered.")

    def save(_=None) -> None:
        if state["loading"]:
            return
        unit = order[state["at"]]
        answer = {
            "study": study,
            "network": network,
            "unit": unit,
            "rater": answer_table.plain(rater.value),
        }
        try:
            unit_survey.record(file, answer | {name: field.value for name, field in asked.items()})
        except (ValueError, OSError) as error:
            said.value = f"<b>Not saved:</b> {html.escape(str(error))}"
            return
        said.value = f"Saved {units.name(unit)}."
        count(answered())

    def turn(by: int) -> None:
        said.value = ""
        load(state["at"] + by)

    rater.observe(resume, "value")
    for field in asked.values():
        field.observe(save, "value")
    back.on_click(lambda _: turn(-1))
    on.on_click(lambda _: turn(1))
    load(0)
    box = widgets.VBox([rater, where, picture, *asked.values(), widgets.HBox([back, on]), said])
    box.parts = {
        "rater": rater,
        "where": where,
        "picture": picture,
        "back": back,
        "on": on,
        "said": said,
    } | asked
    return box
