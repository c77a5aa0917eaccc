"""Max-plus leaky integrate and fire with a soft maximum."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import FRACTION_BITS, MEMBRANE_BITS, MEMBRANE_MAX, TABLE_MAX
from ultralif_deploy.program.neurons.model import NeuronModel


@dataclass(frozen=True, slots=True, eq=False)
class LogMaxLIF(NeuronModel):
    """Soft maximum from a table: v ← sat(max(a, b) + c(|a − b|)), a = v − decay, b = 64·I + bias.

    c(g) = table[g >> shift], 0 beyond the table. Fires iff v > threshold, then v ← 0. I is the sum
    of the projections alone. `log_max.correction_table` bounds what the table errs.

    Attributes:
        threshold: int32 [neuron], membrane units (64 to a current unit).
        decay: int32 [neuron], membrane units; negative where the membrane grows.
        table: int32 [entry], membrane units; one table for the population.
        shift: log2 of the gaps that share an entry.
    """

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

    def check(self, name: str, size: int) -> None:
        entries = len(self.table)
        if not 1 <= entries <= TABLE_MAX or not 0 <= self.shift < MEMBRANE_BITS:
            raise UltralifError(
                f"{name}: table of {entries} entries and shift {self.shift}; expected 1 to "
                f"{TABLE_MAX} entries and a shift from 0 to {MEMBRANE_BITS - 1}"
            )
        if self.table.min() < 0 or self.table.max() > MEMBRANE_MAX:
            raise UltralifError(
                f"{name}: table from {self.table.min()} to {self.table.max()}; expected 0 to "
                f"{MEMBRANE_MAX}"
            )
