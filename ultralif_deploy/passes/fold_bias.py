"""Fold a constant bias into the threshold.

Proof: b + I ≥ θ exactly when I ≥ θ − b. For a max-plus LIF shift the whole membrane by b:
with u = v − b, max(v − d, I + b) − b = max(u − d, I), so the neuron with threshold θ − b, reset
r − b, initial value v0 − b and no bias fires alike. Leaky membranes decay towards 0 and may not be
shifted; they keep their bias.
"""

from dataclasses import replace

import numpy as np

from ultralif_deploy.network.network import Network, Population, per_neuron
from ultralif_deploy.network.neurons import FloatNeuron, MultiThreshold, Threshold, TropicalLIF
from ultralif_deploy.program.graph import frozen

POTENTIALS: dict[type[FloatNeuron], tuple[str, ...]] = {
    Threshold: ("threshold",),
    TropicalLIF: ("threshold", "reset", "initial"),
    MultiThreshold: ("thresholds",),
}
"""By model that the proof is about: its membrane potentials, which the bias shifts."""


def fold_bias(network: Network) -> Network:
    """Leave threshold units and max-plus LIFs without a bias."""
    return replace(network, populations=tuple(map(_folded, network.populations)))


def _folded(population: Population) -> Population:
    neuron, bias, size = population.neuron, population.bias, population.size
    shifted = {}
    for name in POTENTIALS.get(type(neuron), ()):
        values = getattr(neuron, name) - bias
        shifted[name] = frozen(values, np.float64, values.shape, f"{population.name}: {name}")
    if not shifted:
        return population
    made = replace(neuron, **shifted)  # type: ignore[type-var]
    return replace(population, neuron=made, bias=per_neuron(0.0, size, population.name))
