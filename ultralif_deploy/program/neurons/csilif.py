"""Leaky integrate and fire with a complex membrane."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.neurons.model import SecondOrderModel


@dataclass(frozen=True, slots=True, eq=False)
class CSiLIF(SecondOrderModel):
    """Complex membrane x + iy; s says whether x exceeds the threshold. Units as in SiLIF.

    With r = x − reset·s: x ← clip(rnd(real·r − imaginary·y) + I·2^shift + bias);
    y ← clip(rnd(imaginary·r + real·y)). Fires iff x > threshold.

    Attributes:
        threshold: int32 [neuron].
        reset: amount that a spike subtracts from x, int32 [neuron].
        real: int32 [neuron], −2^coefficient_bits to 2^coefficient_bits, as imaginary.
        imaginary: int32 [neuron].
        shift: int32 [neuron], 0 to 24.
        coefficient_bits: int32 [neuron], 1 to 20.
        state_bits: int32 [neuron], 2 to 32.
    """

    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("real", "imaginary")

    threshold: np.ndarray
    reset: np.ndarray
    real: np.ndarray
    imaginary: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray
