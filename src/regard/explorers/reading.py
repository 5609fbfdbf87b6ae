"""The reading study: how plausible are maps whose method one does not know?"""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from regard.experts import answer_table, reading_study
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW

DRAWS = 2000  # resamples of patients of the intervals that the explorer shows


def items(found: results.Results, methods: Sequence[str], cases: int) -> list[tuple[str, str, str]]:
    """Maps (case, target, method) of the first `cases` explained cases that have all the `methods`,
    one target of each case.

    Raises ValueError for a method without a map.
    """
    if cases < 1 or not methods:
        raise ValueError(
            f"a reading study needs one case and one method at least, not {cases} and "
            f"{len(methods)}"
        )
    if missing := [name for name in methods if name not in found.maps]:
        raise ValueError(
            f"there is no map {missing[0]!r}; there are {', '.join(found.maps.data_vars)}"
        )
    whole = [
        row
        for row in found.rows.itertuples()
        if set(methods) <= set(found.names(row.case, row.target))
    ]
    first = {row.case: row.target for row in reversed(whole)}  # the first of a case wins
    chosen = [(row.case, row.target) for row in whole if first[row.case] == row.target]
    return [(*one, method) for one in list(dict.fromkeys(chosen))[:cases] for method in methods]


def reading(
    found: results.Results, file: Path, study: str, methods: Sequence[str], cases: int = 8
) -> widgets.VBox:
    """The reading study: one map after the other, in an order of each rater's own, without the name
    of its method or the expert's outline; how plausible it is, and a remark, saved at once in the
    table `file` (see regard.experts.reading_study). Goes on at the first map that the rater named
    has not rated. Once all are rated the result can be shown, the methods named; from then on that
    rater changes nothing. By keyboard: Tab to the next field, arrow keys among answers, Enter on a
    button.

    methods: names of maps, null maps among them as controls; cases: how many, the first that have
    all of them. Raises ValueError where no case has.
    """
    maps = items(found, methods, cases)
    if not maps:
        raise ValueError(f"study {study!r} has no case with all of {', '.join(methods)}")
    network = str(found.maps.attrs["model"])
    rater = widgets.Text(
        description="Rater", placeholder="your initials", style=NARROW, continuous_update=False
    )
    where, said, result = widgets.Label(), widgets.HTML(), widgets.HTML()
    picture = controls.picture()
    opacity = widgets.FloatSlider(0.6, min=0, max=1, step=0.05, description="Opacity", style=NARROW)
    question, known = reading_study.FORM.questions["plausibility"]
    ask = controls.answers(question, known)
    remark = widgets.Textarea(
        description="Remark", style=NARROW, layout=controls.WIDE, continuous_update=False
    )
    back, on = widgets.Button(description="Previous map"), widgets.Button(description="Next map")
    unblind = widgets.Button(description="Show the result", disabled=True)
    state, busy = (
        {"at": 0, "maps": []},
        controls.Busy(),
    )  # no map before it is known whose order it is in

    def table() -> pd.DataFrame:
        if not Path(file).is_file():
            return pd.DataFrame(columns=reading_study.FORM.columns)
        every = answer_table.read(file, reading_study.FORM)
        return every[(every["study"] == study) & (every["network"] == network)]

    def mine(every: pd.DataFrame) -> Mapping[tuple, Mapping]:
        own = (
            every[every["rater"] == answer_table.plain(rater.value)]
            if answer_table.plain(rater.value)
            else every[:0]
        )
        return {(row["case"], row["target"], row["method"]): row for row in own.to_dict("records")}

    def answered() -> Mapping[tuple, Mapping]:
        """The rater's own; what cannot be read is said, and is none."""
        try:
            return mine(table())
        except (ValueError, OSError) as error:
            said.value = f"<b>Not read:</b> {html.escape(str(error))}"
            return {}

    def done(own: Mapping) -> int:
        return sum(bool(own.get(one, {}).get("plausibility")) for one in maps)

    def load(at: int) -> None:
        if not state["maps"]:
            picture.value, where.value = (
                pictures.BLANK,
                f"{len(maps)} maps. Say who you are, and the first appears.",
            )
            for control in (ask, remark, back, on, unblind):
                control.disabled = True
            return
        state["at"] = min(max(at, 0), len(maps) - 1)
        own, one = answered(), state["maps"][state["at"]]
        state["closed"] = any(row["closed"] for row in own.values())
        ask.disabled = remark.disabled = state["closed"]
        back.disabled, on.disabled = state["at"] == 0, state["at"] == len(maps) - 1
        with busy:
            ask.value = own.get(one, {}).get("plausibility", "")
            remark.value = own.get(one, {}).get("remark", "")
        count(own)
        draw()

    def count(own: Mapping) -> None:
        where.value = f"Map {state['at'] + 1} of {len(maps)}; {done(own)} rated"
        unblind.disabled = done(own) < len(maps)

    def draw() -> None:
        if not state["maps"]:
            return
        case, target, method = state["maps"][state["at"]]
        image = pictures.rgb(found.image(case))
        scale = max(1, round(320 / len(image)))
        coloured = pictures.over(
            image, pictures.heat(found.map(method, case, target), "positive"), opacity.value
        )
        shown = [(image, [f"explained: {target}"]), (coloured, ["brighter: counts more for it"])]
        picture.value = pictures.png(
            pictures.sheet([(pictures.rgb(one, scale), text) for one, text in shown])
        )

    def resume() -> None:
        said.value = result.value = ""
        state["maps"] = (
            reading_study.order(maps, study, answer_table.plain(rater.value))
            if answer_table.plain(rater.value)
            else []
        )
        own = answered()
        left = [
            at for at, one in enumerate(state["maps"]) if not own.get(one, {}).get("plausibility")
        ]
        load(left[0] if left else 0)
        if state["maps"] and not left:
            said.value = "All maps are rated." + (
                " You have seen the result: nothing changes any more." if state["closed"] else ""
            )

    def save() -> None:
        if not state["maps"] or state["closed"]:
            return
        case, target, method = state["maps"][state["at"]]
        key = {"study": study, "network": network, "case": case, "target": target, "method": method}
        given = {
            "rater": answer_table.plain(rater.value),
            "plausibility": ask.value or "",
            "remark": remark.value,
        }
        try:
            answer_table.record(file, key | given, reading_study.FORM)
        except (ValueError, OSError) as error:
            said.value = f"<b>Not saved:</b> {html.escape(str(error))}"
            return
        said.value = f"Saved map {state['at'] + 1}."
        count(answered())

    def turn(by: int) -> None:
        said.value = ""
        load(state["at"] + by)

    def close(own: Mapping) -> None:
        """Whoever has seen which map is whose does not rate any more."""
        for (case, target, method), row in own.items():
            key = {
                "study": study,
                "network": network,
                "case": case,
                "target": target,
                "method": method,
            }
            given = {name: row[name] for name in ("rater", "plausibility", "remark")}
            answer_table.record(file, key | given | {"closed": "yes"}, reading_study.FORM)

    def show(_) -> None:
        try:
            close(answered())
            every = table()
        except (ValueError, OSError) as error:  # else ipywidgets swallows it
            said.value = f"<b>Not closed:</b> {html.escape(str(error))}"
            return
        load(state["at"])
        every = every[every["closed"] != ""]  # of those who have finished, and nobody else
        patients = found.sizes["patient"].to_dict()
        means = reading_study.means(every, patients, DRAWS, 1).round(2)
        agreed = reading_study.agreement(every).round(2)
        part = means.to_html(index=False, border=0, na_rep="–")
        both = (
            agreed.to_html(index=False, border=0, na_rep="–")
            if len(agreed)
            else "one rater alone: nothing to agree with"
        )
        result.value = f"<b>Mean plausibility (1 to 5), 95 % interval over patients</b>{part}<b>Agreement, kappa with quadratic weights</b>{both}"

    rater.observe(busy.unless(resume), "value")
    for control in (ask, remark):
        control.observe(busy.unless(save), "value")
    opacity.observe(busy.unless(draw), "value")
    back.on_click(lambda _: turn(-1))
    on.on_click(lambda _: turn(1))
    unblind.on_click(show)
    load(0)
    return controls.explorer(
        [
            rater,
            where,
            picture,
            opacity,
            ask,
            remark,
            widgets.HBox([back, on, unblind]),
            said,
            result,
        ],
        rater=rater,
        where=where,
        picture=picture,
        opacity=opacity,
        plausibility=ask,
        remark=remark,
        back=back,
        on=on,
        unblind=unblind,
        said=said,
        result=result,
    )
