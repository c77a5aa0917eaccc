"""Our event counts are those of NeuroBench's own `SynapticOperations`, to the last operation.

NeuroBench hooks every Linear, Conv and RNNCell layer and runs it again with all weights and inputs
that are not 0 set to 1; the sum of the outputs is the number of effective operations, and of a copy
filled with ones the dense number. Padding stays 0 in both, so that borders are exact; biases are
set to 0. The results are means per sample: a total of all timesteps, divided by the samples.

Where the two differ by definition, the tests say so:
- Identities are no layer there; here every spike is one operation.
- Whether a layer accumulates or multiplies is decided call by call there, by whether this batch
  holds anything but −1, 0 and 1 at this timestep; here by what the inputs may hold.
- A recurrent cell is one layer there: graded inputs make its recurrent operations multiply.
"""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from support.comparisons import holds
from support.networks.counted import assembled, matrices, with_zeros
from support.requirements import import_or_skip
from support.strategies.programs import programs
from support.strategies.shapes import MODES, inputs_for
from ultralif_deploy.energy.counts import full_fan_out
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, WEIGHTED, Dense, Projection
from ultralif_deploy.program.neurons import Threshold
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference

INSTALL = "pip install --no-deps neurobench==2.3.0 tqdm"
BATCH = 4
"""Samples that NeuroBench meets at once; those of the tests are no multiple of it."""


@pytest.fixture(scope="module")
def neurobench() -> SimpleNamespace:
    return SimpleNamespace(
        Benchmark=import_or_skip("neurobench.benchmarks", INSTALL).Benchmark,
        TorchModel=import_or_skip("neurobench.models", INSTALL).TorchModel,
        SynapticOperations=import_or_skip(
            "neurobench.metrics.workload", INSTALL
        ).SynapticOperations,
    )


class Replayed(torch.nn.Module):
    """A program's weights as torch layers, fed at every timestep with what the program sent.

    Takes [batch, time, value] with the inputs first, then the spikes of every population. Layers
    that act one timestep later get zeros at the first. The layers count in 64 bits: NeuroBench
    adds up in the layer's own precision.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.layers = torch.nn.ModuleDict({p.name: layer(p.map) for p in weighted(program)})

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        names = [INPUT, *(p.name for p in self.program.populations if p.spikes)]
        sizes = {INPUT: self.program.input.size}
        sizes |= {p.name: p.size for p in self.program.populations}
        parts = batch.split([sizes[name] for name in names], dim=2)
        sent = dict(zip(names, parts, strict=True))
        for t in range(batch.shape[1]):
            for p in weighted(self.program):
                late = int(p.name in self.program.delayed)
                values = sent[p.source][:, t - late] if t >= late else 0 * sent[p.source][:, 0]
                shape = p.map.input_shape if isinstance(p.map, Conv2d) else (-1,)
                self.layers[p.name](values.reshape(len(batch), *shape))
        return batch[:, 0, 0]


class Cell(torch.nn.Module):
    """As `Replayed`, but two projections onto the one hidden population are an RNNCell."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        first, last, again = (p.map for p in program.projections)
        self.inputs, self.hidden = first.source_size, again.source_size
        self.cell = torch.nn.RNNCell(self.inputs, self.hidden, dtype=torch.float64)
        self.cell.weight_ih.data = torch.from_numpy(first.matrix().astype(np.float64))
        self.cell.weight_hh.data = torch.from_numpy(again.matrix().astype(np.float64))
        self.last = layer(last)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        values, spikes = batch.split([self.inputs, self.hidden], dim=2)
        before = torch.zeros_like(spikes[:, 0])
        for t in range(batch.shape[1]):
            self.cell(values[:, t], before)
            before = spikes[:, t]
            self.last(before)
        return batch[:, 0, 0]


def weighted(program: Program) -> list[Projection]:
    return [p for p in program.projections if isinstance(p.map, WEIGHTED)]


def layer(linear: Dense | Conv2d) -> torch.nn.Module:
    """Weights of a map in a layer of 64 bits, with biases, which NeuroBench must not count."""
    made: torch.nn.Module
    if isinstance(linear, Dense):
        made = torch.nn.Linear(linear.source_size, linear.target_size, dtype=torch.float64)
    else:
        made = torch.nn.Conv2d(
            *(linear.input_shape[0], linear.output_shape[0], linear.kernel),
            stride=linear.stride,
            padding=linear.padding,
            dilation=linear.dilation,
            groups=linear.groups,
            dtype=torch.float64,
        )
    made.weight.data = torch.from_numpy(linear.weight.astype(np.float64))
    made.bias.data = torch.ones_like(made.bias)
    return made


