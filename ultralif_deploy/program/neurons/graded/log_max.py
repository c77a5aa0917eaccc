"""Max-plus leaky integrate and fire with a soft maximum and several thresholds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.fixed import FRACTION_BITS, MEMBRANE_BITS
from ultralif_deploy.program.neurons.graded.model import GradedModel, check_shares
from ultralif_deploy.program.neurons.log_max_lif import check_table


@dataclass(frozen=True, slots=True, eq=False)
class GradedLogMaxLIF(GradedModel):
    """The membrane of LogMaxLIF; sends the number of thresholds that it exceeds.

    A spike of n levels takes its share from the membrane: v ← leak(v, reset[n − 1]), which is the
    soft reset v·(1 − s) with 12 fraction bits.

    Attributes:
        thresholds: int32 [levels · neuron], membrane units, as in MultiThreshold.
        decay: int32 [neuron], membrane units; negative where the membrane grows.
        table: int32 [entry], membrane units; one table for the population.
        reset: int32 [levels], what 1, 2, … levels take from the membrane, in units of 2^-12.
        shift: 2^shift successive gaps share an entry.
        levels: thresholds of one neuron, 1 to 15.
    """

    LISTS: ClassVar[frozenset[str]] = frozenset({"thresholds", "table", "reset"})

    thresholds: np.ndarray
    decay: np.ndarray
    table: np.ndarray
    reset: np.ndarray
    shift: int
    levels: int

    @property
    def unit_bits(self) -> np.ndarray | int:
        return FRACTION_BITS

    @property
    def word_bits(self) -> int:
        return MEMBRANE_BITS

    def length(self, parameter: str, size: int) -> int:
        if parameter == "table":
            return len(self.table)
        return super(GradedLogMaxLIF, self).length(parameter, size)

    def check(self, name: str, size: int) -> None:
        super(GradedLogMaxLIF, self).check(name, size)
        check_table(name, self.table, self.shift)
        check_shares(name, self.reset)
