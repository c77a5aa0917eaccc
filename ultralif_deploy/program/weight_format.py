"""Formats of stored weights: how many bits, and the integers that they hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import UltralifError

TERNARY = "ternary"

Bits = int | str | Mapping[str, int | str]
"""What users choose: 2 to 8 or `ternary` for all populations, or one for each by name."""


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


def formats_of(bits: Bits, names: Iterable[str]) -> dict[str, WeightFormat]:
    """Format of the weights into each population.

    Args:
        bits: one format for all, or one for each population by name.
        names: names of the populations that weights lead to.

    Raises:
        UltralifError: a population without a format, a format without its population, or a format
            that does not exist.
    """
    names = tuple(names)
    if not isinstance(bits, Mapping):
        return dict.fromkeys(names, weight_format(bits))
    for name in bits:
        if name not in names:
            raise UltralifError(f"bits of {name!r}; expected populations {', '.join(names)}")
    for name in names:
        if name not in bits:
            raise UltralifError(f"no bits for {name!r}; expected 2 to 8 or ternary")
    return {name: weight_format(bits[name]) for name in names}


def named(formats: Mapping[str, WeightFormat]) -> str | dict[str, str]:
    """Name of the format of all populations, or the name of each where they differ."""
    names = {name: numbers.name for name, numbers in formats.items()}
    different = set(names.values())
    return different.pop() if len(different) == 1 else names
