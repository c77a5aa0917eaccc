"""One timestep of a threshold program as QONNX, the input of FINN.

Threshold units keep no memory, so one graph of one timestep is the whole network. A target's
current is a sum of MatMul and Conv, the bias is an Add, and MultiThreshold counts the thresholds
that are reached. It compares with ≥ where the program compares with >, so it holds threshold + 1.
All values are whole numbers in float32, and every tensor is annotated with its integer type. The
logits of the timesteps are added up outside.

Source: QONNX ("QONNX: Representing Arbitrary-Precision Quantized Neural Networks", arXiv
2206.07527), package qonnx 1.0, domain qonnx.custom_op.general.
"""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import GraphProto, StringStringEntryProto, TensorAnnotation, TensorProto, checker, helper
from onnx.numpy_helper import from_array

from ultralif_deploy.errors import Refused
from ultralif_deploy.io.artefacts import QONNX_MODEL
from ultralif_deploy.io.files import directory_written_whole
from ultralif_deploy.program.exact_ranges import FLOAT32_EXACT
from ultralif_deploy.program.graph import INPUT, Conv2d, Dense, Identity, Projection
from ultralif_deploy.program.neurons import Integrator, MultiThreshold, Threshold, entry_for
from ultralif_deploy.program.program import Population, Program

OPSET, IR_VERSION = 13, 8
"""Of the operators, and of the file."""

DOMAIN = "qonnx.custom_op.general"
LOGITS = "logits"

THRESHOLDS: dict[type, str] = {Threshold: "threshold", MultiThreshold: "thresholds"}
"""Parameter that holds the thresholds of a neuron model."""


def write_qonnx(program: Program, directory: Path) -> tuple[Path, ...]:
    """Write the graph of one timestep, for one sample.

    Input: `input` float32 [1, input], whole numbers of 0 to the input's maximum. Output: `logits`
    float32 [1, class], what this timestep adds. `spikes/POPULATION` float32 [1, neuron] are the
    spikes of every population. Initializers are `weight/PROJECTION` [source, target] or the
    convolution's kernels, `bias/POPULATION` [neuron], and `threshold/POPULATION` [neuron, level],
    which is one more than the program's.

    Raises:
        Refused: a neuron model with memory, a delayed projection, or values beyond the whole
            numbers that float32 holds exactly.
        UltralifError: nothing can be written there.
    """
    _check(program)
    graph = _Graph()
    graph.value(INPUT, program.input.size, 0, program.input.maximum)
    for population in program.populations:
        _add_population(graph, program, population)
    proto = GraphProto(name="timestep")
    proto.node.extend(graph.nodes)
    proto.initializer.extend(graph.constants)
    proto.input.append(graph.values.pop(INPUT))
    proto.output.append(graph.values.pop(LOGITS))
    proto.value_info.extend(graph.values.values())
    proto.quantization_annotation.extend(graph.annotations)
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        ir_version=IR_VERSION,
        producer_name="ultralif-deploy",
    )
    checker.check_model(model)
    with directory_written_whole(directory) as temporary:
        (temporary / QONNX_MODEL).write_bytes(model.SerializeToString(deterministic=True))
    return (directory / QONNX_MODEL,)


def integer_type(low: int, high: int) -> str:
    """Name of the narrowest type of QONNX that holds the whole numbers from low to high."""
    if low >= 0:
        return "BINARY" if high <= 1 else f"UINT{high.bit_length()}"
    return f"INT{max(1, high.bit_length(), (-low - 1).bit_length()) + 1}"


class _Graph:
    """Nodes, constants, and values with their integer types."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[TensorProto] = []
        self.values: dict[str, Any] = {}
        self.annotations: list[TensorAnnotation] = []

    def value(self, name: str, size: int | tuple[int, ...], low: int, high: int) -> str:
        """A value for one sample.

        Args:
            name: its name, which is returned.
            size: number of neurons, or the shape of an image.
            low: smallest whole number that it holds.
            high: largest.
        """
        shape = (1, size) if isinstance(size, int) else (1, *size)
        self.values[name] = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        self._annotate(name, integer_type(low, high))
        return name

    def constant(self, name: str, array: np.ndarray, kind: str | None = None) -> str:
        """A constant of whole numbers.

        Args:
            name: its name, which is returned.
            array: the numbers.
            kind: integer type of QONNX; None is the narrowest.
        """
        self.constants.append(from_array(np.ascontiguousarray(array, dtype=np.float32), name))
        low, high = int(array.min(initial=0)), int(array.max(initial=0))
        self._annotate(name, kind or integer_type(low, high))
        return name

    def shape(self, name: str, shape: tuple[int, ...]) -> str:
        """A constant that gives a shape."""
        self.constants.append(from_array(np.array(shape, dtype=np.int64), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node whose name is that of its output.

        Args:
            kind: operator.
            inputs: names of its inputs.
            output: name of its output, which is returned.
            **attributes: of the operator, and its domain.
        """
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _annotate(self, name: str, kind: str) -> None:
        entry = StringStringEntryProto(key="finn_datatype", value=kind)
        self.annotations.append(
            TensorAnnotation(tensor_name=name, quant_parameter_tensor_names=[entry])
        )


