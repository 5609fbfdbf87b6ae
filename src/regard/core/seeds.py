"""Seeds of what they belong to: of rows of tables, and of images by their content, so that neither
batch nor order matters."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def seed_of(*key: object) -> int:
    """A seed that depends on `key` alone, so that adding rows to a table changes no other row."""
    return zlib.crc32("\x1f".join(map(str, key)).encode())


def generator(seed: int, image: Tensor, method: str) -> np.random.Generator:
    """A generator of random numbers for one image and method.

    Parameters
    ----------
    seed : int
    image : Tensor (C, H, W)
        Its content, rounded to 1/64, is part of the seed: the same on CPU and CUDA.
    method : str

    Returns
    -------
    np.random.Generator
    """
    import torch  # takes seconds, and a table's seeds need none

    content = (
        image.detach().cpu().float().mul(64).round().to(torch.int64).to(torch.int16).contiguous()
    )  # the last bits differ there
    return np.random.default_rng(
        [seed, zlib.crc32(method.encode()), zlib.crc32(content.numpy().tobytes())]
    )


def drawn(seed: int, image: Tensor, method: str) -> int:
    """A seed for one image and method, for libraries that have random numbers of their own."""
    return int(generator(seed, image, method).integers(2**31))


@contextmanager
def numpy_seeded(seed: int) -> Iterator[None]:
    """numpy's global random numbers, which the shap library draws from, seeded and then put back as
    they were.
    """
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)
