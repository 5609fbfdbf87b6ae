"""The names that a network tells apart and the regions that go with them: whether they fit."""

import re
from collections.abc import Mapping, Sequence

from regard.data import cases, reference_regions

TAKEN = (
    "other",
    "shortcut",
    "artefact",
    "finding",
    "expert",
)  # names of regions and outlines beside the structures


def targets(settings: Mapping) -> tuple[list[str], str]:
    """What the network of a study tells apart: the names, and "label" (one per image) or "findings"
    (several).

    settings: of the stage prepare. Raises ValueError, naming study and setting, for lists that are
    none, for labels and findings that are not one or the other, and for structures, regions and a
    shortcut that do not go with them.
    """
    _check_names(settings)
    classes = settings["findings"] or settings["labels"]
    _check_regions(settings)
    _check_shortcut(settings, classes)
    return classes, "findings" if settings["findings"] else "label"


def _refusal(settings: Mapping, reason: str) -> ValueError:
    return ValueError(f"params.yaml: study {settings['study']!r}, prepare: {reason}")


def _check_names(settings: Mapping) -> None:
    """Raise ValueError for lists of labels, findings and structures that contradict each other."""
    for key in ("labels", "excluded_labels", "findings", "structures"):
        value = settings[key]
        if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
            raise _refusal(
                settings,
                f"`{key}` must be a list of names (text: a number or yes needs quotes), not "
                f"{value!r}",
            )
        if len(set(value)) != len(value):
            raise _refusal(settings, f"`{key}` names something twice: {', '.join(value)}")
    labels, findings = settings["labels"], settings["findings"]
    if bool(findings) == bool(labels):
        raise _refusal(
            settings,
            "either `labels` or `findings` must be named, and not both (a list taken over by "
            "`like` is emptied with [])",
        )
    if labels and len(labels) < 2:
        raise _refusal(
            settings, f"`labels` must be two or more, the negative one first, not {labels}"
        )
    if findings and settings["excluded_labels"]:
        raise _refusal(
            settings, "`excluded_labels` goes with `labels`, not with `findings` (emptied with [])"
        )
    for name in findings:
        if name in cases.RESERVED:
            raise _refusal(
                settings,
                f"a finding cannot be called {name!r}, a column of cases.csv with a meaning of "
                "its own",
            )


def _check_regions(settings: Mapping) -> None:
    """Raise ValueError for structures, a rule and an expert's region that do not go together."""
    findings, structures = settings["findings"], settings["structures"]
    rule, expert = settings["regions"], settings["expert"]
    if rule not in reference_regions.RULES:
        raise _refusal(
            settings, f"`regions` is {rule!r}; known are {', '.join(reference_regions.RULES)}"
        )
    if not structures:
        raise _refusal(settings, "`structures` is empty: there is nothing to compare with")
    for name in structures:
        if name in TAKEN or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise _refusal(
                settings,
                f"a structure cannot be called {name!r}: letters, digits, '_' and '-', and none "
                f"of {', '.join(TAKEN)}",
            )
    if rule == "mass" and len(structures) != 1:
        raise _refusal(
            settings,
            f"`regions: mass` builds its regions around one structure, not {', '.join(structures)}",
        )
    if (expert == "finding") != (rule == "findings"):
        raise _refusal(
            settings,
            "`expert: finding` and `regions: findings` go together, each finding having a region "
            "of its own",
        )
    if rule == "findings" and not findings:
        raise _refusal(
            settings, "`regions: findings` is for a study with `findings`; this one has `labels`"
        )
    if rule == "findings" and (missing := [name for name in findings if name not in structures]):
        raise _refusal(
            settings, f"`structures` lacks the finding {missing[0]!r}, so it would have no region"
        )
    if not expert:
        raise _refusal(
            settings, "`expert` is empty: name the region that the expert would point at"
        )
    reference_regions.check_parts(
        expert,
        reference_regions.names(rule, structures),
        f"study {settings['study']!r}, prepare, expert",
    )


def _check_shortcut(settings: Mapping, classes: Sequence[str]) -> None:
    """Raise ValueError for a shortcut without a strength, or one that follows no class."""
    strength, followed = settings["shortcut"], settings["shortcut_finding"]
    if isinstance(strength, bool) or not isinstance(strength, int | float):
        raise _refusal(settings, f"`shortcut` must be a number, 0 for none, not {strength!r}")
    if followed and followed not in classes:
        raise _refusal(
            settings, f"`shortcut_finding` is {followed!r}; known are {', '.join(classes)}"
        )
