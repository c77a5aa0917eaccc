"""The linear nodes of NIR between two populations, composed into one linear map each.

A signal is a sum of terms, one per source and delay, plus a constant. A node acts on every term:
Affine after Affine is a matrix product, a pool after a convolution one convolution.
"""

import math
import reprlib
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.composition import DENSE_LIMIT, Composed, Diagonal
from ultralif_deploy.program.graph import AnyMap, Conv2d, Dense, Identity, LinearMap
from ultralif_deploy.readers.nir.neurons import spread

LINEAR = (
    nir.Affine,
    nir.AvgPool2d,
    nir.Conv1d,
    nir.Conv2d,
    nir.Delay,
    nir.Flatten,
    nir.Linear,
    nir.Scale,
    nir.SumPool2d,
)
"""Node types without a state of their own (a Delay becomes delay lines)."""

MAX_NEURONS = 1 << 24
"""Values in one signal; a tiny file can declare any number."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """What arrives somewhere: Σ map(source, `delay` timesteps ago) + bias.

    Attributes:
        shape: shape of the values, as the nodes see it; the maps see them flattened.
        terms: linear map by (source, delay in timesteps).
        bias: float64 [value].
    """

    shape: Shape
    terms: dict[tuple[str, int], LinearMap]
    bias: np.ndarray


def values(shape: Any, what: str) -> Shape:
    """A shape as plain numbers, none below 1 and not too many values.

    Raises:
        UltralifError: otherwise.
    """
    given = np.atleast_1d(np.asarray(shape))
    if given.dtype.kind not in "iu" or given.ndim != 1:
        raise UltralifError(f"{what}: shape {_short(given)}; expected whole numbers")
    sizes = tuple(given.tolist())
    if not sizes or min(sizes) < 1 or math.prod(sizes) > MAX_NEURONS:
        raise UltralifError(f"{what}: shape {sizes}; expected 1 to {MAX_NEURONS:,} values")
    return sizes


def source_signal(name: str, shape: Shape) -> Signal:
    """What a source sends, as it is."""
    size = math.prod(shape)
    return Signal(shape, {(name, 0): Identity(size)}, np.zeros(size))


def added(name: str, signals: list[Signal]) -> Signal:
    """The sum of what several edges bring to a node.

    Raises:
        UltralifError: signals of different sizes.
    """
    total = signals[0]
    for signal in signals[1:]:
        if math.prod(signal.shape) != math.prod(total.shape):
            raise UltralifError(
                f"{name}: inputs of shapes {total.shape} and {signal.shape}; expected one shape"
            )
        terms = dict(total.terms)
        for key, one in signal.terms.items():
            terms[key] = _sum(name, terms[key], one) if key in terms else one
        total = replace(total, terms=terms, bias=total.bias + signal.bias)
    return total


def transformed(name: str, node: nir.NIRNode, signal: Signal, dt: float) -> Signal:
    """A signal after a node of `LINEAR`.

    Args:
        name: name of the node, for errors.
        node: one of `LINEAR`.
        signal: before the node.
        dt: seconds of one timestep, by which delays are counted.

    Raises:
        UltralifError: naming the node and what does not fit.
    """
    outer: LinearMap
    if isinstance(node, nir.Flatten):
        return replace(signal, shape=_flattened(name, node, signal.shape))
    if isinstance(node, nir.Delay):
        return _delayed(name, node, signal, dt)
    if isinstance(node, nir.Scale):
        return scaled(name, signal, spread(node.scale, signal.shape, f"{name}: scale"))
    if isinstance(node, (nir.Affine, nir.Linear)):
        weight = _numbers(node.weight, f"{name}: weight", dimensions=2)
        if math.prod(signal.shape) != max(signal.shape) or weight.shape[1] != max(signal.shape):
            raise UltralifError(
                f"{name}: weight {weight.shape} on values of shape {signal.shape}; expected a "
                "vector as long as a row; put a Flatten before it"
            )
        shape, outer = values([len(weight)], f"{name}: output"), Dense(weight)
    else:
        shape, outer = _convolution(name, node, signal.shape)
    bias = outer.apply(signal.bias)
    if hasattr(node, "bias"):
        own = _numbers(node.bias, f"{name}: bias").reshape(-1)
        if own.size not in (1, shape[0]):
            raise UltralifError(f"{name}: bias of {own.size} values; expected {shape[0]}")
        bias = bias + np.repeat(np.broadcast_to(own, (shape[0],)), math.prod(shape[1:]))
    terms = {key: composed(name, outer, inner) for key, inner in signal.terms.items()}
    return Signal(shape, terms, bias)


def scaled(name: str, signal: Signal, factor: np.ndarray) -> Signal:
    """A signal times a factor per value, float64 [value].

    Args:
        name: name of the node, for errors.
        signal: before the factor.
        factor: float64 [value].
    """
    if np.all(factor == 1):
        return signal
    outer = Diagonal(factor)
    terms = {key: composed(name, outer, one) for key, one in signal.terms.items()}
    return replace(signal, terms=terms, bias=factor * signal.bias)


def composed(name: str, outer: AnyMap, inner: LinearMap) -> LinearMap:
    """The map x → outer(inner(x)).

    Args:
        name: name of the node, for errors.
        outer: map that is applied second.
        inner: map that is applied first.

    Raises:
        UltralifError: it would take too large a matrix.
    """
    try:
        return Composed((inner, outer)).product()
    except UltralifError as error:
        raise UltralifError(f"{name}: {error}") from error


def rows(name: str, one: LinearMap, chosen: np.ndarray) -> LinearMap:
    """A map with all rows but those chosen, bool [target], set to 0.

    Args:
        name: name of the node, for errors.
        one: the map.
        chosen: rows to keep, bool [target].
    """
    if chosen.all():
        return one
    check_matrix(name, one.target_size, one.source_size)
    return Dense(chosen[:, None] * one.matrix().astype(np.float64))


def _sum(name: str, first: LinearMap, second: LinearMap) -> LinearMap:
    if isinstance(first, Conv2d) and isinstance(second, Conv2d) and _alike(first, second):
        return replace(first, weight=first.weight + second.weight)
    check_matrix(name, first.target_size, first.source_size)
    return Dense(first.matrix().astype(np.float64) + second.matrix())


def _alike(first: Conv2d, second: Conv2d) -> bool:
    """Whether two convolutions differ in their weights alone."""
    fields = ("input_shape", "stride", "padding", "dilation", "groups")
    same = all(getattr(first, f) == getattr(second, f) for f in fields)
    return same and first.weight.shape == second.weight.shape


def check_matrix(name: str, targets: int, sources: int) -> None:
    """Refuse a matrix that would be too large.

    Args:
        name: name of the node that needs the matrix, for errors.
        targets: number of rows.
        sources: number of columns.

    Raises:
        UltralifError: naming what needs it.
    """
    if targets * sources > DENSE_LIMIT:
        raise UltralifError(
            f"{name}: needs a matrix of {targets} × {sources} weights; at most {DENSE_LIMIT:,}"
        )


def _delayed(name: str, node: nir.Delay, signal: Signal, dt: float) -> Signal:
    """Each value of a signal later by its own whole number of timesteps."""
    if signal.bias.any():
        raise UltralifError(
            f"{name}: a Delay behind a bias; expected it before the weights that have the bias"
        )
    given = spread(node.delay, signal.shape, f"{name}: delay") / dt
    steps = np.rint(given)
    if steps.min() < 0 or steps.max() > MAX_DELAY:
        raise UltralifError(
            f"{name}: delays of {steps.min():g} to {steps.max():g} timesteps; expected 0 to "
            f"{MAX_DELAY}: choose --dt"
        )
    if (broken := given[np.abs(given - steps) > DELAY_ERROR]).size:
        raise UltralifError(
            f"{name}: a delay of {broken[0]:g} timesteps; expected whole ones: choose --dt"
        )
    terms: dict[tuple[str, int], LinearMap] = {}
    for late in np.unique(steps).astype(int):
        for (source, delay), one in signal.terms.items():
            key = source, delay + int(late)
            part = rows(name, one, steps == late)
            terms[key] = _sum(name, terms[key], part) if key in terms else part
    return replace(signal, terms=terms)


MAX_DELAY = 1000
"""Timesteps that a Delay node may hold values back."""

DELAY_ERROR = 1e-3
"""Timesteps by which a delay may miss a whole one: more than float32 loses on `MAX_DELAY`."""


def _flattened(name: str, node: nir.Flatten, shape: Shape) -> Shape:
    """NIR's dimensions leave the batch out."""
    axes = len(shape)
    dimensions = np.asarray([node.start_dim, node.end_dim])
    if dimensions.dtype.kind not in "iu" or dimensions.shape != (2,):
        raise UltralifError(f"{name}: dimensions {_short(dimensions)}; expected whole numbers")
    first, last = (d + axes if d < 0 else d for d in dimensions.tolist())
    if axes == 1 and first == 1:  # written by a tool that counts the batch
        return shape
    if not 0 <= first <= last < axes:
        raise UltralifError(
            f"{name}: flattens dimensions {node.start_dim} to {node.end_dim} of {shape}"
        )
    return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


