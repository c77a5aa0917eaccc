"""Read-out that leaks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.fixed import DECAY_BITS
from ultralif_deploy.program.neurons.model import LeakyModel


@dataclass(frozen=True, slots=True, eq=False)
class LeakyIntegrator(LeakyModel):
    """Read-out of 32 bits that never fires: v ← sat(leak(v, decay) + 64·I + bias).

    Attributes:
        decay: int32 [neuron], 0 to 2^decay_bits.
        decay_bits: fraction bits of the decays, 12 to 24.
    """

    FIRES: ClassVar[bool] = False

    decay: np.ndarray
    decay_bits: int = DECAY_BITS
