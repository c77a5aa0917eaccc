"""The values that registers of the integer models must hold, and the smallest scale for them.

A register holds whole numbers of units. The largest real value in it is therefore top · unit. The
unit follows from the scale S of a neuron's weights. It is S for TropicalLIF. It is S/2^f for LIF,
CubaLIF, UltraDLIF and LogMaxLIF, whose words have f fraction bits. Words have 24 bits and f = 6, as
on Loihi. Only `needs_wide_word` allows wider ones. A value beyond the register would be clipped.
So S must be at least value · (units per current unit) / top. If the weights alone would give a
smaller scale, they are stored with fewer effective bits.

These values must fit: thresholds that a membrane can reach; resets; decays and temperatures that
are membrane potentials; and the membrane itself, up to HEADROOM times the largest of these. The
membrane goes below 0 where inhibition pushes it. It stays above the threshold where the reset
subtracts, or where there is none.

Take a membrane that keeps the share τ in each timestep, and a current between `low` and `high`. In
T timesteps it rises to at most max(high, 0) · (1 + τ + τ² + … + τ^(T − 1)); it falls likewise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.network import Population
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.fixed import (
    DECAY_BITS,
    FRACTION_BITS,
    INT32_MAX,
    MAX_FRACTION_BITS,
    MAX_MEMBRANE_BITS,
    MEMBRANE_BITS,
    largest_held,
)
from ultralif_deploy.program.graph import WEIGHTED, Projection
from ultralif_deploy.quantization.memory import gain
from ultralif_deploy.quantization.second_order import Spiking, WordLengths, readout_unit, state_unit

HEADROOM = 2.0
"""A membrane below −2θ is far from its next spike; a run that goes there all the same is counted
and reported by `verify`."""


@dataclass(frozen=True, slots=True)
class Word:
    """A register of leaky models.

    Attributes:
        bits: its width, sign included.
        fraction: its fraction bits.
    """

    bits: int = MEMBRANE_BITS
    fraction: int = FRACTION_BITS

    @property
    def top(self) -> float:
        """Whole current units that it holds above any threshold."""
        return float((largest_held(self.bits) >> self.fraction) - 1)

    @property
    def bias_top(self) -> float:
        """Current units that a bias of 32 bits in its units holds; half of them are left free."""
        return float(1 << (30 - self.fraction))


PLAIN = Word()
"""Loihi's."""

NARROW = 4
"""Where a word of 24 bits asks for weights coarser than this many steps, a wider one is taken."""

