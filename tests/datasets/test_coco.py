"""COCO beside a table: each annotation is drawn as it is meant, or the entry that cannot be is
named.
"""

import copy
import unicodedata

import numpy as np
import pytest
from published import area, picture, put, ring, run_lengths

from regard import datasets
from regard.datasets import folder as anybody

SIZE = (60, 50)  # width, height
BOX, OTHER = (5, 10, 25, 16), (40, 30, 52, 47)
BLOCK = (2, 3, 9, 8)


def bounds(left, top, right, bottom):
    return [left, top, right - left, bottom - top]


def made(folder, entries=(), names=("images/a.png", "images/b.png"), **changes):
    """Two images, and a coco.json with `entries` of the category Mass; `changes` replace its
    lists.
    """
    for at, name in enumerate(("a", "b")):
        put(folder / "images" / f"{name}.png", picture(at))
    put(folder / "cases.csv", "image,patient\nimages/a.png,p1\nimages/b.png,p2")
    content = {
        "images": [
            {"id": at, "file_name": name, "width": 60, "height": 50}
            for at, name in enumerate(names)
        ],
        "categories": [{"id": 1, "name": "Mass", "supercategory": "none"}],
        "annotations": [
            {"id": at, "image_id": 0, "category_id": 1, **entry} for at, entry in enumerate(entries)
        ],
    }
    put(folder / "coco.json", copy.deepcopy(content | changes))
    return folder


def masks(folder):
    found = anybody.read(folder)
    assert list(found.regions) == ["mass"]
    return list(found.regions["mass"])


def polygon(box):
    return [np.ravel(ring(*box)).tolist()]


EMPTY = {
    "no key": {},
    "null": {"segmentation": None},
    "no polygon": {"segmentation": []},
    "no point": {"segmentation": [[]]},
}


@pytest.mark.parametrize("kind", EMPTY)
def test_a_box_without_an_outline_is_drawn(tmp_path, kind):
    found = masks(made(tmp_path, [EMPTY[kind] | {"bbox": bounds(*BOX), "area": 120, "iscrowd": 0}]))
    assert found[0].sum() == 120 and np.array_equal(found[0], area(BOX)) and not found[1].any()


def test_boxes_outlines_and_crowds_of_one_image_are_joined(tmp_path):
    entries = [
        {"segmentation": [], "bbox": bounds(*BOX)},
        {"segmentation": polygon(OTHER), "bbox": [0, 0, 60, 50]},  # the outline counts, not its box
        {"segmentation": run_lengths(BLOCK), "iscrowd": 1},
    ]
    assert np.array_equal(masks(made(tmp_path, entries))[0], area(BOX, OTHER, BLOCK))


