"""Anybody's images: coded and coloured masks, tiles, columns that are meant as annotations; shared
small inputs.
"""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from published import area, coloured, picture, put, ring

from regard import datasets
from regard.datasets import folder as anybody

TUMOUR, STROMA = (5, 10, 25, 16), (40, 30, 52, 47)
CODES = {1: "Tumour", 7: "Stroma"}
COLOURS = {"tumour": [255, 0, 0], "stroma": [0, 255, 0]}


def codes(*drawn):
    found = np.zeros((50, 60), np.uint8)
    for code, box in drawn:
        found[area(box)] = code
    return found


def indexed(path, values):
    """An indexed PNG with colours that say nothing about the codes."""
    image = Image.frombytes("P", values.shape[::-1], values.tobytes())
    image.putpalette([200, 200, 200, 0, 0, 0, *[90, 30, 160] * 254])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def segmented(folder, kind="codes"):
    """Three images with one mask each, as segmentation sets are: both structures, one of them,
    none; a fourth has no mask.
    """
    drawn = [[(1, TUMOUR), (7, STROMA)], [(7, STROMA)], [], []]
    for at, boxes in enumerate(drawn):
        put(folder / "images" / f"{at}.png", picture(at))
        if kind == "codes" and at < 3:
            indexed(folder / "masks" / f"{at}.png", codes(*boxes))
        elif at < 3:
            red, green = ([box for code, box in boxes if code == wanted] for wanted in (1, 7))
            put(folder / "masks" / f"{at}.png", coloured(red, green))
    rows = [
        f"images/{at}.png,p{at},{'masks/' + str(at) + '.png' if at < 3 else ''},x,1"
        for at in range(4)
    ]
    put(folder / "cases.csv", "\n".join(["image,patient,mask,label,nodule", *rows]))
    return folder


def boxes_of(found, structure):
    return [None if mask is None else int(mask.sum()) for mask in found.regions[structure]]


@pytest.mark.parametrize(
    ("kind", "option"), [("codes", {"codes": CODES}), ("colours", {"colours": COLOURS})]
)
def test_one_mask_of_several_structures_is_taken_apart(tmp_path, kind, option):
    found = anybody.read(segmented(tmp_path, kind), **option)
    assert set(found.regions) == {"tumour", "stroma"} and "mask" not in found.table
    tumour, stroma = found.regions["tumour"], found.regions["stroma"]
    assert np.array_equal(tumour[0], area(TUMOUR)) and np.array_equal(stroma[0], area(STROMA))
    assert not tumour[1].any() and np.array_equal(stroma[1], area(STROMA))
    assert not tumour[2].any() and not stroma[2].any() and tumour[3] is None and stroma[3] is None


def test_codes_may_share_a_name_and_zero_may_have_one(tmp_path):
    segmented(tmp_path)
    found = anybody.read(tmp_path, codes={1: "lesion", 7: "lesion", 0: "normal"})
    assert np.array_equal(found.regions["lesion"][0], area(TUMOUR, STROMA))
    assert np.array_equal(found.regions["normal"][0], ~area(TUMOUR, STROMA))
    found = anybody.read(tmp_path, codes={"1": "lesion", "7": "background"})
    assert list(found.regions) == ["lesion"] and np.array_equal(
        found.regions["lesion"][0], area(TUMOUR)
    )


