"""Reference updates: PROGRAM.md line by line, in plain Python integers, one function per model.

An update takes the neuron, its parameters by name, bias, current and state at one timestep, and
returns (spikes, next state, what was compared with the threshold). The state is one list: the first
words of all neurons, then the second.
"""

from collections.abc import Callable
from typing import Any

from ultralif_deploy.program.fixed import (
    DECAY_BITS,
    FRACTION_BITS,
    clip,
    leak,
    saturate,
    saturate_readout,
    spike_count,
)
from ultralif_deploy.program.neurons import (
    LIF,
    AdaLIF,
    CSiLIF,
    CubaLI,
    CubaLIF,
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    Integrator,
    LeakyIntegrator,
    LeakySum,
    LogMaxLIF,
    MultiThreshold,
    NeuronModel,
    SiLIF,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.simulators.reference.second_order import second_order_step

Integers = list[int]
Parameters = dict[str, Integers]
Result = tuple[Integers, Integers, Integers]
"""Spikes, the next state, and per neuron the value that was compared with its threshold, before the
reset; of a read-out, what it reads."""


def step(
    neuron: NeuronModel, parameters: Parameters, bias: Integers, current: Integers, v: Integers
) -> tuple[Integers, Integers]:
    """One timestep of one population: (spikes, next state).

    Args:
        neuron: the model.
        parameters: parameters of the neuron, integers by name.
        bias: per neuron.
        current: sum of the projections, per neuron.
        v: membrane potentials before this timestep, then the model's other state words.
    """
    spikes, after, _ = UPDATES[type(neuron)](neuron, parameters, bias, current, v)
    return spikes, after


def _threshold(
    neuron: Threshold, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Threshold units."""
    compared = [c + b for c, b in zip(current, bias, strict=True)]
    pairs = zip(compared, p["threshold"], strict=True)
    return [1 if c > threshold else 0 for c, threshold in pairs], v, compared


def _tropical_lif(
    neuron: TropicalLIF, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Max-plus LIF."""
    size = len(current)
    v = [max(v[i] - p["decay"][i], current[i] + bias[i]) for i in range(size)]
    spikes = [int(v[i] > p["threshold"][i]) for i in range(size)]
    return spikes, [p["reset"][i] if spikes[i] else v[i] for i in range(size)], v


def _lif(neuron: LIF, p: Parameters, bias: Integers, current: Integers, v: Integers) -> Result:
    """Leaky integrate and fire."""
    size = len(current)
    drive = [(current[i] << neuron.fraction_bits) + bias[i] for i in range(size)]
    total = [leak(v[i], p["decay"][i], neuron.decay_bits) + drive[i] for i in range(size)]
    return fire_and_reset(neuron, p, v, total)


def _ultradlif(
    neuron: UltraDLIF, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Ring of leaky neurons, in both forms."""
    v, compared = _ring(neuron, p, bias, current, v)
    pairs = zip(compared, p["threshold"], strict=True)
    spikes = [1 if c > threshold else 0 for c, threshold in pairs]
    return spikes, [0 if s else u for s, u in zip(spikes, v, strict=True)], compared


def _ring(
    neuron: UltraDLIF | GradedUltraDLIF,
    p: Parameters,
    bias: Integers,
    current: Integers,
    v: Integers,
) -> tuple[Integers, Integers]:
    """Membrane potentials before the reset, and the values that are compared."""
    size = len(current)
    drive = [(current[i] << FRACTION_BITS) + bias[i] for i in range(size)]
    leaked = [leak(v[i], p["decay"][i], neuron.decay_bits) for i in range(size)]
    left = [(i - neuron.stride) % size for i in range(size)]
    right = [(i + neuron.stride) % size for i in range(size)]
    if neuron.form == "released":
        v = [saturate(leaked[i] + drive[i]) for i in range(size)]
        return v, [max(v[left[i]], v[i], v[right[i]]) for i in range(size)]
    shared = [max(v[left[i]], leaked[i], v[right[i]]) for i in range(size)]
    v = [saturate(shared[i] + drive[i]) for i in range(size)]
    return v, v


def _log_max_lif(
    neuron: LogMaxLIF, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Soft maximum from a table."""
    size = len(current)
    v = _soft_maximum(neuron, p, bias, current, v)
    spikes = [int(v[i] > p["threshold"][i]) for i in range(size)]
    return spikes, [0 if spikes[i] else v[i] for i in range(size)], v


def _soft_maximum(
    neuron: LogMaxLIF | GradedLogMaxLIF,
    p: Parameters,
    bias: Integers,
    current: Integers,
    v: Integers,
) -> Integers:
    """Soft maximum of the leaked membrane potentials and the drive."""
    size = len(current)
    drive = [(current[i] << FRACTION_BITS) + bias[i] for i in range(size)]
    kept = [v[i] - p["decay"][i] for i in range(size)]
    entry = [abs(kept[i] - drive[i]) >> neuron.shift for i in range(size)]
    extra = [p["table"][e] if e < len(p["table"]) else 0 for e in entry]
    return [saturate(max(kept[i], drive[i]) + extra[i]) for i in range(size)]


def _passed(p: Parameters, v: Integers) -> Integers:
    """Number of thresholds that the value of each neuron exceeds."""
    size = len(v)
    levels = range(len(p["thresholds"]) // size)
    return [sum(int(v[i] > p["thresholds"][k * size + i]) for k in levels) for i in range(size)]


def _multi_threshold(
    neuron: MultiThreshold, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Threshold units with several thresholds."""
    total = [i + b for i, b in zip(current, bias, strict=True)]
    return _passed(p, total), v, total


def _graded_log_max_lif(
    neuron: GradedLogMaxLIF, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Soft maximum from a table, with several thresholds and a reset that grows with the level."""
    u = _soft_maximum(neuron, p, bias, current, v)
    spikes = _passed(p, u)
    return spikes, _left(p, spikes, u), u


def _left(p: Parameters, spikes: Integers, v: Integers) -> Integers:
    """What the levels sent leave of the membrane potentials."""
    taken = [p["reset"][s - 1] if s else 0 for s in spikes]
    return [leak(u, share, DECAY_BITS) for u, share in zip(v, taken, strict=True)]


def _graded_lif(
    neuron: GradedLIF, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Leaky integrate and fire with several thresholds and a reset that grows with the level."""
    size = len(current)
    drive = [(current[i] << FRACTION_BITS) + bias[i] for i in range(size)]
    leaked = [leak(v[i], p["decay"][i], neuron.decay_bits) for i in range(size)]
    u = [saturate(leaked[i] + drive[i]) for i in range(size)]
    spikes = _passed(p, u)
    return spikes, _left(p, spikes, u), u


def _graded_ultradlif(
    neuron: GradedUltraDLIF, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Ring of leaky neurons with several thresholds and a reset that grows with the level."""
    u, compared = _ring(neuron, p, bias, current, v)
    spikes = _passed(p, compared)
    return spikes, _left(p, spikes, u), compared


def _cuba_lif(
    neuron: CubaLIF, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Leaky integrate and fire behind a synaptic current."""
    size = len(current)
    wide = synaptic_current(neuron, p, bias, current, v[size:], neuron.fraction_bits)
    synapse = [clip(i, neuron.membrane_bits) for i in wide]
    total = [leak(v[i], p["decay"][i], neuron.decay_bits) + synapse[i] for i in range(size)]
    spikes, membrane, compared = fire_and_reset(neuron, p, v[:size], total)
    return spikes, membrane + synapse, compared


def _integrator(
    neuron: Integrator, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Read-out that adds its currents up."""
    size = len(current)
    total = [v[i] + current[i] + bias[i] for i in range(size)]
    return [0] * size, total, total


def _leaky_integrator(
    neuron: LeakyIntegrator, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Read-out that leaks."""
    size = len(current)
    drive = [(current[i] << FRACTION_BITS) + bias[i] for i in range(size)]
    total = [leak(v[i], p["decay"][i], neuron.decay_bits) + drive[i] for i in range(size)]
    after = [saturate_readout(u) for u in total]
    return [0] * size, after, after


def _cuba_li(
    neuron: CubaLI, p: Parameters, bias: Integers, current: Integers, v: Integers
) -> Result:
    """Read-out that leaks, behind a synaptic current."""
    size = len(current)
    synapse = synaptic_current(neuron, p, bias, current, v[size:], FRACTION_BITS)
    synapse = [saturate_readout(i) for i in synapse]
    total = [leak(v[i], p["decay"][i], neuron.decay_bits) + synapse[i] for i in range(size)]
    after = [saturate_readout(u) for u in total]
    return [0] * size, after + synapse, after


def synaptic_current(
    neuron: CubaLIF | CubaLI,
    p: dict[str, list[int]],
    bias: list[int],
    current: list[int],
    synapse: list[int],
    fraction_bits: int,
) -> list[int]:
    """The synaptic currents after this timestep, not saturated.

    Args:
        neuron: neuron with the fraction bits of the decay.
        p: holds `synaptic_decay`, one per neuron.
        bias: per neuron, in membrane units.
        current: sum of the projections, per neuron, in current units.
        synapse: synaptic currents before this timestep, per neuron, in membrane units.
        fraction_bits: f; a current unit is 2^f membrane units.
    """
    return [
        leak(i, decay, neuron.decay_bits) + (now << fraction_bits) + b
        for i, decay, now, b in zip(synapse, p["synaptic_decay"], current, bias, strict=True)
    ]


def fire_and_reset(
    neuron: LIF | CubaLIF, p: dict[str, list[int]], v: list[int], total: list[int]
) -> tuple[list[int], list[int], list[int]]:
    """Spikes, membranes after the reset, and what was compared with the threshold.

    Args:
        neuron: neuron with the reset mode, the width of the membrane and the most spikes.
        p: holds threshold and reset, and the lower bound if there is one.
        v: membrane potentials before this timestep.
        total: leaked membrane potentials plus drive, not saturated.
    """
    mode, bits = neuron.reset_mode, neuron.membrane_bits
    spikes, after, compared = [], [], []
    for before, u, threshold, reset in zip(v, total, p["threshold"], p["reset"], strict=True):
        held = before > threshold
        whole = u
        if held and mode == "late-value":
            u = reset
        elif held and mode in ("late-subtract", "immediate-subtract"):
            u -= reset
        u = clip(u, bits)
        compared.append(u)
        fired = int(u > threshold)
        if mode == "immediate-subtract":
            u = clip(whole - reset if fired else whole, bits)
        elif fired and mode == "value":
            u = reset
        elif fired and mode == "subtract":
            if neuron.most_spikes > 1:
                fired = spike_count(u - threshold, reset, neuron.most_spikes)
            u = clip(u - fired * reset, bits)
        spikes.append(fired)
        after.append(u)
    floor = p.get("floor", after)
    return spikes, [max(u, least) for u, least in zip(after, floor, strict=True)], compared


UPDATES: dict[type[NeuronModel], Callable[[Any, Parameters, Integers, Integers, Integers], Result]]
UPDATES = {
    Threshold: _threshold,
    TropicalLIF: _tropical_lif,
    LIF: _lif,
    CubaLIF: _cuba_lif,
    UltraDLIF: _ultradlif,
    LogMaxLIF: _log_max_lif,
    MultiThreshold: _multi_threshold,
    GradedLogMaxLIF: _graded_log_max_lif,
    GradedLIF: _graded_lif,
    GradedUltraDLIF: _graded_ultradlif,
    Integrator: _integrator,
    LeakyIntegrator: _leaky_integrator,
    CubaLI: _cuba_li,
    **dict.fromkeys((SiLIF, CSiLIF, AdaLIF, LeakySum), second_order_step),
}
"""Updates by model."""
