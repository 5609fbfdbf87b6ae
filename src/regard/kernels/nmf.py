"""Non-negative matrix factorisation V = W H + rest, least squares, by hierarchical alternating
least squares (HALS).

Each column of W is moved to its optimum with all else fixed, then each row of H (Cichocki and Phan
2009). What V is needed for, V H' and W' V, costs most, so two sweeps are made with each (Gillis and
Glineur 2012). V may come in parts and is never held as a whole: a part gives its share of W' W and
W' V, and H needs nothing else. Several problems of the same V (other starts, other weights of its
rows) go through it together.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 32768  # rows at a time: their weights stay in the processor's cache
SWEEPS = 2  # of coordinate descent for each product with V


class Factors(NamedTuple):
    """What `nmf` gives."""

    dictionary: Tensor  # H (B, K, C), rows of length one; a component that nothing needs is zero
    # (iterations, B), float64: the norm of V - W H over that of V after each iteration on all rows
    errors: Tensor


def nmf(
    values: Tensor | Iterable[Tensor],
    start: Tensor,
    weights: Tensor | None = None,
    iterations: int = 200,
    tolerance: float = 1e-5,
) -> Factors:
    """Non-negative factorisation V = W H + rest by least squares, for several starts at once.

    Parameters
    ----------
    values : Tensor (n, C) or iterable of Tensor (n_i, C)
        V, non-negative, as a whole or in parts that can be iterated over repeatedly.
    start : Tensor (B, K, C)
        Starts of H, non-negative, for B fits of K components, on the device to compute on.
    weights : Tensor (B, n), optional
        Weight of each row in each fit, as in a bootstrap of patients.
    iterations : int
        Most iterations.
    tolerance : float
        Stop when an iteration lowers no fit's error by more than this share of it.

    Returns
    -------
    Factors
        dictionary H (B, K, C), its rows of length one, and errors (iterations, B).

    Raises
    ------
    ValueError
        For other shapes, negative or non-finite values, and a V of zeros.

    References
    ---------- Cichocki and Phan 2009, IEICE Trans Fundam E92-A (HALS); Gillis and Glineur 2012,
    Neural Comput 24 (several sweeps per product); Ang and Gillis 2019, Neural Comput 31
    (extrapolation).
    """
    if start.ndim != 3 or not torch.isfinite(start).all() or (start < 0).any():
        raise ValueError(
            f"the starts of H must be finite and non-negative (B, K, C), not {tuple(start.shape)}"
        )
    total = _checked(values, start, weights)
    dictionary, errors = _fit(values, start.clone(), weights, iterations, tolerance, total)
    length = dictionary.norm(dim=2, keepdim=True)
    return Factors(dictionary / torch.where(length > 0, length, 1.0), torch.stack(errors))


def nonnegative(
    values: Tensor, dictionary: Tensor, sweeps: int = 200, tolerance: float = 1e-6
) -> Tensor:
    """Non-negative weights W of V = W H + rest for a fixed H: least squares, row by row.

    Parameters
    ----------
    values : Tensor (n, C)
        V, >= 0.
    dictionary : Tensor (K, C)
        H, >= 0. A zero row has the weight 0.
    sweeps : int
        Most sweeps of coordinate descent.
    tolerance : float
        Stop when a sweep changes no weight by more than this share of the largest weight.

    Returns
    -------
    Tensor (n, K)
        W, >= 0.

    Raises
    ------
    ValueError
        For other shapes.
    """
    if values.ndim != 2 or dictionary.ndim != 2 or values.shape[1] != dictionary.shape[1]:
        raise ValueError(
            f"values (n, C) need a dictionary (K, C), not {tuple(values.shape)}, "
            f"{tuple(dictionary.shape)}"
        )
    found = [values.new_zeros(0, len(dictionary))]
    gram = (dictionary @ dictionary.T)[None]
    for part in _parts(values):
        weights = torch.zeros(
            1, len(dictionary), len(part), dtype=values.dtype, device=values.device
        )
        product = (dictionary @ part.T)[None]
        for _ in range(sweeps):
            before = weights.clone()
            _descend(weights, gram, product, 1)
            if (weights - before).abs().amax() <= tolerance * weights.amax():
                break
        found.append(weights[0].T)
    return torch.cat(found)


def nndsvda(values: Tensor | Iterable[Tensor], k: int) -> Tensor:
    """A start of H for `nmf` from the singular vectors of V (NNDSVDa).

    Of each singular vector the positive or the negative side is taken, whichever has the larger
    norm; zeros are set to the mean of V.

    Parameters
    ----------
    values : Tensor (n, C) or iterable of Tensor (n_i, C)
        V, non-negative.
    k : int
        Number of components, 1 .. C.

    Returns
    -------
    Tensor (k, C)

    Raises
    ------
    ValueError
        For a k outside 1 .. C.

    References
    ----------
    Boutsidis and Gallopoulos 2008, Pattern Recognition 41.
    """
    gram, total, count = torch.zeros(0), torch.zeros(()), 0
    for number, part in enumerate(_parts(values)):
        square, whole = (part.T @ part).double(), part.sum().double()
        gram, total = (gram + square, total + whole) if number else (square, whole)
        count += part.numel()
    if not 1 <= k <= len(gram):
        raise ValueError(
            f"a factorisation of {len(gram)} columns has from 1 to {len(gram)} components, not {k}"
        )
    squares, right = torch.linalg.eigh(gram)
    singular, right = squares.flip(0)[:k].clamp(min=0).sqrt(), right.flip(1)[:, :k]
    # squared length of u's positive and negative side
    sides = torch.zeros(2, k, dtype=torch.float64, device=gram.device)
    for part in _parts(values):
        left = (part @ right.to(part)).double() / singular.clamp(
            min=torch.finfo(torch.float64).tiny
        )
        sides += torch.stack([left.clamp(min=0).square().sum(0), left.clamp(max=0).square().sum(0)])
    rows = []
    for place in range(k):
        both = [right[:, place].clamp(min=0), (-right[:, place]).clamp(min=0)]
        if place == 0:
            rows.append(singular[0].sqrt() * right[:, 0].abs())
            continue
        sizes = [float(sides[side, place].sqrt() * both[side].norm()) for side in range(2)]
        chosen = both[sizes[1] > sizes[0]]
        rows.append(
            torch.sqrt(singular[place] * max(sizes)) * chosen / chosen.norm().clamp(min=1e-300)
        )
    found = torch.stack(rows)
    return torch.where(found < 1e-6, total / count, found).to(next(iter(_parts(values))).dtype)


def _parts(values: Tensor | Iterable[Tensor]) -> Iterator[Tensor]:
    for one in [values] if isinstance(values, Tensor) else values:
        yield from (one.split(CHUNK) if len(one) else ())


def _checked(values: Tensor | Iterable[Tensor], start: Tensor, weights: Tensor | None) -> Tensor:
    """The squared norm (B,), float64, of V as each fit weighs it."""
    sizes = []
    for part in _parts(values):
        if part.ndim != 2 or part.shape[1] != start.shape[2]:
            raise ValueError(
                f"parts of V must be (n, {start.shape[2]}) as the starts of H, not "
                f"{tuple(part.shape)}"
            )
        low, high = part.aminmax()
        if not 0 <= low <= high < torch.inf:
            raise ValueError(
                "V has a negative or non-finite value: factorise what comes after a ReLU"
            )
        squares = part.to(start.device).square().sum(1).double()
        sizes.append(squares)
    size = torch.cat(sizes) if sizes else torch.zeros(0)
    if weights is not None and weights.shape != (len(start), len(size)):
        raise ValueError(
            f"weights must be (fits, rows), {(len(start), len(size))}, not {tuple(weights.shape)}"
        )
    total = (
        size.sum().expand(len(start)) if weights is None else (weights.to(size) * size).sum(dim=1)
    )
    if not (total > 0).all():
        raise ValueError("V is zero, so there is nothing to factorise")
    return total


def _fit(
    values: Tensor | Iterable[Tensor],
    dictionary: Tensor,
    weights: Tensor | None,
    iterations: int,
    tolerance: float,
    total: Tensor,
) -> tuple[Tensor, list[Tensor]]:
    """HALS from `dictionary` (B, K, C): the new one, and the error after each iteration. total:
    squared norm of V.
    """
    stored, errors, last = [], [], torch.full_like(total, torch.inf)
    ahead, momentum, most = dictionary, torch.full_like(total, 0.5), torch.ones_like(total)
    for iteration in range(iterations):
        gram, begin = ahead @ ahead.mT, 0
        own, with_v = torch.zeros_like(gram), torch.zeros_like(dictionary)  # W' W and W' V
        for number, part in enumerate(_parts(values)):
            part = part.to(dictionary)
            product = (ahead.flatten(0, 1) @ part.T).view(*dictionary.shape[:2], len(part))
            if iteration == 0:
                stored.append(torch.zeros_like(product))
            _descend(stored[number], gram, product, SWEEPS if iteration else 4 * SWEEPS)
            counted = stored[number]
            if weights is not None:
                counted = counted * weights[:, None, begin : begin + len(part)].to(counted)
            own += counted @ stored[number].mT
            with_v += (counted.flatten(0, 1) @ part).view_as(with_v)
            begin += len(part)
        before, dictionary = dictionary, ahead.clone()
        _descend(dictionary, own, with_v, SWEEPS)
        fitted = (own.double() * (dictionary @ dictionary.mT).double()).sum((1, 2))
        rest = total - 2 * (with_v.double() * dictionary.double()).sum((1, 2)) + fitted
        error = (rest.clamp(min=0) / total).sqrt()
        errors.append(error.cpu())
        better = error < last
        if (last - error <= tolerance * error).all() and better.all():
            break
        # one step further in the direction of this one, ever bolder, until that was too far (Ang
        # and Gillis 2019)
        most = torch.where(better, (1.01 * most).clamp(max=1), momentum)
        step = torch.where(better, momentum, 0.0)[:, None, None].to(dictionary)
        ahead = (dictionary + step * (dictionary - before)).clamp(min=0)
        momentum = torch.where(better, torch.minimum(1.05 * momentum, most), momentum / 1.5)
        last = error
    return dictionary, errors


def _descend(factor: Tensor, gram: Tensor, product: Tensor, sweeps: int) -> None:
    """Coordinate descent, in place, of (B, K, m) `factor` towards the non-negative X with the least
    <X, gram X> - 2 <X, product>: each row to its optimum with the others fixed; to zero where its
    gram is zero."""
    size = gram.diagonal(dim1=1, dim2=2)[..., None]
    scale = torch.where(size > 0, 1 / size.clamp(min=torch.finfo(factor.dtype).tiny), 0.0)
    wanted, others = product * scale, gram * scale
    others.diagonal(dim1=1, dim2=2).zero_()
    moved = torch.empty_like(factor[:, :1])
    for _ in range(sweeps):
        for row in range(factor.shape[1]):
            one = slice(row, row + 1)
            torch.baddbmm(wanted[:, one], others[:, one], factor, alpha=-1, out=moved)
            torch.clamp(moved, min=0, out=factor[:, one])
