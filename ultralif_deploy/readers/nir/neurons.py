"""NIR's neurons, which are differential equations, as the steps of a hard network.

With the time step Δt, forward Euler turns τ·dv/dt = (v_leak − v) + r·I into
v ← k·v + (1 − k)·v_leak + g·I with k = 1 − Δt/τ and g = r·Δt/τ; the exponential form takes
k = e^(−Δt/τ) and g = r·(1 − k) instead. A spiking neuron is written in u = v − v_leak, so that it
decays to 0; its gain g goes into the weights before it. A synaptic current is a second such
equation in front, updated first: what comes in acts on the membrane in the same timestep. As a
pulse, what comes in raises the synaptic current by w_in at once, and not by w_in·Δt/τ_syn. A
decaying pulse decays in its own timestep too, and the membrane takes the synaptic current as it is,
as Rockpool means by r = τ·e^(−Δt/τ)/Δt.

Source: Pedersen et al., Nature Communications 15, 8122 (2024); Euler as in Norse and snnTorch;
pulses as in Norse's LIFCell and Rockpool.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import per_neuron
from ultralif_deploy.network.neurons import (
    LIF,
    CubaLI,
    CubaLIF,
    FloatNeuron,
    Integrator,
    LeakyIntegrator,
    Threshold,
)
from ultralif_deploy.program.fixed import MAX_SPIKES
from ultralif_deploy.program.resets import RESETS

FLOAT32_ERROR = 1e-6
"""Relative rounding error that a τ stored in float32 may have."""

DISCRETIZATIONS = ("euler", "exponential")
FIRING = ("above", "at")
SYNAPSES = ("current", "pulse", "decaying-pulse")
READ_OUTS = ("spikes", "membrane")


@dataclass(frozen=True, slots=True)
class Conventions:
    """What a NIR file does not say.

    Attributes:
        dt: seconds of one timestep.
        discretization: `euler` or `exponential`.
        reset_mode: a key of `RESETS`; NIR itself says `value`.
        fires: `above` the threshold (v > θ, as NIR says) or `at` it (v ≥ θ, as in SpikingJelly).
        synapse: an input is a `current` into the synapse, as NIR's equation says, a `pulse`, or a
            `decaying-pulse`; a LIF node, which has no synapse, takes decaying pulses as they are.
        read_out: neurons at the output are read by their `spikes`, or by their `membrane`, in which
            case they never fire.
        max_spikes: most spikes of a neuron in one timestep; NIR says 1, Sinabs and Rockpool fire
            as often as the membrane holds the threshold.
        min_membrane: lower bound of membrane potentials after the reset, in the file's units; None
            for none.
        output_node: name of the Output that is read; None takes the only one that is not the
            spikes of a population that drives others.
    """

    dt: float = 1e-4
    discretization: str = "euler"
    reset_mode: str = "value"
    fires: str = "above"
    synapse: str = "current"
    read_out: str = "spikes"
    max_spikes: int = 1
    min_membrane: float | None = None
    output_node: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.max_spikes <= MAX_SPIKES:
            raise UltralifError(f"max spikes {self.max_spikes}; expected 1 to {MAX_SPIKES}")
        if self.max_spikes > 1 and self.reset_mode != "subtract":
            raise UltralifError(
                f"max spikes {self.max_spikes} with reset {self.reset_mode}; expected --reset "
                "subtract: each spike takes its threshold from the membrane"
            )
        if self.min_membrane is not None and not np.isfinite(self.min_membrane):
            raise UltralifError(f"min membrane {self.min_membrane}; expected a finite number")
        if not 0 < self.dt < float("inf"):
            raise UltralifError(f"dt = {self.dt}; expected seconds, above 0")
        for what, value, known in (
            ("discretization", self.discretization, DISCRETIZATIONS),
            ("reset", self.reset_mode, tuple(RESETS)),
            ("fires", self.fires, FIRING),
            ("synapse", self.synapse, SYNAPSES),
            ("read-out", self.read_out, READ_OUTS),
        ):
            if value not in known:
                raise UltralifError(f"{what} {value!r}; expected one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class Model:
    """A neuron with what goes before it.

    Attributes:
        neuron: the model.
        gain: factor of everything that comes in, float64 [neuron].
        bias: current added at every timestep, after the gain, float64 [neuron].
    """

    neuron: FloatNeuron
    gain: np.ndarray
    bias: np.ndarray


def read_by_membrane(name: str, node: nir.NIRNode) -> nir.NIRNode:
    """The node of the same equation without threshold and reset.

    Raises:
        UltralifError: a Threshold, which has no membrane.
    """
    if type(node) is nir.Threshold:
        raise UltralifError(f"{name}: a Threshold has no membrane; expected --read-out spikes")
    return _UNFIRED.get(type(node), lambda n: n)(node)


_UNFIRED: dict[type[nir.NIRNode], Callable[[Any], nir.NIRNode]] = {
    nir.LIF: lambda n: nir.LI(n.tau, n.r, n.v_leak),
    nir.CubaLIF: lambda n: nir.CubaLI(n.tau_mem, n.tau_syn, n.r, n.v_leak, n.w_in),
    nir.IF: lambda n: nir.I(n.r),
}
"""Nodes that fire, as nodes that do not."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of a file, whose population has a shape.

    Attributes:
        name: name of the node, for errors.
        node: one of `POPULATIONS`.
        shape: shape of the population, as the node sees it.
        how: conventions that the file does not state.
    """

    name: str
    node: Any
    shape: tuple[int, ...]
    how: Conventions

    def parameter(self, field: str) -> np.ndarray:
        """A parameter as float64 [neuron]."""
        return spread(getattr(self.node, field), self.shape, f"{self.name}: {field}")

    def same(self, value: float) -> np.ndarray:
        """One value for every neuron."""
        return per_neuron(value, int(np.prod(self.shape)), self.name)

    @property
    def inclusive(self) -> bool:
        """Whether it fires at the threshold."""
        return self.how.fires == "at"

    def passed(self, tau: str, factor: str) -> tuple[np.ndarray, np.ndarray]:
        """What a time constant keeps in one timestep, and the gain of what comes in."""
        how, endless = self.how, self._endless(tau, factor)
        constant = self._replaced(tau, endless)
        euler = how.discretization == "euler"
        least = how.dt * (1 - FLOAT32_ERROR) if euler else 0.0
        if np.any(constant < least) or np.any(constant <= 0):
            raise UltralifError(
                f"{self.name}: {tau} = {constant.min():g} s with a timestep of {how.dt:g} s; "
                "expected at least one timestep: give --dt, the timestep that its framework used. "
                "An exporter may have scaled the time constants. Norse's exporter multiplies them "
                "by its dt (0.001 by default): then --dt is 0.001 times the dt that Norse ran with "
                "(1e-06 by default). --discretization exponential is right only if the framework "
                "decays by e^(-dt/tau)"
            )
        gone = np.minimum(how.dt / constant, 1.0) if euler else -np.expm1(-how.dt / constant)
        gain = self._replaced(factor, endless) * gone
        return np.where(endless, 1.0, 1 - gone), np.where(endless, 1.0, gain)

    def _endless(self, tau: str, factor: str) -> np.ndarray:
        """Where a time constant and its factor are infinite: bool [neuron].

        Exporters write r = tau/dt, which stays r/tau = 1/dt as the leak vanishes: the neuron
        integrates its input. A finite r would leave nothing of the input.

        Raises:
            UltralifError: an infinite time constant with a finite factor.
        """
        endless, infinite = self._infinite(tau), self._infinite(factor)
        if np.any(endless & ~infinite):
            raise UltralifError(
                f"{self.name}: {tau} is infinite and {factor} is not, so no input would reach the "
                f"neuron; expected an infinite {factor} too, or an IF node"
            )
        return endless

    def _infinite(self, field: str) -> np.ndarray:
        """Where a parameter is infinite: bool [neuron]."""
        found = np.isposinf(np.asarray(getattr(self.node, field), dtype=np.float64))
        infinite: np.ndarray = spread(found.astype(np.uint8), self.shape, self.name) != 0
        return infinite

    def _replaced(self, field: str, endless: np.ndarray) -> np.ndarray:
        """A parameter as float64 [neuron], with 1 timestep where it is endless."""
        values = np.asarray(getattr(self.node, field), dtype=np.float64)
        if not endless.any():
            return self.parameter(field)
        finite = np.where(np.isposinf(values), self.how.dt, values)
        return spread(finite, self.shape, f"{self.name}: {field}")


def model_of(name: str, node: nir.NIRNode, shape: tuple[int, ...], how: Conventions) -> Model:
    """The model of a node of `POPULATIONS` whose population has a shape.

    Args:
        name: name of the node, for errors.
        node: one of `POPULATIONS`.
        shape: shape of the population, as the node sees it.
        how: conventions that the file does not state.

    Raises:
        UltralifError: naming the node and the parameter.
    """
    return _MODELS[type(node)](_Node(name, node, shape, how))


def _threshold(n: _Node) -> Model:
    return Model(Threshold(n.parameter("threshold"), n.inclusive), n.same(1.0), n.same(0.0))


def _integrator(n: _Node) -> Model:
    return Model(Integrator(), n.how.dt * n.parameter("r"), n.same(0.0))


def _leaky_integrator(n: _Node) -> Model:
    """A read-out's own value counts, so v is kept; the leak comes in as a current."""
    keep, gain = n.passed("tau", "r")
    return Model(LeakyIntegrator(keep), gain, (1 - keep) * n.parameter("v_leak"))


