"""Remove neurons that never fire, and fold those that fire at every timestep into biases.

Proof. Every source sends values between two bounds: the input 0 and its maximum, a neuron 0 and 1,
or one of them twice where it is proved constant. So a current lies between b + W⁺·low + W⁻·high and
b + W⁺·high + W⁻·low, W⁺ and W⁻ being the positive and negative weights. By induction over timesteps
a neuron always fires where the lowest membrane that it can reach, having fired at every timestep
before, fires; it never fires where the highest that it can reach, never having fired, does not.
A projection that acts one timestep later is silent at the first one, so that a source that always
fires sends it 0 or 1. Each neuron proved narrows the bounds of its targets, until none is new.

Lowest and highest membrane, with I between low and high, by model:
Threshold      low; high
TropicalLIF    max(low, min(initial, reset) − d); max(high, initial − d) where d ≥ 0
LIF, τ ≥ 0     τ·min(0, v₊) + low, v₊ the least membrane after a spike: R for `value`, θ − R for
               `subtract`, θ for `none`; max(0, high)/(1 − τ), where τ < 1 or high ≤ 0
Others are left alone: rings, because neighbours see the membrane, and states of two words.

W x + b = W_kept x_kept + (W_removed x_removed + b), and x_removed does not change with time.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ultralif_deploy.network.network import (
    Network,
    Population,
    per_neuron,
    select,
)
from ultralif_deploy.network.neurons import LIF, FloatNeuron, Threshold, TropicalLIF
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, WEIGHTED, Dense, Identity, Projection

ROUNDING_ERROR = 2.0**-32
"""Float64 sums of up to 2^20 terms err by less than this share of the sum of their magnitudes."""

LONGEST_MEMORY = 1 - 2.0**-10
"""Largest τ for which the rounding of a whole run stays within `ROUNDING_ERROR`."""

Bounds = dict[str, np.ndarray]
"""Lowest and highest value by source, float64 [2, neuron]."""


def remove_constant(network: Network) -> Network:
    """Leave out neurons whose spike is the same at every timestep for every input.

    Channels of convolutions go as a whole or not at all. The read-out stays, as do populations that
    an identity or a grouped convolution touches, one unit at least of every population, and
    neurons that always fire where one of their population's projections acts a timestep later.
    Before `fold_linear` and `fold_input` the network stays as it is.
    """
    folded = all(isinstance(q.map, (*WEIGHTED, Identity)) for q in network.projections)
    if not folded or not network.input.plain:
        return network
    bounds = spike_bounds(network)
    late = {p.source for p in network.projections if p.name in network.delayed()}
    kept = {INPUT: np.ones(network.input.size, dtype=bool)}
    for p in network.populations:
        low, high = bounds[p.name]
        constant = (high == 0) | ((low == high) & (p.name not in late))
        kept[p.name] = ~_removable(network, p, constant)
    if all(mask.all() for mask in kept.values()):
        return network
    shift = {p.name: np.zeros(p.size) for p in network.populations}
    for q in network.projections:
        if not kept[q.source].all():
            shift[q.target] += q.map.apply(bounds[q.source][0] * ~kept[q.source])
    biased = [
        replace(p, bias=per_neuron(p.bias + shift[p.name], p.size, p.name))
        for p in network.populations
    ]
    return replace(
        network,
        populations=tuple(select(p, kept[p.name]) for p in biased),
        projections=tuple(_between(q, kept[q.source], kept[q.target]) for q in network.projections),
    )


def spike_bounds(network: Network) -> Bounds:
    """What every source sends at least and at most, for any input."""
    bounds = {INPUT: np.outer((0.0, network.input.maximum), np.ones(network.input.size))}
    for p in network.populations:
        bounds[p.name] = np.outer((0.0, p.neuron.largest_sent), np.ones(p.size))
    changed = True
    while changed:
        changed = False
        for p in network.populations:
            always, ever = _firing(p.neuron, *_currents(network, p, bounds))
            sent = np.maximum(bounds[p.name], [always, np.zeros(p.size)])
            most = p.neuron.largest_sent * ever
            sent = np.minimum(sent, [np.ones(p.size), most])
            changed |= bool((sent != bounds[p.name]).any())
            bounds[p.name] = sent
    return bounds


def _currents(
    network: Network, population: Population, bounds: Bounds
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest current with bias [neuron], rounding included."""
    low, high = population.bias, population.bias
    magnitude = np.zeros(population.size)
    for q in network.incoming(population.name):
        sent = bounds[q.source]
        if q.name in network.delayed():
            sent = sent * [[0.0], [1.0]]
        rising, falling = sent, np.zeros_like(sent)
        if isinstance(q.map, WEIGHTED):
            rising = replace(q.map, weight=np.maximum(q.map.weight, 0)).apply(sent)
            falling = replace(q.map, weight=np.minimum(q.map.weight, 0)).apply(sent)
        low = low + rising[0] + falling[1]
        high = high + rising[1] + falling[0]
        magnitude += rising[1] - falling[1]
    slack = ROUNDING_ERROR * (np.abs(population.bias) + magnitude) * (magnitude > 0)
    return low - slack, high + slack


