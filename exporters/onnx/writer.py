"""A program as ONNX, in standard operators on whole numbers.

`step.onnx` computes one timestep, with the state as inputs and outputs, for streams.
`sequence.onnx` computes a whole sample. If the program has no memory, it does all timesteps in one
pass; otherwise it is a Scan over the graph of one timestep. Both implement PROGRAM.md.

Dense currents use MatMulInteger. Runtimes without 8-bit dot products may add pairs of u8·s8
products in 16 saturating bits. Inputs above 127 are therefore split into two values of at most 127
(2·127·128 < 2^15). Convolutions use float32 Conv if every partial sum is a whole number below 2^24,
which floats hold exactly. Otherwise they use ConvInteger.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from ultralif_deploy.exporters.onnx.graph import Graph, Value
from ultralif_deploy.exporters.onnx.neurons import UPDATES, Update, update
from ultralif_deploy.io.artefacts import ONNX_SEQUENCE, ONNX_STEP
from ultralif_deploy.io.files import directory_written_whole
from ultralif_deploy.program.exact_ranges import FLOAT32_EXACT, PAIR_EXACT_INPUT
from ultralif_deploy.program.graph import INPUT, WEIGHTED, Conv2d, Identity, Projection
from ultralif_deploy.program.neurons import entry_for
from ultralif_deploy.program.program import Population, Program

OPSET, IR_VERSION = 23, 11
Geometry = dict[str, int | tuple[int, ...]]
"""Attributes of a convolution by name."""

UINT8, INT64 = TensorProto.UINT8, TensorProto.INT64


def write_onnx(program: Program, directory: Path) -> tuple[Path, ...]:
    """Write both graphs.

    Inputs: `input` uint8 [batch, input] or [time, batch, input]; in step.onnx also
    `state/POPULATION` int64 [batch, words·neuron] and, for sources of delayed projections,
    `sent/POPULATION` uint8 [batch, neuron], all 0 (`initial` for TropicalLIF) before a sample.
    Outputs: `logits` int64 [batch, class], `spikes/POPULATION`, and in step.onnx the new state as
    `next_state/POPULATION`; the new `sent` are the spikes.

    Raises:
        Refused: ONNX has no update for a neuron model.
        UltralifError: nothing can be written there.
    """
    for p in program.populations:
        entry_for(UPDATES, p.neuron, p.name, "onnx")
    with directory_written_whole(directory) as temporary:
        for name, graph in ((ONNX_STEP, _step(program)), (ONNX_SEQUENCE, _sequence(program))):
            model = helper.make_model(
                graph.proto(),
                opset_imports=[helper.make_opsetid("", OPSET)],
                ir_version=IR_VERSION,
                producer_name="ultralif-deploy",
            )
            onnx.checker.check_model(model, full_check=True)
            (temporary / name).write_bytes(model.SerializeToString(deterministic=True))
    return directory / ONNX_STEP, directory / ONNX_SEQUENCE


def keeps_state(population: Population) -> bool:
    """Whether a population keeps state words from one timestep to the next."""
    return population.neuron.REMEMBERS


def delayed_sources(program: Program) -> list[str]:
    """Populations whose spikes act one timestep later."""
    sources = {p.source for p in program.projections if p.name in program.delayed}
    return [p.name for p in program.populations if p.name in sources]


def memoryless(program: Program) -> bool:
    """Whether timesteps do not depend on each other, so that one pass computes all of them."""
    stateful = [p.name for p in program.populations if keeps_state(p)]
    integrates = program.readout.neuron.SUMS
    return integrates and stateful == [program.readout.name] and not program.delayed


def _step(program: Program, prefix: str = "") -> Graph:
    """One timestep; in this order it is also the body of the Scan."""
    graph = Graph("step", prefix)
    state = {
        p.name: graph.input(f"state/{p.name}", INT64, ["batch", p.words * p.size])
        for p in program.populations
        if keeps_state(p)
    }
    late = {
        name: graph.input(f"sent/{name}", UINT8, ["batch", program.population(name).size])
        for name in delayed_sources(program)
    }
    sent = {INPUT: graph.input(INPUT, UINT8, ["batch", program.input.size])}
    new: dict[str, Value] = {}
    for p in program.populations:
        current = _current(graph, program, p, sent, late)
        words = (
            tuple(graph.ops("Split", p.words, state[p.name], axis=1, num_outputs=p.words))
            if p.name in state
            else ()
        )
        spikes, after = update(_start(graph, p, current, words))
        if spikes is not None:
            sent[p.name] = spikes.cast(UINT8)
        if after:
            new[p.name] = graph.op("Concat", *after, axis=1)
    for name, value in new.items():
        size = program.population(name).words * program.population(name).size
        graph.output(value, f"next_state/{name}", INT64, ["batch", size])
    for name in late:
        size = program.population(name).size
        graph.output(sent[name], f"next_sent/{name}", UINT8, ["batch", size])
    for p in program.populations:
        if p.spikes:
            graph.output(sent[p.name], f"spikes/{p.name}", UINT8, ["batch", p.size])
    graph.output(
        _logits(graph, program, new[program.readout.name]),
        "logits",
        INT64,
        ["batch", program.readout.size],
    )
    return graph


def _logits(graph: Graph, program: Program, state: Value) -> Value:
    """First state word of the read-out."""
    start, end, axis = (graph.constant(np.array([n])) for n in (0, program.readout.size, 1))
    return graph.op("Slice", state, start, end, axis)


def _sequence(program: Program) -> Graph:
    graph = Graph("sequence")
    values = graph.input(INPUT, UINT8, ["time", "batch", program.input.size])
    spiking = [p for p in program.populations if p.spikes]
    if memoryless(program):
        spikes, logits = _one_pass(graph, program, values)
    else:
        spikes, logits = _scan(graph, program, values)
    for p, value in zip(spiking, spikes, strict=True):
        graph.output(value, f"spikes/{p.name}", UINT8, ["time", "batch", p.size])
    graph.output(logits, "logits", INT64, ["batch", program.readout.size])
    return graph


def _one_pass(graph: Graph, program: Program, values: Value) -> tuple[list[Value], Value]:
    sent = {INPUT: values}
    for p in program.populations:
        current = _current(graph, program, p, sent, {})
        if p.spikes:
            fired, _ = update(_start(graph, p, current, ()))
            assert fired is not None
            sent[p.name] = fired.cast(UINT8)
        else:
            drive = (current + graph.constant(p.bias, f"bias/{p.name}")).long()
            time = graph.constant(np.array([0]))
            logits = graph.op("ReduceSum", drive, time, keepdims=0)
    return [sent[p.name] for p in program.populations if p.spikes], logits


def _scan(graph: Graph, program: Program, values: Value) -> tuple[list[Value], Value]:
    body = _step(program, "step:")
    shape = graph.op("Shape", values)
    batch = graph.op("Gather", shape, graph.constant(np.array([1])))

    def start(initial: Value, size: int) -> Value:
        width = graph.constant(np.array([size]))
        return graph.op("Expand", initial, graph.op("Concat", batch, width, axis=0))

    states = [
        start(_initial(graph, p), p.words * p.size) for p in program.populations if keeps_state(p)
    ]
    silent = graph.constant(np.zeros(1, dtype=np.uint8))
    states += [start(silent, program.population(n).size) for n in delayed_sources(program)]
    spiking = [p for p in program.populations if p.spikes]
    proto = body.proto()
    del proto.output[-1]  # the logits are taken from the last state
    results = graph.ops(
        "Scan", len(states) + len(spiking), *states, values, body=proto, num_scan_inputs=1
    )
    stateful = [p.name for p in program.populations if keeps_state(p)]
    last = results[stateful.index(program.readout.name)]
    return results[len(states) :], _logits(graph, program, last)


def _initial(graph: Graph, p: Population) -> Value:
    """State before the first timestep, int64 [1] or [neuron]."""
    if (initial := p.parameters().get("initial")) is not None:
        return graph.constant(initial, f"initial/{p.name}").long()
    return graph.constant(np.zeros(1, dtype=np.int64))


def _start(graph: Graph, p: Population, current: Value, words: tuple[Value, ...]) -> Update:
    parameters = {
        name: graph.constant(array, f"{name}/{p.name}")
        for name, array in p.parameters().items()
        if name != "initial"
    }
    bias = graph.constant(p.bias, f"bias/{p.name}")
    return Update(p.neuron, p.size, current, bias, words, parameters)


def _current(
    graph: Graph,
    program: Program,
    target: Population,
    now: dict[str, Value],
    late: dict[str, Value],
) -> Value:
    """Sum over the incoming projections, int32 [..., neuron]."""
    terms = []
    for p in program.incoming(target.name):
        sent = late[p.source] if p.name in program.delayed else now[p.source]
        terms.append(_term(graph, p, sent, program.largest_sent(p.source)))
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _term(graph: Graph, projection: Projection, sent: Value, largest: int) -> Value:
    linear = projection.map
    if isinstance(linear, Identity):
        return sent.cast(TensorProto.INT32)
    weight = stored_weight(linear)
    name = f"weight/{projection.name}"
    if isinstance(linear, Conv2d):
        rows = graph.constant(np.array([-1, *linear.input_shape]))
        image = graph.op("Reshape", sent, rows)
        geometry: Geometry = {
            "strides": linear.stride,
            "pads": (*linear.padding, *linear.padding),
            "dilations": linear.dilation,
            "group": linear.groups,
        }
        bound = int(np.abs(weight.astype(np.int64)).sum(axis=(1, 2, 3)).max()) * largest
        if bound < FLOAT32_EXACT:
            values = graph.constant(weight, name).cast(TensorProto.FLOAT)
            made = graph.op("Conv", image.cast(TensorProto.FLOAT), values, **geometry)
            made = made.cast(TensorProto.INT32)
        else:
            made = _integer_product(graph, "ConvInteger", image, weight, name, largest, geometry)
        # From [time·batch, O, H, W] back to the leading axes of the signal.
        leading = graph.op("Shape", sent, end=-1)
        width = graph.constant(np.array([linear.target_size]))
        return graph.op("Reshape", made, graph.op("Concat", leading, width, axis=0))
    return _integer_product(graph, "MatMulInteger", sent, weight, name, largest, {})


def _integer_product(
    graph: Graph,
    kind: str,
    sent: Value,
    weight: np.ndarray,
    name: str,
    largest: int,
    geometry: Geometry,
) -> Value:
    values = graph.constant(weight, name)
    if largest <= PAIR_EXACT_INPUT:
        return graph.op(kind, sent, values, **geometry)
    two = graph.constant(np.array(2, dtype=np.uint8))
    half = graph.op("Div", sent, two)
    rest = sent - half * two
    upper = graph.op(kind, half, values, **geometry)
    lower = graph.op(kind, rest, values, **geometry)
    return upper + upper + lower


def stored_weight(linear: Any) -> np.ndarray:
    """Weights int8 as the graphs hold them: [source, target], or those of the convolution."""
    assert isinstance(linear, WEIGHTED)
    return linear.weight if isinstance(linear, Conv2d) else np.ascontiguousarray(linear.weight.T)
