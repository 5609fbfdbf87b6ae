"""What the readers share: tables, JSON and images opened as they are published; every error names the file."""

import json
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from regard import annotations
from regard.cases import decode

GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


@contextmanager
def located(where: object) -> Iterator[None]:
    """Put `where` (a file, a file and row) before the message of a ValueError or FileNotFoundError raised inside."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{where}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def present(path: Path, meaning: str = "") -> Path:
    """`path`, which must be a file or a folder. Raises FileNotFoundError, with what it should hold."""
    if not path.exists():
        raise FileNotFoundError(f"no {path}{': ' + meaning if meaning else ''}")
    return path


def one_of(folder: Path, *patterns: str) -> Path:
    """The one file in `folder` or below it that fits the first of the glob `patterns` that any fits.

    Raises FileNotFoundError when there is none, ValueError when there are several.
    """
    for pattern in patterns:
        found = sorted(folder.rglob(pattern))
        if len(found) > 1:
            raise ValueError(f"{folder} holds {len(found)} files {pattern}, {found[0]} and {found[1]} among them")
        if found:
            return found[0]
    raise FileNotFoundError(f"no {' or '.join(patterns)} in {folder} or below it")


def table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV or Excel table with its cells as stripped text, blank where empty. Blank rows are left out; `row` counts them
    too, from the header, which is 1.

    Raises FileNotFoundError for a missing file and ValueError for an unreadable one, one whose rows are longer than its
    header, and one without a column.
    """
    present(path)
    try:
        if path.suffix.lower() == ".xlsx":
            found = pd.read_excel(path, dtype=str, keep_default_na=False, na_filter=False)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be lost
                found = pd.read_csv(
                    path,
                    dtype=str,
                    keep_default_na=False,
                    encoding="utf-8-sig",
                    index_col=False,
                    skip_blank_lines=False,
                )
    except Exception as error:  # pandas and openpyxl raise whatever they meet
        raise ValueError(f"{path} is not a readable table: {' '.join(str(error).split())}") from None
    found.columns = [str(column).strip() for column in found.columns]
    if missing := [column for column in columns if column not in found]:
        raise ValueError(f"{path} has no column {missing[0]!r}; it has {', '.join(found.columns)}")
    if "row" in found:
        raise ValueError(
            f"{path} has a column 'row', which stands for the number of the row here; give it another name"
        )
    found = found.fillna("").apply(lambda column: column.astype(str).str.strip())
    row = np.arange(2, len(found) + 2)
    written = (found != "").any(axis=1).to_numpy()
    if not written.any():
        raise ValueError(f"{path} has a header but no rows")
    found = found[written].reset_index(drop=True)
    return found.assign(row=row[written])


def read_json(path: Path) -> object:
    """The content of a JSON file. Raises FileNotFoundError, or ValueError where it is broken."""
    try:
        return json.loads(present(path).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable as JSON: {error}") from None


def number(text: str, meaning: str) -> float:
    """`text` as a finite number. Raises ValueError with `meaning`, the column."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"{meaning} is {text!r}, not a number")
    return value


def flag(text: str, meaning: str) -> bool:
    """`text`, 0 or 1 (or 0.0 or 1.0), as a truth value. Raises ValueError with `meaning`, the column, for all else."""
    if (value := number(text, meaning)) not in (0, 1):
        raise ValueError(f"{meaning} is {text!r}; it must be 0 or 1")
    return value == 1


def inside(folder: Path, name: str, meaning: str) -> Path:
    """`folder / name`, which must be an existing file and lie in `folder`: names in tables are data."""
    path = folder / name
    if not name or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise ValueError(f"{meaning} {name!r} is not a file in {folder}")
    if not os.path.isfile(path):  # unlike Path.is_file also false for a name that is too long
        raise FileNotFoundError(f"no {meaning} {name!r} in {folder}")
    return path


def case_name(text: str) -> str:
    """`text` as the name of a case: what is not a letter, a digit, '_', '.' or '-' becomes '-'."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._") or "case"


