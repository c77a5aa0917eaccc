"""Integer neuron models with two state words and word lengths of their own, as in PROGRAM.md."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import MAX_COEFFICIENT_BITS, MAX_SHIFT, MAX_STATE_BITS


@dataclass(frozen=True, slots=True, eq=False)
class SiLIF:
    """Second-order LIF with the state words u and w; s says whether u exceeds the threshold.

    w ← clip(rnd(beta·w + a·u) + b·s);
    u ← clip(rnd(alpha·(u − reset·s + w)) − w + I·2^shift + bias).
    Fires iff u > threshold. rnd divides by 2^coefficient_bits, rounding to nearest; clip saturates
    to state_bits. Threshold, reset, b and bias count in state units, 2^shift to a current unit.

    Attributes:
        threshold: int32 [neuron].
        reset: what a spike takes from u, int32 [neuron].
        alpha: int32 [neuron], −2^coefficient_bits to 2^coefficient_bits, as beta and a.
        beta: int32 [neuron].
        a: int32 [neuron].
        b: what a spike adds to w, int32 [neuron].
        shift: int32 [neuron], 0 to 24.
        coefficient_bits: int32 [neuron], 1 to 20.
        state_bits: int32 [neuron], 2 to 32.
    """

    WORDS: ClassVar[int] = 2
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


@dataclass(frozen=True, slots=True, eq=False)
class CSiLIF:
    """Complex membrane x + iy; s says whether x exceeds the threshold. Units as in SiLIF.

    With r = x − reset·s: x ← clip(rnd(real·r − imaginary·y) + I·2^shift + bias);
    y ← clip(rnd(imaginary·r + real·y)). Fires iff x > threshold.

    Attributes:
        threshold: int32 [neuron].
        reset: what a spike takes from x, int32 [neuron].
        real: int32 [neuron], −2^coefficient_bits to 2^coefficient_bits, as imaginary.
        imaginary: int32 [neuron].
        shift: int32 [neuron], 0 to 24.
        coefficient_bits: int32 [neuron], 1 to 20.
        state_bits: int32 [neuron], 2 to 32.
    """

    WORDS: ClassVar[int] = 2
    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("real", "imaginary")

    threshold: np.ndarray
    reset: np.ndarray
    real: np.ndarray
    imaginary: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class AdaLIF:
    """Leaky with a threshold that rises by c; state words v and c. Units as in SiLIF.

    v ← clip(rnd(alpha·v) + I·2^shift + bias); fires iff v > threshold + c, with the c from before;
    c ← clip(rnd(beta·c) + jump·s); v ← 0 where it fired.

    Attributes:
        threshold: at rest, int32 [neuron].
        alpha: int32 [neuron], −2^coefficient_bits to 2^coefficient_bits, as beta.
        beta: int32 [neuron].
        jump: what a spike adds to the threshold, int32 [neuron].
        shift: int32 [neuron], 0 to 24.
        coefficient_bits: int32 [neuron], 1 to 20.
        state_bits: int32 [neuron], 2 to 32.
    """

    WORDS: ClassVar[int] = 2
    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    threshold: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    jump: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class LeakySum:
    """Read-out that never fires; state words: the sum of u over timesteps, which is the logits, u.

    u ← clip(rnd(alpha·u) + I·2^shift + bias); sum ← sum + u. Units as in SiLIF.

    Attributes:
        alpha: int32 [neuron], −2^coefficient_bits to 2^coefficient_bits.
        shift: int32 [neuron], 0 to 24.
        coefficient_bits: int32 [neuron], 1 to 20.
        state_bits: int32 [neuron], 2 to 32.
    """

    WORDS: ClassVar[int] = 2
    COEFFICIENTS: ClassVar[tuple[str, ...]] = ("alpha",)

    alpha: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray


SECOND_ORDER = (SiLIF, CSiLIF, AdaLIF, LeakySum)
"""Models with two state words, whose word lengths are parameters."""


def check_word_lengths(population: str, neuron: SiLIF | CSiLIF | AdaLIF | LeakySum) -> None:
    """Ranges within which no sum of an update passes 57 bits (proof in PROGRAM.md)."""
    for name, low, high in (
        ("shift", 0, MAX_SHIFT),
        ("coefficient_bits", 1, MAX_COEFFICIENT_BITS),
        ("state_bits", 2, MAX_STATE_BITS),
    ):
        values = getattr(neuron, name)
        if values.min(initial=low) < low or values.max(initial=high) > high:
            raise UltralifError(
                f"{population}: {name.replace('_', ' ')} from {values.min()} to "
                f"{values.max()}; expected {low} to {high}"
            )
    for name in neuron.COEFFICIENTS:
        values = np.abs(getattr(neuron, name).astype(np.int64))
        if np.any(values > np.int64(1) << neuron.coefficient_bits.astype(np.int64)):
            raise UltralifError(
                f"{population}: {name} reaches {values.max()}; expected at most "
                "2^coefficient_bits, which stands for 1"
            )