def measured(
    neurobench: SimpleNamespace,
    program: Program,
    inputs: np.ndarray,
    trace: Trace,
    network: Callable[[Program], torch.nn.Module] = Replayed,
) -> dict[str, float]:
    """NeuroBench's result for inputs [time, batch, input]: means over the samples."""
    assert trace.spikes is not None
    values = np.concatenate([inputs, *trace.spikes.values()], axis=2).transpose(1, 0, 2)
    samples = torch.from_numpy(values.astype(np.float64))
    data = torch.utils.data.TensorDataset(samples, torch.zeros(len(samples)))
    benchmark = neurobench.Benchmark(
        neurobench.TorchModel(network(program)),
        torch.utils.data.DataLoader(data, BATCH),
        [],
        [],
        [[], [neurobench.SynapticOperations]],
    )
    found: dict[str, float] = benchmark.run(quiet=True)["SynapticOperations"]
    return found


def dense_operations(program: Program, timesteps: int) -> int:
    """Operations of a sample if no weight and no input were 0, borders exact."""
    return timesteps * sum(int(full_fan_out(p.map).sum()) for p in weighted(program))


def counted(program: Program, trace: Trace) -> dict[str, float]:
    """Our counts under NeuroBench's names, as means over the samples."""
    counts = trace.counts
    totals = {p.name: int(counts.synaptic_operations[p.name].sum()) for p in weighted(program)}
    multiplied = sum(v for name, v in totals.items() if name in counts.multiplies)
    return {
        "Effective_MACs": multiplied / counts.samples,
        "Effective_ACs": (sum(totals.values()) - multiplied) / counts.samples,
        "Dense": dense_operations(program, counts.timesteps),
    }


def made(maximum: int, projections: list[Projection], timesteps: int = 6) -> Program:
    """Threshold units, which graded inputs drive harder than spikes do."""
    driven = {p.target for p in projections if p.source == INPUT}

    def neuron(name: str, size: int) -> Threshold:
        return Threshold(np.full(size, 3 * (maximum if name in driven else 1)))

    return assembled(projections, neuron, maximum, timesteps=timesteps)


def fully_connected(rng: np.random.Generator, maximum: int) -> Program:
    links = [(INPUT, "p0"), ("p0", "p1"), ("p1", "out"), (INPUT, "p1"), ("p0", "out")]
    return made(maximum, matrices(rng, {INPUT: 30, "p0": 21, "p1": 17, "out": 10}, links))


def convolutional(rng: np.random.Generator, maximum: int) -> Program:
    """Padding, then stride 2, then as many groups as channels with dilation, then a matrix."""
    first = Conv2d(with_zeros(rng, 4, 2, 3, 3), (2, 9, 8), padding=(1, 1))
    second = Conv2d(with_zeros(rng, 6, 4, 3, 2), first.output_shape, (2, 2), (1, 0))
    third = Conv2d(with_zeros(rng, 6, 1, 2, 2), second.output_shape, (1, 2), (2, 1), (2, 1), 6)
    last = Dense(with_zeros(rng, 10, third.target_size))
    names = [INPUT, "p0", "p1", "p2", "out"]
    links = zip(names, names[1:], (first, second, third, last), strict=False)
    return made(maximum, [Projection(*link) for link in links])


def recurrent(rng: np.random.Generator, maximum: int) -> Program:
    """A population onto itself, and one onto an earlier: both act one timestep later."""
    links = [(INPUT, "p0"), ("p0", "p1"), ("p1", "out"), ("p0", "p0"), ("p1", "p0")]
    return made(maximum, matrices(rng, {INPUT: 20, "p0": 15, "p1": 12, "out": 5}, links))


def cell(rng: np.random.Generator, maximum: int) -> Program:
    """One hidden population, onto itself as well."""
    links = [(INPUT, "p0"), ("p0", "out"), ("p0", "p0")]
    return made(maximum, matrices(rng, {INPUT: 20, "p0": 15, "out": 5}, links))


def drawn_inputs(rng: np.random.Generator, program: Program, samples: int = 10) -> np.ndarray:
    """Inputs with silent samples and zeros; graded ones hold a value above 1 at every timestep."""
    top = program.input.maximum
    shape = (program.timesteps, samples, program.input.size)
    inputs = rng.integers(0, top, shape, dtype=np.uint8, endpoint=True)
    inputs *= rng.random(shape) < 0.6
    inputs[:, 2::BATCH] = 0
    inputs[:, ::BATCH, 0] = top
    return inputs


