"""Readers: the published layout becomes ours, what a set does not say is not guessed, bad input is refused."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from regard import cases, datasets
from regard.datasets import busi


def picture(seed, size=(60, 50)):
    """A smooth random picture; another seed looks different."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def rectangle(box, size=(60, 50)):
    mask = Image.new("1", size)
    mask.paste(1, box)
    return mask


@pytest.fixture
def published(tmp_path):
    """BUSI's layout in small: mixed modes, a second mask, empty masks of normal, and two views that are the same."""
    folder = tmp_path / "Dataset_BUSI_with_GT"
    for label in busi.LABELS:
        (folder / label).mkdir(parents=True)
        for number in (1, 2, 10):
            image = picture(hash_of(label, number)).convert("RGB")
            image.save(folder / label / f"{label} ({number}).png")
            mask = Image.new("RGB", (60, 50)) if label == "normal" else rectangle((5, 10, 25, 20))
            mask.save(folder / label / f"{label} ({number})_mask.png")
    again = np.clip(np.asarray(picture(hash_of("benign", 1))).astype(int) + 3, 0, 255).astype(np.uint8)
    Image.fromarray(again).resize((90, 75)).save(folder / "benign" / "benign (2).png")
    rectangle((5, 10, 25, 20), (90, 75)).save(folder / "benign" / "benign (2)_mask.png")
    rectangle((40, 30, 50, 40)).convert("RGBA").save(folder / "malignant" / "malignant (10)_mask_1.png")
    (folder / "benign" / "test.txt").write_text("a stray file, as in the published set")
    return folder


def hash_of(label, number):
    return busi.LABELS.index(label) * 100 + number


def test_busi_becomes_the_layout(published, tmp_path):
    found = datasets.bring_in("busi", published, tmp_path / "real" / "busi")
    assert found.table["case"].tolist() == [f"{label}-{number:04d}" for label in busi.LABELS for number in (1, 2, 10)]
    patient = dict(zip(found.table["case"], found.table["patient"]))
    assert patient["benign-0002"] == patient["benign-0001"] and len(set(patient.values())) == 8
    mass = dict(zip(found.table["case"], found.regions["mass"]))
    assert mass["malignant-0010"].sum() == 20 * 10 + 10 * 10 and mass["malignant-0010"][30:40, 40:50].all()
    assert not mass["normal-0001"].any() and "pixel_mm" not in found.table
    assert found.images[0].dtype == np.uint8 and found.images[0].shape == (50, 60)
    assert set(found.table["reference"]) == {"reader"}


def test_import_changes_nothing_the_second_time_and_never_the_source(published, tmp_path):
    content = lambda folder: {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    source = content(published)
    datasets.bring_in("busi", published, tmp_path / "target")
    first = content(tmp_path / "target")
    datasets.bring_in("busi", published, tmp_path / "target")
    assert content(tmp_path / "target") == first and content(published) == source


def other_size(folder):
    rectangle((0, 0, 5, 5), (30, 30)).save(folder / "benign" / "benign (1)_mask_1.png")


BROKEN = {
    "missing mask": (lambda f: (f / "benign/benign (10)_mask.png").unlink(), "benign .10..*no mask"),
    "mask of another size": (other_size, "benign .1._mask_1.png is 30 x 30.*60 x 50"),
    "missing folder": (
        lambda f: [path.unlink() for path in (f / "normal").iterdir()] + [(f / "normal").rmdir()],
        "no folder.*normal",
    ),
    "unknown name": (lambda f: picture(1).save(f / "normal/normal-1.png"), "normal-1.png is neither"),
    "damaged image": (
        lambda f: (f / "malignant/malignant (2).png").write_bytes(b"\x89PNG"),
        "malignant .2..png is truncated",
    ),
    "empty folders": (lambda f: [path.unlink() for path in f.rglob("*.png")], "holds no images"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_bad_busi_is_named_and_leaves_nothing_behind(published, tmp_path, kind):
    damage, message = BROKEN[kind]
    damage(published)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        datasets.bring_in("busi", published, tmp_path / "target")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "target").exists() and not (tmp_path / "target.partial").exists()


def test_the_one_mask_that_cannot_be_placed_leaves_its_case_without_annotation(published):
    picture(4).save(published / "benign" / "benign (4).png")
    rectangle((5, 5, 9, 9)).save(published / "benign" / "benign (4)_mask.png")
    rectangle((0, 0, 5, 5), (30, 30)).save(published / "benign" / "benign (4)_mask_1.png")
    found = busi.read(published)
    assert found.regions["mass"][found.table["case"].tolist().index("benign-0004")] is None


def test_target_and_source_are_kept_apart(published, tmp_path):
    for target in (published / "out", tmp_path):
        with pytest.raises(ValueError, match="must not lie in one another"):
            datasets.bring_in("busi", published, target)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep")
    with pytest.raises(ValueError, match="not a set of cases"):
        datasets.bring_in("busi", published, tmp_path / "mine")
    with pytest.raises(ValueError, match="no reader for 'busy'; known are busi"):
        datasets.bring_in("busy", published, tmp_path / "target")


def test_the_command_says_one_line_and_fails(published, tmp_path):
    other_size(published)
    done = subprocess.run(
        [sys.executable, "-m", "regard", "import", "busi", published, tmp_path / "target"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("regard: ") and "benign (1)_mask_1.png" in done.stderr


def test_real_busi(root, tmp_path):
    source = root.parent / "shared/real/busi"
    if not source.is_dir():
        pytest.skip("no shared/real/busi beside the project")
    found = datasets.bring_in("busi", source, tmp_path / "busi")
    assert found.table["label"].value_counts().to_dict() == {"benign": 49, "malignant": 50, "normal": 50}
    mass = dict(zip(found.table["case"], found.regions["mass"]))
    assert mass.pop("benign-0004") is None
    assert all(mask.any() != case.startswith("normal") for case, mask in mass.items())
    assert 100 < found.table["patient"].nunique() < 149
    assert cases.read(tmp_path / "busi", ["benign", "malignant"], ["normal"]).split(1).nunique() == 3
