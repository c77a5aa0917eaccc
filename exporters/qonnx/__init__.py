"""QONNX: threshold programs for FINN and its kin."""
