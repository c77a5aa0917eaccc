"""Linear functions of torch: sums, products with constants, layers, reshaping, concatenation."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import AnyMap, Dense
from ultralif_deploy.readers.modules.calls import (
    ADDING,
    DIVIDING,
    JOINING,
    KEEPING,
    MOVING,
    MULTIPLYING,
    SHAPING,
    SUBTRACTING,
    Call,
    flat,
)
from ultralif_deploy.readers.modules.layers import FUNCTIONS, function_node, numbers
from ultralif_deploy.readers.modules.meanings import Meaning, Unknown
from ultralif_deploy.readers.nir.linear import (
    Signal,
    added,
    check_matrix,
    composed,
    scaled,
    transformed,
)

EXPECTED = (
    "expected sums, products with constants, concatenation, reshaping, or a Linear, Conv2d or "
    "AvgPool2d"
)


def linear_meaning(call: Call, result: Tensor) -> Meaning:
    """What a function of signals of one timestep means: a signal, or `Unknown` with the reason."""
    name, shape = call.name, tuple(result.shape[1:])
    signals = [m for m in call.known.values() if isinstance(m, Signal)]
    try:
        if name in KEEPING and len(signals) == 1:
            return signals[0]
        if name in SHAPING and len(signals) == 1:
            return _reshaped(call, signals[0], result)
        if name in ADDING | SUBTRACTING or name in ("__rsub__", "neg", "__neg__", "negative"):
            return _sum(call, shape)
        if name in MULTIPLYING | DIVIDING:
            return _product(call, shape)
        if name in JOINING:
            return _joined(call, result)
        if name in FUNCTIONS and call.args and isinstance(call.meaning(call.args[0]), Signal):
            return _layer(call, shape)
    except UltralifError as error:
        return Unknown(str(error))
    if name in MOVING:
        return Unknown(
            f"{name}() is no linear function that is taken over; expected all values in their "
            "order, and timesteps, if forward loops over them, of the input itself, as x[step]"
        )
    return Unknown(f"{name}() is no linear function of spikes; {EXPECTED}")


def _layer(call: Call, shape: tuple[int, ...]) -> Meaning:
    """A signal after a function that is a layer, for example `linear` or `conv2d`."""
    if len(call.known) > 1:
        return Unknown(f"{call.name}() of two signals; {EXPECTED}")
    node = function_node(call.name, call.args, call.kwargs)
    given = call.first(Signal)
    return shaped(f"{call.name}()", transformed(f"{call.name}()", node, given, 1.0), shape)


def shaped(name: str, signal: Signal, shape: tuple[int, ...]) -> Signal:
    """The signal with the shape of the tensor that carries it.

    Args:
        name: name of the function or layer, for the error message.
        signal: signal that the function or layer returned.
        shape: the tensor's shape without the batch.

    Raises:
        UltralifError: the shape does not have as many values as the signal.
    """
    if math.prod(shape) != math.prod(signal.shape):
        raise UltralifError(f"{name}: gives values of shape {shape}; expected {signal.shape}")
    return replace(signal, shape=shape)


def _reshaped(call: Call, signal: Signal, result: Tensor) -> Meaning:
    """A signal after a change of shape that keeps the batch."""
    given = next(a for a in call.args if call.meaning(a) is signal)
    if result.ndim < 2 or result.shape[0] != given.shape[0]:
        return Unknown(f"{call.name}() mixes samples; expected it to keep the batch")
    return shaped(f"{call.name}()", signal, tuple(result.shape[1:]))


def _sum(call: Call, shape: tuple[int, ...]) -> Meaning:
    """A sum, difference or negative: ± first operand ± alpha · second operand."""
    operands = list(call.args[:2])
    if "other" in call.kwargs:
        operands.append(call.kwargs["other"])
    signs = {"__rsub__": (-1.0, 1.0)}.get(call.name, (1.0, 1.0))
    if call.name in SUBTRACTING:
        signs = (1.0, -1.0)
    if len(operands) == 1:  # the negative
        signs = (-1.0, 0.0)
    alpha = call.kwargs.get("alpha", 1)
    if not isinstance(alpha, (int, float)) or len(call.args) > 2:
        return Unknown(f"{call.name}() with an alpha that is no number")
    parts, bias = [], np.zeros(math.prod(shape))
    for operand, factor in zip(operands, (signs[0], signs[1] * alpha), strict=False):
        meaning = call.meaning(operand)
        if isinstance(meaning, Signal):
            if meaning.shape != shape:
                return Unknown(f"{call.name}() spreads {meaning.shape} over {shape}")
            parts.append(scaled(call.name, meaning, np.full(math.prod(shape), factor)))
        elif (constant := _constant(operand, shape)) is not None:
            bias = bias + factor * constant
        else:
            return Unknown(f"{call.name}() with a value that is no constant")
    total = added(call.name, parts)
    return replace(total, bias=total.bias + bias)


def _product(call: Call, shape: tuple[int, ...]) -> Meaning:
    """A signal multiplied or divided by a constant."""
    name = call.name
    operands = [*call.args[:2], *([call.kwargs["other"]] if "other" in call.kwargs else [])]
    if call.kwargs.get("rounding_mode") is not None:
        return Unknown(f"{name}() with rounding")
    signals = [call.meaning(o) for o in operands if call.meaning(o) is not None]
    if len(signals) != 1 or not isinstance(signals[0], Signal) or len(operands) != 2:
        return Unknown(f"{name}() of two signals; {EXPECTED}")
    first = call.meaning(operands[0]) is not None
    if name in DIVIDING and not first:
        return Unknown(f"{name}() by a signal; {EXPECTED}")
    factor = _constant(operands[1] if first else operands[0], shape)
    if factor is None or signals[0].shape != shape:
        return Unknown(f"{name}() with a value that is no constant, or of another shape")
    return scaled(name, signals[0], 1 / factor if name in DIVIDING else factor)


def _constant(value: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """A constant broadcast to the shape of one sample, float64 [value]; None if it does not fit."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Tensor)):
        return None
    array = numbers(value) if isinstance(value, Tensor) else np.asarray(value)
    if array.ndim > len(shape) and np.all(array == array[:1]):  # equal for every sample
        array = array[:1]
    try:
        return np.broadcast_to(array, (1, *shape)).astype(np.float64).reshape(-1)
    except ValueError:
        return None


