"""The hard network in float64: spikes in {0, 1}, ε = 0. Step between soft network and program.

Equations use I for the current (all projections plus bias), v for the membrane potential, θ for
the threshold. `inclusive` says whether a neuron fires at v = θ (UltraLIF: yes; NIR: no).
"""

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.graph import (
    INPUT,
    Dense,
    Projection,
    check_structure,
    delayed_projections,
    frozen,
)


@dataclass(frozen=True, slots=True, eq=False)
class Threshold:
    """No memory: s = [I ≥ θ] (or >). threshold: float64 [neuron]."""

    threshold: np.ndarray
    inclusive: bool


@dataclass(frozen=True, slots=True, eq=False)
class TropicalLIF:
    """Max-plus LIF: v = max(v − d, I); s = [v ≥ θ]; v ← reset where s.

    Attributes:
        threshold: θ, float64 [neuron].
        decay: d = −log τ, float64 [neuron]; negative where the membrane grows.
        reset: value after a spike, float64 [neuron].
        initial: value before the first timestep, float64 [neuron].
        inclusive: fires at v = θ.
    """

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    initial: np.ndarray
    inclusive: bool


@dataclass(frozen=True, slots=True, eq=False)
class UltraDLIF:
    """Neighbours on a ring share their maximum.

    released: v = τ·v + I; m_i = max(v_{i−k}, v_i, v_{i+k}); s = [m ≥ θ]; v ← 0 where s.
    paper: v_i = max(v_{i−k}, τ·v_i, v_{i+k}) + I_i; s = [v ≥ θ]; v ← 0 where s.
    k is the stride, and the indices count modulo the population's size.

    Attributes:
        threshold: θ, float64 [neuron].
        tau: τ, float64 [neuron].
        form: `released` or `paper`.
        inclusive: fires at equality.
        stride: 1 for a ring along the population; H·W for one over the channels of a map
            [C, H, W].
    """

    threshold: np.ndarray
    tau: np.ndarray
    form: str
    inclusive: bool
    stride: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class LIF:
    """Leaky integrate and fire: v = τ·v + I; s = [v ≥ θ]; then the reset; v = max(v, floor).

    With `most_spikes` above 1, s is the number of times that v − R·(spikes so far) ≥ θ, and v
    loses R·s.

    Attributes:
        threshold: θ, float64 [neuron].
        tau: τ, float64 [neuron].
        inclusive: fires at v = θ.
        reset: R of the reset, float64 [neuron].
        reset_mode: a key of `resets.RESETS`.
        most_spikes: in one timestep; more than one with `subtract` and R > 0 alone.
        floor: lower bound of the membrane after the reset, at most 0, float64 [neuron]; None for
            none.
    """

    threshold: np.ndarray
    tau: np.ndarray
    inclusive: bool
    reset: np.ndarray
    reset_mode: str = "value"
    most_spikes: int = 1
    floor: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Integrator:
    """Read-out that does not spike: v = v + I."""


@dataclass(frozen=True, slots=True, eq=False)
class LogMaxLIF:
    """Max-plus LIF whose maximum stays soft: v = LSE_ε(v − d, I); s = [v ≥ θ]; v ← 0 where s.

    LSE_ε(a, b) = max(a, b) + ε·log(1 + e^(−|a−b|/ε)). Unlike the hard maximum it keeps memory.

    Attributes:
        threshold: θ, float64 [neuron].
        decay: d = −log τ, float64 [neuron]; negative where the membrane grows.
        epsilon: ε, one for the population, at least 0.
        inclusive: fires at v = θ.
    """

    threshold: np.ndarray
    decay: np.ndarray
    epsilon: float
    inclusive: bool


@dataclass(frozen=True, slots=True, eq=False)
class SiLIF:
    """Second-order LIF: w = β·w + a·u + b·s; u = α·(u − θ·s) + g·I − (1 − α)·w; s = [u > θ].

    The update of w uses the u and s of the timestep before, that of u the new w. The published
    neurons have θ = 1 and g = 1 − α: SiLIF, adLIF and constrained adLIF differ only in the ranges
    of their parameters. Source: arXiv 2506.06374.

    Attributes:
        threshold: θ, float64 [neuron]; also what a spike takes from u.
        gain: g, float64 [neuron].
        alpha: decay of u, float64 [neuron].
        beta: decay of w, float64 [neuron].
        a: coupling from u to w, float64 [neuron].
        b: what a spike adds to w, float64 [neuron].
    """

    threshold: np.ndarray
    gain: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    a: np.ndarray
    b: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class CSiLIF:
    """Complex membrane: u = α·(u − θ·s) + g·I; s = [Re u > θ].

    The published neuron has θ = 1/2 (2·Re u > 1) and g = b, a real number.
    Source: arXiv 2506.06374.

    Attributes:
        threshold: θ, float64 [neuron]; also what a spike takes from Re u.
        gain: g, float64 [neuron], of any sign.
        real: Re α, float64 [neuron].
        imaginary: Im α, float64 [neuron].
    """

    threshold: np.ndarray
    gain: np.ndarray
    real: np.ndarray
    imaginary: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class AdaLIF:
    """LIF with adapting threshold: v = τ·v + I; s = [v ≥ θ + c]; c = ρ·c + j·s; v ← 0 where s.

    Attributes:
        threshold: θ at rest, float64 [neuron].
        tau: τ, float64 [neuron].
        adaptation_decay: ρ, float64 [neuron].
        jump: j, what a spike adds to the threshold, float64 [neuron].
        inclusive: fires at equality.
    """

    threshold: np.ndarray
    tau: np.ndarray
    adaptation_decay: np.ndarray
    jump: np.ndarray
    inclusive: bool


