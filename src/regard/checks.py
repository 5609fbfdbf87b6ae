"""What the settings of a study get wrong by themselves, said before an image is read."""

import difflib
import re
from collections.abc import Mapping, Sequence

from regard import cases, project, regions
from regard.published import PUBLISHED

STAGES = ("prepare", "train", "attribute", "select", "examine", "compare", "clusters", "units")
STUDY = ("like", "root", "published", "profiles")  # what a study says beside its stages
BLANKS = ("ignore", "zeros", "ones")  # what `train.blank` may be; regard.training has what they mean
TAKEN = ("other", "shortcut", "artefact", "finding", "expert")  # names of regions and outlines beside the structures


def study(name: str, params: dict | None = None) -> None:
    """Raise KeyError or ValueError, in one sentence, when settings of a study of params.yaml contradict each other."""
    params = project.parameters() if params is None else params
    knobs(name, params)
    prepare, compare = (project.settings(name, stage, params) for stage in ("prepare", "compare"))
    targets(prepare)
    attribution(project.settings(name, "attribute", params), project.settings(name, "train", params)["pool"])
    named_layers(name, params)
    selection(project.settings(name, "select", params), project.settings(name, "attribute", params))
    explained(project.settings(name, "train", params), project.settings(name, "examine", params))
    if name in params["units"]["studies"]:
        units(project.settings(name, "units", params), targets(prepare)[0])
    if name in params["clusters"]["studies"]:
        clusters(project.settings(name, "clusters", params), targets(prepare)[0])
    known = regions.names(prepare["regions"], prepare["structures"])
    if compare["together"]:
        regions.check_parts(compare["together"], known, f"study {name!r}, compare, together")
    from regard import comparison, geometry  # which no stage but one needs

    if compare["around"] and prepare["regions"] != "mass":
        raise ValueError(
            f"params.yaml: study {name!r}, compare: `around` is for `regions: mass`, not {prepare['regions']!r}"
        )
    comparison.around({key: prepare[key] for key in comparison.KNOBS}, compare["around"])
    for tolerance in compare["tolerances"]:
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float | str):
            raise ValueError(f"params.yaml: study {name!r}, compare: {tolerance!r} is no tolerance")
        comparison.tolerance_in_pixels(tolerance, geometry.letterbox(1, 1, 1), None)
    if compare["readings"] and not (project.root() / compare["readings"]).is_file():
        raise FileNotFoundError(
            f"params.yaml: study {name!r}, compare: there is no table `readings` {compare['readings']}"
        )
    if compare["published"] and compare["published"] not in PUBLISHED:
        raise KeyError(
            f"params.yaml: study {name!r} has published {compare['published']!r}; known are {', '.join(PUBLISHED)}"
        )


def named_layers(name: str, params: dict) -> None:
    """Raise ValueError when a study names a layer that its network has not."""
    from regard import layers  # which no stage but one needs

    attribute, train, clusters = (project.settings(name, stage, params) for stage in ("attribute", "train", "clusters"))
    layers.check(attribute, train, clusters if name in params["clusters"]["studies"] else None)


def explained(train: Mapping, examine: Mapping) -> None:
    """Raise ValueError for a number of patients that is none and for a meaning of blanks that there is not. train, examine: the
    settings of these stages."""
    for stage, knob, meaning, count in (
        ("train", "explained", "test patients", train["explained"]),
        ("train", "explained_cases", "test cases of a patient", train["explained_cases"]),
        ("train", "explained_few", "test cases", train["explained_few"]),
        ("examine", "patients", "test patients", examine["patients"]),
    ):
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(
                f"params.yaml: study {train['study']!r}, {stage}: `{knob}` must be a number of {meaning}, "
                f"0 for {'none' if knob == 'explained_few' else 'all'}, not {count!r}"
            )
    for blank in [train["blank"], *train["blanks"]]:
        if blank not in BLANKS:
            raise ValueError(
                f"params.yaml: study {train['study']!r}, train: an unknown finding counts as one of {', '.join(BLANKS)}, "
                f"not as {blank!r}"
            )


def clusters(settings: Mapping, classes: Sequence[str]) -> None:
    """Raise ValueError for settings of the stage clusters that cannot be, as `units`."""
    where = f"params.yaml: study {settings['study']!r}, clusters:"
    if settings["target"] and settings["target"] not in classes:
        raise ValueError(f"{where} `target` is {settings['target']!r}; known are {', '.join(classes)}")
    if not settings["sweep"]:
        raise ValueError(f"{where} `sweep` names no number of clusters; name that of `k` at least")
    counts = {knob: settings[knob] for knob in ("k", "refits", "shown", "controls", "draws", "flips")}
    for knob, count in [*counts.items(), *(("sweep", count) for count in settings["sweep"])]:
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{where} `{knob}` must be a positive whole number, not {count!r}")