def _convolution(name: str, node: nir.NIRNode, shape: Shape) -> tuple[Shape, LinearMap]:
    """Shape of the output and the map of a convolution or pool, for an input of a shape."""
    flat = isinstance(node, nir.Conv1d)
    expected = 2 if flat else 3
    if len(shape) != expected:
        raise UltralifError(
            f"{name}: a {type(node).__name__} on values of shape {shape}; expected "
            f"{'[channel, length]' if flat else '[channel, height, width]'}"
        )
    channels, *sides = shape
    sides = [1, *sides] if flat else sides
    dilation, groups = (1, 1), channels
    if isinstance(node, (nir.Conv1d, nir.Conv2d)):
        weight = _numbers(node.weight, f"{name}: weight", dimensions=expected + 1)
        weight = weight[:, :, None, :] if flat else weight
        groups = _pair(node.groups, f"{name}: groups", least=1)[0]
        dilation = _sides(node.dilation, f"{name}: dilation", flat, inert=1, least=1)
    else:
        kernel = _pair(node.kernel_size, f"{name}: kernel size", least=1)
        share = 1 / math.prod(kernel) if isinstance(node, nir.AvgPool2d) else 1.0
        values((channels, *kernel), name)
        weight = np.full((channels, 1, *kernel), share)
    stride = _sides(node.stride, f"{name}: stride", flat, inert=1, least=1)
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    padding = _padding(name, node.padding, flat, reach, stride)
    if weight.shape[0] % groups or weight.shape[1] * groups != channels:
        raise UltralifError(
            f"{name}: weight {weight.shape} with {groups} groups on {channels} channels; expected "
            "out × channels/groups × kernel"
        )
    out = tuple(
        (side + 2 * p - r - 1) // s + 1
        for side, p, r, s in zip(sides, padding, reach, stride, strict=True)
    )
    output = values((weight.shape[0], *out), f"{name}: output")
    inputs = (channels, sides[0], sides[1])
    made = Conv2d(weight, inputs, stride, padding, dilation, groups)
    return ((output[0], output[2]) if flat else output), made


