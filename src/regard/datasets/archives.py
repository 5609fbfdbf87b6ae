"""Published archives, unpacked where nothing of them can leave its folder."""

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from regard.data.inputs import names
from regard.data.inputs.words import quoted

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@contextmanager
def unpacked(source: Path, beside: Path) -> Iterator[Path]:
    """A folder with the content of `source`: itself when it is a folder, else unpacked beside
    `beside` and removed after.

    An archive that holds a single folder and nothing else, but for a file system's own files,
    stands for that folder. Raises FileNotFoundError for a missing source, ValueError for a file
    that is no archive, a damaged one, and one with a member that is a link, a device, would leave
    the folder or would be written over another.
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
            _unzip(source, folder) if source.name.lower().endswith(".zip") else _untar(
                source, folder
            )
        except Exception as error:  # what is damaged makes the decoders raise whatever they meet
            reason = str(error).replace(scratch, str(source)) or type(error).__name__
            raise ValueError(f"{source} cannot be unpacked: {' '.join(reason.split())}") from None
        shutil.rmtree(folder / "__MACOSX", ignore_errors=True)
        entries = names.entries(folder)
        try:
            yield entries[0] if len(entries) == 1 and entries[0].is_dir() else folder
        except (ValueError, FileNotFoundError) as error:
            kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
            raise kind(str(error).replace(scratch, str(source))) from None


def _unzip(source: Path, folder: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            member.filename = _spelled(member)
            _check(member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise ValueError(
                    f"it holds the link {quoted(member.filename)}, which is not unpacked"
                )
        for member in archive.infolist():
            _check_new(folder, member.filename, member.is_dir())
            archive.extract(member, folder)


def _spelled(member: zipfile.ZipInfo) -> str:
    """The name of a member of a zip: Windows may write it with backslashes, and macOS in UTF-8
    without saying so.
    """
    name = member.filename
    if not member.flag_bits & 0x800 and not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _untar(source: Path, folder: Path) -> None:
    with tarfile.open(source) as archive:
        for member in archive:
            _check(member.name)
            if not (member.isfile() or member.isdir()):
                raise ValueError(
                    f"it holds {quoted(member.name)}, which is neither a file nor a folder"
                )
        archive.extractall(folder, filter=_new_member)
        archive.fileobj.seek(archive.offset)
        after = archive.fileobj.read(tarfile.BLOCKSIZE)
        if not after or after.strip(b"\0"):  # tarfile takes a broken header for the end
            raise tarfile.ReadError("a member is cut off or damaged")
        while archive.fileobj.read(1 << 20):  # to the end, where the checksum is
            pass


def _new_member(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    checked = tarfile.data_filter(member, folder)
    _check_new(Path(folder), member.name, member.isdir())
    return checked


def _check_new(folder: Path, name: str, directory: bool) -> None:
    """Refuse a file under a name that is taken, where a file system takes "A.png" and "a.png" for
    one, those too.
    """
    if not directory and os.path.lexists(folder / name):
        raise ValueError(
            f"it holds {quoted(name)} twice, or under another name that is the same in this folder"
        )


def _check(name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise ValueError(f"it holds {quoted(name)}, which would be written outside its folder")
