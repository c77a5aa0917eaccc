"""Runners of exported files: C, ONNX, Lava and netx."""
