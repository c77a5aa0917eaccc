"""Exact on a device of torch: the CPU, or a GPU by CUDA.

Populations run one after the other over all timesteps, but those that hear each other block by
block (`program/stages.py`). Currents are matrix products of floats that hold every sum
(`products.py`), and updates are tensor programs on int64 (`updates.py`). Both are the same on
every device.
"""

import numpy as np
import torch
from torch import Tensor

from ultralif_deploy.program.graph import INPUT, Projection
from ultralif_deploy.program.neurons import entry_for
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.stages import Stage
from ultralif_deploy.program.trace import EventCounts, Trace, join_traces
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.torch_device.products import (
    Product,
    kind_for,
    product,
    whole_numbers,
    whole_precision,
)
from ultralif_deploy.simulators.torch_device.updates import UPDATES, Update

BLOCK_BYTES = 1 << 29
"""Bytes that the values of the samples that run at once may take on the device."""

VALUE_BYTES = 32
"""Bytes for each value of a population while it runs: currents as floats and as integers, the sums
of one more projection, and what an update makes of them."""


def load(program: Program, device: str | torch.device) -> "OnTorch":
    """Make a program ready on a device.

    Args:
        program: program that will run.
        device: `cpu` or `cuda`.

    Raises:
        Refused: a neuron model has no update here.
    """
    return OnTorch(program, torch.device(device))


Sent = dict[str, Tensor]
"""What each source sent, uint8 [1 + time, batch, neuron]: first a timestep before the run, in which
nothing is sent. So a projection that acts one timestep later reads the same tensor."""

Words = tuple[Tensor, ...]
"""State words of a population, each int64 [batch, neuron]."""

States = dict[str, Words]