def _padding(
    name: str, given: Any, flat: bool, reach: list[int], stride: tuple[int, int]
) -> tuple[int, int]:
    text = given.decode() if isinstance(given, bytes) else given
    if not isinstance(text, str):
        return _sides(given, f"{name}: padding", flat, inert=0, least=0)
    if text == "valid":
        return 0, 0
    if text != "same" or stride != (1, 1) or any(r % 2 for r in reach):
        raise UltralifError(
            f"{name}: padding {text!r} with stride {stride}; expected numbers, valid, or same with "
            "stride 1 and odd kernels"
        )
    return reach[0] // 2, reach[1] // 2


def _sides(given: Any, what: str, flat: bool, *, inert: int, least: int) -> tuple[int, int]:
    """Height and width; a one-dimensional convolution has height 1."""
    pair = _pair(given, what, least)
    return (inert, pair[1]) if flat else pair


def _pair(given: Any, what: str, least: int) -> tuple[int, int]:
    array = np.asarray(given)
    if array.size not in (1, 2) or array.dtype.kind not in "iu" or array.min() < least:
        raise UltralifError(f"{what} = {_short(given)}; expected whole numbers of at least {least}")
    first, second = np.broadcast_to(array.reshape(-1), (2,)).tolist()
    return first, second


def _short(value: Any) -> str:
    return " ".join(reprlib.repr(np.asarray(value).tolist()).split())


def _numbers(value: Any, what: str, dimensions: int | None = None) -> np.ndarray:
    """An array float64 of finite numbers."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)):
        raise UltralifError(f"{what}: values that are no finite numbers")
    if dimensions is not None and array.ndim != dimensions:
        raise UltralifError(f"{what} has shape {array.shape}; expected {dimensions} dimensions")
    return array.astype(np.float64)
