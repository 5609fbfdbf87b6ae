"""Masks that are published as images: grey, colours, class codes."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from regard.data.inputs.rasters import transparent


def grey(image: Image.Image, above: int | None = None) -> np.ndarray:
    """A mask from a grey image, 0 being background.

    Parameters
    ----------
    image : PIL.Image
    above : int, optional
        Foreground is all above it; by default 255, or 1 where nothing is 255.

    Returns
    -------
    ndarray (H, W)
        bool.

    Raises
    ------
    ValueError
        For palettes of other colours than black and white, transparent pixels, colours, 16 bits,
        and other grey values without a threshold.
    """
    if (
        image.mode in ("LA", "RGBA", "PA")
        or "transparency" in image.info
        and not image.mode.startswith("I")
    ):
        if image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise ValueError(
                "the mask has transparent pixels: whether they or the dark ones are background is "
                "not said"
            )
        image = image.convert("RGB")
    if image.mode == "P":
        colours = {
            tuple(np.array(image.convert("RGB"))[np.array(image) == index][0])
            for index in np.unique(np.array(image))
        }
        if not colours <= {(0, 0, 0), (255, 255, 255)}:
            raise ValueError(
                "the mask has a palette of colours: whether indices or colours name the classes "
                "is not said"
            )
        image = image.convert("L")
    if image.mode == "RGB":
        values = np.array(image)
        if (values != values[..., :1]).any():
            raise ValueError("the mask has colours, and which of them is foreground is not said")
        image = Image.fromarray(values[..., 0])
    if image.mode not in ("1", "L"):
        raise ValueError(f"the mask has mode {image.mode}; a mask is 1-bit or 8-bit grey")
    values = np.array(image.convert("L"))
    if above is not None:
        return values > above
    present = set(np.unique(values).tolist())
    if present <= {0, 255} or present <= {0, 1}:
        return values > 0
    between = min(present - {0, 255})
    raise ValueError(
        f"the mask has the grey value {between}; it must be 0 or 255, or a threshold must be stated"
    )


def colours(image: Image.Image, names: Mapping[str, tuple[int, int, int]]) -> dict[str, np.ndarray]:
    """Masks from an image of pure colours (channels 0 or 255) on black.

    Parameters
    ----------
    image : PIL.Image
        Lossy compression is rounded away.
    names : mapping
        Name -> (red, green, blue).

    Returns
    -------
    dict
        Name -> bool (H, W).

    Raises
    ------
    ValueError
        For a colour without a name, transparent pixels and other colour spaces.
    """
    if transparent(image):
        raise ValueError("the mask has transparent pixels: whether their colours count is not said")
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        raise ValueError(f"the mask has mode {image.mode}; a mask of colours is RGB of 8 bits")
    values = np.array(image.convert("RGB")) > 127
    found = {
        name: (values == (np.array(colour) > 127)).all(axis=2) for name, colour in names.items()
    }
    unknown = values.any(axis=2) & ~np.logical_or.reduce(list(found.values()))
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        raise ValueError(
            "the mask has an unknown colour "
            f"{tuple(np.array(image.convert('RGB'))[row, column].tolist())} at row {row}, "
            f"column {column}; known are "
            f"{', '.join(f'{name} {colour}' for name, colour in names.items())}"
        )
    return found


def codes(
    image: Image.Image, names: Mapping[int, str], groups: Mapping[str, Sequence[str]] | None = None
) -> dict[str, np.ndarray]:
    """Masks from an image whose grey values, or palette indices, are class codes.

    Parameters
    ----------
    image : PIL.Image
        One channel of 8 bits.
    names : mapping
        Code (0 to 255) -> name.
    groups : mapping, optional
        Group -> names; instead of a mask per name one per group.

    Returns
    -------
    dict
        Name or group -> bool (H, W).

    Raises
    ------
    ValueError
        For a code without a name, and for an image of several channels, 16 bits, or grey values of
        fewer than 8 bits, which a decoder stretches to 0 to 255.
    """
    if image.mode not in ("L", "P"):
        raise ValueError(f"the mask has mode {image.mode}; class codes are one 8-bit channel")
    if image.mode == "L" and (bits := image.info.get("bits", 8)) < 8:
        raise ValueError(
            f"the mask has {bits}-bit grey values; class codes are 8-bit grey values or indices "
            "of a palette"
        )
    values = np.array(image)
    if unknown := sorted(
        set(np.flatnonzero(np.bincount(values.ravel(), minlength=256)).tolist()) - set(names)
    ):
        raise ValueError(
            f"the mask has the unknown class code {unknown[0]}; known are "
            f"{', '.join(map(str, names))}"
        )
    wanted = {name: (name,) for name in names.values()} if groups is None else groups
    belongs = {
        group: np.array([names.get(code) in members for code in range(256)])
        for group, members in wanted.items()
    }
    return {group: table[values] for group, table in belongs.items()}
