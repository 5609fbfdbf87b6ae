"""BreakHis, breast H&E at four magnifications (Spanhol et al., IEEE TBME 2016,
10.1109/TBME.2015.2496264).

Layout as published: `.../SOB_B_A-14-22549AB-40-001.png`, in any folders: procedure (SOB), benign
(B) or malignant (M), type, year, slide, magnification, number. The patient is year and slide number
(14-22549): slide 13412 appears under two types and is one patient, and slides whose numbers differ
in letters alone (22549AB, 22549CD) count as one, for the set does not say that they are two. The
set has labels alone, no regions. A pixel size is not given.
"""

import re
from pathlib import Path

from regard.data.cases import Cases, Lazy
from regard.data.inputs.words import quoted
from regard.datasets import files, pixels

NAME = re.compile(r"SOB_([BM])_([A-Z]+)-(\d+)-(\d+)([A-Z]*)-(40|100|200|400)-(\d+)")


def read(folder: Path | str, magnification: int = 200) -> Cases:
    """The images of one magnification (40, 100, 200 or 400) with the labels benign and malignant
    and no regions.

    Raises ValueError for a PNG of another name, an unknown magnification, and a folder without
    images.
    """
    if magnification not in (40, 100, 200, 400):
        raise ValueError(f"magnification is {quoted(magnification)}; known are 40, 100, 200, 400")
    rows = []
    for path in files.by_name(Path(folder), "*.png").values():
        found = NAME.fullmatch(path.stem)
        if not found:
            raise ValueError(
                f"{path} is not named as BreakHis names its images, SOB_B_A-14-22549AB-40-001.png"
            )
        kind, subtype, year, slide, _, power, _ = found.groups()
        if int(power) == magnification:
            rows.append((path, {"B": "benign", "M": "malignant"}[kind], f"{year}-{slide}", subtype))
    if not rows:
        raise FileNotFoundError(
            f"no image of magnification {magnification} in {folder} or below it"
        )
    table = files.cases_table(
        case=[row[0].stem for row in rows],
        patient=[row[2] for row in rows],
        image=[row[0].name for row in rows],
        label=[row[1] for row in rows],
        subtype=[row[3] for row in rows],
        reference="reader",
    )
    return Cases(table, Lazy(lambda row: pixels.image(row[0]), rows), {})
