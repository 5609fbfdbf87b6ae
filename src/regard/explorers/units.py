"""Units of the last convolution: their images, their labels, and what the network loses without
them.
"""

import html
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from regard.concepts import units as numbered
from regard.core import tables
from regard.explorers import controls, pictures, results
from regard.explorers.controls import NARROW

LABELS = "units/labels.csv"
KINDS = {  # which units: name -> rows of labels.csv
    "all": lambda rows: rows,
    "with a label": lambda rows: rows[rows["label"].notna()],
    "without a label": lambda rows: rows[rows["label"].isna()],
}


def units(root: Path, study: str | None = None) -> widgets.VBox:
    """The units of the studies under `root` (results/study), from `study`, or the first, on: the
    images where each is strongest, its label, the words and structures that it goes with best, its
    ranks, and by how much the output falls without it, where that was measured.

    Raises FileNotFoundError where no study has units.
    """
    chosen = controls.study(results.studies(root, LABELS), study)
    kind = widgets.Dropdown(options=list(KINDS), description="Units", style=NARROW)
    unit = widgets.Dropdown(description="Unit", style=NARROW)
    back, on = controls.steps(unit, "unit")
    picture, said = controls.picture(), widgets.HTML()
    state, busy = {}, controls.Busy()

    def open_study() -> None:
        folder = Path(root) / chosen.value / "units"
        # only what has a page: the units that are first for a class by their largest activation
        rows = tables.read(folder / "labels.csv")
        pages = {
            numbered.number(path.stem): path
            for path in sorted((folder / "pages").glob("unit_*.png"))
        }
        state.update(
            pages=pages,
            rows=rows[rows["unit"].isin(pages)].set_index("unit", drop=False),
            matches=tables.read(folder / "matches.csv"),
            falls=tables.read(folder / "unmatched.csv").set_index("unit"),
        )
        list_units()

    def list_units() -> None:
        rows = KINDS[kind.value](state["rows"])
        with busy:
            named = [
                (f"{row['name']}: {text(row['label']) or 'no label'}", row["unit"])
                for _, row in rows.iterrows()
            ]
            unit.options = named
            unit.value = named[0][1] if named else None
        draw()

    def draw() -> None:
        if unit.value is None:
            picture.value, said.value = pictures.BLANK, "no such unit"
            return
        row = state["rows"].loc[unit.value]
        picture.value = state["pages"][unit.value].read_bytes()
        ranked = "; ".join(
            f"by its {'largest' if amount == 'max' else 'mean'} activation {', '.join(of)}"
            for amount in ("max", "mean")
            if (
                of := [
                    f"{int(row[name])} for {name.split(', ')[1]}"
                    for name in row.index
                    if name.endswith(f"by {amount}") and pd.notna(row[name])
                ]
            )
        )
        matches = state["matches"]
        of_unit = matches[matches["unit"] == unit.value].sort_values(
            ["p", "value"], ascending=[True, False]
        )
        lines = [
            f"<b>{row['name']}</b>: {html.escape(text(row['label'])) or 'no label'}. Rank "
            f"{ranked or 'none'}.",
            *(
                described(one)
                for one in of_unit[of_unit["matched"] | (of_unit["p_adjusted"] < 1)]
                .head(4)
                .itertuples()
            ),
            *(
                []
                if (of_unit["p_adjusted"] < 1).any()
                else ["Nothing that was tried goes with it beyond chance."]
            ),
        ]
        if unit.value in state["falls"].index:
            fell = state["falls"].loc[unit.value]
            lines.append(
                f"Without it the output for {fell['target']} falls by {fell['fall']:.3f} "
                f"[{fell['ci_low']:.3f}, {fell['ci_high']:.3f}]."
            )
        said.value = "<br>".join(lines)

    def described(match) -> str:
        what = "AUROC within classes" if match.kind == "word" else "IoU with the drawn structure"
        sure = (
            f"p = {match.p_adjusted:.3f}, adjusted"
            if match.p_adjusted >= 0.001
            else "p &lt; 0.001, adjusted"
        )
        return f"{html.escape(match.concept)}: {what} {match.value:.2f} (by chance {match.chance:.2f}), {sure}{', matched' if match.matched else ''}"

    chosen.observe(busy.unless(open_study), "value")
    kind.observe(busy.unless(list_units), "value")
    unit.observe(busy.unless(draw), "value")
    open_study()
    return controls.explorer(
        [widgets.HBox([chosen, kind, unit, back, on], layout=controls.ROW), said, picture],
        study=chosen,
        units=kind,
        unit=unit,
        back=back,
        on=on,
        picture=picture,
        said=said,
    )


def text(label: object) -> str:
    """A label, "" for none."""
    return "" if pd.isna(label) else str(label)
