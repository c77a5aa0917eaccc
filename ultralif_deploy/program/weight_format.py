"""Formats of stored weights: how many bits, and the integers that they hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.printable import shortened

T = TypeVar("T")

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
    given: dict[str, int | str] = of_each(bits, names, "bits", "2 to 8 or ternary")
    return {name: weight_format(one) for name, one in given.items()}


def of_each(given: T | Mapping[str, T], names: Iterable[str], what: str, one: str) -> dict[str, T]:
    """The value of each population, where one is given for all or one for each by name.

    Args:
        given: a value, or values by name.
        names: names of the populations.
        what: what the values are, for errors.
        one: which values there are, for errors.

    Raises:
        UltralifError: a population without a value, or a value without its population.
    """
    names = tuple(names)
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, given)
    for name in given:
        if name not in names:
            told = shortened(str(name), 80)
            raise UltralifError(f"{what} of {told!r}; expected populations {', '.join(names)}")
    for name in names:
        if name not in given:
            raise UltralifError(f"no {what} for {name!r}; expected {one}")
    return {name: given[name] for name in names}


def alike(values: Mapping[str, T]) -> T | dict[str, T]:
    """The value of all populations, or the value of each where they differ."""
    different = set(values.values())
    return different.pop() if len(different) == 1 else dict(values)


def named(formats: Mapping[str, WeightFormat]) -> str | dict[str, str]:
    """Name of the format of all populations, or the name of each where they differ."""
    return alike({name: numbers.name for name, numbers in formats.items()})
