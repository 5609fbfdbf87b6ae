"""What a sonographer burns into an image: callipers and text."""

import numpy as np

from regard.phantoms.breast_layers import SIZE
from regard.phantoms.letters import GLYPHS


def _write(grey, text, row, column):
    """Burn text into the image in place, its top left corner at row, column; what falls outside is
    lost.
    """
    for place, letter in enumerate(text):
        for down, line in enumerate(GLYPHS[letter].split()):
            for right, bit in enumerate(line):
                if bit == "1":
                    _dot(grey, row + down, column + 4 * place + right)


def _dot(grey, row, column):
    if 0 <= row < SIZE and 0 <= column < SIZE:
        grey[row, column] = 235


def burn_callipers(rng: np.random.Generator, grey: np.ndarray, mask: np.ndarray) -> None:
    """Crosses at the ends of the mass's widest row and tallest column, dotted lines between them,
    and 1 and 2.
    """
    row, column = int(mask.sum(axis=1).argmax()), int(mask.sum(axis=0).argmax())
    left, right = np.flatnonzero(mask[row])[[0, -1]] + rng.integers(-2, 3, 2)
    top, bottom = np.flatnonzero(mask[:, column])[[0, -1]] + rng.integers(-2, 3, 2)
    slant = rng.integers(-4, 5, 2)
    for number, (start, end) in enumerate(
        [
            ((row - slant[0], left), (row + slant[0], right)),
            ((top, column - slant[1]), (bottom, column + slant[1])),
        ],
        1,
    ):
        for share in np.arange(0, 1, 3 / max(np.hypot(end[0] - start[0], end[1] - start[1]), 3)):
            _dot(grey, *(int(round(a + share * (b - a))) for a, b in zip(start, end, strict=True)))
        for row_, column_ in (start, end):
            for reach in range(-2, 3):
                _dot(grey, row_ + reach, column_)
                _dot(grey, row_, column_ + reach)
        _write(grey, str(number), end[0] + 2, end[1] + 4)


def burn_text(rng: np.random.Generator, grey: np.ndarray) -> None:
    """A label near one of the edges and, in half of the images, a centimetre scale along the right
    side.
    """
    text = str(
        rng.choice(
            ["RT", "LT", "RT BREAST", "LT BREAST", "RT AX", "LT 10:00", "RT 2:00", "LT 6:30"]
        )
    )
    row = int(rng.choice([rng.integers(4, 12), rng.integers(SIZE - 20, SIZE - 8)]))
    _write(grey, text, row, int(rng.integers(4, SIZE - 4 * len(text) - 4)))
    if rng.random() < 0.5:
        for tick in range(0, SIZE, 8):
            grey[tick, SIZE - (5 if tick % 40 == 0 else 3) :] = 200
