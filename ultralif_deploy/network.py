"""The hard network in float64: spikes in {0, 1}, ε = 0. Step between soft network and program.

Equations use I for the current (all projections plus bias), v for the membrane potential, θ for
the threshold. `inclusive` says whether a neuron fires at v = θ (UltraLIF: yes; NIR: no).
"""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.graph import Dense, Projection, check_structure, delayed_projections, frozen


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
    """Leaky integrate and fire: v = τ·v + I; s = [v ≥ θ]; v ← 0 where s.

    Attributes:
        threshold: θ, float64 [neuron].
        tau: τ, float64 [neuron].
        inclusive: fires at v = θ.
    """

    threshold: np.ndarray
    tau: np.ndarray
    inclusive: bool


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


Neuron = Threshold | TropicalLIF | UltraDLIF | LIF | Integrator | LogMaxLIF


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A neuron model with its parameters.

    Attributes:
        name: unique.
        size: neurons.
        neuron: model.
        bias: added to the current at every timestep, float64 [neuron].
    """

    name: str
    size: int
    neuron: Neuron
    bias: np.ndarray


@dataclass(frozen=True, slots=True)
class Input:
    """What comes in: whole numbers n of 0 to `maximum`, read as scale·n + offset.

    Attributes:
        size: values per timestep.
        maximum: 1 for spikes, 255 for event counts and 8-bit values.
        scale: real value of one unit.
        offset: real value of 0.
        constant: the same values at every timestep.
    """

    size: int
    maximum: int = 1
    scale: float = 1.0
    offset: float = 0.0
    constant: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Populations in topological order, projections, and the timesteps of one inference.

    The last population is the read-out; its membrane potential after the last timestep, divided
    by `divisor`, is the logits.

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

    def delayed(self) -> frozenset[str]:
        """Names of the projections that act one timestep later."""
        return delayed_projections(self.populations, self.projections)


def dense(source: str, target: str, weight: np.ndarray) -> Projection:
    """A projection with a float64 weight matrix [target, source]."""
    array = frozen(weight, np.float64, np.shape(weight), f"{source}->{target}")
    return Projection(source, target, Dense(array))


def per_neuron(value: object, size: int, what: str) -> np.ndarray:
    """A parameter as float64 [neuron], one value spread over the population if need be."""
    spread = np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))
    return frozen(spread, np.float64, (size,), what)
