"""Integer grids for weights: w ≈ scale · q with q in a few bits."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import UltralifError

TERNARY = "ternary"
CLIP_STEPS = 40
"""Clipping ranges tried between the largest weight and a quarter of it."""

FULL_MOMENT_INPUTS = 4096
"""Up to this many inputs the error is weighted by all second moments, above by the diagonal."""

_EXACT = 1e-4

PROBED = 16
"""Weights of a row that are looked at first."""


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """Range of the integers q.

    Attributes:
        name: `8`, …, `2` or `ternary`, as on the command line.
        low: smallest q.
        high: largest q.
    """

    name: str
    low: int
    high: int

    @property
    def bits(self) -> float:
        """Information per weight: the bits, or log2(3) for ternary."""
        return float(np.log2(3)) if self.name == TERNARY else float(int(self.name))

    @property
    def stored_bits(self) -> int:
        """Bits of one weight in memory, two's complement: 2 for ternary."""
        return int(np.ceil(self.bits))


def weight_format(bits: int | str) -> WeightFormat:
    """Format for 2 to 8 bits (two's complement, full range) or `ternary` (−1, 0, 1).

    Raises:
        UltralifError: anything else.
    """
    name = str(bits).strip().lower()
    if name == TERNARY:
        return WeightFormat(name, -1, 1)
    if name not in {"2", "3", "4", "5", "6", "7", "8"}:
        raise UltralifError(f"bits = {bits}; expected 2 to 8 or ternary")
    half = 1 << (int(name) - 1)
    return WeightFormat(name, -half, half - 1)


def round_to_grid(weight: np.ndarray, scale: np.ndarray, form: WeightFormat) -> np.ndarray:
    """Integers q [target, source] int8: nearest to weight/scale, ties to even, then clipped."""
    return np.clip(np.rint(weight / scale[:, None]), form.low, form.high).astype(np.int8)


def fit_scale(
    weight: np.ndarray,
    form: WeightFormat,
    moment: np.ndarray | None = None,
    *,
    shared: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose scales by least squared error of the current on calibration inputs.

    Minimises E[((w − s·q)·x)²] = (w − s·q)ᵀ M (w − s·q) per target neuron over a range of
    clipping values, with s refitted by least squares to the q that each gives. Weights that
    already lie on a grid keep it.

    Args:
        weight: float64 [target, source].
        form: range of q.
        moment: M = E[x xᵀ] float64 [source, source], or its diagonal [source]; None is the
            identity.
        shared: one scale for all target neurons.

    Returns:
        scale: float64 [target], above 0.
        q: int8 [target, source].
    """
    largest = np.abs(weight).max(axis=1, initial=0.0)
    largest = np.full_like(largest, largest.max(initial=0.0)) if shared else largest
    # A neuron whose weights are all zero (or too small to divide by) may have any scale.
    largest = np.where(largest < np.finfo(np.float64).tiny * 1e6, 1.0, largest)
    best_error = np.full(len(weight), np.inf)
    best_scale = largest / form.high
    for clip in np.geomspace(1.0, 4.0, CLIP_STEPS):
        scale, error = _refit(weight, largest / (form.high * clip), form, moment, shared)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best_scale = np.where(better, scale, best_scale)
    # Where one scale is shared, all rows must lie on one grid.
    rows, tops = (weight.reshape(1, -1), largest[:1]) if shared else (weight, largest)
    exact_scale, exact = _existing_grid(rows, tops, form)
    best_scale = np.where(exact, exact_scale, best_scale)
    return best_scale, round_to_grid(weight, best_scale, form)


def _refit(
    weight: np.ndarray,
    scale: np.ndarray,
    form: WeightFormat,
    moment: np.ndarray | None,
    shared: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares scale for the integers that `scale` gives, and the error it leaves."""
    q = round_to_grid(weight, scale, form).astype(np.float64)
    cross, square = _inner(weight, q, moment), _inner(q, q, moment)
    if shared:
        cross, square = (np.full_like(v, v.sum()) for v in (cross, square))
    fitted = np.where((square > 0) & (cross > 0), cross / np.where(square > 0, square, 1.0), scale)
    # The refitted scale must reproduce the same integers, or the error would not be its own.
    stable = round_to_grid(weight, fitted, form) == q
    fitted = np.where(stable.all() if shared else stable.all(axis=1), fitted, scale)
    rest = weight - fitted[:, None] * round_to_grid(weight, fitted, form)
    error = _inner(rest, rest, moment)
    return fitted, np.full_like(error, error.sum()) if shared else error


def _inner(a: np.ndarray, b: np.ndarray, moment: np.ndarray | None) -> np.ndarray:
    """Per row aᵀ M b."""
    if moment is None:
        return np.einsum("ij,ij->i", a, b)
    return np.einsum("ij,ij->i", a * moment if moment.ndim == 1 else a @ moment, b)


def _existing_grid(
    weight: np.ndarray, largest: np.ndarray, form: WeightFormat
) -> tuple[np.ndarray, np.ndarray]:
    """Scale of the grid that a row already lies on, and whether it lies on one."""
    scale = largest / form.high
    exact = np.zeros(len(weight), dtype=bool)
    for steps in range(1, -form.low + 1):
        candidate = largest / steps
        # A few weights rule out nearly every row, and the others need not be looked at.
        likely = ~exact & _on_grid(weight[:, :PROBED], candidate, form)
        rows = np.flatnonzero(likely)
        rows = rows[_on_grid(weight[rows], candidate[rows], form)]
        q = np.rint(weight[rows] / candidate[rows, None])
        square = np.einsum("ij,ij->i", q, q)
        refitted = np.einsum("ij,ij->i", weight[rows], q) / np.where(square > 0, square, 1.0)
        scale[rows] = np.where(square > 0, refitted, candidate[rows])
        exact[rows] = True
    return scale, exact


def _on_grid(weight: np.ndarray, scale: np.ndarray, form: WeightFormat) -> np.ndarray:
    """Whether all weights of a row are whole multiples of its scale within the format."""
    q = np.rint(weight / scale[:, None])
    inside = ((q >= form.low) & (q <= form.high)).all(axis=1)
    off = np.abs(weight - scale[:, None] * q).max(axis=1, initial=0.0)
    on: np.ndarray = inside & (off <= _EXACT * scale)
    return on


def second_moment(inputs: np.ndarray) -> np.ndarray:
    """E[x xᵀ] over rows of inputs [row, source], or its diagonal for very wide inputs."""
    x = inputs.astype(np.float64)
    if x.shape[1] > FULL_MOMENT_INPUTS:
        return np.einsum("ij,ij->j", x, x) / len(x)
    return x.T @ x / len(x)
