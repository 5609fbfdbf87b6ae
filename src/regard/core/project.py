"""The project folder and its parameters: where it is, what params.yaml says for one study and one
stage.
"""

import copy
import re
from pathlib import Path


def root(start: Path | str = ".") -> Path:
    """The nearest folder at or above `start` that holds `dvc.yaml`.

    Raises FileNotFoundError when there is none.
    """
    start = Path(start).resolve()
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise FileNotFoundError(
        f"no dvc.yaml in {start} or above it: run this inside a clone of the project"
    )


def parameters(folder: Path | None = None) -> dict:
    """params.yaml as a dictionary. Raises ValueError as `strict_yaml.read` does, and for a file
    that holds no block.
    """
    # here, so that no stage depends on it: what it reads stands in build/settings
    from regard.core import strict_yaml

    found = strict_yaml.read((folder or root()) / "params.yaml")
    if not isinstance(found, dict):
        raise ValueError(
            "params.yaml holds no settings: it must begin with `profile:`, as the committed file "
            "does"
        )
    return found


def _merge(base: dict, change: dict) -> dict:
    """`base` with the entries of `change`: nested blocks merged, lists replaced, entries that are
    null removed.
    """
    merged = copy.deepcopy(base)
    for key, value in change.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if nested else value
    return {key: value for key, value in merged.items() if value is not None}


def study(name: str, params: dict | None = None) -> dict:
    """All settings of one study.

    The stage blocks are overridden by the profile, by what the study is `like`, and by the study;
    each of the last two may have entries for the profile (`profiles`). A study with another
    backbone than what it is `like` does not inherit names of that backbone's layers (see
    `layers.without_foreign`).

    Parameters
    ----------
    name : str
    params : dict, optional
        As from `parameters`, which is read by default.

    Returns
    -------
    dict

    Raises
    ------
    KeyError
        For an unknown study or profile.
    ValueError
        For a circular `like`, and for a study that sets the profile.
    """
    # here, so that no stage depends on it: what it changes stands in build/settings
    from regard.core import layers

    params = parameters() if params is None else params
    studies, profile = params["studies"], params["profile"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", str(name)):
        raise ValueError(
            f"params.yaml: study {name!r} must be made of letters, digits, '_' and '-'"
        )
    if profile not in params["profiles"]:
        raise KeyError(
            f"params.yaml: profile {profile!r} is not one of {sorted(params['profiles'])}"
        )
    settings = {key: value for key, value in params.items() if key not in ("studies", "profiles")}
    settings = _merge(settings, params["profiles"][profile] or {})
    for current in reversed(_chain(name, studies)):
        entries = dict(studies[current] or {})
        entries.pop("like", None)
        own = entries.pop("profiles", None) or {}
        if unknown := sorted(set(own) - set(params["profiles"])):
            raise KeyError(
                f"params.yaml: study {current!r} has no profile {unknown[0]!r}; known are "
                f"{sorted(params['profiles'])}"
            )
        for change in (entries, own.get(profile) or {}):
            settings = _merge(layers.without_foreign(settings, change), change)
    return settings


def _chain(name: str, studies: dict) -> list[str]:
    """A study, what it is `like`, and so on."""
    chain: list[str] = []
    current: str | None = name
    while current is not None:
        if current not in studies:
            raise KeyError(f"params.yaml: no study {current!r}; known are {sorted(studies)}")
        if current in chain:
            raise ValueError(
                f"params.yaml: study {name!r} is `like` itself, by way of {' -> '.join(chain)}"
            )
        chain.append(current)
        entries = studies[current] or {}
        if "profile" in entries:
            raise ValueError(
                f"params.yaml: study {current!r} must not set `profile`, which holds for all "
                "studies"
            )
        current = entries.get("like")
    return chain


COMMON = ("root", "seed", "profile")  # settings of a study that all of its stages have
TOLD = {"compare": ("published",)}  # and those, if set, that some stages have


def settings(name: str, stage: str, params: dict | None = None) -> dict:
    """The settings of one stage of one study.

    Parameters
    ----------
    name, stage : str
    params : dict, optional
        As from `parameters`, which is read by default.

    Returns
    -------
    dict
        The stage's block of params.yaml, with `study`, the settings in COMMON, and those in TOLD.

    Raises
    ------
    KeyError
        As `study`; for an unknown stage, and for a study without `root`.
    ValueError
        As `study`; for a stage that sets one of the common settings.
    """
    resolved = study(name, params)
    if not isinstance(resolved.get(stage), dict):
        raise KeyError(f"params.yaml: no block for stage {stage!r}")
    if "root" not in resolved:
        raise KeyError(f"params.yaml: study {name!r} has no `root`, the folder of its cases")
    common = {"study": name} | {key: resolved[key] for key in COMMON}
    common |= {key: resolved.get(key, "") for key in TOLD.get(stage, ())}
    if clash := sorted(set(common) & set(resolved[stage])):
        raise ValueError(
            f"params.yaml: block {stage!r} must not set {clash[0]!r}, which belongs to the study "
            "as a whole"
        )
    return common | resolved[stage]
