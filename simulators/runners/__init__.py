"""Runners of exported files: C, ONNX, QONNX, Lava, netx and Verilog."""
