"""Second-order leaky integrate and fire."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.neurons.model import SecondOrderModel


@dataclass(frozen=True, slots=True, eq=False)
class SiLIF(SecondOrderModel):
    """Second-order LIF with the state words u and w; s says whether u exceeds the threshold.

    w ← clip(rnd(beta·w + a·u) + b·s);
    u ← clip(rnd(alpha·(u − reset·s + w)) − w + I·2^shift + bias).
    Fires iff u > threshold. rnd divides by 2^coefficient_bits, rounding to nearest; clip saturates
    to state_bits. Threshold, reset, b and bias count in state units, 2^shift to a current unit.

    Attributes:
        threshold: int32 [neuron].
        reset: amount that a spike subtracts from u, int32 [neuron].
        alpha: int32 [neuron], −2^coefficient_bits to 2^coefficient_bits, as beta and a.
        beta: int32 [neuron].
        a: int32 [neuron].
        b: amount that a spike adds to w, int32 [neuron].
        shift: int32 [neuron], 0 to 24.
        coefficient_bits: int32 [neuron], 1 to 20.
        state_bits: int32 [neuron], 2 to 32.
    """

    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("alpha", "beta", "a")

    threshold: np.ndarray
    reset: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    a: np.ndarray
    b: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray
