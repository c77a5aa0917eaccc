"""The integer program, specified in PROGRAM.md; it is frozen, and its bounds are checked."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.display.figures import diagram_figure
from ultralif_deploy.program.display.text import population_rows, summary, table
from ultralif_deploy.program.fixed import (
    INT32_MAX,
)
from ultralif_deploy.program.graph import (
    INPUT,
    WEIGHTED,
    Projection,
    by_target,
    check_structure,
    delayed_projections,
    frozen,
    largest_sums,
)
from ultralif_deploy.program.neurons import NeuronModel
from ultralif_deploy.program.stages import Stage, stages
from ultralif_deploy.program.weight_format import WeightFormat, formats_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT_VERSION = 1
"""Version of PROGRAM.md that this code follows; a stored program must carry the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A neuron model with integer parameters.

    Attributes:
        name: unique name.
        size: neurons.
        neuron: model.
        bias: added at every timestep, int32 [neuron]; in current units, or in membrane units for
            the models of `neurons.FINE`.
        scale: real current = scale · integer current, float64 [neuron]; not used in execution.
    """

    name: str
    size: int
    neuron: NeuronModel
    bias: np.ndarray
    scale: np.ndarray

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        shape = (self.size,)
        set_(self, "bias", frozen(self.bias, np.int32, shape, f"{self.name}: bias"))
        set_(self, "scale", frozen(self.scale, np.float64, shape, f"{self.name}: scale"))
        if not np.all(self.scale > 0):
            raise UltralifError(f"{self.name}: scale must be above 0")
        for name, value in self.parameters().items():
            length = self.neuron.length(name, self.size)
            array = frozen(value, np.int32, (length,), f"{self.name}: {name}")
            set_(self.neuron, name, array)
        self.neuron.check(self.name, self.size)

    def parameters(self) -> dict[str, np.ndarray]:
        """The neuron model's arrays by name."""
        return self.neuron.parameters()

    @property
    def spikes(self) -> bool:
        """Whether it can fire."""
        return self.neuron.FIRES

    @property
    def words(self) -> int:
        """State words per neuron; the state is one vector with one word after the other."""
        return self.neuron.WORDS

    @property
    def membrane_unit(self) -> np.ndarray:
        """Real value of one unit of the membrane and the threshold, float64 [neuron]."""
        unit: np.ndarray = self.scale / (1 << self.neuron.unit_bits)
        return unit

    @property
    def largest_sent(self) -> int:
        """Largest number that a neuron sends in one timestep."""
        return self.neuron.largest_sent


@dataclass(frozen=True, slots=True)
class Input:
    """Integer inputs: `size` values of 0 to `maximum` (1 for spikes, at most 255)."""

    size: int
    maximum: int = 1

    def __post_init__(self) -> None:
        if self.size < 1 or not 1 <= self.maximum <= 255:
            raise UltralifError(
                f"input: size {self.size}, maximum {self.maximum}; expected at least one value "
                "of at most 255"
            )


