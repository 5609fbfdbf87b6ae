"""Selection: from a heat map to a region, so that it can be laid over the expert's.

Selectors see `values` (N, H, W) made from the maps by OF: what takes no part is -inf and is never
selected. By default that is all relevance at or below zero. A map with no values, or with values
that form a single group, selects nothing.
"""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from regard.core import parameters as known_parameters
from regard.kernels import groups
from regard.kernels.groups import NONE
from regard.kernels.thresholds import bins, otsu, relative_max, top_area

# name -> the values that a selector sees of signed, raw maps
OF: dict[str, Callable[[Tensor], Tensor]] = {
    "positive": lambda maps: torch.where(maps > 0, maps, NONE),
    "absolute": lambda maps: torch.where(maps != 0, maps.abs(), NONE),
    "signed": lambda maps: maps,
}


def kmeans(values: Tensor, k: int = 3, space: str = "value") -> Tensor:
    """The group of the largest values among k groups (k-means, the global optimum).

    Parameters
    ----------
    values : Tensor (N, H, W)
        -inf takes no part.
    k : int
        Number of groups, >= 2.
    space : {"value", "position"}
        "position" groups points (x, y, value), in units of the longer side and of the map's largest
        absolute value, by scikit-learn's KMeans from ten starts; the group of the largest mean
        value is selected.

    Returns
    -------
    Tensor (N, H, W)
        bool.

    Raises
    ------
    ValueError
        For a k below 2 and another space.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 2:
        raise ValueError(f"k must be a whole number of groups, at least 2, not {k!r}")
    if _by_position(space):
        return _each(values, lambda one: groups.kmeans_of_positions(one, k))
    return _each(values, lambda one: groups.kmeans_of_values(one, k)[0])


def meanshift(
    values: Tensor,
    bandwidth: float | None = None,
    quantile: float = 0.3,
    keep: str = "above",
    space: str = "value",
    side: int = 64,
) -> Tensor:
    """What lies above the most populous mode of the values (mean shift).

    Parameters
    ----------
    values : Tensor (N, H, W)
        -inf takes no part.
    bandwidth : float, optional
        In units of the map; by default scikit-learn's rule, the mean distance to the `quantile`
        nearest values. An estimate of zero (many equal values), or below what the kernel resolves,
        selects nothing.
    quantile : float
        Of the rule, in (0, 1].
    keep : {"above", "top"}
        "top" selects the highest mode alone, and nothing where there is a single mode.
    space : {"value", "position"}
        "position" groups points (x, y, value), as in `kmeans`; modes are compared by value.
    side : int
        Longest side in pixels for "position"; larger maps are averaged to it.

    Returns
    -------
    Tensor (N, H, W)
        bool.

    Raises
    ------
    ValueError
        For another `keep` or space.

    References
    ----------
    Comaniciu and Meer 2002, IEEE Trans Pattern Anal Mach Intell 24.
    """
    groups.check_keep(keep)
    if _by_position(space):
        return _each(
            values, lambda one: groups.mean_shift_of_positions(one, bandwidth, quantile, keep, side)
        )
    return _each(values, lambda one: groups.mean_shift_of_values(one, bandwidth, quantile, keep)[0])


def collapsed(maps: Tensor, quantile: float = 0.3, of: str = "positive") -> Tensor:
    """Which maps have so many equal values that mean shift has no bandwidth, and selects nothing.

    Parameters
    ----------
    maps : Tensor (N, H, W)
        Signed, raw.
    quantile : float
        Of the estimated bandwidth.
    of : str
        A key of OF.

    Returns
    -------
    Tensor (N,)
        bool; False for a map without values.
    """
    taking = [one[one > NONE] for one in OF[of](maps)]
    return torch.tensor(
        [bool(len(some)) and not groups.resolved_bandwidth(some, quantile) for some in taking],
        dtype=torch.bool,
    )


# name -> function (values, **parameters) -> bool (N, H, W)
SELECTIONS: dict[str, Callable[..., Tensor]] = {
    "bins": bins,
    "kmeans": kmeans,
    "meanshift": meanshift,
    "otsu": otsu,
    "top-area": top_area,
    "relative-max": relative_max,
}


def select(maps: Tensor, method: str = "meanshift", of: str = "positive", **parameters) -> Tensor:
    """Regions from heat maps.

    Parameters
    ----------
    maps : Tensor (N, H, W)
        Signed, raw. A map that is not finite everywhere selects nothing.
    method : str
        A key of SELECTIONS.
    of : str
        The relevance that counts, a key of OF: "positive", "absolute" or "signed".
    **parameters
        The method's own.

    Returns
    -------
    Tensor (N, H, W)
        bool.

    Raises
    ------
    ValueError
        For an unknown method, parameter or `of`, and for maps of another shape.
    """
    check(method, of, parameters)
    if maps.ndim != 3:
        raise ValueError(f"maps must be (N, H, W), not {tuple(maps.shape)}")
    if not len(maps):
        return torch.zeros_like(maps, dtype=torch.bool)
    valid = torch.isfinite(maps).flatten(1).all(1)[:, None, None]
    return SELECTIONS[method](torch.where(valid, OF[of](maps), NONE), **parameters)


# those that group values -> function (values (H, W), **parameters) -> (region, levels)
GROUPED: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    "kmeans": groups.kmeans_of_values,
    "meanshift": groups.mean_shift_of_values,
}


def levels(
    map_: Tensor, method: str, of: str = "positive", **parameters
) -> tuple[Tensor, list[float]]:
    """The region of one map, and the levels that the rule finds in its values.

    Parameters
    ----------
    map_ : Tensor (H, W)
        Signed, raw.
    method, of, **parameters
        As in `select`.

    Returns
    -------
    region : Tensor (H, W)
        bool, as from `select`.
    levels : list of float
        The centres of k-means, the modes of mean shift, the edges of bins; for other rules the
        least selected value, if any.

    Raises
    ------
    ValueError
        As `select`, and for groups of positions, whose centres are no values.
    """
    if parameters.get("space", "value") != "value":
        raise ValueError(f"{method} of positions has no levels of the values alone")
    check(method, of, parameters)
    values = OF[of](map_) if torch.isfinite(map_).all() else torch.full_like(map_, NONE)
    if method in GROUPED:  # once, for both
        own = {
            name: value
            for name, value in (defaults(method) | parameters).items()
            if name not in ("space", "side")
        }
        region, marks = GROUPED[method](values, **own)
        return region, marks.tolist()
    region = select(map_[None], method, of, **parameters)[0]
    taking = values[values > NONE]
    if method == "bins" and len(taking) and taking.min() < taking.max():
        edges = parameters.get("bins", defaults(method)["bins"]) + 1
        return region, torch.linspace(float(taking.min()), float(taking.max()), edges).tolist()
    return region, [float(values[region].min())] if region.any() else []


def check(method: str, of: str = "positive", parameters: dict | None = None) -> None:
    """Raise ValueError for an unknown selection, kind of relevance or parameter."""
    if method not in SELECTIONS:
        raise ValueError(f"unknown selection {method!r}; known are {', '.join(SELECTIONS)}")
    if of not in OF:
        raise ValueError(f"unknown relevance of={of!r}; known are {', '.join(OF)}")
    known_parameters.check(f"selection {method!r}", {"of": of} | defaults(method), parameters or {})


def variants(
    selections: Mapping[str, Mapping], sweep: Mapping[str, Mapping] = MappingProxyType({})
) -> dict[str, dict]:
    """The selections of a study.

    Parameters
    ----------
    selections : mapping
        Name -> parameters. A name is a method, or a method and a suffix, as in "otsu@alam-2023".
    sweep : mapping
        Name -> {parameter: values}. Each value other than that in `selections` is a variant,
        labelled as in "kmeans k=2". A name that is not in `selections` is left out.

    Returns
    -------
    dict
        {label: {"method": ..., "parameters": ...}}.

    Raises
    ------
    ValueError
        As `check`, and for parameters or values that are no block or list.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, parameters in selections.items():
        if not isinstance(parameters, Mapping):
            raise ValueError(
                f"selection {name!r} must be a block of parameters, {{}} for none, not "
                f"{parameters!r}"
            )
        found[name] = {"method": name.split("@")[0], "parameters": dict(parameters)}
    for name, swept in sweep.items():
        check(name.split("@")[0])
        if not isinstance(swept, Mapping):
            raise ValueError(f"the sweep of {name!r} must be a block of lists, not {swept!r}")
        for parameter, values in swept.items() if name in selections else ():
            if not isinstance(values, list):
                raise ValueError(
                    f"the sweep of {name!r} needs a list of values of {parameter!r}, not {values!r}"
                )
            own = found[name]
            for value in values:
                if (
                    own["parameters"].get(parameter, defaults(own["method"]).get(parameter))
                    != value
                ):
                    found[f"{name} {parameter}={value}"] = own | {
                        "parameters": own["parameters"] | {parameter: value}
                    }
    for one in found.values():
        rest = {key: value for key, value in one["parameters"].items() if key != "of"}
        check(one["method"], one["parameters"].get("of", "positive"), rest)
    return found


def defaults(method: str) -> dict:
    """The parameters of a selection with their default values."""
    return {
        name: one.default
        for name, one in list(inspect.signature(SELECTIONS[method]).parameters.items())[1:]
    }


def _by_position(space: str) -> bool:
    if space not in ("value", "position"):
        raise ValueError(f"the space of the groups must be value or position, not {space!r}")
    return space == "position"


def _each(values: Tensor, selected: Callable[[Tensor], Tensor]) -> Tensor:
    """`selected` of each map."""
    return torch.stack([selected(one) for one in values])
