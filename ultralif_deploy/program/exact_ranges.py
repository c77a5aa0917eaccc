"""Ranges within which the arithmetic of numerical libraries is exact on integers."""

FLOAT32_EXACT = 1 << 24
"""Integer sums whose terms add up to less than this in magnitude are exact in float32."""

PAIR_EXACT_INPUT = 127
"""Largest input for which a pair of u8·s8 products fits 16 bits: 2·127·128 < 2^15.

onnxruntime's kernels without 8-bit matrix units add such pairs with saturation.
"""
