"""Runs a backbone in onnxruntime, a few samples at a time, and counts what a sample takes."""

import math
from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime

from ultralif_deploy.data.backbone.model_file import Model
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.memory import check_memory
from ultralif_deploy.io.printable import first_line

BATCH = 16
"""Samples at once where the file leaves it open. The last samples are filled up to so many, so that
a sample's features do not depend on how many others there are."""


class Runner:
    """A backbone ready to run samples of one shape.

    Attributes:
        features: number of features of a sample.
        multiply_accumulates: of convolutions and matrix products, for one sample.
    """

    def __init__(self, model: Model, sample_shape: tuple[int, ...]) -> None:
        self.model = model
        self.batch = model.input_shape[0] or BATCH
        shape = (self.batch, *sample_shape)
        proto = onnx.load_from_string(model.content)
        sizes = _shapes(model.name, proto, shape)
        needed = sum(8 * math.prod(size) for size in sizes.values())
        what = f"{model.name}: values of {self.batch} samples of shape {sample_shape}"
        check_memory(what, needed, "give smaller images")
        found = sizes[proto.graph.output[0].name]
        if len(found) < 2 or found[0] != self.batch:
            raise UltralifError(
                f"{model.name}: its output has shape {found} for {self.batch} samples; expected "
                "[sample, feature]"
            )
        self.features = math.prod(found[1:])
        self.multiply_accumulates = sum(_products(proto.graph, sizes)) // self.batch
        self.session = _session(model.name, proto)

    def run(self, x: np.ndarray) -> np.ndarray:
        """Features float32 [sample, feature] of samples float32 [sample, …]."""
        made = [self._run_batch(x[i : i + self.batch]) for i in range(0, len(x), self.batch)]
        return np.concatenate(made)

    def _run_batch(self, x: np.ndarray) -> np.ndarray:
        full = np.zeros((self.batch, *x.shape[1:]), np.float32)
        full[: len(x)] = x
        try:
            (found,) = self.session.run(None, {self.model.input_name: full})
        except Exception as error:  # onnxruntime raises its own kinds
            raise UltralifError(
                f"{self.model.name}: onnxruntime fails ({first_line(error)})"
            ) from error
        if found.dtype != np.float32:
            raise UltralifError(f"{self.model.name}: features of {found.dtype}; expected float32")
        features: np.ndarray = found.reshape(self.batch, -1)[: len(x)]
        if not np.isfinite(features).all():
            raise UltralifError(f"{self.model.name}: gives features that are NaN or infinite")
        return features


def _shapes(
    name: str, proto: onnx.ModelProto, shape: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    """The shape of every value of a graph; what the file itself claims about them is dropped.

    Args:
        name: name of the model, for errors.
        proto: the model; its input gets the shape.
        shape: shape of the input.

    Raises:
        UltralifError: a shape that does not follow from the input's, or layers that do not fit.
    """
    graph = proto.graph
    stored = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    (given,) = (value for value in graph.input if value.name not in stored)
    for place, size in zip(given.type.tensor_type.shape.dim, shape, strict=True):
        place.dim_value = size
    del graph.value_info[:]
    graph.output[0].type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True).graph
    except Exception as error:  # onnx raises several kinds
        raise UltralifError(
            f"{name}: does not take samples of shape {shape[1:]} ({first_line(error)})"
        ) from error
    known = dict(stored)
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        places = value.type.tensor_type.shape.dim
        if all(place.HasField("dim_value") for place in places):
            known[value.name] = tuple(place.dim_value for place in places)
    for output in (output for node in graph.node for output in node.output if output):
        if output not in known:
            raise UltralifError(
                f"{name}: the shape of {output} does not follow from that of the images; export "
                "the model for one size of images"
            )
    return known


def _products(graph: onnx.GraphProto, sizes: dict[str, tuple[int, ...]]) -> Iterator[int]:
    """Multiply-accumulates of each convolution and matrix product of a graph."""
    for node in graph.node:
        if node.op_type == "Conv":
            yield math.prod(sizes[node.output[0]]) * math.prod(sizes[node.input[1]][1:])
        elif node.op_type in ("Gemm", "MatMul"):
            turned = any(a.name == "transA" and a.i for a in node.attribute)
            yield math.prod(sizes[node.output[0]]) * sizes[node.input[0]][0 if turned else -1]


def _session(name: str, proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises its own kinds
        raise UltralifError(f"{name}: onnxruntime cannot load it ({first_line(error)})") from error
