"""Max-plus leaky integrate and fire with a soft maximum."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import FRACTION_BITS, MEMBRANE_BITS, MEMBRANE_MAX, TABLE_MAX
from ultralif_deploy.program.neurons.model import NeuronModel


@dataclass(frozen=True, slots=True, eq=False)
class LogMaxLIF(NeuronModel):
    """Soft maximum from a table: v ← sat(max(a, b) + c(|a − b|)), a = v − decay, b = 64·I + bias.

    c(g) = table[g >> shift], 0 beyond the table. Fires iff v > threshold, then v ← 0. I is the sum
    of the projections, without bias. `quantization/correction_table.py` bounds the table's error.

    Attributes:
        threshold: int32 [neuron], membrane units (64 to a current unit).
        decay: int32 [neuron], membrane units; negative where the membrane grows.
        table: int32 [entry], membrane units; one table for the population.
        shift: 2^shift successive gaps share an entry.
    """

    LISTS: ClassVar[frozenset[str]] = frozenset({"table"})

    threshold: np.ndarray
    decay: np.ndarray
    table: np.ndarray
    shift: int

    @property
    def unit_bits(self) -> np.ndarray | int:
        return FRACTION_BITS

    @property
    def word_bits(self) -> int:
        return MEMBRANE_BITS

    def length(self, parameter: str, size: int) -> int:
        return len(self.table) if parameter == "table" else size

    def check(self, name: str, size: int) -> None:
        check_table(name, self.table, self.shift)


def check_table(name: str, table: np.ndarray, shift: int) -> None:
    """Refuse a correction table outside the ranges of PROGRAM.md.

    Args:
        name: name of the population.
        table: int32 [entry].
        shift: 2^shift successive gaps share an entry.

    Raises:
        UltralifError: naming the population.
    """
    entries = len(table)
    if not 1 <= entries <= TABLE_MAX or not 0 <= shift < MEMBRANE_BITS:
        raise UltralifError(
            f"{name}: table of {entries} entries and shift {shift}; expected 1 to {TABLE_MAX} "
            f"entries and a shift from 0 to {MEMBRANE_BITS - 1}"
        )
    if table.min() < 0 or table.max() > MEMBRANE_MAX:
        raise UltralifError(
            f"{name}: table from {table.min()} to {table.max()}; expected 0 to {MEMBRANE_MAX}"
        )
