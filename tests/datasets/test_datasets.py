"""Readers: the published layout becomes ours, what a set does not say is not guessed, bad input is
refused.
"""

import functools
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from regard import datasets
from regard.data import cases
from regard.datasets import busi, covid_cxr
from regard.figures import cases as case_figures


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
    """BUSI's layout in small: mixed modes, a second mask, empty masks of normal, and two views that
    are the same.
    """
    folder = tmp_path / "Dataset_BUSI_with_GT"
    for label in busi.LABELS:
        (folder / label).mkdir(parents=True)
        for number in (1, 2, 10):
            image = picture(hash_of(label, number)).convert("RGB")
            image.save(folder / label / f"{label} ({number}).png")
            mask = Image.new("RGB", (60, 50)) if label == "normal" else rectangle((5, 10, 25, 20))
            mask.save(folder / label / f"{label} ({number})_mask.png")
    again = np.clip(np.asarray(picture(hash_of("benign", 1))).astype(int) + 3, 0, 255).astype(
        np.uint8
    )
    Image.fromarray(again).resize((90, 75)).save(folder / "benign" / "benign (2).png")
    rectangle((5, 10, 25, 20), (90, 75)).save(folder / "benign" / "benign (2)_mask.png")
    rectangle((40, 30, 50, 40)).convert("RGBA").save(
        folder / "malignant" / "malignant (10)_mask_1.png"
    )
    (folder / "benign" / "test.txt").write_text("a stray file, as in the published set")
    return folder


def hash_of(label, number):
    return busi.LABELS.index(label) * 100 + number


def test_busi_becomes_the_layout(published, tmp_path):
    found = datasets.bring_in("busi", published, tmp_path / "real" / "busi")
    assert found.table["case"].tolist() == [
        f"{label}-{number:04d}" for label in busi.LABELS for number in (1, 2, 10)
    ]
    patient = dict(zip(found.table["case"], found.table["patient"]))
    assert patient["benign-0002"] == patient["benign-0001"] and len(set(patient.values())) == 8
    mass = dict(zip(found.table["case"], found.regions["mass"]))
    assert (
        mass["malignant-0010"].sum() == 20 * 10 + 10 * 10
        and mass["malignant-0010"][30:40, 40:50].all()
    )
    assert not mass["normal-0001"].any() and "pixel_mm" not in found.table
    assert found.images[0].dtype == np.uint8 and found.images[0].shape == (50, 60)
    assert set(found.table["reference"]) == {"reader"}


