"""Reads the ONNX file of a backbone, and refuses what a backbone does not need.

The file is untrusted. onnxruntime gets it as bytes, so that it opens no other file; the operators
below run no subgraphs, no functions of the file and no code of others.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import onnx
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.io.memory import check_contents
from ultralif_deploy.io.printable import first_line

OPERATORS = frozenset(
    (
        *("Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Neg", "Abs", "Exp"),
        *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Clip", "Sigmoid", "HardSigmoid"),
        *("HardSwish", "Tanh", "Gelu", "Erf", "Softmax", "Softplus", "Mish", "Min", "Max"),
        *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"),
        *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2"),
        *("BatchNormalization", "InstanceNormalization", "LayerNormalization", "LRN"),
        *("Flatten", "Reshape", "Transpose", "Concat", "Split", "Slice", "Squeeze", "Unsqueeze"),
        *("Gather", "Shape", "Cast", "Pad", "Identity", "Dropout", "Constant", "Expand"),
    )
)
"""Operators of feed-forward networks; each one's work is bounded by the shapes of its values."""

MOST_BYTES = (1 << 31) - 1
"""Largest model that one message of protobuf holds."""

SYMBOLIC = 0
"""Stands for a dimension that the file leaves open."""


@dataclass(frozen=True, slots=True)
class Model:
    """A checked ONNX model with one input and one output.

    Attributes:
        name: name of the file, or of what it was made of.
        content: the model with its weights, as ONNX.
        sha256: SHA-256 of `content`.
        parameters: number of stored float values.
        input_name: name of its input.
        input_shape: [sample, …]; 0 where the file leaves a dimension open.
    """

    name: str
    content: bytes = field(repr=False)
    sha256: str
    parameters: int
    input_name: str
    input_shape: tuple[int, ...]


def read_model(path: str | Path) -> Model:
    """Read and check an ONNX file; weights in files beside it become part of the content.

    Raises:
        UltralifError: the file is missing, damaged or too large, or is no backbone.
    """
    path = readable_file(path)
    check_contents(str(path), path.stat().st_size)
    try:
        proto = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf raises several kinds
        raise UltralifError(f"{path}: not a readable ONNX file ({first_line(error)})") from error
    _load_external(path, proto)
    return checked_model(path.name, proto)


def checked_model(name: str, proto: onnx.ModelProto) -> Model:
    """A model that holds its weights, checked.

    Args:
        name: name for errors and the report.
        proto: the model.

    Raises:
        UltralifError: an operator, an input or an output that a backbone does not have.
    """
    graph = proto.graph
    if proto.functions:
        raise UltralifError(f"{name}: holds functions of its own; expected plain operators")
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            kind = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            raise UltralifError(
                f"{name}: operator {kind}; a backbone may hold {', '.join(sorted(OPERATORS))}"
            )
    try:
        onnx.checker.check_model(proto)
    except Exception as error:  # onnx raises several kinds
        raise UltralifError(f"{name}: not a sound ONNX model ({first_line(error)})") from error
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise UltralifError(
            f"{name}: {len(inputs)} inputs and {len(graph.output)} outputs; expected one input, "
            "the images, and one output, the features"
        )
    kind = inputs[0].type.tensor_type
    if kind.elem_type != onnx.TensorProto.FLOAT:
        raise UltralifError(f"{name}: its input {inputs[0].name} is not float32")
    shape = tuple(max(one.dim_value, SYMBOLIC) for one in kind.shape.dim)
    if len(shape) < 2:
        raise UltralifError(f"{name}: its input has shape {shape}; expected [sample, …]")
    content = proto.SerializeToString()
    digest = hashlib.sha256(content).hexdigest()
    return Model(name, content, digest, _parameters(graph), inputs[0].name, shape)


def _parameters(graph: onnx.GraphProto) -> int:
    """Number of float values that a graph stores."""
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
    return sum(math.prod(t.dims) for t in _tensors(graph) if t.data_type in floats)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """All tensors that a graph stores."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _load_external(path: Path, proto: onnx.ModelProto) -> None:
    """Take in weights that lie in files beside the model, and nowhere else.

    Raises:
        UltralifError: a file elsewhere or none, or more than memory is allowed for.
    """
    folder, sizes = path.parent.resolve(), {}
    for tensor in filter(uses_external_data, _tensors(proto.graph)):
        location = ExternalDataInfo(tensor).location
        beside = (folder / location).resolve()
        if not beside.is_relative_to(folder):
            raise UltralifError(
                f"{path}: keeps weights in {location}; expected a file in the folder of the model"
            )
        sizes[beside] = readable_file(beside).stat().st_size
    if not sizes:
        return
    every = path.stat().st_size + sum(sizes.values())
    check_contents(f"{path} with its weights", every)
    if every > MOST_BYTES:
        raise UltralifError(f"{path}: {every:,} bytes with its weights; at most {MOST_BYTES:,}")
    try:
        onnx.load_external_data_for_model(proto, str(folder))
    except Exception as error:  # onnx raises several kinds
        raise UltralifError(f"{path}: its weights cannot be read ({first_line(error)})") from error
