"""What a scanner makes of tissue: echoes of scatterers, attenuated on their way."""

from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

SPEED_OF_SOUND = 1.54  # mm / us


class Tissue(NamedTuple):
    """What the sound meets, as (depth, lateral) maps."""

    echo: np.ndarray  # dB relative to subcutaneous fat
    specular: np.ndarray  # linear amplitude of smooth surfaces, 0 and up
    attenuation: np.ndarray  # dB / cm / MHz, one way


def insonify(
    rng: np.random.Generator,
    tissue: Tissue,
    step: float,
    *,
    frequency: float,
    focus: float,
    f_number: float,
    looks: int = 1,
    noise: float = -95.0,
) -> np.ndarray:
    """Envelope (linear, 1 = fat at the surface) that a linear array receives from tissue, before
    any compensation.

    The maps have `step` mm between samples; `frequency` is in MHz, `focus` in mm, and `noise`, the
    electronic noise, in dB relative to fat at the surface. Vertical beams: each column is one line
    of sight.

    Scatterers are complex circular Gaussian, many per resolution cell, so the envelope of
    homogeneous tissue is Rayleigh distributed with mean / standard deviation 1.91 (Burckhardt 1978;
    Wagner et al. 1983). They are weighted by the two-way loss along their beam and blurred with a
    separable Gaussian pulse-echo response: axially two cycles long, laterally wavelength x f-number
    wide at the focus and hyperbolically wider away from it. `looks` > 1 averages the envelopes of
    independent looks, as spatial compounding does.
    """
    shape = tissue.echo.shape
    loss = 2 * frequency * np.cumsum(tissue.attenuation, axis=0) * step / 10
    loss = ndimage.gaussian_filter1d(
        loss, 0.5 / step, axis=1, mode="nearest"
    )  # the aperture looks around edges
    weight, mirror = 10 ** ((tissue.echo - loss) / 20), tissue.specular * 10 ** (-loss / 20)

    wavelength = SPEED_OF_SOUND / frequency
    depth = (np.arange(shape[0])[:, None] + 0.5) * step
    axial = (
        0.85 * wavelength / step
    )  # sigma in samples; full width at half maximum of two wavelengths
    rayleigh = 7 * wavelength * f_number**2  # mm over which the beam widens by sqrt(2)
    lateral = 0.55 * wavelength * f_number / step * np.sqrt(1 + ((depth - focus) / rayleigh) ** 2)
    transfer = np.exp(-2 * np.pi**2 * (fft.fftfreq(shape[1]) * lateral) ** 2)
    transfer += (
        0.15 * transfer**64
    )  # side lobes, eight times as wide: clutter that keeps cysts from being black
    energy = np.sqrt(
        4 * np.pi * axial * lateral
    )  # keeps the mean power of speckle at that of its scatterers

    envelope = np.zeros(shape)
    for _ in range(looks):
        scatterers, electronics = circular(rng, shape), circular(rng, shape)
        received = ndimage.gaussian_filter1d(
            weight * scatterers + mirror, axial, axis=0, mode="constant"
        )
        received = fft.ifft(fft.fft(received, axis=1) * transfer, axis=1) * energy
        envelope += np.abs(received + electronics * 10 ** (noise / 20)) / looks
    return envelope


def circular(rng, shape):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)
