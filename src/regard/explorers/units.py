"""Units of the last convolution: their images, their labels, and the network's output without
them.
"""

import functools
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets as widgets
import pandas as pd

from regard.concepts import units as numbered
from regard.core import tables
from regard.explorers import controls, pictures, results

LABELS = "units/labels.csv"
KINDS = {  # which units: name -> whether they have a label
    "all": None,
    "with a label": True,
    "without a label": False,
}
AMOUNTS = {"max": "largest", "mean": "mean"}


class Units(NamedTuple):
    """The units of a study that have a page, and the tables of stage `units` about them.

    `pages` holds the picture of each unit; `rows` is labels.csv and `falls` unmatched.csv, both by
    unit; `matches` is matches.csv.
    """

    pages: Mapping[int, Path]
    rows: pd.DataFrame
    matches: pd.DataFrame
    falls: pd.DataFrame

    def shown(self, kind: str) -> pd.DataFrame:
        """The rows of a kind of units, a key of KINDS."""
        wanted = KINDS[kind]
        return self.rows if wanted is None else self.rows[self.rows["label"].notna() == wanted]


def read(folder: Path) -> Units:
    """Read the units in results/study/<id>/units."""
    rows = tables.read(folder / "labels.csv")
    files = sorted((folder / "pages").glob("unit_*.png"))
    pages = {numbered.number(path.stem): path for path in files}
    # only units that are among the first for a class by their largest activation have a page
    paged = rows[rows["unit"].isin(pages)].set_index("unit", drop=False)
    falls = tables.read(folder / "unmatched.csv").set_index("unit")
    return Units(pages, paged, tables.read(folder / "matches.csv"), falls)


def text(label: object) -> str:
    """A label, "" for none."""
    return "" if pd.isna(label) else str(label)


def ranks(row: pd.Series) -> str:
    """The ranks of a unit for each class, in words; "none" if it has none."""
    said = []
    for amount, word in AMOUNTS.items():
        ranked = [name for name in row.index if name.endswith(f"by {amount}") and row.notna()[name]]
        if ranked:
            each = ", ".join(f"{int(row[name])} for {name.split(', ')[1]}" for name in ranked)
            said.append(f"by its {word} activation {each}")
    return "; ".join(said) or "none"


def described(match: Any) -> str:
    """One row of matches.csv in words: what matches the unit, how well, and the p value."""
    what = "AUROC within classes" if match.kind == "word" else "IoU with the drawn structure"
    p = f"= {match.p_adjusted:.3f}" if match.p_adjusted >= 0.001 else "&lt; 0.001"
    return (
        f"{html.escape(match.concept)}: {what} {match.value:.2f} (by chance {match.chance:.2f}), "
        f"p {p}, adjusted{', matched' if match.matched else ''}"
    )


def sentences(found: Units, unit: int) -> Iterator[str]:
    """What the explorer says about a unit, in HTML."""
    row = found.rows.loc[unit]
    label = html.escape(text(row["label"])) or "no label"
    yield f"<b>{row['name']}</b>: {label}. Rank {ranks(row)}."
    of_unit = found.matches[found.matches["unit"] == unit]
    of_unit = of_unit.sort_values(["p", "value"], ascending=[True, False])
    likely = of_unit[of_unit["matched"] | (of_unit["p_adjusted"] < 1)]
    yield from (described(match) for match in likely.head(4).itertuples())
    if not (of_unit["p_adjusted"] < 1).any():
        yield "No word or structure matches it better than chance."
    if unit in found.falls.index:
        fell = found.falls.loc[unit]
        change = controls.change_without(fell["fall"], 3, (fell["ci_low"], fell["ci_high"]))
        yield f"Without this unit the output for {fell['target']} {change}."


class Parts(NamedTuple):
    """The widgets of the explorer."""

    study: widgets.Dropdown
    units: widgets.Dropdown
    unit: widgets.Dropdown
    back: widgets.Button
    on: widgets.Button
    picture: widgets.Image
    said: widgets.HTML


def _parts(known: Sequence[str], study: str | None) -> Parts:
    unit = controls.dropdown("Unit")
    return Parts(
        controls.study(known, study),
        controls.dropdown("Units", list(KINDS)),
        unit,
        *controls.steps(unit, "unit"),
        controls.picture(),
        widgets.HTML(),
    )


def units(root: Path, study: str | None = None) -> widgets.VBox:
    """Browse units: the images where each is strongest, its label, the words and structures that
    match it best, its ranks, and how the output changes without it, where that was measured.

    Parameters
    ----------
    root : Path
        The folder of the studies, as `regard.explorers.where` gives it.
    study : str, optional
        The study that is shown first.

    Raises
    ------
    FileNotFoundError
        If no study has units.
    """
    parts = _parts(results.studies(root, LABELS), study)
    opened = functools.lru_cache(maxsize=1)(read)

    def list_units() -> None:
        rows = opened(Path(root) / parts.study.value / "units").shown(parts.units.value)
        options = [
            (f"{row['name']}: {text(row['label']) or 'no label'}", row["unit"])
            for _, row in rows.iterrows()
        ]
        controls.choose(parts.unit, options, options[0][1] if options else None)

    def draw() -> None:
        if parts.unit.value is None:
            parts.picture.value, parts.said.value = pictures.BLANK, "There is no such unit."
            return
        found = opened(Path(root) / parts.study.value / "units")
        parts.picture.value = found.pages[parts.unit.value].read_bytes()
        parts.said.value = "<br>".join(sentences(found, parts.unit.value))

    controls.follow(draw, [parts.unit], [(list_units, [parts.study, parts.units])])
    chosen = [parts.study, parts.units, parts.unit, parts.back, parts.on]
    first = widgets.HBox(chosen, layout=controls.ROW)
    return controls.explorer([first, parts.said, parts.picture], **parts._asdict())
