"""Non-negative matrix factorisation against scikit-learn, scipy and a factorisation that is
known.
"""

import numpy as np
import pytest
import torch
from memory import peak
from scipy.optimize import nnls
from sklearn.decomposition import NMF
from sklearn.decomposition._nmf import _initialize_nmf

from regard.concepts.clusters import matched
from regard.kernels import nmf, nndsvda, nonnegative

RANDOM = np.random.default_rng(0)


def made(rows=600, channels=30, k=4, noise=0.2, dtype=np.float64):
    values = RANDOM.gamma(0.4, 1, (rows, k)) @ RANDOM.gamma(0.4, 1, (k, channels))
    return torch.from_numpy((values + noise * RANDOM.gamma(0.5, 1, values.shape)).astype(dtype))


def error(values, rows):
    return float((values - nonnegative(values, rows) @ rows).norm() / values.norm())


@pytest.mark.parametrize("k", [1, 3, 4])
def test_the_start_is_that_of_scikit_learn(k):
    """Of no more components than there are: its randomised SVD guesses those of noise."""
    values = made(noise=0.01)
    _, wanted = _initialize_nmf(values.numpy(), k, init="nndsvda", random_state=0)
    np.testing.assert_allclose(nndsvda(values, k), wanted, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("k", [2, 4, 8])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_error_is_no_larger_than_scikit_learns(k, dtype):
    values = made(dtype=dtype)
    peer = NMF(k, init="nndsvda", max_iter=400, random_state=0)
    weights = peer.fit_transform(values.numpy())
    theirs = np.linalg.norm(values - weights @ peer.components_) / np.linalg.norm(values)
    found = nmf(values, nndsvda(values, k)[None])
    assert error(values, found.dictionary[0]) <= theirs * (1 + 1e-3)
    assert found.errors[-1, 0].item() == pytest.approx(error(values, found.dictionary[0]), rel=2e-3)
    assert (found.dictionary >= 0).all()
    torch.testing.assert_close(found.dictionary.norm(dim=2), torch.ones(1, k, dtype=values.dtype))


def test_a_factorisation_that_is_there_is_found():
    """Separable: each component is alone in some rows, so that it is unique but for order and
    scale.
    """
    rows = torch.from_numpy(RANDOM.gamma(0.3, 1, (4, 25)))
    weights = torch.from_numpy(np.concatenate([np.eye(4), RANDOM.gamma(0.3, 1, (300, 4))]))
    found = nmf(weights @ rows, nndsvda(weights @ rows, 4)[None], iterations=2000, tolerance=1e-9)
    assert matched(found.dictionary[0], rows)[0] > 0.999 and found.errors[-1, 0] < 1e-2


def test_errors_fall_and_the_log_ends_when_they_stop():
    values = made()
    found = nmf(values, nndsvda(values, 5)[None], tolerance=1e-4)
    assert 2 < len(found.errors) < 200 and found.errors[-1] < found.errors[0]
    assert (found.errors[-2] - found.errors[-1]) <= 1e-4 * found.errors[-1]
    assert len(nmf(values, nndsvda(values, 5)[None], iterations=3).errors) == 3


def test_parts_and_their_sizes_do_not_matter():
    values = made()
    start = nndsvda(values, 4)
    torch.testing.assert_close(nndsvda(list(values.split(77)), 4), start)
    whole, parts = (
        nmf(given, start[None]).dictionary for given in (values, list(values.split(77)))
    )
    torch.testing.assert_close(parts, whole, rtol=1e-6, atol=1e-8)


def test_fits_beside_each_other_are_fits_alone():
    values = made()
    starts = torch.from_numpy(RANDOM.random((3, 4, 30)))
    counts = torch.from_numpy(RANDOM.integers(0, 3, (3, 600)).astype(float))
    together = nmf(values, starts, counts, iterations=20, tolerance=0)
    for fit in range(3):
        alone = nmf(
            values, starts[fit : fit + 1], counts[fit : fit + 1], iterations=20, tolerance=0
        )
        torch.testing.assert_close(
            together.dictionary[fit], alone.dictionary[0], rtol=1e-6, atol=1e-9
        )


def test_a_weight_is_so_many_rows():
    values = made()
    start = nndsvda(values, 4)[None]
    counts = torch.from_numpy(RANDOM.integers(0, 3, (1, 600)))
    repeated = nmf(values.repeat_interleave(counts[0], dim=0), start, iterations=15, tolerance=0)
    torch.testing.assert_close(
        nmf(values, start, counts.double(), iterations=15, tolerance=0).dictionary,
        repeated.dictionary,
        rtol=1e-6,
        atol=1e-9,
    )


def test_weights_for_a_fixed_dictionary_are_least_squares():
    values, rows = made(40, 30), torch.from_numpy(RANDOM.gamma(0.5, 1, (6, 30)))
    wanted = np.stack([nnls(rows.T.numpy(), row)[0] for row in values.numpy()])
    np.testing.assert_allclose(
        nonnegative(values, rows, sweeps=2000, tolerance=1e-12), wanted, atol=1e-6
    )
    assert nonnegative(values[:0], rows).shape == (0, 6)


def test_a_row_of_zeros_has_no_weight_and_stays():
    values = made(channels=10)
    start = torch.cat([nndsvda(values, 2), torch.zeros(1, 10, dtype=torch.float64)])
    assert (nonnegative(values, start)[:, 2] == 0).all()
    found = nmf(values, start[None])
    assert (found.dictionary[0, 2] == 0).all() and torch.isfinite(found.dictionary).all()


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda v, s: (-v, s), "V has a negative or non-finite value"),
        (lambda v, s: (torch.full_like(v, torch.nan), s), "V has a negative or non-finite value"),
        (lambda v, s: (v * 0, s), "V is zero"),
        (lambda v, s: (v[:, :5], s), r"parts of V must be \(n, 30\)"),
        (lambda v, s: (v, s[0]), "the starts of H must be"),
        (lambda v, s: (v, -s), "the starts of H must be"),
    ],
)
def test_what_cannot_be_factorised_is_refused(change, message):
    values = made()
    with pytest.raises(ValueError, match=message):
        nmf(*change(values, nndsvda(values, 3)[None]))


