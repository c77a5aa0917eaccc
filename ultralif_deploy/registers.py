"""What the registers of the integer models must hold, and the smallest scale that follows.

A register holds whole units, so it holds real values of up to top · unit, and the unit follows from
the scale S of a neuron's weights: S/64 for membranes of 24 bits (LIF, CubaLIF, UltraDLIF,
LogMaxLIF), S for TropicalLIF. A value beyond the register would be clipped, so S must be at least
value · (units per current unit) / top. Where the weights alone would give a smaller scale, they
must do with fewer bits.

What must be held: thresholds that a membrane can reach, resets, decays and temperatures that are
membrane potentials, and the membrane itself as far as HEADROOM times these: down where inhibition
pushes it, and up where a reset by subtraction or no reset lets it stay above the threshold.

A current between `low` and `high` pushes a membrane that keeps τ of itself to at most
max(high, 0) · (1 + τ + τ² + … + τ^(T − 1)) in T timesteps, and likewise down.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ultralif_deploy import network as hard
from ultralif_deploy.fixed import FRACTION_BITS, INT32_MAX, MEMBRANE_BITS, MEMBRANE_MAX
from ultralif_deploy.graph import INPUT, WEIGHTED, Projection
from ultralif_deploy.memory import gain
from ultralif_deploy.second_order import WordLengths, readout_unit, state_unit

HEADROOM = 2.0
"""A membrane below −2θ is far from its next spike; a run that goes there all the same is counted
and reported by `verify`."""

LEAKY_TOP = float((MEMBRANE_MAX >> FRACTION_BITS) - 1)
"""Whole current units that a membrane of 24 bits holds above any threshold."""


TROPICAL_TOP = float(INT32_MAX // 2)
"""Current units that a membrane of 32 bits holds, and as much again for roundings."""

NO_TOP = np.inf
"""For models that keep nothing that a scale must fit."""

BIAS_SHARE = {LEAKY_TOP: 2.0 ** (MEMBRANE_BITS - 31), TROPICAL_TOP: 1.0}
"""Room that a bias of 32 bits asks of the membrane's register; half of the bias's own is left."""


SMALL = 1 / 64
"""Inputs that move a membrane by less than this share of what it must hold may be lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """What one population asks of its registers.

    Attributes:
        reaches: whether a membrane can reach its threshold for some input, bool [neuron].
        values: largest magnitude to be held, real, float64 [neuron].
        top: current units that the register holds.
        swing: how far inputs can move a membrane, by their currents and the memory, [neuron].
    """

    reaches: np.ndarray
    values: np.ndarray
    top: float
    swing: np.ndarray

    @property
    def driven(self) -> np.ndarray:
        """Whether inputs decide what the neuron does, bool [neuron]."""
        driven: np.ndarray = self.reaches & (self.swing > SMALL * self.values)
        return driven

    @property
    def least_scale(self) -> np.ndarray:
        """Smallest real value of a current unit with which all of it fits, float64 [neuron]."""
        least: np.ndarray = self.values / self.top
        return least


