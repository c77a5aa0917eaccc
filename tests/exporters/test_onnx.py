"""Exported ONNX: standard operators, equal in onnx.reference and in onnxruntime, step by step."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from support.commands import DEMO, ultralif
from support.comparisons import back_ends_agree, holds
from support.planting import copy_of
from support.strategies.programs import programs
from support.strategies.second_order import SPIKING
from support.strategies.shapes import MODES, inputs_for
from ultralif_deploy import read_nir
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.onnx import writer as exporter
from ultralif_deploy.exporters.onnx.writer import OPSET, write_onnx
from ultralif_deploy.io.artefacts import ONNX_SEQUENCE as SEQUENCE
from ultralif_deploy.io.artefacts import ONNX_STEP as STEP
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.program import Program, executed_arrays, weights_digest
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners import onnx as onnx_runner
from ultralif_deploy.simulators.runners.onnx import OnOnnxruntime

Run = Callable[[None, dict[str, np.ndarray]], list[np.ndarray]]


def second_order_programs() -> st.SearchStrategy[Program]:
    return programs(kinds=SPIKING, readouts=("leaky_sum",))


def exported(program: Program, write: Any = write_onnx) -> OnOnnxruntime:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "onnx"
        write(program, path)
        return onnx_runner.load(program, path)


def on_onnxruntime(model: onnx.ModelProto) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    data = model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run


def on_reference(model: onnx.ModelProto) -> Run:
    return ReferenceEvaluator(model).run


def streamed(
    program: Program, model: onnx.ModelProto, run: Run, inputs: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits and spikes of step.onnx called once per timestep, the state carried by name."""
    batch = inputs.shape[1]
    state: dict[str, np.ndarray] = {}
    for given in model.graph.input:
        kind, _, name = given.name.partition("/")
        if kind != "input":
            width = given.type.tensor_type.shape.dim[1].dim_value
            dtype = np.int64 if kind == "state" else np.uint8
            state[given.name] = np.zeros((batch, width), dtype)
            if kind == "state":
                state[given.name] += program.population(name).parameters().get("initial", 0)
    names = [output.name for output in model.graph.output]
    spikes: dict[str, list[np.ndarray]] = {p.name: [] for p in program.populations if p.spikes}
    for values in inputs:
        results = dict(zip(names, run(None, {"input": values, **state}), strict=True))
        state = {k.removeprefix("next_"): v for k, v in results.items() if k.startswith("next_")}
        for name in spikes:
            spikes[name].append(results[f"spikes/{name}"])
    return results["logits"], {name: np.array(rows) for name, rows in spikes.items()}


def test_programs_are_equal_to_the_reference() -> None:
    back_ends_agree(exported, examples=150)


def test_second_order_programs_are_equal_to_the_reference() -> None:
    back_ends_agree(exported, drawn=second_order_programs(), examples=60)


@pytest.mark.parametrize("evaluator", [on_onnxruntime, on_reference])
def test_steps_make_the_sequence(evaluator: Callable[[onnx.ModelProto], Run]) -> None:
    def check(data: st.DataObject) -> None:
        program = data.draw(st.one_of(programs(), second_order_programs()))
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        expected = reference.load(program).run(inputs, record=True)
        assert expected.spikes is not None
        model = exported(program).models[STEP]
        logits, spikes = streamed(program, model, evaluator(model), inputs)
        assert_array_equal(logits, expected.logits)
        for name, wanted in expected.spikes.items():
            assert_array_equal(spikes[name], wanted, name)

    holds(check, st.data(), examples=30)


def test_the_sequence_is_equal_in_onnx_reference() -> None:
    def check(data: st.DataObject) -> None:
        program = data.draw(st.one_of(programs(), second_order_programs()))
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        expected = reference.load(program).run(inputs, record=True)
        model = exported(program).models[SEQUENCE]
        *spikes, logits = on_reference(model)(None, {"input": inputs})
        assert expected.spikes is not None
        assert_array_equal(logits, expected.logits, strict=True)
        for found, wanted in zip(spikes, expected.spikes.values(), strict=True):
            assert_array_equal(found, wanted, strict=True)

    holds(check, st.data(), examples=30)


