"""The reference simulator: PROGRAM.md line by line, in plain Python integers and loops."""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress

import numpy as np

from ultralif_deploy.program.exits import ExitRule, Stopped
from ultralif_deploy.program.graph import INPUT, AnyMap, Conv2d, Dense
from ultralif_deploy.program.neurons import entry_for
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import EventCounts, Trace
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.reference.updates import UPDATES


def load(program: Program) -> "Reference":
    """Make a program ready to run."""
    return Reference(program)


Fan = list[tuple[int, int]]
"""(target neuron, weight) for every non-zero weight of one source neuron."""

Watch = Callable[[str, int, int, list[int]], None]
"""Called with a population, timestep, sample, and what each neuron compared with its threshold."""


class Reference:
    """A program as lists of Python integers."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # Per projection and source neuron: (target neuron, weight) of every non-zero weight.
        self.synapses: dict[str, Columns | list[Fan] | ConvolutionFans] = {
            p.name: _synapses(p.map) for p in program.projections
        }
        self.updates = {
            p.name: entry_for(UPDATES, p.neuron, p.name, "reference") for p in program.populations
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
            elif isinstance(fans, Columns):
                arrays[p.name] = np.array(fans.weights, dtype=np.int32).T
        for name, bias in self.bias.items():
            arrays[f"{name}.bias"] = np.array(bias)
        for name, parameters in self.parameters.items():
            arrays |= {f"{name}.{k}": np.array(v) for k, v in parameters.items()}
        return arrays

    def describe(self) -> Facts:
        """Nothing besides the program itself."""
        return {}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input], one sample after the other."""
        return self._run(inputs, None, record).trace

    def run_until_exit(self, inputs: np.ndarray, rule: ExitRule, record: bool = False) -> Stopped:
        """The same until the rule stops each sample.

        Args:
            inputs: inputs with as many timesteps as the rule has.
            rule: exit rule that says when samples stop.
            record: keep the spikes.
        """
        rule.check(self.program, inputs)
        return self._run(inputs, rule, record)

    def margins(
        self, inputs: np.ndarray, neurons: Mapping[str, Sequence[int]]
    ) -> dict[str, np.ndarray]:
        """Membrane potential minus threshold before the reset, of a few neurons with one threshold.

        Args:
            inputs: uint8 [time, batch, input].
            neurons: numbers of the neurons by population.

        Returns:
            By population, int64 [time, batch, neuron], in units of the integer membrane; of a model
            without memory, current and bias minus threshold.
        """
        time, batch = inputs.shape[:2]
        seen = {n: np.zeros((time, batch, len(few)), np.int64) for n, few in neurons.items()}

        def watch(name: str, t: int, sample: int, compared: list[int]) -> None:
            if name in seen:
                threshold = self.parameters[name]["threshold"]
                seen[name][t, sample] = [compared[i] - threshold[i] for i in neurons[name]]

        self._run(inputs, None, record=False, watch=watch)
        return seen

    def _run(
        self,
        inputs: np.ndarray,
        rule: ExitRule | None,
        record: bool,
        watch: Watch | None = None,
    ) -> Stopped:
        program = self.program
        time, batch = program.check_inputs(inputs).shape[:2]
        spiking = [p for p in program.populations if p.spikes]
        spikes = {p.name: np.zeros((time, batch, p.size), dtype=np.uint8) for p in spiking}
        logits = np.zeros((batch, program.readout.size), dtype=np.int64)
        operations = {p.name: np.zeros(batch, dtype=np.int64) for p in program.projections}
        sent = {n: np.zeros(batch, dtype=np.int64) for n in (INPUT, *spikes)}
        timesteps = np.full(batch, time, dtype=np.int64)
        tables = None if rule is None else (time, rule.margin.tolist(), rule.gain.tolist())
        for sample in range(batch):
            state = {p.name: p.neuron.initial_state(p.size).tolist() for p in program.populations}
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
                    update = self.updates[population.name]
                    now[population.name], state[population.name], compared = update(
                        population.neuron,
                        self.parameters[population.name],
                        self.bias[population.name],
                        current,
                        state[population.name],
                    )
                    if watch is not None:
                        watch(population.name, t, sample, compared)
                for name, count in sent.items():
                    count[sample] += len(now[name]) - now[name].count(0)
                for name, array in spikes.items():
                    array[t, sample] = now[name]
                last = now
                if tables is not None and exits(state[program.readout.name], t + 1, *tables):
                    timesteps[sample] = t + 1
                    break
            logits[sample] = state[program.readout.name][: program.readout.size]
        counts = EventCounts(batch, time, operations, sent, program.multiplies)
        return Stopped(Trace(logits, counts, spikes if record else None), timesteps)

    def _add(self, projection: str, signal: list[int], current: list[int]) -> int:
        """Add a projection's currents in place; returns its synaptic operations."""
        fans = self.synapses[projection]
        if isinstance(fans, Columns):
            return fans.add(signal, current)
        operations = 0
        for source, value in enumerate(signal):
            if value == 0:
                continue
            targets = fans[source]
            for target, weight in targets:
                current[target] += weight * value
            operations += len(targets)
        return operations


