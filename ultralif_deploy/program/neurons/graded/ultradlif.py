"""Leaky membranes on a ring that share their maximum, with several thresholds."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.program.fixed import DECAY_BITS
from ultralif_deploy.program.neurons.graded.model import GradedLeakyModel
from ultralif_deploy.program.neurons.ultradlif import check_ring


@dataclass(frozen=True, slots=True, eq=False)
class GradedUltraDLIF(GradedLeakyModel):
    """The membranes of UltraDLIF; sends the number of thresholds that the value compared exceeds.

    What is compared is that of UltraDLIF in either form. A spike of n levels takes its share from
    the neuron's own membrane: v ← leak(v, reset[n − 1]).

    Attributes:
        thresholds: int32 [levels · neuron], membrane units, as in MultiThreshold.
        decay: int32 [neuron], 0 to 2^decay_bits.
        reset: int32 [levels], what 1, 2, … levels take from the membrane, in units of 2^-12.
        levels: thresholds of one neuron, 1 to 15.
        form: `released` or `paper`.
        stride: as in UltraDLIF.
        decay_bits: fraction bits of the decays, 12 to 24.
    """

    thresholds: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    levels: int
    form: str
    stride: int = 1
    decay_bits: int = DECAY_BITS

    def check(self, name: str, size: int) -> None:
        super(GradedUltraDLIF, self).check(name, size)
        check_ring(name, size, self.form, self.stride)
