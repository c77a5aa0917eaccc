"""Converts an exported QONNX file to hardware layers with FINN, and compares their spikes.

    python -m venv finn-env && finn-env/bin/pip install finn-plus==1.6.1
    ultralif deploy mine.pt --data digits --on reference,qonnx -o out
    finn-env/bin/python examples/finn_check.py out

Runs in an environment of FINN alone, which takes 6 GB, and needs nothing else of this project. FINN
moves biases into thresholds, lowers convolutions, infers its layers, and chooses HLS or RTL for
each. Its own Python models of the layers then run the golden inputs of the certificate. Vivado is
not called, so no bitstream is made.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PART = "xc7z020clg400-1"
"""FPGA for which FINN chooses between HLS and RTL; a Zynq."""


def converted(path: Path) -> Any:
    """The graph as FINN's hardware layers."""
    from finn.transformation.fpgadataflow.convert_to_hw import (
        conv_inp_gen,
        elementwise_binary_operation,
        quantized_matrix_vector_activation,
        thresholding,
    )
    from finn.transformation.streamline.absorb import AbsorbAddIntoMultiThreshold
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.general import GiveUniqueNodeNames
    from qonnx.transformation.infer_datatypes import InferDataTypes
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

    model = ModelWrapper(str(path))
    steps: tuple[Callable[[], Any], ...] = (
        InferShapes,
        InferDataTypes,
        AbsorbAddIntoMultiThreshold,
        LowerConvsToMatMul,
        InferShapes,
        InferDataTypes,
        conv_inp_gen.InferConvInpGen,
        quantized_matrix_vector_activation.InferQuantizedMatrixVectorActivation,
        thresholding.InferThresholdingLayer,
        elementwise_binary_operation.InferElementwiseBinaryOperation,
        GiveUniqueNodeNames,
    )
    for step in steps:
        model = model.transform(step())
    return model


def differences(model: Any, golden: dict[str, np.ndarray], samples: int) -> tuple[int, ...]:
    """Spikes that differ, spikes compared, logits that differ, logits compared."""
    from qonnx.core.onnx_exec import execute_onnx

    inputs, expected = golden["inputs"][:, :samples], golden["logits"][:samples]
    spikes = {name: v[:, :samples] for name, v in golden.items() if name.startswith("spikes.")}
    logits, differ = np.zeros_like(expected), 0
    for t, timestep in enumerate(inputs):
        for i, one in enumerate(timestep):
            given = {model.graph.input[0].name: one[None].astype(np.float32)}
            found = execute_onnx(model, given, return_full_exec_context=True)
            logits[i] += found[model.graph.output[0].name][0].astype(expected.dtype)
            for name, wanted in spikes.items():
                differ += int((found[name.replace(".", "/", 1)][0] != wanted[t, i]).sum())
    compared = sum(wanted.size for wanted in spikes.values())
    return differ, compared, int((logits != expected).sum()), logits.size


def main() -> None:
    """Convert, compare, and print the layers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "directory", type=Path, help="what deploy wrote, with vectors.npz and qonnx/"
    )
    parser.add_argument("--samples", type=int, default=20)
    options = parser.parse_args()
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers

    model = converted(options.directory / "qonnx" / "timestep.onnx")
    with np.load(options.directory / "vectors.npz") as vectors:
        found = differences(model, dict(vectors), options.samples)
    special = model.transform(SpecializeLayers(PART))
    print("layers: " + ", ".join(node.op_type for node in special.graph.node))
    print("{} of {} spikes and {} of {} logits differ".format(*found))
    sys.exit(1 if found[0] or found[2] else 0)


if __name__ == "__main__":
    main()
