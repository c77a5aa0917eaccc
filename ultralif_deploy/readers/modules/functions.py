"""Effects of torch functions on meanings: sums, products with constants, shapes, timesteps.

Everything linear in spikes becomes one linear map; other results are `Unknown`, by function.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, AnyMap, Dense
from ultralif_deploy.readers.modules.layers import FUNCTIONS, function_node, numbers
from ultralif_deploy.readers.modules.meanings import (
    Frames,
    Later,
    Meaning,
    Recorded,
    State,
    Unknown,
)
from ultralif_deploy.readers.nir.linear import (
    Signal,
    added,
    check_matrix,
    composed,
    scaled,
    transformed,
)

KEEPING = frozenset(
    (
        *("detach", "detach_", "clone", "contiguous", "float", "double", "to", "type"),
        *("type_as", "requires_grad_", "dropout", "dropout1d", "dropout2d", "dropout3d"),
        *("alpha_dropout", "feature_dropout"),
    )
)
"""Functions that change no value; of dropouts, where they are off."""

SHAPING = frozenset(
    (
        *("view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten", "view_as"),
        *("reshape_as",),
    )
)
"""Functions that keep the order of values."""

MOVING = SHAPING | frozenset(
    (
        *("permute", "transpose", "swapaxes", "movedim", "moveaxis", "__getitem__"),
        *("select", "narrow", "unbind", "split", "chunk", "T"),
    )
)
"""Functions that choose and move values."""

CONSTANT = frozenset(
    (*("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"),)
)
"""Functions that make constants of a tensor's shape and type alone."""

ADDING = frozenset(["add", "__add__", "__radd__", "add_", "__iadd__"])
SUBTRACTING = frozenset(["sub", "__sub__", "sub_", "__isub__", "subtract"])
MULTIPLYING = frozenset(["mul", "__mul__", "__rmul__", "mul_", "__imul__", "multiply"])
DIVIDING = frozenset(["div", "__truediv__", "true_divide", "div_", "__itruediv__", "divide"])
JOINING = frozenset(["cat", "concat", "concatenate"])

EXPECTED = (
    "expected sums, products with constants, concatenation, reshaping, or a Linear, Conv2d or "
    "AvgPool2d"
)


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of a function of torch.

    Attributes:
        func, name: the function and its name.
        args, kwargs: its arguments by position and by name.
        result: what it gave.
        known: what its arguments meant before it ran, by identity; at least one.
    """

    func: Any
    name: str
    args: Any
    kwargs: Any
    result: Any
    known: dict[int, Meaning]

    def meaning(self, value: Any) -> Meaning | None:
        """What an argument meant; None for constants."""
        return self.known.get(id(value))

    def first(self, kind: type) -> Any:
        """The first argument whose meaning is of a kind; None without one."""
        return next((m for m in self.known.values() if isinstance(m, kind)), None)

    def option(self, name: str, place: int, default: Any) -> Any:
        """An argument by name or place.

        Args:
            name: of the argument.
            place: where it stands among those by position, from 0.
            default: where the call does not give it.
        """
        return self.kwargs.get(name, self.args[place] if len(self.args) > place else default)


def flat(value: Any) -> Iterator[Any]:
    """The values in lists, tuples and dictionaries of any depth."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from flat(one)
    else:
        yield value


def meanings_of(call: Call) -> Iterator[tuple[Tensor, Meaning]]:
    """The tensors that a function gives, or changes, with their meanings."""
    outputs = [o for o in flat(call.result) if isinstance(o, Tensor)]
    if call.name == "__setitem__":
        why = "writes into a tensor; expected a list and torch.stack, or torch.cat"
        yield call.args[0], Unknown(f"forward {why}")
    elif call.name in CONSTANT:
        return
    elif (unknown := call.first(Unknown)) is not None:
        yield from ((o, unknown) for o in outputs)
    elif _drops(call):
        why = "is on in evaluation; expected training=self.training"
        yield from ((o, Unknown(f"{call.name}() {why}")) for o in outputs)
    elif (frames := call.first(Frames)) is not None:
        yield from _parts(call, frames, outputs)
    else:
        yield from ((o, _single(call, o)) for o in outputs)


