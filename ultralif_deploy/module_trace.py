"""What the `forward` of a torch module computes, recorded while it runs.

A recorder follows real tensors: each that depends on the input has a meaning, which is a linear
signal of the first timestep, the membrane of a population, something of a later timestep, or a
value that no network here has. Layers that a reader knows are leaves; every other function of
torch is looked at one by one. What a framework's neurons mean is the reader's to say.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.graph import INPUT, Dense
from ultralif_deploy.nir_linear import Signal, added, composed, scaled, source_signal


@dataclass(frozen=True, slots=True)
class Membrane:
    """State of a population after a timestep."""

    population: str


@dataclass(frozen=True, slots=True)
class Later:
    """Something of a later timestep; `of` names the population whose state it is, if it is one."""

    of: str = ""


@dataclass(frozen=True, slots=True)
class Frames:
    """An input that holds all timesteps, along an axis."""

    axis: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that no network here has, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """All timesteps of something put together, and perhaps summed up; `one` is the first."""

    one: "Meaning"


Meaning = Signal | Membrane | Later | Frames | Unknown | Recorded

Leaf = Callable[["Recorder", str, nn.Module, tuple[Any, ...], Any], Any]
"""Gives a known layer's call its meaning: recorder, name, layer, arguments, result."""


class Recorder(TorchFunctionMode):
    """Follows tensors through functions of torch and through the leaves of a module.

    Args:
        module: whose leaves are followed.
        leaf_of: what gives a layer's calls their meaning; None for layers that are looked into.
    """

    def __init__(self, module: nn.Module, leaf_of: Callable[[nn.Module], Leaf | None]) -> None:
        super().__init__()
        self._meanings: dict[int, tuple[Tensor, Meaning]] = {}
        self._depth = 0
        self._hooks: list[Any] = []
        for name, layer in module.named_modules():
            leaf = leaf_of(layer)
            if leaf is not None:
                self._hooks += self._hooked(name or "layer", layer, leaf)

    def close(self) -> None:
        """Take the hooks off the module."""
        for handle in self._hooks:
            handle.remove()

    def mean(self, tensor: Any, meaning: Meaning) -> None:
        """Give a tensor its meaning; it is kept alive, so that its identity stays its own."""
        if isinstance(tensor, Tensor):
            self._meanings[id(tensor)] = (tensor, meaning)

    def meaning(self, value: Any) -> Meaning | None:
        """What a value means; None for constants."""
        found = self._meanings.get(id(value)) if isinstance(value, Tensor) else None
        return None if found is None else found[1]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function, and follow what it gives."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if self._depth == 0:
            self._follow(func, args, kwargs, result)
        return result

    def _hooked(self, name: str, layer: nn.Module, leaf: Leaf) -> list[Any]:
        def enter(module: nn.Module, args: Any) -> None:
            self._depth += 1

        def leave(module: nn.Module, args: Any, result: Any) -> None:
            self._depth -= 1
            if self._depth == 0:
                leaf(self, name, layer, args, result)

        return [layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)]

    def _follow(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        flat = list(_flat((args, kwargs)))
        known = [m for m in map(self.meaning, flat) if m is not None]
        results = [r for r in _flat(result) if isinstance(r, Tensor)]
        if not known or not results or all(self.meaning(r) is not None for r in results):
            return
        name = (resolve_name(func) or str(func)).rsplit(".", 1)[-1]
        for tensor, meaning in _meanings_of(name, known, args, kwargs, result, self):
            self.mean(tensor, meaning)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat(one)
    elif isinstance(value, dict):
        yield from _flat(list(value.values()))
    else:
        yield value


def _meanings_of(
    name: str,
    known: list[Meaning],
    args: Any,
    kwargs: Any,
    result: Any,
    r: Recorder,
) -> Iterator[tuple[Tensor, Meaning]]:
    """The tensors that a function gives, with their meanings."""
    outputs = [o for o in _flat(result) if isinstance(o, Tensor)]
    unknown = next((m for m in known if isinstance(m, Unknown)), None)
    frames = next((m for m in known if isinstance(m, Frames)), None)
    if unknown is not None:
        yield from ((o, unknown) for o in outputs)
    elif frames is not None:
        yield from _taken_apart(name, frames, args, outputs)
    elif any(isinstance(m, Recorded) for m in known):
        kept = name in GATHERING or name in KEEPING or name in SHAPING
        meaning = known[0] if kept else Unknown(f"{name}() of all timesteps at once")
        yield from ((o, meaning) for o in outputs)
    elif name == "stack":
        first = r.meaning(next(_flat(args[0])))
        yield from ((o, Recorded(known[0] if first is None else first)) for o in outputs)
    elif any(isinstance(m, Later) for m in known):
        later = next(m for m in known if isinstance(m, Later))
        yield from ((o, later) for o in outputs)
    elif any(isinstance(m, Membrane) for m in known):
        membrane = next(m for m in known if isinstance(m, Membrane))
        keeps = name in KEEPING or name in SHAPING
        meaning = membrane if keeps else Unknown(f"{name}() of a membrane potential")
        yield from ((o, meaning) for o in outputs)
    else:
        yield from ((o, _linear(name, args, kwargs, o, r)) for o in outputs)


KEEPING = (
    *("detach", "clone", "contiguous", "float", "double", "to", "type", "requires_grad_"),
    *("dropout", "alpha_dropout", "feature_dropout", "identity"),
)
"""Functions that change no value in evaluation."""

SHAPING = (
    *("view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten", "view_as", "reshape_as"),
)
"""Functions that number values as before."""

GATHERING = ("sum", "mean", "permute", "transpose", "swapaxes", "movedim")
"""What may be done with all timesteps of a result before it is returned."""


def _taken_apart(
    name: str, frames: Frames, args: Any, outputs: list[Tensor]
) -> Iterator[tuple[Tensor, Meaning]]:
    """Timesteps of an input that holds them all."""
    if name == "unbind":
        axis = args[1] if len(args) > 1 else 0
        if axis == frames.axis:
            yield from ((o, _first_frame(o) if t == 0 else Later()) for t, o in enumerate(outputs))
            return
    if name == "__getitem__":
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        before = index[: frames.axis]
        whole = all(isinstance(i, slice) and i == slice(None) for i in before)
        if whole and len(index) == frames.axis + 1 and isinstance(index[-1], int):
            yield from ((o, _first_frame(o) if index[-1] == 0 else Later()) for o in outputs)
            return
    yield from ((o, Unknown(f"{name}() of the whole input")) for o in outputs)


def _first_frame(frame: Tensor) -> Signal:
    return source_signal(INPUT, tuple(frame.shape[1:]))


def _linear(name: str, args: Any, kwargs: Any, result: Tensor, r: Recorder) -> Meaning:
    """The meaning of a function of signals of one timestep."""
    operands = [(a, r.meaning(a)) for a in _flat(args)]
    signals = [m for _, m in operands if isinstance(m, Signal)]
    try:
        if name in KEEPING and len(signals) == 1:
            return signals[0]
        if name in SHAPING and len(signals) == 1:
            batched = result.shape[0] == operands[0][0].shape[0]
            shape = tuple(result.shape[1:])
            if batched and math.prod(shape) == math.prod(signals[0].shape):
                return replace(signals[0], shape=shape)
        if name in ("add", "__add__", "__radd__", "add_", "__iadd__") and not kwargs:
            return _sum(name, operands, result)
        if name in ("sub", "__sub__", "__isub__") and not kwargs and len(operands) == 2:
            other = [operands[0], (operands[1][0], _negative(operands[1]))]
            return _sum(name, other, result)
        if name in ("mul", "__mul__", "__rmul__", "div", "__truediv__", "true_divide"):
            return _product(name, operands, result)
        if name in ("cat", "concat", "concatenate") and len(signals) == len(operands) - (
            1 if len(args) > 1 else 0
        ):
            axis = kwargs.get("dim", args[1] if len(args) > 1 else 0)
            if axis in (1, 1 - result.ndim):
                return _joined(signals, tuple(result.shape[1:]))
    except UltralifError as error:
        return Unknown(str(error))
    return Unknown(f"{name}() is no linear function of spikes")


def _constant(value: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """A constant spread over the values of one sample, float64 [value]; None where it cannot be."""
    array = value.detach().cpu().double().numpy() if isinstance(value, Tensor) else value
    if isinstance(array, bool) or not isinstance(array, (int, float, np.ndarray)):
        return None
    given = np.asarray(array, dtype=np.float64)
    if given.ndim > len(shape):
        if given.shape[0] != 1:
            return None
        given = given[0]
    try:
        return np.broadcast_to(given, shape).reshape(-1).copy()
    except ValueError:
        return None


def _negative(operand: tuple[Any, Meaning | None]) -> Meaning | None:
    meaning = operand[1]
    if isinstance(meaning, Signal):
        size = math.prod(meaning.shape)
        return scaled("-", meaning, -np.ones(size))
    return meaning


def _sum(name: str, operands: list[tuple[Any, Meaning | None]], result: Tensor) -> Meaning:
    shape = tuple(result.shape[1:])
    parts, bias = [], np.zeros(math.prod(shape))
    sign = 1.0
    for value, meaning in operands:
        if isinstance(meaning, Signal):
            if meaning.shape != shape:
                return Unknown(f"{name}() spreads {meaning.shape} over {shape}")
            parts.append(meaning)
        else:
            constant = _constant(value, shape)
            if constant is None:
                return Unknown(f"{name}() with a value that is no constant")
            bias = bias + sign * constant
        sign = -1.0 if name in ("sub", "__sub__", "__isub__") else 1.0
    total = added(name, parts)
    return replace(total, bias=total.bias + bias)


def _product(name: str, operands: list[tuple[Any, Meaning | None]], result: Tensor) -> Meaning:
    signals = [m for _, m in operands if isinstance(m, Signal)]
    constants = [v for v, m in operands if m is None]
    shape = tuple(result.shape[1:])
    if len(signals) != 1 or len(constants) != 1 or signals[0].shape != shape:
        return Unknown(f"{name}() of two signals")
    divides = name in ("div", "__truediv__", "true_divide")
    if divides and operands[0][1] is None:
        return Unknown(f"{name}() by a signal")
    factor = _constant(constants[0], shape)
    if factor is None:
        return Unknown(f"{name}() with a value that is no constant")
    return scaled(name, signals[0], 1 / factor if divides else factor)


def _joined(signals: list[Signal], shape: tuple[int, ...]) -> Signal:
    """Signals side by side along their first axis."""
    size, start = math.prod(shape), 0
    parts = []
    for signal in signals:
        own = math.prod(signal.shape)
        place = np.zeros((size, own))
        place[start + np.arange(own), np.arange(own)] = 1.0
        terms = {key: composed("cat", Dense(place), one) for key, one in signal.terms.items()}
        parts.append(Signal(shape, terms, place @ signal.bias))
        start += own
    return added("cat", parts)
