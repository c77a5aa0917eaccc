"""Leaky integrate and fire behind a synaptic current."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.fixed import DECAY_BITS, FRACTION_BITS, MEMBRANE_BITS
from ultralif_deploy.program.neurons.model import FiringModel


@dataclass(frozen=True, slots=True, eq=False)
class CubaLIF(FiringModel):
    """LIF with a synaptic current before the membrane.

    i ← sat(leak(i, synaptic_decay) + 2^f·I + bias); v ← sat(leak(v, decay) + i); then as in LIF.
    f is fraction_bits. The state holds all membranes, then all synaptic currents.

    Attributes:
        threshold: int32 [neuron], membrane units (2^f to a current unit).
        decay: decay of the membrane, int32 [neuron], 0 to 2^decay_bits.
        synaptic_decay: decay of the synaptic current, int32 [neuron], 0 to 2^decay_bits.
        reset: R of the reset, int32 [neuron] of `membrane_bits`, membrane units.
        reset_mode: a key of `resets.RESETS`.
        decay_bits: fraction bits of both decays, 12 to 24.
        membrane_bits: width of the membrane and of the synaptic current, 24 to 32.
        fraction_bits: one current unit is 2^fraction_bits membrane units; 6 to 14.
        most_spikes: largest number of spikes in one timestep, 1 to 255; above 1 only with the
            reset mode `subtract`.
        floor: lower bound of the membrane after the reset, int32 [neuron], membrane units; None
            without one.
    """

    WORDS: ClassVar[int] = 2

    threshold: np.ndarray
    decay: np.ndarray
    synaptic_decay: np.ndarray
    reset: np.ndarray
    reset_mode: str = "value"
    decay_bits: int = DECAY_BITS
    membrane_bits: int = MEMBRANE_BITS
    fraction_bits: int = FRACTION_BITS
    most_spikes: int = 1
    floor: np.ndarray | None = None
