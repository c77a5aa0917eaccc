"""Words of memories as text that `$readmemh` reads."""

from collections.abc import Sequence

import numpy as np


def words(*fields: tuple[np.ndarray, int]) -> str:
    """One word in hexadecimal on each line.

    Args:
        fields: values int64 [word, …] and their bits; the first lies in the lowest bits, and of
            its values the first. Negative ones are in two's complement.
    """
    parts = []
    for values, bits in fields:
        rows = values.reshape(len(values), -1).astype(np.int64)
        digits = (rows[..., None] >> np.arange(bits, dtype=np.int64)) & 1
        parts.append(digits.reshape(len(rows), -1).astype(np.uint8))
    binary = np.concatenate(parts, axis=1)
    digits = -(-binary.shape[1] // 4)
    packed = np.packbits(binary, axis=1, bitorder="little")[:, ::-1]
    text = np.ascontiguousarray(packed).tobytes().hex()
    wide = 2 * packed.shape[1]
    return "\n".join(text[i + wide - digits : i + wide] for i in range(0, len(text), wide)) + "\n"


def pattern(values: Sequence[int], bits: int) -> str:
    """One word in hexadecimal, the first value in the lowest bits."""
    return words((np.array([values]), bits)).strip()