def column_name(text: str) -> str:
    """A published name such as "Pleural Effusion" as a column and folder name: pleural_effusion."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def image(
    path: Path, grey: bool = False, window: tuple[float, float] | None = None, behind: int | None = None
) -> np.ndarray:
    """An image as uint8 (H, W) or (H, W, 3); with `grey` always (H, W), colours by their ITU-R 601 luma.

    window: of 16-bit images, the values that become 0 and 255 (linear, clipped); behind: the grey value that is seen behind
    transparent pixels. Palettes are looked up; an alpha channel that is opaque everywhere is dropped. Raises ValueError
    that names the file for a damaged image, one with transparent pixels, 16 bits without a window or with a transparent
    value, and any other mode.
    """
    if path.suffix.lower() in (".dcm", ".dicom"):
        return dicom(path, window)
    found = decode(path)
    if found.mode in GREY_16 and "transparency" in found.info:
        raise ValueError(f"{path} has 16-bit grey values with a transparent one among them, which is not read")
    if "transparency" in found.info or found.mode in ("LA", "RGBA", "PA"):
        plain, found = "L" if found.mode in ("L", "LA") else "RGB", found.convert("RGBA")
        if behind is None and found.getextrema()[3] != (255, 255):
            raise ValueError(f"{path} has transparent pixels: what should be seen behind them is not said")
        found = Image.alpha_composite(Image.new("RGBA", found.size, (behind or 0,) * 3 + (255,)), found).convert(plain)
    if found.mode == "P":
        found = found.convert("RGB")
    if found.mode in GREY_16:
        if window is None:
            raise ValueError(
                f"{path} has 16-bit grey values; state a window, the two values that become black and white"
            )
        with located(path):
            return windowed(np.array(found), *window)
    if found.mode not in ("L", "RGB"):
        raise ValueError(f"{path} has mode {found.mode}; images are grey (8 or 16 bits) or colour (RGB)")
    return np.array(found.convert("L") if grey else found)


def windowed(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Grey values as uint8: `low` and below become 0, `high` and above 255. Raises ValueError unless low < high."""
    if not low < high:
        raise ValueError(f"a window must rise, not go from {low} to {high}")
    if values.dtype.kind in "ui" and values.dtype.itemsize <= 2:  # by a table: a film has millions of pixels
        limits = np.iinfo(values.dtype)
        seen = windowed(np.arange(limits.min, limits.max + 1, dtype=np.float64), low, high)
        return seen[values.astype(np.int32) - limits.min]
    return np.round(np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def dicom(path: Path, window: tuple[float, float] | None = None) -> np.ndarray:
    """A single-frame grey DICOM image as uint8 (H, W), bright where MONOCHROME2 is bright.

    window: the values, rescaled as the file says, that become 0 and 255; without, the file's own window centre and width,
    else the whole range of its stored bits. Raises ValueError that names the file for one that cannot be read.
    """
    import pydicom
    from pydicom.pixels import apply_modality_lut

    try:
        data = pydicom.dcmread(present(path))
        values = apply_modality_lut(data.pixel_array, data)
        centre, width = (_first(data.get(name)) for name in ("WindowCenter", "WindowWidth"))
        half, shown = 2 ** (int(data.BitsStored) - 1), str(data.PhotometricInterpretation)
        stored = (-half, half - 1) if data.PixelRepresentation else (0, 2 * half - 1)
        whole = apply_modality_lut(np.array(stored), data)
    except FileNotFoundError:
        raise
    except Exception as error:  # pydicom and its decoders raise whatever they meet
        raise ValueError(f"{path} is not a readable DICOM image: {' '.join(str(error).split())}") from None
    if values.ndim != 2 or shown not in ("MONOCHROME1", "MONOCHROME2"):
        raise ValueError(f"{path} is {shown} with shape {values.shape}; a single grey frame is expected")
    if window is None:
        window = (centre - width / 2, centre + width / 2) if centre is not None and width else whole
    with located(path):
        seen = windowed(values, *window)
    return 255 - seen if shown == "MONOCHROME1" else seen


def _first(value: object) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0] if isinstance(value, Sequence) and not isinstance(value, str) else value)


def picture(path: Path) -> Image.Image:
    """The decoded file of a mask. Raises FileNotFoundError, and ValueError for a damaged one."""
    return decode(present(path))


