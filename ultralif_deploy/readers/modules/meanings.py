"""What a tensor means while the `forward` of a module is recorded."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.readers.nir.linear import Signal, source_signal


@dataclass(frozen=True, slots=True)
class State:
    """A state of a population, its membrane potential or another one, after a timestep."""

    population: str
    timestep: int
    membrane: bool


@dataclass(frozen=True, slots=True)
class Later:
    """Something of a later timestep; `of` names the population whose spikes it is, if it is so."""

    of: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that no network here has, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """One thing at all timesteps.

    Attributes:
        one: the thing at its first timestep.
        axis: of the timesteps; None where they are summed up.
        factor: of the sum.
    """

    one: "Signal | State"
    axis: int | None
    factor: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """An input that holds all timesteps, or a part of it.

    Attributes:
        numbers: of its values, int64, in its own shape.
        frames: the same numbers in order, [time, batch, value].
    """

    numbers: Tensor
    frames: Tensor

    @staticmethod
    def whole(given: Tensor, axis: int) -> "Frames":
        """A whole input whose timesteps lie along an axis, the batch along the other of two."""
        ordered = given.movedim(axis, 0)
        numbers = torch.arange(given.numel()).reshape(ordered.shape)
        return Frames(numbers.movedim(0, axis), numbers.flatten(2))

    def part(self, numbers: Tensor) -> "Meaning":
        """What a part means: a timestep where it is one as a whole and in order."""
        _, batch, size = self.frames.shape
        if numbers.ndim < 2 or len(numbers) != batch or numbers.numel() != batch * size:
            return Frames(numbers, self.frames)
        t = int(numbers.reshape(-1)[0]) // (batch * size)
        if not torch.equal(numbers.reshape(batch, size), self.frames[t]):
            return Frames(numbers, self.frames)
        return source_signal(INPUT, tuple(numbers.shape[1:])) if t == 0 else Later()


Meaning = Signal | State | Later | Frames | Unknown | Recorded
