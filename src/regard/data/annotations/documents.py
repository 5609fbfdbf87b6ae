"""Masks from the documents that annotation tools write: GeoJSON, COCO, VGG Image Annotator."""

from collections.abc import Mapping, Sequence

import numpy as np
from pycocotools import mask as coco_masks
from skimage import draw

from regard.data.annotations import checked
from regard.data.annotations.checked import Size
from regard.data.annotations.shapes import add_polygon, box, circle, polygon


def geojson(size: Size, collection: object) -> dict[str, np.ndarray]:
    """Masks from a GeoJSON document as QuPath exports it.

    Parameters
    ----------
    size : (height, width)
    collection : object
        A FeatureCollection, a feature, or a list of features. The class is
        `properties.classification`: {"name": "Tumor"}, or since QuPath 0.4 {"names": ["Tumor",
        "Positive"]}, which is the class "Tumor: Positive", or the name alone.

    Returns
    -------
    dict
        Class -> bool (H, W), the union of its polygons without their holes.

    Raises
    ------
    ValueError
        For a feature without a class, and for points and lines.
    """
    features = collection
    if isinstance(collection, Mapping):
        features = (
            [collection] if collection.get("type") == "Feature" else collection.get("features")
        )
    masks: dict[str, np.ndarray] = {}
    for number, feature in enumerate(checked.sequence(features, "a FeatureCollection"), start=1):
        feature = checked.mapping(feature, f"feature {number}")
        properties = checked.mapping(
            feature.get("properties") or {}, f"the properties of feature {number}"
        )
        name = _class_of(properties.get("classification"), f"feature {number}")
        geometry = checked.mapping(feature.get("geometry"), f"the geometry of feature {number}")
        kind, coordinates = geometry.get("type"), geometry.get("coordinates")
        if kind not in ("Polygon", "MultiPolygon"):
            raise ValueError(
                f"feature {number} is a {checked.short(kind)}; "
                "only a Polygon or MultiPolygon encloses a region"
            )
        polygons: Sequence = (
            [coordinates]
            if kind == "Polygon"
            else checked.sequence(coordinates, "a list of polygons")
        )
        if not polygons:
            raise ValueError(f"feature {number} is a MultiPolygon without a polygon")
        for rings in polygons:
            add_polygon(masks.setdefault(name, np.zeros(size, bool)), rings)
    return masks


def _class_of(classification: object, feature: str) -> str:
    """The name of a class of QuPath; that of a derived class is joined as QuPath joins it."""
    given = classification if isinstance(classification, Mapping) else {"name": classification}
    found = [given["name"]] if given.get("name") is not None else []
    if given.get("names"):
        parts = checked.sequence(given["names"], f"the names of the class of {feature}")
        found.append(
            ": ".join(parts)
            if all(isinstance(part, str) and part.strip() for part in parts)
            else None
        )
    if not found or not all(isinstance(name, str) and name.strip() for name in found):
        raise ValueError(f"{feature} has no classification")
    if len(set(found)) > 1:
        raise ValueError(
            f"{feature} has two classifications, {checked.short(found[0])} and "
            f"{checked.short(found[1])}"
        )
    return str(found[0])


def coco(size: Size, segmentation: object) -> np.ndarray:
    """A mask from a COCO segmentation, filled by pycocotools.

    Parameters
    ----------
    size : (height, width)
    segmentation : object
        A list of polygons [x1, y1, x2, y2, ...], or a run-length code {size, counts} whose counts
        are a list or the compressed string.

    Returns
    -------
    ndarray (H, W)
        bool.
    """
    if isinstance(segmentation, Mapping):
        return _run_lengths(size, segmentation)
    polygons = []
    for flat in checked.sequence(segmentation, "a list of polygons or a run-length code"):
        flat = checked.numbers(checked.sequence(flat, "a polygon"), "a polygon")
        if len(flat) % 2:
            raise ValueError(f"a polygon has {len(flat)} numbers; they must come in pairs x, y")
        polygons.append(
            np.ravel(
                checked.points(size, [flat[at : at + 2] for at in range(0, len(flat), 2)], 3)
            ).tolist()
        )
    if not polygons:
        return np.zeros(size, bool)
    return coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects(polygons, *size))).astype(bool)


