"""What stage compare reads: the maps, the selected regions and the expert's regions of a study."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from regard.claims import papers
from regard.core import arrays, tables
from regard.data import letterbox, reference_regions
from regard.evaluation import groups, localisation
from regard.models.explained import can_be_scored, outlook
from regard.pipeline.folders import Stage


@dataclass(frozen=True)
class Inputs:
    """What is compared in one study.

    Attributes
    ----------
    stage : folders.Stage
        The folders that are read and written.
    settings : mapping
        The block `compare` of params.yaml.
    maps : Dataset
        The heat maps of stage attribute.
    selected : list of Dataset
        The selected regions of stage select: those of the headline settings, then sweeps.
    explanations : DataFrame
        A row for each explained case and target.
    headline : DataFrame
        The rows that claims are made on, of the target `target` and the role `role`.
    cases : DataFrame
        The table of cases, by case.
    regions : mapping
        The description of the reference regions.
    """

    stage: Stage
    settings: Mapping[str, Any]
    maps: xr.Dataset
    selected: list[xr.Dataset]
    explanations: pd.DataFrame
    headline: pd.DataFrame
    target: str
    role: str
    cases: pd.DataFrame
    regions: Mapping[str, Any]

    @property
    def expert(self) -> str:
        """The name of the expert's region; "finding" where each finding has its own."""
        return self.regions["expert"]

    @property
    def of_findings(self) -> bool:
        """Whether each finding of an image has a region of its own."""
        return self.expert == "finding"

    @property
    def parts(self) -> list[str]:
        """The regions that are stored and scored."""
        return self.regions["names"]

    @property
    def unions(self) -> list[str]:
        """The unions of several parts that are scored as well."""
        wanted = dict.fromkeys([self.expert, self.settings["together"]])
        return [name for name in wanted if name and name not in self.parts]

    @property
    def claimed_region(self) -> str:
        """The union that the study names, or the expert's region."""
        return self.settings["together"] or self.expert

    @property
    def names(self) -> list[str]:
        """All maps, in the order in which they are stored."""
        return [str(name) for name in self.maps.data_vars]

    @property
    def nulls(self) -> list[str]:
        """The null maps."""
        return [name for name in self.names if self.maps[name].attrs["kind"] == "null"]

    @property
    def methods(self) -> list[str]:
        """The maps that are no null maps."""
        return [name for name in self.names if self.maps[name].attrs["kind"] != "null"]

    @property
    def slow(self) -> list[str]:
        """The methods that explained a subset of the test cases."""
        return [name for name in self.methods if "subset" in self.maps[name].dims]

    @property
    def main_method(self) -> str:
        """CAM, or else the nearest method to it: the map that single tables are about."""
        nearest = (name for name in ("cam", "grad-cam") if name in self.methods)
        return next(nearest, self.methods[0])

    @property
    def first_tolerance(self) -> str:
        """The headline tolerance of the pointing game, as in the column `setting`."""
        return localisation.named(self.settings["tolerances"][0])

    @property
    def headline_settings(self) -> dict[str, str]:
        """The setting of each selection that was named beforehand."""
        variants = json.loads(self.selected[0].attrs["variants"])
        return {
            label: localisation.setting(variant["parameters"])
            for label, variant in variants.items()
        }

    @property
    def paper(self) -> Mapping[str, Any]:
        """What the paper of the study publishes; empty without one."""
        published: Mapping[str, Any] = papers.PUBLISHED
        return published.get(self.settings["published"], {})

    @property
    def common(self) -> dict[str, str]:
        """The columns `study` and `data`, which all tables have."""
        return {"study": self.stage.study, "data": self.maps.attrs["data"]}

    def box(self, case: str) -> letterbox.Letterbox:
        """How the image of a case lies in the square that the network sees."""
        size = self.cases.loc[case]
        return letterbox.letterbox(size["height"], size["width"], self.maps.attrs["size"])

    def pixel_mm(self, case: str) -> float | None:
        """Millimetres of a pixel of the annotation, None where they are unknown."""
        spacing = self.cases.loc[case].get("pixel_mm")
        return float(spacing) if pd.notna(spacing) else None

    def drawn(self, case: str) -> dict:
        """The reference regions of a case, bool (height, width) by name."""
        folder = self.stage.earlier("prepare") / "regions"
        return reference_regions.read(folder, case, self.regions["drawn"])


def read(stage: Stage, settings: Mapping[str, Any]) -> Inputs:
    """Read the results of the earlier stages of a study.

    Raises
    ------
    FileNotFoundError
        When one of these stages has not run.
    """
    prepared, trained = stage.earlier("prepare"), stage.earlier("train")
    explanations = tables.read(trained / "explanations.csv")
    target, role, headline = groups.headline(explanations)
    return Inputs(
        stage,
        settings,
        arrays.read(stage.earlier("attribute") / "maps.nc"),
        [arrays.read(file) for file in sorted(stage.earlier("select").glob("*.nc"))],
        explanations,
        headline,
        target,
        role,
        tables.read(prepared / "cases.csv").set_index("case"),
        reference_regions.description(prepared / "regions"),
    )


def overview(inputs: Inputs) -> list[str]:
    """How many maps are compared, and what so many cases do not allow, a sentence each."""
    headline = inputs.headline
    outlined = tables.read(inputs.stage.earlier("prepare") / "outlined.csv")
    return [
        f"{headline['case'].nunique()} test cases of {headline['patient'].nunique()} patients, "
        f"{len(headline)} maps of each method: {inputs.target} ({inputs.role}); "
        f"{int((~headline['correct']).sum())} of these decisions were wrong",
        *outlook(headline, can_be_scored(headline, outlined)),
    ]
