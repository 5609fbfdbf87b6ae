"""Pixels: images and masks of every kind come as a viewer shows them, or are refused in one line with their name."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from regard import annotations, cases
from regard.datasets import pixels
from regard.inputs import rasters

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.dstack([GREY, GREY[::-1], 255 - GREY])
DEEP = np.arange(48, dtype=np.uint16).reshape(6, 8) * 500


def kept(folder, image, name="view.png", **options):
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(folder / name, **options)
    return folder / name


def with_alpha(image, opacity):
    image = Image.fromarray(image).convert("LA" if image.ndim == 2 else "RGBA")
    image.putalpha(Image.fromarray(np.broadcast_to(np.uint8(opacity), (6, 8)).copy()))
    return image


def refused(call, *parts, error=ValueError):
    """One line that holds all `parts`, the name of the file among them."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error and "\n" not in str(caught.value)
    assert all(str(part) in str(caught.value) for part in parts), caught.value


def test_8_bit_images_come_as_they_are(tmp_path):
    assert np.array_equal(pixels.image(kept(tmp_path, GREY)), GREY)
    assert np.array_equal(pixels.image(kept(tmp_path, COLOUR)), COLOUR)
    assert np.array_equal(pixels.image(kept(tmp_path, GREY, "view.bmp"), grey=True), GREY)
    assert pixels.size_of(tmp_path / "view.png") == (6, 8)


def test_colours_become_grey_by_their_luma(tmp_path):
    found = pixels.image(kept(tmp_path, COLOUR), grey=True)
    assert found.shape == (6, 8) and np.abs(found - COLOUR @ [0.299, 0.587, 0.114]).max() <= 0.51