def test_import_changes_nothing_the_second_time_and_never_the_source(published, tmp_path):
    def content(folder):
        return {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    source = content(published)
    datasets.bring_in("busi", published, tmp_path / "target")
    first = content(tmp_path / "target")
    datasets.bring_in("busi", published, tmp_path / "target")
    assert content(tmp_path / "target") == first and content(published) == source


def test_junk_beside_busi_changes_nothing(published, tmp_path):
    def content(folder):
        return {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    datasets.bring_in("busi", published, tmp_path / "plain")
    for path in list(published.rglob("*.png")):
        path.with_name(f"._{path.name}").write_bytes(b"Mac OS X")
    for name in ("Thumbs.db", "desktop.ini", "benign/.DS_Store", "normal/Thumbs.db"):
        (published / name).write_bytes(b"junk")
    datasets.bring_in("busi", published, tmp_path / "junk")
    assert content(tmp_path / "junk") == content(tmp_path / "plain")


def other_size(folder):
    rectangle((0, 0, 5, 5), (30, 30)).save(folder / "benign" / "benign (1)_mask_1.png")


BROKEN = {
    "missing mask": (
        lambda f: (f / "benign/benign (10)_mask.png").unlink(),
        "benign .10..*no mask",
    ),
    "mask of another size": (other_size, "benign .1._mask_1.png is 30 x 30.*60 x 50"),
    "missing folder": (
        lambda f: [path.unlink() for path in (f / "normal").iterdir()] + [(f / "normal").rmdir()],
        "no folder.*normal",
    ),
    "unknown name": (
        lambda f: picture(1).save(f / "normal/normal-1.png"),
        "normal-1.png is neither",
    ),
    "missing image": (
        lambda f: (f / "benign/benign (10).png").unlink(),
        "benign .10._mask.png has no image",
    ),
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
    with pytest.raises(ValueError, match="did not write"):
        datasets.bring_in("busi", published, tmp_path / "mine")
    with pytest.raises(ValueError, match="no reader for 'busy'; known are busi"):
        datasets.bring_in("busy", published, tmp_path / "target")


def test_a_set_that_another_wrote_is_never_replaced(published, tmp_path):
    (tmp_path / "own/images").mkdir(parents=True)
    picture(1).save(tmp_path / "own/images/a.png")
    (tmp_path / "own/cases.csv").write_text("case,patient,image,label\na,p,images/a.png,benign\n")
    (tmp_path / "other").mkdir()
    picture(1).save(tmp_path / "other/a.png")
    (tmp_path / "other/list.csv").write_text("image,patient\na.png,p\n")
    datasets.bring_in("folder", tmp_path / "other", tmp_path / "imported")
    for target in ("own", "imported"):
        before = {
            path: path.read_bytes() for path in (tmp_path / target).rglob("*") if path.is_file()
        }
        with pytest.raises(ValueError, match="`regard import busi` did not write"):
            datasets.bring_in("busi", published, tmp_path / target)
        assert {
            path: path.read_bytes() for path in (tmp_path / target).rglob("*") if path.is_file()
        } == before
    sheet = (tmp_path / "imported/DATASHEET.md").read_text()
    assert sheet.startswith("# Imported by `regard import folder`") and "Anybody's images" in sheet


def test_check_says_when_a_set_makes_no_study(published, tmp_path):
    datasets.bring_in("busi", published, tmp_path / "busi")
    table = (tmp_path / "busi/cases.csv").read_text().splitlines()
    (tmp_path / "busi/cases.csv").write_text("\n".join(table[:4]) + "\n")
    command = [
        sys.executable,
        "-m",
        "regard",
        "check",
        tmp_path / "busi",
        "--sheet",
        tmp_path / "sheet.png",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "NOTE" in done.stdout and "two labels" in done.stdout


def test_the_command_says_one_line_and_fails(published, tmp_path):
    other_size(published)
    done = subprocess.run(
        [sys.executable, "-m", "regard", "import", "busi", published, tmp_path / "target"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        done.stderr.strip().splitlines()[-1].startswith("regard: ")
        and "benign (1)_mask_1.png" in done.stderr
    )


def test_check_counts_and_draws_a_contact_sheet(published, tmp_path):
    datasets.bring_in("busi", published, tmp_path / "busi")
    command = [sys.executable, "-m", "regard", "check", "busi"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in (
        "9 cases of 8 patients",
        "label benign: 3 cases of 2 patients",
        "absent in 3, not annotated in 0",
    ):
        assert line in done.stdout
    with Image.open(tmp_path / "build/contact-sheets/busi.png") as sheet:
        assert (
            sheet.width > 800
            and len(np.unique(np.asarray(sheet.convert("RGB")).reshape(-1, 3), axis=0)) > 100
        )
    assert not list((tmp_path / "busi").glob("*contact*"))


def test_contact_sheet_shows_every_label_and_shades_the_region(published):
    found = busi.read(published)
    figure = case_figures.contact_sheet(found.table, found.images, found.regions, [], count=6)
    titles = [place.get_title() for place in figure.axes if place.get_title()]
    assert len(titles) == 6 and {title.splitlines()[-1] for title in titles} == set(busi.LABELS)
    shaded = {
        place.get_title().splitlines()[0]: len(place.images)
        for place in figure.axes
        if place.get_title()
    }
    assert all(count == (1 if case.startswith("normal") else 2) for case, count in shaded.items())


@pytest.mark.parametrize("send", [signal.SIGINT, signal.SIGTERM])
def test_an_import_that_is_stopped_says_so_and_leaves_nothing(tmp_path, send):
    (tmp_path / "mine").mkdir()
    picture(1, (3000, 3000)).save(tmp_path / "mine/a.png")
    for number in range(40):
        (tmp_path / f"mine/{number}.png").hardlink_to(tmp_path / "mine/a.png")
    rows = [f"{number}.png,p{number},x" for number in range(40)]
    (tmp_path / "mine/cases.csv").write_text("\n".join(["image,patient,label", *rows]))
    command = [
        sys.executable,
        "-m",
        "regard",
        "import",
        "folder",
        tmp_path / "mine",
        tmp_path / "target",
    ]
    listen = functools.partial(
        signal.signal, signal.SIGINT, signal.SIG_DFL
    )  # a job in the background ignores it
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=listen)
    while running.poll() is None and not list(tmp_path.glob(".target.*/target/images/*.png")):
        time.sleep(0.02)
    running.send_signal(send)
    said = running.communicate()[1].strip().splitlines()[-1]
    assert running.returncode == 1 and said in ("regard: interrupted", "regard: terminated")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_options_of_a_reader_are_given_by_name(tmp_path):
    command = [
        sys.executable,
        "-m",
        "regard",
        "import",
        "camelyon",
        tmp_path,
        tmp_path / "../x",
        "--set",
    ]
    for given, message in (
        ("tile", "is not OPTION=VALUE"),
        ("size=3", "no option 'size'; it has tile"),
    ):
        done = subprocess.run([*command, given], capture_output=True, text=True)
        assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr


def real(root, name):
    source = root.parent / "shared/real" / name
    if not source.is_dir():
        pytest.skip(f"no shared/real/{name} beside the project")
    return source


# reader, cases, patients, and what a structure's masks cover of its images on average, by looking
# at them
REAL = {
    "camelyon": ("camelyon", 480, 30, {"tumour": (0.50, 0.58)}),
    "rings": ("rings", 18, 3, {"tumour": (0.1, 0.2), "benign_gland": (0.4, 0.55)}),
    "cddcesm": ("cdd-cesm-masks", 16, 16, {"lesion": (0.01, 0.06)}),
}


@pytest.mark.parametrize("name", REAL)
def test_real_sets(root, tmp_path, name):
    reader, count, patients, covered = REAL[name]
    found = datasets.bring_in(reader, real(root, name), tmp_path / name)
    assert len(found) == count and found.table["patient"].nunique() == patients
    for structure, (low, high) in covered.items():
        shares = [mask.mean() for mask in found.regions[structure] if mask is not None]
        assert low < np.mean(shares) < high, (structure, np.mean(shares))


def test_real_lungs_lie_on_their_sides_and_devices_without_a_mask_are_not_annotated(root):
    found = covid_cxr.read(real(root, "covid-cxr"))
    assert len(found) == 44 and found.table["patient"].nunique() == 37
    for row in range(0, 44, 6):
        right, left = (
            np.argwhere(found.regions[side][row]) for side in ("right_lung", "left_lung")
        )
        if len(right) and len(left):  # a frontal film shows the patient's right lung on the left
            assert right[:, 1].mean() < found.images[row].shape[1] / 2 < left[:, 1].mean()
    probes = found.regions["monitoring_probes"]
    assert sum(probes[row] is None for row in range(44)) == 9


def test_real_busi(root, tmp_path):
    found = datasets.bring_in("busi", real(root, "busi"), tmp_path / "busi")
    assert found.table["label"].value_counts().to_dict() == {
        "benign": 49,
        "malignant": 50,
        "normal": 50,
    }
    mass = dict(zip(found.table["case"], found.regions["mass"]))
    assert mass.pop("benign-0004") is None
    assert all(mask.any() != case.startswith("normal") for case, mask in mass.items())
    assert 100 < found.table["patient"].nunique() < 149
    assert (
        cases.read(tmp_path / "busi", ["benign", "malignant"], ["normal"]).split(1).nunique() == 3
    )