@pytest.mark.parametrize(
    ("kind", "option"),
    [("codes", "codes={1: tumour, 7: stroma}"), ("colours", f"colours={COLOURS}")],
)
def test_a_segmentation_set_is_imported_by_one_command(tmp_path, kind, option):
    segmented(tmp_path / "set", kind)
    command = [
        sys.executable,
        "-m",
        "regard",
        "import",
        "folder",
        tmp_path / "set",
        tmp_path / "target",
        "--set",
        option,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(
        np.array(Image.open(tmp_path / "target/regions/tumour/0.png")) > 0, area(TUMOUR)
    )
    assert len(list((tmp_path / "target/regions/stroma").iterdir())) == 3


BAD_OPTIONS = {
    "codes and colours": ({"codes": CODES, "colours": COLOURS}, "codes or colours, not both"),
    "codes a list": ({"codes": [1, 2]}, "codes must be of the form"),
    "no codes": ({"codes": {}}, "codes must be of the form"),
    "a code too large": ({"codes": {256: "a"}}, "256 is not a code, a whole number from 0 to 255"),
    "a code that is no number": ({"codes": {"one": "a"}}, "'one' is not a code"),
    "a code that is a truth value": ({"codes": {True: "a"}}, "True is not a code"),
    "a code twice": ({"codes": {1: "a", "1": "b"}}, "the code 1 stands twice"),
    "a code without a name": ({"codes": {1: None}}, "None is not the name of a structure"),
    "background alone": ({"codes": {0: "background"}}, "must name a structure"),
    "a code that no name has": (
        {"codes": {1: "tumour"}},
        "0.png: the mask has the unknown class code 7",
    ),
    "colours a list": ({"colours": [[255, 0, 0]]}, "colours must be of the form"),
    "two channels": (
        {"colours": {"a": [255, 0]}},
        "a is .255, 0.; a colour is .red, green, blue., each 0 or 255",
    ),
    "a shade": ({"colours": {"a": [200, 0, 0]}}, "each 0 or 255"),
    "black": ({"colours": {"a": [0, 0, 0]}}, "a is black, which is the background"),
    "a colour twice": (
        {"colours": {"a": [255, 0, 0], "b": [255, 0, 0]}},
        "b or its colour .255, 0, 0. stands twice",
    ),
    "a tile of no size": ({"codes": CODES, "tile": 0}, "tile must be a positive number"),
    "a tile that is too large": ({"codes": CODES, "tile": 200}, "no tile of 200 x 200"),
    "a label by nothing": (
        {"codes": CODES, "tile": 10, "label_by": "vessel"},
        "label_by is 'vessel'; known are tumour, stro",
    ),
    "a label without tiles": (
        {"codes": CODES, "label_by": "tumour"},
        "label_by names the structure that labels tiles",
    ),
    **{
        f"window {window}": ({"codes": CODES, "window": window}, "window must rise from one finite")
        for window in ([float("nan"), 1], [4095, 0], [0, float("inf")], [5, 5])
    },
    "no option": ({}, "a column 'mask' that names no structure; write mask:NAME"),
}


@pytest.mark.parametrize("kind", BAD_OPTIONS)
def test_options_that_are_not_as_described_are_refused(tmp_path, kind):
    options, message = BAD_OPTIONS[kind]
    segmented(tmp_path / "set")
    with pytest.raises(ValueError, match=message) as caught:
        datasets.bring_in("folder", tmp_path / "set", tmp_path / "target", **options)
    assert "\n" not in str(caught.value) and not (tmp_path / "target").exists()


def test_codes_without_a_column_of_masks_are_refused(tmp_path):
    put(tmp_path / "a.png", picture(1))
    put(tmp_path / "cases.csv", "image,patient\na.png,p")
    with pytest.raises(
        ValueError, match="no column 'mask', which the option codes or colours is about"
    ):
        anybody.read(tmp_path, codes=CODES)


def test_images_are_cut_into_tiles_that_keep_their_label(tmp_path):
    found = anybody.read(segmented(tmp_path), codes=CODES, tile=20)
    assert (
        len(found) == 4 * 2 * 3
        and set(found.table["label"]) == {"x"}
        and set(found.table["nodule"]) == {"1"}
    )
    whole = [picture(at) for at in range(4)]
    for row in range(len(found)):
        image, top, left = (int(part) for part in found.table["case"][row].split("-"))
        window = (slice(20 * top, 20 * top + 20), slice(20 * left, 20 * left + 20))
        assert found.table["patient"][row] == f"p{image}" and np.array_equal(
            found.images[row], whole[image][window]
        )
        mask = found.regions["tumour"][row]
        assert (
            mask is None
            if image == 3
            else np.array_equal(mask, area(TUMOUR)[window] & (image == 0))
        )


def test_tiles_are_labelled_by_a_structure_where_more_than_half_is_it(tmp_path, capsys):
    put(tmp_path / "a.png", picture(1))
    put(tmp_path / "b.png", picture(2))
    put(tmp_path / "masks/a.png", area((0, 0, 20, 10), (20, 0, 40, 11)))
    put(tmp_path / "cases.csv", "image,patient,mask:Tumour\na.png,p1,masks/a.png\nb.png,p2,")
    found = anybody.read(tmp_path, tile=20, label_by="Tumour")
    labels = dict(zip(found.table["case"], found.table["label"]))
    assert len(labels) == 6 and [case for case in labels if labels[case] == "tumour"] == ["a-0-1"]
    assert (
        "1 of 2 listed images are left out: tumour is not annotated in them"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("column", ["Mask:Mass", "MASK: mass", "mask:mass"])
def test_capitals_in_the_kind_of_an_annotation_do_not_count(tmp_path, column):
    put(tmp_path / "a.png", picture(1))
    put(tmp_path / "m.png", area(TUMOUR))
    put(tmp_path / "cases.csv", f"image,patient,{column}\na.png,p,m.png")
    assert np.array_equal(anybody.read(tmp_path).regions["mass"][0], area(TUMOUR))


VAGUE = (
    *("bbox:mass", "polygon:mass", "Masks", "Box", "segmentation", "masks:mass", "box_mass"),
    *("mass_box", "bbox_mass", "circle_mass", "BOX.mass", "coco", "mask_mass", "roi", "ROIs"),
    *("segmentation_path", "massBox", "MaskPath", "Geo JSON"),
)


@pytest.mark.parametrize("column", VAGUE)
def test_columns_that_may_be_meant_as_annotations_are_refused(tmp_path, column):
    put(tmp_path / "a.png", picture(1))
    put(tmp_path / "cases.csv", f"image,patient,{column}\na.png,p,1 2 3 4")
    with pytest.raises(ValueError, match=f"cases.csv has a column '{column}'"):
        anybody.read(tmp_path)


def test_other_columns_are_taken_over(tmp_path):
    put(tmp_path / "a.png", picture(1))
    others = ["age", "ROIC", "masking", "heroic_site", "sex:f"]
    put(tmp_path / "cases.csv", f"image,patient,{','.join(others)}\na.png,p,1,2,3,4,5")
    assert list(anybody.read(tmp_path).table)[3:8] == others


CAPITALS = {
    "split": ["Split", "SPLIT "],
    "label": ["Label", "label,Label"],
    "pixel_mm": ["Pixelmm", "pixel mm", "PIXEL-MM", "pixel_size", "PixelSpacing"],
    "report": ["Report"],
    "reference": ["Reference"],
    "site": ["Site", "_site"],
    "reader": ["Reader"],
    "patient": ["Patient"],
}


@pytest.mark.parametrize(
    ("column", "said"),
    [(column, f"write '{name}'") for name, columns in CAPITALS.items() for column in columns],
)
def test_columns_in_capitals_that_would_not_be_read_are_refused(tmp_path, column, said):
    put(tmp_path / "a.png", picture(1))
    cells = "a.png,p,test" + ",test" * column.count(",")
    put(tmp_path / "cases.csv", f"image,patient,{column}\n{cells}")
    with pytest.raises(ValueError, match=said):
        anybody.read(tmp_path)


@pytest.mark.parametrize(
    "cell", ["x" * 10_000, "1 2 3 " + "4" * 10_000, "1 2 3 x" + "\u00e9" * 10_000]
)
def test_a_long_cell_is_quoted_short(tmp_path, cell):
    put(tmp_path / "a.png", picture(1))
    for column in ("box:mass", "circle:mass", "mask:mass", "geojson"):
        put(tmp_path / "cases.csv", f"image,patient,{column}\na.png,p,{cell}")
        with pytest.raises((ValueError, FileNotFoundError)) as caught:
            anybody.read(tmp_path)
            raise AssertionError("it was read")
        assert len(str(caught.value)) < 300 + 2 * len(str(tmp_path))


def test_files_that_no_row_names_are_said(tmp_path, capsys):
    segmented(tmp_path)
    put(tmp_path / "masks/9.png", area(TUMOUR))
    put(tmp_path / "README.md", "notes")
    anybody.read(tmp_path, codes=CODES)
    assert (
        capsys.readouterr().err == "1 files are not read, for cases.csv does not name them: 9.png\n"
    )


def feature(classification, box):
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring(*box)]},
        "properties": {"objectType": "annotation", "classification": classification},
    }


