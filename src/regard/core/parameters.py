"""Parameters that somebody gives by name: whether there is such a one, and whether it is of the
kind that its default is.
"""

import numbers
from collections.abc import Mapping

# of a default, what a value must be, and how that is called; where a name or a truth is usual,
# others may be meant
KINDS = (
    (int, numbers.Integral, "a whole number"),
    (float, numbers.Real, "a number"),
)


def check(what: str, known: Mapping, given: Mapping) -> None:
    """Check parameters that are given by name.

    Parameters
    ----------
    what : str
        The function, for the message.
    known : mapping
        Name -> default value.
    given : mapping
        Name -> value.

    Raises
    ------
    ValueError
        For an unknown name, and for a value that is not a number of the kind of its default. A
        parameter whose default is no number may have any value.
    """
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"{what} has no parameter {name!r}; known are {', '.join(known) or 'none'}"
            )
        for kind, wanted, called in KINDS:
            if isinstance(known[name], kind) and not isinstance(known[name], bool):
                if not isinstance(value, wanted) or isinstance(value, bool):
                    raise ValueError(f"{what}: parameter {name!r} must be {called}, not {value!r}")
                break
