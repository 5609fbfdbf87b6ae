"""DICOM images come as the standard shows them, or are refused in one line with their name."""

import numpy as np
import pydicom
import pytest
from pictures import GREY, STORED, dicom, expected, kept, refused
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from regard.data import cases
from regard.data.inputs import rasters
from regard.datasets import pixels


def test_dicom_without_a_window_shows_the_range_of_its_bits(tmp_path):
    path = dicom(tmp_path / "view.dcm", STORED)
    found = pixels.image(path)
    assert found.dtype == np.uint8 and np.array_equal(found, expected(STORED, 0, 4095))
    assert found[0, 0] == 0 and found[1, 0] == 255 and pixels.size_of(path) == (2, 3)
    signed = dicom(tmp_path / "signed.dicom", STORED - 2048, PixelRepresentation=1)
    assert np.array_equal(pixels.image(signed), found)


def test_dicom_is_shown_through_its_own_window_unless_another_is_stated(tmp_path):
    path = dicom(tmp_path / "view.dcm", STORED, WindowCenter=2000, WindowWidth=3000)
    assert np.array_equal(pixels.dicom(path), expected(STORED, 500, 3499))  # PS3.3 C.11.2.1.2.1
    assert np.array_equal(pixels.image(path, window=(1000, 3000)), expected(STORED, 1000, 3000))
    several = dicom(
        tmp_path / "several.dcm", STORED, WindowCenter=[2000, 40], WindowWidth=[3000, 400]
    )
    assert np.array_equal(pixels.dicom(several), pixels.dicom(path))


def test_monochrome1_is_inverted(tmp_path):
    for tags in ({}, {"WindowCenter": 2000, "WindowWidth": 3000}):
        upright = pixels.dicom(dicom(tmp_path / "two.dcm", STORED, **tags))
        found = pixels.dicom(
            dicom(tmp_path / "one.dcm", STORED, PhotometricInterpretation="MONOCHROME1", **tags)
        )
        assert np.array_equal(found, 255 - upright)


def test_rescaled_dicom_keeps_its_whole_range(tmp_path):
    """Slope and intercept move the values and the range alike; the windows count in rescaled
    values.
    """
    rescaled = {"RescaleSlope": 2, "RescaleIntercept": -1024}
    path = dicom(tmp_path / "view.dcm", STORED, **rescaled)
    assert np.array_equal(pixels.dicom(path), expected(STORED, 0, 4095))
    assert np.array_equal(
        pixels.dicom(path, window=(0, 2000)), expected(STORED * 2 - 1024, 0, 2000)
    )
    path = dicom(tmp_path / "view.dcm", STORED, WindowCenter=976, WindowWidth=4000, **rescaled)
    assert np.array_equal(pixels.dicom(path), expected(STORED * 2 - 1024, -1024, 2975))


DICOM_REFUSED = {
    "colour": lambda path: dicom(
        path,
        np.zeros((2, 9)),
        Columns=3,
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelData=bytes(18),
    ),
    "palette": lambda path: dicom(path, STORED, PhotometricInterpretation="PALETTE COLOR"),
    "two frames": lambda path: dicom(path, np.zeros((2, 6)), Columns=3, NumberOfFrames=2),
    "no pixels": lambda path: dicom(path, STORED, PixelData=None),
    "too few pixels": lambda path: dicom(path, STORED, Rows=5),
    "no number of bits": lambda path: dicom(path, STORED, BitsStored=None),
    "negative window": lambda path: dicom(path, STORED, WindowCenter=5, WindowWidth=-3),
    "text": lambda path: path.write_text("no DICOM"),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(dicom(path, STORED).read_bytes()[:-5]),
    "cut in the head": lambda path: path.write_bytes(dicom(path, STORED).read_bytes()[:150]),
}


def test_a_missing_dicom_file_is_named(tmp_path):
    refused(
        lambda: pixels.dicom(tmp_path / "view.dcm"), tmp_path / "view.dcm", error=FileNotFoundError
    )


