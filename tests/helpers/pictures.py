"""Image files of many kinds, written for the tests of their readers."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from regard.data.inputs import png

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


COLOUR = np.dstack([GREY, GREY[::-1], 255 - GREY])


DEEP = np.arange(48, dtype=np.uint16).reshape(6, 8) * 500


def kept(folder, image, name="view.png", **options):
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        folder / name, **options
    )
    return folder / name


def refused(call, *parts, error=ValueError):
    """One line that holds all `parts`, the name of the file among them."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error and "\n" not in str(caught.value)
    assert all(str(part) in str(caught.value) for part in parts), caught.value


def dicom(path, values, **tags):
    """A grey DICOM file of 12 stored bits, little endian, not compressed; `tags` replace or (None)
    remove its own.
    """
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
        "HighBit": (tags.get("BitsStored") or 12) - 1,
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


def orientation(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SPOT, GROUND = 4000, 17


TWELVE = np.full((6, 8), GROUND, np.uint16)
TWELVE[2:4, 3:6] = SPOT
TWELVE[0, :5] = [0, 1, 255, 256, 4095]
THREE = np.dstack([TWELVE, TWELVE // 2, 4095 - TWELVE])


def png16(path, values, alpha=65535):
    """A PNG of 16 bits, not filtered: of grey (H, W) or colour (H, W, 3) values and, unless None,
    an alpha channel.
    """
    values = np.atleast_3d(values)
    if alpha is not None:
        values = np.dstack([values, np.broadcast_to(np.uint16(alpha), values.shape[:2])])
    height, width, channels = values.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    path.write_bytes(
        png.MARK + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def tiff16(path, values, **options):
    shape = {"photometric": "minisblack" if values.ndim == 2 else "rgb"} | options
    tifffile.imwrite(path, values, metadata=None, **shape)


def pnm(path, values, largest, plain=False):
    magic = {(2, True): "P2", (3, True): "P3", (2, False): "P5", (3, False): "P6"}[
        values.ndim, plain
    ]
    head = f"{magic}\n# a remark\n{values.shape[1]} {values.shape[0]}\n{largest}\n".encode()
    text = b"# another\n" + " ".join(map(str, values.ravel().tolist())).encode()
    path.write_bytes(head + (text if plain else values.astype(">u2").tobytes()))