@dataclass(frozen=True, eq=False)
class Program:
    """An integer spiking network; every back end computes the same spikes from it.

    Attributes:
        input: size and range of the inputs.
        populations: populations in topological order; the last is a read-out, whose final v is
            the logits.
        projections: int8 weights.
        weight_format: `8` … `2` or `ternary` for all weights, or for those into each population by
            name.
        timesteps: T, the number of timesteps of one inference.
        divisor: real logits = scale · v / divisor.
        encoding: record of how inputs were made, to make them again; not used in execution.
    """

    input: Input
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    weight_format: str | Mapping[str, str]
    timesteps: int
    divisor: int
    encoding: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_structure(self.input.size, self.populations, self.projections)
        assert self.formats  # formats that do not exist are refused here
        for projection in self.projections:
            if isinstance(projection.map, WEIGHTED):
                weight = projection.map.weight
                array = frozen(weight, np.int8, np.shape(weight), projection.name)
                object.__setattr__(projection.map, "weight", array)
        readout = self.populations[-1]
        if readout.spikes or any(not p.spikes for p in self.populations[:-1]):
            raise UltralifError(
                "the last population, and it alone, must be a read-out: an Integrator, LeakySum, "
                "LeakyIntegrator or CubaLI"
            )
        if any(p.source == readout.name for p in self.projections):
            raise UltralifError(f"{readout.name}: the read-out drives nothing")
        if self.timesteps < 1 or self.divisor < 1:
            raise UltralifError(
                f"timesteps {self.timesteps}, divisor {self.divisor}; expected at least 1"
            )
        for name, bound in self.current_bounds.items():
            if bound > INT32_MAX:
                raise UltralifError(
                    f"{name}: its current can reach {bound}, beyond 32 bits; use fewer bits"
                )
        self.check_timesteps(self.timesteps)

    def __repr__(self) -> str:
        return summary(self._title(), self._rows())

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        rows = [(*row, self.formats[row[0]].name) for row in self._rows()]
        names = ("population", "neurons", "model", "currents from", "bits of weights")
        return table(self._title(), names, rows)

    def diagram(self) -> "Figure":
        """Draw populations and projections; `pip install 'ultralif-deploy[figures]'` for it.

        Returns:
            A box for each population, and an arrow for each projection, dashed where it acts one
            timestep later.

        Raises:
            Missing: matplotlib is not installed.
        """
        boxes = [(INPUT, f"{self.input.size:,} values, 0 to {self.input.maximum}")]
        for p in self.populations:
            bits = self.formats[p.name].name
            stored = f"{bits} bits" if bits.isdecimal() else bits
            boxes.append((p.name, f"{p.size:,} × {type(p.neuron).__name__}, {stored}"))
        labels = {}
        for one in self.projections:
            weights = f", {one.map.weight.size:,} weights" if isinstance(one.map, WEIGHTED) else ""
            labels[one.name] = f"{type(one.map).__name__}{weights}"
        return diagram_figure(boxes, self.projections, labels, self.delayed)

    def _title(self) -> str:
        return (
            f"Program: {self.input.size:,} inputs, {self.timesteps} timesteps, "
            f"{self.parameters:,} parameters"
        )

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return population_rows(self.populations, self.projections, self.delayed)

    @cached_property
    def formats(self) -> dict[str, WeightFormat]:
        """Format of the weights into each population."""
        return formats_of(self.weight_format, (p.name for p in self.populations))

    @cached_property
    def current_bounds(self) -> dict[str, int]:
        """Largest |I| of each population for any input, proved from the weights and biases."""
        bounds = {}
        for population in self.populations:
            total = np.abs(population.bias.astype(np.int64))
            for projection in self.incoming(population.name):
                total = total + largest_sums(projection.map, self.largest_sent(projection.source))
            bounds[population.name] = int(total.max(initial=0))
        return bounds

    @cached_property
    def delayed(self) -> frozenset[str]:
        """Names of the projections that act one timestep later."""
        return delayed_projections(self.populations, self.projections)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Populations that run together, in an order in which no stage hears a later one."""
        return stages(self.populations, self.projections)

    def incoming(self, name: str) -> tuple[Projection, ...]:
        """Projections into a population."""
        return self._incoming[name]

    @cached_property
    def _incoming(self) -> dict[str, tuple[Projection, ...]]:
        """Projections by target."""
        return by_target(self.projections)

    def population(self, name: str) -> Population:
        """The population of a name."""
        return self._named[name]

    @cached_property
    def _named(self) -> dict[str, Population]:
        """Populations by name."""
        return {p.name: p for p in self.populations}

    @cached_property
    def multiplies(self) -> frozenset[str]:
        """Names of the projections whose inputs can exceed 1, so that their operations multiply."""
        return frozenset(p.name for p in self.projections if self.largest_sent(p.source) > 1)

    def largest_sent(self, source: str) -> int:
        """Largest number that the input or a population sends in one timestep."""
        return self.input.maximum if source == INPUT else self.population(source).largest_sent

    @property
    def readout(self) -> Population:
        """The last population."""
        return self.populations[-1]

    @property
    def stored_weights(self) -> dict[str, int]:
        """Number of stored weights into each population."""
        stored = {population.name: 0 for population in self.populations}
        for projection in self.projections:
            if isinstance(projection.map, WEIGHTED):
                stored[projection.target] += projection.map.weight.size
        return stored

    @property
    def weight_bits(self) -> int:
        """Bits of all stored weights."""
        return sum(self.formats[n].stored_bits * k for n, k in self.stored_weights.items())

    @property
    def parameters(self) -> int:
        """Stored integers: weights, biases of populations that have one, neuron parameters."""
        weights = sum(self.stored_weights.values())
        biases = sum(p.size for p in self.populations if p.bias.any())
        return (
            weights
            + biases
            + sum(array.size for p in self.populations for array in p.parameters().values())
        )

    def check_timesteps(self, timesteps: int) -> None:
        """Refuse more timesteps than a 32-bit accumulator provably holds."""
        most = self._largest_logit
        if most is not None and most * timesteps > INT32_MAX:
            raise UltralifError(
                f"{self.readout.name}: {timesteps} timesteps of values up to {most} pass 32 "
                f"bits; at most {INT32_MAX // most} timesteps"
            )

    @cached_property
    def _largest_logit(self) -> int | None:
        """What one timestep can add to a logit; None where the read-out leaks or saturates."""
        return self.readout.neuron.largest_logit(self.current_bounds[self.readout.name])

    def check_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the inputs, uint8 [time, batch, input], if they fit.

        Raises:
            UltralifError: the shape or dtype differs, or values exceed `input.maximum`.
        """
        self.check_input_shape(inputs)
        self.check_input_values(inputs)
        return inputs

    def check_input_shape(self, inputs: np.ndarray) -> None:
        """Refuse a wrong shape or dtype, and more timesteps than the accumulator provably holds."""
        if inputs.dtype != np.uint8 or inputs.ndim != 3 or inputs.shape[2] != self.input.size:
            raise UltralifError(
                f"inputs are {inputs.dtype} {inputs.shape}; expected uint8 [time, batch, "
                f"{self.input.size}]"
            )
        self.check_timesteps(len(inputs))

    def check_input_values(self, inputs: np.ndarray) -> None:
        """Refuse values above `input.maximum`."""
        self.check_largest_input(int(inputs.max(initial=0)))

    def check_largest_input(self, largest: int) -> None:
        """Refuse a largest value above `input.maximum`."""
        if largest > self.input.maximum:
            raise UltralifError(
                f"inputs reach {largest}; the program takes at most {self.input.maximum}, so "
                "quantize it again with --data that reach as far"
            )

    def real_logits(self, logits: np.ndarray) -> np.ndarray:
        """Logits in the units of the trained network, float64 [batch, class]."""
        real: np.ndarray = logits * self.readout.membrane_unit / self.divisor
        return real


def weights_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of named integer arrays, sorted by name, as little-endian int32 with shapes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<i4")
        digest.update(f"{name} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def executed_arrays(program: Program) -> dict[str, np.ndarray]:
    """All arrays that execution depends on: weights, biases and neuron parameters, by name."""
    arrays = {p.name: p.map.weight for p in program.projections if isinstance(p.map, WEIGHTED)}
    for population in program.populations:
        arrays[f"{population.name}.bias"] = population.bias
        for name, value in population.parameters().items():
            arrays[f"{population.name}.{name}"] = value
    return arrays
