"""Names of the files that exporters write and runners execute: all that the two share."""

ONNX_STEP, ONNX_SEQUENCE = "step.onnx", "sequence.onnx"
"""One timestep, and all of them."""

QONNX_MODEL = "timestep.onnx"
"""One timestep, in the operators of QONNX."""

C_PREFIX = "ultralif"
"""Begins the names of exported C, unless the user chooses another prefix."""


def c_source(prefix: str) -> str:
    """The source file; it declares every array as `extern PREFIX_CONST TYPE prefix_NAME[…]`."""
    return f"{prefix}_program.c"


def c_library(prefix: str) -> str:
    """The folder of a library; build systems call the library by this name."""
    return f"{prefix}_program"


C_SOURCE = c_source(C_PREFIX)
"""The file that back ends compile."""

LAVA_RUN, LAVA_NETWORK = "run.py", "network.json"
"""What a Python with Lava runs, and what it says of every population."""

VERILOG_CORE, VERILOG_TESTBENCH, VERILOG_LAYOUT = "ultralif_core.v", "testbench.v", "layout.json"
"""The network with taps, what drives it, and where its neurons, weights and parameters lie."""

VERILOG_SERIAL = "ultralif_serial"
"""The module that needs the fewest pins."""
