"""Read-out that leaks and adds up over timesteps."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.neurons.model import SecondOrderModel


@dataclass(frozen=True, slots=True, eq=False)
class LeakySum(SecondOrderModel):
    """Read-out that never fires; its logits are the sum of u over timesteps.

    u ← clip(rnd(alpha·u) + I·2^shift + bias); sum ← sum + u. The state words are
    sum and u, in this order. Units as in SiLIF.

    Attributes:
        alpha: int32 [neuron], −2^coefficient_bits to 2^coefficient_bits.
        shift: int32 [neuron], 0 to 24.
        coefficient_bits: int32 [neuron], 1 to 20.
        state_bits: int32 [neuron], 2 to 32.
    """

    FIRES: ClassVar[bool] = False
    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("alpha",)

    alpha: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray

    def largest_logit(self, current: int) -> int | None:
        return (1 << (int(self.state_bits.max(initial=2)) - 1)) - 1
