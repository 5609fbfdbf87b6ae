"""Fractals drawn from formulas, as images to pre-train on.

After Kataoka et al., "Pre-training without Natural Images" (ACCV 2020; IJCV 2022): a category is
one iterated function system (IFS), and its instances vary the system's parameters and the patch
that is drawn at each point. The systems are sampled by their singular values after Anderson and
Farrell, "Improving Fractal Pre-training" (WACV 2022), which keeps to well-spread shapes. Every
image depends on (seed, category, instance) only, however many are drawn.
"""

import numpy as np
from scipy.ndimage import convolve
from tqdm import tqdm

MAPS = (2, 8)  # fewest and most affine maps in a system, as in Kataoka et al.
# a category must visit more than this share of the pixels (the filling rate of Kataoka et al.) ...
FILL = 0.2
# ... of a square frame of FILL_SIZE pixels, in FILL_POINTS points
FILL_SIZE, FILL_POINTS = 64, 16384
# range of the factor on one coefficient of all maps that makes an instance (Kataoka et al.)
WEIGHTS = (0.8, 1.2)
LARGEST = 0.95  # largest singular value of a map after it was varied, so that every map contracts
# points that are moved at once, and the steps they make towards the attractor unrecorded
WALKERS, WARM_UP = 1024, 20


def category(seed: int, index: int) -> np.ndarray:
    """The iterated function system of one category.

    Systems are sampled until one fills more than FILL of its frame.

    Parameters
    ----------
    seed, index : int

    Returns
    -------
    ndarray (maps, 2, 3)
        Contracting affine maps of the plane, x -> a[:, :2] @ x + a[:, 2].
    """
    generator = np.random.default_rng((seed, index, 0))
    while True:
        maps = _sample(generator)
        counts = _visits(maps, generator, FILL_SIZE, FILL_POINTS)
        if np.count_nonzero(counts) > FILL * counts.size:
            return maps


def _sample(generator: np.random.Generator) -> np.ndarray:
    """Affine maps (maps, 2, 3) with singular values below LARGEST and translations in [-1, 1].

    The sum over the maps of (larger + 2 * smaller singular value) lies between (5 + maps) / 2 and
    (6 + maps) / 2, where Anderson and Farrell found the well-spread fractals: neither dust nor a
    filled blob.
    """
    number = generator.integers(MAPS[0], MAPS[1] + 1)
    while True:
        larger = generator.uniform(0, LARGEST, number)
        smaller = generator.uniform(0, larger)
        if (5 + number) / 2 <= (larger + 2 * smaller).sum() <= (6 + number) / 2:
            break
    scales = np.stack(
        [larger, smaller * generator.choice((-1, 1), number)], axis=1
    )  # -1: the map also reflects
    left, right = (_rotations(generator.uniform(0, 2 * np.pi, number)) for _ in range(2))
    linear = left * scales[:, None] @ right
    return np.concatenate([linear, generator.uniform(-1, 1, (number, 2, 1))], axis=2)


def _rotations(angles: np.ndarray) -> np.ndarray:
    """Rotation matrices (N, 2, 2) by `angles` (N,) in radians."""
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.stack([cosine, -sine, sine, cosine], axis=1).reshape(-1, 2, 2)


def _vary(maps: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """`maps` with one of the six coefficients, the same one in all maps, scaled by a factor in
    WEIGHTS; contracting.
    """
    varied = maps.copy()
    varied[:, generator.integers(2), generator.integers(3)] *= generator.uniform(*WEIGHTS)
    norms = np.linalg.norm(varied[:, :, :2], ord=2, axis=(1, 2))
    varied[:, :, :2] *= np.minimum(1, LARGEST / norms)[:, None, None]
    return varied


def _visits(maps: np.ndarray, generator: np.random.Generator, size: int, points: int) -> np.ndarray:
    """Visits per pixel, int64 (size, size), of at least `points` points of the chaos game, scaled
    to fill the frame.
    """
    # a map is taken in proportion to the area it covers; the floor lets a nearly singular map draw
    # its line
    areas = np.abs(np.linalg.det(maps[:, :, :2])) + 0.01
    steps = WARM_UP + -(-points // WALKERS)
    choices = np.searchsorted(
        np.cumsum(areas / areas.sum())[:-1], generator.random((steps, WALKERS))
    )
    (a, b, c), (d, e, f) = maps.transpose(1, 2, 0)
    x, y = np.zeros((2, WALKERS))
    steps_of_all = np.empty((2, steps, WALKERS))
    for step, chosen in enumerate(choices):
        x, y = a[chosen] * x + b[chosen] * y + c[chosen], d[chosen] * x + e[chosen] * y + f[chosen]
        steps_of_all[:, step] = x, y
    path = steps_of_all[:, WARM_UP:].reshape(2, -1)
    low, high = path.min(axis=1, keepdims=True), path.max(axis=1, keepdims=True)
    column, row = ((path - low) / np.maximum(high - low, 1e-9) * (size - 1) + 0.5).astype(np.int64)
    return np.bincount(row * size + column, minlength=size * size).reshape(size, size)


def render(
    maps: np.ndarray, generator: np.random.Generator, size: int = 112, points: int = 32768
) -> np.ndarray:
    """One instance of a system as a grey image.

    Parameters
    ----------
    maps : ndarray (maps, 2, 3)
    generator : np.random.Generator
    size : int
        Pixels a side.
    points : int
        At each of them a random 3 x 3 patch is drawn (patch rendering).

    Returns
    -------
    ndarray (size, size)
        uint8: the logarithm of the number of times a pixel was drawn, 255 the most. The paper draws
        in black and white, but these features are for grey textures.

    References
    ----------
    Kataoka et al. 2020, ACCV.
    """
    counts = _visits(_vary(maps, generator), generator, size, points)
    patch = generator.integers(0, 2, (3, 3))
    patch[1, 1] = 1  # never an empty patch
    density = np.log1p(convolve(counts, patch, mode="constant"))
    return np.rint(255 * density / density.max()).astype(np.uint8)


def dataset(seed: int, categories: int, instances: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """All instances of all categories, in order.

    Parameters
    ----------
    seed, categories, instances, size : int
        `size` in pixels a side.

    Returns
    -------
    images : ndarray (categories * instances, size, size)
        uint8.
    labels : ndarray (categories * instances,)
        int64.
    """
    images = np.empty((categories, instances, size, size), np.uint8)
    for index in tqdm(range(categories), desc="fractals", unit="category", disable=None):
        maps = category(seed, index)
        for instance in range(instances):
            # 1 + instance: 0 draws the category itself
            images[index, instance] = render(
                maps, np.random.default_rng((seed, index, 1 + instance)), size
            )
    return images.reshape(-1, size, size), np.repeat(np.arange(categories), instances)
