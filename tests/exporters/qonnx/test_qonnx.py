"""Exported QONNX: run by the qonnx package, equal to the reference, typed as qonnx infers."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument

from support.commands import DEMO, ultralif
from support.comparisons import back_ends_agree, holds
from support.hardware import smallest_program
from support.planting import copy_of
from support.requirements import requires
from support.strategies.programs import programs
from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.exporters.qonnx.writer import integer_type, write_qonnx
from ultralif_deploy.io.artefacts import QONNX_MODEL
from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program, executed_arrays
from ultralif_deploy.program.trace import Executable
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners import qonnx as runner

pytestmark = requires("qonnx")

Write = Callable[[Program, Path], object]

DRAWN = programs(kinds=("threshold", "multi"), readouts=("integrator",), delayed=False)
IMAGES = programs(
    kinds=("threshold",), readouts=("integrator",), delayed=False, chain=True, images=True
)


def exported(program: Program, write: Write = write_qonnx) -> runner.OnQonnx:
    with tempfile.TemporaryDirectory() as directory:
        write(program, Path(directory) / "qonnx")
        return runner.load(program, Path(directory) / "qonnx")


def compared(drawn: st.SearchStrategy[Program], examples: int, write: Write = write_qonnx) -> int:
    """How many drawn programs were not refused; these run exactly."""
    made = []

    def load(program: Program) -> Executable:
        try:
            executable = exported(program, write)
        except Refused:  # a threshold that float32 does not hold; there is nothing to compare
            return reference.load(program)
        made.append(program)
        found = executable.executed()
        for name, array in executed_arrays(program).items():
            assert_array_equal(found[name], array, name)
        return executable

    planted = write is not write_qonnx
    back_ends_agree(load, drawn=drawn, examples=examples, planted=planted)
    return len(made)


def test_programs_are_equal_to_the_reference() -> None:
    assert compared(DRAWN, 150) > 8


def test_convolutions_are_equal_to_the_reference() -> None:
    assert compared(IMAGES, 90) > 3


PLANTED = {
    "not more, but as much": ("_thresholds(population) + np.int64(1)", "_thresholds(population)"),
    "bias forgotten": (
        'graph.constant(f"bias/{name}", population.bias)',
        'graph.constant(f"bias/{name}", 0 * population.bias)',
    ),
    "padding forgotten": ("(*linear.padding, *linear.padding)", "(0, 0, 0, 0)"),
    "levels of another neuron": (
        "found.reshape(-1, population.size).T",
        "found.reshape(population.size, -1)",
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_are_found(bug: str) -> None:
    module = copy_of("ultralif_deploy.exporters.qonnx.writer", PLANTED[bug])
    # qonnx warns where values do not fit the types that were stated for the right graph.
    with pytest.raises((AssertionError, Fail, InvalidArgument, UserWarning, ValueError)):
        compared(IMAGES if "padding" in bug else DRAWN, 60, module.write_qonnx)


def test_types_are_those_that_qonnx_infers() -> None:
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_datatypes import InferDataTypes

    weights = Dense(np.array([[-1, 1], [1, 0], [0, 1]])), Dense(np.full((2, 3), -100))
    none, ones = np.zeros(3), np.ones(3)
    program = Program(
        Input(2, 255),
        (
            Population("hidden", 3, Threshold(np.array([3, -4, 0])), none, ones),
            Population("out", 2, Integrator(), none[:2], ones[:2]),
        ),
        (Projection("input", "hidden", weights[0]), Projection("hidden", "out", weights[1])),
        {"hidden": "ternary", "out": "8"},  # type: ignore[arg-type]
        *(2, 1),
    )
    model: ModelWrapper = exported(program).model
    types = {
        "input": "UINT8",
        "weight/input->hidden": "TERNARY",
        "weight/hidden->out": "INT8",
        "threshold/hidden": "INT4",
        "spikes/hidden": "BINARY",
        "logits": "INT10",
    }
    assert {name: model.get_tensor_datatype(name).name for name in types} == types
    model.set_tensor_datatype("spikes/hidden", model.get_tensor_datatype("input"))
    inferred = model.transform(InferDataTypes())
    assert inferred.get_tensor_datatype("spikes/hidden").name == "BINARY"
    onnx.checker.check_model(inferred.model)


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        *((0, 0, "BINARY"), (0, 1, "BINARY"), (0, 2, "UINT2"), (0, 255, "UINT8")),
        *((-1, 0, "INT2"), (-1, 1, "INT2"), (-8, 7, "INT4"), (-9, 7, "INT5"), (-8, 8, "INT5")),
    ],
)
def test_the_narrowest_type(low: int, high: int, kind: str) -> None:
    assert integer_type(low, high) == kind


def test_a_trained_network_is_certified(tmp_path: Path) -> None:
    made = ("deploy", DEMO, "--data", "digits", "--limit", 20, "--certify", 20)
    assert ultralif(*made, "--on", "reference,qonnx", "-o", tmp_path).code == 0
    assert ultralif("verify", "--certificate", tmp_path / "certificate.json").code == 0
    path = tmp_path / "qonnx" / QONNX_MODEL
    model = onnx.load(path)
    model.graph.initializer[0].raw_data = bytes(len(model.graph.initializer[0].raw_data))
    path.write_bytes(model.SerializeToString())
    changed = ultralif("verify", "--certificate", tmp_path / "certificate.json")
    assert changed.code == 1
    assert f"qonnx/{QONNX_MODEL}: changed" in changed.err


def test_refusals(tmp_path: Path) -> None:
    unit = Population("a", 1, Threshold(np.array([1 << 24])), np.zeros(1), np.ones(1))
    readout = Population("out", 1, Integrator(), np.zeros(1), np.ones(1))
    one = Dense(np.ones((1, 1), dtype=np.int8))
    far = Program(
        Input(1),
        (unit, readout),
        (Projection("input", "a", one), Projection("a", "out", one)),
        *("8", 1, 1),
    )
    with pytest.raises(Refused, match="qonnx: a: a threshold of 16777217; float32 holds whole"):
        write_qonnx(far, tmp_path / "far")
    late = Program(
        Input(1),
        (Population("a", 1, Threshold(np.array([1])), np.zeros(1), np.ones(1)), readout),
        (
            Projection("input", "a", one),
            Projection("a", "a", one),
            Projection("a", "out", one),
        ),
        *("8", 1, 1),
    )
    with pytest.raises(Refused, match="qonnx: a->a: acts one timestep later"):
        write_qonnx(late, tmp_path / "late")
    assert not (tmp_path / "far").exists()
    with pytest.raises(UltralifError, match="qonnx cannot load it"):
        runner.load(smallest_program(), tmp_path)


def test_neurons_with_a_membrane_are_refused(tmp_path: Path) -> None:
    def check(drawn: Program) -> None:
        with pytest.raises(Refused, match=r"qonnx: \w+: no (LIF|LeakyIntegrator) there; it has"):
            write_qonnx(drawn, tmp_path / "none")

    holds(check, programs(kinds=("lif",), readouts=("li",)), examples=5)
