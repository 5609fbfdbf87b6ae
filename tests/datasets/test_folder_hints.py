"""What an import of a folder says of a misspelt column or folder, and of bounding boxes."""

import pytest
from published import picture, put

from regard import datasets
from regard.datasets import folder as anybody


def one_image(folder, header, value):
    put(folder / "images" / "a.png", picture(0))
    put(folder / "masks" / "a.png", picture(0) * 0)
    put(folder / "cases.csv", f"image,patient,{header}\nimages/a.png,p1,{value}")
    return folder


def test_a_misspelt_kind_is_named_with_the_nearest(tmp_path):
    folder = one_image(tmp_path, "maks:mass", "masks/a.png")
    with pytest.raises(ValueError, match="'maks:mass', but 'maks' is no kind .* nearest is .*mask"):
        anybody.read(folder)


def test_a_missing_folder_is_named_with_the_nearest(tmp_path):
    folder = one_image(tmp_path, "mask:mass", "maks/a.png")
    with pytest.raises(FileNotFoundError, match="no folder 'maks', the nearest are masks"):
        anybody.read(folder)


def test_boxes_are_counted_and_recorded(tmp_path, capsys):
    folder = one_image(tmp_path / "source", "box:mass", "5 10 20 6")
    datasets.bring_in("folder", folder, tmp_path / "target")
    note = "1 of 1 regions are bounding boxes: a box overestimates the area of a lesion"
    assert note in capsys.readouterr().out
    assert note in (tmp_path / "target" / "DATASHEET.md").read_text()


def test_masks_are_no_boxes(tmp_path, capsys):
    anybody.read(one_image(tmp_path, "mask:mass", "masks/a.png"))
    assert "boxes" not in capsys.readouterr().out
