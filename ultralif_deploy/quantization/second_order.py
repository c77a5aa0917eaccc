"""Quantization of the models with two state words: units, shifts, coefficients, word lengths.

A neuron's state unit is its current unit divided by 2^shift. The shift is chosen so that the
threshold is a little more than 2^F units, F = state_bits − 1 − headroom: the same resolution,
relative to the threshold, for every neuron, whatever the size of its weights. The read-out has no
threshold; its unit is chosen so that no input whatever can saturate it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import network as hard
from ultralif_deploy.program import neurons
from ultralif_deploy.program.fixed import INT32_MAX, MAX_COEFFICIENT_BITS, MAX_SHIFT, MAX_STATE_BITS

HEADROOM_BITS: dict[type, int] = {hard.SiLIF: 7, hard.CSiLIF: 11, hard.AdaLIF: 7}
"""States saturate at about 2^headroom thresholds. The largest states of the two published networks
on spoken digits are 98 (SiLIF) and 1106 (C-SiLIF) thresholds; examples/second_order_study.py."""

READOUT_STATE_BITS = 22
"""Widest leaky read-out: with it the sum over 1024 timesteps still fits 32 bits."""

Spiking = hard.SiLIF | hard.CSiLIF | hard.AdaLIF


@dataclass(frozen=True, slots=True)
class WordLengths:
    """Word lengths of the models with two state words.

    The defaults keep 99.9 % of the spikes of both published networks, weights kept in float.

    Attributes:
        state_bits: of each state word, sign included.
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


def second_order_neuron(
    name: str,
    neuron: Spiking | hard.LeakySum,
    scale: np.ndarray,
    largest: np.ndarray,
    lengths: WordLengths,
) -> tuple[neurons.Neuron, np.ndarray]:
    """The integer model, and its state unit float64 [neuron].

    A current unit is at most 2^24 state units. Only neurons one weight step of which is many
    thresholds would want more; their states are coarser than asked, and nothing is clipped.

    Args:
        name: of the population, for errors.
        neuron: with its gain folded.
        scale: real value of a current unit, [neuron].
        largest: bound of the real |current| with bias, [neuron].
        lengths: of the words.

    Raises:
        UltralifError: a coefficient outside −1 to 1, or a value that its word does not hold.
    """
    leaky_sum = isinstance(neuron, hard.LeakySum)
    bits = _bits(neuron, lengths)
    if isinstance(neuron, hard.LeakySum):
        unit = readout_unit(neuron, largest, lengths)
    else:
        unit = state_unit(neuron, lengths)
    # The scale is at least one unit (`registers`), but for the rounding of this quotient.
    shift = np.clip(np.ceil(np.log2(scale / unit)), 0, MAX_SHIFT)
    if leaky_sum:
        shift[:] = shift.min()  # logits are compared as they are
    unit = scale / 2**shift
    one = 1 << lengths.coefficient_bits

    def coefficient(what: str) -> np.ndarray:
        value = getattr(neuron, what)
        return _within(np.rint(value * one), one, f"{name}: {what}", value, "−1 to 1")

    def states(what: str) -> np.ndarray:
        value = getattr(neuron, what)
        held = f"at most {INT32_MAX} units of its scale"
        return _within(np.rint(value / unit), INT32_MAX, f"{name}: {what}", value, held)

    words: dict[str, Any] = {
        "shift": shift,
        "coefficient_bits": np.full(len(scale), lengths.coefficient_bits),
        "state_bits": np.full(len(scale), bits),
    }
    if isinstance(neuron, hard.LeakySum):
        return neurons.LeakySum(coefficient("alpha"), **words), unit
    # Fires at v > threshold: the largest integer that must not fire.
    ratio = neuron.threshold / unit
    silent = np.ceil(ratio) - 1 if getattr(neuron, "inclusive", False) else np.floor(ratio)
    held = f"at most {INT32_MAX} units of its scale"
    silent = _within(silent, INT32_MAX, f"{name}: threshold", neuron.threshold, held)
    if isinstance(neuron, hard.SiLIF):
        model: neurons.Neuron = neurons.SiLIF(
            silent,
            states("threshold"),
            coefficient("alpha"),
            coefficient("beta"),
            coefficient("a"),
            states("b"),
            **words,
        )
    elif isinstance(neuron, hard.CSiLIF):
        real, imaginary = coefficient("real"), coefficient("imaginary")
        model = neurons.CSiLIF(silent, states("threshold"), real, imaginary, **words)
    else:
        decays = coefficient("tau"), coefficient("adaptation_decay")
        model = neurons.AdaLIF(silent, *decays, states("jump"), **words)
    return model, unit


def _within(
    integers: np.ndarray, top: int, what: str, values: np.ndarray, expected: str
) -> np.ndarray:
    beyond = np.abs(integers) > top
    if beyond.any():
        n = int(np.argmax(beyond))
        raise UltralifError(f"{what} of neuron {n} is {values[n]:g}; expected {expected}")
    return integers


def _bits(neuron: Spiking | hard.LeakySum, lengths: WordLengths) -> int:
    """Width of a state word."""
    bits = lengths.state_bits
    return min(bits, READOUT_STATE_BITS) if isinstance(neuron, hard.LeakySum) else bits


def readout_unit(neuron: hard.LeakySum, largest: np.ndarray, lengths: WordLengths) -> np.ndarray:
    """A unit with which |u| ≤ largest/(1 − α) never saturates; one for all neurons.

    Roundings add at most 1/2 unit per timestep to what decays by α: the bound is doubled for them
    and for α rounded up, and α is taken at most 1 − 2^-coefficient_bits.

    Args:
        neuron: the read-out, with α.
        largest: largest magnitude of the current, float64 [neuron].
        lengths: word lengths of states and coefficients.
    """
    bits = _bits(neuron, lengths)
    left = np.maximum(1 - np.abs(neuron.alpha), 2.0**-lengths.coefficient_bits)
    reach = float((largest / left).max(initial=0.0))
    return np.full(len(largest), 2 * (reach or 1.0) / (1 << (bits - 1)))