def _cuba_li(n: _Node) -> Model:
    keep, gain = _membrane(n)
    synaptic, synaptic_gain = _synapse(n)
    bias = _behind_synapse(n.name, (1 - keep) * n.parameter("v_leak"))
    return Model(CubaLI(keep, synaptic), gain * synaptic_gain, bias)


def _synapse(n: _Node) -> tuple[np.ndarray, np.ndarray]:
    """What a timestep keeps of the synaptic current, and the gain of what comes in."""
    synaptic, gain = n.passed("tau_syn", "w_in")
    if n.how.synapse == "current":
        return synaptic, gain
    raised = n.parameter("w_in")
    return synaptic, raised if n.how.synapse == "pulse" else raised * synaptic


def _membrane(n: _Node, tau: str = "tau_mem") -> tuple[np.ndarray, np.ndarray]:
    """What a timestep keeps of the membrane, and the gain of the current into it.

    Args:
        n: node of leaky neurons.
        tau: name of the time constant of their membranes.
    """
    keep, gain = n.passed(tau, "r")
    if n.how.synapse != "decaying-pulse":
        return keep, gain
    if np.any(keep <= 0):
        raise UltralifError(
            f"{n.name}: a decaying pulse into a membrane that keeps nothing; expected a shorter "
            "--dt, or another --synapse"
        )
    return keep, n.parameter("r") * n.how.dt / (n.parameter(tau) * keep)


