"""Readers of published data sets, one file each: READERS[name](folder) -> Cases."""

from pathlib import Path

from regard import cases
from regard.datasets import busi

READERS = {"busi": busi.read}


def bring_in(name: str, source: Path | str, target: Path | str) -> cases.Cases:
    """Read the published set `name` from `source` and write it to `target` in the layout of `regard.cases`.

    The written set is read back and checked before it is returned; `source` is never changed, and running it again
    changes nothing. Raises ValueError for an unknown name, for a target inside the source or that holds anything else,
    and what the reader raises.
    """
    if name not in READERS:
        raise ValueError(f"no reader for {name!r}; known are {', '.join(READERS)}")
    source, target = Path(source), Path(target)
    if not source.is_dir():
        raise FileNotFoundError(f"no folder {source}")
    if target.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(target.resolve()):
        raise ValueError(
            f"target {target} and source {source} must not lie in one another: the source is never changed"
        )
    if target.exists() and any(target.iterdir()) and not (target / "cases.csv").is_file():
        raise ValueError(f"target {target} holds something that is not a set of cases; give an empty or a new folder")
    cases.write(READERS[name](source), target)
    return cases.read(target)