def units(settings: Mapping, classes: Sequence[str]) -> None:
    """Raise ValueError, or FileNotFoundError, for settings of the stage units that cannot be: said here, and not after a network was trained.
    classes: what the network tells apart."""
    where = f"params.yaml: study {settings['study']!r}, units:"
    if settings["target"] and settings["target"] not in classes:
        raise ValueError(f"{where} `target` is {settings['target']!r}; known are {', '.join(classes)}")
    for knob in ("top", "annotated", "scanned", "first", "images", "shown", "controls", "draws", "flips"):
        if isinstance(settings[knob], bool) or not isinstance(settings[knob], int) or settings[knob] < 1:
            raise ValueError(f"{where} `{knob}` must be a positive whole number, not {settings[knob]!r}")
    for knob in ("share", "quantile"):
        if (
            isinstance(settings[knob], bool)
            or not isinstance(settings[knob], int | float)
            or not 0 < settings[knob] < 1
        ):
            raise ValueError(f"{where} `{knob}` must be a share above 0 and below 1, not {settings[knob]!r}")
    if settings["draws"] < 1000:  # the least p, 1 / (draws + 1), is multiplied by the number of words and structures
        raise ValueError(f"{where} with {settings['draws']} `draws` no unit could get a label; take 1000 at least")
    if settings["survey"] and not (project.root() / settings["survey"]).is_file():
        raise FileNotFoundError(f"{where} there is no `survey` {settings['survey']}")


def knobs(name: str, params: Mapping) -> None:
    """Raise KeyError for an entry of a study that no stage reads: a knob misspelt would quietly keep its default."""

    def known(entries: Mapping, allowed: set[str], where: str) -> None:
        for knob in entries:
            if knob not in allowed:
                close = difflib.get_close_matches(str(knob), sorted(allowed), n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(allowed))}"
                raise KeyError(f"params.yaml: {where} has no knob {knob!r}; {hint}")

    entries = params["studies"][name] or {}
    known(
        entries,
        {*STAGES, *STUDY, *project.COMMON, *(key for keys in project.TOLD.values() for key in keys)},
        f"study {name!r}",
    )
    asked = {f"study {name!r}": entries}
    for profile, own in (entries.get("profiles") or {}).items():
        asked[f"study {name!r}, profiles, {profile}"] = own or {}
        known(own or {}, {*STAGES}, f"study {name!r}, profiles, {profile}")
    for where, blocks in asked.items():
        for stage in STAGES:
            if isinstance(block := blocks.get(stage), Mapping):
                known(block, {*params[stage]}, f"{where}, {stage}")


def attribution(settings: Mapping, pool: str) -> None:
    """Raise ValueError for a method, preset, null map or parameter that there is not, and a subset or bound that cannot
    be: said here, and not after a network was trained. settings: of the stage attribute; pool: the network's."""
    from regard.attribution import METHODS, NULLS, PERTURBATION, PRESETS, check_parameters  # takes seconds

    where = f"params.yaml: study {settings['study']!r}, attribute:"
    for knob in ("methods", "nulls"):
        if not isinstance(settings[knob], Mapping) or not settings[knob]:
            raise ValueError(f"{where} `{knob}` must be a block of names and their parameters, not {settings[knob]!r}")
    for knob, known in (("methods", METHODS), ("presets", PRESETS), ("nulls", NULLS)):
        for name in settings[knob]:
            if (name.split("@")[0] if knob == "methods" else name) not in known:
                raise ValueError(f"{where} `{knob}` has no {name!r}; known are {', '.join(known)}")
    for knob, known in (("methods", METHODS), ("nulls", NULLS)):
        for name, parameters in settings[knob].items():
            if not isinstance(parameters, Mapping):
                raise ValueError(f"{where} {name!r} must be a block of parameters, {{}} for none, not {parameters!r}")
            check_parameters(f"{where} {name!r}", known[name.split("@")[0]], parameters)
    if any(name.split("@")[0] == "cam" for name in settings["methods"]) and pool != "avg":
        raise ValueError(f"{where} cam needs `pool: avg`, not {pool!r}; leave it out with `methods: {{cam: null}}`")
    if settings["precision"] not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"{where} `precision` must be auto, float32 or bfloat16, not {settings['precision']!r}")
    names = [name for name in maps_of(settings) if name not in settings["nulls"]]
    for name in names:
        if names.count(name) > 1 or name.endswith("@"):
            raise ValueError(f"{where} {name!r} needs a label of its own behind the @, which no preset has")
    for name in settings["tuned"]:
        if name not in names:
            raise ValueError(f"{where} `tuned` has no map {name!r}; those of this study are {', '.join(names)}")
        if name.split("@")[0] in PERTURBATION and settings["subset"]:
            raise ValueError(f"{where} {name!r} explains a subset of the cases and cannot be `tuned`; set `subset: 0`")
    subset, memory = settings["subset"], settings["memory"]
    if isinstance(subset, bool) or not isinstance(subset, int) or subset < 0:
        raise ValueError(f"{where} `subset` must be a number of test cases, 0 for all, not {subset!r}")
    if isinstance(memory, bool) or not isinstance(memory, int | float) or not memory > 0:
        raise ValueError(f"{where} `memory` must be a positive number of gigabytes, not {memory!r}")


