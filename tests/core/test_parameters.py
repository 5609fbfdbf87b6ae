"""A parameter of another name or kind is refused in one sentence, by whatever takes parameters."""

import pytest
import torch

from regard.attribution import attribute
from regard.core import parameters
from regard.evaluation.scores import score
from regard.selection import select

KNOWN = {"count": 3, "share": 0.5, "name": "max", "whole": False, "open": None}


@pytest.mark.parametrize(
    "given",
    [
        {"count": 5},
        {"share": 1},
        {"share": float("nan")},
        {"name": 0.0, "whole": "some"},
        {"open": "anything"},
        {},
    ],
)
def test_what_fits_is_taken(given):
    parameters.check("method", KNOWN, given)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"cuont": 5}, "method has no parameter 'cuont'; known are count, share"),
        ({"count": 2.5}, "parameter 'count' must be a whole number, not 2.5"),
        ({"count": True}, "parameter 'count' must be a whole number, not True"),
        ({"share": "a"}, "parameter 'share' must be a number, not 'a'"),
        ({"share": False}, "parameter 'share' must be a number, not False"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        parameters.check("method", KNOWN, given)


def test_methods_selections_and_scores_ask():
    maps, mask = torch.rand(1, 8, 8), torch.ones(1, 8, 8, dtype=torch.bool)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2)).eval()
    for call, message in [
        (
            lambda: attribute(network, torch.rand(1, 3, 8, 8), [0], "lrp-epsilon", epsilon="a"),
            "'epsilon' must be a number",
        ),
        (lambda: select(maps, "meanshift", quantile="a"), "'quantile' must be a number"),
        (
            lambda: score(maps, mask, "pointing", tolerence=5),
            "'pointing' has no parameter 'tolerence'",
        ),
        (lambda: score(maps, mask, "pointing", tolerance=-1.0), "tolerance must be at least 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