class OnTorch:
    """A program whose weights and parameters lie on a device."""

    def __init__(self, program: Program, device: torch.device) -> None:
        self.program = program
        self.device = device
        self.updates = {
            p.name: entry_for(UPDATES, p.neuron, p.name, "torch") for p in program.populations
        }
        self.kinds = {name: kind_for(bound) for name, bound in program.current_bounds.items()}
        self.products: dict[str, Product] = {
            p.name: product(p.map, self.kinds[p.target], device) for p in program.projections
        }
        self.fan_out = {p.name: self._placed(p.map.fan_out()) for p in program.projections}
        self.bias = {p.name: self._placed(p.bias) for p in program.populations}
        self.parameters = {
            p.name: {k: self._placed(v) for k, v in p.parameters().items()}
            for p in program.populations
        }

    def executed(self) -> dict[str, np.ndarray]:
        """The integers that `run` uses, read back from the device."""
        found = {name: made.weights() for name, made in self.products.items()}
        arrays = {name: weight for name, weight in found.items() if weight is not None}
        for name, bias in self.bias.items():
            arrays[f"{name}.bias"] = whole_numbers(bias)
        for name, parameters in self.parameters.items():
            arrays |= {f"{name}.{k}": whole_numbers(v) for k, v in parameters.items()}
        return arrays

    def describe(self) -> Facts:
        """Version of torch, and the device."""
        on_gpu = self.device.type == "cuda"
        name = torch.cuda.get_device_name(self.device) if on_gpu else self.device.type
        return {"torch": torch.__version__, "device": name}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input], a block of samples after the other."""
        steps, batch, _ = self.program.check_inputs(inputs).shape
        length = self._samples_at_once(steps)
        with whole_precision(), torch.no_grad():
            blocks = range(0, max(1, batch), length)
            return join_traces([self._run(inputs[:, i : i + length], record) for i in blocks])

    def _samples_at_once(self, steps: int) -> int:
        """Number of samples whose values fit `BLOCK_BYTES`, at least 1."""
        sizes = [self.program.input.size, *(p.size for p in self.program.populations)]
        sample_bytes = (1 + steps) * (VALUE_BYTES * max(sizes) + sum(sizes))
        return max(1, BLOCK_BYTES // sample_bytes)

    def _run(self, inputs: np.ndarray, record: bool) -> Trace:
        """Run samples that fit the device together."""
        program, (steps, batch, _) = self.program, inputs.shape
        spiking = [p.name for p in program.populations if p.spikes]
        led = np.pad(inputs, ((1, 0), (0, 0), (0, 0)))
        sent = {INPUT: torch.tensor(led).to(self.device)}
        states = {
            p.name: tuple(
                self._placed(word).expand(batch, -1)
                for word in p.neuron.initial_state(p.size).reshape(p.words, p.size)
            )
            for p in program.populations
        }
        fired, operations = dict[str, np.ndarray](), dict[str, np.ndarray]()
        kept = dict[str, np.ndarray]()
        for stage in program.stages:
            for name in stage.populations:
                shape = (1 + steps, batch, program.population(name).size)
                sent[name] = torch.zeros(shape, dtype=torch.uint8, device=self.device)
            self._run_stage(stage, sent, states)
            for source in stage.ended:
                values = sent.pop(source)
                fired[source] = whole_numbers(_timesteps_fired(values[1:]).sum(dim=1))
                operations |= self._operations(source, values)
                if record and source in spiking:
                    kept[source] = values[1:].cpu().numpy()
        counts = EventCounts(
            batch,
            steps,
            {p.name: operations[p.name] for p in program.projections},
            {name: fired[name] for name in (INPUT, *spiking)},
            program.multiplies,
        )
        logits = np.ascontiguousarray(whole_numbers(states[program.readout.name][0]))
        return Trace(logits, counts, {name: kept[name] for name in spiking} if record else None)

    def _run_stage(self, stage: Stage, sent: Sent, states: States) -> None:
        """Run populations over all timesteps; writes their spikes and final states."""
        names = stage.populations
        whole = slice(0, len(sent[names[0]]) - 1)
        incoming = {name: self.program.incoming(name) for name in names}
        inner = {name: [p for p in incoming[name] if p.source in names] for name in names}
        outer = {}
        for name in names:
            outer[name] = torch.zeros(
                (whole.stop, *sent[name].shape[1:]), dtype=self.kinds[name], device=self.device
            )
            for projection in incoming[name]:
                if projection.source not in names:
                    outer[name] += self._carried(projection, sent, whole)
        windows = stage.windows(whole.stop) if stage.loops else [(name, whole) for name in names]
        for name, window in windows:
            current = outer[name][window]
            for projection in inner[name]:
                current = current + self._carried(projection, sent, window)
            spikes = sent[name][window.start + 1 : window.stop + 1]
            states[name] = self._update(name, current.long(), states[name], spikes)

    def _carried(self, projection: Projection, sent: Sent, window: slice) -> Tensor:
        """What a projection adds to the currents in a window, floats [time, batch, neuron]."""
        late = projection.name in self.program.delayed
        heard = sent[projection.source][window.start + (not late) : window.stop + (not late)]
        sums = self.products[projection.name](heard.flatten(0, 1))
        return sums.view(*heard.shape[:2], projection.map.target_size)

    def _update(self, name: str, current: Tensor, words: Words, spikes: Tensor) -> Words:
        """The state words after currents [time, batch, neuron]; writes the spikes."""
        population = self.program.population(name)
        bias, parameters = self.bias[name], self.parameters[name]
        moments = [(current, spikes)]  # without memory, all timesteps are one update
        if population.neuron.REMEMBERS:
            moments = list(zip(current, spikes, strict=True))
        for now, written in moments:
            update = Update(population.neuron, now, bias, words, parameters)
            fired, words = self.updates[name](update)
            if fired is not None:
                written.copy_(fired)
        return words

    def _operations(self, source: str, values: Tensor) -> dict[str, np.ndarray]:
        """Synaptic operations int64 [batch] of each projection from a source.

        Args:
            source: population or the input.
            values: all that it sent, after a timestep in which nothing was sent.
        """
        counted = {}
        for p in self.program.projections:
            if p.source == source:
                acting = values[:-1] if p.name in self.program.delayed else values[1:]
                each = _timesteps_fired(acting) * self.fan_out[p.name]
                counted[p.name] = whole_numbers(each.sum(dim=1))
        return counted

    def _placed(self, values: np.ndarray) -> Tensor:
        """Whole numbers as int64 on the device."""
        return torch.tensor(values, dtype=torch.int64).to(self.device)


def _timesteps_fired(values: Tensor) -> Tensor:
    """Number of timesteps in which each neuron sent something, int64 [batch, neuron]."""
    return (values != 0).sum(dim=0)
