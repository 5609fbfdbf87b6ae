"""What the settings of a study get wrong by themselves, said before an image is read."""

import difflib
import itertools
from collections.abc import Mapping, Sequence

from regard.claims.papers import PUBLISHED
from regard.core import project
from regard.data import reference_regions
from regard.pipeline.targets import targets

STAGES = ("prepare", "train", "attribute", "select", "examine", "compare", "clusters", "units")
STUDY = ("like", "root", "published", "profiles")  # what a study says beside its stages


def shape(params: Mapping) -> None:
    """Raise KeyError or ValueError when params.yaml lacks a block, has one that nothing reads, or
    holds no block where one belongs."""
    top = {"profile", "seed", "profiles", "studies", *STAGES}
    _known(params, top, "", "block")
    if missing := sorted(top - set(params)):
        raise KeyError(
            f"params.yaml has no block {missing[0]!r}; the committed file shows what belongs there"
        )
    for name in ("profiles", "studies", *STAGES):
        _is_block(params[name], name)
    if not params["studies"]:
        raise ValueError("params.yaml: `studies` names no study")
    if not isinstance(params["profile"], str):
        raise ValueError(
            f"params.yaml: `profile` must be the name of a profile, not {params['profile']!r:.100}"
        )
    if (
        isinstance(params["seed"], bool)
        or not isinstance(params["seed"], int)
        or params["seed"] < 0
    ):
        raise ValueError(
            f"params.yaml: `seed` must be a whole number, 0 or more, not {params['seed']!r:.100}"
        )
    overrides = {
        f"profiles, {name}": blocks
        for name, blocks in params["profiles"].items()
        if blocks is not None
    }
    for name, entries in params["studies"].items():
        overrides |= _overrides(name, entries)
    for where, blocks in overrides.items():
        _is_block(blocks, where)
        _known(blocks, {*STAGES}, where)
        for stage, block in blocks.items():
            _is_block(block, f"{where}, {stage}")
            _known(block, {*params[stage]}, f"{where}, {stage}")


def _overrides(name: str, entries: Mapping | None) -> dict[str, Mapping]:
    """The blocks of stages that a study sets, and each of its profiles, by where they stand.

    Raises KeyError or ValueError for an empty study and for entries that nothing reads.
    """
    if entries is None:
        raise ValueError(
            f"params.yaml: study {name!r} is empty; it needs a `root`, or another study it is "
            "`like`"
        )
    _is_block(entries, f"study {name!r}")
    if not isinstance(entries.get("like", ""), str | None):
        raise ValueError(
            f"params.yaml: study {name!r}: `like` must be the name of a study, not "
            f"{entries['like']!r:.100}"
        )
    _known(
        entries,
        {*STAGES, *STUDY, *project.COMMON, *itertools.chain(*project.TOLD.values())},
        f"study {name!r}",
    )
    found = {f"study {name!r}": {stage: entries[stage] for stage in STAGES if stage in entries}}
    own = entries.get("profiles", {})
    _is_block(own, f"study {name!r}, profiles")
    return found | {
        f"study {name!r}, profiles, {profile}": blocks
        for profile, blocks in own.items()
        if blocks is not None
    }


def _is_block(value: object, where: str) -> None:
    if not isinstance(value, Mapping):
        hint = (
            "is empty: take the line out, or indent what belongs to it"
            if value is None
            else f"is {value!r:.100}"
        )
        raise ValueError(f"params.yaml: {where} {hint}, where a block of names and values belongs")


def _known(entries: Mapping, allowed: set[str], where: str, called: str = "knob") -> None:
    """Raise KeyError for an entry that no stage reads: misspelt, it would quietly leave a default
    as it is."""
    for name in entries:
        if name not in allowed:
            close = difflib.get_close_matches(str(name), sorted(allowed), n=1)
            hint = (
                f"did you mean {close[0]!r}?"
                if close
                else f"known are {', '.join(sorted(allowed))}"
            )
            raise KeyError(
                f"params.yaml{f': {where}' if where else ''} has no {called} {name!r}; {hint}"
            )