TROPICAL_TOP = float(INT32_MAX // 2)
"""Current units that a membrane of 32 bits holds, and as much again for roundings."""

NO_TOP = np.inf
"""For models that keep nothing that a scale must fit."""

SMALL = 1 / 64
"""Inputs that move a membrane by less than this share of what it must hold may be lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """The values of one population that its registers must hold.

    Attributes:
        reaches: whether a membrane can reach its threshold for some input, bool [neuron].
        values: largest magnitude to be held, real, float64 [neuron].
        top: current units that the register holds.
        resizes: whether that register may have another width (`held_in`).
        bias: largest magnitude of the bias, real, float64 [neuron].
        bias_top: current units that the bias may have.
        swing: distance that inputs can move a membrane, by currents and memory, [neuron].
    """

    reaches: np.ndarray
    values: np.ndarray
    top: float
    swing: np.ndarray
    bias: np.ndarray | float = 0.0
    bias_top: float = np.inf
    resizes: bool = False

    def held_in(self, word: Word) -> "Needs":
        """The same needs with another word, if the register may have another width."""
        if not self.resizes:
            return self
        return replace(self, top=word.top, bias_top=word.bias_top)

    @property
    def driven(self) -> np.ndarray:
        """Whether inputs decide what the neuron does, bool [neuron]."""
        driven: np.ndarray = self.reaches & (self.swing > SMALL * self.values)
        return driven

    @property
    def least_scale(self) -> np.ndarray:
        """Smallest real value of a current unit with which all of it fits, float64 [neuron]."""
        least: np.ndarray = np.maximum(self.values / self.top, self.bias / self.bias_top)
        return least


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """What moves the membranes of one population.

    Attributes:
        low: bound of its currents with bias from below, at most 0, float64 [neuron].
        high: the same from above, at least 0.
        timesteps: T of one inference.
        lengths: lengths of the words of second-order models.
    """

    low: np.ndarray
    high: np.ndarray
    timesteps: int
    lengths: WordLengths


def needs(
    population: Population,
    low: np.ndarray,
    high: np.ndarray,
    timesteps: int,
    lengths: WordLengths,
) -> Needs:
    """What a population asks of its registers.

    Args:
        population: float64.
        low: bound of its currents with bias from below, [neuron].
        high: the same from above.
        timesteps: T of one inference.
        lengths: lengths of the words of second-order models.
    """
    drive = Drive(np.minimum(low, 0.0), np.maximum(high, 0.0), timesteps, lengths)
    asked = _NEEDS[type(population.neuron)](population.neuron, drive)
    return replace(asked, swing=asked.swing * (high - low), bias=np.abs(population.bias))


def word_of(population: integer.Population) -> Word:
    """The register of a leaky population of a program."""
    widths = population.neuron.widths
    return Word(widths.membrane_bits, widths.fraction_bits)


def needs_wide_word(asked: Needs, plain_scale: np.ndarray, decay_bits: int) -> bool:
    """Whether a population is given a membrane of 32 bits.

    Rounding in a leak loses up to one membrane unit in every timestep, which adds up when the leak
    is slow. A threshold far above the weights leaves few integer steps for the weights.

    Args:
        asked: needs of a plain word.
        plain_scale: scale that its weights alone would take, [neuron].
        decay_bits: fraction bits of its leaks.
    """
    if not asked.resizes:
        return False
    narrow = asked.driven & (asked.least_scale > NARROW * plain_scale)
    return decay_bits > DECAY_BITS or bool(narrow.any())


def wide_word(asked: Needs, scale: np.ndarray) -> Word:
    """The word of 32 bits with the most fraction bits in which everything fits at a scale."""
    words = [Word(MAX_MEMBRANE_BITS, f) for f in range(MAX_FRACTION_BITS, FRACTION_BITS, -1)]
    fits = (w for w in words if np.all(asked.held_in(w).least_scale <= scale * (1 + 1e-9)))
    return next(fits, Word(MAX_MEMBRANE_BITS))


def current_range(
    population: Population, incoming: Iterable[Projection], sends: Callable[[str], int]
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the current with bias [neuron]; `sends` says the largest number of a source.

    Args:
        population: population that receives the current.
        incoming: all projections into it.
        sends: function from a source's name to the largest number that it sends in one timestep.
    """
    low, high = population.bias.copy(), population.bias.copy()
    for projection in incoming:
        sent = np.full(projection.map.source_size, float(sends(projection.source)))
        falling = _part(projection, np.minimum, sent)
        low, high = low + falling, high + _part(projection, np.maximum, sent)
    return low, high


def largest_weights(incoming: Iterable[Projection], size: int) -> np.ndarray:
    """Largest |weight| into each neuron, float64 [neuron]; an identity has weights of 1."""
    largest = np.zeros(size)
    for projection in incoming:
        linear = projection.map
        rows = np.ones((size, 1))
        if isinstance(linear, WEIGHTED):
            rows = np.abs(linear.weight.reshape(len(linear.weight), -1))
        largest = np.maximum(largest, np.repeat(rows.max(axis=1), size // len(rows)))
    return largest


def _part(projection: Projection, of: Callable[..., Any], sent: np.ndarray) -> np.ndarray:
    """Currents by the weights of one sign alone."""
    linear: Any = projection.map
    if not isinstance(linear, WEIGHTED):
        return linear.apply(sent) if of is np.maximum else np.zeros(linear.target_size)
    result: np.ndarray = replace(linear, weight=of(linear.weight, 0)).apply(sent)
    return result


def _two_words(neuron: Spiking, drive: Drive) -> Needs:
    """A weight step is at least one state unit, because finer steps would be lost."""
    return _one_unit(state_unit(neuron, drive.lengths))


def _leaky_sum(neuron: float_neurons.LeakySum, drive: Drive) -> Needs:
    """As for models that fire with two state words."""
    largest = np.maximum(-drive.low, drive.high)
    return _one_unit(readout_unit(neuron, largest, drive.lengths))


def _one_unit(unit: np.ndarray) -> Needs:
    return Needs(np.ones(unit.shape, dtype=bool), unit, 1.0, np.zeros(unit.shape))


def _nothing(neuron: Any, drive: Drive) -> Needs:
    """Models without memory need none; 32-bit read-outs are checked against their bounds later."""
    del neuron
    reaches = np.ones(drive.low.shape, dtype=bool)
    return Needs(reaches, np.zeros(reaches.shape), NO_TOP, np.ones(reaches.shape))


def _tropical(neuron: float_neurons.TropicalLIF, drive: Drive) -> Needs:
    highest = np.maximum(drive.high, np.maximum(neuron.initial, neuron.reset))
    reaches = (neuron.decay < 0) | (highest >= neuron.threshold)
    values = _largest(neuron.decay, neuron.reset, neuron.initial, reaches * neuron.threshold)
    return Needs(reaches, values, TROPICAL_TOP, np.ones(values.shape), bias_top=TROPICAL_TOP)


def _leaky(neuron: float_neurons.LIF | float_neurons.CubaLIF, drive: Drive) -> Needs:
    through = np.multiply.reduce([gain(kept, drive.timesteps) for kept in neuron.kept])
    highest, lowest = drive.high * through, -drive.low * through
    reaches = np.maximum(highest, neuron.reset) >= neuron.threshold
    fixed = _largest(reaches * neuron.threshold, neuron.reset)
    if neuron.most_spikes > 1:
        fixed = np.maximum(fixed, np.minimum(highest, neuron.reset * (neuron.most_spikes + 1)))
    if neuron.floor is not None:
        fixed = np.where(lowest >= -neuron.floor, np.maximum(fixed, -neuron.floor), fixed)
        lowest = np.minimum(lowest, -neuron.floor)
    stays = neuron.reset_mode not in ("value", "late-value")
    moved = np.maximum(lowest, highest) if stays else lowest
    values = np.maximum(fixed, np.minimum(moved, HEADROOM * fixed))
    return Needs(reaches, values, PLAIN.top, swing=through, bias_top=PLAIN.bias_top, resizes=True)


def _ring(neuron: float_neurons.UltraDLIF, drive: Drive) -> Needs:
    timesteps = drive.timesteps
    through = gain(neuron.tau, timesteps) if neuron.form == "released" else float(timesteps)
    highest, lowest = float((drive.high * through).max()), float((-drive.low * through).max())
    reaches = highest >= neuron.threshold
    fixed = _largest(reaches * neuron.threshold)
    values = np.maximum(fixed, np.minimum(lowest, HEADROOM * fixed))
    swing = np.ones(values.shape) * through
    return Needs(reaches, values, PLAIN.top, swing, bias_top=PLAIN.bias_top)


def _log_max(neuron: float_neurons.LogMaxLIF, drive: Drive) -> Needs:
    low = drive.low
    reaches = np.ones(low.shape, dtype=bool)  # a soft maximum of two equal values is above both
    fixed = _largest(neuron.threshold, neuron.decay, np.full(low.shape, neuron.epsilon))
    values = np.maximum(fixed, np.minimum(-low, HEADROOM * fixed))
    swing = np.ones(values.shape)
    return Needs(reaches, values, PLAIN.top, swing, bias_top=PLAIN.bias_top)


def _graded_log_max(neuron: float_neurons.GradedLogMaxLIF, drive: Drive) -> Needs:
    """As without graded spikes; the threshold farthest from 0 must fit."""
    farthest = np.abs(neuron.thresholds).max(axis=0)
    epsilon = neuron.epsilon
    plain = float_neurons.LogMaxLIF(farthest, neuron.decay, epsilon, inclusive=True)
    return _log_max(plain, drive)


def _graded_lif(neuron: float_neurons.GradedLIF, drive: Drive) -> Needs:
    """The threshold farthest from 0 must fit; a level takes only a share of the membrane."""
    through = gain(neuron.tau, drive.timesteps)
    highest, lowest = drive.high * through, -drive.low * through
    farthest = np.abs(neuron.thresholds).max(axis=0)
    moved = np.maximum(lowest, highest)
    values = np.maximum(farthest, np.minimum(moved, HEADROOM * farthest))
    reaches = np.ones(values.shape, dtype=bool)
    return Needs(reaches, values, PLAIN.top, through, bias_top=PLAIN.bias_top)


def _graded_ring(neuron: float_neurons.GradedUltraDLIF, drive: Drive) -> Needs:
    """As without graded spikes; the threshold farthest from 0 must fit."""
    farthest = np.abs(neuron.thresholds).max(axis=0)
    plain = float_neurons.UltraDLIF(farthest, neuron.tau, neuron.form, True, neuron.stride)
    reached = np.ones(farthest.shape, dtype=bool)
    needed = _ring(plain, drive)
    return replace(needed, reaches=reached, values=np.maximum(needed.values, farthest))


def _largest(*values: np.ndarray) -> np.ndarray:
    largest: np.ndarray = np.max(np.abs(np.stack(values)), axis=0)
    return largest


_NEEDS: dict[type, Callable[..., Needs]] = {
    float_neurons.Threshold: _nothing,
    float_neurons.Integrator: _nothing,
    float_neurons.LeakyIntegrator: _nothing,
    float_neurons.CubaLI: _nothing,
    float_neurons.TropicalLIF: _tropical,
    float_neurons.LIF: _leaky,
    float_neurons.CubaLIF: _leaky,
    float_neurons.UltraDLIF: _ring,
    float_neurons.LogMaxLIF: _log_max,
    float_neurons.MultiThreshold: _nothing,
    float_neurons.GradedLogMaxLIF: _graded_log_max,
    float_neurons.GradedLIF: _graded_lif,
    float_neurons.GradedUltraDLIF: _graded_ring,
    float_neurons.SiLIF: _two_words,
    float_neurons.CSiLIF: _two_words,
    float_neurons.AdaLIF: _two_words,
    float_neurons.LeakySum: _leaky_sum,
}
"""By model: what its registers must hold when it is driven."""
