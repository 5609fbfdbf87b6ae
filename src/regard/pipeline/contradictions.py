"""Inputs of a stage that contradict each other: files of another study, of other cases or of
another network, as copying results about leaves them.

DVC sees that a file has changed, and not that it does not belong to the others; a stage would
compute with it.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open

from regard.core import arrays, project, tables

SHOWN = 3  # names in a message


class _Study:
    """The files of a study that stages read, each opened when it is asked for."""

    def __init__(self, name: str):
        self.name = name
        self.folder = project.root() / "results" / "study" / name

    def path(self, file: str) -> Path:
        return self.folder / file

    def table(self, file: str) -> pd.DataFrame:
        return tables.read(self.path(file))

    def network(self) -> dict:
        path = self.path(NETWORK)
        try:
            with safe_open(path, "np") as stored:
                return json.loads(stored.metadata()["description"])
        except (SafetensorError, KeyError, TypeError, ValueError):
            raise ValueError(
                f"{_short(path)} is not a network that stage train wrote; run it again"
            ) from None


CASES, IMAGES, EXPLANATIONS = "prepare/cases.csv", "prepare/images.nc", "train/explanations.csv"
NETWORK, MAPS, TUNING = "train/model.safetensors", "attribute/maps.nc", "attribute/tuning.nc"


def check(name: str, stage: str) -> None:
    """Raise ValueError, in one sentence that names both files and what to run, when inputs of a
    stage of a study contradict each other.

    Files that are missing are left to the stage itself.
    """
    study = _Study(name)
    for stages, files, relation in RELATIONS:
        if stage in stages and all(study.path(file).is_file() for file in files):
            relation(study)


def _images(study: _Study) -> None:
    with arrays.opened(study.path(IMAGES)) as images:
        _same_study(study, IMAGES, images.attrs)
        stored = [str(case) for case in images["case"].to_numpy()]
    listed = study.table(CASES)["case"].tolist()
    _same_names(study, CASES, listed, IMAGES, stored, "cases")
    if listed != stored:
        _refuse(study, IMAGES, CASES, "has its cases in another order")


def _network(study: _Study) -> None:
    told = study.network()
    with arrays.opened(study.path(IMAGES)) as images:
        for key, wanted in (
            ("classes", _list(images.attrs["classes"])),
            ("kind", images.attrs["kind"]),
        ):
            if told[key] != wanted:
                one, other = (", ".join(_list(value)) for value in (told[key], wanted))
                _refuse(study, NETWORK, IMAGES, f"is a network of the {key} {one}, and not {other}")


def _explained(study: _Study) -> None:
    table = study.table(EXPLANATIONS)
    _none_beyond(study, CASES, study.table(CASES)["case"], EXPLANATIONS, table["case"], "cases")
    with arrays.opened(study.path(IMAGES)) as images:
        _none_beyond(
            study,
            IMAGES,
            _list(images.attrs["classes"]),
            EXPLANATIONS,
            table["target"],
            "classes or findings",
        )


def _maps(study: _Study) -> None:
    table = study.table(EXPLANATIONS)
    with arrays.opened(study.path(MAPS)) as maps:
        _same_study(study, MAPS, maps.attrs)
        labels = [str(label) for label in maps["map"].to_numpy()]
    wanted = [arrays.key(case, target) for case, target in zip(table["case"], table["target"])]
    _same_names(study, EXPLANATIONS, wanted, MAPS, labels, "explanations")


def _maps_of_network(study: _Study) -> None:
    with arrays.opened(study.path(MAPS)) as maps:
        if maps.attrs["model"] != (digest := study.network()["digest"]):
            _refuse(
                study, MAPS, NETWORK, f"is of the network {maps.attrs['model']}, and not {digest}"
            )


def _tuning(study: _Study) -> None:
    with arrays.opened(study.path(TUNING)) as maps:
        cases = [str(label).split(" ")[0] for label in maps["map"].to_numpy()]
    table = study.table(CASES)
    _none_beyond(
        study, CASES, table["case"][table["split"] == "tune"], TUNING, cases, "tuning cases"
    )


def _selected(study: _Study) -> None:
    with arrays.opened(study.path(MAPS)) as maps:
        network, labels = maps.attrs["model"], [str(label) for label in maps["map"].to_numpy()]
    for path in sorted(study.path("select").glob("*.nc")):
        file = f"select/{path.name}"
        with arrays.opened(path) as regions:
            _same_study(study, file, regions.attrs)
            if regions.attrs["model"] != network:
                _refuse(
                    study,
                    file,
                    MAPS,
                    f"is of the network {regions.attrs['model']}, and not {network}",
                )
            _none_beyond(
                study,
                MAPS,
                labels,
                file,
                [str(label) for label in regions["map"].to_numpy()],
                "explanations",
            )


def _examined(study: _Study) -> None:
    for path in sorted(study.path("examine").glob("*.csv")):
        named = set(tables.read(path).get("study", pd.Series(dtype=str)).dropna())
        _same_study(
            study,
            f"examine/{path.name}",
            {"study": ", ".join(sorted(named - {study.name})) or study.name},
        )


LATER = ("train", "attribute", "select", "examine", "compare", "clusters", "units")
RELATIONS: Sequence[tuple[Iterable[str], Sequence[str], Callable[[_Study], None]]] = (
    (LATER, (CASES, IMAGES), _images),
    (("attribute", "examine", "clusters", "units"), (NETWORK, IMAGES), _network),
    (("attribute", "select", "examine", "compare"), (CASES, IMAGES, EXPLANATIONS), _explained),
    (("select", "examine", "compare"), (EXPLANATIONS, MAPS), _maps),
    (("examine",), (NETWORK, MAPS), _maps_of_network),
    (("select",), (CASES, TUNING), _tuning),
    (("compare",), (MAPS, "select/regions.nc"), _selected),
    (("compare",), ("examine/trust.csv",), _examined),
)


def _list(value) -> list[str]:
    return [str(one) for one in np.atleast_1d(value)]


def _short(path: Path) -> str:
    return str(path.relative_to(project.root()))


def _same_study(study: _Study, file: str, attributes) -> None:
    if attributes.get("study", study.name) != study.name:
        _refuse(study, file, "", f"is of the study {attributes['study']!r}")


def _same_names(
    study: _Study, first: str, wanted: Iterable[str], second: str, found: Iterable[str], what: str
) -> None:
    _none_beyond(study, first, wanted, second, found, what)
    there = set(found)
    if missing := list(dict.fromkeys(name for name in wanted if name not in there)):
        _refuse(
            study,
            second,
            first,
            f"lacks {len(missing)} {what}, such as {', '.join(missing[:SHOWN])}",
        )


def _none_beyond(
    study: _Study, first: str, known: Iterable[str], second: str, found: Iterable[str], what: str
) -> None:
    known = set(known)
    if beyond := list(dict.fromkeys(str(name) for name in found if name not in known)):
        _refuse(
            study,
            second,
            first,
            f"has {len(beyond)} {what} that are not there, such as {', '.join(beyond[:SHOWN])}",
        )


def _refuse(study: _Study, file: str, other: str, reason: str) -> None:
    beside = f" beside {_short(study.path(other))}" if other else ""
    stage = f"{file.split('/')[0]}@{study.name}"
    raise ValueError(
        f"{_short(study.path(file))} does not belong here{beside}: it {reason}; "
        f"make it again with `dvc repro -f {stage}`"
    )
