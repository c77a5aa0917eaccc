"""Formats of stored weights: how many bits, and the integers that they hold."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import UltralifError

TERNARY = "ternary"


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """The range of the stored integers q.

    Attributes:
        name: `8`, …, `2` or `ternary`, as on the command line.
        low: smallest q.
        high: largest q.
    """

    name: str
    low: int
    high: int

    @property
    def bits(self) -> float:
        """Information in one weight: its bits, or log2(3) for ternary."""
        return float(np.log2(3)) if self.name == TERNARY else float(int(self.name))

    @property
    def stored_bits(self) -> int:
        """Bits of one weight in memory, two's complement: 2 for ternary."""
        return int(np.ceil(self.bits))


def weight_format(bits: int | str) -> WeightFormat:
    """Format for 2 to 8 bits (two's complement, full range) or `ternary` (−1, 0, 1).

    Raises:
        UltralifError: for anything else.
    """
    name = str(bits).strip().lower()
    if name == TERNARY:
        return WeightFormat(name, -1, 1)
    if name not in {"2", "3", "4", "5", "6", "7", "8"}:
        raise UltralifError(f"bits = {bits}; expected 2 to 8 or ternary")
    half = 1 << (int(name) - 1)
    return WeightFormat(name, -half, half - 1)