def _single(call: Call, result: Tensor) -> Meaning:
    """What the one result of a function means."""
    if call.name in KEEPING and not result.is_floating_point():
        return Unknown(f"{call.name}() cuts values to {result.dtype}")
    if call.name in KEEPING and result.dtype != torch.float64:
        return Unknown(f"{call.name}() rounds values to {result.dtype}")
    if (recorded := call.first(Recorded)) is not None:
        return _of_recorded(call, recorded, result)
    if call.name == "stack":
        return _stacked(call, result)
    if (state := call.first(State)) is not None:
        keeps = call.name in KEEPING or call.name in SHAPING
        return state if keeps else Unknown(f"{call.name}() of a membrane potential")
    if (later := call.first(Later)) is not None:
        return _of_later(call, later)
    return _linear(call, result)


def _drops(call: Call) -> bool:
    """Whether a call is a dropout that is on."""
    usual = call.option("training", 2, call.name.startswith("dropout"))
    return "dropout" in call.name and bool(call.kwargs.get("train", usual))


def _parts(call: Call, frames: Frames, outputs: list[Tensor]) -> Iterator[tuple[Tensor, Meaning]]:
    """Parts of an input that holds all timesteps."""
    if call.name in KEEPING:
        yield from ((o, frames) for o in outputs)
    elif call.name in MOVING:
        moved = call.func(*_numbered(call, call.args), **_numbered(call, call.kwargs))
        parts = (frames.part(m) for m in flat(moved) if isinstance(m, Tensor))
        yield from zip(outputs, parts, strict=True)
    else:
        why = Unknown(f"{call.name}() of the whole input; expected one timestep of it, as x[step]")
        yield from ((o, why) for o in outputs)


