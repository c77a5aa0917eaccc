"""Run a module over timesteps, with its states, in the way that its `forward` expects."""

import inspect
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.errors import UltralifError

LAYOUTS = (None, 0, 1)
"""Where `forward` may expect the timesteps: nowhere, because it is one; first; behind the batch."""


class Listener(Protocol):
    """Who follows a run."""

    def begins(self, given: Tensor, axis: int | None, timestep: int) -> None:
        """`forward` is about to be called with an input.

        Args:
            given: the input, float64: of all timesteps, or [batch, …] of one.
            axis: where `given` has the timesteps; None where it is one timestep's.
            timestep: of `given`, from 0; 0 where it holds all.
        """

    def ends(self, result: Any) -> None:
        """`forward` returned."""

    def timesteps(self) -> int:
        """Timesteps that neurons have run."""

    def next_states(self, states: list[Tensor]) -> list[Tensor]:
        """What to give `forward` for the states that it was given."""


class States:
    """Follows the states that `forward` is given into neurons, and what becomes of them there."""

    def __init__(self) -> None:
        self._given: dict[int, tuple[str, int]] = {}
        self._after: dict[str, tuple[Any, ...]] = {}

    def keep(self, population: str, given: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """Remember which states a population was given; its last outputs follow them in order.

        Args:
            population: that was called.
            given: the states it was given.
            outputs: all that it returned, the next states last.
        """
        self._after[population] = outputs[len(outputs) - len(given) :]
        for place, state in enumerate(given):
            self._given[id(state)] = (population, place)

    def next_states(self, states: list[Tensor]) -> list[Tensor]:
        """The states to give `forward` next, in the places of those it was given.

        Raises:
            UltralifError: something that no neuron was given.
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
    module: nn.Module, inputs: np.ndarray, axis: int | None, listener: Listener
) -> np.ndarray:
    """Run `forward` once over all timesteps, or once for each.

    Args:
        module: in float64.
        inputs: float64 [time, batch, …].
        axis: where `forward` expects the timesteps; None where it is one, or repeats one input.
        listener: who follows.

    Returns:
        For each timestep that it ran, the one whose input it saw, int64 [time].
    """
    given = torch.from_numpy(inputs)
    if axis is not None:
        whole = given.movedim(0, axis)
        listener.begins(whole, axis, 0)
        listener.ends(module(whole))
        return np.arange(listener.timesteps())
    states = [torch.zeros(1, dtype=torch.float64) for _ in _states_wanted(module)]
    for t, frame in enumerate(given.clone()):
        listener.begins(frame, None, t)
        listener.ends(module(frame, *states))
        if t == 0 and (steps := listener.timesteps()) > 1:  # it repeats one input itself
            return np.zeros(steps, dtype=np.int64)
        states = listener.next_states(states)
    return np.arange(len(inputs))


def _states_wanted(module: nn.Module) -> list[str]:
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [p.name for p in parameters if p.default is p.empty and p.kind is plain]
