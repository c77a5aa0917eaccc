"""Integer grids for weights: w ≈ scale · q with q in a few bits."""

import enum

import numpy as np

from ultralif_deploy.program.weight_format import WeightFormat
from ultralif_deploy.quantization.adaptive_rounding import adapted
from ultralif_deploy.quantization.moments import Moment

CLIP_STEPS = 40
"""Clipping ranges tried between the largest weight and a quarter of it."""

_EXACT = 1e-4

LOIHI1_SUM = 32767
"""Largest current that Loihi 1 accumulates, by nengo-loihi's emulator: 21 bits after << 6."""

PROBED = 16
"""Weights of a row that are looked at first."""

PROBED_AT_ONCE = 1 << 17
"""Quotients of those that are held at once, few enough for the cache."""


class Multiples(enum.Enum):
    """By which factor the smallest integers of a grid are multiplied.

    A power of two divides the scale exactly, so that a sum of weights that equals the threshold
    still equals it afterwards. A leak that is not a whole number breaks such ties anyway.
    """

    SMALLEST = enum.member(np.ones_like)
    POWERS_OF_TWO = enum.member(lambda factor: np.exp2(np.floor(np.log2(factor))))
    ALL = enum.member(np.floor)


def round_to_grid(weight: np.ndarray, scale: np.ndarray, numbers: WeightFormat) -> np.ndarray:
    """Integers q [target, source] int8: nearest to weight/scale, ties to even, then clipped.

    Args:
        weight: float64 [target, source].
        scale: real value of one integer step, float64 [target].
        numbers: range of the integers.
    """
    return np.clip(np.rint(weight / scale[:, None]), numbers.low, numbers.high).astype(np.int8)


def fit_weights(
    weight: np.ndarray,
    numbers: WeightFormat,
    moment: Moment | None = None,
    *,
    shared: bool = False,
    least: np.ndarray | None = None,
    multiples: Multiples = Multiples.SMALLEST,
) -> tuple[np.ndarray, np.ndarray]:
    """Integers for weights, with the least squared error of the current that they carry.

    Minimizes E[((w − s·q)·X)²] = (w − s·q)ᵀ M (w − s·q) for each target neuron. `fit_scale` chooses
    the scale s for integers that are rounded to the nearest. Then `adapted` rounds single weights
    the other way, so that errors of inputs that are active together cancel out. Weights that
    already lie on a grid keep it.

    Args:
        weight: float64 [target, source].
        numbers: range of q.
        moment: M = E[X Xᵀ]; None is the identity.
        shared: one scale for all target neurons.
        least: same as in `fit_scale`.
        multiples: same as in `fit_scale`.

    Returns:
        scale: float64 [target], above 0.
        q: int8 [target, source].
    """
    moment = moment or Moment()
    scale, exact = fit_scale(
        weight, numbers, moment, shared=shared, least=least, multiples=multiples
    )
    q = round_to_grid(weight, scale, numbers)
    free = np.flatnonzero(~exact)
    if moment.coupled and len(free):
        q[free] = adapted(weight[free], scale[free], q[free], numbers, moment)
    return scale, q


