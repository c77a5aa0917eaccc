"""Exact integer matrix products [row, source] × [source, target], by the fastest safe library.

onnxruntime's MatMulInteger uses the 8-bit matrix units of the processor. On processors without
them, its kernels add pairs of u8·s8 products in 16 saturating bits. It is therefore used only for
inputs of at most 127, for which a pair always fits (2·127·128 < 2^15). All other products use
floating point. They are exact because every partial sum is an integer below 2^24 (float32) or 2^53
(float64).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ultralif_deploy.program.exact_ranges import FLOAT32_EXACT, PAIR_EXACT_INPUT

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
