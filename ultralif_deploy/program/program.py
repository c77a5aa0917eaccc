"""The integer program: frozen, bounds checked at construction. PROGRAM.md is its specification."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import (
    DECAY_BITS,
    FRACTION_BITS,
    INT32_MAX,
    MAX_DECAY_BITS,
    MAX_FRACTION_BITS,
    MAX_MEMBRANE_BITS,
    MAX_SPIKES,
    MEMBRANE_BITS,
    MEMBRANE_MAX,
    TABLE_MAX,
    largest_held,
)
from ultralif_deploy.program.graph import (
    INPUT,
    WEIGHTED,
    Projection,
    check_structure,
    delayed_projections,
    frozen,
    largest_sums,
)
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.program.second_order import (
    SECOND_ORDER,
    AdaLIF,
    CSiLIF,
    LeakySum,
    SiLIF,
    check_word_lengths,
)

FORMAT_VERSION = 1
"""Version of PROGRAM.md that this code follows; a stored program must carry the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Threshold:
    """No memory: fires iff I > threshold. threshold: int32 [neuron]."""

    threshold: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class TropicalLIF:
    """Max-plus LIF: v ← max(v − decay, I); fires iff v > threshold, then v ← reset.

    Attributes:
        threshold: int32 [neuron], current units.
        decay: int32 [neuron], negative where the membrane grows.
        reset: int32 [neuron].
        initial: int32 [neuron], v before the first timestep.
    """

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    initial: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class LIF:
    """Leaky, in Loihi's arithmetic: v ← sat(leak(v, decay) + 2^f·I + bias), f = fraction_bits.

    Fires iff v > threshold, then the reset. I is the sum of the projections alone. With
    `most_spikes` above 1 it fires again as long as v − reset·(spikes so far) > threshold.

    Attributes:
        threshold: int32 [neuron], membrane units (2^f to a current unit).
        decay: int32 [neuron], 0 (no leak) to 2^decay_bits (no memory).
        reset: R of the reset, int32 [neuron] of `membrane_bits`, membrane units.
        reset_mode: a key of `resets.RESETS`.
        decay_bits: fraction bits of the decays, 12 to 24.
        membrane_bits: width of the membrane, 24 to 32.
        fraction_bits: one current unit is 2^fraction_bits membrane units; 6 to 14.
        most_spikes: in one timestep, 1 to 255; more than one with `subtract` alone.
        floor: lower bound of the membrane after the reset, int32 [neuron], membrane units; None
            for none.
    """

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    reset_mode: str = "value"
    decay_bits: int = DECAY_BITS
    membrane_bits: int = MEMBRANE_BITS
    fraction_bits: int = FRACTION_BITS
    most_spikes: int = 1
    floor: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class UltraDLIF:
    """Leaky membranes that share their maximum with both neighbours on a ring.

    The neighbours of neuron i are i ± stride, modulo the population's size.
    released: v ← sat(leak(v, decay) + 64·I + bias); fires iff
    max(v_{i−stride}, v_i, v_{i+stride}) > threshold.
    paper: v_i ← sat(max(v_{i−stride}, leak(v_i, decay), v_{i+stride}) + 64·I_i + bias_i); fires
    iff v > threshold. Then v ← 0. I is the sum of the projections alone.

    Attributes:
        threshold: int32 [neuron], membrane units (64 to a current unit).
        decay: int32 [neuron], 0 to 2^decay_bits.
        form: `released` or `paper`.
        stride: 1 for a ring along the population; H·W for one over the channels of a map
            [C, H, W].
        decay_bits: fraction bits of the decays, 12 to 24.
    """

    threshold: np.ndarray
    decay: np.ndarray
    form: str
    stride: int = 1
    decay_bits: int = DECAY_BITS


@dataclass(frozen=True, slots=True)
class Integrator:
    """Read-out that never fires: v ← v + I."""