def _check(program: Program) -> None:
    models: dict[type, str] = THRESHOLDS | {Integrator: ""}
    for p in program.populations:
        entry_for(models, p.neuron, p.name, "qonnx")
        if program.current_bounds[p.name] >= FLOAT32_EXACT:
            raise Refused(
                f"qonnx: {p.name}: its current reaches {program.current_bounds[p.name]}; float32 "
                f"holds whole numbers below {FLOAT32_EXACT}; use fewer bits, or another back end"
            )
        if type(p.neuron) in THRESHOLDS:
            most = int(np.abs(_thresholds(p).astype(np.int64) + 1).max(initial=0))
            if most >= FLOAT32_EXACT:
                raise Refused(
                    f"qonnx: {p.name}: a threshold of {most}; float32 holds whole numbers below "
                    f"{FLOAT32_EXACT}; quantize with remove-constant, or use another back end"
                )
    if program.delayed:
        raise Refused(
            f"qonnx: {min(program.delayed)}: acts one timestep later, and QONNX keeps no memory; "
            "use another back end"
        )


def _thresholds(population: Population) -> np.ndarray:
    """int32 [neuron, level]."""
    found = population.parameters()[THRESHOLDS[type(population.neuron)]]
    return found.reshape(-1, population.size).T


def _add_population(graph: _Graph, program: Program, population: Population) -> None:
    name, size, bound = population.name, population.size, program.current_bounds[population.name]
    terms = [_add_projection(graph, program, p) for p in program.incoming(name)]
    terms.append(graph.constant(f"bias/{name}", population.bias))
    current = terms[0]
    for i, term in enumerate(terms[1:], 1):
        last = i == len(terms) - 1
        total = LOGITS if last and not population.spikes else f"current/{name}/{i}"
        current = graph.node("Add", [current, term], graph.value(total, size, -bound, bound))
    if population.spikes:
        levels = _thresholds(population) + np.int64(1)
        sent = graph.value(f"spikes/{name}", size, 0, population.largest_sent)
        graph.node(
            "MultiThreshold",
            [current, graph.constant(f"threshold/{name}", levels)],
            sent,
            domain=DOMAIN,
            out_dtype=integer_type(0, population.largest_sent),
        )


def _add_projection(graph: _Graph, program: Program, p: Projection) -> str:
    """The current of one projection; a convolution stands between two reshapes."""
    source = INPUT if p.source == INPUT else f"spikes/{p.source}"
    linear, name, bound = p.map, f"current/{p.name}", program.current_bounds[p.target]
    if isinstance(linear, Identity):
        return source
    if isinstance(linear, Dense):
        weight = _add_weight(graph, program, p, linear.weight.T)
        value = graph.value(name, linear.target_size, -bound, bound)
        return graph.node("MatMul", [source, weight], value)
    assert isinstance(linear, Conv2d)
    image = graph.node(
        "Reshape",
        [source, graph.shape(f"image shape/{p.name}", (1, *linear.input_shape))],
        graph.value(f"image/{p.name}", linear.input_shape, 0, program.largest_sent(p.source)),
    )
    made = graph.node(
        "Conv",
        [image, _add_weight(graph, program, p, linear.weight)],
        graph.value(f"{name}/image", linear.output_shape, -bound, bound),
        strides=linear.stride,
        pads=(*linear.padding, *linear.padding),
        dilations=linear.dilation,
        group=linear.groups,
        kernel_shape=linear.weight.shape[2:],
    )
    row = graph.shape(f"row shape/{p.name}", (1, linear.target_size))
    return graph.node("Reshape", [made, row], graph.value(name, linear.target_size, -bound, bound))


def _add_weight(graph: _Graph, program: Program, p: Projection, weight: np.ndarray) -> str:
    ternary = program.formats[p.target].name == "ternary"
    return graph.constant(f"weight/{p.name}", weight, "TERNARY" if ternary else None)
