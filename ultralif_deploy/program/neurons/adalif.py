"""Leaky integrate and fire with a threshold that adapts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.neurons.model import SecondOrderModel


@dataclass(frozen=True, slots=True, eq=False)
class AdaLIF(SecondOrderModel):
    """LIF with the adaptive threshold threshold + c; state words v and c. Units as in SiLIF.

    v ← clip(rnd(alpha·v) + I·2^shift + bias); fires iff v > threshold + c, with the old c;
    c ← clip(rnd(beta·c) + jump·s); v ← 0 where it fired.

    Attributes:
        threshold: threshold at rest, int32 [neuron].
        alpha: int32 [neuron], −2^coefficient_bits to 2^coefficient_bits, as beta.
        beta: int32 [neuron].
        jump: amount that a spike adds to the threshold, int32 [neuron].
        shift: int32 [neuron], 0 to 24.
        coefficient_bits: int32 [neuron], 1 to 20.
        state_bits: int32 [neuron], 2 to 32.
    """

    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    threshold: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    jump: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray
