"""NIR's neurons, which are differential equations, as the steps of a hard network.

With the time step Δt, forward Euler turns τ·dv/dt = (v_leak − v) + r·I into
v ← k·v + (1 − k)·v_leak + g·I with k = 1 − Δt/τ and g = r·Δt/τ; the exponential form takes
k = e^(−Δt/τ) and g = r·(1 − k) instead. A spiking neuron is written in u = v − v_leak, so that it
decays to 0; its gain g goes into the weights before it. A synaptic current is a second such
equation in front, updated first: what comes in acts on the membrane in the same timestep. As a
pulse, what comes in raises the synaptic current by w_in at once, and not by w_in·Δt/τ_syn.

Source: Pedersen et al., Nature Communications 15, 8122 (2024); Euler as in Norse and snnTorch;
pulses as in Norse's LIFCell and Rockpool.
"""

from collections.abc import Callable
from dataclasses import dataclass

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import network as hard
from ultralif_deploy.program.fixed import MAX_SPIKES
from ultralif_deploy.program.resets import RESETS

FLOAT32_ERROR = 1e-6
"""A τ that was stored in float32 may fall short of the timestep that it means by this share."""

DISCRETIZATIONS = ("euler", "exponential")
FIRING = ("above", "at")
SYNAPSES = ("current", "pulse")
READ_OUTS = ("spikes", "membrane")

POPULATIONS = (nir.CubaLI, nir.CubaLIF, nir.I, nir.IF, nir.LI, nir.LIF, nir.Threshold)
"""Node types that become populations."""


@dataclass(frozen=True, slots=True)
class Conventions:
    """What a NIR file does not say.

    Attributes:
        dt: seconds of one timestep.
        discretization: `euler` or `exponential`.
        reset_mode: a key of `RESETS`; NIR itself says `value`.
        fires: `above` the threshold (v > θ, as NIR says) or `at` it (v ≥ θ, as in SpikingJelly).
        synapse: an input is a `current` into the synapse, as NIR's equation says, or a `pulse`.
        read_out: neurons at the output are read by their `spikes`, or by their `membrane`, in which
            case they never fire.
        max_spikes: most spikes of a neuron in one timestep; NIR says 1, Sinabs and Rockpool fire
            as often as the membrane holds the threshold.
        min_membrane: lower bound of membrane potentials after the reset, in the file's units; None
            for none.
    """

    dt: float = 1e-4
    discretization: str = "euler"
    reset_mode: str = "value"
    fires: str = "above"
    synapse: str = "current"
    read_out: str = "spikes"
    max_spikes: int = 1
    min_membrane: float | None = None

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

    neuron: hard.Neuron
    gain: np.ndarray
    bias: np.ndarray


def read_by_membrane(name: str, node: nir.NIRNode) -> nir.NIRNode:
    """The node of the same equation without threshold and reset.

    Raises:
        UltralifError: a Threshold, which has no membrane.
    """
    if isinstance(node, nir.LIF):
        return nir.LI(node.tau, node.r, node.v_leak)
    if isinstance(node, nir.CubaLIF):
        return nir.CubaLI(node.tau_mem, node.tau_syn, node.r, node.v_leak, node.w_in)
    if isinstance(node, nir.IF):
        return nir.I(node.r)
    if isinstance(node, nir.Threshold):
        raise UltralifError(f"{name}: a Threshold has no membrane; expected --read-out spikes")
    return node