def _numbered(call: Call, value: Any) -> Any:
    """Arguments with the numbers of its values in the place of an input."""
    if isinstance(value, dict):
        return {key: _numbered(call, one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_numbered(call, one) for one in value)
    meaning = call.meaning(value)
    return meaning.numbers if isinstance(meaning, Frames) else value


def _stacked(call: Call, result: Tensor) -> Meaning:
    """A list of one thing at all timesteps."""
    things = [call.meaning(one) for one in flat(call.option("tensors", 0, ()))]
    if not is_sequence(things):
        return Unknown("stack() of other things than one thing at all timesteps, the first first")
    axis = int(call.option("dim", 1, 0)) % result.ndim
    return Recorded(things[0], axis)  # type: ignore[arg-type]


def is_sequence(things: list[Meaning | None]) -> bool:
    """Whether the meanings are those of one value at all timesteps, in order."""
    first, rest = things[0], things[1:]
    if isinstance(first, State):
        steps = [replace(first, timestep=t) for t in range(len(things))]
        return things == steps
    return isinstance(first, Signal) and all(isinstance(one, Later) for one in rest)


def _of_recorded(call: Call, recorded: Recorded, result: Tensor) -> Meaning:
    """A function of all timesteps of one thing."""
    name, axis = call.name, recorded.axis
    given = call.args[0] if call.args else None
    if name in KEEPING:
        return recorded
    if axis is None and name in ADDING and call.first(Later) is not None and recorded.factor == 1:
        return recorded
    signal = isinstance(recorded.one, Signal)
    if signal and axis is None and name in DIVIDING | MULTIPLYING and call.meaning(given):
        factor = call.option("other", 1, None)
        if isinstance(factor, (int, float)) and factor > 0 and not call.kwargs:
            by = 1 / factor if name in DIVIDING else factor
            return replace(recorded, factor=recorded.factor * by)
    if axis is not None and isinstance(given, Tensor) and call.meaning(given) is recorded:
        if signal and name in ("sum", "mean") and _over(call, axis, given.ndim):
            return Recorded(recorded.one, None, 1.0 if name == "sum" else 1 / given.shape[axis])
        if name in MOVING and (moved := _moved_axis(call, given, axis, result)) is not None:
            return replace(recorded, axis=moved)
    if not signal:
        return Unknown(f"{name}() of membrane potentials; expected the last one as it is")
    return Unknown(
        f"{name}() of all timesteps at once, or of an earlier one; expected their sum or mean over "
        "time alone, and RLeaky or RSynaptic where spikes come back"
    )


def _over(call: Call, axis: int, axes: int) -> bool:
    """Whether a sum goes over one axis alone, which it does not keep."""
    over = call.option("dim", 1, None)
    over = over if isinstance(over, (list, tuple)) else [over]
    plain = set(call.kwargs) <= {"dim"} and len(call.args) <= 2
    return plain and all(isinstance(d, int) for d in over) and [d % axes for d in over] == [axis]


def _moved_axis(call: Call, given: Tensor, axis: int, result: Tensor) -> int | None:
    """Where an axis of timesteps lies after a function that moves values; None if it is gone."""
    steps = given.shape[axis]
    column = torch.arange(steps).reshape([-1 if d == axis else 1 for d in range(given.ndim)])
    moved = call.func(column.expand(given.shape).clone(), *call.args[1:], **call.kwargs)
    if result.numel() != given.numel():
        return None
    for place in range(moved.ndim):
        ordered = moved.movedim(place, 0).reshape(moved.shape[place], -1)
        if len(ordered) == steps and torch.equal(
            ordered, torch.arange(steps)[:, None].expand_as(ordered)
        ):
            return place
    return None


def _of_later(call: Call, later: Later) -> Meaning:
    """A function of a value from a later timestep.

    Its sum with the value of the first timestep is a sum over time. Any other use would connect
    timesteps, and `Recorded` refuses it.
    """
    if call.name in KEEPING:
        return later
    signal = call.first(Signal)
    if isinstance(signal, Signal) and any(source != INPUT for source, _ in signal.terms):
        if call.name in ADDING:
            return Recorded(signal, None)
        return Unknown(f"{call.name}() of two timesteps; expected RLeaky or RSynaptic")
    return Later()


def _linear(call: Call, result: Tensor) -> Meaning:
    """The meaning of a function of signals of one timestep."""
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
    if len(call.known) > 1:
        return Unknown(f"{call.name}() of two signals; {EXPECTED}")
    node = function_node(call.name, call.args, call.kwargs)
    given = call.first(Signal)
    return shaped(f"{call.name}()", transformed(f"{call.name}()", node, given, 1.0), shape)


def shaped(name: str, signal: Signal, shape: tuple[int, ...]) -> Signal:
    """A signal in the shape of its tensor.

    Args:
        name: of the function, for errors.
        signal: what the function gives.
        shape: of the tensor, without the batch.

    Raises:
        UltralifError: another number of values.
    """
    if math.prod(shape) != math.prod(signal.shape):
        raise UltralifError(f"{name}: gives values of shape {shape}; expected {signal.shape}")
    return replace(signal, shape=shape)


def _reshaped(call: Call, signal: Signal, result: Tensor) -> Meaning:
    given = next(a for a in call.args if call.meaning(a) is signal)
    if result.ndim < 2 or result.shape[0] != given.shape[0]:
        return Unknown(f"{call.name}() mixes samples; expected it to keep the batch")
    return shaped(f"{call.name}()", signal, tuple(result.shape[1:]))


def _sum(call: Call, shape: tuple[int, ...]) -> Meaning:
    """± first operand ± alpha · second operand."""
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
    """A signal times or by a constant."""
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
    """A constant spread over the values of one sample, float64 [value]; None where it cannot be."""
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
    """Signals side by side along their first axis."""
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
    """The map from a part to its place along the first axis of the whole."""
    place = np.zeros((shape[0], own[0]))
    place[start + np.arange(own[0]), np.arange(own[0])] = 1.0
    if len(own) == 1:
        check_matrix(name, shape[0], own[0])
        return Dense(place)
    inputs = (own[0], own[1], math.prod(own[2:]))
    return Conv2d(place[:, :, None, None], inputs)