def coco_object(size: Size, annotation: Mapping) -> np.ndarray:
    """The mask of one annotation of COCO: its `segmentation`, or without one its `bbox`.

    Parameters
    ----------
    size : (height, width)
    annotation : mapping

    Returns
    -------
    ndarray (H, W)
        bool.

    Raises
    ------
    ValueError
        For an annotation with neither, which would count as an empty region.
    """
    segmentation, bounds = annotation.get("segmentation"), annotation.get("bbox")
    if segmentation and (isinstance(segmentation, Mapping) or segmentation != [[]]):
        return coco(size, segmentation)
    if not bounds:
        raise ValueError("it has neither a segmentation nor a bbox")
    if len(checked.sequence(bounds, "a bbox [left, top, width, height]")) != 4:
        raise ValueError(f"its bbox has {len(bounds)} numbers, not 4")
    return box(size, *bounds)


def _run_lengths(size: Size, code: Mapping) -> np.ndarray:
    stated = checked.sequence(code.get("size"), "the size of a run-length code")
    if list(stated) != list(size):
        raise ValueError(
            f"the run-length code has size {checked.short(list(stated))} (height, width), "
            f"its image is {size[0]} x {size[1]}"
        )
    counts = code.get("counts")
    runs = (
        _unpack(counts)
        if isinstance(counts, str | bytes)
        else checked.sequence(counts, "the counts of a run-length code")
    )
    if not all(isinstance(run, int) and not isinstance(run, bool) and run >= 0 for run in runs):
        raise ValueError(
            "the counts of the run-length code must be whole numbers that are not negative"
        )
    if sum(runs) != size[0] * size[1]:
        raise ValueError(
            f"the run-length code counts {checked.short(sum(runs))} pixels, its image has "
            f"{size[0] * size[1]}"
        )
    return coco_masks.decode(
        coco_masks.frPyObjects({"size": list(size), "counts": list(runs)}, *size)
    ).astype(bool)


def _unpack(packed: str | bytes) -> list[int]:
    """The runs of COCO's compressed string: 5 bits a character, sign-extended, from the fourth on
    as the difference to the run before the last. pycocotools does not check what it unpacks, so it
    is given the runs once they are checked."""
    runs: list[int] = []
    value, shift = 0, 0
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
    """A mask from a shape of the VGG Image Annotator.

    Parameters
    ----------
    size : (height, width)
    shape : object
        A polygon, rect, circle, or ellipse (theta in radians).

    Returns
    -------
    ndarray (H, W), or None
        bool; None for a point and a polyline, which enclose nothing.
    """
    shape = checked.mapping(shape, "a shape")
    kind = shape.get("name")
    if kind in ("point", "polyline"):
        return None
    keys = {
        "rect": ("x", "y", "width", "height"),
        "circle": ("cx", "cy", "r"),
        "ellipse": ("cx", "cy", "rx", "ry"),
    }
    if kind == "polygon":
        xs, ys = (
            checked.sequence(shape.get(f"all_points_{axis}"), f"all_points_{axis}") for axis in "xy"
        )
        if len(xs) != len(ys):
            raise ValueError(f"the polygon has {len(xs)} x and {len(ys)} y")
        return polygon(size, [list(zip(xs, ys))])
    if not isinstance(kind, str) or kind not in keys:
        raise ValueError(
            f"unknown shape {checked.short(kind)}; "
            f"known are polygon, {', '.join(keys)}, polyline and point"
        )
    values = checked.numbers([shape.get(key) for key in keys[kind]], f"a {kind}")
    if kind == "rect":
        return box(size, *values)
    if kind == "circle":
        x, y, radius = values
        return circle(size, x, y, radius)
    x, y, across, down = values
    (theta,) = checked.numbers([shape.get("theta", 0)], "the angle of an ellipse")
    if not (0 <= x < size[1] and 0 <= y < size[0]) or min(across, down) <= 0:
        raise ValueError(
            f"the ellipse around ({x:g}, {y:g}) does not fit an image of {size[1]} x {size[0]} "
            "pixels"
        )
    mask = np.zeros(size, bool)
    mask[draw.ellipse(y, x, down, across, shape=size, rotation=-theta)] = True
    return mask