def model_of(name: str, node: nir.NIRNode, shape: tuple[int, ...], how: Conventions) -> Model:
    """The model of a node of `POPULATIONS` whose population has a shape.

    Args:
        name: of the node, for errors.
        node: one of `POPULATIONS`.
        shape: of the population, as the node sees it.
        how: what the file does not say.

    Raises:
        UltralifError: naming the node and the parameter.
    """

    def parameter(field: str) -> np.ndarray:
        return spread(getattr(node, field), shape, f"{name}: {field}")

    zero = hard.per_neuron(0.0, int(np.prod(shape)), name)
    inclusive = how.fires == "at"
    if isinstance(node, nir.Threshold):
        return Model(hard.Threshold(parameter("threshold"), inclusive), 1 + zero, zero)
    if isinstance(node, nir.I):
        return Model(hard.Integrator(), how.dt * parameter("r"), zero)
    if isinstance(node, nir.IF):
        # Without a leak the membrane starts where a spike leaves it, as SpikingJelly's does.
        keep, gain, leak = 1 + zero, how.dt * parameter("r"), parameter("v_reset")
    else:
        cuba = isinstance(node, (nir.CubaLI, nir.CubaLIF))
        keep, gain = _step(parameter, "tau_mem" if cuba else "tau", "r", how, name)
        leak = parameter("v_leak")
        if cuba:
            synaptic, synaptic_gain = _step(parameter, "tau_syn", "w_in", how, name)
            gain = gain * (parameter("w_in") if how.synapse == "pulse" else synaptic_gain)
    if isinstance(node, (nir.LI, nir.CubaLI)):
        # A read-out's own value counts, so v is kept; the leak comes in as a current.
        bias = (1 - keep) * leak
        if isinstance(node, nir.LI):
            return Model(hard.LeakyIntegrator(keep), gain, bias)
        return Model(hard.CubaLI(keep, synaptic), gain, _behind_synapse(name, bias))
    threshold, reset = parameter("v_threshold"), parameter("v_reset")
    amount = {
        "value": reset - leak,
        "late-value": reset - leak,
        "none": zero,
    }.get(how.reset_mode, threshold - reset)
    if how.max_spikes > 1 and np.any(amount <= 0):
        raise UltralifError(
            f"{name}: a spike takes {amount.min():g} from the membrane, so that it fires without "
            "end; expected v_threshold above v_reset with several spikes in one timestep"
        )
    floor = None if how.min_membrane is None else _floor(name, how.min_membrane, leak)
    arguments = (inclusive, amount, how.reset_mode, how.max_spikes, floor)
    if isinstance(node, nir.CubaLIF):
        return Model(hard.CubaLIF(threshold - leak, keep, synaptic, *arguments), gain, zero)
    return Model(hard.LIF(threshold - leak, keep, *arguments), gain, zero)


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
        shape: of the population, as the node sees it.
        what: names the node and the parameter, for errors.

    Raises:
        UltralifError: values that are no finite numbers, or that fit no shape.
    """
    given = np.asarray(value)
    if given.dtype.kind not in "iuf":
        raise UltralifError(f"{what}: values of type {given.dtype}; expected numbers")
    size = int(np.prod(shape))
    if given.size == size:
        return hard.per_neuron(given.reshape(-1), size, what)
    try:
        whole = np.broadcast_to(given, shape)
    except ValueError as error:
        raise UltralifError(f"{what}: shape {given.shape}; expected {shape}") from error
    return hard.per_neuron(whole.reshape(-1), size, what)


def _step(
    parameter: Callable[[str], np.ndarray], tau: str, factor: str, how: Conventions, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """What a time constant keeps in one timestep, and the gain of what comes in."""
    constant = parameter(tau)
    euler = how.discretization == "euler"
    least = how.dt * (1 - FLOAT32_ERROR) if euler else 0.0
    if np.any(constant < least) or np.any(constant <= 0):
        raise UltralifError(
            f"{name}: {tau} = {constant.min():g} s with a timestep of {how.dt:g} s; expected at "
            "least one timestep: give --dt as its framework ran it. An exporter may have scaled "
            f"the time constants (Norse's multiplies them by its dt, 0.001 by default: then "
            "--dt is 0.001 times the dt that Norse ran with, 1e-06 by default); --discretization "
            "exponential is right only where the framework decays by e^(-dt/tau)"
        )
    passed = np.minimum(how.dt / constant, 1.0) if euler else -np.expm1(-how.dt / constant)
    return 1 - passed, parameter(factor) * passed


def _behind_synapse(name: str, bias: np.ndarray) -> np.ndarray:
    if bias.any():
        raise UltralifError(
            f"{name}: v_leak of a CubaLI read-out is not 0; expected 0, it has no place for it"
        )
    return bias