@dataclass(frozen=True, slots=True, eq=False)
class LogMaxLIF:
    """Soft maximum from a table: v ← sat(max(a, b) + c(|a − b|)), a = v − decay, b = 64·I + bias.

    c(g) = table[g >> shift], 0 beyond the table. Fires iff v > threshold, then v ← 0. I is the sum
    of the projections alone. `log_max.correction_table` bounds what the table errs.

    Attributes:
        threshold: int32 [neuron], membrane units (64 to a current unit).
        decay: int32 [neuron], membrane units; negative where the membrane grows.
        table: int32 [entry], membrane units; one table for the population.
        shift: log2 of the gaps that share an entry.
    """

    threshold: np.ndarray
    decay: np.ndarray
    table: np.ndarray
    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class CubaLIF:
    """Leaky with a synaptic current before the membrane.

    i ← sat(leak(i, synaptic_decay) + 2^f·I + bias); v ← sat(leak(v, decay) + i); then as LIF,
    f = fraction_bits. The state holds all membranes, then all synaptic currents.

    Attributes:
        threshold: int32 [neuron], membrane units (2^f to a current unit).
        decay: of the membrane, int32 [neuron], 0 to 2^decay_bits.
        synaptic_decay: of the synaptic current, int32 [neuron], 0 to 2^decay_bits.
        reset: R of the reset, int32 [neuron] of `membrane_bits`, membrane units.
        reset_mode: a key of `resets.RESETS`.
        decay_bits: fraction bits of both decays, 12 to 24.
        membrane_bits: width of the membrane and of the synaptic current, 24 to 32.
        fraction_bits: one current unit is 2^fraction_bits membrane units; 6 to 14.
        most_spikes: in one timestep, 1 to 255; more than one with `subtract` alone.
        floor: lower bound of the membrane after the reset, int32 [neuron], membrane units; None
            for none.
    """

    WORDS: ClassVar[int] = 2

    threshold: np.ndarray
    decay: np.ndarray
    synaptic_decay: np.ndarray
    reset: np.ndarray
    reset_mode: str = "value"
    decay_bits: int = DECAY_BITS
    membrane_bits: int = MEMBRANE_BITS
    fraction_bits: int = FRACTION_BITS
    most_spikes: int = 1
    floor: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LeakyIntegrator:
    """Read-out of 32 bits that never fires: v ← sat(leak(v, decay) + 64·I + bias).

    Attributes:
        decay: int32 [neuron], 0 to 2^decay_bits.
        decay_bits: fraction bits of the decays, 12 to 24.
    """

    decay: np.ndarray
    decay_bits: int = DECAY_BITS


@dataclass(frozen=True, slots=True, eq=False)
class CubaLI:
    """Read-out of 32 bits that never fires, with a synaptic current: i and v as in CubaLIF.

    Attributes:
        decay: of the membrane, int32 [neuron], 0 to 2^decay_bits.
        synaptic_decay: of the synaptic current, int32 [neuron], 0 to 2^decay_bits.
        decay_bits: fraction bits of both decays, 12 to 24.
    """

    WORDS: ClassVar[int] = 2

    decay: np.ndarray
    synaptic_decay: np.ndarray
    decay_bits: int = DECAY_BITS


Neuron = (
    Threshold
    | TropicalLIF
    | LIF
    | UltraDLIF
    | Integrator
    | SiLIF
    | CSiLIF
    | AdaLIF
    | LeakySum
    | CubaLIF
    | LeakyIntegrator
    | CubaLI
    | LogMaxLIF
)

LEAKY = (LIF, UltraDLIF, CubaLIF, LeakyIntegrator, CubaLI)
Leaky = LIF | UltraDLIF | CubaLIF | LeakyIntegrator | CubaLI

READOUTS = (Integrator, LeakySum, LeakyIntegrator, CubaLI)
"""Models that never fire; the last population, and it alone, has one."""

FINE = (*LEAKY, LogMaxLIF)
"""Models whose membranes, thresholds and biases count in membrane units: 2^6 to a current unit, or
2^fraction_bits where they have that."""

PLAIN = (str, int)
"""Types of the fields of neuron models that hold for the whole population."""


def parameter_arrays(neuron: Neuron) -> dict[str, np.ndarray]:
    """The arrays of a neuron model by name: one value per neuron, but for `table`."""
    values = {f.name: getattr(neuron, f.name) for f in fields(neuron)}
    return {k: v for k, v in values.items() if v is not None and not isinstance(v, PLAIN)}


