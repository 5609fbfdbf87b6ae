"""What each knob of params.yaml may be: its type, its range, its choices. Whatever else a knob must
fit to is in regard.pipeline.settings."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from regard.attribution import METHODS
from regard.attribution.gradient import REDUCTIONS
from regard.attribution.nulls import CHANNELS, MIN_NETWORKS
from regard.attribution.shap import ALGORITHMS
from regard.attribution.superpixels import SUPERPIXELS
from regard.data import reference_regions
from regard.evaluation import scores
from regard.models.backbones import BACKBONES, POOLS
from regard.pipeline.kinds import (
    Above0,
    Count,
    Memory,
    Methods,
    Name,
    Names,
    NotNegative,
    Part,
    Positive,
    Precision,
    Share,
    Text,
    Truth,
    block,
    inner,
    kind,
    list_of,
    one_of,
    per_channel,
    rises,
    zero_or,
)
from regard.selection import OF

QUOTED = 100  # characters of a wrong value that a message shows


Blank = one_of("ignore", "zeros", "ones")
Ring = kind(float, "a number above 0 and up to 100", gt=0, le=100)

AUGMENT = {
    "shift": NotNegative,
    "zoom": kind(float, "a number from 0, and below 1", ge=0, lt=1),
    "contrast": NotNegative,
    "mirror": Truth,
    "turn": Truth,
}
PRIMARY = {"score": one_of(*scores.SCORES), "region": Text, "selection": Text, "stratum": Name}
OF_PAIRS = (
    "first",
    "second",
    "method",
    "setting",
    "target",
    "target_role",
)  # which a primary endpoint may name besides
WINDOWS = {"window": Share, "stride": Share}


STAGES = {
    "prepare": {
        "size": kind(int, "a whole number of pixels from 32 to 4096", ge=32, le=4096),
        "labels": Names,
        "excluded_labels": Names,
        "findings": Names,
        "structures": Names,
        "expert": Text,
        "regions": one_of(*reference_regions.RULES),
        "ring_mm": Above0,
        "ring_radius": Ring,
        "ring_image": Share,
        "below_height": Ring,
        "shortcut": Annotated[
            kind(float, "0 for none, or a share above 0.5 and up to 1", ge=0, le=1),
            zero_or(0.5 + 1e-9),
        ],
        "shortcut_finding": Text,
    },
    "train": {
        "backbone": one_of(*BACKBONES),
        "width": kind(float, "a number above 0 and up to 4", gt=0, le=4),
        "pool": one_of(*POOLS),
        "weights": kind(str, "fractal, imagenet, none, or the path of a file", min_length=1),
        "train": Truth,
        "mean": Annotated[
            kind(
                float | list_of(float, 1, 3),
                "a number, or a list of one or three, for the colour channels",
            ),
            AfterValidator(per_channel),
        ],
        "std": Annotated[
            kind(
                Above0 | list_of(Above0, 1, 3),
                "a number above 0, or a list of one or three, for the colour channels",
            ),
            AfterValidator(per_channel),
        ],
        "range": Annotated[
            kind(
                list_of(float, 2, 2), "a list of two rising numbers, what black and what white are"
            ),
            AfterValidator(rises),
        ],
        "folds": Annotated[
            kind(int, "0 for none, or a whole number of folds, 2 or more", ge=0), zero_or(2)
        ],
        "scratch": Truth,
        "frozen": Truth,
        "epochs": Positive,
        "patience": Positive,
        "batch": Positive,
        "class_weights": one_of("none", "balanced"),
        "blank": Blank,
        "blanks": kind(list[Blank], "a list of ignore, zeros or ones"),  # type: ignore[valid-type]
        "augment": inner("augment", AUGMENT | {"stain": NotNegative}),
        "learning_rate": kind(float, "a number above 0 and up to 10", gt=0, le=10),
        "weight_decay": NotNegative,
        "precision": Precision,
        "explained": kind(int, "a whole number of test patients, 0 for all", ge=0),
        "explained_cases": kind(
            int, "a whole number of cases of each test patient, 0 for all", ge=0
        ),
        "explained_few": kind(int, "a whole number of cases of few patients, 0 for no more", ge=0),
        "draws": Positive,
    },
    "attribute": {
        "memory": Memory,
        "precision": Precision,
        "subset": kind(int, "a whole number of test cases, 0 for all", ge=0),
        "methods": Methods,
        "tuned": Names,
        "presets": Names,
        "preset_evaluations": kind(int, "a whole number, 0 for as many as the study took", ge=0),
        "nulls": Methods,
    },
    "select": {
        "selections": Methods,
        "sweep": kind(dict[str, Any], "a block of names and their parameters"),
        "swept": Names,
        "shares": kind(
            list[Share], "a list of shares of the maximum, above 0 and up to 1", min_length=1
        ),
        "shown": Names,
    },
    "examine": {
        "patients": kind(int, "a whole number of test patients, 0 for all", ge=0),
        "memory": Memory,
        "precision": Precision,
        "steps": Positive,
        "shares": kind(
            list[Part], "a list of shares of the pixels, above 0 and below 1", min_length=1
        ),
        "levels": kind(int, "a whole number, 2 or more", ge=2),
        "noise": Above0,
        "seeds": Positive,
        "slow": Truth,
        "draws": Positive,
    },
    "compare": {
        "together": Text,
        "around": kind(dict[str, list[Above0]], "a block of lists of factors above 0"),
        "readings": Text,
        "tolerances": kind(
            list[Annotated[float, Field(ge=0)] | Annotated[str, Field(min_length=1)]],
            "a list of numbers of pixels, 0 or more, or of millimetres as in '5 mm'",
            min_length=1,
        ),
        "primary": inner("primary", PRIMARY, dict.fromkeys(OF_PAIRS, Text)),
        "shown": Names,
        "draws": Positive,
        "flips": Positive,
    },
    "units": {
        "studies": Names,
        "target": Text,
        "top": Positive,
        "annotated": Positive,
        "scanned": Positive,
        "first": Positive,
        "images": Positive,
        "share": Part,
        "quantile": Part,
        "shown": Positive,
        "survey": Text,
        "other": Names,
        "controls": Positive,
        # the least p, 1 / (draws + 1), is multiplied by the number of words and structures
        "draws": kind(
            int, "a whole number, 1000 or more (with fewer no unit could get a label)", ge=1000
        ),
        "flips": Positive,
    },
    "clusters": {
        "studies": Names,
        "layer": Name,
        "earlier": Text,
        "target": Text,
        "k": Positive,
        "sweep": kind(
            list[Positive], "a list of positive whole numbers, that of `k` at least", min_length=1
        ),
        "refits": Positive,
        "shown": Positive,
        "controls": Positive,
        "occlusion": inner("occlusion", WINDOWS),
        "draws": Positive,
        "flips": Positive,
    },
}
PARAMETERS = (
    WINDOWS
    | {  # of methods, null maps and selections; others may be all of their default's kind
        "reduce": one_of(*REDUCTIONS),
        "steps": Positive,
        "epsilon": NotNegative,
        "gamma": NotNegative,
        "layer": kind(str, "the name of a layer", min_length=1),
        "relative": Truth,
        "relu": Truth,
        "guided": Truth,
        "chunk": Positive,
        "precision": one_of("float32", "bfloat16"),
        "evaluations": Positive,
        "kernel_width": Above0,
        "ridge": NotNegative,
        "superpixels": one_of(*SUPERPIXELS),
        "algorithm": one_of(*ALGORITHMS),
        "blur": Positive,
        "seed": Count,
        "width": Share,
        "channel": one_of(*CHANNELS),
        "smoothing": Above0,
        "method": one_of(*METHODS),
        "networks": kind(int, f"a whole number, {MIN_NETWORKS} or more", ge=MIN_NETWORKS),
        "of": one_of(*OF),
        "bins": kind(int, "a whole number, 2 or more", ge=2),
        "k": kind(int, "a whole number of groups, 2 or more", ge=2),
        "keep": one_of("above", "top"),
        "space": one_of("value", "position"),
        "bandwidth": Above0,
        "quantile": Share,
        "side": kind(int, "a whole number of pixels, 2 or more", ge=2),
        "min_max": Truth,
        "convolution": one_of("z+", "gamma"),
        "first": one_of("flat", "zbox"),
        "area": Share,
        "share": Share,
    }
)
GIVEN = {
    "study": Name,
    "root": Name,
    "seed": Count,
    "profile": Name,
    "published": Text,
}  # to every stage by its study
SAID = {
    "attribute": {"left_out": dict[str, str]}
}  # what the project itself says in a stage's settings


def check(settings: Mapping, stage: str) -> None:
    """Raise ValueError, in one sentence, for a setting of a stage that is missing or unknown, or of
    another type or out of range.

    settings: as `project.settings` gives them for the stage.
    """
    given = {knob: type_ for knob, type_ in GIVEN.items() if knob in settings}
    model = block(stage, STAGES[stage] | given, SAID.get(stage))
    where = f"params.yaml: study {settings.get('study')!r}, {stage}:"
    try:
        model.model_validate(dict(settings))
    except ValidationError as error:
        first = min(error.errors(include_url=False), key=_order)
        raise ValueError(f"{where} {_said(first, model, settings)}") from None
    if stage == "clusters":
        check_parameters(f"{where} `occlusion`", settings["occlusion"])


def check_parameters(where: str, parameters: Mapping) -> None:
    """Raise ValueError for the parameter of a method, null map or selection that is out of range.
    where: begins the message."""
    strict = ConfigDict(strict=True, allow_inf_nan=False)
    for name, value in parameters.items():
        if name not in PARAMETERS or value is None:
            continue
        try:
            TypeAdapter(PARAMETERS[name], config=strict).validate_python(value)
        except ValidationError:
            may = PARAMETERS[name].__metadata__[0].description
            raise ValueError(
                f"{where}: parameter {name!r} must be {may}, not {quoted(value)}"
            ) from None
    if parameters.get("stride", 0) > parameters.get("window", 1):
        raise ValueError(
            f"{where}: `stride` must not be larger than `window`, or places are never hidden"
        )


def quoted(value: object) -> str:
    """A value as a message shows it, with what would make a number of text that looks like one."""
    text = repr(value)
    text = text if len(text) <= QUOTED else f"{text[: QUOTED - 3]}..."
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        return text
    return (
        text
        if number is None
        else f"the text {text} (a number has no quotes, and a point before its e: 1.0e-3)"
    )


def _order(error: Mapping) -> int:
    """Unknown names first: a misspelt knob is often the one that is missing, too."""
    return ("extra_forbidden", error["type"], "missing").index(error["type"])


def _said(error: Mapping, model: type[BaseModel], settings: Mapping) -> str:
    """What pydantic found, as the rest of a sentence."""
    at: list[str] = []
    may: str | None = ""
    given: Any = settings
    block: type[BaseModel] | None = model
    # down to the innermost knob that has a name; what follows are places in a list
    for part in error["loc"]:
        if block is None or part not in block.model_fields:
            break
        field = block.model_fields[part]
        at, may, block, given = [*at, part], field.description, _model_of(field), given.get(part)
    name = f"`{'.'.join(at)}`"
    if error["type"] == "extra_forbidden":
        return (
            f"{name if at else 'the block'} has no {_close(error['loc'][len(at)], block or model)}"
        )
    if error["type"] == "missing":
        return f"{name} is missing (null takes a setting away); it must be {may}"
    inside = isinstance(given, list | dict) and given is not error["input"]
    return f"{name} must be {may}, not {quoted(given)}" + (
        f", for {quoted(error['input'])} in it" if inside else ""
    )


def _close(name: object, model: type[BaseModel]) -> str:
    known = sorted(model.model_fields)
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"{name!r}; " + (
        f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    )


def _model_of(field) -> type[BaseModel] | None:
    return (
        field.annotation
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        else None
    )
