"""Runs a module over the timesteps of an input, in the layout that its `forward` expects."""

import inspect
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError

LAYOUTS = (None, 0, 1)
"""Axis of time in the input of `forward`: None if `forward` is one timestep, otherwise 0 or 1."""


class Listener(Protocol):
    """Is told of every call of `forward` in a run, and keeps the states between calls."""

    def begins(self, given: Tensor, axis: int | None, timestep: int) -> None:
        """`forward` is about to be called with an input.

        Args:
            given: the input, float64: all timesteps, or one timestep [batch, …].
            axis: the axis of time in `given`; None if `given` is one timestep.
            timestep: the timestep of `given`, from 0; 0 if `given` holds all.
        """

    def ends(self, result: Any) -> None:
        """`forward` returned."""

    def timesteps(self) -> int:
        """How many timesteps the neurons have run so far."""

    def next_states(self, states: list[Tensor]) -> list[Tensor]:
        """The states to pass to the next call of `forward`, for those passed to the last."""


class States:
    """Finds out which neurons get the states passed to `forward`, and what they return for them."""

    def __init__(self) -> None:
        self._given: dict[int, tuple[str, int]] = {}
        self._after: dict[str, tuple[Any, ...]] = {}

    def keep(self, population: str, given: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """Remember the states before and after a call of a population.

        Args:
            population: name of the population that was called.
            given: the states that it was given.
            outputs: everything that it returned; the next states come last, in the order of
                `given`.
        """
        self._after[population] = outputs[len(outputs) - len(given) :]
        for place, state in enumerate(given):
            self._given[id(state)] = (population, place)

    def next_states(self, states: list[Tensor]) -> list[Tensor]:
        """The states to pass to the next call of `forward`, in the order of those passed before.

        Raises:
            UltralifError: one of `states` was not passed to any neuron.
        """
        following = []
        for state in states:
            if id(state) not in self._given:
                raise UltralifError(
                    "forward takes an argument that is no state of a neuron; expected the input, "
                    "then states"
                )
            population, place = self._given[id(state)]
            following.append(self._after[population][place])
        self._given.clear()
        return following


def run_forward(
    module: nn.Module,
    inputs: np.ndarray,
    axis: int | None,
    listener: Listener,
    *,
    time_axis: bool = False,
    feeds_back: bool = False,
) -> np.ndarray:
    """Run `forward` once over all timesteps, or once for each.

    Args:
        module: the module, in float64.
        inputs: float64 [time, batch, …].
        axis: the axis of time in the input of `forward`; None if `forward` takes the input of one
            timestep.
        listener: is told of every call.
        time_axis: whether `forward` of one timestep has an axis of time, of length 1, behind that
            of the batch.
        feeds_back: whether `forward` returns all states after its result, and takes them back in
            an argument whose default is None, as modules of Norse do.

    Returns:
        For each timestep that the neurons ran, the timestep of the input that they saw, int64
        [time]. All are 0 if `forward` loops over time itself with one input.
    """
    given = torch.from_numpy(inputs)
    if axis is not None:
        whole = given.movedim(0, axis)
        listener.begins(whole, axis, 0)
        listener.ends(module(whole))
        return np.arange(listener.timesteps())
    states: list[Any] = [torch.zeros(1, dtype=torch.float64) for _ in _states_wanted(module)]
    for t, frame in enumerate(given.clone()):
        frame = frame.unsqueeze(1) if time_axis else frame
        listener.begins(frame, None, t)
        result = module(frame, *states)
        listener.ends(result)
        if t == 0 and (steps := listener.timesteps()) > 1:  # forward loops with one input
            return np.zeros(steps, dtype=np.int64)
        if feeds_back and isinstance(result, tuple) and len(result) == 2 and _takes_back(module):
            states = [result[1]]
        else:
            states = listener.next_states(states)
    return np.arange(len(inputs))


def _states_wanted(module: nn.Module) -> list[str]:
    """Names of the arguments without defaults that follow the input: the states."""
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [p.name for p in parameters if p.default is p.empty and p.kind is plain]


def _takes_back(module: nn.Module) -> bool:
    """Whether `forward` takes its input and then one argument that may be None."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    return len(parameters) == 2 and parameters[1].default is None
