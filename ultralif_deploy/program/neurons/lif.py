"""Leaky integrate and fire."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.program.fixed import DECAY_BITS, FRACTION_BITS, MEMBRANE_BITS
from ultralif_deploy.program.neurons.model import FiringModel


@dataclass(frozen=True, slots=True, eq=False)
class LIF(FiringModel):
    """LIF in Loihi's arithmetic: v ← sat(leak(v, decay) + 2^f·I + bias), f = fraction_bits.

    It fires iff v > threshold; then the reset follows. I is the sum of the projections, without
    bias. With `most_spikes` above 1 the neuron fires again as long as
    v − reset·(spikes so far) > threshold.

    Attributes:
        threshold: int32 [neuron], membrane units (2^f to a current unit).
        decay: int32 [neuron], 0 (no leak) to 2^decay_bits (no memory).
        reset: R of the reset, int32 [neuron] of `membrane_bits`, membrane units.
        reset_mode: a key of `resets.RESETS`.
        decay_bits: fraction bits of the decays, 12 to 24.
        membrane_bits: width of the membrane, 24 to 32.
        fraction_bits: one current unit is 2^fraction_bits membrane units; 6 to 14.
        most_spikes: largest number of spikes in one timestep, 1 to 255; above 1 only with the
            reset mode `subtract`.
        floor: lower bound of the membrane after the reset, int32 [neuron], membrane units; None
            without one.
    """

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    reset_mode: str = "value"
    decay_bits: int = DECAY_BITS
    membrane_bits: int = MEMBRANE_BITS
    fraction_bits: int = FRACTION_BITS
    most_spikes: int = 1
    floor: np.ndarray | None = None
