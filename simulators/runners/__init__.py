"""Running exported forms: C, ONNX, Lava and netx."""
