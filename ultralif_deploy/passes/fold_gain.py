"""Fold the gain of a neuron's current into weights and bias, so that only decays multiply.

Proof: g·(Σ W x + b) = Σ (g·W) x + g·b, with g per target neuron: 1 − α for SiLIF and the leaky
read-out, b for C-SiLIF. The gain becomes a diagonal map behind each map; `fold_linear` multiplies.
"""

from dataclasses import replace

import numpy as np

from ultralif_deploy.network.composition import Composed, Diagonal
from ultralif_deploy.network.network import Network, Population, per_neuron
from ultralif_deploy.program.graph import Projection


def fold_gain(network: Network) -> Network:
    """Return a network whose neurons read their current as it is (gain 1)."""
    gains = {
        p.name: gain
        for p in network.populations
        if (gain := p.neuron.current_gain) is not None and np.any(gain != 1)
    }

    def scaled(projection: Projection) -> Projection:
        if projection.target not in gains:
            return projection
        gain = Diagonal(gains[projection.target])
        return replace(projection, map=Composed((projection.map, gain)))

    return replace(
        network,
        populations=tuple(
            _folded(p, gains[p.name]) if p.name in gains else p for p in network.populations
        ),
        projections=tuple(map(scaled, network.projections)),
    )


def _folded(population: Population, gain: np.ndarray) -> Population:
    size, name = population.size, population.name
    neuron = replace(population.neuron, gain=per_neuron(1.0, size, name))  # type: ignore[type-var]
    return replace(population, neuron=neuron, bias=per_neuron(gain * population.bias, size, name))
