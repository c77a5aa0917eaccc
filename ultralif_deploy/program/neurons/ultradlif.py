"""Leaky membranes on a ring that share their maximum."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import DECAY_BITS, MEMBRANE_BITS
from ultralif_deploy.program.neurons.model import LeakyModel


@dataclass(frozen=True, slots=True, eq=False)
class UltraDLIF(LeakyModel):
    """Leaky membranes that share their maximum with both neighbours on a ring.

    The neighbours of neuron i are i ± stride, modulo the population's size.
    released: v ← sat(leak(v, decay) + 64·I + bias); fires iff
    max(v_{i−stride}, v_i, v_{i+stride}) > threshold.
    paper: v_i ← sat(max(v_{i−stride}, leak(v_i, decay), v_{i+stride}) + 64·I_i + bias_i); fires
    iff v > threshold. Then v ← 0. I is the sum of the projections, without bias.

    Attributes:
        threshold: int32 [neuron], membrane units (64 to a current unit).
        decay: int32 [neuron], 0 to 2^decay_bits.
        form: `released` or `paper`.
        stride: 1 for a ring of all neurons in order; H·W for rings across the channels of a map
            [C, H, W].
        decay_bits: fraction bits of the decays, 12 to 24.
    """

    threshold: np.ndarray
    decay: np.ndarray
    form: str
    stride: int = 1
    decay_bits: int = DECAY_BITS

    @property
    def word_bits(self) -> int:
        return MEMBRANE_BITS

    def check(self, name: str, size: int) -> None:
        super(UltraDLIF, self).check(name, size)
        check_ring(name, size, self.form, self.stride)


def check_ring(name: str, size: int, form: str, stride: int) -> None:
    """Refuse an unknown form and a stride that is longer than the ring.

    Args:
        name: name of the population.
        size: number of its neurons.
        form: `released` or `paper`.
        stride: distance of both neighbours.

    Raises:
        UltralifError: naming the population.
    """
    if form not in ("released", "paper"):
        raise UltralifError(f"{name}: form {form!r}; expected released or paper")
    if not 1 <= stride <= size:
        raise UltralifError(f"{name}: ring stride {stride}; expected 1 to its {size} neurons")
