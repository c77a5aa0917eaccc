"""Exact integer products of rows with matrices and kernels, by the fastest safe library.

onnxruntime's MatMulInteger uses the 8-bit matrix units of the processor. On processors without
them, its kernels add pairs of u8·s8 products in 16 saturating bits. It is therefore used only for
inputs of at most 127, for which a pair always fits (2·127·128 < 2^15). All other products use
floating point. They are exact because every partial sum is an integer below 2^24 (float32) or 2^53
(float64). Convolutions are float32 in onnxruntime under the same condition.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ultralif_deploy.program.exact_ranges import FLOAT32_EXACT, PAIR_EXACT_INPUT
from ultralif_deploy.program.graph import Conv2d

Product = Callable[[np.ndarray], np.ndarray]
"""Rows uint8 [row, source] to int32 [row, target]."""


def integer_product(weight: np.ndarray, largest_input: int) -> Product:
    """The product with a fixed int8 weight [source, target], for inputs of 0 to `largest_input`.

    The caller guarantees that every result fits 32 bits (a Program proves it).
    """
    if largest_input <= PAIR_EXACT_INPUT:
        try:
            return _on_onnxruntime(weight)
        except ImportError:
            pass
    return _on_blas(weight, largest_input)


def _on_blas(weight: np.ndarray, largest_input: int) -> Product:
    bound = int(np.abs(weight.astype(np.int64)).sum(axis=0).max(initial=0)) * largest_input
    matrix = weight.astype(np.float32 if bound < FLOAT32_EXACT else np.float64)
    return lambda rows: (rows.astype(matrix.dtype) @ matrix).astype(np.int32)


def _on_onnxruntime(weight: np.ndarray) -> Product:
    from onnx import TensorProto, helper

    run = session(
        [helper.make_node("MatMulInteger", ["rows", "weight"], ["product"])],
        "rows",
        [None, len(weight)],
        {"product": (TensorProto.INT32, 2)},
        {"weight": np.ascontiguousarray(weight, dtype=np.int8)},
    ).run
    return lambda rows: run(None, {"rows": rows})[0]


class FloatConvolution:
    """A convolution of rows uint8 [row, source] to int32 [row, target] in float32.

    Args:
        linear: convolution whose sums float32 holds (`convolves_exactly`).

    Raises:
        ImportError: onnxruntime or onnx is not installed.
    """

    def __init__(self, linear: Conv2d) -> None:
        from onnx import TensorProto, helper

        nodes, constants = convolution_nodes(linear, "values", "kernel", "found")
        self.kernel = constants["kernel"]
        self.run = session(
            [
                helper.make_node("Cast", ["rows"], ["values"], to=TensorProto.FLOAT),
                *nodes,
                helper.make_node("Cast", ["found"], ["whole"], to=TensorProto.INT32),
                helper.make_node("Reshape", ["whole", "flat"], ["product"]),
            ],
            "rows",
            [None, linear.source_size],
            {"product": (TensorProto.INT32, 2)},
            {**constants, "flat": np.array([-1, linear.target_size])},
        ).run

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """The current that each row gives."""
        found: np.ndarray = self.run(None, {"rows": rows})[0]
        return found

    def weights(self) -> np.ndarray:
        """Weights int8 of the convolution, as given to the session."""
        return self.kernel.astype(np.int8)


def convolves_exactly(linear: Conv2d, largest_input: int) -> bool:
    """Whether float32 holds every partial sum of a convolution of 0 to `largest_input`."""
    sums = np.abs(linear.weight.astype(np.int64)).sum(axis=(1, 2, 3))
    return int(sums.max(initial=0)) * largest_input < FLOAT32_EXACT


def convolution_nodes(
    linear: Conv2d, source: str, kernel: str, target: str
) -> tuple[list[Any], dict[str, np.ndarray]]:
    """ONNX nodes of a convolution in float32, and the constants that they need.

    Args:
        linear: convolution.
        source: name of its input, float32 [row, source] or [time, batch, source].
        kernel: name of its weights.
        target: name of its output, float32 [row, channel, height, width].
    """
    from onnx import helper

    shape, image = f"shape of {source} for {kernel}", f"image of {source} for {kernel}"
    nodes = [
        helper.make_node("Reshape", [source, shape], [image]),
        helper.make_node(
            "Conv",
            [image, kernel],
            [target],
            kernel_shape=linear.kernel,
            strides=linear.stride,
            pads=[*linear.padding, *linear.padding],
            dilations=linear.dilation,
            group=linear.groups,
        ),
    ]
    constants = {
        kernel: linear.weight.astype(np.float32),
        shape: np.array([-1, *linear.input_shape]),
    }
    return nodes, constants


def session(
    nodes: list[Any],
    source: str,
    shape: list[int | None],
    outputs: Mapping[str, tuple[int, int]],
    constants: dict[str, np.ndarray],
) -> Any:
    """An onnxruntime session with one thread, because parts of a batch run in parallel already.

    Args:
        nodes: ONNX nodes.
        source: name of the only input, uint8.
        shape: its shape, with None for an axis of any length.
        outputs: (element type, number of axes) by name.
        constants: arrays by name.

    Raises:
        ImportError: onnxruntime or onnx is not installed.
    """
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    describe = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        source,
        [describe(source, TensorProto.UINT8, shape)],
        [describe(name, kind, [None] * count) for name, (kind, count) in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