def test_classes_of_new_and_old_qupath_are_read(tmp_path):
    new = [
        feature({"names": ["Tumor", "Positive"], "color": [1, 2, 3]}, TUMOUR),
        feature({"name": "Stroma"}, STROMA),
    ]
    old = [feature({"name": "Tumor: Positive"}, TUMOUR), feature("Stroma", STROMA)]
    for name, features in {"a": new, "b": old, "c": []}.items():
        put(tmp_path / f"{name}.png", picture(1))
        put(tmp_path / f"{name}.geojson", {"type": "FeatureCollection", "features": features})
    rows = [f"{name}.png,{name},{name}.geojson" for name in "abc"]
    put(tmp_path / "cases.csv", "\n".join(["image,patient,GeoJSON", *rows]))
    found = anybody.read(tmp_path)
    assert set(found.regions) == {"tumor_positive", "stroma"}
    for at in (0, 1):
        assert np.array_equal(found.regions["tumor_positive"][at], area(TUMOUR))
        assert np.array_equal(found.regions["stroma"][at], area(STROMA))
    assert found.regions["stroma"][2] is None


def test_a_class_that_encloses_no_pixel_is_not_absent(tmp_path):
    put(tmp_path / "a.png", picture(1))
    tiny = [[5.1, 5.1], [5.3, 5.1], [5.3, 5.3]]
    put(
        tmp_path / "a.geojson",
        [feature("x", TUMOUR) | {"geometry": {"type": "Polygon", "coordinates": [tiny]}}],
    )
    put(tmp_path / "cases.csv", "image,patient,geojson\na.png,p,a.geojson")
    with pytest.raises(ValueError, match="class 'x' enclose no pixel"):
        anybody.read(tmp_path)


SHARED = {  # pixels of each structure in every image, or what is said
    "b02_coco_bbox": {"mass": 600},
    "b03_coco_size": "160 x 120 pixels, its file has 80 x 60",
    "b04_coco_dupid": "id 0 stands twice in images",
    "b11_names": {"stroma": 300, "tumor_positive": 600},
    "b12_nfd": {"mass": 600},
    "b17_ls": "8a1b2c3d-i0.png' is not in the table",
}


@pytest.mark.parametrize("name", SHARED)
def test_shared_small_inputs(root, tmp_path, name):
    source = root.parent / "shared/cases/import" / name
    if not source.is_dir():
        pytest.skip(f"no {source} beside the project")
    if isinstance(SHARED[name], str):
        with pytest.raises(ValueError, match=SHARED[name]):
            datasets.bring_in("folder", source, tmp_path / "target")
        return
    found = datasets.bring_in("folder", source, tmp_path / "target")
    assert {structure: set(boxes_of(found, structure)) for structure in found.regions} == {
        structure: {count} for structure, count in SHARED[name].items()
    }
