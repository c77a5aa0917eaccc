"""QONNX: threshold programs for FINN, hls4ml and their kin."""
