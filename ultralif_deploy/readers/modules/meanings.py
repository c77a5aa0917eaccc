"""What a tensor means while the `forward` of a module is recorded."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ultralif_deploy.program.graph import INPUT, Conv2d, Dense, Identity, LinearMap
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


def depends_on_inputs(meaning: Meaning) -> bool:
    """Whether values depend on the inputs alone, and on no neuron."""
    sources = {source for source, _ in meaning.terms} if isinstance(meaning, Signal) else {None}
    return sources == {INPUT}


def sender_of(signal: Signal) -> str | None:
    """The source of a signal that is its unchanged spikes; None for any other signal."""
    ((source, _), one), *more = signal.terms.items()
    plain = isinstance(one, Identity) and not more and not signal.bias.any()
    return source if plain else None


def same_signals(a: Signal, b: Signal) -> bool:
    """Whether two signals have the same sources, maps and biases."""
    if a.terms.keys() != b.terms.keys() or not np.array_equal(a.bias, b.bias):
        return False
    return all(_same_map(a.terms[key], b.terms[key]) for key in a.terms)


def _same_map(a: LinearMap, b: LinearMap) -> bool:
    if type(a) is not type(b) or a.source_size != b.source_size:
        return False
    if isinstance(a, Conv2d) and isinstance(b, Conv2d):
        fields = ("input_shape", "stride", "padding", "dilation", "groups")
        if any(getattr(a, f) != getattr(b, f) for f in fields):
            return False
    if isinstance(a, (Conv2d, Dense)) and isinstance(b, (Conv2d, Dense)):
        return np.array_equal(a.weight, b.weight)
    return True
