"""Units and word lengths of the models with two state words.

A neuron's state unit is its current unit divided by 2^shift. The shift is chosen so that the
threshold is a little more than 2^F units, F = state_bits − 1 − headroom: the same resolution,
relative to the threshold, for every neuron, whatever the size of its weights. The read-out has no
threshold; its unit is chosen so that no input can saturate it.
"""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.neurons import AdaLIF, CSiLIF, LeakySum, SiLIF
from ultralif_deploy.program.fixed import MAX_COEFFICIENT_BITS, MAX_STATE_BITS

HEADROOM_BITS: dict[type, int] = {SiLIF: 7, CSiLIF: 11, AdaLIF: 7}
"""States saturate at about 2^headroom thresholds. The largest states of the two published networks
on spoken digits are 98 (SiLIF) and 1106 (C-SiLIF) thresholds; examples/second_order_study.py."""

READOUT_STATE_BITS = 22
"""Widest leaky read-out: with it the sum over 1024 timesteps still fits 32 bits."""

Spiking = SiLIF | CSiLIF | AdaLIF


@dataclass(frozen=True, slots=True)
class WordLengths:
    """Word lengths of the models with two state words.

    With float weights, the defaults keep 99.9 % of the spikes of both published networks.

    Attributes:
        state_bits: bits of each state word, sign included.
        coefficient_bits: fraction bits of what multiplies states.
    """

    state_bits: int = 28
    coefficient_bits: int = 20

    def __post_init__(self) -> None:
        least = max(HEADROOM_BITS.values()) + 2
        for name, value, low, high in (
            ("state bits", self.state_bits, least, MAX_STATE_BITS),
            ("coefficient bits", self.coefficient_bits, 1, MAX_COEFFICIENT_BITS),
        ):
            if not low <= value <= high:
                raise UltralifError(f"{name} = {value}; expected {low} to {high}")


def state_unit(neuron: Spiking, lengths: WordLengths) -> np.ndarray:
    """Largest state unit float64 [neuron] that gives the threshold 2^F units."""
    fraction = lengths.state_bits - 1 - HEADROOM_BITS[type(neuron)]
    reach = np.abs(neuron.threshold)
    reach = np.where(reach > 0, reach, 1.0)  # no threshold to measure by: unit currents
    return np.ldexp(reach, -fraction)


def readout_state_bits(lengths: WordLengths) -> int:
    """Width of the state words of a read-out that adds up."""
    return min(lengths.state_bits, READOUT_STATE_BITS)


def readout_unit(neuron: LeakySum, largest: np.ndarray, lengths: WordLengths) -> np.ndarray:
    """A unit with which |u| ≤ largest/(1 − α) never saturates; one for all neurons.

    Roundings add at most 1/2 unit per timestep to what decays by α: the bound is doubled for them
    and for α rounded up, and α is taken at most 1 − 2^-coefficient_bits.

    Args:
        neuron: the read-out, with α.
        largest: largest magnitude of the current, float64 [neuron].
        lengths: word lengths of states and coefficients.
    """
    bits = readout_state_bits(lengths)
    left = np.maximum(1 - np.abs(neuron.alpha), 2.0**-lengths.coefficient_bits)
    reach = float((largest / left).max(initial=0.0))
    return np.full(len(largest), 2 * (reach or 1.0) / (1 << (bits - 1)))