def structure(neuron: Neuron) -> dict[str, Any]:
    """The plain values of a neuron model by name."""
    values = {f.name: getattr(neuron, f.name) for f in fields(neuron)}
    return {k: v for k, v in values.items() if isinstance(v, PLAIN)}


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A neuron model with integer parameters.

    Attributes:
        name: unique.
        size: neurons.
        neuron: model.
        bias: added at every timestep, int32 [neuron]; in current units, or in membrane units for
            the models of `FINE`.
        scale: real current = scale · integer current, float64 [neuron]; not used in execution.
    """

    name: str
    size: int
    neuron: Neuron
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
            expected = shape if name != "table" else (np.size(value),)
            array = frozen(value, np.int32, expected, f"{self.name}: {name}")
            set_(self.neuron, name, array)
        if isinstance(self.neuron, LEAKY):
            _check_decays(self.name, self.neuron)
        if isinstance(self.neuron, (LIF, CubaLIF)):
            _check_membrane(self.name, self.neuron)
        if isinstance(self.neuron, UltraDLIF) and self.neuron.form not in ("released", "paper"):
            raise UltralifError(
                f"{self.name}: form {self.neuron.form!r}; expected released or paper"
            )
        if isinstance(self.neuron, UltraDLIF) and not 1 <= self.neuron.stride <= self.size:
            raise UltralifError(
                f"{self.name}: ring stride {self.neuron.stride}; expected 1 to its {self.size} "
                "neurons"
            )
        if isinstance(self.neuron, SECOND_ORDER):
            check_word_lengths(self.name, self.neuron)
        if isinstance(self.neuron, LogMaxLIF):
            _check_table(self.name, self.neuron)

    def parameters(self) -> dict[str, np.ndarray]:
        """The neuron model's arrays by name."""
        return parameter_arrays(self.neuron)

    @property
    def spikes(self) -> bool:
        """Whether it can fire."""
        return not isinstance(self.neuron, READOUTS)

    @property
    def words(self) -> int:
        """State words per neuron; the state is one vector with one word after the other."""
        return getattr(self.neuron, "WORDS", 1)

    @property
    def membrane_unit(self) -> np.ndarray:
        """Real value of one unit of the membrane and the threshold, float64 [neuron]."""
        if isinstance(self.neuron, SECOND_ORDER):
            return self.scale / (1 << self.neuron.shift.astype(np.int64))
        fine = isinstance(self.neuron, FINE)
        bits = getattr(self.neuron, "fraction_bits", FRACTION_BITS)
        return self.scale / (1 << bits) if fine else self.scale

    @property
    def largest_sent(self) -> int:
        """Largest number that it sends in one timestep."""
        return getattr(self.neuron, "most_spikes", 1)


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
    """An integer spiking network; every back end executes it spike for spike alike.

    Attributes:
        input: what comes in.
        populations: in topological order; the last is a read-out, whose final v is the logits.
        projections: int8 weights.
        weight_format: `8` … `2` or `ternary`.
        timesteps: T of one inference.
        divisor: real logits = scale · v / divisor.
        encoding: how inputs were made, so that they can be made again; not used in execution.
    """

    input: Input
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    weight_format: str
    timesteps: int
    divisor: int
    encoding: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_structure(self.input.size, self.populations, self.projections)
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

    def incoming(self, name: str) -> tuple[Projection, ...]:
        """Projections into a population."""
        return tuple(p for p in self.projections if p.target == name)

    def population(self, name: str) -> Population:
        """The population of a name."""
        return next(p for p in self.populations if p.name == name)

    @cached_property
    def multiplies(self) -> frozenset[str]:
        """Names of the projections whose inputs can exceed 1: their operations multiply."""
        return frozenset(p.name for p in self.projections if self.largest_sent(p.source) > 1)

    def largest_sent(self, source: str) -> int:
        """Largest number that the input or a population sends in one timestep."""
        return self.input.maximum if source == INPUT else self.population(source).largest_sent

    @property
    def readout(self) -> Population:
        """The last population."""
        return self.populations[-1]

    @property
    def parameters(self) -> int:
        """Stored integers: weights, biases of populations that have one, neuron parameters."""
        weights = sum(p.map.weight.size for p in self.projections if isinstance(p.map, WEIGHTED))
        biases = sum(p.size for p in self.populations if p.bias.any())
        return (
            weights
            + biases
            + sum(array.size for p in self.populations for array in p.parameters().values())
        )

    def check_timesteps(self, timesteps: int) -> None:
        """Refuse more timesteps than a 32-bit accumulator provably holds."""
        bound, neuron = self.current_bounds[self.readout.name], self.readout.neuron
        if isinstance(neuron, (LeakyIntegrator, CubaLI)):
            return  # they saturate
        if isinstance(neuron, LeakySum):
            bound = (1 << (int(neuron.state_bits.max(initial=2)) - 1)) - 1
        if bound * timesteps > INT32_MAX:
            raise UltralifError(
                f"{self.readout.name}: {timesteps} timesteps of values up to {bound} pass 32 "
                f"bits; at most {INT32_MAX // bound} timesteps"
            )

    def check_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return inputs uint8 [time, batch, input] when they fit.

        Raises:
            UltralifError: another shape or dtype, or values above `input.maximum`.
        """
        self.check_input_shape(inputs)
        self.check_input_values(inputs)
        return inputs

    def check_input_shape(self, inputs: np.ndarray) -> None:
        """Refuse inputs of another shape or dtype, and more timesteps than provably fit."""
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
                f"inputs reach {largest}; the program takes at most {self.input.maximum}"
            )

    def real_logits(self, logits: np.ndarray) -> np.ndarray:
        """Logits in the units of the trained network, float64 [batch, class]."""
        return logits * self.readout.membrane_unit / self.divisor


def _check_decays(name: str, neuron: Leaky) -> None:
    bits = neuron.decay_bits
    if not DECAY_BITS <= bits <= MAX_DECAY_BITS:
        raise UltralifError(
            f"{name}: decays of {bits} bits; expected {DECAY_BITS} to {MAX_DECAY_BITS}"
        )
    for field_name in ("decay", "synaptic_decay"):
        decay = getattr(neuron, field_name, neuron.decay)
        if decay.min(initial=0) < 0 or decay.max(initial=0) > 1 << bits:
            raise UltralifError(f"{name}: {field_name.replace('_', ' ')} outside 0 to {1 << bits}")


def _check_membrane(name: str, neuron: LIF | CubaLIF) -> None:
    for what, bits, least, most in (
        ("a membrane", neuron.membrane_bits, MEMBRANE_BITS, MAX_MEMBRANE_BITS),
        ("membrane units with fractions", neuron.fraction_bits, FRACTION_BITS, MAX_FRACTION_BITS),
    ):
        if not least <= bits <= most:
            raise UltralifError(f"{name}: {what} of {bits} bits; expected {least} to {most}")
    top = largest_held(neuron.membrane_bits)
    for what, values in (("reset", neuron.reset), ("floor", neuron.floor)):
        if values is not None and np.abs(values.astype(np.int64)).max(initial=0) > top:
            raise UltralifError(f"{name}: {what} outside -{top} to {top}")
    if neuron.reset_mode not in RESETS:
        raise UltralifError(
            f"{name}: reset mode {neuron.reset_mode!r}; expected one of {', '.join(RESETS)}"
        )
    if not 1 <= neuron.most_spikes <= MAX_SPIKES:
        raise UltralifError(
            f"{name}: {neuron.most_spikes} spikes in one timestep; expected 1 to {MAX_SPIKES}"
        )
    subtracts = neuron.reset_mode == "subtract" and neuron.reset.min(initial=1) >= 1
    if neuron.most_spikes > 1 and not subtracts:
        raise UltralifError(
            f"{name}: up to {neuron.most_spikes} spikes in one timestep; expected that each "
            "subtracts at least 1 from the membrane"
        )


def _check_table(name: str, neuron: LogMaxLIF) -> None:
    entries = len(neuron.table)
    if not 1 <= entries <= TABLE_MAX or not 0 <= neuron.shift < MEMBRANE_BITS:
        raise UltralifError(
            f"{name}: table of {entries} entries and shift {neuron.shift}; expected 1 to "
            f"{TABLE_MAX} entries and a shift from 0 to {MEMBRANE_BITS - 1}"
        )
    if neuron.table.min() < 0 or neuron.table.max() > MEMBRANE_MAX:
        raise UltralifError(
            f"{name}: table from {neuron.table.min()} to {neuron.table.max()}; expected 0 to "
            f"{MEMBRANE_MAX}"
        )


def weights_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over named integer arrays, sorted by name, as little-endian int32 with shapes."""
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
