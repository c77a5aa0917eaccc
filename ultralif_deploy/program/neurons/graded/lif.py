"""Leaky integrate and fire with several thresholds."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.program.fixed import DECAY_BITS
from ultralif_deploy.program.neurons.graded.model import GradedLeakyModel


@dataclass(frozen=True, slots=True, eq=False)
class GradedLIF(GradedLeakyModel):
    """The membrane of LIF; sends the number s of thresholds that it exceeds.

    v ← sat(leak(v, decay) + 64·I + bias); s = #{k: v > threshold_k}; then v ← leak(v, reset[s − 1])
    where s > 0, which is the soft reset v·(1 − s) with 12 fraction bits. I is the sum of the
    projections, without bias.

    Attributes:
        thresholds: int32 [levels · neuron], membrane units, as in MultiThreshold.
        decay: int32 [neuron], 0 to 2^decay_bits.
        reset: int32 [levels], what 1, 2, … levels take from the membrane, in units of 2^-12.
        levels: thresholds of one neuron, 1 to 15.
        decay_bits: fraction bits of the decays, 12 to 24.
    """

    thresholds: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    levels: int
    decay_bits: int = DECAY_BITS
