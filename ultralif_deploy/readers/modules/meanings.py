"""What a tensor means while the `forward` of a module is recorded."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.readers.nir.linear import Signal, source_signal


@dataclass(frozen=True, slots=True)
class State:
    """A state of a population after one timestep.

    Attributes:
        population: name of the population.
        timestep: the timestep, from 0.
        membrane: whether the state is the membrane potential.
    """

    population: str
    timestep: int
    membrane: bool


@dataclass(frozen=True, slots=True)
class Later:
    """A signal of a later timestep than the first.

    Attributes:
        of: name of the population if the signal is its spikes; otherwise empty.
    """

    of: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that cannot be taken over into a network.

    Attributes:
        why: the reason, for the error message.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A signal or state at all timesteps, or the sum of the signal over time.

    Attributes:
        one: its meaning at the first timestep.
        axis: the tensor's axis of timesteps; None for the sum.
        factor: factor of the sum, for example 1 / T for a mean.
    """

    one: "Signal | State"
    axis: int | None
    factor: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """An input that holds all timesteps, or a part of it.

    The values of the whole input are numbered, so that a part shows where it was taken from.

    Attributes:
        numbers: number of each value of this part, int64, in the shape of the part.
        frames: the numbers of the whole input, int64 [time, batch, value].
    """

    numbers: Tensor
    frames: Tensor

    @staticmethod
    def whole(given: Tensor, axis: int) -> "Frames":
        """The meaning of a whole input whose axes 0 and 1 are time, at `axis`, and batch."""
        ordered = given.movedim(axis, 0)
        numbers = torch.arange(given.numel()).reshape(ordered.shape)
        return Frames(numbers.movedim(0, axis), numbers.flatten(2))

    def part(self, numbers: Tensor) -> "Meaning":
        """The meaning of a part of the input.

        A part that is one whole timestep, values in order, is a signal at the first timestep and
        `Later` at others. Any other part is `Frames` again.
        """
        _, batch, size = self.frames.shape
        if numbers.ndim < 2 or len(numbers) != batch or numbers.numel() != batch * size:
            return Frames(numbers, self.frames)
        t = int(numbers.reshape(-1)[0]) // (batch * size)
        if not torch.equal(numbers.reshape(batch, size), self.frames[t]):
            return Frames(numbers, self.frames)
        return source_signal(INPUT, tuple(numbers.shape[1:])) if t == 0 else Later()


Meaning = Signal | State | Later | Frames | Unknown | Recorded
