"""Read-out that leaks, behind a synaptic current."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.fixed import DECAY_BITS
from ultralif_deploy.program.neurons.model import LeakyModel


@dataclass(frozen=True, slots=True, eq=False)
class CubaLI(LeakyModel):
    """Read-out of 32 bits that never fires, with a synaptic current: i and v as in CubaLIF.

    Attributes:
        decay: decay of the membrane, int32 [neuron], 0 to 2^decay_bits.
        synaptic_decay: decay of the synaptic current, int32 [neuron], 0 to 2^decay_bits.
        decay_bits: fraction bits of both decays, 12 to 24.
    """

    FIRES: ClassVar[bool] = False

    WORDS: ClassVar[int] = 2

    decay: np.ndarray
    synaptic_decay: np.ndarray
    decay_bits: int = DECAY_BITS