def same_size(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`mask`, which must have its image's `size` (height, width). Raises ValueError."""
    if mask.shape[:2] != tuple(size):
        raise ValueError(
            f"the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its image is "
            f"{size[1]} x {size[0]}; a mask must have the image's size"
        )
    return mask


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image file, from its header alone. Raises ValueError for no image."""
    try:
        if path.suffix.lower() in (".dcm", ".dicom"):
            import pydicom

            data = pydicom.dcmread(path, stop_before_pixels=True)
            return int(data.Rows), int(data.Columns)
        with Image.open(path) as found:
            return found.size[::-1]
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is truncated or not an image ({error})") from None


def mask(path: Path, image: Path, above: int | None = None) -> np.ndarray:
    """The grey mask in `path` (`annotations.grey`), which must have the size of `image`. Errors name the file."""
    with located(path):
        return same_size(annotations.grey(picture(path), above), size_of(image))


def known(value: str, values: Sequence[str], meaning: str) -> str:
    """`value`, which must be one of `values`. Raises ValueError with `meaning`, the column."""
    if value not in values:
        raise ValueError(f"{meaning} is {value!r}; known are {', '.join(values)}")
    return value


def filled(value: str, meaning: str) -> str:
    """`value`, which must not be blank. Raises ValueError with `meaning`, the column."""
    if not value:
        raise ValueError(f"{meaning} is blank")
    return value


def cases_table(**columns: object) -> pd.DataFrame:
    """The table of a set from its columns (sequences, or one value for all rows), as text, with rows numbered anew."""
    length = max(len(column) for column in columns.values() if not isinstance(column, str))
    ready = {name: [column] * length if isinstance(column, str) else list(column) for name, column in columns.items()}
    return pd.DataFrame(ready, dtype=str)


def union(masks: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The union of bool masks (H, W), empty when there are none."""
    return np.logical_or.reduce([np.zeros(size, bool), *masks])


def by_name(folder: Path, *patterns: str) -> dict[str, Path]:
    """The files in `folder` or below it that fit one of the glob `patterns`, by file name, in order.

    Raises ValueError for two of one name: a table that names a file without its folder could mean either.
    """
    found: dict[str, Path] = {}
    for path in sorted({path for pattern in patterns for path in folder.rglob(pattern)}):
        if path.name in found:
            raise ValueError(f"{path} and {found[path.name]} have the same name")
        found[path.name] = path
    return found


def left_out(count: int, of: int, reason: str) -> None:
    """Say on stderr that `count` of `of` listed images are left out, and why; nothing when there are none."""
    if count:
        print(f"{count} of {of} listed images are left out: {reason}", file=sys.stderr)


def pairs(images: Path, masks: Path) -> tuple[list[Path], list[Path]]:
    """The images of a folder, in order, and for each the mask with its name, whatever their suffixes; hidden files are
    passed over.

    Raises FileNotFoundError for a missing folder, mask or image, ValueError for an empty folder and for two files that
    differ in their suffix alone.
    """
    shown, drawn = {}, {}
    for folder, found in ((images, shown), (masks, drawn)):
        for path in sorted(present(folder).iterdir()):
            if not path.name.startswith("."):
                if path.stem in found:
                    raise ValueError(f"{path} and {found[path.stem].name} differ in their suffix alone")
                found[path.stem] = path
    if not shown:
        raise ValueError(f"{images} holds no images")
    for stem in shown | drawn:
        if stem not in drawn:
            raise FileNotFoundError(f"{shown[stem]} has no mask {masks / stem}.*")
        if stem not in shown:
            raise FileNotFoundError(f"{drawn[stem]} has no image {images / stem}.*")
    return list(shown.values()), [drawn[stem] for stem in shown]


def published_split(tested: Sequence[bool]) -> dict[str, list[str]]:
    """The column `split` of a set published as training and test images; none where only one of them is there."""
    return {"split": ["test" if test else "train" for test in tested]} if len(set(tested)) == 2 else {}


def progress(items: Sequence, doing: str = "reading annotations") -> Iterator:
    """`items`, with a progress bar on a terminal."""
    return iter(tqdm(items, doing, disable=None, leave=False))