def voi_table(entries, first, bits, represented="US"):
    item = Dataset()
    item.add_new("LUTDescriptor", represented, [len(entries) % 2**16, first, bits])
    item.add_new("LUTData", "OW", np.asarray(entries, "<u2").tobytes())
    return [item]


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_voi_table_is_applied_in_the_range_of_its_entries(tmp_path, bits, photometric):
    """A falling square root, from 100 on; values before and behind the table take its ends."""
    top, entries = 2**bits - 1, 3001
    curve = np.round(top * np.sqrt(np.linspace(1, 0, entries))).astype(int)
    path = dicom(
        tmp_path / "view.dcm",
        STORED,
        VOILUTSequence=voi_table(curve, 100, bits),
        WindowCenter=5,
        WindowWidth=3,
        PhotometricInterpretation=photometric,
    )
    wanted = np.round(curve[np.clip(STORED - 100, 0, entries - 1)] / top * 255)
    found = pixels.image(path)
    assert np.array_equal(found, wanted if photometric == "MONOCHROME2" else 255 - wanted)
    assert np.array_equal(
        pixels.image(path, window=(0, 4095)), pixels.image(dicom_as(tmp_path, photometric))
    )


@pytest.mark.parametrize("represented, first", [("SS", -1500), ("US", 2**16 - 1500)])
def test_a_voi_table_of_signed_values_starts_below_zero(tmp_path, represented, first):
    """Writers store the sign of its start, or leave it out."""
    values, curve = STORED - 2048, np.arange(3001) * 20
    tags = {"PixelRepresentation": 1, "VOILUTSequence": voi_table(curve, first, 16, represented)}
    path = dicom(tmp_path / "view.dcm", values, **tags)
    assert np.array_equal(
        pixels.image(path), expected(curve[np.clip(values + 1500, 0, 3000)], 0, 65535)
    )


def test_compressed_dicom_is_read_the_same(tmp_path):
    path = dicom(tmp_path / "view.dcm", STORED, WindowCenter=2000, WindowWidth=3000)
    data = pydicom.dcmread(path)
    data.compress(RLELossless)
    data.save_as(tmp_path / "packed.dcm")
    assert np.array_equal(pixels.image(tmp_path / "packed.dcm"), pixels.image(path))


def test_the_only_frame_of_an_enhanced_image_has_its_window(tmp_path):
    """Its rescaling and window stand in groups of their own."""
    shared, scale, window = Dataset(), Dataset(), Dataset()
    scale.RescaleSlope, scale.RescaleIntercept = 2, -1024
    window.WindowCenter, window.WindowWidth = 976, 4000
    shared.PixelValueTransformationSequence, shared.FrameVOILUTSequence = [scale], [window]
    path = dicom(
        tmp_path / "view.dcm", STORED, SharedFunctionalGroupsSequence=[shared], NumberOfFrames=1
    )
    assert np.array_equal(pixels.image(path), expected(STORED * 2 - 1024, -1024, 2975))


def dicom_as(folder, photometric):
    return dicom(folder / "plain.dcm", STORED, PhotometricInterpretation=photometric)