def exits(v: list[int], t: int, timesteps: int, margin: list[int], gain: list[list[int]]) -> bool:
    """Whether a sample stops after t timesteps.

    Args:
        v: the read-out's first state words.
        t: timesteps so far.
        timesteps: after which every sample stops.
        margin: margin of an exit rule.
        gain: gain of the same exit rule.
    """
    left, winner = timesteps - t, v.index(max(v))
    risen = [v[b] + min(margin[t - 1], left * gain[winner][b]) for b in range(len(v))]
    return risen.index(max(risen)) == winner


def _synapses(linear: AnyMap) -> "Columns | list[Fan] | ConvolutionFans":
    """The weights of a map as lists of integers."""
    if isinstance(linear, Conv2d):
        return ConvolutionFans(linear)
    if isinstance(linear, Dense):
        return Columns(linear)
    return [[(neuron, 1)] for neuron in range(linear.source_size)]


class Columns:
    """The weights of each source neuron of a dense map, zeros among them.

    A column is one long integer, Σ w_i·2^(32·i) over its target neurons i. Python adds and
    multiplies such integers as exactly as short ones, and many times faster than one weight after
    the other. No sum leaves its 32 bits, because a program's currents fit them for any input.
    """

    def __init__(self, dense: Dense) -> None:
        columns: list[list[int]] = dense.weight.T.tolist()
        self.size = dense.target_size
        self.offset = int.from_bytes(struct.pack("<I", _MIDDLE) * self.size, "little")
        self.columns = [self._joined(column) for column in columns]
        self.reached = [self.size - column.count(0) for column in columns]

    @property
    def weights(self) -> list[tuple[int, ...]]:
        """[source, target]."""
        return [self._separate(column) for column in self.columns]

    def add(self, signal: list[int], current: list[int]) -> int:
        """Add weight times value of every source that sends; returns the synaptic operations.

        Args:
            signal: value of each source neuron, 0 where it sends nothing.
            current: currents of the target neurons, changed in place.
        """
        columns: Iterable[int] = compress(self.columns, signal)
        if max(signal) > 1:
            columns = map(int.__mul__, columns, filter(None, signal))
        current[:] = map(int.__add__, current, self._separate(sum(columns)))
        return sum(compress(self.reached, signal))

    def _joined(self, values: list[int]) -> int:
        """Σ v_i·2^(32·i) of signed values.

        With its highest bit turned over, v in two's complement is v + 2^31, which has no sign.
        """
        complements = int.from_bytes(struct.pack(f"<{self.size}i", *values), "little")
        return (complements ^ self.offset) - self.offset

    def _separate(self, joined: int) -> tuple[int, ...]:
        """The integers of all target neurons, which `_joined` would join to this one."""
        complements = (joined + self.offset) ^ self.offset
        return struct.unpack(f"<{self.size}i", complements.to_bytes(4 * self.size, "little"))


_MIDDLE = 1 << 31


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
