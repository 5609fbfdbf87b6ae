"""What explorers read of a study: images, maps, the expert's outline, and which class each case was
given.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from regard.core import arrays, project, tables
from regard.data import letterbox, reference_regions

# a few results that ship, for those who have not run anything yet
SAMPLE = "notebooks/explore/sample"
MAPS = "attribute/maps.nc"
SHOWN = {  # which of the explained cases: name -> the value of `correct` in explanations.csv
    "all": None,
    "misclassified": False,
    "correctly classified": True,
}
ROLES = {"predicted": "predicted class", "true": "label", "finding": "finding"}


@dataclass(frozen=True, eq=False)
class Results:
    """The results of one study.

    Attributes
    ----------
    folder : Path
        results/study/<id>.
    images : DataArray
        uint8 (case, y, x) or (case, y, x, colour), the squares that the network sees.
    maps : Dataset
        attribute/maps.nc.
    rows : DataFrame
        The rows of train/explanations.csv for the predicted class of each case, or its findings.
    sizes : DataFrame
        prepare/cases.csv, by case.
    explained : DataFrame
        All rows of train/explanations.csv, those for the true class as well.
    """

    folder: Path
    images: xr.DataArray
    maps: xr.Dataset
    rows: pd.DataFrame
    sizes: pd.DataFrame
    explained: pd.DataFrame

    def image(self, case: str) -> np.ndarray:
        """uint8 (size, size) or (size, size, 3)."""
        return self.images.sel(case=case).to_numpy()

    def shown(self, kind: str) -> pd.DataFrame:
        """The rows of a kind of cases, a key of SHOWN."""
        wanted = SHOWN[kind]
        return self.rows if wanted is None else self.rows[self.rows["correct"].eq(wanted)]

    def targets(self, case: str) -> list[tuple[str, str]]:
        """What maps of a case are for: (text, target), the predicted class first."""
        own = self.explained[self.explained["case"] == case]
        roles = own.groupby("target", sort=False)["target_role"].agg(list)
        return [
            (f"{name} ({' and '.join(ROLES[role] for role in several)})", str(name))
            for name, several in roles.items()
        ]

    def names(self, case: str, target: str) -> list[str]:
        """The maps that there are of a case for a target."""
        names = [str(name) for name in self.maps.data_vars]
        return [name for name in names if arrays.has(self.maps, name, case, target)]

    def map(self, name: str, case: str, target: str) -> np.ndarray:
        """Signed and raw, (size, size)."""
        return arrays.pick(self.maps, name, case, target)

    def box(self, case: str) -> letterbox.Letterbox:
        """How the image lies in the square."""
        height, width = self.sizes.loc[case, ["height", "width"]]
        return letterbox.letterbox(height, width, self.images.shape[1])

    def outline(self, case: str, target: str) -> np.ndarray | None:
        """The expert's region on the square, bool; None where there is none."""
        drawn = reference_regions.read_outline(self.folder / "prepare" / "outlines", case, target)
        return None if drawn is None else letterbox.mask_to_square(drawn, self.box(case))

    def region(self, name: str, case: str, target: str) -> np.ndarray | None:
        """A reference region on the square (see regard.data.reference_regions), bool (size, size).

        `name` may join several by +. None where the region is not annotated.
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
    """Read the results of a study.

    Parameters
    ----------
    folder : Path
        results/study/<id>, or the folder of a study in the sample.

    Raises
    ------
    FileNotFoundError
        If the study has no results, or if the output of a stage is missing.
    """
    if not Path(folder).is_dir():
        there = sorted(path.name for path in Path(folder).parent.glob("*") if path.is_dir())
        raise FileNotFoundError(
            f"there are no results of a study {Path(folder).name!r}; there are results of "
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
    """The folder of the studies to explore.

    It is results/study of this project once a study has made `output` there. Until then it is the
    sample that ships, and a line is printed that says so.

    Raises
    ------
    FileNotFoundError
        If neither folder holds `output` of any study.
    """
    root = project.root()
    for folder in (root / "results" / "study", root / SAMPLE):
        if any(folder.glob(f"*/{output}")):
            if folder.name == "sample":
                print(
                    "This is the small sample that ships with the project, with a few cases of "
                    "each study. `make reproduce` computes all results."
                )
            return folder
    raise FileNotFoundError(
        f"no {output} in results/study or {SAMPLE}: run the pipeline first (make reproduce)"
    )


def studies(root: Path, output: str = MAPS) -> list[str]:
    """The studies under `root` that have made `output`.

    Raises
    ------
    FileNotFoundError
        If no study has.
    """
    levels = len(Path(output).parts)
    found = sorted(path.parents[levels - 1].name for path in Path(root).glob(f"*/{output}"))
    if not found:
        raise FileNotFoundError(
            f"no {output} of any study in {root}: run the pipeline first (make reproduce)"
        )
    return found