FUNCTIONS = {
    "LINEAR": lambda x, centre, width: np.clip((x - (centre - 0.5)) / (width - 1) + 0.5, 0, 1),
    "LINEAR_EXACT": lambda x, centre, width: np.clip((x - centre) / width + 0.5, 0, 1),
    "SIGMOID": lambda x, centre, width: 1 / (1 + np.exp(-4 * (x - centre) / width)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("slope, signed", [(1, 0), (0.5, 0), (-2, 0), (1, 1)])
def test_windows_follow_their_function(tmp_path, name, slope, signed):
    """The equations of PS3.3 C.11.2.1.2.1 and C.11.2.1.3, on rescaled values."""
    tags = {
        "RescaleSlope": slope,
        "RescaleIntercept": 30,
        "VOILUTFunction": name,
        "PixelRepresentation": signed,
    }
    values = STORED - 2048 * signed
    centre, width = slope * 1500 + 30, 1200
    path = dicom(
        tmp_path / "view.dcm", values, WindowCenter=[centre, 7], WindowWidth=[width, 9], **tags
    )
    wanted = 255 * FUNCTIONS[name](slope * values + 30.0, centre, width)
    assert np.abs(pixels.image(path).astype(float) - wanted).max() <= 0.5 + 1e-9


def test_an_unknown_function_of_a_window_is_refused(tmp_path):
    path = dicom(
        tmp_path / "view.dcm", STORED, WindowCenter=50, WindowWidth=20, VOILUTFunction="CUBIC"
    )
    refused(lambda: pixels.image(path), path, "CUBIC")


def test_a_modality_table_comes_before_the_window(tmp_path):
    """16 times the complement of the stored values."""
    table, values = voi_table(16 * np.arange(4096)[::-1], 0, 16), 16 * (4095 - STORED)
    table[0].ModalityLUTType = "OD"
    path = dicom(tmp_path / "view.dcm", STORED, ModalityLUTSequence=table)
    assert np.array_equal(pixels.image(path), expected(values, 0, 65535))
    path = dicom(
        tmp_path / "view.dcm",
        STORED,
        ModalityLUTSequence=table,
        WindowCenter=20000,
        WindowWidth=30000,
    )
    assert np.array_equal(pixels.image(path), expected(values, 5000, 34999))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "tags, padded",
    [
        ({"PixelPaddingValue": 4095}, STORED == 4095),
        ({"PixelPaddingValue": 0}, STORED == 0),
        (
            {"PixelPaddingValue": 10, "PixelPaddingRangeLimit": 1000},
            (STORED >= 10) & (STORED <= 1000),
        ),
        (
            {"PixelPaddingValue": 1000, "PixelPaddingRangeLimit": 10},
            (STORED >= 10) & (STORED <= 1000),
        ),
    ],
)
@pytest.mark.parametrize("window", [None, (100, 3000)])
def test_padding_is_black(tmp_path, photometric, tags, padded, window):
    tags = {
        "PhotometricInterpretation": photometric,
        "WindowCenter": 2000,
        "WindowWidth": 3000,
    } | tags
    path = dicom(tmp_path / "view.dcm", STORED, **tags)
    plain = dicom(
        tmp_path / "plain.dcm",
        STORED,
        **{name: tags[name] for name in tags if "Padding" not in name},
    )
    assert np.array_equal(
        pixels.image(path, window=window), np.where(padded, 0, pixels.image(plain, window=window))
    )


def test_padding_of_signed_values_is_found(tmp_path):
    values = np.array([[-2000, 0, 2000], [-2000, 5, -5]])
    tags = {
        "PixelRepresentation": 1,
        "BitsStored": 16,
        "HighBit": 15,
        "PhotometricInterpretation": "MONOCHROME1",
    }
    path = dicom(
        tmp_path / "view.dcm",
        values,
        PixelPaddingValue=-2000,
        WindowCenter=0,
        WindowWidth=100,
        **tags,
    )
    assert np.array_equal(pixels.image(path) == 0, [[True, False, True], [True, False, False]])


def test_signed_values_of_12_bits_may_lack_their_sign_bits(tmp_path):
    values = STORED - 2048
    whole = dicom(tmp_path / "whole.dcm", values, PixelRepresentation=1)
    cut = dicom(tmp_path / "cut.dcm", values & 0xFFF, PixelRepresentation=1)
    assert np.array_equal(pixels.image(cut), pixels.image(whole))


def test_dicom_is_known_by_its_mark(tmp_path):
    named = dicom(tmp_path / "view.dcm", STORED, WindowCenter=2000, WindowWidth=3000)
    for name in ("IM0001", "view.png", "1.2.840.1"):
        path = tmp_path / name
        path.write_bytes(named.read_bytes())
        assert rasters.is_dicom(path) and pixels.size_of(path) == STORED.shape
        assert np.array_equal(pixels.image(path), pixels.image(named))
        refused(lambda: cases.decode(path), path, "DICOM")
    refused(
        lambda: pixels.image(kept(tmp_path, GREY, "view.bmp").rename(tmp_path / "bmp.dcm")),
        "bmp.dcm",
    )


@pytest.mark.parametrize("one", [1, 255])
def test_dicom_masks_are_their_stored_values(tmp_path, one):
    drawn = np.array([[0, one, 0], [one, one, 0]])
    path = dicom(
        tmp_path / "MASK", drawn, WindowCenter=3, WindowWidth=2, RescaleSlope=0, RescaleIntercept=7
    )
    shown = dicom(tmp_path / "IMAGE", STORED)
    assert np.array_equal(pixels.mask(path, shown), drawn > 0)
    refused(lambda: pixels.mask(dicom(tmp_path / "MASK", STORED), shown), tmp_path / "MASK", "4095")
    inverted = dicom(tmp_path / "MASK", drawn, PhotometricInterpretation="MONOCHROME1")
    refused(lambda: pixels.mask(inverted, shown), inverted, "white")
    refused(
        lambda: pixels.mask(dicom(tmp_path / "MASK", np.zeros((3, 2))), shown),
        "2 x 3 pixels, its image is 3 x 2",
    )


CONTRADICTIONS = {
    "values in the high bits": ({"HighBit": 15}, "its High Bit is 15 with 12 Bits Stored"),
    "inverse": ({"PresentationLUTShape": "INVERSE"}, "INVERSE contradicts MONOCHROME2"),
    "identity": (
        {"PresentationLUTShape": "IDENTITY", "PhotometricInterpretation": "MONOCHROME1"},
        "IDENTITY contradicts MONOCHROME1",
    ),
    "width 0": ({"WindowCenter": 5, "WindowWidth": 0}, "has the width 0, not at least 1"),
    "width 0.5": ({"WindowCenter": 5, "WindowWidth": 0.5}, "has the width 0.5, not at least 1"),
    "no width of its function": (
        {"WindowCenter": 5, "WindowWidth": -2, "VOILUTFunction": "SIGMOID"},
        "has the width -2, not over 0",
    ),
    "centre alone": ({"WindowCenter": 5}, "has a centre or a width alone; state a window"),
    "width alone": ({"WindowCenter": "", "WindowWidth": 5}, "has a centre or a width alone"),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_what_contradicts_itself_is_refused(tmp_path, kind):
    tags, said = CONTRADICTIONS[kind]
    path = dicom(tmp_path / "view.dcm", STORED, **tags)
    refused(lambda: pixels.image(path), path, said)
    if "width" in said:
        assert np.array_equal(pixels.image(path, window=(0, 4095)), expected(STORED, 0, 4095))
    else:
        refused(lambda: pixels.image(path, window=(0, 4095)), path, said)


@pytest.mark.parametrize("inverse", [False, True])
def test_the_shape_that_the_standard_asks_for_changes_nothing(tmp_path, inverse):
    tags = {"PhotometricInterpretation": f"MONOCHROME{2 - inverse}"}
    shape = {"PresentationLUTShape": "INVERSE" if inverse else "IDENTITY"}
    path = dicom(tmp_path / "view.dcm", STORED, **tags, **shape)
    seen = expected(STORED, 0, 4095)
    assert np.array_equal(pixels.image(path), 255 - seen if inverse else seen)


def test_a_narrow_window_is_read_where_its_function_allows_it(tmp_path):
    tags = {"WindowCenter": 1000, "WindowWidth": 0.5, "VOILUTFunction": "LINEAR_EXACT"}
    path = dicom(tmp_path / "view.dcm", STORED, **tags)
    assert np.array_equal(pixels.image(path), [[0, 0, 255], [255, 128, 255]])


@pytest.mark.parametrize("kind", DICOM_REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_dicom_that_is_no_grey_image_is_named(tmp_path, kind):
    DICOM_REFUSED[kind](tmp_path / "view.dcm")
    refused(lambda: pixels.image(tmp_path / "view.dcm"), tmp_path / "view.dcm")
