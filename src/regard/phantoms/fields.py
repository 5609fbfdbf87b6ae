"""Random fields, and borders between tissues."""

import numpy as np
from scipy import fft


def random_field(
    rng: np.random.Generator, shape: tuple[int, int], axial: float, lateral: float
) -> np.ndarray:
    """Periodic Gaussian random field, mean 0 and variance 1, smoothed by Gaussians of the given
    sigmas in samples.
    """
    rows, columns = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])
    transfer = np.exp(-2 * np.pi**2 * ((rows * axial) ** 2 + (columns * lateral) ** 2))
    transfer[0, 0] = 0
    smooth = fft.irfft2(fft.rfft2(rng.standard_normal(shape)) * transfer, shape)
    return smooth / smooth.std()


def interface(level: np.ndarray, step: float, width: float) -> np.ndarray:
    """Specular strength, 0 to 1, of the surface level = 0: a line of sigma `width` mm, fading where
    it runs upright.

    A flat surface returns sound to a vertical beam in proportion to the cosine of its tilt;
    dividing the level by its gradient turns it into a distance, so that the line is equally thick
    everywhere.
    """
    down, across = np.gradient(level, step)
    slope = np.hypot(down, across) + 1e-9
    return np.exp(-0.5 * (level / slope / width) ** 2) * np.abs(down) / slope