def maps_of(attribute: Mapping) -> list[str]:
    """The names of a study's maps; attribute: the settings of that stage."""
    from regard.attribution import PRESETS

    presets = [f"{method}@{preset}" for preset in attribute["presets"] for method in PRESETS[preset]]
    return [*attribute["methods"], *attribute["nulls"], *presets]


def selection(settings: Mapping, attribute: Mapping) -> None:
    """Raise ValueError for a selection, sweep, parameter or map that there is not. settings: of the stage select; attribute: of
    that stage."""
    from regard.selection import variants

    where = f"params.yaml: study {settings['study']!r}, select:"
    for knob in ("selections", "sweep"):
        if not isinstance(settings[knob], Mapping):
            raise ValueError(f"{where} `{knob}` must be a block of names and their parameters, not {settings[knob]!r}")
    if not settings["selections"]:
        raise ValueError(f"{where} `selections` is empty: no region would be compared with the expert's")
    shares = settings["shares"]
    if (
        not isinstance(shares, list)
        or not shares
        or not all(isinstance(one, int | float) and 0 < one <= 1 for one in shares)
    ):
        raise ValueError(
            f"{where} `shares` must be a list of shares of the maximum, above 0 and up to 1, not {shares!r}"
        )
    maps = maps_of(attribute)
    for name in settings["swept"]:
        if name not in maps:
            raise ValueError(f"{where} `swept` has no map {name!r}; those of this study are {', '.join(maps)}")
    try:
        variants(settings["selections"], settings["sweep"])
    except ValueError as error:
        raise ValueError(f"{where} {error}") from error


def targets(settings: Mapping) -> tuple[list[str], str]:
    """What the network of a study tells apart: the names, and "label" (one per image) or "findings" (several).

    settings: of the stage prepare. Raises ValueError, naming study and setting, for lists that are none, for labels and
    findings that are not one or the other, and for structures, regions and a shortcut that do not go with them.
    """

    def refuse(reason: str):
        raise ValueError(f"params.yaml: study {settings['study']!r}, prepare: {reason}")

    for key in ("labels", "excluded_labels", "findings", "structures"):
        value = settings[key]
        if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
            refuse(f"`{key}` must be a list of names (text: a number or yes needs quotes), not {value!r}")
        if len(set(value)) != len(value):
            refuse(f"`{key}` names something twice: {', '.join(value)}")
    labels, findings, structures = settings["labels"], settings["findings"], settings["structures"]
    if bool(findings) == bool(labels):
        refuse(
            "either `labels` or `findings` must be named, and not both (a list taken over by `like` is emptied with [])"
        )
    if labels and len(labels) < 2:
        refuse(f"`labels` must be two or more, the negative one first, not {labels}")
    if findings and settings["excluded_labels"]:
        refuse("`excluded_labels` goes with `labels`, not with `findings` (emptied with [])")
    for name in findings:
        if name in cases.RESERVED:
            refuse(f"a finding cannot be called {name!r}, a column of cases.csv with a meaning of its own")

    rule, expert = settings["regions"], settings["expert"]
    if rule not in regions.RULES:
        refuse(f"`regions` is {rule!r}; known are {', '.join(regions.RULES)}")
    if not structures:
        refuse("`structures` is empty: there is nothing to compare with")
    for name in structures:
        if name in TAKEN or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            refuse(
                f"a structure cannot be called {name!r}: letters, digits, '_' and '-', and none of {', '.join(TAKEN)}"
            )
    if rule == "mass" and len(structures) != 1:
        refuse(f"`regions: mass` builds its regions around one structure, not {', '.join(structures)}")
    if (expert == "finding") != (rule == "findings"):
        refuse("`expert: finding` and `regions: findings` go together, each finding having a region of its own")
    if rule == "findings" and not findings:
        refuse("`regions: findings` is for a study with `findings`; this one has `labels`")
    if rule == "findings" and (missing := [name for name in findings if name not in structures]):
        refuse(f"`structures` lacks the finding {missing[0]!r}, so it would have no region")
    if not expert:
        refuse("`expert` is empty: name the region that the expert would point at")
    regions.check_parts(expert, regions.names(rule, structures), f"study {settings['study']!r}, prepare, expert")

    strength, followed = settings["shortcut"], settings["shortcut_finding"]
    if isinstance(strength, bool) or not isinstance(strength, int | float):
        refuse(f"`shortcut` must be a number, 0 for none, not {strength!r}")
    if followed and followed not in (findings or labels):
        refuse(f"`shortcut_finding` is {followed!r}; known are {', '.join(findings or labels)}")
    return findings or labels, "findings" if findings else "label"
