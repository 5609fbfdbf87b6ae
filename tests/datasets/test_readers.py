"""Every reader: a small set in its published layout becomes exactly what it says, and bad input is
refused in a line.
"""

import re
import shutil
import tracemalloc
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pytest
from broken_sets import BROKEN
from damages import SEGMENTED, VAL_CASE
from PIL import Image
from published import EXAMPLES, area, put, ring, run_lengths

from regard import datasets
from regard.data import cases

READERS = [name for name in datasets.READERS if name != "busi"]  # that one: test_datasets.py


def bring(name, folder, **options):
    return datasets.bring_in(
        name, folder / "source", folder / "target", **EXAMPLES[name].options | options
    )


def content(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Per reader: its small set, written once; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("published")
    return {
        name: (folder / name, example.build(folder / name)) for name, example in EXAMPLES.items()
    }


@pytest.fixture
def copied(made, tmp_path):
    def copy(name):
        return shutil.copytree(made[name][0], tmp_path / "source")

    return copy


def masks_of(found, structure):
    return dict(zip(found.table["case"], found.regions[structure]))


def same(mask, boxes):
    """Whether `mask` is exactly the union of `boxes`; None is not annotated."""
    if mask is None or boxes is None:
        return mask is None and boxes is None
    return np.array_equal(mask, area(*boxes, size=mask.shape[::-1]))


def test_every_reader_has_an_example():
    assert sorted(EXAMPLES) == sorted(READERS)


@pytest.mark.parametrize("name", READERS)
def test_set_becomes_exactly_what_it_says(made, copied, tmp_path, name):
    copied(name)
    found, example = bring(name, tmp_path), EXAMPLES[name]
    expected = example.table()
    assert found.table[list(expected)].replace(" ", "", regex=True).to_dict() == expected.to_dict()
    assert set(found.regions) == set(example.regions)
    for structure in example.regions:
        for case, mask in masks_of(found, structure).items():
            assert same(mask, example.region(structure, case)), (structure, case)
    for case, image in zip(found.table["case"], found.images):
        wanted = made[name][1][case]
        assert image.shape == wanted.shape and np.abs(image - wanted.astype(float)).mean() < 2, case


@pytest.mark.parametrize("name", READERS)
def test_target_is_a_set_in_8_bits_that_is_split_by_patient(copied, tmp_path, name):
    copied(name)
    bring(name, tmp_path)
    for path in (tmp_path / "target" / "images").iterdir():
        with Image.open(path) as image:
            assert image.mode in ("L", "RGB") and image.format == "PNG"
    found = cases.read(tmp_path / "target")
    split = found.split(seed=1)
    assert (
        set(split) <= set(cases.SPLITS)
        and split.groupby(found.table["patient"]).nunique().max() == 1
    )
    if "split" not in found.table and found.table["patient"].nunique() >= 3:
        assert set(split) == set(cases.SPLITS)


@pytest.mark.parametrize("name", READERS)
def test_import_again_or_from_an_archive_changes_no_byte_and_never_the_source(
    copied, tmp_path, name
):
    source = copied(name)
    before = content(source)
    bring(name, tmp_path)
    first = content(tmp_path / "target")
    bring(name, tmp_path)
    assert content(tmp_path / "target") == first
    assert content(source) == before
    archive = shutil.make_archive(tmp_path / "packed", "zip", tmp_path, "source")
    datasets.bring_in(name, archive, tmp_path / "unzipped" / "target", **EXAMPLES[name].options)
    assert content(tmp_path / "unzipped") == {"target" / path: data for path, data in first.items()}


def refusal(name, folder, **options):
    """The one line with which the set in `folder`/source is refused, None where it is read; nothing
    may be left.
    """
    try:
        bring(name, folder, **options)
    except (ValueError, FileNotFoundError) as error:
        assert not [path.name for path in folder.iterdir() if path.name.startswith("target")]
        assert type(error) in (ValueError, FileNotFoundError) and "\n" not in str(error)
        return str(error)
    shutil.rmtree(folder / "target")
    return None


@pytest.mark.parametrize("name", READERS)
def test_every_file_that_is_missing_or_damaged_is_named(copied, tmp_path, name):
    source = copied(name)

    def listed(path, patterns):
        return any(fnmatch(path.relative_to(source).as_posix(), one) for one in patterns)

    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        path.unlink()
        said = refusal(name, tmp_path)
        allowed = said is None and listed(path, EXAMPLES[name].needless)
        assert allowed or path.stem in said or path.parent.name in said or path.suffix in said, (
            path,
            said,
        )
        picture_file = path.suffix in (".png", ".jpg", ".pgm", ".dcm", ".dicom")
        for damaged in (
            [b"\x00\xff damaged", whole[: len(whole) // 2]]
            if picture_file
            else [b"\x00\xff damaged"]
        ):
            path.write_bytes(damaged)
            said = refusal(name, tmp_path)
            assert (said is None and listed(path, EXAMPLES[name].unread)) or path.name in (
                said or ""
            ), (path, said)
        path.write_bytes(whole)


def rename_column(path, column, new):
    if path.suffix == ".xlsx":
        pd.read_excel(path, dtype=str).rename(columns={column: new}).to_excel(path, index=False)
    else:
        header, rest = path.read_text().split("\n", 1)
        assert column in header.split(",")
        path.write_text(
            ",".join(new if name == column else name for name in header.split(",")) + "\n" + rest
        )


COLUMNS = [
    (name, path, column)
    for name, example in EXAMPLES.items()
    for path, columns in example.columns.items()
    for column in columns.split(",")
]


@pytest.mark.parametrize(("name", "path", "column"), COLUMNS)
def test_a_missing_column_is_named(copied, tmp_path, name, path, column):
    rename_column(copied(name) / path, column, "gone")
    said = refusal(name, tmp_path)
    assert said and path in said and f"has no column {column!r}" in said


BAD = [(name, kind) for name, kinds in BROKEN.items() for kind in kinds]


@pytest.mark.parametrize(("name", "kind"), BAD)
def test_bad_input_is_refused_in_a_line_that_names_the_file(copied, tmp_path, name, kind):
    damage, message = BROKEN[name][kind]
    damage(copied(name))
    (tmp_path / "1.png").write_bytes(b"outside")  # what ../ would reach
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        said = refusal(name, tmp_path)
        assert not re.search(r"(\S+ row \d+: ).*\1", said), "a place is named twice"
        raise ValueError(said)


def test_every_reader_has_bad_input():
    assert list(BROKEN) == READERS


@pytest.mark.parametrize("name", READERS)
def test_an_interrupted_import_leaves_what_was_there_before(copied, tmp_path, name, monkeypatch):
    copied(name)
    archive = shutil.make_archive(tmp_path / "packed", "zip", tmp_path, "source")
    whole, saved = Image.Image.save, []

    def save(image, path, *arguments, **parameters):
        whole(image, path, *arguments, **parameters)
        if path.parent.name == "images":
            saved.append(path)
            if len(saved) == 3:
                raise KeyboardInterrupt

    bring(name, tmp_path)
    before = content(tmp_path / "target")
    monkeypatch.setattr(Image.Image, "save", save)
    for target in ("target", "new"):
        saved.clear()
        with pytest.raises(KeyboardInterrupt):
            datasets.bring_in(name, archive, tmp_path / target, **EXAMPLES[name].options)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "packed.zip",
            "source",
            "target",
        ]
    assert content(tmp_path / "target") == before


def test_memory_stays_small_however_many_images(tmp_path):
    (tmp_path / "source").mkdir()
    image = area((100, 200, 300, 250), size=(1024, 1024)) * np.uint8(90)
    names = [f"{number}.png" for number in range(300)]
    put(tmp_path / "source" / names[0], image)
    for name in names[1:]:
        shutil.copy(tmp_path / "source" / names[0], tmp_path / "source" / name)
    one = {
        "geometry": {"type": "Polygon", "coordinates": [ring(5, 10, 25, 16)]},
        "properties": {"classification": "x"},
    }
    put(tmp_path / "source" / "x.geojson", [one])
    rows = [
        f"{name},{at // 2},{'x.geojson' if at < 100 else ''},5 10 20 6"
        for at, name in enumerate(names)
    ]
    put(tmp_path / "source" / "cases.csv", "\n".join(["image,patient,geojson,box:Mass", *rows]))
    tracemalloc.start()
    found = datasets.bring_in("folder", tmp_path / "source", tmp_path / "target")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 300 and found.regions["x"][99].any() and found.regions["x"][100] is None
    assert peak < image.nbytes * len(names) / 5


def test_images_that_are_listed_and_not_there_are_counted(copied, tmp_path, capsys):
    for name, wanted in {
        "chestx-ray14": "1 of 4",
        "vindr-cxr": "1 of 4",
        "chexlocalize": "1 of 3",
    }.items():
        source = copied(name)
        if name == "chexlocalize":
            next(source.rglob("patient64742/study2/view1_frontal.jpg")).unlink()
        found = bring(name, tmp_path)
        assert (
            f"{wanted} listed images are left out: their files are not in"
            in capsys.readouterr().err
        )
        assert len(found) == int(wanted[-1]) - 1
        shutil.rmtree(tmp_path / "source")
        shutil.rmtree(tmp_path / "target")


def test_cbis_ddsm_tells_each_abnormality_in_words(copied, tmp_path):
    copied("cbis-ddsm")
    told = bring("cbis-ddsm", tmp_path).table.set_index("case")["report"]
    assert told["P_00001_LEFT_CC"] == "mass, irregular, spiculated; mass, oval"
    assert told["P_00002_RIGHT_CC"] == "calcification, pleomorphic, linear clustered"


def test_cbis_ddsm_knows_a_test_patient_of_either_table(copied, tmp_path):
    for path in copied("cbis-ddsm").glob("calc*"):
        path.unlink()
    split = bring("cbis-ddsm", tmp_path).table.set_index("patient")["split"]
    assert split.to_dict() == {
        "P_00001": "train",
        "P_00002": "train",
        "P_00003": "test",
    }  # without calcifications


def test_cdd_cesm_reads_the_subtracted_images_on_demand(copied, tmp_path):
    copied("cdd-cesm")
    found = bring("cdd-cesm", tmp_path, kind="subtracted")
    assert found.table[["case", "patient", "label"]].values.tolist() == [
        ["P1_L_CM_CC", "1", "malignant"]
    ]
    assert same(found.regions["lesion"][0], [(30, 20, 44, 23)])
    with pytest.raises(ValueError, match="kind is 'both'; known are low-energy, subtracted"):
        bring("cdd-cesm", tmp_path, kind="both")


def test_breakhis_reads_one_magnification(copied, tmp_path):
    copied("breakhis")
    assert bring("breakhis", tmp_path, magnification=40).table["case"].tolist() == [
        "SOB_B_A-14-22549AB-40-001"
    ]
    for power, message in {
        100: "no image of magnification 100",
        300: "known are 40, 100, 200, 400",
    }.items():
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            bring("breakhis", tmp_path, magnification=power)


@pytest.mark.parametrize("name", ["camelyon", "bcss"])
@pytest.mark.parametrize(
    ("tile", "message"), [(0, "positive number"), ("20", "positive number"), (64, "no tile of 64")]
)
def test_a_tile_that_fits_no_image_is_refused(copied, tmp_path, name, tile, message):
    copied(name)
    assert message in refusal(name, tmp_path, tile=tile)


def test_chexlocalize_code_and_contour_of_one_outline_are_one_mask(copied, tmp_path):
    source = copied("chexlocalize")
    boxes = {"Cardiomegaly": (5, 10, 25, 16), "Airspace Opacity": (40, 30, 52, 47)}
    as_codes = bring("chexlocalize", tmp_path).regions
    as_codes = {name: list(masks) for name, masks in as_codes.items()}
    (source / SEGMENTED).unlink()
    outlined = {name: [ring(a, b, c - 1, d - 1)] for name, (a, b, c, d) in boxes.items()}
    put(
        source / "CheXlocalize/gt_annotations_val.json",
        {VAL_CASE: {"img_size": [50, 60], **outlined}},
    )
    for name, masks in bring("chexlocalize", tmp_path).regions.items():
        for mask, other in zip(masks, as_codes[name]):
            assert mask is other is None or np.array_equal(mask, other)
    put(source / SEGMENTED, {VAL_CASE: {"Cardiomegaly": run_lengths((2, 3, 9, 8))}})
    assert same(
        masks_of(bring("chexlocalize", tmp_path), "cardiomegaly")[VAL_CASE], [(2, 3, 9, 8)]
    )  # codes go first


def test_chexlocalize_lateral_views_are_read_on_demand(copied, tmp_path):
    copied("chexlocalize")
    found = bring("chexlocalize", tmp_path, lateral=True)
    lateral = VAL_CASE.replace("view1_frontal", "view2_lateral")
    assert len(found) == 4 and masks_of(found, "cardiomegaly")[lateral] is None
    assert same(masks_of(found, "lung_lesion")[lateral], [])


def test_vindr_cxr_gives_each_reader_s_own_regions(copied, tmp_path):
    copied("vindr-cxr")
    found = bring("vindr-cxr", tmp_path, readers=True, findings=["Aortic enlargement"])
    assert list(found.regions) == [
        "aortic_enlargement",
        *(f"aortic_enlargement-{at}" for at in (1, 2, 3)),
    ]
    own = [masks_of(found, f"aortic_enlargement-{at}") for at in (1, 2, 3)]
    for mask, boxes in zip(
        (one["aaa1"] for one in own), ([(5, 10, 25, 16)], [(15, 8, 35, 14)], [])
    ):
        assert same(mask, boxes)
    assert own[1]["bbb1"] is None and same(
        own[0]["bbb1"], [(30, 20, 44, 23)]
    )  # one consensus of five
    assert "pneumonia" not in found.table
    with pytest.raises(ValueError, match="findings is 'Lump'"):
        bring("vindr-cxr", tmp_path, findings=["Lump"])


def test_folder_needs_a_window_for_16_bits_that_rises(copied, tmp_path):
    copied("folder")
    for window, message in {None: "16-bit", (9,): "two numbers", (9, 9): "must rise"}.items():
        assert message in refusal("folder", tmp_path, window=window)


def test_folder_takes_masks_above_a_grey_value_and_a_table_of_another_name(copied, tmp_path):
    source = copied("folder")
    (source / "cases.csv").rename(source / "mine.csv")
    put(source / "masks" / "a.png", area((5, 10, 25, 16)) * np.uint8(90) + np.uint8(10))
    put(source / "masks" / "c.png", area((40, 30, 52, 47)) * np.uint8(90))
    mass = masks_of(bring("folder", tmp_path, above=40), "mass")
    assert same(mass["a"], [(5, 10, 25, 16)]) and same(mass["c"], [(40, 30, 52, 47)])


def test_unknown_options_are_refused(copied, tmp_path):
    copied("rings")
    assert "reader 'rings' has no option 'tile'; it has none" in refusal("rings", tmp_path, tile=20)
