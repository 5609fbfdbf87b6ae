"""Cases: a table, one image per row, and regions per structure; read, checked, written and split by
patient.

On disk a set is a folder with `cases.csv` (columns case, patient, image, and either label or one
column of 1, 0 or blank per finding), `images/`, and `regions/<structure>/<case>.png` (0/255). No
file means not annotated; an all-zero mask means annotated as absent.
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from regard.data.case_set import (
    TRUTH,
    UNKNOWN,
    Cases,
    Lazy,
    check_classes,
    check_findings,
    findings_of,
    nearly_constant_cases,
    nearly_findings,
    source_name,
    wanted_splits,
)
from regard.data.inputs import case_table
from regard.data.inputs.case_table import RESERVED, SPLITS
from regard.data.inputs.rasters import decode, nearly_constant, transparent
from regard.data.inputs.words import closest, joined, quoted, remark

__all__ = [
    "RESERVED",
    "SPLITS",
    "TRUTH",
    "UNKNOWN",
    "Cases",
    "Lazy",
    "check_classes",
    "check_findings",
    "decode",
    "findings_of",
    "nearly_constant_cases",
    "nearly_findings",
    "read",
    "source_name",
    "unchecked",
    "wanted_splits",
    "write",
    "write_mask",
]


def read(
    folder: Path | str,
    labels: Sequence[str] | None = None,
    excluded: Sequence[str] = (),
    findings: Sequence[str] | None = None,
) -> Cases:
    """A set of cases; every image and mask is decoded once to check it.

    Parameters
    ----------
    folder : Path or str
    labels : sequence of str, optional
        The labels of a study; by default all are accepted.
    excluded : sequence of str
        Labels whose cases are left out.
    findings : sequence of str, optional
        Columns of 1, 0 or blank (unknown), for a study of several findings per image.

    Returns
    -------
    Cases

    Raises
    ------
    FileNotFoundError
        For a missing folder or file.
    ValueError
        For anything else that is wrong; names file and row (the header is row 1).
    """
    folder = Path(folder)
    cases = unchecked(folder)
    case_table.check_findings(cases.table, folder / "cases.csv", findings or ())
    positions = _with_known_label(cases.table, folder / "cases.csv", labels, excluded)
    flat: list[str] = []
    for position in _bar(positions, f"checking {folder}"):
        image = cases.images[position]
        shape = image.shape[:2]
        flat += [cases.table["case"][position]] if nearly_constant(image) else []
        for structure, masks in cases.regions.items():
            mask = masks[position]
            if mask is not None and mask.shape != shape:
                raise ValueError(
                    f"{folder}/cases.csv row {position + 2}: "
                    f"{folder}/regions/{structure}/{cases.table['case'][position]}"
                    f".png is {_size(mask.shape)}, its image is {_size(shape)}; a mask must have "
                    "the image's size"
                )
    if flat:
        remark(
            f"{len(flat)} of {len(positions)} images are nearly constant or nearly all black and "
            "white, the first is that of "
            f"case {flat[0]}: look at them, and at the window if one was stated"
        )
    return replace(cases.keep(positions), listed=len(cases))


def _bar(positions: Sequence[int] | np.ndarray, doing: str) -> Iterable[int]:
    """`positions`, with a progress bar on a terminal where there are many."""
    return tqdm(
        positions, doing, unit=" cases", disable=None if len(positions) > 500 else True, leave=False
    )


def unchecked(folder: Path | str) -> Cases:
    """A set of cases; its table and the names of its masks are checked, images and masks only on
    use.
    """
    folder = Path(folder)
    path = folder / "cases.csv"
    table, shown = case_table.read(folder)
    drawn = case_table.structures(folder, table["case"])
    images = Lazy(lambda item: _image(item[1], f"{path} row {item[0]}"), enumerate(shown, start=2))

    def masks(place: Path) -> Lazy:
        return Lazy(
            lambda item: _mask(place / f"{item[1]}.png", f"{path} row {item[0]}"),
            enumerate(table["case"], start=2),
        )

    return Cases(table, images, {name: masks(place) for name, place in drawn.items()})


def _with_known_label(
    table: pd.DataFrame, path: Path, labels: Sequence[str] | None, excluded: Sequence[str]
) -> np.ndarray:
    if labels is None:
        return np.arange(len(table))
    if "label" not in table:
        raise ValueError(f"{path} has no column 'label'; it has {joined(table.columns)}")
    for row, label in enumerate(table["label"], start=2):
        if label not in labels and label not in excluded:
            meant = closest(label, [*labels, *excluded])
            raise ValueError(
                f"{path} row {row}: unknown label {quoted(label)}; known are "
                f"{joined([*labels, *excluded])}"
                f"{f'; did you mean {quoted(meant)}?' if meant is not None else ''}"
            )
    present = sorted(set(table["label"]) & set(labels))
    if len(present) < 2:
        raise ValueError(
            f"{path} holds a single class, {', '.join(present) or 'none'}: a classifier needs "
            "cases of at "
            f"least two of {', '.join(labels)}"
        )
    return np.flatnonzero(table["label"].isin(labels))


def _image(path: Path, where: str) -> np.ndarray:
    image = _shown(path, where)
    if image.mode not in ("L", "RGB"):
        raise ValueError(
            f"{where}: {path} has mode {image.mode}; images are 8-bit grey (L) or colour (RGB)"
        )
    return np.array(image)


def _shown(path: Path, where: str) -> Image.Image:
    try:
        image = decode(path)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if image.mode in ("1", "L", "RGB") and transparent(image):
        raise ValueError(
            f"{where}: {path} has transparent pixels: what should be seen behind them is not said"
        )
    return image


def _mask(path: Path, where: str) -> np.ndarray | None:
    if not path.is_file():
        return None
    image = _shown(path, where)
    if image.mode not in ("1", "L"):
        raise ValueError(
            f"{where}: {path} has mode {image.mode}; a mask is 8-bit grey, 0 or 255 (`regard "
            "import folder` converts masks)"
        )
    values = np.array(image.convert("L"))
    drawn = values == 255
    if not ((values == 0) | drawn).all():
        between = values[(values > 0) & (values < 255)][0]
        raise ValueError(
            f"{where}: {path} has the grey value {between}; a mask is 0 or 255 and nothing between "
            "(multiply a mask of 0 and 1 by 255; `regard import folder ... --set above=0` "
            "converts masks)"
        )
    return drawn


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]} x {shape[0]} pixels"


def write(cases: Cases, folder: Path | str, datasheet: str | None = None) -> None:
    """Write a set of cases as cases.csv, images/<case>.png and regions/<structure>/<case>.png.

    Everything is written beside `folder` first, read back, and moved when complete. An earlier set
    is replaced; other files stay.

    Parameters
    ----------
    cases : Cases
    folder : Path or str
    datasheet : str, optional
        Text of DATASHEET.md.

    Raises
    ------
    ValueError
        For a folder whose `images` or `regions` are not a set's, for a case or structure whose name
        cannot be a file name or is repeated, and as `read`.
    """
    folder = Path(folder)
    if not (folder / "cases.csv").is_file():
        for name in ("images", "regions"):
            if (folder / name).exists():
                raise ValueError(
                    f"{folder} has no cases.csv, so its {name} is not ours to replace; give "
                    "another folder"
                )
    _check_names(cases)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        made = Path(scratch, folder.name)
        (made / "images").mkdir(parents=True)
        (made / "regions").mkdir()
        table = cases.table.assign(image=[f"images/{case}.png" for case in cases.table["case"]])
        for structure in cases.regions:
            (made / "regions" / structure).mkdir()
        for position in _bar(range(len(table)), f"writing {folder}"):
            case = table["case"][position]
            _save(cases.images[position], made / "images" / f"{case}.png")
            for structure, masks in cases.regions.items():
                if (mask := masks[position]) is not None:
                    write_mask(mask, made / "regions" / structure / f"{case}.png")
        table.to_csv(made / "cases.csv", index=False, lineterminator="\n")
        if datasheet is not None:
            (made / "DATASHEET.md").write_text(datasheet, encoding="utf-8")
        read(made)
        _replace(made, folder, Path(scratch, "earlier"))


def _replace(made: Path, folder: Path, earlier: Path) -> None:
    """Move the set in `made` to `folder`; one that is there goes to `earlier`, and comes back if
    that fails.
    """
    if not folder.exists():
        made.rename(folder)
        return
    earlier.mkdir()
    parts = [entry.name for entry in made.iterdir()]
    try:
        for source, target in ((folder, earlier), (made, folder)):
            for name in parts:
                if (source / name).exists():
                    (source / name).rename(target / name)
    except BaseException:
        for name in parts:
            if (earlier / name).exists():
                if (folder / name).exists():
                    (folder / name).rename(made / name)
                (earlier / name).rename(folder / name)
        raise


def _check_names(cases: Cases) -> None:
    """Raise ValueError for a name that could not be a file's, or a case that stands twice."""
    for meaning, names in (("case", cases.table["case"]), ("structure", cases.regions)):
        for name in names:
            if not case_table.SAFE_NAME.fullmatch(name):
                raise ValueError(
                    f"{meaning} {quoted(name)} must be made of 1 to 200 letters, digits, '_', '.' "
                    "and '-'"
                )
    if (twice := cases.table["case"].duplicated()).any():
        raise ValueError(
            f"case {quoted(cases.table['case'][twice].iloc[0])} stands twice; every case needs a "
            "name of its own"
        )


def write_mask(mask: np.ndarray, path: Path) -> None:
    """Write a bool array (H, W) as an 8-bit PNG of 0 and 255."""
    _save(mask.astype(np.uint8) * 255, path)


def _save(image: np.ndarray, path: Path) -> None:
    """As PNG: tiles as small as can be, large images several times faster and a tenth larger."""
    small = image.shape[0] * image.shape[1] <= 2**16
    Image.fromarray(image).save(path, **({"optimize": True} if small else {"compress_level": 3}))
