"""Base classes of the neuron models of a float64 network."""

from typing import Any, ClassVar

import numpy as np

Step = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Spikes, v − θ before the reset (of a read-out: what it reads), and the next state."""


class FloatNeuron:
    """A neuron model with float64 parameters; subclasses are frozen dataclasses.

    Attributes:
        WORDS: state words per neuron; the state is one vector, one word after the other.
        FIRES: whether it can fire; a model that cannot is a read-out.
        TIMELESS: whether the order of timesteps does not matter, because a neuron depends only on
            the current of one timestep, or on the sum of all currents.
        COMPARES: whether all weights need the same scale, because the neurons are compared with
            each other or share a table.
        OWN_UNIT: whether the unit of its states is chosen from its threshold, not its weights.
        threshold: θ, float64 [neuron]; read-outs have none.
    """

    __slots__ = ()
    WORDS: ClassVar[int] = 1
    FIRES: ClassVar[bool] = True
    TIMELESS: ClassVar[bool] = False
    COMPARES: ClassVar[bool] = False
    OWN_UNIT: ClassVar[bool] = False
    threshold: np.ndarray

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        """One timestep.

        Args:
            current: sum of all projections and the bias, float64 [batch, neuron].
            state: state before the timestep, float64 [batch, WORDS · neuron].
        """
        raise NotImplementedError

    def initial_state(self, shape: tuple[int, ...]) -> np.ndarray:
        """State before the first timestep, for currents of this shape [batch, neuron]."""
        return np.zeros((*shape[:-1], self.WORDS * shape[-1]))

    def run(self, current: np.ndarray, state: np.ndarray | None = None) -> Step:
        """Spikes and v − θ, both [time, batch, neuron], and the state after the last timestep.

        Args:
            current: sum of all projections and the bias, float64 [time, batch, neuron].
            state: state before the first timestep; None is the initial one.
        """
        state = self.initial_state(current.shape[1:]) if state is None else state
        spikes = np.empty(current.shape, dtype=self.spike_type)
        margins = np.empty(current.shape)
        for t, now in enumerate(current):
            spikes[t], margins[t], state = self.step(now, state)
        return spikes, margins, state

    def read(self, current: np.ndarray) -> np.ndarray:
        """Membrane potential of a read-out after the last timestep, [batch, neuron]."""
        return self.run(current)[1][-1]

    @property
    def largest_sent(self) -> int:
        """Most spikes of one neuron in one timestep."""
        return 1

    @property
    def spike_type(self) -> np.dtype[Any]:
        """Data type of the spikes of one timestep."""
        return np.dtype(np.uint8 if self.largest_sent > 1 else bool)

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        """Fraction of each accumulating state that a timestep keeps, the membrane first."""
        return ()

    @property
    def current_gain(self) -> np.ndarray | None:
        """Factor of the current, which `passes.fold_gain` folds into weights; None without one."""
        return None


def fires(margin: np.ndarray, inclusive: bool) -> np.ndarray:
    """Whether a neuron with the margin v − θ fires."""
    return margin >= 0 if inclusive else margin > 0


class FiringNeuron(FloatNeuron):
    """Leaky models that fire, with reset, several spikes, and a lower bound."""

    __slots__ = ()
    threshold: np.ndarray
    inclusive: bool
    reset: np.ndarray
    reset_mode: str
    most_spikes: int
    floor: np.ndarray | None

    @property
    def largest_sent(self) -> int:
        return self.most_spikes

    def unfired(self) -> FloatNeuron:
        """The read-out with the same membrane, which never fires."""
        raise NotImplementedError

    def fire_and_reset(self, before: np.ndarray, u: np.ndarray) -> Step:
        """Spike, margin and next membrane, from the membranes before and after leak and current."""
        mode, reset, whole = self.reset_mode, self.reset, u
        held = fires(before - self.threshold, self.inclusive)
        if mode == "late-value":
            u = np.where(held, reset, u)
        elif mode in ("late-subtract", "immediate-subtract"):
            u = u - reset * held
        margin = u - self.threshold
        spike = fires(margin, self.inclusive)
        if mode == "value":
            u = np.where(spike, reset, u)
        elif mode == "subtract":
            if self.most_spikes > 1:
                spike = self._spike_count(u, spike)
            u = u - reset * spike
        elif mode == "immediate-subtract":
            u = whole - reset * spike
        return spike, margin, u if self.floor is None else np.maximum(u, self.floor)

    def _spike_count(self, u: np.ndarray, fired: np.ndarray) -> np.ndarray:
        """How many of θ, θ + R, θ + 2·R, … u reaches; for θ = R this is the whole part of u/θ."""
        times = (u - (self.threshold - self.reset)) / self.reset
        passed = np.floor(times) if self.inclusive else np.ceil(times) - 1
        count: np.ndarray = np.where(fired, np.clip(passed, 1, self.most_spikes), 0)
        return count.astype(np.uint8)


class SecondOrderNeuron(FloatNeuron):
    """Two state words, in units of their own."""

    __slots__ = ()
    WORDS: ClassVar[int] = 2
    OWN_UNIT: ClassVar[bool] = True
