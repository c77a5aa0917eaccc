"""Runners of exported files: C, ONNX, Lava, netx and Verilog."""
