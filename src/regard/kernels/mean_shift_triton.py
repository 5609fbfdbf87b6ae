"""The window sums of `regard.kernels.mean_shift` as a Triton kernel: no pair of a position and a
point leaves the chip.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

POSITIONS, POINTS = 32, 128  # of a tile


@triton.jit
def _window_sums(
    points, positions, sums, n, m, squared, POSITIONS: tl.constexpr, POINTS: tl.constexpr
):
    within = tl.load(squared)
    row = tl.program_id(0) * POSITIONS + tl.arange(0, POSITIONS)
    x = tl.load(positions + row, mask=row < m, other=0.0)
    y = tl.load(positions + m + row, mask=row < m, other=0.0)
    z = tl.load(positions + 2 * m + row, mask=row < m, other=0.0)
    total_x, total_y, total_z, count = x * 0, x * 0, x * 0, x * 0
    for start in range(0, n, POINTS):
        column = start + tl.arange(0, POINTS)
        there = column < n
        a = tl.load(points + column, mask=there, other=0.0)[None, :]
        b = tl.load(points + n + column, mask=there, other=0.0)[None, :]
        c = tl.load(points + 2 * n + column, mask=there, other=0.0)[None, :]
        away_x, away_y, away_z = x[:, None] - a, y[:, None] - b, z[:, None] - c
        near = (away_x * away_x + away_y * away_y + away_z * away_z <= within) & there[None, :]
        total_x += tl.sum(tl.where(near, a, 0.0), axis=1)
        total_y += tl.sum(tl.where(near, b, 0.0), axis=1)
        total_z += tl.sum(tl.where(near, c, 0.0), axis=1)
        count += tl.sum(tl.where(near, 1.0, 0.0), axis=1)
    tl.store(sums + row, total_x, mask=row < m)
    tl.store(sums + m + row, total_y, mask=row < m)
    tl.store(sums + 2 * m + row, total_z, mask=row < m)
    tl.store(sums + 3 * m + row, count, mask=row < m)


def window_sums(points: Tensor, positions: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
    """As `regard.kernels.mean_shift.window_sums`, on the device of the points."""
    n, m, dimensions = len(points), len(positions), points.shape[1]

    def by_axis(given):
        return torch.nn.functional.pad(given.double(), (0, 3 - dimensions)).T.contiguous()

    sums = torch.empty(4, m, dtype=torch.float64, device=points.device)
    # the squared bandwidth as an array of one: a number given to a kernel is rounded to single
    # precision
    squared = torch.full((1,), bandwidth**2, dtype=torch.float64, device=points.device)
    _window_sums[(triton.cdiv(m, POSITIONS),)](
        by_axis(points), by_axis(positions), sums, n, m, squared, POSITIONS=POSITIONS, POINTS=POINTS
    )
    return sums[:dimensions].T, sums[3]
