"""Grey DICOM images of one frame, shown as the standard says (PS3.3 C.7.6.3, C.11.1, C.11.2)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

Window = tuple[float, float]


def shown(path: Path, window: Window | None = None) -> np.ndarray:
    """A DICOM image as uint8 (H, W), bright where a viewer shows it bright.

    window: the values, rescaled as the file says, that become 0 and 255. Without it the file's own
    VOI LUT or window is applied (the first, by its function LINEAR, LINEAR_EXACT or SIGMOID), else
    the whole range of the stored bits is shown. Padding is black. Raises ValueError that names the
    file for one that cannot be read, of several frames or colours.
    """
    with _named(path):
        data = _grey(path)
        stored = _stored(data)
        padding = _padding(data, stored.dtype)
        if stored.dtype.itemsize <= 2:  # by a table of all values: a film has millions of pixels
            limits = np.iinfo(stored.dtype)
            every = np.arange(limits.min, limits.max + 1, dtype=np.int32)
            seen = _grey_values(every, data, window)
            seen[(every >= padding[0]) & (every <= padding[1])] = 0
            return seen[stored.astype(np.int32) - limits.min]
        seen = _grey_values(stored, data, window)
        seen[(stored >= padding[0]) & (stored <= padding[1])] = 0
        return seen


def codes(path: Path) -> np.ndarray:
    """The stored values (H, W) of a DICOM image that is a mask. Raises ValueError for one that is
    shown inverted.
    """
    with _named(path):
        data = _grey(path)
        if data.PhotometricInterpretation == "MONOCHROME1":
            raise ValueError("white is zero in this mask, so whether 0 is background is not said")
        return _stored(data)


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) from the header."""
    import pydicom

    with _named(path):
        data = pydicom.dcmread(path, stop_before_pixels=True)
        return int(data.Rows), int(data.Columns)


