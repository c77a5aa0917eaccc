"""Convert real values of one population to whole numbers of its units, without clipping."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import DECAY_BITS, INT32_MAX
from ultralif_deploy.quantization.correction_table import DEFAULT_ENTRIES
from ultralif_deploy.quantization.registers import PLAIN, Word
from ultralif_deploy.quantization.second_order import WordLengths

BEYOND = 1 << 1000
"""A whole number of units that no register holds, and float64 does; thresholds may be far above."""


@dataclass(frozen=True, slots=True, eq=False)
class Rounding:
    """How the real values of one population become integers.

    Attributes:
        name: name of the population, for errors.
        scale: real value of one current unit, the step of the weights, float64 [neuron].
        unit: real value of one unit of the membrane, the threshold and the bias, [neuron].
        reaches: whether the membrane can reach the threshold at all, bool [neuron].
        largest: bound of the real |current| with bias, as quantized, float64 [neuron].
        decay_bits: fraction bits of leaky models' decays.
        word: register of the membranes of LIF and CubaLIF.
        lengths: lengths of the words of second-order models.
        table: entries of the correction tables of LogMaxLIF.
    """

    name: str
    scale: np.ndarray
    unit: np.ndarray
    reaches: np.ndarray
    largest: np.ndarray
    decay_bits: int = DECAY_BITS
    word: Word = PLAIN
    lengths: WordLengths = field(default_factory=WordLengths)
    table: int = DEFAULT_ENTRIES

    def nearest(self, values: np.ndarray, what: str, top: int = INT32_MAX) -> np.ndarray:
        """The nearest whole numbers of units.

        Args:
            values: real values, float64 [neuron].
            what: text that names the parameter, for errors.
            top: largest magnitude that its register holds, in units.

        Raises:
            UltralifError: one of them lies beyond ±top.
        """
        return self.within(np.rint(values / self.unit), values, what, top)

    def limits(self, thresholds: np.ndarray, inclusive: bool) -> np.ndarray:
        """Largest whole numbers of units that do not fire, float64 [neuron], at most `BEYOND`."""
        # Neurons of a channel are mostly alike, so compute each pair of threshold and unit once.
        pairs, which = np.unique(np.stack((thresholds, self.unit)), axis=1, return_inverse=True)
        exact = (integer_threshold(float(t), float(s), inclusive) for t, s in pairs.T)
        held = [float(max(-BEYOND, min(limit, BEYOND))) for limit in exact]
        return np.array(held)[which.reshape(-1)]

    def threshold(self, neuron: Any, top: int = INT32_MAX) -> np.ndarray:
        """Integer thresholds that fit a register; `top` for neurons that never reach theirs.

        No membrane potential exceeds `top`, so such a neuron stays silent.

        Raises:
            UltralifError: a threshold beyond ±top that a membrane can reach.
        """
        limits = self.limits(neuron.threshold, neuron.inclusive)
        limits = np.where(~self.reaches & (limits > top), float(top), limits)
        return self.within(limits, neuron.threshold, "threshold", top)

    def floor(self, values: np.ndarray, top: int) -> np.ndarray:
        """The nearest lower bounds; −`top` for bounds below everything that the register holds."""
        return np.maximum(np.rint(values / self.unit), -float(top))

    def decay(self, tau: np.ndarray) -> np.ndarray:
        """Decay in units of 2^-decay_bits, nearest to 1 − τ.

        Raises:
            UltralifError: a τ outside 0 to 1.
        """
        outside = ~((tau >= 0) & (tau <= 1))
        if outside.any():
            n = int(np.argmax(outside))
            raise UltralifError(
                f"{self.name}: neuron {n} keeps {tau[n]:g} of its membrane in a timestep; "
                "expected 0 to 1"
            )
        return np.rint((1 << self.decay_bits) * (1 - tau))

    def within(
        self, integers: np.ndarray, values: np.ndarray, what: str, top: int = INT32_MAX
    ) -> np.ndarray:
        """Return the integers, after a check that they fit their register.

        Args:
            integers: whole numbers of units, float64 [neuron].
            values: the real values they stand for, float64 [neuron], for errors.
            what: text that names the parameter, for errors.
            top: largest magnitude that its register holds, in units.

        Raises:
            UltralifError: one of them lies beyond ±top.
        """
        beyond = np.abs(integers) > top
        if beyond.any():
            n = int(np.argmax(beyond))
            raise UltralifError(
                f"{self.name}: the {what} of neuron {n}, {values[n]:g}, is {integers[n]:.4g} units "
                f"of its weights' scale; its register holds {top}: make its weights larger beside "
                "it, or use fewer bits"
            )
        return integers


def integer_threshold(threshold: float, scale: float, inclusive: bool) -> int:
    """Largest integer n that must not fire: scale·n < θ (inclusive) or scale·n ≤ θ.

    ⌈θ/S⌉ − 1 where the neuron fires at equality, ⌊θ/S⌋ where it does not; exact for all floats.

    Args:
        threshold: θ, a real value.
        scale: S, the real value of one unit.
        inclusive: whether the neuron fires at equality.
    """
    ratio = Fraction(threshold) / Fraction(scale)
    return -((-ratio) // 1) - 1 if inclusive else ratio // 1