IMAGE = {"id": 0, "file_name": "images/a.png"}
SECOND = {"id": 1, "file_name": "images/b.png"}
MASS = {"id": 1, "name": "Mass"}
DRAWN = {"image_id": 0, "category_id": 1, "segmentation": polygon(BOX)}
WRONG = {
    "nothing drawn": (
        [{"segmentation": []}],
        {},
        "annotation 1 .id 0.: it has neither a segmentation nor a bbox",
    ),
    "a box of three": (
        [{"bbox": [1, 2, 3]}],
        {},
        "annotation 1 .id 0.: its bbox has 3 numbers, not 4",
    ),
    "a box of words": (
        [{"bbox": ["a", 2, 3, 4]}],
        {},
        "annotation 1 .id 0.: a box must be made of numbers",
    ),
    "a box of no width": ([{"bbox": [5, 5, 0, 4]}], {}, "both must be positive"),
    "a box outside": (
        [{"bbox": [50, 5, 20, 4]}],
        {},
        "annotation 1 .id 0.: the box .* lies outside",
    ),
    "an outline between pixels": (
        [{"segmentation": [[5.1, 5.1, 5.3, 5.1, 5.3, 5.3]]}],
        {},
        "annotation 1 .id 0. encloses no pixel of a.png",
    ),
    "another width": (
        [],
        {"images": [IMAGE | {"width": 120}]},
        "a.png', is stated as 120 x None .* file has 60 x 50",
    ),
    "both sizes": (
        [],
        {"images": [IMAGE | {"width": 120, "height": 100}]},
        "image 0, 'images/a.png', is stated as 120 x 100 pixels, its file has 60 x 50",
    ),
    "a width as text": (
        [],
        {"images": [IMAGE | {"width": "60"}]},
        "has the width or height '60', which is no number",
    ),
    "sides swapped": (
        [],
        {"images": [IMAGE | {"width": 50, "height": 60}]},
        "50 x 60 pixels, its file has 60 x 50",
    ),
    "an image's id twice": (
        [],
        {"images": [IMAGE, SECOND | {"id": 0}]},
        "id 0 stands twice in images",
    ),
    "a category's id twice": (
        [],
        {"categories": [MASS, {"id": 1, "name": "Other"}]},
        "id 1 stands twice in categories",
    ),
    "an annotation's id twice": (
        [],
        {"annotations": [DRAWN | {"id": 7}] * 2},
        "id 7 stands twice in annotations",
    ),
    "an image twice": (
        [],
        {"images": [IMAGE, IMAGE | {"id": 9}]},
        "image 9, 'images/a.png', is the same file as image 0",
    ),
    "an image by two names": (
        [],
        {"images": [IMAGE, {"id": 9, "file_name": "a.png"}]},
        "the same file as image 0",
    ),
    "no such image": (
        [],
        {"images": [IMAGE | {"file_name": "images/z.png"}]},
        "image 'images/z.png' is not in the table",
    ),
    "no such category": (
        [{"category_id": 5}],
        {},
        "annotation 1 .id 0. belongs to no category: category_id 5",
    ),
    "no such image id": (
        [{"image_id": 5}],
        {},
        "annotation 1 .id 0. belongs to no image: image_id 5",
    ),
    "categories of one name": (
        [],
        {"categories": [MASS, {"id": 2, "name": "mass"}]},
        "annotated in two ways",
    ),
    "a name of 10,000 letters": (
        [],
        {"images": [IMAGE | {"file_name": "x" * 10_000}]},
        "image 'xxx.{90,110} is not in",
    ),
    "no object": ([], {"images": ["a.png"]}, "an entry is not as COCO has it"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_drawn_as_it_is_meant_is_named(tmp_path, kind):
    entries, changes, message = WRONG[kind]
    made(tmp_path / "set", entries, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        datasets.bring_in("folder", tmp_path / "set", tmp_path / "target")
    assert "coco.json: " in str(caught.value) and "\n" not in str(caught.value)


PATHS = [
    "a.png",
    "./images/a.png",
    "images\\a.png",
    "C:\\Users\\me\\data\\a.png",
    "..\\..\\upload\\a.png",
    "train/a.png",
]


@pytest.mark.parametrize("name", PATHS)
def test_images_are_found_by_the_last_part_of_their_name(tmp_path, name):
    found = masks(made(tmp_path, [{"bbox": bounds(*BOX)}], names=(name, "images/b.png")))
    assert np.array_equal(found[0], area(BOX))


def test_a_last_part_that_two_images_have_is_refused(tmp_path):
    made(tmp_path, [{"bbox": bounds(*BOX)}], names=("upload/a.png", "images/b.png"))
    put(tmp_path / "more/a.png", picture(5))
    put(
        tmp_path / "cases.csv",
        "case,image,patient\n1,images/a.png,p1\n2,images/b.png,p2\n3,more/a.png,p3",
    )
    with pytest.raises(ValueError, match="image 'upload/a.png' could be 2 images of the table"):
        anybody.read(tmp_path)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_images_are_found_in_either_encoding_of_accents(tmp_path, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    named = [unicodedata.normalize(each, "images/köpfe.png") for each in (form, other)]
    made(tmp_path, [{"bbox": bounds(*BOX)}], names=(named[0], "images/b.png"))
    (tmp_path / "images/a.png").rename(tmp_path / named[1])
    put(tmp_path / "cases.csv", f"image,patient\n{named[0]},p1\nimages/b.png,p2")
    assert np.array_equal(masks(tmp_path)[0], area(BOX))


def test_images_that_are_not_listed_are_counted(tmp_path, capsys):
    found = masks(made(tmp_path, [{"bbox": bounds(*BOX)}], images=[IMAGE]))
    assert found[1] is None
    assert (
        "coco.json does not list 1 of 2 images: they count as not annotated"
        in capsys.readouterr().err
    )


def test_a_file_of_almost_that_name_is_refused(tmp_path):
    (made(tmp_path, [{"bbox": bounds(*BOX)}]) / "coco.json").rename(tmp_path / "Coco.json")
    with pytest.raises(ValueError, match="Coco.json must be called coco.json"):
        anybody.read(tmp_path)


def test_a_file_of_another_name_is_said_to_be_unread(tmp_path, capsys):
    (made(tmp_path, [{"bbox": bounds(*BOX)}]) / "coco.json").rename(tmp_path / "instances.json")
    assert not anybody.read(tmp_path).regions
    assert (
        "1 files are not read, for cases.csv does not name them: instances.json"
        in capsys.readouterr().err
    )