def fit_scale(
    weight: np.ndarray,
    numbers: WeightFormat,
    moment: Moment | None = None,
    *,
    shared: bool = False,
    least: np.ndarray | None = None,
    multiples: Multiples = Multiples.SMALLEST,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose scales for weights that are rounded to the nearest integer.

    Tries a range of clipping values, refits s to the integers of each by least squares, and takes
    the one with the least squared error of the current. Weights that already lie on a grid keep it
    where `least` allows it, with the smallest integers or with multiples of them. Multiples make
    the unit of the membrane smaller.

    Args:
        weight: float64 [target, source].
        numbers: range of q.
        moment: M = E[X Xᵀ]; None is the identity.
        shared: one scale for all target neurons.
        least: smallest scale that the registers of each target neuron allow, float64 [target],
            at least 0; None for any.
        multiples: multiples of the smallest integers that are tried where weights lie on a grid.

    Returns:
        scale: float64 [target], above 0.
        exact: bool [target], whether the row lies on its grid already.
    """
    moment = moment or Moment()
    largest = np.abs(weight).max(axis=1, initial=0.0)
    floor = np.zeros(len(weight)) if least is None else least
    if shared:
        largest, floor = (np.full_like(v, v.max(initial=0.0)) for v in (largest, floor))
    # A neuron whose weights are all zero (or too small to divide by) may have any scale.
    silent = largest < np.finfo(np.float64).tiny * 1e6
    largest = np.where(silent, np.where(floor > 0, floor, 1.0), largest)
    # Where one scale is shared, all rows must lie on one grid.
    rows, tops = (weight.reshape(1, -1), largest[:1]) if shared else (weight, largest)
    found, on_grid = _existing_grid(rows, tops, numbers, floor[: len(rows)], multiples)
    scale, exact = np.full(len(weight), found), np.broadcast_to(on_grid, len(weight))
    free = np.flatnonzero(~exact)
    if len(free):
        scale[free] = _least_squares(
            weight[free], largest[free], numbers, moment, shared, floor[free]
        )
    return scale, exact


def _least_squares(
    weight: np.ndarray,
    largest: np.ndarray,
    numbers: WeightFormat,
    moment: Moment,
    shared: bool,
    floor: np.ndarray,
) -> np.ndarray:
    """The scale with the least squared error among those of several clipping values."""
    best_error = np.full(len(weight), np.inf)
    best_scale = np.maximum(largest / numbers.high, floor)
    # Where the registers need larger scales, try scales from that limit upwards.
    coarsest = np.maximum(largest / numbers.high, 2 * floor)
    product = moment.times(weight)
    for clip in np.geomspace(1.0, 4.0, CLIP_STEPS):
        tried = np.maximum(coarsest / clip, floor)
        scale, error = _refit(weight, product, tried, numbers, moment, shared, floor)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best_scale = np.where(better, scale, best_scale)
    return best_scale


def _refit(
    weight: np.ndarray,
    product: np.ndarray,
    scale: np.ndarray,
    numbers: WeightFormat,
    moment: Moment,
    shared: bool,
    floor: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares scale for the integers that `scale` gives, and the error it leaves.

    (w − s·q) M (w − s·q) = w M w − 2·s·(w M q) + s²·(q M q), so that wide layers cost one product
    by M for each scale tried; `product` is w M. The first term is the same for all.
    """
    q = round_to_grid(weight, scale, numbers).astype(np.float64)
    cross, square = np.einsum("ij,ij->i", product, q), moment.inner(q, q)
    if shared:
        cross, square = (np.full_like(v, v.sum()) for v in (cross, square))
    fitted = np.where((square > 0) & (cross > 0), cross / np.where(square > 0, square, 1.0), scale)
    # Take the refitted scale only if rounding with it gives the same integers.
    fitted = np.maximum(fitted, floor)
    stable = round_to_grid(weight, fitted, numbers) == q
    fitted = np.where(stable.all() if shared else stable.all(axis=1), fitted, scale)
    return fitted, fitted * (fitted * square - 2 * cross)


def _existing_grid(
    weight: np.ndarray,
    largest: np.ndarray,
    numbers: WeightFormat,
    floor: np.ndarray,
    multiples: Multiples,
) -> tuple[np.ndarray, np.ndarray]:
    """Scale of the grid that a row already lies on, and whether it lies on one that fits."""
    scale = largest / numbers.high
    exact = np.zeros(len(weight), dtype=bool)
    # A few weights rule out nearly every row; only the remaining rows are checked in full.
    likely = _likely_steps(weight, largest, numbers)
    for steps in np.flatnonzero(likely.any(axis=1)):
        candidate = largest / (steps + 1)
        rows = np.flatnonzero(likely[steps] & ~exact)
        rows = rows[_on_grid(weight[rows], candidate[rows], numbers)]
        if not len(rows):
            continue
        q = np.rint(weight[rows] / candidate[rows, None])
        square = np.einsum("ij,ij->i", q, q)
        refitted = np.einsum("ij,ij->i", weight[rows], q) / np.where(square > 0, square, 1.0)
        refitted = np.where(square > 0, refitted, candidate[rows])
        factor = _factor(q, refitted, numbers, floor[rows])
        scale[rows] = refitted / multiples.value(factor)
        exact[rows] = True
    return scale, exact & (scale >= floor * (1 - 1e-9))


def _first_weights(weight: np.ndarray) -> np.ndarray:
    """The first weights of each row that are not 0, `PROBED` of them, and zeros where it has fewer.

    A weight of 0 lies on every grid, and so do the largest weights of a row.
    """
    chosen = np.argsort(weight == 0, axis=1, kind="stable")[:, :PROBED]
    return np.take_along_axis(weight, chosen, axis=1)


def _likely_steps(weight: np.ndarray, largest: np.ndarray, numbers: WeightFormat) -> np.ndarray:
    """Whether a row lies on the grid whose largest weight is 1, 2, … steps, bool [steps, row]."""
    steps = np.arange(1, 1 - numbers.low)[:, None]
    likely = np.empty((len(steps), len(weight)), dtype=bool)
    rows = max(1, PROBED_AT_ONCE // (len(steps) * PROBED))
    for start in range(0, len(weight), rows):
        part = slice(start, start + rows)
        likely[:, part] = _on_grid(_first_weights(weight[part]), largest[part] / steps, numbers)
    return likely


def _factor(
    q: np.ndarray, scale: np.ndarray, numbers: WeightFormat, floor: np.ndarray
) -> np.ndarray:
    """Largest factor for the integers of a row that the format and the least scale allow.

    Sums that fit Loihi 1 still fit it afterwards.
    """
    up, down = q.max(axis=1, initial=0.0), -q.min(axis=1, initial=0.0)
    total = np.abs(q).sum(axis=1)
    factor = np.full(len(q), float(-numbers.low))
    for limit, value in ((numbers.high, up), (-numbers.low, down), (LOIHI1_SUM, total)):
        bound = (value > 0) & (value <= limit)
        factor = np.where(bound, np.minimum(factor, limit // np.maximum(value, 1.0)), factor)
    held = np.floor(scale / np.where(floor > 0, floor, scale) * (1 + 1e-12))
    return np.maximum(np.where(floor > 0, np.minimum(factor, held), factor), 1.0)


def _on_grid(weight: np.ndarray, scale: np.ndarray, numbers: WeightFormat) -> np.ndarray:
    """Whether all weights of a row are whole multiples of its scale within the format.

    Args:
        weight: float64 [row, source].
        scale: float64 [..., row].
        numbers: the format.

    Returns:
        bool [..., row].
    """
    q = np.rint(weight / scale[..., None])
    inside = ((q >= numbers.low) & (q <= numbers.high)).all(axis=-1)
    off = np.abs(weight - scale[..., None] * q).max(axis=-1, initial=0.0)
    on: np.ndarray = inside & (off <= _EXACT * scale)
    return on
