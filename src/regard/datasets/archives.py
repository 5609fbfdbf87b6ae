"""Published archives, unpacked where nothing of them can leave its folder."""

import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@contextmanager
def unpacked(source: Path, beside: Path) -> Iterator[Path]:
    """A folder with the content of `source`: itself when it is a folder, else unpacked beside `beside` and removed after.

    An archive that holds a single folder and nothing else stands for that folder. Raises FileNotFoundError for a missing
    source, ValueError for a file that is no archive, a damaged one, and one with a member that is a link, a device or
    would leave the folder.
    """
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise FileNotFoundError(f"no folder or archive {source}")
    if not source.name.lower().endswith(SUFFIXES):
        raise ValueError(f"{source} is neither a folder nor an archive ({', '.join(SUFFIXES)})")
    beside.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{beside.name}.", dir=beside.parent) as scratch:
        folder = Path(scratch)
        try:
            _unzip(source, folder) if source.name.lower().endswith(".zip") else _untar(source, folder)
        except Exception as error:  # what is damaged makes the decoders raise whatever they meet
            said = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{source} cannot be unpacked: {said}") from None
        shutil.rmtree(folder / "__MACOSX", ignore_errors=True)
        entries = list(folder.iterdir())
        yield entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _unzip(source: Path, folder: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            _check(member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise ValueError(f"it holds the link {member.filename!r}, which is not unpacked")
        archive.extractall(folder)


def _untar(source: Path, folder: Path) -> None:
    with tarfile.open(source) as archive:
        for member in archive:
            _check(member.name)
            if not (member.isfile() or member.isdir()):
                raise ValueError(f"it holds {member.name!r}, which is neither a file nor a folder")
        archive.extractall(folder, filter="data")
        archive.fileobj.seek(archive.offset)
        after = archive.fileobj.read(tarfile.BLOCKSIZE)
        if not after or after.strip(b"\0"):  # tarfile takes a broken header for the end
            raise tarfile.ReadError("a member is cut off or damaged")
        while archive.fileobj.read(1 << 20):  # to the end, where the checksum is
            pass


def _check(name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise ValueError(f"it holds {name!r}, which would be written outside its folder")
