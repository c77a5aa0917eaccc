"""What the results of torch functions mean: one timestep, all timesteps, states, or neither.

Linear functions of one timestep are in `linear.py`. A result that no rule covers is `Unknown`, and
says which function made it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.readers.modules.calls import (
    ADDING,
    CONSTANT,
    DIVIDING,
    KEEPING,
    MOVING,
    MULTIPLYING,
    SHAPING,
    Call,
    flat,
)
from ultralif_deploy.readers.modules.linear import linear_meaning
from ultralif_deploy.readers.modules.meanings import (
    Frames,
    Later,
    Meaning,
    Recorded,
    State,
    Unknown,
)
from ultralif_deploy.readers.nir.linear import Signal


def meanings_of(call: Call) -> Iterator[tuple[Tensor, Meaning]]:
    """The tensors that a call returned or changed, each with its meaning."""
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
    """The meaning of one tensor that a call returned."""
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
    return linear_meaning(call, result)


def _drops(call: Call) -> bool:
    """Whether the call is a dropout that sets values to 0."""
    usual = call.option("training", 2, call.name.startswith("dropout"))
    return "dropout" in call.name and bool(call.kwargs.get("train", usual))


def _parts(call: Call, frames: Frames, outputs: list[Tensor]) -> Iterator[tuple[Tensor, Meaning]]:
    """The results of a function of an input that holds all timesteps, with their meanings."""
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
    """Arguments of a call in which an input is replaced by the numbers of its values.

    The function applied to these numbers shows where each value goes.
    """
    if isinstance(value, dict):
        return {key: _numbered(call, one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_numbered(call, one) for one in value)
    meaning = call.meaning(value)
    return meaning.numbers if isinstance(meaning, Frames) else value


def _stacked(call: Call, result: Tensor) -> Meaning:
    """The meaning of a list, stacked, that holds one value at all timesteps."""
    things = [call.meaning(one) for one in flat(call.option("tensors", 0, ()))]
    if not is_sequence(things):
        return Unknown("stack() of other things than one thing at all timesteps, the first first")
    axis = int(call.option("dim", 1, 0)) % result.ndim
    return Recorded(things[0], axis)  # type: ignore[arg-type]


def is_sequence(things: list[Meaning | None]) -> bool:
    """Whether the meanings belong to one value at all timesteps, in order."""
    first, rest = things[0], things[1:]
    if isinstance(first, State):
        steps = [replace(first, timestep=t) for t in range(len(things))]
        return things == steps
    return isinstance(first, Signal) and all(isinstance(one, Later) for one in rest)


def _of_recorded(call: Call, recorded: Recorded, result: Tensor) -> Meaning:
    """The meaning of a function of a value at all timesteps, or of its sum over time."""
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
        "time alone, and recurrent neurons, as RLeaky of snnTorch, where spikes come back"
    )


def _over(call: Call, axis: int, axes: int) -> bool:
    """Whether a sum or mean is taken over this axis alone, and removes it."""
    over = call.option("dim", 1, None)
    over = over if isinstance(over, (list, tuple)) else [over]
    plain = set(call.kwargs) <= {"dim"} and len(call.args) <= 2
    return plain and all(isinstance(d, int) for d in over) and [d % axes for d in over] == [axis]


def _moved_axis(call: Call, given: Tensor, axis: int, result: Tensor) -> int | None:
    """The axis of timesteps after a function that moves values; None if no axis holds them."""
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
    """The meaning of a function of a value from a later timestep.

    Its sum with a signal of the first timestep that is made of spikes is a sum over time. Other
    functions of the two are refused. A function of later values alone is `Later` again.
    """
    if call.name in KEEPING:
        return later
    signal = call.first(Signal)
    if isinstance(signal, Signal) and any(source != INPUT for source, _ in signal.terms):
        if call.name in ADDING:
            return Recorded(signal, None)
        return Unknown(f"{call.name}() of two timesteps; expected recurrent neurons, as RLeaky")
    return Later()
