"""The judge: PROGRAM.md line by line, in plain Python integers and loops."""

from typing import Any

import numpy as np

from ultralif_deploy.program.fixed import (
    FRACTION_BITS,
    clip,
    leak,
    saturate,
    saturate_readout,
    spike_count,
)
from ultralif_deploy.program.graph import INPUT, Conv2d, Dense
from ultralif_deploy.program.neurons import (
    LIF,
    SECOND_ORDER,
    CubaLI,
    CubaLIF,
    LeakyIntegrator,
    LogMaxLIF,
    Neuron,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.program.trace import EventCounts, Trace
from ultralif_deploy.simulators.reference.second_order import second_order_step


def load(program: Program) -> "Reference":
    """Make a program ready to run."""
    return Reference(program)


Fan = list[tuple[int, int]]
"""(target neuron, weight) of the non-zero weights that one source neuron meets."""


class Reference:
    """A program as lists of Python integers."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # Per projection and source neuron: (target neuron, weight) of every non-zero weight.
        self.synapses: dict[str, list[Fan] | ConvolutionFans] = {
            p.name: ConvolutionFans(p.map)
            if isinstance(p.map, Conv2d)
            else [
                [(target, weight) for target, weight in enumerate(column) if weight != 0]
                for column in p.map.matrix().T.tolist()
            ]
            for p in program.projections
        }
        self.bias = {p.name: p.bias.tolist() for p in program.populations}
        self.parameters = {
            p.name: {k: v.tolist() for k, v in p.parameters().items()} for p in program.populations
        }

    def executed(self) -> dict[str, np.ndarray]:
        """The integers that `run` uses, as arrays."""
        arrays = {}
        for p in self.program.projections:
            fans = self.synapses[p.name]
            if isinstance(fans, ConvolutionFans):
                arrays[p.name] = np.array(fans.weight, dtype=np.int32)
            elif isinstance(p.map, Dense):
                matrix = np.zeros((p.map.target_size, p.map.source_size), dtype=np.int32)
                for source, targets in enumerate(fans):
                    for target, weight in targets:
                        matrix[target, source] = weight
                arrays[p.name] = matrix
        for name, bias in self.bias.items():
            arrays[f"{name}.bias"] = np.array(bias)
        for name, parameters in self.parameters.items():
            arrays |= {f"{name}.{k}": np.array(v) for k, v in parameters.items()}
        return arrays

    def describe(self) -> dict[str, Any]:
        """Nothing beside the program itself."""
        return {}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input], one sample after the other."""
        program = self.program
        time, batch = program.check_inputs(inputs).shape[:2]
        spiking = [p for p in program.populations if p.spikes]
        spikes = {p.name: np.zeros((time, batch, p.size), dtype=np.uint8) for p in spiking}
        logits = np.zeros((batch, program.readout.size), dtype=np.int64)
        operations = {p.name: np.zeros(batch, dtype=np.int64) for p in program.projections}
        sent = {n: np.zeros(batch, dtype=np.int64) for n in (INPUT, *spikes)}
        for sample in range(batch):
            state = {p.name: initial_membrane(p) for p in program.populations}
            last = {p.name: [0] * p.size for p in program.populations}
            for t in range(time):
                now = {INPUT: inputs[t, sample].tolist()}
                for population in program.populations:
                    current = [0] * population.size
                    for projection in program.incoming(population.name):
                        delayed = projection.name in program.delayed
                        signal = (last if delayed else now)[projection.source]
                        operations[projection.name][sample] += self._add(
                            projection.name, signal, current
                        )
                    now[population.name], state[population.name] = step(
                        population.neuron,
                        self.parameters[population.name],
                        self.bias[population.name],
                        current,
                        state[population.name],
                    )
                for name, count in sent.items():
                    count[sample] += sum(1 for value in now[name] if value != 0)
                for name, array in spikes.items():
                    array[t, sample] = now[name]
                last = now
            logits[sample] = state[program.readout.name][: program.readout.size]
        counts = EventCounts(batch, time, operations, sent, program.multiplies)
        return Trace(logits, counts, spikes if record else None)

    def _add(self, projection: str, signal: list[int], current: list[int]) -> int:
        """Add a projection's currents in place; returns its synaptic operations."""
        operations = 0
        fans = self.synapses[projection]
        for source, value in enumerate(signal):
            if value != 0:
                targets = fans[source]
                for target, weight in targets:
                    current[target] += weight * value
                operations += len(targets)
        return operations


class ConvolutionFans:
    """Fan-out of each source neuron of a convolution, by the definition in PROGRAM.md."""

    def __init__(self, conv: Conv2d) -> None:
        self.conv = conv
        self.weight = conv.weight.tolist()

    def __getitem__(self, source: int) -> Fan:
        conv = self.conv
        (_, height, width), (out, rows, columns) = conv.input_shape, conv.output_shape
        c, y, x = source // (height * width), source // width % height, source % width
        inner, outer = len(self.weight[0]), out // conv.groups
        fan = []
        for o in range(c // inner * outer, (c // inner + 1) * outer):
            for a, row in enumerate(self.weight[o][c % inner]):
                for b, weight in enumerate(row):
                    i, down = divmod(y + conv.padding[0] - a * conv.dilation[0], conv.stride[0])
                    j, right = divmod(x + conv.padding[1] - b * conv.dilation[1], conv.stride[1])
                    inside = 0 <= i < rows and 0 <= j < columns
                    if weight != 0 and down == right == 0 and inside:
                        fan.append(((o * rows + i) * columns + j, weight))
        return fan


def initial_membrane(population: Population) -> list[int]:
    """Membrane potentials before the first timestep."""
    if isinstance(population.neuron, TropicalLIF):
        return list(population.neuron.initial.tolist())
    return [0] * (population.words * population.size)


def step(
    neuron: Neuron,
    parameters: dict[str, list[int]],
    bias: list[int],
    current: list[int],
    v: list[int],
) -> tuple[list[int], list[int]]:
    """One timestep of one population: (spikes, next membrane potentials).

    Args:
        neuron: the model.
        parameters: its integers, by name.
        bias: per neuron.
        current: sum of the projections, per neuron.
        v: membrane potentials before this timestep, then the model's other state words.
    """
    size = len(current)
    p: Any = parameters
    if isinstance(neuron, Threshold):
        spikes = [int(current[i] + bias[i] > p["threshold"][i]) for i in range(size)]
        return spikes, v
    if isinstance(neuron, TropicalLIF):
        v = [max(v[i] - p["decay"][i], current[i] + bias[i]) for i in range(size)]
        spikes = [int(v[i] > p["threshold"][i]) for i in range(size)]
        return spikes, [p["reset"][i] if spikes[i] else v[i] for i in range(size)]
    if isinstance(neuron, LIF):
        drive = [(current[i] << neuron.fraction_bits) + bias[i] for i in range(size)]
        total = [leak(v[i], p["decay"][i], neuron.decay_bits) + drive[i] for i in range(size)]
        return fire_and_reset(neuron, p, v, total)
    if isinstance(neuron, UltraDLIF):
        drive = [(current[i] << FRACTION_BITS) + bias[i] for i in range(size)]
        leaked = [leak(v[i], p["decay"][i], neuron.decay_bits) for i in range(size)]
        left = [(i - neuron.stride) % size for i in range(size)]
        right = [(i + neuron.stride) % size for i in range(size)]
        if neuron.form == "released":
            v = [saturate(leaked[i] + drive[i]) for i in range(size)]
            compared = [max(v[left[i]], v[i], v[right[i]]) for i in range(size)]
        else:
            shared = [max(v[left[i]], leaked[i], v[right[i]]) for i in range(size)]
            v = compared = [saturate(shared[i] + drive[i]) for i in range(size)]
        spikes = [int(compared[i] > p["threshold"][i]) for i in range(size)]
        return spikes, [0 if spikes[i] else v[i] for i in range(size)]
    if isinstance(neuron, LogMaxLIF):
        drive = [(current[i] << FRACTION_BITS) + bias[i] for i in range(size)]
        kept = [v[i] - p["decay"][i] for i in range(size)]
        entry = [abs(kept[i] - drive[i]) >> neuron.shift for i in range(size)]
        extra = [p["table"][e] if e < len(p["table"]) else 0 for e in entry]
        v = [saturate(max(kept[i], drive[i]) + extra[i]) for i in range(size)]
        spikes = [int(v[i] > p["threshold"][i]) for i in range(size)]
        return spikes, [0 if spikes[i] else v[i] for i in range(size)]
    if isinstance(neuron, SECOND_ORDER):
        return second_order_step(neuron, p, bias, current, v)
    if isinstance(neuron, CubaLIF):
        wide = synaptic_current(neuron, p, bias, current, v[size:], neuron.fraction_bits)
        synapse = [clip(i, neuron.membrane_bits) for i in wide]
        total = [leak(v[i], p["decay"][i], neuron.decay_bits) + synapse[i] for i in range(size)]
        spikes, membrane = fire_and_reset(neuron, p, v[:size], total)
        return spikes, membrane + synapse
    if isinstance(neuron, LeakyIntegrator):
        drive = [(current[i] << FRACTION_BITS) + bias[i] for i in range(size)]
        total = [leak(v[i], p["decay"][i], neuron.decay_bits) + drive[i] for i in range(size)]
        return [0] * size, [saturate_readout(u) for u in total]
    if isinstance(neuron, CubaLI):
        synapse = synaptic_current(neuron, p, bias, current, v[size:], FRACTION_BITS)
        synapse = [saturate_readout(i) for i in synapse]
        total = [leak(v[i], p["decay"][i], neuron.decay_bits) + synapse[i] for i in range(size)]
        return [0] * size, [saturate_readout(u) for u in total] + synapse
    return [0] * size, [v[i] + current[i] + bias[i] for i in range(size)]


def synaptic_current(
    neuron: CubaLIF | CubaLI,
    p: dict[str, list[int]],
    bias: list[int],
    current: list[int],
    synapse: list[int],
    fraction_bits: int,
) -> list[int]:
    """The synaptic currents after this timestep, not saturated."""
    return [
        leak(i, decay, neuron.decay_bits) + (now << fraction_bits) + b
        for i, decay, now, b in zip(synapse, p["synaptic_decay"], current, bias, strict=True)
    ]


def fire_and_reset(
    neuron: LIF | CubaLIF, p: dict[str, list[int]], v: list[int], total: list[int]
) -> tuple[list[int], list[int]]:
    """Spikes, and membranes after the reset.

    Args:
        neuron: says the reset mode, the membrane's width and how often it may fire.
        p: holds threshold, reset, and floor where there is one.
        v: membranes before this timestep.
        total: leaked membrane plus what comes in, not saturated.
    """
    mode, bits = neuron.reset_mode, neuron.membrane_bits
    spikes, after = [], []
    for before, u, threshold, reset in zip(v, total, p["threshold"], p["reset"], strict=True):
        held = before > threshold
        whole = u
        if held and mode == "late-value":
            u = reset
        elif held and mode in ("late-subtract", "immediate-subtract"):
            u -= reset
        u = clip(u, bits)
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
    return spikes, [max(u, least) for u, least in zip(after, floor, strict=True)]