@pytest.mark.parametrize("maximum", [1, 255], ids=["spikes", "graded"])
@pytest.mark.parametrize("build", [fully_connected, convolutional, recurrent])
def test_counts_are_those_of_neurobench(
    build: Callable[..., Program], maximum: int, neurobench: SimpleNamespace
) -> None:
    rng = np.random.default_rng([maximum, *build.__name__.encode()])
    program = build(rng, maximum)
    inputs = drawn_inputs(rng, program)
    trace = fast.load(program).run(inputs, record=True)
    ours = counted(program, trace)
    assert all(trace.counts.spikes[p.name].any() for p in program.populations if p.spikes)
    assert (ours["Effective_MACs"] > 0) == (maximum > 1)
    assert 0 < ours["Effective_ACs"] + ours["Effective_MACs"] < ours["Dense"]
    assert measured(neurobench, program, inputs, trace) == ours


@pytest.mark.parametrize("build", [convolutional, recurrent])
def test_every_sample_has_the_counts_of_neurobench(
    build: Callable[..., Program], neurobench: SimpleNamespace
) -> None:
    rng = np.random.default_rng(1)
    program = build(rng, 1)
    inputs = drawn_inputs(rng, program)
    counts = fast.load(program).run(inputs).counts.synaptic_operations
    for sample in range(inputs.shape[1]):
        one = inputs[:, sample : sample + 1]
        found = measured(neurobench, program, one, fast.load(program).run(one, record=True))
        assert found["Effective_ACs"] == sum(values[sample] for values in counts.values())


def test_a_recurrent_cell_has_the_counts_of_its_two_projections(
    neurobench: SimpleNamespace,
) -> None:
    rng = np.random.default_rng(2)
    program = cell(rng, 1)
    inputs = drawn_inputs(rng, program)
    trace = fast.load(program).run(inputs, record=True)
    assert trace.counts.synaptic_operations["p0->p0"].any()
    assert measured(neurobench, program, inputs, trace, Cell) == counted(program, trace)


def test_graded_inputs_make_all_of_a_recurrent_cell_multiply(neurobench: SimpleNamespace) -> None:
    rng = np.random.default_rng(3)
    program = cell(rng, 255)
    inputs = drawn_inputs(rng, program)
    trace = fast.load(program).run(inputs, record=True)
    again = int(trace.counts.synaptic_operations["p0->p0"].sum()) / inputs.shape[1]
    assert again > 0
    ours = counted(program, trace)
    found = measured(neurobench, program, inputs, trace, Cell)
    assert found["Effective_MACs"] == pytest.approx(ours["Effective_MACs"] + again, rel=1e-15)
    assert found["Effective_ACs"] == pytest.approx(ours["Effective_ACs"] - again, rel=1e-15)


def test_borders_are_not_operations(neurobench: SimpleNamespace) -> None:
    """3×3 with padding 1 on 4×4: an edge has 4 + 2·3 = 10 of 12 taps, so 10² of 12² operations."""
    linear = Conv2d(np.ones((1, 1, 3, 3), dtype=np.int8), (1, 4, 4), padding=(1, 1))
    last = Dense(np.zeros((1, 16), dtype=np.int8))
    links = [Projection(INPUT, "p0", linear), Projection("p0", "out", last)]
    program = made(1, links, timesteps=1)
    inputs = np.ones((1, 1, 16), dtype=np.uint8)
    trace = fast.load(program).run(inputs, record=True)
    found = measured(neurobench, program, inputs, trace)
    assert found == {"Effective_MACs": 0, "Effective_ACs": 100, "Dense": 100 + 16}
    assert counted(program, trace) == found


def test_drawn_programs_have_the_counts_of_neurobench(neurobench: SimpleNamespace) -> None:
    """All neuron kinds, weight formats, maps and orders; NeuroBench's own rule for graded calls."""
    multiplied = 0

    def check(data: st.DataObject) -> None:
        nonlocal multiplied
        program = data.draw(programs().filter(lambda p: len(weighted(p)) > 0))
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        trace = reference.load(program).run(inputs, record=True)
        found, ours = measured(neurobench, program, inputs, trace), counted(program, trace)
        samples = inputs.shape[1]
        assert found["Dense"] == ours["Dense"]
        graded = 0
        for p in (p for p in weighted(program) if p.name in program.multiplies):
            sent = ({INPUT: inputs} | trace.spikes)[p.source]
            sent = sent[:-1] if p.name in program.delayed else sent  # nobody gets the last
            for start in range(0, samples, BATCH):
                part = sent[:, start : start + BATCH]
                acting = (part != 0) & (part.max(axis=(1, 2), keepdims=True) > 1)
                graded += int((acting @ p.map.fan_out()).sum())
        multiplied += graded
        everything = sum(
            int(trace.counts.synaptic_operations[p.name].sum()) for p in weighted(program)
        )
        assert found["Effective_MACs"] == graded / samples
        assert found["Effective_ACs"] == (everything - graded) / samples

    holds(check, st.data(), examples=60)
    assert multiplied > 0
