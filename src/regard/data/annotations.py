"""Annotations as they are published, each turned into a bool mask (H, W) on the grid of its image.

`size` is always (height, width) in pixels. Coordinates are x to the right and y down from the upper
left *corner* of the image, so that pixel (row, column) covers [column, column + 1) x [row, row +
1), unless a function says otherwise. Every function raises ValueError, in one sentence without the
file's name, for what it cannot read without guessing.
"""

import math
import reprlib
from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco_masks
from skimage import draw

from regard.data.inputs.rasters import transparent

OVERHANG = 1.0  # pixels by which a box may leave its image: published corners are rounded
# of the longer side, by which an outline drawn by hand may leave its image; it is clipped there
SPILL = 0.05
Size = tuple[int, int]


def grey(image: Image.Image, above: int | None = None) -> np.ndarray:
    """A mask image: 0 is background; foreground is 255 (or 1, where nothing is 255), or all that is
    over `above`.

    Palettes of other colours than black and white, half-transparent pixels, colours and 16 bits are
    refused.
    """
    if (
        image.mode in ("LA", "RGBA", "PA")
        or "transparency" in image.info
        and not image.mode.startswith("I")
    ):
        if image.convert("RGBA").getextrema()[3] != (255, 255):
            raise ValueError(
                "the mask has transparent pixels: whether they or the dark ones are background is "
                "not said"
            )
        image = image.convert("RGB")
    if image.mode == "P":
        colours = {
            tuple(np.array(image.convert("RGB"))[np.array(image) == index][0])
            for index in np.unique(image)
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
    """A mask per name from an image of pure colours (channels 0 or 255) on black; lossy compression
    is rounded away.

    Raises ValueError for a colour that has no name, for transparent pixels and for an image in
    another colour space.
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
    """A mask per name from an image whose grey values (or palette indices) are class codes, 0 to
    255.

    groups: instead a mask per group of names. Raises ValueError for a code that has no name, and
    for an image of more than one channel, of 16 bits, or of grey values in less than 8 bits: a
    decoder stretches those to 0 to 255.
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


def box(size: Size, left: float, top: float, width: float, height: float) -> np.ndarray:
    """The pixels whose centres lie in the box that starts at (left, top); whole numbers give
    `width` x `height` pixels.

    Raises ValueError for a box that covers no centre and for one that leaves the image by more than
    OVERHANG.
    """
    left, top, width, height = _numbers([left, top, width, height], "a box")
    if width <= 0 or height <= 0:
        raise ValueError(f"the box is {width:g} x {height:g} pixels; both must be positive")
    rows, columns = size
    outside = max(-left, -top, left + width - columns, top + height - rows)
    if outside > OVERHANG:
        raise ValueError(
            f"the box from ({left:g}, {top:g}) of {width:g} x {height:g} pixels lies outside the "
            "image of "
            f"{columns} x {rows} pixels"
        )
    mask = np.zeros(size, bool)
    down, across = (
        slice(max(0, math.ceil(a - 0.5)), max(0, math.ceil(a + b - 0.5)))
        for a, b in ((top, height), (left, width))
    )
    mask[down, across] = True
    if not mask.any():
        raise ValueError(
            f"the box from ({left:g}, {top:g}) of {width:g} x {height:g} pixels covers no pixel's "
            "centre"
        )
    return mask


def corners(size: Size, x_min: float, y_min: float, x_max: float, y_max: float) -> np.ndarray:
    """`box` from its upper left and lower right corner (x_max and y_max are where it ends, not its
    last pixel).
    """
    x_min, y_min, x_max, y_max = _numbers([x_min, y_min, x_max, y_max], "a box")
    return box(size, x_min, y_min, x_max - x_min, y_max - y_min)


def circle(size: Size, x: float, y: float, radius: float, origin: str = "top") -> np.ndarray:
    """The pixels at most `radius` from pixel (x, y), counted from 0; y from the first row, or with
    origin="bottom" up from the last. Raises ValueError for a centre outside the image and a radius
    that is not positive."""
    x, y, radius = _numbers([x, y, radius], "a circle")
    rows, columns = size
    if not (0 <= x < columns and 0 <= y < rows) or radius <= 0:
        raise ValueError(
            f"the circle around ({x:g}, {y:g}) with radius {radius:g} does not fit an image of "
            f"{columns} x {rows} pixels"
        )
    if origin not in ("top", "bottom"):
        raise ValueError(f"the origin of y must be top or bottom, not {origin!r}")
    row = y if origin == "top" else rows - 1 - y
    down, across = np.ogrid[:rows, :columns]
    return (down - row) ** 2 + (across - x) ** 2 <= radius**2


def contours(size: Size, outlines: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """The union of outlines [[x, y], ...] in pixel *indices*, filled together with the pixels they
    run through, as the tool published with CheXlocalize fills them (Saporta et al., Nat Mach Intell
    2022)."""
    canvas = Image.new("1", size[::-1])
    for outline in _list(outlines, "a list of contours"):
        points = _points(size, outline, at_least=1)
        if len(points) == 1:
            ImageDraw.Draw(canvas).point([tuple(points[0])], fill=1)
        else:
            ImageDraw.Draw(canvas).polygon([tuple(point) for point in points], fill=1, outline=1)
    return np.array(canvas)


def polygon(size: Size, rings: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """The pixels whose centres lie in or on the first ring [[x, y], ...] and in or on none of the
    others, its holes.
    """
    mask = np.zeros(size, bool)
    _fill(mask, rings)
    return mask


def _fill(mask: np.ndarray, rings: Sequence[Sequence[Sequence[float]]]) -> None:
    """Add a polygon to `mask` in place, touching no more of it than the polygon's bounding box."""
    parts = [
        np.array(_points(mask.shape, ring, at_least=3))[:, ::-1] - 0.5
        for ring in _list(rings, "a list of rings")
    ]
    if not parts:
        raise ValueError("the polygon has no ring")
    first = np.maximum(np.floor(parts[0].min(axis=0)), 0).astype(int)
    last = np.minimum(np.ceil(parts[0].max(axis=0)) + 1, mask.shape).astype(int)
    if (first < last).all():
        inner, *holes = (draw.polygon2mask(tuple(last - first), part - first) for part in parts)
        mask[first[0] : last[0], first[1] : last[1]] |= inner & ~np.logical_or.reduce(
            [np.zeros_like(inner), *holes]
        )


def geojson(size: Size, collection: object) -> dict[str, np.ndarray]:
    """A mask per class of a GeoJSON FeatureCollection (or feature, or list of features) as QuPath
    exports it.

    The class is `properties.classification`: {"name": "Tumor"}, since QuPath 0.4 also {"names":
    ["Tumor", "Positive"]}, which is the class "Tumor: Positive"
    (qupath.lib.objects.classes.PathClass), or the name alone. Polygons and multipolygons of a class
    are joined, holes left out. Raises ValueError for a feature without a class and for points and
    lines, which enclose nothing.
    """
    features = collection
    if isinstance(collection, Mapping):
        features = (
            [collection] if collection.get("type") == "Feature" else collection.get("features")
        )
    masks: dict[str, np.ndarray] = {}
    for number, feature in enumerate(_list(features, "a FeatureCollection"), start=1):
        feature = _mapping(feature, f"feature {number}")
        properties = _mapping(
            feature.get("properties") or {}, f"the properties of feature {number}"
        )
        name = _class_of(properties.get("classification"), f"feature {number}")
        geometry = _mapping(feature.get("geometry"), f"the geometry of feature {number}")
        kind, coordinates = geometry.get("type"), geometry.get("coordinates")
        if kind not in ("Polygon", "MultiPolygon"):
            raise ValueError(
                f"feature {number} is a {_short(kind)}; only a Polygon or MultiPolygon encloses a "
                "region"
            )
        polygons = [coordinates] if kind == "Polygon" else _list(coordinates, "a list of polygons")
        if not polygons:
            raise ValueError(f"feature {number} is a MultiPolygon without a polygon")
        for rings in polygons:
            _fill(masks.setdefault(name, np.zeros(size, bool)), rings)
    return masks


def _class_of(classification: object, feature: str) -> str:
    """The name of a class of QuPath; that of a derived class is joined as QuPath joins it."""
    given = classification if isinstance(classification, Mapping) else {"name": classification}
    found = [given["name"]] if given.get("name") is not None else []
    if given.get("names"):
        parts = _list(given["names"], f"the names of the class of {feature}")
        found.append(
            ": ".join(parts)
            if all(isinstance(part, str) and part.strip() for part in parts)
            else None
        )
    if not found or not all(isinstance(name, str) and name.strip() for name in found):
        raise ValueError(f"{feature} has no classification")
    if len(set(found)) > 1:
        raise ValueError(
            f"{feature} has two classifications, {_short(found[0])} and {_short(found[1])}"
        )
    return found[0]


def coco(size: Size, segmentation: object) -> np.ndarray:
    """A COCO segmentation: a list of polygons [x1, y1, x2, y2, ...], or a run-length code {size,
    counts} whose counts are a list or the compressed string; filled by pycocotools."""
    if isinstance(segmentation, Mapping):
        return _run_lengths(size, segmentation)
    polygons = []
    for flat in _list(segmentation, "a list of polygons or a run-length code"):
        flat = _numbers(_list(flat, "a polygon"), "a polygon")
        if len(flat) % 2:
            raise ValueError(f"a polygon has {len(flat)} numbers; they must come in pairs x, y")
        polygons.append(
            np.ravel(
                _points(size, [flat[at : at + 2] for at in range(0, len(flat), 2)], 3)
            ).tolist()
        )
    if not polygons:
        return np.zeros(size, bool)
    return coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects(polygons, *size))).astype(bool)


def coco_object(size: Size, annotation: Mapping) -> np.ndarray:
    """The mask of one annotation of COCO: its `segmentation`, or where that is missing or empty,
    its `bbox`.

    Raises ValueError for an annotation with neither: it would be taken for an empty region.
    """
    segmentation, bounds = annotation.get("segmentation"), annotation.get("bbox")
    if segmentation and (isinstance(segmentation, Mapping) or segmentation != [[]]):
        return coco(size, segmentation)
    if not bounds:
        raise ValueError("it has neither a segmentation nor a bbox")
    if len(_list(bounds, "a bbox [left, top, width, height]")) != 4:
        raise ValueError(f"its bbox has {len(bounds)} numbers, not 4")
    return box(size, *bounds)


def _run_lengths(size: Size, code: Mapping) -> np.ndarray:
    stated = _list(code.get("size"), "the size of a run-length code")
    if list(stated) != list(size):
        raise ValueError(
            f"the run-length code has size {_short(list(stated))} (height, width), its image is "
            f"{size[0]} x {size[1]}"
        )
    counts = code.get("counts")
    runs = (
        _unpack(counts)
        if isinstance(counts, str | bytes)
        else _list(counts, "the counts of a run-length code")
    )
    if not all(isinstance(run, int) and not isinstance(run, bool) and run >= 0 for run in runs):
        raise ValueError(
            "the counts of the run-length code must be whole numbers that are not negative"
        )
    if sum(runs) != size[0] * size[1]:
        raise ValueError(
            f"the run-length code counts {_short(sum(runs))} pixels, its image has "
            f"{size[0] * size[1]}"
        )
    return coco_masks.decode(
        coco_masks.frPyObjects({"size": list(size), "counts": list(runs)}, *size)
    ).astype(bool)


def _unpack(packed: str | bytes) -> list[int]:
    """The runs of COCO's compressed string: 5 bits a character, sign-extended, from the fourth on
    as the difference to the run before the last. pycocotools does not check what it unpacks, so it
    is given the runs once they are checked."""
    runs, value, shift = [], 0, 0
    for code in packed if isinstance(packed, bytes) else map(ord, packed):
        bits = code - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("the counts of the run-length code are no compressed string of COCO")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise ValueError("the counts of the run-length code end within a number")
    return runs


def via(size: Size, shape: object) -> np.ndarray | None:
    """A shape of the VGG Image Annotator: polygon, rect, circle or ellipse (theta in radians); None
    for a point or a polyline, which enclose nothing."""
    shape = _mapping(shape, "a shape")
    kind = shape.get("name")
    if kind in ("point", "polyline"):
        return None
    keys = {
        "rect": ("x", "y", "width", "height"),
        "circle": ("cx", "cy", "r"),
        "ellipse": ("cx", "cy", "rx", "ry"),
    }
    if kind == "polygon":
        xs, ys = (_list(shape.get(f"all_points_{axis}"), f"all_points_{axis}") for axis in "xy")
        if len(xs) != len(ys):
            raise ValueError(f"the polygon has {len(xs)} x and {len(ys)} y")
        return polygon(size, [list(zip(xs, ys))])
    if not isinstance(kind, str) or kind not in keys:
        raise ValueError(
            f"unknown shape {_short(kind)}; known are polygon, {', '.join(keys)}, polyline and "
            "point"
        )
    values = _numbers([shape.get(key) for key in keys[kind]], f"a {kind}")
    if kind == "rect":
        return box(size, *values)
    if kind == "circle":
        return circle(size, *values)
    x, y, across, down = values
    (theta,) = _numbers([shape.get("theta", 0)], "the angle of an ellipse")
    if not (0 <= x < size[1] and 0 <= y < size[0]) or min(across, down) <= 0:
        raise ValueError(
            f"the ellipse around ({x:g}, {y:g}) does not fit an image of {size[1]} x {size[0]} "
            "pixels"
        )
    mask = np.zeros(size, bool)
    mask[draw.ellipse(y, x, down, across, shape=size, rotation=-theta)] = True
    return mask


def _numbers(values: Sequence, what: str) -> list[float]:
    for value in values:
        if (
            isinstance(value, bool) or not isinstance(value, Real) or not abs(value) <= 1e6
        ):  # NaN is not
            raise ValueError(f"{what} must be made of numbers, not {_short(value)}")
    return [float(value) for value in values]


def _points(size: Size, outline: object, at_least: int) -> list[list[float]]:
    """The points [x, y] of an outline that lies in the image, but for SPILL."""
    points = [
        _numbers(_list(point, "a point"), "a point") for point in _list(outline, "an outline")
    ]
    if any(len(point) != 2 for point in points) or len(points) < at_least:
        raise ValueError(
            f"an outline must have {at_least} points [x, y] or more, not {len(points)}"
        )
    for x, y in points:
        if max(-x, -y, x - size[1], y - size[0]) > SPILL * max(size):
            raise ValueError(
                f"the point ({x:g}, {y:g}) lies outside the image of {size[1]} x {size[0]} pixels"
            )
    return points


def _list(value: object, what: str) -> Sequence:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} is expected, not {_short(value)}")
    return value


def _mapping(value: object, what: str) -> Mapping:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must have named entries, not {_short(value)}")
    return value


def _short(value: object) -> str:
    text = " ".join(reprlib.repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
