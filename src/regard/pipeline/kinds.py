"""Kinds of settings: a type, its limits, and what it may be in words that a message can give."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model


def kind(type_, may: str, **limits):
    """A type with its limits (of pydantic.Field), and what it may be in words, which a message
    gives after "must be"."""
    return Annotated[type_, Field(description=may, **limits)]


def one_of(*names: str):
    """Text that is one of `names`."""
    return kind(Literal[names], f"one of {', '.join(names)}")


def zero_or(least: float) -> AfterValidator:
    """Takes 0, and numbers from `least`."""

    def check(value):
        if value != 0 and not value >= least:
            raise ValueError(f"is between 0 and {least}")
        return value

    return AfterValidator(check)


def per_channel(value):
    """Takes one number, or a list of one or three."""
    if isinstance(value, list) and len(value) == 2:
        raise ValueError("is for no number of channels")
    return value


def rises(values: list[float]) -> list[float]:
    """Takes two numbers, the first of which is the smaller."""
    if not values[0] < values[1]:
        raise ValueError("does not rise")
    return values


def list_of(type_, least: int, most: int | None = None):
    """A list with so many entries of a type."""
    return Annotated[list[type_], Field(min_length=least, max_length=most)]


Positive = kind(int, "a positive whole number", ge=1)
Count = kind(int, "a whole number, 0 or more", ge=0)
Above0 = kind(float, "a number above 0", gt=0)
NotNegative = kind(float, "a number, 0 or more", ge=0)
Share = kind(float, "a share above 0 and up to 1", gt=0, le=1)
Part = kind(float, "a share above 0 and below 1", gt=0, lt=1)
Memory = kind(float, "a positive number of gigabytes", gt=0)
Truth = kind(bool, "true or false")
Text = kind(str, 'text ("" for none)')
Name = kind(str, "text that is not empty", min_length=1)
Names = kind(
    list[Annotated[str, Field(min_length=1)]],
    "a list of names (text: a number or yes needs quotes)",
)
Precision = one_of("auto", "float32", "bfloat16")
Methods = kind(dict[str, Any], "a block of names and their parameters", min_length=1)


class Block(BaseModel):
    """Settings of which each must be there, and nothing else; 1 is a number, and true and "1" are
    none."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def block(name: str, knobs: Mapping, free: Mapping | None = None) -> type[BaseModel]:
    """A model of a block: knob -> kind; free: of knobs that may be missing."""
    fields: dict[str, Any] = {knob: (type_, ...) for knob, type_ in knobs.items()}
    fields |= {knob: (type_, None) for knob, type_ in (free or {}).items()}
    return create_model(name, __base__=Block, **fields)


def inner(name: str, knobs: Mapping, free: Mapping | None = None):
    """A block within a block."""
    return kind(block(name, knobs, free), f"a block with {', '.join(knobs)}")
