"""The hard network in float64: spikes are 0 or 1, and ε = 0.

It is the step between the soft network and the integer program. Its neuron models lie in
`network/neurons`, and `network/running.py` runs it.
"""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.program.display.text import population_rows, summary
from ultralif_deploy.program.graph import (
    INPUT,
    Dense,
    Projection,
    by_target,
    check_structure,
    delayed_projections,
    frozen,
)
from ultralif_deploy.program.stages import Stage, stages


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A neuron model with its parameters.

    Attributes:
        name: unique name.
        size: neurons.
        neuron: model.
        bias: bias that is added to the current at every timestep, float64 [neuron].
        kept: indices of the neurons that remain after a pass removed some, in the trained
            population, int64 [neuron]; None if all remain.
        given: its name where it was read, if a target could not hold it; None otherwise.
    """

    name: str
    size: int
    neuron: FloatNeuron
    bias: np.ndarray
    kept: np.ndarray | None = None
    given: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """Inputs: whole numbers n from 0 to `maximum`, whose real value is scale·n + offset.

    Attributes:
        size: values per timestep.
        maximum: 1 for spikes, 255 for event counts and 8-bit values.
        scale: real value of one unit, one for all values or float64 [value].
        offset: real value of 0, one for all values or float64 [value].
        constant: whether all timesteps have the same values.
    """

    size: int
    maximum: int = 1
    scale: float | np.ndarray = 1.0
    offset: float | np.ndarray = 0.0
    constant: bool = False

    @property
    def plain(self) -> bool:
        """Whether the integers are used as real values, without scale and offset."""
        return bool(np.all(np.equal(self.scale, 1.0)) and np.all(np.equal(self.offset, 0.0)))


@dataclass(frozen=True, eq=False)
class Network:
    """Populations in topological order, projections, and the timesteps of one inference.

    The last population is the read-out. The logits are its membrane potential after the last
    timestep, divided by `divisor`. For a LeakySum they are the sum of its membrane potential over
    all timesteps, divided by `divisor`.

    Attributes:
        input: size and range of the inputs.
        populations: populations in topological order, the read-out last.
        projections: between them, float64 weights.
        timesteps: T, the number of timesteps of one inference.
        divisor: number of timesteps in the mean that gives the logits.
    """

    input: Input
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    timesteps: int
    divisor: int

    def __post_init__(self) -> None:
        check_structure(self.input.size, self.populations, self.projections)

    def __repr__(self) -> str:
        title = f"Network: {self.input.size:,} inputs, {self.timesteps} timesteps"
        rows = population_rows(self.populations, self.projections, self.delayed())
        return summary(title, rows)

    def incoming(self, name: str) -> tuple[Projection, ...]:
        """Projections into a population."""
        return self._incoming[name]

    @cached_property
    def _incoming(self) -> dict[str, tuple[Projection, ...]]:
        """Projections by target."""
        return by_target(self.projections)

    def largest_sent(self, source: str) -> int:
        """Largest number that the input or a population sends in one timestep."""
        if source == INPUT:
            return self.input.maximum
        return next(p.neuron.largest_sent for p in self.populations if p.name == source)

    def delayed(self) -> frozenset[str]:
        """Names of the projections that act one timestep later."""
        return self._delayed

    @cached_property
    def _delayed(self) -> frozenset[str]:
        return delayed_projections(self.populations, self.projections)

    def stages(self) -> tuple[Stage, ...]:
        """Populations that run together, in an order in which no stage hears a later one."""
        return stages(self.populations, self.projections)


def dense(source: str, target: str, weight: np.ndarray) -> Projection:
    """A projection with a float64 weight matrix [target, source].

    Args:
        source: name of the population that sends, or of the input.
        target: name of the population that receives.
        weight: numbers [target, source].
    """
    array = frozen(weight, np.float64, np.shape(weight), f"{source}->{target}")
    return Projection(source, target, Dense(array))


def select(population: Population, mask: np.ndarray) -> Population:
    """The population reduced to the neurons of a mask, bool [neuron]."""
    if mask.all():
        return population
    size, name, neuron = int(mask.sum()), population.name, population.neuron
    trained = np.arange(population.size) if population.kept is None else population.kept
    parameters = {f.name: getattr(neuron, f.name) for f in fields(neuron)}  # type: ignore[arg-type]
    for key, value in parameters.items():
        if isinstance(value, np.ndarray):
            kept_values = value[..., mask]
            parameters[key] = frozen(kept_values, np.float64, kept_values.shape, f"{name}: {key}")
    bias = per_neuron(population.bias[mask], size, f"{name}: bias")
    kept = frozen(trained[mask], np.int64, (size,), f"{name}: kept")
    return Population(name, size, type(neuron)(**parameters), bias, kept, population.given)


def per_neuron(value: object, size: int, what: str) -> np.ndarray:
    """A parameter as float64 [neuron]; a single value is repeated for all neurons.

    Args:
        value: one number, or one per neuron.
        size: number of neurons.
        what: text that names the parameter, for errors.
    """
    spread = np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))
    return frozen(spread, np.float64, (size,), what)