def windowed(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as uint8: `low` and below become 0, `high` and above 255.

    Raises ValueError unless low < high, and for values that are no numbers.
    """
    if not low < high:
        raise ValueError(f"a window must rise, not go from {low} to {high}")
    if values.dtype.kind in "ui" and values.dtype.itemsize <= 2:
        limits = np.iinfo(values.dtype)
        seen = windowed(np.arange(limits.min, limits.max + 1, dtype=np.float64), low, high)
        return seen[values.astype(np.int32) - limits.min]
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the image has values that are infinite or no numbers")
    return np.round(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"no {path}") from None
    except Exception as error:  # pydicom and its decoders raise whatever they meet
        raise ValueError(
            f"{path} is not a readable DICOM image: {' '.join(str(error).split())}"
        ) from None


def _grey(path: Path):
    """The data set of a single grey frame, with the settings of its only frame where they stand in
    its own groups.
    """
    import pydicom

    data = pydicom.dcmread(path)
    photometric, frames = str(data.PhotometricInterpretation), int(data.get("NumberOfFrames") or 1)
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or frames != 1:
        raise ValueError(
            f"it holds {frames} frames of {photometric}; a single grey frame is expected"
        )
    shape = str(data.get("PresentationLUTShape") or "")
    if (photometric, shape) in (("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")):
        raise ValueError(
            f"its Presentation LUT Shape {shape} contradicts {photometric}: whether 0 is black or "
            "white is not said"
        )
    stored, high = data.get("BitsStored"), data.get("HighBit")  # None also where they are empty
    if stored is not None and high is not None and high != stored - 1:
        raise ValueError(
            f"its High Bit is {high} with {stored} Bits Stored: it must be one "
            "less than they are, or values are not where they are read"
        )
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(data.get(groups) or [])[:1]:
            for part in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                for settings in group.get(part) or []:
                    data.update(settings)
    return data


def _stored(data) -> np.ndarray:
    """The stored values (H, W); a sign bit below the highest allocated bit is extended."""
    stored = data.pixel_array
    if stored.ndim != 2:
        raise ValueError(
            f"its pixels have the shape {stored.shape}; a single grey frame is expected"
        )
    half = 2 ** (int(data.BitsStored) - 1)
    if stored.dtype.kind == "i":
        values = stored.astype(np.int64)
        return np.where((values >= half) & (values < 2 * half), values - 2 * half, values).astype(
            stored.dtype
        )
    return stored


def _padding(data, kind: np.dtype) -> tuple[float, float]:
    """The first and last stored value that is padding; none lies between them where there is no
    padding.
    """
    ends = [data.get(name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None or kind.kind not in "ui":
        return np.inf, -np.inf
    ends = [ends[0] if end is None else end for end in ends]
    values = [
        int(np.array(int(end)).astype(kind)) for end in ends
    ]  # -2000 is often written as 63536
    return min(values), max(values)


def _grey_values(stored: np.ndarray, data, window: Window | None) -> np.ndarray:
    from pydicom.pixels import apply_modality_lut

    values = apply_modality_lut(stored, data)
    if window is not None:
        seen = windowed(values, *window)
    elif _has(data, "VOILUTSequence"):
        seen = _looked_up(values, data)
    elif _has(data, "WindowCenter") or _has(data, "WindowWidth"):
        _check_window(data)
        seen = _through_own_window(values, data)
    else:
        seen = windowed(values, *sorted(_whole(data)))
    return 255 - seen if data.PhotometricInterpretation == "MONOCHROME1" else seen


def _has(data, name: str) -> bool:
    return data.get(name) not in (None, "") and len(np.atleast_1d(data.get(name))) > 0


def _check_window(data) -> None:
    """Raise ValueError for half a window, and a width that the window's function does not have."""
    if not (_has(data, "WindowCenter") and _has(data, "WindowWidth")):
        raise ValueError("its window has a centre or a width alone; state a window")
    width, linear = (
        _first(data.WindowWidth),
        (data.get("VOILUTFunction") or "LINEAR").upper() == "LINEAR",
    )
    if not width > 0 or (linear and width < 1):
        least = "at least 1" if linear else "over 0"
        raise ValueError(f"its window has the width {width:g}, not {least}; state a window")


def _first(value: Any) -> float:
    return float(value[0] if isinstance(value, Sequence) and not isinstance(value, str) else value)


def _whole(data) -> Window:
    """What the lowest and the highest value that the stored bits could have become by rescaling."""
    from pydicom.pixels import apply_modality_lut

    if data.get("ModalityLUTSequence"):
        return 0, 2 ** data.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    half = 2 ** (int(data.BitsStored) - 1)
    ends = np.array((-half, half - 1) if data.PixelRepresentation else (0, 2 * half - 1))
    low, high = apply_modality_lut(ends, data)
    return float(low), float(high)


def _through_own_window(values: np.ndarray, data) -> np.ndarray:
    """pydicom gives the result in the range of the stored bits, rescaled; here that range becomes 0
    to 255.
    """
    from pydicom.pixels import apply_voi_lut

    seen = apply_voi_lut(values, data, prefer_lut=False)
    first, last = _whole(data)
    return np.round(np.clip((seen - first) / (last - first), 0, 1) * 255).astype(np.uint8)


def _looked_up(values: np.ndarray, data) -> np.ndarray:
    """Through the first table of the VOI LUT Sequence, whose entries have the number of bits that
    it states.

    pydicom counts entries in as many bits as the results have: with 8 it would come round after 256
    entries. So it is told 16, and is given the places in the table.
    """
    from pydicom.pixels import apply_voi_lut

    item = data.VOILUTSequence[0]
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    entries = entries % 2**16 or 2**16
    if first >= 2**15 and values.min() < 0:  # written as if it had no sign
        first -= 2**16
    item.LUTDescriptor = [entries % 2**16, 0, 16]
    at = np.clip(np.rint(values).astype(np.int64) - first, 0, entries - 1)
    seen = apply_voi_lut(at, data).astype(np.float64)
    return np.round(np.clip(seen / (2**bits - 1), 0, 1) * 255).astype(np.uint8)