def needs(
    population: hard.Population,
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
        lengths: of the words of second-order models.
    """
    neuron, moved = population.neuron, high - low
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    if isinstance(neuron, hard.SECOND_ORDER):
        return _second_order(neuron, np.maximum(-low, high), lengths)
    asked = _NEEDS[type(neuron)](neuron, low, high, timesteps)
    asked = replace(asked, swing=asked.swing * moved)
    biases = np.abs(population.bias) * BIAS_SHARE.get(asked.top, 0.0)
    return replace(asked, values=np.maximum(asked.values, biases))


def current_range(
    population: hard.Population, incoming: Iterable[Projection], maximum: int
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the current with bias [neuron] for any input of at most `maximum`."""
    low, high = population.bias.copy(), population.bias.copy()
    for projection in incoming:
        largest = maximum if projection.source == INPUT else 1
        sent = np.full(projection.map.source_size, float(largest))
        falling = _part(projection, np.minimum, sent)
        low, high = low + falling, high + _part(projection, np.maximum, sent)
    return low, high


def _part(projection: Projection, of: Callable[..., Any], sent: np.ndarray) -> np.ndarray:
    """Currents by the weights of one sign alone."""
    linear: Any = projection.map
    if not isinstance(linear, WEIGHTED):
        return linear.apply(sent) if of is np.maximum else np.zeros(linear.target_size)
    result: np.ndarray = replace(linear, weight=of(linear.weight, 0)).apply(sent)
    return result


def _second_order(neuron: hard.SecondOrder, largest: np.ndarray, lengths: WordLengths) -> Needs:
    """Weights finer than the state's unit would be lost in it, so one unit must be held."""
    if isinstance(neuron, hard.LeakySum):
        unit = readout_unit(neuron, largest, lengths)
    else:
        unit = state_unit(neuron, lengths)
    return Needs(np.ones(largest.shape, dtype=bool), unit, 1.0, np.zeros(largest.shape))


def _nothing(neuron: Any, low: np.ndarray, high: np.ndarray, timesteps: int) -> Needs:
    """Models without memory need none; 32-bit read-outs are checked against their bounds later."""
    del neuron, timesteps
    return Needs(
        np.ones(low.shape, dtype=bool), np.zeros_like(low + high), NO_TOP, np.ones(low.shape)
    )


def _tropical(neuron: hard.TropicalLIF, low: np.ndarray, high: np.ndarray, timesteps: int) -> Needs:
    del low, timesteps
    highest = np.maximum(high, np.maximum(neuron.initial, neuron.reset))
    reaches = (neuron.decay < 0) | (highest >= neuron.threshold)
    values = _largest(neuron.decay, neuron.reset, neuron.initial, reaches * neuron.threshold)
    return Needs(reaches, values, TROPICAL_TOP, np.ones(values.shape))


def _lif(neuron: hard.LIF, low: np.ndarray, high: np.ndarray, timesteps: int) -> Needs:
    return _leaky(neuron, gain(neuron.tau, timesteps), low, high)


def _cuba(neuron: hard.CubaLIF, low: np.ndarray, high: np.ndarray, timesteps: int) -> Needs:
    through = gain(neuron.synaptic_tau, timesteps) * gain(neuron.tau, timesteps)
    return _leaky(neuron, through, low, high)


def _leaky(
    neuron: hard.LIF | hard.CubaLIF, through: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Needs:
    highest, lowest = high * through, -low * through
    reaches = np.maximum(highest, neuron.reset) >= neuron.threshold
    fixed = _largest(reaches * neuron.threshold, neuron.reset)
    stays = neuron.reset_mode not in ("value", "late-value")
    moved = np.maximum(lowest, highest) if stays else lowest
    values = np.maximum(fixed, np.minimum(moved, HEADROOM * fixed))
    return Needs(reaches, values, LEAKY_TOP, through)


def _ring(neuron: hard.UltraDLIF, low: np.ndarray, high: np.ndarray, timesteps: int) -> Needs:
    through = gain(neuron.tau, timesteps) if neuron.form == "released" else float(timesteps)
    highest, lowest = float((high * through).max()), float((-low * through).max())
    reaches = highest >= neuron.threshold
    fixed = _largest(reaches * neuron.threshold)
    values = np.maximum(fixed, np.minimum(lowest, HEADROOM * fixed))
    return Needs(reaches, values, LEAKY_TOP, np.ones(values.shape) * through)


def _log_max(neuron: hard.LogMaxLIF, low: np.ndarray, high: np.ndarray, timesteps: int) -> Needs:
    del high, timesteps
    reaches = np.ones(low.shape, dtype=bool)  # a soft maximum of two equal values is above both
    fixed = _largest(neuron.threshold, neuron.decay, np.full(low.shape, neuron.epsilon))
    values = np.maximum(fixed, np.minimum(-low, HEADROOM * fixed))
    return Needs(reaches, values, LEAKY_TOP, np.ones(values.shape))


def _largest(*values: np.ndarray) -> np.ndarray:
    largest: np.ndarray = np.max(np.abs(np.stack(values)), axis=0)
    return largest


_NEEDS: dict[type, Callable[..., Needs]] = {
    hard.Threshold: _nothing,
    hard.Integrator: _nothing,
    hard.LeakyIntegrator: _nothing,
    hard.CubaLI: _nothing,
    hard.TropicalLIF: _tropical,
    hard.LIF: _lif,
    hard.CubaLIF: _cuba,
    hard.UltraDLIF: _ring,
    hard.LogMaxLIF: _log_max,
}
