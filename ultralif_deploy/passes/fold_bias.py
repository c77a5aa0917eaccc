"""Fold a constant bias into the threshold.

Proof: b + I ≥ θ exactly when I ≥ θ − b. For a max-plus LIF shift the whole membrane by b:
with u = v − b, max(v − d, I + b) − b = max(u − d, I), so the neuron with threshold θ − b, reset
r − b, initial value v0 − b and no bias fires alike. Leaky membranes decay towards 0 and may not be
shifted; they keep their bias.
"""

from dataclasses import replace

import numpy as np

from ultralif_deploy.network.network import Network, Population, Threshold, TropicalLIF, per_neuron


def fold_bias(network: Network) -> Network:
    """Leave threshold units and max-plus LIFs without a bias."""
    return replace(network, populations=tuple(map(_folded, network.populations)))


def _folded(population: Population) -> Population:
    neuron, bias, size = population.neuron, population.bias, population.size

    def shifted(value: np.ndarray, what: str) -> np.ndarray:
        return per_neuron(value - bias, size, f"{population.name}: {what}")

    if not isinstance(neuron, (Threshold, TropicalLIF)):
        return population
    folded = replace(neuron, threshold=shifted(neuron.threshold, "threshold"))
    if isinstance(folded, TropicalLIF):
        folded = replace(
            folded,
            reset=shifted(folded.reset, "reset"),
            initial=shifted(folded.initial, "initial"),
        )
    return replace(population, neuron=folded, bias=per_neuron(0.0, size, population.name))