def _if(n: _Node) -> Model:
    # Without a leak the membrane starts where a spike leaves it, as SpikingJelly's does.
    rest = n.parameter("v_reset")
    threshold, firing = _firing(n, rest)
    lif = LIF(threshold=threshold, tau=n.same(1.0), **firing)
    return Model(lif, n.how.dt * n.parameter("r"), n.same(0.0))


def _lif(n: _Node) -> Model:
    keep, gain = _membrane(n, "tau")
    threshold, firing = _firing(n, n.parameter("v_leak"))
    return Model(LIF(threshold=threshold, tau=keep, **firing), gain, n.same(0.0))


def _cuba_lif(n: _Node) -> Model:
    keep, gain = _membrane(n)
    synaptic, synaptic_gain = _synapse(n)
    threshold, firing = _firing(n, n.parameter("v_leak"))
    cuba = CubaLIF(threshold=threshold, tau=keep, synaptic_tau=synaptic, **firing)
    return Model(cuba, gain * synaptic_gain, n.same(0.0))


class _Firing(TypedDict):
    """Fields of LIF and CubaLIF that say when a neuron fires and what follows."""

    inclusive: bool
    reset: np.ndarray
    reset_mode: str
    most_spikes: int
    floor: np.ndarray | None


def _firing(n: _Node, rest: np.ndarray) -> tuple[np.ndarray, _Firing]:
    """Threshold and reset of a neuron that fires, as seen from its membrane's rest."""
    name, how = n.name, n.how
    threshold, reset = n.parameter("v_threshold"), n.parameter("v_reset")
    amount = {
        "value": reset - rest,
        "late-value": reset - rest,
        "none": n.same(0.0),
    }.get(how.reset_mode, threshold - reset)
    if how.max_spikes > 1 and np.any(amount <= 0):
        raise UltralifError(
            f"{name}: a spike takes {amount.min():g} from the membrane, so the neuron never stops "
            "firing; expected v_threshold above v_reset with several spikes in one timestep"
        )
    return threshold - rest, {
        "inclusive": n.inclusive,
        "reset": amount,
        "reset_mode": how.reset_mode,
        "most_spikes": how.max_spikes,
        "floor": None if how.min_membrane is None else _floor(name, how.min_membrane, rest),
    }


_MODELS: dict[type[nir.NIRNode], Callable[[_Node], Model]] = {
    nir.Threshold: _threshold,
    nir.I: _integrator,
    nir.IF: _if,
    nir.LI: _leaky_integrator,
    nir.LIF: _lif,
    nir.CubaLI: _cuba_li,
    nir.CubaLIF: _cuba_lif,
}

POPULATIONS = tuple(_MODELS)
"""Node types that become populations."""


def _floor(name: str, bound: float, leak: np.ndarray) -> np.ndarray:
    """The lower bound as seen from the membrane's rest, where the model's membrane is 0."""
    if np.any(bound > leak):
        raise UltralifError(
            f"{name}: a lower bound of {bound:g} above the membrane's rest, {leak.min():g}; "
            "expected --min-membrane of at most the rest"
        )
    return bound - leak


def spread(value: object, shape: tuple[int, ...], what: str) -> np.ndarray:
    """A parameter as float64 [neuron]: one value per neuron, or fewer that broadcast.

    Args:
        value: the numbers as the file holds them.
        shape: shape of the population, as the node sees it.
        what: text that names the node and the parameter, for errors.

    Raises:
        UltralifError: values that are no finite numbers, or that fit no shape.
    """
    given = np.asarray(value)
    if given.dtype.kind not in "iuf":
        raise UltralifError(f"{what}: values of type {given.dtype}; expected numbers")
    size = int(np.prod(shape))
    if given.size == size:
        return per_neuron(given.reshape(-1), size, what)
    try:
        whole = np.broadcast_to(given, shape)
    except ValueError as error:
        raise UltralifError(f"{what}: shape {given.shape}; expected {shape}") from error
    return per_neuron(whole.reshape(-1), size, what)


def _behind_synapse(name: str, bias: np.ndarray) -> np.ndarray:
    if bias.any():
        raise UltralifError(
            f"{name}: v_leak of a CubaLI read-out is not 0; expected 0, because this read-out "
            "cannot hold another value"
        )
    return bias