def _joined(call: Call, result: Tensor) -> Meaning:
    """A concatenation of signals along their first axis, the features or channels."""
    given = list(flat(call.option("tensors", 0, ())))
    signals = [call.meaning(one) for one in given]
    shape, axis = tuple(result.shape[1:]), int(call.option("dim", 1, 0)) % result.ndim
    if axis != 1:
        return Unknown(f"{call.name}() along axis {axis}; expected 1, the features or channels")
    parts, start = [], 0
    for signal in signals:
        if not isinstance(signal, Signal):
            return Unknown(f"{call.name}() with a value that does not depend on the input")
        place = _placed(call.name, signal.shape, shape, start)
        terms = {key: composed(call.name, place, one) for key, one in signal.terms.items()}
        parts.append(Signal(shape, terms, place.apply(signal.bias)))
        start += signal.shape[0]
    return added(call.name, parts)


def _placed(name: str, own: tuple[int, ...], shape: tuple[int, ...], start: int) -> AnyMap:
    """The map that puts a part into its place along the first axis of the whole.

    Args:
        name: name of the function, for the error message.
        own: shape of the part.
        shape: shape of the whole.
        start: index on the first axis at which the part begins.
    """
    place = np.zeros((shape[0], own[0]))
    place[start + np.arange(own[0]), np.arange(own[0])] = 1.0
    if len(own) == 1:
        check_matrix(name, shape[0], own[0])
        return Dense(place)
    inputs = (own[0], own[1], math.prod(own[2:]))
    return Conv2d(place[:, :, None, None], inputs)