def study(name: str, params: dict | None = None) -> None:
    """Raise KeyError or ValueError, in one sentence, when settings of a study of params.yaml are
    none, or contradict each other, in the profile that is set or in another one."""
    params = project.parameters() if params is None else params
    shape(params)
    for profile in dict.fromkeys([params["profile"], *params["profiles"]]):
        try:
            _profile(name, params | {"profile": profile})
        except (ValueError, KeyError) as error:
            if profile == params["profile"]:
                raise
            raise type(error)(f"{error.args[0]} [in the profile {profile!r}]") from error
        except FileNotFoundError:  # what another profile reads may come later
            if profile == params["profile"]:
                raise


def _profile(name: str, params: dict) -> None:
    """The same of one profile."""
    from regard.pipeline import knobs  # which no stage but one needs

    told = {stage: project.settings(name, stage, params) for stage in STAGES}
    for stage in STAGES:
        knobs.check(told[stage], stage)
    classes, _ = targets(told["prepare"])
    attribution(told["attribute"], told["train"]["pool"])
    named_layers(name, params)
    selection(told["select"], told["attribute"])
    comparison(told["compare"], told["prepare"])
    endpoint(told["compare"], told["prepare"], told["select"], told["attribute"])
    for stage in ("units", "clusters"):
        _target(told[stage], stage, classes)
    if name in params["units"]["studies"] and (survey := told["units"]["survey"]):
        _table(survey, f"study {name!r}, units: there is no `survey`")
    for stage in ("units", "clusters"):
        if unknown := [each for each in params[stage]["studies"] if each not in params["studies"]]:
            raise ValueError(
                f"params.yaml: {stage}: `studies` names {unknown[0]!r}, which is no study of this "
                "file"
            )


def _target(settings: Mapping, stage: str, classes: Sequence[str]) -> None:
    """Raise ValueError when a stage is to explain another class or finding than those that the
    network tells apart."""
    if (
        settings["study"] in settings["studies"]
        and settings["target"]
        and settings["target"] not in classes
    ):
        where = f"params.yaml: study {settings['study']!r}, {stage}:"
        raise ValueError(
            f"{where} `target` is {settings['target']!r}; known are {', '.join(classes)}"
        )


def _table(path: str, missing: str) -> None:
    if not (project.root() / path).is_file():
        raise FileNotFoundError(f"params.yaml: {missing} {path}")


def comparison(settings: Mapping, prepare: Mapping) -> None:
    """Raise ValueError, KeyError or FileNotFoundError for regions, factors, tolerances, a table and
    a paper that there are not. settings: of the stage compare; prepare: of that stage."""
    from regard.data import letterbox
    from regard.evaluation import localisation  # which no stage but one needs

    name = settings["study"]
    known = reference_regions.names(prepare["regions"], prepare["structures"])
    if settings["together"]:
        reference_regions.check_parts(
            settings["together"], known, f"study {name!r}, compare, together"
        )
    if settings["around"] and prepare["regions"] != "mass":
        raise ValueError(
            f"params.yaml: study {name!r}, compare: `around` is for `regions: mass`, not "
            f"{prepare['regions']!r}"
        )
    localisation.around({key: prepare[key] for key in localisation.KNOBS}, settings["around"])
    for tolerance in settings["tolerances"]:
        localisation.tolerance_in_pixels(tolerance, letterbox.letterbox(1, 1, 1), None)
    if settings["readings"]:
        _table(settings["readings"], f"study {name!r}, compare: there is no table `readings`")
    if settings["published"] and settings["published"] not in PUBLISHED:
        raise KeyError(
            f"params.yaml: study {name!r} has published {settings['published']!r}; known are "
            f"{', '.join(PUBLISHED)}"
        )


def endpoint(settings: Mapping, prepare: Mapping, select: Mapping, attribute: Mapping) -> None:
    """Raise ValueError for a primary endpoint that is none of the comparisons of pairs.csv.
    settings: of the stage compare; prepare, select, attribute: of those stages."""
    primary, rules, maps = settings["primary"], list(select["selections"]), maps_of(attribute)
    known = {
        "score": ["pointing", "mass", "iou"],
        "region": ["", prepare["expert"], settings["together"]],
        "stratum": ["all", "correct"],
        "selection": [""]
        if primary["score"] != "iou"
        else [*rules, ""]
        if primary.get("method")
        else rules,
        "method": ["", *maps],
        "first": [*maps, *rules],
        "second": [*maps, *rules],
    }
    for name, values in known.items():
        if name in primary and primary[name] not in values:
            may = " or ".join(map(repr, dict.fromkeys(values)))
            raise ValueError(
                f"params.yaml: study {settings['study']!r}, compare: `primary.{name}` is "
                f"{primary[name]!r:.100}, "
                f"of which nothing is compared; beside score {primary['score']!r} it may be {may}"
            )