def every_node(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    nodes = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                nodes += every_node(attribute.g)
    return nodes


def test_standard_operators_on_whole_numbers() -> None:
    def check(program: Program) -> None:
        convolves = any(isinstance(p.map, Conv2d) for p in program.projections)
        for model in exported(program).models.values():
            onnx.checker.check_model(model, full_check=True)
            assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
            nodes = every_node(model.graph)
            assert {node.domain for node in nodes} == {""}
            floats = [n for n in nodes if n.op_type == "Cast" and n.attribute[0].i == 1]
            assert convolves or not floats
        scans = [n.op_type for n in nodes].count("Scan")
        assert scans == (0 if exporter.memoryless(program) else 1)

    holds(check, st.one_of(programs(), programs(kinds=("threshold",))), examples=40)


def test_a_changed_initializer_changes_digest_and_result() -> None:
    directory = Path(tempfile.mkdtemp())
    assert ultralif("quantize", DEMO, "--data", "digits", "-o", directory).code == 0
    program = read_nir(directory / "program.nir")
    write_onnx(program, directory / "onnx")
    inputs = np.ones((program.timesteps, 1, program.input.size), dtype=np.uint8)
    before = onnx_runner.load(program, directory / "onnx")
    assert weights_digest(before.executed()) == weights_digest(executed_arrays(program))
    for name in (SEQUENCE, STEP):
        path = directory / "onnx" / name
        original = path.read_bytes()
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            if tensor.name == f"weight/{program.projections[-1].name}":
                weight = numpy_helper.to_array(tensor) + np.int8(1)
                tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
        onnx.save(model, path)
        changed = onnx_runner.load(program, directory / "onnx")
        assert weights_digest(changed.executed()) != weights_digest(executed_arrays(program))
        same = np.array_equal(changed.run(inputs).logits, before.run(inputs).logits)
        assert same == (name == STEP)
        path.write_bytes(original)
    (directory / "onnx" / SEQUENCE).write_bytes(b"\x08")
    with pytest.raises(UltralifError, match="onnxruntime cannot load it"):
        onnx_runner.load(program, directory / "onnx")


NEURONS = "ultralif_deploy.exporters.onnx.neurons"
PLANTED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "inclusive threshold": (
        'p.current + p.bias > p.parameters["threshold"]',
        'p.current + p.bias > p.parameters["threshold"] '
        "+ p.bias.graph.number(-1).cast(TensorProto.INT32)",
        ("threshold",),
    ),
    "leak rounds down": (
        "kept = (abs(v) * (-rate + one)).whole_part(one)\nreturn (v > -1).then(kept, -kept)",
        "return (v * (-rate + one)).floor(one)",
        ("lif",),
    ),
    "wide decays taken for 12 bits": (
        "1 << p.neuron.widths.decay_bits",
        "1 << 12",
        ("lif", "cubalif"),
    ),
    "unsaturated": ("w.clip(top)", "w", ("lif",)),
    "spikes counted up to the threshold": ("above + reset - 1", "above", ("lif",)),
    "spikes without limit": (
        "(above + reset - 1).whole_part(reset).least(p.neuron.largest_sent)",
        "(above + reset - 1).whole_part(reset)",
        ("lif", "cubalif"),
    ),
    "floor forgotten": ('after.most(p["floor"])', "after", ("lif", "cubalif")),
    "units of 64": (
        "w = leak(p) + p.drive(1 << p.neuron.widths.fraction_bits)",
        "w = leak(p) + p.drive()",
        ("lif",),
    ),
    "ring turns back": (
        "ring.rolled(-stride, p.size)",
        "ring.rolled(stride, p.size)",
        ("released",),
    ),
    "no half": ("product + self.half", "product", SPIKING),
    "floor truncates": (
        "(product + self.half).floor(self.one)",
        "(product + self.half).whole_part(self.one)",
        SPIKING,
    ),
    "table runs on": ("(gap > entries - 1).then(0, entry)", "entry", ("logmax",)),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_are_found(bug: str) -> None:
    old, new, kinds = PLANTED[bug]
    changed = copy_of(NEURONS, (old, new))
    writer = copy_of(
        "ultralif_deploy.exporters.onnx.writer", update=changed.update, Update=changed.Update
    )
    readouts = ("leaky_sum",) if kinds == SPIKING else ("integrator",)
    drawn = programs(kinds=kinds, readouts=readouts)
    with pytest.raises(AssertionError):
        back_ends_agree(
            lambda program: exported(program, writer.write_onnx),
            drawn=drawn,
            examples=200,
            planted=True,
        )