@dataclass(frozen=True, slots=True, eq=False)
class LeakySum:
    """Read-out that does not spike: u = α·u + g·I; the logits are the sum of u over timesteps.

    Published networks add up softmax(u) instead of u, which has no exact integer form.

    Attributes:
        gain: g, float64 [neuron]; 1 − α in published networks.
        alpha: decay of u, float64 [neuron].
    """

    gain: np.ndarray
    alpha: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class CubaLIF:
    """Leaky integrate and fire behind a synaptic current: i = α·i + I; v = τ·v + i; then as LIF.

    Attributes:
        threshold: θ, float64 [neuron].
        tau: τ, float64 [neuron].
        synaptic_tau: α, float64 [neuron].
        inclusive: fires at v = θ.
        reset: R of the reset, float64 [neuron]; the synaptic current is never reset.
        reset_mode: a key of `resets.RESETS`.
        most_spikes: as in LIF.
        floor: as in LIF.
    """

    WORDS: ClassVar[int] = 2

    threshold: np.ndarray
    tau: np.ndarray
    synaptic_tau: np.ndarray
    inclusive: bool
    reset: np.ndarray
    reset_mode: str = "value"
    most_spikes: int = 1
    floor: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LeakyIntegrator:
    """Read-out that does not spike: v = τ·v + I. tau: τ, float64 [neuron]."""

    tau: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class CubaLI:
    """Read-out that does not spike: i = α·i + I; v = τ·v + i.

    Attributes:
        tau: τ, float64 [neuron].
        synaptic_tau: α, float64 [neuron].
    """

    WORDS: ClassVar[int] = 2

    tau: np.ndarray
    synaptic_tau: np.ndarray


READOUTS = (Integrator, LeakySum, LeakyIntegrator, CubaLI)
"""Models that do not spike; only the last population may have one."""

SECOND_ORDER = (SiLIF, CSiLIF, AdaLIF, LeakySum)
"""Models with two state words; `hard_second_order` holds their updates."""

SecondOrder = SiLIF | CSiLIF | AdaLIF | LeakySum

GAINED = (SiLIF, CSiLIF, LeakySum)
"""Models that multiply their current by a gain, which `passes.fold_gain` folds into weights."""

Neuron = (
    Threshold
    | TropicalLIF
    | UltraDLIF
    | LIF
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


def words(neuron: Neuron) -> int:
    """State words per neuron; they lie one after the other along the last axis of the state."""
    return getattr(neuron, "WORDS", 1)


def most_spikes(neuron: Neuron) -> int:
    """Most spikes of one neuron in one timestep."""
    return getattr(neuron, "most_spikes", 1)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A neuron model with its parameters.

    Attributes:
        name: unique.
        size: neurons.
        neuron: model.
        bias: added to the current at every timestep, float64 [neuron].
        kept: indices int64 [neuron] of its neurons in the population as trained, where a pass
            removed others; None for all of them.
    """

    name: str
    size: int
    neuron: Neuron
    bias: np.ndarray
    kept: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """What comes in: whole numbers n of 0 to `maximum`, read as scale·n + offset.

    Attributes:
        size: values per timestep.
        maximum: 1 for spikes, 255 for event counts and 8-bit values.
        scale: real value of one unit, one for all values or float64 [value].
        offset: real value of 0, likewise.
        constant: the same values at every timestep.
    """

    size: int
    maximum: int = 1
    scale: float | np.ndarray = 1.0
    offset: float | np.ndarray = 0.0
    constant: bool = False

    @property
    def plain(self) -> bool:
        """Whether values are read as they are."""
        return bool(np.all(np.equal(self.scale, 1.0)) and np.all(np.equal(self.offset, 0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Populations in topological order, projections, and the timesteps of one inference.

    The last population is the read-out; its membrane potential after the last timestep, divided
    by `divisor`, is the logits; those of a LeakySum are the sum of its membrane potential over
    timesteps, divided alike.

    Attributes:
        input: what comes in.
        populations: in topological order, the read-out last.
        projections: between them, float64 weights.
        timesteps: T to run.
        divisor: T of the mean over timesteps that the logits are.
    """

    input: Input
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    timesteps: int
    divisor: int

    def __post_init__(self) -> None:
        check_structure(self.input.size, self.populations, self.projections)

    def incoming(self, name: str) -> tuple[Projection, ...]:
        """Projections into a population."""
        return tuple(p for p in self.projections if p.target == name)

    def largest_sent(self, source: str) -> int:
        """Largest number that the input or a population sends in one timestep."""
        if source == INPUT:
            return self.input.maximum
        return most_spikes(next(p.neuron for p in self.populations if p.name == source))

    def delayed(self) -> frozenset[str]:
        """Names of the projections that act one timestep later."""
        return delayed_projections(self.populations, self.projections)


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
    """The population with the neurons of a mask, bool [neuron], alone."""
    if mask.all():
        return population
    size, name, neuron = int(mask.sum()), population.name, population.neuron
    trained = np.arange(population.size) if population.kept is None else population.kept
    parameters = {field.name: getattr(neuron, field.name) for field in fields(neuron)}
    for key, value in parameters.items():
        if isinstance(value, np.ndarray):
            parameters[key] = per_neuron(value[mask], size, f"{name}: {key}")
    bias = per_neuron(population.bias[mask], size, f"{name}: bias")
    kept = frozen(trained[mask], np.int64, (size,), f"{name}: kept")
    return Population(name, size, type(neuron)(**parameters), bias, kept)


def per_neuron(value: object, size: int, what: str) -> np.ndarray:
    """A parameter as float64 [neuron], one value spread over the population if need be.

    Args:
        value: one number, or one per neuron.
        size: number of neurons.
        what: names the parameter, for errors.
    """
    spread = np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))
    return frozen(spread, np.float64, (size,), what)