def test_other_wrong_shapes_are_refused():
    values = made()
    with pytest.raises(ValueError, match="weights must be"):
        nmf(values, nndsvda(values, 3)[None], torch.ones(1, 5))
    with pytest.raises(ValueError, match="from 1 to 30 components, not 31"):
        nndsvda(values, 31)
    with pytest.raises(ValueError, match="need a dictionary"):
        nonnegative(values, torch.ones(3, 5))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_finds_what_the_processor_finds():
    values = made()
    start = nndsvda(values, 4)[None]
    here, there = nmf(values, start), nmf(values.cuda(), start.cuda())
    torch.testing.assert_close(there.dictionary.cpu(), here.dictionary, atol=1e-6, rtol=1e-6)
    weights = nonnegative(values.cuda(), there.dictionary[0])
    torch.testing.assert_close(
        weights.cpu(), nonnegative(values, here.dictionary[0]), atol=1e-5, rtol=1e-5
    )


def test_memory_is_that_of_a_part_and_of_the_weights():
    """Parts of V are made when they are asked for, and gone afterwards: what is held are W, a part
    and H.
    """
    rows, channels, k = 500, 64, 4
    base = torch.rand(rows, channels, generator=torch.Generator().manual_seed(0))
    held = {}

    class Parts:
        def __init__(self, count: int):
            self.count = count

        def __iter__(self):
            return (base.roll(shift, dims=1) for shift in range(self.count))

    for count in (10, 80):
        held[count] = peak(lambda: nmf(Parts(count), nndsvda(Parts(count), k)[None], iterations=2))
    part, weights = 4 * rows * channels, 4 * rows * k
    assert part < held[10] and held[80] < 0.25 * 80 * part
    assert held[80] - held[10] < 70 * 2.5 * weights, (
        "beside W a row's squared length, in double precision"
    )