@pytest.mark.parametrize("name", ["view.png", "view.tif"])
def test_16_bits_need_a_window(tmp_path, name):
    path = kept(tmp_path, DEEP, name)
    refused(lambda: pixels.image(path), path, "state a window")
    found = pixels.image(path, window=(2000, 2000 + 255 * 50))
    assert found.dtype == np.uint8 and np.array_equal(found, np.clip((DEEP.astype(int) - 2000) // 50, 0, 255))
    refused(lambda: pixels.image(path, window=(5, 5)), "a window must rise")


def test_a_window_leaves_8_bits_alone(tmp_path):
    assert np.array_equal(pixels.image(kept(tmp_path, GREY), window=(0, 10)), GREY)


def test_palettes_are_looked_up(tmp_path):
    image = Image.frombytes("P", (8, 6), (GREY // 5).tobytes())
    image.putpalette([value for code in range(48) for value in (code, 200 - code, 3 * code)])
    codes = GREY // 5
    assert np.array_equal(pixels.image(kept(tmp_path, image)), np.dstack([codes, 200 - codes, 3 * codes]))


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_an_opaque_alpha_channel_is_dropped(tmp_path, image):
    assert np.array_equal(pixels.image(kept(tmp_path, with_alpha(image, 255))), image)
    assert np.array_equal(pixels.image(kept(tmp_path, image, transparency=254 if image is GREY else (1, 2, 3))), image)


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_transparent_pixels_are_refused_unless_it_is_stated_what_lies_behind(tmp_path, image):
    opacity = np.where(GREY > 100, 255, np.where(GREY > 50, 128, 0))
    path = kept(tmp_path, with_alpha(image, opacity))
    refused(lambda: pixels.image(path), path, "transparent pixels")
    for behind in (0, 90, 255):
        share = (opacity / 255).reshape((6, 8) + (1,) * (image.ndim - 2))
        found = pixels.image(path, behind=behind)
        assert found.shape == image.shape and np.abs(found - (share * image + (1 - share) * behind)).max() <= 1


def test_a_transparent_value_of_16_bits_is_refused(tmp_path):
    path = kept(tmp_path, DEEP, transparency=500)
    for window in (None, (0, 65535)):
        refused(lambda: pixels.image(path, window=window), path, "16-bit")


@pytest.mark.parametrize("mode, name", [("CMYK", "view.jpg"), ("1", "view.png"), ("LAB", "view.tif")])
def test_other_modes_are_refused(tmp_path, mode, name):
    path = kept(tmp_path, Image.new(mode, (8, 6)), name)
    refused(lambda: pixels.image(path), path, f"mode {mode}")


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", None], ids=["empty", "text", "head", "cut"]
)
def test_damaged_images_are_named(tmp_path, content):
    path = kept(tmp_path, np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    refused(lambda: pixels.image(path), path)
    refused(lambda: pixels.picture(path), path)
    if content is not None:
        refused(lambda: pixels.size_of(path), path)


def test_a_missing_image_is_named(tmp_path):
    for call in (pixels.image, pixels.picture, pixels.size_of):
        refused(lambda: call(tmp_path / "view.png"), tmp_path / "view.png", error=FileNotFoundError)


def test_masks_must_have_the_size_of_their_image(tmp_path):
    shown, drawn = kept(tmp_path, COLOUR), kept(tmp_path, np.where(GREY > 99, 255, 0).astype(np.uint8), "mask.png")
    assert np.array_equal(pixels.mask(drawn, shown), GREY > 99)
    kept(tmp_path, np.zeros((8, 6), np.uint8), "mask.png")
    refused(lambda: pixels.mask(drawn, shown), drawn, "6 x 8 pixels, its image is 8 x 6")


def dicom(path, values, **tags):
    """A grey DICOM file of 12 stored bits, little endian, not compressed; `tags` replace or (None) remove its own."""
    values = np.asarray(values)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    own = {
        "SOPClassUID": SecondaryCaptureImageStorage,
        "SOPInstanceUID": generate_uid(),
        "Rows": values.shape[0],
        "Columns": values.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": values.astype("<i2").tobytes(),
    }
    for name, value in {**own, **tags}.items():
        if value is not None:
            setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


STORED = np.array([[0, 17, 2000], [4095, 1000, 3000]])


def expected(values, low, high):
    return np.round(np.clip((np.asarray(values) - low) / (high - low), 0, 1) * 255).astype(np.uint8)


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
    several = dicom(tmp_path / "several.dcm", STORED, WindowCenter=[2000, 40], WindowWidth=[3000, 400])
    assert np.array_equal(pixels.dicom(several), pixels.dicom(path))


def test_monochrome1_is_inverted(tmp_path):
    for tags in ({}, {"WindowCenter": 2000, "WindowWidth": 3000}):
        upright = pixels.dicom(dicom(tmp_path / "two.dcm", STORED, **tags))
        found = pixels.dicom(dicom(tmp_path / "one.dcm", STORED, PhotometricInterpretation="MONOCHROME1", **tags))
        assert np.array_equal(found, 255 - upright)


def test_rescaled_dicom_keeps_its_whole_range(tmp_path):
    """Slope and intercept move the values and the range alike; the windows count in rescaled values."""
    rescaled = {"RescaleSlope": 2, "RescaleIntercept": -1024}
    path = dicom(tmp_path / "view.dcm", STORED, **rescaled)
    assert np.array_equal(pixels.dicom(path), expected(STORED, 0, 4095))
    assert np.array_equal(pixels.dicom(path, window=(0, 2000)), expected(STORED * 2 - 1024, 0, 2000))
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


@pytest.mark.parametrize("kind", DICOM_REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_dicom_that_is_no_grey_image_is_named(tmp_path, kind):
    DICOM_REFUSED[kind](tmp_path / "view.dcm")
    refused(lambda: pixels.image(tmp_path / "view.dcm"), tmp_path / "view.dcm")


def test_a_missing_dicom_file_is_named(tmp_path):
    refused(lambda: pixels.dicom(tmp_path / "view.dcm"), tmp_path / "view.dcm", error=FileNotFoundError)




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
    assert np.array_equal(pixels.image(path, window=(0, 4095)), pixels.image(dicom_as(tmp_path, photometric)))


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
    tags = {"RescaleSlope": slope, "RescaleIntercept": 30, "VOILUTFunction": name, "PixelRepresentation": signed}
    values = STORED - 2048 * signed
    centre, width = slope * 1500 + 30, 1200
    path = dicom(tmp_path / "view.dcm", values, WindowCenter=[centre, 7], WindowWidth=[width, 9], **tags)
    wanted = 255 * FUNCTIONS[name](slope * values + 30.0, centre, width)
    assert np.abs(pixels.image(path).astype(float) - wanted).max() <= 0.5 + 1e-9


def test_an_unknown_function_of_a_window_is_refused(tmp_path):
    path = dicom(tmp_path / "view.dcm", STORED, WindowCenter=50, WindowWidth=20, VOILUTFunction="CUBIC")
    refused(lambda: pixels.image(path), path, "CUBIC")


def test_a_modality_table_comes_before_the_window(tmp_path):
    """16 times the complement of the stored values."""
    table, values = voi_table(16 * np.arange(4096)[::-1], 0, 16), 16 * (4095 - STORED)
    table[0].ModalityLUTType = "OD"
    path = dicom(tmp_path / "view.dcm", STORED, ModalityLUTSequence=table)
    assert np.array_equal(pixels.image(path), expected(values, 0, 65535))
    path = dicom(tmp_path / "view.dcm", STORED, ModalityLUTSequence=table, WindowCenter=20000, WindowWidth=30000)
    assert np.array_equal(pixels.image(path), expected(values, 5000, 34999))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "tags, padded",
    [
        ({"PixelPaddingValue": 4095}, STORED == 4095),
        ({"PixelPaddingValue": 0}, STORED == 0),
        ({"PixelPaddingValue": 10, "PixelPaddingRangeLimit": 1000}, (STORED >= 10) & (STORED <= 1000)),
        ({"PixelPaddingValue": 1000, "PixelPaddingRangeLimit": 10}, (STORED >= 10) & (STORED <= 1000)),
    ],
)
@pytest.mark.parametrize("window", [None, (100, 3000)])
def test_padding_is_black(tmp_path, photometric, tags, padded, window):
    tags = {"PhotometricInterpretation": photometric, "WindowCenter": 2000, "WindowWidth": 3000} | tags
    path = dicom(tmp_path / "view.dcm", STORED, **tags)
    plain = dicom(tmp_path / "plain.dcm", STORED, **{name: tags[name] for name in tags if "Padding" not in name})
    assert np.array_equal(pixels.image(path, window=window), np.where(padded, 0, pixels.image(plain, window=window)))


def test_padding_of_signed_values_is_found(tmp_path):
    values = np.array([[-2000, 0, 2000], [-2000, 5, -5]])
    tags = {"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15, "PhotometricInterpretation": "MONOCHROME1"}
    path = dicom(tmp_path / "view.dcm", values, PixelPaddingValue=-2000, WindowCenter=0, WindowWidth=100, **tags)
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
    refused(lambda: pixels.image(kept(tmp_path, GREY, "view.bmp").rename(tmp_path / "bmp.dcm")), "bmp.dcm")


@pytest.mark.parametrize("one", [1, 255])
def test_dicom_masks_are_their_stored_values(tmp_path, one):
    drawn = np.array([[0, one, 0], [one, one, 0]])
    path = dicom(tmp_path / "MASK", drawn, WindowCenter=3, WindowWidth=2, RescaleSlope=0, RescaleIntercept=7)
    shown = dicom(tmp_path / "IMAGE", STORED)
    assert np.array_equal(pixels.mask(path, shown), drawn > 0)
    refused(lambda: pixels.mask(dicom(tmp_path / "MASK", STORED), shown), tmp_path / "MASK", "4095")
    inverted = dicom(tmp_path / "MASK", drawn, PhotometricInterpretation="MONOCHROME1")
    refused(lambda: pixels.mask(inverted, shown), inverted, "white")
    refused(lambda: pixels.mask(dicom(tmp_path / "MASK", np.zeros((3, 2))), shown), "2 x 3 pixels, its image is 3 x 2")


def orientation(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_late_exif(path, exif):
    """The PNG with its eXIf chunk behind the pixels, where the standard allows it too."""
    content = path.read_bytes()
    end = content.rindex(b"IEND") - 4
    path.write_bytes(content[:end] + chunk(b"eXIf", exif.tobytes()[6:]) + content[end:])
    return path


UPRIGHT = {
    "jpg": lambda folder, image, exif: kept(folder, image, "view.jpg", exif=exif),
    "png": lambda folder, image, exif: kept(folder, image, "view.png", exif=exif),
    "late png": lambda folder, image, exif: with_late_exif(kept(folder, image, "view.png"), exif),
    "tif": lambda folder, image, exif: kept(folder, image, "view.tif", exif=exif),
    "deflated tif": lambda folder, image, exif: kept(folder, image, "v.tif", exif=exif, compression="tiff_deflate"),
    "webp": lambda folder, image, exif: kept(folder, image, "view.webp", exif=exif, lossless=True),
}


@pytest.mark.parametrize("kind, number", [(kind, at) for kind in UPRIGHT for at in range(10)])
def test_images_are_turned_as_viewers_turn_them(tmp_path, kind, number):
    if kind == "deflated tif" and number in (0, 9):
        pytest.skip("libtiff writes no orientation that is none")
    path = UPRIGHT[kind](tmp_path, COLOUR, orientation(number))
    with Image.open(path) as opened:
        wanted = np.array(ImageOps.exif_transpose(opened))
    assert wanted.shape[:2] == ((8, 6) if number in (5, 6, 7, 8) else (6, 8))
    assert np.array_equal(pixels.image(path), wanted) and pixels.size_of(path) == wanted.shape[:2]
    assert np.array_equal(np.array(cases.decode(path)), wanted)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("name", ["view.png", "view.tif", "colour.tif"])
def test_images_of_16_bits_are_turned_too(tmp_path, name, number):
    if name == "colour.tif":
        path = tmp_path / name
        tifffile.imwrite(path, np.dstack([DEEP] * 3), photometric="rgb", extratags=[(274, "H", 1, number, True)])
    else:
        path = kept(tmp_path, DEEP, name, exif=orientation(number))
    wanted = np.array(ImageOps.exif_transpose(Image.fromarray(DEEP // 100).convert("L")))
    upside = Image.fromarray((DEEP // 100).astype(np.uint8))
    upside.getexif()[0x0112] = number
    wanted = np.array(ImageOps.exif_transpose(upside))
    found = pixels.image(path, grey=True, window=(0, 25500))
    assert np.array_equal(found, wanted) and pixels.size_of(path) == wanted.shape


@pytest.mark.parametrize("number", range(1, 9))
def test_masks_are_turned_with_their_images(tmp_path, number):
    drawn = np.where(GREY > 99, 255, 0).astype(np.uint8)
    shown = kept(tmp_path, COLOUR, "view.jpg", exif=orientation(number))
    path = kept(tmp_path, drawn, "mask.png", exif=orientation(number))
    with Image.open(path) as opened:
        assert np.array_equal(pixels.mask(path, shown), np.array(ImageOps.exif_transpose(opened)) > 0)


def test_images_of_the_own_layout_are_turned(folder):
    path = folder / "images" / "c00-0.png"
    with Image.open(path) as opened:
        opened.save(path, exif=orientation(3))
        wanted = np.array(opened)[::-1, ::-1]
    assert np.array_equal(cases.read(folder).images[0], wanted)


SPOT, GROUND = 4000, 17
TWELVE = np.full((6, 8), GROUND, np.uint16)
TWELVE[2:4, 3:6] = SPOT
TWELVE[0, :5] = [0, 1, 255, 256, 4095]
THREE = np.dstack([TWELVE, TWELVE // 2, 4095 - TWELVE])


def png16(path, values, alpha=65535):
    """A PNG of 16 bits, not filtered: of grey (H, W) or colour (H, W, 3) values and, unless None, an alpha channel."""
    values = np.atleast_3d(values)
    if alpha is not None:
        values = np.dstack([values, np.broadcast_to(np.uint16(alpha), values.shape[:2])])
    height, width, channels = values.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    path.write_bytes(
        rasters.PNG_MARK + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def tiff16(path, values, **options):
    shape = {"photometric": "minisblack" if values.ndim == 2 else "rgb"} | options
    tifffile.imwrite(path, values, metadata=None, **shape)


def pnm(path, values, largest, plain=False):
    magic = {(2, True): "P2", (3, True): "P3", (2, False): "P5", (3, False): "P6"}[values.ndim, plain]
    head = f"{magic}\n# a remark\n{values.shape[1]} {values.shape[0]}\n{largest}\n".encode()
    text = b"# another\n" + " ".join(map(str, values.ravel().tolist())).encode()
    path.write_bytes(head + (text if plain else values.astype(">u2").tobytes()))


def palette16(path):
    """Indices into 16-bit colours: 0 -> GROUND, 1 -> SPOT."""
    table = np.zeros((3, 256), np.uint16)
    table[:, 0], table[:, 1] = GROUND, SPOT
    tifffile.imwrite(path, (TWELVE == SPOT).astype(np.uint8), photometric="palette", colormap=table, metadata=None)


WHITE = {"photometric": "miniswhite"}
BLACK_OPAQUE = np.full_like(TWELVE, 65535)
DEEP_FILES = {  # how a file of 16 bits or more is written, and the values that it holds
    "grey.png": (lambda path: png16(path, TWELVE, None), TWELVE),
    "grey+alpha.png": (lambda path: png16(path, TWELVE), TWELVE),
    "rgb.png": (lambda path: png16(path, THREE, None), THREE),
    "rgba.png": (lambda path: png16(path, THREE), THREE),
    "grey.tif": (lambda path: tiff16(path, TWELVE), TWELVE),
    "grey big endian.tif": (lambda path: tiff16(path, TWELVE, byteorder=">"), TWELVE),
    "grey big tiff.tif": (lambda path: tiff16(path, TWELVE, bigtiff=True), TWELVE),
    "grey deflated.tif": (lambda path: tiff16(path, TWELVE, compression="zlib", predictor=True), TWELVE),
    "grey big endian deflated.tif": (lambda path: tiff16(path, TWELVE, byteorder=">", compression="zlib"), TWELVE),
    "grey lzw.tif": (lambda path: Image.fromarray(TWELVE).save(path, compression="tiff_lzw"), TWELVE),
    "grey tiles.tif": (lambda path: tiff16(path, TWELVE, tile=(16, 16)), TWELVE),
    "grey alpha.tif": (
        lambda path: tiff16(
            path, np.dstack([TWELVE, BLACK_OPAQUE]), photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig"
        ),
        TWELVE,
    ),
    "white.tif": (lambda path: tiff16(path, 65535 - TWELVE, **WHITE), TWELVE),
    "white big endian.tif": (lambda path: tiff16(path, 65535 - TWELVE, byteorder=">", **WHITE), TWELVE),
    "white deflated.tif": (lambda path: tiff16(path, 65535 - TWELVE, compression="zlib", **WHITE), TWELVE),
    "rgb.tif": (lambda path: tiff16(path, THREE), THREE),
    "rgb big endian.tif": (lambda path: tiff16(path, THREE, byteorder=">"), THREE),
    "rgb deflated.tif": (lambda path: tiff16(path, THREE, compression="zlib", predictor=True), THREE),
    "rgb planes.tif": (lambda path: tiff16(path, np.moveaxis(THREE, -1, 0), photometric="rgb", planarconfig="separate"), THREE),
    "rgba.tif": (
        lambda path: tiff16(path, np.dstack([THREE, BLACK_OPAQUE]), extrasamples=["unassalpha"]),
        THREE,
    ),
    "palette.tif": (palette16, np.dstack([np.where(TWELVE == SPOT, SPOT, GROUND)] * 3)),
    "int16.tif": (lambda path: tiff16(path, TWELVE.astype(np.int16) - 1000), TWELVE.astype(int) - 1000),
    "int32.tif": (lambda path: tiff16(path, TWELVE.astype(np.int32) - 1000), TWELVE.astype(int) - 1000),
    "uint32.tif": (lambda path: tiff16(path, TWELVE.astype(np.uint32) + 2**31), TWELVE + 2.0**31),
    "float32.tif": (lambda path: tiff16(path, TWELVE.astype(np.float32) / 4), TWELVE / 4),
    "float64.tif": (lambda path: tiff16(path, TWELVE / 4), TWELVE / 4),
    "float32 big endian.tif": (lambda path: tiff16(path, TWELVE.astype(np.float32) / 4, byteorder=">"), TWELVE / 4),
    "grey.jp2": (lambda path: Image.fromarray(TWELVE).save(path), TWELVE),
    "grey.j2k": (lambda path: Image.fromarray(TWELVE).save(path), TWELVE),
}
for largest in (4095, 65535):
    for plain in (False, True):
        for kind, held in (("pgm", TWELVE), ("ppm", THREE)):
            DEEP_FILES[f"{largest} {'plain' if plain else 'raw'}.{kind}"] = (
                lambda path, held=held, largest=largest, plain=plain: pnm(path, held, largest, plain),
                held,
            )


@pytest.mark.parametrize("name", DEEP_FILES)
def test_all_bits_of_deep_images_pass_through_the_window(tmp_path, name):
    write, values = DEEP_FILES[name]
    path = tmp_path / name
    write(path)
    refused(lambda: pixels.image(path), path, "state a window")
    for low, high in ((0, 4095), (0, 20), (3000, 4050), (2**31, 2**31 + 4095)):
        found = pixels.image(path, window=(low, high))
        assert found.dtype == np.uint8 and np.array_equal(found, expected(values.astype(float), low, high))
    assert pixels.size_of(path) == found.shape[:2] == (6, 8)
    if values is TWELVE:
        assert pixels.image(path, window=(0, 4095))[2, 3] == 249


@pytest.mark.parametrize("name", DEEP_FILES)
def test_deep_files_are_refused_where_8_bits_are_expected(tmp_path, name):
    """As masks of every kind, and in the project's own layout."""
    path = tmp_path / name
    DEEP_FILES[name][0](path)
    refused(lambda: pixels.mask(path, path, above=0), path, "-bit values; 8 bits")
    refused(lambda: pixels.picture(path), path)
    refused(lambda: cases.decode(path), path)


def test_16_bits_are_refused_in_the_own_layout(folder):
    png16(folder / "images" / "c01-0.png", np.zeros((24, 32, 3), np.uint16), None)
    refused(lambda: cases.read(folder), "cases.csv row 4", "c01-0.png", "16-bit")


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (7, 9), (40, 31)])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_filtered_pngs_of_16_bits_match_another_decoder(tmp_path, shape, channels):
    """All five filters, by the equations of the PNG standard (9.2), row after row; random values."""
    generator = np.random.default_rng(0)
    values = generator.integers(0, 65536, (*shape, channels), dtype=np.uint16)
    if channels != 3:
        values[..., -1] = 65535
    stride, before, rows = 2 * channels, np.zeros(2 * channels * shape[1], int), b""
    for at, row in enumerate(values):
        row = np.frombuffer(row.astype(">u2").tobytes(), np.uint8).astype(int)
        left, corner = (np.concatenate([np.zeros(stride, int), line[:-stride]]) for line in (row, before))
        guess = left + before - corner
        nearest = np.argmin([abs(guess - left), abs(guess - before), abs(guess - corner)], axis=0)
        paeth = np.choose(nearest, [left, before, corner])
        filtered = [row, row - left, row - before, row - (left + before) // 2, row - paeth][at % 5]
        rows += bytes([at % 5]) + (filtered % 256).astype(np.uint8).tobytes()
        before = row
    head = struct.pack(">IIBBBBB", shape[1], shape[0], 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    path, packed = tmp_path / "view.png", zlib.compress(rows)
    parts = [(b"IHDR", head), (b"IDAT", packed[:9]), (b"IDAT", packed[9:]), (b"IEND", b"")]
    path.write_bytes(rasters.PNG_MARK + b"".join(chunk(*part) for part in parts))
    wanted = values[..., 0] if channels == 2 else values[..., :3]
    assert np.array_equal(rasters.read(path), wanted)
    with Image.open(path) as opened:  # Pillow keeps the high bytes
        assert np.array_equal(np.array(opened.convert("RGB"))[..., 0], wanted.reshape(*shape, -1)[..., 0] >> 8)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (8, 8), (13, 11)])
def test_interlaced_pngs_of_16_bits_are_read(tmp_path, shape):
    """The seven passes of Adam7 as the standard draws them (8.2)."""
    drawn = ["16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656", "77777777"]
    values = np.random.default_rng(0).integers(0, 65536, (*shape, 3), dtype=np.uint16)
    rows = b""
    for number in "1234567":
        for row in range(shape[0]):
            columns = [column for column in range(shape[1]) if drawn[row % 8][column % 8] == number]
            if columns:
                rows += b"\0" + values[row, columns].astype(">u2").tobytes()
    head = struct.pack(">IIBBBBB", shape[1], shape[0], 16, 2, 0, 0, 1)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    (tmp_path / "view.png").write_bytes(rasters.PNG_MARK + b"".join(chunk(*part) for part in parts))
    assert np.array_equal(rasters.read(tmp_path / "view.png"), values)


def half_transparent(path, values, **options):
    values = np.dstack([values, np.where(TWELVE == SPOT, 65535, 500).astype(np.uint16)])
    tiff16(path, values, extrasamples=["unassalpha"], **options)


def with_tag(path, code, value):
    """Change a SHORT in the first directory of a little-endian TIFF."""
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        struct.pack_into("<H", content, file.pages[0].tags[code].valueoffset, value)
    path.write_bytes(content)


def lzw_colours(path):
    tiff16(path, THREE)
    with_tag(path, 259, 5)


def not_a_number(path):
    tiff16(path, np.where(TWELVE == SPOT, np.nan, 1.0).astype(np.float32))


def over_the_largest(path):
    pnm(path, TWELVE, 300)


def dark_palette(path):
    palette16(path)
    table = np.tile(np.arange(256, dtype=np.uint16), (3, 1))
    tifffile.imwrite(path, np.zeros((6, 8), np.uint8), photometric="palette", colormap=table, metadata=None)


DEEP_REFUSED = {
    "transparent.png": (lambda path: png16(path, TWELVE, 500), "transparent"),
    "transparent colours.png": (lambda path: png16(path, THREE, 500), "transparent"),
    "transparent.tif": (lambda path: half_transparent(path, TWELVE, photometric="minisblack", planarconfig="contig"), "transparent"),
    "transparent colours.tif": (lambda path: half_transparent(path, THREE), "transparent"),
    "lzw.tif": (lzw_colours, "LZW"),
    "cmyk.tif": (
        lambda path: tiff16(path, np.dstack([THREE, TWELVE]), photometric="separated"),
        "16-bit values in 4 channels",
    ),
    "white float.tif": (lambda path: tiff16(path, TWELVE.astype(np.float32), **WHITE), "white"),
    "int8.tif": (lambda path: tiff16(path, GREY.astype(np.int8)), "signed"),
    "nan.tif": (not_a_number, "no numbers"),
    "over.pgm": (over_the_largest, "300"),
    "dark palette.tif": (dark_palette, "palette"),
    "colours.jp2": (lambda path: None, "JPEG 2000"),
}


def deep_jpeg2000(path):
    """The header alone says 12 bits in three channels."""
    Image.fromarray(COLOUR).save(path)
    content = path.read_bytes()
    at = content.index(b"\xff\x4f\xff\x51") + 42
    path.write_bytes(content[:at] + bytes([11, 1, 1] * 3) + content[at + 9 :])


@pytest.mark.parametrize("name", DEEP_REFUSED)
def test_deep_images_that_cannot_be_read_are_named(tmp_path, name):
    write, message = DEEP_REFUSED[name]
    path = tmp_path / name
    (deep_jpeg2000 if name.endswith("jp2") else write)(path)
    refused(lambda: pixels.image(path, window=(0, 4095)), path, message)


@pytest.mark.parametrize("dtype, window", [(np.uint8, None), (np.uint16, (0, 255))])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"compression": "zlib"}])
def test_white_is_zero_is_shown_right(tmp_path, dtype, window, photometric, options):
    shown = np.full((6, 8), 21, dtype)
    shown[2:4, 3:6] = 240
    stored = shown if photometric == "minisblack" else np.iinfo(dtype).max - shown
    tiff16(tmp_path / "view.tif", stored, photometric=photometric, **options)
    assert np.array_equal(pixels.image(tmp_path / "view.tif", window=window), shown)


def test_white_is_zero_masks_are_drawn_right(tmp_path):
    drawn = GREY > 99
    tiff16(tmp_path / "mask.tif", np.where(drawn, 0, 255).astype(np.uint8), **WHITE)
    assert np.array_equal(pixels.mask(tmp_path / "mask.tif", kept(tmp_path, GREY)), drawn)


def test_palettes_of_8_bit_colours_in_tiff_are_looked_up(tmp_path):
    colours = np.stack([np.arange(256), 255 - np.arange(256), np.arange(256) // 2]).astype(np.uint16)
    for factor in (256, 257):
        path = tmp_path / f"{factor}.tif"
        tifffile.imwrite(path, GREY, photometric="palette", colormap=colours * np.uint16(factor), metadata=None)
        assert np.array_equal(pixels.image(path), np.moveaxis(colours[:, GREY], 0, -1))


FRAMES = [Image.fromarray(np.where(GREY > level, 255, 0).astype(np.uint8)) for level in (50, 99, 150)]


def stacked(path, **options):
    FRAMES[0].save(path, save_all=True, append_images=FRAMES[1:], **options)


def imagej(path):
    tifffile.imwrite(path, np.stack([np.array(frame) for frame in FRAMES]), imagej=True)


def counted_in_the_description(path):
    """One directory, whose description counts three planes: their pixels follow the first's."""
    tifffile.imwrite(path, np.stack([np.array(frame) for frame in FRAMES]), photometric="minisblack", truncate=True)


SEVERAL = {
    "stack.tif": (stacked, "3 pages"),
    "stack deflated.tif": (lambda path: stacked(path, compression="tiff_deflate"), "3 pages"),
    "imagej.tif": (imagej, "3 pages"),
    "counted.tif": (counted_in_the_description, "3 pages"),
    "stack.gif": (stacked, "3 frames"),
    "stack.png": (stacked, "3 frames"),
    "stack.webp": (lambda path: stacked(path, lossless=True), "3 frames"),
    "stack.mpo": (stacked, "3 frames"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_pages_or_frames_are_refused(tmp_path, name):
    write, count = SEVERAL[name]
    path = tmp_path / name
    write(path)
    for call in (pixels.image, pixels.picture, cases.decode):
        refused(lambda: call(path), path, count)
    refused(lambda: pixels.mask(path, kept(tmp_path, GREY)), path, count)


def test_pages_of_other_sizes_that_are_no_pyramid_are_refused(tmp_path):
    large, small = np.zeros((60, 80), np.uint8), np.zeros((40, 30), np.uint8)
    for name, pages in {"grows": [small, large], "differs": [large, small]}.items():
        path = tmp_path / f"{name}.tif"
        for at, page in enumerate(pages):
            tifffile.imwrite(path, page, append=at > 0, metadata=None)
        refused(lambda: pixels.image(path), path, "2 pages")


@pytest.mark.parametrize("shape", [(64, 96), (63, 95), (64, 96, 3)])
@pytest.mark.parametrize("within", [True, False])
def test_pyramids_are_read_at_their_full_size(tmp_path, shape, within):
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "slide.tif") as file:
        file.write(values, subifds=2 if within else 0, metadata=None)
        for step in (2, 4):
            file.write(values[::step, ::step], subfiletype=1 if within else 0, metadata=None)
    assert np.array_equal(pixels.image(tmp_path / "slide.tif"), values)
    assert pixels.size_of(tmp_path / "slide.tif") == shape[:2]


def test_a_reduced_copy_in_front_of_the_image_is_refused(tmp_path):
    """As raw files of cameras begin."""
    with tifffile.TiffWriter(tmp_path / "raw.tif") as file:
        file.write(GREY, subifds=1, subfiletype=1, metadata=None)
        file.write(np.zeros((60, 80), np.uint8), metadata=None)
    refused(lambda: pixels.image(tmp_path / "raw.tif"), tmp_path / "raw.tif", "reduced copy")


def test_a_photograph_with_a_preview_is_read(tmp_path):
    large, preview = Image.fromarray(np.tile(COLOUR, (4, 4, 1))), Image.fromarray(COLOUR)
    path = tmp_path / "photo.jpg"
    large.save(path, "MPO", save_all=True, append_images=[preview])
    with Image.open(path) as opened:
        assert opened.n_frames == 2
        wanted = np.array(opened)
    assert np.array_equal(pixels.image(path), wanted) and pixels.size_of(path) == wanted.shape[:2]


@pytest.mark.parametrize("call", [pixels.image, pixels.picture, cases.decode])
def test_any_flipped_bit_of_a_png_is_found(tmp_path, call):
    path = kept(tmp_path, GREY)
    whole = path.read_bytes()
    for at in range(8 * len(rasters.PNG_MARK), 8 * len(whole)):
        damaged = bytearray(whole)
        damaged[at // 8] ^= 1 << at % 8
        path.write_bytes(damaged)
        refused(lambda: call(path), path)
    path.write_bytes(whole + b"what some programs append")
    call(path)


@pytest.mark.parametrize("name", ["images/c01-0.png", "regions/mass/c01-0.png"])
def test_a_wrong_checksum_is_found_in_the_own_layout(folder, name):
    whole = (folder / name).read_bytes()
    for at in (whole.index(b"IDAT") + 12, whole.index(b"IEND") - 5):
        (folder / name).write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        refused(lambda: cases.read(folder), "cases.csv row 4", name, "checksum")


NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
CUT = {
    "a.png": {},
    "a.jpg": {},
    "a.bmp": {},
    "a.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "a.gif": {},
    "a.webp": {"lossless": True},
    "a.ppm": {},
    "a.jp2": {},
}


@pytest.mark.parametrize("name", [*CUT, "deep.tif", "deep.png", "deep.ppm"])
def test_a_file_that_is_cut_is_refused_or_read_in_full(tmp_path, name):
    path = tmp_path / name
    if name.startswith("deep"):
        deep = NOISE.astype(np.uint16) * 257
        {"tif": tiff16, "png": png16, "ppm": lambda path, values: pnm(path, values, 65535)}[name[5:]](path, deep)
    else:
        kept(tmp_path, NOISE, name, **CUT[name])
    whole, wanted = path.read_bytes(), pixels.image(path, window=(0, 65535))
    for end in np.random.default_rng(1).integers(0, len(whole), 25):
        path.write_bytes(whole[:end])
        try:
            assert np.array_equal(pixels.image(path, window=(0, 65535)), wanted)
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error)


def test_huge_images_are_refused_before_they_are_decoded(tmp_path):
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    content = rasters.PNG_MARK + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    path = tmp_path / "bomb.png"
    path.write_bytes(content)
    refused(lambda: pixels.image(path), path, "10000000000 pixels")


def test_formats_that_are_not_understood_are_refused(tmp_path):
    for name in ("view.tga", "view.ico", "view.eps", "view.sgi"):
        path = kept(tmp_path, COLOUR, name)
        refused(lambda: pixels.image(path), path, "not an image that can be read")


@pytest.mark.parametrize("opacity", [255, 0])
def test_palettes_with_alpha_are_read_where_they_are_opaque(tmp_path, opacity):
    image = Image.fromarray(GREY).convert("P")
    path = kept(tmp_path, image, transparency=bytes([255] * 20 + [opacity] * 236))
    if opacity:
        assert np.array_equal(pixels.image(path), np.dstack([GREY] * 3))
    else:
        refused(lambda: pixels.image(path), path, "transparent")
        refused(lambda: pixels.mask(path, path), path, "transparent")


@pytest.mark.parametrize("place, image", [("images", GREY), ("regions/mass", GREY)])
def test_transparent_values_are_refused_in_the_own_layout(folder, place, image):
    path = folder / place / "c01-0.png"
    with Image.open(path) as opened:
        opened.load()
    opened.save(path, transparency=int(np.array(opened)[3, 3]))
    refused(lambda: cases.read(folder), "cases.csv row 4", path, "transparent")


NAMES = {"a": (255, 0, 0), "b": (0, 255, 0)}


def test_colours_of_masks_must_be_opaque_and_of_8_bits():
    red = Image.new("RGB", (4, 3), (255, 0, 0))
    assert annotations.colours(red, NAMES)["a"].all()
    assert annotations.colours(red.convert("RGBA"), NAMES)["a"].all()
    for image in (red.convert("CMYK"), Image.new("I;16", (4, 3), 40000), Image.new("RGBA", (4, 3), (255, 0, 0, 9))):
        refused(lambda: annotations.colours(image, NAMES), "the mask has")


def test_class_codes_of_fewer_bits_would_be_stretched(tmp_path):
    """Code 1 in 4 bits is grey value 17 in 8, and 17 may be another class."""
    rows = b"".join(b"\0" + bytes([0x01, 0x23]) for _ in range(2))
    head = struct.pack(">IIBBBBB", 4, 2, 4, 0, 0, 0, 0)
    path = tmp_path / "codes.png"
    path.write_bytes(
        rasters.PNG_MARK + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    assert np.array_equal(pixels.image(path), [[0, 17, 34, 51]] * 2)
    refused(lambda: annotations.codes(pixels.picture(path), {0: "a", 17: "b", 34: "c", 51: "d"}), "4-bit")


def test_images_that_show_hardly_anything_are_found():
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (50, 60), dtype=np.uint8)
    rare = np.full((100, 100), 30, np.uint8)
    rare.flat[:99] = 200
    common = rare.copy()
    common.flat[:150] = 200
    flat = [np.zeros((5, 5), np.uint8), noise // 15, 255 - noise // 15, rare, np.where(noise > 9, 255, 0), 255 * (noise > 99)]
    seen = [noise, noise // 14, common, np.dstack([noise // 15, noise // 15, noise]), np.dstack([noise] * 3)]
    assert all(rasters.nearly_constant(image.astype(np.uint8)) for image in flat)
    assert rasters.nearly_constant(np.dstack([noise // 15, 200 + noise // 15, noise // 15]))
    assert not any(rasters.nearly_constant(image.astype(np.uint8)) for image in seen)


def test_images_that_show_hardly_anything_are_named(folder, capsys):
    cases.read(folder)
    assert capsys.readouterr().err == ""
    for name in ("c01-1", "c03-0"):
        Image.fromarray(np.full((24, 32), 7, np.uint8)).save(folder / "images" / f"{name}.png")
    found = cases.read(folder)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "2 of 12 images" in said and "c01-1" in said
    assert cases.nearly_constant_cases(found) == ["c01-1", "c03-0"]