def _firing(
    neuron: FloatNeuron, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Whether a neuron fires with every current, and whether it may fire with any, [neuron].

    Args:
        neuron: the model.
        low: lowest current with bias, [neuron].
        high: highest current with bias, [neuron].
    """
    if type(neuron) not in _MEMBRANES:
        return np.zeros(low.shape, dtype=bool), np.ones(high.shape, dtype=bool)
    lowest, highest = _MEMBRANES[type(neuron)](neuron, low, high)
    return _reaches(neuron, lowest), _reaches(neuron, highest)


def _reaches(neuron: Any, membrane: np.ndarray) -> np.ndarray:
    """Whether a membrane, or a bound of it, fires."""
    reaches: np.ndarray = (
        membrane >= neuron.threshold if neuron.inclusive else membrane > neuron.threshold
    )
    return reaches


def _threshold(
    neuron: Threshold, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    del neuron
    return low, high


def _tropical(
    neuron: TropicalLIF, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    lowest = np.maximum(low, np.minimum(neuron.initial, neuron.reset) - neuron.decay)
    highest = np.maximum(high, neuron.initial - neuron.decay)
    return lowest, np.where(neuron.decay >= 0, highest, np.inf)


def _leaky(neuron: LIF, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    tau = np.clip(neuron.tau, 0.0, LONGEST_MEMORY)
    highest = np.maximum(high, 0.0) / (1 - tau) * (1 + ROUNDING_ERROR)
    known = (neuron.tau >= 0) & ((neuron.tau <= LONGEST_MEMORY) | (high <= 0))
    most = np.where(known, highest, np.inf)
    after = {
        "value": neuron.reset,
        "subtract": neuron.threshold - neuron.reset,
        "none": neuron.threshold,
    }
    if neuron.reset_mode not in after:
        return np.full(low.shape, -np.inf), most
    lowest = neuron.tau * np.minimum(after[neuron.reset_mode], 0.0) + low
    return np.where(neuron.tau >= 0, lowest, -np.inf), most


_MEMBRANES: dict[type[FloatNeuron], Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    Threshold: _threshold,
    TropicalLIF: _tropical,
    LIF: _leaky,
}
"""Lowest and highest membrane [neuron], as the table above; infinite where nothing is known."""


def _removable(network: Network, population: Population, constant: np.ndarray) -> np.ndarray:
    """Which of the constant neurons can go, bool [neuron]."""
    nothing = np.zeros(population.size, dtype=bool)
    maps = [q.map for q in network.projections if population.name in (q.source, q.target)]
    units = {population.size}
    for q in network.projections:
        if isinstance(q.map, Conv2d):
            units |= {q.map.output_shape[0]} if q.target == population.name else set()
            units |= {q.map.input_shape[0]} if q.source == population.name else set()
    grouped = any(isinstance(m, Conv2d) and m.groups > 1 for m in maps)
    if (
        population is network.populations[-1]
        or grouped
        or any(isinstance(m, Identity) for m in maps)
        or len(units - {population.size}) > 1
    ):
        return nothing
    whole: np.ndarray = np.logical_and.reduce(constant.reshape(min(units), -1), axis=1)
    if whole.all():
        whole[0] = False
    return np.repeat(whole, population.size // len(whole))


def _between(projection: Projection, sources: np.ndarray, targets: np.ndarray) -> Projection:
    """The projection between the neurons that are kept."""
    linear = projection.map
    if sources.all() and targets.all():
        return projection
    if isinstance(linear, Dense):
        return replace(projection, map=Dense(linear.weight[np.ix_(targets, sources)]))
    assert isinstance(linear, Conv2d)
    rows = targets.reshape(linear.output_shape[0], -1)[:, 0]
    columns = sources.reshape(linear.input_shape[0], -1)[:, 0]
    shape = (int(columns.sum()), *linear.input_shape[1:])
    made = replace(linear, weight=linear.weight[np.ix_(rows, columns)], input_shape=shape)
    return replace(projection, map=made)
