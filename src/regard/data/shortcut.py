"""A shortcut on purpose: a small burnt-in marker that follows the label in training and says
nothing in testing.

A network that learns it looks good on the patients it was tuned on and cheats (Zech et al., PLOS
Med 2018; DeGrave et al., Nat Mach Intell 2021). Since the marker's place is known, one can ask
which heat map exposes it.
"""

from collections.abc import Sequence

import numpy as np

from regard.core.seeds import seed_of

CHANCE = 0.5  # of a marker in the test split, whatever the label
SIDE = 0.11  # of the plate, as a share of the image's shorter side, at least its nine pixels
LETTER = np.array(
    [[int(pixel) for pixel in row] for row in ("1110", "1001", "1110", "1010", "1001")], bool
)  # an R


def present(
    cases: Sequence[str], positive: np.ndarray, split: np.ndarray, strength: float, seed: int
) -> np.ndarray:
    """Which cases carry the marker.

    In train and tune a positive case carries it with probability `strength` and a negative one with
    1 - `strength`; an unknown one, and each in test, with CHANCE. The result of a case depends on
    its name and the seed alone.

    Parameters
    ----------
    cases : sequence of str
    positive : ndarray (N,)
        1, 0, or NaN where it is unknown.
    split : ndarray (N,)
    strength : float
        Above CHANCE, at most 1.
    seed : int

    Returns
    -------
    ndarray (N,)
        bool.

    Raises
    ------
    ValueError
        For another strength.
    """
    if not CHANCE < strength <= 1:
        raise ValueError(
            f"shortcut must be 0 (no marker) or above {CHANCE} and at most 1, not {strength}"
        )
    drawn = np.array(
        [np.random.default_rng(seed_of(seed, "shortcut", case)).random() for case in cases]
    )
    positive = np.asarray(positive, dtype=float)
    follows = np.where(positive == 1, strength, 1 - strength)
    return drawn < np.where((np.asarray(split) == "test") | np.isnan(positive), CHANCE, follows)


def burn(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An image with the marker in its upper left: a dark plate with a bright letter.

    Parameters
    ----------
    image : ndarray (H, W) or (H, W, 3)
        uint8; it is copied.

    Returns
    -------
    image : ndarray
    mask : ndarray (H, W)
        bool, where the marker is.

    Raises
    ------
    ValueError
        For an image that is too small.
    """
    height, width = image.shape[:2]
    side = max(9, round(SIDE * min(height, width)))
    edge = max(2, side // 3)
    if min(height, width) < 2 * (side + edge):
        raise ValueError(
            f"an image of {width} x {height} pixels is too small for a marker of {side} pixels"
        )
    rows = (np.arange(side - 4) * LETTER.shape[0]) // (side - 4)
    columns = (np.arange(side - 4) * LETTER.shape[1]) // (side - 4)
    plate = np.full((side, side), 10, np.uint8)
    plate[2:-2, 2:-2][LETTER[np.ix_(rows, columns)]] = 245
    marked, mask = image.copy(), np.zeros((height, width), bool)
    where = (slice(edge, edge + side), slice(edge, edge + side))
    marked[where] = plate if image.ndim == 2 else plate[..., None]
    mask[where] = True
    return marked, mask
