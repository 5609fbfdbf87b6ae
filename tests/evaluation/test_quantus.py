"""Scores of maps are Quantus' (Hedström et al. 2023) where nothing is degenerate: there its rules
and ours are one.
"""

import warnings

import numpy as np
import pytest
import torch

from regard.evaluation.scores import score

quantus = pytest.importorskip("quantus")

CALLS = {
    "pointing": lambda: quantus.PointingGame(abs=False, normalise=False, disable_warnings=True),
    "mass": lambda: quantus.RelevanceMassAccuracy(
        abs=False, normalise=False, disable_warnings=True
    ),
    "rank": lambda: quantus.RelevanceRankAccuracy(
        abs=False, normalise=False, disable_warnings=True
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_scores_are_those_of_quantus(name):
    """Positive maps without ties, references neither empty nor whole."""
    random = np.random.default_rng(0)
    maps = random.gamma(0.5, 1, (24, 32, 32))
    masks = random.random((24, 32, 32)) < 0.2
    masks[:12] = False
    masks[:12, 5:20, 8:25] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = CALLS[name]()(
            model=None,
            x_batch=np.zeros((24, 1, 32, 32)),
            y_batch=np.zeros(24, int),
            a_batch=maps[:, None],
            s_batch=masks[:, None],
        )
    found = score(torch.from_numpy(maps), torch.from_numpy(masks), name)
    np.testing.assert_allclose(found, np.asarray(theirs, dtype=float), rtol=1e-6)
    assert 0 < found.mean() < 1