def named_layers(name: str, params: dict) -> None:
    """Raise ValueError when a study names a layer that its network has not."""
    from regard.pipeline import layers  # which no stage but one needs

    attribute, train, clusters = (
        project.settings(name, stage, params) for stage in ("attribute", "train", "clusters")
    )
    layers.check(attribute, train, clusters if name in params["clusters"]["studies"] else None)


def attribution(settings: Mapping, pool: str) -> None:
    """Raise ValueError for a method, preset, null map or parameter that there is not: said here,
    and not after a network was trained. settings: of the stage attribute; pool: the network's."""
    from regard.attribution import (  # takes seconds
        METHODS,
        NULLS,
        PERTURBATION,
        PRESETS,
        check_parameters,
    )
    from regard.pipeline import knobs

    where = f"params.yaml: study {settings['study']!r}, attribute:"
    for knob, known in (("methods", METHODS), ("presets", PRESETS), ("nulls", NULLS)):
        for name in settings[knob]:
            if (name.split("@")[0] if knob == "methods" else name) not in known:
                raise ValueError(f"{where} `{knob}` has no {name!r}; known are {', '.join(known)}")
    for knob, known in (("methods", METHODS), ("nulls", NULLS)):
        for name, parameters in settings[knob].items():
            if not isinstance(parameters, Mapping):
                raise ValueError(
                    f"{where} {name!r} must be a block of parameters, {{}} for none, not "
                    f"{parameters!r}"
                )
            check_parameters(f"{where} {name!r}", known[name.split("@")[0]], parameters)
            knobs.check_parameters(f"{where} {name!r}", parameters)
    if any(name.split("@")[0] == "cam" for name in settings["methods"]) and pool != "avg":
        raise ValueError(
            f"{where} cam needs `pool: avg`, not {pool!r}; leave it out with `methods: {{cam: "
            f"null}}`"
        )
    names = [name for name in maps_of(settings) if name not in settings["nulls"]]
    for name in names:
        if names.count(name) > 1 or name.endswith("@"):
            raise ValueError(
                f"{where} {name!r} needs a label of its own behind the @, which no preset has"
            )
    for name in settings["tuned"]:
        if name not in names:
            raise ValueError(
                f"{where} `tuned` has no map {name!r}; those of this study are {', '.join(names)}"
            )
        if name.split("@")[0] in PERTURBATION and settings["subset"]:
            raise ValueError(
                f"{where} {name!r} explains a subset of the cases and cannot be `tuned`; set "
                "`subset: 0`"
            )


def maps_of(attribute: Mapping) -> list[str]:
    """The names of a study's maps; attribute: the settings of that stage."""
    from regard.attribution import PRESETS

    presets = [
        f"{method}@{preset}" for preset in attribute["presets"] for method in PRESETS[preset]
    ]
    return [*attribute["methods"], *attribute["nulls"], *presets]


def selection(settings: Mapping, attribute: Mapping) -> None:
    """Raise ValueError for a selection, sweep, parameter or map that there is not. settings: of the
    stage select; attribute: of that stage."""
    from regard.pipeline import knobs
    from regard.selection import variants

    where = f"params.yaml: study {settings['study']!r}, select:"
    maps = maps_of(attribute)
    for name, parameters in settings["selections"].items():
        if isinstance(parameters, Mapping):
            knobs.check_parameters(f"{where} {name!r}", parameters)
    for name in settings["swept"]:
        if name not in maps:
            raise ValueError(
                f"{where} `swept` has no map {name!r}; those of this study are {', '.join(maps)}"
            )
    try:
        found = variants(settings["selections"], settings["sweep"])
    except ValueError as error:
        raise ValueError(f"{where} {error}") from error
    for label, variant in found.items():
        knobs.check_parameters(f"{where} {label!r}", variant["parameters"])
