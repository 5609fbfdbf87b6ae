"""Mean shift in up to three dimensions is scikit-learn's; the Triton kernel, interpreted, is the
plain one.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.cluster import MeanShift

from regard.kernels import mean_shift, mean_shift_1d


def blobs(seed, dimensions, count=60):
    random = np.random.default_rng(seed)
    centres = random.uniform(0, 4, (4, dimensions))
    return np.concatenate([random.normal(centre, 0.25, (count, dimensions)) for centre in centres])


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_modes_and_labels_are_those_of_scikit_learn(seed, dimensions):
    points = blobs(seed, dimensions)
    labels, modes = mean_shift(torch.from_numpy(points), 0.7)
    theirs = MeanShift(bandwidth=0.7).fit(points)
    np.testing.assert_allclose(modes, theirs.cluster_centers_, rtol=1e-9)
    away = np.sort(np.linalg.norm(points[:, None] - theirs.cluster_centers_, axis=2), axis=1)
    clear = np.ones(len(points), bool) if len(modes) == 1 else away[:, 1] - away[:, 0] > 1e-9
    np.testing.assert_array_equal(labels[clear], theirs.labels_[clear])


@pytest.mark.parametrize("seed", range(4))
def test_one_dimension_is_that_of_its_own_kernel(seed):
    values = torch.from_numpy(np.random.default_rng(seed).gamma(0.5, 1, 150))
    labels, modes = mean_shift(values[:, None], 0.3)
    wanted, centres = mean_shift_1d(values, 0.3)
    np.testing.assert_allclose(modes[:, 0], centres, rtol=1e-9)
    assert torch.equal(labels, wanted)


def test_order_and_tiles_do_not_matter(monkeypatch):
    module = sys.modules["regard.kernels.mean_shift"]
    points = torch.from_numpy(blobs(5, 3))
    labels, modes = mean_shift(points, 0.7)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(points)))
    turned, same = mean_shift(points[order], 0.7)
    np.testing.assert_allclose(same, modes, rtol=1e-9)
    assert torch.equal(turned, labels[order])
    monkeypatch.setattr(module, "TILE", 500)
    tiled = mean_shift(points, 0.7)
    assert torch.equal(tiled[0], labels)
    np.testing.assert_allclose(tiled[1], modes, rtol=1e-12)


@pytest.mark.parametrize(
    "points, bandwidth, message",
    [
        (torch.ones(3), 1, r"\(3,\)"),
        (torch.ones(3, 4), 1, r"\(3, 4\)"),
        (torch.ones(0, 2), 1, r"\(0, 2\)"),
        (torch.full((2, 2), torch.nan), 1, "finite"),
        (torch.ones(3, 2), 0, "positive"),
        (torch.ones(3, 2), float("nan"), "positive"),
    ],
)
def test_refuses(points, bandwidth, message):
    with pytest.raises(ValueError, match=message):
        mean_shift(points, bandwidth)


INTERPRETED = """
import numpy as np, torch
from regard.kernels.mean_shift import window_sums
from regard.kernels.mean_shift_triton import window_sums as on_chip
random = np.random.default_rng(0)
for dimensions, n, m in ((3, 300, 70), (2, 129, 33), (1, 5, 1)):
    points, positions = (torch.from_numpy(random.random((count, dimensions))) for count in (n, m))
    for one, other in zip(on_chip(points, positions, 0.3), window_sums(points, positions, 0.3)):
        assert one.dtype == torch.float64 and torch.allclose(one, other, rtol=1e-12, atol=1e-12)
print("equal")
"""


def test_the_triton_kernel_is_the_plain_one():
    """Through Triton's interpreter, which must be asked for before Triton is imported."""
    pytest.importorskip("triton", reason="Triton comes with CUDA builds of torch alone")
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.strip() == "equal", done.stderr[-2000:]
