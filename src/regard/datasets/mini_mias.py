"""mini-MIAS, digitised screening mammograms (Suckling et al. 1994), 1024 x 1024 pixels of 0.2 mm.

Layout as published: `Info.txt`, a line per abnormality (name, tissue, class, severity, x, y,
radius), and `mdb001.pgm`, ... x counts from the left, y from the *bottom*. Images 2k - 1 and 2k are
the two breasts of one patient. An abnormality without a circle ("*NOTE 3*": calcifications all
over) leaves its structure not annotated in that image.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from regard.data import annotations
from regard.data.cases import Cases, Lazy
from regard.data.inputs.words import quoted
from regard.datasets import files, pixels

STRUCTURES = {
    "CALC": "calcification",
    "CIRC": "mass",
    "SPIC": "mass",
    "MISC": "mass",  # "other, ill-defined masses"
    "ARCH": "architectural_distortion",
    "ASYM": "asymmetry",
}
PIXEL_MM = "0.2"
LINE = re.compile(
    r"(?P<name>mdb(?P<number>\d{3}))[a-z]*\s+(?P<tissue>[FGD])\s+(?:NORM|(?P<kind>CALC|CIRC|SPIC|MISC|ARCH|ASYM)\s+"
    r"(?P<severity>[BM])(?:\s+(?:(?P<circle>\d+\s+\d+\s+\d+)|\*?\s*NOTE\s*3\s*\*?))?)\s*"
)


def read(folder: Path | str) -> Cases:
    """mini-MIAS with the labels normal, benign and malignant (malignant where any abnormality is),
    a region per structure and "lesion", their union.

    Raises FileNotFoundError for a missing file, ValueError that names the line for one that cannot
    be read and for a circle outside its image.
    """
    folder = Path(folder)
    listed = files.one_of(folder, "Info.txt")
    images = files.by_name(folder, "*.pgm")
    found: dict[str, list[tuple[int, re.Match]]] = {}
    for row, line in enumerate(listed.read_text(encoding="latin-1").splitlines(), start=1):
        if line.strip().lower().startswith("mdb"):
            match = LINE.fullmatch(line.strip())
            if not match:
                raise ValueError(
                    f"{listed} row {row}: {quoted(line)} is not 'name tissue class severity x y "
                    "radius'"
                )
            found.setdefault(match["name"], []).append((row, match))
    if not found:
        raise ValueError(f"{listed} has no line that starts with mdb")
    rows = []
    for name, lines in found.items():
        with files.located(f"{listed} row {lines[0][0]}"):
            if f"{name}.pgm" not in images:
                raise FileNotFoundError(f"no image {name}.pgm in {folder} or below it")
        rows.append((images[f"{name}.pgm"], lines))
        for structure in set(STRUCTURES.values()):
            _drawn(rows[-1], structure, listed)  # so that a circle that does not fit is named now
    files.unlisted(images.values(), {path for path, _ in rows}, listed)
    severities = [{match["severity"] for _, match in lines} - {None} for _, lines in rows]
    table = files.cases_table(
        case=[path.stem for path, _ in rows],
        patient=[f"patient-{(int(lines[0][1]['number']) + 1) // 2:03d}" for _, lines in rows],
        image=[path.name for path, _ in rows],
        label=[
            "malignant" if "M" in found else "benign" if "B" in found else "normal"
            for found in severities
        ],
        tissue=[lines[0][1]["tissue"] for _, lines in rows],
        pixel_mm=PIXEL_MM,
        reference="reader",
    )
    names = ["lesion", *dict.fromkeys(STRUCTURES.values())]
    regions = {name: Lazy(partial(_drawn, structure=name, listed=listed), rows) for name in names}
    return Cases(table, Lazy(lambda row: pixels.image(row[0], grey=True), rows), regions)


def _drawn(row: tuple, structure: str, listed: Path) -> np.ndarray | None:
    """The circles of one structure in one image, or of all for "lesion"; None where one of them has
    none.
    """
    path, lines = row
    size, circles = pixels.size_of(path), []
    for number, match in lines:
        if match["kind"] and structure in ("lesion", STRUCTURES[match["kind"]]):
            if match["circle"] is None:
                return None
            x, y, radius = map(float, match["circle"].split())
            with files.located(f"{listed} row {number}"):
                circles.append(annotations.circle(size, x, y, radius, origin="bottom"))
    return files.union(circles, size)
