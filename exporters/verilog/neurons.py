"""Neuron models as modules of a lane: parameters, ports, state words and latencies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.exporters.verilog.layout import signed_bits
from ultralif_deploy.program import neurons
from ultralif_deploy.program.fixed import DECAY_BITS, MAX_MEMBRANE_BITS
from ultralif_deploy.program.program import Population
from ultralif_deploy.program.resets import RESETS

LOGIT_BITS = 32

SHARE_BITS = DECAY_BITS + 1
"""Bits of the share of a membrane that a level takes, 0 to 2^12."""


@dataclass(frozen=True, slots=True)
class Currents:
    """Bounds of the currents of a population, without bias.

    Attributes:
        low: smallest current of each neuron, int64 [neuron].
        high: largest one.
        term: bits of a weight times a value.
    """

    low: np.ndarray
    high: np.ndarray
    term: int

    @property
    def bits(self) -> int:
        """Bits of an accumulator, which holds every current and every term."""
        return max(self.term, signed_bits(int(self.low.min()), int(self.high.max())))


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane of a population.

    Attributes:
        module: its module.
        parameters: parameters of the module, beside ACCUMULATOR and the bits of ports.
        ports: port by parameter of the program, with the module's parameter that says its bits.
        idle: ports of parameters that the population does not have.
        state: bits of a neuron's state; 0 for none.
        latency: cycles of an update.
        controls: which of `clk`, `first` and `start` the module takes.
        counts: whether a neuron sends numbers above 1.
        busy: whether the module says when it is done.
        most_timesteps: timesteps of a sample whose logits fit; None for any number.
    """

    module: str
    parameters: dict[str, int]
    ports: "Ports"
    idle: tuple[str, ...] = ()
    state: int = 0
    latency: int = 0
    controls: tuple[str, ...] = ()
    counts: bool = False
    busy: bool = False
    most_timesteps: int | None = None


Ports = dict[str, tuple[str, str | None]]

BIAS: Ports = {"bias": ("bias", "BIAS")}
THRESHOLD: Ports = {"threshold": ("threshold", "THRESHOLD")}


def _threshold(population: Population, currents: Currents, timesteps: int) -> Lane:
    return Lane("threshold", {}, BIAS | THRESHOLD)


def _multi_threshold(population: Population, currents: Currents, timesteps: int) -> Lane:
    levels = population.neuron.structure()["levels"]
    sent = levels.bit_length()
    ports: Ports = BIAS | {"thresholds": ("thresholds", "THRESHOLD")}
    return Lane("multi_threshold", {"LEVELS": levels, "SENT": sent}, ports, counts=True)


def _graded_leaky(population: Population, currents: Currents, timesteps: int) -> Lane:
    neuron = population.neuron
    levels, widths = neuron.largest_sent, neuron.widths
    parameters = {
        "RESET": SHARE_BITS,
        "MEMBRANE": widths.membrane_bits,
        "FRACTION": widths.decay_bits,
        "UNIT": widths.fraction_bits,
        "LEVELS": levels,
        "SENT": levels.bit_length(),
    }
    ports = BIAS | {
        "thresholds": ("thresholds", "THRESHOLD"),
        "decay": ("decay", None),
        "reset": ("reset", None),
    }
    return Lane(
        "graded_lif",
        parameters,
        ports,
        state=widths.membrane_bits,
        latency=4,
        controls=("clk", "first"),
        counts=True,
    )


def _tropical(population: Population, currents: Currents, timesteps: int) -> Lane:
    """After a timestep v is the reset, or at most the threshold; and at least current + bias."""
    given = {k: v.astype(np.int64) for k, v in population.parameters().items()}
    bias = population.bias.astype(np.int64)
    rests = np.maximum(given["reset"], given["initial"])
    reached = np.maximum(rests, currents.high + bias)
    unfired = np.where(
        given["decay"] < 0, given["threshold"], np.minimum(given["threshold"], reached)
    )
    high = np.maximum(rests, unfired)
    low = np.minimum(np.minimum(given["reset"], given["initial"]), currents.low + bias)
    ports: Ports = {
        "decay": ("decay", "DECAY"),
        "reset": ("reset", "RESET"),
        "initial": ("initial_v", "INITIAL"),
    }
    state = signed_bits(int(low.min()), int(high.max()))
    return Lane(
        "tropical_lif", {"STATE": state}, BIAS | THRESHOLD | ports, state=state, controls=("first",)
    )


