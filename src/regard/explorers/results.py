"""What explorers read of a study: images, maps, the expert's outline, and what each case was taken
for.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from regard.core import arrays, project, tables
from regard.data import letterbox, reference_regions

SAMPLE = (
    "notebooks/explore/sample"  # a few results that ship, for those who have not run anything yet
)
MAPS = "attribute/maps.nc"
SHOWN = {  # which of the explained cases: name -> rows of explanations.csv
    "all": lambda rows: rows,
    "called wrong": lambda rows: rows[~rows["correct"].astype(bool)],
    "called right": lambda rows: rows[rows["correct"].astype(bool)],
}


@dataclass(frozen=True)
class Results:
    """Of one study: the folder results/study/<id>, its images on squares, its maps, and the rows
    that are explained (see regard.models.explained.explanations), for the class each case was
    given, or its findings; `explained` has those for its true class as well."""

    folder: Path
    images: xr.DataArray
    maps: xr.Dataset
    rows: pd.DataFrame
    sizes: pd.DataFrame
    explained: pd.DataFrame

    def image(self, case: str) -> np.ndarray:
        """uint8 (size, size) or (size, size, 3)."""
        return self.images.sel(case=case).to_numpy()

    def targets(self, case: str) -> list[tuple[str, str]]:
        """What maps of a case are for: (what is said, target), the class it was given first."""
        own = self.explained[self.explained["case"] == case]
        said = {"predicted": "as it was called", "true": "its label", "finding": "a finding"}
        roles = own.groupby("target", sort=False)["target_role"].agg(list)
        return [
            (f"{name}, {' and '.join(said[role] for role in of)}", name)
            for name, of in roles.items()
        ]

    def names(self, case: str, target: str) -> list[str]:
        """The maps that there are of a case for a target."""
        return [name for name in self.maps.data_vars if arrays.has(self.maps, name, case, target)]

    def map(self, name: str, case: str, target: str) -> np.ndarray:
        """Signed and raw, (size, size)."""
        return arrays.pick(self.maps, name, case, target)

    def box(self, case: str) -> letterbox.Letterbox:
        """How the image lies in the square."""
        return letterbox.letterbox(*self.sizes.loc[case, ["height", "width"]], self.images.shape[1])

    def outline(self, case: str, target: str) -> np.ndarray | None:
        """The expert's region on the square, bool; None where there is none."""
        drawn = reference_regions.read_outline(self.folder / "prepare" / "outlines", case, target)
        return None if drawn is None else letterbox.mask_to_square(drawn, self.box(case))

    def region(self, name: str, case: str, target: str) -> np.ndarray | None:
        """A region that is scored (see regard.data.reference_regions), or several joined by +, on
        the square; None where it is not annotated.
        """
        folder = self.folder / "prepare" / "regions"
        described = reference_regions.description(folder)
        drawn = reference_regions.read(folder, case, described["drawn"])
        drawn = (
            reference_regions.of_finding(drawn, target)
            if described["expert"] == "finding"
            else drawn
        )
        found = reference_regions.combine(drawn, name)
        return None if found is None else letterbox.mask_to_square(found, self.box(case))


def read(folder: Path) -> Results:
    """The results of a study. Raises FileNotFoundError for a study that has none, and that names
    the missing stage output.
    """
    if not Path(folder).is_dir():
        there = sorted(path.name for path in Path(folder).parent.glob("*") if path.is_dir())
        raise FileNotFoundError(
            f"there is nothing of a study {Path(folder).name!r}; there is of "
            f"{', '.join(there) or 'none'}"
        )
    rows = tables.read(folder / "train" / "explanations.csv")
    return Results(
        folder,
        arrays.read(folder / "prepare" / "images.nc")["images"],
        arrays.read(folder / MAPS),
        rows[rows["target_role"] != "true"].reset_index(drop=True),
        tables.read(folder / "prepare" / "cases.csv").set_index("case"),
        rows,
    )


def where(output: str = MAPS) -> Path:
    """The folder of the studies to explore: results/study of this project once a study has made
    `output` there, until then the sample that ships, and says so. Raises FileNotFoundError where
    there is neither."""
    root = project.root()
    for folder in (root / "results" / "study", root / SAMPLE):
        if any(folder.glob(f"*/{output}")):
            if folder.name == "sample":
                print(
                    "This is the small sample that ships, a few cases of each study. `make "
                    "reproduce` makes the rest."
                )
            return folder
    raise FileNotFoundError(
        f"no {output} in results/study or {SAMPLE}: run the pipeline first (make reproduce)"
    )


def studies(root: Path, output: str = MAPS) -> list[str]:
    """The studies under `root` (results/study) that have made `output`. Raises FileNotFoundError
    where there is none.
    """
    levels = len(Path(output).parts)
    found = sorted(path.parents[levels - 1].name for path in Path(root).glob(f"*/{output}"))
    if not found:
        raise FileNotFoundError(
            f"no {output} of any study in {root}: run the pipeline first (make reproduce)"
        )
    return found
