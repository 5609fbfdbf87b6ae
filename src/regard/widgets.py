"""What explorers are put together from; ipywidgets alone. They read results and never write them."""

from collections.abc import Mapping
from pathlib import Path

import ipywidgets as widgets

from regard import surveys, units

WIDE = widgets.Layout(width="98%")
NARROW = {"description_width": "initial"}


def survey(pages: Mapping[int, bytes], file: Path, study: str, network: str) -> widgets.VBox:
    """The expert survey: a unit's page, and DeepMiner's four questions about it.

    pages: for each unit a PNG, without any label; file: the table of answers (see regard.surveys), which every change is saved to at once; network: the
    digest of the network. Goes on at the first unit that the rater named has not answered. By keyboard: Tab to the next field, arrow keys among
    answers, Enter on a button. The parts are reachable by name as attributes of `parts` of what is returned.
    """
    order = list(pages)
    rater = widgets.Text(description="Rater", placeholder="your initials", style=NARROW, continuous_update=False)
    where, said = widgets.Label(), widgets.HTML()
    picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
    asked = {}
    for name, (question, answers) in surveys.QUESTIONS.items():
        if answers:
            asked[name] = widgets.RadioButtons(options=["", *answers], description=question, style=NARROW, layout=WIDE)
        else:
            asked[name] = widgets.Textarea(description=question, style=NARROW, layout=WIDE, continuous_update=False)
    back, on = widgets.Button(description="Previous unit"), widgets.Button(description="Next unit")
    state = {"at": 0, "loading": False}

    def answered(name: str) -> dict[int, Mapping]:
        table = surveys.read(file)
        mine = table[(table["study"] == study) & (table["network"] == network) & (table["rater"] == name)]
        return {int(row["unit"]): row for row in mine.to_dict("records")}

    def load(at: int) -> None:
        state["at"], state["loading"] = at % len(order), True
        unit, mine = order[state["at"]], answered(rater.value.strip()) if rater.value.strip() else {}
        picture.value = pages[unit]
        where.value = f"{units.name(unit)}: {state['at'] + 1} of {len(order)}; {len(set(mine) & set(order))} answered"
        for name, field in asked.items():
            field.value = mine.get(unit, {}).get(name, "")
        state["loading"] = False

    def resume(_=None) -> None:
        said.value = ""
        mine = answered(rater.value.strip())
        load(next((at for at, unit in enumerate(order) if unit not in mine), 0))

    def save(_=None) -> None:
        if state["loading"]:
            return
        unit = order[state["at"]]
        answer = {"study": study, "network": network, "unit": unit, "rater": rater.value.strip()}
        try:
            surveys.record(file, answer | {name: field.value for name, field in asked.items()})
        except (ValueError, OSError) as error:
            said.value = f"<b>Not saved:</b> {error}"
            return
        said.value = f"Saved {units.name(unit)}."

    rater.observe(resume, "value")
    for field in asked.values():
        field.observe(save, "value")
    back.on_click(lambda _: load(state["at"] - 1))
    on.on_click(lambda _: load(state["at"] + 1))
    load(0)
    box = widgets.VBox([rater, where, picture, *asked.values(), widgets.HBox([back, on]), said])
    box.parts = {"rater": rater, "where": where, "picture": picture, "back": back, "on": on, "said": said} | asked
    return box