def _integrator(population: Population, currents: Currents, timesteps: int) -> Lane:
    bias = population.bias.astype(np.int64)
    low, high = int((currents.low + bias).min()), int((currents.high + bias).max())
    state = max(currents.bits, signed_bits(min(0, low * timesteps), max(0, high * timesteps)))
    state = max(state, signed_bits(int(bias.min()), int(bias.max())))
    most = [1 << 31]
    most += [(1 << (state - 1)) // -low] if low < 0 else []
    most += [((1 << (state - 1)) - 1) // high] if high > 0 else []
    return Lane(
        "integrator",
        {"STATE": state},
        BIAS,
        state=state,
        controls=("first",),
        most_timesteps=min(most),
    )


def _leaky(population: Population, currents: Currents, timesteps: int) -> Lane:
    given, neuron = population.neuron.structure(), population.neuron
    fires = neuron.FIRES
    synapse = population.words == 2
    most = neuron.largest_sent if fires else 1
    membrane = neuron.widths.membrane_bits if fires else MAX_MEMBRANE_BITS
    parameters = {
        "MEMBRANE": membrane,
        "FRACTION": neuron.widths.decay_bits,
        "UNIT": neuron.widths.fraction_bits,
        "MODE": list(RESETS).index(given["reset_mode"] if fires else "none"),
        "HAS_FLOOR": int(neuron.lower_bound is not None),
        "SYNAPSE": int(synapse),
        "MOST": most,
        "SENT": most.bit_length(),
        "STATE": membrane * population.words,
    }
    ports = BIAS | {"decay": ("decay", None)}
    ports |= {"synaptic_decay": ("synaptic_decay", None)} if synapse else {}
    ports |= THRESHOLD | {"reset": ("reset", "RESET")} if fires else {}
    ports |= {"floor": ("floor", "FLOOR")} if neuron.lower_bound is not None else {}
    every = ("synaptic_decay", "threshold", "reset", "floor")
    return Lane(
        "lif",
        parameters,
        ports,
        tuple(port for port in every if port not in ports),
        state=membrane * population.words,
        latency=3 + synapse + (most > 1),
        controls=("clk", "first", "start"),
        counts=most > 1,
        busy=True,
    )


LANES: dict[type[neurons.NeuronModel], Callable[[Population, Currents, int], Lane]] = {
    neurons.Threshold: _threshold,
    neurons.MultiThreshold: _multi_threshold,
    neurons.GradedLIF: _graded_leaky,
    neurons.TropicalLIF: _tropical,
    neurons.LIF: _leaky,
    neurons.CubaLIF: _leaky,
    neurons.Integrator: _integrator,
    neurons.LeakyIntegrator: _leaky,
    neurons.CubaLI: _leaky,
}
"""How a lane computes a neuron, by model."""


def fractions(lane: Lane, parameter: str) -> int | None:
    """Bits of a decay or a share, which have no sign; None for all other parameters."""
    if lane.module == "graded_lif" and parameter == "reset":
        return SHARE_BITS
    decays = lane.module in ("lif", "graded_lif") and parameter in ("decay", "synaptic_decay")
    return lane.parameters["FRACTION"] + 1 if decays else None


def is_shared(population: Population, parameter: str) -> bool:
    """Whether a parameter is one list for the whole population."""
    lengths = {population.neuron.length(parameter, size) for size in (1, 2)}
    return parameter in population.neuron.LISTS and len(lengths) == 1


def sized(lane: Lane, widths: dict[str, int]) -> dict[str, Any]:
    """All parameters of the module but ACCUMULATOR.

    Args:
        lane: lane of a population.
        widths: bits of the program's parameters.
    """
    bits = {size: widths[name] for name, (_, size) in lane.ports.items() if size is not None}
    return lane.parameters | bits
